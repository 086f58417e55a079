/** From a proven file to a commitment that reveals, on the practice network, as a newcomer without a wallet walks it. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { PracticeNode } from "../../app/main/services/practice/index.ts";
import { bench } from "../../app/main/services/submission/bench.ts";
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

const TEMPLATE = readFileSync(new URL("../../templates/single.py", import.meta.url), "utf8");
/** The scripted judge goes by the first word, production's scan by the whole. */
const JUDGED = `pass\n${TEMPLATE}`;
const WALK_TIMEOUT_MS = 300_000;
const BEGIN = /^Begin the submission/;

const { start } = inBrowser();

const submit = (page: Page) => panel(page, "submission");
const region = (page: Page, name: string) => submit(page).getByRole("region", { name, exact: true });
const button = (page: Page, name: string | RegExp) => submit(page).getByRole("button", { name });
const step = (page: Page, name: string) => region(page, "Steps").locator(`[data-step="${name}"]`);
const notifications = (page: Page) => page.getByRole("region", { name: "Notifications" });

async function choose(page: Page, field: string, option: string | RegExp): Promise<void> {
  await submit(page).getByRole("combobox", { name: field, exact: true }).click();
  await page.getByRole("option", { name: option, exact: true }).click();
}

/** The file is open in the editor, and the panel shows what it would submit. */
async function opened(page: Page): Promise<void> {
  await explorerFile(page, "train.py").click();
  await panel(page, "editor").locator(".monaco-editor.focused").waitFor();
  await command(page, "Submit the active file");
  await region(page, "File and proof").getByText("train.py").waitFor();
}

/**
 * The practice network runs with a miner, which signs from now on. A commitment has to be in one of sixteen blocks: at two a
 * second that would be little time on a busy machine.
 */
async function practising(page: Page, pace: string): Promise<void> {
  await choose(page, "A block every", pace);
  await button(page, "Start the practice network").click();
  await button(page, "Make a throwaway miner").click();
  await notifications(page).getByText("has uid 2").waitFor();
}

/** Judged, and where the validator would fetch it. */
async function published(page: Page): Promise<void> {
  await region(page, "File and proof").getByRole("button", { name: "Simulate" }).click();
  await panel(page, "result").getByText("Passed").first().waitFor();
  await button(page, "Publish on the practice network").click();
  await region(page, "Preflight")
    .getByText(/^Nothing blocks/)
    .first()
    .waitFor();
}

async function reviewed(page: Page): Promise<void> {
  await button(page, "Review what would be signed").click();
  await button(page, BEGIN).and(submit(page).locator(":enabled")).waitFor();
}

/** That check blocks, for that reason, and nothing can be reviewed. */
async function blocks(page: Page, id: string, reason: string | RegExp): Promise<void> {
  const shown = region(page, "Preflight").locator(`[data-check="${id}"][data-state="block"]`);
  await shown.getByText(reason).first().waitFor();
  await button(page, "Review what would be signed").and(submit(page).locator(":disabled")).waitFor();
}

/** For the documentation. */
async function pictured({ services }: Workbench, page: Page, name: string): Promise<void> {
  await page.setViewportSize({ width: 1280, height: 800 });
  for (const theme of ["light", "dark"] as const) {
    services.settings.change({ theme });
    await page.locator(`html[data-appearance="${theme}"]`).waitFor();
    await takePicture(page, name, theme);
  }
}

test("a newcomer pays, commits and is revealed; the list keeps the proof", { timeout: WALK_TIMEOUT_MS }, async () => {
  const workbench = await start();
  putFile(workbench, "train.py", JUDGED);
  const page = await workbench.open();
  await opened(page);
  await practising(page, "1 s");
  await published(page);
  await reviewed(page);
  expect(await region(page, "Extrinsics").locator("[data-step] summary .mono").allInnerTexts()).toEqual([
    "SubtensorModule.add_stake",
    "SubtensorModule.transfer_stake",
    "Commitments.set_commitment",
  ]);
  await button(page, "Begin the submission with a fee of 0.05 TAO (50,000,000 rao)").click();
  await step(page, "stake").getByRole("button", { name: "Sign and pay 0.05 TAO" }).click();
  await step(page, "stake").getByText("finalized in block").waitFor();
  await step(page, "transfer").getByRole("button", { name: "Sign and transfer the stake" }).click();
  await step(page, "commit").getByRole("button", { name: "Sign and commit" }).click();
  const reveal = region(page, "Reveal and evaluation");
  await reveal.getByText(/blocks?, about|due now/).waitFor();
  await reveal.getByText("revealed", { exact: true }).waitFor();
  const [submission] = workbench.services.submission.list();
  const { block, extrinsicIndex } = submission?.payment ?? {};
  const committed = `${submission?.sha256.slice(0, 32)}:${block}:${extrinsicIndex}:${submission?.url}`;
  await reveal.getByText(committed).waitFor();
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);

  await button(page, "All submissions").click();
  await region(page, "Own submissions")
    .locator("[data-submission]")
    .getByText(`block ${block}, extrinsic ${extrinsicIndex}`)
    .waitFor();
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);
  const download = page.waitForEvent("download");
  await button(page, "Save as Markdown").click();
  const saved = readFileSync(await (await download).path(), "utf8");
  expect(saved).toContain(String(submission?.steps[1]?.extrinsicHash));

  // The next one of this hotkey has to wait, and to lie elsewhere.
  await button(page, "New submission").click();
  await submit(page)
    .getByRole("textbox", { name: "URL" })
    .fill(submission?.url ?? "");
  await blocks(page, "interval", /before 360 the validator skips the next one/);
  await blocks(page, "url", /was committed before/);
  expect(workbench.complaints).toEqual([]);
});

test("nobody is kept out of filling in, reviewing and signing", { timeout: WALK_TIMEOUT_MS }, async () => {
  const workbench = await start();
  putFile(workbench, "train.py", JUDGED);
  const page = await workbench.open();
  const found: Record<string, string[]> = {};
  const look = async (name: string) => {
    const barriers = await barriersInEveryTheme(workbench, page);
    if (barriers.length > 0) found[name] = barriers;
  };
  await opened(page);
  await look("nothing filled in");
  await practising(page, "2 s");
  await published(page);
  await page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })");
  await look("filled in");
  await reviewed(page);
  await pictured(workbench, page, "submit-review");
  await page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })");
  await look("review");
  await button(page, BEGIN).click();
  await button(page, "Sign and pay 0.05 TAO").waitFor();
  await pictured(workbench, page, "submit-sign");
  await look("a step to be signed");
  await button(page, "Abandon").click();
  await page.getByRole("dialog").waitFor();
  await look("abandoning");
  expect([found, workbench.complaints]).toEqual([{}, []]);
});

test("by the keyboard, over a reload: what was begun is not overlooked, and goes on where it stood", {
  timeout: WALK_TIMEOUT_MS,
}, async () => {
  const workbench = await start();
  putFile(workbench, "train.py", JUDGED);
  const page = await workbench.open();
  await opened(page);
  await practising(page, "1 s");
  await published(page);
  const focused = () =>
    page.evaluate<string>(`(() => {
      const { activeElement: { tagName, textContent, dataset } } = document;
      return (dataset.panel ?? tagName) + " " + textContent.trim().slice(0, 40);
    })()`);
  const press = async (name: string | RegExp) => {
    await button(page, name).and(submit(page).locator(":enabled")).focus();
    await page.keyboard.press("Enter");
  };
  await press("Review what would be signed");
  await settled(focused).toBe("H2 Review: train.py on practice");
  await page.keyboard.press("Tab");
  await settled(focused).toBe("BUTTON Back");
  await page.keyboard.press("Enter");
  await button(page, "Review what would be signed").waitFor();
  await press("Review what would be signed");
  await press(BEGIN);
  await settled(focused).toBe("H2 train.py on practice");
  await button(page, "Sign and pay 0.05 TAO").waitFor();

  await page.reload();
  await page.getByRole("contentinfo").getByRole("button", { name: "1 submission on the way" }).focus();
  await page.keyboard.press("Enter");
  await press(/^Go on with train.py/);
  await press("Sign and pay 0.05 TAO");
  await button(page, "Sign and transfer the stake").waitFor();
  expect(await focused()).toBe("H4 Transfer the stake");
  await press("Sign and transfer the stake");
  await step(page, "commit").getByRole("button", { name: "Sign and commit" }).waitFor();

  // Given up after it was paid: the payment is there for the next one, which then takes no money.
  await press("Abandon");
  await page.getByRole("dialog").getByRole("button", { name: "Abandon it" }).focus();
  await page.keyboard.press("Enter");
  await submit(page).getByText("abandoned", { exact: true }).first().waitFor();
  const [abandoned] = workbench.services.submission.list();
  await step(page, "commit").getByText("not sent").waitFor();
  await press("Cite it in a new submission");
  await submit(page).getByText("paid before; nothing is paid again").waitFor();
  await press("Publish on the practice network");
  await press("Review what would be signed");
  await press(BEGIN);
  await press("Sign and commit");
  await region(page, "Reveal and evaluation").getByText("revealed", { exact: true }).waitFor();
  const [citing] = workbench.services.submission.list();
  expect([citing?.payment, citing?.steps.map((one) => one.step), workbench.complaints]).toEqual([
    abandoned?.payment,
    ["commit"],
    [],
  ]);
});

test("whatever blocks is shown with its reason, and nothing can be reviewed until it is gone", {
  timeout: WALK_TIMEOUT_MS,
}, async () => {
  const workbench = await start();
  const file = putFile(workbench, "train.py", `weight_mismatch\nimport os\n${TEMPLATE}`);
  const page = await workbench.open();
  const passes = (id: string) =>
    region(page, "Preflight")
      .locator(`[data-check="${id}"]`)
      .and(submit(page).locator("[data-state=pass], [data-state=warn]"))
      .waitFor();
  await opened(page);
  await region(page, "Review").getByText("Give the URL where the file lies.").waitFor();

  await practising(page, "1 s");
  await blocks(page, "url", "There is no URL yet.");
  await blocks(page, "proof", "No simulation has judged exactly these bytes.");
  await passes("registered");
  await region(page, "File and proof").getByRole("button", { name: "Simulate" }).click();
  await blocks(page, "proof", /^.*the last of exactly these bytes, failed/);
  await blocks(page, "scan", /scan rejects the file/);

  const url = submit(page).getByRole("textbox", { name: "URL" });
  await url.fill("https://github.com/somebody/train/blob/main/train.py");
  await blocks(page, "url", /page around a file/);
  await url.fill(`https://127.0.0.1/${"long/".repeat(20)}train.py`);
  await blocks(page, "size", /128/);
  await blocks(page, "hosted", /./);
  await url.fill("");

  await panel(page, "submission").waitFor();
  writeFileSync(file, JUDGED);
  await command(page, "Show Submit");
  await button(page, "Check again").click();
  await passes("scan");
  await published(page);
  const [hosted] = [await url.inputValue()];
  // What the file holds now is checked without being asked for.
  writeFileSync(file, `${JUDGED}# changed since\n`);
  await blocks(page, "hosted", /is not the file that was judged/);
  writeFileSync(file, JUDGED);
  await region(page, "Preflight")
    .getByText(/^Nothing blocks/)
    .first()
    .waitFor();
  expect(await url.inputValue()).toBe(hosted);

  await button(page, "Stop it").click();
  await button(page, "Check again").click();
  await blocks(page, "node", /./);
  await button(page, "Start it again").click();
  await region(page, "Preflight")
    .getByText(/^Nothing blocks/)
    .first()
    .waitFor();

  // A chain of one's own by its address: its beacon is not the one that the code knows.
  const node = await PracticeNode.start({ secondsPerBlock: 0.5 });
  onTestFinished(() => node.stop());
  const { hotkey, coldkey } = await node.createMiner({ rao: 20_000_000n });
  const stranger = await node.createMiner();
  await choose(page, "Network", "A node's address");
  await submit(page)
    .getByRole("textbox", { name: /address/i })
    .fill(node.endpoint);
  await page.keyboard.press("Enter");
  const typeAddress = async (role: string, address: string) => {
    await choose(page, role, "Type an address...");
    await submit(page)
      .getByRole("textbox", { name: `Address of the ${role.toLowerCase()}` })
      .fill(address);
  };
  await typeAddress("Hotkey", node.owner.coldkey.address);
  await blocks(page, "registered", /is not registered/);
  await typeAddress("Hotkey", hotkey.address);
  await passes("registered");
  await blocks(page, "drand", /./);
  await blocks(page, "payment", /A fee is due/);
  await typeAddress("Coldkey", stranger.coldkey.address);
  await blocks(page, "payment", /only from the owner of the hotkey/);
  await typeAddress("Coldkey", coldkey.address);
  await blocks(page, "balance", /0\.02 TAO/);
  expect(workbench.complaints).toEqual([]);
});

test("a submission whose node is gone goes on over another one of the same chain, and of no other", {
  timeout: WALK_TIMEOUT_MS,
}, async () => {
  const { service, close, order, node, dataFolder: before } = await bench();
  const gone = "ws://127.0.0.1:1";
  await service.begin({ ...order, network: gone });
  await close();
  const stranger = await PracticeNode.start({ paced: false });
  onTestFinished(() => stranger.stop());
  const workbench = await start({
    prepare: (dataFolder) => cpSync(join(before, "submitted"), join(dataFolder, "submitted"), { recursive: true }),
  });
  const page = await workbench.open();
  await command(page, "Own submissions");
  await button(page, /^Go on with train.py/).click();
  await region(page, "Submission").getByText("no connection").waitFor();
  await button(page, "Another node...").click();
  const dialog = page.getByRole("dialog", { name: "Go on over another node" });
  const address = dialog.getByRole("textbox", { name: "Node's address" });
  const goOn = dialog.getByRole("button", { name: "Go on over it" });
  expect([await address.inputValue(), await goOn.isDisabled()]).toEqual([gone, true]);
  await address.fill(stranger.endpoint);
  await page.keyboard.press("Enter");
  await goOn.click();
  await dialog.getByText(/is another chain than the one/).waitFor();
  expect([await barriersInEveryTheme(workbench, page), workbench.services.submission.list()]).toEqual([
    [],
    [expect.objectContaining({ network: gone })],
  ]);

  await address.fill(node.endpoint);
  await page.keyboard.press("Enter");
  await goOn.click();
  await submit(page)
    .getByRole("heading", { name: `train.py on ${node.endpoint}` })
    .waitFor();
  await region(page, "Submission").getByText(/^#/).waitFor();
  expect([workbench.services.submission.list(), workbench.complaints]).toEqual([
    [expect.objectContaining({ network: node.endpoint, state: "open" })],
    [],
  ]);
});
