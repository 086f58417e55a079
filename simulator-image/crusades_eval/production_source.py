"""What the production validator's repository says about its rules, read from its files as data; nothing of it is run.

`read` takes paths and contents and looks for what matters by content and by name, never at fixed places, so that a file
that was moved or renamed is still found: the sets of the scan policy, numeric limits, hparams, pinned versions, and the
definitions that make up the scanner. What it cannot find it says, and goes on with the rest.

Standard library only; runs in Pyodide. The files are hostile: nothing here recurses over a tree without a limit or
evaluates anything.
"""

from __future__ import annotations

import ast
import builtins
import json
import math
import re
import sys
import tomllib
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

MAX_PYTHON_BYTES = 1_000_000
# Of all files together; each pass over this many takes seconds in Pyodide.
MAX_NODES = 600_000
MAX_DEPTH = 400
MAX_DEFINITIONS = 400
MAX_SCANNERS = 5
MAX_THRESHOLDS = 500
MAX_TEXT = 200
# The largest set of the policy has about a hundred names; a scan goes through all of them for each text of a file.
MAX_SET_NAMES = 1_000
# Of all sets together: they may be made of each other.
MAX_NAMES = 200_000

# A candidate is taken for a key of the policy from this score on; the parts are weighed below.
MIN_SCORE = 0.5
NAME_WEIGHT = 0.5
CONTENT_WEIGHT = 0.75
# A name alone is enough only when it is this much alike.
SURE_NAME = 0.75

# Words of our keys that say nothing about which set is meant.
COMMON_WORDS = {"forbidden", "blocked", "disallowed", "banned", "denied", "names", "set", "list", "the", "in", "from"}
SYNONYMS = {
    "attrs": "attribute",
    "attr": "attribute",
    "attributes": "attribute",
    "mods": "module",
    "modules": "module",
    "imports": "import",
    "strings": "string",
    "str": "string",
    "patterns": "substring",
    "substrings": "substring",
    "calls": "call",
    "functions": "call",
    "funcs": "call",
    "methods": "method",
    "writes": "write",
    "toggles": "toggle",
    "submodules": "submodule",
    "paths": "path",
    "prefixes": "prefix",
    "builtin": "builtins",
    "elements": "element",
    "elts": "element",
    "assignments": "assignment",
    "bindings": "binding",
    "timers": "timer",
    "timing": "timer",
}

# Limits and defaults of section 4 and 5 (spec/evaluation.md), by the name they have in hparams.json.
THRESHOLD_WORDS = re.compile(
    r"(?:^|_)(?:max|min|limit|threshold|timeout|tolerance|ratio|error|loss|mfu|tflops|steps|divergence|bytes|tokens|rate)"
    r"(?:_|$)",
    re.IGNORECASE,
)
SCANNER_WORDS = {"scan", "validate", "check", "forbidden", "security", "safety", "static", "source", "code"}

PACKAGES = {
    "torch",
    "transformers",
    "flash-attn",
    "accelerate",
    "safetensors",
    "datasets",
    "tokenizers",
    "numpy",
    "huggingface-hub",
    "pyarrow",
    "fastapi",
    "uvicorn",
    "pydantic",
}
HPARAMS_KEYS = {
    "netuid",
    "evaluation_runs",
    "eval_steps",
    "eval_timeout",
    "benchmark_model_name",
    "benchmark_batch_size",
    "benchmark_sequence_length",
    "verification",
    "mfu",
    "docker",
    "adaptive_threshold",
}


class Module(NamedTuple):
    """One Python file that could be parsed. `text` is what its places refer to."""

    path: str
    tree: ast.Module
    text: str


class Candidate(NamedTuple):
    """A set of names, or one number, somewhere in the code."""

    name: str
    values: frozenset[str]
    path: str
    line: int


class Budget:
    """How many names more are taken."""

    def __init__(self, names: int) -> None:
        self.names = names


def read(files: dict[str, bytes], policy: dict[str, Any]) -> dict[str, Any]:
    """The reading of a repository (`readingSchema` of app/common/production.ts).

    `files`: contents by path with forward slashes. `policy`: ours, to recognise theirs by.
    """
    unreadable: list[str] = []
    modules = _modules(files, unreadable)
    found = _match(policy, _all_sets(modules)) | _match_number(policy, modules)
    hparams = _hparams(files, unreadable)
    thresholds = _thresholds(modules)
    pins = _pins(files)
    scanners = _scanners(modules)
    not_found = [f"scan policy: {key}" for key in sorted(policy) if key not in found]
    if hparams is None:
        not_found.append("hparams: no JSON file with the keys of an hparams.json")
    if not thresholds:
        not_found.append("thresholds: no numeric limits in the code")
    if not pins:
        not_found.append("container: no Dockerfile and no pinned packages")
    if not scanners:
        not_found.append("scanner: no function that parses a source and walks its tree")
    return {
        "policy": found,
        "thresholds": thresholds,
        "hparams": hparams,
        "pins": pins,
        "scanners": scanners,
        "unreadable": unreadable[:100],
        "notFound": not_found,
    }


# --- Files ---------------------------------------------------------------------------------------------------------


def _modules(files: dict[str, bytes], unreadable: list[str]) -> list[Module]:
    """The Python files that can be read, the shallow ones first."""
    modules: list[Module] = []
    nodes_left = MAX_NODES
    for path in sorted(files, key=lambda path: (path.count("/"), path)):
        if not path.endswith(".py"):
            continue
        module = _parse(path, files[path], unreadable)
        if module is None:
            continue
        nodes = _count(module.tree, nodes_left)
        if nodes is None:
            unreadable.append(f"{path}: too large or too deeply nested to be read")
            continue
        nodes_left -= nodes
        modules.append(module)
    return sorted(modules, key=lambda module: module.path)


def _parse(path: str, content: bytes, unreadable: list[str]) -> Module | None:
    if len(content) > MAX_PYTHON_BYTES:
        unreadable.append(f"{path}: larger than {MAX_PYTHON_BYTES:,} bytes")
        return None
    try:
        text = content.decode("utf-8-sig")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        unreadable.append(f"{path}: line {error.lineno or 1}: {str(error.msg)[:MAX_TEXT]}")
    except (ValueError, RecursionError, MemoryError) as error:
        unreadable.append(f"{path}: {type(error).__name__}: {str(error)[:MAX_TEXT]}")
    else:
        return Module(path, tree, text)
    return None


def _count(tree: ast.AST, limit: int) -> int | None:
    """Nodes of the tree; None above the limit, and where it is too deep to be walked by recursion."""
    level: list[ast.AST] = [tree]
    nodes = 0
    for _depth in range(MAX_DEPTH):
        nodes += len(level)
        if nodes > limit:
            return None
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return nodes
    return None


def _text(files: dict[str, bytes], path: str) -> str:
    return files[path].decode("utf-8", errors="replace")


# --- Sets of names -------------------------------------------------------------------------------------------------


def _all_sets(modules: list[Module]) -> list[Candidate]:
    """Of every module; sets put together from imported ones, too, where one module only defines a set of that name."""
    left = Budget(MAX_NAMES)
    alone = {module.path: list(_sets(module, {}, left)) for module in modules}
    defined: dict[str, set[frozenset[str]]] = {}
    for candidate in (candidate for candidates in alone.values() for candidate in candidates):
        defined.setdefault(candidate.name, set()).add(candidate.values)
    found: list[Candidate] = []
    for module in modules:
        imported = {
            alias.asname or alias.name: next(iter(defined[alias.name]))
            for node in ast.walk(module.tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if len(defined.get(alias.name, ())) == 1
        }
        found += _sets(module, imported, left) if imported else alone[module.path]
    return found


def _sets(module: Module, imported: dict[str, frozenset[str]], left: Budget) -> Iterator[Candidate]:
    """Named sets of strings anywhere in the module, and those without a name that something is looked up in."""
    known = dict(imported)
    for node in ast.walk(module.tree):
        if left.names <= 0:
            return
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            values = _strings(node.value, known)
            if not values:
                continue
            for target in targets:
                name = _target_name(target)
                if name is not None and len(values) > MAX_SET_NAMES:
                    known.pop(name, None)
                elif name is not None:
                    known[name] = values
                    left.names -= len(values)
                    yield Candidate(name, values, module.path, node.lineno)
        elif isinstance(node, ast.Compare):
            for operator, right in zip(node.ops, node.comparators, strict=True):
                if isinstance(operator, ast.In | ast.NotIn) and not isinstance(right, ast.Name):
                    values = _strings(right, known)
                    if values and len(values) <= MAX_SET_NAMES:
                        left.names -= len(values)
                        yield Candidate("", values, module.path, right.lineno)
                elif isinstance(operator, ast.Eq) and isinstance(right, ast.Constant) and isinstance(right.value, str):
                    yield Candidate("", frozenset([right.value]), module.path, right.lineno)


def _target_name(target: ast.expr) -> str | None:
    if isinstance(target, ast.Name):
        return target.id
    return target.attr if isinstance(target, ast.Attribute) else None


def _strings(node: ast.expr, known: dict[str, frozenset[str]]) -> frozenset[str]:
    """The strings of a display, of a call of set and the like on one, or of a union of such; empty otherwise."""
    if isinstance(node, ast.Set | ast.List | ast.Tuple):
        values: set[str] = set()
        for element in node.elts:
            if isinstance(element, ast.Constant) and isinstance(element.value, str):
                values.add(element.value)
            elif isinstance(element, ast.Starred):
                inner = _strings(element.value, known)
                if not inner:
                    return frozenset()
                values |= inner
            elif isinstance(element, ast.Tuple | ast.List) and element.elts:
                # ("name", "why") rows.
                first = element.elts[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    values.add(first.value)
            else:
                return frozenset()
        return frozenset(value for value in values if value)
    if isinstance(node, ast.Dict):
        keys = [key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
        return frozenset(keys) if len(keys) == len(node.keys) else frozenset()
    if isinstance(node, ast.Call) and _target_name(node.func) in {"set", "frozenset", "tuple", "list", "sorted"}:
        return _strings(node.args[0], known) if len(node.args) == 1 else frozenset()
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "union":
        parts = [_strings(part, known) for part in (node.func.value, *node.args)]
        return frozenset().union(*parts) if all(parts) else frozenset()
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.Add | ast.Sub):
        left, right = _strings(node.left, known), _strings(node.right, known)
        if not left or not right:
            return frozenset()
        return left - right if isinstance(node.op, ast.Sub) else left | right
    if isinstance(node, ast.Name):
        return known.get(node.id, frozenset())
    return frozenset()


def _words(name: str) -> set[str]:
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    words = {SYNONYMS.get(word.lower(), word.lower()) for word in found}
    # "forbidden_names" is nothing but common words.
    return words - COMMON_WORDS or words


def _likeness(first: Iterable[str], second: Iterable[str]) -> float:
    """Jaccard: shared of all, 0..1."""
    a, b = set(first), set(second)
    return len(a & b) / len(a | b) if a | b else 0.0


def _match(policy: dict[str, Any], candidates: list[Candidate]) -> dict[str, Any]:
    """Each key with the likeliest candidate; a candidate serves two keys only where it equals both."""
    scored: list[tuple[float, str, int, str]] = []
    for key, ours in policy.items():
        if not isinstance(ours, list):
            continue
        key_words, our_values = _words(key), set(ours)
        for index, candidate in enumerate(candidates):
            name = _likeness(key_words, _words(candidate.name)) if candidate.name else 0.0
            content = _likeness(our_values, candidate.values)
            # A set that only grew, or lost little, is still the same set.
            kept = len(our_values & candidate.values) / len(our_values) if our_values else 0.0
            content = max(content, kept * 0.8 if candidate.name else content)
            # One or two strings that something is compared with are alike by chance.
            if not candidate.name and (content < 1.0 or not our_values):
                continue
            score = min(1.0, NAME_WEIGHT * name + CONTENT_WEIGHT * content)
            if score < MIN_SCORE and name < SURE_NAME:
                continue
            by = "both" if name >= 0.5 and content >= 0.5 else "name" if name >= content else "content"
            scored.append((score, key, index, by))
    # Of equally good ones the first in the order of files, which is the same every time.
    scored.sort(key=lambda row: (-row[0], row[2], row[1]))
    found: dict[str, Any] = {}
    used: set[int] = set()
    for _score, key, index, by in scored:
        candidate = candidates[index]
        if key in found or (index in used and candidate.values != set(policy[key])):
            continue
        used.add(index)
        found[key] = {
            "value": sorted(candidate.values),
            "name": candidate.name,
            "file": candidate.path,
            "line": candidate.line,
            "by": by,
        }
    return found


def _match_number(policy: dict[str, Any], modules: list[Module]) -> dict[str, Any]:
    """Whole numbers of the policy: a constant whose name has their words, or a bound that a length is compared with."""
    found: dict[str, Any] = {}
    for key, ours in policy.items():
        if isinstance(ours, list):
            continue
        best: tuple[float, str, str, int, int] | None = None
        for module in modules:
            for name, value, line in _numbers(module.tree):
                likeness = _likeness(_words(key), _words(name))
                if isinstance(value, int) and likeness >= 0.5 and (best is None or likeness > best[0]):
                    best = (likeness, name, module.path, line, value)
        if best is None:
            best = next((bound for module in modules for bound in _byte_bounds(module)), None)
        if best is not None:
            likeness, name, path, line, value = best
            by = "both" if value == ours and name else "name" if name else "content"
            found[key] = {"value": value, "name": name, "file": path, "line": line, "by": by}
    return found


def _byte_bounds(module: Module) -> Iterator[tuple[float, str, str, int, int]]:
    """`len(x.elts) > N`, in a function that speaks of bytes."""
    for function in ast.walk(module.tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        texts = {node.value for node in ast.walk(function) if isinstance(node, ast.Constant)}
        if not texts & {"bytes", "bytearray"}:
            continue
        for node in ast.walk(function):
            if not (isinstance(node, ast.Compare) and isinstance(node.left, ast.Call)):
                continue
            length = _target_name(node.left.func) == "len" and len(node.left.args) == 1
            elements = length and _target_name(node.left.args[0]) == "elts"
            bound = node.comparators[0]
            if not (elements and isinstance(node.ops[0], ast.Gt) and isinstance(bound, ast.Constant)):
                continue
            if type(bound.value) is int and bound.value > 1:
                yield (1.0, "", module.path, bound.lineno, bound.value)


# --- Numbers -------------------------------------------------------------------------------------------------------


def _number(node: ast.expr | None) -> int | float | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _number(node.operand)
        return None if value is None else -value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = _number(node.left), _number(node.right)
        return None if left is None or right is None else _exact(left * right)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return _exact(node.value)
    return None


def _exact(value: int | float) -> int | float | None:
    """None for what JSON or JavaScript cannot hold: infinity, and integers that become others there."""
    return value if abs(value) < 2**53 else None


def _numbers(tree: ast.Module) -> Iterator[tuple[str, int | float, int]]:
    """Name, value and line of numbers that have a name: assigned, a default, or what `get` falls back to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            value = _number(node.value)
            if value is None and isinstance(node.value, ast.Call):
                # Field(default=0.5), Field(0.5, ge=0)
                defaults = [word.value for word in node.value.keywords if word.arg == "default"] or node.value.args[:1]
                value = _number(defaults[0]) if defaults else None
                if _target_name(node.value.func) not in {"Field", "field"}:
                    value = None
            for target in targets:
                name = _target_name(target)
                if name is not None and value is not None:
                    yield name, value, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            positional = [*node.args.posonlyargs, *node.args.args]
            with_default = positional[len(positional) - len(node.args.defaults) :] if node.args.defaults else []
            pairs = [
                *zip(with_default, node.args.defaults, strict=True),
                *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True),
            ]
            for argument, default in pairs:
                value = _number(default)
                if value is not None:
                    yield argument.arg, value, argument.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) == 2:
            key, value = node.args[0], _number(node.args[1])
            named = isinstance(key, ast.Constant) and isinstance(key.value, str)
            if node.func.attr == "get" and named and value is not None:
                yield key.value, value, node.lineno


def _thresholds(modules: list[Module]) -> list[dict[str, Any]]:
    """Limits and defaults by name. The same name with the same value counts once, where it comes first."""
    seen: dict[tuple[str, float], dict[str, Any]] = {}
    for module in modules:
        if _is_test(module.path):
            continue
        for name, value, line in _numbers(module.tree):
            key = (name.lower(), float(value))
            if THRESHOLD_WORDS.search(name) and key not in seen and len(name) <= MAX_TEXT:
                seen[key] = {"name": name.lower(), "value": value, "file": module.path, "line": line}
    return sorted(seen.values(), key=lambda row: (row["name"], row["file"], row["line"]))[:MAX_THRESHOLDS]


def _is_test(path: str) -> bool:
    return re.search(r"(?:^|/)(?:tests?|examples?|docs)/|(?:^|/)test_[^/]*$", path) is not None


# --- hparams and pins ----------------------------------------------------------------------------------------------


def _hparams(files: dict[str, bytes], unreadable: list[str]) -> dict[str, Any] | None:
    """The JSON object with most of the keys of an hparams.json; of equally good ones the one that is named so."""
    best: tuple[tuple[int, bool, str], dict[str, Any]] | None = None
    for path in sorted(files):
        if not path.endswith(".json"):
            continue
        try:
            content = json.loads(_text(files, path), parse_constant=_refuse, parse_float=_finite)
        except (ValueError, RecursionError) as error:
            if "hparams" in path.rsplit("/", 1)[-1]:
                unreadable.append(f"{path}: {str(error)[:MAX_TEXT]}")
            continue
        if not isinstance(content, dict):
            continue
        keys = len(HPARAMS_KEYS & content.keys())
        rank = (keys, "hparams" in path.rsplit("/", 1)[-1], path)
        if keys >= 3 and (best is None or rank[:2] > best[0][:2]):
            best = (rank, content)
    return None if best is None else {"file": best[0][2], "content": best[1]}


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    """1e999 is JSON, and infinite."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:MAX_TEXT]} is too large")
    return value


def _pins(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """Base image and package versions: what the container installs first, then what the lock and the project name."""
    pins: dict[str, dict[str, Any]] = {}

    def add(name: str, version: str, path: str, line: int) -> None:
        if len(version) <= MAX_TEXT:
            pins.setdefault(name, {"name": name, "version": version, "file": path, "line": line})

    def requirement(text: str, path: str, line: int) -> None:
        for name, version in re.findall(
            r"\b([A-Za-z][A-Za-z0-9_.-]{1,60})(?:\[[^\]]{0,60}\])?\s*(?:===?|~=|>=)\s*([0-9][\w.+!-]{0,60})", text
        ):
            normal = re.sub(r"[-_.]+", "-", name).lower()
            if normal in PACKAGES:
                add(normal, version, path, line)

    # A repository may hold several Dockerfiles: the one that names torch or pytorch most is where it is evaluated.
    dockerfiles = sorted(
        (path for path in files if re.search(r"(?:^|/)[^/]*dockerfile[^/]*$", path, re.IGNORECASE)),
        key=lambda path: (-_text(files, path).lower().count("torch"), path),
    )
    for path in dockerfiles:
        for number, line in enumerate(_text(files, path).splitlines(), 1):
            base = re.match(r"\s*FROM\s+(?:--\S+\s+)?(\S+)", line, re.IGNORECASE)
            if base:
                add("base image", base[1], path, number)
            elif not line.lstrip().startswith("#"):
                requirement(line, path, number)
    for path in sorted(path for path in files if re.search(r"(?:^|/)requirements[^/]*\.(?:txt|in)$", path)):
        for number, line in enumerate(_text(files, path).splitlines(), 1):
            requirement(line.split("#", 1)[0], path, number)
    for path in sorted(path for path in files if path.endswith("uv.lock")):
        _locked(files, path, add)
    for path in sorted(path for path in files if path.endswith("pyproject.toml")):
        for number, line in enumerate(_text(files, path).splitlines(), 1):
            requirement(line.split("#", 1)[0], path, number)
    return [pins[name] for name in sorted(pins)]


def _locked(files: dict[str, bytes], path: str, add: Any) -> None:
    text = _text(files, path)
    try:
        packages = tomllib.loads(text).get("package", [])
    except (ValueError, RecursionError):
        return
    for package in packages if isinstance(packages, list) else []:
        name, version = (package.get("name"), package.get("version")) if isinstance(package, dict) else (None, None)
        if isinstance(name, str) and isinstance(version, str) and name in PACKAGES:
            add(name, version, path, text[: max(0, text.find(f'name = "{name}"'))].count("\n") + 1)


# --- The scanner's definitions ---------------------------------------------------------------------------------------


class Definition(NamedTuple):
    """A top-level statement that gives names to the module."""

    path: str
    name: str
    kind: str
    node: ast.stmt


def _definitions(module: Module) -> dict[str, list[Definition]]:
    """By name, in the order of the file; a name that is bound again later has several."""
    found: dict[str, list[Definition]] = {}

    def add(name: str, kind: str, node: ast.stmt) -> None:
        found.setdefault(name, []).append(Definition(module.path, name, kind, node))

    def visit(statements: list[ast.stmt]) -> None:
        for node in statements:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                add(node.name, "function", node)
            elif isinstance(node, ast.ClassDef):
                add(node.name, "class", node)
            elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    for part in ast.walk(target):
                        if isinstance(part, ast.Name):
                            add(part.id, "assignment", node)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    add(alias.asname or alias.name.split(".")[0], "import", node)
            elif isinstance(node, ast.Try):
                # try: from a import b / except ImportError: from c import b
                visit(node.body)
                if not any(isinstance(part, ast.Import | ast.ImportFrom) for part in node.body):
                    for handler in node.handlers:
                        visit(handler.body)
            elif isinstance(node, ast.If):
                visit(node.body)

    visit(module.tree.body)
    return found


def _loaded_names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _scanners(modules: list[Module]) -> list[dict[str, Any]]:
    """Functions that reach `ast.parse` or `ast.walk`, and that no other such function calls; the likeliest first."""
    definitions = {module.path: _definitions(module) for module in modules if not _is_test(module.path)}
    texts = {module.path: module.text for module in modules}
    walkers: dict[tuple[str, str], Definition] = {}
    for path, by_name in definitions.items():
        for name, rows in by_name.items():
            row = rows[-1]
            if row.kind == "function" and not isinstance(row.node, ast.AsyncFunctionDef):
                walkers[path, name] = row
    uses = {key: _loaded_names(row.node) for key, row in walkers.items()}
    reaching = {key for key, row in walkers.items() if _touches_ast(row.node)}
    growing = True
    while growing:
        names = {name for _path, name in reaching}
        more = {key for key in walkers if key not in reaching and uses[key] & names}
        growing = bool(more)
        reaching |= more
    called = {name for key in reaching for name in uses[key] if name != key[1]}
    parsing = {key for key in reaching if _reaches(key, uses, walkers, "parse")}

    def rank(key: tuple[str, str]) -> tuple[float, int, str, str]:
        row = walkers[key]
        words = _words(row.name) | {word.lower() for word in re.findall(r"[a-z]+", row.name.lower())}
        alike = len(words & SCANNER_WORDS)
        size = (row.node.end_lineno or row.node.lineno) - row.node.lineno
        score = alike + (2 if key in parsing else 0) - (2 if key[1] in called else 0) + min(size, 400) / 400
        return (-score, -size, *key)

    likeliest = sorted((key for key in reaching if rank(key)[0] <= -1), key=rank)[:MAX_SCANNERS]
    return [_scanner(walkers[key], definitions, texts) for key in likeliest]


def _touches_ast(node: ast.AST) -> bool:
    return any(
        isinstance(part, ast.Attribute)
        and part.attr in {"parse", "walk", "iter_child_nodes", "NodeVisitor"}
        and isinstance(part.value, ast.Name)
        and part.value.id == "ast"
        for part in ast.walk(node)
    )


def _reaches(
    key: tuple[str, str], uses: dict[tuple[str, str], set[str]], walkers: dict[tuple[str, str], Definition], what: str
) -> bool:
    """Whether the function, or one that it uses directly, calls `ast.<what>`."""
    near = [walkers[key].node, *(row.node for other, row in walkers.items() if other[1] in uses[key])]
    return any(
        isinstance(part, ast.Attribute)
        and part.attr == what
        and isinstance(part.value, ast.Name)
        and part.value.id == "ast"
        for node in near
        for part in ast.walk(node)
    )


def _scanner(
    entry: Definition, definitions: dict[str, dict[str, list[Definition]]], texts: dict[str, str]
) -> dict[str, Any]:
    ordered: list[Definition] = []
    unresolved: set[str] = set()
    notes: list[str] = []
    aliases: list[tuple[Definition, str]] = []
    owner: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    # A stack of its own instead of recursion: chains of definitions may be long.
    stack: list[tuple[str, str, bool]] = [(entry.path, entry.name, False)]
    while stack:
        path, name, finished = stack.pop()
        rows = definitions.get(path, {}).get(name)
        if finished:
            ordered.extend(rows or [])
            continue
        if (path, name) in seen:
            continue
        seen.add((path, name))
        if rows is None:
            if not hasattr(builtins, name) and name not in {"__name__", "__file__"}:
                unresolved.add(name)
            continue
        if len(seen) > MAX_DEFINITIONS:
            notes.append(f"It needs more than {MAX_DEFINITIONS} definitions; the rest was left out.")
            break
        row = rows[-1]
        if row.kind == "import":
            origin = _origin(row, name, definitions)
            if origin is None:
                ordered.append(row)
                module = _imported_module(row, name)
                if module.split(".")[0] not in sys.stdlib_module_names:
                    unresolved.add(module)
            else:
                if origin[1] != name:
                    aliases.append((row, origin[1]))
                    notes.append(f"{origin[1]} of {origin[0]} is imported as {name}.")
                stack.append((*origin, False))
            continue
        if owner.setdefault(name, path) != path:
            notes.append(f"{name} is defined in {owner[name]} and in {path}; the later one counts.")
        stack.append((path, name, True))
        # What every binding of the name needs; those that the definitions bind themselves are found as unresolved
        # neither here nor there, as they are no top-level names.
        own = {name for row in rows for name in _bound_inside(row.node)}
        for needed in sorted({used for row in rows for used in _loaded_names(row.node)} - {name}):
            if needed in definitions.get(path, {}) or needed not in own:
                stack.append((path, needed, False))
    listed = [_listed(row, texts) for row in _unique(ordered)]
    for row, original in aliases:
        for alias in row.node.names:
            local = alias.asname or alias.name
            if alias.name == original and local != original:
                entry_row = {"name": local, "kind": "assignment", "file": row.path, "line": row.node.lineno}
                # Before anything that uses it, after what it names.
                after = max((i for i, other in enumerate(listed) if other["name"] == original), default=-1)
                if not any(other["name"] == local for other in listed):
                    listed.insert(after + 1, {**entry_row, "source": f"{local} = {original}"})
    return {
        "entry": {
            "name": entry.name,
            "file": entry.path,
            "line": entry.node.lineno,
            "parameters": _parameters(entry.node),
            "returns": None if entry.node.returns is None else ast.unparse(entry.node.returns)[:MAX_TEXT],
        },
        "definitions": listed,
        "unresolved": sorted(unresolved),
        "notes": sorted(set(notes)),
    }


def _unique(rows: list[Definition]) -> list[Definition]:
    """Each statement once, imports first."""
    seen: set[int] = set()
    unique = []
    for row in rows:
        if id(row.node) not in seen:
            seen.add(id(row.node))
            unique.append(row)
    return sorted(unique, key=lambda row: row.kind != "import")


def _listed(row: Definition, texts: dict[str, str]) -> dict[str, Any]:
    first = min([row.node.lineno, *(item.lineno for item in getattr(row.node, "decorator_list", []))])
    lines = texts[row.path].splitlines()[first - 1 : row.node.end_lineno]
    indent = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
    # One inside of a try or an if is not at the margin; unparse loses comments only.
    source = "\n".join(lines) if indent == 0 else ast.unparse(row.node)
    return {"name": row.name, "kind": row.kind, "file": row.path, "line": first, "source": source}


def _bound_inside(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
            yield part.id
        elif isinstance(part, ast.arg):
            yield part.arg
        elif isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield part.name
        elif isinstance(part, ast.alias):
            yield part.asname or part.name.split(".")[0]
        elif isinstance(part, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and part.name:
            yield part.name


def _imported_module(row: Definition, name: str) -> str:
    if isinstance(row.node, ast.ImportFrom):
        return row.node.module or "." * row.node.level
    for alias in row.node.names:
        if (alias.asname or alias.name.split(".")[0]) == name:
            return alias.name
    return name


def _origin(row: Definition, name: str, definitions: dict[str, dict[str, list[Definition]]]) -> tuple[str, str] | None:
    """Path and name of what an import takes from a file of the repository; None where it comes from elsewhere."""
    if not isinstance(row.node, ast.ImportFrom):
        return None
    original = next((alias.name for alias in row.node.names if (alias.asname or alias.name) == name), name)
    tail = (row.node.module or "").split(".")
    if row.node.level == 0 and tail[0] in sys.stdlib_module_names:
        return None
    # By the longest matching end of the path: where packages begin is not known.
    for start in range(len(tail)):
        end = "/".join(tail[start:])
        for path in sorted(definitions, key=lambda path: (path.count("/"), path)):
            stem = path.removesuffix("/__init__.py").removesuffix(".py")
            if (stem == end or stem.endswith("/" + end)) and original in definitions[path] and path != row.path:
                return path, original
    return None


def _parameters(node: ast.FunctionDef) -> list[dict[str, Any]]:
    def described(argument: ast.arg, required: bool) -> dict[str, Any]:
        annotation = None if argument.annotation is None else ast.unparse(argument.annotation)[:MAX_TEXT]
        return {"name": argument.arg, "annotation": annotation, "required": required}

    positional = [*node.args.posonlyargs, *node.args.args]
    required = len(positional) - len(node.args.defaults)
    return [
        *(described(argument, index < required) for index, argument in enumerate(positional)),
        *(
            described(argument, default is None)
            for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        ),
    ]
