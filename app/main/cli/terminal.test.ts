import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { paintFor, safeLine, safeText } from "./terminal.ts";

test("escape sequences, control and direction characters do not reach the terminal", () => {
  const hostile = "\u001b[2J\u001b]0;owned\u0007a\u0000b\u0008c\u009bd\u202ee\u200bf\u{e0041}g\ud800h";
  expect([safeLine(hostile), safeText(hostile)]).toEqual(["abcdefg\ufffdh", "abcdefg\ufffdh"]);
});

test("a line stays a line, a text keeps its lines", () => {
  const text = "one\r\ntwo\rthree\u2028four\tfive";
  expect({ line: safeLine(text), text: safeText(text) }).toEqual({
    line: "one two three four five",
    text: "one\ntwo\nthree\nfour  five",
  });
});

test("a pipe gets no colours", () => {
  expect(paintFor(new PassThrough())("bad", "FAILED")).toBe("FAILED");
});
