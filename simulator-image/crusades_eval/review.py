"""What a reviewer should look at in a train.py beyond the scan: lines, and what they would let one do (docs/review.md).

Heuristics, no verdict: a likely exploit is hard to explain otherwise, what is worth a look has honest uses, too.

Standard library only, no file or process access, like the scanner. The source is adversarial: what is larger or nested
deeper than hand-written code is said to be unreviewed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import islice
from typing import Any

from .heuristics import HEURISTICS
from .reviewed_file import LIKELY, LOOK, File, Found
from .scan import Range, Rejection, SourceText, read
from .techniques import techniques

# More than the largest file the validator takes (500,000 bytes) has when a person wrote it.
MAX_NODES = 120_000
# Expressions are followed by recursion, a few frames a level. Hand-written code is nested 30 levels deep.
MAX_DEPTH = 150
MAX_FINDINGS_OF_A_KIND = 20
EVIDENCE_CHARACTERS = 160
MAX_EVIDENCE = 4


def review(source: bytes | str) -> dict[str, Any]:
    """The review of a train.py, in the shape of app/common/review.ts. `source` as for `scan.scan`.

    Never raises for any source: one that cannot be read, or is larger or nested deeper than hand-written code, is said
    to be unreviewed.
    """
    try:
        text, nodes = read(source)
    except Rejection as rejection:
        reasons = {"syntax-error": "syntax", "source-too-large": "too_large"}
        return unreviewed(reasons.get(rejection.rule, "too_complex"), f"{rejection.what}.", rejection.line)
    if len(nodes) > MAX_NODES:
        return unreviewed(
            "too_complex", f"The file has {len(nodes):,} parts, and {MAX_NODES:,} are reviewed. Read it by hand."
        )
    deep = deeper_than(nodes[0], MAX_DEPTH)
    if deep is not None:
        message = f"The code is nested deeper than the {MAX_DEPTH} levels that are reviewed. Read it by hand."
        return unreviewed("too_complex", message, deep)
    try:
        file = File(text, nodes)
        found = [
            finding(text, name, one)
            for name, (_, check) in HEURISTICS.items()
            for one in first_by_place(text, check(file))
        ]
        used = [
            {"id": one.id, "title": one.title, "places": [evidence(text, text.range_of(node)) for node in one.nodes]}
            for one in techniques(file.program, file.walked)
        ]
    except RecursionError:
        return unreviewed("too_complex", "The code is nested too deeply to be reviewed. Read it by hand.")
    found.sort(key=lambda one: (one["severity"] != LIKELY, one["line"], one["column"], one["id"]))
    return {"unreviewed": None, "findings": found, "techniques": used}


def unreviewed(reason: str, message: str, line: int | None = None) -> dict[str, Any]:
    return {"unreviewed": {"reason": reason, "line": line, "message": message}, "findings": [], "techniques": []}


def deeper_than(root: ast.AST, limit: int) -> int | None:
    """The line of something nested deeper than that."""
    level = [root]
    for _ in range(limit):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return None
    return next((node.lineno for node in level if hasattr(node, "lineno")), 1)


def first_by_place(text: SourceText, found: Iterator[Found]) -> Iterator[tuple[Range, Found]]:
    """Each place once, and not more than are of use."""
    places: dict[Range, Found] = {}
    for one in found:
        where = one.where if isinstance(one.where, Range) else text.range_of(one.where)
        if where not in places or (places[where].severity, one.severity) == (LOOK, LIKELY):
            places[where] = one
        if len(places) > MAX_FINDINGS_OF_A_KIND:
            break
    return islice(iter(places.items()), MAX_FINDINGS_OF_A_KIND)


def finding(text: SourceText, name: str, placed: tuple[Range, Found]) -> dict[str, Any]:
    where, one = placed
    because = [text.range_of(node) for node in one.because]
    places = [*dict.fromkeys([where, *because])][:MAX_EVIDENCE]
    return {
        "id": name,
        "title": HEURISTICS[name].title,
        "severity": one.severity,
        **place(where),
        "sentence": one.sentence,
        "evidence": [evidence(text, at) for at in places],
    }


def place(where: Range) -> dict[str, int]:
    return {"line": where.line, "column": where.column, "endLine": where.end_line, "endColumn": where.end_column}


def evidence(text: SourceText, where: Range) -> dict[str, Any]:
    first = text.lines[where.line - 1]
    end = where.end_column - 1 if where.end_line == where.line else len(first)
    parts = [first[where.column - 1 : end].strip()[: EVIDENCE_CHARACTERS + 1]]
    for line in range(where.line + 1, where.end_line + 1):
        if sum(map(len, parts)) > EVIDENCE_CHARACTERS:
            break
        content = text.lines[line - 1]
        parts.append(content[: where.end_column - 1 if line == where.end_line else None].strip()[:EVIDENCE_CHARACTERS])
    shown = " ".join(" ".join(parts).split())
    if len(shown) > EVIDENCE_CHARACTERS:
        shown = f"{shown[: EVIDENCE_CHARACTERS - 3]}..."
    return {**place(where), "text": shown}
