/**
 * The Bittensor wallets of a folder: names and addresses (spec/chain.md, "Wallet files"). Only the public files are read
 * for it; of those that hold secrets no byte is.
 *
 *     <folder>/<name>/coldkey, coldkeypub.txt
 *     <folder>/<name>/hotkeys/<hotkey>, <hotkey>pub.txt
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { CrusaderError } from "../../../common/errors.ts";
import { addressOf } from "./ss58.ts";

export type ListedKey = {
  name: string;
  /** Null where no public file says it, or one that cannot be believed; `problems` tells of the latter. */
  address: string | null;
  /** Whether there is a file with the secret. */
  hasSecret: boolean;
};

export type ListedWallet = { name: string; coldkey: ListedKey; hotkeys: ListedKey[] };

export type WalletListing = {
  wallets: ListedWallet[];
  /** What could not be read, each in a sentence. */
  problems: string[];
};

const PUBLIC_SUFFIX = "pub.txt";
/** Key files have some 600 bytes. */
const MAX_KEY_FILE_BYTES = 65_536;
const MAX_ENTRIES = 10_000;

const publicSchema = z.object({ publicKey: z.string().regex(/^0x[0-9a-f]{64}$/i), ss58Address: z.string() });

/** Where btcli keeps them: BT_WALLET_PATH, else `~/.bittensor/wallets`. */
export function walletsFolder(homeFolder: string, { BT_WALLET_PATH }: NodeJS.ProcessEnv = {}): string {
  if (!BT_WALLET_PATH) return join(homeFolder, ".bittensor", "wallets");
  return BT_WALLET_PATH === "~" || BT_WALLET_PATH.startsWith("~/")
    ? join(homeFolder, BT_WALLET_PATH.slice(1))
    : BT_WALLET_PATH;
}

/** Empty where there is no such folder. Never throws for what lies in it: that becomes a problem. */
export function listWallets(folder: string): WalletListing {
  const problems: string[] = [];
  const wallets = entriesOf(folder, problems).flatMap((name) => {
    const wallet = join(folder, name);
    if (!kindOf(wallet)?.isDirectory()) return [];
    const coldkey = listedKey("coldkey", wallet, problems);
    const hotkeysFolder = join(wallet, "hotkeys");
    const files = entriesOf(hotkeysFolder, problems);
    const hotkeys = [...new Set(files.map((file) => keyName(file, files)))].sort().flatMap((hotkey) => {
      const key = listedKey(hotkey, hotkeysFolder, problems);
      return key.hasSecret || key.address !== null ? [key] : [];
    });
    return coldkey.hasSecret || coldkey.address !== null || hotkeys.length > 0 ? [{ name, coldkey, hotkeys }] : [];
  });
  return { wallets, problems };
}

/** `h1` of `h1pub.txt`, whether or not its secret is here; a key may itself be named so. */
function keyName(file: string, files: readonly string[]): string {
  const isPublic = file.endsWith(PUBLIC_SUFFIX) && file !== PUBLIC_SUFFIX && !files.includes(`${file}${PUBLIC_SUFFIX}`);
  return isPublic ? file.slice(0, -PUBLIC_SUFFIX.length) : file;
}

function listedKey(name: string, folder: string, problems: string[]): ListedKey {
  const file = join(folder, `${name}${PUBLIC_SUFFIX}`);
  const hasSecret = kindOf(join(folder, name))?.isFile() === true;
  if (kindOf(file) === null) return { name, address: null, hasSecret };
  try {
    return { name, address: publicAddress(file), hasSecret };
  } catch (error) {
    if (!(error instanceof CrusaderError)) throw error;
    problems.push(error.message);
    return { name, address: null, hasSecret };
  }
}

/** What the public file beside a key file says; null where there is none. Throws `wallet_unreadable`, `access_denied`. */
export function publicAddressAt(keyFile: string): string | null {
  const file = `${keyFile}${PUBLIC_SUFFIX}`;
  return kindOf(file) === null ? null : publicAddress(file);
}

function publicAddress(file: string): string {
  const content = publicSchema.safeParse(parseJson(readKeyFile(file).toString("utf8"))).data;
  const address = content === undefined ? null : addressOf(Buffer.from(content.publicKey.slice(2), "hex"));
  if (address === null || address !== content?.ss58Address) {
    throw new CrusaderError("wallet_unreadable", `${file} is damaged: it does not hold a public key and its address.`);
  }
  return address;
}

/**
 * The bytes of a small regular file; links are followed, pipes and devices are not waited for. Throws `not_found`,
 * `access_denied`, `wallet_unreadable`.
 */
export function readKeyFile(path: string): Buffer {
  let file: number;
  try {
    // Windows knows no such flag, and no pipes with names in folders.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw openProblem(path, error as NodeJS.ErrnoException);
  }
  try {
    if (!fstatSync(file).isFile()) throw new CrusaderError("wallet_unreadable", `${path} is no file.`);
    const bytes = Buffer.alloc(MAX_KEY_FILE_BYTES + 1);
    const byteCount = readSync(file, bytes, 0, bytes.length, 0);
    if (byteCount > MAX_KEY_FILE_BYTES) {
      throw new CrusaderError("wallet_unreadable", `${path} is too large for a key file.`);
    }
    return bytes.subarray(0, byteCount);
  } finally {
    closeSync(file);
  }
}

/** Undefined for what is no JSON; the parser's own words would repeat the text, which may be a secret. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function openProblem(path: string, { code }: NodeJS.ErrnoException): CrusaderError {
  if (code === "ENOENT" || code === "ENOTDIR") return new CrusaderError("not_found", `There is no file ${path}.`);
  if (code === "EACCES" || code === "EPERM") {
    return new CrusaderError("access_denied", `${path} may not be read.`, "Check its owner and rights.");
  }
  return new CrusaderError("wallet_unreadable", `${path} cannot be opened (${code}).`);
}

/** Of what a link leads to; null for what is not there, or leads nowhere. */
function kindOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}

/** In order; hidden ones are not ours. */
function entriesOf(folder: string, problems: string[]): string[] {
  try {
    const names = readdirSync(folder).filter((name) => !name.startsWith("."));
    if (names.length > MAX_ENTRIES)
      problems.push(`${folder} holds more than ${MAX_ENTRIES} entries; the others are left out.`);
    return names.sort().slice(0, MAX_ENTRIES);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTDIR") problems.push(`${folder} cannot be read (${code}).`);
    return [];
  }
}
