/** What the validator would say of the run, why, and what to do about it. */
import { Suspense } from "react";
import { lazily } from "../../shell/lazily.tsx";
import { EmptyState, Loading } from "../../shell/ui/states.tsx";
import { useShownRunId } from "../simulation/use-run.ts";

// Before the first run there is nothing that it could show.
const RunResultView = lazily(() => import("./run-result-view.tsx"));

export default function ResultPanel() {
  const { runId, isLoading } = useShownRunId();
  if (runId !== null) {
    return (
      <Suspense fallback={<Loading what={`Reading run ${runId}`} />}>
        <RunResultView key={runId} runId={runId} />
      </Suspense>
    );
  }
  if (isLoading) return <Loading what="Looking for runs" />;
  return (
    <EmptyState title="No verdict yet">
      After a run this panel says whether the validator would accept the file, how close each check came to its limit,
      and what to change where one failed.
    </EmptyState>
  );
}
