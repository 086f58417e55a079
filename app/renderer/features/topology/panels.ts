import { IconTopologyStar3 } from "@tabler/icons-react";
import { lazily } from "../../shell/lazily.tsx";
import type { PanelDefinition } from "../../shell/panels.ts";

export const topologyPanel: PanelDefinition = {
  id: "topology",
  title: "Topology",
  icon: IconTopologyStar3,
  component: lazily(() => import("./topology-panel.tsx")),
  defaultPosition: "right",
  onRail: true,
};
