import { expect, test } from "vitest";
import { restartAfter } from "./restart-policy.ts";

test("at once after the first crash, then with growing pauses, and a person is told", () => {
  const ends = [0, 1000, 2000, 3000, 4000, 5000, 6000];
  expect(ends.map((end, index) => restartAfter(ends.slice(0, index + 1), end))).toEqual([
    { pauseMs: 250, isFailing: false },
    { pauseMs: 500, isFailing: false },
    { pauseMs: 1000, isFailing: false },
    { pauseMs: 2000, isFailing: true },
    { pauseMs: 4000, isFailing: true },
    { pauseMs: 8000, isFailing: true },
    { pauseMs: 10_000, isFailing: true },
  ]);
});

test("after a good minute it begins anew", () => {
  expect(restartAfter([0, 1000, 2000, 3000, 70_000], 70_000)).toEqual({ pauseMs: 250, isFailing: false });
});
