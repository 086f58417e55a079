/** The browser's extensions that hold keys: which are there, which were let in, whose accounts they show. */
import type { InjectedAccount, InjectedExtension } from "@polkadot/extension-inject/types";
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import { shownText } from "../../../common/shown-text.ts";
import { chainAddressOf, foundExtensions, openDoor } from "./door.ts";

export type ExtensionAccount = { address: string; name: string };

export type ExtensionState =
  /** It was asked, and waits for the person. */
  | { state: "waiting" }
  | { state: "connected"; accounts: readonly ExtensionAccount[] }
  /** It was asked and gave no access. */
  | { state: "refused" };

type Known = {
  /** Names, whether or not they were asked. */
  found: readonly string[];
  asked: Readonly<Record<string, ExtensionState>>;
};

const known = createStore<Known>(() => ({ found: [], asked: {} }));
const injected = new Map<string, { extension: InjectedExtension; stop: () => void }>();

export function useExtensions(): Known {
  return useStore(known);
}

/** Extensions come into a page whenever they like: looked for again whenever somebody may choose one. */
export function findExtensions(): void {
  const found = foundExtensions();
  if (JSON.stringify(found) !== JSON.stringify(known.getState().found)) known.setState({ found });
}

const setState = (name: string, state: ExtensionState | null) =>
  known.setState(({ asked: { [name]: _before, ...asked } }) => ({
    asked: state === null ? asked : { ...asked, [name]: state },
  }));

/** Asks an extension for access; it may ask the person, so this takes as long as that. */
export async function connectExtension(name: string): Promise<void> {
  setState(name, { state: "waiting" });
  const extension = (await openDoor([name])).find((one) => one.name === name);
  // Given up meanwhile: what it says now counts with the next attempt.
  if (known.getState().asked[name]?.state !== "waiting") return;
  if (extension === undefined) {
    setState(name, { state: "refused" });
    return;
  }
  injected.get(name)?.stop();
  const show = async (accounts: readonly InjectedAccount[]) => {
    const shown = await Promise.all(
      accounts.map(async (account) => {
        const address = await chainAddressOf(account);
        return address === null ? [] : [{ address, name: shownText(account.name ?? "") }];
      }),
    );
    setState(name, { state: "connected", accounts: shown.flat() });
  };
  injected.set(name, { extension, stop: () => undefined });
  await show(await extension.accounts.get());
  // Accounts are added, removed and hidden in the extension, while the page is open.
  injected.set(name, { extension, stop: extension.accounts.subscribe((accounts) => void show(accounts)) });
}

/** Waits no longer. The extension's own window stays as it is. */
export function giveUpExtension(name: string): void {
  if (known.getState().asked[name]?.state === "waiting") setState(name, null);
}

/** The extension that shows an account of this address; null where none that was let in does. */
export function extensionOf(address: string): InjectedExtension | null {
  const [name] =
    Object.entries(known.getState().asked).find(
      ([, one]) => one.state === "connected" && one.accounts.some((account) => account.address === address),
    ) ?? [];
  return name === undefined ? null : (injected.get(name)?.extension ?? null);
}
