"""What a team writes in an afternoon: confluent-kafka, a chain of SHA-256, pyarrow's Parquet, boto3; offsets are committed
after the upload. It claims less than kivend: no signature, no headers, no typed columns, and a crash repeats records.

Run: archive_python.py BROKERS BUCKET PREFIX RECORDS TOPIC…     (endpoint and keys from AWS_*)
"""

import hashlib
import io
import os
import sys
import uuid

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer, TopicPartition

from shop import Stopwatch, report

ROWS_MAX = 50_000
_SCHEMA = pa.schema(
    [
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", pa.timestamp("ms", "UTC")),
        ("key", pa.binary()),
        ("value", pa.binary()),
    ]
)


def chained(previous, rows):
    """The hash over the rows, each hashed by itself, after that of the object before."""
    chain = hashlib.sha256(previous)
    for offset, timestamp_ms, key, value in rows:
        row = offset.to_bytes(8, "big") + timestamp_ms.to_bytes(8, "big") + (key or b"") + b"\0" + (value or b"")
        chain.update(hashlib.sha256(row).digest())
    return chain.digest()


class Archive:
    def __init__(self, bucket, prefix, consumer):
        self.bucket, self.prefix, self.consumer = bucket, prefix, consumer
        self.s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
        self.heads = {}
        self.objects = self.stored_bytes = 0

    def seal(self, partition, rows):
        previous = self.heads.get(partition, b"\0" * 32)
        self.heads[partition] = chained(previous, rows)
        topic, number = partition
        offsets, times, keys, values = zip(*rows)
        columns = [[topic] * len(rows), [number] * len(rows), offsets, times, keys, values]
        table = pa.table([pa.array(c, field.type) for c, field in zip(columns, _SCHEMA)], schema=_SCHEMA)
        chain = {"previous": previous.hex(), "hash": self.heads[partition].hex()}
        out = io.BytesIO()
        pq.write_table(table.replace_schema_metadata(chain), out, compression="zstd", compression_level=1)
        key = f"{self.prefix}/{topic}/{number}/{offsets[0]:020}.parquet"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=out.getvalue())
        self.consumer.commit(offsets=[TopicPartition(topic, number, offsets[-1] + 1)], asynchronous=False)
        self.objects += 1
        self.stored_bytes += out.tell()


def main(brokers, bucket, prefix, expected, *topics):
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": f"python-{uuid.uuid4().hex}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe(list(topics))
    archive, watch = Archive(bucket, prefix, consumer), Stopwatch()
    open_rows, records, value_bytes = {}, 0, 0
    while records < int(expected):
        for message in consumer.consume(5_000, 1.0):
            if message.error():
                raise SystemExit(str(message.error()))
            watch.first()
            partition, value = (message.topic(), message.partition()), message.value()
            rows = open_rows.setdefault(partition, [])
            rows.append((message.offset(), message.timestamp()[1], message.key(), value))
            records += 1
            value_bytes += len(value or b"")
            if len(rows) >= ROWS_MAX:
                archive.seal(partition, open_rows.pop(partition))
    for partition, rows in open_rows.items():
        archive.seal(partition, rows)
    elapsed_s = watch.elapsed_s()
    consumer.close()
    report(
        records=records,
        elapsed_s=elapsed_s,
        objects=archive.objects,
        stored_bytes=archive.stored_bytes,
        value_bytes=value_bytes,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
