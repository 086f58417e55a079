/** What runs, with what, and whether the services are there. */
import { ActionIcon, Progress } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useEffect, useState } from "react";
import { formatShare } from "../../common/format.ts";
import { client, connection, useConnection } from "../client.ts";
import { useActivity } from "./activity.ts";
import { runCommand } from "./commands.ts";
import { notifyError } from "./notifications.ts";
import { placeText } from "./places.ts";
import { runFraction } from "./progress.ts";
import { selection } from "./selection.ts";
import { useSettings } from "./settings.ts";
import classes from "./status-bar.module.css";

type StatusBarProps = {
  /** What the scans of the open files found; null where no file is open. */
  problems: string | null;
  /** Those that are on their way; null where none is. */
  submissions: string | null;
  /** How it stands, where one is used. */
  chain: ReactNode;
};

export function StatusBar({ problems, submissions, chain }: StatusBarProps) {
  const choice = useSettings((settings) => settings.simulation);
  return (
    <footer className={classes.bar}>
      <Entry name="Runs on">{placeText(choice)}</Entry>
      <Entry name="Profile">{choice.profile}</Entry>
      <RunEntry />
      <TaskEntry />
      <span className={classes.gap} />
      {problems !== null && (
        <button type="button" className={classes.button} onClick={() => runCommand("panel.problems")}>
          {problems}
        </button>
      )}
      {submissions !== null && (
        <button type="button" className={classes.button} onClick={() => runCommand("submission.list")}>
          {submissions}
        </button>
      )}
      {chain}
      <ConnectionEntry />
    </footer>
  );
}

function Entry({ name, children }: { name: string; children: ReactNode }) {
  return (
    <span className={classes.entry}>
      <span className={classes.label}>{name}</span> {children}
    </span>
  );
}

function RunEntry() {
  const runs = useActivity((state) => state.runs);
  const progress = useActivity((state) => state.progress);
  const shown = runs.find(({ runId }) => runId === progress?.runId) ?? runs[0];
  if (shown === undefined) return null;
  const { runId, status, ownedHere } = shown;
  const stage = status.waiting !== null ? "waiting" : (progress?.stage ?? "starting");
  const repeat =
    progress !== null && progress.repeatsPlanned > 1 && progress.repeat !== null
      ? `, repeat ${progress.repeat + 1} of ${progress.repeatsPlanned}`
      : "";
  const fraction = progress === null ? null : runFraction(progress);
  return (
    <span className={classes.entry}>
      <button
        type="button"
        className={classes.button}
        onClick={() => {
          selection.setState({ runId });
          runCommand("panel.simulation");
        }}
      >
        run {runId}: {stage}
        {repeat}
        {runs.length > 1 && `, ${runs.length - 1} more`}
      </button>
      {progress?.contact?.state === "lost" && (
        <span data-state="lost" role="status" title={progress.contact.problem ?? ""}>
          connection lost, trying again; the run goes on there
        </span>
      )}
      {progress?.contact?.state === "reattaching" && <span role="status">re-attaching</span>}
      {fraction !== null && (
        <Progress className={classes.progress} size="xs" value={fraction * 100} aria-label={`Stages of run ${runId}`} />
      )}
      {ownedHere && (
        <ActionIcon
          size="xs"
          aria-label={`Cancel run ${runId}`}
          title={`Cancel run ${runId}`}
          onClick={() => {
            client.simulation.cancel({ runId }).catch((thrown: unknown) => notifyError(thrown));
          }}
        >
          <IconX size="0.75rem" />
        </ActionIcon>
      )}
    </span>
  );
}

function TaskEntry() {
  const task = useActivity(({ tasks }) => tasks.find(({ state }) => state === "running"));
  if (task === undefined) return null;
  return (
    <span className={classes.entry} title={task.detail}>
      {task.title}
      {task.fraction !== null && ` ${formatShare(task.fraction)}`}
      {task.fraction !== null && (
        <Progress className={classes.progress} size="xs" value={task.fraction * 100} aria-label={task.title} />
      )}
      <ActionIcon
        size="xs"
        aria-label={`Cancel: ${task.title}`}
        title={`Cancel: ${task.title}`}
        onClick={() => {
          client.tasks.cancel({ taskId: task.id }).catch((thrown: unknown) => notifyError(thrown));
        }}
      >
        <IconX size="0.75rem" />
      </ActionIcon>
    </span>
  );
}

function ConnectionEntry() {
  const { status, retryAtMs } = useConnection();
  const seconds = useSecondsUntil(retryAtMs);
  if (status === "connected") return <span className={classes.entry}>connected</span>;
  return (
    <span className={classes.entry} data-state="lost" role="status">
      {status === "refused" && "not let in"}
      {status === "connecting" && "connecting"}
      {status === "disconnected" && (seconds === null ? "reconnecting" : `disconnected; again in ${seconds} s`)}
      {status === "disconnected" && (
        <button type="button" className={classes.button} onClick={() => connection.retryNow()}>
          Now
        </button>
      )}
    </span>
  );
}

function useSecondsUntil(atMs: number | null): number | null {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (atMs === null) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [atMs]);
  return atMs === null ? null : Math.max(0, Math.ceil((atMs - now) / 1000));
}
