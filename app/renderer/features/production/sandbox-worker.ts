/**
 * The sandbox: Python in WebAssembly in a worker that can reach nothing. Code of the validator's repository runs here and
 * nowhere else.
 *
 * What holds it, each without the others: the worker's own content security policy, which the hosts send with this file
 * (`SANDBOX_POLICY` in app/main/router/page.ts) - no connection, no further script, no eval, no further worker; no
 * function of the browser is left in this realm (storage, channels, messages); Python can reach, call and make no
 * JavaScript object, and has a fixed share of memory and files; and the window ends the worker after a time, whatever it does.
 */
import "pyodide/pyodide.asm.js";
import { loadPyodide, type PyodideInterface } from "pyodide";
import ASKER from "./asker.py?raw";
import type { AskOrder, SandboxMessage, StartOrder } from "./sandbox-protocol.ts";

const PYTHON_MEMORY_MAX_BYTES = 512 * 1024 * 1024;
const FILES_MAX_BYTES = 64 * 1024 * 1024;
/** About what an empty file takes. */
const NODE_BYTES = 1024;
const WASM_PAGE_BYTES = 64 * 1024;
/** More than a fair answer is ever long; what is longer is not handed on. */
const ANSWER_MAX_LENGTH = 64 * 1024;

/** What is left of the realm: the language, and what the interpreter itself goes on using. */
const KEPT = new Set(
  (
    "Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol Date Promise RegExp Error " +
    "AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError globalThis JSON Math Intl ArrayBuffer " +
    "Atomics Uint8Array Int8Array Uint16Array Int16Array Uint32Array Int32Array Float16Array Float32Array Float64Array " +
    "Uint8ClampedArray BigUint64Array BigInt64Array DataView Map BigInt Set Iterator WeakMap WeakSet WeakRef Proxy Reflect " +
    "FinalizationRegistry decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape isFinite isNaN " +
    "WebAssembly TextDecoder TextEncoder setTimeout clearTimeout console performance crypto " +
    "_createPyodideModule SuppressedError DisposableStack AsyncDisposableStack"
  ).split(" "),
);

type Callable = (...values: unknown[]) => string;
type ChangeStorage = (node: { contents?: { length: number } | null }, bytes: number) => void;
type MemoryFiles = {
  write: (stream: unknown, buffer: unknown, offset: number, length: number, ...others: unknown[]) => number;
  createNode: (...values: unknown[]) => object;
  ErrnoError: new (code: number) => Error;
  filesystems: { MEMFS: { expandFileStorage: ChangeStorage; resizeFileStorage: ChangeStorage } };
};

const post = self.postMessage.bind(self) as (message: SandboxMessage) => void;
const answer = (kind: SandboxMessage["kind"], json: string) => post({ kind, json: json.slice(0, ANSWER_MAX_LENGTH) });

/** True where the hosts sent the sandbox's policy with this file. Under the window's own, this file could be read again. */
async function isContained(): Promise<boolean> {
  return fetch(self.location.href).then(
    () => false,
    () => true,
  );
}

/** Pyodide asks for its parts by address; here they are at hand, and there is nothing else. */
function serveParts({ wasm, standardLibrary }: StartOrder): void {
  // No package can be loaded: none is listed.
  const info = { arch: "wasm32", platform: "emscripten_3_1_46", version: "0.25.1", python: "3.11.3" };
  const parts: Record<string, () => BodyInit> = {
    "pyodide-lock.json": () => JSON.stringify({ info, packages: {} }),
    "pyodide.asm.wasm": () => new Uint8Array(),
    "python_stdlib.zip": () => standardLibrary,
  };
  const serve = async (address: unknown) => {
    const part = parts[String(address).split("/").at(-1) ?? ""];
    return part === undefined ? new Response(null, { status: 404 }) : new Response(part());
  };
  Object.defineProperty(self, "fetch", { value: serve, configurable: true });
  WebAssembly.instantiateStreaming = async (_source, imports = {}) => {
    closeJavaScript(imports.env ?? {});
    return { module: wasm, instance: await WebAssembly.instantiate(wasm, imports) };
  };
}

/**
 * What makes, reads and calls JavaScript's objects for Python, and what finds and calls a function by its name (ctypes:
 * all of the interpreter's own JavaScript is there by name). Converting a text from one to the other is not of it.
 */
const JAVASCRIPT_USE =
  /^(?:Jsv(?:Array_(?:New|Push|Extend|Set|Insert|slice|Shallow)|Object|Buffer|Map|Set|Function|Promise)|JsArray_|JsBuffer_|JsMap_|JsObjMap_|JsProxy_(?!compute)|raw_call|create_once|create_promise|_python2js_buffer_inner|_dlopen_js|_dlsym_|ffi_call)/;
let isClosed = false;

/** Once the realm is closed, these end the interpreter: their objects would lie outside its share of memory. */
function closeJavaScript(functions: Record<string, WebAssembly.ImportValue>): void {
  for (const [name, original] of Object.entries(functions)) {
    if (typeof original !== "function" || !JAVASCRIPT_USE.test(name)) continue;
    functions[name] = (...values: unknown[]) => {
      if (isClosed) throw new Error("Python reached for JavaScript.");
      return (original as (...values: unknown[]) => unknown)(...values);
    };
  }
}

/** The interpreter's memory: what it asks for, but no more than its share. */
function limitMemory(): void {
  const maximum = PYTHON_MEMORY_MAX_BYTES / WASM_PAGE_BYTES;
  WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
    construct: (Memory, [asked]: [WebAssembly.MemoryDescriptor]) =>
      new Memory({ ...asked, maximum: Math.min(maximum, asked.maximum ?? maximum) }),
  });
}

/** Files lie in JavaScript's memory, not in the interpreter's: so much is ever written, overwritten or not. */
function limitFiles(pyodide: PyodideInterface): void {
  const files = pyodide.FS as MemoryFiles;
  const { MEMFS } = files.filesystems;
  const NO_SPACE = 51;
  let writtenBytes = 0;
  const account = (bytes: number) => {
    writtenBytes += bytes;
    if (writtenBytes > FILES_MAX_BYTES) throw new files.ErrnoError(NO_SPACE);
  };
  const { write } = files;
  files.write = (...values) => {
    account(values[3]);
    return write(...values);
  };
  const { createNode } = files;
  files.createNode = (...values) => {
    account(NODE_BYTES);
    return createNode.apply(files, values);
  };
  for (const name of ["expandFileStorage", "resizeFileStorage"] as const) {
    const change = MEMFS[name];
    MEMFS[name] = (node, bytes) => {
      account(Math.max(0, bytes - (node.contents?.length ?? 0)));
      change.call(MEMFS, node, bytes);
    };
  }
}

/** Takes from the realm what is not kept, and says what could not be taken. */
function emptyRealm(): string[] {
  const nothing = () => {};
  const replaced = {
    console: { log: nothing, warn: nothing, error: nothing, info: nothing, debug: nothing },
    performance: { now: Date.now },
    crypto: { getRandomValues: (values: Uint8Array) => values.map(() => Math.floor(Math.random() * 256)) },
  };
  const left: string[] = [];
  for (let object: object = globalThis; object !== Object.prototype; object = Object.getPrototypeOf(object)) {
    for (const name of Object.getOwnPropertyNames(object)) {
      if (object === globalThis && KEPT.has(name)) continue;
      // Two numbers (TEMPORARY, PERSISTENT) cannot be taken away.
      if (!Reflect.deleteProperty(object, name) && typeof Reflect.get(object, name) !== "number") left.push(name);
    }
  }
  for (const [name, value] of Object.entries(replaced)) {
    if (!Reflect.defineProperty(globalThis, name, { value, configurable: true })) left.push(name);
  }
  return left;
}

/** Pyodide's own Python imports these from JavaScript; none does anything, and none is left afterwards. */
function pretended(): object {
  const names = [
    "Object",
    "eval",
    "fetch",
    "XMLHttpRequest",
    "setTimeout",
    "clearTimeout",
    "setInterval",
    "clearInterval",
  ];
  return Object.assign(Object.create(null) as object, Object.fromEntries(names.map((name) => [name, () => {}])));
}

/** Python without a way to JavaScript: no such modules, and nothing that would find them. */
const LOCK = `
import sys
for name in list(sys.modules):
    if name.split(".")[0] in {"js", "pyodide_js", "_pyodide_core", "pyodide", "_pyodide", "webbrowser"}:
        del sys.modules[name]
sys.meta_path[:] = [finder for finder in sys.meta_path if "pyodide" not in type(finder).__module__]
del name, sys
`;

async function start(order: StartOrder): Promise<(text: string, numGpus: number) => string> {
  if (!(await isContained())) throw new Error("The worker came without the policy that contains it.");
  serveParts(order);
  limitMemory();
  const pyodide = await loadPyodide({
    indexURL: new URL("./", self.location.href).href,
    jsglobals: pretended(),
    stdout: () => {},
    stderr: () => {},
  });
  const discard = () => {};
  pyodide.setStdout({ raw: discard });
  pyodide.setStderr({ raw: discard });
  limitFiles(pyodide);
  const names = pyodide.runPython("dict()");
  pyodide.runPython(ASKER, { globals: names });
  const startAsker = names.get("start") as Callable;
  const ask = names.get("ask") as Callable;
  pyodide.runPython(LOCK, { globals: pyodide.runPython("dict()") });
  const left = emptyRealm();
  isClosed = true;
  if (left.length > 0) throw new Error(`The browser keeps ${left.join(", ")}.`);
  answer("started", startAsker(order.definitions, order.entry));
  return ask;
}

let ask: Promise<(text: string, numGpus: number) => string> | null = null;

self.onmessage = async ({ data }: MessageEvent<StartOrder | AskOrder>) => {
  try {
    if (data.kind === "start") {
      ask = start(data);
      await ask;
    } else if (ask !== null) answer("answer", (await ask)(data.text, data.numGpus));
  } catch (error) {
    answer("failed", String(error));
  }
};
