/** Says of a run that the rules in force are others than its own. */
import { IconAlertTriangle } from "@tabler/icons-react";
import classes from "./production.module.css";
import { useStaleRuns } from "./use-stale-runs.ts";

/** A word beside the run's name. */
export function OtherRulesMark({ runId }: { runId: string }) {
  const reasons = useStaleRuns([runId]).get(runId);
  if (reasons === undefined) return null;
  return (
    <span className={classes.otherRules} title={reasons.join(" ")}>
      other rules
    </span>
  );
}

/** What differs, one paragraph a run; nothing where nothing does. `meaning` says what follows from it. */
export function OtherRules({ runIds, meaning }: { runIds: readonly string[]; meaning: string }) {
  const stale = useStaleRuns(runIds);
  return runIds.flatMap((runId) => {
    const reasons = stale.get(runId);
    if (reasons === undefined) return [];
    return (
      <p key={runId} className={classes.otherRules}>
        <IconAlertTriangle size="1em" aria-hidden /> Run {runId} was made under other rules than those in force:{" "}
        {reasons.join(" ")} {meaning}
      </p>
    );
  });
}
