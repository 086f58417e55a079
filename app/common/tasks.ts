/** Long work that is not a run: started with an id, shown with progress, cancellable, its end always recorded. */
import { z } from "zod";
import { errorReportSchema } from "./errors.ts";

export const taskSchema = z.object({
  id: z.string(),
  kind: z.enum(["python_setup", "production_fetch", "image_build", "localnet_start"]),
  title: z.string(),
  state: z.enum(["running", "succeeded", "failed", "cancelled"]),
  /** What it is doing now. */
  detail: z.string(),
  /** Of the step named in `detail`; null where the length is unknown. */
  fraction: z.number().min(0).max(1).nullable(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
  /** Set when it failed. */
  error: errorReportSchema.nullable(),
});
export type Task = z.infer<typeof taskSchema>;
