/** The key files that the services list. */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { CrusaderError } from "../../../common/errors.ts";
import type { KeyReference, WalletList } from "../../../common/wallets.ts";
import { client } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";

type Known = {
  /** Null until they were read. */
  list: WalletList | null;
  /** Why they could not be read. */
  error: CrusaderError | null;
  /** Of keys without a public file that were chosen here: their addresses, by `keyText`. */
  asked: Readonly<Record<string, string>>;
};

const known = createStore<Known>(() => ({ list: null, error: null, asked: {} }));

export function useWallets(): Known {
  return useStore(known);
}

/** Throws nothing: what went wrong is told where the list would be. Also after a wallet was made elsewhere. */
export async function loadWallets(): Promise<void> {
  try {
    known.setState({ list: await client.wallets.list(), error: null });
  } catch (thrown) {
    const error = asCrusaderError(thrown);
    if (error.code !== "disconnected") known.setState({ error });
  }
}

export function keyText({ place, wallet, hotkey }: KeyReference): string {
  return JSON.stringify([place, wallet, hotkey]);
}

/** Every key of the list, with its address where that is known. */
export function keysOf({ list, asked }: Pick<Known, "list" | "asked">) {
  return (list?.wallets ?? []).flatMap(({ place, name: wallet, coldkey, hotkeys }) =>
    [
      { ...coldkey, key: { place, wallet, hotkey: null } },
      ...hotkeys.map((one) => ({ ...one, key: { place, wallet, hotkey: one.name } })),
    ].map(({ key, address, hasSecret }: { key: KeyReference; address: string | null; hasSecret: boolean }) => ({
      key,
      address: address ?? asked[keyText(key)] ?? null,
      hasSecret,
    })),
  );
}
export type KnownKey = ReturnType<typeof keysOf>[number];

export function knownKeys(): KnownKey[] {
  return keysOf(known.getState());
}

/** From the list, else from the key file, which is read for it once. Throws what the services say. */
export async function addressOfKey(key: KeyReference): Promise<string> {
  const listed = knownKeys().find((one) => keyText(one.key) === keyText(key))?.address ?? null;
  if (listed !== null) return listed;
  const { address } = await client.wallets.addressOf({ key });
  known.setState(({ asked }) => ({ asked: { ...asked, [keyText(key)]: address } }));
  return address;
}
