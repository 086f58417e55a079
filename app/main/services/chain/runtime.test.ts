import { readFileSync } from "node:fs";
import { TypeRegistry } from "@polkadot/types";
import { beforeAll, expect, test } from "vitest";
import type { SignerPayload } from "../../../common/chain.ts";
import { PracticeNode } from "../practice/index.ts";
import { addressOf } from "../wallets/index.ts";
import { NodeConnection } from "./node-connection.ts";
import { Runtime } from "./runtime.ts";
import { toHex } from "./scale.ts";

/** Made with the real runtime's metadata (spec 343), by another program. */
const REAL: { calls: Record<string, string> } = JSON.parse(
  readFileSync(new URL("../../../../fixtures/practice/runtime-bytes.json", import.meta.url), "utf8"),
);

const VERSION = { specName: "node-subtensor", specVersion: 343, transactionVersion: 1 };
const A = addressOf(Buffer.alloc(32, 0x11));
const B = addressOf(Buffer.alloc(32, 0x22));

let metadata = "";

beforeAll(async () => {
  const node = await PracticeNode.start({ paced: false });
  const connection = await NodeConnection.open(node.endpoint, { timeoutMs: 10_000 });
  metadata = String(await connection.request("state_getMetadata", []));
  connection.close();
  await node.stop();
});

/** The metadata with a name in it changed for one as long. */
function renamed(from: string, to: string): string {
  const hex = (text: string) => Buffer.from(text).toString("hex");
  expect([from.length, metadata.includes(hex(from))]).toEqual([to.length, true]);
  return metadata.replaceAll(hex(from), hex(to));
}

const CALLS = {
  add_stake: { kind: "add_stake", hotkey: A, netuid: 3, amountRao: "050000000" },
  transfer_stake: {
    kind: "transfer_stake",
    destinationColdkey: A,
    hotkey: B,
    originNetuid: 3,
    destinationNetuid: 3,
    alphaAmount: "1234567890",
  },
  set_commitment: { kind: "set_commitment", netuid: 3, encrypted: "0xABCDEF", revealRound: 1000 },
} as const;

function payloadFor(runtime: Runtime, method: string): SignerPayload {
  return {
    address: A,
    blockHash: toHex(Buffer.alloc(32, 0x44)),
    blockNumber: "0x000003e8",
    era: runtime.era(1000, 64).era,
    genesisHash: toHex(Buffer.alloc(32, 0x33)),
    method,
    mode: 0,
    nonce: "0x00000005",
    signedExtensions: runtime.signedExtensions(),
    specVersion: "0x00000157",
    tip: "0x00",
    transactionVersion: "0x00000001",
    version: 4,
  };
}

test("calls and what is signed are the real runtime's bytes", async () => {
  const runtime = await Runtime.read(metadata, VERSION);
  expect(runtime.differences()).toEqual([]);
  runtime.checkExtensions();
  expect(await runtime.method(CALLS.add_stake)).toBe(REAL.calls.add_stake);
  expect(await runtime.method(CALLS.transfer_stake)).toMatch(/^0x0756(?:11){32}(?:22){32}03000300d202964900000000$/);
  const commitment = await runtime.method(CALLS.set_commitment);
  expect(commitment).toBe("0x1200030004860cabcdefe803000000000000");
  // What is signed, by hand: call, era, nonce, tip, mode; spec, transaction version, genesis, birth of the era, no metadata hash.
  expect(toHex(runtime.signedBytes(payloadFor(runtime, commitment)))).toBe(
    `${commitment}8502${"14"}${"00"}${"00"}5701000001000000${"33".repeat(32)}${"44".repeat(32)}00`,
  );
});

test("a browser's extension signs the same bytes, whether it has the chain's metadata or not", async () => {
  const runtime = await Runtime.read(metadata, VERSION);
  for (const call of Object.values(CALLS)) {
    const payload = payloadFor(runtime, await runtime.method(call));
    const registry = new TypeRegistry();
    registry.setSignedExtensions(payload.signedExtensions, undefined, true);
    const theirs = registry.createType("ExtrinsicPayload", payload, { version: payload.version });
    expect(theirs.toHex().endsWith(toHex(runtime.signedBytes(payload)).slice(2))).toBe(true);
  }
});

test("arguments are read back in words, and nothing else is taken for one of the calls", async () => {
  const runtime = await Runtime.read(metadata, VERSION);
  expect(runtime.decoded(await runtime.method(CALLS.transfer_stake))).toEqual({
    name: "SubtensorModule.transfer_stake",
    arguments: [
      { name: "destination_coldkey", value: A },
      { name: "hotkey", value: B },
      { name: "origin_netuid", value: "3" },
      { name: "destination_netuid", value: "3" },
      { name: "alpha_amount", value: "1.23456789 alpha (1,234,567,890 rao)" },
    ],
  });
  expect(runtime.decoded(REAL.calls.remark ?? "")).toMatchObject({ name: "System.remark" });
  expect(() => runtime.decoded("0xffff")).toThrow("That is no call of this chain.");
  // One byte more than the call has.
  expect(() => runtime.decoded(`${REAL.calls.add_stake}00`)).toThrow("That is no call of this chain.");
});

test("what an unknown extension adds is refused, unless it adds nothing", async () => {
  const unknown = async (from: string, to: string) =>
    (await Runtime.read(renamed(from, to), VERSION)).checkExtensions.bind(
      await Runtime.read(renamed(from, to), VERSION),
    );
  expect(await unknown("DrandPriority", "DrandWhatever")).not.toThrow();
  expect(await unknown("CheckNonce", "CheckNance")).toThrow(
    'It wants "CheckNance" signed, which Crusader does not know.',
  );
  expect(await unknown("CheckGenesis", "CheckGenesys")).toThrow('"CheckGenesys" signed');
  // Empty where something is to be, and the other way round.
  expect(await unknown("CheckWeight", "CheckTxNonc")).not.toThrow();
  expect(await unknown("CheckNonZeroSender", "CheckMetadataHashX")).not.toThrow();
});

test("calls that are not there, or take something else, are said to be so before anything is signed", async () => {
  const with_ = (from: string, to: string) => Runtime.read(renamed(from, to), VERSION);
  const missing = await with_("set_commitment", "set_commitmant");
  expect(missing.differences()).toEqual(["This runtime has no Commitments.set_commitment."]);
  await expect(missing.method(CALLS.set_commitment)).rejects.toThrow("It has no Commitments.set_commitment.");
  const other = await with_("amount_staked", "amount_stakes");
  await expect(other.method(CALLS.add_stake)).rejects.toThrow(
    "Its SubtensorModule.add_stake takes other arguments than Crusader knows.",
  );
  const plain = await with_("TimelockEncrypted", "TimelockDecrypted");
  await expect(plain.method(CALLS.set_commitment)).rejects.toThrow("Its commitments hold no encrypted texts.");
  const moved = await with_("LastStoredRound", "FirstStoredRond");
  expect(() => moved.storageKey("Drand", "LastStoredRound", [])).toThrow("It has no Drand.LastStoredRound.");
});

test("what is stored is read strictly, with the chain's own defaults where nothing is", async () => {
  const runtime = await Runtime.read(metadata, VERSION);
  expect([
    runtime.storageValue("SubtensorModule", "Uids", null),
    runtime.storageValue("SubtensorModule", "Uids", "0x0500"),
    runtime.storageValue("Commitments", "MaxSpace", null),
    runtime.storageValue("System", "Number", "0xd2040000"),
  ]).toEqual([null, 5, 3100, 1234]);
  // Too short, too long.
  for (const hex of ["0x05", "0x050000", "0x"]) {
    expect(() => runtime.storageValue("SubtensorModule", "Uids", hex)).toThrow(
      "The node's SubtensorModule.Uids does not fit its own metadata.",
    );
  }
});

test("what is no metadata of such a chain is refused", async () => {
  const refused = (hex: unknown) => expect(Runtime.read(hex, VERSION)).rejects;
  await refused(null).toMatchObject({ code: "chain_refused" });
  await refused("metadata").toThrow("it tells no metadata");
  await refused("0x00112233").toMatchObject({ code: "chain_refused" });
  await refused(renamed("Commitments", "Kommitments")).toThrow("it has no Commitments.CommitmentOf");
  await refused(metadata.slice(0, 2000)).toMatchObject({ code: "chain_refused" });
  await refused(metadata.replace("0x6d6574610e", "0x6d6574610d")).toMatchObject({ code: "chain_refused" });
});

test("an extension of a type that contains itself is unknown, and ends nothing", async () => {
  const name = (text: string) => Buffer.from([text.length << 2, ...Buffer.from(text)]).toString("hex");
  const path = `0c${["node_subtensor_runtime", "check_nonce", "CheckNonce"].map(name).join("")}`;
  // Its number; a parameter T of no type; one field, which has no name, of a type of the other number.
  const nonce = new RegExp(`(.{4})(${path}04${name("T")}00000400)(.{2})(01${name("T::Nonce")})`);
  expect(metadata).toMatch(nonce);
  const runtime = await Runtime.read(metadata.replace(nonce, "$1$2$1$4"), VERSION);
  expect(() => runtime.checkExtensions()).toThrow(
    expect.objectContaining({
      code: "chain_refused",
      message: expect.stringContaining('It wants "CheckNonce" signed, which Crusader knows in another form.'),
    }),
  );
});
