/** The validator's scan under the cursor: the window's own scanner, in a real browser. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page, Worker } from "playwright-core";
import { afterAll, expect, test } from "vitest";
import { SCANNER_FILES } from "../../app/common/scanner.ts";
import { ScanService } from "../../app/main/services/scan/index.ts";
import { command, explorerFile, panel, putFile, settled, tab } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PACKAGE = join(ROOT, "simulator-image/crusades_eval");
const POLICY_JSON = readFileSync(join(ROOT, "hparams/scan-policy.json"), "utf8");
const INNER_STEPS =
  "def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):\n    return None\n";

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

test("the hover says what a rule protects and what is allowed instead", async () => {
  const { page } = await opened(`import os\n\n\n${INNER_STEPS}`, "stops at line 1");
  await command(page, "Explain the problem at the cursor");
  const hover = page.locator(".monaco-hover:not(.hidden)");
  await hover.getByText("The machine, the interpreter and the files of the evaluation").waitFor();
  await hover.getByText("import math").waitFor();
});

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

test("the window's scanner says of the whole corpus what the services' says", async () => {
  const { page } = await opened(INNER_STEPS, "passes");
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
  // On its way to the worker it would be replaced: there it is made.
  texts.unshift({ name: "a lone surrogate", text: "x = 'SURROGATE'\n", numGpus: null });
  // A browser gives a thread less stack than production has: of these, the first that is nested too deeply ends it, and
  // the services answer (above). So they come last.
  const isDeep = ({ name }: { name: string }) => name.startsWith("crash: ");
  texts.sort((left, right) => Number(isDeep(left)) - Number(isDeep(right)));
  const scanner = await scannerOf(page);
  const answers = await scanner.evaluate((asked: { text: string; numGpus: number | null }[]) => {
    // The handler that the window's own questions reach.
    const scope = globalThis as unknown as {
      onmessage: (event: { data: unknown }) => void;
      postMessage: (message: { kind: string; json?: string }) => void;
    };
    const { postMessage } = scope;
    const collected: string[] = [];
    scope.postMessage = ({ kind, json }) => {
      if (kind !== "begun") collected.push(json ?? kind);
    };
    for (const [id, question] of asked.entries()) {
      const text = question.text.replace("SURROGATE", String.fromCharCode(0xd800));
      scope.onmessage({ data: { kind: "ask", id, question: { kind: "analyse", numGpus: question.numGpus, text } } });
    }
    scope.postMessage = postMessage;
    return collected;
  }, texts);
  expect({ cases: texts.length >= 300, answers: answers.length }).toEqual({ cases: true, answers: texts.length });
  // After its end the thread's answers mean nothing; the window would have replaced it.
  const end = answers.includes("broken") ? answers.indexOf("broken") : texts.length;
  expect(texts.slice(end).every(isDeep)).toBe(true);
  for (const [index, { name, text, numGpus }] of texts.slice(0, end).entries()) {
    const analysis = JSON.parse(answers[index] ?? "null");
    const ours = await service.scan(Buffer.from(text.replace("SURROGATE", "\ud800")), numGpus ?? undefined);
    expect({ name, analysis }).toEqual({ name, analysis: ours });
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
