/** The key files that Crusader may use: named, asked for their address, and signing what a submission waits for. */
import { join } from "node:path";
import type { SignerPayload } from "../../../common/chain.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { KeyReference, WalletList } from "../../../common/wallets.ts";
import { eraseKey, keyEncryption, readKey, unreadableEncryption } from "./key-file.ts";
import { signPayload } from "./sign.ts";
import type { SigningRequests } from "./signing-requests.ts";
import { listWallets, publicAddressAt } from "./wallet-list.ts";

export type WalletServiceOptions = {
  /** The folder of each place. */
  folders: Readonly<Record<KeyReference["place"], string>>;
  requests: SigningRequests;
};

export class WalletService {
  readonly #folders: WalletServiceOptions["folders"];
  readonly #requests: SigningRequests;
  /** Opening an encrypted file takes half a gigabyte: one at a time. */
  #signing: Promise<unknown> = Promise.resolve();

  constructor({ folders, requests }: WalletServiceOptions) {
    this.#folders = folders;
    this.#requests = requests;
  }

  /** By the public files alone; of those that hold secrets no byte is read. Never throws. */
  list(): WalletList {
    const listed = (["bittensor", "practice"] as const).map((place) => {
      const { wallets, problems } = listWallets(this.#folders[place]);
      return { wallets: wallets.map((wallet) => ({ place, ...wallet })), problems };
    });
    return { wallets: listed.flatMap(({ wallets }) => wallets), problems: listed.flatMap(({ problems }) => problems) };
  }

  /** Throws `not_found`, `access_denied`, `wallet_unreadable`; `unsupported` for a file that Crusader does not open. */
  needsPassword(key: KeyReference): boolean {
    const path = this.#pathOf(key);
    const encryption = keyEncryption(path);
    if (encryption === "fernet") throw unreadableEncryption(path);
    return encryption !== "none";
  }

  /**
   * The address of a key: from its public file, or, where older programs wrote none, from the key file itself if that is not
   * encrypted. Throws as `readKey` does.
   */
  async addressOf(key: KeyReference): Promise<string> {
    const path = this.#pathOf(key);
    const listed = publicAddressAt(path);
    if (listed !== null) return listed;
    if (keyEncryption(path) !== "none") {
      throw new CrusaderError(
        "wallet_unreadable",
        `The address of ${path} is not known: it is encrypted and has no public file beside it.`,
        "Write the public file with btcli (wallet regen-hotkeypub, wallet regen-coldkeypub).",
      );
    }
    const found = await readKey(path, null);
    eraseKey(found);
    return found.address;
  }

  /**
   * Signs what `requests` holds for this payload: 65 bytes, the signature's kind first. The password is kept nowhere.
   *
   * Throws `conflict` for a payload that nothing waits for, or that is another key's, and as `readKey` and `signPayload` do.
   */
  async sign(
    key: KeyReference,
    payload: SignerPayload,
    password: string | null,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    this.#requests.find(payload);
    const work = this.#signing.then(() => this.#signNow(key, payload, password, signal));
    this.#signing = work.catch(() => undefined);
    return await work;
  }

  async #signNow(key: KeyReference, payload: SignerPayload, password: string | null, signal?: AbortSignal) {
    signal?.throwIfAborted();
    const secret = await readKey(this.#pathOf(key), password, signal);
    try {
      if (secret.address !== payload.address) {
        throw new CrusaderError(
          "conflict",
          `This is to be signed by ${payload.address}; the key file is that of ${secret.address}. Nothing was signed.`,
          "Choose the key that the submission names.",
        );
      }
      // Opening the file took a while: what is signed is what is waited for now.
      const { signedBytes } = this.#requests.find(payload);
      return await signPayload(secret, Buffer.from(signedBytes.slice(2), "hex"));
    } finally {
      eraseKey(secret);
    }
  }

  #pathOf({ place, wallet, hotkey }: KeyReference): string {
    const folder = join(this.#folders[place], wallet);
    return hotkey === null ? join(folder, "coldkey") : join(folder, "hotkeys", hotkey);
  }
}
