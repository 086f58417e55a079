import { describe, expect, test } from "vitest";
import {
  blockOfDecayed,
  type Finished,
  passes,
  passesAtBlock,
  rankBoard,
  scoreToPass,
  type ThresholdRules,
  thresholdAfter,
  thresholdAt,
} from "./leader.ts";

/** Of hparams-2026-04: one percent, and every 100 blocks a twentieth of what is above it goes. */
const RULES: ThresholdRules = { baseThreshold: 0.01, decayPercent: 0.05, decayIntervalBlocks: 100 };

const at = (submissionId: string, score: number, createdMs: number | null): Finished => ({
  submissionId,
  score,
  createdMs,
});
const order = (board: { submissionId: string }[]) => board.map(({ submissionId }) => submissionId);

// By hand: a leader went from 50 to 55, so the threshold became 10 %. After 100 blocks 0.01 + 0.09 * 0.95 = 0.0955; after
// 200, 0.01 + 0.09 * 0.9025 = 0.091225; after 50, 0.01 + 0.09 * sqrt(0.95) = 0.0977211...
test.each([
  [1000, 0.1],
  [1050, 0.01 + 0.09 * Math.sqrt(0.95)],
  [1100, 0.0955],
  [1200, 0.091225],
  [900, 0.1],
  [10_000_000, 0.01],
])("at block %i a threshold of 10 %% is %d", (block, expected) => {
  expect(thresholdAfter(55, 50, RULES)).toBeCloseTo(0.1, 12);
  expect(thresholdAt({ current: 0.1, lastUpdateBlock: 1000 }, RULES, block)).toBeCloseTo(expected, 12);
});

test("a small improvement leaves the base, and so does the first leader", () => {
  expect([thresholdAfter(50.1, 50, RULES), thresholdAfter(50, 0, RULES)]).toEqual([0.01, 0.01]);
});

test("to pass is to be better than the leader by more than the threshold", () => {
  expect(scoreToPass(60, 0.02)).toBeCloseTo(61.2, 12);
  expect([passes(60, 60, 0), passes(60.000001, 60, 0), passes(61, 60, 0.02), passes(61.3, 60, 0.02)]).toEqual([
    false,
    true,
    false,
    true,
  ]);
});

describe("when a score passes if nothing happens", () => {
  const state = { current: 0.1, lastUpdateBlock: 1000 };

  // 61.2 against 60 needs a threshold under 0.02: 0.09 * 0.95 ** (n / 100) < 0.01 holds from n = 4283.6... on.
  test("by hand", () => {
    expect((Math.log(1 / 9) / Math.log(0.95)) * 100).toBeCloseTo(4283.64, 1);
    expect(passesAtBlock(61.2, 60, state, RULES, 1000)).toBe(1000 + 4284);
    expect(passesAtBlock(61.2, 60, state, RULES, 9000)).toBe(9000);
    expect(passesAtBlock(67, 60, state, RULES, 1000)).toBe(1000);
  });

  test("never, where it is not above the base", () => {
    expect(passesAtBlock(60.6, 60, state, RULES, 1000)).toBeNull();
    expect(passesAtBlock(61.2, 60, state, { ...RULES, decayPercent: 0 }, 1000)).toBeNull();
    expect(passesAtBlock(50, 60, state, RULES, 1000)).toBeNull();
  });
});

test("the block of a decayed threshold, and none where it has decayed", () => {
  const state = { current: 0.1, lastUpdateBlock: 1000 };
  expect(blockOfDecayed(0.0955, state, RULES)).toBe(1100);
  expect(blockOfDecayed(0.1, state, RULES)).toBe(1000);
  expect(blockOfDecayed(0.01, state, RULES)).toBeNull();
  expect(blockOfDecayed(0.2, state, RULES)).toBeNull();
  expect(blockOfDecayed(0.01, { current: 0.01, lastUpdateBlock: 1000 }, RULES)).toBeNull();
});

describe("the board", () => {
  // a leads; b is better by 1.8 %, too little; c is better than a by 4 % and leads; d is better than c by 0.5 %.
  const entries = [at("a", 50, 1), at("b", 50.9, 2), at("c", 52, 3), at("d", 52.26, 4)];

  test("by hand, with today's threshold of two percent", () => {
    expect(rankBoard(entries, 0.02)).toEqual([
      { ...at("c", 52, 3), rank: 1, scoreRank: 2 },
      { ...at("d", 52.26, 4), rank: 2, scoreRank: 1 },
      { ...at("b", 50.9, 2), rank: 3, scoreRank: 3 },
      { ...at("a", 50, 1), rank: 4, scoreRank: 4 },
    ]);
  });

  test("today's threshold decides about the past too", () => {
    expect(order(rankBoard(entries, 0.001))).toEqual(["d", "c", "b", "a"]);
    expect(order(rankBoard(entries, 0.05))).toEqual(["a", "d", "c", "b"]);
  });

  test("an older one of the same score stays before a newer; one without a time is the newest", () => {
    expect(order(rankBoard([at("x", 50, null), at("b", 50, 2), at("a", 50, 2), at("z", 50, 1)], 0))).toEqual([
      "z",
      "a",
      "b",
      "x",
    ]);
  });

  test("nobody finished", () => {
    expect(rankBoard([], 0.02)).toEqual([]);
  });
});

describe("for any board", () => {
  const boards = Array.from({ length: 300 }, (_, seed) => randomBoard(seed + 1));

  test("the order of arrival does not matter", () => {
    for (const { random, entries, threshold } of boards) {
      const shuffled = entries.toSorted(() => random() - 0.5);
      expect(rankBoard(shuffled, threshold)).toEqual(rankBoard(entries, threshold));
    }
  });

  test("each has one rank of either kind, and behind the leader scores only fall", () => {
    for (const { entries, threshold } of boards) {
      const board = rankBoard(entries, threshold);
      const places = entries.map((_, index) => index + 1);
      expect(board.map(({ rank }) => rank)).toEqual(places);
      expect(board.map(({ scoreRank }) => scoreRank).toSorted((a, b) => a - b)).toEqual(places);
      const scores = board.slice(1).map(({ score }) => score);
      expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    }
  });

  test("no newer one passes the leader, and no better one is older", () => {
    for (const { entries, threshold } of boards) {
      const [leader, ...others] = rankBoard(entries, threshold);
      if (leader === undefined) throw new Error("a board without entries");
      for (const { score, createdMs } of others) {
        const newer = (createdMs ?? 0) > (leader.createdMs ?? 0);
        expect(newer && passes(score, leader.score, threshold)).toBe(false);
        expect(!newer && createdMs !== leader.createdMs && score > leader.score).toBe(false);
      }
    }
  });

  test("without a threshold the leader is the best", () => {
    for (const { entries } of boards) expect(rankBoard(entries, 0)[0]?.scoreRank).toBe(1);
  });
});

test("for any threshold: it falls from block to block, stays above its base, and tells its block", () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = randomOf(seed);
    const rules = { baseThreshold: random() * 0.05, decayPercent: 0.01 + random() * 0.9, decayIntervalBlocks: 100 };
    const state = { current: rules.baseThreshold + random(), lastUpdateBlock: Math.floor(random() * 1e6) };
    const blocks = Math.floor(random() * 400);
    const [now, later] = [blocks, blocks + 1].map((each) => thresholdAt(state, rules, state.lastUpdateBlock + each));
    if (now === undefined || later === undefined) throw new Error("two thresholds");
    expect(later).toBeLessThan(now);
    expect(later).toBeGreaterThan(rules.baseThreshold);
    expect(now).toBeLessThanOrEqual(state.current);
    const share = (now - rules.baseThreshold) / (state.current - rules.baseThreshold);
    if (share > 1e-5) expect(blockOfDecayed(now, state, rules)).toBe(state.lastUpdateBlock + blocks);
  }
});

test("for any score: the block at which it passes is the first one", () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = randomOf(seed);
    const state = { current: 0.01 + random() * 0.5, lastUpdateBlock: 1000 };
    const [score, leader, from] = [50 + random() * 30, 50 + random() * 10, 1000 + Math.floor(random() * 500)];
    const block = passesAtBlock(score, leader, state, RULES, from);
    const passesThen = (each: number) => passes(score, leader, thresholdAt(state, RULES, each));
    expect(block === null ? passesThen(from + 1e8) : passesThen(block)).toBe(block !== null);
    if (block !== null && block > from) expect(passesThen(block - 1)).toBe(false);
  }
});

function randomBoard(seed: number) {
  const random = randomOf(seed);
  // Few scores and times, so that equal ones occur.
  const entries = Array.from({ length: 1 + Math.floor(random() * 25) }, (_, index) =>
    at(`v1_commit_${index}_0`, 40 + Math.floor(random() * 20), 1 + Math.floor(random() * 20)),
  );
  return { random, entries, threshold: random() * 0.2 };
}

/** Mulberry32: the same numbers for a seed everywhere. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
