/** `crusader arena`: everybody's submissions, as validators publish them. */
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import type { Board, ShownSource, ShownSubmission } from "../../common/arena.ts";
import { submissionIdSchema } from "../../common/arena.ts";
import { CrusaderError } from "../../common/errors.ts";
import { formatBytes, formatInteger, formatMfu } from "../../common/format.ts";
import { serverAddressSchema, serverNameSchema } from "../../common/servers.ts";
import { createServices, type Services } from "../router/services.ts";
import { boardRulesOf, type DiffedSide, submissionsAsCsv } from "../services/arena/index.ts";
import { dataFolder } from "../services/settings/index.ts";
import { type CommandIo, EXIT } from "./io.ts";
import { counted } from "./report.ts";
import { readToken } from "./servers.ts";
import { renderTable } from "./table.ts";
import { type Paint, paintFor, safeJson, safeLine, safeText } from "./terminal.ts";

const HELP = `Shows everybody's submissions, as a validator's public API or its own database tells them, and the code that was evaluated.

Usage: crusader arena COMMAND [options]

  add NAME PLACE       name a source: the address of an API, or a validator's crusades.db
  sources              those there are, and when they last answered
  remove NAME          forget it and its API key; what was seen of it stays, unless --forget
  check [NAME]         ask whether it answers; without a name all of them
  leaderboard          who leads by the leader rule, and what it takes to pass
  show ID              a submission: its evaluations, and what is known beside them
  code ID              its code, with what hides in it shown as U+FFFD; --raw prints the bytes as they are
  diff A B             from A to B: ids, "leader", or files of your own
  search WORDS         over all code and what is known beside it
  export               everything that is kept of a source

  --source NAME        which source (default: the first)
  --offline            ask nobody: what is kept is shown
  --profile NAME       leaderboard: whose rules (default: the production profile)
  --block N            leaderboard: the chain's newest block (default: what the source tells)
  --limit N            leaderboard, search: rows (default: 20)
  --format NAME        export: json or csv (default: json)
  --with-code          export: the code too
  --output FILE        code, export: write a new file
  --key-file FILE      add: the file that holds the API key
  --key-stdin          add: read the key from the input, which must not be a terminal
  --replace            add: in the place of the one of that name
  --forget             remove: what was seen of it goes too
  --raw                code: as it is
  --json               print the answer as JSON
  --help               this text

All of this is others' code and words. What is run of it runs in a sandbox only.
Exit codes: 0 done, 1 diff: they differ, 2 wrong use or no such submission, 3 a source does not answer.
`;

const OPTIONS = {
  source: { type: "string" },
  offline: { type: "boolean" },
  profile: { type: "string" },
  block: { type: "string" },
  limit: { type: "string" },
  format: { type: "string" },
  "with-code": { type: "boolean" },
  output: { type: "string" },
  "key-file": { type: "string" },
  "key-stdin": { type: "boolean" },
  replace: { type: "boolean" },
  forget: { type: "boolean" },
  raw: { type: "boolean" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;
type Options = ReturnType<typeof parse>["values"];
type Context = { services: Services; options: Options; words: string[]; io: CommandIo; paint: Paint };

const COMMANDS: Readonly<
  Record<string, { least: number; most: number; run: (context: Context) => number | Promise<number> }>
> = {
  add: { least: 2, most: 2, run: add },
  sources: { least: 0, most: 0, run: sources },
  remove: { least: 1, most: 1, run: remove },
  check: { least: 0, most: 1, run: check },
  leaderboard: { least: 0, most: 0, run: leaderboard },
  show: { least: 1, most: 1, run: show },
  code: { least: 1, most: 1, run: code },
  diff: { least: 2, most: 2, run: diff },
  search: { least: 1, most: 20, run: search },
  export: { least: 0, most: 0, run: exportSource },
};
const MAX_OWN_FILE_BYTES = 8 * 1024 * 1024;

export async function arenaCommand(
  args: readonly string[],
  io: CommandIo,
  { env = process.env }: { env?: NodeJS.ProcessEnv } = {},
): Promise<number> {
  const { values: options, positionals } = parse(args);
  if (options.help === true) {
    io.stdout.write(HELP);
    return EXIT.passed;
  }
  const [name, ...words] = positionals;
  const command = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined || words.length < command.least || words.length > command.most) {
    throw new CrusaderError(
      "usage",
      name === undefined
        ? "Say what to show of the arena."
        : command === undefined
          ? `There is no \`crusader arena ${name}\`.`
          : `\`crusader arena ${name}\` takes other words.`,
      "`crusader arena --help` shows how.",
    );
  }
  const services = createServices({ dataFolder: dataFolder(env, process.platform), env });
  try {
    return await command.run({ services, options, words, io, paint: paintFor(io.stdout) });
  } finally {
    await services.close();
  }
}

// Sources

function add({ services, options, words: [name = "", place = ""], io, paint }: Context): number {
  const named = serverNameSchema.safeParse(name);
  if (!named.success) throw new CrusaderError("usage", named.error.issues[0]?.message ?? "");
  const key = readToken(options["key-file"], options["key-stdin"] ?? false);
  const address = serverAddressSchema.safeParse(place);
  if (/^\w+:\/\//.test(place) && !address.success) {
    throw new CrusaderError("usage", address.error.issues[0]?.message ?? "", "`crusader arena --help` shows how.");
  }
  const source = address.success
    ? { name, place: { kind: "api" as const, address: address.data } }
    : { name, place: { kind: "database" as const, path: place } };
  const shown = services.arena.add(source, key, { replace: options.replace ?? false });
  return showSources(shown, options, io, paint);
}

function sources({ services, options, io, paint }: Context): number {
  return showSources(services.arena.sources(), options, io, paint);
}

function remove({ services, options, words: [name = ""], io, paint }: Context): number {
  return showSources(services.arena.remove(name, options.forget ?? false), options, io, paint);
}

async function check({ services, options, words, io, paint }: Context): Promise<number> {
  const names =
    words.length > 0 ? words : services.arena.sources().flatMap(({ kind, name }) => (kind === "kept" ? [] : name));
  const checks = await Promise.all(
    names.map(async (name) => {
      const { problem, milliseconds } = await services.arena.check(name);
      return { name, problem: problem?.report() ?? null, milliseconds };
    }),
  );
  if (options.json === true) io.stdout.write(`${safeJson(checks)}\n`);
  else if (checks.length === 0) io.stdout.write(NONE);
  else {
    for (const { name, problem, milliseconds } of checks) {
      if (problem === null) io.stdout.write(`${paint("good", "answers")}  ${name}, in ${milliseconds} ms\n`);
      else
        io.stdout.write(
          `${paint("bad", "trouble")}  ${safeLine(problem.message)}\n         ${safeLine(problem.hint)}\n`,
        );
    }
  }
  return checks.every(({ problem }) => problem === null) ? EXIT.passed : EXIT.environment;
}

const NONE = "No sources are named. `crusader arena add NAME ADDRESS` names one.\n";

function showSources(shown: readonly ShownSource[], { json }: Options, io: CommandIo, paint: Paint): number {
  if (json === true) io.stdout.write(`${safeJson(shown)}\n`);
  else if (shown.length === 0) io.stdout.write(NONE);
  else {
    const rows = shown.map(({ name, kind, place, seenAt, submissionCount, codeCount, hasApiKey, isPlain, problem }) => [
      name,
      kind,
      place,
      seenAt === null ? "never" : timeText(seenAt),
      formatInteger(submissionCount),
      formatInteger(codeCount),
      hasApiKey ? "kept" : "none",
      problem?.message ?? (isPlain ? "plain http: can be read and changed on the way" : ""),
    ]);
    const right = "right" as const;
    const columns = [
      { title: "name" },
      { title: "kind" },
      { title: "place", maxWidth: 60 },
      { title: "answered" },
      { title: "submissions", align: right },
      { title: "code", align: right },
      { title: "key" },
      { title: "", maxWidth: 100 },
    ];
    io.stdout.write(renderTable(columns, rows, { paint }));
  }
  return EXIT.passed;
}

/** The source that is meant, read anew unless offline; what stands in the way is said, and what is kept is shown. */
async function sourceFor({ services, options, io }: Context): Promise<string> {
  const known = services.arena.sources();
  const name = options.source ?? known[0]?.name;
  if (name === undefined)
    throw new CrusaderError("not_found", NONE.trim().split(". ")[0] ?? "", "crusader arena add NAME ADDRESS");
  const source = known.find((each) => each.name === name);
  if (options.offline === true || source?.kind === "kept") return name;
  const [refreshed] = (await services.arena.refresh(name)).filter((each) => each.name === name);
  for (const note of refreshed?.notes ?? []) io.stderr.write(`note: ${safeLine(note)}\n`);
  const problem = refreshed?.problem ?? null;
  if (problem === null) return name;
  if (refreshed?.seenAt == null) throw new CrusaderError(problem.code, problem.message, problem.hint, problem.detail);
  io.stderr.write(`note: ${safeLine(problem.message)} Shown is what was seen ${timeText(refreshed.seenAt)}.\n`);
  return name;
}

// Board

async function leaderboard(context: Context): Promise<number> {
  const { services, options, io, paint } = context;
  const source = await sourceFor(context);
  const profile = await services.hparams.load(options.profile ?? (await productionProfile(services)));
  const block = options.block === undefined ? undefined : wholeNumber(options.block, "--block", 0, 1e9);
  const limit = wholeNumber(options.limit ?? "20", "--limit", 1, 1000);
  const board = services.arena.board(source, boardRulesOf(profile.resolved), { block, limit });
  if (options.json === true) io.stdout.write(`${safeJson(board)}\n`);
  else io.stdout.write(boardText(board, paint));
  return EXIT.passed;
}

function boardText(board: Board, paint: Paint): string {
  const { entries, total, unlisted, threshold, own, reward, leader, notes, seenAt } = board;
  if (leader === null) return `${board.source}: nobody has finished.\n`;
  const right = "right" as const;
  const columns = [
    { title: "place", align: right },
    { title: "by score", align: right },
    { title: "MFU", align: right },
    { title: "runs", align: right },
    { title: "uid", align: right },
    { title: "hotkey", maxWidth: 50 },
    { title: "submission", maxWidth: 40 },
    { title: "created" },
    { title: "" },
  ];
  const rows = entries.map((entry) => [
    String(entry.rank),
    String(entry.scoreRank),
    formatMfu(entry.score),
    entry.evaluationCount === null ? "" : String(entry.evaluationCount),
    entry.uid === null ? "" : String(entry.uid),
    entry.hotkey ?? "",
    entry.submissionId,
    entry.createdAt === null ? "" : timeText(entry.createdAt),
    entry.isOwn ? "yours" : "",
  ]);
  const at = threshold.block === null ? "" : ` at block ${formatInteger(threshold.block)}`;
  const lower =
    threshold.blockFrom === "newest_submission" ? " (that of the newest submission; the chain may be further)" : "";
  const lines = [
    `${board.source}, seen ${seenAt === null ? "never" : timeText(seenAt)}: ${formatInteger(entries.length)} of ${formatInteger(total)}${unlisted === 0 ? "" : `; ${formatInteger(unlisted)} that it lists no longer are left out`}.`,
    `To lead now: more than ${formatMfu(threshold.scoreToPass ?? 0)}, the leader and ${percent(threshold.now)}${at}${lower}.`,
    ...own.map(({ score, from, isLeader, passesAtBlock, passesAtTime }) => {
      const whose = from.kind === "run" ? `Your run ${from.runId}` : `Your ${from.submissionId}`;
      const when = passesAtTime === null ? "" : `, about ${timeText(passesAtTime)}`;
      const what = isLeader
        ? "leads"
        : passesAtBlock === null
          ? "does not pass the leader, however long one waits"
          : `passes the leader at block ${formatInteger(passesAtBlock)}${when}, if nothing happens`;
      return `${whose} (${formatMfu(score)}) ${what}.`;
    }),
    ...(reward === null
      ? []
      : [
          `The winner gets ${percent(reward.winnerShare)} of the miners' emission: ${percent(reward.burnRate)} is burned.`,
        ]),
    ...notes,
  ];
  return `${renderTable(columns, rows, { paint })}\n${lines.map((line) => `${safeLine(line)}\n`).join("")}`;
}

// One submission

async function show(context: Context): Promise<number> {
  const { options, io, paint } = context;
  const shown = await submissionFor(context);
  if (options.json === true) {
    const { code: kept, ...rest } = shown;
    const { text: _text, ...facts } = kept ?? { text: "" };
    io.stdout.write(`${safeJson({ ...rest, code: kept === null ? null : facts })}\n`);
  } else io.stdout.write(submissionText(shown, paint));
  return EXIT.passed;
}

/** From what is kept where that is whole, else read from its source. */
async function submissionFor(context: Context): Promise<ShownSubmission> {
  const { services, options, words, io } = context;
  const submissionId = idOf(words[0] ?? "");
  const source = await sourceFor(context);
  const kept = services.arena.sources().find(({ name }) => name === source)?.kind === "kept";
  if (options.offline === true || kept) return services.arena.submission({ source, submissionId });
  try {
    return await services.arena.refreshSubmission({ source, submissionId });
  } catch (error) {
    if (!(error instanceof CrusaderError) || error.code === "not_found") throw error;
    io.stderr.write(`note: ${safeLine(error.message)}\n`);
    return services.arena.submission({ source, submissionId });
  }
}

function submissionText(shown: ShownSubmission, paint: Paint): string {
  const { submission, evaluations, spread, code: kept, codeMatches, codeProblem } = shown;
  const hidden = kept === null || kept.hiddenCount === 0 ? "" : `, ${counted(kept.hiddenCount, "hidden character")}`;
  const matches =
    codeMatches === null
      ? "not compared with what was committed"
      : codeMatches
        ? "what was committed"
        : "NOT what was committed";
  const facts: [string, string][] = [
    ["status", submission.status ?? "not known"],
    ["MFU", submission.score === null ? "none" : formatMfu(submission.score)],
    [
      "miner",
      [
        submission.uid === null ? "" : `uid ${submission.uid}`,
        submission.hotkey ?? "",
        submission.isOwn ? "(yours)" : "",
      ]
        .filter((part) => part !== "")
        .join(" "),
    ],
    [
      "created",
      submission.createdAt === null
        ? "not known"
        : `${timeText(submission.createdAt)}${submission.zoneAssumed ? " (it came without a zone)" : ""}`,
    ],
    ["error", submission.error ?? ""],
    ["URL", shown.codeUrl ?? ""],
    ["payment", shown.paymentVerified === null ? "" : shown.paymentVerified ? "verified" : "not verified"],
    [
      "code",
      kept === null ? codeProblem : `${formatBytes(kept.bytes)}, ${counted(kept.lines, "line")}${hidden}; ${matches}`,
    ],
    ["sha256", kept?.sha256 ?? ""],
    ["same code", shown.sameCode.map(({ source, submissionId }) => `${submissionId} (${source})`).join(", ")],
    ["before it", shown.previousId ?? ""],
    ["your runs", shown.runIds.join(", ")],
    [
      "spread",
      spread === null
        ? ""
        : `${formatMfu(spread.lowest)} to ${formatMfu(spread.highest)} over ${counted(spread.count, "evaluation")}`,
    ],
  ];
  const lines = facts
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `  ${name.padEnd(10)}  ${safeLine(value)}\n`);
  const columns = [
    { title: "evaluation" },
    { title: "MFU", align: "right" as const },
    { title: "tokens/s", align: "right" as const },
    { title: "created" },
    { title: "error", maxWidth: 100 },
  ];
  const rows = evaluations.map((each) => [
    each.evaluationId,
    each.mfu === null ? "" : formatMfu(each.mfu),
    each.tokensPerSecond === null ? "" : formatInteger(Math.round(each.tokensPerSecond)),
    each.createdAt === null ? "" : timeText(each.createdAt),
    each.error ?? "",
  ]);
  const table = rows.length === 0 ? "" : `\n${renderTable(columns, rows, { paint, indent: "  " })}`;
  return `${safeLine(submission.submissionId)} of ${submission.source}\n${lines.join("")}${table}`;
}

async function code(context: Context): Promise<number> {
  const { services, options, io } = context;
  const { submission } = await submissionFor(context);
  const { bytes } = services.arena.code(submission);
  const text = Buffer.from(bytes).toString("utf8");
  if (options.output !== undefined) {
    writeNew(options.output, bytes);
    services.arena.noteCopy(options.output, submission);
    io.stderr.write(`${safeLine(options.output)} is another's code: it runs in a sandbox only.\n`);
  } else
    io.stdout.write(
      options.raw === true
        ? text
        : `${safeText(services.arena.submission(submission).code?.text ?? "").replace(/\n$/, "")}\n`,
    );
  return EXIT.passed;
}

async function diff(context: Context): Promise<number> {
  const { services, options, words, io } = context;
  const source = await sourceFor(context);
  const [a, b] = [sideOf(words[0] ?? "", source), sideOf(words[1] ?? "", source)];
  if (options.offline !== true) {
    for (const side of [a, b]) {
      if (side.kind === "submission")
        await submissionFor({ ...context, words: [side.submissionId], options: { ...options, source } });
    }
  }
  const found = await services.arena.diff(a, b, { offline: options.offline === true });
  if (options.json === true) {
    const { a: sideA, b: sideB, identical, diff: patch } = found;
    const titled = ({ title, sha256 }: typeof sideA) => ({ title, sha256 });
    io.stdout.write(`${safeJson({ a: titled(sideA), b: titled(sideB), identical, diff: patch })}\n`);
  } else if (found.identical) io.stdout.write("They are the same, byte for byte.\n");
  else io.stdout.write(found.diff === null ? "They differ too much to be compared in time.\n" : safeText(found.diff));
  return found.identical ? EXIT.passed : EXIT.problemFound;
}

/** A file where the word leads to one: ids have no dots or slashes. */
function sideOf(word: string, source: string): DiffedSide {
  if (word === "leader") return { kind: "leader", source };
  if (!/[./\\]/.test(word)) return { kind: "submission", source, submissionId: idOf(word) };
  let bytes: Buffer;
  try {
    bytes = readFileSync(word);
  } catch (error) {
    throw new CrusaderError("not_found", `${word} cannot be read.`, "", (error as Error).message);
  }
  if (bytes.length > MAX_OWN_FILE_BYTES) throw new CrusaderError("usage", `${word} is far too large for a train.py.`);
  return { kind: "bytes", title: basename(word), bytes };
}

// Search, export

async function search(context: Context): Promise<number> {
  const { services, options, words, io, paint } = context;
  if (options.offline !== true && services.arena.sources().length > 0) await sourceFor(context);
  const limit = wholeNumber(options.limit ?? "20", "--limit", 1, 200);
  const query = words.join(" ").slice(0, 200);
  const found = services.arena.search({ query, source: options.source, own: false, limit, offset: 0 });
  if (options.json === true) {
    io.stdout.write(`${safeJson(found)}\n`);
    return EXIT.passed;
  }
  const columns = [
    { title: "submission", maxWidth: 40 },
    { title: "source" },
    { title: "MFU", align: "right" as const },
    { title: "status" },
    { title: "line", align: "right" as const },
    { title: "", maxWidth: 100 },
  ];
  const rows = found.results.map(({ submission, line }) => [
    submission.submissionId,
    submission.source,
    submission.score === null ? "" : formatMfu(submission.score),
    submission.status ?? "",
    line === null ? "" : String(line.number),
    line?.text ?? submission.error ?? "",
  ]);
  if (rows.length > 0) io.stdout.write(renderTable(columns, rows, { paint }));
  io.stdout.write(`${formatInteger(rows.length)} of ${counted(found.total, "submission")}.\n`);
  return EXIT.passed;
}

async function exportSource(context: Context): Promise<number> {
  const { services, options, io } = context;
  const { format = "json" } = options;
  if (format !== "json" && format !== "csv") {
    throw new CrusaderError("usage", `There is no export as ${format}.`, "--format takes json or csv.");
  }
  const source = await sourceFor(context);
  const submissions = services.arena.export(source, options["with-code"] === true && format === "json");
  const text = format === "csv" ? submissionsAsCsv(submissions) : `${safeJson({ source, submissions })}\n`;
  if (options.output === undefined) io.stdout.write(text);
  else {
    writeNew(options.output, text);
    io.stderr.write(`${counted(submissions.length, "submission")} in ${safeLine(options.output)}.\n`);
  }
  return EXIT.passed;
}

function writeNew(file: string, content: string | Uint8Array): void {
  try {
    // Never over a file that is there.
    writeFileSync(file, content, { flag: "wx" });
  } catch (error) {
    const { code: reason, message } = error as NodeJS.ErrnoException;
    if (reason === "EEXIST") throw new CrusaderError("usage", `${file} is there already.`, "Name another file.");
    throw new CrusaderError(
      reason === "ENOSPC" ? "disk_full" : "usage",
      `${file} cannot be written.`,
      "Name another file.",
      message,
    );
  }
}

async function productionProfile({ hparams }: Services): Promise<string> {
  const found = (await hparams.list()).find(({ kind, error }) => kind === "production" && error === null);
  if (found !== undefined) return found.name;
  throw new CrusaderError("not_found", "There is no production profile.", "Name one: --profile NAME.");
}

function idOf(word: string): string {
  const id = submissionIdSchema.safeParse(word);
  if (id.success) return id.data;
  throw new CrusaderError("usage", id.error.issues[0]?.message ?? "", "`crusader arena leaderboard` lists some.");
}

function wholeNumber(text: string, option: string, least: number, most: number): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new CrusaderError("usage", `${option} is a whole number from ${least} to ${most}, not "${text}".`);
}

/** "2026-11-20 14:03 UTC". */
function timeText(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}

function percent(share: number): string {
  return `${(100 * share).toLocaleString("en-US", { maximumFractionDigits: 2 })} %`;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS });
  } catch (error) {
    throw new CrusaderError("usage", (error as Error).message, "`crusader arena --help` lists the options.");
  }
}
