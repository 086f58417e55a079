/** The practice network's card: what it says and does beside the walk in submit.test.ts. */
import type { Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { PracticeService } from "../../app/main/services/practice/index.ts";
import { barriersInEveryTheme, command, panel } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const { start } = inBrowser();

const card = (page: Page) => panel(page, "submission").getByRole("region", { name: "Practice network", exact: true });
const button = (page: Page, name: string) => card(page).getByRole("button", { name });

async function opened() {
  const workbench = await start();
  const page = await workbench.open();
  await command(page, "Submit the active file");
  await button(page, "Start the practice network").waitFor();
  return { workbench, page };
}

test("it is started, stopped, gone on with and forgotten by keys, and says what is refused", async () => {
  const { workbench, page } = await opened();
  const { practice, dataFolder } = workbench.services;
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);
  await button(page, "Start the practice network").press("Enter");
  await card(page)
    .getByText(/^Runs: block \d+, final up to \d+, 2 s a block, netuid 3$/)
    .waitFor();
  await card(page).getByRole("textbox", { name: "Hotkey" }).press("Enter");
  await page.getByText("Miner practice/miner has uid 2").waitFor();
  await button(page, "Make a throwaway miner").press("Enter");
  await card(page).getByRole("alert").getByText("The wallet practice has a hotkey miner already.").waitFor();
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);

  await button(page, "Stop it").press("Enter");
  await button(page, "Start it again").waitFor();
  // Its end is the network's, which the window says.
  const other = new PracticeService({ dataFolder });
  onTestFinished(() => other.close());
  await other.start();
  await card(page).getByText("Another process of Crusader runs it, and ends it when it ends.").waitFor();
  await button(page, "Forget all of it...").press("Enter");
  await button(page, "Keep them").press("Enter");
  expect((await practice.status()).state).toBe("running");
  await button(page, "Forget all of it...").press("Enter");
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);
  await button(page, "Delete them").press("Enter");
  await button(page, "Start the practice network").waitFor();
  expect(await other.status()).toMatchObject({ state: "stopped", hasChain: false });
  expect(workbench.services.wallets.list().wallets).toEqual([]);
  expect(workbench.complaints).toEqual([]);
});
