import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { findDocker } from "../../../scripts/machine.mjs";
import { crusader } from "./crusader-for-tests.ts";
import { EXIT } from "./io.ts";

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), "crusader-doctor-cli-"));
  vi.stubEnv("CRUSADER_HOME", folder);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
});

const doctor = (...args: string[]) => crusader("doctor", ...args);

test("a machine without an engine: what to install, and exit 1", async () => {
  vi.stubEnv("DOCKER_HOST", "unix:///no/such.sock");
  vi.stubEnv("PATH", "");
  vi.stubEnv("XDG_RUNTIME_DIR", "");
  const { exitCode, stdout } = await doctor();
  expect(exitCode).toBe(EXIT.problemFound);
  expect(stdout).toMatch(/^Container engine default \(unix:\/\/\/no\/such\.sock\)\nfor rehearsal, 2 ranks, /);
  expect(stdout).toContain("problem  Reachable: There is no container engine on this machine");
  expect(stdout).toContain("\n1 problem stands in the way.\n");
  const asJson = await doctor("--json", "--hparams", "production-3b", "--gpus", "0,1");
  expect({ ...asJson, stdout: JSON.parse(asJson.stdout) }).toMatchObject({
    exitCode: EXIT.problemFound,
    stderr: "",
    stdout: { engine: "default", profile: "production-3b", numRanks: 2, findings: [{ id: "reachable" }] },
  });
});

test("fit for runs, on a real engine with an image of its own", async (context) => {
  const docker = findDocker();
  if ("missing" in docker) context.skip(`needs docker: ${docker.missing}`);
  const image = process.env.CRUSADER_TEST_IMAGE ?? "";
  if (image === "") context.skip("needs docker: CRUSADER_TEST_IMAGE names no image");
  const { exitCode, stdout } = await doctor("--image", image, "--num-gpus", "1");
  expect({ exitCode, starts: /ok {7}Starts: .*/.exec(stdout)?.[0] }).toEqual({
    exitCode: EXIT.passed,
    starts: expect.stringContaining("A container with the validator's flags starts and reports"),
  });
  expect(stdout).toMatch(/\nFit for runs/);
});

test.each([
  [["--num-gpus", "0"], /--num-gpus takes/],
  [["--gpus", "a"], /--gpus takes/],
  [["--run-profile", "mine"], /--run-profile/],
  [["--image", "--privileged"], /--image/],
  [["--engine", "there-is-none"], /no container engine named there-is-none/],
  [["--hparams", "there-is-none"], /there-is-none/],
  [["extra"], /extra/],
])("%j is wrong use", async (args, message) => {
  expect(await doctor(...args)).toMatchObject({
    exitCode: EXIT.usage,
    stdout: "",
    stderr: expect.stringMatching(message),
  });
});
