"""A parsed train.py under review: its nodes with what values are made of, and what several heuristics ask of it.

Standard library only, no file or process access, like the scanner.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Any, Literal, NamedTuple

from .lints import Program, Unit
from .scan import Range, SourceText
from .value_flow import ITERATOR, MODEL, OUTPUT, Flow, called_name

Severity = Literal["likely_exploit", "worth_a_look"]
LIKELY: Severity = "likely_exploit"
LOOK: Severity = "worth_a_look"


class Found(NamedTuple):
    """One thing to look at: the place, what it would let one do, and the other places that led there."""

    where: ast.AST | Range
    sentence: str
    severity: Severity
    because: tuple[ast.AST, ...] = ()


class Whole(Program):
    """A file of which everything counts as run."""

    def _reached(self) -> list[Unit]:
        rest = [unit for unit in self.every_unit if unit is not self.entry]
        return rest if self.entry is None else [self.entry, *rest]


class Store(NamedTuple):
    """Something is written: the statement, what it writes to, the value (None for `del`, a loop, a call), and how."""

    node: ast.AST
    target: ast.expr
    value: ast.AST | None
    unit: Unit
    #: An assignment as everybody writes it; loops, `with`, tuples and annotations assign, too.
    plain: bool


class File:
    """A parsed file, and what several heuristics ask of it."""

    def __init__(self, text: SourceText, nodes: list[ast.AST]) -> None:
        self.text = text
        self.program = Whole(nodes)
        self.flow = Flow(self.program)
        self.walked = self.flow.walked

    def of(self, *kinds: type[ast.AST]) -> Iterator[tuple[Any, Unit]]:
        for node, unit in self.walked:
            if isinstance(node, kinds):
                yield node, unit

    def tags(self, node: ast.AST | None, unit: Unit) -> int:
        return self.flow.tags(node, unit)

    def inside(self, node: ast.AST, unit: Unit, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        """The nodes of these kinds around the node, innermost first, within its unit."""
        for _, parent in self.program.ancestors(node, unit):
            if isinstance(parent, kinds):
                yield parent

    @cached_property
    def _called_at_import(self) -> set[str]:
        return {
            call.func.id for call, unit in self.calls if unit is self.program.module and isinstance(call.func, ast.Name)
        }

    def is_called_at_import(self, unit: Unit) -> bool:
        """Whether the module itself calls this function, so that what it made lasts."""
        return getattr(unit.node, "name", "") in self._called_at_import

    def in_function(self, unit: Unit) -> bool:
        return unit is not self.program.module

    @cached_property
    def calls(self) -> list[tuple[ast.Call, Unit]]:
        return [*self.of(ast.Call)]

    @cached_property
    def attributes(self) -> list[tuple[ast.Attribute, Unit]]:
        return [*self.of(ast.Attribute)]

    @cached_property
    def strings(self) -> list[tuple[ast.Constant, Unit]]:
        return [
            (node, unit)
            for node, unit in self.of(ast.Constant)
            if isinstance(node.value, str) and not isinstance(self.program.parents.get(node), ast.Expr)
        ]

    @cached_property
    def classes(self) -> list[ast.ClassDef]:
        return [node for node, _ in self.of(ast.ClassDef)]

    @cached_property
    def stores(self) -> list[Store]:
        found: list[Store] = []
        for node, unit in self.walked:
            match node:
                case ast.Assign(targets=targets, value=value):
                    for target in targets:
                        found += stores_to(node, target, value, unit)
                case ast.AugAssign(target=target, value=value):
                    found.append(Store(node, target, value, unit, plain=True))
                case ast.AnnAssign(target=target, value=ast.expr() as value):
                    found.append(Store(node, target, value, unit, plain=isinstance(target, ast.Name)))
                case ast.NamedExpr(target=target, value=value):
                    found.append(Store(node, target, value, unit, plain=True))
                case ast.For(target=target) | ast.AsyncFor(target=target) | ast.comprehension(target=target):
                    found += stores_to(target, target, None, unit, plain=False)
                case ast.withitem(optional_vars=ast.expr() as target):
                    found += stores_to(target, target, None, unit, plain=False)
                case ast.Delete(targets=targets):
                    for target in targets:
                        found += stores_to(node, target, None, unit)
        return found

    @cached_property
    def backward_calls(self) -> list[tuple[ast.Call, Unit]]:
        return [(call, unit) for call, unit in self.calls if called_name(call) == "backward"]

    @cached_property
    def unit_by_node(self) -> dict[int, Unit]:
        """The unit of each function and class of the module, by the identity of its node."""
        return {id(unit.node): unit for unit in self.program.every_unit}

    @cached_property
    def lines_of_calls(self) -> dict[tuple[Unit, int, str], list[int]]:
        """(unit, identity of the innermost function, "backward" or "step") -> the lines of its calls, in order."""
        lines: dict[tuple[Unit, int, str], list[int]] = {}
        for call, unit in self.calls:
            name = called_name(call)
            if name in ("backward", "step"):
                around = id(self.program.function_around(call, unit))
                lines.setdefault((unit, around, name), []).append(call.lineno)
        return {key: sorted(found) for key, found in lines.items()}

    @cached_property
    def last_training_call(self) -> dict[Unit, ast.Call]:
        """The last call of each unit that trains: a backward pass, or a function that has one."""
        found: dict[Unit, ast.Call] = {}
        for call, unit in self.calls:
            trains = called_name(call) == "backward" or self.program.called(call) in self.program.trains
            if trains and (unit not in found or found[unit].lineno < call.lineno):
                found[unit] = call
        return found

    @cached_property
    def draws(self) -> list[tuple[ast.Call, Unit]]:
        """Where a batch is drawn from the data."""
        return [
            (call, unit)
            for call, unit in self.calls
            if called_name(call) in ("next", "__next__")
            and any(self.tags(one, unit) & ITERATOR for one in (*call.args[:1], *receiver_of(call)))
        ]

    @cached_property
    def drawing_loops(self) -> set[ast.AST]:
        """Loops that draw a batch each time round."""
        loops: set[ast.AST] = set()
        for call, unit in self.draws:
            loops.update(islice(self.inside(call, unit, ast.For, ast.While), 1))
        for loop, unit in self.of(ast.For):
            if self.tags(loop.iter, unit) & ITERATOR:
                loops.add(loop)
        return loops

    @cached_property
    def model_calls(self) -> list[tuple[ast.Call, Unit]]:
        return [
            (call, unit)
            for call, unit in self.calls
            if isinstance(call.func, ast.Name | ast.Attribute | ast.Subscript)
            and (not isinstance(call.func, ast.Attribute) or call.func.attr in ("forward", "model", "lm_head"))
            and self.tags(call.func, unit) & MODEL
            and self.tags(call, unit) & OUTPUT
        ]

    def root_path(self, node: ast.AST, unit: Unit) -> str:
        """The dotted path of what an attribute chain begins with an import, also by another name; "" for others."""
        while isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        if node.id in self.flow.imports and node.id not in self.flow.local[unit]:
            return self.program.imported.get(node.id, node.id)
        value = self.program.value_of(node, unit)
        if isinstance(value, ast.Attribute) and value is not node:
            path = self.program.path(value)
            root = value
            while isinstance(root, ast.Attribute):
                root = root.value
            return path if isinstance(root, ast.Name) and root.id in self.flow.imports else ""
        return ""


def stores_to(
    node: ast.AST, target: ast.expr, value: ast.AST | None, unit: Unit, plain: bool = True
) -> Iterator[Store]:
    waiting = [(target, value, plain)]
    while waiting:
        target, value, plain = waiting.pop()
        if isinstance(target, ast.Tuple | ast.List):
            values = value.elts if isinstance(value, ast.Tuple | ast.List) else []
            same = len(values) == len(target.elts)
            waiting += [(one, values[at] if same else value, False) for at, one in enumerate(target.elts)]
        elif isinstance(target, ast.Starred):
            waiting.append((target.value, value, False))
        else:
            yield Store(node, target, value, unit, plain)


def receiver_of(call: ast.Call) -> list[ast.expr]:
    return [call.func.value] if isinstance(call.func, ast.Attribute) else []


def names_in(node: ast.AST) -> Iterator[ast.Name]:
    return (one for one in ast.walk(node) if isinstance(one, ast.Name))


def number(node: ast.AST | None) -> int | float | None:
    """The number that an expression is."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = number(operand)
            return None if value is None else -value
    return None


def is_constant(node: ast.AST | None, *values: Any) -> bool:
    return isinstance(node, ast.Constant) and any(node.value is value or node.value == value for value in values)


def attribute_path(node: ast.AST) -> list[str]:
    parts = []
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return parts[::-1]
