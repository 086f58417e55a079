/** How a connection stands, in words. Pure. */
import type { ChainStatus } from "../../../common/chain.ts";
import type { ErrorReport } from "../../../common/errors.ts";
import { formatWait } from "../../../common/format.ts";

/** Blocks and this machine's clock may lie so far apart without a word: a block, its way here, and clocks that drift. */
const MAX_CLOCK_SECONDS = 60;
/** Usual are two or three. */
const MAX_FINALITY_LAG_BLOCKS = 20;

export type SeenHead = {
  block: number;
  /** Null while the node has not told. */
  finalizedBlock: number | null;
  /** The chain's own clock, in milliseconds since 1970. */
  timeMs: number;
};

export type LinkFacts = {
  network: string;
  endpoint: string;
  state: ChainStatus["state"];
  head: SeenHead | null;
  /** Since the node last told of a new block. */
  silentSeconds: number;
  /** After so many of them the chain, or the node, stands still. */
  silenceLimitSeconds: number;
  secondsPerBlock: number;
  isSyncing: boolean;
  chainName: string | null;
  specVersion: number | null;
  differences: readonly string[];
  /** Why there is no connection. */
  failure: Pick<ErrorReport, "message" | "hint"> | null;
};

/** For a pace of blocks. */
export function silenceLimitSeconds(secondsPerBlock: number): number {
  return Math.max(30, 6 * secondsPerBlock);
}

/** `nowMs`: this machine's clock. */
export function statusOf(facts: LinkFacts, nowMs: number): ChainStatus {
  const { head } = facts;
  return {
    network: facts.network,
    endpoint: facts.endpoint,
    state: facts.state,
    block: head?.block ?? null,
    finalizedBlock: head?.finalizedBlock ?? null,
    blockTime: head === null ? null : new Date(head.timeMs).toISOString(),
    ageSeconds: head === null ? null : Math.round((nowMs - head.timeMs) / 1000),
    chainName: facts.chainName,
    specVersion: facts.specVersion,
    problem: problemOf(facts, nowMs),
  };
}

function problemOf(facts: LinkFacts, nowMs: number): ChainStatus["problem"] {
  const { head, failure } = facts;
  if (failure !== null) return { message: failure.message, hint: failure.hint };
  if (facts.isSyncing) {
    return {
      message: "The node is catching up with the chain.",
      hint: "Wait until it is done, or choose another node.",
    };
  }
  if (head !== null && facts.silentSeconds > facts.silenceLimitSeconds) {
    return {
      message: `No new block for ${formatWait(facts.silentSeconds)}.`,
      hint: "The chain stands still, or this node does. Compare with another node before anything is sent.",
    };
  }
  if (head !== null) {
    const behindSeconds = (nowMs - head.timeMs) / 1000;
    if (Math.abs(behindSeconds) > MAX_CLOCK_SECONDS + facts.secondsPerBlock) {
      return {
        message: `This machine's clock is ${formatWait(Math.abs(behindSeconds))} ${behindSeconds > 0 ? "ahead of" : "behind"} the chain's.`,
        hint: "Set this machine's clock. The moment of a reveal is computed by the chain's clock all the same.",
      };
    }
    const lag = head.finalizedBlock === null ? 0 : head.block - head.finalizedBlock;
    if (lag > MAX_FINALITY_LAG_BLOCKS) {
      return {
        message: `The last finalized block is ${lag} blocks behind the newest.`,
        hint: "What is included now may be undone. Wait until it is finalized again.",
      };
    }
  }
  const [difference] = facts.differences;
  if (difference === undefined) return null;
  return { message: difference, hint: "Look for a newer version of Crusader, and compare with another node." };
}
