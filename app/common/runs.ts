/**
 * What is kept of a run: `runs/<id>/{plan.json, train.py, events.jsonl, output.log, result.json}`.
 * A *run* is one request to judge a file; it has one or more *repeats* (section 5), each an evaluation of its own
 * with a seed of its own. `events.jsonl` holds the judge's events, each wrapped with the repeat it belongs to.
 */
import { z } from "zod";
import { checkEventSchema, eventSchema, failureSchema, noteEventSchema, resultEventSchema } from "./events.ts";
import { gpuObservationSchema, MAX_OBSERVATIONS } from "./telemetry.ts";

export const RECORD_VERSION = 1;

/** What keeps the ranks from the machine. "container": theirs and the judge's, under two users (crusades_eval/container.py). */
export const sandboxSchema = z.enum(["bubblewrap", "container", "none"]);
export type Sandbox = z.infer<typeof sandboxSchema>;

/**
 * The flags of a container (spec/evaluation.md section 6): as the validator starts it, or as the public simulator's
 * command does, which shares the host's memory segments and so is for the user's own files only.
 */
export const runProfileSchema = z.enum(["validator", "public"]);
export type RunProfile = z.infer<typeof runProfileSchema>;

export const containerChoiceSchema = z.object({
  /** A Docker context's name, "default" or "podman"; absent: the one the docker command uses. */
  engine: z.string().min(1).max(128).optional(),
  runProfile: runProfileSchema.default("validator"),
  /** The engine's numbers of the GPUs to use; absent: any. */
  gpus: z.array(z.number().int().min(0).max(63)).min(1).max(64).optional(),
  /** Instead of the profile's image; whoever names one answers for it. */
  image: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}$/, "Not the name of an image.")
    .optional(),
});
export type ContainerChoice = z.infer<typeof containerChoiceSchema>;

/**
 * Whose code judges: Crusader's, in a judge apart from the submission, or the validator's own, fetched by the user, in
 * the submission's process (docs/security.md).
 */
export const evaluationSchema = z.enum(["crusader", "production"]);
export type Evaluation = z.infer<typeof evaluationSchema>;

/** The validator's code that judges; its text is in no record. */
export const plannedProductionSchema = z.object({
  revision: z.object({ id: z.string(), label: z.string() }),
  /** By their place below /app of the validator's image. */
  files: z.array(z.object({ path: z.string(), sha256: z.string() })),
});
export const productionCodeSchema = plannedProductionSchema.extend({
  files: z.array(plannedProductionSchema.shape.files.element.extend({ content: z.base64() })),
});
export type ProductionCode = z.infer<typeof productionCodeSchema>;

/** Frozen with the plan, so that it is found again. */
export const plannedContainerSchema = z.object({
  engine: z.string(),
  /** As the engine names itself: another one may have the name by now. */
  engineId: z.string(),
  address: z.string(),
  image: z.string(),
  imageId: z.string(),
  runProfile: runProfileSchema,
  gpus: z.array(z.number().int()).nullable(),
});
export type PlannedContainer = z.infer<typeof plannedContainerSchema>;

/** Where somebody else's code came from. */
export const codeOriginSchema = z.union([
  /** An imported record. */
  z.object({
    /** Its number where it was recorded. */
    runId: z.string().regex(/^[1-9]\d{0,14}$/),
    importedAt: z.iso.datetime(),
  }),
  /** The arena. */
  z.object({ source: z.string().max(40), submissionId: z.string().max(128), seenAt: z.iso.datetime() }),
]);
export type CodeOrigin = z.infer<typeof codeOriginSchema>;

/** Frozen before anything starts; what a run is repeatable from. */
export const planSchema = z.object({
  version: z.literal(RECORD_VERSION),
  runId: z.string(),
  createdAt: z.iso.datetime(),
  submission: z.object({
    /** File name, for people. */
    name: z.string(),
    /** Where it came from on this machine, for people; the bytes judged are runs/<id>/train.py. */
    path: z.string(),
    sha256: z.string(),
    bytes: z.number().int(),
    /** Distinct contents of this path ever run, numbered in order: 14 is shown as "v14". */
    version: z.number().int().positive(),
    /** Set where the code is another's: in an imported record, and in runs of what it judged. It never leaves the sandbox. */
    origin: codeOriginSchema.optional(),
  }),
  /** Set where another Crusader judged: nothing of the record was measured, or can be vouched for, here. */
  imported: z.literal(true).optional(),
  /** The whole profile as it was, so that a later edit of the file changes nothing here. */
  profile: z.object({
    name: z.string(),
    kind: z.enum(["production", "rehearsal"]),
    sha256: z.string(),
    content: z.record(z.string(), z.unknown()),
  }),
  /** The scan policy it was made under; absent in older records, which were made under the built-in one. */
  policy: z.object({ sha256: z.string(), origin: z.string() }).optional(),
  backend: z.string(),
  /** Set where it runs on an evaluation server: its name. */
  server: z.string().optional(),
  sandbox: sandboxSchema,
  /** Set where it runs in containers. */
  container: plannedContainerSchema.optional(),
  /** Set where production's own code judges. */
  production: plannedProductionSchema.optional(),
  numRanks: z.number().int().positive(),
  /** One a repeat, in order. */
  seeds: z.array(z.string()).min(1),
  /** True where the user gave the seed: then the run is not comparable to production's unpredictable ones. */
  seedFixed: z.boolean(),
  /** Run id of the other side of an interleaved A/B series. */
  against: z.string().nullable(),
  /** Crusader, Node, Python, torch, transformers, OS, CPU/GPU, as far as known before the start. */
  environment: z.record(z.string(), z.string()),
});
export type Plan = z.infer<typeof planSchema>;

/** One line of events.jsonl. */
export const recordedEventSchema = z.object({ repeat: z.number().int().nonnegative(), event: eventSchema });
export type RecordedEvent = z.infer<typeof recordedEventSchema>;

const withoutHeader = { v: true, seq: true, t: true, type: true } as const;
export const repeatResultSchema = z.object({
  ...resultEventSchema.omit(withoutHeader).shape,
  checks: z.array(checkEventSchema.omit(withoutHeader)),
  notes: z.array(noteEventSchema.omit(withoutHeader)),
  /** Seconds per stage, for those that ended. */
  stageSeconds: z.record(z.string(), z.number()),
  wallSeconds: z.number(),
  /** The GPUs it ran on, rank by rank; absent where the judge could not ask them, and in records from before. */
  gpus: z
    .array(z.object({ name: z.string(), memoryBytes: z.number().nullable() }))
    .max(64)
    .optional(),
  /** What stood out of the GPUs; absent where none was observed, and in records from before. */
  gpuObservations: z.array(gpuObservationSchema).max(MAX_OBSERVATIONS).optional(),
});
export type RepeatResult = z.infer<typeof repeatResultSchema>;

export const runResultSchema = z.object({
  version: z.literal(RECORD_VERSION),
  runId: z.string(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  outcome: z.enum(["passed", "failed", "error", "cancelled"]),
  /** The failure that decided the outcome; null when passed. */
  failure: failureSchema.nullable(),
  /** Low median over the repeats that passed (section 5). MFU on GPUs, speed relative to the reference on a CPU. */
  score: z.object({ kind: z.enum(["mfu_percent", "relative_speed"]), value: z.number() }).nullable(),
  repeatsPlanned: z.number().int().positive(),
  /** Share of the repeats that passed, 0..1. */
  successRate: z.number(),
  minSuccessRate: z.number(),
  /** Reasons why the score does not compare with the leaderboard's; empty only for a production run on its GPUs. */
  notComparable: z.array(z.string()),
  /** Bytes of output.log that were kept, and that were dropped beyond the cap. */
  output: z.object({ keptBytes: z.number().int(), droppedBytes: z.number().int() }),
  repeats: z.array(repeatResultSchema),
});
export type RunResult = z.infer<typeof runResultSchema>;

/**
 * How a run stands. `running`: its process lives, or it goes on without one (a container). `interrupted`: its process ended without a result, for example
 * because the machine went down. Otherwise the result's outcome.
 */
export const RUN_STATES = ["running", "interrupted", "passed", "failed", "error", "cancelled"] as const;
export const runStateSchema = z.enum(RUN_STATES);
export type RunState = z.infer<typeof runStateSchema>;

/** A row of the history: what lists and charts need, without opening the run's folder. */
export const runSummarySchema = z.object({
  id: z.string(),
  state: runStateSchema,
  createdAt: z.string(),
  finishedAt: z.string().nullable(),
  submission: planSchema.shape.submission.pick({ name: true, path: true, sha256: true, version: true, origin: true }),
  imported: planSchema.shape.imported,
  profile: planSchema.shape.profile.pick({ name: true, kind: true }),
  backend: z.string(),
  /** The revision of production's own code, where that judged. */
  productionRevision: z.string().optional(),
  numRanks: z.number().int().positive(),
  against: z.string().nullable(),
  score: runResultSchema.shape.score,
  successRate: z.number().nullable(),
  repeatsPlanned: z.number().int().positive(),
  failure: failureSchema.pick({ kind: true, code: true, message: true }).nullable(),
  /** False: the score does not compare with the leaderboard's. */
  comparable: z.boolean(),
  /** From the start to the end; null until then. */
  wallSeconds: z.number().nullable(),
  /** Size of the run's folder. */
  bytes: z.number().int(),
});
export type RunSummary = z.infer<typeof runSummarySchema>;

/** What a run was, in full: the plan, and the result once there is one. */
export const runRecordSchema = z.object({
  id: z.string(),
  state: runStateSchema,
  bytes: z.number().int(),
  plan: planSchema,
  result: runResultSchema.nullable(),
});
export type RunRecord = z.infer<typeof runRecordSchema>;

/** A folder that this version cannot read: damaged, or written by a newer one. Never deleted unless asked for by id. */
export const unreadableRunSchema = z.object({ id: z.string(), reason: z.string(), bytes: z.number().int() });
export type UnreadableRun = z.infer<typeof unreadableRunSchema>;
