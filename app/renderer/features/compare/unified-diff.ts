/** A unified diff as lines with numbers, to be drawn. Pure. */

export type DiffLine = {
  kind: "added" | "removed" | "same" | "hunk" | "note";
  /** Line number in the old and in the new text; null where it is in the other only. */
  before: number | null;
  after: number | null;
  text: string;
};

export type UnifiedDiff = { lines: DiffLine[]; added: number; removed: number };

const HUNK = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/;

/** File headers are left out; an empty diff has no lines. */
export function parseUnifiedDiff(diff: string): UnifiedDiff {
  const lines: DiffLine[] = [];
  let [before, after] = [0, 0];
  let inHunk = false;
  for (const line of diff.replace(/\n$/, "").split("\n")) {
    const hunk = HUNK.exec(line);
    if (hunk !== null) {
      [before, after, inHunk] = [Number(hunk[1]), Number(hunk[2]), true];
      lines.push({ kind: "hunk", before: null, after: null, text: `Line ${before} in A, ${after} in B` });
    } else if (!inHunk) continue;
    else if (line.startsWith("+")) lines.push({ kind: "added", before: null, after: after++, text: line.slice(1) });
    else if (line.startsWith("-")) lines.push({ kind: "removed", before: before++, after: null, text: line.slice(1) });
    else if (line.startsWith("\\"))
      lines.push({ kind: "note", before: null, after: null, text: "No line end at the end of the file" });
    else lines.push({ kind: "same", before: before++, after: after++, text: line.slice(1) });
  }
  const count = (kind: DiffLine["kind"]) => lines.filter((line) => line.kind === kind).length;
  return { lines, added: count("added"), removed: count("removed") };
}
