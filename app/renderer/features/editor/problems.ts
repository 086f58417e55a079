/** What the window shows of the scans of all open files. */
import { startTransition, useEffect, useState } from "react";
import { useStore } from "zustand";
import { liveScan } from "./index.ts";
import type { LiveScanState } from "./live-scan.ts";

export function useProblems<Part>(pick: (state: LiveScanState) => Part): Part {
  return useStore(liveScan.state, pick);
}

/**
 * All of it, for a panel that takes a while to draw: it is drawn in pieces, between which keys are answered, and where
 * the next answer comes first only that one is drawn.
 */
export function useProblemsInPieces(): LiveScanState["byBuffer"] {
  const [byBuffer, setByBuffer] = useState(() => liveScan.state.getState().byBuffer);
  useEffect(() => {
    const take = () => startTransition(() => setByBuffer(liveScan.state.getState().byBuffer));
    take();
    return liveScan.state.subscribe(take);
  }, []);
  return byBuffer;
}
