/**
 * The log of a run under a cap: its beginning as it comes, its end once it is over, the number of bytes dropped between
 * them. A submission that prints without end fills neither disk nor memory.
 */
import { truncateSync } from "node:fs";
import { AppendFile } from "./files.ts";

export type OutputLimits = { headBytes: number; tailBytes: number };
export const OUTPUT_LIMITS: OutputLimits = { headBytes: 3 * 1024 * 1024, tailBytes: 1024 * 1024 };

export class CappedOutput {
  readonly #file: AppendFile;
  readonly #path: string;
  readonly #limits: OutputLimits;
  /** Ring of the last bytes; `#tailBytes` counts all that ever went through it. */
  #tail: Buffer | null = null;
  #tailBytes = 0;
  #headBytes: number;
  readonly #earlierBytes: number;
  readonly #lostBytes: number;
  #finished = { headBytes: 0, allBytes: 0 };

  /** `earlier`: an earlier process wrote `fileBytes` of `seenBytes` that it saw; what it held in memory is lost. */
  constructor(
    path: string,
    limits: OutputLimits = OUTPUT_LIMITS,
    earlier: { fileBytes: number; seenBytes: number } = { fileBytes: 0, seenBytes: 0 },
  ) {
    this.#file = new AppendFile(path);
    this.#path = path;
    this.#limits = limits;
    this.#earlierBytes = earlier.fileBytes;
    this.#lostBytes = earlier.seenBytes - earlier.fileBytes;
    // What follows lost bytes goes to the end of the log: a piece never lacks without a mark.
    this.#headBytes = this.#lostBytes > 0 ? limits.headBytes : earlier.fileBytes;
  }

  /** All that was ever written to it, kept or not. */
  get seenBytes(): number {
    return this.#earlierBytes + this.#lostBytes + this.#file.writtenBytes + this.#tailBytes;
  }

  /** Never throws; a full disk ends the head, and the tail goes on in memory. */
  write(chunk: Uint8Array): NodeJS.ErrnoException | null {
    const head = chunk.subarray(0, Math.max(0, this.#limits.headBytes - this.#headBytes));
    let error: NodeJS.ErrnoException | null = null;
    let written = 0;
    if (head.length > 0) {
      const before = this.#file.writtenBytes;
      error = this.#file.append(head);
      written = this.#file.writtenBytes - before;
      this.#headBytes += written;
      if (error !== null) {
        this.#file.discard();
        // What follows goes to the tail, so that the log never lacks a piece without a mark.
        this.#headBytes = this.#limits.headBytes;
      }
    }
    this.#keepTail(chunk.subarray(written));
    return error;
  }

  /** Closes the file and writes no end: another process goes on. */
  leave(): void {
    this.#file.close();
  }

  /** Writes the end. `keptBytes` are those in the file, without the mark of what was dropped. */
  finish(): { keptBytes: number; droppedBytes: number; error: NodeJS.ErrnoException | null } {
    const headBytes = this.#file.writtenBytes;
    const tail = this.#tailContent();
    const skippedBytes = this.#lostBytes + this.#tailBytes - tail.length;
    const mark = Buffer.from(skippedBytes === 0 ? "" : `\n[${skippedBytes} bytes of output dropped here]\n`);
    const error = this.#file.append(Buffer.concat([mark, tail]));
    const tailWritten = Math.max(0, this.#file.writtenBytes - headBytes - mark.length);
    this.#file.close();
    const writtenBytes = headBytes + tailWritten;
    this.#finished = {
      headBytes: this.#earlierBytes + headBytes,
      allBytes: this.#earlierBytes + this.#lostBytes + headBytes + this.#tailBytes,
    };
    const keptBytes = this.#earlierBytes + writtenBytes;
    return { keptBytes, droppedBytes: this.#finished.allBytes - keptBytes, error };
  }

  /** After `finish`, on a full disk: keeps half of the beginning only, so that there is space for what is worth more. */
  makeRoom(): { keptBytes: number; droppedBytes: number } {
    const { headBytes, allBytes } = this.#finished;
    const keptBytes = Math.floor(headBytes / 2);
    if (headBytes > 0) truncateSync(this.#path, keptBytes);
    return { keptBytes, droppedBytes: allBytes - keptBytes };
  }

  #keepTail(bytes: Uint8Array): void {
    const size = this.#limits.tailBytes;
    if (bytes.length === 0) return;
    this.#tail ??= Buffer.alloc(size);
    const kept = bytes.subarray(Math.max(0, bytes.length - size));
    const start = (this.#tailBytes + bytes.length - kept.length) % size;
    const beforeWrap = Math.min(kept.length, size - start);
    this.#tail.set(kept.subarray(0, beforeWrap), start);
    this.#tail.set(kept.subarray(beforeWrap), 0);
    this.#tailBytes += bytes.length;
  }

  #tailContent(): Buffer {
    if (this.#tail === null) return Buffer.alloc(0);
    if (this.#tailBytes <= this.#limits.tailBytes) return this.#tail.subarray(0, this.#tailBytes);
    const start = this.#tailBytes % this.#limits.tailBytes;
    return Buffer.concat([this.#tail.subarray(start), this.#tail.subarray(0, start)]);
  }
}
