/** GPUs an evaluation may run on. */

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
