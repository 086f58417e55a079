import ast
import json
import random
import time

import pytest
from scan_cases import CASES, POLICY, ROOT, source_of

from crusades_eval.scan import MAX_FINDINGS, RULES, scan


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_verdict(case):
    report = scan(source_of(case), POLICY, case.get("numGpus"))
    verdict = report["verdict"]
    assert {key: verdict[key] for key in ("kind", "line", "rule")} == case["verdict"]
    assert verdict["ok"] == (case["verdict"]["kind"] == "pass") == (report["findings"] == [])
    if report["findings"]:
        assert report["findings"][0]["rule"] == verdict["rule"]
    if "strategy" in case:
        assert report["strategy"] == case["strategy"]
    if "findings" in case:
        places = [{key: value for key, value in found.items() if key != "message"} for found in report["findings"]]
        assert places == case["findings"]


def test_every_rule_is_in_the_table_and_has_a_case():
    # With this policy nothing is a backend toggle, and nothing is a forbidden config write.
    silent = {"backend-toggle-call", "torch-config-write"}
    assert {case["verdict"]["rule"] for case in CASES} == {*RULES, None} - silent


def test_rules_whose_list_is_empty_in_the_policy():
    policy = {
        **POLICY,
        "forbidden_backend_toggle_calls": ["enable_flash_sdp"],
        "forbidden_torch_config_writes": ["dynamo"],
        "forbidden_from_torch_backends_imports": ["cudnn"],
    }

    def rules(source):
        return [found["rule"] for found in scan(source + "\ndef inner_steps(a, b, c, d, e): pass", policy)["findings"]]

    assert rules("x.enable_flash_sdp(False)") == ["backend-toggle-call"]
    assert rules("enable_flash_sdp(False)") == []
    assert rules("x.dynamo.config.y = 1") == ["torch-config-write"]
    assert rules("dynamo.config.y = 1") == []
    assert rules("x.dynamo.config.y += 1") == []
    assert rules("from torch.backends import cudnn") == ["forbidden-torch-import"]
    assert rules("from torch.backends.x import cudnn") == ["forbidden-torch-import"]
    assert rules("from torch import cudnn") == []


@pytest.mark.parametrize("key", sorted(POLICY))
def test_an_incomplete_policy_is_refused_by_its_key(key):
    with pytest.raises(ValueError, match=key):
        scan(b"", {name: value for name, value in POLICY.items() if name != key})


def test_text_is_scanned_like_its_bytes():
    assert scan("import os", POLICY) == scan(b"import os", POLICY)


def test_text_with_a_raw_surrogate():
    assert scan("x = '\ud800'", POLICY)["verdict"] == {
        "ok": False,
        "kind": "security",
        "line": None,
        "rule": "scanner-crash",
    }


def test_messages_say_what_and_what_instead():
    assert [found["message"] for found in scan("import os\nx = 'setattr'", POLICY)["findings"]] == [
        "The module `os` is imported. Remove the import; torch has what is needed.",
        "A string contains `setattr`. "
        "Reword the text (comments are not scanned); a main guard belongs in another file.",
        "There is no function inner_steps. "
        "Define `def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1)`.",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "x\n" * 249_000,
        "eval\n" * 99_000,
        "x = [" + '"",' * 160_000 + "]",
        "x = " + " + ".join(['"' + "y" * 500 + '"'] * 900),
        'x = "' + "%s" * 120_000 + '" % (' + '"a",' * 60_000 + ")",
        "x = " + "[" * 150 + "]" * 150,
        "\n".join(f'a{i} = b"{"a-" + "b9" * 1000}".decode("punycode")' for i in range(200)),
    ],
    ids=["names", "findings", "strings", "long sum", "format", "brackets", "slow codec"],
)
def test_the_largest_files_end_in_bounded_time(source):
    # A bound against quadratic time, far above what it takes; not a measurement.
    started = time.monotonic()
    assert len(scan(source, POLICY)["findings"]) <= MAX_FINDINGS
    assert time.monotonic() - started < 60


def test_mutated_sources_never_raise():
    # As in the TypeScript suite, which also compares both Pythons.
    generator = random.Random(20260405)
    sources = [source_of(case) for case in CASES if "parts" not in case]
    for _ in range(1500):
        source = bytearray(generator.choice(sources) + generator.choice(sources))
        for _ in range(generator.randrange(1, 6)):
            start = generator.randrange(len(source) + 1)
            end = min(len(source), start + generator.randrange(8))
            piece = generator.choice(
                [b"", b"(", b")", b'"', b"%s", b"\x00", b"\xff", b"\n", b"\\", b"{", b"f'", b" + "]
            )
            source[start:end] = piece
        report = scan(bytes(source), POLICY, generator.choice([None, 4]))
        assert report["verdict"]["ok"] == (report["findings"] == [])
        json.dumps(report)


def test_the_scanner_imports_nothing_that_reaches_the_machine():
    allowed = {
        "__future__",
        "ast",
        "codecs",
        "collections.abc",
        "collections",
        "dataclasses",
        "functools",
        "itertools",
        "re",
        "typing",
        "warnings",
    }
    modules = ("analysis", "scan", "lints", "fixes", "topology", "mfu", "cuda_needs", "syntax_tree")
    for name in modules:
        source = (ROOT / "simulator-image" / "crusades_eval" / f"{name}.py").read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= allowed
            elif isinstance(node, ast.ImportFrom):
                assert node.module in allowed or (node.level == 1 and node.module in modules)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"open", "exec", "eval", "__import__"}
