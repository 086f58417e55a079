/**
 * A validator's own `crusades.db` (spec/evaluation.md section 7), read while the validator writes: read-only, in short pieces
 * between which nothing is held, with whatever columns it has. Views and computed columns are not read, so that nothing in
 * the file is run.
 */
import { createHash } from "node:crypto";
import { type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { CrusaderError } from "../../../common/errors.ts";
import {
  codeOf,
  type SeenEvaluation,
  type SeenSubmission,
  type SeenThreshold,
  seenEvaluation,
  seenSubmission,
  seenThreshold,
} from "./answers.ts";
import { type Entry, MAX_CODE_BYTES } from "./archive.ts";

const DATABASE_NAME = "crusades.db";
/** A validator that holds it longer is asked again at the next look. */
const BUSY_TIMEOUT_MS = 200;
const ROWS_AT_ONCE = 200;
const MAX_SUBMISSIONS = 200_000;
const MAX_EVALUATIONS = 2_000_000;
const EVALUATIONS_AGAIN = 500n;
/** Rows that SQLite numbers itself begin at 1. */
const FIRST_ROW = -(2n ** 62n);
/** Longer values are no facts. */
const MAX_VALUE_BYTES = 8000;

const SUBMISSION_COLUMNS = [
  "submission_id",
  "miner_hotkey",
  "miner_uid",
  "code_hash",
  "bucket_path",
  "spec_version",
  "status",
  "created_at",
  "updated_at",
  "final_score",
  "error_message",
  "payment_verified",
];
const EVALUATION_COLUMNS = [
  "evaluation_id",
  "submission_id",
  "evaluator_hotkey",
  "mfu",
  "tokens_per_second",
  "total_tokens",
  "wall_time_seconds",
  "success",
  "error",
  "created_at",
];
const THRESHOLD_COLUMNS = ["current_threshold", "last_improvement", "last_update_block", "updated_at"];

type Found = Record<string, SQLOutputValue>;

/** What a piece of a look brought. */
export type DatabasePiece =
  | { kind: "submissions"; entries: Entry[]; ids: string[]; skipped: number }
  | { kind: "evaluations"; bySubmission: Map<string, SeenEvaluation[]> }
  | { kind: "threshold"; threshold: SeenThreshold | null }
  /** The last one: all of it was read. */
  | { kind: "end"; fingerprint: string; lastEvaluation: bigint; notes: string[] };

/** The file that a path means: itself, or `crusades.db` in a folder. Throws `not_found`, `unsupported`. */
export function databaseFile(path: string): string {
  const found = statOf(path);
  const file = found?.isDirectory() === true ? join(path, DATABASE_NAME) : path;
  const what = found?.isDirectory() === true ? statOf(file) : found;
  if (what === undefined)
    throw new CrusaderError("not_found", `There is no ${file}.`, "Name the validator's crusades.db.");
  if (!what.isFile())
    throw new CrusaderError("unsupported", `${file} is no plain file.`, "Name the validator's crusades.db.");
  return file;
}

/** Differs whenever something was written, or another file took its place. Throws as `databaseFile`. */
export function databaseFingerprint(path: string): string {
  const file = databaseFile(path);
  return (
    ["", "-wal"]
      .map((suffix) => statOf(file + suffix))
      // An empty log comes and goes with whoever reads.
      .map((found) =>
        found === undefined || found.size === 0 ? "none" : `${found.dev} ${found.ino} ${found.mtimeMs} ${found.size}`,
      )
      .join(", ")
  );
}

export type DatabaseQuestion = {
  /** As the entry of a submission was marked when it was last read; null: it was not. */
  markOf: (submissionId: string) => string | null;
  /** What the end of an earlier look said. */
  read?: { fingerprint: string; lastEvaluation: bigint };
  signal: AbortSignal;
};

/**
 * Everything in it that is not as `markOf` remembers it; of the evaluations of the same file, which are only ever added, the
 * last ones that an earlier look saw and all after them. Throws what stands in the way: `not_found`, `unsupported`,
 * `access_denied`, `busy`, `invalid_record`; what came until then counts.
 */
export async function* readDatabase(
  path: string,
  { markOf, read, signal }: DatabaseQuestion,
): AsyncGenerator<DatabasePiece> {
  const fingerprint = databaseFingerprint(path);
  // The file is the same where its device and number are.
  const isSame = read !== undefined && fileOf(read.fingerprint) === fileOf(fingerprint);
  let lastEvaluation = isSame ? read.lastEvaluation : FIRST_ROW;
  const database = open(databaseFile(path));
  try {
    const notes: string[] = [];
    const submissions = columnsOf(database, "submissions");
    if (submissions === null || !submissions.has("submission_id")) {
      throw new CrusaderError(
        "invalid_record",
        `${path} holds no submissions of a validator.`,
        "Name the validator's crusades.db.",
      );
    }
    for await (const rows of pages(
      database,
      "submissions",
      selected(submissions, SUBMISSION_COLUMNS),
      codeLength(submissions),
      signal,
      MAX_SUBMISSIONS,
    )) {
      yield submissionsPiece(database, rows, markOf, submissions.has("code_content"));
    }
    const evaluations = columnsOf(database, "evaluations");
    if (evaluations === null || !evaluations.has("evaluation_id") || !evaluations.has("submission_id")) {
      notes.push("It has no evaluations.");
    } else {
      for await (const rows of pages(
        database,
        "evaluations",
        selected(evaluations, EVALUATION_COLUMNS),
        [],
        signal,
        MAX_EVALUATIONS,
        isSame ? lastEvaluation - EVALUATIONS_AGAIN : FIRST_ROW,
      )) {
        yield evaluationsPiece(rows);
        lastEvaluation = rows.at(-1)?.row_number as bigint;
      }
    }
    yield { kind: "threshold", threshold: thresholdOf(database, notes) };
    yield { kind: "end", fingerprint, lastEvaluation, notes };
  } catch (error) {
    throw translated(error, path);
  } finally {
    database.close();
  }
}

function fileOf(fingerprint: string): string {
  return fingerprint.split(" ", 2).join(" ");
}

function open(file: string): DatabaseSync {
  try {
    const database = new DatabaseSync(file, {
      readOnly: true,
      timeout: BUSY_TIMEOUT_MS,
      enableForeignKeyConstraints: false,
    });
    database.enableDefensive(true);
    database.exec("PRAGMA trusted_schema = OFF; PRAGMA query_only = ON; PRAGMA cell_size_check = ON;");
    return database;
  } catch (error) {
    throw translated(error, file);
  }
}

/** Plain columns of a plain table; null where there is no such table. What is computed could run for ever. */
function columnsOf(database: DatabaseSync, table: string): Set<string> | null {
  const found = database.prepare("SELECT type, sql FROM sqlite_schema WHERE name = ?").get(table);
  if (found?.type !== "table" || /^\s*CREATE\s+VIRTUAL/i.test(String(found.sql))) return null;
  const columns = database.prepare("SELECT name, hidden FROM pragma_table_xinfo(?)").all(table);
  return new Set(columns.filter(({ hidden }) => hidden === 0).map(({ name }) => String(name)));
}

/** A value that is far too long is not even read. */
function selected(columns: ReadonlySet<string>, wanted: readonly string[]): string[] {
  return wanted
    .filter((name) => columns.has(name))
    .map((name) => `CASE WHEN octet_length(${name}) <= ${MAX_VALUE_BYTES} THEN ${name} END AS ${name}`);
}

function codeLength(columns: ReadonlySet<string>): string[] {
  return columns.has("code_content") ? ["octet_length(code_content) AS code_bytes"] : [];
}

/** By the number of the row: whatever is written between two pages, no row is missed that was there before. */
async function* pages(
  database: DatabaseSync,
  table: string,
  columns: readonly string[],
  more: readonly string[],
  signal: AbortSignal,
  maxRows: number,
  after = FIRST_ROW,
): AsyncGenerator<Found[]> {
  const statement = database.prepare(
    `SELECT rowid AS row_number, ${[...columns, ...more].join(", ")} FROM ${table} WHERE rowid > ? ORDER BY rowid LIMIT ${ROWS_AT_ONCE}`,
  );
  // Larger than a number's exact integers, they would be refused.
  statement.setReadBigInts(true);
  let last = after;
  for (let read = 0; read < maxRows; read += ROWS_AT_ONCE) {
    signal.throwIfAborted();
    const rows: Found[] = statement.all(last);
    if (rows.length > 0) yield rows;
    if (rows.length < ROWS_AT_ONCE) return;
    last = rows.at(-1)?.row_number as bigint;
    // The window's other questions have their turn.
    await nextTurn();
  }
}

function submissionsPiece(
  database: DatabaseSync,
  rows: readonly Found[],
  markOf: (submissionId: string) => string | null,
  hasCode: boolean,
): DatabasePiece {
  const ids: string[] = [];
  const entries = rows.flatMap((row): Entry[] => {
    const submission: SeenSubmission | null = seenSubmission(row);
    if (submission === null) return [];
    ids.push(submission.submissionId);
    const mark = markOfRow(row);
    if (markOf(submission.submissionId) === mark) return [];
    const code = hasCode ? codeAt(database, row) : undefined;
    return [{ submission, mark, ...(code === undefined ? {} : { code }) }];
  });
  return { kind: "submissions", entries, ids, skipped: rows.length - ids.length };
}

function markOfRow({ row_number: _number, ...row }: Found): string {
  const text = JSON.stringify(row, (_key, value) => (typeof value === "bigint" ? String(value) : value));
  return createHash("sha256").update(text).digest("base64url").slice(0, 16);
}

/** Null where there is none. What is too large to be kept is none either. */
function codeAt(database: DatabaseSync, { row_number }: Found): Uint8Array | null {
  const found = database
    .prepare(`SELECT code_content FROM submissions WHERE rowid = ? AND octet_length(code_content) <= ${MAX_CODE_BYTES}`)
    .get(row_number as bigint);
  return codeOf(found?.code_content);
}

function evaluationsPiece(rows: readonly Found[]): DatabasePiece {
  const bySubmission = new Map<string, SeenEvaluation[]>();
  for (const row of rows) {
    const evaluation = seenEvaluation(row);
    const submissionId = seenSubmission(row)?.submissionId;
    if (evaluation === null || submissionId === undefined) continue;
    bySubmission.set(submissionId, [...(bySubmission.get(submissionId) ?? []), evaluation]);
  }
  return { kind: "evaluations", bySubmission };
}

function thresholdOf(database: DatabaseSync, notes: string[]): SeenThreshold | null {
  const columns = columnsOf(database, "adaptive_threshold");
  const known = columns === null ? [] : selected(columns, THRESHOLD_COLUMNS);
  if (known.length === 0) {
    notes.push("It has no threshold: an older validator's.");
    return null;
  }
  const where = columns?.has("id") === true ? "WHERE id = 1" : "LIMIT 1";
  const row = database.prepare(`SELECT ${known.join(", ")} FROM adaptive_threshold ${where}`).get();
  return row === undefined ? null : seenThreshold(row);
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new CrusaderError("access_denied", `${path} may not be read.`, "Check its owner and rights.", message);
  }
}

// https://sqlite.org/rescode.html
const [SQLITE_PERM, SQLITE_BUSY, SQLITE_LOCKED, SQLITE_READONLY, SQLITE_CORRUPT, SQLITE_CANTOPEN, SQLITE_NOTADB] = [
  3, 5, 6, 8, 11, 14, 26,
];

function translated(error: unknown, path: string): unknown {
  const errcode = (error as { errcode?: unknown } | null)?.errcode;
  if (error instanceof CrusaderError || typeof errcode !== "number") return error;
  const { message } = error as Error;
  switch (errcode & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return new CrusaderError("busy", `${path} is locked by its validator.`, "It is read again in a moment.", message);
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN: {
      const hint =
        "Its folder must be readable, and, where the validator is not running, writable: copy the file elsewhere.";
      return new CrusaderError("access_denied", `${path} cannot be opened.`, hint, message);
    }
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return new CrusaderError(
        "invalid_record",
        `${path} is damaged, or no database.`,
        "What was kept before is still shown.",
        message,
      );
    default:
      return new CrusaderError(
        "invalid_record",
        `${path} cannot be read: ${message}.`,
        "What was kept before is still shown.",
      );
  }
}
