/** What the window must withstand: sleep, other tabs, a full or read-only disk, damage, hostile sizes, others' records. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import { writeRuns } from "../../bench/history.mjs";
import { findSandbox } from "../../scripts/machine.mjs";
import { APPEARS_WITHIN_MS, command, expectShown, explorerFile, panel, putFile, settled, tab } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const { browser, spawnHost, start } = inBrowser();

const result = (page: Page) => panel(page, "result");
const simulation = (page: Page) => panel(page, "simulation");
const log = (page: Page) => simulation(page).locator(".xterm-rows");

async function simulate(page: Page, name: string): Promise<void> {
  await explorerFile(page, name).click();
  await panel(page, "editor").locator(".monaco-editor.focused").waitFor();
  await page.keyboard.press("Control+Enter");
}

test.each(["its connection kept", "its connection cut"])(
  "a tab that slept goes on from the right number: %s",
  async (how) => {
    const workbench = await start();
    putFile(workbench, "train.py", "steady");
    const page = await workbench.open();
    await simulate(page, "train.py");
    await log(page)
      .getByText(/step \d+$/)
      .first()
      .waitFor();

    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
    const { services } = workbench;
    const printed = services.store.outputBytes("1");
    // What happens in an hour: more is printed, the connection may go, the run ends, another begins and ends.
    await settled(() => services.store.outputBytes("1")).toBeGreaterThan(printed + 10_000);
    if (how === "its connection cut") {
      await workbench.stopHost();
      await workbench.startHost();
    }
    await services.runs.cancel("1", false);
    services.settings.change({ theme: "dark" });
    await devtools.send("Page.setWebLifecycleState", { state: "active" });

    await simulation(page).getByText("Cancelled").first().waitFor();
    await result(page).getByText("Cancelled").first().waitFor();
    await settled(() => page.locator("html").getAttribute("data-appearance")).toBe("dark");
    await page.getByText("connected", { exact: true }).waitFor();
    const steps = services.store.output("1").toString().trim().split("\n");
    await log(page)
      .getByText(steps.at(-1) ?? "", { exact: true })
      .waitFor();
    await page.evaluate('navigator.clipboard.writeText("")');
    await simulation(page).getByRole("button", { name: "Copy the log" }).click();
    await settled(() => page.evaluate<string>("navigator.clipboard.readText()")).not.toBe("");
    expect((await page.evaluate<string>("navigator.clipboard.readText()")).split("\n")).toEqual(steps);
  },
);

test("two tabs with one file: what one saves the other shows, and neither overwrites the other", async () => {
  const workbench = await start();
  const file = putFile(workbench, "train.py", "first = 1\n");
  const [one, two] = [await workbench.open(), await workbench.open()];
  for (const page of [one, two]) {
    await explorerFile(page, "train.py").click();
    await expectShown(page, "first = 1");
  }
  await one.keyboard.type("# one\n");
  await one.keyboard.press("Control+S");
  await expectShown(two, "# one\nfirst = 1");

  await two.keyboard.type("# two\n");
  await one.keyboard.type("# more\n");
  await two.keyboard.press("Control+S");
  await one.getByText("was changed on the disk by something else").waitFor();
  await one.keyboard.press("Control+S");
  await one.getByText("train.py was not saved").waitFor();
  const saved = readFileSync(file, "utf8");
  expect([saved.includes("# two"), saved.includes("# more")]).toEqual([true, false]);
  await expectShown(one, "# more");
  expect(workbench.complaints).toEqual([]);
});

test("a connection that breaks while the tabs come back takes neither tab nor unsaved text", async () => {
  const workbench = await start();
  putFile(workbench, "train.py", "first = 1\n");
  const page = await workbench.open();
  await explorerFile(page, "train.py").click();
  await expectShown(page, "first = 1");
  await page.keyboard.type("# unsaved\n");
  await settled(() => workbench.services.workspace.drafts.list().map(({ text }) => text)).toEqual([
    "# unsaved\nfirst = 1\n",
  ]);

  let broken = 0;
  await page.routeWebSocket(/./, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((message) => {
      const reads = String(message).includes("workspace/read");
      if (reads) broken += 1;
      if (reads && broken <= 2) void Promise.all([socket.close(), server.close()]);
      else server.send(message);
    });
  });
  await page.reload();
  await expectShown(page, "# unsaved\nfirst = 1");
  expect(broken).toBeGreaterThan(2);
});

test("a network that changes while a panel is loaded takes neither the panel nor its looks", async () => {
  const workbench = await start();
  const page = await workbench.open();
  const dropped: string[] = [];
  await page.route(/assets\/history.*\.(js|css)$/, async (route) => {
    const kind = route.request().url().split(".").at(-1) ?? "";
    const isFirst = !dropped.includes(kind);
    if (isFirst) dropped.push(kind);
    await (isFirst ? route.abort("internetdisconnected") : route.continue());
  });

  await command(page, "Show History");
  await panel(page, "history").getByText("No run yet").first().waitFor();
  expect(dropped.toSorted()).toEqual(["css", "js"]);
  const looks = await page
    .locator('link[rel="stylesheet"]')
    .evaluateAll((links) => links.map((link) => (link as unknown as { sheet: unknown }).sheet !== null));
  expect(new Set(looks)).toEqual(new Set([true]));
});

/** bubblewrap shows a host another disk, to root too. */
function needsDisk(context: TestContext): string {
  const found = findSandbox();
  if ("missing" in found) context.skip(`needs sandbox: ${found.missing}`);
  return "program" in found ? found.program : "";
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "crusader-withstands-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "data"));
  return folder;
}

async function openAt(address: URL): Promise<Page> {
  const context = await browser().newContext({ viewport: { width: 1440, height: 900 } });
  context.setDefaultTimeout(APPEARS_WITHIN_MS);
  onTestFinished(() => context.close());
  const page = await context.newPage();
  await page.goto(address.href);
  await panel(page, "editor").waitFor();
  return page;
}

/** In place of what the open tab holds. */
async function typeAnew(page: Page, text: string): Promise<void> {
  await panel(page, "editor").locator(".view-lines").click();
  await page.keyboard.press("Control+A");
  await page.keyboard.type(text);
}

test("a full disk: the verdict is kept, and work goes on", async (context) => {
  const program = needsDisk(context);
  const folder = temporaryFolder();
  const size = String(2 * 1024 * 1024);
  const within = [
    program,
    "--die-with-parent",
    "--dev-bind",
    "/",
    "/",
    "--size",
    size,
    "--tmpfs",
    join(folder, "data"),
  ];
  const page = await openAt((await spawnHost(folder, { within })).address);
  await panel(page, "editor")
    .getByRole("button", { name: /^single/ })
    .click();
  await panel(page, "editor").locator(".monaco-editor.focused").waitFor();
  await typeAnew(page, "print");
  await page.keyboard.press("Control+Enter");
  await result(page).getByText("Passed").first().waitFor();
  await simulation(page).getByText("The record is incomplete: The disk is full").waitFor();

  // The log made way for the verdict, and what is left is enough to go on.
  await typeAnew(page, "x = 1");
  await tab(page, "not saved").waitFor();
  await page.keyboard.press("Control+S");
  await tab(page, "not saved").waitFor({ state: "detached" });
  await page.reload();
  await expectShown(page, "x = 1");
  await result(page).getByText("Passed").first().waitFor();
});

test("a disk without room for a file: the window says what to do, and the text stays, and is saved later", async (context) => {
  const program = needsDisk(context);
  const folder = temporaryFolder();
  const submissions = join(folder, "data", "submissions");
  mkdirSync(submissions);
  const room = ["--size", String(16 * 1024), "--tmpfs", submissions];
  const within = [program, "--die-with-parent", "--dev-bind", "/", "/", ...room];
  const page = await openAt((await spawnHost(folder, { within })).address);
  await panel(page, "editor")
    .getByRole("button", { name: /^single/ })
    .click();
  await panel(page, "editor").locator(".monaco-editor.focused").waitFor();
  await typeAnew(page, "small = 1");
  await page.keyboard.press("Control+S");
  await tab(page, "not saved").waitFor({ state: "detached" });

  await page.keyboard.press("Control+End");
  await page.keyboard.insertText(`\n# ${"x".repeat(100)}`.repeat(200));
  await page.keyboard.insertText("\nlast = 1");
  await page.keyboard.press("Control+S");
  await page
    .getByText(/^The disk is full: .*\.py was not written\.$/)
    .first()
    .waitFor();
  await page.getByText("Free some space, then try again. Nothing was lost.").first().waitFor();
  await tab(page, "not saved").waitFor();
  await expectShown(page, "last = 1");

  // Also where the window is closed meanwhile; a smaller text finds room.
  await page.reload();
  await tab(page, "not saved").waitFor();
  await expectShown(page, "# xxx");
  await typeAnew(page, "again = 1");
  await page.keyboard.press("Control+S");
  await tab(page, "not saved").waitFor({ state: "detached" });
  await page.reload();
  await expectShown(page, "again = 1");
});

test("a data folder that may only be read: files and runs are shown, saving and starting say why not", async (context) => {
  const program = needsDisk(context);
  const folder = temporaryFolder();
  const data = join(folder, "data");
  writeRuns(data, 3);
  const first = await spawnHost(folder);
  writeFileSync(join(data, "submissions", "train.py"), "pass");
  const gone = new Promise((resolve) => first.child.once("exit", resolve));
  first.child.kill("SIGKILL");
  await gone;

  const within = [program, "--die-with-parent", "--dev-bind", "/", "/", "--ro-bind", data, data];
  const page = await openAt((await spawnHost(folder, { within })).address);
  await explorerFile(page, "train.py").click();
  await expectShown(page, "pass");
  await panel(page, "editor").locator(".view-lines").click();
  await page.keyboard.type("x");
  await page.keyboard.press("Control+S");
  await page.getByText("train.py was not written: its disk may only be read").first().waitFor();
  await expectShown(page, "x");

  await command(page, "Show History");
  await panel(page, "history").getByText("3 runs").waitFor();
  await panel(page, "history").locator('[data-run="2"]').dblclick();
  await result(page)
    .getByRole("heading", { name: /^Run 2/ })
    .waitFor();
  await page.getByRole("form", { name: "Start a run" }).getByRole("button", { name: "Simulate" }).click();
  await page.getByText("Nothing was started.").first().waitFor();
  await panel(page, "history").getByText("3 runs").waitFor();
});

test("damaged files: something else is used, the old ones are kept aside, and the window says where", async () => {
  let dataFolder = "";
  const damaged = ["annotations.json", "history.db", "settings.json", "workspace.json"];
  const workbench = await start({
    prepare: (folder) => {
      dataFolder = folder;
      writeRuns(folder, 3);
      for (const name of damaged) writeFileSync(join(folder, name), "{ torn ".repeat(1000));
    },
  });
  const page = await workbench.open();
  await command(page, "Show History");
  await panel(page, "history").getByText("3 runs").waitFor();
  await page.getByText("The settings could not be read; the defaults are used").waitFor();
  await page.getByText("The history's index was damaged; it was rebuilt from the runs' folders").waitFor();
  await page.getByText("Tags, notes and the baseline could not be read; they begin empty").waitFor();
  await page.getByText("The list of opened folders could not be read; it begins empty").waitFor();
  const aside = readdirSync(dataFolder).filter((name) => name.includes(".damaged-"));
  expect(aside.map((name) => name.split(".damaged-")[0])).toEqual(damaged);
  for (const name of aside) await page.getByText(join(dataFolder, name)).waitFor();
  expect(workbench.complaints).toEqual([]);
});

test("no Python anywhere: the set-up is offered, and says what it lacks", async () => {
  const env = { PATH: "", CRUSADER_PYTHON: "/nowhere/python" };
  const workbench = await start({ backend: "local", env });
  putFile(workbench, "train.py", "pass");
  const page = await workbench.open();
  await explorerFile(page, "train.py").click();
  const form = page.getByRole("form", { name: "Start a run" });
  const offer = form.getByRole("button", { name: "Make the Python environment (about 1 GB)" });
  await offer.click();
  await page.getByText("/nowhere/python").first().waitFor();
  await offer.waitFor();
  expect(await form.getByRole("button", { name: "Simulate" }).isDisabled()).toBe(true);
});

test("a train.py of 5 MB is scrolled, edited and saved", async () => {
  const workbench = await start();
  const line = "# x = 1 # y = 2 # z = 3 and so on\n";
  const text = `${line.repeat(Math.ceil(5e6 / line.length))}last = 1\n`;
  const file = putFile(workbench, "large.py", text);
  const page = await workbench.open();
  await explorerFile(page, "large.py").click();
  await panel(page, "editor").locator(".monaco-editor.focused").waitFor();
  await page.keyboard.press("Control+End");
  await expectShown(page, "last = 1");
  await page.keyboard.type("added = 2\n");
  await expectShown(page, "added = 2");
  await page.keyboard.press("Control+S");
  await settled(() => readFileSync(file, "utf8") === `${text}added = 2\n`).toBe(true);
  expect(workbench.complaints).toEqual([]);
});

test("a run is shared and opened in another data folder, where it stays another's", async () => {
  const theirs = await start();
  putFile(theirs, "train.py", "pass");
  const there = await theirs.open();
  await simulate(there, "train.py");
  await result(there).getByText("Passed").first().waitFor();
  const downloading = there.waitForEvent("download");
  await result(there).getByRole("button", { name: "Export" }).click();
  const download = await downloading;

  const ours = await start();
  await download.saveAs(join(ours.home, download.suggestedFilename()));
  const page = await ours.open();
  await command(page, "Show History");
  await panel(page, "history").getByRole("button", { name: "Import" }).click();
  await page.getByRole("menuitem", { name: "Import an exported run" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "crusader-run-1.json" }).click();
  const origin = /imported from run 1, \d{4}-\d\d-\d\d/;
  await result(page).getByText(origin).waitFor();
  await result(page).getByText("an imported record: another Crusader measured it").waitFor();
  await simulation(page).getByText(origin).waitFor();
  await panel(page, "history").locator('[data-run="1"]').getByText(origin).waitFor();

  await result(page).getByRole("button", { name: "Show what was judged" }).click();
  await tab(page, "run 1 (imported)").waitFor();
  await expectShown(page, "pass");
  await panel(page, "editor")
    .getByText(/Read-only: another's code, judged by run 1, imported from run 1/)
    .waitFor();
  await page.keyboard.press("Control+Enter");
  await simulation(page).getByText("Run 2").waitFor();
  await result(page).getByText(origin).waitFor();
  await result(page).getByText("Passed").first().waitFor();
  expect(ours.services.store.show("2").plan).toMatchObject({
    sandbox: "bubblewrap",
    submission: { origin: { runId: "1", importedAt: expect.any(String) } },
  });
  expect([theirs.complaints, ours.complaints]).toEqual([[], []]);
});
