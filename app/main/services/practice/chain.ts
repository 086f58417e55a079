/** The practice network's chain: its blocks, also those beside the best chain, and what waits to be in one. */
import type { PulsingBeacon } from "./beacon.ts";
import { type Extrinsic, eraSpan, isSigned, readExtrinsic } from "./extrinsic.ts";
import { accountIn, type State } from "./ledger.ts";
import { canPay, executeBlock, type Intervention } from "./runtime.ts";
import { compact, join, ScaleError, u8, u64, vector } from "./scale.ts";
import { blake2_256 } from "./storage-keys.ts";

export type Block = {
  /** Hexadecimal digits, without 0x, as all hashes here. */
  hash: string;
  number: number;
  parentHash: string;
  stateRoot: string;
  extrinsicsRoot: string;
  digestLog: Buffer;
  timestampMs: number;
  extrinsics: readonly Buffer[];
};

/** `values`: all that was on the chain then (`state`), what is another than in the block before (`changes`), or nothing. */
export type KeptBlock = {
  block: Block;
  kind: "state" | "changes" | "content";
  values: ReadonlyMap<string, Buffer | null>;
};

/** What becomes of an extrinsic, as nodes tell it. */
export type ExtrinsicStatus =
  | "ready"
  | "future"
  | "invalid"
  | "dropped"
  | { inBlock: string }
  | { retracted: string }
  | { finalized: string };

export type ChainListener = {
  imported?(kept: KeptBlock): void;
  best?(block: Block): void;
  finalized?(block: Block): void;
};

/** Why an extrinsic is not taken, by JSON-RPC code. */
export class PoolRefusal extends Error {
  readonly code: number;
  readonly data: string;

  constructor(code: number, message: string, data: string) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

export type ChainRules = {
  specVersion: number;
  transactionVersion: number;
  /** Blocks between the newest one and the newest that is final. */
  finalityLag: number;
};

/** What a test wants of the chain that no chain should do. */
export type ChainFaults = {
  finalityStopped: boolean;
  pulsesStopped: boolean;
  /** Extrinsics are taken and never included. */
  poolHeld: boolean;
  /** Names of signed extensions, of one byte each, that no client knows. */
  unknownExtensions: readonly string[];
};

type Waiting = { extrinsic: Extrinsic; death: number };
type Watcher = (status: ExtrinsicStatus) => void;

/** Nodes that keep no archive keep 256. */
const KEPT_STATES = 512;
/** Eleven hours at two seconds a block. */
const KEPT_BLOCKS = 20_000;
const INVALID = 1010;
const BAD_FORMAT = 1001;
const ALREADY_IMPORTED = 1013;
const NO_PARENT = "0".repeat(64);

export class PracticeChain {
  readonly rules: ChainRules;
  readonly beacon: PulsingBeacon;
  readonly #faults: ChainFaults;
  readonly #blocks = new Map<string, Block>();
  readonly #states = new Map<string, State>();
  /** Of the best chain. */
  readonly #byNumber = new Map<number, string>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #watchers = new Map<string, Set<Watcher>>();
  readonly #listeners = new Set<ChainListener>();
  readonly #genesis: Block;
  #interventions: Intervention[] = [];
  #head: Block;
  #finalized: Block;

  constructor({
    genesis,
    beacon,
    rules,
    faults,
  }: {
    genesis: Block;
    beacon: PulsingBeacon;
    rules: ChainRules;
    faults: ChainFaults;
  }) {
    this.beacon = beacon;
    this.rules = rules;
    this.#faults = faults;
    this.#genesis = genesis;
    this.#head = genesis;
    this.#finalized = genesis;
  }

  get genesisHash(): string {
    return this.#genesis.hash;
  }

  get head(): Block {
    return this.#head;
  }

  get finalized(): Block {
    return this.#finalized;
  }

  get pending(): Extrinsic[] {
    return [...this.#waiting.values()].map(({ extrinsic }) => extrinsic);
  }

  block(hash: string): Block | null {
    return this.#blocks.get(hash) ?? null;
  }

  hashOf(number: number): string | null {
    return this.#byNumber.get(number) ?? null;
  }

  /** Null: not kept any more, or no such block. */
  stateAt(hash: string): State | null {
    return this.#states.get(hash) ?? null;
  }

  get state(): State {
    return this.#states.get(this.#head.hash) ?? new Map();
  }

  listen(listener: ChainListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Done at the beginning of the next block. */
  intervene(...interventions: readonly Intervention[]): void {
    this.#interventions.push(...interventions);
  }

  /** Makes the next block on top of the best one. */
  produce(timestampMs: number): Block {
    const interventions = this.#interventions;
    this.#interventions = [];
    return this.#make(this.#head, timestampMs, { interventions, extrinsics: this.#ready(), salt: 0 });
  }

  /**
   * Replaces the newest blocks by one more of others, in which no extrinsic is: those that were in the old ones wait again.
   * Throws `RangeError` where they are final.
   */
  fork(depth: number, timestampMs: number): void {
    if (this.#head.number - depth < this.#finalized.number) throw new RangeError("a final block stays");
    let parent = this.#head;
    for (let back = 0; back < depth; back += 1) parent = this.#blocks.get(parent.parentHash) ?? parent;
    for (let block = 0; block <= depth; block += 1) {
      parent = this.#make(parent, timestampMs + block, { interventions: [], extrinsics: [], salt: 1 });
    }
  }

  /** What was kept of a block; they come in their order, the genesis first. */
  restore({ block, values, kind }: KeptBlock): void {
    this.#blocks.set(block.hash, block);
    this.#byNumber.set(block.number, block.hash);
    const before = kind === "state" ? new Map<string, Buffer>() : this.#states.get(block.parentHash);
    if (kind !== "content" && before !== undefined) this.#states.set(block.hash, changed(before, values));
    this.#head = block;
    const final = this.#byNumber.get(Math.max(0, block.number - this.rules.finalityLag));
    this.#finalized = this.#blocks.get(final ?? "") ?? this.#finalized;
    this.#forgetOld();
  }

  /** The best chain, oldest block first, in as few values as it can be restored from. */
  *kept(): Generator<KeptBlock> {
    let before: State | undefined;
    for (const [, hash] of [...this.#byNumber].toSorted(([left], [right]) => left - right)) {
      const block = this.#blocks.get(hash);
      if (block === undefined) continue;
      const state = this.#states.get(hash);
      if (state === undefined) yield { block, kind: "content", values: new Map() };
      else if (before === undefined) yield { block, kind: "state", values: state };
      else yield { block, kind: "changes", values: differences(before, state) };
      before = state;
    }
  }

  /** Takes an extrinsic into the pool, or throws `PoolRefusal`. `watch` is told what becomes of it. */
  submit(encoded: Uint8Array, watch?: Watcher): { hash: string; unwatch: () => void } {
    const extrinsic = this.#read(encoded);
    const hash = extrinsic.hash.toString("hex");
    if (this.#waiting.has(hash)) {
      throw new PoolRefusal(ALREADY_IMPORTED, "Transaction is already imported", `0x${hash}`);
    }
    const { nonce, free } = accountIn(this.state, extrinsic.signer);
    if (extrinsic.nonce < nonce) throw invalid("Transaction is outdated");
    if (!this.#isSigned(extrinsic, this.#head.number + 1)) throw invalid("Transaction has a bad signature");
    if (!canPay(free, extrinsic)) {
      throw invalid("Inability to pay some fees (e.g. account balance too low)");
    }
    const rival = [...this.#waiting.values()].find(
      (other) => other.extrinsic.nonce === extrinsic.nonce && other.extrinsic.signer.equals(extrinsic.signer),
    );
    if (rival !== undefined) {
      throw new PoolRefusal(
        1014,
        "Priority is too low: (0 vs 0)",
        "The transaction has too low priority to replace another transaction already in the pool.",
      );
    }
    const death =
      extrinsic.era === null ? Number.POSITIVE_INFINITY : eraSpan(extrinsic.era, this.#head.number + 1).death;
    this.#waiting.set(hash, { extrinsic, death });
    const watchers = this.#watchers.get(hash) ?? new Set();
    this.#watchers.set(hash, watchers);
    if (watch !== undefined) watchers.add(watch);
    const isReady = this.#nextNonces(extrinsic.signer, nonce) > extrinsic.nonce;
    watch?.(isReady ? "ready" : "future");
    return { hash, unwatch: () => watch !== undefined && watchers.delete(watch) };
  }

  /** Of an account, the extrinsics that wait included. */
  nextNonce(who: Uint8Array): number {
    return this.#nextNonces(who, accountIn(this.state, who).nonce);
  }

  /** As if it had never come; who watches it is told so where `says`. */
  drop(hash: string, says: boolean): void {
    this.#waiting.delete(hash);
    if (says) this.#tell(hash, "dropped");
    this.#watchers.delete(hash);
  }

  /** Forgets what waits and is not valid any more, after the rules changed. */
  revalidate(): void {
    for (const [hash, { extrinsic, death }] of this.#waiting) {
      const { nonce } = accountIn(this.state, extrinsic.signer);
      const next = this.#head.number + 1;
      if (extrinsic.nonce >= nonce && next < death && this.#isSigned(extrinsic, next)) continue;
      this.#waiting.delete(hash);
      this.#tell(hash, "invalid");
      this.#watchers.delete(hash);
    }
  }

  #nextNonces(who: Uint8Array, from: number): number {
    const own = new Set(this.pending.filter(({ signer }) => signer.equals(who)).map(({ nonce }) => nonce));
    let next = from;
    while (own.has(next)) next += 1;
    return next;
  }

  #read(encoded: Uint8Array): Extrinsic {
    try {
      return readExtrinsic(encoded, this.#faults.unknownExtensions.length);
    } catch (error) {
      if (!(error instanceof ScaleError)) throw error;
      throw new PoolRefusal(BAD_FORMAT, `Extrinsic has invalid format: ${error.message}`, "");
    }
  }

  #isSigned(extrinsic: Extrinsic, current: number): boolean {
    const birth = extrinsic.era === null ? 0 : eraSpan(extrinsic.era, current).birth;
    const birthHash = this.#byNumber.get(birth);
    if (birthHash === undefined) return false;
    return isSigned(extrinsic, {
      ...this.rules,
      genesisHash: Buffer.from(this.genesisHash, "hex"),
      birthHash: Buffer.from(birthHash, "hex"),
    });
  }

  /** By signer in the order of their nonces, else as they came. */
  #ready(): Extrinsic[] {
    if (this.#faults.poolHeld) return [];
    return this.pending.toSorted((left, right) => (left.signer.equals(right.signer) ? left.nonce - right.nonce : 0));
  }

  #make(
    parent: Block,
    timestampMs: number,
    {
      interventions,
      extrinsics,
      salt,
    }: { interventions: readonly Intervention[]; extrinsics: readonly Extrinsic[]; salt: number },
  ): Block {
    const number = parent.number + 1;
    const digestLog = slotLog(2 * number + salt);
    const parentState = this.#states.get(parent.hash) ?? new Map();
    const executed = executeBlock(parentState, {
      number,
      parentHash: Buffer.from(parent.hash, "hex"),
      digestLog,
      timestampMs,
      interventions,
      extrinsics,
      beacon: this.beacon,
      storesPulses: !this.#faults.pulsesStopped,
    });
    const block = sealed({
      number,
      parentHash: parent.hash,
      stateRoot: stateRoot(parent.stateRoot, executed.changes),
      digestLog,
      timestampMs,
      extrinsics: executed.extrinsics,
    });
    this.#blocks.set(block.hash, block);
    this.#states.set(block.hash, executed.state);
    for (const { imported } of this.#listeners) imported?.({ block, kind: "changes", values: executed.changes });
    if (number > this.#head.number) this.#adopt(block);
    return block;
  }

  #adopt(block: Block): void {
    for (const left of this.#leftBy(block)) {
      for (const hash of hashesIn(left)) {
        this.#takeBack(hash.encoded);
        this.#tell(hash.hash, { retracted: left.hash });
      }
    }
    const gained: Block[] = [];
    for (let step: Block | undefined = block; step !== undefined; step = this.#blocks.get(step.parentHash)) {
      if (this.#byNumber.get(step.number) === step.hash) break;
      gained.unshift(step);
    }
    for (const step of gained) this.#byNumber.set(step.number, step.hash);
    this.#head = block;
    for (const step of gained) {
      for (const { hash } of hashesIn(step)) {
        this.#waiting.delete(hash);
        this.#tell(hash, { inBlock: step.hash });
      }
    }
    for (const { best } of this.#listeners) best?.(block);
    this.revalidate();
    this.finalize();
    this.#forgetOld();
  }

  /** Blocks of the best chain that are not on the way to this one. */
  #leftBy(block: Block): Block[] {
    const left: Block[] = [];
    let step: Block | undefined = block;
    while (step !== undefined && this.#byNumber.get(step.number) !== step.hash) {
      const rival = this.#byNumber.get(step.number);
      const other = rival === undefined ? undefined : this.#blocks.get(rival);
      if (other !== undefined) left.unshift(other);
      step = this.#blocks.get(step.parentHash);
    }
    return left;
  }

  #takeBack(encoded: Buffer): void {
    const extrinsic = readExtrinsic(encoded, this.#faults.unknownExtensions.length);
    const death = extrinsic.era === null ? Number.POSITIVE_INFINITY : eraSpan(extrinsic.era, this.#head.number).death;
    this.#waiting.set(extrinsic.hash.toString("hex"), { extrinsic, death });
  }

  /** Makes final what is old enough. */
  finalize(): void {
    if (this.#faults.finalityStopped) return;
    const upTo = this.#head.number - this.rules.finalityLag;
    for (let number = this.#finalized.number + 1; number <= upTo; number += 1) {
      const block = this.#blocks.get(this.#byNumber.get(number) ?? "");
      if (block === undefined) return;
      this.#finalized = block;
      for (const { finalized } of this.#listeners) finalized?.(block);
      for (const { hash } of hashesIn(block)) {
        this.#tell(hash, { finalized: block.hash });
        this.#watchers.delete(hash);
      }
    }
  }

  #tell(hash: string, status: ExtrinsicStatus): void {
    for (const watcher of this.#watchers.get(hash) ?? []) watcher(status);
  }

  #forgetOld(): void {
    const [oldest] = this.#states.keys();
    if (this.#states.size > KEPT_STATES && oldest !== undefined) this.#states.delete(oldest);
    const old = this.#head.number - KEPT_BLOCKS;
    const hash = old > 0 ? this.#byNumber.get(old) : undefined;
    if (hash === undefined) return;
    this.#byNumber.delete(old);
    this.#blocks.delete(hash);
  }
}

export function genesisBlock(state: State, timestampMs: number): KeptBlock {
  const block = sealed({
    number: 0,
    parentHash: NO_PARENT,
    stateRoot: stateRoot(NO_PARENT, state),
    digestLog: slotLog(0),
    timestampMs,
    extrinsics: [],
  });
  return { block, kind: "state", values: state };
}

function differences(before: State, after: State): Map<string, Buffer | null> {
  const values = new Map<string, Buffer | null>();
  for (const [key, value] of after) if (before.get(key)?.equals(value) !== true) values.set(key, value);
  for (const key of before.keys()) if (!after.has(key)) values.set(key, null);
  return values;
}

function invalid(data: string): PoolRefusal {
  return new PoolRefusal(INVALID, "Invalid Transaction", data);
}

/** All but the chain's own. */
function hashesIn(block: Block): { hash: string; encoded: Buffer }[] {
  return block.extrinsics.slice(1).map((encoded) => ({ hash: blake2_256(encoded).toString("hex"), encoded }));
}

function changed(state: State, changes: ReadonlyMap<string, Buffer | null>): State {
  const values = new Map(state);
  for (const [key, value] of changes) {
    if (value === null) values.delete(key);
    else values.set(key, value);
  }
  return values;
}

/** Of the changes and what was before: nobody can prove a value by it, as by a real one. */
function stateRoot(before: string, changes: ReadonlyMap<string, Buffer | null>): string {
  const entries = [...changes].toSorted(([left], [right]) => (left < right ? -1 : 1));
  const parts = entries.flatMap(([key, value]) => [Buffer.from(key, "hex"), value ?? Buffer.alloc(0)]);
  return blake2_256(join(Buffer.from(before, "hex"), vector(parts))).toString("hex");
}

/** Which of the authors' turns it was, as Aura notes it: what makes two blocks of one number different. */
function slotLog(slot: number): Buffer {
  return join(u8(6), Buffer.from("aura"), compact(8), u64(slot));
}

export function sealed(block: Omit<Block, "hash" | "extrinsicsRoot">): Block {
  const extrinsicsRoot = blake2_256(vector(block.extrinsics)).toString("hex");
  const header = encodeHeader({ ...block, extrinsicsRoot });
  return { ...block, extrinsicsRoot, hash: blake2_256(header).toString("hex") };
}

function encodeHeader(block: Omit<Block, "hash">): Buffer {
  return join(
    Buffer.from(block.parentHash, "hex"),
    compact(block.number),
    Buffer.from(block.stateRoot, "hex"),
    Buffer.from(block.extrinsicsRoot, "hex"),
    vector([block.digestLog]),
  );
}
