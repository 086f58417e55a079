/** Extrinsics as they come from clients: their bytes, what they call, and whether their signer signed them. */
import { ed25519Verify, sr25519Verify } from "@polkadot/util-crypto";
import { EXTRINSIC_FORMAT } from "./metadata.ts";
import { bytes, compact, join, option, ScaleError, ScaleReader, u8, u32, u64 } from "./scale.ts";
import { blake2_256 } from "./storage-keys.ts";

/** A field of a commitment; what is in it is only looked at where it is encrypted. */
export type DataField =
  | { kind: "timelock"; encoded: Buffer; encrypted: Buffer; revealRound: bigint }
  | { kind: "other"; encoded: Buffer; byteCount: number };

export type Call =
  | { kind: "remark" }
  | { kind: "transfer"; destination: Buffer; rao: bigint }
  | { kind: "add_stake"; hotkey: Buffer; netuid: number; rao: bigint }
  | {
      kind: "transfer_stake";
      destination: Buffer;
      hotkey: Buffer;
      originNetuid: number;
      destinationNetuid: number;
      alpha: bigint;
    }
  | { kind: "set_commitment"; netuid: number; fields: DataField[] };

/** It can be included from the block of its birth on, and before that of its death; null: always. */
export type Era = { period: number; phase: number };

export type Extrinsic = {
  /** With its length before it. */
  encoded: Buffer;
  hash: Buffer;
  signer: Buffer;
  scheme: "ed25519" | "sr25519" | "ecdsa";
  signature: Buffer;
  era: Era | null;
  nonce: number;
  tip: bigint;
  hasMetadataHash: boolean;
  /** Call and extra, as they are signed. */
  signedPart: Buffer;
  call: Call;
};

const SIGNED = 0x80;
const SCHEMES = ["ed25519", "sr25519", "ecdsa"] as const;
const LONGEST_SIGNED_AS_IT_IS = 256;

/** Throws `ScaleError` for what is no signed extrinsic, or calls what this runtime has not. */
export function readExtrinsic(encoded: Uint8Array, unknownExtensionBytes = 0): Extrinsic {
  const outer = new ScaleReader(encoded);
  const reader = new ScaleReader(outer.bytes());
  if (!outer.atEnd) throw new ScaleError("bytes are left over");
  if (reader.u8() !== (SIGNED | EXTRINSIC_FORMAT)) throw new ScaleError("this is no signed extrinsic of version 4");
  const signer = readAddress(reader);
  const scheme = SCHEMES[reader.u8()];
  if (scheme === undefined) throw new ScaleError("the kind of the signature is not known");
  const signature = reader.take(scheme === "ecdsa" ? 65 : 64);
  const extraBegins = reader.offset;
  const era = readEra(reader);
  const nonce = Number(reader.compact());
  const tip = reader.compact();
  const mode = reader.u8();
  if (mode > 1) throw new ScaleError("the mode of the metadata's hash is not known");
  reader.take(unknownExtensionBytes);
  const body = encoded.subarray(encoded.length - outerLength(encoded));
  const extra = body.subarray(extraBegins, reader.offset);
  const callBytes = reader.rest();
  const exact = Buffer.from(encoded);
  return {
    encoded: exact,
    hash: blake2_256(exact),
    signer,
    scheme,
    signature,
    era,
    nonce,
    tip,
    hasMetadataHash: mode === 1,
    signedPart: join(callBytes, extra),
    call: readCall(callBytes),
  };
}

function outerLength(encoded: Uint8Array): number {
  return Number(new ScaleReader(encoded).compact());
}

/** Block numbers; `death` is the first in which it cannot be. */
export function eraSpan({ period, phase }: Era, current: number): { birth: number; death: number } {
  const birth = Math.floor((Math.max(current, phase) - phase) / period) * period + phase;
  return { birth, death: birth + period };
}

export type SigningContext = {
  specVersion: number;
  transactionVersion: number;
  genesisHash: Uint8Array;
  /** Of the block in which the era begins; the genesis hash where there is no era. */
  birthHash: Uint8Array;
};

/** False, too, for a signature over another chain, version or era, and for kinds that are not checked here. */
export function isSigned(extrinsic: Extrinsic, context: SigningContext): boolean {
  const { scheme, signature, signer, signedPart, hasMetadataHash } = extrinsic;
  // Whether the metadata's hash is right is not known here.
  if (hasMetadataHash || scheme === "ecdsa") return false;
  const { specVersion, transactionVersion, genesisHash, birthHash } = context;
  const payload = join(signedPart, u32(specVersion), u32(transactionVersion), genesisHash, birthHash, option(null));
  const message = payload.length > LONGEST_SIGNED_AS_IT_IS ? blake2_256(payload) : payload;
  try {
    return scheme === "sr25519" ? sr25519Verify(message, signature, signer) : ed25519Verify(message, signature, signer);
  } catch {
    // What is no point of the curve is no signature.
    return false;
  }
}

/** The extrinsic with which each block begins; nobody signs it. */
export function timestampExtrinsic(timestampMs: number): Buffer {
  return bytes(join(u8(EXTRINSIC_FORMAT), Buffer.of(2, 0), compact(timestampMs)));
}

function readAddress(reader: ScaleReader): Buffer {
  if (reader.u8() !== 0) throw new ScaleError("addresses of another kind than account ids are not known here");
  return reader.take(32);
}

function readEra(reader: ScaleReader): Era | null {
  const first = reader.u8();
  if (first === 0) return null;
  const encoded = first | (reader.u8() << 8);
  const period = 2 << (encoded & 0xf);
  const phase = (encoded >> 4) * Math.max(1, period >> 12);
  if (period < 4 || phase >= period) throw new ScaleError("the era is none");
  return { period, phase };
}

function readCall(encoded: Uint8Array): Call {
  const reader = new ScaleReader(encoded);
  const call = readKnownCall(reader);
  if (!reader.atEnd) throw new ScaleError("bytes are left over behind the call");
  return call;
}

function readKnownCall(reader: ScaleReader): Call {
  const [pallet, index] = [reader.u8(), reader.u8()];
  switch (`${pallet}.${index}`) {
    case "0.0":
      reader.bytes();
      return { kind: "remark" };
    case "5.0":
    case "5.3":
      return { kind: "transfer", destination: readAddress(reader), rao: reader.compact() };
    case "7.2":
      return { kind: "add_stake", hotkey: reader.take(32), netuid: reader.u16(), rao: reader.u64() };
    case "7.86":
      return {
        kind: "transfer_stake",
        destination: reader.take(32),
        hotkey: reader.take(32),
        originNetuid: reader.u16(),
        destinationNetuid: reader.u16(),
        alpha: reader.u64(),
      };
    case "18.0": {
      return { kind: "set_commitment", netuid: reader.u16(), fields: readFields(reader) };
    }
    default:
      throw new ScaleError(`this runtime has no call ${index} of a pallet ${pallet}`);
  }
}

/** As `BoundedVec` of the runtime: what has more is no commitment at all. */
const MAX_FIELDS_READ = 3n;
const MAX_ENCRYPTED_BYTES = 1024;
const MAX_BIG_RAW_BYTES = 512;
const TIMELOCK = 134;
const BIG_RAW = 136;

export function readFields(reader: ScaleReader): DataField[] {
  const count = reader.compact();
  if (count > MAX_FIELDS_READ) throw new ScaleError("a commitment has more than three fields");
  return Array.from({ length: Number(count) }, () => readField(reader));
}

function readField(reader: ScaleReader): DataField {
  const kind = reader.u8();
  if (kind === TIMELOCK) {
    const encrypted = reader.bytes();
    if (encrypted.length > MAX_ENCRYPTED_BYTES) throw new ScaleError("what is encrypted is longer than 1024 bytes");
    const revealRound = reader.u64();
    const encoded = join(u8(kind), bytes(encrypted), u64(revealRound));
    return { kind: "timelock", encoded, encrypted, revealRound };
  }
  if (kind === 0 || kind === 135) return { kind: "other", encoded: Buffer.of(kind), byteCount: 0 };
  if (kind <= 129) return other(Buffer.of(kind), reader.take(kind - 1));
  if (kind <= 133) return other(Buffer.of(kind), reader.take(32));
  if (kind !== BIG_RAW) throw new ScaleError("a field of the commitment is of no known kind");
  const raw = reader.bytes();
  if (raw.length > MAX_BIG_RAW_BYTES) throw new ScaleError("a field of the commitment is longer than 512 bytes");
  return { kind: "other", encoded: join(Buffer.of(kind), bytes(raw)), byteCount: raw.length };
}

function other(head: Buffer, content: Buffer): DataField {
  return { kind: "other", encoded: join(head, content), byteCount: content.length };
}
