"""Writes a small archive from docs/FORMAT.md with pyarrow, for the tests of tools/verify.py."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from format_writer import (
    ARCHIVE,
    ARCHIVE_ID,
    KEY,
    Content,
    Key,
    after,
    canonical,
    encoding,
    first_link,
    leaf,
    lost,
    merkle,
    note,
    nothing,
    sha,
)

RULES = '[{"column":"event_ts","path":"/ts","type":"timestamp_us"},{"column":"amount","path":"/amount","type":"float64"},{"column":"raw","path":"/o","type":"json"}]'
BINARY = pa.binary()
SCHEMA = pa.schema([
    pa.field("topic", pa.string(), False), pa.field("partition", pa.int32(), False), pa.field("offset", pa.int64(), False), pa.field("timestamp", pa.timestamp("ms", "UTC")),
    pa.field("timestamp_type", pa.uint8(), False), pa.field("key", BINARY), pa.field("value", BINARY),
    pa.field("headers", pa.list_(pa.field("element", pa.struct([pa.field("name", BINARY, False), pa.field("value", BINARY)]), False)), False),
    pa.field("event_ts", pa.timestamp("us", "UTC")), pa.field("amount", pa.float64()), pa.field("raw", pa.string()), pa.field("parse_error", pa.string())])
Row = dict[str, Any]


def rows(first: int, next_: int, absent: set[int]) -> list[Row]:
    made = []
    for offset in (o for o in range(first, next_) if o not in absent):
        row: Row = {"topic": "payments", "partition": 1, "offset": offset, "timestamp": 1763559062594 + offset, "timestamp_type": 0, "key": b"k%d" % (offset % 3), "headers": [],
                    "value": b'{"ts":"1970-01-01T00:00:01Z","amount":%d.5,"o":{"a": [%d]}}' % (offset, offset), "event_ts": 1_000_000, "amount": offset + 0.5, "raw": '{"a": [%d]}' % offset, "parse_error": None}
        if offset % 10 == 1:
            row |= {"value": None, "timestamp": None, "timestamp_type": 255, "event_ts": None, "amount": None, "raw": None, "headers": [{"name": b"h", "value": None}, {"name": b"h", "value": b"\xff"}]}
        if offset % 10 == 2:
            row |= {"value": b"\xff", "event_ts": None, "amount": None, "raw": None, "parse_error": "not_utf8", "key": None}
        made.append(row)
    return made


def root(made: list[Row]) -> str:
    return merkle([leaf(encoding(r["topic"], r["partition"], r["offset"], r["timestamp_type"], -1 if r["timestamp"] is None else r["timestamp"], r["key"], r["value"],
                                 [(h["name"], h["value"]) for h in r["headers"]])) for r in made]).hex()


def parquet(made: list[Row], link: Content, **options: Any) -> bytes:
    footer = {name: str(link[name]) for name in ("topic", "partition", "epoch", "first_offset", "next_offset", "record_count", "records_root", "previous")} | {"projection": RULES}
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pylist(made, SCHEMA)
    with pq.ParquetWriter(sink, SCHEMA, **({"compression": "zstd"} | options)) as writer:
        writer.write_table(table, row_group_size=40)
        writer.add_key_value_metadata(footer)
    data: bytes = sink.getvalue().to_pybytes()
    return data


class SmallArchive:
    """payments/1 with four links (records, records, a gap, a loss), and a checkpoint before and after them."""

    def __init__(self, folder: Path, identity: bytes = ARCHIVE) -> None:
        self.folder, self.identity = folder, sha(identity)
        self.links: list[bytes] = []
        self.contents: list[Content] = []
        self.put("archive.json", identity)
        zero = f"kivend.checkpoint/v1 kivend {ARCHIVE_ID}\n0 {'0' * 64} 0 {self.identity}\n2026-02-03T10:00:00Z\n"
        self.checkpoints = [note(zero, KEY)]
        self.put("checkpoints/0000000000.note", self.checkpoints[0])
        self.seal(rows(0, 100, {10, 11, 12}), 0, 100, [[10, 13]])
        self.seal(rows(100, 150, set()), 100, 150, [])
        self.add(nothing(self.following(), 150, 153))
        self.checkpoint()
        self.add(lost(self.following(), 153, 200))
        self.checkpoint()

    def put(self, key: str, data: bytes) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def following(self) -> Content:
        base = after(self.links[-1], self.contents[-1]) if self.links else first_link() | {"previous": sha(f"kivend.genesis/v1\n{self.identity}\npayments\n1\n".encode())}
        number = len(self.checkpoints) - 1
        return base | {"checkpoint": {"number": number, "sha256": sha(self.checkpoints[number])}}

    def seal(self, made: list[Row], first: int, next_: int, absent: list[list[int]], changes: Content | None = None, **options: Any) -> None:
        """A segment and its link; `changes` go into the link after the segment was made from it."""
        times = [row["timestamp"] for row in made if row["timestamp"] is not None]
        link = self.following() | {"epoch": (changes or {}).get("epoch", 0), "first_offset": first, "next_offset": next_, "absent": absent, "record_count": len(made), "records_root": root(made),
                                   "min_timestamp_ms": min(times), "max_timestamp_ms": max(times)}
        data = parquet(made, link, **options)
        key = f"data/topic=payments/partition=1/{link['epoch']:04}-{first:020}.parquet"
        self.put(key, data)
        self.add(link | {"segment": {"key": key, "bytes": len(data), "sha256": sha(data)}} | (changes or {}))

    def add(self, link: Content, key: Key = KEY, attempt: str = "") -> None:
        data = note(canonical(link), key)
        self.links.append(data)
        self.contents.append(link)
        self.put(self.link_key(-1, attempt), data)

    def link_key(self, index: int, attempt: str = "") -> str:
        link = self.contents[index]
        return f"links/payments/1/{link['epoch']:04}-{link['first_offset']:020}{attempt}.note"

    def checkpoint(self, key: Key = KEY, change: tuple[int, str] | None = None, previous: str | None = None, type_: str = "kivend.checkpoint/v1", **head: Any) -> None:
        """`head` replaces fields of the head's line; None as its link leaves the line out."""
        number, link = len(self.checkpoints), self.contents[-1]
        line = {"epoch": link["epoch"], "height": link["height"], "next_offset": link["next_offset"], "link": sha(self.links[-1]),
                "log_root": merkle([leaf(data) for data in self.links]).hex()} | head
        change_number, change_hash = change or (0, self.identity)
        text = f"{type_} kivend {ARCHIVE_ID}\n{number} {previous or sha(self.checkpoints[-1])} {change_number} {change_hash}\n2026-02-03T10:05:00Z\n"
        text += "payments 1 {epoch} {height} {next_offset} {link} {log_root}\n".format(**line) if line["link"] else ""
        self.checkpoints.append(note(text, key))
        self.put(f"checkpoints/{number:010}.note", self.checkpoints[-1])

    def change(self, number: int, previous: str, add: list[Key], retire: list[Key], signer: Key = KEY, signers: list[Key] | None = None, **changes: Any) -> bytes:
        """A key change; `signers` instead of those who must sign, `changes` in its content."""
        newest = len(self.checkpoints) - 1
        content = {"type": "kivend.keys/v1", "id": ARCHIVE_ID, "number": number, "add": [k.public_text for k in add], "retire": [k.public_text for k in retire],
                   "at": "2026-02-03T10:06:00Z", "checkpoint": {"number": newest, "sha256": sha(self.checkpoints[newest])}, "previous": previous}
        data = note(canonical(content | changes), *([signer, *add] if signers is None else signers))
        self.put(f"keys/{number:06}.note", data)
        return data
