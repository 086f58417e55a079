"""The judge's side of a group of ranks: their processes, connections, messages, limits and end."""

from __future__ import annotations

import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .container import JoinedLauncher, peer_of
from .events import Failure
from .sandbox import RankProcesses, Watch
from .wire import Channel, PeerClosed, ProtocolError

#: After the first sign of trouble others get this long to tell the cause: a dead rank makes its peers fail too.
GRACE_SECONDS = 0.5
#: A flood of messages must fill the rank's socket, not the judge's memory.
MAX_WAITING_MESSAGES = 32
#: A rank says hello the moment it has connected.
HELLO_SECONDS = 10
#: A rank that does not read for so long must not hold up the judge: it would miss a cancel, and its own deadline.
SEND_SECONDS = 30


_EXITED_HINT = "It was killed or ended itself; the run's output may hold the reason."


def cancelled(stage: str) -> Failure:
    return Failure(kind="cancelled", code=None, fault="user", stage=stage, message="The run was cancelled.")


class Stopped(Exception):
    """The evaluation ends here, with this failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


#: A rank's next batch: int64 tokens as bytes, and their shape.
Draw = Callable[[], tuple[memoryview, tuple[int, ...]]]


@dataclass(slots=True)
class Rank:
    channel: Channel
    #: Payload bytes the judge is ready to take right now; 0 unless it has asked for some.
    expected_bytes: int = 0
    draw: Draw | None = None
    #: What the rank must answer for the moment it says that it is done; None for ranks that are not asked.
    probe: Callable[[], dict[str, Any]] | None = None


@dataclass(slots=True)
class Inbox:
    """Everything that happens to a group arrives here, in order, from reader threads and the watch."""

    items: queue.Queue[tuple[Any, ...]] = field(default_factory=lambda: queue.Queue(MAX_WAITING_MESSAGES))
    #: Neither an item nor a threading.Event: signal handlers set it, which may interrupt each other and whatever holds
    #: a lock of the queue's or the event's.
    cancelled: bool = False

    def put(self, *item: Any) -> None:
        self.items.put(item)


def _words(value: object) -> str:
    """Lists may be nested as deeply as JSON can be read, and then Python's own `str` raises."""
    return "(no text)" if isinstance(value, (dict, list)) else str(value)


def _peer_pid(connection: socket.socket) -> int | None:
    """The peer's process id as this process sees it, also across process namespaces (Linux)."""
    if sys.platform != "linux":
        return None
    return peer_of(connection).pid


class Group:
    """N connected ranks of one role. Its methods raise `Stopped` for whatever ends the evaluation."""

    def __init__(
        self,
        *,
        role: str,
        num_ranks: int,
        listener: socket.socket,
        processes: RankProcesses | JoinedLauncher,
        watch: Watch,
        inbox: Inbox,
        stage_seconds: float,
        outputs: Sequence[int] = (),
    ) -> None:
        """`outputs`: what each rank prints to, handed over to it; empty where the launcher has given it to them."""
        self.role = role
        #: Whether code of the submission has run in these ranks: before that, nothing is its fault.
        self.runs_submission = False
        self._num_ranks = num_ranks
        self._processes = processes
        self._watch = watch
        self._inbox = inbox
        self._stage_seconds = stage_seconds
        self._closing = False
        self._ranks: dict[int, Rank] = {}
        self._early: dict[int, tuple[dict[str, Any], float]] = {}
        self._listener = listener
        self._outputs = outputs

    # -- connecting ---------------------------------------------------------------------------------------------

    def connect(self, stage: str, setup: Mapping[str, Any]) -> None:
        """Waits until every rank of this role has connected and tells it what to do.

        Only code of ours runs in the ranks until then; whoever connects without being a missing rank is sent away.
        """
        deadline = time.monotonic() + self._stage_seconds
        self._listener.settimeout(0.1)
        while len(self._ranks) < self._num_ranks:
            self._raise_for_cancel(stage)
            # Ranks that are already connected only speak when they are in trouble, or have built their model.
            if time.monotonic() > deadline:
                raise Stopped(self._not_started(stage, f"The ranks did not start within {self._stage_seconds:.0f} s."))
            if (end := self._processes.ended()) is not None:
                raise Stopped(self._not_started(stage, f"The ranks' launcher {end}."))
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            self._welcome(connection, setup)

    def _welcome(self, connection: socket.socket, setup: Mapping[str, Any]) -> None:
        channel = Channel(connection, SEND_SECONDS)
        try:
            connection.settimeout(HELLO_SECONDS)
            hello, _ = channel.receive()
            connection.settimeout(None)
            number = hello.get("rank")
            if hello.get("role") != self.role or number not in range(self._num_ranks) or number in self._ranks:
                raise ProtocolError("it is none of the missing ranks")
            channel.send("setup", **setup)
            if self._outputs:
                socket.send_fds(connection, [b"\0"], [self._outputs[number]])
                os.close(self._outputs[number])
        except (PeerClosed, ProtocolError, OSError):
            channel.close()  # a rank that died here is missed by its launcher
            return
        pid = _peer_pid(connection)
        if pid is not None:
            self._watch.ranks[pid] = number
        rank = Rank(channel)
        self._ranks[number] = rank
        threading.Thread(target=self._read, args=(number, rank), daemon=True).start()

    def _read(self, number: int, rank: Rank) -> None:
        """One thread a rank: answers at once where the clock runs, and hands everything else to the judge."""
        try:
            while True:
                header, payload = rank.channel.receive(lambda: rank.expected_bytes)
                arrived = time.monotonic()
                if payload:
                    rank.expected_bytes = 0  # one payload for one request
                if header["type"] == "draw":
                    self._hand_out(rank)
                    continue
                if header["type"] == "done":
                    # No more data behind the clock's back.
                    rank.draw = None
                    probe, rank.probe = rank.probe, None
                    rank.channel.send("probe", elements={} if probe is None else probe())
                self._inbox.put("message", self, number, header, payload, arrived)
        except PeerClosed:
            self._inbox.put("closed", self, number)
        except ProtocolError as error:
            self._inbox.put("malformed", self, number, str(error))
        except Exception as error:  # noqa: BLE001 - a bug of ours: raised where it ends the evaluation
            self._inbox.put("bug", self, number, error)

    @staticmethod
    def _hand_out(rank: Rank) -> None:
        draw = rank.draw  # once: the judge may take it away at any moment
        if draw is None:
            rank.channel.send("end")
        else:
            tokens, shape = draw()
            rank.channel.send("batch", tokens, shape=shape)

    # -- talking ------------------------------------------------------------------------------------------------

    def serve(self, number: int, draw: Draw | None) -> None:
        """From now on rank `number`'s data iterator yields what `draw` returns; it ends where `draw` is None."""
        self._ranks[number].draw = draw

    def probe(self, number: int, elements: Callable[[], dict[str, list[int]]]) -> None:
        """The moment rank `number` says that it is done it is asked for these elements of its final state."""
        self._ranks[number].probe = elements

    def send(self, type_: str, **fields: Any) -> dict[int, float]:
        """To every rank; when each was told, on the judge's monotonic clock."""
        sent = {}
        for number in sorted(self._ranks):
            sent[number] = time.monotonic()
            try:
                self._ranks[number].channel.send(type_, **fields)
            except (PeerClosed, ProtocolError):
                pass  # its reader reports a closed connection; a rank that does not read runs into its deadline
        return sent

    def gather(
        self,
        type_: str,
        stage: str,
        *,
        then: str | None = None,
        on_step: Callable[[int, int], None] | None = None,
        poll: Callable[[], None] | None = None,
    ) -> dict[int, tuple[dict[str, Any], float]]:
        """One message of `type_` from every rank, with its arrival time on the judge's monotonic clock.

        A fast rank may already send its message of type `then`, which the next `gather` returns. `on_step(rank, done)`
        hears of steps; `poll` is called many times a second.
        """
        deadline = time.monotonic() + self._stage_seconds
        received = {rank: entry for rank, entry in self._early.items() if entry[0]["type"] == type_}
        self._early = {}
        while len(received) < self._num_ranks:
            item = self._next(stage, deadline, missing=lambda: sorted(self._ranks.keys() - received.keys()), poll=poll)
            if item is None:
                continue
            number, header, _, arrived = item
            entry = (header, arrived)
            if header["type"] == type_ and number not in received:
                received[number] = entry
            elif header["type"] == then and number in received and number not in self._early:
                self._early[number] = entry
            elif header["type"] == "step" and on_step is not None:
                on_step(number, header["done"])
            else:
                raise Stopped(self.malformed(stage, number, f"an unexpected message {header['type'][:40]!r}"))
        return received

    def fetch(self, number: int, stage: str, size: int, **request: Any) -> bytearray:
        """The bytes of one tensor of rank `number`; `request` says which."""
        rank = self._ranks[number]
        rank.expected_bytes = size
        try:
            rank.channel.send("tensor", **request)
        except (PeerClosed, ProtocolError):
            pass  # as in `send`
        deadline = time.monotonic() + self._stage_seconds
        item = None
        while item is None:
            item = self._next(stage, deadline, missing=lambda: [number], poll=None)
        sender, header, payload, _ = item
        if sender != number or header["type"] != "tensor" or len(payload) != size:
            raise Stopped(self.malformed(stage, sender, "a message that is not the tensor that was asked for"))
        return payload

    def close(self) -> None:
        """The judge has what it wants of these ranks: their ends are no trouble any more."""
        self._closing = True
        for rank in self._ranks.values():
            rank.channel.close()
        self._watch.ranks.clear()

    # -- trouble ------------------------------------------------------------------------------------------------

    def _next(
        self, stage: str, deadline: float, *, missing: Callable[[], list[int]], poll: Callable[[], None] | None
    ) -> tuple[int, dict[str, Any], bytearray, float] | None:
        """The next ordinary message, or None after a short while without one."""
        if poll is not None:
            poll()
        if time.monotonic() > deadline:
            numbers = ", ".join(str(number) for number in missing())
            raise Stopped(
                self._failure(
                    stage,
                    "timeout",
                    f"Rank {numbers} did not finish within {self._stage_seconds:.0f} s.",
                    hint="A rank that takes another number of steps or collectives than its peers makes them wait.",
                    rank=missing()[0] if len(missing()) == 1 else None,
                )
            )
        item = self._take(0.1)
        launcher_ended = item is None and self._processes.ended() is not None
        if launcher_ended:
            # Its ranks' connections close in the same moment, unless a process left behind holds one open.
            item = self._take(GRACE_SECONDS)
        self._raise_for_cancel(stage)
        if item is None:
            if launcher_ended:
                message = "The ranks' processes ended before their last message."
                raise Stopped(self._failure(stage, "rank_exited", message, hint=_EXITED_HINT))
            return None
        if item[0] == "message" and item[3]["type"] != "error":
            return item[2:]
        self._raise_for(stage, item)
        return None

    def _take(self, seconds: float) -> tuple[Any, ...] | None:
        """The next item that is not a late word of a group that has been closed."""
        try:
            item = self._inbox.items.get(timeout=seconds)
        except queue.Empty:
            return None
        return None if isinstance(item[1], Group) and item[1]._closing else item

    def _raise_for_cancel(self, stage: str) -> None:
        if self._inbox.cancelled:
            raise Stopped(cancelled(stage))

    def _raise_for(self, stage: str, first: tuple[Any, ...]) -> None:
        """Decides which of several near-simultaneous signs is the cause, and raises it."""
        if first[0] == "bug":
            raise first[3]
        items = [first]
        deadline = time.monotonic() + GRACE_SECONDS
        while first[0] in ("message", "closed") and (left := deadline - time.monotonic()) > 0:
            item = self._take(left)
            if item is not None:
                items.append(item)
        for kind in ("limit", "malformed", "closed", "message"):
            for item in items:
                if item[0] == kind and (kind != "message" or item[3]["type"] == "error"):
                    raise Stopped(self._as_failure(stage, item))

    def _as_failure(self, stage: str, item: tuple[Any, ...]) -> Failure:
        match item:
            case ("limit", "memory", rank, value):
                who = "All processes of the ranks together" if rank is None else f"Rank {rank}"
                return self._failure(
                    stage,
                    "memory",
                    f"{who} used {value / 1024**3:.2f} GiB of memory, more than the profile allows.",
                    hint="Raise crusader.memory_per_rank in the profile if this is meant.",
                    rank=rank,
                )
            case ("limit", "processes", _, value):
                return self._failure(
                    stage, "processes", f"The ranks started {value} processes, more than the profile allows."
                )
            case ("limit", "container_memory", _, value):
                return self._failure(
                    stage,
                    "memory",
                    f"The container ran out of memory{f' ({value / 1024**3:.2f} GiB)' if value else ''}: "
                    "the kernel ended one of its processes.",
                    hint="The profile's docker.memory_limit bounds all ranks, the judge and temporary files together.",
                )
            case ("limit", "container_processes", _, value):
                return self._failure(
                    stage, "processes", f"The ranks reached the container's limit of {value} processes and threads."
                )
            case ("limit", "threads", _, value):
                return self._failure(stage, "processes", f"The ranks started {value} threads, more than are allowed.")
            case ("malformed", _, rank, reason):
                return self.malformed(stage, rank, reason)
            case ("closed", _, rank):
                return self._failure(
                    stage,
                    "rank_exited",
                    f"Rank {rank}'s process ended before its last message.",
                    hint=_EXITED_HINT,
                    rank=rank,
                )
            case ("message", _, rank, header, _, _):
                line = header.get("line")
                name, text = _words(header.get("kind"))[:100], _words(header.get("message"))[:2000]
                return self._failure(
                    stage,
                    "exception",
                    f"Rank {rank} raised {name}: {text}" if text else f"Rank {rank} raised {name}.",
                    rank=rank,
                    line=line if type(line) is int and 0 < line < 2**31 else None,
                    detail=_words(header.get("traceback"))[:20_000],
                )
        raise AssertionError(item)

    def malformed(self, stage: str, rank: int, reason: str) -> Failure:
        return self._failure(
            stage,
            "protocol",
            f"Rank {rank} broke the protocol between ranks and judge: {reason[:200]}.",
            hint="Something in the rank's process writes to the judge's connection.",
            rank=rank,
        )

    @staticmethod
    def _not_started(stage: str, message: str) -> Failure:
        """Nothing of the submission has run yet, so it is not to blame."""
        hint = "The run's output holds the reason."
        return Failure(kind="environment", code=None, fault="environment", stage=stage, message=message, hint=hint)

    def _failure(self, stage: str, kind: str, message: str, **fields: Any) -> Failure:
        fault = "submission" if self.runs_submission else "environment"
        return Failure(kind=kind, code=None, fault=fault, stage=stage, message=message, **fields)
