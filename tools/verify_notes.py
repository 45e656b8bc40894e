"""What stands in notes and in archive.json (docs/FORMAT.md, sections 3, 4 and 6): part of verify.py, and as independent as it.

A note is read in an order that matters: first the signature (else `Junk`: anyone may have put it there), then the type
(`Unknown`: written by a newer version), then its content (`Broken`: a key in force signed what breaks a rule).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from verify_projection import canonical, demand

Partition = tuple[str, int]
Place = tuple[int, int]  # epoch and first offset


class Junk(Exception):
    """An object that no key in force signed: whoever may write to the bucket can have put it there."""


class Unknown(Exception):
    """A key in force signed it, and it is of a type that this program does not know."""


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


EMPTY_ROOT = sha(b"")


# ---- signed notes (section 3) ----------------------------------------------------------------------------------------------
class PublicKey:
    def __init__(self, text: str) -> None:
        parts = re.fullmatch(r"([^\s+\x00-\x1f]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})", text)
        demand(parts, f"not a public key: {text}")
        name, id_, coded = parts.groups()  # type: ignore[union-attr]
        raw = base64.b64decode(coded)
        demand(
            raw[0] == 1 and base64.b64encode(raw).decode() == coded and len(raw) == 33, f"not an Ed25519 key: {text}"
        )
        demand(sha(name.encode() + b"\n" + raw)[:8] == id_, f"the key's id is not its own: {text}")
        self.text, self.name, self.id, self.ed25519 = (
            text,
            name,
            bytes.fromhex(id_),
            Ed25519PublicKey.from_public_bytes(raw[1:]),
        )

    def signed(self, note: Note, line: int) -> bool:
        name, id_, signature = note.lines[line]
        try:
            self.ed25519.verify(signature, note.text.encode())
        except InvalidSignature:
            return False
        return (name, id_) == (self.name, self.id)


class Note:
    """Text and signature lines of an object; nothing is verified yet."""

    def __init__(self, data: bytes) -> None:
        self.hash = sha(data)
        try:
            text, lines = data.decode().rsplit("\n\n", 1)
        except ValueError:
            raise Junk("not a signed note") from None
        self.text, self.lines = text + "\n", [self.line(line) for line in lines.removesuffix("\n").split("\n")]
        if not lines.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f]", self.text):
            raise Junk("not a signed note")

    @staticmethod
    def line(line: str) -> tuple[str, bytes, bytes]:
        parts = re.fullmatch(r"— ([^\s+\x00-\x1f]+) ([A-Za-z0-9+/]{91}=)", line)
        raw = base64.b64decode(parts[2]) if parts else b""
        if not parts or base64.b64encode(raw).decode() != parts[2]:
            raise Junk("a signature line is malformed")
        return parts[1], raw[:4], raw[4:]

    def content(self, type_: str, fields: dict[str, Callable[[Any], bool]]) -> dict[str, Any]:
        """The canonical JSON of a note whose signature was verified."""
        content = canonical(self.text)
        demand(type(content) is dict and type(content.get("type")) is str, "no object with a type")
        if content["type"] not in TYPES:
            raise Unknown(f"unknown type {content['type']}")
        demand(content["type"] == type_, f"a {content['type']} where a {type_} belongs")
        return shaped(content, {"type": is_text, **fields}, "the note")


TYPES = {"kivend.archive/v1", "kivend.keys/v1", "kivend.link/v1"}


# ---- what fields may hold -----------------------------------------------------------------------------------------------------
Check = Callable[[Any], bool]


def shaped(content: Any, fields: dict[str, Check], what: str) -> dict[str, Any]:
    demand(
        type(content) is dict and list(content) == list(fields),
        f"{what} has other fields than its type has, or another order",
    )
    for name, check in fields.items():
        demand(check(content[name]), f"{what}: {name} is {str(content[name])[:80]}")
    return dict(content)


def is_text(value: Any) -> bool:
    return type(value) is str


def integer(low: int = 0, high: int = 2**63 - 1) -> Check:
    return lambda value: type(value) is int and low <= value <= high


def matching(pattern: str) -> Check:
    return lambda value: type(value) is str and re.fullmatch(pattern, value, re.A) is not None


def nullable(check: Check) -> Check:
    return lambda value: value is None or check(value)


def listed(check: Check) -> Check:
    return lambda value: type(value) is list and all(map(check, value))


def record(**fields: Check) -> Check:
    return lambda value: (
        type(value) is dict and list(value) == list(fields) and all(fields[name](value[name]) for name in fields)
    )


def is_time(value: Any) -> bool:
    if not matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")(value):
        return False
    try:
        return bool(datetime.fromisoformat(value))
    except ValueError:
        return False


HASH, ID, TOPIC = matching("[0-9a-f]{64}"), matching("[0-9a-f]{32}"), matching("(?!\\.{1,2}$)[a-zA-Z0-9._-]{1,249}")
ANY, OFFSET, I32 = integer(-(2**63)), integer(), integer(0, 2**31 - 1)
NAMED = record(number=integer(), sha256=HASH)
ARCHIVE = {
    "type": matching("kivend.archive/v1"),
    "archive": matching("[a-z0-9][a-z0-9._-]{0,62}"),
    "id": ID,
    "created_at": is_time,
    "keys": listed(is_text),
}
KEY_CHANGE = {
    "id": ID,
    "number": integer(1),
    "add": listed(is_text),
    "retire": listed(is_text),
    "at": is_time,
    "checkpoint": NAMED,
    "previous": HASH,
}
LOST = record(
    first_offset=OFFSET, next_offset=OFFSET, log_start_offset=OFFSET, observed_at=is_time, reason=matching("retention")
)
SEALED = matching("bytes|records|age|idle|shutdown|revoked|absent|lost|epoch")
REJECTED = record(key=is_text, bytes=OFFSET, sha256=HASH, reason=matching("differs|unreadable"))
LINK: dict[str, Check] = {
    "archive_id": ID,
    "cluster_id": is_text,
    "topic": TOPIC,
    "topic_id": nullable(matching("[A-Za-z0-9_-]{22}")),
    "partition": I32,
    "epoch": OFFSET,
    "height": OFFSET,
    "first_offset": OFFSET,
    "next_offset": OFFSET,
    "record_count": OFFSET,
    "absent": listed(listed(OFFSET)),
    "lost": nullable(LOST),
    "min_timestamp_ms": nullable(ANY),
    "max_timestamp_ms": nullable(ANY),
    "records_root": HASH,
    "segment": nullable(record(key=is_text, bytes=OFFSET, sha256=HASH)),
    "rejected": listed(REJECTED),
    "checkpoint": NAMED,
    "sealed_at": is_time,
    "seal_reason": SEALED,
    "sealed_by": is_text,
    "previous": HASH,
}
NUMBER, HEX = "(0|[1-9][0-9]{0,18})", "([0-9a-f]{64})"
CHECKPOINT = re.compile(rf"kivend\.checkpoint/v1 (\S+) (\S+)\n{NUMBER} {HEX} {NUMBER} {HEX}\n(\S+)\n((?:[^\n]+\n)*)")
HEAD = re.compile(rf"([a-zA-Z0-9._-]{{1,249}}) {NUMBER} {NUMBER} {NUMBER} {NUMBER} {HEX} {HEX}")


@dataclass(frozen=True)
class Head:
    epoch: int
    height: int
    next_offset: int
    link: str
    log_root: str


@dataclass(frozen=True)
class Checkpoint:
    hash: str
    archive: tuple[str, str]
    number: int
    previous: str
    change: tuple[int, str]
    heads: dict[Partition, Head]


def parse_checkpoint(note: Note) -> Checkpoint:
    first = note.text.split(" ", 1)[0]
    if re.fullmatch(r"kivend\.checkpoint/v[0-9]+", first) and first != "kivend.checkpoint/v1":
        raise Unknown(f"unknown type {first}")
    parts = CHECKPOINT.fullmatch(note.text)
    demand(parts and is_time(parts[7]), "not the text of a checkpoint")
    name, id_, number, previous, change, change_hash, _, lines = parts.groups()  # type: ignore[union-attr]
    heads, last = dict[Partition, Head](), ("", 0)
    for line in lines.split("\n")[:-1]:
        head = HEAD.fullmatch(line)
        demand(head and TOPIC(head[1]) and I32(int(head[2])), f"not a head: {line[:300]}")
        partition = (head[1], int(head[2]))  # type: ignore[index]
        demand(last < partition, "the heads are not sorted")
        last, heads[partition] = partition, Head(int(head[3]), int(head[4]), int(head[5]), head[6], head[7])  # type: ignore[index]
    demand(
        (int(number) == 0) == (previous == "0" * 64) and (not heads or int(number) > 0),
        "checkpoint 0 names heads or one before it, or a later one none",
    )
    return Checkpoint(note.hash, (name, id_), int(number), previous, (int(change), change_hash), heads)


def check_link(content: dict[str, Any]) -> None:
    """The rules that a link obeys by itself."""
    first, next_, gaps, lost, segment = (
        content[name] for name in ("first_offset", "next_offset", "absent", "lost", "segment")
    )
    demand(next_ > first, "next_offset is not above first_offset")
    demand(len(gaps) <= 10_000 and all(len(gap) == 2 for gap in gaps), "absent are no pairs, or too many")
    edges = [-1] + [edge for gap in gaps for edge in gap]
    demand(all(a < b for a, b in zip(edges, edges[1:])), "absent are not maximal, sorted and disjoint")
    demand(not gaps or first <= gaps[0][0] and gaps[-1][1] <= next_, "absent are beyond the range")
    absent = next_ - first if lost else sum(b - a for a, b in gaps)
    demand(
        content["record_count"] == next_ - first - absent,
        "record_count is not the range without what is absent or lost",
    )
    demand((lost is not None) == (content["seal_reason"] == "lost"), "seal_reason lost and the loss do not go together")
    if lost:
        demand(
            (lost["first_offset"], lost["next_offset"], lost["log_start_offset"]) == (first, next_, next_) and not gaps,
            "the loss is not the link's whole range",
        )
    low, high = content["min_timestamp_ms"], content["max_timestamp_ms"]
    demand((low is None) == (high is None) and (low is None or low <= high), "min and max timestamp do not go together")
    if content["record_count"] == 0:
        demand(
            segment is None and low is None and content["records_root"] == EMPTY_ROOT,
            "no records, but a segment, a timestamp or a root of some",
        )
    else:
        demand(segment is not None, "records, but no segment")
    keys = [entry["key"] for entry in content["rejected"]]
    demand(all(a < b for a, b in zip(keys, keys[1:])), "the rejected are not sorted")
    stem = f"data/topic={content['topic']}/partition={content['partition']}/{content['epoch']:04}-{first:020}"
    named = set(keys + ([segment["key"]] if segment else []))
    expected = {f"{stem}{f'-r{k}' if k else ''}.parquet" for k in range(len(keys) + (segment is not None))}
    demand(named == expected, "segment and rejected do not name the key and its -r1…-rn, each once")


@dataclass(frozen=True)
class Change:
    """A key change; `heights` are those of the checkpoint that it names, None where that is missing."""

    hash: str
    content: dict[str, Any]
    heights: dict[Partition, int] | None

    @property
    def number(self) -> int:
        return int(self.content["number"])


@dataclass
class Tenure:
    """When the signatures of a key count: from the change that added it (None: from the start) to the one that retired it."""

    key: PublicKey
    added: Change | None = None
    retired: Change | None = None
    trusted: bool = True  # False: a key of archive.json that was not brought

    def covers_link(self, partition: Partition, height: int) -> bool:
        early = self.added and self.added.heights is not None and height <= self.added.heights.get(partition, -1)
        late = self.retired and self.retired.heights is not None and height > self.retired.heights.get(partition, -1)
        return not early and not late

    def covers_checkpoint(self, number: int) -> bool:
        early = self.added and number <= self.added.content["checkpoint"]["number"]
        late = self.retired and number > self.retired.content["checkpoint"]["number"]
        return not early and not late
