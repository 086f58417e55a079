/** Which samples each rank reads, step by step: a table that looks like the machine. */
import { ActionIcon } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { IconChevronLeft, IconChevronRight, IconRotateClockwise } from "@tabler/icons-react";
import { useState } from "react";
import { formatInteger } from "../../../common/format.ts";
import type { PlannedBatch, TopologyPlan } from "../../../common/topology.ts";
import { describe } from "./describe.ts";
import classes from "./topology.module.css";

/** Widths, generously: what does not fit after all is scrolled to. */
const NAMES_REM = 8.5;
const STEP_REM = 6;

export function Drawing({ plan }: { plan: TopologyPlan }) {
  const { ref, width } = useElementSize();
  const [wanted, setWanted] = useState(0);
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const planned = plan.groups[0]?.batches.length ?? 0;
  const fitting = Math.min(planned, Math.max(1, Math.floor((width / rem - NAMES_REM) / STEP_REM)));
  const first = Math.min(wanted, planned - fitting);
  const steps = Array.from({ length: fitting }, (_, index) => first + index);
  const go = (step: number) => setWanted(Math.max(0, Math.min(planned - fitting, step)));
  const onKeyDown = (event: React.KeyboardEvent) => {
    const target = { ArrowLeft: first - 1, ArrowRight: first + 1, Home: 0, End: planned }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    go(target);
  };
  return (
    <div className={classes.drawing} ref={ref}>
      <div className={classes.steps}>
        <ActionIcon aria-label="Earlier steps" disabled={first === 0} onClick={() => go(first - fitting)}>
          <IconChevronLeft size="1rem" />
        </ActionIcon>
        <output>
          {fitting === 1 ? `Step ${first}` : `Steps ${first} to ${first + fitting - 1}`} of {formatInteger(plan.steps)},
          counted from 0{planned < plan.steps && `; the first ${planned} are planned here`}
        </output>
        <ActionIcon aria-label="Later steps" disabled={first + fitting >= planned} onClick={() => go(first + fitting)}>
          <IconChevronRight size="1rem" />
        </ActionIcon>
      </div>
      <section
        className={classes.scroll}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the arrow keys move along the steps
        tabIndex={0}
        aria-label="Batches; arrow keys move along the steps"
        onKeyDown={onKeyDown}
      >
        <table className={classes.ranks}>
          <caption className="visually-hidden">{describe(plan)}</caption>
          <thead>
            <tr>
              <th scope="col">Data group</th>
              <th scope="col">Rank</th>
              {steps.map((step) => (
                <th scope="col" key={step}>
                  step {step}
                </th>
              ))}
            </tr>
          </thead>
          {plan.groups.map(({ ranks, batches }, group) => (
            <tbody key={ranks[0]}>
              {ranks.map((rank, position) => (
                <tr key={rank}>
                  {position === 0 && (
                    <th scope="rowgroup" rowSpan={ranks.length} className={classes.group}>
                      group {group}
                      {ranks.length > 1 && <span className={classes.dim}>tensor parallel</span>}
                    </th>
                  )}
                  <th scope="row" className={classes.rank}>
                    r{rank}
                    {ranks.length > 1 && <span className={classes.dim}> part {position + 1}</span>}
                  </th>
                  {position === 0 &&
                    steps.map((step) => (
                      <td key={step} rowSpan={ranks.length}>
                        <Batch batch={batches[step]} />
                      </td>
                    ))}
                </tr>
              ))}
            </tbody>
          ))}
        </table>
      </section>
      <p className={classes.dim}>{describe(plan)}</p>
    </div>
  );
}

function Batch({ batch }: { batch: PlannedBatch | undefined }) {
  if (batch === undefined) return null;
  const { first, last, wrapped } = batch;
  return (
    <span className={classes.batch} data-wrapped={wrapped} title={wrapped ? "The data began again" : undefined}>
      {wrapped && <IconRotateClockwise size="0.875rem" role="img" aria-label="the data began again:" />}
      {first}..{last}
    </span>
  );
}
