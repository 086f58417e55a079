/** `crusader gist` against a double of GitHub's API. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { gistCommand } from "../app/main/cli/gist.ts";
import { makeGitHub } from "../app/main/services/hosting/made-github.ts";

const TOKEN = "ghp_planted0123456789";
const CODE = "def inner_steps():\n    pass\n";

async function bench() {
  const folder = mkdtempSync(join(tmpdir(), "crusader-gist-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const gitHub = await makeGitHub({ [TOKEN]: "ann" });
  onTestFinished(gitHub.close);
  const data = join(folder, "data");
  const file = join(folder, "train.py");
  writeFileSync(file, CODE);
  writeFileSync(join(folder, "token"), `${TOKEN}\n`);
  const gist = async (...args: string[]) => {
    let said = "";
    const write = (text: string) => {
      said += text;
    };
    const surroundings = { env: { PATH: "", CRUSADER_HOME: data }, gitHubAddress: gitHub.address };
    return [await gistCommand(args, { stdout: { write }, stderr: { write } }, surroundings), said];
  };
  return { gist, gitHub, data, file, tokenFile: join(folder, "token") };
}

test("a file is published with the token that is kept, and another put in its place", async () => {
  const { gist, gitHub, data, file, tokenFile } = await bench();
  expect(await gist("token")).toEqual([0, "No GitHub token is kept.\n"]);
  await expect(gist("publish", file)).rejects.toMatchObject({
    code: "usage",
    message: "There is no token for GitHub.",
  });
  expect(await gist("token", "--token-file", tokenFile)).toEqual([0, "A GitHub token is kept.\n"]);
  const [code, url] = await gist("publish", file, "--description", "MFU");
  const [id = ""] = [...gitHub.gists.keys()];
  expect([code, url]).toEqual([0, `https://gist.github.com/ann/${id}\n`]);
  writeFileSync(file, `${CODE}#`);
  expect(await gist("publish", file, "--replace", String(url).trim())).toEqual([0, url]);
  const kept = { owner: "ann", public: false, description: "", files: { "train.py": `${CODE}#` } };
  expect([...gitHub.gists]).toEqual([[id, kept]]);
  const holders = readdirSync(data).filter((name) => readFileSync(join(data, name), "utf8").includes(TOKEN));
  expect(holders).toEqual(["secrets.json"]);
  expect(await gist("token", "--forget", "--json")).toEqual([0, '{\n  "hasToken": false\n}\n']);
});

test("wrong use says how", async () => {
  const { gist, file } = await bench();
  const hint = "`crusader gist --help` shows how.";
  await expect(gist()).rejects.toMatchObject({ code: "usage", message: "Say what to do with gists." });
  await expect(gist("paint")).rejects.toMatchObject({ code: "usage", message: "There is no `crusader gist paint`." });
  await expect(gist("publish")).rejects.toMatchObject({ code: "usage", message: "Name one file to publish.", hint });
  await expect(gist("publish", `${file}x`)).rejects.toMatchObject({ code: "not_found" });
  await expect(gist("publish", file, "--replace", "../x")).rejects.toMatchObject({
    code: "usage",
    message: "--replace takes the id or the URL of a gist.",
  });
});
