"""Repairs that change no meaning: four kinds, each for one finding of the scan or one lint.

- an alias of torch is dropped, and `torch` written where it stood;
- a computed strategy becomes the literal that it computes to;
- a forbidden word in a text that nothing reads (a docstring, a bare string) is spelled otherwise;
- a main guard, which production never runs, is removed.

Whatever is in doubt gets no repair. What one repairs is gone afterwards, and nothing else is found that was not found
before. Standard library only, no file or process access, like the scanner.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

from .scan import Policy, Program, Range, Rejection, SourceText, is_name, parse, pass_a, text_of
from .syntax_tree import child_fields
from .topology import declared_by

# More help nobody; what is repaired first makes room for the next.
MAX_FIXES = 50
# No topology has more GPUs, and no number grows without end on the way to it.
MAX_SIZE = 1_000_000
# How many expressions a computed strategy may be made of.
MAX_FOLDED = 100
# Each look at an alias takes a scan's time.
MAX_ALIASES = 5
MAX_TEXT_CHARACTERS = 20_000

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Edit(NamedTuple):
    """The text that takes the place of a range."""

    where: Range
    text: str


Repair = tuple[str, list[Edit]]


def fixes(program: Program, policy: Policy, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The repairs for findings and lints, in their order and in the shape of app/common/scan.ts; at most MAX_FIXES."""
    words = Wording(program, policy)
    guards = main_guards(program.nodes)
    aliases = 0
    repaired = []
    for finding in found:
        place = (finding["line"], finding["column"])
        repair = None
        match finding["rule"]:
            case "torch-alias-import" if aliases < MAX_ALIASES:
                aliases += 1
                repair = without_alias(program, policy, place)
            case "strategy-not-literal":
                repair = with_literal_strategy(program, place)
            case "forbidden-string":
                repair = without_guard(program.text, guards, place) or words.repair(place)
        if repair is None:
            continue
        title, edits = repair
        repaired.append(
            {
                "rule": finding["rule"],
                "line": finding["line"],
                "column": finding["column"],
                "title": title,
                "edits": [
                    {
                        "line": where.line,
                        "column": where.column,
                        "endLine": where.end_line,
                        "endColumn": where.end_column,
                        "text": text,
                    }
                    for where, text in sorted(edits)
                ],
            }
        )
        if len(repaired) == MAX_FIXES:
            break
    return repaired


# --- Small questions -----------------------------------------------------------------------------------------------


def starts_at(text: SourceText, node: ast.AST, place: tuple[int, int]) -> bool:
    # The line first: columns cost more.
    return getattr(node, "lineno", None) == place[0] and text.range_of(node)[:2] == place


def written(text: SourceText, where: Range) -> str:
    """The source of a range, its lines ended by line feeds."""
    if where.line == where.end_line:
        return text.lines[where.line - 1][where.column - 1 : where.end_column - 1]
    first = text.lines[where.line - 1][where.column - 1 :]
    last = text.lines[where.end_line - 1][: where.end_column - 1]
    return "\n".join((first, *text.lines[where.line : where.end_line - 1], last))


def bindings(nodes: list[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    """Every binding of a name in the file, whatever its scope: (name, what binds it)."""
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name, node
            case ast.arg(arg=name):
                yield name, node
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node
            case ast.ExceptHandler(name=str() as name) | ast.MatchAs(name=str() as name):
                yield name, node
            case ast.MatchStar(name=str() as name) | ast.MatchMapping(rest=str() as name):
                yield name, node
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                for name in names:
                    yield name, node
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                for alias in aliases:
                    yield alias.asname or alias.name.partition(".")[0], alias


def below(root: ast.AST) -> Iterator[ast.AST]:
    """The node and all nodes below it."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        for name in child_fields(type(node)):
            child = getattr(node, name, None)
            waiting += [one for one in (child if isinstance(child, list) else [child]) if isinstance(one, ast.AST)]


# --- An alias of torch ---------------------------------------------------------------------------------------------


def without_alias(program: Program, policy: Policy, place: tuple[int, int]) -> Repair | None:
    text, nodes = program
    statements = [node for node in nodes[0].body if isinstance(node, ast.Import) and starts_at(text, node, place)]
    aliases = [
        alias
        for node in statements
        for alias in node.names
        if alias.name == "torch" and alias.asname not in (None, "torch")
    ]
    if len(aliases) != 1:
        return None
    [alias] = aliases
    old = alias.asname
    for name, node in bindings(nodes):
        # Elsewhere the two names may stand for something else.
        if name == old and node is not alias:
            return None
        if name == "torch" and not (
            isinstance(node, ast.alias) and node.asname is None and node.name.partition(".")[0] == "torch"
        ):
            return None
    if not statements or any(isinstance(node, ast.ImportFrom) and imports_torch_name(node) for node in nodes):
        return None
    uses = [node for node in nodes if is_name(node, old)]
    if mentioned_in_text(nodes, old, uses) or any(written(text, text.range_of(use)) != old for use in uses):
        return None
    # An import of torch.x under no name binds torch as well; the name alone is enough.
    edits = [Edit(text.range_of(alias), "torch"), *(Edit(text.range_of(use), "torch") for use in uses)]
    return (f"Write torch instead of {old}", edits) if makes_nothing_worse(nodes, policy, alias, uses) else None


def imports_torch_name(node: ast.ImportFrom) -> bool:
    return any((alias.asname or alias.name) == "torch" for alias in node.names)


def mentioned_in_text(nodes: list[ast.AST], name: str, uses: list[ast.Name]) -> bool:
    """Whether the name is used where its place is uncertain (f-strings) or where it is text (annotations)."""
    used = {*uses}
    word = re.compile(rf"\b{re.escape(name)}\b")
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            if any(part in used for part in below(node)):
                return True
            continue
        for field in ("annotation", "returns"):
            annotation = getattr(node, field, None)
            if isinstance(annotation, ast.AST) and any(word.search(text_of(part) or "") for part in below(annotation)):
                return True
    return False


def makes_nothing_worse(nodes: list[ast.AST], policy: Policy, alias: ast.alias, uses: list[ast.Name]) -> bool:
    """Whether pass A, the only one that looks at names, finds nothing new once the name is torch."""

    def found() -> Counter[tuple[str, int]]:
        return Counter((violation.rule, id(violation.anchor)) for violation in pass_a(nodes, policy))

    old = alias.asname
    before = found()
    try:
        alias.asname = None
        for use in uses:
            use.id = "torch"
        return not found() - before
    finally:
        alias.asname = old
        for use in uses:
            use.id = str(old)


# --- A computed strategy -------------------------------------------------------------------------------------------


def with_literal_strategy(program: Program, place: tuple[int, int]) -> Repair | None:
    text, nodes = program
    functions = [node for node in nodes if isinstance(node, Function) and node.name == "get_strategy"]
    if len(functions) != 1 or functions[0] not in nodes[0].body or functions[0].decorator_list:
        return None
    [function] = functions
    inside = list(below(function))
    returned = [node for node in inside if isinstance(node, ast.Return)]
    # With one way out, and nothing on the way but assignments, every call returns the same.
    if len(returned) != 1 or returned[0] is not function.body[-1] or returned[0].value is None:
        return None
    for statement in function.body[:-1]:
        if not isinstance(statement, ast.Assign | ast.Pass) and not is_text(statement):
            return None
    value = returned[0].value
    where = text.range_of(value)
    if not starts_at(text, value, place) or "#" in written(text, where):
        return None
    folded = Folding(nodes, function).value(value)
    if not isinstance(folded, str | dict):
        return None
    shown = (
        f'"{folded}"'
        if isinstance(folded, str)
        else "{" + ", ".join(f'"{key}": {number}' for key, number in folded.items()) + "}"
    )
    [literal] = parse(shown).body
    if declared_by(literal.value, 2) is None:
        return None
    return f"Return {shown}", [Edit(where, shown)]


def is_text(statement: ast.AST) -> bool:
    return isinstance(statement, ast.Expr) and text_of(statement.value) is not None


class Folding:
    """Computes expressions of whole numbers, and names that are bound once, to such a constant."""

    def __init__(self, nodes: list[ast.AST], function: ast.AST) -> None:
        bound = Counter(name for name, _ in bindings(nodes))
        statements = [*nodes[0].body, *function.body]
        self.values = {
            statement.targets[0].id: statement.value
            for statement in statements
            if isinstance(statement, ast.Assign)
            and len(statement.targets) == 1
            and isinstance(statement.targets[0], ast.Name)
            and bound[statement.targets[0].id] == 1
        }
        self.dict_is_builtin = bound["dict"] == 0
        self.remaining = MAX_FOLDED
        # A dict may be changed by whoever has hold of it: only reads of an entry, and one return, are let pass.
        reads = {id(node.value) for node in nodes if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)}
        reads |= {id(node.value) for node in below(function) if isinstance(node, ast.Return)}
        self.shared = {
            node.id
            for node in nodes
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in reads
        }

    def value(self, node: ast.expr) -> int | str | dict[str, int | str] | None:
        """None where the value is not known."""
        self.remaining -= 1
        if self.remaining < 0:
            return None
        match node:
            case ast.Constant(value=str() as text):
                return text if text.isascii() and text.isprintable() and not {'"', "\\"} & {*text} else None
            case ast.Constant(value=int() as number) if not isinstance(number, bool):
                return number if number <= MAX_SIZE else None
            case ast.Name(id=name) if name in self.values:
                value = self.value(self.values[name])
                return None if isinstance(value, dict) and name in self.shared else value
            case ast.BinOp(left=left, op=operator, right=right):
                return self._operation(self.value(left), operator, self.value(right))
            case ast.Subscript(value=ast.Name() as container, slice=key):
                entries, name = self.value(container), self.value(key)
                return entries.get(name) if isinstance(entries, dict) and isinstance(name, str) else None
            case ast.Dict(keys=keys, values=values):
                names = [None if key is None else self.value(key) for key in keys]
                return self._entries(names, values)
            case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords) if self.dict_is_builtin:
                return self._entries([keyword.arg for keyword in keywords], [one.value for one in keywords])
        return None

    def _entries(self, names: list[Any], values: list[ast.expr]) -> dict[str, int | str] | None:
        entries: dict[str, int | str] = {}
        for name, node in zip(names, values, strict=True):
            value = self.value(node)
            if not isinstance(name, str) or not isinstance(value, int):
                return None
            entries[name] = value
        return entries

    @staticmethod
    def _operation(left: Any, operator: ast.operator, right: Any) -> int | None:
        if not isinstance(left, int) or not isinstance(right, int):
            return None
        match operator:
            case ast.Add():
                result = left + right
            case ast.Sub():
                result = left - right
            case ast.Mult():
                result = left * right
            case ast.FloorDiv() if right != 0:
                result = left // right
            case _:
                return None
        return result if abs(result) <= MAX_SIZE else None


# --- Words in texts that nothing reads -----------------------------------------------------------------------------


class Wording:
    """Finds the texts of a file that nothing reads, and spells their forbidden words otherwise."""

    def __init__(self, program: Program, policy: Policy) -> None:
        self.program = program
        self.words = policy.forbidden_substrings_in_strings

    @cached_property
    def unread(self) -> dict[int, list[ast.Constant]]:
        """Line -> the texts that begin there; none where the file asks for documentation, which is such a text."""
        lines: dict[int, list[ast.Constant]] = {}
        for node in self.program.nodes:
            if is_text(node):
                lines.setdefault(node.value.lineno, []).append(node.value)
            elif (isinstance(node, ast.Attribute) and node.attr == "__doc__") or is_name(node, "__doc__", "help"):
                return {}
        return lines

    def repair(self, place: tuple[int, int]) -> Repair | None:
        text = self.program.text
        candidates = self.unread.get(place[0], [])
        constant = next((one for one in candidates[:20] if starts_at(text, one, place)), None)
        if constant is None or len(constant.value) > MAX_TEXT_CHARACTERS:
            return None
        where = text.range_of(constant)
        before = written(text, where)
        after = harmless(before, self.words)
        expected = harmless(constant.value, self.words)
        # Escapes and adjacent literals can hide a word from this view, or make one that is not there.
        if after is None or expected is None or literal_value(after) != expected:
            return None
        return "Spell the forbidden word otherwise", list(edits_between(before, after, where))


def edits_between(before: str, after: str, where: Range) -> Iterator[Edit]:
    """The edits that make `after` of `before`, line by line; both have the same number of lines."""
    pairs = zip(before.split("\n"), after.split("\n"), strict=True)
    for number, (old, new) in enumerate(pairs, start=where.line):
        if old == new:
            continue
        first = where.column if number == where.line else 1
        shorter = min(len(old), len(new))
        start = next((index for index in range(shorter) if old[index] != new[index]), shorter)
        same_end = next((end for end in range(shorter - start) if old[-1 - end] != new[-1 - end]), shorter - start)
        yield Edit(Range(number, first + start, number, first + len(old) - same_end), new[start : len(new) - same_end])


def literal_value(source: str) -> str | None:
    try:
        [statement] = parse(f"({source})").body
    except (Rejection, ValueError):
        return None
    return text_of(getattr(statement, "value", None))


def harmless(text: str, words: frozenset[str]) -> str | None:
    """The text with every forbidden word spelled otherwise; None where that does not come to an end."""
    # A word goes, and another may come to light in what is left: `__builtins__` is followed by `builtins`.
    for _ in range(len(words)):
        found = [word for word in words if word in text]
        if not found:
            return text
        # The longest says best what is meant; of two as long, the first.
        word = min(found, key=lambda one: (-len(one), one))
        text = text.replace(word, respelled(word))
    return None


def respelled(word: str) -> str:
    """Another spelling that a reader still understands: `name` for `__name__`, `get-attr` for `getattr`."""
    inside = re.fullmatch(r"__(\w*[^_])__", word)
    if inside:
        return inside[1]
    if "_" in word or "." in word:
        return word.replace("_", "-").replace(".", " ")
    humps = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", word)
    if humps != word:
        return humps
    parts = re.fullmatch(r"(get|set|del|import|built|mono|python|attr|method|global|local)(.+)", word)
    if parts:
        return f"{parts[1]}-{parts[2]}"
    middle = len(word) // 2
    return f"{word[:middle]}-{word[middle:]}"


# --- A main guard --------------------------------------------------------------------------------------------------


def main_guards(nodes: list[ast.AST]) -> dict[int, tuple[ast.If, ast.Constant]]:
    """Line of its "__main__" -> a main guard of the module without an else."""
    guards = {}
    for node in nodes[0].body:
        match node:
            case ast.If(
                test=ast.Compare(
                    left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__") as name]
                )
                | ast.Compare(
                    left=ast.Constant(value="__main__") as name, ops=[ast.Eq()], comparators=[ast.Name(id="__name__")]
                ),
                orelse=[],
            ):
                guards[name.lineno] = (node, name)
    return guards


def without_guard(
    text: SourceText, guards: dict[int, tuple[ast.If, ast.Constant]], place: tuple[int, int]
) -> Repair | None:
    if place[0] not in guards:
        return None
    guard, name = guards[place[0]]
    if not starts_at(text, name, place):
        return None
    # These are read without being run.
    if any(isinstance(node, Function) and node.name in ("inner_steps", "get_strategy") for node in below(guard)):
        return None
    last_line = guard.end_lineno
    lines_around = (text.lines[guard.lineno - 2] if guard.lineno > 1 else "", text.lines[last_line - 1])
    if any(line.rstrip("\f").endswith("\\") for line in lines_around):
        return None
    if last_line < len(text.lines):
        where = Range(guard.lineno, 1, last_line + 1, 1)
    else:
        where = Range(guard.lineno, 1, last_line, len(text.lines[-1]) + 1)
    return "Remove the main guard", [Edit(where, "")]
