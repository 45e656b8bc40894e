#!/usr/bin/env python3
"""Verifies one proof file (docs/FORMAT.md, section 8) offline: of a record, or that one checkpoint continues another.

It shares no code with kivend, reads only the file, and needs only the standard library and `cryptography`.

    python tools/verify_proof.py FILE [--key PUBLIC]… [--json]

Exit codes: 0 intact, 10 tampered, 12 unverifiable, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import struct
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace as Fields
from typing import Any

from notes import (
    ARCHIVE, COUNT, HASH, KEY_CHANGE, LINK, TEXT, TOPIC, Broken, Junk, Unknown,
    canonical, check_link, content, demand, fits, parse_checkpoint, public_key, read_note, sha, signed,
)

EXIT_CODES = {"intact": 0, "tampered": 10, "unverifiable": 12}
TYPES = {"kivend.proof/v1", "kivend.consistency/v1"}
RECORD = {
    "record": TEXT,
    "leaf_index": COUNT,
    "leaf_count": COUNT,
    "path": [HASH],
    "link": TEXT,
    "link_index": COUNT,
    "log_size": COUNT,
    "log_path": [HASH],
    "checkpoint": TEXT,
    "archive": TEXT,
    "key_changes": [TEXT],
}
CONSISTENCY = {
    "from": TEXT,
    "to": TEXT,
    "paths": [[HASH]],
    "archive": TEXT,
    "key_changes": [TEXT],
}


# ---- trees (RFC 9162, sections 2.1.3.2 and 2.1.4.2, step by step) -------------------------------------------------------
def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def follow(index: int, last: int, path: list[bytes], left: Callable[[bytes], None], right: Callable[[bytes], None]) -> None:
    """Walks from a node to the root: calls `left` with each left sibling, and `right` with each right one."""
    for sibling in path:
        demand(last != 0, "a path is too long")
        if index & 1 or index == last:
            left(sibling)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            right(sibling)
        index, last = index >> 1, last >> 1
    demand(last == 0, "a path is too short")


def check_inclusion(start: bytes, index: int, count: int, path: list[bytes], root: str) -> None:
    demand(index < count, "there is no such leaf")
    reached = [start]
    follow(
        index,
        count - 1,
        path,
        lambda sibling: reached.append(node(sibling, reached[-1])),
        lambda sibling: reached.append(node(reached[-1], sibling)),
    )
    demand(reached[-1].hex() == root, "a path does not lead to the root that was signed")


def check_consistency(first: int, first_root: str, second: int, second_root: str, path: list[bytes]) -> None:
    if first == second:
        return demand(not path and first_root == second_root, "two logs of one size differ")
    demand(0 < first < second, "the later log is the smaller one")
    nodes = path if first & (first - 1) else [bytes.fromhex(first_root), *path]
    demand(nodes and path, "a path is too short")
    index, last = first - 1, second - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    old, new = [nodes[0]], [nodes[0]]

    def left(sibling: bytes) -> None:
        old.append(node(sibling, old[-1]))
        new.append(node(sibling, new[-1]))

    follow(index, last, nodes[1:], left, lambda sibling: new.append(node(new[-1], sibling)))
    demand((old[-1].hex(), new[-1].hex()) == (first_root, second_root), "the later log does not continue the earlier one")


# ---- records (section 2) ------------------------------------------------------------------------------------------------
@dataclass
class Record:
    topic: str
    partition: int
    offset: int
    timestamp_ms: int | None
    key: bytes | None
    value: bytes | None
    headers: list[tuple[bytes, bytes | None]] = field(default_factory=list)


def read_record(coded: str) -> tuple[bytes, Record]:
    try:
        data = base64.b64decode(coded, validate=True)
    except ValueError:
        raise Broken("the record is not base64") from None
    demand(base64.b64encode(data).decode() == coded, "the record is not canonical base64")
    at = 0

    def take(count: int) -> bytes:
        nonlocal at
        demand(0 <= count <= len(data) - at, "the record ends early")
        at += count
        return data[at - count : at]

    def number(form: str) -> int:
        return int(struct.unpack(">" + form, take(struct.calcsize(">" + form)))[0])

    def nullable() -> bytes | None:
        length = number("i")
        return None if length == -1 else take(length)

    demand(number("B") == 1, "not version 1 of the encoding")
    topic = take(number("H"))
    partition, offset, kind, ms = number("i"), number("q"), number("B"), number("q")
    demand(re.fullmatch(rb"[a-zA-Z0-9._-]+", topic) and fits(topic.decode(), TOPIC), "not a topic")
    demand(partition >= 0 and offset >= 0 and kind in (0, 1, 255) and (ms == -1) == (kind == 255), "not a record")
    found = Record(topic.decode(), partition, offset, None if ms == -1 else ms, nullable(), nullable())
    found.headers = [(take(number("I")), nullable()) for _ in range(number("I"))]
    demand(at == len(data), "something follows the record")
    return data, found


# ---- proofs ---------------------------------------------------------------------------------------------------------------
class Proof:
    """The keys that count, from `archive`, `key_changes` and the given keys."""

    def __init__(self, archive: str, key_changes: list[str], brought: list[Fields]) -> None:
        self.identity = canonical(archive)
        demand(fits(self.identity, ARCHIVE), "no identity of an archive")
        keys = [public_key(key) for key in self.identity["keys"]]
        demand(keys and len({key.text for key in keys}) == len(keys), "no keys, or one twice")
        self.own, self.hashes = keys, [sha(archive.encode())]
        self.read(key_changes, {key.text for key in keys})
        texts = {key.text for key in brought}
        if texts and not any(term.added and term.key.text in texts for term in self.terms.values()):
            self.read(key_changes, texts)  # no given key was added by a change
        demand(any(not term.silent for term in self.terms.values()), "none of the keys brought is the archive's")

    def read(self, key_changes: list[str], counting: set[str]) -> None:
        """Reads the changes in order; only keys that count may sign them."""
        self.terms = {key.id: Fields(key=key, added=None, retired=None, silent=key.text not in counting) for key in self.own}
        self.changes: list[Fields] = []
        self.hashes = self.hashes[:1]
        for text in key_changes:
            self.change(text)

    def change(self, text: str) -> None:
        note, number = read_note(text.encode()), len(self.hashes)
        first = self.signer_of(note)
        demand(not first.retired, "a retired key signs a key change")
        change = Fields(**content(note, KEY_CHANGE))
        added, retired = [public_key(key) for key in change.add], [public_key(key).id for key in change.retire]
        demand((change.id, change.number) == (self.identity["id"], number), "a key change of another place")
        demand(change.previous == self.hashes[-1], "a key change does not name what is before it")
        demand(bool(added) != bool(retired) and len(note.lines) == 1 + len(added), "a key change adds and retires")
        demand(len(set(retired)) == len(retired), "a key is retired twice")
        for line, key in enumerate(added, 1):
            demand(key.id not in self.terms and signed(note, key, line), "an added key did not sign")
            self.terms[key.id] = Fields(key=key, added=change, retired=None, silent=False)
        for term in map(self.terms.get, retired):
            demand(term and not term.retired and term is not first, "a key is retired that cannot be")
            term.retired = change  # type: ignore[union-attr]
        demand(any(not term.retired for term in self.terms.values()), "no key is left")
        self.changes.append(change)
        self.hashes.append(note.hash)

    def signer_of(self, note: Fields) -> Fields:
        term = self.terms.get(note.lines[0][0])
        if term is None or term.silent or not signed(note, term.key):
            raise Junk("a note that no key in force signed")
        return term

    def signed(self, text: str) -> tuple[Fields, Fields]:
        note = read_note(text.encode())
        demand(len(note.lines) == 1, "a note with other than one signature")
        return note, self.signer_of(note)

    def checkpoint(self, text: str) -> Fields:
        note, term = self.signed(text)
        found = parse_checkpoint(note)
        *named, number = found.place
        demand(named == [self.identity["archive"], self.identity["id"]], "a checkpoint of another archive")
        must_cover(term, number)
        is_known = found.change < len(self.hashes) and self.hashes[found.change] == found.change_hash
        demand(is_known, "the checkpoint's key change is not in the proof")
        for told in (change.checkpoint for change in self.changes):
            demand(told["number"] != number or told["sha256"] == found.hash, "a key change names another checkpoint")
        return found


def must_cover(term: Fields, number: int) -> None:
    early = term.added and number <= term.added.checkpoint["number"]
    late = term.retired and number > term.retired.checkpoint["number"]
    demand(not early and not late, "a key signs beyond its term")


def verify_record(proof: dict[str, Any], keys: Proof) -> Record:
    encoding, record = read_record(proof["record"])
    checkpoint = keys.checkpoint(proof["checkpoint"])
    note, term = keys.signed(proof["link"])
    link = Fields(**content(note, LINK))
    check_link(link)
    # The checkpoint is the oldest that covers the link, so a key is in force for both or for neither.
    must_cover(term, checkpoint.place[2])
    where = (record.topic, record.partition)
    demand(link.archive_id == keys.identity["id"], "a link of another archive")
    demand((link.topic, link.partition) == where, "record and link are of different partitions")
    demand(link.first_offset <= record.offset < link.next_offset and not link.lost, "the record is not in the link's range")
    demand(not any(a <= record.offset < b for a, b in link.absent), "the link says that the offset is absent")
    before = sum(b - a for a, b in link.absent if b <= record.offset)
    place = (record.offset - link.first_offset - before, link.record_count)
    demand((proof["leaf_index"], proof["leaf_count"]) == place, "the record stands at another place of its segment")
    check_inclusion(leaf(encoding), *place, raw(proof["path"]), link.records_root)
    head = checkpoint.heads.get(where)
    demand(head, "the checkpoint does not name the partition")
    heights = (link.height, head.height + 1)
    demand((proof["link_index"], proof["log_size"]) == heights, "link or checkpoint are of another height")
    own = (link.epoch, link.next_offset, note.hash)
    demand(link.height < head.height or own == (head.epoch, head.next_offset, head.hash), "the head is another link")
    check_inclusion(leaf(proof["link"].encode()), *heights, raw(proof["log_path"]), head.log_root)
    return record


def verify_consistency(proof: dict[str, Any], keys: Proof) -> str:
    old, new = keys.checkpoint(proof["from"]), keys.checkpoint(proof["to"])
    demand(old.place[2] <= new.place[2], "the later checkpoint has the smaller number")
    demand(old.place[2] < new.place[2] or old.hash == new.hash, "two checkpoints have one number")
    demand(old.place[2] + 1 != new.place[2] or new.previous == old.hash, "the later does not name the hash of the earlier one")
    demand(old.change <= new.change, "the key change went back")
    demand(len(proof["paths"]) == len(old.heads), "not one path for each head")
    for (partition, head), path in zip(old.heads.items(), proof["paths"]):
        later = new.heads.get(partition)
        demand(later and later.height >= head.height, f"the head of {partition} went back")
        demand(later.height > head.height or later == head, f"the head of {partition} changed")
        check_consistency(head.height + 1, head.log_root, later.height + 1, later.log_root, raw(path))
    return f"checkpoint {new.place[2]} continues checkpoint {old.place[2]}"


def raw(path: list[str]) -> list[bytes]:
    return [bytes.fromhex(hash_) for hash_ in path]


def verify(data: bytes, brought: list[Fields]) -> tuple[str, str, Record | None]:
    """Returns the verdict, the finding, and the record if one was proved."""
    try:
        type_, _, rest = data.decode().partition("\n")
        if type_ not in TYPES:
            if re.fullmatch(r"kivend\.(proof|consistency)/v[0-9]{1,9}", type_):
                raise Unknown(f"unknown type {type_}")
            raise Broken("its first line names no type of proof")
        is_record = type_ == "kivend.proof/v1"
        proof = canonical(rest)
        demand(fits(proof, RECORD if is_record else CONSISTENCY), "not a proof of its type")
        keys = Proof(proof["archive"], proof["key_changes"], brought)
        if is_record:
            record = verify_record(proof, keys)
            return "intact", f"{record.topic}/{record.partition} offset {record.offset} is in the archive", record
        return "intact", verify_consistency(proof, keys), None
    except Unknown as why:
        return "unverifiable", str(why), None
    except Exception as why:  # Any failure of a reader is a broken rule.
        return "tampered", str(why), None


def main() -> int:
    parser = argparse.ArgumentParser(description="Verifies one proof file of a kivend archive, offline.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", action="append", default=[], metavar="PUBLIC", help="a public key of the archive from a trusted source; may be repeated")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    verdict, detail, record = verify(options.file.read_bytes(), [public_key(key) for key in options.key])
    if options.json:
        told: dict[str, Any] = {"verdict": verdict, "detail": detail, "trust": "keys_brought" if options.key else "first_use"}
        told["record"] = asdict(record) if record else None
        print(json.dumps(told, default=lambda data: data.decode(errors="replace")))
    else:
        print(f"{verdict}: {detail}")
        if record:
            print(f"time  {record.timestamp_ms} ms\nkey   {record.key!r}\nvalue {record.value!r}")
        if verdict == "intact" and not options.key:
            print("keys from the proof itself (trust on first use); verify with the archive's key: --key PUBLIC")
    return EXIT_CODES[verdict]


if __name__ == "__main__":
    sys.exit(main())
