#!/usr/bin/env python3
"""Verifies one proof file (docs/FORMAT.md, section 8.1) offline: of a record, of many, or that the log only grew. Of a folder of
records it verifies records.proof, and compares the records of the other files with it.

It shares no code with kivend, reads only the file or folder, and needs only the standard library and `cryptography`; to compare
records.parquet, `pyarrow`.

    python tools/verify_proof.py FILE|FOLDER [--key PUBLIC]… [--witness VKEY… [--quorum K] [--origin ORIGIN]] [--json]

Exit codes: 0 intact, 10 tampered, 12 unverifiable, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from bisect import bisect_right
from dataclasses import asdict
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace as Fields
from typing import Any

import kinds
from folder import Unreadable, read_file
from keyring import Keyring
from notes import COUNT, HASH, TEXT, Broken, Unknown, canonical, demand, fits, read_note, signed, to_canonical
from paths import check_consistency, check_inclusion, check_several, leaf
from places import type_of
from proof_folder import PROOF, compare
from records import Record, read_record
from trust import Given, add_given, descendants, read_given

EXIT_CODES = {"intact": 0, "tampered": 10, "unverifiable": 12}
LARGEST_FILE = 1 << 30
RECORD = {
    "record": TEXT, "record_index": COUNT, "record_path": [HASH], "link": TEXT, "link_path": [HASH],
    "head": kinds.LINE, "head_index": COUNT, "head_path": [HASH], "leaf": TEXT, "leaf_path": [HASH],
    "checkpoint": TEXT, "archive": TEXT, "changes": [TEXT], "first": ({"leaf": TEXT, "checkpoint": TEXT},),
}
LINKED = {"link": TEXT, "records": [TEXT], "records_path": [HASH]}
PARTITION = {"head": kinds.LINE, "head_index": COUNT, "links": [LINKED], "links_path": [HASH]}
RECORDS = {"partitions": [PARTITION], "heads_path": [HASH], **{name: RECORD[name] for name in ("leaf", "leaf_path", "checkpoint", "archive", "changes", "first")}}
CONSISTENCY = {"from": TEXT, "to": TEXT, "path": [HASH], **{name: RECORD[name] for name in ("archive", "changes", "first")}}
SHAPES = {"proof": RECORD, "records": RECORDS, "consistency": CONSISTENCY}


def raw(path: list[str]) -> list[bytes]:
    return [bytes.fromhex(hash_) for hash_ in path]


def checked_type(text: str, own: str) -> None:
    """A note of a type that version 1 does not define is unknown, and any other broken."""
    type_, _ = type_of(text)
    demand(type_ in [f"kivend.{name}/v1" for name in kinds.TYPES], f"unknown type {type_}", Unknown)
    demand(type_ == f"kivend.{own}/v1", f"a note of type {type_} in place of another")


class Proof:
    """The keys of the archive, from `archive`, `changes` and `first`, and what is checked with them."""

    def __init__(self, archive: str, changes: list[str], first: dict[str, str] | None, given: Given) -> None:
        checked_type(archive, "archive")
        self.identity, self.given = kinds.identity(archive.encode()), given
        self.keyring = Keyring(self.identity)
        self.hashes = [self.identity.hash]
        for number, text in enumerate(changes, 1):
            found = self.keyring.read(text)
            # A proof does not say which entry carries a change; what counts is the order.
            self.keyring.take(found, number, {})
            self.hashes.append(found.hash)
        self.naming = self.signers_of_first(first) if first else set()

    def signers_of_first(self, first: dict[str, str]) -> set[Any]:
        """The change keys of archive.json that signed checkpoint 0, and so name archive.json."""
        leaf_, checkpoint = self.leaf(first["leaf"]), self.checkpoint(first["checkpoint"], in_force=False)
        demand((leaf_.number, checkpoint.size) == (0, 1), "first is not leaf 0 and checkpoint 0")
        demand(checkpoint.root == leaf(first["leaf"].encode()).hex(), "checkpoint 0 is not over leaf 0")
        signers = checkpoint.signers & self.identity.changers.keys()
        demand(signers, "no change key of archive.json signed checkpoint 0")
        return signers

    def checkpoint(self, text: str, in_force: bool = True) -> Fields:
        """A checkpoint with at least one signature by a key of the archive; `signers` are all of those."""
        data, lines = kinds.split_cosigned(text.encode())
        note = read_note(data)
        demand(kinds.is_checkpoint_text(note.text), "no checkpoint")
        of = {id_ for id_, term in self.keyring.terms.items() if not in_force or term.retired is None}
        known = [number for number, (id_, _) in enumerate(note.lines) if id_ in self.keyring.terms]
        verified = [number for number in known if signed(note, self.keyring.terms[note.lines[number][0]].key, number)]
        demand(known == verified, "a signature of the checkpoint does not verify")
        signers = {note.lines[number][0] for number in verified} & of
        demand(signers, "no key in force signed the checkpoint")
        extended = note.text.split("\n")[0] == self.identity.origin and note.text.count("\n") > 3
        demand(not extended, "a checkpoint with further lines", Unknown)
        found = kinds.checkpoint(note.text)
        demand(found.origin == self.identity.origin, "a checkpoint of another origin")
        found.signers, found.text, found.lines = signers, note.text, lines
        return found

    def must_count(self, checkpoint: Fields) -> None:
        """Section 8.1, rule 5."""
        if self.given.is_nothing or self.given.accepts(self.keyring, checkpoint.text, checkpoint.lines):
            return
        given = self.given.ids(self.keyring)
        counting = descendants(self.keyring, given, checkpoint.signers | self.naming)
        demand(checkpoint.signers & counting, "nothing that was given proves its checkpoint", Unknown)

    def link(self, text: str) -> Fields:
        note = read_note(text.encode())
        demand(len(note.lines) == 1, "a link with other than one signature")
        term = self.keyring.terms.get(note.lines[0][0])
        demand(term and term.of == "keys" and signed(note, term.key), "a link that no key of the archive signed")
        checked_type(note.text, "link")
        found = kinds.link(note.text)
        demand(found.archive_id == self.identity.id, "a link of another archive")
        demand(found.encoding == 1, "records of an encoding that version 1 does not define", Unknown)
        found.hash = note.hash
        found.absent_before = [0, *accumulate(b - a for a, b in found.absent)]
        return found

    def leaf(self, text: str) -> Fields:
        checked_type(text, "leaf")
        found = kinds.of_shape(text, kinds.LEAF)
        demand((found.archive_id, found.archive_sha256) == (self.identity.id, self.identity.hash), "a leaf of another archive")
        sequence = found.changes["sequence"]
        demand(sequence < len(self.hashes), "a change that the leaf names is not in the proof")
        demand(found.changes["sha256"] == self.hashes[sequence], "the leaf names another change")
        return found


def verify_record(proof: dict[str, Any], keys: Proof) -> Record:
    checkpoint, leaf_, link = keys.checkpoint(proof["checkpoint"]), keys.leaf(proof["leaf"]), keys.link(proof["link"])
    encoding, record = read_record(proof["record"])
    demand(proof["record_index"] == place(record, link), "the record stands at another place of its segment")
    check_inclusion(leaf(encoding), proof["record_index"], link.record_count, raw(proof["record_path"]), link.records_root)
    height, log_root = check_head(proof["head"], link)
    check_inclusion(leaf(proof["link"].encode()), link.height, height + 1, raw(proof["link_path"]), log_root)
    line = leaf(to_canonical(proof["head"]))
    check_inclusion(line, proof["head_index"], leaf_.heads["count"], raw(proof["head_path"]), leaf_.heads["root"])
    check_leaf(proof, leaf_, checkpoint)
    keys.must_count(checkpoint)
    return record


def verify_records(proof: dict[str, Any], keys: Proof) -> list[Record]:
    checkpoint, leaf_, found = keys.checkpoint(proof["checkpoint"]), keys.leaf(proof["leaf"]), []
    heads: list[tuple[int, bytes]] = []
    demand(kinds.is_ascending([*map(kinds.partition_order, (of["head"] for of in proof["partitions"]))]), "heads are not in order, each once")
    for partition in proof["partitions"]:
        links: list[tuple[int, bytes]] = []
        log_size, log_root, free = 0, "", (0, 0)
        for linked in partition["links"]:
            link = keys.link(linked["link"])
            demand((link.epoch, link.first_offset) >= free, "two links have the same offsets, or the later one an earlier epoch")
            free = (link.epoch, link.next_offset)
            height, log_root = check_head(partition["head"], link)
            log_size = height + 1
            records = [read_record(coded) for coded in linked["records"]]
            leaves = [(place(record, link), leaf(encoding)) for encoding, record in records]
            check_several(leaves, link.record_count, raw(linked["records_path"]), link.records_root)
            links.append((link.height, leaf(linked["link"].encode())))
            found += [record for _, record in records]
        check_several(links, log_size, raw(partition["links_path"]), log_root)
        heads.append((partition["head_index"], leaf(to_canonical(partition["head"]))))
    check_several(heads, leaf_.heads["count"], raw(proof["heads_path"]), leaf_.heads["root"])
    check_leaf(proof, leaf_, checkpoint)
    keys.must_count(checkpoint)
    return found


def check_head(head: list[Any], link: Fields) -> tuple[int, str]:
    """The height and the log root of the head, which covers the link."""
    topic, partition, epoch, height, next_offset, hash_, log_root = head
    demand((topic, partition) == (link.topic, link.partition), "the head is of another partition")
    demand(height >= link.height, "the head does not cover the link")
    own = (link.epoch, link.next_offset, link.hash)
    demand(height > link.height or own == (epoch, next_offset, hash_), "the head is another link")
    demand((epoch, next_offset) >= (link.epoch, link.next_offset), "the head ends before the link")
    return height, log_root


def check_leaf(proof: dict[str, Any], leaf_: Fields, checkpoint: Fields) -> None:
    demand(leaf_.number < checkpoint.size, "the checkpoint does not cover the leaf")
    check_inclusion(leaf(proof["leaf"].encode()), leaf_.number, checkpoint.size, raw(proof["leaf_path"]), checkpoint.root)


def place(record: Record, link: Fields) -> int:
    """The record's index in the segment of the link."""
    demand((link.topic, link.partition) == (record.topic, record.partition), "record and link are of different partitions")
    demand(link.first_offset <= record.offset < link.next_offset and not link.lost, "the record is not in the link's range")
    before = bisect_right(link.absent, record.offset, key=lambda range_: range_[1])
    demand(not any(a <= record.offset for a, _ in link.absent[before : before + 1]), "the link says that the offset is absent")
    return int(record.offset - link.first_offset - link.absent_before[before])


def verify_consistency(proof: dict[str, Any], keys: Proof) -> str:
    old, new = keys.checkpoint(proof["from"], in_force=False), keys.checkpoint(proof["to"])
    check_consistency(old.size, old.root, new.size, new.root, raw(proof["path"]))
    keys.must_count(new)
    return f"checkpoint {new.size - 1} continues checkpoint {old.size - 1}"


def verify(data: bytes, given: Given) -> tuple[str, str, list[Record]]:
    """Returns the verdict, the finding, and the records that were proved."""
    try:
        type_, _, rest = data.decode().partition("\n")
        named = re.fullmatch(r"kivend\.(proof|records|consistency)/v([0-9]{1,9})", type_)
        if not named:
            raise Broken("its first line names no type of proof")
        demand(named[2] == "1", f"unknown type {type_}", Unknown)
        proof = canonical(rest)
        demand(fits(proof, SHAPES[named[1]]), "not a proof of its type")
        keys = Proof(proof["archive"], proof["changes"], proof["first"], given)
        if named[1] == "proof":
            record = verify_record(proof, keys)
            return "intact", f"{record.topic}/{record.partition} offset {record.offset} is in the archive", [record]
        if named[1] == "records":
            records = verify_records(proof, keys)
            return "intact", f"{len(records)} {'record is' if len(records) == 1 else 'records are'} in the archive", records
        return "intact", verify_consistency(proof, keys), []
    except Unknown as why:
        return "unverifiable", str(why), []
    except Exception as why:  # Any failure of a reader is a broken rule.
        return "tampered", f"the file proves nothing; this check failed: {why}", []


def main() -> int:
    parser = argparse.ArgumentParser(description="Verifies one proof file of a kivend archive, or a folder of proved records, offline.")
    parser.add_argument("file", type=Path, metavar="FILE|FOLDER")
    add_given(parser)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = options.file if options.file.is_dir() else None
    file = folder / PROOF if folder else options.file
    try:
        given, data = read_given(options), read_file(file, LARGEST_FILE)
    except (Exception, Unreadable) as why:
        print(why, file=sys.stderr)
        return 2
    if not data.startswith(b"kivend."):
        print(f"not a proof file: its first line does not name a type of proof: {file}", file=sys.stderr)
        return 2
    verdict, detail, records = verify(data, given)
    if folder and verdict == "intact" and not data.startswith(b"kivend.records/"):
        print(f"the proof in the folder is not one of many records; verify the file itself: {file}", file=sys.stderr)
        return 2
    equal: list[str] = []
    unchecked: list[str] = []
    if folder and verdict == "intact":
        equal, wrong, unchecked = compare(folder, records)
        if wrong:
            verdict, detail = "tampered", "; ".join([*wrong, f"of {PROOF} itself: {detail}"])
    one = records[0] if len(records) == 1 and data.startswith(b"kivend.proof/") else None
    if options.json:
        trust = "first_use" if given.is_nothing else "keys_brought" if given.keys else "witnesses"
        told: dict[str, Any] = {"verdict": verdict, "detail": detail, "trust": trust, "record": asdict(one) if one else None, "records": len(records)}
        told |= {"files": equal, "not_checked": unchecked} if folder else {}
        print(json.dumps(told, default=lambda data: data.decode(errors="replace")))
        return EXIT_CODES[verdict]
    print(f"{verdict}: {detail}")
    if one:
        print(f"time  {one.timestamp_ms} ms\nkey   {one.key!r}\nvalue {one.value!r}")
    if equal:
        print(f"the same records and no others are in {' and '.join(equal)}")
    if unchecked:
        print(f"not checked: {', '.join(map(repr, unchecked))}")
    if verdict == "intact" and given.is_nothing:
        print("keys from the proof itself (trust on first use); verify with the archive's key: --key PUBLIC")
    return EXIT_CODES[verdict]


if __name__ == "__main__":
    sys.exit(main())
