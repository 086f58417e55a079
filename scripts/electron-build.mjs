// Builds the desktop app's processes to dist/electron: plain JavaScript with its packages in it, as Electron strips no types.
import { rmSync } from "node:fs";
import path from "node:path";
import { rolldown } from "rolldown";
import { ROOT } from "./bootstrap.mjs";

export const ELECTRON_FOLDER = path.join(ROOT, "dist/electron");

// Each is a file that something names: package.json, the shell, a service that starts a thread.
const PROCESSES = {
  main: "app/main/hosts/electron/entry.ts",
  "service-process": "app/main/hosts/electron/service-process.ts",
  worker: "app/main/services/scan/worker.ts",
  "reader-worker": "app/main/services/production/reader-worker.ts",
  "key-worker": "app/main/services/wallets/key-worker.ts",
};
// What no bundler sees through: threads name their files.
const WORKER = /new URL\("\.\/([\w-]*worker)\.ts", import\.meta\.url\)/;

/** @param {string} [folder] Is emptied first. */
export async function buildElectron(folder = ELECTRON_FOLDER) {
  rmSync(folder, { recursive: true, force: true });
  const processes = await rolldown({
    cwd: ROOT,
    input: PROCESSES,
    platform: "node",
    // The other kind requires its parts in a way that no bundler sees through (jsonc-parser).
    // dockerode's own ssh client is not used (services/engine speaks through the system's), and needs native parts.
    resolve: { mainFields: ["module", "main"], alias: { ssh2: false } },
    // Pyodide finds its files beside itself.
    external: ["electron", "pyodide"],
    plugins: [
      {
        name: "worker file",
        transform: (code) =>
          WORKER.test(code)
            ? { code: code.replace(WORKER, 'new URL("./$1.js", import.meta.url)'), map: null }
            : undefined,
      },
    ],
  });
  await processes.write({
    dir: folder,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
  });
  await processes.close();
  const preload = await rolldown({
    cwd: ROOT,
    input: "app/preload/preload.ts",
    platform: "browser",
    external: ["electron"],
  });
  // A sandboxed preload script is CommonJS, and one file.
  await preload.write({ file: path.join(folder, "preload.cjs"), format: "cjs" });
  await preload.close();
}
