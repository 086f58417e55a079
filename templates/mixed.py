"""FSDP 2 over groups of tensor-parallel GPUs: 2 x 2 on four GPUs.

Neighbouring ranks (0 and 1, 2 and 3) split every layer and read the same batches; the two pairs shard parameters,
gradients and optimizer state between them and read different ones.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Replicate
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module


@dataclass
class InnerStepsResult:
    final_logits: torch.Tensor  # (batch, seq_len - 1, vocabulary) of the last step
    total_tokens: int  # batch_size * seq_len * num_steps, of this rank's group
    final_loss: float  # of the last step, on this group's batch
    final_state: dict  # every tensor of the trained model, on the CPU (rank 0's counts)


def get_strategy():
    # A literal, read without running the file.
    return {"dp_size": 2, "tp_size": 2}


TP_SIZE = 2

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
        parallelize_module(layer, mesh["tp"], LAYER_PLAN)
    # The largest matrix of all; where it is tied to the embedding, splitting it would untie them.
    if not model.config.tie_word_embeddings:
        parallelize_module(model, mesh["tp"], {"lm_head": ColwiseParallel(output_layouts=Replicate())})
    # One unit a layer: while a layer computes, the next one's parameters are gathered.
    for layer in model.model.layers:
        fully_shard(layer, mesh=mesh["dp"])
    fully_shard(model, mesh=mesh["dp"])


def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):
    # Row-major: the rank's data group is rank // TP_SIZE, as the validator hands out batches.
    mesh = init_device_mesh(device.type, (num_gpus // TP_SIZE, TP_SIZE), mesh_dim_names=("dp", "tp"))
    parallelize(model, mesh)
    # AdamW's fused kernels take parameters of one mesh at a time.
    split = [parameter for parameter in model.parameters() if parameter.device_mesh.ndim == 2]
    whole = [parameter for parameter in model.parameters() if parameter.device_mesh.ndim == 1]
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

    # Gathering is collective: every rank takes part.
    final_state = {name: tensor.full_tensor().detach().cpu() for name, tensor in model.state_dict().items()}
    return InnerStepsResult(logits.detach(), total_tokens, loss.item(), final_state)
