/** The second opinion as the panels show it; `second-opinion.ts` makes it, and is loaded when it is first asked for. */
import { createStore } from "zustand/vanilla";
import type { Scanner as FoundScanner, Revision } from "../../../common/production.ts";
import type { Opinion } from "./answers.ts";

/** One batch, as it is and as it is exported. */
export type OpinionBatch = {
  /** What the scanner was taken from. */
  revision: Revision;
  scanner: FoundScanner;
  /** How it is called and what it answers for a file that is fine; null where it could not be asked at all. */
  how: string | null;
  /** Why it could not; else empty. */
  why: string;
  opinions: readonly Opinion[];
};

export type SecondOpinionState = {
  /** Null: nothing is being asked. */
  running: { done: number; total: number; cancel: () => void } | null;
  batch: OpinionBatch | null;
};

export const secondOpinion = createStore<SecondOpinionState>(() => ({ running: null, batch: null }));

/** "agrees", "disagrees about 2 of 5 files": the batch in a few words, with the number of files that tells the rest. */
export function inWords({ how, opinions }: OpinionBatch): string {
  if (how === null) return "could not be asked";
  const count = (...wanted: Opinion["agreement"][]) =>
    opinions.filter(({ agreement }) => wanted.includes(agreement)).length;
  const [disagree, skipped, all] = [count("disagree"), count("unasked"), opinions.length];
  if (all === 0) return "was not asked about a file";
  const parts = [
    disagree > 0 && `disagrees about ${disagree} of ${all} ${all === 1 ? "file" : "files"}`,
    disagree === 0 && skipped < all && (all === 1 ? "agrees" : `agrees about ${all - skipped} of ${all} files`),
    skipped > 0 &&
      `could not be asked about ${skipped === all && all === 1 ? "this file" : `${skipped} of ${all} files`}`,
  ];
  return parts.filter((part) => part !== false).join(", ");
}
