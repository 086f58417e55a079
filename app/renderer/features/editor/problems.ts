/** What the scanner said about each open file, after it was saved or on request. */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { ScanReport } from "../../../common/scan.ts";
import { client } from "../../client.ts";
import { notifyError } from "../../shell/notifications.ts";
import { type ShownFinding, shownFindings } from "./findings.ts";

export type Problems = { report: ScanReport; findings: readonly ShownFinding[] };

export type ProblemsState = { byBuffer: Readonly<Record<string, Problems>>; scanning: readonly string[] };

export const problems = createStore<ProblemsState>(() => ({ byBuffer: {}, scanning: [] }));

export function useProblems<Part>(pick: (state: ProblemsState) => Part): Part {
  return useStore(problems, pick);
}

/** A later scan of the same file makes an earlier one's answer stale. */
const turns = new Map<string, number>();

export async function scanBuffer(
  id: string,
  text: string,
  mark: (findings: readonly ShownFinding[]) => void,
): Promise<void> {
  const turn = (turns.get(id) ?? 0) + 1;
  turns.set(id, turn);
  problems.setState(({ scanning }) => ({ scanning: [...scanning, id] }));
  try {
    const report = await client.scan.scan({ text });
    if (turns.get(id) !== turn) return;
    const findings = shownFindings(report);
    problems.setState(({ byBuffer }) => ({ byBuffer: { ...byBuffer, [id]: { report, findings } } }));
    mark(findings);
  } catch (thrown) {
    notifyError(thrown, "The file was not checked.");
  } finally {
    problems.setState(({ scanning }) => ({ scanning: scanning.toSpliced(scanning.indexOf(id), 1) }));
  }
}

export function forgetProblems(id: string): void {
  turns.delete(id);
  problems.setState(({ byBuffer: { [id]: _, ...left } }) => ({ byBuffer: left }));
}

export function problemCount({ byBuffer }: ProblemsState): number {
  return Object.values(byBuffer).reduce((sum, { findings }) => sum + findings.length, 0);
}
