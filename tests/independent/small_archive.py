"""Writes a small archive from docs/FORMAT.md, for the tests of tools/verify.py."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from format_writer import (
    ARCHIVE, KEY, Content, Key, after, canonical, closing, encoding, first_link, genesis, leaf, lost, merkle, note, nothing, sha,
)
from log_writer import Head, LogWriter
from segment_writer import segment

RULES = ('[{"column":"event_ts","path":"/ts","type":"timestamp_us"},{"column":"amount","path":"/amount","type":"float64"},'
         '{"column":"raw","path":"/o","type":"json"}]')
FOOTER = ("topic", "partition", "epoch", "first_offset", "next_offset", "record_count", "records_root", "previous")
Row = dict[str, Any]


def rows(first: int, next_: int, absent: set[int] = frozenset(), epoch: int = 0) -> list[Row]:  # type: ignore[assignment]
    made = []
    for offset in (o for o in range(first, next_) if o not in absent):
        row: Row = {"topic": "payments", "partition": 1, "epoch": epoch, "offset": offset, "timestamp": 1763559062594 + offset, "timestamp_type": 0,
                    "key": b"k%d" % (offset % 3), "headers": [], "value": b'{"ts":"1970-01-01T00:00:01Z","amount":%d.5,"o":{"a": [%d]}}' % (offset, offset),
                    "timestamp_out_of_range_ms": None, "event_ts": 1_000_000, "amount": offset + 0.5, "raw": '{"a": [%d]}' % offset, "parse_error": None}
        if offset % 10 == 1:
            row |= {"value": None, "timestamp": None, "timestamp_type": 255, "event_ts": None, "amount": None, "raw": None,
                    "headers": [{"name": b"h", "value": None}, {"name": b"h", "value": b"\xff"}]}
        if offset % 10 == 2:
            row |= {"value": b"\xff", "event_ts": None, "amount": None, "raw": None, "parse_error": "not_utf8", "key": None}
        made.append(row)
    return made


def encoding_of(row: Row) -> bytes:
    time = -1 if row["timestamp"] is None else row["timestamp"]
    headers = [(header["name"], header["value"]) for header in row["headers"]]
    return encoding(row["topic"], row["partition"], row["offset"], row["timestamp_type"], time, row["key"], row["value"], headers)


def root(made: list[Row]) -> str:
    return merkle([leaf(encoding_of(row)) for row in made]).hex()


def parquet(made: list[Row], link: Content, **options: Any) -> bytes:
    """The segment of these rows, whose footer says what the link says."""
    return segment(made, {name: str(link[name]) for name in FOOTER} | {"projection": RULES}, **options)


class SmallArchive:
    """payments/1 with four links (records, records, a gap, a loss), and entries and checkpoints before, within and after."""

    def __init__(self, folder: Path, identity: bytes = ARCHIVE, offline: Key = KEY) -> None:
        """`offline` signs checkpoint 0."""
        self.folder, self.identity, self.offline = folder, identity, offline
        self.log = LogWriter(identity)
        self.links: list[bytes] = []
        self.contents: list[Content] = []
        self.put("archive.json", identity)
        self.entry(checkpoint_by=offline)
        self.seal(rows(0, 100, {10, 11, 12}), 0, 100, [[10, 13]])
        self.seal(rows(100, 150), 100, 150)
        self.add(nothing(self.following(), 150, 153))
        self.entry()
        self.add(lost(self.following(), 153, 200))
        self.entry()

    def put(self, key: str, data: bytes) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    # ---- links ------------------------------------------------------------------------------------------------------
    def following(self) -> Content:
        """The next link, of 50 records, in the newest epoch or after a closing link in the next."""
        named = {"checkpoint": self.log.named(len(self.log.entries) - 1)}
        if not self.links:
            return first_link() | named | {"previous": genesis("payments", 1, self.identity)}
        before = self.contents[-1]
        base = after(self.links[-1], before) | named
        if before["next_epoch_at"] is None:
            return base
        at, epoch = before["next_epoch_at"], before["epoch"] + 1
        key = f"data/payments/1/{epoch:04}-{at:020}.parquet"
        return base | {"epoch": epoch, "first_offset": at, "next_offset": at + 50, "segment": base["segment"] | {"key": key}}

    def seal(self, made: list[Row], first: int, next_: int, absent: list[list[int]] | None = None, changes: Content | None = None, key: Key = KEY) -> None:
        """A segment and its link; `changes` go into the link after the segment was made from it."""
        times = [row["timestamp"] for row in made if row["timestamp"] is not None]
        epoch = (changes or {}).get("epoch", self.following()["epoch"])
        link = self.following() | {"epoch": epoch, "first_offset": first, "next_offset": next_, "absent": absent or [], "record_count": len(made),
                                   "records_root": root(made), "min_timestamp_ms": min(times), "max_timestamp_ms": max(times)}
        data = parquet(made, link)
        name = f"data/payments/1/{link['epoch']:04}-{first:020}.parquet"
        self.put(name, data)
        self.add(link | {"segment": {"key": name, "bytes": len(data), "sha256": sha(data)}} | (changes or {}), key)

    def add(self, link: Content, key: Key = KEY, attempt: str = "") -> None:
        data = note(canonical(link), key)
        self.links.append(data)
        self.contents.append(link)
        self.put(self.link_key(-1, attempt), data)

    def gap(self, count: int = 10, key: Key = KEY, **changes: Any) -> None:
        """A link over offsets that hold nothing."""
        link = self.following()
        self.add(nothing(link, link["first_offset"], link["first_offset"] + count) | changes, key)

    def close(self, reason: str, at: int, key: Key = KEY) -> None:
        """Closes the epoch; the next begins at an offset."""
        link = self.following()
        self.add(closing(link, link["first_offset"], reason, at), key)

    def link_key(self, index: int, attempt: str = "") -> str:
        link = self.contents[index]
        return f"links/payments/1/{link['epoch']:04}-{link['first_offset']:020}{attempt}.note"

    # ---- the log ----------------------------------------------------------------------------------------------------
    def heads(self, **head: Any) -> list[Head]:
        """The line of the only partition; `head` replaces members of it, and None as its link leaves it out."""
        if not self.links or head.get("link", "") is None:
            return []
        link = self.contents[-1]
        line = {"epoch": link["epoch"], "height": link["height"], "next_offset": link["next_offset"], "link": sha(self.links[-1]),
                "log_root": merkle([leaf(data) for data in self.links]).hex()} | head
        return [("payments", 1, *(line[name] for name in ("epoch", "height", "next_offset", "link", "log_root")))]  # type: ignore[list-item]

    def entry(self, key: Key = KEY, change: bytes | None = None, checkpoint_by: Key | None = None, head: Content | None = None, **members: Any) -> None:
        """An entry and its checkpoint; `members` replace those of the entry."""
        number = len(self.log.entries)
        self.put(self.entry_key(number), self.log.entry(key, self.heads(**(head or {})), change, **members))
        self.put(self.checkpoint_key(number), self.log.checkpoint(number, checkpoint_by or key))

    def again(self, which: int, key: Key = KEY, **members: Any) -> bytes:
        """An entry signed again with other members."""
        return note(canonical(self.log.entries[which] | members), key)

    @staticmethod
    def entry_key(number: int, attempt: str = "") -> str:
        return f"log/{number:010}{attempt}.note"

    @staticmethod
    def checkpoint_key(number: int, attempt: str = "") -> str:
        return f"checkpoints/{number:010}{attempt}.note"
