/** How submissions stand, in words: state, cause, next step. Pure. */
import type { ChainCall, UnsignedExtrinsic } from "./chain.ts";
import { formatAlpha, formatAmount, formatInteger, formatMfu, formatTao, formatWait } from "./format.ts";
import type { Preflight, PreflightCheck, ShownStep, Submission, SubmissionStep, TimeToSign } from "./submission.ts";

/** `well` is plain: green is the validator's verdict alone. */
export type Tone = "well" | "attention" | "trouble" | "working" | "open" | "over";
export type Standing = { tone: Tone; word: string };

export const CHECK_TITLES: Readonly<Record<PreflightCheck["id"], string>> = {
  scan: "Scan",
  proof: "Simulation",
  url: "URL",
  hosted: "Hosted file",
  size: "Size of the commitment",
  node: "Node",
  clock: "Clock",
  drand: "Reveal beacon",
  registered: "Registration",
  interval: "Interval",
  pending: "Pending commitment",
  space: "Space on the chain",
  payment: "Fee",
  balance: "Balance",
  standing: "Standing",
  reward: "Reward",
};

/** The list in parts; together they hold every check once, in the preflight's order. */
export const CHECK_GROUPS: readonly { title: string; ids: readonly PreflightCheck["id"][] }[] = [
  { title: "File", ids: ["scan", "proof"] },
  { title: "URL", ids: ["url", "hosted", "size"] },
  { title: "Network", ids: ["node", "clock", "drand"] },
  { title: "Identity", ids: ["registered", "interval", "pending", "space"] },
  { title: "Money", ids: ["payment", "balance"] },
  { title: "What it is worth", ids: ["standing", "reward"] },
];

const CHECK_STANDINGS: Readonly<Record<PreflightCheck["state"], Standing>> = {
  pending: { tone: "working", word: "checking" },
  pass: { tone: "well", word: "passes" },
  warn: { tone: "attention", word: "warning" },
  block: { tone: "trouble", word: "blocks" },
};

/** What checks say that could not be made, as another one blocks. */
export const NOT_CHECKED = {
  chain: "Not known: the chain does not answer.",
  hosted: "Nothing can be fetched until the URL is one that may be committed.",
  size: "There is no URL that could be committed.",
};
const NOT_CHECKED_MESSAGES: readonly string[] = Object.values(NOT_CHECKED);

/** It blocks only because another one does. */
export function isConsequence({ state, message }: PreflightCheck): boolean {
  return state === "block" && NOT_CHECKED_MESSAGES.includes(message);
}

export function checkStanding(check: PreflightCheck): Standing {
  return isConsequence(check) ? { tone: "open", word: "unknown" } : CHECK_STANDINGS[check.state];
}

/** The causes alone: what follows from them is gone with them. */
function blocking(checks: readonly PreflightCheck[]): PreflightCheck[] {
  const all = checks.filter(({ state }) => state === "block");
  const causes = all.filter((check) => !isConsequence(check));
  return causes.length > 0 ? causes : all;
}

/** Why nothing can be submitted; null where nothing stands in the way. */
export function blockedBy({ checks, canSubmit }: Pick<Preflight, "checks" | "canSubmit">): string | null {
  const causes = blocking(checks);
  const [first] = causes;
  if (first !== undefined) {
    if (causes.length === 1) return `${CHECK_TITLES[first.id]}: ${first.message}`;
    return `${causes.length} checks block: ${causes.map(({ id }) => CHECK_TITLES[id]).join(", ")}.`;
  }
  const pending = checks.filter(({ state }) => state === "pending").length;
  if (pending > 0) return `${pending === 1 ? "1 check is" : `${pending} checks are`} not known yet.`;
  return canSubmit ? null : "The preflight does not let it through.";
}

export function summaryOf({ checks }: Pick<Preflight, "checks">): Standing {
  const count = (state: PreflightCheck["state"]) => checks.filter((check) => check.state === state).length;
  const [blocks, open, warnings] = [blocking(checks).length, count("pending"), count("warn")];
  if (blocks > 0) return { tone: "trouble", word: blocks === 1 ? "1 check blocks" : `${blocks} checks block` };
  if (open > 0) return { tone: "working", word: `${checks.length - open} of ${checks.length} checked` };
  if (warnings > 0) {
    return {
      tone: "attention",
      word: warnings === 1 ? "Nothing blocks; 1 warning" : `Nothing blocks; ${warnings} warnings`,
    };
  }
  return { tone: "well", word: "Nothing blocks" };
}

export const STEP_TITLES: Readonly<Record<SubmissionStep, string>> = {
  stake: "Stake the fee",
  transfer: "Transfer the stake",
  commit: "Commit",
};

export const STEP_PURPOSES: Readonly<Record<SubmissionStep, string>> = {
  stake: "The coldkey turns the fee into stake on the subnet.",
  transfer: "The coldkey hands that stake to the subnet. This extrinsic is the proof of payment.",
  commit: "The hotkey commits the hash and the URL, encrypted until the reveal.",
};

/** What the one button that signs it does. */
export function signingWords(call: ChainCall): string {
  switch (call.kind) {
    case "add_stake":
      return `Sign and pay ${formatTao(call.amountRao)}`;
    case "transfer_stake":
      return "Sign and transfer the stake";
    case "set_commitment":
      return "Sign and commit";
  }
}

/** Amounts and addresses of a call, each with what it is. `copied`: worth taking along in full. */
export function callRows(call: ChainCall): { name: string; value: string; copied: boolean }[] {
  const row = (name: string, value: string, copied = false) => ({ name, value, copied });
  switch (call.kind) {
    case "add_stake":
      return [
        row("Amount", formatAmount(call.amountRao)),
        row("Staked with hotkey", call.hotkey, true),
        row("Subnet", String(call.netuid)),
      ];
    case "transfer_stake":
      return [
        row("Amount", formatAlpha(call.alphaAmount)),
        row("Destination coldkey", call.destinationColdkey, true),
        row("Staked with hotkey", call.hotkey, true),
        row(
          "Subnet",
          call.originNetuid === call.destinationNetuid
            ? String(call.originNetuid)
            : `${call.originNetuid} to ${call.destinationNetuid}`,
        ),
      ];
    case "set_commitment":
      return [
        row("Encrypted", `${formatInteger((call.encrypted.length - 2) / 2)} bytes`),
        row("Reveal round", formatInteger(call.revealRound)),
        row("Subnet", String(call.netuid)),
      ];
  }
}

export function stepStanding({
  state,
  inclusion,
  signBy,
}: Pick<ShownStep, "state" | "inclusion" | "signBy">): Standing {
  const where = inclusion === null ? "" : ` in block ${formatInteger(inclusion.block)}`;
  switch (state) {
    case "waiting":
      return { tone: "open", word: "waits for its turn" };
    case "unsigned":
      return { tone: "attention", word: "to be signed" };
    case "sent":
      return { tone: "working", word: "sent, not in a block yet" };
    case "unknown":
      return { tone: "working", word: "sent; being looked up on the chain" };
    case "included":
      return { tone: "working", word: `${where.trim()}, not finalized yet` };
    case "finalized":
      return { tone: "well", word: `finalized${where}` };
    case "failed":
      return { tone: "trouble", word: `refused${where}${inclusion?.failure == null ? "" : `: ${inclusion.failure}`}` };
    case "expired":
      return {
        tone: "attention",
        word:
          signBy === null ? "expired: in no block, and can be in none" : "expired: it was not signed and sent in time",
      };
  }
}

export type NextAction =
  /** Its bytes are to be built, which costs nothing. `isAsked`: something went wrong before, so a person says when. */
  | { kind: "prepare"; step: ShownStep; isAsked: boolean }
  | { kind: "sign"; step: ShownStep }
  /** The chain has the word. */
  | { kind: "wait"; step: ShownStep }
  /** Signing is over. */
  | { kind: "none" };

/** What is to be done now so that it goes on. */
export function nextAction({ state, steps, problem }: Pick<Submission, "state" | "steps" | "problem">): NextAction {
  if (state !== "open") return { kind: "none" };
  const step = steps.find((one) => one.state !== "finalized");
  if (step === undefined) return { kind: "none" };
  switch (step.state) {
    case "unsigned":
      return { kind: "sign", step };
    case "waiting":
      return { kind: "prepare", step, isAsked: problem !== null };
    case "expired":
    case "failed":
      return { kind: "prepare", step, isAsked: true };
    default:
      return { kind: "wait", step };
  }
}

/** "20 blocks, about 4 min"; by this machine's clock, which the preflight has compared with the chain's. */
export function countdown({ blocksLeft, time }: { blocksLeft: number; time: string }, nowMs: number): string {
  const seconds = (Date.parse(time) - nowMs) / 1000;
  if (blocksLeft <= 0 && seconds <= 0) return "due now";
  const blocks = blocksLeft === 1 ? "1 block" : `${formatInteger(blocksLeft)} blocks`;
  return seconds <= 0 ? blocks : `${blocks}, about ${formatWait(seconds)}`;
}

/** "It can be signed until block 1,234: 16 blocks, about 3 min." Attention where little of it is left. */
export function timeToSignStanding(
  signBy: TimeToSign,
  { firstBlock, lastBlock }: Pick<UnsignedExtrinsic, "firstBlock" | "lastBlock">,
  nowMs: number,
): Standing {
  const isShort = signBy.blocksLeft * 4 <= lastBlock - firstBlock;
  return {
    tone: isShort ? "attention" : "open",
    word: `${isShort ? "Little time: it" : "It"} can be signed until block ${formatInteger(signBy.block)}: ${countdown(signBy, nowMs)}.`,
  };
}

const REVEALS: Readonly<Record<NonNullable<Submission["reveal"]>["state"], Standing>> = {
  waiting: { tone: "working", word: "committed, not revealed yet" },
  late: { tone: "attention", word: "the round is out, the chain has not revealed it yet" },
  revealed: { tone: "well", word: "revealed" },
  differs: { tone: "trouble", word: "another text was revealed" },
  lost: { tone: "trouble", word: "not revealed: the chain dropped it" },
  replaced: { tone: "trouble", word: "replaced by another commitment" },
};

export function revealStanding({ state }: NonNullable<Submission["reveal"]>): Standing {
  return REVEALS[state];
}

/** How a submission stands as a whole. */
export function submissionStanding(submission: Submission): Standing {
  const { state, steps, network, reveal, evaluated, urlWatch } = submission;
  switch (state) {
    case "open": {
      const next = nextAction(submission);
      if (next.kind === "none") return { tone: "working", word: "being finalized" };
      const number = steps.indexOf(next.step) + 1;
      const turn = `step ${number} of ${steps.length}`;
      const title = STEP_TITLES[next.step.step];
      return next.kind === "wait"
        ? { tone: "working", word: `${turn}: ${stepStanding(next.step).word}` }
        : { tone: "attention", word: `${turn} is yours: ${title.charAt(0).toLowerCase()}${title.slice(1)}` };
    }
    case "committed":
    case "revealed":
      if (urlWatch.state === "changed") return { tone: "trouble", word: "the hosted file has changed" };
      if (state === "committed") return reveal === null ? REVEALS.waiting : REVEALS[reveal.state];
      if (network === "practice") return { tone: "well", word: "revealed" };
      return { tone: "working", word: "revealed, not evaluated yet" };
    case "evaluated":
      return { tone: "well", word: evaluated === null ? "evaluated" : evaluatedWords(evaluated) };
    case "failed":
      return {
        tone: "trouble",
        word: reveal !== null && reveal.state !== "waiting" ? REVEALS[reveal.state].word : "failed",
      };
    case "abandoned":
      return { tone: "over", word: "abandoned" };
  }
}

export function evaluatedWords({ status, score, rank }: NonNullable<Submission["evaluated"]>): string {
  return [status, score === null ? "" : `${formatMfu(score)} MFU`, rank === null ? "" : `rank ${formatInteger(rank)}`]
    .filter((part) => part !== "")
    .join(", ");
}

/** Where a payment is found on the chain, as the commitment cites it. */
export function paymentText({ block, extrinsicIndex }: NonNullable<Submission["payment"]>): string {
  return `block ${formatInteger(block)}, extrinsic ${extrinsicIndex}`;
}

/** Earlier submissions that paid for nothing: their payment can be cited instead of paying again. */
export function citablePayments(submissions: readonly Submission[], network: string): Submission[] {
  return submissions.filter((one) => one.paymentIsOpen && one.state !== "open" && one.network === network);
}
