/** Runs of others, and runs under other rules: marked in words, by keyboard, and with nobody kept out. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { writeRuns } from "../../bench/history.mjs";
import { barriers, command, panel, putFile, settled, tab, type Workbench } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const { start } = inBrowser();

const history = (page: Page) => panel(page, "history");

/** An exported run where the picker begins, of which nothing is left in the history; returns its number. */
async function exportRun(workbench: Workbench): Promise<string> {
  const { services, home } = workbench;
  const path = putFile(workbench, "train.py", "pass");
  const { done } = await services.simulation.start({
    profile: "rehearsal",
    backend: "scripted",
    sandbox: "none",
    path,
  });
  const { runId } = await done;
  writeFileSync(join(home, "theirs.json"), JSON.stringify(services.store.export(runId)));
  services.store.delete([runId]);
  return runId;
}

async function picture(page: Page, name: string): Promise<void> {
  const { CRUSADER_PICTURES: folder } = process.env;
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`), animations: "disabled" });
}

test.each(["light", "dark", "high contrast"])(
  "a run is imported by keyboard, and keeps nobody out: %s",
  async (theme) => {
    const workbench = await start({ backend: "local", prepare: (dataFolder) => writeRuns(dataFolder, 3) });
    const theirId = await exportRun(workbench);
    const page = await workbench.open();
    await command(page, `Theme: ${theme}`);
    await command(page, "Show History");
    await history(page).getByRole("button", { name: "Import" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("menuitem", { name: "Import an exported run" }).waitFor();
    const found = [await barriers(page)];
    await picture(page, `menu-${theme}`);
    const focused = async (title: string) => {
      await page.getByRole("menuitem", { name: title }).and(page.locator(":focus")).waitFor();
    };
    await focused("Import an exported run");
    await page.keyboard.press("ArrowDown");
    await focused("Import a run's folder");
    await page.keyboard.press("ArrowUp");
    await focused("Import an exported run");
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "Import an exported run" });
    const file = dialog.getByRole("button", { name: "theirs.json" });
    await file.waitFor();
    found.push(await barriers(page));
    await picture(page, `dialog-${theme}`);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });

    await command(page, "Import an exported run");
    await file.focus();
    await page.keyboard.press("Enter");
    const origin = new RegExp(`imported from run ${theirId}, \\d{4}-\\d\\d-\\d\\d`);
    await panel(page, "result").getByText(origin).waitFor();
    await history(page).getByText(origin).waitFor();
    found.push(await barriers(page));
    await picture(page, `marks-${theme}`);

    // There is no sandbox here; another's code is offered no start without one, one's own is.
    await panel(page, "result").getByRole("button", { name: "Show what was judged" }).press("Enter");
    await tab(page, "(imported)").waitFor();
    const form = page.getByRole("form", { name: "Start a run" });
    await form.getByText("it runs in a sandbox only, so a start without one is not offered").waitFor();
    expect(await form.getByRole("checkbox", { name: /without a sandbox/ }).count()).toBe(0);
    expect(await form.getByText("--no-sandbox").count()).toBe(0);
    found.push(await barriers(page));
    await picture(page, `form-${theme}`);

    // An unchanged copy is another's code still; changed and saved, it is one's own.
    await command(page, "Make a file of what is only shown");
    const copy = tab(page, "train_run");
    await copy.filter({ hasText: "(imported)" }).waitFor();
    const bar = panel(page, "editor").getByText("An unchanged copy of another's code");
    await bar.waitFor();
    await form.getByText("it runs in a sandbox only, so a start without one is not offered").waitFor();
    found.push(await barriers(page));
    await picture(page, `copy-${theme}`);
    await panel(page, "editor").locator(".monaco-editor.focused").waitFor();
    await page.keyboard.type("# mine now\n");
    await bar.waitFor({ state: "detached" });
    await page.keyboard.press("Control+S");
    await form.getByRole("checkbox", { name: /without a sandbox/ }).waitFor();
    await copy.filter({ hasNotText: "(imported)" }).waitFor();
    expect([found.flat(), workbench.complaints]).toEqual([[], []]);
  },
);

test.each(["light", "dark"])("runs under other rules are marked wherever their numbers are: %s", async (theme) => {
  const workbench = await start({ prepare: (dataFolder) => writeRuns(dataFolder, 3) });
  const { rules } = workbench.services;
  const page = await workbench.open();
  await command(page, `Theme: ${theme}`);
  await command(page, "Show History");
  const marks = page.getByText("other rules", { exact: true });
  const run = history(page).locator('[data-run="3"]');
  await run.waitFor();
  expect(await marks.count()).toBe(0);

  const { policy } = rules.builtInPolicy();
  rules.apply({
    revision: { id: "a".repeat(40), label: "aaaaaaa" },
    appliedAt: "2026-11-01T00:00:00.000Z",
    policy: { ...policy, forbidden_names: ["print"] },
    profile: null,
  });
  const words = "was made under other rules than those in force: The scan policy was another one (built-in).";
  await panel(page, "result").getByText(`Run 3 ${words} Verdict and limits are those of its own rules`).waitFor();
  await panel(page, "simulation").locator("header").getByText("other rules", { exact: true }).waitFor();
  await run.click();
  await history(page).getByText(`Run 3 ${words}`).waitFor();
  await history(page).locator('[data-run="1"]').getByText("other rules").waitFor();
  const found = [await barriers(page)];
  await picture(page, `rules-${theme}`);
  await history(page).getByRole("button", { name: "Charts" }).click();
  const scores = history(page).getByRole("figure", { name: /over time/ });
  await scores.getByText(/^\d of \d made under other rules than those in force$/).waitFor();
  await scores.locator(".recharts-surface [data-stale-mark]").first().waitFor();
  found.push(await barriers(page));
  await picture(page, `charts-${theme}`);
  await history(page)
    .locator('[data-run="2"]')
    .click({ modifiers: ["Control"] });
  await page.keyboard.press("c");
  for (const id of ["2", "3"]) await panel(page, "compare").getByText(`Run ${id} ${words} Its numbers are`).waitFor();
  found.push(await barriers(page));
  await picture(page, `compare-${theme}`);

  rules.revert();
  await panel(page, "compare").getByText(words).first().waitFor({ state: "detached" });
  await settled(() => marks.count()).toBe(0);
  await command(page, "Show History");
  await scores.locator(".recharts-surface").waitFor();
  expect(await scores.locator("[data-stale-mark]").count()).toBe(0);
  expect([found.flat(), workbench.complaints]).toEqual([[], []]);
});
