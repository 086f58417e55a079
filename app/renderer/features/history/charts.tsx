/** The history in pictures: scores over time and by version, and where the time of the stages goes. */
import { Select } from "@mantine/core";
import { type ReactNode, startTransition, useEffect, useMemo, useState } from "react";
import {
  Area,
  Bar,
  BarChart,
  CartesianGrid,
  ComposedChart,
  ErrorBar,
  Line,
  ReferenceArea,
  ReferenceDot,
  ReferenceLine,
  Scatter,
  Tooltip,
  XAxis,
  YAxis,
} from "recharts";
import { EVERY_STAGE, type Stage } from "../../../common/events.ts";
import { formatInteger, formatMfu, formatRelativeSpeed, formatSeconds } from "../../../common/format.ts";
import type { HistoryRun } from "../../../common/history.ts";
import { client } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { showRun } from "./actions.ts";
import {
  downSample,
  markedPoints,
  paddedRange,
  type ScoreKind,
  type ScorePoint,
  type StaleRuns,
  scoresByVersion,
  scoresOverTime,
  toCsv,
  usualScoreKind,
} from "./chart-data.ts";
import { ChartFrame, useDragZoom, type Zoom } from "./chart-frame.tsx";
import classes from "./history.module.css";

export type ChartsProps = {
  /** What the list shows. */
  runs: readonly HistoryRun[];
  all: readonly HistoryRun[];
  baselineRunId: string | null;
  stale: StaleRuns;
};

const MARGIN = { top: 8, right: 16, bottom: 4, left: 4 };
const AXIS = { stroke: "var(--text-dim)", tick: { fill: "var(--text-dim)", fontSize: 11 }, tickLine: false } as const;
const Y_WIDTH = 64;
const ACTIVE_DOT_RADIUS = 4;

export default function Charts({ runs, all, baselineRunId, stale }: ChartsProps) {
  const kind = usualScoreKind(runs);
  if (kind === null) return <p className={classes.noScore}>None of these runs has a score to draw.</p>;
  const baseline = all.find(({ id, score }) => id === baselineRunId && score?.kind === kind);
  return (
    <div className={classes.charts}>
      <ScoresOverTime runs={runs} kind={kind} baseline={baseline} stale={stale} />
      <AfterFirstFrame>
        <ScoresByVersion runs={runs} kind={kind} baseline={baseline} stale={stale} />
        <StageDurations runs={runs} />
      </AfterFirstFrame>
    </div>
  );
}

/** What lies further down does not hold up the first chart. */
function AfterFirstFrame({ children }: { children: ReactNode }) {
  const [isShown, setShown] = useState(false);
  useEffect(() => {
    let frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => startTransition(() => setShown(true)));
    });
    return () => cancelAnimationFrame(frame);
  }, []);
  return isShown ? children : null;
}

const scoreText = (kind: ScoreKind) => (kind === "mfu_percent" ? formatMfu : formatRelativeSpeed);
const scoreTitle = (kind: ScoreKind) => (kind === "mfu_percent" ? "MFU" : "Speed against the reference");
const times = new Intl.DateTimeFormat("en-CA", { dateStyle: "short", timeStyle: "short", hour12: false });
const days = new Intl.DateTimeFormat("en-CA", {
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  hour12: false,
});

const STALE_WORDS = "under other rules than those in force";
const MARKS_APART_PIXELS = 12;

/** An empty diamond: told from a dot in greyscale, too. */
function StaleMark({ cx = 5, cy = 5 }: { cx?: number; cy?: number }) {
  const place = `M${cx} ${cy - 5}l5 5l-5 5l-5 -5z`;
  return <path d={place} fill="var(--surface)" stroke="var(--warn)" strokeWidth={1.5} data-stale-mark />;
}

function StaleLegend({ count, of }: { count: number; of: number }) {
  if (count === 0) return null;
  return (
    <p className={classes.staleLegend}>
      <svg width="12" height="12" viewBox="-1 -1 12 12" aria-hidden>
        <StaleMark />
      </svg>
      {formatInteger(count)} of {formatInteger(of)} made {STALE_WORDS}
    </p>
  );
}

type ScoreChartProps = {
  runs: readonly HistoryRun[];
  kind: ScoreKind;
  baseline: HistoryRun | undefined;
  stale: StaleRuns;
};

function ScoresOverTime({ runs, kind, baseline, stale }: ScoreChartProps) {
  const points = useMemo(() => scoresOverTime(runs, kind, stale), [runs, kind, stale]);
  const staleCount = useMemo(() => points.filter(({ isStale }) => isStale).length, [points]);
  const extent = useMemo((): [number, number] | null => {
    const [first, last] = [points[0], points.at(-1)];
    return first === undefined || last === undefined || first.x === last.x ? null : [first.x, last.x];
  }, [points]);
  const shown = scoreText(kind);
  const csv = () =>
    toCsv(
      ["started", "run", "submission", "version", kind, "rules"],
      points.map(({ x, y, runId, name, version, isStale }) => [
        new Date(x).toISOString(),
        runId,
        name,
        version,
        y,
        isStale ? "other" : "in force",
      ]),
    );
  return (
    <ChartFrame title={`${scoreTitle(kind)} over time, ${formatInteger(points.length)} runs`} extent={extent} csv={csv}>
      {({ width, height }, zoom, setZoom) => (
        <>
          <StaleLegend count={staleCount} of={points.length} />
          <TimeChart {...{ points, width, height, zoom, setZoom, shown, extent, baseline }} />
        </>
      )}
    </ChartFrame>
  );
}

type TimeChartProps = {
  points: readonly ScorePoint[];
  width: number;
  height: number;
  zoom: Zoom;
  setZoom: (zoom: Zoom) => void;
  shown: (value: number) => string;
  extent: readonly [number, number] | null;
  baseline: HistoryRun | undefined;
};

function TimeChart({ points, width, height, zoom, setZoom, shown, extent, baseline }: TimeChartProps) {
  const drawn = useMemo(() => {
    const within = zoom === null ? points : points.filter(({ x }) => x >= zoom[0] && x <= zoom[1]);
    return downSample(within, Math.max(1, Math.floor(width - Y_WIDTH)));
  }, [points, zoom, width]);
  const domain = useMemo((): [number, number] => {
    const [least, most] = zoom ?? [points[0]?.x ?? 0, points.at(-1)?.x ?? 0];
    // Room for the first and the last dot: what lies outside the axis is cut off.
    const room = ((most - least) * ACTIVE_DOT_RADIUS) / Math.max(1, width - Y_WIDTH - 2 * ACTIVE_DOT_RADIUS);
    return [least - room, most + room];
  }, [points, zoom, width]);
  const marked = useMemo(
    () => markedPoints(drawn, ((domain[1] - domain[0]) * MARKS_APART_PIXELS) / Math.max(1, width - Y_WIDTH)),
    [drawn, domain, width],
  );
  const { dragged, handlers } = useDragZoom(setZoom);
  return (
    <ComposedChart width={width} height={height} data={drawn} margin={MARGIN} accessibilityLayer {...handlers}>
      <CartesianGrid stroke="var(--border)" vertical={false} />
      <XAxis
        {...AXIS}
        dataKey="x"
        type="number"
        domain={domain}
        allowDataOverflow
        tickFormatter={(value: number) => days.format(value)}
        minTickGap={48}
      />
      <YAxis {...AXIS} width={Y_WIDTH} domain={["auto", "auto"]} tickFormatter={shown} />
      <Tooltip
        isAnimationActive={false}
        cursor={{ stroke: "var(--text-dim)", strokeDasharray: "3 3" }}
        content={({ active, payload }) => {
          const point = payload?.[0]?.payload as ScorePoint | undefined;
          if (active !== true || point === undefined) return null;
          return (
            <div className={classes.tooltip}>
              <b>{shown(point.y)}</b> run {point.runId}, {point.name} v{point.version}
              <div className={classes.dim}>{times.format(point.x)}</div>
              {point.isStale && <div>{STALE_WORDS}</div>}
            </div>
          );
        }}
      />
      {baseline?.score != null && (
        <ReferenceLine
          y={baseline.score.value}
          stroke="var(--series-leader)"
          strokeDasharray="4 4"
          label={{
            value: `baseline, run ${baseline.id}`,
            fill: "var(--series-leader)",
            fontSize: 11,
            position: "insideTopLeft",
          }}
        />
      )}
      <Line
        dataKey="y"
        type="linear"
        stroke="var(--series-own)"
        strokeWidth={1.5}
        dot={drawn.length <= 60 ? { r: 2.5, fill: "var(--series-own)" } : false}
        activeDot={{
          r: ACTIVE_DOT_RADIUS,
          onClick: (_event, dot) => {
            const point = (dot as { payload?: ScorePoint }).payload;
            if (point !== undefined) showRun(point.runId);
          },
        }}
        isAnimationActive={false}
      />
      {marked.map(({ x, y, runId }) => (
        <ReferenceDot key={runId} x={x} y={y} shape={StaleMark} />
      ))}
      {dragged !== null && extent !== null && (
        <ReferenceArea x1={Math.min(...dragged)} x2={Math.max(...dragged)} fill="var(--accent)" fillOpacity={0.15} />
      )}
    </ComposedChart>
  );
}

function ScoresByVersion({ runs, kind, baseline, stale }: ScoreChartProps) {
  const paths = useMemo(() => pathsWithScores(runs, kind), [runs, kind]);
  const [chosen, setChosen] = useState<string | null>(null);
  const path = chosen !== null && paths.some(({ value }) => value === chosen) ? chosen : (paths[0]?.value ?? null);
  const versions = useMemo(
    () => (path === null ? [] : scoresByVersion(runs, path, kind, stale)),
    [runs, path, kind, stale],
  );
  const data = versions.map((point) => ({
    ...point,
    error: [point.median - point.spread[0], point.spread[1] - point.median],
  }));
  const shown = scoreText(kind);
  const [first, last] = [versions[0], versions.at(-1)];
  if (path === null || first === undefined || last === undefined) return null;
  const domain = paddedRange([
    ...versions.flatMap(({ spread }) => spread),
    ...(baseline?.score == null ? [] : [baseline.score.value]),
  ]);
  const extent: [number, number] | null = first.version === last.version ? null : [first.version, last.version];
  const csv = () =>
    toCsv(
      ["version", `median ${kind}`, "min", "max", "runs", "runs under other rules"],
      versions.map(({ version, median, spread, count, staleCount }) => [
        version,
        median,
        spread[0],
        spread[1],
        count,
        staleCount,
      ]),
    );
  return (
    <div>
      {paths.length > 1 && (
        <Select aria-label="Submission" data={paths} value={path} onChange={setChosen} allowDeselect={false} w={360} />
      )}
      <ChartFrame title={`${scoreTitle(kind)} by version: median, and min to max`} extent={extent} csv={csv}>
        {({ width, height }, zoom) => (
          <ComposedChart
            width={width}
            height={height}
            data={data.filter(({ version }) => zoom === null || (version >= zoom[0] && version <= zoom[1]))}
            margin={MARGIN}
            accessibilityLayer
          >
            <CartesianGrid stroke="var(--border)" vertical={false} />
            <XAxis
              {...AXIS}
              dataKey="version"
              type="number"
              domain={zoom === null ? [first.version - 0.5, last.version + 0.5] : [zoom[0] - 0.5, zoom[1] + 0.5]}
              allowDecimals={false}
              tickFormatter={(version: number) => `v${version}`}
            />
            <YAxis {...AXIS} width={Y_WIDTH} domain={domain} tickFormatter={shown} />
            <Tooltip
              isAnimationActive={false}
              cursor={{ stroke: "var(--text-dim)", strokeDasharray: "3 3" }}
              content={({ active, payload }) => {
                const point = payload?.[0]?.payload as (typeof versions)[number] | undefined;
                if (active !== true || point === undefined) return null;
                return (
                  <div className={classes.tooltip}>
                    v{point.version}: <b>{shown(point.median)}</b> [{shown(point.spread[0])}..{shown(point.spread[1])}]
                    n=
                    {point.count}
                    {point.staleCount > 0 && (
                      <div>
                        {formatInteger(point.staleCount)} {STALE_WORDS}
                      </div>
                    )}
                  </div>
                );
              }}
            />
            {baseline?.score != null && (
              <ReferenceLine y={baseline.score.value} stroke="var(--series-leader)" strokeDasharray="4 4" />
            )}
            <Area
              dataKey="spread"
              stroke="none"
              fill="var(--series-own)"
              fillOpacity={0.15}
              isAnimationActive={false}
            />
            <Scatter dataKey="median" fill="var(--series-own)" isAnimationActive={false}>
              <ErrorBar dataKey="error" width={5} stroke="var(--series-own)" direction="y" isAnimationActive={false} />
            </Scatter>
            {versions
              .filter(({ staleCount }) => staleCount > 0)
              .map(({ version, median }) => (
                <ReferenceDot key={version} x={version} y={median} shape={StaleMark} />
              ))}
          </ComposedChart>
        )}
      </ChartFrame>
    </div>
  );
}

/** The one with the most versions first: it has a story to tell. */
function pathsWithScores(runs: readonly HistoryRun[], kind: ScoreKind): { value: string; label: string }[] {
  const versions = new Map<string, Set<number>>();
  for (const { score, submission, imported } of runs) {
    // Another's versions are no steps of one's own submission.
    if (score?.kind !== kind || imported === true) continue;
    versions.set(submission.path, (versions.get(submission.path) ?? new Set()).add(submission.version));
  }
  return [...versions]
    .toSorted(([, a], [, b]) => b.size - a.size)
    .map(([path, { size }]) => ({ value: path, label: `${path}, ${size} ${size === 1 ? "version" : "versions"}` }));
}

const MAX_STAGE_RUNS = 20;
/** From dark to light, so that neighbours stay apart in greyscale; the timed run alone is in the own colour. */
const SHADES: Partial<Record<Stage, string>> = { timed: "var(--series-own)", reference: "var(--series-others)" };
const shadeOf = (stage: Stage, index: number) =>
  SHADES[stage] ?? `color-mix(in srgb, var(--text) ${15 + 8 * index}%, var(--surface))`;

type StageRow = { runId: string; label: string } & Partial<Record<Stage, number>>;

function StageDurations({ runs }: { runs: readonly HistoryRun[] }) {
  const ids = runs
    .filter(({ state }) => state === "passed" || state === "failed")
    .slice(0, MAX_STAGE_RUNS)
    .map(({ id }) => id);
  const { rows, error } = useStageRows(ids.toReversed().join(" "));
  if (error !== null) return <p className={classes.caution}>The stages' times cannot be read: {error}</p>;
  if (rows.length === 0) return null;
  const stages = EVERY_STAGE.filter((stage) => stage !== "evaluation" || rows.some((row) => row[stage] !== undefined));
  const csv = () =>
    toCsv(
      ["run", ...stages],
      rows.map((row) => [row.runId, ...stages.map((stage) => row[stage] ?? null)]),
    );
  return (
    <ChartFrame
      title={`Where the time goes: mean seconds a repeat, ${rows.length} runs of the list`}
      extent={null}
      csv={csv}
    >
      {({ width, height }) => (
        <>
          <ul className={classes.legend} aria-label="Stages, from the bottom up">
            {stages.map((stage, index) => (
              <li key={stage}>
                <span style={{ background: shadeOf(stage, index) }} aria-hidden /> {stage}
              </li>
            ))}
          </ul>
          <BarChart width={width} height={height} data={rows} margin={MARGIN} accessibilityLayer>
            <CartesianGrid stroke="var(--border)" vertical={false} />
            <XAxis {...AXIS} dataKey="label" interval="preserveStartEnd" />
            <YAxis {...AXIS} width={Y_WIDTH} tickFormatter={(seconds: number) => formatSeconds(seconds)} />
            <Tooltip
              isAnimationActive={false}
              cursor={{ fill: "var(--hover)" }}
              content={({ active, payload }) => {
                const row = payload?.[0]?.payload as StageRow | undefined;
                if (active !== true || row === undefined) return null;
                return (
                  <div className={classes.tooltip}>
                    <b>Run {row.runId}</b>
                    {stages
                      .filter((stage) => (row[stage] ?? 0) >= 0.05)
                      .map((stage) => (
                        <div key={stage}>
                          {stage} {formatSeconds(row[stage] ?? 0)}
                        </div>
                      ))}
                  </div>
                );
              }}
            />
            {stages.map((stage, index) => (
              <Bar
                key={stage}
                dataKey={stage}
                stackId="stages"
                fill={shadeOf(stage, index)}
                isAnimationActive={false}
              />
            ))}
          </BarChart>
        </>
      )}
    </ChartFrame>
  );
}

/** A run that has ended never changes. */
const known = new Map<string, StageRow>();

function useStageRows(idsText: string): { rows: StageRow[]; error: string | null } {
  const [state, setState] = useState<{ rows: StageRow[]; error: string | null }>({ rows: [], error: null });
  useEffect(() => {
    let stale = false;
    const read = async () => {
      const ids = idsText === "" ? [] : idsText.split(" ");
      for (const id of ids) {
        if (stale) return;
        if (!known.has(id)) known.set(id, await stageRow(id));
      }
      if (!stale) setState({ rows: ids.flatMap((id) => known.get(id) ?? []), error: null });
    };
    read().catch((thrown: unknown) => !stale && setState({ rows: [], error: asCrusaderError(thrown).message }));
    return () => {
      stale = true;
    };
  }, [idsText]);
  return state;
}

async function stageRow(runId: string): Promise<StageRow> {
  const { result } = await client.runs.show({ runId });
  const repeats = result?.repeats ?? [];
  const row: StageRow = { runId, label: runId };
  for (const stage of EVERY_STAGE) {
    const seconds = repeats.flatMap(({ stageSeconds }) => stageSeconds[stage] ?? []);
    if (seconds.length > 0) row[stage] = seconds.reduce((sum, value) => sum + value, 0) / seconds.length;
  }
  return row;
}
