/** `crusader production`: the validator's public repository, fetched when asked, compared with the rules in force. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CrusaderError } from "../../common/errors.ts";
import type { ProductionStatus, Revision, RuleChange, RulesComparison, RulesSide } from "../../common/production.ts";
import { rulesSideSchema } from "../../common/production.ts";
import { HparamsService } from "../services/hparams/index.ts";
import { ProductionService } from "../services/production/index.ts";
import { Rules } from "../services/rules/index.ts";
import { RunStore } from "../services/runs/index.ts";
import { ScanService } from "../services/scan/index.ts";
import { dataFolder } from "../services/settings/index.ts";
import { WorkspaceService } from "../services/workspace/index.ts";
import { type CommandIo, EXIT } from "./io.ts";
import { ProgressLine } from "./progress.ts";
import { withCancelOnInterrupt } from "./setup.ts";
import { safeJson, safeLine } from "./terminal.ts";

const HELP = `The validator's public repository: fetched when you ask for it, read as data, never run.

Usage: crusader production ACTION [options]

  fetch    fetch the newest commit; the first one is pinned
             --url URL        another repository (https:// or ssh://), from now on
             --reference NAME a branch, tag or commit of it
             --folder PATH    a local folder instead
  status   what is pinned, what is newest, and which rules are in force
  changes  what changed, and what that would do to your runs and files
             --from, --to SIDE  builtin, in_force, pinned or newest (default in_force and newest)
  apply    put the newest one's scan policy and profile in force, and pin it
             --only PART      policy or profile
  pin      pin the newest one
  revert   back to the built-in rules
  remove   forget what was fetched; rules in force stay

  --json   print the answer as JSON
  --help   this text

Exit codes: 0 done, 2 wrong use or nothing fetched yet, 3 the environment (no git, no network).
`;

const RESOURCES = fileURLToPath(new URL("../../..", import.meta.url));
const POLICY_FILE = join(RESOURCES, "hparams", "scan-policy.json");

export async function productionCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { action, options } = parse(args);
  if (options.help) {
    io.stdout.write(HELP);
    return EXIT.passed;
  }
  const { service, close } = createService();
  try {
    const done = await withCancelOnInterrupt((signal) => perform(service, action, options, io, signal));
    if (done === null) {
      io.stderr.write("Cancelled. What was fetched before is kept.\n");
      return EXIT.environment;
    }
    io.stdout.write(options.json ? `${safeJson(done.answer)}\n` : done.text);
    return EXIT.passed;
  } finally {
    await close();
  }
}

type Options = ReturnType<typeof parse>["options"];

async function perform(
  service: ProductionService,
  action: string,
  options: Options,
  io: CommandIo,
  signal: AbortSignal,
): Promise<{ answer: unknown; text: string }> {
  const shown = (status: ProductionStatus) => ({ answer: status, text: describeStatus(status) });
  switch (action) {
    case "fetch": {
      choose(service, options);
      const progress = new ProgressLine(io.stderr);
      try {
        const onProgress = ({ detail, fraction }: { detail: string; fraction: number | null }) =>
          progress.update({
            title: "Fetching the production source",
            detail: safeLine(detail),
            ...(fraction === null ? {} : { done: Math.round(fraction * 100), total: 100, unit: "%" }),
          });
        return shown(await service.fetch({ signal, onProgress }));
      } finally {
        progress.stop();
      }
    }
    case "status":
      return shown(service.status());
    case "changes": {
      const changes = await service.changes(sideOf(options.from), sideOf(options.to), signal);
      return { answer: changes, text: describeChanges(changes) };
    }
    case "apply":
      return shown(await service.apply(newest(service).id, partsOf(options.only)));
    case "pin":
      return shown(service.pin(newest(service).id));
    case "revert":
      return shown(service.revert());
    case "remove":
      return shown(service.remove());
    default:
      throw new CrusaderError("usage", `There is no action "${action}".`, "`crusader production --help` lists them.");
  }
}

function createService() {
  const folder = dataFolder(process.env, process.platform);
  const runs = new RunStore({ dataFolder: folder });
  const packageFolder = join(RESOURCES, "simulator-image", "crusades_eval");
  const scanner = new ScanService({ packageFolder, policyJson: readFileSync(POLICY_FILE, "utf8") });
  const workspace = new WorkspaceService({ dataFolder: folder, templatesFolder: join(RESOURCES, "templates") });
  const service = new ProductionService({
    dataFolder: folder,
    packageFolder,
    rules: new Rules({ dataFolder: folder, builtInPolicyFile: POLICY_FILE }),
    hparams: new HparamsService({
      profilesFolder: join(RESOURCES, "hparams"),
      userProfilesFolder: join(folder, "hparams"),
    }),
    runs,
    ownFiles: (limit) => workspace.ownFiles(limit),
    scan: (source, policy) => scanner.scan(source, undefined, JSON.stringify(policy)),
    env: process.env,
    lookEveryMs: 1000,
  });
  const close = async () => {
    runs.close();
    await scanner.close();
  };
  return { service, close };
}

function choose(service: ProductionService, { url, reference, folder }: Options): void {
  if (folder !== undefined) {
    if (url !== undefined || reference !== undefined)
      throw new CrusaderError("usage", "Give a repository or a folder, not both.");
    service.chooseSource({ kind: "folder", path: resolve(folder) });
    return;
  }
  const { source } = service.status();
  if (url !== undefined) service.chooseSource({ kind: "git", url, reference: reference ?? null });
  else if (reference !== undefined) {
    if (source.kind !== "git") throw new CrusaderError("usage", "A folder has no branches.", "Give --url, too.");
    service.chooseSource({ ...source, reference });
  }
}

function newest(service: ProductionService): Revision {
  const { newest: found } = service.status();
  if (found !== null) return found;
  throw new CrusaderError("not_found", "Nothing was fetched yet.", "`crusader production fetch` does.");
}

function sideOf(side: string): RulesSide {
  const found = rulesSideSchema.safeParse(side);
  if (found.success) return found.data;
  throw new CrusaderError("usage", `"${side}" is no side.`, `There are: ${rulesSideSchema.options.join(", ")}.`);
}

function partsOf(only: string | undefined) {
  if (only === undefined) return ["policy", "profile"] as const;
  if (only === "policy" || only === "profile") return [only] as const;
  throw new CrusaderError("usage", `--only takes policy or profile, not "${only}".`);
}

function describeStatus({ source, pinned, newest: latest, inForce }: ProductionStatus): string {
  const where = source.kind === "git" ? `${source.url} ${source.reference ?? "(default branch)"}` : source.location;
  const described = (revision: Revision | null) =>
    revision === null
      ? "none"
      : `${revision.label}, ${revision.committedAt === null ? "read" : "committed"} ${(revision.committedAt ?? revision.fetchedAt).slice(0, 10)}, ${revision.files} files`;
  const leftOut = (latest?.leftOut ?? []).map((line) => `           left out: ${line}`);
  const rows = [
    `Source    ${where}`,
    `Pinned    ${described(pinned)}`,
    `Newest    ${described(latest)}`,
    ...leftOut,
    `In force  ${inForce.appliedFrom === null ? "built-in" : `source ${inForce.appliedFrom.label}`}, profile ${inForce.productionProfile}`,
  ];
  return `${rows.map(safeLine).join("\n")}\n`;
}

function describeChanges({ from, to, changes, notFound, notes }: RulesComparison): string {
  const lines = [`${from.label} -> ${to.label}: ${changes.length === 0 ? "nothing changed" : ""}`.trimEnd()];
  for (const change of changes) {
    const place = change.place === null ? "" : `  (${change.place.file}:${change.place.line})`;
    lines.push(`  ${change.title}: ${values(change)}${place}`);
    for (const { text } of change.consequences) lines.push(`      ${text}`);
  }
  if (notFound.length > 0) lines.push("Not found:", ...notFound.map((line) => `  ${line}`));
  lines.push(...notes);
  return `${lines.map(safeLine).join("\n")}\n`;
}

const MAX_NAMED = 12;

function values({ before, after, added, removed }: RuleChange): string {
  const named = (sign: string, names: string[]) => [
    ...names.slice(0, MAX_NAMED).map((name) => `${sign}${name}`),
    ...(names.length > MAX_NAMED ? [`and ${names.length - MAX_NAMED} more`] : []),
  ];
  const sets = [...named("+", added), ...named("-", removed)].join(" ");
  const single = before === null && after === null ? "" : `${show(before)} -> ${show(after)}`;
  return [single, sets].filter((part) => part !== "").join("  ");
}

function show(value: unknown): string {
  return value === null ? "none" : typeof value === "string" ? value : JSON.stringify(value);
}

function parse(args: readonly string[]) {
  try {
    const { values: options, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        url: { type: "string" },
        reference: { type: "string" },
        folder: { type: "string" },
        from: { type: "string", default: "in_force" },
        to: { type: "string", default: "newest" },
        only: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const [action, ...more] = positionals;
    if (!options.help && (action === undefined || more.length > 0)) throw new Error("Name one action.");
    return { action: action ?? "", options };
  } catch (error) {
    throw new CrusaderError("usage", (error as Error).message, "`crusader production --help` lists the actions.");
  }
}
