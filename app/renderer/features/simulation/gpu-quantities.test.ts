import { expect, test } from "vitest";
import { samplePlan } from "../../../common/sample-runs.ts";
import { emptyGpuRecord, type GpuTelemetry, gpuTelemetryOf } from "../../../common/telemetry.ts";
import { absenceText, gpusCsv, QUANTITIES, rowsOf, stageAt } from "./gpu-quantities.ts";

const GPU = {
  rank: 0,
  name: "GPU",
  memoryBytes: null,
  powerLimitWatts: null,
  maxSmClockMhz: null,
  slowdownCelsius: null,
  memoryUsedBytes: null,
  processes: null,
};
const TELEMETRY: GpuTelemetry = {
  ...gpuTelemetryOf(emptyGpuRecord(), 100, true),
  state: "recorded",
  gpus: [
    { ...GPU, index: 0 },
    { ...GPU, index: 3 },
  ],
  stages: [
    { stage: "warmup", from: 1, to: 2 },
    { stage: "timed", from: 2.5, to: null },
  ],
  times: [0.5, 1.5, 3],
  series: [
    {
      quantity: "powerWatts",
      gpus: [
        [70.5, 600, 690],
        [null, 610, 680],
      ],
    },
  ],
};

test("a chart's rows and its table: every GPU at every time, with the stage, and what is not told left empty", () => {
  expect(rowsOf(TELEMETRY, TELEMETRY.series[0]?.gpus ?? [])).toEqual([
    { at: 0.5, gpu0: 70.5, gpu1: null },
    { at: 1.5, gpu0: 600, gpu1: 610 },
    { at: 3, gpu0: 690, gpu1: 680 },
  ]);
  expect(gpusCsv(TELEMETRY, "powerWatts")).toBe(
    'seconds,stage,"GPU 0 Power, W","GPU 3 Power, W"\r\n0.5,,70.5,\r\n1.5,warmup,600,610\r\n3,timed,690,680\r\n',
  );
  expect([0, 1, 2.2, 99].map((seconds) => stageAt(TELEMETRY.stages, seconds))).toEqual([null, "warmup", null, "timed"]);
});

test("values are written with their units", () => {
  const { utilizationPercent, smClockMhz, temperatureCelsius, processes, nvlinkSentBytesPerSecond } = QUANTITIES;
  expect([
    utilizationPercent.text(97),
    smClockMhz.text(1410),
    temperatureCelsius.text(66),
    processes.text(2),
    nvlinkSentBytesPerSecond.text(112 * 1024 ** 3),
  ]).toEqual(["97 %", "1,410 MHz", "66 \u00b0C", "2", "112.0 GiB/s"]);
});

test("why there is nothing to draw", () => {
  const plan = samplePlan();
  const onCpu = { ...plan, profile: { ...plan.profile, content: { crusader: { device: "cpu" } } } };
  const said = (state: GpuTelemetry["state"], problem: string | null = null) => ({ state, problem });
  expect([
    absenceText({ ...plan, backend: "evalServer" }, null),
    absenceText(plan, null),
    absenceText(onCpu, said("waiting")),
    absenceText(onCpu, said("none")),
    absenceText(plan, said("waiting")),
    absenceText(plan, said("none")),
    absenceText(plan, said("none", "The GPUs are not observed: no driver.")),
    absenceText(onCpu, said("recorded")),
  ]).toEqual([
    "the evaluation server records nothing of its GPUs.",
    null,
    "none in this run; its ranks run on CPUs.",
    "none in this run; its ranks run on CPUs.",
    "waiting for the first sample.",
    "nothing was recorded. The run ended before its ranks started, or is older than this record.",
    "The GPUs are not observed: no driver.",
    null,
  ]);
});
