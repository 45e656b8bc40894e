"""Holds query engines to what an archive's links and record values say.

    python compare.py ARCHIVE_FOLDER [EXPECTED.json]

EXPECTED.json holds the numbers of the archive's topics; without it they are taken from the signed links and from each record's value.
The golden segment of tests/segments is a second folder: it holds nulls, headers, bytes that are not UTF-8 and a record stamped
in nanoseconds. None of these may break a query.
"""
from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from engines import ENGINES, Answer, as_hex

HERE = Path(__file__).resolve().parent
GOLDEN = HERE.parent / "segments"
FIRST_MS, LAST_MS = -2208988800000, 253402300799999  # docs/FORMAT.md, section 7.3
LIMIT_SECONDS = 300


def tally(records: Iterable[dict[str, Any]]) -> dict[str, Answer]:
    """Counts records one by one: `topic`, `partition`, `offset`, `ms` (null for none), `value`, `headers`."""
    topics: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        topics[record["topic"]].append(record)
    return {topic: tally_topic(of_topic) for topic, of_topic in topics.items()}


def tally_topic(records: list[dict[str, Any]]) -> Answer:
    stamps = [record["ms"] for record in records if record["ms"] is not None]
    within = [ms for ms in stamps if FIRST_MS <= ms <= LAST_MS]
    money = [amount for record in records if (amount := cart_value(record["value"])) is not None]
    with_headers = [[record["offset"], [[as_hex(name), as_hex(value)] for name, value in record["headers"]]] for record in records if record["headers"]]
    return {
        "records": len(records), "offsets": sum(record["offset"] for record in records), "cart_value": f"{sum(money, Decimal(0)):.2f}",
        "timestamps": len(within), "first_ms": min(within, default=None), "last_ms": max(within, default=None), "out_of_range": len(stamps) - len(within),
        "values": sum(record["value"] is not None for record in records), "in_partition_0": sum(record["partition"] == 0 for record in records),
        "dear": sum(amount > 100 for amount in money), "headers": sorted(with_headers),
    }


def cart_value(value: bytes | None) -> Decimal | None:
    """The member of a record's value as decimal(18,2), read without the typed column."""
    try:
        event = json.loads(value or b"", parse_float=Decimal, parse_int=Decimal)
    except ValueError:
        return None
    amount = event.get("cart_value") if isinstance(event, dict) else None
    return amount if isinstance(amount, Decimal) and abs(amount) < 10**16 and amount == round(amount, 2) else None


def archived(folder: Path) -> dict[str, Answer]:
    """What the links commit, and what the segments that they name hold. The count and the offsets are the links' own."""
    links, records = [], list[dict[str, Any]]()
    for note in sorted((folder / "links").rglob("*.note")):
        link = json.loads(note.read_bytes().split(b"\n", 1)[0])
        if link["segment"]:
            links.append(link)
            records += rows(folder / link["segment"]["key"])
    topics = tally(records)
    for topic, found in topics.items():
        found["records"] = sum(link["record_count"] for link in links if link["topic"] == topic)
        found["offsets"] = sum(offsets(link) for link in links if link["topic"] == topic)
    return topics


def offsets(link: dict[str, Any]) -> int:
    absent = sum(sum(range(first, last)) for first, last in link["absent"])
    return sum(range(link["first_offset"], link["next_offset"])) - absent


def rows(segment: Path) -> Iterable[dict[str, Any]]:
    columns = ["topic", "partition", "offset", "timestamp", "timestamp_type", "value", "headers", "timestamp_out_of_range_ms"]
    table = pq.ParquetFile(segment).read(columns)
    table = table.set_column(columns.index("timestamp"), "timestamp", table["timestamp"].cast("int64"))
    for row in table.to_pylist():
        ms = row["timestamp"] if row["timestamp"] is not None else row["timestamp_out_of_range_ms"]
        yield row | {"ms": None if row["timestamp_type"] == 255 else ms, "headers": [(header["name"], header["value"]) for header in row["headers"]]}


def golden(folder: Path) -> dict[str, Answer]:
    """Puts the golden segment under `folder` and returns what records.json says of it."""
    place = folder / "data" / "user-events" / "4"
    place.mkdir(parents=True)
    shutil.copy(GOLDEN / "python.parquet", place / "0002-00000000000000002499.parquet")
    said = json.loads((GOLDEN / "records.json").read_bytes())["records"]
    return tally({
        "topic": "user-events", "partition": 4, "offset": record["offset"],
        "ms": None if record["timestamp_type"] == 255 else record["timestamp_ms"],
        "value": decoded(record["value_base64"]),
        "headers": [(decoded(name), decoded(value)) for name, value in record["headers"]],
    } for record in said)


def decoded(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)


def faults(engine: str, expected: list[dict[str, Answer]], folders: list[Path]) -> tuple[list[str], float]:
    """What the engine answers wrongly, and the seconds that it took."""
    began = time.monotonic()
    command = [sys.executable, str(HERE / "engines.py"), engine, *(str(folder / "data") for folder in folders)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return [f"no answer within {LIMIT_SECONDS} s"], time.monotonic() - began
    answers = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    wrong = [fault for folder, want, got in zip(folders, expected, answers, strict=False) for fault in differences(folder, want, got)]
    if run.returncode or len(answers) != len(folders):
        wrong.append(f"exit code {run.returncode}: {run.stderr[-2000:]}")
    return wrong, time.monotonic() - began


def differences(folder: Path, want: dict[str, Answer], got: dict[str, Answer]) -> Iterable[str]:
    if want.keys() != got.keys():
        yield f"{folder}: topics {sorted(got)} instead of {sorted(want)}"
    for topic in want.keys() & got.keys():
        for name, value in want[topic].items():
            # null: the engine cannot read this member at all.
            if got[topic][name] not in (value, None if name == "headers" else value):
                yield f"{folder}: {topic}: {name} is {got[topic][name]} instead of {value}"


def main() -> int:
    folder = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as scratch:
        expected = [archived(folder) if len(sys.argv) < 3 else json.loads(Path(sys.argv[2]).read_bytes()), golden(Path(scratch))]
        with ThreadPoolExecutor(2) as pool:
            found = dict(zip(ENGINES, pool.map(lambda engine: faults(engine, expected, [folder, Path(scratch)]), ENGINES), strict=True))
    for engine, (wrong, seconds) in found.items():
        print(f"{engine:<12}{'ok' if not wrong else 'FAILED':<8}{seconds:5.1f} s")
        for fault in wrong:
            print(f"    {fault}")
    for topic, of_topic in expected[0].items():
        print(f"{topic}: {', '.join(f'{name} {value}' for name, value in of_topic.items() if name != 'headers')}")
    return 1 if any(wrong for wrong, _ in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
