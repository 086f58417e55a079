/** Which items fit what was typed. */
import fuzzysort from "fuzzysort";
import type { QuickItem } from "./quick-input.ts";

const MAX_SHOWN = 60;

/** The items that fit what was typed, best first; all of them, in their order, while nothing is. */
export function ranked(items: readonly QuickItem[], query: string): readonly QuickItem[] {
  if (query.trim() === "") return items.slice(0, MAX_SHOWN);
  const keys = [(item: QuickItem) => item.title, (item: QuickItem) => item.detail ?? ""];
  return fuzzysort.go(query.trim(), items, { keys, limit: MAX_SHOWN, threshold: 0.2 }).map(({ obj }) => obj);
}
