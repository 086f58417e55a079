"""The cage the ranks run in, and the watch over what they use.

bubblewrap gives the ranks their own process, network, IPC and mount namespaces: no network, a read-only view of the
interpreter and nothing else of the disk, a bounded /tmp of their own. It bounds neither memory nor processes: a
watchdog does (`Watch`). Without bubblewrap only the user's own code may run, which the caller has asked about.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from .container import ContainerLimits

PACKAGE_ROOT = Path(__file__).resolve().parent.parent
TMP_BYTES = 1024**3
SHM_BYTES = 1024**3
SUBMISSION_PATH = "/submission/train.py"
SOCKET_FOLDER = "/judge"
WATCH_SECONDS = 0.05
END_SECONDS = 2
#: As production bounds a container's (spec/evaluation.md section 6); a rank of ours has a few dozen.
MAX_LIVE_THREADS_PER_RANK = 1024


def rank_environment(
    *, run_id: str, threads: int, home: str, device: str, temporary: str | None = None
) -> dict[str, str]:
    """All the environment a rank gets: nothing of the user's own leaks in. Temporary files go home by default."""
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "USER": "miner",
        "TMPDIR": temporary or home,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(PACKAGE_ROOT),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": str(threads),
        # Threads that spin while they wait slow a busy machine down by a factor of ten.
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "CRUSADER_RUN_ID": run_id,
    }
    if device == "cpu":
        # The sandbox has no other interface, and its host name resolves to nothing.
        environment["GLOO_SOCKET_IFNAME"] = "lo0" if sys.platform == "darwin" else "lo"
        environment["CUDA_VISIBLE_DEVICES"] = ""
    else:
        environment["PYTORCH_CUDA_ALLOC_CONF"] = "expandable_segments:True"
        for name, value in os.environ.items():
            if name.startswith(("NCCL_", "CUDA_", "NVIDIA_", "LD_LIBRARY_PATH", "HF_HUB_CACHE", "TRITON_")):
                environment[name] = value
        # A model's config lies in the cache of the user whose home the ranks are not given.
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        environment["HF_HOME"] = os.environ.get("HF_HOME") or os.path.join(cache, "huggingface")
    return environment


def bubblewrap_command(
    program: str, *, source_path: str, socket_folder: str, environment: Mapping[str, str]
) -> list[str]:
    """argv up to the sandboxed program. Only what Python needs is visible, read-only."""
    command = [program, "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--hostname", "localhost"]
    command += ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    # bubblewrap 0.8: no user namespaces inside, where much of the kernel would be in a submission's reach.
    if "--disable-userns" in subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout:
        command.append("--disable-userns")
    for name, value in environment.items():
        command += ["--setenv", name, value]
    for folder in ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/nix/store"):
        path = Path(folder)
        if path.is_symlink():
            command += ["--symlink", os.readlink(path), folder]
        elif path.is_dir():
            command += ["--ro-bind", folder, folder]
    for file in ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/localtime", "/etc/hosts"):
        if Path(file).exists():
            command += ["--ro-bind", os.path.realpath(file), file]
    command += ["--proc", "/proc", "--dev", "/dev", "--size", str(SHM_BYTES), "--tmpfs", "/dev/shm"]
    command += ["--size", str(TMP_BYTES), "--tmpfs", "/tmp"]
    prefixes = {sys.prefix, sys.base_prefix, os.path.realpath(sys.prefix), os.path.realpath(sys.base_prefix)}
    for prefix in sorted(prefixes | {str(PACKAGE_ROOT)}):
        command += ["--ro-bind", prefix, prefix]
    command += ["--ro-bind", source_path, SUBMISSION_PATH, "--ro-bind", socket_folder, SOCKET_FOLDER]
    # The root and /dev are memory file systems without a size of their own: what is written there is nobody's memory.
    # /proc/sys belongs to the machine's root, and a sandbox that root starts runs as just that: writing core_pattern
    # would run a command outside of it.
    for folder in ("/dev", "/proc", "/"):
        command += ["--remount-ro", folder]
    command += ["--chdir", "/tmp", "--"]
    return command


def hide_from_siblings() -> None:
    """Linux: without a sandbox the ranks run as the same user; at least they may not read this process's memory."""
    if sys.platform == "linux":
        import ctypes

        pr_set_dumpable = 4
        ctypes.CDLL(None).prctl(pr_set_dumpable, 0)


class _Process(NamedTuple):
    parent: int
    resident_bytes: int
    threads: int


def _processes() -> dict[int, _Process]:
    """Every process there is, by its id."""
    processes = {}
    if sys.platform == "linux":
        page = os.sysconf("SC_PAGESIZE")
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/stat") as file:
                    # The command in parentheses may hold anything; fields are counted from its end.
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            processes[int(entry)] = _Process(int(fields[1]), int(fields[21]) * page, int(fields[17]))
        return processes
    listing = subprocess.run(["ps", "-axo", "pid=,ppid=,rss="], capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        pid, parent, kibibytes = (int(field) for field in line.split())
        processes[pid] = _Process(parent, kibibytes * 1024, 1)  # ps names no number of threads everywhere
    return processes


def _has_ended(pid: int) -> bool:
    """Gone, or only waiting for its parent to take note."""
    if sys.platform == "linux":
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rpartition(")")[2].split()[0] in ("Z", "X")
        except OSError:
            return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _descendants(processes: Mapping[int, _Process], root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, process in processes.items():
        children.setdefault(process.parent, []).append(pid)
    found, frontier = [], [root]
    while frontier:
        pid = frontier.pop()
        if pid in processes:
            found.append(pid)
            frontier += children.get(pid, [])
    return found


def _own_bytes(processes: Mapping[int, _Process], members: list[int]) -> int:
    """Memory of these processes with each shared page counted once: forked workers share most of theirs.

    Slower to read than resident memory (Linux walks the page tables), so only for those who seem to use too much.
    """
    total = 0
    for pid in members:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
        except (OSError, StopIteration):
            total += processes[pid].resident_bytes  # no Linux, another user's, or it has just ended
    return total


class Watch(threading.Thread):
    """Looks at the ranks' memory, processes and threads many times a second, and reports the first broken limit.

    `ranks` maps a rank's process id to its number; the judge fills it as ranks connect. `peak_bytes` is the largest
    resident memory seen in any rank's process tree. A process whose parent has ended belongs to no rank's tree any
    more: all processes together are bounded, too.
    """

    def __init__(
        self,
        root: int | None,
        *,
        num_ranks: int,
        memory_bytes_per_rank: int | None,
        processes_per_rank: int | None,
        on_limit: Callable[[str, int | None, int], None],
        container: ContainerLimits | None = None,
        helper: Callable[[], int | None] = lambda: None,
    ) -> None:
        """`root`: the launcher, whose descendants are watched; None: every process but this one and its `helper`."""
        super().__init__(daemon=True)
        self._root = root
        self._memory_bytes_per_rank = memory_bytes_per_rank
        # The launcher may use what one rank may.
        self._memory_bytes = None if memory_bytes_per_rank is None else memory_bytes_per_rank * (num_ranks + 1)
        # The launcher and the sandbox's init come on top.
        self._max_processes = None if processes_per_rank is None else processes_per_rank * num_ranks + 4
        self._max_threads = MAX_LIVE_THREADS_PER_RANK * (num_ranks + 1)
        self._on_limit = on_limit
        self._container = container
        self._helper = helper
        self._stopped = threading.Event()
        self.ranks: dict[int, int] = {}
        self.peak_bytes = 0

    def run(self) -> None:
        pause = WATCH_SECONDS if sys.platform == "linux" else 10 * WATCH_SECONDS
        while not self._stopped.wait(pause):
            broken = self._look(_processes())
            if broken is not None:
                self._on_limit(*broken)
                return

    def _look(self, processes: Mapping[int, _Process]) -> tuple[str, int | None, int] | None:
        """The limit that is broken: its kind, the rank where it is one's, and the value."""
        if self._container is not None and (broken := self._container.broken()) is not None:
            kind, limit = broken
            return kind, None, limit
        members = self._members(processes)
        everyone = [processes[pid] for pid in members]
        if self._max_processes is not None and len(everyone) > self._max_processes:
            return "processes", None, len(everyone)
        threads = sum(process.threads for process in everyone)
        if threads > self._max_threads:
            return "threads", None, threads
        for pid, rank in list(self.ranks.items()):
            resident = sum(processes[member].resident_bytes for member in _descendants(processes, pid))
            self.peak_bytes = max(self.peak_bytes, resident)
            if self._memory_bytes_per_rank is not None and resident > self._memory_bytes_per_rank:
                used = self._used_bytes(processes, _descendants(processes, pid))
                if used > self._memory_bytes_per_rank:
                    return "memory", rank, used
        resident = sum(process.resident_bytes for process in everyone)
        if self._memory_bytes is not None and resident > self._memory_bytes:
            used = self._used_bytes(processes, members)
            if used > self._memory_bytes:
                return "memory", None, used
        return None

    def _members(self, processes: Mapping[int, _Process]) -> list[int]:
        if self._root is None:
            own = (os.getpid(), self._helper())
            return [pid for pid in processes if pid not in own]
        return _descendants(processes, self._root)

    def _used_bytes(self, processes: Mapping[int, _Process], members: list[int]) -> int:
        """In a container another user's shared pages count for each process that has them, but never beyond its all."""
        used = _own_bytes(processes, members)
        everything = None if self._container is None else self._container.used_bytes()
        return used if everything is None else min(used, everything)

    def stop(self) -> None:
        self._stopped.set()


class RankProcesses:
    """The launcher and, below it, every rank: started together, ended together.

    It prints to the descriptor `output` (None: where this process prints) and is given the `passed` ones.
    """

    def __init__(
        self,
        command: list[str],
        environment: Mapping[str, str],
        *,
        output: int | None = None,
        passed: Sequence[int] = (),
    ) -> None:
        self.process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=passed,
            # A group of its own: one signal reaches the ranks and not the judge.
            start_new_session=True,
        )

    def ended(self) -> str | None:
        """How the launcher ended, None while it lives."""
        status = self.process.poll()
        return None if status is None else f"ended with status {status}"

    def kill(self) -> None:
        """Nothing of it lives when this returns, or the kernel needs more than `END_SECONDS` to end it.

        bubblewrap's init takes its whole process namespace with it.
        """
        below = [pid for pid in _descendants(_processes(), self.process.pid) if pid != self.process.pid]
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        # A rank's memory, or its GPU's, takes a while to be given back; the next run may count on it.
        deadline = time.monotonic() + END_SECONDS
        while not all(_has_ended(pid) for pid in below) and time.monotonic() < deadline:
            time.sleep(0.01)
