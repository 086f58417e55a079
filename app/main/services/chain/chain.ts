/**
 * What the rest of Crusader knows of a chain: reads, building and sending of the few calls it makes, and what became of
 * one (spec/chain.md, spec/runtime-343.md). Amounts are in rao (1 TAO = 1e9); alpha has nine decimals too. Every method
 * that asks a node throws `chain_unreachable` where none answers in time, and `chain_refused` where the answer cannot be
 * what a chain says; nothing was sent then unless it says so.
 */
import type { ChainCall, Inclusion, Network, UnsignedExtrinsic } from "../../../common/chain.ts";
import type { Signed } from "../../../common/submission.ts";
import type { Beacon } from "../timelock/index.ts";

/** Where a network is, and what it goes by. */
export type NetworkPlace = {
  endpoint: string;
  /** Of its first block, as 0x and digits, where it is known beforehand: no other chain is taken for it. */
  genesisHash?: string;
  /** Which beacon its commitments are revealed by. */
  beacon: Beacon;
  /** Null: as the profile says. */
  secondsPerBlock: number | null;
};

/** A block's hash, to read what was true then; without one, the newest block. Nodes forget old state after some 256 blocks. */
export type At = string | undefined;

export type Head = {
  /** The newest block. */
  block: number;
  blockHash: string;
  /** When that block says it was made, in milliseconds since 1970: the chain's own clock. */
  timeMs: number;
  finalizedBlock: number;
  finalizedHash: string;
  specVersion: number;
};

export type NodeHealth = { peers: number; isSyncing: boolean };

export type RuntimeFacts = {
  chainName: string;
  specName: string;
  specVersion: number;
  transactionVersion: number;
  /** Whether this is the runtime that Crusader was tested with. */
  isKnown: boolean;
  /** What differs from it in the calls and reads that Crusader makes, each in a sentence; empty where nothing does. */
  differences: string[];
  /** Those of them for which nothing is prepared: a call is missing, or the node lies about the known runtime. */
  refusals: string[];
};

export type Balance = { freeRao: bigint; reservedRao: bigint; frozenRao: bigint };

export type PendingCommitment = {
  /** In which it was made. */
  block: number;
  /** Null where it holds no text that a round reveals: another kind of commitment. */
  revealRound: number | null;
  /** The ciphertext as 0x and hexadecimal digits; null with `revealRound`. */
  encrypted: string | null;
};

export type CommitmentSpace = {
  /** Of the epoch that goes on. Every commitment takes at least 100. */
  usedBytes: number;
  maxBytes: number;
  /** Blocks of an epoch, less one. */
  tempo: number;
  /** The last block of the epoch that goes on; all is free again after it. */
  epochEndBlock: number;
};

export type RevealedCommitment = {
  /** Null where the bytes are no text. */
  text: string | null;
  bytes: Uint8Array;
  /** In which it was revealed. */
  block: number;
};

/** Read from an extrinsic's own bytes. */
export type ReadExtrinsic = {
  hash: string;
  signer: string;
  nonce: number;
  tipRao: bigint;
  /** The span in which it can be included; null for one that lives for ever. */
  lifetime: { firstBlock: number; lastBlock: number } | null;
  /** The call's bytes. */
  method: string;
  decoded: UnsignedExtrinsic["decoded"];
};

export type AssembledExtrinsic = { extrinsic: string; hash: string };

/**
 * Why a node would not take an extrinsic. `nonce_taken`: another of the same account went first, or waits - or this very
 * one did, sent before, so that `find` is to be asked.
 */
export type RefusalReason = "bad_signature" | "nonce_taken" | "nonce_too_high" | "expired" | "cannot_pay" | "other";

/**
 * What a node says of an extrinsic it was given. The stream ends with `finalized`, `invalid`, `dropped`, `usurped` or
 * `lost`. After `dropped` and `lost` it may still be included, and only `find` tells; `invalid` was never taken by this
 * node.
 */
export type SendUpdate =
  | { kind: "ready" }
  | { kind: "included"; inclusion: Inclusion }
  /** The block it was in is not part of the chain any more. */
  | { kind: "retracted"; blockHash: string }
  | { kind: "finalized"; inclusion: Inclusion }
  | { kind: "invalid"; reason: RefusalReason; message: string }
  | { kind: "dropped"; message: string }
  | { kind: "usurped"; by: string }
  | { kind: "lost"; message: string };

export type WantedExtrinsic = {
  hash: string;
  /** Address. */
  signer: string;
  nonce: number;
  /** `UnsignedExtrinsic.firstBlock` and `.lastBlock`. */
  fromBlock: number;
  toBlock: number;
};

/**
 * `gone`: it is in no finalized block and never will be, as its era is over (`expired`) or another extrinsic took its nonce
 * (`replaced`). `pending`: a node's pool has it. `unknown`: neither found nor out of the question yet.
 */
export type Found =
  | { kind: "included"; inclusion: Inclusion }
  | { kind: "pending" }
  | { kind: "gone"; reason: "expired" | "replaced" }
  | { kind: "unknown" };

/** One event of an extrinsic, fields as the chain names them or by their position; addresses and integers as texts. */
export type ChainEvent = { name: string; fields: Record<string, string> };

export interface Chain {
  readonly network: Network;
  readonly endpoint: string;
  readonly beacon: Beacon;
  readonly secondsPerBlock: number | null;
  readonly genesisHash: string;

  runtime(): Promise<RuntimeFacts>;
  head(): Promise<Head>;
  /** The newest head, and again with each new block; over interruptions. Ends with `signal`. */
  watchHead(signal: AbortSignal | undefined): AsyncGenerator<Head>;
  /** Null where the node does not tell. */
  health(): Promise<NodeHealth | null>;
  /** Null for a block that is not there (yet). */
  blockHashOf(block: number): Promise<string | null>;

  /** Null: not registered. */
  uidOf(netuid: number, hotkey: string, at?: At): Promise<number | null>;
  /** Null: nobody has that uid. */
  hotkeyAt(netuid: number, uid: number, at?: At): Promise<string | null>;
  /** The coldkey of a hotkey; null for one that the chain does not know. */
  ownerOf(hotkey: string, at?: At): Promise<string | null>;
  balanceOf(address: string, at?: At): Promise<Balance>;
  /** Alpha of that stake; 0 where there is none. */
  stakeOf(stake: { hotkey: string; coldkey: string; netuid: number }, at?: At): Promise<bigint>;
  /** The newest commitment that is not revealed yet, or is of a kind that never is; null where there is none. */
  commitmentOf(netuid: number, hotkey: string, at?: At): Promise<PendingCommitment | null>;
  /** The block of the last commitment, revealed or not. */
  lastCommitmentBlock(netuid: number, hotkey: string, at?: At): Promise<number | null>;
  spaceOf(netuid: number, hotkey: string, at?: At): Promise<CommitmentSpace>;
  /** The last ten at most, the oldest first. */
  revealedOf(netuid: number, hotkey: string, at?: At): Promise<RevealedCommitment[]>;
  /** What the chain itself knows of its beacon; compare the key with `beacon.publicKey`. */
  drand(at?: At): Promise<{ lastStoredRound: number; publicKey: Uint8Array }>;
  /** The signature of a round that the chain has stored (it keeps about a week of them); null otherwise. Check it before use. */
  pulse(round: number, at?: At): Promise<Uint8Array | null>;
  /** The next one of an account, what waits in the node's pool included. */
  nonceOf(address: string): Promise<number>;

  /**
   * What is to be signed, by the runtime of now: bytes that decode back to the very call. Throws `chain_refused` where the
   * runtime does not have the call as Crusader knows it, or wants something signed that Crusader does not know.
   */
  prepare(call: ChainCall, signer: string, options?: { eraBlocks?: number }): Promise<UnsignedExtrinsic>;
  /**
   * The signed extrinsic. Throws `signature_refused` unless `signed` is the signer's sr25519 or ed25519 signature of exactly
   * what was prepared, and `chain_refused` where the runtime has changed since. Sends nothing.
   */
  assemble(unsigned: UnsignedExtrinsic, signed: Signed): Promise<AssembledExtrinsic>;
  /**
   * What an extrinsic says of itself. `usage` for what is none. Its signature is not checked; `assemble` does that. An era is
   * written as a place in a cycle: the span is the one that `nearBlock` is in, by default the newest block.
   */
  readExtrinsic(extrinsic: string, nearBlock?: number): Promise<ReadExtrinsic>;

  /** Hands it to the node. Ends with `signal`, which takes nothing back: it may be included all the same. */
  send(extrinsic: string, signal: AbortSignal | undefined): AsyncGenerator<SendUpdate>;
  /** What became of an extrinsic, from the blocks themselves. */
  find(wanted: WantedExtrinsic): Promise<Found>;
  /** All events of the extrinsic at that position of a block. */
  eventsOf(blockHash: string, index: number): Promise<ChainEvent[]>;
  /**
   * The alpha that an included `add_stake` created: stake after the block less stake before it, and never more than the
   * extrinsic's own event says. Throws `chain_refused` where less came in than that event says.
   */
  stakeAddedBy(
    inclusion: Pick<Inclusion, "blockHash" | "index">,
    stake: { hotkey: string; coldkey: string; netuid: number },
  ): Promise<bigint>;
}
