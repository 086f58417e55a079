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
