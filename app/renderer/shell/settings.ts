/** The settings of the person, as the services keep them; changed at once here, and for good when they say so. */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { Settings, SettingsChange } from "../../common/settings.ts";
import { client, followStream } from "../client.ts";
import { notifyError } from "./notifications.ts";

/** Null until the services have told them. */
export const settings = createStore<{ current: Settings | null }>(() => ({ current: null }));

/** Only below the part of the window that waits for the settings. */
export function useSettings<Part>(pick: (current: Settings) => Part): Part {
  return useStore(settings, ({ current }) => {
    if (current === null) throw new Error("The settings are not there yet.");
    return pick(current);
  });
}

export async function changeSettings(change: SettingsChange): Promise<void> {
  const { current } = settings.getState();
  if (current !== null) settings.setState({ current: Object.assign({ ...current }, change) });
  try {
    await client.settings.change(change);
  } catch (thrown) {
    notifyError(thrown, "The setting holds until the window closes, but could not be saved.");
  }
}

/** Keeps a small choice of one panel: columns, sort order, open tabs. */
export function savePanelSetting(name: string, value: unknown): void {
  const panels = settings.getState().current?.panels ?? {};
  void changeSettings({ panels: { ...panels, [name]: value } });
}

export function panelSetting(name: string): unknown {
  return settings.getState().current?.panels[name];
}

/** Returns the function that stops it. */
export function followSettings(): () => void {
  return followStream((signal) => client.settings.watch(undefined, { signal }), {
    onItem: (current) => settings.setState({ current }),
    onError: (error) => notifyError(error),
  });
}
