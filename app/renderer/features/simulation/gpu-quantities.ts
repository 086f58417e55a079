/** What is measured of GPUs, as charts name and write it. Pure. */
import type { GpuQuantity } from "../../../common/events.ts";
import { formatBytes, formatInteger } from "../../../common/format.ts";
import type { Plan } from "../../../common/runs.ts";
import type { GpuTelemetry, StageSpan } from "../../../common/telemetry.ts";
import { toCsv } from "../history/chart-data.ts";

export type QuantityLook = {
  title: string;
  /** For the head of a table. */
  unit: string;
  text: (value: number) => string;
  /** Where the axis ends, whatever is measured; null: where the values do. */
  top: number | null;
};

const rate = (title: string): QuantityLook => ({
  title,
  unit: "bytes per second",
  text: (value) => `${formatBytes(value)}/s`,
  top: null,
});
const whole = (title: string, unit: string, top: number | null = null): QuantityLook => ({
  title,
  unit,
  text: (value) => (unit === "" ? formatInteger(value) : `${formatInteger(value)} ${unit}`),
  top,
});

export const QUANTITIES: Record<GpuQuantity, QuantityLook> = {
  utilizationPercent: whole("Utilisation", "%", 100),
  smClockMhz: whole("SM clock", "MHz"),
  powerWatts: whole("Power", "W"),
  temperatureCelsius: whole("Temperature", "\u00b0C"),
  memoryUsedBytes: { title: "Memory used", unit: "bytes", text: formatBytes, top: null },
  processes: whole("Compute processes", ""),
  pcieReceivedBytesPerSecond: rate("PCIe received"),
  pcieSentBytesPerSecond: rate("PCIe sent"),
  nvlinkReceivedBytesPerSecond: rate("NVLink received"),
  nvlinkSentBytesPerSecond: rate("NVLink sent"),
};

/** Why there is nothing to draw; null where there is, and before anything is known. */
export function absenceText(
  { backend, profile }: Pick<Plan, "backend" | "profile">,
  telemetry: Pick<GpuTelemetry, "state" | "problem"> | null,
): string | null {
  if (backend === "evalServer") return "the evaluation server records nothing of its GPUs.";
  if (telemetry === null || telemetry.state === "recorded") return null;
  if (telemetry.problem !== null) return telemetry.problem;
  const { device } = (profile.content.crusader ?? {}) as { device?: unknown };
  if (device === "cpu") return "none in this run; its ranks run on CPUs.";
  if (telemetry.state === "waiting") return "waiting for the first sample.";
  return "nothing was recorded. The run ended before its ranks started, or is older than this record.";
}

/** One time of a chart: seconds, and each GPU's value under its position. */
export type GpuRow = { at: number } & Record<`gpu${number}`, number | null>;

export function rowsOf(
  { times }: Pick<GpuTelemetry, "times">,
  gpus: readonly (readonly (number | null)[])[],
): GpuRow[] {
  return times.map((at, index) => {
    const row: GpuRow = { at };
    gpus.forEach((values, position) => {
      row[`gpu${position}`] = values[index] ?? null;
    });
    return row;
  });
}

/** What the chart draws, with the stage each time is in. */
export function gpusCsv(telemetry: GpuTelemetry, quantity: GpuQuantity): string {
  const gpus = telemetry.series.find((one) => one.quantity === quantity)?.gpus ?? [];
  const { title, unit } = QUANTITIES[quantity];
  const head = telemetry.gpus.map(({ index }) => `GPU ${index} ${title}${unit === "" ? "" : `, ${unit}`}`);
  return toCsv(
    ["seconds", "stage", ...head],
    telemetry.times.map((at, index) => [
      at,
      stageAt(telemetry.stages, at) ?? "",
      ...gpus.map((values) => values[index] ?? null),
    ]),
  );
}

/** Null between two stages. */
export function stageAt(stages: readonly StageSpan[], seconds: number): StageSpan["stage"] | null {
  return stages.findLast(({ from, to }) => seconds >= from && (to === null || seconds <= to))?.stage ?? null;
}
