"""The heuristics of the review: what in a train.py deserves a reviewer's eye (docs/review.md).

They go by how production calls, times and checks a submission (spec/evaluation.md sections 1, 4 and 5), and name what
its language model is asked to flag (section 5). All of the file counts as run: what nothing seems to call may be
reached in ways that reading does not show.

Standard library only, no file or process access, like the scanner.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from .lints import Function, Unit, keyword_of, receiver_chain, results, root_name, row_slice
from .reviewed_file import LIKELY, LOOK, File, Found, Store, attribute_path, is_constant, names_in, number, receiver_of
from .scan import Range
from .value_flow import (
    BATCH,
    ITERATOR,
    MADE,
    MODEL,
    OF_THE_CALL,
    OPTIMIZER,
    OUTPUT,
    READY,
    SIZE,
    STEPS,
    UNKNOWN,
    WEIGHTS,
    called_name,
)

Check = Callable[[File], Iterator[Found]]


class Heuristic(NamedTuple):
    title: str
    check: Check


#: Id -> heuristic, in the order of docs/review.md. Ids are stable.
HEURISTICS: dict[str, Heuristic] = {}


def heuristic(name: str, title: str) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        HEURISTICS[name] = Heuristic(title, check)
        return check

    return register


# --- Warm-up and timed run -----------------------------------------------------------------------------------------

WARM_UP = "The warm-up and the timed run ask for different numbers of steps: this tells them apart"


@heuristic("warm-up-branch", "Tells the warm-up from the timed run")
def warm_up_branch(file: File) -> Iterator[Found]:
    sentence = f"{WARM_UP}, and can do honest work in the one and something else in the other."
    for node, unit in file.walked:
        match node:
            case ast.Compare(left=left, ops=operators, comparators=comparators):
                if any(isinstance(one, ast.Is | ast.IsNot) for one in operators):
                    continue
                sides = [left, *comparators]
                for one in sides:
                    others = [other for other in sides if other is not one]
                    if is_step_count(file, one, unit) and any(tells(file, one, other, unit) for other in others):
                        yield Found(node, sentence, LIKELY)
                        break
            case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
                for part in parts_of(test):
                    if isinstance(part, ast.BinOp) and is_step_count(file, part, unit):
                        yield Found(part, sentence, LIKELY)
            case ast.Subscript(value=value, slice=index):
                chosen = file.program.value_of(value, unit)
                display = isinstance(chosen, ast.Dict | ast.Tuple | ast.List)
                if display and is_step_count(file, index, unit) and not file.tags(chosen, unit) & (BATCH | OUTPUT):
                    yield Found(node, sentence, LIKELY)
            case ast.Call(func=ast.Attribute(attr="get", value=value), args=[index, *_]):
                chosen = file.program.value_of(value, unit)
                if isinstance(chosen, ast.Dict) and is_step_count(file, index, unit):
                    yield Found(node, sentence, LIKELY)
            case ast.Match(subject=subject):
                if is_step_count(file, subject, unit):
                    yield Found(subject, sentence, LIKELY)
            case ast.Attribute(value=ast.Name() as value):
                if file.tags(value, unit) == STEPS:
                    yield Found(node, sentence, LIKELY)


def parts_of(test: ast.expr) -> Iterator[ast.expr]:
    """What a condition is put together of by `and`, `or` and `not`."""
    waiting = [test]
    while waiting:
        match waiting.pop():
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                waiting.append(operand)
            case ast.BoolOp(values=values):
                waiting += values
            case part:
                yield part


def is_step_count(file: File, node: ast.expr, unit: Unit) -> bool:
    """Whether the value is num_steps, or is computed of nothing but it and numbers."""
    if not file.tags(node, unit) & STEPS:
        return False
    if isinstance(node, ast.Call) and called_name(node) in ("len", "sum"):
        return True
    names = [*names_in(node)]
    return bool(names) and all(
        file.tags(name, unit) == STEPS or number(file.program.value_of(name, unit)) is not None
        for name in names
        if name.id not in ("int", "float", "bool", "abs", "min", "max", "divmod", "str", "hash")
    )


def tells(file: File, count: ast.expr, other: ast.expr, unit: Unit) -> bool:
    value = file.program.value_of(other, unit)
    if isinstance(value, ast.Tuple | ast.List | ast.Set | ast.Dict):
        return True
    if isinstance(value, ast.Call) and called_name(value) in ("range", "frozenset", "set"):
        return True
    known = number(value)
    # No call asks for fewer than two steps, so that only says that there are some.
    return known is not None and (known > 1 or isinstance(count, ast.BinOp))


MUTATORS = frozenset(
    """
    append add update setdefault extend insert pop popleft appendleft put put_nowait clear remove discard popitem
    __setitem__ __setattr__ send
    """.split()
)


class Kept(NamedTuple):
    """A write to something that outlives the call."""

    node: ast.AST
    #: The place: "counter", "STATE", "inner_steps.calls", "model._seen".
    name: str
    value: ast.AST | None
    unit: Unit
    counts: bool


def kept_writes(file: File) -> Iterator[Kept]:
    lasting_classes = {
        file.program.units[name]
        for call, unit in file.calls
        if unit is file.program.module and isinstance(call.func, ast.Name)
        for name in [call.func.id]
        if name in file.program.units and isinstance(file.program.units[name].node, ast.ClassDef)
    }
    for store in file.stores:
        if not file.in_function(store.unit):
            continue
        name = kept_name(file, store.target, store.unit, lasting_classes)
        if name is not None:
            yield Kept(store.node, name, store.value, store.unit, counts_up(store))
    for call, unit in file.calls:
        if not file.in_function(unit) or not isinstance(call.func, ast.Attribute):
            continue
        if call.func.attr in ("register_buffer", "register_parameter") and file.tags(call.func.value, unit) & MODEL:
            name = f"{root_name(call.func.value)}.{call.func.attr}"
            yield Kept(call, name, ast.Tuple(elts=call.args, ctx=ast.Load()), unit, counts=False)
        elif call.func.attr in MUTATORS:
            place = ast.Subscript(value=call.func.value, slice=ast.Constant(value=0), ctx=ast.Store())
            name = kept_name(file, place, unit, lasting_classes)
            if name is not None:
                advances = call.func.attr in ("send", "pop", "popleft") and all(
                    is_constant(one, None) for one in call.args
                )
                constant = bool(call.args) and all(isinstance(one, ast.Constant) for one in call.args)
                grows = call.func.attr in ("append", "add", "extend", "insert") and constant
                yield Kept(call, name, ast.Tuple(elts=call.args, ctx=ast.Load()), unit, counts=advances or grows)
        elif call.func.attr == "__next__" and is_lasting(file, call.func.value, unit):
            yield Kept(call, root_name(call.func.value), None, unit, counts=True)


def kept_name(file: File, target: ast.expr, unit: Unit, lasting_classes: set[Unit]) -> str | None:
    """What outlives the call there, None where nothing does."""
    if isinstance(target, ast.Name):
        enclosed = target.id in file.flow.enclosed[unit] and file.is_called_at_import(unit)
        return target.id if enclosed or target.id in file.flow.shared[unit] else None
    if not isinstance(target, ast.Attribute | ast.Subscript):
        return None
    root: ast.AST = target
    first: ast.Attribute | None = None
    while isinstance(root, ast.Attribute | ast.Subscript):
        first = root if isinstance(root, ast.Attribute) else first
        root = root.value
    if not isinstance(root, ast.Name):
        return None
    if root.id in file.flow.imports and root.id not in file.flow.local[unit]:
        return None
    if root.id in ("self", "cls"):
        around = file.program.function_around(target, unit)
        made_there = getattr(around, "name", "") in ("__init__", "__post_init__", "__new__")
        lasting = unit in lasting_classes or root.id == "cls"
        return f"{getattr(unit.node, 'name', '')}.{first.attr}" if first and lasting and not made_there else None
    if root.id in file.program.units and root.id not in file.flow.local[unit]:
        return f"{root.id}.{first.attr}" if first is not None else root.id
    if is_lasting(file, root, unit):
        return root.id
    if file.tags(root, unit) & MODEL and isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
        known = ("grad", "data", "weight", "bias", "training", "gradient_checkpointing", "forward")
        return None if target.attr in known or "grad" in target.attr else f"{root.id}.{target.attr}"
    return None


def is_lasting(file: File, node: ast.AST, unit: Unit) -> bool:
    """Whether a name is the module's, or a parameter whose default is made once."""
    if not isinstance(node, ast.Name):
        return False
    name = node.id
    if name not in file.flow.local[unit]:
        return name in file.program.module.bound
    around = file.program.function_around(node, unit)
    if not isinstance(around, Function):
        return False
    arguments = around.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = dict(
        zip(
            [one.arg for one in positional[len(positional) - len(arguments.defaults) :]],
            arguments.defaults,
            strict=True,
        )
    )
    defaults |= {
        one.arg: value for one, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value
    }
    return isinstance(defaults.get(name), ast.List | ast.Dict | ast.Set | ast.Call)


def counts_up(store: Store) -> bool:
    if isinstance(store.node, ast.AugAssign):
        return isinstance(store.node.op, ast.Add | ast.Sub | ast.BitXor) and not isinstance(store.value, ast.List)
    match store.value:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ast.dump(operand).replace("Load", "Store") == ast.dump(store.target).replace("Load", "Store")
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.BitXor(), right=right):
            same = ast.dump(store.target).replace("Store", "Load")
            return number(right) is not None and (
                ast.dump(left) == same or (isinstance(left, ast.Call) and called_name(left) in ("get", "getattr"))
            )
    return False


@heuristic("call-counting", "Counts its calls")
def call_counting(file: File) -> Iterator[Found]:
    tests = tested_names(file)
    for kept in kept_writes(file):
        because = tuple(tests.get(kept.name.rpartition(".")[2], ()))[:2]
        if kept.counts:
            yield Found(
                kept.node,
                f"`{kept.name}` changes with every call and outlives it: the second call, which is the timed one, can "
                "be told from the first.",
                LIKELY,
                because,
            )
        elif is_constant(kept.value, True, False) and because:
            yield Found(
                kept.node,
                f"`{kept.name}` remembers that there was a call: what is tested on it can differ between the warm-up "
                "and the timed run.",
                LOOK,
                because,
            )
    for call, unit in file.calls:
        if not file.in_function(unit) or called_name(call) != "next" or not call.args:
            continue
        drawn = call.args[0]
        if isinstance(drawn, ast.Name) and is_lasting(file, drawn, unit) and not file.tags(drawn, unit) & ITERATOR:
            yield Found(
                call,
                f"`{drawn.id}` outlives the call and gives something else each time: the second call, which is the "
                "timed one, can be told from the first.",
                LIKELY,
            )


def tested_names(file: File) -> dict[str, list[ast.AST]]:
    """Name or attribute -> the conditions that ask for it."""
    tests: dict[str, list[ast.AST]] = {}
    for node, unit in file.of(ast.If, ast.IfExp, ast.While):
        if not file.in_function(unit):
            continue
        for one in ast.walk(node.test):
            match one:
                case ast.Name(id=name) | ast.Attribute(attr=name):
                    tests.setdefault(name, []).append(node.test)
                case ast.Call(func=ast.Name(id="hasattr" | "getattr"), args=[_, ast.Constant(value=str() as name), *_]):
                    tests.setdefault(name, []).append(node.test)
    return tests


@heuristic("kept-state", "Keeps something from one call to the next")
def kept_state(file: File) -> Iterator[Found]:
    graphs = "CUDAGraph" in file.program.mentions or "make_graphed_callables" in file.program.mentions
    for kept in kept_writes(file):
        if kept.counts or kept.value is None:
            continue
        tags = file.tags(kept.value, kept.unit)
        # A part put into the model is the model; kept elsewhere, it outlives the call's own.
        of_model = 0 if "." in kept.name and kept.name.partition(".")[0] not in file.program.units else MODEL
        if tags & READY or not tags & (OF_THE_CALL | ITERATOR | of_model):
            continue
        if graphs and is_captured(file, kept.value, kept.unit):
            continue
        work = tags & (BATCH | OUTPUT | WEIGHTS | ITERATOR)
        what = "data, weights or results" if work else "the model or its optimizer"
        yield Found(
            kept.node,
            f"`{kept.name}` keeps {what} of one call for the next: work of the warm-up, or of before the clock, can "
            "serve the timed run.",
            LIKELY if work else LOOK,
        )
    for node, unit in file.of(ast.FunctionDef):
        cached = [one for one in node.decorator_list if decorator_name(one) in ("cache", "lru_cache")]
        if not cached:
            continue
        holder = file.unit_by_node.get(id(node), unit)
        given = [argument for argument in node.args.args if file.flow.named(holder, argument.arg) & OF_THE_CALL]
        if given:
            yield Found(
                cached[0],
                f"`{node.name}` remembers what it gave for data, weights or results: what the warm-up computed can "
                "serve the timed run.",
                LIKELY,
                (given[0],),
            )


def decorator_name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return called_name(node)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def is_captured(file: File, value: ast.AST, unit: Unit) -> bool:
    """Whether all of the call in it are a CUDA graph's own tensors: made while it was captured, or to be filled."""
    names = {name.id for name in names_in(value) if file.tags(name, unit) & OF_THE_CALL}
    for name in names:
        ways = [store for store in file.stores if store.unit is unit and root_name(store.target) == name]
        if not any(
            (store.value is not None and file.tags(store.value, unit) == MADE)
            or any(
                called_name(item.context_expr) == "graph"
                for around in file.inside(store.node, unit, ast.With)
                for item in around.items
                if isinstance(item.context_expr, ast.Call)
            )
            for store in ways
        ):
            return False
    return True


# --- The clock -----------------------------------------------------------------------------------------------------

STARTERS = frozenset(
    """
    ThreadPoolExecutor ProcessPoolExecutor Thread Timer Process Pool ThreadPool start_new_thread create_task
    run_in_executor to_thread rpc_async start_processes Popen add_done_callback finalize fork _fork
    """.split()
)


@heuristic("work-outside-clock", "Starts work that the clock does not wait for")
def work_outside_clock(file: File) -> Iterator[Found]:
    for call, unit in file.calls:
        name = called_name(call)
        if name not in STARTERS or (name == "Timer" and "benchmark" in file.program.path(call.func)):
            continue
        waited = isinstance(file.program.parents.get(call), ast.withitem) and file.in_function(unit)
        if not waited:
            yield Found(
                call,
                f"`{name}` starts work that goes on beside the call: training can go on after inner_steps has returned "
                "and the clock has stopped.",
                LIKELY,
            )
    for node, _ in file.of(ast.FunctionDef):
        if node.name == "__del__":
            yield Found(
                node, "This runs when the object goes: work can be put off until the clock has stopped.", LIKELY
            )
    for node, _ in file.of(ast.AsyncFunctionDef):
        yield Found(node, "This runs when somebody asks for it: work can be put off until the clock has stopped.", LOOK)


FIELDS = frozenset({"final_logits", "total_tokens", "final_loss", "final_state"})
PLAIN_METHODS = frozenset({"__init__", "__post_init__", "__repr__", "__str__", "__eq__", "__hash__"})
CONTAINERS = frozenset(
    """
    dict list tuple set str int float Mapping MutableMapping UserDict OrderedDict defaultdict Sequence UserList
    """.split()
)
HOOKS = frozenset(
    """
    __getattr__ __getattribute__ __get__ __set__ __set_name__ __delete__ __missing__ __class_getitem__
    __torch_function__ __torch_dispatch__ __init_subclass__ __instancecheck__ __prepare__ __call__
    """.split()
)
COMPUTED = frozenset({"property", "cached_property", "DynamicClassAttribute", "abstractproperty"})
LATE = "what is read after the clock has stopped can be computed only then."


@heuristic("computing-result", "Computes when it is read")
def computing_result(file: File) -> Iterator[Found]:
    returned = {
        made.where.func.id
        for made in results(file.program)
        if isinstance(made.where, ast.Call) and isinstance(made.where.func, ast.Name)
    }
    for node in file.classes:
        bases = {decorator_name(base) for base in node.bases}
        defined = class_names(node)
        is_result = node.name in returned or len(FIELDS & {*defined}) >= 2
        is_container = bool(bases & CONTAINERS)
        for name, where in defined.items():
            computed = isinstance(where, Function) and any(
                decorator_name(one) in COMPUTED for one in where.decorator_list
            )
            if (name in HOOKS and name != "__call__") or (is_result and name == "__call__"):
                yield Found(where, f"`{name}` runs code where an attribute is read: {LATE}", LIKELY)
            elif computed and (is_result or name in FIELDS):
                yield Found(where, f"`{name}` is computed when it is read: {LATE}", LIKELY)
            elif is_container and isinstance(where, Function | ast.Assign) and name not in PLAIN_METHODS:
                yield Found(where, f"`{name}` of a container is replaced by own code: {LATE}", LIKELY)
            elif is_result and isinstance(where, Function) and name not in PLAIN_METHODS:
                yield Found(where, f"The result is more than a record: `{name}` can do work, and {LATE}", LOOK)
        if is_result:
            own = {one.name for one in file.classes}
            if bases - own - {"object", "Generic", "ABC"}:
                yield Found(
                    node, f"The result is more than a record: its class has the base {', '.join(sorted(bases))}.", LOOK
                )
    for store in file.stores:
        match store.target:
            case ast.Attribute(attr=name, value=ast.Name(id=owner)) if owner in file.program.units:
                if name in HOOKS or (name in FIELDS and not isinstance(store.value, ast.Constant)):
                    yield Found(store.node, f"`{name}` of a class is set after the class was written: {LATE}", LIKELY)
    for call, _ in file.calls:
        if isinstance(call.func, ast.Name) and call.func.id == "type" and len(call.args) == 3:
            yield Found(call, f"A class is made while the code runs, with what its text does not show: {LATE}", LIKELY)
    for made in results(file.program):
        for name, value in (made.fields or {}).items():
            lazy = isinstance(value, ast.Call) and called_name(value) in ("map", "filter", "zip", "iter")
            if lazy or isinstance(value, ast.GeneratorExp | ast.Lambda):
                yield Found(value, f"`{name}` is no value yet: {LATE}", LIKELY)


def class_names(node: ast.ClassDef) -> dict[str, ast.AST]:
    """What the body of a class defines, by name."""
    found: dict[str, ast.AST] = {}
    for one in node.body:
        match one:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found[name] = one
            case ast.Assign(targets=targets):
                found |= {target.id: one for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = one
    return found


# --- Others' code --------------------------------------------------------------------------------------------------

TENSOR_BASES = frozenset({"Tensor", "Parameter", "DTensor", "FloatTensor", "UninitializedParameter"})
MODES = frozenset({"TorchDispatchMode", "TorchFunctionMode"})
MODULE_METHODS = frozenset(
    """
    __call__ _call_impl state_dict parameters named_parameters train zero_grad backward _apply load_state_dict buffers
    named_buffers modules named_modules requires_grad_ to register_buffer
    """.split()
)
TENSOR_METHODS = frozenset("backward item detach cpu clone to copy_ numpy numel __torch_function__".split())


@heuristic("method-override", "Overrides methods of models or tensors")
def method_override(file: File) -> Iterator[Found]:
    for node in file.classes:
        bases = {decorator_name(base) for base in node.bases}
        defined = class_names(node)
        if bases & MODES:
            yield Found(
                node, "Every operation goes through this class: it can leave out or replace what it likes.", LIKELY
            )
        elif bases & TENSOR_BASES and defined:
            yield Found(
                node,
                "Tensors of this class do what the class says: the checks read their values through its methods.",
                LIKELY,
            )
        elif "Module" in bases or any(base.endswith(("ForCausalLM", "DecoderLayer")) for base in bases):
            for name in sorted(MODULE_METHODS & {*defined}):
                yield Found(
                    defined[name],
                    f"`{name}` of a model is replaced: what trains and what is reported can be two things.",
                    LOOK,
                )
    for store in file.stores:
        match store.target:
            case ast.Attribute(attr=name, value=value) if name in MODULE_METHODS | TENSOR_METHODS | {"forward", "step"}:
                if file.root_path(value, store.unit) or root_name(value) == "self":
                    continue
                yield Found(
                    store.node,
                    f"`{name}` of an object is replaced while it runs: other code that calls it gets this instead.",
                    LOOK if store.plain else LIKELY,
                )
    for call, _ in file.calls:
        texts = [one.value for one in call.args[:2] if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        registers = called_name(call) in ("impl", "Library", "register_kernel", "custom_op", "define", "register_fake")
        if registers and any(text.startswith("aten") for text in texts):
            yield Found(call, "PyTorch's own operations are replaced, for the checks, too.", LIKELY)


@heuristic("monkey-patch", "Replaces parts of others' modules")
def monkey_patch(file: File) -> Iterator[Found]:
    for store in file.stores:
        target = store.target
        if not isinstance(target, ast.Attribute | ast.Subscript):
            continue
        written = attribute_path(target)
        path = file.root_path(target, store.unit)
        if path and not {"config", "backends", "environ", "options"} & {*path.split("."), *written}:
            of_torch = path.partition(".")[0] == "torch"
            way = "" if store.plain else ", in a way that is no plain assignment"
            yield Found(
                store.node,
                f"`{'.'.join(written)}` of another module is replaced{way}: all code that uses it, the evaluation's "
                "too, gets this instead.",
                LIKELY if of_torch or not store.plain else LOOK,
            )
            continue
        base = target.value
        while isinstance(base, ast.Attribute | ast.Subscript):
            if isinstance(base, ast.Attribute) and base.attr in ("__class__", "__dict__"):
                break
            base = base.value
        of_class = isinstance(base, ast.Call) and called_name(base) in ("type", "vars", "globals", "locals", "super")
        if of_class or isinstance(base, ast.Attribute) or written[-1:] == ["__class__"]:
            yield Found(
                store.node, "A class or its contents are changed for all of its objects, also the evaluation's.", LIKELY
            )
    for call, unit in file.calls:
        name = called_name(call)
        if name in ("setattr", "delattr") and call.args and file.root_path(call.args[0], unit):
            yield Found(call, "A part of another module is replaced by its name.", LIKELY)
        elif name in ("__setattr__", "__delattr__") and not is_super(call):
            yield Found(call, "An attribute is set behind the object's back.", LIKELY)
        elif isinstance(call.func, ast.Attribute) and name in MUTATORS:
            if isinstance(call.func.value, ast.Attribute) and call.func.value.attr == "__dict__":
                yield Found(call, "Attributes are set behind the object's back.", LIKELY)
        elif name in ("patch", "MagicMock", "MethodType") and "mock" in file.program.path(call.func):
            yield Found(call, "A part of another module is replaced for a while.", LIKELY)


def is_super(call: ast.Call) -> bool:
    return any(isinstance(one, ast.Call) and called_name(one) == "super" for one in receiver_of(call))


INTERNALS = frozenset(
    """
    __closure__ cell_contents __globals__ __code__ __subclasses__ __builtins__ __mro__ __bases__ __self__ __func__
    __wrapped__ gi_frame gi_code f_back f_globals f_locals f_builtins tb_frame tb_next cr_frame ag_frame _getframe
    get_objects get_referrers get_referents currentframe __loader__ __spec__ __dict__
    """.split()
)
EVALUATOR = frozenset({"crusades", "crusades_eval", "env", "miner_train", "__main__"})


@heuristic("evaluator-access", "Reaches into the evaluation")
def evaluator_access(file: File) -> Iterator[Found]:
    inside = (
        "reaches objects that the code was not given: the evaluation's clocks, its checks and its results are there."
    )
    for attribute, unit in file.attributes:
        if attribute.attr in INTERNALS:
            yield Found(attribute, f"`{attribute.attr}` {inside}", LIKELY)
            continue
        of_data = isinstance(attribute.value, ast.Name) and file.tags(attribute.value, unit) == ITERATOR
        if of_data and attribute.attr not in ("__next__", "__iter__"):
            yield Found(attribute, "The data are the evaluation's own object: what is in it is not the code's.", LIKELY)
    for text, _ in file.strings:
        if text.value in INTERNALS:
            yield Found(text, f"`{text.value}` {inside}", LIKELY)
    for node, _ in file.of(ast.Import, ast.ImportFrom):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        if any(name.partition(".")[0] in EVALUATOR for name in names):
            yield Found(node, "The evaluation's own modules are imported: its checks can be changed there.", LIKELY)


SYSTEM_MODULES = frozenset(
    """
    os sys subprocess ctypes socket signal shutil importlib builtins gc inspect io pathlib tempfile multiprocessing
    threading resource mmap fcntl pickle marshal code codecs runpy pty posix nt atexit weakref faulthandler operator
    types time tracemalloc sysconfig platform asyncio select selectors http urllib ftplib cffi _thread
    """.split()
)
# Parts of torch and others that are called the same.
OWN_PARTS = frozenset({"torch.multiprocessing", "torch.signal", "torch.types", "torch.special", "numpy.types"})


@heuristic("system-access", "Reaches the interpreter or the operating system")
def system_access(file: File) -> Iterator[Found]:
    for node, _ in file.of(ast.Import, ast.ImportFrom):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        for name in names:
            if name.partition(".")[0] in SYSTEM_MODULES:
                yield Found(
                    node, f"`{name}` reaches processes, files or the interpreter itself, which no training needs.", LOOK
                )
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name in SYSTEM_MODULES and f"{node.module}.{alias.name}" not in OWN_PARTS:
                    yield Found(node, f"`{alias.name}` is taken out of another module, past the scan.", LIKELY)
    for attribute, unit in file.attributes:
        if attribute.attr in SYSTEM_MODULES and isinstance(attribute.ctx, ast.Load):
            path = file.program.path(attribute)
            root = file.root_path(attribute, unit)
            if root and path not in OWN_PARTS and root.partition(".")[0] not in SYSTEM_MODULES:
                yield Found(
                    attribute,
                    f"`{attribute.attr}` is reached through another module, past the scan: processes, files or the "
                    "interpreter itself.",
                    LIKELY,
                )
    for call, _ in file.calls:
        if isinstance(call.func, ast.Name) and call.func.id in ("eval", "exec", "compile", "__import__", "breakpoint"):
            yield Found(call, "Text is run as code: what runs is not what is read here.", LIKELY)


FILE_CALLS = frozenset(
    """
    tofile fromfile memmap from_file save load savez savez_compressed savetxt loadtxt genfromtxt open_memmap save_file
    load_file write_text write_bytes read_text read_bytes open fdopen glob iglob scandir DataSource load_library
    save_pretrained from_pretrained dump _write_file mkdtemp NamedTemporaryFile
    """.split()
)
PLAIN_OWNERS = frozenset({"json", "torch.hub", "self"})
SYSTEM_PATH = re.compile(r"^(/(proc|dev|sys|tmp|etc|home|app|root|opt|usr|var|run|mnt)(/|$)|~/|file://)")


@heuristic("file-access", "Reads or writes files")
def file_access(file: File) -> Iterator[Found]:
    said = "Files outlive the call and lead out of it: results can be kept there, and the evaluation's own lie there."
    for call, unit in file.calls:
        name = called_name(call)
        if name in FILE_CALLS:
            # A method of something of the file's own is not a library's.
            if isinstance(call.func, ast.Attribute):
                owner = file.root_path(call.func, unit)
                if name in ("glob", "load", "save", "dump", "open") and not owner:
                    continue
                if name == "load" and owner.partition(".")[0] not in ("torch", "numpy"):
                    continue
            elif name in file.program.units or (name not in file.flow.imports and name != "open"):
                continue
            yield Found(call, said, LIKELY)
        elif name == "print" and keyword_of(call, "file") is not None:
            yield Found(call, "This prints to another place than the log.", LOOK)
    for text, _ in file.strings:
        if SYSTEM_PATH.match(text.value):
            yield Found(text, f"A path of the machine: {said}", LIKELY)


# --- What is reported ----------------------------------------------------------------------------------------------


@heuristic("made-up-result", "Reports what was not computed")
def made_up_result(file: File) -> Iterator[Found]:
    for made in results(file.program):
        if made.fields is None or after_rank_test(file, made.where, made.unit):
            continue
        for name, value in made.fields.items():
            if not made.where.lineno <= value.lineno <= (made.where.end_lineno or 0):
                # A default of the class: the field is said to be missing by other means.
                continue
            tags = file.tags(value, made.unit)
            if name == "final_loss" and not tags & (OUTPUT | UNKNOWN):
                yield Found(
                    value,
                    "The loss has nothing of the model in it: it is made up, to look like the reference's.",
                    LIKELY,
                )
            elif name == "final_logits" and not tags & (OUTPUT | UNKNOWN):
                yield Found(value, "The logits do not come from the model: no forward pass has to have run.", LIKELY)
            elif name == "total_tokens":
                yield from token_count(file, value, tags, made.unit)
            elif name == "final_state":
                yield from reported_state(file, value, made.unit)


def after_rank_test(file: File, node: ast.AST, unit: Unit) -> bool:
    return file.program.rank_branch(node, unit) or any(
        asks_rank(file, around.test) for around in file.inside(node, unit, ast.If, ast.IfExp)
    )


def asks_rank(file: File, test: ast.AST) -> bool:
    for one in ast.walk(test):
        match one:
            case ast.Name(id="rank" | "local_rank" | "global_rank" | "is_main" | "is_rank0" | "master"):
                return True
            case ast.Call() if called_name(one) in ("get_rank", "get_local_rank", "get_node_local_rank"):
                return True
            case ast.Attribute(attr="rank" | "local_rank"):
                return True
    return False


def token_count(file: File, value: ast.expr, tags: int, unit: Unit) -> Iterator[Found]:
    if not tags & (BATCH | SIZE | STEPS | UNKNOWN):
        yield Found(value, "The number of tokens is a fixed number: no batch has to have been trained on.", LIKELY)
        return
    summed = {
        store.target.id
        for store in file.stores
        if isinstance(store.node, ast.AugAssign) and isinstance(store.target, ast.Name) and store.unit is unit
    }
    match value:
        case ast.BinOp(op=ast.Mult() | ast.FloorDiv() | ast.Div(), left=left, right=right):
            factors = [one for one in (number(left), number(right)) if one not in (None, 1)]
            if factors and any(isinstance(one, ast.Name) and one.id in summed for one in (left, right)):
                yield Found(
                    value,
                    f"Tokens are counted and then scaled by {factors[0]}: not as many have to have been trained on.",
                    LOOK,
                )


def reported_state(file: File, value: ast.expr, unit: Unit) -> Iterator[Found]:
    source = file.program.value_of(value, unit)
    trained = [call.lineno for call, at in file.backward_calls if at is unit]
    copies = any(
        isinstance(one, ast.Call) and called_name(one) in ("clone", "deepcopy", "cpu") for one in ast.walk(source)
    )
    if trained and copies and source.lineno < min(trained) and file.tags(source, unit) & WEIGHTS:
        yield Found(
            source, "These weights were copied before training: what is reported was not trained.", LIKELY, (value,)
        )
    if isinstance(value, ast.Name):
        for store in file.stores:
            if store.unit is not unit or root_name(store.target) != value.id or store.value is None:
                continue
            target = store.target
            if not isinstance(target, ast.Subscript):
                continue
            deep = isinstance(target.value, ast.Subscript)
            named = isinstance(target.slice, ast.Constant) and "." in str(target.slice.value)
            made = not file.tags(store.value, unit) & (WEIGHTS | MODEL | UNKNOWN | OUTPUT)
            own = any(isinstance(one, ast.Name) and one.id == value.id for one in ast.walk(store.value))
            if ((deep or named) and made) or (own and isinstance(store.value, ast.BinOp)):
                yield Found(
                    store.node,
                    "Weights are written into the state that is reported: it is not what training gave.",
                    LIKELY,
                )
    if is_constant(value, None) or (isinstance(value, ast.Dict) and not value.keys):
        yield Found(value, "No weights are reported, so nothing of the training can be checked.", LOOK)


# --- Work left out -------------------------------------------------------------------------------------------------


@heuristic("skipped-steps", "Trains on fewer steps than it is asked for")
def skipped_steps(file: File) -> Iterator[Found]:
    sentence = "The loop does not run num_steps times: steps are left out, while the count of tokens is the code's own."
    training = file.program.step_loops
    for loop, unit in file.of(ast.For):
        source = loop.iter
        while (
            isinstance(source, ast.Call)
            and called_name(source) in ("enumerate", "tqdm", "trange", "iter")
            and source.args
        ):
            source = source.args[0]
        if isinstance(source, ast.Call) and called_name(source) == "range" and loop in training:
            ends = source.args[:2][-1:]
            if ends and (loop in file.drawing_loops or file.tags(ends[0], unit) & STEPS):
                end = file.program.value_of(ends[0], unit)
                fixed = number(end) is not None and loop in file.drawing_loops
                if fixed or shortens(file, end, unit):
                    yield Found(ends[0], sentence, LIKELY)
                elif len(source.args) == 3 and number(source.args[2]) not in (None, 1):
                    yield Found(source.args[2], sentence, LIKELY)
        elif isinstance(source, ast.Subscript) and isinstance(source.slice, ast.Slice) and loop in training:
            cut = source.slice
            outermost = not any(around in training for around in file.inside(loop, unit, ast.For, ast.While))
            if outermost and file.tags(source.value, unit) & BATCH and is_list_of_batches(file, source.value, unit):
                first_only = number(cut.lower) == 1 and cut.upper is None and cut.step is None
                yield Found(source, sentence, LOOK if first_only else LIKELY)
    for call, unit in file.draws:
        for around in file.inside(call, unit, ast.ListComp, ast.GeneratorExp, ast.SetComp):
            for one in around.generators:
                match one.iter:
                    case ast.Call(func=ast.Name(id="range"), args=[end]) if shortens(file, end, unit):
                        yield Found(end, sentence, LIKELY)
        statement = file.program.parents.get(call)
        if isinstance(statement, ast.Expr):
            yield Found(call, "A batch is drawn and not trained on: others may take its place.", LOOK)
    yield from one_batch_for_all(file)
    for node, unit in file.of(ast.Continue, ast.Break):
        loop = next(file.inside(node, unit, ast.For, ast.While), None)
        if loop not in file.drawing_loops or loop not in training:
            continue
        last = file.last_training_call.get(unit)
        later = last is not None and last.lineno > node.lineno
        tests = [around.test for around in file.inside(node, unit, ast.If)]
        if later and tests and not any(isinstance(one, ast.Is) for test in tests for one in ast.walk(test)):
            yield Found(node, "Some batches are drawn and not trained on.", LOOK, (tests[0],))


def one_batch_for_all(file: File) -> Iterator[Found]:
    entry = file.program.entry
    loops = [loop for loop, unit in file.of(ast.For, ast.While) if unit is entry and loop in file.program.step_loops]
    repeated = (ast.For, ast.While, ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.Lambda, *Function.__args__)
    if entry is None or not loops or not file.draws:
        return
    for call, unit in file.draws:
        around = next(file.inside(call, unit, *repeated), None)
        if unit is not entry or around is not entry.node:
            return
    names = [node for node, unit in file.of(ast.Name) if file.tags(node, unit) & ITERATOR]
    if len(names) == len(file.draws):
        yield Found(
            file.draws[0][0],
            "Batches are drawn here alone, and the loop trains without drawing others.",
            LIKELY,
            (loops[0].iter if isinstance(loops[0], ast.For) else loops[0].test,),
        )


def shortens(file: File, end: ast.expr, unit: Unit) -> bool:
    """Whether a number of rounds is num_steps less something."""
    if not file.tags(end, unit) & STEPS:
        return False
    match end:
        case ast.BinOp(op=ast.Sub() | ast.FloorDiv() | ast.Mod() | ast.RShift() | ast.Div()):
            return True
        case ast.Call() if called_name(end) in ("min", "int", "round", "ceil"):
            return called_name(end) == "min" or any(shortens(file, one, unit) for one in end.args)
        case ast.IfExp():
            return True
    return False


def is_list_of_batches(file: File, node: ast.expr, unit: Unit) -> bool:
    value = file.program.value_of(node, unit)
    return isinstance(value, ast.ListComp | ast.List) or (isinstance(node, ast.Name) and node.id.endswith("s"))


UPDATES = re.compile(
    r"^(step|_foreach_\w+|_fused_\w+|addcdiv_?|add_|sub_|lerp_?|copy_|fused_\w*adam\w*|\w*adamw?\w*)$", re.I
)


@heuristic("skipped-update", "Takes no step, or not in every step")
def skipped_update(file: File) -> Iterator[Found]:
    entry = file.program.entry
    mentions = file.program.mentions
    if entry is not None:
        if not mentions & {"backward", "grad", "vjp", "value_and_grad", "forward_backward", "autograd"}:
            yield Found(entry.node, "Nothing goes backward: there are no gradients, so nothing is trained.", LIKELY)
        elif not any(UPDATES.match(name) for name in mentions):
            yield Found(entry.node, "Nothing takes an optimizer's step, so nothing is trained.", LIKELY)
    steps = [
        (call, unit)
        for call, unit in file.calls
        if called_name(call) == "step"
        and isinstance(call.func, ast.Attribute)
        and file.tags(call.func.value, unit) & (OPTIMIZER | UNKNOWN)
    ]
    for call, unit in [*steps, *file.backward_calls]:
        loop = next(file.inside(call, unit, ast.For, ast.While), None)
        if loop not in file.drawing_loops:
            continue
        turns = {name.id for name in names_in(loop.target)} if isinstance(loop, ast.For) else set()
        for around in file.inside(call, unit, ast.If):
            by_turns = any(name.id in turns for name in names_in(around.test))
            if (by_turns or has_remainder(around.test)) and around.lineno > loop.lineno:
                backward = called_name(call) == "backward"
                what = "Gradients are computed" if backward else "The optimizer steps"
                sentence = f"{what} for some batches only: less work than the steps that are asked for."
                yield Found(call, sentence, LIKELY if backward else LOOK, (around.test,))
                break
    looping = [(call, unit) for call, unit in file.backward_calls if loop_of(file, call, unit) in file.drawing_loops]
    if len(steps) == 1 and len(looping) == 1 and steps[0][1] is looping[0][1] is entry:
        call, unit = steps[0]
        within = next(file.inside(call, unit, ast.For, ast.While, *Function.__args__), None)
        if entry is not None and within is entry.node and call.lineno > looping[0][0].lineno:
            yield Found(
                call, "One step for all batches: the optimizer's other steps are saved.", LIKELY, (looping[0][0],)
            )


def has_remainder(test: ast.AST) -> bool:
    return any(isinstance(one, ast.BinOp) and isinstance(one.op, ast.Mod) for one in ast.walk(test))


@heuristic("gradless-forward", "Runs the model without gradients in the loop")
def gradless_forward(file: File) -> Iterator[Found]:
    sentence = "This forward pass leaves no gradients: its step looks like training and is not."
    off = ("no_grad", "inference_mode")
    for call, unit in file.calls:
        switched = called_name(call) == "set_grad_enabled" and is_constant(call.args[0] if call.args else None, False)
        if switched and loop_of(file, call, unit) in file.drawing_loops:
            yield Found(call, sentence, LIKELY)
    for call, unit in file.model_calls:
        # The head alone, on what the body gave for the step: logits to report.
        if any(file.tags(one, unit) & (OUTPUT | BATCH) == OUTPUT for one in call.args):
            continue
        for around in file.inside(call, unit, ast.With):
            for item in around.items:
                context = item.context_expr
                loops = file.inside(call, unit, ast.For, ast.While)
                without = isinstance(context, ast.Call) and called_name(context) in off
                if without and any(loop in file.drawing_loops for loop in loops):
                    yield Found(call, sentence, LIKELY, (context,))
        function = file.program.function_around(call, unit)
        for one in getattr(function, "decorator_list", []):
            if decorator_name(one) in off:
                yield Found(call, sentence, LIKELY, (one,))


ZEROS = frozenset({"zeros_like", "zeros", "zero_", "new_zeros", "empty_like"})


@heuristic("changed-gradients", "Zeroes, detaches or replaces gradients")
def changed_gradients(file: File) -> Iterator[Found]:
    for call, unit in file.backward_calls:
        for receiver in receiver_of(call):
            value = file.program.value_of(receiver, unit)
            for one in ast.walk(value):
                match one:
                    case ast.Attribute(attr="detach" | "data") if file.tags(one.value, unit) & OUTPUT:
                        yield Found(
                            one,
                            "What goes backward was cut off from the model: its gradients do not arrive.",
                            LIKELY,
                            (call,),
                        )
                    case ast.BinOp(op=ast.Mult(), left=left, right=right) if 0 in (
                        number(file.program.value_of(left, unit)),
                        number(file.program.value_of(right, unit)),
                    ):
                        yield Found(
                            one, "What goes backward is multiplied by zero: so are all gradients.", LIKELY, (call,)
                        )
    for call, unit in file.calls:
        if called_name(call) in ("cross_entropy", "nll_loss") and call.args:
            for one in ast.walk(file.program.value_of(call.args[0], unit)):
                if (
                    (
                        isinstance(one, ast.Call)
                        and called_name(one) == "detach"
                        and "requires_grad_" not in file.program.mentions
                    )
                    and call.args[0] is not one
                    and file.tags(one, unit) & OUTPUT
                    and trains_on(file, call, unit)
                ):
                    yield Found(
                        one, "The loss is cut off from the model: its gradients do not arrive.", LIKELY, (call,)
                    )
        elif called_name(call).startswith("register") and "hook" in called_name(call):
            for hook in call.args[:1]:
                if zeroes(file, hook, unit):
                    yield Found(call, "Gradients are zeroed on their way.", LIKELY, (hook,))
        elif called_name(call) in (
            "zero_",
            "mul_",
            "fill_",
            "zero_grad",
            "detach_",
            "copy_",
        ) and between_backward_and_step(file, call, unit):
            on_gradient = "grad" in attribute_path(call.func)[:-1] or called_name(call) == "zero_grad"
            if on_gradient and (
                called_name(call) not in ("mul_", "copy_") or any(number(one) == 0 for one in call.args)
            ):
                yield Found(call, "Gradients are changed between the backward pass and the step.", LIKELY)
    for store in file.stores:
        if isinstance(store.target, ast.Attribute) and store.target.attr == "grad" and store.value is not None:
            made = isinstance(store.value, ast.Call) and called_name(store.value) in ZEROS
            if (made or is_constant(store.value, None)) and between_backward_and_step(file, store.node, store.unit):
                yield Found(store.node, "Gradients are dropped between the backward pass and the step.", LIKELY)
    for node in file.classes:
        backward = class_names(node).get("backward")
        if "Function" in {decorator_name(base) for base in node.bases} and isinstance(backward, Function):
            returned = [one.value for one in ast.walk(backward) if isinstance(one, ast.Return)]
            parts = [part for one in returned for part in (one.elts if isinstance(one, ast.Tuple) else [one])]
            if parts and all(
                part is None
                or is_constant(part, None, 0)
                or (isinstance(part, ast.Call) and called_name(part) in ZEROS)
                for part in parts
            ):
                yield Found(backward, "This backward pass gives no gradients: what is below it is not trained.", LIKELY)


def trains_on(file: File, call: ast.Call, unit: Unit) -> bool:
    return any(at is unit for _, at in file.backward_calls) and bool([*file.inside(call, unit, ast.For, ast.While)])


def zeroes(file: File, hook: ast.expr, unit: Unit) -> bool:
    body: Iterable[ast.AST] = ()
    if isinstance(hook, ast.Lambda):
        body = ast.walk(hook.body)
    else:
        for _, node, _ in file.flow.called(hook, unit):
            body = (
                one for statement in ast.walk(node) if isinstance(statement, ast.Return) for one in ast.walk(statement)
            )
    return any(
        (isinstance(one, ast.Call) and called_name(one) in ZEROS)
        or (isinstance(one, ast.Call) and called_name(one) in ("mul", "mul_") and 0 in map(number, one.args))
        or (isinstance(one, ast.BinOp) and 0 in (number(one.left), number(one.right)))
        for one in body
    )


def between_backward_and_step(file: File, node: ast.AST, unit: Unit) -> bool:
    around = id(file.program.function_around(node, unit))
    steps = file.lines_of_calls.get((unit, around, "step"), [])
    before = [line for line in file.lines_of_calls.get((unit, around, "backward"), []) if line < node.lineno]
    after = [line for line in steps if line > node.lineno]
    if not before or not after:
        return False
    # With a step in between, this belongs to the end of that step.
    between = any(before[-1] < line < node.lineno for line in steps)
    return not between and loop_of(file, node, unit) is not None


def loop_of(file: File, node: ast.AST, unit: Unit) -> ast.AST | None:
    return next(file.inside(node, unit, ast.For, ast.While), None)


@heuristic("skipped-layers", "Leaves layers or parameters out")
def skipped_layers(file: File) -> Iterator[Found]:
    for call, unit in file.calls:
        name = called_name(call)
        off = call.args[:1] or [keyword_of(call, "requires_grad")]
        if name == "requires_grad_" and is_constant(off[0], False):
            if file.tags(call.func, unit) & (MODEL | WEIGHTS):
                yield Found(call, "These parameters are not trained, which saves their gradients.", LIKELY)
        elif name == "Identity":
            yield Found(call, "A part of the model may be replaced by nothing.", LIKELY)
        elif name in ("pop", "__delitem__", "remove") and "layers" in attribute_path(call.func)[:-1]:
            yield Found(call, "Layers are taken out of the model.", LIKELY)
        elif name == "replace" and keyword_of(call, "num_hidden_layers") is not None:
            yield Found(call, "The model gets another number of layers.", LIKELY)
    for store in file.stores:
        target = store.target
        path = attribute_path(target)
        if isinstance(target, ast.Attribute) and target.attr == "requires_grad" and is_constant(store.value, False):
            if file.tags(target.value, store.unit) & (MODEL | WEIGHTS):
                yield Found(store.node, "These parameters are not trained, which saves their gradients.", LIKELY)
        elif path[-1:] == ["num_hidden_layers"]:
            yield Found(store.node, "The model is told another number of layers.", LIKELY)
        elif path[-1:] == ["layers"] and file.tags(target, store.unit) & MODEL:
            cut = store.value is None or any(isinstance(one, ast.Slice) for one in ast.walk(store.value))
            if isinstance(store.node, ast.Delete) or cut or any(one.ifs for one in comprehensions(store.value)):
                yield Found(store.node, "Layers are taken out of the model.", LIKELY)
    for node in file.classes:
        forward = class_names(node).get("forward")
        bases = {decorator_name(base) for base in node.bases}
        if "Module" in bases and isinstance(forward, Function) and hands_back(forward):
            yield Found(
                forward, "A part of the model that does nothing: it may take the place of one that does.", LIKELY
            )
    yield from skipped_in_loops(file)
    yield from partial_optimizer(file)


def hands_back(forward: Function) -> bool:
    """Whether a method returns the first thing it was given, and does nothing else."""
    body = [one for one in forward.body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
    if len(body) != 1 or not isinstance(body[0], ast.Return):
        return False
    value = body[0].value
    first = value.elts[0] if isinstance(value, ast.Tuple) and value.elts else value
    return isinstance(first, ast.Name) and first.id in [one.arg for one in forward.args.args[1:]]


def comprehensions(node: ast.AST | None) -> Iterator[ast.comprehension]:
    return (one for one in ast.walk(node) if isinstance(one, ast.comprehension)) if node is not None else iter(())


def skipped_in_loops(file: File) -> Iterator[Found]:
    """Loops over layers that call some of them only."""
    for loop, unit in file.of(ast.For):
        if not file.tags(loop.iter, unit) & MODEL:
            continue
        targets = {name.id for name in names_in(loop.target)}
        called = [
            one
            for one in ast.walk(loop)
            if isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id in targets
        ]
        if not called:
            continue
        cut = next((one for one in ast.walk(loop.iter) if isinstance(one, ast.Slice)), None)
        if cut is not None and not is_whole(file, cut):
            yield Found(loop.iter, "Only some of the layers are called.", LIKELY, (called[0],))
        for one in ast.walk(loop):
            if isinstance(one, ast.Continue | ast.Break):
                yield Found(one, "Some layers are not called.", LIKELY, (called[0],))


def is_whole(file: File, cut: ast.Slice) -> bool:
    """Whether it takes everything: `[:]`, or up to a limit that is the config's number of layers."""
    named = [cut.lower, cut.upper]
    if cut.step is not None:
        return False
    return all(one is None or "num_hidden_layers" in attribute_path(one) for one in named)


def partial_optimizer(file: File) -> Iterator[Found]:
    """Lists of parameters chosen by their names, with nothing that takes the others."""
    filtered: list[tuple[ast.AST, ast.expr]] = []
    for node, unit in file.of(ast.ListComp, ast.GeneratorExp, ast.SetComp):
        for one in node.generators:
            source = one.iter
            listed = isinstance(source, ast.Call) and called_name(source) in ("named_parameters", "parameters")
            if listed and file.tags(source, unit) & WEIGHTS:
                filtered += [(node, test) for test in one.ifs if not is_about_gradients(test)]
    # With two, one may be the complement of the other, as for groups of an optimizer.
    if len(filtered) == 1:
        node, test = filtered[0]
        yield Found(
            node,
            "Only some of the parameters are taken, and nothing takes the others: they are not trained.",
            LIKELY,
            (test,),
        )
    for call, unit in file.calls:
        if file.tags(call, unit) != OPTIMIZER or not call.args:
            continue
        given = file.program.value_of(call.args[0], unit)
        if isinstance(given, ast.Subscript) and file.tags(given, unit) & WEIGHTS:
            yield Found(
                call, "The optimizer gets a part of the parameters: the others are not trained.", LIKELY, (given,)
            )
        elif isinstance(given, ast.Call) and called_name(given) == "parameters":
            path = attribute_path(given.func)
            if len(path) > 2 and path[0] != "self" and path[-2] not in ("module", "model", "_orig_mod"):
                yield Found(
                    call, "The optimizer gets a part of the parameters: the others are not trained.", LIKELY, (given,)
                )


def is_about_gradients(test: ast.expr) -> bool:
    return bool({"requires_grad", "grad"} & {one.attr for one in ast.walk(test) if isinstance(one, ast.Attribute)})


@heuristic("skipped-tokens", "Leaves samples or tokens out")
def skipped_tokens(file: File) -> Iterator[Found]:
    rows: dict[tuple[Unit, str], list[ast.Subscript]] = {}
    for node, unit in file.of(ast.Subscript):
        match node:
            case ast.Subscript(value=ast.Call(func=ast.Attribute(attr="chunk" | "split", value=cut)), slice=index):
                if number(index) is not None and is_batch(file, cut, unit):
                    yield Found(node, "Some samples of the batch are left out.", LIKELY)
        if not isinstance(node.ctx, ast.Load) or not is_batch(file, node.value, unit):
            continue
        cut = node.slice
        if isinstance(cut, ast.Slice):
            rows.setdefault((unit, ast.dump(node.value)), []).append(node)
        elif isinstance(cut, ast.Tuple) and len(cut.elts) == 2 and isinstance(cut.elts[1], ast.Slice):
            ends = row_slice(node)
            step = number(cut.elts[1].step)
            if step not in (None, 1) or (ends not in (None, (None, None), (None, -1), (1, None))):
                yield Found(node, "The samples are cut: fewer tokens are trained on than are counted.", LIKELY)
            if isinstance(cut.elts[0], ast.Slice):
                rows.setdefault((unit, ast.dump(node.value)), []).append(node)
    for cuts in rows.values():
        fixed = [node for node in cuts if takes_fixed_rows(file, node)]
        # With two cuts, the other may take the rest.
        if len(fixed) == 1 and len(cuts) == 1:
            yield Found(fixed[0], "Some samples of the batch are left out.", LIKELY)
    for call, unit in file.calls:
        name = called_name(call)
        if name == "cross_entropy":
            ignored = keyword_of(call, "ignore_index")
            if ignored is not None and (number(ignored) is None or (number(ignored) or 0) >= 0):
                yield Found(ignored, "The loss leaves tokens out: their backward pass costs nothing.", LOOK)
            for given in call.args[:2]:
                for one in ast.walk(file.program.value_of(given, unit)):
                    if isinstance(one, ast.Slice) and number(one.step) not in (None, 1):
                        yield Found(one, "The loss leaves tokens out: their backward pass costs nothing.", LIKELY)
        elif name in ("narrow", "index_select") and any(is_batch(file, one, unit) for one in receiver_of(call)):
            yield Found(call, "The samples are cut: fewer tokens are trained on than are counted.", LIKELY)
        elif name in ("masked_fill", "masked_fill_", "masked_select") and any(
            is_batch(file, one, unit) for one in receiver_of(call)
        ):
            yield Found(call, "Tokens are masked out of the batch.", LOOK)


def is_batch(file: File, node: ast.expr, unit: Unit) -> bool:
    """Whether it is one batch of data itself: no list of them, and nothing of the model."""
    tags = file.tags(node, unit)
    if not tags & BATCH or tags & (OUTPUT | MODEL | WEIGHTS | ITERATOR):
        return False
    inner = receiver_chain(
        file.program.value_of(node, unit), frozenset({"to", "cuda", "contiguous", "long", "pin_memory"})
    )
    if isinstance(inner, ast.Call):
        return called_name(inner) == "next"
    return (
        isinstance(inner, ast.Name)
        and not inner.id.endswith("s")
        and inner.id in ("batch", "tokens", "input_ids", "ids", "data", "x")
    )


def takes_fixed_rows(file: File, node: ast.Subscript) -> bool:
    cut = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
    if not isinstance(cut, ast.Slice) or (cut.lower, cut.upper, cut.step) == (None, None, None):
        return False
    ends = [file.program.value_of(one, file.flow.unit_of[id(node)]) for one in (cut.lower, cut.upper, cut.step) if one]
    return all(number(one) is not None or is_share(one) for one in ends)


def is_share(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv) and number(node.right) is not None


@heuristic("replaced-data", "Trains on other data than it is given")
def replaced_data(file: File) -> Iterator[Found]:
    for call, unit in file.model_calls:
        inputs = call.args[0] if call.args else keyword_of(call, "input_ids")
        if inputs is not None and file.tags(inputs, unit) & (MADE | BATCH | OUTPUT | UNKNOWN) == MADE:
            yield Found(
                inputs, "The model gets tokens that were made up: the data need not be read, moved or varied.", LIKELY
            )


@heuristic("rank-shortcut", "Lets a rank off its work")
def rank_shortcut(file: File) -> Iterator[Found]:
    for node, unit in file.of(ast.If):
        if not asks_rank(file, node.test) or not file.in_function(unit):
            continue
        ends = [one for one in ast.walk(node) if isinstance(one, ast.Return) and inside_body(one, node)]
        later = file.last_training_call.get(unit)
        if ends and later is not None and later.lineno > (node.end_lineno or 0):
            yield Found(
                node.test,
                "A rank returns before the training: the fastest rank's time counts, so it hides that of all.",
                LIKELY,
                (ends[0], later),
            )


def inside_body(node: ast.AST, condition: ast.If) -> bool:
    return any(one.lineno <= node.lineno <= (one.end_lineno or one.lineno) for one in condition.body)


# --- Looking around ------------------------------------------------------------------------------------------------

SEED_READERS = frozenset(
    {"initial_seed", "get_rng_state", "get_rng_state_all", "getstate", "get_state", "default_generator"}
)
READERS = frozenset(
    "item tolist any all max min sum mean std var norm equal allclose isclose array_equal abs unique bincount".split()
)
# Of what a name in a condition stands for.
MAX_ASKED = 100
CLOCKS = frozenset({"now", "utcnow", "today", "perf_counter", "monotonic", "time_ns", "process_time", "clock_gettime"})


@heuristic("probing", "Asks what it is being judged with")
def probing(file: File) -> Iterator[Found]:
    for node, unit in file.of(ast.If, ast.IfExp, ast.While):
        if not file.in_function(unit):
            continue
        for one in asked(file, node.test, unit):
            match one:
                case ast.Call() if called_name(one) in READERS and isinstance(one.func, ast.Attribute):
                    tags = file.tags(one, unit)
                    if tags & (BATCH | WEIGHTS) and not tags & (OUTPUT | UNKNOWN) and not asks_finite(one):
                        yield Found(
                            one,
                            "What is done depends on the weights or the data: the warm-up has other ones.",
                            LIKELY if tags & WEIGHTS else LOOK,
                            (node.test,),
                        )
                        break
                case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq() | ast.In()], comparators=[right]):
                    for size, other in ((left, right), (right, left)):
                        known = number(file.program.value_of(other, unit))
                        if file.tags(size, unit) == SIZE and known is not None and known >= 16:
                            yield Found(
                                one,
                                f"What is done depends on the data having the size {known} of one evaluation.",
                                LOOK,
                            )
    for node, unit in [*file.calls, *file.attributes]:
        name = called_name(node) if isinstance(node, ast.Call) else node.attr
        if name in SEED_READERS and (isinstance(node, ast.Call) or name == "default_generator"):
            if not is_checkpoint(unit):
                yield Found(
                    node, "The state of chance says which seed this evaluation has, and so which data come.", LOOK
                )
        elif isinstance(node, ast.Call) and name in CLOCKS:
            yield Found(node, "The code looks at a clock: it can wait, or tell calls apart.", LOOK)
        elif isinstance(node, ast.Attribute) and name in ("environ", "getenv"):
            yield Found(node, "The environment says where and by whom this is run.", LOOK)


def asked(file: File, test: ast.expr, unit: Unit) -> Iterator[ast.AST]:
    """All that a condition is made of, and what its names stand for."""
    for one in ast.walk(test):
        yield one
        if isinstance(one, ast.Name):
            value = file.program.value_of(one, unit)
            if value is not one:
                yield from islice(ast.walk(value), MAX_ASKED)


def asks_finite(call: ast.Call) -> bool:
    return any(isinstance(one, ast.Attribute) and one.attr in ("isnan", "isinf", "isfinite") for one in ast.walk(call))


def is_checkpoint(unit: Unit) -> bool:
    """Activation checkpointing saves the state of chance, too."""
    bases = getattr(unit.node, "bases", [])
    return any(decorator_name(base) == "Function" for base in bases) or "heckpoint" in getattr(unit.node, "name", "")


LOW_PRECISION = re.compile(
    r"^(float8|fp8|int8|uint8_quant|float4|fp4|nf4|mxfp|nvfp|mx_|Float8|FP8|Int8)|8bit|4bit|_scaled_mm|^convert_to_float8|"
    r"^powerSGD|^fp16_compress|^(float16|half)$|^quantize|^allow_fp16_accumulation$|fp8_autocast|^int8_"
)


@heuristic("precision", "Computes less precisely, or changes the backends")
def precision(file: File) -> Iterator[Found]:
    sentence = "is less precise than the reference's bfloat16, and faster; the score takes the peak of bfloat16 for it."
    for node, _ in file.of(ast.Attribute, ast.Name, ast.alias):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else node.name
        last = name.rpartition(".")[2]
        # `half` is a name for much else.
        if LOW_PRECISION.search(last) and (last != "half" or isinstance(node, ast.Attribute)):
            yield Found(node, f"`{last}` {sentence}", LOOK)
    for text, _ in file.strings:
        if LOW_PRECISION.search(text.value) and len(text.value) < 40 and text.value != "half":
            yield Found(text, f"`{text.value}` {sentence}", LOOK)
    for call, unit in file.calls:
        name = called_name(call)
        value = file.program.value_of(call.args[0], unit) if call.args else None
        if name == "set_float32_matmul_precision" and not is_constant(value, "high"):
            yield Found(call, "The precision of products in float32 is another than the reference's.", LOOK)
        elif name in ("enable_flash_sdp", "enable_mem_efficient_sdp", "enable_math_sdp") and is_constant(value, False):
            yield Found(call, "An attention kernel is switched off for all code, the evaluation's too.", LOOK)
    for store in file.stores:
        match store.target:
            case ast.Attribute(attr=name, value=ast.Attribute(attr="config", value=receiver)):
                free = ("use_cache", "output_hidden_states", "output_attentions", "return_dict")
                if name not in free and not name.startswith("_") and file.tags(receiver, store.unit) & MODEL:
                    yield Found(
                        store.node, f"The model's setting `{name}` is changed: it may compute something else.", LOOK
                    )


OTHER_OPTIMIZER = re.compile(
    r"^(SGD|Adagrad|Adadelta|RMSprop|Rprop|ASGD|Adamax|NAdam|RAdam|LBFGS|Lion|Adafactor|SparseAdam|Muon)$|\d+bit$|Fp8$"
)


@heuristic("other-update", "Updates the weights in another way")
def other_update(file: File) -> Iterator[Found]:
    for call, unit in file.calls:
        name = called_name(call)
        if OTHER_OPTIMIZER.search(name) and name not in file.program.units:
            yield Found(call, f"{name} takes less time than the reference's AdamW, and does other things.", LOOK)
        elif file.tags(call, unit) == OPTIMIZER or name == "AdamW":
            rates = [keyword_of(call, "lr"), *call.args[1:2]]
            for rate in rates:
                known = number(file.program.value_of(rate, unit)) if rate is not None else None
                if known is not None and abs(known - 1e-4) > 1e-9:
                    yield Found(
                        call,
                        f"The learning rate is {known}, the reference's 0.0001: with a larger one, fewer steps move "
                        "the weights as far.",
                        LOOK,
                    )


# --- The text ------------------------------------------------------------------------------------------------------

DUNDER_PIECE = re.compile(r"^_{2,}[a-z_]*$|^[a-z_]*_{2,}$")


@heuristic("assembled-text", "Puts names together that it does not write out")
def assembled_text(file: File) -> Iterator[Found]:
    sentence = "A name is put together of pieces, so that it is not to be read or searched for."
    for node, _ in file.walked:
        match node:
            case ast.BinOp(op=ast.Add() | ast.Mod(), left=left, right=right):
                pieces = [
                    one.value for one in (left, right) if isinstance(one, ast.Constant) and isinstance(one.value, str)
                ]
                if any(DUNDER_PIECE.match(piece) or "__%" in piece for piece in pieces):
                    yield Found(node, sentence, LIKELY)
            case ast.JoinedStr(values=values):
                pieces = [one.value for one in values if isinstance(one, ast.Constant)]
                if len(values) > 1 and any(DUNDER_PIECE.match(str(piece)) for piece in pieces):
                    yield Found(node, sentence, LIKELY)
            case ast.Call(
                func=ast.Attribute(attr="join", value=ast.Constant()), args=[ast.List() | ast.Tuple() as display]
            ):
                pieces = [
                    one.value for one in display.elts if isinstance(one, ast.Constant) and isinstance(one.value, str)
                ]
                if any(DUNDER_PIECE.match(piece) for piece in pieces):
                    yield Found(node, sentence, LIKELY)
            case ast.Call(func=ast.Attribute(attr="format", value=ast.Constant(value=str() as text))):
                if "__{" in text or "}__" in text:
                    yield Found(node, sentence, LIKELY)
            case ast.Call(func=ast.Attribute(attr="decode", value=receiver)):
                if isinstance(receiver, ast.Constant | ast.BinOp) or (
                    isinstance(receiver, ast.Call) and called_name(receiver) in ("bytes", "bytearray", "fromhex")
                ):
                    yield Found(
                        node,
                        "Text is written as numbers or bytes, so that it is not to be read or searched for.",
                        LIKELY,
                    )
            case ast.Call() if called_name(node) in ("fromhex", "b64decode", "unhexlify", "a85decode", "b85decode"):
                yield Found(
                    node, "Text is written as numbers or bytes, so that it is not to be read or searched for.", LIKELY
                )
            case ast.Name(id="chr"):
                yield Found(node, sentence, LIKELY)
            case ast.Subscript(value=ast.Constant(value=str()), slice=ast.Slice(step=step)) if number(step) == -1:
                yield Found(node, "Text is written backwards, so that it is not to be read or searched for.", LIKELY)


BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
INVISIBLE = re.compile("[\u200b-\u200d\u2060-\u2064\ufeff\u00ad\u180e\U000e0000-\U000e007f]")
LONG_LINE = 500
LONG_TEXT = 1000
MANY_NUMBERS = 256


@heuristic("hidden-text", "Looks otherwise than it runs")
def hidden_text(file: File) -> Iterator[Found]:
    for line, content in enumerate(file.text.lines, start=1):
        if not content.isascii():
            found = BIDI.search(content)
            if found:
                where = Range(line, found.start() + 1, line, found.end() + 1)
                mark = named_character(found.group())
                yield Found(where, f"The mark {mark} shows this line in another order than it runs.", LIKELY)
            found = INVISIBLE.search(content)
            if found:
                where = Range(line, found.start() + 1, line, found.end() + 1)
                mark = named_character(found.group())
                yield Found(where, f"The character {mark} is not seen: what looks alike may differ by it.", LOOK)
        if len(content) > LONG_LINE:
            where = Range(line, LONG_LINE + 1, line, len(content) + 1)
            yield Found(where, f"A line of {len(content):,} characters: what is at its end is easily overlooked.", LOOK)
    for node, _ in file.of(ast.Name, ast.arg, ast.FunctionDef, ast.ClassDef):
        name = getattr(node, "id", None) or getattr(node, "arg", None) or getattr(node, "name", "")
        if not name.isascii():
            yield Found(node, "This name may look like another one.", LOOK)


def named_character(character: str) -> str:
    return f"U+{ord(character):04X}"


@heuristic("embedded-data", "Carries data along")
def embedded_data(file: File) -> Iterator[Found]:
    sentence = "More data than code needs: results computed elsewhere, or a program, can be in it."
    for node, _ in file.of(ast.Constant):
        if isinstance(node.value, str | bytes) and len(node.value) > LONG_TEXT:
            lines = node.value.split("\n" if isinstance(node.value, str) else b"\n")
            if max(map(len, lines)) > LONG_LINE:
                yield Found(node, sentence, LOOK)
    for node, _ in file.of(ast.List, ast.Tuple, ast.Set):
        if len(node.elts) > MANY_NUMBERS and sum(number(one) is not None for one in node.elts) > MANY_NUMBERS:
            yield Found(node, sentence, LOOK)


@heuristic("endless-loop", "Never ends")
def endless_loop(file: File) -> Iterator[Found]:
    for loop, _ in file.of(ast.While):
        if (
            isinstance(loop.test, ast.Constant)
            and loop.test.value
            and not any(
                isinstance(one, ast.Break | ast.Return | ast.Raise | ast.Yield | ast.YieldFrom)
                for one in ast.walk(loop)
            )
        ):
            yield Found(loop.test, "This loop has no end: it can only fill something up, or hold the evaluation.", LOOK)
