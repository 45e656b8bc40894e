"""What the verifiers of signed reports share (verify_drill.py, verify_report.py): the note with its one signature line, and the
options of the command line."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from folder import read_file
from kinds import archive_key
from notes import Unknown, canonical, demand, fits, read_note, signed
from places import type_of

LARGEST_FILE = 64 << 20


def open_report(data: bytes, keys: list[Any], kind: str, shape: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """The content of a report of this kind, and the given key that signed it."""
    note = read_note(data)
    demand(len(note.lines) == 1, "not exactly one signature line")
    key = next((key for key in keys if key.id == note.lines[0][0]), None)
    if key is None:
        raise Unknown("none of the given keys signed it")
    demand(signed(note, key), "the signature does not verify: it was altered after it was signed")
    type_, found = type_of(note.text)
    if type_ != f"kivend.{kind}/v1" and re.fullmatch(rf"kivend\.{kind}/v[0-9]{{1,9}}", type_):
        raise Unknown(f"unknown type {type_}")
    demand(fits(found, shape), "not the members of a report")
    return canonical(note.text), key


def judged(read: Callable[[], dict[str, Any]]) -> tuple[str, str, dict[str, Any] | None]:
    """The verdict, why, and the report if it counts."""
    try:
        return "intact", "", read()
    except Unknown as why:
        return "unverifiable", str(why), None
    except Exception as why:  # Any failure of a reader is a broken rule.
        return "tampered", str(why), None


def arguments(about: str, whose: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", action="append", required=True, metavar="PUBLIC", help=f"{whose}; may be repeated")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def given_file(options: argparse.Namespace, kind: str, what: str) -> tuple[list[Any], bytes] | None:
    """The keys and the file, or None after saying why they cannot be used."""
    try:
        keys, data = [archive_key(key) for key in options.key], read_file(options.file, LARGEST_FILE)
    except Exception as why:
        print(why, file=sys.stderr)
        return None
    if not data.startswith(f'{{"type":"kivend.{kind}/'.encode()):
        print(f"not {what}: {options.file}", file=sys.stderr)
        return None
    return keys, data


def print_json(**told: Any) -> None:
    print(json.dumps(told))
