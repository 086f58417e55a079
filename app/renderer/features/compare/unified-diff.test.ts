import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff";
import { expect, test } from "vitest";
import { parseUnifiedDiff } from "./unified-diff.ts";

const patch = (a: string, b: string) =>
  createTwoFilesPatch("a", "b", a, b, "", "", { context: 1, headerOptions: FILE_HEADERS_ONLY });

test("lines carry the numbers of both sides", () => {
  const diff = parseUnifiedDiff(patch("one\ntwo\nthree\nfour\n", "one\n2\nthree\nfour\nfive\n"));
  expect(diff).toEqual({
    added: 2,
    removed: 1,
    lines: [
      { kind: "hunk", before: null, after: null, text: "Line 1 in A, 1 in B" },
      { kind: "same", before: 1, after: 1, text: "one" },
      { kind: "removed", before: 2, after: null, text: "two" },
      { kind: "added", before: null, after: 2, text: "2" },
      { kind: "same", before: 3, after: 3, text: "three" },
      { kind: "same", before: 4, after: 4, text: "four" },
      { kind: "added", before: null, after: 5, text: "five" },
    ],
  });
});

test("removed lines that look like headers stay lines", () => {
  const { lines } = parseUnifiedDiff(patch("-- a\nb\n", "b\n"));
  expect(lines.filter(({ kind }) => kind === "removed").map(({ text }) => text)).toEqual(["-- a"]);
});

test("a missing line end is told, an empty diff is empty", () => {
  expect(parseUnifiedDiff(patch("a", "a\n")).lines.some(({ kind }) => kind === "note")).toBe(true);
  expect(parseUnifiedDiff("")).toEqual({ lines: [], added: 0, removed: 0 });
});
