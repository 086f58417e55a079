"""The scan cases that this suite and the TypeScript suite share (fixtures/scan/cases.json)."""

import base64
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
POLICY = json.loads((ROOT / "hparams" / "scan-policy.json").read_text(encoding="utf-8"))
_DATA = json.loads((ROOT / "fixtures" / "scan" / "cases.json").read_text(encoding="utf-8"))
# Where a newer Python parses more than 3.11, its answer is documented to differ (see crusades_eval/scan.py).
CASES = [case for case in _DATA["cases"] if sys.version_info < (3, 12) or not case.get("python311Only")]


def source_of(case: dict) -> bytes:
    if "base64" in case:
        return base64.b64decode(case["base64"])
    text = case["source"] if "source" in case else "".join(part * times for part, times in case["parts"])
    return (text + ("" if case.get("whole") else _DATA["suffix"])).encode()
