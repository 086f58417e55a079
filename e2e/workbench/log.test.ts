/** Whose lines the log shows. */
import { expect, test } from "vitest";
import { copiedLog, explorerFile, log, panel, putFile, settled } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const { start } = inBrowser();

test("the log shows one rank's lines, chosen by keyboard, and remembers whose", async () => {
  const workbench = await start();
  workbench.services.settings.change({
    simulation: { profile: "rehearsal", backend: "scripted", numRanks: 2, repeats: null },
  });
  putFile(workbench, "train.py", "lines");
  const page = await workbench.open();
  await explorerFile(page, "train.py").click();
  await panel(page, "editor").locator(".monaco-editor.focused").waitFor();
  await page.keyboard.press("Control+Enter");
  await panel(page, "result").getByText("Passed").first().waitFor();
  await log(page).getByText("step 99999", { exact: true }).waitFor();
  const choice = panel(page, "simulation").getByRole("combobox", { name: "Lines of" });
  const ofRankOne = Array.from({ length: 50_000 }, (_value, index) => `[rank 1] step ${2 * index + 1}`);

  await choice.focus();
  await page.keyboard.press("ArrowDown");
  await page.getByRole("option", { name: "Rank 1" }).waitFor();
  for (const key of ["ArrowDown", "ArrowDown", "Enter"]) await page.keyboard.press(key);
  await settled(() => choice.inputValue()).toBe("Rank 1");
  await log(page).getByText("step 99999", { exact: true }).waitFor();
  await settled(async () => (await copiedLog(page)).split("\n")).toEqual(ofRankOne);
  await page.getByRole("textbox", { name: "Search the log" }).fill("step 50122");
  await panel(page, "simulation").getByText("not found").waitFor();
  await page.getByRole("textbox", { name: "Search the log" }).fill("");

  await page.reload();
  await log(page).getByText("step 99999", { exact: true }).waitFor();
  expect(await choice.inputValue()).toBe("Rank 1");
  await settled(async () => (await copiedLog(page)).split("\n")).toEqual(ofRankOne);

  await choice.click();
  await page.getByRole("option", { name: "No rank" }).click();
  await log(page)
    .getByText(/^judging /)
    .waitFor();
  await settled(() => copiedLog(page)).toMatch(/^judging \S+$/);
  expect(workbench.complaints).toEqual([]);
});
