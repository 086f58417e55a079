/** The desktop app's first file; built to dist/electron/main.js, where the paths below begin. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { app, dialog } from "electron";
import { dataFolder } from "../../services/settings/index.ts";
import { ensureFolder } from "../../services/storage/index.ts";
import { registerPageScheme, startShell } from "./shell.ts";
import { versionProblem } from "./versions.ts";

const built = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const problem = versionProblem(process.versions);
if (problem !== null) throw new Error(problem);

const folder = dataFolder(process.env, process.platform);
// Chromium's own files, and the lock that keeps the app single: one per data folder.
const chromiumFolder = join(folder, "electron");
try {
  ensureFolder(chromiumFolder);
} catch (error) {
  fail(error);
}
app.setPath("userData", chromiumFolder);
if (app.requestSingleInstanceLock()) {
  registerPageScheme();
  // What Windows shows notifications under: the id of electron-builder.yml.
  if (process.platform === "win32") app.setAppUserModelId("app.crusader.desktop");
  void app.whenReady().then(() => {
    try {
      startShell({
        dataFolder: folder,
        rendererFolder: built("../renderer"),
        preload: built("preload.cjs"),
        serviceModule: built("service-process.js"),
      });
    } catch (error) {
      fail(error);
    }
  });
} else {
  // The first one shows itself, and opens what this one was given.
  app.quit();
}

function fail(error: unknown): void {
  dialog.showErrorBox("Crusader cannot start.", error instanceof Error ? error.message : String(error));
  app.exit(1);
}
