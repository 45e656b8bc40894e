#!/usr/bin/env python3
"""Verifies the report of a drill (docs/FORMAT.md, section 8.2) offline: who signed it, its form, and that it does not contradict itself.

It shares no code with kivend, reads only the file, and needs only the standard library and `cryptography`.

    python tools/verify_drill.py FILE --key PUBLIC… [--json]

Exit codes: 10 the report was altered, 12 none of the keys signed it, 2 wrong usage; else the result of the drill: 0 equal,
10 differs, 11 incomplete.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from kinds import is_ascending
from notes import COUNT, HASH, I32, I64, ID, ORIGIN, TEXT, TOPIC, demand, is_time
from report_note import arguments, given_file, judged, open_report, print_json

NAMED = 1000
RECORDS = ("missing", "altered", "refused")
WRONG = ("altered", "added", "kafka_altered", "kafka_added")
COUNTS = {name: COUNT for name in ("missing", "altered", "added", "refused", "unreadable", "kafka_altered", "kafka_added")}
DRILL = {
    "type": "kivend[.]drill/v1", "archive_id": ID, "archive_sha256": HASH, "origin": ORIGIN,
    "checkpoint": ({"number": COUNT, "root": HASH},),
    "asked": {"topics": [TEXT], "partition": (I32,), "time": "record|archived", "since_ms": (I64,), "until_ms": (I64,)},
    "cluster_id": TEXT, "software": TEXT, "began_at": is_time, "ended_at": is_time, "restore_ms": COUNT, "compare_ms": COUNT,
    "records": COUNT, "bytes": COUNT, "min_timestamp_ms": (I64,), "max_timestamp_ms": (I64,), "removed": COUNT, "lost": COUNT,
    "topics": [{"topic": TOPIC, "partitions": COUNT, "archived": COUNT, "equal": COUNT, "kafka_compared": COUNT}],
    "differences": COUNTS,
    "named": [{"topic": TOPIC, "partition": I32, "offset": COUNT, "what": "|".join(COUNTS), "detail": TEXT}],
    "result": "equal|incomplete|differs",
}
EXIT_CODES = {"equal": 0, "differs": 10, "incomplete": 11, "tampered": 10, "unverifiable": 12}


def check_content(found: dict[str, Any]) -> None:
    """The rules of section 8.2 that the content alone can break."""
    counts, topics = found["differences"], found["topics"]
    demand(found["began_at"] <= found["ended_at"], "it ended before it began")
    demand(is_ascending([topic["topic"] for topic in topics]), "the topics are not in order, each once")
    accounted = sum(topic["equal"] for topic in topics) + sum(counts[what] for what in RECORDS)
    demand(sum(topic["archived"] for topic in topics) == accounted, "not every archived record is accounted for")
    demand(counts["kafka_altered"] <= sum(topic["kafka_compared"] for topic in topics), "more differ from Kafka's than were compared")
    named = Counter(one["what"] for one in found["named"])
    demand(all(named[what] <= counts[what] for what in COUNTS), "more differences are named than counted")
    total = sum(counts.values())
    demand(len(found["named"]) == min(total, NAMED), "not all differences that are counted are named")
    result = "differs" if any(counts[what] for what in WRONG) else "incomplete" if total else "equal"
    demand(found["result"] == result, "the result does not follow from the differences")


def verify(data: bytes, keys: list[Any]) -> tuple[str, str, dict[str, Any] | None]:
    """Returns the verdict on the file, why, and the report if it counts."""
    def read() -> dict[str, Any]:
        found, key = open_report(data, keys, "drill", DRILL)
        demand(found["origin"] == key.name, "its key has another name than the archive")
        check_content(found)
        return found

    return judged(read)


def main() -> int:
    options = arguments("Verifies the report of a drill of a kivend archive, offline.", "a public key of the archive from a trusted source")
    given = given_file(options, "drill", "the report of a drill")
    if given is None:
        return 2
    verdict, detail, report = verify(given[1], given[0])
    if options.json:
        print_json(verdict=verdict, detail=detail, report=report)
    elif report is None:
        print(f"{verdict}: the report proves nothing: {detail}")
    else:
        print(f"{verdict}: a drill of {report['origin']} from {report['began_at']} to {report['ended_at']}: {report['result']}")
        for topic in report["topics"]:
            print("{topic}: {equal} of {archived} archived records restored equal, {kafka_compared} compared with Kafka".format(**topic))
        for one in report["named"]:
            print("{topic}/{partition} offset {offset}: {what}: {detail}".format(**one))
    return EXIT_CODES[report["result"] if report else verdict]


if __name__ == "__main__":
    sys.exit(main())
