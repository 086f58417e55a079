/** What was measured, to compare by eye. */
import { formatBytes, formatInteger, formatMfu, formatRelativeSpeed, formatSeconds } from "../../../common/format.ts";
import { countedGpus, mfuByOwnPeak, type OwnPeakMfu } from "../../../common/gpus.ts";
import type { RepeatResult } from "../../../common/runs.ts";
import classes from "./result.module.css";

export function Numbers({ repeat }: { repeat: RepeatResult }) {
  const rows = numbersOf(repeat);
  return (
    <table className={classes.numbers} aria-label="Numbers">
      <tbody>
        {rows.map(([name, value, about]) => (
          <tr key={name} title={about}>
            <th scope="row">{name}</th>
            <td>{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Name, value, what it means; only what was measured. */
function numbersOf(repeat: RepeatResult): [string, string, string][] {
  const { strategy, device, numRanks, checks } = repeat;
  const row = <Value,>(name: string, value: Value | null | undefined, shown: (value: Value) => string, about = "") =>
    value === null || value === undefined ? [] : [[name, shown(value), about] as [string, string, string]];
  const loss = /final_loss (\S+), reference (\S+?)\.?$/.exec(checks.find(({ name }) => name === "loss")?.message ?? "");
  const gap =
    repeat.timedSeconds === null || repeat.judgeSeconds === null ? null : repeat.judgeSeconds - repeat.timedSeconds;
  return [
    ...row("Ranks", `${numRanks} (${device})`, String),
    ...row("Topology", strategy, ({ dp_size, tp_size }) => `dp ${dp_size} x tp ${tp_size}`),
    ...row("Timed run", repeat.timedSeconds, formatSeconds, "The time that counts: the smallest over the ranks."),
    ...row("Judge's clock", repeat.judgeSeconds, formatSeconds, "Taken outside the ranks; bounds the timed run."),
    ...row("Outside the ranks' clock", gap, (seconds) => `${(1000 * seconds).toFixed(0)} ms`),
    ...row(
      "Reference run",
      repeat.referenceSeconds,
      formatSeconds,
      "Production's own training loop, on the same machine.",
    ),
    ...row("Speed against the reference", repeat.relativeSpeed, formatRelativeSpeed),
    ...row("MFU", repeat.mfuPercent, formatMfu, "By the peak that the profile names, as production counts it."),
    ...row("MFU by the GPUs' own peak", mfuByOwnPeak(repeat), ownPeakText, "It compares with no score."),
    ...row("GPUs", repeat.gpus, countedGpus),
    ...row("Tokens per second", repeat.tokensPerSecond, formatInteger),
    ...row("Unique tokens", repeat.uniqueTokens, formatInteger, "Each data group's own, once."),
    ...row("Final loss", loss?.[1], String),
    ...row("Reference loss", loss?.[2], String),
    ...row("Parameters", repeat.parameters, formatInteger),
    ...row("Peak memory per rank", repeat.peakMemoryBytesPerRank, formatBytes),
    ...row("Seed", repeat.seed, String, "Give it with the next start to repeat this evaluation."),
    ...Object.entries(repeat.versions).flatMap(([name, version]) => row(name, version, String)),
  ];
}

const ownPeakText = ({ percent, bf16Tflops }: OwnPeakMfu) => `${formatMfu(percent)} of ${bf16Tflops} TFLOP/s`;
