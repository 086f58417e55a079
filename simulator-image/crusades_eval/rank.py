"""One rank: the process that runs the reference, or imports and runs the submission.

A submission's rank holds nothing worth stealing: no seed of the data order, no reference result, no verdict. It is
told what to do by the judge, is handed batches when it asks for them, and reports what it saw. Whatever it reports is
the submission's claim; the judge decides (`judge.py`, docs/security.md).
"""

from __future__ import annotations

import ctypes
import functools
import gc
import importlib.util
import numbers
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, NoReturn

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

from . import cpu_shim
from .backends import backend_state, restore_backends
from .model import build_model, count_parameters
from .reference import run_reference
from .wire import Channel, PeerClosed

# Kept before any submission is imported: its import may replace them.
_perf_counter = time.perf_counter
_monotonic = time.monotonic
_cross_entropy = F.cross_entropy
_Event = torch.cuda.Event
_elapsed_time = torch.cuda.Event.elapsed_time
_cuda_synchronize = torch.cuda.synchronize
_exit = os._exit

#: A class with one of these in its own namespace may compute when it is looked at (spec/evaluation.md section 1).
LAZY_HOOKS = ("__getattr__", "__getattribute__", "__get__", "__set__", "__set_name__")

WARMUP_STEPS = 2
WARMUP_WEIGHT = 0.1


class Batches:
    """The submission's data_iterator: endless, int64 CPU (batch_size, seq_len), each batch asked of the judge.

    It ends with the call it was made for: a thread that goes on drawing would otherwise read, on the same connection,
    what the judge says next.
    """

    def __init__(self, channel: Channel, max_bytes: int) -> None:
        lock = threading.Lock()
        ended = False

        def draw() -> torch.Tensor:
            with lock:
                if ended:
                    raise StopIteration
                channel.send("draw")
                header, payload = channel.receive(lambda: max_bytes)
            if header["type"] != "batch":
                raise StopIteration
            return torch.frombuffer(payload, dtype=torch.int64).view(header["shape"])

        def end() -> None:
            nonlocal ended
            with lock:
                ended = True

        self._draw = draw
        #: Waits for a draw in progress; every later one raises StopIteration.
        self.end = end

    def __iter__(self) -> Iterator[torch.Tensor]:
        return self

    def __next__(self) -> torch.Tensor:
        return self._draw()


def _report(channel: Channel, error: BaseException, line: int | None) -> NoReturn:
    """Tells the judge why this rank cannot go on, and waits for the end it brings."""
    try:
        channel.send(
            "error",
            kind=type(error).__name__[:100],
            message=str(error)[:2000],
            line=line,
            traceback="".join(traceback.format_exception(error))[-20_000:],
        )
        # This process's death must not overtake the message.
        channel.receive()
    except PeerClosed:
        pass
    _exit(1)


@dataclass(frozen=True, slots=True)
class Context:
    """What the judge tells a rank at the start."""

    rank: int
    num_ranks: int
    device: torch.device
    channel: Channel
    setup: dict[str, Any]

    def batches(self) -> Batches:
        # int64: 8 bytes a token.
        return Batches(self.channel, 8 * self.setup["batchSize"] * self.setup["seqLen"])

    def build(self) -> nn.Module:
        return build_model(
            self.setup["model"],
            vocab_size=self.setup["vocabSize"],
            torch_seed=self.setup["torchSeed"],
            device=self.device,
        )

    def barrier(self) -> None:
        if self.num_ranks > 1:
            dist.barrier()

    def synchronize(self) -> None:
        if self.device.type == "cuda":
            _cuda_synchronize(self.device)


def has_lazy_hooks(cls: type) -> bool:
    return any(hook in vars(base) for base in cls.__mro__ if base is not object for hook in LAZY_HOOKS)


def rejected_type(result: object) -> str | None:
    """Why production takes no result of this type, or None (spec/evaluation.md section 1)."""
    cls = type(result)
    if result is None:
        return "inner_steps returned None"
    if isinstance(result, tuple) and hasattr(cls, "_fields"):
        return "a named tuple"
    if isinstance(result, SimpleNamespace):
        return "a SimpleNamespace"
    if isinstance(result, dict):
        return "a dict"
    if has_lazy_hooks(cls):
        return f"class {cls.__name__} computes on attribute access"
    for name in ("final_logits", "total_tokens", "final_loss"):
        if not hasattr(result, name):
            return f"no attribute {name}"
    return None


def _is_plain(tensor: torch.Tensor) -> bool:
    """Whether its elements can be read here; to look into a DTensor means to wait for the other ranks."""
    return type(tensor) in (torch.Tensor, nn.Parameter)


def _number(value: object) -> dict[str, object]:
    """A number as the judge may read it.

    A tensor or a numpy integer passes production's checks but breaks its report: it is not `reportable`.
    """
    description = {"kind": type(value).__name__[:100], "reportable": isinstance(value, int | float), "value": None}
    if isinstance(value, torch.Tensor) and _is_plain(value) and value.numel() == 1:
        value = value.item()
    if isinstance(value, numbers.Real):
        value = int(value) if isinstance(value, numbers.Integral) else float(value)
        # repr: NaN and infinities have no JSON, and an int may be larger than a float holds.
        description["value"] = repr(value)[:100]
    return description


def describe_logits(result: object) -> dict[str, object]:
    logits = getattr(result, "final_logits", None)
    if logits is None:
        return {"shape": None}
    return {"shape": [int(size) for size in getattr(logits, "shape", ())]}


def _description(tensor: torch.Tensor) -> dict[str, object]:
    return {
        "shape": [int(size) for size in tensor.shape],
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "plain": _is_plain(tensor),
    }


def _on_cpu(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A copy: on a GPU it would take the memory of a second model."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in state.items()}


def _read_state(state: object) -> tuple[dict[str, torch.Tensor], str | None]:
    """The tensors of a final_state, and why it counts as missing (None when it does not)."""
    if state is None:
        return {}, "final_state is missing"
    if not isinstance(state, dict):
        return {}, f"final_state is a {type(state).__name__}, not a dict"
    tensors = {}
    for name, value in state.items():
        if isinstance(value, torch.Tensor):
            tensors[str(name)] = value
        elif not isinstance(value, int | float | str | None) and has_lazy_hooks(type(value)):
            return {}, f"final_state[{str(name)[:80]!r}] computes on access"
    return tensors, None


def _line_in(path: str, error: BaseException) -> int | None:
    """The last line of the submission that the error passed through."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return error.lineno
    line = None
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == path:
            line = number
    return line


def _public_config(model: nn.Module) -> dict[str, str]:
    return {name: repr(value)[:2000] for name, value in vars(model.config).items() if not name.startswith("_")}


class Submission:
    """The submission's module in this rank, from import to result."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._channel = context.channel
        self._path = context.setup["sourcePath"]
        self._inner_steps: Callable[..., Any] | None = None

    def _guarded(self, action: Callable[[], Any]) -> Any:
        """Runs the submission's code; what it raises is sent to the judge and ends this process."""
        try:
            return action()
        except PeerClosed:
            _exit(0)
        except BaseException as error:  # noqa: BLE001 - SystemExit and the like are the submission's doing too
            _report(self._channel, error, line=_line_in(self._path, error))

    def run(self) -> None:
        context, channel = self._context, self._channel
        model = context.build()
        initial = _on_cpu(model.state_dict())
        channel.send("built")

        self._expect("import")
        self._guarded(self._import)
        channel.send(
            "imported",
            hasInnerSteps=callable(self._inner_steps),
            crossEntropyOriginal=F.cross_entropy is _cross_entropy,
        )

        self._expect("warmup")
        self._overwrite(model)
        channel.send("warm", **self._guarded(lambda: self._warm_up(model)))

        self._expect("timed")
        self._restore_process()
        if context.num_ranks > 1:
            # FSDP and tensor parallelism have rearranged the old one beyond recovery.
            del model
            gc.collect()
            model = context.build()
        self._guarded(functools.partial(model.load_state_dict, initial))
        del initial
        config = _public_config(model)
        self._guarded(context.barrier)
        context.synchronize()
        channel.send("ready", config=config)
        self._timed(model)

    def _expect(self, type_: str) -> None:
        header, _ = self._channel.receive()
        if header["type"] != type_:
            _exit(0)

    def _import(self) -> None:
        spec = importlib.util.spec_from_file_location("train", self._path)
        module = importlib.util.module_from_spec(spec)
        sys.modules["train"] = module
        spec.loader.exec_module(module)
        self._inner_steps = getattr(module, "inner_steps", None)

    def _call(self, model: nn.Module, steps: int) -> Any:
        context = self._context
        batches = context.batches()
        try:
            return self._inner_steps(
                model=model,
                data_iterator=batches,
                optimizer=None,
                num_steps=steps,
                device=context.device,
                num_gpus=context.num_ranks,
            )
        finally:
            batches.end()

    def _warm_up(self, model: nn.Module) -> dict[str, Any]:
        result = self._call(model, WARMUP_STEPS)
        self._context.synchronize()
        return {
            "returned": result is not None,
            "logits": describe_logits(result),
            "trainable": all(parameter.requires_grad for parameter in model.parameters()),
        }

    @staticmethod
    @torch.no_grad()
    def _overwrite(model: nn.Module) -> None:
        """Other weights for the warm-up, the same on every rank: what it learns there is of no use later."""
        generator = torch.Generator(device=next(model.parameters()).device).manual_seed(0)
        for parameter in model.parameters():
            parameter.uniform_(-WARMUP_WEIGHT, WARMUP_WEIGHT, generator=generator)

    @staticmethod
    def _restore_process() -> None:
        restore_backends()
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)
        time.perf_counter = _perf_counter
        time.monotonic = _monotonic
        torch.cuda.synchronize = _cuda_synchronize
        torch.cuda.Event.elapsed_time = _elapsed_time
        F.cross_entropy = _cross_entropy

    def _timed(self, model: nn.Module) -> None:
        context, channel = self._context, self._channel
        on_cuda = context.device.type == "cuda"
        self._expect("start")
        if on_cuda:
            first, last = _Event(enable_timing=True), _Event(enable_timing=True)
            first.record()
        perf, mono = _perf_counter(), _monotonic()

        def call() -> Any:
            result = self._call(model, context.setup["evalSteps"])
            for name in ("final_logits", "total_tokens", "final_loss"):
                getattr(result, name, None)
            return result

        result = self._guarded(call)
        self._guarded(context.synchronize)
        perf, mono = _perf_counter() - perf, _monotonic() - mono
        cuda = None
        if on_cuda:
            last.record()
            last.synchronize()
            cuda = _elapsed_time(first, last) / 1000
        channel.send("done", perfSeconds=perf, monoSeconds=mono, cudaSeconds=cuda)
        elements = channel.receive()[0]["elements"]

        started = _perf_counter()
        tensors, missing = self._guarded(lambda: _read_state(getattr(result, "final_state", None)))
        self._guarded(context.synchronize)
        state_seconds = _perf_counter() - started

        def describe() -> dict[str, Any]:
            rejected = rejected_type(result)
            return {
                "rejected": rejected,
                "logits": describe_logits(result),
                "totalTokens": _number(getattr(result, "total_tokens", None)),
                "finalLoss": _number(getattr(result, "final_loss", None)),
                "state": {name: _description(tensor) for name, tensor in tensors.items()},
                "stateMissing": missing,
                "probe": {
                    name: tensors[name].detach().reshape(-1)[torch.tensor(indices)].double().tolist()
                    for name, indices in elements.items()
                    if name in tensors and _is_plain(tensors[name]) and tensors[name].numel() > max(indices)
                },
            }

        channel.send(
            "finished",
            stateSeconds=state_seconds,
            config=_public_config(model),
            backends=backend_state(),
            elapsedTimeOriginal=torch.cuda.Event.elapsed_time is _elapsed_time,
            crossEntropyOriginal=F.cross_entropy is _cross_entropy,
            result=self._guarded(describe) if context.rank == 0 else None,
        )
        _serve_tensors(channel, {"final": tensors})


def _serve_tensors(channel: Channel, states: dict[str, dict[str, torch.Tensor]]) -> None:
    """The judge asks for tensors one by one, in an order of its choosing, until it says stop or closes."""
    while True:
        header, _ = channel.receive()
        if header["type"] != "tensor":
            return
        tensor = states[header["state"]][header["name"]].detach().to("cpu").contiguous()
        channel.send("tensor", memoryview(tensor.reshape(-1).view(torch.uint8).numpy()))


def _run_reference(context: Context) -> None:
    channel = context.channel
    model = context.build()
    # The judge asks rank 0 alone.
    initial = _on_cpu(model.state_dict()) if context.rank == 0 else {}
    parameters = count_parameters(model)
    restore_backends()
    context.barrier()
    channel.send("ready")
    if channel.receive()[0]["type"] != "start":
        return
    result = run_reference(
        model,
        context.batches(),
        steps=context.setup["evalSteps"],
        rank=context.rank,
        num_ranks=context.num_ranks,
        device=context.device,
        on_step=lambda done: channel.send("step", done=done),
    )
    states = {"initial": initial, "final": result.final_state}
    channel.send(
        "reference",
        seconds=result.seconds,
        finalLoss=result.final_loss,
        logitsShape=list(result.logits_shape),
        parameters=parameters,
        states={
            label: {name: _description(tensor) for name, tensor in state.items()} for label, state in states.items()
        },
    )
    _serve_tensors(channel, states)


def _die_with_parent() -> None:
    """Linux: a rank whose launcher was killed must not stay behind. Elsewhere the judge kills the process group."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def rank_main(role: str, socket_path: str, num_ranks: int, device_type: str) -> None:
    """Entry point of a forked rank; torchrun's environment tells its number."""
    _die_with_parent()
    # The elastic agent's handlers were inherited; a rank simply dies.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    rank = int(os.environ.get("RANK", "0"))
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(socket_path)
    channel = Channel(connection)
    channel.send("hello", role=role, rank=rank)
    try:
        setup, _ = channel.receive()
        device = torch.device("cuda", local_rank) if device_type == "cuda" else torch.device("cpu")
        context = Context(rank, num_ranks, device, channel, setup)
        _join(context)
        if role == "reference":
            _run_reference(context)
        else:
            Submission(context).run()
    except PeerClosed:
        pass  # the judge has what it wants, or is gone
    except Exception as error:  # noqa: BLE001 - a bug of ours, or a submission that broke what we rely on
        _report(channel, error, line=None)


def _join(context: Context) -> None:
    """Takes this rank's device, and its place among the others."""
    on_cuda = context.device.type == "cuda"
    if on_cuda:
        torch.cuda.set_device(context.device)
    else:
        torch.set_num_threads(context.setup["threadsPerRank"])
    if context.num_ranks > 1:
        dist.init_process_group(
            "nccl" if on_cuda else "gloo",
            timeout=timedelta(seconds=context.setup["stageSeconds"]),
            device_id=context.device if on_cuda else None,
        )
        if not on_cuda:
            cpu_shim.install()
