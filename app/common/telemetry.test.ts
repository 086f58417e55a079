import { expect, test } from "vitest";
import type { Event, GpuDevice, GpuQuantity, Stage, ThrottleReason } from "./events.ts";
import { GPU_QUANTITIES } from "./events.ts";
import {
  type GpuObservation,
  gpuObservations,
  gpuObservationTexts,
  gpuRecordOf,
  gpuTelemetryOf,
  gpuTelemetrySchema,
  timedSpan,
} from "./telemetry.ts";

const DEVICE: GpuDevice = {
  index: 0,
  rank: 0,
  name: "NVIDIA H100 80GB HBM3",
  memoryBytes: 80e9,
  powerLimitWatts: 700,
  maxSmClockMhz: 2000,
  slowdownCelsius: 89,
  memoryUsedBytes: 4e6,
  processes: 0,
};
const BUSY: Partial<Record<GpuQuantity, number>> = {
  utilizationPercent: 99,
  smClockMhz: 1950,
  temperatureCelsius: 66,
  processes: 1,
};

type Look = Partial<Record<GpuQuantity, number | null>> & { throttle?: ThrottleReason[] | null };

let sequence = 0;
const event = (t: number, content: object): Event => ({ v: 1, seq: sequence++, t, ...content }) as Event;
const devices = (...gpus: Partial<GpuDevice>[]) =>
  event(0.2, {
    type: "gpu_devices",
    source: "nvml",
    driver: "570",
    gpus: gpus.map((gpu, index) => ({ ...DEVICE, index, rank: index, ...gpu })),
  });
const began = (t: number, stage: Stage) => event(t, { type: "stage", stage, state: "running", seconds: null });
const ended = (t: number, stage: Stage) => event(t, { type: "stage", stage, state: "passed", seconds: 1 });
const result = (t: number, judgeSeconds: number | null) => event(t, { type: "result", judgeSeconds });
const look = (at: number, ...gpus: Look[]) =>
  event(at, {
    type: "gpus",
    at,
    ...Object.fromEntries(GPU_QUANTITIES.map((quantity) => [quantity, gpus.map((gpu) => gpu[quantity] ?? null)])),
    throttle: gpus.map(({ throttle = [] }) => throttle),
  });

/** A run whose timed stage is 10..32 s and timed span 10..30 s, looked at every second: by GPU and second. */
function run(gpus: Partial<GpuDevice>[], at: (second: number, gpu: number) => Look): Event[] {
  const looks = Array.from({ length: 40 }, (_value, second) =>
    look(second, ...gpus.map((_gpu, gpu) => at(second, gpu))),
  );
  return [
    devices(...gpus),
    ...looks.slice(0, 10),
    began(10, "timed"),
    ...looks.slice(10, 33),
    ended(32, "timed"),
    ...looks.slice(33),
    result(40, 20),
  ];
}
const observed = (events: Event[]) => gpuObservations(gpuRecordOf(events));

test("a GPU that works on nothing else, at its clocks, gives no reason for a word", () => {
  expect(observed(run([{}, {}], () => BUSY))).toEqual([]);
});

test("what happens before and after the timed span, and in its first second, is none of it", () => {
  const idle: Look = { utilizationPercent: 0, smClockMhz: 210, processes: 0, throttle: ["idle"] };
  const events = run([{}], (second) => (second > 10 && second <= 30 ? BUSY : idle));
  expect(observed(events)).toEqual([]);
  expect(timedSpan(gpuRecordOf(events))).toEqual({ from: 10, to: 30 });
});

test("idle, throttled, slow, hot and shared GPUs are named, each with its share of the timed samples", () => {
  const events = run([{}, {}, {}], (second, gpu) => {
    if (gpu === 0) return second % 2 === 0 ? { ...BUSY, utilizationPercent: 0 } : BUSY;
    if (gpu === 1) return { ...BUSY, smClockMhz: 1410, throttle: second <= 18 ? ["sw_power_cap"] : [] };
    return { ...BUSY, processes: second === 20 ? 3 : 1, temperatureCelsius: second === 25 ? 84 : 70 };
  });
  expect(observed(events)).toEqual([
    { kind: "idle", gpu: 0, share: 0.5 },
    { kind: "throttled", gpu: 1, share: 0.4, reason: "sw_power_cap" },
    { kind: "slow", gpu: 1, clockMhz: 1410, maxClockMhz: 2000 },
    { kind: "processes", gpu: 2, processes: 3 },
    { kind: "hot", gpu: 2, celsius: 84, slowdownCelsius: 89 },
  ] satisfies GpuObservation[]);
});

test("a clock that rests with the GPU is not slow", () => {
  const events = run([{}], (second) => (second < 28 ? { ...BUSY, utilizationPercent: 3, smClockMhz: 345 } : BUSY));
  expect(observed(events).map(({ kind }) => kind)).toEqual(["idle"]);
});

test("what others use before the ranks start is theirs; a little memory is the driver's", () => {
  expect(observed([devices({ memoryUsedBytes: 600e6 }, { memoryUsedBytes: 18.5 * 1024 ** 3, processes: 2 })])).toEqual([
    { kind: "memory_before", gpu: 1, bytes: 18.5 * 1024 ** 3 },
    { kind: "processes_before", gpu: 1, processes: 2 },
  ]);
});

test("a hardware slowdown is told by its exact reason", () => {
  const events = run([{}], () => ({ ...BUSY, throttle: ["hw_slowdown", "hw_thermal"] }));
  expect(observed(events)).toEqual([{ kind: "throttled", gpu: 0, share: 1, reason: "hw_thermal" }]);
});

test("what a GPU does not tell is no observation", () => {
  const unknown = { memoryUsedBytes: null, processes: null, maxSmClockMhz: null, slowdownCelsius: null };
  expect(observed(run([unknown], () => ({ throttle: null })))).toEqual([]);
  expect(observed(run([unknown], () => ({ ...BUSY, smClockMhz: 300, temperatureCelsius: 85 })))).toEqual([
    { kind: "hot", gpu: 0, celsius: 85, slowdownCelsius: null },
  ]);
});

test("a timed run too short to be looked at, or none, says nothing of shares", () => {
  const idle = [11.1, 11.6].map((at) => look(at, { utilizationPercent: 0 }));
  expect(observed([devices({}), began(10, "timed"), ...idle, ended(12, "timed"), result(12, 1.9)])).toEqual([]);
  expect(observed([devices({}), ...idle, result(12, null)])).toEqual([]);
});

test("a timed run that goes on is observed as far as it is", () => {
  const looks = [11, 12, 13, 14].map((at) => look(at, { utilizationPercent: 0 }));
  expect(observed([devices({}), began(10, "timed"), ...looks])).toEqual([{ kind: "idle", gpu: 0, share: 1 }]);
});

test("the GPUs are called by the driver's numbers", () => {
  expect(observed(run([{ index: 6, rank: 0 }], () => ({ ...BUSY, utilizationPercent: 0 })))).toEqual([
    { kind: "idle", gpu: 6, share: 1 },
  ]);
});

test("observations in words: one sentence for all GPUs that say the same", () => {
  const capped = [0, 1, 2, 3, 6].map(
    (gpu): GpuObservation => ({ kind: "throttled", gpu, share: 0.38 + gpu / 100, reason: "sw_power_cap" }),
  );
  expect(
    gpuObservationTexts([
      ...capped,
      { kind: "idle", gpu: 2, share: 0.401 },
      { kind: "throttled", gpu: 2, share: 0.25, reason: "hw_thermal" },
      { kind: "slow", gpu: 2, clockMhz: 1410, maxClockMhz: 1980 },
      { kind: "hot", gpu: 2, celsius: 88, slowdownCelsius: 89 },
      { kind: "memory_before", gpu: 2, bytes: 18.5 * 1024 ** 3 },
      { kind: "processes_before", gpu: 2, processes: 1 },
      { kind: "processes", gpu: 2, processes: 3 },
      { kind: "processes", gpu: 3, processes: 2 },
    ]),
  ).toEqual([
    "GPUs 0 to 3, 6 were power-capped in 38 % to 44 % of the timed span",
    "GPU 2 was idle in 40 % of the timed span",
    "GPU 2 was slowed down by its hardware for heat in 25 % of the timed span",
    "GPU 2 ran at 1,410 MHz (median) in the timed span, of 1,980 MHz",
    "GPU 2 reached 88 degrees Celsius in the timed span; from 89 on it slows down",
    "GPU 2 has other users: 18.5 GiB of memory was taken before the ranks started",
    "GPU 2 has other users: 1 compute process before the ranks started",
    "GPUs 2, 3 had 2 to 3 compute processes in the timed span; a rank is one",
  ]);
});

test("for a chart: as many values as it has pixels, no extreme lost, gaps kept, quantities nobody tells left out", () => {
  const looks = Array.from({ length: 10_000 }, (_value, index) =>
    look(
      index / 2,
      { powerWatts: index === 4321 ? 999 : 300 },
      { powerWatts: index >= 200 && index < 400 ? null : index },
    ),
  );
  const telemetry = gpuTelemetryOf(gpuRecordOf([devices({}, {}), ...looks]), 100, true);
  expect(gpuTelemetrySchema.parse(JSON.parse(JSON.stringify(telemetry)))).toEqual(telemetry);
  expect([telemetry.samples, telemetry.times.length, telemetry.times.slice(0, 4)]).toEqual([
    10_000,
    200,
    [0, 49.5, 50, 99.5],
  ]);
  const [{ quantity, gpus: [first = [], second = []] = [] } = { quantity: null }] = telemetry.series;
  expect([quantity, telemetry.series.length, first.length]).toEqual(["powerWatts", 1, 200]);
  expect(first.flatMap((value, index) => (value === 300 ? [] : [[telemetry.times[index], value]]))).toEqual([
    [2199.5, 999],
  ]);
  expect(second.slice(0, 10)).toEqual([0, 99, 100, 199, null, null, null, null, 400, 499]);
});

test("for a chart: few samples are as they were taken", () => {
  const looks = [0, 1, 2].map((at) => look(at, { powerWatts: at === 1 ? null : 300 + at }));
  const telemetry = gpuTelemetryOf(gpuRecordOf([devices({}), ...looks]), 20, true);
  expect([telemetry.times, telemetry.series]).toEqual([
    [0, 1, 2],
    [{ quantity: "powerWatts", gpus: [[300, null, 302]] }],
  ]);
});

test("for a chart: when a GPU was held back, and by what", () => {
  const reasons: (ThrottleReason[] | null)[] = [[], ["sw_power_cap"], ["sw_power_cap"], ["idle"], null, ["sw_thermal"]];
  const looks = reasons.map((throttle, at) => look(at, { throttle }));
  expect(gpuTelemetryOf(gpuRecordOf([devices({}), ...looks]), 100, true).throttled).toEqual([
    [
      { from: 1, to: 2, reasons: ["sw_power_cap"] },
      { from: 5, to: 5, reasons: ["sw_thermal"] },
    ],
  ]);
});

test("nothing seen: waiting while the repeat goes on, none when it is over, and why", () => {
  const note = { type: "note", level: "info", id: "no_gpu_telemetry", message: "no driver", line: null };
  const record = gpuRecordOf([began(0, "prepare"), event(1, note)]);
  const empty = { problem: "no driver", gpus: [], series: [], throttled: [], observations: [], clock: 1 };
  expect(gpuTelemetryOf(record, 100, false)).toMatchObject({ state: "waiting", ...empty });
  expect(gpuTelemetryOf(record, 100, true)).toMatchObject({ state: "none", ...empty });
});
