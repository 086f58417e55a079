/** What another machine answered, as it was pasted. Pure. */
import type { Signed } from "./submission.ts";

const SIGNATURE_BYTES = 64;
/** Longer than any that Crusader builds. */
const MAX_EXTRINSIC_BYTES = 4096;
const KINDS_OF_32_BYTE_KEYS = ["00", "01"];

export type Pasted = { signed: Signed } | { problem: string } | null;

/** A signature of 64 bytes, or of 65 with its kind, or a whole signed extrinsic, in hexadecimal. Null for nothing. */
export function readPasted(text: string): Pasted {
  const digits = text
    .replaceAll(/\s/g, "")
    .replace(/^["']|["'],?$/g, "")
    .replace(/^0x/i, "")
    .toLowerCase();
  if (digits === "") return null;
  if (!/^[0-9a-f]+$/.test(digits)) return { problem: "This is not hexadecimal: only digits 0 to 9 and a to f." };
  const byteCount = digits.length / 2;
  if (!Number.isInteger(byteCount)) return { problem: "This breaks off in the middle of a byte." };
  if (byteCount < SIGNATURE_BYTES) {
    return { problem: `This breaks off: a signature has ${SIGNATURE_BYTES} bytes, here are ${byteCount}.` };
  }
  if (byteCount === SIGNATURE_BYTES) return { signed: { kind: "signature", signature: `0x${digits}` } };
  if (byteCount === SIGNATURE_BYTES + 1) {
    return KINDS_OF_32_BYTE_KEYS.includes(digits.slice(0, 2))
      ? { signed: { kind: "signature", signature: `0x${digits}` } }
      : { problem: "This is a signature of another kind of key than Bittensor's." };
  }
  if (byteCount > MAX_EXTRINSIC_BYTES) return { problem: "This is too long for a signed extrinsic." };
  return { signed: { kind: "extrinsic", extrinsic: `0x${digits}` } };
}
