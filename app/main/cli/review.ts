/** `crusader review`: what deserves a second look in somebody's train.py, and which known techniques it uses. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CrusaderError } from "../../common/errors.ts";
import type { Evidence, Review, Severity } from "../../common/review.ts";
import { ScanService } from "../services/scan/index.ts";
import { type CommandIo, EXIT } from "./io.ts";
import { counted } from "./report.ts";
import { readSource } from "./source-file.ts";
import { renderTable } from "./table.ts";
import { type Paint, paintFor, plain, safeJson, safeLine, type Tone } from "./terminal.ts";

const HELP = `Points at what deserves a second look in a train.py, and says what it would let one do. The code is not run.

Usage: crusader review [options] FILES...

  --json  print an array of {file, unreviewed, findings, techniques}
  --help  this text

Neither is a verdict: a likely exploit is hard to explain otherwise, what is worth a look has honest uses, too
(docs/review.md). What the validator's scan refuses, \`crusader scan\` says.
Exit codes: 0 nothing to look at, 1 something is, or a file could not be reviewed, 2 wrong use or a file that cannot be
read, 3 the environment.
`;

const PACKAGE_FOLDER = fileURLToPath(new URL("../../../simulator-image/crusades_eval", import.meta.url));
const POLICY_FILE = fileURLToPath(new URL("../../../hparams/scan-policy.json", import.meta.url));
const CODE_WIDTH = 60;

export async function reviewCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals: files } = parse(args);
  if (values.help) {
    io.stdout.write(HELP);
    return EXIT.passed;
  }
  if (files.length === 0) {
    throw new CrusaderError("usage", "Name at least one file to review.", "`crusader review --help` shows how.");
  }
  // Reviewing goes by no rules in force; the scanner beside it wants some.
  const service = new ScanService({ packageFolder: PACKAGE_FOLDER, policyJson: readFileSync(POLICY_FILE, "utf8") });
  const paint = io.stdout === process.stdout ? paintFor(process.stdout) : plain;
  const results: ({ file: string } & Review)[] = [];
  let allRead = true;
  try {
    for (const file of files) {
      const source = await readSource(file);
      if (source instanceof CrusaderError) {
        allRead = false;
        io.stderr.write(`error: ${safeLine(source.message)}\n`);
        continue;
      }
      const review = await service.review(source);
      results.push({ file, ...review });
      if (!values.json) io.stdout.write(describe(file, review, paint));
    }
  } finally {
    await service.close();
  }
  // Code of others may hold marks of direction, which a terminal obeys.
  if (values.json) io.stdout.write(`${safeJson(results)}\n`);
  if (!allRead) return EXIT.usage;
  const clean = results.every(({ unreviewed, findings }) => unreviewed === null && findings.length === 0);
  return clean ? EXIT.passed : EXIT.problemFound;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new CrusaderError("usage", message, "`crusader review --help` lists the options.");
  }
}

const SEVERITY_WORDS: Readonly<Record<Severity, string>> = {
  likely_exploit: "likely exploit",
  worth_a_look: "worth a look",
};
const SEVERITY_TONES: Readonly<Record<string, Tone>> = { "likely exploit": "bad", "worth a look": "caution" };

function describe(file: string, { unreviewed, findings, techniques }: Review, paint: Paint): string {
  const name = safeLine(file);
  if (unreviewed !== null) {
    const where = unreviewed.line === null ? "" : ` at line ${unreviewed.line}`;
    return `${name}: ${paint("caution", "not reviewed")}${where}: ${safeLine(unreviewed.message)}\n`;
  }
  const likely = findings.filter(({ severity }) => severity === "likely_exploit").length;
  const summary =
    findings.length === 0
      ? paint("good", "nothing to look at")
      : `${paint(likely > 0 ? "bad" : "caution", counted(findings.length, "finding"))}, ${counted(likely, "likely exploit")}`;
  const parts = [`${name}: ${summary}\n`];
  if (findings.length > 0) {
    parts.push(
      renderTable(
        [
          { title: "place", align: "right" },
          { title: "severity", tone: (cell) => SEVERITY_TONES[cell] ?? null },
          { title: "finding", tone: () => "strong" },
          { title: "code", maxWidth: CODE_WIDTH },
        ],
        findings.map(({ line, column, severity, id, evidence }) => [
          `${line}:${column}`,
          SEVERITY_WORDS[severity],
          id,
          evidence[0]?.text ?? "",
        ]),
        { paint, indent: "  " },
      ),
      "  What it would let one do:\n",
      // The same sentence once, for all the places it is said of.
      ...new Set(findings.map(({ id, sentence }) => `    ${paint("strong", id)}: ${safeLine(sentence)}\n`)),
    );
  }
  if (techniques.length > 0) {
    parts.push(
      renderTable(
        [{ title: "technique" }, { title: "lines", maxWidth: CODE_WIDTH }],
        techniques.map(({ title, places }) => [title, places.map(({ line }: Evidence) => String(line)).join(", ")]),
        { paint, indent: "  " },
      ),
    );
  }
  return parts.join("");
}
