/** What production's own code said beside the numbers: its own words, of unknown shape, and nothing that was checked. */
import { formatInteger, formatSeconds } from "../../../common/format.ts";
import type { RepeatResult } from "../../../common/runs.ts";
import { shownLines, shownText } from "../../../common/shown-text.ts";
import classes from "./result.module.css";

export function ProductionReport({ production }: { production: NonNullable<RepeatResult["production"]> }) {
  const { evaluationSeconds, totalTokens, diagnostics, diagnosticsLeftOut } = production;
  return (
    <>
      <p className={classes.dim}>As it came from the process that ran the submission; nothing of it was checked.</p>
      <table className={classes.numbers} aria-label="Production's own report">
        <tbody>
          <tr title="The judge's clock, from the word to start to the answer.">
            <th scope="row">Whole evaluation</th>
            <td>{formatSeconds(evaluationSeconds)}</td>
          </tr>
          {totalTokens !== null && (
            <tr>
              <th scope="row">Total tokens</th>
              <td>{formatInteger(totalTokens)}</td>
            </tr>
          )}
          {diagnostics.map(({ name, value }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: names may come twice, and nothing moves
            <tr key={index}>
              <th scope="row">{shownText(name)}</th>
              <td>{shownLines(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {diagnosticsLeftOut > 0 && <p className={classes.dim}>{formatInteger(diagnosticsLeftOut)} more were left out.</p>}
    </>
  );
}
