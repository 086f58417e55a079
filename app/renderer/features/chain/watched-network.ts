/**
 * The network that the window works with: that of the submission, from the moment its panel is first shown. Before that
 * nothing is connected to, and nothing shown.
 */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { Network } from "../../../common/chain.ts";

const watched = createStore<{ network: Network | null }>(() => ({ network: null }));

export function watchNetwork(network: Network): void {
  watched.setState({ network });
}

/** Null: none yet. */
export function useWatchedNetwork(): Network | null {
  return useStore(watched, ({ network }) => network);
}
