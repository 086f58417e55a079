/** What a file's own runs say of the score it would get. Pure. */
import { tQuantile95 } from "./compare.ts";

/** Below that, an interval would say more about the formula than about the file. */
export const MIN_ESTIMATE_RUNS = 5;

export type ScoreEstimate = {
  /** All in percent of MFU, as the runs are. */
  mean: number;
  low: number;
  high: number;
  /** In words. */
  method: string;
};

/**
 * Where one more run of the file would lie, from the MFU of at least five runs on comparable GPUs; null for fewer. The
 * interval is that of a prediction, wider than that of the mean: a submission is scored by few runs
 * (spec/evaluation.md section 5), not by many.
 */
export function estimateScore(mfuPercents: readonly number[]): ScoreEstimate | null {
  const count = mfuPercents.length;
  if (count < MIN_ESTIMATE_RUNS) return null;
  const mean = mfuPercents.reduce((sum, value) => sum + value, 0) / count;
  const variance = mfuPercents.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const half = tQuantile95(count - 1) * Math.sqrt(variance * (1 + 1 / count));
  return {
    mean,
    low: Math.max(0, mean - half),
    high: Math.min(100, mean + half),
    method: `95 % prediction interval of one more run, from ${count} runs (Student's t)`,
  };
}

/** How an estimate stands to the score that is needed. */
export function estimateAgainst({ low, high }: ScoreEstimate, neededPercent: number): "above" | "below" | "open" {
  if (low > neededPercent) return "above";
  return high <= neededPercent ? "below" : "open";
}
