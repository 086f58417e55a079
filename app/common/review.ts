/**
 * What a reviewer should look at in a train.py beyond the scan, and which known techniques it uses: the report of
 * simulator-image/crusades_eval/review.py and techniques.py, and the shape `crusader review --json` prints. docs/review.md
 * has a section for each finding and technique, by its id. Texts are those of the file under review: foreign.
 */
import { z } from "zod";

export const evidenceSchema = z.object({
  /** 1-based, as CPython reports it. */
  line: z.number().int(),
  /** 1-based column in Unicode code points. */
  column: z.number().int(),
  endLine: z.number().int(),
  /** 1-based, exclusive. */
  endColumn: z.number().int(),
  /** What stands there, on one line and at most EVIDENCE_CHARACTERS long; what is longer ends in "...". */
  text: z.string(),
});
export type Evidence = z.infer<typeof evidenceSchema>;

/** The first is hard to explain otherwise; the second has honest uses, too. Neither is a verdict. */
export const SEVERITIES = ["likely_exploit", "worth_a_look"] as const;
export const severitySchema = z.enum(SEVERITIES);
export type Severity = z.infer<typeof severitySchema>;

export const reviewFindingSchema = z.object({
  /** Stable id of the heuristic, e.g. "warm-up-branch". */
  id: z.string(),
  title: z.string(),
  severity: severitySchema,
  /** Place of the first evidence. */
  line: z.number().int(),
  column: z.number().int(),
  endLine: z.number().int(),
  endColumn: z.number().int(),
  /** What it would let one do. */
  sentence: z.string(),
  /** The place itself, then the other places that led to the finding. */
  evidence: z.array(evidenceSchema).min(1),
});

export const techniqueSchema = z.object({
  /** Stable id, e.g. "compile-max-autotune". */
  id: z.string(),
  title: z.string(),
  /** Where it is used, in the order of the file. */
  places: z.array(evidenceSchema).min(1),
});
export type Technique = z.infer<typeof techniqueSchema>;

/** Why a file was not reviewed. */
export const unreviewedSchema = z.object({
  reason: z.enum(["syntax", "too_large", "too_complex", "time", "crash"]),
  line: z.number().int().nullable(),
  message: z.string(),
});

export const reviewSchema = z.object({
  /** Null where the file was reviewed; else there are no findings and no techniques, and nothing is known. */
  unreviewed: unreviewedSchema.nullable(),
  /** Likely exploits first, each kind in the order of the file. */
  findings: z.array(reviewFindingSchema),
  techniques: z.array(techniqueSchema),
});
export type Review = z.infer<typeof reviewSchema>;
