import { expect, test } from "vitest";
import { shownPlaces } from "./shown-places.ts";

const at = (line: number, column: number) => ({ line, column, endLine: line, endColumn: column + 2 });

test("places in plain text are where Python says", () => {
  const shown = shownPlaces("import os\nimport sys\r\nx = 1\n");
  expect([at(1, 8), at(2, 8), at(3, 1), at(9, 4)].map(shown)).toEqual([at(1, 8), at(2, 8), at(3, 1), at(9, 4)]);
});

test("a lone carriage return begins a line for Python alone, as it is a sign in what is shown", () => {
  // Shown: "a = 1 # x\uFFFDimport os\uFFFDb\nc".
  const shown = shownPlaces("a = 1 # \u{1F600}\rimport os\rb\nc\r\nd");
  expect([at(1, 5), at(2, 8), at(3, 1), at(4, 1), at(5, 1)].map(shown)).toEqual([
    at(1, 5),
    at(1, 18),
    at(1, 21),
    at(2, 1),
    at(3, 1),
  ]);
});

test("a byte order mark is a sign, too", () => {
  expect(shownPlaces("\u{FEFF}import os\nx")(at(1, 8))).toEqual(at(1, 9));
});
