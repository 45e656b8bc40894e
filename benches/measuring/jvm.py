"""The peers that run on the JVM: Kafka's own performance tools, Spark, and Iceberg's sink on Kafka Connect."""

import re
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


def archive_by_spark(brokers, bucket, prefix, topics):
    """The command, with Spark's default of 1 GiB for the heap. Java starts the script, and so waits for what it uses."""
    spark = peers.spark()
    submit = [spark / "bin" / "spark-submit", "--master", "local[2]", "--driver-class-path", _beside_spark(spark)]
    python = ["--conf", f"spark.pyspark.driver.python={peers.python()}"]
    return [*submit, *python, peers.FOLDER / "archive_spark.py", brokers, bucket, prefix, *topics]


def _beside_spark(spark):
    """The class path of what Spark lacks: another version of a library that it has would be found first."""

    def library(jar):
        return re.sub(r"-\d.*", "", jar.name)

    own = {library(jar) for jar in spark.glob("jars/*.jar")}
    lacking = [jar for jar in peers.jars("spark").glob("*.jar") if library(jar) not in own]
    return ":".join(map(str, sorted(lacking)))


def archive_by_iceberg(brokers, bucket, prefix, records, topics):
    """The command. Connect comes from the brokers' jars; a plugin is a folder in the folder of plugins."""
    plugins = peers.jars("iceberg").parent
    return peers.peer("archive_iceberg", brokers, bucket, prefix, records, peers.kafka_classpath(), plugins, *topics)
