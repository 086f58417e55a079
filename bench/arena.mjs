/** The arena with 10,000 submissions kept: search within 50 ms, a submission within 200 ms, the board within 300 ms (its first paint needs more than that answer). */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { ArenaService } from "../app/main/services/arena/index.ts";
import { FileSecrets } from "../app/main/services/settings/index.ts";
import { createValidatorDatabase, insertRows, submissionRow } from "../e2e/validator-database.ts";

const SUBMISSIONS = 10_000;
const REPETITIONS = 20;
const RULES = {
  threshold: { baseThreshold: 0.01, decayPercent: 0.05, decayIntervalBlocks: 100 },
  secondsPerBlock: 12,
  burnRate: 1,
};
/** In every submission, in some, and in one. */
const QUERIES = [
  "inner_steps",
  "to",
  "scaled_dot_product torch.compile",
  "variant_77",
  "v1_commit_104242_",
  "hotkey12 finished",
  "",
];

/** @returns {Promise<{name: string, value: number, unit: string, limit: number | null}[]>} */
export async function benchArena() {
  const folder = mkdtempSync(join(tmpdir(), "crusader-bench-arena-"));
  const dataFolder = join(folder, "home");
  const arena = new ArenaService({
    dataFolder,
    secrets: new FileSecrets({ dataFolder }),
    ownHotkeys: () => ["5Hotkey7"],
    bestRun: () => null,
    runsOf: () => [],
    isOwnCode: () => false,
  });
  try {
    writeDatabase(join(folder, "crusades.db"));
    arena.add({ name: "own", place: { kind: "database", path: folder } }, null);
    const readMs = await milliseconds(() => arena.refresh("own"));
    const againMs = await milliseconds(() => arena.refresh("own"));
    const searches = QUERIES.map((query) =>
      slowMilliseconds(() => arena.search({ query, own: false, limit: 50, offset: 0 })),
    );
    const megabytes = statSync(join(dataFolder, "arena.db")).size / 2 ** 20;
    const of = "arena of 10,000";
    return [
      {
        name: `${of}: search, the slowest of ${QUERIES.length} questions`,
        value: Math.max(...searches),
        unit: "ms",
        limit: 50,
      },
      {
        name: `${of}: a submission with its code`,
        value: slowMilliseconds((index) => arena.submission({ source: "own", submissionId: idOf(index * 97) })),
        unit: "ms",
        limit: 200,
      },
      { name: `${of}: the board`, value: slowMilliseconds(() => arena.board("own", RULES)), unit: "ms", limit: 300 },
      { name: `${of}: the history`, value: slowMilliseconds(() => arena.history("own")), unit: "ms", limit: null },
      { name: `${of}: a validator's database read for the first time`, value: readMs / 1000, unit: "s", limit: null },
      { name: `${of}: the same when nothing was written`, value: againMs, unit: "ms", limit: null },
      { name: `${of}: what is kept`, value: megabytes, unit: "MiB", limit: null },
    ];
  } finally {
    await arena.close();
    rmSync(folder, { recursive: true });
  }
}

/**
 * A data folder with all of it, in `data` of a folder, from a source that is there no more.
 * @param {string} folder
 */
export async function writeArena(folder) {
  const dataFolder = join(folder, "data");
  const arena = new ArenaService({
    dataFolder,
    secrets: new FileSecrets({ dataFolder }),
    ownHotkeys: () => [],
    bestRun: () => null,
    runsOf: () => [],
    isOwnCode: () => false,
  });
  writeDatabase(join(folder, "crusades.db"));
  arena.add({ name: "own", place: { kind: "database", path: folder } }, null);
  await arena.refresh("own");
  await arena.close();
  rmSync(join(folder, "crusades.db"));
}

/** @param {number} index */
function idOf(index) {
  return `v1_commit_${100_000 + (index % SUBMISSIONS)}_${(index % SUBMISSIONS) % 256}`;
}

/** @param {string} file */
export function writeDatabase(file) {
  const database = createValidatorDatabase(file);
  database.exec("BEGIN");
  for (let index = 0; index < SUBMISSIONS; index += 1) {
    const code = codeOf(index);
    const failed = index % 3 === 0;
    insertRows(
      database,
      "submissions",
      submissionRow(idOf(index), {
        miner_hotkey: `5Hotkey${index % 256}`,
        miner_uid: index % 256,
        code_hash: createHash("sha256").update(code).digest("hex").slice(0, 32),
        status: failed ? "failed_evaluation" : "finished",
        final_score: failed ? null : 40 + (index % 2000) / 100,
        error_message: failed ? "loss_mismatch: the loss differs" : null,
        created_at: new Date(Date.UTC(2026, 0, 1) + index * 600_000).toISOString().replace("Z", ""),
        code_content: code,
      }),
    );
    insertRows(database, "evaluations", {
      evaluation_id: `e${index}`,
      submission_id: idOf(index),
      evaluator_hotkey: "5V",
      mfu: 50,
      success: 1,
    });
  }
  database.exec("COMMIT");
  database.close();
}

/** About ten thousand characters, as a train.py has; each is another's variant.
 * @param {number} index */
function codeOf(index) {
  const lines = Array.from(
    { length: 180 },
    (_, line) => `    hidden_${(index * 31 + line * 7) % 997} = torch.nn.functional.linear(states_${line}, weight)`,
  );
  const attention =
    index % 5 === 0 ? "    out = scaled_dot_product_attention(q, k, v)\n    model = torch.compile(model)\n" : "";
  return `"""variant_${index}"""\nimport torch\n\n\ndef inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):\n${attention}${lines.join("\n")}\n`;
}

/** @param {() => Promise<unknown>} action */
async function milliseconds(action) {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/** The slow of them (p95), of the thread's own time, which other work of the machine does not lengthen.
 * @param {(index: number) => unknown} action */
function slowMilliseconds(action) {
  const now = () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  const times = Array.from({ length: REPETITIONS }, (_, index) => {
    const start = now();
    action(index);
    return now() - start;
  });
  return /** @type {number} */ (times.toSorted((a, b) => a - b)[Math.floor(REPETITIONS * 0.95) - 1]);
}
