/** A run as it goes: how it stands, its stages, what its GPUs do, what it prints. Loaded with the first run. */
import { Suspense, useEffect, useRef, useState } from "react";
import { useActivity } from "../../shell/activity.ts";
import { lazily } from "../../shell/lazily.tsx";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import { GpuSection } from "./gpu-section.tsx";
import { RunHeader } from "./run-header.tsx";
import { Series } from "./series.tsx";
import classes from "./simulation.module.css";
import { Timeline } from "./timeline.tsx";
import { retryRun, useRun } from "./use-run.ts";

// The terminal is loaded with the first log, not with the window.
const LogView = lazily(() => import("./log-view.tsx"));

export default function FollowedRun({ runId }: { runId: string }) {
  const [attempt, setAttempt] = useState(0);
  return (
    <RunBody
      key={attempt}
      runId={runId}
      retry={() => {
        retryRun(runId);
        setAttempt(attempt + 1);
      }}
    />
  );
}

function RunBody({ runId, retry }: { runId: string; retry: () => void }) {
  const run = useRun(runId);
  const { view, plan, error } = run;
  const others = useActivity((state) => state.runs);
  const current = currentRepeat(view.repeats.length, view.status?.repeat ?? null);
  const [chosen, setChosen] = useState<number | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a repeat that begins is shown
  useEffect(() => setChosen(null), [current]);
  const shown = chosen ?? current;
  const place = useRef<HTMLDivElement>(null);
  const isRunning = view.status?.state === "running" && plan !== null;
  // In a low panel the form would hide what was just started.
  useEffect(() => {
    const shown = place.current;
    const panel = shown?.parentElement;
    // The panel alone: `scrollIntoView` would move all that is around it too.
    if (isRunning && shown != null && panel != null) {
      panel.scrollTop += shown.getBoundingClientRect().top - panel.getBoundingClientRect().top;
    }
  }, [isRunning]);

  if (error !== null && view.status === null) return <ErrorState error={error} retry={retry} />;
  if (view.status === null || plan === null) return <Loading what={`Reading run ${runId}`} />;
  const active = others.find((other) => other.runId === runId);
  return (
    <>
      <div className={classes.run} ref={place}>
        <RunHeader
          run={run}
          plan={plan}
          status={view.status}
          ownedHere={active?.ownedHere ?? true}
          outlivesApp={active?.outlivesApp ?? false}
        />
        {error !== null && <ErrorState error={error} retry={retry} />}
        {view.recordProblem !== null && (
          <div className={classes.problem} role="alert">
            The record is incomplete: {view.recordProblem.message} {view.recordProblem.hint}
          </div>
        )}
        {plan.seeds.length > 1 && <Series view={view} seeds={plan.seeds} shown={shown} onShow={setChosen} />}
        <Timeline run={run} repeat={shown} isLive={shown === current} />
        <GpuSection key={shown} plan={plan} repeat={shown} isRunOver={view.result !== null} />
      </div>
      <Suspense fallback={<Loading what="Loading the log" />}>
        <LogView runId={runId} numRanks={plan.numRanks} totalBytes={view.outputBytes} />
      </Suspense>
    </>
  );
}

/** The one being judged, else the last. */
function currentRepeat(count: number, judged: number | null): number {
  return judged ?? Math.max(0, count - 1);
}
