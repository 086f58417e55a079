/**
 * `history.db`: an index over the run folders, for lists and filters. The folders are the truth; a missing, damaged or
 * older index is built anew from them. So a schema needs no migration steps: raising SCHEMA_VERSION is one.
 */
import { renameSync, rmSync, statSync } from "node:fs";
import type { SQLInputValue } from "node:sqlite";
import { DatabaseSync } from "node:sqlite";
import { CrusaderError } from "../../../common/errors.ts";
import { originText } from "../../../common/format.ts";
import type { Evaluation, RunState, RunSummary, UnreadableRun } from "../../../common/runs.ts";
import { FREE_SPACE_HINT, isDiskFull } from "./recorder.ts";

export const SCHEMA_VERSION = 1;
const BUSY_TIMEOUT_MS = 10_000;

// `runs` and `unreadable` mirror the folders. `versions` and `memory` also remember what was deleted, so that numbers
// people have seen are not given again; they survive a rebuild.
const SCHEMA = `
  CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    state TEXT NOT NULL,
    created_at TEXT NOT NULL,
    profile TEXT NOT NULL,
    submission_name TEXT NOT NULL,
    submission_path TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    searchable TEXT NOT NULL,
    summary TEXT NOT NULL
  ) STRICT;
  CREATE INDEX runs_state ON runs (state, id);
  CREATE INDEX runs_profile ON runs (profile, id);
  CREATE INDEX runs_submission_path ON runs (submission_path, id);
  CREATE INDEX runs_submission_name ON runs (submission_name, id);
  CREATE INDEX runs_created_at ON runs (created_at);
  CREATE TABLE unreadable (id INTEGER PRIMARY KEY, reason TEXT NOT NULL, bytes INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS versions (
    path TEXT NOT NULL, sha256 TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (path, sha256)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS memory (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
`;

export type RunFilter = {
  state?: RunState | undefined;
  /** Profile name. */
  profile?: string | undefined;
  evaluation?: Evaluation | undefined;
  /** File name or path of the submission. */
  submission?: string | undefined;
  /** Anywhere in number, names, path, profile, code and message; case-insensitive for ASCII letters. */
  search?: string | undefined;
  /** ISO date or time; runs created then or later. */
  since?: string | undefined;
};

/** What a scan of the run folders found. */
export type FolderEntry = { summary: RunSummary } | { unreadable: UnreadableRun };

export class HistoryIndex {
  readonly #path: string;
  readonly #scan: (knownIds?: ReadonlySet<string>) => FolderEntry[];
  #database: DatabaseSync | null = null;
  /** Of the open file: another process may have set it aside, a person may have deleted it. */
  #inode: number | null = null;
  /** What the folders hold, in memory, while the file cannot be opened; `of` tells which state of the file it stands for. */
  #snapshot: { database: DatabaseSync; of: string } | null = null;
  #setAside: { file: string; reason: string } | null = null;

  /** `scan` reads the run folders but for those with known ids. */
  constructor(path: string, scan: (knownIds?: ReadonlySet<string>) => FolderEntry[]) {
    this.#path = path;
    this.#scan = scan;
  }

  /** The last index that was damaged since this object was made: where it lies now, and what was wrong with it. */
  get setAside(): { file: string; reason: string } | null {
    return this.#setAside;
  }

  close(): void {
    this.#database?.close();
    this.#database = null;
    this.#dropSnapshot();
  }

  /** Differs after every change, also by another process; says nothing else. */
  fingerprint(): string {
    return ["", "-wal"]
      .map((suffix) => statSync(this.#path + suffix, { throwIfNoEntry: false }))
      .map((found) => (found === undefined ? "none" : `${found.ino} ${found.mtimeMs} ${found.size}`))
      .join(", ");
  }

  put(entry: FolderEntry): void {
    this.#use((database) =>
      inTransaction(database, () => {
        deleteRows(database, entryId(entry));
        putEntry(database, entry);
      }),
    );
  }

  remove(ids: readonly string[]): void {
    this.#use((database) =>
      inTransaction(database, () => {
        for (const id of ids) deleteRows(database, id);
      }),
    );
  }

  /** Newest first. */
  list(filter: RunFilter, limit: number, offset: number): { runs: RunSummary[]; total: number } {
    return this.#read((database) => {
      const { where, values } = conditions(filter);
      const rows = database
        .prepare(`SELECT summary FROM runs ${where} ORDER BY id DESC LIMIT ? OFFSET ?`)
        .all(...values, limit, offset);
      const count = database.prepare(`SELECT count(*) AS total FROM runs ${where}`).get(...values);
      return { runs: rows.map(({ summary }) => JSON.parse(String(summary))), total: Number(count?.total) };
    });
  }

  /** The first run of code with that hash. */
  firstOf(sha256: string): RunSummary | undefined {
    return this.#read((database) => {
      const found = database
        .prepare("SELECT summary FROM runs WHERE json_extract(summary, '$.submission.sha256') = ? ORDER BY id LIMIT 1")
        .get(sha256);
      return found === undefined ? undefined : JSON.parse(String(found.summary));
    });
  }

  /** The newest runs of code with that hash, the newest first. */
  lastOf(sha256: string, limit: number): RunSummary[] {
    return this.#read((database) =>
      database
        .prepare(
          "SELECT summary FROM runs WHERE json_extract(summary, '$.submission.sha256') = ? ORDER BY id DESC LIMIT ?",
        )
        .all(sha256, limit)
        .map(({ summary }) => JSON.parse(String(summary))),
    );
  }

  unreadable(): UnreadableRun[] {
    return this.#read((database) =>
      database
        .prepare("SELECT id, reason, bytes FROM unreadable ORDER BY id DESC")
        .all()
        .map(({ id, reason, bytes }) => ({ id: String(id), reason: String(reason), bytes: Number(bytes) })),
    );
  }

  /**
   * Runs `create` with the first free number and the version of each submission, alone among all processes; enters the
   * summaries it returns.
   */
  allocate(
    submissions: readonly { path: string; sha256: string }[],
    highestFolder: () => number,
    create: (ids: string[], versions: number[]) => RunSummary[],
  ): RunSummary[] {
    return this.#use((database) =>
      inTransaction(database, () => {
        const first = freeId(database, highestFolder());
        const ids = submissions.map((_submission, index) => String(first + index));
        const versions = submissions.map(({ path, sha256 }) => versionOf(database, path, sha256));
        const summaries = create(ids, versions);
        for (const summary of summaries) putEntry(database, { summary });
        rememberId(database, first + submissions.length - 1);
        return summaries;
      }),
    );
  }

  /** As `allocate`, for a record that brings a version of its own, which counts here with nothing. */
  admit(highestFolder: () => number, create: (id: string) => RunSummary): RunSummary {
    return this.#use((database) =>
      inTransaction(database, () => {
        const id = freeId(database, highestFolder());
        const summary = create(String(id));
        putEntry(database, { summary });
        rememberId(database, id);
        return summary;
      }),
    );
  }

  /** Drops the index, also one of another version, and builds it from the folders. */
  rebuild(): { indexed: number; unreadable: UnreadableRun[] } {
    this.close();
    return this.#guarded(() => {
      const database = this.#connect();
      this.#keep(database);
      return build(database, this.#scan);
    });
  }

  #use<T>(action: (database: DatabaseSync) => T): T {
    return this.#guarded(() => this.#inFile(action));
  }

  /** For what changes nothing: on a disk that may only be read, or is full, the folders still tell all. */
  #read<T>(action: (database: DatabaseSync) => T): T {
    return this.#guarded(() => {
      try {
        return this.#inFile(action);
      } catch (error) {
        if (!UNOPENED.has(sqliteCode(error) ?? 0)) throw error;
        return action(this.#snapshotNow());
      }
    });
  }

  #inFile<T>(action: (database: DatabaseSync) => T): T {
    if (this.#database !== null && this.#inode !== inodeOf(this.#path)) this.close();
    const result = action(this.#database ?? this.#keep(this.#open()));
    this.#dropSnapshot();
    return result;
  }

  #snapshotNow(): DatabaseSync {
    const of = this.fingerprint();
    const known = this.#snapshot;
    // Nobody tells it how a run ends.
    if (known !== null && known.of === of && !hasRunning(known.database)) return known.database;
    this.#dropSnapshot();
    const database = new DatabaseSync(":memory:");
    build(database, this.#scan);
    this.#snapshot = { database, of };
    return database;
  }

  #dropSnapshot(): void {
    this.#snapshot?.database.close();
    this.#snapshot = null;
  }

  #keep(database: DatabaseSync): DatabaseSync {
    this.#database = database;
    this.#inode = inodeOf(this.#path);
    return database;
  }

  /** A damaged file is set aside, the index rebuilt and the action tried once more. */
  #guarded<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (!isDamaged(error)) throw translated(error);
      try {
        this.#moveAway((error as Error).message);
        return action();
      } catch (second) {
        throw translated(second);
      }
    }
  }

  #connect(): DatabaseSync {
    const database = new DatabaseSync(this.#path, { timeout: BUSY_TIMEOUT_MS });
    try {
      // NORMAL in WAL mode: a power cut may cost the last rows, never the file; the folders have them.
      database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  #open(): DatabaseSync {
    const database = this.#connect();
    try {
      const version = schemaVersion(database);
      if (version > SCHEMA_VERSION) {
        throw new CrusaderError(
          "data_folder",
          `The history was written by a newer Crusader (index version ${version}; this one knows ${SCHEMA_VERSION}).`,
          "Update Crusader, or rebuild the index for this version: crusader runs reindex.",
          this.#path,
        );
      }
      if (version < SCHEMA_VERSION) build(database, this.#scan);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  #moveAway(reason: string): void {
    this.close();
    const aside = `${this.#path}.damaged-${Date.now()}`;
    renameSync(this.#path, aside);
    // They belong to the damaged file and would be applied to the new one.
    for (const suffix of ["-wal", "-shm"]) rmSync(this.#path + suffix, { force: true });
    this.#setAside = { file: aside, reason };
  }
}

function inodeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
}

function hasRunning(database: DatabaseSync): boolean {
  return database.prepare("SELECT 1 FROM runs WHERE state = 'running' LIMIT 1").get() !== undefined;
}

function schemaVersion(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA user_version").get()?.user_version);
}

function build(
  database: DatabaseSync,
  scan: (knownIds?: ReadonlySet<string>) => FolderEntry[],
): { indexed: number; unreadable: UnreadableRun[] } {
  // Reading thousands of folders takes a while: it happens before the lock is taken. Under the lock follow those that
  // came or may have ended meanwhile.
  const entries = new Map<string, FolderEntry>(scan().map((entry) => [entryId(entry), entry]));
  return inTransaction(database, () => {
    const settled = [...entries]
      .filter(([, entry]) => !("summary" in entry && entry.summary.state === "running"))
      .map(([id]) => id);
    for (const entry of scan(new Set(settled))) entries.set(entryId(entry), entry);

    dropMirrors(database);
    database.exec(SCHEMA);
    const unreadable: UnreadableRun[] = [];
    const insertVersion = database.prepare("INSERT OR IGNORE INTO versions VALUES (?, ?, ?)");
    for (const entry of entries.values()) {
      putEntry(database, entry);
      if ("unreadable" in entry) unreadable.push(entry.unreadable);
      else if (entry.summary.imported !== true) {
        const { path, sha256, version } = entry.summary.submission;
        insertVersion.run(path, sha256, version);
      }
    }
    database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    return { indexed: entries.size - unreadable.length, unreadable };
  });
}

/** Everything but `versions` and `memory`, and those too where another schema version gave them another shape. */
function dropMirrors(database: DatabaseSync): void {
  const keep = schemaVersion(database) === SCHEMA_VERSION ? "'versions', 'memory'" : "''";
  const tables = database
    .prepare(
      `SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' AND name NOT IN (${keep})`,
    )
    .all();
  for (const { type, name } of tables) database.exec(`DROP ${type} "${String(name).replaceAll('"', '""')}"`);
}

function entryId(entry: FolderEntry): string {
  return "summary" in entry ? entry.summary.id : entry.unreadable.id;
}

function freeId(database: DatabaseSync, highestFolder: number): number {
  const lastId = Number(database.prepare("SELECT value FROM memory WHERE name = 'last_id'").get()?.value ?? 0);
  return Math.max(lastId, highestFolder) + 1;
}

function rememberId(database: DatabaseSync, id: number): void {
  database.prepare("INSERT OR REPLACE INTO memory VALUES ('last_id', ?)").run(id);
}

function versionOf(database: DatabaseSync, path: string, sha256: string): number {
  const known = database.prepare("SELECT version FROM versions WHERE path = ? AND sha256 = ?").get(path, sha256);
  if (known !== undefined) return Number(known.version);
  const last = database.prepare("SELECT max(version) AS version FROM versions WHERE path = ?").get(path);
  const version = Number(last?.version ?? 0) + 1;
  database.prepare("INSERT INTO versions VALUES (?, ?, ?)").run(path, sha256, version);
  return version;
}

function deleteRows(database: DatabaseSync, id: string): void {
  for (const table of ["runs", "unreadable"]) database.prepare(`DELETE FROM ${table} WHERE id = ?`).run(Number(id));
}

function putEntry(database: DatabaseSync, entry: FolderEntry): void {
  if ("unreadable" in entry) {
    const { id, reason, bytes } = entry.unreadable;
    database.prepare("INSERT INTO unreadable VALUES (?, ?, ?)").run(Number(id), reason, bytes);
    return;
  }
  const { id, state, createdAt, profile, productionRevision, submission, failure, bytes } = entry.summary;
  const version = `v${submission.version}`;
  const searchable = [
    id,
    submission.name,
    version,
    submission.path,
    profile.name,
    failure?.kind,
    failure?.code,
    failure?.message,
    productionRevision === undefined ? null : `production ${productionRevision}`,
    submission.origin === undefined ? null : originText(submission.origin),
  ];
  database
    .prepare("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
    .run(
      Number(id),
      state,
      createdAt,
      profile.name,
      submission.name,
      submission.path,
      bytes,
      searchable.filter((part) => part !== undefined && part !== null).join("\n"),
      JSON.stringify(entry.summary),
    );
}

function conditions({ state, profile, evaluation, submission, search, since }: RunFilter): {
  where: string;
  values: SQLInputValue[];
} {
  const parts: { sql: string; values: SQLInputValue[] }[] = [];
  if (state !== undefined) parts.push({ sql: "state = ?", values: [state] });
  if (profile !== undefined) parts.push({ sql: "profile = ?", values: [profile] });
  if (evaluation !== undefined) {
    const empty = evaluation === "crusader" ? "IS NULL" : "IS NOT NULL";
    parts.push({ sql: `json_extract(summary, '$.productionRevision') ${empty}`, values: [] });
  }
  if (submission !== undefined)
    parts.push({ sql: "(submission_name = ? OR submission_path = ?)", values: [submission, submission] });
  if (since !== undefined) parts.push({ sql: "created_at >= ?", values: [since] });
  if (search !== undefined) {
    parts.push({ sql: "searchable LIKE ? ESCAPE '\\'", values: [`%${search.replace(/[\\%_]/g, "\\$&")}%`] });
  }
  const where = parts.length === 0 ? "" : `WHERE ${parts.map(({ sql }) => sql).join(" AND ")}`;
  return { where, values: parts.flatMap(({ values }) => values) };
}

function inTransaction<T>(database: DatabaseSync, action: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = action();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    // SQLite has already rolled back after some errors, a full disk among them.
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** Without the right or the room to write beside the file, SQLite cannot read it either: permission, read-only, I/O, full, no file. */
const UNOPENED: ReadonlySet<number> = new Set([3, 8, 10, 13, 14]);

/** SQLite's primary result code; the extended ones keep it in the low byte. */
function sqliteCode(error: unknown): number | null {
  const { errcode } = error as { errcode?: number };
  return typeof errcode === "number" ? errcode & 0xff : null;
}

function isDamaged(error: unknown): boolean {
  return [SQLITE_CORRUPT, SQLITE_NOTADB].includes(sqliteCode(error) ?? 0);
}

/** SQLite's errors in words; any other as it is. */
function translated(error: unknown): unknown {
  const code = sqliteCode(error);
  if (code === null) return error;
  const { message } = error as Error;
  if (code === SQLITE_BUSY || code === SQLITE_LOCKED) {
    return new CrusaderError("busy", "Another process is using the history.", "Try again in a moment.", message);
  }
  if (isDiskFull(error))
    return new CrusaderError("disk_full", "The disk is full: the history cannot be written.", FREE_SPACE_HINT, message);
  return new CrusaderError(
    "data_folder",
    "The history cannot be opened.",
    "Check that the data folder may be written, or rebuild the index: crusader runs reindex.",
    message,
  );
}
