"""The texts of an archive's objects, and the rules that one text alone can break: docs/FORMAT.md, sections 2 to 4 and 6.

`identity`, `entry`, `change`, `link` and `checkpoint` take a text and return its content, or raise what is wrong.
"""
import base64
import re
import struct
from itertools import chain
from types import SimpleNamespace as Fields

from notes import (
    COSIGNATURE, COUNT, EPOCH, HASH, I32, I64, ID, NAME, NOTE, NUMBER, ORIGIN, TEXT, TOPIC,
    Unknown, canonical, demand, fits, is_time, public_key, root_over, row, sha, to_canonical,
)

TYPES = ("archive", "entry", "leaf", "change", "link", "drill", "report")
LINE = row(TOPIC, I32, EPOCH, COUNT, COUNT, HASH, HASH)  # of heads
CHANGES = {"sequence": COUNT, "sha256": HASH, "entry": COUNT}
ARCHIVE = {
    "type": "kivend[.]archive/v1", "archive": "[a-z0-9][a-z0-9._-]{0,62}", "id": ID, "origin": ORIGIN,
    "created_at": is_time, "keys": [TEXT], "change_keys": [TEXT],
}
ENTRY = {
    "type": "kivend[.]entry/v1", "archive_id": ID, "archive_sha256": HASH, "number": COUNT, "at": is_time,
    "tree": [HASH], "changes": CHANGES, "heads": [LINE], "groups": ([row(TEXT, TOPIC, I32, COUNT)],), "change": (TEXT,),
}
LEAF = {
    "type": "kivend[.]leaf/v1", "archive_id": ID, "archive_sha256": HASH, "number": COUNT, "at": is_time,
    "changes": CHANGES, "heads": {"count": COUNT, "root": HASH}, "groups_sha256": HASH, "change": (TEXT,),
}
SIGNED_CHANGE = {
    "type": "kivend[.]change/v1", "archive_id": ID, "sequence": range(1, 2**63), "previous": HASH, "at": is_time,
}
KEY_CHANGE = SIGNED_CHANGE | {"of": "keys|change_keys", "add": [TEXT], "retire": [TEXT]}
RETENTION = SIGNED_CHANGE | {"of": "retention", "below": [row(TOPIC, I32, COUNT)], "reason": "(?s).{1,1000}"}
LOST = {
    "first_offset": COUNT, "next_offset": COUNT, "log_start_offset": COUNT, "observed_at": is_time,
    "reason": "retention",
}
OBJECT = {"key": TEXT, "bytes": COUNT, "sha256": HASH}
REJECTED = {"key": TEXT, "bytes": COUNT, "sha256": (HASH,), "reason": "differs|unreadable|too_large"}
LINK = {
    "type": "kivend[.]link/v1", "archive_id": ID, "cluster_id": TEXT, "topic": TOPIC,
    "topic_id": ("[A-Za-z0-9_-]{22}",), "partition": I32, "epoch": EPOCH, "height": COUNT,
    "first_offset": COUNT, "next_offset": COUNT, "record_count": COUNT, "encoding": range(1, 2**63),
    "leader_epoch": (EPOCH,), "absent": [row(COUNT, COUNT)], "lost": (LOST,),
    "min_timestamp_ms": (I64,), "max_timestamp_ms": (I64,), "records_root": HASH, "segment": (OBJECT,),
    "rejected": [REJECTED], "checkpoint": {"number": COUNT, "root": HASH}, "sealed_at": is_time,
    "seal_reason": "bytes|records|age|idle|shutdown|revoked|absent|lost|recreated|diverged",
    "next_epoch_at": (COUNT,), "sealed_by": TEXT, "previous": HASH,
}
EMPTY_ROOT = sha(b"")
NAMED_REJECTS = 256  # attempts 0 to 255

def of_shape(text, shape):
    found = canonical(text)
    demand(fits(found, shape), "not the members of its type")
    return Fields(**found)

def identity(data):
    """archive.json; its keys as a dictionary id → key."""
    found = of_shape(data.decode(), ARCHIVE)
    found.hash = sha(data)
    found.signers = distinct_keys(found.keys, found.origin)
    found.changers = distinct_keys(found.change_keys, found.origin)
    demand(found.signers and not found.signers.keys() & found.changers.keys(), "no key, or one in both lists")
    return found

def type_of_archive(data):
    """Raises Unknown for an archive.json of another version."""
    type_ = canonical(data.decode()).get("type")
    later = type(type_) is str and re.fullmatch(r"kivend\.archive/v[0-9]{1,9}", type_) and type_ != "kivend.archive/v1"
    demand(not later, f"unknown type {type_}", Unknown)

def distinct_keys(texts, origin):
    found = {key.id: key for key in map(public_key, texts)}
    demand(len(found) == len(texts) and all(key.name == origin for key in found.values()), "a key twice, or of another name")
    return found

# ---- entries, leaves, changes (sections 3 and 4) ---------------------------------------------------------------------
def partition_order(line):
    return line[0].encode(), line[1]

def is_ascending(keys):
    return all(before < after for before, after in zip(keys, keys[1:]))

def entry(text):
    found = of_shape(text, ENTRY)
    demand(is_ascending([*map(partition_order, found.heads)]), "heads are not in order")
    groups = found.groups or []
    demand(is_ascending([(group.encode(), *partition_order(line)) for group, *line in groups]), "groups are not in order")
    demand(len(found.tree) == found.number.bit_count(), "tree has not one peak for each binary digit")
    first = not found.heads and found.change is None and found.groups == []
    demand(found.number or first, "entry 0 has heads, a change or groups")
    demand(found.changes["entry"] < max(found.number, 1), "it names a change of a later entry")
    demand(found.changes["sequence"] <= found.changes["entry"], "more changes than entries")
    return found

def leaf_text(found):
    """The text of an entry's leaf."""
    heads = {"count": len(found.heads), "root": root_over(to_canonical(line) for line in found.heads)}
    values = vars(found) | {"type": "kivend.leaf/v1", "heads": heads, "groups_sha256": sha(to_canonical(found.groups))}
    return to_canonical({name: values[name] for name in LEAF})

def change(text, origin):
    """A change; added and retired keys as dictionaries id → key."""
    found = canonical(text)
    shape = RETENTION if found.get("of") == "retention" else KEY_CHANGE
    demand(fits(found, shape), "not the members of a change")
    found = Fields(**{"add": [], "retire": [], "below": []} | found)
    found.adding, found.leaving = distinct_keys(found.add, origin), distinct_keys(found.retire, origin)
    if found.of == "retention":
        demand(found.below and is_ascending([*map(partition_order, found.below)]), "no partition, or not in order")
    else:
        demand(bool(found.adding) != bool(found.leaving), "a change of keys either adds or retires")
    return found

# ---- checkpoints and cosignatures (sections 3.3 and 3.4) -------------------------------------------------------------
def is_checkpoint_text(text):
    """The form of a checkpoint (section 1.2): three lines or more, a first that is not empty and a second that is a number."""
    lines = text.split("\n")[:-1]
    return len(lines) >= 3 and lines[0] != "" and bool(re.fullmatch(NUMBER, lines[1]))

def checkpoint(text):
    """Origin, size and root in hex of a text of exactly three lines."""
    origin, size, coded, end = text.split("\n")
    root = base64.b64decode(coded, validate=True)
    demand(not end and fits(origin, ORIGIN) and re.fullmatch(NUMBER, size), "not the lines of a checkpoint")
    demand(len(root) == 32 and base64.b64encode(root).decode() == coded, "no root in base64")
    demand(0 < int(size) <= COUNT[-1], "no size")
    return Fields(origin=origin, size=int(size), root=root.hex())

def checkpoint_text(origin, size, root):
    return f"{origin}\n{size}\n{base64.b64encode(bytes.fromhex(root)).decode()}\n"

COSIGNED = rf"— {NAME} ([A-Za-z0-9+/]{{101}}[AQgw]==)"

def cosigned_at(line, text, witness):
    """When a witness says that it cosigned a checkpoint's text, or None where the line does not prove that."""
    found = re.fullmatch(COSIGNED, line)
    raw = base64.b64decode(found[2]) if found else b""
    if not found or (found[1], raw[:4]) != witness.id:
        return None
    time = struct.unpack(">Q", raw[4:12])[0]
    return time if 0 < time < 2**63 and witness.verify(raw[12:], f"cosignature/v1\ntime {time}\n{text}".encode()) else None

def is_cosignature(line):
    return bool(re.fullmatch(COSIGNED, line))

def names_witness(line, witness):
    """Whether a cosignature line says that it is by this witness."""
    found = re.fullmatch(COSIGNED, line)
    return bool(found) and (found[1], base64.b64decode(found[2])[:4]) == witness.id

def split_cosigned(data):
    """A note of a checkpoint without its cosignature lines, and those lines; lines of neither form stay in the note."""
    note, empty, lines = data.decode().rpartition("\n\n")
    own = [line for line in lines.split("\n") if not re.fullmatch(COSIGNED, line)]
    return (note + empty + "\n".join(own)).encode(), [line for line in lines.split("\n") if re.fullmatch(COSIGNED, line)]

def witness_key(text):
    return public_key(text, COSIGNATURE)

def archive_key(text):
    return public_key(text, NOTE)

# ---- links (section 6) -----------------------------------------------------------------------------------------------
def segment_key(link, k):
    suffix = f"-r{k}" if k else ""
    return f"data/{link.topic}/{link.partition}/{link.epoch:04}-{link.first_offset:020}{suffix}.parquet"

def link(text):
    found = of_shape(text, LINK)
    found.closing = found.next_epoch_at is not None
    check_range(found)
    check_times(found)
    check_objects(found)
    return found

def check_range(link):
    first, next_, lost = link.first_offset, link.next_offset, link.lost
    edges = [*chain(*link.absent)]
    demand(next_ == first if link.closing else next_ > first, "an empty range, or a closing link with one that is not")
    demand((link.seal_reason in ("recreated", "diverged")) == link.closing, "only a closing link has that seal reason")
    demand(link.record_count or link.leader_epoch is None, "a leader epoch of no record")
    if link.closing:
        demand(link.height > 0 and link.epoch < EPOCH[-1] and not link.rejected, "a closing link of height 0, of the last epoch, or with rejected objects")
        bound = 0 if link.seal_reason == "recreated" else first - 1
        demand(link.next_epoch_at <= bound, "the next epoch does not begin there")
    demand(len(link.absent) <= 10_000 and is_ascending(edges), "absent offsets are not maximal pairs in order")
    demand(all(first <= edge <= next_ for edge in edges), "absent offsets beyond the range")
    demand(link.record_count == (0 if lost else next_ - first - sum(b - a for a, b in link.absent)), "not that many records")
    demand(bool(lost) == (link.seal_reason == "lost"), "a loss has the seal reason lost, and nothing else has")
    whole = not lost or not edges and [*lost.values()][:3] == [first, next_, next_]
    demand(whole, "a loss covers the whole range, up to Kafka's log start")

def check_times(link):
    low, high = link.min_timestamp_ms, link.max_timestamp_ms
    demand((low is None) == (high is None) and (low is None or low <= high), "not a minimum and a maximum")
    demand(-1 not in (low, high), "-1 is no timestamp")
    demand(link.record_count or low is None and link.records_root == EMPTY_ROOT, "times or a root of no records")

def check_objects(link):
    demand(bool(link.segment) == (link.record_count > 0), "a segment stands where records are, and nowhere else")
    demand(all((o["sha256"] is None) == (o["reason"] == "too_large") for o in link.rejected), "only what is too large has no hash")
    keys = [o["key"] for o in link.rejected]
    demand(is_ascending([key.encode() for key in keys]), "rejected keys are not in order")
    own = attempt_of(link, link.segment["key"]) if link.segment else None
    named = [attempt_of(link, key) for key in keys]
    demand(all(k is not None and k < NAMED_REJECTS for k in named), "a rejected key of another place, or beyond -r255")
    demand(not link.segment or own is not None and own not in named, "a segment of another place, or a rejected one")
    far = own is not None and own >= NAMED_REJECTS
    taken = sorted(named if far or own is None else [*named, own])
    demand(taken == [*range(len(taken))] and (not far or len(taken) == NAMED_REJECTS), "the attempts named leave a gap")

def attempt_of(link, key):
    """The attempt of an object key at the link's place, or None."""
    found = re.fullmatch(r".*?(?:-r([1-9][0-9]{0,9}))?\.parquet", key, re.A | re.S)
    k = int(found[1] or 0) if found else 0
    return k if found and k in I32 and key == segment_key(link, k) else None
