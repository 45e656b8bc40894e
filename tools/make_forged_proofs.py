"""Makes the proofs of many records (docs/FORMAT.md, section 8.1) that only a forger would write, for make_proofs.py: by somebody
who changes a file, and by the holder of a key, whose every path leads where it must.

Shares no code with kivend or with verify_proof.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from format_writer import (
    KEY, ORIGIN, Content, b64, canonical, identity, largest_power_of_two_below, leaf, merkle, sha, signed_with,
)
from log_writer import leaf_of
from proof_writer import NOTHING, Archive, Case, given, hexed, of_record, of_records, several

GREATEST = 2**63 - 1
Chosen = dict[int, list[int]]


# ---- by the holder of a key ----------------------------------------------------------------------------------------
def first_of(start: bytes, count: int) -> tuple[bytes, list[bytes]]:
    """The root and the path of leaf 0 in a tree of so many leaves; all others are made up."""
    root, steps = start, []
    while count > 1:
        count = largest_power_of_two_below(count)
        steps.append(leaf(b"made up %d" % count))
        root = node(root, steps[-1])
    return root, steps


def node(left: bytes, right: bytes) -> bytes:
    return merkle([left, right])


class Liar:
    """Links of payments/1, and an entry and a checkpoint over them, that say what the liar wants."""

    def __init__(self, *ranges: tuple[int, int, int]) -> None:
        """A link for each epoch and range of offsets, whether or not they follow one another."""
        self.made = Archive(identity([KEY], []))
        for height, (epoch, first, next_) in enumerate(ranges):
            key = f"data/payments/1/{epoch:04}-{first:020}.parquet"
            self.made.craft([*range(first, next_)], KEY, epoch=epoch, height=height, first_offset=first, next_offset=next_,
                            segment={"key": key, "bytes": 5, "sha256": sha(b"%d" % height)})
        self.chain = self.made.links["payments", 1]
        self.line: list[Any] = list(self.made.heads()[0])
        self.line[2] = ranges[-1][0]
        self.log = [leaf(note) for _, note, _ in self.chain]

    def partition(self, chosen: Chosen, at: int = 0, head: dict[int, Any] | None = None, height: int | None = None) -> Content:
        """The links and records chosen; `head` has members of the head by their places, `height` a height that it claims."""
        links = [{"link": self.chain[which][1].decode(), "records": [b64(self.chain[which][2][index]) for index in indices],
                  "records_path": hexed(several([leaf(record) for record in self.chain[which][2]], indices))} for which, indices in chosen.items()]
        line, steps = list(self.line), several(self.log, list(chosen))
        if height is not None:
            root, steps = first_of(self.log[0], height + 1)
            line[3], line[6] = height, root.hex()
        for place, value in (head or {}).items():
            line[place] = value
        return {"head": line, "head_index": at, "links": links, "links_path": hexed(steps)}

    def content(self, *partitions: Content, heads: int | None = None, size: int | None = None, changes: Content | None = None) -> Content:
        """A proof whose entry has the heads of these partitions, or claims so many; its checkpoint is over so many entries."""
        lines = [leaf(canonical(of["head"]).encode()) for of in partitions]
        root, heads_path = (merkle(lines), several(lines, [*range(len(lines))])) if heads is None else first_of(lines[0], heads)
        entry = self.made.log.content([])
        number = 0 if size else entry["number"]
        told = {"number": number, "heads": {"count": len(lines) if heads is None else heads, "root": root.hex()}}
        text = canonical(of_leaf(entry) | told | ({"changes": entry["changes"] | changes} if changes else {}))
        own = leaf(text.encode())
        top, leaf_path = first_of(own, size) if size else (node(self.made.log.leaves[0], own), [self.made.log.leaves[0]])
        checkpoint = signed_with(f"{ORIGIN}\n{size or 2}\n{b64(top)}\n", KEY)
        return {"partitions": list(partitions), "heads_path": hexed(heads_path), "leaf": text, "leaf_path": hexed(leaf_path),
                "checkpoint": checkpoint, **self.made.keys(0)}


def of_leaf(entry: Content) -> Content:


    content: Content = json.loads(leaf_of(entry))
    return content


def as_one(content: Content, index: int) -> bytes:
    """The same as a proof of one record, which has no path of several leaves."""
    partition = content["partitions"][0]
    linked = partition["links"][0]
    steps = linked["records_path"]
    return of_record({"record": linked["records"][0], "record_index": index, "record_path": steps, "link": linked["link"],
                      "link_path": partition["links_path"], "head": partition["head"], "head_index": partition["head_index"],
                      "head_path": content["heads_path"], **{name: content[name] for name in ("leaf", "leaf_path", "checkpoint", "archive", "changes", "first")}})


def consistent() -> list[tuple[str, Content, list[Content], bytes]]:
    """Valid files with the greatest numbers that there can be."""
    made = Liar((0, 0, 6))
    shown, keys = {"records": [["payments", 1, 0]]}, [NOTHING, given(KEY)]
    return [
        ("a head of the greatest height", shown, keys, of_records(made.content(made.partition({0: [0]}, height=GREATEST)))),
        ("as many heads as there can be", shown, keys, of_records(made.content(made.partition({0: [0]}), heads=GREATEST))),
        ("as many entries as there can be", shown, keys, of_records(made.content(made.partition({0: [0]}), size=GREATEST))),
        ("the last offset of the last epoch", {"records": [["payments", 1, GREATEST - 1]]}, keys,
         of_records(last().content(last().partition({0: [5]})))),
        ("links of two epochs with one offset", {"records": [["payments", 1, 3], ["payments", 1, 3]]}, keys,
         of_records((two := Liar((0, 0, 6), (1, 3, 9))).content(two.partition({0: [3], 1: [0]})))),
    ]


def last() -> Liar:
    return Liar((2**31 - 1, GREATEST - 6, GREATEST))


def lies() -> Iterable[tuple[str, bytes]]:
    one, over = Liar((0, 0, 6)), Liar((0, 0, 6), (0, 3, 9))
    same, back, behind = Liar((0, 0, 6), (0, 0, 6)), Liar((1, 0, 6), (0, 6, 12), (1, 6, 12)), Liar((0, 6, 12), (0, 0, 6), (0, 12, 18))
    yield "one offset in two links", of_records(over.content(over.partition({0: [3], 1: [0]})))
    yield "two links that have other records of one range", of_records(over.content(over.partition({0: [0], 1: [5]})))
    yield "one range twice", of_records(same.content(same.partition({0: [0], 1: [1]})))
    yield "a link of an earlier epoch above another", of_records(back.content(back.partition({0: [0], 1: [0]})))
    yield "links whose offsets go back", of_records(behind.content(behind.partition({0: [0], 1: [0]})))
    yield "one partition at two places among the heads", of_records(one.content(one.partition({0: [0]}), one.partition({0: [1]}, at=1)))
    yield "one record at two places among the heads", of_records(one.content(one.partition({0: [0]}), one.partition({0: [0]}, at=1)))
    for why, head in (("an offset before the link's end", {3: 1, 4: 5}), ("an epoch before the link's", {3: 1, 2: 0}), ("an offset beyond 63 bits", {3: 1, 4: 2**63}),
                      ("a negative offset", {3: 1, 4: -1}), ("an epoch beyond 31 bits", {3: 1, 2: 2**31}), ("a negative epoch", {3: 1, 2: -1})):
        made = Liar((1, 0, 6), (1, 6, 12))
        content = made.content(made.partition({0: [0]}, head=head))
        yield f"a head with {why}", of_records(content)
        yield f"a head with {why}, of one record", as_one(content, 0)
    yield "a head of a height beyond 63 bits", of_records(one.content(one.partition({0: [0]}, height=2**63)))
    yield "more heads than 63 bits", of_records(one.content(one.partition({0: [0]}), heads=2**63))
    yield "more entries than 63 bits", of_records(one.content(one.partition({0: [0]}), size=2**63))
    yield "a change of an entry beyond 63 bits", of_records(one.content(one.partition({0: [0]}), changes={"entry": 2**63}))
    yield "no heads", of_records(one.content(one.partition({0: [0]})) | {"partitions": []})


# ---- by somebody who changes a file --------------------------------------------------------------------------------
def changed_paths(made: Archive, many: Content) -> Iterable[tuple[str, bytes]]:
    orders, payments = many["partitions"]
    first, second = payments["links"]
    leaves = [leaf(record) for record in made.links["payments", 1][0][2]]  # of which 1 and 4 are proved

    def records(steps: list[bytes]) -> bytes:
        return of_records(many | {"partitions": [orders, payments | {"links": [first | {"records_path": hexed(steps)}, second]}]})

    zero, pair = leaves[0], node(leaves[2], leaves[3])
    yield "records_path: the two leaves for the node over them", records([zero, leaves[2], leaves[3]])
    yield "records_path: one node for two steps", records([node(zero, pair)])
    yield "records_path: a step twice", records([zero, pair, pair])
    yield "records_path: a step used for two places", records([zero, zero])
    yield "records_path: a proved record among the steps", records([zero, leaves[1], pair])
    yield "records_path: the root", records([merkle(leaves)])
    yield "records_path: nothing", records([])
    yield "records_path: the root of no leaves at the end", records([zero, pair, merkle([])])
    yield "the paths of heads and links exchanged", of_records(many | {"heads_path": payments["links_path"], "partitions": [orders, payments | {"links_path": many["heads_path"]}]})
    yield "a path of one partition for another", of_records(many | {"partitions": [orders | {"links_path": payments["links_path"]}, payments]})
    yield "the nodes of a tree for a record", of_records(many | {"partitions": [orders, payments | {"links": [first | {"records": [b64(b"\x01" + zero + leaves[1]), first["records"][1]]}, second]}]})
    yield "links exchanged between partitions", of_records(many | {"partitions": [orders | {"links": payments["links"]}, payments | {"links": orders["links"]}]})
    yield "records exchanged between links", of_records(many | {"partitions": [orders, payments | {"links": [first | {"records": second["records"], "records_path": second["records_path"]}, second]}]})


def changed_text(small: Content) -> Iterable[tuple[str, bytes]]:
    good = of_records(small)
    hash_, record = small["partitions"][0]["links"][0]["records_path"][0], small["partitions"][0]["links"][0]["records"][0]
    swaps = [
        ("a negative index", '"head_index":', '"head_index":-'), ("an index beyond 63 bits", '"head_index":', f'"head_index":{2**63}'), ("an index beyond 64 bits", '"head_index":', f'"head_index":{2**64}'),
        ("an index of a thousand digits", '"head_index":', '"head_index":' + "9" * 5000), ("an index with a zero before it", '"head_index":', '"head_index":0'), ("an index with an exponent", ',"links":', 'e0,"links":'), ("an index with a fraction", ',"links":', '.0,"links":'),
        ("an index that is a string", '"head_index":2', '"head_index":"2"'), ("no index", '"head_index":2', '"head_index":null'), ("an index that is true", '"head_index":2', '"head_index":true'), ("an index twice", '"head_index":', '"head_index":2,"head_index":'),
        ("partitions twice", '"partitions":', '"partitions":[],"partitions":'), ("partitions that are null", '{"partitions":[', '{"partitions":null,"x":['), ("deep nesting", '"partitions":[', '"partitions":[' + "[" * 10000), ("deep nesting that ends", ',"first":null', ',"first":' + "[" * 100 + "]" * 100),
        ("a hash in capitals", hash_, hash_.upper()), ("a hash that is too short", hash_, hash_[:-2]), ("a hash with a newline", hash_, hash_ + "\\n"), ("a letter that is escaped", '"records_path"', '"records_p\\u0061th"'), ("half of a surrogate pair", record, record + "\\ud800"), ("a zero byte", record, record + "\\u0000"),
        ("base64 of URLs", record, record[:8] + "-_" + record[10:]), ("base64 with a sign of padding too many", record, record + "="), ("base64 of two in one", record, record + record), ("no base64", record, ""), ("white space before it", '{"partitions"', ' {"partitions"'), ("another line", '"first":null}', '"first":null}\n{}'),
        ("a return before the newline", '"first":null}', '"first":null}\r'), ("a byte order mark", '{"partitions"', '\ufeff{"partitions"'), ("members in another order", '"records_path":', '"path":'),
    ]
    for why, before, after in swaps:
        data = good.replace(before.encode(), after.encode(), 1)
        assert data != good, why
        yield why, data
    yield "bytes that are not UTF-8", good.replace(b'"first":null', b'"first":"\xff"')
    yield "a zero byte after it", good + b"\0"
    yield "the type alone", b"kivend.records/v1\n"
    yield "the type in another case", good.replace(b"kivend.records", b"Kivend.records", 1)
    yield "a version with a zero before it", good.replace(b"/v1", b"/v01x", 1)


def changed_records(small: Content, encoding: bytes) -> Iterable[tuple[str, bytes]]:
    """The proved record with a byte of its encoding changed; section 7.1."""
    partition = small["partitions"][0]
    link = partition["links"][0]
    topic = 3 + int.from_bytes(encoding[1:3], "big")

    def put(at: int, data: bytes) -> bytes:
        return encoding[:at] + data + encoding[at + len(data):]

    changes: list[tuple[str, bytes]] = [
        ("of version 2", put(0, b"\x02")), ("of a topic beyond its end", put(1, b"\xff\xff")), ("of a negative partition", put(topic, b"\xff")), ("of a negative offset", put(topic + 4, b"\xff")), ("of another type of time", put(topic + 12, b"\x02")), ("of the time -1 with a type", put(topic + 13, b"\xff" * 8)),
        ("of a time without a type", put(topic + 12, b"\xff")), ("with a key of length -2", put(topic + 21, b"\xff\xff\xff\xfe")), ("with a key of 2 GiB", put(topic + 21, b"\x7f\xff\xff\xff")), ("with four billion headers", encoding[:-11] + b"\xff" * 4 + encoding[-7:]), ("cut off", encoding[:-1]), ("that is empty", b""),
    ]
    for why, data in changes:
        yield f"a record {why}", of_records(small | {"partitions": [partition | {"links": [link | {"records": [b64(data)]}]}]})


def forged(made: Archive, many: Content) -> list[Case]:
    small = made.records({("user-events", 0): {0: [4]}}, 1, (1, KEY), 0)
    kinds: list[tuple[str, Iterable[tuple[str, bytes]]]] = [
        ("records: a liar", lies()), ("records", changed_paths(made, many)), ("records", changed_text(small)), ("records", changed_records(small, made.links["user-events", 0][0][2][4]))]
    return [(f"{kind}: {why}", "tampered", NOTHING, data) for kind, files in kinds for why, data in files]
