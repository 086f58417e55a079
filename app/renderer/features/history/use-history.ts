/** The one history of the window, kept up to date while a panel shows it. */
import { useEffect } from "react";
import { useStore } from "zustand";
import { client, useConnection } from "../../client.ts";
import { useActivity } from "../../shell/activity.ts";
import { createHistoryStore, type History } from "./history-store.ts";

export const history = createHistoryStore((input, options) => client.runs.list(input, options));

export function useHistory(): History {
  const revision = useActivity((state) => state.historyRevision);
  const { status } = useConnection();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a moved revision means that lists differ
  useEffect(() => {
    if (status === "connected") void history.refresh();
  }, [revision, status]);
  return useStore(history.store);
}
