import { IconScale } from "@tabler/icons-react";
import { lazily } from "../../shell/lazily.tsx";
import type { PanelDefinition } from "../../shell/panels.ts";

export const productionPanel: PanelDefinition = {
  id: "production",
  title: "Validator source",
  icon: IconScale,
  component: lazily(() => import("./production-panel.tsx")),
  defaultPosition: "center",
  onRail: true,
  shortcut: "Ctrl+Shift+6",
};
