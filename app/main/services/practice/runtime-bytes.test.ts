import { readFileSync } from "node:fs";
import { expandMetadata, Metadata } from "@polkadot/types";
import type { Event } from "@polkadot/types/interfaces";
import { expect, test } from "vitest";
import { readExtrinsic, timestampExtrinsic } from "./extrinsic.ts";
import { encodeMetadata } from "./metadata.ts";
import { registryFor } from "./node-for-tests.ts";
import { bytes, join, u8 } from "./scale.ts";
import { KEYS } from "./storage-keys.ts";

/** Made with the real runtime's metadata (spec 343). Accounts are 32 x 0x11 and 32 x 0x22. */
const REAL: {
  storage: Record<string, string>;
  calls: Record<string, string>;
  events: { bytes: string; name: string; data: unknown }[];
} = JSON.parse(readFileSync(new URL("../../../../fixtures/practice/runtime-bytes.json", import.meta.url), "utf8"));

const A = Buffer.alloc(32, 0x11);
const B = Buffer.alloc(32, 0x22);

const encoded = encodeMetadata({ version: Buffer.alloc(40), beaconConfiguration: Buffer.alloc(16) });
const registry = registryFor(encoded);
const { tx, query } = expandMetadata(registry, new Metadata(registry, encoded));

test("values lie where the real runtime keeps them", () => {
  const ours = Object.fromEntries(
    Object.keys(REAL.storage).map((name) => {
      const own = KEYS as unknown as Record<string, (...parts: unknown[]) => string>;
      return [name, own[name]?.(...(KEY_PARTS[name] ?? []))];
    }),
  );
  expect(ours).toEqual(REAL.storage);
});

const KEY_PARTS: Record<string, unknown[]> = {
  account: [A],
  blockHash: [7],
  owner: [A],
  subnetTao: [3],
  subnetAlphaIn: [3],
  tempo: [3],
  subnetworkN: [3],
  networksAdded: [3],
  isNetworkMember: [A, 3],
  uids: [3, A],
  keys: [3, 1],
  blockAtRegistration: [3, 1],
  commitmentOf: [3, A],
  lastCommitment: [3, A],
  revealedCommitments: [3, A],
  usedSpaceOf: [3, A],
  pulses: [1000],
};

test("a client that goes by our metadata looks for them there, too", () => {
  const keyOf = (pallet: string, item: string, ...parts: unknown[]) =>
    // Behind its length, as clients hold it.
    Buffer.from(query[pallet]?.[item]?.(...parts) ?? []).toString("hex");
  expect([
    keyOf("system", "account", A),
    keyOf("subtensorModule", "uids", 3, A),
    keyOf("subtensorModule", "keys", 3, 1),
    keyOf("commitments", "commitmentOf", 3, A),
    keyOf("drand", "pulses", 1000),
  ]).toEqual(
    ["account", "uids", "keys", "commitmentOf", "pulses"].map((name) => {
      const key = Buffer.from(REAL.storage[name] ?? "", "hex");
      return bytes(key).toString("hex");
    }),
  );
});

test("calls made by our metadata have the real runtime's bytes", () => {
  const made = {
    remark: tx.system?.remark?.("0x0102"),
    transfer_allow_death: tx.balances?.transferAllowDeath?.({ Id: A }, 1_000_000_000),
    transfer_keep_alive: tx.balances?.transferKeepAlive?.({ Id: A }, 5),
    add_stake: tx.subtensorModule?.addStake?.(A, 3, 50_000_000),
    transfer_stake: tx.subtensorModule?.transferStake?.(A, B, 3, 3, 1_234_567_890),
    set_commitment: tx.commitments?.setCommitment?.(3, {
      fields: [{ TimelockEncrypted: { encrypted: "0x010203", revealRound: 1000 } }],
    }),
    set_commitment_raw: tx.commitments?.setCommitment?.(3, { fields: [{ Raw3: "0x010203" }] }),
    set_timestamp: tx.timestamp?.set?.(1_700_000_000_000),
  };
  const hex = Object.fromEntries(Object.entries(made).map(([name, call]) => [name, call?.toHex()]));
  expect(hex).toEqual(REAL.calls);
});

test("the real runtime's calls are read as what they are", () => {
  const read = (name: string) => {
    const call = Buffer.from((REAL.calls[name] ?? "").slice(2), "hex");
    const extra = Buffer.of(0, 0, 0, 0);
    return readExtrinsic(bytes(join(u8(0x84), u8(0), A, u8(1), Buffer.alloc(64), extra, call))).call;
  };
  expect(["remark", "transfer_allow_death", "add_stake", "transfer_stake"].map(read)).toEqual([
    { kind: "remark" },
    { kind: "transfer", destination: A, rao: 1_000_000_000n },
    { kind: "add_stake", hotkey: A, netuid: 3, rao: 50_000_000n },
    {
      kind: "transfer_stake",
      destination: A,
      hotkey: B,
      originNetuid: 3,
      destinationNetuid: 3,
      alpha: 1_234_567_890n,
    },
  ]);
  expect(["set_commitment", "set_commitment_raw"].map(read)).toMatchObject([
    {
      netuid: 3,
      fields: [{ kind: "timelock", encrypted: Buffer.of(1, 2, 3), revealRound: 1000n }],
    },
    { netuid: 3, fields: [{ kind: "other", byteCount: 3 }] },
  ]);
  expect(() => read("set_timestamp")).toThrow("this runtime has no call 0 of a pallet 2");
  const timestamp = Buffer.from((REAL.calls.set_timestamp ?? "").slice(2), "hex");
  expect(timestampExtrinsic(1_700_000_000_000)).toEqual(bytes(join(u8(4), timestamp)));
});

test("the real runtime's events are read by our metadata as by its own", () => {
  const read = REAL.events.map(({ bytes: event }) => {
    const { section, method, data } = registry.createType("Event", Buffer.from(event, "hex")) as unknown as Event;
    return { bytes: event, name: `${section}.${method}`, data: data.toJSON() };
  });
  expect(read).toEqual(REAL.events);
});

test("errors have the real runtime's names", () => {
  const nameOf = (index: number, error: number) => {
    const { section, name } = registry.findMetaError(Uint8Array.of(index, error));
    return `${section}.${name}`;
  };
  expect([nameOf(7, 9), nameOf(7, 12), nameOf(7, 79), nameOf(18, 1), nameOf(18, 2), nameOf(5, 2)]).toEqual([
    "subtensorModule.NotEnoughStakeToWithdraw",
    "subtensorModule.NotEnoughBalanceToStake",
    "subtensorModule.AmountTooLow",
    "commitments.AccountNotAllowedCommit",
    "commitments.SpaceLimitExceeded",
    "balances.InsufficientBalance",
  ]);
});
