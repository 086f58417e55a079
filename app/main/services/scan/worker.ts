/** The scanner's own thread: loads Pyodide and the Python files once, then scans one source after the other. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { loadPyodide } from "pyodide";
import { startScanner } from "../../../common/scanner.ts";

/** What the thread is started with. */
export interface WorkerSetup {
  /** Folder of the Python package crusades_eval. */
  readonly packageFolder: string;
  /** Content of hparams/scan-policy.json. */
  readonly policyJson: string;
}

export interface ScanRequest {
  readonly source: Uint8Array;
  readonly numGpus: number | null;
  /** The rules to scan by: a complete scan-policy.json. */
  readonly policyJson: string;
}

/** Each request is answered once, in order; "ready" comes before the first answer. */
export type WorkerMessage = { kind: "ready" } | { kind: "report"; reportJson: string };

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
  port.on("message", ({ source, numGpus, ...request }: ScanRequest) => {
    if (request.policyJson !== policyJson) {
      scanner.setPolicy(request.policyJson);
      policyJson = request.policyJson;
    }
    const reportJson = scanner.analyse(source, numGpus);
    port.postMessage({ kind: "report", reportJson } satisfies WorkerMessage);
  });
  port.postMessage({ kind: "ready" } satisfies WorkerMessage);
}

await main();
