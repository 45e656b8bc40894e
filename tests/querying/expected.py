"""The answers to the questions of docs/QUERYING.md, from the values that `kivend export` prints and the keys' partitions alone."""
from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

# The literals of the document.
CUSTOMER, EVENT = "C00042", "5ea5a1d0c0ffee0000000000000000aa"
INSTANT = datetime(2025, 12, 24, 18, tzinfo=timezone.utc)
STEPS = ("product_view", "add_to_cart", "payment_attempt", "payment_success")
Rows = list[list[Any]]


class Record(NamedTuple):
    """A line of an export, and the place that it has in Kafka."""

    topic: str
    partition: int
    offset: int
    line: str
    event: dict[str, Any]
    time: datetime


def records(topic: str, partitions: int, lines: Iterable[str]) -> Iterable[Record]:
    """Places the lines of an export, which are sorted by partition and offset, in a topic without gaps."""
    offsets = Counter[int]()
    for line in lines:
        event = json.loads(line, parse_float=Decimal, parse_int=Decimal)
        partition = (murmur2(event["customer_id"].encode()) & 0x7FFFFFFF) % partitions
        time = datetime.fromisoformat(event["ts"][:26]).replace(tzinfo=timezone.utc)  # microseconds; the rest is cut off
        yield Record(topic, partition, offsets[partition], line, event, time)
        offsets[partition] += 1


def murmur2(data: bytes) -> int:
    """The hash by which Kafka's producers choose a partition."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at:at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def current(found: list[Record], recreated: str, left: int) -> Rows:
    """Records by topic, where only `left` of the topic that was deleted and created again are current."""
    counts = Counter(record.topic for record in found)
    return sorted([topic, left if topic == recreated else count] for topic, count in counts.items())


def answers(payments: str, found: list[Record], link: Mapping[str, Any]) -> dict[int, Rows]:
    """Question → rows, in the order that the document asks for."""
    money = [record for record in found if record.event["cart_value"] is not None]
    days = Counter((record.topic, str(record.time.date())) for record in found)
    ids = Counter(record.event["event_id"] for record in found)
    bought = [r for r in found if r.topic == payments and r.event["customer_id"] == CUSTOMER]
    within = [r for r in found if INSTANT <= r.time < INSTANT + timedelta(seconds=1)]
    return {
        1: sorted([stamp(r.time), r.event["event_type"], cents(r.event["cart_value"]), r.event["event_id"]] for r in bought),
        2: sorted([topic, day, count] for (topic, day), count in days.items()),
        3: [funnel(found)],
        4: [[topic, len(of), cents(sum(of, Decimal(0)))] for topic, of in sorted(by_topic(money).items())],
        5: sorted([name, times] for name, times in ids.items() if times > 1),
        6: [[cents(r.event["cart_value"]), r.event["customer_id"], r.event["event_id"]]
            for r in sorted(money, key=lambda r: (-r.event["cart_value"], r.event["event_id"]))[:10]],
        7: sorted([r.topic, r.partition, r.offset, r.line] for r in found if r.event["event_id"] == EVENT),
        8: sorted([stamp(r.time), r.topic, r.event["event_type"], r.event["event_id"]] for r in within),
        9: sorted(late(found)),
        10: [[link["record_count"], *(stamp(datetime.fromtimestamp(0, timezone.utc) + timedelta(milliseconds=link[name]))
                                      for name in ("min_timestamp_ms", "max_timestamp_ms"))]],
    }


def by_topic(money: list[Record]) -> dict[str, list[Decimal]]:
    topics = defaultdict(list)
    for record in money:
        topics[record.topic].append(record.event["cart_value"])
    return topics


def funnel(found: list[Record]) -> list[int]:
    left, counts = None, []
    for step in STEPS:
        did = {r.event["session_id"] for r in found if r.event["event_type"] == step and r.event["session_id"] is not None}
        left = did if left is None else left & did
        counts.append(len(left))
    return counts


def late(found: list[Record]) -> Iterable[list[Any]]:
    newest: dict[tuple[str, int], datetime] = {}
    for record in sorted(found, key=lambda r: (r.topic, r.partition, r.offset)):
        place = record.topic, record.partition
        newest[place] = max(record.time, newest.get(place, record.time))
        if record.time < newest[place] - timedelta(hours=1):
            yield [record.topic, record.partition, record.offset, record.event["event_id"]]


def stamp(time: datetime) -> str:
    return time.isoformat(timespec="microseconds")


def cents(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"
