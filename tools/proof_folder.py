"""Compares the files of a folder of records with the records that its proof proves: docs/FORMAT.md, section 8.1.

`records.jsonl` needs the standard library alone, `records.parquet` needs pyarrow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from notes import demand
from records import Record

PROOF, LINES, ROWS = "records.proof", "records.jsonl", "records.parquet"
IN_RANGE = range(-2208988800000, 253402300800000)
COLUMNS = ["topic", "partition", "offset", "timestamp", "timestamp_type", "key", "value", "headers", "timestamp_out_of_range_ms"]


def check_lines(folder: Path, records: list[Record]) -> None:
    """The values, each with a newline; a record without a value, or with an empty one, has no line."""
    with (folder / LINES).open("rb") as file:
        for number, record in enumerate((record for record in records if record.value), 1):
            expected = (record.value or b"") + b"\n"
            demand(file.read(len(expected)) == expected, f"value {number} is not that of {place(record)}")
        demand(not file.read(1), "it has more than the proved records")


def check_rows(folder: Path, records: list[Record]) -> None:
    import pyarrow.parquet as pq

    at = 0
    with pq.ParquetFile(folder / ROWS) as file:
        demand(file.schema_arrow.names == COLUMNS, "it has other columns than those of the records")
        demand(str(file.schema_arrow.field("timestamp").type) == "timestamp[ms, tz=UTC]", "its times have another type")
        for batch in file.iter_batches(1024):
            columns: list[Any] = [numbers(column) if name == "timestamp" else column.to_pylist() for name, column in zip(COLUMNS, batch.columns)]
            for row in zip(*columns):
                demand(at < len(records), "it has more rows than the proved records")
                demand(list(row) == row_of(records[at]), f"row {at + 1} is not the record of {place(records[at])}")
                at += 1
    demand(at == len(records), f"it has {at} rows, and {len(records)} records are proved")


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
