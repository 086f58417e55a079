/** The scanner of this window, for every feature that asks it. */
import { client } from "../client.ts";
import { scannerFiles } from "./files.ts";
import Worker from "./scanner.worker.ts?worker";
import { ScannerClient, type ScannerWorker } from "./scanner-client.ts";

export const scanner = new ScannerClient({
  startWorker(policyJson) {
    const worker = new Worker({ name: "scanner" });
    worker.postMessage({ kind: "start", files: scannerFiles(), policyJson });
    return worker as ScannerWorker;
  },
  // The services' own scanner has the stack of a whole thread, and goes by the same rules.
  analyseElsewhere: ({ text, numGpus }) => client.scan.scan({ text, ...(numGpus === null ? {} : { numGpus }) }),
});

/** Loads it once the window has been painted and has nothing else to do. */
export function loadScannerWhenIdle(): () => void {
  if (typeof requestIdleCallback === "undefined") {
    const timer = setTimeout(() => scanner.load(), 1000);
    return () => clearTimeout(timer);
  }
  const idle = requestIdleCallback(() => scanner.load());
  return () => cancelIdleCallback(idle);
}
