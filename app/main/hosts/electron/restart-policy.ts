/** When the services are started again after they ended unasked. All times in milliseconds. */

/** Older ends no longer count: the services ran well since. */
const COUNTED_MS = 60_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** So many ends in a minute are no accident. */
const FAILING_ENDS = 4;

export type Restart = {
  pauseMs: number;
  /** True: a person should be told, with what the services said last. */
  isFailing: boolean;
};

/** `endedAtMs`: when they ended, this time included. It is tried for ever: a full disk may be emptied. */
export function restartAfter(endedAtMs: readonly number[], nowMs: number): Restart {
  const recent = endedAtMs.filter((endedAt) => nowMs - endedAt < COUNTED_MS).length;
  return {
    pauseMs: Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, recent - 1)),
    isFailing: recent >= FAILING_ENDS,
  };
}
