/** The desktop around the window: one window, its menu, dialogs and notifications, and the pipe to the services. */
import { join } from "node:path";
import {
  app,
  BrowserWindow,
  dialog,
  ipcMain,
  Menu,
  MessageChannelMain,
  type MessagePortMain,
  Notification,
  nativeTheme,
  protocol,
  screen,
  utilityProcess,
} from "electron";
import { CONNECT_CHANNEL, PAGE_ORIGIN, PAGE_SCHEME, PORT_CHANNEL } from "../../../common/desktop-bridge.ts";
import { JsonFile } from "../../services/storage/index.ts";
import { guardContents, guardSession } from "./guard.ts";
import { mayConnect } from "./may-navigate.ts";
import { menuTemplate } from "./menu-template.ts";
import { openedPaths } from "./opened-paths.ts";
import { pageFiles } from "./page-files.ts";
import { restartAfter } from "./restart-policy.ts";
import type { FromService, ToService } from "./service-messages.ts";
import { ServiceSupervisor } from "./service-supervisor.ts";
import { MIN_HEIGHT, MIN_WIDTH, openingBounds, WINDOW_STATE_VERSION, windowStateSchema } from "./window-bounds.ts";

export type ShellOptions = {
  dataFolder: string;
  /** The built window. */
  rendererFolder: string;
  /** The built preload script. */
  preload: string;
  /** The built service process. */
  serviceModule: string;
};

/** A run's processes are gone within five seconds of its cancelling; then its record is written. */
const QUIT_PATIENCE_MS = 15_000;
const SAVE_BOUNDS_AFTER_MS = 500;
const SAID_LAST_CHARACTERS = 2000;

/** Before the app is ready: the page's scheme is like https, so that modules, workers and fetch work in it. */
export function registerPageScheme(): void {
  const privileges = { standard: true, secure: true, supportFetchAPI: true, codeCache: true };
  protocol.registerSchemesAsPrivileged([{ scheme: PAGE_SCHEME, privileges }]);
}

/** Once the app is ready. Throws `unsupported` where the window is not built. */
export function startShell({ dataFolder, rendererFolder, preload, serviceModule }: ShellOptions): void {
  const answer = pageFiles(rendererFolder);
  protocol.handle(PAGE_SCHEME, async ({ method, url }) => {
    const { status, headers, body } = await answer(method, url);
    return new Response(body as string | Uint8Array<ArrayBuffer>, { status, headers });
  });
  app.on("web-contents-created", (_event, contents) => guardContents(contents));
  guardSession();

  const window = createWindow(dataFolder, preload);
  let isConnected = false;
  let quitState: "none" | "asked" | "done" = "none";
  let saidLast = "";
  // Opened before the services or the window were there.
  let waiting: ToService[] = openedPaths(process.argv, process.cwd(), app.isPackaged).map(toOpen);

  const supervisor = new ServiceSupervisor<MessagePortMain>({
    start() {
      const child = utilityProcess.fork(serviceModule, [], { serviceName: "Crusader services", stdio: "pipe" });
      child.stdout?.pipe(process.stdout);
      child.stderr?.pipe(process.stderr);
      child.stderr?.on("data", (said) => {
        saidLast = `${saidLast}${said}`.slice(-SAID_LAST_CHARACTERS);
      });
      return {
        send: (message, ports) => child.postMessage(message, ports),
        onMessage: (listener) => child.on("message", listener),
        onExit: (listener) => child.once("exit", listener),
        kill: () => child.kill(),
      };
    },
    onStart() {
      if (isConnected) handPort();
      for (const message of waiting) supervisor.send(message);
      waiting = [];
    },
    onMessage: (message) => take(message),
    onFailing() {
      dialog.showErrorBox(
        "Crusader's services end again and again.",
        `They are started again every few seconds. What they said last:\n\n${saidLast || "(nothing)"}`,
      );
    },
    onEnded() {
      quitState = "done";
      app.quit();
    },
  });
  const send = (message: ToService) => {
    if (!supervisor.send(message)) waiting.push(message);
  };

  /** A new one each time; the page and the services drop the one before. */
  const handPort = () => {
    const { port1, port2 } = new MessageChannelMain();
    isConnected = true;
    if (supervisor.send({ kind: "window" }, port1)) window.webContents.postMessage(PORT_CHANNEL, null, [port2]);
  };

  const take = (message: FromService) => {
    switch (message.kind) {
      case "chooseFolder":
        void chooseFolder(window).then((path) => send({ kind: "chosen", requestId: message.requestId, path }));
        return;
      case "chooseExportedRun":
        void chooseFile(window, "Exported run", "json").then((path) =>
          send({ kind: "chosen", requestId: message.requestId, path }),
        );
        return;
      case "chooseDatabase":
        void chooseFile(window, "Database", "db").then((path) =>
          send({ kind: "chosen", requestId: message.requestId, path }),
        );
        return;
      case "state":
        nativeTheme.themeSource = message.state.theme === "high-contrast" ? "dark" : message.state.theme;
        setMenu(message.state.recentFolders);
        return;
      case "runEnded":
        if (!window.isFocused()) notify(message);
        return;
      case "notOpened":
        void dialog.showMessageBox(window, { type: "warning", message: message.message });
        return;
      case "runsGoingOn":
        void askAboutRuns(message.runIds);
    }
  };

  const setMenu = (recentFolders: Parameters<typeof menuTemplate>[1]) => {
    const template = menuTemplate(process.platform, recentFolders, {
      command: (id) => send({ kind: "command", id }),
      openRecent: (folderId) => send({ kind: "openFolder", folderId }),
      openFolder: () => void chooseFolder(window).then((path) => path !== null && send(toOpen(path))),
      openFile: () => void chooseFile(window, "Python", "py").then((path) => path !== null && send(toOpen(path))),
    });
    Menu.setApplicationMenu(Menu.buildFromTemplate(template));
  };

  const notify = ({ runId, title, body }: { runId: string; title: string; body: string }) => {
    const notification = new Notification({ title, body });
    notification.on("click", () => {
      bringToFront(window);
      send({ kind: "showRun", runId });
    });
    notification.show();
  };

  const askToQuit = () => {
    if (quitState !== "none") return;
    quitState = "asked";
    supervisor.askToEnd({ cancelRuns: false, patienceMs: QUIT_PATIENCE_MS });
  };
  const askAboutRuns = async (runIds: readonly string[]) => {
    supervisor.stays();
    const { response } = await dialog.showMessageBox(window, {
      type: "question",
      message: runIds.length === 1 ? `Run ${runIds[0]} is going on.` : `Runs ${runIds.join(", ")} are going on.`,
      detail: "Quitting cancels what is going on, and records it as cancelled.",
      buttons: ["Cancel and Quit", "Keep Going"],
      defaultId: 1,
      cancelId: 1,
    });
    if (response === 0) supervisor.askToEnd({ cancelRuns: true, patienceMs: QUIT_PATIENCE_MS });
    else quitState = "none";
  };

  ipcMain.on(CONNECT_CHANNEL, ({ sender, senderFrame }) => {
    const isOurWindow = sender === window.webContents;
    const isMainFrame = senderFrame !== null && senderFrame === window.webContents.mainFrame;
    if (mayConnect({ url: senderFrame?.url ?? "", isMainFrame, isOurWindow })) handPort();
  });
  window.on("close", (event) => {
    if (quitState === "done") return;
    event.preventDefault();
    askToQuit();
  });
  app.on("before-quit", (event) => {
    if (quitState === "done") return;
    event.preventDefault();
    askToQuit();
  });
  app.on("window-all-closed", () => app.quit());
  app.on("second-instance", (_event, argv, workingFolder) => {
    bringToFront(window);
    for (const path of openedPaths(argv, workingFolder, app.isPackaged)) send(toOpen(path));
  });
  app.on("open-file", (event, path) => {
    event.preventDefault();
    send(toOpen(path));
  });

  setMenu([]);
  supervisor.start();
  void window.loadURL(`${PAGE_ORIGIN}/`);
}

function toOpen(path: string): ToService {
  // A menu of the system that Linux has not.
  if (process.platform !== "linux") app.addRecentDocument(path);
  return { kind: "open", path };
}

function bringToFront(window: BrowserWindow): void {
  if (window.isMinimized()) window.restore();
  window.show();
  window.focus();
}

async function chooseFolder(window: BrowserWindow): Promise<string | null> {
  const { filePaths } = await dialog.showOpenDialog(window, { properties: ["openDirectory", "createDirectory"] });
  return filePaths[0] ?? null;
}

async function chooseFile(window: BrowserWindow, name: string, ending: string): Promise<string | null> {
  const filters = [{ name, extensions: [ending] }];
  const { filePaths } = await dialog.showOpenDialog(window, { properties: ["openFile"], filters });
  return filePaths[0] ?? null;
}

function createWindow(dataFolder: string, preload: string): BrowserWindow {
  const file = new JsonFile({
    path: join(dataFolder, "desktop-window.json"),
    schema: windowStateSchema,
    version: WINDOW_STATE_VERSION,
    initial: () => ({ bounds: null, isMaximized: false }),
  });
  const saved = file.read();
  const primary = screen.getPrimaryDisplay();
  const others = screen.getAllDisplays().filter(({ id }) => id !== primary.id);
  const bounds = openingBounds(saved.bounds, [primary.workArea, ...others.map(({ workArea }) => workArea)]);
  const window = new BrowserWindow({
    ...bounds,
    minWidth: MIN_WIDTH,
    minHeight: MIN_HEIGHT,
    show: false,
    title: "Crusader",
    backgroundColor: nativeTheme.shouldUseDarkColors ? "#141517" : "#ffffff",
    webPreferences: {
      preload,
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      nodeIntegrationInSubFrames: false,
      nodeIntegrationInWorker: false,
      webviewTag: false,
      webSecurity: true,
      spellcheck: false,
    },
  });
  window.once("ready-to-show", () => {
    if (saved.isMaximized) window.maximize();
    window.show();
  });
  const save = () => {
    try {
      file.write({ bounds: window.getNormalBounds(), isMaximized: window.isMaximized() });
    } catch {
      // A full disk: where the window was is not worth a word.
    }
  };
  let saving: NodeJS.Timeout | undefined;
  const saveSoon = () => {
    clearTimeout(saving);
    saving = setTimeout(save, SAVE_BOUNDS_AFTER_MS);
  };
  window.on("resize", saveSoon);
  window.on("move", saveSoon);
  window.on("close", () => {
    clearTimeout(saving);
    save();
  });
  window.webContents.on("context-menu", (_event, { isEditable, selectionText }) => {
    if (!isEditable && selectionText === "") return;
    const roles = isEditable ? (["cut", "copy", "paste"] as const) : (["copy"] as const);
    Menu.buildFromTemplate(roles.map((role) => ({ role }))).popup({ window });
  });
  const goneAtMs: number[] = [];
  window.webContents.on("render-process-gone", (_event, { reason }) => {
    if (reason === "clean-exit") return;
    goneAtMs.push(Date.now());
    // Unsaved text is kept by the services, runs go on there: a page that crashed only has to be loaded again.
    const { pauseMs } = restartAfter(goneAtMs, Date.now());
    setTimeout(() => window.isDestroyed() || window.reload(), pauseMs);
  });
  return window;
}
