"""Makes the golden vectors of signed reports of verifications (docs/FORMAT.md, section 8.3) for make_vectors.py: reports with each
verdict and their files, and such as each break one rule.

Shares no code with kivend or with verify_report.py.
"""

from __future__ import annotations

import json
from typing import Any

from format_writer import ARCHIVE, ARCHIVE_ID, KEY, ORIGIN, OTHER, STRANGER, Content, Key, b64, canonical, note, sha

AUDITOR = Key("auditor.example/2026", 0x31)
SUMMARY = ": 1500 records of 2 topics; not covered: Kafka"
Files = dict[str, bytes]


def said(verdict: str = "intact", **changes: Any) -> bytes:
    """The JSON report, with as much as a note names, and more that it does not name."""
    content = {"verdict": verdict, "summary": verdict + SUMMARY, "archive": {"id": ARCHIVE_ID, "name": "kivend"}, "findings": [{"code": "KV101"}],
               "run": {"software": "kivend 0.1.0", "began_at": "2026-02-03T10:15:00Z", "ended_at": "2026-02-03T10:15:09Z", "command": None}}
    return json.dumps(content | changes, indent=2).encode() + b"\n"


def files(json_: bytes | None = None) -> Files:
    return {"json": said() if json_ is None else json_, "html": "<!doctype html>ä\n".encode(), "pdf": b"%PDF-1.7\n\xff\x00"}


def named(found: Files) -> list[Content]:
    return [{"kind": kind, "name": f"report of 3 February.{kind}", "bytes": len(data), "sha256": sha(data)} for kind, data in found.items()]


def report(verdict: str = "intact", **changes: Any) -> Content:
    return {
        "type": "kivend.report/v1", "archive_id": ARCHIVE_ID, "archive_sha256": sha(ARCHIVE), "origin": ORIGIN, "checkpoint": {"number": 7, "root": sha(b"root")},
        "software": "kivend 0.1.0", "began_at": "2026-02-03T10:15:00Z", "ended_at": "2026-02-03T10:15:09Z",
        "verdict": verdict, "summary": verdict + SUMMARY, "files": named(files(said(verdict))),
    } | changes


def one(kind: str, data: bytes, name: str = "r", **changes: Any) -> tuple[Content, Files]:
    """A report with one file."""
    file = {"kind": kind, "name": name, "bytes": len(data), "sha256": sha(data)}
    return report(files=[file], **changes), {name: data}


def beside(found: Files) -> Files:
    return {f"report of 3 February.{kind}": data for kind, data in found.items()}


def valid() -> list[tuple[str, Content, Files, Key]]:
    unknown = {"archive_id": None, "archive_sha256": None, "origin": None, "checkpoint": None}
    without = said("unverifiable", archive={"id": None})
    shorter = {name: value for name, value in json.loads(said()).items() if name != "findings"}
    return [
        *((verdict, report(verdict), beside(files(said(verdict))), KEY) for verdict in ("intact", "unverifiable", "incomplete", "tampered")),
        ("signed by an auditor", report(), beside(files()), AUDITOR), ("no checkpoint", report(checkpoint=None), beside(files()), KEY),
        ("an archive that could not be read", *one("json", without, verdict="unverifiable", summary="unverifiable" + SUMMARY, **unknown), KEY),
        ("the page alone", *one("html", b"<p>"), KEY), ("an empty file", *one("pdf", b""), KEY), ("JSON of another version", *one("json", json.dumps(shorter | {"new": [1.5]}).encode()), KEY),
        ("a name of 255 bytes", *one("html", b"<p>", "ä" * 127 + "n"), KEY), ("a name with a dot and spaces", *one("html", b"<p>", ". ..x "), KEY),
        ("the words that a verdict needs and no more", *one("html", b"<p>", summary="intact: "), KEY),
    ]


def broken() -> list[tuple[str, Content]]:
    base = report()
    first, second, _ = base["files"]
    reordered = {name: base[name] for name in ["type", *sorted(list(base)[1:])]}
    identity = [(f"an archive without {name}", report(**{name: None})) for name in ("archive_id", "archive_sha256", "origin")]
    names = ["", ".", "..", "a/b", "../r", "/r", "a\\b", "a\nb", "a\0b", "a\x7fb", "a\x85b", "n" * 256, "ä" * 128]
    return identity + [(f"a file named {name[:8]!r} of {len(name.encode())} bytes", report(files=[first | {"name": name}])) for name in names] + [
        ("a checkpoint without an archive", report(archive_id=None, archive_sha256=None, origin=None)), ("an end before the beginning", report(ended_at="2026-02-03T10:14:59Z")), ("a time with a fraction", report(began_at="2026-02-03T10:15:00.5Z")), ("a day that is none", report(began_at="2026-02-30T10:15:00Z")),
        ("another verdict", report(verdict="fine", summary="fine: x")), ("a summary of another verdict", report(summary="tampered" + SUMMARY)), ("a summary without the verdict", report(summary="1500 records")), ("a summary that goes on without a space", report(summary="intact:1500")), ("a verdict that goes on", report(summary="intact or not: 1500")),
        ("no files", report(files=[])), ("a kind twice", report(files=[first, first | {"name": "r"}])), ("files in another order", report(files=[second, first])), ("another kind", report(files=[first | {"kind": "csv"}])), ("a kind in capitals", report(files=[first | {"kind": "JSON"}])),
        ("a negative length", report(files=[first | {"bytes": -1}])), ("a length beyond 63 bits", report(files=[first | {"bytes": 2**63}])), ("a hash in capitals", report(files=[first | {"sha256": first["sha256"].upper()}])), ("a member of a file too many", report(files=[first | {"more": 1}])),
        ("an id that is none", report(archive_id="kivend")), ("an origin that is none", report(origin="Kivend")), ("a checkpoint beyond 63 bits", report(checkpoint={"number": 2**63, "root": sha(b"root")})),
        ("a member too many", report(more=1)), ("a member missing", {name: base[name] for name in base if name != "software"}), ("members in another order", reordered),
        ("a note of another kind", {"type": "kivend.drill/v1"} | {name: base[name] for name in base if name != "type"}),
    ]


def differing() -> list[tuple[str, str, Content, Files]]:
    """Reports that break no rule, and other files beside them."""
    good, own = beside(files()), report()
    lines, page, print_ = good
    run = {"began_at": "2026-02-03T10:15:00Z", "ended_at": "2026-02-03T10:15:09Z"}
    texts: list[tuple[str, bytes]] = [
        ("of another verdict", said("tampered")), ("of another summary", said(summary="intact: all")), ("of another archive", said(archive={"id": "f" * 32})), ("of no archive", said(archive={})), ("of another beginning", said(run=run | {"began_at": "2026-02-03T10:14:00Z"})), ("of another end", said(run=run | {"ended_at": "2026-02-03T10:16:00Z"})),
        ("that does not say when", said(run={})), ("that is a list", b"[" + said() + b"]"), ("that is none", b"intact\n"), ("that is empty", b""), ("with a verdict twice", said().replace(b"{", b'{"verdict":"tampered",', 1)), ("with a verdict again", said().rstrip()[:-1] + b',"verdict":"intact"}'), ("with a name twice somewhere", said(findings=[]).replace(b"[]", b'[{"a":1,"a":1}]')),
        ("with a name twice, once escaped", said().replace(b"{", b'{"verdic\\u0074":"tampered",', 1)), ("with NaN", said(findings=[]).replace(b"[]", b"[NaN]")), ("with half of a surrogate pair", said(findings="\ud800")), ("that nests too deeply", said(findings=[]).replace(b"[]", b"[" * 127 + b"]" * 127)), ("after a byte order mark", b"\xef\xbb\xbf" + said()),
        ("that is not UTF-8", said(findings="?").replace(b"?", b"\xff")), ("with something after it", said() + b"{}"), ("with a comma too many", said(findings=[]).replace(b"[]", b"[1,]")),
    ]
    return [
        ("the JSON report is missing", "incomplete", own, {name: data for name, data in good.items() if name != lines}), ("the page is missing", "incomplete", own, {name: data for name, data in good.items() if name != page}), ("no file is there", "incomplete", own, {}),
        ("the page is longer", "tampered", own, good | {page: good[page] + b" "}), ("the page is shorter", "tampered", own, good | {page: good[page][:-1]}), ("the page is another of its length", "tampered", own, good | {page: good[page].replace(b"html", b"htmk")}), ("the page is empty", "tampered", own, good | {page: b""}),
        ("the print is another, and the page is missing", "tampered", own, {lines: good[lines], print_: b"%PDF-1.8\n\xff\x00"}), ("a length that is not the file's", "tampered", report(files=[own["files"][1] | {"bytes": 1}]), good), ("a length beyond all disks", "tampered", report(files=[own["files"][1] | {"bytes": 2**63 - 1}]), good),
        *((f"a JSON report {why}", "tampered", *one("json", data)) for why, data in texts),
    ]


def reports() -> dict[str, Any]:
    good = note(canonical(report()), KEY)
    texts = canonical(report())
    own = beside(files())
    judged: list[tuple[str, str, bytes, Files]] = [(why, "tampered", note(canonical(content), KEY), own) for why, content in broken()]
    judged += [(why, verdict, note(canonical(content), KEY), found) for why, verdict, content, found in differing()]
    judged += [
        ("altered after it was signed", "tampered", good.replace(b'"verdict":"intact"', b'"verdict":"intakt"'), own), ("white space", "tampered", note(texts.replace(":7,", ": 7,", 1), KEY), own),
        ("two signatures", "tampered", note(texts, KEY, OTHER), own), ("no signature", "tampered", texts.encode(), own), ("cut off", "tampered", good[:-1], own), ("something after it", "tampered", good + b"\n", own),
        ("signed by another key", "unverifiable", note(texts, STRANGER), own), ("signed by a key of another name", "unverifiable", note(texts, Key("elsewhere", 0x01)), own),
        ("version 2", "unverifiable", note(canonical(report(type="kivend.report/v2")), KEY), own), ("version 2 with nothing else", "unverifiable", note(canonical({"type": "kivend.report/v2"}), KEY), own), ("a version that is no number", "tampered", note(canonical(report(type="kivend.report/vx")), KEY), own),
    ]

    def coded(found: Files) -> dict[str, str]:
        return {name: b64(data) for name, data in found.items()}

    return {"about": "section 8.3: signed reports and the files in their folder, where keys are given; the verdict is on these, not that of the report",
            "keys": [KEY.public_text, OTHER.public_text, AUDITOR.public_text],
            "valid": [{"name": name, "verdict": content["verdict"], "object_base64": b64(note(canonical(content), key)), "files_base64": coded(found)} for name, content, found, key in valid()],
            "judged": [{"why": why, "verdict": verdict, "object_base64": b64(object_), "files_base64": coded(found)} for why, verdict, object_, found in judged]}
