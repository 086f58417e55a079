/** What the window shows of the scans of all open files. */
import { useStore } from "zustand";
import { liveScan } from "./index.ts";
import type { LiveScanState } from "./live-scan.ts";

export function useProblems<Part>(pick: (state: LiveScanState) => Part): Part {
  return useStore(liveScan.state, pick);
}

/** For the status bar: rejections and advice in all open files, notes left out; null where no file is open. */
export function problemSummary({ byBuffer }: LiveScanState): string | null {
  const all = Object.values(byBuffer);
  if (all.length === 0) return null;
  if (all.some(({ failure }) => failure !== null)) return "not checked";
  if (all.some(({ current }) => !current)) return "checking";
  const count = all.flatMap(({ problems }) => problems).filter(({ kind }) => kind !== "note").length;
  return count === 1 ? "1 problem" : `${count} problems`;
}
