/** Profiles as the window sees them. */
import { z } from "zod";
import { errorReportSchema } from "./errors.ts";

export const profileKindSchema = z.enum(["production", "rehearsal"]);

export const profileSummarySchema = z.object({
  name: z.string(),
  /** Null where the file cannot be used; `error` says why. */
  kind: profileKindSchema.nullable(),
  title: z.string().nullable(),
  error: errorReportSchema.nullable(),
});

export const profileSchema = z.object({
  name: z.string(),
  kind: profileKindSchema,
  title: z.string(),
  /** The file's content as it is. */
  raw: z.record(z.string(), z.unknown()),
  /** With every default filled in. */
  resolved: z.record(z.string(), z.unknown()),
  sha256: z.string(),
  unknownKeys: z.array(z.string()),
  /** Dotted paths whose value the profile's source does not state. */
  assumed: z.array(z.string()),
});
