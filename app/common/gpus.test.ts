import { expect, test } from "vitest";
import { countedGpus, isValidatorsGpu, mfuByOwnPeak } from "./gpus.ts";
import { sampleRepeat } from "./sample-runs.ts";
import { mfuPercent } from "./score.ts";

/** Counted by the 312 TFLOP/s of an A100, as a profile of production does. */
const measured = (...names: string[]) => {
  const terms = { parameters: 7_615_616_512, uniqueTokens: 163_840 };
  const seconds = 20;
  return sampleRepeat(seconds, {
    ...terms,
    numRanks: names.length,
    mfuPercent: mfuPercent({ ...terms, gpuPeakTflops: 312, numGpus: names.length, seconds }),
    gpus: names.map((name) => ({ name, memoryBytes: null })),
  });
};

test("MFU by the GPUs' own peak stands beside production's where it is another", () => {
  const h200 = measured("NVIDIA H200", "NVIDIA H200");
  const own = mfuByOwnPeak(h200);
  expect(own?.bf16Tflops).toBe(989);
  expect((own?.percent ?? 0) / (h200.mfuPercent ?? 0)).toBeCloseTo(312 / 989, 10);
  expect(mfuByOwnPeak(measured("NVIDIA A100-SXM4-80GB"))).toBe(null);
});

test("without one known peak there is only production's number", () => {
  expect([
    mfuByOwnPeak(measured("NVIDIA H200", "NVIDIA L4")),
    mfuByOwnPeak(measured("Tesla V100-SXM2-16GB")),
    mfuByOwnPeak({ ...measured("NVIDIA H200"), timedSeconds: null }),
    mfuByOwnPeak({ ...measured("NVIDIA H200"), mfuPercent: null }),
    mfuByOwnPeak(sampleRepeat(20)),
  ]).toEqual([null, null, null, null, null]);
});

test("GPUs are counted by name; the validator's have 80 GB", () => {
  const [a100, l4] = [{ name: "NVIDIA A100-SXM4-80GB" }, { name: "NVIDIA L4" }];
  expect(countedGpus([a100, l4, a100])).toBe("2 x NVIDIA A100-SXM4-80GB, 1 x NVIDIA L4");
  expect([
    isValidatorsGpu("NVIDIA A100-SXM4-80GB", 81_920),
    isValidatorsGpu("NVIDIA A100 80GB PCIe", null),
    isValidatorsGpu("NVIDIA A100-SXM4-40GB", 40_960),
    isValidatorsGpu("NVIDIA H100 80GB HBM3", 81_559),
  ]).toEqual([true, true, false, false]);
});
