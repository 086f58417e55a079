/** The submit panel's URL: what is wrong with it, what lies there, and publishing the file as a secret gist. */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { type MadeGitHub, makeGitHub } from "../../app/main/services/hosting/made-github.ts";
import { barriersInEveryTheme, command, explorerFile, panel, putFile } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const CODE = "def inner_steps():\n    pass\n";
const TOKEN = "ghp_planted0123456789";

const { start } = inBrowser();

const url = (page: Page) => panel(page, "submission").getByRole("region", { name: "URL", exact: true });
const button = (page: Page, name: string) => url(page).getByRole("button", { name, exact: true });

/** A workbench whose GitHub, and whose internet, are this test's: every name is the host of the gists. */
async function opened() {
  const gitHub: MadeGitHub = await makeGitHub({ [TOKEN]: "ann" });
  onTestFinished(gitHub.close);
  const serve = (path: string, response: ServerResponse) => {
    const gist = gitHub.gists.get(path.split("/")[2] ?? "");
    if (gist === undefined) response.writeHead(404).end();
    else response.end(Object.values(gist.files)[0]);
  };
  const host = createServer((request, response) => serve(request.url ?? "", response)).listen(0, "127.0.0.1");
  await once(host, "listening");
  onTestFinished(() => void host.close());
  const workbench = await start({
    gitHubAddress: gitHub.address,
    fetchNetwork: { resolve: async () => ["93.184.215.14"], reach: () => "127.0.0.1" },
  });
  const { port } = host.address() as AddressInfo;
  putFile(workbench, "train.py", CODE);
  const page = await workbench.open();
  await explorerFile(page, "train.py").click();
  await command(page, "Submit the active file");
  return { workbench, page, gitHub, address: (path: string) => `http://gists.example:${port}${path}` };
}

/** Away from the practice network, which has a host of its own; nothing listens there. */
async function onLocal(page: Page): Promise<void> {
  await panel(page, "submission").getByRole("combobox", { name: "Network", exact: true }).click();
  await page.getByRole("option", { name: /^local/ }).click();
}

test("a URL is read while it is typed; what lies there is looked at; the file is published as a secret gist", async () => {
  const { workbench, page, gitHub, address } = await opened();
  await onLocal(page);
  const field = url(page).getByRole("textbox", { name: "URL" });
  await field.fill("https://github.com/ann/x/blob/main/train.py");
  await url(page).getByText("The miner takes a URL with /blob/").waitFor();
  await field.fill(`https://code.example/${"x".repeat(80)}`);
  await url(page).getByText("The URL is 21 bytes too long for a commitment: shorten it.").waitFor();

  await field.fill(address("/ann/none"));
  await button(page, "Look what lies there").click();
  await url(page).getByText("answered 404: nothing is there, or not for everybody.").waitFor();

  expect(await button(page, "Publish as a secret gist").isDisabled()).toBe(true);
  await url(page).getByText("GitHub token: none").click();
  await url(page).getByLabel("Token", { exact: true }).fill(TOKEN);
  await button(page, "Keep the token").click();
  await url(page).getByText("GitHub token: kept").waitFor();
  await button(page, "Publish as a secret gist").click();
  await expect.poll(() => gitHub.gists.size).toBe(1);
  const [[id, gist] = ["", null]] = gitHub.gists;
  expect(gist).toEqual({ owner: "ann", public: false, description: "", files: { "train.py": CODE } });
  await expect.poll(() => field.inputValue()).toBe(`https://gist.github.com/ann/${id}`);

  // The same gist, where this test's host serves it.
  await field.fill(address(`/ann/${id}`));
  await button(page, "Look what lies there").click();
  await url(page).getByText("train.py lies there as it is").waitFor();
  gitHub.gists.set(id, { owner: "ann", public: false, description: "", files: { "train.py": `${CODE}#` } });
  await button(page, "Look what lies there").click();
  await url(page).getByText("is not the file that was judged").waitFor();

  await field.fill(`https://gist.github.com/ann/${id}`);
  await button(page, "Replace the gist's file").click();
  await expect.poll(() => gitHub.gists.get(id)?.files).toEqual({ "train.py": CODE });
  await url(page).getByText("Other hosts").click();
  await url(page).getByText("gh gist create train.py").waitFor();
  expect(await page.content()).not.toContain(TOKEN);
  expect(await barriersInEveryTheme(workbench, page)).toEqual([]);
  expect(workbench.complaints).toEqual([]);
});
