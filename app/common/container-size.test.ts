import { expect, test } from "vitest";
import { parseContainerSize } from "./container-size.ts";

test.each([
  ["320g", 343_597_383_680],
  ["64g", 68_719_476_736],
  ["3G", 3_221_225_472],
  ["1.5g", 1_610_612_736],
  ["512m", 536_870_912],
  ["8k", 8192],
  ["7b", 7],
  ["7", 7],
  ["32gb", 34_359_738_368],
  ["32GiB", 34_359_738_368],
])("%s is %i bytes", (text, bytes) => {
  expect(parseContainerSize(text)).toBe(bytes);
});

test.each(["", "g", "-1g", "3 x", "0x10", "1e3", "3g\n", "three"])("%j is no size", (text) => {
  expect(() => parseContainerSize(text)).toThrow(expect.objectContaining({ code: "usage" }));
});
