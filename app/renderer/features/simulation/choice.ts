/** What the next run is judged by, and where. Chosen in the title bar or the form, and kept in the settings. */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { Settings } from "../../../common/settings.ts";
import { changeSettings, settings, useSettings } from "../../shell/settings.ts";

export type Choice = Settings["simulation"];

/** Null until something was chosen in this window: then another window's choice is not this one's. */
const chosen = createStore<{ current: Choice | null }>(() => ({ current: null }));

export function useChoice(): Choice {
  const saved = useSettings(({ simulation }) => simulation);
  return useStore(chosen, ({ current }) => current) ?? saved;
}

/** Null before the settings are there. */
export function currentChoice(): Choice | null {
  return chosen.getState().current ?? settings.getState().current?.simulation ?? null;
}

export function choose(change: Partial<Choice>): void {
  const before = currentChoice();
  if (before === null) return;
  const current = { ...before, ...change };
  chosen.setState({ current });
  void changeSettings({ simulation: current });
}
