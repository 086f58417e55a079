import { IconHistory } from "@tabler/icons-react";
import { lazily } from "../../shell/lazily.tsx";
import type { PanelDefinition } from "../../shell/panels.ts";

export const historyPanel: PanelDefinition = {
  id: "history",
  title: "History",
  icon: IconHistory,
  component: lazily(() => import("./history-panel.tsx")),
  defaultPosition: "center",
  onRail: true,
  firstFocus: '[data-run][tabindex="0"]',
  shortcut: "Ctrl+Shift+4",
};
