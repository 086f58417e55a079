/** A chart a quantity over the judge's clock, with the stages on its axis; one GPU stands out, the others are behind it. */
import { SegmentedControl } from "@mantine/core";
import { useMemo, useState } from "react";
import { CartesianGrid, Line, LineChart, ReferenceArea, ReferenceLine, Tooltip, XAxis, YAxis } from "recharts";
import type { GpuQuantity } from "../../../common/events.ts";
import { formatSeconds } from "../../../common/format.ts";
import { type GpuTelemetry, THROTTLE_WORDS } from "../../../common/telemetry.ts";
import { ChartFrame, type Zoom } from "../history/chart-frame.tsx";
import { type GpuRow, gpusCsv, QUANTITIES, rowsOf, stageAt } from "./gpu-quantities.ts";
import classes from "./gpus.module.css";

const HEIGHT = 120;
const MARGIN = { top: 14, right: 12, bottom: 0, left: 0 };
const AXIS = { stroke: "var(--text-dim)", tick: { fill: "var(--text-dim)", fontSize: 11 }, tickLine: false } as const;
const Y_WIDTH = 84;
const LABEL_SIZE = 10;
/** A letter of a stage's name takes about as much, in pixels. */
const LETTER_WIDTH = 6;
/** More stretches than that are a pattern that nobody counts. */
const MAX_STRETCHES = 200;

export default function GpuCharts({ telemetry }: { telemetry: GpuTelemetry }) {
  const { gpus, series, throttled } = telemetry;
  const [chosen, setChosen] = useState(0);
  const shown = Math.min(chosen, gpus.length - 1);
  const held = throttled[shown] ?? [];
  return (
    <>
      {gpus.length > 1 && (
        <SegmentedControl
          size="xs"
          aria-label="GPU that stands out"
          data={gpus.map(({ index, rank }, position) => ({
            value: String(position),
            label: `GPU ${index}${index === rank ? "" : `, rank ${rank}`}`,
          }))}
          value={String(shown)}
          onChange={(value) => setChosen(Number(value))}
        />
      )}
      <ul className={classes.legend} aria-label="In the charts">
        <li>
          <span className={classes.own} aria-hidden /> GPU {gpus[shown]?.index}
        </li>
        {gpus.length > 1 && (
          <li>
            <span className={classes.others} aria-hidden /> the other GPUs
          </li>
        )}
        <li>
          <span className={classes.timed} aria-hidden /> timed span
        </li>
        {held.length > 0 && (
          <li>
            <span className={classes.held} aria-hidden /> clocks held back
          </li>
        )}
      </ul>
      <div className={classes.charts}>
        {series.map(({ quantity, gpus: values }) => (
          <QuantityChart key={quantity} telemetry={telemetry} quantity={quantity} values={values} shown={shown} />
        ))}
      </div>
    </>
  );
}

type QuantityChartProps = {
  telemetry: GpuTelemetry;
  quantity: GpuQuantity;
  values: GpuTelemetry["series"][number]["gpus"];
  shown: number;
};

function QuantityChart({ telemetry, quantity, values, shown }: QuantityChartProps) {
  const { clock, times } = telemetry;
  const rows = useMemo(() => rowsOf({ times }, values), [times, values]);
  return (
    <ChartFrame
      title={QUANTITIES[quantity].title}
      extent={clock > 0 ? [0, clock] : null}
      csv={() => gpusCsv(telemetry, quantity)}
    >
      {({ width }, zoom) => <Lines {...{ telemetry, quantity, rows, shown, width, zoom }} />}
    </ChartFrame>
  );
}

type LinesProps = Pick<QuantityChartProps, "telemetry" | "quantity" | "shown"> & {
  rows: readonly GpuRow[];
  width: number;
  zoom: Zoom;
};

function Lines({ telemetry, quantity, rows, shown, width, zoom }: LinesProps) {
  const { text, top } = QUANTITIES[quantity];
  const { gpus, stages, timed, clock } = telemetry;
  const [from, to] = zoom ?? [0, clock];
  const drawn = zoom === null ? [...rows] : rows.filter(({ at }) => at >= from && at <= to);
  const pixels = (seconds: number) => ((width - Y_WIDTH - MARGIN.right) * seconds) / Math.max(to - from, 1e-9);
  // On the chart of clocks: there it shows what it does.
  const held = quantity === "smClockMhz" ? stretches(telemetry.throttled[shown] ?? []) : [];
  const others = gpus.map((_gpu, position) => position).filter((position) => position !== shown);
  return (
    <LineChart width={width} height={HEIGHT} data={drawn} margin={MARGIN} accessibilityLayer>
      <CartesianGrid stroke="var(--border)" vertical={false} />
      <XAxis
        {...AXIS}
        dataKey="at"
        type="number"
        domain={[from, to]}
        allowDataOverflow
        tickFormatter={(seconds: number) => formatSeconds(seconds)}
        minTickGap={40}
      />
      <YAxis
        {...AXIS}
        width={Y_WIDTH}
        domain={[0, top ?? "auto"]}
        tickFormatter={text}
        tickCount={4}
        allowDecimals={false}
      />
      {timed !== null && (
        <ReferenceArea x1={timed.from} x2={timed.to} fill="var(--series-own)" fillOpacity={0.1} ifOverflow="hidden" />
      )}
      {held.map((stretch) => (
        <ReferenceArea
          key={stretch.from}
          x1={stretch.from}
          x2={stretch.to}
          fill="var(--series-leader)"
          fillOpacity={0.3}
          ifOverflow="hidden"
        />
      ))}
      {stages.map(({ stage, from: begin, to: end }) => {
        const isNamed = pixels((end ?? clock) - begin) > LETTER_WIDTH * stage.length;
        return (
          <ReferenceLine
            key={stage}
            x={begin}
            stroke="var(--border-strong)"
            ifOverflow="hidden"
            {...(isNamed && {
              label: {
                value: stage,
                position: "insideTopLeft" as const,
                offset: 2,
                dy: -MARGIN.top + 2,
                fill: "var(--text-dim)",
                fontSize: LABEL_SIZE,
              },
            })}
          />
        );
      })}
      <Tooltip
        isAnimationActive={false}
        cursor={{ stroke: "var(--text-dim)", strokeDasharray: "3 3" }}
        content={({ active, payload }) => {
          const row = payload?.[0]?.payload as GpuRow | undefined;
          if (active !== true || row === undefined) return null;
          return <Values telemetry={telemetry} row={row} shown={shown} text={text} />;
        }}
      />
      {others.map((position) => (
        <Line
          key={position}
          dataKey={`gpu${position}`}
          stroke="var(--series-others)"
          strokeWidth={1}
          dot={false}
          isAnimationActive={false}
        />
      ))}
      <Line
        dataKey={`gpu${shown}`}
        stroke="var(--series-own)"
        strokeWidth={1.75}
        dot={false}
        isAnimationActive={false}
      />
    </LineChart>
  );
}

type ValuesProps = { telemetry: GpuTelemetry; row: GpuRow; shown: number; text: (value: number) => string };

function Values({ telemetry, row, shown, text }: ValuesProps) {
  const stage = stageAt(telemetry.stages, row.at);
  const held = telemetry.throttled[shown]?.find(({ from, to }) => row.at >= from && row.at <= to);
  return (
    <div className={classes.tooltip}>
      {telemetry.gpus.map(({ index }, position) => {
        const value = row[`gpu${position}`] ?? null;
        const shownText = value === null ? "not told" : text(value);
        return (
          <div key={index}>
            GPU {index}: {position === shown ? <b>{shownText}</b> : shownText}
          </div>
        );
      })}
      {held !== undefined && (
        <div>
          GPU {telemetry.gpus[shown]?.index}: {held.reasons.map((reason) => THROTTLE_WORDS[reason]).join(", ")}
        </div>
      )}
      <div className={classes.dim}>
        {formatSeconds(row.at)}
        {stage !== null && `, ${stage}`}
      </div>
    </div>
  );
}

/** The longest, where there are too many to draw. */
function stretches(throttled: GpuTelemetry["throttled"][number]): GpuTelemetry["throttled"][number] {
  return throttled.toSorted((a, b) => b.to - b.from - (a.to - a.from)).slice(0, MAX_STRETCHES);
}
