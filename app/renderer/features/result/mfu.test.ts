import { expect, test } from "vitest";
import { sampleRepeat } from "../../../common/sample-runs.ts";
import { mfuPercent } from "../../../common/score.ts";
import { mfuRejection, mfuRules, mfuTerms, mfuToBeat, secondsForMfu } from "./mfu.ts";

const PROFILE = { mfu: { gpu_peak_tflops: 312 } };
const MEASURED = sampleRepeat(20, { mfuPercent: 55, parameters: 7_615_616_512, uniqueTokens: 163_840, numRanks: 4 });

test("the terms are the run's own; a rehearsal has none", () => {
  expect(mfuTerms(MEASURED, PROFILE)).toEqual({
    parameters: 7_615_616_512,
    uniqueTokens: 163_840,
    gpuPeakTflops: 312,
    numGpus: 4,
    seconds: 20,
  });
  expect(mfuTerms(sampleRepeat(20), PROFILE)).toBeNull();
});

test("the time for an MFU gives that MFU", () => {
  const terms = mfuTerms(MEASURED, PROFILE);
  expect(terms).not.toBeNull();
  if (terms === null) return;
  const seconds = secondsForMfu(terms, 60);
  expect(mfuPercent({ ...terms, seconds })).toBeCloseTo(60, 10);
  expect(() => secondsForMfu(terms, 0)).toThrow(RangeError);
});

test("a leader at 61.20 % with a threshold of 1 %", () => {
  expect(mfuToBeat(61.2, 1)).toBeCloseTo(61.812, 10);
});

test("an MFU below the profile's minimum or above what is plausible is rejected", () => {
  const rules = mfuRules({
    mfu: { gpu_peak_tflops: 312, min_mfu: 50, max_plausible_mfu: 85 },
    adaptive_threshold: { base_threshold: 0.01 },
  });
  expect(rules).toEqual({ min: 50, maxPlausible: 85, baseThreshold: 1 });
  expect([49.99, 50, 85, 85.01].map((percent) => mfuRejection(percent, rules))).toEqual([
    "insufficient_mfu",
    null,
    null,
    "implausible_mfu",
  ]);
  expect(mfuRejection(1, mfuRules({}))).toBeNull();
});
