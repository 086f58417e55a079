/** Each check with its value, its limit, and how much of it was used. */
import type { Check } from "../../../common/events.ts";
import { LimitBar } from "../../shell/ui/limit-bar.tsx";
import { type Mark, VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import classes from "./result.module.css";
import { checkCells, checkTitle } from "./verdict.ts";

/** A single check that holds is not yet a verdict: green stays with that. */
const MARKS: Record<Check["state"], { mark: Mark; word: string }> = {
  passed: { mark: "info", word: "holds" },
  failed: { mark: "failed", word: "failed" },
  not_measured: { mark: "cancelled", word: "not measured" },
};

export function ChecksTable({ checks }: { checks: readonly Check[] }) {
  return (
    <table className={classes.checks} aria-label="Checks">
      <thead className="visually-hidden">
        <tr>
          <th scope="col">Check</th>
          <th scope="col">State</th>
          <th scope="col">Value and limit</th>
          <th scope="col">Used</th>
        </tr>
      </thead>
      <tbody>
        {checks.map((check) => (
          <CheckRow key={check.name} check={check} />
        ))}
      </tbody>
    </table>
  );
}

function CheckRow({ check }: { check: Check }) {
  const { value, used, production } = checkCells(check);
  const title = checkTitle(check.name);
  return (
    <tr data-state={check.state} title={check.message}>
      <th scope="row">{title}</th>
      <td>
        <VerdictMark {...MARKS[check.state]} />
      </td>
      <td className={classes.value}>
        {check.state === "not_measured" ? "" : value}
        {production !== "" && <div className={classes.dim}>{production}</div>}
        {check.state === "failed" && <div className={classes.message}>{check.message}</div>}
      </td>
      <td className={classes.used}>
        {check.used !== null && check.state !== "not_measured" && (
          <>
            <span>{used}</span>
            <LimitBar used={check.used} state={check.state} label={`${title}: ${value}, ${used}`} />
          </>
        )}
      </td>
    </tr>
  );
}
