"""Advice on a train.py that goes beyond production's scan: what fails or slows the evaluation (spec/evaluation.md).

A lint is never a rejection. Each says one thing that follows from how production calls, times and checks a submission
(sections 1, 2, 4 and 5), and is silent where reading alone cannot tell. docs/lints.md has a section for each.

Standard library only, no file or process access, like the scanner. The source is adversarial: nothing here recurses
over the tree without a bound.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .scan import Range, SourceText
from .syntax_tree import child_fields
from .topology import declared_by

# Names under which production passes the six arguments, all as keywords (spec/evaluation.md section 1).
ARGUMENTS = ("model", "data_iterator", "optimizer", "num_steps", "device", "num_gpus")
# The reference's AdamW (section 4, step 3) and what PyTorch takes where an argument is missing.
REFERENCE: dict[str, Any] = {"lr": 1e-4, "betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": 0.1}
DEFAULTS: dict[str, Any] = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}
ADAMW_PARAMETERS = ("params", "lr", "betas", "eps", "weight_decay")
# Config attributes that may change (section 4, step 8).
FREE_CONFIG_ATTRIBUTES = frozenset({"use_cache", "output_hidden_states", "output_attentions", "return_dict"})

FSDP_1 = frozenset({"FullyShardedDataParallel"})
DATA_PARALLEL = FSDP_1 | {"DistributedDataParallel", "fully_shard", "replicate"}
TENSOR_PARALLEL = frozenset({"parallelize_module", "distribute_tensor", "distribute_module"})
# What hands back a model for a model.
WRAPPERS = DATA_PARALLEL | TENSOR_PARALLEL | {"compile", "checkpoint_wrapper"}
# What a model's own methods hand back.
SELF_RETURNING = frozenset({"train", "to", "cuda", "requires_grad_", "float", "bfloat16"})
# Calls of one rank that wait for all the others.
COLLECTIVES = frozenset(
    """
    full_tensor get_model_state_dict get_state_dict all_reduce all_gather all_gather_into_tensor all_gather_object
    broadcast reduce_scatter reduce_scatter_tensor barrier gather redistribute
    """.split()
)
# Parts of torch.distributed that say who a rank is, without exchanging anything.
LOCAL_QUESTIONS = frozenset({"get_rank", "get_world_size", "is_initialized", "is_available", "barrier"})
# Packages that run no other ranks' exchange behind our back.
PLAIN_PACKAGES = frozenset(
    """
    torch transformers triton flash_attn liger_kernel numpy collections contextlib copy dataclasses enum functools gc
    itertools json math random re typing typing_extensions warnings
    """.split()
)
# Methods of a tensor that hand back a tensor of the same shape.
SAME_SHAPE = frozenset({"detach", "cpu", "clone", "contiguous", "float", "bfloat16", "half", "to", "cuda"})

# More nodes than any train.py has; a file with more gets no advice.
MAX_NODES = 50_000
MAX_LINTS = 200
# How far a value is followed through names and helper functions.
MAX_STEPS_BACK = 5

Function = ast.FunctionDef | ast.AsyncFunctionDef
DEFINITIONS = frozenset({ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef})
LEAVES = frozenset({ast.Name, ast.Constant, ast.alias, ast.Pass, ast.Import, ast.ImportFrom})


class Lint(NamedTuple):
    """One piece of advice: a sentence for the code at `where`."""

    rule: str
    where: ast.AST
    message: str


class Unit:
    """A function or class of the module, or what the module itself runs (`node` is then the module)."""

    def __init__(self, node: ast.AST) -> None:
        self.node = node
        self.calls: list[ast.Call] = []
        self.attributes: list[ast.Attribute] = []
        self.loops: list[ast.For | ast.While] = []
        #: Assignments, expressions and returns.
        self.statements: list[ast.stmt] = []
        self.compares: list[ast.Compare] = []
        self.slices: list[ast.Subscript] = []
        self.yields: list[ast.Yield | ast.YieldFrom] = []
        #: Name -> what it is bound to, in the order of the text; None where that is no plain value.
        self.bound: dict[str, list[ast.expr | None]] = {}


class Program:
    """What is known of a file: who calls whom, what runs in the step loop, which names hold the model and the data."""

    def __init__(self, nodes: list[ast.AST]) -> None:
        self.nodes = nodes
        self.parents: dict[ast.AST, ast.AST] = {}
        self.rank_only: dict[ast.AST, set[ast.stmt]] = {}
        #: Local name -> dotted path of an import.
        self.imported: dict[str, str] = {}
        self.packages: set[str] = set()
        #: Every name, attribute and keyword of the file, for "is this used at all".
        self.mentions: set[str] = set()
        self.module = Unit(nodes[0])
        #: Functions and classes of the module by name; the last definition is the one that counts.
        self.units: dict[str, Unit] = {}
        #: The module, then all of them, also those whose name another one took.
        self.every_unit = [self.module]
        self._walk()
        self.entry = self.units.get("inner_steps")
        if self.entry is not None and not isinstance(self.entry.node, Function):
            self.entry = None
        self.reached = self._reached()
        self.trains = self._training_units()
        self.step_loops = {loop for unit in self.reached for loop in self._step_loops(unit)}
        self.hot_units = self._hot_units()
        self.models = self._names_of({"model"}, self._is_model)
        self.data = self._names_of({"data_iterator"}, self._is_data)

    def _walk(self) -> None:
        stack: list[tuple[ast.AST, Unit]] = [(self.module.node, self.module)]
        while stack:
            node, unit = stack.pop()
            kind = type(node)
            note = NOTES.get(kind)
            if note is not None:
                note(self, node, unit)
            if kind in LEAVES:
                continue
            inner = unit
            if kind in DEFINITIONS and unit is self.module:
                inner = self.units[node.name] = Unit(node)
                self.every_unit.append(inner)
            children = []
            for name in child_fields(kind):
                value = getattr(node, name, None)
                # Decorators and bases run with the module.
                owner = inner if name in ("body", "args") else unit
                if type(value) is list:
                    children += [(item, owner) for item in value if isinstance(item, ast.AST)]
                elif isinstance(value, ast.AST):
                    children.append((value, owner))
            for child, _ in children:
                self.parents[child] = node
            children.reverse()
            stack += children

    # What is noted of a node, by its type (NOTES below).

    def _note_name(self, node: ast.Name, unit: Unit) -> None:
        self.mentions.add(node.id)

    def _note_attribute(self, node: ast.Attribute, unit: Unit) -> None:
        self.mentions.add(node.attr)
        unit.attributes.append(node)

    def _note_call(self, node: ast.Call, unit: Unit) -> None:
        unit.calls.append(node)

    def _note_keyword(self, node: ast.keyword, unit: Unit) -> None:
        if node.arg is not None:
            self.mentions.add(node.arg)

    def _note_subscript(self, node: ast.Subscript, unit: Unit) -> None:
        unit.slices.append(node)

    def _note_compare(self, node: ast.Compare, unit: Unit) -> None:
        unit.compares.append(node)

    def _note_yield(self, node: ast.Yield | ast.YieldFrom, unit: Unit) -> None:
        unit.yields.append(node)

    def _note_argument(self, node: ast.arg, unit: Unit) -> None:
        unit.bound.setdefault(node.arg, []).append(None)

    def _note_import(self, node: ast.Import, unit: Unit) -> None:
        for alias in node.names:
            self.packages.add(alias.name.partition(".")[0])
            self.mentions.update(alias.name.split("."))
            if alias.asname is not None:
                self.imported[alias.asname] = alias.name

    def _note_import_from(self, node: ast.ImportFrom, unit: Unit) -> None:
        if node.module is None or node.level:
            return
        self.packages.add(node.module.partition(".")[0])
        self.mentions.update(node.module.split("."))
        for alias in node.names:
            self.mentions.add(alias.name)
            self.imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def _note_loop(self, node: ast.For | ast.While, unit: Unit) -> None:
        unit.loops.append(node)
        if isinstance(node, ast.For):
            self._bind(unit, node.target, None)

    def _note_comprehension(self, node: ast.comprehension, unit: Unit) -> None:
        self._bind(unit, node.target, None)

    def _note_with_item(self, node: ast.withitem, unit: Unit) -> None:
        if node.optional_vars is not None:
            self._bind(unit, node.optional_vars, None)

    def _note_statement(self, node: ast.stmt, unit: Unit) -> None:
        unit.statements.append(node)
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind(unit, target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind(unit, target, value)
            case ast.AugAssign(target=target):
                self._bind(unit, target, None)

    def _note_walrus(self, node: ast.NamedExpr, unit: Unit) -> None:
        self._bind(unit, node.target, node.value)

    def _bind(self, unit: Unit, target: ast.expr, value: ast.expr | None) -> None:
        match target:
            case ast.Name(id=name):
                unit.bound.setdefault(name, []).append(value)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                values = value.elts if isinstance(value, ast.Tuple | ast.List) else []
                same = len(values) == len(elements)
                for index, element in enumerate(elements):
                    if isinstance(element, ast.Name):
                        unit.bound.setdefault(element.id, []).append(values[index] if same else None)

    # --- Who calls whom

    def _reached(self) -> list[Unit]:
        """The units that run when inner_steps is called, inner_steps first."""
        reached: dict[Unit, None] = {} if self.entry is None else {self.entry: None}
        waiting = [*reached]
        while waiting:
            unit = waiting.pop(0)
            for node in (*unit.calls, *unit.attributes):
                functions = [node.func, *node.args] if isinstance(node, ast.Call) else [node.value]
                for function in functions:
                    called = self.units.get(function.id) if isinstance(function, ast.Name) else None
                    if called is not None and called not in reached:
                        reached[called] = None
                        waiting.append(called)
        return [*reached]

    def called(self, call: ast.Call) -> Unit | None:
        """The function of this file that is called by its name."""
        unit = self.units.get(call.func.id) if isinstance(call.func, ast.Name) else None
        return unit if unit is not None and isinstance(unit.node, Function) else None

    def _training_units(self) -> set[Unit]:
        trains = {unit for unit in self.reached if any(method(call) == "backward" for call in unit.calls)}
        for _ in range(MAX_STEPS_BACK):
            trains |= {unit for unit in self.reached if any(self.called(call) in trains for call in unit.calls)}
        return trains

    def _step_loops(self, unit: Unit) -> Iterator[ast.AST]:
        for call in unit.calls:
            if method(call) == "backward" or self.called(call) in self.trains:
                for child, parent in self.ancestors(call, unit):
                    if isinstance(parent, ast.For | ast.While) and child in parent.body:
                        yield parent

    def _hot_units(self) -> set[Unit]:
        hot: set[Unit] = set()
        self.hot_units = hot
        for _ in range(MAX_STEPS_BACK):
            for unit in self.reached:
                for call in unit.calls:
                    called = self.called(call)
                    if called is not None and called not in hot and self.runs_every_step(call, unit):
                        hot.add(called)
        return hot

    def ancestors(self, node: ast.AST, unit: Unit) -> Iterator[tuple[ast.AST, ast.AST]]:
        """(child, parent) from the node up to the unit's own node."""
        while node is not unit.node and node in self.parents:
            parent = self.parents[node]
            yield node, parent
            node = parent

    def runs_every_step(self, node: ast.AST, unit: Unit) -> bool:
        """Whether the node runs in every training step: not under a condition, not in a nested function."""
        for child, parent in self.ancestors(node, unit):
            if parent is unit.node:
                break
            if parent in self.step_loops and child in parent.body:
                return True
            if isinstance(parent, Function | ast.Lambda | ast.If | ast.IfExp | ast.BoolOp | ast.ExceptHandler):
                return False
        return unit in self.hot_units

    def own_returns(self, unit: Unit) -> list[ast.Return]:
        """The return statements of the function itself, without those of functions inside it."""
        return [
            statement
            for statement in unit.statements
            if isinstance(statement, ast.Return) and self.function_around(statement, unit) is unit.node
        ]

    def function_around(self, node: ast.AST, unit: Unit) -> ast.AST | None:
        for _, parent in self.ancestors(node, unit):
            if isinstance(parent, Function | ast.Lambda):
                return parent
        return None

    # --- What names stand for

    def path(self, node: ast.AST) -> str:
        """The dotted path of a function with imports resolved; "" where it is none."""
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        parts.append(self.imported.get(node.id, node.id))
        return ".".join(reversed(parts))

    def last(self, node: ast.AST) -> str:
        """The last part of a function's path."""
        return self.path(node).rpartition(".")[2]

    def value_of(self, node: ast.expr, unit: Unit) -> ast.expr:
        """The expression itself, or what its name was bound to where that happened once (here or in the module)."""
        for _ in range(MAX_STEPS_BACK):
            if not isinstance(node, ast.Name):
                break
            values = unit.bound.get(node.id) or self.module.bound.get(node.id) or []
            if len(values) != 1 or values[0] is None:
                break
            node = values[0]
        return node

    def constant(self, node: ast.expr | None, unit: Unit) -> Any:
        """The number, text or pair of them that an expression is known to be, else None."""
        if node is None:
            return None
        value = self.value_of(node, unit)
        if isinstance(value, ast.Tuple) and len(value.elts) == 2:
            pair = tuple(getattr(self.value_of(one, unit), "value", None) for one in value.elts)
            return pair if all(isinstance(one, int | float) for one in pair) else None
        return value.value if isinstance(value, ast.Constant) else None

    def _names_of(self, start: set[str], holds: Callable[[ast.expr, Unit], bool]) -> dict[Unit, set[str]]:
        """For each reached function the names that hold what inner_steps got under the names `start`."""
        names: dict[Unit, set[str]] = {unit: set() for unit in self.reached}
        self.held = names
        if self.entry is not None:
            names[self.entry] |= start
        for _ in range(MAX_STEPS_BACK):
            for unit in self.reached:
                for name, values in unit.bound.items():
                    if any(value is not None and holds(value, unit) for value in values):
                        names[unit].add(name)
                for call in unit.calls:
                    called = self.called(call)
                    if called is None:
                        continue
                    parameters = [argument.arg for argument in called.node.args.args]
                    given = [*zip(parameters, call.args, strict=False)]
                    given += [(keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg is not None]
                    names[called] |= {parameter for parameter, value in given if holds(value, unit)}
        return names

    def _is_model(self, node: ast.expr, unit: Unit) -> bool:
        choices = [node]
        for _ in range(MAX_STEPS_BACK):
            if not choices:
                break
            match choices.pop():
                case ast.Name(id=name):
                    if name in self.held[unit]:
                        return True
                case ast.IfExp(body=body, orelse=orelse):
                    choices += [body, orelse]
                case ast.Call(func=ast.Attribute(attr=name, value=receiver)) if name in SELF_RETURNING:
                    choices.append(receiver)
                case ast.Call(func=function, args=[first, *_]) if self.last(function) in WRAPPERS:
                    choices.append(first)
        return False

    def _is_data(self, node: ast.expr, unit: Unit) -> bool:
        match node:
            case ast.Name(id=name):
                return name in self.held[unit]
            case ast.Call(func=ast.Name(id="iter"), args=[ast.Name(id=name)]):
                return name in self.held[unit]
        return False

    def model_calls(self, unit: Unit) -> list[ast.Call]:
        names = self.models.get(unit, set())
        return [call for call in unit.calls if isinstance(call.func, ast.Name) and call.func.id in names]

    def conditional(self, node: ast.AST, unit: Unit) -> bool:
        return any(
            isinstance(parent, ast.If | ast.IfExp | ast.BoolOp | ast.While) for _, parent in self.ancestors(node, unit)
        )

    def rank_branch(self, node: ast.AST, unit: Unit) -> bool:
        """Whether only some ranks get to the node: under a condition on the rank, or after the others returned."""
        for child, parent in self.ancestors(node, unit):
            if (
                isinstance(parent, ast.If | ast.IfExp)
                and child is not parent.test
                and self.asks_rank(parent.test, unit)
            ):
                return True
            body = getattr(parent, "body", None)
            if isinstance(body, list) and child in self._after_rank_return(parent, body, unit):
                return True
        return False

    def _after_rank_return(self, parent: ast.AST, body: list[ast.stmt], unit: Unit) -> set[ast.stmt]:
        """The statements that only those ranks get to that did not return earlier in the same block."""
        if parent not in self.rank_only:
            ends = (
                index
                for index, one in enumerate(body)
                if isinstance(one, ast.If) and isinstance(one.body[-1], ast.Return) and self.asks_rank(one.test, unit)
            )
            self.rank_only[parent] = {*body[next(ends, len(body)) + 1 :]}
        return self.rank_only[parent]

    def asks_rank(self, test: ast.expr, unit: Unit) -> bool:
        match test:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._is_rank(operand, unit)
            case ast.Compare(
                left=left, ops=[ast.Eq() | ast.NotEq() | ast.Gt()], comparators=[ast.Constant(value=int())]
            ):
                return self._is_rank(left, unit)
            case ast.Name():
                value = self.value_of(test, unit)
                return isinstance(value, ast.Compare) and self.asks_rank(value, unit)
        return False

    def _is_rank(self, node: ast.expr, unit: Unit) -> bool:
        match self.value_of(node, unit):
            case ast.Call(func=function):
                return self.last(function) in ("get_rank", "get_local_rank")
            case ast.Name(id=name):
                return name in ("rank", "local_rank", "global_rank")
            case ast.Attribute(attr="index", value=ast.Name(id="device")):
                return True
        return False


#: Node type -> what is noted of it.
NOTES: dict[type[ast.AST], Callable[[Program, Any, Unit], None]] = {
    ast.Name: Program._note_name,
    ast.Attribute: Program._note_attribute,
    ast.Call: Program._note_call,
    ast.keyword: Program._note_keyword,
    ast.Subscript: Program._note_subscript,
    ast.Compare: Program._note_compare,
    ast.Yield: Program._note_yield,
    ast.YieldFrom: Program._note_yield,
    ast.arg: Program._note_argument,
    ast.Import: Program._note_import,
    ast.ImportFrom: Program._note_import_from,
    ast.For: Program._note_loop,
    ast.While: Program._note_loop,
    ast.comprehension: Program._note_comprehension,
    ast.withitem: Program._note_with_item,
    ast.Assign: Program._note_statement,
    ast.AnnAssign: Program._note_statement,
    ast.AugAssign: Program._note_statement,
    ast.Expr: Program._note_statement,
    ast.Return: Program._note_statement,
    ast.NamedExpr: Program._note_walrus,
}


def method(call: ast.Call) -> str:
    """The name of the method that is called, "" for other calls."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def keyword_of(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def takes_anything(call: ast.Call) -> bool:
    """Whether arguments are given that cannot be read: `*args` or `**options`."""
    return any(keyword.arg is None for keyword in call.keywords) or any(
        isinstance(argument, ast.Starred) for argument in call.args
    )


def receiver_chain(node: ast.expr, names: frozenset[str]) -> ast.expr:
    """The expression without the calls of these methods at its end."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
        node = node.func.value
    return node


def root_name(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def row_slice(node: ast.AST) -> tuple[int | None, int | None] | None:
    """(1, None) for `x[:, 1:]` and `x[..., 1:]`, (None, -1) for `x[:, :-1]`; None for what is no such slice."""
    match node:
        case ast.Subscript(slice=ast.Tuple(elts=[rows, ast.Slice(lower=lower, upper=upper, step=None)])):
            all_of_them = isinstance(rows, ast.Slice) and (rows.lower, rows.upper, rows.step) == (None, None, None)
            if all_of_them or getattr(rows, "value", None) is ...:
                ends = (_small_number(lower), _small_number(upper))
                return None if "unknown" in ends else ends
    return None


def _small_number(node: ast.expr | None) -> Any:
    match node:
        case None:
            return None
        case ast.Constant(value=int() as number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as number)):
            return -number
    return "unknown"


# --- The rules -----------------------------------------------------------------------------------------------------

Check = Callable[[Program], Iterator[Lint]]
#: Rule id -> its check, in the order of docs/lints.md.
CHECKS: dict[str, Check] = {}


def rule(name: str) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        CHECKS[name] = check
        return check

    return register


@rule("call-signature")
def call_signature(program: Program) -> Iterator[Lint]:
    if program.entry is None:
        defined = [node for node in program.nodes if isinstance(node, ast.FunctionDef) and node.name == "inner_steps"]
        if defined and "inner_steps" not in program.imported and "inner_steps" not in program.module.bound:
            yield Lint(
                "call-signature",
                defined[0],
                "inner_steps is called as a function of the module, where there is none of that name: "
                "move this one out of its class or function.",
            )
        return
    function = program.entry.node
    arguments = function.args
    if function.decorator_list:
        return
    by_keyword = [argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)]
    missing = [name for name in ARGUMENTS if name not in by_keyword]
    if missing and (arguments.kwarg is None or any(argument.arg in missing for argument in arguments.posonlyargs)):
        yield Lint(
            "call-signature",
            function,
            f"inner_steps is called with the keywords {', '.join(ARGUMENTS)} and cannot take {' and '.join(missing)}: "
            "name its parameters so.",
        )
        return
    positional = [*arguments.posonlyargs, *arguments.args]
    required = positional[: len(positional) - len(arguments.defaults)]
    required += [one for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if not default]
    for argument in required:
        if argument.arg not in ARGUMENTS:
            yield Lint(
                "call-signature",
                argument,
                f"inner_steps is called without `{argument.arg}`, which has no default: give it one or drop it.",
            )


@rule("strategy-not-literal")
def strategy_not_literal(program: Program) -> Iterator[Lint]:
    functions = [node for node in program.nodes if isinstance(node, ast.FunctionDef) and node.name == "get_strategy"]
    if not functions or declared(program) is not None:
        return
    returned = [statement.value for statement in functions[0].body if isinstance(statement, ast.Return)]
    yield Lint(
        "strategy-not-literal",
        next((value for value in returned if value is not None), functions[0]),
        "The validator reads get_strategy without running it and finds nothing declared, an error with several GPUs: "
        'return "ddp", "fsdp" or "tp", or a dict with the numbers dp_size and tp_size, directly in its body.',
    )


def declared(program: Program) -> tuple[ast.expr, dict[str, int]] | None:
    """The value that declares the topology, and the topology on two GPUs (which only a string depends on)."""
    for node in program.nodes:
        if isinstance(node, ast.FunctionDef) and node.name == "get_strategy":
            for statement in node.body:
                if isinstance(statement, ast.Return) and statement.value is not None:
                    strategy = declared_by(statement.value, 2)
                    if strategy is not None:
                        return statement.value, dict(strategy)
    return None


@rule("strategy-contradiction")
def strategy_contradiction(program: Program) -> Iterator[Lint]:
    found = declared(program)
    if found is None or program.entry is None or program.packages - PLAIN_PACKAGES:
        return
    where, sizes = found
    calls = [(call, unit) for unit in program.reached for call in unit.calls]
    wrapped = [(call, unit) for call, unit in calls if program.last(call.func) in DATA_PARALLEL]
    split = [(call, unit) for call, unit in calls if program.last(call.func) in TENSOR_PARALLEL]
    exchanges = exchanges_otherwise(program)
    if sizes["tp_size"] > 1 and not split and not exchanges:
        code = (
            f"the code wraps the model with {program.last(wrapped[0][0].func)}" if wrapped else "no code splits a layer"
        )
        yield Lint(
            "strategy-contradiction",
            where,
            f"Tensor parallelism is declared, but {code}: ranks of one group read the same batches and their tokens "
            "count once; declare tp_size 1.",
        )
    elif sizes["dp_size"] > 1 and not wrapped and not split and not exchanges:
        yield Lint(
            "strategy-contradiction",
            where,
            "Data parallelism is declared, but nothing averages the gradients of the ranks, so their weights drift "
            "from the reference: wrap the model with DistributedDataParallel or FSDP.",
        )
    if sizes["tp_size"] == 1 and sizes["dp_size"] > 1:
        for call, unit in split:
            if program.last(call.func) == "parallelize_module" and not program.conditional(call, unit):
                yield Lint(
                    "strategy-contradiction",
                    call,
                    "Layers are split over ranks that read different batches, as no tensor parallelism is declared: "
                    "declare the tp_size of this split in get_strategy.",
                )


def exchanges_otherwise(program: Program) -> bool:
    """Whether ranks exchange anything in a way of the file's own."""
    if any(part in program.mentions for part in ("pipelining", "DTensor", "_functional_collectives")):
        return True
    questions = LOCAL_QUESTIONS | DATA_PARALLEL
    for unit in (program.module, *program.units.values()):
        for call in unit.calls:
            path = program.path(call.func)
            if path.startswith("torch.distributed.") or path.startswith("dist."):
                name = path.rpartition(".")[2]
                if name not in questions and "fsdp" not in path and "state_dict" not in path:
                    return name not in ("init_device_mesh", "DeviceMesh")
    return False


@rule("result-missing")
def result_missing(program: Program) -> Iterator[Lint]:
    if program.entry is None:
        return
    function = program.entry.node
    returns = program.own_returns(program.entry)
    if any(program.function_around(one, program.entry) is function for one in program.entry.yields):
        yield Lint("result-missing", function, "inner_steps yields, so calling it trains nothing: return the result.")
    elif all(one.value is None or getattr(one.value, "value", one) is None for one in returns):
        yield Lint(
            "result-missing",
            returns[0] if returns else function,
            "inner_steps has to return an object with final_logits, total_tokens, final_loss and final_state.",
        )


class Result(NamedTuple):
    """An object that inner_steps returns: where it is made, and its fields where they can be read."""

    where: ast.expr
    unit: Unit
    fields: dict[str, ast.expr] | None
    #: Why an object of this kind is rejected.
    wrong_type: str | None


def results(program: Program) -> list[Result]:
    found: list[Result] = []
    if program.entry is None:
        return found
    seen: set[Unit] = set()
    waiting = [program.entry]
    while waiting:
        unit = waiting.pop(0)
        if unit in seen:
            continue
        seen.add(unit)
        for statement in program.own_returns(unit):
            if statement.value is None:
                continue
            value = program.value_of(statement.value, unit)
            called = program.called(value) if isinstance(value, ast.Call) else None
            if called is not None:
                waiting.append(called)
            else:
                result = result_of(program, value, unit)
                if result is not None:
                    found.append(result)
    return found


def result_of(program: Program, value: ast.expr, unit: Unit) -> Result | None:
    match value:
        case ast.Tuple() | ast.List() | ast.Dict():
            return Result(value, unit, None, f"a {type(value).__name__.lower()}")
        case ast.Call(func=function):
            name = program.last(function)
            if name in ("SimpleNamespace", "dict", "tuple"):
                return Result(value, unit, None, f"a {name}")
            made = program.units.get(function.id) if isinstance(function, ast.Name) else None
            if made is not None and isinstance(made.node, ast.ClassDef):
                bases = {program.last(base) for base in made.node.bases}
                for base in ("NamedTuple", "dict", "SimpleNamespace"):
                    if base in bases:
                        kind = "a named tuple" if base == "NamedTuple" else f"a subclass of {base}"
                        return Result(value, unit, None, kind)
                return Result(value, unit, fields_of(program, value, made.node), None)
            definition = program.value_of(function, program.module)
            if isinstance(definition, ast.Call) and program.last(definition.func) in ("namedtuple", "NamedTuple"):
                return Result(value, unit, None, "a named tuple")
    return None


def fields_of(program: Program, call: ast.Call, made: ast.ClassDef) -> dict[str, ast.expr] | None:
    """Field -> what is given for it, or its default; None where the class or the call cannot be read."""
    if takes_anything(call) or any(program.last(base) not in ("object",) for base in made.bases) or made.keywords:
        return None
    given: dict[str, ast.expr] = {}
    constructor = next((one for one in made.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"), None)
    decorators = [one.func if isinstance(one, ast.Call) else one for one in made.decorator_list]
    if constructor is not None:
        arguments = constructor.args
        if arguments.vararg or arguments.kwarg or arguments.posonlyargs or arguments.kwonlyargs or decorators:
            return None
        names = [argument.arg for argument in arguments.args[1:]]
        if len(arguments.defaults) <= len(names):
            given.update(zip(names[len(names) - len(arguments.defaults) :], arguments.defaults, strict=True))
        stored = {node.attr for node in ast.walk(constructor) if isinstance(node, ast.Attribute) and is_store(node)}
        # Under other names, or made inside: not followed.
        if not {"final_logits", "total_tokens", "final_loss"} <= {*names} or "final_state" in stored - {*names}:
            return None
    elif len(decorators) == 1 and program.last(decorators[0]) == "dataclass":
        names = []
        for one in made.body:
            if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
                names.append(one.target.id)
                if one.value is not None:
                    given[one.target.id] = one.value
            elif not isinstance(one, ast.Expr | ast.Pass):
                # Properties and the like may supply what the fields do not.
                return None
    else:
        return None
    if len(call.args) > len(names):
        return None
    given.update(zip(names, call.args, strict=False))
    given.update({keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None})
    return given


def is_store(node: ast.Attribute | ast.Name | ast.Subscript) -> bool:
    return not isinstance(node.ctx, ast.Load)


@rule("result-type")
def result_type(program: Program) -> Iterator[Lint]:
    for result in results(program):
        if result.wrong_type is not None:
            yield Lint(
                "result-type",
                result.where,
                f"The validator rejects {result.wrong_type} as the result: return an object of a plain class, such as "
                "a dataclass with final_logits, total_tokens, final_loss and final_state.",
            )


@rule("result-tensor")
def result_tensor(program: Program) -> Iterator[Lint]:
    for result in results(program):
        loss = (result.fields or {}).get("final_loss")
        if loss is not None and is_loss_tensor(program, loss, result.unit):
            yield Lint(
                "result-tensor",
                loss,
                "final_loss is a tensor, which passes the checks and then breaks the report: return its `.item()`.",
            )
        tokens = (result.fields or {}).get("total_tokens")
        if tokens is not None and is_made_tensor(program, tokens, result.unit):
            yield Lint(
                "result-tensor",
                tokens,
                "total_tokens is a tensor, which passes the checks and then breaks the report: count with `.numel()`.",
            )


def is_loss_tensor(program: Program, node: ast.expr, unit: Unit) -> bool:
    node = receiver_chain(node, SAME_SHAPE | {"mean", "sum"})
    if not isinstance(node, ast.Name):
        return False
    trained = any(method(call) == "backward" and root_name(call.func) == node.id for call in unit.calls)
    numbers = any(
        isinstance(value, ast.Call) and (method(value) == "item" or program.last(value.func) == "float")
        for value in unit.bound.get(node.id, [])
    )
    return trained and not numbers


def is_made_tensor(program: Program, node: ast.expr, unit: Unit) -> bool:
    if isinstance(node, ast.Name):
        values = unit.bound.get(node.id, [])
        return (
            bool(values)
            and values[0] is not None
            and all(value is None or is_made_tensor_call(program, value) for value in values)
        )
    return is_made_tensor_call(program, node)


def is_made_tensor_call(program: Program, node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and program.path(node.func) in ("torch.tensor", "torch.zeros", "torch.ones")


@rule("final-logits-shape")
def final_logits_shape(program: Program) -> Iterator[Lint]:
    for result in results(program):
        logits = (result.fields or {}).get("final_logits")
        if logits is None:
            continue
        value = program.value_of(receiver_chain(logits, SAME_SHAPE), result.unit)
        if isinstance(value, ast.Name):
            values = result.unit.bound.get(value.id, [None])
            value = values[-1] or value
        value = receiver_chain(value, SAME_SHAPE)
        problem = None
        match value:
            case ast.Constant(value=None):
                problem = "is None"
            case ast.Call(func=ast.Attribute(attr="reshape" | "view"), args=[_, _]):
                problem = "has two dimensions"
            case ast.Call(func=ast.Attribute(attr="flatten"), args=[ast.Constant(value=0), ast.Constant(value=1)]):
                problem = "has two dimensions"
            case ast.Call(func=ast.Attribute(attr="argmax" | "mean" | "sum" | "item" as name)):
                problem = f"is a `.{name}()`"
            case ast.Subscript(slice=ast.Constant(value=int())):
                problem = "is a part of the batch"
            case ast.Subscript(slice=ast.Tuple(elts=[ast.Slice(), index, *_])) if _small_number(index) not in (
                None,
                "unknown",
            ):
                problem = "is a single position"
        if problem is not None:
            yield Lint(
                "final-logits-shape",
                logits,
                f"final_logits {problem}, but has to be the last step's output of batch x (seq_len - 1) x vocabulary.",
            )


@rule("final-state-missing")
def final_state_missing(program: Program) -> Iterator[Lint]:
    for result in results(program):
        if result.fields is None:
            continue
        state = result.fields.get("final_state")
        if state is None or (isinstance(state, ast.Constant) and state.value is None):
            given = state is not None and result.where.lineno <= state.lineno <= (result.where.end_lineno or 0)
            yield Lint(
                "final-state-missing",
                state if given and state is not None else result.where,
                "The result has no final_state, which the weights are judged by: return the whole state dict, on the "
                "CPU.",
            )

        elif isinstance(state, ast.IfExp) and program.asks_rank(state.test, result.unit):
            on_rank_0 = state.body if holds_on_rank_0(program.value_of(state.test, result.unit)) else state.orelse
            empty = isinstance(on_rank_0, ast.Dict) and not on_rank_0.keys
            if empty or (isinstance(on_rank_0, ast.Constant) and on_rank_0.value is None):
                yield Lint(
                    "final-state-missing",
                    state,
                    "Only rank 0's result is judged, and there final_state is empty: keep it on rank 0.",
                )


def holds_on_rank_0(test: ast.expr) -> bool:
    """Whether a condition that `asks_rank` knows is met on rank 0."""
    match test:
        case ast.Compare(ops=[ast.Eq()], comparators=[ast.Constant(value=number)]):
            return number == 0
        case ast.Compare(ops=[ast.NotEq()], comparators=[ast.Constant(value=number)]):
            return number != 0
        case ast.Compare(comparators=[ast.Constant(value=int() as number)]):
            return number < 0
    # `not rank`.
    return True


@rule("final-state-incomplete")
def final_state_incomplete(program: Program) -> Iterator[Lint]:
    calls = [(call, unit) for unit in program.reached for call in unit.calls]
    wrappers = {program.last(call.func) for call, _ in calls}
    gathers = program.mentions & {"full_tensor", "full_state_dict", "redistribute", "all_gather"}
    renames = program.mentions & {
        "removeprefix",
        "replace",
        "lstrip",
        "split",
        "consume_prefix_in_state_dict_if_present",
    }
    for unit in program.reached:
        for attribute in unit.attributes:
            if attribute.attr in ("SHARDED_STATE_DICT", "LOCAL_STATE_DICT"):
                yield Lint(
                    "final-state-incomplete",
                    attribute,
                    "This gathers shards, and final_state has to hold whole tensors: use FULL_STATE_DICT.",
                )
    for call, unit in calls:
        reads_state = program.last(call.func) in ("get_model_state_dict", "get_state_dict")
        if reads_state and not takes_anything(call) and "full_state_dict" not in program.mentions:
            yield Lint(
                "final-state-incomplete",
                call,
                "This returns shards, and final_state has to hold whole tensors: pass "
                "StateDictOptions(full_state_dict=True).",
            )
        if method(call) != "state_dict" or not isinstance(call.func, ast.Attribute):
            continue
        receiver = call.func.value
        if not isinstance(receiver, ast.Name) or receiver.id not in program.models.get(unit, ()):
            continue
        made = next((value for value in reversed(unit.bound.get(receiver.id, [])) if value is not None), None)
        prefix = None
        if isinstance(made, ast.Call):
            prefix = {"DistributedDataParallel": "module.", "compile": "_orig_mod."}.get(program.last(made.func))
        if prefix is not None and not renames:
            yield Lint(
                "final-state-incomplete",
                call,
                f"The names of this state dict begin with `{prefix}`, so every tensor counts as missing: take the "
                "state dict of the model inside.",
            )
        elif wrappers & {"fully_shard", "parallelize_module"} and not gathers and not wrappers & FSDP_1:
            yield Lint(
                "final-state-incomplete",
                call,
                "This state dict holds each rank's shards: gather every tensor with `.full_tensor()`, on all ranks.",
            )


@rule("collective-on-one-rank")
def collective_on_one_rank(program: Program) -> Iterator[Lint]:
    fsdp_1 = any(program.last(call.func) in FSDP_1 for unit in program.reached for call in unit.calls)
    for unit in program.reached:
        on_one = []
        for call in unit.calls:
            name = method(call) or program.last(call.func)
            collective = name in COLLECTIVES or (name == "state_dict" and fsdp_1)
            if collective and program.rank_branch(call, unit):
                on_one.append((name, call))
        times = Counter(name for name, _ in on_one)
        for name, call in on_one:
            # With the same call in both branches every rank takes part.
            if times[name] == 1:
                yield Lint(
                    "collective-on-one-rank",
                    call,
                    f"`{name}` waits for every rank, but only some get here, so the run hangs: call it on all ranks.",
                )


@rule("total-tokens")
def total_tokens(program: Program) -> Iterator[Lint]:
    expected = "expected is batch.numel() of every batch this rank draws, summed over the steps"
    for result in results(program):
        tokens = (result.fields or {}).get("total_tokens")
        if tokens is None:
            continue
        for node in token_parts(program, tokens, result.unit):
            match node:
                case ast.Name(id="num_gpus" | "world_size"):
                    yield Lint("total-tokens", node, f"total_tokens is multiplied by the number of ranks; {expected}.")
                case ast.Call(func=function) if program.last(function) == "get_world_size":
                    yield Lint("total-tokens", node, f"total_tokens is multiplied by the number of ranks; {expected}.")
                case ast.Call(func=ast.Attribute(attr="numel", value=receiver)):
                    ends = row_slice(program.value_of(receiver, result.unit))
                    if ends in ((1, None), (None, -1)):
                        yield Lint("total-tokens", node, f"total_tokens misses one token of every sample; {expected}.")
                case ast.Call(func=ast.Attribute(attr="sum", value=ast.Compare())):
                    yield Lint("total-tokens", node, f"total_tokens leaves tokens out, but padding counts; {expected}.")
                case ast.BinOp(
                    op=ast.Sub(),
                    left=ast.Subscript(value=ast.Attribute(attr="shape"), slice=ast.Constant(value=1))
                    | ast.Call(func=ast.Attribute(attr="size"), args=[ast.Constant(value=1)]),
                    right=ast.Constant(value=1),
                ):
                    yield Lint("total-tokens", node, f"total_tokens misses one token of every sample; {expected}.")


def token_parts(program: Program, tokens: ast.expr, unit: Unit) -> Iterator[ast.AST]:
    """What goes into the count: the parts of the expression and of what is added to its names."""
    names: set[str] = set()
    waiting: list[ast.AST] = [tokens]
    additions: dict[str, list[ast.expr]] = {}
    for statement in unit.statements:
        match statement:
            case (
                ast.AugAssign(target=ast.Name(id=name), value=value)
                | ast.Assign(targets=[ast.Name(id=name)], value=value)
            ):
                additions.setdefault(name, []).append(value)
    while waiting:
        node = waiting.pop(0)
        match node:
            case ast.BinOp(op=ast.Add() | ast.Mult(), left=left, right=right):
                waiting += [left, right]
            case ast.Name(id=name) if name not in names and name in additions:
                names.add(name)
                waiting += additions[name]
            case ast.Call(func=ast.Name(id="int"), args=[argument]):
                waiting.append(argument)
            case ast.Call(func=ast.Attribute(attr="item", value=receiver), args=[]):
                waiting.append(receiver)
            case _:
                yield node


@rule("slow-step-loop")
def slow_step_loop(program: Program) -> Iterator[Lint]:
    for unit in program.reached:
        for call in unit.calls:
            name = method(call)
            waits = (
                name in ("item", "tolist", "numpy")
                or (name == "cpu" and not call.args)
                or (name == "to" and any(getattr(one, "value", None) == "cpu" for one in call.args))
                or program.path(call.func) == "torch.cuda.synchronize"
            )
            prints = isinstance(call.func, ast.Name) and call.func.id == "print"
            if (waits or prints) and program.runs_every_step(call, unit):
                shown = "`print`" if prints else f"`.{name}()`"
                reason = "writes" if prints else "makes the CPU wait for the GPU"
                yield Lint(
                    "slow-step-loop",
                    call,
                    f"{shown} {reason} in every step of the timed loop: do it once, after the loop.",
                )


@rule("optimizer-none")
def optimizer_none(program: Program) -> Iterator[Lint]:
    unit = program.entry
    if unit is None or len(unit.bound.get("optimizer", [])) != 1:
        return
    for attribute in unit.attributes:
        if isinstance(attribute.value, ast.Name) and attribute.value.id == "optimizer":
            yield Lint(
                "optimizer-none",
                attribute,
                "`optimizer` is always None here: make one of your own, after the model is wrapped.",
            )
            return


@rule("optimizer-settings")
def optimizer_settings(program: Program) -> Iterator[Lint]:
    for unit in program.reached:
        for call in unit.calls:
            path = program.path(call.func)
            if not path.startswith("torch.optim.") or path.count(".") != 2:
                continue
            name = path.rpartition(".")[2]
            if name == "AdamW":
                yield from adamw_settings(program, call, unit)
            elif name[:1].isupper() and name not in ("Optimizer",):
                yield Lint(
                    "optimizer-settings",
                    call.func,
                    f"The reference trains with AdamW, and {name} leads to other weights: use torch.optim.AdamW with "
                    "lr 1e-4, weight_decay 0.1 and betas (0.9, 0.95).",
                )


def adamw_settings(program: Program, call: ast.Call, unit: Unit) -> Iterator[Lint]:
    given: dict[str, ast.expr | None] = dict(zip(ADAMW_PARAMETERS, call.args, strict=False))
    given.update({keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None})
    unreadable = takes_anything(call)
    differences = []
    for name, expected in REFERENCE.items():
        if name in given:
            value = program.constant(given[name], unit)
            if value is not None and value != expected:
                differences.append(f"{name} is {value} instead of {expected}")
        elif not unreadable and DEFAULTS[name] != expected:
            differences.append(f"{name} is left at PyTorch's {DEFAULTS[name]} instead of {expected}")
    for name in ("amsgrad", "maximize"):
        if program.constant(given.get(name), unit) is True:
            differences.append(f"{name} is on")
    if differences:
        yield Lint(
            "optimizer-settings",
            call,
            f"The weights are compared with those of another AdamW: {', '.join(differences)}; use the reference's "
            "values.",
        )
    groups = [] if not call.args else [program.value_of(call.args[0], unit)]
    for group in groups:
        for entry in group.elts if isinstance(group, ast.List | ast.Tuple) else []:
            for key, value in zip(entry.keys, entry.values, strict=True) if isinstance(entry, ast.Dict) else []:
                name = key.value if isinstance(key, ast.Constant) else None
                known = program.constant(value, unit)
                if name in REFERENCE and known is not None and known != REFERENCE[name]:
                    yield Lint(
                        "optimizer-settings",
                        value,
                        f"The reference trains all parameters with {name} {REFERENCE[name]}, this group with {known}.",
                    )


@rule("update-differs")
def update_differs(program: Program) -> Iterator[Lint]:
    for unit in program.reached:
        for call in unit.calls:
            name = method(call) or program.last(call.func)
            if name in ("clip_grad_norm_", "clip_grad_value_"):
                yield Lint(
                    "update-differs",
                    call,
                    "The reference does not clip gradients, so these lead to other weights: drop it.",
                )
            elif "lr_scheduler" in program.path(call.func) or (name.startswith("get_") and name.endswith("_warmup")):
                yield Lint(
                    "update-differs",
                    call,
                    "The reference keeps its learning rate at 1e-4, so a schedule leads to other weights: drop it.",
                )


@rule("gradients-kept")
def gradients_kept(program: Program) -> Iterator[Lint]:
    if program.mentions & {"zero_grad", "zero_", "_foreach_zero_"} or program.packages - PLAIN_PACKAGES:
        return
    for unit in (program.module, *program.units.values()):
        if any(attribute.attr == "grad" and is_store(attribute) for attribute in unit.attributes):
            return
    for unit in program.reached:
        for call in unit.calls:
            if method(call) == "backward" and program.runs_every_step(call, unit):
                yield Lint(
                    "gradients-kept",
                    call,
                    "Gradients of all steps add up, and on one GPU those of the warm-up, too: call "
                    "optimizer.zero_grad() in every step.",
                )
                return


@rule("loss-arguments")
def loss_arguments(program: Program) -> Iterator[Lint]:
    for unit in program.reached:
        for call in unit.calls:
            if not program.path(call.func).endswith("functional.cross_entropy"):
                continue
            smoothing = program.constant(keyword_of(call, "label_smoothing"), unit)
            if isinstance(smoothing, int | float) and smoothing != 0:
                yield Lint(
                    "loss-arguments",
                    call,
                    "The reference's loss has no label smoothing, so this one leads to other weights: drop it.",
                )
            ignored = keyword_of(call, "ignore_index")
            # Negative numbers are no token's.
            if ignored is not None and str(_small_number(ignored))[:1] != "-":
                yield Lint(
                    "loss-arguments",
                    call,
                    "The reference's loss counts every token, padding too, so ignoring some leads to other weights: "
                    "drop ignore_index.",
                )


@rule("batch-slicing")
def batch_slicing(program: Program) -> Iterator[Lint]:
    cut = frozenset({"reshape", "view", "flatten", "contiguous", "to", "long", "clone"})
    for unit in program.reached:
        for call in unit.calls:
            if program.path(call.func).endswith("functional.cross_entropy") and len(call.args) >= 2:
                labels = program.value_of(receiver_chain(call.args[1], cut), unit)
                ends = row_slice(receiver_chain(labels, cut))
                if ends in ((None, -1), (None, None)):
                    yield Lint(
                        "batch-slicing",
                        call.args[1],
                        "The labels are not shifted, so the model learns to repeat its input: take batch[:, :-1] as "
                        "inputs and batch[:, 1:] as labels.",
                    )
        cuts_logits = any(row_slice(one) == (None, -1) for one in unit.slices)
        for call in program.model_calls(unit):
            inputs = call.args[0] if call.args else keyword_of(call, "input_ids")
            if keyword_of(call, "labels") is not None and not takes_anything(call):
                shifted = inputs is not None and row_slice(program.value_of(inputs, unit)) == (None, -1)
                yield Lint(
                    "batch-slicing",
                    call,
                    "The model shifts `labels` once more by itself: compute the loss from its logits."
                    if shifted
                    else "With `labels` the model gets whole batches and returns seq_len logits, not seq_len - 1: pass "
                    "batch[:, :-1] and compute the loss from the logits.",
                )
            elif inputs is not None and not cuts_logits and is_whole_batch(program, inputs, unit):
                yield Lint(
                    "batch-slicing",
                    inputs,
                    "The model gets whole batches, so final_logits has seq_len positions instead of seq_len - 1: pass "
                    "batch[:, :-1].",
                )


def is_whole_batch(program: Program, node: ast.expr, unit: Unit) -> bool:
    names = program.data.get(unit, set())
    value = receiver_chain(program.value_of(node, unit), SAME_SHAPE)
    match value:
        case ast.Call(func=ast.Name(id="next"), args=[ast.Name(id=name), *_]):
            return name in names
    return False


@rule("steps-count")
def steps_count(program: Program) -> Iterator[Lint]:
    backward = [(call, unit) for unit in program.reached for call in unit.calls if method(call) == "backward"]
    trained = {parent for call, unit in backward[:1] for _, parent in program.ancestors(call, unit)}
    for unit in program.reached:
        draws = [call for call in unit.calls if isinstance(call.func, ast.Name) and call.func.id == "next"]
        drawing = {parent for call in draws for _, parent in program.ancestors(call, unit)}
        for loop in unit.loops:
            if loop not in program.step_loops or not isinstance(loop, ast.For):
                continue
            source = loop.iter
            match source:
                case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *_]):
                    source = inner
            if isinstance(source, ast.Name) and source.id in program.data.get(unit, ()):
                if not any(isinstance(one, ast.Break | ast.Return) for one in ast.walk(loop)):
                    yield Lint(
                        "steps-count",
                        loop.iter,
                        "The data never ends, so neither does this loop: take num_steps batches.",
                    )
                continue
            # With two places that train, or batches drawn outside, the first or last step may be elsewhere.
            if len(backward) != 1 or loop not in trained or loop not in drawing:
                continue
            match source:
                case ast.Call(func=ast.Name(id="range"), args=[count]):
                    fixed = isinstance(count, ast.Constant)
                    match count:
                        case ast.BinOp(
                            op=ast.Add() | ast.Sub(), left=ast.Name(id="num_steps"), right=ast.Constant(value=int())
                        ):
                            fixed = True
                    if fixed:
                        yield Lint(
                            "steps-count",
                            count,
                            "The weights are compared after num_steps steps, and the warm-up asks for fewer: loop over "
                            "range(num_steps).",
                        )


@rule("dropped-batch")
def dropped_batch(program: Program) -> Iterator[Lint]:
    for unit in program.reached:
        for statement in unit.statements:
            match statement:
                case ast.Expr(value=ast.Call(func=ast.Name(id="next"), args=[ast.Name(id=name), *_])) if (
                    name in program.data.get(unit, ())
                ):
                    yield Lint(
                        "dropped-batch",
                        statement,
                        "This batch is drawn and not used, so all later ones differ from the reference's: drop "
                        "the call.",
                    )


@rule("warm-up-branch")
def warm_up_branch(program: Program) -> Iterator[Lint]:
    for unit in program.reached:
        for compare in unit.compares:
            match compare:
                case ast.Compare(
                    left=ast.Name(id="num_steps"), ops=[_], comparators=[ast.Constant(value=int() as number)]
                ):
                    if number > 1:
                        yield Lint(
                            "warm-up-branch",
                            compare,
                            "Telling the warm-up from the timed run by num_steps is what validators' reviews look for: "
                            "treat every call alike.",
                        )


@rule("frozen-parameters")
def frozen_parameters(program: Program) -> Iterator[Lint]:
    message = "Every parameter must stay trainable, which is checked after the warm-up: freeze nothing."
    for unit in program.reached:
        for call in unit.calls:
            off = call.args[:1] or [keyword_of(call, "requires_grad")]
            freezes = method(call) == "requires_grad_" and getattr(off[0], "value", None) is False
            if freezes and is_of_model(program, call.func, unit):
                yield Lint("frozen-parameters", call, message)
        for statement in unit.statements:
            match statement:
                case ast.Assign(
                    targets=[ast.Attribute(attr="requires_grad") as target], value=ast.Constant(value=False)
                ):
                    if is_of_model(program, target, unit):
                        yield Lint("frozen-parameters", statement, message)


def is_of_model(program: Program, node: ast.AST, unit: Unit) -> bool:
    """Whether the chain begins with the model, or with a loop's name for its parts."""
    name = root_name(node)
    if name in program.models.get(unit, ()):
        return True
    return any(
        isinstance(part, ast.Name) and part.id == name
        for loop in unit.loops
        if isinstance(loop, ast.For) and root_name(loop.iter) in program.models.get(unit, ())
        for part in ast.walk(loop.target)
    )


@rule("config-write")
def config_write(program: Program) -> Iterator[Lint]:
    for unit in program.reached:
        for attribute in unit.attributes:
            match attribute:
                case ast.Attribute(attr=name, value=ast.Attribute(attr="config", value=receiver), ctx=ast.Store()) if (
                    name not in FREE_CONFIG_ATTRIBUTES
                    and not name.startswith("_")
                    and root_name(receiver) in program.models.get(unit, ())
                ):
                    yield Lint(
                        "config-write",
                        attribute,
                        f"The model's config must be as before the timed run, and `{name}` is not one of the four "
                        "attributes that may change: leave it.",
                    )


@rule("backend-state")
def backend_state(program: Program) -> Iterator[Lint]:
    toggles = ("enable_flash_sdp", "enable_mem_efficient_sdp", "enable_math_sdp")
    for unit in program.reached:
        settings: dict[str, list[tuple[bool, ast.Call]]] = {}
        for call in unit.calls:
            name = method(call) or program.last(call.func)
            if name in toggles or name == "set_float32_matmul_precision":
                value = program.constant(call.args[0] if call.args else None, unit)
                wrong = value is False if name in toggles else isinstance(value, str) and value != "high"
                settings.setdefault(name, []).append((wrong, call))
        for name, calls in settings.items():
            wrong, call = calls[-1]
            if wrong:
                yield Lint(
                    "backend-state",
                    call,
                    f"The backend settings are checked after the timed run, and `{name}` leaves another one behind: "
                    "set it back before returning.",
                )


@rule("compile-in-call")
def compile_in_call(program: Program) -> Iterator[Lint]:
    for unit in program.reached:
        for call in unit.calls:
            if program.path(call.func) == "torch.compile":
                yield Lint(
                    "compile-in-call",
                    call,
                    "Compiling here starts over in the timed call, whose model is new on several GPUs: compile "
                    "functions of the module instead, which stay compiled from the warm-up on.",
                )


@rule("use-cache")
def use_cache(program: Program) -> Iterator[Lint]:
    if "gradient_checkpointing_disable" not in program.mentions or "use_cache" in program.mentions:
        return
    for unit in program.reached:
        for call in program.model_calls(unit):
            if not takes_anything(call) and program.runs_every_step(call, unit):
                yield Lint(
                    "use-cache",
                    call,
                    "Without gradient checkpointing the model fills a cache of keys and values that training never "
                    "reads: pass use_cache=False.",
                )


@rule("gradient-checkpointing")
def gradient_checkpointing(program: Program) -> Iterator[Lint]:
    if program.entry is None or any("checkpoint" in name for name in program.mentions - {"checkpoint"}):
        return
    for unit in program.reached:
        for call in program.model_calls(unit):
            if program.runs_every_step(call, unit):
                yield Lint(
                    "gradient-checkpointing",
                    call.func,
                    "The model arrives with gradient checkpointing on, which computes every layer's forward pass "
                    "twice: where memory allows, call model.gradient_checkpointing_disable().",
                )
                return


def lint(text: SourceText, nodes: list[ast.AST]) -> list[dict[str, Any]]:
    """The advice on a file, in the order of its places, each in the shape of a finding (app/common/scan.ts).

    `nodes` are those of the whole tree in the order of `ast.walk`. At most MAX_LINTS; none for files of more than
    MAX_NODES nodes.
    """
    if len(nodes) > MAX_NODES:
        return []
    program = Program(nodes)
    placed = {
        (text.range_of(found.where), found.rule, found.message) for check in CHECKS.values() for found in check(program)
    }
    return [as_finding(*found) for found in sorted(placed)[:MAX_LINTS]]


def as_finding(where: Range, name: str, message: str) -> dict[str, Any]:
    return {
        "rule": name,
        "line": where.line,
        "column": where.column,
        "endLine": where.end_line,
        "endColumn": where.end_column,
        "message": message,
    }
