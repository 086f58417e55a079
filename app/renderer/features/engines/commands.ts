/** What can be done about container engines from anywhere; the code for it is loaded when it is first used. */
import type { Command } from "../../shell/commands.ts";
import { openFeature } from "../open-feature.ts";

export const engineCommands: readonly Command[] = [
  {
    id: "engines.check",
    title: "Check the container engine",
    category: "Engines",
    run: async () => {
      openFeature("engines");
      await (await import("./checks.ts")).checkChosen();
    },
  },
];
