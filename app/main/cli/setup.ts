/** `crusader setup`: prepares the Python environment that rehearsals run in. */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CrusaderError } from "../../common/errors.ts";
import { type PreparedPython, type PythonPhase, type PythonProgress, PythonService } from "../services/python/index.ts";
import { dataFolder } from "../services/settings/index.ts";
import { type CommandIo, EXIT } from "./io.ts";
import { ProgressLine, type ProgressState } from "./progress.ts";

const HELP = `Prepares the Python environment that rehearsals run in (about 1 GB, once), unless it is there. Removes those that
nobody has used for a week.

Usage: crusader setup [options]

  --force      make it anew
  --with-test  add what Crusader's own tests need
  --json       print {python, versions} as JSON
  --help       this text

CRUSADER_PYTHON      the Python to start from (3.11 to 3.14); otherwise one is looked for
CRUSADER_PYTHON_ENV  an interpreter that has the packages already; used as it is
CRUSADER_HOME        the data folder
`;

export async function setupCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const options = parse(args);
  if (options.help) {
    io.stdout.write(HELP);
    return EXIT.passed;
  }
  const service = new PythonService({
    dataFolder: dataFolder(process.env, process.platform),
    requirementsFolder: REQUIREMENTS_FOLDER,
  });
  const extras = options["with-test"] ? (["test"] as const) : [];
  const prepared = await withCancelOnInterrupt((signal) =>
    preparePython(service, io, { extras, anew: options.force, signal }),
  );
  if (prepared === null) {
    io.stderr.write("Cancelled. What was downloaded is kept; the next `crusader setup` goes on from there.\n");
    return EXIT.environment;
  }
  await service.prune();
  if (options.json) io.stdout.write(`${JSON.stringify(prepared, null, 2)}\n`);
  else io.stdout.write(`Python environment ready: ${describeVersions(prepared.versions)}\n${prepared.python}\n`);
  return EXIT.passed;
}

export const REQUIREMENTS_FOLDER = fileURLToPath(new URL("../../../simulator-image", import.meta.url));

/** `ensure` with its progress shown on stderr; silent when the environment is there already. */
export async function preparePython(
  service: PythonService,
  io: CommandIo,
  options: { extras?: readonly "test"[]; anew?: boolean; signal?: AbortSignal } = {},
): Promise<PreparedPython> {
  const progress = new ProgressLine(io.stderr);
  try {
    return await service.ensure({ ...options, onProgress: (event) => progress.update(describe(event)) });
  } finally {
    progress.stop();
  }
}

const TITLES: Record<PythonPhase, string> = {
  wait: "Waiting",
  find: "Looking for Python",
  create: "Creating the Python environment",
  download: "Downloading Python packages",
  install: "Installing Python packages",
  verify: "Checking the Python environment",
};

function describe(event: PythonProgress): ProgressState {
  const { phase, unit, detail, ...rest } = event;
  // A large file is a step of its own, so that its time left is its own.
  if (phase === "download" && unit === "bytes") return { title: `Downloading ${detail}`, unit, ...rest };
  return { title: TITLES[phase], unit, detail, ...rest };
}

function describeVersions(versions: Record<string, string>): string {
  return Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ");
}

/** Runs `work` with a signal that Ctrl-C (or SIGTERM) aborts; null when it was. */
export async function withCancelOnInterrupt<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  process.on("SIGINT", abort);
  process.on("SIGTERM", abort);
  try {
    return await work(controller.signal);
  } catch (error) {
    if (controller.signal.aborted && error === controller.signal.reason) return null;
    throw error;
  } finally {
    process.off("SIGINT", abort);
    process.off("SIGTERM", abort);
  }
}

function parse(args: readonly string[]) {
  try {
    const options = {
      force: { type: "boolean", default: false },
      "with-test": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    } as const;
    return parseArgs({ args: [...args], options, strict: true }).values;
  } catch (error) {
    throw new CrusaderError("usage", (error as Error).message, "`crusader setup --help` lists the options.");
  }
}
