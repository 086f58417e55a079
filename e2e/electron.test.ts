/** The whole app in today's Electron, wherever its binary is; e2e/old-electron proves the shell where it is not. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { _electron, type ElectronApplication, type Page } from "playwright-core";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { RunStore } from "../app/main/services/runs/index.ts";
import { buildWhereNeeded } from "../scripts/build.mjs";
import { findElectron } from "../scripts/machine.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const electron = findElectron();
const hasDisplay = process.platform !== "linux" || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
const missing =
  "missing" in electron ? electron.missing : hasDisplay ? null : "there is no display (xvfb-run gives one)";

/** The app with a data folder of the test's own; started again in the same one by `start`. */
function bench() {
  const folder = mkdtempSync(path.join(tmpdir(), "crusader-electron-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(path.join(folder, "work"));
  writeFileSync(path.join(folder, "work", "train.py"), "print('from outside')\n");
  const start = async (...files: string[]): Promise<{ app: ElectronApplication; page: Page }> => {
    const app = await _electron.launch({
      executablePath: "program" in electron ? electron.program : "",
      // Chromium's sandbox does not run as root.
      args: [...(process.getuid?.() === 0 ? ["--no-sandbox"] : []), ROOT, ...files],
      env: { ...(process.env as Record<string, string>), CRUSADER_HOME: path.join(folder, "data") },
    });
    onTestFinished(() => app.close().catch(() => undefined));
    const page = await app.firstWindow();
    await page.locator('[data-panel="editor"]').waitFor();
    return { app, page };
  };
  return { folder, start };
}

describe.skipIf(missing !== null)(`needs electron${missing === null ? "" : `: ${missing}`}`, () => {
  beforeAll(() => buildWhereNeeded());

  test("opens, with its page from its own protocol and one function for it", async () => {
    const { start } = bench();
    const { app, page } = await start();
    expect(page.url()).toBe("crusader://app/");
    const inPage = await page.evaluate(() => ({
      bridge: Object.keys((globalThis as unknown as { crusader: object }).crusader),
      node: ["require", "process", "module"].filter((name) => name in globalThis),
    }));
    expect(inPage).toEqual({ bridge: ["connect"], node: [] });
    const preferences = await app.evaluate(({ BrowserWindow }) => {
      const contents = BrowserWindow.getAllWindows()[0]?.webContents as unknown;
      return (contents as { getLastWebPreferences: () => object }).getLastWebPreferences();
    });
    expect(preferences).toMatchObject({ contextIsolation: true, sandbox: true, nodeIntegration: false });
  });

  test("a file of the command line is opened; the menu's commands reach the window", async () => {
    const { folder, start } = bench();
    const { app, page } = await start(path.join(folder, "work", "train.py"));
    await page.getByRole("tab", { name: "train.py" }).waitFor();
    await app.evaluate(({ Menu }) => Menu.getApplicationMenu()?.getMenuItemById("palette.show")?.click());
    await page.getByRole("combobox", { name: "Commands, files and runs" }).waitFor();
  });

  test("a folder is picked in the system's dialog", async () => {
    const { folder, start } = bench();
    const { app, page } = await start();
    await app.evaluate(
      ({ dialog }, picked) => {
        dialog.showOpenDialog = async () => ({ canceled: false, filePaths: [picked] });
      },
      path.join(folder, "work"),
    );
    await app.evaluate(({ Menu }) => Menu.getApplicationMenu()?.getMenuItemById("folder.open")?.click());
    await page.locator('[data-panel="explorer"]').getByRole("button", { name: "train.py", exact: true }).waitFor();
  });

  test("goes nowhere else, and opens no other window", async () => {
    const { start } = bench();
    const { app, page } = await start();
    await page.evaluate("window.open('https://evil.example/'); location.href = 'https://evil.example/'; 1");
    await page.locator('[data-panel="editor"]').waitFor();
    expect([page.url(), app.windows().length]).toEqual(["crusader://app/", 1]);
  });

  test("killed services come back, and the window with them", async () => {
    const { start } = bench();
    const { app, page } = await start();
    const kill = () =>
      app.evaluate(({ app: shell }) => {
        const services = shell
          .getAppMetrics()
          .find(({ serviceName, name }) => /Crusader/.test(`${serviceName}${name}`));
        if (services !== undefined) process.kill(services.pid, "SIGKILL");
        return services?.pid ?? null;
      });
    const first = await kill();
    expect(first).toEqual(expect.any(Number));
    await page.keyboard.press("F1");
    await page.getByRole("combobox", { name: "Commands, files and runs" }).fill("New file from a template");
    await page.keyboard.press("Enter");
    await page.getByRole("option", { name: "single" }).waitFor();
    await expect.poll(kill, { timeout: 20_000 }).not.toBe(first);
  });

  test("the window opens where it was, and the record is there", async () => {
    const { folder, start } = bench();
    const first = await start();
    await first.app.evaluate(({ BrowserWindow }) => {
      BrowserWindow.getAllWindows()[0]?.setBounds({ x: 40, y: 50, width: 900, height: 700 });
    });
    await first.app.close();
    const { app } = await start();
    const bounds = await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.getNormalBounds());
    expect(bounds).toMatchObject({ width: 900, height: 700 });
    const store = new RunStore({ dataFolder: path.join(folder, "data") });
    onTestFinished(() => store.close());
    expect(store.list({}).total).toBe(0);
  });
});
