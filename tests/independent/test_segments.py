"""Tests tools/verify_segment.py with valid and forged segments.

    python -m unittest discover -s tests/independent        (in the environment of tools/requirements.txt)
"""
from __future__ import annotations

import base64
import json
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "independent")]

from verify_segment import read_segment  # noqa: E402

VECTORS = json.loads((ROOT / "tests" / "vectors" / "forged_segments.json").read_text())


def is_accepted(data: bytes) -> bool:
    try:
        return bool(read_segment(data).root == VECTORS["records_root"])
    except Exception:  # What makes the reader fail breaks a rule.
        return False


class Segments(unittest.TestCase):
    def test_valid(self) -> None:
        for case in VECTORS["valid"]:
            self.assertEqual(read_segment(base64.b64decode(case["object_base64"])).root, VECTORS["records_root"], case["name"])

    def test_forged(self) -> None:
        honest = {case["object_base64"] for case in VECTORS["valid"]}
        for case in VECTORS["forged"]:
            self.assertNotIn(case["object_base64"], honest, case["name"])
            self.assertFalse(is_accepted(base64.b64decode(case["object_base64"])), case["name"])


if __name__ == "__main__":
    unittest.main()
