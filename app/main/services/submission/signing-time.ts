/** How long what was prepared can still be signed and sent. Pure. */
import type { UnsignedExtrinsic } from "../../../common/chain.ts";
import type { TimeToSign } from "../../../common/submission.ts";
import type { Hidden } from "./journal.ts";

/** A commitment that is sent has to be in a block before everybody can read it. */
export const REVEAL_MARGIN_BLOCKS = 2;

type Pace = { blockSeconds: number };

/** `timeMs`: the chain's own clock. */
export function isAlmostOut({ blockSeconds }: Pace, { time }: Hidden, { timeMs }: { timeMs: number }): boolean {
  return timeMs + REVEAL_MARGIN_BLOCKS * blockSeconds * 1000 >= Date.parse(time);
}

/** Until its era ends, or, where that is sooner, until the round of what is hidden in it is about to be out. */
export function timeToSign(
  { lastBlock }: Pick<UnsignedExtrinsic, "lastBlock">,
  hidden: Hidden | null,
  { blockSeconds }: Pace,
  head: { block: number; timeMs: number },
): TimeToSign {
  const blockMs = blockSeconds * 1000;
  const untilReveal =
    hidden === null
      ? Number.POSITIVE_INFINITY
      : Math.ceil((Date.parse(hidden.time) - head.timeMs) / blockMs) - REVEAL_MARGIN_BLOCKS;
  const blocksLeft = Math.max(0, Math.min(lastBlock - head.block, untilReveal));
  return {
    block: head.block + blocksLeft,
    blocksLeft,
    time: new Date(head.timeMs + blocksLeft * blockMs).toISOString(),
  };
}
