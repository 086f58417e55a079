/** Where the runtime keeps its values: keys as hexadecimal digits, without 0x. */
import { blake2b } from "@noble/hashes/blake2.js";
import { xxhashAsU8a } from "@polkadot/util-crypto";
import { u16, u32, u64 } from "./scale.ts";

export function blake2_256(value: Uint8Array): Buffer {
  return Buffer.from(blake2b(value, { dkLen: 32 }));
}

const twox = (value: Uint8Array | string, bits: 64 | 128) => Buffer.from(xxhashAsU8a(value, bits, true));
const twox64Concat = (value: Uint8Array) => Buffer.concat([twox(value, 64), value]);
const blake2Concat = (value: Uint8Array) => Buffer.concat([blake2b(value, { dkLen: 16 }), value]);

const prefixes = new Map<string, string>();

export function prefixOf(pallet: string, item: string): string {
  const name = `${pallet}.${item}`;
  const known = prefixes.get(name);
  if (known !== undefined) return known;
  const prefix = Buffer.concat([twox(pallet, 128), twox(item, 128)]).toString("hex");
  prefixes.set(name, prefix);
  return prefix;
}

function keyOf(pallet: string, item: string, ...parts: Uint8Array[]): string {
  return prefixOf(pallet, item) + Buffer.concat(parts).toString("hex");
}

const ofSubnetAndAccount = (item: string) => (netuid: number, who: Uint8Array) =>
  keyOf("Commitments", item, u16(netuid), twox64Concat(who));
const ofSubnet = (item: string) => (netuid: number) => keyOf("SubtensorModule", item, u16(netuid));

export const KEYS = {
  account: (who: Uint8Array) => keyOf("System", "Account", blake2Concat(who)),
  blockHash: (block: number) => keyOf("System", "BlockHash", twox64Concat(u32(block))),
  number: () => keyOf("System", "Number"),
  parentHash: () => keyOf("System", "ParentHash"),
  digest: () => keyOf("System", "Digest"),
  events: () => keyOf("System", "Events"),
  eventCount: () => keyOf("System", "EventCount"),
  now: () => keyOf("Timestamp", "Now"),
  totalIssuance: () => keyOf("Balances", "TotalIssuance"),
  owner: (hotkey: Uint8Array) => keyOf("SubtensorModule", "Owner", blake2Concat(hotkey)),
  subnetTao: ofSubnet("SubnetTAO"),
  subnetAlphaIn: ofSubnet("SubnetAlphaIn"),
  tempo: ofSubnet("Tempo"),
  subnetworkN: ofSubnet("SubnetworkN"),
  networksAdded: ofSubnet("NetworksAdded"),
  isNetworkMember: (hotkey: Uint8Array, netuid: number) =>
    keyOf("SubtensorModule", "IsNetworkMember", blake2Concat(hotkey), u16(netuid)),
  lastUpdate: ofSubnet("LastUpdate"),
  uids: (netuid: number, hotkey: Uint8Array) => keyOf("SubtensorModule", "Uids", u16(netuid), blake2Concat(hotkey)),
  keys: (netuid: number, uid: number) => keyOf("SubtensorModule", "Keys", u16(netuid), u16(uid)),
  blockAtRegistration: (netuid: number, uid: number) =>
    keyOf("SubtensorModule", "BlockAtRegistration", u16(netuid), u16(uid)),
  /** Not in the metadata, and in a form of our own: clients ask the runtime's API for it. */
  stake: (hotkey: Uint8Array, coldkey: Uint8Array, netuid: number) =>
    keyOf("Practice", "Stake", hotkey, coldkey, u16(netuid)),
  timelockedIndex: () => keyOf("Commitments", "TimelockedIndex"),
  commitmentOf: ofSubnetAndAccount("CommitmentOf"),
  lastCommitment: ofSubnetAndAccount("LastCommitment"),
  revealedCommitments: ofSubnetAndAccount("RevealedCommitments"),
  usedSpaceOf: ofSubnetAndAccount("UsedSpaceOf"),
  maxSpace: () => keyOf("Commitments", "MaxSpace"),
  beaconConfig: () => keyOf("Drand", "BeaconConfig"),
  pulses: (round: number) => keyOf("Drand", "Pulses", blake2Concat(u64(round))),
  lastStoredRound: () => keyOf("Drand", "LastStoredRound"),
  oldestStoredRound: () => keyOf("Drand", "OldestStoredRound"),
};
