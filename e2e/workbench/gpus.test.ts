/** What GPUs did under a run's stages: charts of a recorded run, live and replayed, and the words beside its score. */
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { barriers, command, panel, putFile, settled, type Workbench } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const { start } = inBrowser();

const NOTES = [
  "GPU 0 was power-capped in 53 % of the timed span.",
  "GPU 0 ran at 1,410 MHz (median) in the timed span, of 1,980 MHz.",
  "GPU 1 has other users: 18.5 GiB of memory was taken before the ranks started.",
  "GPU 1 has other users: 1 compute process before the ranks started.",
  "GPU 1 had 2 compute processes in the timed span; a rank is one.",
];
const CHARTS = [
  ...["Utilisation", "SM clock", "Power", "Temperature", "Memory used", "Compute processes"],
  ...["PCIe received", "PCIe sent", "NVLink received", "NVLink sent"],
];

const simulation = (page: Page) => panel(page, "simulation");
const gpus = (page: Page) => simulation(page).getByRole("region", { name: "GPU", exact: true });
const notes = (page: Page, name: string) =>
  panel(page, name).getByRole("list", { name: "GPUs in the timed span" }).getByRole("listitem");

const noted = async (page: Page, name: string) =>
  (await notes(page, name).allTextContents()).map((text) => text.trim());

async function run(workbench: Workbench, words: string): Promise<string> {
  const path = putFile(workbench, "train.py", words);
  const { runId } = await workbench.services.runs.start({
    profile: "rehearsal",
    backend: "scripted",
    sandbox: "none",
    path,
  });
  return runId;
}

async function picture(page: Page, name: string): Promise<void> {
  const { CRUSADER_PICTURES: folder } = process.env;
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`), animations: "disabled" });
}

test.each(["light", "dark", "high contrast"])("a recorded run's GPUs, and nobody kept out: %s", async (theme) => {
  const workbench = await start();
  const runId = await run(workbench, "gpus");
  const updates = await Array.fromAsync(workbench.services.runs.follow(runId, 0, undefined));
  expect(updates.at(-1)?.result?.outcome).toBe("passed");
  const page = await workbench.open();
  await page.setViewportSize({ width: 1440, height: 1500 });
  await command(page, `Theme: ${theme}`);
  await command(page, "Show Simulation");
  await gpus(page).getByRole("figure").first().waitFor();
  const titles = () =>
    gpus(page)
      .getByRole("figure")
      .evaluateAll((all) => all.map((one) => one.ariaLabel));
  await settled(titles).toEqual(CHARTS);
  expect(await noted(page, "simulation")).toEqual(NOTES);
  const found = [await barriers(page)];
  await gpus(page).getByRole("figure", { name: "SM clock" }).scrollIntoViewIfNeeded();
  await picture(page, `gpus-${theme}`);
  await command(page, "Show Result");
  await notes(page, "result").first().waitFor();
  expect(await noted(page, "result")).toEqual(NOTES);
  found.push(await barriers(page));
  await picture(page, `gpus-result-${theme}`);
  expect(found).toEqual([[], []]);
  expect(workbench.complaints).toEqual([]);
});

test("a chart says each GPU's value and the stage, is copied as CSV, and the other GPU can stand out", async () => {
  const workbench = await start();
  const runId = await run(workbench, "gpus");
  await Array.fromAsync(workbench.services.runs.follow(runId, 0, undefined));
  const page = await workbench.open();
  await page.setViewportSize({ width: 1440, height: 1500 });
  await command(page, "Show Simulation");
  const clock = gpus(page).getByRole("figure", { name: "SM clock" });
  // By keyboard: the crosshair goes on by one look.
  await clock.getByRole("application").focus();
  await page.keyboard.press("ArrowRight");
  await clock.getByText("345 MHz").first().waitFor();
  expect(await clock.getByText(/s, prepare$/).textContent()).toMatch(/^[01]\.\d s, prepare$/);
  await clock.getByRole("button", { name: "Copy as CSV: SM clock" }).click();
  await page.getByText("Copied as CSV").waitFor();
  const lines = (await page.evaluate<string>("navigator.clipboard.readText()")).split("\r\n");
  expect([lines.length, lines[0], lines[1], lines[61]]).toEqual([
    82,
    'seconds,stage,"GPU 0 SM clock, MHz","GPU 1 SM clock, MHz"',
    "0,prepare,345,345",
    "30,timed,1410,1965",
  ]);
  const legend = gpus(page).getByRole("list", { name: "In the charts" });
  await legend.getByText("clocks held back").waitFor();
  await gpus(page).getByRole("radiogroup", { name: "GPU that stands out" }).getByText("GPU 1").click();
  await legend.getByText("GPU 1", { exact: true }).waitFor();
  expect(await legend.getByText("clocks held back").count()).toBe(0);
  const heading = gpus(page).getByRole("button", { name: "GPU", exact: true });
  await heading.focus();
  await page.keyboard.press("Enter");
  await clock.waitFor({ state: "detached" });
  expect(await heading.getAttribute("aria-expanded")).toBe("false");
  expect(workbench.complaints).toEqual([]);
});

test("while a run goes on its GPUs are shown, and a run without GPUs says so", async () => {
  const workbench = await start();
  const page = await workbench.open();
  await page.setViewportSize({ width: 1440, height: 1500 });
  const runId = await run(workbench, "gpusgoing");
  await command(page, "Show Simulation");
  await gpus(page).getByText("2 x NVIDIA H100 80GB HBM3, driver 570.124.06, 80 samples from NVML").waitFor();
  await notes(page, "simulation").first().waitFor();
  await workbench.services.runs.cancel(runId, false);
  await simulation(page).getByText("Cancelled").first().waitFor();
  expect(await gpus(page).getByRole("figure").count()).toBe(CHARTS.length);
  await run(workbench, "pass");
  await command(page, "Show Simulation");
  await page.reload();
  await simulation(page).getByText("GPU: none in this run; its ranks run on CPUs.").waitFor();
  expect(workbench.complaints).toEqual([]);
});
