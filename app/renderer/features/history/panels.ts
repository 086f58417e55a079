import { IconHistory } from "@tabler/icons-react";
import { lazy } from "react";
import type { PanelDefinition } from "../../shell/panels.ts";

export const historyPanel: PanelDefinition = {
  id: "history",
  title: "History",
  icon: IconHistory,
  component: lazy(() => import("./history-panel.tsx")),
  defaultPosition: "center",
  onRail: true,
  firstFocus: '[data-run][tabindex="0"]',
  shortcut: "Ctrl+Shift+4",
};
