/** A submission's page: from a leader's code to what differs, to a review that is kept and exported, and to a run that is none without a container. */
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { ArenaServerDouble, doubleEvaluation } from "../arena-server-double.ts";
import { barriersInEveryTheme, command, panel, settled, tab, takePicture, type Workbench } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const WALK_TIMEOUT_MS = 300_000;

const { start } = inBrowser();

const fixture = (path: string) => readFileSync(new URL(`../../fixtures/${path}`, import.meta.url), "utf8");
const LEADER = "v5_commit_2000_7";
const EXPLOIT = "v5_commit_2100_9";
const HIDDEN = "v5_commit_2200_3";
const BINARY = "v5_commit_2300_4";
const WAITING = "v5_commit_2400_5";

const arena = (page: Page) => panel(page, "arena");
const opened = (page: Page, id: string) => arena(page).getByRole("article", { name: `Submission ${id}` });
const part = (page: Page, name: string) => arena(page).getByRole("region", { name, exact: true });
const button = (page: Page, name: string | RegExp) => arena(page).getByRole("button", { name, exact: true });
/** The editor's lines in sight, of what is on the page. */
const lines = (page: Page) => part(page, "Code").locator(".view-lines").last();

/** Long lines, and characters that hide or turn around what is read. */
const HIDING = `import torch\n# \u202Eeurt\u2066 \u200B\nX = "${"x".repeat(10_000)}"\n${fixture("review/honest/cuda_graph_step.py")}`;

async function serve(): Promise<ArenaServerDouble> {
  const server = await ArenaServerDouble.start();
  onTestFinished(() => server.close());
  const at = (hour: number) => ({ created_at: `2026-04-05T${String(hour).padStart(2, "0")}:00:00` });
  const honest = fixture("review/honest/compile_layers.py");
  server.put(
    {
      submission_id: "v5_commit_1900_7",
      miner_hotkey: "5Leader",
      miner_uid: 7,
      final_score: 50,
      code: honest.replace("import torch", "import torch  # the one before"),
      ...at(1),
    },
    {
      submission_id: LEADER,
      miner_hotkey: "5Leader",
      miner_uid: 7,
      final_score: 60,
      code: honest,
      evaluations: [59.5, 60, 61].map((mfu, index) => doubleEvaluation(`leader${index}`, mfu)),
      ...at(2),
    },
    {
      submission_id: EXPLOIT,
      miner_hotkey: "5Quick",
      miner_uid: 9,
      status: "failed_evaluation",
      final_score: null,
      error_message: "loss_mismatch: 4.15 against 10.37",
      code: fixture("submissions/early_return.py"),
      code_hash: "0123456789abcdef0123456789abcdef",
      payment_verified: false,
      evaluations: [doubleEvaluation("exploit0", null, "loss_mismatch: 4.15 against 10.37")],
      ...at(3),
    },
    { submission_id: HIDDEN, miner_hotkey: "5Hides", miner_uid: 3, final_score: 41, code: HIDING, ...at(4) },
    { submission_id: BINARY, miner_uid: 4, final_score: 40, code: "\u0000\u0001\u0002\u0000ELF\n", ...at(5) },
    { submission_id: WAITING, miner_uid: 5, status: "pending", final_score: null, code: null, ...at(6) },
  );
  return server;
}

async function workbenchWith(server: ArenaServerDouble): Promise<{ workbench: Workbench; page: Page }> {
  const workbench = await start();
  const { arena: service } = workbench.services;
  service.add({ name: "main", place: { kind: "api", address: server.address } }, null);
  await service.refresh("main");
  const page = await workbench.open();
  await command(page, "Show Arena");
  return { workbench, page };
}

/** From the list, by keyboard. */
async function open(page: Page, id: string): Promise<void> {
  await arena(page).getByRole("textbox", { name: "Search all submissions" }).fill(id);
  const row = arena(page).locator(`[role=row][data-submission="${id}"]`);
  await row.focus();
  await page.keyboard.press("Enter");
  await opened(page, id).waitFor();
}

async function back(page: Page): Promise<void> {
  await button(page, "Back to the list").click();
}

async function pictured({ services }: Workbench, page: Page, name: string): Promise<void> {
  for (const theme of ["light", "dark"] as const) {
    services.settings.change({ theme });
    await page.locator(`html[data-appearance="${theme}"]`).waitFor();
    await takePicture(page, name, theme);
  }
}

test("from a leader's code to what differs, and to a run that is refused outside a container", {
  timeout: WALK_TIMEOUT_MS,
}, async () => {
  const server = await serve();
  const { workbench, page } = await workbenchWith(server);
  await open(page, LEADER);
  await arena(page).getByRole("heading", { name: LEADER }).and(page.locator(":focus")).waitFor();
  await opened(page, LEADER).getByText("leads", { exact: true }).waitFor();
  await part(page, "Code").getByText("Another's code, submission").waitFor();
  await lines(page).getByText("inner_steps").waitFor();
  await part(page, "Evaluations").getByText("3 successful: 59.50 % to 61.00 %, median 60.00 %").waitFor();
  await part(page, "Facts").getByText("the code is what was committed").waitFor();
  await part(page, "Facts").getByText("verified by the validator").waitFor();
  await part(page, "Review").getByText("the scan passes").waitFor();
  await part(page, "Review").getByText("Nothing beyond the scan was found").waitFor();

  // What was first used by this author's one before it leads there.
  const techniques = part(page, "Techniques");
  await techniques.getByText("torch.compile").first().waitFor();
  await techniques.getByRole("button", { name: "v5_commit_1900_7" }).first().waitFor();
  const found = await barriersInEveryTheme(workbench, page);

  await arena(page).getByText("Against its author's previous").click();
  await part(page, "Code").locator('[data-editor="diff"]').waitFor();
  await part(page, "Code").getByText("# the one before").first().waitFor();
  found.push(...(await barriersInEveryTheme(workbench, page)));
  await techniques
    .getByRole("button", { name: /^line \d+$/ })
    .first()
    .click();
  await part(page, "Code").locator('[data-editor="text"] .monaco-editor.focused').waitFor();

  await button(page, "Simulate it").click();
  const form = page.getByRole("form", { name: "Start a run" });
  await form.getByText("code of the arena runs in containers only").waitFor();
  await form.getByRole("button", { name: "Run in a container" }).waitFor();
  expect(await form.getByRole("checkbox", { name: /without a sandbox/ }).count()).toBe(0);

  // A copy is another's, too.
  await command(page, "Show Arena");
  await button(page, "Open as a copy").click();
  await tab(page, `train_${LEADER}.py`).waitFor();
  const bar = panel(page, "editor").getByText(`A copy of another's code, submission ${LEADER} of main`);
  await bar.waitFor();
  await panel(page, "editor").locator(".monaco-editor.focused").waitFor();
  await page.keyboard.type("# changed\n");
  await page.keyboard.press("Control+S");
  await settled(() => panel(page, "editor").getByLabel("not saved").count()).toBe(0);
  await bar.waitFor();
  await form.getByText("code of the arena runs in containers only").waitFor();
  expect([found, workbench.complaints]).toEqual([[], []]);
});

test("a review: findings lead to their lines, notes are kept, taken back and exported", {
  timeout: WALK_TIMEOUT_MS,
}, async () => {
  const server = await serve();
  const { workbench, page } = await workbenchWith(server);
  await open(page, EXPLOIT);
  const review = part(page, "Review");
  const findings = review.getByRole("list", { name: "Findings" });
  await findings.getByText("likely exploit").first().waitFor();
  await part(page, "Facts").getByText("this is not the code that was committed").waitFor();
  await part(page, "Facts").getByText("not verified").waitFor();
  const explained = arena(page).getByRole("region", { name: "What loss_mismatch means" });
  await explained.getByText("What may have caused it").click();
  await explained.getByRole("listitem").first().waitFor();

  // To a line, by keyboard, and to its note.
  await findings.getByRole("button", { name: "line 50" }).first().press("Enter");
  await part(page, "Code").locator(".monaco-editor.focused").waitFor();
  await lines(page).getByText("num_steps == 2").waitFor();
  await button(page, "Note line 50").click();
  const form = arena(page).getByRole("form", { name: "Note line 50" });
  await form.getByRole("textbox", { name: "Note of line 50" }).and(page.locator(":focus")).waitFor();
  await page.keyboard.type("It tells the warm-up apart.");
  await form.getByRole("combobox", { name: "Verdict of line 50" }).click();
  await page.getByRole("option", { name: "an exploit" }).click();
  await button(page, "Save the note").click();
  const noted = part(page, "Notes").locator('[data-noted-line="50"]');
  await noted.getByText("It tells the warm-up apart.").waitFor();
  await part(page, "Code").locator(".crusader-noted-line").waitFor();
  await part(page, "Code").locator(".crusader-review-likely_exploit").first().waitFor();
  // By mouse: a line's number. Nothing is noted where it is left.
  await part(page, "Code").locator(".line-numbers").getByText("49", { exact: true }).click();
  await arena(page).getByRole("form", { name: "Note line 49" }).waitFor();
  await page.keyboard.press("Escape");
  await arena(page).getByRole("form", { name: "Note line 49" }).waitFor({ state: "detached" });
  const found = await barriersInEveryTheme(workbench, page);
  await pictured(workbench, page, "arena-submission");

  await part(page, "Notes").getByRole("combobox", { name: "Verdict" }).click();
  await page.getByRole("option", { name: "doubtful" }).click();
  await part(page, "Notes").getByRole("textbox", { name: "Note", exact: true }).fill("Ask the author.");
  await page.keyboard.press("Tab");
  const reference = { source: "main", submissionId: EXPLOIT };
  const { arenaReview } = workbench.services;
  await settled(() => arenaReview.notes(reference)).toMatchObject({
    verdict: "doubtful",
    text: "Ask the author.",
    lines: [{ line: 50, verdict: "exploit", text: "It tells the warm-up apart." }],
  });

  await noted.getByRole("button", { name: "Remove the note of line 50" }).click();
  await noted.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Undo" }).click();
  await noted.getByText("It tells the warm-up apart.").waitFor();

  await page.reload();
  await arena(page).waitFor();
  await open(page, EXPLOIT);
  await noted.getByText("It tells the warm-up apart.").waitFor();
  expect(await part(page, "Notes").getByRole("textbox", { name: "Note", exact: true }).inputValue()).toBe(
    "Ask the author.",
  );

  for (const [format, ending] of [
    ["Markdown", "md"],
    ["JSON", "json"],
  ] as const) {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      button(page, `Save the review as ${format}`).click(),
    ]);
    expect(download.suggestedFilename()).toBe(`review-${EXPLOIT}.${ending}`);
    const text = readFileSync(await download.path(), "utf8");
    for (const words of ["Ask the author.", "It tells the warm-up apart.", "num_steps == 2", "doubtful"]) {
      expect(text).toContain(words);
    }
  }
  expect([found, workbench.complaints]).toEqual([[], []]);
});

test("code that hides, is none, or is not there yet", { timeout: WALK_TIMEOUT_MS }, async () => {
  const server = await serve();
  const { workbench, page } = await workbenchWith(server);
  await open(page, HIDDEN);
  await part(page, "Code")
    .getByText(
      "3 invisible or reordering characters, shown as \u{FFFD}: U+202E in line 2, U+2066 in line 2, U+200B in line 2",
    )
    .waitFor();
  await part(page, "Code").getByText("The longest line has 10,006 characters").waitFor();
  await lines(page).getByText("# \u{FFFD}eurt\u{FFFD}").waitFor();
  const found = await barriersInEveryTheme(workbench, page);
  await arena(page).getByText("Against the leader").click();
  await part(page, "Code").locator('[data-editor="diff"]').waitFor();
  await part(page, "Code").getByText(`A: ${LEADER} (leader)`).waitFor();
  await back(page);

  await open(page, BINARY);
  await part(page, "Code").getByText("4 invisible or reordering characters").waitFor();
  await part(page, "Review").getByText("That is no clean bill").waitFor();
  await back(page);

  await open(page, WAITING);
  await part(page, "Code").getByText("No code is kept").waitFor();
  expect(await button(page, "Open as a copy").isDisabled()).toBe(true);
  expect(await button(page, "Simulate it").isDisabled()).toBe(true);
  await part(page, "Evaluations").getByText("None is known.").waitFor();
  found.push(...(await barriersInEveryTheme(workbench, page)));

  // It comes.
  server.put({ submission_id: WAITING, miner_uid: 5, status: "evaluating", final_score: null, code: "import torch\n" });
  await button(page, "Read it anew").click();
  await lines(page).getByText("import torch").waitFor();
  await part(page, "Review")
    .getByText(/the scan stops/)
    .waitFor();
  expect([found, workbench.complaints]).toEqual([[], []]);
});

test("code that its source has stored since it was looked at is there when its page is opened", {
  timeout: WALK_TIMEOUT_MS,
}, async () => {
  const server = await serve();
  server.put({ submission_id: "v5_commit_2600_2", final_score: 30, code: null });
  const { workbench, page } = await workbenchWith(server);
  server.put({ submission_id: "v5_commit_2600_2", final_score: 30, code: "import torch\n" });
  await open(page, "v5_commit_2600_2");
  await lines(page).getByText("import torch").waitFor();
  expect(workbench.complaints).toEqual([]);
});
