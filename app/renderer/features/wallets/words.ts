/** How signers and what they sign are called. Pure. */
import type { UnsignedExtrinsic } from "../../../common/chain.ts";
import type { Signer } from "../../../common/wallets.ts";

/** Who signs, in a few words. */
export function signerName(signer: Signer): string {
  if (signer.kind === "extension") return "Browser extension";
  if (signer.kind === "cold") return "Another machine";
  const { wallet, hotkey } = signer.key;
  return hotkey === null ? `${wallet} (coldkey)` : `${wallet} / ${hotkey}`;
}

/** What a button that signs this says. */
export function signingAction({ call }: Pick<UnsignedExtrinsic, "call">): string {
  switch (call.kind) {
    case "set_commitment":
      return "Sign the commitment";
    case "add_stake":
      return "Sign the stake";
    case "transfer_stake":
      return "Sign the transfer of the stake";
  }
}
