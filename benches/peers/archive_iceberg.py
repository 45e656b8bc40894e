"""Kafka Connect, one worker, with Apache Iceberg's sink as the archiver: raw values with topic, partition, offset and timestamp in
zstd Parquet on S3, exactly once. No keys, no headers, no chain, no signature. The catalog is a SQLite file.

Run: archive_iceberg.py BROKERS BUCKET PREFIX RECORDS CLASSPATH PLUGINS TOPIC…     (endpoint and keys from AWS_*)

Connect never ends by itself: it is ended when the table's newest snapshot holds RECORDS.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import boto3
from confluent_kafka.admin import AdminClient, NewTopic

from shop import report

TASKS = 2
LOOK_S = 0.25
# Memory and collector as Kafka's own start script has them.
_JVM = ("-Xms256M", "-Xmx2G", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35")
_CONNECT = "org.apache.kafka.connect"


class Table:
    """What the table's newest metadata object says; asked of S3, because the catalog's file is Connect's."""

    def __init__(self, bucket, prefix):
        self.bucket, self.prefix = bucket, prefix
        self.s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])

    def newest(self):
        """Records in the newest snapshot, and when it was made (Unix, s)."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{self.prefix}/")
        keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
        keys = [key for key in keys if key.endswith(".metadata.json")]
        if not keys:
            return 0, None
        body = self.s3.get_object(Bucket=self.bucket, Key=max(keys))["Body"]
        snapshots = json.load(body)["snapshots"]
        if not snapshots:
            return 0, None
        return int(snapshots[-1]["summary"]["total-records"]), snapshots[-1]["timestamp-ms"] / 1_000


def worker(brokers, plugins, work, port):
    bytes_as_they_are = f"{_CONNECT}.converters.ByteArrayConverter"
    return {
        "bootstrap.servers": brokers,
        "key.converter": bytes_as_they_are,
        "value.converter": bytes_as_they_are,
        "plugin.path": plugins,
        "plugin.discovery": "service_load",
        "offset.storage.file.filename": work / "offsets",
        # A task answers a commit when it is next called: at Connect's default of a minute an idle one is that late.
        "offset.flush.interval.ms": 1_000,
        "listeners": f"http://127.0.0.1:{port}",
    }


def sink(name, topics, place, work):
    settings = {
        "name": name,
        "connector.class": "org.apache.iceberg.connect.IcebergSinkConnector",
        "tasks.max": TASKS,
        "topics": ",".join(topics),
        "transforms": "value,place",
        "transforms.value.type": f"{_CONNECT}.transforms.HoistField$Value",
        "transforms.value.field": "value",
        "transforms.place.type": f"{_CONNECT}.transforms.InsertField$Value",
        "iceberg.tables": "archive.events",
        "iceberg.tables.auto-create-enabled": "true",
        "iceberg.tables.auto-create-props.write.parquet.compression-codec": "zstd",
        "iceberg.control.topic": name,
        "iceberg.control.commit.interval-ms": 5_000,
    }
    for field in ("topic", "partition", "offset", "timestamp"):
        settings[f"transforms.place.{field}.field"] = field
    catalog = {
        "catalog-impl": "org.apache.iceberg.jdbc.JdbcCatalog",
        "uri": f"jdbc:sqlite:{work / 'catalog'}",
        "warehouse": place,
        "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "client.region": os.environ["AWS_REGION"],
        "s3.endpoint": os.environ["AWS_ENDPOINT_URL"],
        "s3.path-style-access": "true",
        "s3.access-key-id": os.environ["AWS_ACCESS_KEY_ID"],
        "s3.secret-access-key": os.environ["AWS_SECRET_ACCESS_KEY"],
    }
    return settings | {f"iceberg.catalog.{setting}": value for setting, value in catalog.items()}


def written(path, settings):
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return path


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def is_running(port, name):
    """Whether the connector and all its tasks run. Ends everything where one failed."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/connectors/{name}/status", timeout=2) as answer:
            told = json.load(answer)
    except OSError:
        return False
    states = [told["connector"], *told["tasks"]]
    for state in states:
        if state["state"] == "FAILED":
            raise SystemExit(state.get("trace", "a task failed"))
    return len(states) == 1 + TASKS and all(state["state"] == "RUNNING" for state in states)


def archived(connect, table, expected, port, name):
    """Waits until the table holds the records. Answers how many, and the seconds since all tasks ran."""
    running_since = None
    while connect.poll() is None:
        if not is_running(port, name):
            time.sleep(LOOK_S)
            continue
        running_since = running_since or time.time()
        records, at = table.newest()
        if records >= expected:
            return records, at - running_since
        time.sleep(LOOK_S)
    raise SystemExit(f"Connect ended: exit code {connect.returncode}")


def main(brokers, bucket, prefix, expected, classpath, plugins, *topics):
    name = re.sub(r"[^A-Za-z0-9.-]", "-", prefix)
    admin = AdminClient({"bootstrap.servers": brokers})
    admin.create_topics([NewTopic(name, 1, 3)])[name].result()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        settings = (
            written(work / "worker.properties", worker(brokers, plugins, work, port)),
            written(work / "sink.properties", sink(name, topics, f"s3://{bucket}/{prefix}", work)),
        )
        command = ["java", *_JVM, "-cp", classpath, f"{_CONNECT}.cli.ConnectStandalone", *settings]
        connect = subprocess.Popen(command, stdout=sys.stderr)
        try:
            records, elapsed_s = archived(connect, Table(bucket, prefix), int(expected), port, name)
        finally:
            connect.terminate()
            connect.wait()
    report(records=records, elapsed_s=elapsed_s)


if __name__ == "__main__":
    main(*sys.argv[1:])
