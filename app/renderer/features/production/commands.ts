/** What can be done about the validator's source from anywhere; the code for it is loaded when it is first used. */
import type { Command } from "../../shell/commands.ts";
import { activeFile } from "../editor/index.ts";
import { openFeature } from "../open-feature.ts";

export const productionCommands: readonly Command[] = [
  {
    id: "production.check",
    title: "Check the validator's source for changes",
    category: "Validator source",
    run: async () => {
      openFeature("production");
      await (await import("./actions.ts")).fetchSource();
    },
  },
  {
    id: "production.ask",
    title: "Ask the validator's own scanner about the open file",
    category: "Validator source",
    when: () => activeFile() !== null,
    run: async () => {
      openFeature("production");
      await (await import("./actions.ts")).askAboutOpenFile();
    },
  },
];
