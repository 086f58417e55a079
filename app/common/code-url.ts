/**
 * The rules for a submission's URL and for what lies there (spec/chain.md, "What is committed"): those of the reference
 * miner, which sends no other commitment, those of the validator, which fails the submission, and three of our own.
 */
import { GIST_HOST, GIST_RAW_HOST } from "./addresses.ts";

/** The miner counts characters, the validator bytes. */
export const MAX_CODE_SIZE = 500_000;
const LOOKED_AT_CHARACTERS = 500;

export const CODE_RULES = [
  "not_a_url",
  "not_http",
  "page",
  "gist_revision",
  "gist_path",
  "seen_before",
  "unusual_characters",
  "credentials",
  "not_encrypted",
  "too_many_characters",
  "too_many_bytes",
  "not_utf8",
  "html",
  "file_listing",
  "no_inner_steps",
  "changed",
] as const;
export type CodeRule = (typeof CODE_RULES)[number];

export const CODE_RULE_OWNERS = ["miner", "validator", "crusader"] as const;

export type CodeFinding = {
  rule: CodeRule;
  /** Whose rule it is. */
  by: readonly (typeof CODE_RULE_OWNERS)[number][];
  /** `block`: submitting it would lose the submission, or its secrecy. */
  state: "block" | "warn";
  message: string;
};

export type CodeUrl = {
  /** What is committed; null where it is no URL. Trailing slashes are dropped and gists are in their short form. */
  committed: string | null;
  /** Where the validator fetches what is committed. */
  fetched: string | null;
  findings: CodeFinding[];
};

/** As the miner looks for them: anywhere in the URL in lower case. */
const PAGES: readonly (readonly [marker: string, what: string])[] = [
  ["/tree/", "a folder of a repository"],
  ["/blob/", "the page around a file; its Raw button leads to the file itself"],
  ["?tab=", "a page of a profile or repository"],
  ["/commits", "a list of commits"],
  ["/pulls", "a list of pull requests"],
  ["/issues", "a list of issues"],
  ["/actions", "a page of workflows"],
];

/**
 * What would be committed for a URL as it was typed, and all that is wrong with it. `seen` holds the URLs that were ever
 * committed by anyone, as exact texts.
 */
export function readCodeUrl(typed: string, seen: ReadonlySet<string> = new Set()): CodeUrl {
  const url = URL.parse(typed);
  if (url === null) {
    const message = "This is no URL: it begins with https:// and names a host and a path.";
    return { committed: null, fetched: null, findings: [block("not_a_url", ["miner", "validator"], message)] };
  }
  // Browsers take more than Python does: upper case, one slash or three.
  if (!/^https?:\/\/[^/\\]/.test(typed)) {
    const message = "The URL begins with https:// or http://, in lower case, and goes on with a host.";
    return { committed: null, fetched: null, findings: [block("not_http", ["miner", "validator"], message)] };
  }
  const gist = gistOf(url);
  const committed = gist?.short ?? typed.replace(/\/+$/, "");
  const findings = [
    ...(gist?.pinned
      ? [
          warn(
            "gist_revision",
            ["miner"],
            "A gist is committed in its short form, which always names its newest revision and its first file: change nothing in it until it was evaluated.",
          ),
        ]
      : []),
    ...generalFindings(typed, url),
    ...pageFindings(committed),
  ];
  if (gist === null && url.hostname === GIST_HOST && url.pathname.replace(/\/+$/, "").split("/").length > 3) {
    const message = "The validator adds /raw to this path of a gist, where nothing lies: give the gist's own URL.";
    findings.push(block("gist_path", ["validator"], message));
  }
  if (seen.has(committed)) {
    const message =
      "This URL was committed before, by you or by others: the validator skips it. Every submission needs a new one.";
    findings.push(block("seen_before", ["validator"], message));
  }
  return { committed, fetched: fetchedUrl(committed), findings };
}

/** What is wrong with the bytes that lie at the URL, whatever was meant to lie there. */
export function hostedCodeFindings(bytes: Uint8Array): CodeFinding[] {
  const both = ["miner", "validator"] as const;
  const limit = MAX_CODE_SIZE.toLocaleString("en-US");
  const tooManyBytes =
    bytes.length > MAX_CODE_SIZE
      ? [block("too_many_bytes", ["validator"], `The file has more than ${limit} bytes.`)]
      : [];
  const text = utf8(bytes);
  if (text === null) return [...tooManyBytes, block("not_utf8", both, "What lies there is no UTF-8 text.")];
  const beginning = [...text.slice(0, 2 * LOOKED_AT_CHARACTERS)].slice(0, LOOKED_AT_CHARACTERS).join("");
  const lower = beginning.toLowerCase();
  const findings = [...tooManyBytes];
  if (characterCount(text) > MAX_CODE_SIZE) {
    findings.push(block("too_many_characters", ["miner"], `The file has more than ${limit} characters.`));
  }
  if (lower.includes("<html") || lower.includes("<!doctype html")) {
    const message = "A web page lies there, not a file: use the address of the file itself (Raw).";
    findings.push(block("html", both, message));
  }
  if (text.trimStart().startsWith("{") && beginning.includes('"files"')) {
    const message = "A list of files lies there, not a file: use the address of the file itself.";
    findings.push(block("file_listing", both, message));
  }
  if (!text.includes("def inner_steps")) {
    findings.push(block("no_inner_steps", both, "What lies there does not define inner_steps."));
  }
  return findings;
}

/** Null where the hosted bytes are those that were judged; the SHA-256 of both in hexadecimal digits. */
export function changedFinding(hostedSha256: string, judgedSha256: string): CodeFinding | null {
  if (hostedSha256 === judgedSha256) return null;
  const message = `What lies there (${hostedSha256.slice(0, 12)}) is not the file that was judged (${judgedSha256.slice(0, 12)}): upload that very file, byte for byte.`;
  return block("changed", ["validator"], message);
}

/** Where the validator fetches a committed URL; null where it is no URL. */
export function fetchedUrl(committed: string): string | null {
  const url = URL.parse(committed);
  if (url === null) return null;
  if (url.hostname === GIST_HOST && !url.pathname.endsWith("/raw"))
    url.pathname = `${url.pathname.replace(/\/+$/, "")}/raw`;
  return url.href;
}

const LOOPBACK = "127.0.0.1";

function generalFindings(typed: string, url: URL): CodeFinding[] {
  const findings: CodeFinding[] = [];
  if (!/^[\x21-\x7e]+$/.test(typed) || typed.includes("\\")) {
    const message =
      "The URL has characters that programs read differently: write spaces and letters beyond ASCII as %XX.";
    findings.push(block("unusual_characters", ["crusader"], message));
  }
  if (url.username !== "" || url.password !== "") {
    const message = "The URL holds a user name or a password, which everybody could read on the chain.";
    findings.push(block("credentials", ["crusader"], message));
  }
  // Nobody stands between a machine and itself: the practice network publishes there.
  if (url.protocol === "http:" && url.hostname !== LOOPBACK) {
    const message = "Without https, whoever stands between can change the file, and the submission would fail.";
    findings.push(warn("not_encrypted", ["crusader"], message));
  }
  return findings;
}

function pageFindings(committed: string): CodeFinding[] {
  const lower = committed.toLowerCase();
  return PAGES.filter(([marker]) => lower.includes(marker)).map(([marker, what]) =>
    block("page", ["miner"], `The miner takes a URL with ${marker} for ${what}, and refuses it.`),
  );
}

/** The short form of a gist's URL, and whether the URL named a revision or file of it; null for any other. */
function gistOf(url: URL): { short: string; pinned: boolean } | null {
  if (url.hostname !== GIST_HOST && url.hostname !== GIST_RAW_HOST) return null;
  const match = /^\/([\w-]+)\/([0-9a-f]+)(?:\/raw(\/.+)?)?\/*$/i.exec(url.pathname);
  if (match === null || url.username !== "" || url.password !== "") return null;
  const [, user, id, rest] = match;
  return { short: `https://${GIST_HOST}/${user}/${id}`, pinned: rest !== undefined };
}

function utf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** As Python counts: a character beyond 16 bits is one. */
function characterCount(text: string): number {
  return text.length - (text.match(/[\u{10000}-\u{10ffff}]/gu)?.length ?? 0);
}

function block(rule: CodeRule, by: CodeFinding["by"], message: string): CodeFinding {
  return { rule, by, state: "block", message };
}

function warn(rule: CodeRule, by: CodeFinding["by"], message: string): CodeFinding {
  return { rule, by, state: "warn", message };
}
