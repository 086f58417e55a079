import { IconGitCompare } from "@tabler/icons-react";
import { lazily } from "../../shell/lazily.tsx";
import type { PanelDefinition } from "../../shell/panels.ts";

export const comparePanel: PanelDefinition = {
  id: "compare",
  title: "Compare",
  icon: IconGitCompare,
  component: lazily(() => import("./compare-panel.tsx")),
  defaultPosition: "center",
  onRail: true,
  shortcut: "Ctrl+Shift+5",
};
