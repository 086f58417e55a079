/**
 * The sandbox in which code of the validator's repository runs, in a real browser with the headers of a real host, with
 * code that wants out of it. Everything here is our own; `production.test.ts` asks it through the window.
 */
import diagnostics from "node:diagnostics_channel";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { WebSocketServer } from "ws";
import { findBrowser } from "../../scripts/machine.mjs";
import { buildWindow, launchBrowser } from "./browser.ts";
import { Workbench } from "./harness.ts";

const found = findBrowser();
let browser: Browser;
let rendererFolder: string;

beforeAll(async () => {
  if ("missing" in found) return;
  rendererFolder = buildWindow();
  writeHostileWorkers(join(rendererFolder, "assets"));
  browser = await launchBrowser(found.program);
}, 180_000);

afterAll(async () => {
  if ("missing" in found) return;
  await browser.close();
  rmSync(rendererFolder, { recursive: true });
});

beforeEach((context) => {
  if ("missing" in found) context.skip(`needs browser: ${found.missing}`);
});

/** One program twice: under the sandbox's name, and under a name of no meaning, to see that it can do harm at all. */
const CONTAINED = "sandbox-worker-hostile0.js";
const FREE = "hostile-worker.js";
const HARM = `
  const attempts = {
    fetch: () => fetch("/index.html").then((response) => response.text()),
    "fetch elsewhere": (canary) => fetch(canary, { mode: "no-cors" }),
    XMLHttpRequest: () => new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("GET", "/index.html");
      request.onload = resolve;
      request.onerror = reject;
      request.send();
    }),
    "WebSocket to our RPC": () => new Promise((resolve, reject) => {
      const socket = new WebSocket(location.origin.replace("http", "ws") + "/rpc");
      socket.onopen = resolve;
      socket.onerror = reject;
    }),
    "another script": () => import("/assets/harmless.js"),
    "another worker": () => new Promise((resolve, reject) => {
      const worker = new Worker("/assets/harmless.js", { type: "module", name: "nested" });
      worker.onmessage = resolve;
      worker.onerror = reject;
    }),
  };
  onmessage = async ({ data }) => {
    const done = [];
    for (const [name, attempt] of Object.entries(attempts)) {
      const outcome = await Promise.resolve().then(() => attempt(data)).then(() => "done", () => "refused");
      done.push([name, outcome]);
    }
    let evaluated = "refused";
    try { evaluated = (0, eval)("'done'"); } catch {}
    postMessage(Object.fromEntries([...done, ["eval", evaluated]]));
  };
`;

function writeHostileWorkers(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of [CONTAINED, FREE]) writeFileSync(join(folder, name), HARM);
  writeFileSync(join(folder, "harmless.js"), "if (self.name === 'nested') postMessage('here'); export {};");
}

/** Counts what reaches this machine's other servers, and ours. */
async function canary(): Promise<{ address: string; visits: () => number }> {
  let visits = 0;
  const server = createServer((_request, response) => {
    visits += 1;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, visits: () => visits };
}

/** Every request that this process is asked from now on, and every socket of the contract. */
function asked(): { paths: string[]; sockets: () => number } {
  const paths: string[] = [];
  const listen = (message: unknown) => void paths.push((message as { request: IncomingMessage }).request.url ?? "");
  diagnostics.subscribe("http.server.request.start", listen);
  const upgrade = vi.spyOn(WebSocketServer.prototype, "handleUpgrade");
  onTestFinished(() => {
    diagnostics.unsubscribe("http.server.request.start", listen);
    upgrade.mockRestore();
  });
  return { paths, sockets: () => upgrade.mock.calls.length };
}

/** What no part of the window asks for: its own files are loaded as they are needed. */
const isStranger = (path: string) => !/^\/assets\/(?!harmless)/.test(path);

test("the policy that comes with the sandbox's file holds, each way out", async () => {
  const workbench = await Workbench.start(browser, rendererFolder);
  const page = await workbench.open();
  const { address, visits } = await canary();
  const { paths, sockets } = asked();
  const outcomes = (name: string) =>
    page.evaluate<Record<string, string>>(`new Promise((resolve) => {
      const worker = new Worker("/assets/${name}", { type: "module" });
      worker.onmessage = ({ data }) => resolve(data);
      worker.postMessage("${address}");
    })`);
  const every = (outcome: string) => ({
    fetch: outcome,
    "fetch elsewhere": outcome,
    XMLHttpRequest: outcome,
    "WebSocket to our RPC": outcome,
    "another script": outcome,
    "another worker": outcome,
    eval: outcome,
  });
  expect(await outcomes(CONTAINED)).toEqual(every("refused"));
  expect({ paths: paths.filter(isStranger), sockets: sockets(), visits: visits() }).toEqual({
    paths: [],
    sockets: 0,
    visits: 0,
  });
  // What the same program can do with the window's own policy: all but leave this host, or make code of text.
  expect(await outcomes(FREE)).toEqual({ ...every("done"), "fetch elsewhere": "refused", eval: "refused" });
  expect({ paths: new Set(paths.filter(isStranger)), sockets: sockets() }).toEqual({
    paths: new Set(["/index.html", "/assets/harmless.js"]),
    sockets: 1,
  });
});

const sandboxFile = () =>
  readdirSync(join(rendererFolder, "assets")).find((name) => /^sandbox-worker-(?!hostile|looking)/.test(name)) ?? "";

/** Starts the sandbox as the window does, by hand; `window.next` asks it. */
async function startSandbox(page: Page, definitions: string, file = sandboxFile()): Promise<void> {
  const pyodide = readdirSync(join(rendererFolder, "assets")).find((name) => name.startsWith("pyodide-"));
  const order = { kind: "start", entry: "scan", definitions };
  const started = await page.evaluate(`(async () => {
    const wasm = await WebAssembly.compileStreaming(fetch("/assets/${pyodide}/pyodide.asm.wasm"));
    const standardLibrary = await (await fetch("/assets/${pyodide}/python_stdlib.zip")).arrayBuffer();
    window.sandbox?.terminate();
    window.sandbox = new Worker("/assets/${file}", { type: "module" });
    window.next = (order) => new Promise((resolve) => {
      window.sandbox.onmessage = ({ data }) => resolve(data);
      window.sandbox.postMessage(order);
    });
    return window.next({ ...${JSON.stringify(order)}, wasm, standardLibrary });
  })()`);
  expect(started).toEqual({ kind: "started", json: expect.stringContaining('"how"') });
}

type Said = { kind: string; json: string };
const ask = (page: Page, text: string) =>
  page.evaluate<Said>(`window.next(${JSON.stringify({ kind: "ask", text, numGpus: 1 })})`);

const DANGEROUS = [
  ...[
    "fetch",
    "XMLHttpRequest",
    "WebSocket",
    "EventSource",
    "WebTransport",
    "Request",
    "Response",
    "URL",
    "Blob",
    "eval",
  ],
  ...[
    "indexedDB",
    "caches",
    "BroadcastChannel",
    "MessageChannel",
    "MessagePort",
    "navigator",
    "location",
    "Notification",
  ],
  ...["Worker", "SharedWorker", "importScripts", "postMessage", "close", "self", "FileReaderSync", "structuredClone"],
  ...["addEventListener", "onmessage", "queueMicrotask", "setInterval"],
];

test("nothing of the browser is left to what runs in the sandbox", async () => {
  // The sandbox's own program, with a listener from before the start that looks around afterwards.
  const assets = join(rendererFolder, "assets");
  const probe = `
    const send = self.postMessage.bind(self);
    self.addEventListener("message", (event) => {
      if (event.data.kind !== "look") return;
      event.stopImmediatePropagation();
      send(event.data.names.filter((name) => name in globalThis));
    });
  `;
  const own = readFileSync(join(assets, sandboxFile()), "utf8");
  writeFileSync(join(assets, "sandbox-worker-looking00.js"), probe + own);
  const workbench = await Workbench.start(browser, rendererFolder);
  const page = await workbench.open();
  await startSandbox(page, "def scan(source):\n    return 'subprocess' not in source\n", "sandbox-worker-looking00.js");
  expect(
    await page.evaluate(`window.next(${JSON.stringify({ kind: "look", names: ["Array", ...DANGEROUS] })})`),
  ).toEqual(["Array"]);
});

/** A scanner that is fair but for files of one line "# now N", at which it does its Nth harm. */
const hostileScanner = (bodies: readonly string[]) => `
${bodies.map((body, index) => `def harm${index}():\n${body.replaceAll(/^/gm, "    ")}\n`).join("\n")}
def scan(source):
    if source.startswith("# now "):
        return False, repr(globals()["harm" + source[6:]]())[:300]
    return "subprocess" not in source, ""
`;
const REACH = "import _pyodide_core as core\nproxy = core.to_js([1])";
const stopped = (why: string) => ({
  kind: "answer",
  json: expect.stringMatching(`"unasked", "message": "it stopped with ${why}`),
});
const said = (what: string) => ({ kind: "answer", json: expect.stringMatching(`"rejected", "message": "${what}`) });
/** The sandbox itself is at its end; the window makes another one. */
const broken = { kind: "failed", json: expect.any(String) };

/** What it tries, and what becomes of the answer. */
const HOSTILE: readonly (readonly [name: string, body: string, outcome: unknown])[] = [
  ["JavaScript's names", "import js\nreturn js.fetch", stopped("ModuleNotFoundError: No module named 'js'")],
  [
    "Pyodide's own",
    "import pyodide_js\nreturn pyodide_js.FS",
    stopped("ModuleNotFoundError: No module named 'pyodide_js'"),
  ],
  ["a text as JavaScript", "from pyodide.code import run_js\nreturn run_js('1')", stopped("ModuleNotFoundError")],
  ["a JavaScript object", REACH, broken],
  ["its constructor", `${REACH}\nreturn proxy.constructor.constructor('return globalThis')()`, broken],
  [
    "what Pyodide left behind",
    "import gc\nproxies = [one for one in gc.get_objects() if type(one).__name__ == 'JsProxy']\nreturn [dir(one) for one in proxies]",
    expect.objectContaining({ kind: expect.stringMatching("answer|failed") }),
  ],
  [
    "a function of the event loop",
    "import asyncio\nnames = type(asyncio.get_event_loop_policy()).new_event_loop.__globals__\nreturn names['setTimeout'].constructor('return 1')()",
    broken,
  ],
  ["a function by its name", "import ctypes\nreturn ctypes.CDLL(None).emscripten_get_heap_max()", broken],
  ["a function that runs a text", "import ctypes\nreturn ctypes.CDLL(None).emscripten_run_script(b'1')", broken],
  ["an address", "import urllib.request\nreturn urllib.request.urlopen('CANARY').read()", stopped("URLError")],
  [
    "a socket",
    "import socket\nreturn socket.create_connection(('127.0.0.1', int('CANARY'.split(':')[2][:-1])), 1).send(b'GET / HTTP/1.0')",
    stopped("(?:OSError|TimeoutError)"),
  ],
  ["a program", "import subprocess\nreturn subprocess.run(['id'])", stopped("OSError")],
  [
    "files of the machine",
    "import os\nreturn [os.path.exists(name) for name in ('/etc', '/root', '/Users', '/work')]",
    said("\\[False, False, False, False\\]"),
  ],
  ["memory without end", "held = []\nwhile True:\n    held.append(bytearray(1 << 24))", stopped("MemoryError")],
  [
    "files without end",
    "for number in range(1 << 20):\n    with open(f'/{number}', 'wb') as file:\n        file.write(bytes(1 << 23))",
    stopped("OSError: \\[Errno 51\\]"),
  ],
  ["a text without end", "return 'A' * (1 << 27)", said("'AAAA")],
  [
    "output without end",
    "import os\nfor _ in range(100):\n    os.write(1, bytes(1 << 20))",
    stopped("OSError: \\[Errno 51\\]"),
  ],
  ["recursion", "def again():\n    return again()\nreturn again()", stopped("RecursionError")],
  ["an end of everything", "import os\nos._exit(1)", broken],
  ["broken memory", "import ctypes\nctypes.memset(0, 255, 1 << 27)", broken],
];

test("code that wants out of Python reaches nothing, and the window lives on", { timeout: 240_000 }, async () => {
  const workbench = await Workbench.start(browser, rendererFolder);
  const page = await workbench.open();
  const { address, visits } = await canary();
  const { paths, sockets } = asked();
  const scanner = hostileScanner(HOSTILE.map(([, body]) => body.replaceAll("CANARY", address)));
  const outcomes: [string, Said][] = [];
  for (const [index, [name]] of HOSTILE.entries()) {
    if (outcomes.at(-1)?.[1].kind !== "answer") await startSandbox(page, scanner);
    outcomes.push([name, await ask(page, `# now ${index}`)]);
  }
  expect(outcomes).toEqual(HOSTILE.map(([name, , outcome]) => [name, outcome]));
  for (const [, answer] of outcomes) expect(answer.json.length).toBeLessThanOrEqual(64 * 1024);
  expect({ paths: paths.filter(isStranger), sockets: sockets(), visits: visits() }).toEqual({
    paths: [],
    sockets: 0,
    visits: 0,
  });
  await page.getByText("connected", { exact: true }).waitFor();
  expect(workbench.complaints).toEqual([]);
});

test("code that never ends is ended with its worker", async () => {
  const workbench = await Workbench.start(browser, rendererFolder);
  const page = await workbench.open();
  await startSandbox(page, hostileScanner(["while True: pass"]));
  const worker = page.workers().find((one) => one.url().includes("sandbox-worker"));
  await page.evaluate(`void window.next(${JSON.stringify({ kind: "ask", text: "# now 0", numGpus: 1 })})`);
  const closed = new Promise((resolve) => worker?.once("close", resolve));
  await page.evaluate("window.sandbox.terminate()");
  await closed;
  await page.getByText("connected", { exact: true }).waitFor();
});
