import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ed25519 } from "@noble/curves/ed25519.js";
import { blake2b } from "@noble/hashes/blake2.js";
import { sr25519PairFromSeed, sr25519Verify } from "@polkadot/util-crypto/sr25519";
import { expect, onTestFinished, test } from "vitest";
import type { UnsignedExtrinsic } from "../../../common/chain.ts";
import { CrusaderError, type ErrorReport } from "../../../common/errors.ts";
import type { KeyReference } from "../../../common/wallets.ts";
import { addressOf, SigningRequests, WalletService, writeThrowawayWallet } from "./index.ts";

const FIXTURES = fileURLToPath(new URL("../../../../fixtures/wallets", import.meta.url));
const written = (...path: string[]) => JSON.parse(readFileSync(join(FIXTURES, "practice", ...path), "utf8"));
const PLAIN = written("hotkeys", "plain");
const ED25519 = written("hotkeys", "ed25519");
const ENCRYPTED = written("hotkeys", "encryptedpub.txt");

const hotkey = (name: string): KeyReference => ({ place: "bittensor", wallet: "practice", hotkey: name });
const bytesOf = (hex: string) => Buffer.from(hex.slice(2), "hex");

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "crusader-wallets-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

function withWallets(bittensor = FIXTURES) {
  const requests = new SigningRequests();
  const practice = join(emptyFolder(), "practice");
  return { requests, practice, wallets: new WalletService({ folders: { bittensor, practice }, requests }) };
}

function copiedWallets(): string {
  const folder = emptyFolder();
  cpSync(FIXTURES, folder, { recursive: true });
  return folder;
}

/** As the chain service prepares them; what is signed here are any bytes. */
function unsigned(address: string, signedBytes: Uint8Array): UnsignedExtrinsic {
  const hex = `0x${Buffer.from(signedBytes).toString("hex")}`;
  return {
    call: { kind: "set_commitment", netuid: 3, encrypted: "0x00", revealRound: 1 },
    decoded: { name: "Commitments.set_commitment", arguments: [] },
    payload: {
      address,
      blockHash: `0x${"11".repeat(32)}`,
      blockNumber: "0x00000001",
      era: "0x0500",
      genesisHash: `0x${"22".repeat(32)}`,
      method: hex.slice(0, 66),
      nonce: "0x00000000",
      specVersion: "0x00000157",
      tip: "0x00000000000000000000000000000000",
      transactionVersion: "0x00000001",
      signedExtensions: ["CheckNonce"],
      version: 4,
    },
    signedBytes: hex,
    byteCount: signedBytes.length,
    nonce: 0,
    firstBlock: 1,
    lastBlock: 64,
    specVersion: 343,
    feeRao: "0",
  };
}

async function reportOf(work: Promise<unknown>): Promise<ErrorReport> {
  const error = await work.then(
    () => expect.fail("it did not fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CrusaderError);
  return (error as CrusaderError).report();
}

test.each([
  ["at most 256 bytes", 256, (bytes: Uint8Array) => bytes],
  ["longer ones by their hash", 257, (bytes: Uint8Array) => blake2b(bytes, { dkLen: 32 })],
])("a prepared payload is signed: %s", async (_, byteCount, signed) => {
  const { wallets, requests } = withWallets();
  const bytes = new Uint8Array(byteCount).fill(7);
  const prepared = unsigned(PLAIN.ss58Address, bytes);
  requests.add(prepared);
  const signature = await wallets.sign(hotkey("plain"), prepared.payload, null);
  expect([signature.length, signature[0]]).toEqual([65, 1]);
  expect(sr25519Verify(signed(bytes), signature.subarray(1), bytesOf(PLAIN.publicKey))).toBe(true);
});

test("a key of the other kind says so in its signature", async () => {
  const { wallets, requests } = withWallets();
  const bytes = new Uint8Array(100).fill(7);
  const prepared = unsigned(ED25519.ss58Address, bytes);
  requests.add(prepared);
  const signature = await wallets.sign(hotkey("ed25519"), prepared.payload, null);
  expect([signature.length, signature[0]]).toEqual([65, 0]);
  expect(ed25519.verify(signature.subarray(1), bytes, bytesOf(ED25519.publicKey))).toBe(true);
});

test("an encrypted key signs with its password, one question after the other", async () => {
  const { wallets, requests } = withWallets();
  const bytes = new Uint8Array(100).fill(7);
  const prepared = unsigned(ENCRYPTED.ss58Address, bytes);
  requests.add(prepared);
  const sign = (password: string | null) => wallets.sign(hotkey("encrypted"), prepared.payload, password);
  const [wrong, none, signature] = await Promise.all([reportOf(sign("Hot")), reportOf(sign(null)), sign("hot")]);
  expect([wrong.code, none.code]).toEqual(["wrong_password", "wrong_password"]);
  expect(sr25519Verify(bytes, signature.subarray(1), bytesOf(ENCRYPTED.publicKey))).toBe(true);
});

test("nothing else is signed: no other payload, none that is over, none of another key", async () => {
  const { wallets, requests } = withWallets();
  const prepared = unsigned(PLAIN.ss58Address, new Uint8Array(100).fill(7));
  const { payload } = prepared;
  const notWaitedFor = {
    code: "conflict",
    message: "Crusader does not wait for this signature (any more). Nothing was signed.",
  };
  expect(await reportOf(wallets.sign(hotkey("plain"), payload, null))).toMatchObject(notWaitedFor);
  requests.add(prepared);
  expect(await reportOf(wallets.sign(hotkey("plain"), { ...payload, nonce: "0x00000001" }, null))).toMatchObject(
    notWaitedFor,
  );
  expect(await reportOf(wallets.sign(hotkey("plain"), { ...payload, mode: 0 }, null))).toMatchObject(notWaitedFor);
  expect(await reportOf(wallets.sign(hotkey("ed25519"), payload, null))).toMatchObject({
    code: "conflict",
    message: `This is to be signed by ${PLAIN.ss58Address}; the key file is that of ${ED25519.ss58Address}. Nothing was signed.`,
  });
  // In another order it is the same payload.
  const reversed = Object.fromEntries(Object.entries(payload).reverse()) as typeof payload;
  expect((await wallets.sign(hotkey("plain"), reversed, null)).length).toBe(65);
  requests.remove(prepared);
  expect(await reportOf(wallets.sign(hotkey("plain"), payload, null))).toMatchObject(notWaitedFor);
});

test("what was taken back while the file was opened is not signed", async () => {
  const { wallets, requests } = withWallets();
  const prepared = unsigned(PLAIN.ss58Address, new Uint8Array(100));
  requests.add(prepared);
  const signing = wallets.sign(hotkey("plain"), prepared.payload, null);
  requests.remove(prepared);
  expect(await reportOf(signing)).toMatchObject({ code: "conflict" });
});

const OTHER = `0x${Buffer.from(sr25519PairFromSeed(new Uint8Array(32).fill(9)).secretKey).toString("hex")}`;
const ZERO = `0x${"00".repeat(64)}`;
test.each<[string, object, string]>([
  ["another seed", { ...PLAIN, secretSeed: `0x${"09".repeat(32)}` }, "plain"],
  ["another private key", { ...PLAIN, privateKey: OTHER }, "plain"],
  ["another private key, and no seed", { ...PLAIN, privateKey: OTHER, secretSeed: null }, "plain"],
  ["no scalar", { ...PLAIN, privateKey: ZERO, secretSeed: null }, "plain"],
  ["another seed, of the other kind", { ...ED25519, secretSeed: `0x${"09".repeat(32)}` }, "ed25519"],
])("a key file with the secret of another key signs nothing: %s", async (_, content, name) => {
  const folder = copiedWallets();
  writeFileSync(join(folder, "practice", "hotkeys", name), JSON.stringify(content));
  const { wallets, requests } = withWallets(folder);
  const address = name === "plain" ? PLAIN.ss58Address : ED25519.ss58Address;
  const prepared = unsigned(address, new Uint8Array(100));
  requests.add(prepared);
  expect(await reportOf(wallets.sign(hotkey(name), prepared.payload, null))).toEqual({
    code: "wallet_unreadable",
    message: `The key file of ${address} is damaged: its secret is that of another key. Nothing was signed.`,
    hint: "Make it anew from its phrase with btcli (regen-hotkey, regen-coldkey).",
    detail: "",
  });
});

test.each(["secretSeed", "privateKey"])("a key file without its %s signs as well", async (missing) => {
  const folder = copiedWallets();
  writeFileSync(join(folder, "practice", "hotkeys", "plain"), JSON.stringify({ ...PLAIN, [missing]: null }));
  const { wallets, requests } = withWallets(folder);
  const bytes = new Uint8Array(100);
  const prepared = unsigned(PLAIN.ss58Address, bytes);
  requests.add(prepared);
  const signature = await wallets.sign(hotkey("plain"), prepared.payload, null);
  expect(sr25519Verify(bytes, signature.subarray(1), bytesOf(PLAIN.publicKey))).toBe(true);
});

test("who needs a password, and addresses of keys with and without a public file", async () => {
  const { wallets } = withWallets();
  const coldkey = { ...hotkey(""), hotkey: null };
  expect(
    [coldkey, hotkey("plain"), hotkey("encrypted"), hotkey("old")].map((key) => wallets.needsPassword(key)),
  ).toEqual([true, false, true, true]);
  expect(await wallets.addressOf(hotkey("encrypted"))).toBe(ENCRYPTED.ss58Address);
  expect(await reportOf(wallets.addressOf(hotkey("old")))).toMatchObject({
    code: "wallet_unreadable",
    hint: "Write the public file with btcli (wallet regen-hotkeypub, wallet regen-coldkeypub).",
  });
  expect(await reportOf(wallets.addressOf(hotkey("nobody")))).toMatchObject({ code: "not_found" });
  const folder = copiedWallets();
  rmSync(join(folder, "practice", "hotkeys", "plainpub.txt"));
  expect(await withWallets(folder).wallets.addressOf(hotkey("plain"))).toBe(PLAIN.ss58Address);
});

test("throwaway wallets are listed beside the user's own, and sign", async () => {
  const { wallets, practice, requests } = withWallets(emptyFolder());
  const first = await writeThrowawayWallet(practice, { wallet: "newcomer", hotkey: "h1" });
  const second = await writeThrowawayWallet(practice, { wallet: "newcomer", hotkey: "h2" });
  expect(second.coldkeyAddress).toBe(first.coldkeyAddress);
  expect(await reportOf(writeThrowawayWallet(practice, { wallet: "newcomer", hotkey: "h1" }))).toMatchObject({
    code: "conflict",
    message: "The wallet newcomer has a hotkey h1 already.",
  });
  expect(wallets.list()).toEqual({
    wallets: [
      {
        place: "practice",
        name: "newcomer",
        coldkey: { name: "coldkey", address: first.coldkeyAddress, hasSecret: true },
        hotkeys: [
          { name: "h1", address: first.hotkeyAddress, hasSecret: true },
          { name: "h2", address: second.hotkeyAddress, hasSecret: true },
        ],
      },
    ],
    problems: [],
  });
  const key: KeyReference = { place: "practice", wallet: "newcomer", hotkey: "h2" };
  const prepared = unsigned(second.hotkeyAddress, new Uint8Array(100));
  requests.add(prepared);
  expect((await wallets.sign(key, prepared.payload, null)).length).toBe(65);
  if (process.platform === "win32") return;
  expect(statSync(join(practice, "newcomer", "coldkey")).mode & 0o777).toBe(0o600);
});

/** Reads a wallet as its users' programs do, signs with it, and checks a signature of ours. */
const READ = `
import json, sys
from bittensor_wallet import Keypair, Wallet

folder, message, signature = sys.argv[1], bytes.fromhex(sys.argv[2]), bytes.fromhex(sys.argv[3])
wallet = Wallet(name="newcomer", hotkey="h1", path=folder)
print("READ", json.dumps({
    "coldkey": wallet.coldkey.ss58_address,
    "coldkeypub": wallet.coldkeypub.ss58_address,
    "hotkey": wallet.hotkey.ss58_address,
    "ours": Keypair(ss58_address=wallet.hotkey.ss58_address).verify(message, signature),
    "theirs": wallet.hotkey.sign(message).hex(),
}))
`;

test("PyPI's bittensor-wallet reads a throwaway wallet, and each takes the other's signature", async (context) => {
  const python = process.env.CRUSADER_PYTHON_ENV;
  if (!python) return context.skip("needs python: CRUSADER_PYTHON_ENV names no environment");
  if (spawnSync(python, ["-c", "import bittensor_wallet"]).status !== 0) {
    return context.skip("needs python: the environment lacks bittensor-wallet (simulator-image/requirements-test.txt)");
  }
  const { wallets, practice, requests } = withWallets(emptyFolder());
  const { coldkeyAddress, hotkeyAddress } = await writeThrowawayWallet(practice, { wallet: "newcomer", hotkey: "h1" });
  const bytes = new Uint8Array(100).fill(5);
  const prepared = unsigned(hotkeyAddress, bytes);
  requests.add(prepared);
  const ours = await wallets.sign({ place: "practice", wallet: "newcomer", hotkey: "h1" }, prepared.payload, null);
  const hex = (content: Uint8Array) => Buffer.from(content).toString("hex");
  const { stdout, stderr, status } = spawnSync(python, ["-c", READ, practice, hex(bytes), hex(ours.subarray(1))], {
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
  const { theirs, ...read } = JSON.parse(/^READ (.*)$/m.exec(stdout)?.[1] ?? "");
  expect(read).toEqual({ coldkey: coldkeyAddress, coldkeypub: coldkeyAddress, hotkey: hotkeyAddress, ours: true });
  const { publicKey } = JSON.parse(readFileSync(join(practice, "newcomer", "hotkeys", "h1"), "utf8"));
  expect(addressOf(bytesOf(publicKey))).toBe(hotkeyAddress);
  expect(sr25519Verify(bytes, Buffer.from(theirs, "hex"), bytesOf(publicKey))).toBe(true);
});

test("a throwaway wallet takes no place of another's", async () => {
  const folder = emptyFolder();
  mkdirSync(join(folder, "odd"));
  writeFileSync(join(folder, "odd", "coldkey"), "somebody's");
  expect(await reportOf(writeThrowawayWallet(folder, { wallet: "odd", hotkey: "h1" }))).toMatchObject({
    code: "wallet_unreadable",
  });
  expect(readFileSync(join(folder, "odd", "coldkey"), "utf8")).toBe("somebody's");
});
