/**
 * Encrypts a text so that anybody can read it from a round of the beacon on, and nobody before: identity-based
 * encryption (Boneh-Franklin, FullIdent) of a key for AES-256-GCM, byte for byte as the chain does it
 * (spec/chain.md, "Timelock encryption").
 */
import { createHash, randomBytes } from "node:crypto";
import { gcm } from "@noble/ciphers/aes.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { CrusaderError } from "../../../common/errors.ts";
import { type Beacon, QUICKNET, roundPoint, signaturePoint } from "./beacon.ts";
import {
  type Ciphertext,
  concatenated,
  equalBytes,
  KEY_BYTES,
  NONCE_BYTES,
  OVERHEAD_BYTES,
  parseCiphertext,
  serializeCiphertext,
} from "./ciphertext.ts";

/** What the chain takes. */
export const MAX_CIPHERTEXT_BYTES = 1024;

export type EncryptOptions = {
  beacon?: Beacon;
  /** As many random bytes as asked for; only tests have another source than the system's. */
  random?: (byteCount: number) => Uint8Array;
};

const { Fp12 } = bls12_381.fields;
const { pairing, G2 } = bls12_381;
/** A copy: for the library's own point it first makes a table, which takes longer (0.1 s) than all the rest. */
const BASE = G2.Point.fromAffine(G2.Point.BASE.toAffine());

type Secret = { sigma: Uint8Array; key: Uint8Array };
/** What only the beacon's signature of a round opens. */
type Lock = { identity: ReturnType<typeof roundPoint>; publicKey: ReturnType<typeof keyPoint> };
type Gt = ReturnType<typeof pairing>;

/**
 * The commitment's text as the chain wants it: a SCALE string, encrypted. Throws `usage` for an impossible round,
 * `too_large` for more than the chain takes, `commitment_failed` where the result does not prove right.
 */
export function encryptText(text: string, round: number, options: EncryptOptions = {}): Uint8Array {
  const message = scaleString(text);
  if (message.length + OVERHEAD_BYTES > MAX_CIPHERTEXT_BYTES) {
    throw new CrusaderError(
      "too_large",
      `The text has ${Buffer.byteLength(text)} bytes; encrypted it would be larger than the ${MAX_CIPHERTEXT_BYTES} bytes that the chain takes.`,
      "Shorten it.",
    );
  }
  return encrypt(message, round, options);
}

/** The reverse of `encryptText`. Throws `commitment_failed`, also where what was encrypted is no SCALE string. */
export function decryptText(ciphertext: Uint8Array, signature: Uint8Array): string {
  const text = textOfScale(decrypt(ciphertext, signature));
  if (text === null) throw unreadable("what was encrypted is no text of the chain's form");
  return text;
}

/** Encrypts bytes as they are; what leaves was parsed back and decrypted first. Throws `usage`, `commitment_failed`. */
export function encrypt(
  message: Uint8Array,
  round: number,
  { beacon = QUICKNET, random = randomBytes }: EncryptOptions = {},
): Uint8Array {
  const { sigma, key, nonce } = freshSecret(random);
  const lock = { identity: roundPoint(round), publicKey: keyPoint(beacon) };
  const r = scalarOf({ sigma, key });
  const ciphertext = serializeCiphertext({
    u: BASE.multiply(r).toBytes(),
    v: xor(sigma, sha256(gtBytes(pairing(lock.identity.multiply(r), lock.publicKey)))),
    w: xor(key, sha256(sigma)),
    sealed: gcm(key, nonce).encrypt(message),
    nonce,
  });
  proveReadable(ciphertext, { message, secret: { sigma, key }, lock });
  return ciphertext;
}

/**
 * Reads what was encrypted, with the signature (48 bytes) that the beacon published of its round. Throws
 * `commitment_failed` where the bytes are damaged or the signature is another one.
 */
export function decrypt(ciphertext: Uint8Array, signature: Uint8Array): Uint8Array {
  const parts = parseCiphertext(ciphertext);
  if (parts === null) throw unreadable("the bytes are not those of a time-locked message");
  const u = pointOfG2(parts.u);
  if (u === null) throw unreadable("its first 96 bytes are no point of the curve");
  const opening = signaturePoint(signature);
  if (opening === null) throw unreadable("what should open it is no signature of a beacon");
  const opened = open(parts, pairing(opening, u));
  if ("problem" in opened) throw unreadable(opened.problem);
  return opened.message;
}

/**
 * Reads the bytes as anybody will after the reveal, with one difference: the pairing is computed from the secret, along
 * another way than encryption took, as there is no signature yet. Throws `commitment_failed` where they do not give the
 * message.
 */
export function proveReadable(
  ciphertext: Uint8Array,
  { message, secret, lock }: { message: Uint8Array; secret: Secret; lock: Lock },
): void {
  const parts = parseCiphertext(ciphertext);
  if (parts === null) throw unproven("its parts are not where they belong");
  const gt = pairing(lock.identity, lock.publicKey.multiply(scalarOf(secret)));
  const opened = open(parts, gt);
  if ("problem" in opened) throw unproven(opened.problem);
  if (!equalBytes(opened.message, message)) throw unproven("it holds another text");
}

/** The message, where `gt` is the pairing that the ciphertext was made with, and every byte is as it was. */
function open({ u, v, w, sealed, nonce }: Ciphertext, gt: Gt): { message: Uint8Array } | { problem: string } {
  const sigma = xor(v, sha256(gtBytes(gt)));
  const key = xor(w, sha256(sigma));
  if (!equalBytes(BASE.multiply(scalarOf({ sigma, key })).toBytes(), u)) {
    return { problem: "it is damaged, or was encrypted for another round or beacon" };
  }
  try {
    return { message: gcm(key, nonce).decrypt(sealed) };
  } catch {
    return { problem: "its text is damaged" };
  }
}

function freshSecret(random: (byteCount: number) => Uint8Array): Secret & { nonce: Uint8Array } {
  const byteCount = 2 * KEY_BYTES + NONCE_BYTES;
  const bytes = Uint8Array.from(random(byteCount));
  const sigma = bytes.slice(0, KEY_BYTES);
  const key = bytes.slice(KEY_BYTES, 2 * KEY_BYTES);
  if (bytes.length !== byteCount || equalBytes(sigma, key)) {
    throw new CrusaderError(
      "commitment_failed",
      "The commitment was not encrypted: the source of random numbers of this machine is broken. Nothing of it was used.",
      "Do not submit from this machine.",
    );
  }
  return { sigma, key, nonce: bytes.slice(2 * KEY_BYTES) };
}

function scalarOf({ sigma, key }: Secret): bigint {
  return bls12_381.fields.Fr.create(BigInt(`0x${sha256(concatenated(sigma, key)).toString("hex")}`));
}

function keyPoint({ publicKey }: Beacon) {
  const point = pointOfG2(publicKey);
  if (point === null) throw new CrusaderError("usage", "The beacon's public key is none.");
  return point;
}

/** Null unless it is a point of the right subgroup, and not its zero. */
function pointOfG2(bytes: Uint8Array) {
  try {
    const point = G2.Point.fromBytes(bytes);
    point.assertValidity();
    return point.is0() ? null : point;
  } catch {
    return null;
  }
}

/** Twelve coefficients of 48 bytes, little-endian: c0.c0.c0, c0.c0.c1, c0.c1.c0 ... c1.c2.c1. */
function gtBytes(gt: Gt): Uint8Array {
  // The library writes the same coefficients in the same order, big-endian.
  const bytes = Fp12.toBytes(gt);
  const coefficientBytes = bytes.length / 12;
  for (let offset = 0; offset < bytes.length; offset += coefficientBytes) {
    bytes.subarray(offset, offset + coefficientBytes).reverse();
  }
  return bytes;
}

/** SCALE: the length as a compact integer, then the UTF-8 bytes. */
function scaleString(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  const { length } = bytes;
  if (length < 2 ** 6) return concatenated(Uint8Array.of(length << 2), bytes);
  // Two bytes reach far beyond what the chain takes.
  const prefix = Math.min(length, 2 ** 14 - 1) * 4 + 1;
  return concatenated(Uint8Array.of(prefix & 0xff, prefix >> 8), bytes);
}

function textOfScale(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const candidates = [1, 2].map((prefixBytes) => text.decode(bytes.subarray(prefixBytes)));
    return candidates.find((candidate) => equalBytes(scaleString(candidate), bytes)) ?? null;
  } catch {
    return null;
  }
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

function xor(left: Uint8Array, right: Uint8Array): Uint8Array {
  return Uint8Array.from(left, (byte, index) => byte ^ (right[index] ?? 0));
}

function unreadable(why: string): CrusaderError {
  return new CrusaderError("commitment_failed", `The time-locked message cannot be read: ${why}.`);
}

function unproven(why: string): CrusaderError {
  return new CrusaderError(
    "commitment_failed",
    `The commitment was encrypted, but could not be read back: ${why}. Nothing of it was used.`,
    "Try again; should it happen again, do not submit from this machine, and report it.",
  );
}
