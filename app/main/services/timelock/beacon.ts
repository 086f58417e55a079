/**
 * A randomness beacon: one key that signs one number after the other at a fixed pace. Who has the signature of a number
 * (a round) can read what was encrypted for it; before it is published, nobody can.
 */
import { createHash } from "node:crypto";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { CrusaderError } from "../../../common/errors.ts";

export type Beacon = {
  /** Compressed point of G2, 96 bytes. */
  publicKey: Uint8Array;
  /** When round 1 was published, in seconds since 1970. */
  genesisSeconds: number;
  periodSeconds: number;
};

/**
 * drand's quicknet, which the chain reveals by (chain hash 52db9ba7...4e971). Its key stands here, as one told by a node
 * would be as trustworthy as the node.
 */
export const QUICKNET: Beacon = {
  publicKey: Buffer.from(
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c" +
      "8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb" +
      "5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
    "hex",
  ),
  genesisSeconds: 1_692_803_367,
  periodSeconds: 3,
};

const SIGNATURE_BYTES = 48;
const HASH_TO_G1 = { DST: "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_" };

export type RevealTime = {
  /** Of the newest block; milliseconds since 1970, as `Timestamp.Now` of the chain says. This machine's clock may be wrong. */
  chainTimeMs: number;
  blocksUntilReveal: number;
  /** 12 on the public networks. */
  blockTimeSeconds: number;
};

/**
 * The round that reveals a text `blocksUntilReveal` from now. Throws `usage` where the numbers make none, or one that was
 * published already, so that the text would not be hidden at all.
 */
export function revealRound(
  { chainTimeMs, blocksUntilReveal, blockTimeSeconds }: RevealTime,
  beacon = QUICKNET,
): number {
  const { genesisSeconds, periodSeconds } = beacon;
  if (!Number.isSafeInteger(blocksUntilReveal) || blocksUntilReveal < 1) {
    throw new CrusaderError("usage", "A text is revealed after a whole number of blocks, at least one.");
  }
  if (!(Number.isFinite(blockTimeSeconds) && blockTimeSeconds > 0)) {
    throw new CrusaderError("usage", "The time of a block is a number of seconds above zero.");
  }
  const nowSeconds = Math.floor(chainTimeMs / 1000);
  const secondsUntilReveal = Math.round(blocksUntilReveal * blockTimeSeconds);
  const round = Math.floor((nowSeconds - genesisSeconds + secondsUntilReveal) / periodSeconds);
  if (!Number.isSafeInteger(round) || nowSeconds < genesisSeconds) {
    throw new CrusaderError(
      "usage",
      "The chain's time is before the first round of the beacon, so no round can be computed from it.",
      "The node may still be catching up, or be broken: wait, or use another one.",
      `Chain time in milliseconds: ${chainTimeMs}`,
    );
  }
  if (roundTimeMs(round, beacon) <= chainTimeMs) {
    throw new CrusaderError(
      "usage",
      `The key of round ${round} was published already: everybody could read the text at once.`,
      `Reveal it later: after at least ${Math.ceil((2 * periodSeconds + 1) / blockTimeSeconds)} blocks.`,
    );
  }
  return round;
}

/** When a round is published, in milliseconds since 1970. */
export function roundTimeMs(round: number, { genesisSeconds, periodSeconds }: Beacon = QUICKNET): number {
  return (genesisSeconds + periodSeconds * (round - 1)) * 1000;
}

/** What is signed in a round, as a point of G1. Throws `usage` for what is no round. */
export function roundPoint(round: number) {
  if (!Number.isSafeInteger(round) || round < 1) {
    throw new CrusaderError("usage", `${round} is no round of a beacon: rounds are whole numbers from 1.`);
  }
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(round));
  return bls12_381.G1.hashToCurve(createHash("sha256").update(number).digest(), HASH_TO_G1);
}

/** The signature of a round by a beacon whose secret is known: a practice network's own. 48 bytes. */
export function signRound(round: number, secret: bigint): Uint8Array {
  return roundPoint(round).multiply(secret).toBytes();
}

/** Null where the bytes are no signature at all. */
export function signaturePoint(signature: Uint8Array) {
  if (signature.length !== SIGNATURE_BYTES) return null;
  try {
    const point = bls12_381.G1.Point.fromBytes(signature);
    point.assertValidity();
    return point.is0() ? null : point;
  } catch {
    return null;
  }
}

/** Whether these 48 bytes are the beacon's signature of the round. */
export function isSignatureOf(round: number, signature: Uint8Array, { publicKey }: Beacon = QUICKNET): boolean {
  const point = signaturePoint(signature);
  if (point === null) return false;
  const { G2, fields, pairing } = bls12_381;
  const signed = pairing(point, G2.Point.BASE);
  return fields.Fp12.eql(signed, pairing(roundPoint(round), G2.Point.fromBytes(publicKey)));
}
