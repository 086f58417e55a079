import { expect, test } from "vitest";
import type { Board, BoardEntry } from "../../../common/arena.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { ageText, blockText, ownText, reasonOf, rewardText, shortHotkey, sourceStanding, stateMark } from "./words.ts";

const NOW_MS = Date.parse("2026-05-01T12:00:00Z");
const HOUR_AGO = "2026-05-01T11:00:00.000Z";

test("a source that answers, one that is away, one that was never there, one that was removed", () => {
  const problem = new CrusaderError("server_unreachable", "It does not answer.").report();
  const standing = (source: Partial<Parameters<typeof sourceStanding>[0]>) =>
    sourceStanding({ kind: "api", seenAt: HOUR_AGO, problem: null, ...source }, NOW_MS);
  expect(standing({})).toEqual({ tone: "well", text: "Seen 1 h ago" });
  expect(standing({ problem })).toEqual({ tone: "trouble", text: "Offline; shown is what it said 1 h ago" });
  expect(standing({ problem, seenAt: null }).text).toBe("Offline; nothing was ever seen of it");
  expect(standing({ seenAt: null })).toEqual({ tone: "working", text: "Reading it for the first time" });
  expect(standing({ kind: "kept" }).text).toBe("Removed; what was seen of it until 1 h ago is kept");
});

test("ages, and addresses by their ends", () => {
  expect(ageText("2026-05-01T12:00:09.000Z", NOW_MS)).toBe("0 s ago");
  expect(ageText(null, NOW_MS)).toBe("");
  expect(shortHotkey("5F3sa2TJAWMqDhXG6jhV4N8ko9SxwGy8TpaNS1repo5EYjQX")).toBe("5F3sa2...5EYjQX");
  expect(shortHotkey("5Short")).toBe("5Short");
});

test("states keep the server's own word, failures their code", () => {
  expect(stateMark({ state: "finished", status: "finished", errorCode: null })).toEqual({
    mark: "info",
    word: "finished",
  });
  expect(stateMark({ state: "failed", status: "failed_evaluation", errorCode: "loss_mismatch" })).toEqual({
    mark: "failed",
    word: "loss_mismatch",
  });
  expect(stateMark({ state: "unknown", status: "odd", errorCode: null }).word).toBe("odd");
  expect([
    reasonOf({ errorCode: "loss_mismatch", error: "loss_mismatch: 0.6" }),
    reasonOf({ errorCode: null, error: "what else" }),
    reasonOf({ errorCode: null, error: " " }),
  ]).toEqual(["loss_mismatch", "other reasons", "no reason given"]);
});

const THRESHOLD: Board["threshold"] = {
  state: { current: 0.06, lastUpdateBlock: 2000 },
  lastImprovement: null,
  updatedAt: null,
  rules: { baseThreshold: 0.01, decayPercent: 0.05, decayIntervalBlocks: 100 },
  block: 2300,
  blockFrom: "source",
  now: 0.05,
  sourceNow: null,
  scoreToPass: 63,
};
const BOARD = { leader: { score: 60 } as BoardEntry, threshold: THRESHOLD };
const OWN: Board["own"][number] = {
  score: 61.2,
  from: { kind: "run", runId: "12" },
  isLeader: false,
  passesAtBlock: 5138,
  passesAtTime: "2026-05-01T15:00:00.000Z",
};

test("an own best passes at a block, passes now, leads, or never does", () => {
  expect(ownText(OWN, BOARD, NOW_MS)).toMatch(
    /^Your best of 61\.20 % \(run 12\) passes the leader at block 5,138 \(in 3 h, 2026-05-01, \d\d:\d\d\) if nothing happens\.$/,
  );
  expect(ownText({ ...OWN, passesAtTime: HOUR_AGO }, BOARD, NOW_MS)).toMatch(
    /passes the leader since block 5,138 \(2026-05-01, \d\d:00\) if nothing happened meanwhile\.$/,
  );
  expect(ownText({ ...OWN, passesAtBlock: 2300 }, BOARD, NOW_MS)).toMatch(
    /would pass the leader now; to pass it in turn, more than 62\.42 % would be needed at first\.$/,
  );
  expect(ownText({ ...OWN, isLeader: true }, BOARD, NOW_MS)).toMatch(/ leads\.$/);
  expect(ownText({ ...OWN, score: 60.5, passesAtBlock: null }, BOARD, NOW_MS)).toMatch(
    /never passes the leader: more than 60\.60 % is needed when the threshold has decayed to \+1\.00 %\.$/,
  );
  expect(ownText({ ...OWN, passesAtTime: null }, BOARD, NOW_MS)).toMatch(/more than a hundred years away/);
  const withoutBlock = { ...BOARD, threshold: { ...THRESHOLD, block: null, blockFrom: null } };
  expect(ownText({ ...OWN, passesAtBlock: null }, withoutBlock, NOW_MS)).toMatch(/is not known without a block\.$/);
  expect(ownText(OWN, { ...BOARD, leader: null }, NOW_MS)).toMatch(/nobody leads yet\.$/);
});

test("where the block is from, and what the winner earns", () => {
  expect(blockText(THRESHOLD)).toBe("at block 2,300, by the source's own threshold");
  expect(blockText({ ...THRESHOLD, blockFrom: "asked" })).toBe("at block 2,300, the chain's newest");
  expect(blockText({ ...THRESHOLD, blockFrom: "newest_submission" })).toMatch(/that of the newest submission$/);
  expect(blockText({ ...THRESHOLD, block: null, blockFrom: null })).toMatch(/^before its decay/);
  expect(rewardText({ reward: { burnRate: 1, winnerShare: 0 } })).toMatch(/^Nothing/);
  expect(rewardText({ reward: { burnRate: 0.9, winnerShare: 0.09999999999999998 } })).toBe(
    "10 % of the miners' emission; 90 % is burned.",
  );
  expect(rewardText({ reward: null })).toBeNull();
});
