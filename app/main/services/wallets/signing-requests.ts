/** The payloads that may be signed now. A window can ask for a signature of these and of nothing else. */
import type { SignerPayload, UnsignedExtrinsic } from "../../../common/chain.ts";
import { CrusaderError } from "../../../common/errors.ts";

export class SigningRequests {
  readonly #waiting = new Map<string, UnsignedExtrinsic>();

  /** From now on it may be signed, until it is removed. */
  add(unsigned: UnsignedExtrinsic): void {
    this.#waiting.set(keyOf(unsigned.payload), unsigned);
  }

  /** What is not there is no error. */
  remove({ payload }: Pick<UnsignedExtrinsic, "payload">): void {
    this.#waiting.delete(keyOf(payload));
  }

  /** What was prepared with exactly this payload. Throws `conflict` where nothing was, or it is over. */
  find(payload: SignerPayload): UnsignedExtrinsic {
    const found = this.#waiting.get(keyOf(payload));
    if (found !== undefined) return found;
    throw new CrusaderError(
      "conflict",
      "Crusader does not wait for this signature (any more). Nothing was signed.",
      "Go back to the submission: its step is prepared anew.",
    );
  }
}

/** Equal for equal payloads, in whatever order their fields are; a field more or less makes another. */
function keyOf(payload: SignerPayload): string {
  const fields = Object.entries(payload).filter(([, value]) => value !== undefined);
  return JSON.stringify(fields.sort(([left], [right]) => (left < right ? -1 : 1)));
}
