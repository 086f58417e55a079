/** What the scanner found, as the editor shows it. */
import type { Finding, ScanReport } from "../../../common/scan.ts";

export type ShownFinding = Finding & { stopsHere: boolean };
/** Marks the finding that production's scan would stop at. */
export function shownFindings({ verdict, findings }: ScanReport): ShownFinding[] {
  const stop = verdict.ok ? -1 : findings.findIndex(({ line, rule }) => line === verdict.line && rule === verdict.rule);
  return findings.map((finding, index) => ({ ...finding, stopsHere: index === stop }));
}

/** The scanner counts columns in code points, Monaco in UTF-16 units. */
export function unitColumn(line: string, column: number): number {
  let units = 0;
  let points = 1;
  for (const character of line) {
    if (points >= column) break;
    units += character.length;
    points += 1;
  }
  return units + 1;
}
