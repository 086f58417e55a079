/** Every submission over time: scores as points, the best so far as steps, and below them what failed, by its reason. */
import { memo, useMemo } from "react";
import {
  CartesianGrid,
  ComposedChart,
  Line,
  ReferenceArea,
  Tooltip,
  usePlotArea,
  useXAxisScale,
  useYAxisScale,
  XAxis,
  YAxis,
} from "recharts";
import type { ArenaHistory } from "../../../common/arena.ts";
import { formatInteger, formatMfu } from "../../../common/format.ts";
import { ChartFrame, useDragZoom, type Zoom } from "../history/chart-frame.tsx";
import classes from "./arena.module.css";
import { type Plot, type PlotPoint, plotCsv, plotOf, type Series, scoreRange } from "./chart-parts.ts";
import { reasonOf, shortHotkey, shownMoment } from "./words.ts";

const MARGIN = { top: 8, right: 16, bottom: 4, left: 4 };
const AXIS = { stroke: "var(--text-dim)", tick: { fill: "var(--text-dim)", fontSize: 11 }, tickLine: false } as const;
const Y_WIDTH = 76;
const PLOT_HEIGHT = 190;
const BAND_ROW = 13;
const BAND_GAP = 8;
/** As near as this many pixels counts as at the crosshair. */
const NEAR_PIXELS = 6;

/** In the order in which they are drawn: what matters most lies above. Each is told by its form, too. */
const MARKS: Record<Series, { word: string; color: string; width: number; form: "dot" | "ring" | "cross" }> = {
  failed: { word: "failed", color: "var(--series-failed)", width: 1.25, form: "cross" },
  others: { word: "others", color: "var(--series-others)", width: 4, form: "dot" },
  own: { word: "own", color: "var(--series-own)", width: 7, form: "dot" },
  leader: { word: "leader", color: "var(--series-leader)", width: 2, form: "ring" },
};
const SERIES = Object.keys(MARKS) as Series[];

const days = new Intl.DateTimeFormat("en-CA", { dateStyle: "short" });
const hours = new Intl.DateTimeFormat("en-CA", {
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  hour12: false,
});
const DAY_MS = 86_400_000;

export function HistoryChart({ history, leaderId }: { history: ArenaHistory; leaderId: string | null }) {
  const plot = useMemo(() => plotOf(history, leaderId), [history, leaderId]);
  if (plot.points.length === 0)
    return <p className={classes.dim}>No submission with a time and an end was seen yet.</p>;
  const scored = plot.points.filter(({ y }) => y !== null).length;
  const title = `MFU of ${formatInteger(scored)} submissions over time and the best so far; ${formatInteger(plot.points.length - scored)} failed`;
  const bandHeight = plot.reasons.length === 0 ? 0 : plot.reasons.length * BAND_ROW + BAND_GAP;
  return (
    <ChartFrame title={title} extent={plot.extent} csv={() => plotCsv(plot)} height={PLOT_HEIGHT + bandHeight}>
      {({ width, height }, zoom, setZoom) => (
        <>
          <Legend plot={plot} />
          <TimePlot plot={plot} width={width} height={height} bandHeight={bandHeight} zoom={zoom} setZoom={setZoom} />
          <ul className={classes.legend} aria-label="Reasons of failures">
            {plot.reasons.map(({ reason, count }) => (
              <li key={reason}>
                {formatInteger(count)} {reason}
              </li>
            ))}
            {history.withoutTime > 0 && <li>{formatInteger(history.withoutTime)} without a time are not shown</li>}
            {history.truncated && <li>older ones are not shown</li>}
          </ul>
        </>
      )}
    </ChartFrame>
  );
}

function Legend({ plot }: { plot: Plot }) {
  const shown = SERIES.filter((series) => plot.points.some((point) => point.series === series));
  return (
    <ul className={classes.legend} aria-label="Marks">
      {shown.map((series) => (
        <li key={series}>
          <svg width="12" height="12" aria-hidden>
            <Marks series={series} places={[[6, 6]]} />
          </svg>
          {MARKS[series].word}
        </li>
      ))}
      <li>
        <svg width="16" height="12" aria-hidden>
          <path d="M0 9h8v-6h8" fill="none" stroke="var(--text)" strokeWidth={1.5} />
        </svg>
        best so far
      </li>
    </ul>
  );
}

type TimePlotProps = {
  plot: Plot;
  width: number;
  height: number;
  bandHeight: number;
  zoom: Zoom;
  setZoom: (zoom: Zoom) => void;
};

/** Where the crosshair may stand, and what it tells there. */
type Column = { x: number; best: number | null; points: readonly PlotPoint[] };

function TimePlot({ plot, width, height, bandHeight, zoom, setZoom }: TimePlotProps) {
  const { domain, within, columns, range } = useMemo(() => {
    const [from, to] = zoom ?? plot.extent ?? around(plot.points[0]?.x ?? 0);
    // Room for the first and the last mark.
    const room = (to - from) * 0.01;
    const inside = plot.points.filter(({ x }) => x >= from && x <= to);
    const shown = [
      ...inside.flatMap(({ y }) => y ?? []),
      ...plot.best.filter(({ x }) => x >= from && x <= to).map(({ y }) => y),
    ];
    return {
      domain: [from - room, to + room] as [number, number],
      within: inside,
      columns: columnsOf(plot, inside, from - room, to + room, Math.max(1, width - Y_WIDTH)),
      range: scoreRange(shown),
    };
  }, [plot, zoom, width]);
  const { dragged, handlers } = useDragZoom(setZoom);
  const isLong = domain[1] - domain[0] > 3 * DAY_MS;
  return (
    <ComposedChart width={width} height={height} data={columns} margin={MARGIN} accessibilityLayer {...handlers}>
      <CartesianGrid stroke="var(--border)" vertical={false} />
      <XAxis
        {...AXIS}
        dataKey="x"
        type="number"
        domain={domain}
        allowDataOverflow
        tickFormatter={(value: number) => (isLong ? days : hours).format(value)}
        minTickGap={48}
      />
      <YAxis
        {...AXIS}
        width={Y_WIDTH}
        domain={range}
        allowDataOverflow
        padding={{ bottom: bandHeight }}
        tickFormatter={(value: number) => formatMfu(value)}
      />
      <Tooltip
        isAnimationActive={false}
        cursor={{ stroke: "var(--text-dim)", strokeDasharray: "3 3" }}
        content={({ active, payload }) => {
          const column = payload?.[0]?.payload as Column | undefined;
          return active === true && column !== undefined ? <ColumnTooltip column={column} /> : null;
        }}
      />
      <Line
        dataKey="best"
        type="stepAfter"
        stroke="var(--text)"
        strokeWidth={1.5}
        dot={false}
        activeDot={false}
        connectNulls
        isAnimationActive={false}
      />
      <AllMarks points={within} bandHeight={bandHeight} reasons={plot.reasons} />
      {dragged !== null && (
        <ReferenceArea x1={Math.min(...dragged)} x2={Math.max(...dragged)} fill="var(--accent)" fillOpacity={0.15} />
      )}
    </ComposedChart>
  );
}

const around = (x: number): [number, number] => [x - DAY_MS / 2, x + DAY_MS / 2];

/** At most one for each few pixels, so that thousands of points cost no more than what can be pointed at. */
function columnsOf(plot: Plot, within: readonly PlotPoint[], from: number, to: number, pixels: number): Column[] {
  const size = ((to - from) * NEAR_PIXELS) / pixels;
  const cellOf = (x: number) => (size > 0 ? Math.floor((x - from) / size) : 0);
  const cells = new Map<number, { x: number; points: PlotPoint[] }>();
  for (const point of within) {
    const cell = cells.get(cellOf(point.x));
    if (cell === undefined) cells.set(cellOf(point.x), { x: point.x, points: [point] });
    else cell.points.push(point);
  }
  // The steps stand where they happened, not where a column begins.
  const steps = plot.best.filter(({ x }) => x > from && x < to).map(({ x }) => ({ x, points: [] as PlotPoint[] }));
  const before = plot.best.findLast(({ x }) => x <= from);
  let step = before === undefined ? 0 : plot.best.indexOf(before) + 1;
  let best = before?.y ?? null;
  const ordered = [{ x: from, points: [] }, ...cells.values(), ...steps, { x: to, points: [] }].sort(
    (a, b) => a.x - b.x,
  );
  const columns: Column[] = [];
  for (const { x, points } of ordered) {
    for (let next = plot.best[step]; next !== undefined && next.x <= x; next = plot.best[step]) {
      best = next.y;
      step += 1;
    }
    const last = columns.at(-1);
    if (last?.x === x) columns[columns.length - 1] = { x, best, points: [...last.points, ...points] };
    else columns.push({ x, best, points });
  }
  return columns;
}

const MAX_TOLD = 4;

function ColumnTooltip({ column: { x, best, points } }: { column: Column }) {
  const order = (point: PlotPoint) => -SERIES.indexOf(point.series);
  const told = points.toSorted((a, b) => order(a) - order(b) || (b.y ?? 0) - (a.y ?? 0));
  return (
    <div className={classes.tooltip}>
      <div className={classes.dim}>
        {shownMoment(x)}
        {best !== null && `, best so far ${formatMfu(best)}`}
      </div>
      {told.slice(0, MAX_TOLD).map(({ y, series, point }) => (
        <div key={point.submissionId}>
          <b>{y === null ? reasonOf(point) : formatMfu(y)}</b> {MARKS[series].word}
          {point.uid !== null && `, uid ${point.uid}`}
          {point.hotkey !== null && `, ${shortHotkey(point.hotkey)}`}, {point.submissionId}
          {y === null && point.error !== null && <div className={classes.dim}>{point.error.slice(0, 160)}</div>}
        </div>
      ))}
      {told.length > MAX_TOLD && <div className={classes.dim}>and {formatInteger(told.length - MAX_TOLD)} more</div>}
    </div>
  );
}

type AllMarksProps = { points: readonly PlotPoint[]; bandHeight: number; reasons: Plot["reasons"] };

/** All of them, as one path a kind: thousands of elements would be slow. */
const AllMarks = memo(function AllMarks({ points, bandHeight, reasons }: AllMarksProps) {
  const [xOf, yOf, area] = [useXAxisScale(), useYAxisScale(), usePlotArea()];
  if (xOf === undefined || yOf === undefined || area === undefined) return null;
  const bandTop = area.y + area.height - bandHeight + BAND_GAP;
  const rowY = (row: number) => bandTop + (row + 0.5) * BAND_ROW;
  const places: Record<Series, [number, number][]> = { failed: [], others: [], own: [], leader: [] };
  for (const { x, y, series, row } of points) {
    const [px, py] = [xOf(x), row === null ? yOf(y) : rowY(row)];
    if (px !== undefined && py !== undefined) places[series].push([px, py]);
  }
  return (
    <g>
      {bandHeight > 0 && (
        <>
          <line
            x1={area.x}
            x2={area.x + area.width}
            y1={bandTop - BAND_GAP / 2}
            y2={bandTop - BAND_GAP / 2}
            stroke="var(--border-strong)"
            strokeDasharray="2 2"
          />
          {reasons.map(({ reason }, row) => (
            <text key={reason} x={area.x - 6} y={rowY(row) + 3.5} textAnchor="end" fontSize={9} fill="var(--text-dim)">
              {reason.length > 13 ? `${reason.slice(0, 12)}.` : reason}
            </text>
          ))}
        </>
      )}
      {SERIES.map((series) => (
        <Marks key={series} series={series} places={places[series]} />
      ))}
    </g>
  );
});

function Marks({ series, places }: { series: Series; places: readonly (readonly [number, number])[] }) {
  const { color, width, form } = MARKS[series];
  const shapes = {
    // Nothing but the round ends of a line without a length.
    dot: (x: number, y: number) => `M${x} ${y}h0`,
    ring: (x: number, y: number) => `M${x - 5} ${y}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0`,
    cross: (x: number, y: number) => `M${x - 2.5} ${y - 2.5}l5 5m-5 0l5 -5`,
  };
  if (places.length === 0) return null;
  const d = places.map(([x, y]) => shapes[form](Math.round(2 * x) / 2, Math.round(2 * y) / 2)).join("");
  return <path d={d} data-series={series} fill="none" stroke={color} strokeWidth={width} strokeLinecap="round" />;
}
