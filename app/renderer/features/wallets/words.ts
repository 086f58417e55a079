/** How signers are called. Pure. */
import type { Signer } from "../../../common/wallets.ts";

/** Who signs, in a few words. */
export function signerName(signer: Signer): string {
  if (signer.kind === "extension") return "Browser extension";
  if (signer.kind === "cold") return "Another machine";
  const { wallet, hotkey } = signer.key;
  return hotkey === null ? `${wallet} (coldkey)` : `${wallet} / ${hotkey}`;
}
