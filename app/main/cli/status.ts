/** `crusader status`: own submissions, how they stand, and their proofs. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { CrusaderError } from "../../common/errors.ts";
import type { Submission } from "../../common/submission.ts";
import { createServices, type Services } from "../router/services.ts";
import { dataFolder } from "../services/settings/index.ts";
import { type CommandIo, EXIT } from "./io.ts";
import { withCancelOnInterrupt } from "./setup.ts";
import { describeSubmission, renderSubmissions } from "./submission-report.ts";
import { paintFor, safeJson } from "./terminal.ts";

const HELP = `Lists own submissions, the newest first, as they were last seen; names one to see its steps.

Usage: crusader status [ID] [options]

  --refresh      ask the chains first what became of those that are not over, and go on with them
  --export FILE  write the proofs of payment and commitment into a file, for a dispute; "-" prints them
  --format NAME  of the proofs: markdown or json (default: markdown)
  --json         print the answer as JSON
  --help         this text

Exit codes: 0 done, 1 a submission failed or its hosted file has changed, 2 wrong use, 3 it could not be done.
`;

export async function statusCommand(
  args: readonly string[],
  io: CommandIo,
  { env = process.env }: { env?: NodeJS.ProcessEnv } = {},
): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    io.stdout.write(HELP);
    return EXIT.passed;
  }
  const [id, ...more] = positionals;
  const { format, json } = values;
  if (more.length > 0) throw new CrusaderError("usage", "Name one submission, or none for all.", "");
  if (format !== "markdown" && format !== "json") {
    throw new CrusaderError("usage", `There are no proofs as ${format}.`, "--format takes markdown or json.");
  }
  const services = createServices({ dataFolder: dataFolder(env, process.platform), env });
  try {
    if (values.refresh) {
      const ended = await withCancelOnInterrupt(async (signal) => {
        await services.submission.look(signal);
        return true;
      });
      if (ended === null) return EXIT.environment;
    }
    const all = services.submission.list();
    const wanted = id === undefined ? all : all.filter((submission) => submission.id === id);
    if (id !== undefined && wanted.length === 0) {
      throw new CrusaderError("not_found", `There is no submission ${id}.`, "`crusader status` lists them.");
    }
    if (values.export !== undefined) {
      exportProofs(services, { ids: wanted.map((submission) => submission.id), format, file: values.export }, io);
      return EXIT.passed;
    }
    show(wanted, { isOne: id !== undefined, json }, io);
    return wanted.some(isInTrouble) ? EXIT.problemFound : EXIT.passed;
  } finally {
    await services.close();
  }
}

function isInTrouble({ state, urlWatch }: Submission): boolean {
  const waits = state === "committed" || state === "revealed";
  return state === "failed" || (waits && urlWatch.state === "changed");
}

function show(
  submissions: readonly Submission[],
  { isOne, json }: { isOne: boolean; json: boolean },
  io: CommandIo,
): void {
  const paint = paintFor(io.stdout);
  if (json) io.stdout.write(`${safeJson(submissions)}\n`);
  else if (submissions.length === 0)
    io.stdout.write("Nothing was submitted from here. `crusader submit --help` shows how.\n");
  else if (isOne)
    for (const submission of submissions) io.stdout.write(describeSubmission(submission, paint, Date.now()));
  else io.stdout.write(renderSubmissions(submissions, paint));
}

function exportProofs(
  { submission }: Services,
  { ids, format, file }: { ids: string[]; format: "markdown" | "json"; file: string },
  io: CommandIo,
): void {
  const { text } = submission.export({ ids, format });
  if (file === "-") {
    io.stdout.write(text);
    return;
  }
  try {
    // What is committed and not revealed yet is in it.
    writeFileSync(file, text, { mode: 0o600 });
  } catch (error) {
    throw new CrusaderError("access_denied", `${file} cannot be written.`, "", (error as Error).message);
  }
  io.stderr.write(`${file}: ${ids.length} submissions.\n`);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        refresh: { type: "boolean", default: false },
        export: { type: "string" },
        format: { type: "string", default: "markdown" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    throw new CrusaderError("usage", (error as Error).message, "`crusader status --help` lists the options.");
  }
}
