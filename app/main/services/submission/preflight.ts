/**
 * All that is looked at before money moves, and again right before each signature. Every check is pass, warn or block, with
 * the reason; what cannot be found out blocks.
 */
import { createHash } from "node:crypto";
import { isEndpoint } from "../../../common/chain.ts";
import { readCodeUrl } from "../../../common/code-url.ts";
import {
  codeHashOf,
  commitmentSize,
  commitmentText,
  MAX_COMMITMENT_BYTES,
  type Payment,
  parseCommitment,
  paymentToCome,
} from "../../../common/commitment.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { estimateAgainst, estimateScore } from "../../../common/estimate.ts";
import { formatAmount, formatInteger, formatWait } from "../../../common/format.ts";
import { scoreToPass, thresholdAt } from "../../../common/leader.ts";
import type { Fee, Preflight, PreflightCheck } from "../../../common/submission.ts";
import { PREFLIGHT_CHECKS } from "../../../common/submission.ts";
import { NOT_CHECKED } from "../../../common/submission-words.ts";
import type { Signer } from "../../../common/wallets.ts";
import { type Chain, type Head, publicNetworkOf } from "../chain/index.ts";
import { checkHostedCode } from "../hosting/index.ts";
import { Revision } from "../streams/index.ts";
import { OVERHEAD_BYTES, revealRound, roundTimeMs } from "../timelock/index.ts";
import type { SubmissionNeeds, SubmissionOrder } from "./needs.ts";
import { type SubmissionRules, submissionRules } from "./rules.ts";
import { isRanked } from "./shown.ts";
import { isSameFee } from "./steps.ts";

/** Beside the fee, for what the chain itself takes and so that the account lives on (spec/chain.md). */
const RESERVE_RAO = 100_000_000n;
/** Of that, once the stake is made and only the transfer is left. */
const TRANSFER_RESERVE_RAO = 10_000_000n;
const MIN_COMMITMENT_COST_BYTES = 100;
/** Of this machine's clock and the chain's; a block may be that old. */
const MAX_SKEW_SECONDS = 60;
const MAX_BLOCK_AGE_BLOCKS = 5;
/** How long a node that shows an old block is given to show the next, in blocks. */
const WAIT_BLOCKS = 2.5;
const MAX_UNFINALIZED_BLOCKS = 30;
/** Pulses that are late by so much: they may still be on their way; nothing is revealed. */
const LATE_PULSE_SECONDS = 120;
const MISSING_PULSE_SECONDS = 1800;
const MAX_SHOWN_RUNS = 10;

type CheckId = PreflightCheck["id"];
type Finding = Omit<PreflightCheck, "id">;
type State = PreflightCheck["state"];

/** What of a submission is done already; it is not asked for again. */
export type Progress = {
  fee: Fee | null;
  coldkeyAddress: string | null;
  isStaked: boolean;
  /** The payment that the commitment will cite, once it is known, and the block's hash. */
  payment: Payment | null;
  paidIn: string | null;
};

export type PreflightQuestion = SubmissionOrder & {
  /** Where they are already known; otherwise the profile's. */
  rules: SubmissionRules | null;
  progress: Progress | null;
  /** Whose preflight this is; null for one that has not begun. */
  submissionId: string | null;
  /** The run that proved the file when it began: the history may have been tidied since. */
  provenRunId: string | null;
};

/** What was found out on the way, for whoever goes on; null where it could not be. */
export type PreflightFacts = {
  bytes: Uint8Array | null;
  rules: SubmissionRules | null;
  chain: Chain | null;
  head: Head | null;
  url: string | null;
  coldkeyAddress: string | null;
  runId: string | null;
};

export type OwnPayment = {
  payment: Payment;
  /** Hash of its block. */
  paidIn: string;
  isOpen: boolean;
  coldkeyAddress: string;
  destinationColdkey: string;
  netuid: number;
};

export type PreflightNeeds = Pick<
  SubmissionNeeds,
  "chains" | "profile" | "scan" | "runsOf" | "addressOf" | "standings" | "allowedOrigins" | "fetchNetwork"
> & {
  now: () => number;
  /** URLs that own commitments named on any chain, but for those of one submission. */
  committedUrls: (exceptId: string | null) => ReadonlySet<string>;
  /** A payment that this Crusader made on that chain, and whether any other submission cites it. */
  ownPayment: (genesisHash: string, payment: Payment, exceptId: string | null) => OwnPayment | null;
  /** Where the last fee went that this Crusader paid on that chain and subnet; null where it paid none. */
  lastDestination: (genesisHash: string, netuid: number) => string | null;
};

export class PreflightRun {
  readonly #needs: PreflightNeeds;
  readonly #question: PreflightQuestion;
  readonly #signal: AbortSignal | undefined;
  readonly #checks = new Map<CheckId, Finding>();
  readonly #moved = new Revision();
  #view: Omit<Preflight, "checks" | "canSubmit" | "checkedAt">;
  readonly facts: PreflightFacts = {
    bytes: null,
    rules: null,
    chain: null,
    head: null,
    url: null,
    coldkeyAddress: null,
    runId: null,
  };

  constructor(needs: PreflightNeeds, question: PreflightQuestion, signal: AbortSignal | undefined) {
    this.#needs = needs;
    this.#question = question;
    this.#signal = signal;
    this.#view = {
      sha256: "",
      fileName: "",
      byteCount: 0,
      runIds: [],
      commitment: null,
      fee: question.progress?.fee ?? null,
      hotkeyAddress: null,
      uid: null,
      opensAt: null,
      reveal: null,
    };
  }

  /** How things stand, and again with each check that became known; ends when all are. */
  async *watch(): AsyncGenerator<Preflight> {
    let isOver = false;
    const work = this.finish().finally(() => {
      isOver = true;
      this.#moved.advance();
    });
    // Whoever stops reading hears nothing of it.
    work.catch(() => undefined);
    while (!isOver) {
      const seen = this.#moved.number;
      yield this.view();
      if (!isOver) await this.#moved.next(seen, this.#signal);
      this.#signal?.throwIfAborted();
    }
    yield await work;
  }

  /** Returns when every check is known. Throws the signal's reason only. */
  async finish(): Promise<Preflight> {
    await Promise.all([this.#lookAtFile(), this.#lookAtChain()]);
    this.#signal?.throwIfAborted();
    return this.view();
  }

  view(): Preflight {
    const checks = PREFLIGHT_CHECKS.map((id): PreflightCheck => ({ id, ...(this.#checks.get(id) ?? PENDING) }));
    return {
      ...this.#view,
      checks,
      canSubmit: checks.every(({ state }) => state === "pass" || state === "warn"),
      checkedAt: new Date(this.#needs.now()).toISOString(),
    };
  }

  async #check(id: CheckId, look: () => Promise<Finding> | Finding): Promise<void> {
    this.#checks.set(id, await asFinding(look));
    this.#moved.advance();
  }

  async #lookAtFile(): Promise<void> {
    const { read, progress } = this.#question;
    let file: { fileName: string; bytes: Uint8Array };
    try {
      file = await read();
    } catch (error) {
      const finding = findingOf(error);
      for (const id of ["scan", "proof", "hosted", "size"] as const) this.#checks.set(id, finding);
      await this.#check("url", () => this.#urlFinding());
      return;
    }
    const sha256 = createHash("sha256").update(file.bytes).digest("hex");
    this.facts.bytes = file.bytes;
    this.#view = { ...this.#view, fileName: file.fileName, byteCount: file.bytes.length, sha256 };
    await this.#check("url", () => this.#urlFinding());
    // Until the chain tells its block, a payment is as long as one can be.
    this.#setCommitment(progress === null ? paymentToCome(LONGEST_BLOCK) : progress.payment);
    await Promise.all([
      this.#check("scan", () => this.#scanFinding(file.bytes)),
      this.#check("proof", () => this.#proofFinding(sha256)),
      this.#check("hosted", () => this.#hostedFinding(sha256)),
    ]);
  }

  #urlFinding(): Finding {
    const { url } = this.#question;
    if (url.trim() === "") return block("There is no URL yet.", "Publish the file, and give its address.");
    const { committed, findings } = readCodeUrl(url, this.#needs.committedUrls(this.#question.submissionId));
    this.facts.url = findings.some(({ state }) => state === "block") ? null : committed;
    const worst = findings.find(({ state }) => state === "block") ?? findings[0];
    if (worst === undefined) return pass(`${committed} follows the rules of the miner and of the validator.`);
    return { state: worst.state, message: worst.message, hint: "" };
  }

  async #scanFinding(bytes: Uint8Array): Promise<Finding> {
    const { verdict, findings } = await this.#needs.scan(bytes);
    if (verdict.ok) return pass("The validator's scan passes for exactly these bytes.");
    const first = findings[0];
    const line = verdict.line === null ? "" : ` in line ${verdict.line}`;
    return block(
      `The validator's scan rejects the file${line}: ${first?.message ?? verdict.kind}`,
      "Correct it; the editor shows each place.",
    );
  }

  #proofFinding(sha256: string): Finding {
    const runs = this.#needs.runsOf(sha256);
    this.#view = { ...this.#view, runIds: runs.slice(0, MAX_SHOWN_RUNS).map(({ runId }) => runId) };
    const [last] = runs;
    const { provenRunId } = this.#question;
    if (last === undefined && provenRunId !== null) {
      return pass(`Run ${provenRunId} had passed with exactly these bytes when this began.`);
    }
    if (last === undefined) {
      return block("No simulation has judged exactly these bytes.", "Simulate the file as it is now.");
    }
    if (last.outcome === "failed") {
      return block(`Run ${last.runId}, the last of exactly these bytes, failed: ${last.failure}`, "Correct the file.");
    }
    const best = runs.find(({ outcome, notComparable }) => outcome === "passed" && notComparable.length === 0);
    this.facts.runId = best?.runId ?? last.runId;
    if (best !== undefined) {
      return pass(`Run ${best.runId} passed with exactly these bytes, and compares with the leaderboard.`);
    }
    return warn(
      `Run ${last.runId} passed with exactly these bytes; its score does not compare: ${last.notComparable[0]}.`,
      last.profile.kind === "rehearsal" ? "A rehearsal proves that the file is correct, not how fast it is." : "",
    );
  }

  async #hostedFinding(sha256: string): Promise<Finding> {
    const { url } = this.facts;
    if (url === null) return block(NOT_CHECKED.hosted, "");
    const rules = await this.#rules();
    const allowedOrigins = await this.#needs.allowedOrigins(this.#question.network);
    const { findings, byteCount } = await checkHostedCode(
      { committedUrl: url, judgedSha256: sha256 },
      {
        timeoutMs: rules.codeFetchTimeoutSeconds * 1000,
        allowedOrigins,
        ...(this.#signal === undefined ? {} : { signal: this.#signal }),
        ...(this.#needs.fetchNetwork === undefined ? {} : { network: this.#needs.fetchNetwork }),
      },
    );
    const worst = findings.find(({ state }) => state === "block") ?? findings[0];
    if (worst !== undefined) return { state: worst.state, message: worst.message, hint: "" };
    return pass(`The URL returns exactly the judged file: ${formatInteger(byteCount)} bytes, ${sha256.slice(0, 12)}.`);
  }

  #setCommitment(payment: Payment | null): void {
    const { url, sha256 } = { url: this.facts.url, sha256: this.#view.sha256 };
    if (url === null || sha256 === "") return;
    const { bytes, maxUrlBytes } = commitmentSize(url, payment);
    const text = commitmentText({ codeHash: codeHashOf(sha256), payment, url });
    this.#view = { ...this.#view, commitment: { text, url, bytes, maxUrlBytes } };
  }

  async #lookAtChain(): Promise<void> {
    const [rules, chain, hotkey] = await Promise.all([
      settled(this.#rules()),
      settled(this.#openChain()),
      settled(this.#addressOf(this.#question.hotkey)),
    ]);
    if ("value" in hotkey) this.#view = { ...this.#view, hotkeyAddress: hotkey.value };
    this.#moved.advance();
    await this.#check("reward", () => this.#rewardFinding(rules));
    if ("error" in chain) {
      this.#checks.set("node", findingOf(chain.error));
      for (const id of CHAIN_CHECKS) this.#checks.set(id, UNKNOWN);
      this.#moved.advance();
      await this.#check("size", () => this.#sizeFinding());
      return;
    }
    const failed = "error" in rules ? rules.error : "error" in hotkey ? hotkey.error : null;
    if (failed !== null || "error" in rules || "error" in hotkey) {
      await this.#check("node", () => pass(`${chain.value.endpoint} answers.`));
      for (const id of CHAIN_CHECKS) this.#checks.set(id, findingOf(failed));
      this.#moved.advance();
      await this.#check("size", () => this.#sizeFinding());
      return;
    }
    await this.#lookAtOpenChain(chain.value, rules.value, hotkey.value);
  }

  async #lookAtOpenChain(chain: Chain, rules: SubmissionRules, hotkey: string): Promise<void> {
    const head = await settled(chain.head());
    if ("error" in head) {
      this.#checks.set("node", findingOf(head.error));
      for (const id of CHAIN_CHECKS) this.#checks.set(id, UNKNOWN);
      this.#moved.advance();
      await this.#check("size", () => this.#sizeFinding());
      return;
    }
    const asked = {
      chain,
      rules,
      hotkey,
      head: head.value,
      blockSeconds: chain.secondsPerBlock ?? rules.blockTimeSeconds,
    };
    this.facts.head = asked.head;
    const paid = this.#feeOf(asked);
    paid.catch(() => undefined);
    const age = this.#ageOf(asked);
    await Promise.all([
      this.#check("node", async () => this.#nodeFinding(asked, await age)),
      this.#check("clock", async () => clockFinding(await age)),
      this.#check("drand", () => this.#drandFinding(asked)),
      this.#check("registered", () => this.#registeredFinding(asked)),
      this.#check("interval", () => this.#intervalFinding(asked)),
      this.#check("pending", () => this.#pendingFinding(asked)),
      this.#check("payment", async () => this.#paymentFinding(asked, await paid)),
      this.#check("balance", async () => this.#balanceFinding(asked, await paid)),
      this.#check("standing", () => this.#standingFinding(asked)),
      paid.then(
        async (fee) => {
          const { payment } = this.#question;
          const toCome = fee === null ? null : (payment ?? paymentToCome(asked.head.block));
          this.#setCommitment(this.#question.progress?.payment ?? toCome);
          await this.#check("size", () => this.#sizeFinding());
          await this.#check("space", () => this.#spaceFinding(asked));
        },
        (error: unknown) => {
          for (const id of ["size", "space"] as const) this.#checks.set(id, findingOf(error));
          this.#moved.advance();
        },
      ),
    ]);
  }

  #sizeFinding(): Finding {
    const { commitment } = this.#view;
    if (commitment === null) return block(NOT_CHECKED.size, "");
    const { bytes, maxUrlBytes } = commitment;
    const figures = `${bytes} of ${MAX_COMMITMENT_BYTES} bytes; the URL may have ${maxUrlBytes}`;
    if (bytes > MAX_COMMITMENT_BYTES) return block(`The commitment is too long: ${figures}.`, "Take a shorter URL.");
    return pass(`The commitment has ${figures}.`);
  }

  async #nodeFinding({ chain, head }: Asked, { isStuck, ageSeconds }: BlockAge): Promise<Finding> {
    const [runtime, health] = await Promise.all([chain.runtime(), chain.health()]);
    const where = `${chain.endpoint}${kindOfNode(chain)} is at block ${formatInteger(head.block)}, spec ${runtime.specVersion}`;
    if (health?.isSyncing === true) {
      return block(`${where}, and still catching up.`, "Wait until it is in step, or use another node.");
    }
    if (isStuck) {
      return block(
        `${where}, made ${formatWait(ageSeconds)} ago, and no other has come since.`,
        "The node is stuck, or cut off: use another one.",
      );
    }
    const unfinalized = head.block - head.finalizedBlock;
    if (unfinalized > MAX_UNFINALIZED_BLOCKS) {
      return block(
        `${where}; its last ${formatInteger(unfinalized)} blocks are not finalized.`,
        "The chain, or this node's part of it, is in trouble: wait, or use another node.",
      );
    }
    if (runtime.refusals.length > 0) {
      return block(`${where}: ${runtime.refusals.join(" ")}`, "Update Crusader, or use another node.");
    }
    if (!runtime.isKnown) {
      const told = runtime.differences.length > 0 ? runtime.differences.join(" ") : "Its calls have the same numbers.";
      return warn(
        `${where}, which is not the one that Crusader was tested with. ${told}`,
        "Read each step before it is signed.",
      );
    }
    return pass(`${where}, in step.`);
  }

  /** How old the newest block is by this machine's clock; where it is old, whether another one comes. */
  async #ageOf({ chain, head, blockSeconds }: Asked): Promise<BlockAge> {
    const ageSeconds = (this.#needs.now() - head.timeMs) / 1000;
    if (ageSeconds <= Math.max(MAX_SKEW_SECONDS, MAX_BLOCK_AGE_BLOCKS * blockSeconds)) {
      return { ageSeconds, isStuck: false };
    }
    const limit = AbortSignal.timeout(Math.ceil(WAIT_BLOCKS * blockSeconds * 1000));
    const signal = this.#signal === undefined ? limit : AbortSignal.any([limit, this.#signal]);
    for await (const next of chain.watchHead(signal)) {
      if (next.block > head.block) return { ageSeconds: (this.#needs.now() - next.timeMs) / 1000, isStuck: false };
    }
    this.#signal?.throwIfAborted();
    return { ageSeconds, isStuck: true };
  }

  async #drandFinding({ chain, head, rules, blockSeconds }: Asked): Promise<Finding> {
    const { lastStoredRound, publicKey } = await chain.drand();
    if (Buffer.compare(publicKey, chain.beacon.publicKey) !== 0) {
      return block(
        "The chain reveals by another beacon than the one that Crusader encrypts for: nothing would be revealed.",
        "Do not submit with this node.",
      );
    }
    const round = revealRound(
      { chainTimeMs: head.timeMs, blocksUntilReveal: rules.revealBlocks, blockTimeSeconds: blockSeconds },
      chain.beacon,
    );
    const time = new Date(roundTimeMs(round, chain.beacon)).toISOString();
    this.#view = { ...this.#view, reveal: { round, time } };
    const lateSeconds = (head.timeMs - roundTimeMs(lastStoredRound, chain.beacon)) / 1000;
    const said = `The chain's last pulse is round ${formatInteger(lastStoredRound)}, ${formatWait(lateSeconds)} old`;
    if (lateSeconds > MISSING_PULSE_SECONDS) {
      return block(`${said}: pulses do not arrive, and nothing is revealed.`, "Wait until they do.");
    }
    if (lateSeconds > LATE_PULSE_SECONDS) return warn(`${said}: a reveal may be late.`, "");
    const revealSeconds = (roundTimeMs(round, chain.beacon) - head.timeMs) / 1000;
    return pass(`${said}; the reveal would be in round ${formatInteger(round)}, in ${formatWait(revealSeconds)}.`);
  }

  async #registeredFinding({ chain, rules, hotkey }: Asked): Promise<Finding> {
    const uid = await chain.uidOf(rules.netuid, hotkey);
    this.#view = { ...this.#view, uid };
    if (uid !== null) return pass(`The hotkey is registered on subnet ${rules.netuid} as uid ${uid}.`);
    return block(
      `The hotkey ${hotkey} is not registered on subnet ${rules.netuid}: the chain refuses its commitment.`,
      this.#question.network === "practice"
        ? "Make a practice miner, which is registered."
        : `Register it: btcli subnet register --netuid ${rules.netuid}`,
    );
  }

  async #intervalFinding({ chain, rules, hotkey, head, blockSeconds }: Asked): Promise<Finding> {
    const { netuid, minBlocksBetweenCommits: interval } = rules;
    const [revealed, committed] = await Promise.all([
      chain.revealedOf(netuid, hotkey),
      chain.lastCommitmentBlock(netuid, hotkey),
    ]);
    const submissions = revealed.filter(({ text }) => text !== null && parseCommitment(text) !== null);
    const last = Math.max(-1, committed ?? -1, ...submissions.map(({ block: revealedBlock }) => revealedBlock));
    if (last < 0) return pass("The hotkey has not submitted before.");
    const opens = last + interval;
    const left = opens - head.block;
    if (left <= 0) {
      return pass(`The last submission was ${formatInteger(head.block - last)} blocks ago; ${interval} are asked for.`);
    }
    const waitSeconds = left * blockSeconds;
    const time = new Date(head.timeMs + waitSeconds * 1000).toISOString();
    this.#view = { ...this.#view, opensAt: { block: opens, time } };
    return block(
      `The last submission was ${formatInteger(head.block - last)} blocks ago; before ${interval} the validator skips the next one without a word.`,
      `It opens at block ${formatInteger(opens)}, in about ${formatWait(waitSeconds)}.`,
    );
  }

  async #pendingFinding({ chain, rules, hotkey, head }: Asked): Promise<Finding> {
    const pending = await chain.commitmentOf(rules.netuid, hotkey);
    if (pending?.revealRound == null) return pass("No commitment of the hotkey waits to be revealed.");
    const timeMs = roundTimeMs(pending.revealRound, chain.beacon);
    const made = `A commitment of block ${formatInteger(pending.block)} is not revealed yet`;
    if (timeMs > head.timeMs) {
      return block(
        `${made}, and a new one would take its place: that submission, and its fee, would be lost.`,
        `It is revealed in about ${formatWait((timeMs - head.timeMs) / 1000)}.`,
      );
    }
    return warn(
      `${made}, although its round is out; a new one takes its place.`,
      "Wait a few blocks, unless it is to be replaced.",
    );
  }

  async #spaceFinding({ chain, rules, hotkey, head, blockSeconds }: Asked): Promise<Finding> {
    const textBytes = this.#view.commitment?.bytes ?? MAX_COMMITMENT_BYTES;
    // A SCALE string has one or two bytes before it.
    const needed = Math.max(MIN_COMMITMENT_COST_BYTES, textBytes + 2 + OVERHEAD_BYTES);
    const { usedBytes, maxBytes, epochEndBlock } = await chain.spaceOf(rules.netuid, hotkey);
    const free = Math.max(0, maxBytes - usedBytes);
    const figures = `It takes ${needed} bytes of the hotkey's ${formatInteger(maxBytes)} an epoch; ${formatInteger(free)} are free`;
    if (needed <= free) return pass(`${figures}.`);
    const wait = formatWait((epochEndBlock + 1 - head.block) * blockSeconds);
    return block(
      `${figures}: the chain would refuse it.`,
      `All is free again after block ${formatInteger(epochEndBlock)}, in about ${wait}.`,
    );
  }

  /** What is due, from the chain of now; null where nothing is. */
  async #feeOf({ chain, rules, hotkey }: Asked): Promise<Fee | null> {
    const { payment, netuid, burnUid } = rules;
    if (payment === null || burnUid === null) return this.#setFee(null);
    const burnHotkey = await chain.hotkeyAt(netuid, burnUid);
    if (burnHotkey === null) {
      throw new CrusaderError(
        "conflict",
        `Nobody has uid ${burnUid} on subnet ${netuid}: where the fee goes cannot be found out.`,
        "Look whether the profile is of this season, and whether the network is the right one.",
      );
    }
    if (burnHotkey === hotkey) return this.#setFee(null);
    const destinationColdkey = payment.paymentAddress ?? (await chain.ownerOf(burnHotkey));
    if (destinationColdkey === null) {
      throw new CrusaderError(
        "conflict",
        `The owner of ${burnHotkey} (uid ${burnUid}) cannot be found out, and the fee goes there.`,
        "Use another node.",
      );
    }
    const isCited = this.#question.payment !== null;
    return this.#setFee({
      amountRao: String(payment.feeRao),
      neededRao: isCited ? "0" : String(BigInt(payment.feeRao) + RESERVE_RAO),
      burnUid,
      burnHotkey,
      destinationColdkey,
      destinationFrom: payment.paymentAddress === null ? "owner_of_burn_hotkey" : "payment_address",
    });
  }

  #setFee(fee: Fee | null): Fee | null {
    this.#view = { ...this.#view, fee };
    return fee;
  }

  async #paymentFinding({ chain, rules, hotkey }: Asked, fee: Fee | null): Promise<Finding> {
    const { coldkey, payment, progress } = this.#question;
    if (fee === null) return pass("No fee is due.");
    const from =
      fee.destinationFrom === "payment_address"
        ? "the profile's payment_address"
        : `the owner of the hotkey at uid ${fee.burnUid}`;
    const goes = `${formatAmount(fee.amountRao)} to ${fee.destinationColdkey}, ${from}`;
    const owner = await chain.ownerOf(hotkey);
    if (progress !== null) {
      if (!isSameFee(progress.fee, fee)) {
        return block(
          `The fee is another one than when this began: now ${goes}.`,
          "Abandon this submission, and begin a new one; what was paid stays listed.",
        );
      }
      if (progress.payment !== null) {
        await this.#refuseOtherBlock(chain, progress.payment, progress.paidIn);
        return pass(
          `The fee is paid: block ${formatInteger(progress.payment.block)}, extrinsic ${progress.payment.extrinsicIndex}.`,
        );
      }
    }
    if (payment !== null) return this.#citedFinding({ chain, rules }, fee, payment, owner);
    if (coldkey === null) return block(`A fee is due: ${goes}.`, "Choose the coldkey that pays it, or cite a payment.");
    const address = await this.#addressOf(coldkey);
    this.facts.coldkeyAddress = address;
    if (owner !== address) {
      return block(
        `The validator takes the fee only from the owner of the hotkey (${owner ?? "unknown"}), and ${address} is another one.`,
        "Choose the coldkey that the hotkey was registered with.",
      );
    }
    const last = this.#needs.lastDestination(chain.genesisHash, rules.netuid);
    if (last !== null && last !== fee.destinationColdkey) {
      return warn(
        `The fee is ${goes}; your last one went to ${last}.`,
        "A node tells where it goes, and may lie: look in an explorer, or ask another node, before you pay.",
      );
    }
    return pass(`The fee is ${goes}.`);
  }

  async #citedFinding(
    { chain, rules }: Pick<Asked, "chain" | "rules">,
    fee: Fee,
    payment: Payment,
    owner: string | null,
  ): Promise<Finding> {
    const name = `The payment in block ${formatInteger(payment.block)}, extrinsic ${payment.extrinsicIndex},`;
    const own = this.#needs.ownPayment(chain.genesisHash, payment, this.#question.submissionId);
    if (own !== null && !own.isOpen) {
      return block(`${name} is cited by another submission of yours.`, "A payment counts once: pay anew.");
    }
    if (own !== null) await this.#refuseOtherBlock(chain, payment, own.paidIn);
    const looked = own === null ? await settled(transferAt(chain, payment)) : { value: own };
    if ("error" in looked) {
      if (!(looked.error instanceof CrusaderError)) throw looked.error;
      return warn(
        `${name} could not be looked up: ${looked.error.message}`,
        "Nodes forget: cite it only where you know.",
      );
    }
    const made = looked.value;
    if (made === null)
      return block(`${name} is no transfer of stake that went through.`, "Cite another one, or pay anew.");
    if (made.coldkeyAddress !== owner) {
      return block(`${name} came from ${made.coldkeyAddress}, and not from the owner of the hotkey.`, "Pay anew.");
    }
    if (made.destinationColdkey !== fee.destinationColdkey || made.netuid !== rules.netuid) {
      return block(
        `${name} went to ${made.destinationColdkey} on subnet ${made.netuid}, and the fee goes elsewhere.`,
        "Pay anew.",
      );
    }
    if (own !== null) {
      const hint = "It counts while its alpha is at least 90 % of what the fee buys.";
      return finding("pass", `${name} is cited; nothing is paid again.`, hint);
    }
    return warn(
      `${name} is cited; whether a submission has used it, and whether it is enough, is not known here.`,
      "Cite it only where you know.",
    );
  }

  /** A node told where the payment is; the one of now has to agree. Throws `conflict`. */
  async #refuseOtherBlock(
    chain: Chain,
    { block: number, extrinsicIndex }: Payment,
    paidIn: string | null,
  ): Promise<void> {
    const hash = await chain.blockHashOf(number);
    if (paidIn === null || hash === paidIn) return;
    throw new CrusaderError(
      "conflict",
      `The fee was paid in block ${formatInteger(number)}, extrinsic ${extrinsicIndex}, said a node; this one has another block there.`,
      "Use another node. Where an explorer shows the payment elsewhere, cite that in a new submission.",
    );
  }

  async #balanceFinding({ chain }: Asked, fee: Fee | null): Promise<Finding> {
    const { coldkey, payment, progress } = this.#question;
    if (fee === null || payment !== null || progress?.payment != null) return pass("Nothing is to be paid.");
    if (coldkey === null) return block("Who pays is not known.", "Choose the coldkey.");
    const address = await this.#addressOf(coldkey);
    const { freeRao } = await chain.balanceOf(address);
    const neededRao = progress?.isStaked === true ? TRANSFER_RESERVE_RAO : BigInt(fee.neededRao);
    if (freeRao >= neededRao) {
      return pass(`${address} has ${formatAmount(freeRao)}; ${formatAmount(neededRao)} have to be there.`);
    }
    return block(
      `${address} has ${formatAmount(freeRao)}; ${formatAmount(neededRao)} have to be there, fee and reserve.`,
      `Add ${formatAmount(neededRao - freeRao)}.`,
    );
  }

  async #standingFinding({ rules, head }: Asked): Promise<Finding> {
    if (!isRanked(this.#question.network)) return pass("Nobody is ranked on this network.");
    const standing = this.#needs.standings?.standing() ?? null;
    if (standing === null) {
      return warn("Who leads is not known: no source of standings has answered.", "Add one in the arena.");
    }
    if (standing.leader === null) return pass(`Nobody leads yet, says ${standing.source}.`);
    const { score } = standing.leader;
    const thresholdIn = (blockNumber: number) =>
      standing.threshold === null
        ? rules.threshold.baseThreshold
        : thresholdAt(standing.threshold, rules.threshold, blockNumber);
    const [now, later] = [thresholdIn(head.block), thresholdIn(head.block + rules.revealBlocks)];
    const needed = scoreToPass(score, later);
    const said = `The leader has ${percent(score)}; to pass takes ${percent(scoreToPass(score, now))} now, ${percent(needed)} at the reveal`;
    const values = this.#needs
      .runsOf(this.#view.sha256)
      .flatMap(({ notComparable, mfuPercents }) => (notComparable.length === 0 ? mfuPercents : []));
    const estimate = estimateScore(values);
    if (estimate !== null) {
      const { mean, low, high, method } = estimate;
      const own = `this file: ${percent(mean)} [${percent(low)}, ${percent(high)}], ${method}`;
      const state = estimateAgainst(estimate, needed);
      return state === "above" ? pass(`${said}; ${own}.`) : warn(`${said}; ${own}.`, STANDING_HINTS[state]);
    }
    if (values.length === 0) return warn(`${said}; no run of this file compares with it.`, STANDING_HINTS.open);
    return warn(
      `${said}; this file's own runs: ${values.map(percent).join(", ")}.`,
      "From five runs on there is an estimate.",
    );
  }

  #rewardFinding(rules: Settled<SubmissionRules>): Finding {
    if ("error" in rules) return findingOf(rules.error);
    const { burnRate } = rules.value;
    if (burnRate === null) return warn("The profile does not say what the winner earns.", "");
    const earned = (100 * (1 - burnRate)).toLocaleString("en-US", { maximumFractionDigits: 2 });
    if (burnRate >= 1) return warn("The winner earns nothing today: all of the emission is burned.", "");
    return pass(`The winner earns ${earned} % of the emission; the rest is burned.`);
  }

  #openedChain: Promise<Chain> | null = null;
  async #openChain(): Promise<Chain> {
    this.#openedChain ??= this.#needs.chains.open(this.#question.network, { signal: this.#signal });
    this.facts.chain = await this.#openedChain;
    return this.facts.chain;
  }

  #loadedRules: Promise<SubmissionRules> | null = null;
  async #rules(): Promise<SubmissionRules> {
    const { rules, profile } = this.#question;
    this.#loadedRules ??= rules === null ? this.#needs.profile(profile).then(submissionRules) : Promise.resolve(rules);
    this.facts.rules = await this.#loadedRules;
    return this.facts.rules;
  }

  async #addressOf(signer: Signer): Promise<string> {
    return signer.kind === "file" ? this.#needs.addressOf(signer.key) : signer.address;
  }
}

type Asked = { chain: Chain; rules: SubmissionRules; hotkey: string; head: Head; blockSeconds: number };
type BlockAge = { ageSeconds: number; isStuck: boolean };
type Settled<T> = { value: T } | { error: unknown };

const PENDING: Finding = { state: "pending", message: "", hint: "" };
const UNKNOWN: Finding = { state: "block", message: NOT_CHECKED.chain, hint: "" };
/** All that only the chain can tell, but for `node` itself and `size`. */
const CHAIN_CHECKS = [
  "clock",
  "drand",
  "registered",
  "interval",
  "pending",
  "space",
  "payment",
  "balance",
  "standing",
] as const satisfies readonly CheckId[];
const STANDING_HINTS = {
  below: "It would not lead: the fee buys nothing but an evaluation.",
  open: "Whether it would lead is open.",
} as const;
/** Eight digits, for some centuries of blocks to come. */
const LONGEST_BLOCK = 99_000_000;

/** Of a node that was named by its address: what it is a node of, as the address does not tell. */
function kindOfNode({ network, genesisHash }: Pick<Chain, "network" | "genesisHash">): string {
  if (!isEndpoint(network)) return "";
  const name = publicNetworkOf(genesisHash);
  if (name === null) return ", of no public network,";
  return name === "finney" ? ", of finney, where money is real," : `, of ${name},`;
}

function clockFinding({ ageSeconds, isStuck }: BlockAge): Finding {
  if (isStuck) return warn("Whether this machine's clock is right cannot be told: the node shows an old block.", "");
  const off = Math.abs(ageSeconds);
  if (off <= MAX_SKEW_SECONDS) return pass("This machine's clock and the chain's agree.");
  const side = ageSeconds > 0 ? "ahead of" : "behind";
  return warn(
    `This machine's clock is ${formatWait(off)} ${side} the chain's; the reveal is computed from the chain's.`,
    "Set the clock: times shown here are off by as much.",
  );
}

/** A transfer of stake by its events; null where there is none, or it failed. Amounts are not compared. */
async function transferAt(
  chain: Chain,
  { block: number, extrinsicIndex }: Payment,
): Promise<Omit<OwnPayment, "payment" | "paidIn" | "isOpen"> | null> {
  const blockHash = await chain.blockHashOf(number);
  if (blockHash === null) return null;
  const events = await chain.eventsOf(blockHash, extrinsicIndex);
  const moved = events.find(({ name }) => name === "SubtensorModule.StakeTransferred");
  const isDone = events.some(({ name }) => name === "System.ExtrinsicSuccess");
  if (moved === undefined || !isDone) return null;
  const [from = "", to = "", , netuid = ""] = Object.values(moved.fields);
  return { coldkeyAddress: from, destinationColdkey: to, netuid: Number(netuid) };
}

async function settled<T>(work: Promise<T>): Promise<Settled<T>> {
  try {
    return { value: await work };
  } catch (error) {
    return { error };
  }
}

async function asFinding(look: () => Promise<Finding> | Finding): Promise<Finding> {
  try {
    return await look();
  } catch (error) {
    return findingOf(error);
  }
}

/** A bug of ours goes on its way. */
function findingOf(error: unknown): Finding {
  if (error instanceof CrusaderError) return block(error.message, error.hint);
  throw error;
}

function pass(message: string): Finding {
  return finding("pass", message, "");
}

function warn(message: string, hint: string): Finding {
  return finding("warn", message, hint);
}

function block(message: string, hint: string): Finding {
  return finding("block", message, hint);
}

function finding(state: State, message: string, hint: string): Finding {
  return { state, message, hint };
}

function percent(value: number): string {
  return `${value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })} %`;
}
