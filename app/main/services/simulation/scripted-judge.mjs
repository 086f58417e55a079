// A judge for tests: speaks the judge's protocol (docs/architecture.md) and does what the file it is to judge says. The
// file holds one word a repeat; the last one counts for all further repeats.
import { spawn } from "node:child_process";
import { readFileSync, writeSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";

let sequence = 0;
const say = (/** @type {object} */ event) => {
  writeSync(3, `${JSON.stringify({ v: 1, seq: sequence, t: sequence, ...event })}\n`);
  sequence += 1;
};
const failure = (/** @type {object} */ fields) => ({
  kind: "check",
  code: null,
  fault: "submission",
  message: "scripted",
  hint: "",
  stage: "checks",
  rank: null,
  line: null,
  detail: "",
  ...fields,
});
const result = (/** @type {string} */ outcome, /** @type {object} */ fields = {}) =>
  say({
    type: "result",
    outcome,
    failure: null,
    seed: order.seed,
    numRanks: order.numRanks,
    strategy: { dp_size: order.numRanks, tp_size: 1 },
    device: "cpu",
    mfuPercent: null,
    relativeSpeed: outcome === "passed" ? 1.5 : null,
    timedSeconds: 1,
    judgeSeconds: 1,
    referenceSeconds: 1.5,
    uniqueTokens: 100,
    tokensPerSecond: 100,
    parameters: 10,
    peakMemoryBytesPerRank: 1000,
    versions: {},
    ...fields,
  });
/**
 * Two GPUs, looked at twice a second: one is power-capped in the last half of the timed run, one is used by others.
 * Returns the judge's clock at the end.
 */
const sayGpus = () => {
  const memory = 80 * 1024 ** 3;
  const gpu = { memoryBytes: memory, powerLimitWatts: 700, maxSmClockMhz: 1980, slowdownCelsius: 89 };
  const gpus = [
    { index: 0, rank: 0, name: "NVIDIA H100 80GB HBM3", ...gpu, memoryUsedBytes: 0, processes: 0 },
    { index: 1, rank: 1, name: "NVIDIA H100 80GB HBM3", ...gpu, memoryUsedBytes: 18.5 * 1024 ** 3, processes: 1 },
  ];
  let clock = 0;
  const at = (/** @type {object} */ event) => say({ t: clock, ...event });
  at({ type: "gpu_devices", source: "nvml", driver: "570.124.06", gpus });
  for (const [stage, seconds] of Object.entries({ prepare: 6, reference: 10, warmup: 4, timed: 20 })) {
    at({ type: "stage", stage, state: "running", seconds: null });
    const end = clock + seconds;
    const works = stage === "timed" || stage === "reference";
    for (; clock < end; clock += 0.5) {
      const capped = stage === "timed" && clock >= end - seconds / 2;
      const noise = Math.sin(7 * clock);
      const both = (/** @type {number} */ busy, /** @type {number} */ idle) =>
        works ? [busy + noise, busy - noise] : [idle, idle];
      at({
        type: "gpus",
        at: clock,
        utilizationPercent: both(98, 0),
        smClockMhz: works ? [capped ? 1410 : 1965, 1965] : [345, 345],
        powerWatts: both(capped ? 699 : 640, 72),
        temperatureCelsius: both(66, 34),
        memoryUsedBytes: works ? [0.8 * memory, 0.9 * memory] : [1e9, 20e9],
        processes: works ? [1, 2] : [0, 1],
        pcieReceivedBytesPerSecond: both(150e6, 1e6),
        pcieSentBytesPerSecond: both(50e6, 1e6),
        nvlinkReceivedBytesPerSecond: works ? [112e9, 111e9] : [null, null],
        nvlinkSentBytesPerSecond: works ? [111e9, 112e9] : [null, null],
        throttle: works ? [capped ? ["sw_power_cap"] : [], []] : [["idle"], ["idle"]],
      });
    }
    at({ type: "stage", stage, state: "passed", seconds });
  }
  return clock;
};
const forever = () => setInterval(() => {}, 1000);
const endsWhenAsked = () =>
  lines.once("line", () => {
    result("cancelled", { failure: failure({ kind: "cancelled", fault: "user", message: "asked to stop" }) });
    process.exit(0);
  });
/** A process that outlives this one: its own session, no pipe of ours, but our mark. */
const leaveProcess = () =>
  spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore" }).unref();

const lines = createInterface({ input: process.stdin });
const order = JSON.parse(await new Promise((resolve) => lines.once("line", resolve)));
const words = readFileSync(order.sourcePath, "utf8").trim().split(/\s+/);
const word = words[Math.min(order.repeat, words.length - 1)] ?? "";

/** @type {Record<string, () => void>} */
const deeds = {
  pass() {
    process.stdout.write(`judging ${order.seed}\n`);
    say({ type: "stage", stage: "scan", state: "running", seconds: null });
    say({ type: "note", level: "finding", id: "scripted", message: "noted", line: 3 });
    say({ type: "stage", stage: "scan", state: "passed", seconds: 0.25 });
    say({ type: "progress", stage: "timed", done: 1, total: 2, unit: "steps" });
    result("passed");
    process.exit(0);
  },
  malformed() {
    writeSync(3, "this is no event\n");
    forever();
  },
  disorder() {
    sequence = 7;
    result("passed");
    forever();
  },
  endless() {
    const part = "x".repeat(65_536);
    for (;;) writeSync(3, part);
  },
  flood() {
    for (;;) say({ type: "progress", stage: "timed", done: 1, total: 2, unit: "steps" });
  },
  print() {
    process.stdout.write("o".repeat(8 * 1024 * 1024), () => deeds.pass?.());
  },
  longline() {
    process.stdout.write(`${"o".repeat(10_000_000)}\nafter it\n`, () => deeds.pass?.());
  },
  lines() {
    // Two ranks in turns, as the judge writes it down.
    const text = Array.from({ length: 100_000 }, (_value, index) => `[rank ${index % 2}] step ${index}\n`).join("");
    process.stdout.write(text, () => deeds.pass?.());
  },
  /** A thousand lines a second, until it is cancelled or the log is full. */
  steady() {
    let printed = 0;
    say({ type: "stage", stage: "timed", state: "running", seconds: null });
    setInterval(() => {
      const from = printed;
      printed = Math.floor(performance.now());
      const text = Array.from({ length: printed - from }, (_value, index) => `step ${from + index}\n`).join("");
      process.stdout.write(text);
      say({ type: "progress", stage: "timed", done: printed % 1000, total: 1000, unit: "steps" });
    }, 20);
    endsWhenAsked();
  },
  exit() {
    say({ type: "stage", stage: "prepare", state: "running", seconds: null });
    process.exit(4);
  },
  killed() {
    process.kill(process.pid, "SIGKILL");
  },
  gpus() {
    result("passed", { t: sayGpus(), device: "cuda", mfuPercent: 47.25, timedSeconds: 20, judgeSeconds: 20 });
    process.exit(0);
  },
  /** The same, but it stays in its checks until it is cancelled. */
  gpusgoing() {
    sayGpus();
    say({ type: "stage", stage: "checks", state: "running", seconds: null });
    endsWhenAsked();
  },
  polite() {
    say({ type: "stage", stage: "timed", state: "running", seconds: null });
    endsWhenAsked();
  },
  stubborn() {
    leaveProcess();
    say({ type: "stage", stage: "timed", state: "running", seconds: null });
    forever();
  },
  littering() {
    leaveProcess();
    deeds.pass?.();
  },
};
const deed = deeds[word];
if (deed !== undefined) deed();
else {
  // Anything else is a code or a kind to fail with.
  const code = word.includes("_") ? word : null;
  result("failed", { failure: failure({ kind: code === null ? word : "check", code }) });
  process.exit(0);
}
