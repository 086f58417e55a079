/** Images in the window, built by a real engine; only what is built is small: the docker command puts it into the context. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import { BUSYBOX_IMAGE, prepareBusyboxImage } from "../../app/main/services/images/busybox-image.ts";
import { barriers, command, panel, settled, type Workbench } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const PROFILE = fileURLToPath(new URL("../../hparams/production-3b.json", import.meta.url));
const TOKEN = "hf_plantedPLANTED";
const { start } = inBrowser();
const images = (page: Page) => panel(page, "engines").getByRole("region", { name: "Images", exact: true });
const prepared = prepareBusyboxImage();

/** A profile that no other test builds for; the hub, one of the test's, knows no such model, which stands in the way. */
async function startWith(context: TestContext) {
  if ("missing" in prepared) return context.skip(`needs docker: ${prepared.missing}`);
  const { docker } = prepared;
  const folder = mkdtempSync(join(tmpdir(), "crusader-images-window-"));
  const model = `tests/window-${process.pid}`;
  const reference = `crusader/production:tests-window-${process.pid}`;
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
    spawnSync(docker, ["image", "rm", "--force", reference]);
  });
  const script = `case "$*" in *"build --progress"*) for context; do :; done; cp "$(dirname "$0")/Dockerfile" "$context/Dockerfile" ;; esac`;
  writeFileSync(join(folder, "docker"), `#!/bin/sh\n${script}\nexec ${docker} "$@"\n`);
  chmodSync(join(folder, "docker"), 0o755);
  const put = (...steps: string[]) => {
    const labels =
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the Dockerfile's own
      'ARG PROFILE=""\nARG PACKAGES=""\nARG SOURCE=""\nLABEL crusader.profile="${PROFILE}" crusader.packages="${PACKAGES}" crusader.source="${SOURCE}"';
    writeFileSync(join(folder, "Dockerfile"), [`FROM ${BUSYBOX_IMAGE}`, ...steps, labels, ""].join("\n"));
  };
  const hub = createServer((_request, response) => response.writeHead(404).end());
  await new Promise<void>((resolve) => hub.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void hub.close());
  const workbench = await start({
    hubAddress: `http://127.0.0.1:${(hub.address() as AddressInfo).port}`,
    env: {
      ...process.env,
      PATH: [folder, process.env.PATH].join(delimiter),
      DOCKER_HOST: "unix:///var/run/docker.sock",
    },
    prepare: (dataFolder) => {
      mkdirSync(join(dataFolder, "hparams"));
      const profile = { ...JSON.parse(readFileSync(PROFILE, "utf8")), benchmark_model_name: model };
      delete profile.benchmark_tokenizer_name;
      writeFileSync(join(dataFolder, "hparams", "window.json"), JSON.stringify(profile));
    },
  });
  workbench.services.settings.change({
    simulation: { profile: "window", backend: "scripted", numRanks: null, repeats: null },
  });
  const ids = () => execFileSync(docker, ["image", "ls", "--quiet", reference], { encoding: "utf8" }).trim();
  return { workbench, put, reference, ids };
}

async function openImages(workbench: Workbench): Promise<Page> {
  const page = await workbench.open();
  await command(page, "Show Engines");
  await images(page).getByRole("button", { name: "Build image" }).waitFor();
  return page;
}

test("an image is checked, built with progress, cancelled, gone on with, shown and removed", async (context) => {
  const { workbench, put, reference, ids } = await startWith(context);
  const page = await openImages(workbench);
  put(`RUN echo ${process.pid}`, `RUN sleep 10${process.pid}`);
  await images(page).getByRole("button", { name: "Build image" }).click();
  const problem = images(page).locator('[data-finding="model"][data-state="problem"]');
  await problem.getByText("is not on the Hugging Face hub, or hidden").waitFor();
  await images(page).getByText("Not built: what is above stands in the way.").waitFor();
  expect(ids()).toBe("");

  await images(page).getByRole("button", { name: "Build anyway" }).click();
  const build = images(page).getByRole("region", { name: "Build", exact: true });
  await build.getByText(`RUN sleep 10${process.pid}`).waitFor();
  // How many there are is counted in the Dockerfile that was there before the command put in its own.
  await build.getByText(/^Step 3 of \d+$/).waitFor();
  await build.getByRole("progressbar", { name: `Build of ${reference}` }).waitFor();
  await build.getByText("What the builder says").click();
  await build
    .getByRole("region", { name: "Log of the build" })
    .getByText(`RUN sleep 10${process.pid}`)
    .first()
    .waitFor();
  for (const theme of ["light", "dark", "high contrast"]) {
    await command(page, `Theme: ${theme}`);
    expect(await barriers(page)).toEqual([]);
  }
  await build.getByRole("button", { name: "Cancel" }).click();
  await build.getByText(`Cancelled: ${reference} on default`).waitFor();
  expect(ids()).toBe("");

  put(`RUN echo ${process.pid}`, "RUN echo whole");
  await images(page).getByRole("button", { name: "Build anyway" }).click();
  await build.getByText(`Built: ${reference} on default`).waitFor();
  await build.getByText("1 step was kept from an earlier build.").waitFor();
  await build.getByRole("button", { name: "Copy the log" }).click();
  await settled(() => page.evaluate("navigator.clipboard.readText()")).toMatch(/RUN echo whole/);
  const row = images(page).getByRole("row").filter({ hasText: reference });
  await row.getByText("window", { exact: true }).waitFor();

  await row.getByRole("button", { name: `Remove ${reference}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove the image" }).click();
  await row.waitFor({ state: "detached" });
  expect(ids()).toBe("");
  expect(workbench.complaints).toEqual([]);
});

test("a build that fails says why, and a token is kept and told by nothing", async (context) => {
  const { workbench, put } = await startWith(context);
  const page = await openImages(workbench);
  await images(page).getByText("Hugging Face token: none").click();
  const form = images(page).getByRole("form", { name: "Hugging Face token" });
  await form.getByLabel("Token").fill(TOKEN);
  await form.getByRole("button", { name: "Keep the token" }).click();
  await images(page).getByText("Hugging Face token: kept").waitFor();
  expect(workbench.services.images.hasToken()).toBe(true);

  put(`RUN --mount=type=secret,id=hf_token cat /run/secrets/hf_token; echo ${process.pid}; exit 3`);
  await images(page).getByRole("button", { name: "Build image" }).click();
  await images(page).getByRole("button", { name: "Build anyway" }).click();
  const build = images(page).getByRole("region", { name: "Build", exact: true });
  await build.getByText("The image could not be built.").waitFor();
  await build.getByText("Details").click();
  await build.getByText("What the builder says").click();
  await build.getByRole("region", { name: "Log of the build" }).getByText("ERROR").first().waitFor();
  expect((await page.content()).includes(TOKEN)).toBe(false);
  await form.getByRole("button", { name: "Forget the token" }).click();
  await images(page).getByText("Hugging Face token: none").waitFor();
});
