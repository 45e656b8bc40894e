"""What a segment must be (docs/FORMAT.md, sections 2 and 5): part of verify.py, and as independent as it.

The footer and the page headers are read here, byte by byte, since pyarrow does not show all that could hide a row (page
statistics, bloom filters, a footer key twice); the rows are read by pyarrow.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from verify_projection import AUTHORITATIVE, Broken, demand, project, projection_rules, unique

FOOTER_MAX_BYTES, MAX_RULES = 8 << 20, 1000
# PLAIN, PLAIN_DICTIONARY, RLE, DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY, RLE_DICTIONARY, BYTE_STREAM_SPLIT.
ENCODINGS = {0, 2, 3, 5, 6, 8, 9}
EMPTY_ROOT = hashlib.sha256(b"").hexdigest()


class Tree:
    """The Merkle tree of RFC 9162, 2.1.1, grown leaf by leaf; in memory only the roots of its full subtrees."""

    def __init__(self) -> None:
        self.count, self.full = 0, list[bytes]()

    def push(self, data: bytes) -> None:
        node, self.count = hashlib.sha256(b"\0" + data).digest(), self.count + 1
        merges = (self.count & -self.count).bit_length() - 1
        for _ in range(merges):
            node = hashlib.sha256(b"\1" + self.full.pop() + node).digest()
        self.full.append(node)

    def root(self) -> str:
        if not self.full:
            return EMPTY_ROOT
        node, *others = reversed(self.full)
        for left in others:
            node = hashlib.sha256(b"\1" + left + node).digest()
        return node.hex()


class Thrift:
    """Thrift's compact protocol: structs as {field id: value}. Never reads backwards, so it ends where its bytes end."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        value = shift = 0
        while (byte := self.byte()) & 0x80:
            value, shift = value | (byte & 0x7F) << shift, shift + 7
            demand(shift < 70, "a number of the Parquet footer does not end")
        return value | byte << shift

    def integer(self) -> int:
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def value(self, kind: int) -> Any:
        if kind in (1, 2):
            return self.byte() == 1
        if kind in (3, 4, 5, 6):
            return self.byte() if kind == 3 else self.integer()
        if kind in (7, 8):
            size = 8 if kind == 7 else self.varint()
            self.at += size
            demand(self.at <= len(self.data), "the Parquet footer is cut off")
            return self.data[self.at - size : self.at]
        if kind in (9, 10):
            head = self.byte()
            size = head >> 4 if head >> 4 < 15 else self.varint()
            demand(size <= len(self.data), "a list of the Parquet footer is too long")
            return [self.value(head & 15) for _ in range(size)]
        demand(kind == 12, "unknown type in the Parquet footer")
        return self.struct()

    def struct(self) -> dict[int, Any]:
        fields, id_ = dict[int, Any](), 0
        while head := self.byte():
            id_ = id_ + (head >> 4) if head >> 4 else self.integer()
            demand(id_ not in fields, "a field of the Parquet footer stands twice")
            fields[id_] = head & 15 == 1 if head & 15 in (1, 2) else self.value(head & 15)
        return fields


BOOLEAN, INT32, INT64, DOUBLE, BYTE_ARRAY, GROUP = 0, 1, 2, 5, 6, None
REQUIRED, OPTIONAL, REPEATED = 0, 1, 2
LogicalType = dict[int, Any]
TEXT: LogicalType = {1: {}}
LISTED: LogicalType = {3: {}}
UINT8: LogicalType = {10: {1: 8, 2: False}}
MILLIS, MICROS = {8: {1: True, 2: {1: {}}}}, {8: {1: True, 2: {2: {}}}}
# Name, physical type, repetition, children, logical type.
COLUMNS: list[tuple[str, int | None, int, int | None, Any]] = [
    ("topic", BYTE_ARRAY, REQUIRED, None, TEXT),
    ("partition", INT32, REQUIRED, None, None),
    ("offset", INT64, REQUIRED, None, None),
    ("timestamp", INT64, OPTIONAL, None, MILLIS),
    ("timestamp_type", INT32, REQUIRED, None, UINT8),
    ("key", BYTE_ARRAY, OPTIONAL, None, None),
    ("value", BYTE_ARRAY, OPTIONAL, None, None),
    ("headers", GROUP, REQUIRED, 1, LISTED),
    ("list", GROUP, REPEATED, 1, None),
    ("element", GROUP, REQUIRED, 2, None),
    ("name", BYTE_ARRAY, REQUIRED, None, None),
    ("value", BYTE_ARRAY, OPTIONAL, None, None),
]
TYPED: dict[str, tuple[int, Any]] = {
    "string": (BYTE_ARRAY, TEXT),
    "json": (BYTE_ARRAY, TEXT),
    "int64": (INT64, None),
    "float64": (DOUBLE, None),
    "bool": (BOOLEAN, None),
    "timestamp_us": (INT64, MICROS),
}
UNPACK = {BOOLEAN: "<?", INT32: "<i", INT64: "<q", DOUBLE: "<d"}
LEAVES = [*AUTHORITATIVE[:-1], "headers.list.element.name", "headers.list.element.value"]


class Segment:
    """A Parquet object whose footer obeys the format; its rows are checked as they are read."""

    def __init__(self, data: bytes) -> None:
        demand(data[:4] == b"PAR1" == data[-4:] and len(data) > 12, "not a Parquet file")
        start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
        demand(4 <= start >= len(data) - 8 - FOOTER_MAX_BYTES, "the Parquet footer is longer than the file, or than any may be")
        try:
            self.data, self.start, self.meta = data, start, Thrift(data, start).struct()
            keys = [(pair[1].decode(), pair.get(2, b"").decode()) for pair in self.meta.get(5, [])]
            self.keys = unique(keys)
            demand("projection" in self.keys, "the footer has no projection")
            self.rules = projection_rules(self.keys["projection"])
            demand(len(self.rules) <= MAX_RULES, "the projection has more rules than any may have")
            self.check_footer()
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError, struct.error) as error:
            raise Broken(f"the Parquet footer is malformed: {error}") from None

    def check_footer(self) -> None:
        typed = [(rule.column, TYPED[rule.type][0], OPTIONAL, None, TYPED[rule.type][1]) for rule in self.rules]
        expected = COLUMNS + typed + [("parse_error", BYTE_ARRAY, OPTIONAL, None, TEXT)]
        found = [(e[4].decode(), e.get(1), e[3], e.get(5) or None, e.get(10)) for e in self.meta[2][1:]]
        for wanted, got in zip(expected, found):
            demand(wanted == got, f"column {wanted[0]} is {got}")
        demand(len(expected) == len(found), "the schema has columns too many or too few")
        self.physical = [e[1] for e in self.meta[2][1:] if 1 in e]
        self.leaves = LEAVES + [rule.column for rule in self.rules] + ["parse_error"]
        demand(8 not in self.meta and 9 not in self.meta, "the file is encrypted")
        for group in self.meta[4]:
            demand(4 not in group, "a row group has sorting_columns")
            demand(
                [b".".join(chunk[3][3]).decode() for chunk in group[1]] == self.leaves,
                "the chunks of a row group are not the columns in their order",
            )
            for chunk in group[1]:
                demand(not {1, 4, 5, 6, 7, 8, 9} & chunk.keys(), "a chunk has file_path, a page index or encryption")
                demand(chunk[3][4] == 6, "a chunk is not zstd")
                demand(ENCODINGS >= set(chunk[3][2]), "a chunk is in an encoding that segments do not have")
                demand(not {14, 15} & chunk[3].keys(), "a chunk has a bloom filter")

    def rows(self) -> Iterator[list[list[Any]]]:
        """The columns of each row group, as Python values, once no statistic of theirs hides one of them."""
        try:
            # What Arrow wrote beside the schema is ignored: it may call a column what it is not, or be damaged.
            plain_data = self.data[: self.start] + self.data[self.start :].replace(b"ARROW:schema", b"arrow:schema")
            file = pq.ParquetFile(pa.BufferReader(plain_data))
            for number, group in enumerate(self.meta[4]):
                columns = [plain(column) for column in file.read_row_group(number).columns]
                demand(len(columns[0]) == group[3], "a row group has more or fewer rows than it says")
                headers = columns[7]
                nested = [
                    [h[name] for row in headers for h in row or [{"name": None, "value": None}]]
                    for name in ("name", "value")
                ]
                empty = sum(not row for row in headers)
                for index, (chunk, values) in enumerate(zip(group[1], columns[:7] + nested + columns[8:])):
                    self.check_statistics(chunk[3], values, empty if index in (7, 8) else 0, index)
                yield columns
        except (pa.ArrowException, OSError, LookupError, TypeError, ValueError, RecursionError, struct.error) as error:
            raise Broken(f"the rows cannot be read: {error}") from None

    def check_statistics(self, meta: dict[int, Any], values: list[Any], empty: int, index: int) -> None:
        scopes = [(0, len(values), meta.get(12))] + list(self.pages(meta))
        demand(meta[5] == len(values), f"column {self.leaves[index]} has more or fewer values than it says")
        for start, stop, statistics in scopes:
            here = [value for value in values[start:stop] if value is not None]
            nulls = stop - start - len(here)
            claimed, true = statistics or {}, True
            if 3 in claimed:
                true = claimed[3] in (nulls, nulls - empty)
            if 4 in claimed:
                true &= bool(here) <= claimed[4] <= len(here)
            for low, high in ((6, 5), (2, 1)) if here else ():
                true &= low not in claimed or self.bound(claimed[low], index) <= min(here)
                true &= high not in claimed or self.bound(claimed[high], index) >= max(here)
            for bound, exact in ((5, 7), (6, 8)) if here else ():
                true &= not claimed.get(exact) or bound not in claimed or self.bound(claimed[bound], index) in here
            demand(true, f"a statistic of column {self.leaves[index]} is not true of its rows")

    def bound(self, raw: bytes, index: int) -> Any:
        physical = self.physical[index]
        return raw if physical == BYTE_ARRAY else struct.unpack(UNPACK[physical], raw)[0]

    def pages(self, meta: dict[int, Any]) -> Iterator[tuple[int, int, dict[int, Any] | None]]:
        """First value, end and statistics of each data page of a chunk."""
        at = min(offset for offset in (meta.get(11), meta[9]) if offset)
        end, first = at + meta[7], 0
        while at < end:
            reader = Thrift(self.data, at)
            header = reader.struct()
            demand(header[3] >= 0, "a page of negative size")
            at = reader.at + header[3]
            page, statistics = (header[8], 8) if 8 in header else (header.get(5, {1: 0}), 5)
            yield first, first + page[1], page.get(statistics)
            first += page[1]

    def records(self) -> Iterator[tuple[int, int | None, bytes]]:
        """Offset, timestamp and encoding of each row, once its typed columns are those that its value projects to."""
        for columns in self.rows():
            for topic, partition, offset, timestamp, kind, key, value, headers, *typed in zip(*columns):
                demand(
                    (timestamp is None) == (kind == 255) and kind in (0, 1, 255) and timestamp != -1,
                    f"wrong timestamp: offset={offset}",
                )
                expected = project(self.rules, value)
                demand(
                    all(map(same, typed, expected)),
                    f"typed columns or parse_error are not those of the value: offset={offset}",
                )
                out = (
                    struct.pack(">BH", 1, len(topic))
                    + topic
                    + struct.pack(">iqBq", partition, offset, kind, -1 if timestamp is None else timestamp)
                )
                out += sized(key) + sized(value) + struct.pack(">I", len(headers))
                yield (
                    offset,
                    timestamp,
                    out + b"".join(sized(header["name"]) + sized(header["value"]) for header in headers),
                )


def plain(column: pa.ChunkedArray) -> list[Any]:
    """Values as the file holds them: bytes for text, integers for times."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.cast(pa.binary())
    values: list[Any] = column.to_pylist()
    return values


def sized(data: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if data is None else struct.pack(">i", len(data)) + data


def same(stored: Any, expected: Any) -> bool:
    """Equal, and equal in the sign of zero."""
    return bool(
        stored == expected and (type(stored) is not float or math.copysign(1, stored) == math.copysign(1, expected))
    )
