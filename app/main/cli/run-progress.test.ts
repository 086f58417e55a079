import { expect, test } from "vitest";
import type { Event, Stage } from "../../common/events.ts";
import { RunProgress } from "./run-progress.ts";

/** A run on a clock that is set by hand. */
function run(expected: Partial<Record<Stage, number>>) {
  let now = 100;
  const progress = new RunProgress(expected, () => now);
  const header = { v: 1, seq: 0, t: 0 } as const;
  let stageStartedAt = now;
  const say = (event: Event) => progress.take(event);
  return {
    progress,
    wait(seconds: number) {
      now += seconds;
      return progress.fraction;
    },
    begin(stage: Stage) {
      stageStartedAt = now;
      say({ ...header, type: "stage", stage, state: "running", seconds: null });
    },
    end: (stage: Stage) => say({ ...header, type: "stage", stage, state: "passed", seconds: now - stageStartedAt }),
    step: (stage: Stage, done: number, total: number) =>
      say({ ...header, type: "progress", stage, done, total, unit: "steps" }),
  };
}

test("without earlier runs: nothing until steps are counted, then the timed run counts as long as the reference", () => {
  const { progress, begin, end, step, wait } = run({});
  begin("prepare");
  expect(wait(4)).toBeNull();
  end("prepare");
  begin("reference");
  expect(wait(1)).toBeNull();
  expect(progress.detail).toBe("reference");
  step("reference", 2, 20);
  // 5 s are over; the reference takes 10 s, 9 of them to come, and the timed run 10 s more.
  expect(progress.fraction).toBeCloseTo(5 / 24, 9);
  expect(progress.detail).toBe("reference 2 of 20");
  wait(5);
  end("reference");
  begin("timed");
  wait(1);
  step("timed", 4, 20);
  // 11 s are over; the timed run takes 5 s, 4 of them to come.
  expect(progress.fraction).toBeCloseTo(11 / 15, 9);
});

test("with earlier runs: their times at once, at this run's pace, and never back", () => {
  const { progress, begin, end, step, wait } = run({ prepare: 4, reference: 10, timed: 6 });
  begin("prepare");
  expect(wait(2)).toBeCloseTo(2 / 20, 9);
  wait(2);
  end("prepare");
  begin("reference");
  expect(wait(5)).toBeCloseTo(9 / 20, 9);
  // Twice as slow as the earlier ones: the timed run will be, too. The bar stands still.
  step("reference", 5, 20);
  expect(progress.fraction).toBeCloseTo(9 / 20, 9);
  wait(15);
  end("reference");
  begin("timed");
  expect(wait(11)).toBeCloseTo(35 / 36, 9);
  expect(wait(1000)).toBe(0.99);
});
