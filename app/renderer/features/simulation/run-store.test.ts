import { expect, test, vi } from "vitest";
import { CrusaderError } from "../../../common/errors.ts";
import { samplePlan } from "../../../common/sample-runs.ts";
import type { RunUpdate } from "../../../common/simulation.ts";
import type { FollowHandlers } from "../../connection.ts";
import { createRunStore, type RunStoreOptions } from "./run-store.ts";

const update = (after: number, number: number, overrides: Partial<RunUpdate> = {}): RunUpdate => ({
  runId: "7",
  after,
  number,
  events: [],
  status: { state: "running", waiting: null, repeat: 0, repeatsPlanned: 1, cancelling: false, contact: null },
  outputBytes: 0,
  result: null,
  recordProblem: null,
  ...overrides,
});

function following(check: () => Promise<unknown>) {
  let handlers: FollowHandlers<RunUpdate> | null = null;
  let open: ((signal: AbortSignal) => unknown) | null = null;
  const events = vi.fn();
  const client = {
    simulation: { events, check },
    runs: { show: async () => ({ plan: samplePlan({ runId: "7" }) }) },
  } as unknown as RunStoreOptions["client"];
  const stop = vi.fn();
  const run = createRunStore("7", {
    client,
    nowMs: () => 1000,
    followStream: (opened, given) => {
      open = opened;
      handlers = given;
      return stop;
    },
  });
  const { signal } = new AbortController();
  return {
    run,
    events,
    stop,
    say: (next: RunUpdate) => handlers?.onItem(next),
    fail: (error: CrusaderError) => handlers?.onError(error),
    reopen: () => open?.(signal),
  };
}

test("a stream that is opened again goes on where the view stands", async () => {
  const { run, events, say, reopen } = following(async () => ({ expectedStageSeconds: { timed: 4 } }));
  reopen();
  say(update(0, 12));
  say(update(12, 15, { outputBytes: 99 }));
  reopen();
  expect(events.mock.calls.map(([input]) => input)).toEqual([
    { runId: "7", after: 0 },
    { runId: "7", after: 15 },
  ]);
  await vi.waitFor(() => expect(run.store.getState().expected).toEqual({ timed: 4 }));
  expect(run.store.getState()).toMatchObject({ plan: { runId: "7" }, view: { number: 15, outputBytes: 99 } });
});

test("without a forecast the run is followed all the same", async () => {
  const { run, say, stop } = following(async () => {
    throw new CrusaderError("invalid_profile", "It is gone.");
  });
  say(update(0, 3));
  await vi.waitFor(() => expect(run.store.getState().plan).not.toBeNull());
  expect(run.store.getState()).toMatchObject({ error: null, expected: {} });
  run.stop();
  expect(stop).toHaveBeenCalledOnce();
});

test("an error stands until the stream speaks again", () => {
  const { run, say, fail } = following(async () => ({ expectedStageSeconds: {} }));
  fail(new CrusaderError("invalid_record", "Damaged."));
  expect(run.store.getState().error?.message).toBe("Damaged.");
  say(update(0, 1));
  expect(run.store.getState().error).toBeNull();
});
