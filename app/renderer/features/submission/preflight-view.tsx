/** Everything that is looked at before money moves, each with its state, its reason and what to do. */
import { Button } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { shownText } from "../../../common/shown-text.ts";
import type { Preflight } from "../../../common/submission.ts";
import { CHECK_GROUPS, CHECK_TITLES, checkStanding, summaryOf } from "../../../common/submission-words.ts";
import { ErrorState } from "../../shell/ui/states.tsx";
import { StateMark } from "./state-mark.tsx";
import classes from "./submission.module.css";
import { shownTime } from "./times.ts";
import type { Asked } from "./use-preflight.ts";

export function PreflightView({ asked, again }: { asked: Asked | null; again: () => void }) {
  const isAgain =
    asked?.isRunning === true && asked.preflight?.checks.every(({ state }) => state !== "pending") === true;
  return (
    <section className={classes.part} aria-label="Preflight">
      <div className={classes.line}>
        <h2 className={classes.title}>Preflight</h2>
        {asked?.preflight != null && (
          <StateMark standing={isAgain ? { tone: "working", word: "Checking again" } : summaryOf(asked.preflight)} />
        )}
        {asked !== null && (
          <Button leftSection={<IconRefresh size="1em" aria-hidden />} disabled={asked.isRunning} onClick={again}>
            Check again
          </Button>
        )}
        {asked?.preflight != null && !asked.isRunning && (
          <span className={classes.dim}>as of {shownTime(asked.preflight.checkedAt)}</span>
        )}
      </div>
      <output className="visually-hidden">
        {asked?.preflight == null || asked.isRunning ? "" : summaryOf(asked.preflight).word}
      </output>
      {asked === null && <p className={classes.dim}>It begins once a file and a hotkey are chosen.</p>}
      {asked?.error != null && <ErrorState error={asked.error} retry={again} />}
      {asked?.preflight != null && <Checks preflight={asked.preflight} />}
    </section>
  );
}

function Checks({ preflight: { checks } }: { preflight: Preflight }) {
  return (
    <div className={classes.checkGroups}>
      {CHECK_GROUPS.map(({ title, ids }) => (
        <section key={title} aria-label={`Checks: ${title}`}>
          <h3 className={classes.groupTitle}>{title}</h3>
          <ul className={classes.checks}>
            {checks
              .filter(({ id }) => ids.includes(id))
              .map((check) => (
                <li key={check.id} data-check={check.id} data-state={check.state}>
                  <StateMark standing={checkStanding(check)} />
                  <div>
                    <b>{CHECK_TITLES[check.id]}</b>
                    {check.message !== "" && <>. {shownText(check.message)}</>}
                    {check.hint !== "" && <div className={classes.dim}>{shownText(check.hint)}</div>}
                  </div>
                </li>
              ))}
          </ul>
        </section>
      ))}
    </div>
  );
}
