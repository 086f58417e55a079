/** All panels of the window, in the order of the rail. */
import type { PanelDefinition } from "../shell/panels.ts";
import { arenaPanel } from "./arena/panels.ts";
import { comparePanel } from "./compare/panels.ts";
import { editorPanel, problemsPanel } from "./editor/panels.ts";
import { enginesPanel } from "./engines/panels.ts";
import { historyPanel } from "./history/panels.ts";
import { productionPanel } from "./production/panels.ts";
import { resultPanel } from "./result/panels.ts";
import { serversPanel } from "./servers/panels.ts";
import { simulationPanel } from "./simulation/panels.ts";
import { submissionPanel } from "./submission/panels.ts";
import { topologyPanel } from "./topology/panels.ts";
import { explorerPanel } from "./workspace/panels.ts";

export const PANELS: readonly PanelDefinition[] = [
  explorerPanel,
  editorPanel,
  problemsPanel,
  simulationPanel,
  resultPanel,
  topologyPanel,
  historyPanel,
  comparePanel,
  arenaPanel,
  submissionPanel,
  productionPanel,
  enginesPanel,
  serversPanel,
];
