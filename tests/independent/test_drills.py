"""Tests tools/verify_drill.py with the golden vectors; part of `python -m unittest discover`."""
from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools")]

from kinds import archive_key  # noqa: E402
from verify_drill import EXIT_CODES, verify  # noqa: E402

VECTORS = json.loads((ROOT / "tests" / "vectors" / "drills.json").read_text())
KEYS = [archive_key(key) for key in VECTORS["keys"]]


class Drills(unittest.TestCase):
    def test_reports_are_judged_as_the_format_says(self) -> None:
        for case in VECTORS["valid"]:
            verdict, why, report = verify(base64.b64decode(case["object_base64"]), KEYS)
            self.assertEqual((verdict, report and report["result"]), ("intact", case["result"]), f"{case['name']}: {why}")
        for case in VECTORS["judged"]:
            verdict, why, report = verify(base64.b64decode(case["object_base64"]), KEYS)
            self.assertEqual((verdict, report), (case["verdict"], None), f"{case['why']}: {why}")

    def test_every_changed_byte_is_noticed(self) -> None:
        good = base64.b64decode(VECTORS["valid"][0]["object_base64"])
        for at in range(len(good)):
            changed = bytearray(good)
            changed[at] ^= 1
            self.assertNotEqual(verify(bytes(changed), KEYS)[0], "intact", at)

    def test_the_exit_code_is_the_result_of_the_drill_or_the_verdict(self) -> None:
        cases = [(case["object_base64"], EXIT_CODES[case["result"]]) for case in VECTORS["valid"][:4]]
        cases += [(case["object_base64"], EXIT_CODES[case["verdict"]]) for case in VECTORS["judged"][-4:]]
        cases.append((base64.b64encode(b"hello").decode(), 2))
        for object_, code in cases:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder, "drill.note")
                file.write_bytes(base64.b64decode(object_))
                command = [sys.executable, str(ROOT / "tools" / "verify_drill.py"), str(file), "--key", VECTORS["keys"][0]]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
