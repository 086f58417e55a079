/** The stages of one repeat as a timeline: what each is, how it stands, when it was and how long. */
import { IconCircleCheck, IconCircleDashed, IconCircleMinus, IconCircleX, IconLoader } from "@tabler/icons-react";
import type { Stage } from "../../../common/events.ts";
import { formatSeconds, formatShare } from "../../../common/format.ts";
import { useConnection } from "../../client.ts";
import type { FollowedRun, RunStore } from "./run-store.ts";
import { expectedOf, isOver, type StageTime, stageTimes } from "./run-view.ts";
import classes from "./simulation.module.css";
import { useNow } from "./use-run.ts";

const TITLES: Record<Stage, { title: string; about: string }> = {
  scan: { title: "Scan", about: "the file is read, before anything of it runs" },
  topology: { title: "Topology", about: "get_strategy() against the number of ranks" },
  prepare: { title: "Prepare", about: "ranks start, model and data are made" },
  evaluation: { title: "Production's code", about: "what it does before its log tells a stage" },
  reference: { title: "Reference", about: "production's own training loop, to compare with" },
  import: { title: "Import", about: "the file is imported on every rank" },
  warmup: { title: "Warm-up", about: "two steps on random weights" },
  timed: { title: "Timed run", about: "inner_steps, under the clocks" },
  checks: { title: "Checks", about: "result, loss and weights against the reference" },
};

const STATES = {
  pending: { word: "waiting", Icon: IconCircleDashed },
  running: { word: "running", Icon: IconLoader },
  passed: { word: "done", Icon: IconCircleCheck },
  failed: { word: "failed", Icon: IconCircleX },
  skipped: { word: "skipped", Icon: IconCircleMinus },
} as const;

export type TimelineProps = { run: FollowedRun & Pick<RunStore, "time">; repeat: number; isLive: boolean };

export function Timeline({ run: { view, expected }, repeat, isLive }: TimelineProps) {
  const isConnected = useConnection().status === "connected";
  const moves = isConnected && isLive && !isOver(view) && view.status?.waiting === null;
  const now = useNow(moves);
  const stages = stageTimes(
    view.repeats[repeat],
    expectedOf(view, expected),
    moves ? (now - view.updatedAtMs) / 1000 : 0,
  );
  const spans = placed(stages);
  return (
    <table className={classes.timeline} aria-label="Stages">
      <thead className="visually-hidden">
        <tr>
          <th>Stage</th>
          <th>State</th>
          <th>Time</th>
          <th>Rest</th>
          <th>Place in the run</th>
        </tr>
      </thead>
      <tbody>
        {stages.map((stage, index) => (
          <StageRow key={stage.stage} stage={stage} span={spans[index]} />
        ))}
      </tbody>
    </table>
  );
}

type Span = { left: number; width: number; done: number };

function StageRow({ stage, span }: { stage: StageTime; span: Span | undefined }) {
  const { title, about } = TITLES[stage.stage];
  const { word, Icon } = STATES[stage.state];
  const isRunning = stage.state === "running";
  return (
    <tr data-state={stage.state}>
      <th scope="row" title={about}>
        {title}
      </th>
      <td className={classes.stageState}>
        <Icon size="1em" aria-hidden /> {word}
      </td>
      <td className={classes.seconds}>{stage.elapsedSeconds === null ? "" : formatSeconds(stage.elapsedSeconds)}</td>
      <td className={classes.rest}>{restText(stage)}</td>
      <td className={classes.track}>
        {span !== undefined && (
          <div
            className={classes.span}
            data-state={stage.state}
            style={{ marginLeft: `${span.left}%`, width: `max(2px, ${span.width}%)` }}
          >
            {isRunning && <div className={classes.spanDone} style={{ width: `${span.done}%` }} />}
          </div>
        )}
      </td>
    </tr>
  );
}

function restText({ state, steps, remainingSeconds, fraction }: StageTime): string {
  if (state === "pending") {
    return remainingSeconds === null || remainingSeconds < 0.05 ? "" : `about ${formatSeconds(remainingSeconds)}`;
  }
  if (state !== "running") return "";
  const counted = steps === null ? "" : `${steps.done} of ${steps.total} ${steps.unit}`;
  const isLate = steps === null && remainingSeconds === 0;
  const left =
    remainingSeconds === null ? "" : isLate ? "longer than before" : `about ${formatSeconds(remainingSeconds)} left`;
  const share = steps === null && !isLate && fraction !== null ? formatShare(fraction) : "";
  return [counted, share, left].filter((part) => part !== "").join(", ");
}

/** Percent of the repeat's whole length; a stage whose length is unknown is drawn as long as it lasts. */
function placed(stages: readonly StageTime[]): (Span | undefined)[] {
  const lengths = stages.map(({ state, elapsedSeconds, remainingSeconds }) =>
    state === "skipped" ? 0 : (elapsedSeconds ?? 0) + (remainingSeconds ?? 0),
  );
  const total = lengths.reduce((sum, length) => sum + length, 0);
  let at = 0;
  return stages.map(({ state, fraction, elapsedSeconds }, index) => {
    const length = lengths[index] ?? 0;
    const left = at;
    at += length;
    if (total === 0 || length === 0 || state === "skipped" || state === "pending") return undefined;
    const done = fraction ?? (elapsedSeconds ?? 0) / length;
    return { left: (100 * left) / total, width: (100 * length) / total, done: 100 * Math.min(1, done) };
  });
}
