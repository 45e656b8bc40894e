#!/usr/bin/env python3
"""Verifies an archive folder (a directory store, or a downloaded bucket) from the text of docs/FORMAT.md alone.

The second opinion: it shares no code, no language and no Parquet library with kivend, trusts nothing that it did not recompute, and
writes nothing. It sees what the folder holds: neither Kafka nor older versions of objects. (§n) is the section of FORMAT.md whose rule
stands there. Of the limits in §5 those that show only while a page is unpacked are left to pyarrow, which unpacks them.

    python tools/verify.py FOLDER [--key PUBLIC]… [--json]     exit code 0 intact, 10 tampered, 11 incomplete, 12 unverifiable
"""
from __future__ import annotations

import argparse, base64, hashlib, json, math, os, re, struct, sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from functools import reduce
from itertools import chain as chained
from json.decoder import scanstring
from pathlib import Path
from types import SimpleNamespace as Fields

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

class Broken(Exception): "What must obey the format breaks a rule of it: tampering."
class Junk(Exception): "No key in force signed it: whoever may create objects can have put it there."
class Unknown(Exception): "A key in force signed it, and version 1 does not know its type: unverifiable."

def demand(holds, why):
    if not holds: raise Broken(why)

def sha(data): return hashlib.sha256(data).hexdigest()

# ---- JSON: canonical in notes (conventions), any in values (§5) ------------------------------------------------------------------
def refuse(literal): raise ValueError(f"no number of the format: {literal[:20]}")

def canonical(text):
    """What is written again must be the same text; where a number belongs, `fits` judges its range."""
    try:
        content = json.loads(text, parse_float=refuse, parse_constant=refuse)
        if json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n" == text: return content
    except (ValueError, RecursionError): pass
    raise Broken("not canonical JSON")

def fits(value, shape):
    """A pattern of text, a range of integers, [of each item], {exactly these names in this order}, (this or null,), or a test."""
    if type(shape) is str: return type(value) is str and re.fullmatch(shape, value, re.A | re.S) is not None
    if type(shape) is range: return type(value) is int and value in shape
    if type(shape) is list: return type(value) is list and all(fits(item, shape[0]) for item in value)
    if type(shape) is dict: return type(value) is dict and list(value) == list(shape) and all(fits(value[n], shape[n]) for n in shape)
    return value is None or fits(value, shape[0]) if type(shape) is tuple else shape(value)

class Number(str): "A JSON number as its literal, since 1, 1.0 and 1e0 differ here."

def unique(pairs):
    members = dict(pairs)
    return members if len(members) == len(pairs) else refuse("a name twice")

JSON = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=refuse, object_pairs_hook=unique)
SPACE = re.compile(r"[ \t\n\r]*")

def depth(value):
    inner = value.values() if type(value) is dict else value if type(value) is list else ()
    return (type(value) in (dict, list)) + max(map(depth, inner), default=0)

def raw_member(text, steps):
    """The text of a member as it stands, in a document that was parsed and has it."""
    start = SPACE.match(text).end()
    for step in steps:
        name, at = None, start  # at the brace, or at the comma before the next member
        while name != step:
            name, at = scanstring(text, SPACE.match(text, at + 1).end() + 1)
            start = SPACE.match(text, SPACE.match(text, at).end() + 1).end()
            at = SPACE.match(text, JSON.raw_decode(text, start)[1]).end()
    return text[start : JSON.raw_decode(text, start)[1]]

# ---- typed columns (§5) ----------------------------------------------------------------------------------------------------------
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))?", re.A)
TYPED = {"string": (6, {1: {}}), "json": (6, {1: {}}), "int64": (2, None), "float64": (5, None), "bool": (0, None),
         "timestamp_us": (2, {8: {1: True, 2: {2: {}}}})}  # Parquet's physical and logical type
RULE = {"column": "[a-z_][a-z0-9_]*", "path": "(?:/(?:[^~/]|~[01])*)+", "type": "|".join(TYPED)}
AUTHORITATIVE = ["topic", "partition", "offset", "timestamp", "timestamp_type", "key", "value", "headers"]

def projection_rules(text):
    """Column, steps of the pointer, and type of each rule."""
    rules = canonical(text + "\n")
    demand(fits(rules, [RULE]) and len(rules) <= 1000, "not the rules of a projection")
    taken = {*AUTHORITATIVE, "parse_error"} | {rule["column"] for rule in rules}
    demand(len(taken) == len(rules) + 9, "a rule names a column that is there")
    return [(r["column"], [s.replace("~1", "/").replace("~0", "~") for s in r["path"].split("/")[1:]], r["type"]) for r in rules]

def timestamp_us(text):
    *when, digits, sign, hours, minutes = (TIME.fullmatch(text) or refuse(text)).groups()
    zone = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    since = datetime(*map(int, when)) - datetime(1970, 1, 1) + (zone if sign == "-" else -zone)
    return since // timedelta(microseconds=1) + int((digits or "")[:6].ljust(6, "0"))

def typed(member, kind, text, steps):
    """A column's value; ValueError where the member is not of its type, without coercion."""
    integer = type(member) is Number and re.fullmatch("-?[0-9]+", member)
    if member is None or kind == "bool" and type(member) is bool: return member
    if kind == "json": return raw_member(text, steps).encode()
    if kind == "string" and type(member) is str: return member.encode()
    if kind == "timestamp_us" and type(member) is str: return timestamp_us(member)
    if kind == "int64" and integer and -(2**63) <= int(member) < 2**63: return int(member)
    if kind == "float64" and type(member) is Number and math.isfinite(double := float(member)):
        return 0.0 if integer and not double else double  # -0 is the integer 0
    return refuse(str(member))

def project(rules, value):
    """The typed columns of one record, and last its parse_error."""
    columns = [None] * (len(rules) + 1)
    if value is None: return columns
    try:
        document = JSON.decode(text := value.decode())
        if "\\u" in text: json.dumps(document, ensure_ascii=False).encode()  # a lone surrogate cannot be encoded
        if text.count("[") + text.count("{") > 127 and depth(document) > 127: refuse("too deep")
    except UnicodeDecodeError: return [*columns[1:], b"not_utf8"]
    except (ValueError, RecursionError): return [*columns[1:], b"not_json"]
    if type(document) is not dict: return [*columns[1:], b"not_object"]
    for index, (_, steps, kind) in enumerate(rules):
        member = document
        for step in steps: member = member.get(step) if type(member) is dict else None
        try: columns[index] = typed(member, kind, text, steps)
        except ValueError: columns[-1] = b"field_type"
    return columns

# ---- trees (§2) and signed notes (§3) --------------------------------------------------------------------------------------------
class Tree:
    """The Merkle tree of RFC 9162, 2.1.1, grown leaf by leaf; in memory only the roots of its full subtrees."""
    def __init__(self, leaves=()):
        self.count, self.full = 0, []
        for leaf in leaves: self.push(leaf)

    def push(self, data):
        self.count += 1
        self.full.append(hashlib.sha256(b"\0" + data).digest())
        for _ in range((self.count & -self.count).bit_length() - 1): self.full.append(node(self.full.pop(), self.full.pop()))

    def root(self): return reduce(node, reversed(self.full)).hex() if self.full else sha(b"")

def node(right, left): return hashlib.sha256(b"\1" + left + right).digest()

def public_key(text):
    """`<name>+<8 hex of key id>+<base64(0x01 || public key)>`"""
    demand(parts := re.fullmatch(r"([^\s+\x00-\x1f]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})", text), f"not a public key: {text}")
    raw = base64.b64decode(parts[3])
    demand(len(raw) == 33 and raw[0] == 1 and base64.b64encode(raw).decode() == parts[3], f"not an Ed25519 key: {text}")
    demand(sha(parts[1].encode() + b"\n" + raw)[:8] == parts[2], f"the key's id is not its own: {text}")
    return Fields(text=text, id=(parts[1], bytes.fromhex(parts[2])), verify=Ed25519PublicKey.from_public_bytes(raw[1:]).verify)

def read_note(data):
    """Text and signature lines of an object, each ((key name, key id), signature); nothing is verified yet."""
    text, empty, lines = data.decode(errors="surrogateescape").rpartition("\n\n")
    if not empty or not lines.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]", text): raise Junk("not a signed note")
    signatures = []
    for line in lines[:-1].split("\n"):
        parts = re.fullmatch(r"— ([^\s+\x00-\x1f]+) ([A-Za-z0-9+/]{91}=)", line)
        raw = base64.b64decode(parts[2]) if parts else b""
        if not parts or base64.b64encode(raw).decode() != parts[2]: raise Junk("a signature line is malformed")
        signatures.append(((parts[1], raw[:4]), raw[4:]))
    return Fields(data=data, hash=sha(data), text=text + "\n", lines=signatures)

def signed(note, key, line=0):
    try: key.verify(note.lines[line][1], note.text.encode())
    except InvalidSignature: return False
    return note.lines[line][0] == key.id

def content(note, shape):
    """The canonical JSON of a note whose signature was verified: first its type (§9), then its fields."""
    found = canonical(note.text)
    demand(type(found) is dict and type(found.get("type")) is str, "no object with a type")
    if found["type"] not in ("kivend.archive/v1", "kivend.keys/v1", "kivend.link/v1"): raise Unknown(f"unknown type {found['type']}")
    wrong = [name for name in shape if not fits(found.get(name), shape[name])]
    demand(fits(found, shape), f"no {shape['type']}: {' '.join(wrong) or 'other names, or another order'}")
    return found

def is_time(value):
    try: return fits(value, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ") and bool(datetime.fromisoformat(value))
    except ValueError: return False

HASH, ID, TEXT, TOPIC = "[0-9a-f]{64}", "[0-9a-f]{32}", ".*", r"(?!\.{1,2}(?:/| |$))[a-zA-Z0-9._-]{1,249}"
COUNT, I32, MS = range(2**63), range(2**31), (range(-(2**63), 2**63),)
NAMED, OBJECT = {"number": COUNT, "sha256": HASH}, {"key": TEXT, "bytes": COUNT, "sha256": HASH}
ARCHIVE = {"type": "kivend.archive/v1", "archive": "[a-z0-9][a-z0-9._-]{0,62}", "id": ID, "created_at": is_time, "keys": [TEXT]}
KEY_CHANGE = {"type": "kivend.keys/v1", "id": ID, "number": range(1, 2**63), "add": [TEXT], "retire": [TEXT], "at": is_time,
              "checkpoint": NAMED, "previous": HASH}
LOST = {"first_offset": COUNT, "next_offset": COUNT, "log_start_offset": COUNT, "observed_at": is_time, "reason": "retention"}
LINK = {"type": "kivend.link/v1", "archive_id": ID, "cluster_id": TEXT, "topic": TOPIC, "topic_id": ("[A-Za-z0-9_-]{22}",),
        "partition": I32, "epoch": COUNT, "height": COUNT, "first_offset": COUNT, "next_offset": COUNT, "record_count": COUNT,
        "absent": [[COUNT]], "lost": (LOST,), "min_timestamp_ms": MS, "max_timestamp_ms": MS, "records_root": HASH,
        "segment": (OBJECT,), "rejected": [OBJECT | {"reason": "differs|unreadable"}], "checkpoint": NAMED, "sealed_at": is_time,
        "seal_reason": "bytes|records|age|idle|shutdown|revoked|absent|lost|epoch", "sealed_by": TEXT, "previous": HASH}

def check_link(content):
    """The rules that a link obeys by itself (§4)."""
    link = Fields(**content)
    whole, edges = link.next_offset - link.first_offset, [-1, *chained.from_iterable(link.absent)]
    demand(whole > 0, "next_offset is not above first_offset")
    demand(len(link.absent) <= 10_000 and all(len(gap) == 2 for gap in link.absent), "absent are no pairs, or too many")
    demand(all(a < b for a, b in zip(edges, edges[1:])), "absent are not maximal, sorted and disjoint")
    demand(not link.absent or link.first_offset <= edges[1] and edges[-1] <= link.next_offset, "absent are beyond the range")
    missing = whole if link.lost else sum(b - a for a, b in link.absent)
    demand(link.record_count == whole - missing, "record_count is not the range without what is absent or lost")
    demand(bool(link.lost) == (link.seal_reason == "lost"), "seal_reason lost and the loss do not go together")
    loss = link.lost and [link.lost[name] for name in ("first_offset", "next_offset", "log_start_offset")]
    demand(not loss or loss == [link.first_offset, link.next_offset, link.next_offset] and not link.absent, "the loss is not the range")
    low, high = link.min_timestamp_ms, link.max_timestamp_ms
    demand((low is None) == (high is None) and (low is None or low <= high), "min and max timestamp do not go together")
    demand(bool(link.segment) == (link.record_count > 0), "records and segment do not go together")
    demand(link.record_count or low is None and link.records_root == sha(b""), "no records, but a timestamp or a root of some")
    keys = [entry["key"] for entry in link.rejected]
    demand(all(a.encode() < b.encode() for a, b in zip(keys, keys[1:])), "the rejected are not sorted")
    keys += [link.segment["key"]] if link.segment else []
    stem = f"data/topic={link.topic}/partition={link.partition}/{link.epoch:04}-{link.first_offset:020}"
    due = {f"{stem}{f'-r{k}' if k else ''}.parquet" for k in range(len(keys))}  # (§1)
    demand(set(keys) == due, "segment and rejected do not name the key and its -r1…-rn, each once")

NUMBER, HEX = "(0|[1-9][0-9]{0,18})", "([0-9a-f]{64})"
CHECKPOINT = re.compile(rf"kivend\.checkpoint/v1 (\S+) (\S+)\n{NUMBER} {HEX} {NUMBER} {HEX}\n(\S+)\n((?:[^\n]+\n)*)")
HEAD = re.compile(rf"({TOPIC}) {NUMBER} {NUMBER} {NUMBER} {NUMBER} {HEX} {HEX}")

def parse_checkpoint(note):
    """A checkpoint by itself (§6)."""
    type_, heads = note.text.split(" ", 1)[0], {}
    if re.fullmatch(r"kivend\.checkpoint/v[0-9]+", type_) and type_ != "kivend.checkpoint/v1": raise Unknown(f"unknown type {type_}")
    demand((parts := CHECKPOINT.fullmatch(note.text)) and is_time(parts[7]), "not the text of a checkpoint")
    number, change = int(parts[3]), int(parts[5])
    for line in parts[8].split("\n")[:-1]:
        demand(head := HEAD.fullmatch(line), f"not a head: {line[:300]}")
        partition, epoch, height, next_offset = map(int, head.groups()[1:5])
        demand(list(heads)[-1:] < [(head[1], partition)], "the heads are not sorted")
        demand(partition in I32 and max(epoch, height, next_offset) in COUNT, "a number of a head is out of bounds")
        heads[head[1], partition] = Fields(epoch=epoch, height=height, next_offset=next_offset, link=head[6], log_root=head[7])
    demand(max(number, change) in COUNT, "a number is out of bounds")
    demand((number == 0) == (parts[4] == "0" * 64) and (number or not heads), "number 0 and 64 zeros do not go together, or it has heads")
    return Fields(hash=note.hash, archive=parts[1], id=parts[2], number=number, previous=parts[4], change=change, change_hash=parts[6], heads=heads)

# ---- segments (§5): footer and page headers are read here, since pyarrow does not show all that could hide a row -----------------
def thrift(data, at):
    """A struct of Thrift's compact protocol as {field id: value}, and where it ends; 16 levels and 64 fields at most."""
    def varint():
        nonlocal at
        value = shift = 0
        while shift == 0 or data[at - 1] > 127 and shift < 70: value, shift, at = value | (data[at] & 127) << shift, shift + 7, at + 1
        return value
    def read(kind, level):
        nonlocal at
        if kind in (4, 5, 6): return (number := varint()) >> 1 ^ -(number & 1)
        if kind not in (9, 10, 12):
            size = {1: 1, 2: 1, 3: 1, 7: 8}[kind] if kind != 8 else varint()
            demand(at + size <= len(data), "Parquet is cut off")
            at += size
            return data[at - size : at] if kind > 3 else data[at - 1] if kind == 3 else data[at - 1] == 1
        demand(level < 16, "Parquet is too deep")
        if kind != 12:
            head = read(3, level)
            return [read(head & 15, level + 1) for _ in range(head >> 4 if head >> 4 < 15 else varint())]
        fields, id_ = {}, 0
        while head := read(3, level):
            id_ = id_ + (head >> 4) if head >> 4 else read(4, level)
            demand(id_ not in fields and len(fields) < 64, "a field of Parquet stands twice, or there are too many")
            fields[id_] = head & 15 == 1 if head & 15 in (1, 2) else read(head & 15, level + 1)
        return fields
    return read(12, 0), at

SCHEMA = [  # name, physical type (None: a group), repetition (required, optional, repeated), children, logical type
    ("topic", 6, 0, None, {1: {}}), ("partition", 1, 0, None, None), ("offset", 2, 0, None, None),
    ("timestamp", 2, 1, None, {8: {1: True, 2: {1: {}}}}), ("timestamp_type", 1, 0, None, {10: {1: 8, 2: False}}),
    ("key", 6, 1, None, None), ("value", 6, 1, None, None), ("headers", None, 0, 1, {3: {}}), ("list", None, 2, 1, None),
    ("element", None, 0, 2, None), ("name", 6, 0, None, None), ("value", 6, 1, None, None)]
LEAVES = AUTHORITATIVE[:7] + ["headers.list.element.name", "headers.list.element.value"]

def read_segment(data):
    """Footer keys, and (offset, timestamp, encoding) of each record; whatever fails in a stranger's Parquet breaks a rule."""
    try: return read_footer_and_rows(data)
    except Broken: raise
    except Exception as why: raise Broken(f"not a segment: {why}") from None

def read_footer_and_rows(data):
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    demand(data[:4] == data[-4:] == b"PAR1" and 4 <= start >= len(data) - 8 - (8 << 20), "not Parquet, or its footer is too long")
    meta, _ = thrift(data, start)
    keys = unique([(pair[1].decode(), pair.get(2, b"").decode()) for pair in meta.get(5, [])])
    rules = projection_rules(keys["projection"])
    due = [*SCHEMA, *[(name, TYPED[kind][0], 1, None, TYPED[kind][1]) for name, _, kind in rules], ("parse_error", 6, 1, None, {1: {}})]
    schema = [(e[4].decode(), e.get(1), e[3], e.get(5) or None, e.get(10)) for e in meta[2][1:]]
    demand(schema == due and not {8, 9} & meta.keys(), "the columns are not those of the format, or encrypted")
    for group in meta[4]:
        names = [b".".join(chunk[3][3]).decode() for chunk in group[1]]
        demand(4 not in group and names == LEAVES + [e[0] for e in schema[12:]], "sorting_columns, or chunks in another order")
        for chunk in group[1]:
            extra = {1, 4, 5, 6, 7, 8, 9} & chunk.keys() or {10, 14, 15} & chunk[3].keys()
            demand(not extra, "a chunk has a file_path, an index, a bloom filter or encryption")
            demand(chunk[3][4] == 6 and {0, 2, 3, 5, 6, 8, 9} >= set(chunk[3][2]), "a compression or encoding that segments do not have")
    records, room = [], (64 << 20) + len(data) * 32_768
    for columns in read_columns(data, start, meta[4], [e[1] for e in schema if e[1] is not None]):
        for row in zip(*columns):
            encoding = encode(*row[:8])
            demand((room := room - len(encoding)) >= 0, "the records are longer than their file warrants")
            demand(repr(list(row[8:])) == repr(project(rules, row[6])), f"typed columns are not those of the value: offset={row[2]}")
            records.append((row[2], row[3], encoding))
    return keys, records

def encode(topic, partition, offset, timestamp, kind, key, value, headers):
    """A record's encoding (§2)."""
    demand((timestamp is None) == (kind == 255) and kind in (0, 1, 255) and timestamp != -1, f"wrong timestamp: offset={offset}")
    def sized(data): return b"\xff\xff\xff\xff" if data is None else struct.pack(">i", len(data)) + data
    out = struct.pack(">BH", 1, len(topic)) + topic + struct.pack(">iqBq", partition, offset, kind, -1 if timestamp is None else timestamp)
    out += sized(key) + sized(value) + struct.pack(">I", len(headers))
    return out + b"".join(sized(header["name"]) + sized(header["value"]) for header in headers)

def read_columns(data, start, groups, physical):
    """The columns of each row group as the file holds them (bytes for text, integers for times), its statistics found true."""
    import pyarrow as pa, pyarrow.parquet as pq  # only here: verify_proof.py imports this file, and reads no Parquet
    footer = data[start:].replace(b"ARROW:schema", b"arrow:schema")  # ignored (§5): it may call a column what it is not
    file = pq.ParquetFile(pa.BufferReader(data[:start] + footer))
    for number, group in enumerate(groups):
        columns = []
        for column in file.read_row_group(number).columns:
            held = pa.int64() if pa.types.is_timestamp(column.type) else pa.binary() if pa.types.is_string(column.type) else column.type
            columns.append(column.cast(held).to_pylist())
        headers = [header for row in columns[7] for header in row or [{"name": None, "value": None}]]
        flat = columns[:7] + [[header[name] for header in headers] for name in ("name", "value")] + columns[8:]
        demand(len(columns[0]) == group[3], "a row group has more or fewer rows than it says")
        for index, (chunk, values) in enumerate(zip(group[1], flat)):
            demand(chunk[3][5] == len(values), "a chunk has more or fewer values than it says")
            for claims, first, count in [(chunk[3].get(12, {}), 0, len(values)), *page_statistics(data, chunk[3])]:
                empty = sum(not row for row in columns[7]) if index in (7, 8) else 0
                demand(is_true(claims, values[first : first + count], empty, physical[index]), "a statistic is not true of its rows")
        yield columns

def page_statistics(data, chunk):
    """Statistics, first value and number of values of each data page of a chunk."""
    at, first = min(offset for offset in (chunk.get(11), chunk[9]) if offset), 0
    end = at + chunk[7]
    while at < end:
        header, at = thrift(data, at)
        demand(header[3] >= 0 and header[2] <= 512 << 20, "a page of negative size, or too large")
        at, page = at + header[3], header.get(8) or header.get(5) or {1: 0}
        yield page.get(8 if 8 in header else 5, {}), first, page[1]
        first += page[1]

def is_true(claims, values, empty, physical):
    """Fields of a statistic: 3 nulls, 4 distinct, 6 and 5 the bounds, 2 and 1 the deprecated ones, 8 and 7 whether they are exact."""
    here = [value for value in values if value is not None]
    nulls = len(values) - len(here)
    bounds = {id_: raw if physical == 6 else struct.unpack({0: "<?", 1: "<i", 2: "<q", 5: "<d"}[physical], raw)[0]
              for id_, raw in claims.items() if here and id_ in (1, 2, 5, 6)}
    return (claims.get(3, nulls) in (nulls, nulls - empty) and (4 not in claims or bool(here) <= claims[4] <= len(here))
            and all(bound <= min(here) if id_ in (2, 6) else bound >= max(here) for id_, bound in bounds.items())
            and all(bound in here for id_, bound in bounds.items() if id_ in (5, 6) and claims.get(id_ + 2)))

# ---- the archive (§1, §3, §4, §6, §9) --------------------------------------------------------------------------------------------
KINDS = {  # how keys are written (§1), and the least digits of the numbers
    "keys": (r"keys/(\d+)(?:-r([1-9]\d*))?\.note", [6]), "checkpoints": (r"checkpoints/(\d+)(?:-r([1-9]\d*))?\.note", [10]),
    "links": (rf"links/({TOPIC})/(\d+)/(\d+)-(\d+)(?:-r([1-9]\d*))?\.note", [1, 4, 20]),
    "data": (rf"data/topic=({TOPIC})/partition=(\d+)/(\d+)-(\d+)(?:-r([1-9]\d*))?\.parquet", [1, 4, 20])}
FOOTER = ["topic", "partition", "epoch", "first_offset", "next_offset", "record_count", "records_root", "previous"]

class Archive:
    """One pass over a folder: `run`, then `verdict`, `findings` and `records`."""
    def __init__(self, folder, brought):
        self.folder, self.brought, self.findings, self.records = folder, brought, {}, Counter()
        self.places = {kind: defaultdict(dict) for kind in KINDS}  # kind → place → k → key
        self.junk = {kind: {} for kind in KINDS}  # kind → place where nothing but junk stands → its key
        self.blind = {}  # kind of notes, or partition → the place from which on it cannot be read
        self.terms, self.changes, self.checkpoints, self.chains, self.named = {}, {}, {}, {}, {0}

    def find(self, severity, object_, detail): self.findings[severity, str(object_), str(detail)] = None

    @property
    def verdict(self):
        found = {severity for severity, _, _ in self.findings}
        return next((verdict for verdict in ("tampered", "incomplete", "unverifiable") if verdict in found), "intact")

    def load(self, key):
        if (self.folder / key).stat().st_size > 512 << 20: raise OSError("larger than any object may be")
        return (self.folder / key).read_bytes()

    def run(self):
        self.list_keys()
        try: self.read_identity()
        except (Broken, UnicodeDecodeError) as why: return self.find("tampered", "archive.json", why)
        except FileNotFoundError: return self.find("incomplete", "archive.json", "missing: nothing can be checked without it")
        self.read_changes()
        if "keys" in self.blind: return  # whose signatures count is not known
        self.read_checkpoints()
        for partition in sorted({place[:2] for kind in ("links", "data") for place in self.places[kind]}): self.read_chain(partition)
        self.check_heads()
        self.judge_notes()
        if not any(chain.head for chain in self.chains.values()): self.find("incomplete", "links/", "the archive has no link")

    def list_keys(self):
        for folder, folders, files in os.walk(self.folder, onerror=lambda why: self.find("unverifiable", why.filename, why)):
            for name in files + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
                key = Path(folder, name).relative_to(self.folder).as_posix()
                if key != "archive.json" and not key.startswith(("probes/", ".tmp/")) and not any(self.sort_in(key, kind) for kind in KINDS):
                    self.find("tampered", key, "nothing of this name belongs to an archive")

    def sort_in(self, key, kind):
        """Whether it is a key of this kind, whose numbers have their width and no leading zero beyond it."""
        if not (parts := re.fullmatch(KINDS[kind][0], key, re.A)): return False
        widths, texts = KINDS[kind][1], parts.groups()[:-1]
        numbers = [int(text) for text in texts[-len(widths):]]
        if [f"{n:0{width}}" for n, width in zip(numbers, widths)] != list(texts[-len(widths):]) or max(numbers) not in COUNT: return False
        self.places[kind][numbers[0] if len(widths) == 1 else (texts[0], *numbers)][int(parts.groups()[-1] or 0)] = key
        return (kind, numbers) != ("keys", [0])

    def sequence(self, kind, places, read, name):
        """The valid note with the lowest k of each place (§1), up to the first that cannot be read: nothing later is judged (§9)."""
        for place in sorted(places):
            candidates, found, counts, junk = self.places[kind][place], None, 0, []
            for k, key in sorted(candidates.items()):
                try: note = read(self.load(key), place)
                except Broken as why: self.find("tampered", key, why)
                except Junk as why:
                    junk.append(key)
                    self.find("tampered" if found else "note", key, f"passed over: {why}")
                except (Unknown, OSError) as why:
                    self.blind[name] = place
                    return self.find("unverifiable", key, why)
                else:
                    if found: self.find("tampered", key, "a second valid note at one place")
                    found, counts = found or note, counts if found else k
            if found and any(k not in candidates for k in range(min(counts, len(candidates)))):
                self.find("incomplete", candidates[counts], "objects with lower -r numbers are missing")
            if junk and not found: self.junk[kind][place] = junk[0]
            if found: yield place, found

    def opened(self, data, lines=1):
        """A note that a key in force signed, and that key's term (§3)."""
        note = read_note(data)
        term = self.terms.get(note.lines[0][0])
        if not (term and term.trusted and signed(note, term.key)) or lines and len(note.lines) != lines: raise Junk("not signed by one key in force")
        return note, term

    def read_identity(self):
        data = self.load("archive.json")
        self.identity, self.identity_hash = canonical(data.decode()), sha(data)
        demand(fits(self.identity, ARCHIVE), "not the fields of an identity")
        self.keys = [public_key(text) for text in self.identity["keys"]]
        demand(self.keys and len({key.id for key in self.keys}) == len(self.keys), "no keys, or one twice")
        self.trust(self.identity["keys"])

    def trust(self, texts):
        """The keys of archive.json, of which these count, before any key change."""
        self.terms = {key.id: Fields(key=key, trusted=key.text in texts, added=None, retired=None) for key in self.keys}

    def read_changes(self):
        """Under all keys of archive.json; again under those brought alone, unless a change added one of them (§3)."""
        brought, kept = {key.text for key in self.brought}, dict(self.findings)
        self.walk_changes()
        if brought and not any(brought & set(change.add) for change in self.changes.values()):
            self.findings, self.changes, self.junk["keys"] = kept, {}, {}
            self.trust(brought)
            self.walk_changes()
            if not any(term.trusted for term in self.terms.values()): self.find("tampered", "archive.json", "no key that was brought is its own")
        if not brought: self.find("note", "archive.json", "trust on first use: its keys were not compared with any from elsewhere")

    def walk_changes(self):
        last, before = 0, self.identity_hash
        for number, change in self.sequence("keys", self.places["keys"], self.read_change, "keys"):
            if number > last + 1: self.find("incomplete", f"keys/{number:06}", "key changes before it are missing")
            elif change.previous != before: self.find("tampered", f"keys/{number:06}", "it does not name the hash of what is before it")
            last, before, self.changes[number] = number, change.hash, change
            for id_ in change.leaving: self.terms[id_].retired = change
            for key in change.added: self.terms[key.id] = Fields(key=key, trusted=True, added=change, retired=None)

    def read_change(self, data, number):
        note, first = self.opened(data, None)
        if first.retired: raise Junk("signed by a retired key")
        change = content(note, KEY_CHANGE)
        added, leaving = [public_key(text) for text in change["add"]], [public_key(text).id for text in change["retire"]]
        ids, in_force = [key.id for key in added], {id_ for id_, term in self.terms.items() if not term.retired}
        demand(change["id"] == self.identity["id"] and change["number"] == number, "a change of another archive or place")
        demand(bool(added) != bool(leaving), "it must either add or retire")
        if [line[0] for line in note.lines[1:]] != ids or not all(signed(note, key, 1 + i) for i, key in enumerate(added)):
            raise Junk("not signed by each key that it adds, in that order")
        demand(len(set(ids)) == len(ids) and not self.terms.keys() & ids, "a key is added twice")
        demand(set(leaving) < in_force and len(set(leaving)) == len(leaving), "it retires a key that is not in force, or all that are")
        demand(first.key.id not in leaving, "signed by a key that it retires")
        return Fields(**change, hash=note.hash, added=added, leaving=leaving, heights=self.heights_of(**change["checkpoint"]))

    def heights_of(self, number, sha256):
        """Of the checkpoint that a key change names; None where it is not there."""
        for key in self.places["checkpoints"].get(number, {}).values():
            try:
                if sha(data := self.load(key)) == sha256: return {p: h.height for p, h in parse_checkpoint(read_note(data)).heads.items()}
            except (OSError, Junk, Broken, Unknown): continue
        return None

    def read_checkpoints(self):
        before = None
        for number, now in self.sequence("checkpoints", self.places["checkpoints"], self.read_checkpoint, "checkpoints"):
            name, self.checkpoints[number] = f"checkpoints/{number:010}", now
            if number > (before.number if before else -1) + 1: self.find("incomplete", name, "checkpoints before it are missing")
            elif before and now.previous != before.hash: self.find("tampered", name, "it does not name the hash of the checkpoint before it")
            for partition, old in before.heads.items() if before else ():
                new = now.heads.get(partition)
                if not new or new.height < old.height or new.epoch < old.epoch or new.height == old.height and new != old:
                    self.find("tampered", name, f"the head of {partition} went back or changed")
            due = self.changes[now.change].hash if now.change in self.changes else None if now.change else self.identity_hash
            if not due: self.find("incomplete", name, f"it names key change {now.change}, which is missing")
            elif due != now.change_hash or before and now.change < before.change: self.find("tampered", name, "not the newest key change")
            before = now
        if not self.checkpoints: self.find("incomplete", "checkpoints/", "the archive has no checkpoint")

    def read_checkpoint(self, data, number):
        note, term = self.opened(data)
        found = parse_checkpoint(note)
        demand((found.archive, found.id, found.number) == (self.identity["archive"], self.identity["id"], number), "of another archive or place")
        must_cover(term, lambda change: number <= change.checkpoint["number"])
        return found

    # ---- chains (§4) and what stands beside them (§1) --------------------------------------------------------------------------
    def read_link(self, data, place):
        note, term = self.opened(data)
        link = content(note, LINK)
        named = (link["archive_id"], link["topic"], link["partition"], link["epoch"], link["first_offset"])
        demand(named == (self.identity["id"], *place), "a link of another archive or place")
        check_link(link)
        must_cover(term, lambda change: None if change.heights is None else link["height"] <= change.heights.get(place[:2], -1))
        return Fields(**link, hash=note.hash, data=data)

    def read_chain(self, partition):
        chain = self.chains[partition] = Fields(head=None, links={}, log=Tree(), roots={}, named=set(), ends=set(), rules=None)
        for place, link in self.sequence("links", [place for place in self.places["links"] if place[:2] == partition], self.read_link, partition):
            name, before = min(self.places["links"][place].values()), chain.head
            if link.height > height_after(before) and place[2:] > place_after(before): self.find("incomplete", name, "links before it are missing")
            else:
                try: self.continues(link, before)
                except Broken as why: self.find("tampered", name, why)
                else: chain.ends |= {place_after(before)} if before and link.epoch > before.epoch else set()
            chain.head, chain.links[link.height] = link, link
            chain.log.push(link.data)
            if chain.log.count == link.height + 1: chain.roots[link.height] = chain.log.root()
            self.check_named(**link.checkpoint)
            if link.lost: self.find("note", name, f"declared loss: offsets {link.first_offset} to {link.next_offset}")
            self.records[link.topic] += link.record_count
            for entry in [*link.rejected, *([link.segment] if link.segment else [])]: self.check_object(link, chain, **entry)

    def continues(self, link, before):
        genesis = sha(f"kivend.genesis/v1\n{self.identity_hash}\n{link.topic}\n{link.partition}\n".encode())
        demand(link.height == height_after(before), "its height does not follow")
        demand(link.previous == (before.hash if before else genesis), "previous is not the hash of the link before it, or the genesis")
        next_epoch = (before.epoch + 1, 0) if before else None
        demand((link.epoch, link.first_offset) in (place_after(before), next_epoch), "it does not begin where the link before it ends")
        if not before: return
        demand(link.checkpoint["number"] >= before.checkpoint["number"], "it names an older checkpoint than the link before it")
        same = link.cluster_id == before.cluster_id and before.topic_id in (None, link.topic_id)
        demand(same or link.epoch != before.epoch, "cluster_id or topic_id changed within the epoch")

    def check_object(self, link, chain, key, bytes, sha256, reason=None):
        chain.named.add(key)
        try:
            data = self.load(key)
            demand(len(data) == bytes and sha(data) == sha256, "not the bytes that its link names")
            if not reason: return self.check_segment(link, chain, *read_segment(data))
        except FileNotFoundError: return self.find("incomplete", key, "its link names it, and it is missing")
        except OSError as why: return self.find("unverifiable", key, why)
        except Broken as why: return self.find("tampered", key, why)
        try: keys, records = read_segment(data)
        except Broken as why: return self.find("note", key, f"rejected: {why}")
        same = (keys.get("first_offset"), keys.get("next_offset")) == (str(link.first_offset), str(link.next_offset))
        other = same and Tree(record[2] for record in records).root() != link.records_root
        self.find("note", key, f"rejected: {'same range, another root' if other else 'readable'}")

    def check_segment(self, link, chain, keys, records):
        for name in FOOTER: demand(keys.get(name) == str(getattr(link, name)), f"footer key {name} is not the link's")
        edges = [link.first_offset, *chained.from_iterable(link.absent), link.next_offset]
        demand(len(records) == link.record_count, "more or fewer records than the link says")
        offsets = list(chained.from_iterable(range(a, b) for a, b in zip(edges[::2], edges[1::2])))
        demand([offset for offset, _, _ in records] == offsets, "records at other offsets than the link says")
        prefix = struct.pack(">BH", 1, len(link.topic)) + link.topic.encode() + struct.pack(">i", link.partition)
        demand(all(encoding.startswith(prefix) for _, _, encoding in records), "a record of another topic or partition")
        demand(Tree(encoding for _, _, encoding in records).root() == link.records_root, "the records have another root")
        times = [timestamp for _, timestamp, _ in records if timestamp is not None]
        demand((min(times, default=None), max(times, default=None)) == (link.min_timestamp_ms, link.max_timestamp_ms), "other timestamps")
        if chain.rules not in (None, keys["projection"]): self.find("note", link.segment["key"], "the rules of projection change here")
        chain.rules = keys["projection"]

    def check_named(self, number, sha256):
        """The checkpoint that a link or a key change names."""
        self.named.add(number)
        found, name = self.checkpoints.get(number), f"checkpoints/{number:010}"
        if found and found.hash != sha256: self.find("tampered", name, "a link or key change names another hash of it")
        elif not found and number < self.blind.get("checkpoints", 2**63): self.find("incomplete", name, "a link or key change names it: missing")

    def check_heads(self):
        """The heads of every checkpoint against the links, then what no link or checkpoint vouches for."""
        anchored = {}
        for number, checkpoint in self.checkpoints.items():
            for partition, head in checkpoint.heads.items():
                chain = self.chains.get(partition, Fields(links={}, roots={}))
                anchored[partition], link = head.height, chain.links.get(head.height)
                if link and (link.epoch, link.next_offset, link.hash) != (head.epoch, head.next_offset, head.link) \
                        or chain.roots.get(head.height, head.log_root) != head.log_root:
                    self.find("tampered", f"checkpoints/{number:010}", f"its head of {partition} is not link {head.height} and the log up to it")
                elif not link and partition not in self.blind: self.find("incomplete", f"links of {partition}", f"link {head.height} is missing")
        for partition, chain in self.chains.items():
            height = anchored.get(partition, -1)
            if height_after(chain.head) - 1 > height: self.find("note", f"links of {partition}", f"unanchored above height {height}")
            self.judge_leftovers(partition, chain, height)

    def judge_leftovers(self, partition, chain, anchored):
        following, blind = [place_after(chain.head), (height_after(chain.head) and chain.head.epoch + 1, 0)], self.blind.get(partition, (*partition, 2**63))
        for place in [place for place in self.junk["links"] if place[:2] == partition]:
            if place[2:] not in following or anchored >= height_after(chain.head): self.judge_junk("links", place)
        linked = {(link.epoch, link.first_offset) for link in chain.links.values()}
        for place in [place for place in self.places["data"] if place[:2] == partition and place < blind]:
            for key in set(self.places["data"][place].values()) - chain.named if place[2:] not in {*following, *chain.ends} else ():
                try:
                    demand(place[2:] in linked, "it does not stand at the place of a link")
                    self.check_copy(place, chain, *read_segment(self.load(key)))
                    self.find("note", key, "no link names it; it is a copy of what links hold")
                except (Broken, OSError) as why: self.find("tampered", key, f"a segment that no link names: {why}")

    def check_copy(self, place, chain, keys, records):
        """What a stopped archiver left (§1, "Copy"): no record that links do not hold."""
        due = [str(entry) for entry in (*place, len(records), Tree(record[2] for record in records).root())]
        demand([keys.get(name) for name in FOOTER[:4] + FOOTER[5:7]] == due, "its footer is not that of its place and records")
        demand(re.fullmatch("[0-9]{1,19}", keys.get("next_offset", "")), "its footer has no next_offset")
        first, end, held = place[3], int(keys["next_offset"]), []
        reached = first
        for link in sorted(chain.links.values(), key=lambda link: link.height):
            if link.epoch == place[2] and link.first_offset <= reached < min(link.next_offset, end):
                reached = link.next_offset
                if link.segment:
                    data = self.load(link.segment["key"])
                    demand(sha(data) == link.segment["sha256"], "what it would be a copy of was altered")
                    held += read_segment(data)[1]
        demand(first < end <= reached, "it claims offsets that no link holds")
        own = set(records)
        demand(records == [record for record in held if record[0] < end and record in own], "it holds other records")

    def judge_notes(self):
        """What key changes name; junk at the next place of a sequence is tolerated until something says that a note stood there."""
        for change in self.changes.values(): self.check_named(**change.checkpoint)
        newest = max((checkpoint.change for checkpoint in self.checkpoints.values()), default=0)
        for number in self.junk["keys"]:
            if not number == max(self.changes, default=0) + 1 > newest: self.judge_junk("keys", number)
        for number in self.junk["checkpoints"]:
            if not number == max(self.checkpoints, default=-1) + 1 > max(self.named): self.judge_junk("checkpoints", number)

    def judge_junk(self, kind, place): self.find("tampered", self.junk[kind][place], "no key in force signed it, and a note of its place is due")

def height_after(link): return link.height + 1 if link else 0
def place_after(link): return (link.epoch, link.next_offset) if link else (0, 0)

def must_cover(term, within):
    """A key's signatures count after the change that added it and until the one that retired it (§3)."""
    if term.added and within(term.added) or term.retired and within(term.retired) is False: raise Junk("its key was not in force for it")

EXIT_CODES = {"intact": 0, "tampered": 10, "incomplete": 11, "unverifiable": 12}

def main():
    parser = argparse.ArgumentParser(description="verify an archive folder from docs/FORMAT.md alone")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--key", action="append", default=[], metavar="PUBLIC", help="a public key from elsewhere; only such keys count then")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    if not options.folder.is_dir(): parser.error(f"no folder: {options.folder}")
    try: archive = Archive(options.folder, [public_key(key) for key in options.key])
    except Broken as why: parser.error(str(why))
    archive.run()
    if options.json:
        findings = [dict(zip(("severity", "object", "detail"), finding)) for finding in archive.findings]
        topics = [{"topic": topic, "records": count} for topic, count in sorted(archive.records.items())]
        print(json.dumps({"verdict": archive.verdict, "topics": topics, "findings": findings}, indent=1))
    else:
        for finding in archive.findings: print("{}: {}: {}".format(*finding), file=sys.stderr)
        for topic, count in sorted(archive.records.items()): print(f"{count:>12} {topic}")
        print(archive.verdict)
    return EXIT_CODES[archive.verdict]

if __name__ == "__main__":
    sys.exit(main())
