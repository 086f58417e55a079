import { expect, test } from "vitest";
import type { Check, Failure } from "../../../common/events.ts";
import { samplePlan, sampleRepeat, sampleResult } from "../../../common/sample-runs.ts";
import { checkCells, decisiveRepeat, scoreText, spreadText, verdictOf } from "./verdict.ts";

const FAILURE: Failure = {
  kind: "check",
  code: "weight_mismatch",
  fault: "submission",
  message: "The final weights differ.",
  hint: "",
  stage: "checks",
  rank: null,
  line: null,
  detail: "",
};
const plan = samplePlan();

test("a rehearsal that passed is amber, with the reason", () => {
  const result = sampleResult([sampleRepeat(4)], { score: { kind: "relative_speed", value: 1.57 } });
  expect(verdictOf({ state: "passed", plan, result })).toEqual({
    mark: "notComparable",
    word: "Passed",
    sentence: "Every check passed under a rehearsal: x 1.57 of the reference run's speed, not a score.",
    notComparable: ["rehearsal: a small model on CPU ranks"],
  });
});

test("green is only what compares with the leaderboard", () => {
  const result = sampleResult([sampleRepeat(4)], { notComparable: [], score: { kind: "mfu_percent", value: 61.2 } });
  expect(verdictOf({ state: "passed", plan, result })).toEqual({
    mark: "passed",
    word: "Passed",
    sentence: "The validator would accept this, at 61.20 % MFU.",
    notComparable: [],
  });
  expect(scoreText({ score: null, notComparable: [] })).toBe("not timed");
});

test("a failure names production's own code", () => {
  const result = sampleResult([], { outcome: "failed", failure: FAILURE, score: null, repeatsPlanned: 1 });
  expect(verdictOf({ state: "failed", plan, result })).toMatchObject({
    mark: "failed",
    sentence: "The validator would reject this with weight_mismatch: The final weights differ.",
  });
});

test.each([
  ["running", "running"],
  ["interrupted", "interrupted"],
] as const)("a run without a result that is %s", (state, mark) => {
  expect(verdictOf({ state, plan, result: null }).mark).toBe(mark);
});

const CHECK: Check = {
  name: "weights",
  state: "passed",
  value: 0.0031,
  limit: 0.005,
  rule: "at_most",
  unit: "relative",
  used: 0.62,
  productionLimit: 0.015,
  code: null,
  message: "",
};

test.each([
  [{}, { value: "0.0031 of 0.0050", used: "62 % used", production: "production: 0.0150" }],
  [{ productionLimit: 0.005 }, { value: "0.0031 of 0.0050", used: "62 % used", production: "" }],
  [
    { value: 0.982, limit: 0.75, rule: "at_least", unit: "share", used: 0.7637, productionLimit: null },
    { value: "98.20 % of 75.00 % min", used: "76 % used", production: "" },
  ],
  [
    { value: 40_960, limit: 40_960, rule: "equal", unit: "tokens", used: null, productionLimit: null },
    { value: "40,960 = 40,960", used: "", production: "" },
  ],
  [
    { value: 1, limit: 2, rule: "equal", unit: "tensors", used: null, productionLimit: null },
    { value: "1 tensors, expected 2 tensors", used: "", production: "" },
  ],
  [
    { state: "not_measured", value: null },
    { value: "not measured", used: "", production: "" },
  ],
  [
    { used: Infinity, productionLimit: null },
    { value: "0.0031 of 0.0050", used: "over 9,999 % used", production: "" },
  ],
] as [Partial<Check>, object][])("cells of a check with %j", (overrides, cells) => {
  expect(checkCells({ ...CHECK, ...overrides })).toEqual(cells);
});

test("a spread", () => {
  const shown = (value: number) => value.toFixed(2);
  expect(spreadText([1.5, 1.4, 1.9], shown)).toBe("1.50 [1.40..1.90] n=3");
  expect(spreadText([1.5], shown)).toBe("1.50 n=1");
  expect(spreadText([], shown)).toBe("");
});

test("the repeat that decided", () => {
  const bad = sampleRepeat(3, { outcome: "failed", failure: FAILURE });
  const failed = sampleResult([sampleRepeat(4), bad], { outcome: "failed", failure: FAILURE });
  const passed = sampleResult([sampleRepeat(4), sampleRepeat(3)], { score: { kind: "relative_speed", value: 2 } });
  expect([decisiveRepeat(failed), decisiveRepeat(passed)]).toEqual([1, 1]);
});
