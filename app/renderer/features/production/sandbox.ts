/** The window's side of the sandbox: starts it, asks it, and ends it when it does not answer. */
import { CrusaderError } from "../../../common/errors.ts";
import { readMessage, readStart, readVerdict, type Start, type TheirVerdict, unasked } from "./answers.ts";
import type { AskOrder, SandboxMessage, StartOrder } from "./sandbox-protocol.ts";
import SandboxWorker from "./sandbox-worker.ts?worker";

/** Python itself takes seconds on a slow machine; the definitions are run in it as well. */
const START_LIMIT_MS = 60_000;
const ASK_LIMIT_MS = 10_000;

/** The validator's definitions as one text, and the name of the one that is asked. */
export type Scanner = { definitions: string; entry: string };

type Parts = { wasm: WebAssembly.Module; library: ArrayBuffer };
let parts: Promise<Parts> | null = null;

/** Compiled once for all sandboxes: the worker itself may fetch nothing. */
function loadParts(): Promise<Parts> {
  const part = async (name: string) => {
    const response = await fetch(new URL(import.meta.env.PYODIDE_FOLDER + name, document.baseURI));
    if (!response.ok) throw new Error(`${name} is not served: ${response.status}`);
    return response;
  };
  parts ??= (async () => {
    const [wasm, library] = await Promise.all([
      WebAssembly.compileStreaming(part("pyodide.asm.wasm")),
      part("python_stdlib.zip").then((response) => response.arrayBuffer()),
    ]);
    return { wasm, library };
  })().catch((cause: unknown) => {
    parts = null;
    const hint = "Build the window again: its files may be incomplete.";
    throw new CrusaderError("internal", "The sandbox's own files cannot be loaded.", hint, String(cause));
  });
  return parts;
}

/** One worker with one scanner in it. It is used by one caller, one question at a time. */
export class Sandbox {
  readonly #worker = new SandboxWorker();
  #settle: ((message: SandboxMessage | string) => void) | null = null;
  #ended: string | null = null;

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<unknown>) => {
      const message = readMessage(data);
      // A message that nobody waits for, or that ours never sends: whatever runs there is not asked again.
      if (message === null || this.#settle === null) this.end("it sent what was not asked for");
      else this.#settle(message);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.end("the sandbox died");
    };
  }

  /** Whether it may be asked on. */
  get isAlive(): boolean {
    return this.#ended === null;
  }

  async start({ definitions, entry }: Scanner): Promise<Start> {
    const { wasm, library } = await loadParts();
    const order: StartOrder = { kind: "start", wasm, standardLibrary: library, definitions, entry };
    const message = await this.#send(order, START_LIMIT_MS);
    if (typeof message === "string") return { why: message };
    const start = message.kind === "started" ? readStart(message.json) : null;
    if (start !== null) return start;
    this.end("the sandbox could not be made");
    return { why: `the sandbox could not be made (${message.json.slice(0, 300)})` };
  }

  async ask(text: string, numGpus: number): Promise<TheirVerdict> {
    const message = await this.#send({ kind: "ask", text, numGpus }, ASK_LIMIT_MS);
    if (typeof message === "string") return unasked(message);
    const verdict = message.kind === "answer" ? readVerdict(message.json) : null;
    if (verdict !== null) return verdict;
    const why = message.kind === "failed" ? "it brought the sandbox down" : "what it answered is no verdict";
    this.end(why);
    return unasked(why);
  }

  end(why = "the sandbox was closed"): void {
    this.#ended ??= why;
    this.#worker.terminate();
    this.#settle?.(this.#ended);
  }

  /** The message that answers, or why none came. */
  #send(order: StartOrder | AskOrder, limitMs: number): Promise<SandboxMessage | string> {
    if (this.#ended !== null) return Promise.resolve(this.#ended);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.end(`it did not answer within ${limitMs / 1000} s`), limitMs);
      this.#settle = (message) => {
        clearTimeout(timer);
        this.#settle = null;
        resolve(message);
      };
      this.#worker.postMessage(order);
    });
  }
}
