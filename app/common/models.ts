/** Architecture of the models that profiles name, and how many weights that makes. */

/** The fields of transformers.Qwen2Config that decide sizes. */
export type ModelShape = {
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  tie_word_embeddings: boolean;
};

const qwen2 = (
  [vocab_size, hidden_size, intermediate_size]: [number, number, number],
  [num_hidden_layers, num_attention_heads, num_key_value_heads]: [number, number, number],
  tie_word_embeddings: boolean,
): ModelShape => ({
  vocab_size,
  hidden_size,
  intermediate_size,
  num_hidden_layers,
  num_attention_heads,
  num_key_value_heads,
  tie_word_embeddings,
});

/**
 * config.json of each model on Hugging Face. The weights they make are those of the model cards and of the Qwen2.5
 * technical report (0.49, 1.54, 3.09, 7.61, 14.8 billion); `simulator-image/tests/test_memory.py` builds each.
 */
export const MODELS: Readonly<Record<string, ModelShape>> = {
  "Qwen/Qwen2.5-0.5B": qwen2([151_936, 896, 4864], [24, 14, 2], true),
  "Qwen/Qwen2.5-1.5B": qwen2([151_936, 1536, 8960], [28, 12, 2], true),
  "Qwen/Qwen2.5-3B": qwen2([151_936, 2048, 11_008], [36, 16, 2], true),
  "Qwen/Qwen2.5-7B": qwen2([152_064, 3584, 18_944], [28, 28, 4], false),
  "Qwen/Qwen2.5-14B": qwen2([152_064, 5120, 13_824], [48, 40, 8], false),
};

/**
 * `len(tokenizer)`: what the evaluation resizes the embeddings to. Gemma 3 has 262,144 pieces and one added token,
 * `<image_soft_token>` of id 262144 (its tokenizer_config.json).
 */
export const TOKENIZER_SIZES: Readonly<Record<string, number>> = {
  "google/gemma-3-1b-it": 262_145,
  "google/gemma-3-4b-it": 262_145,
  "google/gemma-3-12b-it": 262_145,
  "google/gemma-3-27b-it": 262_145,
};

/** The model an evaluation trains, or what is not known of it, as one sentence. */
export type ProfileModel = { shape: ModelShape; missing: null } | { shape: null; missing: string };

/** `resolved` is a profile with every default filled in. */
export function modelOf(resolved: Readonly<Record<string, unknown>>): ProfileModel {
  // hparams/schema.json requires the sizes where there is a model; Qwen2Config does not tie unless told to.
  const own = (resolved.crusader as { model?: ModelShape | null } | undefined)?.model ?? null;
  const name = String(resolved.benchmark_model_name ?? "");
  const given = own === null ? MODELS[name] : { ...own, tie_word_embeddings: own.tie_word_embeddings ?? false };
  if (given === undefined) {
    const missing = `The architecture of ${name} is not known here: put its config into the profile's crusader.model.`;
    return { shape: null, missing };
  }
  const tokenizer = resolved.benchmark_tokenizer_name;
  // With a config of its own the data is synthetic, and no tokenizer is loaded.
  if (own !== null || typeof tokenizer !== "string") return { shape: given, missing: null };
  const vocab_size = TOKENIZER_SIZES[tokenizer];
  if (vocab_size === undefined) {
    const missing = `The embeddings are resized to the tokenizer ${tokenizer}, whose size is not known here.`;
    return { shape: null, missing };
  }
  return { shape: { ...given, vocab_size }, missing: null };
}

/** Weights by where they are: what tensor parallelism splits, and what each rank keeps whole. */
export type ParameterCounts = {
  /** Of one decoder layer: matrices and the biases of query, key and value. */
  layerSplit: number;
  /** Of one decoder layer: its two norms. */
  layerWhole: number;
  embedding: number;
  /** 0 where it is the embedding itself. */
  head: number;
  finalNorm: number;
  total: number;
  /** Number of tensors: AdamW keeps a step count of 4 bytes for each. */
  tensors: number;
};

/** Of transformers' Qwen2ForCausalLM: biases on query, key and value only, none elsewhere. */
export function countParameters(shape: ModelShape): ParameterCounts {
  const { hidden_size: hidden, intermediate_size: intermediate, num_hidden_layers: layers } = shape;
  const keyWidth = (hidden / shape.num_attention_heads) * shape.num_key_value_heads;
  const attention = hidden * hidden + hidden + 2 * (hidden * keyWidth + keyWidth) + hidden * hidden;
  const layerSplit = attention + 3 * hidden * intermediate;
  const layerWhole = 2 * hidden;
  const embedding = shape.vocab_size * hidden;
  const head = shape.tie_word_embeddings ? 0 : embedding;
  return {
    layerSplit,
    layerWhole,
    embedding,
    head,
    finalNorm: hidden,
    total: layers * (layerSplit + layerWhole) + embedding + head + hidden,
    tensors: 12 * layers + 2 + (shape.tie_word_embeddings ? 0 : 1),
  };
}
