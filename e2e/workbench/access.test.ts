/**
 * What lies behind the first sight of the panels keeps nobody out either, in no theme: the validator's source with its
 * views and dialogs, the calculator, bars, notifications, questions and menus.
 */
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import {
  barriersInEveryTheme,
  command,
  expectShown,
  explorerFile,
  panel,
  putFile,
  tab,
  takePicture,
  type Workbench,
} from "./harness.ts";
import { inBrowser } from "./in-browser.ts";
import { writeMfuRun } from "./sample-history.ts";

const SOURCE = fileURLToPath(new URL("../../fixtures/production-source/", import.meta.url));
/** Python in WebAssembly takes a while to be there. */
const OPINION_TIMEOUT_MS = 60_000;

const { start } = inBrowser();

/** Collects what keeps people out, by the name of what is shown. */
function watched(workbench: Workbench, page: Page) {
  const found: Record<string, string[]> = {};
  return {
    found,
    look: async (name: string) => {
      const barriers = await barriersInEveryTheme(workbench, page);
      if (barriers.length > 0) found[name] = barriers;
    },
  };
}

/** The whole panel, from its top. */
async function pictured({ services }: Workbench, page: Page): Promise<void> {
  await page.setViewportSize({ width: 1280, height: 800 });
  await command(page, "Maximise or restore the panel");
  await panel(page, "production").evaluate("(element) => element.firstElementChild.scrollTo(0, 0)");
  for (const theme of ["light", "dark"] as const) {
    services.settings.change({ theme });
    await page.locator(`html[data-appearance="${theme}"]`).waitFor();
    await takePicture(page, "validator-source", theme);
  }
  await command(page, "Maximise or restore the panel");
}

test("the validator's source, its views and its dialogs", { timeout: 300_000 }, async () => {
  const workbench = await start();
  const folder = join(workbench.home, "validator");
  cpSync(SOURCE, folder, { recursive: true });
  putFile(workbench, "loud.py", "import urllib.request\n");
  const page = await workbench.open();
  const production = panel(page, "production");
  const region = (name: string) => production.getByRole("region", { name });
  const dialog = page.getByRole("dialog");
  const { found, look } = watched(workbench, page);
  const closed = async () => {
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  };

  await command(page, "Show Validator source");
  await production.getByText("was not fetched yet").waitFor();
  await look("before anything was fetched");
  workbench.services.production.chooseSource({ kind: "folder", path: folder });
  await workbench.services.production.fetch();
  await region("Changes").getByRole("list", { name: "Changed rules" }).waitFor();
  await region("What was found").getByText("sets of the scan policy").waitFor();
  await page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })");
  await region("Source").getByRole("button", { name: "Another source" }).click();
  await production.getByRole("form", { name: "Where the source is" }).waitFor();
  await look("changes, what was found, another source");

  await region("Source").getByRole("button", { name: "Remove" }).click();
  await dialog.waitFor();
  await look("removing");
  await closed();
  await region("Changes")
    .getByRole("button", { name: /^Use the rules of/ })
    .click();
  await dialog.getByRole("list", { name: "Changed rules" }).waitFor();
  await look("taking over");
  await dialog.getByRole("button", { name: /^Use the rules of/ }).click();
  await region("Source").getByRole("button", { name: "Back to the built-in rules" }).click();
  await dialog.waitFor();
  await look("taking back");
  await closed();

  await explorerFile(page, "loud.py").click();
  await tab(page, "loud.py").waitFor();
  await command(page, "Ask the validator's own scanner");
  await region("Second opinion").getByRole("table").waitFor({ timeout: OPINION_TIMEOUT_MS });
  await look("the second opinion");
  await region("Source").getByRole("button", { name: "Another source" }).click();
  await pictured(workbench, page);
  await region("Second opinion").getByRole("button", { name: "Ask about more" }).click();
  await page.getByRole("menu").waitFor();
  await look("asking about more");
  await page.keyboard.press("Escape");

  // Another shape: what was not found.
  workbench.services.production.chooseSource({ kind: "folder", path: join(folder, "hparams") });
  await workbench.services.production.fetch();
  await region("Second opinion").getByText("No scan function was found").waitFor();
  await look("what was not found");
  expect([found, workbench.complaints]).toEqual([{}, []]);
});

test("the calculator, the editor's bars, notifications, questions and menus", { timeout: 180_000 }, async () => {
  const workbench = await start({ prepare: (dataFolder) => writeMfuRun(dataFolder, 1, ["another GPU: A, not B"]) });
  const file = putFile(
    workbench,
    "train.py",
    "import os\nimport torch as t\n\n\ndef inner_steps():\n    t.zeros(1).cuda()\n",
  );
  const page = await workbench.open();
  const { found, look } = watched(workbench, page);
  const editor = panel(page, "editor");

  await panel(page, "result").getByRole("region", { name: "MFU" }).getByRole("math").waitFor();
  await look("the calculator");

  await explorerFile(page, "train.py").click();
  await tab(page, "stops at line 1").waitFor();
  await command(page, "Show Problems");
  await panel(page, "problems").locator("[data-problem]").first().waitFor();
  await panel(page, "problems").getByRole("textbox", { name: "Filter the problems" }).fill("torch");
  await panel(page, "problems").getByText("hidden by the filter").waitFor();
  await look("problems, filtered");

  await editor.locator(".view-lines").click();
  await page.keyboard.type("# mine\n");
  writeFileSync(file, "theirs = 1\n");
  await editor.getByRole("alert").getByText("was changed on the disk").waitFor();
  await page.keyboard.press("Control+S");
  await page.getByRole("region", { name: "Notifications" }).getByText("was not saved").waitFor();
  await look("changed on the disk, and a notification");
  await editor.getByRole("button", { name: "Take the disk's" }).click();
  await expectShown(page, "theirs = 1");

  await panel(page, "explorer").getByRole("button", { name: "single", exact: true }).click();
  await editor.getByRole("note").getByText("Read-only: template").waitFor();
  await look("read-only");

  await explorerFile(page, "train.py").click();
  await command(page, "Rename the open file");
  await page.getByRole("textbox", { name: "Rename train.py" }).fill("");
  await page.getByRole("textbox", { name: "Rename train.py" }).fill("a/b");
  await look("a question, with an answer that will not do");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("Control+P");
  await page.getByRole("combobox", { name: "Go to file" }).fill("nothing is called so");
  await page.getByText("Nothing fits.").waitFor();
  await look("a list in which nothing fits");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });

  for (const name of ["Layout", "Appearance; zoom 100 %", "Actions for train.py", "Export"]) {
    if (name === "Export") await command(page, "Show History");
    const button = page.getByRole("button", { name, exact: true }).and(page.locator("[aria-haspopup=menu]"));
    await button.click();
    await page.getByRole("menu").waitFor();
    await look(`the menu ${name}`);
    await page.keyboard.press("Escape");
    await page.getByRole("menu").waitFor({ state: "detached" });
  }

  await panel(page, "history").locator('[data-run="1"]').click();
  await panel(page, "history").getByRole("textbox", { name: /ote/ }).first().waitFor();
  await look("notes of a run");
  await command(page, "Zoom in");
  await command(page, "Show Compare");
  await panel(page, "compare").getByText("Two runs are needed").waitFor();
  await look("nothing to compare, zoomed");
  expect([found, workbench.complaints]).toEqual([{}, []]);
});
