/** Asks signers for a signature, all through the same door. */
import type { InjectedExtension } from "@polkadot/extension-inject/types";
import type { SignerPayload } from "../../../common/chain.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { shownText } from "../../../common/shown-text.ts";
import type { Signed } from "../../../common/submission.ts";
import type { KeyReference } from "../../../common/wallets.ts";
import { openDoor } from "./door.ts";
import { chooseKey, OWN_EXTENSION } from "./own-extension.ts";

type Payload = Parameters<NonNullable<InjectedExtension["signer"]["signPayload"]>>[0];

const MAX_WORDS = 300;
const SIGNATURE = /^0x(?:0[01])?[0-9a-f]{128}$/i;

/** Throws what the services say; `cancelled` where the password was not given. */
export async function signByKeyFile(payload: SignerPayload, key: KeyReference): Promise<Signed> {
  const own = (await openDoor([])).find(({ name }) => name === OWN_EXTENSION);
  if (own?.signer.signPayload === undefined) throw new Error("the own wallets are not behind the door");
  chooseKey(payload.address, key);
  const { signature } = await own.signer.signPayload(payload as Payload);
  return { kind: "signature", signature };
}

/** Throws `signature_refused` where the extension declines, fails, or answers what is no signature. */
export async function signByExtension(payload: SignerPayload, { name, signer }: InjectedExtension): Promise<Signed> {
  const shown = shownText(name);
  if (signer.signPayload === undefined) {
    throw new CrusaderError("signature_refused", `${shown} signs no transactions.`, "Choose another signer.");
  }
  const answer = await signer.signPayload(payload as Payload).catch((thrown: unknown) => {
    const words = thrown instanceof Error ? thrown.message : String(thrown);
    throw new CrusaderError(
      "signature_refused",
      `${shown} did not sign: ${shownText(words).slice(0, MAX_WORDS)}`,
      "Nothing was sent. Sign again, or reload the page where the extension was updated, locked or removed.",
    );
  });
  const { signature, signedTransaction } = answer ?? {};
  if (signedTransaction !== undefined) return { kind: "extrinsic", extrinsic: hexOf(signedTransaction) };
  if (typeof signature !== "string" || !SIGNATURE.test(signature)) {
    throw new CrusaderError(
      "signature_refused",
      `${shown} answered what is no signature of a Bittensor key.`,
      "Nothing was sent. Choose another signer.",
    );
  }
  return { kind: "signature", signature };
}

function hexOf(bytes: string | Uint8Array): string {
  if (typeof bytes === "string") return bytes;
  return `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
