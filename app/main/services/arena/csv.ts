/** What is kept of a source as a table for a spreadsheet. */
import type { ArenaSubmission } from "../../../common/arena.ts";
import { type CsvColumn, csvOf } from "../runs/index.ts";

const COLUMNS: readonly CsvColumn<ArenaSubmission>[] = [
  ["source", ({ source }) => source],
  ["submission_id", ({ submissionId }) => submissionId],
  ["hotkey", ({ hotkey }) => hotkey],
  ["uid", ({ uid }) => uid],
  ["own", ({ isOwn }) => isOwn],
  ["state", ({ state }) => state],
  ["status", ({ status }) => status],
  ["score_mfu_percent", ({ score }) => score],
  ["evaluations", ({ evaluationCount }) => evaluationCount],
  ["created_at", ({ createdAt }) => createdAt],
  ["commit_block", ({ commitBlock }) => commitBlock],
  ["error_code", ({ errorCode }) => errorCode],
  ["error", ({ error }) => error],
  ["code_sha256", ({ codeSha256 }) => codeSha256],
  ["listed", ({ isListed }) => isListed],
];

export function submissionsAsCsv(submissions: readonly ArenaSubmission[]): string {
  return csvOf(COLUMNS, submissions);
}
