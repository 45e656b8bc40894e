"""Tests tools/verify_report.py with the golden vectors; part of `python -m unittest discover`."""
from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools")]

from folder import TooLarge  # noqa: E402
from kinds import archive_key  # noqa: E402
from notes import Missing  # noqa: E402
from verify_report import EXIT_CODES, Reader, verify  # noqa: E402

VECTORS = json.loads((ROOT / "tests" / "vectors" / "reports.json").read_text())
KEYS = [archive_key(key) for key in VECTORS["keys"]]


def beside(case: dict[str, Any]) -> Reader:
    def read(name: str, limit: int) -> bytes:
        if name not in case["files_base64"]:
            raise Missing(name)
        data = base64.b64decode(case["files_base64"][name])
        if len(data) > limit:
            raise TooLarge(name)
        return data

    return read


def object_of(case: dict[str, Any]) -> bytes:
    return base64.b64decode(case["object_base64"])


def placed(case: dict[str, Any], folder: str) -> Path:
    """The files of a case in a folder, and its note."""
    for name, data in case["files_base64"].items():
        Path(folder, name).write_bytes(base64.b64decode(data))
    note = Path(folder, "the note")
    note.write_bytes(object_of(case))
    return note


def told(note: Path) -> subprocess.CompletedProcess[str]:
    keys = [part for key in VECTORS["keys"] for part in ("--key", key)]
    return subprocess.run([sys.executable, str(ROOT / "tools" / "verify_report.py"), str(note), *keys], capture_output=True, text=True, timeout=60, check=False)


class Reports(unittest.TestCase):
    def test_reports_are_judged_as_the_format_says(self) -> None:
        for case in VECTORS["valid"]:
            verdict, why, report = verify(object_of(case), KEYS, beside(case))
            self.assertEqual((verdict, report and report["verdict"]), ("intact", case["verdict"]), f"{case['name']}: {why}")
        for case in VECTORS["judged"]:
            verdict, why, _ = verify(object_of(case), KEYS, beside(case))
            self.assertEqual(verdict, case["verdict"], f"{case['why']}: {why}")

    def test_every_changed_byte_is_noticed(self) -> None:
        case = VECTORS["valid"][0]
        good = object_of(case)
        for at in range(len(good)):
            changed = bytearray(good)
            changed[at] ^= 1
            self.assertNotEqual(verify(bytes(changed), KEYS, beside(case))[0], "intact", at)

    def test_the_exit_code_is_the_verdict_on_the_report_or_that_of_the_report(self) -> None:
        cases = [*VECTORS["valid"][:4], *VECTORS["judged"][-6:]]
        cases += [case for case in VECTORS["judged"] if case["verdict"] == "incomplete"][:1]
        for case in cases:
            with tempfile.TemporaryDirectory() as folder:
                done = told(placed(case, folder))
            known = object_of(case).startswith(b'{"type":"kivend.report/')
            self.assertEqual(done.returncode, EXIT_CODES[case["verdict"]] if known else 2, done.stdout + done.stderr)

    def test_a_file_that_is_no_file_is_not_read(self) -> None:
        case = VECTORS["valid"][0]
        name = next(iter(case["files_base64"]))
        for make in (os.mkfifo, lambda place: os.symlink("/dev/zero", place)):
            with tempfile.TemporaryDirectory() as folder:
                note = placed(case, folder)
                Path(folder, name).unlink()
                make(Path(folder, name))
                done = told(note)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("not a regular file", done.stderr)


if __name__ == "__main__":
    unittest.main()
