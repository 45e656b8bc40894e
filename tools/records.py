"""Reads the encoding of a record: docs/FORMAT.md, section 7.1."""

from __future__ import annotations

import base64
import re
import struct
from dataclasses import dataclass, field

from notes import TOPIC, Broken, demand, fits


@dataclass
class Record:
    topic: str
    partition: int
    offset: int
    timestamp_ms: int | None
    key: bytes | None
    value: bytes | None
    headers: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    timestamp_type: int = 255


def read_record(coded: str) -> tuple[bytes, Record]:
    try:
        data = base64.b64decode(coded, validate=True)
    except ValueError:
        raise Broken("the record is not base64") from None
    demand(base64.b64encode(data).decode() == coded, "the record is not canonical base64")
    at = 0

    def take(count: int) -> bytes:
        nonlocal at
        demand(0 <= count <= len(data) - at, "the record ends early")
        at += count
        return data[at - count : at]

    def number(form: str) -> int:
        return int(struct.unpack(">" + form, take(struct.calcsize(">" + form)))[0])

    def nullable() -> bytes | None:
        length = number("i")
        return None if length == -1 else take(length)

    demand(number("B") == 1, "not version 1 of the encoding")
    topic = take(number("H"))
    partition, offset, kind, ms = number("i"), number("q"), number("B"), number("q")
    demand(re.fullmatch(rb"[a-zA-Z0-9._-]+", topic) and fits(topic.decode(), TOPIC), "not a topic")
    demand(partition >= 0 and offset >= 0 and kind in (0, 1, 255) and (ms == -1) == (kind == 255), "not a record")
    found = Record(topic.decode(), partition, offset, None if ms == -1 else ms, nullable(), nullable(), timestamp_type=kind)
    found.headers = [(take(number("I")), nullable()) for _ in range(number("I"))]
    demand(at == len(data), "something follows the record")
    return data, found
