"""The judge: evaluates one train.py once, and is the only one who says how it went.

It never imports the submission. It scans the file, has the reference run by ranks of its own, keeps the reference's
final state and the order of the data, hands the submission's ranks their batches when the clock starts, times them
with its own clock beside theirs, fetches their tensors and computes every check (docs/security.md).

    python -m crusades_eval.judge --events-fd 3  < order.json   (docs/architecture.md)
    python -m crusades_eval.judge --detached     < order.json   in a container of its own (container.py)
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import math
import os
import platform
import random
import shutil
import signal
import socket
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from .container import FOLDER, SOCKET_NAME, WAITING_NOTE, ContainerLimits, JoinedLauncher, NotJoined, wait_for_launcher
from .events import PRODUCTION_STAGES, Check, EventStream, Failure, to_json
from .hints import HINTS
from .log import RankLog, print_beside
from .mfu import mfu_percent, unique_tokens
from .ranks import Group, Inbox, Stopped, cancelled
from .sandbox import (
    SOCKET_FOLDER,
    SUBMISSION_PATH,
    RankProcesses,
    Watch,
    bubblewrap_command,
    hide_from_siblings,
    rank_environment,
)
from .scan import scan
from .settings import Order, Settings
from .telemetry import Telemetry
from .topology import check_topology, effective_topology

if TYPE_CHECKING:  # torch takes a second to import: not before the static checks have passed
    import torch

    from .data import BatchSource
    from .verify import WeightSums

#: The validator downloads no more (spec/chain.md).
MAX_SOURCE_BYTES = 500_000
#: A rehearsal's model is too small for more threads to help.
MAX_THREADS_PER_RANK = 4
#: Ranks whose times differ by more than this share are worth a warning (docs/security.md).
RANKS_DIVERGE = 0.1
#: Enough to tell a state that lacks its last steps from a finished one, few enough to answer in milliseconds.
PROBED_ELEMENTS = 4096
#: No timed run is shorter; divided by less, figures grow out of what their readers can hold.
SHORTEST_SECONDS = 1e-6
#: An engine keeps both streams on its disk; what a submission prints must not fill it.
MAX_DETACHED_LOG_BYTES = 128 * 1024**2
DATASET_PATH = "/home/appuser/.cache/templar/dataset.json"


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "system": platform.platform()}
    for package in ("torch", "transformers", "numpy", "flash-attn"):
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


def _is_size(value: object) -> bool:
    """Whether this is a count that every reader of the events can hold; a rank may claim any number."""
    return type(value) is int and 0 <= value < 2**53


def _seconds(value: object) -> float:
    """A duration a rank claims; NaN where it claims nonsense."""
    return float(value) if isinstance(value, float) or _is_size(value) else math.nan


def _shape_of(logits: object) -> list[int] | None:
    """The shape a rank claims for its logits; None where there are none."""
    shape = logits.get("shape") if isinstance(logits, dict) else None
    if not isinstance(shape, list) or not all(_is_size(size) for size in shape):
        return None
    return shape


def _state_of(state: object) -> dict[str, dict[str, Any]]:
    """The well-formed entries of the final_state a rank claims to have."""
    if not isinstance(state, dict):
        return {}
    return {
        name: entry
        for name, entry in state.items()
        if isinstance(entry, dict) and isinstance(entry.get("shape"), list) and isinstance(entry.get("dtype"), str)
    }


class Judge:
    """One evaluation. `evaluate` writes every event, the result included, and leaves no process behind."""

    def __init__(self, order: Order, events: EventStream, max_log_bytes: int | None = None) -> None:
        """`max_log_bytes`: of the log, no more is written than so much and its end (log.py)."""
        self._order = order
        self._max_log_bytes = max_log_bytes
        self._settings: Settings = order.settings
        self._events = events
        self._inbox = Inbox()
        self._processes: RankProcesses | JoinedLauncher | None = None
        self._log: RankLog | None = None
        self._watch: Watch | None = None
        self._telemetry: Telemetry | None = None
        #: Holds the judge's socket and, where the order brought its bytes, the submission.
        self._folder: str | None = None
        self._listener: socket.socket | None = None
        self._stage = "scan"
        self._importing = False
        self._strategy: dict[str, int] | None = None
        self._checks: list[Check] = []
        self._measured: dict[str, Any] = {
            "mfuPercent": None,
            "relativeSpeed": None,
            "timedSeconds": None,
            "judgeSeconds": None,
            "referenceSeconds": None,
            "uniqueTokens": None,
            "tokensPerSecond": None,
            "parameters": None,
        }

    def cancel(self) -> None:
        """From any thread or signal handler: ends the evaluation within 0.1 s of its next wait."""
        self._inbox.cancelled = True

    def cancel_now(self, *_: object) -> None:
        """The signal handler of the main thread, which runs `evaluate`: does not wait for an import of torch's."""
        self.cancel()
        if self._importing:
            self._importing = False  # a second signal must not interrupt what follows
            raise Stopped(cancelled(self._stage))

    def kill(self) -> None:
        """From any thread, not from a signal handler (a wait it interrupts may hold the same lock)."""
        if self._processes is not None:
            self._processes.kill()

    def clean_up(self) -> None:
        """Leaves no process and no file behind; from any thread, and more than once."""
        if self._watch is not None:
            self._watch.stop()
        self.kill()
        if self._telemetry is not None:
            self._telemetry.stop()
        if self._log is not None:
            self._log.finish()
        if self._listener is not None:
            self._listener.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    # -- the course of an evaluation ----------------------------------------------------------------------------

    def evaluate(self) -> None:
        failure: Failure | None = None
        try:
            self._judge()
        except Stopped as stopped:
            failure = stopped.failure
        except ImportError as error:
            failure = self._environment_failure(
                f"A Python package is missing or broken: {error}.", hint="`crusader setup` prepares the environment."
            )
        except Exception:  # noqa: BLE001 - a bug of ours must still end in a result
            failure = Failure(
                kind="internal",
                code=None,
                fault="workbench",
                stage=self._stage,
                message="The evaluation itself failed; this says nothing about the submission.",
                hint="Please report it with the detail below.",
                detail=traceback.format_exc(),
            )
        finally:
            self.clean_up()
        if failure is not None and self._inbox.cancelled:
            failure = cancelled(self._stage)  # ranks that were ended for it look like ranks that died
        self._events.close_stages()
        outcome = "passed"
        if failure is not None:
            outcome = {"submission": "failed", "user": "cancelled"}.get(failure.fault, "error")
        self._events.result(
            outcome,
            failure=None if failure is None else to_json(failure),
            seed=self._order.seed,
            numRanks=self._order.num_ranks,
            strategy=self._strategy,
            device=self._settings.device,
            **self._measured,
            peakMemoryBytesPerRank=(self._watch.peak_bytes or None) if self._watch is not None else None,
            versions=_versions(),
            **self._more_results(),
        )

    def _judge(self) -> None:
        """All of it; raises `Stopped` where the submission does not pass."""
        with self._run_stage("scan"):
            self._scan()
        with self._run_stage("topology"):
            self._read_topology()
        self._refuse_cuda()
        self._try_to_start_ranks()
        self._judge_ranks()

    def _more_results(self) -> dict[str, Any]:
        """Fields of the result that only some ways of judging have."""
        return {}

    @contextlib.contextmanager
    def _run_stage(self, stage: str) -> Iterator[None]:
        self._stage = stage
        self._events.stage_started(stage)
        yield  # after an exception the stage stays open, and is closed as failed with the verdict
        self._events.stage_ended(stage, "passed")

    def _fail(self, kind: str, message: str, **fields: Any) -> Stopped:
        fields.setdefault("fault", "submission")
        fields.setdefault("code", None)
        fields.setdefault("hint", HINTS.get(fields["code"], ""))
        return Stopped(Failure(kind=kind, message=message, stage=self._stage, **fields))

    def _environment_failure(self, message: str, hint: str) -> Failure:
        return Failure(
            kind="environment",
            code=None,
            fault="environment",
            stage=self._stage,
            message=message,
            hint=hint,
            detail=traceback.format_exc(),
        )

    # -- before anything runs -----------------------------------------------------------------------------------

    def _scan(self) -> None:
        failure = self._scan_verdict()
        if failure is not None:
            raise failure

    def _scan_verdict(self) -> Stopped | None:
        """Notes what the scan finds; None where it lets the file pass. Raises what cannot be scanned."""
        source = self._order.source
        if isinstance(source, bytes):
            size = len(source)
        else:
            try:
                size = source.stat().st_size
                source = source.read_bytes() if size <= MAX_SOURCE_BYTES else b""
            except OSError as error:
                raise self._fail("scan", f"The file cannot be read: {error.strerror}.", fault="environment") from error
        if size > MAX_SOURCE_BYTES:
            raise self._fail("scan", f"The file has {size:,} bytes; the validator takes at most {MAX_SOURCE_BYTES:,}.")
        report = scan(source, self._order.policy, self._order.num_ranks)
        self._strategy = report["strategy"]
        self._cuda_needs = report["cudaNeeds"]
        for finding in report["findings"]:
            self._events.note("finding", finding["rule"], finding["message"], finding["line"])
        verdict = report["verdict"]
        if verdict["ok"]:
            return None
        message = next(
            (
                finding["message"]
                for finding in report["findings"]
                if finding["rule"] == verdict["rule"] and verdict["line"] in (None, finding["line"])
            ),
            "The scan rejects the file.",
        )
        return self._fail(
            "scan",
            f"The validator's {verdict['kind']} check rejects the file ({verdict['rule']}): {message}",
            line=verdict["line"],
            hint="See all findings: crusader scan FILE",
        )

    def _read_topology(self) -> None:
        problem = check_topology(self._strategy, self._order.num_ranks)
        if problem is not None:
            raise self._fail(
                "topology",
                problem,
                hint="get_strategy() returns a literal whose dp_size * tp_size is the number of GPUs; "
                "--num-gpus sets that number for a run.",
            )
        self._strategy = effective_topology(self._strategy, self._order.num_ranks)

    def _refuse_cuda(self) -> None:
        if self._settings.device != "cpu" or not self._cuda_needs or self._order.ignore_cuda_needs:
            return
        for need in self._cuda_needs:
            self._events.note("info", "needs_cuda", f"Needs CUDA: {need['what']}.", need["line"])
        places = ", ".join(f"line {need['line']}: {need['what']}" for need in self._cuda_needs[:5])
        self._stage = "prepare"
        raise self._fail(
            "needs_cuda",
            f"The file cannot run without CUDA ({places}). Scan and topology were judged; nothing was run.",
            fault="environment",
            line=self._cuda_needs[0]["line"],
            hint="Guard such lines with `if device.type == 'cuda':`, or evaluate on a GPU.",
        )

    # -- processes ----------------------------------------------------------------------------------------------

    def _try_to_start_ranks(self) -> None:
        try:
            self._start_ranks()
        except NotJoined as error:
            raise Stopped(
                self._environment_failure(
                    str(error),
                    hint="The workbench starts it in the judge's container as another user, with all capabilities "
                    "dropped and no new privileges. A slow engine may need a second try.",
                )
            ) from error
        except OSError as error:
            raise Stopped(
                self._environment_failure(
                    f"The ranks cannot be started: {error}.",
                    hint="They need a writable folder for temporary files and, in a sandbox, bubblewrap.",
                )
            ) from error

    def _start_ranks(self) -> None:
        self._stage = "prepare"
        self._events.stage_started("prepare")
        order, settings = self._order, self._settings
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._threads = min(MAX_THREADS_PER_RANK, max(1, cores // order.num_ranks))
        in_container = order.sandbox == "container"
        if in_container:
            self._folder = FOLDER
            os.mkdir(self._folder)
            os.chmod(self._folder, 0o711)  # to be entered, and neither listed nor written
        else:
            # Not in the run's folder: a Unix socket's path holds about 100 bytes.
            self._folder = tempfile.mkdtemp(prefix="crusader-")
        path = os.path.join(self._folder, SOCKET_NAME)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        if in_container:
            os.chmod(path, 0o666)  # to connect is to write
        self._listener.listen(order.num_ranks)
        if isinstance(order.source, bytes):
            source_path = os.path.join(self._folder, "train.py")
            with open(source_path, "wb") as file:
                file.write(order.source)
            os.chmod(source_path, 0o444)
        else:
            source_path = str(order.source.resolve())

        if settings.device == "cuda":
            self._observe_gpus()
        self._log = RankLog(order.num_ranks, sys.stderr.fileno(), self._max_log_bytes)
        launcher = ["--ranks", str(order.num_ranks), "--device", settings.device, *self._launcher_options]
        if in_container:
            self._processes = self._join(launcher)
        else:
            self._processes = self._start(launcher, source_path)
        given = {end for ends in self._ends_for_launcher().values() for end in ends}
        self._log.start(kept=[end for ends in self._log.ranks.values() for end in ends if end not in given])
        print_beside(self._log)
        self._visible_source = SUBMISSION_PATH if order.sandbox == "bubblewrap" else source_path
        #: The judge's own folder, where the ranks see it.
        self._visible_folder = SOCKET_FOLDER if order.sandbox == "bubblewrap" else self._folder
        self._watch = Watch(
            None if in_container else self._processes.process.pid,
            num_ranks=order.num_ranks,
            memory_bytes_per_rank=settings.memory_bytes_per_rank,
            processes_per_rank=settings.processes_per_rank,
            on_limit=lambda kind, rank, value: self._inbox.put("limit", kind, rank, value),
            container=ContainerLimits() if in_container else None,
            helper=lambda: None if self._telemetry is None else self._telemetry.pid,
        )
        self._watch.start()

    def _observe_gpus(self) -> None:
        """From before the first rank on: what others use of the GPUs is seen by itself."""
        try:
            self._telemetry = Telemetry(self._events, self._order.num_ranks)
        except OSError as error:
            self._events.note("info", "no_gpu_telemetry", f"The GPUs are not observed: {error}.")
            return
        self._telemetry.wait_until_ready(self._stop_if_cancelled)

    def _stop_if_cancelled(self) -> None:
        if self._inbox.cancelled:
            raise Stopped(cancelled(self._stage))

    #: More arguments of the launcher's.
    _launcher_options: tuple[str, ...] = ()

    def _ends_for_launcher(self) -> dict[str, list[int]]:
        """What the launcher gives its ranks to print to."""
        return self._log.ranks

    def _environment(self, home: str, temporary: str) -> dict[str, str]:
        return rank_environment(
            run_id=self._order.run_id,
            threads=self._threads,
            home=home,
            temporary=temporary,
            device=self._settings.device,
        )

    def _start(self, arguments: list[str], source_path: str) -> RankProcesses:
        """The launcher as a process of this one, in the order's sandbox."""
        sandboxed = self._order.bubblewrap is not None
        home = "/tmp" if sandboxed else self._folder
        environment = self._environment(home, home)
        launcher = [sys.executable, "-m", "crusades_eval.launcher", *arguments]
        for role, ends in self._ends_for_launcher().items():
            launcher += [f"--{role}-logs", ",".join(str(end) for end in ends)]
        if sandboxed:
            command = bubblewrap_command(
                self._order.bubblewrap, source_path=source_path, socket_folder=self._folder, environment=environment
            )
            command += [*launcher, "--socket", f"{SOCKET_FOLDER}/{SOCKET_NAME}"]
        else:
            hide_from_siblings()
            command = [*launcher, "--socket", os.path.join(self._folder, SOCKET_NAME)]
        passed = [end for ends in self._ends_for_launcher().values() for end in ends]
        return RankProcesses(command, environment, output=self._log.launcher, passed=passed)

    def _join(self, arguments: list[str]) -> JoinedLauncher:
        """The launcher that the workbench starts beside this process, in its container."""
        self._events.note("info", WAITING_NOTE, "The judge is ready for the ranks, who run as another user.")

        return wait_for_launcher(
            self._listener,
            environment=lambda home: self._environment(home, "/tmp"),
            arguments=arguments,
            own_output=self._log.launcher,
            logs=self._ends_for_launcher(),
            poll=self._stop_if_cancelled,
        )

    def _group(self, role: str) -> Group:
        return Group(
            role=role,
            num_ranks=self._order.num_ranks,
            listener=self._listener,
            processes=self._processes,
            watch=self._watch,
            inbox=self._inbox,
            stage_seconds=self._settings.stage_seconds,
        )

    # -- the evaluation proper ----------------------------------------------------------------------------------

    def _samples(self) -> tuple[torch.Tensor, int | None]:
        """All samples in the run's order, and the size the vocabulary is resized to (None: as configured)."""
        from . import data

        settings = self._settings
        if "name" in settings.model:
            path = Path(os.environ.get("CACHED_DATASET_PATH", DATASET_PATH))
            try:
                tokenizer = data.load_tokenizer(settings.tokenizer_name or settings.model["name"])
                samples = data.text_samples(dataset=path, tokenizer=tokenizer, seq_len=settings.seq_len)
                if not len(samples):
                    raise ValueError(f"{path} holds no texts")
            except (OSError, ValueError) as error:
                raise Stopped(
                    self._environment_failure(
                        f"Tokenizer or texts cannot be read: {str(error)[:1000]}.",
                        hint="The production image holds both; CACHED_DATASET_PATH names another list of texts.",
                    )
                ) from error
            vocab_size = len(tokenizer) if settings.tokenizer_name else None
        else:
            vocab_size = None
            samples = data.synthetic_samples(
                num_samples=settings.data_samples,
                seq_len=settings.seq_len,
                vocab_size=settings.model["vocab_size"],
                master_seed=settings.master_seed,
            )
        order = data.sample_order(self._order.seed, len(samples), settings.data_samples)
        return samples[order], vocab_size

    def _source(self, samples: torch.Tensor) -> BatchSource:
        from .data import BatchSource

        return BatchSource(
            samples,
            batch_size=self._settings.batch_size,
            num_ranks=self._order.num_ranks,
            dp_size=self._strategy["dp_size"],
            tp_size=self._strategy["tp_size"],
        )

    def _serve(self, group: Group, source: BatchSource | None) -> None:
        import torch

        def draw(rank: int) -> tuple[memoryview, tuple[int, ...]]:
            batch = source.draw(rank)
            return memoryview(batch.contiguous().view(-1).view(torch.uint8).numpy()), tuple(batch.shape)

        for rank in range(self._order.num_ranks):
            group.serve(rank, None if source is None else functools.partial(draw, rank))

    def _import_torch(self) -> None:
        """Takes seconds, which a cancel does not wait for."""
        self._importing = True
        from . import data, verify  # noqa: F401

        self._importing = False

    def _judge_ranks(self) -> None:
        self._import_torch()
        from .data import torch_seed

        order, settings, events = self._order, self._settings, self._events
        samples, vocab_size = self._samples()
        setup = {
            "model": settings.model,
            "vocabSize": vocab_size,
            "torchSeed": torch_seed(order.seed),
            "batchSize": settings.batch_size,
            "seqLen": settings.seq_len,
            "evalSteps": settings.eval_steps,
            "threadsPerRank": self._threads,
            "stageSeconds": settings.stage_seconds,
            "sourcePath": self._visible_source,
        }
        if settings.device == "cuda" and "flash-attn" not in _versions():
            events.note(
                "warning",
                "no_flash_attention",
                "flash-attn is not installed: attention is SDPA's, unlike production's.",
            )
        if len(samples) < settings.batch_size:
            message = f"There are {len(samples)} samples for batches of {settings.batch_size}: total_tokens cannot fit."
            events.note("warning", "few_samples", message)
        if order.sandbox == "none":
            events.note("warning", "no_sandbox", "The ranks run without a sandbox, as this user.")
        if settings.device == "cpu" and order.num_ranks > 1:
            from .cpu_shim import NOTE

            events.note("info", "fsdp1_cpu_shim", NOTE)

        reference = self._group("reference")
        reference.connect("prepare", setup)
        self._serve(reference, self._source(samples))
        reference.gather("ready", "prepare")
        events.stage_ended("prepare", "passed")
        with self._run_stage("reference"):
            self._take_reference(reference)
        reference.close()

        submission = self._group("submission")
        with self._run_stage("import"):
            submission.connect("import", setup)
            # From here on the submission's code may run: nobody else is let in.
            self._listener.close()
            submission.gather("built", "import")
            submission.runs_submission = True
            submission.send("import")
            self._check_import(submission.gather("imported", "import"))
        with self._run_stage("warmup"):
            # Production starts at a random offset. Ours is another order: who draws on in the warm-up would otherwise
            # know the timed run's but for its start, and could train from a guess before the clock starts.
            elsewhere = list(range(len(samples)))
            random.Random(sha256(f"warmup {order.seed}".encode()).digest()).shuffle(elsewhere)
            self._serve(submission, self._source(samples[elsewhere]))
            submission.send("warmup")
            self._check_warmup(submission.gather("warm", "warmup"))
            self._serve(submission, None)
            submission.send("timed")
            before = submission.gather("ready", "warmup")[0][0]
        with self._run_stage("timed"):
            source = self._source(samples)
            self._serve(submission, source)
            finished, clocks = self._time(submission, source)
        self._measure(clocks)
        with self._run_stage("checks"):
            self._check_result(submission, before, finished, clocks, source)
        submission.close()

    def _take_reference(self, reference: Group) -> None:
        def on_step(rank: int, done: int) -> None:
            if rank == 0:
                self._events.progress("reference", done, self._settings.eval_steps)

        reference.send("start")
        messages = reference.gather("reference", "reference", on_step=on_step)
        header = messages[0][0]
        self._reference_loss = header["finalLoss"]
        self._reference_logits = header["logitsShape"]
        self._measured["parameters"] = header["parameters"]
        self._measured["referenceSeconds"] = round(max(message["seconds"] for message, _ in messages.values()), 4)
        self._initial_state, self._reference_state = (
            {
                name: self._fetch(reference, label, name, description["dtype"], description["shape"])
                for name, description in header["states"][label].items()
            }
            for label in ("initial", "final")
        )

    def _fetch(self, group: Group, state: str, name: str, dtype: str, shape: list[int]) -> torch.Tensor:
        import torch

        dtype = getattr(torch, dtype)
        payload = group.fetch(0, self._stage, math.prod(shape) * dtype.itemsize, state=state, name=name)
        if not payload:
            return torch.empty(shape, dtype=dtype)
        return torch.frombuffer(payload, dtype=dtype).view(shape)

    def _check_import(self, imported: dict[int, tuple[dict[str, Any], float]]) -> None:
        for rank, (header, _) in sorted(imported.items()):
            if not header.get("hasInnerSteps"):
                raise self._fail(
                    "result", "The imported file has no module-level inner_steps.", rank=rank, hint="Define it there."
                )
        from .verify import check_functional

        check = check_functional(all(header.get("crossEntropyOriginal") is True for header, _ in imported.values()))
        self._record(check)
        if check.state == "failed":
            raise self._fail("check", check.message, code=check.code)

    def _check_warmup(self, warm: dict[int, tuple[dict[str, Any], float]]) -> None:
        for rank, (header, _) in sorted(warm.items()):
            shape = _shape_of(header.get("logits"))
            if header.get("returned") is not True:
                raise self._fail("result", f"inner_steps returned None on rank {rank} in the warm-up.", rank=rank)
            if shape is None:
                raise self._fail(
                    "result", "final_logits is missing in the warm-up's result.", code="missing_logits", rank=rank
                )
            if len(shape) != 3:
                raise self._fail(
                    "result",
                    f"final_logits has {len(shape)} dimensions in the warm-up, not 3.",
                    code="invalid_logits_shape",
                    rank=rank,
                )
            if header.get("trainable") is not True:
                raise self._fail(
                    "result",
                    f"After the warm-up some parameters on rank {rank} are no longer trainable.",
                    code="insufficient_trainable_params",
                    rank=rank,
                )

    def _time(self, submission: Group, source: BatchSource) -> tuple[dict[int, dict[str, Any]], dict[int, Any]]:
        from .verify import Clocks

        steps, shown = self._settings.eval_steps, 0

        def progress() -> None:
            # A batch was drawn when the step before it was done.
            nonlocal shown
            done = min(source.count) - 1
            if shown < done <= steps:
                shown = done
                self._events.progress("timed", done, steps)

        submission.probe(0, self._probe)
        started = submission.send("start")
        done = submission.gather("done", "timed", then="finished", poll=progress)
        self._events.progress("timed", steps, steps)
        finished = submission.gather("finished", "timed")
        self._state_wait = finished[0][1] - done[0][1]
        clocks = {
            rank: Clocks(
                perf=_seconds(header.get("perfSeconds")),
                mono=_seconds(header.get("monoSeconds")),
                cuda=None if header.get("cudaSeconds") is None else _seconds(header["cudaSeconds"]),
                judge=arrived - started[rank],
            )
            for rank, (header, arrived) in done.items()
        }
        return {rank: header for rank, (header, _) in finished.items()}, clocks

    def _probe(self) -> dict[str, list[int]]:
        """Elements of the final state rank 0 must name the moment it says that it is done: name -> flat indices."""
        chance = random.SystemRandom()
        names = [name for name, tensor in self._reference_state.items() if tensor.numel()]
        sizes = [self._reference_state[name].numel() for name in names]
        probe: dict[str, list[int]] = {}
        for name in chance.choices(names, weights=sizes, k=PROBED_ELEMENTS):
            probe.setdefault(name, []).append(chance.randrange(self._reference_state[name].numel()))
        self._probed = probe
        return probe

    def _measure(self, clocks: dict[int, Any]) -> None:
        settings, measured = self._settings, self._measured
        seconds = min(clock.counted for clock in clocks.values())
        tokens = unique_tokens(
            batch_size=settings.batch_size,
            seq_len=settings.seq_len,
            steps=settings.eval_steps,
            dp_size=self._strategy["dp_size"],
        )
        slowest = max(clock.judge for clock in clocks.values())
        fastest = min(clock.judge for clock in clocks.values())
        measured["judgeSeconds"] = round(slowest, 4)
        if fastest < (1 - RANKS_DIVERGE) * slowest:
            self._events.note(
                "warning",
                "ranks_diverge",
                f"The ranks took {fastest:.2f} to {slowest:.2f} s. The smallest time counts, as in production.",
            )
        measured["uniqueTokens"] = tokens
        if not (seconds >= SHORTEST_SECONDS and math.isfinite(seconds)):
            return  # a rank's claim that the clock check will reject
        measured["timedSeconds"] = round(seconds, 4)
        measured["tokensPerSecond"] = round(tokens / seconds, 1)
        measured["relativeSpeed"] = round(measured["referenceSeconds"] / seconds, 4)
        if settings.device == "cuda":
            measured["mfuPercent"] = mfu_percent(
                parameters=measured["parameters"],
                tokens=tokens,
                gpu_peak_tflops=settings.gpu_peak_tflops,
                num_gpus=self._order.num_ranks,
                seconds=seconds,
            )

    def _record(self, check: Check) -> None:
        self._checks.append(check)
        self._events.check(check)

    def _check_result(
        self,
        submission: Group,
        before: dict[str, Any],
        finished: dict[int, dict[str, Any]],
        clocks: dict[int, Any],
        source: BatchSource,
    ) -> None:
        """All checks that can be computed, in production's order; the first failed one is the verdict."""
        for check in self._all_checks(submission, before, finished, clocks):
            self._record(check)
        expected = self._settings.eval_steps
        for rank, count in enumerate(source.count):
            if count != expected:
                self._events.note(
                    "finding",
                    "batches_drawn",
                    f"Rank {rank} drew {count} batches from data_iterator in the timed run; {expected} steps need "
                    f"{expected}.",
                )
        failed = next((check for check in self._checks if check.state == "failed"), None)
        if failed is not None:
            raise self._fail("result" if failed.name == "result_type" else "check", failed.message, code=failed.code)
        # Production's report is JSON, which holds no tensor and no numpy integer: such a result passes every check and
        # fails all the same.
        result = finished[0]["result"]
        for name, described in (("total_tokens", result["totalTokens"]), ("final_loss", result["finalLoss"])):
            if described.get("reportable") is not True:
                kind = str(described.get("kind"))[:80]
                raise self._fail(
                    "result", f"{name} is a {kind}; the validator cannot report it.", hint=f"Return {name}.item()."
                )

    def _all_checks(
        self, submission: Group, before: dict[str, Any], finished: dict[int, dict[str, Any]], clocks: dict[int, Any]
    ) -> Iterator[Check]:
        from . import verify

        settings = self._settings
        production = settings.production_verification
        claims = finished[0]
        result = claims.get("result")
        if not isinstance(result, dict) or not all(isinstance(result.get(key), dict) for key in _RESULT_PARTS):
            raise Stopped(submission.malformed("checks", 0, "a final message without a result"))
        rejected = result.get("rejected")
        missing = result.get("stateMissing")
        state = _state_of(result["state"])
        final_state = verify.check_final_state(None if missing is None else str(missing), state, self._reference_state)
        sums = None
        if rejected is None and final_state.state == "passed":
            sums = self._fetch_and_sum(submission, state, result.get("probe"))
        yield verify.check_deferred_state(
            state_seconds=_seconds(claims.get("stateSeconds")),
            timed_seconds=clocks[0].counted,
            wait_seconds=self._state_wait,
            slack=_slack(settings),
            probe_share=None if sums is None else sums.probe_share,
            state_share=None if sums is None else sums.different_share,
        )
        yield verify.check_clocks(
            clocks,
            threshold=settings.timer_divergence_threshold,
            slack=_slack(settings),
            originals=all(
                header.get("elapsedTimeOriginal") is True and header.get("crossEntropyOriginal") is True
                for header in finished.values()
            ),
            needs_cuda=settings.device == "cuda",
        )
        yield verify.check_model_config(_texts(before.get("config")), _texts(claims.get("config")))
        yield verify.check_backend_state(_texts(claims.get("backends")))
        yield verify.check_result_type(None if rejected is None else str(rejected))
        if rejected is not None:
            return
        shape = _shape_of(result["logits"])
        yield verify.check_logits(shape)
        if shape is not None and len(shape) == 3:
            yield verify.check_sequence(shape, settings.seq_len)
            yield verify.check_vocabulary(shape, self._reference_logits)
        yield final_state
        if sums is not None:
            yield verify.check_params_changed(
                sums,
                limit=settings.min_params_changed_ratio,
                production_limit=production.get("min_params_changed_ratio"),
            )
        yield verify.check_plausible_mfu(self._measured["mfuPercent"], settings.max_plausible_mfu)
        yield verify.check_tokens(result["totalTokens"], settings.batch_size * settings.seq_len * settings.eval_steps)
        yield verify.check_loss(
            result["finalLoss"],
            self._reference_loss,
            limit=settings.max_loss_difference,
            production_limit=production.get("max_loss_difference"),
        )
        if sums is not None:
            yield verify.check_weights(
                sums,
                limit=settings.weight_relative_error_max,
                production_limit=production.get("weight_relative_error_max"),
            )
        yield verify.check_min_mfu(self._measured["mfuPercent"], settings.min_mfu)

    def _fetch_and_sum(self, submission: Group, state: dict[str, dict[str, Any]], probe: object) -> WeightSums:
        """Takes every tensor of final_state from rank 0 and compares it, one at a time.

        `probe` is what the rank answered when it was asked for a random sample of it, the moment it said that it was
        done: the sample must be of the same state, so nothing may still be computed behind the clock's back.
        """
        from .verify import WeightSums

        sums = WeightSums()
        for name in self._reference_state:
            tensor = self._fetch(submission, "final", name, state[name]["dtype"], state[name]["shape"])
            sums.add(name, tensor, self._reference_state[name], self._initial_state[name])
            if name in self._probed:
                answered = probe.get(name) if isinstance(probe, dict) else None
                sums.add_probe(tensor, self._reference_state[name], self._probed[name], answered)
        return sums


#: Parts every rank 0's final message has, all of them JSON objects.
_RESULT_PARTS = ("logits", "totalTokens", "finalLoss", "state")


def _slack(settings: Settings) -> tuple[float, float]:
    """How far the judge's clock may lie above a rank's: seconds, and a share of the span.

    Messages take microseconds; what counts is how long a waiting process takes to wake up on a busy CPU.
    """
    return (0.5, 0.02) if settings.device == "cpu" else (0.05, settings.timer_divergence_threshold)


def _texts(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def judge_for(order: Order, out: IO[str], max_log_bytes: int | None, *, production_on_cpu: bool = False) -> Judge:
    """Who judges that order, and says so to `out`."""
    if order.production is None:
        return Judge(order, EventStream(out), max_log_bytes)
    from .production_judge import ProductionJudge

    return ProductionJudge(order, EventStream(out, PRODUCTION_STAGES), max_log_bytes, on_cpu=production_on_cpu)


def main() -> int:
    parser = argparse.ArgumentParser(description="Evaluate one train.py; see docs/architecture.md.")
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--events-fd", type=int, help="the log goes to stdout; the end of stdin is the end")
    way.add_argument("--detached", action="store_true", help="events go to stdout, the log to stderr; SIGTERM cancels")
    parser.add_argument(
        "--production-on-cpu",
        action="store_true",
        help="for tests: production's code needs CUDA, their double does not",
    )
    arguments = parser.parse_args()
    if arguments.detached:
        events_fd, max_log_bytes = os.dup(1), MAX_DETACHED_LOG_BYTES
        os.dup2(2, 1)  # what a library prints is log
    else:
        events_fd, max_log_bytes = arguments.events_fd, None
        os.dup2(1, 2)  # one pipe, so that the log keeps the order of what is printed
    os.set_inheritable(events_fd, False)  # the ranks must not be able to write events
    # Detached, so that closing it at exit cannot race with the last event.
    out = os.fdopen(events_fd, "w", encoding="utf-8", closefd=False)
    order = sys.stdin.readline()
    if order == "":
        sys.exit("No order came on stdin.")
    judge = judge_for(
        Order.from_json(json.loads(order)), out, max_log_bytes, production_on_cpu=arguments.production_on_cpu
    )

    def watch_parent() -> None:
        for line in sys.stdin:
            if line.strip() == "cancel":
                judge.cancel()
                # The main thread may be importing torch for seconds, which nobody has to wait for.
                judge.clean_up()
        # End of file: whoever asked is gone, and nobody will read a result.
        try:
            judge.clean_up()
        finally:
            os._exit(1)

    if arguments.detached:
        # Ranks whose parent has ended become children of a container's first process: the kernel buries them.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    else:
        threading.Thread(target=watch_parent, daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, judge.cancel_now)
    judge.evaluate()
    out.flush()
    # Not through the interpreter's end, which would wait for reader threads.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
