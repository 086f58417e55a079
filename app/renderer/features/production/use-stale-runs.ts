/** Runs that were made under other rules than those in force, with what differs. */
import { useMemo } from "react";
import { useStore } from "zustand";
import { client } from "../../client.ts";
import { useActivity } from "../../shell/activity.ts";
import { production } from "./production-store.ts";
import { useLoaded } from "./use-loaded.ts";

/** By the run's number. Empty while it is not known. */
export function useStaleRuns(): ReadonlyMap<string, readonly string[]> {
  const revision = useActivity(({ historyRevision }) => historyRevision);
  const rules = useStore(production, ({ status }) => status?.inForce.policySha256 ?? "");
  const profile = useStore(production, ({ status }) => status?.inForce.productionProfile ?? "");
  const { value } = useLoaded(`${revision} ${rules} ${profile}`, (signal) =>
    client.production.staleRuns(undefined, { signal }),
  );
  return useMemo(() => new Map((value ?? []).map(({ runId, reasons }) => [runId, reasons])), [value]);
}
