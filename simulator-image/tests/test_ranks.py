"""The judge's side of its connections, with ranks that misbehave: plain threads and sockets, no torch, no processes."""

import json
import socket
import struct
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crusades_eval import ranks
from crusades_eval.ranks import Group, Inbox, Stopped
from crusades_eval.wire import Channel

TOKENS = (memoryview(b"\1" * 64), (2, 4))


@dataclass
class Scene:
    """A group whose ranks are the test's own threads."""

    group: Group
    inbox: Inbox
    path: str
    launcher: SimpleNamespace
    channels: dict[int, Channel] = field(default_factory=dict)

    def dial(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(self.path)
        return connection

    def connect(self, *numbers: int) -> None:
        for number in numbers:
            self.channels[number] = Channel(self.dial())
            self.channels[number].send("hello", role="submission", rank=number)
        self.group.connect("import", {"batchSize": 2})
        for channel in self.channels.values():
            assert channel.receive()[0] == {"type": "setup", "batchSize": 2, "payload": 0}

    def stopped(self, action: Callable[[], Any]) -> dict[str, Any]:
        with pytest.raises(Stopped) as stopped:
            action()
        failure = stopped.value.failure
        return {"kind": failure.kind, "rank": failure.rank, "message": failure.message}


@contextmanager
def scene(num_ranks: int = 1, stage_seconds: float = 20) -> Iterator[Scene]:
    # Not pytest's folder: a Unix socket's path holds about 100 bytes.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        path = str(Path(folder) / "judge.sock")
        listener.bind(path)
        listener.listen()
        inbox = Inbox()
        launcher = SimpleNamespace(ended=lambda: None)
        group = Group(
            role="submission",
            num_ranks=num_ranks,
            listener=listener,
            processes=launcher,
            watch=SimpleNamespace(ranks={}),
            inbox=inbox,
            stage_seconds=stage_seconds,
        )
        it = Scene(group, inbox, path, launcher)
        yield it
        group.close()
        for channel in it.channels.values():
            channel.close()


def test_only_missing_ranks_are_let_in(monkeypatch):
    monkeypatch.setattr(ranks, "HELLO_SECONDS", 0.2)
    with scene() as it:
        strangers = [it.dial() for _ in range(5)]
        strangers[0].sendall(b"\xff\xff\xff\xff")
        Channel(strangers[1]).send("hello", role="reference", rank=0)
        Channel(strangers[2]).send("hello", role="submission", rank=7)
        strangers[3].close()
        # The last one never says a word.
        it.connect(0)
        assert [stranger.recv(1) for stranger in (*strangers[:3], strangers[4])] == [b""] * 4
        it.channels[0].send("built")
        assert it.group.gather("built", "import")[0][0]["type"] == "built"


def test_an_error_whose_words_are_nested_lists_is_the_ranks_own():
    nested: list[Any] = []
    for _ in range(sys.getrecursionlimit()):
        nested = [nested]
    with scene() as it:
        it.connect(0)
        told = {"type": "error", "kind": nested, "message": nested, "traceback": nested}
        it.inbox.put("message", it.group, 0, told, bytearray(), 0.0)
        stopped = it.stopped(lambda: it.group.gather("built", "import"))
        assert stopped == {"kind": "exception", "rank": 0, "message": "Rank 0 raised (no text): (no text)"}


def test_a_rank_that_does_not_read_neither_blocks_the_judge_nor_outlives_its_deadline(monkeypatch):
    monkeypatch.setattr(ranks, "SEND_SECONDS", 1)
    with scene() as it:
        it.connect(0)
        it.group.serve(0, lambda: (memoryview(bytes(1 << 20)), (1, 1 << 17)))
        it.channels[0].send("draw")
        it.group.send("timed")
        assert it.stopped(lambda: it.group.gather("ready", "warmup")) == {
            "kind": "protocol",
            "rank": 0,
            "message": "Rank 0 broke the protocol between ranks and judge: it does not read what it is sent.",
        }


def test_a_message_that_never_ends_runs_into_the_deadline():
    with scene(stage_seconds=0.5) as it:
        connection = it.dial()
        it.channels[0] = Channel(connection)
        it.channels[0].send("hello", role="submission", rank=0)
        it.group.connect("import", {})
        connection.sendall(struct.pack(">I", 100) + b'{"type":')
        assert it.stopped(lambda: it.group.gather("built", "import"))["kind"] == "timeout"


def test_a_flood_of_messages_ends_the_evaluation_and_does_not_pile_up():
    with scene() as it:
        it.connect(0)
        frame = json.dumps({"type": "done", "payload": 0}).encode()

        def flood() -> None:
            with pytest.raises(OSError):
                while True:
                    connection.sendall(struct.pack(">I", len(frame)) + frame)

        connection = it.channels[0]._connection
        flooding = threading.Thread(target=flood, daemon=True)
        flooding.start()
        assert it.stopped(lambda: it.group.gather("built", "import"))["kind"] == "protocol"
        it.inbox.cancelled = True
        assert it.stopped(lambda: it.group.gather("built", "import"))["kind"] == "cancelled"
        assert it.inbox.items.qsize() <= ranks.MAX_WAITING_MESSAGES
        it.group.close()
        connection.close()
        flooding.join()


def test_batches_have_the_shape_they_have_and_end_when_the_judge_says_so():
    with scene() as it:
        it.connect(0)
        channel = it.channels[0]

        def draw() -> dict[str, Any]:
            channel.send("draw")
            return channel.receive(lambda: 64)[0]

        assert draw() == {"type": "end", "payload": 0}
        it.group.serve(0, lambda: TOKENS)
        assert draw() == {"type": "batch", "shape": [2, 4], "payload": 64}
        channel.send("done")
        assert channel.receive()[0] == {"type": "probe", "elements": {}, "payload": 0}
        assert draw() == {"type": "end", "payload": 0}


def test_a_tensor_is_taken_once_and_in_the_size_that_was_asked_for():
    with scene() as it:
        it.connect(0)
        channel = it.channels[0]

        def answer() -> None:
            assert channel.receive()[0] == {"type": "tensor", "state": "final", "name": "w", "payload": 0}
            channel.send("tensor", b"\1\2\3")
            channel.send("tensor", b"\1\2\3")

        answering = threading.Thread(target=answer, daemon=True)
        answering.start()
        assert it.group.fetch(0, "checks", 3, state="final", name="w") == b"\1\2\3"
        answering.join()
        assert it.stopped(lambda: it.group.gather("more", "checks")) == {
            "kind": "protocol",
            "rank": 0,
            "message": "Rank 0 broke the protocol between ranks and judge: "
            "a payload of 3 bytes where at most 0 may come.",
        }


def test_a_bug_behind_a_draw_is_raised_and_not_waited_for():
    with scene() as it:
        it.connect(0)

        def broken() -> Any:
            raise ZeroDivisionError("ours")

        it.group.serve(0, broken)
        it.channels[0].send("draw")
        with pytest.raises(ZeroDivisionError, match="ours"):
            it.group.gather("warm", "warmup")


def test_the_rank_that_died_is_to_blame_and_not_the_peer_that_noticed_first():
    with scene(num_ranks=2) as it:
        it.connect(0, 1)
        it.channels[0].send("error", kind="RuntimeError", message="Connection closed by peer")
        it.channels[1].close()
        assert it.stopped(lambda: it.group.gather("warm", "warmup")) == {
            "kind": "rank_exited",
            "rank": 1,
            "message": "Rank 1's process ended before its last message.",
        }


def test_the_launchers_end_is_seen_where_a_leftover_process_holds_a_connection_open():
    with scene() as it:
        it.connect(0)
        it.launcher.ended = lambda: "ended with status 1"
        assert it.stopped(lambda: it.group.gather("warm", "warmup")) == {
            "kind": "rank_exited",
            "rank": None,
            "message": "The ranks' processes ended before their last message.",
        }


def test_ranks_that_never_come_are_not_the_submissions_fault():
    with scene(stage_seconds=0.2) as it, pytest.raises(Stopped) as stopped:
        it.group.connect("import", {})
    assert (stopped.value.failure.kind, stopped.value.failure.fault) == ("environment", "environment")


def test_nothing_is_the_submissions_fault_before_it_runs():
    with scene() as it:
        it.connect(0)
        it.channels[0].send("error", kind="RuntimeError", message="out of memory")
        with pytest.raises(Stopped) as before:
            it.group.gather("built", "import")
        it.group.runs_submission = True
        it.channels[0].send("error", kind="ValueError", message="")
        with pytest.raises(Stopped) as after:
            it.group.gather("imported", "import")
    assert [(stopped.value.failure.message, stopped.value.failure.fault) for stopped in (before, after)] == [
        ("Rank 0 raised RuntimeError: out of memory", "environment"),
        ("Rank 0 raised ValueError.", "submission"),
    ]


def test_an_early_last_word_waits_for_its_turn():
    with scene(num_ranks=2) as it:
        it.connect(0, 1)
        for type_ in ("done", "finished"):
            it.channels[0].send(type_)
        it.channels[1].send("done")
        done = it.group.gather("done", "timed", then="finished")
        it.channels[1].send("finished")
        finished = it.group.gather("finished", "timed")
        assert [sorted(done), sorted(finished)] == [[0, 1], [0, 1]]
        assert done[0][1] <= finished[0][1]
