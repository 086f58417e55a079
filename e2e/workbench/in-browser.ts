/** What every test of the window stands on: the window as its sources are, and one browser a file. */
import { rmSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { findBrowser } from "../../scripts/machine.mjs";
import { buildWindow, launchBrowser } from "./browser.ts";
import { type HostedOptions, type StartOptions, spawnHost, Workbench } from "./harness.ts";

const BUILD_TIMEOUT_MS = 180_000;

/** Call it once, at the top of a test file. Without a browser its tests are skipped. `config`: of another page than the window. */
export function inBrowser(config?: string) {
  const found = findBrowser();
  let opened: { browser: Browser; rendererFolder: string } | null = null;
  const needed = () => {
    if (opened === null) throw new Error("The browser is there for tests only.");
    return opened;
  };

  beforeAll(async () => {
    if ("missing" in found) return;
    opened = { rendererFolder: buildWindow(config), browser: await launchBrowser(found.program) };
  }, BUILD_TIMEOUT_MS);

  afterAll(async () => {
    await opened?.browser.close();
    if (opened !== null) rmSync(opened.rendererFolder, { recursive: true });
  });

  beforeEach((context) => {
    if ("missing" in found) context.skip(`needs browser: ${found.missing}`);
  });

  return {
    browser: () => needed().browser,
    rendererFolder: () => needed().rendererFolder,
    spawnHost: (folder: string, options?: HostedOptions) => spawnHost(needed().rendererFolder, folder, options),
    start: (options?: StartOptions) => Workbench.start(needed().browser, needed().rendererFolder, options),
  };
}
