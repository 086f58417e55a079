"""One GPU: plain PyTorch. The place to try an idea before it is distributed."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass
class InnerStepsResult:
    final_logits: torch.Tensor  # (batch, seq_len - 1, vocabulary) of the last step
    total_tokens: int  # batch_size * seq_len * num_steps
    final_loss: float  # of the last step
    final_state: dict  # every tensor of the trained model, on the CPU


def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):
    # The validator compares the final weights with AdamW at exactly these settings; `optimizer` is always None.
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.1, betas=(0.9, 0.95), fused=True)
    total_tokens = 0
    for _ in range(num_steps):
        # Asynchronous copies let the CPU run ahead and queue the next step's kernels.
        batch = next(data_iterator).to(device, non_blocking=True)
        logits = model(batch[:, :-1], use_cache=False).logits
        loss = F.cross_entropy(logits.reshape(-1, logits.size(-1)), batch[:, 1:].reshape(-1))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        total_tokens += batch.numel()

    # Reading a number from the GPU waits for it: only once, at the end.
    final_state = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    return InnerStepsResult(logits.detach(), total_tokens, loss.item(), final_state)
