/** The validator's scan under the cursor: the window's own scanner, in a real browser. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Page, Worker } from "playwright-core";
import { afterAll, expect, onTestFinished, test } from "vitest";
import type { Analysis } from "../../app/common/scan.ts";
import { SCANNER_FILES } from "../../app/common/scanner.ts";
import { ScanService } from "../../app/main/services/scan/index.ts";
import type { FromScanner, ScannerFiles, ToScanner } from "../../app/renderer/scanner/protocol.ts";
import { ScannerClient, type ScannerWorker } from "../../app/renderer/scanner/scanner-client.ts";
import { barriers, command, explorerFile, panel, putFile, settled, tab } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PACKAGE = join(ROOT, "simulator-image/crusades_eval");
const POLICY_JSON = readFileSync(join(ROOT, "hparams/scan-policy.json"), "utf8");
const INNER_STEPS =
  "def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):\n    return None\n";
/** Advice about what it returns, and about gradient checkpointing, which is a choice. */
const LOOP = INNER_STEPS.replace(
  "    return None",
  `    for _ in range(num_steps):
        model(next(data_iterator)[:, :-1]).logits.sum().backward()
        model.zero_grad()
    return None`,
);

const { rendererFolder, start } = inBrowser();
const service = new ScanService({ packageFolder: PACKAGE, policyJson: POLICY_JSON });
afterAll(() => service.close());

/** A file with this text, open and scanned: `words` are the verdict's in its tab. */
async function opened(text: string, words: string) {
  const workbench = await start();
  putFile(workbench, "train.py", text);
  const page = await workbench.open();
  await explorerFile(page, "train.py").click();
  await page.locator(".monaco-editor.focused").waitFor();
  await verdict(page, words).waitFor();
  return { workbench, page };
}

const verdict = (page: Page, words: string) => tab(page, "train.py").filter({ hasText: words });
const problems = (page: Page) => panel(page, "problems");
const entries = (page: Page) => problems(page).locator("[data-problem]");
const rules = async (page: Page) =>
  (await entries(page).allInnerTexts()).map((text) => text.trim().split("\n").at(-1) ?? "");
const scannerOf = async (page: Page): Promise<Worker> => {
  const found = () => page.workers().find((worker) => worker.url().includes("scanner.worker"));
  await settled(() => found() !== undefined).toBe(true);
  return found() as Worker;
};
const cursorLine = (page: Page) => page.locator(".line-numbers.active-line-number").textContent();

test("typing a violation underlines it, says so in tab, panel and status bar; taking it back passes again", async () => {
  const { workbench, page } = await opened(INNER_STEPS, "passes");
  await command(page, "Show Problems");
  await panel(page, "editor").locator(".view-line").first().click();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("import os\n");
  await verdict(page, "stops at line 1").waitFor();
  await page.locator(".squiggly-error").first().waitFor();
  await page.getByText("production stops here", { exact: false }).first().waitFor();
  await settled(async () => (await rules(page))[0]).toBe("forbidden-module");
  await page
    .getByRole("contentinfo")
    .getByRole("button", { name: /problem/ })
    .waitFor();

  await page.keyboard.press("Control+Home");
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Delete");
  await verdict(page, "passes").waitFor();
  await settled(() => page.locator(".squiggly-error").count()).toBe(0);
  expect(workbench.complaints).toEqual([]);
});

test("F8 goes from problem to problem, from the panel too; Enter goes there; the filter narrows the list", async () => {
  const { page } = await opened(`import os\nimport sys\n\n\n${INNER_STEPS}`, "stops at line 1");
  await command(page, "Show Problems");
  await entries(page).nth(1).focus();
  await page.keyboard.press("F8");
  await page.locator(".monaco-editor .zone-widget .descriptioncontainer").getByText("Production stops here").waitFor();
  await page.keyboard.press("F8");
  await page.locator(".monaco-editor .zone-widget .descriptioncontainer").getByText("Would be next").waitFor();
  await page.keyboard.press("Shift+F8");
  await page.locator(".monaco-editor .zone-widget .descriptioncontainer").getByText("Production stops here").waitFor();
  await page.keyboard.press("Escape");

  await entries(page).first().focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await settled(() => cursorLine(page)).toBe("2");

  await problems(page).getByRole("textbox", { name: "Filter the problems" }).fill("sys");
  await settled(() => rules(page)).toEqual(["forbidden-module"]);
  await problems(page).getByRole("textbox", { name: "Filter the problems" }).fill("");
  await problems(page)
    .getByText(/rejections$/)
    .click();
  await settled(async () => (await rules(page)).includes("forbidden-module")).toBe(false);
});

test("what stands in no line is told above the text and marks none; all counts are the same", async () => {
  const { workbench, page } = await opened("import math\n", "stops: inner-steps-missing");
  await panel(page, "editor")
    .getByRole("note")
    .getByText("The file as a whole: There is no function inner_steps")
    .waitFor();
  await command(page, "Show Problems");
  await settled(async () => (await entries(page).allInnerTexts()).map((text) => text.split("\n")[0])).toEqual(["file"]);
  const counted = (words: string) => page.getByRole("contentinfo").getByRole("button", { name: words, exact: true });
  await counted("1 problem").waitFor();
  await problems(page).getByText("1 problem", { exact: true }).waitFor();
  expect(await page.locator(".squiggly-error, .crusader-stops-here").count()).toBe(0);

  // Advice counts, what is a choice does not.
  putFile(workbench, "train.py", LOOP);
  await verdict(page, "passes").waitFor();
  await settled(() => rules(page)).toEqual(["gradient-checkpointing", "result-missing"]);
  await counted("1 problem").waitFor();
  await problems(page).getByText("1 problem", { exact: true }).waitFor();
  await problems(page).getByText("1 hint", { exact: true }).waitFor();
  expect(await panel(page, "editor").getByRole("note").count()).toBe(0);
  expect(workbench.complaints).toEqual([]);
});

test("the hover says what a rule protects and what is allowed instead", async () => {
  const { page } = await opened(`import os\n\n\n${INNER_STEPS}`, "stops at line 1");
  await command(page, "Explain the problem at the cursor");
  const hover = page.locator(".monaco-hover:not(.hidden)");
  await hover.getByText("The machine, the interpreter and the files of the evaluation").waitFor();
  await hover.getByText("import math").waitFor();
});

test("advice is explained with its section of docs/lints.md; F8 passes by what is a choice", async () => {
  const { page } = await opened(LOOP, "passes");
  await command(page, "Show Problems");
  await settled(() => rules(page)).toEqual(["gradient-checkpointing", "result-missing"]);
  await entries(page).first().focus();
  await page.keyboard.press("Enter");
  await settled(() => cursorLine(page)).toBe("3");
  await page.locator(".squiggly-hint").first().waitFor();
  await command(page, "Explain the problem at the cursor");
  const hover = page.locator(".monaco-hover:not(.hidden)");
  await hover.getByText("so this is a choice, not a mistake").waitFor();
  await hover.getByText("model.gradient_checkpointing_disable()").last().waitFor();

  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("F8");
  await page.locator(".monaco-editor .zone-widget .descriptioncontainer").getByText("has to return").waitFor();
});

test.each(["light", "dark", "high contrast"])(
  "problems in editor and panel keep nobody out: %s",
  async (appearance) => {
    const torch = "import os\nimport torch as t\n\nstream = t.cuda.Stream()\n\n\n";
    const { workbench, page } = await opened(torch + INNER_STEPS, "stops at line 1");
    await command(page, `Theme: ${appearance}`);
    await command(page, "Show Problems");
    await settled(async () => (await rules(page)).length).toBeGreaterThan(2);
    await command(page, "Explain the problem at the cursor");
    await page.locator(".monaco-hover:not(.hidden)").getByText("import math").waitFor();
    // While it fades in, nobody can read it.
    const fading = "document.getAnimations().filter((one) => one.effect.getTiming().iterations !== Infinity).length";
    await settled(() => page.evaluate(fading)).toBe(0);
    expect([await barriers(page), workbench.complaints]).toEqual([[], []]);
  },
);

test("a quick fix mends the problem as one step; undo brings the text back, and each time it is scanned again", async () => {
  const { workbench, page } = await opened(`import torch as t\n\nx = t.ones(1)\n\n\n${INNER_STEPS}`, "stops at line 1");
  const text = async () =>
    ((await panel(page, "editor").locator(".view-line").first().textContent()) ?? "").replace(/\u00a0/g, " ");
  await command(page, "Mend the problem at the cursor");
  await page.getByText("Write torch instead of t").first().waitFor();
  await page.keyboard.press("Enter");
  await verdict(page, "passes").waitFor();
  await settled(text).toBe("import torch");
  await page.keyboard.press("Control+z");
  await verdict(page, "stops at line 1").waitFor();
  await settled(text).toContain("import torch as t");

  // The same from the list.
  await command(page, "Show Problems");
  await entries(page).first().focus();
  await page.keyboard.press("Control+.");
  await verdict(page, "passes").waitFor();
  expect(workbench.complaints).toEqual([]);
});

test("a worker that dies is replaced, and the text gets its verdict", async () => {
  const { page } = await opened(INNER_STEPS, "passes");
  const scanner = await scannerOf(page);
  await scanner.evaluate("self.close()");
  await panel(page, "editor").locator(".view-line").first().click();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("import os\n");
  await verdict(page, "stops at line 1").waitFor();
  expect(await scannerOf(page)).not.toBe(scanner);
});

test.each([
  ["a sum of 1,100 texts", `x = ${Array.from({ length: 1100 }, () => '"a"').join(" + ")}\n`, "stops at line 1"],
  ["deep nesting", `x = ${"(".repeat(190)}1${")".repeat(190)}\n`, "passes"],
  ["nesting that takes more stack than the window has", `x = ${"-".repeat(5000)}1\n`, "stops: scanner-crash"],
  ["almost 500,000 bytes", `x = 1\n${"y = [1, 2, 3]  # tab\t\n".repeat(20_000)}`, "passes"],
  ["more than 500,000 bytes", `${"y = [1, 2, 3]  # tab\t\n".repeat(24_000)}`, "stops: source-too-large"],
  ["a null byte", "x = 1\0\n", "stops: syntax-error"],
])("%s: the editor lives on, and says what the command line says", async (_name, head, words) => {
  const { page } = await opened(`${head}${INNER_STEPS}`, words);
  await panel(page, "editor").locator(".view-line").first().click();
  await page.keyboard.press("Control+A");
  await page.keyboard.type("import os");
  await verdict(page, "stops at line 1").waitFor();
});

type Case = {
  name: string;
  source?: string;
  parts?: [string, number][];
  base64?: string;
  whole?: boolean;
  numGpus?: number;
};

/** A scanner of the window: its own worker in the page, its own client, and these services where that one fails. */
async function scannerInPage(page: Page, elsewhere: (text: string, numGpus: number | null) => Promise<Analysis>) {
  const assets = readdirSync(join(rendererFolder(), "assets"));
  const base = new URL("assets/", page.url());
  const address = (name: RegExp) => new URL(assets.find((asset) => name.test(asset)) ?? "", base).href;
  const files: ScannerFiles = {
    pyodideFolder: `${address(/^pyodide-[\d.]+$/)}/`,
    python: Object.fromEntries(
      SCANNER_FILES.map((name) => [name, address(new RegExp(`^${name.slice(0, -3)}-[\\w-]{8}\\.py$`))]),
    ),
    policy: address(/^scan-policy-.*\.json$/),
  };
  const worker = address(/^scanner\.worker-.*\.js$/);
  const workers: ScannerWorker[] = [];
  await page.exposeFunction("fromWorker", (number: number, data: FromScanner | null) => {
    const { onmessage, onerror } = workers[number] as ScannerWorker;
    if (data === null) onerror?.({ message: "it died" });
    else onmessage?.({ data });
  });
  await page.evaluate("globalThis.ownWorkers = []");
  const client = new ScannerClient({
    startWorker(policyJson) {
      const number = workers.length;
      const inPage = (code: string) => void page.evaluate(code).catch(() => undefined);
      const own = `ownWorkers[${number}]`;
      // On its way a lone surrogate would be replaced: in the page it is made.
      const posted = (message: ToScanner) =>
        `JSON.parse(${JSON.stringify(JSON.stringify(message))}.replace("SURROGATE", "\\\\ud800"))`;
      inPage(`{
        const worker = new Worker(${JSON.stringify(worker)}, { type: "module" });
        ${own} = worker;
        worker.onmessage = ({ data }) => fromWorker(${number}, data);
        worker.onerror = (event) => {
          event.preventDefault();
          fromWorker(${number}, null);
        };
      }`);
      const started: ScannerWorker = {
        postMessage: (message) => inPage(`${own}.postMessage(${posted(message)})`),
        terminate: () => inPage(`${own}.terminate()`),
        onmessage: null,
        onerror: null,
      };
      workers.push(started);
      started.postMessage({ kind: "start", files, policyJson });
      return started;
    },
    analyseElsewhere: ({ text, numGpus }) => elsewhere(text, numGpus),
    timeLimitMs: CORPUS_TIMEOUT_MS,
    takesWithinMs: CORPUS_TIMEOUT_MS,
  });
  onTestFinished(() => client.close());
  return { client, workers };
}

const CORPUS_TIMEOUT_MS = 240_000;

test("the window's scanner says of the whole corpus what the services' and the command line say", {
  timeout: CORPUS_TIMEOUT_MS,
}, async () => {
  const workbench = await start();
  const page = await workbench.open();
  const { suffix, cases } = JSON.parse(readFileSync(join(ROOT, "fixtures/scan/cases.json"), "utf8")) as {
    suffix: string;
    cases: Case[];
  };
  // What is no text cannot be in the editor.
  const texts = cases.flatMap(({ name, source, parts, base64, whole, numGpus }) => {
    if (base64 !== undefined) return [];
    const text = source ?? (parts ?? []).map(([part, times]) => part.repeat(times)).join("");
    return [{ name, text: whole === true ? text : text + suffix, numGpus: numGpus ?? null }];
  });
  texts.push({ name: "a lone surrogate", text: "x = 'SURROGATE'\n", numGpus: null });
  const saved = (text: string) => Buffer.from(text.replace("SURROGATE", "\ud800"));

  const elsewhere: string[] = [];
  const { client, workers } = await scannerInPage(page, (text, numGpus) => {
    elsewhere.push(text);
    return workbench.services.scan.scan(saved(text), numGpus ?? undefined);
  });
  for (const { name, text, numGpus } of texts) {
    const analysis = await client.analyse(text, numGpus);
    expect({ name, analysis }).toEqual({ name, analysis: await service.scan(saved(text), numGpus ?? undefined) });
  }
  // A browser's thread has less stack than production's, least when its code was just loaded: some of these end it, and
  // each gets its answer all the same.
  const fellBack = texts.filter(({ text }) => elsewhere.includes(text));
  const isDeep = (name: string) => /^crash: (?:[\d,]+ minus signs|3,000 \w+|parser stack)$/.test(name);
  expect({
    many: texts.length >= 300,
    fellBack: fellBack.length > 0,
    others: fellBack.map(({ name }) => name).filter((name) => !isDeep(name)),
    replaced: workers.length - 1,
  }).toEqual({ many: true, fellBack: true, others: [], replaced: fellBack.length });

  // The command line, as a person would ask it.
  const folder = mkdtempSync(join(tmpdir(), "crusader-deep-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const crashes = texts.filter(({ name }) => name.startsWith("crash: "));
  const files = crashes.map(({ text }, index) => {
    writeFileSync(join(folder, `${index}.py`), text);
    return join(folder, `${index}.py`);
  });
  const { stdout } = spawnSync(process.execPath, [join(ROOT, "bin/crusader.mjs"), "scan", "--json", ...files], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const reports = JSON.parse(stdout) as Analysis[];
  for (const [index, { name, text }] of crashes.entries()) {
    const { verdict, findings } = await client.analyse(text, null);
    const { verdict: theirs, findings: found } = reports[index] as Analysis;
    expect({ name, verdict, findings }).toEqual({ name, verdict: theirs, findings: found });
  }
});

test("the window is built with the very files of the scanner", () => {
  const assets = join(rendererFolder(), "assets");
  const built = readdirSync(assets).filter((name) => name.endsWith(".py"));
  const contents = built.map((name) => [
    name.replace(/-[\w-]{8}\.py$/, ".py"),
    readFileSync(join(assets, name), "utf8"),
  ]);
  const sources = SCANNER_FILES.map((name) => [name, readFileSync(join(PACKAGE, name), "utf8")]);
  expect(Object.fromEntries(contents)).toEqual(Object.fromEntries(sources));
});
