import { expect, test } from "vitest";
import type { ChainStatus } from "../../../common/chain.ts";
import { networkName, statusWords } from "./status-words.ts";

const CONNECTED: ChainStatus = {
  network: "finney",
  endpoint: "wss://node.example",
  state: "connected",
  block: 7_889_813,
  finalizedBlock: 7_889_811,
  blockTime: "2026-05-01T12:00:00.000Z",
  ageSeconds: 2,
  chainName: "Bittensor",
  specVersion: 343,
  problem: null,
};
const SLOW = { message: "No new block for 2 min.", hint: "Compare with another node." };

test("block, age and runtime; the age goes on between two words of the services", () => {
  expect(statusWords(CONNECTED, 10_000)).toEqual({ tone: "well", text: "#7,889,813, 12 s, spec 343", problem: "" });
  expect(statusWords({ ...CONNECTED, ageSeconds: -3600 }, 0).text).toBe("#7,889,813, 1 h ahead, spec 343");
  expect(statusWords({ ...CONNECTED, problem: SLOW }, 0)).toMatchObject({
    tone: "trouble",
    problem: "No new block for 2 min. Compare with another node.",
  });
});

test("before there is a block, and where there is no connection", () => {
  const nothing = { ...CONNECTED, block: null, blockTime: null, ageSeconds: null };
  expect(
    (["connecting", "connected", "reconnecting", "failed", "nowhere"] as const).map((state) => {
      const { tone, text } = statusWords({ ...nothing, state }, 0);
      return [tone, text];
    }),
  ).toEqual([
    ["working", "connecting"],
    ["working", "connected"],
    ["trouble", "reconnecting"],
    ["trouble", "no connection"],
    ["working", "not running"],
  ]);
});

test("a node's own address is named by its host", () => {
  expect(["finney", "wss://node.example:443/path", "ws://127.0.0.1:9944"].map(networkName)).toEqual([
    "finney",
    "node.example:443",
    "127.0.0.1:9944",
  ]);
});
