"""FSDP 1 on CPU ranks.

torch's FullyShardedDataParallel refuses a CPU in two places: it looks for an accelerator when `device_id` is None or
an index, and its full state dict "offloads" the unsharded flat parameters to a CPU on which they already are, then
frees what it takes for the GPU's copy (a segmentation fault in torch 2.13). Both are put right here, in rehearsals
only, and the run's record names it (`NOTE`). FSDP 2, DDP and tensor parallelism run as they are.
"""

from __future__ import annotations

import contextlib
import functools

import torch
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.distributed.fsdp._flat_param import FlatParamHandle

NOTE = "FSDP 1 runs on CPU ranks through a shim: device_id is the CPU, and offloading flat parameters to it is a no-op."


def install() -> None:
    """Patches this process; called before anything of a submission is imported."""
    original_init = FullyShardedDataParallel.__init__

    @functools.wraps(original_init)
    def init(self, module, *args, **kwargs):
        kwargs["device_id"] = torch.device("cpu")
        original_init(self, module, *args, **kwargs)

    @contextlib.contextmanager
    def to_cpu(self):
        yield

    FullyShardedDataParallel.__init__ = init
    FlatParamHandle.to_cpu = to_cpu
