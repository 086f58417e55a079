/**
 * What was done for one submission, on the disk before it is done: `journal.jsonl`, lines that are only added. Whoever goes
 * on with it after a crash begins here, and asks the chain before anything else.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import {
  addressSchema,
  hexSchema,
  type Inclusion,
  inclusionSchema,
  type Network,
  networkSchema,
  raoSchema,
  unsignedExtrinsicSchema,
} from "../../../common/chain.ts";
import { CrusaderError } from "../../../common/errors.ts";
import {
  evaluatedSchema,
  type SubmissionStep,
  submissionStepSchema,
  urlWatchSchema,
} from "../../../common/submission.ts";
import { flushFolder, writeProblem } from "../storage/index.ts";

/** What a commit hides until its round, which is published at `time` of the chain's clock. */
const hiddenSchema = z.object({
  text: z.string(),
  round: z.number().int(),
  time: z.iso.datetime(),
  encrypted: hexSchema,
});
export type Hidden = z.infer<typeof hiddenSchema>;

const at = z.iso.datetime();
const lineSchema = z.discriminatedUnion("kind", [
  /** Given out to be signed; `stakeAlpha` is what the coldkey had on the hotkey of the fee then. */
  z.object({
    kind: z.literal("prepared"),
    at,
    step: submissionStepSchema,
    unsigned: unsignedExtrinsicSchema,
    stakeAlpha: raoSchema.nullable(),
    hidden: hiddenSchema.nullable(),
  }),
  /** Signed, and handed to a node from here on. */
  z.object({
    kind: z.literal("sending"),
    at,
    step: submissionStepSchema,
    extrinsic: hexSchema,
    hash: hexSchema,
    signer: addressSchema,
    nonce: z.number().int(),
    firstBlock: z.number().int(),
    lastBlock: z.number().int(),
    /** The chain's newest block then. */
    atBlock: z.number().int(),
    hidden: hiddenSchema.nullable(),
  }),
  /** The node did not take it. */
  z.object({ kind: z.literal("refused"), at, hash: hexSchema, message: z.string() }),
  z.object({ kind: z.literal("included"), at, hash: hexSchema, inclusion: inclusionSchema }),
  /** It was in that block, which is not part of the chain any more. */
  z.object({ kind: z.literal("retracted"), at, hash: hexSchema }),
  /** In no finalized block, and it never will be. */
  z.object({ kind: z.literal("gone"), at, hash: hexSchema, reason: z.string() }),
  /** The alpha that the stake created. */
  z.object({ kind: z.literal("staked"), at, alpha: raoSchema }),
  z.object({ kind: z.literal("revealed"), at, block: z.number().int(), text: z.string() }),
  /** The end of a commitment that came out otherwise than it was meant. */
  z.object({
    kind: z.literal("unrevealed"),
    at,
    state: z.enum(["differs", "lost", "replaced"]),
    block: z.number().int().nullable(),
    text: z.string().nullable(),
  }),
  z.object({ kind: z.literal("url"), at, watched: urlWatchSchema }),
  z.object({ kind: z.literal("evaluated"), at, evaluated: evaluatedSchema }),
  /** From here on it is reached so: another node of the same chain. */
  z.object({ kind: z.literal("network"), at, network: networkSchema }),
  z.object({ kind: z.literal("abandoned"), at }),
]);
export type JournalLine = z.infer<typeof lineSchema>;
type Line<Kind extends JournalLine["kind"]> = JournalLine & { kind: Kind };

export type Prepared = Line<"prepared">;

/** A signed extrinsic that was, or may have been, handed to a node. */
export type Attempt = Omit<Line<"sending">, "kind"> & {
  refused: string | null;
  /** Null while it is in no known block. */
  inclusion: Inclusion | null;
  /** Why it can never be included; null while that is not known. */
  gone: string | null;
};

/** All that a journal says. */
export type Journal = {
  /** Every payload that was given out, the oldest first. */
  prepared: Prepared[];
  /** By its step, the payload that waits for a signature. */
  waiting: Partial<Record<SubmissionStep, Prepared>>;
  attempts: Attempt[];
  alpha: bigint | null;
  revealed: Line<"revealed"> | null;
  unrevealed: Line<"unrevealed"> | null;
  url: Line<"url">["watched"] | null;
  evaluated: Line<"evaluated">["evaluated"] | null;
  /** Null: as it was when it began. */
  network: Network | null;
  isAbandoned: boolean;
};

/** On the disk when it returns. Throws `disk_full` or `data_folder`. */
export function addLine(path: string, line: JournalLine): void {
  try {
    const isNew = !existsSync(path);
    const descriptor = openSync(path, "a", 0o600);
    try {
      // A crash may have torn the line before; empty lines are skipped.
      writeSync(descriptor, `\n${JSON.stringify(line)}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    if (isNew) flushFolder(dirname(path));
  } catch (error) {
    throw writeProblem(error, path);
  }
}

/**
 * Empty where there is none yet. A torn line is left out: what it announced was not begun. Throws `data_folder` for a line
 * of a newer Crusader, and for one that was written whole and is damaged: nothing may be decided without it.
 */
export function readJournal(path: string): Journal {
  const texts = readText(path).split("\n");
  const lines = texts.flatMap((text, index): JournalLine[] => {
    const content = parseJson(text);
    // A torn one has no end of its own: the next line's beginning ends it, or nothing does. What a crash leaves unwritten in a
    // file is zeros.
    const isWhole = texts[index + 1] === "";
    if (content === undefined && isWhole && text !== "" && !text.includes("\0")) {
      throw new CrusaderError(
        "data_folder",
        `${path} is damaged in line ${index + 1}.`,
        "Restore the file from a backup. Until then nothing is signed or sent, as what was sent before may be missing.",
      );
    }
    if (content === undefined) return [];
    const line = lineSchema.safeParse(content);
    if (line.success) return [line.data];
    throw new CrusaderError(
      "data_folder",
      `${path} holds a line that this Crusader does not know.`,
      "It was written by a newer one, or changed: update Crusader, and leave the file as it is.",
      line.error.message.slice(0, 500),
    );
  });
  return journalOf(lines);
}

/** The lines' sum. Two processes may have written the same fact: that is one. */
export function journalOf(lines: readonly JournalLine[]): Journal {
  const journal: Journal = {
    prepared: [],
    waiting: {},
    attempts: [],
    alpha: null,
    revealed: null,
    unrevealed: null,
    url: null,
    evaluated: null,
    network: null,
    isAbandoned: false,
  };
  for (const line of lines) take(journal, line);
  return journal;
}

/** Those of a step, the oldest first. */
export function attemptsOf({ attempts }: Journal, step: SubmissionStep): Attempt[] {
  return attempts.filter((attempt) => attempt.step === step);
}

/** Where a step was done for good; null where it is not. */
export function finalizedOf(journal: Journal, step: SubmissionStep): (Attempt & { inclusion: Inclusion }) | null {
  const done = attemptsOf(journal, step).find(
    ({ inclusion }) => inclusion?.finalized === true && inclusion.failure === null,
  );
  return done === undefined ? null : (done as Attempt & { inclusion: Inclusion });
}

/** Whether nothing can change any more about what became of it. */
export function isSettled({ inclusion, gone }: Attempt): boolean {
  return gone !== null || inclusion?.finalized === true;
}

/** What is final stays, but for a failure that one node told of and another knows to have succeeded. */
export function isNewer(known: Inclusion | null, now: Inclusion): boolean {
  return known?.finalized !== true || (known.failure !== null && now.finalized && now.failure === null);
}

function take(journal: Journal, line: JournalLine): void {
  const attempt = "hash" in line ? journal.attempts.find(({ hash }) => hash === line.hash) : undefined;
  switch (line.kind) {
    case "prepared":
      journal.prepared.push(line);
      journal.waiting[line.step] = line;
      return;
    case "sending":
      delete journal.waiting[line.step];
      if (attempt === undefined) journal.attempts.push({ ...line, refused: null, inclusion: null, gone: null });
      return;
    case "refused":
      if (attempt !== undefined) attempt.refused = line.message;
      return;
    case "included":
      if (attempt === undefined || !isNewer(attempt.inclusion, line.inclusion)) return;
      attempt.inclusion = line.inclusion;
      // Whoever said so was wrong.
      attempt.gone = null;
      return;
    case "retracted":
      if (attempt !== undefined && attempt.inclusion?.finalized !== true) attempt.inclusion = null;
      return;
    case "gone":
      if (attempt !== undefined) attempt.gone = line.reason;
      return;
    case "staked":
      journal.alpha = BigInt(line.alpha);
      return;
    case "revealed":
      journal.revealed ??= line;
      return;
    case "unrevealed":
      journal.unrevealed ??= line;
      return;
    case "url":
      journal.url = line.watched;
      return;
    case "evaluated":
      journal.evaluated = line.evaluated;
      return;
    case "network":
      journal.network = line.network;
      return;
    case "abandoned":
      journal.isAbandoned = true;
      return;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
