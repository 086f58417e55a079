/** What has become of a commitment, from what a chain shows. Pure. */
import type { PendingCommitment, RevealedCommitment } from "../chain/index.ts";

/** The last reveals of a hotkey that the chain keeps. */
const KEPT_REVEALS = 10;

export type RevealSight = {
  /** Ours. */
  hidden: { text: string; round: number; encrypted: string };
  committedBlock: number;
  pending: PendingCommitment | null;
  revealed: readonly RevealedCommitment[];
  lastStoredRound: number;
  /** How long its round is out by the chain's time; negative before. */
  outForMs: number;
};

/** A pulse takes a block or two to the chain, and the reveal another. */
const LATE_AFTER_MS = 60_000;

export type RevealOutcome =
  | { kind: "waiting" }
  /** Its round is out, and it still waits. */
  | { kind: "late" }
  | { kind: "revealed"; block: number; text: string }
  | { kind: "differs"; block: number; text: string | null }
  | { kind: "replaced"; block: number }
  /** It waits no more, and nothing has come out. */
  | { kind: "lost" };

export function revealOutcome({
  hidden,
  committedBlock,
  pending,
  revealed,
  lastStoredRound,
  outForMs,
}: RevealSight): RevealOutcome {
  const later = revealed.filter(({ block }) => block > committedBlock);
  const ours = later.find(({ text }) => text === hidden.text);
  if (ours !== undefined) return { kind: "revealed", block: ours.block, text: hidden.text };
  if (pending !== null && pending.encrypted?.toLowerCase() === hidden.encrypted.toLowerCase()) {
    return { kind: outForMs > LATE_AFTER_MS ? "late" : "waiting" };
  }
  // A node that has not caught up shows what was there before.
  if (pending !== null && pending.block > committedBlock) return { kind: "replaced", block: pending.block };
  const [other] = later;
  // Of more than the chain keeps, ours may have been the first to be forgotten.
  if (other !== undefined && later.length < KEPT_REVEALS)
    return { kind: "differs", block: other.block, text: other.text };
  return lastStoredRound >= hidden.round && other === undefined ? { kind: "lost" } : { kind: "waiting" };
}
