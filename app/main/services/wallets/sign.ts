/**
 * Signatures of Bittensor keys, as the chain takes them. bittensor-wallet writes the secret half of an sr25519 key as the
 * scalar itself, the library takes it times the cofactor, as ed25519's expanded keys are written.
 */
import { blake2b } from "@noble/hashes/blake2.js";
import { CrusaderError } from "../../../common/errors.ts";
import type { Key } from "./key-file.ts";

/** The chain's MultiSignature begins with its kind. */
const SIGNATURE_KINDS: Record<Key["scheme"], number> = { ed25519: 0, sr25519: 1 };
/** Longer payloads are signed by their hash (Substrate's SignedPayload). */
const MAX_PLAIN_PAYLOAD_BYTES = 256;
const SEED_BYTES = 32;
const COFACTOR_BITS = 3;

/**
 * The signature of an extrinsic's payload: 65 bytes, its kind first. Throws `wallet_unreadable` unless every secret that the
 * file holds is that of its public key.
 */
export async function signPayload(key: Key, payload: Uint8Array): Promise<Uint8Array> {
  const message = payload.length > MAX_PLAIN_PAYLOAD_BYTES ? blake2b(payload, { dkLen: 32 }) : payload;
  const signature = await signMessage(key, message);
  return Uint8Array.of(SIGNATURE_KINDS[key.scheme], ...signature);
}

/** The signature of these very bytes: 64 bytes. Throws as `signPayload` does. */
async function signMessage(key: Key, message: Uint8Array): Promise<Uint8Array> {
  return key.scheme === "ed25519" ? await signEd25519(key, message) : await signSr25519(key, message);
}

async function signEd25519({ seed, privateKey, publicKey, address }: Key, message: Uint8Array): Promise<Uint8Array> {
  const { ed25519 } = await import("@noble/curves/ed25519.js");
  // Of a longer private key the second half is the public key.
  const seeds = [seed, privateKey].flatMap((secret) => (secret === null ? [] : [secret.subarray(0, SEED_BYTES)]));
  const [secret] = seeds;
  if (secret === undefined || !seeds.every((one) => equal(ed25519.getPublicKey(one), publicKey))) {
    throw notItsOwn(address);
  }
  return ed25519.sign(message, secret);
}

async function signSr25519({ seed, privateKey, publicKey, address }: Key, message: Uint8Array): Promise<Uint8Array> {
  const { sr25519PairFromSeed, sr25519Sign, sr25519Verify } = await import("@polkadot/util-crypto/sr25519");
  const fromSeed = seed === null ? null : sr25519PairFromSeed(seed);
  const fromPrivateKey = privateKey === null ? null : timesCofactor(privateKey);
  const secretKey = privateKey === null ? (fromSeed?.secretKey ?? null) : fromPrivateKey;
  try {
    const seedBelongs = fromSeed === null || equal(fromSeed.publicKey, publicKey);
    const signature =
      secretKey === null || !seedBelongs ? null : signOrNull(() => sr25519Sign(message, { publicKey, secretKey }));
    if (signature === null || !sr25519Verify(message, signature, publicKey)) throw notItsOwn(address);
    return signature;
  } finally {
    fromSeed?.secretKey.fill(0);
    fromPrivateKey?.fill(0);
  }
}

/** Null for a scalar that is none: zero, or out of range. */
function signOrNull(sign: () => Uint8Array): Uint8Array | null {
  try {
    return sign();
  } catch {
    return null;
  }
}

/** Scalar (32 bytes, little-endian) and nonce, the scalar shifted by three bits; null for what is no such key. */
export function timesCofactor(privateKey: Uint8Array): Uint8Array | null {
  if (privateKey.length !== 64 || (privateKey[31] ?? 0) >> (8 - COFACTOR_BITS) !== 0) return null;
  const shifted = Uint8Array.from(privateKey);
  for (let index = 31; index >= 0; index--) {
    const below = index === 0 ? 0 : (privateKey[index - 1] ?? 0) >> (8 - COFACTOR_BITS);
    shifted[index] = ((privateKey[index] ?? 0) << COFACTOR_BITS) | below;
  }
  return shifted;
}

/** The other way. */
export function withoutCofactor(secret: Uint8Array): Uint8Array {
  const shifted = Uint8Array.from(secret);
  for (let index = 0; index < 32; index++) {
    const above = index === 31 ? 0 : (secret[index + 1] ?? 0) << (8 - COFACTOR_BITS);
    shifted[index] = ((secret[index] ?? 0) >> COFACTOR_BITS) | above;
  }
  return shifted;
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}

function notItsOwn(address: string): CrusaderError {
  return new CrusaderError(
    "wallet_unreadable",
    `The key file of ${address} is damaged: its secret is that of another key. Nothing was signed.`,
    "Make it anew from its phrase with btcli (regen-hotkey, regen-coldkey).",
  );
}
