import { IconCloudComputing } from "@tabler/icons-react";
import { lazy } from "react";
import type { PanelDefinition } from "../../shell/panels.ts";

export const serversPanel: PanelDefinition = {
  id: "servers",
  title: "Evaluation servers",
  icon: IconCloudComputing,
  component: lazy(() => import("./servers-panel.tsx")),
  defaultPosition: "center",
  onRail: true,
};
