#!/usr/bin/env python3
"""Verifies an archive folder (a directory store, or a downloaded bucket) from the text of docs/FORMAT.md alone.

The second opinion: it has neither code nor language nor Parquet library in common with kivend, trusts nothing that it
did not recompute, and writes nothing. It sees what the folder holds: neither Kafka nor older versions of objects. (§n) is
the section of FORMAT.md whose rules follow; one that does not hold is quoted. What makes a reader fail breaks a rule too.

    python tools/verify.py FOLDER [--key PUBLIC]…     exit code 0 intact, 10 tampered, 11 incomplete, 12 unverifiable
"""
import base64, collections, contextlib, hashlib, io, json, linecache, math, os, re, struct, sys
from datetime import datetime, timedelta, timezone
from functools import reduce
from itertools import accumulate, chain
from pathlib import Path
from types import SimpleNamespace as Fields
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

class Broken(Exception): severity = "tampered"
class Missing(Broken): severity = "incomplete"
class Unknown(Broken): severity = "unverifiable"  # it cannot be read, or is of a type that version 1 does not know
class Junk(Exception): "No key in force signed it: whoever may create objects can have put it there."

def demand(rule, why=None, kind=Broken):
    if not rule: raise kind(why or linecache.getline(__file__, sys._getframe(1).f_lineno).strip())
def refuse(literal): raise ValueError(f"not in the format: {literal[:20]}")
def sha(data): return hashlib.sha256(data).hexdigest()

# ---- canonical JSON (conventions), and the shapes of what is written in it (§3, §4) ------------------------------------
def canonical(text):  # what is written again must be the same text; `fits` judges the ranges of its numbers
    found = json.loads(text, parse_float=refuse, parse_constant=refuse)
    demand((json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n").encode() == text.encode())
    return found

def fits(value, shape):  # a pattern, a range of integers, (this or null,), [of each], {these names in this order}, a test
    if type(shape) is str: return type(value) is str and bool(re.fullmatch(shape, value, re.A | re.S))
    if type(shape) is range: return type(value) is int and value in shape
    if type(shape) is tuple: return value is None or fits(value, shape[0])
    if type(shape) is list: return type(value) is list and all(fits(item, shape[0]) for item in value)
    if type(shape) is not dict: return shape(value)
    return type(value) is dict and [*value] == [*shape] and all(fits(value[name], shape[name]) for name in shape)

def is_time(value): return fits(value, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ") and bool(datetime.fromisoformat(value))
HASH, ID, TEXT, TOPIC = "[0-9a-f]{64}", "[0-9a-f]{32}", ".*", r"(?!\.{1,2}(?:/| |$))[a-zA-Z0-9._-]{1,249}"
COUNT, I32, I64 = range(2**63), range(2**31), range(-(2**63), 2**63)
NAMED, OBJECT = dict(number=COUNT, sha256=HASH), dict(key=TEXT, bytes=COUNT, sha256=HASH)
ARCHIVE = dict(type="kivend[.]archive/v1", archive="[a-z0-9][a-z0-9._-]{0,62}", id=ID, created_at=is_time, keys=[TEXT])
KEY_CHANGE = dict(type="kivend[.]keys/v1", id=ID, number=range(1, 2**63), add=[TEXT], retire=[TEXT], at=is_time,
                  checkpoint=NAMED, previous=HASH)
LOST = dict(first_offset=COUNT, next_offset=COUNT, log_start_offset=COUNT, observed_at=is_time, reason="retention")
LINK = dict(type="kivend[.]link/v1", archive_id=ID, cluster_id=TEXT, topic=TOPIC, topic_id=("[A-Za-z0-9_-]{22}",),
            partition=I32, epoch=COUNT, height=COUNT, first_offset=COUNT, next_offset=COUNT, record_count=COUNT,
            absent=[[COUNT]], lost=(LOST,), min_timestamp_ms=(I64,), max_timestamp_ms=(I64,), records_root=HASH,
            segment=(OBJECT,), rejected=[OBJECT | dict(reason="differs|unreadable")], checkpoint=NAMED, sealed_at=is_time,
            seal_reason="bytes|records|age|idle|shutdown|revoked|absent|lost|epoch", sealed_by=TEXT, previous=HASH)

# ---- signed notes (§3), links (§4) and checkpoints (§6), each by itself ------------------------------------------------
NAME, NUMBER, HEX = r"([^\s+\x00-\x1f]+)", "(0|[1-9][0-9]{0,18})", "([0-9a-f]{64})"
PUBLIC, SIGNATURE = rf"{NAME}\+([0-9a-f]{{8}})\+([A-Za-z0-9+/]{{44}})", rf"— {NAME} ([A-Za-z0-9+/]{{90}}[AEIMQUYcgkosw048]=)"

def public_key(text):
    name, id_, coded = re.fullmatch(PUBLIC, text).groups()
    demand((raw := base64.b64decode(coded))[0] == 1 and sha(name.encode() + b"\n" + raw)[:8] == id_)
    return Fields(text=text, id=(name, bytes.fromhex(id_)), verify=Ed25519PublicKey.from_public_bytes(raw[1:]).verify)

def read_note(data):  # text, and signature lines ((key name, key id), signature); nothing is verified yet
    text, empty, lines = data.decode(errors="surrogateescape").rpartition("\n\n")
    demand(empty and lines.endswith("\n") and not re.search(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]", text), kind=Junk)
    demand(all(found := [re.fullmatch(SIGNATURE, line) for line in lines[:-1].split("\n")]), kind=Junk)
    signatures = [(line[1], base64.b64decode(line[2])) for line in found]
    return Fields(data=data, hash=sha(data), text=text + "\n", lines=[((name, s[:4]), s[4:]) for name, s in signatures])

def signed(note, key, line=0):
    try: return key.verify(note.lines[line][1], note.text.encode()) is None and note.lines[line][0] == key.id
    except Exception: return False

def content(note, shape):  # of a note whose signature was verified: first its type (§9), then its fields
    type_ = (found := canonical(note.text))["type"]
    demand(re.fullmatch(r"kivend\.(archive|keys|link)/v1", type_), f"unknown type {type_}", Unknown)
    demand(fits(found, shape))
    return found

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

def parse_checkpoint(note):
    type_ = note.text.split(" ", 1)[0]
    demand(not re.fullmatch(r"kivend\.checkpoint/v(?!1$)[0-9]+", type_), f"unknown type {type_}", Unknown)
    name, id_, number, previous, change, change_hash, time, lines = re.fullmatch(CHECKPOINT, note.text).groups()
    rows, number, change = [re.fullmatch(HEAD, line).groups() for line in lines.split("\n")[:-1]], int(number), int(change)
    heads = {(row[0], int(row[1])): Fields(epoch=int(row[2]), height=int(row[3]), next_offset=int(row[4]), hash=row[5],
                                           log_root=row[6]) for row in rows}
    demand(is_time(time) and (number == 0) == (previous == "0" * 64) and (number or not heads))
    demand([*heads] == sorted(heads) and len(heads) == len(rows) and all(partition in I32 for _, partition in heads))
    demand(max(number, change, *(int(n) for row in rows for n in row[2:5])) in COUNT)
    return Fields(hash=note.hash, place=(name, id_, number), previous=previous, heads=heads, change=change, change_hash=change_hash)

# ---- Merkle trees (§2: RFC 9162, 2.1.1), kept as the roots of their full subtrees --------------------------------------
def node(right, left): return hashlib.sha256(b"\1" + left + right).digest()
def root(full): return reduce(node, reversed(full)).hex() if full else sha(b"")
def grow(full, count, data):  # by leaf number `count`
    full.append(hashlib.sha256(b"\0" + data).digest())
    for _ in range((~count & count + 1).bit_length() - 1): full.append(node(full.pop(), full.pop()))
    return full

# ---- typed columns (§5) ------------------------------------------------------------------------------------------------
def unique(pairs): return members if len(members := dict(pairs)) == len(pairs) else refuse("a name twice")
def number(literal): return float(literal) if literal.isascii() else refuse(literal)
def spanned(text, at):  # a member of an object is its value, and its text as it stands
    value, end = JSON.scan_once(text, at)
    return (value, text[at:end]), end
JSON = json.JSONDecoder(parse_int=number, parse_float=number, parse_constant=refuse, object_pairs_hook=unique)
JSON.parse_object = lambda place, strict, _, *hooks: json.decoder.JSONObject(place, strict, spanned, *hooks)
JSON.scan_once = json.scanner.py_make_scanner(JSON)
TIME = r"(\d{4}-\d\d-\d\d)[T ]((?:[01]\d|2[0-3]):\d\d:\d\d)(?:\.(\d+))?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?"

def timestamp_us(text):
    day, time, digits, zone = (re.fullmatch(TIME, text, re.A) or refuse(text)).groups()
    since = datetime.fromisoformat(f"{day}T{time}{zone or 'Z'}") - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return since // timedelta(microseconds=1) + int((digits or "")[:6].ljust(6, "0"))
TYPED = {  # Parquet's physical and logical type, what JSON must hold, and the column's value from it and from its text
    "string": (6, {1: {}}, str, lambda found, text: found.encode()),
    "json": (6, {1: {}}, object, lambda found, text: text.encode()),
    "int64": (2, None, float, lambda found, text: int(text) if int(text) in I64 else refuse(text)),
    "float64": (5, None, float, lambda found, text: refuse(text) if math.isinf(found) else 0.0 if text == "-0" else found),
    "bool": (0, None, bool, lambda found, text: found),
    "timestamp_us": (2, {8: {1: True, 2: {2: {}}}}, str, lambda found, text: timestamp_us(found))}
RULE = dict(column="[a-z_][a-z0-9_]*", path="(?:/(?:[^~/]|~[01])*)+", type="|".join(TYPED))
AUTHORITATIVE = ["topic", "partition", "offset", "timestamp", "timestamp_type", "key", "value", "headers"]

def projection_rules(text):  # column, steps of the pointer, and type of each rule
    demand(fits(rules := canonical(text + "\n"), [RULE]) and len(rules) <= 1000)
    demand(len({*AUTHORITATIVE, "parse_error", *(rule["column"] for rule in rules)}) == len(rules) + 9)
    unescaped = [rule["path"].replace("/", "\0").replace("~1", "/").replace("~0", "~").split("\0")[1:] for rule in rules]
    return [(rule["column"], steps, rule["type"]) for rule, steps in zip(rules, unescaped)]

def project(rules, value):  # the typed columns of one record, and last its parse_error
    columns = [None] * (len(rules) + 1)
    if value is None: return columns
    try:
        document = JSON.decode(text := value.decode())
        if "\\u" in text: json.dumps(document, ensure_ascii=False).encode()  # a lone surrogate cannot be encoded
        brackets = re.findall(r'"(?:[^"\\]|\\.)*"|([][{}])', text)
        demand(max(accumulate((b in ("[", "{")) - (b in ("]", "}")) for b in brackets), default=0) <= 127, kind=ValueError)
    except UnicodeDecodeError: return [*columns[1:], b"not_utf8"]
    except (ValueError, RecursionError): return [*columns[1:], b"not_json"]
    if type(document) is not dict: return [*columns[1:], b"not_object"]
    for index, (_, steps, kind) in enumerate(rules):
        found, (_, _, due, convert) = (document, text), TYPED[kind]
        for step in steps: found = type(found[0]) is dict and found[0].get(step) or (None, None)
        try: columns[index] = None if found[0] is None else convert(*found) if isinstance(found[0], due) else refuse(found[1])
        except ValueError: columns[-1] = b"field_type"
    return columns

# ---- segments (§5): footer and page headers are read here, since pyarrow does not show all that could hide a row -------
def thrift(file, kind=12, level=0):  # a value of Thrift's compact protocol; a struct is {field id: value}
    def varint(left=9):
        low = file.read(1)[0]
        return low & 127 | (varint(left - 1) << 7 if low > 127 and left else 0)
    if kind in (1, 2, 3): return file.read(1)[0]
    if kind in (4, 5, 6): return (number := varint()) >> 1 ^ -(number & 1)
    if kind in (7, 8): return file.read(varint() if kind == 8 else 8)
    demand(kind in (9, 10, 12) and level < 16)
    head, fields, id_ = file.read(1)[0], {}, 0
    if kind != 12: return [thrift(file, head & 15, level + 1) for _ in range(head >> 4 if head < 0xF0 else varint())]
    while head:
        id_ = id_ + (head >> 4) if head >> 4 else thrift(file, 4)
        demand(id_ not in fields and len(fields) < 64)
        fields[id_] = head & 15 == 1 if head & 15 in (1, 2) else thrift(file, head & 15, level + 1)
        head = file.read(1)[0]
    return fields
SCHEMA = [  # name, physical type (None: a group), repetition (required, optional, repeated), children, logical type
    ("topic", 6, 0, None, {1: {}}), ("partition", 1, 0, None, None), ("offset", 2, 0, None, None),
    ("timestamp", 2, 1, None, {8: {1: True, 2: {1: {}}}}), ("timestamp_type", 1, 0, None, {10: {1: 8, 2: False}}),
    ("key", 6, 1, None, None), ("value", 6, 1, None, None), ("headers", None, 0, 1, {3: {}}), ("list", None, 2, 1, None),
    ("element", None, 0, 2, None), ("name", 6, 0, None, None), ("value", 6, 1, None, None)]
LEAVES = AUTHORITATIVE[:7] + ["headers.list.element.name", "headers.list.element.value"]

def read_segment(data):  # footer keys, (offset, timestamp, encoding) of each record, and their root
    start, room, records, full = len(data) - 8 - int.from_bytes(data[-8:-4], "little"), (64 << 20) + len(data) * 32_768, [], []
    demand(data[:4] == data[-4:] == b"PAR1" and 4 <= start >= len(data) - 8 - (8 << 20))
    meta = thrift(io.BytesIO(data[start:-8]))
    keys = unique([(pair[1].decode(), pair.get(2, b"").decode()) for pair in meta.get(5, [])])
    rules, schema = projection_rules(keys["projection"]), [(e[4].decode(), e.get(1), e[3], e.get(5) or None, e.get(10)) for e in meta[2][1:]]
    own = [(name, TYPED[kind][0], 1, None, TYPED[kind][1]) for name, _, kind in [*rules, ("parse_error", None, "string")]]
    demand(schema == SCHEMA + own and not {8, 9} & {*meta})  # 8, 9: encryption
    for group in meta[4]:
        names = [b".".join(chunk[3][3]).decode() for chunk in group[1]]
        demand(4 not in group and names == LEAVES + [column[0] for column in schema[12:]])  # 4: sorting_columns
        for chunk in group[1]:  # of file_path, page index, encryption, index page and bloom filter nothing
            demand(not {1, 4, 5, 6, 7, 8, 9} & {*chunk} and not {10, 14, 15} & {*chunk[3]})
            demand(chunk[3][4] == 6 and {0, 2, 3, 5, 6, 8, 9} >= {*chunk[3][2]})  # zstd; encodings
    for row in read_rows(data, start, meta[4], [column[1] for column in schema if column[1] is not None]):
        records.append((row[2], row[3], encode(*row[:8])))
        demand((room := room - len(records[-1][2])) >= 0)
        demand(repr([*row[8:]]) == repr(project(rules, row[6])))  # typed columns; repr tells -0.0 from 0.0
        grow(full, len(records) - 1, records[-1][2])
    return Fields(keys=keys, records=records, root=root(full))

def encode(topic, partition, offset, timestamp, kind, key, value, headers):  # (§2)
    demand((timestamp is None) == (kind == 255) and kind in (0, 1, 255) and timestamp != -1)
    def sized(data): return b"\xff\xff\xff\xff" if data is None else struct.pack(">i", len(data)) + data
    where = struct.pack(">iqBq", partition, offset, kind, -1 if timestamp is None else timestamp)
    held = b"".join(sized(header["name"]) + sized(header["value"]) for header in headers)
    return struct.pack(">BH", 1, len(topic)) + topic + where + sized(key) + sized(value) + struct.pack(">I", len(headers)) + held

def read_rows(data, start, groups, physical):  # bytes for text, integers for times; each statistic was found true
    import pyarrow as pa, pyarrow.parquet as pq  # only here: verify_proof.py imports this file, and reads no Parquet
    plain = {pa.string(): pa.binary(), pa.timestamp("ms", "UTC"): pa.int64(), pa.timestamp("us", "UTC"): pa.int64()}
    footer = data[start:].replace(b"ARROW:schema", b"arrow:schema")  # is ignored: it may call a column what it is not
    file = pq.ParquetFile(pa.BufferReader(data[:start] + footer))
    for number, group in enumerate(groups):
        columns = [c.cast(plain.get(c.type, c.type)).to_pylist() for c in file.read_row_group(number).columns]
        headers = [header for row in columns[7] for header in row or [{"name": None, "value": None}]]
        leaves = columns[:7] + [[header[name] for header in headers] for name in ("name", "value")] + columns[8:]
        demand(len(columns[0]) == group[3])
        for index, (chunk, values) in enumerate(zip(group[1], leaves)):
            demand(chunk[3][5] == len(values))
            empty = sum(not row for row in columns[7]) if index in (7, 8) else 0
            for claims, first, count in [(chunk[3].get(12, {}), 0, len(values)), *page_statistics(data, chunk[3])]:
                demand(is_true(claims, values[first : first + count], empty, physical[index]))
        yield from zip(*columns)

def page_statistics(data, chunk):  # of each data page: its statistics, first value and number of values
    file, first = io.BytesIO(data), 0
    end = file.seek(min(offset for offset in (chunk.get(11), chunk[9]) if offset)) + chunk[7]
    while file.tell() < end:
        header = thrift(file)
        demand(header[3] >= 0 and header[2] <= 512 << 20 and file.seek(header[3], 1) <= end)
        page = header.get(8) or header.get(5) or {1: 0}
        yield page.get(8 if 8 in header else 5, {}), first, page[1]
        first += page[1]

def is_true(claims, values, empty, physical):  # 3 nulls, 4 distinct, 6 and 5 bounds (8 and 7: exact), 2 and 1 old ones
    here, unpack = [value for value in values if value is not None], {0: "<?", 1: "<i", 2: "<q", 5: "<d"}
    raws = {i: raw for i, raw in claims.items() if here and i in (1, 2, 5, 6)}
    bounds = {i: raw if physical == 6 else struct.unpack(unpack[physical], raw)[0] for i, raw in raws.items()}
    nulls = len(values) - len(here)
    return (claims.get(3, nulls) in (nulls, nulls - empty) and bool(here) <= claims.get(4, len(here)) <= len(here)
            and all(bound <= min(here) if i in (2, 6) else bound >= max(here) for i, bound in bounds.items())
            and all(bound in here for i, bound in bounds.items() if i in (5, 6) and claims.get(i + 2)))

# ---- the archive (§1, §9) ----------------------------------------------------------------------------------------------
def digits(least): return rf"(\d{{{least}}}|[1-9]\d{{{least},}})"
KINDS = {"keys": rf"keys/(?!0*[.-]){digits(6)}(?:-r([1-9]\d*))?\.note", "checkpoints": rf"checkpoints/{digits(10)}(?:-r([1-9]\d*))?\.note",
         "links": rf"links/({TOPIC})/{digits(1)}/{digits(4)}-{digits(20)}(?:-r([1-9]\d*))?\.note",
         "data": rf"data/topic=({TOPIC})/partition={digits(1)}/{digits(4)}-{digits(20)}(?:-r([1-9]\d*))?\.parquet"}
FOOTER = ["topic", "partition", "epoch", "first_offset", "next_offset", "record_count", "records_root", "previous"]
EXIT_CODES = {"tampered": 10, "incomplete": 11, "unverifiable": 12, "intact": 0}  # the gravest first

class Archive:
    """One pass over a folder: `run`, then `verdict`, `findings` and `records`.

    A place is (number,) for key changes and checkpoints, (topic, partition, epoch, first offset) for links and segments.
    A sequence is named "keys", "checkpoints", or by its partition; its notes are counted by height from 0.
    """
    def __init__(self, folder, brought):
        self.folder, self.brought, self.findings = folder, {key.text for key in brought}, {}
        self.places = {kind: collections.defaultdict(dict) for kind in KINDS}  # kind → place → k → key
        self.notes, self.last = collections.defaultdict(dict), {}  # sequence → height → valid note; the last one
        self.junk, self.blind = {}, {}  # (sequence, place) without a valid note → key; sequence → first place unread
        self.claims, self.owned, self.spare = [], set(), set()  # see `claim`; keys that links name; places that need none
        self.records = collections.Counter()

    @property
    def verdict(self): return next(v for v in EXIT_CODES if v == "intact" or v in {severity for severity, *_ in self.findings})
    def find(self, severity, where, what): self.findings[severity, str(where), str(what)] = None

    @contextlib.contextmanager
    def judging(self, where):
        try: yield
        except Exception as why: self.find(getattr(why, "severity", "tampered"), where, why)

    def load(self, key):
        demand(os.path.lexists(path := self.folder / key), "it is missing", Missing)
        try: return path.read_bytes() if path.stat().st_size <= 512 << 20 else refuse("larger than an object may be (§5)")
        except (OSError, ValueError) as why: raise Unknown(why) from None

    def run(self):
        self.list_keys()
        with self.judging("archive.json"): self.read_identity()
        if "keys" in self.notes: self.read_keys()
        if "keys" not in self.last or "keys" in self.blind: return  # whose signatures count is not known
        self.read_checkpoints()
        heads = {partition for checkpoint in self.notes["checkpoints"].values() for partition in checkpoint.heads}
        partitions = sorted(heads | {place[:2] for kind in ("links", "data") for place in self.places[kind]})
        for partition in partitions: self.read_chain(partition)
        if not any(self.notes[partition] for partition in partitions): self.find("incomplete", "links/", "there is none")
        for claim in self.claims: self.check_claim(*claim)
        self.check_leftovers()
        self.judge_junk()

    def list_keys(self):
        for folder, folders, files in os.walk(self.folder, onerror=lambda why: self.find("unverifiable", why.filename, why)):
            for name in files + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
                self.list_key(Path(folder, name).relative_to(self.folder).as_posix())

    def list_key(self, key):
        for kind, parts in [(kind, re.fullmatch(form, key, re.A)) for kind, form in KINDS.items()]:
            *place, k = parts.groups() if parts else (2**63, None)
            place = (*place[:-3], *map(int, place[-3:]))
            if max(place[-3:]) in COUNT and (len(place) == 1 or place[1] in I32):
                self.places[kind][place][int(k or 0)] = key
                return
        if key != "archive.json" and not key.startswith(("probes/", ".tmp/")): self.find("tampered", key, "no name of the format")

    def sequence(self, name, kind, read, before):  # of each place the valid note with the lowest k, until one cannot be read
        self.last[name] = before
        for place in sorted(place for place in self.places[kind] if name in (kind, place[:2])):
            tries, found = self.places[kind][place], None
            for k, key in sorted(tries.items()):
                try: note = read(self.load(key), place)
                except Junk as why:
                    self.find("tampered" if found else "note", key, f"passed over: {why}")
                    self.junk.setdefault((name, place), key)
                except Exception as why:
                    self.find(severity := getattr(why, "severity", "tampered"), key, why)
                    if severity == "unverifiable": return self.blind.update({name: place})
                else:
                    if found: self.find("tampered", key, "a second valid note at one place")
                    elif any(j not in tries for j in range(k)): self.find("incomplete", key, "a lower -r name is missing")
                    found = found or note
            if not found: continue
            self.junk.pop((name, place), None)
            found.place, found.key = place, min(tries.values())
            with self.judging(found.key): self.follows(found, self.last[name])
            yield found
            self.notes[name][found.height] = self.last[name] = found

    def follows(self, note, before):
        missing = note.height > before.height + 1 and note.place > min(before.next)
        demand(not missing, "what stands before it is missing", Missing)
        demand(note.height == before.height + 1 and note.place in before.next and note.previous == before.hash)
        if len(note.place) == 1: return
        demand(note.checkpoint["number"] >= before.checkpoint["number"])
        demand(note.epoch != before.epoch or note.cluster_id == before.cluster_id and before.topic_id in (None, note.topic_id))

    def claim(self, where, name, height, **fields): self.claims.append((where, name, height, fields))
    def check_claim(self, where, name, height, fields):  # what something says of a note elsewhere
        found = self.notes[name].get(height)
        unread = name in self.blind and (name != "checkpoints" or (height,) >= self.blind[name])
        agrees = not found or all(getattr(found, field, value) == value for field, value in fields.items())
        if not found and not unread: self.find("incomplete", where, f"{name} {height}, which it names, is missing")
        if not agrees: self.find("tampered", where, f"it names another {name} {height}")

    def judge_junk(self):  # at the next place of a sequence it is tolerated, until something says that a note stood there
        for (name, place), key in self.junk.items():
            claimed = max((height for _, named, height, _ in self.claims if named == name), default=-1)
            if place not in self.last[name].next or claimed > self.last[name].height:
                self.find("tampered", key, "no key in force signed it, where a note is due or none can stand")

    # ---- keys and checkpoints (§3, §6) ---------------------------------------------------------------------------------
    def opened(self, data, lines=1):  # a note that a key in force signed, and that key's term
        term = self.terms.get((note := read_note(data)).lines[0][0])
        signs = term and term.trusted and lines in (0, len(note.lines)) and signed(note, term.key)
        demand(signs, "not signed by one key in force", Junk)
        return note, term

    def must_cover(self, term, within):  # a key counts beyond what the change that added it names, and up to its retirement's
        late = term.retired and within(term.retired) is False
        demand(not late and not (term.added and within(term.added)), "its key was not in force for it", Junk)

    def read_identity(self):
        identity = canonical((data := self.load("archive.json")).decode())
        demand(fits(identity, ARCHIVE))
        self.id, self.name, self.hash, keys = identity["id"], identity["archive"], sha(data), [*map(public_key, identity["keys"])]
        self.terms = {key.id: Fields(key=key, trusted=True, added=None, retired=None) for key in keys}
        demand(0 < len(self.terms) == len(keys))
        self.notes["keys"][0] = Fields(height=0, hash=self.hash, next=[(1,)])
        self.claim("archive.json", "checkpoints", 0)

    def read_keys(self):
        if self.brought:  # one that a change added vouches for all before it, through `previous`
            other = Archive(self.folder, [])
            other.list_keys(), other.read_identity(), other.read_keys()
            vouched = "keys" in other.blind or any(term.added and term.key.text in self.brought for term in other.terms.values())
            for term in self.terms.values(): term.trusted = vouched or term.key.text in self.brought
        for change in self.sequence("keys", "keys", self.read_change, self.notes["keys"][0]):
            self.claim(change.key, "checkpoints", change.checkpoint["number"], hash=change.checkpoint["sha256"])
            for id_ in change.leaving: self.terms[id_].retired = change
            self.terms |= {key.id: Fields(key=key, trusted=True, added=change, retired=None) for key in change.adding}
        if not self.brought: self.find("note", "archive.json", "trust on first use: no key was brought from elsewhere")
        if not any(term.trusted for term in self.terms.values()):
            self.find("tampered", "archive.json", "none of the keys brought is the archive's")

    def read_change(self, data, place):
        note, signer = self.opened(data, 0)
        demand(not signer.retired, "signed by a retired key", Junk)
        change = Fields(**content(note, KEY_CHANGE), hash=note.hash, height=place[0], next=[(place[0] + 1,)])
        change.adding, change.leaving = [*map(public_key, change.add)], [public_key(text).id for text in change.retire]
        ids, in_force = {key.id for key in change.adding}, {id_ for id_, term in self.terms.items() if not term.retired}
        each = len(note.lines) == 1 + len(change.add) and all(signed(note, key, n) for n, key in enumerate(change.adding, 1))
        demand(each, "not signed by each key that it adds, in that order", Junk)
        demand((change.id, change.number) == (self.id, *place) and bool(ids) != bool(change.leaving))
        demand(len(ids) == len(change.adding) and not self.terms.keys() & ids)
        demand(len({*change.leaving}) == len(change.leaving) and {*change.leaving} <= in_force - {signer.key.id})
        return change

    def read_checkpoints(self):
        start = Fields(height=-1, hash="0" * 64, next=[(0,)], heads={}, change=0)
        for now in self.sequence("checkpoints", "checkpoints", self.read_checkpoint, start):
            before = self.last["checkpoints"]
            for partition, old in before.heads.items():
                new = now.heads.get(partition)
                grown = new and (new == old or new.height > old.height and new.epoch >= old.epoch)
                if not grown: self.find("tampered", now.key, f"the head of {partition} went back or changed")
            if now.change < before.change: self.find("tampered", now.key, "its key change went back")
            self.claim(now.key, "keys", now.change, hash=now.change_hash)
            for partition, head in now.heads.items(): self.claim(now.key, partition, **vars(head))

    def read_checkpoint(self, data, place):
        note, term = self.opened(data)
        demand((found := parse_checkpoint(note)).place == (self.name, self.id, *place))
        self.must_cover(term, lambda change: place[0] <= change.checkpoint["number"])
        return Fields(**vars(found), height=place[0], next=[(place[0] + 1,)])

    # ---- chains (§4) and their segments (§5) ---------------------------------------------------------------------------
    def genesis(self, topic, partition):  # what stands before the first link
        hash_ = sha(f"kivend.genesis/v1\n{self.hash}\n{topic}\n{partition}\n".encode())
        return Fields(height=-1, hash=hash_, epoch=-1, next=[(topic, partition, 0, 0)], checkpoint={"number": 0})

    def read_link(self, data, place):
        def within(change):  # None: what the change names is missing
            named = self.notes["checkpoints"].get(change.checkpoint["number"])
            if not named or named.hash != change.checkpoint["sha256"]: return None
            return link.height <= named.heads.get(place[:2], Fields(height=-1)).height
        note, term = self.opened(data)
        link = Fields(**content(note, LINK), hash=note.hash, data=data)
        demand((link.archive_id, link.topic, link.partition, link.epoch, link.first_offset) == (self.id, *place))
        check_link(link)
        self.must_cover(term, within)
        link.next = [(*place[:3], link.next_offset), (*place[:2], link.epoch + 1, 0)]
        return link

    def read_chain(self, partition):
        full, count = [], 0
        for link in self.sequence(partition, "links", self.read_link, self.genesis(*partition)):
            before = self.last[partition]
            if link.epoch > before.epoch >= 0 and link.previous == before.hash: self.spare.add(before.next[0])
            if link.height == count: link.log_root, count = root(grow(full, count, link.data)), count + 1
            self.claim(link.key, "checkpoints", link.checkpoint["number"], hash=link.checkpoint["sha256"])
            self.records[link.topic] += link.record_count
            if link.lost: self.find("note", link.key, f"declared loss: offsets {link.first_offset} to {link.next_offset}")
            for entry in [*link.rejected, *([link.segment] if link.segment else [])]: self.check_object(link, **entry)
        self.spare |= {*self.last[partition].next}
        anchored = max((height for _, name, height, _ in self.claims if name == partition), default=-1)
        if self.last[partition].height > anchored: self.find("note", partition, f"unanchored above height {anchored}")

    def check_object(self, link, key, bytes, sha256, reason=None):
        self.owned.add(key)
        with self.judging(key):
            demand(len(data := self.load(key)) == bytes and sha(data) == sha256, "its link names other bytes")
            if not reason: return self.check_segment(link, read_segment(data))
            try: found = read_segment(data)
            except Exception as why: return self.find("note", key, f"rejected: {why}")
            same = [found.keys.get(name) for name in FOOTER[3:5]] == [str(link.first_offset), str(link.next_offset)]
            what = "another range" if not same else "the same records" if found.root == link.records_root else "another root"
            self.find("note", key, f"rejected: it has {what}")

    def check_segment(self, link, segment):
        records, edges = segment.records, [link.first_offset, *chain(*link.absent), link.next_offset]
        demand([segment.keys.get(name) for name in FOOTER] == [str(getattr(link, name)) for name in FOOTER])
        demand(len(records) == link.record_count)  # first, since a range may be longer than any memory
        demand([record[0] for record in records] == [*chain(*(range(a, b) for a, b in zip(edges[::2], edges[1::2])))])
        prefix = struct.pack(">BH", 1, len(link.topic)) + link.topic.encode() + struct.pack(">i", link.partition)
        demand(all(record[2].startswith(prefix) for record in records) and segment.root == link.records_root)
        times = [record[1] for record in records if record[1] is not None] or [None]
        demand((min(times), max(times)) == (link.min_timestamp_ms, link.max_timestamp_ms))

    def check_leftovers(self):  # segments that no link names (§1)
        for place in sorted({*self.places["data"]} - self.spare):
            if place >= self.blind.get(place[:2], (*place, 0)): continue
            for key in {*self.places["data"][place].values()} - self.owned:
                try: self.check_copy(place, read_segment(self.load(key)))
                except Exception as why: self.find("tampered", key, f"no link names it, and it is no copy: {why}")
                else: self.find("note", key, "no link names it; it is a copy of what links hold")

    def check_copy(self, place, segment):  # what a stopped archiver left
        keys, offsets = segment.keys, [record[0] for record in segment.records]
        demand(any(link.place == place for link in self.notes[place[:2]].values()) and offsets == sorted({*offsets}))
        demand([keys.get(name) for name in FOOTER[:4] + FOOTER[5:7]] == [*map(str, [*place, len(offsets), segment.root])])
        demand(re.fullmatch("[0-9]{1,19}", keys.get("next_offset", "")))
        end, links = int(keys["next_offset"]), [link for link in self.notes[place[:2]].values() if link.epoch == place[2]]
        links = [link for link in links if link.next_offset > place[3] and link.first_offset < end]
        demand(0 < end - place[3] == sum(min(link.next_offset, end) - link.first_offset for link in links))  # without a gap
        named = [read_segment(self.load(link.segment["key"])) for link in links if link.segment]
        demand({*segment.records} <= {record for other in named for record in other.records if record[0] < end})

if __name__ == "__main__":
    try:
        folder, *keys = [word for word in sys.argv[1:] if word != "--key"] or sys.exit(__doc__)
        archive = Archive(Path(folder), [public_key(key) for key in keys])
        next(Path(folder).iterdir(), None)
    except Exception as why: sys.exit(print(why, file=sys.stderr) or 2)
    archive.run()
    for finding in archive.findings: print("{}: {}: {}".format(*finding), file=sys.stderr)
    for topic, count in sorted(archive.records.items()): print(f"{count:>12} {topic}")
    sys.exit(print(archive.verdict) or EXIT_CODES[archive.verdict])
