import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { findDocker } from "../../../scripts/machine.mjs";

const LAUNCHER = fileURLToPath(new URL("../../../bin/crusader.mjs", import.meta.url));
const docker = findDocker();

/** With a data folder of its own, and a docker command that is a script. */
function bench(script: string) {
  const folder = mkdtempSync(join(tmpdir(), "crusader-image-command-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "docker"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, "docker"), 0o755);
  const env = { ...process.env, CRUSADER_HOME: join(folder, "data"), PATH: `${folder}:${process.env.PATH}` };
  const crusader = (args: string[], input = "") => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [LAUNCHER, "image", ...args], {
      env,
      input,
      encoding: "utf8",
    });
    return { status, stdout, stderr };
  };
  return { folder, crusader };
}

test("the token is kept from a pipe, never from the arguments, and told by nothing", () => {
  const { folder, crusader } = bench("exit 1");
  const token = "hf_plantedPLANTED";
  expect(crusader(["token"])).toEqual({ status: 0, stdout: "No Hugging Face token is kept.\n", stderr: "" });
  const kept = crusader(["token", "--token-stdin"], `${token}\n`);
  expect(kept).toEqual({ status: 0, stdout: "A Hugging Face token is kept.\n", stderr: "" });
  const files = readdirSync(join(folder, "data")).filter((name) =>
    readFileSync(join(folder, "data", name), "utf8").includes(token),
  );
  expect(files).toEqual(["secrets.json"]);
  expect(crusader(["token", "--token-stdin"], "two words")).toMatchObject({ status: 2, stdout: "" });
  expect(crusader(["token", "--forget", "--json"]).stdout).toBe('{\n  "hasToken": false\n}\n');
});

test("wrong use says how, a missing engine what to do", () => {
  const { crusader } = bench("echo 'Cannot connect to the Docker daemon' >&2; exit 1");
  expect(crusader(["paint"])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("There are: list, check, build, remove, token."),
  });
  expect(crusader(["remove"])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("crusader image remove IMAGE"),
  });
  expect(crusader(["check", "--hparams", "reheasal"])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("rehearsal"),
  });
  expect(crusader(["check", "--engine", "nowhere"])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("nowhere"),
  });
  const check = crusader(["check", "--engine", "default"]);
  expect(check.status).toBe(3);
  expect(check.stdout).toMatch(
    /^Image crusader\/rehearsal on default\nproblem {2}The docker command does not reach the engine default\.\n/,
  );
  expect(crusader(["build", "--engine", "default"])).toMatchObject({
    status: 3,
    stdout: "",
    stderr: expect.stringContaining("error: The docker command does not reach"),
  });
});

test("a build tells its steps and why it failed", (context) => {
  if ("missing" in docker) return context.skip(`needs docker: ${docker.missing}`);
  // The builder is one that fails at once, by its own recorded words; everything else is the real one.
  const recorded = fileURLToPath(new URL("../../../fixtures/builds/buildkit-failed.txt", import.meta.url));
  const { crusader } = bench(
    `case "$*" in *"build --progress"*) cat ${recorded} >&2; exit 1 ;; *) exec ${docker.program} "$@" ;; esac`,
  );
  const { status, stdout, stderr } = crusader(["build", "--engine", "default", "--verbose"]);
  expect({ status, stdout }).toEqual({ status: 3, stdout: "" });
  expect(stderr).toMatch(/Building crusader\/rehearsal on default: [^\n]+\.\n/);
  expect(stderr).toMatch(/^Step 1 of 9\b/m);
  expect(stderr).toMatch(/^#5 0\.\d+ three$/m);
  expect(stderr).toContain(
    "error: The image could not be built. The builder ended with status 1. It stopped at: RUN echo two; echo three >&2; seq 1 4; exit 3\n",
  );
});

test("images are listed with what they fit", (context) => {
  if ("missing" in docker) return context.skip(`needs docker: ${docker.missing}`);
  const folder = mkdtempSync(join(tmpdir(), "crusader-image-list-"));
  const tag = `crusader-test-list:${process.pid}`;
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
    spawnSync(docker.program, ["image", "rm", "--force", tag]);
  });
  writeFileSync(join(folder, "file"), tag);
  const tar = join(folder, "image.tar");
  execFileSync("tar", ["-cf", tar, "-C", folder, "file"]);
  const labels = ["--change", "LABEL crusader.profile=cpu crusader.source=0123456789abcdef"];
  execFileSync(docker.program, ["import", ...labels, tar, tag], { stdio: "pipe" });
  const { crusader } = bench(`exec ${docker.program} "$@"`);
  const { stdout } = crusader(["list", "--engine", "default"]);
  expect(stdout.split("\n").find((line) => line.includes(tag))).toMatch(
    /none: it holds the judge of another version of Crusader$/,
  );
  expect(crusader(["remove", "--engine", "default", tag])).toEqual({
    status: 0,
    stdout: `Removed: ${tag}\n`,
    stderr: "",
  });
  expect(crusader(["remove", "--engine", "default", tag])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("has no image"),
  });
});
