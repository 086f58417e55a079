import { expect, test } from "vitest";
import type { HistoryRun } from "../../../common/history.ts";
import {
  downSample,
  markedPoints,
  paddedRange,
  scoresByVersion,
  scoresOverTime,
  toCsv,
  usualScoreKind,
} from "./chart-data.ts";

test("few points stay as they are", () => {
  const points = [
    { x: 0, y: 1 },
    { x: 5, y: 3 },
  ];
  expect(downSample(points, 100)).toEqual(points);
  expect(downSample([], 100)).toEqual([]);
});

test("many points keep every column's extremes, their order, and the ends", () => {
  const points = Array.from({ length: 10_000 }, (_value, x) => ({ x, y: Math.sin(x / 50) }));
  points[4321] = { x: 4321, y: 50 };
  points[8765] = { x: 8765, y: -50 };
  const sampled = downSample(points, 300);
  expect(sampled.length).toBeLessThanOrEqual(1200);
  expect(sampled).toEqual(sampled.toSorted((a, b) => a.x - b.x));
  expect(sampled).toEqual(expect.arrayContaining([points[0], points[4321], points[8765], points.at(-1)]));
});

test("points at one place keep their extremes", () => {
  const points = Array.from({ length: 1000 }, (_value, index) => ({ x: 7, y: index % 11 }));
  const ys = downSample(points, 10).map(({ y }) => y);
  expect([Math.min(...ys), Math.max(...ys), ys.length <= 4]).toEqual([0, 10, true]);
});

const run = (id: string, version: number, value: number | null, kind: "mfu_percent" | "relative_speed") =>
  ({
    id,
    createdAt: `2026-11-0${id}T00:00:00.000Z`,
    submission: { name: "train.py", path: "/w/train.py", version, sha256: "" },
    score: value === null ? null : { kind, value },
  }) as HistoryRun;
const RUNS = [
  run("5", 2, 1.9, "relative_speed"),
  run("4", 2, 1.5, "relative_speed"),
  run("3", 2, null, "relative_speed"),
  run("2", 1, 1.1, "relative_speed"),
  run("1", 1, 60, "mfu_percent"),
];

test("scores of one kind, oldest first", () => {
  expect(scoresOverTime(RUNS, "relative_speed", new Set()).map(({ runId, y }) => [runId, y])).toEqual([
    ["2", 1.1],
    ["4", 1.5],
    ["5", 1.9],
  ]);
  const another = RUNS.map((run) => ({ ...run, imported: true as const }));
  expect(scoresOverTime([...RUNS, ...another], "relative_speed", new Set())).toEqual(
    scoresOverTime(RUNS, "relative_speed", new Set()),
  );
  expect(usualScoreKind(RUNS)).toBe("relative_speed");
  expect(usualScoreKind([])).toBeNull();
});

test("a version's median is one of its runs, its spread all of them", () => {
  expect(scoresByVersion(RUNS, "/w/train.py", "relative_speed", new Set(["4"]))).toEqual([
    { version: 1, median: 1.1, spread: [1.1, 1.1], count: 1, staleCount: 0 },
    { version: 2, median: 1.5, spread: [1.5, 1.9], count: 2, staleCount: 1 },
  ]);
});

test("scores under other rules are marked, and where they crowd one mark stands for them", () => {
  const points = scoresOverTime(RUNS, "relative_speed", new Set(["2", "4"]));
  expect(points.map(({ runId, isStale }) => [runId, isStale])).toEqual([
    ["2", true],
    ["4", true],
    ["5", false],
  ]);
  const day = 24 * 3600 * 1000;
  const marked = (apart: number) => markedPoints(points, apart).map(({ runId }) => runId);
  expect([marked(day), marked(5 * day)]).toEqual([["2", "4"], ["2"]]);
});

test("CSV: quotes, gaps, and nothing a spreadsheet would execute", () => {
  expect(
    toCsv(
      ["run", "name"],
      [
        [1, 'a "b", c'],
        [null, "=1+1"],
        [-2, "x"],
      ],
    ),
  ).toBe(`run,name\r\n1,"a ""b"", c"\r\n,'=1+1\r\n-2,x\r\n`);
});

test("an axis has room around its values", () => {
  expect(paddedRange([1, 2])).toEqual([0.9, 2.1]);
  expect(paddedRange([2])).toEqual([1.8, 2.2]);
});
