/**
 * The bytes of a time-locked message, as the chain reads them (spec/chain.md, "Timelock encryption"). Lengths are u64,
 * little-endian:
 *
 *     U (96: a compressed point of G2) | 32, v | 32, w | length of the body, body | 8, "AES_GCM_"
 *     body = length, encrypted message and its tag | 12, nonce
 */

export type Ciphertext = {
  /** A compressed point of G2; whether it is one is not known here. */
  u: Uint8Array;
  v: Uint8Array;
  w: Uint8Array;
  /** The encrypted message with the tag of 16 bytes behind it. */
  sealed: Uint8Array;
  nonce: Uint8Array;
};

export const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
const U_BYTES = 96;
const TAG_BYTES = 16;
const LENGTH_BYTES = 8;
const SUITE = new TextEncoder().encode("AES_GCM_");

/** What encryption adds to a message: 244 bytes. */
export const OVERHEAD_BYTES = U_BYTES + 2 * KEY_BYTES + TAG_BYTES + NONCE_BYTES + SUITE.length + 6 * LENGTH_BYTES;

export function serializeCiphertext({ u, v, w, sealed, nonce }: Ciphertext): Uint8Array {
  return concatenated(
    u,
    prefixed(v),
    prefixed(w),
    prefixed(concatenated(prefixed(sealed), prefixed(nonce))),
    prefixed(SUITE),
  );
}

/** Null unless the bytes have exactly this layout, from the first to the last. */
export function parseCiphertext(bytes: Uint8Array): Ciphertext | null {
  const outer = new Reader(bytes);
  const u = outer.take(U_BYTES);
  const v = outer.takePrefixed(KEY_BYTES);
  const w = outer.takePrefixed(KEY_BYTES);
  const body = outer.takePrefixed();
  const suite = outer.takePrefixed(SUITE.length);
  if (u === null || v === null || w === null || body === null || suite === null || !outer.atEnd) return null;
  if (!equalBytes(suite, SUITE)) return null;
  const inner = new Reader(body);
  const sealed = inner.takePrefixed();
  const nonce = inner.takePrefixed(NONCE_BYTES);
  if (sealed === null || nonce === null || !inner.atEnd || sealed.length < TAG_BYTES) return null;
  return { u, v, w, sealed, nonce };
}

export function concatenated(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

function prefixed(bytes: Uint8Array): Uint8Array {
  const length = new Uint8Array(LENGTH_BYTES);
  new DataView(length.buffer).setBigUint64(0, BigInt(bytes.length), true);
  return concatenated(length, bytes);
}

/** After the first null, nothing more is there to take. */
class Reader {
  #rest: Uint8Array | null;

  constructor(bytes: Uint8Array) {
    // A copy, as a Buffer's slices share memory that begins elsewhere.
    this.#rest = new Uint8Array(bytes);
  }

  get atEnd(): boolean {
    return this.#rest?.length === 0;
  }

  take(byteCount: number): Uint8Array | null {
    const rest = this.#rest;
    if (rest === null || rest.length < byteCount) {
      this.#rest = null;
      return null;
    }
    this.#rest = rest.subarray(byteCount);
    return rest.slice(0, byteCount);
  }

  /** Null, too, where the length is not the expected one. */
  takePrefixed(expectedBytes?: number): Uint8Array | null {
    const prefix = this.take(LENGTH_BYTES);
    if (prefix === null) return null;
    const length = new DataView(prefix.buffer).getBigUint64(0, true);
    const isExpected = expectedBytes === undefined || length === BigInt(expectedBytes);
    // Compared as it is: a length beyond 2^53 would be rounded.
    return isExpected && length <= BigInt(this.#rest?.length ?? 0) ? this.take(Number(length)) : this.#fail();
  }

  #fail(): null {
    this.#rest = null;
    return null;
  }
}
