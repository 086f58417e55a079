/**
 * Submissions: looked at, begun, signed step by step, sent, and followed until they were evaluated. It cannot pay twice or
 * commit twice: every signed extrinsic is on the disk before a node gets it, and before another of its step is prepared the
 * chain itself has said that the earlier one never will count, or the two share a nonce, of which the chain takes one.
 */
import { isDeepStrictEqual } from "node:util";
import type { ChainCall, Network } from "../../../common/chain.ts";
import { codeHashOf, type Payment, packCommitment, paymentToCome } from "../../../common/commitment.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { formatAmount } from "../../../common/format.ts";
import type { ExportedFile } from "../../../common/history.ts";
import {
  type DryRun,
  type Fee,
  type OpenPayment,
  type Preflight,
  type Signed,
  SUBMISSION_STEPS,
  type Submission,
  type SubmissionStep,
} from "../../../common/submission.ts";
import type { Chain } from "../chain/index.ts";
import { lockFile } from "../locks/index.ts";
import { Revision } from "../streams/index.ts";
import { type ExportFormat, exportedProofs } from "./export.ts";
import { Following } from "./following.ts";
import { type Attempt, attemptsOf, finalizedOf, type Hidden, isSettled } from "./journal.ts";
import type { SubmissionNeeds, SubmissionOrder } from "./needs.ts";
import {
  type OwnPayment,
  type PreflightNeeds,
  type PreflightQuestion,
  PreflightRun,
  type Progress,
} from "./preflight.ts";
import { type Meant, type SubmissionRecord, SubmissionRecords } from "./record.ts";
import {
  currentStep,
  isPaymentOpen,
  openPaymentsOf,
  paymentOf,
  STEP_WORDS,
  shown,
  stateOf,
  unsettled,
} from "./shown.ts";
import {
  alphaOf,
  commitCall,
  commitEraBlocks,
  commitmentOf,
  ERA_BLOCKS,
  hide,
  isSameFee,
  refuseBlocked,
  refuseOtherThanMeant,
  refuseTooLate,
  stakeCall,
  stillUnderway,
  transferCall,
} from "./steps.ts";

const LOOK_EVERY_MS = 1000;

const FOUND_AGAIN_HINTS: Record<SubmissionStep, string> = {
  stake: "What it created is still the coldkey's. Begin again to stake once more, or unstake it first.",
  transfer: "The fee is paid: begin again with this payment, which is offered now, instead of a new one.",
  commit: "Follow that submission: its commitment counts, and another would replace it.",
};

export class SubmissionService {
  readonly #needs: SubmissionNeeds;
  readonly #now: () => number;
  readonly #records: SubmissionRecords;
  readonly #preflights: PreflightNeeds;
  readonly #moved = new Revision();
  readonly #following: Following;

  constructor(needs: SubmissionNeeds) {
    this.#needs = needs;
    this.#now = needs.now ?? Date.now;
    this.#records = new SubmissionRecords(needs.dataFolder);
    this.#preflights = {
      ...needs,
      now: this.#now,
      committedUrls: (exceptId) => this.committedUrls(exceptId),
      ownPayment: (genesisHash, payment, exceptId) => this.#ownPayment(genesisHash, payment, exceptId),
      lastDestination: (genesisHash, netuid) => this.#lastDestination(genesisHash, netuid),
    };
    this.#following = new Following({
      needs,
      records: this.#records,
      now: this.#now,
      moved: this.#moved,
      preflight: (record, signal) => this.#preflightOf(record, signal).finish(),
    });
  }

  /** All checks, and again with each that became known; ends when all are. Nothing is changed anywhere. */
  preflight(order: SubmissionOrder, signal?: AbortSignal): AsyncGenerator<Preflight> {
    return new PreflightRun(this.#preflights, questionOf(order), signal).watch();
  }

  /**
   * What would be signed, with nothing signed, sent or kept. Throws `chain_refused`, `chain_unreachable` where the preflight
   * went through and the steps cannot be built all the same.
   */
  async dryRun(order: SubmissionOrder, signal?: AbortSignal): Promise<DryRun> {
    const run = new PreflightRun(this.#preflights, questionOf(order), signal);
    const preflight = await run.finish();
    const { chain, rules, head, url } = run.facts;
    const { hotkeyAddress, fee, sha256 } = preflight;
    if (chain === null || rules === null || head === null || url === null || hotkeyAddress === null) {
      return { preflight, steps: [] };
    }
    const steps: DryRun["steps"] = [];
    const { coldkeyAddress } = run.facts;
    const pays = fee !== null && order.payment === null;
    if (pays && coldkeyAddress !== null) {
      const stake = await chain.prepare(stakeCall(fee, rules.netuid), coldkeyAddress, { eraBlocks: ERA_BLOCKS });
      steps.push({ step: "stake", unsigned: stake, note: "" });
      const transfer = await chain.prepare(transferCall(fee, rules.netuid, BigInt(fee.amountRao)), coldkeyAddress, {
        eraBlocks: ERA_BLOCKS,
      });
      const note =
        "The amount stands for the alpha that the stake will create, which is known only then; so is the nonce.";
      steps.push({ step: "transfer", unsigned: transfer, note });
    }
    const payment = order.payment ?? (pays ? paymentToCome(head.block) : null);
    const hidden = hide({ chain, head, rules, blockSeconds: chain.secondsPerBlock ?? rules.blockTimeSeconds }, () =>
      packCommitment({ codeHash: codeHashOf(sha256), payment, url }),
    );
    const commit = await chain.prepare(commitCall(hidden, rules.netuid), hotkeyAddress, {
      eraBlocks: commitEraBlocks(rules.revealBlocks),
    });
    const note = pays
      ? "It will name the real payment, and be encrypted anew for a later round."
      : "It will be encrypted anew.";
    steps.push({ step: "commit", unsigned: commit, note });
    return { preflight, steps };
  }

  /**
   * Keeps what is meant; nothing is signed or sent yet. Throws `conflict` where the preflight blocks, where the fee is another
   * one than `reviewedFee`, where another submission with one of these keys is open, `disk_full`, `data_folder`.
   */
  async begin(
    { reviewedFee, ...order }: SubmissionOrder & { reviewedFee?: Fee | null | undefined },
    signal?: AbortSignal,
  ): Promise<Submission> {
    this.#refuseWhenClosing();
    const run = new PreflightRun(this.#preflights, questionOf(order), signal);
    const preflight = await run.finish();
    const { chain, rules, bytes, url, runId, coldkeyAddress } = run.facts;
    const { hotkeyAddress, fee } = preflight;
    refuseBlocked(preflight, "Nothing was begun.");
    if (reviewedFee !== undefined && !isSameFee(fee, reviewedFee)) {
      const due = fee === null ? "none" : `${formatAmount(fee.amountRao)} to ${fee.destinationColdkey}`;
      throw new CrusaderError(
        "conflict",
        `The fee is another one than was shown: now ${due}. Nothing was begun.`,
        "Look at it again, and at where it goes.",
      );
    }
    if (chain === null || rules === null || bytes === null || url === null || hotkeyAddress === null) {
      throw new Error("a preflight passed without what it found out");
    }
    const pays = fee !== null && order.payment === null;
    const accounts = [hotkeyAddress, ...(pays && coldkeyAddress !== null ? [coldkeyAddress] : [])];
    // Two hotkeys of one coldkey could cite one payment at the same moment.
    const payments = order.payment === null ? [] : [`payment-${order.payment.block}-${order.payment.extrinsicIndex}`];
    return this.#locked([...accounts, ...payments], signal, async () => {
      await this.#refuseFoundAgain(chain, accounts);
      this.#refuseOpenOthers(chain.genesisHash, accounts);
      const cited = fee === null ? null : order.payment;
      if (cited !== null && this.#ownPayment(chain.genesisHash, cited, null)?.isOpen === false) {
        throw new CrusaderError(
          "conflict",
          "This payment is cited by another submission by now.",
          "Nothing was begun.",
        );
      }
      const meant = this.#records.create(
        {
          createdAt: new Date(this.#now()).toISOString(),
          network: order.network,
          genesisHash: chain.genesisHash,
          profile: order.profile,
          rules,
          blockSeconds: chain.secondsPerBlock ?? rules.blockTimeSeconds,
          fileName: preflight.fileName,
          sha256: preflight.sha256,
          byteCount: bytes.length,
          runId,
          url,
          hotkey: order.hotkey,
          hotkeyAddress,
          uid: preflight.uid,
          coldkey: pays ? order.coldkey : null,
          coldkeyAddress: pays ? coldkeyAddress : null,
          fee,
          cited,
        },
        bytes,
      );
      this.#moved.advance();
      return this.#show(meant.id);
    });
  }

  /**
   * Prepares the step whose turn it is, anew, after the whole preflight. What was sent before is found out first. Throws `conflict`
   * where the preflight blocks, where nothing is to be prepared, or where an earlier one of this step may still count;
   * `chain_unreachable`, `chain_refused`.
   */
  async prepare(id: string, signal?: AbortSignal): Promise<Submission> {
    this.#refuseWhenClosing();
    const { meant } = this.#records.read(id);
    return this.#locked(accountsOf(meant), signal, async () => {
      const chain = await this.#chainOf(meant, signal);
      await this.#following.settle(id, chain);
      await this.#following.lookAgain(id, chain, this.#refuseUnlessCurrent(id, null));
      const step = this.#refuseUnlessCurrent(id, null);
      const record = this.#records.read(id);
      const open = attemptsOf(record.journal, step).filter((attempt) => !isSettled(attempt));
      const underway = open.find(
        ({ hash, refused, inclusion }) =>
          refused === null || inclusion !== null || this.#following.liveOf(id).heard.has(hash),
      );
      if (underway !== undefined) throw stillUnderway(step, underway);
      await this.#refuseBlockedNow(record, signal);
      const stakeAlpha = await this.#stakeOfPayer(chain, meant);
      await this.#refuseSignedElsewhere(chain, record, step, stakeAlpha);
      const { call, signer, hidden, eraBlocks } = await this.#meantBy(chain, record, step);
      const unsigned = await chain.prepare(call, signer, { eraBlocks });
      // Of two with one nonce the chain takes one: so a refused one is no danger beside this one.
      const rival = open.find(({ nonce }) => nonce !== unsigned.nonce);
      if (rival !== undefined) throw stillUnderway(step, rival);
      this.#stopWaiting(record);
      this.#records.add(id, {
        kind: "prepared",
        at: this.#time(),
        step,
        unsigned,
        stakeAlpha: stakeAlpha === null ? null : String(stakeAlpha),
        hidden,
      });
      this.#needs.signing.add(unsigned);
      // Of before it was prepared, a block would end it too soon.
      this.#following.see(id, await chain.head());
      this.#moved.advance();
      this.#following.follow(meant.network);
      return this.#show(id);
    });
  }

  /**
   * Takes the signature of the prepared step, looks at everything once more, writes the extrinsic down, and only then hands
   * it to the node. Returns when the node has said something of it. Throws `conflict`, `signature_refused`,
   * `chain_unreachable`, `chain_refused`: then nothing was sent.
   */
  async send(
    { id, step, signed }: { id: string; step: SubmissionStep; signed: Signed },
    signal?: AbortSignal,
  ): Promise<Submission> {
    this.#refuseWhenClosing();
    const { meant } = this.#records.read(id);
    return this.#locked(accountsOf(meant), signal, async () => {
      const chain = await this.#chainOf(meant, signal);
      await this.#following.settle(id, chain);
      this.#refuseUnlessCurrent(id, step);
      const record = this.#records.read(id);
      const prepared = record.journal.waiting[step];
      if (prepared === undefined) {
        throw new CrusaderError("conflict", `The ${STEP_WORDS[step]} waits for no signature.`, "Prepare it again.");
      }
      const { unsigned, hidden } = prepared;
      const newest = await chain.head();
      this.#following.see(id, newest);
      refuseTooLate(meant, unsigned, hidden, newest);
      const { extrinsic, hash } = await chain.assemble(unsigned, signed);
      await refuseOtherThanMeant(chain, extrinsic, unsigned, hash);
      await this.#refuseOtherCall(chain, record, step, unsigned.call, hidden);
      await this.#refuseBlockedNow(record, signal);
      const head = await chain.head();
      this.#following.see(id, head);
      refuseTooLate(meant, unsigned, hidden, head);
      const { nonce, firstBlock, lastBlock } = unsigned;
      const signer = unsigned.payload.address;
      const line = {
        at: this.#time(),
        step,
        extrinsic,
        hash,
        signer,
        nonce,
        firstBlock,
        lastBlock,
        atBlock: head.block,
        hidden,
      };
      this.#records.add(id, { kind: "sending", ...line });
      this.#needs.signing.remove(unsigned);
      this.#moved.advance();
      const attempt: Attempt = { ...line, refused: null, inclusion: null, gone: null };
      await this.#following.handOver(id, chain, { attempt, isFirst: true }, head.block);
      this.#following.follow(meant.network);
      return this.#show(id);
    });
  }

  /**
   * Ends it; what was paid stays listed, and can be cited by a later one. Throws `conflict` once its commitment may be, or is,
   * on the chain.
   */
  async abandon(id: string, signal?: AbortSignal): Promise<Submission> {
    const { meant } = this.#records.read(id);
    return this.#locked(accountsOf(meant), signal, async () => {
      const sent = unsettled(this.#records.read(id)).length > 0;
      if (sent) await this.#following.settle(id, await this.#chainOf(meant, signal));
      const record = this.#records.read(id);
      const { journal } = record;
      const commit = attemptsOf(journal, "commit").find((attempt) => !isSettled(attempt));
      if (commit !== undefined) throw stillUnderway("commit", commit);
      const state = stateOf(record);
      if (state === "abandoned") return this.#show(id);
      if (state !== "open") {
        throw new CrusaderError("conflict", "It is committed already, which nobody can take back.", "");
      }
      this.#stopWaiting(record);
      this.#records.add(id, { kind: "abandoned", at: this.#time() });
      this.#moved.advance();
      return this.#show(id);
    });
  }

  /**
   * Goes on with it over another node of the same chain: one that answers, or that has not forgotten the blocks it is about.
   * Throws `conflict` where it is another chain, `chain_unreachable`, `chain_refused`; then it stays as it was.
   */
  async changeNetwork(id: string, network: Network, signal?: AbortSignal): Promise<Submission> {
    const { meant } = this.#records.read(id);
    return this.#locked(accountsOf(meant), signal, async () => {
      if ((meant.network === "practice") !== (network === "practice")) throw otherChain({ network });
      await this.#chainOf({ ...meant, network }, signal);
      this.#records.add(id, { kind: "network", at: this.#time(), network });
      this.#following.takeUp(id);
      this.#moved.advance();
      return this.#show(id);
    });
  }

  /** All own submissions, the newest first. Throws `data_folder`. */
  list(): Submission[] {
    const all = this.#records.all();
    return all.map((record) => this.#shown(record, all));
  }

  /** Now, and again when any changed, also by another process. Follows what is not over. */
  async *watch(signal: AbortSignal | undefined): AsyncGenerator<Submission[]> {
    for (let before = ""; signal?.aborted !== true; ) {
      const seen = this.#moved.number;
      this.start();
      const now = this.list();
      const text = JSON.stringify(now);
      if (text !== before) yield now;
      before = text;
      await this.#moved.next(seen, signal, LOOK_EVERY_MS);
    }
  }

  /** Payments that no commitment cites, the newest first. */
  openPayments(): OpenPayment[] {
    return openPaymentsOf(this.#records.all());
  }

  /** URLs that own commitments name, or are about to: the validator takes each once. */
  committedUrls(exceptId: string | null = null): ReadonlySet<string> {
    const committed = this.#records
      .all()
      .filter(({ meant }) => meant.id !== exceptId)
      .filter(({ journal }) =>
        attemptsOf(journal, "commit").some(({ gone, inclusion }) => gone === null && inclusion?.failure == null),
      );
    return new Set(committed.map(({ meant }) => meant.url));
  }

  /** Proofs of payment and commitment, for a dispute: all, or those named. Throws `not_found`. */
  export({ ids, format }: { ids?: readonly string[] | undefined; format: ExportFormat }): ExportedFile {
    const all = this.#records.all();
    const wanted = ids === undefined ? all : ids.map((id) => this.#records.read(id));
    const shownOnes = wanted.map((record) => ({ record, submission: this.#shown(record, all) }));
    return exportedProofs(shownOnes, format, this.#time());
  }

  /** Goes on with what is not over: what was sent is found out, reveals and hosted files are watched. Returns at once. */
  start(): void {
    this.#following.start();
  }

  /**
   * Goes on once with what is not over, and returns when the chains have answered; what stands in the way is said by the
   * submissions. Throws the signal's reason.
   */
  look(signal?: AbortSignal): Promise<void> {
    return this.#following.look(signal);
  }

  /** Ends what goes on here. What was sent stays sent, and is found out by the next start. */
  close(): Promise<void> {
    return this.#following.close();
  }

  /** The preflight of a submission that goes on: what was meant, and what of it is done. */
  #preflightOf({ meant, journal }: SubmissionRecord, signal: AbortSignal | undefined): PreflightRun {
    const record = { meant, journal };
    const progress: Progress = {
      fee: meant.fee,
      coldkeyAddress: meant.coldkeyAddress,
      isStaked: finalizedOf(journal, "stake") !== null,
      payment: meant.cited === null ? paymentOf(record) : null,
      paidIn: finalizedOf(journal, "transfer")?.inclusion.blockHash ?? null,
    };
    const question: PreflightQuestion = {
      profile: meant.profile,
      network: meant.network,
      url: meant.url,
      hotkey: meant.hotkey,
      coldkey: meant.coldkey,
      payment: meant.cited,
      read: async () => ({ fileName: meant.fileName, bytes: this.#records.source(meant.id) }),
      rules: meant.rules,
      progress: meant.cited === null ? progress : null,
      submissionId: meant.id,
      provenRunId: meant.runId,
    };
    return new PreflightRun(this.#preflights, question, signal);
  }

  async #refuseBlockedNow(record: SubmissionRecord, signal: AbortSignal | undefined): Promise<void> {
    refuseBlocked(
      await this.#preflightOf(record, signal).finish(),
      "Nothing was signed or sent; what was done before is kept.",
    );
  }

  /** What a step has to be, from what was meant and what is done; encrypted anew each time. */
  async #meantBy(
    chain: Chain,
    record: SubmissionRecord,
    step: SubmissionStep,
  ): Promise<{ call: ChainCall; signer: string; hidden: Hidden | null; eraBlocks: number }> {
    const { meant } = record;
    const { netuid, revealBlocks } = meant.rules;
    if (step === "commit") {
      const hidden = hide(
        { chain, head: await chain.head(), rules: meant.rules, blockSeconds: meant.blockSeconds },
        () => commitmentOf(record),
      );
      return {
        call: commitCall(hidden, netuid),
        signer: meant.hotkeyAddress,
        hidden,
        eraBlocks: commitEraBlocks(revealBlocks),
      };
    }
    const { fee, coldkeyAddress } = meant;
    if (fee === null || coldkeyAddress === null) throw new Error("a step that pays, without a fee or who pays it");
    const call =
      step === "stake"
        ? stakeCall(fee, netuid)
        : transferCall(fee, netuid, await alphaOf(chain, record, { records: this.#records, now: this.#now }));
    return { call, signer: coldkeyAddress, hidden: null, eraBlocks: ERA_BLOCKS };
  }

  /** Of the call that was prepared, whatever has happened since. */
  async #refuseOtherCall(
    chain: Chain,
    record: SubmissionRecord,
    step: SubmissionStep,
    call: ChainCall,
    hidden: Hidden | null,
  ): Promise<void> {
    const { netuid } = record.meant.rules;
    const isSame =
      step === "commit"
        ? hidden !== null && hidden.text === commitmentOf(record) && isDeepStrictEqual(call, commitCall(hidden, netuid))
        : isDeepStrictEqual(call, (await this.#meantBy(chain, record, step)).call);
    if (isSame) return;
    throw new CrusaderError(
      "conflict",
      `What was prepared is not the ${STEP_WORDS[step]} any more.`,
      "Prepare it again.",
    );
  }

  async #stakeOfPayer(chain: Chain, { fee, coldkeyAddress, rules }: Meant): Promise<bigint | null> {
    if (fee === null || coldkeyAddress === null) return null;
    return chain.stakeOf({ hotkey: fee.burnHotkey, coldkey: coldkeyAddress, netuid: rules.netuid });
  }

  /**
   * A payload that was given out can be signed and sent by others, on another machine, and Crusader does not know its hash.
   * Where its nonce was used since, and the chain looks as if it had been, nothing is prepared that would do it twice.
   */
  async #refuseSignedElsewhere(
    chain: Chain,
    { meant, journal }: SubmissionRecord,
    step: SubmissionStep,
    stakeAlpha: bigint | null,
  ): Promise<void> {
    const unsent = journal.prepared.filter(
      ({ unsigned, ...line }) =>
        line.step === step && !attemptsOf(journal, step).some(({ nonce }) => nonce === unsigned.nonce),
    );
    const [first] = unsent;
    if (first === undefined) return;
    const next = await chain.nonceOf(first.unsigned.payload.address);
    const used = unsent.filter(({ unsigned }) => unsigned.nonce < next);
    if (used.length === 0) return;
    const committed =
      step === "commit"
        ? await this.#committedElsewhere(
            chain,
            meant,
            used.map(({ hidden }) => hidden),
          )
        : false;
    const moved = used.some(({ stakeAlpha: before }) => {
      if (before === null || stakeAlpha === null || step === "commit") return false;
      return step === "stake" ? stakeAlpha > BigInt(before) : stakeAlpha < BigInt(before);
    });
    if (!committed && !moved) return;
    throw new CrusaderError(
      "conflict",
      `The ${STEP_WORDS[step]} that was prepared before seems to have been sent by another program: the account's next nonce is ${next}, and ${committed ? "its commitment is on the chain" : "its stake has changed"}.`,
      "Look at the account in an explorer. To go on, abandon this submission; a payment that was made can be cited in a new one by its block and index.",
    );
  }

  async #committedElsewhere(
    chain: Chain,
    { rules, hotkeyAddress }: Meant,
    hidden: (Hidden | null)[],
  ): Promise<boolean> {
    const [pending, revealed] = await Promise.all([
      chain.commitmentOf(rules.netuid, hotkeyAddress),
      chain.revealedOf(rules.netuid, hotkeyAddress),
    ]);
    return hidden.some(
      (one) =>
        one !== null &&
        (pending?.encrypted?.toLowerCase() === one.encrypted.toLowerCase() ||
          revealed.some(({ text }) => text === one.text)),
    );
  }

  /** The step whose turn it is. Throws `conflict` where there is none, or it is another than `expected`. */
  #refuseUnlessCurrent(id: string, expected: SubmissionStep | null): SubmissionStep {
    const record = this.#records.read(id);
    const state = stateOf(record);
    const step = currentStep(record);
    if (state !== "open" || step === null) {
      throw new CrusaderError("conflict", `Nothing of this submission is to be signed: it is ${state}.`, "");
    }
    if (expected !== null && expected !== step) {
      throw new CrusaderError(
        "conflict",
        `The turn is the ${STEP_WORDS[step]}'s, not the ${STEP_WORDS[expected]}'s. Nothing was sent.`,
        "Look at the submission again.",
      );
    }
    return step;
  }

  #refuseOpenOthers(genesisHash: string, accounts: readonly string[]): void {
    for (const record of this.#records.all()) {
      const { meant } = record;
      const isOpen = stateOf(record) === "open" || (stateOf(record) === "abandoned" && unsettled(record).length > 0);
      const shared = accountsOf(meant).find((account) => accounts.includes(account));
      if (meant.genesisHash !== genesisHash || !isOpen || shared === undefined) continue;
      throw new CrusaderError(
        "conflict",
        `Submission ${meant.id} (${meant.fileName}) with the key ${shared} is not over. Nothing was begun.`,
        "Finish it, or abandon it.",
      );
    }
  }

  /**
   * What a node said is gone for good, of a submission that was then abandoned, is asked of the node of now: it may have lied,
   * and a fee would be paid twice. Where this one cannot tell, that stands in nobody's way: it may have forgotten those blocks.
   */
  async #refuseFoundAgain(chain: Chain, accounts: readonly string[]): Promise<void> {
    for (const { meant, journal } of this.#records.all()) {
      const isShared = accountsOf(meant).some((account) => accounts.includes(account));
      if (meant.genesisHash !== chain.genesisHash || !journal.isAbandoned || !isShared) continue;
      for (const step of SUBMISSION_STEPS) {
        if (finalizedOf(journal, step) !== null) continue;
        await this.#following.lookAgain(meant.id, chain, step).catch((error: unknown) => {
          if (!(error instanceof CrusaderError) || error.code !== "conflict") throw error;
        });
        if (finalizedOf(this.#records.read(meant.id).journal, step) === null) continue;
        this.#moved.advance();
        throw new CrusaderError(
          "conflict",
          `The ${STEP_WORDS[step]} that submission ${meant.id} sent is on the chain after all: a node had said that it never would be. Nothing was begun.`,
          FOUND_AGAIN_HINTS[step],
        );
      }
    }
  }

  #ownPayment(genesisHash: string, payment: Payment, exceptId: string | null): OwnPayment | null {
    const all = this.#records.all();
    for (const record of all) {
      const { meant } = record;
      const made = meant.cited === null ? paymentOf(record) : null;
      if (meant.genesisHash !== genesisHash || meant.fee === null || meant.coldkeyAddress === null) continue;
      const transfer = finalizedOf(record.journal, "transfer");
      if (made?.block !== payment.block || made.extrinsicIndex !== payment.extrinsicIndex || transfer === null)
        continue;
      const others = all.filter((other) => other.meant.id !== exceptId);
      return {
        payment,
        paidIn: transfer.inclusion.blockHash,
        isOpen: isPaymentOpen(record, others),
        coldkeyAddress: meant.coldkeyAddress,
        destinationColdkey: meant.fee.destinationColdkey,
        netuid: meant.rules.netuid,
      };
    }
    return null;
  }

  #lastDestination(genesisHash: string, netuid: number): string | null {
    const paid = this.#records
      .all()
      .find(
        ({ meant, journal }) =>
          meant.genesisHash === genesisHash &&
          meant.rules.netuid === netuid &&
          finalizedOf(journal, "transfer") !== null,
      );
    return paid?.meant.fee?.destinationColdkey ?? null;
  }

  /** The chain it began on. Throws `conflict` where its network is another one by now. */
  async #chainOf(
    { network, genesisHash }: Pick<Meant, "network" | "genesisHash">,
    signal: AbortSignal | undefined,
  ): Promise<Chain> {
    const chain = await this.#needs.chains.open(network, { signal });
    if (chain.genesisHash !== genesisHash) throw otherChain({ network });
    return chain;
  }

  #stopWaiting({ journal }: SubmissionRecord): void {
    for (const { unsigned } of Object.values(journal.waiting)) this.#needs.signing.remove(unsigned);
  }

  /** One at a time with each of these accounts and payments, over all processes of this data folder. */
  async #locked<T>(
    names: readonly string[],
    signal: AbortSignal | undefined,
    action: () => T | Promise<T>,
  ): Promise<T> {
    const releases: (() => void)[] = [];
    try {
      // Always in the same order, so that two never wait for each other.
      for (const name of [...new Set(names)].sort()) {
        releases.push(await lockFile(this.#records.lockPath(name), () => undefined, signal));
      }
      return await action();
    } finally {
      for (const release of releases) release();
    }
  }

  #show(id: string): Submission {
    return this.#shown(this.#records.read(id), this.#records.all());
  }

  #shown(record: SubmissionRecord, all: readonly SubmissionRecord[]): Submission {
    const { standings } = this.#needs;
    return shown(record, { live: this.#following.liveOf(record.meant.id), all, standings, nowMs: this.#now() });
  }

  #time(): string {
    return new Date(this.#now()).toISOString();
  }

  #refuseWhenClosing(): void {
    if (this.#following.isClosing) throw new CrusaderError("cancelled", "Crusader is ending.");
  }
}

function questionOf(order: SubmissionOrder): PreflightQuestion {
  return { ...order, rules: null, progress: null, submissionId: null, provenRunId: null };
}

function otherChain({ network }: { network: Network }): CrusaderError {
  return new CrusaderError(
    "conflict",
    `"${network}" is another chain than the one that this submission began on.`,
    "Go on over a node of that one, or abandon the submission. Nothing was sent.",
  );
}

function accountsOf({ hotkeyAddress, coldkeyAddress }: Meant): string[] {
  return coldkeyAddress === null ? [hotkeyAddress] : [hotkeyAddress, coldkeyAddress];
}
