"""A round of measurements, and how it is made sure that everybody did the whole work.

A round has data of its own: topics that kivend filled and archived. Whoever is measured first in a round makes what the
others need. A measurement counts only if lines sent, acknowledged, at the end offsets, archived and verified are the same number.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Callable

from . import kafka_backup, peers, processes, sources

SMALL = 71_694


class DoesNotCount(Exception):
    """Somebody did less, or more, than the work."""


def demand(what, found, expected):
    if found != expected:
        raise DoesNotCount(f"{what}: {found} instead of {expected}")


@dataclass(frozen=True)
class Contestant:
    """`measure` takes a [`Round`], and answers what was told and what it cost. `sources` are the records it is measured with."""

    step: str
    who: str
    measure: Callable
    sources: tuple = (sources.BASE,)


class Servers:
    """Questions to Kafka and MinIO by a client that is not kivend's."""

    def __init__(self, brokers, bucket):
        self.brokers, self.bucket = brokers, bucket

    def _ask(self, *arguments):
        return processes.json_of(processes.said(peers.peer("servers", *arguments)))

    def ends(self, topics):
        return self._ask("ends", self.brokers, *topics)["records"]

    def rows(self, prefix):
        return self._ask("rows", self.bucket, prefix)

    def backup(self, backup_id):
        """Records and bytes of a backup by kafka-backup, from its manifest."""
        return self._ask("backup", self.bucket, backup_id)

    def tally(self, topics):
        """By topic and partition that has any: the number of committed records and a hash over all of them, in order."""
        return self._ask("tally", self.brokers, *topics)

    def clear(self, name):
        self._ask("delete-topics", self.brokers, name)
        self._ask("delete-objects", self.bucket, name)


class Round:
    def __init__(self, name, work, servers, events, small):
        """`events` and `small` are [`sources.Events`]."""
        self.name, self.work, self.servers = name, work, servers
        self.events, self.small = events, small

    def clear(self):
        self.servers.clear(self.name)

    def fresh(self, who):
        """Topics that only this contestant writes to."""
        kivend = self.events.kivend(f"{self.name}-{who}", self.work)
        kivend.create_topics()
        return kivend

    @cached_property
    def ingested(self):
        """The topics that consumers and archivers read: kivend, its report, its cost."""
        kivend = self.fresh("data")
        return kivend, *kivend.run("ingest", self.events.path)

    @cached_property
    def archived(self):
        kivend = self.ingested[0]
        return kivend.run("archive")

    @cached_property
    def python_archived(self):
        kivend = self.ingested[0]
        arguments = (self.servers.brokers, self.servers.bucket, f"{self.name}-python", self.events.count)
        out, cost = processes.run(peers.peer("archive_python", *arguments, *kivend.topics()[:2]))
        return processes.json_of(out), cost

    @cached_property
    def kafka_backed_up(self):
        config = kafka_backup.backup(self.servers, self.backup_id, self.ingested[0].topics())
        return kafka_backup.run(self.work, config)

    @property
    def backup_id(self):
        return f"{self.name}-kafka-backup"

    @cached_property
    def tally(self):
        """What a restore must give, by topic without prefix."""
        kivend = self.ingested[0]
        return self.tally_of(kivend.prefix)

    def tally_of(self, prefix):
        found = self.servers.tally([prefix + topic for topic in self.ingested[0].names])
        return {topic.removeprefix(prefix): partitions for topic, partitions in found.items() if partitions}


def told(report, cost, **fields):
    return {"records": report["records"], "elapsed_s": report["elapsed_s"]} | fields | cost
