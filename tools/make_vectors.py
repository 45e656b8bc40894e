"""Writes the golden vectors of docs/FORMAT.md to tests/vectors/, from that text alone.

It shares no code with the Rust crate or with the verifiers, so the vectors compare three implementations of one text. The
output is always the same: nothing is random or depends on the time. The expected results of projections are literals
written by hand (make_projections.py), never computed.

    python tools/make_vectors.py [FOLDER]        (needs `cryptography`)

The layout of the files, beside what their members say. `object_base64` is a whole object. `class` is that of section 1.2:
valid, junk, replay, broken or unknown. Keys, signers and witnesses are given as public text. Lists of heads' places are
`[topic, partition, height]`.

entries.json    `logs`: a log whose archive.json names change keys, and one whose `keys` sign changes. Of each entry in order:
                `leaf` (text), `leaf_hash`, `peaks_before` (its `tree`), `root` (over leaves 0 to number), `checkpoint_text`,
                `checkpoints` by each `signer`, and `after`: what holds once it is taken: `keys` and `change_keys` in force,
                `changes` (as the next entry names them), `below` (retention) and `terms` of every key so far: `added_by` and
                `retired_by` (numbers of entries, null where archive.json names it or it is in force), `links_above` (heights
                above which its links count; partitions not listed count from 0), `links_certain_up_to` (heads of the entry
                that retires it, null where none does), `links_up_to` (heads of the first entry after; partitions not listed
                count in no height; null where no such entry stands).
                `links_count`: whether a link of this key at this place in the chain counts after the whole log (null: the
                next entry will tell).
                `judged_entries`: an object at `number`, where entries 0 to number − 1 of the log were taken, and its class.
                `judged_checkpoints`: an object at the place of a checkpoint, where the whole log was taken.
                `above`: the verdict on the log alone, without the links that it names, of `taken` entries with their
                checkpoints and one more object, an entry or a checkpoint (`kind`: log or checkpoints), at `number`.
cosignatures.json  lines over one checkpoint by `witnesses`; `prove_nothing` are noted, whichever witness is asked.
links.json      `valid`: links at the place that they name. `judged`: objects at the place of epoch 0, offset 0. All of this in
                an archive whose `keys` are `signer` and `also_known`; steps 1 to 9 of section 1.2 alone, no chain.
                `chains`: links from the genesis on, all signed by the key of archive.json; whether the last one continues
                the others, which do continue each other.
proofs.json     whole files with what the verifier is `given`, and the verdict. Every valid one is intact with each of the
                `given` of its own list.
reports.json    signed reports, with the files in their folder by name; the verdict is on the report and its files.
archive.json, notes.json, merkle.json, records.json and drills.json explain themselves.
"""
from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from format_writer import (
    ARCHIVE, ARCHIVE_ID, CHANGER, ED25519, KEY, ORIGIN, OTHER, WITNESS,
    Key, b64, canonical, encoding, flip_signature, genesis, identity, leaf, merkle, note, optional_b64, path, sha, subproof,
)
from log_writer import peaks
from make_drills import drills
from make_link_vectors import links
from make_log_vectors import cosignatures, entries
from make_forged_segments import forged_segments
from make_projections import projections
from make_proofs import proofs
from make_reports import reports
from proof_writer import several

VECTORS = Path(__file__).resolve().parent.parent / "tests" / "vectors"
PRIME = 2**255 - 19


# ---- records and trees ------------------------------------------------------------------------------------------------
def records() -> dict[str, Any]:
    topic, partition = "payments", 1
    delivered: list[tuple[str, int, int, int, bytes | None, bytes | None, list[tuple[bytes, bytes | None]]]] = [
        ("plain", 0, 0, 1763559062594, b"customer-1", b'{"event_id":"e1"}', []),
        ("null key and null value (a tombstone has a key; this has nothing)", 1, 0, 1763559062595, None, None, []),
        ("empty key and empty value are not null", 2, 0, 1763559062596, b"", b"", []),
        ("a tombstone", 3, 0, 1763559062597, b"customer-1", None, []),
        ("log append time", 4, 1, 1763559062598, b"k", b"v", []),
        ("create time -1 is no time", 5, 0, -1, b"k", b"v", []),
        ("log append time -1 is no time", 6, 1, -1, b"k", b"v", []),
        ("create time -5 is a time", 7, 0, -5, b"k", b"v", []),
        ("time 0", 8, 0, 0, b"k", b"v", []),
        ("headers repeated, in order, null and empty values", 9, 0, 1, b"k", b"v",
         [(b"trace", b"1"), (b"trace", b"2"), (b"a", None), (b"a", b""), (b"", b"empty name")]),
        ("header name and bytes that are not UTF-8", 10, 0, 1, b"\xff\xfe", b"\x80\x00", [(b"\xc3\x28", b"\xff")]),
        ("offset beyond 2^53", 9007199254740993, 0, 9223372036854775807, b"k", b"v" * 300, []),
    ]
    cases, leaves = [], []
    for name, offset, kind, ms, key, value, headers in delivered:
        bytes_ = encoding(topic, partition, offset, kind, ms, key, value, headers)
        leaves.append(leaf(bytes_))
        cases.append({"name": name, "offset": offset, "delivered_timestamp_type": kind, "delivered_timestamp_ms": ms,
                      "key_base64": optional_b64(key), "value_base64": optional_b64(value),
                      "headers": [{"name_base64": b64(n), "value_base64": optional_b64(v)} for n, v in headers],
                      "encoding_hex": bytes_.hex(), "leaf": leaves[-1].hex()})
    return {"about": "section 7.1: record -> encoding -> leaf; records_root over all cases in order",
            "topic": topic, "partition": partition, "cases": cases, "records_root": merkle(leaves).hex()}


def choices(count: int) -> list[list[int]]:
    """All lists of ascending indices; of a larger tree those of each length at its beginning and at its end."""
    if count <= 5:
        return [[index for index in range(count) if choice >> index & 1] for choice in range(1, 1 << count)]
    return [[*range(length)] for length in range(1, count + 1)] + [[*range(count - length, count)] for length in range(1, count)]


def trees() -> dict[str, Any]:
    cases = []
    for count in range(11):
        leaves = [leaf(b"leaf %d" % i) for i in range(count)]
        cases.append({"leaf_count": count, "root": merkle(leaves).hex(), "peaks": [peak.hex() for peak in peaks(leaves)],
                      "paths": [[step.hex() for step in path(i, leaves)] for i in range(count)],
                      "consistency": [{"from": m, "path": [step.hex() for step in subproof(m, leaves, True)]} for m in range(1, count + 1)],
                      "joint": [{"of": of, "path": [step.hex() for step in several(leaves, of)]} for of in choices(count)]})
    return {"about": "section 0: leaf i is SHA-256(0x00 || 'leaf <i>'); root, peaks, the inclusion and consistency paths of RFC 9162, and joint paths: of each choice of leaves in small trees",
            "cases": cases}


# ---- notes and identity -------------------------------------------------------------------------------------------------
def notes() -> dict[str, Any]:
    text = "hello\nworld é\n"
    good = note(text, KEY)
    line = KEY.line(text).encode()
    loose = line[:-3] + {b"=": b"=="}.get(line[-2:-1], line[-2:-1]) + b"\n"
    invalid = [
        ("signed by an unknown key", note(text, OTHER)),
        ("text changed after signing", good.replace(b"hello", b"hullo")),
        ("one bit of the signature turned", text.encode() + b"\n" + flip_signature(line)),
        ("two signature lines where one is due", note(text, KEY, OTHER)),
        ("the same signature line twice", good + line),
        ("no signature line", text.encode() + b"\n"),
        ("no empty line", text.encode() + line),
        ("something after the signature", good + b"x"),
        ("an empty line after the signature", good + b"\n"),
        ("no final newline", good[:-1]),
        ("carriage return and newline", good[:-1] + b"\r\n"),
        ("hyphen instead of the em dash", good.replace("—".encode(), b"-")),
        ("two spaces before the signature", text.encode() + b"\n" + line.replace(KEY.name.encode() + b" ", KEY.name.encode() + b"  ")),
        ("base64 without its padding or with bits beyond it", text.encode() + b"\n" + loose),
        ("key id of another key", text.encode() + b"\n" + replace_id(line, OTHER.id)),
        ("name of another origin", text.encode() + b"\n" + line.replace(KEY.name.encode(), b"elsewhere")),
        ("not UTF-8", b"\xff\n\n" + line),
        ("a control character in the text", note("hello\tworld\n", KEY)), ("S beyond the order of the curve", text.encode() + b"\n" + malleable(line)),
        ("R of small order", text.encode() + b"\n" + neutral_r(text)),
        ("a cosignature beside the signature", good + WITNESS.cosignature(text, 1).encode()),
        ("nothing at all", b""),
    ]
    keys = [{"name": k.name, "seed_hex": k.seed.hex(), "id": k.id.hex(), "public": k.public_text,
             "private": k.private_text} for k in (KEY, OTHER)]
    bad_keys = [("no name", KEY.public_text.split("+", 1)[1]), ("id of another key", KEY.public_text.replace(KEY.id.hex(), OTHER.id.hex())),
                ("id in capitals", KEY.public_text.replace(KEY.id.hex(), KEY.id.hex().upper())),
                ("id of 6 digits", KEY.public_text.replace(KEY.id.hex(), KEY.id.hex()[:6])),
                ("another algorithm", f"{KEY.name}+{KEY.id.hex()}+" + b64(b"\x02" + KEY.public)),
                ("31 bytes", f"{KEY.name}+{KEY.id.hex()}+{b64(ED25519 + KEY.public[:-1])}"),
                ("a witness's", WITNESS.public_text), ("base64 of the URL alphabet", KEY.public_text.replace("+", "-").replace("/", "_")),
                ("a space after it", KEY.public_text + " "), ("nothing", "")]
    bad_keys += [(why, vkey_of(raw)) for why, raw in bad_points()]
    return {"about": "section 2: only keys[0] is in force; small_order are notes that verify only where a key or R of small order is not refused", "keys": keys,
            "invalid_public_keys": [{"why": why, "public": text} for why, text in bad_keys],
            "valid": [{"name": "text of two lines", "text": text, "object_base64": b64(good), "sha256": sha(good)}],
            "invalid": [{"why": why, "object_base64": b64(object_)} for why, object_ in invalid],
            "small_order": small_order(text)}


def little(number: int, sign: int = 0) -> bytes:
    return (number | sign << 255).to_bytes(32, "little")


def vkey_of(raw: bytes) -> str:
    return f"{ORIGIN}+{sha(ORIGIN.encode() + chr(10).encode() + ED25519 + raw)[:8]}+{b64(ED25519 + raw)}"


def bad_points() -> list[tuple[str, bytes]]:
    """32 bytes that are no key: the eight points of small order, encodings that are not canonical, and no point."""
    eighth = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
    small = [(1, 0), (1, 1), (PRIME - 1, 0), (PRIME - 1, 1), (0, 0), (0, 1), (eighth, 0), (eighth, 1), (PRIME - eighth, 0), (PRIME - eighth, 1)]
    found = [(f"a point of small order, {n}", little(y, sign)) for n, (y, sign) in enumerate(small)]
    found += [(f"a point that is not encoded canonically, y is the prime and {n} more", little(PRIME + n)) for n in (0, 1, 3, 4)]
    return [*found, ("no point of the curve", little(2))]


def small_order(text: str) -> list[dict[str, str]]:
    """Under a key of small order a signature by nobody verifies over some texts: R = A = the neutral element and S = 0 over all."""
    neutral = little(1)
    public = vkey_of(neutral)
    line = f"— {ORIGIN} {b64(bytes.fromhex(public.split('+')[1]) + neutral + little(0))}\n"
    return [{"why": "A and R are the neutral element, S is 0", "public": public, "object_base64": b64((text + "\n" + line).encode())}]


def neutral_r(text: str) -> bytes:
    """A signature whose R is the neutral element, which the key's holder can make: S is the hash times the secret scalar."""
    secret = bytearray(hashlib.sha512(KEY.seed).digest()[:32])
    secret[0], secret[31] = secret[0] & 248, secret[31] & 127 | 64
    r, order = little(1), 2**252 + 27742317777372353535851937790883648493
    hashed = int.from_bytes(hashlib.sha512(r + KEY.public + text.encode()).digest(), "little")
    s = hashed * int.from_bytes(bytes(secret), "little") % order
    return f"— {KEY.name} {b64(KEY.id + r + little(s))}\n".encode()


def malleable(line: bytes) -> bytes:
    """The same signature with the order of the curve added to S."""
    head, coded = line.rstrip(b"\n").rsplit(b" ", 1)
    raw = base64.b64decode(coded)
    s = int.from_bytes(raw[36:], "little") + 2**252 + 27742317777372353535851937790883648493
    return head + b" " + base64.b64encode(raw[:36] + s.to_bytes(32, "little")) + b"\n"


def replace_id(line: bytes, id_: bytes) -> bytes:
    head, coded = line.rstrip(b"\n").rsplit(b" ", 1)
    return head + b" " + base64.b64encode(id_ + base64.b64decode(coded)[4:]) + b"\n"


def archive() -> dict[str, Any]:
    text = ARCHIVE.decode()
    changed: list[tuple[str, str]] = [
        ("space after a colon", text.replace('":"kivend.archive', '": "kivend.archive')),
        ("no final newline", text[:-1]), ("two final newlines", text + "\n"),
        ("byte order mark", "\ufeff" + text),
        ("type of version 2", text.replace("archive/v1", "archive/v2")),
        ("archive name in capitals", text.replace('"archive":"kivend"', '"archive":"Kivend"')),
        ("empty archive name", text.replace('"archive":"kivend"', '"archive":""')),
        ("origin in capitals", text.replace(f'"origin":"{ORIGIN}"', f'"origin":"{ORIGIN.upper()}"')), ("no origin", text.replace(f'"origin":"{ORIGIN}",', "")), ("an empty origin", text.replace(ORIGIN, "")),
        ("an origin that its keys are not named by", text.replace(f'"origin":"{ORIGIN}"', '"origin":"kivend/elsewhere"')), ("an origin with a plus", text.replace(ORIGIN, "kivend+")), ("no change keys", text.replace(',"change_keys":[]', "")),
        ("a key in both lists", identity([KEY], [KEY]).decode()), ("a change key twice", identity([KEY], [CHANGER, CHANGER]).decode()), ("only change keys", identity([], [CHANGER]).decode()), ("a change key of another name", identity([KEY], [Key("elsewhere", 0x11)]).decode()),
        ("a key of small order", text.replace(KEY.public_text, vkey_of(little(1)))), ("an origin of 129 characters", identity_of("k" * 129)),
        ("archive name of 64 characters", text.replace('"archive":"kivend"', f'"archive":"{"k" * 64}"')),
        ("id of 31 digits", text.replace(ARCHIVE_ID, ARCHIVE_ID[:-1])), ("id in capitals", text.replace(ARCHIVE_ID, ARCHIVE_ID.upper())),
        ("time with a fraction", text.replace("10:00:00Z", "10:00:00.0Z")), ("time that no calendar has", text.replace("2026-02-03", "2026-02-30")),
        ("time with an offset", text.replace("10:00:00Z", "10:00:00+00:00")),
        ("no keys", text.replace(f'["{KEY.public_text}"]', "[]")), ("one key twice", text.replace(f'["{KEY.public_text}"]', f'["{KEY.public_text}","{KEY.public_text}"]')),
        ("a key that is none", text.replace(KEY.public_text, "x+00000000+AA==")),
        ("a field too many", text.replace("}\n", ',"more":1}\n')), ("a field twice", text.replace('"archive":', '"id":"","archive":', 1)),
        ("fields in another order", text.replace('"type":"kivend.archive/v1","archive":"kivend"', '"archive":"kivend","type":"kivend.archive/v1"')),
        ("a character escaped that is raw in canonical JSON", text.replace('"kivend"', '"\\u006bivend"')),
    ]
    others = [("with a change key", identity([KEY], [CHANGER])), ("two of each", identity([KEY, OTHER], [CHANGER, Key(ORIGIN, 0x12)])), ("an origin of 128 characters", identity_of("k" * 128).encode()), ("an origin like a host", identity_of("archive.example/a_b-c").encode())]
    places = [("payments", 0), ("payments", 1), ("user-events", 11), ("a.b_c-D", 2147483647)]
    return {"about": "sections 2 and 6: archive.json, its hash, and the genesis hash of partitions", "object_base64": b64(ARCHIVE),
            "sha256": sha(ARCHIVE), "archive": "kivend", "id": ARCHIVE_ID, "origin": ORIGIN, "keys": [KEY.public_text],
            "valid": [{"name": name, "object_base64": b64(object_), "sha256": sha(object_)} for name, object_ in others],
            "genesis": [{"topic": t, "partition": p, "sha256": genesis(t, p)} for t, p in places],
            "invalid": [{"why": why, "object_base64": b64(object_.encode())} for why, object_ in changed]}


def identity_of(origin: str) -> str:
    content = json.loads(ARCHIVE) | {"origin": origin, "keys": [Key(origin, 0x01).public_text]}
    return canonical(content)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else VECTORS
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in {"records": records, "merkle": trees, "notes": notes, "archive": archive, "entries": entries, "cosignatures": cosignatures,
                       "links": links, "projection": projections, "proofs": proofs, "drills": drills, "reports": reports, "forged_segments": forged_segments}.items():
        (folder / f"{name}.json").write_text(json.dumps(make(), indent=1, ensure_ascii=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
