/** What formatting changed, as small edits: the cursor, marks and what is folded stay where they are. Pure. */
import { diffArrays } from "diff";

/** Lines and columns from 1, columns in UTF-16 units: Monaco's. The end is not part of it. */
export type TextEdit = {
  range: { startLineNumber: number; startColumn: number; endLineNumber: number; endColumn: number };
  text: string;
};

/** Texts that differ in more lines are replaced as a whole: finding the least difference would take too long. */
const MAX_CHANGED_LINES = 1000;

/** In their order, none overlapping. Both texts end their lines with "\n". */
export function formattingEdits(before: string, after: string): TextEdit[] {
  const [old, wanted] = [linesOf(before), linesOf(after)];
  const edits: TextEdit[] = [];
  let [oldLine, wantedLine] = [0, 0];
  const replace = (removedLines: number, addedLines: number) => {
    const removed = old.slice(oldLine, oldLine + removedLines).join("");
    const added = wanted.slice(wantedLine, wantedLine + addedLines).join("");
    if (removed !== added) edits.push(trimmedEdit(oldLine, removed, added));
    oldLine += removedLines;
    wantedLine += addedLines;
  };
  let [removedLines, addedLines] = [0, 0];
  const changes = diffArrays(old.map(withoutSpace), wanted.map(withoutSpace), { maxEditLength: MAX_CHANGED_LINES }) ?? [
    { removed: true, added: false, count: old.length },
    { removed: false, added: true, count: wanted.length },
  ];
  for (const { removed, added, count } of changes) {
    if (removed) removedLines += count;
    else if (added) addedLines += count;
    else {
      replace(removedLines, addedLines);
      [removedLines, addedLines] = [0, 0];
      for (let line = 0; line < count; line += 1) replace(1, 1);
    }
  }
  replace(removedLines, addedLines);
  return edits;
}

/** Formatting changes little else: with it, lines would not be found again. */
function withoutSpace(line: string): string {
  return line.replace(/\s+/g, "");
}

/** Each with its line end, so that together they are the text. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+/g) ?? [];
}

function newlinesIn(text: string): number {
  return text.split("\n").length - 1;
}

/** Without what both begin and end with. `line`, from 0, is where `removed` begins. */
function trimmedEdit(line: number, removed: string, added: string): TextEdit {
  const shorter = Math.min(removed.length, added.length);
  let start = 0;
  while (start < shorter && removed[start] === added[start]) start += 1;
  let end = 0;
  while (end < shorter - start && removed.at(-1 - end) === added.at(-1 - end)) end += 1;
  const place = (offset: number) => {
    const lineStart = removed.lastIndexOf("\n", offset - 1) + 1;
    return {
      lineNumber: line + 1 + newlinesIn(removed.slice(0, offset)),
      column: offset - (offset === 0 ? 0 : lineStart) + 1,
    };
  };
  const [from, to] = [place(start), place(removed.length - end)];
  return {
    range: {
      startLineNumber: from.lineNumber,
      startColumn: from.column,
      endLineNumber: to.lineNumber,
      endColumn: to.column,
    },
    text: added.slice(start, added.length - end),
  };
}
