import { expect, test } from "vitest";
import { shownValue } from "./words.ts";

test("text of the source hides, moves and reorders nothing", () => {
  expect(shownValue("os\u202e, sys\u001b[2J\n")).toBe("os\u{FFFD}, sys\u{FFFD}[2J\u{FFFD}");
  expect(shownValue({ model: "a\u202eb" })).toBe('{"model":"a\u{FFFD}b"}');
});
