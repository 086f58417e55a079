import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { TopologyPlan } from "../../../common/topology.ts";
import { describe } from "./describe.ts";
import { looksSharded, topologyProfile } from "./profile.ts";

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../../../${path}`, import.meta.url)), "utf8");
const mfu = { gpu_peak_tflops: 312, min_mfu: 50, max_plausible_mfu: 85 };
/** A profile that comes with Crusader, with the one default that the rehearsal leaves out. */
const profile = (name: string) => topologyProfile({ mfu, ...JSON.parse(read(`hparams/${name}.json`)) });

test("a production profile: its GPUs, its model with the tokenizer's vocabulary, its limits", () => {
  expect(profile("production-2026-04")).toEqual({
    numGpus: 4,
    sizes: { batch_size: 16, seq_len: 1024, num_samples: 10_000, num_steps: 20 },
    model: { shape: expect.objectContaining({ hidden_size: 3584, vocab_size: 262_145 }), missing: null },
    mfu: { peakTflops: 312, leastPercent: 50, mostPercent: 85 },
    gpu: expect.objectContaining({ name: "A100 80 GB" }),
    memoryLimitBytes: null,
  });
});

test("a rehearsal: CPU ranks with a memory limit, and no MFU", () => {
  expect(profile("rehearsal")).toEqual({
    numGpus: 2,
    sizes: { batch_size: 4, seq_len: 128, num_samples: 1024, num_steps: 20 },
    model: { shape: expect.objectContaining({ hidden_size: 192, vocab_size: 1024 }), missing: null },
    mfu: null,
    gpu: null,
    memoryLimitBytes: 3 * 1024 ** 3,
  });
});

test("a file's text tells FSDP from the rest", () => {
  const templates = ["single", "ddp", "fsdp", "tp", "mixed"];
  expect(templates.filter((name) => looksSharded(read(`templates/${name}.py`)))).toEqual(["fsdp", "mixed"]);
});

test.each([
  [1, 1, "One rank holds the whole model and reads every batch."],
  [2, 1, "Each rank reads batches of its own; all of them exchange gradients."],
  [1, 2, "The 2 ranks of a group split every layer and read the same batches."],
  [
    2,
    2,
    "The 2 ranks of a group split every layer and read the same batches; groups read different ones. " +
      "Ranks with the same part (r0 and r2, for example) exchange gradients.",
  ],
])("dp %i x tp %i in words", (dp_size, tp_size, words) => {
  const groups = Array.from({ length: dp_size }, (_, group) => ({
    ranks: Array.from({ length: tp_size }, (_, part) => group * tp_size + part),
    batches: [],
  }));
  const plan: TopologyPlan = {
    topology: { dp_size, tp_size },
    groups,
    tokensPerStep: 1,
    uniqueTokensPerStep: 1,
    uniqueTokens: 1,
    steps: 1,
  };
  expect(describe(plan)).toBe(words);
});
