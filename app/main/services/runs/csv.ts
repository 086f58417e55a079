/** Tables for a spreadsheet (RFC 4180). */
import type { HistoryRun } from "../../../common/history.ts";

/** A column's name, and its cell of a row. */
export type CsvColumn<T> = readonly [string, (row: T) => string | number | boolean | null];

const COLUMNS: readonly CsvColumn<HistoryRun>[] = [
  ["run", ({ id }) => id],
  ["state", ({ state }) => state],
  ["created_at", ({ createdAt }) => createdAt],
  ["finished_at", ({ finishedAt }) => finishedAt],
  ["submission", ({ submission }) => submission.name],
  ["version", ({ submission }) => submission.version],
  ["sha256", ({ submission }) => submission.sha256],
  ["profile", ({ profile }) => profile.name],
  ["profile_kind", ({ profile }) => profile.kind],
  ["backend", ({ backend }) => backend],
  ["ranks", ({ numRanks }) => numRanks],
  ["repeats_planned", ({ repeatsPlanned }) => repeatsPlanned],
  ["success_rate", ({ successRate }) => successRate],
  ["score_kind", ({ score }) => score?.kind ?? null],
  ["score", ({ score }) => score?.value ?? null],
  ["comparable", ({ comparable }) => comparable],
  ["failure_code", ({ failure }) => failure?.code ?? failure?.kind ?? null],
  ["failure", ({ failure }) => failure?.message ?? null],
  ["wall_seconds", ({ wallSeconds }) => wallSeconds],
  ["bytes", ({ bytes }) => bytes],
  ["tags", ({ tags }) => tags.join(" ")],
  ["note", ({ note }) => note],
];

/** The history. */
export function runsAsCsv(runs: readonly HistoryRun[]): string {
  return csvOf(COLUMNS, runs);
}

export function csvOf<T>(columns: readonly CsvColumn<T>[], rows: readonly T[]): string {
  const lines = [columns.map(([name]) => name), ...rows.map((row) => columns.map(([, cell]) => cellText(cell(row))))];
  return lines.map((cells) => `${cells.join(",")}\r\n`).join("");
}

function cellText(value: string | number | boolean | null): string {
  const text = value === null ? "" : String(value);
  // A spreadsheet takes these for formulas, and a submission decides what its messages begin with.
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
