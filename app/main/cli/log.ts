/** A run's log for a terminal. */
import { readLogLine } from "../../common/log-lines.ts";
import { type Paint, safeText } from "./terminal.ts";

/**
 * Rows that are safe to print, each behind the name of who printed it: a carriage return begins a row, too, so that what
 * follows it cannot look like another's line. `source`: whose lines are wanted ("rank 0"); null: everybody's.
 */
export function logRows(output: Uint8Array, source: string | null, paint: Paint): string[] {
  const text = Buffer.from(output).toString("utf8");
  if (text === "") return [];
  const lines = text.replace(/\n$/, "").split("\n");
  return lines.map(readLogLine).flatMap((line) => {
    if (source !== null && line.source !== source) return [];
    const prefix = line.source === null ? "" : `${paint("faint", `[${line.source}]`)} `;
    return safeText(line.text.replace(/^\r+|\r+$/g, ""))
      .split("\n")
      .map((row) => prefix + row);
  });
}
