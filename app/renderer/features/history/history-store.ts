/** All runs of the history, read in pages and again whenever something about them moved. Knows nothing of React. */
import { createStore, type StoreApi } from "zustand/vanilla";
import type { Client } from "../../../common/contract.ts";
import type { CrusaderError } from "../../../common/errors.ts";
import { type HistoryPage, type HistoryRun, MAX_RUNS_PER_PAGE } from "../../../common/history.ts";
import { asCrusaderError } from "../../connection.ts";
import { mergePages } from "./run-table.ts";

export type History = {
  /** Newest first. */
  runs: readonly HistoryRun[];
  unreadable: HistoryPage["unreadable"];
  baselineRunId: string | null;
  /** Of all run folders. */
  bytes: number;
  /** `loading` only before the first answer; later the old list stays until the new one is there. */
  status: "loading" | "ready" | "failed";
  error: CrusaderError | null;
};

export type HistoryStore = {
  store: StoreApi<History>;
  /** Reads again; while it reads already, once more after that. */
  refresh: () => Promise<void>;
};

export function createHistoryStore(list: Client["runs"]["list"], pageSize = MAX_RUNS_PER_PAGE): HistoryStore {
  const store = createStore<History>(() => ({
    runs: [],
    unreadable: [],
    baselineRunId: null,
    bytes: 0,
    status: "loading",
    error: null,
  }));
  let reading: Promise<void> | null = null;
  let again = false;

  const readAll = async () => {
    const pages: HistoryPage[] = [];
    let total = Number.POSITIVE_INFINITY;
    for (let offset = 0; offset < total; offset += pageSize) {
      const page = await list({ limit: pageSize, offset });
      pages.push(page);
      total = page.total;
      // The first page is shown at once; the rest of a long history follows.
      if (offset === 0 && store.getState().status === "loading") show([page]);
      if (page.runs.length === 0) break;
    }
    show(pages);
  };
  const show = (pages: readonly HistoryPage[]) => {
    const last = pages.at(-1);
    if (last === undefined) return;
    const runs = keepUnchanged(store.getState().runs, mergePages(pages.map((page) => page.runs)));
    store.setState({
      runs,
      unreadable: last.unreadable,
      baselineRunId: last.baselineRunId,
      bytes: [...runs, ...last.unreadable].reduce((sum, { bytes }) => sum + bytes, 0),
      status: "ready",
      error: null,
    });
  };
  const refresh = async () => {
    if (reading !== null) {
      again = true;
      return reading;
    }
    reading = (async () => {
      do {
        again = false;
        try {
          await readAll();
        } catch (thrown) {
          const { status } = store.getState();
          store.setState({ status: status === "loading" ? "failed" : status, error: asCrusaderError(thrown) });
        }
      } while (again);
      reading = null;
    })();
    return reading;
  };
  return { store, refresh };
}

/** Runs that are as they were stay the same objects, so that rows and searched texts need not be made again. */
function keepUnchanged(before: readonly HistoryRun[], after: readonly HistoryRun[]): HistoryRun[] {
  const known = new Map(before.map((run) => [run.id, run]));
  return after.map((run) => {
    const old = known.get(run.id);
    return old !== undefined && JSON.stringify(old) === JSON.stringify(run) ? old : run;
  });
}
