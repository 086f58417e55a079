/**
 * What is kept of a run: `runs/<id>/{plan.json, train.py, events.jsonl, output.log, result.json}`.
 * A *run* is one request to judge a file; it has one or more *repeats* (section 5), each an evaluation of its own
 * with a seed of its own. `events.jsonl` holds the judge's events, each wrapped with the repeat it belongs to.
 */
import { z } from "zod";
import { checkEventSchema, eventSchema, failureSchema, noteEventSchema, resultEventSchema } from "./events.ts";

export const RECORD_VERSION = 1;

export const sandboxSchema = z.enum(["bubblewrap", "none"]);
export type Sandbox = z.infer<typeof sandboxSchema>;

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
  }),
  /** The whole profile as it was, so that a later edit of the file changes nothing here. */
  profile: z.object({
    name: z.string(),
    kind: z.enum(["production", "rehearsal"]),
    sha256: z.string(),
    content: z.record(z.string(), z.unknown()),
  }),
  backend: z.string(),
  sandbox: sandboxSchema,
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
