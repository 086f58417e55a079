/** What can be done about evaluation servers from anywhere. */
import type { Command } from "../../shell/commands.ts";
import { notify } from "../../shell/notifications.ts";
import { openFeature } from "../open-feature.ts";
import { serverDialog } from "./server-dialog.ts";
import { checkServer, loadServers, namedServers } from "./servers-store.ts";

export const serverCommands: readonly Command[] = [
  {
    id: "servers.add",
    title: "Add an evaluation server",
    category: "Evaluation servers",
    run: () => {
      openFeature("servers");
      serverDialog.setState({ shown: { kind: "edit", server: null } });
    },
  },
  {
    id: "servers.check",
    title: "Check the evaluation servers",
    category: "Evaluation servers",
    run: async () => {
      openFeature("servers");
      await loadServers();
      const servers = namedServers();
      if (servers.length === 0) notify({ kind: "info", title: "No evaluation server yet" });
      await Promise.all(servers.map(({ name }) => checkServer(name)));
    },
  },
];
