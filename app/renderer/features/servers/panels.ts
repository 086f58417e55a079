import { IconCloudComputing } from "@tabler/icons-react";
import { lazily } from "../../shell/lazily.tsx";
import type { PanelDefinition } from "../../shell/panels.ts";

export const serversPanel: PanelDefinition = {
  id: "servers",
  title: "Evaluation servers",
  icon: IconCloudComputing,
  component: lazily(() => import("./servers-panel.tsx")),
  defaultPosition: "center",
  onRail: true,
};
