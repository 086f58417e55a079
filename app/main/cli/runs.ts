/** `crusader runs`: the history. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { closestMatch } from "leven";
import { compareRuns } from "../../common/compare.ts";
import { parseContainerSize } from "../../common/container-size.ts";
import { CrusaderError } from "../../common/errors.ts";
import { formatBytes, formatInteger, formatSeconds, formatShare, originText } from "../../common/format.ts";
import { rankSource } from "../../common/log-lines.ts";
import type { Evaluation, RunRecord, RunResult, RunState, RunSummary } from "../../common/runs.ts";
import { evaluationSchema, RUN_STATES, runStateSchema } from "../../common/runs.ts";
import { gpuNotes } from "../../common/telemetry.ts";
import { RunStore, readSharedRun } from "../services/runs/index.ts";
import { dataFolder } from "../services/settings/index.ts";
import type { CommandIo } from "./io.ts";
import { EXIT } from "./io.ts";
import { logRows } from "./log.ts";
import { counted, describeComparison, describeFailure, describeRepeat, scoreText, toneOf } from "./report.ts";
import { renderTable } from "./table.ts";
import type { Paint } from "./terminal.ts";
import { paintFor, safeJson, safeLine } from "./terminal.ts";

const HELP = `Lists, shows, compares, exports and removes recorded runs.

Usage: crusader runs COMMAND [options]

  list [--state STATE] [--profile NAME] [--evaluation crusader|production] [--submission NAME|PATH]
       [--search TEXT] [--since DATE] [--limit N] [--offset N] [--json]
                       newest first, 50 at a time
  show ID [--json]     stages, checks, failure and notes of one run
  log ID [--rank N]    what was printed, each line behind its rank; with --rank one rank's lines
  compare A B [--json] what changed in code, configuration and environment, and whether B is faster
  export ID [--output FILE]
                       everything of one run as one JSON object
  import FOLDER|FILE [--json]
                       enters a run of another machine: its folder, or the file that export wrote
  delete ID...         removes runs
  prune [--keep N] [--older-than DAYS] [--max-size SIZE] [--yes] [--json]
                       shows what would go, and removes it with --yes; a run goes when any option says so
  reindex [--json]     builds the history anew from the run folders

STATE is one of ${RUN_STATES.join(", ")}. SIZE is a number and b, k, m or g.
Exit codes: 0 done, 2 wrong use or no such run, 3 the environment.
`;

const OPTIONS = {
  help: { type: "boolean" },
  json: { type: "boolean" },
  yes: { type: "boolean" },
  state: { type: "string" },
  profile: { type: "string" },
  evaluation: { type: "string" },
  submission: { type: "string" },
  search: { type: "string" },
  since: { type: "string" },
  limit: { type: "string" },
  offset: { type: "string" },
  output: { type: "string" },
  rank: { type: "string" },
  keep: { type: "string" },
  "older-than": { type: "string" },
  "max-size": { type: "string" },
} as const;
type OptionName = keyof typeof OPTIONS;
type Options = { [Name in OptionName]?: (typeof OPTIONS)[Name]["type"] extends "boolean" ? boolean : string };

type Context = { store: RunStore; options: Options; ids: string[]; io: CommandIo; paint: Paint };
type Subcommand = {
  options: readonly OptionName[];
  ids: { least: number; most: number };
  run: (context: Context) => void;
};

const SUBCOMMANDS: Record<string, Subcommand> = {
  list: {
    options: ["json", "state", "profile", "evaluation", "submission", "search", "since", "limit", "offset"],
    ids: { least: 0, most: 0 },
    run: list,
  },
  show: { options: ["json"], ids: { least: 1, most: 1 }, run: show },
  log: { options: ["rank"], ids: { least: 1, most: 1 }, run: log },
  compare: { options: ["json"], ids: { least: 2, most: 2 }, run: compare },
  export: { options: ["output"], ids: { least: 1, most: 1 }, run: exportRun },
  import: { options: ["json"], ids: { least: 1, most: 1 }, run: importRun },
  delete: { options: ["json"], ids: { least: 1, most: Number.POSITIVE_INFINITY }, run: deleteRuns },
  prune: { options: ["json", "yes", "keep", "older-than", "max-size"], ids: { least: 0, most: 0 }, run: prune },
  reindex: { options: ["json"], ids: { least: 0, most: 0 }, run: reindex },
};

/** Throws CrusaderError: `usage` and `not_found` for wrong use, others for the environment. */
export async function runsCommand(
  args: readonly string[],
  io: CommandIo,
  folder = dataFolder(process.env, process.platform),
): Promise<number> {
  const { values: options, positionals } = parse(args);
  if (options.help === true) {
    io.stdout.write(HELP);
    return EXIT.passed;
  }
  const [name = "", ...ids] = positionals;
  const subcommand = find(name);
  checkUse(name, subcommand, options, ids);
  const store = new RunStore({ dataFolder: folder });
  try {
    subcommand.run({ store, options, ids, io, paint: paintFor(io.stdout) });
    return EXIT.passed;
  } finally {
    store.close();
  }
}

function parse(args: readonly string[]): { values: Options; positionals: string[] } {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new CrusaderError("usage", (error as Error).message, "`crusader runs --help` shows the options.");
  }
}

function find(name: string): Subcommand {
  const subcommand = Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name] : undefined;
  if (subcommand !== undefined) return subcommand;
  const nearest = closestMatch(name, Object.keys(SUBCOMMANDS), { maxDistance: 2 });
  throw new CrusaderError(
    "usage",
    name === "" ? "`crusader runs` needs a command." : `There is no command "runs ${name}".`,
    nearest === undefined ? "`crusader runs --help` lists the commands." : `Did you mean \`crusader runs ${nearest}\`?`,
  );
}

function checkUse(name: string, { options, ids: { least, most } }: Subcommand, given: Options, ids: string[]): void {
  const stranger = Object.keys(given).find((option) => !options.includes(option as OptionName));
  if (stranger !== undefined) {
    throw new CrusaderError(
      "usage",
      `\`crusader runs ${name}\` has no option --${stranger}.`,
      "`crusader runs --help` shows the options.",
    );
  }
  if (ids.length < least || ids.length > most) {
    const wanted =
      most === 0
        ? "takes no run"
        : most > 2
          ? "needs at least one run"
          : name === "import"
            ? "needs the folder of a run, or an exported run"
            : `needs ${least === 1 ? "one run" : "two runs"}`;
    throw new CrusaderError(
      "usage",
      `\`crusader runs ${name}\` ${wanted}.`,
      "Runs are named by their number; `crusader runs list` shows them.",
    );
  }
}

function wholeNumber(options: Options, name: "limit" | "offset" | "keep" | "rank"): number | undefined {
  const text = options[name];
  if (text === undefined) return undefined;
  if (!/^\d{1,12}$/.test(text)) throw new CrusaderError("usage", `--${name} is a whole number, not "${text}".`);
  return Number(text);
}

function printJson(io: CommandIo, value: unknown): void {
  io.stdout.write(`${safeJson(value)}\n`);
}

// list

function list({ store, options, io, paint }: Context): void {
  const { profile, submission, search } = options;
  const filter = {
    state: stateOption(options.state),
    profile,
    evaluation: evaluationOption(options.evaluation),
    submission,
    search,
    since: sinceOption(options.since),
  };
  const found = store.list({ ...filter, limit: wholeNumber(options, "limit"), offset: wholeNumber(options, "offset") });
  if (options.json === true) {
    printJson(io, found);
    return;
  }
  const { runs, total, unreadable } = found;
  const filtered = Object.values(filter).some((value) => value !== undefined);
  if (total === 0)
    io.stdout.write(filtered ? "No run matches.\n" : "No runs yet. `crusader simulate FILE` records one.\n");
  else {
    io.stdout.write(runTable(runs, paint));
    io.stdout.write(`\n${formatInteger(runs.length)} of ${counted(total, "run")}.`);
    io.stdout.write(
      runs.some(({ score }) => score?.kind === "relative_speed")
        ? " x: speed relative to the reference run, not a score.\n"
        : "\n",
    );
  }
  for (const { id, reason, bytes } of unreadable) {
    io.stdout.write(`${paint("caution", "unreadable")} ${id} (${formatBytes(bytes)}): ${safeLine(reason)}\n`);
  }
}

function stateOption(text: string | undefined): RunState | undefined {
  if (text === undefined) return undefined;
  const state = runStateSchema.safeParse(text);
  if (!state.success) throw new CrusaderError("usage", `--state is one of ${RUN_STATES.join(", ")}, not "${text}".`);
  return state.data;
}

function evaluationOption(text: string | undefined): Evaluation | undefined {
  if (text === undefined) return undefined;
  const evaluation = evaluationSchema.safeParse(text);
  if (evaluation.success) return evaluation.data;
  throw new CrusaderError("usage", `--evaluation is one of ${evaluationSchema.options.join(", ")}, not "${text}".`);
}

function sinceOption(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new CrusaderError("usage", `--since is a date such as 2026-11-20, not "${text}".`);
  return new Date(time).toISOString();
}

function runTable(runs: RunSummary[], paint: Paint): string {
  const columns = [
    { title: "run", align: "right" as const },
    { title: "state", tone: (_cell: string, row: number) => toneOf(runs[row]?.state, runs[row]?.comparable ?? false) },
    { title: "score", align: "right" as const },
    { title: "submission", maxWidth: 32 },
    { title: "profile", maxWidth: 48 },
    { title: "ranks", align: "right" as const },
    { title: "reason", maxWidth: 32 },
    { title: "took", align: "right" as const },
    { title: "size", align: "right" as const },
    { title: "created" },
  ];
  const rows = runs.map((run) => [
    run.id,
    run.imported === true ? `${run.state} (imported)` : run.state,
    scoreText(run.score),
    `${run.submission.name} v${run.submission.version}`,
    run.productionRevision === undefined
      ? run.profile.name
      : `${run.profile.name}, judged by production ${run.productionRevision}`,
    String(run.numRanks),
    run.failure === null ? "" : (run.failure.code ?? run.failure.kind),
    run.wallSeconds === null ? "" : formatSeconds(run.wallSeconds),
    formatBytes(run.bytes),
    timeText(run.createdAt),
  ]);
  return renderTable(columns, rows, { paint });
}

/** "2026-11-20 14:03 UTC". */
function timeText(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}

// show

function show({ store, options, ids: [id = ""], io, paint }: Context): void {
  const record = store.show(id);
  if (options.json === true) {
    printJson(io, record);
    return;
  }
  io.stdout.write(heading(record, paint));
  const { result } = record;
  if (result === null) {
    io.stdout.write(
      record.state === "running" ? "\nNo result yet.\n" : "\nNo result: its process ended before the run did.\n",
    );
    return;
  }
  for (const [index, repeat] of result.repeats.entries())
    io.stdout.write(describeRepeat(repeat, index + 1, result.repeatsPlanned, paint));
  if (result.failure !== null) io.stdout.write(`\n${describeFailure(result.failure, paint)}`);
}

function heading({ id, state, bytes, plan, result }: RunRecord, paint: Paint): string {
  const comparable = result !== null && result.notComparable.length === 0;
  const facts: [string, string][] = [
    ["submission", `${plan.submission.name} v${plan.submission.version}, ${plan.submission.path}`],
    ...(plan.submission.origin === undefined
      ? []
      : [["origin", originText(plan.submission.origin)] satisfies [string, string]]),
    ["sha256", plan.submission.sha256],
    ["profile", `${plan.profile.name} (${plan.profile.kind})`],
    ["ran on", `${plan.backend}, ${counted(plan.numRanks, "rank")}, sandbox: ${plan.sandbox}`],
    ["seeds", `${plan.seeds.join(", ")}${plan.seedFixed ? " (fixed)" : ""}`],
    ["created", timeText(plan.createdAt)],
    ["size", formatBytes(bytes)],
  ];
  if (plan.against !== null) facts.push(["against", `run ${plan.against}`]);
  if (result !== null) {
    const passed = result.repeats.filter(({ outcome }) => outcome === "passed").length;
    facts.push([
      "passed",
      `${passed} of ${result.repeatsPlanned}, at least ${formatShare(result.minSuccessRate)} needed`,
    ]);
    if (result.score !== null) facts.push(["score", `${scoreText(result.score)}, ${meaningOf(result.score)}`]);
    if (result.output.droppedBytes > 0)
      facts.push([
        "output",
        `${formatBytes(result.output.keptBytes)} kept, ${formatBytes(result.output.droppedBytes)} dropped`,
      ]);
  }
  const lines = facts.map(([name, value]) => `  ${name.padEnd(10)}  ${safeLine(value)}\n`);
  const caveats = (result?.notComparable ?? []).map(
    (reason) => `  ${paint("caution", "no score")}    ${safeLine(reason)}\n`,
  );
  const gpus = gpuNotes(result?.repeats ?? []).map((note) => `  ${paint("caution", "GPU")}         ${note}\n`);
  return [`run ${id}  ${paint(toneOf(state, comparable), state.toUpperCase())}\n`, ...lines, ...gpus, ...caveats].join(
    "",
  );
}

function meaningOf(score: NonNullable<RunResult["score"]>): string {
  return score.kind === "mfu_percent" ? "the low median MFU" : "the low median speed relative to the reference run";
}

// log

function log({ store, options, ids: [id = ""], io, paint }: Context): void {
  const { numRanks } = store.show(id).plan;
  const rank = wholeNumber(options, "rank");
  if (rank !== undefined && rank >= numRanks) {
    const last = numRanks - 1;
    throw new CrusaderError(
      "usage",
      `Run ${id} has no rank ${rank}.`,
      `Its ranks are ${last === 0 ? "0" : `0 to ${last}`}.`,
    );
  }
  const rows = logRows(store.output(id), rank === undefined ? null : rankSource(rank), paint);
  for (const row of rows) io.stdout.write(`${row}\n`);
  if (rows.length === 0)
    io.stderr.write(rank === undefined ? "Nothing was printed.\n" : `Rank ${rank} printed nothing.\n`);
}

// compare

function compare({ store, options, ids: [idA = "", idB = ""], io, paint }: Context): void {
  const side = (id: string) => ({ ...store.show(id), source: store.source(id).toString("utf8") });
  const comparison = compareRuns(side(idA), side(idB));
  if (options.json === true) {
    printJson(io, comparison);
    return;
  }
  io.stdout.write(describeComparison(comparison, paint));
}

// export, delete, prune, reindex

function exportRun({ store, options, ids: [id = ""], io }: Context): void {
  const content = store.export(id);
  if (options.output === undefined) {
    printJson(io, content);
    return;
  }
  try {
    // Never over a file that is there.
    writeFileSync(options.output, `${JSON.stringify(content, null, 2)}\n`, { flag: "wx" });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST")
      throw new CrusaderError("usage", `${options.output} is there already.`, "Name another file.");
    throw new CrusaderError(
      code === "ENOSPC" ? "disk_full" : "usage",
      `${options.output} cannot be written.`,
      "Name another file.",
      message,
    );
  }
  io.stderr.write(`Run ${id} is in ${safeLine(options.output)}.\n`);
}

function importRun({ store, options, ids: [path = ""], io }: Context): void {
  const { runId, origin } = store.import(readSharedRun(path));
  if (options.json === true) printJson(io, { runId, origin });
  else io.stdout.write(`Run ${runId}: ${originText(origin)}. Its code is another's: it runs in a sandbox only.\n`);
}

function deleteRuns({ store, options, ids, io }: Context): void {
  const { bytes } = store.delete(ids);
  if (options.json === true) printJson(io, { deleted: ids, bytes });
  else io.stdout.write(`Deleted ${counted(new Set(ids).size, "run")}, ${formatBytes(bytes)}.\n`);
}

function prune({ store, options, io, paint }: Context): void {
  const dryRun = options.yes !== true;
  const report = store.prune({
    keep: wholeNumber(options, "keep"),
    olderThanDays: daysOption(options["older-than"]),
    maxBytes: options["max-size"] === undefined ? undefined : parseContainerSize(options["max-size"]),
    dryRun,
  });
  if (options.json === true) {
    printJson(io, { dryRun, ...report });
    return;
  }
  const { runs, bytes, remaining, remainingBytes } = report;
  if (runs.length > 0 && dryRun) io.stdout.write(`${runTable(runs, paint)}\n`);
  const rest = `${counted(remaining, "run")}, ${formatBytes(remainingBytes)}`;
  if (runs.length === 0) io.stdout.write(`Nothing to prune: ${rest}.\n`);
  else if (dryRun)
    io.stdout.write(
      `${counted(runs.length, "run")}, ${formatBytes(bytes)}, would go; ${rest} would stay. Repeat with --yes to remove them.\n`,
    );
  else io.stdout.write(`Removed ${counted(runs.length, "run")}, ${formatBytes(bytes)}; ${rest} stay.\n`);
}

function daysOption(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,6}(\.\d+)?$/.test(text))
    throw new CrusaderError("usage", `--older-than is a number of days, not "${text}".`);
  return Number(text);
}

function reindex({ store, options, io, paint }: Context): void {
  const report = store.reindex();
  if (options.json === true) {
    printJson(io, report);
    return;
  }
  io.stdout.write(`The history holds ${counted(report.indexed, "run")}.\n`);
  for (const { id, reason } of report.unreadable)
    io.stdout.write(`${paint("caution", "unreadable")} ${id}: ${safeLine(reason)}\n`);
}
