import { IconPlayerPlay } from "@tabler/icons-react";
import { lazily } from "../../shell/lazily.tsx";
import type { PanelDefinition } from "../../shell/panels.ts";

export const simulationPanel: PanelDefinition = {
  id: "simulation",
  title: "Simulation",
  icon: IconPlayerPlay,
  component: lazily(() => import("./simulation-panel.tsx")),
  defaultPosition: "bottom",
  onRail: true,
  shortcut: "Ctrl+Shift+2",
};
