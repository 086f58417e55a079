/** What a profile says of submitting; a submission keeps what it began with. */
import { z } from "zod";
import { addressSchema, netuidSchema } from "../../../common/chain.ts";
import { CrusaderError } from "../../../common/errors.ts";

export const rulesSchema = z.object({
  netuid: netuidSchema,
  burnUid: z.number().int().nullable(),
  /** Share of the emission that nobody earns; null where the profile does not say. */
  burnRate: z.number().nullable(),
  revealBlocks: z.number().int().positive(),
  minBlocksBetweenCommits: z.number().int().nonnegative(),
  blockTimeSeconds: z.number().positive(),
  codeFetchTimeoutSeconds: z.number().positive(),
  /** How many runs make a score. */
  evaluationRuns: z.number().int().positive(),
  threshold: z.object({ baseThreshold: z.number(), decayPercent: z.number(), decayIntervalBlocks: z.number() }),
  /** Null: no fee is asked for. */
  payment: z.object({ feeRao: z.number().int().nonnegative(), paymentAddress: addressSchema.nullable() }).nullable(),
});
export type SubmissionRules = z.infer<typeof rulesSchema>;

/** As absent keys are read (spec/chain.md, spec/evaluation.md section 5). */
const DEFAULT_FETCH_TIMEOUT_SECONDS = 30;
const DEFAULT_FEE_RAO = 100_000_000;

const profileSchema = z.object({
  netuid: netuidSchema,
  burn_uid: z.number().int().optional(),
  burn_rate: z.number().optional(),
  reveal_blocks: z.number().int().positive(),
  min_blocks_between_commits: z.number().int().nonnegative(),
  block_time: z.number().positive(),
  code_fetch_timeout: z.number().positive().default(DEFAULT_FETCH_TIMEOUT_SECONDS),
  evaluation_runs: z.number().int().positive(),
  adaptive_threshold: z.object({
    base_threshold: z.number(),
    decay_percent: z.number(),
    decay_interval_blocks: z.number(),
  }),
  payment: z
    .object({
      enabled: z.boolean().default(false),
      fee_rao: z.number().int().nonnegative().default(DEFAULT_FEE_RAO),
      payment_address: z.union([z.literal(""), addressSchema]).default(""),
    })
    .prefault({}),
});

/** Throws `invalid_profile` where a profile is not one to submit by. */
export function submissionRules({
  name,
  resolved,
}: {
  name: string;
  resolved: Record<string, unknown>;
}): SubmissionRules {
  const read = profileSchema.safeParse(resolved);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new CrusaderError(
      "invalid_profile",
      `The profile ${name} says nothing to submit by: ${issue?.path.join(".")} is missing or not allowed.`,
      "Choose a season's profile, as production-2026-04.",
      issue?.message,
    );
  }
  const { payment, adaptive_threshold: threshold, ...profile } = read.data;
  if (payment.enabled && profile.burn_uid === undefined) {
    throw new CrusaderError(
      "invalid_profile",
      `The profile ${name} asks for a fee, and names no burn_uid to pay it to.`,
      "Complete the profile.",
    );
  }
  return {
    netuid: profile.netuid,
    burnUid: profile.burn_uid ?? null,
    burnRate: profile.burn_rate ?? null,
    revealBlocks: profile.reveal_blocks,
    minBlocksBetweenCommits: profile.min_blocks_between_commits,
    blockTimeSeconds: profile.block_time,
    codeFetchTimeoutSeconds: profile.code_fetch_timeout,
    evaluationRuns: profile.evaluation_runs,
    threshold: {
      baseThreshold: threshold.base_threshold,
      decayPercent: threshold.decay_percent,
      decayIntervalBlocks: threshold.decay_interval_blocks,
    },
    payment: payment.enabled
      ? { feeRao: payment.fee_rao, paymentAddress: payment.payment_address === "" ? null : payment.payment_address }
      : null,
  };
}
