/** The services behind a desktop window: windows come as ports, dialogs and menus as messages of the shell. */
import { statSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { MessagePortMain } from "electron";
import { CrusaderError } from "../../../common/errors.ts";
import { fileNameProblem } from "../../../common/workspace.ts";
import { type Connection, connectionServer } from "../../router/connection.ts";
import { createServices, type Services, type ServicesOptions } from "../../router/services.ts";
import { dataFolder } from "../../services/settings/index.ts";
import { EndedRuns } from "./ended-runs.ts";
import type { DesktopState, FromService, ToService } from "./service-messages.ts";

/** A port as Electron's main and utility processes have them. */
export type Port = Pick<MessagePortMain, "postMessage" | "start" | "close"> & {
  on(event: "message", listener: (event: { data: unknown }) => void): unknown;
  on(event: "close", listener: () => void): unknown;
};

/** `process.parentPort` of a utility process. */
export type ParentPort = {
  postMessage(message: FromService): void;
  on(event: "message", listener: (event: { data: ToService; ports: Port[] }) => void): unknown;
};

/** How often the shell is told what changed. */
const TELL_EVERY_MS = 500;

/** `exit` is called once, when the shell has asked for the end and everything is recorded. */
export function serveDesktop(
  parent: ParentPort,
  env: NodeJS.ProcessEnv,
  exit: (code: number) => void,
  options: Partial<ServicesOptions> = {},
): void {
  const tell = (message: FromService) => parent.postMessage(message);
  const choosing = new Map<number, (path: string | null) => void>();
  let lastRequestId = 0;
  const choose = (kind: "chooseFolder" | "chooseExportedRun" | "chooseDatabase") =>
    new Promise<string | null>((resolve) => {
      lastRequestId += 1;
      choosing.set(lastRequestId, resolve);
      tell({ kind, requestId: lastRequestId });
    });
  const services = createServices({
    dataFolder: dataFolder(env, process.platform),
    env,
    dialogs: {
      chooseFolder: () => choose("chooseFolder"),
      chooseExportedRun: () => choose("chooseExportedRun"),
      chooseDatabase: () => choose("chooseDatabase"),
    },
    ...options,
  });
  const serve = connectionServer(services);
  const ended = new EndedRuns(services);
  let told = "";
  const look = () => {
    const state = stateOf(services);
    if (JSON.stringify(state) !== told) tell({ kind: "state", state });
    told = JSON.stringify(state);
    for (const end of ended.look()) tell({ kind: "runEnded", ...end });
  };
  const looking = setInterval(() => attempt(services, "desktop.look", look), TELL_EVERY_MS);

  const quit = async (cancelRuns: boolean) => {
    // What goes on without this process needs no question.
    const going = services.runs.list().filter(({ ownedHere, outlivesApp }) => ownedHere && !outlivesApp);
    if (going.length > 0 && !cancelRuns) {
      tell({ kind: "runsGoingOn", runIds: going.map(({ runId }) => runId) });
      return;
    }
    clearInterval(looking);
    await services.close();
    exit(0);
  };

  const take = (message: ToService, port: Port | undefined) => {
    switch (message.kind) {
      case "window":
        if (port !== undefined) serve(connectionOf(port), "electron");
        return;
      case "chosen":
        choosing.get(message.requestId)?.(message.path);
        choosing.delete(message.requestId);
        return;
      case "open":
        open(services, message.path, tell);
        return;
      case "openFolder": {
        const folder = services.workspace.folders().find(({ id }) => id === message.folderId);
        if (folder !== undefined) services.desktop.ask({ kind: "openFolder", folder });
        return;
      }
      case "command":
      case "showRun":
        services.desktop.ask(message);
        return;
      case "quit":
        void quit(message.cancelRuns);
    }
  };
  parent.on("message", ({ data, ports }) => attempt(services, `desktop.${data.kind}`, () => take(data, ports[0])));
  attempt(services, "desktop.look", look);
  void services.cleanUp().catch((thrown: unknown) => keep(services, "desktop.cleanUp", thrown));
}

/** A failure beside any call of a window is kept for the diagnostics, and ends nothing. */
function attempt(services: Services, what: string, action: () => void): void {
  try {
    action();
  } catch (thrown) {
    keep(services, what, thrown);
  }
}

function keep(services: Services, what: string, thrown: unknown): void {
  const error = thrown instanceof CrusaderError ? thrown : new CrusaderError("internal", String(thrown));
  services.errors.add(what, error.report());
}

function stateOf({ settings, workspace }: Services): DesktopState {
  const { theme } = settings.read().settings;
  const recentFolders = workspace
    .folders()
    .filter(({ available }) => available)
    .map(({ id, name, location }) => ({ id, name, location }));
  return { theme, recentFolders };
}

function open({ workspace, desktop }: Services, path: string, tell: (message: FromService) => void): void {
  const found = statSync(path, { throwIfNoEntry: false });
  const name = basename(path);
  const problem = found?.isFile() === true ? fileNameProblem(name) : null;
  if (found === undefined || problem !== null) {
    tell({ kind: "notOpened", message: problem ?? `${path} is gone.` });
    return;
  }
  try {
    const folder = workspace.openFolder(found.isDirectory() ? path : dirname(path));
    if (found.isDirectory()) desktop.ask({ kind: "openFolder", folder });
    else desktop.ask({ kind: "openFile", folder, file: { folderId: folder.id, name } });
  } catch (thrown) {
    if (!(thrown instanceof CrusaderError)) throw thrown;
    tell({ kind: "notOpened", message: thrown.message });
  }
}

function connectionOf(port: Port): Connection {
  port.start();
  return {
    send: (message) => port.postMessage(message),
    onMessage: (listener) => port.on("message", ({ data }) => listener(data)),
    onClose: (listener) => port.on("close", listener),
    refuse: () => port.close(),
  };
}
