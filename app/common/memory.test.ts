/** Against what PyTorch held on CPU ranks; `simulator-image/tests/test_memory.py` measures it and reads the same file. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { estimateMemory, type MemoryQuestion, PEAK_TOLERANCE } from "./memory.ts";
import { countParameters, MODELS, type ModelShape } from "./models.ts";

type ByCheckpointing = { true: number; false: number };
type Fixture = {
  models: Record<string, { model: ModelShape; parameters: number; tensors: number }>;
  resized: { model: ModelShape; vocabSize: number; parameters: number };
  cases: {
    name: string;
    rows: number;
    sequenceLength: number;
    model: ModelShape;
    persistent: { weights: number; gradients: number; optimizer: number };
    saved: ByCheckpointing;
    peak: ByCheckpointing;
  }[];
};
const { models, resized, cases } = JSON.parse(
  readFileSync(fileURLToPath(new URL("../../fixtures/memory.json", import.meta.url)), "utf8"),
) as Fixture;

/** Ids, positions and rotary tables: a few bytes a token that the estimate leaves out. */
const SAVED_TOLERANCE = 0.01;

test("the models that profiles name have the weights that transformers builds", () => {
  expect(MODELS).toEqual(Object.fromEntries(Object.entries(models).map(([name, { model }]) => [name, model])));
  const counted = Object.values(models).map(({ model }) => countParameters(model));
  expect(counted.map(({ total, tensors }) => ({ parameters: total, tensors }))).toEqual(
    Object.values(models).map(({ parameters, tensors }) => ({ parameters, tensors })),
  );
  expect(countParameters({ ...resized.model, vocab_size: resized.vocabSize }).total).toBe(resized.parameters);
});

const alone = { topology: { dp_size: 1, tp_size: 1 }, replication: "replicated", attention: "sdpa" } as const;

test.each(cases)("a plain loop on one rank: $name", ({ model, rows, sequenceLength, persistent, saved, peak }) => {
  const estimate = (checkpointing: boolean) =>
    estimateMemory({ ...alone, shape: model, rows, sequenceLength, checkpointing });
  const { weights, gradients, optimizer } = estimate(true).parts;
  expect({ weights, gradients, optimizer }).toEqual(persistent);
  for (const checkpointing of [true, false]) {
    const { momentBytes, parts, peakBytes } = estimate(checkpointing);
    const kept = momentBytes.loss - weights - optimizer - parts.logits;
    expect(Math.abs(kept / saved[`${checkpointing}`] - 1)).toBeLessThan(SAVED_TOLERANCE);
    expect(Math.abs(peakBytes / peak[`${checkpointing}`] - 1)).toBeLessThan(PEAK_TOLERANCE);
  }
});

const [{ model }] = cases as [Fixture["cases"][number]];
const question: MemoryQuestion = {
  ...alone,
  shape: { ...model, num_key_value_heads: 4 },
  attention: "flash_attention_2",
  checkpointing: true,
  rows: 4,
  sequenceLength: 65,
};

test("data groups divide the weights only where they share them", () => {
  const one = estimateMemory(question);
  const four = { ...question, topology: { dp_size: 4, tp_size: 1 } };
  const replicated = estimateMemory(four);
  expect(replicated.parts).toEqual(one.parts);
  // The buckets of DDP hold the gradients from the beginning.
  expect(replicated.momentBytes.loss - one.momentBytes.loss).toBe(one.parts.gradients);
  const sharded = estimateMemory({ ...four, replication: "sharded" });
  expect([sharded.parts.weights, sharded.parts.gradients]).toEqual([one.parts.weights / 4, one.parts.gradients / 4]);
  expect(sharded.parts.logits).toBe(one.parts.logits);
  expect(sharded.parts.gathered).toBeGreaterThan(0);
  // One group has nothing to share with.
  expect(estimateMemory({ ...question, replication: "sharded" })).toEqual(one);
});

test("tensor parallelism divides layers and head, not the embedding, the norms, or the logits", () => {
  const { weights, logits } = estimateMemory({ ...question, topology: { dp_size: 1, tp_size: 2 } }).parts;
  const { layerSplit, layerWhole, embedding, head, finalNorm } = countParameters(question.shape);
  expect(weights).toBe(
    2 * (question.shape.num_hidden_layers * (layerSplit / 2 + layerWhole) + embedding + head / 2 + finalNorm),
  );
  expect(logits).toBe(estimateMemory(question).parts.logits);
  const mixed = estimateMemory({ ...question, topology: { dp_size: 2, tp_size: 2 }, replication: "sharded" });
  expect(mixed.parts.weights).toBe(weights / 2);
});

test("on the loss, four tensors of the size of the logits are held; checkpointing leaves them", () => {
  const { parts, peakMoment, momentBytes, peakBytes } = estimateMemory(question);
  expect(parts.logits).toBe(4 * 2 * 4 * 64 * 4096);
  expect([peakMoment, peakBytes]).toEqual(["loss", momentBytes.loss]);
  expect(estimateMemory({ ...question, checkpointing: false }).parts.logits).toBe(parts.logits);
});
