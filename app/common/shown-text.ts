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
