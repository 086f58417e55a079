import { expect, test } from "vitest";
import type { KeyReference, Signer } from "../../../common/wallets.ts";
import { extensionToConnect, type SignerSources, signerGroups, signerOfValue, signerValue } from "./signer-choices.ts";

const ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
const BOB = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";

const key = (place: KeyReference["place"], hotkey: string | null): KeyReference => ({ place, wallet: "w", hotkey });
const SOURCES: SignerSources = {
  role: "hotkey",
  network: "finney",
  keys: [
    { key: key("bittensor", null), address: ALICE, hasSecret: true },
    { key: key("bittensor", "own"), address: ALICE, hasSecret: true },
    { key: key("bittensor", "old"), address: null, hasSecret: true },
    { key: key("bittensor", "away"), address: BOB, hasSecret: false },
    { key: key("bittensor", "away2"), address: BOB, hasSecret: false },
    { key: key("practice", "h1"), address: BOB, hasSecret: true },
  ],
  found: ["asked", "new", "refused"],
  asked: {
    asked: {
      state: "connected",
      accounts: [
        { address: ALICE, name: "A" },
        { address: ALICE, name: "again" },
      ],
    },
    refused: { state: "refused" },
  },
};

const labels = (chosen: Signer | null, change: Partial<SignerSources> = {}) =>
  signerGroups(chosen, { ...SOURCES, ...change }).map(({ group, items }) => [group, items.map(({ label }) => label)]);

test("key files by network and role, extensions by what they said, and another machine", () => {
  expect(labels(null)).toEqual([
    ["Wallets of this machine", ["w / own  5Grwva...utQY", "w / old", "w / away, on another machine  5FHneW...94ty"]],
    ["Browser extensions", ["A (asked)  5Grwva...utQY", "Connect new...", "Ask refused again..."]],
    ["Another machine", ["Type an address..."]],
  ]);
  expect(labels(null, { role: "coldkey", found: [] })).toEqual([
    ["Wallets of this machine", ["w (coldkey)  5Grwva...utQY"]],
    ["Another machine", ["Type an address..."]],
  ]);
  expect(labels(null, { network: "practice", found: [] })).toEqual([
    ["Practice wallets", ["w / h1  5FHneW...94ty"]],
    ["Another machine", ["Type an address..."]],
  ]);
  expect(labels(null, { keys: [], found: [] })).toEqual([["Another machine", ["Type an address..."]]]);
});

test("what is chosen stays in the list where it is gone meanwhile", () => {
  const gone: Signer = { kind: "file", key: { place: "bittensor", wallet: "gone", hotkey: "h" } };
  expect(labels(gone, { found: [] })[0]).toEqual(["Chosen", ["gone / h"]]);
  expect(labels({ kind: "cold", address: ALICE }, { found: [] })[0]).toEqual([
    "Chosen",
    ["Another machine  5Grwva...utQY"],
  ]);
  // The one of a wallet whose key lies elsewhere.
  expect(labels({ kind: "cold", address: BOB }, { found: [] })[0]?.[0]).toBe("Wallets of this machine");
});

test("values are signers, or what is to be done for one", () => {
  const signers: Signer[] = [
    { kind: "file", key: key("practice", null) },
    { kind: "file", key: { place: "bittensor", wallet: 'odd"name', hotkey: "connect:x" } },
    { kind: "extension", address: ALICE },
    { kind: "cold", address: BOB },
  ];
  expect(signers.map((signer) => signerOfValue(signerValue(signer)))).toEqual(signers);
  expect(signers.map((signer) => extensionToConnect(signerValue(signer)))).toEqual([null, null, null, null]);
  const [, second] = signerGroups(null, SOURCES)[1]?.items ?? [];
  expect([extensionToConnect(second?.value ?? ""), signerOfValue(second?.value ?? "")]).toEqual(["new", null]);
  expect(signerOfValue("address")).toBeNull();
});
