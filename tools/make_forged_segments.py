"""Makes `tests/vectors/forged_segments.json` for make_vectors.py: segments that differ in one place from what a writer writes (docs/FORMAT.md,
section 7). Both verifiers must refuse all but the valid ones.
"""

import pyarrow as pa
from format_writer import b64, encoding, leaf, merkle

from segment_structure import BINARY, BOOL, EMPTY, I32, I64, LIST, STRUCT, put_list, put_struct
from segment_writer import Chunk, packed, segment

RULES = '[{"column":"amount","path":"/amount","type":"decimal(6,2)"},{"column":"kind","path":"/kind","type":"string"}]'

def row(offset):
    # More timestamp types than one, nulls in every nullable column, and records with and without headers.
    kind = ["sale", "refund", "sale", "fee"][offset % 4]
    made = {
        "topic": "payments", "partition": 1, "epoch": 2, "offset": offset, "timestamp": 1770113700000 + offset, "timestamp_type": 0, "key": b"k%d" % (offset % 3),
        "value": b'{"amount":%d.25,"kind":"%s"}' % (offset, kind.encode()), "headers": [], "timestamp_out_of_range_ms": None, "amount": offset * 100 + 25, "kind": kind, "parse_error": None}
    if offset % 4 == 1:
        made |= {"key": None, "headers": [{"name": b"h", "value": None}, {"name": b"h", "value": b"\xff"}], "timestamp": None, "timestamp_out_of_range_ms": 2**62}
    if offset % 4 == 2:
        made |= {"value": None, "amount": None, "kind": None, "timestamp": None, "timestamp_type": 255}
    if offset % 4 == 3:
        made |= {"value": b"fee", "amount": None, "kind": None, "parse_error": "not_json"}
    return made

ROWS = [row(offset) for offset in range(8, 16)]

def leaves(rows):
    times = [-1 if r["timestamp_type"] == 255 else r["timestamp"] if r["timestamp"] is not None else r["timestamp_out_of_range_ms"] for r in rows]
    return [leaf(encoding(r["topic"], r["partition"], r["offset"], r["timestamp_type"], time, r["key"], r["value"], [(h["name"], h["value"]) for h in r["headers"]]))
            for r, time in zip(rows, times)]

FOOTER = {"topic": "payments", "partition": "1", "epoch": "2", "first_offset": "8", "next_offset": "16", "record_count": "8", "records_root": merkle(leaves(ROWS)).hex(),
          "previous": "00" * 32, "projection": RULES}

def with_field(name, nth, id_, kind=None, value=None):
    """Sets a field of the nth struct of this name, or removes it."""
    count = iter(range(10_000))
    def edit(found, fields):
        if found != name or next(count) != nth:
            return fields
        fields = [field for field in fields if field[0] != id_]
        return sorted(fields + ([(id_, kind, value)] if kind else []))
    return lambda **more: segment(ROWS, FOOTER, edit=edit, **more)

def changed_field(name, nth, id_, change):
    count = iter(range(10_000))
    def edit(found, fields):
        if found != name or next(count) != nth:
            return fields
        return [(i, kind, change(value)) if i == id_ else (i, kind, value) for i, kind, value in fields]
    return lambda **more: segment(ROWS, FOOTER, edit=edit, **more)

def with_pages(change, nth):
    """Changes the compressed bytes of the nth page."""
    count = iter(range(10_000))
    return lambda: segment(ROWS, FOOTER, pack=lambda data: change(data) if next(count) == nth else packed(data))

def patched(old, new):
    def make():
        data = segment(ROWS, FOOTER)
        assert len(data.split(old)) == 2
        return data.replace(old, new)
    return make

def with_bytes(extra, at):
    """Inserts bytes; `at` gets the file and its footer's start."""
    def make():
        data = segment(ROWS, FOOTER)
        start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
        place = at(data, start)
        return data[:place] + extra + data[place:]
    return make

def with_pair(change):
    def edit(name, fields):
        pairs = [put_struct((1, BINARY, key.encode()), (2, BINARY, value)) for key, value in change([(key, value.encode()) for key, value in FOOTER.items()])]
        return [(i, kind, put_list(STRUCT, pairs)) if name == "footer" and i == 5 else (i, kind, value) for i, kind, value in fields]
    return lambda: segment(ROWS, FOOTER, edit=edit)

def twice(data):
    return packed(data[:5]) + packed(data[5:])

def streamed(data):
    """A frame without its content size."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(data)
    return sink.getvalue().to_pybytes()

SKIPPABLE = bytes.fromhex("502a4d18") + (3).to_bytes(4, "little") + b"abc"
UNCOMPRESSED = lambda data: data  # noqa: E731
TOPIC, PARTITION, OFFSET, KEY, KIND = 0, 1, 3, 6, 12  # leaf columns

def doubled_dictionary():
    """The dictionary of `timestamp_type` with a value that stands twice."""
    class Doubled(dict):
        def __iter__(self):
            return iter([*super().__iter__(), *list(super().__iter__())[:1]])
        def __len__(self):
            return super().__len__() + 1
    once = Chunk.indices
    def indices(self, values):
        found = once(self, values)
        self.dictionary = Doubled(self.dictionary) if self.leaf.path == ["timestamp_type"] else self.dictionary
        return found
    Chunk.indices = indices
    try:
        return segment(ROWS, FOOTER)
    finally:
        Chunk.indices = once

VALID = [
    ("as written", lambda: segment(ROWS, FOOTER)),
    ("two row groups", lambda: segment(ROWS, FOOTER, group_rows=3)),
    ("pages of three rows", lambda: segment(ROWS, FOOTER, page_rows=3)),
    ("pages of one row in row groups of five", lambda: segment(ROWS, FOOTER, page_rows=1, group_rows=5)),
]
FORGED = [
    ("page header with a checksum", with_field("page", 1, 4, I32, 0)),
    ("page header with another field", with_field("page", 1, 9, BINARY, b"")),
    ("page header longer than 8 KiB", with_field("page", 1, 9, LIST, put_list(BOOL, [b"\1"] * 9000))),
    ("page header with an announced list that is not there", with_field("page", 1, 9, LIST, b"\xf1\xff\xff\xff\xff\x07")),
    ("data page with empty statistics", with_field("own", 1, 5, STRUCT, EMPTY)),
    ("data page of version 2", changed_field("page", 1, 1, lambda _: 3)),
    ("index page", changed_field("page", 1, 1, lambda _: 1)),
    ("definition levels in another encoding", changed_field("own", 1, 3, lambda _: 4)),
    ("data page in PLAIN_DICTIONARY", changed_field("own", 1, 2, lambda _: 2)),
    ("sorted dictionary", with_field("own", 0, 3, BOOL, True)),
    ("dictionary that is said not to be sorted", with_field("own", 0, 3, BOOL, False)),
    ("page with a row more", changed_field("own", 1, 1, lambda count: count + 1)),
    ("page with fewer bytes than announced", changed_field("page", 1, 2, lambda size: size + 1)),
    ("page with an announced size that is not there", changed_field("page", 1, 2, lambda _: 400 << 20)),
    ("size in a page header as i64", with_field("page", 1, 2, I64, 24)),
    ("file_path", with_field("chunk", KEY, 1, BINARY, b"other.parquet")),
    ("file_offset", with_field("chunk", KEY, 2, I64, 4)),
    ("no file_offset", with_field("chunk", KEY, 2)),
    ("offset index", with_field("chunk", KEY, 4, I64, 4)),
    ("offset index's length", with_field("chunk", KEY, 5, I32, 4)),
    ("column index", with_field("chunk", KEY, 6, I64, 4)),
    ("column index's length", with_field("chunk", KEY, 7, I32, 4)),
    ("encrypted column", with_field("chunk", KEY, 8, STRUCT, put_struct((1, STRUCT, EMPTY)))),
    ("encrypted metadata", with_field("chunk", KEY, 9, BINARY, b"")),
    ("another codec named", changed_field("metadata", KEY, 4, lambda _: 0)),
    ("keys and values of a chunk", with_field("metadata", KEY, 8, LIST, put_list(STRUCT, []))),
    ("index page's position", with_field("metadata", KEY, 10, I64, 4)),
    ("encoding_stats", with_field("metadata", KEY, 13, LIST, put_list(STRUCT, [put_struct((1, I32, 0), (2, I32, 0), (3, I32, 1))]))),
    ("bloom filter's position", with_field("metadata", KEY, 14, I64, 4)),
    ("bloom filter's length", with_field("metadata", KEY, 15, I32, 4)),
    ("size_statistics", with_field("metadata", KEY, 16, STRUCT, EMPTY)),
    ("geospatial statistics", with_field("metadata", KEY, 17, STRUCT, EMPTY)),
    ("another number of values", changed_field("metadata", KEY, 5, lambda count: count + 1)),
    ("number of values as i32", with_field("metadata", KEY, 5, I32, 8)),
    ("another size before compression", changed_field("metadata", KEY, 6, lambda size: size + 1)),
    ("another size in the file", changed_field("metadata", KEY, 7, lambda size: size - 1)),
    ("another position", changed_field("metadata", KEY, 9, lambda at: at + 1)),
    ("dictionary named where there is none", with_field("metadata", KEY, 11, I64, 4)),
    ("dictionary not named", with_field("metadata", PARTITION, 11)),
    ("one encoding more", changed_field("metadata", KEY, 2, lambda _: put_list(I32, [0, 3, 8]))),
    ("one encoding fewer", changed_field("metadata", PARTITION, 2, lambda _: put_list(I32, [3, 8]))),
    ("encodings in another order", changed_field("metadata", KEY, 2, lambda _: put_list(I32, [3, 0]))),
    ("encodings as a set", with_field("metadata", KEY, 2, 10, put_list(I32, [0, 3]))),
    ("another name of a column", changed_field("metadata", KEY, 3, lambda _: put_list(BINARY, [b"value"]))),
    ("statistics of a key", with_field("metadata", KEY, 12, STRUCT, put_struct((3, I64, 2)))),
    ("no statistics of the offset", with_field("metadata", OFFSET, 12)),
    ("a bound that hides a row", changed_field("metadata", OFFSET, 12, lambda old: old.replace(bytes([15, *[0] * 7]), bytes([14, *[0] * 7])))),
    ("a bound that is too wide", changed_field("metadata", OFFSET, 12, lambda old: old.replace(bytes([15, *[0] * 7]), bytes([16, *[0] * 7])))),
    ("a bound of another width", changed_field("metadata", PARTITION, 12, lambda old: old.replace(b"\x04\1\0\0\0", b"\x08\1\0\0\0\0\0\0\0"))),
    ("a miscounted null", changed_field("metadata", OFFSET, 12, lambda old: old.replace(b"\x36\0", b"\x36\2"))),
    ("deprecated bounds", changed_field("metadata", OFFSET, 12, lambda old: b"\x18\x08\x0f" + b"\0" * 7 + b"\x18\x08\x08" + b"\0" * 7 + b"\x16" + old[1:])),
    ("a distinct count", changed_field("metadata", OFFSET, 12, lambda old: old[:2] + b"\x16\x10\x18" + old[3:])),
    ("a bound that is not exact", changed_field("metadata", OFFSET, 12, lambda old: old.replace(b"\x11\x11\0", b"\x12\x11\0"))),
    ("a bound of another topic", changed_field("metadata", TOPIC, 12, lambda old: old.replace(b"payments", b"paymentz"))),
    ("sorting columns", with_field("group", 0, 4, LIST, put_list(STRUCT, []))),
    ("row group's file_offset", with_field("group", 0, 5, I64, 4)),
    ("row group's compressed size", with_field("group", 0, 6, I64, 4)),
    ("row group's ordinal", with_field("group", 0, 7, 4, b"\0")),
    ("another size of a row group", changed_field("group", 0, 2, lambda size: size + 1)),
    ("another number of rows in a row group", changed_field("group", 0, 3, lambda rows: rows + 1)),
    ("version 2", changed_field("footer", 0, 1, lambda _: 2)),
    ("another number of rows", changed_field("footer", 0, 3, lambda rows: rows - 1)),
    ("no row group", lambda: with_field("footer", 0, 4, LIST, put_list(STRUCT, []))()),
    ("another writer", changed_field("footer", 0, 6, lambda _: b"parquet-mr version 1.8.0")),
    ("a writer that is not UTF-8", changed_field("footer", 0, 6, lambda _: b"kivend \xff")),
    ("a writer with a control character", changed_field("footer", 0, 6, lambda _: b"kivend 0.1\n")),
    ("a writer without a version", changed_field("footer", 0, 6, lambda _: b"kivend ")),
    ("a writer of more than 64 characters", changed_field("footer", 0, 6, lambda _: b"kivend " + b"1" * 65)),
    ("an order of another type", changed_field("footer", 0, 7, lambda old: old[:-3] + b"\x2c\0\0")),
    ("encryption", with_field("footer", 0, 8, STRUCT, put_struct((1, STRUCT, EMPTY)))),
    ("a footer's signing key", with_field("footer", 0, 9, BINARY, b"")),
    ("one key more", with_pair(lambda pairs: [*pairs, ("ARROW:schema", b"")])),
    ("a key twice", with_pair(lambda pairs: [*pairs, pairs[0]])),
    ("keys in another order", with_pair(lambda pairs: pairs[::-1])),
    ("a key that is missing", with_pair(lambda pairs: pairs[:-1])),
    ("a number that is not canonical", with_pair(lambda pairs: [(key, b"0" + value if key == "partition" else value) for key, value in pairs])),
    ("another record count", with_pair(lambda pairs: [(key, b"7" if key == "record_count" else value) for key, value in pairs])),
    ("bytes before the first chunk", with_bytes(b"\0", lambda data, start: 4)),
    ("bytes before the footer", with_bytes(b"\0", lambda data, start: start)),
    ("bytes after the footer", with_bytes(b"\0", lambda data, start: len(data) - 8)),
    ("bytes before the file", with_bytes(b"\0", lambda data, start: 0)),
    ("bytes after the file", with_bytes(b"\0", lambda data, start: len(data))),
    ("a page of two frames", with_pages(twice, 1)),
    ("a skippable frame after a page", with_pages(lambda data: packed(data) + SKIPPABLE, 1)),
    ("a skippable frame before a page", with_pages(lambda data: SKIPPABLE + packed(data), 1)),
    ("bytes after a frame", with_pages(lambda data: packed(data) + b"\0", 1)),
    ("a frame without its content size", with_pages(streamed, 1)),
    ("a page that is not compressed", with_pages(UNCOMPRESSED, 1)),
    ("a page cut off", with_pages(lambda data: packed(data)[:-1], 1)),
    ("differences in blocks of 256", lambda: segment(ROWS, FOOTER, body=lambda name, data: b"\x80\2\4" + data[3:] if name == "offset" else data)),
    ("more differences than rows", lambda: segment(ROWS, FOOTER, body=lambda name, data: data[:3] + b"\xff\xff\xff\xff\7" + data[4:] if name == "offset" else data)),
    ("a dictionary with a value twice", doubled_dictionary),
    ("bytes after the values of a page", lambda: segment(ROWS, FOOTER, body=lambda name, data: data + b"\0" if name == "key" else data)),
    ("bytes after the indices of a page", lambda: segment(ROWS, FOOTER, body=lambda name, data: data + b"\0" if name == "partition" else data)),
    ("bytes after differences", lambda: segment(ROWS, FOOTER, body=lambda name, data: data + b"\0" if name == "offset" else data)),
    ("a level more than entries", lambda: segment(ROWS, FOOTER, body=lambda name, data: bytes([data[0] + 2]) + data[1:4] + b"\2\1" + data[4:] if name == "key" else data)),
]

def forged_segments():
    return {
        "about": "section 7: segments of payments/1 that are valid, and forged ones that no verifier may accept",
        "records_root": FOOTER["records_root"],
        "valid": [{"name": name, "object_base64": b64(make())} for name, make in VALID],
        "forged": [{"name": name, "object_base64": b64(make())} for name, make in FORGED],
    }
