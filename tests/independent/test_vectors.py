"""Tests the readers of tools/ with the golden vectors: keys, notes, entries, checkpoints, links and cosignatures.

    python -m unittest discover -s tests/independent        (in the environment of tools/requirements.txt)
"""
from __future__ import annotations

import base64
import json
import sys
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "independent")]

import kinds  # noqa: E402
import places  # noqa: E402
from chain import Chain  # noqa: E402
from log import Log  # noqa: E402
from notes import Junk, grow, public_key, read_note, root as root_of, sha, signed  # noqa: E402
from paths import check_consistency, check_inclusion, check_several, leaf  # noqa: E402
from trust import Given  # noqa: E402
from verify import Archive  # noqa: E402
from walk_log import LogWalk  # noqa: E402


def vectors(name: str) -> Any:
    return json.loads((ROOT / "tests" / "vectors" / f"{name}.json").read_text())


def object_of(case: dict[str, Any], member: str = "object_base64") -> bytes:
    return base64.b64decode(case[member])


def fails(read: Callable[[], object]) -> bool:
    try:
        read()
    except Exception:  # What makes a reader fail breaks a rule.
        return True
    return False


class Notes(unittest.TestCase):
    def test_keys_and_notes_are_read_as_the_format_says(self) -> None:
        file = vectors("notes")
        key = public_key(file["keys"][0]["public"])
        known = places.Known.__new__(places.Known)
        known.keys = {key.id: key}
        for case in file["valid"]:
            note, _ = places.open_note(object_of(case), known)
            self.assertEqual((note.text, note.hash), (case["text"], case["sha256"]))
        for case in file["invalid"]:
            with self.subTest(case["why"]), self.assertRaises(Junk):
                places.open_note(object_of(case), known)
        for case in file["invalid_public_keys"] + file["small_order"]:
            self.assertTrue(fails(lambda: public_key(case["public"])), case["why"])

    def test_a_signature_whose_r_has_a_small_order_is_refused_although_openssl_takes_it(self) -> None:
        file = vectors("notes")
        key = public_key(file["keys"][0]["public"])
        note = read_note(next(object_of(case) for case in file["invalid"] if case["why"] == "R of small order"))
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        Ed25519PublicKey.from_public_bytes(base64.b64decode(key.text.split("+", 2)[2])[1:]).verify(note.lines[0][1], note.text.encode())
        self.assertFalse(signed(note, key))

    def test_identities(self) -> None:
        file = vectors("archive")
        self.assertEqual(kinds.identity(object_of(file)).hash, file["sha256"])
        for case in file["valid"]:
            self.assertEqual(kinds.identity(object_of(case)).hash, case["sha256"])
        for case in file["invalid"]:
            self.assertTrue(fails(lambda: kinds.identity(object_of(case))), case["why"])
        for case in file["genesis"]:
            self.assertEqual(Chain(file["sha256"], case["topic"], case["partition"]).hash, case["sha256"])

    def test_trees(self) -> None:
        for case in vectors("merkle")["cases"]:
            full, roots, count = list[bytes](), list[str](), case["leaf_count"]
            for index in range(count):
                roots.append(root_of(grow(full, index, b"leaf %d" % index)))
            self.assertEqual((root_of(full), [peak.hex() for peak in full]), (case["root"], case["peaks"]))
            for index, path in enumerate(case["paths"]):
                check_inclusion(leaf(b"leaf %d" % index), index, count, [bytes.fromhex(step) for step in path], case["root"])
            for each in case["joint"]:
                leaves = [(index, leaf(b"leaf %d" % index)) for index in each["of"]]
                steps = [bytes.fromhex(step) for step in each["path"]]
                check_several(leaves, count, steps, case["root"])
                for wrong in ([*steps, *steps[-1:], leaves[0][1]], steps[:-1]) if steps else ():
                    self.assertTrue(fails(lambda: check_several(leaves, count, wrong, case["root"])))
            for each in case["consistency"]:
                check_consistency(each["from"], roots[each["from"] - 1], count, case["root"], [bytes.fromhex(step) for step in each["path"]])

    def test_cosignatures(self) -> None:
        file = vectors("cosignatures")
        text, witnesses = file["checkpoint_text"], [kinds.witness_key(witness["vkey"]) for witness in file["witnesses"]]
        for case in file["valid"]:
            self.assertEqual(kinds.cosigned_at(object_of(case).decode()[:-1], text, kinds.witness_key(case["witness"])), case["time"])
        for case in file["prove_nothing"]:
            line = object_of(case).decode()
            proves = line.endswith("\n") and any(kinds.cosigned_at(line[:-1], text, witness) is not None for witness in witnesses)
            self.assertFalse(proves, case["why"])
        for case in file["invalid_vkeys"]:
            self.assertTrue(fails(lambda: kinds.witness_key(case["vkey"])), case["why"])
        note, lines = kinds.split_cosigned(object_of(file, "cosigned_base64"))
        self.assertEqual((note, len(Given(witnesses=witnesses).cosigners(text, lines))), (object_of(file, "checkpoint_base64"), 2))


class Logs(unittest.TestCase):
    def setUp(self) -> None:
        self.file = vectors("entries")
        self.logs = {log["name"]: log for log in self.file["logs"]}

    def taken(self, name: str, count: int | None = None) -> Log:
        """A log after some or all of its entries."""
        log = Log(object_of(self.logs[name], "archive_base64"))
        for case in self.logs[name]["entries"][:count]:
            outcome = log.entry(object_of(case))
            self.assertEqual(outcome.cls, "valid", outcome.why)
            self.assertEqual(log.take(outcome.content), [])
        return log

    def test_each_entry_has_its_leaf_its_tree_and_its_effect(self) -> None:
        for name, told in self.logs.items():
            for number, case in enumerate(told["entries"]):
                log = self.taken(name, number + 1)
                keyring, after = log.keyring, case["after"]
                self.assertEqual((log.roots[-1], log.text_of(number), sha(object_of(case))), (case["root"], case["checkpoint_text"], case["sha256"]))
                for of in ("keys", "change_keys"):
                    self.assertEqual([term.key.text for id_, term in keyring.terms.items() if id_ in keyring.in_force(of, number)], after[of])
                self.assertEqual((keyring.newest, sorted([*place, height] for place, height in keyring.below.items())), (after["changes"], after["below"]))
                self.assertEqual([term_of(term) for term in keyring.terms.values()], after["terms"])

    def test_checkpoints_by_every_key_that_may_sign_them(self) -> None:
        for name, told in self.logs.items():
            log = self.taken(name)
            for case in told["entries"]:
                for each in case["checkpoints"]:
                    outcome = log.checkpoint(case["number"], object_of(each))
                    self.assertEqual(outcome.cls, "valid", outcome.why)

    def test_links_count_by_the_terms_of_their_keys(self) -> None:
        for name, told in self.logs.items():
            terms = {term.key.text: term for term in self.taken(name).keyring.terms.values()}
            for case in told["links_count"]:
                counts = terms[case["key"]].counts_for((case["topic"], case["partition"]), case["height"])
                self.assertIs(counts, case["counts"], case)

    def test_each_object_has_its_class(self) -> None:
        for case in self.file["judged_entries"]:
            outcome = self.taken(case["log"], case["number"]).entry(object_of(case))
            self.assertEqual(outcome.cls, case["class"], f"{case['why']}: {outcome.why}")
        for case in self.file["judged_checkpoints"]:
            outcome = self.taken(case["log"]).checkpoint(case["number"], object_of(case))
            self.assertEqual(outcome.cls, case["class"], f"{case['why']}: {outcome.why}")

    def test_objects_above_the_newest_entry_have_their_verdict(self) -> None:
        for case in self.file["above"]:
            told = self.logs[case["log"]]
            with tempfile.TemporaryDirectory() as folder:
                def put(kind: str, number: int, data: bytes) -> None:
                    path = Path(folder, kind, f"{number:010}.note")
                    path.parent.mkdir(exist_ok=True)
                    path.write_bytes(data)
                for entry in told["entries"][:case["taken"]]:
                    put("log", entry["number"], object_of(entry))
                    put("checkpoints", entry["number"], object_of(entry["checkpoints"][0]))
                put(case["kind"], case["number"], object_of(case))
                archive = Archive(folder)
                archive.list_keys()
                walk = LogWalk(archive, object_of(told, "archive_base64"))
                walk.walk()
                walk.settle()
            self.assertEqual(archive.verdict, case["verdict"], f"{case['why']}: {list(archive.findings)}")


def term_of(term: Any) -> dict[str, Any]:
    def heights(heads: dict[tuple[str, int], int] | None) -> Any:
        return None if heads is None else [[*place, height] for place, height in sorted(heads.items())]
    return {"key": term.key.text, "of": term.of, "added_by": term.added, "retired_by": term.retired, "links_above": heights(term.above),
            "links_certain_up_to": heights(term.certain), "links_up_to": heights(term.up_to)}


class Links(unittest.TestCase):
    def test_each_object_has_its_class(self) -> None:
        file = vectors("links")
        known = places.Known(kinds.identity(object_of(file, "archive_base64")))
        for case in file["valid"] + file["judged"]:
            place = (file["topic"], file["partition"], case["epoch"], case["first_offset"])
            outcome = places.outcome(lambda: places.read_at("links", place, object_of(case), known))
            self.assertEqual(outcome.cls, case.get("class", "valid"), f"{case.get('why', case.get('name'))}: {outcome.why}")

    def test_links_continue_a_chain_or_do_not(self) -> None:
        file = vectors("links")
        archive = object_of(file, "chain_archive_base64")
        known = places.Known(kinds.identity(archive))
        for case in file["chains"]:
            chain = Chain(sha(archive), "payments", 1)
            self.assertEqual(chain.hash, file["genesis"])
            *before, last = [base64.b64decode(each) for each in case["links_base64"]]
            for data in before:
                link = opened(data, known)
                chain.continues(link)
                chain.take(link)
            link = opened(last, known)
            self.assertEqual(not fails(lambda: chain.continues(link)), case["continues"], case["name"])


def opened(data: bytes, known: places.Known) -> Any:
    content = json.loads(read_note(data).text)
    place = tuple(content[name] for name in ("topic", "partition", "epoch", "first_offset"))
    return places.read_at("links", place, data, known)


if __name__ == "__main__":
    unittest.main()
