/** The history as a table for a spreadsheet (RFC 4180). */
import type { HistoryRun } from "../../../common/history.ts";

const COLUMNS: readonly [string, (run: HistoryRun) => string | number | boolean | null][] = [
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

export function runsAsCsv(runs: readonly HistoryRun[]): string {
  const rows = [COLUMNS.map(([name]) => name), ...runs.map((run) => COLUMNS.map(([, cell]) => cellText(cell(run))))];
  return rows.map((cells) => `${cells.join(",")}\r\n`).join("");
}

function cellText(value: string | number | boolean | null): string {
  const text = value === null ? "" : String(value);
  // A spreadsheet takes these for formulas, and a submission decides what its messages begin with.
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
