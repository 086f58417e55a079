/** A part of a text file that may be growing, cut between two characters. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { OutputPage } from "../../../common/history.ts";

/** Bytes of the longest character in UTF-8, but one. */
const MAX_TAIL = 3;

/**
 * An offset past the end, or a missing file, gives an empty page. `isGrowing`: a torn character at the end is not read
 * yet, as its rest will come; otherwise it is all there is of it.
 */
export function readTextPage(path: string, offset: number, maxBytes: number, isGrowing: boolean): OutputPage {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return { offset, nextOffset: 0, totalBytes: 0, text: "" };
  }
  try {
    const totalBytes = fstatSync(descriptor).size;
    const start = Math.min(offset, totalBytes);
    const buffer = Buffer.alloc(Math.min(maxBytes, totalBytes - start));
    const bytes = buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, start));
    const whole = isGrowing || start + bytes.length < totalBytes ? withoutTornCharacter(bytes) : bytes;
    return { offset: start, nextOffset: start + whole.length, totalBytes, text: whole.toString("utf8") };
  } finally {
    closeSync(descriptor);
  }
}

/** Bytes that are no UTF-8 at all are left as they are. */
function withoutTornCharacter(bytes: Buffer): Buffer {
  for (let tail = 1; tail <= Math.min(MAX_TAIL, bytes.length); tail += 1) {
    const byte = bytes[bytes.length - tail] as number;
    const isContinuation = (byte & 0xc0) === 0x80;
    if (isContinuation) continue;
    const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return wanted > tail ? bytes.subarray(0, bytes.length - tail) : bytes;
  }
  return bytes;
}
