/** How something stands, by icon, word and colour together. */
import {
  IconAlertTriangle,
  IconBan,
  IconCircleCheck,
  IconCircleX,
  IconInfoCircle,
  IconLoader,
  IconPlugConnectedX,
} from "@tabler/icons-react";
import classes from "./verdict-mark.module.css";

/** `notComparable`: passed, but no score of the leaderboard's; say why beside it. */
export type Mark = "passed" | "notComparable" | "failed" | "error" | "cancelled" | "interrupted" | "running" | "info";

const ICONS = {
  passed: IconCircleCheck,
  notComparable: IconCircleCheck,
  failed: IconCircleX,
  error: IconAlertTriangle,
  cancelled: IconBan,
  interrupted: IconPlugConnectedX,
  running: IconLoader,
  info: IconInfoCircle,
};

export function VerdictMark({ mark, word }: { mark: Mark; word: string }) {
  const Icon = ICONS[mark];
  return (
    <span className={classes.mark} data-mark={mark}>
      <Icon size="1em" aria-hidden /> {word}
    </span>
  );
}
