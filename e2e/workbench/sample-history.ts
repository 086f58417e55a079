/** A few weeks of somebody's runs, complete enough for every panel to have something to show. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Check, type Event, eventSchema, type Failure, STAGES } from "../../app/common/events.ts";
import type { RepeatResult } from "../../app/common/runs.ts";
import { samplePlan, sampleRepeat, sampleResult } from "../../app/common/sample-runs.ts";

const TEMPLATE = readFileSync(new URL("../../templates/fsdp.py", import.meta.url), "utf8");
const GOLDEN = readFileSync(new URL("../../fixtures/events/golden.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => eventSchema.parse(JSON.parse(line)));
const FIRST_RUN_MS = Date.parse("2026-10-19T08:00:00Z");
const REPEATS = 3;
const TIMED_STEPS = 20;
const STAGE_SECONDS = { scan: 0.1, topology: 0.1, prepare: 3.4, reference: 6, import: 0.8, warmup: 0.9, checks: 1.2 };

const checksOf = (state: "passed" | "failed"): Check[] =>
  GOLDEN.flatMap((event) => {
    if (event.type !== "check" || event.name === "loss") return [];
    const { v, seq, t, type, ...check } = event;
    return check.name !== "weights" || check.state === state ? [check] : [];
  });

/** The same text for all versions but for the lines a miner would try things in. */
export function submissionOf(version: number): string {
  const tried = Array.from({ length: version % 3 }, (_value, index) => `# tried: prefetch ${2 ** index} batches`);
  return `${TEMPLATE.trimEnd()}\n${tried.map((line) => `${line}\n`).join("")}`;
}

/** Runs 1 to `count`; every seventh failed a check, and so did the last but one. */
export function writeSampleHistory(dataFolder: string, count: number): void {
  for (let number = 1; number <= count; number += 1) {
    const failed = number % 7 === 3 || number === count - 1;
    writeRun(dataFolder, number, failed);
  }
}

function writeRun(dataFolder: string, number: number, failed: boolean): void {
  const folder = join(dataFolder, "runs", String(number));
  mkdirSync(folder, { recursive: true });
  const runId = String(number);
  const startMs = FIRST_RUN_MS + number * 5.3 * 3_600_000;
  const version = Math.ceil(number / 3);
  const source = submissionOf(version);
  const plan = samplePlan({
    runId,
    createdAt: new Date(startMs).toISOString(),
    submission: {
      name: "train_fsdp.py",
      path: "/home/miner/submissions/train_fsdp.py",
      sha256: version.toString(16).padStart(64, "0"),
      bytes: source.length,
      version,
    },
  });
  const repeats = Array.from({ length: failed ? 1 : REPEATS }, (_value, index) => repeatOf(number, index, failed));
  const wallSeconds = repeats.reduce((sum, repeat) => sum + repeat.wallSeconds, 0);
  const speeds = repeats.map(({ relativeSpeed }) => relativeSpeed ?? 0).toSorted((a, b) => a - b);
  const output = outputOf(repeats);
  const result = sampleResult(repeats, {
    runId,
    startedAt: plan.createdAt,
    finishedAt: new Date(startMs + 1000 * wallSeconds).toISOString(),
    outcome: failed ? "failed" : "passed",
    failure: repeats[0]?.failure ?? null,
    score: failed ? null : { kind: "relative_speed", value: speeds[1] ?? 0 },
    repeatsPlanned: REPEATS,
    successRate: failed ? 0 : 1,
    notComparable: ["a rehearsal: a small model on CPU ranks, whose speed says nothing about MFU"],
    output: { keptBytes: output.length, droppedBytes: 0 },
  });
  const files = {
    "plan.json": JSON.stringify(plan),
    "result.json": JSON.stringify(result),
    "train.py": source,
    "events.jsonl": repeats.flatMap((repeat, index) => eventsOf(repeat, index)).join(""),
    "output.log": output,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}

const PRODUCTION = JSON.parse(
  readFileSync(new URL("../../hparams/production-2026-04.json", import.meta.url), "utf8"),
) as Record<string, unknown>;

/**
 * A run on four A100 by production's profile, whose numbers were made up for tests: one repeat, 61.20 % MFU. `judgedBy`: the
 * revision of production's own code, where that judged; `gpu`: what the judge saw instead, by the driver's name.
 */
export function writeMfuRun(
  dataFolder: string,
  number: number,
  notComparable: readonly string[],
  judgedBy?: string,
  gpu?: string,
): void {
  const runId = String(number);
  const folder = join(dataFolder, "runs", runId);
  mkdirSync(folder, { recursive: true });
  const source = submissionOf(1);
  const createdAt = new Date(FIRST_RUN_MS + number * 3_600_000).toISOString();
  const numRanks = 4;
  const repeat = sampleRepeat(78.42, {
    numRanks,
    strategy: { dp_size: 4, tp_size: 1 },
    device: "cuda",
    parameters: 7_615_616_512,
    uniqueTokens: 16 * 1024 * TIMED_STEPS * numRanks,
    mfuPercent: 61.197,
    relativeSpeed: null,
    checks: judgedBy === undefined ? checksOf("passed") : [],
    ...(judgedBy === undefined ? {} : { production: REPORT }),
    ...(gpu === undefined ? {} : { gpus: Array.from({ length: numRanks }, () => ({ name: gpu, memoryBytes: null })) }),
  });
  const submission = {
    name: "train.py",
    path: "/code/train.py",
    sha256: "c".repeat(64),
    bytes: source.length,
    version: 1,
  };
  const profile = {
    name: "production-2026-04",
    kind: "production" as const,
    sha256: "d".repeat(64),
    content: PRODUCTION,
  };
  const production = { revision: { id: (judgedBy ?? "").padEnd(40, "0"), label: judgedBy ?? "" }, files: [] };
  const plan = samplePlan({
    ...{ runId, createdAt, submission, profile, numRanks, seeds: ["s1"] },
    ...(judgedBy === undefined ? {} : { production }),
  });
  const result = sampleResult([repeat], {
    runId,
    startedAt: createdAt,
    finishedAt: createdAt,
    score: { kind: "mfu_percent", value: 61.197 },
    notComparable: [...notComparable],
  });
  writeFileSync(join(folder, "plan.json"), JSON.stringify(plan));
  writeFileSync(join(folder, "result.json"), JSON.stringify(result));
  writeFileSync(join(folder, "train.py"), source);
  writeFileSync(join(folder, "events.jsonl"), eventsOf(repeat, 0).join(""));
  writeFileSync(join(folder, "output.log"), "");
}

const REPORT: NonNullable<RepeatResult["production"]> = {
  evaluationSeconds: 412.5,
  totalTokens: 327_680,
  diagnostics: [
    { name: "loss.value", value: "10.42" },
    { name: "note", value: "<b>not markup</b>" },
  ],
  diagnosticsLeftOut: 3,
};

const MISMATCH: Failure = {
  kind: "check",
  code: "weight_mismatch",
  fault: "submission",
  message: "The final weights are too far from the reference's: 0.0163 of 0.0050.",
  hint: "",
  stage: "checks",
  rank: null,
  line: null,
  detail: "",
};

function repeatOf(number: number, repeat: number, failed: boolean): RepeatResult {
  // Better with time, with some noise that is the same each time this is made.
  const noise = Math.sin(number * 12.9 + repeat * 78.2);
  const timedSeconds = 5.6 - 1.3 * (1 - Math.exp(-number / 18)) + 0.11 * noise;
  return sampleRepeat(timedSeconds, {
    seed: `s${repeat + 1}`,
    outcome: failed ? "failed" : "passed",
    failure: failed ? MISMATCH : null,
    checks: checksOf(failed ? "failed" : "passed"),
    stageSeconds: { ...STAGE_SECONDS, timed: timedSeconds },
    wallSeconds: Object.values(STAGE_SECONDS).reduce((sum, value) => sum + value, timedSeconds),
    ...(failed ? { relativeSpeed: null } : {}),
  });
}

type Unnumbered = Event extends infer One ? (One extends Event ? Omit<One, "v" | "seq" | "t"> : never) : never;

/** What the judge wrote while it judged that. */
function eventsOf(repeat: RepeatResult, index: number): string[] {
  const events: { t: number; event: Unnumbered }[] = [];
  let t = 0;
  for (const stage of STAGES) {
    const seconds = repeat.stageSeconds[stage] ?? 0;
    const state = stage === "checks" && repeat.outcome === "failed" ? "failed" : "passed";
    events.push({ t, event: { type: "stage", stage, state: "running", seconds: null } });
    if (stage === "checks") for (const check of repeat.checks) events.push({ t, event: { type: "check", ...check } });
    t += seconds;
    events.push({ t, event: { type: "stage", stage, state, seconds } });
  }
  const { checks, notes, stageSeconds, wallSeconds, ...result } = repeat;
  events.push({ t, event: { type: "result", ...result } });
  return events.map(({ t: time, event }, seq) => {
    const recorded = { repeat: index, event: eventSchema.parse({ v: 1, seq, t: time, ...event }) };
    return `${JSON.stringify(recorded)}\n`;
  });
}

function outputOf(repeats: readonly RepeatResult[]): string {
  return repeats
    .flatMap((repeat, index) => [
      `[rank 0] \u001b[1mrepeat ${index + 1}\u001b[0m seed ${repeat.seed}`,
      ...Array.from({ length: TIMED_STEPS }, (_value, step) => {
        const loss = (6.24 - 0.031 * step + 0.01 * Math.sin(step + index)).toFixed(4);
        const rank = step % repeat.numRanks;
        return `[rank ${rank}] step ${String(step + 1).padStart(2)} loss ${loss}`;
      }),
    ])
    .map((line) => `${line}\n`)
    .join("");
}
