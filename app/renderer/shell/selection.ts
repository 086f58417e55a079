/** What the panels show together: the file to judge next, and the run to look at. Kept for the session. */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { Target } from "../../common/simulation.ts";

export type ShownTarget = {
  target: Target;
  /** File name, for people. */
  title: string;
  /** Tells equal files apart: their folder. */
  origin: string;
  /** Brings it up to date before it is judged: what was typed since is saved. */
  refresh?: () => Promise<ShownTarget>;
};

/** What is judged when it starts now. */
export async function freshTarget(shown: ShownTarget): Promise<Target> {
  const { target } = shown.refresh === undefined ? shown : await shown.refresh();
  return target;
}

export type Selection = {
  /** What the simulation panel would judge: the file of the active editor, or what was picked elsewhere. */
  target: ShownTarget | null;
  /** The run that simulation and result panel show. */
  runId: string | null;
  /** The second run, when two are compared. */
  comparedRunId: string | null;
  /** Set by `requestSimulation`; the simulation panel takes it with `takeStartRequest` and starts. */
  startRequested: boolean;
};

export const selection = createStore<Selection>(() => ({
  target: null,
  runId: null,
  comparedRunId: null,
  startRequested: false,
}));

export function useSelection<Part>(pick: (state: Selection) => Part): Part {
  return useStore(selection, pick);
}

/** Asks the simulation panel to start with `target`, as soon as it is there to do so. */
export function requestSimulation(target: ShownTarget): void {
  selection.setState({ target, startRequested: true });
}

/** True once for each request. */
export function takeStartRequest(): boolean {
  const { startRequested } = selection.getState();
  if (startRequested) selection.setState({ startRequested: false });
  return startRequested;
}
