"""The chain of one partition and its segments (docs/FORMAT.md, sections 1, 4 and 5): part of verify.py, and as independent."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import chain as chained
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from verify_notes import LINK, Head, Junk, Note, Partition, Place, Unknown, check_link, sha
from verify_projection import Broken, demand
from verify_segment import Segment, Tree

if TYPE_CHECKING:
    from verify import Verification


@dataclass(frozen=True)
class Link:
    hash: str
    content: dict[str, Any]
    data: bytes

    def __getattr__(self, name: str) -> Any:
        return self.content[name]


class PartitionCheck:
    """The chain of one partition: links, segments, and what stands beside them."""

    def __init__(self, verification: Verification, partition: Partition) -> None:
        self.all, self.partition = verification, partition
        self.head: Link | None = None
        self.known: dict[int, Link] = {}
        self.whole = True  # no link is missing so far
        self.log, self.roots = Tree(), dict[int, str]()
        self.named: set[str] = set()
        self.ends: set[Place] = set()  # where an epoch ended: what a writer left there is nobody's, and stays
        self.rules: str | None = None

    def places(self, kind: str) -> list[Place]:
        return sorted(place[2:] for place in self.all.places[kind] if place[:2] == self.partition)

    def run(self) -> None:
        for place in self.places("links"):
            where = (*self.partition, *place)
            try:
                found = self.all.counted("links", where, lambda data: self.read(data, place))
            except Unknown:
                self.all.blind[self.partition] = place
                return
            if found:
                self.take(found, self.all.places["links"][where])

    def read(self, data: bytes, place: Place) -> Link:
        tenure = self.all.signer(note := Note(data))
        content = note.content("kivend.link/v1", LINK)
        named = (
            content["archive_id"],
            content["topic"],
            content["partition"],
            content["epoch"],
            content["first_offset"],
        )
        demand(named == (self.all.identity["id"], *self.partition, *place), "a link of another archive or place")
        check_link(content)
        if not tenure.covers_link(self.partition, content["height"]):
            raise Junk("its key was not in force for it")
        return Link(note.hash, content, data)

    def take(self, link: Link, keys: dict[int, str]) -> None:
        name = keys[min(keys)]
        try:
            missing = self.continues(link)
        except Broken as why:
            self.all.find("tampered", name, why)
            missing = 0
        if missing:
            self.all.find("incomplete", name, f"{missing} links before it are missing")
            self.whole = False
        elif self.head and link.epoch > self.head.epoch:
            self.ends.add(self.next_place())
        self.log.push(link.data)
        self.head, self.known[link.height] = link, link
        if self.whole:
            self.roots[link.height] = self.log.root()
        self.all.check_named(**link.checkpoint)
        if link.lost:
            self.all.find("note", name, f"declared loss: offsets {link.first_offset} to {link.next_offset}")
        self.all.records[link.topic] += link.record_count
        self.check_objects(link, name)

    def next_place(self) -> Place:
        return (self.head.epoch, self.head.next_offset) if self.head else (0, 0)

    def continues(self, link: Link) -> int:
        """How many links are missing before it, if it can be the next or a later one; Broken if it cannot."""
        before, expected = self.head, self.head.height + 1 if self.head else 0
        demand(link.height >= expected, f"height {link.height} where at least {expected} is due")
        if link.height > expected:
            demand(
                (link.epoch, link.first_offset) > self.next_place(),
                "it stands where the chain has no room for the links before it",
            )
            return int(link.height - expected)
        genesis = sha(
            f"kivend.genesis/v1\n{self.all.identity_hash}\n{self.partition[0]}\n{self.partition[1]}\n".encode()
        )
        demand(
            link.previous == (before.hash if before else genesis),
            "previous is not the hash of the link before it, or the genesis",
        )
        place = (link.epoch, link.first_offset)
        demand(
            place == self.next_place() or before and place == (before.epoch + 1, 0),
            "it does not begin where the link before it ends",
        )
        if before:
            demand(
                link.checkpoint["number"] >= before.checkpoint["number"],
                "it names an older checkpoint than the link before it",
            )
        if before and before.epoch == link.epoch:
            demand(link.cluster_id == before.cluster_id, "cluster_id changed within the epoch")
            demand(before.topic_id in (None, link.topic_id), "topic_id changed within the epoch")
        return 0

    # ---- segments (sections 4 and 5) ---------------------------------------------------------------------------------------
    def check_objects(self, link: Link, name: str) -> None:
        for entry in [*link.rejected, *([link.segment] if link.segment else [])]:
            self.named.add(entry["key"])
            try:
                data = self.all.load(entry["key"])
                demand(
                    len(data) == entry["bytes"] and sha(data) == entry["sha256"], "not the bytes that its link names"
                )
                if "reason" in entry:
                    self.check_rejected(entry["key"], data, link)
                else:
                    self.check_segment(data, link)
            except FileNotFoundError:
                self.all.find("incomplete", entry["key"], f"named by {name}, and missing")
            except OSError as why:
                self.all.find("unverifiable", entry["key"], why)
            except Broken as why:
                self.all.find("tampered", entry["key"], why)

    def check_segment(self, data: bytes, link: Link) -> None:
        segment = Segment(data)
        names = (
            "topic",
            "partition",
            "epoch",
            "first_offset",
            "next_offset",
            "record_count",
            "records_root",
            "previous",
        )
        for name in names:
            demand(segment.keys.get(name) == str(link.content[name]), f"footer key {name} is not the link's")
        gaps = [link.first_offset, *chained.from_iterable(link.absent), link.next_offset]
        offsets = chained.from_iterable(range(a, b) for a, b in zip(gaps[::2], gaps[1::2]))
        tree, times = Tree(), list[int]()
        prefix = struct.pack(">BH", 1, len(link.topic)) + link.topic.encode() + struct.pack(">i", link.partition)
        for expected, record in zip_longest(offsets if link.record_count else (), segment.records()):
            demand(record, f"a record is missing: offset={expected}")
            offset, timestamp, encoding = record
            demand(
                offset == expected and encoding.startswith(prefix),
                f"offset {offset} where {expected} is due, or of another topic or partition",
            )
            tree.push(encoding)
            times += [] if timestamp is None else [timestamp]
        demand(tree.root() == link.records_root, "the records have another root than the link names")
        demand(
            (min(times, default=None), max(times, default=None)) == (link.min_timestamp_ms, link.max_timestamp_ms),
            "the records have other timestamps than the link names",
        )
        if self.rules not in (None, segment.keys["projection"]):
            self.all.find("note", link.segment["key"], "the rules of projection change here")
        self.rules = segment.keys["projection"]

    def check_rejected(self, key: str, data: bytes, link: Link) -> None:
        try:
            segment, tree = Segment(data), Tree()
            for _, _, encoding in segment.records():
                tree.push(encoding)
            same_range = (segment.keys.get("first_offset"), segment.keys.get("next_offset")) == (
                str(link.first_offset),
                str(link.next_offset),
            )
            detail = (
                "with the same range and another root"
                if same_range and tree.root() != link.records_root
                else "readable"
            )
        except Broken as why:
            detail = f"not a segment: {why}"
        self.all.find("note", key, f"rejected object: {detail}")

    # ---- what stands beside the chain ------------------------------------------------------------------------------------
    def check_head(self, checkpoint: str, head: Head) -> None:
        link = self.known.get(head.height)
        if link is None:
            if self.partition not in self.all.blind:
                self.all.find(
                    "incomplete",
                    f"links/{self.partition[0]}/{self.partition[1]}/",
                    f"a checkpoint names link {head.height}, and it is missing",
                )
        elif (link.epoch, link.next_offset, link.hash) != (head.epoch, head.next_offset, head.link):
            self.all.find("tampered", checkpoint, f"its head of {self.partition} is not link {head.height}")
        elif self.roots.get(head.height, head.log_root) != head.log_root:
            self.all.find(
                "tampered", checkpoint, f"the log root of {self.partition} is not that of links 0 to {head.height}"
            )

    def judge_leftovers(self, anchored: int) -> None:
        """Junk links, and segments that no link names: tolerated where the next link of the chain would stand."""
        following = {self.next_place(), *([(self.head.epoch + 1, 0)] if self.head else [])}
        blind = self.all.blind.get(self.partition, (2**63, 0))
        for where in [where for where in self.all.loose["links"] if where[:2] == self.partition]:
            cut = anchored > (self.head.height if self.head else -1)
            self.all.judge_loose("links", where, where[2:] in following and not cut)
        linked = {(link.epoch, link.first_offset) for link in self.known.values()}
        for place in self.places("data"):
            expected = place in following or place in self.ends or place >= blind
            for key in self.all.places["data"][(*self.partition, *place)].values():
                if key not in self.named and not expected:
                    try:
                        demand(place in linked, "it does not stand at the place of a link")
                        self.check_copy(key, place)
                        self.all.find("note", key, "no link names it; it is a copy of what links hold")
                    except (Broken, OSError) as why:
                        self.all.find("tampered", key, f"a segment that no link names: {why}")

    def check_copy(self, key: str, place: Place) -> None:
        """What a stopped archiver left (section 1): no record that links do not hold."""
        segment, tree = Segment(self.all.load(key)), Tree()
        records = [(offset, encoding) for offset, _, encoding in segment.records()]
        for _, encoding in records:
            tree.push(encoding)
        named = [str(entry) for entry in (*self.partition, *place, len(records), tree.root())]
        names = ("topic", "partition", "epoch", "first_offset", "record_count", "records_root")
        demand([segment.keys.get(name) for name in names] == named, "its footer is not that of its place and records")
        first, text = place[1], segment.keys.get("next_offset", "")
        demand(text.isascii() and text.isdigit(), "its footer has no next_offset")
        end, reached, held = int(text), first, list[tuple[int, bytes]]()
        for link in sorted(self.known.values(), key=lambda link: int(link.height)):
            if link.epoch == place[0] and link.first_offset <= reached < min(link.next_offset, end):
                reached = link.next_offset
                if link.segment:
                    data = self.all.load(link.segment["key"])
                    demand(sha(data) == link.segment["sha256"], "what it would be a copy of was altered")
                    held += [(offset, encoding) for offset, _, encoding in Segment(data).records()]
        demand(first < end <= reached, "it claims offsets that no link holds")
        own = set(records)
        demand(records == [record for record in held if record in own], "it holds other records")
