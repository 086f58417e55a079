/** What the history's charts draw: as many points as there are pixels, and none of the extremes lost. Pure. */
import type { HistoryRun } from "../../../common/history.ts";
import { lowMedian } from "../../../common/score.ts";

export type Point = { x: number; y: number };

/**
 * At most four points a pixel column - its first, lowest, highest and last - in their order: what is drawn looks the same
 * as with all of them. `points` ascend in x.
 */
export function downSample<P extends Point>(points: readonly P[], columns: number): P[] {
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined || points.length <= 2 * columns) return [...points];
  const width = (last.x - first.x) / columns;
  const sampled: P[] = [];
  for (let start = 0; start < points.length; ) {
    const from = points[start] as P;
    const column = columnOf(from.x, first.x, width, columns);
    let [lowest, highest, end] = [start, start, start];
    while (end + 1 < points.length && columnOf((points[end + 1] as P).x, first.x, width, columns) === column) {
      end += 1;
      if ((points[end] as P).y < (points[lowest] as P).y) lowest = end;
      if ((points[end] as P).y > (points[highest] as P).y) highest = end;
    }
    const kept = [...new Set([start, lowest, highest, end])].toSorted((a, b) => a - b);
    sampled.push(...kept.map((index) => points[index] as P));
    start = end + 1;
  }
  return sampled;
}

function columnOf(x: number, from: number, width: number, columns: number): number {
  return width === 0 ? 0 : Math.min(columns - 1, Math.floor((x - from) / width));
}

export type ScoreKind = "mfu_percent" | "relative_speed";
export type ScorePoint = Point & {
  runId: string;
  name: string;
  version: number;
  /** Made under other rules than those in force. */
  isStale: boolean;
};

/** Whose rules differ from those in force, by the run's number. */
export type StaleRuns = Pick<ReadonlyMap<string, unknown>, "has">;

/**
 * Scores over time, oldest first. `x`: milliseconds since 1970. Unlike scores never share a chart; imported ones, which
 * nobody here measured, are in none.
 */
export function scoresOverTime(runs: readonly HistoryRun[], kind: ScoreKind, stale: StaleRuns): ScorePoint[] {
  return runs
    .flatMap(({ id, score, createdAt, submission: { name, version }, imported }) =>
      score?.kind === kind && imported !== true
        ? [{ x: Date.parse(createdAt), y: score.value, runId: id, name, version, isStale: stale.has(id) }]
        : [],
    )
    .toSorted((a, b) => a.x - b.x);
}

/** Those to mark: where they stand closer than `apart` (in x), the first for all. `points` ascend in x. */
export function markedPoints(points: readonly ScorePoint[], apart: number): ScorePoint[] {
  const marked: ScorePoint[] = [];
  for (const point of points) {
    const last = marked.at(-1);
    if (point.isStale && (last === undefined || point.x - last.x >= apart)) marked.push(point);
  }
  return marked;
}

export type VersionPoint = {
  version: number;
  median: number;
  spread: [number, number];
  count: number;
  /** Of the runs, those under other rules than those in force. */
  staleCount: number;
};

/** Every version of one submission that has a score of this kind: median and spread over its runs. */
export function scoresByVersion(
  runs: readonly HistoryRun[],
  path: string,
  kind: ScoreKind,
  stale: StaleRuns,
): VersionPoint[] {
  const byVersion = new Map<number, { value: number; isStale: boolean }[]>();
  for (const { id, submission, score } of runs) {
    if (submission.path !== path || score?.kind !== kind) continue;
    const known = byVersion.get(submission.version) ?? [];
    byVersion.set(submission.version, [...known, { value: score.value, isStale: stale.has(id) }]);
  }
  return [...byVersion]
    .map(([version, scores]): VersionPoint => {
      const values = scores.map(({ value }) => value);
      return {
        version,
        median: lowMedian(values) as number,
        spread: [Math.min(...values), Math.max(...values)],
        count: values.length,
        staleCount: scores.filter(({ isStale }) => isStale).length,
      };
    })
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
