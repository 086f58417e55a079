/** What ssh asks on its way to a container engine, and is answered by a person. */
import { z } from "zod";

export const enginePromptSchema = z.object({
  id: z.string(),
  /** The engine's. */
  address: z.string(),
  /** `secret`: a passphrase or password. `confirm`: whether an unknown host key is right; accepted with "yes". */
  kind: z.enum(["secret", "confirm"]),
  /** ssh's own words; a server may have chosen some of them. */
  text: z.string(),
  /** ssh asks the same again: the answer before was not right. */
  isRepeated: z.boolean(),
});
export type EnginePrompt = z.infer<typeof enginePromptSchema>;

/** One line; it goes to ssh and nowhere else. */
export const promptAnswerSchema = z
  .string()
  .max(1024)
  .regex(/^[^\0\r\n]*$/, "An answer is one line.");

export const HOST_KEY_ACCEPTED = "yes";
