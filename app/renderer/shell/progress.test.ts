import { expect, test } from "vitest";
import type { Stage } from "../../common/events.ts";
import type { RunUpdate } from "../../common/simulation.ts";
import type { Task } from "../../common/tasks.ts";
import { advanced, ended, type RunProgress, runFraction } from "./progress.ts";

const start: RunProgress = { runId: "7", stage: null, repeat: null, repeatsPlanned: 1, contact: null };

function update(repeat: number, ...stages: [Stage, "running" | "passed"][]): RunUpdate {
  return {
    runId: "7",
    after: 0,
    number: stages.length,
    events: stages.map(([stage, state], index) => ({
      number: index + 1,
      repeat,
      event: { v: 1, seq: index, t: index, type: "stage", stage, state, seconds: state === "running" ? null : 1 },
    })),
    status: { state: "running", waiting: null, repeat, repeatsPlanned: 2, cancelling: false, contact: null },
    outputBytes: 0,
    result: null,
    recordProblem: null,
  };
}

test("knows the stage a run is in, also while nothing new is told", () => {
  const first = advanced(start, update(0, ["scan", "running"], ["scan", "passed"], ["reference", "running"]));
  expect(first).toEqual({ runId: "7", stage: "reference", repeat: 0, repeatsPlanned: 2, contact: null });
  expect(advanced(first, update(1))).toEqual({ ...first, repeat: 1 });
});

test("counts stages of all repeats, and nothing before the first", () => {
  expect([
    runFraction(start),
    runFraction({ runId: "7", stage: "import", repeat: 0, repeatsPlanned: 1, contact: null }),
    runFraction({ runId: "7", stage: "import", repeat: 1, repeatsPlanned: 2, contact: null }),
  ]).toEqual([null, 0.5, 0.75]);
});

test("tells the tasks that ended, not those that had ended before", () => {
  const task = (id: string, state: Task["state"]): Task => ({
    id,
    kind: "python_setup",
    title: "Python environment",
    state,
    detail: "",
    fraction: null,
    startedAt: "2026-01-01T00:00:00Z",
    finishedAt: null,
    error: null,
  });
  const before = [task("1", "failed"), task("2", "running"), task("3", "running")];
  const after = [task("1", "failed"), task("2", "succeeded"), task("3", "running"), task("4", "cancelled")];
  expect(ended(before, after).map(({ id }) => id)).toEqual(["2", "4"]);
});
