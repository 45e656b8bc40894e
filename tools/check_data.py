"""Checks segments and the other objects under data/: docs/FORMAT.md, sections 4 (retention), 6 and 6.2."""
import re
import struct
from itertools import chain

from folder import digest, size_of
from notes import Missing, Unknown, demand, sha
from places import LIMITS
from verify_segment import read_segment

FOOTER = ["topic", "partition", "epoch", "first_offset", "next_offset", "record_count", "records_root", "previous"]
LIMIT = LIMITS["data"]
CHANGED = "its bytes are not those that its link names: the object was changed"

class DataCheck:
    """Of one partition: `check_link` each link's objects, then `check_leftovers` what no link names."""

    def __init__(self, archive, walk, removable):
        self.archive, self.findings, self.walk = archive, archive.findings, walk
        self.removable = removable  # the height below which retention lets objects be missing, and the change's reason
        self.owned = set()  # object keys that links name

    def check_all(self):
        for link in self.walk.links.values():
            for entry in link.rejected:
                self.check_object(link, self.check_rejected, **entry)
            if link.segment:
                self.check_object(link, self.check_segment, **link.segment)
            if link.encoding != 1:
                self.findings.add("unverifiable", link.key, f"records of encoding {link.encoding}, which version 1 does not define")
        self.check_leftovers()

    def check_object(self, link, check, key, bytes, sha256, reason=None):
        self.owned.add(key)
        with self.findings.judging(key):
            try:
                check(link, key, bytes, sha256)
            except Missing:
                height, why = self.removable
                if link.height < height:
                    return self.findings.add("note", key, f"removed: {why}")
                raise

    def check_rejected(self, link, key, bytes, sha256):
        path = self.archive.folder / key
        if sha256 is None:
            demand(size_of(path) == bytes, "its link names an object of another size")
            return self.findings.add("note", key, "rejected: too large to be read")
        demand(digest(path, LIMIT) == (bytes, sha256), CHANGED)
        try:
            found = read_segment(self.archive.load(key))
            range_ = [found.keys.get(name) for name in FOOTER[3:5]]
            same_range = range_ == [str(link.first_offset), str(link.next_offset)]
            same = "the same records" if found.root == link.records_root else "another root"
            self.findings.add("note", key, f"rejected: it has {same if same_range else 'another range'}")
        except Exception as why:
            self.findings.add("note", key, f"rejected: {why}")

    def check_segment(self, link, key, bytes, sha256):
        if link.encoding != 1:
            demand(digest(self.archive.folder / key, LIMIT) == (bytes, sha256), CHANGED)
            return
        data = self.archive.load(key)
        demand((len(data), sha(data)) == (bytes, sha256), CHANGED)
        segment = read_segment(data)
        records, edges = segment.records, [link.first_offset, *chain(*link.absent), link.next_offset]
        demand([segment.keys.get(name) for name in FOOTER] == [str(getattr(link, name)) for name in FOOTER], "its footer is not its link's")
        demand(len(records) == link.record_count, "not that many records")  # first: a range may be too long for memory
        present = [offset for first, next_ in zip(edges[::2], edges[1::2]) for offset in range(first, next_)]
        demand([offset for offset, _, _ in records] == present, "other offsets than its link says")
        prefix = struct.pack(">BH", 1, len(link.topic)) + link.topic.encode() + struct.pack(">i", link.partition)
        demand(all(encoding.startswith(prefix) for _, _, encoding in records), "records of another partition")
        demand(segment.root == link.records_root, "its records do not have the root of its link")
        times = [timestamp for _, timestamp, _ in records if timestamp is not None] or [None]
        demand((min(times), max(times)) == (link.min_timestamp_ms, link.max_timestamp_ms), "other times than its link says")

    # ---- segments that no link names (section 6.2) -------------------------------------------------------------------
    def check_leftovers(self):
        spare, blind = self.walk.spare, self.walk.blind
        for place, tries in sorted(self.archive.data_of(self.walk.partition).items()):
            if blind and place >= blind:
                return
            for key in sorted({*tries.values()} - self.owned):
                if self.is_far_reject(place, key, tries):
                    self.findings.add("note", key, "beyond -r255, below the segment that its link names")
                elif place in spare:
                    self.findings.add("note", key, "pending: a link could still name it")
                else:
                    self.check_leftover(place, key)

    def is_far_reject(self, place, key, tries):
        """Whether it is one of the objects that a link is too short to name (section 6, rule 3)."""
        named = [k for k, each in tries.items() if each in self.owned]
        own = next(k for k, each in tries.items() if each == key)
        link = next((link for link in self.walk.links.values() if link.segment and link.segment["key"] in tries.values()), None)
        return link is not None and 255 < own < max(named) and tries[max(named)] == link.segment["key"]

    def check_leftover(self, place, key):
        try:
            self.findings.add("note", key, f"no link names it; an orphan: {self.check_orphan(place, read_segment(self.archive.load(key)))}")
        except Unknown as why:
            self.findings.add("unverifiable", key, why)
        except Exception as why:
            self.findings.add("tampered", key, f"no link names it, and it is no orphan: {why}")

    def check_orphan(self, place, segment):
        keys, offsets = segment.keys, [offset for offset, _, _ in segment.records]
        links = [link for link in self.walk.links.values() if link.epoch == place[2]]
        demand(any(link.first_offset == place[3] for link in links), "it is at the place of no link")
        demand(offsets == sorted({*offsets}), "its offsets are not in order")
        due = dict(zip(FOOTER, map(str, place))) | {"record_count": str(len(offsets)), "records_root": segment.root}
        demand(due.items() <= keys.items() and re.fullmatch("0|[1-9][0-9]{0,18}", keys["next_offset"]), "its footer is not its own")
        first, end = place[3], int(keys["next_offset"])
        links = [link for link in links if link.next_offset > first and link.first_offset < end]
        covered = sum(min(link.next_offset, end) - link.first_offset for link in links)
        demand(0 < end - first == covered, "its range is not within links without a gap")
        named = [link for link in links if link.segment]
        gone = [link for link in named if link.height < self.removable[0] and not self.stands(link.segment["key"])]
        if gone or any(link.encoding != 1 for link in named):
            return "its records cannot be compared"
        held = {record for link in named for record in read_segment(self.archive.load(link.segment["key"])).records if record[0] < end}
        demand({*segment.records} <= held, "it holds records that the links do not")
        return "all of its records are in segments that links name"

    def stands(self, key):
        try:
            return size_of(self.archive.folder / key) >= 0
        except Missing:
            return False
