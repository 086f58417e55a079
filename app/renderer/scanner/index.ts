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

/** Pyodide keeps a core busy for seconds: on few cores the window itself would come later. */
const LOAD_AFTER_MS = 1500;

/** Loads it once the window has been shown for a while and has nothing else to do; a file that is opened earlier starts it. */
export function loadScannerWhenIdle(): () => void {
  let idle = 0;
  const timer = setTimeout(() => {
    if (typeof requestIdleCallback === "undefined") scanner.load();
    else idle = requestIdleCallback(() => scanner.load());
  }, LOAD_AFTER_MS);
  return () => {
    clearTimeout(timer);
    if (idle !== 0) cancelIdleCallback(idle);
  };
}
