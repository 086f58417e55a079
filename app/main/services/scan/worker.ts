/** The scanner's own thread: loads Pyodide and the Python files once, then scans one source after the other. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { loadPyodide } from "pyodide";
import type { PyCallable } from "pyodide/ffi";

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
}

/** Each request is answered once, in order; "ready" comes before the first answer. */
export type WorkerMessage = { kind: "ready" } | { kind: "report"; reportJson: string };

/** The files of crusades_eval that scan. They import each other and the standard library, nothing else. */
const PYTHON_FILES = ["__init__.py", "scan.py", "topology.py", "mfu.py", "cuda_needs.py", "syntax_tree.py"];

const ENTRY = `
import json
from crusades_eval.scan import scan

policy = json.loads(policy_json)

def scan_to_json(source, num_gpus):
    return json.dumps(scan(source.to_bytes(), policy, num_gpus))

# An unusable policy shows now, and not as a fault of the first file.
scan(b"", policy)
scan_to_json
`;

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
  pyodide.FS.mkdirTree("/scanner/crusades_eval");
  for (const name of PYTHON_FILES) {
    pyodide.FS.writeFile(`/scanner/crusades_eval/${name}`, readFileSync(join(setup.packageFolder, name)));
  }
  pyodide.runPython("import sys; sys.path.insert(0, '/scanner')");
  pyodide.globals.set("policy_json", setup.policyJson);
  const scanToJson = pyodide.runPython(ENTRY) as PyCallable;

  port.on("message", ({ source, numGpus }: ScanRequest) => {
    const reportJson = scanToJson(source, numGpus ?? undefined) as string;
    port.postMessage({ kind: "report", reportJson } satisfies WorkerMessage);
  });
  port.postMessage({ kind: "ready" } satisfies WorkerMessage);
}

await main();
