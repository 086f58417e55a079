import { expect, test } from "vitest";
import { isAlmostOut, timeToSign } from "./signing-time.ts";

const PACE = { blockSeconds: 12 };
const NOW = Date.parse("2026-05-01T12:00:00.000Z");
const HEAD = { block: 1000, timeMs: NOW };
const inSeconds = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();
const hidden = (revealedInSeconds: number) => ({
  text: "",
  round: 1,
  encrypted: "0x" as const,
  time: inSeconds(revealedInSeconds),
});

test("until its era ends, by the chain's newest block and its pace", () => {
  expect([
    timeToSign({ lastBlock: 1014 }, null, PACE, HEAD),
    timeToSign({ lastBlock: 1014 }, hidden(240), PACE, HEAD),
    timeToSign({ lastBlock: 1000 }, null, PACE, HEAD),
    timeToSign({ lastBlock: 930 }, null, PACE, HEAD),
  ]).toEqual([
    { block: 1014, blocksLeft: 14, time: inSeconds(168) },
    { block: 1014, blocksLeft: 14, time: inSeconds(168) },
    { block: 1000, blocksLeft: 0, time: inSeconds(0) },
    { block: 1000, blocksLeft: 0, time: inSeconds(0) },
  ]);
});

test("until two blocks before its round is out, where the chain was slower than its pace", () => {
  const left = [61, 60, 49, 48, 25, 24, 0, -600].map((seconds) => {
    const { blocksLeft } = timeToSign({ lastBlock: 1014 }, hidden(seconds), PACE, HEAD);
    return [seconds, blocksLeft, isAlmostOut(PACE, hidden(seconds), HEAD)];
  });
  expect(left).toEqual([
    [61, 4, false],
    [60, 3, false],
    [49, 3, false],
    [48, 2, false],
    [25, 1, false],
    [24, 0, true],
    [0, 0, true],
    [-600, 0, true],
  ]);
});
