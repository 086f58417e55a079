"""The log's lines, on real pipes and without any rank."""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from judge import ROOT

from crusades_eval import log
from crusades_eval.log import Lines, RankLog, Source

ZERO, ONE = b"[rank 0] ", b"[rank 1] "


def merged(*printed: tuple[int, bytes]) -> bytes:
    """What two ranks' words become when nothing is waited for; None of a rank: its line has been held long enough."""
    lines, sources = Lines(), [Source(ZERO), Source(ONE)]
    out = b""
    for rank, data in printed:
        out += lines.release(sources[rank]) if data is None else lines.take(sources[rank], data, 0.0)
    return out + b"".join(lines.release(source) for source in sources) + lines.end_line()


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ([], b""),
        ([(0, b"a\n"), (1, b"b\nc\n")], b"[rank 0] a\n[rank 1] b\n[rank 1] c\n"),
        ([(0, b"\n\n")], b"[rank 0] \n[rank 0] \n"),
        # A line that comes in pieces stays one, whoever speaks meanwhile.
        ([(0, b"a"), (1, b"b\n"), (0, b" word\n")], b"[rank 1] b\n[rank 0] a word\n"),
        # Passed on unfinished, it goes on where it stood, or on a line of its own.
        ([(0, b"1%"), (0, None), (0, b" 2%\nx\n")], b"[rank 0] 1% 2%\n[rank 0] x\n"),
        ([(0, b"1%"), (0, None), (0, b"\n"), (0, b"\n")], b"[rank 0] 1%\n[rank 0] \n"),
        ([(0, b"1%"), (0, None), (1, b"b\n"), (0, b" 2%\n")], b"[rank 0] 1%\n[rank 1] b\n[rank 0]  2%\n"),
        ([(0, b"no end")], b"[rank 0] no end\n"),
        ([(0, b"a"), (1, b"b")], b"[rank 0] a\n[rank 1] b\n"),
        # A prefix a line, not one a carriage return; what looks like a prefix stays behind the real one.
        ([(0, b"\r10%\r20%\r\n")], b"[rank 0] \r10%\r20%\r\n"),
        ([(0, b"[rank 1] fake\n")], b"[rank 0] [rank 1] fake\n"),
        ([(0, bytes(range(256)) + b"\n")], ZERO + bytes(range(11)) + ZERO + bytes(range(11, 256)) + b"\n"),
    ],
)
def test_every_line_has_its_prefix_and_every_other_byte_stays(printed, expected):
    assert merged(*printed) == expected


def test_a_line_without_end_is_not_kept():
    lines, source = Lines(), Source(ZERO)
    block = b"x" * 10_000
    written = [lines.take(source, block, 0.0) for _ in range(100)]
    assert len(source.held) < log.HELD_BYTES
    assert b"".join(written) + lines.release(source) == ZERO + block * 100


@dataclass
class Scene:
    """A log and whoever reads it."""

    log: RankLog
    #: What its sources print to, kept open.
    ends: dict[str, int] = field(default_factory=dict)
    output: bytes = b""


@contextmanager
def scene(num_ranks: int = 1, max_bytes: int | None = None):
    read_end, write_end = os.pipe()
    it = Scene(RankLog(num_ranks, write_end, max_bytes))
    it.ends = {f"rank {rank}": os.dup(end) for rank, end in enumerate(it.log.ranks["submission"])}
    it.ends |= {f"reference {rank}": os.dup(end) for rank, end in enumerate(it.log.ranks["reference"])}
    it.ends["launcher"] = os.dup(it.log.launcher)

    def read() -> None:
        with os.fdopen(read_end, "rb", buffering=0) as stream:
            while block := stream.read(1 << 16):
                it.output += block

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    it.log.start()
    yield it
    it.log.finish()
    assert not it.log.is_alive()
    os.close(write_end)
    reading.join(10)
    for end in it.ends.values():
        os.close(end)


def test_everybody_prints_under_their_own_name_and_the_judge_under_none():
    with scene(num_ranks=2) as it:
        for name, end in it.ends.items():
            os.write(end, f"{name}'s words\n".encode())
        it.log.say(b"the judge's words\n")
    assert sorted(it.output.splitlines()) == [
        b"[launcher] launcher's words",
        b"[rank 0] rank 0's words",
        b"[rank 1] rank 1's words",
        b"[reference 0] reference 0's words",
        b"[reference 1] reference 1's words",
        b"the judge's words",
    ]


def test_the_end_takes_what_is_left_and_waits_for_nobody_who_could_still_print():
    with scene() as it:
        os.write(it.ends["rank 0"], b"x" * 60_000 + b"\nlast words")
    # `ends` were open all the while, as a grandchild would have them.
    assert it.output == ZERO + b"x" * 60_000 + b"\n" + ZERO + b"last words\n"


@pytest.mark.parametrize("lines", [10_000, 50_000, 300_000])
def test_of_a_log_that_is_too_long_the_beginning_and_the_end_stay(lines):
    """100,000 bytes and 1 MiB: shorter than both, within the second, longer."""
    printed = b"".join(b"line %07d\n" % number for number in range(lines))
    whole = b"".join(b"[rank 0] line %07d\n" % number for number in range(lines))
    with scene(max_bytes=100_000) as it, os.fdopen(os.dup(it.ends["rank 0"]), "wb") as pipe:
        pipe.write(printed)
    kept = 100_000 + log.TAIL_BYTES
    if len(whole) <= kept:
        assert bytes(it.output) == whole
    else:
        mark = b"\n[%d bytes of output dropped here]\n" % (len(whole) - kept)
        assert bytes(it.output) == whole[:100_000] + mark + whole[-log.TAIL_BYTES :]


def test_a_source_that_never_stops_does_not_put_off_the_end():
    stop = threading.Event()

    def print_on(end: int) -> None:
        while not stop.is_set():
            try:
                os.write(end, b"again\n" * 1000)
            except BrokenPipeError:
                return

    with scene() as it:
        printing = threading.Thread(target=print_on, args=(it.ends["rank 0"],), daemon=True)
        printing.start()
        while b"again" not in it.output:
            assert it.log.is_alive()
    stop.set()
    printing.join(10)
    lines = it.output.splitlines()
    assert {line[: len(ZERO)] for line in lines} == {ZERO}
    # The last one may be cut.
    assert {line[len(ZERO) :] for line in lines[:-1]} == {b"again"}


def test_the_beginning_of_a_line_is_passed_on_before_its_end_comes():
    with scene() as it:
        os.write(it.ends["rank 0"], b"10 %")
        while it.output != b"[rank 0] 10 %":
            assert it.log.is_alive()
        it.log.say(b"beside it\n")
        os.write(it.ends["rank 0"], b" 20 %\n")
    assert it.output == b"[rank 0] 10 %\nbeside it\n[rank 0]  20 %\n"


def test_a_log_that_nobody_reads_makes_ranks_wait_and_does_not_hold_up_the_end(monkeypatch):
    monkeypatch.setattr(log, "END_SECONDS", 0.05)
    read_end, write_end = os.pipe()
    held_up = RankLog(1, write_end)
    rank = os.dup(held_up.ranks["submission"][0])
    os.set_blocking(rank, False)
    held_up.start()
    printed, line = 0, b"x" * 4095 + b"\n"
    # More than the log's own pipe holds, less than that and the rank's.
    while printed < 100_000:
        try:
            printed += os.write(rank, line)
        except BlockingIOError:
            assert held_up.is_alive()
    held_up.finish()
    assert held_up.is_alive()
    os.close(read_end)
    held_up.join(10)
    assert not held_up.is_alive()
    with pytest.raises(BrokenPipeError):
        os.write(rank, b"x")
    os.close(rank)
    os.close(write_end)


@pytest.mark.parametrize("block", ["b'x' * 65536", "b'0123456789abcde' * 4096 + b'\\n'"])
def test_a_gigabyte_goes_through_in_bounded_memory(block):
    program = f"""
import os, resource, threading
from crusades_eval.log import RankLog
BLOCK = {block}
log = RankLog(1, 1)
end = os.dup(log.ranks["submission"][0])
log.start()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(2**30 // len(BLOCK)):
    os.write(end, BLOCK)
log.finish()
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
os.write(2, b"%d" % (grown * (1 if os.uname().sysname == "Darwin" else 1024)))
"""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / "simulator-image")},
    ) as process:
        total = 0
        while count := len(process.stdout.read1(1 << 20)):
            total += count
        grown = process.stderr.read()
    assert process.returncode == 0, grown
    assert total >= 2**30 // 65537 * 65536
    assert int(grown) < 32 * 1024**2
