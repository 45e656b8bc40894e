"""Makes an archive on the servers of deploy/local for the tests of docs/QUERYING.md and docs/ICEBERG.md, with the real program.

The servers' addresses and credentials come from the environment. Each archive has a prefix in the bucket and a prefix of topic names
of its own, so that archives of other tests, and of earlier runs, do not disturb.
"""
from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.fs

# Small segments give many files; the topics and the columns are the program's defaults.
SETTINGS = """
[topic_defaults]
replication_factor = 1
[topic_defaults.properties]
retention.ms = -1
min.insync.replicas = 1
[archive]
seal_max_records = 1500
key_file = "{work}/archive.key"
[[routing.rules]]
topic = "payments"
event_types = ["payment_attempt", "payment_success", "payment_failed", "payment_failure"]
[[routing.rules]]
topic = "orders"
event_types = ["checkout", "order_completed"]
[[routing.rules]]
topic = "fraud-alerts"
event_types = ["fraud_alert"]
"""
TOPICS = ("user-events", "payments", "orders", "fraud-alerts")
Event = dict[str, Any]


class Archive:
    """An archive, and the Kafka topics that it archives."""

    def __init__(self, kivend: Path, work: Path, name: str) -> None:
        self.kivend, self.work, self.name = kivend.resolve(), work, name
        self.topics = {topic: f"{name}-{topic}" for topic in TOPICS}
        self.place = f"{os.environ['KIVEND_STORE__BUCKET']}/{name}"
        (work / "kivend.toml").write_text(SETTINGS.format(work=work))
        self.environment: Mapping[str, str] = os.environ | {
            "PATH": f"{self.kivend.parent}:{os.environ['PATH']}", "ARCHIVE": self.place, "KIVEND_CONFIG": str(work / "kivend.toml"),
            "KIVEND_TOPIC_PREFIX": f"{name}-", "KIVEND_STORE__PREFIX": name, "KIVEND_KAFKA__GROUP_ID": name,
            "KIVEND_TELEMETRY__LISTEN": "",
        }
        self.bucket = pyarrow.fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"], force_virtual_addressing=False)

    def run(self, *arguments: str, given: str | None = None) -> str:
        """Runs kivend and returns its output. Ends the test where it fails."""
        command = [str(self.kivend), "--config", str(self.work / "kivend.toml"), "--quiet", *arguments]
        ended = subprocess.run(command, input=given, capture_output=True, text=True, env=self.environment, check=False)
        if ended.returncode:
            raise SystemExit(f"{' '.join(command)}: exit code {ended.returncode}: {ended.stderr}{ended.stdout}")
        return ended.stdout

    def create(self) -> None:
        self.run("topics", "create")
        self.public_key = next(line for line in self.run("init").splitlines() if line.startswith("public key")).split()[-1]

    def grow(self, events: Iterable[Event], *archive: str) -> None:
        """Sends the events in this order, and archives them. A run of `kivend archive` ends with a checkpoint."""
        self.run("ingest", given="".join(json.dumps(event) + "\n" for event in events))
        self.run("archive", *archive)

    def replace(self, topic: str) -> None:
        """Deletes a topic in Kafka and creates it again, as an operator would by mistake."""
        brokers = os.environ["KIVEND_KAFKA__BROKERS"]
        command = ["java", "-cp", os.environ["KIVEND_TEST_KAFKA"], "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", brokers, "--delete"]
        subprocess.run([*command, "--topic", self.topics[topic]], check=True, stderr=subprocess.DEVNULL)
        self.run("topics", "create")

    def generated(self, events: int, seed: int) -> list[Event]:
        """Events of the synthetic shop, in the order of their times."""
        lines = self.run("generate", "--events", str(events), "--seed", str(seed)).splitlines()
        return sorted(map(json.loads, lines), key=lambda event: str(event["ts"]))

    def lines(self, topic: str) -> list[str]:
        """The values of all records of a topic, from `kivend export`, which checks each segment against its signed link first."""
        return self.run("export", "--topic", self.topics[topic]).splitlines()

    def objects(self, folder: str) -> list[str]:
        """The keys of the objects below a folder of the archive, without the bucket."""
        selector = pyarrow.fs.FileSelector(f"{self.place}/{folder}", recursive=True, allow_not_found=True)
        return [found.path for found in self.bucket.get_file_info(selector) if found.is_file]

    def read(self, path: str) -> bytes:
        with self.bucket.open_input_stream(path) as stream:
            return bytes(stream.read())

    def write(self, path: str, content: bytes) -> None:
        with self.bucket.open_output_stream(path) as stream:
            stream.write(content)
