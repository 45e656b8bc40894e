"""What a measurement asks the servers by a client that is not kivend's: end offsets, stored rows; and clearing up.

Run: servers.py ends BROKERS TOPIC…                 records by the offsets of the partitions
     servers.py delete-topics BROKERS PREFIX        every topic whose name begins so
     servers.py rows BUCKET PREFIX                  rows and bytes of all Parquet objects, from their footers
     servers.py delete-objects BUCKET PREFIX       every object whose key begins so
"""

import io
import json
import os
import sys

import boto3
import pyarrow.parquet as pq
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient


def ends(brokers, *topics):
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "bench-counts"})
    records = 0
    for topic in topics:
        for partition in consumer.list_topics(topic, 10).topics[topic].partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), 10)
            records += high - low
    return {"records": records}


def delete_topics(brokers, prefix):
    admin = AdminClient({"bootstrap.servers": brokers})
    topics = [topic for topic in admin.list_topics(timeout=10).topics if topic.startswith(prefix)]
    for gone in (admin.delete_topics(topics) if topics else {}).values():
        gone.result()
    return {"deleted": len(topics)}


def _objects(bucket, start):
    s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start)
    return s3, (found for page in pages for found in page.get("Contents", []))


def rows(bucket, prefix):
    s3, objects = _objects(bucket, prefix + "/")
    counted = {"rows": 0, "parquet_bytes": 0, "parquet_objects": 0, "other_bytes": 0, "other_objects": 0}
    for found in objects:
        kind = "parquet" if found["Key"].endswith(".parquet") else "other"
        counted[f"{kind}_bytes"] += found["Size"]
        counted[f"{kind}_objects"] += 1
        if kind == "parquet":
            body = s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
            counted["rows"] += pq.ParquetFile(io.BytesIO(body)).metadata.num_rows
    return counted


def delete_objects(bucket, start):
    s3, objects = _objects(bucket, start)
    deleted, batch = 0, []
    for found in objects:
        batch.append({"Key": found["Key"]})
        if len(batch) == 1_000:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
            deleted, batch = deleted + len(batch), []
    if batch:
        s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
    return {"deleted": deleted + len(batch)}


if __name__ == "__main__":
    verbs = {"ends": ends, "delete-topics": delete_topics, "rows": rows, "delete-objects": delete_objects}
    print(json.dumps(verbs[sys.argv[1]](*sys.argv[2:])))
