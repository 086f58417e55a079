import type { PracticeNode as Node, PracticeNodeOptions } from "./node.ts";

export { practiceWalletsFolder } from "./folder.ts";
export type {
  PracticeFaults,
  PracticeKey,
  PracticeMiner,
  PracticeNodeOptions,
} from "./node.ts";
export { type PracticePlace, PracticeService, type PracticeServiceOptions } from "./practice-service.ts";

export type PracticeNode = Node;
/** Its code, with that of the signatures, is loaded when the first one starts. */
export const PracticeNode = {
  start: async (options: PracticeNodeOptions = {}): Promise<Node> => {
    const { PracticeNode: Loaded } = await import("./node.ts");
    return Loaded.start(options);
  },
};
export { Localnet } from "./localnet.ts";
export { LocalnetTasks } from "./localnet-tasks.ts";
