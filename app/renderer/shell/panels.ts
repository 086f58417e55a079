/** The panels there are. Each feature adds its own in `features/panels.ts`; layout, rail, palette and menus follow. */
import type { Icon } from "@tabler/icons-react";
import type { ComponentType } from "react";

/** Where a panel opens when the layout does not know it yet. */
export type PanelPosition = "left" | "center" | "right" | "bottom";

export type PanelDefinition = {
  /** "simulation": the capability's name; also the panel's id in saved layouts. */
  id: string;
  title: string;
  icon: Icon;
  /** `lazily(() => import(...))`: a panel's code is loaded when it is first shown. */
  component: ComponentType;
  defaultPosition: PanelPosition;
  /** Shown on the rail at the left, in the order of the list. */
  onRail: boolean;
  /** Selects where the keyboard begins in it; absent: at the panel itself. */
  firstFocus?: string;
  /** Opens it, or brings it to the front. "Ctrl+Shift+E". */
  shortcut?: string;
};
