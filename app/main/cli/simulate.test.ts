import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { simulateCommand } from "./simulate.ts";

const LAUNCHER = fileURLToPath(new URL("../../../bin/crusader.mjs", import.meta.url));
const SILENT = { write: () => true };

test("help says where a file can be judged, and which options belong to which place", async () => {
  let help = "";
  const stdout = { write: (part: string) => (help += part) };
  expect(await simulateCommand(["--help"], { stdout, stderr: SILENT })).toBe(0);
  const backends = [...help.matchAll(/^ {25}(\w+) /gm)].map(([, name]) => name);
  const sections = [...help.matchAll(/^(\w+):\n((?: {2}.*\n)+)/gm)].map(([, name, lines = ""]) => [
    name,
    [...lines.matchAll(/^ {2}(--[\w-]+)/gm)].map(([, option]) => option),
  ]);
  expect([backends, Object.fromEntries(sections)]).toMatchObject([
    ["local", "docker", "evalServer"],
    {
      local: ["--no-sandbox"],
      docker: expect.arrayContaining([
        "--engine",
        "--run-profile",
        "--gpus",
        "--image",
        "--print-command",
        "--write-order",
      ]),
      evalServer: ["--server"],
    },
  ]);
});

test.each([
  [
    ["--backend", "docker", "--no-sandbox"],
    "--no-sandbox is for --backend local: what a container keeps in, it always does.",
  ],
  [
    ["--server", "box", "--no-sandbox"],
    "--no-sandbox is for --backend local: what a container keeps in, it always does.",
  ],
  [["--write-order", "order.json"], "--write-order needs --backend docker."],
  [["--gpus", "0"], "--gpus needs --backend docker."],
  [["--backend", "docker", "--image=--privileged"], '--image takes the name of an image, not "--privileged".'],
])("%j is wrong use", async (options, message) => {
  const wrong = simulateCommand(["train.py", ...options], { stdout: SILENT, stderr: SILENT });
  await expect(wrong).rejects.toMatchObject({ code: "usage", message });
});

test("the order is written for the commands, for its owner only, and over nothing", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "crusader-order-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(path.join(folder, "train.py"), "pass");
  const write = () =>
    spawnSync(
      process.execPath,
      [LAUNCHER, "simulate", "train.py", "--backend", "docker", "--seed", "s", "--write-order", "order.json"],
      {
        cwd: folder,
        encoding: "utf8",
        env: { ...process.env, CRUSADER_HOME: path.join(folder, "data"), NO_COLOR: "1" },
      },
    );
  const { status, stdout } = write();
  const file = path.join(folder, "order.json");
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^docker .* < order\.json$/m)]);
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
    source: Buffer.from("pass").toString("base64"),
    seed: "s",
    sandbox: { kind: "container" },
  });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const again = write();
  expect([again.status, again.stdout, again.stderr]).toEqual([
    2,
    "",
    expect.stringContaining("order.json is there already."),
  ]);
});
