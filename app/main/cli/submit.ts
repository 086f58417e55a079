/** `crusader submit`: from a proven file to a commitment that reveals, on the terminal. */
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { addressSchema, type Network, networkSchema } from "../../common/chain.ts";
import { CrusaderError } from "../../common/errors.ts";
import { readPasted } from "../../common/pasted-signature.ts";
import type { DryRun, Signed, Submission, SubmissionRequest } from "../../common/submission.ts";
import type { Signer, WalletList } from "../../common/wallets.ts";
import { createServices, type Services } from "../router/services.ts";
import { dataFolder } from "../services/settings/index.ts";
import type { SubmissionOrder } from "../services/submission/index.ts";
import { type CommandIo, EXIT } from "./io.ts";
import { type Keyboard, ownKeyboard } from "./keyboard.ts";
import { withCancelOnInterrupt } from "./setup.ts";
import { readSource } from "./source-file.ts";
import { describeDryRun, describePreflight, describeSubmission } from "./submission-report.ts";
import { resumeHint, SubmitSession, WaitsForSignature } from "./submit-session.ts";
import { paintFor, safeJson } from "./terminal.ts";

const HELP = `Submits a train.py: looks at everything, shows each call in words and amounts, signs, sends, and follows it until it is
revealed. Every step is written down before it is taken, so nothing is paid or committed twice.

Usage: crusader submit FILE --url URL [options]
       crusader submit --resume ID [options]

  --url URL                where the file lies; a new one for every submission
  --network NAME           finney, test, local, practice, or a node's ws:// or wss:// endpoint (default: finney);
                           --subtensor.network is the same
  --hparams NAME           the profile with netuid, fee and intervals (default: the production profile)
  --wallet.name NAME       the wallet: its coldkey pays, its hotkey commits (default: default; on practice: practice)
  --wallet.hotkey NAME     the hotkey's name (default: default; on practice: miner)
  --wallet.path DIR        the folder of the wallets (default: ~/.bittensor/wallets)
  --coldkey ADDRESS        who pays, where that key is on another machine: its payloads are printed, its signatures pasted
  --payment BLOCK:INDEX    cite a payment that was made before and stands in no commitment, instead of paying
  --resume ID              go on with a submission; \`crusader status\` lists them
  --coldkey-signature HEX  with --resume: what the other machine printed, a signature or the signed extrinsic
  --print-payload          with a coldkey elsewhere: print the script that signs there, and stop
  --dry-run                look, and show what would be signed; nothing is signed, sent or kept
  --yes                    confirm every step without asking
  --no-wait                end when the commitment is final, before it is revealed
  --json                   print the answer as JSON
  --help                   this text

A key that is encrypted is asked for its password on the terminal, without showing it; there is no option for it.
On the practice network (crusader practice start) nothing costs anything; its wallets are throwaway ones.
Exit codes: 0 done, 1 something blocks it or it was not revealed, 2 wrong use, 3 it could not be finished: --resume goes on.
`;

export type SubmitSurroundings = { env?: NodeJS.ProcessEnv; keyboard?: Keyboard | null };

export async function submitCommand(
  args: readonly string[],
  io: CommandIo,
  { env = process.env, keyboard = ownKeyboard() }: SubmitSurroundings = {},
): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    io.stdout.write(HELP);
    return EXIT.passed;
  }
  const options = optionsOf(values, positionals);
  const services = createServices({
    dataFolder: dataFolder(env, process.platform),
    env,
    ...(values["wallet.path"] === undefined ? {} : { bittensorWallets: values["wallet.path"] }),
  });
  try {
    const code = await withCancelOnInterrupt((signal) => submit(options, services, { io, keyboard, signal }));
    if (code !== null) return code;
    io.stderr.write(
      "\nEnded. What was sent stays sent; `crusader status` shows how it stands, and --resume goes on.\n",
    );
    return EXIT.environment;
  } finally {
    await services.close();
  }
}

type Options = ReturnType<typeof optionsOf>;
type Terminal = { io: CommandIo; keyboard: Keyboard | null; signal: AbortSignal };

async function submit(options: Options, services: Services, terminal: Terminal): Promise<number> {
  const { io, keyboard, signal } = terminal;
  const { json, noWait, printPayload, resume } = options;
  const order = resume === null ? await orderOf(options, services) : null;
  if (order !== null && options.dryRun) {
    const dryRun = await services.submission.dryRun(order, signal);
    showDryRun(dryRun, json, io);
    return dryRun.preflight.canSubmit ? EXIT.passed : EXIT.problemFound;
  }
  const session = new SubmitSession({
    submissions: services.submission,
    wallets: services.wallets,
    io,
    // Asked for the payload alone, nobody is asked for a signature.
    keyboard: printPayload ? null : keyboard,
    yes: options.yes || printPayload,
    signed: options.signed,
    signal,
  });
  services.submission.start();
  let id = resume;
  try {
    if (order !== null) {
      const begun = await session.begin(order);
      if (begun === null) {
        if (json) io.stdout.write(`${safeJson({ submission: null })}\n`);
        return EXIT.problemFound;
      }
      id = begun.id;
    }
    if (id === null) throw new Error("neither a submission to go on with nor one to begin");
    let submission = await session.walk(id);
    if (!noWait) submission = await session.followReveal(id);
    return showEnd(submission, json, io);
  } catch (error) {
    if (error instanceof WaitsForSignature) return showPayload(error, { json, printPayload }, io);
    if (id !== null && error instanceof CrusaderError) io.stderr.write(`${resumeHint(id)}\n`);
    throw error;
  }
}

function showDryRun(dryRun: DryRun, json: boolean, io: CommandIo): void {
  if (json) io.stdout.write(`${safeJson(dryRun)}\n`);
  else io.stdout.write(describePreflight(dryRun.preflight, paintFor(io.stdout)) + describeDryRun(dryRun));
}

function showEnd(submission: Submission, json: boolean, io: CommandIo): number {
  io.stdout.write(
    json ? `${safeJson({ submission })}\n` : describeSubmission(submission, paintFor(io.stdout), Date.now()),
  );
  const { state } = submission;
  return state === "failed" || state === "abandoned" ? EXIT.problemFound : EXIT.passed;
}

function showPayload(
  { submission, script }: WaitsForSignature,
  { json, printPayload }: { json: boolean; printPayload: boolean },
  io: CommandIo,
): number {
  if (json) io.stdout.write(`${safeJson({ submission, script })}\n`);
  else if (printPayload) io.stdout.write(script);
  io.stderr.write(
    `It waits for a signature from another machine. Go on: crusader submit --resume ${submission.id} --coldkey-signature HEX\n`,
  );
  return printPayload ? EXIT.passed : EXIT.environment;
}

async function orderOf(options: Options, services: Services): Promise<SubmissionOrder> {
  const { file, url, network, wallet, hotkey, coldkey, payment } = options;
  const place = network === "practice" ? "practice" : "bittensor";
  const listed = services.wallets.list();
  return {
    read: async () => ({ fileName: basename(file), bytes: await readCode(file) }),
    profile: options.profile ?? (await productionProfile(services)),
    network,
    url,
    hotkey: hotkeySigner(listed, { place, wallet, hotkey }),
    coldkey: payment === null ? coldkeySigner(listed, { place, wallet }, coldkey) : null,
    payment,
  };
}

type Place = WalletList["wallets"][number]["place"];

function hotkeySigner(listed: WalletList, key: { place: Place; wallet: string; hotkey: string }): Signer {
  const { hotkeys } = walletOf(listed, key);
  if (hotkeys.some(({ name, hasSecret }) => name === key.hotkey && hasSecret)) return { kind: "file", key };
  const names = hotkeys.flatMap(({ name, hasSecret }) => (hasSecret ? [name] : []));
  throw new CrusaderError(
    "not_found",
    `The wallet ${key.wallet} has no hotkey ${key.hotkey}.`,
    names.length === 0 ? "btcli wallet new-hotkey makes one." : `There are: ${names.join(", ")}.`,
  );
}

function coldkeySigner(listed: WalletList, key: { place: Place; wallet: string }, address: string | null): Signer {
  if (address !== null) return { kind: "cold", address };
  const { coldkey } = walletOf(listed, key);
  if (coldkey.hasSecret) return { kind: "file", key: { ...key, hotkey: null } };
  // Its owner keeps the secret elsewhere.
  if (coldkey.address !== null) return { kind: "cold", address: coldkey.address };
  throw new CrusaderError(
    "not_found",
    `The coldkey of the wallet ${key.wallet} is not here, and its address is not known.`,
    "Name it: --coldkey ADDRESS.",
  );
}

function walletOf({ wallets, problems }: WalletList, { place, wallet }: { place: Place; wallet: string }) {
  const there = wallets.filter((one) => one.place === place);
  const found = there.find(({ name }) => name === wallet);
  if (found !== undefined) return found;
  const hint =
    there.length > 0
      ? `There are: ${there.map(({ name }) => name).join(", ")}.`
      : place === "practice"
        ? "`crusader practice miner` makes a throwaway one."
        : "btcli wallet create makes one; --wallet.path names another folder.";
  throw new CrusaderError("not_found", `There is no wallet ${wallet}.`, hint, problems.join("\n"));
}

async function productionProfile({ hparams }: Services): Promise<string> {
  const found = (await hparams.list()).find(({ kind, error }) => kind === "production" && error === null);
  if (found !== undefined) return found.name;
  throw new CrusaderError("not_found", "There is no production profile.", "Name one: --hparams NAME.");
}

async function readCode(file: string): Promise<Uint8Array> {
  const source = await readSource(file);
  if (source instanceof CrusaderError) throw source;
  return source;
}

function optionsOf(values: ReturnType<typeof parse>["values"], positionals: readonly string[]) {
  const resume = values.resume ?? null;
  const [file, ...more] = positionals;
  const usage = (message: string, hint = "`crusader submit --help` shows how.") =>
    new CrusaderError("usage", message, hint);
  if (resume === null && (file === undefined || more.length > 0)) throw usage("Name one file to submit.");
  if (resume !== null && (file !== undefined || values.url !== undefined || values["dry-run"])) {
    throw usage("--resume goes on with what was begun: it takes no file, no URL and no --dry-run.");
  }
  if (resume === null && values.url === undefined) throw usage("Name the URL where the file lies: --url URL.");
  if (values["coldkey-signature"] !== undefined && resume === null) {
    throw usage("--coldkey-signature belongs to --resume ID.");
  }
  if (values.network !== undefined && values["subtensor.network"] !== undefined) {
    throw usage("--network and --subtensor.network are the same: give one.");
  }
  const network = networkOf(values.network ?? values["subtensor.network"] ?? "finney");
  // As btcli names them, and as `crusader practice miner` does.
  const [wallet, hotkey] = network === "practice" ? ["practice", "miner"] : ["default", "default"];
  return {
    resume,
    file: file ?? "",
    url: values.url ?? "",
    network,
    profile: values.hparams ?? null,
    wallet: values["wallet.name"] ?? wallet,
    hotkey: values["wallet.hotkey"] ?? hotkey,
    coldkey: values.coldkey === undefined ? null : addressOf(values.coldkey),
    payment: values.payment === undefined ? null : paymentOf(values.payment),
    signed: values["coldkey-signature"] === undefined ? null : signatureOf(values["coldkey-signature"]),
    dryRun: values["dry-run"],
    printPayload: values["print-payload"],
    yes: values.yes,
    noWait: values["no-wait"],
    json: values.json,
  };
}

function networkOf(text: string): Network {
  const network = networkSchema.safeParse(text);
  if (network.success) return network.data;
  throw new CrusaderError(
    "usage",
    `"${text}" is no network.`,
    "There are: finney, test, local, practice, and endpoints that begin with ws:// or wss://.",
  );
}

function addressOf(text: string): string {
  const address = addressSchema.safeParse(text);
  if (address.success) return address.data;
  throw new CrusaderError("usage", `"${text}" is no address.`, "A coldkey's address begins with 5.");
}

function paymentOf(text: string): NonNullable<SubmissionRequest["payment"]> {
  const [, block, index] = /^(\d{1,10}):(\d{1,5})$/.exec(text) ?? [];
  if (block !== undefined && index !== undefined) return { block: Number(block), extrinsicIndex: Number(index) };
  throw new CrusaderError("usage", "--payment takes the block and the index of an extrinsic: BLOCK:INDEX.");
}

function signatureOf(text: string): Signed {
  const pasted = readPasted(text);
  if (pasted !== null && "signed" in pasted) return pasted.signed;
  throw new CrusaderError("usage", pasted?.problem ?? "--coldkey-signature takes a signature in hexadecimal.");
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        url: { type: "string" },
        network: { type: "string" },
        "subtensor.network": { type: "string" },
        hparams: { type: "string" },
        "wallet.name": { type: "string" },
        "wallet.hotkey": { type: "string" },
        "wallet.path": { type: "string" },
        coldkey: { type: "string" },
        payment: { type: "string" },
        resume: { type: "string" },
        "coldkey-signature": { type: "string" },
        "print-payload": { type: "boolean", default: false },
        "dry-run": { type: "boolean", default: false },
        yes: { type: "boolean", default: false },
        "no-wait": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    throw new CrusaderError("usage", (error as Error).message, "`crusader submit --help` lists the options.");
  }
}
