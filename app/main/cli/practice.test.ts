import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { crusader } from "./crusader-for-tests.ts";
import { EXIT } from "./io.ts";

const LAUNCHER = fileURLToPath(new URL("../../../bin/crusader.mjs", import.meta.url));
const ADDRESS = expect.stringMatching(/^5[1-9A-HJ-NP-Za-km-z]{46,47}$/);

let home = "";

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "crusader-practice-cli-"));
  vi.stubEnv("CRUSADER_HOME", home);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(home, { recursive: true });
  });
});

const practice = (...args: string[]) => crusader("practice", ...args);

test("a process of its own runs it; others use it, make a miner, publish, and stop it", async () => {
  const owner = spawn(process.execPath, [LAUNCHER, "practice", "start", "--block-time", "0.25", "--json"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void owner.kill("SIGKILL"));
  let said = "";
  owner.stderr.on("data", (text: Buffer) => {
    said += text;
  });
  const ended = once(owner, "exit");
  let printed = "";
  // The answer is JSON of several lines; the last one closes it.
  for await (const line of createInterface(owner.stdout)) {
    printed += line;
    if (line === "}") break;
  }
  expect(JSON.parse(printed)).toMatchObject({ state: "running", isOwn: true, secondsPerBlock: 0.25, netuid: 3 });

  const status = await practice("status");
  expect(status).toEqual({
    exitCode: EXIT.passed,
    stdout: expect.stringMatching(
      /^The practice network runs at ws:\/\/127\.0\.0\.1:\d+: block \d+, final up to \d+, 0\.25 s a block, netuid 3\n$/,
    ),
    stderr: "",
  });
  expect(await practice("start")).toMatchObject({
    exitCode: EXIT.environment,
    stderr: "Another process of Crusader runs it already.\n",
  });
  const miner = await practice("miner", "newcomer", "--json");
  expect(JSON.parse(miner.stdout)).toEqual({
    wallet: "newcomer",
    hotkey: "miner",
    hotkeyAddress: ADDRESS,
    coldkeyAddress: ADDRESS,
    uid: 2,
  });
  const file = join(home, "train.py");
  writeFileSync(file, "def inner_steps(): ...\n");
  const { stdout: url } = await practice("publish", file);
  expect(await (await fetch(url.trim())).text()).toBe("def inner_steps(): ...\n");

  const stopped = "The practice network is stopped; its chain is kept.\n";
  expect(await practice("stop")).toMatchObject({ exitCode: EXIT.passed, stdout: stopped });
  expect([await ended, said]).toEqual([[EXIT.passed, null], "Ctrl-C stops it; the chain is kept.\nStopped.\n"]);
  expect(await practice("status")).toMatchObject({ exitCode: EXIT.environment, stdout: stopped });
  expect(await practice("reset")).toMatchObject({ exitCode: EXIT.usage });
  expect(await practice("reset", "--yes")).toMatchObject({
    exitCode: EXIT.passed,
    stdout: "The practice network is stopped.\n",
  });
});

test("without it, what needs it says how to start it", async () => {
  for (const args of [["miner"], ["publish", LAUNCHER]]) {
    expect(await practice(...args)).toMatchObject({
      exitCode: EXIT.usage,
      stdout: "",
      stderr: expect.stringContaining("`crusader practice start`"),
    });
  }
});

test.each([
  [[], /Say what to do/],
  [["begin"], /no `crusader practice begin`/],
  [["start", "--block-time", "0"], /--block-time takes seconds/],
  [["start", "--block-time", ""], /--block-time takes seconds/],
  [["start", "now"], /Usage: crusader practice start/],
  [["miner", "a/b"], /no name of a wallet/],
  [["publish", "/there/is/none"], /cannot be read/],
  [["--nothing"], /nothing/],
])("%j is wrong use", async (args, message) => {
  expect(await practice(...args)).toMatchObject({
    exitCode: EXIT.usage,
    stdout: "",
    stderr: expect.stringMatching(message),
  });
});
