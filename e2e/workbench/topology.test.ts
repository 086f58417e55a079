/** The ranks that the open file declares, drawn while it is edited. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { command, explorerFile, panel, putFile, settled } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const FSDP = readFileSync(fileURLToPath(new URL("../../templates/fsdp.py", import.meta.url)), "utf8");

const { start } = inBrowser();

const topology = (page: Page) => panel(page, "topology");
/** The drawing as it stands, row by row: its first two steps. */
const drawn = async (page: Page) => {
  const rows = await topology(page).getByRole("table", { name: "ank" }).first().locator("tbody tr").allInnerTexts();
  return rows.map((row) => row.split(/\s*[\t\n]\s*/).filter((cell) => cell !== ""));
};
const firstCells = async (page: Page) => (await drawn(page)).map((row) => row.slice(0, 4));

async function opened(text: string) {
  const workbench = await start();
  putFile(workbench, "train.py", text);
  const page = await workbench.open();
  await explorerFile(page, "train.py").click();
  await page.locator(".monaco-editor.focused").waitFor();
  await command(page, "Show Topology");
  return { workbench, page };
}

async function typeAtTheTop(page: Page, text: string): Promise<void> {
  await panel(page, "editor").locator(".view-line").first().click();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type(text);
}

async function chooseProfile(page: Page, name: string): Promise<void> {
  await topology(page).getByRole("combobox", { name: "Profile" }).click();
  await page.getByRole("option", { name, exact: true }).click();
}

test("the drawing follows the strategy in the editor", async () => {
  const { workbench, page } = await opened(FSDP);
  await settled(() => firstCells(page)).toEqual([
    ["group 0", "r0", "0..3", "8..11"],
    ["group 1", "r1", "4..7", "12..15"],
  ]);
  await topology(page).getByText("dp 2 x tp 1 = 2").waitFor();

  // The first of two functions counts.
  await typeAtTheTop(page, 'def get_strategy(): return "tp"\n');
  await settled(() => firstCells(page)).toEqual([["group 0", "tensor parallel", "r0 part 1", "0..3"], ["r1 part 2"]]);
  await topology(page).getByText("dp 1 x tp 2 = 2").waitFor();

  await page.keyboard.press("Control+z");
  await topology(page).getByText("dp 2 x tp 1 = 2").waitFor();
  expect(workbench.complaints).toEqual([]);
});

test("a topology that does not fit is said in the scan's words, and can be drawn for the number it fits", async () => {
  const { page } = await opened('def get_strategy():\n    return {"dp_size": 2, "tp_size": 2}\n');
  await topology(page)
    .getByRole("alert")
    .getByText("declares dp_size 2 x tp_size 2 = 4 GPUs, but the evaluation uses 2: make the product 2.")
    .waitFor();
  await topology(page).getByRole("button", { name: "Draw it for 4 GPUs" }).click();
  await settled(() => firstCells(page)).toEqual([
    ["group 0", "tensor parallel", "r0 part 1", "0..3"],
    ["r1 part 2"],
    ["group 1", "tensor parallel", "r2 part 1", "4..7"],
    ["r3 part 2"],
  ]);
});

test("says what is missing: a file, a declaration, Python", async () => {
  const workbench = await start();
  putFile(workbench, "train.py", "x = 1\n");
  const page = await workbench.open();
  await command(page, "Show Topology");
  await topology(page).getByRole("heading", { name: "No file is open" }).waitFor();

  await explorerFile(page, "train.py").click();
  await topology(page).getByText("2 GPUs need a declared topology").waitFor();

  await typeAtTheTop(page, 'def get_strategy(): return "ddp"\n');
  await topology(page).getByText("dp 2 x tp 1 = 2").waitFor();
  await page.keyboard.type("x =\n");
  await topology(page).getByText("Line 2 is no Python yet. What is drawn is of the text before.").waitFor();
  expect(await firstCells(page)).toHaveLength(2);
});

test("production: the memory of a rank, the time that an MFU needs, and the steps by keyboard", async () => {
  const { workbench, page } = await opened(FSDP);
  await chooseProfile(page, "production-3b");
  await settled(async () => (await firstCells(page))[1]).toEqual(["group 1", "r1", "16..31", "48..63"]);

  await topology(page).getByText("estimate, not verified on a GPU").waitFor();
  await topology(page).getByRole("rowheader", { name: "Gathered by FSDP" }).waitFor();
  await topology(page).getByText("of 79.1 GiB, fits").waitFor();
  await topology(page).getByText("DDP", { exact: true }).click();
  await topology(page).getByRole("rowheader", { name: "Gathered by FSDP" }).waitFor({ state: "detached" });

  // 100 x 6 x 3,311,646,720 weights x 163,840 tokens / (312e12 x 2 GPUs x 50 %)
  await topology(page).getByText("the timed run takes 10.4 s").waitFor();
  await topology(page).getByRole("textbox", { name: "If it takes, in seconds" }).fill("20");
  await topology(page).getByText("MFU 26.09 %").waitFor();

  await topology(page)
    .getByRole("region", { name: /Batches/ })
    .focus();
  await page.keyboard.press("End");
  await topology(page).getByRole("columnheader", { name: "step 4" }).waitFor();
  await page.keyboard.press("Home");
  await topology(page).getByRole("columnheader", { name: "step 0" }).waitFor();

  // Kept for the next time.
  await page.reload();
  await settled(async () => (await firstCells(page))[1]).toEqual(["group 1", "r1", "16..31", "48..63"]);
  expect(workbench.complaints).toEqual([]);
});
