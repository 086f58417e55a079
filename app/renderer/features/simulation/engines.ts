/** The container engines there are, as they were when somebody last looked. */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import { client } from "../../client.ts";
import type { Choice } from "./choice.ts";
import type { Engines } from "./places.ts";

const found = createStore<{ engines: Engines | null }>(() => ({ engines: null }));

/** Null: nobody has looked yet. */
export function useEngines(): Engines | null {
  return useStore(found, ({ engines }) => engines);
}

/** Asks each whether it answers. */
export async function loadEngines(): Promise<Engines> {
  const engines = await client.engines.list();
  found.setState({ engines });
  return engines;
}

/** The name of the one chosen: where none was, of the one that the docker command uses. */
export async function chosenEngine({ container }: Choice): Promise<string> {
  return container?.engine ?? (await loadEngines()).find(({ current }) => current)?.name ?? "default";
}
