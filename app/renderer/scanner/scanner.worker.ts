/** The scanner in the window: Pyodide and the Python files, in a thread of their own. */
import type { loadPyodide } from "pyodide";
import { SCANNER_FILES, type Scanner, startScanner } from "../../common/scanner.ts";
import type { FromScanner, Question, ScannerFiles, ToScanner } from "./protocol.ts";

const send = (message: FromScanner) => self.postMessage(message);
const encoder = new TextEncoder();

let scanner: Scanner | null = null;

self.onmessage = ({ data }: MessageEvent<ToScanner>) => {
  if (data.kind === "start") {
    start(data.files, data.policyJson).then(
      (started) => {
        scanner = started;
        send({ kind: "ready" });
      },
      (thrown: unknown) => send({ kind: "failed", reason: String(thrown) }),
    );
    return;
  }
  const { id, question } = data;
  send({ kind: "begun", id });
  try {
    send({ kind: "answer", id, json: answer(question) });
  } catch {
    send({ kind: "broken", id });
  }
};

function answer(question: Question): string {
  if (scanner === null) throw new Error("The scanner was asked before it was ready.");
  // The bytes that saving would write: a lone surrogate becomes a replacement character there, too.
  const source = encoder.encode(question.text);
  if (question.kind === "plan") return scanner.plan(source, question.numGpus, question.sizes);
  return scanner.analyse(source, question.numGpus);
}

async function start({ pyodideFolder, python, policy }: ScannerFiles, policyJson: string | null): Promise<Scanner> {
  const [pyodide, files, json] = await Promise.all([
    load(pyodideFolder),
    Promise.all(SCANNER_FILES.map(async (name) => [name, await fetched(python[name] ?? "")] as const)),
    policyJson ?? fetched(policy).then((bytes) => new TextDecoder().decode(bytes)),
  ]);
  const byName = new Map<string, Uint8Array>(files);
  return startScanner(pyodide, (name) => byName.get(name) ?? new Uint8Array(), json);
}

async function load(folder: string) {
  const module: { loadPyodide: typeof loadPyodide } = await import(/* @vite-ignore */ `${folder}pyodide.mjs`);
  const discard = () => undefined;
  return module.loadPyodide({ indexURL: folder, stdout: discard, stderr: discard });
}

async function fetched(address: string): Promise<Uint8Array> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} is not served: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
