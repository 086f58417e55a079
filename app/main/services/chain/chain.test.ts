import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import type { ChainCall, Network, UnsignedExtrinsic } from "../../../common/chain.ts";
import { type PracticeKey, PracticeNode, type PracticeNodeOptions } from "../practice/index.ts";
import { decryptText, encryptText, isSignatureOf, QUICKNET, revealRound, roundTimeMs } from "../timelock/index.ts";
import { type Chain, Chains, type ChainsOptions, networkPlace, type SendUpdate } from "./index.ts";
import { blake2_256, fromHex, toHex } from "./scale.ts";

const NETUID = 3;
const FINNEY_GENESIS = "2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03";

async function startNode(options: PracticeNodeOptions = {}) {
  const node = await PracticeNode.start({ paced: false, secondsPerBlock: 12, ...options });
  onTestFinished(() => node.stop());
  return node;
}

function chainsAt(endpoint: () => string, options: Partial<ChainsOptions> = {}, beacon = QUICKNET) {
  const chains = new Chains({ resolve: () => ({ endpoint: endpoint(), beacon, secondsPerBlock: 12 }), ...options });
  onTestFinished(() => chains.close());
  return chains;
}

async function bench(options: PracticeNodeOptions = {}, chainsOptions: Partial<ChainsOptions> = {}) {
  const node = await startNode(options);
  const chains = chainsAt(() => node.endpoint, chainsOptions, node.beacon);
  return { node, chains, chain: await chains.open("practice") };
}

function signatureBy(key: PracticeKey, { signedBytes }: Pick<UnsignedExtrinsic, "signedBytes">) {
  const bytes = fromHex(signedBytes);
  return toHex(key.sign(bytes.length > 256 ? blake2_256(bytes) : bytes));
}

async function signedBy(chain: Chain, key: PracticeKey, call: ChainCall, options?: { eraBlocks: number }) {
  const unsigned = await chain.prepare(call, key.address, options);
  const { extrinsic, hash } = await chain.assemble(unsigned, {
    kind: "signature",
    signature: signatureBy(key, unsigned),
  });
  const { firstBlock: fromBlock, lastBlock: toBlock, nonce } = unsigned;
  return { unsigned, extrinsic, hash, wanted: { hash, signer: key.address, nonce, fromBlock, toBlock } };
}

/** A text that is revealed eight rounds from now. */
async function commitment(chain: Chain, text = "a text"): Promise<ChainCall> {
  const { timeMs } = await chain.head();
  const round = revealRound({ chainTimeMs: timeMs, blocksUntilReveal: 2, blockTimeSeconds: 12 }, chain.beacon);
  const encrypted = toHex(encryptText(text, round, { beacon: chain.beacon }));
  return { kind: "set_commitment", netuid: NETUID, encrypted, revealRound: round };
}

/** Sends, and makes a block whenever that brings it on. */
async function sent(node: PracticeNode, chain: Chain, extrinsic: string): Promise<SendUpdate[]> {
  const updates: SendUpdate[] = [];
  for await (const update of chain.send(extrinsic, undefined)) {
    updates.push(update);
    if (update.kind === "ready") node.mine();
    if (update.kind === "included") node.mine(2);
  }
  return updates;
}

/** The first of a stream that passes. */
async function first<T>(items: AsyncIterable<T>, passes: (item: T) => boolean): Promise<T> {
  for await (const item of items) if (passes(item)) return item;
  throw new Error("the stream ended without it");
}

const problem = (code: string, message: string | RegExp) => ({
  code,
  message: typeof message === "string" ? message : expect.stringMatching(message),
});

test("what there is to read of a chain", async () => {
  const { node, chain } = await bench();
  const { hotkey, coldkey, uid } = await node.createMiner({ rao: 10_000_000_000n });
  node.mine(2);
  const head = await chain.head();
  const newest = node.chain.head;
  expect(head).toEqual({
    block: 3,
    blockHash: `0x${newest.hash}`,
    timeMs: newest.timestampMs,
    finalizedBlock: 1,
    finalizedHash: await chain.blockHashOf(1),
    specVersion: 343,
  });
  expect(await chain.runtime()).toEqual({
    chainName: "Crusader practice network",
    specName: "node-subtensor",
    specVersion: 343,
    transactionVersion: 1,
    isKnown: true,
    differences: [],
    refusals: [],
  });
  expect(await chain.health()).toEqual({ peers: 8, isSyncing: false });
  expect(await chain.blockHashOf(4)).toBeNull();
  expect(await chain.blockHashOf(0)).toBe(chain.genesisHash);
  expect([await chain.uidOf(NETUID, hotkey.address), uid]).toEqual([2, 2]);
  expect(await chain.uidOf(NETUID, coldkey.address)).toBeNull();
  expect(await chain.uidOf(NETUID, hotkey.address, (await chain.blockHashOf(0)) ?? "")).toBeNull();
  expect(await chain.hotkeyAt(NETUID, 1)).toBe(node.burn.hotkey.address);
  expect(await chain.hotkeyAt(NETUID, 77)).toBeNull();
  expect(await chain.ownerOf(node.burn.hotkey.address)).toBe(node.burn.coldkey.address);
  expect(await chain.ownerOf(coldkey.address)).toBeNull();
  expect(await chain.balanceOf(coldkey.address)).toEqual({ freeRao: 10_000_000_000n, reservedRao: 0n, frozenRao: 0n });
  expect(await chain.stakeOf({ hotkey: hotkey.address, coldkey: coldkey.address, netuid: NETUID })).toBe(0n);
  expect(await chain.commitmentOf(NETUID, hotkey.address)).toBeNull();
  expect(await chain.lastCommitmentBlock(NETUID, hotkey.address)).toBeNull();
  expect(await chain.revealedOf(NETUID, hotkey.address)).toEqual([]);
  // (block + netuid + 1) / 361 counts the epochs: the first ends before block 357.
  expect(await chain.spaceOf(NETUID, hotkey.address)).toEqual({
    usedBytes: 0,
    maxBytes: 3100,
    tempo: 360,
    epochEndBlock: 356,
  });
  const { lastStoredRound, publicKey } = await chain.drand();
  expect(Buffer.from(publicKey)).toEqual(Buffer.from(node.beacon.publicKey));
  const pulse = await chain.pulse(lastStoredRound);
  expect(isSignatureOf(lastStoredRound, pulse ?? new Uint8Array(), chain.beacon)).toBe(true);
  expect(await chain.pulse(lastStoredRound + 1)).toBeNull();
  expect(await chain.nonceOf(hotkey.address)).toBe(0);
  const misspelt = hotkey.address.replace(/.$/, (last) => (last === "1" ? "2" : "1"));
  await expect(chain.balanceOf(misspelt)).rejects.toMatchObject(problem("usage", /is no address/));
});

test("a commitment is prepared, signed, sent, included, finalized and revealed", async () => {
  const { node, chain } = await bench();
  const { hotkey } = await node.createMiner();
  const call = await commitment(chain);
  const { unsigned, extrinsic, hash, wanted } = await signedBy(chain, hotkey, call);
  if (call.kind !== "set_commitment") throw new Error("another call");
  expect(unsigned).toMatchObject({
    call,
    decoded: {
      name: "Commitments.set_commitment",
      arguments: [
        { name: "netuid", value: "3" },
        { name: "encrypted", value: `${call.encrypted.slice(0, 34)}... (${fromHex(call.encrypted).length} bytes)` },
        { name: "reveal_round", value: String(call.revealRound) },
      ],
    },
    byteCount: fromHex(extrinsic).length,
    nonce: 0,
    firstBlock: 1,
    lastBlock: 63,
    specVersion: 343,
    feeRao: "0",
  });
  expect(unsigned.payload).toEqual({
    address: hotkey.address,
    blockHash: chain.genesisHash,
    blockNumber: "0x00000000",
    era: "0x0500",
    genesisHash: chain.genesisHash,
    method: unsigned.payload.method,
    nonce: "0x00000000",
    signedExtensions: expect.arrayContaining(["CheckMortality", "CheckNonce", "DrandPriority"]),
    specVersion: "0x00000157",
    tip: "0x00",
    transactionVersion: "0x00000001",
    version: 4,
    ...(unsigned.payload.signedExtensions.includes("CheckMetadataHash") ? { mode: 0 } : {}),
  });
  expect(await chain.readExtrinsic(extrinsic)).toEqual({
    hash,
    signer: hotkey.address,
    nonce: 0,
    tipRao: 0n,
    lifetime: { firstBlock: 1, lastBlock: 63 },
    method: unsigned.payload.method,
    decoded: unsigned.decoded,
  });

  expect((await chain.readExtrinsic(extrinsic, 64)).lifetime).toEqual({ firstBlock: 65, lastBlock: 127 });

  const updates = await sent(node, chain, extrinsic);
  const blockHash = (await chain.blockHashOf(2)) ?? "";
  const inclusion = { blockHash, block: 2, index: 1, finalized: false, failure: null };
  expect(updates).toEqual([
    { kind: "ready" },
    { kind: "included", inclusion },
    { kind: "finalized", inclusion: { ...inclusion, finalized: true } },
  ]);
  expect(await chain.find(wanted)).toEqual({ kind: "included", inclusion: { ...inclusion, finalized: true } });
  expect(await chain.eventsOf(blockHash, 1)).toContainEqual({
    name: "Commitments.TimelockCommitment",
    fields: { netuid: "3", who: hotkey.address, reveal_round: String(call.revealRound) },
  });
  const pending = { block: 2, revealRound: call.revealRound, encrypted: call.encrypted };
  expect(await chain.commitmentOf(NETUID, hotkey.address, blockHash)).toEqual(pending);
  expect(await chain.lastCommitmentBlock(NETUID, hotkey.address)).toBe(2);
  expect((await chain.spaceOf(NETUID, hotkey.address)).usedBytes).toBe(fromHex(call.encrypted).length);
  expect(await chain.nonceOf(hotkey.address)).toBe(1);

  node.mine(3);
  const revealed = await chain.revealedOf(NETUID, hotkey.address);
  expect(revealed.map(({ text }) => text)).toEqual(["a text"]);
  expect(await chain.commitmentOf(NETUID, hotkey.address)).toBeNull();
  const pulse = (await chain.pulse(call.revealRound)) ?? new Uint8Array();
  expect(decryptText(fromHex(call.encrypted), pulse)).toBe("a text");
});

test("a stake is made, what it created is counted, and transferred", async () => {
  const { node, chain } = await bench();
  const { coldkey } = await node.createMiner();
  const [hotkey, to] = [node.burn.hotkey.address, node.burn.coldkey.address];
  const stake = { hotkey, coldkey: coldkey.address, netuid: NETUID };
  const add = await signedBy(chain, coldkey, { kind: "add_stake", hotkey, netuid: NETUID, amountRao: "50000000" });
  expect(add.unsigned.decoded.arguments.at(-1)).toEqual({
    name: "amount_staked",
    value: "0.05 TAO (50,000,000 rao)",
  });
  const last = (await sent(node, chain, add.extrinsic)).at(-1);
  if (last?.kind !== "finalized") throw new Error(JSON.stringify(last));
  const alpha = await chain.stakeAddedBy(last.inclusion, stake);
  expect(alpha).toBeGreaterThan(0n);
  expect(await chain.stakeOf(stake)).toBe(alpha);

  const transfer = await signedBy(chain, coldkey, {
    kind: "transfer_stake",
    destinationColdkey: to,
    hotkey,
    originNetuid: NETUID,
    destinationNetuid: NETUID,
    alphaAmount: String(alpha),
  });
  expect((await sent(node, chain, transfer.extrinsic)).at(-1)).toMatchObject({
    kind: "finalized",
    inclusion: { failure: null, finalized: true },
  });
  expect(await chain.stakeOf(stake)).toBe(0n);
  expect(await chain.stakeOf({ ...stake, coldkey: to })).toBeGreaterThanOrEqual(alpha);
});

test("what the chain refuses in a block is told in its own words", async () => {
  const { node, chain } = await bench();
  const { coldkey } = await node.createMiner();
  const { extrinsic } = await signedBy(chain, coldkey, await commitment(chain));
  expect((await sent(node, chain, extrinsic)).at(-1)).toMatchObject({
    kind: "finalized",
    inclusion: { failure: "Commitments.AccountNotAllowedCommit" },
  });
});

test("only the signer's own signature of exactly that is taken", async () => {
  const { node, chain } = await bench();
  const [{ hotkey }, other] = [await node.createMiner(), await node.createMiner()];
  const unsigned = await chain.prepare(await commitment(chain), hotkey.address);
  const good = signatureBy(hotkey, unsigned);
  const assembled = await chain.assemble(unsigned, { kind: "signature", signature: good });
  // With its kind before it, and as part of the whole.
  expect(await chain.assemble(unsigned, { kind: "signature", signature: `0x01${good.slice(2)}` })).toEqual(assembled);
  expect(await chain.assemble(unsigned, { kind: "extrinsic", extrinsic: assembled.extrinsic })).toEqual(assembled);

  const wrapped = blake2_256(fromHex(unsigned.signedBytes));
  const inBytes = hotkey.sign(Buffer.concat([Buffer.from("<Bytes>"), wrapped, Buffer.from("</Bytes>")]));
  const refused = [
    { kind: "signature", signature: signatureBy(other.hotkey, unsigned) },
    { kind: "signature", signature: toHex(inBytes) },
    { kind: "signature", signature: `0x00${good.slice(2)}` },
    { kind: "signature", signature: "0x" },
    { kind: "signature", signature: toHex(new Uint8Array(64)) },
  ] as const;
  for (const signed of refused) {
    await expect(chain.assemble(unsigned, signed)).rejects.toMatchObject(
      problem("signature_refused", `That is no signature by ${hotkey.address} of what was to be signed.`),
    );
  }
  const next = await signedBy(chain, hotkey, await commitment(chain, "another text"));
  await expect(chain.assemble(unsigned, { kind: "extrinsic", extrinsic: next.extrinsic })).rejects.toMatchObject(
    problem("signature_refused", "The signed extrinsic says something else than was prepared."),
  );
  const tampered = { ...unsigned, call: next.unsigned.call };
  await expect(chain.assemble(tampered, { kind: "signature", signature: good })).rejects.toMatchObject(
    problem("signature_refused", "What was signed is not the call that it was prepared for."),
  );
  await expect(chain.readExtrinsic("0x1234")).rejects.toMatchObject(problem("usage", /no signed extrinsic/));
  await expect(chain.readExtrinsic("12")).rejects.toMatchObject(problem("usage", "That is no extrinsic."));
});

test("keys of the other kind sign as well", async () => {
  const { node, chain } = await bench();
  const { hotkey } = await node.createMiner({ scheme: "ed25519" });
  const { extrinsic } = await signedBy(chain, hotkey, await commitment(chain));
  expect((await sent(node, chain, extrinsic)).at(-1)).toMatchObject({
    kind: "finalized",
    inclusion: { failure: null },
  });
});

test("a call that no extrinsic can hold is refused before anybody signs", async () => {
  const { node, chain } = await bench();
  const { hotkey } = await node.createMiner();
  const call = await commitment(chain);
  await expect(
    chain.prepare({ ...call, encrypted: `0x${"00".repeat(1025)}` } as ChainCall, hotkey.address),
  ).rejects.toMatchObject(problem("usage", "A commitment holds at most 1024 encrypted bytes."));
});

test("where nobody answers: at once, or when the time is up", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  const endpoint = `ws://127.0.0.1:${port}`;
  await expect(chainsAt(() => endpoint).open("local")).rejects.toMatchObject(
    problem("chain_unreachable", `The node ${endpoint} cannot be reached.`),
  );
  const node = await startNode({ faults: { silent: true } });
  await expect(chainsAt(() => node.endpoint, { limits: { openMs: 150 } }).open("local")).rejects.toMatchObject(
    problem("chain_unreachable", /^The node ws:\/\/127\.0\.0\.1:\d+ (?:does not answer|cannot be reached)\.$/),
  );
  const giveUp = new AbortController();
  const opening = chainsAt(() => node.endpoint).open("local", { signal: giveUp.signal });
  giveUp.abort();
  await expect(opening).rejects.toMatchObject(problem("cancelled", "The connection to the chain was given up."));
  await expect(
    new Chains({ resolve: (network) => networkPlace(network, null) }).open("practice"),
  ).rejects.toMatchObject(problem("not_found", "The practice network does not run."));
});

test("a slow node costs one question its time, and no more", async () => {
  const { node, chain } = await bench({}, { limits: { requestMs: 2_000 } });
  node.faults.silent = true;
  await expect(chain.blockHashOf(0)).rejects.toMatchObject(problem("chain_unreachable", /does not answer/));
  node.faults.silent = false;
  expect(await chain.blockHashOf(0)).toBe(chain.genesisHash);
});

test("what a node sends can be anything", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  let answer: (socket: WebSocket, question: { id: number; method: string }) => void = () => undefined;
  server.on("connection", (socket) => socket.on("message", (data) => answer(socket, JSON.parse(String(data)))));
  const open = () => chainsAt(() => `ws://127.0.0.1:${port}`).open("local");
  const says = (result: unknown) => {
    answer = (socket, { id }) => socket.send(JSON.stringify({ jsonrpc: "2.0", id, result }));
  };

  answer = (socket) => socket.send("no JSON");
  await expect(open()).rejects.toMatchObject(problem("chain_unreachable", /cannot be reached/));
  answer = (socket) => socket.send(Buffer.of(1, 2, 3));
  await expect(open()).rejects.toMatchObject(problem("chain_unreachable", /cannot be reached/));
  answer = (socket) => socket.send("[]");
  await expect(open()).rejects.toMatchObject(problem("chain_unreachable", /cannot be reached/));
  answer = (socket) => socket.close(1008, "go away");
  await expect(open()).rejects.toMatchObject({ code: "chain_unreachable", detail: expect.stringContaining("go away") });
  answer = (socket, { id }) => socket.send(JSON.stringify({ id, error: { code: -1, message: "no" } }));
  await expect(open()).rejects.toMatchObject(problem("chain_refused", /refuses to answer: no/));
  says("nonsense");
  await expect(open()).rejects.toMatchObject({ code: "chain_refused" });
  says(null);
  await expect(open()).rejects.toMatchObject({ code: "chain_refused" });
  answer = (socket, { id, method }) => {
    const version = { specName: "x", specVersion: 1, transactionVersion: 1 };
    const said = method === "state_getMetadata" ? `0x6d6574610e${"ff".repeat(100)}` : `0x${"11".repeat(32)}`;
    socket.send(JSON.stringify({ id, result: method === "state_getRuntimeVersion" ? version : said }));
  };
  await expect(open()).rejects.toMatchObject(
    problem("chain_refused", "What answers there is no node of a chain like Bittensor's: its metadata cannot be read."),
  );
});

test("a node of another chain is none of the public network", async () => {
  const node = await startNode();
  await expect(chainsAt(() => node.endpoint).open("finney")).rejects.toMatchObject({
    ...problem("chain_refused", `The node ${node.endpoint} is not of the network "finney".`),
    hint: "Choose another node. Nothing was signed or sent.",
  });
});

test("what answers on this machine in the name of a public chain, or of another practice network, is refused", async () => {
  const node = await startNode();
  node.faults.toldGenesisHash = FINNEY_GENESIS;
  for (const network of ["practice", "local"] as const) {
    await expect(chainsAt(() => node.endpoint).open(network)).rejects.toMatchObject(
      problem("chain_refused", `The node ${node.endpoint} is not of the network "${network}".`),
    );
  }
  node.faults.toldGenesisHash = null;
  const genesisHash = `0x${node.chain.hashOf(0)}`;
  const place = { endpoint: node.endpoint, beacon: node.beacon, secondsPerBlock: 12 };
  const chains = (known: string) => chainsAt(() => "", { resolve: () => ({ ...place, genesisHash: known }) });
  expect((await chains(genesisHash).open("practice")).genesisHash).toBe(genesisHash);
  await expect(chains(`0x${"ab".repeat(32)}`).open("practice")).rejects.toMatchObject({
    ...problem("chain_refused", `The node ${node.endpoint} is not of the network "practice".`),
    detail: `Its first block is ${genesisHash}, and that of the network 0x${"ab".repeat(32)}.`,
  });
});

test("another chain at the same address is not the one before, and is met as a new one", async () => {
  const node = await startNode();
  const { port, endpoint } = node;
  const chains = chainsAt(() => endpoint);
  const chain = await chains.open("practice");
  const states = new Set<string>();
  const statuses = first(chains.watch("practice", undefined), ({ state, block }) => {
    states.add(state);
    return states.has("failed") && state === "connected" && block === 0;
  });
  await node.stop();
  const other = await startNode({ port });
  const another = problem("chain_refused", `Another chain answers at ${other.endpoint} than before.`);
  await expect(first(chain.watchHead(undefined), () => false)).rejects.toMatchObject(another);
  await expect(chain.head()).rejects.toMatchObject(another);
  const anew = await chains.open("practice");
  expect(anew.genesisHash).not.toBe(chain.genesisHash);
  expect((await anew.head()).block).toBe(0);
  await statuses;
});

test("a genesis that a node makes up is noticed when it connects again", async () => {
  const { node, chain } = await bench();
  node.faults.toldGenesisHash = "ab".repeat(32);
  node.breakConnections();
  await expect(first(chain.watchHead(undefined), () => false)).rejects.toMatchObject(
    problem("chain_refused", /^Another chain answers/),
  );
});

test("metadata that changes under the same number is believed in neither form", async () => {
  const { node, chain } = await bench();
  const { hotkey } = await node.createMiner();
  node.faults.callIndexOffset = 1;
  node.breakConnections();
  await expect(first(chain.watchHead(undefined), () => false)).rejects.toMatchObject(
    problem("chain_refused", /describes the runtime 343 in another way than before/),
  );
  await expect(chain.prepare(await commitmentOf(chain), hotkey.address)).rejects.toMatchObject({
    code: "chain_refused",
  });
});

/** Any, without asking the chain. */
async function commitmentOf(chain: Chain): Promise<ChainCall> {
  return {
    kind: "set_commitment",
    netuid: NETUID,
    encrypted: `0x${"ab".repeat(300)}`,
    revealRound: chain.beacon.periodSeconds,
  };
}

test("calls with other numbers than the known runtime's are said to be so", async () => {
  const { node, chains, chain } = await bench({ faults: { callIndexOffset: 1 } });
  const difference = "Commitments.set_commitment is call 18.1 here, and 18.0 in the known runtime.";
  expect(await chain.runtime()).toMatchObject({ isKnown: false, differences: [difference], refusals: [difference] });
  const { problem: shown } = await first(chains.watch("practice", undefined), ({ problem }) => problem !== null);
  expect(shown?.message).toBe(difference);

  // Of the known runtime it is a lie: the version is signed, so no chain of another one would take it.
  const { hotkey } = await node.createMiner();
  const call = await commitment(chain);
  await expect(chain.prepare(call, hotkey.address)).rejects.toMatchObject(
    problem("chain_refused", /^The node tells of runtime 343 what is not so/),
  );
  node.upgrade();
  await first(chains.watch("practice", undefined), ({ specVersion }) => specVersion === 344);
  expect((await chain.prepare(call, hotkey.address)).payload.method).toMatch(/^0x1201/);
});

test("nothing is signed that is not known, whatever else can be read", async () => {
  const { node, chain } = await bench({ faults: { unknownExtensions: ["CheckWhatever"] } });
  const { hotkey } = await node.createMiner();
  expect(await chain.uidOf(NETUID, hotkey.address)).toBe(2);
  await expect(chain.prepare(await commitmentOf(chain), hotkey.address)).rejects.toMatchObject({
    ...problem(
      "chain_refused",
      'The chain\'s runtime is another one than Crusader knows. It wants "CheckWhatever" signed, which Crusader does not know.',
    ),
    hint: "Look for a newer version of Crusader. Nothing was signed or sent.",
  });
});

test("after an upgrade of the chain what was prepared before is not sent, and can be prepared again", async () => {
  const { node, chains, chain } = await bench();
  const { hotkey } = await node.createMiner();
  const call = await commitment(chain);
  const unsigned = await chain.prepare(call, hotkey.address);
  node.upgrade();
  const signed = { kind: "signature", signature: signatureBy(hotkey, unsigned) } as const;
  await expect(chain.assemble(unsigned, signed)).rejects.toMatchObject(
    problem("chain_refused", "What was signed is for the runtime 343, and the chain has 344 now."),
  );
  await first(chains.watch("practice", undefined), ({ specVersion }) => specVersion === 344);
  expect(await chain.runtime()).toMatchObject({ specVersion: 344, isKnown: false, differences: [] });
  const { extrinsic } = await signedBy(chain, hotkey, call);
  expect((await sent(node, chain, extrinsic)).at(-1)).toMatchObject({ kind: "finalized" });
});

test("the connection comes back by itself, and reads do not notice", async () => {
  const { node, chains, chain } = await bench();
  const states: string[] = [];
  const watching = first(chains.watch("practice", undefined), ({ state }) => {
    states.push(state);
    return states.includes("reconnecting") && state === "connected";
  });
  await first(chains.watch("practice", undefined), ({ block }) => block === 0);
  node.breakConnections();
  expect(await chain.blockHashOf(0)).toBe(chain.genesisHash);
  await watching;
  expect(new Set(states)).toEqual(new Set(["connected", "reconnecting"]));
  const head = first(chain.watchHead(undefined), ({ block }) => block === 1);
  node.mine();
  expect(await head).toMatchObject({ block: 1 });
});

test("a connection that nobody uses is let go, and is there again when it is asked for", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => server.close());
  const node = await startNode();
  const gone = Promise.withResolvers<void>();
  // Between the two, to see the connection end.
  server.on("connection", (socket) => {
    const behind = new WebSocket(node.endpoint);
    const early: string[] = [];
    socket.on("message", (data) =>
      behind.readyState === behind.OPEN ? behind.send(String(data)) : early.push(String(data)),
    );
    behind.on("open", () => early.map((data) => behind.send(data)));
    behind.on("message", (data) => socket.send(String(data)));
    socket.on("close", () => {
      behind.close();
      gone.resolve();
    });
  });
  const { port } = server.address() as { port: number };
  const chains = chainsAt(() => `ws://127.0.0.1:${port}`, { limits: { unusedMs: 50 } });
  const chain = await chains.open("local");
  await gone.promise;
  expect(await chain.blockHashOf(0)).toBe(chain.genesisHash);
});

test("an extrinsic that a node took before the connection broke is found again", async () => {
  const { node, chain } = await bench({ faults: { breaksAfterSubmit: true } });
  const { hotkey } = await node.createMiner();
  const { extrinsic, wanted } = await signedBy(chain, hotkey, await commitment(chain));
  const updates: SendUpdate[] = [];
  for await (const update of chain.send(extrinsic, undefined)) updates.push(update);
  expect(updates.at(-1)).toMatchObject({ kind: "lost" });
  expect(await chain.find(wanted)).toEqual({ kind: "pending" });
  node.mine();
  expect(await chain.find(wanted)).toMatchObject({ kind: "included", inclusion: { block: 2, finalized: false } });
  node.mine(2);
  expect(await chain.find(wanted)).toMatchObject({ kind: "included", inclusion: { block: 2, finalized: true } });
  // Sent once more all the same, it is told apart from a failure.
  expect(await sent(node, chain, extrinsic)).toEqual([
    { kind: "invalid", reason: "nonce_taken", message: expect.stringMatching(/./) },
  ]);
});

type Question = { id: number; method: string; params: unknown[] };

/** A node that says of some things what it likes. */
async function liarBefore(node: PracticeNode, said: (question: Question, truth: unknown) => unknown) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => server.close());
  server.on("connection", (socket) => {
    const behind = new WebSocket(node.endpoint);
    const isOpen = new Promise((resolve) => behind.once("open", resolve));
    const questions = new Map<number, Question>();
    socket.on("message", async (data) => {
      const question: Question = JSON.parse(String(data));
      questions.set(question.id, question);
      await isOpen;
      behind.send(String(data));
    });
    behind.on("message", (data) => {
      const answer = JSON.parse(String(data));
      const question = questions.get(answer.id);
      if (question === undefined || answer.error !== undefined) socket.send(String(data));
      else socket.send(JSON.stringify({ ...answer, result: said(question, answer.result) }));
    });
    socket.on("close", () => behind.close());
  });
  await new Promise((resolve) => server.once("listening", resolve));
  return `ws://127.0.0.1:${(server.address() as { port: number }).port}`;
}

test("what is in a block that a node does not show is not gone, however final all around it is", async () => {
  const { node, chain } = await bench();
  const { hotkey } = await node.createMiner();
  const { extrinsic, wanted } = await signedBy(chain, hotkey, await commitment(chain), { eraBlocks: 4 });
  const taken = await sent(node, chain, extrinsic);
  const inclusion = taken.flatMap((update) => (update.kind === "finalized" ? [update.inclusion] : []))[0];
  node.mine(10);
  const isAskedFor = ({ method, params }: Question, block: number) =>
    method === "chain_getBlockHash" && params[0] === block;
  const chainOf = async (said: Parameters<typeof liarBefore>[1]) => {
    const endpoint = await liarBefore(node, said);
    return chainsAt(() => endpoint, {}, node.beacon).open("local");
  };
  const hides = await chainOf((question, truth) => (isAskedFor(question, inclusion?.block ?? -1) ? null : truth));
  expect(await hides.find(wanted)).toEqual({ kind: "unknown" });
  // Blocks that come between two questions: the newest one was asked for first.
  const lags = await chainOf(({ method, params }, truth) =>
    method === "chain_getBlockHash" && params.length === 0 ? chain.genesisHash : truth,
  );
  expect(await lags.find(wanted)).toEqual({ kind: "included", inclusion });
  // The header says another number than the one that was asked for, and a payment is cited by it.
  const renumbers = await chainOf(({ method }, truth) => {
    if (method !== "chain_getBlock") return truth;
    const { block, ...rest } = truth as { block: { header: { number: string } } };
    return { ...rest, block: { ...block, header: { ...block.header, number: "0x63" } } };
  });
  await expect(renumbers.find(wanted)).rejects.toMatchObject({ code: "chain_refused" });
});

test("an extrinsic that a node forgot is gone once its time is over and that is final", async () => {
  const { node, chain } = await bench({ faults: { losesExtrinsics: true } });
  const { hotkey } = await node.createMiner();
  const { extrinsic, unsigned, wanted } = await signedBy(chain, hotkey, await commitment(chain), { eraBlocks: 4 });
  const lost = new AbortController();
  const updates: SendUpdate[] = [];
  for await (const update of chain.send(extrinsic, lost.signal)) {
    updates.push(update);
    lost.abort();
  }
  expect(updates).toEqual([{ kind: "ready" }]);
  expect(await chain.find(wanted)).toEqual({ kind: "unknown" });
  node.mine(unsigned.lastBlock - node.chain.head.number + 1);
  // Over, and not final yet.
  expect(await chain.find(wanted)).toEqual({ kind: "unknown" });
  node.mine(1);
  expect(await chain.find(wanted)).toEqual({ kind: "gone", reason: "expired" });
});

test("two extrinsics with one number: the second is refused, and gone when the first is final", async () => {
  const { node, chain } = await bench();
  const { hotkey } = await node.createMiner();
  const [one, two] = [
    await signedBy(chain, hotkey, await commitment(chain, "one")),
    await signedBy(chain, hotkey, await commitment(chain, "two")),
  ];
  expect([one.unsigned.nonce, two.unsigned.nonce]).toEqual([0, 0]);
  const sending = chain.send(one.extrinsic, undefined);
  expect((await sending.next()).value).toEqual({ kind: "ready" });
  expect(await chain.nonceOf(hotkey.address)).toBe(1);
  expect(await sent(node, chain, two.extrinsic)).toEqual([
    { kind: "invalid", reason: "nonce_taken", message: expect.stringMatching(/./) },
  ]);
  node.mine(1);
  expect(await chain.find(two.wanted)).toEqual({ kind: "unknown" });
  node.mine(2);
  expect(await chain.find(two.wanted)).toEqual({ kind: "gone", reason: "replaced" });
  expect(await chain.find(one.wanted)).toMatchObject({ kind: "included" });
});

test("a block that is undone gives its extrinsic back", async () => {
  const { node, chain } = await bench();
  const { hotkey } = await node.createMiner();
  const { extrinsic } = await signedBy(chain, hotkey, await commitment(chain));
  const kinds: string[] = [];
  for await (const update of chain.send(extrinsic, undefined)) {
    kinds.push(update.kind);
    if (update.kind === "ready" && !kinds.includes("included")) node.mine();
    else if (update.kind === "included" && !kinds.includes("retracted")) node.fork();
    else if (update.kind === "retracted") node.mine(3);
  }
  expect(kinds.filter((kind) => kind !== "ready")).toEqual(["included", "retracted", "included", "finalized"]);
});

test("what a node does not tell is not known, and stops nothing", async () => {
  const missingMethods = ["system_health", "payment_queryInfo", "author_pendingExtrinsics"];
  const { node, chain } = await bench({ faults: { missingMethods } });
  const { hotkey } = await node.createMiner();
  expect(await chain.health()).toBeNull();
  const { unsigned, wanted } = await signedBy(chain, hotkey, await commitment(chain));
  expect(unsigned.feeRao).toBeNull();
  expect(await chain.find(wanted)).toEqual({ kind: "unknown" });
});

test("the status says what stands in the way: catching up, standing still, finality, clocks", async () => {
  const watched = async (options: PracticeNodeOptions, chainsOptions: Partial<ChainsOptions> = {}, blocks = 0) => {
    const { node, chains } = await bench(options, chainsOptions);
    node.mine(blocks);
    const found = await first(chains.watch("local", undefined), ({ problem }) => problem !== null);
    return found.problem?.message;
  };
  expect(await watched({ faults: { isSyncing: true } })).toBe("The node is catching up with the chain.");
  expect(await watched({ faults: { clockOffsetMs: 3_600_000 } })).toMatch(
    /^This machine's clock is (?:1 h|60 min) behind the chain's\.$/,
  );
  expect(await watched({}, { now: () => Date.now() + 3_600_000 })).toMatch(
    /^This machine's clock is (?:1 h|60 min) ahead of the chain's\.$/,
  );
  expect(await watched({ secondsPerBlock: 1, faults: { finalityStopped: true } }, {}, 30)).toBe(
    "The last finalized block is 30 blocks behind the newest.",
  );
});

test("a chain that stands still is told apart from a node that stopped telling", async () => {
  const limits = { limits: { silenceMs: 150 } };
  const still = await bench({}, limits);
  const found = await first(still.chains.watch("practice", undefined), ({ problem }) => problem !== null);
  expect([found.state, found.problem?.message]).toEqual(["connected", expect.stringMatching(/^No new block for /)]);

  const { node, chains } = await bench({ faults: { headsMuted: true } }, limits);
  await first(chains.watch("practice", undefined), ({ block }) => block === 0);
  node.mine(5);
  const { problem: broken } = await first(chains.watch("practice", undefined), ({ state }) => state === "reconnecting");
  expect(broken?.message).toMatch(/broke off/);
  await first(chains.watch("practice", undefined), ({ block }) => block === 5);
});

test("old state that a node has forgotten is not made up", async () => {
  const { node, chain } = await bench();
  const { hotkey } = await node.createMiner();
  const { extrinsic } = await signedBy(chain, hotkey, await commitment(chain));
  const last = (await sent(node, chain, extrinsic)).at(-1);
  if (last?.kind !== "finalized") throw new Error(JSON.stringify(last));
  node.mine(600);
  await expect(chain.eventsOf(last.inclusion.blockHash, last.inclusion.index)).rejects.toMatchObject({
    ...problem("chain_refused", /does not keep what was true at that block/),
    hint: "Choose an archive node of the same network.",
  });
});

test("the round of a reveal goes by the chain's clock, whatever this machine's says", async () => {
  const { node, chain } = await bench({ faults: { clockOffsetMs: -3_600_000 } });
  const call = await commitment(chain);
  if (call.kind !== "set_commitment") throw new Error("another call");
  const untilRevealMs = roundTimeMs(call.revealRound, chain.beacon) - node.chain.head.timestampMs;
  expect(untilRevealMs).toBeGreaterThan(18_000);
  expect(untilRevealMs).toBeLessThanOrEqual(24_000);
});

test("a process shares one connection a network, and closing it ends what waits", async () => {
  const { chains, chain } = await bench();
  const watching = first(chain.watchHead(undefined), () => false);
  await chains.close();
  await expect(watching).rejects.toMatchObject({ code: "cancelled" });
  await expect(chain.head()).rejects.toMatchObject({ code: "cancelled" });
});

test("the networks are where their names say", async () => {
  const networks: Network[] = ["finney", "test", "local", "wss://node.example/x"];
  const places = await Promise.all(networks.map((network) => networkPlace(network, null)));
  expect(places.map(({ endpoint }) => endpoint)).toEqual([
    "wss://entrypoint-finney.opentensor.ai:443",
    "wss://test.finney.opentensor.ai:443",
    "ws://127.0.0.1:9944",
    "wss://node.example/x",
  ]);
});
