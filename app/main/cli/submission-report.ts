/** Submissions on a terminal: what was looked at, what is to be signed, how they stand. */
import type { UnsignedExtrinsic } from "../../common/chain.ts";
import { formatAmount, formatInteger, formatTao } from "../../common/format.ts";
import type { DryRun, Preflight, PreflightCheck, Submission, SubmissionStep } from "../../common/submission.ts";
import {
  CHECK_TITLES,
  countdown,
  isConsequence,
  paymentText,
  STEP_PURPOSES,
  STEP_TITLES,
  type Tone as StandingTone,
  stepStanding,
  submissionStanding,
  summaryOf,
  timeToSignStanding,
} from "../../common/submission-words.ts";
import type { Signer } from "../../common/wallets.ts";
import { renderTable } from "./table.ts";
import { type Paint, safeLine, type Tone } from "./terminal.ts";

const CHECK_WORDS: Readonly<Record<PreflightCheck["state"], string>> = {
  pending: "not known",
  pass: "ok",
  warn: "warning",
  block: "BLOCKS",
};
const CHECK_TONES: Readonly<Record<string, Tone>> = { BLOCKS: "bad", warning: "caution", "not known": "faint" };
const STANDING_TONES: Readonly<Record<StandingTone, Tone | null>> = {
  well: null,
  attention: "caution",
  trouble: "bad",
  working: null,
  open: "faint",
  over: "faint",
};

/** A line a check, the hint of those that do not pass below it, and what it comes to. */
export function describePreflight(preflight: Preflight, paint: Paint): string {
  const rows = preflight.checks.flatMap((check) => [
    [CHECK_TITLES[check.id], isConsequence(check) ? CHECK_WORDS.pending : CHECK_WORDS[check.state], check.message],
    ...(check.hint === "" || check.state === "pass" ? [] : [["", "", check.hint]]),
  ]);
  const columns = [
    { title: "check" },
    { title: "state", tone: (cell: string) => CHECK_TONES[cell] ?? null },
    { title: "" },
  ];
  const { word, tone } = summaryOf(preflight);
  const painted = STANDING_TONES[tone];
  const facts = [
    `${preflight.fileName}: ${formatInteger(preflight.byteCount)} bytes, SHA-256 ${preflight.sha256}`,
    ...(preflight.commitment === null ? [] : [`Commitment: ${preflight.commitment.text}`]),
    ...(preflight.fee === null
      ? []
      : [`Fee: ${formatAmount(preflight.fee.amountRao)} to ${preflight.fee.destinationColdkey}`]),
  ];
  return `${facts.map((fact) => `${safeLine(fact)}\n`).join("")}\n${renderTable(columns, rows, { paint })}\n${
    painted === null ? word : paint(painted, word)
  }.\n`;
}

/** What would be signed, in order. */
export function describeDryRun({ steps }: DryRun): string {
  return steps
    .map(
      ({ step, unsigned, note }, index) =>
        `\n${describeReview({ step, unsigned, number: index + 1, of: steps.length })}${note === "" ? "" : `  note  ${safeLine(note)}\n`}`,
    )
    .join("");
}

export type Reviewed = { step: SubmissionStep; unsigned: UnsignedExtrinsic; number: number; of: number };

/** A call as it was decoded from its own bytes, and who signs it until when. */
export function describeReview({ step, unsigned, number, of }: Reviewed): string {
  const { decoded, payload, nonce, firstBlock, lastBlock, byteCount, feeRao } = unsigned;
  const rows: [string, string][] = [
    ["call", decoded.name],
    ...decoded.arguments.map(({ name, value }): [string, string] => [name, value]),
    ["signed by", `${payload.address} (${step === "commit" ? "hotkey" : "coldkey"})`],
    ["nonce", String(nonce)],
    ["blocks", `${formatInteger(firstBlock)} to ${formatInteger(lastBlock)}`],
    ["bytes", formatInteger(byteCount)],
    ["fee of the chain", feeRao === null ? "not known" : formatTao(feeRao)],
  ];
  const width = Math.max(...rows.map(([name]) => safeLine(name).length));
  const lines = rows.map(([name, value]) => `  ${safeLine(name).padEnd(width)}  ${safeLine(value)}\n`);
  return `Step ${number} of ${of}: ${STEP_TITLES[step]}\n  ${STEP_PURPOSES[step]}\n${lines.join("")}`;
}

/** Whose key it is, for the question about its password. */
export function signerText(signer: Signer): string {
  if (signer.kind !== "file") return signer.address;
  const { wallet, hotkey } = signer.key;
  return safeLine(hotkey === null ? `coldkey of the wallet ${wallet}` : `hotkey ${hotkey} of the wallet ${wallet}`);
}

/** One submission with its steps. */
export function describeSubmission(submission: Submission, paint: Paint, nowMs: number): string {
  const { id, network, fileName, sha256, url, hotkeyAddress, fee, payment, paymentIsOpen, steps, reveal } = submission;
  const rows: [string, string][] = [
    ["submission", `${id}, on ${network}`],
    ["file", `${fileName}, SHA-256 ${sha256}`],
    ["url", url],
    ["hotkey", hotkeyAddress],
    ...(fee === null
      ? []
      : [["fee", `${formatAmount(fee.amountRao)} to ${fee.destinationColdkey}`] as [string, string]]),
    ...(payment === null ? [] : [["payment", paymentText(payment)] as [string, string]]),
    ...steps.map((step): [string, string] => [step.step, stepText(step, nowMs)]),
    ...(reveal === null ? [] : [["reveal", revealText(reveal, nowMs)] as [string, string]]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const { tone, word } = submissionStanding(submission);
  const painted = STANDING_TONES[tone];
  const state = painted === null ? word : paint(painted, word);
  const lines = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${safeLine(value)}\n`);
  return `${safeLine(fileName)}: ${state}\n${lines.join("")}${describeTroubles(submission, paint)}${
    paymentIsOpen && payment !== null
      ? `  The payment stands in no commitment: --payment ${payment.block}:${payment.extrinsicIndex} cites it in a later one.\n`
      : ""
  }`;
}

/** What stands in its way, and what is wrong at its URL, with what to do. */
export function describeTroubles({ problem, urlWatch }: Submission, paint: Paint): string {
  const isUrlWell = urlWatch.state === "same" || urlWatch.state === "unchecked";
  return [problem, isUrlWell ? null : urlWatch]
    .filter((trouble) => trouble !== null)
    .map(
      ({ message, hint }) =>
        `  ${paint("bad", "problem")}  ${safeLine(message)}\n${hint === "" ? "" : `           ${safeLine(hint)}\n`}`,
    )
    .join("");
}

/** A line each, the newest first. */
export function renderSubmissions(submissions: readonly Submission[], paint: Paint): string {
  const rows = submissions.map((submission) => [
    submission.id,
    submission.createdAt.slice(0, 16).replace("T", " "),
    submission.network,
    submission.fileName,
    submission.sha256.slice(0, 12),
    submissionStanding(submission).word,
  ]);
  const columns = [
    { title: "id" },
    { title: "begun (UTC)" },
    { title: "network", maxWidth: 24 },
    { title: "file", maxWidth: 24 },
    { title: "SHA-256" },
    {
      title: "state",
      tone: (_cell: string, row: number) => {
        const submission = submissions[row];
        return submission === undefined ? null : STANDING_TONES[submissionStanding(submission).tone];
      },
    },
  ];
  return renderTable(columns, rows, { paint });
}

function stepText(step: Submission["steps"][number], nowMs: number): string {
  const { extrinsicHash, unsigned, signBy } = step;
  if (unsigned !== null && signBy !== null) {
    return `${stepStanding(step).word}. ${timeToSignStanding(signBy, unsigned, nowMs).word}`;
  }
  return `${stepStanding(step).word}${extrinsicHash === null ? "" : ` (${extrinsicHash})`}`;
}

export function revealText(reveal: NonNullable<Submission["reveal"]>, nowMs: number): string {
  const { state, round, revealedBlock } = reveal;
  const where = revealedBlock === null ? "" : ` in block ${formatInteger(revealedBlock)}`;
  switch (state) {
    case "waiting":
      return `round ${formatInteger(round)}: ${countdown(reveal, nowMs)}`;
    case "late":
      return `round ${formatInteger(round)} is out, and the chain has not revealed it yet`;
    case "revealed":
      return `revealed${where}, as it was meant`;
    case "differs":
      return `another text was revealed${where}`;
    case "lost":
      return "the chain dropped it";
    case "replaced":
      return "another commitment took its place";
  }
}
