import { expect, test } from "vitest";
import { MAX_LINE_LENGTH, SafeOutput } from "./safe-output.ts";

const safe = (...pieces: string[]) => {
  const output = new SafeOutput();
  return pieces.map((piece) => output.take(piece)).join("") + output.end();
};

test.each([
  ["plain text and \u00fcmlauts\twith tabs", "plain text and \u00fcmlauts\twith tabs"],
  ["\u001b[31mred\u001b[0m", "\u001b[31mred\u001b[0m"],
  ["\u001b[1;38;5;196mx\u001b[m", "\u001b[1;38;5;196mx\u001b[0m"],
  ["\u001b[38;2;1;2;3mx", "\u001b[38;2;1;2;3mx"],
  ["\u001b[38;2;1;2;999mx", "x"],
  ["\u001b[8mhidden\u001b[5mblinking", "hiddenblinking"],
])("%j passes as %j", (text, expected) => {
  expect(safe(text)).toBe(expected);
});

test.each([
  ["the title", "\u001b]0;evil\u0007", "\u241b]0;evil\u2407"],
  ["a link", "\u001b]8;;http://x\u001b\\here", "\u241b]8;;http://x\u241b\\here"],
  ["the clipboard", "\u001b]52;c;AAAA\u0007", "\u241b]52;c;AAAA\u2407"],
  ["cursor moves", "a\u001b[2Ab\u001b[Hc", "a\u241b[2Ab\u241b[Hc"],
  ["erasing", "\u001b[2J\u001b[K", "\u241b[2J\u241b[K"],
  ["modes", "\u001b[?1049h\u001bc", "\u241b[?1049h\u241bc"],
  ["questions it would answer", "\u001b[6n\u001b[c", "\u241b[6n\u241b[c"],
  ["8-bit controls", "\u009b31m\u0090x\u009c", "\ufffd31m\ufffdx\ufffd"],
  ["backspaces", "good\b\b\b\bevil", "good\u2408\u2408\u2408\u2408evil"],
  ["reordering", "a\u202eb\u2066c", "a\ufffdb\ufffdc"],
  ["an endless colour", `\u001b[${"1;".repeat(100)}`, `\u241b[${"1;".repeat(100)}`],
])("%s only show as signs", (_name, text, expected) => {
  expect(safe(text)).toBe(expected);
});

test("no line is overwritten: a carriage return begins a new one", () => {
  expect(safe("10 %\r20 %\r\n30 %\n")).toBe("10 %\r\n20 %\r\n30 %\r\n");
  expect(safe("a\r", "\nb")).toBe("a\r\nb");
  expect(safe("\r10 %\r\r20 %\n\r\n")).toBe("10 %\r\n20 %\r\n\r\n");
});

test("a colour cut in two stays whole, a cut that comes to nothing is shown", () => {
  expect(safe("a\u001b[3", "1mb")).toBe("a\u001b[31mb");
  expect(safe("a\u001b", "[31mb")).toBe("a\u001b[31mb");
  expect(safe("a\u001b[3")).toBe("a\u241b[3");
});

test("a line of 10 MB costs what is shown of it", () => {
  const output = new SafeOutput();
  let shown = "";
  for (let piece = 0; piece < 40; piece += 1) shown += output.take("x".repeat(256 * 1024));
  shown += output.take("\nnext\n");
  expect(shown).toBe(
    `${"x".repeat(MAX_LINE_LENGTH)}\u001b[0m ... ${40 * 256 * 1024 - MAX_LINE_LENGTH} more characters in this line\r\nnext\r\n`,
  );
});
