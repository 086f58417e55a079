import { IconServer2 } from "@tabler/icons-react";
import { lazily } from "../../shell/lazily.tsx";
import type { PanelDefinition } from "../../shell/panels.ts";

export const enginesPanel: PanelDefinition = {
  id: "engines",
  title: "Engines",
  icon: IconServer2,
  component: lazily(() => import("./engines-panel.tsx")),
  defaultPosition: "center",
  onRail: true,
  firstFocus: '[aria-current="true"], button',
  shortcut: "Ctrl+Shift+7",
};
