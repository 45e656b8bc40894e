"""kafka-python reads so many records of a topic and parses each value.

Run: consume_kafka_python.py BROKERS TOPIC RECORDS
"""

import json
import sys
import uuid

from kafka import KafkaConsumer

from shop import Stopwatch, report


def main(brokers, topic, expected):
    expected = int(expected)
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=brokers.split(","),
        group_id=f"kafka-python-{uuid.uuid4().hex}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        value_deserializer=json.loads,
    )
    watch, records = Stopwatch(), 0
    while records < expected:
        for batch in consumer.poll(timeout_ms=1_000, max_records=5_000).values():
            watch.first()
            records += len(batch)
    report(records=records, elapsed_s=watch.elapsed_s())


if __name__ == "__main__":
    main(*sys.argv[1:])
