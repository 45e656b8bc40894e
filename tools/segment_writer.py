"""Writes a segment in the form of docs/FORMAT.md, section 7, for the tests and vectors of the second verifier.

`segment(rows, footer)` takes rows as dicts by column name and the footer's keys as text. Forgeries pass `edit`, which gets the
name and the fields of every struct, and `body`, which gets the column's name and the bytes of every page before compression.
"""
import json
import struct
from itertools import groupby

import pyarrow as pa

from segment_structure import (
    BINARY, DELTA, DICTIONARY, I32, I64, KEYS, LIST, PLAIN, RLE, STRUCT, TEXT, Seen, put_claims, put_list, put_struct, put_varint, schema,
)

PAGE_ROWS, PAGE_BYTES, GROUP_BYTES = 8192, 1 << 20, 64 << 20

def levels(bits):
    runs = b"".join(put_varint(len([*run]) << 1) + bytes([bit]) for bit, run in groupby(bits))
    return len(runs).to_bytes(4, "little") + runs

def plain(physical, values):
    if physical == 0:
        return sum(value << at for at, value in enumerate(values)).to_bytes((len(values) + 7) // 8, "little")
    if physical == 6:
        return b"".join(len(value).to_bytes(4, "little") + value for value in values)
    return struct.pack("<%d%s" % (len(values), {1: "i", 2: "q", 5: "d"}[physical]), *values)

def differences(values):
    """DELTA_BINARY_PACKED: blocks of 128 in 4 mini blocks."""
    def zigzag(number):
        return put_varint(number << 1 if number >= 0 else ~number << 1 | 1)
    out, steps = put_varint(128) + put_varint(4) + put_varint(len(values)) + zigzag(values[0]), [b - a for a, b in zip(values, values[1:])]
    for at in range(0, len(steps), 128):
        block, least = steps[at : at + 128], min(steps[at : at + 128])
        parts = [[step - least for step in block[i : i + 32]] for i in range(0, 128, 32)]
        widths = [max(part, default=0).bit_length() for part in parts]
        packed = [sum(step << i * width for i, step in enumerate(part)).to_bytes(width * 4, "little") for part, width in zip(parts, widths) if part]
        out += zigzag(least) + bytes(widths) + b"".join(packed)
    return out

class Chunk:
    """One leaf column of one row group."""

    def __init__(self, leaf, body):
        self.leaf, self.body, self.pages, self.dictionary, self.closed = leaf, body, [], {}, leaf.optional
        self.seen = Seen()

    def page(self, values, starts):
        """Adds a page; `starts` says of each entry of a nested column whether a row begins, and None is no entry there."""
        leaf = self.leaf
        head = b""
        if leaf.nested:
            entries = [None if value is Chunk else value for value in values]
            head = levels([int(not start) for start in starts])
            head += levels([0 if value is Chunk else 1 + (leaf.claimable and value is not None) for value in values])
        else:
            entries = values
            head = levels([int(value is not None) for value in values]) if leaf.optional else b""
        here = [value for value in entries if value is not None]
        self.seen.take(entries)
        if not leaf.optional and leaf.physical == 2:
            encoding, body = DELTA, differences(here)
        elif (coded := self.indices(here)) is not None:
            groups = (len(coded) + 7) // 8
            encoding, body = DICTIONARY, bytes([8]) + put_varint(groups << 1 | 1) + bytes(coded).ljust(groups * 8, b"\0")
        else:
            encoding, body = PLAIN, plain(leaf.physical, here)
        self.pages.append((len(values), encoding, self.body(leaf.path[-1], head + body)))

    def indices(self, values):
        if self.closed or not values:
            return None
        coded = [plain(self.leaf.physical, [value]) for value in values]
        known = {**self.dictionary}
        indices = [known.setdefault(value, len(known)) for value in coded]
        if len(known) > 256 or sum(map(len, known)) > 64 << 10:
            self.closed = True
            return None
        self.dictionary = known
        return indices

def packed(data):
    return pa.compress(data, "zstd", asbytes=True)

def segment(rows, footer, *, page_rows=PAGE_ROWS, group_rows=None, edit=lambda name, fields: fields, body=lambda name, data: data, pack=packed):
    rules = json.loads(footer["projection"])
    columns = schema([(rule["column"], rule["path"], rule["type"]) for rule in rules])
    leaves = [leaf for leaf in columns if leaf.physical is not None]
    for leaf in leaves:
        leaf.claimable = leaf.nested and leaf.path[-1] == "value"
    out, groups, total = b"PAR1", [], 0

    def put_edited(name, *fields):
        return put_struct(*edit(name, [*fields]))

    for group in [rows[at : at + (group_rows or len(rows))] for at in range(0, len(rows), group_rows or len(rows))]:
        chunks, unpacked_of = [], 0
        made = [Chunk(leaf, body) for leaf in leaves]
        for page in pages_of(group, page_rows):
            for chunk in made:
                chunk.page(*entries_of(page, chunk.leaf))
        for chunk in made:
            start, unpacked, first = len(out), 0, None
            pages = [(2, len(chunk.dictionary), PLAIN, b"".join(chunk.dictionary))] if chunk.dictionary else []
            pages += [(0, *page) for page in chunk.pages]
            for kind, entries, encoding, data in pages:
                own = [(1, I32, entries), (2, I32, encoding)]
                own = own if kind else own + [(3, I32, RLE), (4, I32, RLE)]
                frame = pack(data)
                first = len(out) if first is None and not kind else first
                header = put_edited("page", (1, I32, kind), (2, I32, len(data)), (3, I32, len(frame)), (kind + 5, STRUCT, put_edited("own", *own)))
                out += header + frame
                unpacked += len(header) + len(data)
            leaf, used = chunk.leaf, {page[1] for page in chunk.pages}
            encodings = [PLAIN, RLE, DICTIONARY] if chunk.dictionary else sorted(used | {RLE})
            claims = put_claims(chunk.seen.claims(leaf)) if leaf.claims else None
            chunks.append(put_edited("chunk", (2, I64, 0), (3, STRUCT, put_edited(
                "metadata", (1, I32, leaf.physical), (2, LIST, put_list(I32, encodings)), (3, LIST, put_list(BINARY, [name.encode() for name in leaf.path])), (4, I32, 6),
                (5, I64, sum(page[0] for page in chunk.pages)), (6, I64, unpacked), (7, I64, len(out) - start), (9, I64, first),
                (11, I64, start if chunk.dictionary else None), (12, STRUCT, claims)))))
            unpacked_of += unpacked
        groups.append(put_edited("group", (1, LIST, put_list(STRUCT, chunks)), (2, I64, unpacked_of), (3, I64, len(group))))
        total += len(group)
    root = put_struct((4, BINARY, b"schema"), (5, I32, len(columns) - 4))
    pairs = [put_struct((1, BINARY, key), (2, BINARY, footer[key.decode()].encode())) for key in KEYS]
    foot = put_edited(
        "footer", (1, I32, 1), (2, LIST, put_list(STRUCT, [root, *(column.element for column in columns)])), (3, I64, total), (4, LIST, put_list(STRUCT, groups)),
        (5, LIST, put_list(STRUCT, pairs)), (6, BINARY, b"kivend 0.1.0"), (7, LIST, put_list(STRUCT, [TEXT] * len(leaves))))
    return out + foot + len(foot).to_bytes(4, "little") + b"PAR1"

def pages_of(rows, most):
    page, room = [], PAGE_BYTES
    for row in rows:
        held = sum(len(part or b"") for part in (row["key"], row["value"], *(h[n] for h in row["headers"] for n in ("name", "value")))) + 8 * len(row["headers"])
        if page and (len(page) == most or held > room):
            yield page
            page, room = [], PAGE_BYTES
        page.append(row)
        room -= held
    yield page

def entries_of(rows, leaf):
    """The entries of a leaf column, and for each whether a row begins with it."""
    if leaf.nested:
        name = leaf.path[-1]
        held = [[header[name] for header in row["headers"]] or [Chunk] for row in rows]
        return [value for values in held for value in values], [at == 0 for values in held for at in range(len(values))]
    return [value.encode() if isinstance(value, str) else value for value in (row.get(leaf.path[0]) for row in rows)], None
