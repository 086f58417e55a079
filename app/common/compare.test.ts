import { expect, test } from "vitest";
import type { ComparedRun } from "./compare.ts";
import { compareRuns } from "./compare.ts";
import type { Plan, RepeatResult } from "./runs.ts";
import { samplePlan, sampleRepeat, sampleResult } from "./sample-runs.ts";

function run(runId: string, repeats: RepeatResult[], plan: Partial<Plan> = {}, source = "x = 1\n"): ComparedRun {
  return { plan: samplePlan({ runId, ...plan }), result: sampleResult(repeats, { runId }), source };
}
/** Repeats with these timed seconds, each with a seed of its own. */
const timed = (...seconds: number[]) => seconds.map((value, index) => sampleRepeat(value, { seed: `s${index + 1}` }));
const onGpu = (...percents: number[]) =>
  percents.map((mfuPercent) => sampleRepeat(4, { mfuPercent, device: "NVIDIA A100" }));
const speed = (a: ComparedRun, b: ComparedRun) => compareRuns(a, b).speed;

test("what changed in code, profile and environment", () => {
  const a = run("1", timed(4, 4.1));
  const b = run(
    "2",
    timed(4, 4.1).map((repeat) => ({ ...repeat, versions: { torch: "2.14.0" } })),
    {
      submission: { ...samplePlan().submission, version: 2 },
      profile: {
        ...samplePlan().profile,
        content: { evaluation_runs: 3, eval_steps: 10, benchmark_batch_size: 8, verification: {}, list: [1, 2] },
      },
      environment: { torch: "2.14.0", os: "Linux" },
    },
    "x = 2\n",
  );
  const { speed: _, ...changed } = compareRuns(a, b);
  expect(changed).toEqual({
    a: { runId: "1", name: "train.py", version: 1 },
    b: { runId: "2", name: "train.py", version: 2 },
    code: {
      identical: false,
      diff: ["--- train.py v1 (run 1)", "+++ train.py v2 (run 2)", "@@ -1,1 +1,1 @@", "-x = 1", "+x = 2", ""].join(
        "\n",
      ),
    },
    profile: [
      { path: "eval_steps", a: 20, b: 10 },
      { path: "list", a: undefined, b: [1, 2] },
      { path: "verification.weight_relative_error_max", a: 0.005, b: undefined },
    ],
    environment: [
      { path: "crusader", a: "0.1.0", b: undefined },
      { path: "torch", a: "2.13.0", b: "2.14.0" },
    ],
  });
  expect(compareRuns(a, { ...b, source: a.source }).code).toEqual({ identical: true, diff: "" });
});

// By hand, A: 10, 10.2 s and B: 5, 5.1 s. Logs differ by ln 2; each side's log variance is ln(1.02)^2 / 2 = 1.96070e-4, so
// the standard error is sqrt(2 * 1.96070e-4 / 2) = 0.0140025, with 2 degrees of freedom: ln 2 +- 4.303 * 0.0140025.
test("two repeats a side: Welch's t on the logs", () => {
  const { verdict, reasons, metric, changePercent, intervalPercent, method } = speed(
    run("1", timed(10, 10.2)),
    run("2", timed(5, 5.1)),
  );
  expect({ verdict, reasons, metric, method }).toEqual({
    verdict: "faster",
    reasons: [],
    metric: "tokens_per_second",
    method: "2 and 2 repeats: 95 % interval of the difference of mean logs (Welch's t)",
  });
  expect(changePercent).toBeCloseTo(100, 9);
  expect(intervalPercent?.[0]).toBeCloseTo(100 * (2 * Math.exp(-0.0602527) - 1), 2);
  expect(intervalPercent?.[1]).toBeCloseTo(100 * (2 * Math.exp(0.0602527) - 1), 2);
});

test("the other way round it is slower, and a difference inside the spread is noise", () => {
  expect([
    speed(run("1", timed(5, 5.1)), run("2", timed(10, 10.2))).verdict,
    speed(run("1", timed(10, 11, 10.5)), run("2", timed(9.9, 10.8, 10.4))).verdict,
    // Two repeats can look alike by luck: one degree of freedom needs a wide gap.
    speed(run("1", timed(10, 10.001)), run("2", timed(9, 10))).verdict,
    speed(run("1", timed(10, 10)), run("2", timed(10, 10))).verdict,
  ]).toEqual(["slower", "within_noise", "within_noise", "within_noise"]);
});

test("interleaved pairs with equal seeds cancel the drift that both sides share", () => {
  const a = timed(10, 12, 14);
  const b = timed(9.8, 11.75, 13.7);
  const unpaired = speed(run("1", a), run("2", b));
  const paired = speed(run("1", a, { against: "2" }), run("2", b, { against: "1" }));
  const otherSeeds = speed(
    run("1", a, { against: "2" }),
    run(
      "2",
      b.map((repeat) => ({ ...repeat, seed: "other" })),
      { against: "1" },
    ),
  );
  expect([unpaired, paired, otherSeeds].map(({ verdict, method }) => [verdict, method])).toEqual([
    ["within_noise", "3 and 3 repeats: 95 % interval of the difference of mean logs (Welch's t)"],
    ["faster", "3 interleaved pairs with equal seeds: 95 % interval of the mean log ratio (paired t)"],
    ["within_noise", "3 and 3 repeats: 95 % interval of the difference of mean logs (Welch's t)"],
  ]);
});

test("one run a side never claims a winner", () => {
  expect(speed(run("1", timed(10)), run("2", timed(5)))).toEqual({
    verdict: "no_noise_estimate",
    reasons: ["one run a side: no noise estimate; at least two repeats a side are needed"],
    metric: "tokens_per_second",
    a: { values: [4096], median: 4096, timedSeconds: [10] },
    b: { values: [8192], median: 8192, timedSeconds: [5] },
    changePercent: expect.closeTo(100, 9),
    intervalPercent: null,
    method: "none",
  });
  expect(speed(run("1", timed(10)), run("2", timed(5, 5.1, 5.2))).verdict).toBe("no_noise_estimate");
});

test("MFU is compared where every repeat has it", () => {
  const { metric, a, verdict } = speed(run("1", onGpu(50, 50.1)), run("2", onGpu(60, 60.1)));
  expect({ metric, values: a.values, median: a.median, verdict }).toEqual({
    metric: "mfu_percent",
    values: [50, 50.1],
    median: 50,
    verdict: "faster",
  });
});

test("failed repeats do not count", () => {
  const failed = sampleRepeat(1, { outcome: "failed" });
  expect(speed(run("1", [...timed(10, 10.1), failed]), run("2", timed(10, 10.1))).a.timedSeconds).toEqual([10, 10.1]);
});

const profileWith = (content: object, kind: "rehearsal" | "production" = "rehearsal") => ({
  profile: { ...samplePlan().profile, kind, content: { ...samplePlan().profile.content, ...content } },
});

test.each<[string, ComparedRun, string[]]>([
  [
    "another batch size",
    run("2", timed(4, 5), profileWith({ benchmark_batch_size: 16 })),
    ["profile: benchmark_batch_size is 8 in A and 16 in B"],
  ],
  [
    "an unknown key",
    run("2", timed(4, 5), profileWith({ novelty: 1 })),
    ["profile: novelty is absent in A and 1 in B"],
  ],
  [
    "another kind",
    run("2", timed(4, 5), profileWith({}, "production")),
    ["profile: A is a rehearsal run, B a production run"],
  ],
  ["other ranks", run("2", timed(4, 5), { numRanks: 4 }), ["ranks: 2 in A and 4 in B"]],
  ["another backend", run("2", timed(4, 5), { backend: "docker" }), ["backend: local in A and docker in B"]],
  ["another device", run("2", onGpu(50, 51)), ["device: cpu in A and NVIDIA A100 in B"]],
  ["no result", { ...run("2", []), result: null }, ["B has no passed and timed repeat (run 2: no result)"]],
])("%s does not compare", (_name, b, reasons) => {
  const { verdict, reasons: given, changePercent } = speed(run("1", timed(4, 5)), b);
  expect({ verdict, reasons: given, changePercent }).toEqual({
    verdict: "not_comparable",
    reasons,
    changePercent: null,
  });
});

test("other limits and another number of runs do compare", () => {
  const b = run("2", timed(4, 5), profileWith({ evaluation_runs: 9, verification: { weight_relative_error_max: 1 } }));
  expect(speed(run("1", timed(4, 5)), b).verdict).toBe("within_noise");
});

test("huge files without anything in common end in time", () => {
  const lines = (prefix: string) => Array.from({ length: 60_000 }, (_value, index) => `${prefix}${index}`).join("\n");
  const a = run("1", timed(4, 5), {}, lines("a"));
  const b = run("2", timed(4, 5), {}, lines("b"));
  expect(compareRuns(a, b).code).toEqual({ identical: false, diff: null });
});

test("runs that different code judged do not compare; of production's code the revision is shown", () => {
  const judgedBy = (label: string) => ({ production: { revision: { id: label.repeat(40), label }, files: [] } });
  const own = run("1", onGpu(60, 61));
  const [a, b] = [run("2", onGpu(60, 61), judgedBy("a")), run("3", onGpu(60, 61), judgedBy("b"))];
  expect(speed(own, a)).toMatchObject({
    verdict: "not_comparable",
    reasons: ["evaluation: crusader in A and production, revision a in B"],
  });
  expect(speed(a, b).verdict).toBe("within_noise");
  expect(compareRuns(a, b).environment).toEqual([
    { path: "evaluation", a: "production, revision a", b: "production, revision b" },
  ]);
});
