import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiPromise, WsProvider } from "@polkadot/api";
import { blake2AsU8a } from "@polkadot/util-crypto";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { decryptText, encrypt, encryptText, isSignatureOf } from "../timelock/index.ts";
import { readExtrinsic } from "./extrinsic.ts";
import { PracticeNode } from "./index.ts";
import { keyOfSeed } from "./node.ts";
import { CALLS, Connection, eventsIn, freeRao, signed, startedNode } from "./node-for-tests.ts";
import { ScaleReader } from "./scale.ts";
import { KEYS } from "./storage-keys.ts";

const TAO = 1_000_000_000n;

/** A text encrypted for a round that the chain has after so many blocks of 12 s. */
function committed(node: PracticeNode, text = "a text", blocks = 2) {
  const round = node.chain.beacon.newestRound(node.chain.head.timestampMs) + 4 * blocks;
  return { round, call: CALLS.commitment(encryptText(text, round, { beacon: node.beacon }), round) };
}

function revealedTexts(node: PracticeNode, publicKey: Uint8Array): [text: string, block: bigint][] {
  const stored = node.chain.state.get(KEYS.revealedCommitments(3, publicKey));
  if (stored === undefined) return [];
  const reader = new ScaleReader(stored);
  return Array.from({ length: Number(reader.compact()) }, () => {
    const text = new ScaleReader(reader.bytes()).bytes().toString();
    return [text, reader.u64()];
  });
}

test("a client of the real network connects, reads, commits, and sees it included, final and revealed", async () => {
  const { node } = await startedNode();
  // The client's own types know no `exactOptionalPropertyTypes`.
  const provider = new WsProvider(node.endpoint) as never;
  const api = await ApiPromise.create({ provider, noInitWarn: true });
  onTestFinished(() => api.disconnect());
  const { hotkey, uid } = await node.createMiner();
  expect([uid, (await api.query.subtensorModule?.uids?.(3, hotkey.address))?.toJSON()]).toEqual([2, 2]);
  // It goes by the metadata's version 15, which has the types of the runtime's API.
  const stakeOf = api.call.stakeInfoRuntimeApi?.getStakeInfoForHotkeyColdkeyNetuid;
  const { address } = node.burn.coldkey;
  expect((await stakeOf?.(node.burn.hotkey.address, address, 3))?.toJSON()).toEqual({
    hotkey: node.burn.hotkey.address,
    coldkey: address,
    netuid: 3,
    stake: 0,
    locked: 0,
    emission: 0,
    taoEmission: 0,
    drain: 0,
    isRegistered: true,
  });
  const round = node.chain.beacon.newestRound(node.chain.head.timestampMs) + 8;
  const encrypted = encryptText("a text", round, { beacon: node.beacon });
  const call = api.tx.commitments?.setCommitment?.(3, {
    fields: [{ TimelockEncrypted: { encrypted: `0x${Buffer.from(encrypted).toString("hex")}`, revealRound: round } }],
  });
  if (call === undefined) throw new Error("the call is missing");
  const signer = {
    signRaw: async ({ data }: { data: string }) => {
      const message = Buffer.from(data.slice(2), "hex");
      const signature = hotkey.sign(message.length > 256 ? blake2AsU8a(message) : message);
      return { id: 1, signature: `0x01${Buffer.from(signature).toString("hex")}` as const };
    },
  };
  const statuses: string[] = [];
  const isFinal = Promise.withResolvers<unknown[]>();
  await call.signAndSend(hotkey.address, { signer, nonce: -1, era: 64 }, (result) => {
    statuses.push(result.status.type);
    if (result.status.type === "Ready") node.mine();
    if (result.status.type === "InBlock") node.mine(2);
    if (result.status.isFinalized) {
      isFinal.resolve(result.events.map(({ phase, event }) => [phase.toString(), event.method]));
    }
  });
  const events = ["TimelockCommitment", "ExtrinsicSuccess"].map((name) => ['{"applyExtrinsic":1}', name]);
  expect([await isFinal.promise, statuses]).toEqual([events, ["Ready", "InBlock", "Finalized"]]);

  node.mine(3);
  const revealed = await api.query.commitments?.revealedCommitments?.(3, hotkey.address);
  const bytes = Buffer.from("a text");
  expect(revealed?.toJSON()).toEqual([
    [`0x${Buffer.concat([Buffer.of(bytes.length << 2), bytes]).toString("hex")}`, 4],
  ]);
  expect((await api.query.commitments?.commitmentOf?.(3, hotkey.address))?.toJSON()).toBeNull();
});

test.each(["sr25519", "ed25519"] as const)("a commitment by a key of the kind %s", async (scheme) => {
  const { node, connection } = await startedNode();
  const { hotkey } = await node.createMiner({ scheme });
  const { call, round } = committed(node);
  await connection.call("author_submitExtrinsic", signed(node, hotkey, call));
  node.mine();
  expect(await eventsIn(node, connection)).toEqual([
    ["Initialization", "NewPulse", expect.any(Array)],
    [0, "ExtrinsicSuccess"],
    [1, "TimelockCommitment", 3, hotkey.address, round],
    [1, "ExtrinsicSuccess"],
  ]);
  expect(freeRao(node, hotkey)).toBe(0n);
  node.mine(2);
  expect([revealedTexts(node, hotkey.publicKey), node.chain.head.number]).toEqual([[["a text", 4n]], 4]);
  expect((await eventsIn(node, connection))[0]).toEqual(["Initialization", "CommitmentRevealed", 3, hotkey.address]);
});

test("what is not signed for this chain, this version and this era is refused in a node's words", async () => {
  const { node, connection } = await startedNode();
  const { hotkey, coldkey } = await node.createMiner();
  const other = keyOfSeed(Buffer.alloc(32, 7), "sr25519");
  const zeros = "0".repeat(64);
  const { call } = committed(node);
  const refusal = async (extrinsic: string) => (await connection.ask("author_submitExtrinsic", extrinsic)).error;
  const bad = { code: 1010, message: "Invalid Transaction", data: "Transaction has a bad signature" };
  const impostor = { ...hotkey, sign: (message: Uint8Array) => other.sign(message) };
  const good = signed(node, coldkey, CALLS.remark());
  expect(await refusal(signed(node, impostor, call))).toEqual(bad);
  expect(await refusal(signed(node, hotkey, call, { genesisHash: zeros }))).toEqual(bad);
  expect(await refusal(signed(node, hotkey, call, { specVersion: 342 }))).toEqual(bad);
  expect(await refusal(signed(node, hotkey, call, { birthHash: zeros }))).toEqual(bad);
  expect(await refusal(good.replace(/..$/, "00"))).toEqual(bad);
  expect(await refusal(signed(node, hotkey, CALLS.remark()))).toMatchObject({
    code: 1010,
    data: "Inability to pay some fees (e.g. account balance too low)",
  });
  expect(await refusal("0x0102")).toMatchObject({
    code: 1001,
    message: expect.stringMatching(/^Extrinsic has invalid format/),
  });
  const tooLong = CALLS.commitment(Buffer.alloc(1025), 5000);
  expect(await refusal(signed(node, hotkey, tooLong))).toMatchObject({ code: 1001 });
  expect(await refusal(good)).toBeUndefined();
  expect(await refusal(good)).toMatchObject({ code: 1013 });
  expect(await refusal(signed(node, coldkey, CALLS.transfer(hotkey, 5n)))).toMatchObject({ code: 1014 });
  node.mine();
  expect(await refusal(good)).toMatchObject({ code: 1010, data: "Transaction is outdated" });
});

test("extrinsics are included in the order of their nonces; one that comes too early waits", async () => {
  const { node, connection } = await startedNode();
  const { coldkey } = await node.createMiner();
  const watch = (nonce: number) =>
    connection.call("author_submitAndWatchExtrinsic", signed(node, coldkey, CALLS.remark(), { nonce }));
  const next = () => connection.call("system_accountNextIndex", coldkey.address);
  const second = await watch(1);
  expect([await connection.told(second, 1), await next()]).toEqual([["future"], 0]);
  node.mine();
  expect(node.chain.head.extrinsics.length).toBe(1);
  const first = await watch(0);
  expect([await connection.told(first, 1), await next()]).toEqual([["ready"], 2]);
  node.mine();
  const inBlock = { inBlock: `0x${node.chain.head.hash}` };
  expect([await connection.told(first, 2), await connection.told(second, 2)]).toEqual([
    ["ready", inBlock],
    ["future", inBlock],
  ]);
  const nonces = node.chain.head.extrinsics.slice(1).map((extrinsic) => readExtrinsic(extrinsic).nonce);
  expect(nonces).toEqual([0, 1]);
});

test("when its era is over, an extrinsic that waited is invalid, and is in no block", async () => {
  const { node, connection } = await startedNode({ faults: { poolHeld: true } });
  const { coldkey } = await node.createMiner();
  const extrinsic = signed(node, coldkey, CALLS.remark(), { eraBlocks: 8 });
  const subscription = await connection.call("author_submitAndWatchExtrinsic", extrinsic);
  node.mine(7);
  node.faults.poolHeld = false;
  expect(await connection.told(subscription, 2)).toEqual(["ready", "invalid"]);
  node.mine();
  expect(node.chain.head.extrinsics.length).toBe(1);
  expect((await connection.ask("author_submitExtrinsic", extrinsic)).error).toMatchObject({ code: 1010 });
});

test("only registered hotkeys commit, and only so many bytes an epoch", async () => {
  const { node, connection } = await startedNode({ tempo: 20 });
  const stranger = keyOfSeed(Buffer.alloc(32, 9), "sr25519");
  const { hotkey } = await node.createMiner();
  const { call, round } = committed(node, "x".repeat(700), 50);
  await connection.call("author_submitExtrinsic", signed(node, stranger, call));
  node.mine();
  const failed = (await eventsIn(node, connection)).find(([, name]) => name === "ExtrinsicFailed");
  expect(failed?.slice(0, 3)).toEqual([1, "ExtrinsicFailed", { module: { index: 18, error: "0x01000000" } }]);
  // 700 characters are 946 bytes on the chain; 3 x 946 fit into 3,100.
  for (const nonce of [0, 1, 2, 3]) {
    await connection.call("author_submitExtrinsic", signed(node, hotkey, call, { nonce }));
  }
  node.mine();
  const outcome = async () =>
    (await eventsIn(node, connection)).filter(([phase]) => typeof phase === "number" && phase > 0);
  const succeeded = (index: number) => [
    [index, "TimelockCommitment", 3, hotkey.address, round],
    [index, "ExtrinsicSuccess"],
  ];
  expect(await outcome()).toEqual([
    ...[1, 2, 3].flatMap(succeeded),
    [4, "ExtrinsicFailed", { module: { index: 18, error: "0x02000000" } }, expect.anything()],
  ]);
  expect(node.chain.state.get(KEYS.usedSpaceOf(3, hotkey.publicKey))?.readBigUInt64LE(8)).toBe(2838n);
  // The epoch of netuid 3 with a tempo of 20 ends when block + 4 is a multiple of 21.
  node.mine(17 - node.chain.head.number);
  await connection.call("author_submitExtrinsic", signed(node, hotkey, call, { nonce: 4 }));
  node.mine();
  expect(await outcome()).toEqual(succeeded(1));
  expect(node.chain.head.number).toBe(18);
});

test("a commitment before the reveal replaces the one that waits; what cannot be decrypted is dropped", async () => {
  const { node, connection } = await startedNode();
  const [first, second] = [await node.createMiner(), await node.createMiner()];
  const early = committed(node, "early", 3);
  const late = committed(node, "late", 4);
  const broken = CALLS.commitment(encryptText("x", early.round + 1, { beacon: node.beacon }), early.round);
  const send = (key: typeof first, call: Uint8Array, nonce = 0) =>
    connection.call("author_submitExtrinsic", signed(node, key.hotkey, call, { nonce }));
  await send(first, early.call);
  await send(first, late.call, 1);
  await send(second, broken);
  node.mine(4);
  expect(node.chain.state.get(KEYS.commitmentOf(3, second.hotkey.publicKey))).toBeUndefined();
  expect(revealedTexts(node, second.hotkey.publicKey)).toEqual([]);
  expect(revealedTexts(node, first.hotkey.publicKey)).toEqual([]);
  node.mine();
  expect(revealedTexts(node, first.hotkey.publicKey)).toEqual([["late", 7n]]);
  expect(node.chain.state.get(KEYS.timelockedIndex())).toEqual(Buffer.of(0));
});

test("without pulses nothing is revealed, until they come", async () => {
  const { node, connection } = await startedNode({ faults: { pulsesStopped: true } });
  const { hotkey } = await node.createMiner();
  await connection.call("author_submitExtrinsic", signed(node, hotkey, committed(node).call));
  node.mine(10);
  expect(revealedTexts(node, hotkey.publicKey)).toEqual([]);
  node.faults.pulsesStopped = false;
  node.mine(2);
  expect(revealedTexts(node, hotkey.publicKey)).toEqual([["a text", 13n]]);
});

test("what is revealed is kept ten times", async () => {
  const { node, connection } = await startedNode();
  const { hotkey } = await node.createMiner();
  const { call } = committed(node, "again and again", 1);
  for (let nonce = 0; nonce < 11; nonce += 1) {
    await connection.call("author_submitExtrinsic", signed(node, hotkey, call, { nonce }));
    node.mine(2);
  }
  expect(revealedTexts(node, hotkey.publicKey)).toEqual(
    Array.from({ length: 10 }, (_, index) => ["again and again", BigInt(2 * index + 5)]),
  );
});

test("the beacon's pulses are on the chain, with signatures that open what was encrypted for them", async () => {
  const { node, connection } = await startedNode();
  node.mine(2);
  const round = node.chain.beacon.newestRound(node.chain.head.timestampMs);
  const pulseAt = async (number: number) => {
    const stored = await connection.call("state_getStorage", `0x${KEYS.pulses(number)}`);
    if (stored === null) return null;
    const reader = new ScaleReader(Buffer.from(String(stored).slice(2), "hex"));
    return { round: Number(reader.u64()), randomness: reader.bytes().length, signature: reader.bytes() };
  };
  const pulse = await pulseAt(round);
  const signature = pulse?.signature ?? Buffer.alloc(0);
  expect(pulse).toMatchObject({ round, randomness: 32 });
  expect(isSignatureOf(round, signature, node.beacon)).toBe(true);
  expect(isSignatureOf(round, signature)).toBe(false);
  const ciphertext = encryptText("for that round", round, { beacon: node.beacon });
  expect(decryptText(ciphertext, signature)).toBe("for that round");
  expect([await pulseAt(round + 1), await pulseAt(1)]).toEqual([null, null]);
});

test("the fee's two extrinsics: the stake that is bought at the pool's rate, and its transfer", async () => {
  const { node, connection } = await startedNode();
  const { coldkey } = await node.createMiner({ rao: TAO });
  const burn = node.burn;
  const paid = 50_000_000n;
  const stakeOf = async (owner: typeof coldkey) => {
    const question = Buffer.concat([burn.hotkey.publicKey, owner.publicKey, Buffer.of(3, 0)]);
    const method = "StakeInfoRuntimeApi_get_stake_info_for_hotkey_coldkey_netuid";
    const answer = String(await connection.call("state_call", method, `0x${question.toString("hex")}`));
    const reader = new ScaleReader(Buffer.from(answer.slice(2), "hex"));
    expect([reader.u8(), reader.take(32), reader.take(32), reader.compact()]).toEqual([
      1,
      Buffer.from(burn.hotkey.publicKey),
      Buffer.from(owner.publicKey),
      3n,
    ]);
    const stake = reader.compact();
    expect([...reader.rest()]).toEqual([0, 0, 0, 0, 1]);
    return stake;
  };
  const stake = signed(node, coldkey, CALLS.addStake(burn.hotkey, paid));
  const told = (await connection.call("payment_queryInfo", stake)) as { partialFee: string };
  const fee = BigInt(told.partialFee);
  await connection.call("author_submitExtrinsic", stake);
  node.mine();
  // 25,000 TAO and 625,000 alpha, whose product stays.
  const alpha = (625_000n * TAO * paid) / (25_000n * TAO + paid);
  expect(await stakeOf(coldkey)).toBe(alpha);
  expect(freeRao(node, coldkey)).toBe(TAO - paid - fee);
  const [buyer, hotkey, owner] = [coldkey.address, burn.hotkey.address, burn.coldkey.address];
  expect((await eventsIn(node, connection)).slice(2)).toEqual([
    [1, "Withdraw", buyer, Number(fee)],
    [1, "Withdraw", buyer, Number(paid)],
    [1, "StakeAdded", buyer, hotkey, Number(paid), Number(alpha), 3, 0],
    [1, "TransactionFeePaid", buyer, Number(fee), 0],
    [1, "ExtrinsicSuccess"],
  ]);

  const before = await stakeOf(burn.coldkey);
  const transfer = CALLS.transferStake(burn.coldkey, burn.hotkey, alpha);
  await connection.call("author_submitExtrinsic", signed(node, coldkey, transfer, { nonce: 1 }));
  await connection.call("author_submitExtrinsic", signed(node, coldkey, transfer, { nonce: 2 }));
  node.mine();
  expect([await stakeOf(coldkey), (await stakeOf(burn.coldkey)) - before]).toEqual([0n, alpha]);
  const outcomes = (await eventsIn(node, connection)).filter(([, name]) => /^Stake|Extrinsic/.test(String(name)));
  expect(outcomes.slice(1).map((outcome) => outcome.slice(0, 7))).toEqual([
    [1, "StakeTransferred", buyer, owner, hotkey, 3, 3],
    [1, "ExtrinsicSuccess"],
    [2, "ExtrinsicFailed", { module: { index: 7, error: "0x09000000" } }, expect.anything()],
  ]);
});

test("a stake that cannot be made costs its fee and nothing else", async () => {
  const { node, connection } = await startedNode();
  const { coldkey, hotkey } = await node.createMiner({ rao: TAO });
  const stranger = keyOfSeed(Buffer.alloc(32, 9), "sr25519");
  const calls = [
    CALLS.addStake(hotkey, 2n * TAO),
    CALLS.addStake(hotkey, 1_000_000n),
    CALLS.addStake(stranger, 50_000_000n),
    CALLS.addStake(hotkey, 50_000_000n, 4),
    CALLS.transfer(hotkey, 2n * TAO),
    CALLS.transfer(hotkey, 499n),
  ];
  for (const [nonce, call] of calls.entries()) {
    await connection.call("author_submitExtrinsic", signed(node, coldkey, call, { nonce }));
  }
  node.mine();
  const failures = (await eventsIn(node, connection)).filter(([, name]) => name === "ExtrinsicFailed");
  expect(failures.map(([, , error]) => error)).toEqual([
    { module: { index: 7, error: "0x0c000000" } },
    { module: { index: 7, error: "0x4f000000" } },
    { module: { index: 7, error: "0x05000000" } },
    { module: { index: 7, error: "0x49000000" } },
    { module: { index: 5, error: "0x02000000" } },
    { token: "BelowMinimum" },
  ]);
  const bytes = node.chain.head.extrinsics.slice(1).reduce((sum, { length }) => sum + length, 0);
  expect(freeRao(node, coldkey)).toBe(TAO - 6n * 12_500n - BigInt(bytes));
});

test("a fork takes an extrinsic back, which is included again and becomes final", async () => {
  const { node, connection } = await startedNode({ finalityLag: 3 });
  const { coldkey } = await node.createMiner();
  node.mine(4);
  const heads = await connection.call("chain_subscribeNewHeads");
  const subscription = await connection.call("author_submitAndWatchExtrinsic", signed(node, coldkey, CALLS.remark()));
  await connection.told(subscription, 1);
  const before = node.mine();
  node.fork(1);
  const after = node.mine();
  node.mine(3);
  expect(await connection.told(subscription, 5)).toEqual([
    "ready",
    { inBlock: `0x${before.hash}` },
    { retracted: `0x${before.hash}` },
    { inBlock: `0x${after.hash}` },
    { finalized: `0x${after.hash}` },
  ]);
  const numbers = (await connection.told(heads, 7)) as { number: string }[];
  expect(numbers.map(({ number }) => Number(number))).toEqual([5, 6, 7, 8, 9, 10, 11]);
  expect(await connection.call("chain_getBlockHash", before.number)).not.toBe(`0x${before.hash}`);
  expect(() => node.fork(4)).toThrow("a final block stays");
});

test("a new version of the runtime is told, and ends what was signed for the old one", async () => {
  const { node, connection } = await startedNode({ faults: { poolHeld: true } });
  const { coldkey } = await node.createMiner();
  const versions = await connection.call("state_subscribeRuntimeVersion");
  const old = await connection.call("author_submitAndWatchExtrinsic", signed(node, coldkey, CALLS.remark()));
  await connection.told(old, 1);
  node.upgrade();
  expect(await connection.told(old, 2)).toEqual(["ready", "invalid"]);
  const told = (await connection.told(versions, 2)) as { specVersion: number }[];
  expect(told.map(({ specVersion }) => specVersion)).toEqual([343, 344]);
  const anew = await connection.ask("author_submitExtrinsic", signed(node, coldkey, CALLS.remark()));
  expect(anew.error).toBeUndefined();
});

test("whatever comes over a connection, the node goes on", async () => {
  const { node, connection } = await startedNode();
  const other = await Connection.to(node.endpoint);
  const closed = other.closed;
  other.sendText("x".repeat(2 * 1024 * 1024));
  await closed;
  for (const text of ["", "{", "null", "[]", "[1]", '{"id":1}', '{"id":{},"method":"system_chain"}']) {
    connection.sendText(text);
  }
  const refusals = [
    ["nothing_known", []],
    ["state_getStorage", ["no hexadecimal digits"]],
    ["state_getStorage", ["0x00", `0x${"ab".repeat(32)}`]],
    ["state_queryStorageAt", [{ length: 1e9 }]],
    ["state_call", ["Unknown_method", "0x"]],
    ["state_call", ["StakeInfoRuntimeApi_get_stake_info_for_hotkey_coldkey_netuid", "0x00"]],
    ["payment_queryInfo", ["0xffffffffffff"]],
    ["system_accountNextIndex", ["nobody"]],
    ["state_getKeysPaged", ["0x", 1e9]],
  ] as const;
  const codes = [];
  for (const [method, params] of refusals) codes.push((await connection.ask(method, ...params)).error?.code);
  expect(codes).toEqual([-32_601, -32_602, -32_000, -32_602, -32_000, -32_602, -32_602, -32_602, -32_602]);
  expect(await connection.call("system_chain")).toBe("Crusader practice network");
});

test("pages in browsers are not let in, and another name for this machine neither", async () => {
  const { node } = await startedNode();
  const outcome = (headers: Record<string, string>) =>
    new Promise((resolve) => {
      const socket = new WebSocket(node.endpoint, { headers });
      socket.once("open", () => resolve("open")).once("error", ({ message }) => resolve(message));
      onTestFinished(() => socket.terminate());
    });
  expect([
    await outcome({ origin: "https://page.example" }),
    await outcome({ host: "page.example" }),
    await outcome({}),
  ]).toEqual(["Unexpected server response: 401", "Unexpected server response: 401", "open"]);
});

test("files are served under an address of their own each, as bytes, and can change", async () => {
  const { node } = await startedNode();
  const content = Buffer.from("def inner_steps(): ...\n\u00e9");
  const [first, second] = [node.publish(content), node.publish(content)];
  expect(first).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/files\/[0-9a-f]{12}\/train\.py$/);
  const answer = await fetch(first);
  expect([answer.status, answer.headers.get("content-type"), Buffer.from(await answer.arrayBuffer())]).toEqual([
    200,
    "text/plain; charset=utf-8",
    content,
  ]);
  node.files.replace(new URL(second).pathname, null);
  const statuses = [second, `${node.filesOrigin}/files/../chain.jsonl`, `${node.filesOrigin}/control/stop`];
  expect(await Promise.all(statuses.map(async (url) => (await fetch(url)).status))).toEqual([404, 404, 404]);
});

test("a chain goes on after a restart: its blocks, its values, its beacon, its files", async () => {
  const folder = mkdtempSync(join(tmpdir(), "crusader-practice-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { node, connection } = await startedNode({ folder });
  const { hotkey, coldkey } = await node.createMiner();
  const { call } = committed(node, "over the restart", 4);
  await connection.call("author_submitExtrinsic", signed(node, hotkey, call));
  const inclusion = node.mine();
  const path = new URL(node.publish(Buffer.from("a file"))).pathname;
  node.mine();
  node.fork(1);
  await node.stop();

  const again = (await startedNode({ folder })).node;
  const shown = ({ chain }: typeof node) => ({
    genesis: chain.genesisHash,
    head: chain.head,
    included: chain.block(inclusion.hash)?.extrinsics,
    final: chain.finalized.hash,
    values: [...chain.state].sort(),
    before: [...(chain.stateAt(inclusion.hash) ?? [])].sort(),
    beacon: Buffer.from(chain.beacon.publicKey).toString("hex"),
  });
  expect(shown(again)).toEqual(shown(node));
  expect(await (await fetch(again.filesOrigin + path)).text()).toBe("a file");
  again.mine(2);
  expect(revealedTexts(again, hotkey.publicKey)).toEqual([["over the restart", 6n]]);
  expect(freeRao(again, coldkey)).toBe(10n * TAO);
  await again.stop();

  // As a crash leaves it: the last line is torn.
  const file = join(folder, "chain.jsonl");
  truncateSync(file, readFileSync(file).length - 100);
  const torn = (await startedNode({ folder })).node;
  expect(torn.chain.head.hash).toBe(again.chain.block(again.chain.head.parentHash)?.hash);
  torn.mine();
  expect(revealedTexts(torn, hotkey.publicKey)).toEqual([["over the restart", 6n]]);
  await torn.stop();

  writeFileSync(file, "{}");
  await expect(PracticeNode.start({ folder })).rejects.toMatchObject({ code: "data_folder" });
});

test("its end waits for nobody who says nothing", async () => {
  const { node, connection } = await startedNode();
  const silent = connect(node.port, "127.0.0.1");
  await once(silent, "connect");
  const closed = connection.closed;
  await Promise.all([node.stop(), closed, once(silent, "close")]);
});

test("an answer can take its time, and what was taken need not be heard of again", async () => {
  const { node, connection } = await startedNode({ faults: { answerDelayMs: 200 } });
  const { coldkey } = await node.createMiner();
  const asked = performance.now();
  await connection.call("system_chain");
  // Timers may be a little early.
  expect(performance.now() - asked).toBeGreaterThan(190);
  Object.assign(node.faults, { answerDelayMs: 0, mutedAfterSubmit: true });
  const extrinsic = signed(node, coldkey, CALLS.remark());
  const heads = await connection.call("chain_subscribeFinalizedHeads");
  const subscription = await connection.call("author_submitAndWatchExtrinsic", extrinsic);
  node.mine(5);
  await connection.told(heads, 4);
  node.faults.mutedAfterSubmit = false;
  expect([await connection.told(subscription, 0), freeRao(node, coldkey) < 10n * TAO]).toEqual([[], true]);
});

test("blocks come by themselves at their pace, with the time of this machine", async () => {
  const { node, connection } = await startedNode({ paced: true, secondsPerBlock: 0.25 });
  const subscription = await connection.call("chain_subscribeFinalizedHeads");
  const [first, second, third] = (await connection.told(subscription, 3)) as { number: string }[];
  expect([first, second, third].map((head) => Number(head?.number))).toEqual([0, 1, 2]);
  expect(Math.abs(node.chain.head.timestampMs - Date.now())).toBeLessThan(60_000);
});

test("bytes that are no text are revealed as they are", async () => {
  const { node, connection } = await startedNode();
  const { hotkey } = await node.createMiner();
  const round = node.chain.beacon.newestRound(node.chain.head.timestampMs) + 4;
  const ciphertext = encrypt(Buffer.of(255, 254, 253), round, { beacon: node.beacon });
  await connection.call("author_submitExtrinsic", signed(node, hotkey, CALLS.commitment(ciphertext, round)));
  node.mine(2);
  const stored = node.chain.state.get(KEYS.revealedCommitments(3, hotkey.publicKey));
  expect(stored?.subarray(0, 5)).toEqual(Buffer.of(4, 12, 255, 254, 253));
});
