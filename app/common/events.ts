/**
 * What one evaluation says while it runs: one JSON object a line, written by the judge
 * (`simulator-image/crusades_eval/events.py`) and read by the recorder, the command line and the window.
 *
 * Both sides are held together by `fixtures/events/golden.jsonl`, which each test suite reads.
 */
import { z } from "zod";

/** Raised when a reader of the old version would misread the new one. */
export const EVENT_VERSION = 1;

/** The stages of one evaluation, in the order in which they happen (spec/evaluation.md section 4). */
export const STAGES = ["scan", "topology", "prepare", "reference", "import", "warmup", "timed", "checks"] as const;
/** Those where production's own code judges: "evaluation" is what it does before its log names another. */
export const PRODUCTION_STAGES = [
  "scan",
  "topology",
  "prepare",
  "evaluation",
  "reference",
  "warmup",
  "timed",
  "checks",
] as const;
/** For tables of runs of both kinds. */
export const EVERY_STAGE = [
  "scan",
  "topology",
  "prepare",
  "evaluation",
  "reference",
  "import",
  "warmup",
  "timed",
  "checks",
] as const;
export const stageSchema = z.enum(EVERY_STAGE);
export type Stage = z.infer<typeof stageSchema>;

/** Error codes of the production validator, verbatim (spec/evaluation.md sections 4 and 5). */
export const VALIDATOR_CODES = [
  "no_code",
  "syntax_error",
  "missing_inner_steps",
  "invalid_return_type",
  "insufficient_trainable_params",
  "missing_logits",
  "invalid_logits_shape",
  "sequence_truncation",
  "insufficient_mfu",
  "implausible_mfu",
  "timer_tampering",
  "timer_source_unavailable",
  "config_tampering",
  "deferred_computation",
  "functional_tampering",
  "execution_failed",
  "missing_final_state",
  "incomplete_final_state",
  "invalid_final_state_shape",
  "insufficient_params_changed",
  "token_count_mismatch",
  "loss_mismatch",
  "shape_mismatch",
  "weight_nan_injection",
  "weight_mismatch",
] as const;
export const validatorCodeSchema = z.enum(VALIDATOR_CODES);
export type ValidatorCode = z.infer<typeof validatorCodeSchema>;

/** A run that ends with one of these ends its series: the reason lies in the code (section 5). */
export const FATAL_CODES: readonly ValidatorCode[] = [
  "no_code",
  "syntax_error",
  "missing_inner_steps",
  "invalid_return_type",
  "insufficient_trainable_params",
  "missing_logits",
  "invalid_logits_shape",
  "sequence_truncation",
  "insufficient_mfu",
  "implausible_mfu",
  "timer_tampering",
  "config_tampering",
  "deferred_computation",
  "functional_tampering",
];

/**
 * Why an evaluation did not pass, in our own closed set. `code` beside it is what the validator would report, or null
 * where the validator reports none.
 */
export const FAILURE_KINDS = [
  "scan", // the static scan rejects the file
  "topology", // get_strategy() and the rank count do not fit
  "needs_cuda", // the file cannot run on a CPU
  "exception", // the submission raised
  "check", // one of the checks of section 4 failed
  "result", // inner_steps returned something that is not a result
  "timeout", // a stage took longer than its limit
  "rank_exited", // a rank's process ended before its last message
  "protocol", // a rank sent something that is no message of ours
  "memory", // a rank used more memory than the profile allows
  "processes", // the ranks started more processes than the profile allows
  "environment", // the machine lacks something; not the submission's fault
  "internal", // a bug of ours
  "cancelled",
] as const;
export const failureKindSchema = z.enum(FAILURE_KINDS);
export type FailureKind = z.infer<typeof failureKindSchema>;

/** Whose fault a failure is; decides the exit code of the command line and the words around it. */
export const faultSchema = z.enum(["submission", "environment", "workbench", "user"]);

export const failureSchema = z.object({
  kind: failureKindSchema,
  code: validatorCodeSchema.nullable(),
  fault: faultSchema,
  /** One plain sentence: what happened. */
  message: z.string(),
  /** What to do next; empty where nothing useful can be said. */
  hint: z.string(),
  stage: stageSchema,
  /** The rank it happened on, where one is to blame. */
  rank: z.number().int().nullable(),
  /** 1-based line of train.py, where one is to blame. */
  line: z.number().int().nullable(),
  /** Traceback or other detail to copy; may be long, never needed to understand the message. */
  detail: z.string(),
});
export type Failure = z.infer<typeof failureSchema>;

/** The checks, in production's order: the first that fails is the verdict (section 4, step 8). */
export const CHECKS = [
  "functional",
  "deferred_state",
  "clocks",
  "model_config",
  "backend_state",
  "result_type",
  "logits",
  "sequence",
  "vocabulary",
  "final_state",
  "params_changed",
  "plausible_mfu",
  "tokens",
  "loss",
  "weights",
  "min_mfu",
] as const;
export const checkNameSchema = z.enum(CHECKS);
export type CheckName = z.infer<typeof checkNameSchema>;

/** What is measured of each GPU (`crusades_eval/telemetry.py`). */
export const GPU_QUANTITIES = [
  "utilizationPercent",
  "smClockMhz",
  "powerWatts",
  "temperatureCelsius",
  "memoryUsedBytes",
  "processes",
  "pcieReceivedBytesPerSecond",
  "pcieSentBytesPerSecond",
  "nvlinkReceivedBytesPerSecond",
  "nvlinkSentBytesPerSecond",
] as const;
export type GpuQuantity = (typeof GPU_QUANTITIES)[number];

/** Why a GPU's clocks are not higher, by the bits of NVML's clocks event reasons. */
export const THROTTLE_REASONS = [
  "idle",
  "applications_clocks",
  "sw_power_cap",
  "hw_slowdown",
  "sync_boost",
  "sw_thermal",
  "hw_thermal",
  "hw_power_brake",
  "display",
] as const;
export const throttleReasonSchema = z.enum(THROTTLE_REASONS);
export type ThrottleReason = (typeof THROTTLE_REASONS)[number];

const base = { v: z.literal(EVENT_VERSION), seq: z.number().int().nonnegative(), t: z.number().nonnegative() };

export const stageEventSchema = z.object({
  ...base,
  type: z.literal("stage"),
  stage: stageSchema,
  state: z.enum(["running", "passed", "failed", "skipped"]),
  /** How long the stage took; null while it runs. */
  seconds: z.number().nullable(),
});

export const progressEventSchema = z.object({
  ...base,
  type: z.literal("progress"),
  stage: stageSchema,
  done: z.number().nonnegative(),
  total: z.number().positive(),
  unit: z.string(),
});

export const checkEventSchema = z.object({
  ...base,
  type: z.literal("check"),
  name: checkNameSchema,
  state: z.enum(["passed", "failed", "not_measured"]),
  /** The measured value; a string where it is no quantity ("torch.float32", "missing 3 of 41 keys"). */
  value: z.union([z.number(), z.string(), z.null()]),
  limit: z.union([z.number(), z.string(), z.null()]),
  /** How value and limit are compared. */
  rule: z.enum(["at_most", "at_least", "equal", "holds"]),
  unit: z.string(),
  /** Share of the limit that was used, 0..1 and above 1 when broken; null where it has no meaning. */
  used: z.number().nullable(),
  /** Production's own limit, where the profile's is another (rehearsal); else null. */
  productionLimit: z.number().nullable(),
  /** The validator's code if this check fails. */
  code: validatorCodeSchema.nullable(),
  message: z.string(),
});
export type Check = Omit<z.infer<typeof checkEventSchema>, "v" | "seq" | "t" | "type">;

export const metricEventSchema = z.object({
  ...base,
  type: z.literal("metric"),
  name: z.string(),
  value: z.number(),
  unit: z.string(),
  rank: z.number().int().nullable(),
});

export const noteEventSchema = z.object({
  ...base,
  type: z.literal("note"),
  /** `finding`: about the submission, no rejection. `warning`: about the run's meaning. `info`: anything else. */
  level: z.enum(["info", "warning", "finding"]),
  /** Stable id, e.g. "fixed_seed", "fsdp1_cpu_shim", "batches_drawn". */
  id: z.string(),
  message: z.string(),
  line: z.number().int().nullable(),
});
export type Note = Omit<z.infer<typeof noteEventSchema>, "v" | "seq" | "t" | "type">;

/** One GPU of the run, as it is before the ranks start. What it does not tell is null. */
export const gpuDeviceSchema = z.object({
  /** NVML's own number, which is nvidia-smi's too. */
  index: z.number().int().nonnegative(),
  /** The rank that torchrun gives it to. */
  rank: z.number().int().nonnegative(),
  name: z.string().max(256),
  memoryBytes: z.number().nullable(),
  powerLimitWatts: z.number().nullable(),
  maxSmClockMhz: z.number().nullable(),
  /** From this temperature on the GPU slows itself down. */
  slowdownCelsius: z.number().nullable(),
  /** What others use of it. */
  memoryUsedBytes: z.number().nullable(),
  processes: z.number().nullable(),
});
export type GpuDevice = z.infer<typeof gpuDeviceSchema>;

/** Once, before the first `gpus`; absent where no GPU is used or none can be asked (records from before have none). */
export const gpuDevicesEventSchema = z.object({
  ...base,
  type: z.literal("gpu_devices"),
  source: z.enum(["nvml", "nvidia-smi"]),
  driver: z.string().max(256).nullable(),
  gpus: z.array(gpuDeviceSchema).min(1).max(64),
});

/** A number for each GPU, in the order of `gpu_devices`; null where a GPU does not tell it, never 0. */
const perGpuSchema = z.array(z.number().nullable()).min(1).max(64);

/** One look at all GPUs. */
export const gpusEventSchema = z.object({
  ...base,
  type: z.literal("gpus"),
  /** Seconds on the judge's clock at which it was taken; written down a little later. */
  at: z.number().nonnegative(),
  ...(Object.fromEntries(GPU_QUANTITIES.map((quantity) => [quantity, perGpuSchema])) as Record<
    GpuQuantity,
    typeof perGpuSchema
  >),
  throttle: z.array(z.array(throttleReasonSchema).nullable()).min(1).max(64),
});
export type GpusEvent = z.infer<typeof gpusEventSchema>;

/** The last event of an evaluation. Its absence means that the judge died. */
export const resultEventSchema = z.object({
  ...base,
  type: z.literal("result"),
  outcome: z.enum(["passed", "failed", "error", "cancelled"]),
  failure: failureSchema.nullable(),
  seed: z.string(),
  numRanks: z.number().int().positive(),
  strategy: z.object({ dp_size: z.number().int(), tp_size: z.number().int() }).nullable(),
  device: z.string(),
  /** MFU in percent; null wherever it was not measured on a GPU. */
  mfuPercent: z.number().nullable(),
  /** Reference seconds / timed seconds: 1.00 is as fast as the reference run; null when not timed. */
  relativeSpeed: z.number().nullable(),
  /** The time that counts: the smallest over the ranks. */
  timedSeconds: z.number().nullable(),
  /** The judge's own clock around the timed run; bounds timedSeconds from outside. */
  judgeSeconds: z.number().nullable(),
  referenceSeconds: z.number().nullable(),
  uniqueTokens: z.number().nullable(),
  tokensPerSecond: z.number().nullable(),
  parameters: z.number().nullable(),
  peakMemoryBytesPerRank: z.number().nullable(),
  /** Where production's own code judged: what else its answer holds; null where it gave none. All of it is claimed. */
  production: z
    .object({
      /** The judge's clock from the word "start" to the answer. */
      evaluationSeconds: z.number(),
      totalTokens: z.number().nullable(),
      /** Of unknown shape: dotted names and texts, as they came. */
      diagnostics: z.array(z.object({ name: z.string(), value: z.string() })).max(200),
      diagnosticsLeftOut: z.number().int().nonnegative(),
    })
    .nullable()
    .optional(),
  versions: z.record(z.string(), z.string()),
});
export type EvaluationResult = Omit<z.infer<typeof resultEventSchema>, "v" | "seq" | "t" | "type">;

export const eventSchema = z.discriminatedUnion("type", [
  stageEventSchema,
  progressEventSchema,
  checkEventSchema,
  metricEventSchema,
  noteEventSchema,
  gpuDevicesEventSchema,
  gpusEventSchema,
  resultEventSchema,
]);
export type Event = z.infer<typeof eventSchema>;
