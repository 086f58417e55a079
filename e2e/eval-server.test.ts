/** Evaluations on a server that keeps to section 6: the command line as a person runs it, the real scanner, real kills. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { runResultSchema } from "../app/common/runs.ts";
import { createServices } from "../app/main/router/services.ts";
import { passedResult, ServerDouble } from "./eval-server-double.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TOKEN = "a-token-that-nobody-may-see";
const RUN_TIMEOUT_MS = 120_000;
const SIMULATE = [
  "simulate",
  path.join(ROOT, "templates", "fsdp.py"),
  ...["--profile", "production-3b", "--backend", "evalServer", "--server", "box", "--runs", "1", "--json"],
];

class Started {
  readonly child: ChildProcessWithoutNullStreams;
  stdout = "";
  stderr = "";

  constructor(dataFolder: string, args: string[]) {
    const env = { ...process.env, CRUSADER_HOME: dataFolder, NO_COLOR: "1" };
    this.child = spawn(process.execPath, [path.join(ROOT, "bin", "crusader.mjs"), ...args], { env });
    this.child.stdout.setEncoding("utf8").on("data", (part: string) => {
      this.stdout += part;
    });
    this.child.stderr.setEncoding("utf8").on("data", (part: string) => {
      this.stderr += part;
    });
  }

  async end(): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const [code] = await once(this.child, "close");
    return { code, stdout: this.stdout, stderr: this.stderr };
  }
}

/** A data folder in which the server has a name, with its token. */
async function workplace(server: ServerDouble) {
  const dataFolder = mkdtempSync(path.join(os.tmpdir(), "crusader-e2e-server-"));
  const started: Started[] = [];
  onTestFinished(() => {
    for (const { child } of started) child.kill("SIGKILL");
    rmSync(dataFolder, { recursive: true, force: true });
  });
  const crusader = (...args: string[]) => {
    const one = new Started(dataFolder, args);
    started.push(one);
    return one;
  };
  const add = crusader("servers", "add", "box", server.address, "--token-stdin");
  add.child.stdin.end(`${TOKEN}\n`);
  expect(await add.end()).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^name\s+address\s+token\s*\nbox\s+\S+\s+kept\n$/),
    stderr: "",
  });
  return { dataFolder, crusader };
}

async function evaluationServer(): Promise<ServerDouble> {
  const server = await ServerDouble.start();
  onTestFinished(() => server.close());
  server.token = TOKEN;
  return server;
}

/** Every file below a folder that holds the text, but for the databases of the history. */
function filesWith(folder: string, text: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const file = path.join(entry.parentPath, entry.name);
    return entry.isFile() && readFileSync(file).includes(text) ? [path.relative(folder, file)] : [];
  });
}

test("servers are named, asked, used and forgotten; the token stays among the secrets", {
  timeout: RUN_TIMEOUT_MS,
}, async () => {
  const server = await evaluationServer();
  server.onJob = (id, request) => server.end(id, passedResult(request));
  const { dataFolder, crusader } = await workplace(server);

  const check = await crusader("servers", "check").end();
  expect(check).toEqual({ code: 0, stdout: expect.stringMatching(/^answers {2}box, in \d+ ms\n$/), stderr: "" });
  const run = await crusader(...SIMULATE).end();
  expect([run.code, run.stderr]).toEqual([0, ""]);
  const result = runResultSchema.parse(JSON.parse(run.stdout));
  expect(result).toMatchObject({
    outcome: "passed",
    score: { kind: "mfu_percent", value: 55.25 },
    notComparable: [
      "measured and reported by an evaluation server, whose GPUs are not known here",
      "1 of the profile's 3 runs",
    ],
  });
  expect(filesWith(dataFolder, TOKEN)).toEqual(["secrets.json"]);
  expect(statSync(path.join(dataFolder, "secrets.json")).mode & 0o777).toBe(0o600);
  expect(run.stdout + run.stderr).not.toContain(TOKEN);

  expect((await crusader("servers", "remove", "box").end()).stdout).toMatch(/^No servers are named\./);
  expect(filesWith(dataFolder, TOKEN)).toEqual([]);
  expect(await crusader(...SIMULATE).end()).toMatchObject({ code: 2, stderr: expect.stringContaining("named box") });
});

test("a run whose process is killed is gone on with, and its result read once", {
  timeout: RUN_TIMEOUT_MS,
}, async () => {
  const server = await evaluationServer();
  const { dataFolder, crusader } = await workplace(server);
  const first = crusader(...SIMULATE);
  await server.until(() => server.count("status") > 0);
  first.child.kill("SIGKILL");
  await first.end();
  const [[jobId, job] = ["", { request: {} }]] = [...server.jobs];
  server.end(jobId, passedResult(job.request));

  const services = createServices({ dataFolder });
  expect((await services.runs.reattach()).map(({ runId }) => runId)).toEqual(["1"]);
  const [last] = (await Array.fromAsync(services.runs.follow("1", 0, undefined))).slice(-1);
  await services.close();
  expect(last?.result).toMatchObject({ outcome: "passed", score: { value: 55.25 } });
  expect(server.count("evaluate")).toBe(1);
  expect(server.jobs.size).toBe(0);
  const events = readFileSync(path.join(dataFolder, "runs", "1", "events.jsonl"), "utf8")
    .trim()
    .split("\n");
  const numbers = events.map((line) => (JSON.parse(line) as { event: { seq: number } }).event.seq);
  expect(numbers).toEqual(numbers.map((_number, index) => index));
});

test("two apps on one server read each their own result", { timeout: RUN_TIMEOUT_MS }, async () => {
  const server = await evaluationServer();
  const places = [await workplace(server), await workplace(server)];
  const runs = places.map(({ crusader }) => crusader(...SIMULATE));
  await server.until(() => server.jobs.size === 2);
  const mfus = new Map([...server.jobs.values()].map(({ request }, index) => [String(request.seed), 60 + index]));
  for (const [id, { request }] of server.jobs) {
    server.end(id, passedResult(request, { mfu: mfus.get(String(request.seed)) }));
  }
  const results = (await Promise.all(runs.map((run) => run.end()))).map(({ stdout }) => {
    const { repeats } = runResultSchema.parse(JSON.parse(stdout));
    return repeats.map(({ seed, mfuPercent }) => [seed, mfuPercent]);
  });
  expect(results.flat().sort()).toEqual([...mfus].sort());
  expect(server.jobs.size).toBe(0);
});
