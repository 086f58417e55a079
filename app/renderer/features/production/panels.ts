import { IconScale } from "@tabler/icons-react";
import { lazy } from "react";
import type { PanelDefinition } from "../../shell/panels.ts";

export const productionPanel: PanelDefinition = {
  id: "production",
  title: "Validator source",
  icon: IconScale,
  component: lazy(() => import("./production-panel.tsx")),
  defaultPosition: "center",
  onRail: true,
  shortcut: "Ctrl+Shift+6",
};
