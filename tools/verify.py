#!/usr/bin/env python3
"""Verifies an archive folder (a directory store, or a downloaded bucket) from the text of docs/FORMAT.md alone.

A second verifier: it shares no code, no language and no Parquet library with kivend, recomputes everything, and writes
nothing. It sees only the folder, neither Kafka nor older versions of objects. notes.py reads signed notes and
verify_segment.py reads Parquet objects; this file checks how they fit together. (§n) names the section of FORMAT.md. A
finding quotes the rule that does not hold; any other exception of a reader counts as a broken rule.

    python tools/verify.py FOLDER [--key PUBLIC]…     exit code 0 intact, 10 tampered, 11 incomplete, 12 unverifiable
"""
import contextlib
import os
import re
import struct
import sys
from collections import Counter, defaultdict
from itertools import chain
from pathlib import Path
from types import SimpleNamespace as Fields

from notes import (
    ARCHIVE, COUNT, I32, KEY_CHANGE, LINK, TOPIC, Broken, Junk, Missing, Unknown,
    canonical, check_link, content, demand, fits, grow, parse_checkpoint, public_key, read_note, root, sha, signed,
)
from verify_segment import read_segment

# ---- the archive (§1, §9) --------------------------------------------------------------------------------------------
def digits(least):
    return rf"(\d{{{least}}}|[1-9]\d{{{least},}})"

TRY = r"(?:-r([1-9]\d*))?"
KINDS = {
    "keys": rf"keys/(?!0*[.-]){digits(6)}{TRY}\.note",
    "checkpoints": rf"checkpoints/{digits(10)}{TRY}\.note",
    "links": rf"links/({TOPIC})/{digits(1)}/{digits(4)}-{digits(20)}{TRY}\.note",
    "data": rf"data/topic=({TOPIC})/partition={digits(1)}/{digits(4)}-{digits(20)}{TRY}\.parquet",
}
FOOTER = ["topic", "partition", "epoch", "first_offset", "next_offset", "record_count", "records_root", "previous"]
EXIT_CODES = {"tampered": 10, "incomplete": 11, "unverifiable": 12, "intact": 0}  # gravest first
LARGEST_OBJECT = 512 << 20

def read_name(form, key):
    """The place and the attempt number k in an object key, or None if it does not match the form."""
    parts = re.fullmatch(form, key, re.A)
    if not parts:
        return None
    *place, k = parts.groups()
    topic, numbers = place[:-3], [int(number) for number in place[-3:]]
    fits_widths = max(numbers) in COUNT and (not topic or numbers[0] in I32)
    return ((*topic, *numbers), int(k or 0)) if fits_widths else None

class Archive:
    """One verification of a folder: call `run`, then read `verdict`, `findings` and `records`.

    A place is (number,) of key changes and checkpoints, (topic, partition, epoch, first offset) of links and segments.
    A sequence is named "keys", "checkpoints", or by its partition; its notes are counted by height from 0.
    """

    def __init__(self, folder, brought):
        self.folder, self.brought, self.findings = folder, {key.text for key in brought}, {}
        self.places = {kind: defaultdict(dict) for kind in KINDS}  # kind → place → k → key
        self.notes, self.last = defaultdict(dict), {}  # sequence → height → valid note; the last one
        self.junk, self.blind = {}, {}  # (sequence, place) without a valid note → key; sequence → first place unread
        self.claims, self.owned = [], set()  # what other notes say of a note; object keys that links own
        self.spare = set()  # places where a segment without a link is allowed
        self.records = Counter()

    @property
    def verdict(self):
        severities = {severity for severity, *_ in self.findings}
        return next(verdict for verdict in EXIT_CODES if verdict == "intact" or verdict in severities)

    def find(self, severity, where, what):
        self.findings[severity, str(where), str(what)] = None

    @contextlib.contextmanager
    def judging(self, where):
        try:
            yield
        except Exception as why:
            self.find(getattr(why, "severity", "tampered"), where, why)

    def load(self, key):
        path = self.folder / key
        demand(os.path.lexists(path), "it is missing", Missing)
        try:
            demand(path.stat().st_size <= LARGEST_OBJECT, "larger than an object may be (§5)", Unknown)
            return path.read_bytes()
        except OSError as why:
            raise Unknown(why) from None

    def run(self):
        self.list_keys()
        with self.judging("archive.json"):
            self.read_identity()
        if "keys" in self.notes:
            self.read_keys()
        if "keys" not in self.last or "keys" in self.blind:
            return  # it is unknown which keys count
        self.read_checkpoints()
        heads = {partition for checkpoint in self.notes["checkpoints"].values() for partition in checkpoint.heads}
        partitions = sorted(heads | {place[:2] for kind in ("links", "data") for place in self.places[kind]})
        for partition in partitions:
            self.read_chain(partition)
        if not any(self.notes[partition] for partition in partitions):
            self.find("incomplete", "links/", "there is none")
        for claim in self.claims:
            self.check_claim(*claim)
        self.check_leftovers()
        self.judge_junk()

    def list_keys(self):
        def unreadable(why):
            self.find("unverifiable", why.filename, why)
        for folder, folders, files in os.walk(self.folder, onerror=unreadable):
            for name in files + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
                self.list_key(Path(folder, name).relative_to(self.folder).as_posix())

    def list_key(self, key):
        for kind, form in KINDS.items():
            if found := read_name(form, key):
                place, k = found
                self.places[kind][place][k] = key
                return
        if key != "archive.json" and not key.startswith(("probes/", ".tmp/")):
            self.find("tampered", key, "no name of the format")

    # ---- sequences of notes, and what other notes say of them -------------------------------------------------------
    def sequence(self, name, kind, read, before):
        """Takes the valid note with the lowest k at each place, until one cannot be read."""
        self.last[name] = before
        for place in sorted(place for place in self.places[kind] if name in (kind, place[:2])):
            found = self.read_place(name, place, self.places[kind][place], read)
            if name in self.blind:
                return
            if found:
                with self.judging(found.key):
                    self.follows(found, self.last[name])
                yield found
                self.notes[name][found.height] = self.last[name] = found

    def read_place(self, name, place, tries, read):
        found = None
        for k, key in sorted(tries.items()):
            try:
                note = read(self.load(key), place)
            except Junk as why:
                self.find("tampered" if found else "note", key, f"passed over: {why}")
                self.junk.setdefault((name, place), key)
            except Unknown as why:
                self.find("unverifiable", key, why)
                self.blind[name] = place
                return None
            except Exception as why:
                self.find(getattr(why, "severity", "tampered"), key, why)
            else:
                if found:
                    self.find("tampered", key, "a second valid note at one place")
                elif any(j not in tries for j in range(k)):
                    self.find("incomplete", key, "a lower -r name is missing")
                found = found or note
        if found:
            self.junk.pop((name, place), None)
            found.place, found.key = place, min(tries.values())
        return found

    def follows(self, note, before):
        missing = note.height > before.height + 1 and note.place > min(before.next)
        demand(not missing, "what stands before it is missing", Missing)
        demand(note.height == before.height + 1 and note.place in before.next and note.previous == before.hash)
        if len(note.place) == 1:
            return
        demand(note.checkpoint["number"] >= before.checkpoint["number"])
        if note.epoch == before.epoch:
            demand(note.cluster_id == before.cluster_id and before.topic_id in (None, note.topic_id))

    def claim(self, where, name, height, **fields):
        self.claims.append((where, name, height, fields))

    def check_claim(self, where, name, height, fields):
        found = self.notes[name].get(height)
        unread = name in self.blind and (name != "checkpoints" or (height,) >= self.blind[name])
        agrees = not found or all(getattr(found, field, value) == value for field, value in fields.items())
        if not found and not unread:
            self.find("incomplete", where, f"{name} {height}, which it names, is missing")
        if not agrees:
            self.find("tampered", where, f"it names another {name} {height}")

    def judge_junk(self):
        """Junk is tolerated at the next place of a sequence, unless another note names a note there."""
        for (name, place), key in self.junk.items():
            claimed = max((height for _, named, height, _ in self.claims if named == name), default=-1)
            if place not in self.last[name].next or claimed > self.last[name].height:
                self.find("tampered", key, "no key in force signed it, where a note is due or none can stand")

    # ---- keys and checkpoints (§3, §6) -------------------------------------------------------------------------------
    def opened(self, data, lines=1):
        """Opens a note that a key in force signed. Returns it and the term of the key."""
        note = read_note(data)
        term = self.terms.get(note.lines[0][0])
        signs = term and term.trusted and lines in (0, len(note.lines)) and signed(note, term.key)
        demand(signs, "not signed by one key in force", Junk)
        return note, term

    def must_cover(self, term, within):
        """A key counts after the checkpoint in the change that added it, and up to that in the change that retired it."""
        late = term.retired and within(term.retired) is False
        demand(not late and not (term.added and within(term.added)), "its key was not in force for it", Junk)

    def read_identity(self):
        data = self.load("archive.json")
        identity = canonical(data.decode())
        demand(fits(identity, ARCHIVE))
        self.id, self.name, self.hash = identity["id"], identity["archive"], sha(data)
        keys = [public_key(text) for text in identity["keys"]]
        self.terms = {key.id: Fields(key=key, trusted=True, added=None, retired=None) for key in keys}
        demand(0 < len(self.terms) == len(keys))
        self.notes["keys"][0] = Fields(height=0, hash=self.hash, next=[(1,)])
        self.claim("archive.json", "checkpoints", 0)

    def read_keys(self):
        vouched = self.brought and self.is_vouched()
        for term in self.terms.values():
            term.trusted = not self.brought or vouched or term.key.text in self.brought
        for change in self.sequence("keys", "keys", self.read_change, self.notes["keys"][0]):
            self.claim(change.key, "checkpoints", change.checkpoint["number"], hash=change.checkpoint["sha256"])
            for id_ in change.leaving:
                self.terms[id_].retired = change
            for key in change.adding:
                self.terms[key.id] = Fields(key=key, trusted=True, added=change, retired=None)
        if not self.brought:
            self.find("note", "archive.json", "trust on first use: no key was brought from elsewhere")
        if not any(term.trusted for term in self.terms.values()):
            self.find("tampered", "archive.json", "none of the keys brought is the archive's")

    def is_vouched(self):
        """Whether a change added one of the given keys, which then vouches for everything before it through `previous`."""
        other = Archive(self.folder, [])
        other.list_keys()
        other.read_identity()
        other.read_keys()
        added = {term.key.text for term in other.terms.values() if term.added}
        return "keys" in other.blind or not added.isdisjoint(self.brought)

    def read_change(self, data, place):
        note, signer = self.opened(data, 0)
        demand(not signer.retired, "signed by a retired key", Junk)
        change = Fields(**content(note, KEY_CHANGE), hash=note.hash, height=place[0], next=[(place[0] + 1,)])
        change.adding = [public_key(text) for text in change.add]
        change.leaving = [public_key(text).id for text in change.retire]
        ids = {key.id for key in change.adding}
        in_force = {id_ for id_, term in self.terms.items() if not term.retired}
        signers = len(note.lines) == 1 + len(change.add)
        signers = signers and all(signed(note, key, line) for line, key in enumerate(change.adding, 1))
        demand(signers, "not signed by each key that it adds, in that order", Junk)
        demand((change.id, change.number) == (self.id, *place) and bool(ids) != bool(change.leaving))
        demand(len(ids) == len(change.adding) and not self.terms.keys() & ids)
        demand(len({*change.leaving}) == len(change.leaving) and {*change.leaving} <= in_force - {signer.key.id})
        return change

    def read_checkpoints(self):
        start = Fields(height=-1, hash="0" * 64, next=[(0,)], heads={}, change=0)
        for now in self.sequence("checkpoints", "checkpoints", self.read_checkpoint, start):
            before = self.last["checkpoints"]
            for partition, old in before.heads.items():
                new = now.heads.get(partition)
                grown = new and (new == old or new.height > old.height and new.epoch >= old.epoch)
                if not grown:
                    self.find("tampered", now.key, f"the head of {partition} went back or changed")
            if now.change < before.change:
                self.find("tampered", now.key, "its key change went back")
            self.claim(now.key, "keys", now.change, hash=now.change_hash)
            for partition, head in now.heads.items():
                self.claim(now.key, partition, **vars(head))

    def read_checkpoint(self, data, place):
        note, term = self.opened(data)
        found = parse_checkpoint(note)
        demand(found.place == (self.name, self.id, *place))
        self.must_cover(term, lambda change: place[0] <= change.checkpoint["number"])
        return Fields(**vars(found), height=place[0], next=[(place[0] + 1,)])

    # ---- chains (§4) and their segments (§5) -------------------------------------------------------------------------
    def genesis(self, topic, partition):
        """The predecessor of the first link."""
        hash_ = sha(f"kivend.genesis/v1\n{self.hash}\n{topic}\n{partition}\n".encode())
        return Fields(height=-1, hash=hash_, epoch=-1, next=[(topic, partition, 0, 0)], checkpoint={"number": 0})

    def read_link(self, data, place):
        note, term = self.opened(data)
        link = Fields(**content(note, LINK), hash=note.hash, data=data)
        demand((link.archive_id, link.topic, link.partition, link.epoch, link.first_offset) == (self.id, *place))
        check_link(link)
        self.must_cover(term, lambda change: self.is_within(link, change))
        link.next = [(*place[:3], link.next_offset), (*place[:2], link.epoch + 1, 0)]
        return link

    def is_within(self, link, change):
        """Whether the checkpoint that a key change names has the link; None where that checkpoint is missing."""
        named = self.notes["checkpoints"].get(change.checkpoint["number"])
        if not named or named.hash != change.checkpoint["sha256"]:
            return None
        head = named.heads.get((link.topic, link.partition))
        return head is not None and link.height <= head.height

    def read_chain(self, partition):
        full, count = [], 0
        for link in self.sequence(partition, "links", self.read_link, self.genesis(*partition)):
            before = self.last[partition]
            if link.epoch > before.epoch >= 0 and link.previous == before.hash:
                self.spare.add(before.next[0])
            if link.height == count:
                link.log_root, count = root(grow(full, count, link.data)), count + 1
            self.claim(link.key, "checkpoints", link.checkpoint["number"], hash=link.checkpoint["sha256"])
            self.records[link.topic] += link.record_count
            if link.lost:
                self.find("note", link.key, f"declared loss: offsets {link.first_offset} to {link.next_offset}")
            for entry in link.rejected:
                self.check_object(link, self.describe_rejected, **entry)
            if link.segment:
                self.check_object(link, self.check_segment, **link.segment)
        self.spare |= {*self.last[partition].next}
        anchored = max((height for _, name, height, _ in self.claims if name == partition), default=-1)
        if self.last[partition].height > anchored:
            self.find("note", partition, f"unanchored above height {anchored}")

    def check_object(self, link, check, key, bytes, sha256, reason=None):
        self.owned.add(key)
        with self.judging(key):
            data = self.load(key)
            demand(len(data) == bytes and sha(data) == sha256, "its link names other bytes")
            check(link, key, data)

    def describe_rejected(self, link, key, data):
        try:
            found = read_segment(data)
            range_ = [found.keys.get(name) for name in FOOTER[3:5]]
            same_range = range_ == [str(link.first_offset), str(link.next_offset)]
            same = "the same records" if found.root == link.records_root else "another root"
            self.find("note", key, f"rejected: it has {same if same_range else 'another range'}")
        except Exception as why:
            self.find("note", key, f"rejected: {why}")

    def check_segment(self, link, _, data):
        segment = read_segment(data)
        records, edges = segment.records, [link.first_offset, *chain(*link.absent), link.next_offset]
        demand([segment.keys.get(name) for name in FOOTER] == [str(getattr(link, name)) for name in FOOTER])
        demand(len(records) == link.record_count)  # first, because a range may be too long for memory
        present = [offset for first, next_ in zip(edges[::2], edges[1::2]) for offset in range(first, next_)]
        demand([offset for offset, _, _ in records] == present)
        prefix = struct.pack(">BH", 1, len(link.topic)) + link.topic.encode() + struct.pack(">i", link.partition)
        demand(all(encoding.startswith(prefix) for _, _, encoding in records) and segment.root == link.records_root)
        times = [timestamp for _, timestamp, _ in records if timestamp is not None] or [None]
        demand((min(times), max(times)) == (link.min_timestamp_ms, link.max_timestamp_ms))

    # ---- segments that no link names (§1) ----------------------------------------------------------------------------
    def check_leftovers(self):
        for place in sorted({*self.places["data"]} - self.spare):
            if place >= self.blind.get(place[:2], (*place, 0)):
                continue
            for key in {*self.places["data"][place].values()} - self.owned:
                try:
                    self.check_copy(place, read_segment(self.load(key)))
                    self.find("note", key, "no link names it; an orphan: all of its records are in segments that links name")
                except Exception as why:
                    self.find("tampered", key, f"no link names it, and it is no copy: {why}")

    def check_copy(self, place, segment):
        """A copy is left by an archiver that stopped before writing the link."""
        keys, offsets = segment.keys, [offset for offset, _, _ in segment.records]
        links = [link for link in self.notes[place[:2]].values() if link.epoch == place[2]]
        demand(any(link.place == place for link in links) and offsets == sorted({*offsets}))
        due = dict(zip(FOOTER, map(str, place))) | {"record_count": str(len(offsets)), "records_root": segment.root}
        demand(due.items() <= keys.items() and re.fullmatch("[0-9]{1,19}", keys["next_offset"]))
        first, end = place[3], int(keys["next_offset"])
        links = [link for link in links if link.next_offset > first and link.first_offset < end]
        covered = sum(min(link.next_offset, end) - link.first_offset for link in links)
        demand(0 < end - first == covered)  # without a gap
        named = [read_segment(self.load(link.segment["key"])) for link in links if link.segment]
        demand({*segment.records} <= {record for other in named for record in other.records if record[0] < end})

def main():
    try:
        folder, *keys = [word for word in sys.argv[1:] if word != "--key"] or sys.exit(__doc__)
        archive = Archive(Path(folder), [public_key(key) for key in keys])
        next(Path(folder).iterdir(), None)
    except Exception as why:
        print(why, file=sys.stderr)
        return 2
    archive.run()
    for finding in archive.findings:
        print("{}: {}: {}".format(*finding), file=sys.stderr)
    for topic, count in sorted(archive.records.items()):
        print(f"{count:>12} {topic}")
    print(archive.verdict)
    return EXIT_CODES[archive.verdict]

if __name__ == "__main__":
    sys.exit(main())
