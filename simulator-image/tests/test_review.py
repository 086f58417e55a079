# One program a line reads better than its pieces.
# ruff: noqa: E501

import re

import pytest
from scan_cases import POLICY, ROOT
from submissions import FIXTURES, source_of
from test_container import INTRUDER
from test_production import CHANNEL, HOSTILE
from test_production import INTRUDER as PRODUCTION_INTRUDER

from crusades_eval.heuristics import HEURISTICS
from crusades_eval.review import EVIDENCE_CHARACTERS, MAX_DEPTH, MAX_FINDINGS_OF_A_KIND, review
from crusades_eval.scan import scan
from crusades_eval.techniques import TITLES

TEMPLATES = sorted((ROOT / "templates").glob("*.py"))
HONEST = sorted((ROOT / "fixtures" / "review" / "honest").glob("*.py"))
SINGLE = (ROOT / "templates" / "single.py").read_text(encoding="utf-8")
HEADER = "def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):\n"
NOTHING = {"unreviewed": None, "findings": []}


def findings(source):
    """(id, severity, what is marked) of every finding; marks of one line only."""
    report = review(source)
    assert report["unreviewed"] is None
    return [(one["id"], one["severity"], one["evidence"][0]["text"]) for one in report["findings"]]


def used(source):
    """Technique -> lines."""
    return {one["id"]: [place["line"] for place in one["places"]] for one in review(source)["techniques"]}


def in_template(*edits):
    """The template for one GPU after replacements, each of a text that is there once."""
    source = SINGLE
    for old, new in edits:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


# --- Whole files ---------------------------------------------------------------------------------------------------

# Wrong in ways that win nothing: the file is refused, or fails, as it would by accident.
MISTAKES = {
    "empty",
    "no inner_steps",
    "short inner_steps",
    "no topology, two ranks",
    "computed topology",
    "2x1 on four",
    "2x2 on two",
    "1x4 on two",
    "1x1 on two",
    "2x1 on one",
    "unknown string",
    "tp declared, DDP run",
    "needs CUDA",
    "loss as tensor",
    "logits of rank 2",
    "logits of another vocabulary",
    "final_state as list",
    "partial final_state",
    "final_state in another shape",
    "final_state on rank 1 only",
    "nothing returned",
    "exception at import",
}
UNREADABLE = {"10 MB", "binary", "Latin-1", "UTF-16", "byte order mark", "syntax error"}
# These pass the evaluation by what it cannot tell, and are hostile.
UNDETECTED = {"one step less", "one batch more", "early second rank"}
SOURCES = {one["name"]: source_of(one) for one in FIXTURES if not one.get("missing")}
PASSING = {one["name"] for one in FIXTURES if one["expect"]["outcome"] == "passed"} - MISTAKES - UNDETECTED
FLAGGED = [name for name in SOURCES if name not in PASSING | MISTAKES | UNREADABLE]


def test_every_hostile_submission_is_flagged():
    assert [name for name in FLAGGED if not findings(SOURCES[name])] == []
    assert len(FLAGGED) > 70


@pytest.mark.parametrize("name", ["look_around", "read_memory"])
def test_those_that_look_around_are_flagged(name):
    source = (ROOT / "fixtures" / "submissions" / f"{name}.py").read_bytes()
    assert {"file-access", "warm-up-branch"} <= {found for found, severity, _ in findings(source)}


def test_what_other_tests_attack_with_is_flagged():
    entered = SOURCES["honest"].decode()
    attacks = [INTRUDER, PRODUCTION_INTRUDER.decode(), *(CHANNEL + text for text, *_ in HOSTILE)]
    for attack in attacks:
        assert "likely_exploit" in {severity for _, severity, _ in findings(entered + attack)}


@pytest.mark.parametrize("name", sorted(PASSING))
def test_no_honest_submission_is_flagged(name):
    assert findings(SOURCES[name]) == []


@pytest.mark.parametrize("name", sorted(MISTAKES))
def test_mistakes_are_no_exploits(name):
    assert findings(SOURCES[name]) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_no_template_is_flagged(path):
    assert findings(path.read_bytes()) == []


def test_honest_files_of_many_styles_are_left_alone():
    assert len(HONEST) >= 40
    flagged = {path.stem: findings(path.read_bytes()) for path in HONEST}
    assert {name: found for name, found in flagged.items() if found} == {}


@pytest.mark.parametrize("path", HONEST, ids=lambda path: path.stem)
def test_honest_files_pass_the_scan(path):
    assert scan(path.read_bytes(), POLICY)["verdict"] == {"ok": True, "kind": "pass", "line": None, "rule": None}


# --- Heuristics ----------------------------------------------------------------------------------------------------

LIKELY, LOOK = "likely_exploit", "worth_a_look"
LOOP = "    for _ in range(num_steps):\n"
START = "    total_tokens = 0\n"
DRAW = "        batch = next(data_iterator).to(device, non_blocking=True)\n"
ADAMW = "optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4,"
FIELDS = "    final_state: dict  # every tensor of the trained model, on the CPU\n"
STATE = "    final_state = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}\n"
RESULT = "    return InnerStepsResult(logits.detach(), total_tokens, loss.item(), final_state)\n"
ENTRY = HEADER.strip()


def before(source):
    return (ENTRY, f"{source}\n\n\n{ENTRY}")


def begun(statement):
    return (START, f"{START}    {statement}\n")


def each_step(statement):
    return (DRAW, f"{DRAW}        {statement}\n")


def after_backward(statement):
    return ("        loss.backward()\n", f"        loss.backward()\n        {statement}\n")


# id: [(edits of the template, severity, what is marked)], and edits that come close and are in order
CASES = {
    "warm-up-branch": (
        [
            ([begun("fast = len(range(num_steps)) > 2")], LIKELY, "len(range(num_steps)) > 2"),
            ([begun("fast = sum(1 for _ in range(num_steps)) > 2")], LIKELY, "sum(1 for _ in range(num_steps)) > 2"),
            ([begun("if not (num_steps - 2):\n        pass")], LIKELY, "num_steps - 2"),
            ([before("def go(**k):\n    return k['n'] > 2"), begun("go(n=num_steps)")], LIKELY, "k['n'] > 2"),
            ([begun("fast = num_steps > 2")], LIKELY, "num_steps > 2"),
            ([before("WARM = 2"), begun("fast = WARM == num_steps")], LIKELY, "WARM == num_steps"),
            ([begun("fast = num_steps in (2, 3)")], LIKELY, "num_steps in (2, 3)"),
            ([begun("fast = num_steps % 5 == 0")], LIKELY, "num_steps % 5 == 0"),
            ([begun("fast = [slow, quick][num_steps > 2]()")], LIKELY, "num_steps > 2"),
            ([begun("fast = {2: slow}.get(num_steps, quick)")], LIKELY, "{2: slow}.get(num_steps, quick)"),
            ([begun("fast = {2: slow, 5: quick}[num_steps]")], LIKELY, "{2: slow, 5: quick}[num_steps]"),
            ([begun("if num_steps - 2:\n        pass")], LIKELY, "num_steps - 2"),
            ([begun("fast = num_steps.bit_length()")], LIKELY, "num_steps.bit_length"),
            ([begun("match num_steps:\n        case 2:\n            pass")], LIKELY, "num_steps"),
            ([before("def run(n):\n    return n >= 3"), begun("run(num_steps)")], LIKELY, "n >= 3"),
            ([begun("steps = num_steps\n    fast = steps == 5")], LIKELY, "steps == 5"),
        ],
        [
            [(LOOP, "    for step in range(num_steps):\n"), each_step("last = step == num_steps - 1")],
            [begun("if num_steps < 1:\n        raise ValueError(num_steps)")],
            [begun("assert num_steps > 0")],
            [begun("done = 0\n    while done < num_steps:\n        done += 1")],
        ],
    ),
    "call-counting": (
        [
            ([before("MODES = ['timed', 'warm']"), begun("mode = MODES.pop()")], LIKELY, "MODES.pop()"),
            ([before("SEEN = []"), begun("SEEN.append(1)")], LIKELY, "SEEN.append(1)"),
            (
                [
                    before(
                        "def make():\n    n = 0\n    def count():\n        nonlocal n\n        n += 1\n    return count\ncount = make()"
                    ),
                    begun("count()"),
                ],
                LIKELY,
                "n += 1",
            ),
            ([before("calls = 0"), begun("global calls\n    calls += 1")], LIKELY, "calls += 1"),
            ([before("calls = [0]"), begun("calls[0] += 1")], LIKELY, "calls[0] += 1"),
            ([begun("inner_steps.calls += 1")], LIKELY, "inner_steps.calls += 1"),
            ([before("class State:\n    n = 0"), begun("State.n = State.n + 1")], LIKELY, "State.n = State.n + 1"),
            (
                [before("import itertools\ncounter = itertools.count()"), begun("n = next(counter)")],
                LIKELY,
                "next(counter)",
            ),
            ([before("first = True"), begun("global first\n    first = not first")], LIKELY, "first = not first"),
            ([before("def note(seen=[0]):\n    seen[0] += 1"), begun("note()")], LIKELY, "seen[0] += 1"),
            (
                [before("warm = False"), begun("global warm\n    if warm:\n        pass\n    warm = True")],
                LOOK,
                "warm = True",
            ),
        ],
        [
            [begun("seen = 0\n    def note():\n        nonlocal seen\n        seen += 1")],
            [
                before("step_fn = None"),
                begun("global step_fn\n    if step_fn is None:\n        step_fn = torch.compile(f)"),
            ],
            [
                before(
                    "class Meter:\n    def __init__(self):\n        self.n = 0\n    def add(self):\n        self.n += 1"
                ),
                begun("Meter().add()"),
            ],
        ],
    ),
    "kept-state": (
        [
            (
                [after_backward('model.register_buffer("kept", logits.detach())')],
                LIKELY,
                'model.register_buffer("kept", logits.detach())',
            ),
            ([before("KEPT = {}"), each_step('KEPT["batch"] = batch')], LIKELY, 'KEPT["batch"] = batch'),
            ([before("KEPT = []"), after_backward("KEPT.append(loss.detach())")], LIKELY, "KEPT.append(loss.detach())"),
            ([(STATE, f"{STATE}    inner_steps.state = final_state\n")], LIKELY, "inner_steps.state = final_state"),
            ([(STATE, f"{STATE}    model.seen = final_state\n")], LIKELY, "model.seen = final_state"),
            (
                [before("class Cache:\n    optimizer = None"), begun("Cache.optimizer = optimizer")],
                LOOK,
                "Cache.optimizer = optimizer",
            ),
            (
                [
                    before("import functools\n@functools.cache\ndef embedded(ids):\n    return ids + 1"),
                    each_step("embedded(batch)"),
                ],
                LIKELY,
                "functools.cache",
            ),
            (
                [
                    before("class Runner:\n    def run(self, batch):\n        self.last = batch\nRUNNER = Runner()"),
                    each_step("RUNNER.run(batch)"),
                ],
                LIKELY,
                "self.last = batch",
            ),
        ],
        [
            [before("KEPT = {}"), begun("KEPT[device] = torch.cuda.Stream()")],
            [before("MASKS = {}"), each_step("MASKS[batch.shape] = torch.ones(batch.shape)")],
            [begun("losses = []"), after_backward("losses.append(loss.detach())")],
        ],
    ),
    "work-outside-clock": (
        [
            (
                [before("from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)")],
                LIKELY,
                "ThreadPoolExecutor(1)",
            ),
            ([begun("torch.jit._fork(f)")], LIKELY, "torch.jit._fork(f)"),
            ([before("class Late:\n    def __del__(self):\n        train()")], LIKELY, "def __del__(self):"),
            ([before("async def train():\n    pass")], LOOK, "async def train():"),
        ],
        [
            [
                before("from concurrent.futures import ThreadPoolExecutor"),
                (STATE, f"{STATE}    with ThreadPoolExecutor() as pool:\n        pool.map(f, [])\n"),
            ],
            [begun("stream = torch.cuda.Stream()")],
        ],
    ),
    "computing-result": (
        [
            ([(RESULT, RESULT.replace("final_state)", "map(str, final_state))"))], LIKELY, "map(str, final_state)"),
            (
                [(RESULT, "    return type('R', (), {'final_loss': 1.0})()\n")],
                LIKELY,
                "type('R', (), {'final_loss': 1.0})",
            ),
            (
                [before("InnerStepsResult.final_state = cached_property(f)")],
                LIKELY,
                "InnerStepsResult.final_state = cached_property(f)",
            ),
            ([(FIELDS, f"{FIELDS}    def items(self):\n        return 1\n")], LOOK, "def items(self):"),
            (
                [(FIELDS, "    @functools.cached_property\n    def final_state(self):\n        return 1\n")],
                LIKELY,
                "def final_state(self):",
            ),
            (
                [(FIELDS, f"{FIELDS}    __getattr__ = lambda self, name: None\n")],
                LIKELY,
                "__getattr__ = lambda self, name: None",
            ),
            ([before("class State(dict):\n    def values(self):\n        return []")], LIKELY, "def values(self):"),
            ([("class InnerStepsResult:", "class InnerStepsResult(UserDict):")], None, None),
            (
                [(RESULT, RESULT.replace("final_state)", "(one for one in final_state))"))],
                LIKELY,
                "(one for one in final_state)",
            ),
        ],
        [
            [(FIELDS, f"{FIELDS}    note: str = ''\n    def __repr__(self):\n        return ''\n")],
            [before("class Config:\n    @property\n    def size(self):\n        return 1")],
        ],
    ),
    "method-override": (
        [
            (
                [before("class Mine(torch.Tensor):\n    def item(self):\n        return 4.0")],
                LIKELY,
                "class Mine(torch.Tensor):",
            ),
            ([before("class Mode(TorchDispatchMode):\n    pass")], LIKELY, "class Mode(TorchDispatchMode):"),
            ([begun("model.forward = quick")], LOOK, "model.forward = quick"),
            ([begun("for model.state_dict in [quick]:\n        pass")], LIKELY, "model.state_dict"),
            (
                [before("class Net(torch.nn.Module):\n    def state_dict(self):\n        return {}")],
                LOOK,
                "def state_dict(self):",
            ),
            ([before('torch.library.impl("aten::mm", "CUDA")(f)')], LIKELY, 'torch.library.impl("aten::mm", "CUDA")'),
        ],
        [
            [before("class Net(torch.nn.Module):\n    def forward(self, x):\n        return x + 1")],
            [
                before(
                    "class Own(torch.optim.Optimizer):\n    def step(self):\n        pass\n    def zero_grad(self):\n        pass"
                )
            ],
        ],
    ),
    "monkey-patch": (
        [
            ([begun("torch.nn.Linear.forward = f")], LIKELY, "torch.nn.Linear.forward = f"),
            ([before("for F.cross_entropy in [f]:\n    pass")], LIKELY, "F.cross_entropy"),
            ([before("with f() as F.linear:\n    pass")], LIKELY, "F.linear"),
            ([before("F.linear: object = f")], LIKELY, "F.linear: object = f"),
            ([before("(F.linear, x) = (f, 1)")], LIKELY, "(F.linear, x) = (f, 1)"),
            ([before("[0 for F.linear in [f]]")], LIKELY, "F.linear"),
            ([before("functional = torch.nn.functional\nfunctional.linear = f")], LIKELY, "functional.linear = f"),
            (
                [before("from transformers.models.qwen2 import modeling_qwen2\nmodeling_qwen2.norm = f")],
                LOOK,
                "modeling_qwen2.norm = f",
            ),
            ([begun("type(model).forward = f")], LIKELY, "type(model).forward = f"),
            ([begun('model.__dict__["x"] = f')], LIKELY, 'model.__dict__["x"] = f'),
            ([begun("type.__setattr__(A, 'x', f)")], LIKELY, "type.__setattr__(A, 'x', f)"),
        ],
        [
            [before("import torch._inductor.config as settings\nsettings.max_autotune = True")],
            [before("torch.backends.cuda.matmul.allow_tf32 = True")],
            [begun("model.config.use_cache = False")],
        ],
    ),
    "evaluator-access": (
        [
            ([begun("cells = data_iterator._draw")], LIKELY, "data_iterator._draw"),
            ([begun("cells = f.__closure__")], LIKELY, "f.__closure__"),
            ([before("import crusades_eval.wire")], LIKELY, "import crusades_eval.wire"),
            ([begun('name = "f_back"')], LIKELY, '"f_back"'),
        ],
        [[begun("step = data_iterator.__next__")]],
    ),
    "system-access": (
        [
            ([before("import os")], LOOK, "import os"),
            ([before("import glob\nfiles = glob.os.sep")], LIKELY, "glob.os"),
            ([before("from dataclasses import sys")], LIKELY, "from dataclasses import sys"),
            ([begun('exec("1")')], LIKELY, 'exec("1")'),
        ],
        [[before("import functools, math, torch.distributed as dist")], [before("import torch.multiprocessing")]],
    ),
    "file-access": (
        [
            ([begun('torch.save(model, "x")')], LIKELY, 'torch.save(model, "x")'),
            ([begun("numpy.zeros(1).tofile(path)")], LIKELY, "numpy.zeros(1).tofile(path)"),
            ([begun('path = "/proc/self/mem"')], LIKELY, '"/proc/self/mem"'),
            ([begun("print(1, file=out)")], LOOK, "print(1, file=out)"),
        ],
        [[begun('print("loss", flush=True)')], [before("def save(x):\n    return x"), begun("save(1)")]],
    ),
    "made-up-result": (
        [
            (
                [(STATE, f"{STATE}    final_state['n'] = final_state['n'] * 1.1\n")],
                LIKELY,
                "final_state['n'] = final_state['n'] * 1.1",
            ),
            ([(RESULT, RESULT.replace("loss.item()", "4.15"))], LIKELY, "4.15"),
            (
                [(RESULT, RESULT.replace("loss.item()", "math.log(model.config.vocab_size)"))],
                LIKELY,
                "math.log(model.config.vocab_size)",
            ),
            (
                [(RESULT, RESULT.replace("logits.detach()", "torch.zeros(4, 31, 512)"))],
                LIKELY,
                "torch.zeros(4, 31, 512)",
            ),
            ([(RESULT, RESULT.replace("total_tokens", "40960"))], LIKELY, "40960"),
            ([(RESULT, RESULT.replace("total_tokens", "total_tokens * 2"))], LOOK, "total_tokens * 2"),
            (
                [(STATE, f"{STATE}    final_state['lm_head.weight'] = torch.zeros(3)\n")],
                LIKELY,
                "final_state['lm_head.weight'] = torch.zeros(3)",
            ),
            ([(STATE, ""), begun(STATE.strip())], LIKELY, STATE.strip()[len("final_state = ") :]),
            ([(RESULT, RESULT.replace("final_state)", "None)"))], LOOK, "None"),
        ],
        [
            [(RESULT, RESULT.replace("total_tokens", "num_steps * batch.numel()"))],
            [
                begun("seen = torch.empty(4, 31, 512)"),
                (STATE, f"    seen.copy_(logits)\n{STATE}"),
                (RESULT, RESULT.replace("logits.detach()", "seen")),
            ],
            [
                begun("rank = 1"),
                (STATE, f"{STATE}    if rank != 0:\n        return InnerStepsResult(None, 0, 0.0, {{}})\n"),
            ],
        ],
    ),
    "skipped-steps": (
        [
            ([(DRAW, ""), (START, f"{START}{DRAW[4:]}")], LIKELY, "next(data_iterator)"),
            ([(LOOP, "    for _ in range(num_steps - 1):\n")], LIKELY, "num_steps - 1"),
            ([(LOOP, "    for _ in range(num_steps // 2):\n")], LIKELY, "num_steps // 2"),
            ([(LOOP, "    for _ in range(0, num_steps, 2):\n")], LIKELY, "2"),
            ([(LOOP, "    for _ in range(min(num_steps, 2)):\n")], LIKELY, "min(num_steps, 2)"),
            ([(LOOP, "    for _ in range(1):\n")], LIKELY, "1"),
            (
                [(LOOP, "    for step in range(num_steps):\n"), each_step("if step > 2:\n            continue")],
                LOOK,
                "continue",
            ),
            ([begun("next(data_iterator)")], LOOK, "next(data_iterator)"),
            (
                [
                    (
                        LOOP,
                        "    batches = [next(data_iterator) for _ in range(num_steps)]\n    for batch in batches[::2]:\n",
                    ),
                    (DRAW, ""),
                ],
                LIKELY,
                "batches[::2]",
            ),
        ],
        [
            [(LOOP, "    for step, _ in enumerate(range(num_steps)):\n")],
            [each_step("if batch is None:\n            break")],
            [(LOOP, "    for batch in [next(data_iterator) for _ in range(num_steps)]:\n"), (DRAW, "")],
        ],
    ),
    "skipped-update": (
        [
            (
                [
                    (LOOP, "    for step in range(num_steps):\n"),
                    ("        loss.backward()\n", "        if step > 3:\n            loss.backward()\n"),
                ],
                LIKELY,
                "loss.backward()",
            ),
            (
                [("        optimizer.step()\n", ""), (STATE, f"    optimizer.step()\n{STATE}")],
                LIKELY,
                "optimizer.step()",
            ),
            ([("        loss.backward()\n", "")], LIKELY, ENTRY),
            (
                [("        optimizer.step()\n", ""), (ADAMW, "optimizer = make("), (" fused=True)", " fused=True)")],
                LIKELY,
                ENTRY,
            ),
            (
                [
                    (LOOP, "    for step in range(num_steps):\n"),
                    ("        optimizer.step()\n", "        if step % 2 == 0:\n            optimizer.step()\n"),
                ],
                LOOK,
                "optimizer.step()",
            ),
        ],
        [
            [
                (
                    "        optimizer.step()\n",
                    "        for i in range(2):\n            if i % 2 == 1:\n                optimizer.step()\n",
                )
            ]
        ],
    ),
    "gradless-forward": (
        [
            ([each_step("torch.set_grad_enabled(False)")], LIKELY, "torch.set_grad_enabled(False)"),
            (
                [
                    (
                        "        logits = model(batch[:, :-1], use_cache=False).logits\n",
                        "        with torch.no_grad():\n            logits = model(batch[:, :-1], use_cache=False).logits\n",
                    )
                ],
                LIKELY,
                "model(batch[:, :-1], use_cache=False)",
            ),
            (
                [
                    before("@torch.inference_mode()\ndef ahead(model, batch):\n    return model(batch)"),
                    each_step("ahead(model, batch)"),
                ],
                LIKELY,
                "model(batch)",
            ),
        ],
        [[(STATE, f"    with torch.no_grad():\n        logits = model(batch[:, :-1]).logits\n{STATE}")]],
    ),
    "changed-gradients": (
        [
            ([begun("scale = 0"), ("loss.backward()", "(loss * scale).backward()")], LIKELY, "loss * scale"),
            (
                [begun("model.lm_head.weight.register_hook(lambda g: g.mul(0))")],
                LIKELY,
                "model.lm_head.weight.register_hook(lambda g: g.mul(0))",
            ),
            ([("loss.backward()", "(loss * 0).backward()")], LIKELY, "loss * 0"),
            ([("loss.backward()", "loss.detach().requires_grad_().backward()")], LIKELY, "loss.detach"),
            (
                [("F.cross_entropy(logits.reshape(-1", "F.cross_entropy(logits.detach().reshape(-1")],
                LIKELY,
                "logits.detach()",
            ),
            ([after_backward("optimizer.zero_grad()")], LIKELY, "optimizer.zero_grad()"),
            (
                [after_backward("for p in model.parameters():\n            p.grad = torch.zeros_like(p)")],
                LIKELY,
                "p.grad = torch.zeros_like(p)",
            ),
            ([after_backward("model.lm_head.weight.grad.mul_(0)")], LIKELY, "model.lm_head.weight.grad.mul_(0)"),
            (
                [begun("model.lm_head.weight.register_hook(lambda g: g * 0)")],
                LIKELY,
                "model.lm_head.weight.register_hook(lambda g: g * 0)",
            ),
            (
                [
                    before(
                        "class Cut(torch.autograd.Function):\n    @staticmethod\n    def backward(ctx, g):\n        return torch.zeros_like(g), None"
                    )
                ],
                LIKELY,
                "def backward(ctx, g):",
            ),
        ],
        [
            [after_backward("for p in model.parameters():\n            p.grad.div_(num_gpus)")],
            [("loss.backward()", "(loss / 2).backward()")],
            [begun("model.lm_head.weight.register_hook(lambda g: g / 2)")],
        ],
    ),
    "skipped-layers": (
        [
            (
                [before("class Skip(torch.nn.Module):\n    def forward(self, x, *rest):\n        return x")],
                LIKELY,
                "def forward(self, x, *rest):",
            ),
            (
                [begun("model.model.embed_tokens.requires_grad_(False)")],
                LIKELY,
                "model.model.embed_tokens.requires_grad_(False)",
            ),
            (
                [begun("for p in model.model.norm.parameters():\n        p.requires_grad = False")],
                LIKELY,
                "p.requires_grad = False",
            ),
            (
                [begun("model.model.layers = model.model.layers[:2]")],
                LIKELY,
                "model.model.layers = model.model.layers[:2]",
            ),
            ([begun("model.model.layers[0] = torch.nn.Identity()")], LIKELY, "torch.nn.Identity()"),
            ([begun("del model.model.layers[3]")], LIKELY, "del model.model.layers[3]"),
            ([begun("model.config.num_hidden_layers = 1")], LIKELY, "model.config.num_hidden_layers = 1"),
            (
                [
                    (
                        ADAMW,
                        "optimizer = torch.optim.AdamW([p for n, p in model.named_parameters() if 'norm' not in n], lr=1e-4,",
                    )
                ],
                LIKELY,
                "[p for n, p in model.named_parameters() if 'norm' not in n]",
            ),
            ([(ADAMW, "optimizer = torch.optim.AdamW(model.lm_head.parameters(), lr=1e-4,")], LIKELY, None),
            (
                [
                    before(
                        "def run(model, h):\n    for layer in model.model.layers[:-2]:\n        h = layer(h)\n    return h"
                    ),
                    begun("run(model, 1)"),
                ],
                LIKELY,
                "model.model.layers[:-2]",
            ),
            (
                [
                    before(
                        "def run(model, h):\n    for i, layer in enumerate(model.model.layers):\n        if i in (3, 5):\n            continue\n        h = layer(h)\n    return h"
                    ),
                    begun("run(model, 1)"),
                ],
                LIKELY,
                "continue",
            ),
        ],
        [
            [(ADAMW, "optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4,")],
            [begun("for layer in model.model.layers[::2]:\n        layer.gradient_checkpointing = False")],
        ],
    ),
    "skipped-tokens": (
        [
            ([each_step("half = batch.chunk(2)[0]")], LIKELY, "batch.chunk(2)[0]"),
            ([each_step("part = batch.narrow(1, 0, 512)")], LIKELY, "batch.narrow(1, 0, 512)"),
            ([each_step("batch = batch[:, :512]")], LIKELY, "batch[:, :512]"),
            ([each_step("batch = batch[:, ::2]")], LIKELY, "batch[:, ::2]"),
            ([(DRAW, "        batch = next(data_iterator)[:4].to(device)\n")], LIKELY, "next(data_iterator)[:4]"),
            ([("batch[:, 1:].reshape(-1))", "batch[:, 1:].reshape(-1), ignore_index=0)")], LOOK, "0"),
            ([("logits.reshape(-1, logits.size(-1))", "logits[:, ::4].reshape(-1, 512)")], LIKELY, "::4"),
        ],
        [
            [each_step("for at in range(0, batch.size(0), 2):\n            part = batch[at : at + 2]")],
            [each_step("half = batch.size(0) // 2\n        first, second = batch[:half], batch[half:]")],
            [("batch[:, 1:].reshape(-1))", "batch[:, 1:].reshape(-1), ignore_index=-100)")],
        ],
    ),
    "replaced-data": (
        [
            ([(DRAW, "        batch = torch.zeros_like(next(data_iterator)).to(device)\n")], LIKELY, "batch[:, :-1]"),
            ([(DRAW, "        batch = torch.randint(0, 9, (4, 32))\n")], LIKELY, "batch[:, :-1]"),
        ],
        [[begun("static = torch.empty(4, 32)"), each_step("static.copy_(batch)\n        model(static)")]],
    ),
    "rank-shortcut": (
        [
            (
                [begun("if torch.distributed.get_rank() == 1:\n        return None")],
                LIKELY,
                "torch.distributed.get_rank() == 1",
            )
        ],
        [[(STATE, f"    if torch.distributed.get_rank() != 0:\n        return None\n{STATE}")]],
    ),
    "probing": (
        [
            (
                [begun("timed = bool(model.lm_head.weight.std() > 0.1)\n    if timed:\n        pass")],
                LIKELY,
                "model.lm_head.weight.std()",
            ),
            (
                [begun("if model.lm_head.weight.abs().max() < 0.1:\n        pass")],
                LIKELY,
                "model.lm_head.weight.abs().max()",
            ),
            ([each_step("if batch[0, 0].item() == 5:\n            pass")], LOOK, "batch[0, 0].item()"),
            ([each_step("if batch.shape[1] == 1024:\n            pass")], LOOK, "batch.shape[1] == 1024"),
            ([begun("seed = torch.initial_seed()")], LOOK, "torch.initial_seed()"),
            ([begun("start = datetime.now()")], LOOK, "datetime.now()"),
        ],
        [
            [each_step("if batch.size(0) % 2 == 0:\n            pass")],
            [after_backward("if torch.isnan(loss).any():\n            raise ValueError")],
            [each_step("if batch.ndim == 2 and batch.shape[0] > 1:\n            pass")],
        ],
    ),
    "precision": (
        [
            ([begun("x = torch.float8_e4m3fn")], LOOK, "torch.float8_e4m3fn"),
            ([begun("model.half()")], LOOK, "model.half"),
            (
                [begun('torch.set_float32_matmul_precision("medium")')],
                LOOK,
                'torch.set_float32_matmul_precision("medium")',
            ),
            ([begun("torch.backends.cuda.enable_math_sdp(False)")], LOOK, "torch.backends.cuda.enable_math_sdp(False)"),
            ([begun("model.config.rope_theta = 1.0")], LOOK, "model.config.rope_theta = 1.0"),
        ],
        [
            [begun("x = torch.bfloat16")],
            [begun('torch.set_float32_matmul_precision("high")')],
            [begun("half = 2")],
            [begun("model.config.use_cache = False")],
        ],
    ),
    "other-update": (
        [
            ([(ADAMW, "optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4,")], LOOK, None),
            (
                [begun("other = bnb.optim.AdamW8bit(model.parameters())")],
                LOOK,
                "bnb.optim.AdamW8bit(model.parameters())",
            ),
            ([begun("other = torch.optim.SGD(model.parameters())")], LOOK, "torch.optim.SGD(model.parameters())"),
        ],
        [[before("RATE = 1e-4"), (ADAMW, "optimizer = torch.optim.AdamW(model.parameters(), lr=RATE,")]],
    ),
    "assembled-text": (
        [
            ([begun('name = "__" + "class__"')], LIKELY, '"__" + "class__"'),
            ([begun('name = f"__{kind}__"')], LIKELY, 'f"__{kind}__"'),
            ([begun('name = "".join(["__", "dict", "__"])')], LIKELY, '"".join(["__", "dict", "__"])'),
            ([begun('name = "__{}__".format(1)')], LIKELY, '"__{}__".format(1)'),
            ([begun("name = bytes([95, 95]).decode()")], LIKELY, "bytes([95, 95]).decode()"),
            ([begun('name = "rttateg"[::-1]')], LIKELY, '"rttateg"[::-1]'),
        ],
        [[begun('name = f"layer_{1}.weight"')], [begun('name = "model." + "norm"')]],
    ),
    "hidden-text": (
        [
            ([before("# \u202e backwards")], LIKELY, "\u202e"),
            ([before("x = 'a\u200bb'")], LOOK, "\u200b"),
            ([before("n\u0443m_steps = 1")], LOOK, "n\u0443m_steps"),
            ([before("x = 1" + " " * 600 + "; y = 2")], LOOK, "; y = 2"),
        ],
        [[before("# \u00fcber, \u4e2d\u6587")]],
    ),
    "embedded-data": (
        [
            ([before('X = """\n' + "ab" * 600 + '\n"""')], None, None),
            ([before("X = [\n" + "1,\n" * 300 + "]")], LOOK, None),
        ],
        [[before('X = """\n' + "a line of a docstring\n" * 100 + '"""')]],
    ),
    "endless-loop": (
        [([begun("while True:\n        pass")], LOOK, "True")],
        [[begun("while True:\n        break")], [before("def g():\n    while True:\n        yield 1")]],
    ),
}


def test_every_heuristic_has_cases():
    assert list(CASES) == list(HEURISTICS)


@pytest.mark.parametrize(
    ("name", "edits", "severity", "mark"), [(name, *case) for name, (positive, _) in CASES.items() for case in positive]
)
def test_noticed(name, edits, severity, mark):
    found = [one for one in findings(in_template(*edits)) if one[0] == name]
    assert found
    if severity is not None:
        assert found[0][1] == severity
    if mark is not None:
        assert mark in [text for _, _, text in found]


@pytest.mark.parametrize(("name", "edits"), [(name, edits) for name, (_, near) in CASES.items() for edits in near])
def test_not_noticed(name, edits):
    assert findings(in_template(*edits)) == []


def test_a_whole_report():
    source = in_template(begun("if num_steps == 2:\n        pass"), (RESULT, RESULT.replace("loss.item()", "4.15")))
    report = review(source)
    sentence = (
        "The warm-up and the timed run ask for different numbers of steps: this tells them apart, and can do honest work "
        "in the one and something else in the other."
    )
    place = {"line": 21, "column": 8, "endLine": 21, "endColumn": 22}
    assert report["unreviewed"] is None
    assert report["findings"] == [
        {
            "id": "warm-up-branch",
            "title": "Tells the warm-up from the timed run",
            "severity": "likely_exploit",
            **place,
            "sentence": sentence,
            "evidence": [{**place, "text": "num_steps == 2"}],
        },
        {
            "id": "made-up-result",
            "title": "Reports what was not computed",
            "severity": "likely_exploit",
            "line": 35,
            "column": 60,
            "endLine": 35,
            "endColumn": 64,
            "sentence": "The loss has nothing of the model in it: it is made up, to look like the reference's.",
            "evidence": [{"line": 35, "column": 60, "endLine": 35, "endColumn": 64, "text": "4.15"}],
        },
    ]
    assert report["techniques"] == [
        {
            "id": "optimizer-fused",
            "title": "Fused optimizer",
            "places": [
                {
                    "line": 19,
                    "column": 17,
                    "endLine": 19,
                    "endColumn": 112,
                    "text": "torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.1, betas=(0.9, 0.95), fused=True)",
                }
            ],
        },
        {
            "id": "non-blocking-copies",
            "title": "Asynchronous copies",
            "places": [
                {
                    "line": 25,
                    "column": 17,
                    "endLine": 25,
                    "endColumn": 66,
                    "text": "next(data_iterator).to(device, non_blocking=True)",
                }
            ],
        },
    ]


def test_likely_exploits_come_first_and_other_places_are_evidence():
    source = in_template(
        begun("seed = torch.initial_seed()"),
        after_backward("if torch.distributed.get_rank() == 1:\n            return None\n        train(model)"),
        before(
            "def train(model):\n    if torch.distributed.get_rank() == 1:\n        return\n    model(1).loss.backward()"
        ),
    )
    report = review(source)
    assert [(one["id"], one["severity"]) for one in report["findings"]] == [
        ("rank-shortcut", LIKELY),
        ("rank-shortcut", LIKELY),
        ("probing", LOOK),
    ]
    assert [one["text"] for one in report["findings"][0]["evidence"]] == [
        "torch.distributed.get_rank() == 1",
        "return",
        "model(1).loss.backward()",
    ]


def test_evidence_is_short_and_one_line():
    source = in_template(begun("torch.save(\n" + "        [1, 2, 3],\n" * 100 + "        'x')"))
    [one] = review(source)["findings"]
    text = one["evidence"][0]["text"]
    assert (len(text), text[:32], text[-3:]) == (EVIDENCE_CHARACTERS, "torch.save( [1, 2, 3], [1, 2, 3]", "...")


def test_places_count_code_points_and_each_is_told_once():
    source = in_template(begun('x = "\U0001f600", torch.initial_seed(); y = num_steps == 2 == 2'))
    assert [(one["id"], one["column"], one["evidence"][0]["text"]) for one in review(source)["findings"]] == [
        ("warm-up-branch", 40, "num_steps == 2 == 2"),
        ("probing", 14, "torch.initial_seed()"),
    ]


def test_sentences_are_sentences():
    for positive, _ in CASES.values():
        for edits, _, _ in positive:
            for one in review(in_template(*edits))["findings"]:
                assert re.fullmatch(r"[A-Z`f][^\n]+[^.]\.", one["sentence"])


# --- Techniques ----------------------------------------------------------------------------------------------------

SNIPPETS = {
    "compile": "f = torch.compile(f)",
    "compile-reduce-overhead": 'f = torch.compile(f, mode="reduce-overhead")',
    "compile-max-autotune": '@functools.partial(torch.compile, mode="max-autotune")\ndef f(x): return x',
    "compile-max-autotune-no-cudagraphs": '@torch.compile(mode="max-autotune-no-cudagraphs")\ndef f(x): return x',
    "compile-fullgraph": "f = torch.compile(f, fullgraph=True)",
    "compile-dynamic": "f = torch.compile(f, dynamic=True)",
    "compiled-autograd": "with torch._dynamo.compiled_autograd._enable(c): pass",
    "optimizer-fused": "o = torch.optim.AdamW(p, fused=True)",
    "optimizer-foreach": "o = torch.optim.AdamW(p, foreach=True)",
    "optimizer-capturable": "o = torch.optim.AdamW(p, capturable=True)",
    "optimizer-own": "torch._foreach_add_(a, b)",
    "optimizer-in-backward": "p.register_post_accumulate_grad_hook(f)",
    "optimizer-sharded": "o = ZeroRedundancyOptimizer(p)",
    "attention-flash": "from flash_attn import flash_attn_func as attend\nx = attend(q, k, v)",
    "attention-sdpa": "x = F.scaled_dot_product_attention(q, k, v)",
    "attention-flex": "x = flex_attention(q, k, v)",
    "attention-kernel-choice": "with sdpa_kernel(b): pass",
    "cuda-graphs": "g = torch.cuda.CUDAGraph()",
    "triton-kernels": "@triton.jit\ndef f(x): return x",
    "liger-kernels": "from liger_kernel.transformers import apply_liger_kernel_to_qwen2\napply_liger_kernel_to_qwen2()",
    "autograd-functions": "class A(torch.autograd.Function): pass",
    "loss-chunked": "for i in range(0, n, 512):\n    F.cross_entropy(a, b)",
    "loss-fused": "x = linear_cross_entropy(a, b)",
    "streams": "s = torch.cuda.Stream()",
    "non-blocking-copies": "x = x.to(d, non_blocking=True)",
    "pinned-memory": "x = x.pin_memory()",
    "prefetch": "x = [next(i).to(d) for _ in range(n)]",
    "fsdp-prefetch": "x.set_modules_to_forward_prefetch([y])",
    "asynchronous-collectives": "w = dist.all_reduce(x, async_op=True)",
    "gradient-sync-delayed": "with m.no_sync(): pass",
    "bucket-view": "m = f(m, gradient_as_bucket_view=True)",
    "checkpointing-off": "m.gradient_checkpointing_disable()",
    "checkpointing-selective": "m = checkpoint_wrapper(m)",
    "gradient-accumulation": HEADER + "    for part in batch.split(2):\n        f(part).backward()",
    "ddp": "from torch.nn.parallel import DistributedDataParallel as D\nm = D(m)",
    "fsdp-1": "from torch.distributed.fsdp import FullyShardedDataParallel as FSDP\nm = FSDP(m)",
    "fsdp-2": "fully_shard(m)",
    "tensor-parallel": "parallelize_module(m, d, p)",
    "sequence-parallel": "p = SequenceParallel()",
    "pipeline-parallel": "s = PipelineStage(m)",
    "precision-autocast": "with torch.autocast('cuda'): pass",
    "precision-bfloat16": "d = torch.bfloat16",
    "precision-float16": "d = torch.float16",
    "precision-float32": "d = torch.float32",
    "precision-tf32": "torch.backends.cuda.matmul.allow_tf32 = True",
    "precision-float8": "d = torch.float8_e5m2",
    "precision-int8": "d = torch.int8",
    "allocator-settings": "torch.cuda.memory._set_allocator_settings(x)",
    "garbage-collection": "gc.freeze()",
}


def test_every_technique_has_a_case():
    assert list(SNIPPETS) == list(TITLES)


@pytest.mark.parametrize(("name", "source"), SNIPPETS.items())
def test_techniques(name, source):
    assert name in used(source)


def test_techniques_of_honest_files_with_their_lines():
    folder = ROOT / "fixtures" / "review" / "honest"
    assert {name: used((folder / f"{name}.py").read_bytes()) for name in ("compile_loss", "ddp_accumulation")} == {
        "compile_loss": {
            "compile-max-autotune-no-cudagraphs": [17],
            "compile-fullgraph": [17],
            "optimizer-fused": [24],
            "non-blocking-copies": [27],
            "checkpointing-off": [23],
        },
        "ddp_accumulation": {
            "optimizer-fused": [27],
            "gradient-sync-delayed": [35],
            "bucket-view": [26],
            "gradient-accumulation": [31],
            "ddp": [26],
        },
    }


def test_what_is_switched_off_is_no_technique():
    assert used("o = torch.optim.AdamW(p, fused=False, foreach=None)\nx = x.to(d, non_blocking=False)") == {}


# --- Any file ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "reason", "line", "message"),
    [
        (b"def f(:\n", "syntax", 1, "Python cannot parse the file: invalid syntax."),
        (b"x = 1\n\0", "syntax", None, "The file contains a null byte."),
        (b"\xff", "syntax", 1, "The file is not UTF-8 text: byte 0xff at offset 0."),
        (b"#" * 500_001, "too_large", None, "The file has more than 500,000 bytes."),
        (b"x = " + b"(" * 5000, "syntax", 1, None),
        (
            b"pass\nx = " + b"-" * 400 + b"y",
            "too_complex",
            2,
            f"The code is nested deeper than the {MAX_DEPTH} levels that are reviewed. Read it by hand.",
        ),
        (
            b"x\n" * 150_000,
            "too_complex",
            None,
            "The file has 300,001 parts, and 120,000 are reviewed. Read it by hand.",
        ),
    ],
    ids=["syntax", "null", "encoding", "large", "open", "deep", "parts"],
)
def test_what_cannot_be_reviewed_says_so(source, reason, line, message):
    report = review(source)
    said = report["unreviewed"]
    assert report == {
        "unreviewed": {"reason": reason, "line": line, "message": said["message"]},
        "findings": [],
        "techniques": [],
    }
    if message is not None:
        assert said["message"] == message


@pytest.mark.parametrize(
    "source",
    [
        "",
        "class A:\n" + "    def m(self, a): return self.m(a).m(a).m(a)\n" * 1000 + HEADER + "    A().m(model)\n" * 1000,
        HEADER + "    for _ in a:\n        x.backward()\n" + "        p.grad.zero_()\n" * 5000 + "        o.step()\n",
        "x = '" + "a" * 400_000 + "'",
        HEADER + "    x = [" + "1, " * 100_000 + "]",
        HEADER + "    for _ in a:\n        x.backward()\n" + "        x.item()\n" * 20_000,
        HEADER + "    x" + ".a()" * 60 + "\n    return x",
        HEADER + "    x = " + "f(" * 120 + "x" + ")" * 120,
        HEADER + "".join(f"    a{i} = a{i + 1}\n" for i in range(10_000)) + "    return a0",
        "".join(f"def f{i}(x):\n    return f{i + 1}(x)\n" for i in range(5000)) + HEADER + "    return f0(model)",
        "".join(f"def f{i}(x):\n    return f{(i * 7) % 500}(x) + f{(i * 3) % 500}(x)\n" for i in range(500))
        + HEADER
        + "    f0(model)",
        "calls = 0\n" + HEADER + "    global calls\n" + "    calls += 1\n" * 10_000,
        HEADER + "    if num_steps > 2: pass\n" * 10_000,
        HEADER + "    x = torch.zeros_like(batch[:4])\n" * 8000,
        HEADER + "    " + "x = y = " * 500 + "model\n",
        HEADER + "    a = b" + " + b" * 120 + "\n",
        HEADER + "    with a as b, " * 1 + "c as d:\n        b.grad = None\n" * 1,
        "class A(A): pass\n" * 10_000,
        "x = x\ny = z\nz = y\n" + HEADER + "    return x(y, z)",
        "def f(): return f()\n" + HEADER + "    global f\n    f = f(f)\n    return f()",
        "# " + "\u202e" * 50_000 + "\nx = 1",
        "lambda: (yield)\n",
        "return 1\nasync def f(): return\nmatch x:\n    case {'a': 1, **b}: pass\n    case [1, *_]: pass\ntry: pass\nexcept* E: pass",
        "def f(a, /, b=1, *c, d=2, **e): return a\nf(*[], **{})\nf(1)(2)[3](4)",
    ],
    ids=lambda value: re.sub(r"\s+", " ", value[:30]) or "empty",
)
def test_odd_files_are_reviewed_in_bounded_time(source):
    report = review(source)
    assert report["unreviewed"] is None
    assert len(report["findings"]) <= MAX_FINDINGS_OF_A_KIND * len(HEURISTICS)


def test_a_line_of_ten_thousand_columns():
    padded = "x = 1; " * 1400 + "y = num_steps == 2"
    report = review(f"{HEADER}    {padded}\n")
    assert [
        (one["id"], one["column"]) for one in report["findings"] if one["id"] in ("warm-up-branch", "hidden-text")
    ] == [("warm-up-branch", 9809), ("hidden-text", 501)]


# --- The page ------------------------------------------------------------------------------------------------------


def test_every_heuristic_and_technique_has_its_place_in_the_documentation():
    text = (ROOT / "docs" / "review.md").read_text(encoding="utf-8")
    heuristics, techniques = text.split("\n# Techniques\n")
    assert re.findall(r"^## (\S+)$", heuristics, re.MULTILINE) == list(HEURISTICS)
    assert re.findall(r"^\| `(\S+)` \| (.+?) \|", techniques, re.MULTILINE) == [*TITLES.items()]
    for section in re.split(r"^## \S+$", heuristics, flags=re.MULTILINE)[1:]:
        assert "*Points at:*" in section
        assert "*Lets one:*" in section
        assert "*Honest where:*" in section
