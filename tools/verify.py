#!/usr/bin/env python3
"""Verifies an archive folder (a directory store, or a downloaded bucket) from the text of docs/FORMAT.md alone.

The second opinion: it shares no code, no language and no Parquet library with kivend, trusts nothing that it did not recompute,
and writes nothing. It sees what the folder holds: neither Kafka nor older versions of objects. This file is the chain of evidence
from archive.json to the root of each segment's records; verify_segment.py beside it reads one segment. (§n) is the section of
FORMAT.md whose rules follow; one that does not hold is quoted in the finding. Rejected objects are compared, but not decoded.

    python tools/verify.py FOLDER [--key PUBLIC]…     exit code 0 intact, 10 tampered, 11 incomplete, 12 unverifiable
"""
import base64, collections, itertools, os, re, struct, sys
from datetime import datetime
from functools import reduce
from pathlib import Path
from types import SimpleNamespace as Fields
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from verify_segment import Broken, canonical, demand, fits, grow, read_segment, root, sha

class Junk(Exception): "No key in force signed it: whoever may create objects can have put it there."
class Unknown(Exception): "A key in force signed it, and version 1 does not know its type: unverifiable."

# ---- signed notes (§3) and what stands in them (§4, §6) ----------------------------------------------------------------------
def public_key(text):
    demand(parts := re.fullmatch(r"([^\s+\x00-\x1f]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})", text))
    raw = base64.b64decode(parts[3])
    demand(len(raw) == 33 and raw[0] == 1 and base64.b64encode(raw).decode() == parts[3])
    demand(sha(parts[1].encode() + b"\n" + raw)[:8] == parts[2])
    return Fields(text=text, id=(parts[1], bytes.fromhex(parts[2])), verify=Ed25519PublicKey.from_public_bytes(raw[1:]).verify)

def read_note(data):  # text, and signature lines ((key name, key id), signature); nothing is verified yet
    text, empty, lines = data.decode(errors="surrogateescape").rpartition("\n\n")
    found = [re.fullmatch(r"— ([^\s+\x00-\x1f]+) ([A-Za-z0-9+/]{91}=)", line) for line in lines[:-1].split("\n")]
    raw = [base64.b64decode(line[2]) for line in found if line]
    written = len(raw) == len(found) and all(base64.b64encode(r).decode() == line[2] for r, line in zip(raw, found))
    legal = not re.search(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]", text)
    if not (empty and lines.endswith("\n") and written and legal): raise Junk("no signed note")
    return Fields(data=data, hash=sha(data), text=text + "\n", lines=[((line[1], r[:4]), r[4:]) for r, line in zip(raw, found)])

def signed(note, key, line=0):
    try: return key.verify(note.lines[line][1], note.text.encode()) is None and note.lines[line][0] == key.id
    except InvalidSignature: return False

def content(note, shape):  # of a note whose signature was verified: first its type (§9), then its fields
    demand(type(found := canonical(note.text)) is dict and type(type_ := found.get("type")) is str)
    if type_ not in ("kivend.archive/v1", "kivend.keys/v1", "kivend.link/v1"): raise Unknown(f"unknown type {type_}")
    demand(fits(found, shape))
    return Fields(**found)

def is_time(value):
    try: return fits(value, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ") and bool(datetime.fromisoformat(value))
    except ValueError: return False
HASH, ID, TEXT, TOPIC = "[0-9a-f]{64}", "[0-9a-f]{32}", ".*", r"(?!\.{1,2}(?:/| |$))[a-zA-Z0-9._-]{1,249}"
COUNT, I32, MS = range(2**63), range(2**31), (range(-(2**63), 2**63),)
NAMED, OBJECT = {"number": COUNT, "sha256": HASH}, {"key": TEXT, "bytes": COUNT, "sha256": HASH}
ARCHIVE = {"type": "kivend.archive/v1", "archive": "[a-z0-9][a-z0-9._-]{0,62}", "id": ID, "created_at": is_time, "keys": [TEXT]}
KEY_CHANGE = {"type": "kivend.keys/v1", "id": ID, "number": range(1, 2**63), "add": [TEXT], "retire": [TEXT], "at": is_time,
              "checkpoint": NAMED, "previous": HASH}
LOST = {"first_offset": COUNT, "next_offset": COUNT, "log_start_offset": COUNT, "observed_at": is_time, "reason": "retention"}
LINK = {"type": "kivend.link/v1", "archive_id": ID, "cluster_id": TEXT, "topic": TOPIC, "topic_id": ("[A-Za-z0-9_-]{22}",),
        "partition": I32, "epoch": COUNT, "height": COUNT, "first_offset": COUNT, "next_offset": COUNT, "record_count": COUNT,
        "absent": [[COUNT]], "lost": (LOST,), "min_timestamp_ms": MS, "max_timestamp_ms": MS, "records_root": HASH,
        "segment": (OBJECT,), "rejected": [OBJECT | {"reason": "differs|unreadable"}], "checkpoint": NAMED, "sealed_at": is_time,
        "seal_reason": "bytes|records|age|idle|shutdown|revoked|absent|lost|epoch", "sealed_by": TEXT, "previous": HASH}

def check_link(link):  # the rules that it obeys by itself (§4), and what it may name (§1)
    first, next_, lost, low, high = link.first_offset, link.next_offset, link.lost, link.min_timestamp_ms, link.max_timestamp_ms
    edges, keys = [-1, *itertools.chain(*link.absent)], [entry["key"] for entry in link.rejected]
    demand(next_ > first and len(link.absent) <= 10_000 and all(len(gap) == 2 for gap in link.absent))
    demand(edges == sorted({*edges}) and (not link.absent or first <= edges[1] and edges[-1] <= next_))
    demand(link.record_count == (0 if lost else next_ - first - sum(b - a for a, b in link.absent)))
    demand(bool(lost) == (link.seal_reason == "lost"))
    demand(not lost or not link.absent and [*lost.values()][:3] == [first, next_, next_])
    demand((low is None) == (high is None) and (low is None or low <= high))
    demand(bool(link.segment) == (link.record_count > 0) and (link.segment or low is None and link.records_root == sha(b"")))
    demand(keys == sorted({*keys}))
    keys += [link.segment["key"]] if link.segment else []
    stem = f"data/topic={link.topic}/partition={link.partition}/{link.epoch:04}-{first:020}"
    demand({*keys} == {f"{stem}{f'-r{k}' if k else ''}.parquet" for k in range(len(keys))})
NUMBER, HEX = "(0|[1-9][0-9]{0,18})", "([0-9a-f]{64})"
CHECKPOINT = re.compile(rf"kivend\.checkpoint/v1 (\S+) (\S+)\n{NUMBER} {HEX} {NUMBER} {HEX}\n(\S+)\n((?:[^\n]+\n)*)")

def parse_checkpoint(note):  # by itself (§6)
    type_, heads = note.text.split(" ", 1)[0], {}
    if re.fullmatch(r"kivend\.checkpoint/v(?!1$)[0-9]+", type_): raise Unknown(f"unknown type {type_}")
    demand((parts := CHECKPOINT.fullmatch(note.text)) and is_time(parts[7]))
    for line in parts[8].split("\n")[:-1]:
        demand(head := re.fullmatch(rf"({TOPIC}) {NUMBER} {NUMBER} {NUMBER} {NUMBER} {HEX} {HEX}", line))
        partition, epoch, height, next_offset = map(int, head.groups()[1:5])
        demand(partition in I32 and max(epoch, height, next_offset) in COUNT)
        demand(not heads or [*heads][-1] < (head[1], partition))
        heads[head[1], partition] = Fields(epoch=epoch, height=height, next_offset=next_offset, link=head[6], log_root=head[7])
    number, change = int(parts[3]), int(parts[5])
    demand(max(number, change) in COUNT and (number == 0) == (parts[4] == "0" * 64) and (number or not heads))
    place, previous, change_hash = (parts[1], parts[2], number), parts[4], parts[6]
    return Fields(hash=note.hash, place=place, previous=previous, change=change, change_hash=change_hash, heads=heads)

# ---- the archive (§1, §9) ----------------------------------------------------------------------------------------------------
def digits(least): return rf"(\d{{{least}}}|[1-9]\d{{{least},}})"
K = r"(?:-r([1-9]\d*))?"
KINDS = {"keys": rf"keys/(?!0*[.-]){digits(6)}{K}\.note", "checkpoints": rf"checkpoints/{digits(10)}{K}\.note",
         "links": rf"links/({TOPIC})/{digits(1)}/{digits(4)}-{digits(20)}{K}\.note",
         "data": rf"data/topic=({TOPIC})/partition={digits(1)}/{digits(4)}-{digits(20)}{K}\.parquet"}
FOOTER = ["topic", "partition", "epoch", "first_offset", "next_offset", "record_count", "records_root", "previous"]
EXIT_CODES = {"tampered": 10, "incomplete": 11, "unverifiable": 12, "intact": 0}  # the gravest first

def places_after(link): return (link.epoch, link.next_offset), (link.epoch + 1, 0)

class Archive:
    """One pass over a folder: `run`, then `verdict`, `findings` and `records`.

    A place is (number,) for key changes and checkpoints, (topic, partition, epoch, first offset) for links and segments.
    """

    def __init__(self, folder, brought):
        self.folder, self.brought, self.findings, self.records = folder, {key.text for key in brought}, {}, collections.Counter()
        self.places = {kind: collections.defaultdict(dict) for kind in KINDS}  # kind → place → k → key
        self.junk, self.blind = {}, {}  # (kind, place) without a valid note → key; kind or partition → first place unread
        self.changes, self.checkpoints, self.chains, self.named = {}, {}, {}, {0}

    def find(self, severity, where, what): self.findings[severity, str(where), str(what)] = None

    @property
    def verdict(self): return next(v for v in EXIT_CODES if v == "intact" or any(finding[0] == v for finding in self.findings))

    def load(self, key):
        if (self.folder / key).stat().st_size > 512 << 20: raise OSError("larger than an object may be (§5)")
        return (self.folder / key).read_bytes()

    def run(self):
        self.list_keys()
        try: self.read_identity()
        except (Broken, UnicodeDecodeError) as why: return self.find("tampered", "archive.json", why)
        except FileNotFoundError: return self.find("incomplete", "archive.json", "missing: nothing else can be checked")
        except OSError as why: return self.find("unverifiable", "archive.json", why)
        self.read_keys()
        if "keys" in self.blind: return  # whose signatures count is not known
        self.read_checkpoints()
        heads = {partition for checkpoint in self.checkpoints.values() for partition in checkpoint.heads}
        written = {place[:2] for kind in ("links", "data") for place in self.places[kind]}
        for partition in sorted(heads | written): self.read_chain(partition)
        for change in self.changes.values(): self.check_named(**change.checkpoint)
        for (number,), checkpoint in self.checkpoints.items(): self.check_heads(f"checkpoints/{number:010}", checkpoint.heads)
        for partition, chain in self.chains.items(): self.check_leftovers(partition, chain)
        self.judge_junk()
        if not self.checkpoints: self.find("incomplete", "checkpoints/", "the archive has none")
        if not any(chain.links for chain in self.chains.values()): self.find("incomplete", "links/", "the archive has none")

    def list_keys(self):
        for folder, folders, files in os.walk(self.folder, onerror=lambda why: self.find("unverifiable", why.filename, why)):
            for name in files + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
                key, known = Path(folder, name).relative_to(self.folder).as_posix(), False
                for kind, parts in [(kind, re.fullmatch(form, key, re.A)) for kind, form in KINDS.items()]:
                    if not parts: continue
                    *place, k = parts.groups()
                    place = (*place[:-3], *map(int, place[-3:]))
                    if known := all(n in COUNT for n in place[-3:]) and (len(place) == 1 or place[1] in I32):
                        self.places[kind][place][int(k or 0)] = key
                if not known and key != "archive.json" and not key.startswith(("probes/", ".tmp/")):
                    self.find("tampered", key, "no name of the format")

    def sequence(self, kind, read, partition=None):  # the valid note with the lowest k of each place, until one cannot be read
        for place in sorted(place for place in self.places[kind] if partition in (None, place[:2])):
            candidates, found = self.places[kind][place], None
            for k, key in sorted(candidates.items()):
                try: note = read(self.load(key), place)
                except Broken as why: self.find("tampered", key, why)
                except Junk as why:
                    self.find("tampered" if found else "note", key, f"passed over: {why}")
                    self.junk.setdefault((kind, place), key)
                except (Unknown, OSError) as why:
                    self.blind[partition or kind] = place
                    return self.find("unverifiable", key, why)
                else:
                    if found: self.find("tampered", key, "a second valid note at one place")
                    elif any(j not in candidates for j in range(k)): self.find("incomplete", key, "a lower -r name is missing")
                    found = found or note
            if found:
                self.junk.pop((kind, place), None)
                yield place, found

    # ---- keys and checkpoints (§3, §6) ---------------------------------------------------------------------------------------
    def opened(self, data, lines=1):  # a note that a key in force signed, and that key's term
        term = self.terms.get((note := read_note(data)).lines[0][0])
        known = term and term.trusted and signed(note, term.key)
        if not known or lines not in (0, len(note.lines)): raise Junk("not signed by one key in force")
        return note, term

    def must_cover(self, term, within):  # a key counts beyond what the change that added it names, and up to its retirement's
        late = term.retired and within(term.retired) is False
        if term.added and within(term.added) or late: raise Junk("its key was not in force for it")

    def read_identity(self):
        demand(fits(identity := canonical((data := self.load("archive.json")).decode()), ARCHIVE))
        self.id, self.name, self.hash, keys = identity["id"], identity["archive"], sha(data), [*map(public_key, identity["keys"])]
        self.terms = {key.id: Fields(key=key, trusted=True, added=None, retired=None) for key in keys}
        demand(0 < len(self.terms) == len(keys))

    def read_keys(self):
        last, before = 0, self.hash
        for (number,), change in self.sequence("keys", self.read_change):
            if number > last + 1: self.find("incomplete", f"keys/{number:06}", "changes before it are missing")
            elif change.previous != before: self.find("tampered", f"keys/{number:06}", "it does not name what is before it")
            last, before, self.changes[number] = number, change.hash, change
            for id_ in change.leaving: self.terms[id_].retired = change
            self.terms |= {key.id: Fields(key=key, trusted=True, added=change, retired=None) for key in change.adding}
        if not self.brought: return self.find("note", "archive.json", "trust on first use: no key was brought from elsewhere")
        all_vouched = any(term.added and term.key.text in self.brought for term in self.terms.values())  # through `previous`
        for term in self.terms.values():
            by_trusted = bool(term.added) and self.terms[term.added.signer].trusted
            term.trusted = all_vouched or by_trusted or term.key.text in self.brought
        if not any(term.trusted for term in self.terms.values()):
            self.find("tampered", "archive.json", "none of the keys brought is the archive's")

    def read_change(self, data, place):
        note, first = self.opened(data, 0)
        if first.retired: raise Junk("signed by a retired key")
        change = content(note, KEY_CHANGE)
        adding, leaving = [*map(public_key, change.add)], [public_key(text).id for text in change.retire]
        ids, in_force = [key.id for key in adding], {id_ for id_, term in self.terms.items() if not term.retired}
        if [line[0] for line in note.lines[1:]] != ids or not all(signed(note, key, line) for line, key in enumerate(adding, 1)):
            raise Junk("not signed by each key that it adds, in that order")
        demand((change.id, change.number) == (self.id, *place) and bool(adding) != bool(leaving))
        demand(len({*ids}) == len(ids) and not self.terms.keys() & ids)
        demand(len({*leaving}) == len(leaving) and {*leaving} < in_force and first.key.id not in leaving)
        return Fields(**vars(change), hash=note.hash, signer=first.key.id, adding=adding, leaving=leaving)

    def read_checkpoints(self):
        before = Fields(place=("", "", -1), hash="0" * 64, heads={}, change=0)
        for (number,), now in self.sequence("checkpoints", self.read_checkpoint):
            name = f"checkpoints/{number:010}"
            if number > before.place[2] + 1: self.find("incomplete", name, "checkpoints before it are missing")
            elif now.previous != before.hash: self.find("tampered", name, "it does not name the hash of the checkpoint before it")
            for partition, old in before.heads.items():
                new = now.heads.get(partition)
                grown = new and (new == old or new.height > old.height and new.epoch >= old.epoch)
                if not grown: self.find("tampered", name, f"the head of {partition} went back or changed")
            due = self.changes[now.change].hash if now.change in self.changes else None if now.change else self.hash
            if not due: self.find("incomplete", name, f"it names key change {now.change}, which is missing")
            elif due != now.change_hash or now.change < before.change: self.find("tampered", name, "it names another key change")
            before = self.checkpoints[number,] = now

    def read_checkpoint(self, data, place):
        note, term = self.opened(data)
        demand((found := parse_checkpoint(note)).place == (self.name, self.id, *place))
        self.must_cover(term, lambda change: place[0] <= change.checkpoint["number"])
        return found

    def check_named(self, number, sha256):  # the checkpoint that a link or a key change names
        found, name = self.checkpoints.get((number,)), f"checkpoints/{number:010}"
        self.named.add(number)
        if found and found.hash != sha256: self.find("tampered", name, "a link or key change names another hash of it")
        unread = (number,) >= self.blind.get("checkpoints", (2**63,))
        if not found and not unread: self.find("incomplete", name, "a link or key change names it, and it is missing")

    def check_heads(self, name, heads):
        for partition, head in heads.items():
            chain = self.chains[partition]
            chain.anchored, link, log_root = head.height, chain.links.get(head.height), chain.roots[head.height : head.height + 1]
            wrong = link and (link.epoch, link.next_offset, link.hash) != (head.epoch, head.next_offset, head.link)
            if wrong or log_root not in ([], [head.log_root]): self.find("tampered", name, f"another link or log of {partition}")
            elif not link and partition not in self.blind: self.find("incomplete", name, f"no link {head.height} of {partition}")

    # ---- chains (§4) and their segments (§5) ---------------------------------------------------------------------------------
    def read_link(self, data, place):
        def within(change):  # None: what the change names is missing
            named = self.checkpoints.get((change.checkpoint["number"],))
            if not named or named.hash != change.checkpoint["sha256"]: return None
            return link.height <= named.heads.get(place[:2], Fields(height=-1)).height
        note, term = self.opened(data)
        link = content(note, LINK)
        demand((link.archive_id, link.topic, link.partition, link.epoch, link.first_offset) == (self.id, *place))
        check_link(link)
        self.must_cover(term, within)
        return Fields(**vars(link), hash=note.hash, data=data)

    def genesis(self, topic, partition):  # what stands before the first link
        hash_ = sha(f"kivend.genesis/v1\n{self.hash}\n{topic}\n{partition}\n".encode())
        return Fields(height=-1, hash=hash_, epoch=-1, next_offset=0, checkpoint={"number": 0}, cluster_id=None, topic_id=None)

    def read_chain(self, partition):
        chain = Fields(head=self.genesis(*partition), links={}, full=[], roots=[], named=set(), ends=set(), anchored=-1)
        self.chains[partition] = chain
        for place, link in self.sequence("links", self.read_link, partition):
            before, name = chain.head, min(self.places["links"][place].values())
            if link.height > before.height + 1 and place[2:] > max(places_after(before)[0], (0, 0)):
                self.find("incomplete", name, "links before it are missing")
            else:
                try: self.continues(link, before)
                except Broken as why: self.find("tampered", name, why)
                else: chain.ends |= {places_after(before)[0]} if link.epoch > before.epoch else set()
            chain.head = chain.links[link.height] = link
            if link.height == len(chain.roots): chain.roots.append(root(grow(chain.full, link.height, link.data)))
            self.check_named(**link.checkpoint)
            self.records[link.topic] += link.record_count
            if link.lost: self.find("note", name, f"declared loss: offsets {link.first_offset} to {link.next_offset}")
            for entry in [*link.rejected, *([link.segment] if link.segment else [])]: self.check_object(link, chain, **entry)

    def continues(self, link, before):
        demand(link.height == before.height + 1 and link.previous == before.hash)
        demand((link.epoch, link.first_offset) in places_after(before))
        demand(link.checkpoint["number"] >= before.checkpoint["number"])
        demand(link.epoch != before.epoch or link.cluster_id == before.cluster_id and before.topic_id in (None, link.topic_id))

    def check_object(self, link, chain, key, bytes, sha256, reason=None):
        chain.named.add(key)
        try:
            demand(len(data := self.load(key)) == bytes and sha(data) == sha256)
            if reason: self.find("note", key, f"rejected: it {reason}")
            else: self.check_segment(link, read_segment(data))
        except FileNotFoundError: self.find("incomplete", key, "its link names it, and it is missing")
        except OSError as why: self.find("unverifiable", key, why)
        except Broken as why: self.find("tampered", key, why)

    def check_segment(self, link, segment):
        records = segment.records
        demand([segment.keys.get(name) for name in FOOTER] == [str(getattr(link, name)) for name in FOOTER])
        edges = [link.first_offset, *itertools.chain(*link.absent), link.next_offset]
        demand(len(records) == link.record_count)  # first, since a range may be longer than any memory
        offsets = itertools.chain(*(range(a, b) for a, b in zip(edges[::2], edges[1::2])))
        demand([record[0] for record in records] == [*offsets])
        prefix = struct.pack(">BH", 1, len(link.topic)) + link.topic.encode() + struct.pack(">i", link.partition)
        demand(all(record[2].startswith(prefix) for record in records) and segment.root == link.records_root)
        times = [record[1] for record in records if record[1] is not None] or [None]
        demand((min(times), max(times)) == (link.min_timestamp_ms, link.max_timestamp_ms))

    # ---- what stands beside the chains (§1, §9) ------------------------------------------------------------------------------
    def check_leftovers(self, partition, chain):
        if chain.head.height > chain.anchored: self.find("note", partition, f"unanchored above height {chain.anchored}")
        linked = {(link.epoch, link.first_offset) for link in chain.links.values()}
        spare, unread = {*chain.ends, *places_after(chain.head)}, self.blind.get(partition, (*partition, 2**63))
        for place in sorted(self.places["data"]):
            if place[:2] != partition or place[2:] in spare or place >= unread: continue
            for key in {*self.places["data"][place].values()} - chain.named:
                try:
                    demand(place[2:] in linked)
                    self.check_copy(place, chain, read_segment(self.load(key)))
                    self.find("note", key, "no link names it; it is a copy of what links hold")
                except (Broken, OSError) as why: self.find("tampered", key, f"no link names it, and it is no copy: {why}")

    def check_copy(self, place, chain, segment):  # what a stopped archiver left
        keys, offsets = segment.keys, [record[0] for record in segment.records]
        demand([keys.get(name) for name in FOOTER[:4] + FOOTER[5:7]] == [*map(str, [*place, len(offsets), segment.root])])
        demand(re.fullmatch("[0-9]{1,19}", keys.get("next_offset", "")))
        end = int(keys["next_offset"])
        links = [k for k in chain.links.values() if k.epoch == place[2] and k.next_offset > place[3] and k.first_offset < end]
        demand(0 < end - place[3] == sum(min(link.next_offset, end) - link.first_offset for link in links))  # without a gap
        named = [read_segment(self.load(link.segment["key"])) for link in links if link.segment]
        demand({*segment.records} <= {record for other in named for record in other.records if record[0] < end})
        demand(offsets == sorted({*offsets}))

    def judge_junk(self):  # at the next place of a sequence it is tolerated, until something says that a note stood there
        change = max((checkpoint.change for checkpoint in self.checkpoints.values()), default=0)
        for (kind, place), key in self.junk.items():
            if kind == "keys": tolerated = place[0] == max(self.changes, default=0) + 1 > change
            elif kind == "checkpoints": tolerated = place[0] == max(self.checkpoints, default=(-1,))[0] + 1 > max(self.named)
            else:
                chain = self.chains[place[:2]]
                tolerated = place[2:] in places_after(chain.head) and chain.anchored <= chain.head.height
            if not tolerated: self.find("tampered", key, "no key in force signed it, where a note is due or none can stand")

if __name__ == "__main__":
    try:
        folder, *keys = [word for word in sys.argv[1:] if word != "--key"] or sys.exit(__doc__)
        archive = Archive(Path(folder), [public_key(key) for key in keys])
        next(Path(folder).iterdir(), None)
    except (Broken, OSError) as why: sys.exit(print(why, file=sys.stderr) or 2)
    archive.run()
    for finding in archive.findings: print("{}: {}: {}".format(*finding), file=sys.stderr)
    for topic, count in sorted(archive.records.items()): print(f"{count:>12} {topic}")
    sys.exit(print(archive.verdict) or EXIT_CODES[archive.verdict])
