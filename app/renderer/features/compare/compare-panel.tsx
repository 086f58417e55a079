/** Two runs beside each other: is B faster, what checks moved, and what differs in code, profile and machine. */
import { Button, NumberInput, Select } from "@mantine/core";
import { IconArrowsExchange, IconColumns } from "@tabler/icons-react";
import { useEffect, useMemo, useState } from "react";
import type { Change, Comparison, SpeedVerdict } from "../../../common/compare.ts";
import type { CrusaderError } from "../../../common/errors.ts";
import {
  formatInteger,
  formatMfu,
  formatQuantity,
  formatSeconds,
  formatSignedPercent,
} from "../../../common/format.ts";
import type { HistoryRun, ShownRun } from "../../../common/history.ts";
import { client } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { useActivity } from "../../shell/activity.ts";
import { notifyError } from "../../shell/notifications.ts";
import { selection, useSelection } from "../../shell/selection.ts";
import { EmptyState, ErrorState, Loading } from "../../shell/ui/states.tsx";
import { type Mark, VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import { openDiff } from "../editor/index.ts";
import { useHistory } from "../history/use-history.ts";
import { openFeature } from "../open-feature.ts";
import { OtherRules } from "../production/other-rules.tsx";
import { checkCells, checkTitle, spreadText } from "../result/verdict.ts";
import classes from "./compare.module.css";
import { checkDeltas, type Metric, metricDeltas } from "./deltas.ts";
import { DiffView } from "./diff-view.tsx";

export default function ComparePanel() {
  const { runs, status, error } = useHistory();
  const a = useSelection((state) => state.comparedRunId);
  const b = useSelection((state) => state.runId);
  if (status === "failed") return <ErrorState error={error} />;
  if (status === "loading") return <Loading what="Reading the history" />;
  if (runs.length < 2) {
    return (
      <EmptyState title="Two runs are needed">
        This panel tells whether one version is faster than another by more than the noise, and shows what differs
        between them. Run two versions, then select both in the history and press C.
      </EmptyState>
    );
  }
  return (
    <div className={classes.panel}>
      <Sides runs={runs} a={a} b={b} />
      {a !== null && b !== null && a !== b ? (
        <ComparisonOf key={`${a} ${b}`} a={a} b={b} />
      ) : (
        <EmptyState
          title="Choose two different runs"
          actions={<Button onClick={() => openFeature("history")}>Open the history</Button>}
        >
          Choose A and B above, or select two runs in the history and press C.
        </EmptyState>
      )}
    </div>
  );
}

const MAX_CHOICES = 100;

function Sides({ runs, a, b }: { runs: readonly HistoryRun[]; a: string | null; b: string | null }) {
  const choices = useMemo(() => {
    const shown = runs.filter(({ id }, index) => index < MAX_CHOICES || id === a || id === b);
    return shown.map(({ id, submission, state, failure }) => ({
      value: id,
      label: `run ${id}: ${submission.name} v${submission.version}, ${failure?.code ?? state}`,
    }));
  }, [runs, a, b]);
  return (
    <div className={classes.sides}>
      <Select
        label="A, before"
        placeholder="Run"
        searchable
        data={choices}
        value={a}
        onChange={(comparedRunId) => selection.setState({ comparedRunId })}
      />
      <Button
        aria-label="Swap A and B"
        title="Swap A and B"
        disabled={a === null || b === null}
        onClick={() => selection.setState({ comparedRunId: b, runId: a })}
      >
        <IconArrowsExchange size="1em" aria-hidden />
      </Button>
      <Select
        label="B, after"
        placeholder="Run"
        searchable
        data={choices}
        value={b}
        onChange={(runId) => runId !== null && selection.setState({ runId })}
      />
    </div>
  );
}

type Loaded = { comparison: Comparison; a: ShownRun; b: ShownRun };

function ComparisonOf({ a, b }: { a: string; b: string }) {
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const [error, setError] = useState<CrusaderError | null>(null);
  const [attempt, setAttempt] = useState(0);
  const revision = useActivity((state) => state.historyRevision);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a run that ends meanwhile changes the answer
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    Promise.all([
      client.runs.compare({ a, b }, { signal }),
      client.runs.show({ runId: a }, { signal }),
      client.runs.show({ runId: b }, { signal }),
    ])
      .then(([comparison, shownA, shownB]) => {
        setLoaded({ comparison, a: shownA, b: shownB });
        setError(null);
      })
      .catch((thrown: unknown) => !signal.aborted && setError(asCrusaderError(thrown)));
    return () => controller.abort();
  }, [a, b, revision, attempt]);
  if (error !== null && loaded === null) {
    return <ErrorState error={error} retry={() => setAttempt((count) => count + 1)} />;
  }
  if (loaded === null) return <Loading what={`Comparing run ${a} with run ${b}`} />;
  const { comparison } = loaded;
  return (
    <>
      <Speed comparison={comparison} />
      <OtherRules runIds={[a, b]} meaning="Its numbers are those of its own rules." />
      <InTurns a={loaded.a} b={loaded.b} />
      <Metrics metrics={metricDeltas(loaded.a.result, loaded.b.result)} />
      <Checks loaded={loaded} />
      <Code comparison={comparison} />
      <Changes title="Profile" changes={comparison.profile} />
      <Changes title="Environment" changes={comparison.environment} />
    </>
  );
}

/** "Faster" is no verdict of the validator's, so it is not green. */
const VERDICTS: Record<SpeedVerdict, { mark: Mark; word: string }> = {
  faster: { mark: "info", word: "B is faster" },
  slower: { mark: "info", word: "B is slower" },
  within_noise: { mark: "info", word: "Within noise" },
  no_noise_estimate: { mark: "notComparable", word: "No noise estimate" },
  not_comparable: { mark: "notComparable", word: "Not comparable" },
};

function Speed({ comparison: { speed } }: { comparison: Comparison }) {
  const { verdict, reasons, changePercent, intervalPercent, method, metric, a, b } = speed;
  const shown = metric === "mfu_percent" ? formatMfu : (value: number) => `${formatInteger(value)} tokens/s`;
  return (
    <section className={classes.verdict} data-verdict={verdict} aria-label="Verdict">
      <div className={classes.verdictLine}>
        <VerdictMark {...VERDICTS[verdict]} />
        {changePercent !== null && (
          <span className="number">
            {formatSignedPercent(changePercent)}
            {intervalPercent !== null && ` [${intervalPercent.map(formatSignedPercent).join(" .. ")}]`}
          </span>
        )}
      </div>
      {verdict === "within_noise" && <div>The repeats scatter more than A and B differ.</div>}
      {metric !== null && (
        <div className="number">
          A {spreadText(a.values, shown)}; B {spreadText(b.values, shown)}
        </div>
      )}
      {reasons.length > 0 && (
        <ul>
          {reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      {method !== "none" && <div className={classes.dim}>{method}</div>}
    </section>
  );
}

const DEFAULT_TURNS = 3;

/** Both again, A B A B with equal seeds: what the machine does meanwhile hits both alike. */
function InTurns({ a, b }: { a: ShownRun; b: ShownRun }) {
  const [repeats, setRepeats] = useState(DEFAULT_TURNS);
  const [starting, setStarting] = useState(false);
  const { profile, backend, numRanks } = b.plan;
  const isForeign = [a, b].some(({ plan }) => plan.submission.origin !== undefined);
  const sandbox = isForeign ? "bubblewrap" : b.plan.sandbox;
  const start = async () => {
    setStarting(true);
    try {
      const started = await client.simulation.startComparison({
        profile: profile.name,
        backend,
        sandbox,
        numRanks,
        repeats,
        a: { kind: "run", runId: a.plan.runId },
        b: { kind: "run", runId: b.plan.runId },
      });
      selection.setState({ comparedRunId: started.a.runId, runId: started.b.runId });
      openFeature("simulation");
    } catch (thrown) {
      notifyError(thrown, "Nothing was started.");
    } finally {
      setStarting(false);
    }
  };
  return (
    <form
      className={classes.inTurns}
      onSubmit={(event) => {
        event.preventDefault();
        void start();
      }}
    >
      <Button type="submit" loading={starting} leftSection={<IconArrowsExchange size="1em" aria-hidden />}>
        Judge both again in turns
      </Button>
      <NumberInput
        aria-label="Repeats of each"
        min={2}
        max={100}
        clampBehavior="strict"
        allowDecimal={false}
        value={repeats}
        onChange={(value) => typeof value === "number" && setRepeats(value)}
        w={64}
      />
      <span className={classes.dim}>
        times each, A B A B with equal seeds, by {profile.name} on {numRanks} {numRanks === 1 ? "rank" : "ranks"}
        {sandbox === "none" && ", without a sandbox as before"}
      </span>
    </form>
  );
}

function Metrics({ metrics }: { metrics: readonly Metric[] }) {
  if (metrics.length === 0) return null;
  const shown = (unit: string) => (value: number) => {
    if (unit === "s") return formatSeconds(value);
    return unit === "" ? formatInteger(value) : formatQuantity(value, unit);
  };
  return (
    <section className={classes.part}>
      <h3 className={classes.title}>Numbers of the repeats that passed</h3>
      <table className={classes.table} aria-label="Numbers">
        <thead>
          <tr>
            <th scope="col">Number</th>
            <th scope="col" data-number>
              A
            </th>
            <th scope="col" data-number>
              B
            </th>
            <th scope="col" data-number>
              B against A
            </th>
          </tr>
        </thead>
        <tbody>
          {metrics.map(({ name, unit, a, b, changePercent, better }) => (
            <tr key={name}>
              <th scope="row">
                {name}
                {better !== null && <span className={classes.dim}>, {better} is better</span>}
              </th>
              <td data-number>{spreadText(a, shown(unit))}</td>
              <td data-number>{spreadText(b, shown(unit))}</td>
              <td data-number>{changePercent === null ? "" : formatSignedPercent(changePercent)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Checks({ loaded }: { loaded: Loaded }) {
  const deltas = checkDeltas(loaded.a.result, loaded.b.result);
  if (deltas.length === 0) return null;
  return (
    <section className={classes.part}>
      <h3 className={classes.title}>Checks</h3>
      <table className={classes.table} aria-label="Checks">
        <thead>
          <tr>
            <th scope="col">Check</th>
            <th scope="col" data-number>
              A
            </th>
            <th scope="col" data-number>
              B
            </th>
            <th scope="col" data-number>
              Limit used, B against A
            </th>
          </tr>
        </thead>
        <tbody>
          {deltas.map(({ name, a, b, usedPoints }) => (
            <tr key={name}>
              <th scope="row">{checkTitle(name)}</th>
              <td data-number>{a === null ? "" : <CheckSide check={a} />}</td>
              <td data-number>{b === null ? "" : <CheckSide check={b} />}</td>
              <td data-number>{usedPoints === null ? "" : pointsText(usedPoints)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function pointsText(points: number): string {
  const size = Math.abs(points).toFixed(1);
  if (size === "0.0") return "0.0 points";
  return `${points < 0 ? "-" : "+"}${size} points`;
}

function CheckSide({ check }: { check: NonNullable<ReturnType<typeof checkDeltas>[number]["a"]> }) {
  const { value, used } = checkCells(check);
  return (
    <>
      {check.state === "failed" && <VerdictMark mark="failed" word="failed" />} {value}
      {used !== "" && <span className={classes.dim}> {used}</span>}
    </>
  );
}

function Code({ comparison: { a, b, code } }: { comparison: Comparison }) {
  return (
    <section className={classes.part}>
      <div className={classes.codeHead}>
        <h3 className={classes.title}>Code</h3>
        {code.identical ? (
          <span className={classes.dim}>the same bytes in both</span>
        ) : (
          <Button
            leftSection={<IconColumns size="1em" aria-hidden />}
            onClick={() =>
              openDiff({ kind: "run", runId: a.runId }, { kind: "run", runId: b.runId }).catch((thrown: unknown) =>
                notifyError(thrown),
              )
            }
          >
            Side by side in the editor
          </Button>
        )}
      </div>
      {!code.identical && code.diff === null && <p>The files differ too much to be compared line by line in time.</p>}
      {!code.identical && code.diff !== null && <DiffView diff={code.diff} />}
    </section>
  );
}

function Changes({ title, changes }: { title: string; changes: readonly Change[] }) {
  const shown = (value: unknown) =>
    value === undefined ? "absent" : typeof value === "string" ? value : JSON.stringify(value);
  return (
    <section className={classes.part}>
      <h3 className={classes.title}>
        {title} {changes.length === 0 && <span className={classes.dim}>the same in both</span>}
      </h3>
      {changes.length > 0 && (
        <table className={classes.table} aria-label={title}>
          <thead>
            <tr>
              <th scope="col">Entry</th>
              <th scope="col">A</th>
              <th scope="col">B</th>
            </tr>
          </thead>
          <tbody>
            {changes.map(({ path, a, b }) => (
              <tr key={path}>
                <th scope="row">
                  <code>{path}</code>
                </th>
                <td>{shown(a)}</td>
                <td>{shown(b)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
