/**
 * Container engines in the window: which there are, what a check finds. Machines with GPUs are made (what nvidia-smi prints
 * on them is written from its documentation); one test has the real engine.
 */
import { statSync } from "node:fs";
import type { Page } from "playwright-core";
import { expect, type TestContext, test } from "vitest";
import { bakedIn } from "../../app/common/container-image.ts";
import { answersOfProbe, json, startMadeEngine } from "../../app/main/services/engine/made-engine.ts";
import { BUSY_A100 } from "../../app/main/services/engine/nvidia-samples.ts";
import { findDocker } from "../../scripts/machine.mjs";
import { barriers, command, panel, settled, takePicture } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const { start } = inBrowser();
const docker = findDocker();
const engines = (page: Page) => panel(page, "engines");
const region = (page: Page, name: string) => engines(page).getByRole("region", { name, exact: true });
const finding = (page: Page, id: string) => engines(page).locator(`[data-finding="${id}"]`);

const GIB = 1024 ** 3;
const INFO = {
  ...{ ID: "E", Name: "gpu-box", ServerVersion: "28.2.2", OperatingSystem: "Ubuntu 24.04", Architecture: "x86_64" },
  ...{ NCPU: 128, MemTotal: 1024 * GIB, DockerRootDir: "/var/lib/docker", SecurityOptions: ["name=seccomp"] },
  Runtimes: { nvidia: {}, runc: {} },
};
const REPORT = {
  ...{ version: 1, kernel: "6.8.0", secondsSince1970: 1, user: 900, seccomp: 2, noNewPrivileges: 1, cores: 128 },
  ...{ effectiveCapabilities: "0000000000000000", rootIsReadOnly: true, memlockBytes: 65_536, memoryBytes: 1024 * GIB },
  cgroup: { memoryBytes: 320 * GIB, processes: 4096 },
  folders: {
    "/": { totalBytes: 900 * GIB, freeBytes: 500 * GIB },
    "/dev/shm": { totalBytes: 64 * GIB, freeBytes: 64 * GIB },
  },
  gpuDevices: ["nvidia0", "nvidia1", "nvidia2", "nvidia3"],
  nvidiaSmi: BUSY_A100,
};

const surroundings = (address: string) => ({
  env: { PATH: "", DOCKER_HOST: address, DOCKER_CONFIG: "/no/such/folder" },
});

/** A window whose engine is this one, and whose next run is one of production. */
async function withEngine(output: string | null) {
  const labels: Record<string, string> = {};
  const engine = await startMadeEngine({
    "GET /info": (request, response) => json({ ...INFO, SystemTime: new Date().toISOString() })(request, response),
    "GET /version": json({ Components: [{ Name: "Engine" }] }),
    "GET /images/json": json([]),
    ...answersOfProbe(labels, output),
  });
  const workbench = await start(surroundings(engine.address));
  const profile = "production-2026-04";
  const { resolved } = await workbench.services.hparams.load(profile);
  labels["crusader.profile"] = bakedIn(resolved);
  labels["crusader.source"] = "of another version";
  workbench.services.settings.change({ simulation: { profile, backend: "docker", numRanks: null, repeats: null } });
  return { workbench, asked: engine.asked };
}

test("no engine: what to install is shown and copied; everything works by keyboard", async () => {
  const workbench = await start(surroundings("unix:///no/such.sock"));
  const page = await workbench.open();
  await page.keyboard.press("Control+Shift+7");
  const engine = region(page, "Container engines").getByRole("button", { name: /out of reach default/ });
  await engine.waitFor();
  await region(page, "Container engines").getByText("The container engine does not run").waitFor();
  await region(page, "Engine default").getByText("Not checked yet.").waitFor();

  await region(page, "Engine default").getByRole("button", { name: "Check" }).focus();
  await page.keyboard.press("Enter");
  await finding(page, "reachable").getByText("There is no container engine on this machine").waitFor();
  await finding(page, "reachable").getByText("problem", { exact: true }).waitFor();
  await engines(page).getByText("1 problem stands in the way").first().waitFor();

  await finding(page, "reachable").getByRole("button", { name: "Copy the command for Reachable" }).focus();
  await page.keyboard.press("Enter");
  const clipboard = () => page.evaluate("navigator.clipboard.readText()");
  await settled(clipboard).toMatch(/^sudo apt-get install docker\.io/);
  await engines(page).getByRole("button", { name: "Copy the report" }).click();
  await settled(clipboard).toMatch(
    /^Container engine default \(unix:\/\/\/no\/such\.sock\)\nfor profile rehearsal, 2 ranks/,
  );
  await engines(page).getByRole("button", { name: "Report copied" }).waitFor();
  for (const theme of ["light", "dark", "high contrast"]) {
    await command(page, `Theme: ${theme}`);
    expect(await barriers(page)).toEqual([]);
  }
  expect(workbench.complaints).toEqual([]);
});

test("a machine with GPUs: the table, what is in use, and what to do about it", async () => {
  const { workbench, asked } = await withEngine(`${JSON.stringify(REPORT)}\n`);
  const page = await workbench.open();
  await command(page, "Check the container engine");
  await finding(page, "gpu_busy").getByText("GPU 0 is in use: python (31337) takes 59.8 GiB of its memory").waitFor();
  const rows = region(page, "GPUs").getByRole("table", { name: "GPUs of the engine" }).getByRole("row");
  expect(await rows.nth(1).locator("td, th").allInnerTexts()).toEqual([
    "0",
    "NVIDIA A100-SXM4-80GB",
    "59.8 GiB of 80.0 GiB",
    "in use, 98 %",
    "312 TFLOP/s",
  ]);
  const states = await engines(page)
    .locator("[data-finding]")
    .evaluateAll((lines) =>
      lines.map((line) => `${line.getAttribute("data-finding")} ${line.getAttribute("data-state")}`),
    );
  expect(states.filter((state) => !state.endsWith(" ok"))).toEqual(["image problem", "gpu_busy warning"]);
  await finding(page, "image").getByText("crusader image build --hparams production-2026-04").waitFor();
  expect(asked.filter((call) => call.startsWith("DELETE"))).toEqual([
    "DELETE /containers/ours-probe",
    "DELETE /networks/ours-probe",
  ]);
  await page.setViewportSize({ width: 1280, height: 800 });
  await command(page, "Maximise or restore the panel");
  for (const theme of ["dark", "light"]) {
    await command(page, `Theme: ${theme}`);
    expect(await barriers(page)).toEqual([]);
    await region(page, "Images").scrollIntoViewIfNeeded();
    await takePicture(page, "engines", theme);
  }
  await command(page, "Maximise or restore the panel");

  await command(page, "Show Simulation");
  const form = page.getByRole("form", { name: "Start a run" });
  await form.getByText("Container:").click();
  const boxes = form.getByRole("group", { name: "GPUs: any" }).getByRole("checkbox");
  expect(await boxes.count()).toBe(4);
  await form.getByRole("checkbox", { name: "0 (in use)" }).waitFor();
  await form.getByRole("checkbox", { name: "2", exact: true }).check();
  await form.getByRole("checkbox", { name: "1", exact: true }).check();
  await form.getByRole("group", { name: "GPUs: 1, 2" }).waitFor();
  await form.getByText("GPUs 1, 2, Crusader's judge").waitFor();
  await settled(() => workbench.services.settings.read().settings.simulation.container?.gpus).toEqual([1, 2]);
  expect(await barriers(page)).toEqual([]);
  expect(workbench.complaints).toEqual([]);
});

test("a check that takes long says so, is cancelled, and leaves nothing behind", async () => {
  const { workbench, asked } = await withEngine(null);
  const page = await workbench.open();
  await command(page, "Check the container engine");
  await engines(page).getByText("Looking around in a container").waitFor();
  // What is known is there meanwhile.
  await finding(page, "version").getByText("Docker 28.2.2.").waitFor();
  await settled(() => asked).toContain("GET /containers/c/logs");
  await engines(page).getByRole("button", { name: "Cancel" }).click();
  await engines(page).getByText("Looking around in a container").waitFor({ state: "detached" });
  await settled(() => asked).toEqual(
    expect.arrayContaining(["DELETE /containers/ours-probe", "DELETE /networks/ours-probe"]),
  );
  expect(workbench.complaints).toEqual([]);
});

/** The socket that Docker's engine has on Linux, where one answers there. */
function realEngineOr(context: TestContext): void {
  if ("missing" in docker) context.skip(`needs docker: ${docker.missing}`);
  const isThere = statSync("/var/run/docker.sock", { throwIfNoEntry: false })?.isSocket() === true;
  if (!isThere) context.skip("needs docker: one at /var/run/docker.sock");
}

test("the real engine is found, and looked at from inside with an image of this version", async (context) => {
  realEngineOr(context);
  const image = process.env.CRUSADER_TEST_IMAGE ?? "";
  if (image === "") context.skip("needs docker: CRUSADER_TEST_IMAGE names no image");
  const workbench = await start();
  workbench.services.settings.change({
    simulation: {
      profile: "rehearsal",
      backend: "docker",
      container: { runProfile: "validator", image },
      // No network: making one breaks what a browser has open.
      numRanks: 1,
      repeats: null,
    },
  });
  const page = await workbench.open();
  await command(page, "Check the container engine");
  await finding(page, "probe")
    .getByText(/A container with the validator's flags starts and reports/)
    .waitFor();
  await finding(page, "privileges").getByText("No root, no capability").waitFor();
  await engines(page)
    .getByText(/^Fit for runs/)
    .first()
    .waitFor();
  expect(workbench.complaints).toEqual([]);
});
