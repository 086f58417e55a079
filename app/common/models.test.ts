import { expect, test } from "vitest";
import { GPUS, gpuOf } from "./gpus.ts";
import { MODELS, modelOf } from "./models.ts";

const named = { benchmark_model_name: "Qwen/Qwen2.5-7B", benchmark_tokenizer_name: "google/gemma-3-27b-it" };

test("a named model's embeddings are resized to the profile's tokenizer", () => {
  expect(modelOf(named)).toEqual({ shape: { ...MODELS["Qwen/Qwen2.5-7B"], vocab_size: 262_145 }, missing: null });
  expect(modelOf({ ...named, benchmark_tokenizer_name: null })).toEqual({
    shape: MODELS["Qwen/Qwen2.5-7B"],
    missing: null,
  });
});

test("a profile's own model counts as it is, tied only where it says so", () => {
  const { tie_word_embeddings: _, ...model } = { ...MODELS["Qwen/Qwen2.5-3B"], vocab_size: 512 };
  expect(modelOf({ ...named, crusader: { model } })).toEqual({
    shape: { ...model, tie_word_embeddings: false },
    missing: null,
  });
});

test("what is not known is said", () => {
  expect(modelOf({ ...named, benchmark_model_name: "a/b" })).toEqual({
    shape: null,
    missing: "The architecture of a/b is not known here: put its config into the profile's crusader.model.",
  });
  expect(modelOf({ ...named, benchmark_tokenizer_name: "c/d" })).toEqual({
    shape: null,
    missing: "The embeddings are resized to the tokenizer c/d, whose size is not known here.",
  });
});

test("the GPU is the first that the profile's rented machines may have", () => {
  const rented = (gpu_models: string[], min_gpu_memory_gb: number) =>
    gpuOf({ basilica: { gpu_models, min_gpu_memory_gb } })?.name ?? null;
  expect([rented(["A100"], 80), rented(["A100"], 40), rented(["B200", "H200"], 80), rented(["A100"], 96)]).toEqual([
    "A100 80 GB",
    "A100 40 GB",
    "H200 SXM 141 GB",
    null,
  ]);
  expect(gpuOf({})).toBe(null);
  for (const { memoryGb, usableGib } of GPUS) expect(usableGib).toBeLessThan(memoryGb);
});
