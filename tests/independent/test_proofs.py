"""Tests tools/verify_proof.py with the golden vectors and with random damage; part of `python -m unittest discover`."""
from __future__ import annotations

import base64
import json
import random
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools")]

from kinds import archive_key, witness_key  # noqa: E402
from notes import Broken  # noqa: E402
from paths import check_consistency  # noqa: E402
from trust import Given  # noqa: E402
from verify_proof import verify  # noqa: E402

VECTORS = json.loads((ROOT / "tests" / "vectors" / "proofs.json").read_text())
NOTHING: dict[str, Any] = {"keys": [], "witnesses": [], "quorum": None, "origin": None}


def cases() -> Iterator[tuple[str, str, dict[str, Any], bytes]]:
    """Name, verdict, what is given, and file of every vector."""
    for case in VECTORS["valid"]:
        for given in case["given"]:
            yield case["name"], "intact", given, base64.b64decode(case["file_base64"])
    for case in VECTORS["judged"]:
        yield case["why"], case["verdict"], case["given"], base64.b64decode(case["file_base64"])


def read(given: dict[str, Any]) -> Given:
    return Given(map(archive_key, given["keys"]), map(witness_key, given["witnesses"]), given["quorum"], given["origin"])


def damaged(seed: int) -> tuple[bytes, bytes]:
    """A valid file, and the same with one to three bytes changed, removed, doubled or replaced by a digit."""
    chance = random.Random(seed)
    file = base64.b64decode(chance.choice(VECTORS["valid"])["file_base64"])
    data = bytearray(file)
    for _ in range(chance.choice((1, 1, 3))):
        at = chance.randrange(len(data))
        match chance.randrange(4):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                del data[at]
            case 2:
                data.insert(at, data[at])
            case _:
                data[at : at + 1] = b"%d" % chance.randrange(10)
    return file, bytes(data)


class Proofs(unittest.TestCase):
    def test_each_vector_gets_its_verdict(self) -> None:
        for name, verdict, given, data in cases():
            with self.subTest(name):
                found = verify(data, read(given))
                self.assertEqual(found[0], verdict, found)

    def test_the_records_are_shown(self) -> None:
        for case in VECTORS["valid"]:
            records = verify(base64.b64decode(case["file_base64"]), Given())[2]
            one = [[case["topic"], case["partition"], case["offset"]]] if "offset" in case else []
            self.assertEqual([[record.topic, record.partition, record.offset] for record in records], case.get("records", one))

    def test_a_damaged_file_proves_nothing(self) -> None:
        """Save that a cosignature line, which proves nothing here, may be damaged."""
        for seed in range(500):
            file, data = damaged(seed)
            if data != file and "witness.example" not in file.decode():
                self.assertNotEqual(verify(data, Given())[0], "intact", f"seed {seed}")

    def test_what_is_no_proof_file_is_refused_and_not_called_tampered(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "events.jsonl")
            file.write_text("{}\n")
            command = [sys.executable, str(ROOT / "tools" / "verify_proof.py"), str(file)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("not a proof file", done.stderr)

    def test_a_log_is_no_continuation_of_one_without_entries(self) -> None:
        with self.assertRaises(Broken):
            check_consistency(0, "0" * 64, 1, "0" * 64, [])


if __name__ == "__main__":
    unittest.main()
