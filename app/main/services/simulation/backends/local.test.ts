import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { findSandbox } from "../../../../../scripts/machine.mjs";
import { CrusaderError } from "../../../../common/errors.ts";
import type { Ending, Order } from "../backend.ts";
import { LocalBackend, type LocalBackendOptions } from "./local.ts";

const ROOT = fileURLToPath(new URL("../../../../..", import.meta.url));
const REHEARSAL = { profile: { crusader: { device: "cpu" } }, numRanks: 2, sandbox: "none" } as const;
const PRODUCTION = { profile: {}, numRanks: 4, sandbox: "none" } as const;

function backend(more: Partial<LocalBackendOptions> = {}) {
  return new LocalBackend({
    python: async () => ({ python: "/no/python", versions: { torch: "2.13.0+cpu" } }),
    packageFolder: join(ROOT, "simulator-image"),
    ...more,
  });
}

/** A PATH with nothing on it but this program. */
function pathWith(name: string, script: string): string {
  const folder = mkdtempSync(join(tmpdir(), "crusader-local-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
  return folder;
}

const told = (problems: CrusaderError[]) => problems.map(({ code, message }) => ({ code, message }));

test("a machine that has everything has no problems", async () => {
  expect(await backend().check(REHEARSAL)).toEqual([]);
  expect(await backend().environment()).toMatchObject({ torch: "2.13.0+cpu", cores: expect.stringMatching(/^\d+$/) });
});

test("bubblewrap is probed by using it", async (context) => {
  const found = findSandbox();
  if ("missing" in found) return context.skip(`needs sandbox: ${found.missing}`);
  expect(await backend().check({ ...REHEARSAL, sandbox: "bubblewrap" })).toEqual([]);
  expect(await backend().sandbox()).toEqual({ program: found.program });
});

test.each<[string, () => Partial<LocalBackendOptions>, string]>([
  ["not there", () => ({ env: { PATH: "/no/such/folder" }, platform: "linux" }), "bubblewrap is not installed"],
  [
    "there, but not allowed",
    () => ({ env: { PATH: pathWith("bwrap", "echo 'no namespaces for you' >&2; exit 1") }, platform: "linux" }),
    "bubblewrap does not work here: no namespaces for you",
  ],
  ["no Linux", () => ({ platform: "darwin" }), "There is no sandbox for this system"],
])("a missing sandbox is a problem with a remedy: %s", async (_name, options, message) => {
  const [problem, ...more] = await backend(options()).check({ ...REHEARSAL, sandbox: "bubblewrap" });
  expect({ code: problem?.code, more }).toEqual({ code: "sandbox_missing", more: [] });
  expect(problem?.message).toContain(message);
  expect(problem?.hint).toContain("--no-sandbox");
});

test("a profile for CUDA says what is missing, before Python is prepared", async () => {
  const python = () => Promise.reject(new Error("not asked for"));
  expect(told(await backend({ python, gpus: () => 0 }).check(PRODUCTION))).toEqual([
    { code: "unsupported", message: "The profile needs CUDA, and this machine has no NVIDIA GPU." },
  ]);
  expect(told(await backend({ python, gpus: () => 2 }).check(PRODUCTION))).toEqual([
    { code: "unsupported", message: "The profile needs 4 GPUs, and this machine has 2." },
  ]);
  expect(told(await backend({ gpus: () => 4 }).check(PRODUCTION))).toEqual([
    {
      code: "python_setup_failed",
      message: "The profile needs CUDA, and the Python environment holds PyTorch for CPUs.",
    },
  ]);
});

test("Windows and a failed Python set-up are problems, too", async () => {
  expect(told(await backend({ platform: "win32" }).check(REHEARSAL))).toEqual([
    { code: "unsupported", message: "Evaluations need Linux or macOS." },
  ]);
  const error = new CrusaderError("python_missing", "No Python.");
  expect(await backend({ python: () => Promise.reject(error) }).check(REHEARSAL)).toEqual([error]);
});

test.skipIf(process.platform === "win32")("the judge gets a filtered environment and its order", async () => {
  // Stands in for Python: says what it was given, as output, and ends.
  const python = join(pathWith("python", 'echo "$@"; env; head -n 1'), "python");
  const env = {
    PATH: process.env.PATH,
    HOME: "/home/a",
    CUDA_X: "1",
    SECRET: "s",
    PYTHONHOME: "/x",
    NODE_OPTIONS: "-x",
  };
  const order: Order = {
    ...REHEARSAL,
    marker: "marker",
    repeat: 1,
    sourcePath: "/runs/1/train.py",
    seed: "abc",
    policy: { forbidden_names: ["eval"] },
    ignoreCudaNeeds: true,
  };
  let output = "";
  const listener = {
    event: () => {},
    output: (chunk: Uint8Array) => {
      output += Buffer.from(chunk).toString();
    },
  };
  const evaluation = await backend({ env, python: async () => ({ python, versions: {} }) }).launch(order, listener);
  const { result }: Ending = await evaluation.done;

  const lines = output.trim().split("\n");
  // What a shell sets for itself.
  const given = lines.slice(1, -1).filter((line) => !/^(?:_|PWD|SHLVL|OLDPWD|TMPDIR)=/.test(line));
  expect(lines[0]).toBe("-m crusades_eval.judge --events-fd 3");
  expect(given.sort()).toEqual([
    "CRUSADER_RUN_ID=marker",
    "CUDA_X=1",
    "HOME=/home/a",
    `PATH=${process.env.PATH}`,
    "PYTHONDONTWRITEBYTECODE=1",
    `PYTHONPATH=${join(ROOT, "simulator-image")}`,
    "PYTHONUTF8=1",
  ]);
  expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({
    version: 1,
    runId: "marker",
    repeat: 1,
    sourcePath: "/runs/1/train.py",
    numRanks: 2,
    seed: "abc",
    sandbox: { kind: "none" },
    ignoreCudaNeeds: true,
    policy: { forbidden_names: ["eval"] },
  });
  expect(result).toMatchObject({ outcome: "error", seed: "abc", numRanks: 2, device: "cpu" });
});
