# One program a line reads better than its pieces.
# ruff: noqa: E501

import re

import pytest
from scan_cases import ROOT
from submissions import FIXTURES, source_of

from crusades_eval.lints import CHECKS, MAX_LINTS, lint
from crusades_eval.scan import read

HEADER = "def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):\n"
SINGLE = (ROOT / "templates" / "single.py").read_text(encoding="utf-8")
CHECKPOINTING = (
    "The model arrives with gradient checkpointing on, which computes every layer's forward pass twice: "
    "where memory allows, call model.gradient_checkpointing_disable()."
)


def lints(source):
    return lint(*read(source))


def found(source):
    """(rule, what is marked) of every lint; marks of one line only."""
    lines = source.split("\n")
    for one in lints(source):
        first = lines[one["line"] - 1]
        end = one["endColumn"] - 1 if one["endLine"] == one["line"] else len(first)
        yield one["rule"], first[one["column"] - 1 : end]


def in_template(*edits, checkpointing=False):
    """The lints of the template for one GPU after replacements, each of a text that is there once."""
    source = SINGLE
    for old, new in edits:
        assert source.count(old) == 1
        source = source.replace(old, new)
    return [one for one in found(source) if checkpointing or one[0] != "gradient-checkpointing"]


@pytest.mark.parametrize(
    ("template", "line", "column", "end_column"),
    [("single", 24, 18, 23), ("ddp", 35, 18, 25), ("fsdp", 40, 18, 23), ("tp", 60, 18, 23), ("mixed", 69, 18, 23)],
)
def test_templates_leave_only_the_choice_of_memory_for_speed(template, line, column, end_column):
    assert lints((ROOT / "templates" / f"{template}.py").read_bytes()) == [
        {
            "rule": "gradient-checkpointing",
            "line": line,
            "column": column,
            "endLine": line,
            "endColumn": end_column,
            "message": CHECKPOINTING,
        }
    ]


HONEST = [fixture for fixture in FIXTURES if fixture["expect"]["outcome"] == "passed"]
# What is true of submissions that pass; none has anything else.
EXPECTED = {
    "README's FSDP": [("optimizer-settings", 29)],
    "FSDP with original parameters": [("optimizer-settings", 29)],
    "tp declared, DDP run": [("strategy-contradiction", 19)],
    "one step less": [("steps-count", 26)],
    "one batch more": [("dropped-batch", 26)],
    "early second rank": [("warm-up-branch", 56)],
}


@pytest.mark.parametrize("fixture", HONEST, ids=[fixture["name"] for fixture in HONEST])
def test_submissions_that_pass(fixture):
    said = lints(source_of(fixture))
    checkpointing = [one for one in said if one["rule"] == "gradient-checkpointing"]
    assert [one["message"] for one in checkpointing] == [CHECKPOINTING]
    others = [(one["rule"], one["line"]) for one in said if one not in checkpointing]
    assert others == EXPECTED.get(fixture["name"], [])


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("tokens as tensor", "result-tensor"),
        ("loss as tensor", "result-tensor"),
        ("one step", "steps-count"),
        ("requires_grad off", "frozen-parameters"),
        ("double learning rate", "optimizer-settings"),
        ("SGD", "optimizer-settings"),
        ("logits of rank 2", "final-logits-shape"),
        ("no logits", "final-logits-shape"),
        ("no final_state", "final-state-missing"),
        ("final_state on rank 1 only", "final-state-missing"),
        ("nothing returned", "result-missing"),
        ("named tuple", "result-type"),
        ("config changed", "config-write"),
        ("backend flag", "backend-state"),
        ("matmul precision", "backend-state"),
        ("computed topology", "strategy-not-literal"),
        ("unknown string", "strategy-not-literal"),
        ("short inner_steps", "call-signature"),
    ],
)
def test_submissions_that_fail_for_what_a_lint_says(name, rule):
    [fixture] = [one for one in FIXTURES if one["name"] == name]
    assert rule in {one["rule"] for one in lints(source_of(fixture))}


STRATEGY = 'def get_strategy():\n    return {"dp_size": %d, "tp_size": %d}\n'
LOOP = (
    "    for _ in range(num_steps):\n        loss = model(next(data_iterator)[:, :-1]).loss\n        loss.backward()\n"
)
RESULT = (
    "from dataclasses import dataclass\n@dataclass\nclass Result:\n    final_logits: object\n    total_tokens: int\n"
    "    final_loss: float\n    final_state: dict = None\n"
)
GATHER = "    return {name: one.full_tensor() for name, one in model.state_dict().items()}\n"

# rule: [(source, what is marked)], and sources that come close and are in order
CASES = {
    "call-signature": (
        [
            ("def inner_steps(net, data, opt, steps, dev):\n    return x", "def inner_steps(net, data, opt, steps, dev):"),
            ("def inner_steps(model, data_iterator, optimizer, num_steps, device):\n    return x", None),
            ("def inner_steps(model, data_iterator, /, optimizer, num_steps, device, num_gpus):\n    return x", None),
            (HEADER.replace("num_gpus=1", "num_gpus, extra") + "    return x", "extra"),
            (HEADER.replace("num_gpus=1", "num_gpus=1, *, extra") + "    return x", "extra"),
            ("class A:\n    def inner_steps(a, b, c, d, e): return x", None),
        ],
        [
            HEADER + "    return x",
            "def inner_steps(model, data_iterator, optimizer, num_steps, device, **rest):\n    return x",
            HEADER.replace("num_gpus=1", "num_gpus=1, extra=2") + "    return x",
            "class A:\n    def inner_steps(a, b, c, d, e): return x\ninner_steps = A().inner_steps",
            "if True:\n    def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus): return x",
        ],
    ),
    "strategy-not-literal": (
        [
            ("def get_strategy():\n    return dict(dp_size=2, tp_size=1)", "dict(dp_size=2, tp_size=1)"),
            ('def get_strategy():\n    return "pp"', '"pp"'),
            ('def get_strategy():\n    if True:\n        return "ddp"', "def get_strategy():"),
        ],
        ['def get_strategy():\n    return "DDP"', STRATEGY % (2, 2), 'def strategy():\n    return "pp"'],
    ),
    "strategy-contradiction": (
        [
            (STRATEGY % (1, 2) + HEADER + "    return FSDP(model)", '{"dp_size": 1, "tp_size": 2}'),
            (STRATEGY % (2, 1) + HEADER + "    return model", '{"dp_size": 2, "tp_size": 1}'),
            (
                STRATEGY % (2, 1) + HEADER + "    parallelize_module(model, mesh, PLAN)\n    return model",
                "parallelize_module(model, mesh, PLAN)",
            ),
        ],
        [
            STRATEGY % (2, 1) + "from torch.distributed.fsdp import FullyShardedDataParallel as FSDP\n" + HEADER + "    return FSDP(model)",
            STRATEGY % (1, 2) + HEADER + "    parallelize_module(model, mesh, PLAN)\n    return model",
            STRATEGY % (2, 1) + "import torch.distributed as d\n" + HEADER + "    d.all_reduce(g)\n    return model",
            STRATEGY % (2, 1) + "import deepspeed\n" + HEADER + "    return model",
            STRATEGY % (1, 1) + HEADER + "    return model",
            STRATEGY % (2, 1) + HEADER + "    fully_shard(model)\n    if split:\n        parallelize_module(model, mesh, PLAN)\n    return model",
        ],
    ),
    "result-missing": (
        [
            (HEADER + "    train(model)", HEADER.strip()),
            (HEADER + "    return", "return"),
            (HEADER + "    yield model", HEADER.strip()),
        ],
        [HEADER + "    if a:\n        return\n    return x", HEADER + "    def f():\n        yield 1\n    return f"],
    ),
    "result-type": (
        [
            (HEADER + "    return logits, 1, 2.0", "logits, 1, 2.0"),
            (HEADER + '    result = {"final_loss": 1.0}\n    return result', '{"final_loss": 1.0}'),
            (HEADER + "    return SimpleNamespace(final_loss=1.0)", "SimpleNamespace(final_loss=1.0)"),
            ("class R(NamedTuple):\n    a: int\n" + HEADER + "    return R(1)", "R(1)"),
            ('R = namedtuple("R", "a")\n' + HEADER + "    return R(1)", "R(1)"),
        ],
        [
            "class R:\n    pass\n" + HEADER + "    return R()",
            HEADER + "    def pair():\n        return 1, 2\n    return make(pair())",
        ],
    ),
    "result-tensor": (
        [
            (RESULT + HEADER + "    loss.backward()\n    return Result(l, 1, loss, s)", "loss"),
            (RESULT + HEADER + "    loss.backward()\n    return Result(l, 1, loss.detach().cpu(), s)", "loss.detach().cpu()"),
            (RESULT + HEADER + "    n = torch.tensor(0)\n    n += 4\n    return Result(l, n, 1.0, s)", "n"),
        ],
        [
            RESULT + HEADER + "    loss.backward()\n    return Result(l, 1, loss.item(), s)",
            RESULT + HEADER + "    loss.backward()\n    loss = loss.item()\n    return Result(l, 1, loss, s)",
            RESULT + HEADER + "    n = 0\n    n += b.numel()\n    return Result(l, n, float(loss), s)",
        ],
    ),
    "final-logits-shape": (
        [
            (RESULT + HEADER + "    return Result(None, 1, 1.0, s)", "None"),
            (RESULT + HEADER + "    return Result(l.reshape(-1, 9).detach(), 1, 1.0, s)", "l.reshape(-1, 9).detach()"),
            (RESULT + HEADER + "    l = l.flatten(0, 1)\n    return Result(l, 1, 1.0, s)", "l"),
            (RESULT + HEADER + "    return Result(l[:, -1], 1, 1.0, s)", "l[:, -1]"),
            (RESULT + HEADER + "    return Result(l[0], 1, 1.0, s)", "l[0]"),
        ],
        [
            RESULT + HEADER + "    return Result(l.view(2, 3, 4), 1, 1.0, s)",
            RESULT + HEADER + "    flat = l.reshape(-1, 9)\n    return Result(l.detach(), 1, 1.0, s)",
            RESULT + HEADER + "    return Result(l[:, :-1], 1, 1.0, s)",
        ],
    ),
    "final-state-missing": (
        [
            (RESULT + HEADER + "    return Result(l, 1, 1.0)", "Result(l, 1, 1.0)"),
            (RESULT + HEADER + "    return Result(l, 1, 1.0, None)", "None"),
            (RESULT + HEADER + "    return Result(l, 1, 1.0, s if rank == 1 else {})", "s if rank == 1 else {}"),
            (RESULT + HEADER + "    return Result(l, 1, 1.0, s if dist.get_rank() != 0 else None)", None),
            (
                RESULT.replace("    final_state: dict = None\n", "") + HEADER + "    return Result(l, 1, 1.0)",
                "Result(l, 1, 1.0)",
            ),
        ],
        [
            RESULT + HEADER + "    return Result(l, 1, 1.0, final_state=s)",
            RESULT + HEADER + "    return Result(*values)",
            RESULT + HEADER + "    return Result(l, 1, 1.0, s if rank == 0 else None)",
            RESULT + HEADER + "    return Result(l, 1, 1.0, {} if rank > 0 else s)",
            RESULT + HEADER + "    other = rank != 0\n    return Result(l, 1, 1.0, None if other else s)",
            RESULT.replace("class Result:", "class Result(Base):") + HEADER + "    return Result(l, 1, 1.0)",
        ],
    ),
    "final-state-incomplete": (
        [
            (HEADER + "    net = DistributedDataParallel(model)\n    return net.state_dict()", "net.state_dict()"),
            (HEADER + "    model = torch.compile(model)\n    return model.state_dict()", "model.state_dict()"),
            (HEADER + "    fully_shard(model)\n    return model.state_dict()", "model.state_dict()"),
            (HEADER + "    return get_model_state_dict(model)", "get_model_state_dict(model)"),
            (HEADER + "    return StateDictType.SHARDED_STATE_DICT", "StateDictType.SHARDED_STATE_DICT"),
        ],
        [
            HEADER + "    net = DistributedDataParallel(model)\n    return model.state_dict()",
            HEADER + "    net = DistributedDataParallel(model)\n    return net.module.state_dict()",
            HEADER + "    net = DistributedDataParallel(model)\n    return {n.removeprefix(P): t for n, t in net.state_dict().items()}",
            HEADER + "    fully_shard(model)\n" + GATHER,
            HEADER + "    return get_model_state_dict(model, options=StateDictOptions(full_state_dict=True))",
        ],
    ),
    "collective-on-one-rank": (
        [
            (HEADER + "    if rank == 0:\n        return t.full_tensor()\n    return x", "t.full_tensor()"),
            (
                HEADER + "    if dist.get_rank() != 0:\n        return x\n    return get_model_state_dict(model)",
                "get_model_state_dict(model)",
            ),
            (
                "from torch.distributed.fsdp import FullyShardedDataParallel as FSDP\n"
                + HEADER
                + "    model = FSDP(model)\n    s = model.state_dict() if not dist.get_rank() else {}\n    return s",
                "model.state_dict()",
            ),
        ],
        [
            HEADER + "    s = t.full_tensor()\n    if rank == 0:\n        return s.cpu()\n    return x",
            HEADER + "    if rank == 0:\n        s = model.state_dict()\n    return s",
            HEADER + "    if num_gpus == 2:\n        dist.all_reduce(x)\n    return s",
            HEADER + "    if rank == 0:\n        a = t.full_tensor()\n    else:\n        a = t.full_tensor()\n    return a",
        ],
    ),
    "total-tokens": (
        [
            (RESULT + HEADER + "    n = 0\n    n += b.numel() * num_gpus\n    return Result(l, n, 1.0, s)", "num_gpus"),
            (RESULT + HEADER + "    return Result(l, b.numel() * dist.get_world_size(), 1.0, s)", "dist.get_world_size()"),
            (RESULT + HEADER + "    x = b[:, :-1]\n    return Result(l, x.numel() * num_steps, 1.0, s)", "x.numel()"),
            (RESULT + HEADER + "    return Result(l, b[:, 1:].numel(), 1.0, s)", "b[:, 1:].numel()"),
            (RESULT + HEADER + "    return Result(l, b.size(0) * (b.size(1) - 1), 1.0, s)", "b.size(1) - 1"),
            (RESULT + HEADER + "    return Result(l, (b != 0).sum().item(), 1.0, s)", "(b != 0).sum()"),
        ],
        [
            RESULT + HEADER + "    n = 0\n    n += b.numel()\n    return Result(l, n, 1.0, s)",
            RESULT + HEADER + "    n = b.shape[0] * b.shape[1] * num_steps\n    return Result(l, n, 1.0, s)",
            RESULT + HEADER + "    x = b[:, :-1]\n    m = x.numel()\n    return Result(l, b.numel(), 1.0, s)",
            RESULT + HEADER + "    print(b.numel() * num_gpus)\n    return Result(l, b.numel(), 1.0, s)",
        ],
    ),
    "slow-step-loop": (
        [
            (HEADER + LOOP + "        losses.append(loss.item())\n    return x", "loss.item()"),
            (HEADER + LOOP + "        print(loss)\n    return x", "print(loss)"),
            (HEADER + LOOP + "        all.append(loss.detach().cpu())\n    return x", "loss.detach().cpu()"),
            (HEADER + LOOP + "        torch.cuda.synchronize()\n    return x", "torch.cuda.synchronize()"),
            (
                "def step(model, b):\n    loss = model(b)\n    loss.backward()\n    return loss.item()\n"
                + HEADER
                + "    for _ in range(num_steps):\n        step(model, next(data_iterator))\n    return x",
                "loss.item()",
            ),
        ],
        [
            HEADER + LOOP + "    return loss.item()",
            HEADER + LOOP + "        if last:\n            value = loss.item()\n    return x",
            HEADER + LOOP + "    for name, t in s.items():\n        t.cpu()\n    print(loss)\n    return x",
            "for a in b:\n    print(a)\n" + HEADER + LOOP + "    return x",
        ],
    ),
    "optimizer-none": (
        [(HEADER + "    optimizer.zero_grad()\n    return x", "optimizer.zero_grad")],
        [
            HEADER + "    optimizer = make(model)\n    optimizer.step()\n    return x",
            HEADER + "    if optimizer is None:\n        optimizer = make(model)\n    optimizer.step()\n    return x",
        ],
    ),
    "optimizer-settings": (
        [
            (HEADER + "    return torch.optim.AdamW(model.parameters())", "torch.optim.AdamW(model.parameters())"),
            ("from torch.optim import AdamW\n" + HEADER + "    return AdamW(p, 1e-4, weight_decay=0.1)", None),
            ("import torch.optim as o\n" + HEADER + "    return o.Adam(p, lr=1e-4)", "o.Adam"),
            ("LR = 2e-4\n" + HEADER + "    return torch.optim.AdamW(p, LR, (0.9, 0.95), weight_decay=0.1)", None),
            (
                HEADER + "    g = [{'params': p, 'weight_decay': 0.0}]\n"
                "    return torch.optim.AdamW(g, 1e-4, (0.9, 0.95), weight_decay=0.1)",
                "0.0",
            ),
        ],
        [
            HEADER + "    return torch.optim.AdamW(p, lr=1e-4, weight_decay=0.1, betas=(0.9, 0.95), fused=True)",
            "LR = 1e-4\n" + HEADER + "    return torch.optim.AdamW(p, LR, (0.9, 0.95), 1e-8, 0.1)",
            HEADER + "    return torch.optim.AdamW(p, **settings)",
            HEADER + "    return torch.optim.AdamW(p, lr=rate, weight_decay=decay, betas=b)",
            "torch.optim.SGD(p)\n" + HEADER + "    return x",
        ],
    ),
    "update-differs": (
        [
            (
                HEADER + "    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n    return x",
                "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)",
            ),
            (HEADER + "    return torch.optim.lr_scheduler.LinearLR(o)", "torch.optim.lr_scheduler.LinearLR(o)"),
        ],
        [HEADER + "    x.clip_(0, 1)\n    return x", "torch.optim.lr_scheduler.LinearLR(o)\n" + HEADER + "    return x"],
    ),
    "gradients-kept": (
        [(HEADER + LOOP + "        o.step()\n    return x", "loss.backward()")],
        [
            HEADER + LOOP + "        o.zero_grad()\n    return x",
            HEADER + LOOP + "        for p in q:\n            p.grad = None\n    return x",
            HEADER + "    loss.backward()\n    return x",
        ],
    ),
    "loss-arguments": (
        [
            ("import torch.nn.functional as F\n" + HEADER + "    return F.cross_entropy(a, b, label_smoothing=0.1)", None),
            ("import torch.nn.functional as F\n" + HEADER + "    return F.cross_entropy(a, b, ignore_index=0)", None),
        ],
        [
            "import torch.nn.functional as F\n" + HEADER + "    return F.cross_entropy(a, b, label_smoothing=0.0)",
            "import torch.nn.functional as F\n" + HEADER + "    return F.cross_entropy(a, b, ignore_index=-100)",
        ],
    ),
    "batch-slicing": (
        [
            (
                "import torch.nn.functional as F\n" + HEADER + "    return F.cross_entropy(a, b[:, :-1].reshape(-1))",
                "b[:, :-1].reshape(-1)",
            ),
            (HEADER + "    return model(b[:, :-1], labels=b[:, 1:])", "model(b[:, :-1], labels=b[:, 1:])"),
            (HEADER + "    b = next(data_iterator).to(device)\n    return model(b).logits", "b"),
        ],
        [
            "import torch.nn.functional as F\n" + HEADER + "    return F.cross_entropy(a, b[:, 1:].reshape(-1))",
            HEADER + "    b = next(data_iterator)\n    return model(b[:, :-1]).logits",
            HEADER + "    b = next(data_iterator)\n    return model(b).logits[:, :-1]",
            HEADER + "    return other(b[:, :-1], labels=b[:, 1:])",
        ],
    ),
    "steps-count": (
        [
            (HEADER + LOOP.replace("num_steps", "5") + "    return x", "5"),
            (HEADER + LOOP.replace("num_steps", "num_steps - 1") + "    return x", "num_steps - 1"),
            (HEADER + "    for batch in data_iterator:\n        model(batch).backward()\n    return x", "data_iterator"),
        ],
        [
            HEADER + LOOP + "    return x",
            HEADER + LOOP.replace("num_steps", "num_steps - 1") + "    loss.backward()\n    return x",
            HEADER + "    for batch in data_iterator:\n        model(batch).backward()\n        if a:\n            break\n    return x",
            HEADER + "    for _ in range(2):\n        torch.zeros(1)\n" + LOOP + "    return x",
        ],
    ),
    "dropped-batch": (
        [(HEADER + "    next(data_iterator)\n    return x", "next(data_iterator)")],
        [HEADER + "    b = next(data_iterator)\n    next(other)\n    return b"],
    ),
    "warm-up-branch": (
        [(HEADER + "    if num_steps > 2:\n        pass\n    return x", "num_steps > 2")],
        [HEADER + "    assert num_steps > 0\n    if step == num_steps - 1:\n        pass\n    return x"],
    ),
    "frozen-parameters": (
        [
            (HEADER + "    model.lm_head.requires_grad_(False)\n    return x", "model.lm_head.requires_grad_(False)"),
            (
                HEADER + "    for p in model.parameters():\n        p.requires_grad = False\n    return x",
                "p.requires_grad = False",
            ),
        ],
        [
            HEADER + "    model.requires_grad_(True)\n    return x",
            HEADER + "    mask = torch.zeros(1)\n    mask.requires_grad_(False)\n    return x",
        ],
    ),
    "config-write": (
        [(HEADER + "    model.config.rope_theta = 1.0\n    return x", "model.config.rope_theta")],
        [
            HEADER + "    model.config.use_cache = False\n    return x",
            HEADER + "    y = model.config.rope_theta\n    other.config.rope_theta = 1\n    return x",
        ],
    ),
    "backend-state": (
        [
            (HEADER + "    torch.set_float32_matmul_precision('medium')\n    return x", None),
            (HEADER + "    torch.backends.cuda.enable_math_sdp(False)\n    return x", None),
        ],
        [
            HEADER + "    torch.set_float32_matmul_precision('high')\n    return x",
            HEADER + "    torch.backends.cuda.enable_math_sdp(False)\n    f()\n"
            "    torch.backends.cuda.enable_math_sdp(True)\n    return x",
            "torch.set_float32_matmul_precision('medium')\n" + HEADER + "    return x",
        ],
    ),
    "compile-in-call": (
        [(HEADER + "    model = torch.compile(model)\n    return x", "torch.compile(model)")],
        ["loss_of = torch.compile(loss)\n" + HEADER + "    return x", "@torch.compile\ndef f(x): pass\n" + HEADER + "    return f(x)"],
    ),
    "use-cache": (
        [(HEADER + "    model.gradient_checkpointing_disable()\n" + LOOP + "    return x", "model(next(data_iterator)[:, :-1])")],
        [
            HEADER + LOOP + "    return x",
            HEADER + "    model.gradient_checkpointing_disable()\n    model.config.use_cache = False\n" + LOOP + "    return x",
        ],
    ),
    "gradient-checkpointing": (
        [(HEADER + LOOP + "    return x", "model")],
        [
            HEADER + "    model.gradient_checkpointing_disable()\n" + LOOP + "    return x",
            HEADER + "    apply_activation_checkpointing(model)\n" + LOOP + "    return x",
        ],
    ),
}  # fmt: skip


def test_every_rule_has_cases():
    assert list(CASES) == list(CHECKS)


@pytest.mark.parametrize(
    ("rule", "source", "mark"),
    [(rule, source, mark) for rule, (positive, _) in CASES.items() for source, mark in positive],
)
def test_noticed(rule, source, mark):
    marks = [what for name, what in found(source) if name == rule]
    assert len(marks) == 1
    assert mark is None or marks == [mark]


@pytest.mark.parametrize(("rule", "source"), [(rule, source) for rule, (_, near) in CASES.items() for source in near])
def test_not_noticed(rule, source):
    assert rule not in {name for name, _ in found(source)}


# Accumulation, a compiled loss, a helper that gathers, numbers read in the last step: nothing of it is wrong.
ANOTHER_STYLE = """
import contextlib
from dataclasses import dataclass
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.distributed.fsdp import FullyShardedDataParallel as FSDP, ShardingStrategy, StateDictType, FullStateDictConfig
from torch.optim import AdamW

LR, WD, BETAS = 1e-4, 0.1, (0.9, 0.95)
MICRO = 2

@dataclass
class InnerStepsResult:
    final_logits: torch.Tensor
    total_tokens: int
    final_loss: float
    final_state: dict | None = None

def get_strategy():
    return {"dp_size": 4, "tp_size": 1}

@torch.compile
def loss_fn(logits, labels):
    return F.cross_entropy(logits.reshape(-1, logits.size(-1)), labels.reshape(-1))

def gather_state(model, rank, world):
    cfg = FullStateDictConfig(offload_to_cpu=True, rank0_only=True)
    with FSDP.state_dict_type(model, StateDictType.FULL_STATE_DICT, cfg):
        state = model.state_dict()
    return state if rank == 0 else {}

def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):
    rank = dist.get_rank() if dist.is_initialized() else 0
    model.gradient_checkpointing_disable()
    if num_gpus > 1:
        model = FSDP(model, sharding_strategy=ShardingStrategy.FULL_SHARD, device_id=device.index)
    opt = AdamW(model.parameters(), lr=LR, weight_decay=WD, betas=BETAS, fused=True)
    total_tokens = 0
    final_loss = 0.0
    final_logits = None
    for step in range(num_steps):
        batch = next(data_iterator).to(device, non_blocking=True)
        inputs, labels = batch[:, :-1], batch[:, 1:]
        micros = inputs.split(MICRO)
        losses = []
        outs = []
        for i, (mi, ml) in enumerate(zip(micros, labels.split(MICRO))):
            ctx = contextlib.nullcontext() if i == len(micros) - 1 or num_gpus == 1 else model.no_sync()
            with ctx:
                logits = model(mi, use_cache=False).logits
                loss = loss_fn(logits, ml)
                (loss / len(micros)).backward()
            losses.append(loss.detach())
            if step == num_steps - 1:
                outs.append(logits.detach())
        opt.step()
        opt.zero_grad(set_to_none=True)
        total_tokens += batch.numel()
        if step == num_steps - 1:
            final_loss = torch.stack(losses).mean().item()
            final_logits = torch.cat(outs)
    if rank == 0:
        print(f"loss {final_loss}")
    return InnerStepsResult(final_logits=final_logits, total_tokens=total_tokens, final_loss=final_loss, final_state=gather_state(model, rank, num_gpus))
"""


def test_honest_code_of_another_style_is_left_alone():
    assert lints(ANOTHER_STYLE) == []


def test_settings_are_named_with_what_they_are_and_should_be():
    [one] = lints(HEADER + "    return torch.optim.AdamW(p, lr=3e-4)")
    assert one == {
        "rule": "optimizer-settings",
        "line": 2,
        "column": 12,
        "endLine": 2,
        "endColumn": 41,
        "message": "The weights are compared with those of another AdamW: lr is 0.0003 instead of 0.0001, betas is left at "
        "PyTorch's (0.9, 0.999) instead of (0.9, 0.95), weight_decay is left at PyTorch's 0.01 instead of 0.1; use the "
        "reference's values.",
    }


def test_columns_count_code_points():
    source = HEADER + '    "\U0001f600"; optimizer.step()\n    return x'
    [(_, mark)] = [one for one in found(source) if one[0] == "optimizer-none"]
    assert mark == "optimizer.step"


def test_messages_are_one_sentence():
    for positive, _ in CASES.values():
        for source, _ in positive:
            for one in lints(source):
                assert re.fullmatch(r"[^\n]+[^.]\.", one["message"])
                assert ". " not in one["message"].replace("1. ", "")


@pytest.mark.parametrize(
    "source",
    [
        HEADER + "    for _ in a:\n        x.backward()\n" + "        x.item()\n" * 3000 + "    return x",
        HEADER + "    return " + "-" * 1500 + "x",
        HEADER + "    x" + ".a()" * 700 + "\n    return x",
        HEADER + "".join(f"    a{i} = a{i + 1}\n" for i in range(3000)) + "    return a0",
        "".join(f"def f{i}(x):\n    return f{i + 1}(x)\n" for i in range(1500)) + HEADER + "    return f0(model)",
        "x\n" * 150_000,
        HEADER + "    net = " + "a if b else (" * 150 + "c" + ")" * 150 + "\n    return net(x)",
        HEADER + "    net = " + "a if b else " * 700 + "c\n    return net(x)",
        HEADER + "    b = (b, b)\n    return torch.optim.AdamW(p, lr=b, betas=b, weight_decay=b)",
        HEADER + "    net = " + "FSDP(" * 150 + "model" + ")" * 150 + "\n    return net(x)",
        "".join(f"def f{i}():\n    f{i + 1}()\n" for i in range(6000)) + HEADER + "    f0()",
        HEADER + "    t.barrier()\n" * 9000,
        HEADER + "    for _ in a:\n        next(b)\n        x.backward()\n" * 3000,
        "x = x\ny = z\nz = y\n" + HEADER + "    return x(y, z)",
    ],
    ids=[
        "many",
        "deep",
        "chain",
        "names",
        "calls",
        "large",
        "choices",
        "more choices",
        "circle",
        "wraps",
        "functions",
        "barriers",
        "loops",
        "circles",
    ],
)
def test_odd_files_end_in_bounded_time(source):
    assert len(lints(source)) <= MAX_LINTS


def test_every_rule_has_its_page():
    text = (ROOT / "docs" / "lints.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)$", text, re.MULTILINE) == list(CHECKS)
    sections = re.split(r"^## \S+$", text, flags=re.MULTILINE)[1:]
    for section in sections:
        assert "```python\n" in section
        assert re.search(r"section \d", section)
