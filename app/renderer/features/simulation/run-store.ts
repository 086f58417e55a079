/** A followed run as a store: fed by the numbered stream, resumed where it stood. Knows nothing of React or sockets. */
import { createStore, type StoreApi } from "zustand/vanilla";
import type { Client } from "../../../common/contract.ts";
import type { CrusaderError } from "../../../common/errors.ts";
import type { Plan } from "../../../common/runs.ts";
import type { RunUpdate } from "../../../common/simulation.ts";
import { asCrusaderError, type FollowHandlers } from "../../connection.ts";
import {
  applyUpdate,
  emptyRunView,
  isOver,
  type RunTime,
  type RunView,
  runTime,
  type StageSeconds,
} from "./run-view.ts";

export type FollowedRun = {
  view: RunView;
  /** Null until it was read. */
  plan: Plan | null;
  /** From earlier runs like it; empty where there are none. */
  expected: StageSeconds;
  /** Why it cannot be followed. */
  error: CrusaderError | null;
};

export type RunStoreOptions = {
  client: {
    simulation: Pick<Client["simulation"], "events" | "check">;
    runs: Pick<Client["runs"], "show">;
  };
  followStream: (
    open: (signal: AbortSignal) => Promise<AsyncIterable<RunUpdate>>,
    handlers: FollowHandlers<RunUpdate>,
  ) => () => void;
  nowMs: () => number;
};

export type RunStore = {
  store: StoreApi<FollowedRun>;
  /** How far it is now; what it says never goes back. */
  time: (nowMs: number) => RunTime;
  stop: () => void;
};

export function createRunStore(runId: string, { client, followStream, nowMs }: RunStoreOptions): RunStore {
  const store = createStore<FollowedRun>(() => ({ view: emptyRunView(runId), plan: null, expected: {}, error: null }));
  let floor: number | null = null;

  let reading = false;
  const readPlan = async () => {
    if (reading) return;
    reading = true;
    try {
      const { plan } = await client.runs.show({ runId });
      store.setState({ plan });
      if (isOver(store.getState().view)) return;
      const { profile, numRanks, backend, sandbox } = plan;
      const options = { profile: profile.name, numRanks, backend, sandbox };
      const { expectedStageSeconds } = await client.simulation.check(options);
      store.setState({ expected: expectedStageSeconds });
    } catch (thrown) {
      // Without a plan the run is unknown; without a forecast only its remaining time is.
      if (store.getState().plan === null) store.setState({ error: asCrusaderError(thrown) });
    } finally {
      reading = false;
    }
  };

  const stop = followStream(
    (signal) => client.simulation.events({ runId, after: store.getState().view.number }, { signal }),
    {
      onItem: (update) => {
        store.setState(({ view }) => ({ view: applyUpdate(view, update, nowMs()), error: null }));
        if (store.getState().plan === null) void readPlan();
      },
      onError: (error) => store.setState({ error }),
    },
  );
  void readPlan();

  return {
    store,
    time: (now) => {
      const { view, expected } = store.getState();
      const time = runTime(view, expected, now, floor);
      floor = time.fraction;
      return time;
    },
    stop,
  };
}
