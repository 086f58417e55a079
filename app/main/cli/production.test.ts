import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { crusader } from "./crusader-for-tests.ts";
import { EXIT } from "./io.ts";

const EXAMPLE = fileURLToPath(new URL("../../../fixtures/production-source", import.meta.url));

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), "crusader-production-cli-"));
  vi.stubEnv("CRUSADER_HOME", folder);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
});

const production = (...args: string[]) => crusader("production", ...args);

test("fetch, changes, apply, and back", async () => {
  expect(await production("changes")).toMatchObject({
    exitCode: EXIT.usage,
    stderr: expect.stringMatching(/not fetched/),
  });
  const fetched = await production("fetch", "--folder", EXAMPLE, "--json");
  expect(fetched.exitCode).toBe(EXIT.passed);
  const { newest } = JSON.parse(fetched.stdout);

  const changes = await production("changes");
  expect(changes.stdout.split("\n")).toEqual(
    expect.arrayContaining([
      `built-in -> source ${newest.label}:`,
      "  Weight error limit: 0.015 -> 0.02  (hparams/hparams.json:1)",
      "  Forbidden modules: +asyncio -__main__ -urllib  (src/arena/rules/security_sets.py:13)",
      "Not found:",
    ]),
  );
  expect((await production("apply")).stdout).toContain(`In force  source ${newest.label}, profile production-source\n`);
  expect((await production("changes", "--from", "builtin", "--to", "in_force", "--json")).exitCode).toBe(EXIT.passed);

  // What the scan says follows.
  const submission = join(process.env.CRUSADER_HOME ?? "", "train.py");
  writeFileSync(submission, `print(1)\n${readFileSync(join(EXAMPLE, "../submissions/honest.py"), "utf8")}`);
  const scan = async () => JSON.parse((await crusader("scan", "--json", submission)).stdout)[0].verdict;
  expect(await scan()).toMatchObject({ ok: false, rule: "forbidden-name", line: 1 });
  expect((await production("revert")).stdout).toContain("In force  built-in, profile production-2026-04\n");
  expect(await scan()).toMatchObject({ ok: true });
  expect((await production("remove")).stdout).toContain("Newest    none\n");
});

test.each([
  [["no-such-action"], /no action "no-such-action"/],
  [[], /Name one action/],
  [["fetch", "--url", "https://host/a", "--folder", "/b"], /not both/],
  [["fetch", "--url", "ext::x"], /https:\/\/ or ssh:\/\//],
  [["changes", "--from", "there"], /"there" is no side/],
  [["apply"], /Nothing was fetched yet/],
])("%j is wrong use", async (args, message) => {
  expect(await production(...args)).toMatchObject({
    exitCode: EXIT.usage,
    stdout: "",
    stderr: expect.stringMatching(message),
  });
});
