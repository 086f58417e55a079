/** Which chain, and how the connection to it stands: the picker of the submit panel, and the status bar. */
import type { Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { PracticeNode } from "../../app/main/services/practice/index.ts";
import { barriersInEveryTheme, command, panel, settled } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const { start } = inBrowser();

const submit = (page: Page) => panel(page, "submission");
const bar = (page: Page, network: string) => page.getByRole("contentinfo").getByRole("button", { name: network });

async function chooseNetwork(page: Page, name: string): Promise<void> {
  await submit(page).getByRole("combobox", { name: "Network", exact: true }).click();
  await page.getByRole("option", { name, exact: true }).click();
}

test("a chain is shown from when it is used, by name or address, with what stands in the way", async () => {
  const workbench = await start();
  const page = await workbench.open();
  await panel(page, "editor").waitFor();
  expect(await bar(page, "practice").count()).toBe(0);

  await command(page, "Show Submit");
  await bar(page, "practice").getByText("not running").waitFor();
  await submit(page).getByRole("button", { name: "Start the practice network" }).waitFor();
  await workbench.services.practice.start(1);
  await bar(page, "practice")
    .getByText(/^#\d+, \d+ s, spec 343$/)
    .waitFor();

  const node = await PracticeNode.start({ paced: false, faults: { isSyncing: true } });
  onTestFinished(() => node.stop());
  await chooseNetwork(page, "A node's address");
  const address = submit(page).getByRole("textbox", { name: "Node's address" });
  await address.fill("https://node.example");
  await address.press("Enter");
  await submit(page).getByText("It begins with wss:// or ws://, without user or password.").waitFor();
  await address.fill(node.endpoint);
  await address.press("Enter");
  const { host } = new URL(node.endpoint);
  await bar(page, host).getByText(/^#0, /).waitFor();
  await submit(page).getByText("The node is catching up with the chain.").first().waitFor();
  expect(await bar(page, host).getAttribute("title")).toMatch(/^The node is catching up with the chain\. Wait/);
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);

  await node.stop();
  await bar(page, host).getByText("reconnecting").waitFor();
  await chooseNetwork(page, "practice");
  await bar(page, "practice")
    .getByText(/^#\d+, /)
    .waitFor();
  await bar(page, "practice").click();
  await settled(() =>
    page.evaluate<boolean>("document.activeElement?.closest('[data-panel=submission]') !== null"),
  ).toBe(true);
  expect(workbench.complaints).toEqual([]);
});
