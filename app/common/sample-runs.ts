/** Plausible run records, complete but small, for tests and the benchmark. */

import type { Plan, RepeatResult, RunResult } from "./runs.ts";
import { RECORD_VERSION } from "./runs.ts";

export function samplePlan(overrides: Partial<Plan> = {}): Plan {
  return {
    version: RECORD_VERSION,
    runId: "1",
    createdAt: "2026-11-01T10:00:00.000Z",
    submission: { name: "train.py", path: "/code/a/train.py", sha256: "a".repeat(64), bytes: 12, version: 1 },
    profile: {
      name: "rehearsal",
      kind: "rehearsal",
      sha256: "b".repeat(64),
      content: {
        evaluation_runs: 3,
        eval_steps: 20,
        benchmark_batch_size: 8,
        verification: { weight_relative_error_max: 0.005 },
      },
    },
    backend: "local",
    sandbox: "bubblewrap",
    numRanks: 2,
    seeds: ["s1", "s2", "s3"],
    seedFixed: false,
    against: null,
    environment: { crusader: "0.1.0", torch: "2.13.0", os: "Linux" },
    ...overrides,
  };
}

/** A repeat that passed with this many seconds in the timed run; the reference took 6 s. */
export function sampleRepeat(timedSeconds: number, overrides: Partial<RepeatResult> = {}): RepeatResult {
  const uniqueTokens = 40_960;
  return {
    outcome: "passed",
    failure: null,
    seed: "s1",
    numRanks: 2,
    strategy: { dp_size: 2, tp_size: 1 },
    device: "cpu",
    mfuPercent: null,
    relativeSpeed: 6 / timedSeconds,
    timedSeconds,
    judgeSeconds: timedSeconds + 0.01,
    referenceSeconds: 6,
    uniqueTokens,
    tokensPerSecond: uniqueTokens / timedSeconds,
    parameters: 1_000_000,
    peakMemoryBytesPerRank: 512 * 1024 * 1024,
    versions: { torch: "2.13.0" },
    checks: [
      {
        name: "weights",
        state: "passed",
        value: 0.0006,
        limit: 0.005,
        rule: "at_most",
        unit: "",
        used: 0.12,
        productionLimit: 0.015,
        code: "weight_mismatch",
        message: "The weights agree with the reference's.",
      },
    ],
    notes: [],
    stageSeconds: { scan: 0.02, reference: 6, timed: timedSeconds },
    wallSeconds: 6.1 + timedSeconds,
    ...overrides,
  };
}

export function sampleResult(repeats: RepeatResult[], overrides: Partial<RunResult> = {}): RunResult {
  return {
    version: RECORD_VERSION,
    runId: "1",
    startedAt: "2026-11-01T10:00:00.000Z",
    finishedAt: "2026-11-01T10:00:30.000Z",
    outcome: "passed",
    failure: null,
    score: { kind: "relative_speed", value: repeats[0]?.relativeSpeed ?? 1 },
    repeatsPlanned: repeats.length,
    successRate: 1,
    minSuccessRate: 0.3,
    notComparable: ["rehearsal: a small model on CPU ranks"],
    output: { keptBytes: 0, droppedBytes: 0 },
    repeats,
    ...overrides,
  };
}
