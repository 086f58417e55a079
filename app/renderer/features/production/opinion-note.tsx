/** The last second opinion in one line, for where the problems are. */
import { useStore } from "zustand";
import { runCommand } from "../../shell/commands.ts";
import { VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import { markOf } from "./marks.ts";
import { inWords, secondOpinion } from "./opinion-store.ts";
import classes from "./production.module.css";

export function OpinionNote() {
  const { running, batch } = useStore(secondOpinion);
  if (batch === null || running !== null) return null;
  const about = batch.opinions.length === 1 ? ` (${batch.opinions[0]?.name}, as it was when asked)` : "";
  return (
    <button type="button" className={classes.note} onClick={() => runCommand("panel.production")}>
      <VerdictMark
        mark={markOf(batch)}
        word={`validator's scanner at ${batch.revision.label}: ${inWords(batch)}${about}`}
      />
    </button>
  );
}
