/** Estimated memory of one rank, in parts and against what there is. */
import { NumberInput, SegmentedControl, Select } from "@mantine/core";
import { formatBytes } from "../../../common/format.ts";
import { GPUS } from "../../../common/gpus.ts";
import {
  type Attention,
  estimateMemory,
  type MemoryMoment,
  type MemoryParts,
  type Replication,
} from "../../../common/memory.ts";
import { countParameters } from "../../../common/models.ts";
import type { Strategy } from "../../../common/scan.ts";
import { VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import type { TopologyProfile } from "./profile.ts";
import classes from "./topology.module.css";

const GIB = 1024 ** 3;

const PARTS: Record<keyof MemoryParts, string> = {
  weights: "Weights",
  gradients: "Gradients",
  optimizer: "Optimizer (AdamW)",
  gathered: "Gathered by FSDP",
  activations: "Activations",
  logits: "Logits and gradient",
};

const MOMENTS: Record<MemoryMoment, string> = {
  start: "the whole model is handed over",
  loss: "the gradient of the logits is computed",
  backward: "the backward pass begins",
  end: "the backward pass ends",
  step: "the optimizer steps",
};

export type MemoryChoices = { gpu: string | null; rows: number | null; replication: Replication | null };

export function MemoryView({
  profile,
  topology,
  sharded,
  choices,
  onChange,
}: {
  profile: TopologyProfile;
  topology: Strategy;
  /** What the file looks like. */
  sharded: boolean;
  choices: MemoryChoices;
  onChange: (changed: Partial<MemoryChoices>) => void;
}) {
  const { shape, missing } = profile.model;
  const batchRows = profile.sizes.batch_size;
  const rows = Math.min(choices.rows ?? batchRows, batchRows);
  const replication = choices.replication ?? (sharded ? "sharded" : "replicated");
  const gpu = GPUS.find(({ name }) => name === choices.gpu) ?? profile.gpu;
  const onCpu = profile.mfu === null;
  const attention: Attention = onCpu ? "sdpa" : "flash_attention_2";
  const limitBytes = onCpu ? profile.memoryLimitBytes : gpu === null ? null : gpu.usableGib * GIB;
  const controls = (
    <div className={classes.fields}>
      {!onCpu && (
        <Select
          label="GPU"
          data={GPUS.map(({ name }) => name)}
          value={gpu?.name ?? null}
          placeholder="choose"
          allowDeselect={false}
          onChange={(name) => onChange({ gpu: name })}
          w={150}
        />
      )}
      <NumberInput
        label="Rows at once"
        description="of one forward pass"
        inputWrapperOrder={["label", "input"]}
        min={1}
        max={batchRows}
        clampBehavior="strict"
        allowDecimal={false}
        placeholder={String(batchRows)}
        value={choices.rows ?? ""}
        onChange={(value) => onChange({ rows: typeof value === "number" && value >= 1 ? value : null })}
        w={100}
      />
      {topology.dp_size > 1 && (
        <SegmentedControl
          size="xs"
          aria-label="How data groups hold the model"
          data={[
            { value: "replicated", label: "DDP" },
            { value: "sharded", label: "FSDP" },
          ]}
          value={replication}
          onChange={(value) => onChange({ replication: value as Replication })}
        />
      )}
    </div>
  );
  if (shape === null) {
    return (
      <Section>
        <p>{missing} Without it, memory and times cannot be estimated.</p>
      </Section>
    );
  }
  const { sizes } = profile;
  const estimates = [true, false].map((checkpointing) =>
    estimateMemory({
      shape,
      topology,
      replication,
      attention,
      checkpointing,
      rows,
      sequenceLength: sizes.seq_len,
    }),
  );
  const parts = (Object.keys(PARTS) as (keyof MemoryParts)[]).filter((part) =>
    estimates.some((estimate) => estimate.parts[part] > 0),
  );
  return (
    <Section>
      {controls}
      <table className={classes.figures}>
        <thead>
          <tr>
            <th scope="col">{formatParameters(countParameters(shape).total)} weights, bf16</th>
            <th scope="col">with checkpointing</th>
            <th scope="col">without</th>
          </tr>
        </thead>
        <tbody>
          {parts.map((part) => (
            <tr key={part}>
              <th scope="row">{PARTS[part]}</th>
              {estimates.map((estimate, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: the columns are fixed
                <td key={index}>{formatBytes(estimate.parts[part])}</td>
              ))}
            </tr>
          ))}
          <tr className={classes.peak}>
            <th scope="row">At its largest</th>
            {estimates.map(({ peakBytes, peakMoment }, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the columns are fixed
              <td key={index} title={`When ${MOMENTS[peakMoment]}`}>
                {formatBytes(peakBytes)}
                {limitBytes !== null && <OfLimit bytes={peakBytes} limitBytes={limitBytes} />}
              </td>
            ))}
          </tr>
        </tbody>
      </table>
      <p className={classes.dim}>
        {`Largest when ${[...new Set(estimates.map(({ peakMoment }) => MOMENTS[peakMoment]))].join("; without checkpointing when ")}. `}
        {"Not everything is held at the same time, so the parts add up to more. "}
        {onCpu
          ? "Python and PyTorch themselves, about 0.5 GiB, come on top."
          : "The CUDA context and NCCL's buffers, 1 to 2 GiB, come on top."}
      </p>
    </Section>
  );
}

function Section({ children }: { children: React.ReactNode }) {
  return (
    <section className={classes.part} aria-labelledby="topology-memory">
      <h2 className={classes.title} id="topology-memory">
        Memory of a rank <VerdictMark mark="info" word="estimate, not verified on a GPU" />
      </h2>
      {children}
    </section>
  );
}

function OfLimit({ bytes, limitBytes }: { bytes: number; limitBytes: number }) {
  const fits = bytes <= limitBytes;
  const percent = Math.round(100 * Math.min(1, bytes / limitBytes));
  const label = `${formatBytes(bytes)} of ${formatBytes(limitBytes)}`;
  return (
    <>
      <span className={classes.limit}>
        of {formatBytes(limitBytes)}, {fits ? "fits" : <b>too much</b>}
      </span>
      <div className={classes.bar} role="img" aria-label={label}>
        <div className={classes.fill} data-fits={fits} style={{ width: `${percent}%` }} />
      </div>
    </>
  );
}

function formatParameters(parameters: number): string {
  return parameters >= 1e9 ? `${(parameters / 1e9).toFixed(2)} billion` : `${(parameters / 1e6).toFixed(2)} million`;
}
