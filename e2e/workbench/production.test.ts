/**
 * The validator's source in the window: read, compared, taken over, and asked for its own opinion. The repository is one
 * of our own (fixtures/production-source) in the shape of the validator's. With CRUSADER_PRODUCTION_SOURCE naming a
 * checkout of the validator's, that one's scanner is asked about our corpus, too.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { command, expectShown, explorerFile, panel, putFile, settled, type Workbench } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const SOURCE = fileURLToPath(new URL("../../fixtures/production-source/", import.meta.url));
const SCANNER = join("environments", "arena", "env.py");
/** A sandbox is Python in WebAssembly; on a slow machine it takes a while to be there. */
const OPINION_TIMEOUT_MS = 60_000;
const CORPUS_TIMEOUT_MS = 300_000;

const { start } = inBrowser();
const production = (page: Page) => panel(page, "production");
const region = (page: Page, name: string) => production(page).getByRole("region", { name });

/** A repository in the home folder; `change` gets the text of its scanner. */
function putSource(workbench: Workbench, change: (scanner: string) => string = (scanner) => scanner): string {
  const folder = join(workbench.home, "validator");
  cpSync(SOURCE, folder, { recursive: true });
  const scanner = readFileSync(join(folder, SCANNER), "utf8");
  expect(scanner).toContain("def check_source_code(code: str");
  writeFileSync(join(folder, SCANNER), change(scanner));
  return folder;
}

async function readThroughPicker(page: Page): Promise<void> {
  await command(page, "Show Validator source");
  await production(page).getByRole("button", { name: "Read a folder instead" }).click();
  const dialog = page.getByRole("dialog", { name: "Read the validator's source from a folder" });
  await dialog.getByRole("button", { name: "validator", exact: true }).click();
  await dialog.getByRole("button", { name: "Read validator" }).click();
  await region(page, "Changes").getByRole("list", { name: "Changed rules" }).waitFor();
}

/** Without the picker, for what is not about it. */
async function readFolder(workbench: Workbench, folder: string): Promise<void> {
  workbench.services.production.chooseSource({ kind: "folder", path: folder });
  await workbench.services.production.fetch();
}

async function askAbout(page: Page, file: string, words: RegExp): Promise<void> {
  await explorerFile(page, file).click();
  await panel(page, "editor").locator(".monaco-editor").waitFor();
  await command(page, "Ask the validator's own scanner");
  const status = region(page, "Second opinion").getByRole("status").filter({ hasText: words });
  await status.waitFor({ timeout: OPINION_TIMEOUT_MS });
}

test("from a folder: what changed is shown, taken over, used by the scan, and taken back", async () => {
  const workbench = await start();
  putSource(workbench);
  const text = "def inner_steps(model, data, optimizer, steps, device):\n    print(steps)\n";
  putFile(workbench, "train.py", text);
  const { scan: scanner, rules } = workbench.services;
  const scan = async () =>
    (await scanner.scan(Buffer.from(text), undefined, JSON.stringify(rules.policy().policy))).verdict;
  const page = await workbench.open();
  await command(page, "Show Validator source");
  await production(page).getByText("was not fetched yet").waitFor();
  await production(page).getByText("under their own licence").waitFor();
  expect(await production(page).getByRole("textbox", { name: "Address of the repository" }).inputValue()).toMatch(
    /^https:/,
  );

  await readThroughPicker(page);
  const names = region(page, "Changes").locator('[data-area="policy"][data-name="forbidden_names"]');
  await names.getByText("+ added: print").waitFor();
  expect((await scan()).ok).toBe(true);

  await region(page, "Changes")
    .getByRole("button", { name: /^Use the rules of [0-9a-f]{7}$/ })
    .click();
  const dialog = page.getByRole("dialog", { name: /^Use the rules of/ });
  await dialog.locator('[data-name="forbidden_names"]').getByText("+ added: print").waitFor();
  await dialog.getByRole("button", { name: /^Use the rules of/ }).click();
  await region(page, "Source")
    .getByText(/^In force: the rules of/)
    .waitFor();
  expect(await scan()).toEqual({ ok: false, kind: "security", line: 2, rule: expect.any(String) });
  await explorerFile(page, "train.py").click();
  await command(page, "Show Problems");
  const stops = panel(page, "problems").getByText("Production stops here");
  await stops.waitFor();
  await command(page, "Show Validator source");

  await region(page, "Source").getByRole("button", { name: "Back to the built-in rules" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Use the built-in rules" }).click();
  await region(page, "Source").getByText("In force: the built-in rules.").waitFor();
  await stops.waitFor({ state: "detached" });
  expect((await scan()).ok).toBe(true);
  expect(workbench.complaints).toEqual([]);
});

test("changed on the disk: checked again, pinned against, removed", async () => {
  const workbench = await start();
  const folder = putSource(workbench);
  await readFolder(workbench, folder);
  const page = await workbench.open();
  await command(page, "Show Validator source");
  const hparams = join(folder, "hparams", "hparams.json");
  writeFileSync(hparams, readFileSync(hparams, "utf8").replace('"eval_steps": 24', '"eval_steps": 31'));
  await region(page, "Source").getByRole("button", { name: "Check for changes" }).click();
  await production(page).getByText("Against the pinned").click();
  const change = region(page, "Changes").locator('[data-name="eval_steps"]');
  await change.getByText("31").waitFor();
  expect(await change.locator("del, ins").allInnerTexts()).toEqual(["24", "31"]);

  await region(page, "Source").getByRole("button", { name: /^Pin / }).click();
  await region(page, "Source").getByRole("button", { name: /^Pin / }).waitFor({ state: "detached" });
  await region(page, "Source").getByRole("button", { name: "Remove" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove the source" }).click();
  await production(page).getByText("was not fetched yet").waitFor();
  expect(workbench.complaints).toEqual([]);
});

test("a folder that holds something else: says what was not found", async () => {
  const workbench = await start();
  const folder = putSource(workbench);
  for (const name of ["src", "environments", "hparams"]) rmSync(join(folder, name), { recursive: true });
  await readFolder(workbench, folder);
  const page = await workbench.open();
  await command(page, "Show Validator source");
  await region(page, "What was found")
    .getByText(/could not be found; the rest is used/)
    .waitFor();
  await region(page, "Second opinion").getByText("No scan function was found").waitFor();
  expect(workbench.complaints).toEqual([]);
});

test("agrees about one file, disagrees about another with both sides, and exports the report", async () => {
  const workbench = await start();
  await readFolder(workbench, putSource(workbench));
  const body = "def inner_steps(model, data, optimizer, steps, device):\n    pass\n";
  putFile(workbench, "fine.py", body);
  putFile(workbench, "loud.py", `import urllib.request\n${body}`);
  const page = await workbench.open();
  await askAbout(page, "fine.py", /The validator's scanner at [0-9a-f]{7} agrees$/);
  await region(page, "Second opinion")
    .getByText("check_source_code(code: the text); a file that is fine answers True")
    .waitFor();

  await askAbout(page, "loud.py", /disagrees about 1 of 1 file$/);
  const row = region(page, "Second opinion").locator('[data-agreement="disagree"]');
  expect(await row.locator("th, td").allInnerTexts()).toEqual([
    "loud.py",
    "disagrees",
    expect.stringMatching(/^rejected \(security, .*line 1\)$/),
    "accepted",
  ]);

  const downloads: string[] = [];
  page.on("download", (download) => void download.path().then((path) => downloads.push(readFileSync(path, "utf8"))));
  await region(page, "Second opinion").getByRole("button", { name: "Export the report" }).click();
  await settled(() => downloads.length).toBe(2);
  const [json, markdown] = downloads.toSorted((a, b) => Number(b.startsWith("{")) - Number(a.startsWith("{")));
  expect(markdown).toContain("| ` loud.py ` | disagrees | rejected");
  expect(JSON.parse(json ?? "")).toMatchObject({
    version: 1,
    versions: { crusader: expect.any(String) },
    revision: { id: expect.stringMatching(/^[0-9a-f]{64}$/), source: { kind: "folder" } },
    scanner: { function: "check_source_code", file: "environments/arena/env.py", line: expect.any(Number) },
    files: [
      {
        name: "loud.py",
        agreement: "disagree",
        ours: { ok: false, line: 1 },
        theirs: { outcome: "accepted" },
        source: `import urllib.request\n${body}`,
      },
    ],
  });
  expect(workbench.complaints).toEqual([]);
});

test("a scanner that never ends, and one that is none, are results of their own; the editor lives on", async () => {
  const workbench = await start();
  const endless = (scanner: string) =>
    scanner.replace(
      "    try:\n        tree = ast.parse(code)",
      '    while "endless" in code:\n        pass\n    try:\n        tree = ast.parse(code)',
    );
  const folder = putSource(workbench, endless);
  await readFolder(workbench, folder);
  const file = putFile(workbench, "train.py", "endless = 1\n");
  const page = await workbench.open();
  await askAbout(page, "train.py", /could not be asked about this file$/);
  await region(page, "Second opinion").getByText("it did not answer within 10 s").waitFor();

  writeFileSync(
    join(folder, SCANNER),
    readFileSync(join(folder, SCANNER), "utf8").replace(
      "return (True, None) if _has_entry(tree)",
      "return (True, None) if True",
    ),
  );
  writeFileSync(file, "still_no_more = 1\n");
  await explorerFile(page, "train.py").click();
  await expectShown(page, "still_no_more");
  await readFolder(workbench, folder);
  await askAbout(page, "train.py", /disagrees about 1 of 1 file$/);
  expect(workbench.complaints).toEqual([]);
});

type Report = { files: { name: string; agreement: string }[]; scanner: { how: string | null; why: string } };

/** Has the scanner of a checkout asked about our corpus, and reads the report. */
async function askAboutCorpus(workbench: Workbench, folder: string): Promise<Report> {
  await readFolder(workbench, folder);
  const page = await workbench.open();
  await command(page, "Show Validator source");
  // What is above it is there, and moves it no more.
  await region(page, "Changes").getByRole("list", { name: "Changed rules" }).waitFor();
  await region(page, "Second opinion").getByRole("button", { name: "Ask about more" }).click();
  await page.getByRole("menuitem", { name: "The cases that Crusader's scanner is tested with" }).click();
  const exported = region(page, "Second opinion").getByRole("button", { name: "Export the report" });
  await exported.waitFor({ timeout: CORPUS_TIMEOUT_MS });
  const downloads: string[] = [];
  page.on("download", (download) => void download.path().then((path) => downloads.push(readFileSync(path, "utf8"))));
  await exported.click();
  await settled(() => downloads.length).toBe(2);
  return JSON.parse(downloads.find((text) => text.startsWith("{")) ?? "") as Report;
}

const count = ({ files }: Report, agreement: string) => files.filter((file) => file.agreement === agreement).length;

test("the whole corpus is asked about, here with a scanner that knows a few of the rules", {
  timeout: 2 * CORPUS_TIMEOUT_MS,
}, async () => {
  const workbench = await start();
  const report = await askAboutCorpus(workbench, putSource(workbench));
  expect(report.scanner).toMatchObject({ how: expect.stringContaining("check_source_code"), why: "" });
  expect(report.files.length).toBeGreaterThan(500);
  // It rejects what neither accepts, and lets pass what it has no rule for.
  expect(count(report, "agree")).toBeGreaterThan(100);
  expect(count(report, "disagree")).toBeGreaterThan(100);
});

test("our scanner and that of a checkout of the production source agree about the corpus", {
  timeout: 2 * CORPUS_TIMEOUT_MS,
}, async (context) => {
  const checkout = process.env.CRUSADER_PRODUCTION_SOURCE ?? "";
  if (checkout === "") context.skip("needs checkout: CRUSADER_PRODUCTION_SOURCE names none of the production source");
  const workbench = await start();
  const report = await askAboutCorpus(workbench, checkout);
  expect(report.scanner).toMatchObject({ how: expect.any(String), why: "" });
  expect(report.files.filter(({ agreement }) => agreement === "disagree")).toEqual([]);
  expect(count(report, "unasked")).toBeLessThan(report.files.length / 20);
});
