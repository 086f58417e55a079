"""DDP: a whole model on every GPU, gradients averaged while backward runs. Fastest while everything fits.

A 7B model with AdamW does not fit on one A100 of 80 GB; use fsdp.py there.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel


@dataclass
class InnerStepsResult:
    final_logits: torch.Tensor  # (batch, seq_len - 1, vocabulary) of the last step
    total_tokens: int  # batch_size * seq_len * num_steps, of this rank's own batches
    final_loss: float  # of the last step, on this rank's batch
    final_state: dict  # every tensor of the trained model, on the CPU


def get_strategy():
    # A literal, read without running the file: every rank reads batches of its own.
    return {"dp_size": 2, "tp_size": 1}


def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):
    # Gradients live in the buckets that are reduced, which saves a copy of each.
    replica = DistributedDataParallel(
        model, device_ids=[device.index] if device.type == "cuda" else None, gradient_as_bucket_view=True
    )
    optimizer = torch.optim.AdamW(replica.parameters(), lr=1e-4, weight_decay=0.1, betas=(0.9, 0.95), fused=True)
    total_tokens = 0
    for _ in range(num_steps):
        batch = next(data_iterator).to(device, non_blocking=True)
        logits = replica(batch[:, :-1], use_cache=False).logits
        loss = F.cross_entropy(logits.reshape(-1, logits.size(-1)), batch[:, 1:].reshape(-1))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        total_tokens += batch.numel()

    # Every rank holds the same weights; the names are those of the model inside the replica.
    final_state = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    return InnerStepsResult(logits.detach(), total_tokens, loss.item(), final_state)
