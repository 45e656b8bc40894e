"""Runs every block of docs/QUERYING.md, and the files of examples/ that it names, against an archive on MinIO, and compares the answers with
those computed from an export.

    python test_document.py KIVEND JARS      needs the servers of deploy/local; JARS is a folder with Spark's

Among the files of the archive stand objects that no link names, and links that the archive's key did not sign: an answer that counts
them is wrong.
"""
from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import environment
from archive import Archive, Event
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from document import COPY, FRAME_ENGINES, SQL_ENGINES, Block, blocks, only
from expected import CUSTOMER, EVENT, answers, counts, current, named, records

HERE = Path(__file__).resolve().parent
LIMIT_SECONDS = 300
PARTITIONS = {"user-events": 6, "payments": 3, "orders": 3, "fraud-alerts": 2}
ALERTS, ALERTS_LATER = 10, 4  # before and after their topic was deleted and created again


def planted(template: Event) -> list[Event]:
    """Events with the literals of the document: one by its id, some of a customer and of an instant, amounts that doubles add up wrongly or that do not fit."""
    def event(number: int, ts: str, kind: str, amount: float | None) -> Event:
        return template | {"event_id": f"{EVENT[:-2]}{number:02x}", "ts": ts, "event_type": kind, "customer_id": CUSTOMER, "cart_value": amount}

    return [
        event(0xAA, "2025-12-24 18:00:00.000000999", "payment_attempt", 0.1), event(0xAB, "2025-12-24 18:00:00.999999", "payment_success", 0.2),
        event(0xAC, "2025-12-24 18:00:01", "page_view", None), event(0xAD, "2025-12-24 17:59:59.999999999", "order_completed", 9999999.99),
        event(0xAE, "2025-12-24 18:00:00.5", "page_view", None),
        event(0xAF, "2025-12-24 19:00:00", "payment_success", 0.125),
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


def ask(engine: str, archive: Archive, jars: Path) -> dict[str, list[Any]]:
    """What an engine answers. Runs in a process and a folder of its own."""
    folder = archive.work / f"in-{engine}"
    folder.mkdir()
    for name in ("kivend.pub", "files.txt"):
        (folder / name).write_bytes((archive.work / name).read_bytes())
    command = [sys.executable, str(HERE / "ask.py"), engine, json.dumps(archive.topics)]
    given = environment.of_engine(engine, dict(archive.environment), archive.work, jars)
    ended = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    found = {answer["question"]: answer["rows"] for answer in map(json.loads, filter(lambda line: line.startswith("{"), ended.stdout.splitlines()))}
    if ended.returncode:
        found["failure"] = [f"exit code {ended.returncode}: {ended.stderr[-3000:]}"]
    return found


def list_files(archive: Archive, document: list[Block]) -> list[str]:
    """The list of `kivend files`, in files.txt."""
    (archive.work / "kivend.pub").write_text(f"{archive.public_key}\n")
    script = only(document, "sh", "files")
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=archive.work, env=archive.environment, check=True)
    listed = (archive.work / "files.txt").read_text().splitlines()
    stored = len(archive.objects("data"))
    assert len(listed) == stored - 2, f"{len(listed)} files are listed of {stored}, of which two are strangers"
    return sorted(listed)


def forge(archive: Archive) -> None:
    """Writes what whoever may write to the bucket can: links to a stranger's segment, a copy of a true link, and bytes."""
    name, key_id, key = archive.public_key.split("+", 2)
    path = next(path for path in archive.objects("links") if f"{archive.topics['payments']}/0/0000-{0:020}" in path)
    true = archive.read(path)
    text = true.split(b"\n")[0].replace(b".parquet", b"-r7.parquet") + b"\n"
    own = Ed25519PrivateKey.generate()
    own_id = hashlib.sha256(f"{name}\n\x01".encode() + own.public_key().public_bytes_raw()).digest()[:4]
    notes = [signed(text, name, identity, own.sign(text)) for identity in (own_id, bytes.fromhex(key_id))]
    signature = base64.b64decode(true.split()[-1])[4:]
    notes += [signed(text, name, bytes.fromhex(key_id), signature), true, text, b"\xff\x00", b""]
    for attempt, note in enumerate(notes, 1):
        archive.write(path.replace(".note", f"-r{attempt}.note"), note)


def signed(text: bytes, name: str, key_id: bytes, signature: bytes) -> bytes:
    return text + f"\n— {name} {base64.b64encode(key_id + signature).decode()}\n".encode()


def check_links(archive: Archive, document: list[Block], listed: list[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Runs the blocks that list the files and copy them without kivend. Returns the links, and what is wrong."""
    names: dict[str, Any] = {}
    os.environ["ARCHIVE"] = archive.place
    os.chdir(archive.work)
    exec(only(document, "python", "links"), names)
    wrong = [] if names["files"] == listed else [f"the links name {names['files']}, kivend files {listed}"]
    if Path("files.txt").read_text().splitlines() != listed:
        wrong.append("the links' files.txt is not that of kivend files")
    if of_folder(archive, document) != listed:
        wrong.append("the links of a folder name other files than those of the bucket")
    changed = next(link for link in names["links"] if link["segment"])
    of_other = changed["segment"] | {"sha256": hashlib.sha256(b"").hexdigest()}
    try:
        exec(only(document, "python", "copy"), names | {"links": [changed | {"segment": of_other}]})
        wrong.append("a segment was copied that is not what was signed")
    except SystemExit:
        pass
    return names["links"], wrong


def of_folder(archive: Archive, document: list[Block]) -> list[str]:
    """What the block lists for a bucket that was copied to a folder."""
    folder = archive.work / "bucket"
    for path in archive.objects("links"):
        note = folder / path
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_bytes(archive.read(path))
    text = only(document, "python", "links").replace('os.environ["ARCHIVE"]', repr(str(folder / archive.place)))
    text = text.replace('S3FileSystem(endpoint_override=os.environ.get("AWS_ENDPOINT_URL"))', "LocalFileSystem()")
    assert "S3FileSystem" not in text
    names: dict[str, Any] = {}
    exec(text, names)
    return list(names["files"])


def of_links(archive: Archive, found: list[Any], links: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """The answers that the links give."""
    payments = archive.topics["payments"]
    link = next(link for link in links if (link["topic"], link["partition"], link["first_offset"]) == (payments, 0, 0))
    agreeing = ("bytes", "records", "offsets", "first time", "last time")
    said = [link["record_count"], 0, link["next_offset"] - 1, link["min_timestamp_ms"], link["max_timestamp_ms"]]
    return {
        "count": counts(found), "place": [[f"data/{payments}/0/0000-{0:020}.parquet"]],
        "segment": [[name, True] for name in agreeing], "segment in SQL": [said],
    }


def faults(want: dict[str, list[Any]], got: dict[str, list[Any]]) -> list[str]:
    wrong = [f"question {question}: {first_difference(rows, got.get(question))}" for question, rows in want.items() if got.get(question) != rows]
    return wrong + [f"{rows[0]}" for question, rows in got.items() if rows and isinstance(rows[0], str)]


def first_difference(want: list[Any], got: list[Any] | None) -> str:
    if got is None:
        return "no answer"
    pairs = [(a, b) for a, b in zip(want, got, strict=False) if a != b]
    return f"{len(got)} rows instead of {len(want)}" if not pairs else f"{pairs[0][1]} instead of {pairs[0][0]}"


def main(kivend: str, jars: str) -> int:
    with tempfile.TemporaryDirectory() as work:
        archive, began = Archive(Path(kivend), Path(work), f"q{secrets.token_hex(4)}"), datetime.now(timezone.utc)
        make(archive)
        document = blocks(archive.topics)
        listed = list_files(archive, document)
        found = [record for topic, count in PARTITIONS.items() for record in records(archive.topics[topic], count, archive.lines(topic))]
        forge(archive)
        links, of_files = check_links(archive, document, listed)
        wrong = {"files": of_files}
        want = answers(archive.topics["payments"], found)
        empty = [question for question, rows in want.items() if not rows]
        assert not empty, f"the test data has no answer to the questions {empty}"
        of_sql = want | named(found, links, began) | {"current": current(found, archive.topics["fraud-alerts"], ALERTS_LATER)}
        expected = dict.fromkeys(FRAME_ENGINES, want) | dict.fromkeys(SQL_ENGINES, of_sql) | {COPY: of_sql | of_links(archive, found, links)}
        print(f"{len(found):,} records; rows of the answers: {({question: len(rows) for question, rows in of_sql.items()})}", flush=True)

        def timed(engine: str) -> list[str]:
            began = time.monotonic()
            ended = faults(expected[engine], ask(engine, archive, Path(jars)))
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
