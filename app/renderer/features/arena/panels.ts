import { IconTrophy } from "@tabler/icons-react";
import { loadedAtOnce } from "../../shell/lazily.tsx";
import type { PanelDefinition } from "../../shell/panels.ts";

export const arenaPanel: PanelDefinition = {
  id: "arena",
  title: "Arena",
  icon: IconTrophy,
  component: loadedAtOnce(() => import("./arena-panel.tsx"), "Loading Arena"),
  defaultPosition: "center",
  onRail: true,
  firstFocus: '[data-submission][tabindex="0"]',
  shortcut: "Ctrl+Shift+9",
};
