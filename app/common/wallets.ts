/** Bittensor's wallets on this machine: names and addresses. Secrets never cross to the window. */
import { z } from "zod";
import { addressSchema, signerPayloadSchema } from "./chain.ts";

/** A folder's or file's own name; never a path. */
export const walletNameSchema = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^/\\\0]+$/, "Not the name of a wallet.")
  .refine((name) => name !== "." && name !== "..", "Not the name of a wallet.");

/** Whose: the user's own in Bittensor's folder, or throwaway ones that only the practice network knows. */
export const walletPlaceSchema = z.enum(["bittensor", "practice"]);

/** A key file: a wallet's coldkey (`hotkey` null) or one of its hotkeys. */
export const keyReferenceSchema = z.object({
  place: walletPlaceSchema,
  wallet: walletNameSchema,
  hotkey: walletNameSchema.nullable(),
});
export type KeyReference = z.infer<typeof keyReferenceSchema>;

const listedKeySchema = z.object({ name: z.string(), address: z.string().nullable(), hasSecret: z.boolean() });
export const walletListSchema = z.object({
  wallets: z.array(
    z.object({
      place: walletPlaceSchema,
      name: z.string(),
      coldkey: listedKeySchema,
      hotkeys: z.array(listedKeySchema),
    }),
  ),
  /** What could not be read, each in a sentence. */
  problems: z.array(z.string()),
});
export type WalletList = z.infer<typeof walletListSchema>;

export const passwordSchema = z.string().max(1024);

/** Signs one payload that the submission service itself has prepared and still waits for; any other is refused. */
export const signInputSchema = z.object({
  key: keyReferenceSchema,
  payload: signerPayloadSchema,
  /** Null where the file is not encrypted. Kept nowhere. */
  password: passwordSchema.nullable(),
});

/** Who signs: a key file of this machine, a browser's extension, or another machine whose answer is pasted back. */
export const signerSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("file"), key: keyReferenceSchema }),
  z.object({ kind: z.literal("extension"), address: addressSchema }),
  z.object({ kind: z.literal("cold"), address: addressSchema }),
]);
export type Signer = z.infer<typeof signerSchema>;
