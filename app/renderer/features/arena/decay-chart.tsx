/** How the threshold decays block by block, and where an own score comes to pass it. */
import { useMemo } from "react";
import { CartesianGrid, ComposedChart, Line, ReferenceDot, ReferenceLine, Tooltip, XAxis, YAxis } from "recharts";
import { formatInteger, formatMfu, formatSignedPercent } from "../../../common/format.ts";
import { ChartFrame, type Zoom } from "../history/chart-frame.tsx";
import classes from "./arena.module.css";
import type { BoardHead } from "./arena-store.ts";
import { type Decay, type DecayPoint, decayCsv, decayOf } from "./chart-parts.ts";
import { ownName, shownMoment } from "./words.ts";

/** Room at the right for half of the last date. */
const MARGIN = { top: 12, right: 52, bottom: 16, left: 4 };
const AXIS = { stroke: "var(--text-dim)", tickLine: false } as const;
const TICK = { fill: "var(--text-dim)", fontSize: 11 };
const Y_WIDTH = 64;
const HEIGHT = 220;

export function DecayChart({ board, nowMs }: { board: BoardHead; nowMs: number }) {
  const { blockFrom } = board.threshold;
  // The source's own block was the newest when it said so.
  const blockMs = blockFrom === "source" && board.seenAt !== null ? Date.parse(board.seenAt) : nowMs;
  const minuteMs = 60_000 * Math.floor(blockMs / 60_000);
  const decay = useMemo(() => decayOf(board, ownName, minuteMs), [board, minuteMs]);
  if (decay === null) return <p className={classes.dim}>The source tells no threshold whose decay could be drawn.</p>;
  const [first, last] = [decay.points[0]?.block ?? 0, decay.points.at(-1)?.block ?? 0];
  return (
    <ChartFrame
      title="Threshold to lead over blocks, if nothing happens"
      extent={[first, last]}
      csv={() => decayCsv(decay)}
      height={HEIGHT}
    >
      {({ width, height }, zoom) => <Curve decay={decay} width={width} height={height} zoom={zoom} />}
    </ChartFrame>
  );
}

function Curve({ decay, width, height, zoom }: { decay: Decay; width: number; height: number; zoom: Zoom }) {
  const { points, now, own, basePercent } = decay;
  const [from, to] = zoom ?? [points[0]?.block ?? 0, points.at(-1)?.block ?? 1];
  const drawn = points.filter(({ block }) => block >= from && block <= to);
  const timeOf = timesOf(points);
  const crossings = own.flatMap((each) =>
    each.block !== null && each.block >= from && each.block <= to ? [{ ...each, block: each.block }] : [],
  );
  const inSight = own.filter(({ leadPercent }) => leadPercent > 0);
  const top = Math.max(...drawn.map(({ threshold }) => threshold), ...crossings.map(({ leadPercent }) => leadPercent));
  return (
    <>
      <ul className={classes.legend} aria-label="Lines">
        <li>
          <Stroke color="var(--series-leader)" /> threshold, down to its base of {formatSignedPercent(basePercent)}
        </li>
        {inSight.map(({ name, score, leadPercent }) => (
          <li key={name}>
            <Stroke color="var(--series-own)" dashes="4 3" /> {formatMfu(score)} of {name},{" "}
            {formatSignedPercent(leadPercent)}
          </li>
        ))}
      </ul>
      <ComposedChart width={width} height={height} data={drawn} margin={MARGIN} accessibilityLayer>
        <CartesianGrid stroke="var(--border)" vertical={false} />
        <XAxis
          {...AXIS}
          dataKey="block"
          type="number"
          domain={[from, to]}
          allowDataOverflow
          minTickGap={72}
          tick={({ x, y, payload }) => (
            <text x={x} y={y} textAnchor="middle" {...TICK}>
              <tspan x={x} dy="0.9em">
                #{formatInteger(payload.value)}
              </tspan>
              <tspan x={x} dy="1.2em">
                {shownMoment(timeOf(payload.value))}
              </tspan>
            </text>
          )}
        />
        <YAxis
          {...AXIS}
          tick={TICK}
          width={Y_WIDTH}
          domain={[Math.max(0, basePercent * 0.9), top * 1.08]}
          allowDataOverflow
          tickFormatter={(value: number) => formatSignedPercent(value)}
        />
        <Tooltip
          isAnimationActive={false}
          cursor={{ stroke: "var(--text-dim)", strokeDasharray: "3 3" }}
          content={({ active, payload }) => {
            const point = payload?.[0]?.payload as DecayPoint | undefined;
            if (active !== true || point === undefined) return null;
            return (
              <div className={classes.tooltip}>
                <b>{formatSignedPercent(point.threshold)}</b>
                {point.score !== null && <>: more than {formatMfu(point.score)} leads</>}
                <div className={classes.dim}>
                  block {formatInteger(point.block)}, {shownMoment(point.atMs)}
                </div>
              </div>
            );
          }}
        />
        <ReferenceLine
          x={now.block}
          stroke="var(--text-dim)"
          strokeDasharray="2 3"
          label={{ value: "now", fill: "var(--text-dim)", fontSize: 11, position: "insideTopRight" }}
        />
        <Line
          dataKey="threshold"
          type="linear"
          stroke="var(--series-leader)"
          strokeWidth={1.75}
          dot={false}
          isAnimationActive={false}
        />
        {inSight.map(({ name, leadPercent }) => (
          <ReferenceLine
            key={name}
            y={leadPercent}
            stroke="var(--series-own)"
            strokeDasharray="4 3"
            ifOverflow="discard"
          />
        ))}
        {crossings.map(({ name, block, leadPercent }) => (
          <ReferenceDot
            key={name}
            x={block}
            y={leadPercent}
            r={4}
            fill="var(--series-own)"
            stroke="var(--surface)"
            ifOverflow="discard"
            label={{
              value: `passes at #${formatInteger(block)}`,
              fill: "var(--text)",
              fontSize: 11,
              position: "top",
            }}
          />
        ))}
      </ComposedChart>
    </>
  );
}

function Stroke({ color, dashes }: { color: string; dashes?: string }) {
  return (
    <svg width="18" height="8" aria-hidden>
      <line x1="0" x2="18" y1="4" y2="4" stroke={color} strokeWidth="2" strokeDasharray={dashes} />
    </svg>
  );
}

/** Blocks come evenly. */
function timesOf(points: readonly DecayPoint[]): (block: number) => number {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined || first.block === last.block) return () => first?.atMs ?? 0;
  const perBlock = (last.atMs - first.atMs) / (last.block - first.block);
  return (block) => first.atMs + (block - first.block) * perBlock;
}
