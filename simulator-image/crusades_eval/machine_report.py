"""What only the inside of a container knows: its limits, its folders, its rights, and the GPUs it was given.

    python -m crusades_eval.machine_report

prints one line of JSON (checked by `app/main/services/engine/machine-report.ts`) and decides nothing. Standard library
only, so that it works in any image with a Python. What nvidia-smi says is passed on as it is, and read there.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

VERSION = 1
#: Without persistence mode the driver wakes every GPU first, seconds each.
NVIDIA_SMI_SECONDS = 25
MOST_CHARACTERS = 64 * 1024
#: Where the driver's program is put when it is not on the path (the last: Windows' own Linux).
NVIDIA_SMI_PLACES = ("/usr/bin/nvidia-smi", "/usr/local/bin/nvidia-smi", "/usr/lib/wsl/lib/nvidia-smi")
#: The properties asked for, in this order; `nvidia-smi.ts` reads them by it. All are as old as the A100.
GPU_PROPERTIES = (
    "index",
    "uuid",
    "name",
    "driver_version",
    "memory.total",
    "memory.used",
    "utilization.gpu",
    "mig.mode.current",
    "ecc.mode.current",
    "ecc.errors.uncorrected.volatile.total",
    "power.limit",
    "power.default_limit",
)
_CSV = "--format=csv,noheader,nounits"
NVIDIA_SMI_QUERIES = {
    "gpus": [f"--query-gpu={','.join(GPU_PROPERTIES)}", _CSV],
    # Apart: drivers before 510 do not know the word, and refuse the whole query.
    "computeCapabilities": ["--query-gpu=index,compute_cap", _CSV],
    "processes": ["--query-compute-apps=gpu_uuid,pid,process_name,used_memory", _CSV],
    "topology": ["topo", "-m"],
    "peers": ["topo", "-p2p", "r"],
}
#: A limit that is none: version 1 of control groups has a number for it, a little under 2**63.
_NO_LIMIT = 2**60


def report(root: Path = Path("/")) -> dict[str, Any]:
    """The whole report; a value that cannot be read is null. `root`: of /proc and /sys."""
    status = _status(root / "proc/self/status")
    return {
        "version": VERSION,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "secondsSince1970": time.time(),
        "user": os.getuid(),
        "seccomp": _integer(status.get("Seccomp")),
        "noNewPrivileges": _integer(status.get("NoNewPrivs")),
        "effectiveCapabilities": status.get("CapEff"),
        "rootIsReadOnly": _is_read_only("/"),
        "memlockBytes": _limit(resource.RLIMIT_MEMLOCK),
        "openFiles": _limit(resource.RLIMIT_NOFILE),
        "cgroup": cgroup_limits(root / "sys/fs/cgroup"),
        "cores": len(os.sched_getaffinity(0)),
        "memoryBytes": _memory_bytes(root / "proc/meminfo"),
        "folders": {folder: _usage(folder) for folder in ("/", "/dev/shm", "/tmp")},
        "gpuDevices": sorted(path.name for path in (root / "dev").glob("nvidia[0-9]*")),
        "nvidiaSmi": nvidia_smi(),
    }


def cgroup_limits(root: Path) -> dict[str, int | None]:
    """Bytes of memory and number of processes the control group allows; null for no limit, or none that can be read."""
    if (root / "cgroup.controllers").exists():
        return {"memoryBytes": _number(root / "memory.max"), "processes": _number(root / "pids.max")}
    memory = _number(root / "memory/memory.limit_in_bytes")
    return {"memoryBytes": memory, "processes": _number(root / "pids/pids.max")}


def nvidia_smi(places: tuple[str, ...] = NVIDIA_SMI_PLACES) -> dict[str, Any] | None:
    """Each query's exit status and words; None where there is no such program."""
    program = shutil.which("nvidia-smi") or next((place for place in places if os.access(place, os.X_OK)), None)
    if program is None:
        return None
    answers: dict[str, Any] = {}
    for name, arguments in NVIDIA_SMI_QUERIES.items():
        answers[name] = _ask([program, *arguments])
        if name == "gpus" and answers[name]["exitStatus"] != 0:
            break  # the driver does not answer: the other questions would wait as long
    return answers


def _ask(command: list[str]) -> dict[str, Any]:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=NVIDIA_SMI_SECONDS,
            env={**os.environ, "LC_ALL": "C"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"exitStatus": None, "output": f"no answer within {NVIDIA_SMI_SECONDS} s"}
    except OSError as error:
        return {"exitStatus": None, "output": str(error.strerror)}
    # It writes its errors to either.
    words = done.stdout if done.returncode == 0 else done.stdout + done.stderr
    return {"exitStatus": done.returncode, "output": words.decode("utf-8", "replace")[:MOST_CHARACTERS]}


def _status(file: Path) -> dict[str, str]:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {name: value.strip() for name, _, value in pairs}


def _integer(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _number(file: Path) -> int | None:
    try:
        value = _integer(file.read_text(encoding="ascii").strip())
    except (OSError, UnicodeDecodeError):
        return None
    return None if value is None or value >= _NO_LIMIT else value


def _limit(which: int) -> int | None:
    """The soft limit; None: unlimited."""
    soft, _ = resource.getrlimit(which)
    return None if soft == resource.RLIM_INFINITY else soft


def _memory_bytes(file: Path) -> int | None:
    kibibytes = _integer(_status(file).get("MemTotal", "").removesuffix(" kB"))
    return None if kibibytes is None else kibibytes * 1024


def _is_read_only(folder: str) -> bool | None:
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:
        return None


def _usage(folder: str) -> dict[str, int] | None:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return {"totalBytes": usage.total, "freeBytes": usage.free}


def main() -> int:
    print(json.dumps(report()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
