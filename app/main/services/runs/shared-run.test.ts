import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Plan, RunResult } from "../../../common/runs.ts";
import { samplePlan, sampleRepeat, sampleResult } from "../../../common/sample-runs.ts";
import { RunStore, readSharedRun } from "./index.ts";

const SOURCE = "x = 1\n";
const NOW = "2026-11-20T10:00:00.000Z";
const ORIGIN = { runId: "118", importedAt: NOW };
const EVENT = { v: 1, seq: 0, t: 0.5, type: "stage", stage: "scan", state: "passed", seconds: 0.02 };

/** Run 118 of somebody else, and an own data folder. */
function bench() {
  const root = mkdtempSync(join(tmpdir(), "crusader-shared-"));
  const theirs = join(root, "theirs");
  const shared = join(theirs, "runs", "118");
  const plan = samplePlan({
    runId: "118",
    submission: {
      name: "train.py",
      path: "/code/a/train.py",
      sha256: createHash("sha256").update(SOURCE).digest("hex"),
      bytes: SOURCE.length,
      version: 14,
    },
    against: "117",
  });
  const repeats = [sampleRepeat(4), sampleRepeat(4.1), sampleRepeat(4.2)];
  const result = sampleResult(repeats, { runId: "118", output: { keptBytes: 2, droppedBytes: 0 }, notComparable: [] });
  mkdirSync(shared, { recursive: true });
  const write = (name: string, content: string | Uint8Array) => writeFileSync(join(shared, name), content);
  write("plan.json", JSON.stringify(plan));
  write("result.json", JSON.stringify(result));
  write("train.py", SOURCE);
  write("events.jsonl", `${JSON.stringify({ repeat: 0, event: EVENT })}\n`);
  write("output.log", Buffer.from([0xff, 0x41]));
  const dataFolder = join(root, "ours");
  const store = new RunStore({ dataFolder, now: () => Date.parse(NOW) });
  const theirStore = new RunStore({ dataFolder: theirs });
  onTestFinished(() => {
    store.close();
    theirStore.close();
    rmSync(root, { recursive: true });
  });
  const own = () => {
    const { version: _v, runId: _r, createdAt: _c, submission: _s, against: _a, ...rest } = samplePlan();
    const draft = { ...rest, submission: { name: "train.py", path: "/code/a/train.py" } };
    const recorder = store.create(draft, Buffer.from("own = 1\n"));
    const { version: _version, runId: _id, output: _output, ...outcome } = sampleResult(repeats);
    recorder.finish(outcome);
    return recorder.plan;
  };
  const exported = () => {
    const file = join(root, "crusader-run-118.json");
    writeFileSync(file, JSON.stringify(theirStore.export("118")));
    return file;
  };
  return { root, shared, write, plan, result, dataFolder, store, own, exported };
}

test.each(["folder", "exported file"])("a run is entered from its %s, under a number of its own", (form) => {
  const { shared, plan, result, dataFolder, store, own, exported } = bench();
  own();
  const record = readSharedRun(form === "folder" ? shared : exported());
  expect(store.import(record)).toEqual({ runId: "2", origin: ORIGIN });
  const path = join(dataFolder, "runs", "2", "train.py");
  const { bytes, ...shown } = store.show("2");
  expect(shown).toEqual({
    id: "2",
    state: "passed",
    plan: {
      ...plan,
      runId: "2",
      against: null,
      imported: true,
      submission: { ...plan.submission, path, origin: ORIGIN },
    },
    result: {
      ...result,
      runId: "2",
      notComparable: ["an imported record: another Crusader measured it, on another machine"],
    },
  });
  expect(store.source("2").toString()).toBe(SOURCE);
  expect(store.output("2")).toEqual(Buffer.from([0xff, 0x41]));
  expect(store.events("2")).toEqual({ events: [{ repeat: 0, event: EVENT }], unreadableLines: 0 });
  expect(store.list({ search: "imported from run 118" })).toMatchObject({
    total: 1,
    runs: [{ id: "2", bytes, imported: true, comparable: false, submission: { version: 14, origin: ORIGIN } }],
  });
});

test("an imported run counts with no submission of one's own, also after a rebuild, and is never overwritten", () => {
  const { shared, store, own } = bench();
  const entered = () => store.import(readSharedRun(shared)).runId;
  expect([entered(), entered()]).toEqual(["1", "2"]);
  expect(own().submission.version).toBe(1);
  store.reindex();
  expect(store.list({ limit: 9 }).runs.map(({ id, submission }) => `${id} v${submission.version}`)).toEqual([
    "3 v1",
    "2 v14",
    "1 v14",
  ]);
  store.delete(["2"]);
  expect(entered()).toBe("4");
});

test("what was imported can be passed on: its origin is then here", () => {
  const { root, shared, store } = bench();
  store.import(readSharedRun(shared));
  const file = join(root, "again.json");
  writeFileSync(file, JSON.stringify(store.export("1")));
  expect(store.import(readSharedRun(file)).origin).toEqual({ runId: "1", importedAt: NOW });
  expect(store.show("2").result?.notComparable).toHaveLength(1);
});

type Bench = ReturnType<typeof bench>;
const changed = (file: "plan.json" | "result.json", change: (content: Plan & RunResult) => object) => (of: Bench) => {
  const content = JSON.parse(readFileSync(join(of.shared, file), "utf8"));
  of.write(file, JSON.stringify({ ...content, ...change(content) }));
};
const linked = (file: string) => (of: Bench) => {
  renameSync(join(of.shared, file), join(of.root, "elsewhere"));
  symlinkSync(join(of.root, "elsewhere"), join(of.shared, file));
};
const REFUSED: [string, string, RegExp, (of: Bench) => void][] = [
  [
    "no run",
    "invalid_record",
    /plan.json is missing: this is not the folder/,
    (of) => unlinkSync(join(of.shared, "plan.json")),
  ],
  [
    "one that goes on",
    "invalid_record",
    /result.json is missing: the run goes on/,
    (of) => unlinkSync(join(of.shared, "result.json")),
  ],
  ["no source", "invalid_record", /train.py is missing/, (of) => unlinkSync(join(of.shared, "train.py"))],
  ["no events", "invalid_record", /events.jsonl is missing/, (of) => unlinkSync(join(of.shared, "events.jsonl"))],
  ["no log", "invalid_record", /output.log is missing/, (of) => unlinkSync(join(of.shared, "output.log"))],
  ["a link to a source", "invalid_record", /train.py is no regular file/, linked("train.py")],
  ["a link to a log", "invalid_record", /output.log is no regular file/, linked("output.log")],
  ["a link to a plan", "invalid_record", /plan.json is no regular file/, linked("plan.json")],
  [
    "a folder for a log",
    "invalid_record",
    /output.log is no regular file/,
    (of) => {
      unlinkSync(join(of.shared, "output.log"));
      mkdirSync(join(of.shared, "output.log"));
    },
  ],
  [
    "a giant log",
    "too_large",
    /output.log is larger than 16.0 MiB/,
    (of) => truncateSync(join(of.shared, "output.log"), 1e12),
  ],
  [
    "a giant plan",
    "too_large",
    /plan.json is larger than 1.0 MiB/,
    (of) => truncateSync(join(of.shared, "plan.json"), 1e12),
  ],
  ["another source", "invalid_record", /train.py is not what was judged/, (of) => of.write("train.py", "x = 2\n")],
  [
    "a newer record",
    "invalid_record",
    /newer Crusader \(plan.json has version 2/,
    changed("plan.json", () => ({ version: 2 })),
  ],
  ["a number with a way out", "invalid_record", /its number is none/, changed("plan.json", () => ({ runId: "../1" }))],
  [
    "another run's result",
    "invalid_record",
    /its result that of another/,
    changed("result.json", () => ({ runId: "1" })),
  ],
  [
    "a name with a way out",
    "invalid_record",
    /the name of its submission is none/,
    changed("plan.json", ({ submission }) => ({ submission: { ...submission, name: "../../.bashrc" } })),
  ],
  [
    "a name that a terminal obeys",
    "invalid_record",
    /the name of its submission is none/,
    changed("plan.json", ({ submission }) => ({ submission: { ...submission, name: "a\u001b[2J.py" } })),
  ],
  [
    "a name that reads backwards",
    "invalid_record",
    /the name of its submission is none/,
    changed("plan.json", ({ submission }) => ({ submission: { ...submission, name: "\u202eyp.niart" } })),
  ],
  [
    "a profile without a bottom",
    "invalid_record",
    /its profile is nested too deeply/,
    ({ shared, plan }) => {
      const deep = JSON.stringify({ ...plan, profile: { ...plan.profile, content: { a: 0 } } });
      const text = deep.replace('{"a":0}', `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`);
      writeFileSync(join(shared, "plan.json"), text);
    },
  ],
  [
    "a book for a reason",
    "invalid_record",
    /too long to be shown/,
    changed("result.json", () => ({ notComparable: ["x".repeat(10_001)] })),
  ],
  [
    "more said of GPUs than there are GPUs",
    "invalid_record",
    /gpuObservations/,
    changed("result.json", ({ repeats }) => ({
      repeats: repeats.map((repeat) => ({
        ...repeat,
        gpuObservations: Array(2000).fill({ kind: "hot", gpu: 0, celsius: 90, slowdownCelsius: null }),
      })),
    })),
  ],
  [
    "more ranks than there are",
    "invalid_record",
    /more repeats or ranks/,
    changed("plan.json", () => ({ numRanks: 65 })),
  ],
  [
    "fewer repeats than judged",
    "invalid_record",
    /differ in their repeats/,
    changed("plan.json", () => ({ seeds: ["s"] })),
  ],
  ["no JSON", "invalid_record", /result.json is no JSON/, (of) => of.write("result.json", "{")],
  [
    "an event of no kind",
    "invalid_record",
    /line 1 of events.jsonl: /,
    (of) => of.write("events.jsonl", '{"repeat":0}\n'),
  ],
  [
    "an event of no repeat",
    "invalid_record",
    /a repeat that was not planned/,
    (of) => of.write("events.jsonl", `${JSON.stringify({ repeat: 3, event: EVENT })}\n`),
  ],
  [
    "an endless nesting",
    "invalid_record",
    /plan.json: /,
    (of) => of.write("plan.json", `${"[".repeat(5e5)}${"]".repeat(5e5)}`),
  ],
];

test.each(REFUSED)("refused: %s", (_name, code, message, damage) => {
  const of = bench();
  damage(of);
  const enter = () => of.store.import(readSharedRun(of.shared));
  expect(enter).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  expect(enter).toThrow(expect.objectContaining({ hint: expect.stringContaining("Nothing was imported.") }));
  expect(of.store.list().total).toBe(0);
});

test.skipIf(process.platform === "win32")("a pipe in place of a file is not waited for", () => {
  const { shared } = bench();
  unlinkSync(join(shared, "train.py"));
  execFileSync("mkfifo", [join(shared, "train.py")]);
  expect(() => readSharedRun(shared)).toThrow(/train.py is no regular file/);
});

test("refused: files that are no export, a run that was exported before its end, and what is not there", () => {
  const { root, shared, exported } = bench();
  const file = join(root, "given.json");
  const given = (content: unknown) => {
    writeFileSync(file, JSON.stringify(content));
    return () => readSharedRun(file);
  };
  const good = JSON.parse(readFileSync(exported(), "utf8"));
  expect(given([])).toThrow(/it is no run that Crusader exported/);
  expect(given({ ...good, exportVersion: 2 })).toThrow(/newer Crusader \(the file has version 2/);
  expect(given({ ...good, result: null })).toThrow(/it has no result/);
  expect(given({ ...good, source: { base64: "AAAA" } })).toThrow(/train.py is not what was judged/);
  expect(given({ ...good, events: undefined })).toThrow(/the file: events: /);
  truncateSync(file, 1e12);
  expect(() => readSharedRun(file)).toThrow(expect.objectContaining({ code: "too_large" }));
  expect(() => readSharedRun(join(root, "nothing"))).toThrow(expect.objectContaining({ code: "not_found" }));
  cpSync(shared, join(root, "copy"), { recursive: true });
  expect(readdirSync(join(root, "copy"))).toHaveLength(5);
});
