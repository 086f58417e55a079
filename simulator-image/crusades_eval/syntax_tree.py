"""Walking syntax trees quickly. Standard library only, like the scanner it serves."""

from __future__ import annotations

import ast
from functools import cache


@cache
def child_fields(node_type: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a node that may hold children, in the order of `ast.walk`.

    Contexts and operators are left out: they are nodes, too, and many, but have no children and no place.
    """
    return tuple(name for name in node_type._fields if name not in ("ctx", "op", "ops"))
