import { IconGavel } from "@tabler/icons-react";
import { lazy } from "react";
import type { PanelDefinition } from "../../shell/panels.ts";

export const resultPanel: PanelDefinition = {
  id: "result",
  title: "Result",
  icon: IconGavel,
  component: lazy(() => import("./result-panel.tsx")),
  defaultPosition: "right",
  onRail: true,
  shortcut: "Ctrl+Shift+3",
};
