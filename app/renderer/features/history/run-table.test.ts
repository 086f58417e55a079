import { expect, test } from "vitest";
import type { HistoryRun } from "../../../common/history.ts";
import { comparedPair, EVERYTHING, filterRuns, mergePages, NEWEST_FIRST, selectRow, sortRuns } from "./run-table.ts";

function historyRun(id: number, overrides: Partial<HistoryRun> = {}): HistoryRun {
  return {
    id: String(id),
    state: "passed",
    createdAt: new Date(Date.UTC(2026, 10, 1) + id * 60_000).toISOString(),
    finishedAt: null,
    submission: { name: "train.py", path: "/code/a/train.py", sha256: "a".repeat(64), version: 1 },
    profile: { name: "rehearsal", kind: "rehearsal" },
    backend: "local",
    numRanks: 2,
    against: null,
    score: { kind: "relative_speed", value: 1 },
    successRate: 1,
    repeatsPlanned: 1,
    failure: null,
    comparable: false,
    wallSeconds: 10,
    bytes: 1000,
    tags: [],
    note: "",
    ...overrides,
  };
}

const submission = (name: string, version: number) => ({ name, path: `/w/${name}`, sha256: "b".repeat(64), version });
const RUNS = [
  historyRun(1, { submission: submission("tp.py", 10), tags: ["Best"], note: "fused loss" }),
  historyRun(2, {
    state: "failed",
    score: null,
    failure: { kind: "check", code: "weight_mismatch", message: "They differ." },
    submission: submission("tp.py", 2),
  }),
  historyRun(3, {
    profile: { name: "7B", kind: "production" },
    productionRevision: "abc1234",
    score: { kind: "mfu_percent", value: 61 },
  }),
];
const ids = (runs: HistoryRun[]) => runs.map(({ id }) => id);

test.each([
  ["nothing asked for", {}, ["1", "2", "3"]],
  ["words anywhere, in any order and case", { search: "LOSS tp" }, ["1"]],
  ["a code", { search: "weight_mis" }, ["2"]],
  ["a version", { search: "v10" }, ["1"]],
  ["a state", { state: "failed" as const }, ["2"]],
  ["a profile", { profile: "7B" }, ["3"]],
  ["production's code", { evaluation: "production" as const }, ["3"]],
  ["a revision", { search: "production abc1234" }, ["3"]],
  ["a tag", { tag: "Best" }, ["1"]],
  ["nothing found", { tag: "Best", state: "failed" as const }, []],
])("filter: %s", (_name, query, expected) => {
  expect(ids(filterRuns(RUNS, { ...EVERYTHING, ...query }))).toEqual(expected);
});

test.each([
  [NEWEST_FIRST, ["3", "2", "1"]],
  [{ key: "submission", descending: false } as const, ["2", "1", "3"]],
  [{ key: "score", descending: true } as const, ["3", "1", "2"]],
  [{ key: "score", descending: false } as const, ["1", "3", "2"]],
])("sorted by %j", (sorting, expected) => {
  expect(ids(sortRuns(RUNS, sorting))).toEqual(expected);
});

test("10,000 runs are filtered and sorted in the time of a frame or two", () => {
  const many = Array.from({ length: 10_000 }, (_value, index) => historyRun(index + 1, { wallSeconds: index % 97 }));
  filterRuns(many, { ...EVERYTHING, search: "warm" });
  const started = performance.now();
  const found = sortRuns(filterRuns(many, { ...EVERYTHING, search: "train 99" }), {
    key: "duration",
    descending: true,
  });
  expect(found.length).toBeGreaterThan(100);
  expect(performance.now() - started).toBeLessThan(200);
});

test("rows are selected alone, one by one, or as a range", () => {
  const order = ["5", "4", "3", "2", "1"];
  const only = selectRow(new Set(["1"]), order, "4", { anchor: null, mode: "only" });
  expect([...only]).toEqual(["4"]);
  expect([...selectRow(only, order, "2", { anchor: "4", mode: "range" })]).toEqual(["4", "3", "2"]);
  expect([...selectRow(only, order, "5", { anchor: "4", mode: "toggle" })]).toEqual(["4", "5"]);
  expect([...selectRow(only, order, "4", { anchor: "4", mode: "toggle" })]).toEqual([]);
});

test("two selected runs compare, the older one first", () => {
  expect(comparedPair(new Set(["10", "9"]))).toEqual({ a: "9", b: "10" });
  expect(comparedPair(new Set(["10"]))).toBeNull();
  expect(comparedPair(new Set(["1", "2", "3"]))).toBeNull();
});

test("a run that slipped into the next page counts once", () => {
  expect(
    ids(
      mergePages([
        [historyRun(3), historyRun(2)],
        [historyRun(2), historyRun(1)],
      ]),
    ),
  ).toEqual(["3", "2", "1"]);
});
