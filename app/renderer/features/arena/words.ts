/** The arena in words. What comes of sources is shown as it is: nothing in it is hidden any more (common/arena.ts). Pure. */
import type { ArenaSubmission, Board, ShownSource, SubmissionReference } from "../../../common/arena.ts";
import { formatInteger, formatMfu, formatSignedPercent, formatWait } from "../../../common/format.ts";
import { scoreToPass, thresholdAfter } from "../../../common/leader.ts";
import type { Mark } from "../../shell/ui/verdict-mark.tsx";

/** Names a submission among those of all sources. */
export function keyOf({ source, submissionId }: SubmissionReference): string {
  return `${source} ${submissionId}`;
}

/** "3 h 20 min ago"; empty for no time. Times ahead of this machine's clock are now. */
export function ageText(time: string | null, nowMs: number): string {
  return time === null ? "" : `${formatWait((nowMs - Date.parse(time)) / 1000)} ago`;
}

/** The ends of an address, which tell it apart; short ones whole. */
export function shortHotkey(hotkey: string): string {
  return hotkey.length <= 14 ? hotkey : `${hotkey.slice(0, 6)}...${hotkey.slice(-6)}`;
}

export type SourceStanding = { tone: "well" | "working" | "trouble"; text: string };

/** Whether a source answers, and how old what is shown of it is. */
export function sourceStanding(
  { kind, seenAt, problem }: Pick<ShownSource, "kind" | "seenAt" | "problem">,
  nowMs: number,
): SourceStanding {
  const age = ageText(seenAt, nowMs);
  if (kind === "kept") {
    return { tone: "trouble", text: `Removed; what was seen of it ${age === "" ? "is kept" : `until ${age} is kept`}` };
  }
  if (problem !== null) {
    return {
      tone: "trouble",
      text: age === "" ? "Offline; nothing was ever seen of it" : `Offline; shown is what it said ${age}`,
    };
  }
  return age === ""
    ? { tone: "working", text: "Reading it for the first time" }
    : { tone: "well", text: `Seen ${age}` };
}

/** A submission's standing as a mark with production's own word. */
export function stateMark({ state, status, errorCode }: Pick<ArenaSubmission, "state" | "status" | "errorCode">): {
  mark: Mark;
  word: string;
} {
  switch (state) {
    case "finished":
      // Evaluated, which is no verdict of this machine's.
      return { mark: "info", word: status ?? "finished" };
    case "failed":
      return { mark: "failed", word: errorCode ?? status ?? "failed" };
    case "waiting":
      return { mark: "running", word: status ?? "waiting" };
    case "unknown":
      return { mark: "interrupted", word: status ?? "no status" };
  }
}

/** What a failed one is counted under. */
export function reasonOf({ errorCode, error }: Pick<ArenaSubmission, "errorCode" | "error">): string {
  return errorCode ?? (error === null || error.trim() === "" ? "no reason given" : "other reasons");
}

/** Where the block comes from that the threshold now is computed for. */
export function blockText({ block, blockFrom }: Board["threshold"]): string {
  if (block === null || blockFrom === null) return "before its decay: the source tells no block";
  const at = `at block ${formatInteger(block)}`;
  switch (blockFrom) {
    case "asked":
      return `${at}, the chain's newest`;
    case "source":
      return `${at}, by the source's own threshold`;
    case "newest_submission":
      return `${at} at the latest known, that of the newest submission`;
  }
}

const moments = new Intl.DateTimeFormat("en-CA", { dateStyle: "short", timeStyle: "short", hour12: false });

export function shownMoment(time: string | number): string {
  return moments.format(new Date(time));
}

type Own = Board["own"][number];

export function ownName({ from }: Pick<Own, "from">): string {
  return from.kind === "run" ? `run ${from.runId}` : `submission ${from.submissionId}`;
}

/** "Your best passes the leader at block N": what becomes of an own score if nothing happens. */
export function ownText(own: Own, board: Pick<Board, "leader" | "threshold">, nowMs: number): string {
  const { score, isLeader, passesAtBlock, passesAtTime } = own;
  const yours = `Your best of ${formatMfu(score)} (${ownName(own)})`;
  const { leader, threshold } = board;
  if (isLeader) return `${yours} leads.`;
  if (leader === null) return `${yours}: nobody leads yet.`;
  if (passesAtBlock === null) {
    const least = leader.score * (1 + threshold.rules.baseThreshold);
    return threshold.block === null
      ? `${yours} passes the leader above ${formatMfu(threshold.scoreToPass ?? least)}; when the threshold has decayed is not known without a block.`
      : `${yours} never passes the leader: more than ${formatMfu(least)} is needed when the threshold has decayed to ${formatSignedPercent(100 * threshold.rules.baseThreshold)}.`;
  }
  if (threshold.block !== null && passesAtBlock <= threshold.block) {
    const left = thresholdAfter(score, leader.score, threshold.rules);
    return `${yours} would pass the leader now; to pass it in turn, more than ${formatMfu(scoreToPass(score, left))} would be needed at first.`;
  }
  // The source has been away for longer than that takes.
  if (passesAtTime !== null && Date.parse(passesAtTime) <= nowMs) {
    return `${yours} passes the leader since block ${formatInteger(passesAtBlock)} (${shownMoment(passesAtTime)}) if nothing happened meanwhile.`;
  }
  const when =
    passesAtTime === null
      ? "more than a hundred years away"
      : `in ${formatWait((Date.parse(passesAtTime) - nowMs) / 1000)}, ${shownMoment(passesAtTime)}`;
  return `${yours} passes the leader at block ${formatInteger(passesAtBlock)} (${when}) if nothing happens.`;
}

/** What the winner earns at the profile's burn rate; null where it tells none. */
export function rewardText({ reward }: Pick<Board, "reward">): string | null {
  if (reward === null) return null;
  const share = (value: number) => `${Number((100 * value).toFixed(2))} %`;
  return reward.winnerShare <= 0
    ? "Nothing: all of the miners' emission is burned."
    : `${share(reward.winnerShare)} of the miners' emission; ${share(reward.burnRate)} is burned.`;
}
