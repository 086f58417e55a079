/**
 * Goes on with what was sent: hands journalled bytes to a node, finds out from the chain what became of them, and follows a
 * commitment over its reveal to its evaluation. What it finds is written down; two processes may find the same.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Inclusion, Network } from "../../../common/chain.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { Preflight, SubmissionStep } from "../../../common/submission.ts";
import type { Chain, Head } from "../chain/index.ts";
import { UrlWatch } from "../hosting/index.ts";
import { Revision } from "../streams/index.ts";
import { type Attempt, attemptsOf, finalizedOf, isNewer, isSettled } from "./journal.ts";
import type { SubmissionNeeds } from "./needs.ts";
import type { Meant, SubmissionRecord, SubmissionRecords } from "./record.ts";
import { revealOutcome } from "./reveal.ts";
import { evaluationOf, type Live, newLive, stateOf, unsettled } from "./shown.ts";
import { isAlmostOut, timeToSign } from "./signing-time.ts";
import { alphaOf, stillUnderway } from "./steps.ts";

/** The same bytes are handed over again after so many blocks without a word of them: by who did so before, and by others. */
const RESEND_AFTER_BLOCKS = 3;
const TAKE_OVER_AFTER_BLOCKS = 1;
/** A node may take an extrinsic and say nothing. */
const FIRST_WORD_WITHIN_MS = 10_000;
const CLOSED_WITHIN_MS = 2000;
const FIRST_RETRY_MS = 2000;
/** A practice network may be started any moment. */
const LONGEST_RETRY_MS = 15_000;
/** A source of standings that has not listed it by then never will. */
const EVALUATED_WITHIN_MS = 14 * 24 * 60 * 60 * 1000;

type Sending = { attempt: Attempt; isFirst: boolean };

export type FollowingOptions = {
  needs: SubmissionNeeds;
  records: SubmissionRecords;
  now: () => number;
  /** Advanced whenever what is shown may be another. */
  moved: Revision;
  /** The whole preflight of a submission that goes on. */
  preflight: (record: SubmissionRecord, signal: AbortSignal) => Promise<Preflight>;
};

export class Following {
  readonly #needs: SubmissionNeeds;
  readonly #records: SubmissionRecords;
  readonly #now: () => number;
  readonly #moved: Revision;
  readonly #preflight: FollowingOptions["preflight"];
  readonly #urlWatch: UrlWatch;
  readonly #live = new Map<string, Live>();
  /** The block at which bytes were last handed over, by hash. */
  readonly #handedOver = new Map<string, number>();
  /** Submissions on a chain that their network does not name any more. */
  readonly #foreign = new Set<string>();
  readonly #watchedUrls = new Map<string, AbortController>();
  readonly #followed = new Set<Network>();
  readonly #work = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();

  constructor({ needs, records, now, moved, preflight }: FollowingOptions) {
    this.#needs = needs;
    this.#records = records;
    this.#now = now;
    this.#moved = moved;
    this.#preflight = preflight;
    this.#urlWatch = needs.urlWatch ?? new UrlWatch({ now });
  }

  /** Its network is another one now. */
  takeUp(id: string): void {
    this.#foreign.delete(id);
    this.liveOf(id).problem = null;
    this.start();
  }

  get isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  /** What this process knows of it beside the record. */
  liveOf(id: string): Live {
    const live = this.#live.get(id) ?? newLive();
    this.#live.set(id, live);
    return live;
  }

  /** Goes on with what is not over: what was sent is found out, reveals and hosted files are watched. Returns at once. */
  start(): void {
    if (this.#closing.signal.aborted) return;
    for (const record of this.#readable()) {
      const { meant, journal } = record;
      // Also what another process has ended, or prepared anew.
      for (const { step, unsigned } of journal.prepared) {
        const isWaited = stateOf(record) === "open" && journal.waiting[step]?.unsigned === unsigned;
        if (!isWaited) this.#needs.signing.remove(unsigned);
      }
      if (!this.#isFollowed(record)) continue;
      const headBlock = this.liveOf(meant.id).head?.block ?? 0;
      for (const { unsigned } of Object.values(journal.waiting)) {
        if (stateOf(record) === "open" && headBlock < unsigned.lastBlock) this.#needs.signing.add(unsigned);
      }
      this.follow(meant.network);
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
        for (const { meant } of this.#toFollow(network)) await this.#goOnOrSay(meant.id, chain, head);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof CrusaderError)) throw error;
        const { message, hint } = error;
        for (const { meant } of this.#toFollow(network)) this.liveOf(meant.id).problem = { message, hint };
      }
    };
    await Promise.all([...networks].map(lookAt));
  }

  /** Ends what goes on here. What was sent stays sent, and is found out by the next start. */
  async close(): Promise<void> {
    this.#closing.abort();
    // A node that does not answer holds nobody up: what it would say is found out by the next start.
    const patience = sleep(CLOSED_WITHIN_MS, undefined, { ref: false });
    await Promise.race([Promise.allSettled([...this.#work]), patience]);
  }

  /** Finds out from the chain what became of all that was sent and may still change. */
  async settle(id: string, chain: Chain): Promise<void> {
    const live = this.liveOf(id);
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

  /**
   * Before a nonce is passed over that one of this step had: what a node said is gone for good, or failed, is asked of the node of
   * now, as the other may have lied, or was of a part of the chain that is no more. Throws `conflict` where it may still count.
   */
  async lookAgain(id: string, chain: Chain, step: SubmissionStep): Promise<void> {
    const ended = attemptsOf(this.#records.read(id).journal, step).filter(isSettled);
    const [first] = ended;
    if (first === undefined) return;
    const next = await chain.nonceOf(first.signer);
    for (const attempt of ended.filter(({ nonce }) => nonce !== next)) {
      const { hash, signer, nonce, firstBlock: fromBlock, lastBlock: toBlock } = attempt;
      const found = await chain.find({ hash, signer, nonce, fromBlock, toBlock }).catch((error: unknown) => {
        // Nodes forget what became of what is in their blocks after some 256 of them: a failure is then believed.
        const isForgotten = error instanceof CrusaderError && error.code === "chain_refused";
        if (attempt.gone === null && isForgotten) return { kind: "gone" } as const;
        throw error;
      });
      if (found.kind === "included") this.#takeInclusion(id, hash, found.inclusion);
      if (found.kind === "pending" || found.kind === "unknown") throw stillUnderway(step, attempt);
    }
  }

  /** Where it is now, unless that is written down already; null: in no block of the chain. */
  #takeInclusion(id: string, hash: string, inclusion: Inclusion | null): void {
    const known = this.#records.read(id).journal.attempts.find((attempt) => attempt.hash === hash);
    if (known === undefined) return;
    if (inclusion === null ? known.inclusion?.finalized === true : !isNewer(known.inclusion, inclusion)) return;
    if (isDeepStrictEqual(known.inclusion, inclusion)) return;
    const at = this.#time();
    this.#records.add(
      id,
      inclusion === null ? { kind: "retracted", at, hash } : { kind: "included", at, hash, inclusion },
    );
  }

  /** The chain's newest block, as it was just read. */
  see(id: string, { block, timeMs }: Pick<Head, "block" | "timeMs">): void {
    this.liveOf(id).head = { block, timeMs };
  }

  /** Hands journalled bytes to the node, and goes on listening behind; returns with the node's first word. */
  async handOver(id: string, chain: Chain, { attempt, isFirst }: Sending, atBlock: number): Promise<void> {
    const { hash } = attempt;
    const firstWord = Promise.withResolvers<void>();
    this.#handedOver.set(hash, atBlock);
    const listen = async () => {
      try {
        for await (const update of chain.send(attempt.extrinsic, this.#closing.signal)) {
          const live = this.liveOf(id);
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
        this.liveOf(id).problem = { message, hint };
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

  /** Returns at once; ends by itself when nothing on that network is left to follow. */
  follow(network: Network): void {
    if (this.#followed.has(network) || this.#closing.signal.aborted) return;
    this.#followed.add(network);
    const work = this.#followChain(network).finally(() => {
      this.#followed.delete(network);
      // Something may have been begun while it ended.
      if (this.#toFollow(network).length > 0) this.follow(network);
    });
    this.#inBackground(work);
  }

  async #followChain(network: Network): Promise<void> {
    const { signal } = this.#closing;
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted && this.#toFollow(network).length > 0) {
      try {
        const chain = await this.#needs.chains.open(network, { signal });
        for await (const head of chain.watchHead(signal)) {
          retryMs = FIRST_RETRY_MS;
          for (const { meant } of this.#toFollow(network)) await this.#goOnOrSay(meant.id, chain, head);
          if (this.#toFollow(network).length === 0) return;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof CrusaderError)) throw error;
        const { message, hint } = error;
        for (const { meant } of this.#toFollow(network)) this.liveOf(meant.id).problem = { message, hint };
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

  /** What stands in the way of one stands in no other's. Throws `chain_unreachable`, which is everybody's. */
  async #goOnOrSay(id: string, chain: Chain, head: Head): Promise<void> {
    try {
      await this.#goOn(id, chain, head);
    } catch (error) {
      if (!(error instanceof CrusaderError) || error.code === "chain_unreachable") throw error;
      const forgets = " A node that keeps an archive may still tell: go on over such a one.";
      this.liveOf(id).problem = { message: error.message, hint: `${error.hint}${forgets}`.trim() };
      this.#moved.advance();
    }
  }

  async #goOn(id: string, chain: Chain, head: Head): Promise<void> {
    const live = this.liveOf(id);
    const { meant } = this.#records.read(id);
    this.see(id, head);
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
    for (const { unsigned, hidden } of Object.values(this.#records.read(id).journal.waiting)) {
      if (timeToSign(unsigned, hidden, meant, head).blocksLeft === 0) this.#needs.signing.remove(unsigned);
    }
    await this.#settleFromBlocks(id, chain, head);
    const record = this.#records.read(id);
    // At once: nodes forget what the stake was before.
    if (stateOf(record) === "open" && finalizedOf(record.journal, "stake") !== null)
      await alphaOf(chain, record, { records: this.#records, now: this.#now });
    if (stateOf(record) === "committed") await this.#lookForReveal(record, chain, head);
    if (stateOf(this.#records.read(id)) === "revealed") this.#lookForEvaluation(this.#records.read(id));
    this.#watchUrl(this.#records.read(id));
    this.#moved.advance();
  }

  /** Also of what a stream should tell: nodes fall silent. */
  async #settleFromBlocks(id: string, chain: Chain, head: Head): Promise<void> {
    if (unsettled(this.#records.read(id)).length === 0) return;
    await this.settle(id, chain);
    for (const attempt of unsettled(this.#records.read(id))) await this.#sendAgain(id, chain, attempt, head);
  }

  /**
   * A crash, or a lost node, between the journal and the pool: the very same bytes may be handed over again, as the chain takes
   * them once. Not where by now the preflight would keep them back.
   */
  async #sendAgain(id: string, chain: Chain, attempt: Attempt, head: Head): Promise<void> {
    const { hash, refused, inclusion, atBlock, lastBlock, hidden } = attempt;
    const record = this.#records.read(id);
    const isKnown = this.liveOf(id).heard.has(hash);
    const handedOver = this.#handedOver.get(hash);
    const waits = handedOver === undefined ? TAKE_OVER_AFTER_BLOCKS : RESEND_AFTER_BLOCKS;
    const isEarly = head.block < (handedOver ?? atBlock) + waits;
    const isOver = head.block >= lastBlock || (hidden !== null && isAlmostOut(record.meant, hidden, head));
    if (isKnown || refused !== null || inclusion !== null || isOver || isEarly) return;
    if (stateOf(record) !== "open") return;
    this.#handedOver.set(hash, head.block);
    const preflight = await this.#preflight(record, this.#closing.signal);
    if (preflight.canSubmit) await this.handOver(id, chain, { attempt, isFirst: false }, head.block);
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
    this.liveOf(meant.id).isLate = outcome.kind === "late";
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
      this.liveOf(id).urlCheckedAt = watched.checkedAt;
      const isNew = before?.state !== watched.state || before.message !== watched.message;
      if (isNew) this.#records.add(id, { kind: "url", at: this.#time(), watched });
      this.#moved.advance();
    }
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
}

const GONE_WORDS = {
  expired: "its time is over",
  replaced: "the account has sent something else in its place",
} as const;
