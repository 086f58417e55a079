/**
 * Submissions: looked at, begun, signed step by step, sent, and followed until they were evaluated. It cannot pay twice or
 * commit twice: every signed extrinsic is on the disk before a node gets it, and before another of its step is prepared the
 * chain itself has said that the earlier one never will count, or the two share a nonce, of which the chain takes one.
 */
import { isDeepStrictEqual } from "node:util";
import type { ChainCall, Inclusion, Network, UnsignedExtrinsic } from "../../../common/chain.ts";
import { codeHashOf, type Payment, packCommitment, paymentToCome } from "../../../common/commitment.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { ExportedFile } from "../../../common/history.ts";
import type { DryRun, OpenPayment, Preflight, Signed, Submission, SubmissionStep } from "../../../common/submission.ts";
import type { Chain, Head } from "../chain/index.ts";
import { UrlWatch } from "../hosting/index.ts";
import { lockFile } from "../locks/index.ts";
import { Revision } from "../streams/index.ts";
import { encryptText, revealRound, roundTimeMs } from "../timelock/index.ts";
import { type ExportFormat, exportedProofs } from "./export.ts";
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
import { revealOutcome } from "./reveal.ts";
import {
  currentStep,
  evaluationOf,
  isPaymentOpen,
  type Live,
  newLive,
  openPaymentsOf,
  paymentOf,
  STEP_WORDS,
  shown,
  stateOf,
  unsettled,
} from "./shown.ts";

const ERA_BLOCKS = 64;
const MIN_ERA_BLOCKS = 4;
/** A commitment that is sent has to be in a block before everybody can read it. */
const REVEAL_MARGIN_BLOCKS = 2;
/** The same bytes are handed over again after so many blocks without a word of them: by who did so before, and by others. */
const RESEND_AFTER_BLOCKS = 3;
const TAKE_OVER_AFTER_BLOCKS = 1;
/** A node may take an extrinsic and say nothing. */
const FIRST_WORD_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 1000;
const FIRST_RETRY_MS = 2000;
const LONGEST_RETRY_MS = 60_000;
/** A source of standings that has not listed it by then never will. */
const EVALUATED_WITHIN_MS = 14 * 24 * 60 * 60 * 1000;

type Sending = { attempt: Attempt; isFirst: boolean };

export class SubmissionService {
  readonly #needs: SubmissionNeeds;
  readonly #now: () => number;
  readonly #records: SubmissionRecords;
  readonly #preflights: PreflightNeeds;
  readonly #urlWatch: UrlWatch;
  readonly #moved = new Revision();
  readonly #live = new Map<string, Live>();
  /** The block at which bytes were last handed over, by hash. */
  readonly #handedOver = new Map<string, number>();
  /** Submissions on a chain that their network does not name any more. */
  readonly #foreign = new Set<string>();
  readonly #watchedUrls = new Map<string, AbortController>();
  readonly #followed = new Set<Network>();
  readonly #work = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();

  constructor(needs: SubmissionNeeds) {
    this.#needs = needs;
    this.#now = needs.now ?? Date.now;
    this.#records = new SubmissionRecords(needs.dataFolder);
    this.#urlWatch = needs.urlWatch ?? new UrlWatch({ now: this.#now });
    this.#preflights = {
      ...needs,
      now: this.#now,
      committedUrls: (exceptId) => this.committedUrls(exceptId),
      ownPayment: (genesisHash, payment, exceptId) => this.#ownPayment(genesisHash, payment, exceptId),
    };
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
      const note = "The amount of alpha is what the stake creates, and only known then; the next nonce is taken.";
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
   * Keeps what is meant; nothing is signed or sent yet. Throws `conflict` where the preflight blocks, where another
   * submission with one of these keys is open, `disk_full`, `data_folder`.
   */
  async begin(order: SubmissionOrder, signal?: AbortSignal): Promise<Submission> {
    this.#refuseWhenClosing();
    const run = new PreflightRun(this.#preflights, questionOf(order), signal);
    const preflight = await run.finish();
    const { chain, rules, bytes, url, runId, coldkeyAddress } = run.facts;
    const { hotkeyAddress, fee } = preflight;
    refuseBlocked(preflight, "Nothing was begun.");
    if (chain === null || rules === null || bytes === null || url === null || hotkeyAddress === null) {
      throw new Error("a preflight passed without what it found out");
    }
    const pays = fee !== null && order.payment === null;
    const accounts = [hotkeyAddress, ...(pays && coldkeyAddress !== null ? [coldkeyAddress] : [])];
    return this.#locked(accounts, signal, () => {
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
      await this.#settle(id, chain);
      const step = this.#refuseUnlessCurrent(id, null);
      const record = this.#records.read(id);
      const open = attemptsOf(record.journal, step).filter((attempt) => !isSettled(attempt));
      const underway = open.find(
        ({ hash, refused, inclusion }) => refused === null || inclusion !== null || this.#liveOf(id).heard.has(hash),
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
      this.#moved.advance();
      this.#follow(meant.network);
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
      await this.#settle(id, chain);
      this.#refuseUnlessCurrent(id, step);
      const record = this.#records.read(id);
      const prepared = record.journal.waiting[step];
      if (prepared === undefined) {
        throw new CrusaderError("conflict", `The ${STEP_WORDS[step]} waits for no signature.`, "Prepare it again.");
      }
      const { unsigned, hidden } = prepared;
      const { extrinsic, hash } = await chain.assemble(unsigned, signed);
      await refuseOtherThanMeant(chain, extrinsic, unsigned, hash);
      await this.#refuseOtherCall(chain, record, step, unsigned.call, hidden);
      await this.#refuseBlockedNow(record, signal);
      const head = await chain.head();
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
      await this.#handOver(id, chain, { attempt, isFirst: true }, head.block);
      this.#follow(meant.network);
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
      if (sent) await this.#settle(id, await this.#chainOf(meant, signal));
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
    if (this.#closing.signal.aborted) return;
    for (const record of this.#readable()) {
      const { meant, journal } = record;
      if (!this.#isFollowed(record)) continue;
      if (stateOf(record) === "open") {
        for (const prepared of Object.values(journal.waiting)) this.#needs.signing.add(prepared.unsigned);
      }
      this.#follow(meant.network);
    }
  }

  /**
   * Goes on once with what is not over, and returns when the chains have answered; what stands in the way is said by the
   * submissions. Throws the signal's reason.
   */
  async look(signal?: AbortSignal): Promise<void> {
    const networks = new Set(
      this.#readable()
        .filter((record) => this.#isFollowed(record))
        .map(({ meant }) => meant.network),
    );
    const lookAt = async (network: Network) => {
      try {
        const chain = await this.#needs.chains.open(network, signal === undefined ? {} : { signal });
        const head = await chain.head();
        for (const { meant } of this.#toFollow(network)) await this.#goOn(meant.id, chain, head);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof CrusaderError)) throw error;
        const { message, hint } = error;
        for (const { meant } of this.#toFollow(network)) this.#liveOf(meant.id).problem = { message, hint };
      }
    };
    await Promise.all([...networks].map(lookAt));
  }

  /** Ends what goes on here. What was sent stays sent, and is found out by the next start. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled([...this.#work]);
  }

  /** The preflight of a submission that goes on: what was meant, and what of it is done. */
  #questionOf({ meant, journal }: SubmissionRecord): PreflightQuestion {
    const record = { meant, journal };
    const progress: Progress = {
      fee: meant.fee,
      coldkeyAddress: meant.coldkeyAddress,
      isStaked: finalizedOf(journal, "stake") !== null,
      payment: meant.cited === null ? paymentOf(record) : null,
    };
    return {
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
    };
  }

  async #refuseBlockedNow(record: SubmissionRecord, signal: AbortSignal | undefined): Promise<void> {
    const run = new PreflightRun(this.#preflights, this.#questionOf(record), signal);
    refuseBlocked(await run.finish(), "Nothing was signed or sent; what was done before is kept.");
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
        : transferCall(fee, netuid, await this.#alphaOf(chain, record, coldkeyAddress));
    return { call, signer: coldkeyAddress, hidden: null, eraBlocks: ERA_BLOCKS };
  }

  /** What the stake created: stake after it less stake before it, at its block. */
  async #alphaOf(chain: Chain, { meant, journal }: SubmissionRecord, coldkey: string): Promise<bigint> {
    if (journal.alpha !== null) return journal.alpha;
    const stake = finalizedOf(journal, "stake");
    if (stake === null || meant.fee === null) throw new Error("the stake is not final");
    const { burnHotkey: hotkey } = meant.fee;
    const alpha = await chain.stakeAddedBy(stake.inclusion, { hotkey, coldkey, netuid: meant.rules.netuid });
    if (alpha <= 0n) {
      throw new CrusaderError(
        "chain_refused",
        `The stake of block ${stake.inclusion.block} created no alpha, says the node.`,
        "Use another node. The stake is yours until it is transferred.",
      );
    }
    this.#records.add(meant.id, { kind: "staked", at: this.#time(), alpha: String(alpha) });
    return alpha;
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

  #ownPayment(genesisHash: string, payment: Payment, exceptId: string | null): OwnPayment | null {
    const all = this.#records.all();
    for (const record of all) {
      const { meant } = record;
      const made = meant.cited === null ? paymentOf(record) : null;
      if (meant.genesisHash !== genesisHash || meant.fee === null || meant.coldkeyAddress === null) continue;
      if (made?.block !== payment.block || made.extrinsicIndex !== payment.extrinsicIndex) continue;
      const others = all.filter((other) => other.meant.id !== exceptId);
      return {
        payment,
        isOpen: isPaymentOpen(record, others),
        coldkeyAddress: meant.coldkeyAddress,
        destinationColdkey: meant.fee.destinationColdkey,
        netuid: meant.rules.netuid,
      };
    }
    return null;
  }

  /** The chain it began on. Throws `conflict` where its network is another one by now. */
  async #chainOf({ id, network, genesisHash }: Meant, signal: AbortSignal | undefined): Promise<Chain> {
    const chain = await this.#needs.chains.open(network, { signal });
    if (chain.genesisHash === genesisHash) return chain;
    this.#foreign.add(id);
    throw new CrusaderError(
      "conflict",
      `"${network}" is another chain than the one that this submission began on.`,
      "Connect to that one, or abandon the submission. Nothing was sent.",
      `${chain.genesisHash}, not ${genesisHash}`,
    );
  }

  /** Finds out from the chain what became of all that was sent and may still change. */
  async #settle(id: string, chain: Chain): Promise<void> {
    const live = this.#liveOf(id);
    for (const attempt of unsettled(this.#records.read(id))) {
      const { hash, signer, nonce, firstBlock: fromBlock, lastBlock: toBlock } = attempt;
      const found = await chain.find({ hash, signer, nonce, fromBlock, toBlock });
      if (found.kind === "included" || found.kind === "pending") live.heard.add(hash);
      else live.heard.delete(hash);
      if (found.kind === "gone") {
        this.#records.add(id, { kind: "gone", at: this.#time(), hash, reason: GONE_WORDS[found.reason] });
      } else {
        this.#takeInclusion(id, hash, found.kind === "included" ? found.inclusion : null);
      }
    }
    this.#moved.advance();
  }

  /** Where it is now, unless that is written down already; null: in no block of the chain. */
  #takeInclusion(id: string, hash: string, inclusion: Inclusion | null): void {
    const known = this.#records.read(id).journal.attempts.find((attempt) => attempt.hash === hash);
    if (known === undefined || known.inclusion?.finalized === true) return;
    if (isDeepStrictEqual(known.inclusion, inclusion)) return;
    const at = this.#time();
    this.#records.add(
      id,
      inclusion === null ? { kind: "retracted", at, hash } : { kind: "included", at, hash, inclusion },
    );
  }

  /** Hands journalled bytes to the node, and goes on listening behind; returns with the node's first word. */
  async #handOver(id: string, chain: Chain, { attempt, isFirst }: Sending, atBlock: number): Promise<void> {
    const { hash } = attempt;
    const firstWord = Promise.withResolvers<void>();
    this.#handedOver.set(hash, atBlock);
    const listen = async () => {
      try {
        for await (const update of chain.send(attempt.extrinsic, this.#closing.signal)) {
          const live = this.#liveOf(id);
          if (update.kind === "ready" || update.kind === "included" || update.kind === "finalized")
            live.heard.add(hash);
          if (update.kind === "included" || update.kind === "finalized") {
            this.#takeInclusion(id, hash, update.inclusion);
          } else if (update.kind === "retracted") {
            this.#takeInclusion(id, hash, null);
          } else if (update.kind === "invalid" && isFirst) {
            // Of bytes that were handed over before, another node may know more than this one.
            this.#records.add(id, { kind: "refused", at: this.#time(), hash, message: update.message });
          } else if (update.kind !== "ready") {
            live.heard.delete(hash);
          }
          this.#moved.advance();
          firstWord.resolve();
        }
      } catch (error) {
        if (!(error instanceof CrusaderError)) throw error;
        const { message, hint } = error;
        this.#liveOf(id).problem = { message, hint };
      } finally {
        this.#moved.advance();
        firstWord.resolve();
      }
    };
    this.#inBackground(listen());
    const patience = setTimeout(() => firstWord.resolve(), this.#needs.firstWordWithinMs ?? FIRST_WORD_WITHIN_MS);
    await firstWord.promise;
    clearTimeout(patience);
  }

  #follow(network: Network): void {
    if (this.#followed.has(network) || this.#closing.signal.aborted) return;
    this.#followed.add(network);
    this.#inBackground(this.#followChain(network).finally(() => this.#followed.delete(network)));
  }

  async #followChain(network: Network): Promise<void> {
    const { signal } = this.#closing;
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted && this.#toFollow(network).length > 0) {
      try {
        const chain = await this.#needs.chains.open(network, { signal });
        for await (const head of chain.watchHead(signal)) {
          retryMs = FIRST_RETRY_MS;
          for (const { meant } of this.#toFollow(network)) await this.#goOn(meant.id, chain, head);
          if (this.#toFollow(network).length === 0) return;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof CrusaderError)) throw error;
        const { message, hint } = error;
        for (const { meant } of this.#toFollow(network)) this.#liveOf(meant.id).problem = { message, hint };
        this.#moved.advance();
        await new Revision().next(0, signal, retryMs);
        retryMs = Math.min(LONGEST_RETRY_MS, 2 * retryMs);
      }
    }
  }

  /** A folder that cannot be understood is said to whoever asks for the list. */
  #readable(): SubmissionRecord[] {
    try {
      return this.#records.all();
    } catch (error) {
      if (error instanceof CrusaderError) return [];
      throw error;
    }
  }

  #toFollow(network: Network): SubmissionRecord[] {
    return this.#readable().filter((record) => record.meant.network === network && this.#isFollowed(record));
  }

  #isFollowed(record: SubmissionRecord): boolean {
    if (this.#foreign.has(record.meant.id)) return false;
    if (unsettled(record).length > 0) return true;
    const state = stateOf(record);
    if (state === "revealed") return this.#now() - Date.parse(record.journal.revealed?.at ?? "") < EVALUATED_WITHIN_MS;
    return state === "committed" || (state === "open" && record.journal.prepared.length > 0);
  }

  async #goOn(id: string, chain: Chain, head: Head): Promise<void> {
    const live = this.#liveOf(id);
    const { meant } = this.#records.read(id);
    live.head = { block: head.block, timeMs: head.timeMs };
    if (chain.genesisHash !== meant.genesisHash) {
      this.#foreign.add(id);
      live.problem = {
        message: `"${meant.network}" is another chain now than the one that this submission began on.`,
        hint: "What has become of it there cannot be seen from here.",
      };
      this.#moved.advance();
      return;
    }
    live.problem = null;
    await this.#settleFromBlocks(id, chain, head);
    const record = this.#records.read(id);
    if (stateOf(record) === "committed") await this.#lookForReveal(record, chain, head);
    if (stateOf(this.#records.read(id)) === "revealed") this.#lookForEvaluation(this.#records.read(id));
    this.#watchUrl(this.#records.read(id));
    this.#moved.advance();
  }

  /** Also of what a stream should tell: nodes fall silent. */
  async #settleFromBlocks(id: string, chain: Chain, head: Head): Promise<void> {
    if (unsettled(this.#records.read(id)).length === 0) return;
    await this.#settle(id, chain);
    for (const attempt of unsettled(this.#records.read(id))) await this.#sendAgain(id, chain, attempt, head);
  }

  /**
   * A crash, or a lost node, between the journal and the pool: the very same bytes may be handed over again, as the chain takes
   * them once. Not where by now the preflight would keep them back.
   */
  async #sendAgain(id: string, chain: Chain, attempt: Attempt, head: Head): Promise<void> {
    const { hash, refused, inclusion, atBlock, lastBlock, hidden } = attempt;
    const record = this.#records.read(id);
    const isKnown = this.#liveOf(id).heard.has(hash);
    const handedOver = this.#handedOver.get(hash);
    const waits = handedOver === undefined ? TAKE_OVER_AFTER_BLOCKS : RESEND_AFTER_BLOCKS;
    const isEarly = head.block < (handedOver ?? atBlock) + waits;
    const isOver = head.block >= lastBlock || (hidden !== null && isAlmostOut(record.meant, hidden, head));
    if (isKnown || refused !== null || inclusion !== null || isOver || isEarly) return;
    if (stateOf(record) !== "open") return;
    this.#handedOver.set(hash, head.block);
    const run = new PreflightRun(this.#preflights, this.#questionOf(record), this.#closing.signal);
    const preflight = await run.finish();
    if (preflight.canSubmit) await this.#handOver(id, chain, { attempt, isFirst: false }, head.block);
  }

  async #lookForReveal(record: SubmissionRecord, chain: Chain, head: Head): Promise<void> {
    const { meant, journal } = record;
    const commit = finalizedOf(journal, "commit");
    if (commit?.hidden == null) return;
    const { netuid } = meant.rules;
    // What is not final may be taken back, and the end of a submission is said once.
    const at = head.finalizedHash;
    const [pending, revealed, { lastStoredRound }] = await Promise.all([
      chain.commitmentOf(netuid, meant.hotkeyAddress, at),
      chain.revealedOf(netuid, meant.hotkeyAddress, at),
      chain.drand(at),
    ]);
    const { hidden, inclusion } = commit;
    const outcome = revealOutcome({
      hidden,
      committedBlock: inclusion.block,
      pending,
      revealed,
      lastStoredRound,
      outForMs: head.timeMs - Date.parse(hidden.time),
    });
    this.#liveOf(meant.id).isLate = outcome.kind === "late";
    const when = this.#time();
    if (outcome.kind === "revealed") {
      this.#records.add(meant.id, { kind: "revealed", at: when, block: outcome.block, text: outcome.text });
    } else if (outcome.kind !== "waiting" && outcome.kind !== "late") {
      const { block, text } = { block: null, text: null, ...outcome };
      this.#records.add(meant.id, { kind: "unrevealed", at: when, state: outcome.kind, block, text });
    }
  }

  #lookForEvaluation(record: SubmissionRecord): void {
    const now = evaluationOf(record, this.#needs.standings);
    const before = record.journal.evaluated;
    if (now === null) return;
    const isNew = now.status !== before?.status || now.score !== before.score || now.error !== before.error;
    if (isNew) this.#records.add(record.meant.id, { kind: "evaluated", at: this.#time(), evaluated: now });
  }

  /** From the commit on, until it was evaluated. */
  #watchUrl(record: SubmissionRecord): void {
    const { meant } = record;
    const state = stateOf(record);
    const isWanted = state === "committed" || state === "revealed";
    const watching = this.#watchedUrls.get(meant.id);
    if (!isWanted) watching?.abort();
    if (!isWanted || watching !== undefined) return;
    const stop = new AbortController();
    this.#watchedUrls.set(meant.id, stop);
    const signal = AbortSignal.any([stop.signal, this.#closing.signal]);
    this.#inBackground(this.#followUrl(meant, signal).finally(() => this.#watchedUrls.delete(meant.id)));
  }

  async #followUrl({ id, url, sha256, network, rules }: Meant, signal: AbortSignal): Promise<void> {
    const { fetchNetwork } = this.#needs;
    const options = {
      timeoutMs: rules.codeFetchTimeoutSeconds * 1000,
      signal,
      allowedOrigins: await this.#needs.allowedOrigins(network),
      ...(fetchNetwork === undefined ? {} : { network: fetchNetwork }),
    };
    for await (const watched of this.#urlWatch.follow({ committedUrl: url, judgedSha256: sha256 }, options)) {
      const before = this.#records.read(id).journal.url;
      this.#liveOf(id).urlCheckedAt = watched.checkedAt;
      const isNew = before?.state !== watched.state || before.message !== watched.message;
      if (isNew) this.#records.add(id, { kind: "url", at: this.#time(), watched });
      this.#moved.advance();
    }
  }

  #stopWaiting({ journal }: SubmissionRecord): void {
    for (const { unsigned } of Object.values(journal.waiting)) this.#needs.signing.remove(unsigned);
  }

  /** One at a time with each of these accounts, over all processes of this data folder. */
  async #locked<T>(
    accounts: readonly string[],
    signal: AbortSignal | undefined,
    action: () => T | Promise<T>,
  ): Promise<T> {
    const releases: (() => void)[] = [];
    try {
      // Always in the same order, so that two never wait for each other.
      for (const account of [...new Set(accounts)].sort()) {
        releases.push(await lockFile(this.#records.lockPath(account), () => undefined, signal));
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
    return shown(record, { live: this.#liveOf(record.meant.id), all, standings, nowMs: this.#now() });
  }

  #liveOf(id: string): Live {
    const live = this.#live.get(id) ?? newLive();
    this.#live.set(id, live);
    return live;
  }

  #time(): string {
    return new Date(this.#now()).toISOString();
  }

  #inBackground(work: Promise<unknown>): void {
    const ended = work.catch((error: unknown) => {
      if (!this.#closing.signal.aborted) this.#needs.onBug?.(error);
    });
    this.#work.add(ended);
    void ended.finally(() => this.#work.delete(ended));
  }

  #refuseWhenClosing(): void {
    if (this.#closing.signal.aborted) throw new CrusaderError("cancelled", "Crusader is ending.");
  }
}

function questionOf(order: SubmissionOrder): PreflightQuestion {
  return { ...order, rules: null, progress: null, submissionId: null };
}

const GONE_WORDS = {
  expired: "its time is over",
  replaced: "the account has sent something else in its place",
} as const;

function accountsOf({ hotkeyAddress, coldkeyAddress }: Meant): string[] {
  return coldkeyAddress === null ? [hotkeyAddress] : [hotkeyAddress, coldkeyAddress];
}

function commitmentOf(record: SubmissionRecord): string {
  const { url, sha256, fee } = record.meant;
  const payment = paymentOf(record);
  if (fee !== null && payment === null) throw new Error("a commitment before its fee was paid");
  return packCommitment({ codeHash: codeHashOf(sha256), payment, url });
}

type FeeCall = { amountRao: string; burnHotkey: string; destinationColdkey: string };

function stakeCall({ amountRao, burnHotkey }: FeeCall, netuid: number): ChainCall {
  return { kind: "add_stake", hotkey: burnHotkey, netuid, amountRao };
}

function transferCall({ burnHotkey, destinationColdkey }: FeeCall, netuid: number, alpha: bigint): ChainCall {
  return {
    kind: "transfer_stake",
    destinationColdkey,
    hotkey: burnHotkey,
    originNetuid: netuid,
    destinationNetuid: netuid,
    alphaAmount: String(alpha),
  };
}

function commitCall({ encrypted, round }: Hidden, netuid: number): ChainCall {
  return { kind: "set_commitment", netuid, encrypted, revealRound: round };
}

/** Encrypts for the round that follows from the chain's own time. */
function hide(
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
function commitEraBlocks(revealBlocks: number): number {
  const largest = 2 ** Math.floor(Math.log2(Math.max(1, revealBlocks - REVEAL_MARGIN_BLOCKS)));
  return Math.min(ERA_BLOCKS, Math.max(MIN_ERA_BLOCKS, largest));
}

function isAlmostOut({ blockSeconds }: Meant, { time }: Hidden, { timeMs }: Head): boolean {
  return timeMs + REVEAL_MARGIN_BLOCKS * blockSeconds * 1000 >= Date.parse(time);
}

function refuseBlocked({ checks, canSubmit }: Preflight, kept: string): void {
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
async function refuseOtherThanMeant(
  chain: Chain,
  extrinsic: string,
  { payload, nonce, firstBlock, lastBlock }: UnsignedExtrinsic,
  hash: string,
): Promise<void> {
  const read = await chain.readExtrinsic(extrinsic);
  const isMeant =
    read.hash === hash &&
    read.signer === payload.address &&
    read.nonce === nonce &&
    read.tipRao === 0n &&
    read.method.toLowerCase() === payload.method.toLowerCase() &&
    read.lifetime?.firstBlock === firstBlock &&
    read.lifetime.lastBlock === lastBlock;
  if (isMeant) return;
  throw new CrusaderError(
    "signature_refused",
    "What was signed is not what was prepared. Nothing was sent.",
    "Prepare the step again, and sign exactly what is shown.",
    JSON.stringify({ ...read, tipRao: String(read.tipRao) }).slice(0, 1000),
  );
}

function refuseTooLate(meant: Meant, { lastBlock }: UnsignedExtrinsic, hidden: Hidden | null, head: Head): void {
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

function stillUnderway(step: SubmissionStep, { hash, lastBlock, inclusion }: Attempt): CrusaderError {
  const where = inclusion === null ? "it is not known yet what became of it" : "its block is not final yet";
  return new CrusaderError(
    "conflict",
    `The ${STEP_WORDS[step]} was sent, and ${where}.`,
    `Wait: it is found out from the chain, at the latest some blocks after ${lastBlock}.`,
    hash,
  );
}
