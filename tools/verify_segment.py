"""Checks a segment, a Parquet object: docs/FORMAT.md, section 7.

pyarrow reads the rows, after segment_structure.py has checked everything else. verify.py compares the segment with its link.
"""
import math
import re
import struct
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace as Fields

import pyarrow as pa
import pyarrow.parquet as pq

from notes import I64, canonical, demand, fits, grow, refuse, root
from segment_structure import Seen, read_footer, read_structure, schema
from strict_json import parse_json

# ---- typed columns ---------------------------------------------------------------------------------------------------
TIME = r"(\d{4}-\d\d-\d\d)[T ]((?:[01]\d|2[0-3]):\d\d:\d\d)(?:\.(\d+))?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?"

def int64(_, text):
    return int(text) if int(text) in I64 else refuse(text)

def float64(found, text):
    demand(not math.isinf(found), kind=ValueError)
    return 0.0 if text == "-0" else found

def decimal(kind):
    """How a decimal(p,s) is read from its literal."""
    precision, scale = map(int, kind[8:-1].split(","))
    literal = re.compile(rf"(-?)(0|[1-9]\d{{0,{precision - scale - 1}}})(?:\.(\d{{0,{scale}}}))?" if precision > scale else rf"(-?)(0)(?:\.(\d{{0,{scale}}}))?", re.A)
    def convert(_, text):
        sign, whole, digits = (literal.fullmatch(text) or refuse(text)).groups()
        return int(sign + whole + (digits or "").ljust(scale, "0"))
    return (2, {5: {1: scale, 2: precision}}, float, convert)

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
for precision in range(1, 19):
    TYPED |= {kind: decimal(kind) for scale in range(precision + 1) for kind in [f"decimal({precision},{scale})"]}
RULE = {"column": "[a-z_][a-z0-9_]*", "path": "(?:/(?:[^~/]|~[01])*)+", "type": "|".join(map(re.escape, TYPED))}
AUTHORITATIVE = ["topic", "partition", "epoch", "offset", "timestamp", "timestamp_type", "key", "value", "headers", "timestamp_out_of_range_ms"]

def projection_rules(text):
    """The column, pointer steps and type of each rule."""
    rules = canonical(text + "\n")
    demand(fits(rules, [RULE]) and len(rules) <= 1000)
    demand(len({*AUTHORITATIVE, "parse_error", *(rule["column"] for rule in rules)}) == len(rules) + len(AUTHORITATIVE) + 1)
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

# ---- records and Parquet ---------------------------------------------------------------------------------------------
def sized(data):
    return b"\xff\xff\xff\xff" if data is None else struct.pack(">i", len(data)) + data

RANGE = range(-2208988800000, 253402300800000)  # of `timestamp`

def encode(topic, partition, _, offset, timestamp, kind, key, value, headers, other):
    """A record's encoding (§2). `other` is the timestamp where it is out of the range of `timestamp`."""
    demand(timestamp is None or other is None and timestamp in RANGE)
    demand(other is None or other not in RANGE)
    timestamp = other if timestamp is None else timestamp
    demand((timestamp is None) == (kind == 255) and kind in (0, 1, 255) and timestamp != -1)
    where = struct.pack(">iqBq", partition, offset, kind, -1 if timestamp is None else timestamp)
    held = b"".join(sized(header["name"]) + sized(header["value"]) for header in headers)
    begin = struct.pack(">BH", 1, len(topic)) + topic
    return begin + where + sized(key) + sized(value) + struct.pack(">I", len(headers)) + held

def read_segment(data):
    """Returns the footer keys, (offset, timestamp, encoding) of each record, and the root."""
    footer, start, keys = read_footer(data)
    rules, records, full, room = projection_rules(keys["projection"]), [], [], (64 << 20) + len(data) * 32_768
    groups = read_structure(data, footer, start, schema(rules))
    demand(sum(group.rows for group in groups) == int(keys["record_count"]))
    for row in read_rows(data, groups):
        demand([row[0].decode(), str(row[1]), str(row[2])] == [keys[key] for key in ("topic", "partition", "epoch")])
        encoding = encode(*row[:10])
        room -= len(encoding)
        demand(room >= 0)
        demand(repr([*row[10:]]) == repr(project(rules, row[7])))  # typed columns; repr distinguishes -0.0 from 0.0
        grow(full, len(records), encoding)
        records.append((row[3], row[4] if row[9] is None else row[9], encoding))
    return Fields(keys=keys, records=records, root=root(full))

def plain(array):
    """The values with bytes for text and integers for times and decimals."""
    if pa.types.is_decimal(array.type):
        return [None if value is None else int(value.scaleb(array.type.scale)) for value in array.to_pylist()]
    to = {pa.string(): pa.binary(), pa.timestamp("ms", "UTC"): pa.int64(), pa.timestamp("us", "UTC"): pa.int64()}
    return array.cast(to.get(array.type, array.type)).to_pylist()

def read_rows(data, groups):
    """Reads the rows, of few pages at a time, and checks every statistic."""
    file = pq.ParquetFile(pa.BufferReader(data))
    for index, group in enumerate(groups):
        seen, count = [Seen() for _ in group.leaves], max(1, (256 << 20) // max(group.memory, 1))
        for batch in file.iter_batches(min(count, 8192), [index], use_threads=False):
            columns = [plain(column) for column in batch.columns]
            demand(None not in columns[8])
            headers = [header for row in columns[8] for header in row or [{"name": None, "value": None}]]
            nested = [[header[name] for header in headers] for name in ("name", "value")]
            for one, column in zip(seen, columns[:8] + nested + columns[9:]):
                one.take(column)
            yield from zip(*columns)
        for one, leaf, claims, entries in zip(seen, group.leaves, group.claims, group.entries):
            demand(one.entries == entries and claims == (one.claims(leaf) if leaf.claims else None))
