"""The sampler against doubles of the driver: what NVML writes into memory, byte by byte, and what nvidia-smi prints."""

from __future__ import annotations

import ctypes
import io
import json
import os
import shutil
import stat
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from engine import docker, limits, needs_docker, started_container
from judge import profile, run_judge

from crusades_eval import telemetry
from crusades_eval.events import GPU_QUANTITIES, EventStream, GpuDevice
from crusades_eval.sandbox import Watch, _Process
from crusades_eval.telemetry import (
    FieldValue,
    Memory,
    MemoryV2,
    NoGpus,
    NvmlReader,
    ProgramReader,
    Telemetry,
    Utilization,
    Value,
    gpus_of_ranks,
    open_reader,
    run_sampler,
    throttle_reasons,
)

NOTHING = dict.fromkeys(GPU_QUANTITIES)
NOT_SUPPORTED = 3
COMPILER = shutil.which("cc")


class Double:
    """libnvidia-ml as far as it is asked, as C functions. What it answers is written as bytes at the addresses given,
    laid out as nvml.h says, not by the reader's own structures."""

    def __init__(self, gpus: list[dict[str, Any]], *, missing: tuple[str, ...] = (), init: int = 0) -> None:
        self.gpus = gpus
        self.field_values: dict[tuple[int, int], tuple[int, bytes]] = {}
        self._init = init
        self.kept: list[Any] = []
        signatures = {
            "nvmlInit_v2": (),
            "nvmlDeviceGetCount_v2": ("p",),
            "nvmlDeviceGetHandleByIndex_v2": ("I", "p"),
            "nvmlSystemGetDriverVersion": ("p", "I"),
            "nvmlDeviceGetUUID": ("p", "p", "I"),
            "nvmlDeviceGetName": ("p", "p", "I"),
            "nvmlDeviceGetMemoryInfo_v2": ("p", "p"),
            "nvmlDeviceGetMemoryInfo": ("p", "p"),
            "nvmlDeviceGetEnforcedPowerLimit": ("p", "p"),
            "nvmlDeviceGetMaxClockInfo": ("p", "I", "p"),
            "nvmlDeviceGetClockInfo": ("p", "I", "p"),
            "nvmlDeviceGetTemperatureThreshold": ("p", "I", "p"),
            "nvmlDeviceGetTemperature": ("p", "I", "p"),
            "nvmlDeviceGetUtilizationRates": ("p", "p"),
            "nvmlDeviceGetPowerUsage": ("p", "p"),
            "nvmlDeviceGetComputeRunningProcesses_v3": ("p", "p", "p"),
            "nvmlDeviceGetComputeRunningProcesses_v2": ("p", "p", "p"),
            "nvmlDeviceGetCurrentClocksEventReasons": ("p", "p"),
            "nvmlDeviceGetCurrentClocksThrottleReasons": ("p", "p"),
            "nvmlDeviceGetPcieThroughput": ("p", "I", "p"),
            "nvmlDeviceGetFieldValues": ("p", "i", "p"),
        }
        kinds = {"p": ctypes.c_void_p, "I": ctypes.c_uint, "i": ctypes.c_int}
        for name, arguments in signatures.items():
            if name in missing:
                continue
            prototype = ctypes.CFUNCTYPE(ctypes.c_int, *(kinds[kind] for kind in arguments))
            setattr(self, name, prototype(getattr(self, f"_{name}")))

    # What it is asked for as bytes: one function per function of NVML's.

    def _nvmlInit_v2(self) -> int:
        return self._init

    def _nvmlDeviceGetCount_v2(self, out: int) -> int:
        return write(out, struct.pack("<I", len(self.gpus)))

    def _nvmlDeviceGetHandleByIndex_v2(self, index: int, out: int) -> int:
        return write(out, struct.pack("<Q", 0x7000_0000_0000 + index))

    def _nvmlSystemGetDriverVersion(self, out: int, length: int) -> int:
        return write(out, b"570.124.06\0"[:length])

    def _nvmlDeviceGetUUID(self, handle: int, out: int, length: int) -> int:
        return write(out, f"GPU-{'abc'[handle & 3]}0\0".encode()[:length])

    def _nvmlDeviceGetName(self, handle: int, out: int, length: int) -> int:
        return write(out, b"NVIDIA H100 80GB HBM3\0"[:length])

    def _nvmlDeviceGetMemoryInfo_v2(self, handle: int, out: int) -> int:
        assert ctypes.string_at(out, 4) == struct.pack("<I", 0x02000028)
        return self._give(handle, "memory", out, lambda used: struct.pack("<I4xQQQQ", 0, 80_000, 500, 1, used))

    def _nvmlDeviceGetMemoryInfo(self, handle: int, out: int) -> int:
        return self._give(handle, "memory", out, lambda used: struct.pack("<QQQ", 80_000, 1, used))

    def _nvmlDeviceGetEnforcedPowerLimit(self, handle: int, out: int) -> int:
        return self._give(handle, "limit", out, unsigned)

    def _nvmlDeviceGetMaxClockInfo(self, handle: int, kind: int, out: int) -> int:
        return self._give(handle, f"max_clock{kind}", out, unsigned)

    def _nvmlDeviceGetClockInfo(self, handle: int, kind: int, out: int) -> int:
        return self._give(handle, f"clock{kind}", out, unsigned)

    def _nvmlDeviceGetTemperatureThreshold(self, handle: int, kind: int, out: int) -> int:
        return self._give(handle, f"threshold{kind}", out, unsigned)

    def _nvmlDeviceGetTemperature(self, handle: int, sensor: int, out: int) -> int:
        return self._give(handle, f"temperature{sensor}", out, unsigned)

    def _nvmlDeviceGetUtilizationRates(self, handle: int, out: int) -> int:
        return self._give(handle, "utilization", out, lambda percent: struct.pack("<II", percent, 41))

    def _nvmlDeviceGetPowerUsage(self, handle: int, out: int) -> int:
        return self._give(handle, "power", out, unsigned)

    def _nvmlDeviceGetComputeRunningProcesses_v3(self, handle: int, count: int, infos: int | None) -> int:
        assert infos is None
        gpu = self.gpus[handle & 3]
        if "processes" not in gpu:
            return NOT_SUPPORTED
        write(count, struct.pack("<I", gpu["processes"]))
        return 7 if gpu["processes"] else 0

    _nvmlDeviceGetComputeRunningProcesses_v2 = _nvmlDeviceGetComputeRunningProcesses_v3

    def _nvmlDeviceGetCurrentClocksEventReasons(self, handle: int, out: int) -> int:
        return self._give(handle, "reasons", out, lambda bits: struct.pack("<Q", bits))

    _nvmlDeviceGetCurrentClocksThrottleReasons = _nvmlDeviceGetCurrentClocksEventReasons

    def _nvmlDeviceGetPcieThroughput(self, handle: int, counter: int, out: int) -> int:
        return self._give(handle, f"pcie{counter}", out, unsigned)

    def _nvmlDeviceGetFieldValues(self, handle: int, count: int, out: int) -> int:
        assert count == 1
        field, scope = struct.unpack("<II", ctypes.string_at(out, 8))
        kind, value = self.field_values.get((handle & 3, field), (0, b""))
        assert scope == (0xFFFFFFFF if field in (138, 139) else 0)
        status = 0 if value else NOT_SUPPORTED
        return write(out, struct.pack("<IIqqII", field, scope, 1, 2, kind, status) + value.ljust(8, b"\0"))

    def _give(self, handle: int, name: str, out: int, pack: Any) -> int:
        assert handle >= 0x7000_0000_0000  # whole: a handle is a pointer
        gpu = self.gpus[handle & 3]
        return NOT_SUPPORTED if name not in gpu else write(out, pack(gpu[name]))


def unsigned(value: int) -> bytes:
    return struct.pack("<I", value)


def write(address: int, content: bytes) -> int:
    ctypes.memmove(address, content, len(content))
    return 0


FULL = {
    "memory": 70_000,
    "limit": 700_000,
    "max_clock1": 1980,
    "clock1": 1755,
    "threshold1": 89,
    "temperature0": 66,
    "utilization": 99,
    "power": 698_412,
    "processes": 1,
    "reasons": 0x4,
    "pcie0": 50_000,
    "pcie1": 150_000,
}


def test_structures_have_nvmls_sizes_and_places() -> None:
    assert [ctypes.sizeof(kind) for kind in (Utilization, Memory, MemoryV2, Value, FieldValue)] == [8, 24, 40, 8, 40]
    assert [getattr(FieldValue, name).offset for name, *_ in FieldValue._fields_] == [0, 4, 8, 16, 24, 28, 32]
    assert MemoryV2.used.offset == 32


def test_a_gpu_that_tells_everything() -> None:
    reader = NvmlReader(Double([FULL]), 1, None)
    quantities, throttle = reader.sample()
    assert (reader.driver, reader.devices()) == (
        "570.124.06",
        [
            GpuDevice(
                index=0,
                rank=0,
                name="NVIDIA H100 80GB HBM3",
                memory_bytes=80_000,
                power_limit_watts=700.0,
                max_sm_clock_mhz=1980,
                slowdown_celsius=89,
                memory_used_bytes=70_000,
                processes=1,
            )
        ],
    )
    assert quantities == {
        "utilizationPercent": [99],
        "smClockMhz": [1755],
        "powerWatts": [698.412],
        "temperatureCelsius": [66],
        "memoryUsedBytes": [70_000],
        "processes": [1],
        # It counts no bytes of its PCIe link: what it says of 20 ms, in kB/s.
        "pcieReceivedBytesPerSecond": [150_000_000],
        "pcieSentBytesPerSecond": [50_000_000],
        "nvlinkReceivedBytesPerSecond": [None],
        "nvlinkSentBytesPerSecond": [None],
    }
    assert throttle == [["sw_power_cap"]]


def test_what_a_gpu_does_not_support_is_none_and_never_0() -> None:
    idle = {"processes": 0, "utilization": 0}
    reader = NvmlReader(Double([{}, idle]), 2, None)
    quantities, throttle = reader.sample()
    assert quantities == {name: [None, 0 if name in ("processes", "utilizationPercent") else None] for name in NOTHING}
    assert throttle == [None, None]
    assert [gpu.memory_bytes for gpu in reader.devices()] == [None, None]


def test_an_older_driver_is_asked_by_its_older_names() -> None:
    new = ("MemoryInfo_v2", "CurrentClocksEventReasons", "ComputeRunningProcesses_v3", "FieldValues")
    reader = NvmlReader(Double([FULL], missing=tuple(f"nvmlDeviceGet{name}" for name in new)), 1, None)
    quantities, throttle = reader.sample()
    assert (quantities["memoryUsedBytes"], quantities["processes"], throttle) == ([70_000], [1], [["sw_power_cap"]])
    assert reader.devices()[0].memory_bytes == 80_000


def test_traffic_is_what_counters_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    unsigned_int, unsigned_long_long = 1, 3
    double = Double([FULL])
    clock = iter(float(second) for second in range(1000))
    monkeypatch.setattr(telemetry.time, "monotonic", lambda: next(clock))

    def count(sent_kib: int, received_kib: int, pcie_sent: int, pcie_received: int) -> None:
        double.field_values = {
            (0, 138): (unsigned_long_long, struct.pack("<Q", sent_kib)),
            (0, 139): (unsigned_long_long, struct.pack("<Q", received_kib)),
            (0, 197): (unsigned_int, struct.pack("<I", pcie_sent)),
            (0, 198): (unsigned_int, struct.pack("<I", pcie_received)),
        }

    def traffic() -> list[float | None]:
        quantities, _ = reader.sample()
        return [quantities[name][0] for name in GPU_QUANTITIES[-4:]]

    count(5, 7, 11, 13)
    reader = NvmlReader(double, 1, None)
    assert traffic() == [None, None, None, None]
    count(5 + 400, 7 + 8, 11 + 1200, 13 + 4)  # the clock stands still but for the four looks at it a sample takes
    assert traffic() == [1, 300, 2 * 1024, 100 * 1024]
    count(5 + 400, 7 + 8, 3, 13 + 4)
    assert traffic() == [0, None, 0, 0]


def test_throttle_reasons_are_words() -> None:
    assert throttle_reasons(0) == []
    assert throttle_reasons(0x1FF) == [
        *("idle", "applications_clocks", "sw_power_cap", "hw_slowdown", "sync_boost"),
        *("sw_thermal", "hw_thermal", "hw_power_brake", "display"),
    ]
    assert throttle_reasons(0x48 | 1 << 40) == ["hw_slowdown", "hw_thermal"]


@pytest.mark.parametrize(
    ("num_ranks", "visible", "expected"),
    [
        (2, None, [0, 1]),
        (8, None, [0, 1, 2]),
        (1, "2,0", [2]),
        (2, "2, 0", [2, 0]),
        (2, "GPU-c,GPU-a0", [2, 0]),
        (3, "1,7,0", [1]),
        (3, "1,1,0", [1]),
        (3, "GPU-,0", []),
        (3, "", []),
        (3, "-1", []),
    ],
)
def test_ranks_get_the_gpus_that_cuda_gives_them(num_ranks: int, visible: str | None, expected: list[int]) -> None:
    assert gpus_of_ranks(["GPU-a0", "GPU-b0", "GPU-c0"], num_ranks, visible) == expected


def test_only_the_gpus_of_the_ranks_are_asked() -> None:
    reader = NvmlReader(Double([FULL, FULL, FULL | {"utilization": 3}]), 2, "2,1")
    assert [(gpu.index, gpu.rank) for gpu in reader.devices()] == [(2, 0), (1, 1)]
    assert reader.sample()[0]["utilizationPercent"] == [3, 99]


def test_a_driver_that_is_not_loaded_is_no_gpu() -> None:
    with pytest.raises(NoGpus, match=r"^NVML cannot be initialised \(error 9\)$"):
        NvmlReader(Double([FULL], init=9), 1, None)


# -- nvidia-smi


def program(folder: Path, script: str) -> str:
    """A nvidia-smi that runs this, with `$1` the fields it is asked for."""
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


KNOWN = "0, GPU-a0, NVIDIA A100-SXM4-80GB, 535.183.01, 81920, 400.00, 1410, 3"
TWO = f"""case "$1" in
*driver_version*)
  echo '{KNOWN}'
  echo '1, GPU-b0, NVIDIA A100-SXM4-80GB, 535.183.01, 81920, [N/A], [Not Supported], 4';;
*=index,clocks_event*) echo 'Field "clocks_event_reasons.active" is not a valid field to query.'; exit 2;;
*=index,clocks_throttle*) echo '0, 0x0000000000000000'; echo '1, 0x0000000000000000';;
*) SAMPLE;;
esac"""


def test_nvidia_smi_tells_what_it_tells(tmp_path: Path) -> None:
    rows = """echo '0, 97, 1395, 387.12, 64, 70123, 0x0000000000000004'
      echo '1, [N/A], [Not Supported], [Unknown Error], , nan, Not Active'"""
    reader = ProgramReader(program(tmp_path, TWO.replace("SAMPLE", rows)), 2, None)
    assert reader.driver == "535.183.01"
    common = {"name": "NVIDIA A100-SXM4-80GB", "memory_bytes": 81920 * 1024**2, "slowdown_celsius": None}
    known = [
        {"power_limit_watts": 400, "max_sm_clock_mhz": 1410, "memory_used_bytes": 3 * 1024**2},
        {"power_limit_watts": None, "max_sm_clock_mhz": None, "memory_used_bytes": 4 * 1024**2},
    ]
    assert reader.devices() == [
        GpuDevice(index=rank, rank=rank, processes=None, **common, **fields) for rank, fields in enumerate(known)
    ]
    seen = {
        "utilizationPercent": 97,
        "smClockMhz": 1395,
        "powerWatts": 387.12,
        "temperatureCelsius": 64,
        "memoryUsedBytes": 70123 * 1024**2,
    }
    assert reader.sample() == ({name: [seen.get(name), None] for name in GPU_QUANTITIES}, [["sw_power_cap"], None])


@pytest.mark.parametrize("rows", ["printf '1, 97, 13'", "echo 'No devices were found'", "printf ''", "echo '\"1, 2'"])
def test_torn_or_missing_rows_of_nvidia_smi_say_nothing(tmp_path: Path, rows: str) -> None:
    reader = ProgramReader(program(tmp_path, TWO.replace("SAMPLE", rows)), 2, None)
    assert reader.sample() == ({name: [None, None] for name in GPU_QUANTITIES}, [None, None])


def test_an_nvidia_smi_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(NoGpus, match=r"^nvidia-smi does not answer within 0\.2 s$"):
        ProgramReader(program(tmp_path, "exec sleep 60"), 1, None, limit_seconds=0.2)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'NVIDIA-SMI has failed'; exit 9", "nvidia-smi ends with status 9"),
        ("echo nonsense", "nvidia-smi names no GPU that the ranks could use"),
    ],
)
def test_why_nothing_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str) -> None:
    program(tmp_path, script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(NoGpus) as caught:
        open_reader(1, "libnone.so.1")
    assert str(caught.value) == f"libnone.so.1 cannot be loaded, and {reason}"


def test_a_program_of_a_relative_path_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, TWO)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".")
    with pytest.raises(NoGpus, match=r"^libnone.so.1 cannot be loaded, and there is no nvidia-smi$"):
        open_reader(1, "libnone.so.1")


# -- the sampler and the judge


class Flaky:
    """A reader whose looks fail as it is told."""

    source, driver, seconds = "nvidia-smi", None, 1.0

    def __init__(self, looks: str) -> None:
        self._looks = iter(looks)

    def devices(self) -> list[GpuDevice]:
        return []

    def sample(self) -> tuple[dict[str, list], list]:
        if next(self._looks) == "-":
            raise NoGpus("it does not answer")
        return {}, []


@pytest.mark.parametrize(("looks", "said"), [("++--+--+---+", "++++x"), ("---", "x")])
def test_a_reader_that_fails_three_times_in_a_row_is_given_up(looks: str, said: str) -> None:
    words: list[dict[str, Any]] = []
    run_sampler(lambda: Flaky(looks), words.append, lambda _: False)
    assert "".join("x" if "missing" in word else "+" for word in words[1:]) == said


def test_looks_are_taken_at_even_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    # Read before the first look, at its beginning, at its end, and before the pause: the second look takes 2.5 s.
    now = iter([0.0, *(0.0, 0.1, 0.1), *(1.0, 3.5, 3.5), *(3.5, 3.6, 3.6)])
    monkeypatch.setattr(telemetry.time, "monotonic", lambda: next(now))
    pauses: list[float] = []
    run_sampler(lambda: Flaky("+++"), lambda _: None, lambda seconds: pauses.append(seconds) or len(pauses) == 3)
    assert pauses == [pytest.approx(0.9), 0.0, pytest.approx(0.9)]


def written(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def sampled(lines: list[Any], *, then: str = "") -> list[dict[str, Any]]:
    """The events a judge makes of a sampler that prints these lines; text as it is, the rest as JSON."""
    out = io.StringIO()
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    observed = Telemetry(EventStream(out), 1, [sys.executable, "-c", f"print({text!r}, end='', flush=True)\n{then}"])
    observed.wait_until_ready(lambda: None)
    observed._thread.join(30)
    observed.stop()
    assert observed.pid is None
    return [{key: value for key, value in event.items() if key not in ("v", "seq", "t")} for event in written(out)]


DEVICE = {
    "index": 0,
    "rank": 0,
    "name": "GPU",
    "memory_bytes": None,
    "power_limit_watts": None,
    "max_sm_clock_mhz": None,
    "slowdown_celsius": None,
    "memory_used_bytes": None,
    "processes": None,
}
HELLO = {"source": "nvml", "driver": None, "gpus": [DEVICE]}
SAMPLE = {"at": 0, "quantities": {name: [1.5] for name in GPU_QUANTITIES}, "throttle": [["idle"]]}
GONE = {"type": "note", "level": "info", "id": "no_gpu_telemetry", "line": None}


def test_what_the_sampler_says_becomes_events_and_its_end_a_note() -> None:
    assert [event["type"] for event in sampled([HELLO, SAMPLE, SAMPLE])] == ["gpu_devices", "gpus", "gpus", "note"]
    last = sampled([HELLO, SAMPLE])[-1]
    assert last == {**GONE, "message": "The GPUs are no longer observed: what asks the driver has ended."}
    assert sampled([{"missing": "no driver"}]) == [{**GONE, "message": "The GPUs are not observed: no driver."}]


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        [],
        {"at": 0},
        SAMPLE | {"at": "soon"},
        SAMPLE | {"throttle": [["lunch"]]},
        SAMPLE | {"throttle": []},
        SAMPLE | {"quantities": SAMPLE["quantities"] | {"powerWatts": ["1"]}},
        SAMPLE | {"quantities": SAMPLE["quantities"] | {"powerWatts": [1, 2]}},
        json.dumps(SAMPLE).replace("1.5", "NaN"),
        json.dumps(SAMPLE).replace("1.5", "9" * 400),
        "[" * 100_000,
    ],
)
def test_what_no_sampler_says_ends_the_observation_and_nothing_else(line: Any) -> None:
    said = sampled([HELLO, line, SAMPLE])
    message = "The GPUs are no longer observed: what asks the driver says what cannot be read."
    assert [event["type"] for event in said] == ["gpu_devices", "note"]
    assert said[-1] == {**GONE, "message": message}


def test_a_sampler_that_says_nothing_does_not_hold_up_the_run() -> None:
    out = io.StringIO()
    polls: list[None] = []
    observed = Telemetry(EventStream(out), 1, [sys.executable, "-c", "import time; time.sleep(600)"])
    observed.wait_until_ready(lambda: polls.append(None), limit_seconds=0.3)
    observed.stop()
    assert observed.pid is None
    assert [event["message"] for event in written(out)] == [
        "The GPUs are not observed: the driver does not answer within 0.3 s."
    ]
    assert polls


def test_the_sampler_ends_with_the_judge(tmp_path: Path) -> None:
    environment = {"PATH": str(Path(program(tmp_path, TWO.replace("SAMPLE", "sleep 0"))).parent) + ":/usr/bin:/bin"}
    sampler = subprocess.Popen(
        [sys.executable, "-P", "-m", "crusades_eval.telemetry", "--ranks", "2", "--library", "libnone.so.1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment | {"PYTHONPATH": str(Path(telemetry.__file__).parents[1])},
        text=True,
    )
    said = [json.loads(sampler.stdout.readline()) for _ in range(3)]
    assert [("source" in message, "at" in message) for message in said] == [(True, False), (False, True), (False, True)]
    niceness = os.getpriority(os.PRIO_PROCESS, sampler.pid)
    sampler.stdin.close()
    assert sampler.wait(30) == 0
    assert niceness >= telemetry.NICENESS


FILE = b"""def inner_steps(model, data_iterator, optimizer, num_steps, device):
    pass
"""
TWO_RANKS = b"""def get_strategy():
    return {"dp_size": 2, "tp_size": 1}


"""


def test_a_run_on_gpus_begins_with_what_they_do_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, TWO.replace("SAMPLE", "echo '0, 0, 210, 62.5, 31, 3, 0x0000000000000001'"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    run = run_judge(FILE, settings=profile("quick", {"crusader.device": "cuda"}), sandbox=False)
    kinds = [event["type"] for event in run.events]
    gpus = [event for event in run.events if event["type"] in ("gpu_devices", "gpus")]
    stages = [(event["stage"], event["state"]) for event in run.events if event["type"] == "stage"]
    # Before the ranks: nothing but the start of their stage has been said.
    assert (stages[-1 - len(STAGES_AFTER_PREPARE)][0], kinds.count("gpu_devices")) == ("prepare", 1)
    assert [event["stage"] for event in run.events[: kinds.index("gpu_devices")]][-1] == "prepare"
    assert [(gpu["index"], gpu["rank"], gpu["memoryUsedBytes"]) for gpu in gpus[0]["gpus"]] == [(0, 0, 3 * 1024**2)]
    assert all(event["powerWatts"] == [62.5] and event["throttle"] == [["idle"]] for event in gpus[1:])
    assert len(gpus) > 1
    assert kinds[-1] == "result"


STAGES_AFTER_PREPARE = ("reference", "import", "warmup", "timed", "checks")


def test_a_run_on_cpu_ranks_asks_nothing_of_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, f"touch {tmp_path}/asked")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    run = run_judge(FILE, sandbox=False)
    assert [event["type"] for event in run.events if event["type"].startswith("gpu")] == []
    assert "no_gpu_telemetry" not in run.notes()
    assert not (tmp_path / "asked").exists()


@pytest.mark.skipif(COMPILER is None, reason="needs gpu: or a C compiler, for a double of its driver's library")
def test_the_sampler_reads_a_library_of_c_functions(tmp_path: Path) -> None:
    library = tmp_path / "libnvidia-ml.so.1"
    source = Path(__file__).with_name("nvml_double.c")
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    out = io.StringIO()
    command = [sys.executable, "-P", "-m", "crusades_eval.telemetry", "--ranks", "2", "--library", str(library)]
    observed = Telemetry(EventStream(out), 2, command)
    observed.wait_until_ready(lambda: None)
    while out.getvalue().count('"gpus", "at"') < 2:
        assert observed.pid is not None
        time.sleep(0.01)
    observed.stop()
    devices, first, second, *_ = written(out)
    device = {
        "name": "NVIDIA H100 80GB HBM3",
        "memoryBytes": 85520809984,
        "powerLimitWatts": 700.0,
        "maxSmClockMhz": 1980,
        "slowdownCelsius": 89,
        "memoryUsedBytes": 70123456789,
        "processes": 1,
    }
    seen = {
        "utilizationPercent": [97, 97],
        "smClockMhz": [1755, 1755],
        "powerWatts": [689.412, 689.412],
        "temperatureCelsius": [66, 66],
        "memoryUsedBytes": [70123456789, 70123456789],
        "processes": [1, 1],
        "throttle": [["sw_power_cap"], ["sw_power_cap"]],
    }
    assert (devices["source"], devices["driver"]) == ("nvml", "570.124.06")
    assert devices["gpus"] == [{"index": rank, "rank": rank, **device} for rank in (0, 1)]
    assert [event | seen for event in (first, second)] == [first, second]
    assert all(first[name] == [None, None] for name in GPU_QUANTITIES[-4:])
    assert all(rate > 0 for name in GPU_QUANTITIES[-4:] for rate in second[name])
    assert second["at"] - first["at"] > 0.1


INTRUDER = """
import os, signal, sys

def attempt(what, action):
    try:
        print(what, "->", action())
    except OSError as error:
        print(what, "->", type(error).__qualname__)

sampler = next(
    pid for pid in filter(str.isdigit, os.listdir("/proc"))
    if b"crusades_eval.telemetry" in open(f"/proc/{pid}/cmdline", "rb").read()
)
attempt("stop", lambda: os.kill(int(sampler), signal.SIGSTOP))
attempt("write its words", lambda: open(f"/proc/{sampler}/fd/1", "w"))
attempt("end its input", lambda: open(f"/proc/{sampler}/fd/0"))
attempt("read memory", lambda: open(f"/proc/{sampler}/mem", "rb").read(1))
attempt("read environment", lambda: open(f"/proc/{sampler}/environ").read())
attempt("change its library", lambda: open("/usr/local/nvidia/lib64/libnvidia-ml.so.1", "ab"))
attempt("change its code", lambda: open("/opt/crusader/crusades_eval/telemetry.py", "a"))
print("user", os.stat(f"/proc/{sampler}").st_uid == os.stat("/proc/1").st_uid)
"""


@needs_docker
@pytest.mark.skipif(COMPILER is None, reason="needs gpu: or a C compiler, for a double of its driver's library")
def test_in_a_container_the_submissions_user_reaches_nothing_of_the_sampler(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    source = Path(__file__).with_name("nvml_double.c")
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", str(tmp_path / "libnvidia-ml.so.1"), str(source)], check=True)
    # Where NVIDIA's images look for what its runtime brings.
    folder = "/usr/local/nvidia/lib64"
    library = ["--volume", f"{tmp_path}:{folder}:ro", "--env", f"LD_LIBRARY_PATH={folder}"]
    flags = [*limits(2, memory="4g", tmp="4g", pids=None), *library]
    cuda = profile("quick", {"crusader.device": "cuda"})
    with started_container(TWO_RANKS + FILE, ranks=2, settings=cuda, launcher=False, flags=flags) as container:
        container.wait_for(type="note", id="waiting_for_launcher")
        said = docker("exec", "--user", "appuser", container.id, "python", "-c", INTRUDER)
        seen = sum(event["type"] == "gpus" for event in container.events)
        # It goes on as if nothing had been tried.
        container.wait_for(type="gpus", seq=container.events[-1]["seq"] + 1)
        docker("stop", container.id)
        container.wait()
        exit_code = container.state()["ExitCode"]
    *attempts, user = said.splitlines()
    refused = dict(line.split(" -> ") for line in attempts)
    # Which of two refusals comes first, the owner's or that of a read-only place, is the kernel's choice.
    for file in ("change its library", "change its code"):
        assert refused.pop(file) in ("PermissionError", "OSError")
    assert refused == dict.fromkeys(
        ["stop", "write its words", "end its input", "read memory", "read environment"], "PermissionError"
    )
    assert user == "user True"
    kinds = [event["type"] for event in container.events]
    assert (kinds.index("gpu_devices") < kinds.index("gpus"), kinds.count("gpus") > seen) == (True, True)
    assert [(gpu["index"], gpu["rank"]) for gpu in container.events[kinds.index("gpu_devices")]["gpus"]] == [
        (0, 0),
        (1, 1),
    ]
    assert (container.result["outcome"], exit_code) == ("cancelled", 0)


@pytest.mark.parametrize(("helper", "counted"), [(7, [8]), (None, [7, 8])])
def test_in_a_container_the_sampler_counts_as_no_ranks_process(helper: int | None, counted: list[int]) -> None:
    watch = Watch(
        None,
        num_ranks=1,
        memory_bytes_per_rank=None,
        processes_per_rank=None,
        on_limit=lambda *_: None,
        helper=lambda: helper,
    )
    assert watch._members({pid: _Process(1, 0, 1) for pid in (os.getpid(), 7, 8)}) == counted
