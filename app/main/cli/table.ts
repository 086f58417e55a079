/** Tables for the terminal: aligned by display width, with units, safe against what submissions name things. */
import stringWidth from "string-width";
import type { Check } from "../../common/events.ts";
import { formatQuantity, formatShare } from "../../common/format.ts";
import type { Paint, Tone } from "./terminal.ts";
import { plain, safeLine } from "./terminal.ts";

export type Column = {
  title: string;
  /** Numbers go right, so that digits line up. Default: left. */
  align?: "left" | "right";
  /** Longer cells are cut and end in "..". */
  maxWidth?: number;
  /** The tone of one cell; null for none. `row` counts from 0. */
  tone?: (cell: string, row: number) => Tone | null;
};

export type TableOptions = { paint?: Paint; indent?: string };

/** Lines of a table with its heading, each ending in a newline. Cells may hold anything: they are made safe here. */
export function renderTable(
  columns: Column[],
  rows: string[][],
  { paint = plain, indent = "" }: TableOptions = {},
): string {
  const cells = rows.map((row) => columns.map((column, index) => cut(safeLine(row[index] ?? ""), column.maxWidth)));
  const widths = columns.map((column, index) =>
    Math.max(stringWidth(column.title), ...cells.map((row) => stringWidth(row[index] ?? ""))),
  );
  const line = (texts: string[], toneOf: (column: Column, text: string) => Tone | null) => {
    const padded = texts.map((text, index) => {
      const column = columns[index] as Column;
      const blanks = " ".repeat((widths[index] ?? 0) - stringWidth(text));
      const tone = toneOf(column, text);
      const painted = tone === null || text === "" ? text : paint(tone, text);
      return column.align === "right" ? blanks + painted : painted + blanks;
    });
    return `${indent}${padded.join("  ").trimEnd()}\n`;
  };
  const heading = line(
    columns.map((column) => column.title),
    () => "faint",
  );
  return (
    heading + cells.map((row, number) => line(row, (column, text) => column.tone?.(text, number) ?? null)).join("")
  );
}

function cut(text: string, maxWidth = Number.POSITIVE_INFINITY): string {
  if (stringWidth(text) <= maxWidth) return text;
  let kept = "";
  for (const character of text) {
    if (stringWidth(kept + character) > maxWidth - 2) break;
    kept += character;
  }
  return `${kept}..`;
}

const CHECK_STATES = { passed: "ok", failed: "FAILED", not_measured: "not measured" } as const;
const CHECK_TONES: Record<string, Tone> = { ok: "good", FAILED: "bad", "not measured": "faint" };
const RULES = { at_most: "<= ", at_least: ">= ", equal: "= ", holds: "" } as const;
const BAR_CELLS = 10;

/**
 * The table of checks: value, limit and how much of the limit was used; production's own limit where the profile's is
 * another. The messages of failed checks stand below it.
 */
export function renderChecks(checks: Check[], options: TableOptions = {}): string {
  const withProduction = checks.some((check) => check.productionLimit !== null);
  const columns: Column[] = [
    { title: "check" },
    { title: "state", tone: (cell) => CHECK_TONES[cell] ?? null },
    { title: "value", align: "right", maxWidth: 40 },
    { title: "limit", align: "right", maxWidth: 40 },
    { title: "used", align: "right" },
    { title: "" },
  ];
  if (withProduction) columns.push({ title: "production", align: "right" });
  const rows = checks.map((check) => [
    check.name.replaceAll("_", " "),
    CHECK_STATES[check.state],
    measured(check.value, check.unit),
    check.limit === null ? "" : RULES[check.rule] + measured(check.limit, check.unit),
    check.used === null ? "" : formatShare(check.used),
    check.used === null ? "" : bar(check.used),
    ...(withProduction
      ? [check.productionLimit === null ? "" : RULES[check.rule] + measured(check.productionLimit, check.unit)]
      : []),
  ]);
  const { paint = plain, indent = "" } = options;
  const failures = checks
    .filter((check) => check.state === "failed")
    .map((check) => {
      const code = check.code === null ? "" : ` (${check.code})`;
      return `${indent}${paint("bad", `${check.name.replaceAll("_", " ")}${code}`)}: ${safeLine(check.message)}\n`;
    });
  return renderTable(columns, rows, options) + failures.join("");
}

function measured(value: number | string | null, unit: string): string {
  if (value === null) return "";
  return typeof value === "number" ? formatQuantity(value, unit) : value;
}

/** "[###-------]"; full when the limit is reached or broken. */
export function bar(share: number, cells = BAR_CELLS): string {
  const filled = Math.max(0, Math.min(cells, Math.floor(share * cells)));
  return `[${"#".repeat(filled)}${"-".repeat(cells - filled)}]`;
}
