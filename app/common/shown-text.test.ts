import { expect, test } from "vitest";
import { hiddenIn, shownLines, shownText } from "./shown-text.ts";

test("what hides or reorders text is replaced", () => {
  const hostile = "a\u202eb\u2066\u200b\u001b[2J\u009b\ud800\ue000";
  expect([shownText(hostile), shownLines(hostile)]).toEqual(
    Array(2).fill("a\ufffdb\ufffd\ufffd\ufffd[2J\ufffd\ufffd\ufffd"),
  );
});

test("lines stay lines where there may be several", () => {
  const text = "a\tb\r\nc\rd\n\u2028";
  expect([shownText(text), shownLines(text)]).toEqual([
    "a\ufffdb\ufffd\ufffdc\ufffdd\ufffd\ufffd",
    "a\tb\nc\ufffdd\n\ufffd",
  ]);
});

test("where it hides, line by line; layout does not", () => {
  const text = "a\tb\r\n\u202ec\n\nde\u200b\u{e0041}\rf";
  expect(hiddenIn(text, 3)).toEqual({
    count: 4,
    first: [
      { line: 2, column: 1, codePoint: "U+202E" },
      { line: 4, column: 3, codePoint: "U+200B" },
      { line: 4, column: 4, codePoint: "U+E0041" },
    ],
  });
  expect(hiddenIn("plain\n\ttext\n", 3)).toEqual({ count: 0, first: [] });
});
