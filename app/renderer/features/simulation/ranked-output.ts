/**
 * A run's log for a terminal: made harmless, the lines of one source or of all, each row behind the name of who printed it.
 * A carriage return begins a row, too: what follows it cannot look like another's line. Pure.
 */
import { mayBePrefix, readLogLine } from "../../../common/log-lines.ts";
import { SafeOutput } from "./safe-output.ts";

/** Blue, magenta, cyan, green, yellow: red is left to what is wrong. */
const RANK_COLOURS = [34, 35, 36, 32, 33];
const PLAIN = "\u001b[0m";

export class RankedOutput {
  readonly #shows: (source: string | null) => boolean;
  readonly #safe = new SafeOutput();
  /** The beginning of a line that may be the beginning of a prefix. */
  #pending = "";
  /** Before each row of the line at hand; null where the line is not shown; undefined where the next byte begins a line. */
  #prefix: string | null | undefined;
  #atRowStart = true;
  #lastHadSource = false;

  /** `shows`: of whom lines are wanted ("rank 0", null: of nobody that is named). */
  constructor(shows: (source: string | null) => boolean) {
    this.#shows = shows;
  }

  /** The next piece of the log. */
  take(text: string): string {
    const input = this.#pending + text;
    this.#pending = "";
    const out: string[] = [];
    let start = 0;
    while (start < input.length) {
      const end = input.indexOf("\n", start) + 1 || input.length;
      let piece = input.slice(start, end);
      if (this.#prefix === undefined) {
        if (mayBePrefix(piece)) {
          this.#pending = piece;
          break;
        }
        const line = readLogLine(piece);
        this.#prefix = this.#begin(line.source);
        piece = line.text;
      }
      if (this.#prefix !== null) this.#putRows(out, this.#safe.take(piece), this.#prefix);
      if (piece.endsWith("\n")) this.#prefix = undefined;
      start = end;
    }
    return out.join("");
  }

  #begin(source: string | null): string | null {
    if (!this.#shows(source)) return null;
    // No rank's colours reach into another's line.
    const prefix = source === null ? (this.#lastHadSource ? PLAIN : "") : `${colourOf(source)}[${source}]${PLAIN} `;
    this.#lastHadSource = source !== null;
    return prefix;
  }

  #putRows(out: string[], safe: string, prefix: string): void {
    const rows = safe.split("\r\n");
    rows.forEach((row, index) => {
      const isEnded = index < rows.length - 1;
      if (this.#atRowStart && (isEnded || row !== "")) {
        out.push(prefix);
        this.#atRowStart = false;
      }
      out.push(row);
      if (isEnded) {
        out.push("\r\n");
        this.#atRowStart = true;
      }
    });
  }
}

function colourOf(source: string): string {
  const rank = /^rank (\d+)$/.exec(source);
  return rank === null ? PLAIN : `\u001b[0;${RANK_COLOURS[Number(rank[1]) % RANK_COLOURS.length]}m`;
}
