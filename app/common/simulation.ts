/** Starting runs and following them. */
import { z } from "zod";
import { errorReportSchema } from "./errors.ts";
import { stageSchema } from "./events.ts";
import {
  containerChoiceSchema,
  evaluationSchema,
  planSchema,
  recordedEventSchema,
  runResultSchema,
  runStateSchema,
  sandboxSchema,
} from "./runs.ts";
import { serverNameSchema } from "./servers.ts";
import { fileNameSchema, fileReferenceSchema, folderNameSchema, templateNameSchema, textSchema } from "./workspace.ts";

export const runIdSchema = z.string().regex(/^[1-9]\d{0,14}$/, "Not the number of a run.");

/** A profile's name as `hparams.list` gives it; never a path. */
export const profileNameSchema = z
  .string()
  .max(128)
  .regex(/^[^/\\]+$/, "Not the name of a profile.")
  .refine((name) => !/\.json$/i.test(name), "Name the profile, not its file.");

/** What to judge. */
export const targetSchema = z.discriminatedUnion("kind", [
  /** The file as it is on the disk. */
  z.object({ kind: z.literal("file"), file: fileReferenceSchema }),
  /** An unsaved buffer; with `file` its versions count with that file's. */
  z.object({
    kind: z.literal("text"),
    name: folderNameSchema,
    text: textSchema,
    file: z.object({ ...fileReferenceSchema.shape, name: fileNameSchema }).nullable(),
  }),
  z.object({ kind: z.literal("template"), name: templateNameSchema }),
  /** What an earlier run judged. */
  z.object({ kind: z.literal("run"), runId: runIdSchema }),
  /** What a submission of the arena is: another's code. */
  z.object({
    kind: z.literal("submission"),
    source: serverNameSchema,
    submissionId: z.string().regex(/^[\x21-\x7e]{1,128}$/),
  }),
]);
export type Target = z.infer<typeof targetSchema>;

export const MAX_RANKS = 64;
export const MAX_REPEATS = 100;
export const SEED_PATTERN = /^[\x21-\x7e]{1,128}$/;

export const simulationOptionsSchema = z.object({
  profile: profileNameSchema.default("rehearsal"),
  backend: z.string().max(64).default("local"),
  /** Which evaluation server; for the backend evalServer. */
  server: serverNameSchema.optional(),
  /** "none" only for the user's own files, after they were told what it means. */
  sandbox: sandboxSchema.default("bubblewrap"),
  /** For the docker backend. */
  container: containerChoiceSchema.optional(),
  /** "production" needs the docker backend, a production profile and a fetched production source. */
  evaluation: evaluationSchema.default("crusader"),
  /** Default: the profile's. */
  numRanks: z.number().int().min(1).max(MAX_RANKS).optional(),
  /** Default: the profile's `evaluation_runs`. */
  repeats: z.number().int().min(1).max(MAX_REPEATS).optional(),
  /** Default: fresh ones that nobody can foresee. */
  seed: z.string().regex(SEED_PATTERN, "Up to 128 printable characters without blanks.").optional(),
  /** Start the ranks even where the file asks for CUDA and there is none. */
  ignoreCudaNeeds: z.boolean().default(false),
});
export type SimulationOptions = z.infer<typeof simulationOptionsSchema>;

/** What a start with these options would do, and what stands in its way. */
export const forecastSchema = z.object({
  profile: z.object({ name: z.string(), title: z.string(), kind: z.enum(["production", "rehearsal"]) }),
  backend: z.string(),
  sandbox: sandboxSchema,
  numRanks: z.number().int(),
  repeats: z.number().int(),
  /** The container image it takes; null without containers. */
  image: z.string().nullable(),
  evaluation: evaluationSchema,
  /** Whether production's own code could judge instead: its revision, and why not. */
  productionEvaluation: z.object({ revision: z.string().nullable(), problem: errorReportSchema.nullable() }),
  /** Why the score will not compare with the leaderboard's; empty only for a production run on its GPUs. */
  notComparable: z.array(z.string()),
  /** What is missing, each with a remedy; a start fails with the first. */
  problems: z.array(errorReportSchema),
  /** From recent runs like it, per repeat; a stage is absent where there are none. */
  expectedStageSeconds: z.partialRecord(stageSchema, z.number()),
  /** Runs that go first, as one run at a time has a backend. */
  behindRunIds: z.array(z.string()),
});
export type Forecast = z.infer<typeof forecastSchema>;

export const startedSchema = z.object({ runId: z.string(), plan: planSchema });
export type Started = z.infer<typeof startedSchema>;

/** How a run stands right now. */
export const runStatusSchema = z.object({
  state: runStateSchema,
  /** Set while it waits for its turn; `behindRunId` is null where the other is not known. */
  waiting: z.object({ behindRunId: z.string().nullable() }).nullable(),
  /** The repeat being judged, counted from 0; null before the first and after the last. */
  repeat: z.number().int().nullable(),
  repeatsPlanned: z.number().int(),
  /** Whether a cancel was asked for. */
  cancelling: z.boolean(),
  /**
   * Set while a run that goes on elsewhere (a container, a server) is not heard: `reattaching` after a restart, until it
   * is heard for the first time; `lost` while it is tried again. `problem`: why not, where that is known.
   */
  contact: z.object({ state: z.enum(["reattaching", "lost"]), problem: z.string().nullable() }).nullable(),
});
export type RunStatus = z.infer<typeof runStatusSchema>;

/** A recorded event with its number: its line in events.jsonl, from 1. The same live, replayed and after a restart. */
export const numberedEventSchema = recordedEventSchema.extend({ number: z.number().int().positive() });
export type NumberedEvent = z.infer<typeof numberedEventSchema>;

/**
 * One item of `simulation.events`: what happened since the last one. At most ten a second; progress that was already
 * superseded is left out. The stream ends with the item whose status is no longer "running".
 */
export const runUpdateSchema = z.object({
  runId: z.string(),
  /** The number the stream stood at. Not the one you stand at: forget what you have and take this as the beginning. */
  after: z.number().int().nonnegative(),
  /** Where it stands now: resume with this as `after`. */
  number: z.number().int().nonnegative(),
  events: z.array(numberedEventSchema),
  status: runStatusSchema,
  /** Size of the log so far; more than you have: read on with `runs.output`. */
  outputBytes: z.number().int().nonnegative(),
  /** Set in the last item, unless the run was interrupted. */
  result: runResultSchema.nullable(),
  /** Why the record is incomplete although the result stands. */
  recordProblem: errorReportSchema.nullable(),
});
export type RunUpdate = z.infer<typeof runUpdateSchema>;

export const activeRunSchema = z.object({
  runId: z.string(),
  plan: planSchema,
  status: runStatusSchema,
  /** False: another Crusader process (the command line, a second host) runs it; it can be followed, not cancelled. */
  ownedHere: z.boolean(),
  /** It goes on when this process ends, and is found again by the next. */
  outlivesApp: z.boolean(),
});
export type ActiveRun = z.infer<typeof activeRunSchema>;

/** What a window knows of a run: the sum of its updates. */
export type RunTranscript = Pick<RunUpdate, "number" | "events" | "outputBytes" | "result" | "recordProblem"> & {
  runId: string;
  status: RunStatus | null;
};

export function emptyTranscript(runId: string): RunTranscript {
  return { runId, number: 0, events: [], status: null, outputBytes: 0, result: null, recordProblem: null };
}

/** The transcript with one more update; begun anew where the stream was (a gap). Progress keeps its newest only. */
export function withUpdate(transcript: RunTranscript, update: RunUpdate): RunTranscript {
  const { after, events, ...now } = update;
  const known = after === transcript.number ? transcript.events : [];
  const stages = new Set(
    events.flatMap(({ repeat, event }) => (event.type === "progress" ? [`${repeat} ${event.stage}`] : [])),
  );
  const kept =
    stages.size === 0
      ? known
      : known.filter(({ repeat, event }) => event.type !== "progress" || !stages.has(`${repeat} ${event.stage}`));
  return { ...now, events: events.length === 0 ? kept : [...kept, ...events] };
}
