"""The careful way with confluent-kafka (librdkafka): idempotent, lz4, the line as it stands, one parse for the route.

`small` sends batches of 16 KiB, each when it is full. `tuned` sends batches of 1 MB and finds the two members that it needs by a
regular expression instead of parsing.

Run: ingest_confluent.py BROKERS EVENTS.jsonl TOPIC_PREFIX plain|small|tuned
"""

import json
import re
import sys

from confluent_kafka import Producer

from shop import Stopwatch, report, topic_of

_TUNED = {"batch.size": 1_000_000, "batch.num.messages": 100_000, "queue.buffering.max.kbytes": 262_144}
_SMALL = {"batch.size": 16_384, "linger.ms": 100}
_MEMBERS = re.compile(rb'"event_type": "([^"\\]*)", "customer_id": "([^"\\]*)"')


def _parsed(line):
    event = json.loads(line)
    return event["event_type"], event["customer_id"]


def _matched(line):
    found = _MEMBERS.search(line)
    return (found[1].decode(), found[2]) if found else _parsed(line)


def main(brokers, path, prefix, manner):
    tuned = manner == "tuned"
    settings = {
        "bootstrap.servers": brokers,
        "acks": "all",
        "enable.idempotence": True,
        "linger.ms": 10,
        "compression.type": "lz4",
        "partitioner": "murmur2_random",
        "queue.buffering.max.messages": 1_000_000,
    }
    producer = Producer(settings | {"tuned": _TUNED, "small": _SMALL}.get(manner, {}))
    members = _matched if tuned else _parsed
    sent = acked = 0

    def delivered(error, _message):
        nonlocal acked
        acked += error is None

    watch = Stopwatch()
    with open(path, "rb") as lines:
        watch.first()
        for line in lines:
            line = line.rstrip(b"\n")
            event_type, key = members(line)
            while True:
                try:
                    producer.produce(prefix + topic_of(event_type), key=key, value=line, on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(0.01)
            sent += 1
            if sent % 2_000 == 0:
                producer.poll(0)
    producer.flush()
    report(records=sent, acked=acked, elapsed_s=watch.elapsed_s())


if __name__ == "__main__":
    main(*sys.argv[1:])
