/** A run that is going on, or its verdict with all that it rests on. */
import { Button, SegmentedControl } from "@mantine/core";
import { IconDownload, IconFileImport, IconGavel, IconGitCompare, IconPin } from "@tabler/icons-react";
import { type ReactNode, useEffect, useState } from "react";
import type { CrusaderError } from "../../../common/errors.ts";
import { formatMfu, formatRelativeSpeed, formatShare, originText, productionText } from "../../../common/format.ts";
import { mfuByOwnPeak } from "../../../common/gpus.ts";
import type { ShownRun } from "../../../common/history.ts";
import type { RepeatResult, RunResult } from "../../../common/runs.ts";
import { client } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { useActivity } from "../../shell/activity.ts";
import { downloadFile } from "../../shell/help.ts";
import { notify, notifyError } from "../../shell/notifications.ts";
import { selection } from "../../shell/selection.ts";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import { Unbroken } from "../../shell/ui/unbroken.tsx";
import { VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import { openRunSource } from "../editor/index.ts";
import { openFeature } from "../open-feature.ts";
import { OtherRules } from "../production/other-rules.tsx";
import { GpuNotes } from "../simulation/gpu-notes.tsx";
import { isOver } from "../simulation/run-view.ts";
import { useRun } from "../simulation/use-run.ts";
import { ChecksTable } from "./checks-table.tsx";
import { ExplanationView } from "./explanation-view.tsx";
import { mfuRules, mfuTerms } from "./mfu.ts";
import { MfuCalculator } from "./mfu-calculator.tsx";
import { Numbers } from "./numbers.tsx";
import { ProductionReport } from "./production-report.tsx";
import classes from "./result.module.css";
import { decisiveRepeat, spreadText, verdictOf } from "./verdict.ts";

export default function RunResultView({ runId }: { runId: string }) {
  const { view, error: streamError } = useRun(runId);
  const over = isOver(view);
  const [shown, setShown] = useState<ShownRun | null>(null);
  const [error, setError] = useState<CrusaderError | null>(null);
  const [attempt, setAttempt] = useState(0);
  const revision = useActivity((state) => state.historyRevision);
  // biome-ignore lint/correctness/useExhaustiveDependencies: notes and the baseline change with the revision
  useEffect(() => {
    const controller = new AbortController();
    client.runs
      .show({ runId }, { signal: controller.signal })
      .then((answer) => {
        setShown(answer);
        setError(null);
      })
      .catch((thrown: unknown) => {
        const failed = asCrusaderError(thrown);
        if (!controller.signal.aborted && failed.code !== "disconnected") setError(failed);
      });
    return () => controller.abort();
  }, [runId, over, revision, attempt]);

  const failed = error ?? (shown === null ? streamError : null);
  if (failed !== null && shown === null) {
    return <ErrorState error={failed} retry={() => setAttempt((count) => count + 1)} />;
  }
  if (shown === null) return <Loading what={`Reading run ${runId}`} />;
  if (shown.state === "running") return <RunningView shown={shown} checks={view.repeats.at(-1)?.checks ?? []} />;
  return <EndedView shown={shown} />;
}

function RunningView({ shown, checks }: { shown: ShownRun; checks: RepeatResult["checks"] }) {
  return (
    <div className={classes.panel}>
      <Heading shown={shown} />
      <VerdictMark mark="running" word="Running" />
      {checks.length === 0 ? (
        <p className={classes.dim}>The checks come at the end of each repeat.</p>
      ) : (
        <ChecksTable checks={checks} />
      )}
    </div>
  );
}

function Heading({ shown: { plan, isBaseline } }: { shown: ShownRun }) {
  const { origin } = plan.submission;
  const { production } = plan;
  return (
    <h2 className={classes.title}>
      Run {plan.runId} · {plan.submission.name} v{plan.submission.version}
      {isBaseline && (
        <span className={classes.dim}>
          {" "}
          <IconPin size="1em" aria-hidden /> baseline
        </span>
      )}
      {origin !== undefined && (
        <span className={classes.foreign}>
          {" "}
          <IconFileImport size="1em" aria-hidden /> {originText(origin)}
        </span>
      )}
      {production !== undefined && (
        <span className={classes.foreign} title={productionText(production)}>
          {" "}
          <IconGavel size="1em" aria-hidden /> judged by production's env.py, revision {production.revision.label}
        </span>
      )}
    </h2>
  );
}

function EndedView({ shown }: { shown: ShownRun }) {
  const { plan, result, state } = shown;
  const verdict = verdictOf({ state, plan, result });
  const [chosen, setChosen] = useState<number | null>(null);
  const index = chosen ?? (result === null ? 0 : decisiveRepeat(result));
  const repeat = result?.repeats[index];
  const terms = repeat === undefined ? null : mfuTerms(repeat, plan.profile.content);
  return (
    <div className={classes.panel}>
      <Heading shown={shown} />
      <div className={classes.verdict} data-mark={verdict.mark}>
        <VerdictMark mark={verdict.mark} word={verdict.word} />
        <div>
          <Unbroken text={verdict.sentence} />
        </div>
        {verdict.notComparable.length > 0 && (
          <ul className={classes.reasons} aria-label="Why this is not a score">
            {verdict.notComparable.map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
          </ul>
        )}
        {result !== null && <SeriesLine result={result} />}
        {result !== null && <GpuNotes repeats={result.repeats} />}
        <OtherRules runIds={[plan.runId]} meaning="Verdict and limits are those of its own rules: judge it again." />
      </div>
      <Actions shown={shown} />
      {result !== null && result.repeats.length > 1 && (
        <SegmentedControl
          size="xs"
          aria-label="Repeat"
          data={result.repeats.map(({ outcome }, position) => ({
            value: String(position),
            label: `${position + 1}: ${outcome}`,
          }))}
          value={String(index)}
          onChange={(value) => setChosen(Number(value))}
        />
      )}
      {repeat === undefined && result?.failure != null && (
        <ExplanationView
          runId={plan.runId}
          repeat={{
            failure: result.failure,
            checks: [],
            notes: [],
            numRanks: plan.numRanks,
            strategy: null,
            parameters: null,
          }}
          profile={plan.profile.content}
          isToldAbove
        />
      )}
      {repeat !== undefined && (
        <>
          <ExplanationView
            runId={plan.runId}
            repeat={repeat}
            profile={plan.profile.content}
            isToldAbove={repeat.failure?.message === result?.failure?.message}
          />
          {repeat.checks.length > 0 && (
            <Part title="Checks">
              <ChecksTable checks={repeat.checks} />
            </Part>
          )}
          <Notes notes={repeat.notes} />
          {terms !== null && (
            <Part title="MFU">
              <MfuCalculator
                terms={terms}
                rules={mfuRules(plan.profile.content)}
                ownPeak={mfuByOwnPeak(repeat)}
                notComparable={verdict.notComparable}
              />
              <OtherRules runIds={[plan.runId]} meaning="What beats a leader now may be another MFU." />
            </Part>
          )}
          <Part title="Numbers">
            <Numbers repeat={repeat} />
          </Part>
          {repeat.production != null && (
            <Part title="Production's own report">
              <ProductionReport production={repeat.production} />
            </Part>
          )}
        </>
      )}
    </div>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={classes.part} aria-label={title}>
      <h3 className={classes.title}>{title}</h3>
      {children}
    </section>
  );
}

function SeriesLine({ result }: { result: RunResult }) {
  const { outcome, repeats, repeatsPlanned, successRate, minSuccessRate, score } = result;
  if (repeatsPlanned === 1 || outcome === "cancelled" || outcome === "error") return null;
  const passed = repeats.filter((repeat) => repeat.outcome === "passed");
  const [values, show] =
    score?.kind === "mfu_percent"
      ? [passed.map(({ mfuPercent }) => mfuPercent), formatMfu]
      : [passed.map(({ relativeSpeed }) => relativeSpeed), formatRelativeSpeed];
  const spread = spreadText(
    values.filter((value) => value !== null),
    show,
  );
  return (
    <div className="number">
      {spread}
      {spread !== "" && "; "}
      {passed.length} of {repeatsPlanned} repeats passed ({formatShare(successRate)}, at least{" "}
      {formatShare(minSuccessRate)} must)
    </div>
  );
}

function Notes({ notes }: { notes: RepeatResult["notes"] }) {
  if (notes.length === 0) return null;
  const marks = { finding: "notComparable", warning: "error", info: "info" } as const;
  return (
    <Part title="Notes">
      <ul className={classes.notes}>
        {notes.map(({ level, id, message, line }) => (
          <li key={`${id} ${message}`}>
            <VerdictMark mark={marks[level]} word={level} /> {line !== null && `Line ${line}: `}
            {message}
          </li>
        ))}
      </ul>
    </Part>
  );
}

function Actions({ shown }: { shown: ShownRun }) {
  const { runId } = shown.plan;
  const [baseline, setBaseline] = useState<string | null>(null);
  const revision = useActivity((state) => state.historyRevision);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the baseline changes with the revision
  useEffect(() => {
    client.runs
      .list({ limit: 1 })
      .then(({ baselineRunId }) => setBaseline(baselineRunId))
      // Without it there is only no button to compare with.
      .catch(() => setBaseline(null));
  }, [revision]);
  const told = (thrown: unknown) => notifyError(thrown);
  return (
    <div className={classes.actions}>
      {baseline !== null && baseline !== runId && (
        <Button
          leftSection={<IconGitCompare size="1em" aria-hidden />}
          onClick={() => {
            selection.setState({ runId, comparedRunId: baseline });
            openFeature("compare");
          }}
        >
          Compare with the baseline, run {baseline}
        </Button>
      )}
      <Button
        leftSection={<IconPin size="1em" aria-hidden />}
        onClick={() => client.runs.pinBaseline({ runId: shown.isBaseline ? null : runId }).catch(told)}
      >
        {shown.isBaseline ? "No longer the baseline" : "Make it the baseline"}
      </Button>
      <Button onClick={() => openRunSource(runId).catch(told)}>Show what was judged</Button>
      <Button
        leftSection={<IconDownload size="1em" aria-hidden />}
        onClick={() =>
          client.runs
            .export({ runId })
            .then((file) => {
              downloadFile(file);
              notify({ kind: "info", title: `Run ${runId} is exported as ${file.fileName}` });
            })
            .catch(told)
        }
      >
        Export
      </Button>
    </div>
  );
}
