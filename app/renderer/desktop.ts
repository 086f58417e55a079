/** What the desktop around the window asks of it: its native menu, files opened from outside, clicked notifications. */
import type { DesktopRequest } from "../common/desktop.ts";
import { showRun } from "./app-commands.ts";
import { client, followStream, isDesktop } from "./client.ts";
import { openFile } from "./features/editor/index.ts";
import { openFeature } from "./features/open-feature.ts";
import { include } from "./features/workspace/folders.ts";
import { runCommand } from "./shell/commands.ts";
import { notifyError } from "./shell/notifications.ts";

/** Returns the function that stops it; in a browser there is nothing to follow. */
export function followDesktop(): () => void {
  if (!isDesktop) return () => undefined;
  return followStream((signal) => client.desktop.watch(undefined, { signal }), {
    onItem: (requests) => {
      for (const request of requests) fulfil(request).catch((thrown: unknown) => notifyError(thrown));
    },
    onError: (error) => notifyError(error),
  });
}

async function fulfil(request: DesktopRequest): Promise<void> {
  switch (request.kind) {
    case "command":
      runCommand(request.id);
      return;
    case "openFile":
      include(request.folder);
      await openFile(request.file);
      return;
    case "openFolder":
      include(request.folder);
      openFeature("explorer");
      return;
    case "showRun":
      showRun(request.runId);
  }
}
