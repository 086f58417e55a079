/** The window in a real browser on the web host: how soon it can be used, and whether it stays quick under load. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { buildWindow, launchBrowser } from "../e2e/workbench/browser.ts";
import { findBrowser } from "../scripts/machine.mjs";
import { writeArena } from "./arena.mjs";
import { writeRuns } from "./history.mjs";

const HOSTED = fileURLToPath(new URL("../e2e/workbench/hosted.ts", import.meta.url));
const OPENINGS = 7;
const KEYS = 150;
const KEY_EVERY_MS = 60;
const SCROLLS = 150;
const RUNS = 10_000;
const CHARTINGS = 5;
const SUBMISSION_OPENINGS = 9;
const BOARD_OPENINGS = 5;
/** Longer than a layout waits to be saved. */
const LAYOUT_SAVED_MS = 1000;
const SETTLED_MS = 300;
const [FEW_RUNS, MANY_RUNS] = [2, 20];
const SCANNED_LINES = 250;
const SCANNED_KEYS = 60;
/** So often the scanner is asked in its own thread, with a bare parse beside each. */
const THREAD_SCANS = 60;
const WARM_UP = 20;
const TYPED_SECONDS = 20;
const TYPED_KEYS_PER_SECOND = 20;
const TYPED_GROWTH_LIMIT = 1.2;
const LOADINGS = 3;
const MEMORY_GROWTH_LIMIT = 1.3;
const FRAME_LIMIT_MS = 50;
const VIEWPORT = { width: 1440, height: 900 };

/** @typedef {import("playwright-core").Browser} Browser */
/** @typedef {import("playwright-core").BrowserContext} BrowserContext */
/** @typedef {import("playwright-core").Page} Page */
/** @typedef {{ name: string, value: number, unit: string, limit: number | null, peer?: number, ratio?: number }} Figure */

/**
 * Nothing where there is no browser.
 * @returns {Promise<Figure[]>}
 */
export async function benchWindow() {
  const found = findBrowser();
  if ("missing" in found) {
    process.stderr.write(`skipped: window (needs browser: ${found.missing})\n`);
    return [];
  }
  const rendererFolder = buildWindow();
  const browser = await launchBrowser(found.program);
  try {
    return [
      ...(await onHost(browser, rendererFolder, () => {}, opening(rendererFolder))),
      ...(await onHost(browser, rendererFolder, writeFiles, typing)),
      ...(await onHost(browser, rendererFolder, writeScanned, scanning)),
      ...(await onHost(browser, rendererFolder, writeFiles, scrolling)),
      ...(await onHost(browser, rendererFolder, writeFiles, memory)),
      ...(await onHost(browser, rendererFolder, (folder) => writeRuns(join(folder, "data"), RUNS), charting)),
      ...(await onHost(browser, rendererFolder, writeArena, inArena)),
    ];
  } finally {
    await browser.close();
    rmSync(rendererFolder, { recursive: true });
  }
}

/**
 * A host of its own, in its own process, with a page that has been let in.
 * @param {Browser} browser
 * @param {string} rendererFolder
 * @param {(folder: string) => void | Promise<void>} prepare
 * @param {(page: Page, browser: Browser) => Promise<Figure[]>} measure
 */
async function onHost(browser, rendererFolder, prepare, measure) {
  const folder = mkdtempSync(join(tmpdir(), "crusader-bench-window-"));
  await prepare(folder);
  const host = spawn(process.execPath, [HOSTED, folder, rendererFolder, "0"], { stdio: ["ignore", "pipe", "inherit"] });
  const context = await browser.newContext({ viewport: VIEWPORT });
  try {
    const { value: address } = await createInterface({ input: host.stdout })[Symbol.asyncIterator]().next();
    const page = await context.newPage();
    await page.goto(String(address));
    await page.locator('[data-panel="editor"] button').first().waitFor();
    return await measure(page, browser);
  } finally {
    await context.close();
    host.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * From the start of the navigation to the first frame with a control of the editor, by a browser that has nothing of it.
 * @param {string} rendererFolder
 */
function opening(rendererFolder) {
  return async (/** @type {Page} */ page, /** @type {Browser} */ browser) => {
    const { origin } = new URL(page.url());
    const storageState = await page.context().storageState();
    /** @type {number[]} */
    const times = [];
    let kilobytes = 0;
    for (let opened = 0; opened < OPENINGS; opened += 1) {
      const context = await browser.newContext({ viewport: VIEWPORT, storageState });
      const fresh = await context.newPage();
      const scripts = new Set();
      fresh.on("response", (response) => {
        const { pathname } = new URL(response.url());
        // The scanner comes once the window has nothing else to do.
        if (pathname.endsWith(".js") && !/scanner\.worker|\/pyodide-/.test(pathname)) scripts.add(pathname);
      });
      await fresh.addInitScript(`globalThis.usable = new Promise((resolve) => {
        const look = () => {
          const control = document.querySelector('[data-panel="editor"] button:not(:disabled)');
          if (control === null) requestAnimationFrame(look);
          else setTimeout(() => resolve(performance.now()));
        };
        requestAnimationFrame(look);
      });`);
      await fresh.goto(origin);
      times.push(await fresh.evaluate("usable"));
      await fresh.waitForLoadState("networkidle");
      const sizes = [...scripts].map((name) => gzipSync(readFileSync(join(rendererFolder, name))).length);
      kilobytes = sizes.reduce((sum, bytes) => sum + bytes, 0) / 1000;
      await context.close();
    }
    return [
      { name: "window: usable after the host answers, median", value: quantile(times, 0.5), unit: "ms", limit: 1000 },
      { name: "window: scripts before it is usable, gzip", value: kilobytes, unit: "kB", limit: 300 },
    ];
  };
}

/** @param {string} folder */
function writeFiles(folder) {
  const submissions = join(folder, "data", "submissions");
  mkdirSync(submissions, { recursive: true });
  for (const word of ["steady", "lines", "pass"]) writeFileSync(join(submissions, `${word}.py`), word);
  writeFileSync(join(submissions, "typed.py"), "# typed\n");
}

/** @param {number[]} values @param {number} share */
function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return /** @type {number} */ (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]);
}

/**
 * From each key to the frame that shows it, without and with a run that prints 1,000 lines a second.
 * @param {Page} page
 */
async function typing(page) {
  await open(page, "typed.py");
  const idle = await typed(page);
  await open(page, "steady.py");
  await page.keyboard.press("Control+Enter");
  await page
    .locator(".xterm-rows")
    .getByText(/^step \d+$/)
    .first()
    .waitFor();
  await open(page, "typed.py");
  const streaming = await typed(page);
  return [
    {
      name: "window: key to paint beside 1,000 log lines a second, p95; peer: nothing runs",
      value: streaming,
      unit: "ms",
      limit: FRAME_LIMIT_MS,
      peer: idle,
      ratio: streaming / idle,
    },
  ];
}

/** @param {Page} page */
async function typed(page) {
  await page.evaluate(`
    globalThis.latencies = [];
    globalThis.onkeydown = (event) => requestAnimationFrame(() => {
      const painted = new MessageChannel();
      painted.port1.onmessage = () => latencies.push(performance.now() - event.timeStamp);
      painted.port2.postMessage(null);
    });`);
  for (let key = 0; key < KEYS; key += 1) {
    await page.keyboard.press(key % 30 === 29 ? "Enter" : "x");
    await page.waitForTimeout(KEY_EVERY_MS);
  }
  const latencies = /** @type {number[]} */ (await page.evaluate("globalThis.onkeydown = null; latencies"));
  await page.keyboard.press("Control+S");
  return quantile(latencies, 0.95);
}

/** @param {string} folder */
function writeScanned(folder) {
  const submissions = join(folder, "data", "submissions");
  mkdirSync(submissions, { recursive: true });
  writeFileSync(join(submissions, "scanned.py"), scannedText());
}

function scannedText() {
  const template = readFileSync(new URL("../templates/fsdp.py", import.meta.url), "utf8")
    .trimEnd()
    .split("\n");
  // The first line is typed on: "import o" passes, "import os" does not.
  const lines = ["import o", ...template];
  while (lines.length < SCANNED_LINES) lines.push(`VALUE_${lines.length} = [${lines.length}, "text", 1.5]`);
  return lines.join("\n");
}

const ANSWER = "answer of the scanner";

/** What of the scanner's worker is seen from the page, in milliseconds; `ready` since the worker was made, not the page. */
const WATCH_SCANNER = `
  const ANSWER = "${ANSWER}";
  const ready = Promise.withResolvers();
  globalThis.scannerTimes = { ready: ready.promise, scans: [] };
  const RealWorker = globalThis.Worker;
  globalThis.Worker = class extends RealWorker {
    constructor(address, options) {
      super(address, options);
      if (!String(address).includes("scanner")) return;
      const started = performance.now();
      this.addEventListener("message", ({ data }) => {
        const now = performance.now();
        if (data.kind === "ready") ready.resolve(now - started);
        if (data.kind !== "answer") return;
        scannerTimes.scans.push(now - this.askedAt);
        performance.mark(ANSWER);
      });
    }
    postMessage(message) {
      this.askedAt = performance.now();
      super.postMessage(message);
    }
  };`;

/**
 * The scanner in the window: how soon it is there, and how soon what it found is seen after a key.
 * @param {Page} host
 * @param {Browser} browser
 */
async function scanning(host, browser) {
  const { origin } = new URL(host.url());
  const storageState = await host.context().storageState();
  /** @type {number[]} */
  const first = [];
  /** @type {number[]} */
  const later = [];
  for (let loaded = 0; loaded < LOADINGS; loaded += 1) {
    const context = await browser.newContext({ viewport: VIEWPORT, storageState });
    const page = await context.newPage();
    await page.addInitScript(WATCH_SCANNER);
    for (const times of [first, later]) {
      await page.goto(origin);
      times.push(await page.evaluate("scannerTimes.ready"));
    }
    if (loaded === LOADINGS - 1) {
      const { keys, scans, blocked } = await scannedKeys(page);
      const thread = await scansInThread(page);
      const typed = await typedLong(page);
      await context.close();
      const peer = quantile(scans, 0.95);
      return [
        {
          name: "scanner: ready after its worker starts, the very first load, median",
          value: quantile(first, 0.5),
          unit: "ms",
          limit: 3500,
        },
        {
          name: "scanner: ready after its worker starts, later, median",
          value: quantile(later, 0.5),
          unit: "ms",
          limit: 2000,
        },
        {
          name: "scanner: key to marker with the pause of 100 ms, p95; peer: from asking to the answer",
          value: quantile(keys, 0.95),
          unit: "ms",
          limit: 200,
          peer,
          ratio: quantile(keys, 0.95) / peer,
        },
        {
          name: `scanner: ${SCANNED_LINES} lines in its thread, p95; peer: ast.parse and ast.walk alone`,
          value: quantile(thread.scans, 0.95),
          unit: "ms",
          limit: 30,
          peer: quantile(thread.parses, 0.95),
          ratio: quantile(thread.scans, 0.95) / quantile(thread.parses, 0.95),
        },
        {
          name: "scanner: the window's longest task for an answer, CPU time, p95",
          value: quantile(blocked, 0.95),
          unit: "ms",
          limit: 5,
        },
        ...typed,
      ];
    }
    await context.close();
  }
  return [];
}

/**
 * A key that breaks a rule, and one that takes it back, again and again.
 * @param {Page} page
 * @returns {Promise<{ keys: number[], scans: number[], blocked: number[] }>}
 */
async function scannedKeys(page) {
  await open(page, "scanned.py");
  await page.getByRole("tab", { name: "scanned.py" }).filter({ hasText: "passes" }).waitFor();
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("End");
  await page.evaluate(`
    globalThis.keyTimes = [];
    globalThis.marked = () => document.querySelector(".squiggly-error") !== null;
    scannerTimes.scans.length = 0;
    globalThis.onkeydown = ({ key, timeStamp }) => {
      if (key !== "s") return;
      const look = () => {
        if (marked()) keyTimes.push(performance.now() - timeStamp);
        else requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
    };
    globalThis.until = (holds) => new Promise((resolve) => {
      const look = () => (holds() ? resolve() : requestAnimationFrame(look));
      look();
    });`);
  const passes = page.getByRole("tab", { name: "scanned.py" }).filter({ hasText: "passes" });
  const browser = /** @type {Browser} */ (page.context().browser());
  await browser.startTracing(page, { categories: ["toplevel", "devtools.timeline", "blink.user_timing"] });
  for (let key = 1; key <= SCANNED_KEYS; key += 1) {
    await page.keyboard.press("s");
    await page.evaluate(`until(() => keyTimes.length === ${key})`);
    await page.keyboard.press("Backspace");
    await passes.waitFor();
    await page.evaluate("until(() => !marked())");
  }
  const trace = await browser.stopTracing();
  const { keys, scans } = await page.evaluate("({ keys: keyTimes, scans: scannerTimes.scans })");
  return { keys, scans, blocked: longestTasks(JSON.parse(trace.toString()).traceEvents) };
}

/**
 * For each answer the longest task that it caused, in milliseconds of the thread's own time: the one that brought it, or
 * one of those in which its panels were drawn. They are the tasks that messages start; frames and keys have their own.
 * @param {{ name: string, ph: string, pid: number, tid: number, ts: number, dur?: number, tdur?: number }[]} events
 */
function longestTasks(events) {
  const answers = events.filter(({ name }) => name === ANSWER).toSorted((a, b) => a.ts - b.ts);
  const [{ pid, tid } = { pid: 0, tid: 0 }] = answers;
  const ofWindow = events.filter((event) => event.pid === pid && event.tid === tid && event.ph === "X");
  const messages = ofWindow.filter(({ name }) => name === "HandlePostMessage");
  const tasks = ofWindow
    .filter(({ name }) => name.endsWith("RunTask"))
    .filter(({ ts, dur = 0 }) => messages.some((message) => message.ts >= ts && message.ts <= ts + dur));
  return answers.map(({ ts }, index) => {
    const end = answers[index + 1]?.ts ?? Number.POSITIVE_INFINITY;
    // The task that brought it began before its mark.
    const caused = tasks.filter((task) => task.ts + (task.dur ?? 0) >= ts && task.ts < end);
    return Math.max(...caused.map(({ tdur = 0 }) => tdur)) / 1000;
  });
}

const BARE_PARSE = `
import ast

def parse_and_walk(source):
    return sum(1 for _ in ast.walk(ast.parse(source)))

parse_and_walk
`;

/**
 * The scanner's own thread, asked as the window asks it, and a bare parse of the same text in a Pyodide of its own there,
 * in turn.
 * @param {Page} page
 * @returns {Promise<{ scans: number[], parses: number[] }>}
 */
async function scansInThread(page) {
  const worker = page.workers().find((one) => one.url().includes("scanner.worker"));
  if (worker === undefined) throw new Error("The window has no scanner.");
  return worker.evaluate(`(async () => {
    const folder = performance.getEntriesByType("resource").find(({ name }) => name.endsWith("/pyodide.asm.wasm")).name;
    const indexURL = new URL("./", folder).href;
    const { loadPyodide } = await import(indexURL + "pyodide.mjs");
    const parse = (await loadPyodide({ indexURL })).runPython(${JSON.stringify(BARE_PARSE)});
    const { postMessage } = self;
    const times = { scans: [], parses: [] };
    self.postMessage = () => {};
    for (let index = 0; index < ${WARM_UP} + ${THREAD_SCANS}; index += 1) {
      const text = ${JSON.stringify(scannedText())} + "\\n# " + index;
      const start = performance.now();
      self.onmessage({ data: { kind: "ask", id: -1, question: { kind: "analyse", text, numGpus: null } } });
      const scanned = performance.now();
      parse(text);
      if (index < ${WARM_UP}) continue;
      times.scans.push(scanned - start);
      times.parses.push(performance.now() - scanned);
    }
    self.postMessage = postMessage;
    return times;
  })()`);
}

/**
 * Keys at the pace of somebody in a hurry: what the page's script holds before and after, garbage collected, and how long
 * after the last key the text's own verdict is there.
 * @param {Page} page
 * @returns {Promise<Figure[]>}
 */
async function typedLong(page) {
  const debug = await page.context().newCDPSession(page);
  const usedMegabytes = async () => {
    await debug.send("HeapProfiler.collectGarbage");
    return (await debug.send("Runtime.getHeapUsage")).usedSize / 1e6;
  };
  await page.locator('[data-panel="editor"] .view-line').first().click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("\n# ");
  await page.getByRole("tab", { name: "scanned.py" }).filter({ hasText: "passes" }).waitFor();
  const before = await usedMegabytes();
  const started = performance.now();
  for (let key = 0; key < TYPED_SECONDS * TYPED_KEYS_PER_SECOND; key += 1) {
    await page.keyboard.press(key % 40 === 39 ? "Backspace" : "x");
    await page.waitForTimeout(Math.max(0, started + ((key + 1) * 1000) / TYPED_KEYS_PER_SECOND - performance.now()));
  }
  // The last word makes the text another one: a verdict on an older text would be "passes".
  await page.keyboard.type("\nimport os");
  const lastKey = performance.now();
  await page.getByRole("tab", { name: "scanned.py" }).filter({ hasText: "stops at line" }).waitFor();
  const verdictMs = performance.now() - lastKey;
  const after = await usedMegabytes();
  return [
    {
      name: `scanner: script memory after ${TYPED_SECONDS} s of ${TYPED_KEYS_PER_SECOND} keys a second; peer: before`,
      value: after,
      unit: "MB",
      limit: TYPED_GROWTH_LIMIT * before,
      peer: before,
      ratio: after / before,
    },
    { name: "scanner: the verdict after the last of these keys", value: verdictMs, unit: "ms", limit: 500 },
  ];
}

/**
 * The wheel over a log of 100,000 lines, from its end to far up.
 * @param {Page} page
 */
async function scrolling(page) {
  await open(page, "lines.py");
  await page.keyboard.press("Control+Enter");
  const log = page.locator(".xterm-rows");
  await log.getByText("step 99999", { exact: true }).waitFor();
  await page.locator('[data-panel="result"]').getByText("Passed").first().waitFor();
  await page.locator(".xterm-screen").hover();
  await page.evaluate(`
    globalThis.frames = [];
    globalThis.scrolls = true;
    const frame = (before) => requestAnimationFrame((now) => {
      frames.push(now - before);
      if (scrolls) frame(now);
    });
    requestAnimationFrame(frame);`);
  for (let count = 0; count < SCROLLS; count += 1) await page.mouse.wheel(0, count % 50 === 49 ? 40_000 : -2000);
  const frames = /** @type {number[]} */ (await page.evaluate("globalThis.scrolls = false; frames"));
  const name = `window: longest frame of ${frames.length} scrolling 100,000 lines; peer: median`;
  const [value, peer] = [Math.max(...frames), quantile(frames, 0.5)];
  return [{ name, value, unit: "ms", limit: FRAME_LIMIT_MS, peer, ratio: value / peer }];
}

/**
 * What the page's script holds after garbage was collected.
 * @param {Page} page
 */
async function memory(page) {
  const debug = await page.context().newCDPSession(page);
  await open(page, "pass.py");
  /** @type {Map<number, number>} */
  const megabytes = new Map();
  for (let run = 1; run <= MANY_RUNS; run += 1) {
    await page.keyboard.press("Control+Enter");
    const simulation = page.locator('[data-panel="simulation"]');
    await simulation.getByRole("heading", { name: `Run ${run} ` }).waitFor();
    await simulation.getByText("Passed, not a score").waitFor();
    await page
      .locator('[data-panel="result"]')
      .getByRole("heading", { name: `Run ${run} ` })
      .waitFor();
    if (run !== FEW_RUNS && run !== MANY_RUNS) continue;
    await debug.send("HeapProfiler.collectGarbage");
    megabytes.set(run, (await debug.send("Runtime.getHeapUsage")).usedSize / 1e6);
  }
  const [few, many] = [megabytes.get(FEW_RUNS) ?? 0, megabytes.get(MANY_RUNS) ?? 0];
  return [
    {
      name: `window: script memory after ${MANY_RUNS} runs; peer: after ${FEW_RUNS}`,
      value: many,
      unit: "MB",
      limit: MEMORY_GROWTH_LIMIT * few,
      peer: few,
      ratio: many / few,
    },
  ];
}

/**
 * From the click to the frame with the scores' line, the charts' code being there already.
 * @param {Page} page
 */
async function charting(page) {
  const history = page.locator('[data-panel="history"]');
  await page.getByRole("navigation", { name: "Panels" }).getByRole("button", { name: "History" }).click();
  await history.getByText("10,000 runs,").waitFor({ timeout: 120_000 });
  const charts = history.getByRole("button", { name: "Charts" });
  const line = history.locator("path.recharts-line-curve").first();
  await page.evaluate(`addEventListener("click", (event) => {
    globalThis.charted = new Promise((resolve) => {
      const look = () => {
        if (document.querySelector("path.recharts-line-curve") === null) requestAnimationFrame(look);
        else setTimeout(() => resolve(performance.now() - event.timeStamp));
      };
      requestAnimationFrame(look);
    });
  }, true);`);
  /** @type {number[]} */
  const times = [];
  for (let drawn = 0; drawn <= CHARTINGS; drawn += 1) {
    await charts.click();
    times.push(await page.evaluate("charted"));
    await charts.click();
    await line.waitFor({ state: "detached" });
  }
  const [first = 0, ...later] = times;
  const value = quantile(later, 0.5);
  const name = "window: 10,000 runs charted, median; peer: the first time, with the charts' code";
  return [{ name, value, unit: "ms", limit: 200, peer: first, ratio: value / first }];
}

/** @param {Page} page */
async function inArena(page) {
  return [...(await openingBoard(page)), ...(await openingSubmissions(page))];
}

/**
 * From the click to the frame with the first rows of the board, each time in a page that has nothing of it yet.
 * @param {Page} host
 */
async function openingBoard(host) {
  const { origin } = new URL(host.url());
  const context = host.context();
  /** @type {number[]} */
  const times = [];
  for (let opened = 0; opened <= BOARD_OPENINGS; opened += 1) {
    const page = await context.newPage();
    await page.goto(origin);
    await page.locator('[data-panel="editor"] button').first().waitFor();
    await page.waitForLoadState("networkidle");
    await page.evaluate(`addEventListener("click", (event) => {
      globalThis.painted = new Promise((resolve) => {
        const look = () => {
          const row = document.querySelector('[data-panel="arena"] [data-submission]:not([aria-busy])');
          if (row === null) requestAnimationFrame(look);
          else setTimeout(() => resolve(performance.now() - event.timeStamp));
        };
        requestAnimationFrame(look);
      });
    }, { capture: true, once: true });`);
    await page.getByRole("navigation", { name: "Panels" }).getByRole("button", { name: "Arena" }).click();
    times.push(await page.evaluate("painted"));
    // The next page begins without the panel, too.
    await page.keyboard.press("Alt+Shift+W");
    await page.locator('[data-panel="arena"]').waitFor({ state: "detached" });
    await page.waitForTimeout(LAYOUT_SAVED_MS);
    await page.close();
  }
  const [first = 0, ...later] = times;
  const value = quantile(later, 0.5);
  const name =
    "window: the board of 10,000 from what is kept, first rows, median; peer: the first, with the panel's code";
  return [{ name, value, unit: "ms", limit: 300, peer: first, ratio: value / first }];
}

/**
 * From the key that opens one of 10,000 submissions to the first frame with its code, its source being away.
 * @param {Page} page
 */
async function openingSubmissions(page) {
  const arena = page.locator('[data-panel="arena"]');
  await page.getByRole("navigation", { name: "Panels" }).getByRole("button", { name: "Arena" }).click();
  const active = arena.locator('[role="row"][data-submission][tabindex="0"]');
  await active.waitFor({ timeout: 120_000 });
  await page.evaluate(`addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    globalThis.opened = new Promise((resolve) => {
      const look = () => {
        const lines = document.querySelector('[data-panel="arena"] .view-lines');
        if (lines === null || !lines.textContent.includes("inner_steps")) requestAnimationFrame(look);
        else setTimeout(() => resolve(performance.now() - event.timeStamp));
      };
      requestAnimationFrame(look);
    });
  }, true);`);
  /** @type {number[]} */
  const times = [];
  for (let opened = 0; opened <= SUBMISSION_OPENINGS; opened += 1) {
    await active.focus();
    // Another one each time; back in the list, the first is where the keyboard is.
    for (let row = 0; row <= opened; row += 1) await page.keyboard.press("ArrowDown");
    // Drawing the list and moving along it is no part of opening.
    await page.waitForTimeout(SETTLED_MS);
    await page.keyboard.press("Enter");
    times.push(await page.evaluate("opened"));
    // What is found in it comes later, and is no part of the next one's time.
    await arena.getByRole("region", { name: "Review", exact: true }).getByText("the scan").waitFor();
    await arena.getByRole("button", { name: "Back to the list" }).click();
    await active.waitFor();
  }
  const [first = 0, ...later] = times;
  const value = quantile(later, 0.5);
  const name =
    "window: a submission of 10,000 opened from what is kept, median; peer: the first, with the editor's code";
  return [{ name, value, unit: "ms", limit: 200, peer: first, ratio: value / first }];
}

/**
 * A file of the explorer in the editor, which then has the keys.
 * @param {Page} page
 * @param {string} name
 */
async function open(page, name) {
  await page.locator('[data-panel="explorer"]').getByRole("button", { name, exact: true }).click();
  await page.getByRole("tab", { name, selected: true }).waitFor();
  await page.locator('[data-panel="editor"] .monaco-editor.focused').waitFor();
}
