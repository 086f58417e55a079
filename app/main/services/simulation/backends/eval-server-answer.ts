/**
 * What an evaluation server's answer means (spec/evaluation.md section 6). Pure. The answer is not ours to trust: every
 * field may be missing, of another kind, or contradict the others.
 */
import { z } from "zod";
import type {
  CheckName,
  EvaluationResult,
  Failure,
  FailureKind,
  Stage,
  ValidatorCode,
} from "../../../../common/events.ts";
import { CHECKS, STAGES, validatorCodeSchema } from "../../../../common/events.ts";
import { formatInteger, formatMfu } from "../../../../common/format.ts";
import type { Strategy } from "../../../../common/scan.ts";
import { uniqueTokens } from "../../../../common/score.ts";
import type { EventContent } from "../event-log.ts";
import { withoutVerdict } from "../judge-events.ts";

/** The job's state, as `GET /eval-status/{job_id}` gives it. */
export type JobAnswer = { status: "pending" } | { status: "done" | "failed"; result: unknown };

/** What was asked for, as far as the answer is read by it. */
export type Asked = {
  server: string;
  taskId: string;
  seed: string;
  numRanks: number;
  profile: Record<string, unknown>;
  strategy: Strategy;
  /** From sending the job to its answer. */
  waitedSeconds: number;
};

export type Reading = {
  /** What is known of stages, checks and numbers, in order. */
  events: EventContent[];
  result: EvaluationResult;
};

/** What of a profile the request names and the checks are limited by. */
export const profileFieldsSchema = z.object({
  benchmark_model_name: z.string(),
  benchmark_dataset_name: z.string(),
  benchmark_data_samples: z.number(),
  benchmark_sequence_length: z.number(),
  benchmark_batch_size: z.number(),
  eval_steps: z.number(),
  eval_timeout: z.number(),
  verification: z.object({
    max_loss_difference: z.number(),
    min_params_changed_ratio: z.number(),
    weight_relative_error_max: z.number(),
    timer_divergence_threshold: z.number(),
  }),
  mfu: z.object({ gpu_peak_tflops: z.number(), max_plausible_mfu: z.number(), min_mfu: z.number() }),
});

const MAX_MESSAGE_CHARACTERS = 500;
const MAX_DETAIL_CHARACTERS = 20_000;
const MAX_METRICS = 200;
const MAX_METRIC_NAME = 100;

const envelopeSchema = z.discriminatedUnion("status", [
  z.object({ status: z.literal("pending") }),
  z.object({ status: z.literal("done"), result: z.unknown() }),
  z.object({ status: z.literal("failed"), result: z.unknown() }),
]);

/** Null where it is none: no JSON, or of another form. */
export function jobAnswerOf(body: string): JobAnswer | null {
  return envelopeSchema.safeParse(parseJson(body) ?? parseJson(withoutNotANumber(body))).data ?? null;
}

/**
 * Python writes numbers that JSON has not: outside of strings they become null. By hand, as a pattern would take minutes
 * for what somebody made to take minutes.
 */
function withoutNotANumber(text: string): string {
  const pieces: string[] = [];
  let from = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '"') inString = !inString;
    else if (inString && character === "\\") index += 1;
    else if (!inString && (character === "N" || character === "I")) {
      const word = ["NaN", "Infinity"].find((name) => text.startsWith(name, index));
      if (word === undefined) continue;
      pieces.push(text.slice(from, text[index - 1] === "-" ? index - 1 : index), "null");
      index += word.length - 1;
      from = index + 1;
    }
  }
  return [...pieces, text.slice(from)].join("");
}

const numberSchema = z.number().nullish();
const resultSchema = z.object({
  task_id: z.union([z.string(), z.number()]).nullish(),
  mfu: numberSchema,
  tps: numberSchema,
  total_tokens: numberSchema,
  wall_time_seconds: numberSchema,
  success: z.boolean(),
  error: z.string().nullish(),
  error_code: z.string().nullish(),
  seed: z.union([z.string(), z.number()]).nullish(),
  diagnostics: z.record(z.string(), z.unknown()).nullish(),
});
type ServerResult = z.infer<typeof resultSchema>;

/** Reads the answer of a job that has ended. Never throws. */
export function readAnswer(answer: Exclude<JobAnswer, { status: "pending" }>, asked: Asked): Reading {
  const parsed = resultSchema.safeParse(answer.result);
  if (!parsed.success) {
    if (answer.status === "failed") {
      const said = typeof answer.result === "string" ? answer.result : textOf(answer.result);
      return unread(asked, `The server ${asked.server} says that the job failed, and gives no result.`, said);
    }
    const [issue] = parsed.error.issues;
    const where = issue?.path.join(".") || "the result";
    return unread(asked, `The server's answer is not understood: ${where}: ${issue?.message}.`, textOf(answer.result));
  }
  const found = parsed.data;
  const contradiction = contradictionOf(answer.status, found, asked);
  if (contradiction !== null) {
    return unread(asked, `The server's answer cannot be right: ${contradiction}.`, textOf(found));
  }
  return found.success ? readPassed(found, asked) : readFailed(found, answer.status, asked);
}

/** Why the answer is not believed. */
function contradictionOf(status: "done" | "failed", found: ServerResult, asked: Asked): string | null {
  const { task_id, seed, success, mfu, wall_time_seconds: seconds, error_code: code } = found;
  if (task_id !== null && task_id !== undefined && String(task_id) !== asked.taskId)
    return "it is that of another task";
  if (seed !== null && seed !== undefined && String(seed) !== asked.seed) return "it was made with another seed";
  if (!success) return null;
  if (status === "failed") return "a failed job that succeeded";
  if (code !== null && code !== undefined && code !== "") return `a success with the error code ${short(code)}`;
  if (typeof mfu !== "number") return "a success without an MFU";
  if (mfu <= 0 || mfu > 100) return `an MFU of ${mfu} %`;
  if (typeof seconds === "number" && seconds <= 0) return `a timed run of ${seconds} s`;
  const { min_mfu: least, max_plausible_mfu: most } = profileFieldsSchema.parse(asked.profile).mfu;
  if (mfu < least || mfu > most) {
    return `a success with an MFU of ${formatMfu(mfu)}, outside of the ${least} to ${most} % that it was given`;
  }
  return null;
}

function readPassed(found: ServerResult, asked: Asked): Reading {
  const { profile, strategy } = asked;
  const sizes = profileFieldsSchema.parse(profile);
  return {
    events: [...stagesOf(found, asked, null), ...checksOf(found, asked, null), ...metricsOf(found)],
    result: {
      ...numbersOf(found, asked),
      outcome: "passed",
      failure: null,
      uniqueTokens: uniqueTokens({
        batchSize: sizes.benchmark_batch_size,
        sequenceLength: sizes.benchmark_sequence_length,
        evalSteps: sizes.eval_steps,
        dpSize: strategy.dp_size,
      }),
    },
  };
}

function readFailed(found: ServerResult, status: "done" | "failed", asked: Asked): Reading {
  const code = validatorCodeSchema.safeParse(found.error_code).data ?? null;
  const said = (found.error ?? "").trim();
  const named = found.error_code === null || found.error_code === undefined || found.error_code === "";
  const stage = code === null ? "prepare" : (STAGE_OF_CODE[code] ?? "checks");
  const failure: Failure = {
    ...kindOf(code, status),
    code,
    message: code === null ? unnamedMessage(found, named) : short(said.split("\n")[0] || `The server reports ${code}.`),
    hint:
      code === null
        ? "An exception of the file and trouble of the box (no memory, no model) look the same here: read the detail, and the box's log."
        : "",
    stage,
    rank: null,
    line: null,
    detail: said.slice(0, MAX_DETAIL_CHARACTERS),
  };
  return {
    events: [...stagesOf(found, asked, stage), ...checksOf(found, asked, failure), ...metricsOf(found)],
    result: { ...numbersOf(found, asked), outcome: failure.fault === "submission" ? "failed" : "error", failure },
  };
}

function unnamedMessage({ error_code: code, error }: ServerResult, named: boolean): string {
  const said = short((error ?? "").trim().split("\n").at(-1) || "it gives no reason");
  return named
    ? `The evaluation failed on the server without a code of the validator's: ${said}`
    : `The evaluation failed on the server with a code that is not known here, ${short(code ?? "")}: ${said}`;
}

/** A job that failed as a whole is the server's trouble unless it names a code of the submission's. */
function kindOf(code: ValidatorCode | null, status: "done" | "failed"): Pick<Failure, "kind" | "fault"> {
  if (code === null) {
    return status === "failed"
      ? { kind: "environment", fault: "environment" }
      : { kind: "exception", fault: "submission" };
  }
  return { kind: KIND_OF_CODE[code] ?? "check", fault: "submission" };
}

const KIND_OF_CODE: Partial<Record<ValidatorCode, FailureKind>> = {
  no_code: "scan",
  syntax_error: "scan",
  missing_inner_steps: "result",
  invalid_return_type: "result",
};

/** Where it is not one of the checks after the timed run. */
const STAGE_OF_CODE: Partial<Record<ValidatorCode, Stage>> = {
  no_code: "scan",
  syntax_error: "scan",
  missing_inner_steps: "import",
  functional_tampering: "import",
  insufficient_trainable_params: "warmup",
};

/** The check that gives a code, where only one does at one time. */
const CHECK_OF_CODE: Partial<Record<ValidatorCode, CheckName>> = {
  functional_tampering: "functional",
  deferred_computation: "deferred_state",
  timer_tampering: "clocks",
  timer_source_unavailable: "clocks",
  config_tampering: "model_config",
  execution_failed: "backend_state",
  invalid_return_type: "result_type",
  sequence_truncation: "sequence",
  missing_final_state: "final_state",
  incomplete_final_state: "final_state",
  invalid_final_state_shape: "final_state",
  insufficient_params_changed: "params_changed",
  implausible_mfu: "plausible_mfu",
  token_count_mismatch: "tokens",
  loss_mismatch: "loss",
  shape_mismatch: "weights",
  weight_nan_injection: "weights",
  weight_mismatch: "weights",
  insufficient_mfu: "min_mfu",
};

/** These the warm-up gives, too: of the checks before them nothing is known then. */
const CHECK_OF_AMBIGUOUS_CODE: Partial<Record<ValidatorCode, CheckName>> = {
  missing_logits: "logits",
  invalid_logits_shape: "logits",
};

/**
 * The server names the first check that failed, so those before it passed, and those behind it are not known. Of values
 * it gives the MFU and the tokens.
 */
function checksOf(found: ServerResult, asked: Asked, failure: Failure | null): EventContent[] {
  const code = failure?.code ?? null;
  const certain = code === null ? undefined : CHECK_OF_CODE[code];
  const failed = certain ?? (code === null ? undefined : CHECK_OF_AMBIGUOUS_CODE[code]);
  if (failure !== null && failed === undefined) return [];
  const limits = limitsOf(asked.profile);
  return CHECKS.map((name, index): EventContent => {
    const before = failed === undefined || (certain !== undefined && index < CHECKS.indexOf(failed));
    const state = name === failed ? "failed" : before ? "passed" : "not_measured";
    const value = state === "not_measured" ? null : (givenValue(name, found) ?? null);
    const { limit, rule, unit } = limits[name] ?? { limit: null, rule: "holds" as const, unit: "" };
    return {
      type: "check",
      name,
      state,
      value,
      limit,
      rule,
      unit,
      used: usedOf(value, limit, rule),
      productionLimit: null,
      code: name === failed ? code : null,
      message: {
        failed: failure?.message ?? "",
        passed: value === null ? "The server passed it, and gives no value." : "The server passed it.",
        not_measured: "The server does not say how it went.",
      }[state],
    };
  });
}

type Limit = { limit: number; rule: "at_most" | "at_least" | "equal"; unit: string };

function limitsOf(profile: Record<string, unknown>): Partial<Record<CheckName, Limit>> {
  const { verification, mfu } = profileFieldsSchema.parse(profile);
  return {
    clocks: { limit: verification.timer_divergence_threshold, rule: "at_most", unit: "relative" },
    params_changed: { limit: verification.min_params_changed_ratio, rule: "at_least", unit: "share" },
    plausible_mfu: { limit: mfu.max_plausible_mfu, rule: "at_most", unit: "%" },
    loss: { limit: verification.max_loss_difference, rule: "at_most", unit: "difference" },
    weights: { limit: verification.weight_relative_error_max, rule: "at_most", unit: "relative" },
    min_mfu: { limit: mfu.min_mfu, rule: "at_least", unit: "%" },
  };
}

function givenValue(name: CheckName, { mfu, total_tokens: tokens }: ServerResult): number | string | null | undefined {
  if (name === "plausible_mfu" || name === "min_mfu") return mfu;
  return name === "tokens" && typeof tokens === "number" ? formatInteger(tokens) : null;
}

function usedOf(value: number | string | null, limit: number | null, rule: string): number | null {
  if (typeof value !== "number" || limit === null || value <= 0 || limit <= 0) return null;
  return rule === "at_least" ? limit / value : value / limit;
}

/**
 * The server tells no stages while it evaluates: "prepare" stands for all that comes before the timed run, unless the
 * diagnostics give seconds under a stage's name. `failedIn` is null for a pass.
 */
function stagesOf(found: ServerResult, { waitedSeconds }: Asked, failedIn: Stage | null): EventContent[] {
  const timed = positive(found.wall_time_seconds);
  const known = statedSeconds(found.diagnostics ?? {});
  const others = [...known.values()].reduce((sum, seconds) => sum + seconds, timed ?? 0);
  const ended = (stage: Stage, seconds: number | null): EventContent => ({
    type: "stage",
    stage,
    state: stage === failedIn ? "failed" : "passed",
    seconds,
  });
  const stages: EventContent[] = [ended("prepare", known.get("prepare") ?? Math.max(0, waitedSeconds - others))];
  for (const stage of STAGES.slice(STAGES.indexOf("reference"))) {
    const seconds = stage === "timed" ? timed : (known.get(stage) ?? null);
    const isJudged = stage === failedIn || (stage === "checks" && failedIn === null);
    if (seconds !== null || isJudged) stages.push(ended(stage, seconds));
  }
  return stages;
}

/** `{"warmup_seconds": 3.1}` or `{"stages": {"warmup": 3.1}}`. */
function statedSeconds(diagnostics: Record<string, unknown>): Map<Stage, number> {
  const nested = z.record(z.string(), z.unknown()).safeParse(diagnostics.stages).data ?? {};
  const seconds = new Map<Stage, number>();
  for (const stage of STAGES.slice(STAGES.indexOf("prepare"))) {
    const stated = positive(diagnostics[`${stage}_seconds`] ?? nested[stage]);
    if (stated !== null && stage !== "timed") seconds.set(stage, stated);
  }
  return seconds;
}

/** Every number of the diagnostics that stands at their top, under the name that the server gives it. */
function metricsOf({ diagnostics }: ServerResult): EventContent[] {
  return Object.entries(diagnostics ?? {})
    .filter((entry): entry is [string, number] => typeof entry[1] === "number" && entry[0].length <= MAX_METRIC_NAME)
    .slice(0, MAX_METRICS)
    .map(([name, value]) => ({ type: "metric", name: `server.${name}`, value, unit: "", rank: null }));
}

/** What the server says beside the numbers, for the log; empty where it says nothing. */
export function diagnosticsText(result: unknown): string {
  const diagnostics = Object.entries(resultSchema.safeParse(result).data?.diagnostics ?? {});
  const lines = diagnostics.map(([name, value]) => `  ${name}: ${textOf(value)}\n`);
  return lines.length === 0 ? "" : `the server's diagnostics\n${lines.join("")}`;
}

function numbersOf(found: ServerResult, asked: Asked): Omit<EvaluationResult, "outcome" | "failure"> {
  return {
    seed: asked.seed,
    numRanks: asked.numRanks,
    strategy: asked.strategy,
    device: "cuda",
    mfuPercent: positive(found.mfu),
    relativeSpeed: null,
    timedSeconds: positive(found.wall_time_seconds),
    judgeSeconds: null,
    referenceSeconds: null,
    uniqueTokens: null,
    tokensPerSecond: positive(found.tps),
    parameters: null,
    peakMemoryBytesPerRank: null,
    versions: {},
  };
}

function unread(asked: Asked, message: string, detail: string): Reading {
  const failure: Failure = {
    kind: "environment",
    code: null,
    fault: "environment",
    message,
    hint: "This says nothing about the submission. Look at the box's log; what it answered is kept beside the run's record.",
    stage: "prepare",
    rank: null,
    line: null,
    detail: detail.slice(0, MAX_DETAIL_CHARACTERS),
  };
  const { seed, numRanks } = asked;
  return {
    events: [{ type: "stage", stage: "prepare", state: "failed", seconds: asked.waitedSeconds }],
    result: withoutVerdict(failure, { seed, numRanks, device: "cuda" }),
  };
}

function positive(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : null;
}

function short(text: string): string {
  return text.length <= MAX_MESSAGE_CHARACTERS ? text : `${text.slice(0, MAX_MESSAGE_CHARACTERS)}...`;
}

function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    // Nested deeper than the stack: nobody reads that.
    return "(nested too deeply to be shown)";
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
