/**
 * `arena.db`: everything that was ever seen of any source, so that history and code outlive a server. What a source says
 * later overwrites what it said before; nothing is removed but by `forget`. Several processes may have it open.
 */
import { createHash } from "node:crypto";
import { existsSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { SQLInputValue, SQLOutputValue } from "node:sqlite";
import { DatabaseSync } from "node:sqlite";
import type { SubmissionState } from "../../../common/arena.ts";
import { CrusaderError, type ErrorReport, errorReportSchema } from "../../../common/errors.ts";
import { ensureFolder, writeProblem } from "../storage/index.ts";
import {
  overlaid,
  type SeenBest,
  type SeenEvaluation,
  type SeenStatus,
  type SeenSubmission,
  type SeenThreshold,
} from "./answers.ts";

const SCHEMA_VERSION = 1;
const BUSY_TIMEOUT_MS = 5000;
/** Larger code is not kept: production evaluates none above half of it. */
export const MAX_CODE_BYTES = 1024 * 1024;
/** As much of a code can be searched for; all that production evaluates. */
const MAX_SEARCHED_CHARACTERS = 500_000;

const SCHEMA = `
  CREATE TABLE sources (
    name TEXT PRIMARY KEY, seen_ms INTEGER, tried_ms INTEGER, failures INTEGER NOT NULL DEFAULT 0, wait_until_ms INTEGER,
    problem TEXT, notes TEXT NOT NULL DEFAULT '[]', status TEXT, threshold TEXT, server_leader TEXT
  ) STRICT;
  CREATE TABLE submissions (
    row INTEGER PRIMARY KEY,
    source TEXT NOT NULL, id TEXT NOT NULL,
    hotkey TEXT, uid INTEGER, code_hash TEXT, code_url TEXT, spec_version TEXT, status TEXT, state TEXT NOT NULL,
    created_ms INTEGER, zone_assumed INTEGER NOT NULL, updated_ms INTEGER, score REAL, error TEXT,
    payment_verified INTEGER, evaluation_count INTEGER,
    code INTEGER REFERENCES codes (row), code_tried_ms INTEGER,
    listed INTEGER NOT NULL DEFAULT 1, seen_ms INTEGER NOT NULL,
    -- What it was when its details were read, and the database's row it was read from.
    details_of TEXT, mark TEXT,
    UNIQUE (source, id)
  ) STRICT;
  CREATE INDEX submissions_board ON submissions (source, state, listed, score);
  CREATE INDEX submissions_author ON submissions (source, hotkey, created_ms);
  CREATE INDEX submissions_code ON submissions (code);
  CREATE TABLE evaluations (
    submission INTEGER NOT NULL REFERENCES submissions (row), id TEXT NOT NULL,
    evaluator TEXT, mfu REAL, tokens_per_second REAL, total_tokens REAL, wall_seconds REAL, success INTEGER, error TEXT,
    created_ms INTEGER,
    PRIMARY KEY (submission, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE codes (row INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, content BLOB NOT NULL) STRICT;
  CREATE TABLE best (source TEXT NOT NULL, id TEXT NOT NULL, score REAL NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (source, id, score))
    STRICT, WITHOUT ROWID;
  CREATE TABLE validators (source TEXT NOT NULL, path TEXT NOT NULL, etag TEXT, last_modified TEXT, PRIMARY KEY (source, path))
    STRICT, WITHOUT ROWID;
  CREATE VIRTUAL TABLE words USING fts5 (beside, code, content = '', contentless_delete = 1, prefix = '2 3');
`;

/** A submission as it is kept. */
export type KeptSubmission = SeenSubmission & {
  row: number;
  source: string;
  state: SubmissionState;
  listed: boolean;
  seenMs: number;
  codeRow: number | null;
  codeSha256: string | null;
};

export type SourceState = {
  seenMs: number | null;
  triedMs: number | null;
  failures: number;
  /** A server asked to be left alone until then. */
  waitUntilMs: number | null;
  problem: ErrorReport | null;
  notes: string[];
  status: SeenStatus | null;
  threshold: SeenThreshold | null;
  /** Place 1 of the server's own board. */
  serverLeader: string | null;
};

export type Validator = { etag: string | null; lastModified: string | null };

/** What one submission's row of a database was, so that only changed ones are read whole. */
export type Entry = {
  submission: SeenSubmission;
  /** Undefined: not asked for. Null: asked for, and there is none. */
  code?: Uint8Array | null;
  mark?: string;
};

const COLUMNS = `s.row, s.source, s.id, s.hotkey, s.uid, s.code_hash, s.code_url, s.spec_version, s.status, s.state, s.created_ms,
  s.zone_assumed, s.updated_ms, s.score, s.error, s.payment_verified, s.evaluation_count, s.listed, s.seen_ms, s.code, c.sha256`;
const FROM = "FROM submissions s LEFT JOIN codes c ON c.row = s.code";
/** What decides whether details have to be read again. */
const DETAILS_OF = "coalesce(status, '') || ' ' || coalesce(score, '') || ' ' || coalesce(evaluation_count, '')";

type Found = Record<string, SQLOutputValue>;

export class Archive {
  readonly #path: string;
  #database: DatabaseSync | null = null;
  #setAside: { file: string; reason: string } | null = null;

  constructor({ dataFolder }: { dataFolder: string }) {
    this.#path = join(dataFolder, "arena.db");
  }

  /** The last archive that was damaged since the start: where it lies now, and what was wrong with it. */
  get setAside(): { file: string; reason: string } | null {
    return this.#setAside;
  }

  close(): void {
    this.#database?.close();
    this.#database = null;
  }

  /** Differs after every change by another process. */
  othersVersion(): number {
    return Number(this.#get("PRAGMA data_version")?.data_version ?? 0);
  }

  /** All or nothing. */
  transaction<T>(action: () => T): T {
    return this.#use((database) => {
      database.exec("BEGIN IMMEDIATE");
      try {
        const result = action();
        database.exec("COMMIT");
        return result;
      } catch (error) {
        if (database.isTransaction) database.exec("ROLLBACK");
        throw error;
      }
    });
  }

  // Sources

  /** Names of all that anything was ever seen of. */
  sourceNames(): string[] {
    return this.#all("SELECT name FROM sources ORDER BY name").map(({ name }) => String(name));
  }

  sourceState(name: string): SourceState {
    const found = this.#get("SELECT * FROM sources WHERE name = ?", name);
    return {
      seenMs: numberOrNull(found?.seen_ms),
      triedMs: numberOrNull(found?.tried_ms),
      failures: Number(found?.failures ?? 0),
      waitUntilMs: numberOrNull(found?.wait_until_ms),
      problem: found?.problem == null ? null : errorReportSchema.parse(JSON.parse(String(found.problem))),
      notes: JSON.parse(String(found?.notes ?? "[]")),
      status: found?.status == null ? null : JSON.parse(String(found.status)),
      threshold: found?.threshold == null ? null : JSON.parse(String(found.threshold)),
      serverLeader: textOrNull(found?.server_leader),
    };
  }

  putSourceState(name: string, state: SourceState): void {
    this.#run(
      "INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      name,
      state.seenMs,
      state.triedMs,
      state.failures,
      state.waitUntilMs,
      state.problem === null ? null : JSON.stringify(state.problem),
      JSON.stringify(state.notes),
      state.status === null ? null : JSON.stringify(state.status),
      state.threshold === null ? null : JSON.stringify(state.threshold),
      state.serverLeader,
    );
  }

  counts(source: string): { submissions: number; codes: number } {
    const found = this.#get(
      "SELECT count(*) AS submissions, count(code) AS codes FROM submissions WHERE source = ?",
      source,
    );
    return { submissions: Number(found?.submissions ?? 0), codes: Number(found?.codes ?? 0) };
  }

  /** What was seen of a source goes, its code too where no other source has it. */
  forget(source: string): void {
    this.transaction(() => {
      this.#run("DELETE FROM words WHERE rowid IN (SELECT row FROM submissions WHERE source = ?)", source);
      this.#run("DELETE FROM evaluations WHERE submission IN (SELECT row FROM submissions WHERE source = ?)", source);
      for (const table of ["submissions", "best", "validators"])
        this.#run(`DELETE FROM ${table} WHERE source = ?`, source);
      this.#run("DELETE FROM sources WHERE name = ?", source);
      this.#run("DELETE FROM codes WHERE row NOT IN (SELECT code FROM submissions WHERE code IS NOT NULL)");
    });
  }

  validator(source: string, path: string): Validator {
    const found = this.#get("SELECT etag, last_modified FROM validators WHERE source = ? AND path = ?", source, path);
    return { etag: textOrNull(found?.etag), lastModified: textOrNull(found?.last_modified) };
  }

  putValidator(source: string, path: string, { etag, lastModified }: Validator): void {
    this.#run("INSERT OR REPLACE INTO validators VALUES (?, ?, ?, ?)", source, path, etag, lastModified);
  }

  /** Of another server under the same name nothing is known to be unchanged. */
  dropValidators(source: string): void {
    this.#run("DELETE FROM validators WHERE source = ?", source);
    this.#run("UPDATE submissions SET details_of = NULL, mark = NULL WHERE source = ?", source);
  }

  // Writing

  put(source: string, { submission, code, mark }: Entry, nowMs: number): void {
    const id = submission.submissionId;
    const before = this.submission(source, id);
    const now = before === null ? submission : overlaid(before, submission);
    const codeRow = code === undefined || code === null ? (before?.codeRow ?? null) : this.#putCode(code);
    const values: Record<string, SQLInputValue> = {
      hotkey: now.hotkey,
      uid: now.uid,
      code_hash: now.codeHash,
      code_url: now.codeUrl,
      spec_version: now.specVersion,
      status: now.status,
      state: stateOf(now.status),
      created_ms: now.createdMs,
      zone_assumed: Number(now.zoneAssumed),
      updated_ms: now.updatedMs,
      score: now.score,
      error: now.error,
      payment_verified: now.paymentVerified === null ? null : Number(now.paymentVerified),
      evaluation_count: now.evaluationCount,
      code: codeRow,
      seen_ms: nowMs,
      ...(mark === undefined ? {} : { mark }),
      ...(code === undefined ? {} : { code_tried_ms: nowMs }),
    };
    const names = Object.keys(values);
    this.#run(
      `INSERT INTO submissions (source, id, ${names.join(", ")}) VALUES (?, ?, ${names.map(() => "?").join(", ")})
       ON CONFLICT (source, id) DO UPDATE SET listed = 1, ${names.map((name) => `${name} = excluded.${name}`).join(", ")}`,
      source,
      id,
      ...Object.values(values),
    );
    if (before === null || before.codeRow !== codeRow || besideOf(before) !== besideOf(now)) {
      this.#index(this.submission(source, id)?.row ?? 0, besideOf(now), codeRow);
    }
  }

  /** Of a submission that is kept already; those that are known are overwritten. */
  putEvaluations(source: string, id: string, evaluations: readonly SeenEvaluation[]): void {
    const row = this.#get("SELECT row FROM submissions WHERE source = ? AND id = ?", source, id)?.row;
    if (row === undefined) return;
    for (const each of evaluations) {
      this.#run(
        "INSERT OR REPLACE INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row,
        each.evaluationId,
        each.evaluator,
        each.mfu,
        each.tokensPerSecond,
        each.totalTokens,
        each.wallSeconds,
        each.success === null ? null : Number(each.success),
        each.error,
        each.createdMs,
      );
    }
  }

  putBest(source: string, points: readonly SeenBest[]): void {
    for (const { submissionId, score, atMs } of points) {
      this.#run("INSERT OR REPLACE INTO best VALUES (?, ?, ?, ?)", source, submissionId, score, atMs);
    }
  }

  setDetailed(source: string, id: string): void {
    this.#run(`UPDATE submissions SET details_of = ${DETAILS_OF} WHERE source = ? AND id = ?`, source, id);
  }

  setListed(source: string, ids: Iterable<string>, listed: boolean): void {
    for (const id of ids)
      this.#run("UPDATE submissions SET listed = ? WHERE source = ? AND id = ?", Number(listed), source, id);
  }

  // Reading

  submission(source: string, id: string): KeptSubmission | null {
    const found = this.#get(`SELECT ${COLUMNS} ${FROM} WHERE s.source = ? AND s.id = ?`, source, id);
    return found === undefined ? null : kept(found);
  }

  /** All of a source, in no order. */
  submissions(source: string): KeptSubmission[] {
    return this.#all(`SELECT ${COLUMNS} ${FROM} WHERE s.source = ?`, source).map(kept);
  }

  finished(source: string): KeptSubmission[] {
    return this.#all(
      `SELECT ${COLUMNS} ${FROM} WHERE s.source = ? AND s.state = 'finished' AND s.score IS NOT NULL`,
      source,
    ).map(kept);
  }

  byHotkey(hotkey: string): KeptSubmission[] {
    return this.#all(`SELECT ${COLUMNS} ${FROM} WHERE s.hotkey = ?`, hotkey).map(kept);
  }

  withCode(sha256: string): KeptSubmission[] {
    return this.#all(`SELECT ${COLUMNS} ${FROM} WHERE c.sha256 = ? ORDER BY s.created_ms, s.id LIMIT 200`, sha256).map(
      kept,
    );
  }

  /** The author's one before it whose code is kept. */
  previousOf({ source, submissionId, hotkey, createdMs }: KeptSubmission): KeptSubmission | null {
    if (hotkey === null || createdMs === null) return null;
    const found = this.#get(
      `SELECT ${COLUMNS} ${FROM} WHERE s.source = ? AND s.hotkey = ? AND s.code IS NOT NULL AND (s.created_ms, s.id) < (?, ?)
       ORDER BY s.created_ms DESC, s.id DESC LIMIT 1`,
      source,
      hotkey,
      createdMs,
      submissionId,
    );
    return found === undefined ? null : kept(found);
  }

  marks(source: string): Map<string, string | null> {
    return new Map(
      this.#all("SELECT id, mark FROM submissions WHERE source = ?", source).map(({ id, mark }) => [
        String(id),
        textOrNull(mark),
      ]),
    );
  }

  /** Submissions whose details are to be read: the board's from the top, then the newest. */
  withoutDetails(source: string, codeTriedBeforeMs: number, limit: number): { id: string; wantsCode: boolean }[] {
    const wantsCode =
      "(code IS NULL AND (code_tried_ms IS NULL OR (state IN ('finished', 'failed') AND code_tried_ms < ?)))";
    return this.#all(
      `SELECT id, ${wantsCode} AS wants_code FROM submissions
       WHERE source = ? AND (details_of IS NOT ${DETAILS_OF} OR ${wantsCode})
       ORDER BY details_of IS NOT NULL, state = 'finished' DESC, score DESC, created_ms DESC, id LIMIT ?`,
      codeTriedBeforeMs,
      source,
      codeTriedBeforeMs,
      limit,
    ).map(({ id, wants_code }) => ({ id: String(id), wantsCode: Number(wants_code) === 1 }));
  }

  evaluations(row: number): SeenEvaluation[] {
    return this.#all("SELECT * FROM evaluations WHERE submission = ? ORDER BY created_ms, id LIMIT 1000", row).map(
      (found) => ({
        evaluationId: String(found.id),
        evaluator: textOrNull(found.evaluator),
        mfu: numberOrNull(found.mfu),
        tokensPerSecond: numberOrNull(found.tokens_per_second),
        totalTokens: numberOrNull(found.total_tokens),
        wallSeconds: numberOrNull(found.wall_seconds),
        success: found.success === null ? null : found.success === 1,
        error: textOrNull(found.error),
        createdMs: numberOrNull(found.created_ms),
      }),
    );
  }

  code(codeRow: number): Uint8Array {
    const found = this.#get("SELECT content FROM codes WHERE row = ?", codeRow);
    if (!(found?.content instanceof Uint8Array)) throw new Error(`code ${codeRow} is kept nowhere`);
    return found.content;
  }

  best(source: string): SeenBest[] {
    return this.#all("SELECT id, score, at_ms FROM best WHERE source = ? ORDER BY at_ms, score, id", source).map(
      ({ id, score, at_ms }) => ({ submissionId: String(id), score: Number(score), atMs: Number(at_ms) }),
    );
  }

  /** The highest block in an id of production's form: no submission is newer than the chain. */
  newestBlock(source: string): number | null {
    const blocks = this.#all("SELECT id FROM submissions WHERE source = ?", source).map(
      ({ id }) => commitBlockOf(String(id)) ?? 0,
    );
    const newest = blocks.reduce((a, b) => Math.max(a, b), 0);
    return newest === 0 ? null : newest;
  }

  /** `words` is a query of FTS5 (`search.ts`); null: all. */
  search(
    words: string | null,
    {
      source,
      state,
      hotkeys,
    }: { source: string | null; state: SubmissionState | null; hotkeys: readonly string[] | null },
    limit: number,
    offset: number,
  ): { found: KeptSubmission[]; total: number } {
    const conditions: [string, SQLInputValue[]][] = [
      ...(words === null
        ? []
        : [["s.row IN (SELECT rowid FROM words WHERE words MATCH ?)", [words]] satisfies [string, SQLInputValue[]]]),
      ...(source === null ? [] : [["s.source = ?", [source]] satisfies [string, SQLInputValue[]]]),
      ...(state === null ? [] : [["s.state = ?", [state]] satisfies [string, SQLInputValue[]]]),
      ...(hotkeys === null
        ? []
        : [
            ["s.hotkey IN (SELECT value FROM json_each(?))", [JSON.stringify(hotkeys)]] satisfies [
              string,
              SQLInputValue[],
            ],
          ]),
    ];
    const where = conditions.length === 0 ? "" : `WHERE ${conditions.map(([condition]) => condition).join(" AND ")}`;
    const values = conditions.flatMap(([, each]) => each);
    // One question for both: the words are looked up once.
    const rows = this.#all(
      `WITH found AS MATERIALIZED (
         SELECT s.row AS row, (s.state = 'finished') * coalesce(s.score, -1) AS score, s.created_ms AS created_ms, s.source AS source, s.id AS id
         FROM submissions s ${where}
       ), page AS (
         SELECT row, (SELECT count(*) FROM found) AS total, row_number() OVER (ORDER BY score DESC, created_ms DESC, source, id) AS place FROM found
         ORDER BY place LIMIT ? OFFSET ?
       )
       SELECT ${COLUMNS}, page.total FROM page JOIN submissions s ON s.row = page.row LEFT JOIN codes c ON c.row = s.code ORDER BY page.place`,
      ...values,
      limit,
      offset,
    );
    const total =
      rows[0] === undefined && offset > 0
        ? this.search(words, { source, state, hotkeys }, 1, 0).total
        : Number(rows[0]?.total ?? 0);
    return { found: rows.map(kept), total };
  }

  #putCode(content: Uint8Array): number {
    const sha256 = createHash("sha256").update(content).digest("hex");
    this.#run("INSERT OR IGNORE INTO codes (sha256, content) VALUES (?, ?)", sha256, content);
    return Number(this.#get("SELECT row FROM codes WHERE sha256 = ?", sha256)?.row);
  }

  #index(row: number, beside: string, codeRow: number | null): void {
    const code =
      codeRow === null ? "" : Buffer.from(this.code(codeRow)).toString("utf8").slice(0, MAX_SEARCHED_CHARACTERS);
    this.#run("DELETE FROM words WHERE rowid = ?", row);
    this.#run("INSERT INTO words (rowid, beside, code) VALUES (?, ?, ?)", row, beside, code);
  }

  #all(sql: string, ...values: SQLInputValue[]): Found[] {
    return this.#isMissing() ? [] : this.#use((database) => database.prepare(sql).all(...values));
  }

  #get(sql: string, ...values: SQLInputValue[]): Found | undefined {
    return this.#isMissing() ? undefined : this.#use((database) => database.prepare(sql).get(...values));
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#use((database) => database.prepare(sql).run(...values));
  }

  /** Who only looks makes no file. */
  #isMissing(): boolean {
    return this.#database === null && !existsSync(this.#path);
  }

  /** A damaged file is set aside and begun anew: a source that answers fills it again. */
  #use<T>(action: (database: DatabaseSync) => T): T {
    try {
      this.#database ??= this.#open();
      return action(this.#database);
    } catch (error) {
      if (!isDamaged(error)) throw translated(error, this.#path);
      this.close();
      const file = `${this.#path}.damaged-${Date.now()}`;
      renameSync(this.#path, file);
      // They belong to the damaged file and would be applied to the new one.
      for (const suffix of ["-wal", "-shm"]) rmSync(this.#path + suffix, { force: true });
      this.#setAside = { file, reason: (error as Error).message };
      throw new CrusaderError(
        "data_folder",
        "What was kept of the arena is damaged; it was set aside.",
        "Its sources fill it again: try once more.",
        file,
      );
    }
  }

  #open(): DatabaseSync {
    ensureFolder(dirname(this.#path));
    const database = new DatabaseSync(this.#path, { timeout: BUSY_TIMEOUT_MS });
    try {
      database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
      const version = () => Number(database.prepare("PRAGMA user_version").get()?.user_version);
      if (version() > SCHEMA_VERSION) {
        throw new CrusaderError(
          "data_folder",
          `${this.#path} was written by a newer Crusader (version ${version()}; this one knows ${SCHEMA_VERSION}).`,
          "Update Crusader, or move the file away.",
        );
      }
      if (version() === 0) {
        database.exec("BEGIN IMMEDIATE");
        // Another process may have been first.
        if (version() === 0) database.exec(`${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION};`);
        database.exec("COMMIT");
      }
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  }
}

/** By production's words for a status. */
export function stateOf(status: string | null): SubmissionState {
  switch (status) {
    case "finished":
      return "finished";
    case "failed_validation":
    case "failed_evaluation":
    case "error":
      return "failed";
    case "pending":
    case "validating":
    case "evaluating":
      return "waiting";
    default:
      return "unknown";
  }
}

/** `vN_commit_<block>_<uid>`. */
export function commitBlockOf(submissionId: string): number | null {
  const digits = /^v\d+_commit_(\d{1,9})_\d{1,5}$/.exec(submissionId)?.[1];
  return digits === undefined ? null : Number(digits);
}

function besideOf({ submissionId, hotkey, uid, status, error, codeUrl, codeHash }: SeenSubmission): string {
  const words = [submissionId, hotkey, uid === null ? null : `uid ${uid}`, status, error, codeUrl, codeHash];
  return words.filter((word) => word !== null).join("\n");
}

function kept(found: Found): KeptSubmission {
  return {
    row: Number(found.row),
    source: String(found.source),
    submissionId: String(found.id),
    hotkey: textOrNull(found.hotkey),
    uid: numberOrNull(found.uid),
    codeHash: textOrNull(found.code_hash),
    codeUrl: textOrNull(found.code_url),
    specVersion: textOrNull(found.spec_version),
    status: textOrNull(found.status),
    state: stateOf(textOrNull(found.status)),
    createdMs: numberOrNull(found.created_ms),
    zoneAssumed: found.zone_assumed === 1,
    updatedMs: numberOrNull(found.updated_ms),
    score: numberOrNull(found.score),
    error: textOrNull(found.error),
    paymentVerified: found.payment_verified === null ? null : found.payment_verified === 1,
    evaluationCount: numberOrNull(found.evaluation_count),
    listed: found.listed === 1,
    seenMs: Number(found.seen_ms),
    codeRow: numberOrNull(found.code),
    codeSha256: textOrNull(found.sha256),
  };
}

function textOrNull(value: SQLOutputValue | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}

function numberOrNull(value: SQLOutputValue | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}

// https://sqlite.org/rescode.html
const [SQLITE_ERROR, SQLITE_BUSY, SQLITE_CORRUPT, SQLITE_FULL, SQLITE_NOTADB] = [1, 5, 11, 13, 26];

function sqliteCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === "number" ? code & 0xff : undefined;
}

function isDamaged(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB;
}

function translated(error: unknown, path: string): unknown {
  const code = sqliteCode(error);
  // An error in the question itself is a bug of ours.
  if (code === undefined || code === SQLITE_ERROR) return error;
  if (code === SQLITE_FULL)
    return writeProblem(Object.assign(new Error((error as Error).message), { code: "ENOSPC" }), path);
  if (code === SQLITE_BUSY) {
    return new CrusaderError("busy", `${path} is written by another process.`, "Try again.", (error as Error).message);
  }
  return writeProblem(error, path);
}
