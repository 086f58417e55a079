"""Judging by production's code, with a double of it (production_double): results, stages, what a submission can do."""

import base64
import hashlib
import json
import logging
import socket
import sys
from typing import Any

import pytest
from engine import needs_docker, run_container
from judge import POLICY, ROOT, profile, run_judge, started_judge
from submissions import named, source_of

from crusades_eval import production_judge
from crusades_eval.events import PRODUCTION_STAGES
from crusades_eval.production_evaluation import accepted, listen_to_log, reportable
from crusades_eval.production_judge import image_differences, lay_out
from crusades_eval.production_result import Asked, Reading, read
from crusades_eval.production_stages import stage_begun
from crusades_eval.ranks import Inbox, Stopped
from crusades_eval.settings import PRODUCTION_PATHS, Order
from crusades_eval.wire import Channel

DOUBLE = ROOT / "simulator-image/tests/production_double"
HONEST = source_of(named("honest"))
#: A CPU's share of a GPU's peak is no MFU that a profile would ask for.
SETTINGS = profile(
    "quick",
    {
        "mfu.min_mfu": 0.0,
        "benchmark_model_name": "tiny",
        "benchmark_dataset_name": "texts",
        "benchmark_tokenizer_name": None,
    },
)


def production(**changed: bytes) -> dict[str, Any]:
    files = {path: (DOUBLE / path).read_bytes() for path in PRODUCTION_PATHS}
    return {
        "revision": {"id": "a" * 40, "label": "aaaaaaa"},
        "files": [
            {"path": path, "sha256": hashlib.sha256(content).hexdigest(), "content": base64.b64encode(content).decode()}
            for path, content in (files | changed).items()
        ],
    }


def asking_for(answer: str) -> bytes:
    return HONEST + f"\n# double: {answer}\n".encode()


def judged(source: bytes, **options: Any):
    return run_judge(source, settings=SETTINGS, production=production(), sandbox=False, **options)


def stages(events: list[dict[str, Any]]) -> dict[str, str]:
    return {event["stage"]: event["state"] for event in events if event["type"] == "stage"}


# -- results -----------------------------------------------------------------------------------------------------------


def test_a_pass_has_productions_numbers_and_stages():
    run = judged(HONEST)
    result = run.result
    told = {entry["name"]: entry["value"] for entry in result["production"]["diagnostics"]}
    assert (result["outcome"], result["failure"]) == ("passed", None)
    assert stages(run.events) == dict.fromkeys(PRODUCTION_STAGES, "passed")
    assert (result["uniqueTokens"], result["parameters"], result["strategy"]) == (
        320,
        22816,
        {"dp_size": 1, "tp_size": 1},
    )
    assert result["production"]["totalTokens"] == 320
    assert 0 < result["timedSeconds"] < result["production"]["evaluationSeconds"]
    assert result["tokensPerSecond"] == pytest.approx(320 / result["timedSeconds"])
    assert {name: told[name] for name in told if name != "loss.value"} == {
        "loss.limit": "0.4",
        "arguments.timeout": "40",
        "arguments.model": "tiny",
        "arguments.data": "texts",
        "arguments.samples": "64",
        "hparams_steps": "5",
        "cuda_timing": "true",
        "limits": "[0.4, 0.01, 0.05]",
        "bounds": "[0.0, 85.0]",
    }
    assert run.notes() == {"production_evaluation"}
    assert run.printed("rank 0")[-2:] == ["Timed run", "Verifying the final state"]


ANSWERS = [
    ("failed", "failed", "check", "loss_mismatch", "The losses are 0.9 apart."),
    ("raises", "failed", "exception", None, "Rank 0 raised RuntimeError: CUDA error: out of memory"),
    ("leaves", "failed", "rank_exited", None, "Rank 0's process ended before its last message."),
    (
        "not a number",
        "error",
        "protocol",
        None,
        "The result that production's code gave cannot be right: a success with an MFU of nan.",
    ),
]


@pytest.mark.parametrize(("answer", "outcome", "kind", "code", "message"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_an_answer_becomes_a_verdict(answer, outcome, kind, code, message):
    run = judged(asking_for(answer))
    seen = (run.result["outcome"], run.failure["kind"], run.failure["code"], run.failure["message"])
    assert seen == (outcome, kind, code, message)
    assert run.failure["stage"] == "evaluation"


def answered(**changed: Any) -> dict[str, Any]:
    """An answer that can be right, but for what is changed."""
    passed = {"success": True, "mfu": 60.0, "tps": 32_000.0, "total_tokens": 320, "wall_time_seconds": 0.01}
    return {"task_id": "task", "seed": "seed", "error": None, "error_code": None, **passed, **changed}


def asked(**changed: Any) -> Asked:
    strict = {"gpu_peak_tflops": 312.0, "max_plausible_mfu": 85.0, "min_mfu": 50.0}
    # 60 % of one GPU's peak for 0.01 s, and 320 tokens.
    settings = {"unique_tokens": 320, "parameters": 975_000_000, "num_ranks": 1, "seconds": 5.0}
    return Asked(task_id="task", seed="seed", profile={"mfu": strict}, **(settings | changed))


def test_an_answer_that_can_be_right_is_taken():
    reading = read(answered(diagnostics=None), asked(), "checks")
    assert reading == Reading(
        failure=None,
        mfu_percent=60.0,
        tokens_per_second=32_000.0,
        timed_seconds=0.01,
        total_tokens=320,
        diagnostics=[],
        diagnostics_left_out=0,
        doubts=[],
    )


CONTRADICTIONS = [
    ({"task_id": "other"}, "it is that of another task"),
    ({"seed": 7}, "it is that of another seed"),
    ({"error_code": "loss_mismatch"}, "a success with the error code loss_mismatch"),
    ({"mfu": None}, "a success with an MFU of None"),
    ({"mfu": True}, "a success with an MFU of True"),
    ({"mfu": 10**400}, f"a success with an MFU of 1{'0' * 39}"),
    ({"mfu": 49.0}, "a success with an MFU of 49.00 %, outside of the 50.0 to 85.0 % that it was given"),
    ({"wall_time_seconds": 0}, "a success with a timed run of 0 s"),
    ({"wall_time_seconds": float("inf")}, "a success with a timed run of inf s"),
    ({"wall_time_seconds": 9.0}, "a timed run of 9.000 s in an evaluation that took 5.000 s"),
    ({"wall_time_seconds": 0.005}, "a timed run of 0.005 s, where the GPUs at their peak would take 0.006 s"),
    ({"success": "yes"}, "It is no result: success is missing"),
]


@pytest.mark.parametrize(("changed", "why"), CONTRADICTIONS, ids=[str(row[0])[:40] for row in CONTRADICTIONS])
def test_an_answer_that_contradicts_itself_is_no_verdict(changed, why):
    failure = read(answered(**changed), asked(), "checks").failure
    assert (failure.kind, failure.fault) == ("protocol", "environment")
    assert failure.message == f"The result that production's code gave cannot be right: {why}."


def test_without_the_models_size_less_is_known():
    settings = asked(parameters=None)
    assert read(answered(wall_time_seconds=0.005), settings, "checks").failure is None
    assert read([], settings, "checks").failure.kind == "protocol"


FAILURES = [
    ({"error_code": "weight_mismatch", "error": "0.02"}, ("check", "weight_mismatch", "0.02")),
    (
        {"error_code": "invalid_return_type"},
        ("result", "invalid_return_type", "Production's code reports invalid_return_type."),
    ),
    (
        {"error": "Traceback\nValueError: no strategy"},
        ("exception", None, "Production's code failed the file without a code: ValueError: no strategy"),
    ),
    (
        {"error_code": "startup_delay"},
        (
            "exception",
            None,
            "Production's code failed the file with a code that is not known here, startup_delay: it gives no reason",
        ),
    ),
]


@pytest.mark.parametrize(("changed", "expected"), FAILURES, ids=["code", "kind", "no code", "new code"])
def test_a_failure_keeps_productions_code_and_words(changed, expected):
    failure = read(answered(success=False, **changed), asked(), "timed").failure
    assert (failure.kind, failure.code, failure.message) == expected
    assert (failure.fault, failure.stage) == ("submission", "timed")


def test_a_timed_run_is_not_longer_than_the_evaluation():
    run = judged(asking_for("slower than the clock"))
    assert (run.result["outcome"], run.failure["kind"]) == ("error", "protocol")
    assert "a timed run of 1000.000 s in an evaluation that took 0." in run.failure["message"]


def test_figures_that_do_not_follow_from_each_other_are_told():
    run = judged(asking_for("another mfu"))
    doubts = [event["message"] for event in run.events if event.get("id") == "production_doubt"]
    assert run.result["outcome"] == "passed"
    assert doubts == [
        "It reports an MFU of 60 %; from its own time of 0.001 s follows 0.01404 %.",
        "It reports 1,000.0 tokens/s; from its own time follow 320,000.0.",
    ]


def test_a_log_in_other_words_is_one_stage():
    run = judged(asking_for("another language"))
    assert stages(run.events) == dict.fromkeys(PRODUCTION_STAGES, "skipped") | dict.fromkeys(
        ("scan", "topology", "prepare", "evaluation"), "passed"
    )
    assert run.printed("rank 0") == ["Modell wird geladen", "fertig"]


def test_diagnostics_are_bounded():
    run = judged(asking_for("huge diagnostics"))
    told = run.result["production"]
    assert run.failure["code"] == "loss_mismatch"
    assert told["diagnostics"] == [{"name": "diagnostics", "value": told["diagnostics"][0]["value"]}]
    assert told["diagnostics"][0]["value"].endswith(" characters, left out")


@pytest.mark.parametrize("field", ["task_id", "seed", "error_code", "error", "mfu", "wall_time_seconds", "diagnostics"])
@pytest.mark.parametrize("success", [True, False])
def test_what_is_nested_as_deeply_as_json_can_be_read_is_an_answer_like_others(field, success):
    nested: list[Any] = []
    for _ in range(sys.getrecursionlimit()):
        nested = [nested]
    answer = {"success": success, "mfu": 50.0, "wall_time_seconds": 5.0, field: nested}
    assert isinstance(read(answer, asked(), "timed"), Reading)


def test_diagnostics_of_any_shape_become_names_and_texts():
    deep = {"a": {"b": {"c": {"d": {"e": 1}}}}, "text": "t" * 2000, "list": [1, None], "none": None}
    many = {"many": {str(number): number for number in range(500)}}
    reading = read(answered(diagnostics=deep), asked(), "checks")
    assert reading.diagnostics == [
        {"name": "a.b.c.d", "value": '{"e": 1}'},
        {"name": "text", "value": "t" * 500 + "..."},
        {"name": "list", "value": "[1, null]"},
        {"name": "none", "value": "null"},
    ]
    reading = read(answered(diagnostics=many), asked(), "checks")
    assert (len(reading.diagnostics), reading.diagnostics_left_out) == (200, 300)
    assert read(answered(diagnostics=[1]), asked(), "checks").diagnostics == [{"name": "diagnostics", "value": "[1]"}]


def test_a_cancel_ends_an_evaluation_that_hangs():
    with started_judge(asking_for("hangs"), settings=SETTINGS, production=production(), sandbox=False) as run:
        run.wait_for(type="stage", stage="evaluation", state="running")
        run.say("cancel")
    assert (run.result["outcome"], run.failure["kind"]) == ("cancelled", "cancelled")


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        (b"import no_such_package\n", "Rank 0 raised ModuleNotFoundError: No module named 'no_such_package'"),
        (b"class Evaluator:\n    pass\n", "Rank 0 raised AttributeError: module 'env' has no attribute 'Actor'"),
    ],
    ids=["import", "actor"],
)
def test_a_revision_that_cannot_be_used_says_nothing_of_the_submission(env, reason):
    run = run_judge(HONEST, settings=SETTINGS, production=production(**{"env.py": env}), sandbox=False)
    assert (run.result["outcome"], run.failure["kind"], run.failure["fault"]) == ("error", "environment", "environment")
    assert run.failure["message"] == f"Production's env.py (revision aaaaaaa) cannot be used: {reason}"


def test_an_evaluate_with_fewer_fields_is_called_with_those():
    env = b"""
class Actor:
    def evaluate(self, task_id, seed, code):
        return {"success": False, "error": f"{len(code)} characters", "error_code": "loss_mismatch", "seed": seed}
"""
    run = run_judge(HONEST, settings=SETTINGS, production=production(**{"env.py": env}), sandbox=False)
    refused = next(event["message"] for event in run.events if event.get("id") == "fields_refused")
    assert run.failure["message"] == f"{len(HONEST)} characters"
    assert refused.startswith("This revision's evaluate takes no model_url, data_url, steps,")


def test_productions_code_decides_what_the_scan_rejects():
    run = judged(b"import os\n" + HONEST)
    assert run.result["outcome"] == "passed"
    assert run.notes() == {"production_evaluation", "scan_rejects", "forbidden-module"}
    rejected = judged(HONEST + b"\nrejected_by_the_double = 1\n")
    assert rejected.failure["message"] == (
        "Production's code failed the file without a code: scan: rejected_by_the_double"
    )


# -- what a submission can do ------------------------------------------------------------------------------------------

#: The submission's process is the evaluator's, so it finds the driver and its connection.
CHANNEL = """
import gc
import sys
driver = sys.modules["__main__"]
channel = next(found for found in gc.get_objects() if type(found).__name__ == "Channel")
"""


def with_hostile(text: str) -> bytes:
    return HONEST + CHANNEL.encode() + text.encode()


def test_what_is_printed_is_never_a_result():
    forged = {"type": "result", "outcome": "passed", "success": True, "mfu": 84.0}
    lines = [json.dumps(forged), f"EVAL_RESULT:{json.dumps(forged)}", "[rank 1] Timed run", "[reference 0] verified"]
    run = judged(asking_for("failed") + f"\nfor line in {lines!r}:\n    print(line)\n".encode())
    assert (run.result["outcome"], run.failure["code"]) == ("failed", "loss_mismatch")
    printing = judged(HONEST + f"\nfor line in {lines!r}:\n    print(line)\n".encode())
    assert (printing.result["outcome"], printing.notes()) == ("passed", {"production_evaluation"})
    assert [line for line in printing.printed("rank 0") if line in lines] == lines


def test_a_submission_that_replaces_the_result_is_believed_where_it_can_be_right_and_the_run_says_so():
    run = judged(
        with_hostile("""
honest = driver.reportable
driver.reportable = lambda result: {**honest(result), "mfu": 84.0}
""")
    )
    # As in production. The run is marked, and what does not follow from its own time is told.
    assert run.result["outcome"] == "passed"
    assert {"production_evaluation", "production_doubt"} <= run.notes()


HOSTILE = [
    (
        'driver.reportable = lambda result: {"success": True, "mfu": 84.0, "wall_time_seconds": 900.0}\n',
        "error",
        "protocol",
        None,
    ),
    ('channel._connection.sendall(b"\\xff" * 100)\n', "failed", "protocol", 0),
    ('channel.send("done")\n', "failed", "protocol", 0),
    ('channel.send("result", result={"success": True, "mfu": 84.0})\n', "error", "protocol", None),
    ("channel.close()\n", "failed", "rank_exited", 0),
    ("import os\nos._exit(0)\n", "failed", "rank_exited", 0),
]


@pytest.mark.parametrize(("text", "outcome", "kind", "rank"), HOSTILE, ids=lambda value: str(value)[:40])
def test_what_is_no_message_fails_the_submissions_own_run(text, outcome, kind, rank):
    run = judged(with_hostile(text))
    assert (run.result["outcome"], run.failure["kind"], run.failure["rank"]) == (outcome, kind, rank)


def test_only_rank_0_has_a_result():
    run = judged(
        with_hostile("""
import os
if os.environ["RANK"] == "1":
    channel.send("result", result={"success": True, "mfu": 84.0, "wall_time_seconds": 0.01})
"""),
        ranks=2,
    )
    assert (run.result["outcome"], run.failure["kind"], run.failure["rank"]) == ("failed", "protocol", 1)


def test_a_flood_of_log_records_ends_in_the_verdict():
    run = judged(
        with_hostile("""
import logging
logging.getLogger("env").propagate = False
logging.getLogger("env").handlers = [h for h in logging.getLogger("env").handlers if type(h).__name__ == "JudgeHandler"]
for number in range(30_000):
    logging.getLogger("env").info("reference " + "x" * 3000)
""")
    )
    assert run.result["outcome"] == "passed"
    # Nothing more was told after the limit, so production's own words are not heard either.
    assert stages(run.events)["timed"] == "skipped"


def test_two_ranks_started_by_torchrun():
    run = judged(HONEST, ranks=2)
    assert run.result["outcome"] == "passed", run.failure
    assert (run.result["uniqueTokens"], run.result["strategy"]) == (640, {"dp_size": 2, "tp_size": 1})
    assert stages(run.events) == dict.fromkeys(PRODUCTION_STAGES, "passed")
    assert run.printed("rank 1")[-1] == "Verifying the final state"


# -- in a container ----------------------------------------------------------------------------------------------------

INTRUDER = b"""
import os

def attempt(what, action):
    try:
        print(what, "->", action())
    except OSError as error:
        print(what, "->", type(error).__qualname__)

HOME = "/tmp/crusader/production"
attempt("read", lambda: sorted(os.listdir(HOME)))
attempt("write env.py", lambda: open(HOME + "/env.py", "w"))
attempt("replace env.py", lambda: os.replace(__file__, HOME + "/env.py"))
attempt("add a module", lambda: open(HOME + "/torch.py", "w"))
attempt("write security_defs.py", lambda: open(HOME + "/crusades/core/security_defs.py", "w"))
attempt("write hparams.json", lambda: open(HOME + "/hparams.json", "w"))
attempt("make writable", lambda: os.chmod(HOME, 0o777))
attempt("write the judge's output", lambda: open("/proc/1/fd/1", "w"))
"""


@needs_docker
def test_in_a_container_the_ranks_read_productions_files_and_write_none():
    run = run_container(HONEST + INTRUDER, settings=SETTINGS, production=production())
    assert run.result["outcome"] == "passed", run.failure
    notes = {event["id"] for event in run.events if event["type"] == "note" and event["level"] == "warning"}
    assert notes == {"production_evaluation", "image_hparams", "scan_rejects"}
    printed = [line for line in run.printed("rank 0") if " -> " in line]
    assert printed == [
        "read -> ['crusades', 'env.py', 'hparams.json']",
        *(
            f"{what} -> PermissionError"
            for what in (
                "write env.py",
                "replace env.py",
                "add a module",
                "write security_defs.py",
                "write hparams.json",
                "make writable",
                "write the judge's output",
            )
        ),
    ]


@needs_docker
def test_in_a_container_two_ranks_are_started_by_torchrun():
    run = run_container(HONEST, ranks=2, settings=SETTINGS, production=production())
    assert run.result["outcome"] == "passed", run.failure
    assert stages(run.events) == dict.fromkeys(PRODUCTION_STAGES, "passed")
    assert run.printed("rank 1")[-1] == "Verifying the final state"


# -- the order ---------------------------------------------------------------------------------------------------------


def order(**changed: Any) -> dict[str, Any]:
    return {
        "version": 2,
        "runId": "test",
        "repeat": 0,
        "source": base64.b64encode(HONEST).decode(),
        "profile": SETTINGS,
        "policy": POLICY,
        "numRanks": 1,
        "seed": "seed",
        "sandbox": {"kind": "none"},
        "production": production(),
        **changed,
    }


def test_a_judge_that_knows_nothing_of_productions_code_refuses_the_order():
    assert Order.from_json(order()).production.label == "aaaaaaa"
    with pytest.raises(ValueError, match="an order of version 1; this judge reads version 2"):
        Order.from_json(order(version=1))
    with pytest.raises(ValueError, match="an order of version 2; this judge reads version 1"):
        Order.from_json(order(production=None))


def test_files_are_those_that_were_planned():
    changed = production()
    changed["files"][0]["content"] = base64.b64encode(b"other").decode()
    with pytest.raises(ValueError, match=r"'env\.py' is not the file that was planned"):
        Order.from_json(order(production=changed))
    with pytest.raises(ValueError, match="production's files are"):
        Order.from_json(order(production=production(**{"../../more.py": b""})))


def test_a_cpu_profile_is_refused_in_words(tmp_path):
    from crusades_eval.judge import judge_for

    events = (tmp_path / "events").open("w+")
    judge_for(Order.from_json(order()), events, None).evaluate()
    result = json.loads((tmp_path / "events").read_text().splitlines()[-1])
    assert (result["outcome"], result["failure"]["kind"], result["failure"]["message"]) == (
        "error",
        "needs_cuda",
        "Production's code needs CUDA; this profile's device is the CPU. Nothing was run.",
    )


def test_the_ranks_get_the_images_own_environment(tmp_path, monkeypatch):
    from crusades_eval.events import EventStream
    from crusades_eval.production_judge import ProductionJudge

    monkeypatch.setenv("HF_HOME", "/home/appuser/.cache/huggingface")
    events = EventStream((tmp_path / "events").open("w"), PRODUCTION_STAGES)
    judge = ProductionJudge(Order.from_json(order()), events, on_cpu=False)
    environment = judge._environment("/home/appuser", "/tmp")
    assert {name: environment.get(name) for name in ("HF_HOME", "HOME", "TMPDIR", "CRUSADER_RUN_ID")} == {
        "HF_HOME": "/home/appuser/.cache/huggingface",
        "HOME": "/home/appuser",
        "TMPDIR": "/tmp",
        "CRUSADER_RUN_ID": "test",
    }
    # torchrun sets these as it likes.
    assert "OMP_WAIT_POLICY" not in environment


# -- parts -------------------------------------------------------------------------------------------------------------

LOG_LINES = [
    ("Running reference loop", "evaluation", "reference"),
    ("baseline: 5 steps", "evaluation", "reference"),
    ("Warming up (2 steps)", "reference", "warmup"),
    ("warm-up done", "reference", "warmup"),
    ("starting timed evaluation", "warmup", "timed"),
    ("verifying weights", "timed", "checks"),
    ("Verification passed", "evaluation", "checks"),
    # Back in time, several at once, names of settings, other words.
    ("reference loss 3.2", "timed", None),
    ("verification against the reference", "timed", None),
    ("warmup=2 benchmark=5", "evaluation", None),
    ("benchmark_batch_size 16, verify_weights on", "evaluation", None),
    ("timing", "timed", None),
    ("loading the model", "evaluation", None),
]


@pytest.mark.parametrize(("text", "current", "begun"), LOG_LINES)
def test_a_line_of_the_log_begins_a_stage(text, current, begun):
    assert stage_begun(text, current) == begun


def test_the_laid_out_folder_stands_for_the_images_own(tmp_path):
    image = tmp_path / "app"
    (image / "tokenizers").mkdir(parents=True)
    (image / "env.py").write_text("baked")
    (image / "server.py").write_text("baked")
    folder = tmp_path / "laid"
    lay_out(Order.from_json(order()).production, folder, image)
    assert {path.name: path.is_symlink() for path in folder.iterdir()} == {
        "env.py": False,
        "hparams.json": False,
        "crusades": False,
        "server.py": True,
        "tokenizers": True,
    }
    assert (folder / "env.py").read_bytes() == (DOUBLE / "env.py").read_bytes()
    assert json.loads((folder / "hparams.json").read_text()) == SETTINGS
    assert oct((folder / "crusades/core/security_defs.py").stat().st_mode) == "0o100444"


def test_the_images_own_hparams_are_held_against_the_profile(tmp_path):
    file = tmp_path / "hparams.json"
    assert image_differences({"a": 1}, file) is None
    file.write_text(json.dumps({"a": 2, "mfu": {"min_mfu": 50, "max": 1}, "more": 1}))
    assert image_differences({"a": 1, "mfu": {"min_mfu": 55, "max": 1}, "crusader": {}}, file) == ["a", "mfu.min_mfu"]
    file.write_text("[]")
    assert image_differences({"a": 1}, file) is None


def test_fields_that_evaluate_does_not_take_are_named():
    assert accepted(lambda a, b=1: None, {"a": 1, "c": 2}) == ({"a": 1}, ["c"])
    assert accepted(lambda **fields: None, {"a": 1, "c": 2}) == ({"a": 1, "c": 2}, [])


def test_a_result_may_be_a_model_and_is_bounded():
    class Model:
        def model_dump(self) -> dict[str, int]:
            return {"mfu": 1}

    assert reportable(Model()) == {"mfu": 1}
    assert reportable({"mfu": 1, "diagnostics": "x" * 2_000_000}) == {
        "mfu": 1,
        "diagnostics": "2,000,029 characters, left out",
    }
    with pytest.raises(ValueError, match="the result is a NoneType"):
        reportable(None)
    with pytest.raises(ValueError, match=r"the result has 2,000,0\d\d characters"):
        reportable({"error": "x" * 2_000_000})


@pytest.fixture
def env_logger():
    logger = logging.getLogger("env")
    yield logger
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)


def test_records_below_info_are_not_told(env_logger):
    ours, its = socket.socketpair()
    with ours, its:
        listen_to_log(Channel(its))
        env_logger.debug("not this")
        env_logger.info("this %d", 1)
        header, _ = Channel(ours).receive()
    assert header == {"type": "log", "text": "this 1", "payload": 0}


@pytest.mark.parametrize(
    ("quiet", "more", "message"),
    [
        (0, 3000, "Production's code was given up: nothing was heard for 0 s."),
        (60, 0, "Production's code was given up: there was no result within 0 s."),
    ],
)
def test_a_result_that_does_not_come_is_given_up(quiet, more, message, monkeypatch):
    monkeypatch.setattr(production_judge, "QUIET_SECONDS", quiet)
    monkeypatch.setattr(production_judge, "MORE_SECONDS", more)
    group = production_judge.ProductionGroup(
        role="production", num_ranks=1, listener=None, processes=None, watch=None, inbox=Inbox(), stage_seconds=0
    )
    group.runs_submission = True
    with pytest.raises(Stopped) as given_up:
        group.result(stage=lambda: "timed", on_log=lambda _: None, last_word=lambda: 0.0, timeout_seconds=0)
    failure = given_up.value.failure
    assert (failure.kind, failure.message) == ("timeout", message)
