"""An answer of /status.json with everything that is rare: a full hour, stopped topics, hostile names, silent witnesses."""
from __future__ import annotations

import math
from typing import Any

HOSTILE = "<img src=x onerror=\"document.title='run'\">"


def hour(now: int) -> list[list[int]]:
    """An hour with a change of load, a store that was away, and a pause of the process."""
    samples, records, lag, errors = [], 0, 0, 0
    for number in range(361):
        at, away = now - 3600 + number * 10, 200 <= number < 230
        arrives = int(9_000 + 6_000 * math.sin(number / 40) + 1_500 * math.sin(number * 1.7))
        archived = 0 if away else min(lag + arrives, 24_000)
        records, lag, errors = records + archived, lag + arrives - archived, errors + (12 if away else 0)
        if not 100 <= number < 112:
            samples.append([at, records, lag, errors, int(not away)])
    return samples


def row(now: int, number: int, **different: Any) -> dict[str, Any]:
    return {
        "topic": "orders", "partition": number, "level": "ok", "stopped": None, "next_offset": 18_204_113 + number * 977, "lag": 1_204 - number,
        "unstable": 0, "open_transaction_s": None, "archived_until": now - 31, "seal_in_s": 29, "until_deletion_s": 604_730, "since_commit_s": 31,
        "buffered_bytes": 812_331, "records": 20_441, "lost_records": 0, "fenced": 0,
    } | different


def answer(now: int) -> dict[str, Any]:
    samples = hour(now)
    rows = [
        row(now, 3, topic="payments", level="critical", stopped="truncated", archived_until=now - 90_000, seal_in_s=None, since_commit_s=90_004),
        row(now, 0, level="critical", until_deletion_s=5_400, lag=48_120_551, archived_until=now - 599_400),
        row(now, 1, level="critical", until_deletion_s=-20, lag=8_120_551, archived_until=now - 604_820),
        row(now, 2, level="warning", open_transaction_s=1_900, unstable=44_120),
        row(now, 4, level="warning", lost_records=1_204, topic="a-topic-with-a-rather-long-name.that-somebody-chose_for.reasons"),
        row(now, 0, topic=HOSTILE),
        row(now, 5), row(now, 6, lag=0, archived_until=now, seal_in_s=None, until_deletion_s=None, buffered_bytes=0),
        row(now, 7, next_offset=None, lag=None, archived_until=None, seal_in_s=None, until_deletion_s=None, since_commit_s=2, buffered_bytes=0),
    ]
    return {
        "version": "0.1.0", "now": now, "uptime_s": 1_040_000, "level": "critical", "alive": True, "ready": False,
        "reasons": ["payments/3: Kafka's log was cut back below the archive's head: fix: kivend archive --diverged payments/3/0=18207044", HOSTILE],
        "further_reasons": 3,
        "archive": {
            "archived_until": now - 604_820, "lag": samples[-1][2], "records": samples[-1][1], "stored_bytes": 41_220_112_004, "lost_records": 1_204,
            "memory_used_bytes": 520_000_000, "memory_budget_bytes": 536_870_912, "memory_level": "warning",
        },
        "checkpoint": {"size": 41_204, "age_s": 4_100, "level": "warning"},
        "witnesses": [
            {"name": "witness.example/2026", "size": 41_204, "behind": 0, "since_cosigned_s": 41, "failures": 0, "level": "ok"},
            {"name": HOSTILE, "size": 0, "behind": 41_204, "since_cosigned_s": 1_040_000, "failures": 1_733, "level": "warning"},
        ],
        "mirrors": [{"name": "directory /mnt/witness", "behind": 0, "level": "ok"}, {"name": "topic kivend-checkpoints", "behind": 7, "level": "warning"}],
        "store": {"requests": 812_004, "errors": samples[-1][3] + 40, "codes": [["no_answer", 360], ["SlowDown", 40], ["InternalError", 4]]},
        "stopped": [{"topic": "payments", "partition": "3", "reason": "truncated"}, {"topic": HOSTILE, "partition": "", "reason": "unknown_topic"}],
        "further_stopped": 0,
        "partitions": {
            "total": 212, "matching": 212, "warning": 2, "critical": 3, "page": 0, "pages": 5, "page_rows": 50, "rows": rows,
        },
        "history": {"every_s": 10, "samples": samples},
    }
