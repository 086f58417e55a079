/** Reads `events.jsonl` piece by piece, also while it grows. Only whole lines count. */
import { closeSync, openSync, readSync } from "node:fs";
import { recordedEventSchema } from "../../../common/runs.ts";
import type { NumberedEvent } from "../../../common/simulation.ts";

const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 0x0a;

export class EventReader {
  readonly #path: string;
  #offset = 0;
  #number = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(path: string) {
    this.#path = path;
  }

  /** Lines read so far, from 1; also those that are torn or unknown, which are left out of what `read` returns. */
  get number(): number {
    return this.#number;
  }

  /** What was written since the last call; empty at the end of what is there. At most one chunk at a time. */
  read(): NumberedEvent[] {
    const chunk = this.#chunk();
    this.#offset += chunk.length;
    const bytes = Buffer.concat([this.#rest, chunk]);
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    this.#rest = bytes.subarray(end);
    const lines = bytes.subarray(0, end).toString("utf8").split("\n").slice(0, -1);
    // A line longer than a chunk: read on, so that an empty answer always means the end.
    if (lines.length === 0) return chunk.length === 0 ? [] : this.read();
    const events = lines.flatMap((line) => {
      this.#number += 1;
      const event = recordedEventSchema.safeParse(parseJson(line)).data;
      return event === undefined ? [] : [{ number: this.#number, ...event }];
    });
    return events.length === 0 ? this.read() : events;
  }

  #chunk(): Buffer {
    let descriptor: number;
    try {
      descriptor = openSync(this.#path, "r");
    } catch (error) {
      // Not before the first event.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
      throw error;
    }
    try {
      const buffer = Buffer.alloc(CHUNK_BYTES);
      return buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, this.#offset));
    } finally {
      closeSync(descriptor);
    }
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
