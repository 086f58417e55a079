/** Who signs, in the window: key files with and without passwords, a browser's extension that behaves and misbehaves, another machine. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TypeRegistry } from "@polkadot/types";
import { blake2AsU8a } from "@polkadot/util-crypto/blake2";
import { sr25519PairFromSeed, sr25519Verify } from "@polkadot/util-crypto/sr25519";
import type { Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import type { SignerPayload, UnsignedExtrinsic } from "../../app/common/chain.ts";
import { Chains } from "../../app/main/services/chain/index.ts";
import { PracticeNode } from "../../app/main/services/practice/index.ts";
import { addressOf, writeThrowawayWallet } from "../../app/main/services/wallets/index.ts";
import { extensionScript } from "./extension-double.ts";
import { barriers, settled, type Workbench } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";
import type { ExtensionControl } from "./signers-page/extension-control.ts";

const { start } = inBrowser(fileURLToPath(new URL("signers-page.config.ts", import.meta.url)));

const FIXTURES = fileURLToPath(new URL("../../fixtures/wallets", import.meta.url));
const publicKeyOf = (name: string): string =>
  JSON.parse(readFileSync(join(FIXTURES, "practice", name), "utf8")).publicKey;
const bytesOf = (hex: string) => Buffer.from(hex.slice(2), "hex");
const PLAIN = bytesOf(publicKeyOf("hotkeys/plainpub.txt"));

const SEEDS = { first: new Array(32).fill(1), second: new Array(32).fill(2) };
const EXTENSION = {
  name: "polkadot-js",
  // Extensions write addresses as their users like them: here as Polkadot does.
  accounts: [
    { name: "Mining", seed: SEEDS.first, prefix: 0 },
    { name: "Savings", seed: SEEDS.second, prefix: 42 },
  ],
};
const MINING = sr25519PairFromSeed(Uint8Array.from(SEEDS.first)).publicKey;

/** An extrinsic as the chain service prepares it. The bytes are those of the client library that extensions sign with. */
function prepared(publicKey: Uint8Array, call: UnsignedExtrinsic["call"], methodBytes = 60): UnsignedExtrinsic {
  const payload: SignerPayload = {
    address: addressOf(publicKey),
    blockHash: `0x${"11".repeat(32)}`,
    blockNumber: "0x000003e8",
    era: "0x8502",
    genesisHash: `0x${"22".repeat(32)}`,
    method: `0x0701${"5a".repeat(methodBytes)}`,
    nonce: "0x00000004",
    specVersion: "0x00000157",
    tip: "0x00000000000000000000000000000000",
    transactionVersion: "0x00000001",
    signedExtensions: [
      "CheckSpecVersion",
      "CheckTxVersion",
      "CheckGenesis",
      "CheckMortality",
      "CheckNonce",
      "ChargeTransactionPayment",
    ],
    version: 4,
  };
  const registry = new TypeRegistry();
  registry.setSignedExtensions(payload.signedExtensions);
  // biome-ignore lint/suspicious/noExplicitAny: hexadecimal texts, which the library types more narrowly
  const bytes = registry.createType("ExtrinsicPayload", payload as any, { version: 4 }).toU8a({ method: true });
  return {
    call,
    decoded: {
      name: "SubtensorModule.add_stake",
      arguments: [{ name: "amount_staked", value: "0.05 TAO (50,000,000 rao)" }],
    },
    payload,
    signedBytes: `0x${Buffer.from(bytes).toString("hex")}`,
    byteCount: bytes.length,
    nonce: 4,
    firstBlock: 1000,
    lastBlock: 1063,
    specVersion: 343,
    feeRao: null,
  };
}

const COMMIT: UnsignedExtrinsic["call"] = { kind: "set_commitment", netuid: 3, encrypted: "0x00", revealRound: 1 };
const STAKE: UnsignedExtrinsic["call"] = {
  kind: "add_stake",
  hotkey: addressOf(PLAIN),
  netuid: 3,
  amountRao: "50000000",
};

type Shown = {
  role: "hotkey" | "coldkey";
  network: string;
  unsigned: UnsignedExtrinsic | null;
  blockedBy?: string;
  refusal?: string;
};

const show = (page: Page, detail: Shown) =>
  page.evaluate(`dispatchEvent(new CustomEvent("show", { detail: ${JSON.stringify(detail)} }))`);

const picker = (page: Page, label: string) => page.getByRole("combobox", { name: label });

async function pick(page: Page, label: string, option: RegExp): Promise<void> {
  await picker(page, label).click();
  await page.getByRole("option", { name: option }).click();
}

const shownSigner = (page: Page) => page.getByTestId("signer").textContent();

async function signatureIn(page: Page): Promise<Uint8Array> {
  await settled(() => page.getByTestId("signed").textContent()).not.toBe("null");
  const signed = JSON.parse((await page.getByTestId("signed").textContent()) ?? "");
  expect(signed).toEqual({ kind: "signature", signature: expect.stringMatching(/^0x/) });
  return bytesOf(signed.signature);
}

/** As the chain checks it. */
function isValid(signature: Uint8Array, { signedBytes }: UnsignedExtrinsic, publicKey: Uint8Array): boolean {
  const bytes = bytesOf(signedBytes);
  const message = bytes.length > 256 ? blake2AsU8a(bytes) : bytes;
  return signature[0] === 1 && sr25519Verify(message, signature.subarray(1), publicKey);
}

async function withFixtures(): Promise<{ workbench: Workbench; page: Page }> {
  const workbench = await start();
  cpSync(FIXTURES, join(workbench.home, ".bittensor", "wallets"), { recursive: true });
  return { workbench, page: await workbench.open() };
}

async function withExtension(control: Partial<Pick<ExtensionControl, "access" | "signing">> = {}) {
  const workbench = await start();
  const page = await workbench.open();
  await page.evaluate(await extensionScript(EXTENSION));
  await tell(page, control);
  return { workbench, page };
}

const tell = (page: Page, control: Partial<Pick<ExtensionControl, "access" | "signing">>) =>
  page.evaluate(`Object.assign(window.extension, ${JSON.stringify(control)})`);

test("a hotkey's file signs what is waited for, found by its name, with the keyboard alone", async () => {
  const { workbench, page } = await withFixtures();
  const unsigned = prepared(PLAIN, COMMIT, 400);
  await show(page, { role: "hotkey", network: "finney", unsigned });
  await picker(page, "Hotkey").focus();
  await page.keyboard.type("plain");
  await page.keyboard.press("ArrowDown");
  await page.getByRole("option", { name: /practice \/ plain/ }).waitFor();
  await page.getByRole("option", { name: /practice \/ plain/ }).click();
  await page.getByText(addressOf(PLAIN)).first().waitFor();
  const sign = page.getByRole("button", { name: "Sign and commit" });
  await sign.focus();
  await page.keyboard.press("Enter");
  await page.getByText("Crusader does not wait for this signature (any more). Nothing was signed.").waitFor();
  expect(await barriers(page)).toEqual([]);

  workbench.services.signingRequests.add(unsigned);
  await sign.focus();
  await page.keyboard.press("Enter");
  expect(isValid(await signatureIn(page), unsigned, PLAIN)).toBe(true);
  expect(workbench.complaints).toEqual([]);
});

test("a coldkey's password is asked for one signature: wrong, declined, right", async () => {
  const { workbench, page } = await withFixtures();
  // The encryption that opens in no time: how long the other takes is the machine's affair.
  const wallet = join(workbench.home, ".bittensor", "wallets", "practice");
  cpSync(join(wallet, "hotkeys", "old"), join(wallet, "coldkey"));
  cpSync(join(wallet, "hotkeys", "plainpub.txt"), join(wallet, "coldkeypub.txt"));
  const unsigned = prepared(PLAIN, STAKE);
  workbench.services.signingRequests.add(unsigned);
  await show(page, { role: "coldkey", network: "finney", unsigned });
  await pick(page, "Coldkey", /practice \(coldkey\)/);
  const sign = page.getByRole("button", { name: "Sign and pay 0.05 TAO" });
  await sign.click();
  const password = page.getByLabel("Password of practice (coldkey)");
  await settled(() => password.evaluate((input) => input.matches(":focus"))).toBe(true);
  expect([await password.getAttribute("type"), await barriers(page)]).toEqual(["password", []]);
  await page.getByRole("button", { name: "Cancel" }).click();
  await password.waitFor({ state: "detached" });
  expect(await page.getByTestId("signed").textContent()).toBe("null");

  await sign.click();
  await settled(() => password.evaluate((input) => input.matches(":focus"))).toBe(true);
  await page.keyboard.type("another word");
  await page.keyboard.press("Enter");
  await page.getByText(/The password does not open .*coldkey/).waitFor();
  await settled(() => password.evaluate((input) => input.matches(":focus"))).toBe(true);
  expect(await password.inputValue()).toBe("");
  await page.keyboard.type("an older pass");
  await page.keyboard.press("Enter");
  expect(isValid(await signatureIn(page), unsigned, PLAIN)).toBe(true);
  expect(await page.content()).not.toContain("an older pass");
  expect(workbench.complaints).toEqual([]);
});

test("the practice network has its own wallets, and others are offered none of them", async () => {
  const { workbench, page } = await withFixtures();
  const names = async () => {
    await picker(page, "Hotkey").click();
    await page.getByRole("option").first().waitFor();
    const found = await page.getByRole("option").allTextContents();
    await page.keyboard.press("Escape");
    return found.map((name) => name.replace(/ {2}.*/, ""));
  };
  await page.getByText("No practice wallet yet").waitFor();
  expect(await names()).toEqual(["Type an address..."]);
  await writeThrowawayWallet(join(workbench.services.dataFolder, "practice", "wallets"), {
    wallet: "newcomer",
    hotkey: "h1",
  });
  // The list is read again when somebody looks.
  await names();
  await settled(names).toEqual(["newcomer / h1", "Type an address..."]);
  await show(page, { role: "hotkey", network: "test", unsigned: null });
  await settled(names).toEqual([
    "practice / ed25519",
    "practice / encrypted",
    "practice / old",
    "practice / plain",
    "Type an address...",
  ]);
  // An encrypted file without a public one: its address cannot be known.
  await pick(page, "Hotkey", /practice \/ old/);
  await page.getByText("is not known: it is encrypted and has no public file beside it").waitFor();
  expect(workbench.complaints).toEqual([]);
});

test("an extension signs what the chain prepared, under the page's own policy", async () => {
  const node = await PracticeNode.start({ paced: false, secondsPerBlock: 12 });
  onTestFinished(() => node.stop());
  const chains = new Chains({
    resolve: () => ({ endpoint: node.endpoint, beacon: node.beacon, secondsPerBlock: 12 }),
  });
  onTestFinished(() => chains.close());
  const chain = await chains.open("practice");
  const unsigned = await chain.prepare(STAKE, addressOf(MINING));
  const { workbench, page } = await withExtension();
  await show(page, { role: "coldkey", network: "finney", unsigned });
  // Nothing is asked before somebody asks for it.
  expect(await page.evaluate("window.extension.asked")).toEqual([]);
  await pick(page, "Coldkey", /Connect polkadot-js/);
  await pick(page, "Coldkey", /Mining \(polkadot-js\)/);
  expect(await shownSigner(page)).toBe(JSON.stringify({ kind: "extension", address: addressOf(MINING) }));
  await page.getByRole("button", { name: "Sign and pay 0.05 TAO" }).click();
  const signature = `0x${Buffer.from(await signatureIn(page)).toString("hex")}`;
  const { hash } = await chain.assemble(unsigned, { kind: "signature", signature });
  expect(hash).toMatch(/^0x[0-9a-f]{64}$/);
  expect(await page.evaluate("[window.extension.asked, window.extension.payloads]")).toEqual([
    ["Crusader"],
    [unsigned.payload],
  ]);
  expect(await barriers(page)).toEqual([]);
  expect(workbench.complaints).toEqual([]);
});

test("an extension that denies access is asked again, one that waits is given up, and neither stands in the way of the own wallets", async () => {
  const { workbench, page } = await withExtension({ access: "denied" });
  const practice = join(workbench.services.dataFolder, "practice", "wallets");
  const { hotkeyAddress } = await writeThrowawayWallet(practice, { wallet: "newcomer", hotkey: "h1" });
  const { publicKey } = JSON.parse(readFileSync(join(practice, "newcomer", "hotkeys", "h1"), "utf8"));
  const unsigned = prepared(bytesOf(publicKey), COMMIT);
  workbench.services.signingRequests.add(unsigned);
  await show(page, { role: "hotkey", network: "practice", unsigned });
  await pick(page, "Hotkey", /Connect polkadot-js/);
  await page.getByText("polkadot-js gave no access.").waitFor();
  expect(await barriers(page)).toEqual([]);

  await tell(page, { access: "waits" });
  await pick(page, "Hotkey", /Ask polkadot-js again/);
  await page.getByText("Waiting for polkadot-js").waitFor();
  await pick(page, "Hotkey", /newcomer \/ h1/);
  await page.getByText(hotkeyAddress).first().waitFor();
  await page.getByRole("button", { name: "Sign and commit" }).click();
  expect(isValid(await signatureIn(page), unsigned, bytesOf(publicKey))).toBe(true);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Waiting for polkadot-js").waitFor({ state: "detached" });
  // The library says in the console that access was denied.
  expect(workbench.complaints).toEqual(["Error initializing polkadot-js: The source has been rejected"]);
});

test("an extension that denies, is locked, answers nonsense, or lost the account", async () => {
  const { workbench, page } = await withExtension({ signing: "denies" });
  const unsigned = prepared(MINING, STAKE);
  await show(page, { role: "coldkey", network: "finney", unsigned });
  await pick(page, "Coldkey", /Connect polkadot-js/);
  await pick(page, "Coldkey", /Mining \(polkadot-js\)/);
  const sign = page.getByRole("button", { name: "Sign and pay 0.05 TAO" });
  await sign.click();
  await page.getByText("polkadot-js did not sign: Cancelled").waitFor();
  await tell(page, { signing: "nonsense" });
  await sign.click();
  await page.getByText("polkadot-js answered what is no signature of a Bittensor key.").waitFor();
  await tell(page, { signing: "waits" });
  await sign.click();
  await page.getByText("Waiting for polkadot-js: compare what it shows, and confirm there.").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Waiting for polkadot-js").waitFor({ state: "detached" });
  // What comes after that counts no more.
  await page.evaluate("window.extension.release()");
  await page.evaluate('window.extension.show(["Savings"])');
  await page.getByText("No connected extension shows this account. Connect the one that holds it.").waitFor();
  expect(await page.getByTestId("signed").textContent()).toBe("null");
  await page.evaluate('window.extension.show(["Mining", "Savings"])');
  await tell(page, { signing: "signs" });
  await sign.click();
  expect(isValid(await signatureIn(page), unsigned, MINING)).toBe(true);
  expect(workbench.complaints).toEqual([]);
});

test("what is refused after the signature is said, and it can be signed again; what blocks is said before", async () => {
  const { workbench, page } = await withFixtures();
  const unsigned = prepared(PLAIN, COMMIT);
  workbench.services.signingRequests.add(unsigned);
  await show(page, { role: "hotkey", network: "finney", unsigned, refusal: "This is not its signature." });
  await pick(page, "Hotkey", /practice \/ plain/);
  const sign = page.getByRole("button", { name: "Sign and commit" });
  await sign.click();
  await page.getByText("This is not its signature.").waitFor();
  await show(page, { role: "hotkey", network: "finney", unsigned, blockedBy: "Hosted file: it has changed." });
  await page.getByText("Hosted file: it has changed.").waitFor();
  expect(await sign.isDisabled()).toBe(true);
  await show(page, { role: "hotkey", network: "finney", unsigned });
  await sign.click();
  expect(isValid(await signatureIn(page), unsigned, PLAIN)).toBe(true);
});

/** A wallet as another machine has it, and what the script prints there. */
function signedThere(python: string, script: string, args: readonly string[], home: string): string {
  const file = join(home, "sign.py");
  writeFileSync(file, script);
  const { stdout, stderr, status } = spawnSync(python, [file, ...args], { encoding: "utf8", env: { HOME: home } });
  expect([status, stderr]).toEqual([0, ""]);
  return stdout;
}

test.for<[string, "hotkey" | "coldkey", UnsignedExtrinsic["call"], number]>([
  ["a coldkey", "coldkey", STAKE, 60],
  ["a hotkey, and a long payload", "hotkey", COMMIT, 400],
])(
  "another machine signs with the script that is shown, and its answer is pasted: %s",
  async ([_, role, call, methodBytes], context) => {
    const python = process.env.CRUSADER_PYTHON_ENV;
    if (!python) return context.skip("needs python: CRUSADER_PYTHON_ENV names no environment");
    if (spawnSync(python, ["-c", "import bittensor_wallet"]).status !== 0) {
      return context.skip(
        "needs python: the environment lacks bittensor-wallet (simulator-image/requirements-test.txt)",
      );
    }
    const workbench = await start();
    const page = await workbench.open();
    const away = mkdtempSync(join(tmpdir(), "crusader-away-"));
    onTestFinished(() => rmSync(away, { recursive: true }));
    const folder = join(away, ".bittensor", "wallets");
    mkdirSync(folder, { recursive: true });
    const made = await writeThrowawayWallet(folder, { wallet: "cold", hotkey: "h1" });
    const file = role === "coldkey" ? join(folder, "cold", "coldkey") : join(folder, "cold", "hotkeys", "h1");
    const publicKey = bytesOf(JSON.parse(readFileSync(file, "utf8")).publicKey);
    const unsigned = prepared(publicKey, call, methodBytes);
    const hostile = { name: "amount\nimport os; os.abort()", value: "1\u2028\rimport os; os.abort()" };
    unsigned.decoded.arguments.push(hostile);
    const label = role === "coldkey" ? "Coldkey" : "Hotkey";
    await show(page, { role, network: "finney", unsigned });
    await pick(page, label, /Type an address/);
    const field = page.getByLabel(`Address of the ${role}`);
    await field.fill(unsigned.payload.address.replace(/.$/, (last) => (last === "1" ? "2" : "1")));
    await page.getByText("This is no address.").waitFor();
    await field.fill(role === "coldkey" ? made.coldkeyAddress : made.hotkeyAddress);
    await page.getByRole("heading", { name: "On the machine with the key" }).waitFor();
    expect(await barriers(page)).toEqual([]);
    await page.getByRole("button", { name: "Copy the script" }).click();
    const script = await page.evaluate<string>("navigator.clipboard.readText()");
    expect(script).toContain("#     amount?import os; os.abort(): 1??import os; os.abort()");

    const answer = page.getByLabel("Signature, or the whole signed extrinsic");
    const use = page.getByRole("button", { name: "Use this signature" });
    await answer.fill("0x1234");
    await page.getByText("This breaks off").waitFor();
    expect(await use.isDisabled()).toBe(true);
    await answer.fill(signedThere(python, script, role === "coldkey" ? ["cold"] : ["cold", "h1"], away));
    await use.click();
    const signature = await signatureIn(page);
    expect(isValid(Uint8Array.of(1, ...signature), unsigned, publicKey)).toBe(true);
    expect(workbench.complaints).toEqual([]);
  },
);
