"""Writes what sinks write of two exported topics: `python lake.py NAME`, with NAME-payments in payments.parquet and so on.

Each has the layout that docs/AUDIT.md says of its sink; tests/audit has files that the sinks themselves wrote.
"""
from __future__ import annotations

import os
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs
import pyarrow.parquet as pq

PARTITIONS = 2


def main(name: str) -> None:
    store = pyarrow.fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"], force_virtual_addressing=False)

    def write(path: str, table: pa.Table) -> None:
        with store.open_output_stream(f"{os.environ['KIVEND_STORE__BUCKET']}/lake-{name}/{path}") as stream:
            pq.write_table(table, stream)

    events = pq.read_table("user-events.parquet").select(["topic", "partition", "offset", "timestamp", "key", "value"])
    write("events/part-00000-spark.snappy.parquet", events)
    place = pa.StructArray.from_arrays([events[column].combine_chunks() for column in ("topic", "partition", "offset")], ["topic", "partition", "offset"])
    write("warehouse/shop/events/data/00000-iceberg.parquet", pa.table({"_kafka_metadata": place, "value": events["value"]}))
    payments, topic = pq.read_table("payments.parquet"), f"{name}-payments"
    for partition in range(PARTITIONS):
        rows = payments.filter(pc.equal(payments["partition"], partition)).sort_by("offset")
        parsed = pa.table({"length": pc.binary_length(rows["value"])})
        write(f"topics/{topic}/partition={partition}/{topic}+{partition}+0000000000.snappy.parquet", parsed)
        write(f"{topic}/{topic}-{partition}-0.parquet", rows.select(["key", "value", "offset", "timestamp"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
