import { expect, test } from "vitest";
import { shownText, shownValue } from "./words.ts";

test("text of the source hides, moves and reorders nothing", () => {
  expect(shownText("os\u202e, sys\u2066\u200b\u001b[2J\n\u009b\u2028\ud800")).toBe(
    "os\u{FFFD}, sys\u{FFFD}\u{FFFD}\u{FFFD}[2J\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}",
  );
  expect(shownValue({ model: "a\u202eb" })).toBe('{"model":"a\u{FFFD}b"}');
});
