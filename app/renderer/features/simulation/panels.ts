import { IconPlayerPlay } from "@tabler/icons-react";
import { lazy } from "react";
import type { PanelDefinition } from "../../shell/panels.ts";

export const simulationPanel: PanelDefinition = {
  id: "simulation",
  title: "Simulation",
  icon: IconPlayerPlay,
  component: lazy(() => import("./simulation-panel.tsx")),
  defaultPosition: "bottom",
  onRail: true,
  shortcut: "Ctrl+Shift+2",
};
