"""Which known techniques a train.py uses, and where: read from its syntax tree (docs/review.md, "Techniques").

A technique is named where the code asks for it; whether that takes effect is for the evaluation to say. Standard
library only, no file or process access, like the scanner.
"""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

from .lints import Program, Unit
from .value_flow import called_name

MAX_PLACES = 20


class Technique(NamedTuple):
    id: str
    title: str
    #: In the order of the file.
    nodes: list[ast.AST]


#: Id -> title, in the order in which they are listed. Ids are stable.
TITLES = {
    "compile": "torch.compile",
    "compile-reduce-overhead": "torch.compile, mode reduce-overhead",
    "compile-max-autotune": "torch.compile, mode max-autotune",
    "compile-max-autotune-no-cudagraphs": "torch.compile, mode max-autotune-no-cudagraphs",
    "compile-fullgraph": "torch.compile of a whole graph",
    "compile-dynamic": "torch.compile with dynamic shapes",
    "compiled-autograd": "Compiled autograd",
    "optimizer-fused": "Fused optimizer",
    "optimizer-foreach": "Optimizer over lists of tensors",
    "optimizer-capturable": "Capturable optimizer",
    "optimizer-own": "Optimizer of its own",
    "optimizer-in-backward": "Optimizer steps during backward",
    "optimizer-sharded": "Optimizer state sharded over ranks",
    "attention-flash": "FlashAttention",
    "attention-sdpa": "PyTorch's scaled dot product attention",
    "attention-flex": "FlexAttention",
    "attention-kernel-choice": "Choice of the attention kernel",
    "cuda-graphs": "CUDA graphs",
    "triton-kernels": "Triton kernels of its own",
    "liger-kernels": "Liger kernels",
    "autograd-functions": "Autograd functions of its own",
    "loss-chunked": "Loss in chunks",
    "loss-fused": "Fused linear layer and loss",
    "streams": "CUDA streams",
    "non-blocking-copies": "Asynchronous copies",
    "pinned-memory": "Pinned memory",
    "prefetch": "Batches drawn ahead",
    "fsdp-prefetch": "FSDP prefetches parameters",
    "asynchronous-collectives": "Asynchronous collectives",
    "gradient-sync-delayed": "Gradients exchanged once a step",
    "bucket-view": "Gradients in the buckets of DDP",
    "checkpointing-off": "Gradient checkpointing off",
    "checkpointing-selective": "Gradient checkpointing of its own choice",
    "gradient-accumulation": "Micro-batches",
    "ddp": "DistributedDataParallel",
    "fsdp-1": "FullyShardedDataParallel",
    "fsdp-2": "FSDP 2 (fully_shard)",
    "tensor-parallel": "Tensor parallelism",
    "sequence-parallel": "Sequence parallelism",
    "pipeline-parallel": "Pipeline parallelism",
    "precision-autocast": "Autocast",
    "precision-bfloat16": "bfloat16 asked for",
    "precision-float16": "float16",
    "precision-float32": "float32 asked for",
    "precision-tf32": "TF32",
    "precision-float8": "float8",
    "precision-int8": "int8",
    "allocator-settings": "Settings of the allocator",
    "garbage-collection": "Garbage collection by hand",
}

#: Function or class called -> technique.
CALLS = {
    "compiled_autograd": "compiled-autograd",
    "ZeroRedundancyOptimizer": "optimizer-sharded",
    "_apply_optimizer_in_backward": "optimizer-in-backward",
    "register_post_accumulate_grad_hook": "optimizer-in-backward",
    "_fused_adamw_": "optimizer-own",
    "_single_tensor_adamw": "optimizer-own",
    "flash_attn_func": "attention-flash",
    "flash_attn_varlen_func": "attention-flash",
    "flash_attn_qkvpacked_func": "attention-flash",
    "flash_attn_kvpacked_func": "attention-flash",
    "scaled_dot_product_attention": "attention-sdpa",
    "flex_attention": "attention-flex",
    "create_block_mask": "attention-flex",
    "sdpa_kernel": "attention-kernel-choice",
    "sdp_kernel": "attention-kernel-choice",
    "enable_flash_sdp": "attention-kernel-choice",
    "enable_mem_efficient_sdp": "attention-kernel-choice",
    "enable_math_sdp": "attention-kernel-choice",
    "enable_cudnn_sdp": "attention-kernel-choice",
    "set_attn_implementation": "attention-kernel-choice",
    "CUDAGraph": "cuda-graphs",
    "make_graphed_callables": "cuda-graphs",
    "Stream": "streams",
    "wait_stream": "streams",
    "pin_memory": "pinned-memory",
    "no_sync": "gradient-sync-delayed",
    "set_requires_gradient_sync": "gradient-sync-delayed",
    "set_modules_to_forward_prefetch": "fsdp-prefetch",
    "set_modules_to_backward_prefetch": "fsdp-prefetch",
    "gradient_checkpointing_disable": "checkpointing-off",
    "checkpoint_wrapper": "checkpointing-selective",
    "apply_activation_checkpointing": "checkpointing-selective",
    "create_selective_checkpoint_contexts": "checkpointing-selective",
    "gradient_checkpointing_enable": "checkpointing-selective",
    "DistributedDataParallel": "ddp",
    "replicate": "ddp",
    "FullyShardedDataParallel": "fsdp-1",
    "fully_shard": "fsdp-2",
    "parallelize_module": "tensor-parallel",
    "distribute_tensor": "tensor-parallel",
    "ColwiseParallel": "tensor-parallel",
    "RowwiseParallel": "tensor-parallel",
    "SequenceParallel": "sequence-parallel",
    "PipelineStage": "pipeline-parallel",
    "Schedule1F1B": "pipeline-parallel",
    "ScheduleGPipe": "pipeline-parallel",
    "autocast": "precision-autocast",
    "set_float32_matmul_precision": "precision-tf32",
    "fp8_autocast": "precision-float8",
    "convert_to_float8_training": "precision-float8",
    "_scaled_mm": "precision-float8",
    "_int_mm": "precision-int8",
    "bfloat16": "precision-bfloat16",
    "half": "precision-float16",
    "expandable_segments": "allocator-settings",
    "_set_allocator_settings": "allocator-settings",
    "set_per_process_memory_fraction": "allocator-settings",
    "MemPool": "allocator-settings",
}
#: Attribute that is named, called or not -> technique.
ATTRIBUTES = {
    "bfloat16": "precision-bfloat16",
    "float16": "precision-float16",
    "float32": "precision-float32",
    "float8_e4m3fn": "precision-float8",
    "float8_e5m2": "precision-float8",
    "int8": "precision-int8",
    "allow_tf32": "precision-tf32",
    "_attn_implementation": "attention-kernel-choice",
    "gradient_checkpointing": "checkpointing-selective",
    "compiled_autograd": "compiled-autograd",
}
#: Keyword that is given, and as what (None: anything but False or None) -> technique.
KEYWORDS = {
    "fused": "optimizer-fused",
    "foreach": "optimizer-foreach",
    "capturable": "optimizer-capturable",
    "non_blocking": "non-blocking-copies",
    "pin_memory": "pinned-memory",
    "async_op": "asynchronous-collectives",
    "gradient_as_bucket_view": "bucket-view",
    "backward_prefetch": "fsdp-prefetch",
    "forward_prefetch": "fsdp-prefetch",
}
MODES = {
    "reduce-overhead": "compile-reduce-overhead",
    "max-autotune": "compile-max-autotune",
    "max-autotune-no-cudagraphs": "compile-max-autotune-no-cudagraphs",
}
ATTENTION_TEXTS = {
    "flash_attention_2": "attention-flash",
    "flash_attention_3": "attention-flash",
    "sdpa": "attention-sdpa",
    "flex_attention": "attention-flex",
}
FUSED_LOSSES = frozenset(
    """
    LigerFusedLinearCrossEntropyLoss LigerFusedLinearCrossEntropyFunction linear_cross_entropy
    fused_linear_cross_entropy LigerCrossEntropyLoss cut_cross_entropy
    """.split()
)


class Collector:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.found: dict[str, dict[int, ast.AST]] = {}

    def add(self, name: str, node: ast.AST) -> None:
        self.found.setdefault(name, {}).setdefault(getattr(node, "lineno", 0), node)

    # --- By kind of node

    def call(self, node: ast.Call, unit: Unit) -> None:
        name = called_name(node)
        last = self.program.last(node.func) or name
        path = self.program.path(node.func)
        for one in dict.fromkeys((name, last)):
            if one in CALLS:
                self.add(CALLS[one], node)
            if one in FUSED_LOSSES:
                self.add("loss-fused", node)
        if path == "torch.compile" or (name == "compile" and not isinstance(node.func, ast.Name)):
            self.compiled(node, node.keywords, unit)
        if path == "torch.cuda.graph" or path.endswith("cuda.graphs.graph"):
            self.add("cuda-graphs", node)
        if path.startswith("liger_kernel") or last.startswith(("apply_liger", "Liger")):
            self.add("liger-kernels", node)
        if last.startswith("_foreach_"):
            self.add("optimizer-own", node)
        if path.endswith("utils.checkpoint.checkpoint"):
            self.add("checkpointing-selective", node)
        if path.startswith("gc.") and last in ("disable", "freeze", "collect"):
            self.add("garbage-collection", node)
        if name in ("split", "chunk", "tensor_split") and self.around_backward(node, unit):
            self.add("gradient-accumulation", node)
        for keyword in node.keywords:
            known = KEYWORDS.get(keyword.arg or "")
            if known is not None and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value):
                self.add(known, node)

    def compiled(self, node: ast.AST, keywords: list[ast.keyword], unit: Unit) -> None:
        given = {keyword.arg: self.program.constant(keyword.value, unit) for keyword in keywords}
        self.add(MODES.get(str(given.get("mode")), "compile"), node)
        if given.get("fullgraph") is True:
            self.add("compile-fullgraph", node)
        if given.get("dynamic") is True:
            self.add("compile-dynamic", node)

    def around_backward(self, node: ast.Call, unit: Unit) -> bool:
        """Whether the pieces are what a loop that trains goes over."""
        loops = [one for one in unit.loops if isinstance(one, ast.For) and one in self.program.step_loops]
        if any(node is part for one in loops for part in ast.walk(one.iter)):
            return True
        parent = self.program.parents.get(node)
        names = {one.id for one in getattr(parent, "targets", []) if isinstance(one, ast.Name)}
        return any(isinstance(part, ast.Name) and part.id in names for one in loops for part in ast.walk(one.iter))

    def attribute(self, node: ast.Attribute) -> None:
        known = ATTRIBUTES.get(node.attr)
        if known is not None:
            self.add(known, node)

    def keyword(self, node: ast.keyword) -> None:
        if node.arg in ("attn_implementation", "_attn_implementation") and isinstance(node.value, ast.Constant):
            self.add(ATTENTION_TEXTS.get(str(node.value.value), "attention-kernel-choice"), node.value)

    def constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and node.value in ("flash_attention_2", "flash_attention_3", "flex_attention"):
            self.add(ATTENTION_TEXTS[node.value], node)

    def decorated(self, node: ast.FunctionDef | ast.ClassDef, unit: Unit) -> None:
        for one in node.decorator_list:
            inner = one.func if isinstance(one, ast.Call) else one
            path = self.program.path(inner)
            keywords = one.keywords if isinstance(one, ast.Call) else []
            if path == "torch.compile" and not isinstance(one, ast.Call):
                self.compiled(one, keywords, unit)
            partial = isinstance(one, ast.Call) and self.program.last(inner) == "partial"
            if partial and one.args and self.program.path(one.args[0]) == "torch.compile":
                self.compiled(one, keywords, unit)
            if path in ("triton.jit", "triton.autotune", "triton.heuristics"):
                self.add("triton-kernels", one)
        if isinstance(node, ast.ClassDef):
            bases = {self.program.last(base) for base in node.bases}
            if "Function" in bases:
                self.add("autograd-functions", node)
            if "Optimizer" in bases:
                self.add("optimizer-own", node)

    def loop(self, node: ast.For, unit: Unit) -> None:
        source = node.iter
        stepped = isinstance(source, ast.Call) and called_name(source) == "range" and len(source.args) == 3
        if not stepped:
            return
        calls = [one for one in ast.walk(node) if isinstance(one, ast.Call)]
        if any(called_name(one) in ("cross_entropy", "logsumexp") for one in calls):
            self.add("loss-chunked", node.iter)
        elif any(called_name(one) == "backward" for one in calls):
            self.add("gradient-accumulation", node.iter)
        del unit

    def comprehension(self, node: ast.ListComp, unit: Unit) -> None:
        match node.elt:
            case ast.Call() as call:
                while isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                    call = call.func.value  # type: ignore[assignment]
                if isinstance(call, ast.Call) and called_name(call) == "next":
                    self.add("prefetch", node)
        del unit


def techniques(program: Program, walked: list[tuple[ast.AST, Unit]]) -> list[Technique]:
    """The techniques a file uses, in the order of TITLES. `walked` holds its nodes, each with its unit."""
    collector = Collector(program)
    handlers: dict[type[ast.AST], Any] = {
        ast.Call: collector.call,
        ast.FunctionDef: collector.decorated,
        ast.ClassDef: collector.decorated,
        ast.For: collector.loop,
        ast.ListComp: collector.comprehension,
    }
    plain: dict[type[ast.AST], Any] = {
        ast.Attribute: collector.attribute,
        ast.keyword: collector.keyword,
        ast.Constant: collector.constant,
    }
    for node, unit in walked:
        if type(node) in handlers:
            handlers[type(node)](node, unit)
        elif type(node) in plain:
            plain[type(node)](node)
    return [
        Technique(name, title, [*collector.found[name].values()][:MAX_PLACES])
        for name, title in TITLES.items()
        if name in collector.found
    ]
