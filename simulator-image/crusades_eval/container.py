"""Judge and ranks in one container, under different users: how they meet there, and what the container's limits say.

The container's main process is the judge. The ranks' launcher is another process of the container, started by the
workbench through the engine, under a user that owns nothing of the judge's. No capability is needed for that, inside
the container or out of it, and the kernel keeps the ranks from the judge's memory, descriptors and files.

    python -m crusades_eval.judge --detached                              as `judge`, the order on stdin
    python -m crusades_eval.launcher --join /tmp/crusader/judge.sock      as `appuser`, after the note below
"""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from .wire import Channel, PeerClosed, ProtocolError

#: In the container's own tmpfs; the ranks may enter this folder, and connect to the socket in it.
FOLDER = "/tmp/crusader"
SOCKET_NAME = "judge.sock"
#: The note with this id asks for the launcher.
WAITING_NOTE = "waiting_for_launcher"
#: From the note until the launcher has connected, which it does before it imports anything slow.
JOIN_SECONDS = 120
HELLO_SECONDS = 10
#: The kernel passes on no more at once.
MAX_DESCRIPTORS = 253
_CGROUPS = Path("/sys/fs/cgroup")


class NotJoined(Exception):
    """There is no launcher to work with; the message says why."""


class Peer(NamedTuple):
    """Who is at the other end of a Unix socket, as the kernel says."""

    pid: int
    uid: int
    gid: int


def peer_of(connection: socket.socket) -> Peer:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return Peer(*struct.unpack("3i", credentials))


class JoinedLauncher:
    """The launcher that has connected. It and its ranks belong to another user: they end with the container."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def ended(self) -> str | None:
        """How it ended, None while it lives: its connection closes with it."""
        try:
            while self._connection.recv(4096, socket.MSG_DONTWAIT):
                pass  # it has nothing to say
        except BlockingIOError:
            return None
        except OSError:
            pass
        return "has ended"

    def kill(self) -> None:
        """Nothing: the judge's end is the container's, and the engine then ends every process in it."""


def wait_for_launcher(
    listener: socket.socket,
    *,
    environment: Callable[[str], Mapping[str, str]],
    arguments: Sequence[str],
    own_output: int,
    logs: Mapping[str, Sequence[int]],
    poll: Callable[[], None],
) -> JoinedLauncher:
    """The first process that connects, once it has what it needs. NotJoined where none comes or it is not shut off.

    `environment` is given its user's home folder; `own_output` and `logs` are what it and its ranks print to; `poll`
    is called many times a second.
    """
    deadline = time.monotonic() + JOIN_SECONDS
    listener.settimeout(0.1)
    while True:
        poll()
        if time.monotonic() > deadline:
            raise NotJoined(f"The ranks' launcher was not started within {JOIN_SECONDS} s.")
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        break
    peer = peer_of(connection)
    problem = _not_isolated(peer)
    if problem is not None:
        connection.close()
        raise NotJoined(problem)
    channel = Channel(connection)
    descriptors = [own_output, *(end for ends in logs.values() for end in ends)]
    if len(descriptors) > MAX_DESCRIPTORS:
        raise NotJoined(f"{len(descriptors)} outputs of ranks are more than one container can hold.")
    try:
        connection.settimeout(HELLO_SECONDS)
        channel.receive()
        connection.settimeout(None)
        channel.send(
            "launch",
            environment=dict(environment(_home_of(peer.uid))),
            arguments=list(arguments),
            logs={role: len(ends) for role, ends in logs.items()},
        )
        socket.send_fds(connection, [b"\0"], descriptors)
    except (PeerClosed, ProtocolError, OSError) as error:
        raise NotJoined(f"The ranks' launcher ended before it began: {error}.") from error
    return JoinedLauncher(connection)


def _home_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_dir
    except KeyError:
        return "/tmp"


def _not_isolated(peer: Peer) -> str | None:
    """Why this process could reach into the judge; None where the kernel keeps it out."""
    if peer.uid in (0, os.getuid()):
        return f"The ranks' launcher runs as user {peer.uid}, which can read and change the judge (user {os.getuid()})."
    if peer.gid == os.getgid() or peer.gid in os.getgroups():
        return f"The ranks' launcher runs in group {peer.gid}, which is the judge's, too."
    try:
        status = Path(f"/proc/{peer.pid}/status").read_text(encoding="ascii")
    except OSError as error:
        return f"What the ranks' launcher may do cannot be read: {error.strerror}."
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    if int(fields["CapEff"], 16) or int(fields["CapPrm"], 16):
        return f"The ranks' launcher holds capabilities ({fields['CapEff']})."
    if fields["NoNewPrivs"].strip() != "1":
        return "The ranks' launcher could gain rights: the container lacks no-new-privileges."
    return None


def join(path: str) -> NoReturn:
    """In the launcher: takes from the judge what it needs, and begins again as the ordinary launcher with it."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(path)
    channel = Channel(connection)
    channel.send("hello", role="launcher")
    order, _ = channel.receive()
    _, descriptors, _, _ = socket.recv_fds(connection, 1, MAX_DESCRIPTORS)
    output, *rest = descriptors
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    # Where the container runs out of memory, the kernel ends a rank, not the judge.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    command = [sys.executable, "-m", "crusades_eval.launcher", *order["arguments"], "--socket", path]
    for role, count in order["logs"].items():
        ends, rest = rest[:count], rest[count:]
        command += [f"--{role}-logs", ",".join(map(str, ends))]
        for end in ends:
            os.set_inheritable(end, True)
    # It stays open as long as the launcher lives: that is how the judge knows.
    os.set_inheritable(connection.fileno(), True)
    command += ["--connection", str(connection.fileno())]
    os.execve(sys.executable, command, order["environment"])


class ContainerLimits:
    """What the kernel says about this container's limits; nothing where they cannot be read."""

    def __init__(self, root: Path = _CGROUPS) -> None:
        unified = (root / "cgroup.controllers").exists()
        memory, pids = (root, root) if unified else (root / "memory", root / "pids")
        self._memory_events = memory / ("memory.events" if unified else "memory.oom_control")
        self._memory_limit = memory / ("memory.max" if unified else "memory.limit_in_bytes")
        self._memory = memory / ("memory.current" if unified else "memory.usage_in_bytes")
        self._processes_events = pids / "pids.events"
        self._processes_limit = pids / "pids.max"
        self._ended_before = _count(self._memory_events, "oom_kill")
        self._refused_before = _count(self._processes_events, "max")

    def used_bytes(self) -> int | None:
        """Memory of the whole container, temporary files and what the kernel keeps of others included."""
        return _value(self._memory) or None

    def broken(self) -> tuple[str, int] | None:
        """The limit that was hit since this object was made, and its value in bytes or processes."""
        if _count(self._memory_events, "oom_kill") > self._ended_before:
            return "container_memory", _value(self._memory_limit)
        if _count(self._processes_events, "max") > self._refused_before:
            return "container_processes", _value(self._processes_limit)
        return None


def _count(file: Path, name: str) -> int:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0)


def _value(file: Path) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):  # "max": the limit is that of something around the container
        return 0
