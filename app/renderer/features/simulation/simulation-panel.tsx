/** Start a run, follow it, cancel it: what will happen, what happens, what was printed. */
import { Suspense } from "react";
import { lazily } from "../../shell/lazily.tsx";
import { EmptyState, Loading } from "../../shell/ui/states.tsx";
import classes from "./simulation.module.css";
import { StartForm } from "./start-form.tsx";
import { useShownRunId } from "./use-run.ts";

const FollowedRun = lazily(() => import("./followed-run.tsx"));

export default function SimulationPanel() {
  const { runId, isLoading } = useShownRunId();
  return (
    <div className={classes.panel}>
      <StartForm />
      {runId !== null && (
        <Suspense fallback={<Loading what={`Reading run ${runId}`} />}>
          <FollowedRun key={runId} runId={runId} />
        </Suspense>
      )}
      {runId === null && isLoading && <Loading what="Looking for runs" />}
      {runId === null && !isLoading && (
        <EmptyState title="No run yet">
          Choose a file in the explorer, or a template, and start. The stages, their times and what the ranks print
          appear here; the verdict appears in Result.
        </EmptyState>
      )}
    </div>
  );
}
