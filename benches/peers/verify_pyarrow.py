"""Verifies what archive_python.py stored, with pyarrow: reads every object and row, computes the chain again, looks for holes
in the offsets, and counts the different events. It checks neither typed columns nor signatures, for there are none.

Run: verify_pyarrow.py BUCKET PREFIX     (endpoint and keys from AWS_*)
"""

import io
import json
import os
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import boto3
import pyarrow.parquet as pq

from archive_python import chained
from shop import Stopwatch, report

FETCHED_AHEAD = 4


def main(bucket, prefix):
    watch = Stopwatch()
    watch.first()
    s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix + "/")
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    heads, next_offsets = defaultdict(lambda: b"\0" * 32), {}
    records, ids = 0, set()

    def fetch(key):
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    with ThreadPoolExecutor(FETCHED_AHEAD) as fetchers:
        for key, body in zip(keys, fetchers.map(fetch, keys)):
            partition = key.rsplit("/", 1)[0]
            table = pq.read_table(io.BytesIO(body))
            claimed = table.schema.metadata
            names = ("offset", "key", "value")
            offsets, record_keys, values = (table.column(name).to_pylist() for name in names)
            times = table.column("timestamp").cast("int64").to_pylist()
            rows = list(zip(offsets, times, record_keys, values))
            previous = heads[partition]
            heads[partition] = chained(previous, rows)
            if claimed[b"previous"].decode() != previous.hex() or claimed[b"hash"].decode() != heads[partition].hex():
                raise SystemExit(f"the chain breaks at {key}")
            if offsets != list(range(next_offsets.get(partition, 0), offsets[-1] + 1)):
                raise SystemExit(f"a hole in {key}")
            next_offsets[partition] = offsets[-1] + 1
            ids.update(json.loads(value)["event_id"] for value in values)
            records += len(rows)
    report(records=records, distinct_events=len(ids), objects=len(keys), elapsed_s=watch.elapsed_s())


if __name__ == "__main__":
    main(*sys.argv[1:])
