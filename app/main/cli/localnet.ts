/** `crusader practice localnet`: the public localnet container, a subtensor chain of one's own. */
import { parseArgs } from "node:util";
import { CrusaderError } from "../../common/errors.ts";
import type { LocalnetStatus } from "../../common/localnet.ts";
import { Localnet } from "../services/practice/index.ts";
import { type CommandIo, EXIT } from "./io.ts";
import { ProgressLine } from "./progress.ts";
import { withCancelOnInterrupt } from "./setup.ts";
import { safeJson, safeLine } from "./terminal.ts";

const HELP = `Runs the public localnet container: a whole subtensor chain on this machine, reached as --network local.

Usage: crusader practice localnet COMMAND [options]

  status          whether its image is there, and whether it runs
  pull            fetch the image; Ctrl-C ends it, and what was fetched is kept
  start           start it on ports 9944 and 9945 of 127.0.0.1; one that runs is left as it is
  stop            end and remove it, with its chain

  --engine NAME   a Docker context of this machine, "default" or "podman" (default: what the docker command uses)
  --json          print the answer as JSON
  --help          this text

Wallets, subnets and registrations of it are btcli's work; \`crusader practice start\` needs neither that nor an engine.
Exit codes: 0 done, 2 wrong use, 3 it could not be done.
`;

/** `args`: those after "localnet". */
export async function localnetCommand(
  args: readonly string[],
  io: CommandIo,
  localnet = new Localnet(),
): Promise<number> {
  const { values, positionals } = parse(args);
  const [command, ...rest] = positionals;
  if (values.help) {
    io.stdout.write(HELP);
    return EXIT.passed;
  }
  const status = await answer(command, rest, values.engine, localnet, io);
  if (status === null) {
    io.stderr.write("Ended. What was fetched is kept; the next pull goes on from there.\n");
    return EXIT.environment;
  }
  io.stdout.write(values.json ? `${safeJson(status)}\n` : describe(status));
  return EXIT.passed;
}

/** Null: Ctrl-C ended it. */
async function answer(
  command: string | undefined,
  rest: readonly string[],
  engine: string | undefined,
  localnet: Localnet,
  io: CommandIo,
): Promise<LocalnetStatus | null> {
  const known = ["status", "pull", "start", "stop"];
  if (rest.length > 0 || command === undefined || !known.includes(command)) {
    throw new CrusaderError(
      "usage",
      command === undefined || rest.length > 0
        ? "Say one thing to do with the localnet container."
        : `There is no \`crusader practice localnet ${command}\`.`,
      `There are: ${known.join(", ")}. \`crusader practice localnet --help\` shows how.`,
    );
  }
  if (command === "status") return localnet.status(engine);
  if (command === "start") return localnet.start(engine);
  if (command === "stop") return localnet.stop(engine);
  const progress = new ProgressLine(io.stderr);
  progress.update({ title: "Fetching the image" });
  return withCancelOnInterrupt((signal) =>
    localnet.pull(engine, (bytes) => progress.update({ title: "Fetching the image", unit: "bytes", ...bytes }), signal),
  ).finally(() => progress.stop());
}

function describe({ engine, endpoint, image, hasImage, state }: LocalnetStatus): string {
  const there = hasImage ? "is there" : "is not there: crusader practice localnet pull fetches it";
  const runs = {
    running: `It runs, and answers at ${endpoint} once it has started: --network local.`,
    ended: "It has ended; start makes it anew.",
    none: "It does not run.",
  }[state];
  return `${image} ${there} (engine ${safeLine(engine)}).\n${runs}\n`;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        engine: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    throw new CrusaderError(
      "usage",
      (error as Error).message,
      "`crusader practice localnet --help` lists the options.",
    );
  }
}
