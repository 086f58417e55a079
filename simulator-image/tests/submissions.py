"""The submissions of fixtures/submissions, as expected.json describes them.

python simulator-image/tests/submissions.py NAME > train.py   writes one of them.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "submissions"
FIXTURES: list[dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))["fixtures"]


def source_of(fixture: dict[str, Any]) -> bytes | Path:
    """The submission's bytes, or a path where there is no file."""
    if fixture.get("missing"):
        return FOLDER / "no such file.py"
    if "base64" in fixture:
        return base64.b64decode(fixture["base64"])
    if "repeat" in fixture:
        text, times = fixture["repeat"]
        return (text * times).encode()
    text = (FOLDER / fixture.get("file", "honest.py")).read_text(encoding="utf-8")
    for old, new in fixture.get("edits", []):
        assert text.count(old) == 1, f"{fixture['name']}: {old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    if fixture.get("windows"):
        text = text.replace("\n", "\r\n")
    return (b"\xef\xbb\xbf" if fixture.get("bom") else b"") + text.encode(fixture.get("encoding", "utf-8"))


def named(name: str) -> dict[str, Any]:
    return next(fixture for fixture in FIXTURES if fixture["name"] == name)


if __name__ == "__main__":
    sys.stdout.buffer.write(source_of(named(sys.argv[1])))
