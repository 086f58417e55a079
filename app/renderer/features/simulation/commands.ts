/** What can be done about runs from anywhere in the window. */
import { createStore } from "zustand/vanilla";
import { client } from "../../client.ts";
import { activity } from "../../shell/activity.ts";
import { type Command, matchesShortcut, runCommand } from "../../shell/commands.ts";
import { isMac } from "../../shell/platform.ts";
import { requestSimulation, selection } from "../../shell/selection.ts";
import { openFeature, showFeature } from "../open-feature.ts";
import { currentChoice } from "./choice.ts";

/** Whether the dialog with the commands of the chosen run is open; the start form shows it. */
export const byHand = createStore<{ open: boolean }>(() => ({ open: false }));

/** Returns when nothing of it lives any more. `atOnce`: without waiting for the judge. */
export async function cancelRun(runId: string, atOnce = false): Promise<void> {
  await client.simulation.cancel({ runId, atOnce });
}

/** Has the shown target judged, as it is when it starts. */
export async function requestStart(): Promise<void> {
  const { target } = selection.getState();
  if (target === null) return;
  // The text goes on being edited meanwhile.
  showFeature("simulation");
  requestSimulation(target);
}

/** On fields that use the Enter key themselves. */
export function startOnShortcut(event: React.KeyboardEvent): void {
  if (!matchesShortcut(START_SHORTCUT, event, isMac)) return;
  event.preventDefault();
  event.stopPropagation();
  runCommand("simulation.start");
}

const START_SHORTCUT = "Ctrl+Enter";
const ownRun = () => activity.getState().runs.find(({ ownedHere }) => ownedHere);

export const simulationCommands: readonly Command[] = [
  {
    id: "simulation.start",
    title: "Simulate the active file",
    category: "Simulation",
    shortcuts: [START_SHORTCUT],
    when: () => selection.getState().target !== null,
    run: requestStart,
  },
  {
    id: "simulation.commands",
    title: "Show the docker commands of the run",
    category: "Simulation",
    when: () => selection.getState().target !== null && currentChoice()?.backend === "docker",
    run: () => {
      openFeature("simulation");
      byHand.setState({ open: true });
    },
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
