/** What is filled in for the next submission, and whether that is enough to look whether it may be sent. Pure. */
import type { Network } from "../../../common/chain.ts";
import type { Target } from "../../../common/simulation.ts";
import type { Preflight, SubmissionRequest } from "../../../common/submission.ts";
import type { KeyReference, Signer } from "../../../common/wallets.ts";

export type Form = {
  network: Network;
  /** Null: the first that scores. */
  profile: string | null;
  url: string;
  hotkey: Signer | null;
  coldkey: Signer | null;
  payment: SubmissionRequest["payment"];
};

/** The practice network costs nothing, so that is where a newcomer begins. */
export const EMPTY_FORM: Form = {
  network: "practice",
  profile: null,
  url: "",
  hotkey: null,
  coldkey: null,
  payment: null,
};

/**
 * With another network nothing stays that belongs to the old one: keys of the practice network are worth nothing
 * elsewhere, and a payment is on one chain only.
 */
export function withNetwork(form: Form, network: Network): Form {
  if (network === form.network) return form;
  const crosses = (network === "practice") !== (form.network === "practice");
  return { ...form, network, payment: null, ...(crosses ? { hotkey: null, coldkey: null, url: "" } : {}) };
}

/** In the order of the page. */
export function missingWords(form: Form, target: unknown, profile: string | null): string | null {
  if (target === null) return "Open the file in the editor, or choose it in the explorer.";
  if (profile === null) return "No profile scores submissions.";
  if (form.url.trim() === "") return "Give the URL where the file lies.";
  if (form.hotkey === null) return "Choose the hotkey that commits.";
  return null;
}

/** Null while something is missing. The URL may be: whatever else can be looked at is. */
export function requestOf(form: Form, target: Target | null, profile: string | null): SubmissionRequest | null {
  const { network, hotkey, coldkey, payment } = form;
  if (target === null || profile === null || hotkey === null) return null;
  return {
    target,
    profile,
    network,
    url: form.url.trim(),
    hotkey,
    coldkey: payment === null ? coldkey : null,
    payment,
  };
}

/**
 * What is shown until there is an answer. The same request keeps the whole of its last one; another one of the same file
 * keeps its place on the page, with every check open.
 */
export function shownMeanwhile(
  before: { preflight: Preflight | null; of: SubmissionRequest } | null,
  request: SubmissionRequest,
): Preflight | null {
  const preflight = before?.preflight ?? null;
  if (before === null || preflight === null) return null;
  if (isEqual(before.of, request)) return preflight;
  if (!isEqual(before.of.target, request.target)) return null;
  const checks = preflight.checks.map(({ id }) => ({ id, state: "pending" as const, message: "", hint: "" }));
  return { ...preflight, checks, canSubmit: false };
}

/** Both were made in the same order of their keys. */
const isEqual = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

/** What is kept from one session to the next: names, never more. */
export type SavedForm = Pick<Form, "network" | "profile" | "hotkey" | "coldkey">;

export function savedForm({ network, profile, hotkey, coldkey }: Form): SavedForm {
  return { network, profile, hotkey, coldkey };
}

/** Settings are a file that anybody may have written: what is not as it should be is as if it were not there. */
export function restoredForm(saved: unknown): Form {
  const { network, profile, hotkey, coldkey } = (saved ?? {}) as Record<string, unknown>;
  return {
    ...EMPTY_FORM,
    ...(typeof network === "string" ? { network: network as Network } : {}),
    ...(typeof profile === "string" ? { profile } : {}),
    hotkey: signerOf(hotkey),
    coldkey: signerOf(coldkey),
  };
}

function signerOf(value: unknown): Signer | null {
  const { kind, address, key } = (value ?? {}) as Record<string, unknown>;
  if ((kind === "extension" || kind === "cold") && typeof address === "string") return { kind, address };
  if (kind !== "file") return null;
  const { place, wallet, hotkey } = (key ?? {}) as Record<string, unknown>;
  const isKey =
    (place === "bittensor" || place === "practice") &&
    typeof wallet === "string" &&
    (hotkey === null || typeof hotkey === "string");
  return isKey ? { kind, key: { place, wallet, hotkey } satisfies KeyReference } : null;
}
