/** For tests: a validator's `crusades.db`, made by the schema of spec/evaluation.md section 7, and an older one's. */
import { DatabaseSync, type SQLInputValue } from "node:sqlite";

const SCHEMA = `
  CREATE TABLE submissions (
    submission_id VARCHAR NOT NULL PRIMARY KEY, miner_hotkey VARCHAR NOT NULL, miner_uid INTEGER NOT NULL, code_hash VARCHAR NOT NULL,
    bucket_path VARCHAR NOT NULL, spec_version INTEGER, status VARCHAR NOT NULL, created_at DATETIME, updated_at DATETIME,
    final_score FLOAT, error_message TEXT, code_content TEXT, payment_verified BOOLEAN
  );
  CREATE TABLE evaluations (
    evaluation_id VARCHAR NOT NULL PRIMARY KEY, submission_id VARCHAR NOT NULL, evaluator_hotkey VARCHAR, mfu FLOAT,
    tokens_per_second FLOAT, total_tokens INTEGER, wall_time_seconds FLOAT, success BOOLEAN, error TEXT, created_at DATETIME
  );
  CREATE TABLE adaptive_threshold (id INTEGER NOT NULL PRIMARY KEY, current_threshold FLOAT, last_improvement FLOAT, last_update_block INTEGER, updated_at DATETIME);
  CREATE TABLE verified_payments (id INTEGER PRIMARY KEY);
  CREATE TABLE validator_state (key VARCHAR PRIMARY KEY, value TEXT);
`;

/** Before code, payments and the threshold were kept. */
const OLDER_SCHEMA = `
  CREATE TABLE submissions (
    submission_id VARCHAR NOT NULL PRIMARY KEY, miner_hotkey VARCHAR NOT NULL, miner_uid INTEGER NOT NULL, code_hash VARCHAR NOT NULL,
    bucket_path VARCHAR NOT NULL, status VARCHAR NOT NULL, created_at DATETIME, final_score FLOAT
  );
`;

export type DatabaseRow = Record<string, SQLInputValue>;

/** As SQLAlchemy writes a time: no T, no zone. */
export const DATABASE_TIME = "2026-04-05 10:00:00.123456";

export function createValidatorDatabase(path: string, { isOlder = false } = {}): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec("PRAGMA journal_mode = WAL");
  database.exec(isOlder ? OLDER_SCHEMA : SCHEMA);
  return database;
}

export function submissionRow(submissionId: string, row: DatabaseRow = {}): DatabaseRow {
  return {
    submission_id: submissionId,
    miner_hotkey: "5HotkeyA",
    miner_uid: 7,
    code_hash: "0".repeat(32),
    bucket_path: `https://gist.example/${submissionId}`,
    spec_version: 5,
    status: "finished",
    created_at: DATABASE_TIME,
    updated_at: "2026-04-05 11:00:00.000000",
    final_score: 50,
    error_message: null,
    code_content: `# of ${submissionId}\ndef inner_steps(): pass\n`,
    payment_verified: 1,
    ...row,
  };
}

export function insertRows(database: DatabaseSync, table: string, ...rows: DatabaseRow[]): void {
  for (const row of rows) {
    const names = Object.keys(row);
    database
      .prepare(`INSERT OR REPLACE INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`)
      .run(...Object.values(row));
  }
}
