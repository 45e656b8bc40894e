"""A shop on the servers of deploy/local: topics and an archive of its own, and the fraud detection of deploy/flink."""
from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

TOP = Path(__file__).resolve().parents[2]
KIVEND = os.environ["KIVEND_TEST_PROGRAM"]
# Longer than a busy machine takes for any of the steps.
DEADLINE_S = 180
# How far the watermark is behind the newest payment, and two milliseconds for what is cut off.
WATERMARK_S = 10.002


def until(what: str, reached: Callable[[], object]) -> None:
    """Looks again and again until something is reached."""
    deadline = time.monotonic() + DEADLINE_S
    while not reached():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {DEADLINE_S} s: {what}")
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Shop:
    def __init__(self, work: Path) -> None:
        self.work, self.name, self.port = work, f"flink-{secrets.token_hex(4)}", free_port()
        self.archive = work / "archive"
        self.environment = os.environ | {
            "KIVEND_TOPIC_PREFIX": f"{self.name}-", "KIVEND_KAFKA__GROUP_ID": self.name, "KIVEND_TELEMETRY__LISTEN": "",
            "KIVEND_STORE__DIRECTORY": str(self.archive), "XDG_CONFIG_HOME": str(work / "config"),
            # The test alone says when alerts are committed.
            "FLINK_CHECKPOINT_INTERVAL": "10 min",
            "FLINK_STATE": str(work / "flink"), "FLINK_PORT": str(self.port), "FLINK_RPC_PORT": str(free_port()),
        }
        settings = {"bootstrap.servers": os.environ["KIVEND_KAFKA__BROKERS"], "group.id": f"{self.name}-test", "enable.auto.commit": False}
        self.committed = Consumer(settings | {"isolation.level": "read_committed"})
        self.uncommitted = Consumer(settings | {"isolation.level": "read_uncommitted"})

    def close(self) -> None:
        self.committed.close()
        self.uncommitted.close()
        if (self.work / "flink").exists():
            self.fraud("reset")

    def kivend(self, *arguments: str, given: str | None = None) -> str:
        """Runs kivend and returns its output. Ends the test where it fails."""
        return self._run([KIVEND, "--quiet", *arguments], given)

    def fraud(self, verb: str) -> None:
        self._run([str(TOP / "deploy/flink/fraud"), verb], None)

    def _run(self, command: list[str], given: str | None) -> str:
        ended = subprocess.run(command, input=given, capture_output=True, text=True, env=self.environment, check=False)
        if ended.returncode:
            raise AssertionError(f"{' '.join(command)}: exit code {ended.returncode}: {ended.stderr}{ended.stdout}")
        return ended.stdout

    def end(self, topic: str, consumer: Consumer) -> int:
        """The number of offsets that a consumer may read: read_committed up to the oldest open transaction."""
        name = f"{self.name}-{topic}"
        partitions = consumer.list_topics(name).topics[name].partitions
        return sum(consumer.get_watermark_offsets(TopicPartition(name, partition))[1] for partition in partitions)

    def alerts_are_open(self) -> bool:
        """Whether a transaction with alerts is open."""
        return self.end("fraud-alerts", self.uncommitted) > self.end("fraud-alerts", self.committed)

    def api(self, path: str, **body: str) -> Any:
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def job(self) -> str:
        return str(next(job["jid"] for job in self.api("jobs/overview")["jobs"] if job["state"] == "RUNNING"))

    def checkpoint(self) -> None:
        """Takes a checkpoint, which commits the alerts before it."""
        path = f"jobs/{self.job()}/checkpoints"
        request = self.api(path, checkpointType="CONFIGURED")["request-id"]
        until("a checkpoint", lambda: self.api(f"{path}/{request}")["status"]["id"] == "COMPLETED")
        until("the commit of the alerts", lambda: not self.alerts_are_open())

    def read_all_payments(self) -> float:
        """Waits until Flink has read all payments, and returns the event time up to which it has decided."""
        decided_s = self.last_payment() - WATERMARK_S
        until("the end of the payments", lambda: self.watermark() >= decided_s)
        return decided_s

    def watermark(self) -> float:
        """The event time that the last part of the job has reached; seconds since the Unix epoch."""
        job = self.job()
        last = self.api(f"jobs/{job}")["vertices"][-1]["id"]
        marks = [int(mark["value"]) for mark in self.api(f"jobs/{job}/vertices/{last}/watermarks")]
        return min(marks, default=0) / 1000

    def last_payment(self) -> float:
        """The smallest of the partitions' last event times: what the watermark follows."""
        name = f"{self.name}-payments"
        return min(self._last_time(TopicPartition(name, partition)) for partition in self.committed.list_topics(name).topics[name].partitions)

    def _last_time(self, partition: TopicPartition) -> float:
        end = self.committed.get_watermark_offsets(partition)[1]
        self.committed.assign([TopicPartition(partition.topic, partition.partition, end - 1)])
        record = self.committed.poll(DEADLINE_S)
        if record is None or record.error():
            raise AssertionError(f"the last record of {partition} cannot be read: {record and record.error()}")
        return datetime.fromisoformat(json.loads(record.value())["ts"][:23]).replace(tzinfo=timezone.utc).timestamp()
