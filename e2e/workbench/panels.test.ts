/**
 * Every panel with something in it: nobody is kept out of any. With CRUSADER_SCREENSHOTS=1 the pictures of the
 * documentation are taken on the way.
 */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { barriers, command, expectShown, explorerFile, palette, panel, putFile, takePicture } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";
import { submissionOf, writeSampleHistory } from "./sample-history.ts";

const RUNS = 42;
const FAILED_RUN = RUNS - 1;

const { start } = inBrowser();

/** Each brings the window from the one before to where there is something to see. */
const VIEWS: Record<string, (page: Page) => Promise<void>> = {
  async start(page) {
    await panel(page, "editor").getByRole("heading", { name: "This machine" }).waitFor();
  },
  async edit(page) {
    await explorerFile(page, "train_fsdp.py").click();
    await expectShown(page, "import functools");
    await page.keyboard.press("Control+Home");
    await command(page, "Show Problems");
    await panel(page, "problems").getByRole("button", { name: "Check the open file" }).click();
    await panel(page, "problems").getByText("train_fsdp.py").waitFor();
    await panel(page, "result").getByText("used").first().waitFor();
  },
  async topology(page) {
    await command(page, "Show Topology");
    const topology = panel(page, "topology");
    await topology.getByRole("combobox", { name: "Profile" }).click();
    await page.getByRole("option", { name: "production-3b", exact: true }).click();
    await topology.getByText("16..31").waitFor();
    await topology.getByText("the timed run takes").waitFor();
  },
  async simulation(page) {
    await command(page, "Show Simulation");
    await command(page, "Maximise or restore the panel");
    await panel(page, "simulation").locator(".xterm-rows").getByText("step 20 ").first().waitFor();
  },
  async history(page) {
    await command(page, "Layout: History and compare");
    const history = panel(page, "history");
    await history.locator(`[data-run="${FAILED_RUN}"]`).dblclick();
    await panel(page, "result").getByText("What is compared.").waitFor();
    await history.getByRole("button", { name: "Charts", pressed: false }).click();
    await history.locator("svg.recharts-surface .recharts-bar-rectangle").first().waitFor();
  },
  async compare(page) {
    const history = panel(page, "history");
    await history.locator(`[data-run="${RUNS - 5}"]`).click();
    await history.locator(`[data-run="${RUNS}"]`).click({ modifiers: ["Control"] });
    await page.keyboard.press("c");
    await panel(page, "compare")
      .getByText(/added, .* removed in B/)
      .waitFor();
  },
  async diff(page) {
    await panel(page, "compare").getByRole("button", { name: "Side by side in the editor" }).click();
    await panel(page, "editor").locator("[data-editor=diff] .view-line").first().waitFor();
  },
  async servers(page) {
    await command(page, "Show Evaluation servers");
    await panel(page, "servers").getByText("No evaluation server yet").waitFor();
  },
  async submission(page) {
    await command(page, "Submit the active file");
    await panel(page, "submission").getByText("It begins once a file and a hotkey are chosen.").waitFor();
  },
  async submissions(page) {
    await command(page, "Own submissions");
    await panel(page, "submission").getByText("Nothing was submitted yet").waitFor();
  },
  async palette(page) {
    await page.keyboard.press("F1");
    await palette(page).fill("layout");
    await page.getByRole("option").first().waitFor();
  },
  async about(page) {
    await page.keyboard.press("Escape");
    await command(page, "About Crusader");
    await page.getByRole("dialog").getByText("Ctrl+Enter").first().waitFor();
  },
  async picker(page) {
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("Control+O");
    await page.getByRole("dialog", { name: "Open a folder" }).getByRole("button", { name: "New folder" }).waitFor();
  },
  async prune(page) {
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await command(page, "Show History");
    await panel(page, "history").getByRole("button", { name: "Prune" }).click();
    await page.getByRole("dialog").waitFor();
  },
};
const APPEARANCES = ["light", "dark", "high contrast"];

/** Between them, and the first screen, they show every panel. */
const PICTURED = ["edit", "topology", "simulation", "history", "compare"];

/** A panel scrolls within its frame: what sticks out of the frame gives it a second bar, which no keyboard reaches. */
const scrolledFrames = (page: Page) =>
  page.evaluate<string[]>(
    `[...document.querySelectorAll(".dv-view")]
      .filter(({ scrollHeight, clientHeight }) => scrollHeight > clientHeight)
      .map((frame) => "scrolls around: " + frame.querySelector("[data-panel]")?.dataset.panel)`,
  );

test.each(APPEARANCES)("keeps nobody out of any panel: %s", async (appearance) => {
  const workbench = await start({
    prepare: (dataFolder) => writeSampleHistory(dataFolder, RUNS),
  });
  putFile(workbench, "train_fsdp.py", submissionOf(RUNS));
  const page = await workbench.open();
  await page.setViewportSize({ width: 1280, height: 800 });
  await command(page, `Theme: ${appearance}`);
  const found: Record<string, string[]> = {};
  for (const [name, show] of Object.entries(VIEWS)) {
    await show(page);
    const problems = await barriers(page);
    problems.push(...(await scrolledFrames(page)));
    if (problems.length > 0) found[name] = problems;
    if (PICTURED.includes(name)) await takePicture(page, name, appearance);
  }
  expect([found, workbench.complaints]).toEqual([{}, []]);
});

test.each(APPEARANCES)("keeps nobody out of the first screen: %s", async (appearance) => {
  const workbench = await start();
  const page = await workbench.open();
  await page.setViewportSize({ width: 1280, height: 800 });
  await command(page, `Theme: ${appearance}`);
  await panel(page, "editor").getByRole("heading", { name: "This machine" }).waitFor();
  await panel(page, "result").getByText("No verdict yet").waitFor();
  expect(await barriers(page)).toEqual([]);
  await takePicture(page, "start", appearance);
  expect(workbench.complaints).toEqual([]);
});
