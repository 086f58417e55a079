import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, copyFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { CrusaderError } from "../../../common/errors.ts";
import type { RunResult } from "../../../common/runs.ts";
import { HparamsService } from "../hparams/index.ts";
import { RunStore, readSharedRun } from "../runs/index.ts";
import { type SimulationEvent, type SimulationRequest, SimulationService } from "./index.ts";
import { MARKER_VARIABLE, markedProcesses, markerOf, runOfMarker } from "./marked-processes.ts";
import { ScriptedBackend } from "./scripted-backend.ts";

const PROFILES = fileURLToPath(new URL("../../../../hparams", import.meta.url));

/** A service with its own data folder; `file` writes a file whose words say what the judge does. */
function bench() {
  const folder = mkdtempSync(join(tmpdir(), "crusader-simulation-"));
  const dataFolder = join(folder, "data");
  const store = new RunStore({ dataFolder, outputLimits: { headBytes: 1000, tailBytes: 1000 } });
  onTestFinished(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });
  const backend = new ScriptedBackend();
  let seeds = 0;
  const options = {
    dataFolder,
    store,
    hparams: new HparamsService({ profilesFolder: PROFILES }),
    policy: () => ({ policy: {}, sha256: "p1", origin: "built-in" }),
    backends: [backend],
    crusaderVersion: "1.2.3",
    now: Date.now,
    randomSeed: () => `seed${++seeds}`,
  };
  const service = new SimulationService(options);
  const file = (words: string, name = "train.py") => {
    writeFileSync(join(folder, name), words);
    return join(folder, name);
  };
  const request = (words: string, more: Partial<SimulationRequest> = {}): SimulationRequest => ({
    path: file(words),
    profile: "rehearsal",
    backend: "scripted",
    sandbox: "none",
    ...more,
  });
  /** Run ids of this data folder's processes that live. */
  const living = () =>
    markedProcesses((marker) => runOfMarker(dataFolder, marker) !== null).map(({ marker }) => marker.split(".")[1]);
  return { dataFolder, store, backend, service, options, file, request, living };
}

async function collect(events: AsyncIterable<SimulationEvent>): Promise<SimulationEvent[]> {
  return Array.fromAsync(events);
}

/** Resolves when the judge has begun the stage. */
async function untilStage(events: AsyncIterable<SimulationEvent>, stage: string): Promise<void> {
  for await (const said of events) {
    if (said.type === "judged" && said.event.type === "stage" && said.event.stage === stage) return;
  }
}

const outcomes = ({ outcome, repeats, successRate, failure }: RunResult) => ({
  outcome,
  successRate,
  code: failure?.code ?? failure?.kind ?? null,
  repeats: repeats.map((repeat) => repeat.failure?.code ?? repeat.failure?.kind ?? repeat.outcome),
});

test("an unchanged copy of another's code is another's wherever it lies; a changed one is the user's own", async () => {
  const { dataFolder, store, service, request } = bench();
  const first = await service.start(request("pass"));
  await first.done;
  const { runId, origin } = store.import(readSharedRun(join(dataFolder, "runs", "1")));
  const copy = join(dataFolder, "copy.py");
  copyFileSync(join(dataFolder, "runs", runId, "train.py"), copy);
  // What the user ran before it came from elsewhere, too, is the user's.
  await (await service.start(request("pass", { path: copy }))).done;
  store.delete(["1"]);
  await expect(service.start(request("pass", { path: copy }))).rejects.toMatchObject({ code: "foreign_code" });
  const inside = await service.start(request("pass", { path: copy, sandbox: "bubblewrap" }));
  expect(inside.plans.map(({ submission }) => submission.origin)).toEqual([origin]);
  await inside.done;
  appendFileSync(copy, "\n");
  const own = await service.start(request("pass", { path: copy }));
  expect(own.plans.map(({ submission }) => submission.origin)).toEqual([undefined]);
  await own.done;
});

test("the file of an imported run is another's code, also where it is named by its path", async () => {
  const { backend, dataFolder, store, service, request } = bench();
  const first = await service.start(request("pass"));
  await first.done;
  const { runId, origin } = store.import(readSharedRun(join(dataFolder, "runs", "1")));
  const path = join(dataFolder, "runs", runId, "train.py");
  await expect(service.start(request("pass", { path }))).rejects.toMatchObject({ code: "foreign_code" });
  backend.problems = [new CrusaderError("sandbox_missing", "There is none.", "--no-sandbox runs your own file.")];
  await expect(service.start(request("pass", { path, sandbox: "bubblewrap" }))).rejects.toMatchObject({
    code: "foreign_code",
    message: expect.stringMatching(/runs in a sandbox only\. There is none\.$/),
    hint: expect.not.stringContaining("--no-sandbox"),
  });
  backend.problems = [];
  symlinkSync(join(dataFolder, "runs", runId), join(dataFolder, "elsewhere"));
  const b = { path: join(dataFolder, "elsewhere", "train.py") };
  await expect(service.startComparison({ a: request("pass"), b })).rejects.toMatchObject({ code: "foreign_code" });
  const inside = await service.start(request("pass", { path, sandbox: "bubblewrap" }));
  expect(inside.plans.map(({ submission }) => submission.origin)).toEqual([origin]);
  await inside.done;
  const own = await service.start(request("pass", { path: join(dataFolder, "runs", "1", "train.py") }));
  expect(own.plans.map(({ submission }) => submission.origin)).toEqual([undefined]);
  await own.done;
});

test("a run is planned, evaluated, recorded and told", async () => {
  const { service, store, request } = bench();
  const simulation = await service.start(request("pass"));
  const [events, result] = await Promise.all([collect(simulation.events), simulation.done]);

  const record = store.show("1");
  expect(record.plan).toMatchObject({
    runId: "1",
    submission: { name: "train.py", version: 1 },
    profile: { name: "rehearsal", kind: "rehearsal" },
    backend: "scripted",
    sandbox: "none",
    numRanks: 2,
    seeds: ["seed1"],
    seedFixed: false,
    against: null,
    environment: { crusader: "1.2.3", node: process.versions.node, python: "scripted" },
  });
  expect(record.result).toEqual(result);
  expect(result).toMatchObject({
    outcome: "passed",
    score: { kind: "relative_speed", value: 1.5 },
    notComparable: ["a rehearsal: a small model on CPU ranks, whose speed says nothing about MFU"],
    repeats: [
      { notes: [{ level: "finding", id: "scripted", message: "noted", line: 3 }], stageSeconds: { scan: 0.25 } },
    ],
  });
  expect(store.events("1").events.map(({ event }) => event.type)).toEqual([
    "stage",
    "note",
    "stage",
    "progress",
    "result",
  ]);
  expect(store.output("1").toString()).toBe("judging seed1\n");
  expect(events.map((event) => (event.type === "judged" ? event.event.type : event.type))).toEqual([
    "repeat_started",
    ...["stage", "note", "stage", "progress", "result"],
    "repeat_ended",
    "run_ended",
  ]);
  expect(service.expectedStageSeconds("rehearsal", 2)).toEqual({ scan: 0.25 });
  expect(service.expectedStageSeconds("rehearsal", 4)).toEqual({});
});

test.each<[string, number, ReturnType<typeof outcomes>]>([
  ["pass", 3, { outcome: "passed", successRate: 1, code: null, repeats: ["passed", "passed", "passed"] }],
  [
    "a harmless failure does not end it: weight_mismatch pass",
    2,
    { outcome: "passed", successRate: 0.5, code: null, repeats: ["weight_mismatch", "passed"] },
  ],
  [
    "a fatal one does: pass timer_tampering pass",
    3,
    { outcome: "failed", successRate: 1 / 3, code: "timer_tampering", repeats: ["passed", "timer_tampering"] },
  ],
  [
    "what is the same for every seed: topology",
    3,
    { outcome: "failed", successRate: 0, code: "topology", repeats: ["topology"] },
  ],
  [
    "a judge that dies is repeated: exit pass",
    2,
    { outcome: "passed", successRate: 0.5, code: null, repeats: ["internal", "passed"] },
  ],
])("a series: %s", async (title, repeats, expected) => {
  const { service, request } = bench();
  const simulation = await service.start(request(title.split(": ").at(-1) ?? "", { repeats }));
  expect(outcomes(await simulation.done)).toEqual(expected);
});

test("fixed seeds are shown, differ, and make the score incomparable", async () => {
  const { service, request } = bench();
  const simulation = await service.start(request("pass", { repeats: 3, seed: "abc", numRanks: 4 }));
  const { notComparable, repeats } = await simulation.done;
  expect(repeats.map(({ seed }) => seed)).toEqual(["abc", "abc-2", "abc-3"]);
  expect(notComparable.slice(1)).toEqual([
    "the seed was fixed, so a file can be prepared for it; the validator's is unpredictable",
    "4 ranks; the profile has 2",
  ]);
});

test("a comparison alternates its sides with one seed a pair", async () => {
  const { service, store, file, request } = bench();
  const simulation = await service.startComparison({
    a: request("pass"),
    b: { path: file("pass loss_mismatch missing_logits", "b.py") },
    repeats: 3,
  });
  const [events, results] = await Promise.all([collect(simulation.events), simulation.done]);
  const started = events.filter((event) => event.type === "repeat_started");
  expect(started.map(({ runId, seed }) => [runId, seed])).toEqual([
    ["1", "seed1"],
    ["2", "seed1"],
    ["1", "seed2"],
    ["2", "seed2"],
    ["1", "seed3"],
    ["2", "seed3"],
  ]);
  expect(results.map(outcomes)).toEqual([
    { outcome: "passed", successRate: 1, code: null, repeats: ["passed", "passed", "passed"] },
    {
      outcome: "failed",
      successRate: 1 / 3,
      code: "missing_logits",
      repeats: ["passed", "loss_mismatch", "missing_logits"],
    },
  ]);
  expect([store.show("1").plan.against, store.show("2").plan.against]).toEqual(["2", "1"]);
});

test.each([
  ["malformed", "internal", "The judge wrote a line that is no event."],
  ["disorder", "internal", "The judge wrote an event out of order."],
  ["endless", "internal", "The judge wrote a line of more than 1048576 bytes."],
  ["flood", "internal", "The judge wrote more than 100000 events."],
  ["exit", "internal", "The judge ended with status 4 before its verdict."],
  ["killed", "environment", "The judge's process was ended by SIGKILL before its verdict."],
])("a judge that goes wrong (%s) is an error of ours, recorded", async (word, kind, message) => {
  const { service, store, request } = bench();
  const { done } = await service.start(request(word));
  const { outcome, failure } = await done;
  expect({ outcome, kind: failure?.kind, message: failure?.message }).toEqual({ outcome: "error", kind, message });
  expect(store.show("1").state).toBe("error");
});

test("a judge that cannot be started is an error of the environment", async () => {
  const { service, backend, request } = bench();
  backend.program = join(tmpdir(), "no-such-program");
  const { done } = await service.start(request("pass"));
  expect((await done).failure).toMatchObject({
    kind: "environment",
    fault: "environment",
    message: expect.stringMatching(/^The judge could not be started: spawn .* ENOENT\.$/),
  });
});

test("output without end is capped and loses no verdict", async () => {
  const { service, request } = bench();
  const { done } = await service.start(request("print"));
  const { outcome, output } = await done;
  expect({ outcome, ...output }).toEqual({
    outcome: "passed",
    keptBytes: 2000,
    droppedBytes: 8 * 1024 * 1024 + "judging seed1\n".length - 2000,
  });
});

test("cancel asks the judge, and ends the series", async () => {
  const { service, store, request } = bench();
  const simulation = await service.start(request("polite", { repeats: 2 }));
  await untilStage(simulation.events, "timed");
  await simulation.cancel();
  expect(outcomes(await simulation.done)).toEqual({
    outcome: "cancelled",
    successRate: 0,
    code: "cancelled",
    repeats: ["cancelled"],
  });
  expect(store.show("1")).toMatchObject({ state: "cancelled", result: { failure: { message: "asked to stop" } } });
});

const onLinux = test.skipIf(process.platform !== "linux");

onLinux("cancel ends a judge that does not listen, and what it has started, within 5 s", async () => {
  const { service, request, living } = bench();
  const simulation = await service.start(request("stubborn"));
  await untilStage(simulation.events, "timed");
  const before = living();
  const startedAt = performance.now();
  await simulation.cancel();
  expect(performance.now() - startedAt).toBeLessThan(5000);
  const { outcome, repeats } = await simulation.done;
  expect({ before, after: living(), outcome, notes: repeats[0]?.notes }).toEqual({
    before: ["1", "1"],
    after: [],
    outcome: "cancelled",
    notes: [
      {
        level: "info",
        id: "processes_ended",
        message: expect.stringMatching(/^Still alive at the end, and killed: [\w-]+ \(\d+\)\.$/),
        line: null,
      },
    ],
  });
});

onLinux("a second cancel does not wait for the judge's grace", async () => {
  const { service, request, living } = bench();
  const simulation = await service.start(request("stubborn"));
  await untilStage(simulation.events, "timed");
  const startedAt = performance.now();
  void simulation.cancel();
  await simulation.cancel({ atOnce: true });
  expect(performance.now() - startedAt).toBeLessThan(1900);
  expect(living()).toEqual([]);
});

onLinux("what a judge leaves behind ends with its repeat", async () => {
  const { service, request, living } = bench();
  const { done } = await service.start(request("littering"));
  const { outcome, repeats } = await done;
  expect({ outcome, living: living(), notes: repeats[0]?.notes.map(({ id }) => id) }).toEqual({
    outcome: "passed",
    living: [],
    notes: ["scripted", "processes_ended"],
  });
});

onLinux("leftovers of runs that are over are ended, others never", async () => {
  const { dataFolder, store, service, request, living } = bench();
  await (await service.start(request("pass"))).done;
  const simulation = await service.start(request("polite"));
  await untilStage(simulation.events, "timed");
  const leave = async (marker: string) => {
    const child = spawn("sleep", ["60"], { env: { PATH: process.env.PATH, [MARKER_VARIABLE]: marker } });
    onTestFinished(() => void child.kill("SIGKILL"));
    await once(child, "spawn");
    return child;
  };
  const leftover = await leave(markerOf(dataFolder, "1", 0));
  const deleted = await leave(markerOf(dataFolder, "99", 0));
  const foreign = await leave(markerOf(`${dataFolder}-other`, "1", 0));
  const exits = Promise.all([once(leftover, "exit"), once(deleted, "exit")]);

  const ended = await service.endLeftovers();
  expect(ended.toSorted((a, b) => a.pid - b.pid)).toEqual([
    { pid: leftover.pid, name: "sleep" },
    { pid: deleted.pid, name: "sleep" },
  ]);
  await exits;
  expect({ living: living(), foreign: foreign.exitCode, state: store.show("2").state }).toEqual({
    living: ["2"],
    foreign: null,
    state: "running",
  });
  await simulation.cancel();
});

test.each(["one process", "two processes"])(
  "of two runs at once the second waits and says behind which (%s)",
  async (where) => {
    const { service, options, store, request } = bench();
    // Services share nothing but the data folder, as processes do.
    const other = where === "one process" ? service : new SimulationService(options);
    const first = await service.start(request("polite"));
    await untilStage(first.events, "timed");
    const second = await other.start(request("pass"));
    const third = await other.start(request("pass"));
    const reader = second.events[Symbol.asyncIterator]();
    expect((await reader.next()).value).toEqual({ type: "waiting", behindRunId: "1" });
    await third.cancel();
    expect(outcomes(await third.done)).toEqual({
      outcome: "cancelled",
      successRate: 0,
      code: "cancelled",
      repeats: ["cancelled"],
    });
    expect([store.show("1").state, store.show("2").state]).toEqual(["running", "running"]);
    await first.cancel();
    expect((await second.done).outcome).toBe("passed");
  },
);

onLinux("a full disk costs the record, not the verdict", async () => {
  const { dataFolder, store, service, request } = bench();
  const simulation = await service.start(request("pass"));
  symlinkSync("/dev/full", join(dataFolder, "runs", "1", "events.jsonl"));
  const events = await collect(simulation.events);
  expect(events.at(-1)).toMatchObject({
    type: "run_ended",
    result: { outcome: "passed" },
    recordProblem: { code: "disk_full" },
  });
  expect(store.show("1").state).toBe("passed");
});

test.each<[string, Partial<SimulationRequest>, string, string]>([
  [
    "a missing file",
    { path: "/no/such/train.py" },
    "not_found",
    "/no/such/train.py cannot be read: it does not exist.",
  ],
  ["a folder", { path: tmpdir() }, "not_found", `${tmpdir()} cannot be read: it is a folder.`],
  ["a profile", { profile: "rehersal" }, "not_found", "There is no profile named rehersal."],
  ["a backend", { backend: "cloud" }, "not_found", "There is no backend named cloud."],
])("wrong use records nothing: %s", async (_name, wrong, code, message) => {
  const { service, store, request } = bench();
  await expect(service.start(request("pass", wrong))).rejects.toMatchObject({ code, message });
  expect(store.list().total).toBe(0);
});

test("what a backend misses is said before anything is recorded", async () => {
  const { service, store, backend, request } = bench();
  backend.problems = [new CrusaderError("sandbox_missing", "no sandbox")];
  await expect(service.start(request("pass"))).rejects.toBe(backend.problems[0]);
  expect(store.list().total).toBe(0);
});

test("a clock that is set back by an hour at every look makes no time negative", async () => {
  const { options, request } = bench();
  let looks = 0;
  const now = () => Date.now() - looks++ * 3_600_000;
  const service = new SimulationService({ ...options, now });
  const { repeats, startedAt, finishedAt } = await (await service.start(request("pass"))).done;
  const [wallSeconds = Number.NaN] = repeats.map((repeat) => repeat.wallSeconds);
  expect(wallSeconds).toBeGreaterThan(0);
  expect(wallSeconds).toBeLessThan(600);
  expect(Date.parse(finishedAt)).toBeGreaterThanOrEqual(Date.parse(startedAt));
});
