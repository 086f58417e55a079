import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { createValidatorDatabase, insertRows, submissionRow } from "../../../../e2e/validator-database.ts";
import { FileSecrets } from "../settings/index.ts";
import { ArenaService, type BoardRules } from "./index.ts";

const RULES: BoardRules = {
  threshold: { baseThreshold: 0.01, decayPercent: 0.05, decayIntervalBlocks: 100 },
  secondsPerBlock: 12,
  burnRate: null,
};

function bench() {
  const folder = mkdtempSync(join(tmpdir(), "crusader-validator-"));
  const file = join(folder, "crusades.db");
  const dataFolder = join(folder, "home");
  const arena = new ArenaService({
    dataFolder,
    secrets: new FileSecrets({ dataFolder }),
    ownHotkeys: () => [],
    bestRun: () => null,
    runsOf: () => [],
    isOwnCode: () => false,
    lookEveryMs: 10,
  });
  onTestFinished(async () => {
    await arena.close();
    rmSync(folder, { recursive: true });
  });
  const add = () => arena.add({ name: "own", place: { kind: "database", path: folder } }, null);
  const look = async () => (await arena.refresh("own"))[0];
  const scores = () => arena.board("own", RULES).entries.map(({ submissionId, score }) => [submissionId, score]);
  return { folder, file, arena, add, look, scores };
}

test("a validator's database is read as a server is", async () => {
  const { file, arena, add, look, scores } = bench();
  const database = createValidatorDatabase(file);
  onTestFinished(() => database.close());
  insertRows(
    database,
    "submissions",
    submissionRow("v1_commit_100_1"),
    submissionRow("v1_commit_200_2", {
      final_score: 55,
      created_at: "2026-04-05 11:00:00",
      code_content: Buffer.from([0xff, 0]),
    }),
    submissionRow("v1_commit_300_3", { status: "error", final_score: null, error_message: "boom", code_content: null }),
  );
  insertRows(
    database,
    "evaluations",
    ...["e1", "e2"].map((evaluation_id, index) => ({
      evaluation_id,
      submission_id: "v1_commit_100_1",
      evaluator_hotkey: "5V",
      mfu: 50 + index,
      success: 1,
      created_at: "2026-04-05 10:10:00",
    })),
  );
  insertRows(database, "adaptive_threshold", {
    id: 1,
    current_threshold: 0.1,
    last_improvement: 0.1,
    last_update_block: 150,
    updated_at: "2026-04-05 10:00:00",
  });
  add();
  const source = await look();
  expect(source).toEqual({
    name: "own",
    kind: "database",
    place: file,
    isPlain: false,
    hasApiKey: false,
    seenAt: expect.any(String),
    triedAt: expect.any(String),
    problem: null,
    notes: [],
    submissionCount: 3,
    codeCount: 2,
  });
  // By block 300, the newest that is known, 55 is more than 50 * (1 + 0.0933).
  expect(scores()).toEqual([
    ["v1_commit_200_2", 55],
    ["v1_commit_100_1", 50],
  ]);
  const { threshold } = arena.board("own", RULES);
  expect([threshold.block, threshold.blockFrom, threshold.state]).toEqual([
    300,
    "newest_submission",
    { current: 0.1, lastUpdateBlock: 150 },
  ]);
  const shown = arena.submission({ source: "own", submissionId: "v1_commit_100_1" });
  expect([
    shown.evaluations.length,
    shown.spread?.lowMedian,
    shown.submission.zoneAssumed,
    shown.submission.createdAt,
  ]).toEqual([2, 50, true, "2026-04-05T10:00:00.123Z"]);
  expect(arena.submission({ source: "own", submissionId: "v1_commit_200_2" }).code).toMatchObject({
    isText: false,
    bytes: 2,
  });
  expect(arena.status("own")).toMatchObject({
    countsFrom: "kept",
    finished: 2,
    failed: 1,
    queued: 0,
    running: 0,
    status: null,
  });
});

test("an older schema, without code, evaluations and threshold", async () => {
  const { file, arena, add, look, scores } = bench();
  const database = createValidatorDatabase(file, { isOlder: true });
  onTestFinished(() => database.close());
  const {
    spec_version: _s,
    updated_at: _u,
    error_message: _e,
    code_content: _c,
    payment_verified: _p,
    ...row
  } = submissionRow("a");
  insertRows(database, "submissions", row);
  add();
  expect((await look())?.notes).toEqual(["It has no evaluations.", "It has no threshold: an older validator's."]);
  expect([scores(), arena.submission({ source: "own", submissionId: "a" }).code]).toEqual([[["a", 50]], null]);
});

test("what its validator changes, adds and deletes is seen; what is gone stays kept", async () => {
  const { file, arena, add, look, scores } = bench();
  const database = createValidatorDatabase(file);
  onTestFinished(() => database.close());
  insertRows(
    database,
    "submissions",
    submissionRow("a"),
    submissionRow("b", { status: "evaluating", final_score: null, code_content: null }),
  );
  add();
  await look();
  expect(scores()).toEqual([["a", 50]]);
  database.exec("DELETE FROM submissions WHERE submission_id = 'a'");
  insertRows(
    database,
    "submissions",
    submissionRow("b", { final_score: 60 }),
    submissionRow("c", { final_score: 61, created_at: null }),
  );
  await look();
  expect([scores(), arena.board("own", RULES).unlisted, arena.history("own").withoutTime]).toEqual([
    [
      ["c", 61],
      ["b", 60],
    ],
    1,
    1,
  ]);
  expect(arena.submission({ source: "own", submissionId: "a" }).code?.text).toContain("# of a");
  // Back, and as it was.
  insertRows(database, "submissions", submissionRow("a"));
  await look();
  expect(arena.board("own", RULES)).toMatchObject({ total: 3, unlisted: 0 });
});

test("it is read while another process writes all the time", async () => {
  const { file, arena, add } = bench();
  createValidatorDatabase(file).close();
  add();
  const writer = spawn(process.execPath, [
    "--input-type=module",
    "--eval",
    `import { DatabaseSync } from "node:sqlite";
     const database = new DatabaseSync(${JSON.stringify(file)}, { timeout: 5000 });
     const insert = database.prepare("INSERT INTO submissions (submission_id, miner_hotkey, miner_uid, code_hash, bucket_path, status, final_score) VALUES (?, '5A', 1, '', '', 'finished', ?)");
     for (let number = 0; number < 500; number += 1) insert.run("v1_commit_" + number + "_1", 10 + number / 100);
     database.close();`,
  ]);
  const ended = once(writer, "exit");
  const watching = new AbortController();
  const revisions = arena.watch(watching.signal);
  const seen: number[] = [];
  for (let count = 0; count < 500; ) {
    await revisions.next();
    count = arena.sources()[0]?.submissionCount ?? 0;
    seen.push(count);
  }
  watching.abort();
  await revisions.return(undefined);
  expect(await ended).toEqual([0, null]);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(arena.sources()[0]?.problem).toBeNull();
});

test("locked: said, and read when it is free", async () => {
  const { file, add, look, scores } = bench();
  const database = createValidatorDatabase(file);
  onTestFinished(() => database.close());
  database.exec("PRAGMA journal_mode = DELETE");
  insertRows(database, "submissions", submissionRow("a"));
  add();
  database.exec("BEGIN EXCLUSIVE");
  expect((await look())?.problem).toMatchObject({ code: "busy", message: `${file} is locked by its validator.` });
  database.exec("COMMIT");
  expect((await look())?.problem).toBeNull();
  expect(scores()).toEqual([["a", 50]]);
});

test("damaged, and replaced by another one: what was seen stays", async () => {
  const { file, add, look, scores, arena } = bench();
  const database = createValidatorDatabase(file);
  insertRows(database, "submissions", submissionRow("a"));
  add();
  await look();
  database.close();
  writeFileSync(file, "SQLite format 3\0 but no more than that".repeat(200));
  expect((await look())?.problem?.code).toBe("invalid_record");
  expect(scores()).toEqual([["a", 50]]);
  rmSync(file);
  expect((await look())?.problem).toMatchObject({ code: "not_found", message: `There is no ${file}.` });
  const other = createValidatorDatabase(`${file}.new`);
  insertRows(other, "submissions", submissionRow("b"));
  other.close();
  renameSync(`${file}.new`, file);
  expect((await look())?.problem).toBeNull();
  expect([scores(), arena.board("own", RULES).unlisted]).toEqual([[["b", 50]], 1]);
});

test("nothing in the file is run, and values out of bounds are none", async () => {
  const { file, add, look, arena } = bench();
  const database = new DatabaseSync(file);
  onTestFinished(() => database.close());
  const endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n";
  database.exec(`CREATE VIEW submissions AS SELECT (${endless}) AS submission_id`);
  add();
  expect((await look())?.problem?.message).toBe(`${file} holds no submissions of a validator.`);
  database.exec(`DROP VIEW submissions;
    CREATE TABLE submissions (submission_id, miner_uid, final_score, created_at, status,
      miner_hotkey GENERATED ALWAYS AS (printf('%.*c', 100000000, 'x')) VIRTUAL);
    CREATE VIEW evaluations AS SELECT (${endless}) AS evaluation_id, 1 AS submission_id;
    CREATE TABLE adaptive_threshold (current_threshold, last_update_block)`);
  insertRows(
    database,
    "submissions",
    { submission_id: "a", miner_uid: 2n ** 62n, final_score: 51, created_at: 1_775_383_200, status: "finished" },
    { submission_id: Buffer.from("b"), miner_uid: null, final_score: 52, created_at: null, status: "finished" },
    { submission_id: "c".repeat(10_000), miner_uid: 1, final_score: 53, created_at: null, status: "finished" },
    { submission_id: null, miner_uid: 1, final_score: Number.POSITIVE_INFINITY, created_at: null, status: "finished" },
  );
  insertRows(database, "adaptive_threshold", { current_threshold: "high", last_update_block: 1 });
  const source = await look();
  expect([source?.problem, source?.notes]).toEqual([null, ["It has no evaluations.", "3 rows have no usable id."]]);
  expect(arena.board("own", RULES).entries).toMatchObject([
    { submissionId: "a", score: 51, uid: null, hotkey: null, createdAt: "2026-04-05T10:00:00.000Z" },
  ]);
});

test("no file, no plain file, and no database", async () => {
  const { file, arena, add, look } = bench();
  expect(add).toThrow(`There is no ${file}.`);
  expect(() => arena.add({ name: "own", place: { kind: "database", path: "/dev/null" } }, null)).toThrow(
    "/dev/null is no plain file.",
  );
  writeFileSync(file, "");
  add();
  expect((await look())?.problem?.message).toBe(`${file} holds no submissions of a validator.`);
});
