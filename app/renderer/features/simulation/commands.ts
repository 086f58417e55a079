/** What can be done about runs from anywhere in the window. */
import { client } from "../../client.ts";
import { activity } from "../../shell/activity.ts";
import type { Command } from "../../shell/commands.ts";
import { requestSimulation, selection } from "../../shell/selection.ts";
import { openFeature } from "../open-feature.ts";

/** Returns when nothing of it lives any more. `atOnce`: without waiting for the judge. */
export async function cancelRun(runId: string, atOnce = false): Promise<void> {
  await client.simulation.cancel({ runId, atOnce });
}

/** Has the shown target judged, as it is when it starts. */
export async function requestStart(): Promise<void> {
  const { target } = selection.getState();
  if (target === null) return;
  openFeature("simulation");
  requestSimulation(target);
}

const ownRun = () => activity.getState().runs.find(({ ownedHere }) => ownedHere);

export const simulationCommands: readonly Command[] = [
  {
    id: "simulation.start",
    title: "Simulate the active file",
    category: "Simulation",
    shortcuts: ["Ctrl+Enter"],
    when: () => selection.getState().target !== null,
    run: requestStart,
  },
  {
    id: "simulation.cancel",
    title: "Cancel the run",
    category: "Simulation",
    when: () => ownRun() !== undefined,
    run: async () => {
      const run = ownRun();
      if (run !== undefined) await cancelRun(run.runId);
    },
  },
];
