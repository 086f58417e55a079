"""Runs the judge and its ranks in a real container, by plain docker commands, with every limit of production's.

The image comes from `npm test` (scripts/test-image.mjs), which names it in CRUSADER_TEST_IMAGE.
"""

import base64
import json
import os
import subprocess
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from judge import KEPT_OUTPUT, MAX_SECONDS, POLICY, production_arguments, production_order, profile

IMAGE = os.environ.get("CRUSADER_TEST_IMAGE", "")
#: The distribution's own command first, as its engine fits it.
DOCKER = next((path for path in ("/usr/bin/docker", "/usr/local/bin/docker") if Path(path).exists()), "docker")
JUDGE = ["python", "-m", "crusades_eval.judge", "--detached"]
LAUNCHER = ["python", "-m", "crusades_eval.launcher", "--join", "/tmp/crusader/judge.sock"]

needs_docker = pytest.mark.skipif(
    IMAGE == "", reason="needs docker: CRUSADER_TEST_IMAGE names no image (node scripts/test-image.mjs makes one)"
)


def docker(*arguments: str, check: bool = True) -> str:
    done = subprocess.run([DOCKER, *arguments], capture_output=True, text=True, errors="replace", timeout=MAX_SECONDS)
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout


def limits(ranks: int, *, memory: str, tmp: str, pids: int | None) -> list[str]:
    """spec/evaluation.md section 6, without GPUs."""
    return [
        *("--memory", memory, "--shm-size", "1g", "--network", "none", "--cap-drop", "ALL"),
        *("--security-opt", "no-new-privileges", "--read-only", "--pids-limit", str(pids or 1024 * ranks)),
        *("--tmpfs", f"/tmp:rw,exec,nosuid,size={tmp}", "--tmpfs", "/home/appuser/.triton:rw,exec,size=2g"),
        *("--stop-timeout", "30"),
    ]


@dataclass
class Container:
    """One evaluation: its events as they come, and everything the engine kept once it has ended."""

    id: str
    process: subprocess.Popen
    lines: list[str] = field(default_factory=list)
    #: Its end.
    log: bytes = b""
    log_bytes: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every line is one: json.loads fails for anything else."""
        return [json.loads(line) for line in self.lines]

    @property
    def result(self) -> dict[str, Any]:
        assert self.lines, self.log[-2000:]
        assert self.events[-1]["type"] == "result", self.events[-1]
        return self.events[-1]

    @property
    def failure(self) -> dict[str, Any]:
        return self.result["failure"] or {}

    def printed(self, source: str) -> list[str]:
        prefix = f"[{source}] "
        lines = self.log.decode(errors="replace").split("\n")
        return [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]

    def wait_for(self, **wanted: Any) -> None:
        def seen() -> bool:
            return any(wanted.items() <= event.items() for event in self.events)

        with self._changed:
            assert self._changed.wait_for(lambda: seen() or self.process.poll() is not None, MAX_SECONDS)
        assert seen(), f"no event {wanted}: {self.lines}"

    def wait(self) -> None:
        self.process.wait(MAX_SECONDS)

    def state(self) -> dict[str, Any]:
        return json.loads(docker("inspect", "--format", "{{json .State}}", self.id))

    def start_launcher(self, user: str = "appuser") -> None:
        docker("exec", "--detach", "--user", user, self.id, *LAUNCHER)

    def _read_events(self, stream: Any) -> None:
        for line in stream:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _read_log(self, stream: Any) -> None:
        while block := stream.read1(1 << 20):
            self.log = (self.log + block)[-KEPT_OUTPUT:]
            self.log_bytes += len(block)


@contextmanager
def started_container(
    source: bytes,
    *,
    ranks: int = 1,
    settings: dict[str, Any] | None = None,
    launcher: bool = True,
    memory: str = "4g",
    tmp: str = "4g",
    pids: int | None = None,
    flags: list[str] | None = None,
    production: dict[str, Any] | None = None,
):
    """A judge at work in a container of its own; on leaving the block it is waited for, then removed.

    `launcher`: whether it is given its launcher; `flags`: instead of production's limits; `production`: as in judge.py.
    """
    order = {
        "version": 1,
        "runId": f"test-{uuid.uuid4().hex}",
        "repeat": 0,
        "source": base64.b64encode(source).decode(),
        "profile": settings or profile("quick"),
        "policy": POLICY,
        "numRanks": ranks,
        "seed": uuid.uuid4().hex,
        "sandbox": {"kind": "container"},
    } | production_order(production)
    used = limits(ranks, memory=memory, tmp=tmp, pids=pids) if flags is None else flags
    identity = docker(
        "create", "--interactive", "--user", "judge", *used, IMAGE, *JUDGE, *production_arguments(production)
    ).strip()
    try:
        process = subprocess.Popen(
            [DOCKER, "start", "--attach", "--interactive", identity],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        container = Container(identity, process)
        readers = [
            threading.Thread(target=container._read_events, args=(_text(process.stdout),), daemon=True),
            threading.Thread(target=container._read_log, args=(process.stderr,), daemon=True),
        ]
        for reader in readers:
            reader.start()
        process.stdin.write(json.dumps(order).encode() + b"\n")
        # The end of stdin is no reason to end: the workbench may go away.
        process.stdin.close()
        if launcher:
            container.wait_for(type="note", id="waiting_for_launcher")
            container.start_launcher()
        yield container
        container.wait()
        for reader in readers:
            reader.join(MAX_SECONDS)
    finally:
        docker("rm", "--force", "--volumes", identity)


def _text(stream: Any) -> Any:
    return open(stream.fileno(), encoding="utf-8", closefd=False)


def run_container(source: bytes, **options: Any) -> Container:
    with started_container(source, **options) as container:
        pass
    return container
