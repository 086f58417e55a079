/** Evaluation servers: boxes that run the production image's HTTP server (spec/evaluation.md section 6). */
import { z } from "zod";
import { errorReportSchema } from "./errors.ts";

export const MAX_SERVERS = 50;

const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/;
const NAME_PROBLEM = "A name has up to 40 letters, digits, dots, dashes and underscores.";
const TOKEN_PATTERN = /^[\x21-\x7e]{1,4096}$/;
const TOKEN_PROBLEM = "A token is one word of printable characters.";
export const ADDRESS_PROBLEM =
  "An address begins with https:// or http:// and has no user, password, query or fragment.";

export const serverNameSchema = z.string().regex(NAME_PATTERN, NAME_PROBLEM);

/** Why a name cannot be a server's; null where it can. As the schema, for forms. */
export function serverNameProblem(name: string): string | null {
  return NAME_PATTERN.test(name) ? null : NAME_PROBLEM;
}

/** The same of its token. */
export function serverTokenProblem(token: string): string | null {
  return TOKEN_PATTERN.test(token) ? null : TOKEN_PROBLEM;
}

/** Where its paths begin, without a slash at the end; null where it is no address of a server. */
export function serverAddressOf(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isAddress =
    url !== null &&
    (url.protocol === "https:" || url.protocol === "http:") &&
    url.username === "" &&
    url.password === "" &&
    url.search === "" &&
    url.hash === "";
  return isAddress ? `${url.origin}${url.pathname.replace(/\/+$/, "")}` : null;
}

/** `serverAddressOf` it. Throws nothing: what is no such address does not pass. */
export const serverAddressSchema = z
  .string()
  .max(500)
  .transform((text, context) => {
    const address = serverAddressOf(text);
    if (address !== null) return address;
    context.issues.push({ code: "custom", input: text, message: ADDRESS_PROBLEM });
    return z.NEVER;
  });

/** What a header can carry; long enough for any token. */
export const serverTokenSchema = z.string().regex(TOKEN_PATTERN, TOKEN_PROBLEM);

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
