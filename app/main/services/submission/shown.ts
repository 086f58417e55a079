/** A submission as windows and the command line see it. Pure. */
import type { Standings } from "../../../common/arena.ts";
import type { Network } from "../../../common/chain.ts";
import { codeHashOf } from "../../../common/commitment.ts";
import { formatAmount } from "../../../common/format.ts";
import type { OpenPayment, ShownStep, Submission, SubmissionStep, TimeToSign } from "../../../common/submission.ts";
import { type Attempt, attemptsOf, finalizedOf, isSettled } from "./journal.ts";
import type { Meant, SubmissionRecord } from "./record.ts";
import { timeToSign } from "./signing-time.ts";

/** What this process knows beside the record. */
export type Live = {
  /** The chain's newest block; null while it was not asked. */
  head: { block: number; timeMs: number } | null;
  /** Hashes of extrinsics that a node has said it knows. */
  heard: Set<string>;
  problem: Submission["problem"];
  /** The round is out, and the chain has not revealed it yet. */
  isLate: boolean;
  urlCheckedAt: string | null;
};

export function newLive(): Live {
  return { head: null, heard: new Set(), problem: null, isLate: false, urlCheckedAt: null };
}

type Context = {
  live: Live;
  all: readonly SubmissionRecord[];
  standings: Standings | null;
  nowMs: number;
};

/** Statuses of the arena after which nothing changes. */
const ENDED = new Set(["finished", "failed_validation", "failed_evaluation", "error"]);
const PAID_STEPS: readonly SubmissionStep[] = ["stake", "transfer", "commit"];
const UNPAID_STEPS: readonly SubmissionStep[] = ["commit"];

/** What it takes, in order. */
export function stepsOf({ fee, cited }: Meant): readonly SubmissionStep[] {
  return fee !== null && cited === null ? PAID_STEPS : UNPAID_STEPS;
}

/** The first step that is not done for good; null where all are. */
export function currentStep({ meant, journal }: SubmissionRecord): SubmissionStep | null {
  return stepsOf(meant).find((step) => finalizedOf(journal, step) === null) ?? null;
}

/** Those that were sent and may still change. */
export function unsettled({ journal }: SubmissionRecord): Attempt[] {
  return journal.attempts.filter((attempt) => !isSettled(attempt));
}

export function stateOf(record: SubmissionRecord): Submission["state"] {
  const { journal } = record;
  if (journal.unrevealed !== null) return "failed";
  if (journal.evaluated !== null && isEnded(journal.evaluated.status)) return "evaluated";
  if (journal.revealed !== null) return "revealed";
  if (finalizedOf(journal, "commit") !== null) return "committed";
  return journal.isAbandoned ? "abandoned" : "open";
}

export function isEnded(status: string): boolean {
  return ENDED.has(status);
}

/** The payment that its commitment cites; null before it is final, or where none is due. */
export function paymentOf({ meant, journal }: SubmissionRecord): Submission["payment"] {
  if (meant.cited !== null) return meant.cited;
  const transfer = finalizedOf(journal, "transfer");
  return transfer === null ? null : { block: transfer.inclusion.block, extrinsicIndex: transfer.inclusion.index };
}

/** Whether the payment that it made can be cited by a later submission: no commitment has, and none is about to. */
export function isPaymentOpen(record: SubmissionRecord, all: readonly SubmissionRecord[]): boolean {
  const { meant } = record;
  const payment = paymentOf(record);
  if (payment === null || meant.cited !== null || !isUnused(record)) return false;
  return !all.some(
    (other) =>
      other.meant.genesisHash === meant.genesisHash &&
      other.meant.cited?.block === payment.block &&
      other.meant.cited.extrinsicIndex === payment.extrinsicIndex &&
      !isUnused(other),
  );
}

/** It ended, and no validator can have seen what it cites. */
function isUnused(record: SubmissionRecord): boolean {
  const state = stateOf(record);
  if (state === "abandoned") return attemptsOf(record.journal, "commit").every(isSettled);
  return state === "failed";
}

export function openPaymentsOf(all: readonly SubmissionRecord[]): OpenPayment[] {
  return all.flatMap((record): OpenPayment[] => {
    const { meant, journal } = record;
    const transfer = finalizedOf(journal, "transfer");
    if (transfer === null || meant.fee === null || meant.coldkeyAddress === null || !isPaymentOpen(record, all))
      return [];
    return [
      {
        block: transfer.inclusion.block,
        extrinsicIndex: transfer.inclusion.index,
        submissionId: meant.id,
        network: meant.network,
        genesisHash: meant.genesisHash,
        netuid: meant.rules.netuid,
        amountRao: meant.fee.amountRao,
        coldkeyAddress: meant.coldkeyAddress,
        paidAt: transfer.at,
      },
    ];
  });
}

export function shown(record: SubmissionRecord, { live, all, standings, nowMs }: Context): Submission {
  const { meant, journal } = record;
  const commit = finalizedOf(journal, "commit");
  const state = stateOf(record);
  const evaluated = journal.revealed === null ? null : (evaluationOf(record, standings) ?? journal.evaluated);
  return {
    id: meant.id,
    createdAt: meant.createdAt,
    network: meant.network,
    genesisHash: meant.genesisHash,
    profile: meant.profile,
    netuid: meant.rules.netuid,
    fileName: meant.fileName,
    sha256: meant.sha256,
    runId: meant.runId,
    url: meant.url,
    hotkeyAddress: meant.hotkeyAddress,
    fee: meant.fee,
    payment: paymentOf(record),
    paymentIsOpen: isPaymentOpen(record, all),
    commitment:
      commit?.hidden?.text ?? journal.prepared.findLast(({ step }) => step === "commit")?.hidden?.text ?? null,
    state,
    steps: stepsOf(meant).map((step) => shownStep(record, step, live)),
    reveal: commit === null ? null : revealOf(record, live, nowMs),
    urlWatch:
      journal.url === null
        ? { state: "unchecked", checkedAt: live.urlCheckedAt, message: "", hint: "" }
        : { ...journal.url, checkedAt: live.urlCheckedAt ?? journal.url.checkedAt },
    evaluated,
    problem: problemOf(record, state, live),
  };
}

/** Boards are those of the public network, by whatever node it is reached. */
export function isRanked(network: Network): boolean {
  return network !== "practice" && network !== "local" && network !== "test";
}

/** What a source of standings says of it now. */
export function evaluationOf(
  { meant, journal }: SubmissionRecord,
  standings: Standings | null,
): Submission["evaluated"] {
  if (standings === null || journal.revealed === null || !isRanked(meant.network)) return null;
  return standings.evaluationOf({
    hotkey: meant.hotkeyAddress,
    uid: meant.uid,
    codeHash: codeHashOf(meant.sha256),
    url: meant.url,
    revealedBlock: journal.revealed.block,
  });
}

function shownStep({ meant, journal }: SubmissionRecord, step: SubmissionStep, live: Live): ShownStep {
  const attempts = attemptsOf(journal, step);
  const done = finalizedOf(journal, step);
  const open = attempts.findLast((attempt) => !isSettled(attempt));
  const waiting = journal.waiting[step] ?? null;
  const attempt = done ?? open ?? attempts.at(-1) ?? null;
  const isHotkeys = step === "commit";
  const signBy =
    waiting === null || live.head === null ? null : timeToSign(waiting.unsigned, waiting.hidden, meant, live.head);
  const state = stepState({ done, open, isWaiting: waiting !== null, signBy, attempt, live });
  return {
    step,
    state,
    signer: isHotkeys || meant.coldkey === null ? meant.hotkey : meant.coldkey,
    signerAddress: isHotkeys || meant.coldkeyAddress === null ? meant.hotkeyAddress : meant.coldkeyAddress,
    unsigned: state === "unsigned" ? (waiting?.unsigned ?? null) : null,
    signBy: state === "unsigned" || state === "expired" ? signBy : null,
    extrinsicHash: attempt?.hash ?? null,
    nonce: attempt?.nonce ?? null,
    inclusion: attempt?.inclusion ?? null,
  };
}

function stepState({
  done,
  open,
  isWaiting,
  signBy,
  attempt,
  live,
}: {
  done: Attempt | null;
  open: Attempt | undefined;
  isWaiting: boolean;
  signBy: TimeToSign | null;
  attempt: Attempt | null;
  live: Live;
}): ShownStep["state"] {
  if (done !== null) return "finalized";
  if (open !== undefined && open.inclusion !== null) return "included";
  if (open !== undefined && live.heard.has(open.hash)) return "sent";
  if (open !== undefined && open.refused === null) return "unknown";
  if (isWaiting) return signBy?.blocksLeft === 0 ? "expired" : "unsigned";
  if (attempt === null) return "waiting";
  if (attempt.gone !== null) return "expired";
  return attempt.inclusion === null ? "waiting" : "failed";
}

function revealOf({ meant, journal }: SubmissionRecord, live: Live, nowMs: number): Submission["reveal"] {
  const hidden = finalizedOf(journal, "commit")?.hidden;
  if (hidden == null) return null;
  const { revealed, unrevealed } = journal;
  const leftMs = Date.parse(hidden.time) - (live.head?.timeMs ?? nowMs);
  const isOver = revealed !== null || unrevealed !== null;
  return {
    round: hidden.round,
    time: hidden.time,
    blocksLeft: isOver ? 0 : Math.max(0, Math.ceil(leftMs / 1000 / meant.blockSeconds)),
    state: revealed !== null ? "revealed" : (unrevealed?.state ?? (live.isLate ? "late" : "waiting")),
    revealedBlock: revealed?.block ?? unrevealed?.block ?? null,
    text: revealed?.text ?? unrevealed?.text ?? null,
  };
}

const UNREVEALED = {
  differs: "Another text came out than the one that was committed.",
  lost: "The chain dropped the commitment: nothing was revealed.",
  replaced: "Another commitment of this hotkey took its place before it was revealed.",
} as const;

function problemOf(record: SubmissionRecord, state: Submission["state"], live: Live): Submission["problem"] {
  const { journal, meant } = record;
  if (journal.unrevealed !== null) {
    const paid = meant.fee === null ? "" : " The payment is kept: a new submission can cite it.";
    return { message: UNREVEALED[journal.unrevealed.state], hint: `Submit again, under a new URL.${paid}` };
  }
  if (live.problem !== null && state !== "evaluated") return live.problem;
  if (state === "abandoned") return leftStake(record);
  const step = state === "open" ? currentStep(record) : null;
  const last = step === null ? undefined : attemptsOf(journal, step).at(-1);
  if (step === null || last === undefined || journal.waiting[step] !== undefined) return null;
  const failure = last.inclusion?.failure ?? null;
  if (failure !== null) {
    return {
      message: `The chain refused the ${STEP_WORDS[step]} in block ${last.inclusion?.block}: ${failure}. Nothing of it took effect.`,
      hint: "Prepare it again once the cause is gone, or abandon the submission; what was paid stays listed.",
    };
  }
  if (last.refused !== null && last.gone === null) {
    return {
      message: `The node did not take the ${STEP_WORDS[step]}: ${last.refused}`,
      hint: "Prepare it again. The two can never both count.",
    };
  }
  if (last.gone !== null) {
    return { message: `The ${STEP_WORDS[step]} is in no block: ${last.gone}`, hint: "Prepare it again." };
  }
  return null;
}

/** A stake that was made and never transferred is still its coldkey's own. */
function leftStake({ meant, journal }: SubmissionRecord): Submission["problem"] {
  const { fee, rules } = meant;
  const isLeft =
    finalizedOf(journal, "stake") !== null && attemptsOf(journal, "transfer").every(({ gone }) => gone !== null);
  if (fee === null || !isLeft) return null;
  return {
    message: `${formatAmount(fee.amountRao)} were staked for the fee and not transferred: the stake is the coldkey's own.`,
    hint: `It can be taken back with btcli stake remove: subnet ${rules.netuid}, hotkey ${fee.burnHotkey}.`,
  };
}

export const STEP_WORDS: Readonly<Record<SubmissionStep, string>> = {
  stake: "stake of the fee",
  transfer: "transfer of the fee",
  commit: "commitment",
};
