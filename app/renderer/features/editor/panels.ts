import { IconListCheck, IconPencil } from "@tabler/icons-react";
import { lazily } from "../../shell/lazily.tsx";
import type { PanelDefinition } from "../../shell/panels.ts";

export const editorPanel: PanelDefinition = {
  id: "editor",
  title: "Editor",
  icon: IconPencil,
  component: lazily(() => import("./editor-panel.tsx")),
  defaultPosition: "center",
  onRail: true,
  firstFocus: "[data-editor] [role=textbox]",
  shortcut: "Ctrl+Shift+1",
};

export const problemsPanel: PanelDefinition = {
  id: "problems",
  title: "Problems",
  icon: IconListCheck,
  component: lazily(() => import("./problems-panel.tsx")),
  defaultPosition: "bottom",
  onRail: false,
  firstFocus: "[data-problem]",
  shortcut: "Ctrl+Shift+M",
};
