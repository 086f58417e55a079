/** Rehearsals of the templates through the command line; beside each the judge alone, started with the same order. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { HparamsService } from "../app/main/services/hparams/index.ts";
import { PythonService } from "../app/main/services/python/index.ts";
import { dataFolder } from "../app/main/services/settings/index.ts";
import { findSandbox } from "../scripts/machine.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TEMPLATES = [
  { name: "single", ranks: 1, limitSeconds: null },
  { name: "ddp", ranks: 2, limitSeconds: 30 },
  { name: "fsdp", ranks: 2, limitSeconds: 30 },
  { name: "tp", ranks: 2, limitSeconds: 30 },
  { name: "mixed", ranks: 4, limitSeconds: 45 },
];
const MEMORY_LIMIT_MIB = 1024;
const OVERHEAD_LIMIT_SECONDS = 0.5;
/** The overhead is seen on a file that is rejected at once: behind seconds of training it would be noise. */
const OVERHEAD_REPETITIONS = 7;

/** @typedef {{ python: string, sandbox: object, profile: object, policy: object, folder: string }} Workplace */
/** @typedef {{ name: string, value: number, unit: string, limit: number | null, peer?: number, ratio?: number }} Figure */

/**
 * Wall seconds of `crusader simulate` from its start to its end, and the largest resident memory of any rank. The peer is
 * the judge alone with the same order, run right after.
 * @returns {Promise<Figure[]>}
 */
export async function benchRehearsal() {
  const folder = mkdtempSync(join(tmpdir(), "crusader-bench-rehearsal-"));
  try {
    const workplace = await prepare(folder);
    /** @type {Figure[]} */
    const figures = [];
    for (const { name, ranks, limitSeconds } of TEMPLATES) {
      const file = join(ROOT, "templates", `${name}.py`);
      const { seconds, result } = await simulate(file, ranks, workplace);
      if (result.outcome !== "passed")
        throw new Error(`template ${name}: ${result.outcome}: ${result.failure?.message}`);
      const peer = await judgeAlone(file, ranks, workplace);
      const title = `rehearsal of ${name}, ${ranks} rank${ranks === 1 ? "" : "s"}`;
      const memory = Math.max(...result.repeats.map((repeat) => repeat.peakMemoryBytesPerRank ?? 0)) / 1024 ** 2;
      figures.push(
        {
          name: `${title}, peer: the judge alone`,
          value: seconds,
          unit: "s",
          limit: limitSeconds,
          peer,
          ratio: seconds / peer,
        },
        { name: `${title}: peak memory a rank`, value: memory, unit: "MiB", limit: MEMORY_LIMIT_MIB },
      );
    }
    return [...figures, await overhead(workplace)];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param {string} folder @returns {Promise<Workplace>} */
async function prepare(folder) {
  const own = dataFolder(process.env, process.platform);
  const requirementsFolder = join(ROOT, "simulator-image");
  const { python } = await new PythonService({ dataFolder: own, requirementsFolder }).ensure();
  const profilesFolder = join(ROOT, "hparams");
  const { resolved } = await new HparamsService({ profilesFolder }).load("rehearsal");
  const found = findSandbox();
  const sandbox = "program" in found ? { kind: "bubblewrap", program: found.program } : { kind: "none" };
  const policy = JSON.parse(readFileSync(join(profilesFolder, "scan-policy.json"), "utf8"));
  return { python, sandbox, profile: resolved, policy, folder };
}

/** @param {string} file @param {number} ranks @param {Workplace} workplace */
async function simulate(file, ranks, { python, sandbox, folder }) {
  const options = [
    "--num-gpus",
    String(ranks),
    "--runs",
    "1",
    "--json",
    ...("program" in sandbox ? [] : ["--no-sandbox"]),
  ];
  const env = { ...process.env, CRUSADER_HOME: folder, CRUSADER_PYTHON_ENV: python };
  const start = performance.now();
  const child = spawn(process.execPath, [join(ROOT, "bin", "crusader.mjs"), "simulate", file, ...options], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let json = "";
  child.stdout.on("data", (part) => {
    json += part;
  });
  await once(child, "close");
  const seconds = (performance.now() - start) / 1000;
  /** @type {import("../app/common/runs.ts").RunResult} */
  const result = JSON.parse(json);
  return { seconds, result };
}

/** Seconds. @param {string} file @param {number} ranks @param {Workplace} workplace */
async function judgeAlone(file, ranks, { python, sandbox, profile, policy }) {
  const order = {
    version: 1,
    runId: "bench",
    repeat: 0,
    sourcePath: file,
    profile,
    policy,
    numRanks: ranks,
    seed: "bench",
    sandbox,
  };
  const env = { ...process.env, PYTHONPATH: join(ROOT, "simulator-image"), PYTHONDONTWRITEBYTECODE: "1" };
  const start = performance.now();
  const child = spawn(python, ["-m", "crusades_eval.judge", "--events-fd", "3"], {
    env,
    stdio: ["pipe", "ignore", "ignore", "pipe"],
  });
  const [orders, , , events] = child.stdio;
  if (orders === null || !(events instanceof Readable)) throw new Error("the judge has no pipes");
  events.resume();
  orders.write(`${JSON.stringify(order)}\n`);
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`the judge alone ended with ${code} on ${file}`);
  return (performance.now() - start) / 1000;
}

/** @param {Workplace} workplace @returns {Promise<Figure>} */
async function overhead(workplace) {
  const file = join(workplace.folder, "rejected.py");
  writeFileSync(file, "import os\n");
  const ours = [];
  const bare = [];
  for (let repetition = 0; repetition < OVERHEAD_REPETITIONS; repetition += 1) {
    ours.push((await simulate(file, 2, workplace)).seconds);
    bare.push(await judgeAlone(file, 2, workplace));
  }
  const peer = median(bare);
  const value = median(ours) - peer;
  const name = "overhead of a run over the judge alone (median), peer: the judge alone on a rejected file";
  return { name, value, unit: "s", limit: OVERHEAD_LIMIT_SECONDS, peer, ratio: (value + peer) / peer };
}

/** @param {number[]} values */
function median(values) {
  return /** @type {number} */ (values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]);
}
