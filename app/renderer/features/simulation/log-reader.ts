/** Reads a run's log page by page as it grows, no faster than it is shown. */

import type { CrusaderError } from "../../../common/errors.ts";
import type { OutputPage } from "../../../common/history.ts";
import { asCrusaderError } from "../../connection.ts";
import { RankedOutput } from "./ranked-output.ts";

/** Of a longer log only the end is shown at first: more than 100,000 lines of ordinary length. */
export const SHOWN_BYTES = 12 * 1024 * 1024;

export type LogReaderOptions = {
  read: (offset: number, signal: AbortSignal) => Promise<OutputPage>;
  /** Resolves when it is shown. `text` is safe for a terminal. */
  write: (text: string) => Promise<void>;
  onError: (error: CrusaderError) => void;
  /** Of whom lines are wanted ("rank 0", null: of nobody that is named); of all where it is left out. */
  shows?: (source: string | null) => boolean;
};

export class LogReader {
  readonly #options: LogReaderOptions;
  readonly #controller = new AbortController();
  readonly #output: RankedOutput;
  #offset: number | null = null;
  #total = 0;
  #reading = false;

  constructor(options: LogReaderOptions) {
    this.#options = options;
    this.#output = new RankedOutput(options.shows ?? (() => true));
  }

  /** Bytes before what is shown; 0 when it is shown from its beginning. */
  skippedBytes = 0;

  /** The log is this long now. */
  grow(totalBytes: number): void {
    this.#total = Math.max(this.#total, totalBytes);
    if (this.#offset === null && totalBytes > 0) {
      this.skippedBytes = Math.max(0, totalBytes - SHOWN_BYTES);
      this.#offset = this.skippedBytes;
    }
    if (!this.#reading) void this.#read();
  }

  stop(): void {
    this.#controller.abort();
  }

  /** Null: the connection was lost meanwhile. A call waits for the next one, so that this may be asked again at once. */
  async #next(offset: number, signal: AbortSignal): Promise<OutputPage | null> {
    try {
      return await this.#options.read(offset, signal);
    } catch (thrown) {
      if (!signal.aborted && asCrusaderError(thrown).code === "disconnected") return null;
      throw thrown;
    }
  }

  async #read(): Promise<void> {
    const { signal } = this.#controller;
    this.#reading = true;
    try {
      while (!signal.aborted && this.#offset !== null && this.#offset < this.#total) {
        const page = await this.#next(this.#offset, signal);
        if (page === null) continue;
        const { text, nextOffset } = page;
        if (signal.aborted || nextOffset <= this.#offset) break;
        this.#offset = nextOffset;
        await this.#options.write(this.#output.take(text));
      }
    } catch (thrown) {
      if (!signal.aborted) this.#options.onError(asCrusaderError(thrown));
    } finally {
      this.#reading = false;
    }
  }
}
