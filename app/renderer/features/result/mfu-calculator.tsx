/** MFU with this run's numbers in its formula, and what other numbers would give. */
import { NumberInput } from "@mantine/core";
import { useState } from "react";
import { formatInteger, formatMfu, formatSeconds, formatSignedPercent } from "../../../common/format.ts";
import type { OwnPeakMfu } from "../../../common/gpus.ts";
import { mfuPercent } from "../../../common/score.ts";
import { Unbroken } from "../../shell/ui/unbroken.tsx";
import { type MfuRules, type MfuTerms, mfuRejection, mfuToBeat, secondsForMfu } from "./mfu.ts";
import classes from "./result.module.css";

const asNumber = (value: string | number) => (typeof value === "number" && value > 0 ? value : null);

type MfuCalculatorProps = {
  terms: MfuTerms;
  rules: MfuRules;
  /** Null where it is the profile's, or not known. */
  ownPeak: OwnPeakMfu | null;
  notComparable: readonly string[];
};

export function MfuCalculator({ terms, rules, ownPeak, notComparable }: MfuCalculatorProps) {
  const [seconds, setSeconds] = useState<number | null>(Number(terms.seconds.toFixed(2)));
  const [wanted, setWanted] = useState<number | null>(60);
  const [leader, setLeader] = useState<number | null>(null);
  const [threshold, setThreshold] = useState<number | null>(rules.baseThreshold);
  const { parameters, uniqueTokens, gpuPeakTflops, numGpus } = terms;
  const toBeat = leader === null || threshold === null ? null : mfuToBeat(leader, threshold);
  return (
    <div className={classes.mfu}>
      <div className={classes.formula} role="math">
        100 x 6 x {formatInteger(parameters)} parameters x {formatInteger(uniqueTokens)} tokens / ({gpuPeakTflops} x 10
        <sup>12</sup> FLOP/s x {numGpus} GPUs x {terms.seconds.toFixed(2)} s) ={" "}
        <b>
          <Unbroken text={formatMfu(mfuPercent(terms))} />
        </b>
      </div>
      {ownPeak !== null && (
        <p>
          By the {ownPeak.bf16Tflops} TFLOP/s that these GPUs can do themselves:{" "}
          <b>
            <Unbroken text={formatMfu(ownPeak.percent)} />
          </b>
          , which compares with no score.
        </p>
      )}
      <div className={classes.whatIf}>
        <NumberInput
          label="If it took, in seconds"
          value={seconds ?? ""}
          min={0}
          decimalScale={2}
          onChange={(value) => setSeconds(asNumber(value))}
        />
        <output>
          <Unbroken text={seconds === null ? "" : mfuText(mfuPercent({ ...terms, seconds }), rules)} />
        </output>
        <NumberInput
          label="For an MFU of, in %"
          value={wanted ?? ""}
          min={0}
          max={100}
          decimalScale={2}
          onChange={(value) => setWanted(asNumber(value))}
        />
        <output>
          <Unbroken text={wanted === null ? "" : `${timeFor(terms, wanted)}${rejectionText(wanted, rules)}`} />
        </output>
        <NumberInput
          label="To beat a leader at, in %"
          value={leader ?? ""}
          min={0}
          max={100}
          decimalScale={2}
          onChange={(value) => setLeader(asNumber(value))}
        />
        <NumberInput
          label="with today's threshold, in %"
          value={threshold ?? ""}
          min={0}
          decimalScale={2}
          onChange={(value) => setThreshold(typeof value === "number" && value >= 0 ? value : null)}
        />
        <output className={classes.wide}>
          <Unbroken
            text={
              toBeat === null
                ? ""
                : toBeat > 100
                  ? `No MFU beats that: it would take ${formatMfu(toBeat)}.`
                  : `More than ${formatMfu(toBeat)} is needed: less than ${timeFor(terms, toBeat)}${rejectionText(toBeat, rules)}`
            }
          />
        </output>
      </div>
      {notComparable.length > 0 && (
        <p className={classes.caution}>Not a score of the leaderboard: {notComparable.join("; ")}.</p>
      )}
    </div>
  );
}

function timeFor(terms: MfuTerms, percent: number): string {
  const seconds = secondsForMfu(terms, Math.min(100, percent));
  const change = formatSignedPercent((100 * (seconds - terms.seconds)) / terms.seconds);
  return `${formatSeconds(seconds)} (${change} against this run)`;
}

function mfuText(percent: number, rules: MfuRules): string {
  return `MFU ${formatMfu(percent)}${rejectionText(percent, rules)}`;
}

function rejectionText(percent: number, rules: MfuRules): string {
  const code = mfuRejection(percent, rules);
  if (code === null) return "";
  const [side, limit] = code === "insufficient_mfu" ? ["under", rules.min] : ["over", rules.maxPlausible];
  return `, rejected: ${code}, ${side} ${formatMfu(limit ?? 0)}`;
}
