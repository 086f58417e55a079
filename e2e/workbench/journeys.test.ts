/** What people do in the window from beginning to end, and what it must withstand meanwhile. */
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { writeRuns } from "../../bench/history.mjs";
import { command, copiedLog, expectShown, explorerFile, log, panel, putFile, settled, shownText } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const LONG_HISTORY = 10_000;

const { browser, spawnHost, start } = inBrowser();

/** Opens the file, puts the cursor into it and has it judged as it is. */
async function simulate(page: Page, name: string): Promise<void> {
  await explorerFile(page, name).click();
  await panel(page, "editor").locator(".monaco-editor.focused").waitFor();
  await page.keyboard.press("Control+Enter");
}

const result = (page: Page) => panel(page, "result");

test("a check fails and says why; mended, the file passes; C compares the two runs", async () => {
  const workbench = await start();
  putFile(workbench, "train.py", "weight_mismatch");
  const page = await workbench.open();
  await simulate(page, "train.py");
  await result(page).getByText("Failed").first().waitFor();
  await result(page).getByText("weight_mismatch").first().waitFor();
  await result(page).getByText("What is compared.").waitFor();
  expect(await result(page).getByRole("list", { name: "Causes" }).locator("li").count()).toBeGreaterThan(0);

  await panel(page, "editor").locator(".view-lines").click();
  await page.keyboard.press("Control+A");
  await page.keyboard.type("pass");
  await page.keyboard.press("Control+Enter");
  await result(page).getByText("Passed").first().waitFor();

  await command(page, "Show History");
  const row = (runId: string) => panel(page, "history").locator(`[data-run="${runId}"]`);
  await row("1").click();
  await row("2").click({ modifiers: ["Control"] });
  await page.keyboard.press("c");
  const compare = panel(page, "compare");
  await compare.getByRole("region", { name: "Verdict" }).getByText("Not comparable").waitFor();
  await settled(() => compare.locator("[data-kind=removed], [data-kind=added]").allInnerTexts()).toEqual([
    expect.stringContaining("weight_mismatch"),
    expect.stringContaining("pass"),
  ]);
  expect(workbench.complaints).toEqual([]);
});

test("kill -9 of the host mid-run: the page comes back, the run is interrupted, unsaved text is there", async () => {
  const folder = mkdtempSync(join(tmpdir(), "crusader-killed-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { child, address } = await spawnHost(folder);
  const context = await browser().newContext({ viewport: { width: 1440, height: 900 } });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  await page.goto(address.href);
  const editor = panel(page, "editor");
  await editor.getByRole("button", { name: /^single/ }).click();
  await editor.locator(".monaco-editor.focused").waitFor();
  await page.keyboard.press("Control+A");
  await page.keyboard.type("polite");
  await page.keyboard.press("Control+Enter");
  const simulation = panel(page, "simulation");
  await simulation.getByText("Running").first().waitFor();
  await editor.locator(".view-lines").click();
  await page.keyboard.type(" never_saved");
  const drafts = join(folder, "data", "drafts");
  await settled(() => draftTexts(drafts)).toContain("never_saved");

  child.kill("SIGKILL");
  await once(child, "exit");
  await page.getByText(/disconnected; again in|reconnecting/).waitFor();
  await spawnHost(folder, { port: Number(address.port) });
  await page.getByText("connected", { exact: true }).waitFor();
  await simulation.getByText("Interrupted").first().waitFor();
  await expectShown(page, "never_saved");
  await page.reload();
  await expectShown(page, "never_saved");
  await simulation.getByText("Interrupted").first().waitFor();
});

function draftTexts(folder: string): string {
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("\n");
}

test("two tabs show one run, and either ends it", async () => {
  const workbench = await start();
  putFile(workbench, "train.py", "polite");
  const [one, two] = [await workbench.open(), await workbench.open()];
  await simulate(one, "train.py");
  await panel(one, "simulation").getByText("Running").first().waitFor();
  await panel(two, "simulation").getByText("Running").first().waitFor();
  await two.getByRole("button", { name: "Cancel run 1" }).click();
  for (const page of [one, two]) {
    await panel(page, "simulation").getByText("Cancelled").first().waitFor();
    await page.getByRole("button", { name: "Cancel run 1" }).waitFor({ state: "detached" });
  }
  expect(workbench.complaints).toEqual([]);
});

test("a reload mid-run goes on with the stages and the log", async () => {
  const workbench = await start();
  putFile(workbench, "train.py", "steady");
  const page = await workbench.open();
  await simulate(page, "train.py");
  await log(page)
    .getByText(/^step \d+$/)
    .first()
    .waitFor();
  await page.reload();
  await panel(page, "simulation")
    .getByRole("row", { name: /timed.*running/i })
    .waitFor();
  await log(page)
    .getByText(/^step \d+$/)
    .first()
    .waitFor();
  await panel(page, "simulation").getByRole("button", { name: "Cancel", exact: true }).click();
  await panel(page, "simulation").getByText("Cancelled").first().waitFor();
  const last = workbench.services.store.output("1").toString("utf8").trimEnd().split("\n").length - 1;
  await log(page).getByText(`step ${last}`, { exact: true }).waitFor();
  const steps = (await copiedLog(page)).split("\n");
  expect(steps).toEqual(Array.from({ length: last + 1 }, (_value, index) => `step ${index}`));
  expect(workbench.complaints).toEqual([]);
});

test("a line of 10 MB is cut, its end and what was dropped are said, and the window goes on", async () => {
  const workbench = await start();
  putFile(workbench, "train.py", "longline");
  const page = await workbench.open();
  await simulate(page, "train.py");
  await result(page).getByText("Passed").first().waitFor();
  await log(page).getByText("after it").waitFor();
  const text = await copiedLog(page);
  expect(text.length).toBeLessThan(100_000);
  expect(text).toMatch(/more characters in this line/);
  expect(text).toMatch(/dropped/);
  expect(workbench.complaints).toEqual([]);
});

test("100,000 lines are all there, found and copied", async () => {
  const workbench = await start();
  putFile(workbench, "train.py", "lines");
  const page = await workbench.open();
  await simulate(page, "train.py");
  await result(page).getByText("Passed").first().waitFor();
  await log(page).getByText("step 99999", { exact: true }).waitFor();
  await page.getByRole("textbox", { name: "Search the log" }).fill("step 50123");
  await log(page).getByText("step 50123", { exact: true }).waitFor();
  expect(await copiedLog(page)).toBe("step 50123");
  await page.getByRole("textbox", { name: "Search the log" }).fill("");
  // Above 100,000 lines the first make way: here one, for what the judge says at the end.
  expect((await copiedLog(page)).split("\n").length).toBeGreaterThanOrEqual(100_000);
  expect(workbench.complaints).toEqual([]);
});

test("a train.py of 5 MB opens and is said to be refused, one of 9 MB is refused; nothing is lost", async () => {
  const workbench = await start();
  const line = "# x = 1 # y = 2 # z = 3 and so on\n";
  const large = putFile(workbench, "large.py", `first = 1\n${line.repeat(Math.ceil(5e6 / line.length))}`);
  const before = readFileSync(large, "utf8");
  putFile(workbench, "huge.py", line.repeat(Math.ceil(9e6 / line.length)));
  const page = await workbench.open();
  await explorerFile(page, "large.py").click();
  await expectShown(page, "first = 1");
  await explorerFile(page, "huge.py").click();
  await page.getByText("files up to 8.0 MiB can be edited here").waitFor();
  await panel(page, "simulation")
    .getByText("The scan stops: source-too-large. Nothing of the file will run.")
    .waitFor();
  expect(await shownText(page)).toContain("first = 1");
  expect(readFileSync(large, "utf8")).toBe(before);
});

test("without Python the first screen and the start say so, and offer the set-up", async () => {
  const workbench = await start({ backend: "local" });
  putFile(workbench, "train.py", "pass");
  const page = await workbench.open();
  await panel(page, "editor").getByText("missing").first().waitFor();
  await panel(page, "editor").getByRole("button", { name: "Set it up (about 1 GB, once)" }).waitFor();
  await explorerFile(page, "train.py").click();
  const form = page.getByRole("form", { name: "Start a run" });
  await form.getByRole("button", { name: "Make the Python environment (about 1 GB)" }).waitFor();
  expect(await form.getByRole("button", { name: "Simulate" }).isDisabled()).toBe(true);
});

test("10,000 runs are listed, filtered, sorted and charted", { timeout: 180_000 }, async () => {
  const workbench = await start({
    prepare: (folder) => writeRuns(folder, LONG_HISTORY),
  });
  workbench.services.store.reindex();
  const page = await workbench.open();
  await command(page, "Layout: History and compare");
  const history = panel(page, "history");
  await history.getByText("10,000 runs,").waitFor();
  await history.locator('[data-run="10000"]').waitFor();
  expect(await history.locator("[data-run]").count()).toBeLessThan(100);
  await history.getByRole("textbox", { name: "Search runs" }).fill("train_3.py");
  await history.getByText("500 runs of 10,000 runs").waitFor();
  await history.getByRole("textbox", { name: "Search runs" }).fill("");
  await history.getByRole("button", { name: "Started" }).click();
  await history.locator('[data-run="1"]').waitFor();
  await history.getByRole("button", { name: "Charts" }).click();
  await history
    .getByRole("figure", { name: /over time, 6,000 runs/ })
    .locator("svg.recharts-surface")
    .waitFor();
  const drawn = await history.locator("svg.recharts-surface path.recharts-line-curve").first().getAttribute("d");
  // Every pixel column has at most four points, whatever the number of runs.
  expect(drawn?.split("L").length).toBeLessThan(4 * 1440);
  expect(workbench.complaints).toEqual([]);
});
