/** What the arena's charts draw. Pure. */
import type { ArenaHistory, Board } from "../../../common/arena.ts";
import {
  passesAtBlock,
  scoreToPass,
  type ThresholdRules,
  type ThresholdState,
  thresholdAt,
} from "../../../common/leader.ts";
import { toCsv } from "../history/chart-data.ts";
import { reasonOf } from "./words.ts";

type HistoryPoint = ArenaHistory["points"][number];

export type Series = "own" | "leader" | "others" | "failed";

/** A submission on the chart. */
export type PlotPoint = {
  /** Milliseconds since 1970. */
  x: number;
  /** MFU in percent; null for what failed, which lies in the band. */
  y: number | null;
  series: Series;
  /** Row of the band; null for what has a score. */
  row: number | null;
  point: HistoryPoint;
};

export type Plot = {
  points: readonly PlotPoint[];
  /** The best so far, step by step. */
  best: readonly { x: number; y: number; submissionId: string }[];
  /** Rows of the band, from the top: the reasons most failed for, then all others. */
  reasons: readonly { reason: string; count: number }[];
  /** All of the x axis; null where there is no time to spread. */
  extent: readonly [number, number] | null;
};

/** More rows than these are one: "other reasons". */
const MAX_REASONS = 4;

/** What waits, or has a state that production does not have, has no place on it. */
export function plotOf({ points, best }: ArenaHistory, leaderId: string | null): Plot {
  const counts = new Map<string, number>();
  for (const point of points) {
    if (point.state === "failed") counts.set(reasonOf(point), (counts.get(reasonOf(point)) ?? 0) + 1);
  }
  const ordered = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const named = ordered.slice(0, ordered.length > MAX_REASONS ? MAX_REASONS - 1 : MAX_REASONS);
  const rest = ordered.slice(named.length).reduce((sum, [, count]) => sum + count, 0);
  const rowOf = new Map(named.map(([reason], row) => [reason, row]));
  const plotted = points.flatMap((point): PlotPoint[] => {
    const x = Date.parse(point.at);
    if (point.state === "failed") {
      return [{ x, y: null, series: "failed", row: rowOf.get(reasonOf(point)) ?? named.length, point }];
    }
    if (point.score === null) return [];
    const series = point.submissionId === leaderId ? "leader" : point.isOwn ? "own" : "others";
    return [{ x, y: point.score, series, row: null, point }];
  });
  const steps = best.map(({ at, score, submissionId }) => ({ x: Date.parse(at), y: score, submissionId }));
  const times = [...plotted, ...steps].map(({ x }) => x);
  const [from, to] = times.reduce(
    ([least, most], x) => [Math.min(least, x), Math.max(most, x)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  return {
    points: plotted,
    best: steps,
    reasons: [
      ...named.map(([reason, count]) => ({ reason, count })),
      ...(rest > 0 ? [{ reason: "more reasons", count: rest }] : []),
    ],
    extent: from < to ? [from, to] : null,
  };
}

/** From the least to the most, with some room. */
export function scoreRange(scores: readonly number[]): [number, number] {
  if (scores.length === 0) return [0, 1];
  const sorted = scores.toSorted((a, b) => a - b);
  const [least, most] = [sorted[0] as number, sorted.at(-1) as number];
  const padding = most > least ? (most - least) * 0.08 : Math.max(1, Math.abs(most) * 0.1);
  return [Math.max(0, least - padding), most + padding];
}

export function plotCsv({ points }: Plot): string {
  return toCsv(
    ["created", "submission", "hotkey", "uid", "state", "mfu_percent", "reason"],
    points.map(({ point }) => [
      point.at,
      point.submissionId,
      point.hotkey,
      point.uid,
      point.state,
      point.score,
      point.state === "failed" ? (point.error ?? reasonOf(point)) : null,
    ]),
  );
}

export type DecayPoint = {
  block: number;
  /** Milliseconds since 1970, by the profile's block time. */
  atMs: number;
  /** In percent. */
  threshold: number;
  /** MFU in percent that more than is needed then; null while nobody leads. */
  score: number | null;
};

export type Decay = {
  points: readonly DecayPoint[];
  now: DecayPoint;
  /** Own scores that come to pass within the chart: where, and by how much they are better than the leader. */
  own: readonly { name: string; score: number; leadPercent: number; block: number | null }[];
  basePercent: number;
};

const DECAY_POINTS = 200;
/** What is left of the threshold above its base where the chart ends. */
const SHOWN_UNTIL_SHARE = 0.02;
/** A day of blocks of twelve seconds: what is shown of a threshold that does not decay. */
const UNDECAYING_BLOCKS = 7200;
/** An own score that passes later than this many times the decay is a line without a crossing. */
const MAX_LENGTHS = 4;

/** From the last new leader until little is left to decay. `blockMs`: when the newest block was. Null where the source tells no threshold. */
export function decayOf(
  { threshold, leader, own, secondsPerBlock }: Pick<Board, "threshold" | "leader" | "own" | "secondsPerBlock">,
  nameOf: (own: Board["own"][number]) => string,
  blockMs: number,
): Decay | null {
  const { block, rules, state } = threshold;
  if (block === null || state === null) return null;
  const at = decayPoint(
    state,
    rules,
    leader?.score ?? null,
    (wanted) => blockMs + (wanted - block) * secondsPerBlock * 1000,
  );
  const halfLives = Math.log(SHOWN_UNTIL_SHARE) / Math.log(1 - rules.decayPercent);
  const decays = state.current > rules.baseThreshold && rules.decayPercent > 0 && rules.decayPercent < 1;
  const untilDecayed = decays ? Math.ceil(halfLives * rules.decayIntervalBlocks) : UNDECAYING_BLOCKS;
  const mine = own.flatMap((each) => {
    if (leader === null || each.isLeader) return [];
    return [
      {
        name: nameOf(each),
        score: each.score,
        leadPercent: 100 * (each.score / leader.score - 1),
        block: passesAtBlock(each.score, leader.score, state, rules, block),
      },
    ];
  });
  const first = Math.min(state.lastUpdateBlock, block);
  const latest = Math.max(first, block) + MAX_LENGTHS * untilDecayed;
  const last = Math.max(
    first + untilDecayed,
    block + Math.ceil(untilDecayed / 10),
    ...mine.flatMap((each) =>
      each.block === null || each.block > latest ? [] : [each.block + Math.ceil(untilDecayed / 20)],
    ),
  );
  const blocks = Array.from({ length: DECAY_POINTS + 1 }, (_, index) =>
    Math.round(first + ((last - first) * index) / DECAY_POINTS),
  );
  return {
    points: [...new Set([...blocks, block])].sort((a, b) => a - b).map(at),
    now: at(block),
    own: mine,
    basePercent: 100 * rules.baseThreshold,
  };
}

function decayPoint(
  state: ThresholdState,
  rules: ThresholdRules,
  leaderScore: number | null,
  timeOf: (block: number) => number,
): (block: number) => DecayPoint {
  return (block) => {
    const threshold = thresholdAt(state, rules, block);
    return {
      block,
      atMs: timeOf(block),
      threshold: 100 * threshold,
      score: leaderScore === null ? null : scoreToPass(leaderScore, threshold),
    };
  };
}

export function decayCsv({ points }: Decay): string {
  return toCsv(
    ["block", "time", "threshold_percent", "mfu_percent_to_pass"],
    points.map(({ block, atMs, threshold, score }) => [block, new Date(atMs).toISOString(), threshold, score]),
  );
}
