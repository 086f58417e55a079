/**
 * The production source: the validator's public repository, fetched when the user asks, pinned to a revision and read as
 * data. A *revision* is a commit, or the content of a local folder at one moment.
 */
import { z } from "zod";
import { fileReferenceSchema, opaqueIdSchema } from "./workspace.ts";

export const revisionIdSchema = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, "Not the id of a revision.");

/** A branch, a tag or a commit of a repository. */
export const gitReferenceSchema = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/, "Not the name of a branch, a tag or a commit.")
  .refine((name) => !/\.\.|\/\/|\.lock$|[./]$/.test(name), "Not the name of a branch, a tag or a commit.");

/** Null when a repository may be fetched from that address, else why not. */
export function repositoryUrlProblem(url: string): string | null {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return "Not an address: one begins with https:// or ssh:// and names host and repository.";
  }
  // Blanks, control characters and a leading "-" could be read as something else by the programs that get it.
  if (!/^(?:https|ssh):\/\/[\x21-\x7e]+$/.test(url)) return "The address begins with https:// or ssh://.";
  if (!/^[A-Za-z0-9[][A-Za-z0-9.:\]-]*$/.test(parsed.host)) return "The address names no host.";
  if (parsed.password !== "" || (parsed.protocol === "https:" && parsed.username !== ""))
    return "The address holds a name or password, which would be kept in plain text. Leave them out.";
  if (parsed.username !== "" && !/^[A-Za-z0-9_][\w.-]*$/.test(parsed.username)) return "Not a user's name.";
  return parsed.pathname.length > 1 ? null : "The address names no repository.";
}

export const repositoryUrlSchema = z
  .string()
  .max(1000)
  .superRefine((url, context) => {
    const problem = repositoryUrlProblem(url);
    if (problem !== null) context.addIssue({ code: "custom", message: problem });
  });

/** What the window asks for; a folder comes from the picker. */
export const sourceChoiceSchema = z.discriminatedUnion("kind", [
  /** `reference` null: the repository's own default branch. */
  z.object({
    kind: z.literal("git"),
    url: repositoryUrlSchema,
    reference: gitReferenceSchema.nullable().default(null),
  }),
  z.object({ kind: z.literal("folder"), pickedId: opaqueIdSchema }),
]);
export type SourceChoice = z.infer<typeof sourceChoiceSchema>;

export const productionSourceSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("git"), url: z.string(), reference: z.string().nullable() }),
  /** `location` is for people to read, with "~" for the home folder. */
  z.object({ kind: z.literal("folder"), location: z.string() }),
]);
export type ProductionSource = z.infer<typeof productionSourceSchema>;

export const revisionSchema = z.object({
  /** Commit, or for a folder SHA-256 of what was read. */
  id: revisionIdSchema,
  /** The first seven characters, for people. */
  label: z.string(),
  source: productionSourceSchema,
  /** When it was committed; null for a folder. */
  committedAt: z.iso.datetime().nullable(),
  /** When it was fetched or read. */
  fetchedAt: z.iso.datetime(),
  files: z.number().int().nonnegative(),
  bytes: z.number().int().nonnegative(),
  /** What was left out, and why: links, submodules, files over the limits. */
  leftOut: z.array(z.string()),
});
export type Revision = z.infer<typeof revisionSchema>;

/** The rules that scans and runs use. */
export const rulesInForceSchema = z.object({
  /** Null: the built-in ones. */
  appliedFrom: revisionSchema.pick({ id: true, label: true }).nullable(),
  appliedAt: z.iso.datetime().nullable(),
  policySha256: z.string(),
  /** The profile with production's values: a name of `hparams.list`. */
  productionProfile: z.string(),
});

export const productionStatusSchema = z.object({
  /** What the next fetch reads; the public repository until another was chosen. */
  source: productionSourceSchema,
  /** What changes are told against. Null: nothing was fetched yet. */
  pinned: revisionSchema.nullable(),
  /** What was fetched last; often the pinned one. */
  newest: revisionSchema.nullable(),
  inForce: rulesInForceSchema,
});
export type ProductionStatus = z.infer<typeof productionStatusSchema>;

/** Where something stands in a revision; lines count from 1. */
export const placeSchema = z.object({ file: z.string(), line: z.number().int().positive() });
export type Place = z.infer<typeof placeSchema>;

const jsonSchema = z.json();

/** A top-level piece of the validator's scanner: text of others, data only. It goes to the second opinion and nowhere else. */
export const scannerDefinitionSchema = z.object({
  name: z.string(),
  kind: z.enum(["import", "assignment", "function", "class"]),
  ...placeSchema.shape,
  /** Of the definition alone; definitions come after those they need. */
  source: z.string(),
});

export const scannerSchema = z.object({
  entry: z.object({
    name: z.string(),
    ...placeSchema.shape,
    /** Positional ones first, as they are written. */
    parameters: z.array(z.object({ name: z.string(), annotation: z.string().nullable(), required: z.boolean() })),
    /** Annotation of what it returns, as written. */
    returns: z.string().nullable(),
  }),
  definitions: z.array(scannerDefinitionSchema),
  /** Names it uses that are defined nowhere in what was read, and modules that are neither there nor in the standard library. */
  unresolved: z.array(z.string()),
  /** Why the extract may behave otherwise than the original, e.g. two files that define one name. */
  notes: z.array(z.string()),
});
export type Scanner = z.infer<typeof scannerSchema>;

/** What was found in a revision. What is null or absent was not found; `notFound` says so in words. */
export const readingSchema = z.object({
  /** By key of our scan policy. */
  policy: z.record(
    z.string(),
    z.object({
      value: z.union([z.array(z.string()), z.number().int()]),
      /** The name it has there; "" for one that has none. */
      name: z.string(),
      ...placeSchema.shape,
      /** What it was recognised by. */
      by: z.enum(["name", "content", "both"]),
    }),
  ),
  /** Numbers of the code that are limits or defaults, by name. */
  thresholds: z.array(z.object({ name: z.string(), value: z.number(), ...placeSchema.shape })),
  hparams: z.object({ file: z.string(), content: z.record(z.string(), jsonSchema) }).nullable(),
  /** Container and package versions: "base image", "transformers". */
  pins: z.array(z.object({ name: z.string(), version: z.string(), ...placeSchema.shape })),
  /** Candidates for the scan's entry, the likeliest first. */
  scanners: z.array(scannerSchema),
  /** Files that could not be read as what they are: "env.py: line 3: invalid syntax". */
  unreadable: z.array(z.string()),
  notFound: z.array(z.string()),
});
export type Reading = z.infer<typeof readingSchema>;

/** `builtin`: what Crusader came with. `in_force`: that, or what was applied. */
export const rulesSideSchema = z.enum(["builtin", "in_force", "pinned", "newest"]);
export type RulesSide = z.infer<typeof rulesSideSchema>;

/** What a change would do to the user's own runs and files. */
export const consequenceSchema = z.object({
  /** "14 of your runs would now pass this check (12 of them rehearsals)." */
  text: z.string(),
  runIds: z.array(z.string()),
  files: z.array(fileReferenceSchema),
});
export type Consequence = z.infer<typeof consequenceSchema>;

export const ruleChangeSchema = z.object({
  area: z.enum(["policy", "hparams", "threshold", "container", "scanner"]),
  /** Key of the scan policy, dotted path of a profile, name of a number, a package or a function. */
  name: z.string(),
  /** "Weight error limit". */
  title: z.string(),
  kind: z.enum(["added", "removed", "changed"]),
  /** Single values; null where there was or is none, and for sets. */
  before: jsonSchema,
  after: jsonSchema,
  /** Of sets. */
  added: z.array(z.string()),
  removed: z.array(z.string()),
  /** Where the new value stands; null where it is gone or ours. */
  place: placeSchema.nullable(),
  /** Whether `production.apply` takes it over. */
  applies: z.boolean(),
  consequences: z.array(consequenceSchema),
});
export type RuleChange = z.infer<typeof ruleChangeSchema>;

export const rulesComparisonSchema = z.object({
  from: z.object({ side: rulesSideSchema, label: z.string(), revision: revisionSchema.nullable() }),
  to: z.object({ side: rulesSideSchema, label: z.string(), revision: revisionSchema.nullable() }),
  /** Most consequential first. */
  changes: z.array(ruleChangeSchema),
  /** What one side lacks, so that nothing can be said about it. */
  notFound: z.array(z.string()),
  /** What was looked at for the consequences, and what was not: "The first 200 of 431 files." */
  notes: z.array(z.string()),
});
export type RulesComparison = z.infer<typeof rulesComparisonSchema>;

/** What to take over. A part that was not found is refused. */
export const rulesPartSchema = z.enum(["policy", "profile"]);
export type RulesPart = z.infer<typeof rulesPartSchema>;

/** A run that was made under other rules than those in force. */
export const staleRunSchema = z.object({
  runId: z.string(),
  /** "Weight error limit 0.008, now 0.015", "the scan policy has changed since". */
  reasons: z.array(z.string()),
});
export type StaleRun = z.infer<typeof staleRunSchema>;
