"""Writes the golden segment of docs/FORMAT.md, section 7: `tests/segments/records.json` and `python.parquet`.

The records and their typed columns are literals; leaves and root are computed as in section 2; segment_writer.py, which shares no code
with the crate, writes the Parquet file. The other files in the folder were written by versions of the crate from the same
records. Later versions must read them, so they are never rewritten.

    python tools/make_segments.py [FOLDER]        (needs `pyarrow` and, through format_writer.py, `cryptography`)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from format_writer import b64, encoding, leaf, merkle, optional_b64, sha
from segment_writer import segment

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "segments"
TOPIC, PARTITION, EPOCH = "user-events", 4, 2
FIRST_MS, LAST_MS = -2208988800000, 253402300799999  # 1900-01-01 to 9999-12-31
CREATE, APPEND, NONE = 0, 1, 255
RULES = [
    ("event_ts", "/ts", "timestamp_us"),
    ("event_type", "/event_type", "string"),
    ("count", "/count", "int64"),
    ("cart_value", "/cart_value", "decimal(18,2)"),
    ("ratio", "/cart_value", "float64"),
    ("new", "/new", "bool"),
    ("cart", "/cart", "json"),
    ("city", "/address/city", "string"),
]
NOTHING = [None] * len(RULES)
EVENT = b'{"ts":"2026-02-03 10:15:00.123456789","event_type":"search","count":7,"cart_value":101.9,"new":true,"cart":[1, {"a":null}],"address":{"city":"Lyon"}}'
WRONG = b'{"ts":"2026-02-30T00:00:00Z","event_type":1,"count":1.0,"cart_value":1e400,"new":"true","cart":null,"address":["city"]}'
HALF = b'{"ts":"2026-02-03T12:15:00+02:00","event_type":"\\u00e9t\\u00e9","count":-0,"cart_value":-0.0,"new":null}'

# offset, timestamp type, timestamp in ms, key, value, headers, typed columns, parse_error
Row = tuple[int, int, int, bytes | None, bytes | None, list[tuple[bytes, bytes | None]], list[Any], str | None]
ROWS: list[Row] = [
    (2500, CREATE, 1770113700123, b"C00695", EVENT, [],
     [1770113700123456, "search", 7, 10190, 101.9, True, '[1, {"a":null}]', "Lyon"], None),
    (2501, APPEND, 1770113700124, b"", b"", [], NOTHING, "not_json"),
    (2504, NONE, -1, None, None, [], NOTHING, None),
    (2505, CREATE, -5, b"\xff\x00", b"\xff\xfe", [(b"trace", b"\x01"), (b"trace", None), (b"", b"")], NOTHING, "not_utf8"),
    (2506, CREATE, -(2**63), b"C00695", WRONG, [(b"h\xff", b"\xff")], NOTHING, "field_type"),
    (2507, APPEND, 2**63 - 1, b"C1", HALF, [], [1770113700000000, "été", 0, 0, -0.0, None, None, None], None),
    (2508, CREATE, 0, b"C1", b"[1]", [], NOTHING, "not_object"),
    (2509, CREATE, FIRST_MS, None, b"", [], NOTHING, "not_json"),
    (2510, APPEND, LAST_MS, None, b"", [], NOTHING, "not_json"),
    (2511, CREATE, FIRST_MS - 1, None, b"", [], NOTHING, "not_json"),
    (2512, CREATE, LAST_MS + 1, None, b"", [], NOTHING, "not_json"),
    (2513, CREATE, 1763559062594000000, b"C2", b"{}", [], NOTHING, None),  # nanoseconds
    (2600, CREATE, 1770113700999, b"C00695", b"{}", [(b"n", b"v")], NOTHING, None),
]
FOOTER = {
    "topic": TOPIC,
    "partition": "4",
    "epoch": str(EPOCH),
    "first_offset": "2499",
    "next_offset": "2601",
    "record_count": str(len(ROWS)),
    "previous": sha(b"the link before"),
}


def leaves() -> list[bytes]:
    return [leaf(encoding(TOPIC, PARTITION, offset, kind, ms, key, value, headers))
            for offset, kind, ms, key, value, headers, _, _ in ROWS]


def footer() -> dict[str, str]:
    rules = [{"column": column, "path": path, "type": type_} for column, path, type_ in RULES]
    projection = json.dumps(rules, separators=(",", ":"))
    return FOOTER | {"records_root": merkle(leaves()).hex(), "projection": projection}


def record(row: Row, hash_: bytes) -> dict[str, Any]:
    offset, kind, ms, key, value, headers, typed, error = row
    return {
        "offset": offset,
        "timestamp_type": kind,
        "timestamp_ms": None if kind == NONE else ms,
        "key_base64": optional_b64(key),
        "value_base64": optional_b64(value),
        "headers": [[b64(name), optional_b64(content)] for name, content in headers],
        "leaf": hash_.hex(),
        "columns": {rule[0]: cell for rule, cell in zip(RULES, typed, strict=True)},
        "parse_error": error,
    }


def row(values: Row) -> dict[str, Any]:
    """The columns of a row."""
    offset, kind, ms, key, value, headers, typed, error = values
    held = None if kind == NONE else ms
    is_queried = ms in range(FIRST_MS, LAST_MS + 1)
    return {"topic": TOPIC, "partition": PARTITION, "epoch": EPOCH, "offset": offset, "timestamp": held if is_queried else None, "timestamp_type": kind, "key": key, "value": value,
            "headers": [{"name": name, "value": content} for name, content in headers], "timestamp_out_of_range_ms": None if is_queried else held, **{rule[0]: cell for rule, cell in zip(RULES, typed, strict=True)}, "parse_error": error}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    # Two row groups, the first of two pages.
    (folder / "python.parquet").write_bytes(segment([row(values) for values in ROWS], footer(), page_rows=4, group_rows=7))
    content = {
        "about": "section 7: the records of one segment, their leaves and typed columns, and the segment's footer",
        "footer": footer(),
        "records": [record(row, hash_) for row, hash_ in zip(ROWS, leaves(), strict=True)],
    }
    (folder / "records.json").write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
