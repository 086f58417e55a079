/**
 * What the GPUs did during one repeat: its samples (`gpus` events), and what they say about the timed run. Pure.
 *
 * The judge looks at each GPU twice a second (`crusades_eval/telemetry.py`). A GPU that idled, was slowed down, or was
 * used by others while the clock ran has not shown what the code can do: that is said beside the score.
 */
import { z } from "zod";
import {
  type Event,
  GPU_QUANTITIES,
  type GpuDevice,
  type GpuQuantity,
  type GpusEvent,
  gpuDeviceSchema,
  stageSchema,
  THROTTLE_REASONS,
  type ThrottleReason,
  throttleReasonSchema,
} from "./events.ts";
import { formatBytes, formatInteger, formatShare } from "./format.ts";

// what is recorded

/** Values per GPU, in the order of `GpuRecord.gpus`. */
export type GpuSample = Pick<GpusEvent, GpuQuantity | "at" | "throttle">;

/** Seconds on the judge's clock; `to` is null while it goes on. */
export const stageSpanSchema = z.object({ stage: stageSchema, from: z.number(), to: z.number().nullable() });
export type StageSpan = z.infer<typeof stageSpanSchema>;

export type GpuRecord = {
  source: "nvml" | "nvidia-smi" | null;
  driver: string | null;
  gpus: readonly GpuDevice[];
  samples: GpuSample[];
  stages: StageSpan[];
  /** The judge's own clock around the timed run; null where it was not taken. */
  judgeSeconds: number | null;
  /** Why the GPUs are not, or no longer, observed; in the judge's words. */
  problem: string | null;
  /** The judge's clock at its last event. */
  clock: number;
};

export function emptyGpuRecord(): GpuRecord {
  return {
    source: null,
    driver: null,
    gpus: [],
    samples: [],
    stages: [],
    judgeSeconds: null,
    problem: null,
    clock: 0,
  };
}

/** Enters the next event of the repeat. */
export function takeEvent(record: GpuRecord, event: Event): void {
  record.clock = event.t;
  switch (event.type) {
    case "gpu_devices":
      record.source = event.source;
      record.driver = event.driver;
      record.gpus = event.gpus;
      break;
    case "gpus":
      record.samples.push(event);
      break;
    case "stage": {
      const open = record.stages.find(({ stage, to }) => stage === event.stage && to === null);
      if (event.state === "running") record.stages.push({ stage: event.stage, from: event.t, to: null });
      else if (open !== undefined) open.to = event.t;
      break;
    }
    case "note":
      if (event.id === "no_gpu_telemetry") record.problem = event.message;
      break;
    case "result":
      record.judgeSeconds = event.judgeSeconds;
      break;
  }
}

export function gpuRecordOf(events: readonly Event[]): GpuRecord {
  const record = emptyGpuRecord();
  for (const event of events) takeEvent(record, event);
  return record;
}

/** The seconds that count: what follows them in their stage is the state's way to the judge. Null before they began. */
export function timedSpan({ stages, judgeSeconds, clock }: GpuRecord): { from: number; to: number } | null {
  const timed = stages.findLast(({ stage }) => stage === "timed");
  if (timed === undefined) return null;
  const end = timed.to ?? clock;
  return { from: timed.from, to: judgeSeconds === null ? end : Math.min(end, timed.from + judgeSeconds) };
}

// what it says about the timed run

/** NVML's utilisation is that of up to one second before (nvml.h): a sample taken earlier is still of the warm-up. */
export const SETTLING_SECONDS = 1;
/** Fewer samples say nothing of a share. */
export const LEAST_SAMPLES = 3;
/** Percent of the time in which any kernel ran, as NVML counts it. A training loop leaves a GPU without one for moments only. */
export const IDLE_PERCENT = 10;
/** Of the samples: what is worth a word. Chosen so that one sample of a short run is none. */
export const IDLE_SHARE = 0.1;
export const THROTTLED_SHARE = 0.05;
/** Of the highest SM clock the GPU has; under load a little less is usual. */
export const SLOW_CLOCK_SHARE = 0.9;
/** Below the temperature from which the GPU slows itself down. */
export const HOT_MARGIN_CELSIUS = 5;
/** Where the GPU does not name that temperature: the highest at which NVIDIA's data-centre GPUs are meant to work. */
export const HOT_CELSIUS = 85;
/** The driver and a desktop take a few hundred MiB of a GPU that nobody computes on. */
export const MEMORY_OF_OTHERS_BYTES = 1024 ** 3;
/** A rank is one process on its GPU. */
export const OWN_PROCESSES = 1;

/** What holds a GPU back. Not "idle", the opposite of that; nor what another reason beside it says more exactly (nvml.h). */
function heldBackBy(named: readonly ThrottleReason[]): ThrottleReason[] {
  const isExact = named.includes("hw_thermal") || named.includes("hw_power_brake");
  return named.filter((reason) => reason !== "idle" && !(reason === "hw_slowdown" && isExact));
}

export const gpuObservationSchema = z.discriminatedUnion("kind", [
  /** In that share of the timed run's samples hardly a kernel ran. */
  z.object({ kind: z.literal("idle"), gpu: z.number().int(), share: z.number() }),
  z.object({ kind: z.literal("throttled"), gpu: z.number().int(), share: z.number(), reason: throttleReasonSchema }),
  /** Median of the timed run's samples with work, of the highest there is. */
  z.object({ kind: z.literal("slow"), gpu: z.number().int(), clockMhz: z.number(), maxClockMhz: z.number() }),
  /** `slowdownCelsius` null: the GPU does not name it. */
  z.object({
    kind: z.literal("hot"),
    gpu: z.number().int(),
    celsius: z.number(),
    slowdownCelsius: z.number().nullable(),
  }),
  /** Before the ranks started: theirs is not in it. */
  z.object({ kind: z.literal("memory_before"), gpu: z.number().int(), bytes: z.number() }),
  z.object({ kind: z.literal("processes_before"), gpu: z.number().int(), processes: z.number() }),
  /** The most at once in the timed run, its own rank's included. */
  z.object({ kind: z.literal("processes"), gpu: z.number().int(), processes: z.number() }),
]);
/** More than 64 GPUs give. */
export const MAX_OBSERVATIONS = 1024;
export type GpuObservation = z.infer<typeof gpuObservationSchema>;

/** What stands out, GPU by GPU; `gpu` is the number that nvidia-smi gives it. */
export function gpuObservations(record: GpuRecord): GpuObservation[] {
  const span = timedSpan(record);
  const timed =
    span === null ? [] : record.samples.filter(({ at }) => at >= span.from + SETTLING_SECONDS && at <= span.to);
  return record.gpus.flatMap((device, position) => [
    ...observedBefore(device),
    ...(timed.length < LEAST_SAMPLES ? [] : observedInTimedRun(device, position, timed)),
  ]);
}

function observedBefore({ index: gpu, memoryUsedBytes, processes }: GpuDevice): GpuObservation[] {
  const found: GpuObservation[] = [];
  if (memoryUsedBytes !== null && memoryUsedBytes >= MEMORY_OF_OTHERS_BYTES) {
    found.push({ kind: "memory_before", gpu, bytes: memoryUsedBytes });
  }
  if (processes !== null && processes > 0) found.push({ kind: "processes_before", gpu, processes });
  return found;
}

function observedInTimedRun(device: GpuDevice, position: number, samples: readonly GpuSample[]): GpuObservation[] {
  const { index: gpu, maxSmClockMhz, slowdownCelsius } = device;
  const found: GpuObservation[] = [];
  const measured = (quantity: GpuQuantity) => samples.flatMap((sample) => sample[quantity][position] ?? []);

  const utilization = measured("utilizationPercent");
  const idle = share(utilization, (percent) => percent < IDLE_PERCENT);
  if (idle >= IDLE_SHARE) found.push({ kind: "idle", gpu, share: idle });

  const processes = most(measured("processes"));
  if (processes > OWN_PROCESSES) found.push({ kind: "processes", gpu, processes });

  const reasons = samples.flatMap(({ throttle }) => {
    const named = throttle[position] ?? null;
    return named === null ? [] : [heldBackBy(named)];
  });
  for (const reason of THROTTLE_REASONS) {
    const throttled = share(reasons, (named) => named.includes(reason));
    if (throttled >= THROTTLED_SHARE) found.push({ kind: "throttled", gpu, share: throttled, reason });
  }

  const clocks = samples.flatMap(({ utilizationPercent, smClockMhz }) => {
    const percent = utilizationPercent[position] ?? null;
    const clock = smClockMhz[position] ?? null;
    return clock === null || (percent !== null && percent < IDLE_PERCENT) ? [] : [clock];
  });
  const clockMhz = median(clocks);
  if (clockMhz !== null && maxSmClockMhz !== null && clockMhz < SLOW_CLOCK_SHARE * maxSmClockMhz) {
    found.push({ kind: "slow", gpu, clockMhz, maxClockMhz: maxSmClockMhz });
  }

  const celsius = most(measured("temperatureCelsius"));
  const hot = slowdownCelsius === null ? HOT_CELSIUS : slowdownCelsius - HOT_MARGIN_CELSIUS;
  if (celsius >= hot) found.push({ kind: "hot", gpu, celsius, slowdownCelsius });
  return found;
}

function share<T>(values: readonly T[], holds: (value: T) => boolean): number {
  return values.length === 0 ? 0 : values.filter(holds).length / values.length;
}

/** Of as many as there are: a call takes no 100,000 arguments. */
function most(values: readonly number[]): number {
  return values.reduce((greatest, value) => Math.max(greatest, value), 0);
}

function median(values: readonly number[]): number | null {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? null;
}

// in words

export const THROTTLE_WORDS: Record<ThrottleReason, string> = {
  idle: "idle",
  applications_clocks: "held at set clocks",
  sw_power_cap: "power-capped",
  hw_slowdown: "slowed down by its hardware",
  sync_boost: "held at another GPU's clocks (sync boost)",
  sw_thermal: "slowed down by its driver for heat",
  hw_thermal: "slowed down by its hardware for heat",
  hw_power_brake: "slowed down by the machine's power brake",
  display: "held at a display's clocks",
};

/** One sentence each; those that say the same of several GPUs are one. */
export function gpuObservationTexts(observations: readonly GpuObservation[]): string[] {
  const groups = new Map<string, GpuObservation[]>();
  for (const observation of observations) {
    const key = observation.kind === "throttled" ? `throttled ${observation.reason}` : observation.kind;
    groups.set(key, [...(groups.get(key) ?? []), observation]);
  }
  return [...groups.values()].map(groupText);
}

export type ObservedRepeat = { gpuObservations?: readonly GpuObservation[] | undefined };

/** What stood out of a run's GPUs, each with its repeat where there are several. */
export function gpuNotes(repeats: readonly ObservedRepeat[]): string[] {
  return repeats.flatMap(({ gpuObservations: observed = [] }, index) =>
    gpuObservationTexts(observed).map((text) => (repeats.length === 1 ? text : `Repeat ${index + 1}: ${text}`)),
  );
}

function groupText(group: readonly GpuObservation[]): string {
  const [first] = group as [GpuObservation, ...GpuObservation[]];
  const gpus = `${group.length === 1 ? "GPU" : "GPUs"} ${numbersText(group.map(({ gpu }) => gpu))}`;
  const [was, has] = group.length === 1 ? ["was", "has"] : ["were", "have"];
  /** What the group's members say, from the least to the most. */
  const range = <Kind extends GpuObservation["kind"]>(
    _kind: Kind,
    value: (observation: Extract<GpuObservation, { kind: Kind }>) => number,
    text: (value: number) => string,
  ) => {
    const values = group.map((observation) => value(observation as Extract<GpuObservation, { kind: Kind }>));
    const [least, most] = [text(Math.min(...values)), text(Math.max(...values))];
    return least === most ? least : `${least} to ${most}`;
  };
  switch (first.kind) {
    case "idle":
      return `${gpus} ${was} idle in ${range("idle", ({ share }) => share, formatShare)} of the timed span`;
    case "throttled":
      return `${gpus} ${was} ${THROTTLE_WORDS[first.reason]} in ${range("throttled", ({ share }) => share, formatShare)} of the timed span`;
    case "slow": {
      const clocks = range("slow", ({ clockMhz }) => clockMhz, formatInteger);
      return `${gpus} ran at ${clocks} MHz (median) in the timed span, of ${range("slow", ({ maxClockMhz }) => maxClockMhz, formatInteger)} MHz`;
    }
    case "hot": {
      const slowdown = first.slowdownCelsius === null ? "" : `; from ${first.slowdownCelsius} on it slows down`;
      return `${gpus} reached ${range("hot", ({ celsius }) => celsius, formatInteger)} degrees Celsius in the timed span${slowdown}`;
    }
    case "memory_before":
      return `${gpus} ${has} other users: ${range("memory_before", ({ bytes }) => bytes, formatBytes)} of memory ${group.length === 1 ? "was" : "each were"} taken before the ranks started`;
    case "processes_before":
      return `${gpus} ${has} other users: ${range("processes_before", ({ processes }) => processes, processesText)} before the ranks started`;
    case "processes":
      return `${gpus} had ${range("processes", ({ processes }) => processes, formatInteger)} compute processes in the timed span; a rank is one`;
  }
}

function processesText(count: number): string {
  return `${formatInteger(count)} compute ${count === 1 ? "process" : "processes"}`;
}

/** "0 to 3, 6". */
function numbersText(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && number === last[1] + 1) last[1] = number;
    else runs.push([number, number]);
  }
  return runs
    .map(([from, to]) => (from === to ? `${from}` : to === from + 1 ? `${from}, ${to}` : `${from} to ${to}`))
    .join(", ");
}

// for charts

export const MIN_COLUMNS = 20;
export const MAX_COLUMNS = 1000;

/** The GPUs of one repeat as a chart needs them: small however long the run was. */
export const gpuTelemetrySchema = z.object({
  /** `waiting`: the repeat goes on and none was seen yet. `none`: it is over and none was. */
  state: z.enum(["waiting", "recorded", "none"]),
  problem: z.string().nullable(),
  source: z.enum(["nvml", "nvidia-smi"]).nullable(),
  driver: z.string().nullable(),
  gpus: z.array(gpuDeviceSchema),
  samples: z.number().int(),
  stages: z.array(stageSpanSchema),
  /** The seconds that count. */
  timed: z.object({ from: z.number(), to: z.number() }).nullable(),
  /** The judge's clock now, or at its end. */
  clock: z.number(),
  /** Seconds on the judge's clock, ascending: two a column, or, where there are fewer samples, one each. */
  times: z.array(z.number()),
  /** Only those that are known of any GPU: values at `times` per GPU, in the order of `gpus`; null where it told none. */
  series: z.array(z.object({ quantity: z.enum(GPU_QUANTITIES), gpus: z.array(z.array(z.number().nullable())) })),
  /** Of each GPU: when its clocks were held back, and by what. */
  throttled: z.array(
    z.array(z.object({ from: z.number(), to: z.number(), reasons: z.array(throttleReasonSchema).min(1) })),
  ),
  observations: z.array(gpuObservationSchema),
});
export type GpuTelemetry = z.infer<typeof gpuTelemetrySchema>;

/** `columns`: of pixels. Of more samples than twice that, each column keeps its lowest and its highest. */
export function gpuTelemetryOf(record: GpuRecord, columns: number, isOver: boolean): GpuTelemetry {
  const { problem, source, driver, gpus, samples, stages, clock } = record;
  const pieces = piecesOf(samples, columns);
  const series = GPU_QUANTITIES.map((quantity) => ({
    quantity,
    gpus: gpus.map((_gpu, position) =>
      pieces.flatMap((piece) => {
        const values = piece.map((sample) => sample[quantity][position] ?? null);
        return piece.length <= 2 ? values : extremesOf(values);
      }),
    ),
  }));
  return {
    state: samples.length > 0 ? "recorded" : isOver ? "none" : "waiting",
    problem,
    source,
    driver,
    gpus: [...gpus],
    samples: samples.length,
    stages: [...stages],
    timed: timedSpan(record),
    clock,
    times: pieces.flatMap((piece) => [...new Set([piece[0], piece.at(-1)])].map((sample) => sample?.at ?? 0)),
    series: series.filter((one) => one.gpus.some((values) => values.some((value) => value !== null))),
    throttled: gpus.map((_gpu, position) => heldBackSpans(samples, position)),
    observations: gpuObservations(record),
  };
}

/** In order, and no more than `columns` of them; all of one sample where those are few. */
function piecesOf(samples: readonly GpuSample[], columns: number): GpuSample[][] {
  const size = samples.length <= 2 * columns ? 1 : Math.ceil(samples.length / columns);
  return Array.from({ length: Math.ceil(samples.length / size) }, (_value, index) =>
    samples.slice(index * size, (index + 1) * size),
  );
}

/** The lowest and the highest, in their order; two nulls where there are none. */
function extremesOf(values: readonly (number | null)[]): [number | null, number | null] {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return [null, null];
  const [least, most] = [Math.min(...known), Math.max(...known)];
  return known.indexOf(least) <= known.lastIndexOf(most) ? [least, most] : [most, least];
}

/** From the first to the last sample that names the same reasons. */
function heldBackSpans(samples: readonly GpuSample[], position: number): GpuTelemetry["throttled"][number] {
  const spans: GpuTelemetry["throttled"][number] = [];
  let before: string | null = null;
  for (const { at, throttle } of samples) {
    const reasons = heldBackBy(throttle[position] ?? []);
    const now = reasons.join(" ");
    const last = spans.at(-1);
    if (now !== "" && now === before && last !== undefined) last.to = at;
    else if (now !== "") spans.push({ from: at, to: at, reasons });
    before = now;
  }
  return spans;
}
