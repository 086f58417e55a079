/** From a proven file to a commitment that reveals, on the practice network, as a newcomer without a wallet walks it. */
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import {
  barriersInEveryTheme,
  command,
  explorerFile,
  panel,
  putFile,
  settled,
  takePicture,
  type Workbench,
} from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

/** The scripted judge goes by the first word, production's scan by the whole. */
const JUDGED = `pass\n${readFileSync(new URL("../../templates/single.py", import.meta.url), "utf8")}`;
const WALK_TIMEOUT_MS = 300_000;

const { start } = inBrowser();

const submit = (page: Page) => panel(page, "submission");
const region = (page: Page, name: string) => submit(page).getByRole("region", { name, exact: true });
const check = (page: Page, id: string) => region(page, "Preflight").locator(`[data-check="${id}"]`);
const step = (page: Page, name: string) => region(page, "Steps").locator(`[data-step="${name}"]`);

/** The file is open, and the practice network runs with a throwaway miner that is chosen. */
async function prepared(page: Page): Promise<void> {
  await explorerFile(page, "train.py").click();
  await panel(page, "editor").locator(".monaco-editor.focused").waitFor();
  await command(page, "Submit the active file");
  await region(page, "Practice network").getByRole("combobox", { name: "A block every" }).click();
  await page.getByRole("option", { name: "0.5 s" }).click();
  await submit(page).getByRole("button", { name: "Start the practice network" }).click();
  await submit(page).getByRole("button", { name: "Make a throwaway miner" }).click();
  await page.getByRole("region", { name: "Notifications" }).getByText("has uid 2").waitFor();
  for (const role of ["Hotkey", "Coldkey"]) {
    await submit(page).getByRole("combobox", { name: role, exact: true }).click();
    await page.getByRole("option", { name: /^practice/ }).click();
  }
}

test("file, practice network, miner, URL, preflight, fee, commit, reveal", { timeout: WALK_TIMEOUT_MS }, async () => {
  const workbench = await start();
  putFile(workbench, "train.py", JUDGED);
  const page = await workbench.open();
  await prepared(page);
  await check(page, "proof").getByText("No simulation has judged exactly these bytes.").waitFor();
  await region(page, "File and proof").getByRole("button", { name: "Simulate" }).click();
  await panel(page, "result").getByText("Passed").first().waitFor();
  await submit(page).getByRole("button", { name: "Publish on the practice network" }).click();
  await region(page, "Preflight")
    .getByText(/Nothing blocks/)
    .first()
    .waitFor();
  await page.screenshot({ path: "/tmp/shots/compose.png" });
  await submit(page).getByRole("button", { name: "Review what would be signed" }).click();
  await submit(page)
    .getByRole("button", { name: /^Begin the submission/ })
    .waitFor();
  await page.screenshot({ path: "/tmp/shots/review.png" });
  await submit(page)
    .getByRole("button", { name: /^Begin the submission/ })
    .click();
  await step(page, "stake").getByRole("button", { name: "Sign and pay 0.05 TAO" }).click();
  await step(page, "transfer").getByRole("button", { name: "Sign and transfer the stake" }).click();
  await step(page, "commit").getByRole("button", { name: "Sign and commit" }).click();
  await region(page, "Reveal and evaluation").getByText("revealed", { exact: true }).waitFor();
  await page.screenshot({ path: "/tmp/shots/revealed.png" });
  expect(workbench.complaints).toEqual([]);
});
