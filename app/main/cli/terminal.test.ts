import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { paintFor, safeJson, safeLine, safeText } from "./terminal.ts";

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

test("printed JSON reads back as it was, without a character that a terminal obeys", () => {
  const value = { text: "a\u001b[2J\n\u009b2J\u202e\u2028\u{e0041}\ud800 \u706b\u{1f600}" };
  const printed = safeJson(value);
  expect(JSON.parse(printed)).toEqual(value);
  expect(printed).toBe('{\n  "text": "a\\u001b[2J\\n\\u009b2J\\u202e\\u2028\\udb40\\udc41\\ud800 \u706b\u{1f600}"\n}');
});

test("a pipe gets no colours", () => {
  expect(paintFor(new PassThrough())("bad", "FAILED")).toBe("FAILED");
});
