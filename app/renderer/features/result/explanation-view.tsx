/** A failure explained: what was compared, what this run's numbers point to, what to try. */
import { Button, CopyButton } from "@mantine/core";
import { IconCode, IconCopy } from "@tabler/icons-react";
import { type ExplainedRepeat, explainFailure } from "../../../common/explain.ts";
import type { Plan } from "../../../common/runs.ts";
import { shownLines, shownText } from "../../../common/shown-text.ts";
import { notifyError } from "../../shell/notifications.ts";
import { openRunSource } from "../editor/index.ts";
import classes from "./result.module.css";

export type ExplanationViewProps = {
  runId: string;
  repeat: ExplainedRepeat;
  profile: Plan["profile"]["content"];
  /** The verdict says its message already. */
  isToldAbove: boolean;
};

export function ExplanationView({ runId, repeat, profile, isToldAbove }: ExplanationViewProps) {
  const { failure } = repeat;
  const explanation = explainFailure(repeat, profile);
  if (failure === null || explanation === null || failure.kind === "cancelled") return null;
  const where = [
    failure.stage,
    failure.rank === null ? "" : `rank ${failure.rank}`,
    failure.line === null ? "" : `line ${failure.line}`,
  ].filter((part) => part !== "");
  return (
    <section className={classes.part} aria-label="Why it failed">
      <h3 className={classes.title}>
        <code>{failure.code ?? failure.kind}</code> <span className={classes.dim}>in {where.join(", ")}</span>
      </h3>
      {!isToldAbove && <p>{shownText(failure.message)}</p>}
      {failure.hint !== "" && explanation.causes.length === 0 && <p>{failure.hint}</p>}
      {failure.line !== null && (
        <Button
          leftSection={<IconCode size="1em" aria-hidden />}
          onClick={() => openRunSource(runId, failure.line ?? 1).catch((thrown: unknown) => notifyError(thrown))}
        >
          Show line {failure.line}
        </Button>
      )}
      <p>
        <b>What is compared.</b> {explanation.compared}
        {explanation.endsSeries && " This code ends the whole series, whatever earlier repeats gave."}
      </p>
      {explanation.causes.length > 0 && (
        <ol className={classes.causes} aria-label="Causes, the likeliest first">
          {explanation.causes.map(({ likelihood, text, evidence, advice }) => (
            <li key={text}>
              <span className={classes.likelihood} data-likelihood={likelihood}>
                {likelihood}
              </span>{" "}
              {text}
              {evidence !== "" && evidence !== failure.message && (
                <div className={classes.dim}>Because: {shownText(evidence)}</div>
              )}
              {advice !== "" && <div>Try: {advice}</div>}
            </li>
          ))}
        </ol>
      )}
      {failure.detail !== "" && (
        <details className={classes.detail}>
          <summary>Traceback</summary>
          <CopyButton value={failure.detail}>
            {({ copied, copy }) => (
              <Button leftSection={<IconCopy size="1em" aria-hidden />} onClick={copy}>
                {copied ? "Copied" : "Copy"}
              </Button>
            )}
          </CopyButton>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls is reached by keyboard */}
          <pre tabIndex={0}>{shownLines(failure.detail)}</pre>
        </details>
      )}
    </section>
  );
}
