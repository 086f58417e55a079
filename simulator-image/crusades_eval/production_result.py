"""What production's `evaluate` is asked for, and what its answer means (spec/evaluation.md sections 5 and 6).

The answer comes out of the process in which the submission ran, so it is the submission's claim: it is bounded, may
lack or contradict anything, and is never a verdict where it contradicts itself or the judge's clock.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .events import VALIDATOR_CODES, Failure
from .hints import HINTS
from .mfu import mfu_percent

MAX_ERROR_CHARACTERS = 2000
MAX_DETAIL_CHARACTERS = 20_000
MAX_DIAGNOSTICS = 200
MAX_NAME_CHARACTERS = 200
MAX_VALUE_CHARACTERS = 500
#: Deeper ones are told as one text.
MAX_DEPTH = 4
#: Between the clock that production reads and the judge's there is a message and a process that wakes up.
CLOCK_SLACK_SECONDS = 0.5
#: Of a reported MFU against the one that follows from its own time.
MFU_TOLERANCE = 0.01

#: Codes that are no check's (section 5).
_KINDS = {"no_code": "scan", "syntax_error": "scan", "missing_inner_steps": "result", "invalid_return_type": "result"}


def fields(profile: dict[str, Any], *, task_id: str, seed: str, code: str, num_ranks: int) -> dict[str, Any]:
    """The keywords of `evaluate`: the HTTP request's, and that the time must be the GPU's."""
    return {
        "task_id": task_id,
        "seed": seed,
        "model_url": profile["benchmark_model_name"],
        "data_url": profile["benchmark_dataset_name"],
        "steps": profile["eval_steps"],
        "batch_size": profile["benchmark_batch_size"],
        # Production's is a whole number of seconds.
        "timeout": math.ceil(profile["eval_timeout"]),
        "sequence_length": profile["benchmark_sequence_length"],
        "data_samples": profile["benchmark_data_samples"],
        "code": code,
        **profile["verification"],
        **profile["mfu"],
        "num_gpus": num_ranks,
        "require_cuda_timing": True,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the answer is held against."""

    task_id: str
    seed: str
    profile: dict[str, Any]
    num_ranks: int
    #: From the word "start" to the answer, by the judge's clock.
    seconds: float
    #: None where the topology is not known.
    unique_tokens: int | None
    #: None where the model could not be counted.
    parameters: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """`failure` is None for a pass. Numbers are None where the answer has none that one can be."""

    failure: Failure | None
    mfu_percent: float | None
    tokens_per_second: float | None
    timed_seconds: float | None
    total_tokens: int | None
    #: Production's own, of unknown shape: dotted name and text.
    diagnostics: list[dict[str, str]]
    #: How many more there were.
    diagnostics_left_out: int
    #: What does not fit together but decides nothing.
    doubts: list[str]


def read(result: object, asked: Asked, stage: str) -> Reading:
    """Never raises. `stage`: where the evaluation stood when the answer came."""
    if not isinstance(result, dict) or type(result.get("success")) is not bool:
        return _unread("It is no result: success is missing", {}, stage)
    contradiction = _contradiction(result, asked)
    if contradiction is not None:
        return _unread(contradiction, result, stage)
    return _reading(result, None if result["success"] else _failure(result, stage), _doubts(result, asked))


def _reading(result: dict[str, Any], failure: Failure | None, doubts: list[str]) -> Reading:
    told = list(_flat(result.get("diagnostics"), "", 0))
    tokens = result.get("total_tokens")
    return Reading(
        failure=failure,
        mfu_percent=_positive(result.get("mfu")),
        tokens_per_second=_positive(result.get("tps")),
        timed_seconds=_positive(result.get("wall_time_seconds")),
        total_tokens=tokens if type(tokens) is int and 0 <= tokens < 2**53 else None,
        diagnostics=told[:MAX_DIAGNOSTICS],
        diagnostics_left_out=max(0, len(told) - MAX_DIAGNOSTICS),
        doubts=doubts,
    )


def _unread(why: str, result: dict[str, Any], stage: str) -> Reading:
    failure = Failure(
        kind="protocol",
        code=None,
        fault="environment",
        stage=stage,
        message=f"The result that production's code gave cannot be right: {why}.",
        hint="It comes from the process that ran the submission. Crusader's own evaluation has a result that no "
        "submission can reach.",
        detail=_text(result)[:MAX_DETAIL_CHARACTERS],
    )
    return _reading(result, failure, [])


def _contradiction(result: dict[str, Any], asked: Asked) -> str | None:
    """Why the answer is not believed."""
    for name, expected in (("task_id", asked.task_id), ("seed", asked.seed)):
        if result.get(name) is not None and _said(result[name]) != expected:
            return f"it is that of another {name.removesuffix('_id')}"
    if not result["success"]:
        return None
    if result.get("error_code"):
        return f"a success with the error code {_said(result['error_code'])[:100]}"
    mfu, seconds = result.get("mfu"), result.get("wall_time_seconds")
    if not _is_number(mfu) or not 0 < mfu <= 100:
        return f"a success with an MFU of {_said(mfu)[:40]}"
    if not _is_number(seconds) or seconds <= 0:
        return f"a success with a timed run of {_said(seconds)[:40]} s"
    if seconds > asked.seconds + CLOCK_SLACK_SECONDS:
        return f"a timed run of {seconds:.3f} s in an evaluation that took {asked.seconds:.3f} s"
    least = _least_seconds(asked)
    if least is not None and seconds < least:
        return f"a timed run of {seconds:.3g} s, where the GPUs at their peak would take {least:.3g} s"
    limits = asked.profile["mfu"]
    if not limits["min_mfu"] <= mfu <= limits["max_plausible_mfu"]:
        return (
            f"a success with an MFU of {mfu:.2f} %, outside of the {limits['min_mfu']} to "
            f"{limits['max_plausible_mfu']} % that it was given"
        )
    return None


def _least_seconds(asked: Asked) -> float | None:
    if asked.parameters is None or asked.unique_tokens is None:
        return None
    peak = asked.profile["mfu"]["gpu_peak_tflops"] * 1e12 * asked.num_ranks
    return 6 * asked.parameters * asked.unique_tokens / peak


def _doubts(result: dict[str, Any], asked: Asked) -> list[str]:
    if not result["success"]:
        return []
    doubts = []
    mfu, seconds, tps = (result.get(name) for name in ("mfu", "wall_time_seconds", "tps"))
    if asked.unique_tokens is None:
        return doubts
    if asked.parameters is not None:
        follows = mfu_percent(
            parameters=asked.parameters,
            tokens=asked.unique_tokens,
            gpu_peak_tflops=asked.profile["mfu"]["gpu_peak_tflops"],
            num_gpus=asked.num_ranks,
            seconds=seconds,
        )
        if abs(mfu - follows) > MFU_TOLERANCE * follows:
            doubts.append(
                f"It reports an MFU of {mfu:.4g} %; from its own time of {seconds:.4g} s follows {follows:.4g} %."
            )
    follows = asked.unique_tokens / seconds
    if _is_number(tps) and abs(tps - follows) > MFU_TOLERANCE * follows:
        doubts.append(f"It reports {tps:,.1f} tokens/s; from its own time follow {follows:,.1f}.")
    return doubts


def _failure(result: dict[str, Any], stage: str) -> Failure:
    code = result.get("error_code")
    said = _said(result.get("error") or "").strip()
    short = said[:MAX_ERROR_CHARACTERS]
    if code in VALIDATOR_CODES:
        return Failure(
            kind=_KINDS.get(code, "check"),
            code=code,
            fault="submission",
            stage=stage,
            message=short.split("\n")[0] or f"Production's code reports {code}.",
            hint=HINTS.get(code, ""),
            detail=said[:MAX_DETAIL_CHARACTERS],
        )
    reason = short.split("\n")[-1] or "it gives no reason"
    named = "without a code" if not code else f"with a code that is not known here, {_said(code)[:100]}"
    return Failure(
        kind="exception",
        code=None,
        fault="submission",
        stage=stage,
        message=f"Production's code failed the file {named}: {reason}",
        hint="An exception of the file and trouble of the machine look the same here: read the detail and the log.",
        detail=said[:MAX_DETAIL_CHARACTERS],
    )


def _flat(value: object, name: str, depth: int) -> Iterator[dict[str, str]]:
    """Leaves by their dotted name. What is nested deeper than `MAX_DEPTH`, and lists, are one text each."""
    if isinstance(value, dict) and depth < MAX_DEPTH:
        for key, child in value.items():
            yield from _flat(child, f"{name}.{key}" if name else str(key), depth + 1)
    elif value is not None or name:
        text = value if isinstance(value, str) else _text(value)
        yield {"name": _cut(name or "diagnostics", MAX_NAME_CHARACTERS), "value": _cut(text, MAX_VALUE_CHARACTERS)}


def _said(value: object) -> str:
    """Python's own `str` raises where lists are nested as deeply as JSON can be read."""
    return _text(value) if isinstance(value, (dict, list)) else str(value)


def _text(value: object) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        return "(nested too deeply to be shown)"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}..."


def _is_number(value: object) -> bool:
    """JSON's integers have no bound, and Python's JSON has NaN and infinities: neither is a number here."""
    return type(value) in (int, float) and -(2**53) < value < 2**53


def _positive(value: object) -> float | None:
    return float(value) if _is_number(value) and value > 0 else None
