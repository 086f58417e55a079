/** Each check with its value, its limit, and how much of it was used. */
import { IconCheck, IconMinus } from "@tabler/icons-react";
import type { Check } from "../../../common/events.ts";
import { LimitBar } from "../../shell/ui/limit-bar.tsx";
import { VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import classes from "./result.module.css";
import { checkCells, checkTitle } from "./verdict.ts";

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
        <CheckMark state={check.state} />
      </td>
      <td className={classes.value}>
        {value}
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

/** A single check that holds is not yet a verdict: green stays with that. */
function CheckMark({ state }: { state: Check["state"] }) {
  if (state === "failed") return <VerdictMark mark="failed" word="failed" />;
  const [Icon, word] = state === "passed" ? [IconCheck, "holds"] : [IconMinus, "not measured"];
  return (
    <span title={word}>
      <Icon size="1em" aria-hidden />
      <span className="visually-hidden">{word}</span>
    </span>
  );
}
