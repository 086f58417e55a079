import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Plan, RepeatResult, RunResult } from "../../common/runs.ts";
import { samplePlan, sampleRepeat, sampleResult } from "../../common/sample-runs.ts";
import { RunStore } from "../services/runs/index.ts";
import { runsCommand } from "./runs.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "crusader-runs-cli-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function crusader(...args: string[]): Promise<{ exit: number; stdout: string; stderr: string }> {
  const written = { stdout: "", stderr: "" };
  const stream = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const exit = await runsCommand(args, { stdout: stream("stdout"), stderr: stream("stderr") }, folder);
  return { exit, ...written };
}
const printed = async (...args: string[]) => (await crusader(...args)).stdout;

function record(
  repeats: RepeatResult[],
  {
    source = "x = 1\n",
    name = "train.py",
    printed = "\u00ffA",
    production,
    ...result
  }: Partial<RunResult> & { source?: string; name?: string; printed?: string; production?: Plan["production"] } = {},
): void {
  const { version: _v, runId: _r, createdAt: _c, submission: _s, against: _a, ...plan } = samplePlan();
  const store = new RunStore({ dataFolder: folder, now: () => Date.parse("2026-11-01T10:00:00.000Z") });
  const recorder = store.create(
    { ...plan, submission: { name, path: `/code/a/${name}` }, ...(production === undefined ? {} : { production }) },
    Buffer.from(source),
  );
  const { version: _version, runId: _runId, output: _output, ...outcome } = sampleResult(repeats, result);
  recorder.event(0, { v: 1, seq: 0, t: 0, type: "stage", stage: "scan", state: "running", seconds: null });
  recorder.output(Buffer.from(printed, "latin1"));
  recorder.finish(outcome);
  store.close();
}

const failure: RunResult["failure"] = {
  kind: "check",
  code: "weight_mismatch",
  fault: "submission",
  message: "Weights differ too much:\u001b[2J 0.0210 of 0.0050.",
  hint: "Compare optimizer settings with the reference.",
  stage: "checks",
  rank: 0,
  line: null,
  detail: "layer 27\n\u001b]0;owned\u0007layer 28",
};

test("list", async () => {
  record([sampleRepeat(4)]);
  record([sampleRepeat(5)], { outcome: "failed", failure, score: null, source: "x = 2\n", name: "evil\u001b[2J\n.py" });
  expect(sizeless(await printed("list"))).toBe(
    [
      "run  state    score  submission   profile    ranks  reason             took  size  created",
      "  2  failed          evil .py v1  rehearsal      2  weight_mismatch  30.0 s  SIZE  2026-11-01 10:00 UTC",
      "  1  passed  x 1.50  train.py v1  rehearsal      2                   30.0 s  SIZE  2026-11-01 10:00 UTC",
      "",
      "2 of 2 runs. x: speed relative to the reference run, not a score.",
      "",
    ].join("\n"),
  );
  expect(await printed("list", "--state", "running")).toBe("No run matches.\n");
  expect(JSON.parse(await printed("list", "--search", "MISMATCH", "--json"))).toMatchObject({
    runs: [{ id: "2" }],
    total: 1,
    unreadable: [],
  });
});

/** Sizes depend on the width of numbers such as process ids. */
function sizeless(text: string): string {
  return text.replace(/ *\d+\.\d KiB/g, "  SIZE").replace(/took +size/, "took  size");
}

test("log", async () => {
  record([sampleRepeat(4)], { printed: "judge\n[rank 0] zero\n[rank 1] \u001b[2Jone\n" });
  expect(await crusader("log", "1")).toEqual({
    exit: 0,
    stdout: "judge\n[rank 0] zero\n[rank 1] one\n",
    stderr: "",
  });
  expect(await printed("log", "1", "--rank", "1")).toBe("[rank 1] one\n");
  await expect(crusader("log", "1", "--rank", "2")).rejects.toMatchObject({
    code: "usage",
    message: "Run 1 has no rank 2.",
    hint: "Its ranks are 0 to 1.",
  });
  record([sampleRepeat(4)], { printed: "[rank 0] alone\n" });
  expect(await crusader("log", "2", "--rank", "1")).toEqual({
    exit: 0,
    stdout: "",
    stderr: "Rank 1 printed nothing.\n",
  });
});

test("runs that production's own code judged are told apart", async () => {
  record([sampleRepeat(4)]);
  const revision = { id: "a".repeat(40), label: "aaaaaaa" };
  record([sampleRepeat(4)], { production: { revision, files: [] } });
  expect(await printed("list", "--evaluation", "production")).toContain("rehearsal, judged by production aaaaaaa");
  const ids = async (...args: string[]) =>
    JSON.parse(await printed("list", "--json", ...args)).runs.map(({ id }: { id: string }) => id);
  expect(await ids("--evaluation", "production")).toEqual(["2"]);
  expect(await ids("--evaluation", "crusader")).toEqual(["1"]);
  expect(await printed("compare", "1", "2")).toContain(
    "evaluation: crusader in A and production, revision aaaaaaa in B",
  );
});

test("an empty history teaches", async () => {
  expect(await printed("list")).toBe("No runs yet. `crusader simulate FILE` records one.\n");
});

test("show: what stood out of the GPUs, beside the score", async () => {
  const observed = sampleRepeat(4, {
    gpuObservations: [
      { kind: "throttled", gpu: 2, share: 0.4, reason: "sw_power_cap" },
      { kind: "idle", gpu: 0, share: 0.25 },
    ],
  });
  record([observed]);
  record([sampleRepeat(4), observed]);
  const notes = async (id: string) =>
    (await printed("show", id)).split("\n").filter((line) => line.startsWith("  GPU") || line.startsWith("  score"));
  expect(await notes("1")).toEqual([
    "  score       x 1.50, the low median speed relative to the reference run",
    "  GPU         GPU 2 was power-capped in 40 % of the timed span",
    "  GPU         GPU 0 was idle in 25 % of the timed span",
  ]);
  expect((await notes("2")).slice(1)).toEqual([
    "  GPU         Repeat 2: GPU 2 was power-capped in 40 % of the timed span",
    "  GPU         Repeat 2: GPU 0 was idle in 25 % of the timed span",
  ]);
});

test("show: stages, checks with value and limit, the failure with its hint; nothing that a terminal obeys", async () => {
  record(
    [sampleRepeat(4, { notes: [{ level: "finding", id: "x", message: "Half of the batches\u001b[A.", line: 3 }] })],
    { outcome: "failed", failure, score: null },
  );
  expect((await printed("show", "1")).replace(/\d+\.\d KiB/, "SIZE").replace(/[0-9a-f]{64}/, "SHA")).toBe(
    [
      "run 1  FAILED",
      "  submission  train.py v1, /code/a/train.py",
      "  sha256      SHA",
      "  profile     rehearsal (rehearsal)",
      "  ran on      local, 2 ranks, sandbox: bubblewrap",
      "  seeds       s1, s2, s3",
      "  created     2026-11-01 10:00 UTC",
      "  size        SIZE",
      "  passed      1 of 1, at least 30 % needed",
      "  no score    rehearsal: a small model on CPU ranks",
      "",
      "repeat 1 of 1: passed, x 1.50, timed 4.0 s, dp 2 x tp 1, cpu, 512.0 MiB a rank at most",
      "  stage       time",
      "  scan       0.0 s",
      "  reference  6.0 s",
      "  timed      4.0 s",
      "",
      "  check    state   value      limit  used                production",
      "  weights  ok     0.0006  <= 0.0050  12 %  [#---------]   <= 0.0150",
      "  finding: line 3: Half of the batches.",
      "",
      "weight_mismatch (checks, rank 0): Weights differ too much: 0.0210 of 0.0050.",
      "hint: Compare optimizer settings with the reference.",
      "  layer 27",
      "  layer 28",
      "",
    ].join("\n"),
  );
  expect(JSON.parse(await printed("show", "1", "--json"))).toMatchObject({
    id: "1",
    state: "failed",
    result: { failure },
  });
});

test("compare: code, configuration, environment, and the numbers behind the verdict", async () => {
  record([sampleRepeat(10), sampleRepeat(10.2)]);
  record(
    [sampleRepeat(5), sampleRepeat(5.1)].map((repeat) => ({ ...repeat, versions: { torch: "2.14.0" } })),
    { source: "x = 2\n" },
  );
  expect(await printed("compare", "1", "2")).toBe(
    [
      "A  run 1 (train.py v1)",
      "B  run 2 (train.py v2)",
      "",
      "code",
      "  --- train.py v1 (run 1)",
      "  +++ train.py v2 (run 2)",
      "  @@ -1,1 +1,1 @@",
      "  -x = 1",
      "  +x = 2",
      "",
      "configuration: the same",
      "",
      "environment",
      "         A       B",
      "  torch  2.13.0  2.14.0",
      "",
      "speed: B is faster: B +100.00 % [+88.31 % .. +112.42 %]",
      "     median tokens/s        min .. max  n  timed",
      "  A            4,016  [4,016 .. 4,096]  2  10.0 s, 10.2 s",
      "  B            8,031  [8,031 .. 8,192]  2  5.0 s, 5.1 s",
      "  2 and 2 repeats: 95 % interval of the difference of mean logs (Welch's t)",
      "",
    ].join("\n"),
  );
  expect(JSON.parse(await printed("compare", "1", "2", "--json"))).toMatchObject({ speed: { verdict: "faster" } });
});

test("export holds everything of the run and overwrites nothing", async () => {
  record([sampleRepeat(4)]);
  const file = join(folder, "run.json");
  await crusader("export", "1", "--output", file);
  const exported = JSON.parse(readFileSync(file, "utf8"));
  expect({ keys: Object.keys(exported), source: exported.source, output: exported.output }).toEqual({
    keys: ["exportVersion", "id", "state", "bytes", "plan", "result", "events", "unreadableLines", "source", "output"],
    source: { text: "x = 1\n" },
    output: { base64: "/0E=" },
  });
  expect(JSON.parse(await printed("export", "1"))).toEqual(exported);
  await expect(crusader("export", "1", "--output", file)).rejects.toMatchObject({ code: "usage" });
});

test("import enters what export wrote, under a number of its own, and says whose code it is", async () => {
  record([sampleRepeat(4), sampleRepeat(4), sampleRepeat(4)]);
  const file = join(folder, "run.json");
  await crusader("export", "1", "--output", file);
  expect(await printed("import", file)).toMatch(
    /^Run 2: imported from run 1, \d{4}-\d\d-\d\d\. Its code is another's: it runs in a sandbox only\.\n$/,
  );
  expect(JSON.parse(await printed("import", join(folder, "runs", "1"), "--json"))).toEqual({
    runId: "3",
    origin: { runId: "1", importedAt: expect.any(String) },
  });
  const [own, imported] = (await printed("list"))
    .split("\n")
    .filter((line) => /^ *[12] /.test(line))
    .toReversed();
  expect([own, imported].map((line) => line?.includes("(imported)"))).toEqual([false, true]);
  expect(await printed("show", "2")).toMatch(/^ {2}origin {6}imported from run 1, \d{4}-\d\d-\d\d$/m);
  await expect(crusader("import")).rejects.toMatchObject({ code: "usage" });
  await expect(crusader("import", folder)).rejects.toMatchObject({ code: "invalid_record" });
});

test("prune shows first and removes with --yes; delete and reindex say what they did", async () => {
  for (let number = 0; number < 4; number += 1) record([sampleRepeat(4)]);
  const dry = await printed("prune", "--keep", "3");
  expect(
    dry
      .replace(/\d+\.\d KiB/g, "SIZE")
      .split("\n")
      .at(-2),
  ).toBe("1 run, SIZE, would go; 3 runs, SIZE would stay. Repeat with --yes to remove them.");
  expect((await printed("prune", "--keep", "3", "--yes")).replace(/\d+\.\d KiB/g, "SIZE")).toBe(
    "Removed 1 run, SIZE; 3 runs, SIZE stay.\n",
  );
  expect((await printed("delete", "4")).replace(/\d+\.\d KiB/g, "SIZE")).toBe("Deleted 1 run, SIZE.\n");
  expect(await printed("reindex")).toBe("The history holds 2 runs.\n");
  expect(JSON.parse(await printed("prune", "--max-size", "1k", "--json"))).toMatchObject({
    dryRun: true,
    runs: [{ id: "3" }, { id: "2" }],
  });
});

test.each([
  [[], "usage"],
  [["lst"], "usage"],
  [["show"], "usage"],
  [["show", "1", "2"], "usage"],
  [["show", "1"], "not_found"],
  [["show", "../../x"], "not_found"],
  [["compare", "1"], "usage"],
  [["list", "7"], "usage"],
  [["list", "--state", "great"], "usage"],
  [["list", "--evaluation", "ours"], "usage"],
  [["list", "--limit", "-1"], "usage"],
  [["list", "--limit=x"], "usage"],
  [["list", "--since", "yesterday-ish"], "usage"],
  [["list", "--yes"], "usage"],
  [["list", "--colour"], "usage"],
  [["prune"], "usage"],
  [["prune", "--max-size", "huge"], "usage"],
  [["prune", "--older-than", "x"], "usage"],
])("wrong use: runs %j", async (args, code) => {
  await expect(crusader(...args)).rejects.toMatchObject({ code, message: expect.stringMatching(/.\.$|'/) });
});

test("help", async () => {
  const { exit, stdout } = await crusader("--help");
  expect({ exit, first: stdout.split("\n")[0] }).toEqual({
    exit: 0,
    first: "Lists, shows, compares, exports and removes recorded runs.",
  });
});
