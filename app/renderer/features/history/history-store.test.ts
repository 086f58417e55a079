import { expect, test } from "vitest";
import type { Client } from "../../../common/contract.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { HistoryRun } from "../../../common/history.ts";
import { createHistoryStore } from "./history-store.ts";

const run = (id: number, note = "") => ({ id: String(id), note, bytes: 10 }) as HistoryRun;

function serving(state: { runs: HistoryRun[]; fails: boolean }) {
  const asked: number[] = [];
  const list = (async ({ limit = 0, offset = 0 }) => {
    asked.push(offset);
    if (state.fails) throw new CrusaderError("data_folder", "It cannot be read.");
    const runs = state.runs.slice(offset, offset + limit).map((served) => ({ ...served }));
    return { runs, total: state.runs.length, unreadable: [], baselineRunId: "2" };
  }) as Client["runs"]["list"];
  return { asked, ...createHistoryStore(list, 2) };
}

test("all pages make one list; unchanged runs stay the same objects", async () => {
  const state = { runs: [run(5), run(4), run(3), run(2), run(1)], fails: false };
  const { store, refresh, asked } = serving(state);
  expect(store.getState().status).toBe("loading");
  await refresh();
  expect(asked).toEqual([0, 2, 4]);
  const first = store.getState();
  expect(first).toMatchObject({ status: "ready", baselineRunId: "2", bytes: 50, error: null });
  expect(first.runs.map(({ id }) => id)).toEqual(["5", "4", "3", "2", "1"]);

  state.runs = [run(6), run(5), run(4, "noted"), run(3), run(2), run(1)];
  await refresh();
  const second = store.getState().runs;
  expect(second.map((found) => first.runs.includes(found))).toEqual([false, true, false, true, true, true]);
});

test("asked again while reading, it reads once more", async () => {
  const state = { runs: [run(1)], fails: false };
  const { store, refresh, asked } = serving(state);
  const reading = refresh();
  void refresh();
  void refresh();
  state.runs = [run(2), run(1)];
  await reading;
  expect(asked).toEqual([0, 0]);
  expect(store.getState().runs).toHaveLength(2);
});

test("a failure keeps what was read", async () => {
  const state = { runs: [run(1)], fails: true };
  const { store, refresh } = serving(state);
  await refresh();
  expect(store.getState()).toMatchObject({ status: "failed", error: { code: "data_folder" } });
  state.fails = false;
  await refresh();
  state.fails = true;
  await refresh();
  expect(store.getState()).toMatchObject({ status: "ready", error: { code: "data_folder" }, runs: [{ id: "1" }] });
});
