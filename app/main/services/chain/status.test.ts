import { expect, test } from "vitest";
import { type LinkFacts, silenceLimitSeconds, statusOf } from "./status.ts";

const NOW_MS = Date.parse("2026-05-01T12:00:00Z");
const GOOD: LinkFacts = {
  network: "finney",
  endpoint: "wss://node.example",
  state: "connected",
  head: { block: 1000, finalizedBlock: 997, timeMs: NOW_MS - 5000 },
  silentSeconds: 5,
  silenceLimitSeconds: 72,
  secondsPerBlock: 12,
  isSyncing: false,
  chainName: "Bittensor",
  specVersion: 343,
  differences: [],
  failure: null,
};

test("a connection as it should be", () => {
  expect(statusOf(GOOD, NOW_MS)).toEqual({
    network: "finney",
    endpoint: "wss://node.example",
    state: "connected",
    block: 1000,
    finalizedBlock: 997,
    blockTime: "2026-05-01T11:59:55.000Z",
    ageSeconds: 5,
    chainName: "Bittensor",
    specVersion: 343,
    problem: null,
  });
});

test("before anything is known, nothing is said", () => {
  const facts: LinkFacts = { ...GOOD, state: "connecting", head: null, chainName: null, specVersion: null };
  expect(statusOf(facts, NOW_MS)).toMatchObject({ block: null, blockTime: null, ageSeconds: null, problem: null });
});

test("the first thing that stands in the way is named", () => {
  const at = (timeMs: number, change: Partial<LinkFacts> = {}) =>
    statusOf({ ...GOOD, head: { block: 1000, finalizedBlock: 997, timeMs }, ...change }, NOW_MS).problem?.message ??
    null;
  expect([
    at(NOW_MS, { failure: { message: "The node cannot be reached.", hint: "" }, isSyncing: true }),
    at(NOW_MS, { isSyncing: true, silentSeconds: 100 }),
    at(NOW_MS - 100_000, { silentSeconds: 100 }),
    at(NOW_MS - 72_000),
    at(NOW_MS - 3_600_000),
    at(NOW_MS + 7_200_000),
    at(NOW_MS, { head: { block: 1000, finalizedBlock: 980, timeMs: NOW_MS } }),
    at(NOW_MS, { head: { block: 1000, finalizedBlock: 979, timeMs: NOW_MS } }),
    at(NOW_MS, { head: { block: 1000, finalizedBlock: null, timeMs: NOW_MS } }),
    at(NOW_MS, { differences: ["A call has another number.", "Another, too."] }),
  ]).toEqual([
    "The node cannot be reached.",
    "The node is catching up with the chain.",
    "No new block for 2 min.",
    null,
    "This machine's clock is 1 h ahead of the chain's.",
    "This machine's clock is 2 h behind the chain's.",
    null,
    "The last finalized block is 21 blocks behind the newest.",
    null,
    "A call has another number.",
  ]);
});

test("a chain stands still after six blocks, a fast one after half a minute", () => {
  expect([silenceLimitSeconds(12), silenceLimitSeconds(0.25)]).toEqual([72, 30]);
});
