/** The three extrinsics of a submission: what each has to be, and what keeps one from being sent. */
import type { ChainCall, UnsignedExtrinsic } from "../../../common/chain.ts";
import { codeHashOf, packCommitment } from "../../../common/commitment.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { Preflight, SubmissionStep } from "../../../common/submission.ts";
import type { Chain, Head } from "../chain/index.ts";
import { encryptText, revealRound, roundTimeMs } from "../timelock/index.ts";
import { type Attempt, finalizedOf, type Hidden } from "./journal.ts";
import type { Meant, SubmissionRecord, SubmissionRecords } from "./record.ts";
import { paymentOf, STEP_WORDS } from "./shown.ts";
import { isAlmostOut, REVEAL_MARGIN_BLOCKS } from "./signing-time.ts";

export const ERA_BLOCKS = 64;
const MIN_ERA_BLOCKS = 4;

export function commitmentOf(record: SubmissionRecord): string {
  const { url, sha256, fee } = record.meant;
  const payment = paymentOf(record);
  if (fee !== null && payment === null) throw new Error("a commitment before its fee was paid");
  return packCommitment({ codeHash: codeHashOf(sha256), payment, url });
}

type FeeCall = { amountRao: string; burnHotkey: string; destinationColdkey: string };

/** By what is paid, and where it goes. */
export function isSameFee(left: FeeCall | null, right: FeeCall | null): boolean {
  if (left === null || right === null) return left === right;
  return (
    left.amountRao === right.amountRao &&
    left.burnHotkey === right.burnHotkey &&
    left.destinationColdkey === right.destinationColdkey
  );
}

export function stakeCall({ amountRao, burnHotkey }: FeeCall, netuid: number): ChainCall {
  return { kind: "add_stake", hotkey: burnHotkey, netuid, amountRao };
}

export function transferCall({ burnHotkey, destinationColdkey }: FeeCall, netuid: number, alpha: bigint): ChainCall {
  return {
    kind: "transfer_stake",
    destinationColdkey,
    hotkey: burnHotkey,
    originNetuid: netuid,
    destinationNetuid: netuid,
    alphaAmount: String(alpha),
  };
}

export function commitCall({ encrypted, round }: Hidden, netuid: number): ChainCall {
  return { kind: "set_commitment", netuid, encrypted, revealRound: round };
}

/**
 * What the stake created: stake after it less stake before it, at its block; written down when it is known. Throws
 * `chain_refused`, also where the node has forgotten that block's state.
 */
export async function alphaOf(
  chain: Chain,
  { meant, journal }: SubmissionRecord,
  { records, now }: { records: SubmissionRecords; now: () => number },
): Promise<bigint> {
  if (journal.alpha !== null) return journal.alpha;
  const stake = finalizedOf(journal, "stake");
  const { fee, coldkeyAddress, rules } = meant;
  if (stake === null || fee === null || coldkeyAddress === null) throw new Error("there is no stake that is final");
  const alpha = await chain.stakeAddedBy(stake.inclusion, {
    hotkey: fee.burnHotkey,
    coldkey: coldkeyAddress,
    netuid: rules.netuid,
  });
  records.add(meant.id, { kind: "staked", at: new Date(now()).toISOString(), alpha: String(alpha) });
  return alpha;
}

/** Encrypts for the round that follows from the chain's own time. */
export function hide(
  { chain, head, rules, blockSeconds }: { chain: Chain; head: Head; rules: Meant["rules"]; blockSeconds: number },
  text: () => string,
): Hidden {
  const { beacon } = chain;
  const round = revealRound(
    { chainTimeMs: head.timeMs, blocksUntilReveal: rules.revealBlocks, blockTimeSeconds: blockSeconds },
    beacon,
  );
  const packed = text();
  const encrypted = Buffer.from(encryptText(packed, round, { beacon })).toString("hex");
  return { text: packed, round, time: new Date(roundTimeMs(round, beacon)).toISOString(), encrypted: `0x${encrypted}` };
}

/** So that it is in a block before its round is out, or in none: the largest power of two below the blocks until then. */
export function commitEraBlocks(revealBlocks: number): number {
  const largest = 2 ** Math.floor(Math.log2(Math.max(1, revealBlocks - REVEAL_MARGIN_BLOCKS)));
  return Math.min(ERA_BLOCKS, Math.max(MIN_ERA_BLOCKS, largest));
}

export function refuseBlocked({ checks, canSubmit }: Preflight, kept: string): void {
  if (canSubmit) return;
  const blocking = checks.filter(({ state }) => state === "block" || state === "pending");
  const [first] = blocking;
  throw new CrusaderError(
    "conflict",
    `${first?.message ?? "The preflight is not through."} ${kept}`,
    first?.hint ?? "",
    blocking.map(({ id, message }) => `${id}: ${message}`).join("\n"),
  );
}

/** What was signed, read from its own bytes, against what was given out to be signed. */
export async function refuseOtherThanMeant(
  chain: Chain,
  extrinsic: string,
  { payload, nonce, firstBlock, lastBlock }: UnsignedExtrinsic,
  hash: string,
): Promise<void> {
  const read = await chain.readExtrinsic(extrinsic, firstBlock);
  const isMeant =
    read.hash === hash &&
    read.signer === payload.address &&
    read.nonce === nonce &&
    read.tipRao === 0n &&
    read.method.toLowerCase() === payload.method.toLowerCase() &&
    // Where it begins is told by the chain's newest block, which moves on.
    read.lifetime !== null &&
    read.lifetime.lastBlock - read.lifetime.firstBlock === lastBlock - firstBlock;
  if (isMeant) return;
  throw new CrusaderError(
    "signature_refused",
    "What was signed is not what was prepared. Nothing was sent.",
    "Prepare the step again, and sign exactly what is shown.",
    JSON.stringify({ ...read, tipRao: String(read.tipRao) }).slice(0, 1000),
  );
}

export function refuseTooLate(meant: Meant, { lastBlock }: UnsignedExtrinsic, hidden: Hidden | null, head: Head): void {
  const isOut = hidden !== null && isAlmostOut(meant, hidden, head);
  if (head.block < lastBlock && !isOut) return;
  throw new CrusaderError(
    "conflict",
    isOut
      ? "The round that would reveal it is out, or about to be. Nothing was sent."
      : `It was prepared for blocks up to ${lastBlock}, and the chain is at ${head.block}. Nothing was sent.`,
    "Prepare it again, and sign soon after.",
  );
}

export function stillUnderway(step: SubmissionStep, { hash, lastBlock, inclusion }: Attempt): CrusaderError {
  const where = inclusion === null ? "it is not known yet what became of it" : "its block is not final yet";
  return new CrusaderError(
    "conflict",
    `The ${STEP_WORDS[step]} was sent, and ${where}.`,
    `Wait: it is found out from the chain, at the latest some blocks after ${lastBlock}.`,
    hash,
  );
}
