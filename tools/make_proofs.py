"""Makes the golden vectors of proof files (docs/FORMAT.md, section 8) for make_vectors.py: a small archive with a key
change, proofs of its records and of its growth, and files that each break one rule.

Shares no code with kivend or with verify_proof.py: paths are computed by the recursive definitions of RFC 9162.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from format_writer import (
    ARCHIVE,
    ARCHIVE_ID,
    KEY,
    OTHER,
    Content,
    Key,
    b64,
    canonical,
    encoding,
    first_link,
    genesis,
    largest_power_of_two_below,
    leaf,
    merkle,
    note,
    path,
    sha,
)

Heads = dict[tuple[str, int], int]  # partition → how many links its head is above the genesis


def subproof(m: int, leaves: list[bytes], known: bool) -> list[bytes]:
    """RFC 9162, 2.1.4.1."""
    if m == len(leaves):
        return [] if known else [merkle(leaves)]
    k = largest_power_of_two_below(len(leaves))
    if m <= k:
        return subproof(m, leaves[:k], known) + [merkle(leaves[k:])]
    return subproof(m - k, leaves[k:], False) + [merkle(leaves[:k])]


class Archive:
    """payments/1 with 7 links and orders/0 with 3; checkpoints 0 to 3; key OTHER is added after checkpoint 1 and signs from then on."""

    def __init__(self) -> None:
        self.links: dict[tuple[str, int], list[tuple[Content, bytes, list[bytes]]]] = {("orders", 0): [], ("payments", 1): []}
        self.checkpoints: list[bytes] = []
        self.change: tuple[int, str] = (0, sha(ARCHIVE))
        self.key = KEY
        self.checkpoint({})
        self.grow("payments", 1, 3)
        self.grow("orders", 0, 2)
        self.checkpoint({("orders", 0): 2, ("payments", 1): 3})
        added = {"type": "kivend.keys/v1", "id": ARCHIVE_ID, "number": 1, "add": [OTHER.public_text], "retire": [], "at": "2026-02-03T10:40:00Z",
                 "checkpoint": {"number": 1, "sha256": sha(self.checkpoints[1])}, "previous": sha(ARCHIVE)}
        self.added = note(canonical(added), KEY, OTHER)
        self.change, self.key = (1, sha(self.added)), OTHER
        self.grow("payments", 1, 2)
        self.checkpoint({("orders", 0): 2, ("payments", 1): 5})
        self.grow("payments", 1, 2)
        self.grow("orders", 0, 1)
        self.checkpoint({("orders", 0): 3, ("payments", 1): 7})

    def grow(self, topic: str, partition: int, count: int) -> None:
        """Appends links over 6 offsets each, of which the fourth is absent: 5 records."""
        for _ in range(count):
            chain = self.links[topic, partition]
            first = 6 * len(chain)
            offsets = [first, first + 1, first + 2, first + 4, first + 5]
            records = [encoding(topic, partition, o, 0, 1763559062594 + o, b"key", b'{"event_id":"%s-%d"}' % (topic.encode(), o), [(b"h", None)]) for o in offsets]
            name = f"data/topic={topic}/partition={partition}/0000-{first:020}.parquet"
            link = first_link() | {
                "topic": topic, "partition": partition, "height": len(chain), "first_offset": first, "next_offset": first + 6, "record_count": 5,
                "absent": [[first + 3, first + 4]], "min_timestamp_ms": 1763559062594 + first, "max_timestamp_ms": 1763559062594 + first + 5,
                "records_root": merkle([leaf(record) for record in records]).hex(), "segment": {"key": name, "bytes": 100, "sha256": sha(name.encode())},
                "checkpoint": {"number": len(self.checkpoints) - 1, "sha256": sha(self.checkpoints[-1])},
                "previous": sha(chain[-1][1]) if chain else genesis(topic, partition)}
            chain.append((link, note(canonical(link), self.key), records))

    def checkpoint(self, heads: Heads) -> None:
        self.checkpoints.append(self.signed_checkpoint(heads, len(self.checkpoints), self.key))

    def signed_checkpoint(self, heads: Heads, number: int, key: Key, **changes: str) -> bytes:
        previous = sha(self.checkpoints[number - 1]) if number else "0" * 64
        text = f"kivend.checkpoint/v1 kivend {ARCHIVE_ID}\n{number} {previous} {self.change[0]} {self.change[1]}\n2026-02-03T10:3{number}:00Z\n"
        for (topic, partition), size in sorted(heads.items()):
            link, object_, _ = self.links[topic, partition][size - 1]
            root = merkle(self.log(topic, partition, size)).hex()
            text += f"{topic} {partition} 0 {link['height']} {link['next_offset']} {sha(object_)} {root}\n"
        for old, new in changes.items():
            text = text.replace(old, new)
        return note(text, key)

    def log(self, topic: str, partition: int, size: int) -> list[bytes]:
        return [leaf(object_) for _, object_, _ in self.links[topic, partition][:size]]

    def record(self, topic: str, partition: int, height: int, index: int, checkpoint: int, size: int) -> Content:
        _, object_, records = self.links[topic, partition][height]
        leaves = [leaf(record) for record in records]
        return {"record": b64(records[index]), "leaf_index": index, "leaf_count": len(leaves), "path": [step.hex() for step in path(index, leaves)],
                "link": object_.decode(), "link_index": height, "log_size": size,
                "log_path": [step.hex() for step in path(height, self.log(topic, partition, size))],
                "checkpoint": self.checkpoints[checkpoint].decode(), **self.keys()}

    def growth(self, before: int, after: int, sizes: list[tuple[str, int, int, int]]) -> Content:
        paths = [subproof(m, self.log(topic, partition, n), True) for topic, partition, m, n in sizes]
        return {"from": self.checkpoints[before].decode(), "to": self.checkpoints[after].decode(),
                "paths": [[step.hex() for step in steps] for steps in paths], **self.keys()}

    def keys(self) -> Content:
        return {"archive": ARCHIVE.decode(), "key_changes": [self.added.decode()]}


def proofs() -> dict[str, Any]:
    made = Archive()
    record = "kivend.proof/v1", made.record("payments", 1, 1, 3, 1, 3)
    late = "kivend.proof/v1", made.record("payments", 1, 6, 4, 3, 7)
    both = "kivend.consistency/v1", made.growth(1, 3, [("orders", 0, 2, 3), ("payments", 1, 3, 7)])
    valid: list[tuple[str, tuple[str, Content], Content]] = [
        ("a record under the first checkpoint that covers it, after an absent offset", record, {"topic": "payments", "partition": 1, "offset": 10}),
        ("the last record of the newest link, signed by the added key", late, {"topic": "payments", "partition": 1, "offset": 41}),
        ("a link that is the head of its checkpoint", ("kivend.proof/v1", made.record("payments", 1, 4, 0, 2, 5)), {"topic": "payments", "partition": 1, "offset": 24}),
        ("another partition", ("kivend.proof/v1", made.record("orders", 0, 0, 0, 1, 2)), {"topic": "orders", "partition": 0, "offset": 0}),
        ("growth over a key change", both, {"from": 1, "to": 3}),
        ("growth of one partition, the other at rest", ("kivend.consistency/v1", made.growth(1, 2, [("orders", 0, 2, 2), ("payments", 1, 3, 5)])), {"from": 1, "to": 2}),
        ("growth to the next checkpoint", ("kivend.consistency/v1", made.growth(2, 3, [("orders", 0, 2, 3), ("payments", 1, 5, 7)])), {"from": 2, "to": 3}),
        ("growth from checkpoint 0, which has no heads", ("kivend.consistency/v1", made.growth(0, 3, [])), {"from": 0, "to": 3}),
        ("a checkpoint and itself", ("kivend.consistency/v1", made.growth(2, 2, [("orders", 0, 2, 2), ("payments", 1, 5, 5)])), {"from": 2, "to": 2}),
    ]
    return {"about": "section 8: each file is a whole proof file; `keys` are those brought, none is trust on first use; every valid one is intact with either key of `archive_keys` or none",
            "archive_keys": [KEY.public_text, OTHER.public_text],
            "valid": [{"name": name, **shown, "file_base64": b64(file(*proof))} for name, proof, shown in valid],
            "invalid": [{"why": why, "verdict": verdict, "keys": keys, "file_base64": b64(data)} for why, verdict, keys, data in broken(made, record, late, both)]}


def file(type_: str, content: Content) -> bytes:
    return f"{type_}\n{canonical(content)}".encode()


def broken(made: Archive, record: tuple[str, Content], late: tuple[str, Content], both: tuple[str, Content]) -> list[tuple[str, str, list[str], bytes]]:
    def changed(proof: tuple[str, Content], **changes: Any) -> bytes:
        return file(proof[0], proof[1] | changes)

    def each(values: list[str], at: int, change: Callable[[str], str]) -> list[str]:
        return [change(value) if index == at else value for index, value in enumerate(values)]

    def turned(hash_: str) -> str:
        return ("1" if hash_[0] == "0" else "0") + hash_[1:]

    good, content = file(*record), record[1]
    other = made.record("payments", 1, 1, 2, 1, 3)
    link = made.links["payments", 1][1][0]
    resigned = {name: note(canonical(link | change), key).decode() for name, change, key in (
        ("other archive", {"archive_id": "f" * 32}, KEY), ("other height", {"height": 2}, KEY), ("newer", {"type": "kivend.link/v2"}, KEY),
        ("added key", {}, OTHER), ("rule", {"next_offset": 0}, KEY))}
    newer_change = note(canonical({"type": "kivend.keys/v2"}), KEY).decode()
    forked = made.signed_checkpoint({("orders", 0): 3, ("payments", 1): 7}, 3, OTHER, **{"10:33": "10:34"}).decode()
    foreign = made.signed_checkpoint({("orders", 0): 2, ("payments", 1): 3}, 1, KEY, **{" kivend ": " kivent "}).decode()
    shrunk = made.signed_checkpoint({("orders", 0): 2, ("payments", 1): 4}, 3, OTHER).decode()
    left_out = made.signed_checkpoint({("payments", 1): 7}, 3, OTHER).decode()
    old_key = made.signed_checkpoint({("orders", 0): 3, ("payments", 1): 7}, 1, OTHER).decode()
    orders_only = made.signed_checkpoint({("orders", 0): 3}, 3, OTHER).decode()
    paths = both[1]["paths"]
    tampered: list[tuple[str, bytes]] = [
        ("nothing at all", b""), ("one line", b"kivend.proof/v1\n"), ("no type", good.split(b"\n", 1)[1]), ("another type", good.replace(b"proof/v1", b"receipt/v1", 1)),
        ("a version that is no number", good.replace(b"proof/v1", b"proof/vx", 1)), ("the content of the other type", good.replace(b"proof", b"consistency", 1)),
        ("carriage return and newline", good.replace(b"\n", b"\r\n", 1)), ("not UTF-8", good.replace(b"leaf_index", b"leaf_\xff", 1)),
        ("a space after a colon", good.replace(b'"leaf_index":', b'"leaf_index": ', 1)), ("no final newline", good[:-1]), ("a line too many", good + b"\n"),
        ("a field too many", file(record[0], content | {"more": 1})), ("fields in another order", file(record[0], {"leaf_index": 3} | content | {"leaf_index": 3})),
        ("a hash in capitals", changed(record, path=each(content["path"], 0, str.upper))), ("a negative place", changed(record, leaf_index=-1)),
        ("base64 without padding", changed(record, record=content["record"].rstrip("="))), ("a byte after the record", changed(record, record=b64(made.links["payments", 1][1][2][3] + b"\0"))),
        ("a record cut short", changed(record, record=b64(made.links["payments", 1][1][2][3][:-1]))), ("another record", changed(record, record=other["record"])),
        ("a value changed", changed(record, record=b64(made.links["payments", 1][1][2][3].replace(b"event_id", b"event_ip")))),
        ("another place in the segment", changed(record, leaf_index=2)), ("another number of records", changed(record, leaf_count=6)), ("a step of the path turned", changed(record, path=each(content["path"], 1, turned))),
        ("a step too many", changed(record, path=content["path"] + [sha(b"x")])), ("a step too few", changed(record, path=content["path"][:-1])), ("no path", changed(record, path=[])),
        ("another link", changed(record, link=late[1]["link"])), ("a link with a changed text", changed(record, link=content["link"].replace('"age"', '"idle"'))),
        ("a link of another archive", changed(record, link=resigned["other archive"])), ("a link of another height", changed(record, link=resigned["other height"])),
        ("a link that breaks a rule", changed(record, link=resigned["rule"])), ("a link by a key that was added after the checkpoint", changed(record, link=resigned["added key"])),
        ("a link without its signature", changed(record, link=content["link"].split("\n\n")[0] + "\n\n")), ("a checkpoint for a link", changed(record, link=content["checkpoint"])),
        ("another place in the log", changed(record, link_index=2)), ("another size of the log", changed(record, log_size=4)), ("a step of the log's path turned", changed(record, log_path=each(content["log_path"], 0, turned))),
        ("the log's path backwards", changed(late, log_path=late[1]["log_path"][::-1])), ("a newer checkpoint than the oldest, without its path", changed(record, checkpoint=late[1]["checkpoint"])),
        ("an older checkpoint than the link", changed(late, checkpoint=content["checkpoint"])), ("checkpoint 0", changed(record, checkpoint=made.checkpoints[0].decode())),
        ("a checkpoint of another archive name", changed(record, checkpoint=foreign)), ("a checkpoint by a key that was added at it", changed(record, checkpoint=old_key)), ("a checkpoint without the partition", changed(late, checkpoint=orders_only)),
        ("a link for a checkpoint", changed(record, checkpoint=content["link"])), ("another archive.json", changed(record, archive=content["archive"].replace("10:00:00", "10:00:01"))),
        ("archive.json with another key", changed(record, archive=content["archive"].replace(KEY.public_text, OTHER.public_text))), ("no archive.json", changed(record, archive="")),
        ("the key change left out", changed(late, key_changes=[])), ("the key change twice", changed(record, key_changes=content["key_changes"] * 2)), ("a key change that is a link", changed(record, key_changes=[content["link"]])),
        ("growth: a step turned", changed(both, paths=[paths[0], each(paths[1], 0, turned)])), ("growth: a step too many", changed(both, paths=[paths[0] + [sha(b"x")], paths[1]])), ("growth: a step too few", changed(both, paths=[paths[0], paths[1][:-1]])),
        ("growth: a path too few", changed(both, paths=paths[:1])), ("growth: a path too many", changed(both, paths=[*paths, []])), ("growth: paths in another order", changed(both, paths=paths[::-1])), ("growth: an empty path", changed(both, paths=[[], paths[1]])),
        ("growth: backwards", changed(both, **{"from": both[1]["to"], "to": both[1]["from"]})), ("growth: a height went back", changed(both, **{"from": made.checkpoints[2].decode()}, to=shrunk, paths=[[], []])),
        ("growth: a partition left out", changed(both, to=left_out)), ("growth: two checkpoints of one number", changed(both, **{"from": made.checkpoints[3].decode()}, to=forked, paths=[[], []])),
        ("growth: the checkpoint that a key change names, with another hash", changed(both, **{"from": made.signed_checkpoint({("orders", 0): 2, ("payments", 1): 3}, 1, KEY, **{"10:31": "10:30"}).decode()})),
        ("growth: the key change left out", changed(both, key_changes=[])),
    ]
    strange = [("a proof of version 2", good.replace(b"proof/v1", b"proof/v2", 1)), ("growth of version 2", file(*both).replace(b"consistency/v1", b"consistency/v2", 1)),
               ("a link of version 2", changed(record, link=resigned["newer"])), ("a key change of version 2", changed(record, key_changes=[newer_change])),
               ("a checkpoint of version 2", changed(record, checkpoint=made.signed_checkpoint({("payments", 1): 3}, 1, KEY, **{"checkpoint/v1": "checkpoint/v2"}).decode()))]
    stranger = Key("stranger", 0x09).public_text
    cases = [(why, "tampered", list[str](), data) for why, data in tampered] + [(why, "unverifiable", list[str](), data) for why, data in strange]
    return [*cases, ("a key brought that is not the archive's", "tampered", [stranger], good), ("growth: a key brought that is not the archive's", "tampered", [stranger], file(*both))]
