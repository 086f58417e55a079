/** The arena's panel against a server that follows spec/evaluation.md section 7: who leads, what was found, offline, and a hostile one. */
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { writeThrowawayWallet } from "../../app/main/services/wallets/index.ts";
import { ArenaServerDouble, doubleEvaluation } from "../arena-server-double.ts";
import { createValidatorDatabase, insertRows, submissionRow } from "../validator-database.ts";
import { barriersInEveryTheme, command, panel, putFile, settled, takePicture, type Workbench } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const WALK_TIMEOUT_MS = 300_000;

const { start } = inBrowser();

const arena = (page: Page) => panel(page, "arena");
const grid = (page: Page, name: RegExp = /^Leaderboard/) => arena(page).getByRole("grid", { name });
const row = (page: Page, id: string) => arena(page).locator(`[role=row][data-submission="${id}"]`);
const field = (page: Page, name: string) => arena(page).getByRole("textbox", { name, exact: true });
const button = (page: Page, name: string | RegExp) => arena(page).getByRole("button", { name, exact: true });
const search = (page: Page) => field(page, "Search all submissions");
const region = (page: Page, name: string) => arena(page).getByRole("region", { name, exact: true });
/** By the leader rule, by score alone, and the score. */
const rank = async (page: Page, id: string) => {
  const texts = await row(page, id).getByRole("gridcell").allInnerTexts();
  return texts.slice(0, 3).map((text) => text.trim());
};

/** A board with a leader that a better one has not passed, failures of several reasons, and one in the queue. */
async function serve(): Promise<ArenaServerDouble> {
  const server = await ArenaServerDouble.start();
  onTestFinished(() => server.close());
  const at = (hour: number) =>
    `2026-04-${String(1 + Math.floor(hour / 24)).padStart(2, "0")}T${String(hour % 24).padStart(2, "0")}:00:00`;
  for (let index = 0; index < 40; index += 1) {
    const failed = index % 3 === 2;
    const id = `v5_commit_${1000 + 10 * index}_${index % 16}`;
    server.put({
      submission_id: id,
      miner_hotkey: `5Miner${String(index % 16).padStart(2, "0")}${"x".repeat(40)}`,
      miner_uid: index % 16,
      created_at: at(5 * index),
      status: failed ? "failed_evaluation" : "finished",
      final_score: failed ? null : 40 + ((index * 13) % 19),
      error_message: failed
        ? index % 2 === 0
          ? "loss_mismatch: 0.61 of 0.40"
          : "insufficient_trainable_params"
        : null,
      evaluations: failed ? [] : [doubleEvaluation(`${id}a`, 40 + ((index * 13) % 19))],
    });
  }
  server.put(
    { submission_id: "v5_commit_2000_7", miner_hotkey: "5Leader", miner_uid: 7, final_score: 60, created_at: at(240) },
    // Better, but by less than the threshold.
    {
      submission_id: "v5_commit_2100_9",
      miner_hotkey: "5Better",
      miner_uid: 9,
      final_score: 60.3,
      created_at: at(260),
    },
    {
      submission_id: "v5_commit_2200_3",
      miner_hotkey: "5Waits",
      miner_uid: 3,
      status: "evaluating",
      final_score: null,
      created_at: at(270),
    },
  );
  server.threshold = {
    current_threshold: 0.06,
    last_improvement: 0.06,
    last_update_block: 2000,
    decayed_threshold: 0.01 + 0.05 * 0.95 ** (300 / 100),
    updated_at: at(240),
  };
  return server;
}

/** As a newcomer adds it. */
async function added(page: Page, address: string): Promise<void> {
  await command(page, "Show Arena");
  await button(page, "Add an API").click();
  await field(page, "Name").fill("main");
  await field(page, "Address").fill(address);
  await button(page, "Add the source").click();
}

/** For the documentation: the panel alone. */
async function pictured({ services }: Workbench, page: Page, name: string): Promise<void> {
  if (process.env.CRUSADER_SCREENSHOTS !== "1") return;
  await page.setViewportSize({ width: 1280, height: 800 });
  for (const theme of ["light", "dark"] as const) {
    services.settings.change({ theme });
    await page.locator(`html[data-appearance="${theme}"]`).waitFor();
    await takePicture(page, name, theme);
  }
}

const chart = (page: Page, title: string) => arena(page).getByRole("figure", { name: title });
const clipboard = (page: Page) => page.evaluate<string>("navigator.clipboard.readText()");

test("from no source to who leads, by whose rule, and how long it lasts", { timeout: WALK_TIMEOUT_MS }, async () => {
  const server = await serve();
  const workbench = await start();
  const wallets = join(workbench.home, ".bittensor", "wallets");
  const { hotkeyAddress } = await writeThrowawayWallet(wallets, { wallet: "mine", hotkey: "h" });
  server.put({
    submission_id: "v5_commit_2050_11",
    miner_hotkey: hotkeyAddress,
    miner_uid: 11,
    final_score: 61.2,
    created_at: "2026-04-11T05:00:00",
  });
  const page = await workbench.open();
  await command(page, "Show Arena");
  await arena(page).getByText("No source yet").waitFor();
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);
  await added(page, server.address);
  await command(page, "Maximise or restore the panel");

  // Two are better than the leader, by less than the threshold.
  await row(page, "v5_commit_2100_9").waitFor();
  await settled(() => rank(page, "v5_commit_2000_7")).toEqual(["1", "3", "60.00 %"]);
  expect(await rank(page, "v5_commit_2050_11")).toEqual(["2", "1", "61.20 %"]);
  expect(await rank(page, "v5_commit_2100_9")).toEqual(["3", "2", "60.30 %"]);
  await row(page, "v5_commit_2050_11").getByText("own").waitFor();
  await arena(page).getByText("more than 63.17 % leads").waitFor();
  await arena(page).getByText("at block 2,300, by the source's own threshold").waitFor();
  // 61.2 > 60 (1 + 0.01 + 0.05 x 0.95^((N - 2000) / 100)) from N = 5,138 on.
  await arena(page)
    .getByText(
      /^Your best of 61\.20 % \(submission v5_commit_2050_11\) passes the leader at block 5,138 \(in 9 h 2\d min,/,
    )
    .waitFor();
  await arena(page).getByText("Nothing: all of the miners' emission is burned.").waitFor();
  await arena(page).getByText("The source itself names v5_commit_2050_11 as place 1").waitFor();

  const [overTime, decay] = [
    chart(page, "MFU of 30 submissions over time"),
    chart(page, "Threshold to lead over blocks"),
  ];
  await overTime.getByText("13 failed").waitFor();
  await overTime.locator("svg.recharts-surface path[data-series=failed]").waitFor();
  await decay.getByText("passes at #5,138").waitFor();
  await pictured(workbench, page, "arena");
  await overTime.getByRole("button", { name: /^Copy as CSV/ }).click();
  await settled(() => clipboard(page).then((text) => text.split("\r\n").length)).toBe(1 + 43 + 1);
  expect((await clipboard(page)).split("\r\n")[0]).toBe("created,submission,hotkey,uid,state,mfu_percent,reason");
  await overTime.getByRole("button", { name: /^Copy as image/ }).click();
  await page.getByText("Copied as an image").waitFor();
  await decay.getByText("passes at #5,138").waitFor();
  await decay.getByRole("button", { name: /^Zoom in/ }).click();
  await decay.getByRole("button", { name: /^Show all/ }).click();
  await decay.locator("svg.recharts-surface").first().hover();
  await decay.getByText(/: more than 6\d\.\d\d % leads/).waitFor();
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);
  await button(page, "Validator").click();
  await region(page, "Queue").locator('[data-submission="v5_commit_2200_3"]').getByText("evaluating").waitFor();
  await region(page, "Validator").getByText("71.40 %").waitFor();
  await region(page, "Recent").getByText("loss_mismatch: 0.61 of 0.40").first().waitFor();
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);
  await button(page, "Sources").click();
  await button(page, "Add an API").click();
  await field(page, "Name").fill("plain");
  await field(page, "Address").fill("http://validator.example");
  await region(page, "Sources").getByText("Plain http to another machine").waitFor();
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);
  expect(workbench.complaints).toEqual([]);
});

test("the lists by keyboard: along them, searched, and two of anything compared", {
  timeout: WALK_TIMEOUT_MS,
}, async () => {
  const server = await serve();
  const workbench = await start();
  putFile(workbench, "mine.py", "import torch\n");
  const page = await workbench.open();
  await added(page, server.address);
  // Rows take their places as details come in.
  await settled(() => rank(page, "v5_commit_2000_7")).toEqual(["1", "2", "60.00 %"]);
  await settled(() => rank(page, "v5_commit_2100_9")).toEqual(["2", "1", "60.30 %"]);
  await row(page, "v5_commit_2000_7").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Control+ArrowUp");
  await page.keyboard.press(" ");
  await settled(() => arena(page).locator("[aria-selected=true]").count()).toBe(2);
  await page.keyboard.press("c");
  const comparison = region(page, "Comparison");
  await comparison.getByText("+0.50 % against A").or(comparison.getByText("-0.50 % against A")).waitFor();
  await comparison.getByRole("region", { name: "Differences of the code" }).getByText("v5_commit_2100_9").waitFor();
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);
  await button(page, "Back to the list").click();

  // One of them with a file of one's own, as the keyboard finds it.
  await row(page, "v5_commit_2000_7").click();
  await page.keyboard.press("c");
  await page.getByRole("combobox", { name: "Compare v5_commit_2000_7 with" }).fill("mine.py");
  await page.getByRole("option", { name: "mine.py" }).first().waitFor();
  await page.keyboard.press("Enter");
  await comparison.getByRole("columnheader", { name: "A: mine.py" }).waitFor();
  await button(page, "Back to the list").click();

  // From the list to the search, and down into what it found.
  await row(page, "v5_commit_2000_7").focus();
  await page.keyboard.press("/");
  await page.keyboard.type("inner_steps v5_commit_2100_9");
  const found = arena(page).getByRole("grid", { name: /^Found submissions/ });
  await settled(() => found.locator("[data-submission]").count()).toBe(1);
  await found.getByText("def inner_steps(model").waitFor();
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);
  await page.keyboard.press("Escape");
  await search(page).fill("zzzz");
  await arena(page).getByText("Nothing is like that").waitFor();
  await button(page, "Show the leaderboard").click();
  await arena(page).getByRole("combobox", { name: "State" }).click();
  await page.getByRole("option", { name: "failed" }).click();
  await found.getByText("loss_mismatch").first().waitFor();
  expect(await search(page).inputValue()).toBe("");

  // A row opens its submission, and its page leads back.
  await found.locator('[data-index="0"]').focus();
  await page.keyboard.press("Enter");
  await arena(page)
    .getByRole("article", { name: /^Submission v5_commit/ })
    .waitFor();
  await button(page, "Back to the list").click();
  await found.waitFor();
  expect(workbench.complaints).toEqual([]);
});

test("without the server, everything that was seen is there, with its age", { timeout: WALK_TIMEOUT_MS }, async () => {
  const server = await serve();
  const workbench = await start();
  const page = await workbench.open();
  await added(page, server.address);
  await row(page, "v5_commit_2100_9").waitFor();
  // The board's code is read first.
  await settled(() => workbench.services.arena.sources()[0]?.codeCount).toBeGreaterThanOrEqual(29);
  server.faults.set("*", { kind: "cut" });
  await button(page, "Look now").click();
  await arena(page)
    .getByText(/Offline; shown is what it said .* ago/)
    .waitFor();
  await arena(page).getByText("Threshold when it last answered").waitFor();

  // What opens now has nothing but what is kept.
  await page.reload();
  await page.getByRole("navigation", { name: "Panels" }).getByRole("button", { name: "Arena" }).click();
  await row(page, "v5_commit_2100_9").waitFor();
  await arena(page)
    .getByText(/Offline; shown is/)
    .waitFor();
  await search(page).fill("inner_steps v5_commit_2000_7");
  await settled(() => arena(page).getByRole("grid").locator("[data-submission]").count()).toBe(1);
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);

  await search(page).fill("");
  server.faults.clear();
  server.put({ submission_id: "v5_commit_3000_1", miner_uid: 1, final_score: 75, created_at: "2026-04-20T00:00:00" });
  await button(page, "Look now").click();
  await settled(() => rank(page, "v5_commit_3000_1")).toEqual(["1", "1", "75.00 %"]);
  await arena(page)
    .getByText(/Seen .* ago/)
    .waitFor();

  // Removed, its words stay until they are forgotten.
  await button(page, "Sources").click();
  await button(page, /^Remove main$/).click();
  await button(page, "Remove main and keep what was seen").click();
  await arena(page)
    .getByText(/Removed; what was seen of it until/)
    .first()
    .waitFor();
  await button(page, /^Remove main$/).click();
  await button(page, "Forget everything of main").click();
  await arena(page).getByText("No source yet").waitFor();
  expect(workbench.complaints).toEqual([]);
});

test("a hostile server is words in a list, and nothing more", { timeout: WALK_TIMEOUT_MS }, async () => {
  const server = await serve();
  const workbench = await start();
  const page = await workbench.open();
  server.faults.set("*", { kind: "body", body: "<script>document.title = 'owned'</script>", contentType: "text/html" });
  await added(page, server.address);
  await arena(page).getByText("Offline; nothing was ever seen of it").waitFor();
  await arena(page).getByText("Nobody has finished yet.").waitFor();
  server.faults.set("*", { kind: "endless" });
  await button(page, "Look now").click();
  await arena(page)
    .getByText(/larger than|too large|more than/i)
    .first()
    .waitFor();

  server.faults.clear();
  const markup = "<img src=x onerror=\"document.title='owned'\">";
  server.put(
    {
      submission_id: "v5_commit_9000_1",
      miner_hotkey: markup,
      final_score: 99,
      code: `${"x".repeat(20_000)}\u202e\n`,
      created_at: "not a time",
    },
    {
      submission_id: "v5_commit_9001_1",
      status: "failed_evaluation",
      final_score: null,
      error_message: `${markup}\u202e reversed`,
      created_at: "2026-04-20T00:00:00",
    },
    { submission_id: "../../etc", final_score: 98 },
    { submission_id: "v5_commit_9002_1", final_score: "ninety" as unknown as number },
  );
  await button(page, "Look now").click();
  await row(page, "v5_commit_9000_1").waitFor();
  await search(page).fill("reversed");
  await arena(page).getByRole("grid").locator('[data-submission="v5_commit_9001_1"]').waitFor();
  await search(page).fill("");
  await button(page, "Validator").click();
  await region(page, "Recent").getByText("<img src=x").first().waitFor();
  expect(await arena(page).locator("img").count()).toBe(0);
  expect(await arena(page).textContent()).not.toContain("\u202e");
  expect(await page.title()).not.toContain("owned");
  expect(workbench.complaints).toEqual([]);
});

test("ten thousand submissions of a validator's database stay quick", { timeout: WALK_TIMEOUT_MS }, async () => {
  const workbench = await start();
  const database = createValidatorDatabase(join(workbench.home, "crusades.db"));
  onTestFinished(() => database.close());
  database.exec("BEGIN");
  for (let index = 0; index < 10_000; index += 1) {
    const failed = index % 3 === 0;
    const row = submissionRow(`v5_commit_${10_000 + index}_${index % 256}`, {
      miner_uid: index % 256,
      final_score: failed ? null : 30 + (index % 3000) / 100,
      status: failed ? "failed_evaluation" : "finished",
      error_message: failed ? "loss_mismatch" : null,
      created_at: new Date(Date.UTC(2026, 0, 1) + index * 600_000).toISOString().replace("Z", ""),
      code_content: `variant = ${index}\n`,
    });
    insertRows(database, "submissions", row);
  }
  database.exec("COMMIT");
  const page = await workbench.open();
  await command(page, "Add a validator's database to the arena");
  await field(page, "Name").fill("own");
  await button(page, "Choose the database").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "crusades.db" }).click();
  await arena(page).getByText("6,666 on the board").waitFor();
  await chart(page, "MFU of 6,666 submissions over time")
    .locator("svg.recharts-surface path[data-series=others]")
    .waitFor();

  // The rows in sight exist, and no others; the last is one key away.
  await grid(page).locator('[data-index="0"]').focus();
  await page.keyboard.press("End");
  const last = grid(page).locator('[data-index="6665"]');
  await last.and(page.locator(":not([aria-busy])")).waitFor();
  await last.and(page.locator(":focus")).waitFor();
  await settled(() => last.getByRole("gridcell").first().textContent()).toBe("6,666");
  expect(await grid(page).locator("[data-submission]").count()).toBeLessThan(100);
  await page.keyboard.press("Home");
  await grid(page).locator('[data-index="0"]').and(page.locator(":focus")).waitFor();

  await search(page).fill("variant 777");
  const found = arena(page).getByRole("grid", { name: /^Found submissions/ });
  await found.getByText("variant = 777").first().waitFor();
  await settled(() =>
    arena(page)
      .getByText(/^\d+ found/)
      .textContent(),
  ).toBe("11 found, the highest score first");
  expect(workbench.complaints).toEqual([]);
});
