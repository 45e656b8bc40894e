"""The answers to the questions of docs/QUERYING.md, from the values that `kivend export` prints and the keys' partitions alone."""
from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

# The literals of the document.
CUSTOMER, EVENT = "C00042", "5ea5a1d0c0ffee0000000000000000aa"
PLACE = 0, 7  # partition and offset
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
    return [[topic, left if topic == recreated else count] for topic, count in counts(found)]


def counts(found: Iterable[Record]) -> Rows:
    return sorted([topic, count] for topic, count in Counter(record.topic for record in found).items())


def answers(payments: str, found: list[Record]) -> dict[str, Rows]:
    """Number of the question → rows, in the order that the document asks for."""
    money = [record for record in found if amount(record) is not None]
    days = Counter((record.topic, str(record.time.date())) for record in found)
    ids = Counter(record.event["event_id"] for record in found)
    paid = [r for r in found if r.event["event_type"] == "payment_success"]
    within = [r for r in found if INSTANT <= r.time < INSTANT + timedelta(seconds=1)]
    return dict(zip(map(str, range(1, 13)), [
        counts(found),
        types(found),
        sorted([topic, day, count] for (topic, day), count in days.items()),
        sorted([stamp(r.time), cents(amount(r)), r.event["event_id"]] for r in paid if r.event["customer_id"] == CUSTOMER),
        [[len(paid), *total(map(amount, paid))]],
        [funnel(found)],
        [[cents(amount(r)), r.event["event_type"], r.event["customer_id"], r.event["event_id"]]
         for r in sorted(money, key=lambda r: (-(amount(r) or 0), r.event["event_id"]))[:10]],
        sorted([name, times] for name, times in ids.items() if times > 1),
        sorted([r.topic, r.partition, 0, r.offset, r.line] for r in found if r.event["event_id"] == EVENT),
        [[r.event["event_id"], r.event["customer_id"], r.line] for r in found if (r.topic, r.partition, r.offset) == (payments, *PLACE)],
        sorted([stamp(r.time), r.topic, r.event["event_type"], r.event["event_id"]] for r in within),
        sorted(late(found)),
    ], strict=True))


def named(found: list[Record], links: list[dict[str, Any]], began: datetime) -> dict[str, Rows]:
    """The further queries of the document, save `current`. All records were sent to Kafka after `began`."""
    ids = Counter(record.event["event_id"] for record in found)
    once = {r.event["event_id"]: amount(r) for r in found if r.event["event_type"] == "payment_success"}
    ranges = []
    for topic, _ in counts(found):
        sent = [link for link in links if link["topic"] == topic and link["record_count"]]
        times = sorted(record.time for record in found if record.topic == topic)
        first, last = min(link["min_timestamp_ms"] for link in sent), max(link["max_timestamp_ms"] for link in sent)
        ranges.append([topic, 0, of_ms(first), of_ms(last), stamp(times[0]), stamp(times[-1])])
    return {
        "once": [total(once.values())],
        "repeats": [[sum(times > 1 for times in ids.values()), sum(times - 1 for times in ids.values())]],
        "places": [],
        "ranges": ranges,
        "clock": counts(record for record in found if record.time < began - timedelta(hours=1)),
    }


def amount(record: Record) -> Decimal | None:
    """What the column `cart_value` holds: null where the value has more decimals than the column."""
    value: Decimal | None = record.event["cart_value"]
    return None if value is None or value != round(value, 2) else value


def total(amounts: Iterable[Decimal | None]) -> list[Any]:
    known = [value for value in amounts if value is not None]
    return [len(known), cents(sum(known, Decimal(0)))]


def types(found: list[Record]) -> Rows:
    groups = defaultdict(list)
    for record in found:
        groups[record.topic, record.event["event_type"]].append(record)
    return [[topic, kind, len(of), sum(r.event["cart_value"] is not None and amount(r) is None for r in of), sum(amount(r) is not None for r in of)]
            for (topic, kind), of in sorted(groups.items())]


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
            yield [record.topic, record.partition, 0, record.offset, record.event["event_id"]]


def stamp(time: datetime) -> str:
    return time.isoformat(timespec="microseconds")


def of_ms(milliseconds: int) -> str:
    return stamp(datetime.fromtimestamp(0, timezone.utc) + timedelta(milliseconds=milliseconds))


def cents(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"
