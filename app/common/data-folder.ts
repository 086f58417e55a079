/** What the window is told about the files Crusader keeps. */
import { z } from "zod";

/** A file that could not be used. Nothing of it was overwritten. */
export const setAsideSchema = z.object({
  /** history: the index over the runs' folders; notes: tags, notes and the baseline; folders: those that were opened. servers: those that evaluate. arena: what was kept of its sources; reviews: notes and verdicts on others' code. */
  what: z.enum(["settings", "history", "notes", "folders", "servers", "arena", "reviews"]),
  /** Where it lies now, for people to read. */
  file: z.string(),
  reason: z.string(),
});
export type SetAside = z.infer<typeof setAsideSchema>;
