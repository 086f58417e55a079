/** The practice network: a chain of Crusader's own on this machine, on which a submission can be tried without money. */
import { z } from "zod";
import { addressSchema, netuidSchema } from "./chain.ts";
import { errorReportSchema } from "./errors.ts";
import { walletNameSchema } from "./wallets.ts";

export const DEFAULT_SECONDS_PER_BLOCK = 2;

/** Below a quarter of a second clients do not keep up; above the real chain's pace nothing is learnt. */
export const secondsPerBlockSchema = z.number().min(0.25).max(12);

/** A throwaway wallet's hotkey on the practice network. */
export const practiceMinerSchema = z.object({
  wallet: walletNameSchema,
  hotkey: walletNameSchema,
  hotkeyAddress: addressSchema,
  coldkeyAddress: addressSchema,
  uid: z.number().int(),
});
export type PracticeMiner = z.infer<typeof practiceMinerSchema>;

export const practiceStatusSchema = z.object({
  state: z.enum(["stopped", "running"]),
  /** False: another process of the same data folder runs it; that process's end is its end. */
  isOwn: z.boolean(),
  /** Null while it is stopped, as is what follows but for `hasChain`. */
  endpoint: z.string().nullable(),
  /** Where its files lie: "http://127.0.0.1:4711". */
  filesOrigin: z.string().nullable(),
  secondsPerBlock: z.number().nullable(),
  netuid: netuidSchema.nullable(),
  block: z.number().int().nullable(),
  finalizedBlock: z.number().int().nullable(),
  /** Of the beacon that its commitments are revealed by. */
  round: z.number().int().nullable(),
  /** There is a chain to go on with; without one the next start makes a new one. */
  hasChain: z.boolean(),
  /** What keeps the chain from being kept; it goes on in memory. */
  problem: errorReportSchema.nullable(),
});
export type PracticeStatus = z.infer<typeof practiceStatusSchema>;
