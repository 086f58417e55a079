/** Reads one snapshot in Pyodide, in a thread of its own: the files are others' and may bring it down. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { loadPyodide } from "pyodide";
import type { PyCallable } from "pyodide/ffi";
import type { SourceFiles } from "./snapshot.ts";

/** What the thread is started with. */
export interface ReaderSetup {
  /** Folder of the Python package crusades_eval. */
  readonly packageFolder: string;
  readonly policyJson: string;
  readonly files: SourceFiles;
}

/** The answer, once: a reading (`readingSchema`) as JSON. */
export type ReaderMessage = { readingJson: string };

const FILE = "production_source.py";

const ENTRY = `
import json
from production_source import read

def read_to_json(files, policy_json):
    contents = {path: content.to_bytes() for path, content in files.items()}
    return json.dumps(read(contents, json.loads(policy_json)))

read_to_json
`;

async function main(): Promise<void> {
  if (parentPort === null) throw new Error("reader-worker.ts runs as a worker thread only");
  const { packageFolder, policyJson, files } = workerData as ReaderSetup;
  const discard = (): void => {};
  const pyodide = await loadPyodide({
    indexURL: `${dirname(fileURLToPath(import.meta.resolve("pyodide")))}/`,
    // A worker's own streams have no descriptors, which Pyodide would write to.
    stdout: discard,
    stderr: discard,
  });
  pyodide.FS.mkdirTree("/reader");
  pyodide.FS.writeFile(`/reader/${FILE}`, readFileSync(join(packageFolder, FILE)));
  pyodide.runPython("import sys; sys.path.insert(0, '/reader')");
  const readToJson = pyodide.runPython(ENTRY) as PyCallable;
  const readingJson = readToJson(files, policyJson) as string;
  parentPort.postMessage({ readingJson } satisfies ReaderMessage);
}

await main();
