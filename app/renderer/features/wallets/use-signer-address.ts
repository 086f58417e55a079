/** The address that a signer signs for. */
import { useEffect, useState } from "react";
import type { CrusaderError } from "../../../common/errors.ts";
import type { Signer } from "../../../common/wallets.ts";
import { asCrusaderError } from "../../connection.ts";
import { signerValue } from "./signer-choices.ts";
import { addressOfKey, useWallets } from "./wallets-store.ts";

/** Both null: not known yet. */
export function useSignerAddress(signer: Signer | null): { address: string | null; error: CrusaderError | null } {
  const { list } = useWallets();
  const value = signer === null ? null : signerValue(signer);
  const [found, setFound] = useState<{ value: string; address: string | null; error: CrusaderError | null } | null>(
    null,
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: `value` is the signer; asked again when the list is another
  useEffect(() => {
    if (signer?.kind !== "file" || value === null || list === null) return;
    let isCurrent = true;
    addressOfKey(signer.key).then(
      (address) => isCurrent && setFound({ value, address, error: null }),
      (thrown: unknown) => isCurrent && setFound({ value, address: null, error: asCrusaderError(thrown) }),
    );
    return () => {
      isCurrent = false;
    };
  }, [value, list]);
  if (signer === null || value === null) return { address: null, error: null };
  if (signer.kind !== "file") return { address: signer.address, error: null };
  return found?.value === value ? found : { address: null, error: null };
}
