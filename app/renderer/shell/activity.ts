/** What runs now, for the status bar: long tasks, and runs with their stage. */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { ActiveRun } from "../../common/simulation.ts";
import type { Task } from "../../common/tasks.ts";
import { client, followStream } from "../client.ts";
import { notify, notifyError } from "./notifications.ts";
import { advanced, ended, type RunProgress } from "./progress.ts";

export type Activity = {
  /** Newest first. */
  tasks: readonly Task[];
  /** Oldest first. */
  runs: readonly ActiveRun[];
  /** How far the first of `runs` is. */
  progress: RunProgress | null;
  /** Moves whenever a list of runs may differ. */
  historyRevision: number;
};

export const activity = createStore<Activity>(() => ({ tasks: [], runs: [], progress: null, historyRevision: 0 }));

export function useActivity<Part>(pick: (state: Activity) => Part): Part {
  return useStore(activity, pick);
}

/** Returns the function that stops it. */
export function followActivity(): () => void {
  const onError = (error: Error) => notifyError(error);
  let stopProgress: (() => void) | null = null;
  let followed: string | null = null;

  const followRun = (runId: string | null) => {
    if (runId === followed) return;
    stopProgress?.();
    stopProgress = null;
    followed = runId;
    activity.setState({ progress: null });
    if (runId === null) return;
    let progress: RunProgress = { runId, stage: null, repeat: null, repeatsPlanned: 1, contact: null };
    let after = 0;
    stopProgress = followStream((signal) => client.simulation.events({ runId, after }, { signal }), {
      onItem: (update) => {
        after = update.number;
        progress = advanced(progress, update);
        activity.setState({ progress });
      },
      onError,
    });
  };

  let told = false;
  const stopTasks = followStream((signal) => client.tasks.watch(undefined, { signal }), {
    onItem: (tasks) => {
      // What had ended before this window was there is no news.
      if (told) for (const task of ended(activity.getState().tasks, tasks)) tell(task);
      told = true;
      activity.setState({ tasks });
    },
    onError,
  });
  const stopRuns = followStream((signal) => client.runs.watch(undefined, { signal }), {
    onItem: ({ revision }) => {
      activity.setState({ historyRevision: revision });
      client.simulation
        .active()
        .then((runs) => {
          activity.setState({ runs });
          followRun(runs.find(({ status }) => status.waiting === null)?.runId ?? runs[0]?.runId ?? null);
        })
        .catch(onError);
    },
    onError,
  });
  return () => {
    stopTasks();
    stopRuns();
    stopProgress?.();
  };
}

function tell({ id, title, state, error }: Task): void {
  const key = `task:${id}`;
  if (state === "succeeded") notify({ kind: "success", title: `${title}: ready`, key });
  else if (error !== null && error.code !== "cancelled") {
    notify({ kind: "error", title: error.message, message: error.hint, detail: error.detail, key });
  }
}
