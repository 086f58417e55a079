/** How something of a submission stands, by icon, word and colour together. Green is the validator's verdict alone. */
import { IconAlertTriangle, IconBan, IconCheck, IconCircleDashed, IconCircleX, IconLoader } from "@tabler/icons-react";
import { shownText } from "../../../common/shown-text.ts";
import type { Standing } from "../../../common/submission-words.ts";
import classes from "./submission.module.css";

const ICONS = {
  well: IconCheck,
  attention: IconAlertTriangle,
  trouble: IconCircleX,
  working: IconLoader,
  open: IconCircleDashed,
  over: IconBan,
};

export function StateMark({ standing: { tone, word } }: { standing: Standing }) {
  const Icon = ICONS[tone];
  return (
    <span className={classes.mark} data-tone={tone}>
      <Icon size="1em" aria-hidden /> {shownText(word)}
    </span>
  );
}
