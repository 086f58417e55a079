/**
 * What the shell uses of Electron 45 on the real Electron 9.4.1 (Chromium 83, Node 12). For the probe only; the bundle
 * takes it for the package "electron". Everything the shell's security rests on (windows, sandbox, bridge, ports, IPC,
 * navigation, permissions, protocols) is Electron's own.
 */
// biome-ignore-all lint/suspicious/noExplicitAny: no types of Electron 9 are at hand
declare const require: (name: string) => any;
const electron = require("electron-9");
const { spawn } = require("node:child_process");
const { EventEmitter } = require("node:events");
const fs = require("node:fs");
const path = require("node:path");

export const { app, BrowserWindow, Menu, MessageChannelMain, nativeTheme, screen, session } = electron;

/** What the probe looks at. */
export const seen = { children: [] as any[], openedOutside: [] as string[], notifications: [] as any[] };
export const shell = { openExternal: async (url: string) => void seen.openedOutside.push(url) };
export const dialog = {
  ...electron.dialog,
  showOpenDialog: async () => ({ filePaths: [process.env.PROBE_FOLDER] }),
  showMessageBox: async () => ({ response: 0 }),
};
export class Notification extends EventEmitter {
  constructor(options: any) {
    super();
    seen.notifications.push(options);
  }
  show() {}
}

// A file's answer was not yet a Response.
(globalThis as any).Response = class {
  body: any;
  init: any;
  constructor(body: any, init: any) {
    this.body = body;
    this.init = init;
  }
};
export const protocol = {
  registerSchemesAsPrivileged: (schemes: any[]) => {
    for (const { privileges } of schemes) privileges.codeCache = undefined;
    electron.protocol.registerSchemesAsPrivileged(schemes);
  },
  handle: (scheme: string, handler: (request: any) => Promise<any>) =>
    electron.protocol.registerBufferProtocol(scheme, (request: any, answer: any) => {
      void handler(request).then(({ body, init: { status, headers } }) => {
        const mimeType = headers["content-type"].split(";")[0];
        answer({ statusCode: status, headers, mimeType, charset: "utf-8", data: Buffer.from(body) });
      });
    }),
};

// Which frame sent a message was told by its number only.
const mainFrames = new WeakMap<object, { url: string; id: number }>();
electron.app.on("web-contents-created", (_event: any, contents: any) => {
  const frame = {
    get url() {
      return contents.getURL();
    },
    id: -1,
  };
  mainFrames.set(contents, frame);
  Object.defineProperty(contents, "mainFrame", { value: frame });
  contents.on("did-frame-navigate", (_navigated: any, ...[, , , isMain, , id]: any[]) => {
    if (isMain) frame.id = id;
  });
  contents.setWindowOpenHandler = (handler: any) =>
    contents.on("new-window", (event: any, url: string) => {
      if (handler({ url }).action === "deny") event.preventDefault();
    });
});
electron.app.on("session-created", (made: any) => (made.setDevicePermissionHandler = () => {}));
export const ipcMain = {
  on: (channel: string, listener: any) =>
    electron.ipcMain.on(channel, ({ sender, frameId }: any, ...message: any[]) => {
      const main = mainFrames.get(sender);
      listener({ sender, senderFrame: main?.id === frameId ? main : null }, ...message);
    }),
};

// No utility processes: a Node 24 with the same pipe, its ports carried by their number (parent-port.ts).
export const utilityProcess = {
  fork(module: string) {
    const child = spawn(process.env.PROBE_NODE, ["--import", process.env.PROBE_PARENT_PORT, module], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    const ports: any[] = [];
    const self = Object.assign(new EventEmitter(), {
      stdout: child.stdout,
      stderr: child.stderr,
      kill: () => child.kill(),
      postMessage(message: unknown, handed: any[] = []) {
        const numbers = handed.map((port) => {
          const number = ports.push(port) - 1;
          port.on("message", ({ data }: any) => child.send({ port: number, data }));
          port.on("close", () => child.connected && child.send({ closed: number }));
          port.start();
          return number;
        });
        child.send({ message, ports: numbers });
      },
    });
    child.on("message", ({ message, port, data, closed }: any) => {
      if (closed !== undefined) ports[closed].close();
      else if (port !== undefined) ports[port].postMessage(data);
      else self.emit("message", message);
    });
    child.on("exit", (code: number) => {
      for (const port of ports) port.close();
      self.emit("exit", code);
    });
    seen.children.push(child);
    return self;
  },
};

// Node 12: its fs lists one folder at a time.
const { readdirSync } = fs;
fs.readdirSync = (folder: string, options: any) => {
  const entries = readdirSync(folder, options);
  if (options?.recursive !== true) return entries;
  return entries.flatMap((entry: any) => {
    entry.parentPath = folder;
    return entry.isDirectory() ? fs.readdirSync(path.join(folder, entry.name), options) : [entry];
  });
};
