/** How runs are told in words on a terminal, whichever command tells them. Foreign text is made safe here. */
import type { Change, Comparison, SpeedComparison } from "../../common/compare.ts";
import type { Failure } from "../../common/events.ts";
import { EVERY_STAGE } from "../../common/events.ts";
import {
  formatBytes,
  formatInteger,
  formatMfu,
  formatRelativeSpeed,
  formatSeconds,
  formatSignedPercent,
} from "../../common/format.ts";
import { countedGpus, mfuByOwnPeak } from "../../common/gpus.ts";
import type { RepeatResult, RunResult, RunState } from "../../common/runs.ts";
import { renderChecks, renderTable } from "./table.ts";
import type { Paint, Tone } from "./terminal.ts";
import { safeLine, safeText } from "./terminal.ts";

/** Green only for what the validator would pass; amber for a pass that is no score (UI rule "one verdict"). */
export function toneOf(state: RunState | undefined, comparable: boolean): Tone {
  if (state === "passed") return comparable ? "good" : "caution";
  if (state === "failed") return "bad";
  return state === "error" || state === "interrupted" ? "caution" : "faint";
}

export function scoreText(score: RunResult["score"]): string {
  if (score === null) return "";
  return score.kind === "mfu_percent" ? formatMfu(score.value) : formatRelativeSpeed(score.value);
}

export function counted(count: number, word: string): string {
  return `${formatInteger(count)} ${word}${count === 1 ? "" : "s"}`;
}

/** `withStages: false` where the stages' times have been seen live. */
export function describeRepeat(
  repeat: RepeatResult,
  number: number,
  planned: number,
  paint: Paint,
  { withStages = true } = {},
): string {
  const ownPeak = mfuByOwnPeak(repeat);
  const speed = [
    repeat.mfuPercent === null ? "" : `MFU ${formatMfu(repeat.mfuPercent)}`,
    ownPeak === null ? "" : `${formatMfu(ownPeak.percent)} of the GPUs' own ${ownPeak.bf16Tflops} TFLOP/s`,
    repeat.relativeSpeed === null ? "" : formatRelativeSpeed(repeat.relativeSpeed),
    repeat.timedSeconds === null ? "" : `timed ${formatSeconds(repeat.timedSeconds)}`,
    repeat.strategy === null ? "" : `dp ${repeat.strategy.dp_size} x tp ${repeat.strategy.tp_size}`,
    repeat.gpus === undefined ? repeat.device : countedGpus(repeat.gpus),
    repeat.peakMemoryBytesPerRank === null ? "" : `${formatBytes(repeat.peakMemoryBytesPerRank)} a rank at most`,
  ].filter((part) => part !== "");
  const stages = EVERY_STAGE.filter((stage) => repeat.stageSeconds[stage] !== undefined).map((stage) => [
    stage,
    formatSeconds(repeat.stageSeconds[stage] ?? 0),
  ]);
  const notes = repeat.notes.map(({ level, message, line }) => {
    const where = line === null ? "" : `line ${line}: `;
    return `  ${paint(level === "info" ? "faint" : "caution", level)}: ${where}${safeLine(message)}\n`;
  });
  return [
    `\n${paint("strong", `repeat ${number} of ${planned}`)}: ${repeat.outcome}, ${safeLine(speed.join(", "))}\n`,
    stages.length === 0 || !withStages
      ? ""
      : renderTable([{ title: "stage" }, { title: "time", align: "right" }], stages, { paint, indent: "  " }),
    repeat.checks.length === 0 ? "" : `\n${renderChecks(repeat.checks, { paint, indent: "  " })}`,
    ...notes,
  ].join("");
}

export function describeFailure(failure: Failure, paint: Paint): string {
  const where = [
    failure.stage,
    failure.rank === null ? "" : `rank ${failure.rank}`,
    failure.line === null ? "" : `line ${failure.line}`,
  ].filter((part) => part !== "");
  const lines = [
    `${paint("bad", failure.code ?? failure.kind)} (${where.join(", ")}): ${safeLine(failure.message)}\n`,
    failure.hint === "" ? "" : `hint: ${safeLine(failure.hint)}\n`,
    failure.detail === "" ? "" : `${safeText(failure.detail).trimEnd().replace(/^/gm, "  ")}\n`,
  ];
  return lines.join("");
}

export function describeComparison({ a, b, code, profile, environment, speed }: Comparison, paint: Paint): string {
  const name = ({ runId, name: file, version }: Comparison["a"]) => `run ${runId} (${safeLine(file)} v${version})`;
  return [
    `A  ${name(a)}\nB  ${name(b)}\n`,
    `\n${paint("strong", "code")}${codeText(code, paint)}`,
    changesText("configuration", profile, paint),
    changesText("environment", environment, paint),
    speedText(speed, paint),
  ].join("");
}

function codeText({ identical, diff }: Comparison["code"], paint: Paint): string {
  if (identical) return ": the same\n";
  if (diff === null) return ": too different to show line by line\n";
  const toneOfLine = (line: string): Tone | null =>
    line.startsWith("+") ? "good" : line.startsWith("-") ? "bad" : line.startsWith("@") ? "faint" : null;
  const lines = safeText(diff).trimEnd().split("\n");
  const painted = lines.map((line) => {
    const tone = toneOfLine(line);
    return `  ${tone === null ? line : paint(tone, line)}\n`;
  });
  return `\n${painted.join("")}`;
}

function changesText(title: string, changes: Change[], paint: Paint): string {
  if (changes.length === 0) return `\n${paint("strong", title)}: the same\n`;
  const shown = (value: unknown) =>
    value === undefined ? "-" : typeof value === "string" ? value : JSON.stringify(value);
  const rows = changes.map(({ path, a, b }) => [path, shown(a), shown(b)]);
  const columns = [{ title: "" }, { title: "A", maxWidth: 48 }, { title: "B", maxWidth: 48 }];
  return `\n${paint("strong", title)}\n${renderTable(columns, rows, { paint, indent: "  " })}`;
}

const VERDICTS = {
  faster: { words: "B is faster", tone: "good" },
  slower: { words: "B is slower", tone: "bad" },
  within_noise: { words: "within noise", tone: "caution" },
  no_noise_estimate: { words: "no verdict", tone: "caution" },
  not_comparable: { words: "not comparable", tone: "caution" },
} as const;

function speedText(
  { verdict, reasons, metric, a, b, changePercent, intervalPercent, method }: SpeedComparison,
  paint: Paint,
): string {
  const { words, tone } = VERDICTS[verdict];
  const change = changePercent === null ? "" : `: B ${formatSignedPercent(changePercent)}`;
  const interval = intervalPercent === null ? "" : ` [${intervalPercent.map(formatSignedPercent).join(" .. ")}]`;
  const lines = [
    `\n${paint("strong", "speed")}: ${paint(tone, words)}${change}${interval}\n`,
    ...reasons.map((reason) => `  ${safeLine(reason)}\n`),
  ];
  if (metric !== null) {
    const valueText = (value: number) => (metric === "mfu_percent" ? formatMfu(value) : formatInteger(value));
    const row = (name: string, { values, median, timedSeconds }: SpeedComparison["a"]) => [
      name,
      median === null ? "" : valueText(median),
      values.length === 0 ? "" : `[${valueText(Math.min(...values))} .. ${valueText(Math.max(...values))}]`,
      String(values.length),
      timedSeconds.map(formatSeconds).join(", "),
    ];
    const columns = [
      { title: "" },
      { title: metric === "mfu_percent" ? "median MFU" : "median tokens/s", align: "right" as const },
      { title: "min .. max", align: "right" as const },
      { title: "n", align: "right" as const },
      { title: "timed", maxWidth: 60 },
    ];
    lines.push(renderTable(columns, [row("A", a), row("B", b)], { paint, indent: "  " }));
  }
  if (method !== "none") lines.push(`  ${method}\n`);
  return lines.join("");
}
