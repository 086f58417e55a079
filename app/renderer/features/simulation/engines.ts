/** The container engines there are, as they were when somebody last looked. */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import { client } from "../../client.ts";
import type { Engines } from "./places.ts";

const found = createStore<{ engines: Engines | null }>(() => ({ engines: null }));

/** Null: nobody has looked yet. */
export function useEngines(): Engines | null {
  return useStore(found, ({ engines }) => engines);
}

/** Asks each whether it answers. */
export async function loadEngines(): Promise<void> {
  found.setState({ engines: await client.engines.list() });
}
