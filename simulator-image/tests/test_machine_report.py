"""The report of a container's inside. The driver's program is a script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crusades_eval import machine_report

PACKAGE = Path(__file__).parents[1]


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def program(folder: Path, body: str) -> Path:
    path = put(folder / "nvidia-smi", f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_it_is_one_line_of_json_and_needs_nothing_but_python(tmp_path: Path) -> None:
    # -S: without any installed package.
    done = subprocess.run(
        [sys.executable, "-S", "-m", "crusades_eval.machine_report"],
        env={"PYTHONPATH": str(PACKAGE), "PATH": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    (line,) = done.stdout.splitlines()
    report = json.loads(line)
    assert {name: type(report[name]) for name in ("python", "kernel", "cores", "memoryBytes", "user", "folders")} == {
        "python": str,
        "kernel": str,
        "cores": int,
        "memoryBytes": int,
        "user": int,
        "folders": dict,
    }
    assert report["folders"]["/"].keys() == {"totalBytes", "freeBytes"}
    assert report["user"] == os.getuid()


def test_rights_and_devices_as_the_kernel_lists_them(tmp_path: Path) -> None:
    put(tmp_path / "proc/self/status", "Name:\tpython\nNoNewPrivs:\t1\nSeccomp:\t2\nCapEff:\t0000000000000000\n")
    put(tmp_path / "proc/meminfo", "MemTotal:       24682968 kB\nMemFree:        1 kB\n")
    for device in ("nvidia0", "nvidia1", "nvidiactl", "null"):
        put(tmp_path / "dev" / device, "")
    found = machine_report.report(tmp_path)
    names = ("seccomp", "noNewPrivileges", "effectiveCapabilities", "memoryBytes", "gpuDevices")
    assert {name: found[name] for name in names} == {
        "seccomp": 2,
        "noNewPrivileges": 1,
        "effectiveCapabilities": "0000000000000000",
        "memoryBytes": 24682968 * 1024,
        "gpuDevices": ["nvidia0", "nvidia1"],
    }


def test_what_cannot_be_read_is_null(tmp_path: Path) -> None:
    found = machine_report.report(tmp_path)
    names = ("seccomp", "noNewPrivileges", "effectiveCapabilities", "memoryBytes", "cgroup", "gpuDevices")
    assert {name: found[name] for name in names} == {
        "seccomp": None,
        "noNewPrivileges": None,
        "effectiveCapabilities": None,
        "memoryBytes": None,
        "cgroup": {"memoryBytes": None, "processes": None},
        "gpuDevices": [],
    }


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cgroup.controllers": "", "memory.max": "4096\n", "pids.max": "1024\n"}, (4096, 1024)),
        ({"cgroup.controllers": "", "memory.max": "max\n", "pids.max": "max\n"}, (None, None)),
        ({"memory/memory.limit_in_bytes": "4096\n", "pids/pids.max": "7\n"}, (4096, 7)),
        ({"memory/memory.limit_in_bytes": "9223372036854771712\n", "pids/pids.max": "max\n"}, (None, None)),
    ],
)
def test_limits_of_both_versions_of_control_groups(
    tmp_path: Path, files: dict[str, str], expected: tuple[int | None, int | None]
) -> None:
    for name, text in files.items():
        put(tmp_path / name, text)
    memory, processes = expected
    assert machine_report.cgroup_limits(tmp_path) == {"memoryBytes": memory, "processes": processes}


def test_no_driver_is_null(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine_report.nvidia_smi(places=()) is None


def test_every_query_is_asked_also_where_the_program_is_not_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    place = program(tmp_path, 'echo "$1 $2"')
    assert machine_report.nvidia_smi(places=("/no/such/program", str(place))) == {
        name: {"exitStatus": 0, "output": f"{arguments[0]} {arguments[1]}\n"}
        for name, arguments in machine_report.NVIDIA_SMI_QUERIES.items()
    }


def test_a_driver_that_does_not_answer_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program(tmp_path, "echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18")
    assert machine_report.nvidia_smi() == {
        "gpus": {"exitStatus": 18, "output": "Failed to initialize NVML: Driver/library version mismatch\n"}
    }


def test_a_driver_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_report, "NVIDIA_SMI_SECONDS", 0.05)
    monkeypatch.setenv("PATH", str(tmp_path))
    program(tmp_path, "exec /bin/sleep 1000")
    assert machine_report.nvidia_smi() == {"gpus": {"exitStatus": None, "output": "no answer within 0.05 s"}}
