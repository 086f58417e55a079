/** The window as its sources are, and the browser it is opened in. */
import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium } from "playwright-core";

const VITE = fileURLToPath(new URL("../../node_modules/vite/bin/vite.js", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../app/renderer/vite.config.ts", import.meta.url));

/** The window as its sources are now, or what `config` says; returns the folder. */
export function buildWindow(config = CONFIG): string {
  const folder = mkdtempSync(join(tmpdir(), "crusader-window-"));
  // In a process of its own: here, the libraries would be built for tests.
  const args = [VITE, "build", "--config", config, "--outDir", folder, "--logLevel", "error"];
  execFileSync(process.execPath, args, { env: { ...process.env, NODE_ENV: "production" } });
  return folder;
}

export function launchBrowser(program: string): Promise<Browser> {
  return chromium.launch({
    executablePath: program,
    // Chromium refuses to run as root with its sandbox, and looks for its maker's services unless told not to.
    args: [
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
