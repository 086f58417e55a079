"""The log: what the ranks print, every line behind the name of the process that printed it.

Each rank prints into a pipe of its own. The judge, outside of the sandbox, holds the other ends and is the only one who
writes the log, so a rank cannot leave out its prefix nor print behind the reference's (docs/security.md). Bytes are
passed on as they are. Where the log is not read, the pipes fill and the ranks wait.
"""

from __future__ import annotations

import io
import os
import selectors
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

#: Ranks write a line in pieces (unbuffered, `print("a", "b")` makes four): its end is waited for so long ...
HELD_SECONDS = 0.25
#: ... and up to so many bytes.
HELD_BYTES = 64 * 1024
READ_BYTES = 64 * 1024
#: What a pipe can still hold when everybody who should write to it has ended; Linux allows an ordinary user no more.
LEFT_BYTES = 1024 * 1024
#: Of a log that is longer than it may be, the end.
TAIL_BYTES = 1024 * 1024
#: A log that is not read for so long does not hold up the verdict.
END_SECONDS = 1


@dataclass(slots=True, eq=False)
class Source:
    """Whose lines these are."""

    prefix: bytes
    #: The beginning of a line whose end has not come.
    held: bytearray = field(default_factory=bytearray)
    #: When it is passed on all the same, on the monotonic clock.
    due: float = 0.0


class Lines:
    """Merges sources line by line. A line that is passed on unfinished stays open until another source has a word."""

    def __init__(self) -> None:
        self._open: Source | None = None

    def take(self, source: Source, data: bytes, now: float) -> bytes:
        """What to write now that `source` printed `data`."""
        end = data.rfind(b"\n") + 1
        if end == 0:
            if not source.held:
                source.due = now + HELD_SECONDS
            source.held += data
            return self.release(source) if len(source.held) >= HELD_BYTES else b""
        whole = bytes(source.held) + data[:end]
        source.held = bytearray(data[end:])
        source.due = now + HELD_SECONDS
        return self._put(source, whole)

    def release(self, source: Source) -> bytes:
        """What to write so that nothing of `source` is held."""
        held, source.held = bytes(source.held), bytearray()
        return self._put(source, held)

    def end_line(self) -> bytes:
        """What to write so that the next byte begins a line."""
        ending = b"" if self._open is None else b"\n"
        self._open = None
        return ending

    def _put(self, source: Source, data: bytes) -> bytes:
        if data == b"":
            return b""
        begin = b"" if self._open is source else self.end_line() + source.prefix
        self._open = None if data.endswith(b"\n") else source
        last = len(data) if self._open is source else len(data) - 1
        return begin + data[:last].replace(b"\n", b"\n" + source.prefix) + data[last:]


class RankLog(threading.Thread):
    """Reads what the ranks of both roles and their launcher print, and writes it to `out`, a descriptor."""

    def __init__(self, num_ranks: int, out: int, max_bytes: int | None = None) -> None:
        """`max_bytes`: from there on only the log's last `TAIL_BYTES` are kept, and written at its end."""
        super().__init__(daemon=True)
        self._out = out
        self._left = max_bytes
        self._tail = bytearray()
        self._dropped = 0
        self._lines = Lines()
        #: Of the merged lines and of `out`.
        self._lock = threading.Lock()
        self._sources: dict[int, Source] = {}
        #: When something was last printed, on the monotonic clock.
        self.last_word = time.monotonic()
        self._asked_to_end, self._ask_to_end = os.pipe()
        #: What the launcher prints to, and each role's ranks by number.
        self.launcher = self._source(b"[launcher] ")
        self.ranks = {
            "reference": [self._source(b"[reference %d] " % rank) for rank in range(num_ranks)],
            "submission": [self._source(b"[rank %d] " % rank) for rank in range(num_ranks)],
        }

    def _source(self, prefix: bytes) -> int:
        """The end to print to."""
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        self._sources[read_end] = Source(prefix)
        return write_end

    def start(self, kept: Sequence[int] = ()) -> None:
        """After the launcher has its ends: those here are closed, but for the ones `kept` for later."""
        for write_end in (self.launcher, *self.ranks["reference"], *self.ranks["submission"]):
            if write_end not in kept:
                os.close(write_end)
        super().start()

    def say(self, data: bytes) -> None:
        """The judge's own words, on lines of their own."""
        with self._lock:
            self._write(self._lines.end_line() + data)

    def finish(self) -> None:
        """Writes what is left, when the ranks have ended; from any thread, and more than once.

        Who still holds a pipe open is not waited for.
        """
        if self.is_alive():
            os.write(self._ask_to_end, b"\0")
            self.join(END_SECONDS)

    def run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for read_end in (*self._sources, self._asked_to_end):
                selector.register(read_end, selectors.EVENT_READ)
            try:
                while self._pass_on(selector):
                    pass
                for read_end, source in self._sources.items():
                    self._drain(read_end, source)
                with self._lock:
                    self._write(self._lines.end_line())
                    self._write_tail()
            except OSError:
                pass  # nobody takes the log any more; as without this, who prints on is told so
            finally:
                for read_end in self._sources:
                    os.close(read_end)

    def _pass_on(self, selector: selectors.BaseSelector) -> bool:
        """Waits for something to do and does it; False when asked to end."""
        due = [source.due for source in self._sources.values() if source.held]
        events = selector.select(max(0.0, min(due) - time.monotonic()) if due else None)
        for key, _ in events:
            if key.fd == self._asked_to_end:
                return False
            if self._read(key.fd) == 0:
                selector.unregister(key.fd)
        now = time.monotonic()
        for source in self._sources.values():
            if source.held and source.due <= now:
                self._release(source)
        return True

    def _read(self, read_end: int) -> int | None:
        """How many bytes there were; 0 when no more can come, None when none are there now."""
        try:
            data = os.read(read_end, READ_BYTES)
        except BlockingIOError:
            return None
        now = time.monotonic()
        if data:
            self.last_word = now
        with self._lock:
            self._write(self._lines.take(self._sources[read_end], data, now))
        return len(data)

    def _release(self, source: Source) -> None:
        with self._lock:
            self._write(self._lines.release(source))

    def _drain(self, read_end: int, source: Source) -> None:
        left = LEFT_BYTES
        while left > 0 and (count := self._read(read_end)):
            left -= count
        self._release(source)

    def _write(self, data: bytes) -> None:
        if self._left is None:
            _write_all(self._out, data)
            return
        _write_all(self._out, data[: self._left])
        self._tail += data[self._left :]
        self._left -= min(self._left, len(data))
        # Rarely, as the rest is moved.
        if (excess := len(self._tail) - TAIL_BYTES) > TAIL_BYTES:
            del self._tail[:excess]
            self._dropped += excess

    def _write_tail(self) -> None:
        if excess := max(0, len(self._tail) - TAIL_BYTES):
            del self._tail[:excess]
            self._dropped += excess
        if self._dropped:
            _write_all(self._out, b"\n[%d bytes of output dropped here]\n" % self._dropped)
        _write_all(self._out, self._tail)
        self._left, self._tail, self._dropped = None, bytearray(), 0  # few words can follow


def _write_all(out: int, data: bytes | bytearray) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(out, view) :]


class _JudgesWords(io.RawIOBase):
    def __init__(self, log: RankLog) -> None:
        self._log = log

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        self._log.say(bytes(data))
        return len(data)


def print_beside(log: RankLog) -> None:
    """What Python prints in this process goes between the ranks' lines, never into one."""
    words = io.TextIOWrapper(
        io.BufferedWriter(_JudgesWords(log)), encoding="utf-8", errors="backslashreplace", line_buffering=True
    )
    sys.stdout = sys.stderr = words


def print_to(own: int, all_ends: Iterable[int]) -> None:
    """In a rank: prints to `own` from here on, and holds none of the others' ends."""
    os.dup2(own, 1)
    os.dup2(own, 2)
    for end in all_ends:
        os.close(end)
