"""The reference run: what every submission is compared with (spec/evaluation.md section 4, step 3).

Runs in processes of its own that never import the submission and are gone before it is imported.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

#: AdamW's settings; `fused` is added on CUDA.
LEARNING_RATE = 1e-4
WEIGHT_DECAY = 0.1
BETAS = (0.9, 0.95)
MICRO_BATCH = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceResult:
    final_state: dict[str, torch.Tensor]  # on the CPU; empty on every rank but 0
    logits_shape: tuple[int, ...]
    final_loss: float
    seconds: float


def _shard(model: nn.Module, device: torch.device) -> nn.Module:
    from torch.distributed.fsdp import FullyShardedDataParallel, ShardingStrategy
    from torch.distributed.fsdp.wrap import transformer_auto_wrap_policy

    layer_class = type(model.get_decoder().layers[0])
    return FullyShardedDataParallel(
        model,
        sharding_strategy=ShardingStrategy.FULL_SHARD,
        auto_wrap_policy=functools.partial(transformer_auto_wrap_policy, transformer_layer_cls={layer_class}),
        device_id=device,
        use_orig_params=True,
    )


def _full_state(model: nn.Module, rank: int, num_ranks: int) -> dict[str, torch.Tensor]:
    if num_ranks == 1:
        return {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    state = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    return state if rank == 0 else {}


def run_reference(
    model: nn.Module,
    batches: Iterator[torch.Tensor],
    *,
    steps: int,
    rank: int,
    num_ranks: int,
    device: torch.device,
    on_step: Callable[[int], None],
) -> ReferenceResult:
    """Trains `model` for `steps` batches of this rank; `on_step(done)` after each.

    The loss is the cross entropy of the logits as they are (not upcast) over all tokens, averaged over the last
    step's micro-batches of this rank.
    """
    if num_ranks > 1:
        model = _shard(model, device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, betas=BETAS, fused=device.type == "cuda"
    )
    logits_shape: tuple[int, ...] = ()
    final_loss = float("nan")
    started = time.perf_counter()
    for step in range(steps):
        batch = next(batches).to(device)
        micro_batches = batch.split(MICRO_BATCH)
        losses = []
        for index, micro_batch in enumerate(micro_batches):
            last = index == len(micro_batches) - 1
            # Gradients are reduced once a step: with the last micro-batch.
            with contextlib.nullcontext() if last or num_ranks == 1 else model.no_sync():
                logits = model(input_ids=micro_batch[:, :-1], use_cache=False).logits
                loss = F.cross_entropy(logits.reshape(-1, logits.size(-1)), micro_batch[:, 1:].reshape(-1))
                (loss / len(micro_batches)).backward()
            losses.append(loss.detach())
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        logits_shape = (len(batch), *logits.shape[1:])
        final_loss = torch.stack(losses).float().mean().item()
        on_step(step + 1)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - started
    return ReferenceResult(
        final_state=_full_state(model, rank, num_ranks),
        logits_shape=logits_shape,
        final_loss=final_loss,
        seconds=seconds,
    )
