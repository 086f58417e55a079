"""Runs a real judge, as the workbench does, and asserts that it left nothing behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
POLICY = json.loads((ROOT / "hparams" / "scan-policy.json").read_text(encoding="utf-8"))
BUBBLEWRAP = shutil.which("bwrap")
#: Any evaluation of these tests ends long before; a test must not hang where a judge does.
MAX_SECONDS = 240
#: A rank that prints without end must not fill this process's memory.
KEPT_OUTPUT = 1_000_000
#: What production's profile says where a file does not (spec/evaluation.md section 5).
DEFAULT_MFU = {"gpu_peak_tflops": 312.0, "max_plausible_mfu": 75.0, "min_mfu": 35.0}

needs_sandbox = pytest.mark.skipif(BUBBLEWRAP is None, reason="needs sandbox: no bwrap on this machine")


def profile(name: str, changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """`quick` or `rehearsal`, complete; `changes` maps dotted paths to values."""
    path = {"quick": ROOT / "fixtures/submissions/quick.json", "rehearsal": ROOT / "hparams/rehearsal.json"}[name]
    resolved = {"mfu": DEFAULT_MFU, **json.loads(path.read_text(encoding="utf-8"))}
    for dotted, value in (changes or {}).items():
        *parents, last = dotted.split(".")
        section = resolved
        for parent in parents:
            section = section[parent]
        section[last] = value
    return resolved


def production_order(production: dict[str, Any] | None) -> dict[str, Any]:
    """What makes an order one to judge by production's code."""
    return {} if production is None else {"version": 2, "production": production}


def production_arguments(production: dict[str, Any] | None) -> list[str]:
    return [] if production is None else ["--production-on-cpu"]


@dataclass
class Run:
    """One judge: alive inside `started_judge`, finished and looked at after it."""

    process: subprocess.Popen
    run_id: str
    temporary: Path
    events: list[dict[str, Any]] = field(default_factory=list)
    output: str = ""
    seconds: float = 0.0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def result(self) -> dict[str, Any]:
        assert self.events, f"no event at all; its output: {self.output[-2000:]}"
        assert self.events[-1]["type"] == "result", self.events[-1]
        return self.events[-1]

    @property
    def failure(self) -> dict[str, Any]:
        return self.result["failure"] or {}

    def checks(self) -> dict[str, dict[str, Any]]:
        return {event["name"]: event for event in self.events if event["type"] == "check"}

    def printed(self, source: str) -> list[str]:
        """The lines of `source` ("rank 0", "launcher"), without the prefix that says so."""
        prefix = f"[{source}] "
        return [line.removeprefix(prefix) for line in self.output.split("\n") if line.startswith(prefix)]

    def notes(self) -> set[str]:
        return {event["id"] for event in self.events if event["type"] == "note"}

    def wait_for(self, **wanted: Any) -> None:
        """Until an event with these fields has come; fails where the judge ends without it."""

        def seen() -> bool:
            return any(wanted.items() <= event.items() for event in self.events)

        with self._changed:
            assert self._changed.wait_for(lambda: seen() or self.process.poll() is not None, MAX_SECONDS)
        assert seen(), f"no event {wanted}"

    def say(self, line: str) -> None:
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def processes(self) -> dict[int, str]:
        """pid -> command line of every living process of this run (Linux: its environment tells)."""
        found = {}
        mark = f"CRUSADER_RUN_ID={self.run_id}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        return found

    def _read_events(self, stream: Any) -> None:
        for line in stream:
            with self._changed:
                self.events.append(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _read_output(self, stream: Any) -> None:
        kept = bytearray()
        while block := stream.read1(1 << 20):
            kept += block[: max(0, KEPT_OUTPUT - len(kept))]
        self.output = kept.decode(errors="replace")


def _assert_nothing_left(run: Run, folder_too: bool) -> None:
    """A killed process needs a moment to be gone; nothing that lives longer was killed."""
    deadline = time.monotonic() + 5
    while (left := run.processes()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left == {}
    if folder_too:
        assert list(run.temporary.iterdir()) == []


@contextmanager
def started_judge(
    source: bytes | Path,
    *,
    ranks: int = 1,
    settings: dict[str, Any] | None = None,
    seed: str | None = None,
    sandbox: bool = True,
    expect_killed: bool = False,
    production: dict[str, Any] | None = None,
):
    """A judge at work on `source`; on leaving the block it is waited for, and nothing of it may be left.

    `production`: an order's field of that name; then production's code, here a double, judges on the CPU.

    `expect_killed`: the test kills the judge itself, which then cannot remove its socket's folder.
    """
    # Not pytest's own folder: a Unix socket's path holds about 100 bytes.
    with tempfile.TemporaryDirectory(prefix="judged-") as folder:
        temporary = Path(folder, "tmp")
        temporary.mkdir()
        if isinstance(source, bytes):
            path = Path(folder, "train.py")
            path.write_bytes(source)
        else:
            path = source
        run_id = f"test-{uuid.uuid4().hex}"
        order = {
            "version": 1,
            "runId": run_id,
            "repeat": 0,
            "sourcePath": str(path),
            "profile": settings or profile("quick"),
            "policy": POLICY,
            "numRanks": ranks,
            "seed": seed or uuid.uuid4().hex,
            "sandbox": {"kind": "bubblewrap", "program": BUBBLEWRAP} if sandbox and BUBBLEWRAP else {"kind": "none"},
        } | production_order(production)
        events_out, events_in = os.pipe()
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "simulator-image"),
            "CRUSADER_RUN_ID": run_id,
            "TMPDIR": str(temporary),
        }
        started = time.monotonic()
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "crusades_eval.judge",
                "--events-fd",
                str(events_in),
                *production_arguments(production),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[events_in],
            env=environment,
        )
        os.close(events_in)
        run = Run(process, run_id, temporary)
        readers = [
            threading.Thread(target=run._read_events, args=(os.fdopen(events_out, encoding="utf-8"),), daemon=True),
            threading.Thread(target=run._read_output, args=(process.stdout,), daemon=True),
        ]
        for reader in readers:
            reader.start()
        try:
            run.say(json.dumps(order))
            yield run
            process.wait(MAX_SECONDS)
            run.seconds = time.monotonic() - started
            for reader in readers:
                reader.join(10)
                assert not reader.is_alive(), "somebody still holds the judge's output open"
            _assert_nothing_left(run, folder_too=not expect_killed)
        finally:
            process.kill()
            for pid in run.processes():
                os.kill(pid, signal.SIGKILL)
    if not expect_killed:
        assert process.returncode == 0, run.output[-3000:]


def run_judge(source: bytes | Path, **options: Any) -> Run:
    """One evaluation from start to end."""
    with started_judge(source, **options) as run:
        pass
    return run
