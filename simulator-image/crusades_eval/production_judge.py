"""Judging by the validator's own code, which the user had fetched (docs/architecture.md, "Production's own code").

The judge lays the files out, has the ranks call them (production_evaluation.py), reads the stages from what they log,
and takes the result from rank 0. It makes no check of its own: whatever it is told comes from the submission's process.
What it holds against that are its own clock, the limits it asked with, and what is physically possible.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import production_result
from .events import EventStream
from .judge import Judge
from .mfu import unique_tokens
from .production_stages import stage_begun
from .ranks import GRACE_SECONDS, Group, Stopped
from .settings import Order, ProductionCode
from .topology import check_topology, effective_topology

#: Beside the judge's socket.
CODE_FOLDER = "production"
#: Where the validator's image has its files (spec/evaluation.md section 6).
IMAGE_FOLDER = Path("/app")
#: Production gives a run up after its timeout and so much more without output, and in all (section 5).
QUIET_SECONDS = 60
MORE_SECONDS = 3000
_DIFFERENCES_SHOWN = 5


def lay_out(code: ProductionCode, folder: Path, image: Path = IMAGE_FOLDER) -> None:
    """Makes `folder` stand for production's /app: its files, for others to read only, and links to the image's own."""
    for path, content in code.files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o444)
    for below in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        below.chmod(0o755)
    laid = {Path(path).parts[0] for path in code.files}
    if image.is_dir():
        for name in set(os.listdir(image)) - laid:
            (folder / name).symlink_to(image / name)


def image_differences(profile: dict[str, Any], file: Path = IMAGE_FOLDER / "hparams.json") -> list[str] | None:
    """Where the image's own hparams.json, which production's code may read, is another; None where there is none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return sorted(_differences(content, profile, "")) if isinstance(content, dict) else None


def _differences(image: dict[str, Any], profile: dict[str, Any], prefix: str) -> list[str]:
    """Dotted names of what both state and state differently."""
    found = []
    for name in image.keys() & profile.keys():
        if isinstance(image[name], dict) and isinstance(profile[name], dict):
            found += _differences(image[name], profile[name], f"{prefix}{name}.")
        elif image[name] != profile[name]:
            found.append(prefix + name)
    return found


class ProductionGroup(Group):
    """Ranks that run production's code. They are listened to, told when to start, and asked for nothing else."""

    def result(
        self,
        *,
        stage: Callable[[], str],
        on_log: Callable[[str], None],
        last_word: Callable[[], float],
        timeout_seconds: float,
    ) -> tuple[object, float]:
        """What rank 0 says is the result, and when it came on the monotonic clock.

        `last_word`: when something was last printed. Raises `Stopped` where no result comes.
        """
        started = heard = time.monotonic()
        #: Other ranks may end when they have done their part; one that fails takes rank 0 with it.
        gone: tuple[Any, ...] | None = None
        while True:
            self._raise_for_cancel(stage())
            now = time.monotonic()
            if now - started > timeout_seconds + MORE_SECONDS:
                raise self._too_late(stage(), f"there was no result within {timeout_seconds + MORE_SECONDS:,.0f} s")
            if now - max(heard, last_word()) > timeout_seconds + QUIET_SECONDS:
                raise self._too_late(stage(), f"nothing was heard for {timeout_seconds + QUIET_SECONDS:,.0f} s")
            item = self._take(0.1)
            over = item is None and self._processes.ended() is not None
            if over:
                item = self._take(GRACE_SECONDS)
            if item is None:
                if over:
                    raise Stopped(self._as_failure(stage(), gone or ("closed", self, 0)))
                continue
            heard = now
            if item[0] == "bug":
                raise item[3]
            if item[0] == "closed":
                gone = gone or item
                if item[2] == 0:
                    self._raise_for(stage(), gone)
            elif item[0] != "message":
                raise Stopped(self._as_failure(stage(), item))
            else:
                _, _, number, header, _, arrived = item
                if header["type"] == "error":
                    self._raise_for(stage(), item)
                elif header["type"] == "result" and number == 0:
                    return header.get("result"), arrived
                elif header["type"] == "log" and isinstance(header.get("text"), str):
                    if number == 0:
                        on_log(header["text"])
                elif header["type"] != "finished" or number == 0:
                    raise Stopped(self.malformed(stage(), number, f"an unexpected message {header['type'][:40]!r}"))

    def _too_late(self, stage: str, what: str) -> Stopped:
        hint = "The validator gives a run up then, too, and counts it as failed."
        return Stopped(self._failure(stage, "timeout", f"Production's code was given up: {what}.", hint=hint))


class ProductionJudge(Judge):
    """One evaluation by production's code."""

    _launcher_options = ("--production",)

    def __init__(self, order: Order, events: EventStream, max_log_bytes: int | None = None, *, on_cpu: bool) -> None:
        """`on_cpu`: for tests, whose double of production's code needs no CUDA."""
        super().__init__(order, events, max_log_bytes)
        assert order.production is not None
        self._code: ProductionCode = order.production
        self._on_cpu = on_cpu
        self._told: dict[str, Any] | None = None

    def _more_results(self) -> dict[str, Any]:
        return {"production": self._told}

    def _judge(self) -> None:
        self._events.note(
            "warning",
            "production_evaluation",
            f"Judged by production's code, revision {self._code.label}: "
            "its result comes from the submission's own process.",
        )
        with self._run_stage("scan"):
            rejected = self._scan_verdict()
            if rejected is not None:
                self._events.note(
                    "warning",
                    "scan_rejects",
                    f"{rejected.failure.message} Production's own code decides.",
                    rejected.failure.line,
                )
        with self._run_stage("topology"):
            problem = check_topology(self._strategy, self._order.num_ranks)
            if problem is not None:
                self._events.note("warning", "topology_rejects", f"{problem} Production's own code decides.")
            self._strategy = None if problem is not None else effective_topology(self._strategy, self._order.num_ranks)
        if self._settings.device != "cuda" and not self._on_cpu:
            self._stage = "prepare"
            raise self._fail(
                "needs_cuda",
                "Production's code needs CUDA; this profile's device is the CPU. Nothing was run.",
                fault="environment",
                hint="Choose a production profile on a machine with GPUs, or Crusader's own evaluation.",
            )
        self._try_to_start_ranks()
        self._judge_ranks()

    # -- processes ----------------------------------------------------------------------------------------------

    def _ends_for_launcher(self) -> dict[str, list[int]]:
        """None: torchrun passes no descriptors on, so each rank gets its own from the judge."""
        return {}

    def _environment(self, home: str, temporary: str) -> dict[str, str]:
        """The image's own, as in production: there, nobody sets threads or waits for them."""
        if self._on_cpu:
            return super()._environment(home, temporary)
        return {
            **os.environ,
            "HOME": home,
            "TMPDIR": temporary,
            "PYTHONUNBUFFERED": "1",
            "CRUSADER_RUN_ID": self._order.run_id,
        }

    def _start_ranks(self) -> None:
        super()._start_ranks()
        differences = image_differences(self._code.profile) if self._order.sandbox == "container" else []
        if differences is None:
            self._events.note(
                "warning",
                "image_hparams",
                f"The image has no {IMAGE_FOLDER}/hparams.json; production's code may read it.",
            )
        elif differences:
            names = ", ".join(differences[:_DIFFERENCES_SHOWN])
            more = f" and {len(differences) - _DIFFERENCES_SHOWN} more" if len(differences) > _DIFFERENCES_SHOWN else ""
            self._events.note(
                "warning",
                "image_hparams",
                f"The image's {IMAGE_FOLDER}/hparams.json, which production's code may read, differs from the profile "
                f"in {names}{more}. An image built from this profile agrees.",
            )

    # -- the evaluation -----------------------------------------------------------------------------------------

    def _judge_ranks(self) -> None:
        order, settings, code = self._order, self._settings, self._code
        lay_out(code, Path(self._folder, CODE_FOLDER))
        task_id = order.run_id[-64:]
        fields = production_result.fields(
            code.profile, task_id=task_id, seed=order.seed, code="", num_ranks=order.num_ranks
        )
        group = ProductionGroup(
            role="production",
            num_ranks=order.num_ranks,
            listener=self._listener,
            processes=self._processes,
            watch=self._watch,
            inbox=self._inbox,
            stage_seconds=settings.stage_seconds,
            outputs=self._log.ranks["submission"],
        )
        group.connect(
            "prepare",
            {
                "folder": os.path.join(self._visible_folder, CODE_FOLDER),
                "sourcePath": self._visible_source,
                "fields": fields,
            },
        )
        # Before anything of the submission's runs: nobody else is let in.
        self._listener.close()
        parameters = self._parameters()
        self._make_ready(group)
        self._events.stage_ended("prepare", "passed")

        self._enter("evaluation")
        group.runs_submission = True
        started = group.send("start")[0]
        result, arrived = group.result(
            stage=lambda: self._stage,
            on_log=self._take_log,
            last_word=lambda: self._log.last_word,
            timeout_seconds=settings.stage_seconds,
        )
        group.close()
        self._take_result(
            result,
            production_result.Asked(
                task_id=task_id,
                seed=order.seed,
                profile=code.profile,
                num_ranks=order.num_ranks,
                seconds=arrived - started,
                unique_tokens=self._unique_tokens(),
                parameters=parameters,
            ),
        )

    def _make_ready(self, group: ProductionGroup) -> None:
        try:
            ready = group.gather("ready", "prepare")
        except Stopped as stopped:
            failure = stopped.failure
            if failure.kind != "exception":
                raise
            raise Stopped(
                replace(
                    failure,
                    kind="environment",
                    message=f"Production's env.py (revision {self._code.label}) cannot be used: {failure.message}",
                    hint="It needs the validator's image, or a revision whose env.py has an Actor: "
                    "`crusader production fetch` fetches another.",
                )
            ) from stopped
        refused = ready[0][0].get("refused")
        if isinstance(refused, list) and refused:
            names = ", ".join(str(name)[:60] for name in refused[:20])
            self._events.note(
                "warning", "fields_refused", f"This revision's evaluate takes no {names}: it uses values of its own."
            )

    def _enter(self, stage: str) -> None:
        self._stage = stage
        self._events.stage_started(stage)

    def _take_log(self, text: str) -> None:
        stage = stage_begun(text, self._stage)
        if stage is not None:
            self._events.stage_ended(self._stage, "passed")
            self._enter(stage)

    def _unique_tokens(self) -> int | None:
        settings = self._settings
        if self._strategy is None:
            return None
        return unique_tokens(
            batch_size=settings.batch_size,
            seq_len=settings.seq_len,
            steps=settings.eval_steps,
            dp_size=self._strategy["dp_size"],
        )

    def _parameters(self) -> int | None:
        """Of the profile's model, counted without memory for it; None where the image does not hold its description."""
        self._import_torch()
        # transformers has torch make this folder, which would stay.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.path.join(self._folder, "inductor")
        from .data import load_tokenizer
        from .model import parameters_of

        name = self._settings.tokenizer_name
        try:
            vocab_size = len(load_tokenizer(name)) if name and "name" in self._settings.model else None
            return parameters_of(self._settings.model, vocab_size=vocab_size)
        except (OSError, ValueError) as error:
            reason = str(error).split("\n")[0][:300]
            self._events.note("info", "parameters_unknown", f"The model's parameters could not be counted: {reason}")
            return None

    def _take_result(self, result: object, asked: production_result.Asked) -> None:
        reading = production_result.read(result, asked, self._stage)
        measured = self._measured
        measured["timedSeconds"] = reading.timed_seconds
        measured["tokensPerSecond"] = reading.tokens_per_second
        measured["parameters"] = asked.parameters
        if self._settings.device == "cuda":
            measured["mfuPercent"] = reading.mfu_percent
        if reading.failure is None:
            measured["uniqueTokens"] = asked.unique_tokens
        self._told = {
            "evaluationSeconds": round(asked.seconds, 4),
            "totalTokens": reading.total_tokens,
            "diagnostics": reading.diagnostics,
            "diagnosticsLeftOut": reading.diagnostics_left_out,
        }
        for doubt in reading.doubts:
            self._events.note("warning", "production_doubt", doubt)
        if reading.failure is not None:
            raise Stopped(reading.failure)
        self._events.stage_ended(self._stage, "passed")
