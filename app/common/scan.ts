/** What the scanner says about one file (spec/evaluation.md section 3). The shape `crusader scan --json` prints. */
import { z } from "zod";

export const findingSchema = z.object({
  /** Stable id of the rule, e.g. "forbidden-module". */
  rule: z.string(),
  /** 1-based, as CPython reports it. */
  line: z.number().int(),
  /** 1-based column in Unicode code points. */
  column: z.number().int(),
  endLine: z.number().int(),
  /** 1-based, exclusive. */
  endColumn: z.number().int(),
  /** What is wrong and what to do instead. */
  message: z.string(),
});
export type Finding = z.infer<typeof findingSchema>;

export const verdictSchema = z.object({
  ok: z.boolean(),
  kind: z.enum(["pass", "syntax", "security", "structure"]),
  line: z.number().int().nullable(),
  rule: z.string().nullable(),
});
export type Verdict = z.infer<typeof verdictSchema>;

export const strategySchema = z.object({ dp_size: z.number().int(), tp_size: z.number().int() });
export type Strategy = z.infer<typeof strategySchema>;

/** A construct that cannot run without CUDA; never a rejection, but a rehearsal on a CPU cannot execute it. */
export const cudaNeedSchema = z.object({ line: z.number().int(), what: z.string() });

export const scanReportSchema = z.object({
  verdict: verdictSchema,
  findings: z.array(findingSchema),
  strategy: strategySchema.nullable(),
  cudaNeeds: z.array(cudaNeedSchema),
});
export type ScanReport = z.infer<typeof scanReportSchema>;

/** One replacement of text; places as in a finding, and the end is exclusive. */
export const editSchema = z.object({
  line: z.number().int(),
  column: z.number().int(),
  endLine: z.number().int(),
  endColumn: z.number().int(),
  /** Its lines end as those of the file do. */
  text: z.string(),
});
export type Edit = z.infer<typeof editSchema>;

/** A change that mends one finding and can make nothing worse. */
export const fixSchema = z.object({
  /** Rule and place of the finding it mends. */
  rule: z.string(),
  line: z.number().int(),
  column: z.number().int(),
  /** What it does, for a menu. */
  title: z.string(),
  /** In the order of their places; they do not overlap. */
  edits: z.array(editSchema),
});
export type Fix = z.infer<typeof fixSchema>;

/** The scan, and what else can be said from reading the file. */
export const analysisSchema = scanReportSchema.extend({
  /** Advice: what production does not reject but what fails or slows the evaluation (docs/lints.md). */
  lints: z.array(findingSchema),
  fixes: z.array(fixSchema),
});
export type Analysis = z.infer<typeof analysisSchema>;

/** The rules of the scan: hparams/scan-policy.json, or what was taken over from the production source. */
export const scanPolicySchema = z.record(z.string(), z.union([z.array(z.string().min(1)), z.number().int()]));
export type ScanPolicy = z.infer<typeof scanPolicySchema>;

export const policyInForceSchema = z.object({
  policy: scanPolicySchema,
  /** Of the policy with its keys and sets in order, so that equal rules have equal hashes. */
  sha256: z.string(),
  /** "built-in", or "source abc1234". */
  origin: z.string(),
});
export type PolicyInForce = z.infer<typeof policyInForceSchema>;
