/** The time of the timed run for a given MFU, and the MFU of a given time. */
import { NumberInput } from "@mantine/core";
import { useState } from "react";
import { formatInteger, formatMfu, formatSeconds } from "../../../common/format.ts";
import { mfuPercent } from "../../../common/score.ts";
import { type MfuTerms, secondsForMfu } from "../result/mfu.ts";
import type { TopologyProfile } from "./profile.ts";
import classes from "./topology.module.css";

export function MfuView({
  terms,
  limits,
}: {
  terms: Omit<MfuTerms, "seconds">;
  limits: NonNullable<TopologyProfile["mfu"]>;
}) {
  const [wanted, setWanted] = useState<number | null>(limits.leastPercent);
  const [seconds, setSeconds] = useState<number | null>(null);
  const secondsFor = (percent: number) => secondsForMfu({ ...terms, seconds: 1 }, percent);
  return (
    <section className={classes.part} aria-labelledby="topology-mfu">
      <h2 className={classes.title} id="topology-mfu">
        Time and MFU
      </h2>
      <div className={classes.whatIf}>
        <NumberInput
          label="For an MFU of, in %"
          value={wanted ?? ""}
          min={0}
          max={100}
          decimalScale={2}
          onChange={(value) => setWanted(positive(value))}
        />
        <output>
          {wanted !== null && wanted <= 100 && `the timed run takes ${formatSeconds(secondsFor(wanted))}`}
        </output>
        <NumberInput
          label="If it takes, in seconds"
          value={seconds ?? ""}
          min={0}
          decimalScale={2}
          onChange={(value) => setSeconds(positive(value))}
        />
        <output>{seconds !== null && `MFU ${formatMfu(mfuPercent({ ...terms, seconds }))}`}</output>
      </div>
      <p className={classes.dim}>
        Passes between {formatSeconds(secondsFor(limits.mostPercent))} ({formatMfu(limits.mostPercent)}, the most that
        is believed) and {formatSeconds(secondsFor(limits.leastPercent))} ({formatMfu(limits.leastPercent)}, the least
        that is accepted), with {formatInteger(terms.uniqueTokens)} unique tokens, {formatInteger(terms.parameters)}{" "}
        weights and {terms.gpuPeakTflops} TFLOP/s for each of {terms.numGpus} GPUs, as the profile says.
      </p>
    </section>
  );
}

function positive(value: string | number): number | null {
  return typeof value === "number" && value > 0 ? value : null;
}
