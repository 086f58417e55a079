/** The GPUs under the stages of a repeat: what they did, live and replayed, or why that is not known. */
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { Suspense, useId, useState } from "react";
import { formatInteger } from "../../../common/format.ts";
import type { Plan } from "../../../common/runs.ts";
import type { GpuTelemetry } from "../../../common/telemetry.ts";
import { lazily } from "../../shell/lazily.tsx";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import { GpuNotes } from "./gpu-notes.tsx";
import { absenceText } from "./gpu-quantities.ts";
import classes from "./gpus.module.css";
import { useGpus } from "./use-gpus.ts";

// The charts are loaded with the first GPU, not with the panel.
const GpuCharts = lazily(() => import("./gpu-charts.tsx"));

/** `isRunOver`: then what stood out is told beside the score. */
export function GpuSection({ plan, repeat, isRunOver }: { plan: Plan; repeat: number; isRunOver: boolean }) {
  const isRecorded = plan.backend !== "evalServer";
  const { telemetry, error } = useGpus(plan.runId, repeat, isRecorded);
  if (error !== null) return <ErrorState error={error} />;
  const absence = absenceText(plan, telemetry);
  if (absence !== null) return <p className={classes.line}>GPU: {absence}</p>;
  return telemetry === null ? null : <Recorded telemetry={telemetry} isRunOver={isRunOver} />;
}

function Recorded({ telemetry, isRunOver }: { telemetry: GpuTelemetry; isRunOver: boolean }) {
  const [isOpen, setOpen] = useState(true);
  const id = useId();
  const Chevron = isOpen ? IconChevronDown : IconChevronRight;
  return (
    <section className={classes.section} aria-label="GPU">
      <h3 className={classes.title}>
        <button type="button" aria-expanded={isOpen} aria-controls={id} onClick={() => setOpen(!isOpen)}>
          <Chevron size="1em" aria-hidden /> GPU
        </button>
        <span className={classes.dim}>{aboutText(telemetry)}</span>
      </h3>
      {telemetry.problem !== null && <p className={classes.line}>{telemetry.problem}</p>}
      {!isRunOver && <GpuNotes repeats={[{ gpuObservations: telemetry.observations }]} />}
      <div id={id}>
        {isOpen && (
          <Suspense fallback={<Loading what="Loading the charts" />}>
            <GpuCharts telemetry={telemetry} />
          </Suspense>
        )}
      </div>
    </section>
  );
}

function aboutText({ gpus, driver, source, samples }: GpuTelemetry): string {
  const names = [...new Set(gpus.map(({ name }) => name))].map((name) => {
    const count = gpus.filter((gpu) => gpu.name === name).length;
    return count === 1 ? name : `${count} x ${name}`;
  });
  const through = source === "nvml" ? "NVML" : "nvidia-smi";
  const sampled = `${formatInteger(samples)} ${samples === 1 ? "sample" : "samples"} from ${through}`;
  return [...names, ...(driver === null ? [] : [`driver ${driver}`]), sampled].join(", ");
}
