/** The scanner's own thread: loads Pyodide and the Python files once, then scans or reviews one source after the other. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { loadPyodide } from "pyodide";
import { startReview, startScanner } from "../../../common/scanner.ts";

/** What the thread is started with. */
export interface WorkerSetup {
  /** Folder of the Python package crusades_eval. */
  readonly packageFolder: string;
  /** Content of hparams/scan-policy.json. */
  readonly policyJson: string;
}

export interface ScanRequest {
  readonly kind: "scan";
  readonly source: Uint8Array;
  readonly numGpus: number | null;
  /** The rules to scan by: a complete scan-policy.json. */
  readonly policyJson: string;
}

export interface ReviewRequest {
  readonly kind: "review";
  readonly source: Uint8Array;
}

/** Each request is answered once, in order; "ready" comes before the first answer. */
export type WorkerMessage =
  | { kind: "ready" }
  | { kind: "report"; reportJson: string }
  /** What reviews could not be loaded; it is no fault of the file. */
  | { kind: "no_reviewer"; why: string };

async function main(): Promise<void> {
  if (parentPort === null) throw new Error("worker.ts runs as a worker thread only");
  const port = parentPort;
  const setup = workerData as WorkerSetup;
  const discard = (): void => {};
  const pyodide = await loadPyodide({
    indexURL: `${dirname(fileURLToPath(import.meta.resolve("pyodide")))}/`,
    // A worker's own streams have no descriptors, which Pyodide would write to.
    stdout: discard,
    stderr: discard,
  });
  const readFile = (name: string) => readFileSync(join(setup.packageFolder, name));
  const scanner = startScanner(pyodide, readFile, setup.policyJson);

  let policyJson = setup.policyJson;
  const scan = ({ source, numGpus, ...request }: ScanRequest): string => {
    if (request.policyJson !== policyJson) {
      scanner.setPolicy(request.policyJson);
      policyJson = request.policyJson;
    }
    return scanner.analyse(source, numGpus);
  };
  // Loaded with the first review: who only scans does not pay for it.
  let review: ((source: Uint8Array) => string) | null = null;
  const answer = (request: ScanRequest | ReviewRequest): WorkerMessage => {
    if (request.kind === "scan") return { kind: "report", reportJson: scan(request) };
    try {
      review ??= startReview(pyodide, readFile);
    } catch (error) {
      return { kind: "no_reviewer", why: String(error) };
    }
    return { kind: "report", reportJson: review(request.source) };
  };
  port.on("message", (request: ScanRequest | ReviewRequest) => port.postMessage(answer(request)));
  port.postMessage({ kind: "ready" } satisfies WorkerMessage);
}

await main();
