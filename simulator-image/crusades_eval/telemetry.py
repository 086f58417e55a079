"""What the GPUs do during a run: their load, clocks, power, temperature, memory and traffic, twice a second.

A small process of the judge's own asks the driver and prints what it hears; the judge makes events of it. So a driver
that hangs, or brings its library down, takes no verdict with it. It is no CUDA program: NVML reads the counters of the
driver and makes no context on a GPU. Ranks have no part in it: they neither start it nor hold an end of its pipes.

    python -P -m crusades_eval.telemetry --ranks 8     one JSON object a line, until its stdin ends
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import ctypes
import json
import math
import os
import select
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from .events import GPU_QUANTITIES, THROTTLE_REASONS, EventStream, GpuDevice
from .sandbox import PACKAGE_ROOT

LIBRARY = "libnvidia-ml.so.1"
SAMPLE_SECONDS = 0.5
#: nvidia-smi is started anew for each look, which takes a tenth of a second of a core.
PROGRAM_SAMPLE_SECONDS = 1.0
#: What nvidia-smi may take to answer; it waits for a driver that hangs.
PROGRAM_SECONDS = 5
#: nvidia-smi gets no more tries than that in a row.
PROGRAM_TRIES = 3
#: From its start to the sampler's first word: without persistence mode the driver wakes each GPU first.
READY_SECONDS = 15
STOP_SECONDS = 0.5
#: Ranks that need a core go first.
NICENESS = 10
#: A sample of 64 GPUs takes 6 kB.
MAX_LINE_BYTES = 256 * 1024


class NoGpus(Exception):
    """Nothing can be read; the message says why, without a full stop."""


# -- which GPUs -----------------------------------------------------------------------------------------------------


def gpus_of_ranks(uuids: Sequence[str], num_ranks: int, visible: str | None) -> list[int]:
    """Indices of the GPUs that ranks 0, 1, ... get: rank i takes CUDA's device i (rank.py).

    `visible` is CUDA_VISIBLE_DEVICES: numbers, or beginnings of UUIDs; the first that is none ends the list, as CUDA's.
    Without it CUDA numbers alike GPUs as the driver does; unlike ones it may put in another order.
    """
    if visible is None:
        return list(range(len(uuids)))[:num_ranks]
    chosen: list[int] = []
    for entry in visible.split(","):
        name = entry.strip()
        found = [index for index, uuid in enumerate(uuids) if name == str(index) or (name and uuid.startswith(name))]
        if len(found) != 1 or found[0] in chosen:
            break
        chosen += found
    return chosen[:num_ranks]


def throttle_reasons(bits: int) -> list[str]:
    """In words; bits that NVML has got since are left out."""
    return [reason for position, reason in enumerate(THROTTLE_REASONS) if bits >> position & 1]


# -- NVML -----------------------------------------------------------------------------------------------------------
# Names, values and layouts are those of NVIDIA's public nvml.h.

_SUCCESS = 0
_INSUFFICIENT_SIZE = 7
_FUNCTION_NOT_FOUND = 13
_CLOCK_SM = 1
_TEMPERATURE_GPU = 0
_THRESHOLD_SLOWDOWN = 1
_PCIE_SENT, _PCIE_RECEIVED = 0, 1
_FIELD_NVLINK_SENT, _FIELD_NVLINK_RECEIVED = 138, 139  # data without protocol, in KiB, since the driver was loaded
_FIELD_PCIE_SENT, _FIELD_PCIE_RECEIVED = 197, 198  # in bytes; starts again at 0 now and then
_ALL_LINKS = 0xFFFFFFFF
_TEXT_BYTES = 96


class Utilization(ctypes.Structure):
    """nvmlUtilization_t: percent of the last sixth of a second to second."""

    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class Memory(ctypes.Structure):
    """nvmlMemory_t: `used` includes what the driver keeps to itself."""

    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class MemoryV2(ctypes.Structure):
    """nvmlMemory_v2_t: what the driver keeps to itself is `reserved`."""

    _fields_ = (
        ("version", ctypes.c_uint),
        ("total", ctypes.c_ulonglong),
        ("reserved", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


class Value(ctypes.Union):
    """nvmlValue_t."""

    _fields_ = (
        ("double", ctypes.c_double),
        ("unsigned_int", ctypes.c_uint),
        ("unsigned_long", ctypes.c_ulong),
        ("unsigned_long_long", ctypes.c_ulonglong),
        ("signed_long_long", ctypes.c_longlong),
        ("signed_int", ctypes.c_int),
        ("unsigned_short", ctypes.c_ushort),
    )


#: By nvmlValueType_t.
_VALUE_NAMES = [name for name, _ in Value._fields_]


class FieldValue(ctypes.Structure):
    """nvmlFieldValue_t."""

    _fields_ = (
        ("field", ctypes.c_uint),
        ("scope", ctypes.c_uint),
        ("timestamp", ctypes.c_longlong),
        ("latency_microseconds", ctypes.c_longlong),
        ("value_type", ctypes.c_uint),
        ("status", ctypes.c_uint),
        ("value", Value),
    )


_MEMORY_V2_VERSION = ctypes.sizeof(MemoryV2) | 2 << 24


class _Rate:
    """What a counter gains in a second; None the first time, and where it was begun anew."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    def next(self, count: float | None, at: float) -> float | None:
        last, self._last = self._last, None if count is None else (count, at)
        if last is None or count is None or count < last[0] or at <= last[1]:
            return None
        return round((count - last[0]) / (at - last[1]))


class NvmlReader:
    """Asks the driver through NVML. Whatever a GPU does not support is None."""

    source = "nvml"
    seconds = SAMPLE_SECONDS

    def __init__(self, library: Any, num_ranks: int, visible: str | None) -> None:
        """`library`: what `ctypes.CDLL` makes of libnvidia-ml. NoGpus where the driver does not answer."""
        self._library = library
        status = self._call("nvmlInit_v2")
        if status != _SUCCESS:
            raise NoGpus(f"NVML cannot be initialised (error {status})")
        count = self._read(ctypes.c_uint, "nvmlDeviceGetCount_v2")
        handles = []
        for index in range(count.value if count is not None else 0):
            handle = self._read(ctypes.c_void_p, "nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index))
            handles.append(handle)
        uuids = ["" if handle is None else self._text("nvmlDeviceGetUUID", handle) or "" for handle in handles]
        chosen = gpus_of_ranks(uuids, num_ranks, visible)
        self._gpus = [(index, handles[index]) for index in chosen if handles[index] is not None]
        if not self._gpus:
            raise NoGpus("NVML names no GPU that the ranks could use")
        self._rates = [{name: _Rate() for name in GPU_QUANTITIES} for _ in self._gpus]
        #: Whether a GPU counts the bytes of its PCIe link; those that do not are asked for 20 ms each way.
        self._counts_pcie = [self._field(handle, _FIELD_PCIE_SENT) is not None for _, handle in self._gpus]
        self.driver = self._text("nvmlSystemGetDriverVersion")

    def devices(self) -> list[GpuDevice]:
        return [self._device(rank, index, handle) for rank, (index, handle) in enumerate(self._gpus)]

    def sample(self) -> tuple[dict[str, list[float | None]], list[list[str] | None]]:
        """Each quantity, and the throttle reasons, a value per GPU."""
        rows = [self._quick(handle) for _, handle in self._gpus]
        throttle = [self._throttle(handle) for _, handle in self._gpus]
        # After what takes no time, so that all GPUs are seen at once.
        for position, (_, handle) in enumerate(self._gpus):
            rows[position] |= self._traffic(position, handle)
        return {name: [row[name] for row in rows] for name in GPU_QUANTITIES}, throttle

    def _device(self, rank: int, index: int, handle: ctypes.c_void_p) -> GpuDevice:
        memory = self._memory(handle)
        limit = self._number("nvmlDeviceGetEnforcedPowerLimit", handle)
        return GpuDevice(
            index=index,
            rank=rank,
            name=self._text("nvmlDeviceGetName", handle) or "GPU",
            memory_bytes=None if memory is None else memory.total,
            power_limit_watts=None if limit is None else limit / 1000,
            max_sm_clock_mhz=self._number("nvmlDeviceGetMaxClockInfo", handle, ctypes.c_uint(_CLOCK_SM)),
            slowdown_celsius=self._number(
                "nvmlDeviceGetTemperatureThreshold", handle, ctypes.c_uint(_THRESHOLD_SLOWDOWN)
            ),
            memory_used_bytes=None if memory is None else memory.used,
            processes=self._processes(handle),
        )

    def _quick(self, handle: ctypes.c_void_p) -> dict[str, float | None]:
        utilization = self._read(Utilization, "nvmlDeviceGetUtilizationRates", handle)
        power = self._number("nvmlDeviceGetPowerUsage", handle)
        memory = self._memory(handle)
        return {
            "utilizationPercent": None if utilization is None else utilization.gpu,
            "smClockMhz": self._number("nvmlDeviceGetClockInfo", handle, ctypes.c_uint(_CLOCK_SM)),
            "powerWatts": None if power is None else power / 1000,
            "temperatureCelsius": self._number("nvmlDeviceGetTemperature", handle, ctypes.c_uint(_TEMPERATURE_GPU)),
            "memoryUsedBytes": None if memory is None else memory.used,
            "processes": self._processes(handle),
        }

    def _traffic(self, position: int, handle: ctypes.c_void_p) -> dict[str, float | None]:
        rates = self._rates[position]
        found: dict[str, float | None] = {}
        for name, field in (
            ("nvlinkReceivedBytesPerSecond", _FIELD_NVLINK_RECEIVED),
            ("nvlinkSentBytesPerSecond", _FIELD_NVLINK_SENT),
        ):
            kibibytes = self._field(handle, field, _ALL_LINKS)
            found[name] = rates[name].next(None if kibibytes is None else kibibytes * 1024, time.monotonic())
        for name, field, direction in (
            ("pcieReceivedBytesPerSecond", _FIELD_PCIE_RECEIVED, _PCIE_RECEIVED),
            ("pcieSentBytesPerSecond", _FIELD_PCIE_SENT, _PCIE_SENT),
        ):
            if self._counts_pcie[position]:
                found[name] = rates[name].next(self._field(handle, field), time.monotonic())
            else:
                kilobytes = self._number("nvmlDeviceGetPcieThroughput", handle, ctypes.c_uint(direction))
                found[name] = None if kilobytes is None else kilobytes * 1000
        return found

    def _throttle(self, handle: ctypes.c_void_p) -> list[str] | None:
        # The second is what drivers before 535 call it.
        for name in ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"):
            bits = self._read(ctypes.c_ulonglong, name, handle)
            if bits is not None:
                return throttle_reasons(bits.value)
        return None

    def _memory(self, handle: ctypes.c_void_p) -> Memory | MemoryV2 | None:
        found = MemoryV2(version=_MEMORY_V2_VERSION)
        if self._call("nvmlDeviceGetMemoryInfo_v2", handle, ctypes.byref(found)) == _SUCCESS:
            return found
        return self._read(Memory, "nvmlDeviceGetMemoryInfo", handle)

    def _processes(self, handle: ctypes.c_void_p) -> int | None:
        """How many use it for computing, wherever they run; who they are is not visible from inside a container."""
        for name in ("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"):
            count = ctypes.c_uint(0)
            # Without room for their list it only says how long that would be.
            if self._call(name, handle, ctypes.byref(count), None) in (_SUCCESS, _INSUFFICIENT_SIZE):
                return count.value
        return None

    def _field(self, handle: ctypes.c_void_p, field: int, scope: int = 0) -> float | None:
        values = (FieldValue * 1)()
        values[0].field, values[0].scope = field, scope
        status = self._call("nvmlDeviceGetFieldValues", handle, ctypes.c_int(1), values)
        found = values[0]
        if status != _SUCCESS or found.status != _SUCCESS or found.value_type >= len(_VALUE_NAMES):
            return None
        return getattr(found.value, _VALUE_NAMES[found.value_type])

    def _number(self, name: str, *arguments: Any) -> int | None:
        found = self._read(ctypes.c_uint, name, *arguments)
        return None if found is None else found.value

    def _text(self, name: str, *arguments: Any) -> str | None:
        buffer = ctypes.create_string_buffer(_TEXT_BYTES)
        if self._call(name, *arguments, buffer, ctypes.c_uint(_TEXT_BYTES)) != _SUCCESS:
            return None
        return buffer.value.decode("utf-8", "replace")

    def _read(self, kind: type, name: str, *arguments: Any) -> Any:
        """What the function writes through its last argument; None where it does not."""
        found = kind()
        return found if self._call(name, *arguments, ctypes.byref(found)) == _SUCCESS else None

    def _call(self, name: str, *arguments: Any) -> int:
        function = getattr(self._library, name, None)
        return _FUNCTION_NOT_FOUND if function is None else function(*arguments)


# -- nvidia-smi -----------------------------------------------------------------------------------------------------

_KNOWN_FIELDS = "index uuid name driver_version memory.total enforced.power.limit clocks.max.sm memory.used".split()
_SAMPLED_FIELDS = "index utilization.gpu clocks.sm power.draw temperature.gpu memory.used".split()
#: The second is what drivers before 535 call it.
_THROTTLE_FIELDS = ("clocks_event_reasons.active", "clocks_throttle_reasons.active")
_MEBIBYTE = 1024**2


class ProgramReader:
    """Asks nvidia-smi, which tells less: no traffic and no processes."""

    source = "nvidia-smi"
    seconds = PROGRAM_SAMPLE_SECONDS

    def __init__(
        self, program: str, num_ranks: int, visible: str | None, limit_seconds: float = PROGRAM_SECONDS
    ) -> None:
        """NoGpus where it does not answer within `limit_seconds`, or names none."""
        self._program = program
        self._limit_seconds = limit_seconds
        rows = {_number(row[0]): row for row in self._query(_KNOWN_FIELDS)}
        known = [rows[index] for index in sorted(index for index in rows if index is not None)]
        self._rows = [known[position] for position in gpus_of_ranks([row[1] for row in known], num_ranks, visible)]
        if not self._rows:
            raise NoGpus("nvidia-smi names no GPU that the ranks could use")
        self._indices = [int(row[0]) for row in self._rows]
        self.driver = _text(self._rows[0][3])
        self._throttle_field = self._known_throttle_field()

    def devices(self) -> list[GpuDevice]:
        return [
            GpuDevice(
                index=index,
                rank=rank,
                name=_text(name) or "GPU",
                memory_bytes=_scaled(total, _MEBIBYTE),
                power_limit_watts=_number(limit),
                max_sm_clock_mhz=_number(clock),
                slowdown_celsius=None,
                memory_used_bytes=_scaled(used, _MEBIBYTE),
                processes=None,
            )
            for rank, (index, (_, _, name, _, total, limit, clock, used)) in enumerate(
                zip(self._indices, self._rows, strict=True)
            )
        ]

    def sample(self) -> tuple[dict[str, list[float | None]], list[list[str] | None]]:
        fields = [*_SAMPLED_FIELDS, *([] if self._throttle_field is None else [self._throttle_field])]
        rows = {row[0]: row for row in self._query(fields)}
        found: dict[str, list[float | None]] = {name: [] for name in GPU_QUANTITIES}
        throttle: list[list[str] | None] = []
        for index in self._indices:
            # A GPU whose row is missing or torn tells nothing this time.
            row = rows.get(str(index), [""] * len(fields))
            _, utilization, clock, power, temperature, memory, *reasons = row
            values = {
                "utilizationPercent": _number(utilization),
                "smClockMhz": _number(clock),
                "powerWatts": _number(power),
                "temperatureCelsius": _number(temperature),
                "memoryUsedBytes": _scaled(memory, _MEBIBYTE),
            }
            for name in GPU_QUANTITIES:
                found[name].append(values.get(name))
            throttle.append(_throttle_of(reasons))
        return found, throttle

    def _known_throttle_field(self) -> str | None:
        for field in _THROTTLE_FIELDS:
            try:
                if self._query(["index", field]):
                    return field
            except NoGpus:
                continue
        return None

    def _query(self, fields: Sequence[str]) -> list[list[str]]:
        """Its whole rows, cells stripped."""
        command = [self._program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=self._limit_seconds,
                check=False,
                cwd="/",
            )
        except subprocess.TimeoutExpired:
            raise NoGpus(f"nvidia-smi does not answer within {self._limit_seconds:g} s") from None
        except OSError as error:
            raise NoGpus(f"nvidia-smi cannot be started ({error.strerror})") from None
        if done.returncode != 0:
            raise NoGpus(f"nvidia-smi ends with status {done.returncode}")
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, skipinitialspace=True)]
        return [row for row in rows if len(row) == len(fields)]


def _text(cell: str) -> str | None:
    """None for nvidia-smi's ways to say that there is nothing to say: [N/A], [Not Supported], [Unknown Error]."""
    return None if cell == "" or cell.startswith("[") or cell == "N/A" else cell


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    if not 0 <= number < 2**53:  # NaN, too
        return None
    return int(number) if number.is_integer() else number


def _scaled(cell: str, factor: int) -> float | None:
    number = _number(cell)
    return None if number is None else number * factor


def _throttle_of(cells: Sequence[str]) -> list[str] | None:
    try:
        return throttle_reasons(int(cells[0], 16)) if cells else None
    except ValueError:
        return None


# -- the sampler's process ------------------------------------------------------------------------------------------


def open_reader(num_ranks: int, library: str = LIBRARY) -> NvmlReader | ProgramReader:
    """NVML, else nvidia-smi; NoGpus says why neither."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    try:
        return NvmlReader(ctypes.CDLL(library), num_ranks, visible)
    except OSError:
        reason = f"{library} cannot be loaded"
    except NoGpus as error:
        reason = str(error)
    program = shutil.which("nvidia-smi")
    if program is None or not os.path.isabs(program):
        raise NoGpus(f"{reason}, and there is no nvidia-smi")
    try:
        return ProgramReader(program, num_ranks, visible)
    except NoGpus as error:
        raise NoGpus(f"{reason}, and {error}") from None


def run_sampler(
    open_: Callable[[], NvmlReader | ProgramReader],
    say: Callable[[Mapping[str, Any]], None],
    pause: Callable[[float], bool],
) -> None:
    """Says what there is and then what it does, until `pause` says to end. Never raises for what a driver does."""
    try:
        reader = open_()
    except NoGpus as error:
        say({"missing": str(error)})
        return
    say({"source": reader.source, "driver": reader.driver, "gpus": [asdict(gpu) for gpu in reader.devices()]})
    failures, next_at = 0, time.monotonic()
    while True:
        at = time.monotonic()
        try:
            quantities, throttle = reader.sample()
            failures = 0
            say({"at": at, "quantities": quantities, "throttle": throttle})
        except NoGpus as error:
            failures += 1
            if failures == PROGRAM_TRIES:
                say({"missing": str(error)})
                return
        # At even distances, also where a look takes long; what was missed is not made up for.
        next_at = max(next_at + reader.seconds, time.monotonic())
        if pause(next_at - time.monotonic()):
            return


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ranks", type=int, required=True)
    parser.add_argument("--library", default=LIBRARY)
    arguments = parser.parse_args()
    os.nice(NICENESS)
    out = sys.stdout

    def say(message: Mapping[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    def pause(seconds: float) -> bool:
        # The end of stdin is that of the judge, however it came about.
        return bool(select.select([sys.stdin], [], [], max(0.0, seconds))[0])

    try:
        run_sampler(lambda: open_reader(arguments.ranks, arguments.library), say, pause)
    except BrokenPipeError:
        pass
    # Not through the interpreter's end, which would flush into a broken pipe, nor through NVML's.
    os._exit(0)


# -- in the judge ---------------------------------------------------------------------------------------------------


class Telemetry:
    """The sampler as the judge has it: makes events of what it says, and one note of why it says nothing."""

    def __init__(self, events: EventStream, num_ranks: int, command: Sequence[str] | None = None) -> None:
        """`command`: the sampler's, but for tests. OSError where it cannot be started."""
        self._events = events
        self._num_gpus = 0
        self._said = threading.Event()
        self._stopping = False
        sampler = [sys.executable, "-P", "-m", "crusades_eval.telemetry", "--ranks", str(num_ranks)]
        self._process = subprocess.Popen(
            command or sampler,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The sampler's, which is no rank's; None when it has ended."""
        return self._process.pid if self._thread.is_alive() else None

    def wait_until_ready(self, poll: Callable[[], None], limit_seconds: float = READY_SECONDS) -> None:
        """Until it has seen the GPUs as they are without ranks, or has given up. Calls `poll` many times a second."""
        deadline = time.monotonic() + limit_seconds
        while not self._said.wait(0.05):
            poll()
            if time.monotonic() > deadline:
                self._note(f"the driver does not answer within {limit_seconds:g} s")
                self.stop()
                return

    def stop(self) -> None:
        """Its last word has been passed on when this returns; from any thread, and more than once."""
        self._stopping = True
        try:
            self._process.stdin.close()
        except OSError:
            pass
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # it waits for a driver that hangs
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self._thread.join(STOP_SECONDS)

    def _read(self) -> None:
        out = self._process.stdout
        try:
            while line := out.readline(MAX_LINE_BYTES):
                if self._take(json.loads(line)):
                    return
            reason = "what asks the driver has ended"
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            reason = "what asks the driver says what cannot be read"
        if not self._stopping:
            self._note(reason)
        self._said.set()

    def _take(self, message: Any) -> bool:
        """Whether it was its last word. Anything but what a sampler of ours says raises."""
        if "missing" in message:
            self._note(str(message["missing"])[:1000])
            self._said.set()
            return True
        if "gpus" in message:
            gpus = [GpuDevice(**gpu) for gpu in message["gpus"]]
            self._num_gpus = len(gpus)
            self._events.gpu_devices(message["source"], message["driver"], gpus)
            self._said.set()
        else:
            quantities = {name: self._numbers(message["quantities"][name]) for name in GPU_QUANTITIES}
            throttle = self._of_each(message["throttle"])
            if not all(reasons is None or set(reasons) <= set(THROTTLE_REASONS) for reasons in throttle):
                raise ValueError(throttle)
            self._events.gpus(float(message["at"]), quantities, throttle)
        return False

    def _numbers(self, values: Any) -> list[float | None]:
        if not all(value is None or math.isfinite(value) for value in self._of_each(values)):
            raise ValueError(values)
        return values

    def _of_each(self, values: Any) -> list[Any]:
        if not isinstance(values, list) or len(values) != self._num_gpus:
            raise ValueError(values)
        return values

    def _note(self, reason: str) -> None:
        was = "no longer " if self._num_gpus else "not "
        self._events.note("info", "no_gpu_telemetry", f"The GPUs are {was}observed: {reason}.")


if __name__ == "__main__":
    sys.exit(main())
