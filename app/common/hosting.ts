/** Where a submission's file lies: what was found at a URL, and publishing it as a gist. */
import { z } from "zod";
import { GIST_HOST } from "./addresses.ts";
import { CODE_RULE_OWNERS, CODE_RULES } from "./code-url.ts";

/** The validator's own, where the profile does not say (spec/chain.md, "What is committed"). */
const DEFAULT_FETCH_SECONDS = 30;

/** How long the validator waits for a file, in milliseconds, by a profile with its defaults filled in. */
export function codeFetchTimeoutMs(resolvedProfile: Readonly<Record<string, unknown>>): number {
  const { code_fetch_timeout: seconds } = resolvedProfile;
  return 1000 * (typeof seconds === "number" ? seconds : DEFAULT_FETCH_SECONDS);
}

export const codeFindingSchema = z.object({
  rule: z.enum(CODE_RULES),
  by: z.array(z.enum(CODE_RULE_OWNERS)).readonly(),
  state: z.enum(["block", "warn"]),
  message: z.string(),
});

/** What the validator would find at a URL now. */
export const hostedCheckSchema = z.object({
  /** What is committed for the URL as it was typed; null where it is no URL. */
  committedUrl: z.string().nullable(),
  /** Every URL that was asked, redirects included; empty where nothing was fetched. */
  fetchedUrls: z.array(z.string()),
  /** Of what lies there; null where nothing came. */
  hosted: z.object({ sha256: z.string(), byteCount: z.number().int() }).nullable(),
  /** Of the file that was judged. */
  judged: z.object({ sha256: z.string(), byteCount: z.number().int(), fileName: z.string() }),
  /** All that is wrong with the URL and with what lies there. */
  findings: z.array(codeFindingSchema).readonly(),
  /** Why nothing came, and what to do; null where something did, or where no URL is to be asked. */
  problem: z.object({ message: z.string(), hint: z.string() }).nullable(),
});
export type HostedCheck = z.infer<typeof hostedCheckSchema>;

export const gitHubTokenPattern = /^[\x21-\x7e]{8,512}$/;
export const gitHubTokenSchema = z.string().regex(gitHubTokenPattern, "A token is one word of printable characters.");

export const gistIdSchema = z.string().regex(/^[0-9a-f]{1,64}$/i, "Not the id of a gist.");
export const gistDescriptionSchema = z.string().max(256);

/** A gist that holds the file, and nothing else. */
export const gistSchema = z.object({
  id: gistIdSchema,
  /** What is committed: its short form. */
  url: z.string(),
  sha256: z.string(),
});
export type Gist = z.infer<typeof gistSchema>;

/** The id of the gist that a URL names, whichever form it has; null for any other URL. */
export function gistIdOf(committedUrl: string): string | null {
  return (
    new RegExp(`^https://${GIST_HOST.replaceAll(".", "\\.")}/[\\w-]+/([0-9a-f]+)$`, "i").exec(committedUrl)?.[1] ?? null
  );
}
