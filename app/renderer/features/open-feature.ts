/** Brings a feature's panel to the front, from anywhere. */
import { openPanel, showPanel } from "../shell/layout.ts";
import { PANELS } from "./panels.ts";

/** And goes there. */
export function openFeature(id: string): void {
  openPanel(PANELS, id);
}

/** For what goes on elsewhere: the keyboard stays where it is. */
export function showFeature(id: string): void {
  showPanel(PANELS, id);
}
