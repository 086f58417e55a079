/** Files of a run record. */
import { closeSync, openSync, readdirSync, renameSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/** All or nothing, and on the disk before it returns. */
export function writeAtomically(path: string, content: string | Uint8Array): void {
  writeFileSync(`${path}.new`, content, { flush: true });
  renameSync(`${path}.new`, path);
}

/** Size of the files directly in a folder; those that vanish meanwhile count nothing. */
export function folderBytes(folder: string): number {
  return readdirSync(folder).reduce(
    (sum, entry) => sum + (statSync(join(folder, entry), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

/**
 * A file that only grows. What cannot be written is held in memory, in order and to the byte, until the disk takes it
 * again; `append` never throws.
 */
export class AppendFile {
  readonly #path: string;
  #descriptor: number | null = null;
  #waiting: Uint8Array = new Uint8Array();
  #writtenBytes = 0;

  constructor(path: string) {
    this.#path = path;
  }

  get waitingBytes(): number {
    return this.#waiting.length;
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** The error that kept bytes waiting, or null when all are written. */
  append(bytes: Uint8Array): NodeJS.ErrnoException | null {
    this.#waiting = this.#waiting.length === 0 ? bytes : Buffer.concat([this.#waiting, bytes]);
    try {
      this.#descriptor ??= openSync(this.#path, "a", 0o600);
      while (this.#waiting.length > 0) {
        const written = writeSync(this.#descriptor, this.#waiting);
        this.#writtenBytes += written;
        this.#waiting = this.#waiting.subarray(written);
      }
      return null;
    } catch (error) {
      // The caller may reuse its buffer once this returns.
      this.#waiting = Uint8Array.from(this.#waiting);
      return error as NodeJS.ErrnoException;
    }
  }

  /** Forgets what waits. */
  discard(): void {
    this.#waiting = new Uint8Array();
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }
}
