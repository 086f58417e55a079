/** Checks and numbers of two runs beside each other. Pure. */
import type { Check } from "../../../common/events.ts";
import { CHECKS } from "../../../common/events.ts";
import type { RepeatResult, RunResult } from "../../../common/runs.ts";
import { lowMedian } from "../../../common/score.ts";

export type CheckDelta = {
  name: Check["name"];
  a: Check | null;
  b: Check | null;
  /** By how much more of its limit B uses, in percentage points; null where either has no share. */
  usedPoints: number | null;
};

/** The worst of each run's repeats: the failed one, else the one nearest to its limit. */
export function checkDeltas(a: RunResult | null, b: RunResult | null): CheckDelta[] {
  return CHECKS.flatMap((name): CheckDelta[] => {
    const [checkA, checkB] = [worst(a, name), worst(b, name)];
    if (checkA === null && checkB === null) return [];
    const [usedA, usedB] = [checkA?.used ?? null, checkB?.used ?? null];
    return [
      { name, a: checkA, b: checkB, usedPoints: usedA === null || usedB === null ? null : 100 * (usedB - usedA) },
    ];
  });
}

function worst(result: RunResult | null, name: Check["name"]): Check | null {
  const found = (result?.repeats ?? []).flatMap(({ checks }) => checks.filter((check) => check.name === name));
  const badness = ({ state, used }: Check) => (state === "failed" ? Number.POSITIVE_INFINITY : (used ?? -1));
  return found.reduce<Check | null>(
    (most, check) => (most === null || badness(check) > badness(most) ? check : most),
    null,
  );
}

export type Metric = {
  name: string;
  unit: string;
  a: readonly number[];
  b: readonly number[];
  /** Of the medians, B as against A; null where either is missing or A's is 0. */
  changePercent: number | null;
  /** Null: neither is better. */
  better: "more" | "less" | null;
};

const METRICS: readonly {
  name: string;
  unit: string;
  better: Metric["better"];
  of: (repeat: RepeatResult) => number | null | undefined;
}[] = [
  { name: "MFU", unit: "%", better: "more", of: ({ mfuPercent }) => mfuPercent },
  { name: "Speed against the reference", unit: "x", better: "more", of: ({ relativeSpeed }) => relativeSpeed },
  { name: "Tokens per second", unit: "", better: "more", of: ({ tokensPerSecond }) => tokensPerSecond },
  { name: "Timed run", unit: "s", better: "less", of: ({ timedSeconds }) => timedSeconds },
  { name: "Reference run", unit: "s", better: null, of: ({ referenceSeconds }) => referenceSeconds },
  { name: "Warm-up", unit: "s", better: null, of: ({ stageSeconds }) => stageSeconds.warmup },
  {
    name: "Peak memory per rank",
    unit: "bytes",
    better: "less",
    of: ({ peakMemoryBytesPerRank }) => peakMemoryBytesPerRank,
  },
];

/** Over the repeats that passed; what neither run measured is left out. */
export function metricDeltas(a: RunResult | null, b: RunResult | null): Metric[] {
  return METRICS.flatMap(({ name, unit, better, of }): Metric[] => {
    const [valuesA, valuesB] = [values(a, of), values(b, of)];
    if (valuesA.length === 0 && valuesB.length === 0) return [];
    const [medianA, medianB] = [lowMedian(valuesA), lowMedian(valuesB)];
    const known = medianA !== undefined && medianB !== undefined && medianA !== 0;
    return [
      { name, unit, better, a: valuesA, b: valuesB, changePercent: known ? 100 * (medianB / medianA - 1) : null },
    ];
  });
}

function values(result: RunResult | null, of: (repeat: RepeatResult) => number | null | undefined): number[] {
  return (result?.repeats ?? []).flatMap((repeat) => {
    const value = repeat.outcome === "passed" ? of(repeat) : null;
    return value === null || value === undefined ? [] : [value];
  });
}
