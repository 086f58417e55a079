import { expect, test } from "vitest";
import type { Event, Stage } from "../../../common/events.ts";
import type { RunStatus, RunUpdate } from "../../../common/simulation.ts";
import { applyUpdate, emptyRunView, expectedOf, isOver, type RunView, runTime, stageTimes } from "./run-view.ts";

const RUNNING: RunStatus = {
  state: "running",
  waiting: null,
  repeat: 0,
  repeatsPlanned: 1,
  cancelling: false,
  contact: null,
};

type Said = Partial<Event> & Pick<Event, "type" | "t">;

function update(after: number, said: Said[], overrides: Partial<RunUpdate> & { repeat?: number } = {}): RunUpdate {
  const { repeat = 0, ...rest } = overrides;
  return {
    runId: "7",
    after,
    number: after + said.length,
    events: said.map((event, index) => ({
      number: after + index + 1,
      repeat,
      event: { v: 1, seq: after + index, ...event } as Event,
    })),
    status: RUNNING,
    outputBytes: 0,
    result: null,
    recordProblem: null,
    ...rest,
  };
}

const began = (stage: Stage, t: number): Said => ({ type: "stage", stage, state: "running", seconds: null, t });
const ended = (stage: Stage, t: number, seconds: number): Said => ({
  type: "stage",
  stage,
  state: "passed",
  seconds,
  t,
});
const step = (stage: Stage, done: number, t: number): Said => ({
  type: "progress",
  stage,
  done,
  total: 10,
  unit: "steps",
  t,
});

const HISTORY = [began("scan", 0), ended("scan", 0.1, 0.1), began("reference", 0.2), step("reference", 5, 2.2)];

const applied = (updates: RunUpdate[], nowMs = 0): RunView =>
  updates.reduce((view, next) => applyUpdate(view, next, nowMs), emptyRunView("7"));

test("the same events give the same view, however they are cut into updates", () => {
  const whole = applied([update(0, HISTORY)]);
  const pieces = applied([update(0, HISTORY.slice(0, 1)), update(1, HISTORY.slice(1, 3)), update(3, HISTORY.slice(3))]);
  expect(pieces).toEqual(whole);
  expect(whole.number).toBe(4);
  expect(whole.repeats[0]?.stages.reference).toEqual({
    state: "running",
    startedAt: 0.2,
    seconds: null,
    steps: { done: 5, total: 10, unit: "steps", at: 2.2 },
  });
});

test("an update that begins elsewhere replaces what was seen", () => {
  const before = applied([update(0, HISTORY)]);
  const replayed = applyUpdate(before, update(0, HISTORY.slice(0, 2)), 0);
  expect(replayed).toEqual(applied([update(0, HISTORY.slice(0, 2))]));
});

test("checks, notes and the result are kept per repeat", () => {
  const check = { type: "check", name: "loss", state: "passed", value: 0.1, t: 5 } as Said;
  const note = { type: "note", level: "finding", id: "batches_drawn", message: "19", line: null, t: 5 } as Said;
  const result = {
    type: "result",
    outcome: "passed",
    relativeSpeed: 1.5,
    mfuPercent: null,
    timedSeconds: 2,
    t: 6,
  } as Said;
  const view = applied([update(0, [check, note, result], { repeat: 1 })]);
  expect(view.repeats).toHaveLength(2);
  expect(view.repeats[1]).toMatchObject({
    checks: [{ name: "loss", state: "passed", value: 0.1 }],
    notes: [{ level: "finding", id: "batches_drawn", message: "19", line: null }],
    outcome: "passed",
    relativeSpeed: 1.5,
    timedSeconds: 2,
  });
});

test("a running stage: elapsed on this window's clock, the rest from its own steps", () => {
  const view = applied([update(0, HISTORY)]);
  const reference = stageTimes(view.repeats[0], {}, 1).find(({ stage }) => stage === "reference");
  expect(reference).toMatchObject({ state: "running", elapsedSeconds: 3, remainingSeconds: 1, fraction: 0.5 });
});

test("without steps earlier runs tell; without them nothing is invented", () => {
  const view = applied([update(0, [began("prepare", 0)])]);
  const prepare = (expected: object) => stageTimes(view.repeats[0], expected, 2)[2];
  expect(prepare({ prepare: 8 })).toMatchObject({ elapsedSeconds: 2, remainingSeconds: 6, fraction: 0.25 });
  expect(prepare({})).toMatchObject({ elapsedSeconds: 2, remainingSeconds: null, fraction: null });
});

const EXPECTED = { scan: 0.1, prepare: 2, reference: 4, warmup: 1, timed: 4, checks: 1 };

test("the whole run's remaining time adds up stages and repeats", () => {
  const status = { ...RUNNING, repeatsPlanned: 2 };
  const view = applied([update(0, HISTORY, { status })]);
  // Reference 2 s left (its own pace), the repeat's other stages 2 + 1 + 4 + 1, another repeat 12.1 s.
  expect(runTime(view, EXPECTED, 0, null)).toMatchObject({ elapsedSeconds: 2.2, remainingSeconds: 22.1 });
  expect(runTime(view, {}, 0, null)).toEqual({ elapsedSeconds: 2.2, remainingSeconds: null, fraction: null });
});

test("a finished repeat tells what the next ones take", () => {
  const result = {
    type: "result",
    outcome: "passed",
    relativeSpeed: 1,
    mfuPercent: null,
    timedSeconds: 3,
    t: 9,
  } as Said;
  const view = applied([update(0, [began("timed", 5), ended("timed", 8, 3), result])]);
  expect(expectedOf(view, { timed: 99, checks: 1 })).toEqual({ timed: 3, checks: 1 });
});

test("what is shown never goes back, and is done only at the end", () => {
  const status = { ...RUNNING, repeatsPlanned: 2 };
  const view = applied([update(0, HISTORY, { status })]);
  expect(runTime(view, EXPECTED, 0, 0.5).fraction).toBe(0.5);
  expect(runTime(view, {}, 0, 0.5).fraction).toBe(0.5);
  const over = applyUpdate(view, update(4, [], { status: { ...RUNNING, state: "passed" } }), 0);
  expect(isOver(over)).toBe(true);
  expect(runTime(over, {}, 99_000, 0.5)).toEqual({ elapsedSeconds: 2.2, remainingSeconds: 0, fraction: 1 });
});

test("production's code has stages of its own; what its log never told takes no time", () => {
  const judged: Said = { type: "note", level: "warning", id: "production_evaluation", message: "", line: null, t: 0 };
  const view = applied([update(0, [judged, began("scan", 0), ended("scan", 0.1, 0.1), began("evaluation", 1)])]);
  const [scan, , , evaluation, ...rest] = stageTimes(view.repeats[0], { evaluation: 10 }, 4);
  expect([scan?.stage, evaluation]).toEqual([
    "scan",
    { stage: "evaluation", state: "running", steps: null, elapsedSeconds: 4, remainingSeconds: 6, fraction: 0.4 },
  ]);
  expect(rest.map(({ stage, remainingSeconds }) => [stage, remainingSeconds])).toEqual([
    ["reference", 0],
    ["warmup", 0],
    ["timed", 0],
    ["checks", 0],
  ]);
  expect(stageTimes(view.repeats[0], {}, 4).map(({ fraction }) => fraction)).toEqual([1, ...Array(7).fill(null)]);
});
