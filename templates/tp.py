"""Tensor parallelism: every layer's matrices are split over the GPUs, which all read the same batches.

Two all-reduces a layer need a fast link (NVLink). The unique tokens of a step do not grow with the GPUs, so data
parallelism scores better wherever the model fits.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Replicate
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module


@dataclass
class InnerStepsResult:
    final_logits: torch.Tensor  # (batch, seq_len - 1, vocabulary) of the last step
    total_tokens: int  # batch_size * seq_len * num_steps
    final_loss: float  # of the last step
    final_state: dict  # every tensor of the trained model, on the CPU (rank 0's counts)


def get_strategy():
    # A literal, read without running the file: all ranks of the one group read the same batches.
    return {"dp_size": 1, "tp_size": 2}


# A column-wise split feeds a row-wise one: one all-reduce after attention, one after the feed-forward part.
LAYER_PLAN = {
    "self_attn.q_proj": ColwiseParallel(),
    "self_attn.k_proj": ColwiseParallel(),
    "self_attn.v_proj": ColwiseParallel(),
    "self_attn.o_proj": RowwiseParallel(),
    "mlp.gate_proj": ColwiseParallel(),
    "mlp.up_proj": ColwiseParallel(),
    "mlp.down_proj": RowwiseParallel(),
}


def parallelize(model, mesh):
    for layer in model.model.layers:
        parallelize_module(layer, mesh, LAYER_PLAN)
    # The largest matrix of all; where it is tied to the embedding, splitting it would untie them.
    if not model.config.tie_word_embeddings:
        parallelize_module(model, mesh, {"lm_head": ColwiseParallel(output_layouts=Replicate())})


def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):
    parallelize(model, init_device_mesh(device.type, (num_gpus,)))
    # AdamW's fused kernels take split and whole parameters, but not both in one group.
    split = [parameter for parameter in model.parameters() if isinstance(parameter, DTensor)]
    whole = [parameter for parameter in model.parameters() if not isinstance(parameter, DTensor)]
    optimizer = torch.optim.AdamW(
        [{"params": split}, {"params": whole}], lr=1e-4, weight_decay=0.1, betas=(0.9, 0.95), fused=True
    )
    total_tokens = 0
    for _ in range(num_steps):
        batch = next(data_iterator).to(device, non_blocking=True)
        logits = model(batch[:, :-1], use_cache=False).logits
        loss = F.cross_entropy(logits.reshape(-1, logits.size(-1)), batch[:, 1:].reshape(-1))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        total_tokens += batch.numel()

    final_state = {}
    for name, tensor in model.state_dict().items():
        # Gathering is collective: every rank takes part.
        full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        final_state[name] = full.detach().cpu()
    return InnerStepsResult(logits.detach(), total_tokens, loss.item(), final_state)
