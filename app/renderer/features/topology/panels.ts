import { IconTopologyStar3 } from "@tabler/icons-react";
import { lazy } from "react";
import type { PanelDefinition } from "../../shell/panels.ts";

export const topologyPanel: PanelDefinition = {
  id: "topology",
  title: "Topology",
  icon: IconTopologyStar3,
  component: lazy(() => import("./topology-panel.tsx")),
  defaultPosition: "right",
  onRail: true,
};
