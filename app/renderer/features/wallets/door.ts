/**
 * The window's only door to signers: @polkadot/extension-dapp, behind which there are the browser's extensions and Crusader's
 * own wallets. The library asks every extension that it sees; here it sees those that were chosen, as each of them may open a
 * window of its own and wait for an answer.
 */
import type { InjectedAccount, InjectedExtension, InjectedWindow } from "@polkadot/extension-inject/types";
import { patiently } from "../../shell/lazily.tsx";
import { enableOwn, OWN_EXTENSION } from "./own-extension.ts";

/** How extensions ask people about this page. */
const APPLICATION = "Crusader";
const OWN_VERSION = "1";
/** The chain's prefix of addresses. */
const SS58_PREFIX = 42;

const page = window as unknown as Partial<Pick<InjectedWindow, "injectedWeb3">>;

/** Extensions of the browser that are there, by their names; none is asked. */
export function foundExtensions(): string[] {
  return Object.entries(page.injectedWeb3 ?? {})
    .filter(([name, { connect, enable }]) => name !== OWN_EXTENSION && (connect ?? enable) !== undefined)
    .map(([name]) => name)
    .sort();
}

/** One after the other, as the library keeps who was let in last. */
let opening: Promise<unknown> = Promise.resolve();

/**
 * Lets the own wallets and the named extensions in; returns those of them that gave access. An extension may ask first, and
 * takes as long as the person does.
 */
export async function openDoor(names: readonly string[]): Promise<InjectedExtension[]> {
  const { web3Enable } = await library();
  const { injectExtension } = await import("@polkadot/extension-inject");
  const seen = opening.then(async () => {
    const all = page.injectedWeb3 ?? {};
    const read = Promise.withResolvers<void>();
    // What the library looks at, until it has: it calls them after it has read the whole list.
    page.injectedWeb3 = {};
    injectExtension(
      async () => {
        read.resolve();
        return enableOwn();
      },
      { name: OWN_EXTENSION, version: OWN_VERSION },
    );
    for (const name of names) {
      const one = all[name];
      if (one !== undefined) page.injectedWeb3[name] = one;
    }
    const enabled = web3Enable(APPLICATION);
    await read.promise;
    page.injectedWeb3 = all;
    // Not awaited here: who opens the door next waits for no answer of a person.
    return { enabled };
  });
  opening = seen.catch(() => undefined);
  return (await seen).enabled;
}

/** An account's address in the chain's own form; null for one that is of another kind of chain, or cannot sign for this one. */
export async function chainAddressOf({ address, type }: InjectedAccount): Promise<string | null> {
  if (type !== undefined && type !== "sr25519" && type !== "ed25519") return null;
  const { encodeAddress } = await patiently(() => import("@polkadot/util-crypto/address"));
  try {
    return encodeAddress(address, SS58_PREFIX);
  } catch {
    return null;
  }
}

function library() {
  return patiently(() => import("@polkadot/extension-dapp"));
}
