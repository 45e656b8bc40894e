"""The structure of a segment's file: docs/FORMAT.md, sections 7.2 to 7.8.

Only one form is permitted: the footer and the page headers are encoded again from what the pages hold, and compared byte by
byte. What a header announces is never allocated.
"""
import io
import struct
from types import SimpleNamespace as Fields

import pyarrow as pa

from notes import Unknown, demand

BOOL, I32, I64, BINARY, LIST, STRUCT = 1, 5, 6, 8, 9, 12  # kinds of Thrift's compact protocol
PLAIN, RLE, DELTA, DICTIONARY = 0, 3, 5, 8  # encodings
LARGEST_FOOTER, LARGEST_HEADER, LARGEST_KEYS = 8 << 20, 8 << 10, 1 << 20
LARGEST_DICTIONARY, MOST_VALUES = 64 << 10, 256
MOST_GROUPS, MOST_PAGES, MOST_ROWS = 4096, 4096, 8192
LARGEST_PAGE, LARGEST_ROWS, ENTRY = 2 << 20, 512 << 20, 32
# What this verifier holds in memory; kivend reads what is larger.
MOST_PAGE, MOST_UNPACKED, MOST_RECORDS = 32 << 20, 512 << 20, 4 << 20
KEYS = b"topic partition epoch first_offset next_offset record_count records_root previous projection".split()

# ---- Thrift ----------------------------------------------------------------------------------------------------------
def varint(file, left=9):
    low = file.read(1)[0]
    return low & 127 | (varint(file, left - 1) << 7 if low > 127 and left else 0)

def thrift(file, kind=STRUCT, level=0):
    """A value; a struct is {field id: value}."""
    if kind in (1, 2, 3):  # true, false, byte
        return file.read(1)[0]
    if kind in (4, I32, I64):
        coded = varint(file)
        return coded >> 1 ^ -(coded & 1)
    if kind in (7, BINARY):
        return file.read(varint(file) if kind == BINARY else 8)
    demand(kind in (LIST, 10, STRUCT) and level < 16)
    head, fields, id_ = file.read(1)[0], {}, 0
    if kind != STRUCT:
        return [thrift(file, head & 15, level + 1) for _ in range(head >> 4 if head < 0xF0 else varint(file))]
    while head:
        id_ = id_ + (head >> 4) if head >> 4 else thrift(file, 4)
        demand(id_ not in fields and len(fields) < 64)
        fields[id_] = head & 15 == 1 if head & 15 in (1, 2) else thrift(file, head & 15, level + 1)
        head = file.read(1)[0]
    return fields

def put_varint(number):
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + put_varint(number >> 7)

def put(kind, value):
    """The only form of a value: an integer, bytes, or the bytes of a struct or list."""
    if kind in (I32, I64):
        return put_varint(value << 1 if value >= 0 else ~value << 1 | 1)
    return put_varint(len(value)) + value if kind == BINARY else value

def put_list(kind, values):
    head = bytes([len(values) << 4 | kind]) if len(values) < 15 else bytes([0xF0 | kind]) + put_varint(len(values))
    return head + b"".join(put(kind, value) for value in values)

def put_struct(*fields):
    """A struct from (field id, kind, value), ascending; fields whose value is None are left out."""
    out, last = b"", 0
    for id_, kind, value in fields:
        if value is not None:
            out += bytes([id_ - last << 4 | (kind if kind != BOOL else 1 if value else 2)]) + (b"" if kind == BOOL else put(kind, value))
            last = id_
    return out + b"\0"

EMPTY = put_struct()
TEXT, LISTED = put_struct((1, STRUCT, EMPTY)), put_struct((3, STRUCT, EMPTY))
TIME = {unit: put_struct((8, STRUCT, put_struct((1, BOOL, True), (2, STRUCT, put_struct((unit, STRUCT, EMPTY)))))) for unit in (1, 2)}

# ---- the columns -----------------------------------------------------------------------------------------------------
def element(name, repetition, physical=None, converted=None, logical=None, children=None, scale=None, precision=None):
    return put_struct((1, I32, physical), (3, I32, repetition), (4, BINARY, name.encode()), (5, I32, children),
                      (6, I32, converted), (7, I32, scale), (8, I32, precision), (10, STRUCT, logical))

def column(name, physical, converted=None, logical=None, repetition=1, path=None, **decimal):
    """A column with values: `optional` ones have nulls or belong to headers."""
    return Fields(element=element(name, repetition, physical, converted, logical, **decimal), path=path or [name],
                  physical=physical, optional=repetition == 1 or path, nested=bool(path), levels=bool(path) + (repetition == 1),
                  claims=physical in (1, 2) or name == "topic")

def group(name, repetition, converted=None, logical=None, children=1):
    return Fields(element=element(name, repetition, None, converted, logical, children), physical=None)

def typed(name, kind):
    if kind.startswith("decimal"):
        precision, scale = map(int, kind[8:-1].split(","))
        logical = put_struct((5, STRUCT, put_struct((1, I32, scale), (2, I32, precision))))
        return column(name, 2, 5, logical, scale=scale, precision=precision)
    return column(name, *{"string": (6, 0, TEXT), "json": (6, 0, TEXT), "int64": (2,), "float64": (5,), "bool": (0,), "timestamp_us": (2, 10, TIME[2])}[kind])

HEADER = ["headers", "list", "element"]
AUTHORITATIVE = [
    column("topic", 6, 0, TEXT, 0), column("partition", 1, repetition=0), column("epoch", 1, repetition=0),
    column("offset", 2, repetition=0), column("timestamp", 2, 9, TIME[1]), column("timestamp_type", 1, repetition=0),
    column("key", 6), column("value", 6), group("headers", 0, 3, LISTED), group("list", 2), group("element", 0, children=2),
    column("name", 6, repetition=0, path=[*HEADER, "name"]), column("value", 6, path=[*HEADER, "value"]),
    column("timestamp_out_of_range_ms", 2),
]

def schema(rules):
    """The elements below the root. `rules` are (column, path, type)."""
    return AUTHORITATIVE + [typed(name, kind) for name, _, kind in rules] + [column("parse_error", 6, 0, TEXT)]

# ---- pages and chunks ------------------------------------------------------------------------------------------------
def frame_length(frame):
    """The content size of the one zstd frame that the bytes are, which has neither a dictionary nor a checksum."""
    demand(frame[:4] == b"\x28\xb5\x2f\xfd" and frame[4] & 15 == 0)
    single, flag = frame[4] >> 5 & 1, frame[4] >> 6
    width = 1 << flag if flag else single
    at = 6 - single + width
    length = int.from_bytes(frame[at - width : at], "little") + (256 if flag == 1 else 0)
    demand(width)
    last = False
    while not last:
        block = int.from_bytes(frame[at : at + 3], "little")
        last, kind, size = block & 1, block >> 1 & 3, block >> 3
        demand(kind < 3 and at + 3 <= len(frame))
        at += 3 + (1 if kind == 1 else size)
    demand(at == len(frame))
    return length

def read_page(data, at, end):
    file = io.BytesIO(data[at : min(end, at + LARGEST_HEADER)])
    header = thrift(file)
    page = Fields(dictionary=7 in header, entries=header.get(7, header.get(5))[1], encoding=header.get(7, header.get(5))[2])
    body = at + file.tell()
    page.body, page.end, page.bytes = body, body + header[3], header[2]
    demand(header[3] >= 0 and page.entries >= 0 and page.end <= end and frame_length(data[body : page.end]) == page.bytes > 0)
    own = [(1, I32, page.entries), (2, I32, page.encoding)]
    own, kind = (own, 7) if page.dictionary else (own + [(3, I32, RLE), (4, I32, RLE)], 5)
    due = put_struct((1, I32, kind - 5), (2, I32, page.bytes), (3, I32, header[3]), (kind, STRUCT, put_struct(*own)))
    demand(due == data[at:body])
    page.unpacked = body - at + page.bytes
    return page

def check_dictionary(data, page, leaf):
    """Checks that the page is its values, none of them twice."""
    file = io.BytesIO(pa.decompress(data[page.body : page.end], page.bytes, "zstd"))
    values = read_strings(file) if leaf.physical == 6 else [*iter(lambda: file.read(4), b"")]
    demand(len({*values}) == len(values) == page.entries)

def read_strings(file):
    return [take(file, int.from_bytes(head + take(file, 3), "little")) for head in iter(lambda: file.read(1), b"")]

def take(file, size):
    taken = file.read(size)
    demand(len(taken) == size)
    return taken

def read_levels(file, entries, most):
    """The number of entries with the greatest level."""
    file, left, values = io.BytesIO(take(file, int.from_bytes(take(file, 4), "little"))), entries, 0
    while file.tell() < len(file.getbuffer()):
        run = varint(file)
        demand(run and run & 1 == 0)
        left, values = left - (run >> 1), values + (run >> 1 if take(file, 1)[0] == most else 0)
    demand(left == 0)
    return values

def check_body(data, page, leaf):
    """Checks that a data page is the levels and values of its entries, and nothing else."""
    unpacked = pa.decompress(data[page.body : page.end], page.bytes, "zstd")
    file, values = pa.BufferReader(unpacked) if page.bytes > LARGEST_PAGE else io.BytesIO(unpacked), page.entries
    if leaf.nested:
        read_levels(file, values, 1)
    if leaf.levels:
        values = read_levels(file, values, leaf.levels)
    if page.encoding == DELTA:
        demand(take(file, 3) == b"\x80\1\4" and varint(file) == values)
        varint(file)
        left = values - 1
        while left > 0:
            varint(file)
            for width in take(file, 4):
                demand(width <= 64 and (left > 0 or width == 0))
                take(file, 4 * width)
                left -= 32
    elif page.encoding == DICTIONARY:
        demand(take(file, 1)[0] == 8 and varint(file) == (values + 7) // 8 << 1 | 1)
        take(file, (values + 7) // 8 * 8)
    elif leaf.physical == 6:
        for _ in range(values):
            end = file.seek(int.from_bytes(take(file, 4), "little"), 1)
            demand(end <= page.bytes)
    else:
        take(file, (values + 7) // 8 if leaf.physical == 0 else values * {1: 4, 2: 8, 5: 8}[leaf.physical])
    demand(not file.read(1))

def read_chunk(data, at, packed, end, leaf, claims):
    """The data pages of the chunk at `at`, and its struct in the footer with these statistics."""
    start, stop = at, at + packed
    demand(packed > 0 and stop <= end)
    pages = []
    while at < stop:
        pages.append(read_page(data, at, stop))
        at = pages[-1].end
    first = pages.pop(0) if pages[0].dictionary else None
    demand(pages and len(pages) <= MOST_PAGES and not any(page.dictionary for page in pages))
    if first:
        demand(1 <= first.entries <= MOST_VALUES and first.bytes <= LARGEST_DICTIONARY and first.encoding == PLAIN)
        check_dictionary(data, first, leaf)
    used = {page.encoding for page in pages}
    demand((DICTIONARY in used) == bool(first))
    demand(used <= ({PLAIN} if leaf.optional else {DELTA} if leaf.physical == 2 else {DICTIONARY}))
    unpacked = sum(page.unpacked for page in pages) + (first.unpacked if first else 0)
    encodings = [PLAIN, RLE, DICTIONARY] if first else sorted(used | {RLE})
    return pages, unpacked, put_struct((2, I64, 0), (3, STRUCT, put_struct(
        (1, I32, leaf.physical), (2, LIST, put_list(I32, encodings)), (3, LIST, put_list(BINARY, [name.encode() for name in leaf.path])),
        (4, I32, 6), (5, I64, sum(page.entries for page in pages)), (6, I64, unpacked), (7, I64, packed),
        (9, I64, first.end if first else start), (11, I64, start if first else None), (12, STRUCT, claims and put_claims(claims)))))

def put_claims(claims):
    return put_struct((3, I64, claims[3]), (5, BINARY, claims.get(5)), (6, BINARY, claims.get(6)), *((i, BOOL, True) for i in (7, 8) if 5 in claims))

def read_footer(data):
    """Returns the footer as a struct, where it begins, and its keys."""
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    demand(data[:4] == data[-4:] == b"PAR1" and 4 <= start >= len(data) - 8 - LARGEST_FOOTER)
    footer = thrift(io.BytesIO(data[start:-8]))
    pairs = [(pair[1], pair[2]) for pair in footer[5]]
    demand([key for key, _ in pairs] == KEYS and sum(map(len, sum(pairs, ()))) <= LARGEST_KEYS)
    writer = footer[6].decode("ascii")
    demand(writer.startswith("kivend ") and 8 <= len(writer) <= 71 and writer.isprintable())
    return footer, start, {key.decode(): value.decode() for key, value in pairs}

def read_structure(data, footer, start, columns):
    """Checks everything but the values. Returns the row groups: the leaf columns with their statistics, the entries of
    each, and the memory for the rows of one page."""
    leaves, at, groups, coded, held, records = [leaf for leaf in columns if leaf.physical is not None], 4, [], [], 0, 0
    demand(1 <= len(footer[4]) <= MOST_GROUPS)
    for group_ in footer[4]:
        demand(len(group_[1]) == len(leaves))
        chunks, total, pages_of, claims_of = [], 0, [], []
        for leaf, chunk in zip(leaves, group_[1]):
            claims, packed = chunk[3].get(12), chunk[3][7]
            demand(bool(claims) == leaf.claims)
            pages, unpacked, chunk = read_chunk(data, at, packed, start, leaf, claims)
            at, total = at + packed, total + unpacked
            chunks.append(chunk)
            pages_of.append(pages)
            claims_of.append(claims)
        rows = [page.entries for page in pages_of[0]]
        held, records = held + total, records + sum(rows)
        demand(held <= MOST_UNPACKED and records <= MOST_RECORDS, "a segment too large for this verifier", Unknown)
        sets = list(zip(*pages_of))
        for leaf, pages in zip(leaves, pages_of):
            demand(len(pages) == len(rows) and all(p.entries >= n if leaf.nested else p.entries == n for p, n in zip(pages, rows)))
        for count, pages in zip(rows, sets):
            demand(1 <= count <= MOST_ROWS and (count == 1 or max(page.bytes for page in pages) <= LARGEST_PAGE))
        demand(max(page.bytes for pages in sets for page in pages) <= MOST_PAGE, "a record too large for this verifier", Unknown)
        memory = max(sum(page.bytes + ENTRY * page.entries for page in pages) for pages in sets)
        demand(memory <= LARGEST_ROWS)
        for leaf, pages in zip(leaves, pages_of):
            for page in pages:
                check_body(data, page, leaf)
        coded.append(put_struct((1, LIST, put_list(STRUCT, chunks)), (2, I64, total), (3, I64, sum(rows))))
        entries = [sum(page.entries for page in pages) for pages in pages_of]
        groups.append(Fields(rows=sum(rows), leaves=leaves, claims=claims_of, entries=entries, memory=memory))
    root = put_struct((4, BINARY, b"schema"), (5, I32, len(columns) - 4))
    pairs = [put_struct((1, BINARY, pair[1]), (2, BINARY, pair[2])) for pair in footer[5]]
    due = put_struct(
        (1, I32, 1), (2, LIST, put_list(STRUCT, [root, *(column_.element for column_ in columns)])), (3, I64, sum(group_.rows for group_ in groups)),
        (4, LIST, put_list(STRUCT, coded)), (5, LIST, put_list(STRUCT, pairs)), (6, BINARY, footer[6]), (7, LIST, put_list(STRUCT, [TEXT] * len(leaves))))
    demand(at == start and due == data[start:-8])
    return groups

class Seen:
    """What the values of a column in a row group are, for its statistics."""

    def __init__(self):
        self.entries = self.nulls = 0
        self.low = self.high = None

    def take(self, values):
        here = [value for value in values if value is not None]
        self.entries, self.nulls = self.entries + len(values), self.nulls + len(values) - len(here)
        if here:
            self.low, self.high = (pick(here + [old] if old is not None else here) for pick, old in ((min, self.low), (max, self.high)))

    def claims(self, leaf):
        """The statistics that the column must have."""
        bounds = [bound if leaf.physical == 6 else struct.pack({1: "<i", 2: "<q"}[leaf.physical], bound) for bound in (self.high, self.low) if bound is not None]
        return {3: self.nulls} | (dict(zip((5, 6, 7, 8), [*bounds, True, True])) if bounds else {})
