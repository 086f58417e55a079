import { expect, test } from "vitest";
import type { ArenaHistory, Board, BoardEntry } from "../../../common/arena.ts";
import { decayCsv, decayOf, plotCsv, plotOf, scoreRange } from "./chart-parts.ts";
import { ownName } from "./words.ts";

type Point = ArenaHistory["points"][number];
const point = (submissionId: string, hour: number, more: Partial<Point>): Point => ({
  submissionId,
  hotkey: "5A",
  uid: 1,
  isOwn: false,
  at: new Date(Date.UTC(2026, 3, 1, hour)).toISOString(),
  state: "finished",
  score: 50,
  error: null,
  errorCode: null,
  ...more,
});
const history = (...points: Point[]): ArenaHistory => ({
  source: "main",
  seenAt: null,
  points,
  withoutTime: 0,
  truncated: false,
  best: [],
});

test("scores are points of whose they are; failures lie in rows of their reasons, the usual ones first", () => {
  const failed = (id: string, hour: number, error: string | null) =>
    point(id, hour, { state: "failed", score: null, error, errorCode: error as Point["errorCode"] });
  const plot = plotOf(
    history(
      point("a", 0, { score: 40 }),
      point("b", 1, { score: 60 }),
      point("c", 2, { isOwn: true, score: 55 }),
      point("d", 3, { state: "waiting", score: null }),
      ...["loss_mismatch", "loss_mismatch", "timeout", "import_error", "token_count", "missing_inner_steps"].map(
        (code, index) => failed(`f${index}`, 4 + index, code),
      ),
    ),
    "b",
  );
  expect(plot.points.map(({ point: { submissionId }, series, y, row }) => [submissionId, series, y, row])).toEqual([
    ["a", "others", 40, null],
    ["b", "leader", 60, null],
    ["c", "own", 55, null],
    ["f0", "failed", null, 0],
    ["f1", "failed", null, 0],
    ["f2", "failed", null, 3],
    ["f3", "failed", null, 1],
    ["f4", "failed", null, 3],
    ["f5", "failed", null, 2],
  ]);
  expect(plot.reasons).toEqual([
    { reason: "loss_mismatch", count: 2 },
    { reason: "import_error", count: 1 },
    { reason: "missing_inner_steps", count: 1 },
    { reason: "more reasons", count: 2 },
  ]);
  expect(plot.extent).toEqual([Date.UTC(2026, 3, 1), Date.UTC(2026, 3, 1, 9)]);
  expect(plotCsv(plot).split("\r\n")[4]).toBe("2026-04-01T04:00:00.000Z,f0,5A,1,failed,,loss_mismatch");
});

test("one submission has no time to spread; a range has room around it", () => {
  expect(plotOf(history(point("a", 0, {})), null).extent).toBeNull();
  expect(plotOf(history(), null)).toEqual({ points: [], best: [], reasons: [], extent: null });
  expect(scoreRange([50, 60])).toEqual([49.2, 60.8]);
  expect(scoreRange([0.5])).toEqual([0, 1.5]);
});

const NOW_MS = Date.UTC(2026, 4, 1);
const board = (own: Board["own"], threshold: Partial<Board["threshold"]> = {}) => ({
  leader: { score: 60 } as BoardEntry,
  secondsPerBlock: 12,
  own,
  threshold: {
    state: { current: 0.06, lastUpdateBlock: 2000 },
    lastImprovement: null,
    updatedAt: null,
    rules: { baseThreshold: 0.01, decayPercent: 0.05, decayIntervalBlocks: 100 },
    block: 2300,
    blockFrom: "source" as const,
    now: 0.0529,
    sourceNow: null,
    scoreToPass: 63.17,
    ...threshold,
  },
});
const mine = (score: number): Board["own"][number] => ({
  score,
  from: { kind: "run", runId: "1" },
  isLeader: false,
  passesAtBlock: null,
  passesAtTime: null,
});

test("the threshold decays from the last leader on, through now, to its base; own scores cross it where they pass", () => {
  const decay = decayOf(board([mine(61.2), mine(60.3)]), ownName, NOW_MS);
  const [first, last] = [decay?.points[0], decay?.points.at(-1)];
  expect(first).toEqual({ block: 2000, atMs: NOW_MS - 300 * 12_000, threshold: 6, score: 63.6 });
  expect(decay?.now).toMatchObject({ block: 2300, atMs: NOW_MS });
  expect(decay?.now.threshold).toBeCloseTo(1 + 5 * 0.95 ** 3, 10);
  expect(last?.threshold).toBeLessThan(1.11);
  expect(decay?.points.every(({ threshold }, index, all) => threshold <= (all[index - 1]?.threshold ?? 6))).toBe(true);
  // 0.02 = 0.01 + 0.05 x 0.95^((N - 2000) / 100) at N = 5137.6; 0.5 % is below the base.
  expect(decay?.own).toEqual([
    { name: "run 1", score: 61.2, leadPercent: expect.closeTo(2, 10), block: 5138 },
    { name: "run 1", score: 60.3, leadPercent: expect.closeTo(0.5, 10), block: null },
  ]);
  expect(decay === null ? "" : decayCsv(decay).split("\r\n")[1]).toBe("2000,2026-04-30T23:00:00.000Z,6,63.6");
});

test("no threshold, no chart; one at its base is a line of a day; a crossing far away does not stretch it", () => {
  expect(decayOf(board([], { state: null }), ownName, NOW_MS)).toBeNull();
  const flat = decayOf(board([], { state: { current: 0.01, lastUpdateBlock: 2300 } }), ownName, NOW_MS);
  expect(flat?.points.at(-1)?.block).toBe(2300 + 7200);
  const decay = decayOf(board([mine(60.6000001)]), ownName, NOW_MS);
  expect(decay?.own[0]?.block).toBeGreaterThan(20_000);
  expect(decay?.points.at(-1)?.block).toBeLessThan(12_000);
});
