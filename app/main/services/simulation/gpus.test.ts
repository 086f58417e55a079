/** What GPUs do, from the judge's words to the record and back. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { GPU_QUANTITIES } from "../../../common/events.ts";
import { emptyTranscript, type RunUpdate, withUpdate } from "../../../common/simulation.ts";
import { type GpuTelemetry, gpuObservationTexts } from "../../../common/telemetry.ts";
import { HparamsService } from "../hparams/index.ts";
import { RunStore, readSharedRun } from "../runs/index.ts";
import { ActiveRuns, SimulationService } from "./index.ts";
import { ScriptedBackend } from "./scripted-backend.ts";

const PROFILES = fileURLToPath(new URL("../../../../hparams", import.meta.url));

function bench() {
  const folder = mkdtempSync(join(tmpdir(), "crusader-gpus-"));
  const dataFolder = join(folder, "data");
  const store = new RunStore({ dataFolder });
  onTestFinished(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });
  const service = new SimulationService({
    dataFolder,
    store,
    hparams: new HparamsService({ profilesFolder: PROFILES }),
    policy: () => ({ policy: {}, sha256: "p1", origin: "built-in" }),
    backends: [new ScriptedBackend()],
    crusaderVersion: "1.2.3",
    now: Date.now,
    randomSeed: () => "seed",
  });
  const runs = new ActiveRuns({ service, store });
  const start = (words: string, repeats = 1) => {
    const path = join(folder, "train.py");
    writeFileSync(path, words);
    return runs.start({ path, profile: "rehearsal", backend: "scripted", sandbox: "none", repeats });
  };
  return { folder, dataFolder, store, runs, start };
}

const OBSERVED = [
  // Half of the timed span, whose first second says nothing: 20 of 38 samples.
  { kind: "throttled", gpu: 0, share: 20 / 38, reason: "sw_power_cap" },
  { kind: "slow", gpu: 0, clockMhz: 1410, maxClockMhz: 1980 },
  { kind: "memory_before", gpu: 1, bytes: 18.5 * 1024 ** 3 },
  { kind: "processes_before", gpu: 1, processes: 1 },
  { kind: "processes", gpu: 1, processes: 2 },
];

test("a run's GPUs are recorded, and what stands out goes with its result: shown, exported, imported, indexed anew", async () => {
  const { folder, dataFolder, store, runs, start } = bench();
  await start("gpus");
  const updates = await Array.fromAsync(runs.follow("1", 0, undefined));
  const recorded = store.events("1");
  expect(recorded.unreadableLines).toBe(0);
  expect(recorded.events.filter(({ event }) => event.type === "gpus")).toHaveLength(80);
  const observed = (id: string) => store.show(id).result?.repeats.map(({ gpuObservations }) => gpuObservations);
  expect(observed("1")).toEqual([OBSERVED]);

  // The stream of a run has its GPUs, and none of their samples; its numbers still fit.
  const transcript = updates.reduce(withUpdate, emptyTranscript("1"));
  expect(transcript.events.map(({ event }) => event.type)).toEqual([
    ...["gpu_devices", ...Array.from({ length: 8 }, () => "stage"), "result"],
  ]);
  expect(transcript.number).toBe(recorded.events.length);
  expect(updates.map(({ after }) => after)).toEqual([0, ...updates.slice(0, -1).map(({ number }) => number)]);

  const file = join(folder, "exported.json");
  writeFileSync(file, JSON.stringify(store.export("1")));
  const ids = [file, join(dataFolder, "runs", "1")].map((path) => store.import(readSharedRun(path)).runId);
  store.reindex();
  expect(ids.map(observed)).toEqual([observed("1"), observed("1")]);
  expect(ids.map((id) => store.events(id).events)).toEqual([recorded.events, recorded.events]);
});

test("a replay shows each repeat's GPUs as its end left them", async () => {
  const { runs, start } = bench();
  await start("gpus pass", 2);
  await Array.fromAsync(runs.follow("1", 0, undefined));
  const [first, second] = await Promise.all(
    [0, 1].map((repeat) => Array.fromAsync(runs.followGpus("1", repeat, 200, undefined))),
  );
  expect(second).toMatchObject([{ state: "none", gpus: [], series: [] }]);
  expect(first).toHaveLength(1);
  const [telemetry] = first as [GpuTelemetry];
  expect(telemetry).toMatchObject({
    state: "recorded",
    source: "nvml",
    driver: "570.124.06",
    samples: 80,
    clock: 40,
    timed: { from: 20, to: 40 },
    stages: [
      { stage: "prepare", from: 0, to: 6 },
      { stage: "reference", from: 6, to: 16 },
      { stage: "warmup", from: 16, to: 20 },
      { stage: "timed", from: 20, to: 40 },
    ],
    throttled: [[{ from: 30, to: 39.5, reasons: ["sw_power_cap"] }], []],
  });
  expect(telemetry.times).toEqual(Array.from({ length: 80 }, (_value, index) => index / 2));
  expect(telemetry.series.map(({ quantity }) => quantity)).toEqual(GPU_QUANTITIES);
  const nvlink = telemetry.series.at(-1)?.gpus[0] ?? [];
  expect([nvlink[11], nvlink[12], nvlink[31], nvlink[32]]).toEqual([null, 111e9, 111e9, null]);
  expect(gpuObservationTexts(telemetry.observations)[0]).toBe("GPU 0 was power-capped in 53 % of the timed span");
});

test("while a run goes on its GPUs are followed, and their stream ends with it", async () => {
  const { runs, start } = bench();
  await start("gpusgoing");
  const stream = runs.followGpus("1", 0, 1000, undefined);
  const seen: GpuTelemetry[] = [];
  for await (const telemetry of stream) {
    seen.push(telemetry);
    if (telemetry.stages.at(-1)?.stage === "checks") await runs.cancel("1", false);
  }
  expect(seen.map(({ samples }) => samples)).toEqual(seen.map(({ samples }) => samples).toSorted((a, b) => a - b));
  expect(seen.at(-1)).toMatchObject({ state: "recorded", samples: 80 });
});

test("a stream of GPUs ends with its reader; there is none of a run that is not", async () => {
  const { runs, start } = bench();
  await start("polite");
  const controller = new AbortController();
  const first = await runs.followGpus("1", 0, 100, controller.signal).next();
  expect(first.value).toMatchObject({ state: "waiting", gpus: [] });
  controller.abort();
  expect(await Array.fromAsync(runs.followGpus("1", 0, 100, controller.signal))).toEqual([]);
  await runs.cancel("1", true);
  await expect(runs.followGpus("9", 0, 100, undefined).next()).rejects.toMatchObject({ code: "not_found" });
});

test("a run of hours is followed in pieces, without its samples, and no number is lost", async () => {
  const { dataFolder, runs, start } = bench();
  await start("pass");
  await Array.fromAsync(runs.follow("1", 0, undefined));
  const look = { v: 1, t: 1, type: "gpus", at: 1, throttle: [null] };
  const quantities = Object.fromEntries(GPU_QUANTITIES.map((quantity) => [quantity, [null]]));
  const lines = Array.from({ length: 5000 }, (_value, seq) => ({ repeat: 0, event: { ...look, ...quantities, seq } }));
  const note = { v: 1, seq: 5000, t: 2, type: "note", level: "info", id: "last", message: "last", line: null };
  writeFileSync(
    join(dataFolder, "runs", "1", "events.jsonl"),
    [...lines, { repeat: 0, event: note }].map((line) => `${JSON.stringify(line)}\n`).join(""),
  );
  const updates: RunUpdate[] = await Array.fromAsync(runs.follow("1", 0, undefined));
  const transcript = updates.reduce(withUpdate, emptyTranscript("1"));
  expect(transcript).toMatchObject({ number: 5001, events: [{ number: 5001 }], result: { outcome: "passed" } });
  expect(updates.map(({ after }) => after)).toEqual([0, ...updates.slice(0, -1).map(({ number }) => number)]);
});
