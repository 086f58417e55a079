/** Followed runs, one stream each however many panels show them. */
import { useEffect, useState } from "react";
import { useStore } from "zustand";
import { client, followStream } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { activity, useActivity } from "../../shell/activity.ts";
import { notifyError } from "../../shell/notifications.ts";
import { selection, useSelection } from "../../shell/selection.ts";
import { createRunStore, type FollowedRun, type RunStore } from "./run-store.ts";

const followed = new Map<string, { run: RunStore; users: number }>();
/** So that a panel that is taken down and put up again finds its run still there. */
const KEPT_MS = 2000;

function acquire(runId: string): RunStore {
  let entry = followed.get(runId);
  if (entry === undefined) {
    entry = { run: createRunStore(runId, { client, followStream, nowMs: () => performance.now() }), users: 0 };
    followed.set(runId, entry);
  }
  return entry.run;
}

function retain(runId: string): () => void {
  acquire(runId);
  const entry = followed.get(runId);
  if (entry !== undefined) entry.users += 1;
  return () => {
    if (entry === undefined) return;
    entry.users -= 1;
    setTimeout(() => {
      if (entry.users > 0 || followed.get(runId) !== entry) return;
      entry.run.stop();
      followed.delete(runId);
    }, KEPT_MS);
  };
}

export function useRun(runId: string): FollowedRun & Pick<RunStore, "time"> {
  const run = acquire(runId);
  useEffect(() => retain(runId), [runId]);
  return { ...useStore(run.store), time: run.time };
}

/** Tries again after an error. */
export function retryRun(runId: string): void {
  const entry = followed.get(runId);
  entry?.run.stop();
  followed.delete(runId);
}

/** The run to show: the selected one, else one that runs, else the latest; null when there is none. */
export function useShownRunId(): { runId: string | null; isLoading: boolean } {
  const runId = useSelection((state) => state.runId);
  const revision = useActivity((state) => state.historyRevision);
  const [isLoading, setLoading] = useState(runId === null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a first run may begin while none is shown
  useEffect(() => {
    if (runId !== null) return;
    const find = async () => {
      const running = activity.getState().runs[0]?.runId ?? (await client.simulation.active())[0]?.runId;
      const found = running ?? (await client.runs.list({ limit: 1 })).runs[0]?.id ?? null;
      if (selection.getState().runId === null && found !== null) selection.setState({ runId: found });
    };
    find()
      .catch((thrown: unknown) => notifyError(asCrusaderError(thrown)))
      .finally(() => setLoading(false));
  }, [runId, revision]);
  return { runId, isLoading: isLoading && runId === null };
}

/** The window's clock in milliseconds, moving while `isMoving`. */
export function useNow(isMoving: boolean, everyMs = 250): number {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    if (!isMoving) return;
    const timer = setInterval(() => setNow(performance.now()), everyMs);
    return () => clearInterval(timer);
  }, [isMoving, everyMs]);
  return Math.max(now, isMoving ? 0 : performance.now());
}
