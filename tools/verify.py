#!/usr/bin/env python3
"""Verifies an archive folder (a directory store, or a downloaded bucket) from the text of docs/FORMAT.md alone.

It is the second opinion: it shares no code, no language and no Parquet library with kivend, trusts nothing that it did not
recompute, and writes nothing. It sees what the folder holds: neither Kafka nor the older versions of a bucket's objects.

    python3 -m venv .venv && .venv/bin/pip install -r tools/requirements.txt
    .venv/bin/python tools/verify.py FOLDER [--key PUBLIC]… [--json]

Exit codes: 0 intact, 10 tampered, 11 incomplete, 12 unverifiable, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from verify_chain import Link, PartitionCheck
from verify_notes import (
    ARCHIVE,
    KEY_CHANGE,
    Change,
    Checkpoint,
    Junk,
    Note,
    Partition,
    PublicKey,
    Tenure,
    Unknown,
    parse_checkpoint,
    sha,
    shaped,
)
from verify_projection import Broken, canonical, demand

GRAVITY = ["note", "unverifiable", "incomplete", "tampered"]
EXIT_CODES = {"intact": 0, "tampered": 10, "incomplete": 11, "unverifiable": 12}
T = TypeVar("T", bound="Change | Checkpoint | Link")

TOPIC, NUMBER, ATTEMPT = r"([a-zA-Z0-9._-]{1,249})", r"(0|[1-9]\d*)", r"(?:-r([1-9]\d*))?"
KINDS = {  # how keys are written (section 1): pattern, and widths of its numbers
    "keys": re.compile(rf"keys/(\d{{6,}}){ATTEMPT}\.note", re.A),
    "checkpoints": re.compile(rf"checkpoints/(\d{{10,}}){ATTEMPT}\.note", re.A),
    "links": re.compile(rf"links/{TOPIC}/{NUMBER}/(\d{{4,}})-(\d{{20,}}){ATTEMPT}\.note", re.A),
    "data": re.compile(rf"data/topic={TOPIC}/partition={NUMBER}/(\d{{4,}})-(\d{{20,}}){ATTEMPT}\.parquet", re.A),
}


@dataclass(frozen=True)
class Finding:
    severity: str  # one of GRAVITY
    object: str
    detail: str


class Verification:
    """One pass over a folder; `findings` and `records` are its result."""

    def __init__(self, root: Path, brought: list[PublicKey]) -> None:
        self.root, self.brought = root, brought
        self.findings: dict[Finding, None] = {}
        self.records: Counter[str] = Counter()
        self.places: dict[str, dict[Any, dict[int, str]]] = {kind: defaultdict(dict) for kind in KINDS}
        self.loose: dict[str, dict[Any, str]] = {kind: {} for kind in KINDS}  # places where nothing valid stands
        self.tenures: dict[tuple[str, bytes], Tenure] = {}
        self.checkpoints: dict[int, Checkpoint] = {}
        self.changes: dict[int, Change] = {}
        self.named_checkpoints: set[int] = set()
        self.blind: dict[Any, Any] = {}  # kind of notes, or partition: the place from which on it cannot be read

    def find(self, severity: str, object_: str, detail: object) -> None:
        self.findings[Finding(severity, object_, str(detail))] = None

    @property
    def verdict(self) -> str:
        gravest = max((GRAVITY.index(finding.severity) for finding in self.findings), default=0)
        return GRAVITY[gravest] if gravest else "intact"

    def load(self, key: str) -> bytes:
        return (self.root / key).read_bytes()

    def run(self) -> None:
        self.list_keys()
        try:
            self.read_identity()
        except (Broken, Junk) as why:
            return self.find("tampered", "archive.json", why)
        except FileNotFoundError:
            return self.find("incomplete", "archive.json", "missing: nothing can be checked without it")
        self.read_changes()
        self.read_checkpoints()
        partitions = sorted({place[:2] for kind in ("links", "data") for place in self.places[kind]})
        chains = {partition: PartitionCheck(self, partition) for partition in partitions}
        for chain in chains.values():
            chain.run()
        self.check_heads(chains)
        self.judge_sequences()
        if not any(chain.head for chain in chains.values()):
            self.find("incomplete", "links/", "the archive has no link")

    def list_keys(self) -> None:
        for folder, folders, files in os.walk(self.root, onerror=self.unreadable):
            for name in files + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
                key = Path(folder, name).relative_to(self.root).as_posix()
                if key != "archive.json" and not key.startswith(("probes/", ".tmp/")) and not self.place(key):
                    self.find("tampered", key, "nothing of this name belongs to an archive")

    def unreadable(self, error: OSError) -> None:
        self.find("unverifiable", str(error.filename), error)

    def place(self, key: str) -> bool:
        """Sorts a key in under its kind, place and attempt; False where it is no key of the format."""
        for kind, pattern in KINDS.items():
            if parts := pattern.fullmatch(key):
                *place, attempt = parts.groups()
                widths = {"keys": [6], "checkpoints": [10]}.get(kind, [1, 4, 20])
                numbers = [int(number) for number in place[-len(widths) :]]
                where = (place[0], *numbers) if len(numbers) == 3 else numbers[0]
                written = [f"{number:0{width}}" for number, width in zip(numbers, widths)] == place[-len(widths) :]
                if not written or max(numbers) >= 2**63 or place[0] in (".", "..") or (kind, where) == ("keys", 0):
                    return False
                self.places[kind][where][int(attempt or 0)] = key
                return True
        return False

    # ---- which of the notes at a place counts (section 1, "When a key is taken") -------------------------------------
    def counted(self, kind: str, where: Any, read: Callable[[bytes], T]) -> T | None:
        candidates, found, counts, junk = self.places[kind][where], None, 0, dict[int, str]()
        for attempt, key in sorted(candidates.items()):
            try:
                note = read(self.load(key))
                if found:
                    self.find("tampered", key, "a second valid note at one place")
                else:
                    found, counts = note, attempt
            except Junk as why:
                junk[attempt] = f"{key}: {why}"
            except (Broken, RecursionError) as why:
                self.find("tampered", key, why)
            except (Unknown, OSError) as why:
                self.find("unverifiable", key, why)
                raise Unknown(key) from None
        if found and (missing := counts - sum(attempt < counts for attempt in candidates)):
            self.find("incomplete", candidates[counts], f"{missing} objects with lower -r numbers are missing")
        for attempt in junk if found else ():
            self.find(
                "note" if attempt < counts else "tampered",
                candidates[attempt],
                "passed over: no key in force signed it",
            )
        if junk and not found:
            self.loose[kind][where] = "; ".join(junk.values())
        return found

    def judge_loose(self, kind: str, where: Any, is_next: bool) -> None:
        """Junk where no valid note stands: tolerated at the next place of a sequence, until something says that a note stood there."""
        self.find(
            "note" if is_next else "tampered",
            self.loose[kind][where],
            "no key in force signed it, and nothing valid stands at its place",
        )

    def signers(self, note: Note) -> list[Tenure | None]:
        tenures = [self.tenures.get((name, id_)) for name, id_, _ in note.lines]
        return [
            tenure if tenure and tenure.trusted and tenure.key.signed(note, line) else None
            for line, tenure in enumerate(tenures)
        ]

    def signer(self, note: Note) -> Tenure:
        tenures = self.signers(note)
        if len(tenures) != 1 or tenures[0] is None:
            raise Junk("not signed by one key in force")
        return tenures[0]

    # ---- identity, keys, checkpoints (sections 3 and 6) ---------------------------------------------------------------
    def read_identity(self) -> None:
        data = self.load("archive.json")
        try:
            self.identity = shaped(canonical(data.decode()), ARCHIVE, "archive.json")
        except UnicodeDecodeError:
            raise Broken("not UTF-8") from None
        self.identity_hash, keys = sha(data), [PublicKey(key) for key in self.identity["keys"]]
        demand(keys and len({(key.name, key.id) for key in keys}) == len(keys), "no keys, or one twice")
        self.trust(keys, {key.text for key in keys})

    def trust(self, keys: list[PublicKey], trusted: set[str]) -> None:
        self.tenures = {(key.name, key.id): Tenure(key, trusted=key.text in trusted) for key in keys}

    def read_changes(self) -> None:
        """All changes under the keys of archive.json; again under the brought ones alone, unless a change added one of those."""
        keys, brought = [tenure.key for tenure in self.tenures.values()], {key.text for key in self.brought}
        if not brought:
            self.find("note", "archive.json", "trust on first use: its keys were not compared with any from elsewhere")
        kept = dict(self.findings)
        self.walk_changes()
        if brought and not any(brought & set(change.content["add"]) for change in self.changes.values()):
            self.findings = kept
            self.trust(keys, brought)
            self.walk_changes()

    def walk_changes(self) -> None:
        self.changes, self.loose["keys"], last, before = {}, {}, 0, self.identity_hash
        for number in sorted(self.places["keys"]):
            try:
                change = self.counted("keys", number, lambda data: self.read_change(data, number))
            except Unknown:
                self.blind["keys"] = number
                break
            if change is None:
                continue
            if number > last + 1:
                self.find("incomplete", f"keys/{number:06}", f"{number - last - 1} key changes before it are missing")
            elif change.content["previous"] != before:
                self.find("tampered", f"keys/{number:06}", "it does not name the hash of what is before it")
            last, before, self.changes[number] = number, change.hash, change
            for tenure in [self.tenures[key.name, key.id] for key in map(PublicKey, change.content["retire"])]:
                tenure.retired = change
            for key in map(PublicKey, change.content["add"]):
                self.tenures[key.name, key.id] = Tenure(key, added=change)
        self.last_change = last

    def read_change(self, data: bytes, number: int) -> Change:
        note = Note(data)
        first = self.signers(note)[0]
        if first is None or first.retired:
            raise Junk("not signed by a key in force")
        content = note.content("kivend.keys/v1", KEY_CHANGE)
        added, retired = ([PublicKey(key) for key in content[name]] for name in ("add", "retire"))
        demand(
            content["id"] == self.identity["id"] and content["number"] == number, "a change of another archive or place"
        )
        demand(bool(added) != bool(retired), "it must either add or retire")
        lines = [(key.name, key.id) for key in added]
        if [line[:2] for line in note.lines[1:]] != lines or not all(
            key.signed(note, 1 + i) for i, key in enumerate(added)
        ):
            raise Junk("not signed by each key that it adds, in that order")
        demand(len(set(lines)) == len(lines) and not set(lines) & self.tenures.keys(), "a key is added twice")
        leaving, in_force = (
            {(key.name, key.id) for key in retired},
            {id_ for id_, tenure in self.tenures.items() if not tenure.retired},
        )
        demand(
            leaving < in_force and len(leaving) == len(retired),
            "it retires a key that is not in force, or all that are",
        )
        demand((first.key.name, first.key.id) not in leaving, "signed by a key that it retires")
        named = content["checkpoint"]
        return Change(note.hash, content, self.heights_of(named["number"], named["sha256"]))

    def heights_of(self, number: int, hash_: str) -> dict[Partition, int] | None:
        for key in self.places["checkpoints"].get(number, {}).values():
            try:
                if sha(data := self.load(key)) == hash_:
                    return {partition: head.height for partition, head in parse_checkpoint(Note(data)).heads.items()}
            except (OSError, Junk, Broken, Unknown):
                continue
        return None

    def read_checkpoints(self) -> None:
        before: Checkpoint | None = None
        for number in sorted(self.places["checkpoints"]):
            try:
                found = self.counted("checkpoints", number, lambda data: self.read_checkpoint(data, number))
            except Unknown:
                self.blind["checkpoints"] = number
                break
            if found:
                self.checkpoints[number] = found
                self.follows(before, found)
                before = found
        if not self.checkpoints:
            self.find("incomplete", "checkpoints/", "the archive has no checkpoint")

    def read_checkpoint(self, data: bytes, number: int) -> Checkpoint:
        tenure = self.signer(note := Note(data))
        found = parse_checkpoint(note)
        demand(
            found.archive == (self.identity["archive"], self.identity["id"]) and found.number == number,
            "a checkpoint of another archive or place",
        )
        if not tenure.covers_checkpoint(number):
            raise Junk("its key was not in force for it")
        return found

    def follows(self, before: Checkpoint | None, now: Checkpoint) -> None:
        name, last = f"checkpoints/{now.number:010}", before.number if before else -1
        if now.number > last + 1:
            self.find("incomplete", name, f"{now.number - last - 1} checkpoints before it are missing")
        elif before and now.previous != before.hash:
            self.find("tampered", name, "it does not name the hash of the checkpoint before it")
        for partition, old in before.heads.items() if before else ():
            new = now.heads.get(partition)
            if (
                new is None
                or new.height < old.height
                or (new.height == old.height and new != old)
                or new.epoch < old.epoch
            ):
                self.find("tampered", name, f"the head of {partition} went back or changed")
        number, hash_ = now.change
        expected = self.changes[number].hash if number in self.changes else self.identity_hash if number == 0 else None
        if expected is None and number < self.blind.get("keys", 2**63):
            self.find("incomplete", name, f"it names key change {number}, which is missing")
        elif expected not in (None, hash_) or before and number < before.change[0]:
            self.find("tampered", name, "it does not name the newest key change and its hash")

    # ---- what the notes say of each other ----------------------------------------------------------------------------------
    def judge_sequences(self) -> None:
        for change in self.changes.values():
            self.check_named(**change.content["checkpoint"])
        newest_change = max((checkpoint.change[0] for checkpoint in self.checkpoints.values()), default=0)
        for number in self.loose["keys"]:
            self.judge_loose("keys", number, number == self.last_change + 1 > newest_change)
        for number in self.loose["checkpoints"]:
            last = max(self.checkpoints, default=-1)
            self.judge_loose("checkpoints", number, number == last + 1 > max(self.named_checkpoints, default=-1))

    def check_named(self, number: int, sha256: str) -> None:
        """The checkpoint that a link or a key change names."""
        self.named_checkpoints.add(number)
        found = self.checkpoints.get(number)
        if found and found.hash != sha256:
            self.find("tampered", f"checkpoints/{number:010}", "a link or key change names another hash of it")
        elif not found and number < self.blind.get("checkpoints", 2**63):
            self.find("incomplete", f"checkpoints/{number:010}", "a link or key change names it, and it is missing")

    def check_heads(self, chains: dict[Partition, PartitionCheck]) -> None:
        anchored: dict[Partition, int] = {}
        for number, checkpoint in self.checkpoints.items():
            for partition, head in checkpoint.heads.items():
                anchored[partition] = head.height
                chain = chains.get(partition)
                if chain is None:
                    self.find(
                        "incomplete",
                        f"links/{partition[0]}/{partition[1]}/",
                        f"a checkpoint names link {head.height}, and none is there",
                    )
                else:
                    chain.check_head(f"checkpoints/{number:010}", head)
        for partition, chain in chains.items():
            chain.judge_leftovers(anchored.get(partition, -1))
            if chain.head and chain.head.height > anchored.get(partition, -1):
                self.find(
                    "note",
                    f"links/{partition[0]}/{partition[1]}/",
                    f"unanchored: no checkpoint covers heights {anchored.get(partition, -1) + 1} to {chain.head.height}",
                )


def main() -> int:
    parser = argparse.ArgumentParser(description="verify an archive folder from docs/FORMAT.md alone")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="PUBLIC",
        help="a public key from elsewhere; only such keys count then",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    arguments = parser.parse_args()
    try:
        brought = [PublicKey(key) for key in arguments.key]
    except Broken as why:
        parser.error(str(why))
    if not arguments.folder.is_dir():
        parser.error(f"no folder: {arguments.folder}")
    verification = Verification(arguments.folder, brought)
    verification.run()
    topics = [{"topic": topic, "records": records} for topic, records in sorted(verification.records.items())]
    findings = [asdict(finding) for finding in verification.findings]
    if arguments.json:
        print(json.dumps({"verdict": verification.verdict, "topics": topics, "findings": findings}, indent=1))
    else:
        for finding in findings:
            print("{severity}: {object}: {detail}".format(**finding), file=sys.stderr)
        for topic in topics:
            print(f"{topic['records']:>12} {topic['topic']}")
        print(verification.verdict)
    return EXIT_CODES[verification.verdict]


if __name__ == "__main__":
    sys.exit(main())
