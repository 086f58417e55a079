/** How a finding stands, by icon, word and colour together. Green is the validator's verdict alone: what is well is plain. */
import { IconAlertTriangle, IconCheck, IconCircleX, IconHelpCircle, IconInfoCircle } from "@tabler/icons-react";
import type { FindingState } from "../../../common/engines.ts";
import classes from "./engines.module.css";

const ICONS = {
  ok: IconCheck,
  note: IconInfoCircle,
  warning: IconAlertTriangle,
  problem: IconCircleX,
  unknown: IconHelpCircle,
};

export function FindingMark({ state, word = state }: { state: FindingState; word?: string }) {
  const Icon = ICONS[state];
  return (
    <span className={classes.mark} data-state={state}>
      <Icon size="1em" aria-hidden /> {word}
    </span>
  );
}
