/**
 * Crusader's own wallets as a browser extension would offer them: accounts, and a signer that asks for the password where
 * the key file is encrypted. What it signs is decided by the services, which know what they wait for.
 */
import type { Injected, InjectedAccount } from "@polkadot/extension-inject/types";
import { createStore } from "zustand/vanilla";
import type { SignerPayload } from "../../../common/chain.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { KeyReference } from "../../../common/wallets.ts";
import { client } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { knownKeys, loadWallets } from "./wallets-store.ts";
import { signerName } from "./words.ts";

export const OWN_EXTENSION = "crusader";

export type PasswordQuestion = {
  id: number;
  key: KeyReference;
  address: string;
  /** What became of the last answer; null at first. */
  problem: CrusaderError | null;
  /** The answer is being tried, which takes seconds. */
  isTrying: boolean;
  answer(password: string): void;
  /** Also while it is tried. */
  decline(): void;
};

/** One at a time, as the services open one file at a time. */
export const passwordQuestion = createStore<{ open: PasswordQuestion | null }>(() => ({ open: null }));

let lastId = 0;
/** Which of several files with the same key is meant. */
let chosen: { address: string; key: KeyReference } | null = null;

/** From now on this file signs for its address. */
export function chooseKey(address: string, key: KeyReference): void {
  chosen = { address, key };
}

export async function enableOwn(): Promise<Injected> {
  return { accounts: { get: accounts, subscribe: subscribeOnce }, signer: { signPayload } };
}

async function accounts(): Promise<InjectedAccount[]> {
  await loadWallets();
  const seen = new Map(
    knownKeys().flatMap(({ key, address, hasSecret }) =>
      address === null || !hasSecret ? [] : [[address, key] as const],
    ),
  );
  return [...seen].map(([address, key]) => ({ address, name: signerName({ kind: "file", key }) }));
}

function subscribeOnce(tell: (accounts: InjectedAccount[]) => void | Promise<void>): () => void {
  void accounts().then(tell);
  return () => undefined;
}

/** Throws `CrusaderError`; `cancelled` where the question was declined. */
async function signPayload(payload: SignerPayload): Promise<{ id: number; signature: `0x${string}` }> {
  const key = keyFor(payload.address);
  const { needsPassword } = await client.wallets.needsPassword({ key });
  const id = ++lastId;
  const signature = needsPassword
    ? await signWithPassword({ id, key, payload })
    : (await client.wallets.sign({ key, payload, password: null })).signature;
  return { id, signature: signature as `0x${string}` };
}

function keyFor(address: string): KeyReference {
  if (chosen?.address === address) return chosen.key;
  const found = knownKeys().find((one) => one.address === address && one.hasSecret);
  if (found !== undefined) return found.key;
  throw new CrusaderError("not_found", `No key file here is that of ${address}.`, "Choose who signs again.");
}

async function signWithPassword({ id, key, payload }: { id: number; key: KeyReference; payload: SignerPayload }) {
  if (passwordQuestion.getState().open !== null) {
    throw new CrusaderError("busy", "A password is being asked for already.", "Answer that question first.");
  }
  const controller = new AbortController();
  const declined = Promise.withResolvers<never>();
  const decline = () => {
    declined.reject(new CrusaderError("cancelled", "It was not signed: the password was not given."));
    controller.abort();
  };
  try {
    for (let problem: CrusaderError | null = null; ; ) {
      const answered = Promise.withResolvers<string>();
      const question = { id, key, address: payload.address, answer: answered.resolve, decline };
      passwordQuestion.setState({ open: { ...question, problem, isTrying: false } });
      const password = await Promise.race([answered.promise, declined.promise]);
      passwordQuestion.setState({ open: { ...question, problem: null, isTrying: true } });
      const signing = client.wallets.sign({ key, payload, password }, { signal: controller.signal });
      try {
        const { signature } = await Promise.race([signing, declined.promise]);
        return signature;
      } catch (thrown) {
        const error = asCrusaderError(thrown);
        if (error.code !== "wrong_password") throw error;
        problem = error;
      }
    }
  } finally {
    passwordQuestion.setState({ open: null });
  }
}
