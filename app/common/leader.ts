/**
 * Who leads, and what it takes to pass (spec/evaluation.md section 5, "Leader rule"). Pure; thresholds are shares (0.01 is
 * one percent), scores MFU in percent.
 */

/** `adaptive_threshold` of a profile. */
export type ThresholdRules = {
  baseThreshold: number;
  /** Share of what is above the base that an interval takes away. */
  decayPercent: number;
  decayIntervalBlocks: number;
};

/** What a new leader left behind: from that block on it decays. */
export type ThresholdState = { current: number; lastUpdateBlock: number };

/** What the rule needs to know of a finished submission. */
export type Finished = {
  submissionId: string;
  /** MFU in percent. */
  score: number;
  /** Milliseconds since 1970; null where nobody says: then it counts as newer than all that have a time. */
  createdMs: number | null;
};

export type Ranked<T> = T & {
  /** By the leader rule: 1 is the leader, the others follow by score. */
  rank: number;
  /** By score alone, the older of two equal ones first. */
  scoreRank: number;
};

/** Blocks further away than this are no forecast: about 38 years. */
const MAX_BLOCKS_AHEAD = 100_000_000;

/** What is left of a threshold at a block; before `lastUpdateBlock`, all of it. */
export function thresholdAt(
  { current, lastUpdateBlock }: ThresholdState,
  rules: ThresholdRules,
  block: number,
): number {
  const { baseThreshold, decayPercent, decayIntervalBlocks } = rules;
  const blocksSince = Math.max(0, block - lastUpdateBlock);
  return baseThreshold + (current - baseThreshold) * (1 - decayPercent) ** (blocksSince / decayIntervalBlocks);
}

/** The threshold that a new leader leaves: by how much it was better, at least the base. */
export function thresholdAfter(score: number, oldScore: number, { baseThreshold }: ThresholdRules): number {
  return oldScore > 0 ? Math.max(baseThreshold, score / oldScore - 1) : baseThreshold;
}

/** More than this is needed to replace a leader with that score. */
export function scoreToPass(leaderScore: number, threshold: number): number {
  return leaderScore * (1 + threshold);
}

export function passes(score: number, leaderScore: number, threshold: number): boolean {
  return score > scoreToPass(leaderScore, threshold);
}

/**
 * The first block from `fromBlock` on at which a score passes the leader if nothing happens; null where it never does, as
 * the threshold does not fall below its base.
 */
export function passesAtBlock(
  score: number,
  leaderScore: number,
  state: ThresholdState,
  rules: ThresholdRules,
  fromBlock: number,
): number | null {
  const passesAt = (block: number) => passes(score, leaderScore, thresholdAt(state, rules, block));
  if (passesAt(fromBlock)) return fromBlock;
  let [before, after] = [fromBlock, fromBlock + MAX_BLOCKS_AHEAD];
  if (!passesAt(after)) return null;
  // The threshold only falls between the two.
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (passesAt(middle)) after = middle;
    else before = middle;
  }
  return after;
}

/**
 * The block that a server's decayed threshold was computed for: the decay turned around, to the nearest block. Null where
 * nothing can be told, as the threshold is (almost) its base.
 */
export function blockOfDecayed(decayed: number, state: ThresholdState, rules: ThresholdRules): number | null {
  const share = (decayed - rules.baseThreshold) / (state.current - rules.baseThreshold);
  if (!(share > 1e-6 && share <= 1) || !(rules.decayPercent > 0 && rules.decayPercent < 1)) return null;
  const blocks = (Math.log(share) / Math.log(1 - rules.decayPercent)) * rules.decayIntervalBlocks;
  return state.lastUpdateBlock + Math.round(blocks);
}

/**
 * The board: the leader by the rule, applied with one threshold to all in order of creation, then the others by score.
 * The same for every order in which they are given. Those of one time count in the order of their ids.
 */
export function rankBoard<T extends Finished>(finished: readonly T[], threshold: number): Ranked<T>[] {
  const byScore = finished.toSorted((a, b) => b.score - a.score || olderFirst(a, b));
  let leader: T | undefined;
  for (const candidate of finished.toSorted(olderFirst)) {
    if (leader === undefined || passes(candidate.score, leader.score, threshold)) leader = candidate;
  }
  const ranked = byScore.map((submission, index) => ({ submission, scoreRank: index + 1 }));
  return [
    ...ranked.filter(({ submission }) => submission === leader),
    ...ranked.filter(({ submission }) => submission !== leader),
  ].map(({ submission, scoreRank }, index) => ({ ...submission, rank: index + 1, scoreRank }));
}

function olderFirst(a: Finished, b: Finished): number {
  const [timeA, timeB] = [a.createdMs ?? Number.POSITIVE_INFINITY, b.createdMs ?? Number.POSITIVE_INFINITY];
  if (timeA !== timeB) return timeA < timeB ? -1 : 1;
  return a.submissionId < b.submissionId ? -1 : a.submissionId > b.submissionId ? 1 : 0;
}
