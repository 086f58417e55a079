/**
 * Takes apart what an engine sends of a container without a terminal: frames of 8 bytes of header (stream, three zeros,
 * length) and that many bytes. dockerode's own does so by recursion and by copying all that is left once a frame: a
 * chunk with thousands of short lines ends its stack.
 */
import { CrusaderError } from "../../../common/errors.ts";

export type StreamName = "stdout" | "stderr";

const HEADER_BYTES = 8;

export class Demultiplexer {
  readonly #onBytes: (stream: StreamName, bytes: Buffer) => void;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #stream: StreamName = "stdout";
  /** What is still to come of the frame. */
  #remaining = 0;

  /** `onBytes` gets views of the chunks, cut anywhere: also inside a character. */
  constructor(onBytes: (stream: StreamName, bytes: Buffer) => void) {
    this.#onBytes = onBytes;
  }

  /** Throws `engine_failed` where the bytes are no such frames. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#remaining === 0) {
        const taken = chunk.copy(this.#header, this.#headerBytes, at, at + HEADER_BYTES - this.#headerBytes);
        at += taken;
        this.#headerBytes += taken;
        if (this.#headerBytes < HEADER_BYTES) return;
        this.#headerBytes = 0;
        this.#begin();
        continue;
      }
      const end = Math.min(chunk.length, at + this.#remaining);
      this.#remaining -= end - at;
      this.#onBytes(this.#stream, chunk.subarray(at, end));
      at = end;
    }
  }

  #begin(): void {
    const [stream, ...zeros] = this.#header.subarray(0, 4);
    if ((stream !== 1 && stream !== 2) || zeros.some((byte) => byte !== 0)) {
      throw new CrusaderError(
        "engine_failed",
        "The engine's stream of the container's output is damaged.",
        "Nothing is lost that the engine kept; it is read again from its beginning.",
        `frame header ${this.#header.toString("hex")}`,
      );
    }
    this.#stream = stream === 1 ? "stdout" : "stderr";
    this.#remaining = this.#header.readUInt32BE(4);
  }
}
