/** Runs in containers and on evaluation servers, from the window: a real engine, and a server that keeps to section 6. */

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import { createServices } from "../../app/main/router/services.ts";
import { markerOf } from "../../app/main/services/simulation/marked-processes.ts";
import { prepareScriptedImage, SCRIPTED_IMAGE } from "../../app/main/services/simulation/scripted-image.ts";
import { startSocketProxy } from "../../app/main/services/simulation/socket-proxy.ts";
import { passedResult, ServerDouble } from "../eval-server-double.ts";
import { barriers, command, explorerFile, panel, putFile, settled, type Workbench } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const RUN_TIMEOUT_MS = 180_000;
const { browser, spawnHost, start } = inBrowser();
const prepared = prepareScriptedImage();

const form = (page: Page) => page.getByRole("form", { name: "Start a run" });
const simulation = (page: Page) => panel(page, "simulation");
const servers = (page: Page) => panel(page, "servers");
const log = (page: Page) => simulation(page).locator(".xterm-rows");

type Docker = (...args: string[]) => string;

/** Skips where there is no engine. */
function dockerOr(context: TestContext): Docker {
  if ("missing" in prepared) return context.skip(`needs docker: ${prepared.missing}`);
  const { docker } = prepared;
  return (...args) => execFileSync(docker, args, { encoding: "utf8", stdio: "pipe" }).trim();
}

/** This data folder's containers, removed at the end of the test. */
function containersOf(docker: Docker, dataFolder: string) {
  const [home = ""] = markerOf(dataFolder, "1", 0).split(".");
  const list = (...args: string[]) =>
    docker(...args, "--format", "{{.ID}}", "--filter", `label=crusader.home=${home}`)
      .split("\n")
      .filter(Boolean);
  const ids = () => list("ps", "--all");
  onTestFinished(() => {
    for (const id of ids()) docker("rm", "--force", id);
    for (const id of list("network", "ls")) docker("network", "rm", id);
  });
  return {
    ids,
    /** Lets a judge that waits go on. */
    letGoOn: (run = "1") => docker("exec", "--user", "appuser", `crusader-${home}-${run}-0`, "touch", "/tmp/go"),
  };
}

const IN_A_CONTAINER = {
  profile: "rehearsal",
  backend: "docker",
  container: { engine: "default", runProfile: "validator", image: SCRIPTED_IMAGE },
  numRanks: 1,
  repeats: null,
} as const;

async function openFile(page: Page, name: string): Promise<void> {
  await explorerFile(page, name).click();
  await panel(page, "editor").locator(".monaco-editor.focused").waitFor();
}

async function choosePlace(page: Page, name: string): Promise<void> {
  await form(page).getByRole("combobox", { name: "Runs on" }).click();
  await page.getByRole("option", { name, exact: true }).click();
}

test("a container is chosen, remembered and run in; the page may close, and a cancel says what it removed", {
  timeout: RUN_TIMEOUT_MS,
}, async (context) => {
  const docker = dockerOr(context);
  const workbench = await start();
  const { services } = workbench;
  const { ids } = containersOf(docker, services.dataFolder);
  putFile(workbench, "train.py", "polite");
  const page = await workbench.open();
  await openFile(page, "train.py");

  await choosePlace(page, "Engine: default");
  // The scripted judge's image is none of the profile's.
  await form(page)
    .getByText("has no image crusader/rehearsal")
    .or(form(page).getByText("does not fit"))
    .first()
    .waitFor();
  await form(page).getByRole("button", { name: "Build image" }).waitFor();
  await form(page).getByRole("button", { name: "Check engine" }).waitFor();
  await form(page).getByText("Validator: isolated, crusader/rehearsal").click();
  await form(page).getByRole("textbox", { name: "Image" }).fill(SCRIPTED_IMAGE);
  await form(page).getByText(`Validator: isolated, ${SCRIPTED_IMAGE}`).waitFor();
  await form(page).getByText(`in the image ${SCRIPTED_IMAGE}, not the profile's own`).waitFor();
  await form(page).getByRole("combobox", { name: "Flags of the container" }).click();
  await page.getByRole("option", { name: "Public simulator" }).click();
  await form(page).getByText("the machine's memory segments are shared").waitFor();
  await form(page).getByRole("combobox", { name: "Flags of the container" }).click();
  await page.getByRole("option", { name: "Validator: isolated" }).click();
  await page.getByRole("combobox", { name: "Ranks of the next run" }).click();
  await page.getByRole("option", { name: "1 rank" }).click();
  await settled(() => services.settings.read().settings.simulation).toEqual(IN_A_CONTAINER);
  await page.getByRole("contentinfo").getByText("container (default)").waitFor();

  await form(page).getByRole("button", { name: "Simulate" }).click();
  await simulation(page).getByText("Goes on when Crusader is closed").waitFor();
  const preparing = (shown: Page) => simulation(shown).getByRole("row", { name: /prepare.*running/i });
  await preparing(page).waitFor();
  await page.close();
  expect(ids()).toHaveLength(1);

  const later = await workbench.open();
  await preparing(later).waitFor();
  await panel(later, "result").getByText("Running").waitFor();
  await command(later, "Maximise or restore the panel");
  await panel(later, "result").waitFor({ state: "hidden" });
  expect(await barriers(later)).toEqual([]);
  await command(later, "Maximise or restore the panel");
  await panel(later, "result").waitFor();
  expect(await barriers(later)).toEqual([]);
  await simulation(later).getByRole("button", { name: "Cancel", exact: true }).click();
  await simulation(later)
    .getByText(/^Removed: container crusader-\S+-1-0\.$/)
    .waitFor();
  expect([ids(), workbench.complaints]).toEqual([[], []]);
});

test("the host killed in mid-run finds its container again, also while the engine is out of reach", {
  timeout: RUN_TIMEOUT_MS,
}, async (context) => {
  const docker = dockerOr(context);
  const folder = mkdtempSync(join(tmpdir(), "crusader-reattach-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const dataFolder = join(folder, "data");
  const { letGoOn } = containersOf(docker, dataFolder);
  const prepare = createServices({ dataFolder, home: folder });
  prepare.settings.change({ simulation: IN_A_CONTAINER });
  const { id: folderId } = prepare.workspace.openDefaultFolder();
  writeFileSync(prepare.workspace.place({ folderId, name: "train.py" }), "wait");
  await prepare.close();

  const engine = await startSocketProxy();
  const env = { DOCKER_HOST: engine.address };
  const { child, address } = await spawnHost(folder, { env });
  const browserContext = await browser().newContext({ viewport: { width: 1440, height: 900 } });
  onTestFinished(() => browserContext.close());
  const page = await browserContext.newPage();
  await page.goto(address.href);
  await openFile(page, "train.py");
  await form(page).getByRole("button", { name: "Simulate" }).click();
  await command(page, "Show Simulation");
  await command(page, "Maximise or restore the panel");
  await log(page).getByText("launched as appuser, judge judge").waitFor();

  child.kill("SIGKILL");
  await once(child, "exit");
  await engine.close();
  const port = Number(address.port);
  await spawnHost(folder, { port, env });
  await page.getByText("connected", { exact: true }).waitFor();
  await simulation(page).getByText("Re-attaching").first().waitFor();
  await page.getByRole("contentinfo").getByText("re-attaching").waitFor();
  await engine.open();
  await simulation(page).getByText("Re-attaching").first().waitFor({ state: "detached" });

  await engine.close();
  await simulation(page).getByText("It is tried again, and the run goes on there.").waitFor();
  await page.getByRole("contentinfo").getByText("connection lost, trying again; the run goes on there").waitFor();
  await command(page, "Maximise or restore the panel");
  expect(await barriers(page)).toEqual([]);
  await command(page, "Maximise or restore the panel");
  await engine.open();
  letGoOn();
  await log(page).getByText("after", { exact: true }).waitFor();
  await simulation(page).getByText("Passed").first().waitFor();
});

test("a real rehearsal in a container, judged in the image of this version", {
  timeout: RUN_TIMEOUT_MS,
}, async (context) => {
  const docker = dockerOr(context);
  const image = process.env.CRUSADER_TEST_IMAGE ?? "";
  if (image === "") context.skip("needs docker: CRUSADER_TEST_IMAGE names no image");
  const workbench = await start();
  const { ids } = containersOf(docker, workbench.services.dataFolder);
  workbench.services.settings.change({
    simulation: { ...IN_A_CONTAINER, container: { ...IN_A_CONTAINER.container, image } },
  });
  putFile(
    workbench,
    "train.py",
    readFileSync(fileURLToPath(new URL("../../templates/single.py", import.meta.url)), "utf8"),
  );
  const page = await workbench.open();
  await openFile(page, "train.py");
  await page.keyboard.press("Control+Enter");
  await simulation(page)
    .getByRole("row", { name: /timed.*running/i })
    .waitFor({ timeout: RUN_TIMEOUT_MS });
  await page.close();
  const later = await workbench.open();
  await panel(later, "result").getByText("Passed").first().waitFor({ timeout: RUN_TIMEOUT_MS });
  await panel(later, "result").getByText("a rehearsal: a small model on CPU ranks").waitFor();
  expect([ids(), workbench.complaints]).toEqual([[], []]);
});

test("the commands of a run are shown and copied, and its order saved", async (context) => {
  dockerOr(context);
  const workbench = await start();
  workbench.services.settings.change({ simulation: { ...IN_A_CONTAINER, numRanks: 2 } });
  putFile(workbench, "train.py", "pass");
  const page = await workbench.open();
  await openFile(page, "train.py");
  await command(page, "Show the docker commands of the run");
  const dialog = page.getByRole("dialog", { name: "train.py without Crusader" });
  await dialog.getByText("docker network create --internal crusader-by-hand").waitFor();
  expect(await barriers(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Copy the commands" }).click();
  await dialog.getByRole("button", { name: "Copied the commands" }).waitFor();
  const copied = await page.evaluate<string>("navigator.clipboard.readText()");
  expect(copied).toMatch(/^docker network create [\s\S]* < order\.json\n[\s\S]*docker network rm crusader-by-hand\n$/);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    dialog.getByRole("button", { name: "Save order.json" }).click(),
  ]);
  const order = JSON.parse(readFileSync(await download.path(), "utf8"));
  expect([download.suggestedFilename(), order]).toMatchObject([
    "order.json",
    { runId: "by-hand", numRanks: 2, source: Buffer.from("pass").toString("base64"), sandbox: { kind: "container" } },
  ]);
  await dialog.getByText(/^crusader simulate train\.py .* --write-order order\.json$/).waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  expect(workbench.complaints).toEqual([]);
});

const TOKEN = "a-token-that-nobody-may-see";

async function serverDouble(): Promise<ServerDouble> {
  const server = await ServerDouble.start();
  onTestFinished(() => server.close());
  server.token = TOKEN;
  return server;
}

const savedServers = ({ services }: Workbench) => services.servers.list();

test("by keyboard alone: a server is named, checked, judged on, edited and removed", {
  timeout: RUN_TIMEOUT_MS,
}, async () => {
  const server = await serverDouble();
  server.onJob = (id, request) => server.end(id, passedResult(request));
  const workbench = await start();
  putFile(
    workbench,
    "train.py",
    readFileSync(fileURLToPath(new URL("../../templates/fsdp.py", import.meta.url)), "utf8"),
  );
  const page = await workbench.open();
  await command(page, "Show Evaluation servers");
  await servers(page).getByText("No evaluation server yet").waitFor();
  await servers(page).getByText("EVAL_AUTH_TOKEN").first().waitFor();
  expect(await barriers(page)).toEqual([]);

  await command(page, "Add an evaluation server");
  const dialog = page.getByRole("dialog", { name: "Add an evaluation server" });
  await dialog.getByRole("textbox", { name: "Name" }).and(page.locator(":focus")).waitFor();
  await page.keyboard.type("my box");
  await dialog.getByText("A name has up to 40 letters").waitFor();
  await page.keyboard.press("Control+A");
  await page.keyboard.type("box");
  await page.keyboard.press("Tab");
  await page.keyboard.type("http://box.example:8000");
  await dialog.getByText("Plain http to another machine").waitFor();
  await page.keyboard.press("Control+A");
  await page.keyboard.type(server.address);
  await dialog.getByText("Plain http to another machine").waitFor({ state: "detached" });
  await page.keyboard.press("Tab");
  await page.keyboard.type(TOKEN);
  expect(await barriers(page)).toEqual([]);
  await page.keyboard.press("Enter");
  const row = servers(page).locator('[data-server="box"]');
  await row.getByText("kept").waitFor();
  expect(savedServers(workbench)).toEqual([{ name: "box", address: server.address, isPlain: false, hasToken: true }]);

  await command(page, "Check the evaluation servers");
  await row.getByText(/^in \d+ ms$/).waitFor();
  await row.getByRole("button", { name: "Use box for the next run" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("contentinfo").getByText("server box").waitFor();
  await command(page, "Show Simulation");
  // A rehearsal is none of a server's: that is said, with what to do.
  await openFile(page, "train.py");
  await form(page).getByText("A rehearsal runs on CPU ranks").waitFor();
  await page.getByRole("combobox", { name: "Profile of the next run" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("option", { name: "production-3b", exact: true }).waitFor();
  const names = await page.getByRole("option").allTextContents();
  for (let down = names.indexOf("production-3b") - names.indexOf("rehearsal"); down !== 0; down -= Math.sign(down)) {
    await page.keyboard.press(down > 0 ? "ArrowDown" : "ArrowUp");
  }
  await page.keyboard.press("Enter");
  await form(page).getByText("measured and reported by an evaluation server").waitFor();
  await page.keyboard.press("Control+Enter");
  await panel(page, "result").getByText("Passed").first().waitFor();
  expect(
    server.requests
      .filter(({ route }) => route === "evaluate")
      .every(({ authorization }) => authorization === `Bearer ${TOKEN}`),
  ).toBe(true);

  await command(page, "Show Evaluation servers");
  await row.getByRole("button", { name: "Edit box" }).focus();
  await page.keyboard.press("Enter");
  const edit = page.getByRole("dialog", { name: "Edit the server box" });
  expect(await edit.getByLabel("Token", { exact: true }).inputValue()).toBe("");
  await edit.getByPlaceholder("A token is kept; leave it empty to keep it").waitFor();
  await edit.getByRole("textbox", { name: "Address" }).fill(`${server.address}/other`);
  await edit.getByText("The token that is kept belongs to the old address").waitFor();
  await edit.getByRole("textbox", { name: "Address" }).fill(server.address);
  await page.keyboard.press("Enter");
  await edit.waitFor({ state: "detached" });
  expect(savedServers(workbench)[0]?.hasToken).toBe(true);

  await row.getByRole("button", { name: "Remove box" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Remove the server box" }).getByRole("button", { name: "Remove box" }).focus();
  await page.keyboard.press("Enter");
  await servers(page).getByText("No evaluation server yet").waitFor();
  expect([savedServers(workbench), workbench.complaints]).toEqual([[], []]);
});

test("a job that waits on a server outlives the host, and a cancel says that the server takes none", {
  timeout: RUN_TIMEOUT_MS,
}, async () => {
  const server = await serverDouble();
  const workbench = await start();
  const { services } = workbench;
  services.servers.add({ name: "box", address: server.address }, TOKEN);
  services.settings.change({
    simulation: { profile: "production-3b", backend: "evalServer", server: "box", numRanks: null, repeats: 1 },
  });
  putFile(
    workbench,
    "train.py",
    readFileSync(fileURLToPath(new URL("../../templates/fsdp.py", import.meta.url)), "utf8"),
  );
  const page = await workbench.open();
  await openFile(page, "train.py");
  await page.keyboard.press("Control+Enter");
  await simulation(page).getByText("Goes on when Crusader is closed").waitFor();
  await server.until(() => server.count("status") > 0);
  await simulation(page).getByRole("button", { name: "Cancel", exact: true }).click();
  await simulation(page)
    .getByText(/takes no cancel: job \S+ goes on there until it ends\./)
    .waitFor();
  expect(workbench.complaints).toEqual([]);
});
