/** The review of a submission of the arena: what the scan and the heuristics find in its code, and what the reader noted and judged. */
import { z } from "zod";
import { MAX_BOARD_ENTRIES, submissionIdSchema, submissionReferenceSchema } from "./arena.ts";
import { reviewSchema } from "./review.ts";
import { analysisSchema } from "./scan.ts";
import { serverNameSchema } from "./servers.ts";
import { fileVersionSchema } from "./workspace.ts";

/** A reader's own; production knows none of it. */
export const REVIEW_VERDICTS = ["sound", "doubtful", "exploit"] as const;
export const reviewVerdictSchema = z.enum(REVIEW_VERDICTS);
export type ReviewVerdict = z.infer<typeof reviewVerdictSchema>;

export const MAX_NOTE_CHARACTERS = 10_000;
export const MAX_LINE_NOTES = 500;
/** More lines than code that is kept can have. */
const MAX_LINE = 2_000_000;

/** `text` "" and `verdict` null: nothing is noted. */
const notedSchema = z.object({
  verdict: reviewVerdictSchema.nullable(),
  text: z.string().max(MAX_NOTE_CHARACTERS),
});
export const lineNoteSchema = notedSchema.extend({ line: z.number().int().min(1).max(MAX_LINE) });
export type LineNote = z.infer<typeof lineNoteSchema>;

export const reviewNotesSchema = notedSchema.extend({
  /** By line. */
  lines: z.array(lineNoteSchema).max(MAX_LINE_NOTES),
  /** The code whose lines these are; null while no line is noted. */
  codeSha256: fileVersionSchema.nullable(),
  /** Of the last change; null: nothing is noted. */
  changedAt: z.iso.datetime().nullable(),
});
export type ReviewNotes = z.infer<typeof reviewNotesSchema>;

/** One thing at a time, so that two windows take nothing from each other; the one before written again undoes it. */
export const noteChangeSchema = z.discriminatedUnion("of", [
  z.object({ of: z.literal("submission"), ...notedSchema.shape }),
  z.object({ of: z.literal("line"), ...lineNoteSchema.shape }),
]);
export type NoteChange = z.infer<typeof noteChangeSchema>;

export const noteRequestSchema = z.object({ submission: submissionReferenceSchema, change: noteChangeSchema });

/** Places are those of the code as it is shown (`arenaCodeSchema.text`). */
export const inspectionSchema = z.object({
  sha256: fileVersionSchema,
  analysis: analysisSchema,
  review: reviewSchema,
  /** Whose rules the scan went by: "built-in", or "source abc1234". */
  rules: z.string(),
  /**
   * What the rules of its time said: those of the newest revision of the validator's source, of all that were fetched here,
   * which was committed before it was submitted. Null where none is known.
   */
  ofItsTime: z
    .object({
      rules: z.string(),
      committedAt: z.iso.datetime(),
      /** They are those in force. */
      isSame: z.boolean(),
      verdict: analysisSchema.shape.verdict,
    })
    .nullable(),
});
export type Inspection = z.infer<typeof inspectionSchema>;

export const techniqueHistoryRequestSchema = z.object({
  source: serverNameSchema,
  /** Ids of review.ts. */
  techniques: z.array(z.string().regex(/^[a-z0-9-]{1,64}$/)).max(100),
});

/** When techniques first appeared among the finished submissions of a source whose code is kept, the oldest looked at first. */
export const techniqueHistorySchema = z.object({
  /** Codes looked at so far, and how many there are. Fewer at the end: all techniques were found before. */
  reviewed: z.number().int(),
  total: z.number().int(),
  isDone: z.boolean(),
  first: z
    .array(
      z.object({ technique: z.string(), submissionId: submissionIdSchema, createdAt: z.iso.datetime().nullable() }),
    )
    .max(MAX_BOARD_ENTRIES),
});
export type TechniqueHistory = z.infer<typeof techniqueHistorySchema>;

export const reviewExportSchema = z.object({
  submission: submissionReferenceSchema,
  format: z.enum(["markdown", "json"]),
});
