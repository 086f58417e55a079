"""The backend settings a timed run starts from and must still have at its end (spec/evaluation.md section 4)."""

from __future__ import annotations

import torch


def restore_backends() -> None:
    """Puts every setting to its expected value, whatever the warm-up left."""
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.set_float32_matmul_precision("high")
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.enable_flash_sdp(True)
    torch.backends.cuda.enable_mem_efficient_sdp(True)
    torch.backends.cuda.enable_math_sdp(True)


def backend_state() -> dict[str, object]:
    """What `restore_backends` set, as it is now. The judge compares it with `EXPECTED`."""
    return {
        "cudnn.deterministic": torch.backends.cudnn.deterministic,
        "cudnn.benchmark": torch.backends.cudnn.benchmark,
        "cudnn.allow_tf32": torch.backends.cudnn.allow_tf32,
        "cuda.matmul.allow_tf32": torch.backends.cuda.matmul.allow_tf32,
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "flash_sdp": torch.backends.cuda.flash_sdp_enabled(),
        "mem_efficient_sdp": torch.backends.cuda.mem_efficient_sdp_enabled(),
        "math_sdp": torch.backends.cuda.math_sdp_enabled(),
    }


EXPECTED: dict[str, object] = {
    "cudnn.deterministic": True,
    "cudnn.benchmark": False,
    "cudnn.allow_tf32": True,
    "cuda.matmul.allow_tf32": True,
    "float32_matmul_precision": "high",
    "flash_sdp": True,
    "mem_efficient_sdp": True,
    "math_sdp": True,
}
