"""Checks a segment, a Parquet object: docs/FORMAT.md, section 5, with the encoding of records from section 2.

pyarrow reads the rows. The footer and page headers are read here, because pyarrow does not expose everything that could
hide a row. verify.py compares the segment with its link.
"""
import io
import json
import math
import re
import struct
from datetime import datetime, timedelta, timezone
from itertools import accumulate
from types import SimpleNamespace as Fields

import pyarrow as pa
import pyarrow.parquet as pq

from notes import I64, canonical, demand, fits, grow, refuse, root

# ---- typed columns: JSON in which each member of an object has a value and its source text ---------------------------
def unique(pairs):
    members = dict(pairs)
    return members if len(members) == len(pairs) else refuse("a name twice")

def number(literal):
    return float(literal) if literal.isascii() else refuse(literal)

def spanned(text, at):
    value, end = JSON.scan_once(text, at)
    return (value, text[at:end]), end

JSON = json.JSONDecoder(parse_int=number, parse_float=number, parse_constant=refuse, object_pairs_hook=unique)
JSON.parse_object = lambda place, strict, _, *hooks: json.decoder.JSONObject(place, strict, spanned, *hooks)
JSON.scan_once = json.scanner.py_make_scanner(JSON)
TIME = r"(\d{4}-\d\d-\d\d)[T ]((?:[01]\d|2[0-3]):\d\d:\d\d)(?:\.(\d+))?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?"

def parse_json(text):
    document = JSON.decode(text)
    if "\\u" in text:
        json.dumps(document, ensure_ascii=False).encode()  # a lone surrogate cannot be encoded
    brackets = re.findall(r'"(?:[^"\\]|\\.)*"|([][{}])', text)
    depths = accumulate((b in ("[", "{")) - (b in ("]", "}")) for b in brackets)
    demand(max(depths, default=0) <= 127, kind=ValueError)
    return document

def int64(_, text):
    return int(text) if int(text) in I64 else refuse(text)

def float64(found, text):
    demand(not math.isinf(found), kind=ValueError)
    return 0.0 if text == "-0" else found

def timestamp_us(found, _):
    day, time, digits, zone = (re.fullmatch(TIME, found, re.A) or refuse(found)).groups()
    since = datetime.fromisoformat(f"{day}T{time}{zone or 'Z'}") - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return since // timedelta(microseconds=1) + int((digits or "")[:6].ljust(6, "0"))

TYPED = {  # Parquet's physical and logical type, the JSON type, and the column's value from the JSON value and its text
    "string": (6, {1: {}}, str, lambda found, text: found.encode()),
    "json": (6, {1: {}}, object, lambda found, text: text.encode()),
    "int64": (2, None, float, int64),
    "float64": (5, None, float, float64),
    "bool": (0, None, bool, lambda found, text: found),
    "timestamp_us": (2, {8: {1: True, 2: {2: {}}}}, str, timestamp_us),
}
RULE = {"column": "[a-z_][a-z0-9_]*", "path": "(?:/(?:[^~/]|~[01])*)+", "type": "|".join(TYPED)}
AUTHORITATIVE = ["topic", "partition", "offset", "timestamp", "timestamp_type", "key", "value", "headers"]

def projection_rules(text):
    """The column, pointer steps and type of each rule."""
    rules = canonical(text + "\n")
    demand(fits(rules, [RULE]) and len(rules) <= 1000)
    demand(len({*AUTHORITATIVE, "parse_error", *(rule["column"] for rule in rules)}) == len(rules) + 9)
    steps = [[step.replace("~1", "/").replace("~0", "~") for step in rule["path"].split("/")[1:]] for rule in rules]
    return [(rule["column"], path, rule["type"]) for rule, path in zip(rules, steps)]

def project(rules, value):
    """The typed columns of one record, followed by its parse_error."""
    columns = [None] * (len(rules) + 1)
    if value is None:
        return columns
    try:
        text = value.decode()
        document = parse_json(text)
    except UnicodeDecodeError:
        return [*columns[1:], b"not_utf8"]
    except (ValueError, RecursionError):
        return [*columns[1:], b"not_json"]
    if type(document) is not dict:
        return [*columns[1:], b"not_object"]
    for index, (_, steps, kind) in enumerate(rules):
        found, (_, _, due, convert) = (document, text), TYPED[kind]
        for step in steps:
            found = type(found[0]) is dict and found[0].get(step) or (None, None)
        if found[0] is None:
            continue
        try:
            demand(isinstance(found[0], due), kind=ValueError)
            columns[index] = convert(*found)
        except ValueError:
            columns[-1] = b"field_type"
    return columns

# ---- Parquet ---------------------------------------------------------------------------------------------------------
def varint(file, left=9):
    low = file.read(1)[0]
    return low & 127 | (varint(file, left - 1) << 7 if low > 127 and left else 0)

def thrift(file, kind=12, level=0):
    """A value of Thrift's compact protocol; a struct is {field id: value}."""
    if kind in (1, 2, 3):  # true, false, byte
        return file.read(1)[0]
    if kind in (4, 5, 6):  # integers
        coded = varint(file)
        return coded >> 1 ^ -(coded & 1)
    if kind in (7, 8):  # double, binary
        return file.read(varint(file) if kind == 8 else 8)
    demand(kind in (9, 10, 12) and level < 16)  # list, set, struct
    head, fields, id_ = file.read(1)[0], {}, 0
    if kind != 12:
        return [thrift(file, head & 15, level + 1) for _ in range(head >> 4 if head < 0xF0 else varint(file))]
    while head:
        id_ = id_ + (head >> 4) if head >> 4 else thrift(file, 4)
        demand(id_ not in fields and len(fields) < 64)
        fields[id_] = head & 15 == 1 if head & 15 in (1, 2) else thrift(file, head & 15, level + 1)
        head = file.read(1)[0]
    return fields

SCHEMA = [  # name, physical type (None: a group), repetition (required, optional, repeated), children, logical type
    ("topic", 6, 0, None, {1: {}}), ("partition", 1, 0, None, None), ("offset", 2, 0, None, None),
    ("timestamp", 2, 1, None, {8: {1: True, 2: {1: {}}}}), ("timestamp_type", 1, 0, None, {10: {1: 8, 2: False}}),
    ("key", 6, 1, None, None), ("value", 6, 1, None, None), ("headers", None, 0, 1, {3: {}}),
    ("list", None, 2, 1, None), ("element", None, 0, 2, None), ("name", 6, 0, None, None), ("value", 6, 1, None, None),
]
LEAVES = AUTHORITATIVE[:7] + ["headers.list.element.name", "headers.list.element.value"]

def read_segment(data):
    """Returns the footer keys, (offset, timestamp, encoding) of each record, and the root."""
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    demand(data[:4] == data[-4:] == b"PAR1" and 4 <= start >= len(data) - 8 - (8 << 20))
    footer = thrift(io.BytesIO(data[start:-8]))
    keys = unique([(pair[1].decode(), pair.get(2, b"").decode()) for pair in footer.get(5, [])])
    rules, records, full, room = projection_rules(keys["projection"]), [], [], (64 << 20) + len(data) * 32_768
    for row in read_rows(data, start, footer[4], check_footer(footer, rules)):
        encoding = encode(*row[:8])
        room -= len(encoding)
        demand(room >= 0)
        demand(repr([*row[8:]]) == repr(project(rules, row[6])))  # typed columns; repr distinguishes -0.0 from 0.0
        grow(full, len(records), encoding)
        records.append((row[2], row[3], encoding))
    return Fields(keys=keys, records=records, root=root(full))

def check_footer(footer, rules):
    """The physical type of each column."""
    own = [(column, TYPED[kind][0], 1, None, TYPED[kind][1]) for column, _, kind in rules]
    due = SCHEMA + own + [("parse_error", 6, 1, None, {1: {}})]
    demand([(e[4].decode(), e.get(1), e[3], e.get(5) or None, e.get(10)) for e in footer[2][1:]] == due)
    demand(not {8, 9} & {*footer})  # encryption
    for group in footer[4]:
        names = [b".".join(chunk[3][3]).decode() for chunk in group[1]]
        demand(4 not in group and names == LEAVES + [column[0] for column in due[12:]])  # 4: sorting_columns
        for chunk in group[1]:  # no file_path, page index, encryption, index page or bloom filter
            demand(not {1, 4, 5, 6, 7, 8, 9} & {*chunk} and not {10, 14, 15} & {*chunk[3]})
            demand(chunk[3][4] == 6 and {0, 2, 3, 5, 6, 8, 9} >= {*chunk[3][2]})  # zstd; encodings
    return [column[1] for column in due if column[1] is not None]

def sized(data):
    return b"\xff\xff\xff\xff" if data is None else struct.pack(">i", len(data)) + data

def encode(topic, partition, offset, timestamp, kind, key, value, headers):
    """A record's encoding (§2)."""
    demand((timestamp is None) == (kind == 255) and kind in (0, 1, 255) and timestamp != -1)
    where = struct.pack(">iqBq", partition, offset, kind, -1 if timestamp is None else timestamp)
    held = b"".join(sized(header["name"]) + sized(header["value"]) for header in headers)
    begin = struct.pack(">BH", 1, len(topic)) + topic
    return begin + where + sized(key) + sized(value) + struct.pack(">I", len(headers)) + held

def read_rows(data, start, groups, physical):
    """Reads the rows, with bytes for text and integers for times, and checks every statistic."""
    plain = {pa.string(): pa.binary(), pa.timestamp("ms", "UTC"): pa.int64(), pa.timestamp("us", "UTC"): pa.int64()}
    footer = data[start:].replace(b"ARROW:schema", b"arrow:schema")  # ignored, because it may declare other column types
    file = pq.ParquetFile(pa.BufferReader(data[:start] + footer))
    for index, group in enumerate(groups):
        columns = [c.cast(plain.get(c.type, c.type)).to_pylist() for c in file.read_row_group(index).columns]
        demand(len(columns[0]) == group[3])
        headers = [header for row in columns[7] for header in row or [{"name": None, "value": None}]]
        names, values = ([header[name] for header in headers] for name in ("name", "value"))
        empty = sum(not row for row in columns[7])
        empties = [0] * 7 + [empty, empty] + [0] * len(columns[8:])
        for column in zip(group[1], columns[:7] + [names, values] + columns[8:], empties, physical):
            check_statistics(data, *column)
        yield from zip(*columns)

def check_statistics(data, chunk, values, empty, physical):
    demand(chunk[3][5] == len(values))
    for claims, first, count in [(chunk[3].get(12, {}), 0, len(values)), *page_statistics(data, chunk[3])]:
        demand(is_true(claims, values[first : first + count], empty, physical))

def page_statistics(data, chunk):
    """Yields the statistics, the index of the first value and the number of values of each data page."""
    file, first = io.BytesIO(data), 0
    end = file.seek(min(offset for offset in (chunk.get(11), chunk[9]) if offset)) + chunk[7]
    while file.tell() < end:
        header = thrift(file)
        demand(header[3] >= 0 and header[2] <= 512 << 20 and file.seek(header[3], 1) <= end)
        page = header.get(8) or header.get(5) or {1: 0}
        yield page.get(8 if 8 in header else 5, {}), first, page[1]
        first += page[1]

def is_true(claims, values, empty, physical):
    """Checks statistics: 3 nulls, 4 distinct, 6 and 5 bounds (8 and 7: whether exact), 2 and 1 deprecated bounds."""
    here, unpack = [value for value in values if value is not None], {0: "<?", 1: "<i", 2: "<q", 5: "<d"}
    raws = {i: raw for i, raw in claims.items() if here and i in (1, 2, 5, 6)}
    bounds = {i: raw if physical == 6 else struct.unpack(unpack[physical], raw)[0] for i, raw in raws.items()}
    nulls = len(values) - len(here)
    counted = claims.get(3, nulls) in (nulls, nulls - empty) and bool(here) <= claims.get(4, len(here)) <= len(here)
    around = all(bound <= min(here) if i in (2, 6) else bound >= max(here) for i, bound in bounds.items())
    exact = all(bound in here for i, bound in bounds.items() if i in (5, 6) and claims.get(i + 2))
    return counted and around and exact
