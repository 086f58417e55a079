/** The public localnet container in the window, on an engine that answers as it is told; e2e/localnet.test.ts has the rest. */
import type { RequestListener } from "node:http";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { LOCALNET_IMAGE } from "../../app/common/addresses.ts";
import { type Answers, json, startMadeEngine } from "../../app/main/services/engine/made-engine.ts";
import { barriersInEveryTheme, command, panel } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const { start } = inBrowser();
const done: RequestListener = (_request, response) => void response.writeHead(204).end();

const card = (page: Page) => panel(page, "submission").getByRole("region", { name: "Local chain (Docker)" });
const button = (page: Page, name: string) => card(page).getByRole("button", { name });

/** The submit panel for the network local. `DOCKER_HOST` names the engine. */
async function opened(engine: string) {
  const workbench = await start({ env: { PATH: "", DOCKER_HOST: engine } });
  const page = await workbench.open();
  await command(page, "Submit the active file");
  await panel(page, "submission").getByRole("combobox", { name: "Network", exact: true }).click();
  await page.getByRole("option", { name: "local", exact: true }).click();
  return { workbench, page };
}

/** An engine whose image is fetched in two halves, each when it is let; and one container at most. */
async function engineWithoutImage() {
  let hasImage = false;
  let container: "none" | "created" | "running" = "none";
  let isFirstPull = true;
  const goOn = Promise.withResolvers<void>();
  const answers: Answers = {
    "GET /images/": (request, response) =>
      (hasImage ? json({ Id: "sha256:1" }) : json({ message: "no such image" }, 404))(request, response),
    "POST /images/create": async (_request, response) => {
      const layer = (current: number) =>
        `${JSON.stringify({ id: "a", progressDetail: { current, total: 2_000_000_000 } })}\n`;
      response.write(layer(500_000_000));
      // The first one is given up by who asked for it.
      if (isFirstPull) {
        isFirstPull = false;
        return;
      }
      await goOn.promise;
      hasImage = true;
      response.end(layer(2_000_000_000));
    },
    "GET /containers/json": (request, response) =>
      json(
        container === "none" ? [] : [{ Id: "c", Names: ["/crusader-localnet"], Labels: { "crusader.localnet": "1" } }],
      )(request, response),
    "GET /containers/c/json": (request, response) => {
      const Running = container === "running";
      json({ Id: "c", State: { Status: Running ? "running" : "created", Running, ExitCode: 0 } })(request, response);
    },
    "POST /containers/create": (request, response) => {
      container = "created";
      json({ Id: "c" }, 201)(request, response);
    },
    "POST /containers/c/start": (request, response) => {
      container = "running";
      done(request, response);
    },
    "POST /containers/c/stop": done,
    "DELETE /containers/c": (request, response) => {
      container = "none";
      done(request, response);
    },
  };
  const { address, asked } = await startMadeEngine(answers);
  return { address, asked, goOn: goOn.resolve };
}

test("its image is fetched when that is asked, with progress, can be cancelled, and is gone on with; it is stopped with what it leaves", async () => {
  const engine = await engineWithoutImage();
  const { workbench, page } = await opened(engine.address);
  await card(page).getByText("Its image is large, and is not there yet:").waitFor();
  await card(page).getByText(LOCALNET_IMAGE).waitFor();
  expect(engine.asked.filter((call) => !call.startsWith("GET"))).toEqual([]);
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);

  await button(page, "Fetch the image and start it").press("Enter");
  await card(page).getByText("Fetching the image: 476.8 MiB of 1.9 GiB, ").waitFor();
  const bar = card(page).getByRole("progressbar", { name: "Fetching the image of the local chain" });
  expect(await bar.getAttribute("aria-valuenow")).toBe("25");
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);
  await button(page, "Cancel").press("Enter");
  await card(page).getByText("Cancelled. What was fetched is kept; the next start goes on from there.").waitFor();
  expect(engine.asked.some((call) => call.startsWith("POST /containers"))).toBe(false);

  await button(page, "Fetch the image and start it").press("Enter");
  await card(page).getByText("Fetching the image: 476.8 MiB of 1.9 GiB").waitFor();
  engine.goOn();
  await card(page)
    .getByText(/^Runs on the engine default/)
    .waitFor();
  await card(page).getByText("ws://127.0.0.1:9944").waitFor();
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);

  await button(page, "Stop it...").press("Enter");
  await button(page, "Keep it").press("Enter");
  await button(page, "Stop it...").press("Enter");
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);
  await button(page, "Stop and remove it").press("Enter");
  await button(page, "Start the local chain").waitFor();
  expect(engine.asked.filter((call) => call.startsWith("DELETE"))).toEqual(["DELETE /containers/c"]);
  expect(workbench.complaints).toEqual([]);
});

test("where no engine answers it says what it needs, and looks again", async () => {
  const { workbench, page } = await opened("unix:///nowhere/engine.sock");
  await card(page)
    .getByText(/^It needs a container engine of this machine that answers/)
    .waitFor();
  await card(page).getByRole("alert").waitFor();
  await button(page, "Try again").press("Enter");
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);
  await button(page, "Show engines").press("Enter");
  await panel(page, "engines").waitFor();
  expect(workbench.complaints).toEqual([]);
});

test("ports that are taken are said, and nothing is left behind", async () => {
  const message = "driver failed: Bind for 127.0.0.1:9944 failed: port is already allocated";
  const { address, asked } = await startMadeEngine({
    "GET /images/": json({ Id: "sha256:1" }),
    "GET /containers/json": json([]),
    "POST /containers/create": json({ Id: "c" }, 201),
    "POST /containers/c/start": json({ message }, 500),
    "DELETE /containers/c": done,
  });
  const { workbench, page } = await opened(address);
  await button(page, "Start the local chain").press("Enter");
  await card(page).getByText("Something else listens on port 9944 or 9945 of this machine.").waitFor();
  await button(page, "Start the local chain").waitFor();
  expect(asked).toContain("DELETE /containers/c");
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);
  expect(workbench.complaints).toEqual([]);
});
