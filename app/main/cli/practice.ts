/** `crusader practice`: a chain of Crusader's own on this machine, for submissions that cost nothing. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { CrusaderError } from "../../common/errors.ts";
import { formatInteger } from "../../common/format.ts";
import { type PracticeStatus, secondsPerBlockSchema } from "../../common/practice.ts";
import { walletNameSchema } from "../../common/wallets.ts";
import { PracticeService } from "../services/practice/index.ts";
import { dataFolder } from "../services/settings/index.ts";
import { type CommandIo, EXIT } from "./io.ts";
import { withCancelOnInterrupt } from "./setup.ts";
import { safeJson, safeLine } from "./terminal.ts";

const HELP = `The practice network: a chain of Crusader's own on this machine, with the real chain's calls and checks, money that is
worth nothing, and a beacon of its own that reveals commitments. \`crusader submit --network practice\` submits there.

Usage: crusader practice COMMAND [options]

  start                    run it until Ctrl-C, or until it is stopped from elsewhere; goes on with the chain there is
  status                   how it stands
  miner [WALLET [HOTKEY]]  make a throwaway wallet: its hotkey registered, its coldkey with 10 TAO of that chain
                           (default: practice miner)
  publish FILE             put a file on its own host; prints the URL to commit
  stop                     stop it, also where a window runs it; the chain stays
  reset --yes              stop it, and forget chain, files and throwaway wallets
  localnet COMMAND         the public localnet container instead: \`crusader practice localnet --help\`

  --block-time SECONDS     start: from 0.25 to 12 (default: as the last time, at first 2)
  --json                   print the answer as JSON
  --help                   this text

Exit codes: 0 done, 2 wrong use, or it does not run where it has to, 3 status: it is stopped; start: another process runs it.
`;

/** Far above what the validator takes; keeps a mistaken file out of memory. */
const MAX_FILE_BYTES = 500_000;

export async function practiceCommand(args: readonly string[], io: CommandIo): Promise<number> {
  if (args[0] === "localnet") return await (await import("./localnet.ts")).localnetCommand(args.slice(1), io);
  const { values, positionals } = parse(args);
  const [command, ...rest] = positionals;
  if (values.help === true) {
    io.stdout.write(HELP);
    return EXIT.passed;
  }
  const service = new PracticeService({ dataFolder: dataFolder(process.env, process.platform) });
  const json = values.json ?? false;
  switch (command) {
    case "start":
      expectArguments(rest, 0, 0, "practice start");
      return await run(service, secondsPerBlock(values["block-time"]), json, io);
    case "status": {
      expectArguments(rest, 0, 0, "practice status");
      const status = await service.status();
      show(status, json, io);
      return status.state === "running" ? EXIT.passed : EXIT.environment;
    }
    case "miner": {
      const [wallet = "practice", hotkey = "miner"] = expectArguments(rest, 0, 2, "practice miner [WALLET [HOTKEY]]");
      const miner = await service.createMiner({ wallet: name(wallet), hotkey: name(hotkey) });
      if (json) io.stdout.write(`${safeJson(miner)}\n`);
      else {
        io.stdout.write(
          `Miner ${safeLine(miner.wallet)}/${safeLine(miner.hotkey)}: uid ${miner.uid}, hotkey ${miner.hotkeyAddress}, coldkey ${miner.coldkeyAddress} with 10 TAO of the practice network\n`,
        );
      }
      return EXIT.passed;
    }
    case "publish": {
      const [file = ""] = expectArguments(rest, 1, 1, "practice publish FILE");
      const published = await service.publish(readFile(file));
      io.stdout.write(json ? `${safeJson(published)}\n` : `${published.url}\n`);
      return EXIT.passed;
    }
    case "stop":
      expectArguments(rest, 0, 0, "practice stop");
      show(await service.stop(), json, io);
      return EXIT.passed;
    case "reset":
      expectArguments(rest, 0, 0, "practice reset --yes");
      if (values.yes !== true) {
        throw new CrusaderError(
          "usage",
          "Chain, files and throwaway wallets of the practice network would be deleted.",
          "Say so with --yes.",
        );
      }
      show(await service.reset(), json, io);
      return EXIT.passed;
    default:
      throw new CrusaderError(
        "usage",
        command === undefined
          ? "Say what to do with the practice network."
          : `There is no \`crusader practice ${safeLine(command)}\`.`,
        "There are: start, status, miner, publish, stop, reset, localnet. `crusader practice --help` shows how.",
      );
  }
}

/** Until a signal, or until another process stops it. */
async function run(service: PracticeService, seconds: number | null, json: boolean, io: CommandIo): Promise<number> {
  try {
    const started = await service.start(seconds);
    show(started, json, io);
    if (!started.isOwn) {
      io.stderr.write("Another process of Crusader runs it already.\n");
      return EXIT.environment;
    }
    io.stderr.write("Ctrl-C stops it; the chain is kept.\n");
    await withCancelOnInterrupt(async (signal) => {
      for await (const { state, problem } of service.watch(signal)) {
        if (state === "stopped") break;
        if (problem === null) continue;
        io.stderr.write(`${problem.message} ${problem.hint}\nThe chain goes on, and is lost when it stops.\n`);
        break;
      }
    });
    io.stderr.write("Stopped.\n");
    return EXIT.passed;
  } finally {
    await service.close();
  }
}

function show(status: PracticeStatus, json: boolean, io: CommandIo): void {
  if (json) {
    io.stdout.write(`${safeJson(status)}\n`);
    return;
  }
  const { state, endpoint, block, finalizedBlock, secondsPerBlock: pace, netuid, hasChain } = status;
  if (state === "stopped") {
    io.stdout.write(`The practice network is stopped${hasChain ? "; its chain is kept" : ""}.\n`);
    return;
  }
  io.stdout.write(
    `The practice network runs at ${endpoint}: block ${formatInteger(block ?? 0)}, final up to ${formatInteger(finalizedBlock ?? 0)}, ${pace} s a block, netuid ${netuid}\n`,
  );
}

function secondsPerBlock(typed: string | undefined): number | null {
  if (typed === undefined) return null;
  const { data } = secondsPerBlockSchema.safeParse(typed.trim() === "" ? Number.NaN : Number(typed));
  if (data !== undefined) return data;
  throw new CrusaderError("usage", `--block-time takes seconds from 0.25 to 12, not "${typed}".`);
}

function name(typed: string): string {
  const { data } = walletNameSchema.safeParse(typed);
  if (data !== undefined) return data;
  throw new CrusaderError("usage", `"${typed}" is no name of a wallet or hotkey.`, "A name is one folder's or file's.");
}

function readFile(path: string): Buffer {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    throw new CrusaderError("not_found", `${path} cannot be read.`, "Name a file.", (error as Error).message);
  }
  if (content.length <= MAX_FILE_BYTES) return content;
  throw new CrusaderError("too_large", `${path} is larger than ${formatInteger(MAX_FILE_BYTES)} bytes.`);
}

function expectArguments(given: readonly string[], least: number, most: number, how: string): string[] {
  if (given.length >= least && given.length <= most) return [...given];
  throw new CrusaderError("usage", `Usage: crusader ${how}`, "`crusader practice --help` shows more.");
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        "block-time": { type: "string" },
        yes: { type: "boolean" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new CrusaderError("usage", (error as Error).message, "`crusader practice --help` lists the options.");
  }
}
