/** What it costs to watch GPUs: the sampler's CPU time, the record's size, and what a window that shows it is sent. */
import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { samplePlan } from "../app/common/sample-runs.ts";
import { emptyGpuRecord, gpuTelemetryOf, takeEvent } from "../app/common/telemetry.ts";
import { RunStore } from "../app/main/services/runs/index.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const GPUS = 8;
const SECONDS = 20 * 60;
const SAMPLES_PER_SECOND = 2;
const SAMPLES = 20;
const COLUMNS = 200;
const CPU_LIMIT_MS = 5;
const RECORD_LIMIT_MIB = 4;
const SENT_LIMIT_KIB = 512;
const READ_LIMIT_MS = 1000;

/** @typedef {{ name: string, value: number, unit: string, limit: number | null }} Figure */

/** @returns {Promise<Figure[]>} */
export async function benchGpus() {
  const folder = mkdtempSync(join(tmpdir(), "crusader-bench-gpus-"));
  try {
    return [...(await samplerCost(folder)), ...recordCost(folder)];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * CPU time of the sampler's process for one look at eight GPUs, whose driver is a C library that answers at once. Nothing
 * where there is no compiler.
 * @param {string} folder @returns {Promise<Figure[]>}
 */
async function samplerCost(folder) {
  const library = join(folder, "libnvidia-ml.so.1");
  const source = join(ROOT, "simulator-image", "tests", "nvml_double.c");
  if (spawnSync("cc", ["-shared", "-fPIC", "-o", library, source]).status !== 0) return [];
  const sampler = spawn(
    process.env.CRUSADER_PYTHON_ENV ?? "python3",
    ["-P", "-m", "crusades_eval.telemetry", "--ranks", String(GPUS), "--library", library],
    { env: { ...process.env, PYTHONPATH: join(ROOT, "simulator-image") }, stdio: ["pipe", "pipe", "inherit"] },
  );
  const lines = createInterface({ input: sampler.stdout })[Symbol.asyncIterator]();
  // What there is, and the first look, which loads what later ones find loaded.
  for (let count = 0; count < 2; count += 1) await lines.next();
  const before = cpuMilliseconds(sampler.pid);
  for (let count = 0; count < SAMPLES; count += 1) await lines.next();
  const value = (cpuMilliseconds(sampler.pid) - before) / SAMPLES;
  sampler.stdin.end();
  return [{ name: `sampler: CPU time a look at ${GPUS} GPUs`, value, unit: "ms", limit: CPU_LIMIT_MS }];
}

/** User and system time so far; from the scheduler's own count, in nanoseconds. @param {number | undefined} pid */
function cpuMilliseconds(pid) {
  return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
}

/** @param {string} folder @returns {Figure[]} */
function recordCost(folder) {
  const dataFolder = join(folder, "data");
  const store = new RunStore({ dataFolder });
  const { version: _v, runId: _r, createdAt: _c, submission, against: _a, ...plan } = samplePlan();
  const { runId } = store.create({ ...plan, submission }, Buffer.from("pass"));
  const events = [...eventsOfRun()].map((event) => `${JSON.stringify({ repeat: 0, event })}\n`).join("");
  const file = join(dataFolder, "runs", runId, "events.jsonl");
  writeFileSync(file, "");
  appendFileSync(file, events);
  const start = performance.now();
  const reader = store.readEvents(runId);
  const record = emptyGpuRecord();
  for (let read = reader.read(); read.length > 0; read = reader.read()) {
    for (const { event } of read) takeEvent(record, event);
  }
  const sent = JSON.stringify(gpuTelemetryOf(record, COLUMNS, true));
  const readMs = performance.now() - start;
  store.close();
  const run = `${SECONDS / 60} minutes of ${GPUS} GPUs`;
  return [
    { name: `${run}: events of the record`, value: events.length / 1024 ** 2, unit: "MiB", limit: RECORD_LIMIT_MIB },
    { name: `${run}: read and down-sampled`, value: readMs, unit: "ms", limit: READ_LIMIT_MS },
    { name: `${run}: sent to a window`, value: sent.length / 1024, unit: "KiB", limit: SENT_LIMIT_KIB },
  ];
}

function* eventsOfRun() {
  let seq = 0;
  const header = () => ({ v: 1, seq: seq++ });
  const perGpu = (/** @type {(gpu: number) => unknown} */ value) =>
    Array.from({ length: GPUS }, (_, gpu) => value(gpu));
  const device = { name: "NVIDIA H100 80GB HBM3", memoryBytes: 85520809984, powerLimitWatts: 700 };
  const unused = { maxSmClockMhz: 1980, slowdownCelsius: 89, memoryUsedBytes: 4521984, processes: 0 };
  const gpus = perGpu((index) => ({ index, rank: index, ...device, ...unused }));
  yield { ...header(), t: 0.3, type: "gpu_devices", source: "nvml", driver: "570.124.06", gpus };
  yield { ...header(), t: 0.3, type: "stage", stage: "timed", state: "running", seconds: null };
  for (let count = 1; count <= SECONDS * SAMPLES_PER_SECOND; count += 1) {
    const at = count / SAMPLES_PER_SECOND + 0.0123;
    const noise = (/** @type {number} */ gpu) => Math.sin(13 * at + gpu);
    yield {
      ...header(),
      t: at + 0.004,
      type: "gpus",
      at,
      utilizationPercent: perGpu((gpu) => Math.round(98 + noise(gpu))),
      smClockMhz: perGpu((gpu) => Math.round(1755 + 100 * noise(gpu))),
      powerWatts: perGpu((gpu) => Math.round(1000 * (690 + 10 * noise(gpu))) / 1000),
      temperatureCelsius: perGpu((gpu) => Math.round(66 + 4 * noise(gpu))),
      memoryUsedBytes: perGpu((gpu) => 70123456789 + Math.round(1e9 * noise(gpu))),
      processes: perGpu(() => 1),
      pcieReceivedBytesPerSecond: perGpu((gpu) => Math.round(15e7 * (1.5 + noise(gpu)))),
      pcieSentBytesPerSecond: perGpu((gpu) => Math.round(5e7 * (1.5 + noise(gpu)))),
      nvlinkReceivedBytesPerSecond: perGpu((gpu) => Math.round(112e9 * (1.5 + noise(gpu)))),
      nvlinkSentBytesPerSecond: perGpu((gpu) => Math.round(112e9 * (1.5 + noise(gpu)))),
      throttle: perGpu(() => ["sw_power_cap"]),
    };
  }
}
