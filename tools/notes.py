"""Reads the signed objects of an archive: docs/FORMAT.md's conventions and sections 2 (trees), 3, 4 and 6.

Shared by verify.py (a whole archive), verify_segment.py (one Parquet object) and verify_proof.py (one proof file); shares no
code with kivend. An error quotes the rule that does not hold. Callers read files and decide which keys count.
"""
import base64
import hashlib
import json
import linecache
import re
import sys
from datetime import datetime
from functools import reduce
from itertools import chain
from types import SimpleNamespace as Fields

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

class Broken(Exception):
    severity = "tampered"

class Missing(Broken):
    severity = "incomplete"

class Unknown(Broken):
    """The object cannot be read, or has a type that version 1 does not define."""
    severity = "unverifiable"

class Junk(Exception):
    """No key in force signed the object, so anyone with the right to create objects may have written it."""

def demand(rule, why=None, kind=Broken):
    if not rule:
        line = sys._getframe(1)
        raise kind(why or linecache.getline(line.f_code.co_filename, line.f_lineno).strip())

def refuse(literal):
    raise ValueError(f"not in the format: {literal[:20]}")

def sha(data):
    return hashlib.sha256(data).hexdigest()

# ---- canonical JSON (conventions), and the shapes of values in it (§3, §4) -------------------------------------------
def canonical(text):
    """Parses JSON whose canonical form is the same text; `fits` checks the ranges of numbers."""
    found = json.loads(text, parse_float=refuse, parse_constant=refuse)
    demand((json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n").encode() == text.encode())
    return found

def fits(value, shape):
    """A shape is a pattern, a range of integers, (a shape or null,), [a shape], {names in this order} or a predicate."""
    match shape:
        case str():
            return type(value) is str and bool(re.fullmatch(shape, value, re.A | re.S))
        case range():
            return type(value) is int and value in shape
        case tuple():
            return value is None or fits(value, shape[0])
        case list():
            return type(value) is list and all(fits(item, shape[0]) for item in value)
        case dict():
            same_names = type(value) is dict and [*value] == [*shape]
            return same_names and all(fits(value[name], shape[name]) for name in shape)
    return shape(value)

def is_time(value):
    return fits(value, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ") and bool(datetime.fromisoformat(value))

HASH, ID, TEXT, TOPIC = "[0-9a-f]{64}", "[0-9a-f]{32}", ".*", r"(?!\.{1,2}(?:/| |$))[a-zA-Z0-9._-]{1,249}"
COUNT, I32, I64 = range(2**63), range(2**31), range(-(2**63), 2**63)
NAMED = {"number": COUNT, "sha256": HASH}
OBJECT = {"key": TEXT, "bytes": COUNT, "sha256": HASH}
ARCHIVE = {
    "type": "kivend[.]archive/v1", "archive": "[a-z0-9][a-z0-9._-]{0,62}", "id": ID, "created_at": is_time,
    "keys": [TEXT],
}
KEY_CHANGE = {
    "type": "kivend[.]keys/v1", "id": ID, "number": range(1, 2**63), "add": [TEXT], "retire": [TEXT], "at": is_time,
    "checkpoint": NAMED, "previous": HASH,
}
LOST = {
    "first_offset": COUNT, "next_offset": COUNT, "log_start_offset": COUNT, "observed_at": is_time,
    "reason": "retention",
}
LINK = {
    "type": "kivend[.]link/v1", "archive_id": ID, "cluster_id": TEXT, "topic": TOPIC,
    "topic_id": ("[A-Za-z0-9_-]{22}",), "partition": I32, "epoch": COUNT, "height": COUNT,
    "first_offset": COUNT, "next_offset": COUNT, "record_count": COUNT, "absent": [[COUNT]], "lost": (LOST,),
    "min_timestamp_ms": (I64,), "max_timestamp_ms": (I64,), "records_root": HASH, "segment": (OBJECT,),
    "rejected": [OBJECT | {"reason": "differs|unreadable"}], "checkpoint": NAMED, "sealed_at": is_time,
    "seal_reason": "bytes|records|age|idle|shutdown|revoked|absent|lost|epoch", "sealed_by": TEXT, "previous": HASH,
}

# ---- signed notes (§3) -----------------------------------------------------------------------------------------------
NAME, NUMBER, HEX = r"([^\s+\x00-\x1f]+)", "(0|[1-9][0-9]{0,18})", "([0-9a-f]{64})"
PUBLIC = rf"{NAME}\+([0-9a-f]{{8}})\+([A-Za-z0-9+/]{{44}})"
SIGNATURE = rf"— {NAME} ([A-Za-z0-9+/]{{90}}[AEIMQUYcgkosw048]=)"

def public_key(text):
    name, id_, coded = re.fullmatch(PUBLIC, text).groups()
    raw = base64.b64decode(coded)
    demand(raw[0] == 1 and sha(name.encode() + b"\n" + raw)[:8] == id_)
    verify = Ed25519PublicKey.from_public_bytes(raw[1:]).verify
    return Fields(text=text, id=(name, bytes.fromhex(id_)), verify=verify)

def read_note(data):
    """The text and the signature lines as ((key name, key id), signature), not verified yet."""
    text, empty, lines = data.decode(errors="surrogateescape").rpartition("\n\n")
    demand(empty and lines.endswith("\n") and not re.search(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]", text), kind=Junk)
    found = [re.fullmatch(SIGNATURE, line) for line in lines[:-1].split("\n")]
    demand(all(found), kind=Junk)
    signatures = [(line[1], base64.b64decode(line[2])) for line in found]
    return Fields(data=data, hash=sha(data), text=text + "\n", lines=[((name, s[:4]), s[4:]) for name, s in signatures])

def signed(note, key, line=0):
    try:
        key.verify(note.lines[line][1], note.text.encode())
        return note.lines[line][0] == key.id
    except Exception:
        return False

def content(note, shape):
    """The content of a note with a verified signature; checks its type (§9) first, then its fields."""
    found = canonical(note.text)
    type_ = found["type"]
    demand(re.fullmatch(r"kivend\.(archive|keys|link)/v1", type_), f"unknown type {type_}", Unknown)
    demand(fits(found, shape))
    return found

# ---- links (§4) and checkpoints (§6) ---------------------------------------------------------------------------------
def check_link(link):
    first, next_, low, high = link.first_offset, link.next_offset, link.min_timestamp_ms, link.max_timestamp_ms
    edges, keys = [*chain(*link.absent)], [entry["key"] for entry in link.rejected]
    demand(next_ > first and len(link.absent) <= 10_000 and all(len(gap) == 2 for gap in link.absent))
    demand(edges == sorted({*edges}) and all(first <= edge <= next_ for edge in edges) and keys == sorted({*keys}))
    demand(link.record_count == (0 if link.lost else next_ - first - sum(b - a for a, b in link.absent)))
    demand(bool(link.lost) == (link.seal_reason == "lost") and bool(link.segment) == (link.record_count > 0))
    demand(not link.lost or not edges and [*link.lost.values()][:3] == [first, next_, next_])
    demand((low is None) == (high is None) and (low is None or low <= high))
    demand(link.segment or low is None and link.records_root == sha(b""))
    keys += [link.segment["key"]] if link.segment else []
    stem = f"data/topic={link.topic}/partition={link.partition}/{link.epoch:04}-{first:020}"
    demand({*keys} == {f"{stem}{f'-r{k}' if k else ''}.parquet" for k in range(len(keys))})

CHECKPOINT = rf"kivend\.checkpoint/v1 (\S+) (\S+)\n{NUMBER} {HEX} {NUMBER} {HEX}\n(\S+)\n((?:[^\n]+\n)*)"
HEAD = rf"({TOPIC}) {NUMBER} {NUMBER} {NUMBER} {NUMBER} {HEX} {HEX}"

def read_head(line):
    topic, partition, epoch, height, next_offset, hash_, log_root = re.fullmatch(HEAD, line).groups()
    head = Fields(epoch=int(epoch), height=int(height), next_offset=int(next_offset), hash=hash_, log_root=log_root)
    demand(int(partition) in I32 and max(head.epoch, head.height, head.next_offset) in COUNT)
    return (topic, int(partition)), head

def parse_checkpoint(note):
    type_ = note.text.split(" ", 1)[0]
    demand(not re.fullmatch(r"kivend\.checkpoint/v(?!1$)[0-9]+", type_), f"unknown type {type_}", Unknown)
    name, id_, number, previous, change, change_hash, time, lines = re.fullmatch(CHECKPOINT, note.text).groups()
    number, change, heads = int(number), int(change), [read_head(line) for line in lines.split("\n")[:-1]]
    demand(is_time(time) and max(number, change) in COUNT)
    demand((number == 0) == (previous == "0" * 64) and (number or not heads))
    partitions = [partition for partition, _ in heads]
    demand(partitions == sorted({*partitions}))
    return Fields(hash=note.hash, place=(name, id_, number), previous=previous, heads=dict(heads),
                  change=change, change_hash=change_hash)

# ---- Merkle trees (§2: RFC 9162, 2.1.1), stored as the roots of full subtrees ----------------------------------------
def node(right, left):
    return hashlib.sha256(b"\1" + left + right).digest()

def root(full):
    return reduce(node, reversed(full)).hex() if full else sha(b"")

def grow(full, count, data):
    """Adds leaf number `count`."""
    full.append(hashlib.sha256(b"\0" + data).digest())
    for _ in range((~count & count + 1).bit_length() - 1):
        full.append(node(full.pop(), full.pop()))
    return full
