import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { type Fault, passedResult, ServerDouble } from "../../../../../e2e/eval-server-double.ts";
import type { Event } from "../../../../common/events.ts";
import type { Analysis } from "../../../../common/scan.ts";
import { HparamsService } from "../../hparams/index.ts";
import { ServerList } from "../../servers/index.ts";
import { FileSecrets } from "../../settings/index.ts";
import type { Needs, Order } from "../backend.ts";
import { type Clock, EvalServerBackend } from "./eval-server.ts";
import { jobAnswerOf } from "./eval-server-answer.ts";

const PROFILES = fileURLToPath(new URL("../../../../../hparams", import.meta.url));
const TOKEN = "a-token-that-nobody-may-see";

/** Pauses take no time, and are counted. */
function quickClock(): Clock & { pauses: number[] } {
  const clock = {
    pauses: [] as number[],
    milliseconds: 0,
    now: () => clock.milliseconds,
    wall: () => 1_700_000_000_000 + clock.milliseconds,
    random: () => 0.5,
    sleep: async (milliseconds: number, signal: AbortSignal) => {
      clock.pauses.push(milliseconds);
      clock.milliseconds += milliseconds;
      await setImmediate();
      signal.throwIfAborted();
    },
  };
  return clock;
}

const PASSES: Analysis = {
  verdict: { ok: true, kind: "pass", line: null, rule: null },
  findings: [],
  strategy: { dp_size: 4, tp_size: 1 },
  cudaNeeds: [],
  lints: [],
  fixes: [],
};

/** A server, a list that names it "box", and a backend over both. */
async function bench(scan: () => Promise<Analysis> = async () => PASSES) {
  const folder = mkdtempSync(join(tmpdir(), "crusader-eval-server-"));
  const server = await ServerDouble.start();
  onTestFinished(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });
  server.token = TOKEN;
  const servers = new ServerList({ dataFolder: folder, secrets: new FileSecrets({ dataFolder: folder }) });
  servers.add({ name: "box", address: server.address }, TOKEN);
  const profile = await new HparamsService({ profilesFolder: PROFILES }).load("production-2026-04");
  const runFolder = join(folder, "runs", "7");
  mkdirSync(runFolder, { recursive: true });
  const sourcePath = join(runFolder, "train.py");
  writeFileSync(sourcePath, "def inner_steps(): ...  # é\n");
  const order: Order = {
    marker: "folder.7.0",
    repeat: 0,
    sourcePath,
    profile: profile.resolved,
    policy: {},
    numRanks: 4,
    sandbox: "container",
    server: "box",
    seed: "0123456789abcdef",
    ignoreCudaNeeds: false,
  };
  const clock = quickClock();
  const backend = new EvalServerBackend({ servers, scan, clock });
  const events: Event[] = [];
  let output = "";
  const listener = {
    event: (event: Event) => events.push(event),
    output: (chunk: Uint8Array) => {
      output += Buffer.from(chunk).toString();
    },
  };
  return {
    folder,
    runFolder,
    server,
    servers,
    order,
    clock,
    backend,
    events,
    listener,
    output: () => output,
    launch: () => backend.launch(order, listener),
    judge: async () => (await (await backend.launch(order, listener)).done).result,
    passes: (more: Record<string, unknown> = {}) => {
      server.onJob = (id, request) => server.end(id, passedResult(request, more));
    },
  };
}

const notes = (events: readonly Event[]) =>
  events.flatMap((event) => (event.type === "note" ? [`${event.level} ${event.id}`] : []));

/** Everything below a folder, as one text. */
function allText(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
    .join("\n");
}

test("a job is sent with exactly the fields of section 6, waited for, and read once", async () => {
  const { server, judge, passes, events, order, runFolder, output } = await bench();
  let sent: unknown;
  server.pendingPolls = 2;
  passes({ diagnostics: { warmup_seconds: 4.5, grad_norm: 1.25, gpu: "A100" } });
  const { onJob } = server;
  server.onJob = (id, request) => {
    sent = request;
    onJob(id, request);
  };
  const result = await judge();

  expect(sent).toEqual({
    task_id: expect.stringMatching(/^\d+$/),
    seed: "0123456789abcdef",
    model_url: "Qwen/Qwen2.5-7B",
    data_url: "HuggingFaceFW/fineweb",
    steps: 20,
    batch_size: 16,
    timeout: 3600,
    sequence_length: 1024,
    data_samples: 10_000,
    code: "def inner_steps(): ...  # é\n",
    max_loss_difference: 0.4,
    min_params_changed_ratio: 0.75,
    weight_relative_error_max: 0.015,
    timer_divergence_threshold: 0.005,
    gpu_peak_tflops: 312,
    max_plausible_mfu: 85,
    min_mfu: 50,
    num_gpus: 4,
  });
  expect(server.count("status")).toBe(3);
  expect(server.requests.map(({ authorization }) => authorization)).toEqual(Array(4).fill(`Bearer ${TOKEN}`));
  expect(result).toEqual({
    outcome: "passed",
    failure: null,
    seed: order.seed,
    numRanks: 4,
    strategy: { dp_size: 4, tp_size: 1 },
    device: "cuda",
    mfuPercent: 55.25,
    relativeSpeed: null,
    timedSeconds: 60.5,
    judgeSeconds: null,
    referenceSeconds: null,
    uniqueTokens: 16 * 1024 * 20 * 4,
    tokensPerSecond: 12_345.6,
    parameters: null,
    peakMemoryBytesPerRank: null,
    versions: {},
  });
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, index) => index));
  expect(
    events.flatMap((event) => (event.type === "stage" ? [[event.stage, event.state, event.seconds]] : [])),
  ).toEqual([
    ["scan", "running", null],
    ["scan", "passed", 0],
    ["topology", "running", null],
    ["topology", "passed", 0],
    ["prepare", "running", null],
    ["prepare", "passed", 0],
    ["warmup", "passed", 4.5],
    ["timed", "passed", 60.5],
    ["checks", "passed", null],
  ]);
  expect(notes(events)).toEqual(["info job_accepted"]);
  const checks = events.filter((event) => event.type === "check");
  expect(checks.map(({ state }) => state)).toEqual(Array(16).fill("passed"));
  expect(checks.find(({ name }) => name === "min_mfu")).toMatchObject({
    value: 55.25,
    limit: 50,
    rule: "at_least",
    unit: "%",
  });
  expect(events.filter((event) => event.type === "metric").map(({ name, value }) => [name, value])).toEqual([
    ["server.warmup_seconds", 4.5],
    ["server.grad_norm", 1.25],
  ]);
  expect(output()).toBe('the server\'s diagnostics\n  warmup_seconds: 4.5\n  grad_norm: 1.25\n  gpu: "A100"\n');
  expect(events.at(-1)).toMatchObject({ type: "result", outcome: "passed" });
  expect(JSON.parse(readFileSync(join(runFolder, "eval-server-0.answer.json"), "utf8"))).toMatchObject({
    status: "done",
    result: { mfu: 55.25 },
  });
  expect(readdirSync(runFolder).sort()).toEqual(["eval-server-0.answer.json", "eval-server-0.jsonl", "train.py"]);
});

test("polls pause longer each time, to a limit, and a server's wish to wait is kept", async () => {
  const { server, judge, passes, clock } = await bench();
  passes();
  server.pendingPolls = 12;
  server.fail("status", { kind: "status", status: 429, headers: { "retry-after": "120" } });
  await judge();
  expect(clock.pauses).toEqual([...[2000, 120_000, 4500, 6750, 10_125, 15_187.5, 22_781.25], ...Array(7).fill(30_000)]);
});

test.each<[string, Fault[], string[]]>([
  ["500, then well", [{ kind: "status", status: 500 }], ["info job_accepted", "info server_trouble"]],
  [
    "cut before it asked, and a page of a hotel's network",
    [{ kind: "cut" }, { kind: "status", status: 302, headers: { location: "http://127.0.0.1:1/" } }],
    ["info job_accepted", "info server_trouble", "info server_trouble"],
  ],
  ["401 while the token is replaced", [{ kind: "status", status: 401 }], ["info job_accepted", "info server_trouble"]],
])("waiting goes on after trouble: %s", async (_title, faults, expected) => {
  const { server, judge, passes, events } = await bench();
  passes();
  server.fail("status", ...faults);
  expect(await judge()).toMatchObject({ outcome: "passed", mfuPercent: 55.25 });
  expect(notes(events)).toEqual(expected);
  expect(server.count("status")).toBe(faults.length + 1);
});

test("a broken pending answer costs nothing", async () => {
  const { server, judge, passes } = await bench();
  passes();
  server.pendingPolls = 1;
  server.fail("status", { kind: "cut_within", bytes: 9 });
  expect(await judge()).toMatchObject({ outcome: "passed" });
});

test("a connection that breaks within the result loses it, and what came is kept", async () => {
  const { server, judge, passes, runFolder } = await bench();
  passes();
  server.fail("status", { kind: "cut_within", bytes: 70 });
  const { outcome, failure } = await judge();
  expect(outcome).toBe("error");
  expect(failure).toMatchObject({ kind: "environment", fault: "environment", code: null, stage: "prepare" });
  expect(failure?.message).toMatch(
    /^The server box no longer knows job [0-9a-f-]{36}, and forgets a job once its result was read: the result is lost\. The connection broke while its state was read \(70 bytes had come\): its result was probably on the way then\.$/,
  );
  const kept = "eval-server-0.answer.unreadable-1";
  expect(failure?.detail).toBe(`What came is kept in the run's folder: ${kept}`);
  expect(readFileSync(join(runFolder, kept), "utf8")).toMatch(/^\{"status":"done","result":\{"task_id":/);
});

test("a server that was restarted has lost the job", async () => {
  const { server, launch } = await bench();
  server.fail("status", { kind: "status", status: 503 });
  server.onJob = (id) => server.jobs.delete(id);
  const { result } = await (await launch()).done;
  expect(result.failure?.message).toMatch(/The server was restarted, or somebody else read the result\.$/);
  expect(server.count("status")).toBe(2);
});

test.each<[string, Fault, string]>([
  ["no JSON", { kind: "body", body: "<html>welcome</html>" }, "it is no state of a job"],
  ["another form", { kind: "body", body: '{"status": "running"}' }, "it is no state of a job"],
  ["without end", { kind: "endless" }, "the answer is larger than 4.0 MiB"],
])("an answer that cannot be read is kept and asked for again, three times in all: %s", async (_title, fault, why) => {
  const { server, judge, runFolder } = await bench();
  server.fail("status", fault, fault, fault);
  const { outcome, failure } = await judge();
  expect([outcome, server.count("status")]).toEqual(["error", 3]);
  expect(failure?.message).toContain(`cannot be read: ${why}.`);
  const kept = readdirSync(runFolder).filter((name) => name.includes("unreadable"));
  expect(kept).toHaveLength(3);
  const sizes = kept.map((name) => statSync(join(runFolder, name)).size);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(4 * 1024 * 1024);
});

test("Python's NaN is no number, in a text it stays", async () => {
  const { server, judge } = await bench();
  server.onJob = (id) => server.end(id, {});
  const result = JSON.stringify(
    passedResult({ task_id: "", seed: "" }, { task_id: null, seed: null, error: 'NaN "\\' }),
  );
  const body = `{"status": "done", "result": ${result.replace("55.25", "NaN").replace("12345.6", "-Infinity")}}`;
  server.fail("status", { kind: "body", body });
  expect((await judge()).failure?.message).toBe("The server's answer cannot be right: a success without an MFU.");
});

// A pattern that goes back in its input would take hours for the first, and run out of stack for the second.
test.each<[string, string]>([
  ["quotes that are escaped where no string is", '\\"'.repeat(1_500_000)],
  ["a nesting without end", "[".repeat(3_000_000)],
  ["not numbers only", "NaN".repeat(1_000_000)],
])("what was made to take long takes not long: %s", (_title, body) => {
  expect(jobAnswerOf(body)).toBeNull();
});

test.each<[string, Record<string, unknown>, string]>([
  ["another task's", { task_id: "1" }, "cannot be right: it is that of another task."],
  ["another seed's", { seed: "x" }, "cannot be right: it was made with another seed."],
  ["an MFU beyond all", { mfu: 101 }, "cannot be right: an MFU of 101 %."],
  [
    "an MFU below its limit",
    { mfu: 12 },
    "cannot be right: a success with an MFU of 12.00 %, outside of the 50 to 85 %",
  ],
  ["no time at all", { wall_time_seconds: 0 }, "cannot be right: a timed run of 0 s."],
  [
    "success and failure",
    { error_code: "weight_mismatch" },
    "cannot be right: a success with the error code weight_mismatch.",
  ],
  ["a text for a number", { mfu: "55" }, "is not understood: mfu: "],
  ["a text for success", { success: "yes" }, "is not understood: success: "],
])("an answer is not believed: %s", async (_title, more, message) => {
  const { judge, passes, events } = await bench();
  passes(more);
  const { outcome, failure, mfuPercent } = await judge();
  expect([outcome, failure?.kind, mfuPercent]).toEqual(["error", "environment", null]);
  expect(failure?.message).toContain(message);
  expect(events.filter(({ type }) => type === "check")).toEqual([]);
});

test("fields that are missing are not made up", async () => {
  const { server, judge } = await bench();
  server.onJob = (id) => server.end(id, { success: true, mfu: 60 });
  expect(await judge()).toMatchObject({
    outcome: "passed",
    mfuPercent: 60,
    timedSeconds: null,
    tokensPerSecond: null,
  });
});

test("the validator's code is kept as it is; checks before it passed, those behind it are not known", async () => {
  const { judge, passes, events } = await bench();
  passes({ success: false, mfu: 0, error_code: "loss_mismatch", error: "Loss differs by 0.51\nmore" });
  expect(await judge()).toMatchObject({
    outcome: "failed",
    failure: {
      kind: "check",
      code: "loss_mismatch",
      fault: "submission",
      message: "Loss differs by 0.51",
      stage: "checks",
      detail: "Loss differs by 0.51\nmore",
    },
  });
  const states = events.flatMap((event) => (event.type === "check" ? [`${event.name} ${event.state}`] : []));
  expect(states.slice(12)).toEqual(["tokens passed", "loss failed", "weights not_measured", "min_mfu not_measured"]);
  expect(new Set(states.slice(0, 12).map((text) => text.split(" ")[1]))).toEqual(new Set(["passed"]));
});

test.each<[string, Record<string, unknown>, "done" | "failed", Record<string, unknown>]>([
  [
    "no code",
    { success: false, error: "Traceback\nRuntimeError: boom", error_code: null },
    "done",
    {
      outcome: "failed",
      failure: { kind: "exception", code: null, message: expect.stringMatching(/RuntimeError: boom$/) },
    },
  ],
  [
    "a code of another version",
    { success: false, error: "e", error_code: "brand_new" },
    "done",
    { outcome: "failed", failure: { code: null, message: expect.stringContaining("not known here, brand_new") } },
  ],
  [
    "a job that failed as a whole",
    { success: false, error: "no GPU", error_code: null },
    "failed",
    { outcome: "error", failure: { kind: "environment", fault: "environment" } },
  ],
])("failures without a known code: %s", async (_title, more, state, expected) => {
  const { server, judge } = await bench();
  server.onJob = (id, request) => server.end(id, passedResult(request, more), state);
  expect(await judge()).toMatchObject(expected);
});

test("a job that failed without a result is the server's trouble", async () => {
  const { server, judge } = await bench();
  server.onJob = (id) => server.end(id, null, "failed");
  expect(await judge()).toMatchObject({
    outcome: "error",
    failure: { message: "The server box says that the job failed, and gives no result." },
  });
});

test.each<[string, Partial<Analysis>, Record<string, unknown>]>([
  [
    "scan",
    {
      verdict: { ok: false, kind: "security", line: 3, rule: "forbidden-module" },
      findings: [{ rule: "forbidden-module", line: 3, column: 1, endLine: 3, endColumn: 2, message: "No os." }],
    },
    { kind: "scan", line: 3, message: "The validator's security check rejects the file (forbidden-module): No os." },
  ],
  ["topology", { strategy: { dp_size: 2, tp_size: 1 } }, { kind: "topology", line: null }],
  ["no topology", { strategy: null }, { kind: "topology" }],
])("what would be rejected is not sent: %s", async (_title, more, failure) => {
  const { server, judge } = await bench(async () => ({ ...PASSES, ...more }));
  expect(await judge()).toMatchObject({ outcome: "failed", failure: { fault: "submission", code: null, ...failure } });
  expect(server.requests).toEqual([]);
});

test.each<[number, string]>([
  [302, "it redirects, which is not followed"],
  [401, "it wants a token, or another one"],
  [403, "the token may not do this"],
  [404, "it has no such path"],
  [409, "that conflicts with what it is doing"],
  [422, "it does not take the request's fields"],
])("a server that answers %i takes no job, and is not asked again", async (status, words) => {
  const { server, judge } = await bench();
  server.fail("evaluate", { kind: "status", status, headers: { location: "http://127.0.0.1:1/" } });
  const { outcome, failure } = await judge();
  expect(outcome).toBe("error");
  expect(failure?.message).toBe(`The evaluation server box, asked to evaluate, answered ${status}: ${words}.`);
  expect([failure?.detail, server.requests.length]).toEqual(["told to fail", 1]);
});

test("a busy server is asked again", async () => {
  const { server, judge, passes, events, clock } = await bench();
  passes();
  server.fail(
    "evaluate",
    { kind: "status", status: 429, headers: { "retry-after": "90" } },
    { kind: "status", status: 503 },
  );
  expect(await judge()).toMatchObject({ outcome: "passed" });
  expect(notes(events)).toEqual(["info server_busy", "info job_accepted"]);
  expect(clock.pauses.slice(0, 2)).toEqual([90_000, 3000]);
});

test("a server that stays busy is given up after a quarter of an hour", async () => {
  const { server, judge } = await bench();
  server.fail("evaluate", ...Array.from({ length: 60 }, (): Fault => ({ kind: "status", status: 503 })));
  expect((await judge()).failure?.message).toMatch(/answered 503: it is not ready\.$/);
  expect(server.count("evaluate")).toBeLessThan(50);
});

test.each<[string, Fault]>([
  ["the connection breaks after it was sent", { kind: "cut_after" }],
  ["the server fails at it", { kind: "status", status: 500 }],
  ["it is named in a way that is not understood", { kind: "body", body: '{"job_id": "../x"}' }],
])("a job that may have been taken is not sent twice: %s", async (_title, fault) => {
  const { server, judge } = await bench();
  server.fail("evaluate", fault);
  const { outcome, failure } = await judge();
  expect([outcome, server.count("evaluate"), server.count("status")]).toEqual(["error", 1, 0]);
  expect(failure?.message).toMatch(/its result cannot be asked for\.$/);
});

test("cancelled: nobody waits any more, and it is said that the job goes on", async () => {
  const { server, launch } = await bench();
  server.pendingPolls = 1e9;
  const evaluation = await launch();
  await server.until(() => server.count("status") > 2);
  evaluation.cancel();
  const { result } = await evaluation.done;
  expect(result.outcome).toBe("cancelled");
  expect(result.failure?.message).toMatch(
    /^The run was cancelled here\. The server box takes no cancel: job \S+ goes on there until it ends\.$/,
  );
});

test("cancelled while a silent server is asked", async () => {
  const { server, launch } = await bench();
  server.fail("evaluate", { kind: "silent" });
  const evaluation = await launch();
  await server.until(() => server.count("evaluate") === 1);
  evaluation.kill();
  expect((await evaluation.done).result.failure?.message).toContain("may evaluate it all the same");
});

test("a clock that is set back or on by years ends nothing early, and no event goes back in time", async () => {
  const { server, clock, judge, passes, events } = await bench();
  passes();
  server.pendingPolls = 3;
  const { wall } = clock;
  const years = [0, 5, -5, 9, -9];
  clock.wall = () => wall() + (years[server.requests.length % years.length] ?? 0) * 365 * 86_400_000;
  expect(await judge()).toMatchObject({ outcome: "passed" });
  const times = events.map(({ t }) => t);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

test("a job that is never done is given up when a validator would", async () => {
  const { server, judge, clock } = await bench();
  server.pendingPolls = 1e9;
  const { outcome, failure } = await judge();
  expect([outcome, failure?.kind, failure?.fault]).toEqual(["error", "timeout", "environment"]);
  expect(clock.now() / 1000).toBeGreaterThan(3600 + 3000);
  expect(clock.now() / 1000).toBeLessThan(3600 + 3000 + 120);
});

test("the token is nowhere but among the secrets, also where the server repeats it", async () => {
  const { folder, server, judge, passes, events, output } = await bench();
  passes({ success: false, error: `bad ${TOKEN}`, diagnostics: { seen: TOKEN } });
  server.fail("status", { kind: "status", status: 200, body: `what is ${TOKEN}?` });
  const result = await judge();
  expect(result.failure?.detail).toBe("bad <token>");
  expect(JSON.stringify(events) + output() + allText(join(folder, "runs"))).not.toContain(TOKEN);
  expect(readFileSync(join(folder, "servers.json"), "utf8")).not.toContain(TOKEN);
  expect(statSync(join(folder, "secrets.json")).mode & 0o777).toBe(0o600);
});

test("a server that moves takes no job and no token along", async () => {
  const { server, servers, launch, events } = await bench();
  const other = await ServerDouble.start();
  onTestFinished(() => other.close());
  server.pendingPolls = 1e9;
  const evaluation = await launch();
  await server.until(() => server.count("status") > 0);
  servers.add({ name: "box", address: other.address }, null, { replace: true });
  const asked = server.count("status");
  servers.add({ name: "box", address: server.address }, TOKEN, { replace: true });
  await server.until(() => server.count("status") > asked);
  evaluation.cancel();
  await evaluation.done;
  expect([other.requests, notes(events).slice(0, 1)]).toEqual([[], ["info job_accepted"]]);
});

test("what stands in the way of a start", async () => {
  const { backend, order, server } = await bench();
  const { container: _container, ...needs } = order;
  const codes = async (more: Partial<Needs>) => (await backend.check({ ...needs, ...more })).map(({ code }) => code);
  expect(await codes({})).toEqual([]);
  expect(await codes({ server: undefined })).toEqual(["usage"]);
  expect(await codes({ server: "none" })).toEqual(["not_found"]);
  const { benchmark_dataset_name: _data, ...withoutData } = order.profile;
  expect(await codes({ profile: withoutData })).toEqual(["invalid_profile"]);
  expect(await codes({ profile: { ...order.profile, crusader: { kind: "rehearsal" } } })).toEqual(["unsupported"]);
  server.fail("health", { kind: "status", status: 301 }, { kind: "cut" });
  expect(await codes({})).toEqual(["server_refused"]);
  expect(await codes({})).toEqual(["server_unreachable"]);
});

// after a restart

test("another process goes on with the job where the first one left it", async () => {
  const { server, backend, order, launch, listener, events, passes } = await bench();
  const first = await launch();
  await server.until(() => server.count("status") > 1);
  first.detach?.();
  const recorded = { events: [...events], outputBytes: 0 };
  const [jobId = ""] = server.jobs.keys();
  passes();
  server.end(jobId, passedResult(server.jobs.get(jobId)?.request ?? {}));
  const second = await backend.reattach(order, recorded, listener);
  expect((await second?.done)?.result).toMatchObject({ outcome: "passed", mfuPercent: 55.25 });
  expect(server.count("evaluate")).toBe(1);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, index) => index));
});

test("an answer that came before the crash is not asked for again", async () => {
  const { server, backend, order, judge, listener, events, passes } = await bench();
  passes();
  await judge();
  const recorded = { events: events.slice(0, 6), outputBytes: 0 };
  const asked = server.count("status");
  const again = await backend.reattach(order, recorded, listener);
  expect((await again?.done)?.result).toMatchObject({ outcome: "passed" });
  expect(server.count("status")).toBe(asked);
});

test("a crash while the answer was told: the rest is told, and nothing twice", async () => {
  const { backend, order, judge, events, passes } = await bench();
  passes();
  await judge();
  const again: Event[] = [];
  const recorded = { events: events.slice(0, 12), outputBytes: 0 };
  const listener = { event: (event: Event) => again.push(event), output: () => {} };
  await (await backend.reattach(order, recorded, listener))?.done;
  const content = ({ t: _t, ...event }: Event) => event;
  expect(again.filter(({ seq }) => seq >= 12).map(content)).toEqual(events.slice(12).map(content));
});

test("what the record already holds is the result", async () => {
  const { backend, order, judge, listener, events, passes, server } = await bench();
  passes();
  const result = await judge();
  const told = events.length;
  const again = await backend.reattach(order, { events: [...events], outputBytes: 0 }, listener);
  expect((await again?.done)?.result).toEqual(result);
  expect([events.length, server.count("status")]).toEqual([told, 1]);
});

test("an answer cut by the crash is looked at, and the loss is said", async () => {
  const { server, backend, order, launch, listener, events, runFolder } = await bench();
  const first = await launch();
  await server.until(() => server.count("status") > 0);
  first.detach?.();
  server.jobs.clear();
  writeFileSync(join(runFolder, "eval-server-0.answer.part"), '{"status": "done", "result": {"mfu": 5');
  const second = await backend.reattach(order, { events: [...events], outputBytes: 0 }, listener);
  expect((await second?.done)?.result.failure?.message).toMatch(
    /the result is lost\. Crusader was ended while it waited: its result may have been on the way then\.$/,
  );
});

test("a job that was being sent when Crusader ended is not sent again", async () => {
  const { server, backend, order, launch, listener, events } = await bench();
  server.fail("evaluate", { kind: "silent" });
  const first = await launch();
  await server.until(() => server.count("evaluate") === 1);
  first.detach?.();
  const second = await backend.reattach(order, { events: [...events], outputBytes: 0 }, listener);
  expect((await second?.done)?.result.failure?.message).toMatch(
    /^Whether the server box took the job is not known: Crusader was ended while the job was being sent\./,
  );
  expect(server.count("evaluate")).toBe(1);
});

test("a run that had not begun has nothing to go on with; one that was being scanned begins anew", async () => {
  const scanned = Promise.withResolvers<Analysis>();
  const { server, backend, order, launch, listener, events, passes } = await bench(() => scanned.promise);
  expect(await backend.reattach(order, { events: [], outputBytes: 0 }, listener)).toBeNull();
  passes();
  const first = await launch();
  first.detach?.();
  const recorded = { events: [...events], outputBytes: 0 };
  scanned.resolve(PASSES);
  events.length = 0;
  const second = await backend.reattach(order, recorded, listener);
  expect((await second?.done)?.result.outcome).toBe("passed");
  expect(events.slice(0, recorded.events.length)).toEqual(recorded.events);
  expect(server.count("evaluate")).toBe(1);
});
