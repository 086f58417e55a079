/**
 * The arena: what a validator's public API, or its own database, says of everybody's submissions (spec/evaluation.md section 7).
 * All of it is others' words: bounded, and with nothing hidden in it (shown-text.ts), before it gets here.
 */
import type { z } from "zod";
import type { ThresholdState } from "./leader.ts";
import type { evaluatedSchema } from "./submission.ts";

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
