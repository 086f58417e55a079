"""Model FLOPs Utilization, as production counts it (spec/evaluation.md section 4).

The factor 6 stands for forward (2) and backward (4) FLOPs per parameter and token; attention's own FLOPs and
recomputation by gradient checkpointing are not counted, so that only useful work scores.
"""

from __future__ import annotations


def unique_tokens(*, batch_size: int, seq_len: int, steps: int, dp_size: int) -> int:
    """Tokens seen once: ranks of one tensor-parallel group read the same batches and count once."""
    return batch_size * seq_len * steps * dp_size


def mfu_percent(*, parameters: int, tokens: int, gpu_peak_tflops: float, num_gpus: int, seconds: float) -> float:
    """MFU in percent, capped at 100. `gpu_peak_tflops` is one GPU's dense bf16 peak in TFLOP/s."""
    if seconds <= 0:
        raise ValueError(f"a timed span is positive, not {seconds}")
    peak_flops = gpu_peak_tflops * 1e12 * num_gpus * seconds
    return min(100.0, 100.0 * 6 * parameters * tokens / peak_flops)
