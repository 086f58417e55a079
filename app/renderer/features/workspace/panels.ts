import { IconFiles } from "@tabler/icons-react";
import { lazily } from "../../shell/lazily.tsx";
import type { PanelDefinition } from "../../shell/panels.ts";

export const explorerPanel: PanelDefinition = {
  id: "explorer",
  title: "Explorer",
  icon: IconFiles,
  component: lazily(() => import("./explorer.tsx")),
  defaultPosition: "left",
  onRail: true,
  firstFocus: "[data-entry]",
  shortcut: "Ctrl+Shift+E",
};
