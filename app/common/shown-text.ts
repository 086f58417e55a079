/** Text of others as a person may read it: nothing in it is hidden, or reorders what is read. Pure. */

const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu;

/** On one line. */
export function shownText(text: string): string {
  return text.toWellFormed().replaceAll(HIDDEN, "\u{FFFD}");
}

/** On the lines it has; tabs stay. */
export function shownLines(text: string): string {
  return text
    .toWellFormed()
    .replaceAll("\r\n", "\n")
    .replaceAll(HIDDEN, (character) => (character === "\n" || character === "\t" ? character : "\u{FFFD}"));
}

export type HiddenCharacter = { line: number; column: number; codePoint: string };

/** Where a text hides or reorders what is read, lines and columns from 1; the first `limit` places, and how many there are. */
export function hiddenIn(text: string, limit: number): { count: number; first: HiddenCharacter[] } {
  const first: HiddenCharacter[] = [];
  let [count, line, lineStart, counted] = [0, 1, 0, 0];
  for (const { 0: character, index } of text.matchAll(HIDDEN)) {
    const isLayout = character === "\n" || character === "\t" || (character === "\r" && text[index + 1] === "\n");
    if (isLayout) continue;
    count += 1;
    if (first.length >= limit) continue;
    for (let at = text.indexOf("\n", counted); at !== -1 && at < index; at = text.indexOf("\n", at + 1)) {
      line += 1;
      lineStart = at + 1;
    }
    counted = lineStart;
    const digits = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    first.push({ line, column: index - lineStart + 1, codePoint: `U+${digits}` });
  }
  return { count, first };
}
