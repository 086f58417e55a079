/** Images of ours on an engine: which there are, what stands in the way of building one, how a build goes. */
import { z } from "zod";
import { errorReportSchema } from "./errors.ts";
import { profileNameSchema } from "./simulation.ts";

/** A context's name, "default" or "podman"; absent: the one that the docker command uses. */
const engineNameSchema = z.string().min(1).max(200);

export const shownImageSchema = z.object({
  id: z.string(),
  /** "name:tag"; none where a newer image has taken its name. */
  tags: z.array(z.string()),
  /** What it says of itself (`IMAGE_LABELS`); "" where it says nothing. */
  profile: z.string(),
  packages: z.string(),
  source: z.string(),
  sizeBytes: z.number().nonnegative(),
  createdAt: z.iso.datetime(),
  /** Names of the profiles whose image it is, and that it fits. */
  fits: z.array(z.string()),
  /** Why it fits no profile; null where it fits one. */
  mismatch: z.string().nullable(),
});
export type ShownImage = z.infer<typeof shownImageSchema>;

export const imageListSchema = z.object({ engine: z.string(), images: z.array(shownImageSchema) });
export type ImageList = z.infer<typeof imageListSchema>;

/** The name of an image as an engine takes it; never an option. */
const imageReferenceSchema = z
  .string()
  .max(300)
  .regex(/^[A-Za-z0-9][\w.:/@-]*$/, "Not the name of an image.");

export const imageRequestSchema = z.object({
  engine: engineNameSchema.optional(),
  profile: profileNameSchema,
  /** For rehearsals: another image with Python 3.11 or newer to begin with. */
  base: imageReferenceSchema.optional(),
  /** From the picker: a folder of wheels, taken before anything is fetched. */
  wheelsPickedId: z.string().max(64).optional(),
});

export type ImageChoice = z.infer<typeof imageRequestSchema>;

export const imageFindingSchema = z.object({
  /** What it is about: "docker", "builder", "image", "disk", "model", ... */
  id: z.string(),
  /** A problem stands in the way; what is unknown does not. */
  level: z.enum(["ok", "unknown", "warning", "problem"]),
  message: z.string(),
  /** What to do; "" where there is nothing to do. */
  hint: z.string(),
});
export type ImageFinding = z.infer<typeof imageFindingSchema>;

export const imageCheckSchema = z.object({
  engine: z.string(),
  profile: z.string(),
  /** What the image is going to be called. */
  reference: z.string(),
  dockerfile: z.enum(["Dockerfile", "Dockerfile.cpu"]),
  builder: z.enum(["buildkit", "classic"]).nullable(),
  findings: z.array(imageFindingSchema),
  /** How long it is going to take, in words, and from what that is known. */
  duration: z.string(),
});
export type ImageCheck = z.infer<typeof imageCheckSchema>;

export const buildStepSchema = z.object({
  /** From 1: those that ended, and one. */
  number: z.number().int().positive(),
  total: z.number().int().positive(),
  /** The instruction, or what the builder says it does. */
  name: z.string(),
});

export const buildProgressSchema = z.object({
  /** Null before the first. */
  step: buildStepSchema.nullable(),
  /** What it does now, in a few words. */
  doing: z.string(),
  /** How many steps an earlier build had done already. */
  cachedSteps: z.number().int().nonnegative(),
  /** Of what is on its way now, where the builder says it; `total` null: it does not say of how much. */
  bytes: z.object({ done: z.number().nonnegative(), total: z.number().positive().nullable() }).nullable(),
});
export type BuildProgress = z.infer<typeof buildProgressSchema>;

/** One build, as the window shows it. */
export const buildViewSchema = z.object({
  taskId: z.string(),
  engine: z.string(),
  profile: z.string(),
  reference: z.string(),
  state: z.enum(["running", "succeeded", "failed", "cancelled"]),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
  progress: buildProgressSchema,
  /** Share of the steps that are done; never goes back. */
  fraction: z.number().min(0).max(1).nullable(),
  /** Of the build from how long its steps took before, of the step from its bytes; null where nothing tells. */
  timeLeft: z.object({ seconds: z.number().nonnegative(), of: z.enum(["build", "step"]) }).nullable(),
  /** Of the log so far. */
  logCharacters: z.number().int().nonnegative(),
  error: errorReportSchema.nullable(),
});
export type BuildView = z.infer<typeof buildViewSchema>;

export const buildLogSchema = z.object({
  text: z.string(),
  /** How much of its beginning is no longer kept. */
  leftOutCharacters: z.number().int().nonnegative(),
});

/** As the hub makes them: one printable word. */
export const hubTokenPattern = /^[\x21-\x7e]{8,512}$/;
export const hubTokenSchema = z.string().regex(hubTokenPattern, "A token is one word of printable characters.");
