/**
 * A submission: from a proven file to a commitment that reveals (spec/chain.md). It takes at most three extrinsics: the fee's
 * `stake` and `transfer`, signed by the coldkey, and the `commit`, signed by the hotkey. Each is journalled before it is taken.
 */
import { z } from "zod";
import {
  addressSchema,
  hexSchema,
  inclusionSchema,
  networkSchema,
  raoSchema,
  unsignedExtrinsicSchema,
} from "./chain.ts";
import { profileNameSchema, targetSchema } from "./simulation.ts";
import { signerSchema } from "./wallets.ts";

export const MAX_TYPED_URL_CHARACTERS = 2000;

export const paymentSchema = z.object({ block: z.number().int(), extrinsicIndex: z.number().int() });

/** What is meant, before anything is done. */
export const submissionRequestSchema = z.object({
  /** The file; its bytes are taken once, and are what everything is compared with. */
  target: targetSchema,
  /** The rules it is submitted by: netuid, fee, intervals. */
  profile: profileNameSchema,
  network: networkSchema,
  url: z.string().max(MAX_TYPED_URL_CHARACTERS),
  hotkey: signerSchema,
  /** Pays the fee; null where none is due, or where `payment` is cited. */
  coldkey: signerSchema.nullable(),
  /** A payment that was made for an earlier submission and never booked: cited instead of paying again. */
  payment: paymentSchema.nullable().default(null),
});
export type SubmissionRequest = z.infer<typeof submissionRequestSchema>;

/** The preflight's checks, in the order in which a person reads them. */
export const PREFLIGHT_CHECKS = [
  "scan", // the validator's scan passes for exactly these bytes
  "proof", // a simulation passed for exactly these bytes, and how comparable it was
  "url", // rules of the URL
  "hosted", // what lies there is what was judged
  "size", // of the commitment, with its real digits
  "node", // reachable, in step, same chain, known spec and extensions
  "clock", // this machine's against the chain's
  "drand", // beacon key is the pinned one; pulses arrive
  "registered",
  "interval", // blocks since the last submission against min_blocks_between_commits
  "pending", // an unrevealed commitment that would be replaced
  "space", // bytes left this epoch
  "payment", // fee, destination, and how it was derived
  "balance", // against fee and reserve
  "standing", // leader, threshold now and at the reveal, how this file's own runs stand to it
  "reward", // what the winner earns today
] as const;

export const preflightCheckSchema = z.object({
  id: z.enum(PREFLIGHT_CHECKS),
  state: z.enum(["pending", "pass", "warn", "block"]),
  /** One sentence with the figures: state, cause. */
  message: z.string(),
  /** What to do; empty where nothing is to be done. */
  hint: z.string(),
});
export type PreflightCheck = z.infer<typeof preflightCheckSchema>;

export const feeSchema = z.object({
  amountRao: raoSchema,
  /** Free balance that has to be there: fee and reserve. */
  neededRao: raoSchema,
  /** Whose stake the fee becomes, and the uid that names it. */
  burnUid: z.number().int(),
  burnHotkey: addressSchema,
  destinationColdkey: addressSchema,
  /** How the destination was found: the profile's `payment_address`, or the owner of that hotkey. */
  destinationFrom: z.enum(["payment_address", "owner_of_burn_hotkey"]),
});
export type Fee = z.infer<typeof feeSchema>;

/** What is begun, with the fee that a person was shown: where another one is due by now, nothing is. */
export const beginRequestSchema = submissionRequestSchema.extend({
  /** Absent: nobody was shown one. */
  reviewedFee: feeSchema.nullable().optional(),
});

export const preflightSchema = z.object({
  /** All of `PREFLIGHT_CHECKS`, in order; `pending` until they are known. */
  checks: z.array(preflightCheckSchema),
  /** False while a check blocks or is pending. */
  canSubmit: z.boolean(),
  sha256: z.string(),
  fileName: z.string(),
  byteCount: z.number().int(),
  /** Runs that judged exactly these bytes, the newest first, at most ten. */
  runIds: z.array(z.string()),
  /** What is committed; a payment that is still to be made is shown with its longest digits. Null for no URL. */
  commitment: z
    .object({ text: z.string(), url: z.string(), bytes: z.number().int(), maxUrlBytes: z.number().int() })
    .nullable(),
  /** Null: no fee is due, or it is not known yet. */
  fee: feeSchema.nullable(),
  hotkeyAddress: addressSchema.nullable(),
  uid: z.number().int().nullable(),
  /** When the interval opens, as a block and an estimate in time; null where it is open. */
  opensAt: z.object({ block: z.number().int(), time: z.iso.datetime() }).nullable(),
  /** The reveal, were it committed now. */
  reveal: z.object({ round: z.number().int(), time: z.iso.datetime() }).nullable(),
  /** When these were read. */
  checkedAt: z.iso.datetime(),
});
export type Preflight = z.infer<typeof preflightSchema>;

export const SUBMISSION_STEPS = ["stake", "transfer", "commit"] as const;
export const submissionStepSchema = z.enum(SUBMISSION_STEPS);
export type SubmissionStep = z.infer<typeof submissionStepSchema>;

/**
 * How a step stands. `waiting`: its turn has not come, or it is to be prepared (again). `unsigned`: prepared, waits for a signature.
 * `sent`: signed and journalled, handed to a node; `unknown`: the same, but no node has said what became of it, which is found out
 * before anything else is done. `included`, `finalized`; `failed`: in a block and refused there; `expired`: its era is over and it
 * is in no block, or nobody signed it in time (`signBy` is set), so that it can be prepared again.
 */
export const stepStateSchema = z.enum([
  "waiting",
  "unsigned",
  "sent",
  "unknown",
  "included",
  "finalized",
  "failed",
  "expired",
]);

/** How long what was prepared can still be signed and sent, by the chain's newest block and its pace. */
export const timeToSignSchema = z.object({
  /** When the chain is there, it is over. */
  block: z.number().int(),
  /** 0: it is over. */
  blocksLeft: z.number().int(),
  time: z.iso.datetime(),
});
export type TimeToSign = z.infer<typeof timeToSignSchema>;

export const shownStepSchema = z.object({
  step: submissionStepSchema,
  state: stepStateSchema,
  signer: signerSchema,
  signerAddress: addressSchema,
  /** While it waits for a signature. */
  unsigned: unsignedExtrinsicSchema.nullable(),
  /** Of a payload that was prepared and not sent; null without one, and while the chain's newest block is not known. */
  signBy: timeToSignSchema.nullable(),
  /** Blake2-256 of the signed extrinsic. */
  extrinsicHash: hexSchema.nullable(),
  nonce: z.number().int().nullable(),
  inclusion: inclusionSchema.nullable(),
});
export type ShownStep = z.infer<typeof shownStepSchema>;

/** What became of the commitment after it was finalized. */
export const revealStateSchema = z.object({
  round: z.number().int(),
  /** When the round is published. */
  time: z.iso.datetime(),
  /** Blocks until then, by the pace of the chain; 0 when it is due. */
  blocksLeft: z.number().int(),
  /** `late`: the round is out and the chain has not revealed it; `lost`: the chain dropped it; `differs`: another text came out; `replaced`: another commitment of this hotkey took its place. */
  state: z.enum(["waiting", "late", "revealed", "differs", "lost", "replaced"]),
  revealedBlock: z.number().int().nullable(),
  /** What came out. */
  text: z.string().nullable(),
});

/** What the URL returns while the submission waits to be evaluated. */
export const urlWatchSchema = z.object({
  state: z.enum(["unchecked", "same", "changed", "unreachable"]),
  checkedAt: z.iso.datetime().nullable(),
  /** In a sentence; empty where nothing is wrong. */
  message: z.string(),
  /** What to do; empty where nothing is to be done. */
  hint: z.string(),
});
export type UrlWatched = z.infer<typeof urlWatchSchema>;

/** What an arena source says of it; null until one knows it. */
export const evaluatedSchema = z.object({
  source: z.string(),
  submissionId: z.string(),
  status: z.string(),
  /** MFU in percent. */
  score: z.number().nullable(),
  rank: z.number().int().nullable(),
  error: z.string().nullable(),
  seenAt: z.iso.datetime(),
});

export const submissionIdSchema = z.string().regex(/^\d{8}-[0-9a-f]{8}$/, "Not the id of a submission.");

export const submissionSchema = z.object({
  id: z.string(),
  createdAt: z.iso.datetime(),
  network: z.string(),
  /** Names the chain itself, whatever its network is called. */
  genesisHash: hexSchema,
  profile: z.string(),
  netuid: z.number().int(),
  fileName: z.string(),
  sha256: z.string(),
  /** The run that proved these bytes. */
  runId: z.string().nullable(),
  url: z.string(),
  hotkeyAddress: addressSchema,
  fee: feeSchema.nullable(),
  /** The one that is cited in the commitment, once it is known. */
  payment: paymentSchema.nullable(),
  /** The payment was made and stands in no commitment on the chain: a later submission may cite it (`payment` of its request), once. */
  paymentIsOpen: z.boolean(),
  /** The text that is, or was, encrypted for the chain; null before the commit was prepared. */
  commitment: z.string().nullable(),
  /**
   * `open`: a step is to be signed, sent or found out; `committed`: finalized, not revealed; `revealed`; `evaluated`; `failed`: it cannot go on, and says
   * why; `abandoned`: by the user. What was paid stays usable by a later submission.
   */
  state: z.enum(["open", "committed", "revealed", "evaluated", "failed", "abandoned"]),
  steps: z.array(shownStepSchema),
  reveal: revealStateSchema.nullable(),
  urlWatch: urlWatchSchema,
  evaluated: evaluatedSchema.nullable(),
  /** What stands in the way now: what happened, what was kept, what to do. */
  problem: z.object({ message: z.string(), hint: z.string() }).nullable(),
});
export type Submission = z.infer<typeof submissionSchema>;

/** A payment that no commitment has cited on the chain: a later submission may cite it, once. */
export const openPaymentSchema = paymentSchema.extend({
  /** Where it was made. */
  submissionId: z.string(),
  network: z.string(),
  genesisHash: hexSchema,
  netuid: z.number().int(),
  amountRao: raoSchema,
  coldkeyAddress: addressSchema,
  paidAt: z.iso.datetime(),
});
export type OpenPayment = z.infer<typeof openPaymentSchema>;

/** What would be signed, with nothing signed, sent or kept. */
export const dryRunSchema = z.object({
  preflight: preflightSchema,
  /** Those that can be built now; empty where the preflight could not find out what they need. */
  steps: z.array(
    z.object({
      step: submissionStepSchema,
      unsigned: unsignedExtrinsicSchema,
      /** What will differ when it is really prepared; empty where nothing will. */
      note: z.string(),
    }),
  ),
});
export type DryRun = z.infer<typeof dryRunSchema>;

/** The answer of a signer: a signature (64 bytes, or 65 with its kind), or the whole signed extrinsic. */
export const signedSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("signature"), signature: hexSchema }),
  z.object({ kind: z.literal("extrinsic"), extrinsic: hexSchema }),
]);
export type Signed = z.infer<typeof signedSchema>;
