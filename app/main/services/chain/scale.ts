/** The few forms of SCALE that are written and read by hand: what the calls must encode to, and runtime APIs (metadata V14 has none). */
import { blake2b } from "@noble/hashes/blake2.js";

export function littleEndian(value: bigint | number, bytes: 1 | 2 | 4 | 8): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(value));
  if (BigInt(value) >> BigInt(8 * bytes) !== 0n) throw new Error(`${value} does not fit into ${bytes} bytes`);
  return buffer.subarray(0, bytes);
}

/** A compact integer below 2^30, as lengths are. */
export function compactLength(value: number): Buffer {
  if (value < 1 << 6) return littleEndian(value << 2, 1);
  if (value < 1 << 14) return littleEndian((value << 2) | 1, 2);
  if (value < 1 << 30) return littleEndian((BigInt(value) << 2n) | 2n, 4);
  throw new Error(`${value} is no length`);
}

export function blake2_256(bytes: Uint8Array): Uint8Array {
  return blake2b(bytes, { dkLen: 32 });
}

export function toHex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString("hex")}`;
}

/** Of digits that a schema or a check has passed. */
export function fromHex(hex: string): Buffer {
  return Buffer.from(hex.slice(2), "hex");
}

/** Reads from the beginning; throws where there is no more. */
export class ScaleReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  take(count: number): Buffer {
    if (this.#offset + count > this.#bytes.length) throw new Error("the bytes end too early");
    const taken = Buffer.from(this.#bytes.subarray(this.#offset, this.#offset + count));
    this.#offset += count;
    return taken;
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  byte(): number {
    return this.take(1).readUInt8();
  }

  compact(): bigint {
    const first = this.byte();
    const mode = first & 3;
    if (mode === 0) return BigInt(first >> 2);
    const rest = this.take(mode === 1 ? 1 : mode === 2 ? 3 : (first >> 2) + 4);
    const all = mode === 3 ? rest : Buffer.concat([Buffer.of(first), rest]);
    const value = BigInt(`0x${Buffer.from(all).reverse().toString("hex")}`);
    return mode === 3 ? value : value >> 2n;
  }
}
