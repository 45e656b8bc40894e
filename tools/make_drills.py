"""Makes the golden vectors of reports of drills (docs/FORMAT.md, section 8.2) for make_vectors.py: reports with each result, and
such as each break one rule.

Shares no code with kivend or with verify_drill.py.
"""

from __future__ import annotations

from typing import Any

from format_writer import ARCHIVE, ARCHIVE_ID, KEY, ORIGIN, OTHER, STRANGER, Content, Key, b64, canonical, note, sha

KINDS = ("missing", "altered", "added", "refused", "unreadable", "kafka_altered", "kafka_added")


def counts(**given: int) -> Content:
    return {kind: given.get(kind, 0) for kind in KINDS}


def report(**changes: Any) -> Content:
    return {
        "type": "kivend.drill/v1", "archive_id": ARCHIVE_ID, "archive_sha256": sha(ARCHIVE), "origin": ORIGIN,
        "checkpoint": {"number": 7, "root": sha(b"root")},
        "asked": {"topics": ["orders", "pay*"], "partition": None, "time": "record", "since_ms": None, "until_ms": 1770113700000},
        "cluster_id": "MkU3OEVBNTcwNTJENDM2Qg", "software": "kivend 0.1.0",
        "began_at": "2026-02-03T10:15:00Z", "ended_at": "2026-02-03T10:15:09Z", "restore_ms": 4200, "compare_ms": 3100,
        "records": 1500, "bytes": 420000, "min_timestamp_ms": -5, "max_timestamp_ms": 1770113699999, "removed": 0, "lost": 3,
        "topics": [
            {"topic": "orders", "partitions": 6, "archived": 1000, "equal": 1000, "kafka_compared": 900},
            {"topic": "payments", "partitions": 3, "archived": 500, "equal": 500, "kafka_compared": 0},
        ],
        "differences": counts(), "named": [], "result": "equal",
    } | changes


def differing(result: str, equal: int, *found: tuple[str, int], **changes: Any) -> Content:
    """A report in which so many records of payments are equal, with differences of these kinds."""
    named = [{"topic": "payments", "partition": 1, "offset": 2500 + number, "what": what, "detail": f"why \u00e4 {number}"}
             for what, count in found for number in range(count)]
    topics = report()["topics"]
    topics[1] |= {"equal": equal}
    return report(**{"topics": topics, "differences": counts(**dict(found)), "named": named[:1000], "result": result} | changes)


def valid() -> list[tuple[str, Content]]:
    return [
        ("equal", report()),
        ("nothing asked, no checkpoint, no times", report(checkpoint=None, min_timestamp_ms=None, max_timestamp_ms=None, asked={
            "topics": [], "partition": 3, "time": "archived", "since_ms": 0, "until_ms": None})),
        ("records are missing, were refused, and a segment is damaged", differing("incomplete", 497, ("missing", 1), ("refused", 2), ("unreadable", 1))),
        ("a record is another one", differing("differs", 499, ("altered", 1))),
        ("records were added", differing("differs", 500, ("added", 2))),
        ("the original topic has other records", differing("differs", 500, ("kafka_altered", 1), ("kafka_added", 1))),
        ("more differences than are named", differing("incomplete", 500, ("unreadable", 1200))),
    ]


def broken() -> list[tuple[str, Content]]:
    base = report()
    reordered = {name: base[name] for name in ["type", *sorted(list(base)[1:])]}
    return [
        ("equal in spite of a missing record", differing("equal", 499, ("missing", 1))),
        ("incomplete in spite of an altered record", differing("incomplete", 499, ("altered", 1))),
        ("differs without a difference", report(result="differs")),
        ("another result", report(result="fine")),
        ("a record that nothing accounts for", differing("incomplete", 498, ("missing", 1))),
        ("more records than were archived", differing("differs", 501, ("added", 1))),
        ("a difference that is not named", differing("incomplete", 499, ("missing", 1), named=[])),
        ("a difference of another kind named", differing("incomplete", 499, ("missing", 1), differences=counts(refused=1))),
        ("more differences named than there may be", differing("incomplete", 500, ("unreadable", 1200), named=differing("incomplete", 500, ("unreadable", 1000))["named"] + [
            {"topic": "payments", "partition": 1, "offset": 1, "what": "unreadable", "detail": ""}])),
        ("more that differ from Kafka's than were compared", differing("differs", 500, ("kafka_altered", 901), topics=report()["topics"])),
        ("an end before the beginning", report(ended_at="2026-02-03T10:14:59Z")),
        ("topics in another order", report(topics=base["topics"][::-1])),
        ("one topic twice", report(topics=[base["topics"][0]] * 2)),
        ("a topic that cannot be", report(topics=[base["topics"][0] | {"topic": "a b"}, base["topics"][1]])),
        ("a negative count", report(records=-1)), ("a negative partition", report(asked=base["asked"] | {"partition": -1})),
        ("a negative offset", differing("incomplete", 499, ("missing", 1), named=[
            {"topic": "payments", "partition": 1, "offset": -1, "what": "missing", "detail": ""}])),
        ("a time with a fraction", report(began_at="2026-02-03T10:15:00.5Z")),
        ("an id that is none", report(archive_id="kivend")), ("another origin than its key's name", report(origin="kivend/elsewhere")),
        ("other times than there are", report(asked=base["asked"] | {"time": "sealed"})),
        ("a member too many", report(more=1)), ("a member missing", {name: base[name] for name in base if name != "lost"}),
        ("members in another order", reordered), ("a note of another kind", {"type": "kivend.entry/v1"} | {name: base[name] for name in base if name != "type"}),
    ]


def drills() -> dict[str, Any]:
    good = note(canonical(report()), KEY)
    texts = canonical(report())
    judged = [(why, "tampered", note(canonical(content), KEY)) for why, content in broken()]
    judged += [
        ("altered after it was signed", "tampered", good.replace(b'"equal":500', b'"equal":499')),
        ("white space", "tampered", note(texts.replace(":0,", ": 0,", 1), KEY)),
        ("two signatures", "tampered", note(texts, KEY, OTHER)), ("no signature", "tampered", texts.encode()), ("cut off", "tampered", good[:-1]),
        ("signed by another key", "unverifiable", note(texts, STRANGER)),
        ("signed by a key of another name", "unverifiable", note(texts, Key("elsewhere", 0x01))),
        ("version 2", "unverifiable", note(canonical(report(type="kivend.drill/v2")), KEY)),
        ("version 2 with nothing else", "unverifiable", note(canonical({"type": "kivend.drill/v2"}), KEY)),
    ]
    return {"about": "section 8.2: reports of drills, where keys are given; the verdict is on the file, not on the drill",
            "keys": [KEY.public_text, OTHER.public_text],
            "valid": [{"name": name, "result": content["result"], "object_base64": b64(note(canonical(content), KEY))} for name, content in valid()],
            "judged": [{"why": why, "verdict": verdict, "object_base64": b64(object_)} for why, verdict, object_ in judged]}
