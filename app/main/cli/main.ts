/** The `crusader` command: picks a command, and turns what it throws into words and an exit code. */
import { closestMatch } from "leven";
import packageJson from "../../../package.json" with { type: "json" };
import { CrusaderError, type ErrorReport } from "../../common/errors.ts";
import { type CommandIo, EXIT } from "./io.ts";

export type Command = (args: readonly string[], io: CommandIo) => Promise<number>;

export interface CommandEntry {
  readonly summary: string;
  /** Loaded when it is called, so that `crusader scan` does not pay for the others. */
  readonly load: () => Promise<Command>;
}

const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  scan: {
    summary: "Say what the validator's static scan would say about a train.py",
    load: async () => (await import("./scan.ts")).scanCommand,
  },
  review: {
    summary: "Point at what deserves a second look in somebody's train.py",
    load: async () => (await import("./review.ts")).reviewCommand,
  },
  simulate: {
    summary: "Judge a train.py as the validator would, check by check",
    load: async () => (await import("./simulate.ts")).simulateCommand,
  },
  practice: {
    summary: "Run a chain of Crusader's own, for submissions that cost nothing",
    load: async () => (await import("./practice.ts")).practiceCommand,
  },
  submit: {
    summary: "Submit a proven train.py: look, pay, commit, and follow it until it is revealed",
    load: async () => (await import("./submit.ts")).submitCommand,
  },
  gist: {
    summary: "Publish a file as a secret gist, and print the URL to submit",
    load: async () => (await import("./gist.ts")).gistCommand,
  },
  status: {
    summary: "Show how own submissions stand, and export their proofs of payment",
    load: async () => (await import("./status.ts")).statusCommand,
  },
  runs: {
    summary: "List, show, compare, export and prune recorded runs",
    load: async () => (await import("./runs.ts")).runsCommand,
  },
  doctor: {
    summary: "Say whether a container engine is fit for runs, and what to do where it is not",
    load: async () => (await import("./doctor.ts")).doctorCommand,
  },
  image: {
    summary: "Build, check, list and remove the images that containers run in",
    load: async () => (await import("./image.ts")).imageCommand,
  },
  servers: {
    summary: "Name boxes that run the production image's server, and ask whether they answer",
    load: async () => (await import("./servers.ts")).serversCommand,
  },
  arena: {
    summary: "Show everybody's submissions: who leads, evaluated code, what changed in it",
    load: async () => (await import("./arena.ts")).arenaCommand,
  },
  production: {
    summary: "Fetch the validator's source, and say what its rules changed",
    load: async () => (await import("./production.ts")).productionCommand,
  },
  serve: {
    summary: "Open the window in a browser, here or through an ssh tunnel",
    load: async () => (await import("./serve.ts")).serveCommand,
  },
  setup: {
    summary: "Prepare the Python environment that rehearsals run in",
    load: async () => (await import("./setup.ts")).setupCommand,
  },
};

/** Runs on this process's arguments and streams, and sets its exit code. */
export async function runProcess(): Promise<void> {
  // `crusader ... | head` closes the pipe early: nobody reads on, which is no error. The exit code stays the verdict's, and
  // a run that is going on is recorded.
  process.stderr.on("error", () => {});
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") return;
    process.stderr.write(`error: The answer cannot be written: ${error.message}.\n`);
    process.exit(EXIT.environment);
  });
  process.exitCode = await runCommand(process.argv.slice(2), process);
}

/** Runs one command and returns its exit code (`EXIT`). Never throws: what a command throws is printed. */
export async function runCommand(
  args: readonly string[],
  io: CommandIo,
  commands: Readonly<Record<string, CommandEntry>> = COMMANDS,
): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--version" || name === "-V") {
    io.stdout.write(`crusader ${packageJson.version}\n`);
    return EXIT.passed;
  }
  if (name === undefined) {
    io.stderr.write(generalHelp(commands));
    return EXIT.usage;
  }
  if (name === "--help" || name === "-h" || (name === "help" && rest.length === 0)) {
    io.stdout.write(generalHelp(commands));
    return EXIT.passed;
  }
  try {
    if (name === "help") return await (await find(commands, rest[0] ?? "").load())(["--help"], io);
    return await (await find(commands, name).load())(rest, io);
  } catch (thrown) {
    return report(thrown, args.includes("--json"), io);
  }
}

function find(commands: Readonly<Record<string, CommandEntry>>, name: string): CommandEntry {
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry !== undefined) return entry;
  const nearest = closestMatch(name, Object.keys(commands), { maxDistance: 2 });
  throw new CrusaderError(
    "usage",
    `There is no command "${name}".`,
    nearest === undefined ? "`crusader --help` lists the commands." : `Did you mean \`crusader ${nearest}\`?`,
  );
}

function generalHelp(commands: Readonly<Record<string, CommandEntry>>): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Crusader judges a train.py on this machine as the validator of the MFU Crusades would.

Usage: crusader COMMAND [options]

${lines.join("\n")}

  crusader COMMAND --help   options of one command
  crusader --version        this version

Exit codes: 0 passed, 1 the submission failed, 2 wrong use, 3 the environment.
Runs and settings live in the data folder; CRUSADER_HOME moves it.
`;
}

/** Prints what was thrown; with `--json` also as an object on stdout, so that a script needs one stream only. */
function report(thrown: unknown, json: boolean, io: CommandIo): number {
  const expected = thrown instanceof CrusaderError;
  const error: ErrorReport = expected
    ? thrown.report()
    : {
        code: "internal",
        message: thrown instanceof Error ? thrown.message : String(thrown),
        hint: "This is a bug of Crusader. Please report it with the lines above and `crusader --version`.",
        detail: thrown instanceof Error ? (thrown.stack ?? "") : "",
      };
  if (json) io.stdout.write(`${JSON.stringify({ error }, null, 2)}\n`);
  if (error.detail !== "") io.stderr.write(`${error.detail.trimEnd()}\n`);
  io.stderr.write(`error: ${error.message}\n`);
  if (error.hint !== "") io.stderr.write(`hint: ${error.hint}\n`);
  return USAGE_CODES.has(error.code) ? EXIT.usage : EXIT.environment;
}

const USAGE_CODES: ReadonlySet<string> = new Set(["usage", "not_found", "invalid_profile"]);
