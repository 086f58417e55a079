"""Which stage of an evaluation a line of production's log begins. The lines are production's own words and may change:
only words that such a stage can hardly do without are looked for, and what is not recognised stays log.
"""

from __future__ import annotations

import re

from .events import PRODUCTION_STAGES

#: In order. Words with an underscore beside them are names of settings and begin nothing.
PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("reference", re.compile(r"\b(?:reference|baseline)\b", re.IGNORECASE)),
    ("warmup", re.compile(r"\bwarm(?:ing)?[ -]?up\b", re.IGNORECASE)),
    ("timed", re.compile(r"\b(?:timed|timing|benchmark(?:ing)?)\b", re.IGNORECASE)),
    ("checks", re.compile(r"\bverif(?:y|ying|ication|ied)\b", re.IGNORECASE)),
)


def stage_begun(text: str, current: str) -> str | None:
    """The stage that this line of the log begins while `current` runs; None where it begins none.

    Time goes forward only. A line that speaks of several stages (a summary, a list of settings) begins none.
    """
    named = [stage for stage, pattern in PATTERNS if pattern.search(text)]
    if len(named) != 1:
        return None
    (stage,) = named
    return stage if PRODUCTION_STAGES.index(stage) > PRODUCTION_STAGES.index(current) else None
