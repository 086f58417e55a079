import { expect, test } from "vitest";
import { sampleRepeat, sampleResult } from "../../../common/sample-runs.ts";
import { checkDeltas, metricDeltas } from "./deltas.ts";

const CHECK = sampleRepeat(4).checks[0];
const repeat = (timedSeconds: number, used: number, state: "passed" | "failed" = "passed") =>
  sampleRepeat(timedSeconds, { checks: CHECK === undefined ? [] : [{ ...CHECK, used, state }], outcome: state });

test("of several repeats the check nearest to its limit counts, a failed one before all", () => {
  const a = sampleResult([repeat(4, 0.1), repeat(4, 0.3)]);
  const b = sampleResult([repeat(4, 0.9), repeat(4, 0.2, "failed")]);
  expect(checkDeltas(a, b)).toMatchObject(
    [{ name: "weights", a: { used: 0.3 }, b: { used: 0.2, state: "failed" }, usedPoints: -10 }].map(
      ({ usedPoints, ...rest }) => ({ ...rest, usedPoints: expect.closeTo(usedPoints) }),
    ),
  );
  expect(checkDeltas(a, null)).toMatchObject([{ name: "weights", b: null, usedPoints: null }]);
});

test("metrics: values of the passed repeats, and the change of their medians", () => {
  const a = sampleResult([repeat(4, 0.1), repeat(5, 0.1), repeat(1, 0.1, "failed")]);
  const b = sampleResult([repeat(3, 0.1)]);
  const timed = metricDeltas(a, b).find(({ name }) => name === "Timed run");
  expect(timed).toEqual({ name: "Timed run", unit: "s", better: "less", a: [4, 5], b: [3], changePercent: -25 });
  expect(metricDeltas(a, b).some(({ name }) => name === "MFU")).toBe(false);
});
