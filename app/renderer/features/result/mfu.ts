/** MFU with a run's own numbers, and the other way round: what time gives what MFU (spec/evaluation.md section 4). Pure. */
import type { ValidatorCode } from "../../../common/events.ts";
import type { Plan, RepeatResult } from "../../../common/runs.ts";

export type MfuTerms = {
  parameters: number;
  uniqueTokens: number;
  gpuPeakTflops: number;
  numGpus: number;
  seconds: number;
};

/** Null for a repeat whose MFU was not measured: rehearsals have none. */
export function mfuTerms(repeat: RepeatResult, profile: Plan["profile"]["content"]): MfuTerms | null {
  const { parameters, uniqueTokens, timedSeconds, numRanks } = repeat;
  const gpuPeakTflops = (profile.mfu as { gpu_peak_tflops?: unknown } | undefined)?.gpu_peak_tflops;
  if (repeat.mfuPercent === null || parameters === null || uniqueTokens === null || timedSeconds === null) return null;
  if (typeof gpuPeakTflops !== "number") return null;
  return { parameters, uniqueTokens, gpuPeakTflops, numGpus: numRanks, seconds: timedSeconds };
}

/** What a profile demands of an MFU, in percent (sections 4 and 5); null where it says nothing. */
export type MfuRules = { min: number | null; maxPlausible: number | null; baseThreshold: number | null };

export function mfuRules(profile: Plan["profile"]["content"]): MfuRules {
  const { mfu, adaptive_threshold } = profile as Partial<Record<string, Record<string, unknown>>>;
  const numberOf = (value: unknown) => (typeof value === "number" ? value : null);
  const base = numberOf(adaptive_threshold?.base_threshold);
  return {
    min: numberOf(mfu?.min_mfu),
    maxPlausible: numberOf(mfu?.max_plausible_mfu),
    baseThreshold: base === null ? null : 100 * base,
  };
}

/** The code with which such an MFU would be rejected; null where it would not. */
export function mfuRejection(percent: number, { min, maxPlausible }: MfuRules): ValidatorCode | null {
  if (min !== null && percent < min) return "insufficient_mfu";
  return maxPlausible !== null && percent > maxPlausible ? "implausible_mfu" : null;
}

/** Seconds of the timed run that would give this MFU; `percent` in (0, 100]. */
export function secondsForMfu(terms: MfuTerms, percent: number): number {
  if (!(percent > 0 && percent <= 100)) throw new RangeError(`MFU must lie in (0, 100], not ${percent}`);
  // At one second the uncapped value; MFU is inversely proportional to the time.
  const secondsAtAll = (6 * terms.parameters * terms.uniqueTokens) / (terms.gpuPeakTflops * 1e12 * terms.numGpus);
  return (100 * secondsAtAll) / percent;
}

/**
 * The MFU that replaces a leader: above leader x (1 + threshold) (section 5). `thresholdPercent` is today's, already
 * decayed.
 */
export function mfuToBeat(leaderPercent: number, thresholdPercent: number): number {
  return leaderPercent * (1 + thresholdPercent / 100);
}
