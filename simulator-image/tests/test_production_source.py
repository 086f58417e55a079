"""Reading a repository in the shape of the validator's: fixtures/production-source, and what hostile ones may hold."""

from scan_cases import POLICY, ROOT

from crusades_eval import production_source
from crusades_eval.production_source import read

FOLDER = ROOT / "fixtures" / "production-source"
SETS = "src/arena/rules/security_sets.py"
ENV = "environments/arena/env.py"
FILES = {
    path.relative_to(FOLDER).as_posix(): path.read_bytes()
    for path in sorted(FOLDER.rglob("*"))
    if path.is_file() and "__pycache__" not in path.parts
}


def found(reading: dict) -> dict:
    return {key: (row["name"], row["file"], row["by"]) for key, row in reading["policy"].items()}


def test_policy_sets_are_recognised_by_name_and_by_content():
    reading = read(FILES, POLICY)
    assert found(reading) == {
        "forbidden_modules": ("FORBIDDEN_MODULES", SETS, "both"),
        "forbidden_names": ("FORBIDDEN_NAMES", SETS, "both"),
        "forbidden_grad_toggle_calls": ("BLOCKED_GRAD_TOGGLES", SETS, "both"),
        "tracked_torch_submodules": ("TRACKED_TORCH_SUBMODULES", SETS, "both"),
        "forbidden_cudnn_writes": ("", ENV, "content"),
        "max_bytes_literal_elements": ("MAX_BYTES_ELEMENTS", SETS, "name"),
    }
    # Put together from sets of this file and of another one.
    ours = set(POLICY["forbidden_modules"])
    theirs = set(reading["policy"]["forbidden_modules"]["value"])
    assert (sorted(theirs - ours), sorted(ours - theirs)) == (["asyncio"], ["__main__", "urllib"])
    assert set(reading["policy"]["forbidden_names"]["value"]) - set(POLICY["forbidden_names"]) == {"print"}
    assert reading["policy"]["max_bytes_literal_elements"]["value"] == 128
    assert [line for line in reading["notFound"] if not line.startswith("scan policy: ")] == []
    assert len(reading["notFound"]) == len(POLICY) - len(reading["policy"])


def test_a_moved_file_is_still_found():
    moved = {f"a/b/{path.rsplit('/', 1)[-1]}" if path == SETS else path: content for path, content in FILES.items()}
    assert read(moved, POLICY)["policy"]["forbidden_names"]["file"] == "a/b/security_sets.py"


def test_sets_without_telling_names_are_recognised_by_what_they_hold():
    text = FILES[SETS].replace(b"FORBIDDEN_NAMES", b"X17").replace(b"TRACKED_TORCH_SUBMODULES", b"Y")
    reading = read({"x.py": text}, POLICY)
    rows = found(reading)
    assert (rows["forbidden_names"], rows["tracked_torch_submodules"]) == (
        ("X17", "x.py", "content"),
        ("Y", "x.py", "content"),
    )


def test_numbers_pins_and_hparams_with_their_places():
    reading = read(FILES, POLICY)
    assert {row["name"]: row["value"] for row in reading["thresholds"]} == {
        "default_timeout_seconds": 3600,
        "max_bytes_elements": 128,
        "max_loss_difference": 0.4,
        "min_mfu": 50.0,
        "timer_divergence_threshold": 0.004,
        "warmup_steps": 2,
        "weight_relative_error_max": 0.02,
    }
    lines = FILES[ENV].decode().splitlines()
    for row in reading["thresholds"]:
        if row["file"] == ENV:
            assert row["name"].upper() in lines[row["line"] - 1].upper()
    docker = "environments/arena/Dockerfile"
    assert [(row["name"], row["version"], row["file"], row["line"]) for row in reading["pins"]] == [
        ("accelerate", "1.12.0", docker, 4),
        ("base image", "pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime", docker, 2),
        ("flash-attn", "2.8.3", docker, 5),
        ("numpy", "2.2.7", "uv.lock", 4),
        ("torch", "2.9", "pyproject.toml", 4),
        ("transformers", "4.58.0", docker, 4),
    ]
    assert reading["hparams"]["file"] == "hparams/hparams.json"
    assert reading["hparams"]["content"]["eval_steps"] == 24


def test_the_scanner_is_taken_out_with_what_it_needs_and_nothing_else():
    scanner = read(FILES, POLICY)["scanners"][0]
    assert scanner["entry"] == {
        "name": "check_source_code",
        "file": ENV,
        "line": 54,
        "parameters": [
            {"name": "code", "annotation": "str", "required": True},
            {"name": "num_gpus", "annotation": "int", "required": False},
        ],
        "returns": "tuple[bool, str | None]",
    }
    names = [row["name"] for row in scanner["definitions"]]
    assert names[0] == "ast" and names[-1] == "check_source_code"
    assert not {"torch", "judge", "Limits", "MAX_BYTES_ELEMENTS"} & set(names)
    assert scanner["unresolved"] == []
    # The extract works on its own, in this order.
    namespace: dict = {}
    for row in scanner["definitions"]:
        exec(row["source"], namespace)
    check = namespace["check_source_code"]
    assert [check("import os\n"), check("def inner_steps(a, b, c, d, e): ...\n"), check("x =")] == [
        (False, "line 1: the module os"),
        (True, None),
        (False, "syntax, line 1"),
    ]


def test_what_the_extract_lacks_is_named():
    text = b"""
import ast
import somewhere
from elsewhere import LIMIT

def check_code(text):
    return somewhere.ok(ast.parse(text), LIMIT, missing_helper)
"""
    scanner = read({"env.py": text}, POLICY)["scanners"][0]
    assert scanner["unresolved"] == ["elsewhere", "missing_helper", "somewhere"]


def test_another_layout_says_what_it_lacks_and_keeps_the_rest():
    reading = read({"README.md": b"", "hparams.json": FILES["hparams/hparams.json"]}, POLICY)
    assert reading["hparams"]["file"] == "hparams.json"
    assert [line.split(":")[0] for line in reading["notFound"][-3:]] == ["thresholds", "container", "scanner"]
    assert read({}, POLICY)["notFound"][len(POLICY)].startswith("hparams: ")


def test_hostile_files_are_left_out_and_named():
    deep = ("(" * 150 + ")" * 150).encode()
    files = {
        "broken.py": b"def",
        "nul.py": b"x = 1\0",
        "latin.py": b"x = '\xff'",
        "sum.py": b"x = " + b" + ".join([b"1"] * 3000),
        "huge.py": b"#" * 1_000_001,
        "deep.py": b"x = " + deep,
        "hparams.json": b'{"netuid": NaN, "eval_steps": 1, "mfu": {}}',
        "nested.json": b"[" * 100_000,
        "uv.lock": b"= = =",
        "loop.py": b"import ast\ndef check_a(x): return check_b(ast.parse(x))\ndef check_b(x): return check_a(x)\n",
    }
    reading = read(files, POLICY)
    assert {line.split(":")[0] for line in reading["unreadable"]} >= {
        "broken.py",
        "nul.py",
        "latin.py",
        "sum.py",
        "huge.py",
        "hparams.json",
    }
    assert reading["hparams"] is None
    assert [scanner["entry"]["name"] for scanner in reading["scanners"]][:1] == ["check_a"]


def test_numbers_that_nothing_can_hold_are_none():
    big = "9007199254740991"
    text = f"""
MAX_LIMIT = {" * ".join([big] * 30)}
MAX_RATIO = {" * ".join(["9e15"] * 30)}
MAX_ERROR = {" * ".join(["9e15"] * 30)} * 0
MAX_BYTES_LITERAL_ELEMENTS = {big} * 2
MAX_STEPS = 6 * 7
"""
    files = {
        "env.py": text.encode(),
        "hparams.json": b'{"netuid": 1e999, "eval_steps": 1, "mfu": {}}',
        "uv.lock": b"version = " + b"9" * 5000,
    }
    reading = read(files, POLICY)
    assert [(row["name"], row["value"]) for row in reading["thresholds"]] == [("max_steps", 42)]
    assert reading["policy"] == {}
    assert reading["hparams"] is None
    assert reading["unreadable"] == ["hparams.json: 1e999 is too large"]


def test_a_set_larger_than_any_of_a_scan_is_none():
    names = ", ".join(f'"a{index}"' for index in range(production_source.MAX_SET_NAMES + 1))
    text = f'FORBIDDEN_NAMES = {{{names}}}\nFORBIDDEN_MODULES = {{"os"}}\n'
    found = read({"env.py": text.encode()}, POLICY)["policy"]
    assert {key: one["value"] for key, one in found.items()} == {"forbidden_modules": ["os"]}


def test_sets_that_are_made_of_each_other_end(monkeypatch):
    monkeypatch.setattr(production_source, "MAX_NAMES", 10_000)
    grown = "\n".join(f'GROWN = GROWN | {{"a{index}"}}' for index in range(500))
    modules = production_source._modules({"env.py": f'GROWN = {{"x"}}\n{grown}\n'.encode()}, [])
    taken = sum(len(one.values) for one in production_source._all_sets(modules))
    assert 9_000 < taken < 11_000


def test_files_that_are_too_large_together_are_left_out_from_there_on(monkeypatch):
    monkeypatch.setattr(production_source, "MAX_NODES", 3000)
    files = {f"m{index}.py": b"x = [" + b"1," * 700 + b"]" for index in range(5)}
    reading = read({**files, "env.py": FILES[ENV]}, POLICY)
    assert reading["unreadable"] == [f"m{index}.py: too large or too deeply nested to be read" for index in (3, 4)]
    assert reading["scanners"][0]["entry"]["name"] == "check_source_code"
