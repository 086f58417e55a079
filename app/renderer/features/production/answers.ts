/**
 * What the sandbox says, and what that means beside our own verdict. Its texts come from code of others: everything is
 * checked by hand here, shortened, and shown as plain text only.
 */
import type { Verdict } from "../../../common/scan.ts";
import type { SandboxMessage } from "./sandbox-protocol.ts";

const MAX_JSON_LENGTH = 64 * 1024;
const MAX_TEXT_LENGTH = 2000;
const MAX_LINE = 10_000_000;

/** The validator's own verdict on one file; `unasked` is none, and `message` says why. */
export type TheirVerdict = { outcome: "accepted" | "rejected" | "unasked"; message: string; line: number | null };
export type Start = { how: string } | { why: string };

/** One file: both verdicts, and what to call the pair. `elsewhere`: both reject it, for another line. */
export type Opinion = {
  name: string;
  text: string;
  ours: Verdict;
  theirs: TheirVerdict;
  agreement: "agree" | "elsewhere" | "disagree" | "unasked";
};

/** Null for anything that the sandbox as we wrote it would not send. */
export function readMessage(data: unknown): SandboxMessage | null {
  const { kind, json } = isRecord(data) ? data : {};
  if (kind !== "started" && kind !== "answer" && kind !== "failed") return null;
  if (typeof json !== "string" || json.length > MAX_JSON_LENGTH) return null;
  return { kind, json };
}

/** Null for what is no answer to a start. */
export function readStart(json: string): Start | null {
  const { how, why } = recordOf(json);
  if (typeof how === "string") return { how: plain(how) };
  return typeof why === "string" ? { why: plain(why) } : null;
}

/** Null for what is no verdict. */
export function readVerdict(json: string): TheirVerdict | null {
  const { outcome, message, line } = recordOf(json);
  if (outcome !== "accepted" && outcome !== "rejected" && outcome !== "unasked") return null;
  if (typeof message !== "string") return null;
  const isLine = typeof line === "number" && Number.isInteger(line) && line > 0 && line <= MAX_LINE;
  return { outcome, message: plain(message), line: isLine ? line : null };
}

/** The line the validator names, in a field or in its sentence ("Line 12: ..."); null for none. */
export function lineOf({ line, message }: TheirVerdict): number | null {
  if (line !== null) return line;
  const [, named] = /\bline:?\s+(\d{1,7})\b/i.exec(message) ?? [];
  return named === undefined ? null : Number(named);
}

export function agreementOf(ours: Verdict, theirs: TheirVerdict): Opinion["agreement"] {
  if (theirs.outcome === "unasked") return "unasked";
  if (ours.ok !== (theirs.outcome === "accepted")) return "disagree";
  const line = lineOf(theirs);
  return ours.line !== null && line !== null && ours.line !== line ? "elsewhere" : "agree";
}

export function unasked(why: string): TheirVerdict {
  return { outcome: "unasked", message: why, line: null };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function recordOf(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

/** On one line, without what writes over other text or hides in it. */
function plain(text: string): string {
  return text
    .slice(0, MAX_TEXT_LENGTH)
    .replaceAll(/\p{Cc}+/gu, " ")
    .replaceAll(/[\p{Cf}\p{Cs}\p{Co}]/gu, "\u{FFFD}")
    .trim();
}
