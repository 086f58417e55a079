"""What a submission declares about its ranks, and which samples each rank sees (spec/evaluation.md section 2).

Standard library only, no file or process access: the scanner runs this file in Pyodide, the judge runs it in CPython.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypedDict

from .mfu import unique_tokens

# A plan is drawn; nobody looks at more steps than this, and a profile may have 100,000.
MAX_PLANNED_STEPS = 200


class Strategy(TypedDict):
    """A declared topology: `dp_size` data groups of `tp_size` ranks each."""

    dp_size: int
    tp_size: int


class PlannedBatch(TypedDict):
    """One batch: samples `first` to `last` of the run's order, both included, counted from 0."""

    first: int
    last: int
    #: The data began again, so it is not the batch that follows the group's last one (or, at first, the group before).
    wrapped: bool


class PlannedGroup(TypedDict):
    """A data group: its ranks form one tensor-parallel group and read the same batches."""

    ranks: list[int]
    #: Step after step, at most MAX_PLANNED_STEPS of them.
    batches: list[PlannedBatch]


class Plan(TypedDict):
    """Who reads what. Tokens count whole batches, as production does, even where there are fewer samples than that."""

    topology: Strategy
    groups: list[PlannedGroup]
    #: Of one rank: what `total_tokens` must say is `steps` times this.
    tokensPerStep: int
    #: Of all data groups: ranks of one group read the same tokens, which count once.
    uniqueTokensPerStep: int
    uniqueTokens: int
    steps: int


def read_strategy(nodes: Iterable[ast.AST], num_gpus: int) -> Strategy | None:
    """The topology that `get_strategy()` declares, or None where none is declared; the code is not run.

    `nodes` are the nodes of the whole tree in the order of `ast.walk`. Whether the topology fits `num_gpus` is the
    business of `check_topology`; here `num_gpus` only gives the strings "ddp", "fsdp" and "tp" their size.
    """
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and node.name == "get_strategy":
            for statement in node.body:
                if isinstance(statement, ast.Return):
                    strategy = declared_by(statement.value, num_gpus)
                    if strategy is not None:
                        return strategy
    return None


def declared_by(value: ast.expr | None, num_gpus: int) -> Strategy | None:
    """The topology that one returned value declares, or None where the validator goes on to the next."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        name = value.value.lower()
        if name in ("ddp", "fsdp"):
            return {"dp_size": num_gpus, "tp_size": 1}
        if name == "tp":
            return {"dp_size": 1, "tp_size": num_gpus}
    elif isinstance(value, ast.Dict):
        sizes = {}
        for key, size in zip(value.keys, value.values, strict=True):
            match key, size:
                # A bool is an int here as it is in production: True counts as 1.
                case ast.Constant(value=str() as name), ast.Constant(value=int() as number):
                    sizes[name] = int(number)
        if sizes.get("dp_size", 0) >= 1 and sizes.get("tp_size", 0) >= 1:
            return {"dp_size": sizes["dp_size"], "tp_size": sizes["tp_size"]}
    return None


def check_topology(strategy: Strategy | None, num_gpus: int) -> str | None:
    """One sentence on why this topology cannot be evaluated on `num_gpus` GPUs, or None where it can."""
    if strategy is None:
        if num_gpus == 1:
            return None
        return (
            f"{num_gpus} GPUs need a declared topology: add get_strategy() with a literal return such as "
            f'{{"dp_size": {num_gpus}, "tp_size": 1}}.'
        )
    ranks = strategy["dp_size"] * strategy["tp_size"]
    if ranks == num_gpus:
        return None
    return (
        f"get_strategy() declares dp_size {strategy['dp_size']} x tp_size {strategy['tp_size']} = {ranks} GPUs, but "
        f"the evaluation uses {num_gpus}: make the product {num_gpus}."
    )


def effective_topology(strategy: Strategy | None, num_gpus: int) -> Strategy:
    """The topology an evaluation on `num_gpus` GPUs uses. ValueError with a sentence where there is none."""
    problem = check_topology(strategy, num_gpus)
    if problem is not None:
        raise ValueError(problem)
    return strategy if strategy is not None else {"dp_size": 1, "tp_size": 1}


def data_group(rank: int, tp_size: int) -> int:
    """The data group of a rank. Ranks of one tensor-parallel group share it, and so see the same batches."""
    return rank // tp_size


def batch_starts(group: int, dp_size: int, batch_size: int, num_samples: int) -> Iterator[int]:
    """The index of the first sample of each batch of one data group, step after step, without end.

    A batch is the `batch_size` samples from that index on (fewer only where there are fewer samples than that).
    ValueError for sizes below 1 and for a group that is not one of the `dp_size`.
    """
    if min(dp_size, batch_size, num_samples) < 1 or not 0 <= group < dp_size:
        raise ValueError(
            f"no data split for group {group} of {dp_size}, batches of {batch_size}, {num_samples} samples: "
            "all sizes must be at least 1, and groups count from 0"
        )

    def starts() -> Iterator[int]:
        index = group * batch_size % num_samples
        while True:
            if index + batch_size > num_samples:
                index = 0
            yield index
            index = (index + dp_size * batch_size) % num_samples

    return starts()


def plan(
    strategy: Strategy | None, num_gpus: int, *, batch_size: int, seq_len: int, num_samples: int, num_steps: int
) -> Plan:
    """Which batch of which step each rank reads, as the evaluation hands them out.

    ValueError with a sentence where the topology does not fit `num_gpus`, or a size is below 1.
    """
    topology = effective_topology(strategy, num_gpus)
    dp_size, tp_size = topology["dp_size"], topology["tp_size"]
    if min(num_gpus, seq_len, num_steps) < 1:
        raise ValueError(
            f"no plan for {num_gpus} GPUs, {seq_len} tokens a sample, {num_steps} steps: each is 1 or more"
        )
    groups: list[PlannedGroup] = [
        {"ranks": [], "batches": _planned_batches(group, dp_size, batch_size, num_samples, num_steps)}
        for group in range(dp_size)
    ]
    for rank in range(num_gpus):
        groups[data_group(rank, tp_size)]["ranks"].append(rank)
    tokens = {"batch_size": batch_size, "seq_len": seq_len}
    return {
        "topology": topology,
        "groups": groups,
        "tokensPerStep": unique_tokens(**tokens, steps=1, dp_size=1),
        "uniqueTokensPerStep": unique_tokens(**tokens, steps=1, dp_size=dp_size),
        "uniqueTokens": unique_tokens(**tokens, steps=num_steps, dp_size=dp_size),
        "steps": num_steps,
    }


def _planned_batches(group: int, dp_size: int, batch_size: int, num_samples: int, num_steps: int) -> list[PlannedBatch]:
    batches: list[PlannedBatch] = []
    following = group * batch_size
    for first in islice(batch_starts(group, dp_size, batch_size, num_samples), min(num_steps, MAX_PLANNED_STEPS)):
        last = min(first + batch_size, num_samples) - 1
        batches.append({"first": first, "last": last, "wrapped": first != following})
        following = first + dp_size * batch_size
    return batches
