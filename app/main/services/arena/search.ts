/** From what a person types to a question of SQLite's FTS5, and back to the line it stands in. Pure. */

/** Shorter beginnings are too many words' to be looked up in time. */
const MIN_PREFIX_CHARACTERS = 2;
const MAX_SHOWN_LINE = 300;

/**
 * Each blank-separated piece must occur; the last word of each may go on. Null: nothing to look for. What FTS5 takes as
 * one word is letters and digits, so `a_b.c` is the three words in a row.
 */
export function wordsQuery(typed: string): string | null {
  const pieces = piecesOf(typed).map((piece) => {
    const last = piece.split(/[^\p{L}\p{N}]+/u).findLast((word) => word !== "") ?? "";
    return `"${piece.replaceAll('"', '""')}"${last.length >= MIN_PREFIX_CHARACTERS ? "*" : ""}`;
  });
  return pieces.length === 0 ? null : pieces.join(" AND ");
}

/** The first line with the first of the pieces that occurs, as it stands in the code: the words in a row, whatever is between them. */
export function lineWith(code: string, typed: string): { number: number; text: string } | null {
  for (const piece of piecesOf(typed)) {
    const words = piece.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "");
    // Letters and digits only: nothing in them is a sign of a pattern.
    const pattern = new RegExp(`(?<![\\p{L}\\p{N}])${words.join("[^\\p{L}\\p{N}]+")}`, "iu");
    const at = pattern.exec(code)?.index;
    if (at === undefined) continue;
    const begin = code.lastIndexOf("\n", at) + 1;
    const end = code.indexOf("\n", at);
    const line = code.slice(begin, end === -1 ? undefined : end);
    // Of a line without end, the part that it is about.
    const from = line.length <= MAX_SHOWN_LINE ? 0 : Math.max(0, at - begin - MAX_SHOWN_LINE / 2);
    return { number: countLines(code, begin), text: line.slice(from, from + MAX_SHOWN_LINE).trim() };
  }
  return null;
}

function piecesOf(typed: string): string[] {
  return typed.split(/\s+/).filter((piece) => /[\p{L}\p{N}]/u.test(piece));
}

function countLines(code: string, end: number): number {
  let lines = 1;
  for (let at = code.indexOf("\n"); at !== -1 && at < end; at = code.indexOf("\n", at + 1)) lines += 1;
  return lines;
}
