import { IconSend } from "@tabler/icons-react";
import { lazily } from "../../shell/lazily.tsx";
import type { PanelDefinition } from "../../shell/panels.ts";

export const submissionPanel: PanelDefinition = {
  id: "submission",
  title: "Submit",
  icon: IconSend,
  component: lazily(() => import("./submission-panel.tsx")),
  defaultPosition: "center",
  onRail: true,
  firstFocus: "button, input",
  shortcut: "Ctrl+Shift+8",
};
