"""The events as the readers know them: `app/common/events.test.ts` reads the same files."""

from __future__ import annotations

import ast
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

import crusades_eval
from crusades_eval import events
from crusades_eval.events import Check, EventStream, Failure, GpuDevice, to_json
from crusades_eval.judge import Judge
from crusades_eval.settings import Order

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures" / "events"
GOLDEN = [json.loads(line) for line in (FIXTURES / "golden.jsonl").read_text().splitlines()]
VOCABULARY = json.loads((FIXTURES / "vocabulary.json").read_text())
HEADER = ("v", "seq", "t", "type")


def snake_case(name: str) -> str:
    return re.sub("[A-Z]", lambda match: "_" + match[0].lower(), name)


def python_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """As the judge would give them: a NaN crosses as its name."""
    return {
        snake_case(key): float("nan") if value == "nan" else value for key, value in fields.items() if key not in HEADER
    }


def written_again(golden: dict[str, Any]) -> dict[str, Any]:
    """The same event, through `EventStream`."""
    out = io.StringIO()
    stream = EventStream(out)
    fields = {key: value for key, value in golden.items() if key not in HEADER}
    match golden["type"]:
        case "stage" if golden["state"] == "skipped":
            stream.close_stages()
        case "stage":
            stream.stage_started(golden["stage"])
            if golden["state"] != "running":
                stream.stage_ended(golden["stage"], golden["state"])
        case "progress":
            stream.progress(**fields)
        case "check":
            stream.check(Check(**python_fields(golden)))
        case "metric":
            stream.metric(**fields)
        case "note":
            stream.note(golden["level"], golden["id"], golden["message"], golden["line"])
        case "gpu_devices":
            gpus = [GpuDevice(**python_fields(gpu)) for gpu in golden["gpus"]]
            stream.gpu_devices(golden["source"], golden["driver"], gpus)
        case "gpus":
            at, throttle = fields.pop("at"), fields.pop("throttle")
            stream.gpus(stream._started + at, fields, throttle)
        case "result":
            outcome, failure = fields.pop("outcome"), fields.pop("failure")
            stream.result(outcome, failure=failure and to_json(Failure(**python_fields(failure))), **fields)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    return next(
        line for line in reversed(lines) if all(line[key] == golden[key] for key in ("type", "stage") if key in golden)
    )


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: f"{golden['seq']}-{golden['type']}")
def test_golden_message_is_what_the_judge_writes(golden: dict[str, Any]) -> None:
    written = written_again(golden)
    # Clocks differ; whether there is a time does not.
    clocks = {"t": 0.0, "seq": 0} | ({"seconds": 0.0} if golden.get("seconds") is not None else {})
    assert list(written) == list(golden)
    assert written | clocks == golden | clocks


def test_nothing_follows_a_result() -> None:
    out = io.StringIO()
    stream = EventStream(out)
    stream.result("passed")
    written = out.getvalue()
    stream.gpus(0.0, {quantity: [None] for quantity in events.GPU_QUANTITIES}, [None])
    stream.note("info", "late", "from another thread")
    assert out.getvalue() == written


def test_both_languages_know_the_same_words() -> None:
    assert {
        "stages": list(events.STAGES),
        "productionStages": list(events.PRODUCTION_STAGES),
        "checks": list(events.CHECKS),
        "validatorCodes": list(events.VALIDATOR_CODES),
        "failureKinds": VOCABULARY["failureKinds"],
        "gpuQuantities": list(events.GPU_QUANTITIES),
        "throttleReasons": list(events.THROTTLE_REASONS),
    } == VOCABULARY


def test_every_kind_of_failure_is_known() -> None:
    kinds = set()
    #: Where the kind stands among the arguments of what makes a failure.
    position = {"_fail": 0, "_failure": 1}
    for path in Path(crusades_eval.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            given = [keyword.value for keyword in node.keywords if keyword.arg == "kind" and name == "Failure"]
            if name in position and len(node.args) > position[name]:
                given.append(node.args[position[name]])
            for value in given:
                kinds |= {part.value for part in ast.walk(value) if isinstance(part, ast.Constant)}
    kinds = {kind for kind in kinds if isinstance(kind, str)}
    assert "timeout" in kinds
    assert kinds - {"result_type"} <= set(VOCABULARY["failureKinds"])


def test_a_real_result_has_the_golden_keys(tmp_path: Path) -> None:
    source = tmp_path / "train.py"
    source.write_text("def broken(:\n")
    profile = json.loads((ROOT / "hparams" / "rehearsal.json").read_text())
    profile["mfu"] = {"gpu_peak_tflops": 312.0, "max_plausible_mfu": 75.0, "min_mfu": 35.0}
    order = Order.from_json(
        {
            "version": 1,
            "runId": "test",
            "sourcePath": str(source),
            "profile": profile,
            "policy": json.loads((ROOT / "hparams" / "scan-policy.json").read_text()),
            "numRanks": 2,
            "seed": "s",
            "sandbox": {"kind": "none"},
        }
    )
    out = io.StringIO()
    Judge(order, EventStream(out)).evaluate()
    written = [json.loads(line) for line in out.getvalue().splitlines()]
    golden = next(event for event in GOLDEN if event["type"] == "result" and event["outcome"] == "failed")
    assert list(written[-1]) == list(golden)
    assert list(written[-1]["failure"]) == list(golden["failure"])
    assert [event["seq"] for event in written] == list(range(len(written)))
