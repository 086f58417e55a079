/** `crusader scan`: what the validator's static scan would say, for any number of files. */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CrusaderError } from "../../common/errors.ts";
import type { Analysis, Finding } from "../../common/scan.ts";
import { Rules } from "../services/rules/index.ts";
import { ScanService } from "../services/scan/index.ts";
import { dataFolder } from "../services/settings/index.ts";
import { type CommandIo, EXIT } from "./io.ts";
import { readSource } from "./source-file.ts";
import { type Paint, paintFor, plain, safeLine } from "./terminal.ts";

const HELP = `Says what the validator's static scan would say about a train.py. The code is not run.

Usage: crusader scan [options] FILES...

  --num-gpus N  size of a strategy declared as "ddp", "fsdp" or "tp" (default 1)
  --json        print an array of {file, verdict, findings, strategy, lints, fixes}
  --help        this text

Findings come in the validator's order: it stops at the first; the next would stop it once that one is repaired.
Advice is about what the scan does not reject (docs/lints.md). It never fails a file.
Exit codes: 0 all files pass, 1 a file is rejected, 2 wrong use or a file that cannot be read, 3 the environment.
`;

const PACKAGE_FOLDER = fileURLToPath(new URL("../../../simulator-image/crusades_eval", import.meta.url));
const BUILT_IN_POLICY_FILE = fileURLToPath(new URL("../../../hparams/scan-policy.json", import.meta.url));

export async function scanCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { files, json, help, numGpus } = parse(args);
  if (help) {
    io.stdout.write(HELP);
    return EXIT.passed;
  }
  const rules = new Rules({
    dataFolder: dataFolder(process.env, process.platform),
    builtInPolicyFile: BUILT_IN_POLICY_FILE,
  });
  const service = new ScanService({
    packageFolder: PACKAGE_FOLDER,
    policyJson: JSON.stringify(rules.policy().policy),
  });
  const paint = io.stdout === process.stdout ? paintFor(process.stdout) : plain;
  const results: ({ file: string } & Omit<Analysis, "cudaNeeds">)[] = [];
  let allRead = true;
  try {
    for (const file of files) {
      const source = await readSource(file);
      if (source instanceof CrusaderError) {
        allRead = false;
        io.stderr.write(`error: ${safeLine(source.message)}\n`);
        continue;
      }
      const report = await service.scan(source, numGpus);
      const { cudaNeeds: _cudaNeeds, ...shown } = report;
      results.push({ file, ...shown });
      if (!json) io.stdout.write(describe(file, report, paint));
    }
  } finally {
    await service.close();
  }
  if (json) io.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
  if (!allRead) return EXIT.usage;
  return results.every(({ verdict }) => verdict.ok) ? EXIT.passed : EXIT.submissionFailed;
}

interface ScanArguments {
  readonly files: string[];
  readonly json: boolean;
  readonly help: boolean;
  readonly numGpus: number;
}

function parse(args: readonly string[]): ScanArguments {
  const { values, positionals } = parseOptions(args);
  const help = values.help ?? false;
  if (!help && positionals.length === 0) {
    throw new CrusaderError("usage", "Name at least one file to scan.", "`crusader scan --help` shows how.");
  }
  const numGpus = values["num-gpus"] ?? "1";
  if (!/^[1-9][0-9]{0,4}$/.test(numGpus)) {
    throw new CrusaderError("usage", `--num-gpus takes a whole number from 1 to 99999, not "${numGpus}".`);
  }
  return { files: positionals, json: values.json ?? false, help, numGpus: Number(numGpus) };
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { "num-gpus": { type: "string" }, json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new CrusaderError("usage", message, "`crusader scan --help` lists the options.");
  }
}

function describe(file: string, { verdict, findings, strategy, cudaNeeds, lints }: Analysis, paint: Paint): string {
  const name = safeLine(file);
  const topology = strategy === null ? "no topology declared" : `dp ${strategy.dp_size} x tp ${strategy.tp_size}`;
  const lines: string[] = [];
  if (verdict.ok) {
    lines.push(`${name}: ${paint("good", "passes the scan")}, ${topology}`);
  } else {
    const where = verdict.line === null ? "" : ` at line ${verdict.line}`;
    lines.push(`${name}: ${paint("bad", `rejected (${verdict.kind})`)}${where}: ${verdict.rule ?? ""}`);
  }
  lines.push(...withPlaces(findings, (finding, index) => describeFinding(finding, index, paint), "  "));
  if (cudaNeeds.length > 0) {
    lines.push(`  ${paint("caution", "needs CUDA")}, so a rehearsal on a CPU cannot run it:`);
    for (const { line, what } of cudaNeeds) lines.push(`    line ${line} ${safeLine(what)}`);
  }
  if (lints.length > 0) {
    lines.push("  Advice, not rejections:");
    lines.push(...withPlaces(lints, ({ rule, message }) => `${paint("strong", rule)}: ${safeLine(message)}`, "    "));
  }
  return `${lines.join("\n")}\n`;
}

function withPlaces(
  found: readonly Finding[],
  text: (one: Finding, index: number) => string,
  indent: string,
): string[] {
  const places = found.map(({ line, column }) => `${line}:${column}`);
  const width = Math.max(0, ...places.map((place) => place.length));
  return found.map((one, index) => `${indent}${(places[index] ?? "").padStart(width)}  ${text(one, index)}`);
}

function describeFinding({ rule, message }: Finding, index: number, paint: Paint): string {
  const order = index === 0 ? paint("bad", "the validator stops here") : paint("faint", "would be next");
  return `${paint("strong", rule)}: ${safeLine(message)} (${order})`;
}
