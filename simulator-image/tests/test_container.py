"""Judge and ranks in one container of a real engine: verdicts, isolation, limits, and what the engine keeps."""

import hashlib
import os
import socket
import subprocess
import sys
import time

import pytest
from engine import DOCKER, IMAGE, JUDGE, docker, needs_docker, run_container, started_container
from judge import ROOT, profile
from submissions import named, source_of

from crusades_eval import container as meeting
from crusades_eval import log
from crusades_eval.container import ContainerLimits, JoinedLauncher, NotJoined, wait_for_launcher
from crusades_eval.judge import MAX_DETACHED_LOG_BYTES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs linux: containers are Linux's")

HONEST = source_of(named("honest"))
HANG = source_of(named("hang: timed run"))


def edited(name: str, *edits: tuple[str, str]) -> bytes:
    source = source_of(named(name)).decode()
    for old, new in edits:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source.encode()


# -- verdicts ----------------------------------------------------------------------------------------------------------

VERDICTS = [
    "honest on two ranks",
    "exception on rank 1",
    "die: kill the launcher",
    "die: kill all",
    "forged events",
    "forged message: result",
    "exhaust: processes",
    "forbidden import",
]


@needs_docker
@pytest.mark.parametrize("name", VERDICTS)
def test_verdicts_are_the_sandboxs(name):
    fixture = named(name)
    settings = profile(fixture.get("profile", "quick"), fixture.get("set"))
    # The scan's verdict comes before any rank is asked for.
    launcher = fixture["expect"].get("stage") != "scan"
    run = run_container(source_of(fixture), ranks=fixture.get("ranks", 1), settings=settings, launcher=launcher)
    keys = ("kind", "code", "stage", "rank", "line")
    seen = {"outcome": run.result["outcome"], **{key: run.failure.get(key) for key in keys}}
    failed = [event["name"] for event in run.events if event["type"] == "check" and event["state"] == "failed"]
    seen["check"] = failed[0] if failed else None
    assert seen == dict.fromkeys(seen) | fixture["expect"], run.failure
    assert "no_sandbox" not in {event.get("id") for event in run.events}


@needs_docker
def test_the_engine_keeps_every_event_and_the_log_apart_from_them():
    printing = edited("honest", ("    tokens = 0\n", '    tokens = 0\n    print(\'{"type": "result"}\')\n'))
    with started_container(printing) as run:
        run.wait()
        logs = docker("logs", run.id)
        state = run.state()
    assert run.result["outcome"] == "passed", run.failure
    assert logs == "".join(run.lines)
    assert [event["seq"] for event in run.events] == list(range(len(run.events)))
    assert run.printed("rank 0") == ['{"type": "result"}'] * 2
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)


# -- what a rank can reach ---------------------------------------------------------------------------------------------

INTRUDER = """
def attempt(what, action):
    try:
        print(what, "->", action())
    except OSError as error:
        print(what, "->", type(error).__qualname__)


def intrude():
    import glob

    import numpy
    os = glob.os
    text = numpy.zeros(1, dtype=numpy.uint8)
    attempt("list descriptors", lambda: os.listdir("/proc/1/fd"))
    attempt("write stdout", lambda: text.tofile("/proc/1/fd/1"))
    attempt("read memory", lambda: numpy.fromfile("/proc/1/mem", dtype=numpy.uint8, count=1))
    attempt("read environment", lambda: numpy.fromfile("/proc/1/environ", dtype=numpy.uint8))
    attempt("working folder", lambda: os.listdir("/proc/1/cwd"))
    attempt("interrupt", lambda: os.kill(1, 15))
    attempt("kill", lambda: os.kill(1, 9))
    attempt("list folder", lambda: os.listdir("/tmp/crusader"))
    attempt("write folder", lambda: text.tofile("/tmp/crusader/more"))
    attempt("write submission", lambda: text.tofile("/tmp/crusader/train.py"))
    attempt("remove submission", lambda: os.remove("/tmp/crusader/train.py"))
    attempt("move folder", lambda: os.rename("/tmp/crusader", "/tmp/other"))
    attempt("become root", lambda: os.setuid(0))
    attempt("become the judge", lambda: os.setuid(os.stat("/tmp/crusader").st_uid))
    attempt("write the package", lambda: text.tofile("/opt/crusader/crusades_eval/judge.py"))
    attempt("write the root", lambda: text.tofile("/more"))
    attempt("raise a limit", lambda: text.tofile("/sys/fs/cgroup/pids/pids.max"))


"""
REFUSED = {
    "list descriptors": "PermissionError",
    "write stdout": "PermissionError",
    "read memory": "PermissionError",
    "read environment": "PermissionError",
    "working folder": "PermissionError",
    "interrupt": "PermissionError",
    "kill": "PermissionError",
    "list folder": "PermissionError",
    "write folder": "PermissionError",
    "write submission": "PermissionError",
    "remove submission": "PermissionError",
    "move folder": "PermissionError",
    "become root": "PermissionError",
    "become the judge": "PermissionError",
    # Read-only, and nothing of it is the ranks'.
    "write the package": "OSError",
    "write the root": "OSError",
}


@needs_docker
def test_a_rank_reaches_nothing_of_the_judges():
    intruding = edited(
        "honest",
        ("def get_strategy():", f"{INTRUDER}def get_strategy():"),
        ("    tokens = 0\n", "    tokens = 0\n    if num_steps > 2:\n        intrude()\n"),
    )
    run = run_container(intruding)
    # It goes on, and its verdict is that of its training.
    assert run.result["outcome"] == "passed", (run.failure, run.log)
    said = dict(line.split(" -> ") for line in run.printed("rank 0"))
    # cgroups lie elsewhere in their second version; neither is to be written.
    assert said.pop("raise a limit") in ("OSError", "PermissionError", "FileNotFoundError")
    assert said == REFUSED


@needs_docker
@pytest.mark.parametrize(
    ("user", "flags", "message"),
    [
        ("judge", None, "The ranks' launcher runs as user "),
        ("root", None, "The ranks' launcher runs as user 0, "),
        ("appuser:judge", None, "The ranks' launcher runs in group "),
        ("appuser", ["--cap-drop", "ALL", "--network", "none"], "The ranks' launcher could gain rights: "),
    ],
    ids=["the judge's user", "root", "the judge's group", "new privileges"],
)
def test_a_launcher_that_is_not_shut_off_is_refused(user, flags, message):
    with started_container(HONEST, launcher=False, flags=flags) as run:
        run.wait_for(type="note", id="waiting_for_launcher")
        run.start_launcher(user)
    failure = run.failure
    assert (run.result["outcome"], failure["kind"], failure["fault"]) == ("error", "environment", "environment")
    assert failure["message"].startswith(message)


# -- the end -----------------------------------------------------------------------------------------------------------


@needs_docker
@pytest.mark.parametrize(
    ("launcher", "stage"),
    [(False, "prepare"), (True, "prepare"), (True, "timed")],
    ids=["before the launcher comes", "while it starts", "while a rank hangs"],
)
def test_docker_stop_cancels_within_five_seconds(launcher, stage):
    with started_container(HANG, launcher=launcher) as run:
        if launcher:
            run.wait_for(type="stage", stage=stage, state="running")
        else:
            run.wait_for(type="note", id="waiting_for_launcher")
        asked = time.monotonic()
        docker("stop", run.id)
        seconds = time.monotonic() - asked
        state = run.state()
    assert (run.result["outcome"], run.failure["kind"], run.failure["stage"]) == ("cancelled", "cancelled", stage)
    assert (state["Running"], state["ExitCode"]) == (False, 0)
    assert seconds < 5


@needs_docker
def test_a_judge_without_an_order_ends():
    run = subprocess.run(
        [DOCKER, "run", "--rm", "--interactive", "--network", "none", "--user", "judge", IMAGE, *JUDGE],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stdout, run.stderr) == (1, "", "No order came on stdin.\n")


# -- limits ------------------------------------------------------------------------------------------------------------


@needs_docker
def test_the_containers_memory_is_a_limit_that_is_named():
    run = run_container(
        source_of(named("exhaust: memory")), settings=profile("quick", {"crusader.memory_per_rank": "64g"}), memory="2g"
    )
    failure = run.failure
    assert (failure["kind"], failure["stage"], failure["fault"]) == ("memory", "warmup", "submission")
    assert failure["message"] == "The container ran out of memory (2.00 GiB): the kernel ended one of its processes."


@needs_docker
def test_a_fork_bomb_ends_at_the_containers_number_of_processes():
    unwatched = {"crusader.memory_per_rank": "64g", "crusader.processes_per_rank": 100_000}
    run = run_container(source_of(named("exhaust: processes")), settings=profile("quick", unwatched), pids=300)
    failure = run.failure
    assert (failure["kind"], failure["stage"]) == ("processes", "warmup")
    assert failure["message"] == "The ranks reached the container's limit of 300 processes and threads."


@needs_docker
def test_a_full_tmpfs_is_the_submissions_own_trouble():
    run = run_container(source_of(named("exhaust: disk")), tmp="300m")
    failure = run.failure
    assert (failure["kind"], failure["stage"], failure["rank"]) == ("exception", "warmup", 0)
    assert failure["message"] == "Rank 0 raised OSError: Not enough free space to write 100000000 bytes"


@needs_docker
def test_a_gigabyte_of_output_loses_no_event():
    printing = edited(
        "honest",
        ("    tokens = 0\n", '    tokens = 0\n    for _ in range(250):\n        print("0123456789" * 200_000)\n'),
    )
    with started_container(printing) as run:
        run.wait()
        logs = docker("logs", run.id)
    assert run.result["outcome"] == "passed", run.failure
    assert hashlib.sha256(logs.encode()).digest() == hashlib.sha256("".join(run.lines).encode()).digest()
    # No more than that lies on the engine's disk; the mark of what is missing is a line.
    kept = MAX_DETACHED_LOG_BYTES + log.TAIL_BYTES
    assert kept < run.log_bytes < kept + 100


# -- without an engine -------------------------------------------------------------------------------------------------


def waiting(listener: socket.socket) -> JoinedLauncher:
    return wait_for_launcher(
        listener,
        environment=lambda home: {"HOME": home},
        arguments=[],
        own_output=2,
        logs={"reference": [2], "submission": [2]},
        poll=lambda: None,
    )


@pytest.fixture
def listener(tmp_path, monkeypatch):
    # A Unix socket's path holds about 100 bytes.
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind("judge.sock")
        listening.listen()
        yield listening


def test_a_launcher_that_never_comes_is_not_waited_for_for_ever(listener, monkeypatch):
    monkeypatch.setattr(meeting, "JOIN_SECONDS", 0)
    with pytest.raises(NotJoined, match=r"The ranks' launcher was not started within 0 s\."):
        waiting(listener)


def test_a_launcher_of_the_judges_user_is_refused(listener):
    command = [sys.executable, "-m", "crusades_eval.launcher", "--join", "judge.sock"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "simulator-image")}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as launcher:
        with pytest.raises(NotJoined, match=f"The ranks' launcher runs as user {os.getuid()}, which can read"):
            waiting(listener)
        assert launcher.wait(30) != 0


def test_a_launchers_end_shows_in_its_connection():
    ours, its = socket.socketpair()
    with ours:
        launcher = JoinedLauncher(ours)
        assert launcher.ended() is None
        its.sendall(b"it has nothing to say")
        assert launcher.ended() is None
        its.close()
        assert launcher.ended() == "has ended"


@pytest.mark.parametrize("version", [1, 2])
def test_limits_that_were_hit_are_read_in_both_versions_of_cgroups(tmp_path, version):
    memory, pids = (tmp_path, tmp_path) if version == 2 else (tmp_path / "memory", tmp_path / "pids")
    memory.mkdir(exist_ok=True)
    pids.mkdir(exist_ok=True)
    if version == 2:
        (tmp_path / "cgroup.controllers").write_text("memory pids\n")
    events = memory / ("memory.events" if version == 2 else "memory.oom_control")
    events.write_text("under_oom 0\noom_kill 3\n")
    (memory / ("memory.max" if version == 2 else "memory.limit_in_bytes")).write_text("2147483648\n")
    (pids / "pids.events").write_text("max 1\n")
    (pids / "pids.max").write_text("max\n")
    (memory / ("memory.current" if version == 2 else "memory.usage_in_bytes")).write_text("1073741824\n")
    limits = ContainerLimits(tmp_path)
    assert (limits.broken(), limits.used_bytes()) == (None, 1073741824)
    (pids / "pids.events").write_text("max 2\n")
    assert limits.broken() == ("container_processes", 0)
    events.write_text("under_oom 0\noom_kill 4\n")
    assert limits.broken() == ("container_memory", 2147483648)


def test_limits_that_cannot_be_read_are_not_broken(tmp_path):
    limits = ContainerLimits(tmp_path)
    assert (limits.broken(), limits.used_bytes()) == (None, None)
