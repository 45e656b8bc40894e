"""The plain way with kafka-python: events are parsed, sorted by time and serialised again, one `send` each.

Run: ingest_kafka_python.py BROKERS EVENTS.jsonl TOPIC_PREFIX
"""

import json
import sys

from kafka import KafkaProducer

from shop import Stopwatch, report, topic_of


def main(brokers, path, prefix):
    with open(path, encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines]
    events.sort(key=lambda event: event["ts"])
    producer = KafkaProducer(
        bootstrap_servers=brokers.split(","),
        acks="all",
        retries=3,
        linger_ms=10,
        batch_size=16_384,
        compression_type="lz4",
        max_in_flight_requests_per_connection=5,
        key_serializer=str.encode,
        value_serializer=lambda event: json.dumps(event).encode(),
    )
    acked = 0

    def count(_metadata):
        nonlocal acked
        acked += 1

    watch = Stopwatch()
    watch.first()
    for event in events:
        topic = prefix + topic_of(event["event_type"])
        producer.send(topic, key=event["customer_id"], value=event).add_callback(count)
    producer.flush()
    report(records=len(events), acked=acked, elapsed_s=watch.elapsed_s())


if __name__ == "__main__":
    main(*sys.argv[1:])
