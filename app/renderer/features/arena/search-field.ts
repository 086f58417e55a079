/** The search is asked for from elsewhere, also before it is drawn. */
import { useEffect } from "react";
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";

const requests = createStore<{ isWanted: boolean }>(() => ({ isWanted: false }));

export function goToSearch(): void {
  requests.setState({ isWanted: true });
}

/** Calls `focus` for each request until it says that it could. */
export function useSearchRequests(focus: () => boolean): void {
  const isWanted = useStore(requests, (state) => state.isWanted);
  useEffect(() => {
    if (isWanted && focus()) requests.setState({ isWanted: false });
  });
}
