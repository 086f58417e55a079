"""All that reading a train.py tells: production's verdict (scan.py), advice (lints.py) and repairs (fixes.py).

Standard library only, no file or process access, like the scanner: the editor and the command line run it in Pyodide.
"""

from __future__ import annotations

from typing import Any

from .fixes import fixes
from .lints import lint
from .scan import Policy, Rejection, judged, read, rejected


def analyse(source: bytes | str, policy: dict[str, Any], num_gpus: int | None = None) -> dict[str, Any]:
    """The report of `scan` with `lints` and `fixes`, in the shape of app/common/scan.ts. Arguments as for `scan`.

    A file that cannot be read, or that brings production's scanner down, has neither. Never raises for any source.
    """
    rules = Policy.from_data(policy)
    try:
        program = read(source)
    except Rejection as rejection:
        return {**rejected(rejection), "lints": [], "fixes": []}
    report = judged(program, rules, num_gpus)
    if any(found["rule"] == "scanner-crash" for found in report["findings"]):
        return {**report, "lints": [], "fixes": []}
    lints = lint(*program)
    return {**report, "lints": lints, "fixes": fixes(program, rules, [*report["findings"], *lints])}
