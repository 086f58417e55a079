/** What the topology panel reads from a profile. Pure. */
import { parseContainerSize } from "../../../common/container-size.ts";
import { type Gpu, gpuOf } from "../../../common/gpus.ts";
import { modelOf, type ProfileModel } from "../../../common/models.ts";
import type { PlanSizes } from "../../../common/topology.ts";

export type TopologyProfile = {
  numGpus: number;
  sizes: PlanSizes;
  model: ProfileModel;
  /** Null where ranks compute on the CPU: such a rehearsal measures no MFU. */
  mfu: { peakTflops: number; leastPercent: number; mostPercent: number } | null;
  gpu: Gpu | null;
  /** Of a rank on the CPU. */
  memoryLimitBytes: number | null;
};

type Resolved = {
  docker: { num_gpus: number };
  mfu: { gpu_peak_tflops: number; min_mfu: number; max_plausible_mfu: number };
  benchmark_batch_size: number;
  benchmark_sequence_length: number;
  benchmark_data_samples: number;
  eval_steps: number;
  crusader?: { device?: "cpu" | "cuda"; memory_per_rank?: string | null };
};

/** `resolved` is a profile with every default filled in, as hparams/schema.json describes it. */
export function topologyProfile(resolved: Readonly<Record<string, unknown>>): TopologyProfile {
  const { docker, mfu, crusader, ...sizes } = resolved as unknown as Resolved;
  const onCpu = crusader?.device === "cpu";
  const limit = crusader?.memory_per_rank ?? null;
  return {
    numGpus: docker.num_gpus,
    sizes: {
      batch_size: sizes.benchmark_batch_size,
      seq_len: sizes.benchmark_sequence_length,
      num_samples: sizes.benchmark_data_samples,
      num_steps: sizes.eval_steps,
    },
    model: modelOf(resolved),
    mfu: onCpu
      ? null
      : { peakTflops: mfu.gpu_peak_tflops, leastPercent: mfu.min_mfu, mostPercent: mfu.max_plausible_mfu },
    gpu: onCpu ? null : gpuOf(resolved),
    memoryLimitBytes: onCpu && limit !== null ? parseContainerSize(limit) : null,
  };
}

/** Whether the file's text speaks of FSDP; only a first guess, which a person may correct. */
export function looksSharded(text: string): boolean {
  return /\b(FullyShardedDataParallel|fully_shard)\b/.test(text);
}
