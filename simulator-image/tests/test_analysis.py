"""Repairs, and what holds for whole analyses."""
# One program a line reads better than its pieces.
# ruff: noqa: E501

import ast
import json
import random
import time
from itertools import pairwise

import pytest
from scan_cases import CASES, POLICY, ROOT, source_of

from crusades_eval.analysis import analyse
from crusades_eval.fixes import MAX_FIXES
from crusades_eval.scan import scan

INNER_STEPS = (
    "def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):\n    return run(model)\n"
)
PROGRAMS = [
    path.read_text(encoding="utf-8")
    for folder in ("templates", "fixtures/submissions")
    for path in sorted((ROOT / folder).glob("*.py"))
]


def applied(source: str, edits: list[dict]) -> str:
    """The source after the edits of one fix, as an editor makes them: lines end with LF, CR LF or CR."""
    starts = [0]
    for line in source.replace("\r\n", "\n\n").replace("\r", "\n").split("\n")[:-1]:
        starts.append(starts[-1] + len(line) + 1)
    if "\r\n" in source:
        # A pair became two line feeds: its second half starts no line.
        starts = [start for start in starts if source[start - 1 : start + 1] != "\r\n"]
    for edit in reversed(edits):
        start = starts[edit["line"] - 1] + edit["column"] - 1
        end = starts[edit["endLine"] - 1] + edit["endColumn"] - 1
        assert start <= end <= len(source)
        source = source[:start] + edit["text"] + source[end:]
    return source


def after_fixes(source: str) -> list[tuple[str, str]]:
    """(title, source afterwards) of every fix that is offered."""
    fixes = analyse(source.encode(), POLICY)["fixes"]
    return [(fix["title"], applied(source, fix["edits"])) for fix in fixes]


def rules_of(found: list[dict]) -> dict[str, int]:
    rules = [one["rule"] for one in found]
    return {rule: rules.count(rule) for rule in rules}


def without_docstrings(tree: ast.AST) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    return ast.dump(tree)


def assert_safe(source: str, report: dict) -> None:
    """What holds for every fix of every source."""
    for fix in report["fixes"]:
        places = [(one["line"], one["column"], one["endLine"], one["endColumn"]) for one in fix["edits"]]
        assert places == sorted(places)
        assert all(one[2:] <= other[:2] for one, other in pairwise(places))
        changed = applied(source, fix["edits"])
        again = analyse(changed.encode(), POLICY)
        mended = [*report["findings"], *report["lints"]]
        assert (fix["rule"], fix["line"], fix["column"]) in [
            (one["rule"], one["line"], one["column"]) for one in mended
        ]
        old, new = rules_of(report["findings"]), rules_of(again["findings"])
        assert all(count <= old.get(rule, 0) for rule, count in new.items())
        if fix["rule"] in old:
            assert new.get(fix["rule"], 0) == old[fix["rule"]] - 1 or fix["title"] == "Remove the main guard"
            assert sum(new.values()) < sum(old.values())
        else:
            assert fix["rule"] not in rules_of(again["lints"])
        assert again["verdict"]["ok"] >= report["verdict"]["ok"]
        assert_same_program(ast.parse(source), ast.parse(changed), fix)


def assert_same_program(before: ast.Module, after: ast.Module, fix: dict) -> None:
    """Outside of what was repaired the two are the same."""
    match fix["rule"], fix["title"]:
        case "torch-alias-import", title:
            old = title.rpartition(" ")[2]
            text = ast.dump(before).replace(f"alias(name='torch', asname='{old}')", "alias(name='torch')")
            assert ast.dump(after) == text.replace(f"Name(id='{old}'", "Name(id='torch'")
        case "strategy-not-literal", _:
            for tree in (before, after):
                for node in ast.walk(tree):
                    if isinstance(node, ast.FunctionDef) and node.name == "get_strategy":
                        node.body[-1].value = None
            assert ast.dump(before) == ast.dump(after)
        case _, "Remove the main guard":
            [guard] = [node for node in before.body if node.lineno == fix["line"]]
            before.body.remove(guard)
            assert ast.dump(before) == ast.dump(after)
        case _:
            assert without_docstrings(before) == without_docstrings(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import torch as t\nx = t.zeros(1)\n", "import torch\nx = torch.zeros(1)\n"),
        ("import math, torch as th, re\n[th]\n", "import math, torch, re\n[torch]\n"),
        ("import torch\nimport torch.nn as nn\nimport torch as t\nt.nn.Linear; nn\n", "import torch\nimport torch.nn as nn\nimport torch\ntorch.nn.Linear; nn\n"),
        ("import torch as t\r\ndef f():\r\n\treturn '\U0001f600', t.ones\r\n", "import torch\r\ndef f():\r\n\treturn '\U0001f600', torch.ones\r\n"),
        ("\fimport torch as t\n\ff(t)\n", "\fimport torch\n\ff(torch)\n"),
        ("import torch as t\nt.compile(f)\n", "import torch\ntorch.compile(f)\n"),
    ],
)  # fmt: skip
def test_an_alias_of_torch_is_dropped(before, after):
    assert [source for title, source in after_fixes(before) if title.startswith("Write torch")] == [after]


@pytest.mark.parametrize(
    "source",
    [
        "import torch as t\nt = 1\n",
        "import torch as t\ndef f(t): pass\n",
        "import torch as t\ndef f(torch): return t\n",
        "import torch as t\ntorch = 1\n",
        "import torch as t\nfrom x import torch\n",
        "import torch as t\nimport x as torch\n",
        "import torch as t\nimport torch as t\n",
        "import torch as t\nfor t in x: pass\n",
        "import torch as t\n[t for t in x]\n",
        "import torch as t\ntry: pass\nexcept E as t: pass\n",
        "import torch as t\nmatch x:\n    case t: pass\n",
        "import torch as t\ndef f():\n    global t\n",
        "import torch as t\ndel t\n",
        "import torch as t\nf'{t.ones}'\n",
        "import torch as t\ndef f(x: 't.Tensor'): pass\n",
        "import torch as t, torch as u\n",
        "def f():\n    import torch as t\n",
        # These would break another rule.
        "import torch as t\nx = t\n",
        "import torch as t\nt.load(x)\n",
        "import torch as t\nt.y = 1\n",
        "import torch as t\nt._C\n",
        "import torch as t\nx = t.compile\n",
        # Normalised names are written otherwise than they read.
        "import torch as t\n\uff54.ones\n",
    ],
)
def test_an_alias_stays_where_the_name_is_in_doubt(source):
    assert after_fixes(source) == []


@pytest.mark.parametrize(
    ("before", "literal"),
    [
        ("def get_strategy():\n    return dict(dp_size=2, tp_size=1)\n", '{"dp_size": 2, "tp_size": 1}'),
        ("N = 4\nTP = N // 2\ndef get_strategy():\n    return {'dp_size': N // TP, 'tp_size': TP}\n", '{"dp_size": 2, "tp_size": 2}'),
        ("MODE = 'fsdp'\ndef get_strategy():\n    'A text'\n    return MODE\n", '"fsdp"'),
        ("S = {'dp_size': 2, 'tp_size': 1 + 1 * 2 - 1}\ndef get_strategy():\n    return S\nprint(S['dp_size'])\n", '{"dp_size": 2, "tp_size": 2}'),
        ("def get_strategy():\n    n = 2\n    sizes = {'dp_size': n, 'tp_size': 1}\n    return sizes\n", '{"dp_size": 2, "tp_size": 1}'),
        ("def get_strategy():\n    return (\n        dict(\r\n            dp_size=2, tp_size=1\n        )\n    )\n", '{"dp_size": 2, "tp_size": 1}'),
    ],
)  # fmt: skip
def test_a_computed_strategy_is_written_out(before, literal):
    [fix] = analyse(before.encode(), POLICY)["fixes"]
    assert (fix["rule"], fix["title"], fix["edits"][0]["text"]) == (
        "strategy-not-literal",
        f"Return {literal}",
        literal,
    )
    changed = applied(before, fix["edits"])
    environment: dict = {}
    exec(before, environment)
    assert environment["get_strategy"]() == ast.literal_eval(literal)
    exec(changed, environment)
    assert environment["get_strategy"]() == ast.literal_eval(literal)
    assert scan(changed, POLICY)["strategy"] is not None


@pytest.mark.parametrize(
    "source",
    [
        "def get_strategy():\n    return dict(dp_size=num_gpus, tp_size=1)\n",
        "N = 2\nN = 3\ndef get_strategy():\n    return dict(dp_size=N, tp_size=1)\n",
        "N = 2\nN += 1\ndef get_strategy():\n    return dict(dp_size=N, tp_size=1)\n",
        "N = 2\ndef f():\n    global N\ndef get_strategy():\n    return dict(dp_size=N, tp_size=1)\n",
        "if x:\n    N = 2\ndef get_strategy():\n    return dict(dp_size=N, tp_size=1)\n",
        "def get_strategy(n=2):\n    return dict(dp_size=n, tp_size=1)\n",
        "def get_strategy():\n    if x:\n        return 1\n    return dict(dp_size=2, tp_size=1)\n",
        "def get_strategy():\n    change()\n    return dict(dp_size=2, tp_size=1)\n",
        "@d\ndef get_strategy():\n    return dict(dp_size=2, tp_size=1)\n",
        "def dict(**k): pass\ndef get_strategy():\n    return dict(dp_size=2, tp_size=1)\n",
        "S = {'dp_size': 2, 'tp_size': 1}\nS['dp_size'] = 4\ndef get_strategy():\n    return S\n",
        "S = {'dp_size': 2, 'tp_size': 1}\nS.update(dp_size=4)\ndef get_strategy():\n    return S\n",
        "S = {'dp_size': 2, 'tp_size': 1}\nchange(S)\ndef get_strategy():\n    return S\n",
        "def get_strategy():\n    return dict(dp_size=4 // 0, tp_size=1)\n",
        "def get_strategy():\n    return dict(dp_size=2)\n",
        "def get_strategy():\n    return f'{x}'\n",
        "def get_strategy():\n    return 'pp'\n",
        "def get_strategy():\n    return dict(  # two\n        dp_size=2, tp_size=1)\n",
        "class A:\n    def get_strategy(self):\n        return dict(dp_size=2, tp_size=1)\n",
        "def get_strategy(): return dict(dp_size=2, tp_size=1)\ndef get_strategy(): return 1\n",
        "async def get_strategy(): return dict(dp_size=2, tp_size=1)\n",
        "def get_strategy():\n    yield 1\n    return dict(dp_size=2, tp_size=1)\n",
        "a = b + b\n" + "".join(f"{x} = {y} + {y}\n" for x, y in zip("bcdefghijk", "cdefghijkl", strict=True))
        + "l = 1\ndef get_strategy():\n    return dict(dp_size=a, tp_size=1)\n",
        "def get_strategy():\n    return " + "{'a': " * 90 + "1" + "}" * 90 + "\n",
        "def get_strategy():\n    return dict(dp_size=" + "1 + " * 700 + "1, tp_size=1)\n",
        "a = b\nb = a\ndef get_strategy():\n    return dict(dp_size=a, tp_size=1)\n",
    ],
)  # fmt: skip
def test_a_strategy_stays_where_its_value_is_in_doubt(source):
    assert after_fixes(source) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"""Uses getattr."""\n', '"""Uses get-attr."""\n'),
        ("def f():\n\t'''\U0001f600 PYTORCH_CUDA\r\n\tand __name__ or setattr\r\n\t'''\r\n", "def f():\n\t'''\U0001f600 PYTORCH-CUDA\r\n\tand name or set-attr\r\n\t'''\r\n"),
        ("class A:\n    r'localsgd \\d'; x = 1\n", "class A:\n    r'local-sgd \\d'; x = 1\n"),
        ('x = 1\n"monotonically __builtins__"\n', 'x = 1\n"mono-tonically built-ins"\n'),
        ("'sys' '.modules is sys.modules'\n", None),
        ("'\\x67etattr'\n", None),
        ("x = 'getattr'\n", None),
        ("f('getattr')\n", None),
        ("'getattr' + x\n", None),
        ("f'getattr'\n", None),
        ("'getattr'\nprint(__doc__)\n", None),
        ("def f():\n    'getattr'\nf.__doc__\n", None),
        ("class A:\n    'getattr'\nhelp(A)\n", None),
    ],
)  # fmt: skip
def test_words_are_spelled_otherwise_where_nothing_reads_them(before, after):
    assert after_fixes(before) == ([] if after is None else [("Spell the forbidden word otherwise", after)])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('x = 1\nif __name__ == "__main__":\n    import os\n\n    main()  # try it\ny = 2\n', "x = 1\ny = 2\n"),
        ("if '__main__' == __name__: main(); more()\n", ""),
        ('x = 1\r\nif __name__ == "__main__":\r\n\tmain()', "x = 1\r\n"),
        ('\fif __name__ == "__main__":\n    main()\n# end', "# end"),
        ('if __name__ == "__main__":\n    main()\nelse:\n    other()\n', None),
        ('if __name__ == "__main__":\n    main()\nelif x:\n    other()\n', None),
        ('if __name__ != "__main__":\n    main()\n', None),
        ('if __name__ == "__main__" and x:\n    main()\n', None),
        ('if x:\n    if __name__ == "__main__":\n        main()\n', None),
        ('if __name__ == "__main__":\n    def inner_steps(a, b, c, d, e): pass\n', None),
        ('if __name__ == "__main__":\n    def get_strategy(): return "ddp"\n', None),
        ('if __name__ == "__main__":\n    main() \\\n\nx = 1\n', None),
    ],
)
def test_a_main_guard_is_removed(before, after):
    assert after_fixes(before) == ([] if after is None else [("Remove the main guard", after)])


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_an_analysis_is_the_scan_and_more(case):
    source = source_of(case)
    report = analyse(source, POLICY, case.get("numGpus"))
    lints, fixes = report.pop("lints"), report.pop("fixes")
    assert report == scan(source, POLICY, case.get("numGpus"))
    if report["verdict"]["rule"] in ("syntax-error", "scanner-crash", "source-too-large"):
        assert (lints, fixes) == ([], [])
    else:
        assert_safe(source.decode(), {**report, "lints": lints, "fixes": fixes})


PIECES = [
    *("", "\n", "\t", "\f", "\r\n", "'''", '"', "(", ")", ":", "#", "\\\n", "\U0001f600", "\0", "None", "t", "torch", " + 1"),
    *("num_gpus", "model", ".item()", ".cpu()", "[:, 1:]", "return\n", "t.load", "t = 1\n", "getattr", "f'{t}'", "await x"),
]  # fmt: skip
BEFORE = ["", "import torch as t\n", '"""getattr and _C"""\n', "N = 2\n"]
AFTER = [
    "",
    '\nif __name__ == "__main__":\n    t.main()\n',
    "\ndef get_strategy():\n    return dict(dp_size=N, tp_size=N)\n",
]


def test_mutated_programs_are_analysed_and_repaired_safely():
    generator = random.Random(20260405)
    repaired = []
    for _ in range(600):
        source = generator.choice(BEFORE) + generator.choice(BEFORE) + generator.choice(PROGRAMS)
        source += generator.choice(AFTER) + generator.choice(AFTER)
        if generator.random() < 0.2:
            source = source.replace("\n", "\r\n")
        for _ in range(generator.randrange(4)):
            start = generator.randrange(len(source) + 1)
            source = source[:start] + generator.choice(PIECES) + source[start + generator.randrange(4) :]
        report = analyse(source.encode(), POLICY, generator.choice([None, 4]))
        json.dumps(report)
        assert_verdict_is_found(report)
        if report["fixes"]:
            assert_safe(source, report)
            repaired += [fix["title"].split(" ")[0] for fix in report["fixes"]]
    # The property holds of something: all four kinds occur, and often.
    assert {title: repaired.count(title) > 10 for title in ("Write", "Return", "Spell", "Remove")} == {
        "Write": True,
        "Return": True,
        "Spell": True,
        "Remove": True,
    }


def assert_verdict_is_found(report: dict) -> None:
    """The set of findings always contains the verdict's, and it comes first."""
    verdict = report["verdict"]
    assert verdict["ok"] == (verdict["rule"] is None) == (report["findings"] == [])
    if report["findings"]:
        first = report["findings"][0]
        assert first["rule"] == verdict["rule"]
        assert verdict["line"] in (first["line"], None)


@pytest.mark.parametrize(
    "source",
    [
        "f('getattr')\n" * 8_000 + "x\n" * 100_000,
        "'getattr' '\\x67'\n" * 9_000 + "if __name__ == '__main__': x\n" * 8_000,
        "import torch as t\n" * 9_000 + "t\n" * 50_000,
        '"""' + "getattr and setattr of \U0001f600\n" * 500 + '"""\n',
        "'getattr \U0001f600'; " * 9_000,
    ],
    ids=["strings", "guards", "aliases", "long text", "one line"],
)
def test_repairs_end_in_bounded_time(source):
    # A bound against quadratic time, far above what it takes; not a measurement.
    started = time.monotonic()
    assert len(analyse(source, POLICY)["fixes"]) <= MAX_FIXES
    assert time.monotonic() - started < 60


def test_lints_are_no_findings():
    report = analyse(INNER_STEPS + "import os\n", POLICY)
    assert {one["rule"] for one in report["findings"]} == {"forbidden-module"}
    assert analyse(INNER_STEPS + "    return torch.optim.SGD(p)", POLICY)["verdict"]["ok"]
