"""Copies a folder of proved records many times, each with one file that somebody changed, and tells what tools/verify_proof.py
says of each. `tests/proofs/folders.rs` compares that with kivend.

    python tests/independent/odd_folders.py FOLDER OUT PUBLIC

The folder has at least four records. Prints {"name": [expected exit code, exit code, what was said]}.
"""
from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools")]

import verify_proof  # noqa: E402
from segment_structure import put_varint  # noqa: E402

INTACT, TAMPERED, REFUSED = 0, 10, 2
Deed = Callable[[Path], None]
PLAIN: dict[str, Any] = {"write_statistics": False, "store_schema": False, "use_dictionary": False}


def rows(table: pa.Table, **options: Any) -> Deed:
    """Writes records.parquet with other rows, or in another form."""
    return lambda folder: pq.write_table(table, folder / "records.parquet", **(PLAIN | options))


def retyped(table: pa.Table, name: str, type_: pa.DataType, nullable: bool | None = None) -> pa.Table:
    at = table.schema.get_field_index(name)
    field = table.schema.field(at)
    values = table.column(at).combine_chunks()
    values = values.cast(type_) if type_ != field.type else values
    return table.set_column(at, pa.field(name, type_, field.nullable if nullable is None else nullable), values)


def in_bytes(name: str, change: Callable[[bytes], bytes]) -> Deed:
    return lambda folder: void((folder / name).write_bytes(change((folder / name).read_bytes())))


def void(_: object) -> None:
    pass


def instead(name: str, make: Callable[[Path], object]) -> Deed:
    """Something else than a file in its place."""
    def deed(folder: Path) -> None:
        (folder / name).rename(folder.parent / f"{folder.name}-{name}")
        make(folder / name)
    return deed


def counted(rows: int, other: int) -> Callable[[bytes], bytes]:
    """The count of rows in the footer, which stands before the list of row groups."""
    def change(data: bytes) -> bytes:
        before, after = b"\x16" + put_varint(2 * rows) + b"\x19", b"\x16" + put_varint(2 * other) + b"\x19"
        assert data.count(before) == 1
        return data.replace(before, after)
    return change


def forms(table: pa.Table) -> dict[str, tuple[int, Deed]]:
    count = table.num_rows
    first, last, one = table.slice(0, 1), table.slice(count - 1), table.slice(1, count - 1)
    values = table.column("value").combine_chunks()
    value = table.schema.get_field_index("value")
    altered = pa.array([*values.to_pylist()[:-1], b"{}"], pa.binary())
    return {
        "the same rows": (INTACT, rows(table)),
        "not compressed": (INTACT, rows(table, compression="none")), "compressed by gzip": (INTACT, rows(table, compression="gzip")), "many row groups": (INTACT, rows(table, row_group_size=2)),
        "pages of version 2": (INTACT, rows(table, data_page_version="2.0")), "dictionaries": (TAMPERED, rows(table, use_dictionary=True)), "a dictionary of one column": (TAMPERED, rows(table, use_dictionary=["topic"])),
        "a row left out": (TAMPERED, rows(one)), "a row added": (TAMPERED, rows(pa.concat_tables([table, last]))), "a row twice": (TAMPERED, rows(pa.concat_tables([first, first, table.slice(2)]))),
        "rows in another order": (TAMPERED, rows(pa.concat_tables([one, first]))), "no rows": (TAMPERED, rows(table.slice(0, 0))), "a value altered": (TAMPERED, rows(table.set_column(value, table.schema.field(value), altered))),
        "a column left out": (TAMPERED, rows(table.drop_columns(["headers"]))), "a column added": (TAMPERED, rows(table.append_column("note", pa.array(["x"] * count)))), "a column twice": (TAMPERED, rows(table.append_column(table.schema.field(value), altered))),
        "columns in another order": (TAMPERED, rows(table.select([*table.schema.names[1:], "topic"]))), "a column in capitals": (TAMPERED, rows(table.rename_columns([name.upper() for name in table.schema.names]))),
        "partitions in 64 bits": (TAMPERED, rows(retyped(table, "partition", pa.int64()))), "partitions as floats": (TAMPERED, rows(retyped(table, "partition", pa.float64()))), "offsets as floats": (TAMPERED, rows(retyped(table, "offset", pa.float64()))), "offsets without a sign": (TAMPERED, rows(retyped(table, "offset", pa.uint64()))),
        "topics as bytes": (TAMPERED, rows(retyped(table, "topic", pa.binary()))), "types of times in 8 bits": (TAMPERED, rows(retyped(table, "timestamp_type", pa.uint8()))), "times in microseconds": (TAMPERED, rows(retyped(table, "timestamp", pa.timestamp("us", "UTC")))), "times without a zone": (TAMPERED, rows(retyped(table, "timestamp", pa.timestamp("ms")))),
        "times as integers": (TAMPERED, rows(retyped(table, "timestamp", pa.int64()))), "topics that may be null": (TAMPERED, rows(retyped(table, "topic", pa.string(), True))),
        "times as integers that Arrow calls times": (TAMPERED, rows(retyped(table, "timestamp", pa.int64()), store_schema=True)),
        "statistics": (TAMPERED, rows(table, write_statistics=True)), "a page index": (TAMPERED, rows(table, write_statistics=True, write_page_index=True)), "an order of rows": (TAMPERED, rows(table, sorting_columns=[pq.SortingColumn(2)])),
        "Arrow's schema": (TAMPERED, rows(table, store_schema=True)), "keys of pandas": (TAMPERED, rows(table.replace_schema_metadata({"pandas": '{"index_columns":["value"]}'}), store_schema=True)),
        "strings by their common beginnings": (TAMPERED, rows(table, column_encoding={"value": "DELTA_BYTE_ARRAY"})),
        "a count of rows that is too small": (TAMPERED, in_bytes("records.parquet", counted(count, count - 1))), "a count of rows that is too large": (TAMPERED, in_bytes("records.parquet", counted(count, count + 1))),
        "Parquet cut off": (TAMPERED, in_bytes("records.parquet", lambda data: data[:-1])), "Parquet that is empty": (TAMPERED, in_bytes("records.parquet", lambda data: b"")), "a footer that announces 4 GiB": (TAMPERED, in_bytes("records.parquet", lambda data: data[:-8] + b"\xff\xff\xff\xff" + data[-4:])),
    }


def places(name: str, otherwise: int) -> dict[str, tuple[int, Deed]]:
    return {
        f"{name} is missing": (otherwise, lambda folder: (folder / name).unlink()),
        f"{name} is a link to itself elsewhere": (otherwise, instead(name, lambda place: place.symlink_to(place.parent.parent / f"{place.parent.name}-{name}"))),
        f"{name} is a link to zeros without an end": (otherwise, instead(name, lambda place: place.symlink_to("/dev/zero"))),
        f"{name} is a FIFO": (otherwise, instead(name, os.mkfifo)), f"{name} is a folder": (otherwise, instead(name, Path.mkdir)),
        f"{name} is of 8 GiB": (otherwise, lambda folder: os.truncate(folder / name, 8 << 30)),
    }


def cases(folder: Path) -> dict[str, tuple[int, Deed]]:
    table = pq.read_table(folder / "records.parquet")
    found: dict[str, tuple[int, Deed]] = {"as it was made": (INTACT, lambda folder: None), **forms(table)}
    lines = {
        "a line left out": lambda data: data.split(b"\n", 1)[1], "a line added": lambda data: data + b"{}\n", "an empty line at the end": lambda data: data + b"\n", "no last newline": lambda data: data[:-1], "lines in another order": lambda data: b"\n".join(data.split(b"\n")[1::-1] + data.split(b"\n")[2:]),
        "returns before newlines": lambda data: data.replace(b"\n", b"\r\n"), "a byte order mark": lambda data: b"\xef\xbb\xbf" + data, "white space in a line": lambda data: data.replace(b'":', b'": ', 1), "no lines": lambda data: b"",
    }
    found |= {f"lines: {why}": (TAMPERED, in_bytes("records.jsonl", change)) for why, change in lines.items()}
    found |= places("records.jsonl", TAMPERED) | places("records.parquet", TAMPERED) | places("records.proof", REFUSED)
    found["another file"] = (INTACT, lambda folder: void((folder / "records.csv").write_text("forged\n")))
    found["a proof of another type"] = (TAMPERED, in_bytes("records.proof", lambda data: data.replace(b"kivend.records/v1", b"kivend.proof/v1", 1)))
    found["no proof"] = (REFUSED, in_bytes("records.proof", lambda data: b"{}\n"))
    return found


def judged(folder: Path, public: str) -> tuple[int, str]:
    sys.argv = ["verify_proof.py", str(folder), "--key", public]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = verify_proof.main()
    return code, said.getvalue()


def main() -> None:
    folder, out, public = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    told = {}
    for number, (name, (expected, deed)) in enumerate(cases(folder).items()):
        copy = out / f"{number:03}"
        shutil.copytree(folder, copy)
        deed(copy)
        told[name] = [copy.name, expected, *judged(copy, public)]
    print(json.dumps(told))


if __name__ == "__main__":
    main()
