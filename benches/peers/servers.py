"""What a measurement asks the servers by a client that is not kivend's: end offsets, records, stored rows; and clearing up.

Run: servers.py ends BROKERS TOPIC…                 records by the offsets of the partitions
     servers.py delete-topics BROKERS PREFIX        every topic whose name begins so
     servers.py rows BUCKET PREFIX                  rows and bytes of all Parquet objects, from their footers
     servers.py backup BUCKET BACKUP_ID             records and bytes of a backup by kafka-backup
     servers.py tally BROKERS TOPIC…                number and hash of each partition's committed records
     servers.py delete-objects BUCKET PREFIX        every object whose key begins so
"""

import hashlib
import io
import json
import os
import struct
import sys

import boto3
import pyarrow.parquet as pq
from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient


def ends(brokers, *topics):
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "bench-counts"})
    records = 0
    for topic in topics:
        for partition in consumer.list_topics(topic, 10).topics[topic].partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), 10)
            records += high - low
    return {"records": records}


class Tally:
    """The records of one partition: how many, and a hash over keys, values, headers and times in their order."""

    def __init__(self):
        self.records, self.hash = 0, hashlib.sha256()

    def add(self, message):
        self.records += 1
        self.hash.update(struct.pack("<iq", *message.timestamp()))
        for part in (message.key(), message.value(), *(part for header in message.headers() or () for part in header)):
            part = part.encode() if isinstance(part, str) else part
            self.hash.update(struct.pack("<q", -1 if part is None else len(part)) + (part or b""))

    def told(self):
        return {"records": self.records, "sha256": self.hash.hexdigest()}


def tally(brokers, *topics):
    settings = {"bootstrap.servers": brokers, "group.id": "bench-tally", "isolation.level": "read_committed"}
    consumer = Consumer(settings | {"enable.partition.eof": True, "enable.auto.commit": False})
    known = consumer.list_topics(timeout=10).topics
    tallies = {topic: {number: Tally() for number in known[topic].partitions} for topic in topics if topic in known}
    unread = {(topic, number) for topic, numbers in tallies.items() for number in numbers}
    consumer.assign([TopicPartition(topic, number, 0) for topic, number in unread])
    while unread:
        for message in consumer.consume(5_000, 1.0):
            place = message.topic(), message.partition()
            if message.error() is None:
                tallies[place[0]][place[1]].add(message)
            elif message.error().code() == KafkaError._PARTITION_EOF:
                unread.discard(place)
            else:
                raise SystemExit(str(message.error()))
    consumer.close()
    return {topic: {number: one.told() for number, one in sorted(of.items()) if one.records} for topic, of in tallies.items()}


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


def backup(bucket, backup_id):
    s3, objects = _objects(bucket, backup_id + "/")
    manifest = json.loads(s3.get_object(Bucket=bucket, Key=f"{backup_id}/manifest.json")["Body"].read())
    partitions = [partition for topic in manifest["topics"] for partition in topic["partitions"]]
    segments = {segment["key"]: segment["record_count"] for partition in partitions for segment in partition["segments"]}
    sizes = {found["Key"]: found["Size"] for found in objects}
    return {"records": sum(segments.values()), "bytes": sum(sizes[key] for key in segments)}


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
    verbs |= {"backup": backup, "tally": tally}
    print(json.dumps(verbs[sys.argv[1]](*sys.argv[2:])))
