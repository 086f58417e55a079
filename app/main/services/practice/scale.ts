/** The few forms of SCALE, the chain's way of writing values as bytes, that the practice network needs. */

/** Throws `RangeError` for what does not fit, and for negative numbers. */
function unsigned(value: number | bigint, byteCount: number): Buffer {
  let rest = BigInt(value);
  if (rest < 0n || rest >> BigInt(8 * byteCount) !== 0n) throw new RangeError(`${value} is no u${8 * byteCount}`);
  const bytes = Buffer.alloc(byteCount);
  for (let index = 0; index < byteCount; index += 1, rest >>= 8n) bytes[index] = Number(rest & 0xffn);
  return bytes;
}

export const u8 = (value: number) => unsigned(value, 1);
export const u16 = (value: number) => unsigned(value, 2);
export const u32 = (value: number) => unsigned(value, 4);
export const u64 = (value: number | bigint) => unsigned(value, 8);
export const u128 = (value: bigint) => unsigned(value, 16);
export const bool = (value: boolean) => Buffer.of(value ? 1 : 0);

export function compact(value: number | bigint): Buffer {
  const number = BigInt(value);
  if (number < 1n << 6n) return unsigned(number << 2n, 1);
  if (number < 1n << 14n) return unsigned((number << 2n) | 1n, 2);
  if (number < 1n << 30n) return unsigned((number << 2n) | 2n, 4);
  const byteCount = Math.max(4, Math.ceil(number.toString(16).length / 2));
  return Buffer.concat([Buffer.of(((byteCount - 4) << 2) | 3), unsigned(number, byteCount)]);
}

export const join = (...parts: readonly Uint8Array[]) => Buffer.concat(parts);
/** Bytes behind their length. */
export const bytes = (value: Uint8Array) => join(compact(value.length), value);
export const text = (value: string) => bytes(Buffer.from(value, "utf8"));
export const vector = (items: readonly Uint8Array[]) => join(compact(items.length), ...items);
export const option = (value: Uint8Array | null) => (value === null ? Buffer.of(0) : join(Buffer.of(1), value));

/** What stands where another value should be, or ends too early. */
export class ScaleError extends Error {}

export class ScaleReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(value: Uint8Array) {
    this.#bytes = value;
  }

  get atEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  get offset(): number {
    return this.#offset;
  }

  take(byteCount: number): Buffer {
    const end = this.#offset + byteCount;
    if (end > this.#bytes.length) throw new ScaleError("the bytes end too early");
    const taken = Buffer.from(this.#bytes.subarray(this.#offset, end));
    this.#offset = end;
    return taken;
  }

  rest(): Buffer {
    return this.take(this.#bytes.length - this.#offset);
  }

  u8(): number {
    return this.take(1).readUInt8();
  }

  u16(): number {
    return this.take(2).readUInt16LE();
  }

  u32(): number {
    return this.take(4).readUInt32LE();
  }

  u64(): bigint {
    return this.take(8).readBigUInt64LE();
  }

  compact(): bigint {
    const first = this.u8();
    const mode = first & 3;
    if (mode < 3) {
      const byteCount = 1 << mode;
      this.#offset -= 1;
      return littleEndian(this.take(byteCount)) >> 2n;
    }
    return littleEndian(this.take((first >> 2) + 4));
  }

  /** Bytes behind their length. */
  bytes(): Buffer {
    return this.take(Number(this.compact()));
  }
}

function littleEndian(value: Uint8Array): bigint {
  return value.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}
