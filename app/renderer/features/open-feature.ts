/** Brings a feature's panel to the front, from anywhere. */
import { openPanel } from "../shell/layout.ts";
import { PANELS } from "./panels.ts";

export function openFeature(id: string): void {
  openPanel(PANELS, id);
}
