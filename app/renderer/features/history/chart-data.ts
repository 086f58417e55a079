/** What the history's charts draw. Pure. */
import type { Point } from "../../../common/down-sample.ts";
import type { HistoryRun } from "../../../common/history.ts";
import { lowMedian } from "../../../common/score.ts";

export type ScoreKind = "mfu_percent" | "relative_speed";
export type ScorePoint = Point & { runId: string; name: string; version: number };

/**
 * Scores over time, oldest first. `x`: milliseconds since 1970. Unlike scores never share a chart; imported ones, which
 * nobody here measured, are in none.
 */
export function scoresOverTime(runs: readonly HistoryRun[], kind: ScoreKind): ScorePoint[] {
  return runs
    .flatMap(({ id, score, createdAt, submission, imported }) =>
      score?.kind === kind && imported !== true
        ? [{ x: Date.parse(createdAt), y: score.value, runId: id, name: submission.name, version: submission.version }]
        : [],
    )
    .toSorted((a, b) => a.x - b.x);
}

export type VersionPoint = { version: number; median: number; spread: [number, number]; count: number };

/** Every version of one submission that has a score of this kind: median and spread over its runs. */
export function scoresByVersion(runs: readonly HistoryRun[], path: string, kind: ScoreKind): VersionPoint[] {
  const byVersion = new Map<number, number[]>();
  for (const { submission, score } of runs) {
    if (submission.path !== path || score?.kind !== kind) continue;
    byVersion.set(submission.version, [...(byVersion.get(submission.version) ?? []), score.value]);
  }
  return [...byVersion]
    .map(
      ([version, values]): VersionPoint => ({
        version,
        median: lowMedian(values) as number,
        spread: [Math.min(...values), Math.max(...values)],
        count: values.length,
      }),
    )
    .toSorted((a, b) => a.version - b.version);
}

/** From the least to the most, and a tenth of that (or of the value itself, where there is one) around it. */
export function paddedRange(values: readonly number[]): [number, number] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const padding = 0.1 * (most > least ? most - least : Math.abs(most));
  return [least - padding, most + padding];
}

/** Kind of score most of these runs have; null where none has one. */
export function usualScoreKind(runs: readonly HistoryRun[]): ScoreKind | null {
  let balance = 0;
  let any = false;
  for (const { score, imported } of runs) {
    if (score === null || imported === true) continue;
    any = true;
    balance += score.kind === "mfu_percent" ? 1 : -1;
  }
  return any ? (balance > 0 ? "mfu_percent" : "relative_speed") : null;
}

/** RFC 4180; text that a spreadsheet would take for a formula is kept from being one. */
export function toCsv(header: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  const cell = (value: string | number | null) => {
    if (value === null) return "";
    if (typeof value === "number") return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [header, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
