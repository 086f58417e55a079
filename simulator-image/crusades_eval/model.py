"""The benchmark model: random bfloat16 weights from a seed, all of them trainable (spec/evaluation.md section 4)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, Qwen2Config


def model_config(model: dict[str, Any]) -> PretrainedConfig:
    """`model` holds Qwen2Config's own fields (rehearsal), or `{"name": ...}`, a model baked into the image."""
    if "name" in model:
        return AutoConfig.from_pretrained(model["name"], local_files_only=True)
    return Qwen2Config(**model)


def attention_for(device: torch.device) -> str:
    """FlashAttention 2 as in production where it is installed; SDPA on a CPU and where it is missing."""
    if device.type != "cuda":
        return "sdpa"
    try:
        import flash_attn  # noqa: F401
    except ImportError:
        return "sdpa"
    return "flash_attention_2"


def build_model(model: dict[str, Any], *, vocab_size: int | None, torch_seed: int, device: torch.device) -> nn.Module:
    """The same seed gives the same weights in every process of one machine. `vocab_size`: resize embeddings to it."""
    config = model_config(model)
    config._attn_implementation = attention_for(device)
    torch.manual_seed(torch_seed)
    # Building on the device: 7 billion random numbers take minutes on a CPU and seconds on a GPU.
    with torch.device(device):
        network = AutoModelForCausalLM.from_config(config, torch_dtype=torch.bfloat16)
    if vocab_size is not None and vocab_size != config.vocab_size:
        network.resize_token_embeddings(vocab_size)
    network.to(device)
    network.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    network.requires_grad_(True)
    network.train()
    return network


def parameters_of(model: dict[str, Any], *, vocab_size: int | None) -> int:
    """How many parameters `build_model` makes, without making them. OSError or ValueError where it cannot be told."""
    config = model_config(model)
    if vocab_size is not None:
        config.vocab_size = vocab_size
    with torch.device("meta"):
        return count_parameters(AutoModelForCausalLM.from_config(config))


def count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
