import { expect, test } from "vitest";
import { codeOf, mergeSeen, readRows, type SeenSubmission, seenStatus, seenSubmission, timeOf } from "./answers.ts";
import { lineWith, wordsQuery } from "./search.ts";

test.each<[unknown, string | null, boolean]>([
  ["2026-04-05T10:00:00", "2026-04-05T10:00:00.000Z", false],
  ["2026-04-05 10:00:00.123456", "2026-04-05T10:00:00.123Z", false],
  ["2026-04-05T10:00:00Z", "2026-04-05T10:00:00.000Z", true],
  ["2026-04-05T10:00:00.5+02:00", "2026-04-05T08:00:00.500Z", true],
  ["2026-04-05T10:00:00-0330", "2026-04-05T13:30:00.000Z", true],
  [1_775_383_200, "2026-04-05T10:00:00.000Z", true],
  ["2026-04-05", null, false],
  ["2026-13-05T10:00:00", null, false],
  ["1969-04-05T10:00:00", null, false],
  ["9999-04-05T10:00:00Z", null, false],
  ["Sun Apr 05 2026 10:00:00 GMT", null, false],
  [Number.NaN, null, false],
  [null, null, false],
])("the time %j is %s", (value, expected, hasZone) => {
  const found = timeOf(value);
  expect([found === null ? null : new Date(found.ms).toISOString(), found?.hasZone ?? false]).toEqual([
    expected,
    hasZone,
  ]);
});

test.each<[unknown, unknown]>([
  [[], { rows: [], skipped: 0 }],
  [[{ submission_id: "a" }, {}], { rows: ["a"], skipped: 1 }],
  [
    { items: [{ submission_id: "a" }], total: 1 },
    { rows: ["a"], skipped: 0 },
  ],
  [{ a: [], b: [] }, null],
  [{}, null],
  ["rows", null],
  [null, null],
])("the rows of %j", (answer, expected) => {
  const found = readRows(answer, (row) => seenSubmission(row)?.submissionId ?? null);
  expect(found).toEqual(expected);
});

test.each<[unknown, boolean]>([
  ["# Code not available yet\n\n# Evaluation pending\n", false],
  ["", false],
  [null, false],
  [new Uint8Array(), false],
  ["# a comment\nimport torch\n", true],
  ["#\n".repeat(21), true],
  [Buffer.from("# bytes"), true],
])("%j is stored code: %s", (value, isStored) => {
  expect(codeOf(value) !== null).toBe(isStored);
});

test("what a server says of its validator, also where the words are of other kinds", () => {
  expect(
    seenStatus([
      { status: "running", success_rate: "71.4%", uptime: 3600, current_evaluation: { submission_id: "a\u202e" } },
      { status: "other", queued_count: 2, running_count: -1, avg_score: "high", finished_count: 1.5 },
    ]),
  ).toEqual({
    status: "running",
    currentEvaluation: '{"submission_id":"a\ufffd"}',
    uptime: "3600",
    evaluationsLastHour: null,
    submissionsLastDay: null,
    activeMiners: null,
    queued: 2,
    running: null,
    finished: null,
    failed: null,
    averageScore: null,
    successPercent: 71.4,
  });
  for (const rate of ["171%", "0.714", 0.714, "-3%", {}])
    expect(seenStatus([{ success_rate: rate }]).successPercent).toBeNull();
});

test("for any rows about the same submissions: what they come to does not depend on their order", () => {
  const statuses = [null, "pending", "evaluating", "finished", "failed_evaluation", "odd"];
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = randomOf(seed);
    const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
    const rows = Array.from({ length: 12 }, (): SeenSubmission => {
      const row = seenSubmission({
        submission_id: pick(["a", "b", "c"]),
        status: pick(statuses),
        final_score: pick([null, 40, 41, 42]),
        error: pick([null, "x", "y"]),
        updated_at: pick([null, "2026-04-05T10:00:00", "2026-04-05T11:00:00"]),
        created_at: pick([null, "2026-04-05T08:00:00", "2026-04-05T08:00:00Z"]),
        miner_hotkey: pick([null, "5A", "5B"]),
      });
      if (row === null) throw new Error("a row without an id");
      return row;
    });
    const shuffled = rows.map((row) => ({ row, key: random() })).sort((x, y) => x.key - y.key);
    expect(mergeSeen(shuffled.map(({ row }) => row))).toEqual(mergeSeen(rows));
  }
});

test.each<[string, string | null]>([
  ["torch.compile", '"torch.compile"*'],
  ['say "no"', '"say"* AND """no"""*'],
  ["a", '"a"'],
  ["OR ( * NEAR", '"OR"* AND "NEAR"*'],
  ["  ()  ", null],
])("the question of %j", (typed, expected) => {
  expect(wordsQuery(typed)).toBe(expected);
});

test("the line is that of the first word that occurs, and a line without end is cut around it", () => {
  const code = `import torch\n\n${"x = 1; ".repeat(1000)}flash_attention()${" # y".repeat(1000)}\n`;
  expect(lineWith(code, "nowhere TORCH")).toEqual({ number: 1, text: "import torch" });
  const found = lineWith(code, "flash.attention");
  expect([found?.number, (found?.text.length ?? 0) <= 300, found?.text.includes("flash_attention()")]).toEqual([
    3,
    true,
    true,
  ]);
  expect(lineWith(code, "none")).toBeNull();
});

/** Mulberry32: the same numbers for a seed everywhere. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
