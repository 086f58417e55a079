"""Finds what a train.py cannot do without CUDA, so that a rehearsal on a CPU says so before it starts.

Static, and careful about false alarms: what runs only where CUDA was asked for first (`if torch.cuda.is_available():`,
`device.type == "cuda" and ...`) is no need, nor is code that nothing calls. What torch's CPU build does when such a
call is made was tried with torch 2.13.

Standard library only, no file or process access: the scanner runs this file in Pyodide, the judge runs it in CPython.
"""

from __future__ import annotations

import ast
import re
from collections import deque
from typing import NamedTuple, TypedDict

from .syntax_tree import child_fields


class CudaNeed(TypedDict):
    line: int
    what: str


CUDA_PACKAGES = frozenset(
    {"apex", "cupy", "flash_attn", "flash_attn_interface", "pycuda", "transformer_engine", "triton", "liger_kernel"}
)

# Functions and classes of torch.cuda that fail in a build without CUDA. The others do nothing there, or report that
# there is no device.
CUDA_ONLY = frozenset(
    """
    CUDAGraph CUDAPluggableAllocator Event ExternalStream MemPool Stream caching_allocator_alloc
    change_current_allocator cudart current_blas_handle current_device current_stream default_stream device
    device_of get_device_capability get_device_name get_device_properties get_rng_state get_sync_debug_mode graph
    graph_pool_handle graphs init initial_seed ipc_collect is_current_stream_capturing make_graphed_callables
    mem_get_info memory_snapshot memory_summary nvtx power_draw profiler reset_max_memory_allocated
    reset_max_memory_cached reset_peak_memory_stats set_device set_per_process_memory_fraction set_rng_state
    set_stream set_sync_debug_mode synchronize temperature use_mem_pool utilization BFloat16Tensor ByteTensor
    CharTensor DoubleTensor FloatTensor HalfTensor IntTensor LongTensor ShortTensor BoolTensor
    """.split()
)

# Calls that take a device name without needing the device: autocast and scalers switch themselves off, the others
# only look at the text.
HARMLESS_TAKERS = frozenset(
    """
    autocast GradScaler startswith endswith find replace split print format isinstance is_autocast_enabled
    get_autocast_dtype set_autocast_dtype set_autocast_enabled append get pop custom_fwd custom_bwd
    """.split()
)

# Where torch.device("cuda") ends up is what needs CUDA; taken for a need at once, as nobody makes one for nothing.
CUDA_DEVICE = re.compile(r"cuda(:\d+)?")

# Every need has one of these in its source; most files for a CPU have none, and are not walked.
TELLING_WORDS = ("cuda", "nccl", "pin_memory", *sorted(CUDA_PACKAGES))

# Conditions nested deeper than this are not understood, so they guard nothing.
MAX_CONDITION_DEPTH = 40


# Which nodes have something to say, so that the others are passed over quickly.
_TEACHING = (ast.Import, ast.ImportFrom, ast.Assign)
_TELLING = (ast.Name, ast.Import, ast.ImportFrom, ast.Assert, ast.If, ast.Call)
_BRANCHING = (ast.If, ast.IfExp, ast.While)


class Unit(NamedTuple):
    """A piece of code that runs as a whole or not at all: a function or class at module level, or the module itself."""

    needs: dict[tuple[int, int], CudaNeed]
    # Names it reads outside of guards.
    reads: set[str]


def cuda_needs(nodes: list[ast.AST], source: str) -> list[CudaNeed]:
    """What in this file cannot run without CUDA, by line; empty where a CPU will do.

    `nodes` are those of the parsed `source` in the order of `ast.walk`, the module first.
    """
    if not any(word in source for word in TELLING_WORDS):
        return []
    finder = _Finder(nodes)
    found: dict[tuple[int, int], CudaNeed] = {}
    # The evaluation imports the module and calls inner_steps; everything else runs because these reach it.
    waiting = deque([None, "inner_steps"])
    reached: set[str | None] = set()
    while waiting:
        name = waiting.popleft()
        if name in reached:
            continue
        reached.add(name)
        for unit in finder.units.get(name, ()):
            found.update(unit.needs)
            waiting.extend(sorted(unit.reads))
    return [found[position] for position in sorted(found)]


class _Finder:
    """Walks the module once, with the knowledge of which code is guarded; without recursion, as trees may be deep."""

    def __init__(self, nodes: list[ast.AST]) -> None:
        # Local name -> what it stands for, e.g. "Stream" -> "torch.cuda.Stream". No scopes: names are not reused so.
        self.imported: dict[str, str] = {}
        # Names that hold a device name such as "cuda:0".
        self.device_names: set[str] = set()
        # Names that hold the answer to whether there is CUDA.
        self.answers: set[str] = set()
        self.units: dict[str | None, list[Unit]] = {}
        for node in nodes:
            if isinstance(node, _TEACHING):
                self._learn(node)
        self._walk(nodes[0])

    def _learn(self, node: ast.AST) -> None:
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    if alias.asname is not None:
                        self.imported[alias.asname] = alias.name
            case ast.ImportFrom(module=str() as module, level=0, names=aliases):
                for alias in aliases:
                    self.imported[alias.asname or alias.name] = f"{module}.{alias.name}"
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                if self._is_device_name(value):
                    self.device_names.add(name)
                elif self._says(value) == 1:
                    self.answers.add(name)

    def _walk(self, tree: ast.AST) -> None:
        module = Unit({}, set())
        self.units[None] = [module]
        # (node, the unit it belongs to, whether CUDA was asked for, whether the module body holds it directly)
        stack: list[tuple[ast.AST, Unit, bool]] = [(tree, module, False)]
        while stack:
            node, unit, guarded = stack.pop()
            if unit is module and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                # Decorators, defaults and bases run with the module, the body only when something reaches the name.
                inner = Unit({}, set())
                self.units.setdefault(node.name, []).append(inner)
                body_of = {id(statement) for statement in node.body}
                for child, child_guarded in self._children(node, guarded):
                    stack.append((child, inner if id(child) in body_of else unit, child_guarded))
                continue
            if not guarded and isinstance(node, _TELLING):
                self._look(node, unit)
            stack.extend((child, unit, child_guarded) for child, child_guarded in self._children(node, guarded))

    def _children(self, node: ast.AST, guarded: bool) -> list[tuple[ast.AST, bool]]:
        """The children, each with whether it runs only where there is CUDA."""
        says = self._says(node.test) if not guarded and isinstance(node, _BRANCHING) else 0
        expects_import_error = isinstance(node, ast.Try) and _expects_import_error(node)
        children: list[tuple[ast.AST, bool]] = []
        for name in child_fields(type(node)):
            value = getattr(node, name, None)
            branch = (
                guarded or (name == "body" and (says == 1 or expects_import_error)) or (name == "orelse" and says == -1)
            )
            if isinstance(value, ast.AST):
                children.append((value, branch))
            elif isinstance(value, list):
                for item in value:
                    if isinstance(item, ast.AST):
                        children.append((item, branch))
                        if not branch and (isinstance(item, ast.If) or isinstance(node, ast.BoolOp)):
                            branch = self._guards_the_rest(node, item)
        return children

    def _guards_the_rest(self, parent: ast.AST, item: ast.AST) -> bool:
        """Whether what follows `item` in the same list runs only where there is CUDA."""
        if isinstance(parent, ast.BoolOp):
            return self._says(item) == (1 if isinstance(parent.op, ast.And) else -1)
        if isinstance(item, ast.If) and self._says(item.test) == -1:
            return isinstance(item.body[-1], ast.Return | ast.Continue | ast.Break)
        return False

    def _says(self, condition: ast.AST | None, depth: int = 0) -> int:
        """1 where the condition holds only with CUDA, -1 where it fails only with CUDA, 0 where it says neither."""
        if depth > MAX_CONDITION_DEPTH:
            return 0
        match condition:
            case ast.Name(id=name):
                return int(name in self.answers)
            case ast.Attribute(attr="is_cuda"):
                return 1
            case ast.Call(func=ast.Attribute(attr="startswith"), args=[prefix]):
                return int(self._is_device_name(prefix))
            case ast.Call(func=ast.Name(id="bool"), args=[inner]):
                return self._says(inner, depth + 1)
            case ast.Call(func=function):
                return int(self._path(function) in ("torch.cuda.is_available", "torch.cuda.device_count"))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return -self._says(operand, depth + 1)
            case ast.BoolOp(op=operator, values=values):
                sides = [self._says(value, depth + 1) for value in values]
                decisive = 1 if isinstance(operator, ast.And) else -1
                if decisive in sides:
                    return decisive
                return -decisive if all(side == -decisive for side in sides) else 0
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                return self._comparison_says(left, operator, right)
        return 0

    def _comparison_says(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> int:
        sides = (left, right)
        equal = isinstance(operator, ast.Eq | ast.Is | ast.In)
        unequal = isinstance(operator, ast.NotEq | ast.IsNot | ast.NotIn)
        if equal or unequal:
            if any(self._is_device_name(side) for side in sides):
                return 1 if equal else -1
            if any(isinstance(side, ast.Constant) and side.value == "cpu" for side in sides):
                return -1 if equal else 1
        if self._path(getattr(left, "func", None)) == "torch.cuda.device_count" and isinstance(right, ast.Constant):
            if isinstance(operator, ast.Gt | ast.GtE):
                return int((right.value, type(operator)) != (0, ast.GtE))
            if right.value == 0 and (equal or unequal):
                return -1 if equal else 1
        return 0

    def _look(self, node: ast.AST, unit: Unit) -> None:
        what = None
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                unit.reads.add(name)
            case ast.Import(names=aliases):
                packages = (alias.name.partition(".")[0] for alias in aliases)
                what = next((f"imports {package}" for package in packages if package in CUDA_PACKAGES), None)
            case ast.ImportFrom(module=str() as module, level=0):
                package = module.partition(".")[0]
                what = f"imports {package}" if package in CUDA_PACKAGES else None
            case ast.Assert(test=test) if self._says(test) == 1:
                what = "asserts that there is CUDA"
            case ast.If(test=test, body=[*_, ast.Raise()]) if self._says(test) == -1:
                what = "raises where there is no CUDA"
            case ast.Call():
                what = self._needed_by_call(node)
        if what is not None:
            unit.needs[(node.lineno, node.col_offset)] = {"line": node.lineno, "what": what}

    def _needed_by_call(self, node: ast.Call) -> str | None:
        path = self._path(node.func) or ""
        name = node.func.attr if isinstance(node.func, ast.Attribute) else path
        if path.startswith("torch.cuda.") and path.split(".")[2] in CUDA_ONLY:
            return f"calls {path}()"
        if isinstance(node.func, ast.Attribute) and name in ("cuda", "pin_memory"):
            return f"calls .{name}()"
        if path.rpartition(".")[2] in HARMLESS_TAKERS or name in HARMLESS_TAKERS:
            return None
        for value in (*node.args, *(keyword.value for keyword in node.keywords)):
            if self._is_device_name(value):
                return "uses a CUDA device"
        for keyword in node.keywords:
            if keyword.arg == "backend" and isinstance(keyword.value, ast.Constant) and keyword.value.value == "nccl":
                return "uses NCCL"
            # A data loader only warns; a tensor cannot be made so.
            makes_tensor = path.startswith("torch.") and not path.startswith("torch.utils.")
            if keyword.arg == "pin_memory" and makes_tensor and getattr(keyword.value, "value", None) is True:
                return "pins memory"
        return None

    def _is_device_name(self, node: ast.AST | None) -> bool:
        match node:
            case ast.Constant(value=str() as text):
                return CUDA_DEVICE.fullmatch(text) is not None
            case ast.JoinedStr(values=[ast.Constant(value=str() as start), *_]):
                return start.startswith("cuda:")
            case ast.Name(id=name):
                return name in self.device_names
        return False

    def _path(self, node: ast.AST | None) -> str | None:
        """The dotted path of a function, with the names of imports resolved."""
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        parts.append(self.imported.get(node.id, node.id))
        return ".".join(reversed(parts))


def _expects_import_error(node: ast.Try) -> bool:
    """Whether the try statement carries on without what it imports."""
    for handler in node.handlers:
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        names = {kind.id if isinstance(kind, ast.Name) else None for kind in kinds}
        if names & {"ImportError", "ModuleNotFoundError", "Exception", None}:
            return not any(isinstance(statement, ast.Raise) for statement in handler.body)
    return False
