"""Who is compared at what. Each function does one contestant's work once, checks that all of it was done, and answers the cost."""

import re

from . import jvm, kafka_backup, peers, processes, sources
from .contest import Contestant, demand, told

# --- ingest --------------------------------------------------------------------------------------------------------------


def _check_sent(round_, topics, report, events):
    demand("acknowledged", report["acked"], events)
    demand("end offsets", round_.servers.ends(topics), events)


def ingest_kivend(round_):
    kivend, report, cost = round_.ingested
    demand("lines read", report["read"], round_.events.count)
    _check_sent(round_, kivend.topics(), report, round_.events.count)
    return told({"records": report["acked"], "elapsed_s": report["elapsed_s"]}, cost)


def ingest_small_kivend(round_):
    kivend = round_.fresh("small")
    report, cost = kivend.run("ingest", round_.small.path)
    _check_sent(round_, kivend.topics(), report, round_.small.count)
    return told({"records": report["acked"], "elapsed_s": report["elapsed_s"]}, cost)


def ingest_by(script, source, *manner):
    """A producer in Python: `source` is `events` or `small`."""

    def measure(round_):
        events = getattr(round_, source)
        topics = round_.fresh("-".join([script.replace("_", "-"), source, *manner]))
        out, cost = processes.run(peers.peer(script, round_.servers.brokers, events.path, topics.prefix, *manner))
        report = processes.json_of(out)
        _check_sent(round_, topics.topics(), report, events.count)
        return told(report, cost)

    return measure


def ingest_java(*properties):
    """Kafka's own producer-performance: lines of the same file at random, no key, no routing, no parsing; one topic."""

    def measure(round_):
        events = round_.events.count
        topics = round_.fresh(f"java-{len(properties)}")
        out, cost = processes.run(jvm.produce(round_.servers.brokers, topics.topics()[0], round_.events.path, events, properties))
        found = re.findall(r"^(\d+) records sent, ([\d.]+) records/sec", out, re.M)[-1]
        _check_sent(round_, topics.topics(), {"acked": int(found[0])}, events)
        return told({"records": events, "elapsed_s": events / float(found[1])}, cost)

    return measure


# --- consume: the topic user-events -----------------------------------------------------------------------------------------


def _user_events(round_):
    kivend, report, _ = round_.ingested
    topic = kivend.topics()[0]
    return topic, report["topics"][topic]


def consume_kivend(round_):
    topic, expected = _user_events(round_)
    report, cost = round_.ingested[0].run("consume", topic)
    demand("records", report["records"], expected)
    return told(report, cost)


def consume_by(script, *manner):
    def measure(round_):
        topic, expected = _user_events(round_)
        out, cost = processes.run(peers.peer(script, round_.servers.brokers, topic, expected, *manner))
        report = processes.json_of(out)
        # They stop at a fetch's end, which is the topic's end.
        demand("records", report["records"], expected)
        return told(report, cost)

    return measure


def consume_java(round_):
    topic, expected = _user_events(round_)
    out, cost = processes.run(jvm.consume(round_.servers.brokers, topic, expected))
    records, elapsed_s = jvm.consumed(out)
    demand("records", records, expected)
    return told({"records": records, "elapsed_s": elapsed_s}, cost)


# --- archive, verify, demo ---------------------------------------------------------------------------------------------------


def archive_kivend(round_):
    report, cost = round_.archived
    demand("archived", report["records"], round_.events.count)
    stored = round_.servers.rows(round_.ingested[0].name)
    demand("rows stored", stored["rows"], round_.events.count)
    demand("bytes stored", stored["parquet_bytes"], report["stored_bytes"])
    more = {name: report[name] for name in ("stored_bytes", "value_bytes", "segments", "first_link_s")}
    return told(report, cost, **more)


def archive_python(round_):
    report, cost = round_.python_archived
    demand("archived", report["records"], round_.events.count)
    demand("rows stored", round_.servers.rows(f"{round_.name}-python")["rows"], round_.events.count)
    return told(report, cost, stored_bytes=report["stored_bytes"], value_bytes=report["value_bytes"])


def archive_on_jvm(who, command):
    """An archiver on the JVM: `command` is given a round and the place for its objects. Values are as long as kivend found."""

    def measure(round_):
        place = f"{round_.name}-{who}"
        out, cost = processes.run(command(round_, place))
        report = processes.json_of(out)
        demand("archived", report["records"], round_.events.count)
        stored = round_.servers.rows(place)
        demand("rows stored", stored["rows"], round_.events.count)
        sizes = {"stored_bytes": stored["parquet_bytes"], "value_bytes": round_.archived[0]["value_bytes"]}
        return told(report, cost, **sizes)

    return measure


def by_spark(round_, place):
    return jvm.archive_by_spark(round_.servers.brokers, round_.servers.bucket, place, round_.ingested[0].topics())


def by_iceberg(round_, place):
    servers, topics = round_.servers, round_.ingested[0].topics()
    return jvm.archive_by_iceberg(servers.brokers, servers.bucket, place, round_.events.count, topics)


def archive_kafka_backup(round_):
    report, cost = round_.kafka_backed_up
    demand("errors", report["errors"], [])
    stored = round_.servers.backup(round_.backup_id)
    demand("records stored", stored["records"], round_.events.count)
    sizes = {"stored_bytes": stored["bytes"], "value_bytes": round_.events.value_bytes}
    return told({"records": stored["records"], "elapsed_s": report["elapsed_s"]}, cost, **sizes)


def verify_kivend(*against):
    def measure(round_):
        round_.archived
        report, cost = round_.ingested[0].run("verify", *against)
        demand("verdict", report["verdict"], "intact")
        demand("records read", report["scope"]["records_read"], round_.events.count)
        if "--at-rest" in against:
            demand("compared with Kafka", report["scope"]["records_compared"], round_.events.count)
        return told({"records": report["scope"]["records_read"], "elapsed_s": report["elapsed_s"]}, cost)

    return measure


def verify_pyarrow(round_):
    round_.python_archived
    out, cost = processes.run(peers.peer("verify_pyarrow", round_.servers.bucket, f"{round_.name}-python"))
    report = processes.json_of(out)
    demand("records", report["records"], round_.events.count)
    return told(report, cost)


def demo_kivend(round_):
    report, cost = round_.fresh("demo").run("demo")
    demand("verdict", report["verdict"], "intact")
    demand("tamper_detected", report["tamper_detected"], True)
    records = sum(topic["records"] for topic in report["topics"])
    return told({"records": records, "elapsed_s": cost["wall_s"]}, cost)


# --- restore: to topics that did not exist, each record once and in order -------------------------------------------------------


def _check_restored(round_, prefix, records):
    demand("records restored", records, round_.events.count)
    restored = round_.tally_of(prefix)
    demand("topics restored", sorted(restored), sorted(round_.tally))
    for topic, expected in round_.tally.items():
        demand(f"records of {topic} by partition", restored[topic], expected)


def restore_kivend(round_):
    round_.archived
    prefix = f"{round_.name}-restored-kivend."
    report, cost = round_.ingested[0].run("restore", "--prefix", prefix)
    demand("refused", report["refused"], 0)
    _check_restored(round_, prefix, report["records"])
    return told(report, cost, value_bytes=round_.events.value_bytes)


def restore_kafka_backup(round_):
    round_.kafka_backed_up
    kivend, prefix = round_.ingested[0], f"{round_.name}-restored-kafka-backup."
    renamed = {kivend.prefix + topic: prefix + topic for topic in kivend.names}
    report, cost = kafka_backup.run(round_.work, kafka_backup.restore(round_.servers, round_.backup_id, renamed))
    demand("errors", report["errors"], [])
    _check_restored(round_, prefix, report["records"])
    return told(report, cost, value_bytes=round_.events.value_bytes)


TUNED_JAVA = ("batch.size=1000000", "linger.ms=10", "buffer.memory=134217728")

EVERYWHERE = sources.NAMES

CONTESTANTS = [
    Contestant("ingest", "kivend", ingest_kivend, EVERYWHERE),
    Contestant("ingest", "confluent-kafka", ingest_by("ingest_confluent", "events", "plain")),
    Contestant("ingest", "confluent-kafka, tuned", ingest_by("ingest_confluent", "events", "tuned")),
    Contestant("ingest", "Java producer", ingest_java()),
    Contestant("ingest", "Java producer, tuned", ingest_java(*TUNED_JAVA)),
    Contestant("ingest", "confluent-kafka, 16 KiB batches", ingest_by("ingest_confluent", "events", "small"), (sources.SMALL_BATCHES,)),
    Contestant("ingest-small", "kivend", ingest_small_kivend),
    Contestant("ingest-small", "kafka-python", ingest_by("ingest_kafka_python", "small")),
    Contestant("ingest-small", "confluent-kafka", ingest_by("ingest_confluent", "small", "plain")),
    Contestant("consume", "kivend", consume_kivend),
    Contestant("consume", "kafka-python", consume_by("consume_kafka_python")),
    Contestant("consume", "confluent-kafka", consume_by("consume_confluent", "raw")),
    Contestant("consume", "Java consumer", consume_java),
    Contestant("archive", "kivend", archive_kivend, EVERYWHERE),
    Contestant("archive", "kafka-backup", archive_kafka_backup, EVERYWHERE),
    Contestant("archive", "Python archiver", archive_python),
    Contestant("archive", "Spark", archive_on_jvm("spark", by_spark)),
    Contestant("archive", "Iceberg sink on Kafka Connect", archive_on_jvm("iceberg", by_iceberg)),
    Contestant("verify", "kivend", verify_kivend("--against", "rows,links")),
    Contestant("verify", "kivend, against Kafka too", verify_kivend("--at-rest")),
    Contestant("verify", "pyarrow verifier", verify_pyarrow),
    Contestant("restore", "kivend", restore_kivend, EVERYWHERE),
    Contestant("restore", "kafka-backup", restore_kafka_backup, EVERYWHERE),
    Contestant("demo", "kivend", demo_kivend),
]
