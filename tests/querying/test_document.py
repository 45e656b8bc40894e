"""Runs every block of docs/QUERYING.md against an archive on MinIO, and compares the answers with those computed from an export.

    python test_document.py KIVEND JARS      needs the servers of deploy/local; JARS is a folder with Spark's

Among the files of the archive stand objects that no link names: an answer that counts them is wrong.
"""
from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import environment
from archive import Archive, Event
from document import CURRENT, FRAME_ENGINES, QUESTIONS, SQL_ENGINES, Block, blocks, only
from expected import CUSTOMER, EVENT, answers, current, records

HERE = Path(__file__).resolve().parent
LIMIT_SECONDS = 300
PARTITIONS = {"user-events": 6, "payments": 3, "orders": 3, "fraud-alerts": 2}
ALERTS, ALERTS_LATER = 10, 4  # before and after their topic was deleted and created again


def planted(template: Event) -> list[Event]:
    """Events with the literals of the document: one by its id, some of a customer and of an instant, amounts that doubles add up wrongly."""
    def event(number: int, ts: str, kind: str, amount: float | None) -> Event:
        return template | {"event_id": f"{EVENT[:-2]}{number:02x}", "ts": ts, "event_type": kind, "customer_id": CUSTOMER, "cart_value": amount}

    return [
        event(0xAA, "2025-12-24 18:00:00.000000999", "payment_attempt", 0.1), event(0xAB, "2025-12-24 18:00:00.999999", "payment_success", 0.2),
        event(0xAC, "2025-12-24 18:00:01", "page_view", None), event(0xAD, "2025-12-24 17:59:59.999999999", "order_completed", 9999999.99),
        event(0xAE, "2025-12-24 18:00:00.5", "page_view", None),
    ]


def alerts(template: Event, first: int, count: int) -> list[Event]:
    own = {"event_type": "fraud_alert", "session_id": None, "cart_value": None}
    return [template | own | {"event_id": f"alert-{number}", "customer_id": f"C{number}"} for number in range(first, first + count)]


def make(archive: Archive) -> None:
    """Two thirds in order; then some twice, some late, and the rest; then a topic is deleted and created again."""
    made = archive.generated(9_000, 7)
    first, rest = made[:6_000], made[6_000:]
    archive.create()
    archive.grow(first)
    archive.grow([*first[-40:], *rest, *made[100:120], *planted(made[0]), *alerts(made[0], 0, ALERTS)])
    archive.replace("fraud-alerts")
    archive.grow(alerts(made[0], ALERTS, ALERTS_LATER), "--new-epoch", "fraud-alerts")
    # No link names these. The first has the form of a segment's key, and the rows of one.
    segment = next(path for path in archive.objects("data") if archive.topics["payments"] in path)
    archive.write(segment.replace(".parquet", "-r7.parquet"), archive.read(segment))
    archive.write(f"{archive.place}/data/{archive.topics['payments']}/0/notes.parquet", archive.read(segment))


def ask(engine: str, archive: Archive, jars: Path) -> dict[int, list[Any]]:
    """What an engine answers. Runs in a process of its own, in the folder that holds files.txt."""
    command = [sys.executable, str(HERE / "ask.py"), engine, json.dumps(archive.topics)]
    given = environment.of_engine(engine, dict(archive.environment), archive.work, jars)
    ended = subprocess.run(command, cwd=archive.work, env=given, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    found = {answer["question"]: answer["rows"] for answer in map(json.loads, filter(lambda line: line.startswith("{"), ended.stdout.splitlines()))}
    if ended.returncode:
        found[QUESTIONS + 1] = [f"exit code {ended.returncode}: {ended.stderr[-3000:]}"]
    return found


def list_files(archive: Archive, document: list[Block]) -> list[str]:
    """Runs both blocks that list the files, and returns what is wrong with their agreement."""
    script = only(document, "sh", "files")
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=archive.work, env=archive.environment, check=True)
    names: dict[str, Any] = {}
    os.environ["ARCHIVE"] = archive.place
    exec(only(document, "python", "links"), names)
    listed = (archive.work / "files.txt").read_text().splitlines()
    stored = len(archive.objects("data"))
    assert len(listed) == stored - 2, f"{len(listed)} files are listed of {stored}, of which two are strangers"
    return [] if sorted(listed) == names["files"] else [f"the links name {names['files']}, kivend files {listed}"]


def faults(want: dict[int, list[Any]], got: dict[int, list[Any]]) -> list[str]:
    wrong = [f"question {question}: {first_difference(rows, got.get(question))}" for question, rows in want.items() if got.get(question) != rows]
    return wrong + [f"{rows[0]}" for question, rows in got.items() if rows and isinstance(rows[0], str)]


def first_difference(want: list[Any], got: list[Any] | None) -> str:
    if got is None:
        return "no answer"
    pairs = [(a, b) for a, b in zip(want, got, strict=False) if a != b]
    return f"{len(got)} rows instead of {len(want)}" if not pairs else f"{pairs[0][1]} instead of {pairs[0][0]}"


def main(kivend: str, jars: str) -> int:
    with tempfile.TemporaryDirectory() as work:
        archive = Archive(Path(kivend), Path(work), f"q{secrets.token_hex(4)}")
        make(archive)
        document = blocks(archive.topics)
        wrong = {"files": list_files(archive, document)}
        found = [record for topic, count in PARTITIONS.items() for record in records(archive.topics[topic], count, archive.lines(topic))]
        names: dict[str, Any] = {}
        exec(only(document, "python", "link", QUESTIONS), names)
        want = answers(archive.topics["payments"], found, names["link"])
        of_sql = want | {CURRENT: current(found, archive.topics["fraud-alerts"], ALERTS_LATER)}
        empty = [question for question, rows in want.items() if not rows]
        assert not empty, f"the test data has no answer to the questions {empty}"
        print(f"{len(found):,} records; rows of the answers: {({question: len(rows) for question, rows in want.items()})}", flush=True)

        def timed(engine: str) -> list[str]:
            began = time.monotonic()
            ended = faults(of_sql if engine in SQL_ENGINES else want, ask(engine, archive, Path(jars)))
            print(f"{engine:<12}{'FAILED' if ended else 'ok':<8}{time.monotonic() - began:5.1f} s", flush=True)
            return ended

        engines = (*SQL_ENGINES, *FRAME_ENGINES)  # Spark, the slowest, is among the first
        with ThreadPoolExecutor(2) as pool:
            wrong |= dict(zip(engines, pool.map(timed, engines), strict=True))
    for engine, of_engine in wrong.items():
        for fault in of_engine:
            print(f"{engine}: {fault}")
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
