/** Wallets for the practice network, in the form in which PyPI's bittensor-wallet writes them: not encrypted, worth nothing. */
import { randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CrusaderError } from "../../../common/errors.ts";
import { ensureFolder, writeProblem } from "../storage/index.ts";
import { withoutCofactor } from "./sign.ts";
import { addressOf } from "./ss58.ts";
import { publicAddressAt } from "./wallet-list.ts";

const SEED_BYTES = 32;

export type ThrowawayWallet = { coldkeyAddress: string; hotkeyAddress: string };

/**
 * Writes a hotkey, and its wallet's coldkey unless that is there already, under new random keys. `wallet` and `hotkey` are
 * names as `walletNameSchema` allows them.
 *
 * Throws `conflict` where the hotkey is there already, `wallet_unreadable` for a coldkey without its public file, `disk_full`,
 * `data_folder`.
 */
export async function writeThrowawayWallet(
  folder: string,
  { wallet, hotkey }: { wallet: string; hotkey: string },
): Promise<ThrowawayWallet> {
  const coldkeyFile = join(folder, wallet, "coldkey");
  const hotkeyFile = join(folder, wallet, "hotkeys", hotkey);
  if (existsSync(hotkeyFile)) {
    throw new CrusaderError("conflict", `The wallet ${wallet} has a hotkey ${hotkey} already.`, "Choose another name.");
  }
  ensureFolder(join(folder, wallet, "hotkeys"));
  const coldkeyAddress = existsSync(coldkeyFile) ? publicAddressAt(coldkeyFile) : await writeKey(coldkeyFile);
  if (coldkeyAddress === null) {
    throw new CrusaderError(
      "wallet_unreadable",
      `${coldkeyFile} has no public file beside it.`,
      "Choose another name.",
    );
  }
  return { coldkeyAddress, hotkeyAddress: await writeKey(hotkeyFile) };
}

/** Returns its address. */
async function writeKey(path: string): Promise<string> {
  const { sr25519PairFromSeed } = await import("@polkadot/util-crypto/sr25519");
  const seed = randomBytes(SEED_BYTES);
  const { publicKey, secretKey } = sr25519PairFromSeed(seed);
  const hex = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString("hex")}`;
  const shown = {
    accountId: hex(publicKey),
    publicKey: hex(publicKey),
    ss58Address: addressOf(publicKey),
    // sr25519
    cryptoType: 1,
  };
  // The public file first: a key file without one would be listed without its address.
  write(`${path}pub.txt`, JSON.stringify(shown));
  write(path, JSON.stringify({ ...shown, privateKey: hex(withoutCofactor(secretKey)), secretSeed: hex(seed) }));
  return shown.ss58Address;
}

function write(path: string, content: string): void {
  try {
    // Only the key file itself decides whether there is a key; a public file that a crash left alone is written anew.
    writeFileSync(path, content, { flag: path.endsWith("pub.txt") ? "w" : "wx", mode: 0o600, flush: true });
  } catch (error) {
    throw writeProblem(error, path);
  }
}
