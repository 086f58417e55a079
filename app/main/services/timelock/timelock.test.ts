import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { initSync, tld, tle } from "@ideallabs/timelock_wasm_wrapper";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { expect, test } from "vitest";
import { CrusaderError, type ErrorReport } from "../../../common/errors.ts";
import { roundPoint } from "./beacon.ts";
import {
  type Beacon,
  decrypt,
  decryptText,
  encrypt,
  encryptText,
  isSignatureOf,
  MAX_CIPHERTEXT_BYTES,
  OVERHEAD_BYTES,
  QUICKNET,
  type RevealTime,
  revealRound,
  roundTimeMs,
} from "./index.ts";
import { proveReadable } from "./timelock.ts";

type KnownAnswers = {
  signatures: { round: number; signature: string }[];
  encryption: Record<"message" | "key" | "sigma" | "nonce" | "ciphertext", string> & { round: number };
};

const KNOWN: KnownAnswers = JSON.parse(
  readFileSync(new URL("../../../../fixtures/timelock/known-answers.json", import.meta.url), "utf8"),
);
const [OF_1000 = Buffer.alloc(0), OF_2000 = Buffer.alloc(0)] = KNOWN.signatures.map(({ signature }) => hex(signature));
const MAX_MESSAGE_BYTES = MAX_CIPHERTEXT_BYTES - OVERHEAD_BYTES;

/** A beacon of our own: whose secret we know, so that every round has a signature. */
const OWN_SECRET = 0x5eedn;
const OWN: Beacon = {
  publicKey: bls12_381.G2.Point.BASE.multiply(OWN_SECRET).toBytes(),
  genesisSeconds: 1_000_000_000,
  periodSeconds: 1,
};

function hex(text: string): Buffer {
  return Buffer.from(text, "hex");
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Looks random, and is the same in every run. */
function scattered(name: string, byteCount: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(byteCount / 32) }, (_, index) =>
    createHash("sha256").update(`${name} ${index}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, byteCount);
}

/** 200 messages; every length from 1 to 128 bytes is among them. */
const MESSAGES = Array.from({ length: 200 }, (_, index) => scattered(`message ${index}`, (index % 128) + 1));

const CIPHERTEXTS = MESSAGES.map((message) => encrypt(message, 1000));

function reportOf(action: () => unknown): ErrorReport | null {
  let report: ErrorReport | null = null;
  const taken = expect.toSatisfy((error: unknown) => {
    report = error instanceof CrusaderError ? error.report() : null;
    return report !== null;
  });
  expect(action).toThrow(taken);
  return report;
}

const FAILED = { code: "commitment_failed", message: expect.any(String), hint: expect.any(String), detail: "" };

test("the known answers of the chain's implementation, to the byte", () => {
  const { round, message, key, sigma, nonce, ciphertext } = KNOWN.encryption;
  const random = () => Buffer.concat([hex(sigma), hex(key), hex(nonce)]);
  expect(hexOf(encrypt(Buffer.from(message), round, { random }))).toBe(ciphertext);
  expect(Buffer.from(decrypt(hex(ciphertext), OF_1000)).toString()).toBe(message);
});

test("the beacon's signatures are known from others", () => {
  const flipped = Buffer.from(OF_1000.with(47, 0));
  expect([
    isSignatureOf(1000, OF_1000),
    isSignatureOf(2000, OF_2000),
    isSignatureOf(1000, OF_2000),
    isSignatureOf(1001, OF_1000),
    isSignatureOf(1000, OF_1000, OWN),
    isSignatureOf(1000, flipped),
    isSignatureOf(1000, OF_1000.subarray(1)),
    isSignatureOf(1000, Buffer.alloc(48)),
    // The point at infinity, which would open what was encrypted for no key at all.
    isSignatureOf(1000, Buffer.alloc(48).fill(0xc0, 0, 1)),
  ]).toEqual([true, true, false, false, false, false, false, false, false]);
});

test("messages of every length come back", () => {
  expect(CIPHERTEXTS.map(({ length }) => length)).toEqual(MESSAGES.map(({ length }) => length + OVERHEAD_BYTES));
  const opened = CIPHERTEXTS.map((ciphertext) => hexOf(decrypt(ciphertext, OF_1000)));
  expect(opened).toEqual(MESSAGES.map(hexOf));
});

test("the same text never gives the same bytes: key, mask, point and nonce are fresh each time", () => {
  const times = 40;
  const ciphertexts = Array.from({ length: times }, () => encryptText("the same", 1000));
  const parts = { u: [0, 96], v: [104, 136], w: [144, 176], nonce: [-28, -16] };
  const distinct = Object.entries(parts).map(([name, [from, to]]) => [
    name,
    new Set(ciphertexts.map((bytes) => hexOf(bytes.slice(from, to)))).size,
  ]);
  expect(distinct).toEqual(Object.keys(parts).map((name) => [name, times]));
});

test.each([
  ["short", "a"],
  ["the longest with a prefix of one byte", "x".repeat(63)],
  ["the shortest with a prefix of two", "x".repeat(64)],
  ["what the reference miner allows", "0".repeat(128)],
  ["more than ASCII", "gr\u00fc\u00dfe \u{1f9e8} \ufeffmark"],
  ["as much as the chain takes", "y".repeat(MAX_MESSAGE_BYTES - 2)],
  ["nothing", ""],
])("a text: %s", (_, text) => {
  expect(decryptText(encryptText(text, 1000), OF_1000)).toBe(text);
});

test("a text longer than the chain takes is refused before anything is encrypted", () => {
  const random = () => expect.fail("nothing random is needed");
  expect(reportOf(() => encryptText("y".repeat(MAX_MESSAGE_BYTES - 1), 1000, { random }))).toEqual({
    code: "too_large",
    message: "The text has 779 bytes; encrypted it would be larger than the 1024 bytes that the chain takes.",
    hint: "Shorten it.",
    detail: "",
  });
  expect(reportOf(() => encryptText("y".repeat(100_000), 1000, { random }))).toMatchObject({ code: "too_large" });
});

test.each([
  ["no prefix", Buffer.from("https://a.example")],
  ["a length that is not the text's", Buffer.from([8, 0x61])],
  ["a length in more bytes than it needs", Buffer.from([5, 0, 0x61])],
  ["no UTF-8", Buffer.from([4, 0xff])],
  ["nothing at all", Buffer.alloc(0)],
])("bytes that are no text of the chain's form are not taken for one: %s", (_, message) => {
  expect(reportOf(() => decryptText(encrypt(message, 1000), OF_1000))).toEqual({
    ...FAILED,
    message: "The time-locked message cannot be read: what was encrypted is no text of the chain's form.",
  });
});

test("a change of any single byte is noticed, as is a byte too few or too many", () => {
  const ciphertext = hex(KNOWN.encryption.ciphertext);
  expect(Buffer.from(decrypt(ciphertext, OF_1000)).toString()).toBe(KNOWN.encryption.message);
  const reasonOf = (bytes: Uint8Array) => reportOf(() => decrypt(bytes, OF_1000))?.message.split(": ")[1];
  const layout = "the bytes are not those of a time-locked message.";
  const point = "its first 96 bytes are no point of the curve.";
  const other = "it is damaged, or was encrypted for another round or beacon.";
  const text = "its text is damaged.";
  const flipped = Array.from(ciphertext, (byte, index) => reasonOf(ciphertext.with(index, byte ^ 1)));
  // U: rarely is such a number a point of the curve, and then not one of the subgroup.
  expect(flipped.slice(0, 96)).toEqual(Array(96).fill(point));
  const expected = [
    [8, layout],
    [32, other],
    [8, layout],
    [32, other],
    [8 + 8, layout],
    [30, text],
    [8, layout],
    [12, text],
    [8 + 8, layout],
  ] as const;
  expect(flipped.slice(96)).toEqual(expected.flatMap(([byteCount, reason]) => Array(byteCount).fill(reason)));
  // The sign of the point: a point it is, of another ciphertext.
  expect(reasonOf(ciphertext.with(0, (ciphertext[0] ?? 0) ^ 0x20))).toBe(other);
  const lengths = Array.from({ length: ciphertext.length }, (_, length) => ciphertext.subarray(0, length));
  const trailing = [Buffer.concat([ciphertext, Buffer.alloc(1)]), Buffer.concat([ciphertext, ciphertext])];
  expect(new Set([...lengths, ...trailing].map(reasonOf))).toEqual(new Set([layout]));
});

test("lengths beyond all memory are no way in", () => {
  const ciphertext = hex(KNOWN.encryption.ciphertext);
  for (const offset of [96, 136, 176, 184]) {
    const huge = Buffer.from(ciphertext);
    huge.writeBigUInt64LE(2n ** 64n - 1n, offset);
    expect(reportOf(() => decrypt(huge, OF_1000))).toEqual({
      ...FAILED,
      message: "The time-locked message cannot be read: the bytes are not those of a time-locked message.",
    });
  }
});

test("another round's signature, another beacon's, and what is none, open nothing", () => {
  const message = Buffer.from("closed");
  const other = "it is damaged, or was encrypted for another round or beacon";
  const none = "what should open it is no signature of a beacon";
  const reasons = [
    [encrypt(message, 1000), OF_2000, other],
    [encrypt(message, 1000, { beacon: OWN }), OF_1000, other],
    [encrypt(message, 1000), Buffer.alloc(48), none],
    [encrypt(message, 1000), OF_1000.subarray(1), none],
  ] as const;
  expect(reasons.map(([bytes, signature]) => reportOf(() => decrypt(bytes, signature)))).toEqual(
    reasons.map(([, , reason]) => ({ ...FAILED, message: `The time-locked message cannot be read: ${reason}.` })),
  );
});

test("a beacon of one's own encrypts for its own key", () => {
  const signature = roundPoint(77).multiply(OWN_SECRET).toBytes();
  expect(isSignatureOf(77, signature, OWN)).toBe(true);
  expect(decryptText(encryptText("practice", 77, { beacon: OWN }), signature)).toBe("practice");
});

test("what would not open is found before it leaves", () => {
  const message = Buffer.from("proven");
  const secret = { sigma: scattered("sigma", 32), key: scattered("key", 32) };
  const lock = { identity: roundPoint(1000), publicKey: bls12_381.G2.Point.fromBytes(QUICKNET.publicKey) };
  const random = () => Buffer.concat([secret.sigma, secret.key, scattered("nonce", 12)]);
  const ciphertext = encrypt(message, 1000, { random });
  expect(proveReadable(ciphertext, { message, secret, lock })).toBeUndefined();
  const otherRound = { ...lock, identity: roundPoint(1001) };
  const otherKey = { ...lock, publicKey: bls12_381.G2.Point.fromBytes(OWN.publicKey) };
  const wrong = [
    () => proveReadable(ciphertext.with(245, 0), { message, secret, lock }),
    () => proveReadable(ciphertext.with(195, 0), { message, secret, lock }),
    () => proveReadable(ciphertext, { message: Buffer.from("proves"), secret, lock }),
    () => proveReadable(ciphertext, { message, secret: { ...secret, key: secret.sigma }, lock }),
    () => proveReadable(ciphertext, { message, secret, lock: otherRound }),
    () => proveReadable(ciphertext, { message, secret, lock: otherKey }),
  ];
  const damaged = "it is damaged, or was encrypted for another round or beacon";
  const reasons = ["its parts are not where they belong", "its text is damaged", "it holds another text", damaged];
  expect(wrong.map((prove) => reportOf(prove)?.message)).toEqual(
    [...reasons, damaged, damaged].map(
      (reason) => `The commitment was encrypted, but could not be read back: ${reason}. Nothing of it was used.`,
    ),
  );
});

test.each([
  ["too few bytes", () => Buffer.alloc(75, 1)],
  ["too many", () => Buffer.alloc(77, 1)],
  ["always the same byte", () => Buffer.alloc(76, 1)],
])("a broken source of random numbers is noticed: %s", (_, random) => {
  expect(reportOf(() => encrypt(Buffer.from("x"), 1000, { random }))).toEqual({
    ...FAILED,
    message:
      "The commitment was not encrypted: the source of random numbers of this machine is broken. Nothing of it was used.",
  });
});

test("a beacon's key that is none is refused", () => {
  const beacon = { ...QUICKNET, publicKey: Buffer.alloc(96, 1) };
  expect(reportOf(() => encrypt(Buffer.from("x"), 1000, { beacon }))).toMatchObject({ code: "usage" });
});

test.each([0, -1, 1.5, 2 ** 53, Number.NaN])("%s is no round", (round) => {
  expect(reportOf(() => encrypt(Buffer.from("x"), round))).toEqual({
    code: "usage",
    message: `${round} is no round of a beacon: rounds are whole numbers from 1.`,
    hint: "",
    detail: "",
  });
});

const NOW_MS = 1_795_244_400_000;

test.each<[RevealTime, number]>([
  // floor((1795244400 - 1692803367 + 120) / 3)
  [{ chainTimeMs: NOW_MS, blocksUntilReveal: 10, blockTimeSeconds: 12 }, 34_147_051],
  [{ chainTimeMs: NOW_MS + 999, blocksUntilReveal: 10, blockTimeSeconds: 12 }, 34_147_051],
  [{ chainTimeMs: NOW_MS, blocksUntilReveal: 1, blockTimeSeconds: 12 }, 34_147_015],
  [{ chainTimeMs: NOW_MS, blocksUntilReveal: 360, blockTimeSeconds: 12 }, 34_148_451],
  // 7.5 s are 8.
  [{ chainTimeMs: NOW_MS, blocksUntilReveal: 30, blockTimeSeconds: 0.25 }, 34_147_013],
])("the round of %o", (reveal, round) => {
  expect(revealRound(reveal)).toBe(round);
});

test("a round's time is when it is published, and a round that is out is never chosen", () => {
  expect([roundTimeMs(1), roundTimeMs(1000)]).toEqual([1_692_803_367_000, 1_692_806_364_000]);
  for (let offsetMs = 0; offsetMs < 3000; offsetMs += 100) {
    const chainTimeMs = NOW_MS + offsetMs;
    const at = (blocksUntilReveal: number) => () =>
      revealRound({ chainTimeMs, blocksUntilReveal, blockTimeSeconds: 1 });
    for (let blocks = 1; blocks <= 12; blocks += 1) {
      const round = Math.floor((Math.floor(chainTimeMs / 1000) - 1_692_803_367 + blocks) / 3);
      if (roundTimeMs(round) > chainTimeMs) expect(at(blocks)()).toBe(round);
      else {
        expect(reportOf(at(blocks))).toEqual({
          code: "usage",
          message: `The key of round ${round} was published already: everybody could read the text at once.`,
          hint: "Reveal it later: after at least 7 blocks.",
          detail: "",
        });
        expect(blocks).toBeLessThan(7);
      }
    }
  }
});

test.each([
  [{ blocksUntilReveal: 0 }, "A text is revealed after a whole number of blocks, at least one."],
  [{ blocksUntilReveal: 1.5 }, "A text is revealed after a whole number of blocks, at least one."],
  [{ blockTimeSeconds: 0 }, "The time of a block is a number of seconds above zero."],
  [{ blockTimeSeconds: Number.POSITIVE_INFINITY }, "The time of a block is a number of seconds above zero."],
  [
    { chainTimeMs: 0 },
    "The chain's time is before the first round of the beacon, so no round can be computed from it.",
  ],
  [
    { chainTimeMs: Number.NaN },
    "The chain's time is before the first round of the beacon, so no round can be computed from it.",
  ],
])("a time that makes no round: %o", (wrong, message) => {
  const right = { chainTimeMs: NOW_MS, blocksUntilReveal: 10, blockTimeSeconds: 12 };
  expect(reportOf(() => revealRound({ ...right, ...wrong }))).toMatchObject({ code: "usage", message });
});

test("the chain's implementation as WebAssembly reads ours, and we read its", () => {
  const module = import.meta.resolve("@ideallabs/timelock_wasm_wrapper/timelock_wasm_wrapper_bg.wasm");
  initSync({ module: readFileSync(fileURLToPath(module)) });
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(1000n);
  const identity = createHash("sha256").update(number).digest();
  const theirs = MESSAGES.map((message, index) =>
    tle(identity, message, scattered(`key ${index}`, 32), QUICKNET.publicKey, "bls12_381"),
  );
  expect(theirs.map((ciphertext) => hexOf(decrypt(Uint8Array.from(ciphertext), OF_1000)))).toEqual(MESSAGES.map(hexOf));
  const read = CIPHERTEXTS.map((ciphertext) => tld(ciphertext, OF_1000, "bls12_381"));
  expect(read.map((message) => hexOf(Uint8Array.from(message)))).toEqual(MESSAGES.map(hexOf));
});

/** Reads {signature, messages, ciphertexts, text}; the package wraps a ciphertext with its round, as in SCALE. */
const ORACLE = `
import json, sys
import bittensor_drand

def compact(length):
    return bytes([length << 2]) if length < 64 else ((length << 2) | 1).to_bytes(2, "little")

def unwrapped(data):
    prefix = 1 if data[0] & 3 == 0 else 2
    assert data[:prefix] == compact(len(data) - prefix - 8) and data[-8:] == (1000).to_bytes(8, "little")
    return data[prefix:-8]

def wrapped(data):
    return compact(len(data)) + data + (1000).to_bytes(8, "little")

asked = json.load(sys.stdin)
encrypted = [unwrapped(bittensor_drand.encrypt_at_round(bytes.fromhex(m), 1000)[0]).hex() for m in asked["messages"]]
read = [
    bittensor_drand.decrypt_with_signature(wrapped(bytes.fromhex(c)), asked["signature"]).hex()
    for c in asked["ciphertexts"]
]
commitment, commitment_round = bittensor_drand.get_encrypted_commitment(asked["text"], 360, 12.0)
json.dump(
    {"encrypted": encrypted, "read": read, "commitmentBytes": len(commitment), "commitmentRound": commitment_round},
    sys.stdout,
)
`;

test("the chain's implementation in PyPI's bittensor-drand reads ours, and we read its", (context) => {
  const python = process.env.CRUSADER_PYTHON_ENV;
  if (!python) return context.skip("needs python: CRUSADER_PYTHON_ENV names no environment");
  if (spawnSync(python, ["-c", "import bittensor_drand"]).status !== 0) {
    return context.skip("needs python: the environment lacks bittensor-drand (simulator-image/requirements-test.txt)");
  }
  const text = "0".repeat(128);
  const ciphertexts = CIPHERTEXTS.map(hexOf);
  const asked = { signature: hexOf(OF_1000), messages: MESSAGES.map(hexOf), ciphertexts, text };
  const reveal = () => revealRound({ chainTimeMs: Date.now(), blocksUntilReveal: 360, blockTimeSeconds: 12 });
  const earliest = reveal();
  const { stdout, stderr } = spawnSync(python, ["-c", ORACLE], { input: JSON.stringify(asked), maxBuffer: 1 << 26 });
  expect(stderr.toString()).toBe("");
  const latest = reveal();
  const answer = JSON.parse(stdout.toString());
  expect(answer).toEqual({
    encrypted: expect.any(Array),
    read: asked.messages,
    commitmentBytes: encryptText(text, 1000).length,
    commitmentRound: expect.toSatisfy((round: number) => round >= earliest && round <= latest),
  });
  expect(answer.encrypted.map((bytes: string) => hexOf(decrypt(hex(bytes), OF_1000)))).toEqual(asked.messages);
});
