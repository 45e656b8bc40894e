"""confluent-kafka reads so many records of a topic, and parses each value where asked.

Run: consume_confluent.py BROKERS TOPIC RECORDS raw|parsed
"""

import json
import sys
import uuid

from confluent_kafka import Consumer

from shop import Stopwatch, report


def main(brokers, topic, expected, manner):
    expected, parse = int(expected), manner == "parsed"
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": f"confluent-{uuid.uuid4().hex}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    watch, records = Stopwatch(), 0
    while records < expected:
        for message in consumer.consume(5_000, 1.0):
            if message.error():
                raise SystemExit(str(message.error()))
            watch.first()
            value = message.value()
            if parse:
                json.loads(value)
            records += 1
    report(records=records, elapsed_s=watch.elapsed_s())
    consumer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
