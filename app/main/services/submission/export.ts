/** Proofs of payment and commitment, for a dispute: what was meant, signed and found on the chain. */
import { isEndpoint, type Network } from "../../../common/chain.ts";
import { formatAmount } from "../../../common/format.ts";
import type { ExportedFile } from "../../../common/history.ts";
import { shownText } from "../../../common/shown-text.ts";
import type { Submission } from "../../../common/submission.ts";
import type { SubmissionRecord } from "./record.ts";
import { STEP_WORDS } from "./shown.ts";

export type ExportFormat = "json" | "markdown";

type Proven = { record: SubmissionRecord; submission: Submission };

export function exportedProofs(all: readonly Proven[], format: ExportFormat, exportedAt: string): ExportedFile {
  const proofs = all.map(proofOf);
  if (format === "json") {
    return {
      fileName: "crusader-submissions.json",
      mediaType: "application/json",
      text: `${JSON.stringify({ exportVersion: 1, exportedAt, submissions: proofs }, null, 2)}\n`,
    };
  }
  return { fileName: "crusader-submissions.md", mediaType: "text/markdown", text: markdown(proofs, exportedAt) };
}

/** Everything that somebody else can check on the chain, and nothing of this machine. */
function proofOf({ record: { meant, journal }, submission }: Proven) {
  return {
    id: meant.id,
    createdAt: meant.createdAt,
    network: shownNetwork(meant.network),
    genesisHash: meant.genesisHash,
    netuid: meant.rules.netuid,
    fileName: meant.fileName,
    sha256: meant.sha256,
    url: meant.url,
    hotkey: meant.hotkeyAddress,
    uid: meant.uid,
    coldkey: meant.coldkeyAddress,
    state: submission.state,
    fee: meant.fee,
    payment: submission.payment,
    commitment: submission.commitment,
    extrinsics: journal.attempts.map(({ step, extrinsic, hash, signer, nonce, at, inclusion, refused, gone }) => ({
      step,
      hash,
      signer,
      nonce,
      sentAt: at,
      inclusion,
      notIncluded: gone ?? refused,
      extrinsic,
    })),
    alphaRao: journal.alpha === null ? null : String(journal.alpha),
    reveal: submission.reveal,
    evaluated: submission.evaluated,
  };
}

/** Of a node its host alone: what follows may be its owner's key. */
function shownNetwork(network: Network): string {
  return isEndpoint(network) ? (URL.parse(network)?.origin ?? "a node") : network;
}

type Proof = ReturnType<typeof proofOf>;

function markdown(proofs: readonly Proof[], exportedAt: string): string {
  return [`# Submissions, ${exportedAt}`, ...proofs.map(section)].join("\n\n").concat("\n");
}

function section(proof: Proof): string {
  const rows: [string, string | null][] = [
    ["Begun", proof.createdAt],
    ["State", proof.state],
    ["Network", `${proof.network}, genesis ${proof.genesisHash}, subnet ${proof.netuid}`],
    ["File", `${cell(proof.fileName)}, SHA-256 ${proof.sha256}`],
    ["URL", cell(proof.url)],
    ["Hotkey", `${proof.hotkey}${proof.uid === null ? "" : `, uid ${proof.uid}`}`],
    ["Coldkey", proof.coldkey],
    [
      "Fee",
      proof.fee === null ? "none due" : `${formatAmount(proof.fee.amountRao)} to ${proof.fee.destinationColdkey}`,
    ],
    [
      "Payment",
      proof.payment === null ? null : `block ${proof.payment.block}, extrinsic ${proof.payment.extrinsicIndex}`,
    ],
    ["Committed text", proof.commitment === null ? null : cell(proof.commitment)],
    ["Revealed text", proof.reveal?.text == null ? null : cell(proof.reveal.text)],
  ];
  const facts = rows.flatMap(([name, value]) => (value === null ? [] : [`| ${name} | ${value} |`]));
  const sent = proof.extrinsics.map(
    ({ step, hash, signer, nonce, inclusion, notIncluded }) =>
      `| ${STEP_WORDS[step]} | ${hash} | ${signer} | ${nonce} | ${
        inclusion === null
          ? cell(notIncluded ?? "not known")
          : `block ${inclusion.block} (${inclusion.blockHash}), extrinsic ${inclusion.index}${inclusion.failure === null ? "" : `, failed: ${cell(inclusion.failure)}`}`
      } |`,
  );
  return [
    `## ${cell(proof.fileName)}, ${proof.id}`,
    ["| | |", "| --- | --- |", ...facts].join("\n"),
    ...(sent.length === 0
      ? []
      : [["| Extrinsic | Hash | Signer | Nonce | Where |", "| --- | --- | --- | --- | --- |", ...sent].join("\n")]),
  ].join("\n\n");
}

/** Others' words in a table. */
function cell(text: string): string {
  return shownText(text).replaceAll("|", "\\|");
}
