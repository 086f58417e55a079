"""What the production validator's static scan says about a train.py (spec/evaluation.md sections 3 and 3a).

`scan` reports every violation. The first one, in production's order, is the verdict; the order is not that of the
lines: five passes (A to E) go over the whole tree one after the other, each breadth-first, and pass A tries its rules
1 to 11 on each node. The policy (which names, which modules) is data, `hparams/scan-policy.json`; the rules are code.

Standard library only, no file or process access: the same file runs in Pyodide 0.25 (Python 3.11, as in production)
and in CPython. On newer Pythons the grammar is held to 3.11 as far as `ast.parse` can do that; what remains is
f-strings, whose syntax is wider there (quotes and backslashes inside braces pass) and whose parts carry their own
positions (in 3.11 a constant part has the position of the whole string).

The source is adversarial. Nothing here recurses over the tree, evaluates a format, or builds a text whose size is not
bounded by that of the source. What brings production's scanner down is reported as `scanner-crash`.
"""

from __future__ import annotations

import ast
import dataclasses
import re
import warnings
from codecs import lookup as find_codec
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, Literal, NamedTuple

from .cuda_needs import cuda_needs
from .syntax_tree import child_fields
from .topology import read_strategy

# The validator downloads no more than this (spec/chain.md, "Code URL"), so nothing larger reaches its scan.
MAX_SOURCE_BYTES = 500_000
# CPython 3.11 builds no tree deeper than about 2,970 less three a frame of its caller; this holds everywhere.
MAX_TREE_DEPTH = 2_500
# Production resolves sums by recursion and fails "at about 1,000": its recursion limit less the frames around it.
MAX_SUM_DEPTH = 950
# Padding of this size exhausts memory in production. Widths that do not fit 63 bits fail to format, harmlessly.
GIANT_WIDTH = 2**31
MAX_WIDTH = 2**63 - 1
# What joins may add up to in one file. A file that gets here was made to exhaust the scanner.
MAX_JOINED_CHARACTERS = 4_000_000
# These two decoders are pure Python and take quadratic time.
SLOW_CODECS = ("punycode", "idna")
MAX_SLOW_CODEC_BYTES = 5_000
# More findings help nobody; the verdict is always the first.
MAX_FINDINGS = 5_000
# JavaScript reads integers exactly up to here; a declared size beyond it fits no number of GPUs anyway.
MAX_SAFE_INTEGER = 2**53 - 1

LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")

Kind = Literal["syntax", "security", "structure"]


class Rule(NamedTuple):
    """One row of the table of rules: the kind of its verdict, what it protects, and what to do instead."""

    kind: Kind
    protects: str
    instead: str


# Ids are stable: records and the window refer to them.
RULES: dict[str, Rule] = {
    # Before the passes.
    "syntax-error": Rule("syntax", "The file has to be Python 3.11.", "Correct the syntax."),
    "source-too-large": Rule(
        "security", "The validator's time and memory.", f"Keep the file within {MAX_SOURCE_BYTES:,} bytes."
    ),
    "scanner-crash": Rule(
        "security",
        "The validator's scanner, which fails the file when it fails itself.",
        "Write this part in a simpler way.",
    ),
    # Pass A, rules 1 to 3: torch stays recognisable and unpatched.
    "torch-alias-import": Rule("security", "The scanner looks for the literal name torch.", "Write `import torch`."),
    "torch-alias-binding": Rule("security", "The scanner looks for the literal name torch.", "Use `torch` directly."),
    "torch-function-binding": Rule(
        "security", "Functions of torch that only direct calls may reach.", "Call it directly, without another name."
    ),
    "torch-module-write": Rule(
        "security", "The functions of torch, which others rely on.", "Define a function of your own instead."
    ),
    # Rules 4 and 5: names.
    "forbidden-name": Rule(
        "security",
        "Python's ways to run text as code, to reach any attribute and to open files.",
        "Use another name, or plain attribute access.",
    ),
    "module-name-binding": Rule("security", "The name under which the module runs.", "Use another name."),
    # Rule 6: attributes.
    "object-attribute": Rule(
        "security", "Attributes that objects protect themselves.", "Assign the attribute in the usual way."
    ),
    "torch-private-api": Rule("security", "The private core of torch.", "Use torch's public functions."),
    "torch-config-write": Rule("security", "The configuration of torch's compiler.", "Leave it as it is."),
    "class-reassignment": Rule("security", "The classes of given objects.", "Wrap the object in one of your own."),
    "timer-attribute": Rule("security", "The clocks of the evaluation.", "Leave timing to the validator."),
    "attribute-overwrite": Rule("security", "Methods that the timing rests on.", "Use another attribute name."),
    "slots-write": Rule("security", "The layout of classes.", "Declare `__slots__` in the class body."),
    "gc-introspection": Rule("security", "Objects that the code was not given.", "Use only what inner_steps receives."),
    "cudnn-write": Rule(
        "security", "The backend settings that the reference run uses.", "Leave the cuDNN settings as they are."
    ),
    # Rule 7: calls.
    "backend-toggle-call": Rule("security", "The backend settings that the reference run uses.", "Leave them."),
    "grad-toggle-call": Rule(
        "security", "Gradients: every step has to be real training.", "Use `torch.no_grad()` where none is needed."
    ),
    "dynamic-code-call": Rule(
        "security",
        "Against code hidden in text.",
        "Write the code itself; on a module, `.train(False)` does what `.eval()` does.",
    ),
    "compile-call": Rule("security", "Against code hidden in text.", "Write `torch.compile(...)`, or no compile call."),
    # Rules 8 and 9: imports.
    "forbidden-module": Rule(
        "security", "The machine, the interpreter and the evaluation.", "Remove the import; torch has what is needed."
    ),
    "importlib-import": Rule("security", "Against imports the scan cannot see.", "Import the module by its name."),
    "forbidden-import-path": Rule("security", "Native code and raw memory.", "Remove the import."),
    "star-import": Rule("security", "The scan has to see every name.", "Import the names one by one."),
    "forbidden-torch-import": Rule(
        "security", "Functions of torch that only direct calls may reach.", "Write `torch.` and the name."
    ),
    # Rule 10: builtins and introspection.
    "forbidden-builtin-call": Rule(
        "security", "Python's ways to reach any attribute and any file.", "Rename the method, or do without the call."
    ),
    "torch-load-call": Rule("security", "Against code hidden in pickles.", "Build the tensors in the code."),
    "ctypeslib-attribute": Rule("security", "Native code and raw memory.", "Remove it."),
    "builtins-access": Rule("security", "Python's builtins.", "Call the builtin by its name."),
    "sys-modules": Rule("security", "Loaded modules.", "Import the module by its name."),
    "dict-attribute": Rule("security", "Attributes behind an object's back.", "Name the attributes one by one."),
    "introspection-attribute": Rule("security", "Frames, code objects and class internals.", "Do without it."),
    "optimizer-attribute": Rule(
        "security", "Optimizers of the evaluation.", "Keep the optimizer in a variable or in `self.optimizer`."
    ),
    # Rule 11.
    "introspection-definition": Rule("security", "How objects answer attribute access.", "Use another name."),
    "forbidden-decorator": Rule("security", "Attribute access that runs code.", "Use a plain method."),
    "large-bytes-literal": Rule("security", "Against programs hidden in data.", "Compute the values."),
    "unsafe-load": Rule("security", "Against code hidden in pickles.", "Drop `weights_only=False`."),
    # Passes B to D: text.
    "forbidden-string": Rule(
        "security",
        "Names that may not be spelled in text, because text can become code.",
        "Reword the text (comments are not scanned); a main guard belongs in another file.",
    ),
    "assembled-string": Rule("security", "The same, for text put together from parts.", "Do not build such text."),
    "dynamic-codec": Rule(
        "security", "Text must be readable without running the code.", "Name the codec in a plain string."
    ),
    "forbidden-attribute-name": Rule("security", "The same names as attributes.", "Use another attribute."),
    # Pass E.
    "inner-steps-missing": Rule(
        "structure",
        "The function that is evaluated.",
        "Define `def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1)`.",
    ),
    "inner-steps-parameters": Rule(
        "structure",
        "The function that is evaluated.",
        "Take model, data_iterator, optimizer, num_steps, device, num_gpus as ordinary parameters.",
    ),
}

INNER_STEPS_PARAMETERS = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """The contents of scan-policy.json, ready for look-up."""

    forbidden_substrings_in_strings: frozenset[str]
    forbidden_modules: frozenset[str]
    forbidden_module_paths: frozenset[str]
    forbidden_import_substrings: frozenset[str]
    forbidden_from_torch_imports: frozenset[str]
    forbidden_from_torch_backends_imports: frozenset[str]
    forbidden_torch_attribute_bindings: frozenset[str]
    forbidden_torch_config_writes: frozenset[str]
    forbidden_names: frozenset[str]
    forbidden_builtin_calls: frozenset[str]
    forbidden_direct_calls: frozenset[str]
    forbidden_method_calls: frozenset[str]
    forbidden_timer_attributes: frozenset[str]
    forbidden_assignment_attributes: frozenset[str]
    tracked_torch_submodules: frozenset[str]
    allowed_torch_assignment_prefixes: frozenset[str]
    forbidden_grad_toggle_calls: frozenset[str]
    forbidden_object_attributes: frozenset[str]
    forbidden_gc_attributes: frozenset[str]
    forbidden_cudnn_writes: frozenset[str]
    forbidden_backend_toggle_calls: frozenset[str]
    sys_module_names: frozenset[str]
    forbidden_introspection_attributes: frozenset[str]
    max_bytes_literal_elements: int

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Policy:
        """ValueError, with the key, where the data lack one or hold something else in it."""
        values: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            value = data.get(field.name)
            if field.name == "max_bytes_literal_elements":
                if not isinstance(value, int):
                    raise ValueError(f"scan policy: {field.name} must be a whole number")
                values[field.name] = value
            else:
                if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
                    raise ValueError(f"scan policy: {field.name} must be a list of names")
                values[field.name] = frozenset(value)
        return cls(**values)


class Violation(NamedTuple):
    """One broken rule. `anchor` is the node whose line production reports, None where it reports no line."""

    rule: str
    anchor: ast.AST | None
    what: str


class State:
    """What pass A knows while it walks."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        # Local names of tracked torch submodules. No scope, never forgotten, filled in walk order.
        self.submodule_aliases: set[str] = set()


RuleCheck = Callable[[Any, State], Iterator[Violation]]
# Node type -> the rules of pass A for it, in the order of their numbers.
PASS_A: dict[type[ast.AST], list[RuleCheck]] = {}


def checks(*node_types: type[ast.AST]) -> Callable[[RuleCheck], RuleCheck]:
    """Registers a rule of pass A. Rules are defined below in the order in which production tries them."""

    def register(check: RuleCheck) -> RuleCheck:
        for node_type in node_types:
            PASS_A.setdefault(node_type, []).append(check)
        return check

    return register


# --- Small questions about nodes ---------------------------------------------------------------------------------


def is_name(node: ast.AST | None, *names: str) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def torch_attribute(node: ast.AST) -> str | None:
    """`x` where the node is `torch.x`."""
    return node.attr if isinstance(node, ast.Attribute) and is_name(node.value, "torch") else None


def text_of(node: ast.AST | None) -> str | None:
    """The value of a string literal."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def texts_of(nodes: list[ast.expr]) -> list[str] | None:
    """The values of string literals; None where one of the nodes is none."""
    values = [text_of(node) for node in nodes]
    return values if all(value is not None for value in values) else None


def dotted_path(node: ast.expr) -> list[str] | None:
    """["a", "b", "c"] for `a.b.c`; None where a call, a subscript or the like is on the way."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    parts.append(node.id)
    return parts[::-1]


def lies_under(path: str, roots: Iterable[str]) -> bool:
    return any(path == root or path.startswith(root + ".") for root in roots)


def attribute_targets(node: ast.Assign | ast.AugAssign | ast.Delete) -> list[ast.Attribute]:
    """Attributes that are themselves a target; those inside a tuple or list target are not."""
    targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets
    return [target for target in targets if isinstance(target, ast.Attribute)]


def quoted(text: str) -> str:
    """For messages: one line, of readable length."""
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


# --- Pass A --------------------------------------------------------------------------------------------------------


@checks(ast.Import)
def rule_1_torch_imports(node: ast.Import, state: State) -> Iterator[Violation]:
    for alias in node.names:
        if alias.asname is None:
            continue
        if alias.name == "torch" and alias.asname != "torch":
            yield Violation("torch-alias-import", node, f"torch is imported as {quoted(alias.asname)}")
        if alias.name in state.policy.tracked_torch_submodules:
            state.submodule_aliases.add(alias.asname)


@checks(ast.Assign, ast.NamedExpr)
def rule_2_torch_bindings(node: ast.Assign | ast.NamedExpr, state: State) -> Iterator[Violation]:
    def renames(target: ast.expr) -> bool:
        return isinstance(target, ast.Name) and target.id != "torch"

    def renames_inside(target: ast.expr) -> bool:
        return isinstance(target, ast.List | ast.Tuple) and any(map(renames, target.elts))

    def is_guarded_function(value: ast.expr) -> bool:
        return torch_attribute(value) in state.policy.forbidden_torch_attribute_bindings

    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    is_display = isinstance(node, ast.Assign) and isinstance(node.value, ast.List | ast.Tuple)
    elements = node.value.elts if is_display else []
    if (is_name(node.value, "torch") and any(map(renames, targets))) or (
        any(is_name(element, "torch") for element in elements)
        and any(renames(target) or renames_inside(target) for target in targets)
    ):
        yield Violation("torch-alias-binding", node, "torch gets a second name")
    for value in (node.value, *elements):
        if is_guarded_function(value):
            yield Violation("torch-function-binding", node, f"`torch.{torch_attribute(value)}` gets a second name")


@checks(ast.Assign, ast.AugAssign, ast.Delete)
def rule_3_torch_writes(node: ast.Assign | ast.AugAssign | ast.Delete, state: State) -> Iterator[Violation]:
    for target in attribute_targets(node):
        path = dotted_path(target)
        if path is None:
            continue
        parent = ".".join(path[:-1])
        if path[0] in state.submodule_aliases or (
            path[0] == "torch"
            and (parent == "torch" or not lies_under(parent, state.policy.allowed_torch_assignment_prefixes))
        ):
            yield Violation("torch-module-write", node, f"{quoted('.'.join(path))} of torch is changed")


@checks(ast.Name)
def rule_4_forbidden_names(node: ast.Name, state: State) -> Iterator[Violation]:
    if node.id in state.policy.forbidden_names:
        yield Violation("forbidden-name", node, f"The name {quoted(node.id)} is forbidden, even for a variable")


@checks(
    ast.Name,
    ast.alias,
    ast.arg,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.ExceptHandler,
    ast.MatchAs,
    ast.MatchStar,
    ast.MatchMapping,
    ast.Global,
    ast.Nonlocal,
)
def rule_5_module_name(node: Any, state: State) -> Iterator[Violation]:
    match node:
        case ast.Name():
            bound = () if isinstance(node.ctx, ast.Load) else (node.id,)
        case ast.alias():
            bound = (node.name, node.asname)
        case ast.arg():
            bound = (node.arg,)
        case ast.MatchMapping():
            bound = (node.rest,)
        case ast.Global() | ast.Nonlocal():
            bound = node.names
        case _:
            bound = (node.name,)
    if "__name__" in bound:
        yield Violation("module-name-binding", node, "`__name__` is bound")


@checks(ast.Assign)
def rule_6_assignments(node: ast.Assign, state: State) -> Iterator[Violation]:
    policy = state.policy
    for target in attribute_targets(node):
        match target:
            case ast.Attribute(value=ast.Attribute(attr="config", value=ast.Attribute(attr=module))) if (
                module in policy.forbidden_torch_config_writes
            ):
                yield Violation("torch-config-write", node, f"{quoted(module + '.config.' + target.attr)} is changed")
        if target.attr == "__class__":
            yield Violation("class-reassignment", node, "`__class__` is assigned")
        if target.attr in policy.forbidden_assignment_attributes:
            yield Violation("attribute-overwrite", node, f"An attribute {quoted(target.attr)} is assigned")


@checks(ast.Attribute)
def rule_6_attributes(node: ast.Attribute, state: State) -> Iterator[Violation]:
    policy = state.policy
    name = node.attr
    if name in policy.forbidden_object_attributes and is_name(node.value, "object"):
        yield Violation("object-attribute", node, f"{quoted('object.' + name)} is used")
    if name == "_C" and is_name(node.value, "torch"):
        yield Violation("torch-private-api", node, "`torch._C` is used")
    if name in policy.forbidden_timer_attributes:
        yield Violation("timer-attribute", node, f"The attribute {quoted(name)} belongs to a clock")
    if name == "__slots__" and not isinstance(node.ctx, ast.Load):
        yield Violation("slots-write", node, "`__slots__` is changed from outside the class body")
    if name in policy.forbidden_gc_attributes and is_name(node.value, "gc"):
        yield Violation("gc-introspection", node, f"{quoted('gc.' + name)} is used")
    if name in policy.forbidden_cudnn_writes and isinstance(node.ctx, ast.Store):
        match node.value:
            case ast.Attribute(attr="cudnn"):
                yield Violation("cudnn-write", node, f"{quoted('cudnn.' + name)} is changed")


@checks(ast.Call)
def rule_7_calls(node: ast.Call, state: State) -> Iterator[Violation]:
    policy = state.policy
    match node.func:
        case ast.Name(id=name) if name in policy.forbidden_direct_calls:
            yield Violation("dynamic-code-call", node, f"{quoted(name + '()')} is called")
        case ast.Attribute(attr=name, value=receiver):
            if name in policy.forbidden_backend_toggle_calls:
                yield Violation("backend-toggle-call", node, f"{quoted('.' + name + '()')} is called")
            if name in policy.forbidden_grad_toggle_calls:
                yield Violation("grad-toggle-call", node, f"{quoted('.' + name + '()')} is called")
            if name in policy.forbidden_method_calls:
                yield Violation("dynamic-code-call", node, f"A method {quoted(name)} is called, whatever it belongs to")
            if name == "compile" and not is_name(receiver, "torch"):
                yield Violation("compile-call", node, "A method `compile` is called on something else than `torch`")


def import_path_problem(path: str, policy: Policy) -> bool:
    return any(part in path for part in policy.forbidden_import_substrings) or lies_under(
        path, policy.forbidden_module_paths
    )


def module_violations(path: str, node: ast.Import | ast.ImportFrom, policy: Policy) -> Iterator[Violation]:
    """What rules 8 and 9 say alike about the module of an import."""
    base = path.partition(".")[0]
    if base in policy.forbidden_modules:
        yield Violation("forbidden-module", node, f"The module {quoted(base)} is imported")
    if path.startswith("importlib"):
        yield Violation("importlib-import", node, f"{quoted(path)} is imported")


@checks(ast.Import)
def rule_8_imports(node: ast.Import, state: State) -> Iterator[Violation]:
    for alias in node.names:
        yield from module_violations(alias.name, node, state.policy)
        if import_path_problem(alias.name, state.policy):
            yield Violation("forbidden-import-path", node, f"{quoted(alias.name)} is imported")


@checks(ast.ImportFrom)
def rule_9_imports_from(node: ast.ImportFrom, state: State) -> Iterator[Violation]:
    policy = state.policy
    names = [alias.name for alias in node.names]
    if "*" in names:
        yield Violation("star-import", node, "All names of a module are imported")
    # The level of a relative import is ignored, unless there is nothing but the level.
    module = node.module
    if module is None:
        return
    yield from module_violations(module, node, policy)
    for name in names:
        if (module == "torch" and name in policy.forbidden_from_torch_imports) or (
            module.startswith("torch.backends") and name in policy.forbidden_from_torch_backends_imports
        ):
            yield Violation("forbidden-torch-import", node, f"{quoted(name)} is imported from {quoted(module)}")
    problems = (path for path in chain([module], *((name, f"{module}.{name}") for name in names)))
    bad_path = next((path for path in problems if import_path_problem(path, policy)), None)
    if bad_path is not None:
        yield Violation("forbidden-import-path", node, f"{quoted(bad_path)} is imported")
    for alias in node.names:
        if f"{module}.{alias.name}" in policy.tracked_torch_submodules:
            state.submodule_aliases.add(alias.asname or alias.name)


@checks(ast.Call)
def rule_10_calls(node: ast.Call, state: State) -> Iterator[Violation]:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in state.policy.forbidden_builtin_calls:
            yield Violation("forbidden-builtin-call", node, f"{quoted(name + '()')} is called")
    if torch_attribute(node.func) == "load":
        yield Violation("torch-load-call", node, "`torch.load()` is called")


@checks(ast.Name)
def rule_10_names(node: ast.Name, state: State) -> Iterator[Violation]:
    if node.id == "__builtins__":
        yield Violation("builtins-access", node, "`__builtins__` is used")


@checks(ast.Attribute)
def rule_10_attributes(node: ast.Attribute, state: State) -> Iterator[Violation]:
    policy = state.policy
    name = node.attr
    if name == "ctypeslib":
        yield Violation("ctypeslib-attribute", node, "`.ctypeslib` is used")
    if name == "__builtins__":
        yield Violation("builtins-access", node, "`.__builtins__` is used")
    if name == "modules" and is_name(node.value, *policy.sys_module_names):
        yield Violation("sys-modules", node, "The table of loaded modules is used")
    if name == "__dict__":
        yield Violation("dict-attribute", node, "`.__dict__` is used")
    if name in policy.forbidden_introspection_attributes:
        yield Violation("introspection-attribute", node, f"The attribute {quoted(name)} is used")
    if name == "optimizer" and not is_name(node.value, "self"):
        yield Violation("optimizer-attribute", node, "An attribute `optimizer` of something else than `self` is used")


@checks(ast.FunctionDef, ast.AsyncFunctionDef)
def rule_11_definitions(node: ast.FunctionDef | ast.AsyncFunctionDef, state: State) -> Iterator[Violation]:
    if node.name in state.policy.forbidden_introspection_attributes:
        yield Violation("introspection-definition", node, f"A function {quoted(node.name)} is defined")
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Name) and decorator.id in state.policy.forbidden_names:
            yield Violation("forbidden-decorator", decorator, f"{quoted('@' + decorator.id)} is used")


@checks(ast.Call)
def rule_11_calls(node: ast.Call, state: State) -> Iterator[Violation]:
    if is_name(node.func, "bytes", "bytearray") and len(node.args) == 1:
        match node.args[0]:
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                if len(elements) > state.policy.max_bytes_literal_elements:
                    limit = state.policy.max_bytes_literal_elements
                    yield Violation(
                        "large-bytes-literal", node, f"Bytes are made of {len(elements)} elements, more than {limit}"
                    )
    match node.func:
        case ast.Attribute(attr="load"):
            for keyword in node.keywords:
                if keyword.arg == "weights_only" and getattr(keyword.value, "value", None) is False:
                    yield Violation("unsafe-load", node, "`weights_only=False` is given to a load call")


def pass_a(nodes: list[ast.AST], policy: Policy) -> Iterator[Violation]:
    state = State(policy)
    for node in nodes:
        for check in PASS_A.get(type(node), ()):
            yield from check(node, state)


# --- Passes B to D: text -------------------------------------------------------------------------------------------


class Unscannable(Exception):
    """Production's scanner fails here; the argument says why."""


class Summary(NamedTuple):
    """A text known only by its two ends and by the first forbidden substring in it: enough to add texts up."""

    head: str
    tail: str
    found: str | None


class Searcher:
    """Looks for forbidden substrings, in texts and across the seams of texts that are put together."""

    def __init__(self, policy: Policy) -> None:
        self.substrings = sorted(policy.forbidden_substrings_in_strings)
        self.shortest = min(map(len, self.substrings), default=1)
        # A match across a seam reaches at most this far to either side.
        self.reach = max(max(map(len, self.substrings), default=1) - 1, 1)
        self.joined_characters = 0

    def first_in(self, text: str) -> str | None:
        if len(text) < self.shortest:
            return None
        for substring in self.substrings:
            if substring in text:
                return substring
        return None

    def summary(self, text: str) -> Summary:
        return Summary(text[: self.reach], text[-self.reach :], self.first_in(text))

    def sum(self, left: Summary, right: Summary) -> Summary:
        return Summary(
            (left.head + right.head)[: self.reach],
            (left.tail + right.tail)[-self.reach :],
            left.found or right.found or self.first_in(left.tail + right.head),
        )

    def join(self, separator: str, parts: Iterable[str], count: int, characters: int) -> str:
        self.joined_characters += characters + len(separator) * max(count - 1, 0)
        if self.joined_characters > MAX_JOINED_CHARACTERS:
            raise Unscannable(f"The joins of this file make more than {MAX_JOINED_CHARACTERS:,} characters")
        return separator.join(parts)


def pass_b(nodes: list[ast.AST], searcher: Searcher) -> Iterator[Violation]:
    for node in nodes:
        text = text_of(node)
        if text is None:
            continue
        found = searcher.first_in(text)
        if found is not None:
            yield Violation("forbidden-string", node, f"A string contains {quoted(found)}")


def pass_c(nodes: list[ast.AST], searcher: Searcher) -> Iterator[Violation]:
    found_in_sums = sums_with_findings(nodes, searcher)
    for node in nodes:
        try:
            match node:
                case ast.Call():
                    result = assembled_by_call(node, searcher)
                case ast.BinOp(op=ast.Add()):
                    result = found_in_sums.get(node)
                case ast.BinOp(op=ast.Mod()):
                    text = assembled_by_percent(node, searcher)
                    result = None if text is None else searcher.first_in(text)
                case ast.JoinedStr():
                    text = assembled_by_f_string(node)
                    result = None if text is None else searcher.first_in(text)
                case _:
                    continue
        except Unscannable as reason:
            yield Violation("scanner-crash", node, str(reason))
            continue
        if isinstance(result, Violation):
            yield result
        elif result is not None:
            yield Violation("assembled-string", node, f"The parts of this text make {quoted(result)}")


def sums_with_findings(nodes: list[ast.AST], searcher: Searcher) -> dict[ast.AST, str | Violation]:
    """Finds forbidden text in sums of string literals, and sums that are too deep; without recursion.

    Children come after their parents in `nodes`, so the reverse order meets operands first. Of nested sums that
    resolve, only the outermost is reported: its text includes theirs.
    """
    summaries: dict[ast.AST, Summary] = {}
    depths: dict[ast.AST, int] = {}
    findings: dict[ast.AST, str | Violation] = {}

    def summary_of(operand: ast.expr) -> Summary | None:
        text = text_of(operand)
        return summaries.get(operand) if text is None else searcher.summary(text)

    for node in reversed(nodes):
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)):
            continue
        operands = (node.left, node.right)
        depths[node] = 1 + max(depths.get(operand, 0) for operand in operands)
        left, right = map(summary_of, operands)
        if left is not None and right is not None:
            summaries[node] = searcher.sum(left, right)
        if depths[node] > MAX_SUM_DEPTH:
            findings[node] = Violation(
                "scanner-crash", node, "A chain of about 1,000 `+` is too deep for the validator"
            )
        elif node in summaries and summaries[node].found is not None:
            findings[node] = summaries[node].found
        if node in findings:
            for operand in operands:
                findings.pop(operand, None)
    return findings


# Codecs: spec section 3, pass C. `None` for one means that it is given, but not as a string literal.
def codec_of(call: ast.Call, first: int) -> tuple[str | None, str | None]:
    """Encoding and errors of `.decode(...)` (first=0) or `str(data, ...)` (first=1)."""

    def literal(position: int, name: str, default: str) -> str | None:
        positional = call.args[position] if position < len(call.args) else None
        keyword = next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
        if positional is None and keyword is None:
            return default
        for candidate in (positional, keyword):
            text = text_of(candidate)
            if text is not None:
                return text or default
        return None

    return literal(first, "encoding", "utf-8"), literal(first + 1, "errors", "strict")


def bytes_call_argument(node: ast.expr) -> ast.expr | None:
    """The single positional argument of `bytes(...)` or `bytearray(...)`."""
    match node:
        case ast.Call(func=ast.Name(id="bytes" | "bytearray"), args=[argument]):
            return argument
    return None


def bytes_from_list(node: ast.expr) -> bytes | None:
    """The value of `bytes([...])` or `bytearray([...])` of int literals."""
    match bytes_call_argument(node):
        case ast.List(elts=elements):
            values = [element.value if isinstance(element, ast.Constant) else None for element in elements]
            if all(isinstance(value, int) and 0 <= value <= 255 for value in values):
                return bytes(values)
    return None


def bytes_to_decode(node: ast.expr) -> bytes | None:
    """The bytes that a `.decode()` receives, where they are written in one of the ways production resolves."""
    data = bytes_from_list(node)
    if data is not None:
        return data
    match node:
        case ast.Call(func=ast.Attribute(attr="fromhex", value=ast.Name(id="bytes" | "bytearray")), args=[argument]):
            digits = text_of(argument)
            if digits is not None:
                try:
                    return bytes.fromhex(digits)
                except ValueError:
                    return None
        case ast.BinOp(
            op=ast.Add(), left=ast.Constant(value=bytes() as left), right=ast.Constant(value=bytes() as right)
        ):
            return left + right
        case ast.Constant(value=bytes() as data):
            return data
    return None


def decoded(data: bytes, encoding: str, errors: str) -> str | None:
    """The text, or None where Python's decoder fails."""
    if LONE_SURROGATE.search(encoding + errors):
        raise Unscannable("The name of a codec contains a lone surrogate")
    try:
        # One codec has many spellings: only the look-up tells which one is meant.
        if len(data) > MAX_SLOW_CODEC_BYTES and find_codec(encoding).name in SLOW_CODECS:
            raise Unscannable(f"Decoding {len(data):,} bytes of {encoding.lower()} takes the validator too long")
        return data.decode(encoding, errors)
    except Unscannable:
        raise
    except Exception:  # noqa: BLE001 - codecs raise what they like; whatever it is, nothing was decoded
        return None


def assembled_by_call(node: ast.Call, searcher: Searcher) -> str | Violation | None:
    """The forbidden text that a call with literal arguments makes, or what is wrong with the call."""
    dynamic_codec = Violation("dynamic-codec", node, "Bytes are decoded with a codec that is no string literal")
    text = None
    match node:
        case ast.Call(func=ast.Attribute(attr="decode", value=receiver)):
            data = bytes_to_decode(receiver)
            if data is not None:
                encoding, errors = codec_of(node, first=0)
                if encoding is None or errors is None:
                    return dynamic_codec
                text = decoded(data, encoding, errors)
        case ast.Call(func=ast.Name(id="str"), args=[source, *_]) if bytes_call_argument(source) is not None:
            # Unlike in .decode(), the codec is judged whether or not the bytes are known.
            encoding, errors = codec_of(node, first=1)
            if encoding is None or errors is None:
                return dynamic_codec
            data = bytes_from_list(source)
            if data is not None:
                text = decoded(data, encoding, errors)
        case ast.Call(func=ast.Attribute(attr="join", value=ast.Constant(value=str() as separator)), args=[argument]):
            text = joined(separator, argument, searcher)
    return None if text is None else searcher.first_in(text)


def joined(separator: str, argument: ast.expr, searcher: Searcher) -> str | None:
    match argument:
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            parts = texts_of(elements)
            if parts is not None:
                return searcher.join(separator, parts, len(parts), sum(map(len, parts)))
        case ast.Call(func=ast.Name(id="reversed"), args=[ast.Constant(value=str() as text)]):
            return searcher.join(separator, reversed(text), len(text), len(text))
    return None


def assembled_by_f_string(node: ast.JoinedStr) -> str | None:
    parts = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            if part.conversion != -1 or part.format_spec is not None:
                return None
            part = part.value
        text = text_of(part)
        if text is None:
            return None
        parts.append(text)
    return "".join(parts)


# One conversion of the % operator: flags, width, precision, length modifier, kind.
CONVERSION = re.compile(r"%(\()?([#0\- +]*)(\*|[0-9]+)?((?:\.(?:\*|[0-9]+)?)?)[hlL]?(.)?", re.DOTALL)


def assembled_by_percent(node: ast.BinOp, searcher: Searcher) -> str | None:
    template = text_of(node.left)
    arguments = texts_of(node.right.elts if isinstance(node.right, ast.Tuple) else [node.right])
    if template is None or arguments is None:
        return None
    try:
        return format_percent(template, arguments, searcher.reach)
    except (TypeError, ValueError):
        return None


def format_percent(template: str, arguments: list[str], reach: int) -> str:
    """`template % arguments`, but padding is cut to what no forbidden substring can span.

    TypeError or ValueError where Python would raise one, Unscannable for sizes that exhaust memory.
    """
    pieces = []
    remaining = iter(arguments)
    end = 0
    total_width = 0
    for match in CONVERSION.finditer(template):
        pieces.append(template[end : match.start()])
        end = match.end()
        key, flags, width, precision, kind = match.groups()
        if key is not None or width == "*" or precision == ".*":
            raise TypeError("strings are neither a mapping nor a width")
        if kind is None:
            raise ValueError("incomplete format")
        if width is not None and int(width) > MAX_WIDTH:
            raise ValueError("width too big")
        if match.group() == "%%":
            pieces.append("%")
            continue
        argument = next(remaining, None)
        if argument is None:
            raise TypeError("not enough arguments")
        piece = f"%{flags}{precision}{kind}" % (argument,)
        if width is not None:
            total_width += int(width)
            if total_width > GIANT_WIDTH:
                raise Unscannable(f"A format width of {total_width:,} characters exhausts the validator's memory")
            padding = " " * min(int(width) - len(piece), reach + 1)
            piece = piece + padding if "-" in flags else padding + piece
        pieces.append(piece)
    if next(remaining, None) is not None:
        raise TypeError("not all arguments converted")
    return "".join((*pieces, template[end:]))


def pass_d(nodes: list[ast.AST], policy: Policy) -> Iterator[Violation]:
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr in policy.forbidden_substrings_in_strings:
            yield Violation("forbidden-attribute-name", node, f"The attribute name {quoted(node.attr)} is forbidden")


# --- Pass E --------------------------------------------------------------------------------------------------------


def pass_e(nodes: list[ast.AST]) -> Iterator[Violation]:
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and node.name == "inner_steps":
            count = len(node.args.args)
            if count < INNER_STEPS_PARAMETERS:
                yield Violation(
                    "inner-steps-parameters",
                    node,
                    f"inner_steps takes {count} ordinary parameters, at least {INNER_STEPS_PARAMETERS} are needed",
                )
            return
    yield Violation("inner-steps-missing", None, "There is no function inner_steps")


# --- The scan ------------------------------------------------------------------------------------------------------


class Range(NamedTuple):
    """1-based lines and columns (in code points), the end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


START = Range(1, 1, 1, 1)


class SourceText:
    """The source and its lines, as CPython counts them (a form feed ends no line)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    def column(self, line: int, byte_offset: int) -> int:
        """The column of a 0-based offset in UTF-8 bytes, which is what the tree holds."""
        content = self.lines[line - 1] if line <= len(self.lines) else ""
        if content.isascii():
            return byte_offset + 1
        return len(content.encode()[:byte_offset].decode("utf-8", "replace")) + 1

    def range_of(self, node: Any) -> Range:
        line, end_line = node.lineno, node.end_lineno
        column = self.column(line, node.col_offset)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            # The whole body would be marked: the first line says where.
            return Range(line, column, line, len(self.lines[line - 1].rstrip()) + 1)
        return Range(line, column, end_line, self.column(end_line, node.end_col_offset))


class Rejection(Exception):
    """The file does not get as far as the passes."""

    def __init__(self, rule: str, what: str, where: Range = START, line: int | None = None) -> None:
        super().__init__(what)
        self.rule = rule
        self.what = what
        self.where = where
        self.line = line


def decode_source(source: bytes | str) -> str:
    """The text production would hold: UTF-8, where a byte order mark stays (and is a syntax error)."""
    size = len(source) if isinstance(source, bytes) else len(source.encode("utf-8", "surrogatepass"))
    if size > MAX_SOURCE_BYTES:
        raise Rejection("source-too-large", f"The file has more than {MAX_SOURCE_BYTES:,} bytes")
    if isinstance(source, str):
        return source
    try:
        return source.decode()
    except UnicodeDecodeError as error:
        before = SourceText(source[: error.start].decode())
        line, column = len(before.lines), len(before.lines[-1]) + 1
        what = f"The file is not UTF-8 text: byte 0x{source[error.start]:02x} at offset {error.start}"
        raise Rejection("syntax-error", what, Range(line, column, line, column + 1), line) from None


def parse(text: str) -> ast.Module:
    before_null, null, _ = text.partition("\0")
    if null:
        # Production's parser gives no line for this.
        before = SourceText(before_null)
        line, column = len(before.lines), len(before.lines[-1]) + 1
        raise Rejection("syntax-error", "The file contains a null byte", Range(line, column, line, column + 1))
    try:
        with warnings.catch_warnings():
            # Doubtful escapes and the like are no business of the scan.
            warnings.simplefilter("ignore")
            return ast.parse(text, feature_version=(3, 11))
    except SyntaxError as error:
        line, column = max(error.lineno or 1, 1), max(error.offset or 1, 1)
        end_line, end_column = error.end_lineno or line, error.end_offset or 0
        if (end_line, end_column) <= (line, column):
            end_line, end_column = line, column + 1
        where = Range(line, column, end_line, end_column)
        raise Rejection(
            "syntax-error", f"Python cannot parse the file: {error.msg[:200]}", where, error.lineno
        ) from None
    except (RecursionError, MemoryError):
        raise too_deep() from None
    except UnicodeEncodeError:
        raise Rejection(
            "scanner-crash", "The file contains a lone surrogate, which the validator cannot take"
        ) from None


def too_deep() -> Rejection:
    return Rejection("scanner-crash", "The code is nested too deeply for the validator to parse")


def breadth_first(tree: ast.Module) -> list[ast.AST]:
    """All nodes in the order of `ast.walk`, but for contexts and operators. Rejection for a tree that is too deep."""
    nodes: list[ast.AST] = []
    level: list[ast.AST] = [tree]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_TREE_DEPTH:
            raise too_deep()
        nodes += level
        next_level: list[ast.AST] = []
        for node in level:
            for name in child_fields(type(node)):
                child = getattr(node, name, None)
                if isinstance(child, list):
                    next_level += [item for item in child if isinstance(item, ast.AST)]
                elif isinstance(child, ast.AST):
                    next_level.append(child)
        level = next_level
    return nodes


def finding(rule: str, what: str, where: Range) -> dict[str, Any]:
    return {
        "rule": rule,
        "line": where.line,
        "column": where.column,
        "endLine": where.end_line,
        "endColumn": where.end_column,
        "message": f"{what}. {RULES[rule].instead}",
    }


def verdict(rule: str | None, line: int | None) -> dict[str, Any]:
    return {"ok": rule is None, "kind": "pass" if rule is None else RULES[rule].kind, "line": line, "rule": rule}


def scan(source: bytes | str, policy: dict[str, Any], num_gpus: int | None = None) -> dict[str, Any]:
    """What production would say about this train.py: a report in the shape of app/common/scan.ts.

    `source` is the file's content, or the text where it is known already. `policy` is the content of
    hparams/scan-policy.json; ValueError where it is incomplete. `num_gpus` (1 where not given) only sizes a strategy
    that is declared as a string; whether a strategy fits is asked with `topology.check_topology`.

    Findings are in production's order: the first is the verdict, the next would be it once that is repaired. The
    verdict's line is null where production has none: a missing or short inner_steps, a file it cannot parse at all.
    At most MAX_FINDINGS are reported. Never raises for any source.
    """
    rules = Policy.from_data(policy)
    try:
        program = read(source)
    except Rejection as rejection:
        return rejected(rejection)
    return judged(program, rules, num_gpus)


class Program(NamedTuple):
    """A parsed file. `nodes` in the order of `ast.walk`, the module first."""

    text: SourceText
    nodes: list[ast.AST]


def read(source: bytes | str) -> Program:
    """Rejection for a file that does not get as far as the passes."""
    text = SourceText(decode_source(source))
    return Program(text, breadth_first(parse(text.text)))


def rejected(rejection: Rejection) -> dict[str, Any]:
    """The report on a file that cannot be read."""
    return {
        "verdict": verdict(rejection.rule, rejection.line),
        "findings": [finding(rejection.rule, rejection.what, rejection.where)],
        "strategy": None,
        "cudaNeeds": [],
    }


def judged(program: Program, rules: Policy, num_gpus: int | None) -> dict[str, Any]:
    """The report on a file that can be read; arguments and result as of `scan`."""
    text, nodes = program
    searcher = Searcher(rules)
    found = chain(
        pass_a(nodes, rules), pass_b(nodes, searcher), pass_c(nodes, searcher), pass_d(nodes, rules), pass_e(nodes)
    )
    # Once each: `import os, os` breaks one rule twice in the same words.
    violations = list(dict.fromkeys(islice(found, MAX_FINDINGS)))
    findings = [
        finding(rule, what, START if anchor is None else text.range_of(anchor)) for rule, anchor, what in violations
    ]
    first_rule = violations[0].rule if violations else None
    has_line = first_rule is not None and RULES[first_rule].kind != "structure"
    strategy = read_strategy(nodes, 1 if num_gpus is None else num_gpus)
    return {
        "verdict": verdict(first_rule, findings[0]["line"] if has_line else None),
        "findings": findings,
        "strategy": strategy and {name: min(size, MAX_SAFE_INTEGER) for name, size in strategy.items()},
        "cudaNeeds": cuda_needs(nodes, text.text),
    }
