"""Writes proof files (docs/FORMAT.md, section 8.1) for the makers of golden vectors: small archives, and proofs of their records
and of their growth.

Shares no code with kivend or with verify_proof.py: paths are computed by the recursive definitions of RFC 9162.
"""

from __future__ import annotations

from typing import Any

from format_writer import (
    CHANGER, KEY, Content, Key, b64, canonical, encoding, first_link, genesis, leaf, merkle, note, path, sha, subproof,
)
from log_writer import Head, LogWriter, leaf_of

Case = tuple[str, str, Content, bytes]  # why, verdict, given, file
NOTHING: Content = {"keys": [], "witnesses": [], "quorum": None, "origin": None}
TIME = 1770113700


def given(*keys: Key, witnesses: tuple[Key, ...] = (), quorum: int | None = None, origin: str | None = None) -> Content:
    return {"keys": [key.public_text for key in keys], "witnesses": [witness.public_text for witness in witnesses], "quorum": quorum, "origin": origin}


class Archive:
    """Links of 5 records in 6 offsets, of which the fourth is absent, and a log over them."""

    def __init__(self, archive: bytes) -> None:
        self.log = LogWriter(archive)
        self.links: dict[tuple[str, int], list[tuple[Content, bytes, list[bytes]]]] = {}
        self.log.entry(KEY, [])

    def grow(self, topic: str, partition: int, count: int, key: Key) -> None:
        chain = self.links.setdefault((topic, partition), [])
        for _ in range(count):
            first = 6 * len(chain)
            offsets = [first, first + 1, first + 2, first + 4, first + 5]
            records = [encoding(topic, partition, o, 0, 1763559062594 + o, b"key", b'{"event_id":"%s-%d"}' % (topic.encode(), o), [(b"h", None)]) for o in offsets]
            name = f"data/{topic}/{partition}/0000-{first:020}.parquet"
            link = first_link() | {
                "topic": topic, "partition": partition, "height": len(chain), "first_offset": first, "next_offset": first + 6, "record_count": 5,
                "absent": [[first + 3, first + 4]], "min_timestamp_ms": 1763559062594 + first, "max_timestamp_ms": 1763559062594 + first + 5,
                "records_root": merkle([leaf(record) for record in records]).hex(), "segment": {"key": name, "bytes": 100, "sha256": sha(name.encode())},
                "checkpoint": self.log.named(len(self.log.entries) - 1), "previous": sha(chain[-1][1]) if chain else genesis(topic, partition, self.log.identity)}
            chain.append((link, note(canonical(link), key), records))

    def craft(self, offsets: list[int], *keys: Key, **changes: Any) -> None:
        """One link as only a liar would sign it: over these records of payments/1, whatever it says."""
        chain = self.links.setdefault(("payments", 1), [])
        topic = changes.pop("of", "payments")
        records = [encoding(topic, 1, o, 0, min(1763559062594 + o, 2**63 - 1), b"key", b"{}", []) for o in offsets]
        first = first_link() | {"first_offset": 0, "next_offset": 6, "record_count": len(records), "absent": [], "records_root": merkle([leaf(record) for record in records]).hex(),
                                "checkpoint": self.log.named(0), "previous": genesis("payments", 1, self.log.identity)} | changes
        chain.append((first, note(canonical(first), *keys), records))

    def heads(self) -> list[Head]:
        found = []
        for (topic, partition), chain in sorted(self.links.items()):
            link, object_, _ = chain[-1]
            root = merkle([leaf(note_) for _, note_, _ in chain]).hex()
            found.append((topic, partition, 0, link["height"], link["next_offset"], sha(object_), root))
        return found

    def entry(self, key: Key, change: bytes | None = None) -> None:
        self.log.entry(key, self.heads(), change)

    def record(self, topic: str, partition: int, height: int, index: int, number: int, checkpoint: tuple[int, Key], changes: int) -> Content:
        """The proof of a record by leaf `number` and a checkpoint, with this many changes."""
        _, object_, records = self.links[topic, partition][height]
        entry, leaves = self.log.entries[number], [leaf(record) for record in records]
        at, line = next((at, line) for at, line in enumerate(entry["heads"]) if line[:2] == [topic, partition])
        log = [leaf(note_) for _, note_, _ in self.links[topic, partition][:line[3] + 1]]
        lines = [leaf(canonical(each).encode()) for each in entry["heads"]]
        return {"record": b64(records[index]), "record_index": index, "record_path": hexed(path(index, leaves)), "link": object_.decode(), "link_path": hexed(path(height, log)),
                "head": line, "head_index": at, "head_path": hexed(path(at, lines)), "leaf": leaf_of(entry), "leaf_path": hexed(path(number, self.log.leaves[:checkpoint[0] + 1])),
                "checkpoint": self.log.checkpoint(*checkpoint).decode(), **self.keys(changes)}

    def records(self, wanted: dict[tuple[str, int], dict[int, list[int]]], number: int, checkpoint: tuple[int, Key], changes: int) -> Content:
        """The proof of records, named by partition, height and index, by leaf `number` and a checkpoint."""
        entry, partitions, places = self.log.entries[number], [], []
        for at, line in enumerate(entry["heads"]):
            if (line[0], line[1]) not in wanted:
                continue
            chain, chosen = self.links[line[0], line[1]], wanted[line[0], line[1]]
            links = [{"link": chain[height][1].decode(), "records": [b64(chain[height][2][index]) for index in indices],
                      "records_path": hexed(several([leaf(record) for record in chain[height][2]], indices))} for height, indices in chosen.items()]
            log = [leaf(note_) for _, note_, _ in chain[:line[3] + 1]]
            partitions.append({"head": line, "head_index": at, "links": links, "links_path": hexed(several(log, list(chosen)))})
            places.append(at)
        lines = [leaf(canonical(each).encode()) for each in entry["heads"]]
        return {"partitions": partitions, "heads_path": hexed(several(lines, places)), "leaf": leaf_of(entry), "leaf_path": hexed(path(number, self.log.leaves[:checkpoint[0] + 1])),
                "checkpoint": self.log.checkpoint(*checkpoint).decode(), **self.keys(changes)}

    def growth(self, before: tuple[int, Key], after: tuple[int, Key], changes: int) -> Content:
        steps = subproof(before[0] + 1, self.log.leaves[:after[0] + 1], True)
        return {"from": self.log.checkpoint(*before).decode(), "to": self.log.checkpoint(*after).decode(), "path": hexed(steps), **self.keys(changes)}

    def keys(self, changes: int) -> Content:
        return {"archive": self.log.identity.decode(), "changes": [change.decode() for change in self.log.changes[:changes]], "first": None}

    def first(self, key: Key = CHANGER) -> Content:
        return {"leaf": leaf_of(self.log.entries[0]), "checkpoint": self.log.checkpoint(0, key).decode()}


def several(leaves: list[bytes], indices: list[int]) -> list[bytes]:
    """The path of several leaves (section 0): by the definition, on lists."""
    if not indices:
        return [merkle(leaves)]
    if len(leaves) == 1:
        return []
    half = 1
    while 2 * half < len(leaves):
        half *= 2
    return several(leaves[:half], [index for index in indices if index < half]) + several(leaves[half:], [index - half for index in indices if index >= half])


def hexed(steps: list[bytes]) -> list[str]:
    return [step.hex() for step in steps]


def file(type_: str, content: Content) -> bytes:
    return f"{type_}\n{canonical(content)}".encode()


def of_record(content: Content) -> bytes:
    return file("kivend.proof/v1", content)


def of_records(content: Content) -> bytes:
    return file("kivend.records/v1", content)


def of_growth(content: Content) -> bytes:
    return file("kivend.consistency/v1", content)


def cosigned(content: Content, *witnesses: Key, member: str = "checkpoint", text: str | None = None) -> Content:
    own = content[member].split("\n\n")[0] + "\n"
    return content | {member: content[member] + "".join(witness.cosignature(text or own, TIME) for witness in witnesses)}
