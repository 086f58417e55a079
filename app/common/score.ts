/** From repeats to a score, and MFU (spec/evaluation.md sections 4 and 5). */

import type { ValidatorCode } from "./events.ts";
import { FATAL_CODES } from "./events.ts";
import type { RepeatResult, RunResult } from "./runs.ts";

/** Whether a run that failed with this code ends its series (section 5). */
export function isFatal(code: ValidatorCode | null): boolean {
  return code !== null && FATAL_CODES.includes(code);
}

/** The middle value, or the lower of the two middle ones: always one of the values. Undefined for none. */
export function lowMedian(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}

/** Tokens that count: every data group's own, each once however many tensor-parallel ranks see it (section 4). */
export function uniqueTokens(sizes: {
  batchSize: number;
  sequenceLength: number;
  evalSteps: number;
  dpSize: number;
}): number {
  return sizes.batchSize * sizes.sequenceLength * sizes.evalSteps * sizes.dpSize;
}

/**
 * Model FLOPs utilisation in percent, capped at 100 (section 4): 6 FLOPs per parameter and token, over what the GPUs could
 * have done in that time. `gpuPeakTflops` is the dense peak of one GPU. Throws RangeError unless all are positive.
 */
export function mfuPercent(run: {
  parameters: number;
  uniqueTokens: number;
  gpuPeakTflops: number;
  numGpus: number;
  seconds: number;
}): number {
  for (const [name, value] of Object.entries(run)) {
    if (!(value > 0)) throw new RangeError(`${name} must be positive, not ${value}`);
  }
  const trainingFlops = 6 * run.parameters * run.uniqueTokens;
  const possibleFlops = run.gpuPeakTflops * 1e12 * run.numGpus * run.seconds;
  return Math.min(100, (100 * trainingFlops) / possibleFlops);
}

/** What the rules need to know of a repeat. */
export type ScoredRepeat = Pick<RepeatResult, "outcome" | "failure" | "mfuPercent" | "relativeSpeed">;
export type SeriesScore = Pick<RunResult, "outcome" | "failure" | "score" | "successRate">;

/**
 * The outcome of a series (section 5). A fatal code fails it whatever the other repeats gave; otherwise it fails when
 * none or a share under `minSuccessRate` of the planned repeats passed; else its score is the low median of those that passed.
 *
 * `failure` is the one that decided. A repeat that ended for a reason outside the submission counts, as in production, as
 * one that did not pass; where that costs the series its success, the outcome is `error`, not `failed`.
 */
export function seriesScore(
  repeats: readonly ScoredRepeat[],
  repeatsPlanned: number,
  minSuccessRate: number,
): SeriesScore {
  const passed = repeats.filter(({ outcome }) => outcome === "passed");
  const successRate = passed.length / repeatsPlanned;
  const ended = (outcome: SeriesScore["outcome"], repeat: ScoredRepeat | undefined): SeriesScore => ({
    outcome,
    failure: repeat?.failure ?? null,
    score: null,
    successRate,
  });

  const fatal = repeats.find(({ outcome, failure }) => outcome === "failed" && isFatal(failure?.code ?? null));
  if (fatal !== undefined) return ended("failed", fatal);
  const cancelled = repeats.find(({ outcome }) => outcome === "cancelled");
  if (cancelled !== undefined) return ended("cancelled", cancelled);
  if (passed.length > 0 && successRate >= minSuccessRate) {
    return { outcome: "passed", failure: null, score: scoreOf(passed), successRate };
  }
  const error = repeats.find(({ outcome }) => outcome === "error");
  if (error !== undefined) return ended("error", error);
  return ended(
    "failed",
    repeats.find(({ outcome }) => outcome === "failed"),
  );
}

/** MFU where every passed repeat measured it (on GPUs), else speed relative to the reference. */
function scoreOf(passed: readonly ScoredRepeat[]): SeriesScore["score"] {
  const median = (kind: "mfu_percent" | "relative_speed", values: (number | null)[]) => {
    const measured = values.filter((value) => value !== null);
    const value = measured.length === values.length ? lowMedian(measured) : undefined;
    return value === undefined ? null : { kind, value };
  };
  return (
    median(
      "mfu_percent",
      passed.map((repeat) => repeat.mfuPercent),
    ) ??
    median(
      "relative_speed",
      passed.map((repeat) => repeat.relativeSpeed),
    )
  );
}
