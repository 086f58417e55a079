import { IconGavel } from "@tabler/icons-react";
import { lazily } from "../../shell/lazily.tsx";
import type { PanelDefinition } from "../../shell/panels.ts";

export const resultPanel: PanelDefinition = {
  id: "result",
  title: "Result",
  icon: IconGavel,
  component: lazily(() => import("./result-panel.tsx")),
  defaultPosition: "right",
  onRail: true,
  shortcut: "Ctrl+Shift+3",
};
