"""What the values of a train.py are made of, as far as reading tells: the model, its data, its weights, its output.

An over-approximation by names, without order: a name holds all that any of its bindings may bring. It serves the
heuristics of review.py, which look for what is missing (a loss without the model in it) or out of place (a batch that
outlives its call).

Standard library only, no file or process access, like the scanner.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .lints import ARGUMENTS, DEFINITIONS, SELF_RETURNING, WRAPPERS, Function, Program, Unit
from .syntax_tree import child_fields

# What a value may be made of: a set of bits.
MODEL, ITERATOR, BATCH, SIZE, OUTPUT, WEIGHTS, OPTIMIZER, STEPS, READY, MADE, UNKNOWN = (1 << bit for bit in range(11))
#: What belongs to one call of inner_steps: kept for the next one, it carries work or knowledge over.
OF_THE_CALL = BATCH | OUTPUT | WEIGHTS | OPTIMIZER | STEPS
# What no call fills.
NEVER_FILLED = MODEL | ITERATOR | OPTIMIZER | READY
ENTRY_TAGS = {"model": MODEL, "data_iterator": ITERATOR, "num_steps": STEPS}

# Functions that make a tensor of nothing but a shape, a number or chance.
MAKERS = frozenset(
    """
    zeros ones empty full rand randn randint randperm arange linspace tensor eye zeros_like ones_like empty_like
    full_like rand_like randn_like randint_like new_zeros new_ones new_full new_empty one_hot
    """.split()
)
# What is made once and holds nothing of a call: keeping it is how compiling during the warm-up pays off.
REUSABLE = frozenset(
    """
    compile Stream Event CUDAGraph graph_pool_handle make_graphed_callables new_group init_device_mesh DeviceMesh
    MemPool script
    """.split()
)
SIZES = frozenset({"shape", "ndim", "size", "numel", "nelement", "dim", "stride", "element_size"})
UNVALUED = frozenset({"dtype", "device", "config", "is_cuda", "requires_grad", "training", "layout", "is_contiguous"})
STATE_READERS = frozenset({"state_dict", "parameters", "named_parameters", "buffers", "named_buffers"})
PART_READERS = frozenset({"modules", "named_modules", "children", "named_children", "get_submodule", "unwrap"})
# Methods of a model that compute nothing of a batch.
SETTERS = frozenset({"zero_grad", "no_sync", "register_forward_hook", "set_requires_gradient_sync", "apply"})
OPTIMIZERS = frozenset({"ZeroRedundancyOptimizer", "DistributedOptimizer", "AdamW", "Adam", "FusedAdam"})
# Pairs of which only the second says something of the value.
NAMED_PAIRS = frozenset({"enumerate", "items", "named_parameters", "named_buffers", "named_modules", "named_children"})
MAX_ROUNDS = 8
# Methods of one name; more were written to be looked through for ever.
MAX_ALIKE = 20


class Flow:
    """Tags of every name of the file. `walked` holds all nodes with their units, in the order of the text."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.walked = [*walk(program)]
        self.unit_of = {id(node): unit for node, unit in self.walked}
        #: Names that a function binds, without those it declares global.
        self.local: dict[Unit, set[str]] = {unit: set() for unit in program.every_unit}
        #: Names that are the module's, and names that a function inside one binds in the one around it.
        self.shared: dict[Unit, set[str]] = {unit: set() for unit in program.every_unit}
        self.enclosed: dict[Unit, set[str]] = {unit: set() for unit in program.every_unit}
        self.imports: set[str] = {*program.imported}
        #: (unit, name) -> what is bound to it: a value, or what a loop takes its elements from.
        self._bindings: dict[tuple[Unit, str], list[tuple[ast.AST | None, Unit, bool]]] = {}
        #: The same for calls that may fill what they are given.
        self._filled: dict[tuple[Unit, str], list[tuple[ast.Call, Unit]]] = {}
        self._fixed: dict[tuple[Unit, str], int] = {}
        #: Method or nested function -> the units that hold one of this name, and its parameters.
        self._inner: dict[str, list[tuple[Unit, Function]]] = {}
        self._attributes: dict[str, set[Unit]] = {}
        self._tags: dict[tuple[Unit, str], int] = {}
        self._declare()
        for node, unit in self.walked:
            self._bind_node(node, unit)
        self._settle()

    # --- Bindings

    def _declare(self) -> None:
        for node, unit in self.walked:
            kind = type(node)
            if kind is ast.Global:
                self.shared[unit].update(node.names)
            elif kind is ast.Nonlocal:
                self.enclosed[unit].update(node.names)
            elif kind is ast.Import:
                self.imports |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
            elif kind is ast.ImportFrom:
                self.imports |= {alias.asname or alias.name for alias in node.names}
            elif kind in DEFINITIONS and kind is not ast.ClassDef and node is not unit.node:
                alike = self._inner.setdefault(node.name, [])
                if len(alike) < MAX_ALIKE:
                    alike.append((unit, node))
            elif kind is ast.Name and not isinstance(node.ctx, ast.Load):
                self.local[unit].add(node.id)
            elif kind is ast.arg:
                self.local[unit].add(node.arg)
        for unit in self.program.every_unit:
            self.local[unit] -= self.shared[unit]
        entry = self.program.entry
        if entry is not None:
            parameters = entry.node.args
            for argument, name in zip(parameters.args, ARGUMENTS, strict=False):
                self._fixed[entry, argument.arg] = ENTRY_TAGS.get(name, 0)
            for argument in parameters.kwonlyargs:
                self._fixed[entry, argument.arg] = ENTRY_TAGS.get(argument.arg, 0)

    def home(self, unit: Unit, name: str) -> Unit:
        """The unit whose name it is, there."""
        return unit if name in self.local[unit] else self.program.module

    def _bind(self, target: ast.AST, value: ast.AST | None, unit: Unit, element: bool = False) -> None:
        match target:
            case ast.Name(id=name):
                self._bindings.setdefault((self.home(unit, name), name), []).append((value, unit, element))
            case ast.Starred(value=inner):
                self._bind(inner, value, unit, element)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                values = value.elts if isinstance(value, ast.Tuple | ast.List) and not element else []
                pairs = element and is_named_pairs(value)
                for index, one in enumerate(elements):
                    if pairs and index == 0 and len(elements) > 1:
                        continue
                    part = values[index] if len(values) == len(elements) else zipped(value, index, element)
                    self._bind(one, part, unit, element)
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                self._attributes.setdefault(name, set()).add(unit)
                self._bindings.setdefault((unit, f"self.{name}"), []).append((value, unit, element))
            case ast.Subscript() | ast.Attribute():
                # What is put into a container is part of it.
                while isinstance(target, ast.Subscript | ast.Attribute):
                    if isinstance(target, ast.Attribute) and is_self(target.value):
                        self._bind(target, value, unit, element)
                        return
                    target = target.value
                if isinstance(target, ast.Name):
                    self._bind(target, value, unit, element)

    def _bind_node(self, node: ast.AST, unit: Unit) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind(target, value, unit)
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.AugAssign(target=target, value=value):
                self._bind(target, value, unit)
            case ast.NamedExpr(target=target, value=value):
                self._bind(target, value, unit)
            case ast.For(target=target, iter=source) | ast.AsyncFor(target=target, iter=source):
                self._bind(target, source, unit, element=True)
            case ast.comprehension(target=target, iter=source):
                self._bind(target, source, unit, element=True)
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                self._bind(target, value, unit)
            case (
                ast.Return(value=ast.expr() as value)
                | ast.Yield(value=ast.expr() as value)
                | ast.YieldFrom(value=value)
            ):
                around = self.program.function_around(node, unit)
                self._bindings.setdefault((unit, f"return {id(around)}"), []).append((value, unit, False))
            case ast.Expr(value=ast.Call() as call):
                self._bind_filled(call, unit)
            case ast.Call():
                self._bind_arguments(node, unit)

    def _bind_filled(self, call: ast.Call, unit: Unit) -> None:
        """A call whose answer nobody takes may fill what it was given: `losses.append(loss)`."""
        for given in (call.func.value if isinstance(call.func, ast.Attribute) else None, *call.args):
            while isinstance(given, ast.Subscript | ast.Attribute):
                given = given.value
            if isinstance(given, ast.Name) and given.id not in self.imports:
                self._filled.setdefault((self.home(unit, given.id), given.id), []).append((call, unit))

    def _bind_arguments(self, call: ast.Call, unit: Unit) -> None:
        for keyword in call.keywords:
            if keyword.arg == "out":
                self._bind(keyword.value, call, unit)
        # functools.partial(f, x) and pool.submit(f, x) hand on what they are given.
        functions = [(call.func, call.args)]
        functions += [(one, call.args[index + 1 :]) for index, one in enumerate(call.args[:3])]
        for function, given in functions:
            for called, node, skipped in self.called(function, unit):
                parameters = [one.arg for one in (*node.args.posonlyargs, *node.args.args)][skipped:]
                for name, value in zip(parameters, given, strict=False):
                    self._bindings.setdefault((called, name), []).append((value, unit, False))
                named = {one.arg for one in (*node.args.args, *node.args.kwonlyargs)}
                for keyword in call.keywords:
                    name = keyword.arg
                    if name not in named and node.args.kwarg is not None:
                        name = node.args.kwarg.arg
                    if name is not None:
                        self._bindings.setdefault((called, name), []).append((keyword.value, unit, False))

    def called(self, function: ast.AST, unit: Unit) -> Iterator[tuple[Unit, Function, int]]:
        """The functions of this file that may be meant, and how many of their parameters come from the call itself."""
        match function:
            case ast.Name(id=name):
                own = self.program.units.get(name)
                if own is not None and isinstance(own.node, Function):
                    yield own, own.node, 0
                elif own is not None:
                    for holder, node in self._inner.get("__init__", []):
                        if holder is own:
                            yield holder, node, 1
                else:
                    for holder, node in self._inner.get(name, []):
                        if holder is unit:
                            yield holder, node, 0
            case ast.Attribute(attr=name):
                # `Own.apply` of an autograd function calls its forward, after the context.
                for holder, node in self._inner.get("forward" if name == "apply" else name, []):
                    if isinstance(holder.node, ast.ClassDef):
                        yield holder, node, 1

    def _settle(self) -> None:
        for _ in range(MAX_ROUNDS):
            changed = False
            for key, values in self._bindings.items():
                tags = self._fixed.get(key, 0)
                for value, unit, element in values:
                    found = UNKNOWN if value is None else self.tags(value, unit)
                    tags |= self._element(found) if element else found
                if tags != self._tags.get(key, 0):
                    self._tags[key] = tags | self._tags.get(key, 0)
                    changed = True
            for key, calls in self._filled.items():
                tags = self._tags.get(key, self._fixed.get(key, 0))
                if not tags & NEVER_FILLED:
                    for call, unit in calls:
                        tags |= self.tags(call, unit) & ~NEVER_FILLED
                    if tags != self._tags.get(key, 0):
                        self._tags[key] = tags
                        changed = True
            if not changed:
                return

    @staticmethod
    def _element(tags: int) -> int:
        # The number of steps counts elements, and is none.
        tags &= ~STEPS
        return (tags & ~ITERATOR) | BATCH if tags & ITERATOR else tags

    # --- Tags

    def named(self, unit: Unit, name: str) -> int:
        key = (self.home(unit, name), name)
        if key in self._tags:
            return self._tags[key]
        if key in self._fixed:
            return self._fixed[key]
        # A parameter that nobody is seen to give.
        return UNKNOWN if name in self.local[unit] and key not in self._bindings else 0

    def tags(self, node: ast.AST | None, unit: Unit) -> int:
        """What the value of an expression in this unit may be made of."""
        match node:
            case None | ast.Constant() | ast.Lambda():
                return 0
            case ast.Name(id=name):
                return self.named(unit, name)
            case ast.Attribute(value=value, attr=name):
                return self._attribute_tags(value, name, unit)
            case ast.Call():
                return self._call_tags(node, unit)
            case ast.Subscript(value=value):
                return self.tags(value, unit)
            case (
                ast.ListComp(elt=value)
                | ast.SetComp(elt=value)
                | ast.GeneratorExp(elt=value)
                | ast.DictComp(value=value)
            ):
                return self.tags(value, unit) | (self.tags(node.generators[0].iter, unit) & STEPS)
            case ast.IfExp(body=body, orelse=orelse):
                return self.tags(body, unit) | self.tags(orelse, unit)
        found = 0
        for name in child_fields(type(node)):
            child = getattr(node, name, None)
            for one in child if isinstance(child, list) else [child]:
                if isinstance(one, ast.AST):
                    found |= self.tags(one, unit)
        return found

    def _attribute_tags(self, value: ast.expr, name: str, unit: Unit) -> int:
        if isinstance(value, ast.Name):
            if value.id == "self" and (unit, f"self.{name}") in self._bindings:
                return self._tags.get((unit, f"self.{name}"), 0)
            if value.id in self.imports:
                return 0
        base = self.tags(value, unit)
        if name in SIZES:
            return SIZE if base & (BATCH | SIZE) else 0
        if name in UNVALUED:
            return 0
        if name in ("grad", "data", "weight", "bias") and base & (MODEL | WEIGHTS):
            return WEIGHTS
        for holder in self._attributes.get(name, ()):
            base |= self._tags.get((holder, f"self.{name}"), 0)
        return base

    def _arguments(self, call: ast.Call, unit: Unit) -> int:
        found = 0
        for one in (*call.args, *(keyword.value for keyword in call.keywords)):
            found |= self.tags(one, unit)
        return found

    def _call_tags(self, call: ast.Call, unit: Unit) -> int:
        function = call.func
        name = self.program.last(function) if isinstance(function, ast.Name | ast.Attribute) else ""
        if isinstance(function, ast.Attribute):
            name = function.attr
        if name == "range":
            return self._arguments(call, unit) & STEPS
        if name in MAKERS:
            return MADE | (self._arguments(call, unit) & (OUTPUT | BATCH) if name in ("tensor", "one_hot") else 0)
        if name == "next":
            given = self._arguments(call, unit)
            return (given & ~ITERATOR) | BATCH if given & ITERATOR else given
        if name == "len":
            given = self._arguments(call, unit)
            return (SIZE if given & (BATCH | SIZE) else 0) | (given & STEPS)
        if name in REUSABLE:
            return READY | (self._arguments(call, unit) & MODEL)
        if name in OPTIMIZERS or self.program.path(function).startswith("torch.optim."):
            return OPTIMIZER
        if name in WRAPPERS and call.args:
            return self.tags(call.args[0], unit)
        own = [*self.called(function, unit)]
        if isinstance(function, ast.Attribute) and not self._is_imported(function.value):
            return self._method_tags(function, name, call, unit, bool(own))
        if own and not isinstance(own[0][0].node, ast.ClassDef):
            return self._returned(own)
        if isinstance(function, ast.Name | ast.Attribute):
            if self.tags(function, unit) & MODEL:
                return OUTPUT
            path = self.program.path(function)
            known = path.startswith(("torch.", "math.", "numpy.", "contextlib.", "itertools.")) or "." not in path
            foreign = UNKNOWN if not known or (isinstance(function, ast.Name) and name in self.local[unit]) else 0
            return self._arguments(call, unit) | foreign
        # A call of what another call or a look-up gave: `kernel[grid](...)`.
        return OUTPUT if self.tags(function, unit) & MODEL else self._arguments(call, unit) | UNKNOWN

    def _is_imported(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.imports

    def _method_tags(self, function: ast.Attribute, name: str, call: ast.Call, unit: Unit, is_own: bool) -> int:
        base = self.tags(function.value, unit)
        if name in SIZES:
            return SIZE if base & (BATCH | SIZE) else 0
        if base & MODEL:
            if name in STATE_READERS:
                return WEIGHTS
            if name in SELF_RETURNING or name in PART_READERS or name.startswith("get_"):
                return MODEL
            return 0 if name in SETTERS else OUTPUT
        returned = self._returned([*self.called(function, unit)]) if is_own else 0
        return base | self._arguments(call, unit) | returned | (UNKNOWN if is_own else 0)

    def _returned(self, own: list[tuple[Unit, Function, int]]) -> int:
        found = 0
        for holder, node, _ in own:
            found |= self._tags.get((holder, f"return {id(node)}"), 0)
        return found


def is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def is_named_pairs(source: ast.AST | None) -> bool:
    return isinstance(source, ast.Call) and called_name(source) in NAMED_PAIRS


def zipped(source: ast.AST | None, index: int, element: bool) -> ast.AST | None:
    """What the target at this place of a tuple gets: one of the sources of a zip, else of the whole."""
    if element and isinstance(source, ast.Call) and called_name(source) == "zip" and index < len(source.args):
        return source.args[index]
    return source


def called_name(call: ast.Call) -> str:
    """The last part of what is called by name, "" for other calls."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def walk(program: Program) -> Iterator[tuple[ast.AST, Unit]]:
    """Every node with its unit, in the order of the text. Decorators and bases run with the module."""
    units = {id(unit.node): unit for unit in program.every_unit}
    stack: list[tuple[ast.AST, Unit]] = [(program.module.node, program.module)]
    while stack:
        node, unit = stack.pop()
        yield node, unit
        inner = units.get(id(node), unit)
        children = []
        for name in child_fields(type(node)):
            value = getattr(node, name, None)
            owner = inner if name in ("body", "args") else unit
            if isinstance(value, list):
                children += [(one, owner) for one in value if isinstance(one, ast.AST)]
            elif isinstance(value, ast.AST):
                children.append((value, owner))
        children.reverse()
        stack += children
