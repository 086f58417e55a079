/** The built window in a real browser, on a web host with a data folder of the test's own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";
import { startWebHost, type WebHost } from "../../app/main/hosts/web/index.ts";
import { createServices, type Services } from "../../app/main/router/services.ts";
import type { Network as FetchNetwork } from "../../app/main/services/hosting/index.ts";
import { ScriptedBackend } from "../../app/main/services/simulation/scripted-backend.ts";

/** On a busy machine of two cores; what never comes is as well said late. */
export const APPEARS_WITHIN_MS = 60_000;

export type StartOptions = {
  real?: boolean;
  backend?: "scripted" | "local";
  prepare?: (dataFolder: string) => void;
  /** What a scripted workbench sees of this machine; by default nothing. */
  env?: NodeJS.ProcessEnv;
  hubAddress?: string;
  gitHubAddress?: string;
  fetchNetwork?: FetchNetwork;
};

export class Workbench {
  readonly services: Services;
  /** Where the picker begins. */
  readonly home: string;
  readonly #rendererFolder: string;
  readonly #browser: Browser;
  #host: WebHost;
  #context: BrowserContext | null = null;
  /** What the browser complained about, in any window. */
  readonly complaints: string[] = [];

  private constructor(services: Services, home: string, host: WebHost, rendererFolder: string, browser: Browser) {
    this.services = services;
    this.home = home;
    this.#host = host;
    this.#rendererFolder = rendererFolder;
    this.#browser = browser;
  }

  /**
   * `real`: with this machine's Python; otherwise a scripted judge, and nothing of this machine. `prepare` fills the
   * data folder before anything reads it.
   */
  static async start(browser: Browser, rendererFolder: string, options: StartOptions = {}): Promise<Workbench> {
    const {
      real = false,
      backend = "scripted",
      prepare,
      env = { PATH: "" },
      hubAddress,
      gitHubAddress,
      fetchNetwork,
    } = options;
    const folder = mkdtempSync(join(tmpdir(), "crusader-workbench-"));
    const home = join(folder, "home");
    mkdirSync(home);
    mkdirSync(join(folder, "data"));
    prepare?.(join(folder, "data"));
    const services = createServices({
      dataFolder: join(folder, "data"),
      env: real ? process.env : env,
      home,
      moreBackends: real ? [] : [new ScriptedBackend()],
      lookEveryMs: 50,
      hubAddress,
      gitHubAddress,
      fetchNetwork,
    });
    if (!real) {
      const simulation = { profile: "rehearsal", backend, numRanks: null, repeats: null };
      services.settings.change({ simulation });
    }
    const host = await startWebHost({ services, rendererFolder, port: 0, newToken: false });
    const workbench = new Workbench(services, home, host, rendererFolder, browser);
    onTestFinished(async () => {
      await workbench.#context?.close();
      await workbench.#host.close();
      await services.close();
      rmSync(folder, { recursive: true, force: true });
    });
    return workbench;
  }

  /** A further window of the same browser. */
  async open(): Promise<Page> {
    const isFirst = this.#context === null;
    this.#context ??= await this.#browser.newContext({
      viewport: { width: 1440, height: 900 },
      colorScheme: "light",
      permissions: ["clipboard-read", "clipboard-write"],
    });
    this.#context.setDefaultTimeout(APPEARS_WITHIN_MS);
    const page = await this.#context.newPage();
    page.on("console", (message) => {
      // Another program's network came or went on this machine: the page connects again, which is no fault of it.
      const isMachines = message.text().includes("net::ERR_NETWORK_CHANGED");
      if (message.type() === "error" && !isMachines) this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(String(error.stack)));
    await page.goto(isFirst ? this.#host.url() : `http://127.0.0.1:${this.#host.port}/`);
    await panel(page, "editor").waitFor();
    return page;
  }

  async stopHost(): Promise<void> {
    await this.#host.close();
  }

  /** Again at the same address. */
  async startHost(): Promise<void> {
    const { port } = this.#host;
    const { services } = this;
    this.#host = await startWebHost({ services, rendererFolder: this.#rendererFolder, port, newToken: false });
  }
}

const HOSTED = fileURLToPath(new URL("hosted.ts", import.meta.url));

export type HostedOptions = {
  /** Default: any that is free. */
  port?: number;
  /** Program and arguments that the host runs in: another view of the disk, for example. */
  within?: readonly string[];
  /** Beside this process's own. */
  env?: NodeJS.ProcessEnv;
};

/** A web host in a process of its own (hosted.ts), which dies with the test at the latest. */
export async function spawnHost(
  rendererFolder: string,
  folder: string,
  { port = 0, within = [], env = {} }: HostedOptions = {},
): Promise<{ child: ChildProcess; address: URL }> {
  const [program = "", ...args] = [...within, process.execPath, HOSTED, folder, rendererFolder, String(port)];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> });
  const { value } = await lines[Symbol.asyncIterator]().next();
  return { child, address: new URL(value as string) };
}

const SETTLES_WITHIN_MS = 30_000;

export const panel = (page: Page, id: string) => page.locator(`[data-panel="${id}"]`);
export const palette = (page: Page) => page.getByRole("combobox", { name: "Commands, files and runs" });
export const explorerFile = (page: Page, name: string) =>
  panel(page, "explorer").getByRole("button", { name, exact: true });
export const tab = (page: Page, name: string) => page.getByRole("tab", { name });

/** Runs the command of that title, as a person who knows no other way. */
export async function command(page: Page, title: string): Promise<void> {
  await page.keyboard.press("F1");
  await palette(page).fill(title);
  await page.getByRole("option", { name: title }).first().waitFor();
  await page.keyboard.press("Enter");
}

/** What the editor shows, as its model holds it: lines out of sight are not on the page. */
export async function shownText(page: Page): Promise<string> {
  // A line that came later is later on the page, wherever it is shown.
  const lines: string[] = await page.evaluate(
    `[...document.querySelectorAll('[data-panel="editor"] .view-lines')].flatMap((view) =>
      [...view.children].sort((a, b) => a.offsetTop - b.offsetTop).map((line) => {
        const copy = line.cloneNode(true);
        // The scan's words behind a line are none of the text.
        for (const words of copy.querySelectorAll(".crusader-stops-here")) words.remove();
        return copy.textContent;
      }))`,
  );
  return lines.map((line) => line.replaceAll("\u00a0", " ")).join("\n");
}

export async function expectShown(page: Page, text: string): Promise<void> {
  await expect.poll(() => shownText(page), { timeout: SETTLES_WITHIN_MS }).toContain(text);
}

/** Asserts on what a reading becomes before long. */
export const settled = <Value>(read: () => Value | Promise<Value>) => expect.poll(read, { timeout: SETTLES_WITHIN_MS });

/** The lines of the log in sight. */
export const log = (page: Page) => panel(page, "simulation").locator(".xterm-rows");

/** The whole log, as it is copied. */
export async function copiedLog(page: Page): Promise<string> {
  await page.evaluate('navigator.clipboard.writeText("")');
  await panel(page, "simulation").getByRole("button", { name: "Copy the log" }).click();
  const read = () => page.evaluate<string>("navigator.clipboard.readText()");
  await settled(read).not.toBe("");
  return read();
}

/** A file in Crusader's own folder. */
export function putFile({ services: { workspace } }: Workbench, name: string, text: string): string {
  const { id: folderId } = workspace.openDefaultFolder();
  const path = workspace.place({ folderId, name });
  writeFileSync(path, text);
  return path;
}

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
type AxeResults = { violations: { id: string; impact: string | null; nodes: { html: string }[] }[] };

/** What a tool finds that keeps people out: serious or worse. */
export async function barriers(page: Page): Promise<string[]> {
  // The page's policy lets no script in; this one comes in through the debugger.
  await page.evaluate(readFileSync(AXE, "utf8"));
  const { violations } = (await page.evaluate("axe.run({ resultTypes: ['violations'] })")) as AxeResults;
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}

/** The same in every theme, each named where something was found; the page stays as it is meanwhile. */
export async function barriersInEveryTheme({ services }: Workbench, page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const theme of ["light", "dark", "high-contrast"] as const) {
    services.settings.change({ theme });
    await page.locator(`html[data-appearance="${theme}"]`).waitFor();
    found.push(...(await barriers(page)).map((barrier) => `${theme}: ${barrier}`));
  }
  return found;
}

const PICTURES = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));

/** With CRUSADER_SCREENSHOTS=1, for the documentation. */
export async function takePicture(page: Page, name: string, appearance: string): Promise<void> {
  if (process.env.CRUSADER_SCREENSHOTS !== "1" || appearance === "high contrast") return;
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: `${PICTURES}${name}-${appearance}.png`, animations: "disabled", caret: "hide" });
}
