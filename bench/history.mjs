/** History of 10,000 runs: any list, filter or show within 20 ms; beside them what the disk and SQLite need bare. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { samplePlan, sampleRepeat, sampleResult } from "../app/common/sample-runs.ts";
import { RunStore } from "../app/main/services/runs/index.ts";

const RUNS = 10_000;
const LIMIT_MS = 20;
const REPETITIONS = 40;
const FIRST_RUN_MS = Date.parse("2025-09-01T00:00:00Z");
const STATES = /** @type {const} */ (["passed", "passed", "passed", "failed", "cancelled"]);

/**
 * Slow of 40 calls (p95), in milliseconds; `peer` is the same question asked bare in the same run.
 * @returns {Promise<{name: string, value: number, unit: string, limit: number | null, peer?: number, ratio?: number}[]>}
 */
export async function benchHistory() {
  const dataFolder = mkdtempSync(join(tmpdir(), "crusader-bench-history-"));
  const store = new RunStore({ dataFolder });
  try {
    writeRuns(dataFolder, RUNS);
    const reindexStart = performance.now();
    store.reindex();
    const reindexSeconds = (performance.now() - reindexStart) / 1000;

    const runsFolder = join(dataFolder, "runs");
    const bare = new DatabaseSync(join(dataFolder, "history.db"), { readOnly: true });
    const select = bare.prepare("SELECT summary FROM runs ORDER BY id DESC LIMIT 50");
    const selectMs = slowMilliseconds(() => select.all().map(({ summary }) => JSON.parse(String(summary))));
    const readMs = slowMilliseconds((index) => {
      for (const file of ["plan.json", "result.json"])
        JSON.parse(readFileSync(join(runsFolder, runId(index), file), "utf8"));
    });
    const globStart = performance.now();
    readdirSync(runsFolder).filter(
      (id) => JSON.parse(readFileSync(join(runsFolder, id, "result.json"), "utf8")).outcome === "failed",
    );
    const globMs = performance.now() - globStart;
    bare.close();

    /** @type {(name: string, peer: number, action: (index: number) => unknown) => {name: string, value: number, unit: string, limit: number, peer: number, ratio: number}} */
    const timed = (name, peer, action) => {
      const value = slowMilliseconds(action);
      return { name: `history of 10,000: ${name}`, value, unit: "ms", limit: LIMIT_MS, peer, ratio: value / peer };
    };
    return [
      timed("list, peer: bare SELECT", selectMs, () => store.list()),
      timed("last page, peer: bare SELECT", selectMs, () => store.list({ offset: RUNS - 50 })),
      timed("filter by state, peer: reading every folder", globMs, () => store.list({ state: "failed" })),
      timed("filter by profile and submission, peer: reading every folder", globMs, () =>
        store.list({ profile: "rehearsal", submission: "train_3.py" }),
      ),
      timed("search, peer: reading every folder", globMs, (index) =>
        store.list({ search: `weights differ in layer ${index % 7}` }),
      ),
      timed("show, peer: reading its two files", readMs, (index) => store.show(runId(index))),
      {
        name: "history of 10,000: rebuild of the index",
        value: reindexSeconds,
        unit: "s",
        limit: null,
        peer: globMs / 1000,
        ratio: (reindexSeconds * 1000) / globMs,
      },
    ];
  } finally {
    store.close();
    rmSync(dataFolder, { recursive: true });
  }
}

/** @param {number} index */
function runId(index) {
  return String(((index * 7919) % RUNS) + 1);
}

/** @param {(index: number) => unknown} action */
function slowMilliseconds(action) {
  const times = Array.from({ length: REPETITIONS }, (_value, index) => {
    const start = performance.now();
    action(index);
    return performance.now() - start;
  });
  return /** @type {number} */ (times.sort((a, b) => a - b)[Math.floor(REPETITIONS * 0.95)]);
}

/**
 * Runs 1 to `count`, as they lie on the disk, an hour apart.
 * @param {string} dataFolder
 * @param {number} count
 */
export function writeRuns(dataFolder, count) {
  for (let number = 1; number <= count; number += 1) {
    const folder = join(dataFolder, "runs", String(number));
    const outcome = STATES[number % STATES.length] ?? "passed";
    const name = `train_${number % 20}.py`;
    const createdAt = new Date(FIRST_RUN_MS + number * 3_600_000).toISOString();
    const plan = samplePlan({
      runId: String(number),
      createdAt,
      submission: { name, path: `/code/${name}`, sha256: "a".repeat(64), bytes: 12, version: 1 + (number % 300) },
    });
    const [check] = sampleRepeat(4).checks;
    // As large as a real one: three repeats of sixteen checks.
    const repeat = sampleRepeat(4 + (number % 10) / 10, {
      checks: check === undefined ? [] : Array.from({ length: 16 }, () => check),
    });
    const failure =
      outcome !== "failed"
        ? null
        : {
            kind: /** @type {const} */ ("check"),
            code: /** @type {const} */ ("weight_mismatch"),
            fault: /** @type {const} */ ("submission"),
            message: `The weights differ in layer ${number % 7}.`,
            hint: "",
            stage: /** @type {const} */ ("checks"),
            rank: null,
            line: null,
            detail: "",
          };
    const result = sampleResult([repeat, repeat, repeat], {
      runId: String(number),
      startedAt: createdAt,
      finishedAt: new Date(Date.parse(createdAt) + 30_000).toISOString(),
      outcome,
      failure,
      ...(outcome === "passed" ? {} : { score: null }),
    });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "plan.json"), JSON.stringify(plan));
    writeFileSync(join(folder, "result.json"), JSON.stringify(result));
    writeFileSync(join(folder, "train.py"), "import torch\n");
  }
}
