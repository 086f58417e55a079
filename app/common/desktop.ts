/** What the desktop around the window asks of it: the native menu, files opened from outside, a clicked notification. */
import { z } from "zod";
import { fileReferenceSchema, folderSchema } from "./workspace.ts";

export const desktopRequestSchema = z.discriminatedUnion("kind", [
  /** A command of the window, by its id. */
  z.object({ kind: z.literal("command"), id: z.string() }),
  z.object({ kind: z.literal("openFile"), folder: folderSchema, file: fileReferenceSchema }),
  z.object({ kind: z.literal("openFolder"), folder: folderSchema }),
  z.object({ kind: z.literal("showRun"), runId: z.string() }),
]);
export type DesktopRequest = z.infer<typeof desktopRequestSchema>;
