import { IconServer } from "@tabler/icons-react";
import { lazy } from "react";
import type { PanelDefinition } from "../../shell/panels.ts";

export const serversPanel: PanelDefinition = {
  id: "servers",
  title: "Evaluation servers",
  icon: IconServer,
  component: lazy(() => import("./servers-panel.tsx")),
  defaultPosition: "center",
  onRail: true,
};
