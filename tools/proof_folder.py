"""Compares the files of a folder of records with the records that its proof proves: docs/FORMAT.md, section 8.1.

`records.jsonl` needs the standard library alone, `records.parquet` needs pyarrow.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from folder import opened, read_file
from notes import demand
from records import Record

PROOF, LINES, ROWS = "records.proof", "records.jsonl", "records.parquet"
IN_RANGE = range(-2208988800000, 253402300800000)
LARGEST_LINES, FREE = 1 << 40, 64 << 20
DICTIONARY_PAGE, DELTA_BYTE_ARRAY = 2, 7
COLUMNS = ["topic", "partition", "offset", "timestamp", "timestamp_type", "key", "value", "headers", "timestamp_out_of_range_ms"]
NULLABLE = {"timestamp", "key", "value", "timestamp_out_of_range_ms"}
TYPES = ["string", "int32", "int64", "timestamp[ms, tz=UTC]", "int32", "binary", "binary", "list<element: struct<name: binary not null, value: binary> not null>", "int64"]


def check_lines(folder: Path, records: list[Record]) -> None:
    """The values, each with a newline; a record without a value, or with an empty one, has no line."""
    with opened(folder / LINES, LARGEST_LINES) as (file, _):
        for number, record in enumerate((record for record in records if record.value), 1):
            expected = (record.value or b"") + b"\n"
            demand(file.read(len(expected)) == expected, f"value {number} is not that of {place(record)}")
        demand(not file.read(1), "it has more than the proved records")


def check_rows(folder: Path, records: list[Record]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = read_file(folder / ROWS, 2 * sum(map(encoded_bytes, records)) + FREE)
    at = 0
    with pq.ParquetFile(pa.BufferReader(data)) as file:
        demand(file.schema_arrow.names == COLUMNS, "it has other columns than those of the records")
        for field, type_ in zip(file.schema_arrow, TYPES):
            demand((str(field.type), field.nullable) == (type_, field.name in NULLABLE), f"{field.name} has another type: {field}")
        for batch in file.iter_batches(1024):
            columns: list[Any] = [numbers(column) if name == "timestamp" else column.to_pylist() for name, column in zip(COLUMNS, batch.columns)]
            for row in zip(*columns):
                demand(at < len(records), "it has more rows than the proved records")
                demand(list(row) == row_of(records[at]), f"row {at + 1} is not the record of {place(records[at])}")
                at += 1
    demand(at == len(records), f"it has {at} rows, and {len(records)} records are proved")
    check_rows_only(data, len(records))


def check_rows_only(data: bytes, rows: int) -> None:
    """That it has nothing by which query engines leave out or change rows. Numbers of fields are those of parquet.thrift."""
    from segment_structure import LARGEST_FOOTER, thrift

    length = int.from_bytes(data[-8:-4], "little")
    demand(data[-4:] == b"PAR1" and length <= min(LARGEST_FOOTER, len(data) - 8), "its footer is malformed")
    footer: dict[int, Any] = thrift(io.BytesIO(data[-8 - length : -8]))
    demand(5 not in footer, "it has keys in its footer")
    groups: list[dict[int, Any]] = footer[4]
    demand(footer[3] == rows == sum(group[3] for group in groups), "its footer has another count of rows")
    for group in groups:
        demand(4 not in group, "it says how its rows are ordered")
        for chunk in group[1]:
            column: dict[int, Any] = chunk[3]
            demand(not {4, 5, 6, 7} & chunk.keys(), "it has a page index")
            demand(12 not in column, "it has statistics")
            demand(11 not in column, "it has a dictionary")
            demand(not {14, 15} & column.keys(), "it has a Bloom filter")
            is_nested = len(column[3]) > 1
            demand(column[5] == group[3] or is_nested and column[5] > group[3], "a column has another count of values")
            check_pages(data[column[9] : column[9] + column[7]])


def check_pages(chunk: bytes) -> None:
    from segment_structure import thrift

    file = io.BytesIO(chunk)
    while file.tell() < len(chunk):
        header: dict[int, Any] = thrift(file)
        demand(header[1] != DICTIONARY_PAGE, "it has a dictionary")
        # Arrow writes an empty structure where there are none.
        demand(not header.get(5, {}).get(5) and not header.get(8, {}).get(8), "it has statistics")
        encoding = header.get(5, {}).get(2, header.get(8, {}).get(4))
        demand(encoding != DELTA_BYTE_ARRAY, "a page has the encoding DELTA_BYTE_ARRAY")
        demand(0 <= header[3] <= len(chunk) - file.tell(), "a page is cut off")
        file.seek(header[3], io.SEEK_CUR)


def encoded_bytes(record: Record) -> int:
    """The length of a record's encoding (section 7.1)."""
    held = [record.key, record.value, *(data for header in record.headers for data in header)]
    return 36 + len(record.topic) + 8 * len(record.headers) + sum(len(data or b"") for data in held)


def numbers(times: Any) -> list[int | None]:
    found: list[int | None] = times.cast("int64").to_pylist()
    return found


def row_of(record: Record) -> list[Any]:
    ms = record.timestamp_ms
    headers = [{"name": name, "value": value} for name, value in record.headers]
    inside = ms if ms is not None and ms in IN_RANGE else None
    outside = ms if ms is not None and ms not in IN_RANGE else None
    return [record.topic, record.partition, record.offset, inside, record.timestamp_type, record.key, record.value, headers, outside]


def place(record: Record) -> str:
    return f"{record.topic}/{record.partition} offset {record.offset}"


def compare(folder: Path, records: list[Record]) -> tuple[list[str], list[str], list[str]]:
    """The files that hold the records and no others, what is wrong with the rest, and what was not checked and why."""
    equal, wrong = [], []
    unchecked = [name for name in sorted(file.name for file in folder.iterdir()) if name not in (PROOF, LINES, ROWS)]
    for name, check in ((LINES, check_lines), (ROWS, check_rows)):
        try:
            check(folder, records)
            equal.append(name)
        except ImportError as why:
            unchecked.append(f"{name} ({why})")
        except Exception as why:  # Any failure of a reader is a difference.
            wrong.append(f"{name}: {why}")
    return equal, wrong, unchecked
