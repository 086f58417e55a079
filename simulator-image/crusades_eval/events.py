"""What the judge says while it evaluates: one JSON object a line.

The same messages are defined for the readers in `app/common/events.ts`; `fixtures/events/golden.jsonl`
is read by both test suites and holds the two together.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import IO, Literal

EVENT_VERSION = 1

STAGES = ("scan", "topology", "prepare", "reference", "import", "warmup", "timed", "checks")
#: Those where production's own code judges: "evaluation" is what it does before its log names another.
PRODUCTION_STAGES = ("scan", "topology", "prepare", "evaluation", "reference", "warmup", "timed", "checks")

#: The checks in production's order: the first that fails is the verdict (spec/evaluation.md section 4, step 8).
CHECKS = (
    "functional",
    "deferred_state",
    "clocks",
    "model_config",
    "backend_state",
    "result_type",
    "logits",
    "sequence",
    "vocabulary",
    "final_state",
    "params_changed",
    "plausible_mfu",
    "tokens",
    "loss",
    "weights",
    "min_mfu",
)

#: Every error code the production validator reports (spec/evaluation.md sections 4 and 5), verbatim.
VALIDATOR_CODES = (
    "no_code",
    "syntax_error",
    "missing_inner_steps",
    "invalid_return_type",
    "insufficient_trainable_params",
    "missing_logits",
    "invalid_logits_shape",
    "sequence_truncation",
    "insufficient_mfu",
    "implausible_mfu",
    "timer_tampering",
    "timer_source_unavailable",
    "config_tampering",
    "deferred_computation",
    "functional_tampering",
    "execution_failed",
    "missing_final_state",
    "incomplete_final_state",
    "invalid_final_state_shape",
    "insufficient_params_changed",
    "token_count_mismatch",
    "loss_mismatch",
    "shape_mismatch",
    "weight_nan_injection",
    "weight_mismatch",
)

#: What is measured of each GPU (telemetry.py). Each is null where a GPU does not tell it, never 0.
GPU_QUANTITIES = (
    "utilizationPercent",
    "smClockMhz",
    "powerWatts",
    "temperatureCelsius",
    "memoryUsedBytes",
    "processes",
    "pcieReceivedBytesPerSecond",
    "pcieSentBytesPerSecond",
    "nvlinkReceivedBytesPerSecond",
    "nvlinkSentBytesPerSecond",
)

#: Why a GPU's clocks are not higher, by the bits of NVML's clocks event reasons.
THROTTLE_REASONS = (
    "idle",
    "applications_clocks",
    "sw_power_cap",
    "hw_slowdown",
    "sync_boost",
    "sw_thermal",
    "hw_thermal",
    "hw_power_brake",
    "display",
)

CheckState = Literal["passed", "failed", "not_measured"]
CheckRule = Literal["at_most", "at_least", "equal", "holds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check's measurement. `used` is the share of the limit, above 1 when broken; None where it has no meaning."""

    name: str
    state: CheckState
    value: float | str | None
    limit: float | str | None
    rule: CheckRule
    unit: str = ""
    used: float | None = None
    production_limit: float | None = None
    code: str | None = None
    message: str

    def __post_init__(self) -> None:
        assert self.name in CHECKS, self.name
        assert self.code is None or self.code in VALIDATOR_CODES, self.code


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an evaluation did not pass. `code` is what the validator would report, None where it reports none."""

    kind: str
    code: str | None
    fault: Literal["submission", "environment", "workbench", "user"]
    message: str
    hint: str = ""
    stage: str
    rank: int | None = None
    line: int | None = None
    detail: str = ""

    def __post_init__(self) -> None:
        assert self.stage in STAGES or self.stage in PRODUCTION_STAGES, self.stage
        assert self.code is None or self.code in VALIDATOR_CODES, self.code


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuDevice:
    """One GPU of the run, as it is before the ranks start. What it does not tell is None."""

    #: NVML's own number, which is nvidia-smi's too.
    index: int
    #: The rank that torchrun gives it to.
    rank: int
    name: str
    memory_bytes: int | None
    power_limit_watts: float | None
    max_sm_clock_mhz: int | None
    #: From this temperature on the GPU slows itself down.
    slowdown_celsius: int | None
    #: What others use of it.
    memory_used_bytes: int | None
    processes: int | None


def camel_case(name: str) -> str:
    """`peak_memory` -> `peakMemory`: JSON names follow the reader's language."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _finite(value: object) -> object:
    """JSON has no NaN: a non-finite number crosses as its name."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def to_json(record: Check | Failure | GpuDevice) -> dict[str, object]:
    return {camel_case(key): _finite(value) for key, value in asdict(record).items()}


class EventStream:
    """Writes numbered events; stages are timed here, so that every start gets its end.

    Notes and what GPUs do may come from another thread than the rest.
    """

    def __init__(self, out: IO[str], stages: Sequence[str] = STAGES) -> None:
        self._out = out
        self._stages = stages
        self._lock = threading.Lock()
        self._has_result = False
        self._started = time.monotonic()
        self._seq = 0
        self._open: dict[str, float] = {}
        self.ended: dict[str, str] = {}

    def _write(self, type_: str, **fields: object) -> None:
        with self._lock:
            if self._has_result:
                return  # nothing follows a result; another thread may not know of it yet
            at = round(time.monotonic() - self._started, 4)
            event = {"v": EVENT_VERSION, "seq": self._seq, "t": at, "type": type_}
            line = json.dumps(event | fields, allow_nan=False) + "\n"
            self._has_result = type_ == "result"
            self._seq += 1
            self._out.write(line)
            self._out.flush()

    def stage_started(self, stage: str) -> None:
        assert stage in self._stages and stage not in self._open, stage
        self._open[stage] = time.monotonic()
        self._write("stage", stage=stage, state="running", seconds=None)

    def stage_ended(self, stage: str, state: Literal["passed", "failed"]) -> None:
        seconds = time.monotonic() - self._open.pop(stage)
        self.ended[stage] = state
        self._write("stage", stage=stage, state=state, seconds=round(seconds, 4))

    def close_stages(self) -> None:
        """After the verdict: stages still open have failed, those never reached were skipped."""
        for stage in list(self._open):
            self.stage_ended(stage, "failed")
        for stage in self._stages:
            if stage not in self.ended:
                self.ended[stage] = "skipped"
                self._write("stage", stage=stage, state="skipped", seconds=None)

    def progress(self, stage: str, done: int, total: int, unit: str = "steps") -> None:
        self._write("progress", stage=stage, done=done, total=total, unit=unit)

    def check(self, check: Check) -> None:
        self._write("check", **to_json(check))

    def metric(self, name: str, value: float, unit: str, rank: int | None = None) -> None:
        self._write("metric", name=name, value=value, unit=unit, rank=rank)

    def note(
        self, level: Literal["info", "warning", "finding"], id_: str, message: str, line: int | None = None
    ) -> None:
        self._write("note", level=level, id=id_, message=message, line=line)

    def gpu_devices(self, source: Literal["nvml", "nvidia-smi"], driver: str | None, gpus: Sequence[GpuDevice]) -> None:
        self._write("gpu_devices", source=source, driver=driver, gpus=[to_json(gpu) for gpu in gpus])

    def gpus(
        self,
        monotonic_seconds: float,
        quantities: Mapping[str, Sequence[float | None]],
        throttle: Sequence[Sequence[str] | None],
    ) -> None:
        """One look at all GPUs, in the order of `gpu_devices`, taken at that time of `time.monotonic()`."""
        at = round(max(0.0, monotonic_seconds - self._started), 4)
        fields = {quantity: list(quantities[quantity]) for quantity in GPU_QUANTITIES}
        self._write(
            "gpus", at=at, **fields, throttle=[None if reasons is None else list(reasons) for reasons in throttle]
        )

    def result(self, outcome: Literal["passed", "failed", "error", "cancelled"], **fields: object) -> None:
        self._write("result", outcome=outcome, **{key: _finite(value) for key, value in fields.items()})
