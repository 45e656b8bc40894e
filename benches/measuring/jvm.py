"""The peers that run on the JVM: Kafka's own performance tools."""

import uuid

from . import peers
from .processes import Failed

# What kivend's producer does, so that all send with the same guarantee.
_SAFE = ("acks=all", "enable.idempotence=true", "compression.type=lz4")


def produce(brokers, topic, path, records, properties):
    given = ["--producer-props", f"bootstrap.servers={brokers}", *_SAFE, *properties]
    work = ["--topic", topic, "--payload-file", path, "--num-records", records, "--throughput", -1]
    return peers.kafka_tool("ProducerPerformance", *work, *given)


def consume(brokers, topic, records):
    group = ["--group", f"java-{uuid.uuid4().hex}"]
    work = ["--topic", topic, "--messages", records, "--timeout", 60_000]
    return peers.kafka_tool("ConsumerPerformance", "--bootstrap-server", brokers, *work, *group)


def consumed(out):
    """Records, and the seconds that fetching them took: the tool tells apart what joining the group took."""
    lines = [line for line in out.splitlines() if "," in line]
    names = next((line.split(", ") for line in lines if line.startswith("start.time")), None)
    if names is None:
        raise Failed(f"not what the consumer's tool prints: {out[-1_000:]}")
    told = dict(zip(names, lines[-1].split(", ")))
    return int(told["data.consumed.in.nMsg"]), int(told["fetch.time.ms"]) / 1_000
