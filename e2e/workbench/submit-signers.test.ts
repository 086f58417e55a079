/** A submission in the window that no key file of this machine signs: a browser's extension pays, another machine commits. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { PracticeMiner } from "../../app/common/practice.ts";
import type { Signer } from "../../app/common/wallets.ts";
import { readKey, signPayload } from "../../app/main/services/wallets/index.ts";
import { extensionScript } from "./extension-double.ts";
import { barriersInEveryTheme, command, panel, putFile, settled } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

/** The scripted judge goes by the first word, production's scan by the whole. */
const JUDGED = `pass\n${readFileSync(new URL("../../templates/single.py", import.meta.url), "utf8")}`;
const PRODUCTION = new URL("../../hparams/production-2026-04.json", import.meta.url);
/** What is prepared can be signed for 64 blocks. */
const SECONDS_PER_BLOCK = 2;
const QUICK_SECONDS_PER_BLOCK = 0.5;
const WALK_TIMEOUT_MS = 300_000;

const { start } = inBrowser();

/** A file that was judged and lies where the validator would fetch it, a miner of the practice network, and a submission of the two. */
async function begun(secondsPerBlock: number, signers: (miner: PracticeMiner) => { hotkey: Signer; coldkey: Signer }) {
  const workbench = await start({
    prepare: (dataFolder) => {
      mkdirSync(join(dataFolder, "hparams"));
      const patient = { ...JSON.parse(readFileSync(PRODUCTION, "utf8")), reveal_blocks: 300 };
      writeFileSync(join(dataFolder, "hparams", "patient.json"), JSON.stringify(patient));
    },
  });
  const { services } = workbench;
  const path = putFile(workbench, "train.py", JUDGED);
  await services.practice.start(secondsPerBlock);
  const miner = await services.practice.createMiner({ wallet: "w", hotkey: "h" });
  const { url } = await services.practice.publish(Buffer.from(JUDGED));
  const { runId } = await services.runs.start({
    path,
    sandbox: "none",
    profile: "rehearsal",
    backend: "scripted",
    repeats: 1,
  });
  for await (const { result } of services.runs.follow(runId, 0, undefined)) if (result !== null) break;
  await services.submission.begin({
    profile: "patient",
    network: "practice",
    url,
    ...signers(miner),
    payment: null,
    read: async () => ({ fileName: "train.py", bytes: Buffer.from(JUDGED) }),
  });
  return { workbench, services, miner, url };
}

test("an extension pays the fee, another machine signs the commitment", { timeout: WALK_TIMEOUT_MS }, async () => {
  const { workbench, services, miner, url } = await begun(SECONDS_PER_BLOCK, (made) => ({
    hotkey: { kind: "cold", address: made.hotkeyAddress },
    coldkey: { kind: "extension", address: made.coldkeyAddress },
  }));
  const { hotkeyAddress } = miner;
  const page = await workbench.open();
  const keys = join(services.dataFolder, "practice", "wallets", "w");
  const { secretSeed } = JSON.parse(readFileSync(join(keys, "coldkey"), "utf8"));
  const seed = [...Buffer.from(secretSeed.slice(2), "hex")];
  await page.evaluate(await extensionScript({ name: "talisman", accounts: [{ name: "Paying", seed, prefix: 42 }] }));
  await command(page, "Own submissions");
  const submit = panel(page, "submission");
  await submit.getByRole("button", { name: /^Go on/ }).click();
  const step = (name: string) => submit.locator(`[data-step="${name}"]`);
  await step("stake").getByText("No connected extension shows this account.").waitFor();
  await step("stake").getByRole("button", { name: "Connect talisman" }).click();
  await step("stake").getByRole("button", { name: "Sign and pay 0.05 TAO" }).click();
  await step("transfer").getByRole("button", { name: "Sign and transfer the stake" }).click();

  await step("commit").getByRole("heading", { name: "On the machine with the key" }).waitFor();
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);
  await step("commit").getByRole("button", { name: "Copy the script" }).click();
  const script = await page.evaluate<string>("navigator.clipboard.readText()");
  const payload = Buffer.from(/fromhex\("([0-9a-f]+)"\)/.exec(script)?.[1] ?? "", "hex");
  // The script itself: signers.test.ts.
  const signature = await signPayload(await readKey(join(keys, "hotkeys", "h"), null), payload);
  const answer = step("commit").getByLabel("Signature, or the whole signed extrinsic");
  const use = step("commit").getByRole("button", { name: "Use this signature" });
  await answer.fill(`0x00${Buffer.from(signature.subarray(1)).toString("hex")}`);
  await use.click();
  await step("commit")
    .getByText(/That is no signature by/)
    .waitFor();
  await answer.fill(`0x${Buffer.from(signature).toString("hex")}`);
  await use.click();
  await submit.getByRole("region", { name: "Reveal and evaluation" }).waitFor();
  const committed = { state: "committed", url, hotkeyAddress, problem: null };
  await settled(() => services.submission.list()).toEqual([expect.objectContaining(committed)]);
  expect(workbench.complaints).toEqual([]);
});

test("what is not signed in time is said to be over, and one button prepares it again", {
  timeout: WALK_TIMEOUT_MS,
}, async () => {
  const key = { place: "practice", wallet: "w" } as const;
  const { workbench, services } = await begun(QUICK_SECONDS_PER_BLOCK, () => ({
    hotkey: { kind: "file", key: { ...key, hotkey: "h" } },
    coldkey: { kind: "file", key: { ...key, hotkey: null } },
  }));
  const page = await workbench.open();
  await command(page, "Own submissions");
  const submit = panel(page, "submission");
  await submit.getByRole("button", { name: /^Go on/ }).click();
  const stake = submit.locator('[data-step="stake"]');
  const timeLeft = stake.getByText(/can be signed until block [\d,]+: \d+ blocks?(?:, about \d+ s)?\.$/);
  await timeLeft.waitFor();
  await stake.getByText("expired: it was not signed and sent in time").waitFor();
  await stake.getByText("All that was done before is kept", { exact: false }).waitFor();
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);
  const again = stake.getByRole("button", { name: "Prepare it again" });
  await again.press("Enter");
  await timeLeft.waitFor();
  // Also while there is time: what is looked at for long is signed with all of it.
  const prepared = await timeLeft.textContent();
  await settled(() => timeLeft.textContent()).not.toBe(prepared);
  const shownBlocks = stake.getByText(/signs for .* for blocks/);
  const before = await shownBlocks.textContent();
  await again.click();
  await settled(() => shownBlocks.textContent()).not.toBe(before);
  await stake.getByRole("button", { name: "Sign and pay 0.05 TAO" }).click();
  await submit.locator('[data-step="stake"][data-state="finalized"]').waitFor();
  expect(services.submission.list()).toMatchObject([{ state: "open", problem: null }]);
  expect(workbench.complaints).toEqual([]);
});
