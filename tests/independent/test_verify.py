"""Tests tools/verify.py with the golden vectors, with a small valid archive, and with many ways to tamper with it.

    python -m unittest discover -s tests/independent        (in the environment of tools/requirements.txt)
"""
from __future__ import annotations

import base64
import json
import os
import struct
import sys
import tempfile
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace as Fields
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "independent")]

from format_writer import ARCHIVE, KEY, OTHER, Key, canonical, note, sha  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from small_archive import SmallArchive, parquet, root, rows  # noqa: E402
from notes import Broken, Junk, Unknown, grow, public_key, read_note, root as root_of  # noqa: E402
from verify import Archive  # noqa: E402
from verify_segment import project, projection_rules, read_segment  # noqa: E402


def vectors(name: str) -> Any:
    return json.loads((ROOT / "tests" / "vectors" / f"{name}.json").read_text())


def object_of(case: dict[str, Any], field: str = "object_base64") -> bytes:
    return base64.b64decode(case[field])


def judged(read: Callable[[], object]) -> str:
    try:
        read()
    except Exception as why:  # What makes a reader fail breaks a rule.
        return {Junk: "junk", Unknown: "unknown_type"}.get(type(why), "broken")
    return "valid"


class Vectors(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        Path(folder.name, "archive.json").write_bytes(ARCHIVE)
        self.archive = Archive(Path(folder.name), [])
        self.archive.read_identity()

    def test_notes(self) -> None:
        for case in vectors("notes")["valid"]:
            found, _ = self.archive.opened(object_of(case))
            self.assertEqual((found.text, found.hash), (case["text"], case["sha256"]))
        for case in vectors("notes")["invalid"]:
            self.assertEqual(judged(lambda: self.archive.opened(object_of(case))), "junk", case["why"])
        for case in vectors("notes")["invalid_public_keys"]:
            self.assertEqual(judged(lambda: public_key(case["public"])), "broken", case["why"])

    def test_archive(self) -> None:
        for case in vectors("archive")["invalid"]:
            (self.archive.folder / "archive.json").write_bytes(object_of(case))
            self.assertEqual(judged(self.archive.read_identity), "broken", case["why"])

    def test_links(self) -> None:
        place = ("payments", 1, 0, 0)
        for case in vectors("links")["valid"]:
            self.assertEqual(judged(lambda: self.archive.read_link(object_of(case), place)), "valid", case["name"])
        for case in vectors("links")["invalid"]:
            self.assertEqual(judged(lambda: self.archive.read_link(object_of(case), place)), case["class"], case["why"])

    def test_chains(self) -> None:
        for case in vectors("links")["chains"]:
            def opened(field: str) -> Any:
                content = json.loads(read_note(object_of(case, field)).text)
                place = ("payments", 1, content["epoch"], content["first_offset"])
                return Fields(**vars(self.archive.read_link(object_of(case, field), place)), place=place)

            def continues() -> None:
                before = opened("before_base64") if case["before_base64"] else self.archive.genesis("payments", 1)
                self.archive.follows(opened("link_base64"), before)

            self.assertEqual(judged(continues) == "valid", case["continues"], case["name"])

    def test_checkpoints(self) -> None:
        for case in vectors("checkpoints")["valid"]:
            self.assertEqual(len(self.archive.read_checkpoint(object_of(case), (case["number"],)).heads), case["heads"])
        for case in vectors("checkpoints")["invalid"]:
            self.assertEqual(judged(lambda: self.archive.read_checkpoint(object_of(case), (case["number"],))), case["class"], case["why"])

    def test_merkle(self) -> None:
        for case in vectors("merkle")["cases"]:
            full = list[bytes]()
            for index in range(case["leaf_count"]):
                grow(full, index, b"leaf %d" % index)
            self.assertEqual(root_of(full), case["root"])

    def test_projection(self) -> None:
        file = vectors("projection")
        for group in file["groups"]:
            rules = projection_rules(group["projection"])
            for case in group["cases"]:
                *typed, error = project(rules, None if case["value_base64"] is None else object_of(case, "value_base64"))
                got = {rule[0]: readable(value) for rule, value in zip(rules, typed)}
                self.assertEqual((got, readable(error)), (case["columns"], case["parse_error"]), f"{rules[0][2]} {case['name']}")
        for text in file["valid_rules"]:
            projection_rules(text)
        for case in file["invalid_rules"]:
            self.assertEqual(judged(lambda: projection_rules(case["projection"])), "broken", case["why"])


def readable(value: Any) -> Any:
    if type(value) is float:
        return struct.pack(">d", value).hex()
    return value.decode() if type(value) is bytes else value


SEGMENT, SEGMENT_2 = "data/topic=payments/partition=1/0000-00000000000000000000.parquet", "data/topic=payments/partition=1/0000-00000000000000000100.parquet"
Deed = Callable[[SmallArchive], object]


def remove(*keys: str) -> Deed:
    return lambda archive: [os.remove(archive.folder / key) for key in keys]  # type: ignore[func-returns-value]


def link(index: int) -> str:
    return f"links/payments/1/0000-{[0, 100, 150, 153][index]:020}.note"


def plant(key: str, data: bytes = b"junk") -> Deed:
    return lambda archive: archive.put(key, data)


def both(*deeds: Deed) -> Deed:
    return lambda archive: [deed(archive) for deed in deeds]


def move(old: str, new: str) -> Deed:
    return lambda archive: (archive.folder / old).rename(archive.folder / new)


def copy(old: str, new: str) -> Deed:
    return lambda archive: archive.put(new, (archive.folder / old).read_bytes())


def beside(change: Callable[[list[dict[str, Any]]], object]) -> Deed:
    """A segment without a fault beside the first link's, of its rows as `change` leaves them."""
    def deed(archive: SmallArchive) -> None:
        made = rows(0, 100, {10, 11, 12})
        change(made)
        content = archive.contents[0] | {"record_count": len(made), "records_root": root(made)}
        archive.put(SEGMENT.replace(".parquet", "-r1.parquet"), parquet(made, content))
    return deed


def without(index: int) -> Callable[[list[dict[str, Any]]], object]:
    return lambda made: made.pop(index)


def sealed(change: Callable[[list[dict[str, Any]]], object], **options: Any) -> Deed:
    """One more segment, whose rows were changed after its link was made, but whose bytes the link names."""
    def deed(archive: SmallArchive) -> None:
        made = rows(200, 210, set())
        archive.seal(made, 200, 210, [])
        change(made)
        relink(archive, parquet(made, archive.contents[-1], **options))
    return deed


def relink(archive: SmallArchive, data: bytes) -> None:
    """Gives the last link another segment."""
    content = archive.contents.pop()
    archive.links.pop()
    archive.put(content["segment"]["key"], data)
    archive.add(content | {"segment": content["segment"] | {"bytes": len(data), "sha256": sha(data)}})


def patched(old: bytes, new: bytes, nth: int = -1) -> Deed:
    """One more segment, in whose bytes the nth place of `old` holds `new`, and whose link names those bytes."""
    def deed(archive: SmallArchive) -> None:
        archive.seal(rows(200, 210, set()), 200, 210, [])
        data = (archive.folder / archive.contents[-1]["segment"]["key"]).read_bytes()
        parts = data.split(old)
        nth_ = nth % (len(parts) - 1) + 1
        relink(archive, old.join(parts[:nth_]) + new + old.join(parts[nth_:]))
    return deed


def checkpointed(**changes: Any) -> Deed:
    return lambda archive: archive.checkpoint(**changes)


def further(first: int, next_: int, made: list[dict[str, Any]] | None = None, absent: list[list[int]] | None = None, **changes: Any) -> Deed:
    """One more segment and link, the link changed before it is signed."""
    return lambda archive: archive.seal(rows(first, next_, set()) if made is None else made, first, next_, absent or [], changes)


def rejecting(junk: bytes | None, **changes: Any) -> Deed:
    """One more link, whose segment is -r1 since `junk` stood at the key; None: nothing stands there."""
    def deed(archive: SmallArchive) -> None:
        archive.seal(rows(200, 210, set()), 200, 210, [])
        content = archive.contents.pop()
        archive.links.pop()
        key = content["segment"]["key"]
        ours = key.replace(".parquet", "-r1.parquet")
        (archive.folder / key).rename(archive.folder / ours)
        if junk is not None:
            archive.put(key, junk)
        entry = {"key": key, "bytes": 4, "sha256": sha(b"junk"), "reason": "unreadable"} | changes
        archive.add(content | {"segment": content["segment"] | {"key": ours}, "rejected": [entry]})
    return deed


def row(index: int, **changes: Any) -> Callable[[list[dict[str, Any]]], object]:
    return lambda made: made[index].update(changes)


def relinked(index: int, **changes: Any) -> Deed:
    """The link of one height signed again with other content."""
    return lambda archive: archive.put(archive.link_key(index), note(canonical(archive.contents[index] | changes), KEY))


def rotated(archive: SmallArchive) -> None:
    first = archive.change(1, sha(ARCHIVE), [OTHER], [])
    archive.add(archive.following() | {"first_offset": 200, "next_offset": 201, "record_count": 0, "absent": [[200, 201]], "segment": None, "min_timestamp_ms": None,
                                       "max_timestamp_ms": None, "records_root": sha(b""), "seal_reason": "shutdown"}, OTHER)
    archive.checkpoint(OTHER, (1, sha(first)))
    archive.change(2, sha(first), [], [KEY], OTHER)


def signed_late(archive: SmallArchive) -> None:
    """A retired key signs one more link."""
    rotated(archive)
    archive.add(archive.following() | {"record_count": 0, "absent": [[201, 251]], "segment": None, "min_timestamp_ms": None, "max_timestamp_ms": None, "records_root": sha(b"")}, KEY)
    archive.add(archive.following() | {"record_count": 0, "absent": [[251, 301]], "segment": None, "min_timestamp_ms": None, "max_timestamp_ms": None, "records_root": sha(b"")}, OTHER)


THIRD = Key("third", 0x03)


def changed(add: list[Key], retire: list[Key], previous: str = sha(ARCHIVE), **options: Any) -> Deed:
    """Key change 1."""
    return lambda archive: archive.change(1, previous, add, retire, **options)


def changed_again(add: list[Key], retire: list[Key], **options: Any) -> Deed:
    """Key change 2, after one that added OTHER."""
    def deed(archive: SmallArchive) -> None:
        first = archive.change(1, sha(ARCHIVE), [OTHER], [])
        archive.change(2, sha(first), add, retire, **options)
    return deed


def gap_link(first: int, next_: int, key: Key) -> Deed:
    return lambda archive: archive.add(archive.following() | {"first_offset": first, "next_offset": next_, "record_count": 0, "absent": [[first, next_]], "segment": None, "min_timestamp_ms": None,
                                                              "max_timestamp_ms": None, "records_root": sha(b""), "seal_reason": "shutdown"}, key)


def early(archive: SmallArchive) -> None:
    """An added key signs again a link below its time, and everything after it."""
    archive.change(1, sha(ARCHIVE), [OTHER], [])
    archive.put(archive.link_key(3), note(canonical(archive.contents[3]), OTHER))


CASES: list[tuple[str, str, Deed]] = [
    ("untouched", "intact", lambda archive: None),
    ("probes do not count", "intact", plant("probes/1/2")),
    ("a stray object", "tampered", plant("notes.txt")), ("a stray segment in the middle", "tampered", plant(SEGMENT.replace(".parquet", "-r1.parquet"))),
    ("a segment without a link at the next offset", "intact", plant("data/topic=payments/partition=1/0000-00000000000000000200.parquet")),
    ("a segment without a link in the next epoch", "intact", plant("data/topic=payments/partition=1/0001-00000000000000000000.parquet")),
    ("a segment without a link where an epoch ended", "intact", both(plant("data/topic=payments/partition=1/0000-00000000000000000200.parquet"), further(0, 10, epoch=1))),
    ("a copy of a segment beside it", "intact", copy(SEGMENT, SEGMENT.replace(".parquet", "-r1.parquet"))), ("a copy of a segment beside another", "tampered", copy(SEGMENT, SEGMENT_2.replace(".parquet", "-r1.parquet"))),
    ("a copy with records missing", "intact", beside(without(50))), ("a copy with another record", "tampered", beside(lambda made: made[3].update(value=b"{}"))),
    ("a copy whose records changed places", "tampered", beside(lambda made: made.reverse())),
    ("a segment without a link further on", "tampered", plant("data/topic=payments/partition=1/0000-00000000000000000201.parquet")),
    ("a key of too many digits", "tampered", plant("checkpoints/00000000003.note")), ("a key of too few digits", "tampered", plant("checkpoints/3.note")), ("key change 0", "tampered", plant("keys/000000.note")),
    ("the last link gone", "incomplete", remove(link(3))), ("a link in the middle gone: its segment is left over", "tampered", remove(link(1))), ("a link without a segment gone", "incomplete", remove(link(2))),
    ("the first link gone", "tampered", remove(link(0))), ("a link in the middle gone with its segment", "incomplete", remove(link(1), SEGMENT_2)),
    ("all links gone", "tampered", remove(*map(link, range(4)))), ("all but archive.json and checkpoints gone", "incomplete", remove(*map(link, range(4)), SEGMENT, SEGMENT_2)), ("a segment gone", "incomplete", remove(SEGMENT)), ("archive.json gone", "incomplete", remove("archive.json")),
    ("the last checkpoint gone: nothing inside can know", "intact", remove("checkpoints/0000000002.note")), ("checkpoint 0 gone", "incomplete", remove("checkpoints/0000000000.note")),
    ("a checkpoint in the middle gone", "incomplete", remove("checkpoints/0000000001.note")), ("all checkpoints gone", "incomplete", remove(*[f"checkpoints/{n:010}.note" for n in range(3)])),
    ("junk for the last link, which a checkpoint names", "tampered", plant(link(3))), ("junk for a link in the middle", "tampered", plant(link(1))),
    ("junk for the last checkpoint, which nothing names", "intact", plant("checkpoints/0000000002.note")), ("junk for checkpoint 1", "tampered", plant("checkpoints/0000000001.note")),
    ("junk at the next link", "intact", plant("links/payments/1/0000-00000000000000000200.note")), ("junk at the next epoch", "intact", plant("links/payments/1/0001-00000000000000000000.note")),
    ("junk at a link further on", "tampered", plant("links/payments/1/0000-00000000000000000201.note")), ("junk at the next checkpoint", "intact", plant("checkpoints/0000000003.note")),
    ("junk at a checkpoint further on", "tampered", plant("checkpoints/0000000004.note")), ("junk at the first key change", "intact", plant("keys/000001.note")), ("junk at the second", "tampered", plant("keys/000002.note")),
    ("junk above the valid link", "tampered", plant(link(1).replace(".note", "-r1.note"))), ("junk below the valid link", "intact", both(move(link(1), link(1).replace(".note", "-r1.note")), plant(link(1)))),
    ("nothing below the valid link", "incomplete", move(link(1), link(1).replace(".note", "-r1.note"))), ("a valid link twice", "tampered", copy(link(1), link(1).replace(".note", "-r1.note"))),
    ("a valid link at another place", "tampered", copy(link(1), "links/payments/1/0000-00000000000000000200.note")), ("a checkpoint at another place", "tampered", copy("checkpoints/0000000001.note", "checkpoints/0000000003.note")),
    ("another valid link instead of the one chained", "tampered", relinked(1, seal_reason="bytes")), ("a link that breaks a rule", "tampered", relinked(3, seal_reason="age")),
    ("a link of an unknown type", "unverifiable", relinked(3, type="kivend.link/v9")), ("the segments swapped", "tampered", both(move(SEGMENT, "x"), move(SEGMENT_2, SEGMENT), move("x", SEGMENT_2))),
    ("a record changed under a signed link", "tampered", sealed(row(3, value=b"{}", event_ts=None, amount=None, raw=None))), ("a record gone under a signed link", "tampered", sealed(lambda made: made.pop())),
    ("a record too many under a signed link", "tampered", sealed(lambda made: made.append(made[-1] | {"offset": 210}))), ("records out of order", "tampered", sealed(lambda made: made.reverse())),
    ("another partition in a row", "tampered", sealed(row(0, partition=2))), ("another topic in a row", "tampered", sealed(row(0, topic="paymentz"))), ("timestamp type without a timestamp", "tampered", sealed(row(0, timestamp=None))),
    ("a typed column that is not the value's", "tampered", sealed(row(0, amount=1.0))), ("a typed column left out", "tampered", sealed(row(0, event_ts=None))), ("a parse error invented", "tampered", sealed(row(0, parse_error="field_type"))),
    ("raw JSON written otherwise", "tampered", sealed(row(0, raw='{"a":[200]}'))), ("a page index", "tampered", sealed(lambda made: None, write_page_index=True)),
    ("sealed again without change", "intact", sealed(lambda made: None)), ("keys rotated", "intact", rotated), ("a retired key signs on", "tampered", signed_late), ("a key change gone", "tampered", both(rotated, remove("keys/000001.note"))),
    ("the last key change gone: nothing inside can know", "intact", both(rotated, remove("keys/000002.note"))),
    ("a checkpoint with another log root", "tampered", checkpointed(log_root=sha(b"x"))), ("a checkpoint with another link", "tampered", checkpointed(link=sha(b"x"))),
    ("a checkpoint with another next offset", "tampered", checkpointed(next_offset=201)), ("a checkpoint of another epoch", "tampered", checkpointed(epoch=1)),
    ("a checkpoint beyond the chain", "incomplete", checkpointed(height=4)), ("a checkpoint whose height goes back", "tampered", checkpointed(height=2)), ("a checkpoint that forgets a partition", "tampered", checkpointed(link=None)),
    ("a checkpoint after another one", "tampered", checkpointed(previous=sha(b"x"))), ("a checkpoint that names a missing key change", "incomplete", checkpointed(change=(1, sha(b"x")))),
    ("a checkpoint with another archive.json", "tampered", checkpointed(change=(0, sha(b"x")))), ("a checkpoint of an unknown type", "unverifiable", checkpointed(type_="kivend.checkpoint/v2")),
    ("a checkpoint of no type", "tampered", checkpointed(type_="kivend.checkpoint")), ("one more checkpoint", "intact", checkpointed()), ("checkpoints with a gap", "incomplete", both(checkpointed(), checkpointed(), remove("checkpoints/0000000003.note"))),
    ("one more link", "intact", further(200, 210)), ("a link with another minimum", "tampered", further(200, 210, min_timestamp_ms=1)), ("a link with another root", "tampered", further(200, 210, records_root=sha(b"x"))),
    ("a link that names a checkpoint that never was", "incomplete", further(200, 210, checkpoint={"number": 9, "sha256": sha(b"x")})), ("a link that names another checkpoint", "tampered", further(200, 210, checkpoint={"number": 2, "sha256": sha(b"x")})),
    ("a link that names an older checkpoint", "tampered", further(200, 210, checkpoint={"number": 0, "sha256": sha(b"x")})), ("a link whose absent are others", "tampered", further(200, 210, rows(200, 210, {205}), [[206, 207]])),
    ("a link whose absent are right", "intact", further(200, 210, rows(200, 210, {205}), [[205, 206]])), ("a hole after the last record", "intact", further(200, 210, rows(200, 210, {208, 209}), [[208, 210]])),
    ("a link of the next epoch", "intact", further(0, 10, epoch=1)), ("a link after a hole", "tampered", further(201, 210)), ("a link of a greater height", "tampered", further(200, 210, height=5)),
    ("an unknown link before known ones", "unverifiable", both(relinked(1, type="kivend.link/v9"), plant(SEGMENT_2.replace(".parquet", "-r7.parquet")))),
    ("a rejected object", "intact", rejecting(b"junk")), ("a rejected object gone", "incomplete", rejecting(None)), ("a rejected object changed", "tampered", rejecting(b"funk")), ("a rejected object for an unknown reason", "tampered", rejecting(b"junk", reason="ugly")),
    ("a bound falsified in the footer: first maximum of offset", "tampered", patched(struct.pack("<q", 209), struct.pack("<q", 205))), ("a bound falsified: minimum of offset", "tampered", patched(struct.pack("<q", 200), struct.pack("<q", 203))),
    ("a bound that calls itself exact, and no value has it", "tampered", patched(struct.pack("<q", 209), struct.pack("<q", 999))), ("a footer key changed", "tampered", patched(b"first_offset", b"first_offseu")), ("a footer value changed", "tampered", patched(b"payments", b"paymentz")),
    ("a rule changed in the footer", "tampered", patched(b"timestamp_us", b"timestamp_ms")), ("a path changed in the footer", "tampered", patched(b'"/ts"', b'"/tt"')),
    ("Arrow's own footer key damaged, which nobody reads", "intact", patched(b"ARROW:schema", b"ARROW:schemb")), ("its value damaged", "intact", patched(b"/////", b"!!!!!")),
    ("no compression", "tampered", sealed(lambda made: None, compression="none")), ("snappy", "tampered", sealed(lambda made: None, compression="snappy")), ("no statistics", "intact", sealed(lambda made: None, write_statistics=False)),
    ("data pages of version 2", "intact", sealed(lambda made: None, data_page_version="2.0")), ("an encoding that segments do not have", "tampered", sealed(lambda made: None, use_dictionary=False, column_encoding={"topic": "DELTA_BYTE_ARRAY"})), ("no dictionary", "intact", sealed(lambda made: None, use_dictionary=False)), ("no Arrow schema", "intact", sealed(lambda made: None, store_schema=False)),
    ("page checksums", "intact", sealed(lambda made: None, write_page_checksum=True)), ("sorting columns", "tampered", sealed(lambda made: None, sorting_columns=[pq.SortingColumn(2)])),
    ("a key added", "intact", changed([OTHER], [])), ("two keys added", "intact", changed([OTHER, THIRD], [])), ("a key added that did not sign: no valid note", "intact", changed([OTHER], [], signers=[KEY])),
    ("added keys signed in another order: no valid note", "intact", changed([OTHER, THIRD], [], signers=[KEY, THIRD, OTHER])), ("a key added, signed by it first: no valid note", "intact", changed([OTHER], [], signers=[OTHER, KEY])),
    ("a key added by a stranger at the first place", "intact", changed([OTHER], [], signers=[THIRD, OTHER])), ("a change that does nothing", "tampered", changed([], [])), ("a change that adds and retires", "tampered", changed([OTHER], [KEY])),
    ("the only key retired", "tampered", changed([], [KEY])), ("a key added that is there", "tampered", changed([KEY], [])), ("a key added twice", "tampered", changed([OTHER, OTHER], [])), ("a key retired that never was", "tampered", changed([], [THIRD])),
    ("a change of another archive", "tampered", changed([OTHER], [], id="f" * 32)), ("a change at another place", "tampered", both(changed([OTHER], []), move("keys/000001.note", "keys/000002.note"))), ("a change after another archive.json", "tampered", changed([OTHER], [], sha(b"x"))),
    ("a change that names a missing checkpoint", "incomplete", changed([OTHER], [], checkpoint={"number": 9, "sha256": sha(b"x")})), ("a change that names another checkpoint", "tampered", changed([OTHER], [], checkpoint={"number": 2, "sha256": sha(b"x")})),
    ("a change of an unknown type", "unverifiable", changed([OTHER], [], type="kivend.keys/v2")), ("a retired key added again", "tampered", both(rotated, lambda archive: archive.change(3, sha((archive.folder / "keys/000002.note").read_bytes()), [KEY], [], OTHER))),
    ("the added key retires the first", "intact", changed_again([], [KEY], signer=OTHER)), ("a key retires itself", "tampered", changed_again([], [OTHER], signer=OTHER)), ("the first key retires the added one", "intact", changed_again([], [OTHER])),
    ("all keys retired", "tampered", changed_again([], [KEY, OTHER])), ("the added key adds a third", "intact", changed_again([THIRD], [], signer=OTHER)), ("an added key signs a link below its time", "tampered", early),
    ("an added key signs the next link", "intact", both(changed([OTHER], []), gap_link(200, 210, OTHER))), ("a stranger signs the next link", "intact", gap_link(200, 210, OTHER)),
    ("a retired key signs the next link", "intact", both(changed_again([], [KEY], signer=OTHER), gap_link(200, 210, KEY))), ("a retired key signs the next checkpoint", "intact", both(changed_again([], [KEY], signer=OTHER), checkpointed())),
    ("a change twice", "tampered", both(changed([OTHER], []), copy("keys/000001.note", "keys/000001-r1.note"))), ("junk below a change", "intact", both(changed([OTHER], []), move("keys/000001.note", "keys/000001-r1.note"), plant("keys/000001.note"))),
    ("an unknown key change before a link that breaks a rule", "unverifiable", both(changed([OTHER], [], type="kivend.keys/v2"), relinked(3, seal_reason="age"))),
    ("an unknown checkpoint before one that breaks the chain", "unverifiable", both(checkpointed(type_="kivend.checkpoint/v2"), checkpointed(previous=sha(b"x")))),
    ("a segment changed before an unknown link", "tampered", both(relinked(1, type="kivend.link/v9"), plant(SEGMENT))),
    ("a partition beyond i32", "tampered", plant("data/topic=payments/partition=4294967296/0000-00000000000000000000.parquet")), ("a topic of one dot", "tampered", plant("links/./1/0000-00000000000000000000.note")),
    ("a name of try 0", "tampered", plant(link(1).replace(".note", "-r0.note"))), ("a try far beyond", "tampered", plant(link(1).replace(".note", "-r99999999999.note"))),
    ("junk where a partition's first segment would stand", "intact", plant("data/topic=payments/partition=7/0000-00000000000000000000.parquet")),
    ("junk where none would stand", "tampered", plant("data/topic=payments/partition=7/0000-00000000000000000005.parquet")), ("an epoch left out", "tampered", further(0, 10, epoch=2)),
    ("a segment gone with a copy beside it", "tampered", both(copy(SEGMENT, SEGMENT.replace(".parquet", "-r1.parquet")), remove(SEGMENT))),
    ("archive.json changed", "tampered", plant("archive.json", ARCHIVE.replace(b"10:00:00", b"10:00:01"))), ("archive.json malformed", "tampered", plant("archive.json", ARCHIVE + b" ")),
]


TWO_KEYS = canonical(json.loads(ARCHIVE) | {"keys": [KEY.public_text, OTHER.public_text]}).encode()
RETIRED_BY_OTHER, THIRD_BY_OTHER = changed([], [KEY], sha(TWO_KEYS), signer=OTHER), changed([THIRD], [], sha(TWO_KEYS), signer=OTHER)
BY_KEY = both(gap_link(200, 210, KEY), gap_link(210, 220, KEY), checkpointed())


def of_two_keys(*deeds: Deed) -> Deed:
    """The same archive with OTHER in archive.json too, which has signed nothing yet."""
    return lambda archive: [archive.__init__(archive.folder, TWO_KEYS), both(*deeds)(archive)]  # type: ignore[func-returns-value,misc]


BROUGHT: list[tuple[str, Deed, list[Key], str]] = [
    ("the right key", lambda archive: None, [KEY], "intact"), ("another key", lambda archive: None, [OTHER], "tampered"), ("the first key, then rotated", rotated, [KEY], "intact"),
    ("the added key vouches for what came before it", rotated, [OTHER], "intact"), ("both keys", rotated, [KEY, OTHER], "intact"), ("a key that never was, and the right one", lambda archive: None, [KEY, THIRD], "intact"),
    ("an added key, and nothing signed by it yet", changed([OTHER], []), [OTHER], "intact"), ("one of two keys", of_two_keys(), [OTHER], "tampered"),
    ("retired by a key that was not brought", of_two_keys(RETIRED_BY_OTHER, BY_KEY), [KEY], "intact"), ("retired by a key that counts, and signs on", of_two_keys(RETIRED_BY_OTHER, BY_KEY), [KEY, OTHER], "tampered"),
    ("added by a key that was not brought", of_two_keys(THIRD_BY_OTHER, gap_link(200, 210, THIRD)), [KEY], "intact"), ("added by that key, and signs on", of_two_keys(THIRD_BY_OTHER, gap_link(200, 210, THIRD), gap_link(210, 220, THIRD)), [KEY], "tampered"),
    ("added by that key, and brought", of_two_keys(THIRD_BY_OTHER, gap_link(200, 210, THIRD), gap_link(210, 220, THIRD)), [THIRD], "intact"),
    ("a key that was not brought retired", of_two_keys(changed([], [OTHER], sha(TWO_KEYS))), [KEY], "intact"), ("a change that breaks a rule, by a key that was not brought", of_two_keys(changed([], [], sha(TWO_KEYS), signer=OTHER)), [KEY], "intact"),
    ("an unknown change by a key that was not brought", of_two_keys(changed([THIRD], [], sha(TWO_KEYS), signer=OTHER, type="kivend.keys/v2")), [KEY], "unverifiable"),
]


class Tampering(unittest.TestCase):
    def verified(self, deed: Deed, keys: list[str]) -> Archive:
        with tempfile.TemporaryDirectory() as folder:
            deed(SmallArchive(Path(folder)))
            archive = Archive(Path(folder), [public_key(key) for key in keys])
            archive.run()
            return archive

    def test_each_tampered_archive_gets_its_verdict(self) -> None:
        for name, verdict, deed in CASES:
            with self.subTest(name):
                archive = self.verified(deed, [])
                self.assertEqual(archive.verdict, verdict, "\n".join(map(str, archive.findings)))

    def test_records_are_counted(self) -> None:
        self.assertEqual(self.verified(lambda archive: None, []).records, {"payments": 147})

    def test_only_given_keys_count(self) -> None:
        for name, deed, keys, verdict in BROUGHT:
            with self.subTest(name):
                archive = self.verified(deed, [key.public_text for key in keys])
                self.assertEqual(archive.verdict, verdict, "\n".join(map(str, archive.findings)))


def statistics_of(data: bytes) -> Iterator[int]:
    """The positions of the offset column's minimum and maximum in the footer."""
    for value in (0, 39):
        at = data.rfind(struct.pack("<q", value))
        while at > len(data) // 2:
            yield at
            at = data.rfind(struct.pack("<q", value), 0, at)


class Statistics(unittest.TestCase):
    def test_a_falsified_bound_is_found(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            data = bytearray((SmallArchive(Path(folder)).folder / SEGMENT).read_bytes())
        read_segment(bytes(data))
        found = 0
        for at in statistics_of(bytes(data)):
            turned = bytearray(data)
            turned[at:at + 8] = struct.pack("<q", 20)
            try:
                read_segment(bytes(turned))
            except Broken as why:
                found += "is_true" in str(why)
        self.assertGreater(found, 1)


if __name__ == "__main__":
    unittest.main()
