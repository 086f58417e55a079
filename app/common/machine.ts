/** What this machine has to judge submissions with. */
import { z } from "zod";
import { errorReportSchema } from "./errors.ts";

/** Present with what it is, or missing with what to do. */
export const presenceSchema = z.discriminatedUnion("state", [
  z.object({ state: z.literal("ready"), summary: z.string() }),
  z.object({ state: z.literal("missing"), problem: errorReportSchema }),
]);
export type Presence = z.infer<typeof presenceSchema>;

export const machineSchema = z.object({
  system: z.string(),
  processor: z.string(),
  cores: z.number().int(),
  memoryBytes: z.number(),
  /** One entry a GPU, as its driver names it; empty where there is none. */
  gpus: z.array(z.string()),
  docker: presenceSchema,
  /** The environment rehearsals run in; `versions` holds python, torch, transformers, numpy once it is there. */
  python: presenceSchema,
  versions: z.record(z.string(), z.string()),
  sandbox: presenceSchema,
  /** Where everything is kept, for people to read. */
  dataFolder: z.string(),
  dataFolderFreeBytes: z.number().nullable(),
});
export type Machine = z.infer<typeof machineSchema>;
