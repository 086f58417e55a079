import type { Mark } from "../../shell/ui/verdict-mark.tsx";
import type { Opinion } from "./answers.ts";
import type { OpinionBatch } from "./opinion-store.ts";

export const MARKS: Readonly<Record<Opinion["agreement"], Mark>> = {
  agree: "passed",
  elsewhere: "notComparable",
  disagree: "failed",
  unasked: "error",
};

/** Of the whole batch: that of its worst file. */
export function markOf({ how, opinions }: OpinionBatch): Mark {
  if (how === null) return "error";
  const worst = (["disagree", "unasked", "elsewhere"] as const).find((one) =>
    opinions.some(({ agreement }) => agreement === one),
  );
  return MARKS[worst ?? "agree"];
}
