"""One segment (docs/FORMAT.md, sections 2 and 5), and the JSON that it and notes are made of: part of verify.py, as independent.

Rows are evidence; typed columns and statistics are an index of them, and are recomputed. What stands in the footer and in the
headers of pages is read here byte by byte, since pyarrow does not show all that could hide a row. Of the limits in section 5,
those that show only while a page is unpacked are left to pyarrow, which unpacks it. (§n) is the section whose rules follow.
"""
import hashlib, json, linecache, math, re, struct, sys
from datetime import datetime, timedelta
from functools import reduce
from types import SimpleNamespace as Fields

class Broken(Exception): "What must obey the format breaks a rule of it: tampering."
def demand(rule, why=None):  # a rule that does not hold is quoted as it stands in the code, where nothing else is said
    if rule: return
    file, line = sys._getframe(1).f_code.co_filename, sys._getframe(1).f_lineno
    raise Broken(why or f"{file.rpartition('/')[2]}:{line} {linecache.getline(file, line).strip()}")

def sha(data): return hashlib.sha256(data).hexdigest()

# ---- JSON: canonical in notes (conventions), any in values (§5) --------------------------------------------------------------
def refuse(literal): raise ValueError(f"not in the format: {literal[:20]}")

def canonical(text):  # what is written again must be the same text; `fits` judges the ranges of its numbers
    try:
        content = json.loads(text, parse_float=refuse, parse_constant=refuse)
        again = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError): again = text
    demand(again + "\n" == text)
    return content

def fits(value, shape):  # a pattern, a range of integers, [of each item], {these names in this order}, (this or null,), or a test
    if type(shape) is str: return type(value) is str and re.fullmatch(shape, value, re.A | re.S) is not None
    if type(shape) is range: return type(value) is int and value in shape
    if type(shape) is list: return type(value) is list and all(fits(item, shape[0]) for item in value)
    if type(shape) is dict: return type(value) is dict and [*value] == [*shape] and all(fits(value[n], shape[n]) for n in shape)
    return value is None or fits(value, shape[0]) if type(shape) is tuple else shape(value)

class Number(str): "A JSON number as its literal, since 1, 1.0 and 1e0 differ in typed columns."

def unique(pairs): return members if len(members := dict(pairs)) == len(pairs) else refuse("a name twice")
JSON = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=refuse, object_pairs_hook=unique)

def depth(value):
    inner = value.values() if type(value) is dict else value if type(value) is list else ()
    return (type(value) in (dict, list)) + max(map(depth, inner), default=0)

def skip(text, at): return re.compile(r"[ \t\n\r]*").match(text, at).end()

def raw_member(text, steps):  # the text of a member as it stands, in a document that was parsed and has it
    start = skip(text, 0)
    for step in steps:
        name, at = None, start  # at the brace, or at the comma before the next member
        while name != step:
            name, at = json.decoder.scanstring(text, skip(text, at + 1) + 1)
            start = skip(text, skip(text, at) + 1)
            at = skip(text, JSON.raw_decode(text, start)[1])
    return text[start : JSON.raw_decode(text, start)[1]]

# ---- typed columns (§5) ------------------------------------------------------------------------------------------------------
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))?", re.A)
TYPED = {"string": (6, {1: {}}), "json": (6, {1: {}}), "int64": (2, None), "float64": (5, None), "bool": (0, None),
         "timestamp_us": (2, {8: {1: True, 2: {2: {}}}})}  # Parquet's physical and logical type
RULE = {"column": "[a-z_][a-z0-9_]*", "path": "(?:/(?:[^~/]|~[01])*)+", "type": "|".join(TYPED)}
AUTHORITATIVE = ["topic", "partition", "offset", "timestamp", "timestamp_type", "key", "value", "headers"]

def projection_rules(text):  # column, steps of the pointer, and type of each rule
    demand(fits(rules := canonical(text + "\n"), [RULE]) and len(rules) <= 1000)
    demand(len({*AUTHORITATIVE, "parse_error", *(rule["column"] for rule in rules)}) == len(rules) + 9)
    return [(r["column"], [s.replace("~1", "/").replace("~0", "~") for s in r["path"].split("/")[1:]], r["type"]) for r in rules]

def timestamp_us(text):
    *when, digits, sign, hours, minutes = (TIME.fullmatch(text) or refuse(text)).groups()
    zone = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    since = datetime(*map(int, when)) - datetime(1970, 1, 1) - zone
    return since // timedelta(microseconds=1) + int((digits or "")[:6].ljust(6, "0"))

def typed(member, kind, text, steps):  # a column's value; ValueError where the member is not of its type, without coercion
    integer = type(member) is Number and re.fullmatch("-?[0-9]+", member)
    if member is None or kind == "bool" and type(member) is bool: return member
    if kind == "json": return raw_member(text, steps).encode()
    if kind == "string" and type(member) is str: return member.encode()
    if kind == "timestamp_us" and type(member) is str: return timestamp_us(member)
    if kind == "int64" and integer and int(member) in range(-(2**63), 2**63): return int(member)
    if kind == "float64" and type(member) is Number and math.isfinite(double := float(member)):
        return 0.0 if integer and not double else double  # -0 is the integer 0
    return refuse(str(member))

def project(rules, value):  # the typed columns of one record, and last its parse_error
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
        member = reduce(lambda member, step: member.get(step) if type(member) is dict else None, steps, document)
        try: columns[index] = typed(member, kind, text, steps)
        except ValueError: columns[-1] = b"field_type"
    return columns

# ---- Merkle trees (§2: RFC 9162, 2.1.1), kept as the roots of their full subtrees --------------------------------------------
def node(right, left): return hashlib.sha256(b"\1" + left + right).digest()

def grow(full, count, data):  # by leaf number `count`
    full.append(hashlib.sha256(b"\0" + data).digest())
    for _ in range((~count & count + 1).bit_length() - 1): full.append(node(full.pop(), full.pop()))
    return full

def root(full): return reduce(node, reversed(full)).hex() if full else sha(b"")

# ---- segments (§5): footer and page headers are read here, since pyarrow does not show all that could hide a row -------------
def thrift(data, at):  # a struct of Thrift's compact protocol as {field id: value}, and where it ends
    def varint():
        nonlocal at
        value = shift = 0
        while shift == 0 or data[at - 1] > 127 and shift < 70:
            value, shift, at = value | (data[at] & 127) << shift, shift + 7, at + 1
        return value
    def read(kind, level=0):
        nonlocal at
        if kind in (4, 5, 6): return (number := varint()) >> 1 ^ -(number & 1)
        if kind in (1, 2, 3, 7, 8):
            size = varint() if kind == 8 else 8 if kind == 7 else 1
            demand((at := at + size) <= len(data))
            return data[at - size : at] if kind > 3 else data[at - 1] if kind == 3 else data[at - 1] == 1
        demand(kind in (9, 10, 12) and level < 16)
        head, fields, id_ = read(3), {}, 0
        if kind != 12: return [read(head & 15, level + 1) for _ in range(head >> 4 if head >> 4 < 15 else varint())]
        while head:
            id_ = id_ + (head >> 4) if head >> 4 else read(4)
            demand(id_ not in fields and len(fields) < 64)
            fields[id_], head = head & 15 == 1 if head & 15 in (1, 2) else read(head & 15, level + 1), read(3)
        return fields
    return read(12), at
SCHEMA = [  # name, physical type (None: a group), repetition (required, optional, repeated), children, logical type
    ("topic", 6, 0, None, {1: {}}), ("partition", 1, 0, None, None), ("offset", 2, 0, None, None),
    ("timestamp", 2, 1, None, {8: {1: True, 2: {1: {}}}}), ("timestamp_type", 1, 0, None, {10: {1: 8, 2: False}}),
    ("key", 6, 1, None, None), ("value", 6, 1, None, None), ("headers", None, 0, 1, {3: {}}), ("list", None, 2, 1, None),
    ("element", None, 0, 2, None), ("name", 6, 0, None, None), ("value", 6, 1, None, None)]
LEAVES = AUTHORITATIVE[:7] + ["headers.list.element.name", "headers.list.element.value"]

def read_segment(data):  # whatever fails in a stranger's Parquet breaks a rule
    try: return read_footer_and_rows(data)
    except Broken: raise
    except Exception as why: raise Broken(f"a segment that cannot be read: {why}") from None

def read_footer_and_rows(data):  # footer keys, (offset, timestamp, encoding) of each record, and their root
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    demand(data[:4] == data[-4:] == b"PAR1" and 4 <= start >= len(data) - 8 - (8 << 20))
    meta, room, records = thrift(data, start)[0], (64 << 20) + len(data) * 32_768, []
    keys = unique([(pair[1].decode(), pair.get(2, b"").decode()) for pair in meta.get(5, [])])
    rules = projection_rules(keys["projection"])
    typed = [(name, TYPED[kind][0], 1, None, TYPED[kind][1]) for name, _, kind in rules]
    schema = [(e[4].decode(), e.get(1), e[3], e.get(5) or None, e.get(10)) for e in meta[2][1:]]
    demand(schema == [*SCHEMA, *typed, ("parse_error", 6, 1, None, {1: {}})] and not {8, 9} & {*meta})  # 8, 9: encryption
    for group in meta[4]:
        names = [b".".join(chunk[3][3]).decode() for chunk in group[1]]
        demand(4 not in group and names == LEAVES + [column[0] for column in schema[12:]])  # 4: sorting_columns
        for chunk in group[1]:  # of file_path, page index, encryption, index page and bloom filter nothing
            demand(not {1, 4, 5, 6, 7, 8, 9} & {*chunk} and not {10, 14, 15} & {*chunk[3]})
            demand(chunk[3][4] == 6 and {0, 2, 3, 5, 6, 8, 9} >= {*chunk[3][2]})  # zstd; encodings
    for columns in read_columns(data, start, meta[4], [column[1] for column in schema if column[1] is not None]):
        for row in zip(*columns):
            records.append((row[2], row[3], encode(*row[:8])))
            demand((room := room - len(records[-1][2])) >= 0)
            demand(repr([*row[8:]]) == repr(project(rules, row[6])))  # typed columns; repr tells -0.0 from 0.0
    full = reduce(lambda full, counted: grow(full, counted[0], counted[1][2]), enumerate(records), [])
    return Fields(keys=keys, records=records, root=root(full))

def encode(topic, partition, offset, timestamp, kind, key, value, headers):  # (§2)
    demand((timestamp is None) == (kind == 255) and kind in (0, 1, 255) and timestamp != -1)
    def sized(data): return b"\xff\xff\xff\xff" if data is None else struct.pack(">i", len(data)) + data
    time = -1 if timestamp is None else timestamp
    where = struct.pack(">BH", 1, len(topic)) + topic + struct.pack(">iqBq", partition, offset, kind, time)
    held = b"".join(sized(header["name"]) + sized(header["value"]) for header in headers)
    return where + sized(key) + sized(value) + struct.pack(">I", len(headers)) + held

def read_columns(data, start, groups, physical):  # of each row group: bytes for text, integers for times; statistics found true
    import pyarrow as pa, pyarrow.parquet as pq  # only here: verify_proof.py imports this file, and reads no Parquet
    footer = data[start:].replace(b"ARROW:schema", b"arrow:schema")  # is ignored: it may call a column what it is not
    file = pq.ParquetFile(pa.BufferReader(data[:start] + footer))
    for number, group in enumerate(groups):
        columns = []
        for column in file.read_row_group(number).columns:
            is_time, is_text = pa.types.is_timestamp(column.type), pa.types.is_string(column.type)
            columns.append(column.cast(pa.int64() if is_time else pa.binary() if is_text else column.type).to_pylist())
        empty = sum(not row for row in columns[7])
        headers = [header for row in columns[7] for header in row or [{"name": None, "value": None}]]
        flat = columns[:7] + [[header[name] for header in headers] for name in ("name", "value")] + columns[8:]
        demand(len(columns[0]) == group[3])
        for index, (chunk, values) in enumerate(zip(group[1], flat)):
            demand(chunk[3][5] == len(values))
            for claims, first, count in [(chunk[3].get(12, {}), 0, len(values)), *page_statistics(data, chunk[3])]:
                demand(is_true(claims, values[first : first + count], empty if index in (7, 8) else 0, physical[index]))
        yield columns

def page_statistics(data, chunk):  # of each data page: its statistics, first value and number of values
    at, first = min(offset for offset in (chunk.get(11), chunk[9]) if offset), 0
    end = at + chunk[7]
    while at < end:
        header, at = thrift(data, at)
        demand(header[3] >= 0 and header[2] <= 512 << 20)
        at, page = at + header[3], header.get(8) or header.get(5) or {1: 0}
        yield page.get(8 if 8 in header else 5, {}), first, page[1]
        first += page[1]

def is_true(claims, values, empty, physical):  # 3 nulls, 4 distinct, 6 and 5 bounds (8 and 7: exact), 2 and 1 deprecated ones
    here, unpack = [value for value in values if value is not None], {0: "<?", 1: "<i", 2: "<q", 5: "<d"}
    raws = {i: raw for i, raw in claims.items() if here and i in (1, 2, 5, 6)}
    bounds = {i: raw if physical == 6 else struct.unpack(unpack[physical], raw)[0] for i, raw in raws.items()}
    nulls = len(values) - len(here)
    return (claims.get(3, nulls) in (nulls, nulls - empty) and bool(here) <= claims.get(4, len(here)) <= len(here)
            and all(bound <= min(here) if i in (2, 6) else bound >= max(here) for i, bound in bounds.items())
            and all(bound in here for i, bound in bounds.items() if i in (5, 6) and claims.get(i + 2)))
