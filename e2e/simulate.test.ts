/** `crusader simulate` as a person runs it: real processes, real PyTorch, a data folder of each test's own. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { runResultSchema } from "../app/common/runs.ts";
import { RunStore } from "../app/main/services/runs/index.ts";
import { markedProcesses, runOfMarker } from "../app/main/services/simulation/marked-processes.ts";
import { findSandbox } from "../scripts/machine.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TEMPLATE = path.join(ROOT, "templates", "single.py");
/** A rehearsal on a busy machine. */
const RUN_TIMEOUT_MS = 180_000;
const CANCEL_LIMIT_MS = 5000;

/** Passes the scan; what it does comes with the first call. */
const raising = (statement: string) => `
def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):
    ${statement}


def get_strategy():
    return {"dp_size": 1, "tp_size": 1}
`;

beforeEach((context) => {
  const { CRUSADER_PYTHON_ENV } = process.env;
  if (!CRUSADER_PYTHON_ENV) return context.skip("needs python: CRUSADER_PYTHON_ENV names no environment");
  const sandbox = findSandbox();
  if ("missing" in sandbox) return context.skip(`needs sandbox: ${sandbox.missing}`);
});

class Started {
  readonly child: ChildProcessWithoutNullStreams;
  stdout = "";
  stderr = "";

  constructor(dataFolder: string, args: string[]) {
    const env = { ...process.env, CRUSADER_HOME: dataFolder, NO_COLOR: "1" };
    this.child = spawn(process.execPath, [path.join(ROOT, "bin", "crusader.mjs"), "simulate", ...args], { env });
    this.child.stdout.setEncoding("utf8").on("data", (part: string) => {
      this.stdout += part;
    });
    this.child.stderr.setEncoding("utf8").on("data", (part: string) => {
      this.stderr += part;
    });
  }

  /** Until stderr holds the text. */
  async says(text: string): Promise<void> {
    while (!this.stderr.includes(text)) await once(this.child.stderr, "data");
  }

  async end(): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const [code] = await once(this.child, "close");
    return { code, stdout: this.stdout, stderr: this.stderr };
  }
}

function workplace() {
  const dataFolder = mkdtempSync(path.join(os.tmpdir(), "crusader-e2e-"));
  const started: Started[] = [];
  const living = () => markedProcesses((marker) => runOfMarker(dataFolder, marker) !== null);
  onTestFinished(() => {
    for (const { child } of started) child.kill("SIGKILL");
    for (const { pid } of living()) process.kill(pid, "SIGKILL");
    rmSync(dataFolder, { recursive: true, force: true });
  });
  const simulate = (...args: string[]) => {
    const one = new Started(dataFolder, args);
    started.push(one);
    return one;
  };
  const file = (source: string) => {
    const name = path.join(dataFolder, "train.py");
    writeFileSync(name, source);
    return name;
  };
  const state = (id: string) => {
    const store = new RunStore({ dataFolder });
    onTestFinished(() => store.close());
    return store.show(id).state;
  };
  return { simulate, file, living, state };
}

test("a template passes, and JSON is the result record", { timeout: RUN_TIMEOUT_MS }, async () => {
  const { simulate, living, state } = workplace();
  const { code, stdout, stderr } = await simulate(TEMPLATE, "--num-gpus", "1", "--json").end();
  const result = runResultSchema.parse(JSON.parse(stdout));
  expect({ code, stderr, outcome: result.outcome, failure: result.failure, kind: result.score?.kind }).toEqual({
    code: 0,
    stderr: "",
    outcome: "passed",
    failure: null,
    kind: "relative_speed",
  });
  expect(result.notComparable).toContain("1 rank; the profile has 2");
  expect(result.repeats[0]?.checks.filter((check) => check.state === "failed")).toEqual([]);
  expect({ living: living(), state: state("1") }).toEqual({ living: [], state: "passed" });
});

test("a file that raises fails, with its line, and without its escape sequences", {
  timeout: RUN_TIMEOUT_MS,
}, async () => {
  const { simulate, file, living } = workplace();
  const source = raising('print("\\x1b]0;owned\\x07printed"); raise ValueError("\\x1b[31mboom\\x07")');
  const { code, stdout, stderr } = await simulate(file(source), "--num-gpus", "1").end();
  expect({ code, living: living() }).toEqual({ code: 1, living: [] });
  expect(stdout).toMatch(/^exception \(warmup, rank 0, line 3\): Rank 0 raised ValueError: boom$/m);
  expect(stdout).toMatch(/^ {2}\| \[rank 0\] printed$/m);
  expect(stdout).toMatch(/^FAILED {2}train\.py v1$/m);
  expect(["\x1b", "\x07"].filter((control) => (stdout + stderr).includes(control))).toEqual([]);
});

test.each([
  ["a missing file", ["no-such-train.py"], "no-such-train.py cannot be read: it does not exist."],
  ["an unknown profile", [TEMPLATE, "--profile", "rehersal"], "There is no profile named rehersal."],
  ["an unknown option", [TEMPLATE, "--sed", "1"], "Unknown option '--sed'"],
  [
    "another's evaluation",
    [TEMPLATE, "--evaluation", "validator"],
    '--evaluation takes crusader or production, not "validator".',
  ],
  ["two files", [TEMPLATE, TEMPLATE], "`crusader simulate` takes one file."],
  ["a number that is none", [TEMPLATE, "--runs", "many"], '--runs takes a whole number from 1 to 100, not "many".'],
])("wrong use: %s", async (_name, args, message) => {
  const { code, stdout, stderr } = await workplace()
    .simulate(...args)
    .end();
  expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: "", stderr: expect.stringContaining(message) });
});

test.each([
  ["a place without containers", ["--profile", "production-2026-04"], "Choose the backend docker."],
  ["a CPU", ["--backend", "docker"], "Production's own code needs CUDA"],
  [
    "a source that was not fetched",
    ["--backend", "docker", "--profile", "production-2026-04"],
    "crusader production fetch",
  ],
])("production's own code does not judge with %s", async (_name, args, message) => {
  const { code, stdout, stderr } = await workplace()
    .simulate(TEMPLATE, "--evaluation", "production", ...args)
    .end();
  expect({ code, stdout, stderr }).toEqual({
    code: expect.any(Number),
    stdout: "",
    stderr: expect.stringContaining(message),
  });
  expect(code).toBeGreaterThan(1);
});

test("Ctrl-C cancels within 5 s, leaves no process, and is recorded", { timeout: RUN_TIMEOUT_MS }, async () => {
  const { simulate, living, state } = workplace();
  const run = simulate(TEMPLATE, "--num-gpus", "1");
  await run.says("  prepare ");
  expect(living()).not.toEqual([]);
  const interruptedAt = performance.now();
  run.child.kill("SIGINT");
  const { code, stdout } = await run.end();
  expect(performance.now() - interruptedAt).toBeLessThan(CANCEL_LIMIT_MS);
  expect({ code, living: living(), state: state("1") }).toEqual({ code: 3, living: [], state: "cancelled" });
  expect(stdout).toMatch(/^CANCELLED {2}single\.py v1$/m);
});

test("a killed command leaves no process either", { timeout: RUN_TIMEOUT_MS }, async () => {
  const { simulate, living, state } = workplace();
  const run = simulate(TEMPLATE, "--num-gpus", "1");
  await run.says("  prepare ");
  run.child.kill("SIGKILL");
  await run.end();
  await expect.poll(living, { timeout: CANCEL_LIMIT_MS, interval: 50 }).toEqual([]);
  expect(state("1")).toBe("interrupted");
});

test("a killed judge is an error of the environment", { timeout: RUN_TIMEOUT_MS }, async () => {
  const { simulate, living } = workplace();
  const run = simulate(TEMPLATE, "--num-gpus", "1");
  await run.says("  prepare ");
  const [judge] = living().toSorted((a, b) => a.pid - b.pid);
  process.kill(judge?.pid ?? 0, "SIGKILL");
  const { code, stdout } = await run.end();
  expect({ code, living: living() }).toEqual({ code: 3, living: [] });
  expect(stdout).toContain("The judge's process was ended by SIGKILL before its verdict.");
});

test("of two at once the second waits its turn", { timeout: RUN_TIMEOUT_MS }, async () => {
  const { simulate, file, state } = workplace();
  const first = simulate(TEMPLATE, "--num-gpus", "1");
  await first.says("  scan ");
  const second = simulate(file("def broken(:\n"));
  await second.says("Waiting: one run at a time, run 1 goes first");
  first.child.kill("SIGINT");
  expect((await first.end()).code).toBe(3);
  const { code, stdout } = await second.end();
  expect({ code, states: [state("1"), state("2")] }).toEqual({ code: 1, states: ["cancelled", "failed"] });
  expect(stdout).toContain("The validator's syntax check rejects the file");
});
