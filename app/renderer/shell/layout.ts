/**
 * Where the panels are. The docking library holds the arrangement; this opens panels, keeps the arrangement in the
 * settings and knows the built-in ones.
 */
import type { DockviewApi, SerializedDockview } from "dockview-react";
import { createStore } from "zustand/vanilla";
import { focusPanel } from "./focus.ts";
import type { PanelDefinition, PanelPosition } from "./panels.ts";

/** A built-in arrangement: which panels are open, and which is in front of each place. */
export type Arrangement = { title: string; panels: readonly string[]; front: readonly string[] };

export const ARRANGEMENTS: Readonly<Record<string, Arrangement>> = {
  everything: {
    title: "Edit and simulate",
    panels: ["explorer", "editor", "problems", "simulation", "result", "topology"],
    front: ["simulation", "result", "editor"],
  },
  edit: { title: "Edit only", panels: ["explorer", "editor", "problems"], front: ["editor"] },
  understand: {
    title: "Understand a run",
    panels: ["editor", "simulation", "result", "history"],
    front: ["simulation", "result"],
  },
  history: { title: "History and compare", panels: ["history", "compare", "result"], front: ["history"] },
};
export const DEFAULT_ARRANGEMENT = "everything";

/** The docking library's name for what shows a panel; the panel's id tells which. */
export const PANEL_COMPONENT = "panel";

/** Shares of the window. */
const LEFT_WIDTH = 0.17;
const RIGHT_WIDTH = 0.3;
const BOTTOM_HEIGHT = 0.38;

export const layout = createStore<{
  api: DockviewApi | null;
  /** The panel in front. */
  activePanelId: string | null;
  openPanelIds: readonly string[];
}>(() => ({ api: null, activePanelId: null, openPanelIds: [] }));

/** True when every panel it names still exists; one that names others was saved by another version. */
export function isUsableLayout(saved: unknown, panelIds: readonly string[]): saved is SerializedDockview {
  const { panels, grid } = (saved ?? {}) as { panels?: unknown; grid?: unknown };
  if (typeof panels !== "object" || panels === null || typeof grid !== "object" || grid === null) return false;
  const named = Object.keys(panels);
  return named.length > 0 && named.every((id) => panelIds.includes(id));
}

/** Opens a panel where it belongs, or brings it to the front; the keyboard stays where it is. */
export function showPanel(panels: readonly PanelDefinition[], id: string): void {
  const { api } = layout.getState();
  const definition = panels.find((panel) => panel.id === id);
  if (api === null || definition === undefined) return;
  const open = api.getPanel(id);
  if (open === undefined) add(api, panels, definition);
  else open.api.setActive();
  api.getPanel(id)?.focus();
}

/** Shows a panel and goes there. */
export function openPanel(panels: readonly PanelDefinition[], id: string): void {
  showPanel(panels, id);
  focusPanel(id);
}

export function closePanel(id: string): void {
  layout.getState().api?.getPanel(id)?.api.close();
}

export function arrange(panels: readonly PanelDefinition[], { panels: wanted, front }: Arrangement): void {
  const { api } = layout.getState();
  if (api === null) return;
  api.clear();
  // The centre first: the others are placed around it.
  const order: PanelPosition[] = ["center", "left", "right", "bottom"];
  const found = wanted.flatMap((id) => panels.find((panel) => panel.id === id) ?? []);
  for (const position of order) {
    for (const panel of found) if (panel.defaultPosition === position) add(api, panels, panel);
  }
  // Each new place takes from its neighbours: sizes hold only once all are there.
  for (const { id, defaultPosition } of found) {
    const group = api.getPanel(id)?.group.api;
    if (defaultPosition === "left") group?.setSize({ width: api.width * LEFT_WIDTH });
    if (defaultPosition === "right") group?.setSize({ width: api.width * RIGHT_WIDTH });
    if (defaultPosition === "bottom") group?.setSize({ height: api.height * BOTTOM_HEIGHT });
  }
  for (const id of front) api.getPanel(id)?.api.setActive();
}

function add(api: DockviewApi, panels: readonly PanelDefinition[], { id, title, defaultPosition }: PanelDefinition) {
  const panel = { id, title, component: PANEL_COMPONENT };
  const neighbour = panels.find(
    (other) => other.id !== id && other.defaultPosition === defaultPosition && api.getPanel(other.id) !== undefined,
  );
  if (neighbour !== undefined) {
    api.addPanel({ ...panel, position: { referencePanel: neighbour.id, direction: "within" } });
    return;
  }
  const centre = panels.find((other) => other.defaultPosition === "center" && api.getPanel(other.id) !== undefined);
  if (defaultPosition === "left") {
    api.addPanel({ ...panel, position: { direction: "left" }, initialWidth: api.width * LEFT_WIDTH });
  } else if (defaultPosition === "right") {
    api.addPanel({ ...panel, position: { direction: "right" }, initialWidth: api.width * RIGHT_WIDTH });
  } else if (defaultPosition === "bottom" && centre !== undefined) {
    const initialHeight = api.height * BOTTOM_HEIGHT;
    api.addPanel({ ...panel, position: { referencePanel: centre.id, direction: "below" }, initialHeight });
  } else api.addPanel(panel);
}
