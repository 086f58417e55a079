/** Who may sign, as one list to choose from. Pure. */
import type { Network } from "../../../common/chain.ts";
import { shownText } from "../../../common/shown-text.ts";
import type { Signer } from "../../../common/wallets.ts";
import type { ExtensionState } from "./extensions-store.ts";
import type { KnownKey } from "./wallets-store.ts";
import { signerName } from "./words.ts";

export type SignerRole = "hotkey" | "coldkey";
export type SignerGroup = { group: string; items: { value: string; label: string }[] };

/** Not a signer yet: an address is to be typed, or an extension to be asked. */
export const TYPE_AN_ADDRESS = "address";
const CONNECT = "connect:";

export type SignerSources = {
  role: SignerRole;
  network: Network;
  keys: readonly KnownKey[];
  found: readonly string[];
  asked: Readonly<Record<string, ExtensionState>>;
};

export function signerValue(signer: Signer): string {
  return signer.kind === "file"
    ? JSON.stringify(["file", signer.key.place, signer.key.wallet, signer.key.hotkey])
    : JSON.stringify([signer.kind, signer.address]);
}

/** The extension that a value asks to be connected; null for any other value. */
export function extensionToConnect(value: string): string | null {
  return value.startsWith(CONNECT) ? value.slice(CONNECT.length) : null;
}

/** Null for a value that is no signer. */
export function signerOfValue(value: string): Signer | null {
  if (value === TYPE_AN_ADDRESS || value.startsWith(CONNECT)) return null;
  const [kind, ...rest] = JSON.parse(value);
  if (kind !== "file") return { kind, address: rest[0] };
  const [place, wallet, hotkey] = rest;
  return { kind, key: { place, wallet, hotkey } };
}

/** The keys that may be chosen for a role: those of the practice network there alone, and no others' files. */
export function keysFor({ role, network, keys }: Pick<SignerSources, "role" | "network" | "keys">): KnownKey[] {
  const isPractice = network === "practice";
  return keys.filter(
    ({ key }) => (key.place === "practice") === isPractice && (key.hotkey === null) === (role === "coldkey"),
  );
}

/** What is chosen now is in it, also where it is gone meanwhile. */
export function signerGroups(chosen: Signer | null, sources: SignerSources): SignerGroup[] {
  const { found, asked } = sources;
  const seen = new Set<string>();
  // One address may be behind several files or extensions.
  const once = ({ value }: { value: string }) => !seen.has(value) && seen.add(value) !== undefined;
  const files = keysFor(sources)
    .flatMap(({ key, address, hasSecret }) => {
      const name = shownText(signerName({ kind: "file", key }));
      if (hasSecret) return [{ value: signerValue({ kind: "file", key }), label: withAddress(name, address) }];
      if (address === null) return [];
      return [
        { value: signerValue({ kind: "cold", address }), label: withAddress(`${name}, on another machine`, address) },
      ];
    })
    .filter(once);
  const extensions = found.flatMap((name) => {
    const one = asked[name];
    const shown = shownText(name);
    if (one?.state === "connected") {
      return one.accounts.map(({ address, name: account }) => ({
        value: signerValue({ kind: "extension", address }),
        label: withAddress(account === "" ? shown : `${account} (${shown})`, address),
      }));
    }
    return [
      { value: `${CONNECT}${name}`, label: one?.state === "refused" ? `Ask ${shown} again...` : `Connect ${shown}...` },
    ];
  });
  const groups = [
    { group: sources.network === "practice" ? "Practice wallets" : "Wallets of this machine", items: files },
    { group: "Browser extensions", items: extensions.filter(once) },
    { group: "Another machine", items: [{ value: TYPE_AN_ADDRESS, label: "Type an address..." }] },
  ].filter(({ items }) => items.length > 0);
  const value = chosen === null ? null : signerValue(chosen);
  if (chosen === null || value === null || groups.some(({ items }) => items.some((item) => item.value === value))) {
    return groups;
  }
  const label =
    chosen.kind === "file" ? shownText(signerName(chosen)) : withAddress(signerName(chosen), chosen.address);
  return [{ group: "Chosen", items: [{ value, label }] }, ...groups];
}

function withAddress(name: string, address: string | null): string {
  return address === null ? name : `${name}  ${shortAddress(address)}`;
}

/** To be told from others at a glance; never instead of the whole one. */
export function shortAddress(address: string): string {
  return `${address.slice(0, 6)}...${address.slice(-4)}`;
}
