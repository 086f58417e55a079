/** What this machine has, read once and again whenever a task may have changed it. */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { Machine } from "../../common/machine.ts";
import { client } from "../client.ts";
import { asCrusaderError } from "../connection.ts";
import { activity } from "./activity.ts";
import { ended } from "./progress.ts";

type State = { machine: Machine | null; error: Error | null };

export const machineState = createStore<State>(() => ({ machine: null, error: null }));

export function useMachine(): State {
  return useStore(machineState);
}

export async function readMachine(): Promise<void> {
  try {
    machineState.setState({ machine: await client.machine.read(), error: null });
  } catch (thrown) {
    machineState.setState({ error: asCrusaderError(thrown) });
  }
}

/** Begins to make the Python environment; the status bar shows how far it is. */
export async function setUpPython(): Promise<void> {
  await client.machine.setup({});
}

/** Returns the function that stops it. */
export function followMachine(): () => void {
  void readMachine();
  return activity.subscribe((after, before) => {
    if (ended(before.tasks, after.tasks).length > 0) void readMachine();
  });
}
