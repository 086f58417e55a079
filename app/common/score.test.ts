import { expect, test } from "vitest";
import type { Failure, ValidatorCode } from "./events.ts";
import type { ScoredRepeat } from "./score.ts";
import { isFatal, lowMedian, mfuPercent, seriesScore, uniqueTokens } from "./score.ts";

test.each([
  [[], undefined],
  [[50], 50],
  [[60, 50], 50],
  [[50, 70, 60], 60],
  [[40, 70, 60, 50], 50],
  [[9, 100, 10], 10],
])("the low median of %j is %j", (values, median) => {
  expect(lowMedian(values)).toBe(median);
});

// By hand: 100 * 6 * parameters * tokens / (peak * 1e12 * GPUs * seconds).
test.each([
  // 600 * 1e9 * 1e6 = 6e17 FLOPs in percent; one GPU of 100 TFLOPS for 60 s could do 6e15: 100 %.
  { parameters: 1e9, uniqueTokens: 1e6, gpuPeakTflops: 100, numGpus: 1, seconds: 60, percent: 100 },
  // Twice the time: half.
  { parameters: 1e9, uniqueTokens: 1e6, gpuPeakTflops: 100, numGpus: 1, seconds: 120, percent: 50 },
  // Four GPUs: a quarter of that.
  { parameters: 1e9, uniqueTokens: 1e6, gpuPeakTflops: 100, numGpus: 4, seconds: 120, percent: 12.5 },
  // Faster than the hardware: capped.
  { parameters: 1e9, uniqueTokens: 1e6, gpuPeakTflops: 100, numGpus: 1, seconds: 1, percent: 100 },
  // 7.6e9 parameters, 16 * 1024 * 20 * 4 = 1,310,720 tokens: 5.977e18 over 312e12 * 4 * 80 = 9.984e16: 59.8646...
  { parameters: 7.6e9, uniqueTokens: 1_310_720, gpuPeakTflops: 312, numGpus: 4, seconds: 80, percent: 59.8646153846 },
])("MFU is $percent %", ({ percent, ...run }) => {
  expect(mfuPercent(run)).toBeCloseTo(percent, 9);
});

test.each([0, -1, Number.NaN])("MFU over %d seconds is no number", (seconds) => {
  const run = { parameters: 1, uniqueTokens: 1, gpuPeakTflops: 1, numGpus: 1, seconds };
  expect(() => mfuPercent(run)).toThrow(RangeError);
});

test("unique tokens count each data group once", () => {
  const sizes = { batchSize: 16, sequenceLength: 1024, evalSteps: 20 };
  expect([uniqueTokens({ ...sizes, dpSize: 1 }), uniqueTokens({ ...sizes, dpSize: 4 })]).toEqual([327_680, 1_310_720]);
});

test.each<[ValidatorCode | null, boolean]>([
  ["insufficient_mfu", true],
  ["no_code", true],
  ["functional_tampering", true],
  ["loss_mismatch", false],
  ["weight_mismatch", false],
  ["execution_failed", false],
  ["timer_source_unavailable", false],
  [null, false],
])("%s ends a series: %s", (code, fatal) => {
  expect(isFatal(code)).toBe(fatal);
});

const failure = (code: ValidatorCode | null): Failure => ({
  kind: "check",
  code,
  fault: "submission",
  message: `failed with ${code}`,
  hint: "",
  stage: "checks",
  rank: null,
  line: null,
  detail: "",
});
const passed = (value: number): ScoredRepeat => ({
  outcome: "passed",
  failure: null,
  mfuPercent: value,
  relativeSpeed: null,
});
const rehearsed = (value: number): ScoredRepeat => ({
  outcome: "passed",
  failure: null,
  mfuPercent: null,
  relativeSpeed: value,
});
const failed = (code: ValidatorCode | null): ScoredRepeat => ({
  outcome: "failed",
  failure: failure(code),
  mfuPercent: null,
  relativeSpeed: null,
});
const ended = (outcome: "error" | "cancelled"): ScoredRepeat => ({ ...failed(null), outcome });

test.each<[string, ScoredRepeat[], number, number, object]>([
  [
    "all passed: low median",
    [passed(60), passed(50)],
    2,
    0.3,
    { outcome: "passed", failure: null, score: { kind: "mfu_percent", value: 50 }, successRate: 1 },
  ],
  [
    "on a CPU: relative speed",
    [rehearsed(1.3)],
    1,
    0.5,
    { outcome: "passed", failure: null, score: { kind: "relative_speed", value: 1.3 }, successRate: 1 },
  ],
  [
    "failures below the limit do not count",
    [failed("loss_mismatch"), passed(50), passed(60)],
    3,
    0.5,
    { outcome: "passed", failure: null, score: { kind: "mfu_percent", value: 50 }, successRate: 2 / 3 },
  ],
  [
    "exactly the share is enough",
    [passed(50), failed("loss_mismatch")],
    2,
    0.5,
    { outcome: "passed", failure: null, score: { kind: "mfu_percent", value: 50 }, successRate: 0.5 },
  ],
  [
    "too few passed",
    [passed(50), failed("loss_mismatch"), failed(null)],
    3,
    0.5,
    { outcome: "failed", failure: failure("loss_mismatch"), score: null, successRate: 1 / 3 },
  ],
  [
    "none passed, though none need to",
    [failed("weight_mismatch")],
    1,
    0,
    { outcome: "failed", failure: failure("weight_mismatch"), score: null, successRate: 0 },
  ],
  [
    "a fatal code fails whatever earlier runs gave",
    [passed(50), passed(60), failed("timer_tampering")],
    4,
    0.3,
    { outcome: "failed", failure: failure("timer_tampering"), score: null, successRate: 0.5 },
  ],
  [
    "a fatal code outweighs an earlier harmless failure",
    [failed("loss_mismatch"), failed("insufficient_mfu")],
    2,
    0.3,
    { outcome: "failed", failure: failure("insufficient_mfu"), score: null, successRate: 0 },
  ],
  [
    "trouble of ours counts as not passed",
    [ended("error"), passed(50)],
    2,
    0.5,
    { outcome: "passed", failure: null, score: { kind: "mfu_percent", value: 50 }, successRate: 0.5 },
  ],
  [
    "and is no failure of the submission",
    [failed("loss_mismatch"), ended("error")],
    2,
    0.5,
    { outcome: "error", failure: failure(null), score: null, successRate: 0 },
  ],
  [
    "cancelled",
    [passed(50), ended("cancelled")],
    2,
    0.5,
    { outcome: "cancelled", failure: failure(null), score: null, successRate: 0.5 },
  ],
])("series: %s", (_name, repeats, planned, minSuccessRate, expected) => {
  expect(seriesScore(repeats, planned, minSuccessRate)).toEqual(expected);
});
