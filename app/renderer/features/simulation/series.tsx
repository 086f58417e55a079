/** The repeats of a run side by side, and their spread. */

import { formatMfu, formatRelativeSpeed, formatSeconds } from "../../../common/format.ts";
import type { RunResult } from "../../../common/runs.ts";
import { type Mark, VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import { spreadText } from "../result/verdict.ts";
import { isOver, type RepeatView, type RunView } from "./run-view.ts";
import classes from "./simulation.module.css";

const OUTCOMES: Record<RunResult["outcome"], { mark: Mark; word: string }> = {
  passed: { mark: "info", word: "passed" },
  failed: { mark: "failed", word: "failed" },
  error: { mark: "error", word: "not judged" },
  cancelled: { mark: "cancelled", word: "cancelled" },
};

export type SeriesProps = { view: RunView; seeds: readonly string[]; shown: number; onShow: (repeat: number) => void };

export function Series({ view, seeds, shown, onShow }: SeriesProps) {
  const passed = view.repeats.filter(({ outcome }) => outcome === "passed");
  const values = (pick: (repeat: RepeatView) => number | null) => passed.map(pick).filter((value) => value !== null);
  const mfu = values(({ mfuPercent }) => mfuPercent);
  return (
    <table className={classes.series} aria-label="Repeats">
      <thead>
        <tr>
          <th scope="col">Repeat</th>
          <th scope="col">Outcome</th>
          <th scope="col" className={classes.seconds}>
            Timed
          </th>
          <th scope="col" className={classes.seconds}>
            {mfu.length > 0 ? "MFU" : "Speed"}
          </th>
        </tr>
      </thead>
      <tbody>
        {seeds.map((seed, index) => {
          const repeat = view.repeats[index];
          return (
            <tr key={seed} data-shown={index === shown}>
              <th scope="row">
                <button
                  type="button"
                  className={classes.repeatButton}
                  aria-pressed={index === shown}
                  disabled={repeat === undefined}
                  onClick={() => onShow(index)}
                >
                  {index + 1}
                </button>
              </th>
              <td>
                <RepeatStanding repeat={repeat} isRunOver={isOver(view)} />
              </td>
              <td className={classes.seconds}>
                {repeat?.timedSeconds == null ? "" : formatSeconds(repeat.timedSeconds)}
              </td>
              <td className={classes.seconds}>{repeat === undefined ? "" : speedText(repeat)}</td>
            </tr>
          );
        })}
      </tbody>
      {passed.length > 0 && (
        <tfoot>
          <tr>
            <th scope="row" colSpan={2}>
              Median and spread of those that passed
            </th>
            <td className={classes.seconds}>
              {spreadText(
                values(({ timedSeconds }) => timedSeconds),
                formatSeconds,
              )}
            </td>
            <td className={classes.seconds}>
              {mfu.length > 0
                ? spreadText(mfu, formatMfu)
                : spreadText(
                    values(({ relativeSpeed }) => relativeSpeed),
                    formatRelativeSpeed,
                  )}
            </td>
          </tr>
        </tfoot>
      )}
    </table>
  );
}

function RepeatStanding({ repeat, isRunOver }: { repeat: RepeatView | undefined; isRunOver: boolean }) {
  if (repeat === undefined) return <span className={classes.dim}>{isRunOver ? "not run" : "waiting"}</span>;
  if (repeat.outcome === null && isRunOver) return <span className={classes.dim}>not finished</span>;
  if (repeat.outcome === null) return <VerdictMark mark="running" word="running" />;
  return <VerdictMark {...OUTCOMES[repeat.outcome]} />;
}

function speedText({ mfuPercent, relativeSpeed }: RepeatView): string {
  if (mfuPercent !== null) return formatMfu(mfuPercent);
  return relativeSpeed === null ? "" : formatRelativeSpeed(relativeSpeed);
}
