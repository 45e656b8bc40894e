#!/usr/bin/env python3
"""Verifies the signed report of a verification (docs/FORMAT.md, section 8.3) offline: who signed it, its form, and the files beside it.

It shares no code with kivend, reads only the file and those that it names, and needs only the standard library and `cryptography`.

    python tools/verify_report.py FILE --key PUBLIC… [--json]

Exit codes: 10 the report or a file was altered, 11 a file is missing, 12 none of the keys signed it, 2 wrong usage; else the
verdict of the verification: 0 intact, 10 tampered, 11 incomplete, 12 unverifiable.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from folder import TooLarge, Unreadable, read_file
from kinds import is_ascending
from notes import COUNT, HASH, ID, ORIGIN, TEXT, Missing, demand, is_time
from report_note import arguments, given_file, judged, open_report, print_json
from strict_json import parse_json

KINDS = ["json", "html", "pdf"]
FILE = {"kind": "|".join(KINDS), "name": TEXT, "bytes": COUNT, "sha256": HASH}
REPORT = {
    "type": "kivend[.]report/v1", "archive_id": (ID,), "archive_sha256": (HASH,), "origin": (ORIGIN,),
    "checkpoint": ({"number": COUNT, "root": HASH},), "software": TEXT, "began_at": is_time, "ended_at": is_time,
    "verdict": "intact|unverifiable|incomplete|tampered", "summary": TEXT, "files": [FILE],
}
EXIT_CODES = {"intact": 0, "tampered": 10, "incomplete": 11, "unverifiable": 12}
# A file beside the report by its name, of at most so many bytes; raises Missing or TooLarge.
Reader = Callable[[str, int], bytes]


def check_content(found: dict[str, Any]) -> None:
    """The rules of section 8.3 that the content alone can break."""
    parts = [found[name] is None for name in ("archive_id", "archive_sha256", "origin")]
    demand(not any(parts) or all(parts) and found["checkpoint"] is None, "a part of the archive's identity only")
    demand(found["began_at"] <= found["ended_at"], "it ended before it began")
    demand(found["summary"].startswith(found["verdict"] + ": "), "its summary does not begin with the verdict")
    demand(found["files"] and is_ascending([KINDS.index(file["kind"]) for file in found["files"]]), "the files are not in order, each kind once")
    demand(all(is_file_name(file["name"]) for file in found["files"]), "the name of a file is not that of a file beside it")


def is_file_name(name: str) -> bool:
    is_plain = not re.search(r"[\x00-\x1f\x7f-\x9f/\\]", name) and name not in (".", "..")
    return is_plain and 1 <= len(name.encode()) <= 255


def check_file(found: dict[str, Any], file: dict[str, Any], read: Reader) -> None:
    try:
        data = read(file["name"], file["bytes"])
    except Missing:
        raise Missing(f"a file that it names is missing: {file['name']}") from None
    except TooLarge:
        data = b""
    signed = (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"])
    demand(signed, f"a file that it names is not the one that was signed: {file['name']}")
    if file["kind"] == "json":
        demand(says_the_same(found, data), f"its verdict is not that of the JSON report: {file['name']}")


def says_the_same(found: dict[str, Any], data: bytes) -> bool:
    try:
        # Of each member its value and its source text.
        said = parse_json(data.decode())
        archive, run = said["archive"][0], said["run"][0]
        own = [said["verdict"][0], said["summary"][0], archive.get("id", (None,))[0], run["began_at"][0], run["ended_at"][0]]
    except Exception:  # What has none of these is another file.
        return False
    return own == [found[name] for name in ("verdict", "summary", "archive_id", "began_at", "ended_at")]


def verify(data: bytes, keys: list[Any], read: Reader) -> tuple[str, str, dict[str, Any] | None]:
    """Returns the verdict on the note and its files, why, and the report if its note counts. What cannot be read is raised."""
    def read_note() -> dict[str, Any]:
        found, _ = open_report(data, keys, "report", REPORT)
        check_content(found)
        return found

    verdict, detail, report = judged(read_note)
    for file in report["files"] if report else []:
        try:
            check_file(report or {}, file, read)
        except Missing as why:
            verdict, detail = (verdict, detail) if verdict == "tampered" else ("incomplete", str(why))
        except Unreadable:
            raise
        except Exception as why:  # Any other difference is graver.
            if verdict != "tampered":
                verdict, detail = "tampered", str(why)
    return verdict, detail, report


def main() -> int:
    options = arguments("Verifies the signed report of a verification of a kivend archive, offline.", "the public key of who signed it, from a trusted source")
    given = given_file(options, "report", "the signed report of a verification")
    if given is None:
        return 2
    folder: Path = options.file.parent
    try:
        verdict, detail, report = verify(given[1], given[0], lambda name, limit: read_file(folder / name, limit))
    except Unreadable as why:
        print(f"a file that it names cannot be read: {why}", file=sys.stderr)
        return 2
    if options.json:
        print_json(verdict=verdict, detail=detail, report=report)
    elif report is None:
        print(f"{verdict}: the report proves nothing: {detail}")
    else:
        print(f"{verdict}: {detail or 'the report and its files are those that were signed'}")
        print(f"{report['summary']}\narchive {report['origin']} ({report['archive_id']}), verified {report['began_at']} to {report['ended_at']}")
    return EXIT_CODES[report["verdict"] if report and verdict == "intact" else verdict]


if __name__ == "__main__":
    sys.exit(main())
