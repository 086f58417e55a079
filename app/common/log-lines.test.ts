import { expect, test } from "vitest";
import { mayBePrefix, rankSource, readLogLine } from "./log-lines.ts";

test.each([
  ["[rank 0] step 1", "rank 0", "step 1"],
  ["[rank 63] ", "rank 63", ""],
  ["[rank 0] [rank 1] fake", "rank 0", "[rank 1] fake"],
  ["[reference 1] x", "reference 1", "x"],
  ["[launcher] x", "launcher", "x"],
  ["step 1", null, "step 1"],
  [" [rank 0] x", null, " [rank 0] x"],
  ["[rank 0]x", null, "[rank 0]x"],
  ["[rank x] y", null, "[rank x] y"],
  ["[12 bytes of output dropped here]", null, "[12 bytes of output dropped here]"],
  ["", null, ""],
])("%j is of %j", (line, source, text) => {
  expect(readLogLine(line)).toEqual({ source, text });
});

test("a beginning is undecided just as long as it may become a prefix", () => {
  for (const prefix of [`[${rankSource(12)}] `, "[reference 0] ", "[launcher] "]) {
    for (let length = 0; length < prefix.length; length += 1) expect(mayBePrefix(prefix.slice(0, length))).toBe(true);
    expect(mayBePrefix(prefix)).toBe(false);
  }
  expect(["x", "[x", "[rank x", "[rank 0]x", "[rank 1234", "[rank 0] x"].filter(mayBePrefix)).toEqual([]);
});
