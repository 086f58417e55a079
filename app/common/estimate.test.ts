import { expect, test } from "vitest";
import { estimateAgainst, estimateScore } from "./estimate.ts";

test("from five runs on there is an interval, wider than that of a mean", () => {
  expect(estimateScore([50, 51, 52, 53])).toBeNull();
  const estimate = estimateScore([50, 51, 52, 53, 54]);
  // t(4) = 2.776, s = sqrt(2.5), times sqrt(1 + 1/5).
  const half = 2.776 * Math.sqrt(2.5 * 1.2);
  expect(estimate).toEqual({
    mean: 52,
    low: expect.closeTo(52 - half, 9),
    high: expect.closeTo(52 + half, 9),
    method: "95 % prediction interval of one more run, from 5 runs (Student's t)",
  });
});

test("it stays within what MFU can be, and runs that agree leave no interval", () => {
  expect([estimateScore([99, 99.5, 98, 99.9, 97])?.high, estimateScore([0.1, 3, 0.2, 2, 0.1])?.low]).toEqual([100, 0]);
  expect(estimateScore([60, 60, 60, 60, 60, 60])).toMatchObject({ mean: 60, low: 60, high: 60 });
});

test("only an interval that lies wholly above what is needed says that it would lead", () => {
  const estimate = { mean: 52, low: 50, high: 54, method: "" };
  expect([49.9, 50, 52, 54, 54.1].map((needed) => estimateAgainst(estimate, needed))).toEqual([
    "above",
    "open",
    "open",
    "below",
    "below",
  ]);
});
