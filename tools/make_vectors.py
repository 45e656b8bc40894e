"""Writes the golden vectors of docs/FORMAT.md to tests/vectors/, from that text alone.

It shares no code with the Rust crate or with verify.py, so the vectors compare three implementations of one text. The output
is always the same: nothing is random or depends on the time. The expected results of projections are literals written by
hand (make_projections.py), never computed.

    python tools/make_vectors.py [FOLDER]        (needs `cryptography`)
"""
from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any, Callable

from format_writer import (
    ARCHIVE,
    ARCHIVE_ID,
    ED25519,
    KEY,
    OTHER,
    SEGMENT,
    Content,
    after,
    b64,
    canonical,
    encoding,
    first_link,
    genesis,
    leaf,
    lost,
    merkle,
    note,
    nothing,
    optional_b64,
    path,
    rejected,
    sha,
)
from make_projections import projections
from make_proofs import proofs

VECTORS = Path(__file__).resolve().parent.parent / "tests" / "vectors"


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
    return {"about": "section 2: record -> encoding -> leaf; records_root over all cases in order",
            "topic": topic, "partition": partition, "cases": cases, "records_root": merkle(leaves).hex()}


def trees() -> dict[str, Any]:
    cases = []
    for count in range(11):
        leaves = [leaf(b"leaf %d" % i) for i in range(count)]
        cases.append({"leaf_count": count, "root": merkle(leaves).hex(),
                      "paths": [[step.hex() for step in path(i, leaves)] for i in range(count)]})
    return {"about": "sections 2 and 8: leaf i is SHA-256(0x00 || 'leaf <i>'); root and inclusion paths of RFC 9162",
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
        ("two spaces before the signature", text.encode() + b"\n" + line.replace(b"archiver ", b"archiver  ")),
        ("base64 without its padding or with bits beyond it", text.encode() + b"\n" + loose),
        ("key id of another key", text.encode() + b"\n" + replace_id(line, OTHER.id)),
        ("name of another key", text.encode() + b"\n" + line.replace(KEY.name.encode(), OTHER.name.encode())),
        ("not UTF-8", b"\xff\n\n" + line),
        ("nothing at all", b""),
    ]
    keys = [{"name": k.name, "seed_hex": k.seed.hex(), "id": k.id.hex(), "public": k.public_text,
             "private": k.private_text} for k in (KEY, OTHER)]
    bad_keys = [("no name", KEY.public_text.split("+", 1)[1]), ("id of another key", KEY.public_text.replace(KEY.id.hex(), OTHER.id.hex())),
                ("id in capitals", KEY.public_text.replace(KEY.id.hex(), KEY.id.hex().upper())),
                ("id of 6 digits", KEY.public_text.replace(KEY.id.hex(), KEY.id.hex()[:6])),
                ("another algorithm", f"{KEY.name}+{KEY.id.hex()}+" + b64(b"\x02" + KEY.public)),
                ("31 bytes", f"{KEY.name}+{KEY.id.hex()}+{b64(ED25519 + KEY.public[:-1])}"),
                ("a space after it", KEY.public_text + " "), ("nothing", "")]
    return {"about": "section 3: only keys[0] is in force", "keys": keys,
            "invalid_public_keys": [{"why": why, "public": text} for why, text in bad_keys],
            "valid": [{"name": "text of two lines", "text": text, "object_base64": b64(good), "sha256": sha(good)}],
            "invalid": [{"why": why, "object_base64": b64(object_)} for why, object_ in invalid]}


def flip_signature(line: bytes) -> bytes:
    head, coded = line.rstrip(b"\n").rsplit(b" ", 1)
    raw = bytearray(base64.b64decode(coded))
    raw[20] ^= 1
    return head + b" " + base64.b64encode(bytes(raw)) + b"\n"


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
    places = [("payments", 0), ("payments", 1), ("user-events", 11), ("a.b_c-D", 2147483647)]
    return {"about": "sections 3 and 4: archive.json, its hash, and the genesis hash of partitions", "object_base64": b64(ARCHIVE),
            "sha256": sha(ARCHIVE), "archive": "kivend", "id": ARCHIVE_ID, "keys": [KEY.public_text],
            "genesis": [{"topic": t, "partition": p, "sha256": genesis(t, p)} for t, p in places],
            "invalid": [{"why": why, "object_base64": b64(object_.encode())} for why, object_ in changed]}


# ---- links ------------------------------------------------------------------------------------------------------------------
def links() -> dict[str, Any]:
    base = first_link()
    renamed = SEGMENT + "-r1.parquet"
    valid: list[tuple[str, Content]] = [
        ("the first link", base),
        ("nothing but a gap at shutdown", nothing(base, 0, 3)),
        ("a declared loss", lost(base, 0, 2500)),
        ("no timestamp in any record", base | {"min_timestamp_ms": None, "max_timestamp_ms": None}),
        ("negative timestamps", base | {"min_timestamp_ms": -5, "max_timestamp_ms": -5}),
        ("a topic id", base | {"topic_id": "AAAAAAAAQACAAAAAAAAAAA"}),
        ("the plain key was rejected", base | {"segment": base["segment"] | {"key": renamed}, "rejected": [rejected(SEGMENT + ".parquet", "unreadable")]}),
        ("ours is the plain key, -r1 and -r2 are not", base | {"rejected": [rejected(renamed, "differs"), rejected(SEGMENT + "-r2.parquet", "differs")]}),
        ("text that canonical JSON escapes", base | {"sealed_by": "a\"b\\c\b\t\n\f\r\x00\x1f é \u2028"}),
        ("text that canonical JSON leaves raw", base | {"sealed_by": "\x7f\x80\x9f/"}),
    ]
    return {"about": "section 4: each object is one signed note; the key of notes.json keys[0] is in force; places as in the content",
            "archive_id": ARCHIVE_ID, "key": KEY.public_text,
            "valid": [{"name": name, "text": canonical(c), "object_base64": b64(note(canonical(c), KEY)), "sha256": sha(note(canonical(c), KEY))} for name, c in valid],
            "place": {"topic": "payments", "partition": 1, "epoch": 0, "first_offset": 0},
            "invalid": [{"why": why, "class": class_, "object_base64": b64(o)} for why, class_, o in broken_links(base)],
            "chains": chains(), "commit_metadata": commits()}


def broken_links(base: Content) -> list[tuple[str, str, bytes]]:
    """Objects for the place of `base`. Class: broken (a key in force signed it), junk (none did) or unknown_type."""
    key, loss, gap = base["segment"]["key"], lost(base, 0, 150), nothing(base, 0, 3)
    text = canonical(base)
    renamed = SEGMENT + "-r1.parquet"
    content: list[tuple[str, Content]] = [
        ("another archive", base | {"archive_id": ARCHIVE_ID[::-1]}),
        ("another topic's place", base | {"topic": "orders", "segment": base["segment"] | {"key": key.replace("payments", "orders")}}),
        ("another partition's place", base | {"partition": 2, "segment": base["segment"] | {"key": key.replace("partition=1", "partition=2")}}),
        ("next_offset not above first_offset", nothing(base, 0, 0) | {"absent": []}),
        ("record_count one too many", base | {"record_count": 148}), ("record_count one too few", base | {"record_count": 146}),
        ("record_count negative", base | {"record_count": -1, "absent": [[0, 151]]}),
        ("absent pairs that touch", base | {"absent": [[10, 12], [12, 13]]}), ("absent pairs out of order", base | {"absent": [[12, 13], [8, 10]]}),
        ("absent pairs that overlap", base | {"absent": [[10, 13], [12, 14]], "record_count": 145}),
        ("an empty absent pair", base | {"absent": [[10, 13], [20, 20]]}), ("absent before the range", base | {"absent": [[-1, 2]]}),
        ("absent beyond the range", base | {"absent": [[148, 151]]}), ("absent of three numbers", base | {"absent": [[10, 13, 14]]}),
        ("10,001 absent pairs", base | {"absent": [[2 * i + 1, 2 * i + 2] for i in range(10001)], "next_offset": 20010, "record_count": 10009}),
        ("only one of the two timestamps", base | {"max_timestamp_ms": None}), ("max before min", base | {"max_timestamp_ms": 1763559062593}),
        ("records but no segment", base | {"segment": None}), ("a segment but no records", gap | {"segment": base["segment"]}),
        ("no records but timestamps", gap | {"min_timestamp_ms": 1, "max_timestamp_ms": 1}), ("no records but a root of some", gap | {"records_root": sha(b"any")}),
        ("seal reason lost without a loss", gap | {"seal_reason": "lost"}), ("a loss with another seal reason", loss | {"seal_reason": "age"}),
        ("a loss of a part of the range", loss | {"next_offset": 151}), ("a loss with absent offsets", loss | {"absent": [[0, 150]]}),
        ("a loss whose log start is not its end", loss | {"lost": loss["lost"] | {"log_start_offset": 151}}),
        ("a loss with records", base | {"lost": loss["lost"], "seal_reason": "lost"}), ("a loss for an unknown reason", loss | {"lost": loss["lost"] | {"reason": "compaction"}}),
        ("an unknown seal reason", base | {"seal_reason": "boredom"}),
        ("segment key of another offset", base | {"segment": base["segment"] | {"key": SEGMENT[:-1] + "1.parquet"}}),
        ("segment key of another epoch", base | {"segment": base["segment"] | {"key": key.replace("/0000-", "/0001-")}}),
        ("segment key that is no segment's", base | {"segment": base["segment"] | {"key": "archive.json"}}),
        ("segment -r1 though nothing was rejected", base | {"segment": base["segment"] | {"key": renamed}}),
        ("the rejected keys leave a gap", base | {"rejected": [rejected(SEGMENT + "-r2.parquet", "differs")]}),
        ("a key both segment and rejected", base | {"rejected": [rejected(key, "differs")]}),
        ("rejected keys out of order", base | {"rejected": [rejected(SEGMENT + "-r2.parquet", "differs"), rejected(renamed, "differs")]}),
        ("a rejected key twice", base | {"rejected": [rejected(renamed, "differs"), rejected(renamed, "differs")]}),
        ("an unknown reject reason", base | {"rejected": [rejected(renamed, "ugly")]}),
        ("sealed_at with a fraction", base | {"sealed_at": "2026-02-03T10:15:00.5Z"}), ("sealed_at without a zone", base | {"sealed_at": "2026-02-03T10:15:00"}),
        ("topic_id of 21 characters", base | {"topic_id": "AAAAAAAAQACAAAAAAAAAA"}), ("a hash in capitals", base | {"previous": base["previous"].upper()}),
        ("height negative", base | {"height": -1}), ("a number as a string", base | {"height": "0"}), ("no checkpoint", base | {"checkpoint": None}),
        ("a field too many", base | {"more": None}), ("a field missing", {k: v for k, v in base.items() if k != "sealed_by"}),
        ("fields in another order", dict(reversed(base.items()))),
    ]
    texts: list[tuple[str, str]] = [
        ("white space", text.replace(":0,", ": 0,", 1)), ("a fraction", text.replace('"height":0', '"height":0.0')), ("minus zero", text.replace('"height":0', '"height":-0')),
        ("an exponent", text.replace('"height":0', '"height":0e0')), ("beyond i64", text.replace('"height":0', '"height":9223372036854775808')),
        ("a field twice", text.replace('"height":0', '"height":0,"height":0')), ("an escape that canonical JSON does not use", text.replace("kivend-", "kivend\\u002d")),
        ("a slash escaped", text.replace("data/", "data\\/", 1)), ("not JSON", "kivend\n"), ("two lines", text + "\n"), ("an array", "[]\n"),
    ]
    good = note(text, KEY)
    out = [(why, "broken", note(canonical(c), KEY)) for why, c in content] + [(why, "broken", note(t, KEY)) for why, t in texts]
    out += [("a type of version 2", "unknown_type", note(canonical(base | {"type": "kivend.link/v2"}), KEY)),
            ("signed by a key that is not in force", "junk", note(text, OTHER)), ("signed by two", "junk", note(text, KEY, OTHER)),
            ("changed after signing", "junk", good.replace(b'"record_count":147', b'"record_count":146')), ("only the text", "junk", text.encode()), ("empty", "junk", b"")]
    return out


def chains() -> list[dict[str, Any]]:
    """Pairs of links: whether `link` continues `before`, or the genesis where `before` is null."""
    def object_(content: Content) -> bytes:
        return note(canonical(content), KEY)

    base = first_link() | {"checkpoint": {"number": 3, "sha256": sha(b"checkpoint 3")}, "topic_id": "AAAAAAAAQACAAAAAAAAAAA"}
    second = after(object_(base), base, checkpoint=base["checkpoint"], topic_id=base["topic_id"])
    again = base | {"height": 1, "epoch": 1, "previous": sha(object_(base)), "segment": base["segment"] | {"key": base["segment"]["key"].replace("/0000-", "/0001-")}}
    plain = base | {"topic_id": None}
    cases: list[tuple[str, bool, Content | None, Content]] = [
        ("the first follows the genesis", True, None, base), ("the second follows the first", True, base, second), ("the next epoch follows", True, base, again),
        ("a new epoch may have another cluster and topic id", True, base, again | {"cluster_id": "other", "topic_id": None}),
        ("a topic id may become known", True, plain, after(object_(plain), plain, checkpoint=plain["checkpoint"], topic_id=base["topic_id"])),
        ("a newer checkpoint", True, base, second | {"checkpoint": {"number": 9, "sha256": sha(b"checkpoint 9")}}),
        ("height 0 with another previous than the genesis", False, None, base | {"previous": sha(b"")}), ("the first has height 1", False, None, base | {"height": 1}),
        ("the first is of epoch 1", False, None, again | {"height": 0, "previous": genesis("payments", 1)}),
        ("the first does not start at 0", False, None, second | {"height": 0, "previous": genesis("payments", 1)}),
        ("previous of another link", False, base, second | {"previous": sha(b"x")}), ("height stays", False, base, second | {"height": 0}), ("height leaps", False, base, second | {"height": 2}),
        ("a hole between", False, base, after(object_(base), base | {"next_offset": 151}, checkpoint=base["checkpoint"], topic_id=base["topic_id"])),
        ("an overlap", False, base, after(object_(base), base | {"next_offset": 149}, checkpoint=base["checkpoint"], topic_id=base["topic_id"])),
        ("an epoch left out", False, base, again | {"epoch": 2, "segment": again["segment"] | {"key": again["segment"]["key"].replace("/0001-", "/0002-")}}),
        ("an epoch that does not start at 0", False, base, after(object_(base), base | {"epoch": 1}, checkpoint=base["checkpoint"], epoch=1)),
        ("another cluster in the epoch", False, base, second | {"cluster_id": "other"}), ("another topic id in the epoch", False, base, second | {"topic_id": "BBBBBBBBQACAAAAAAAAAAA"}),
        ("a topic id forgotten", False, base, second | {"topic_id": None}), ("an older checkpoint", False, base, second | {"checkpoint": {"number": 2, "sha256": sha(b"checkpoint 2")}}),
    ]
    return [{"name": name, "continues": yes, "before_base64": b64(object_(before)) if before else None, "link_base64": b64(object_(link))} for name, yes, before, link in cases]


def commits() -> dict[str, Any]:
    good = {"epoch": 0, "height": 17, "first_offset": 2500, "link": sha(b"link")}
    text = f"v1 0 17 2500 {sha(b'link')}"
    return {"about": "section 7", "valid": [good | {"text": text}],
            "invalid": ["", "v1", text + " ", " " + text, text.replace("v1", "v2"), text.replace(" ", "  ", 1), text.upper(), text[:-1], text.replace("17", "-17"), text.replace("17", "017"),
                        text.replace("17", "+17"), text + "\n", text.replace("2500", "9223372036854775808")]}


# ---- checkpoints ----------------------------------------------------------------------------------------------------------
def checkpoints() -> dict[str, Any]:
    hash_ = sha(b"x")
    heads = [f"orders 0 0 3 120 {hash_} {sha(b'1')}\n", f"payments 1 0 17 2650 {hash_} {sha(b'2')}\n", f"payments 2 1 0 9 {hash_} {sha(b'3')}\n",
             f"payments 10 0 5 77 {hash_} {sha(b'4')}\n", f"user-events 0 0 5 77 {hash_} {sha(b'5')}\n"]
    zero = f"kivend.checkpoint/v1 kivend {ARCHIVE_ID}\n0 {'0' * 64} 0 {sha(ARCHIVE)}\n2026-02-03T10:00:00Z\n"
    some = f"kivend.checkpoint/v1 kivend {ARCHIVE_ID}\n7 {hash_} 0 {sha(ARCHIVE)}\n2026-02-03T10:35:00Z\n{''.join(heads)}"
    turned: Callable[[str, str], str] = lambda old, new: some.replace(old, new, 1)
    invalid: list[tuple[str, str, str]] = [
        ("another archive id", "broken", turned(ARCHIVE_ID, ARCHIVE_ID[::-1])), ("another number than its place", "broken", turned("\n7 ", "\n8 ")),
        ("number padded", "broken", turned("\n7 ", "\n07 ")), ("a hash in capitals", "broken", turned(hash_, hash_.upper())),
        ("time with an offset", "broken", turned("10:35:00Z", "10:35:00+00:00")), ("heads out of order", "broken", turned("".join(heads[:2]), heads[1] + heads[0])),
        ("partitions sorted as text", "broken", turned("".join(heads[2:4]), heads[3] + heads[2])), ("a partition twice", "broken", turned(heads[0], heads[0] * 2)),
        ("a head short of a field", "broken", turned(f" {sha(b'1')}", "")), ("two spaces", "broken", turned("orders 0", "orders  0")),
        ("a height padded", "broken", turned("0 0 3 ", "0 0 03 ")), ("a height negative", "broken", turned("0 0 3 ", "0 0 -3 ")),
        ("a topic that Kafka does not allow", "broken", turned("orders", "ord/ers")), ("an empty line in the text", "broken", turned("orders", "\norders")),
        ("no heads line end", "junk", some[:-1]), ("only one line", "broken", some.split("\n")[0] + "\n"), ("no time", "broken", turned("2026-02-03T10:35:00Z\n", "")),
        ("version 2", "unknown_type", turned("checkpoint/v1", "checkpoint/v2")),
    ]
    first = zero.replace("0" * 64, hash_)
    objects = [{"why": why, "class": class_, "number": 7, "object_base64": b64(note(text, KEY))} for why, class_, text in invalid]
    objects.append({"why": "number 0 names one before it", "class": "broken", "number": 0, "object_base64": b64(note(first, KEY))})
    objects.append({"why": "number 0 with a head", "class": "broken", "number": 0, "object_base64": b64(note(zero + heads[0], KEY))})
    objects.append({"why": "not number 0 and names none before it", "class": "broken", "number": 7, "object_base64": b64(note(turned(hash_, "0" * 64), KEY))})
    objects.append({"why": "signed by a key that is not in force", "class": "junk", "number": 7, "object_base64": b64(note(some, OTHER))})
    return {"about": "section 6: each object is one signed note; the key of notes.json keys[0] is in force", "archive": "kivend", "archive_id": ARCHIVE_ID, "key": KEY.public_text,
            "valid": [{"number": n, "heads": h, "text": t, "object_base64": b64(note(t, KEY)), "sha256": sha(note(t, KEY))} for n, h, t in ((0, 0, zero), (7, 5, some))], "invalid": objects}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else VECTORS
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in {"records": records, "merkle": trees, "notes": notes, "archive": archive, "links": links,
                       "checkpoints": checkpoints, "projection": projections, "proofs": proofs}.items():
        (folder / f"{name}.json").write_text(json.dumps(make(), indent=1, ensure_ascii=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
