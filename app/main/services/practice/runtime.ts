/**
 * What a block does to the chain's values (spec/chain.md, spec/runtime-343.md): calls with their checks, fees and events, the
 * stake's pool, and the reveal of what was time-locked. Two things are simpler than on the real chain: pulses are stored when a
 * block begins, not by an extrinsic, and fees do not follow the chain's load.
 */
import { createHash } from "node:crypto";
import { decrypt } from "../timelock/index.ts";
import type { PulsingBeacon } from "./beacon.ts";
import { type Call, type DataField, type Extrinsic, readFields, timestampExtrinsic } from "./extrinsic.ts";
import { DispatchFailure, Ledger, type State, SYSTEM } from "./ledger.ts";
import { BALANCE_ERRORS, COMMITMENT_ERRORS, EXISTENTIAL_DEPOSIT_RAO, SUBTENSOR_ERRORS } from "./metadata.ts";
import { bytes, compact, join, ScaleReader, u8, u16, u32, u64, vector } from "./scale.ts";
import { KEYS } from "./storage-keys.ts";

const BALANCES = 5;
const TRANSACTION_PAYMENT = 6;
const SUBTENSOR = 7;
const COMMITMENTS = 18;
const DRAND = 26;

/** As the commitments pallet counts them. */
const MIN_COMMITMENT_BYTES = 100;
const DEFAULT_MAX_SPACE_BYTES = 3100;
const MAX_REVEALED = 10;
/** 7.5 days of rounds of 3 s. */
const KEPT_ROUNDS = 216_000;
const MIN_STAKE_RAO = 2_000_000n;
/** About what finney takes for a call with a small weight. */
const BASE_FEE_RAO = 12_500n;
const FEE_RAO_PER_BYTE = 1n;

/** What is done to the chain from outside, as no extrinsic: at the beginning of the next block. */
export type Intervention =
  | { kind: "fund"; who: Buffer; rao: bigint }
  | { kind: "register"; netuid: number; hotkey: Buffer; coldkey: Buffer };

export type BlockWork = {
  number: number;
  parentHash: Buffer;
  /** Of the digest: one engine's note, SCALE-encoded. */
  digestLog: Buffer;
  timestampMs: number;
  interventions: readonly Intervention[];
  extrinsics: readonly Extrinsic[];
  beacon: PulsingBeacon;
  /** False: the beacon's pulses do not arrive. */
  storesPulses: boolean;
};

export type ExecutedBlock = {
  state: State;
  /** What is another than before; null: it is gone. */
  changes: ReadonlyMap<string, Buffer | null>;
  /** As they are in the block; the first one is the chain's own. */
  extrinsics: Buffer[];
};

/** Of the extrinsics, those that can be included are. */
export function executeBlock(parent: State, work: BlockWork): ExecutedBlock {
  const ledger = new Ledger(parent);
  ledger.set(KEYS.number(), u32(work.number));
  ledger.set(KEYS.parentHash(), work.parentHash);
  ledger.set(KEYS.digest(), vector([work.digestLog]));
  for (const intervention of work.interventions) intervene(ledger, intervention, work.number);
  revealCommitments(ledger, work);
  if (work.storesPulses) storePulses(ledger, work);

  ledger.enter(0);
  ledger.set(KEYS.now(), u64(work.timestampMs));
  ledger.emit(SYSTEM, 0, dispatchInfo({ isMandatory: true, paysFee: true }));
  const included: Buffer[] = [timestampExtrinsic(work.timestampMs)];
  for (const extrinsic of work.extrinsics) {
    const { nonce, free } = ledger.account(extrinsic.signer);
    if (nonce !== extrinsic.nonce || !canPay(free, extrinsic)) continue;
    ledger.enter(included.length);
    apply(ledger, extrinsic, work.number);
    included.push(extrinsic.encoded);
  }
  ledger.set(KEYS.eventCount(), u32(ledger.eventCount));
  ledger.set(KEYS.events(), ledger.encodedEvents());
  return { state: ledger.state, changes: ledger.changes, extrinsics: included };
}

/** What including it costs its signer, without the tip; a commitment is free. */
export function feeOf({ call, encoded }: Extrinsic): bigint {
  return call.kind === "set_commitment" ? 0n : BASE_FEE_RAO + FEE_RAO_PER_BYTE * BigInt(encoded.length);
}

/** Whether its signer can pay for it. */
export function canPay(free: bigint, extrinsic: Extrinsic): boolean {
  const due = feeOf(extrinsic) + extrinsic.tip;
  return due === 0n || free - due >= EXISTENTIAL_DEPOSIT_RAO;
}

function apply(ledger: Ledger, extrinsic: Extrinsic, block: number): void {
  const { signer, nonce, tip, call } = extrinsic;
  const fee = feeOf(extrinsic) + tip;
  ledger.setNonce(signer, nonce + 1);
  if (fee > 0n) {
    ledger.withdraw(signer, fee);
    ledger.emit(BALANCES, 8, signer, u64(fee));
  }
  const error = ledger.attempt(() => dispatch(ledger, signer, call, block));
  if (fee > 0n) ledger.emit(TRANSACTION_PAYMENT, 0, signer, u64(fee), u64(tip));
  const info = dispatchInfo({ isMandatory: false, paysFee: call.kind !== "set_commitment" });
  if (error === null) ledger.emit(SYSTEM, 0, info);
  else ledger.emit(SYSTEM, 1, error, info);
}

function dispatchInfo({ isMandatory, paysFee }: { isMandatory: boolean; paysFee: boolean }): Buffer {
  return join(compact(500_000_000), compact(4_000), u8(isMandatory ? 2 : 0), u8(paysFee ? 0 : 1));
}

function dispatch(ledger: Ledger, signer: Buffer, call: Call, block: number): void {
  switch (call.kind) {
    case "remark":
      return;
    case "transfer":
      transfer(ledger, signer, call);
      return;
    case "add_stake":
      addStake(ledger, signer, call);
      return;
    case "transfer_stake":
      transferStake(ledger, signer, call);
      return;
    case "set_commitment":
      setCommitment(ledger, signer, call, block);
  }
}

function transfer(ledger: Ledger, signer: Buffer, { destination, rao }: Call & { kind: "transfer" }): void {
  if (ledger.account(signer).free < rao) {
    throw DispatchFailure.inPallet(BALANCES, BALANCE_ERRORS.InsufficientBalance);
  }
  ledger.withdraw(signer, rao);
  ledger.deposit(destination, rao);
  ledger.emit(BALANCES, 2, signer, destination, u64(rao));
}

function subtensorFailure(error: keyof typeof SUBTENSOR_ERRORS): DispatchFailure {
  return DispatchFailure.inPallet(SUBTENSOR, SUBTENSOR_ERRORS[error]);
}

function requireSubnetAndHotkey(ledger: Ledger, netuid: number, hotkey: Buffer): void {
  if (ledger.number(KEYS.networksAdded(netuid)) === 0n) throw subtensorFailure("SubnetNotExists");
  if (ledger.get(KEYS.owner(hotkey)) === undefined) throw subtensorFailure("HotKeyAccountNotExists");
}

/** What is put into one side of a pool takes out of the other: it keeps the product of both, so that each stake makes the next one dearer. */
export function swapped(amount: bigint, into: bigint, from: bigint): bigint {
  return into + amount === 0n ? 0n : (from * amount) / (into + amount);
}

function addStake(ledger: Ledger, signer: Buffer, { hotkey, netuid, rao }: Call & { kind: "add_stake" }): void {
  requireSubnetAndHotkey(ledger, netuid, hotkey);
  if (rao < MIN_STAKE_RAO) throw subtensorFailure("AmountTooLow");
  if (ledger.account(signer).free - rao < EXISTENTIAL_DEPOSIT_RAO) {
    throw subtensorFailure("NotEnoughBalanceToStake");
  }
  const tao = ledger.number(KEYS.subnetTao(netuid));
  const alpha = ledger.number(KEYS.subnetAlphaIn(netuid));
  const bought = swapped(rao, tao, alpha);
  if (bought === 0n) throw subtensorFailure("InsufficientLiquidity");
  ledger.withdraw(signer, rao);
  ledger.emit(BALANCES, 8, signer, u64(rao));
  ledger.set(KEYS.subnetTao(netuid), u64(tao + rao));
  ledger.set(KEYS.subnetAlphaIn(netuid), u64(alpha - bought));
  changeStake(ledger, { hotkey, coldkey: signer, netuid }, bought);
  ledger.emit(SUBTENSOR, 2, signer, hotkey, u64(rao), u64(bought), u16(netuid), u64(0));
}

function transferStake(ledger: Ledger, signer: Buffer, call: Call & { kind: "transfer_stake" }): void {
  const { destination, hotkey, originNetuid, destinationNetuid, alpha } = call;
  requireSubnetAndHotkey(ledger, originNetuid, hotkey);
  // There is one pool, so that alpha of one subnet is never made that of another.
  if (destinationNetuid !== originNetuid) throw subtensorFailure("SubnetNotExists");
  if (ledger.number(KEYS.stake(hotkey, signer, originNetuid)) < alpha) {
    throw subtensorFailure("NotEnoughStakeToWithdraw");
  }
  const worthRao =
    (alpha * ledger.number(KEYS.subnetTao(originNetuid))) / ledger.number(KEYS.subnetAlphaIn(originNetuid));
  if (worthRao < MIN_STAKE_RAO) throw subtensorFailure("AmountTooLow");
  changeStake(ledger, { hotkey, coldkey: signer, netuid: originNetuid }, -alpha);
  changeStake(ledger, { hotkey, coldkey: destination, netuid: destinationNetuid }, alpha);
  ledger.emit(SUBTENSOR, 85, signer, destination, hotkey, u16(originNetuid), u16(destinationNetuid), u64(worthRao));
}

function changeStake(
  ledger: Ledger,
  { hotkey, coldkey, netuid }: { hotkey: Buffer; coldkey: Buffer; netuid: number },
  change: bigint,
): void {
  const key = KEYS.stake(hotkey, coldkey, netuid);
  ledger.set(key, u64(ledger.number(key) + change));
}

/** The first block of the next epoch of a subnet, and the number of this one. */
export function epochAt(block: number, netuid: number, tempo: number): number {
  return Math.floor((block + netuid + 1) / (tempo + 1));
}

function commitmentFailure(error: keyof typeof COMMITMENT_ERRORS): DispatchFailure {
  return DispatchFailure.inPallet(COMMITMENTS, COMMITMENT_ERRORS[error]);
}

function setCommitment(
  ledger: Ledger,
  signer: Buffer,
  { netuid, fields }: Call & { kind: "set_commitment" },
  block: number,
): void {
  if (ledger.get(KEYS.uids(netuid, signer)) === undefined) throw commitmentFailure("AccountNotAllowedCommit");
  const byteCount = fields.reduce((sum, field) => sum + sizeOf(field), 0);
  const epoch = BigInt(epochAt(block, netuid, Number(ledger.number(KEYS.tempo(netuid), 360n))));
  const usage = ledger.get(KEYS.usedSpaceOf(netuid, signer));
  const [lastEpoch, usedBefore] = usage === undefined ? [0n, 0n] : [usage.readBigUInt64LE(0), usage.readBigUInt64LE(8)];
  const used = (lastEpoch === epoch ? usedBefore : 0n) + BigInt(Math.max(MIN_COMMITMENT_BYTES, byteCount));
  if (used > ledger.number(KEYS.maxSpace(), BigInt(DEFAULT_MAX_SPACE_BYTES))) {
    throw commitmentFailure("SpaceLimitExceeded");
  }
  ledger.set(KEYS.usedSpaceOf(netuid, signer), join(u64(epoch), u64(used)));
  ledger.set(KEYS.commitmentOf(netuid, signer), registration(block, fields));
  ledger.set(KEYS.lastCommitment(netuid, signer), u32(block));
  const timelock = fields.findLast(({ kind }) => kind === "timelock");
  const index = readIndex(ledger).filter(({ netuid: other, who }) => other !== netuid || !who.equals(signer));
  if (timelock?.kind === "timelock") {
    writeIndex(ledger, [...index, { netuid, who: signer }]);
    ledger.emit(COMMITMENTS, 1, u16(netuid), signer, u64(timelock.revealRound));
  } else {
    writeIndex(ledger, index);
    ledger.emit(COMMITMENTS, 0, u16(netuid), signer);
  }
}

function sizeOf(field: DataField): number {
  return field.kind === "timelock" ? field.encrypted.length : field.byteCount;
}

function registration(block: number, fields: readonly DataField[]): Buffer {
  return join(u64(0), u32(block), vector(fields.map(({ encoded }) => encoded)));
}

type IndexEntry = { netuid: number; who: Buffer };

function readIndex(ledger: Ledger): IndexEntry[] {
  const value = ledger.get(KEYS.timelockedIndex());
  if (value === undefined) return [];
  const reader = new ScaleReader(value);
  return Array.from({ length: Number(reader.compact()) }, () => ({ netuid: reader.u16(), who: reader.take(32) }));
}

/** Sorted, as a BTreeSet is. */
function writeIndex(ledger: Ledger, entries: readonly IndexEntry[]): void {
  const sorted = entries.toSorted((left, right) => left.netuid - right.netuid || left.who.compare(right.who));
  ledger.set(KEYS.timelockedIndex(), vector(sorted.map(({ netuid, who }) => join(u16(netuid), who))));
}

/** By the pulses that were stored before this block. */
function revealCommitments(ledger: Ledger, { beacon, number }: BlockWork): void {
  const index = readIndex(ledger);
  if (index.length === 0) return;
  const newest = Number(ledger.number(KEYS.lastStoredRound()));
  const oldest = Number(ledger.number(KEYS.oldestStoredRound()));
  const waiting = index.filter((entry) => !revealOne(ledger, entry, { beacon, number, newest, oldest }));
  if (waiting.length < index.length) writeIndex(ledger, waiting);
}

/** True: nothing of it waits any more. What cannot be decrypted is dropped without a word. */
function revealOne(
  ledger: Ledger,
  { netuid, who }: IndexEntry,
  { beacon, number, newest, oldest }: { beacon: PulsingBeacon; number: number; newest: number; oldest: number },
): boolean {
  const key = KEYS.commitmentOf(netuid, who);
  const committed = ledger.get(key);
  if (committed === undefined) return true;
  const { block, fields } = readRegistration(committed);
  const left = fields.filter((field) => {
    if (field.kind !== "timelock") return true;
    const round = Number(field.revealRound);
    const signature = round > newest || round < oldest ? null : beacon.signatureOf(round);
    if (signature === null) return true;
    const revealed = decrypted(field.encrypted, signature);
    if (revealed !== null) {
      addRevealed(ledger, KEYS.revealedCommitments(netuid, who), join(bytes(revealed), u64(number)));
      ledger.emit(COMMITMENTS, 2, u16(netuid), who);
    }
    return false;
  });
  if (left.length === fields.length) return false;
  if (left.length === 0) ledger.delete(key);
  else ledger.set(key, registration(block, left));
  return left.every(({ kind }) => kind !== "timelock");
}

function decrypted(ciphertext: Uint8Array, signature: Uint8Array): Uint8Array | null {
  try {
    return decrypt(ciphertext, signature);
  } catch {
    return null;
  }
}

function addRevealed(ledger: Ledger, key: string, encoded: Buffer): void {
  const before = ledger.get(key);
  const kept = before === undefined ? [] : splitRevealed(before);
  ledger.set(key, vector([...kept, encoded].slice(-MAX_REVEALED)));
}

function splitRevealed(value: Buffer): Buffer[] {
  const reader = new ScaleReader(value);
  return Array.from({ length: Number(reader.compact()) }, () => join(bytes(reader.bytes()), reader.take(8)));
}

export function readRegistration(value: Buffer): { block: number; fields: DataField[] } {
  const reader = new ScaleReader(value);
  reader.u64();
  const block = reader.u32();
  return { block, fields: readFields(reader) };
}

function storePulses(ledger: Ledger, { beacon, timestampMs }: BlockWork): void {
  const before = Number(ledger.number(KEYS.lastStoredRound()));
  const newest = beacon.newestRound(timestampMs);
  if (newest <= before) return;
  ledger.set(KEYS.lastStoredRound(), u64(newest));
  const oldest = Math.max(Number(ledger.number(KEYS.oldestStoredRound())), newest - KEPT_ROUNDS, 1);
  ledger.set(KEYS.oldestStoredRound(), u64(oldest));
  // After a long pause, those of which the event tells are the last ones.
  const rounds = Array.from({ length: Math.min(newest - before, 100) }, (_, back) => newest - back).reverse();
  ledger.emit(DRAND, 1, vector(rounds.map(u64)));
}

function intervene(ledger: Ledger, intervention: Intervention, block: number): void {
  if (intervention.kind === "fund") {
    ledger.deposit(intervention.who, intervention.rao);
    ledger.emit(BALANCES, 7, intervention.who, u64(intervention.rao));
    ledger.set(KEYS.totalIssuance(), u64(ledger.number(KEYS.totalIssuance()) + intervention.rao));
    return;
  }
  const { netuid, hotkey, coldkey } = intervention;
  if (ledger.get(KEYS.uids(netuid, hotkey)) !== undefined) return;
  const uid = Number(ledger.number(KEYS.subnetworkN(netuid)));
  ledger.set(KEYS.subnetworkN(netuid), u16(uid + 1));
  ledger.set(KEYS.uids(netuid, hotkey), u16(uid));
  ledger.set(KEYS.keys(netuid, uid), hotkey);
  ledger.set(KEYS.isNetworkMember(hotkey, netuid), u8(1));
  ledger.set(KEYS.owner(hotkey), coldkey);
  ledger.set(KEYS.blockAtRegistration(netuid, uid), u64(block));
  ledger.emit(SUBTENSOR, 6, u16(netuid), u16(uid), hotkey);
}

export type Genesis = {
  netuid: number;
  tempo: number;
  subnetTaoRao: bigint;
  subnetAlpha: bigint;
  /** Uid 0 on, in order. */
  neurons: readonly { hotkey: Buffer; coldkey: Buffer }[];
  funds: readonly { who: Buffer; rao: bigint }[];
  timestampMs: number;
  beacon: PulsingBeacon;
};

export function genesisState(genesis: Genesis): State {
  const { netuid, tempo, subnetTaoRao, subnetAlpha, neurons, funds, timestampMs, beacon } = genesis;
  const ledger = new Ledger(new Map());
  ledger.set(KEYS.number(), u32(0));
  ledger.set(KEYS.now(), u64(timestampMs));
  ledger.set(KEYS.networksAdded(netuid), u8(1));
  ledger.set(KEYS.tempo(netuid), u16(tempo));
  ledger.set(KEYS.subnetTao(netuid), u64(subnetTaoRao));
  ledger.set(KEYS.subnetAlphaIn(netuid), u64(subnetAlpha));
  ledger.set(KEYS.beaconConfig(), beacon.configuration());
  for (const { who, rao } of funds) intervene(ledger, { kind: "fund", who, rao }, 0);
  for (const neuron of neurons) intervene(ledger, { kind: "register", netuid, ...neuron }, 0);
  const newest = beacon.newestRound(timestampMs);
  ledger.set(KEYS.lastStoredRound(), u64(newest));
  ledger.set(KEYS.oldestStoredRound(), u64(newest));
  return ledger.state;
}

/** As `Drand.Pulses` holds it; null for one that never arrived. */
export function pulse(beacon: PulsingBeacon, round: number): Buffer | null {
  const signature = beacon.signatureOf(round);
  if (signature === null) return null;
  const randomness = createHash("sha256").update(signature).digest();
  return join(u64(round), bytes(randomness), bytes(signature));
}
