/**
 * A double of a browser's extension that holds keys: it puts itself into `window.injectedWeb3` as they do, and signs as they
 * do, by what @polkadot/types makes of the payload's JSON. Bundled into one script by extension-double.ts.
 */
import { TypeRegistry } from "@polkadot/types";
import type { IKeyringPair, SignerPayloadJSON } from "@polkadot/types/types";
import { encodeAddress } from "@polkadot/util-crypto/address";
import { sr25519PairFromSeed, sr25519Sign } from "@polkadot/util-crypto/sr25519";
import type { ExtensionControl, ExtensionOptions } from "./extension-control.ts";

const SR25519 = 1;

export function install({ name, accounts }: ExtensionOptions): void {
  const pairs = accounts.map(({ seed, prefix, ...account }) => {
    const pair = sr25519PairFromSeed(Uint8Array.from(seed));
    return { ...account, pair, address: encodeAddress(pair.publicKey, prefix), type: "sr25519" as const };
  });
  type Account = Pick<(typeof pairs)[number], "address" | "name" | "type">;
  const listeners = new Set<(accounts: Account[]) => void>();
  let shownNames: readonly string[] = accounts.map((account) => account.name);
  const shown = (): Account[] =>
    pairs
      .filter((one) => shownNames.includes(one.name))
      .map(({ address, name: own, type }) => ({ address, name: own, type }));
  let waiting = Promise.withResolvers<void>();
  const control: ExtensionControl = {
    access: "granted",
    signing: "signs",
    asked: [],
    payloads: [],
    show: (names) => {
      shownNames = names;
      for (const listener of listeners) listener(shown());
    },
    release: () => {
      waiting.resolve();
      waiting = Promise.withResolvers();
    },
  };
  const signPayload = async (payload: SignerPayloadJSON) => {
    control.payloads.push(payload);
    if (control.signing === "denies") throw new Error("Cancelled");
    if (control.signing === "waits") await waiting.promise;
    if (control.signing === "nonsense") return { id: 1, signature: "0x00" };
    const sameKey = ({ address }: { address: string }) =>
      encodeAddress(address, 42) === encodeAddress(payload.address, 42);
    const account = control.signing === "another" ? pairs.at(-1) : pairs.find(sameKey);
    if (account === undefined) throw new Error("Unable to find keypair");
    const registry = new TypeRegistry();
    registry.setSignedExtensions(payload.signedExtensions);
    const { version } = payload;
    const signer = {
      sign: (message: Uint8Array) => Uint8Array.of(SR25519, ...sr25519Sign(message, account.pair)),
    } as unknown as IKeyringPair;
    return { id: 1, ...registry.createType("ExtrinsicPayload", payload, { version }).sign(signer) };
  };
  const enable = async (origin: string) => {
    control.asked.push(origin);
    if (control.access === "denied") throw new Error("The source has been rejected");
    if (control.access === "waits") await waiting.promise;
    return {
      accounts: {
        get: async () => shown(),
        subscribe: (listener: (accounts: Account[]) => void) => {
          listeners.add(listener);
          listener(shown());
          return () => listeners.delete(listener);
        },
      },
      signer: { signPayload },
    };
  };
  const page = window as unknown as { injectedWeb3?: Record<string, object>; extension: ExtensionControl };
  page.injectedWeb3 ??= {};
  page.injectedWeb3[name] = { version: "0.63.1", enable };
  page.extension = control;
}
