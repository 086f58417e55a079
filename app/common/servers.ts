/** Evaluation servers: boxes that run the production image's HTTP server (spec/evaluation.md section 6). */
import { z } from "zod";
import { errorReportSchema } from "./errors.ts";

export const MAX_SERVERS = 50;

export const serverNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/, "A name has up to 40 letters, digits, dots, dashes and underscores.");

/** Where its paths begin, without a slash at the end. Throws nothing: what is no such address does not pass. */
export const serverAddressSchema = z
  .string()
  .max(500)
  .transform((text, context) => {
    const url = URL.canParse(text) ? new URL(text) : null;
    const isAddress =
      url !== null &&
      (url.protocol === "https:" || url.protocol === "http:") &&
      url.username === "" &&
      url.password === "" &&
      url.search === "" &&
      url.hash === "";
    if (isAddress) return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
    context.issues.push({
      code: "custom",
      input: text,
      message: "An address begins with https:// or http:// and has no user, password, query or fragment.",
    });
    return z.NEVER;
  });

/** What a header can carry; long enough for any token. */
export const serverTokenSchema = z
  .string()
  .regex(/^[\x21-\x7e]{1,4096}$/, "A token is one word of printable characters.");

export const evaluationServerSchema = z.object({ name: serverNameSchema, address: serverAddressSchema });
export type EvaluationServer = z.infer<typeof evaluationServerSchema>;

/** A server as it may be shown. Its token never is. */
export const shownServerSchema = evaluationServerSchema.extend({
  /** Plain http to another machine: code, token and results can be read and changed on the way. */
  isPlain: z.boolean(),
  hasToken: z.boolean(),
});
export type ShownServer = z.infer<typeof shownServerSchema>;

export const serverCheckSchema = z.object({
  name: z.string(),
  /** Null: it answers and says it is well. Whether it takes the token shows with the first job. */
  problem: errorReportSchema.nullable(),
  milliseconds: z.number().int().nonnegative(),
});
export type ServerCheck = z.infer<typeof serverCheckSchema>;

/** True for http to any machine but this one; a tunnel's end on this machine is as safe as the tunnel. */
export function isPlain(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  return protocol === "http:" && !["localhost", "127.0.0.1", "[::1]"].includes(hostname);
}
