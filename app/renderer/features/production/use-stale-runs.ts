/** Runs that were made under other rules than those in force, with what differs. */
import { useMemo } from "react";
import { client } from "../../client.ts";
import { useActivity } from "../../shell/activity.ts";
import { useProduction } from "./production-store.ts";
import { useLoaded } from "./use-loaded.ts";

/** By the run's number; of `runIds`, or of all. Empty while it is not known. */
export function useStaleRuns(runIds?: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const revision = useActivity(({ historyRevision }) => historyRevision);
  const { status } = useProduction();
  const { policySha256 = "", productionProfile = "", appliedAt = "" } = status?.inForce ?? {};
  const key = [revision, policySha256, productionProfile, appliedAt, ...(runIds ?? ["all"])].join(" ");
  const { value } = useLoaded(key, (signal) =>
    client.production.staleRuns(runIds === undefined ? {} : { runIds: [...runIds] }, { signal }),
  );
  return useMemo(() => new Map((value ?? []).map(({ runId, reasons }) => [runId, reasons])), [value]);
}
