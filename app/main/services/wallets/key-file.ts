/**
 * Reads the secret of a Bittensor key file, for one use (spec/chain.md, "Wallet files"). Nothing that lies in such a file
 * gets into an error.
 */
import { createDecipheriv, createHmac, pbkdf2Sync, timingSafeEqual } from "node:crypto";
import { Worker } from "node:worker_threads";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { z } from "zod";
import { CrusaderError } from "../../../common/errors.ts";
import type { KeyWorkerSetup } from "./key-worker.ts";
import { addressOf } from "./ss58.ts";
import { parseJson, readKeyFile } from "./wallet-list.ts";

/** `nacl`: today's; `ansible`: an older one; `fernet`: the oldest, which Crusader does not read. */
export type KeyEncryption = "none" | "nacl" | "ansible" | "fernet";

export type Key = {
  address: string;
  publicKey: Uint8Array;
  scheme: "sr25519" | "ed25519";
  /** 64 bytes for sr25519; null where the file holds none. At least one of both is there. */
  privateKey: Uint8Array | null;
  /** 32 bytes. */
  seed: Uint8Array | null;
};

const NACL = Buffer.from("$NACL");
const ANSIBLE = Buffer.from("$ANSIBLE_VAULT");
const FERNET = Buffer.from("gAAAA");
/** Published in the wallets' source, and the same for everybody. */
const NACL_SALT = Buffer.from("137183dff15a09bc9c90b5518739e9b1", "hex");
const NACL_NONCE_BYTES = 24;
const ANSIBLE_ITERATIONS = 10_000;

const hexBytes = (...byteCounts: number[]) =>
  z
    .string()
    .regex(/^0x(?:[0-9a-f]{2})+$/i)
    .transform((text) => new Uint8Array(Buffer.from(text.slice(2), "hex")))
    .refine(({ length }) => byteCounts.includes(length))
    .nullish();

const keySchema = z.object({
  publicKey: hexBytes(32),
  accountId: hexBytes(32),
  privateKey: hexBytes(32, 64),
  secretSeed: hexBytes(32),
  ss58Address: z.string(),
  cryptoType: z.union([z.literal(0), z.literal(1)]).default(1),
});

/** How a key file is encrypted: whether a password is needed. Throws as `readKeyFile` does. */
export function keyEncryption(path: string): KeyEncryption {
  const bytes = readKeyFile(path);
  const encryption = encryptionOf(bytes);
  bytes.fill(0);
  return encryption;
}

/**
 * The key in a file. `password` is not looked at where the file is not encrypted. Takes seconds where it is. Who asked ends
 * the key with `eraseKey`; that its secret belongs to its public key is checked when it signs.
 *
 * Throws `not_found`, `access_denied`, `wallet_unreadable`, `wrong_password`, `unsupported`, or the signal's reason.
 */
export async function readKey(path: string, password: string | null, signal?: AbortSignal): Promise<Key> {
  const bytes = readKeyFile(path);
  try {
    return await openKey(path, bytes, password, signal);
  } finally {
    bytes.fill(0);
  }
}

/** The secret's bytes become zeros. What JavaScript keeps as text on the way (the file's JSON, the password) is left to its memory management. */
export function eraseKey(key: Key): void {
  key.privateKey?.fill(0);
  key.seed?.fill(0);
}

async function openKey(path: string, bytes: Buffer, password: string | null, signal?: AbortSignal): Promise<Key> {
  const encryption = encryptionOf(bytes);
  if (encryption === "none") return keyOf(path, bytes);
  if (encryption === "fernet") throw unreadableEncryption(path);
  if (password === null) throw new CrusaderError("wrong_password", `${path} is encrypted: it needs its password.`);
  const opened =
    encryption === "nacl" ? await openNacl(path, bytes, password, signal) : openAnsible(path, bytes, password);
  if (opened === null) {
    throw new CrusaderError(
      "wrong_password",
      `The password does not open ${path}.`,
      "Should it be right, the file is damaged.",
    );
  }
  try {
    return keyOf(path, opened);
  } finally {
    opened.fill(0);
  }
}

/** Of a file with Fernet's encryption. */
export function unreadableEncryption(path: string): CrusaderError {
  return new CrusaderError(
    "unsupported",
    `${path} is encrypted in the oldest way (Fernet), which Crusader does not read.`,
    "Make it anew from its phrase with btcli (regen-hotkey, regen-coldkey).",
  );
}

function encryptionOf(bytes: Buffer): KeyEncryption {
  const beginsWith = (mark: Buffer) => bytes.subarray(0, mark.length).equals(mark);
  if (beginsWith(NACL)) return "nacl";
  if (beginsWith(ANSIBLE)) return "ansible";
  return beginsWith(FERNET) ? "fernet" : "none";
}

function keyOf(path: string, bytes: Uint8Array): Key {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  const content = keySchema.safeParse(parseJson(text)).data;
  const publicKey = content?.publicKey ?? content?.accountId;
  const { privateKey = null, secretSeed: seed = null } = content ?? {};
  if (
    content === undefined ||
    publicKey === null ||
    publicKey === undefined ||
    (privateKey === null && seed === null)
  ) {
    throw new CrusaderError(
      "wallet_unreadable",
      `${path} holds no key that Crusader knows.`,
      "It may be damaged, or no key file.",
    );
  }
  if (addressOf(publicKey) !== content.ss58Address) {
    throw new CrusaderError("wallet_unreadable", `${path} is damaged: its address is not that of its public key.`);
  }
  const scheme = content.cryptoType === 1 ? "sr25519" : "ed25519";
  return { address: content.ss58Address, publicKey, scheme, privateKey, seed };
}

/** "$NACL", nonce, and libsodium's secretbox with a key by argon2i13. Null for a wrong password. */
async function openNacl(
  path: string,
  bytes: Buffer,
  password: string,
  signal?: AbortSignal,
): Promise<Uint8Array | null> {
  const nonce = bytes.subarray(NACL.length, NACL.length + NACL_NONCE_BYTES);
  const box = bytes.subarray(NACL.length + NACL_NONCE_BYTES);
  if (box.length <= 16) throw new CrusaderError("wallet_unreadable", `${path} is damaged: it breaks off.`);
  const key = await derivedKey({ password: new TextEncoder().encode(password), salt: NACL_SALT }, signal);
  try {
    return xsalsa20poly1305(key, Uint8Array.from(nonce)).decrypt(Uint8Array.from(box));
  } catch {
    return null;
  } finally {
    key.fill(0);
  }
}

async function derivedKey(setup: KeyWorkerSetup, signal?: AbortSignal): Promise<Uint8Array> {
  signal?.throwIfAborted();
  const worker = new Worker(new URL("./key-worker.ts", import.meta.url), {
    workerData: setup,
    // Moved, not copied: the thread overwrites it.
    transferList: [setup.password.buffer],
    // Flags of the process that are meant for its own input (--input-type) would fail the thread.
    execArgv: [],
  });
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const abort = () => reject(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  const failed = () =>
    reject(
      new CrusaderError(
        "unsupported",
        "The password cannot be tried on this machine.",
        "It takes 0.6 GB of free memory.",
      ),
    );
  worker.once("message", resolve);
  worker.once("error", failed);
  worker.once("exit", failed);
  try {
    return await promise;
  } finally {
    signal?.removeEventListener("abort", abort);
    await worker.terminate();
  }
}

/** Ansible's vault 1.1: AES-256-CTR and an HMAC, with keys by PBKDF2; hexadecimal lines. Null for a wrong password. */
function openAnsible(path: string, bytes: Buffer, password: string): Uint8Array | null {
  const [header = "", ...lines] = bytes.toString("latin1").trim().split(/\r?\n/);
  const parts = fromHex(lines.join(""))?.toString("latin1").split("\n").map(fromHex) ?? [];
  const [salt, mac, box] = parts;
  if (!header.endsWith(";1.1;AES256") || parts.length !== 3 || !salt || !mac || !box || mac.length !== 32) {
    throw new CrusaderError(
      "wallet_unreadable",
      `${path} is damaged, or encrypted in a way that Crusader does not read.`,
    );
  }
  const derived = pbkdf2Sync(password, salt, ANSIBLE_ITERATIONS, 80, "sha256");
  const expected = createHmac("sha256", derived.subarray(32, 64)).update(box).digest();
  if (!timingSafeEqual(expected, mac)) return null;
  const decipher = createDecipheriv("aes-256-ctr", derived.subarray(0, 32), derived.subarray(64));
  const padded = Buffer.concat([decipher.update(box), decipher.final()]);
  derived.fill(0);
  return padded.subarray(0, padded.length - (padded.at(-1) ?? 0));
}

function fromHex(text: string): Buffer | null {
  return /^(?:[0-9a-f]{2})+$/i.test(text) ? Buffer.from(text, "hex") : null;
}
