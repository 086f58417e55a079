/**
 * Memory of one rank, estimated for a plain training loop: forward, cross entropy, backward, fused AdamW, as in the
 * templates. Weights, gradients and AdamW's states are exact (the model is bfloat16 throughout, and AdamW's states have the
 * parameter's type). What autograd keeps is counted from transformers' Qwen2 4.57 tensor by tensor; the largest moment is
 * that of PyTorch's memory tracker on CPU ranks within PEAK_TOLERANCE (`fixtures/memory.json`, measured in
 * `simulator-image/tests/test_memory.py`). On a GPU come, uncounted, the CUDA context, NCCL's and cuBLAS' buffers (1 to 2 GiB) and
 * what the allocator loses to fragments. Nothing of it was compared with a GPU yet.
 */
import { countParameters, type ModelShape } from "./models.ts";
import type { Strategy } from "./scan.ts";

/** Relative: the estimate of the largest moment against the tracker's, one rank, models of the fixture. */
export const PEAK_TOLERANCE = 0.03;

/** How the data groups hold the model: each rank all of it (DDP), or a part (FSDP, FULL_SHARD). */
export type Replication = "replicated" | "sharded";

/** FlashAttention 2 takes keys and values as they are; SDPA repeats them for each query head and needs a mask. */
export type Attention = "flash_attention_2" | "sdpa";

export type MemoryQuestion = {
  shape: ModelShape;
  topology: Strategy;
  replication: Replication;
  attention: Attention;
  /** Whether layers are computed again in the backward pass; on in the model the evaluation hands over. */
  checkpointing: boolean;
  /** Samples of one forward pass: the batch, or less where the loop accumulates gradients. */
  rows: number;
  /** Tokens of a sample; the model sees one less. */
  sequenceLength: number;
};

/** Bytes of one rank, each at its largest; they are not all held at the same time. */
export type MemoryParts = {
  weights: number;
  gradients: number;
  optimizer: number;
  /** FSDP: parameters gathered, and gradients not yet reduced, of the units at work. */
  gathered: number;
  /** What autograd keeps of the layers, and one layer that is computed again. */
  activations: number;
  /** The logits, their log-softmax, and two gradients of that size. */
  logits: number;
};

/**
 * start: the model is handed over whole. loss: the gradient of the logits is computed. backward: the last layer's backward
 * begins. end: the first layer's backward ends. step: the optimizer's step.
 */
export type MemoryMoment = "start" | "loss" | "backward" | "end" | "step";

export type MemoryEstimate = {
  parts: MemoryParts;
  momentBytes: Record<MemoryMoment, number>;
  peakMoment: MemoryMoment;
  peakBytes: number;
};

const BF16 = 2;
const FP32 = 4;

/** Bytes that autograd keeps of one token in one decoder layer, without checkpointing. */
function layerBytesPerToken(shape: ModelShape, tpSize: number, attention: Attention, length: number): number {
  const { hidden_size: hidden, intermediate_size: intermediate, num_attention_heads: heads } = shape;
  const keyWidth = (hidden / heads) * shape.num_key_value_heads;
  // Each norm: its input in float32, the scale of the token, and the normalised token, which its weight multiplies.
  const norms = 2 * (FP32 * hidden + FP32 + BF16 * hidden);
  // What the projections of attention and of the feed-forward part read.
  const inputs = 2 * BF16 * hidden;
  const keysAndValues = attention === "sdpa" ? 2 * hidden : 2 * keyWidth;
  // Query, keys, values, the result (which the output projection reads), and the log-sum-exp of each head.
  const heart = BF16 * (hidden + keysAndValues + hidden) + FP32 * heads;
  // Gate, its activation, up, and their product.
  const feedForward = 4 * BF16 * intermediate;
  const mask = attention === "sdpa" ? BF16 * length : 0;
  return norms + inputs + (heart + feedForward) / tpSize + mask;
}

/** Bytes. Assumes that tensor parallelism splits layers and an untied head, and gathers the logits, as the templates do. */
export function estimateMemory(question: MemoryQuestion): MemoryEstimate {
  const { shape, attention, checkpointing, rows, sequenceLength } = question;
  const { dp_size: dpSize, tp_size: tpSize } = question.topology;
  const { hidden_size: hidden, intermediate_size: intermediate, num_hidden_layers: layers } = shape;
  const counts = countParameters(shape);
  const isSharded = question.replication === "sharded" && dpSize > 1;
  const shards = isSharded ? dpSize : 1;

  // Of one tensor-parallel rank, before FSDP shards it.
  const layer = counts.layerSplit / tpSize + counts.layerWhole;
  const outside = counts.embedding + counts.head / tpSize + counts.finalNorm;
  const parameters = layers * layer + outside;
  const weights = (BF16 * parameters) / shards;
  const gradients = (BF16 * parameters) / shards;
  const optimizer = (2 * BF16 * parameters) / shards + FP32 * counts.tensors;

  const length = sequenceLength - 1;
  const tokens = rows * length;
  const layerActivations = tokens * layerBytesPerToken(shape, tpSize, attention, length);
  const kept = checkpointing ? tokens * BF16 * hidden : layerActivations;
  // The final norm, and what the head reads.
  const last = tokens * (FP32 * hidden + FP32 + 2 * BF16 * hidden);
  const saved = layers * kept + last;
  const again = checkpointing ? layerActivations : 0;
  // On the way back through the feed-forward part: the gradients of two of what it keeps.
  const passing = tokens * 2 * BF16 * (intermediate / tpSize);
  const logits = tokens * BF16 * shape.vocab_size;

  // FSDP's root unit (embedding, head, norm) stays gathered from the first layer's forward to the last gradient; of the
  // layers, the one at work and the one fetched ahead.
  const rootGathered = isSharded ? BF16 * outside : 0;
  const layersGathered = isSharded ? 2 * BF16 * layer : 0;
  const unreduced = isSharded ? BF16 * (outside + layer) : 0;
  // DDP's buckets, in which the gradients live, are there from the beginning.
  const buckets = !isSharded && dpSize > 1 ? gradients : 0;
  const headGradient = BF16 * (shape.tie_word_embeddings ? counts.embedding : counts.head / tpSize);

  const persistent = weights + optimizer;
  const momentBytes: Record<MemoryMoment, number> = {
    start: BF16 * counts.total,
    loss: persistent + buckets + rootGathered + saved + 4 * logits,
    backward:
      persistent +
      Math.max(buckets, isSharded ? 0 : headGradient) +
      rootGathered +
      layersGathered +
      unreduced +
      saved +
      again +
      passing +
      2 * logits,
    end: persistent + gradients + rootGathered + layersGathered + unreduced + again + logits,
    step: persistent + gradients + logits,
  };
  const moments = Object.entries(momentBytes) as [MemoryMoment, number][];
  const [peakMoment, peakBytes] = moments.reduce((largest, moment) => (moment[1] > largest[1] ? moment : largest));
  return {
    parts: {
      weights,
      gradients,
      optimizer,
      gathered: rootGathered + layersGathered + unreduced,
      activations: saved + again + passing,
      logits: 4 * logits,
    },
    momentBytes,
    peakMoment,
    peakBytes,
  };
}
