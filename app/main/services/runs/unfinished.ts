/** What a run that outlives its process needs to be gone on with; beside the plan until there is a result. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { productionCodeSchema, RECORD_VERSION, repeatResultSchema } from "../../../common/runs.ts";

export const UNFINISHED_FILE = "unfinished.json";

export const unfinishedSchema = z.object({
  version: z.literal(RECORD_VERSION),
  startedAt: z.iso.datetime(),
  /** The scan's rules, complete. */
  policy: z.record(z.string(), z.unknown()),
  ignoreCudaNeeds: z.boolean(),
  /** Set where production's own code judges; the source that it came from may be another by then. */
  production: productionCodeSchema.optional(),
  /** Those that have ended. */
  repeats: z.array(repeatResultSchema),
  /** When the next one was handed to the backend; null: not yet. */
  begunAt: z.iso.datetime().nullable(),
  /** Bytes of log that the ended ones wrote, kept or not. */
  outputBytes: z.number().int().nonnegative(),
});
export type Unfinished = z.infer<typeof unfinishedSchema>;

/** Null where the run ends with its process, and where it cannot be gone on with. */
export function readUnfinished(folder: string): Unfinished | null {
  const file = join(folder, UNFINISHED_FILE);
  if (!existsSync(file)) return null;
  try {
    return unfinishedSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return null;
  }
}
