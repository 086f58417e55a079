/**
 * What hostile programs print, made harmless for a terminal: colours pass, nothing else does. No text is hidden, moved or
 * overwritten: other control characters are shown as signs, a lone carriage return ends a line, if there is one. Pure.
 */

/** Of one line; what is more is counted, not shown. */
export const MAX_LINE_LENGTH = 4000;
/** Longer than any colour; a sequence that goes on is none. */
const MAX_SEQUENCE_LENGTH = 64;

// Bold, faint, italic, underline, inverse, strike-through and their ends, and colours. Not: concealed (8), blinking (5, 6).
const PLAIN_CODES = new Set([0, 1, 2, 3, 4, 7, 9, 21, 22, 23, 24, 27, 29, 39, 49]);

export class SafeOutput {
  #pending = "";
  #lineLength = 0;
  #left = 0;
  #afterReturn = false;

  /** The next piece of the log; a sequence cut in two is put together again. */
  take(text: string): string {
    const input = this.#pending + text;
    this.#pending = "";
    const out: string[] = [];
    let index = 0;
    while (index < input.length) {
      const code = input.charCodeAt(index);
      if (code === 0x1b) {
        const sequence = colourSequence(input, index);
        if (sequence === "incomplete") {
          this.#pending = input.slice(index);
          break;
        }
        if (sequence !== null) {
          out.push(sequence.safe);
          index += sequence.length;
          continue;
        }
        this.#put(out, "\u241b");
        index += 1;
        continue;
      }
      if (code === 0x0a || code === 0x0d) {
        // CR LF is one end of a line, also across two pieces.
        if (code === 0x0d && this.#lineLength === 0) {
          index += 1;
          continue;
        }
        if (code === 0x0a && this.#afterReturn) this.#afterReturn = false;
        else this.#endLine(out);
        this.#afterReturn = code === 0x0d;
        index += 1;
        continue;
      }
      this.#afterReturn = false;
      const plainEnd = endOfPlain(input, index);
      if (plainEnd > index) {
        this.#put(out, input.slice(index, plainEnd));
        index = plainEnd;
        continue;
      }
      this.#put(out, visible(code));
      index += 1;
    }
    return out.join("");
  }

  /** What was held back as the beginning of a sequence, when nothing more comes. */
  end(): string {
    const rest = this.#pending.replaceAll("\u001b", "\u241b");
    this.#pending = "";
    return rest;
  }

  #put(out: string[], text: string): void {
    const room = MAX_LINE_LENGTH - this.#lineLength;
    if (text.length <= room) {
      out.push(text);
      this.#lineLength += text.length;
      return;
    }
    out.push(text.slice(0, Math.max(0, room)));
    this.#lineLength = MAX_LINE_LENGTH;
    this.#left += text.length - Math.max(0, room);
  }

  #endLine(out: string[]): void {
    if (this.#left > 0) out.push(`\u001b[0m ... ${this.#left} more characters in this line`);
    out.push("\r\n");
    this.#lineLength = 0;
    this.#left = 0;
  }
}

/** Printable text and tabs; ends before anything that needs a look. */
function endOfPlain(text: string, from: number): number {
  let index = from;
  while (index < text.length) {
    const code = text.charCodeAt(index);
    const isPlain = code === 9 || (code >= 0x20 && code < 0x7f) || (code > 0x9f && !isDirection(code));
    if (!isPlain) break;
    index += 1;
  }
  return index;
}

/** Marks that reorder text: what is read would not be what is there. */
function isDirection(code: number): boolean {
  return (
    (code >= 0x202a && code <= 0x202e) ||
    (code >= 0x2066 && code <= 0x2069) ||
    code === 0x200e ||
    code === 0x200f ||
    code === 0x061c
  );
}

function visible(code: number): string {
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return "\ufffd";
}

/** Null: not a colour. */
function colourSequence(text: string, start: number): { safe: string; length: number } | "incomplete" | null {
  if (start + 1 >= text.length) return "incomplete";
  if (text[start + 1] !== "[") return null;
  for (let index = start + 2; index < text.length; index += 1) {
    const char = text[index] as string;
    if (char === "m") {
      const codes = safeCodes(text.slice(start + 2, index));
      return { safe: codes === "" ? "" : `\u001b[${codes}m`, length: index + 1 - start };
    }
    if (!/[0-9;:]/.test(char) || index - start > MAX_SEQUENCE_LENGTH) return null;
  }
  return text.length - start > MAX_SEQUENCE_LENGTH ? null : "incomplete";
}

function safeCodes(parameters: string): string {
  const codes = parameters.split(/[;:]/).map(Number);
  const safe: number[] = [];
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index] as number;
    if (code === 38 || code === 48) {
      const length = codes[index + 1] === 5 ? 3 : codes[index + 1] === 2 ? 5 : 0;
      const colour = codes.slice(index, index + length);
      if (length > 0 && colour.length === length && colour.every((part) => part <= 255)) safe.push(...colour);
      index += Math.max(length - 1, 0);
    } else if (PLAIN_CODES.has(code) || (code >= 30 && code <= 37) || (code >= 40 && code <= 47)) safe.push(code);
    else if ((code >= 90 && code <= 97) || (code >= 100 && code <= 107)) safe.push(code);
  }
  return safe.join(";");
}
