"""Tests tools/verify_proof.py with the golden vectors and with random damage; part of `python -m unittest discover`."""
from __future__ import annotations

import base64
import json
import random
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools")]

import verify_proof  # noqa: E402
from notes import Broken, public_key  # noqa: E402
from verify_proof import check_consistency, check_inclusion, verify  # noqa: E402

VECTORS = json.loads((ROOT / "tests" / "vectors" / "proofs.json").read_text())
MERKLE = json.loads((ROOT / "tests" / "vectors" / "merkle.json").read_text())


def cases() -> Iterator[tuple[str, str, list[str], bytes]]:
    """Name, verdict, given keys and file of every vector."""
    for case in VECTORS["valid"]:
        for keys in ([], VECTORS["archive_keys"][:1], VECTORS["archive_keys"][1:], VECTORS["archive_keys"]):
            yield case["name"], "intact", keys, base64.b64decode(case["file_base64"])
    for case in VECTORS["invalid"]:
        yield case["why"], case["verdict"], case["keys"], base64.b64decode(case["file_base64"])


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
        for name, verdict, keys, data in cases():
            with self.subTest(name):
                found = verify(data, [public_key(key) for key in keys])
                self.assertEqual(found[0], verdict, found)

    def test_the_record_is_shown(self) -> None:
        for case in VECTORS["valid"]:
            record = verify(base64.b64decode(case["file_base64"]), [])[2]
            shown = (record.topic, record.partition, record.offset) if record else (None, None, None)
            self.assertEqual(shown, (case.get("topic"), case.get("partition"), case.get("offset")))

    def test_a_damaged_file_proves_nothing(self) -> None:
        for seed in range(500):
            file, data = damaged(seed)
            if data != file:
                self.assertNotEqual(verify(data, [])[0], "intact", f"seed {seed}")

    def test_paths_of_the_vectors_lead_to_their_roots(self) -> None:
        for case in MERKLE["cases"]:
            for index, path in enumerate(case["paths"]):
                start = verify_proof.leaf(b"leaf %d" % index)
                check_inclusion(start, index, case["leaf_count"], [bytes.fromhex(step) for step in path], case["root"])

    def test_a_log_is_no_continuation_of_one_without_links(self) -> None:
        with self.assertRaises(Broken):
            check_consistency(0, "0" * 64, 1, "0" * 64, [])


if __name__ == "__main__":
    unittest.main()
