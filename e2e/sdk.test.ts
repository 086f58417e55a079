/**
 * The public SDK (PyPI's bittensor), as the other side, on the practice network: it reads what Crusader committed and paid,
 * and Crusader what it did. `sdk/sdk.py` is a program that uses it.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { decodeAddress } from "@polkadot/util-crypto";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import { type Payment, parseCommitment } from "../app/common/commitment.ts";
import type { Preflight } from "../app/common/submission.ts";
import type { KeyReference } from "../app/common/wallets.ts";
import { Chains } from "../app/main/services/chain/index.ts";
import type { PracticeNode } from "../app/main/services/practice/index.ts";
import { RecordedQuicknet, startedNode } from "../app/main/services/practice/node-for-tests.ts";
import { bench, stepOf, take, until } from "../app/main/services/submission/bench.ts";
import type { SubmissionOrder } from "../app/main/services/submission/index.ts";
import { QUICKNET, roundTimeMs } from "../app/main/services/timelock/index.ts";
import { SigningRequests, WalletService } from "../app/main/services/wallets/index.ts";

const PROGRAM = fileURLToPath(new URL("sdk/sdk.py", import.meta.url));
const KNOWN = JSON.parse(readFileSync(new URL("../fixtures/timelock/known-answers.json", import.meta.url), "utf8"));
const NETUID = 3;
const ROUND = 1000;
const URL_OF_CODE = "https://example.org/train.py";
const FEE_RAO = 50_000_000;
const TAO = 1_000_000_000;
const LOOK_MS = 10;

type Addresses = { hotkey: string; coldkey: string };
type Waiting = { encrypted: string; revealRound: number };

/** The Python that has the SDK; without one the test is skipped. */
function pythonWithSdk(context: TestContext): string {
  const python = process.env.CRUSADER_PYTHON_ENV;
  if (!python) return context.skip("needs python: CRUSADER_PYTHON_ENV names no environment");
  const find = "import importlib.util, sys; sys.exit(importlib.util.find_spec('bittensor') is None)";
  if (spawnSync(python, ["-c", find]).status !== 0) {
    return context.skip("needs python: the environment lacks bittensor (simulator-image/requirements-test.txt)");
  }
  return python;
}

/** A folder for wallets, and what Crusader makes of it. */
function walletFolder() {
  const folder = mkdtempSync(join(tmpdir(), "crusader-sdk-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const requests = new SigningRequests();
  return { folder, requests, files: new WalletService({ folders: { practice: folder, bittensor: folder }, requests }) };
}

/** A program that uses the SDK, connected to that node; blocks come while it waits for them. */
function sdkOn(python: string, node: PracticeNode, wallets: string) {
  const folder = mkdtempSync(join(tmpdir(), "crusader-sdk-"));
  // It keeps its own settings in the home folder.
  const env = { PATH: process.env.PATH, HOME: folder, NO_COLOR: "1" };
  const program = spawn(python, ["-B", PROGRAM, node.endpoint, wallets], { env });
  const ended = once(program, "close");
  onTestFinished(async () => {
    program.stdin.end();
    await ended;
    rmSync(folder, { recursive: true });
  });
  let complaints = "";
  program.stderr.on("data", (part) => {
    complaints += part;
  });
  const answers = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
  const ask = async <T>(action: string, asked: object = {}): Promise<T> => {
    program.stdin.write(`${JSON.stringify({ do: action, ...asked })}\n`);
    const mining = setInterval(() => {
      if (node.chain.pending.length > 0) node.mine(3);
    }, LOOK_MS);
    const { value, done } = await answers.next().finally(() => clearInterval(mining));
    if (done === true) throw new Error(`the SDK's program ended: ${complaints}`);
    return JSON.parse(value);
  };
  return { ask };
}

async function lastOf(preflight: AsyncIterable<Preflight>): Promise<Preflight | null> {
  let last = null;
  for await (const now of preflight) last = now;
  return last;
}

test("the SDK reads what Crusader paid and committed: who, how much, sealed until its round, then the text", async (context) => {
  const python = pythonWithSdk(context);
  const of = await bench();
  const { node, service, order, miner } = of;
  const { ask } = sdkOn(python, node, walletFolder().folder);
  const { chain, close } = await of.openChain();
  onTestFinished(close);
  const [hotkey, coldkey] = [miner.hotkey.address, miner.coldkey.address];
  const neuron = async () => {
    const { freeRao } = await chain.balanceOf(coldkey);
    return { uid: miner.uid, isRegistered: true, subnets: [NETUID], owner: coldkey, balance: Number(freeRao) };
  };
  /** Of the fee's payer, and of whom it goes to: as Crusader reads it, and as the SDK does. */
  const stakes = () =>
    Promise.all(
      [coldkey, node.burn.coldkey.address].map(async (owner) => {
        const stake = { hotkey: node.burn.hotkey.address, coldkey: owner };
        return [Number(await chain.stakeOf({ ...stake, netuid: NETUID })), await ask<number>("stake", stake)];
      }),
    );

  expect(await ask("neuron", { hotkey })).toEqual({ ...(await neuron()), balance: 10 * TAO });
  expect(await ask("neuron", { hotkey: coldkey })).toEqual({
    uid: null,
    isRegistered: false,
    subnets: [],
    owner: null,
    balance: null,
  });
  const { id } = await service.begin(order);
  await take(of, id, "stake");
  const [[alpha = 0] = []] = await stakes();
  expect(await stakes()).toEqual([
    [alpha, alpha],
    [0, 0],
  ]);
  const paid = await take(of, id, "transfer");
  expect(await stakes()).toEqual([
    [0, 0],
    [alpha, alpha],
  ]);
  expect(await ask("neuron", { hotkey })).toEqual(await neuron());
  expect(await ask("extrinsic", { block: paid.payment?.block, index: paid.payment?.extrinsicIndex })).toEqual({
    signer: coldkey,
    call: "SubtensorModule.transfer_stake",
    arguments: {
      destination_coldkey: node.burn.coldkey.address,
      hotkey: node.burn.hotkey.address,
      origin_netuid: NETUID,
      destination_netuid: NETUID,
      alpha_amount: alpha,
    },
    isSuccess: true,
  });
  // At least 90 % of what the fee buys.
  expect((alpha * (await ask<number>("price"))) / TAO).toBeGreaterThan(0.9 * FEE_RAO);

  const { commitment, reveal } = await take(of, id, "commit");
  const sealed = await chain.commitmentOf(NETUID, hotkey);
  const { encrypted, revealRound, block } = sealed as Waiting & { block: number };
  expect(revealRound).toBe(reveal?.round);
  expect(await ask("commitment", { hotkey })).toEqual({
    waiting: {
      deposit: 0,
      block,
      info: { fields: [{ TimelockEncrypted: { encrypted, reveal_round: revealRound } }] },
    },
    revealed: null,
    lastRound: expect.toSatisfy((round: number) => round < revealRound),
  });
  expect(await ask("decrypt", { encrypted, round: revealRound })).toBeNull();

  node.mine(25);
  const revealed = await until(service, id, ({ state }) => state === "revealed");
  expect(await ask("decrypt", { encrypted, round: revealRound })).toBe(commitment);
  expect(await ask("commitment", { hotkey })).toEqual({
    waiting: null,
    revealed: [[commitment, revealed.reveal?.revealedBlock]],
    lastRound: expect.toSatisfy((round: number) => round >= revealRound),
  });
  expect(parseCommitment(String(commitment))).toEqual({
    codeHash: paid.sha256.slice(0, 32),
    payment: paid.payment,
    url: order.url,
  });
});

test("Crusader reads what the SDK committed with a wallet of its own, waiting and revealed", async (context) => {
  const python = pythonWithSdk(context);
  const signatures = new Map<number, Uint8Array>(
    KNOWN.signatures.map(({ round, signature }: { round: number; signature: string }) => [
      round,
      Buffer.from(signature, "hex"),
    ]),
  );
  // The SDK's library knows no other beacon: the chain goes by drand's own, when that made the rounds whose pulses we have.
  const { node } = await startedNode({
    beacon: new RecordedQuicknet(signatures),
    faults: { clockOffsetMs: roundTimeMs(ROUND) - 600_000 - Date.now() },
  });
  const chains = new Chains({ resolve: () => ({ endpoint: node.endpoint, beacon: QUICKNET, secondsPerBlock: 12 }) });
  onTestFinished(() => chains.close());
  const chain = await chains.open("practice");
  const { folder, files } = walletFolder();
  const { ask } = sdkOn(python, node, folder);
  const made = await ask<Addresses>("wallet", { name: "sdk" });
  expect(files.list().wallets.find(({ place }) => place === "bittensor")).toEqual({
    place: "bittensor",
    name: "sdk",
    coldkey: { name: "coldkey", address: made.coldkey, hasSecret: true },
    hotkeys: [{ name: "hotkey", address: made.hotkey, hasSecret: true }],
  });
  const uid = await node.admit({
    hotkey: decodeAddress(made.hotkey),
    coldkey: decodeAddress(made.coldkey),
    rao: BigInt(TAO),
  });
  expect([await chain.uidOf(NETUID, made.hotkey), await chain.ownerOf(made.hotkey)]).toEqual([uid, made.coldkey]);
  expect((await chain.drand()).publicKey).toEqual(QUICKNET.publicKey);

  const text = `${"0123456789abcdef".repeat(2)}:4711:1:${URL_OF_CODE}`;
  const ofNow = await ask<Waiting>("commit", { wallet: "sdk", text, blocks: 20, block_seconds: 12 });
  expect(await chain.commitmentOf(NETUID, made.hotkey)).toEqual({ ...ofNow, block: expect.any(Number) });

  const ofThen = await ask<Waiting>("commit_for_round", { wallet: "sdk", text, round: ROUND });
  expect(await chain.commitmentOf(NETUID, made.hotkey)).toEqual({ ...ofThen, block: expect.any(Number) });
  expect([await chain.revealedOf(NETUID, made.hotkey), await chain.pulse(ROUND)]).toEqual([[], null]);
  node.mine(60);
  expect(await chain.commitmentOf(NETUID, made.hotkey)).toBeNull();
  expect(await chain.pulse(ROUND)).toEqual(signatures.get(ROUND));
  const [revealed, ...others] = await chain.revealedOf(NETUID, made.hotkey);
  expect([revealed?.text, others]).toEqual([text, []]);
  expect(parseCommitment(String(revealed?.text))).toEqual({
    codeHash: "0123456789abcdef".repeat(2),
    payment: { block: 4711, extrinsicIndex: 1 },
    url: URL_OF_CODE,
  });
  expect(await ask("commitment", { hotkey: made.hotkey })).toMatchObject({
    waiting: null,
    revealed: [[text, revealed?.block]],
  });
});

test("a fee that the SDK paid is found, looked at, and cited by a submission with the same wallet", async (context) => {
  const python = pythonWithSdk(context);
  const { folder, files, requests } = walletFolder();
  const of = await bench({ needs: { addressOf: (key) => files.addressOf(key), signing: requests } });
  const { node, service } = of;
  const { ask } = sdkOn(python, node, folder);
  const admitted = async (name: string) => {
    const made = await ask<Addresses>("wallet", { name });
    await node.admit({ hotkey: decodeAddress(made.hotkey), coldkey: decodeAddress(made.coldkey), rao: BigInt(TAO) });
    return made;
  };
  const [miner, other] = [await admitted("miner"), await admitted("other")];
  const burnHotkey = node.burn.hotkey.address;
  const pay = (wallet: string, destination: string) =>
    ask<Payment & { alpha: number }>("pay", { wallet, hotkey: burnHotkey, destination, rao: FEE_RAO });
  const key: KeyReference = { place: "bittensor", wallet: "miner", hotkey: "hotkey" };
  const { alpha, ...payment } = await pay("miner", node.burn.coldkey.address);
  const order: SubmissionOrder = { ...of.order, hotkey: { kind: "file", key }, coldkey: null, payment };

  const ofPayment = async (cited: Payment) => {
    const preflight = await lastOf(service.preflight({ ...order, payment: cited }));
    const { state, message } = preflight?.checks.find(({ id }) => id === "payment") ?? {};
    return [preflight?.canSubmit, state, message];
  };
  const shown = ({ block, extrinsicIndex }: Payment) => `The payment in block ${block}, extrinsic ${extrinsicIndex},`;
  expect(await ofPayment(payment)).toEqual([
    true,
    "warn",
    `${shown(payment)} is cited; whether a submission has used it, and whether it is enough, is not known here.`,
  ]);
  const ofOther = await pay("other", node.burn.coldkey.address);
  expect(await ofPayment(ofOther)).toEqual([
    false,
    "block",
    `${shown(ofOther)} came from ${other.coldkey}, and not from the owner of the hotkey.`,
  ]);
  const elsewhere = await pay("miner", other.coldkey);
  expect(await ofPayment(elsewhere)).toEqual([
    false,
    "block",
    `${shown(elsewhere)} went to ${other.coldkey} on subnet ${NETUID}, and the fee goes elsewhere.`,
  ]);
  // The block's own first one.
  const none = { block: payment.block, extrinsicIndex: 0 };
  expect(await ofPayment(none)).toEqual([false, "block", `${shown(none)} is no transfer of stake that went through.`]);

  const { chain, close } = await of.openChain();
  onTestFinished(close);
  const burned = { hotkey: burnHotkey, coldkey: node.burn.coldkey.address, netuid: NETUID };
  expect(await chain.stakeOf(burned)).toBe(BigInt(alpha + ofOther.alpha));

  const { id } = await service.begin(order);
  const { unsigned } = stepOf(await service.prepare(id), "commit");
  if (unsigned === null) throw new Error("the commitment was not prepared");
  const signature = await files.sign(key, unsigned.payload, null);
  const signed = { kind: "signature" as const, signature: `0x${Buffer.from(signature).toString("hex")}` };
  await service.send({ id, step: "commit", signed });
  node.mine(3);
  const committed = await until(service, id, (now) => stepOf(now, "commit").state === "finalized");
  node.mine(25);
  const revealed = await until(service, id, ({ state }) => state === "revealed");
  expect(parseCommitment(String(committed.commitment))?.payment).toEqual(payment);
  expect(await ask("commitment", { hotkey: miner.hotkey })).toMatchObject({
    waiting: null,
    revealed: [[committed.commitment, revealed.reveal?.revealedBlock]],
  });
});
