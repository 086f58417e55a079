import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Event } from "../../../common/events.ts";
import type { RunResult } from "../../../common/runs.ts";
import { samplePlan, sampleRepeat, sampleResult } from "../../../common/sample-runs.ts";
import type { PlanDraft, Recorder, RunOutcome } from "./index.ts";
import { RunStore } from "./index.ts";

let dataFolder: string;
let store: RunStore;
let now = Date.parse("2026-11-01T10:00:00.000Z");

beforeEach(() => {
  dataFolder = mkdtempSync(join(tmpdir(), "crusader-runs-"));
  now = Date.parse("2026-11-01T10:00:00.000Z");
  store = new RunStore({ dataFolder, now: () => now });
});
afterEach(() => {
  store.close();
  rmSync(dataFolder, { recursive: true });
});

function draft(overrides: Partial<PlanDraft> = {}): PlanDraft {
  const { version: _v, runId: _r, createdAt: _c, submission: _s, against: _a, ...rest } = samplePlan();
  return { ...rest, submission: { name: "train.py", path: "/code/a/train.py" }, ...overrides };
}

function outcome(overrides: Partial<RunResult> = {}): RunOutcome {
  const { version: _v, runId: _r, output: _o, ...rest } = sampleResult([sampleRepeat(4)], overrides);
  return rest;
}

const event: Event = { v: 1, seq: 0, t: 0.5, type: "stage", stage: "scan", state: "passed", seconds: 0.02 };
const create = (source = "one", plan: Partial<PlanDraft> = {}): Recorder =>
  store.create(draft(plan), Buffer.from(source));
const record = (source?: string, plan?: Partial<PlanDraft>, result?: Partial<RunResult>): string => {
  const recorder = create(source, plan);
  recorder.finish(outcome(result));
  return recorder.runId;
};
const runFolder = (id: string) => join(dataFolder, "runs", id);
const listed = (options?: Parameters<RunStore["list"]>[0]) =>
  store.list(options).runs.map(({ id, state }) => `${id} ${state}`);
const code = (expected: string) => expect.objectContaining({ code: expected });

test("a run is recorded whole: plan, source, events, output, result", () => {
  const recorder = create("print(1)");
  recorder.event(0, event);
  recorder.output(Buffer.from("hello\n"));
  const result = recorder.finish(outcome());
  const { sha256, bytes, version } = recorder.plan.submission;

  expect({
    files: readdirSync(runFolder("1")).sort(),
    plan: recorder.plan,
    shown: store.show("1"),
    events: store.events("1"),
    output: store.output("1").toString(),
    source: store.source("1").toString(),
    problem: recorder.problem,
  }).toEqual({
    files: ["events.jsonl", "output.log", "owner.json", "plan.json", "result.json", "train.py"],
    plan: {
      ...draft(),
      version: 1,
      runId: "1",
      createdAt: "2026-11-01T10:00:00.000Z",
      submission: { name: "train.py", path: "/code/a/train.py", sha256, bytes: 8, version: 1 },
      against: null,
    },
    shown: { id: "1", state: "passed", bytes: expect.any(Number), plan: recorder.plan, result },
    events: { events: [{ repeat: 0, event }], unreadableLines: 0 },
    output: "hello\n",
    source: "print(1)",
    problem: null,
  });
  expect({ bytes, version, output: result.output }).toEqual({
    bytes: 8,
    version: 1,
    output: { keptBytes: 6, droppedBytes: 0 },
  });
});

test("distinct contents of one path are its versions, in order", () => {
  const versions = [
    create("one"),
    create("two"),
    create("one"),
    create("one", { submission: { name: "train.py", path: "/code/b/train.py" } }),
    create("three"),
  ].map(({ plan }) => plan.submission.version);
  expect(versions).toEqual([1, 2, 1, 1, 3]);
});

test("numbers and versions are not given again after a deletion, nor after a rebuild", () => {
  create("one").finish(outcome());
  create("two").finish(outcome());
  store.delete(["2"]);
  store.reindex();
  const { runId, submission } = create("three").plan;
  expect({ runId, version: submission.version }).toEqual({ runId: "3", version: 3 });
});

test("the two runs of a pair know each other", () => {
  const [a, b] = store.createPair(
    { plan: draft(), source: Buffer.from("one") },
    { plan: draft(), source: Buffer.from("two") },
  );
  expect([a, b].map(({ plan }) => [plan.runId, plan.against, plan.submission.version])).toEqual([
    ["1", "2", 1],
    ["2", "1", 2],
  ]);
});

test("lists are filtered, paged and newest first", () => {
  record("one");
  record("two", { profile: { ...draft().profile, name: "production-3b" } });
  now += 3_600_000;
  record("three", { submission: { name: "fast_100%.py", path: "/code/b/fast_100%.py" } });
  record(
    "four",
    {},
    {
      outcome: "failed",
      score: null,
      failure: {
        kind: "check",
        code: "weight_mismatch",
        fault: "submission",
        message: "Weights differ.",
        hint: "",
        stage: "checks",
        rank: null,
        line: null,
        detail: "",
      },
    },
  );
  create("five");
  expect({
    all: listed(),
    page: { ...store.list({ limit: 2, offset: 1 }), runs: listed({ limit: 2, offset: 1 }) },
    failed: listed({ state: "failed" }),
    running: listed({ state: "running" }),
    profile: listed({ profile: "production-3b" }),
    name: listed({ submission: "fast_100%.py" }),
    path: listed({ submission: "/code/b/fast_100%.py" }),
    since: listed({ since: "2026-11-01T10:30:00.000Z" }),
    searchCode: listed({ search: "WEIGHT_mis" }),
    searchLiterally: listed({ search: "100%" }),
    searchNothing: listed({ search: "1%0" }),
    both: listed({ submission: "train.py", state: "passed" }),
  }).toEqual({
    all: ["5 running", "4 failed", "3 passed", "2 passed", "1 passed"],
    page: { runs: ["4 failed", "3 passed"], total: 5, unreadable: [] },
    failed: ["4 failed"],
    running: ["5 running"],
    profile: ["2 passed"],
    name: ["3 passed"],
    path: ["3 passed"],
    since: ["5 running", "4 failed", "3 passed"],
    searchCode: ["4 failed"],
    searchLiterally: ["3 passed"],
    searchNothing: [],
    both: ["2 passed", "1 passed"],
  });
});

/** Runs a module in a process of its own with the store's folder as argument. */
function otherProcess(body: string) {
  const modules = { store: fileURLToPath(new URL("./index.ts", import.meta.url)) };
  const script = `import { RunStore } from ${JSON.stringify(modules.store)};
    const store = new RunStore({ dataFolder: process.argv[1] });
    const draft = JSON.parse(process.argv[2]);
    ${body}`;
  return spawn(process.execPath, ["--input-type=module", "-e", script, dataFolder, JSON.stringify(draft())], {
    stdio: ["pipe", "pipe", "inherit"],
  });
}

test("a run whose process died is interrupted, one whose process lives is running", async () => {
  const child = otherProcess(`store.create(draft, Buffer.from("one")); console.log("ready"); process.stdin.resume();`);
  await once(child.stdout, "data");
  expect(listed()).toEqual(["1 running"]);
  expect(() => store.delete(["1"])).toThrow(code("busy"));
  child.kill("SIGKILL");
  await once(child, "exit");
  expect([listed(), listed({ state: "interrupted" }), store.show("1").state]).toEqual([
    ["1 interrupted"],
    ["1 interrupted"],
    "interrupted",
  ]);
});

test("a process id that now belongs to another process does not keep a run alive", () => {
  const { runId } = create();
  writeFileSync(
    join(runFolder(runId), "owner.json"),
    JSON.stringify({ host: hostname(), pid: process.pid, started: "before" }),
  );
  expect(store.show(runId).state).toBe("interrupted");
});

test("several processes create runs at once without a number or a version twice", async () => {
  const body = `for (let i = 0; i < 20; i += 1) console.log(store.create(draft, Buffer.from(process.pid + " " + i)).plan.submission.version);`;
  const children = [otherProcess(body), otherProcess(body), otherProcess(body)];
  const outputs = await Promise.all(children.map(({ stdout }) => stdout.toArray()));
  const versions = outputs.flatMap((chunks) => Buffer.concat(chunks).toString().trim().split("\n").map(Number));
  const numbers = Array.from({ length: 60 }, (_value, index) => index + 1);
  expect({
    versions: versions.sort((a, b) => a - b),
    ids: readdirSync(join(dataFolder, "runs"))
      .map(Number)
      .sort((a, b) => a - b),
    total: store.list().total,
  }).toEqual({ versions: numbers, ids: numbers, total: 60 });
});

test("a result that did not reach the index is found in its folder", () => {
  const { folder, runId } = create();
  const result: RunResult = { ...outcome(), version: 1, runId, output: { keptBytes: 0, droppedBytes: 0 } };
  writeFileSync(join(folder, "result.json"), JSON.stringify(result));
  expect(listed()).toEqual(["1 passed"]);
});

test("a running record that gets damaged is listed as unreadable", () => {
  writeFileSync(join(create().folder, "plan.json"), "{");
  expect(store.list()).toMatchObject({ runs: [], total: 0, unreadable: [{ id: "1" }] });
});

test.skipIf(process.platform !== "linux")(
  "a full disk while recording keeps the verdict and says what was kept",
  () => {
    const recorder = create();
    symlinkSync("/dev/full", join(recorder.folder, "events.jsonl"));
    symlinkSync("/dev/full", join(recorder.folder, "output.log"));
    symlinkSync("/dev/full", join(recorder.folder, "result.json.new"));
    recorder.event(0, event);
    recorder.output(Buffer.from("hello"));
    expect(recorder.problem).toEqual(code("disk_full"));
    const result = recorder.finish(outcome());
    expect({ result, problem: recorder.problem?.report() }).toEqual({
      result: { ...outcome(), version: 1, runId: "1", output: { keptBytes: 0, droppedBytes: 5 } },
      problem: {
        code: "disk_full",
        message:
          "The disk is full: run 1 is not recorded completely. Kept: the plan and train.py, a part of the events, 0 B of output. " +
          "The result is not: note the verdict that is shown.",
        hint: "Free some space; crusader runs prune shows what old runs take.",
        detail: expect.stringContaining("ENOSPC"),
      },
    });
  },
);

test.skipIf(process.platform !== "linux")("what a full disk refused is written once there is space again", () => {
  const recorder = create();
  const events = join(recorder.folder, "events.jsonl");
  mkdirSync(events);
  recorder.event(0, event);
  expect(recorder.problem).toEqual(code("data_folder"));
  rmSync(events, { recursive: true });
  recorder.event(1, event);
  recorder.finish(outcome());
  expect({ problem: recorder.problem, events: store.events("1").events.map(({ repeat }) => repeat) }).toEqual({
    problem: null,
    events: [0, 1],
  });
});

// A real file system of 256 KiB, in a mount namespace of its own.
const canMount =
  spawnSync("unshare", ["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;
test.skipIf(!canMount)("a file system that fills up ends neither the run nor the store", () => {
  const store = JSON.stringify(fileURLToPath(new URL("./index.ts", import.meta.url)));
  const script = `import { RunStore } from ${store};
    import { writeFileSync } from "node:fs";
    const [, draft, outcome, event] = process.argv.map((text) => text.startsWith("{") ? JSON.parse(text) : text);
    const store = new RunStore({ dataFolder: "/mnt" });
    const recorder = store.create(draft, Buffer.from("one"));
    for (let i = 0; i < 200; i += 1) { recorder.event(0, event); recorder.output(Buffer.alloc(4096, "x")); }
    const result = recorder.finish(outcome);
    let second = "created";
    try { store.create(draft, Buffer.alloc(200_000)); } catch (error) { second = error.code; }
    console.log(JSON.stringify({ outcome: result.outcome, dropped: result.output.droppedBytes > 0, problem: recorder.problem.code, second }));`;
  const mounted = `mount -t tmpfs -o size=256k tmpfs /mnt && exec "$@"`;
  const { stdout, stderr } = spawnSync(
    "unshare",
    [
      "--user",
      "--map-root-user",
      "--mount",
      "sh",
      "-c",
      mounted,
      "sh",
      process.execPath,
      "--input-type=module",
      "-e",
      script,
      JSON.stringify(draft()),
      JSON.stringify(outcome()),
      JSON.stringify(event),
    ],
    { encoding: "utf8" },
  );
  expect({ stderr, ...JSON.parse(stdout) }).toEqual({
    stderr: "",
    outcome: "passed",
    dropped: true,
    problem: "disk_full",
    second: "disk_full",
  });
});

test.skipIf(process.getuid?.() === 0)(
  "a data folder that may not be written is said before the run starts (needs nonroot)",
  () => {
    chmodSync(dataFolder, 0o500);
    expect(() => create()).toThrow(code("data_folder"));
    chmodSync(dataFolder, 0o700);
  },
);

test("an index of an older version is rebuilt from the folders", () => {
  record("one");
  record("two");
  store.close();
  const database = new DatabaseSync(join(dataFolder, "history.db"));
  database.exec(
    "DROP TABLE runs; DROP TABLE versions; CREATE TABLE runs (number TEXT); CREATE TABLE versions (x); CREATE VIEW old AS SELECT 1; PRAGMA user_version = 0",
  );
  database.close();
  expect(listed()).toEqual(["2 passed", "1 passed"]);
  expect(create("two").plan.submission.version).toBe(2);
});

test("a missing index is rebuilt from the folders", () => {
  record();
  store.close();
  for (const file of readdirSync(dataFolder).filter((name) => name.startsWith("history.db")))
    unlinkSync(join(dataFolder, file));
  expect(listed()).toEqual(["1 passed"]);
});

test("runs are listed from their folders while the index cannot be opened, and nothing is begun", () => {
  record("one");
  record("two");
  const known = store.list();
  store.close();
  const [index, elsewhere] = [join(dataFolder, "history.db"), join(dataFolder, "elsewhere.db")];
  renameSync(index, elsewhere);
  // What cannot be opened, for root either.
  mkdirSync(index);
  expect(store.list()).toEqual(known);
  expect(listed({ search: "v2" })).toEqual(["2 passed"]);
  expect(() => create("three")).toThrow(code("data_folder"));
  expect(readdirSync(join(dataFolder, "runs"))).toEqual(["1", "2"]);

  rmSync(index, { recursive: true });
  renameSync(elsewhere, index);
  expect(record("three")).toBe("3");
  expect(listed()).toEqual(["3 passed", "2 passed", "1 passed"]);
});

test("an index that vanishes under an open store is rebuilt", () => {
  record();
  for (const file of readdirSync(dataFolder).filter((name) => name.startsWith("history.db")))
    unlinkSync(join(dataFolder, file));
  expect(listed()).toEqual(["1 passed"]);
});

test("an index of a newer version is left alone, until a rebuild is asked for", () => {
  record();
  store.close();
  const database = new DatabaseSync(join(dataFolder, "history.db"));
  database.exec("PRAGMA user_version = 99");
  database.close();
  expect(() => store.list()).toThrow(code("data_folder"));
  expect(() => create()).toThrow(code("data_folder"));
  expect(readdirSync(join(dataFolder, "runs"))).toEqual(["1"]);
  expect(store.reindex()).toEqual({ indexed: 1, unreadable: [] });
  expect(listed()).toEqual(["1 passed"]);
});

test.each([
  [
    "no database at all",
    (path: string) =>
      writeFileSync(path, "this is no database, whatever its name says, and it is long enough".repeat(200)),
  ],
  [
    "damaged inside",
    (path: string) => {
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.fill(0xee, 4096));
    },
  ],
])("an index that is %s is set aside and rebuilt", (_name, damage) => {
  record("one");
  record("two");
  store.close();
  damage(join(dataFolder, "history.db"));
  expect(listed()).toEqual(["2 passed", "1 passed"]);
  const aside = readdirSync(dataFolder).filter((name) => name.includes("damaged"));
  expect(aside).toHaveLength(1);
  expect(store.damagedIndex).toEqual({
    file: join(dataFolder, aside[0] ?? ""),
    reason: expect.stringMatching(/not a database|malformed/),
  });
});

test("damaged and newer records are listed as unreadable, and stay", () => {
  for (const source of ["one", "two", "three", "four", "five"]) record(source);
  const edit = (id: string, file: string, change: (text: string) => string) => {
    const path = join(runFolder(id), file);
    writeFileSync(path, change(readFileSync(path, "utf8")));
  };
  edit("1", "plan.json", (text) => text.slice(0, 40));
  edit("2", "result.json", (text) => text.replace('"version": 1', '"version": 2'));
  edit("3", "plan.json", (text) => text.replace('"numRanks": 2', '"numRanks": 0'));
  unlinkSync(join(runFolder("4"), "plan.json"));
  cpSync(runFolder("5"), runFolder("9"), { recursive: true });
  mkdirSync(join(dataFolder, "runs", "notes"));

  const unreadable = [
    { id: "9", reason: "The record of run 9 is damaged: its plan is that of run 5.", bytes: expect.any(Number) },
    { id: "4", reason: "The record of run 4 is damaged: plan.json is missing.", bytes: expect.any(Number) },
    { id: "3", reason: expect.stringContaining("plan.json: numRanks"), bytes: expect.any(Number) },
    {
      id: "2",
      reason: "Run 2 was written by a newer Crusader (record version 2; this one reads up to 1).",
      bytes: expect.any(Number),
    },
    { id: "1", reason: "The record of run 1 is damaged: plan.json is no JSON.", bytes: expect.any(Number) },
  ];
  expect(store.reindex()).toEqual({ indexed: 1, unreadable: expect.arrayContaining(unreadable) });
  store.prune({ keep: 0, dryRun: false });
  expect(store.list()).toEqual({ runs: [], total: 0, unreadable });
  expect(() => store.show("2")).toThrow(code("invalid_record"));
  store.delete(["2", "1"]);
  expect(store.list().unreadable).toEqual(unreadable.slice(0, 3));
});

test("torn event lines are left out and counted", () => {
  const recorder = create();
  recorder.event(0, event);
  recorder.finish(outcome());
  writeFileSync(join(recorder.folder, "events.jsonl"), `${JSON.stringify({ repeat: 0, event })}\n{"repeat":0,"ev`);
  expect(store.events("1")).toEqual({ events: [{ repeat: 0, event }], unreadableLines: 1 });
});

test("deletion refuses what is not there before it deletes anything", () => {
  record();
  for (const id of ["7", "../runs/1", "1/", "", "01"]) expect(() => store.delete(["1", id])).toThrow(code("not_found"));
  expect(listed()).toEqual(["1 passed"]);
  expect(store.delete(["1", "1"]).bytes).toBeGreaterThan(0);
  expect([listed(), existsSync(runFolder("1"))]).toEqual([[], false]);
});

test("prune goes by number, age and size, keeps what runs, and shows before it deletes", () => {
  record("one");
  now += 10 * 24 * 3_600_000;
  record("two");
  record("three");
  create("four");
  const { runs } = store.list();
  const size = (id: string) => runs.find((run) => run.id === id)?.bytes ?? 0;
  const doomed = (options: Parameters<RunStore["prune"]>[0]) => store.prune(options).runs.map(({ id }) => id);
  expect({
    keep: doomed({ keep: 2, dryRun: true }),
    keepNone: doomed({ keep: 0, dryRun: true }),
    age: doomed({ olderThanDays: 5, dryRun: true }),
    size: doomed({ maxBytes: size("4") + size("3"), dryRun: true }),
    all: listed(),
    pruned: store.prune({ keep: 2, olderThanDays: 5, dryRun: false }),
    left: listed(),
  }).toEqual({
    keep: ["2", "1"],
    keepNone: ["3", "2", "1"],
    age: ["1"],
    size: ["2", "1"],
    all: ["4 running", "3 passed", "2 passed", "1 passed"],
    pruned: {
      runs: [expect.objectContaining({ id: "2" }), expect.objectContaining({ id: "1" })],
      bytes: size("1") + size("2"),
      remaining: 2,
      remainingBytes: size("3") + size("4"),
    },
    left: ["4 running", "3 passed"],
  });
  expect(() => store.prune({ dryRun: true })).toThrow(code("usage"));
});
