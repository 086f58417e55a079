/** What the field says about a URL while it is typed. Pure. */
import { type CodeFinding, readCodeUrl } from "../../../common/code-url.ts";
import { commitmentSize, paymentToCome } from "../../../common/commitment.ts";
import { formatBytes, formatInteger } from "../../../common/format.ts";
import { gistIdOf, type HostedCheck } from "../../../common/hosting.ts";

/** Of the longest digits that block numbers have for years: where nobody knows yet how long a payment's are. */
const LONGEST_PAYMENT = paymentToCome(90_000_000);

export type TypedUrl = {
  /** What is committed; null where nothing, or no URL, was typed. */
  committed: string | null;
  /** Said where it is another text than was typed. */
  committedNote: string;
  findings: readonly CodeFinding[];
  urlBytes: number;
  maxUrlBytes: number;
  /** The gist that the URL names; null for any other host. */
  gistId: string | null;
};

/** `maxUrlBytes`: as the preflight counted it with the real digits; null while there is none. */
export function readTypedUrl(typed: string, maxUrlBytes: number | null): TypedUrl {
  const text = typed.trim();
  const { committed, findings } = text === "" ? { committed: null, findings: [] } : readCodeUrl(text);
  const size = commitmentSize(committed ?? text, LONGEST_PAYMENT);
  return {
    committed,
    committedNote: committed === null || committed === text ? "" : `Committed as ${committed}`,
    findings,
    urlBytes: size.urlBytes,
    maxUrlBytes: maxUrlBytes ?? size.maxUrlBytes,
    gistId: committed === null ? null : gistIdOf(committed),
  };
}

/** Null where it fits. */
export function tooLongWords({ urlBytes, maxUrlBytes }: TypedUrl): string | null {
  if (urlBytes <= maxUrlBytes) return null;
  return `The URL is ${formatInteger(urlBytes - maxUrlBytes)} bytes too long for a commitment: shorten it.`;
}

export type CheckWords = { isWell: boolean; lines: readonly string[] };

/** What was found at the URL; what is wrong with the URL itself is said while it is typed. */
export function hostedWords({ hosted, judged, findings, problem }: HostedCheck, typed: TypedUrl): CheckWords {
  if (problem !== null) return { isWell: false, lines: [problem.message, problem.hint].filter((line) => line !== "") };
  if (hosted === null) return { isWell: false, lines: ["Nothing was fetched: this is no URL."] };
  const known = new Set(typed.findings.map(({ rule }) => rule));
  const found = findings.filter(({ rule, state }) => state === "block" && !known.has(rule));
  const isOld = typed.gistId !== null && found.some(({ rule }) => rule === "changed");
  const note = isOld
    ? ["GitHub may hand out the older text for some minutes after a gist was changed: look again then."]
    : [];
  if (found.length > 0) return { isWell: false, lines: [...found.map(({ message }) => message), ...note] };
  const size = formatBytes(hosted.byteCount);
  return { isWell: true, lines: [`${judged.fileName} lies there as it is: ${size}, SHA-256 ${short(hosted.sha256)}.`] };
}

function short(sha256: string): string {
  return sha256.slice(0, 12);
}
