/**
 * The arena: what a validator's public API, or its own database, says of everybody's submissions (spec/evaluation.md section 7).
 * All of it is others' words: bounded, and with nothing hidden in it (shown-text.ts), before it gets here.
 */
import { z } from "zod";
import { errorReportSchema } from "./errors.ts";
import { validatorCodeSchema } from "./events.ts";
import type { ThresholdState } from "./leader.ts";
import { serverAddressSchema, serverNameSchema } from "./servers.ts";
import { profileNameSchema, runIdSchema } from "./simulation.ts";
import type { evaluatedSchema } from "./submission.ts";
import { fileReferenceSchema, fileVersionSchema, opaqueIdSchema } from "./workspace.ts";

export const MAX_ARENA_SOURCES = 20;
export const MAX_BOARD_ENTRIES = 1000;
export const MAX_SEARCH_RESULTS = 200;
/** Of what is on a chart; older points are thinned out first. */
export const MAX_HISTORY_POINTS = 20_000;

/** Who leads and what it takes, as one source says it. Give `threshold` to `thresholdAt` of leader.ts, with the profile's rules. */
export type Standing = {
  /** Name of the source. */
  source: string;
  /** When it last answered. */
  seenAt: string;
  /** By the leader rule; null: nobody has finished. `score` is MFU in percent. */
  leader: { submissionId: string; hotkey: string | null; uid: number | null; score: number } | null;
  /** What the last new leader left; null where the source does not tell: then it is the rules' base. */
  threshold: ThresholdState | null;
};

/** A commitment as the chain has it, to be found on a board. */
export type Revealed = {
  hotkey: string;
  uid: number | null;
  /** The 32 hexadecimal digits that were committed. */
  codeHash: string;
  url: string;
  revealedBlock: number | null;
};

export type Evaluated = z.infer<typeof evaluatedSchema>;

/** What the submission of a file asks the arena. Both answer from what is kept, and throw nothing for a source that is away. */
export interface Standings {
  /** Of the source that answered last; null while none ever has. */
  standing(): Standing | null;
  /** Null while no source lists it. */
  evaluationOf(revealed: Revealed): Evaluated | null;
}

/** `submission_id` of production: `vN_commit_<block>_<uid>`; any word of a server that can stand in a URL's path. */
export const submissionIdSchema = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, "An id of a submission is one word of printable characters.")
  .refine((id) => id !== "." && id !== "..", "Not the id of a submission.");

/** Source and id: ids of two servers may be the same. */
export const submissionReferenceSchema = z.object({ source: serverNameSchema, submissionId: submissionIdSchema });
export type SubmissionReference = z.infer<typeof submissionReferenceSchema>;

/** Where a source is. A database is named by the file, or by the folder that holds `crusades.db`. */
export const sourcePlaceSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("api"), address: serverAddressSchema }),
  z.object({ kind: z.literal("database"), path: z.string().min(1).max(4096) }),
]);

export const arenaSourceSchema = z.object({ name: serverNameSchema, place: sourcePlaceSchema });
export type ArenaSource = z.infer<typeof arenaSourceSchema>;

/** What the window gives: no path, but the id of one that was picked. */
export const sourceChoicePlaceSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("api"), address: serverAddressSchema }),
  z.object({ kind: z.literal("database"), pickedId: opaqueIdSchema }),
]);

export const shownSourceSchema = z.object({
  name: z.string(),
  /** `kept`: it was removed; what was seen of it is still here. */
  kind: z.enum(["api", "database", "kept"]),
  /** Address or file, for people; empty for a kept one. */
  place: z.string(),
  /** Plain http to another machine: what it says can be read and changed on the way. */
  isPlain: z.boolean(),
  hasApiKey: z.boolean(),
  /** The last time that it answered, and that it was asked. */
  seenAt: z.iso.datetime().nullable(),
  triedAt: z.iso.datetime().nullable(),
  /** Why the last time brought nothing, or not all; null where it did. */
  problem: errorReportSchema.nullable(),
  /** What it said that could not be used, in sentences. */
  notes: z.array(z.string()),
  submissionCount: z.number().int(),
  codeCount: z.number().int(),
});
export type ShownSource = z.infer<typeof shownSourceSchema>;

/** A time as a server says it. */
const serverTimeSchema = z.iso.datetime().nullable();

/** `failed`: any of production's failures; `waiting`: pending, validating, evaluating; `unknown`: a status that production does not have, or none yet. */
export const SUBMISSION_STATES = ["finished", "failed", "waiting", "unknown"] as const;
export const submissionStateSchema = z.enum(SUBMISSION_STATES);
export type SubmissionState = z.infer<typeof submissionStateSchema>;

export const arenaSubmissionSchema = z.object({
  ...submissionReferenceSchema.shape,
  hotkey: z.string().nullable(),
  uid: z.number().int().nullable(),
  /** Its hotkey is one of this machine's wallets. */
  isOwn: z.boolean(),
  state: submissionStateSchema,
  /** The server's own word. */
  status: z.string().nullable(),
  /** MFU in percent. */
  score: z.number().nullable(),
  evaluationCount: z.number().int().nullable(),
  createdAt: serverTimeSchema,
  /** Its time came without a zone, and was taken as UTC. */
  zoneAssumed: z.boolean(),
  updatedAt: serverTimeSchema,
  /** From the id, where it has production's form. */
  commitBlock: z.number().int().nullable(),
  error: z.string().nullable(),
  /** The code of the validator that stands in the error, for the explanation. */
  errorCode: validatorCodeSchema.nullable(),
  /** SHA-256 of the kept code; null where none is kept. */
  codeSha256: fileVersionSchema.nullable(),
  /** False: the source lists it no longer. What was seen of it is kept. */
  isListed: z.boolean(),
});
export type ArenaSubmission = z.infer<typeof arenaSubmissionSchema>;

export const boardEntrySchema = arenaSubmissionSchema.extend({
  score: z.number(),
  /** By the leader rule, and by score alone (leader.ts). */
  rank: z.number().int(),
  scoreRank: z.number().int(),
});
export type BoardEntry = z.infer<typeof boardEntrySchema>;

export const boardThresholdSchema = z.object({
  /** Shares: 0.01 is one percent. What the last new leader left, and at which block. Null: the source tells no threshold. */
  state: z.object({ current: z.number(), lastUpdateBlock: z.number().int() }).nullable(),
  lastImprovement: z.number().nullable(),
  updatedAt: serverTimeSchema,
  rules: z.object({ baseThreshold: z.number(), decayPercent: z.number(), decayIntervalBlocks: z.number() }),
  /**
   * The newest block that is known: given by whoever asked, told by the source's decayed threshold, or, as no more than a lower
   * bound, that of the newest submission. Null: none is known, and `now` is the threshold before its decay.
   */
  block: z.number().int().nullable(),
  blockFrom: z.enum(["asked", "source", "newest_submission"]).nullable(),
  /** The threshold at that block. */
  now: z.number(),
  /** What the source itself says it is now. */
  sourceNow: z.number().nullable(),
  /** A score above this leads; null while nobody does. */
  scoreToPass: z.number().nullable(),
});

/** A score of the user's own, held against the leader. */
export const ownStandingSchema = z.object({
  score: z.number(),
  /** A submission of an own hotkey, or a run on the profile's GPUs. */
  from: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("submission"), submissionId: z.string() }),
    z.object({ kind: z.literal("run"), runId: runIdSchema }),
  ]),
  isLeader: z.boolean(),
  /** The first block at which it passes the leader if nothing happens; null: never, or no block is known. */
  passesAtBlock: z.number().int().nullable(),
  /** By the profile's block time. */
  passesAtTime: z.iso.datetime().nullable(),
});

export const boardSchema = z.object({
  source: z.string(),
  seenAt: z.iso.datetime().nullable(),
  problem: errorReportSchema.nullable(),
  entries: z.array(boardEntrySchema),
  /** Of the whole board, and of those that were finished and are listed no longer. */
  total: z.number().int(),
  unlisted: z.number().int(),
  /** The first entry, also where the page does not begin there. */
  leader: boardEntrySchema.nullable(),
  threshold: boardThresholdSchema,
  own: z.array(ownStandingSchema),
  /** What the winner gets of the miners' emission: 1 - burn rate. Null: the profile tells no burn rate. */
  reward: z.object({ burnRate: z.number(), winnerShare: z.number() }).nullable(),
  secondsPerBlock: z.number(),
  /** Where the source's own words and the rule do not agree, in sentences. */
  notes: z.array(z.string()),
});
export type Board = z.infer<typeof boardSchema>;

export const boardRequestSchema = z.object({
  source: serverNameSchema,
  profile: profileNameSchema,
  /** The chain's newest block, where the asker knows it. */
  block: z.number().int().nonnegative().optional(),
  limit: z.number().int().min(1).max(MAX_BOARD_ENTRIES).default(100),
  offset: z.number().int().nonnegative().default(0),
});

export const historyPointSchema = z.object({
  submissionId: z.string(),
  hotkey: z.string().nullable(),
  uid: z.number().int().nullable(),
  isOwn: z.boolean(),
  at: z.iso.datetime(),
  state: submissionStateSchema,
  score: z.number().nullable(),
  error: z.string().nullable(),
  errorCode: validatorCodeSchema.nullable(),
});
export const arenaHistorySchema = z.object({
  source: z.string(),
  seenAt: z.iso.datetime().nullable(),
  /** The oldest first; those without a time are left out and counted. */
  points: z.array(historyPointSchema),
  withoutTime: z.number().int(),
  /** True: there were more than `MAX_HISTORY_POINTS`, and these are the newest. */
  truncated: z.boolean(),
  /** Each new best score, the oldest first; also of submissions that only the source's own history still names. */
  best: z.array(z.object({ at: z.iso.datetime(), score: z.number(), submissionId: z.string() })),
});
export type ArenaHistory = z.infer<typeof arenaHistorySchema>;

export const validatorStatusSchema = z.object({
  source: z.string(),
  seenAt: z.iso.datetime().nullable(),
  /** In the server's words; null where it does not tell, as a database does not. */
  status: z.string().nullable(),
  currentEvaluation: z.string().nullable(),
  uptime: z.string().nullable(),
  evaluationsLastHour: z.number().int().nullable(),
  submissionsLastDay: z.number().int().nullable(),
  activeMiners: z.number().int().nullable(),
  /** `kept`: counted in what is kept here, as the source gives no counts. */
  countsFrom: z.enum(["source", "kept"]),
  queued: z.number().int(),
  running: z.number().int(),
  finished: z.number().int(),
  failed: z.number().int(),
  averageScore: z.number().nullable(),
  /** 0..100; null where nothing has ended. */
  successPercent: z.number().nullable(),
  /** The queue, the oldest first; at most 100. */
  queue: z.array(arenaSubmissionSchema),
  /** What was created last, the newest first; at most 50. */
  recent: z.array(arenaSubmissionSchema),
});
export type ValidatorStatus = z.infer<typeof validatorStatusSchema>;

export const arenaEvaluationSchema = z.object({
  evaluationId: z.string(),
  evaluator: z.string().nullable(),
  mfu: z.number().nullable(),
  tokensPerSecond: z.number().nullable(),
  totalTokens: z.number().nullable(),
  wallSeconds: z.number().nullable(),
  success: z.boolean().nullable(),
  error: z.string().nullable(),
  errorCode: validatorCodeSchema.nullable(),
  createdAt: serverTimeSchema,
});
export type ArenaEvaluation = z.infer<typeof arenaEvaluationSchema>;

/** A character that would hide or reorder what is read; lines and columns from 1. */
export const hiddenCharacterSchema = z.object({
  line: z.number().int(),
  column: z.number().int(),
  /** "U+202E". */
  codePoint: z.string(),
});

export const arenaCodeSchema = z.object({
  /** With every hidden character shown as U+FFFD; bytes that are no UTF-8 too. */
  text: z.string(),
  sha256: fileVersionSchema,
  bytes: z.number().int(),
  lines: z.number().int(),
  longestLineCharacters: z.number().int(),
  /** False: it is no UTF-8. */
  isText: z.boolean(),
  hiddenCount: z.number().int(),
  /** The first hundred of them. */
  hidden: z.array(hiddenCharacterSchema),
});
export type ArenaCode = z.infer<typeof arenaCodeSchema>;

export const shownSubmissionSchema = z.object({
  submission: arenaSubmissionSchema,
  seenAt: z.iso.datetime(),
  codeUrl: z.string().nullable(),
  specVersion: z.string().nullable(),
  paymentVerified: z.boolean().nullable(),
  /** The oldest first. */
  evaluations: z.array(arenaEvaluationSchema),
  /** Of the successful ones; null where there are none. `spreadPercent`: (highest - lowest) / median. */
  spread: z
    .object({
      count: z.number().int(),
      lowest: z.number(),
      lowMedian: z.number(),
      highest: z.number(),
      spreadPercent: z.number(),
    })
    .nullable(),
  code: arenaCodeSchema.nullable(),
  /** Why there is no code; empty where there is. */
  codeProblem: z.string(),
  /** As the source has it, of what was committed. */
  codeHash: z.string().nullable(),
  /** Whether the kept code is what was committed; null where one of the two is not known. */
  codeMatches: z.boolean().nullable(),
  /** Others with the very same code, at most 20. */
  sameCode: z.array(submissionReferenceSchema),
  /** This author's one before it, and the leader: what a diff can be made against. */
  previousId: z.string().nullable(),
  leaderId: z.string().nullable(),
  /** The user's runs of these bytes, the newest first, at most ten. */
  runIds: z.array(z.string()),
});
export type ShownSubmission = z.infer<typeof shownSubmissionSchema>;

export const diffSideSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("submission"), ...submissionReferenceSchema.shape }),
  z.object({ kind: z.literal("leader"), source: serverNameSchema }),
  /** The author's one before side A. */
  z.object({ kind: z.literal("previous") }),
  z.object({ kind: z.literal("file"), file: fileReferenceSchema }),
  z.object({ kind: z.literal("run"), runId: runIdSchema }),
]);
export type DiffSide = z.infer<typeof diffSideSchema>;

const diffedSchema = z.object({ title: z.string(), text: z.string(), sha256: fileVersionSchema });
export const arenaDiffSchema = z.object({
  a: diffedSchema,
  b: diffedSchema,
  /** By their bytes. */
  identical: z.boolean(),
  /** Unified, from `a` to `b`; null where they differ too much to be compared in time. */
  diff: z.string().nullable(),
});
export type ArenaDiff = z.infer<typeof arenaDiffSchema>;

export const arenaSearchSchema = z.object({
  /** Words that must all occur, each in the code or in what is known beside it; a word may be cut short, or be parts joined as `a_b.c`. Empty: everything. */
  query: z.string().max(200),
  source: serverNameSchema.optional(),
  state: submissionStateSchema.optional(),
  /** Own ones only. */
  own: z.boolean().default(false),
  limit: z.number().int().min(1).max(MAX_SEARCH_RESULTS).default(50),
  offset: z.number().int().nonnegative().default(0),
});
export type ArenaSearch = z.infer<typeof arenaSearchSchema>;
export const arenaFoundSchema = z.object({
  /** The highest score first, then the newest. */
  results: z.array(
    z.object({
      submission: arenaSubmissionSchema,
      /** Where the first word occurs in the code; null where it is only beside it. */
      line: z.object({ number: z.number().int(), text: z.string() }).nullable(),
    }),
  ),
  total: z.number().int(),
});
export type ArenaFound = z.infer<typeof arenaFoundSchema>;

export const arenaExportSchema = z.object({
  source: serverNameSchema,
  format: z.enum(["json", "csv"]),
  /** JSON only: with the code. `too_large` above 64 MiB. */
  withCode: z.boolean().default(false),
});
