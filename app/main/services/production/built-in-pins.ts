/** The production container as Crusader knows it (spec/evaluation.md section 6): what a fetched one is compared with. */
export const BUILT_IN_PINS: Readonly<Record<string, string>> = {
  "base image": "pytorch/pytorch:2.9.0-cuda12.6-cudnn9-runtime",
  accelerate: "1.12.0",
  datasets: "4.6.0",
  fastapi: "0.133.1",
  "flash-attn": "2.8.3",
  "huggingface-hub": "0.36.0",
  numpy: "2.2.6",
  pyarrow: "23.0.1",
  pydantic: "2.12.5",
  safetensors: "0.7.0",
  tokenizers: "0.22.2",
  transformers: "4.57.6",
  uvicorn: "0.41.0",
};
