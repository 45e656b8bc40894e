"""Makes the samples of this folder: what Iceberg's sink on Kafka Connect and Spark wrote of one topic, with planted faults.

    deploy/local/cluster run tests/audit/make_samples KIVEND

The records are sent to a topic of 6 partitions; both programs of benches/peers archive it on MinIO. Then rows are left out, doubled
and altered. A file that was changed is written again by pyarrow with the types of the one before it, INT96 and field ids included; the
others are as their program wrote them. `records.jsonl` holds the records as Kafka has them, `expected.json` names every fault as
partition and offset, and the columns of each program. The key of a record is the `customer_id` of its value.
"""
from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path[:0] = [str(TOP / "benches"), str(TOP / "tests" / "querying")]

from archive import Archive  # noqa: E402
from measuring import jvm  # noqa: E402

TOPIC, RECORDS = "user-events", 240
# Fault → what happens to the rows with these ranks among the rows of their partition.
MISSING, DOUBLED, ALTERED = (5, 6, 7), (11, 20), (15,)
Place = tuple[int, int]  # partition and offset


def records(files: list[Path]) -> dict[Place, dict[str, Any]]:
    """The rows that a program wrote, in the order of partition and offset."""
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    return {(row["partition"], row["offset"]): row for row in sorted(rows, key=lambda row: (row["partition"], row["offset"]))}


def faults(found: dict[Place, dict[str, Any]]) -> dict[str, list[Place]]:
    """The places to be left out, doubled and altered: some of each partition."""
    of_partition: dict[int, list[Place]] = defaultdict(list)
    for place in found:
        of_partition[place[0]].append(place)
    named = {"missing": MISSING, "doubled": DOUBLED, "altered": ALTERED}
    return {fault: [places[rank] for places in of_partition.values() for rank in ranks if rank < len(places)] for fault, ranks in named.items()}


def plant(file: Path, planted: dict[str, list[Place]]) -> None:
    """Writes a file again with the faults that concern its rows."""
    table = pq.read_table(file)
    rows = []
    for row in table.to_pylist():
        place = row["partition"], row["offset"]
        if place in planted["missing"]:
            continue
        if place in planted["altered"]:
            row |= {"value": row["value"].replace(b'"event_type": "', b'"event_type": "x')}
        rows += [row] * (2 if place in planted["doubled"] else 1)
    if rows != table.to_pylist():
        int96 = "INT96" in {column.physical_type for column in pq.ParquetFile(file).schema}
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file, compression="zstd", use_deprecated_int96_timestamps=int96)


def fetch(archive: Archive, prefix: str, into: Path) -> list[Path]:
    """Downloads the Parquet files below a prefix, with short names."""
    bucket = archive.place.split("/")[0]
    selector = pyarrow.fs.FileSelector(f"{bucket}/{prefix}", recursive=True)
    found = sorted(info.path for info in archive.bucket.get_file_info(selector) if info.path.endswith(".parquet"))
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir()
    files = [into / f"{number:03}.parquet" for number in range(len(found))]
    for path, file in zip(found, files, strict=True):
        file.write_bytes(archive.read(path))
    return files


def write_source(archive: Archive, found: dict[Place, dict[str, Any]]) -> None:
    """The records as Kafka has them, and the topic's name in the samples."""
    lines = [json.dumps({"topic": archive.topics[TOPIC], "partition": partition, "offset": offset, "value": base64.b64encode(row["value"]).decode()})
             for (partition, offset), row in found.items()]
    (HERE / "records.jsonl").write_text("".join(line + "\n" for line in lines))


def main(kivend: str) -> None:
    with tempfile.TemporaryDirectory() as work:
        archive = Archive(Path(kivend), Path(work), "sample" + secrets.token_hex(2))
        archive.create()
        made = [event for event in archive.generated(4 * RECORDS, 3) if not str(event["event_type"]).startswith("payment")][:RECORDS]
        archive.grow(made)
        brokers, bucket, topics = os.environ["KIVEND_KAFKA__BROKERS"], archive.place.split("/")[0], [archive.topics[TOPIC]]
        commands = {
            "spark": jvm.archive_by_spark(brokers, bucket, f"{archive.name}-spark", topics),
            "iceberg": jvm.archive_by_iceberg(brokers, bucket, f"{archive.name}-iceberg", str(len(made)), topics),
        }
        expected: dict[str, Any] = {"topic": archive.topics[TOPIC], "records": len(made)}
        for program, command in commands.items():
            subprocess.run([*map(str, command)], check=True, stdout=subprocess.DEVNULL)
            expected[program] = sample(archive, program)
        (HERE / "expected.json").write_text(json.dumps(expected, separators=(",", ":")).replace('"spark"', '\n"spark"').replace('"iceberg"', '\n"iceberg"') + "\n")


def sample(archive: Archive, program: str) -> dict[str, Any]:
    """Fetches what a program wrote, plants the faults, and returns what is expected of it."""
    files = fetch(archive, f"{archive.name}-{program}", HERE / program)
    found = records(files)
    assert len(found) == RECORDS, f"{program} wrote {len(found)} records of {RECORDS}"
    planted = faults(found)
    columns = {field.name: str(field.type) for field in pq.read_schema(files[0])}
    if program == "spark":
        write_source(archive, found)
    for file in files:
        plant(file, planted)
    return {"files": len(files), "columns": columns, **planted}


if __name__ == "__main__":
    main(sys.argv[1])
