/** Which run it is, how far it is, and how to end it. */
import { Button } from "@mantine/core";
import { IconPlayerStop } from "@tabler/icons-react";
import { useState } from "react";
import { formatInteger, formatSeconds, formatShare, originText } from "../../../common/format.ts";
import type { Plan, RunResult } from "../../../common/runs.ts";
import type { RunStatus } from "../../../common/simulation.ts";
import { useConnection } from "../../client.ts";
import { notifyError } from "../../shell/notifications.ts";
import { placeText } from "../../shell/places.ts";
import { selection } from "../../shell/selection.ts";
import { type Mark, VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import { openFeature } from "../open-feature.ts";
import { OtherRulesMark } from "../production/other-rules.tsx";
import { cancelRun } from "./commands.ts";
import { GpuNotes } from "./gpu-notes.tsx";
import type { FollowedRun, RunStore } from "./run-store.ts";
import classes from "./simulation.module.css";
import { useNow } from "./use-run.ts";

export type RunHeaderProps = {
  run: FollowedRun & Pick<RunStore, "time">;
  plan: Plan;
  status: RunStatus;
  ownedHere: boolean;
  /** It goes on when Crusader ends. */
  outlivesApp: boolean;
};

export function RunHeader({ run, plan, status, ownedHere, outlivesApp }: RunHeaderProps) {
  const isRunning = status.state === "running";
  const isConnected = useConnection().status === "connected";
  const now = useNow(isRunning && isConnected);
  const { elapsedSeconds, remainingSeconds, fraction } = run.time(isConnected ? now : run.view.updatedAtMs);
  const { name, version } = plan.submission;
  const ranks = `${plan.numRanks} ${plan.numRanks === 1 ? "rank" : "ranks"}`;
  const left = isRunning && remainingSeconds !== null ? `, about ${formatSeconds(remainingSeconds)} left` : "";
  return (
    <header className={classes.header}>
      <div className={classes.headerLine}>
        <h2 className={classes.title}>
          Run {plan.runId} <span className={classes.dim}>·</span> {name} v{version}
        </h2>
        <Standing status={status} comparable={run.view.result?.notComparable.length === 0} />
        <span className={classes.dim}>
          {plan.profile.name}, {ranks}, {placeText(plan)}
          {plan.seedFixed && `, seed ${plan.seeds[0]}`}
          {plan.against !== null && `, in turns with run ${plan.against}`}
        </span>
        {plan.submission.origin !== undefined && (
          <span className={classes.caution}>{originText(plan.submission.origin)}</span>
        )}
        {!isRunning && <OtherRulesMark runId={plan.runId} />}
        {isRunning && !isConnected && <span className={classes.caution}>not connected: as last heard</span>}
        <span className={classes.spring} />
        {status.waiting === null && (
          <span className="number">
            {formatSeconds(elapsedSeconds)}
            {left}
          </span>
        )}
        {isRunning && <CancelButton runId={plan.runId} isCancelling={status.cancelling} ownedHere={ownedHere} />}
        {!isRunning && <Button onClick={() => openFeature("result")}>Show result</Button>}
      </div>
      {isRunning && status.contact !== null && (
        <div className={classes.contact} role="status">
          {status.contact.state === "lost" && "It is tried again, and the run goes on there."} {status.contact.problem}
        </div>
      )}
      {isRunning && outlivesApp && (
        <div className={classes.dim}>Goes on when Crusader is closed, and comes back here.</div>
      )}
      {!isRunning && status.state === "cancelled" && <WhatWasEnded result={run.view.result} />}
      {run.view.result !== null && <GpuNotes repeats={run.view.result.repeats} />}
      {status.waiting !== null && (
        <div className={classes.waiting}>
          Waits for its turn: one run at a time has the machine.
          {status.waiting.behindRunId !== null && (
            <Button variant="subtle" onClick={() => selection.setState({ runId: status.waiting?.behindRunId ?? null })}>
              Behind run {status.waiting.behindRunId}
            </Button>
          )}
        </div>
      )}
      {isRunning && status.waiting === null && (
        <div
          className={classes.progress}
          role="progressbar"
          aria-label={`Run ${plan.runId}`}
          aria-valuemin={0}
          aria-valuemax={100}
          {...(fraction === null ? {} : { "aria-valuenow": Math.floor(fraction * 100) })}
          aria-valuetext={fraction === null ? `${formatInteger(elapsedSeconds)} seconds so far` : formatShare(fraction)}
        >
          {fraction !== null && <div className={classes.progressFill} style={{ width: `${fraction * 100}%` }} />}
        </div>
      )}
    </header>
  );
}

const MARKS: Record<RunStatus["state"], { mark: Mark; word: string }> = {
  running: { mark: "running", word: "Running" },
  passed: { mark: "passed", word: "Passed" },
  failed: { mark: "failed", word: "Failed" },
  error: { mark: "error", word: "Not judged" },
  cancelled: { mark: "cancelled", word: "Cancelled" },
  interrupted: { mark: "interrupted", word: "Interrupted" },
};

const CONTACT_WORDS = { reattaching: "Re-attaching", lost: "Connection lost" } as const;

/** What a cancel removed, and what it could not end. */
function WhatWasEnded({ result }: { result: RunResult | null }) {
  const notes = (result?.repeats ?? []).flatMap((repeat) => repeat.notes);
  const said = notes.filter(({ id }) => CLEANING_NOTES.includes(id)).map(({ message }) => message);
  // Of a server, which takes no cancel.
  const left = result?.failure?.hint === "" ? [] : [result?.failure?.message, result?.failure?.hint];
  const words = [...said, ...left].filter((text) => text !== undefined).join(" ");
  return words === "" ? null : <div className={classes.dim}>{words}</div>;
}

const CLEANING_NOTES = ["container_removed", "container_left", "processes_ended"];

function Standing({ status, comparable }: { status: RunStatus; comparable: boolean }) {
  if (status.state === "running" && status.cancelling) return <VerdictMark mark="running" word="Cancelling" />;
  if (status.state === "running" && status.contact !== null) {
    return <VerdictMark mark="running" word={CONTACT_WORDS[status.contact.state]} />;
  }
  if (status.state === "running" && status.waiting !== null) return <VerdictMark mark="running" word="Waiting" />;
  if (status.state === "passed" && !comparable) return <VerdictMark mark="notComparable" word="Passed, not a score" />;
  return <VerdictMark {...MARKS[status.state]} />;
}

function CancelButton({
  runId,
  isCancelling,
  ownedHere,
}: {
  runId: string;
  isCancelling: boolean;
  ownedHere: boolean;
}) {
  const [asked, setAsked] = useState(false);
  if (!ownedHere) return <span className={classes.dim}>runs in another Crusader; cancel it there</span>;
  const again = isCancelling || asked;
  return (
    <Button
      leftSection={<IconPlayerStop size="1em" aria-hidden />}
      onClick={() => {
        setAsked(true);
        cancelRun(runId, again)
          .catch((thrown: unknown) => notifyError(thrown, "The run goes on."))
          .finally(() => setAsked(false));
      }}
    >
      {again ? "End at once" : "Cancel"}
    </Button>
  );
}
