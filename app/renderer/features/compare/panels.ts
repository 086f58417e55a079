import { IconGitCompare } from "@tabler/icons-react";
import { lazy } from "react";
import type { PanelDefinition } from "../../shell/panels.ts";

export const comparePanel: PanelDefinition = {
  id: "compare",
  title: "Compare",
  icon: IconGitCompare,
  component: lazy(() => import("./compare-panel.tsx")),
  defaultPosition: "center",
  onRail: true,
  shortcut: "Ctrl+Shift+5",
};
