/** GPUs an evaluation may run on. */
import type { RepeatResult } from "./runs.ts";
import { mfuPercent } from "./score.ts";

export type Gpu = {
  name: string;
  /** As a profile's `basilica.gpu_models` names it. */
  model: string;
  /** As it is sold. */
  memoryGb: number;
  /** What PyTorch finds of it, in GiB: some of it is the driver's. */
  usableGib: number;
  /** Dense bf16 peak of the tensor cores in TFLOP/s. Data sheets print twice as much first: that is with sparsity. */
  bf16Tflops: number;
};

/**
 * Memory and peaks from NVIDIA's data sheets (A100: "A100 Tensor Core GPU", 2021; H100 SXM: "H100 Tensor Core GPU", 2023;
 * H200 SXM: "H200 Tensor Core GPU", 2024); usable memory as "total capacity" in PyTorch's own messages on them.
 */
export const GPUS: readonly Gpu[] = [
  { name: "A100 40 GB", model: "A100", memoryGb: 40, usableGib: 39.4, bf16Tflops: 312 },
  { name: "A100 80 GB", model: "A100", memoryGb: 80, usableGib: 79.1, bf16Tflops: 312 },
  { name: "H100 SXM 80 GB", model: "H100", memoryGb: 80, usableGib: 79.1, bf16Tflops: 989 },
  { name: "H200 SXM 141 GB", model: "H200", memoryGb: 141, usableGib: 139.7, bf16Tflops: 989 },
];

/** The first that the profile's rented machines may have; null where it names none, or one that is not listed. */
export function gpuOf(resolved: Readonly<Record<string, unknown>>): Gpu | null {
  const { gpu_models, min_gpu_memory_gb } = (resolved.basilica ?? {}) as Record<string, unknown>;
  const models: unknown[] = Array.isArray(gpu_models) ? gpu_models : [];
  const leastGb = typeof min_gpu_memory_gb === "number" ? min_gpu_memory_gb : 0;
  return GPUS.find(({ model, memoryGb }) => models.includes(model) && memoryGb >= leastGb) ?? null;
}

/**
 * Peaks by the name the driver gives a GPU: those above, and of NVIDIA's data sheets and whitepapers ("H100 Tensor Core GPU",
 * 2023: PCIe, NVL; "H200 Tensor Core GPU", 2024: NVL; "L40S", "L4", 2023; "A10", "A30", "A40", "RTX A6000", 2021; "Ada GPU
 * Architecture", 2022, and "GA102 GPU Architecture", 2021: GeForce, with FP32 accumulation). The first that fits counts.
 */
const PEAKS_BY_DRIVER_NAME: readonly [RegExp, bf16Tflops: number][] = [
  [/\bA100\b/, 312],
  [/\bH100 PCIe\b/, 756],
  [/\bH100 NVL\b/, 835],
  [/\bH100\b.*\bHBM3\b/, 989],
  [/\bH200 NVL\b/, 835],
  [/\bH200\b/, 989],
  [/\bL40S\b/, 362],
  [/\bL4\b/, 121],
  [/\bA10\b/, 125],
  [/\bA30\b/, 165],
  [/\bA40\b/, 149.7],
  [/\bRTX A6000\b/, 154.8],
  [/\bRTX 4090\b(?! (?:D|Laptop))/, 165.2],
  [/\bRTX 3090\b(?! Ti)/, 71],
];

/** Dense bf16 peak in TFLOP/s of the GPU that the driver names so; null where it is not known. */
export function bf16PeakOf(driverName: string): number | null {
  return PEAKS_BY_DRIVER_NAME.find(([pattern]) => pattern.test(driverName))?.[1] ?? null;
}

/** What the validator's scores are measured on: an A100 with 80 GB, by the driver's name and MiB. */
export function isValidatorsGpu(driverName: string, memoryMib: number | null): boolean {
  return /\bA100\b/.test(driverName) && (memoryMib === null ? /80GB/.test(driverName) : memoryMib > 70_000);
}

type NamedGpu = { name: string };

/** "4 x NVIDIA A100-SXM4-80GB". */
export function countedGpus(gpus: readonly NamedGpu[]): string {
  const counts = new Map<string, number>();
  for (const { name } of gpus) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${count} x ${name}`).join(", ");
}

/** What a repeat's MFU is by the peak of the GPUs it ran on, in percent, and that peak in TFLOP/s. */
export type OwnPeakMfu = { percent: number; bf16Tflops: number };

/**
 * Null where that is the MFU already, where no MFU was measured, or where the GPUs' peak is not known, or not one: then
 * there is only production's number.
 */
export function mfuByOwnPeak(
  repeat: Pick<RepeatResult, "gpus" | "mfuPercent" | "parameters" | "uniqueTokens" | "numRanks" | "timedSeconds">,
): OwnPeakMfu | null {
  const { gpus = [], mfuPercent: counted, parameters, uniqueTokens, numRanks, timedSeconds } = repeat;
  const [bf16Tflops = null, ...others] = new Set(gpus.map(({ name }) => bf16PeakOf(name)));
  if (bf16Tflops === null || others.length > 0) return null;
  if (counted === null || !parameters || !uniqueTokens || !timedSeconds) return null;
  const seconds = timedSeconds;
  const percent = mfuPercent({ parameters, uniqueTokens, gpuPeakTflops: bf16Tflops, numGpus: numRanks, seconds });
  return Math.abs(percent - counted) < SAME_PERCENT ? null : { percent, bf16Tflops };
}

/** MFU is shown with two decimals. */
const SAME_PERCENT = 0.005;
