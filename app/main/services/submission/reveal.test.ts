import { expect, test } from "vitest";
import { type RevealSight, revealOutcome } from "./reveal.ts";

const HIDDEN = { text: "ours", round: 100, encrypted: "0xAB" };
const SIGHT: RevealSight = {
  hidden: HIDDEN,
  committedBlock: 50,
  pending: { block: 50, revealRound: 100, encrypted: "0xab" },
  revealed: [],
  lastStoredRound: 90,
  outForMs: -30_000,
};
const came = (text: string | null, block: number) => ({ text, bytes: new Uint8Array(), block });

test.each<[string, Partial<RevealSight>, ReturnType<typeof revealOutcome>]>([
  ["it waits for its round", {}, { kind: "waiting" }],
  ["its round is just out", { outForMs: 20_000, lastStoredRound: 100 }, { kind: "waiting" }],
  ["its round is long out, without a pulse", { outForMs: 61_000 }, { kind: "late" }],
  ["it came out", { pending: null, revealed: [came("ours", 60)] }, { kind: "revealed", block: 60, text: "ours" }],
  [
    "it came out, and others since",
    { pending: null, revealed: [came("ours", 60), came("next", 480)], lastStoredRound: 999 },
    { kind: "revealed", block: 60, text: "ours" },
  ],
  ["what came out before it says nothing", { revealed: [came("before", 40), came("ours", 50)] }, { kind: "waiting" }],
  [
    "another text came out",
    { pending: null, revealed: [came("theirs", 60)] },
    { kind: "differs", block: 60, text: "theirs" },
  ],
  [
    "bytes that are no text came out",
    { pending: null, revealed: [came(null, 60)] },
    { kind: "differs", block: 60, text: null },
  ],
  [
    "another commitment took its place",
    { pending: { block: 55, revealRound: 120, encrypted: "0xcd" } },
    { kind: "replaced", block: 55 },
  ],
  [
    "a commitment of another kind took its place",
    { pending: { block: 55, revealRound: null, encrypted: null } },
    { kind: "replaced", block: 55 },
  ],
  ["the chain dropped it at its round", { pending: null, lastStoredRound: 100 }, { kind: "lost" }],
  [
    "a node that is behind shows the one before",
    { pending: { block: 30, revealRound: 60, encrypted: "0x12" } },
    { kind: "waiting" },
  ],
  [
    "the chain keeps ten, all newer: ours may have been there",
    { pending: null, lastStoredRound: 999, revealed: Array.from({ length: 10 }, (_, index) => came("x", 60 + index)) },
    { kind: "waiting" },
  ],
])("%s", (_name, change, outcome) => {
  expect(revealOutcome({ ...SIGHT, ...change })).toEqual(outcome);
});
