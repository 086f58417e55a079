/** Whether what lies at a URL is what was judged, found out as the validator will (spec/chain.md, "What is committed"). */
import { createHash } from "node:crypto";
import { type CodeFinding, changedFinding, fetchedUrl, hostedCodeFindings } from "../../../common/code-url.ts";
import { codeHashOf } from "../../../common/commitment.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { type FetchOptions, fetchCode } from "./fetch-code.ts";

export type HostedCode = {
  byteCount: number;
  sha256: string;
  /** What a commitment to these bytes begins with. */
  codeHash: string;
  /** Every URL that was asked, redirects included. */
  urls: string[];
  /** Empty where the validator would take the file, and it is the judged one. */
  findings: CodeFinding[];
};

/**
 * Fetches what is committed and compares it with the SHA-256 of the judged bytes. Throws `usage` for no URL, and what
 * `fetchCode` throws.
 */
export async function checkHostedCode(
  { committedUrl, judgedSha256 }: { committedUrl: string; judgedSha256: string },
  options: FetchOptions,
): Promise<HostedCode> {
  const url = fetchedUrl(committedUrl);
  if (url === null) throw new CrusaderError("usage", "This is no URL.", "It begins with https:// and names a host.");
  const { bytes, urls } = await fetchCode(url, options);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const changed = changedFinding(sha256, judgedSha256);
  const findings = [...hostedCodeFindings(bytes), ...(changed === null ? [] : [changed])];
  return { byteCount: bytes.length, sha256, codeHash: codeHashOf(sha256), urls, findings };
}
