/** The runs that prove a file, as a submission asks about them. */
import type { RunStore } from "../runs/index.ts";
import type { JudgedRun } from "./needs.ts";

/** More of the same bytes say nothing new. */
const MAX_RUNS = 50;

/**
 * This Crusader's own runs of exactly these bytes that passed or failed, the newest first. What was imported proves nothing
 * here; what was cancelled, or ended for a reason outside of the file, says nothing of it.
 */
export function judgedRuns(store: Pick<RunStore, "runsOf" | "show">, sha256: string): JudgedRun[] {
  return store.runsOf(sha256, MAX_RUNS).flatMap(({ id, imported }): JudgedRun[] => {
    const { plan, result } = imported === true ? { plan: null, result: null } : store.show(id);
    if (plan === null || result === null || (result.outcome !== "passed" && result.outcome !== "failed")) return [];
    return [
      {
        runId: id,
        outcome: result.outcome,
        profile: { name: plan.profile.name, kind: plan.profile.kind },
        notComparable: result.notComparable,
        mfuPercents: result.repeats.flatMap(({ outcome, mfuPercent }) =>
          outcome === "passed" && mfuPercent !== null ? [mfuPercent] : [],
        ),
        failure: result.failure?.message ?? "",
      },
    ];
  });
}
