/**
 * What a server or a database says, as facts that can be kept: bounded, typed, with nothing hidden in its words. Whatever is
 * missing or makes no sense becomes null; a row without an id is left out and counted. Pure.
 */
import { submissionIdSchema } from "../../../common/arena.ts";
import { shownText } from "../../../common/shown-text.ts";

/** What is known of one submission; null is "not said". */
export type SeenSubmission = {
  submissionId: string;
  hotkey: string | null;
  uid: number | null;
  codeHash: string | null;
  codeUrl: string | null;
  specVersion: string | null;
  status: string | null;
  /** Milliseconds since 1970. */
  createdMs: number | null;
  /** The time came without a zone: taken as UTC. */
  zoneAssumed: boolean;
  updatedMs: number | null;
  score: number | null;
  error: string | null;
  paymentVerified: boolean | null;
  evaluationCount: number | null;
};

export type SeenEvaluation = {
  evaluationId: string;
  evaluator: string | null;
  mfu: number | null;
  tokensPerSecond: number | null;
  totalTokens: number | null;
  wallSeconds: number | null;
  success: boolean | null;
  error: string | null;
  createdMs: number | null;
};

export type SeenThreshold = {
  current: number;
  lastImprovement: number | null;
  lastUpdateBlock: number;
  decayed: number | null;
  updatedMs: number | null;
};

export type SeenBest = { submissionId: string; score: number; atMs: number };

/** Of a server's validator, queue and overview: whatever it says of these. */
export type SeenStatus = {
  status: string | null;
  currentEvaluation: string | null;
  uptime: string | null;
  evaluationsLastHour: number | null;
  submissionsLastDay: number | null;
  activeMiners: number | null;
  queued: number | null;
  running: number | null;
  finished: number | null;
  failed: number | null;
  averageScore: number | null;
  successPercent: number | null;
};

export type Rows<T> = { rows: T[]; skipped: number };

const MAX_WORD = 200;
const MAX_SENTENCE = 2000;
const MAX_URL = 2000;
const MAX_SCORE = 100;
/** Of one answer; production sends at most 1,000. */
const MAX_ROWS = 2000;
const EARLIEST_MS = Date.UTC(2020, 0, 1);
const LATEST_MS = Date.UTC(2100, 0, 1);
/** Date and time as Python's isoformat and str write them: a T or a blank, any fraction, with a zone or without. */
const TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?$/i;
/** A code that is not stored yet comes as a few comment lines. */
const MAX_PLACEHOLDER_LINES = 20;

type Row = Record<string, unknown>;

export function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The rows of an answer: an array, or an object with one array in it. Null for anything else. */
export function rowsIn(answer: unknown): unknown[] | null {
  if (Array.isArray(answer)) return answer;
  if (!isRow(answer)) return null;
  const arrays = Object.values(answer).filter((value) => Array.isArray(value));
  return arrays.length === 1 ? (arrays[0] as unknown[]) : null;
}

/** Rows of an answer that have an id, read one by one. Null where there are no rows in it. */
export function readRows<T>(answer: unknown, read: (row: Row) => T | null): Rows<T> | null {
  const rows = rowsIn(answer);
  if (rows === null) return null;
  const seen = rows.slice(0, MAX_ROWS).flatMap((row) => {
    const found = isRow(row) ? read(row) : null;
    return found === null ? [] : [found];
  });
  return { rows: seen, skipped: rows.length - seen.length };
}

/** Null without a usable id. `isFinished`: it comes from a list of finished ones, which names no status. */
export function seenSubmission(row: Row, isFinished = false): SeenSubmission | null {
  const submissionId = idOf(row.submission_id);
  if (submissionId === null) return null;
  const created = timeOf(row.created_at);
  const score = numberOf(row.final_score, 0, MAX_SCORE);
  return {
    submissionId,
    hotkey: wordOf(row.miner_hotkey),
    uid: integerOf(row.miner_uid, 65_535),
    codeHash: wordOf(row.code_hash),
    codeUrl: textOf(row.bucket_path, MAX_URL),
    specVersion: wordOf(row.spec_version),
    status: wordOf(row.status) ?? (isFinished && score !== null ? "finished" : null),
    createdMs: created?.ms ?? null,
    zoneAssumed: created !== null && !created.hasZone,
    updatedMs: timeOf(row.updated_at)?.ms ?? null,
    score,
    error: textOf(row.error_message ?? row.error, MAX_SENTENCE),
    paymentVerified: booleanOf(row.payment_verified),
    evaluationCount: integerOf(row.num_evaluations, 1_000_000),
  };
}

export function seenEvaluation(row: Row): SeenEvaluation | null {
  const evaluationId = textOf(row.evaluation_id, MAX_WORD);
  if (evaluationId === null) return null;
  return {
    evaluationId,
    evaluator: wordOf(row.evaluator_hotkey),
    mfu: numberOf(row.mfu, 0, MAX_SCORE),
    tokensPerSecond: numberOf(row.tokens_per_second, 0, 1e12),
    totalTokens: numberOf(row.total_tokens, 0, 1e15),
    wallSeconds: numberOf(row.wall_time_seconds, 0, 1e9),
    success: booleanOf(row.success),
    error: textOf(row.error, MAX_SENTENCE),
    createdMs: timeOf(row.created_at)?.ms ?? null,
  };
}

/** Null unless both the threshold and its block are there: one without the other says nothing. */
export function seenThreshold(row: Row): SeenThreshold | null {
  const current = numberOf(row.current_threshold, 0, 1e6);
  const lastUpdateBlock = integerOf(row.last_update_block, 1e9);
  if (current === null || lastUpdateBlock === null) return null;
  return {
    current,
    lastUpdateBlock,
    lastImprovement: numberOf(row.last_improvement, 0, 1e6),
    decayed: numberOf(row.decayed_threshold, 0, 1e6),
    updatedMs: timeOf(row.updated_at)?.ms ?? null,
  };
}

/** A point of the server's own history: the best score so far. */
export function seenBest(row: Row): SeenBest | null {
  const submissionId = idOf(row.submission_id);
  const score = numberOf(row.mfu, 0, MAX_SCORE);
  const at = timeOf(row.timestamp);
  return submissionId === null || score === null || at === null ? null : { submissionId, score, atMs: at.ms };
}

/** Validator, queue and overview together; the first that says something is believed. */
export function seenStatus(rows: readonly Row[]): SeenStatus {
  const first = <T>(read: (row: Row) => T | null): T | null => {
    for (const row of rows) {
      const value = read(row);
      if (value !== null) return value;
    }
    return null;
  };
  const count = (name: string) => first((row) => integerOf(row[name], 1e9));
  return {
    status: first((row) => wordOf(row.status)),
    currentEvaluation: first((row) => describedOf(row.current_evaluation)),
    uptime: first((row) => describedOf(row.uptime)),
    evaluationsLastHour: count("evaluations_completed_1h"),
    submissionsLastDay: count("submissions_24h"),
    activeMiners: count("active_miners"),
    queued: count("queued_count"),
    running: count("running_count"),
    finished: count("finished_count"),
    failed: count("failed_count"),
    averageScore: first((row) => numberOf(row.avg_score, 0, MAX_SCORE)),
    successPercent: first((row) => percentOf(row.success_rate)),
  };
}

/** The bytes of a stored code; null where it is not stored yet: nothing, or a few lines of comment. */
export function codeOf(value: unknown): Uint8Array | null {
  if (value instanceof Uint8Array) return value.length === 0 ? null : value;
  if (typeof value !== "string" || isPlaceholder(value)) return null;
  return Buffer.from(value, "utf8");
}

function isPlaceholder(code: string): boolean {
  // Cut first: only the beginning matters, and a line may be as long as all of it.
  const lines = code.slice(0, 10_000).split("\n");
  const isShort = code.length <= 10_000 && lines.length <= MAX_PLACEHOLDER_LINES;
  return isShort && lines.every((line) => line.trim() === "" || line.trimStart().startsWith("#"));
}

/**
 * Several rows about the same submissions as one a submission, the same for every order of the rows: the newer update wins,
 * then the later status, then the text of the row; what the winner does not say comes from the others.
 */
export function mergeSeen(rows: readonly SeenSubmission[]): SeenSubmission[] {
  const byId = Map.groupBy(rows, ({ submissionId }) => submissionId);
  return [...byId.keys()].sort().map((id) => {
    const [first, ...others] = (byId.get(id) ?? []).toSorted(inOrder);
    if (first === undefined) throw new Error("a group without rows");
    return others.reduce(overlaid, first);
  });
}

/** `next` where it says something, else `before`. A new status takes its score and its error with it. */
export function overlaid(before: SeenSubmission, next: SeenSubmission): SeenSubmission {
  const isOther = next.status !== null && next.status !== before.status;
  return {
    submissionId: before.submissionId,
    hotkey: next.hotkey ?? before.hotkey,
    uid: next.uid ?? before.uid,
    codeHash: next.codeHash ?? before.codeHash,
    codeUrl: next.codeUrl ?? before.codeUrl,
    specVersion: next.specVersion ?? before.specVersion,
    status: next.status ?? before.status,
    createdMs: next.createdMs ?? before.createdMs,
    zoneAssumed: next.createdMs === null ? before.zoneAssumed : next.zoneAssumed,
    updatedMs: next.updatedMs ?? before.updatedMs,
    score: next.score ?? (isOther ? null : before.score),
    error: next.error ?? (isOther ? null : before.error),
    paymentVerified: next.paymentVerified ?? before.paymentVerified,
    evaluationCount: next.evaluationCount ?? before.evaluationCount,
  };
}

const STATUS_ORDER = [
  "pending",
  "validating",
  "evaluating",
  "error",
  "failed_validation",
  "failed_evaluation",
  "finished",
];

function inOrder(a: SeenSubmission, b: SeenSubmission): number {
  const updated = (a.updatedMs ?? -1) - (b.updatedMs ?? -1);
  if (updated !== 0) return updated;
  const status = STATUS_ORDER.indexOf(a.status ?? "") - STATUS_ORDER.indexOf(b.status ?? "");
  if (status !== 0) return status;
  const [textA, textB] = [JSON.stringify(a), JSON.stringify(b)];
  return textA < textB ? -1 : textA > textB ? 1 : 0;
}

/** As `Date.parse` does not: a time without a zone is UTC, whatever this machine's zone; no other form, no year out of reason. */
export function timeOf(value: unknown): { ms: number; hasZone: boolean } | null {
  const inReason = (ms: number, hasZone: boolean) =>
    ms >= EARLIEST_MS && ms < LATEST_MS ? { ms: Math.floor(ms), hasZone } : null;
  if (typeof value === "number") return inReason(value * 1000, true);
  const parts = typeof value === "string" ? TIME.exec(value.trim()) : null;
  if (parts === null) return null;
  const [, date, time, fraction = "", zone] = parts;
  return inReason(
    Date.parse(`${date}T${time}${fraction.slice(0, 4)}${(zone ?? "Z").toUpperCase()}`),
    zone !== undefined,
  );
}

function idOf(value: unknown): string | null {
  return submissionIdSchema.safeParse(value).data ?? null;
}

/** Bounded and with nothing hidden in it; null for what is no text, or empty. */
function textOf(value: unknown, maxLength: number): string | null {
  if (typeof value !== "string") return null;
  const text = shownText(value.slice(0, maxLength)).trim();
  return text === "" ? null : value.length > maxLength ? `${text}...` : text;
}

function wordOf(value: unknown): string | null {
  return textOf(typeof value === "number" || typeof value === "bigint" ? String(value) : value, MAX_WORD);
}

/** A text, a number, or an object in short. */
function describedOf(value: unknown): string | null {
  return isRow(value) ? textOf(JSON.stringify(value), MAX_WORD) : wordOf(value);
}

function numberOf(value: unknown, lowest: number, highest: number): number | null {
  const number = typeof value === "bigint" ? Number(value) : value;
  return typeof number === "number" && number >= lowest && number <= highest ? number : null;
}

function integerOf(value: unknown, highest: number): number | null {
  const number = numberOf(value, 0, highest);
  return number !== null && Number.isInteger(number) ? number : null;
}

/** SQLite has no booleans. */
function booleanOf(value: unknown): boolean | null {
  const number = typeof value === "bigint" ? Number(value) : value;
  return typeof number === "boolean" ? number : number === 1 ? true : number === 0 ? false : null;
}

/** "71.4%". A bare number could be a share or percent: it says nothing. */
function percentOf(value: unknown): number | null {
  const digits = typeof value === "string" ? /^\s*(\d{1,3}(?:\.\d{1,6})?)\s*%\s*$/.exec(value)?.[1] : undefined;
  return digits === undefined ? null : numberOf(Number(digits), 0, 100);
}
