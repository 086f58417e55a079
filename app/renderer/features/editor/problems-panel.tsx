import { Button } from "@mantine/core";
import { runCommand } from "../../shell/commands.ts";
import { EmptyState } from "../../shell/ui/states.tsx";
import { VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import { revealLine, useBuffers } from "./index.ts";
import { useProblems } from "./problems.ts";
import classes from "./problems-panel.module.css";

export default function ProblemsPanel() {
  const buffers = useBuffers((state) => state.buffers);
  const byBuffer = useProblems((state) => state.byBuffer);
  const scanning = useProblems((state) => state.scanning.length > 0);
  const checked = buffers.flatMap((buffer) => {
    const found = byBuffer[buffer.id];
    return found === undefined ? [] : [{ buffer, ...found }];
  });
  const check = (
    <Button onClick={() => runCommand("editor.check")} loading={scanning} disabled={buffers.length === 0}>
      Check the open file
    </Button>
  );
  if (checked.length === 0) {
    return (
      <EmptyState title="Nothing was checked yet" actions={check}>
        What production's static scan would reject is listed here, with the line it would stop at. A file is checked
        when it is saved.
      </EmptyState>
    );
  }
  return (
    <div className={classes.panel}>
      {checked.map(({ buffer, findings, report }) => (
        <section key={buffer.id} aria-label={`Problems of ${buffer.title}`}>
          <h2 className={classes.file}>
            {buffer.title}
            {findings.length === 0 ? (
              <VerdictMark mark="passed" word="the scan passes" />
            ) : (
              <VerdictMark mark="failed" word={findings.length === 1 ? "1 problem" : `${findings.length} problems`} />
            )}
          </h2>
          <ul className={classes.list}>
            {findings.map(({ line, column, rule, message, stopsHere }) => (
              <li key={`${line}:${column}:${rule}`}>
                <button type="button" className={classes.problem} onClick={() => revealLine(buffer.id, line)}>
                  <span className={classes.line}>{line}</span>
                  <span>
                    {message} {stopsHere && <strong>Production stops here.</strong>}
                  </span>
                  <span className={classes.rule}>{rule}</span>
                </button>
              </li>
            ))}
            {report.cudaNeeds.map(({ line, what }) => (
              <li key={`${line}:${what}`}>
                <button type="button" className={classes.problem} onClick={() => revealLine(buffer.id, line)}>
                  <span className={classes.line}>{line}</span>
                  <span>{what} needs CUDA: a rehearsal on a CPU cannot run it.</span>
                  <span className={classes.rule}>note</span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      ))}
      <div>{check}</div>
    </div>
  );
}
