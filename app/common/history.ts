/** The history as the window sees it: runs with what people noted about them. */
import { z } from "zod";
import type { Comparison } from "./compare.ts";
import {
  codeOriginSchema,
  evaluationSchema,
  runRecordSchema,
  runStateSchema,
  runSummarySchema,
  unreadableRunSchema,
} from "./runs.ts";
import { runIdSchema } from "./simulation.ts";
import { MAX_TAG_LENGTH, MAX_TAGS } from "./tags.ts";

export const tagSchema = z.string().trim().min(1).max(MAX_TAG_LENGTH);
export const annotationSchema = z.object({
  tags: z.array(tagSchema).max(MAX_TAGS),
  note: z.string().max(10_000),
});
export type Annotation = z.infer<typeof annotationSchema>;

export const runFilterSchema = z.object({
  state: runStateSchema.optional(),
  profile: z.string().optional(),
  evaluation: evaluationSchema.optional(),
  /** File name or path of the submission. */
  submission: z.string().optional(),
  /** Anywhere in number, names, path, profile, code and message. */
  search: z.string().max(200).optional(),
  since: z.iso.datetime().optional(),
  tag: tagSchema.optional(),
});
export type HistoryFilter = z.infer<typeof runFilterSchema>;

export const MAX_RUNS_PER_PAGE = 2000;

export const historyRunSchema = runSummarySchema.extend(annotationSchema.shape);
export type HistoryRun = z.infer<typeof historyRunSchema>;

export const historyPageSchema = z.object({
  /** Newest first. */
  runs: z.array(historyRunSchema),
  total: z.number().int(),
  unreadable: z.array(unreadableRunSchema),
  baselineRunId: z.string().nullable(),
});
export type HistoryPage = z.infer<typeof historyPageSchema>;

export const shownRunSchema = runRecordSchema.extend({ annotation: annotationSchema, isBaseline: z.boolean() });
export type ShownRun = z.infer<typeof shownRunSchema>;

/** A part of a log. Untrusted: bytes that are no UTF-8 show as U+FFFD; control characters are left as they are. */
export const outputPageSchema = z.object({
  offset: z.number().int(),
  /** Where the next page begins; never inside a character. */
  nextOffset: z.number().int(),
  totalBytes: z.number().int(),
  text: z.string(),
});
export type OutputPage = z.infer<typeof outputPageSchema>;
export const MAX_OUTPUT_PAGE_BYTES = 1024 * 1024;

/** `undoId` takes it back with `runs.undoDelete` for an hour; the disk is free after that. */
export const deletedRunsSchema = z.object({
  undoId: z.string(),
  runIds: z.array(z.string()),
  bytes: z.number().int(),
});
export type DeletedRuns = z.infer<typeof deletedRunsSchema>;

export const pruneRulesSchema = z
  .object({
    keep: z.number().int().nonnegative().optional(),
    olderThanDays: z.number().nonnegative().optional(),
    maxBytes: z.number().nonnegative().optional(),
  })
  .refine((rules) => Object.values(rules).some((rule) => rule !== undefined), "Say what goes.");

/** A record of another Crusader that now is a run of this one. */
export const importedRunSchema = z.object({ runId: z.string(), origin: codeOriginSchema });

/** Something to save as a file. */
export const exportedFileSchema = z.object({ fileName: z.string(), mediaType: z.string(), text: z.string() });
export type ExportedFile = z.infer<typeof exportedFileSchema>;

const changeSchema = z.object({ path: z.string(), a: z.unknown(), b: z.unknown() });
const sideSchema = z.object({ runId: runIdSchema, name: z.string(), version: z.number() });
const measuredSchema = z.object({
  values: z.array(z.number()),
  median: z.number().nullable(),
  timedSeconds: z.array(z.number()),
});
/** `compareRuns`' answer (compare.ts). */
export const comparisonSchema: z.ZodType<Comparison> = z.object({
  a: sideSchema,
  b: sideSchema,
  code: z.object({ identical: z.boolean(), diff: z.string().nullable() }),
  profile: z.array(changeSchema),
  environment: z.array(changeSchema),
  speed: z.object({
    verdict: z.enum(["faster", "slower", "within_noise", "no_noise_estimate", "not_comparable"]),
    reasons: z.array(z.string()),
    metric: z.enum(["mfu_percent", "tokens_per_second"]).nullable(),
    a: measuredSchema,
    b: measuredSchema,
    changePercent: z.number().nullable(),
    intervalPercent: z.tuple([z.number(), z.number()]).nullable(),
    method: z.string(),
  }),
});
