import base64

import pytest
from judge import POLICY, ROOT, profile

from crusades_eval.settings import Order, Settings, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("17", 17),
        ("17b", 17),
        ("2k", 2048),
        ("3m", 3 * 1024**2),
        ("320g", 320 * 1024**3),
        ("1G", 1024**3),
        ("1.5 GiB", 3 * 1024**3 // 2),
        ("1tb", 1024**4),
    ],
)
def test_sizes_in_dockers_notation(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "g", "1.g", "-1g", "1e", "1  g", "1ib"])
def test_what_is_no_size_is_named(text):
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


def test_the_rehearsal_profile():
    settings = Settings.from_profile(profile("rehearsal"))
    assert (settings.kind, settings.device, settings.tokenizer_name) == ("rehearsal", "cpu", None)
    assert settings.model["num_hidden_layers"] == 4
    assert (settings.eval_steps, settings.stage_seconds) == (20, 300.0)
    assert (settings.memory_bytes_per_rank, settings.processes_per_rank) == (3 * 1024**3, 64)
    assert settings.production_verification["weight_relative_error_max"] == 0.015


def test_a_production_profile_has_a_named_model_and_no_limits_of_ours():
    production = {
        **profile("quick"),
        "benchmark_model_name": "Qwen/Qwen2.5-7B",
        "benchmark_tokenizer_name": "teutonic",
        "crusader": {},
    }
    settings = Settings.from_profile(production)
    assert (settings.kind, settings.device) == ("production", "cuda")
    assert settings.model == {"name": "Qwen/Qwen2.5-7B"}
    assert settings.tokenizer_name == "teutonic"
    assert settings.memory_bytes_per_rank is settings.processes_per_rank is None
    assert settings.production_verification == {}
    del production["benchmark_tokenizer_name"]
    assert Settings.from_profile(production).tokenizer_name is None


def order(**changes):
    return {
        "version": 1,
        "runId": "r",
        "repeat": 0,
        "sourcePath": str(ROOT / "templates/single.py"),
        "profile": profile("quick"),
        "policy": POLICY,
        "numRanks": 2,
        "seed": "s",
        "sandbox": {"kind": "none"},
        **changes,
    }


def test_an_order():
    read = Order.from_json(order())
    assert (read.run_id, read.num_ranks, read.seed, read.bubblewrap) == ("r", 2, "s", None)
    assert read.source == ROOT / "templates/single.py"
    sandboxed = Order.from_json(order(sandbox={"kind": "bubblewrap", "program": "/usr/bin/bwrap"}))
    assert (sandboxed.sandbox, sandboxed.bubblewrap) == ("bubblewrap", "/usr/bin/bwrap")


def test_an_order_for_a_container_brings_the_file_itself():
    asked = order(source=base64.b64encode(b"\xff\0").decode(), sandbox={"kind": "container"})
    del asked["sourcePath"]
    read = Order.from_json(asked)
    assert (read.source, read.sandbox, read.bubblewrap) == (b"\xff\0", "container", None)


@pytest.mark.parametrize("changes", [{"sandbox": {"kind": "chroot"}}, {"source": "not base64!"}])
def test_an_order_that_makes_no_sense_is_refused(changes):
    with pytest.raises(ValueError, match=r"no such sandbox: 'chroot'|base64"):
        Order.from_json(order(**changes))


def test_an_order_of_another_version_is_refused():
    with pytest.raises(ValueError, match="version 2"):
        Order.from_json(order(version=2))
