/** Whether a source answers, how old what is shown of it is, and what stands in the way. */
import { IconAlertTriangle, IconCircleCheck, IconLoader } from "@tabler/icons-react";
import type { ShownSource } from "../../../common/arena.ts";
import classes from "./arena.module.css";
import { shownMoment, sourceStanding } from "./words.ts";

const ICONS = { well: IconCircleCheck, working: IconLoader, trouble: IconAlertTriangle };

export function SourceState({ source, nowMs }: { source: ShownSource; nowMs: number }) {
  const { tone, text } = sourceStanding(source, nowMs);
  const Icon = ICONS[tone];
  const { problem, seenAt } = source;
  return (
    <div>
      <span className={classes.standing} data-tone={tone} title={seenAt === null ? undefined : shownMoment(seenAt)}>
        <Icon size="1em" aria-hidden /> {text}
      </span>
      {problem !== null && (
        <div>
          {problem.message} <span className={classes.dim}>{problem.hint}</span>
        </div>
      )}
    </div>
  );
}
