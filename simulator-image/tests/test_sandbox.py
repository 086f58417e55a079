import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from judge import BUBBLEWRAP, needs_sandbox

from crusades_eval import sandbox
from crusades_eval.sandbox import RankProcesses, Watch, bubblewrap_command, rank_environment

MIB = 1024**2


def test_a_ranks_environment_holds_nothing_of_the_users(monkeypatch):
    for name in ("SECRET", "LD_PRELOAD", "PYTHONSTARTUP", "HF_TOKEN", "NCCL_DEBUG", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "hunter2")
    on_cpu = rank_environment(run_id="r1", threads=2, home="/tmp", device="cpu")
    assert "hunter2" not in on_cpu.values()
    assert (on_cpu["CRUSADER_RUN_ID"], on_cpu["OMP_NUM_THREADS"], on_cpu["CUDA_VISIBLE_DEVICES"]) == ("r1", "2", "")
    on_cuda = rank_environment(run_id="r1", threads=2, home="/tmp", device="cuda")
    assert [name for name, value in on_cuda.items() if value == "hunter2"] == ["NCCL_DEBUG"]


def test_a_model_is_found_in_the_cache_of_the_user_whose_home_a_rank_does_not_get(monkeypatch):
    monkeypatch.setenv("HOME", "/home/appuser")
    monkeypatch.delenv("HF_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    environment = rank_environment(run_id="r1", threads=2, home="/tmp", device="cuda")
    assert (environment["HOME"], environment["HF_HOME"]) == ("/tmp", "/home/appuser/.cache/huggingface")
    monkeypatch.setenv("HF_HOME", "/models")
    assert rank_environment(run_id="r1", threads=2, home="/tmp", device="cuda")["HF_HOME"] == "/models"


@needs_sandbox
def test_a_sandboxed_program_sees_its_environment_and_no_writable_disk(tmp_path):
    source = tmp_path / "train.py"
    source.write_text("pass")
    environment = {"PATH": "/usr/bin:/bin", "ONLY": "this"}
    command = bubblewrap_command(
        BUBBLEWRAP, source_path=str(source), socket_folder=str(tmp_path), environment=environment
    )
    script = "env; ls /; touch /usr/x /judge/x /submission/x /x /dev/x; touch /tmp/x && echo wrote; cat /submission/*"
    done = subprocess.run([*command, "/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert {line for line in lines if "=" in line} == {"PATH=/usr/bin:/bin", "ONLY=this", "PWD=/tmp"}
    assert {"home", "root", "var", "mnt", "srv", "run"}.isdisjoint(set(lines) - _needed_for_python())
    assert lines[-2:] == ["wrote", "pass"]
    assert done.stderr.count("cannot touch") == 5


def _needed_for_python() -> set[str]:
    """Where the interpreter itself lies below one of these folders, its parents exist: empty but for the way to it."""
    return {path.split("/")[1] for path in (sys.prefix, sys.base_prefix, str(sandbox.PACKAGE_ROOT))}


# -- the watch, on made-up processes ----------------------------------------------------------------------------------

# Above every kernel's largest process id, so that no process of this machine is looked at.
LAUNCHER, RANK_0, RANK_1, CHILD = 5_000_000, 5_000_001, 5_000_002, 5_000_003


def process(parent, mebibytes=1, threads=1):
    return sandbox._Process(parent, mebibytes * MIB, threads)


def watch():
    watching = Watch(
        LAUNCHER,
        num_ranks=2,
        memory_bytes_per_rank=100 * MIB,
        processes_per_rank=3,
        on_limit=lambda *broken: pytest.fail(f"{broken}"),
    )
    watching.ranks = {RANK_0: 0, RANK_1: 1}
    return watching


GROUP = {1: process(0), LAUNCHER: process(1, 99), RANK_0: process(LAUNCHER, 100), RANK_1: process(LAUNCHER, 50)}


def test_the_watch_lets_pass_what_is_at_the_limits():
    watching = watch()
    assert watching._look(GROUP | {99: process(1, 10_000)}) is None  # another's process
    assert watching.peak_bytes == 100 * MIB


@pytest.mark.parametrize(
    ("more", "broken"),
    [
        ({RANK_1: process(LAUNCHER, 101)}, ("memory", 1, 101 * MIB)),
        ({CHILD: process(RANK_0, 1)}, ("memory", 0, 101 * MIB)),  # a rank's child counts as the rank
        ({CHILD: process(LAUNCHER, 52)}, ("memory", None, 301 * MIB)),  # one whose parent has ended, all together
        ({pid: process(LAUNCHER, 0) for pid in range(CHILD, CHILD + 8)}, ("processes", None, 11)),
        ({RANK_0: process(LAUNCHER, 1, threads=3071)}, ("threads", None, 3073)),
    ],
)
def test_the_watch_names_the_broken_limit(more, broken):
    assert watch()._look(GROUP | more) == broken


@pytest.mark.parametrize(
    ("everything", "broken"),
    [
        # Processes that share their pages: together they cannot have more than the container has.
        (100 * MIB, None),
        (250 * MIB, ("memory", 0, 250 * MIB)),
    ],
)
def test_in_a_container_no_rank_uses_more_than_the_whole(everything, broken):
    watching = watch()
    watching._container = SimpleNamespace(broken=lambda: None, used_bytes=lambda: everything)
    assert watching._look(GROUP | {CHILD: process(RANK_0, 200)}) == broken


def test_in_a_container_the_kernels_limits_come_first():
    watching = watch()
    watching._container = SimpleNamespace(broken=lambda: ("container_memory", 5), used_bytes=lambda: None)
    assert watching._look(GROUP) == ("container_memory", None, 5)


def test_the_watch_reports_once_and_ends():
    reported = []
    program = [sys.executable, "-c", "import time; time.sleep(60)"]
    processes = RankProcesses(program, {})
    watching = Watch(
        processes.process.pid,
        num_ranks=1,
        memory_bytes_per_rank=1,
        processes_per_rank=None,
        on_limit=lambda *broken: reported.append(broken[:2]),
    )
    watching.ranks[processes.process.pid] = 0
    watching.start()
    watching.join(10)
    assert not watching.is_alive()
    assert reported == [("memory", 0)]
    processes.kill()
    assert processes.process.returncode is not None


@pytest.mark.skipif(sys.platform != "linux", reason="needs linux: looks at /proc")
def test_kill_ends_grandchildren_too():
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; print(1); time.sleep(60)'])"
    processes = RankProcesses([sys.executable, "-c", program], {})

    def family():
        return sandbox._descendants(sandbox._processes(), processes.process.pid)

    while len(family()) < 2:
        assert processes.process.poll() is None
    pids = family()
    processes.kill()
    assert processes.process.returncode is not None
    deadline = time.monotonic() + 5  # a killed process still needs a moment to be gone
    while set(pids) & sandbox._processes().keys():
        assert time.monotonic() < deadline


@pytest.mark.skipif(sys.platform != "linux", reason="needs linux: looks at /proc")
def test_memory_shared_with_forked_children_counts_once():
    program = (
        "import os, time; block = bytearray(200 * 1024**2); "
        "[os.fork() or time.sleep(60) for _ in range(3)]; print(1, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"1\n"
        processes = sandbox._processes()
        members = sandbox._descendants(processes, parent.pid)
        resident = sum(processes[pid].resident_bytes for pid in members)
        own = sandbox._own_bytes(processes, members)
        for pid in members:
            os.kill(pid, signal.SIGKILL)
    assert len(members) == 4
    assert resident > 800 * MIB
    assert 200 * MIB < own < 300 * MIB


@needs_sandbox
def test_a_sandboxed_program_makes_no_user_namespace(tmp_path):
    if "--disable-userns" not in subprocess.run([BUBBLEWRAP, "--help"], capture_output=True, text=True).stdout:
        pytest.skip("needs sandbox: bubblewrap 0.8 or later")
    source = tmp_path / "train.py"
    source.touch()
    command = bubblewrap_command(BUBBLEWRAP, source_path=str(source), socket_folder=str(tmp_path), environment={})
    inside = subprocess.run([*command, "/usr/bin/unshare", "--user", "true"], capture_output=True, text=True)
    assert (inside.returncode, "No space left on device" in inside.stderr) == (1, True)
