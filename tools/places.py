"""Which object stands at which key, and what an object at a note's place is: docs/FORMAT.md, sections 1 to 1.2."""
import re
from types import SimpleNamespace as Fields

import kinds
from notes import COUNT, EPOCH, I32, TOPIC, Broken, Junk, Replay, Unknown, canonical, demand, read_note, signed

MIB = 1 << 20
LIMITS = {
    "archive.json": 64 << 10, "log": 64 * MIB, "checkpoints": MIB, "cosignatures": 8 << 10, "links": MIB, "data": 512 * MIB,
}
FOOTER_LIMIT = 8 * MIB

def digits(least):
    return rf"(\d{{{least}}}|[1-9]\d{{{least},}})"

TRY = r"(?:-r([1-9]\d*))?"
KINDS = {
    "log": rf"log/{digits(10)}{TRY}\.note",
    "checkpoints": rf"checkpoints/{digits(10)}{TRY}\.note",
    "links": rf"links/({TOPIC})/{digits(1)}/{digits(4)}-{digits(20)}{TRY}\.note",
    "data": rf"data/({TOPIC})/{digits(1)}/{digits(4)}-{digits(20)}{TRY}\.parquet",
}
COSIGNATURE = rf"cosignatures/{digits(10)}/([0-9a-f]{{64}})\.txt"

def read_key(key):
    """Kind, place and attempt of an object key, or None. A place is (number,) or (topic, partition, epoch, offset)."""
    for kind, form in KINDS.items():
        if parts := re.fullmatch(form, key, re.A):
            *place, k = parts.groups()
            place = (place[0], *map(int, place[1:])) if len(place) == 4 else (int(place[0]),)
            ranges = (COUNT,) if len(place) == 1 else (I32, EPOCH, COUNT)
            in_range = all(number in range_ for number, range_ in zip(place[-len(ranges):], ranges))
            return (kind, place, int(k or 0)) if in_range and int(k or 0) in I32 else None
    return None

def read_cosignature_key(key):
    """The checkpoint's number and the hash that the key names, or None."""
    parts = re.fullmatch(COSIGNATURE, key, re.A)
    return (int(parts[1]), parts[2]) if parts and int(parts[1]) in COUNT else None

# ---- what an object at a note's place is (section 1.2, steps 1 to 8) -------------------------------------------------
class Known:
    """The archive's identity, and every key that it ever had: id → key."""

    def __init__(self, identity):
        self.identity, self.keys = identity, {**identity.signers, **identity.changers}

def open_note(data, known):
    """Steps 1 and 2. Returns the note and the id of the key that signed it."""
    note = read_note(data)
    demand(len(note.lines) == 1, "not exactly one signature line", Junk)
    key = known.keys.get(note.lines[0][0])
    demand(key and signed(note, key), "no key of the archive signed it", Junk)
    return note, key

def read_at(kind, place, data, known):
    """The content of a note that passes steps 1 to 8, with `note` and `signer`; an Unknown one names its signer too."""
    note, signer = open_note(data, known)
    reader = {"log": read_entry, "links": read_link, "checkpoints": read_checkpoint}[kind]
    try:
        content = reader(note.text, place, known.identity)
    except Unknown as why:
        why.signer = signer
        raise
    except (Junk, Replay, Broken):
        raise
    except Exception as why:
        raise Broken(str(why)) from why
    content.note, content.signer, content.hash = note, signer, note.hash
    return content

def type_of(text):
    """The type of a canonical text; anything else is broken."""
    try:
        found = canonical(text)
        first = next(iter(found), None) if type(found) is dict else None
        demand(first == "type" and type(found["type"]) is str, "its first member is not a type")
    except Exception as why:
        raise Broken(f"no canonical JSON with a type: {why}") from None
    return found["type"], found

def read_own(text, own, members):
    """Steps 3 to 6 at the place of an entry or a link: returns a content of the place's own type, version 1."""
    if kinds.is_checkpoint_text(text):
        raise Replay("a checkpoint")
    type_, found = type_of(text)
    other = re.match(r"kivend\.([a-z]+)/", type_)
    if other and other[1] in kinds.TYPES and other[1] != own:
        raise Replay(f"a note of type {type_}")
    if type_ != f"kivend.{own}/v1":
        elsewhere = [name for name, value in members.items() if name in found and not same(found[name], value)]
        demand(not elsewhere, f"of unknown type {type_}, and of another {elsewhere}", Replay)
        raise Unknown(f"unknown type {type_}")

def same(found, value):
    return type(found) is type(value) and found == value

def read_entry(text, place, identity):
    read_own(text, "entry", {"archive_id": identity.id, "number": place[0]})
    found = kinds.entry(text)
    demand(found.archive_id == identity.id, "an entry of another archive", Replay)
    demand(found.archive_sha256 == identity.hash, "it names another archive.json")
    demand(found.number == place[0], "an entry of another number", Replay)
    return found

def read_link(text, place, identity):
    topic, partition, epoch, first = place
    members = {"topic": topic, "partition": partition, "epoch": epoch, "first_offset": first}
    read_own(text, "link", {"archive_id": identity.id} | members)
    found = kinds.link(text)
    demand(found.archive_id == identity.id, "a link of another archive", Replay)
    demand(all(getattr(found, name) == value for name, value in members.items()), "a link of another place", Replay)
    return found

def read_checkpoint(text, place, identity):
    if not kinds.is_checkpoint_text(text):
        raise Replay(f"a note of type {type_of(text)[0]}")
    origin, size, *rest = text.split("\n")[:-1]
    demand((origin, size) == (identity.origin, str(place[0] + 1)), "a checkpoint of another origin or size", Replay)
    demand(len(rest) == 1, "a checkpoint with further lines", Unknown)
    return kinds.checkpoint(text)

def class_of(why):
    """The class of section 1.2 that an exception of `read_at` stands for."""
    names = {Junk: "junk", Replay: "replay", Unknown: "unknown"}
    return next((name for kind, name in names.items() if isinstance(why, kind)), "broken")

def outcome(read):
    """The class and the content of a note, or the class and why it has it."""
    try:
        return Fields(cls="valid", content=read(), why=None)
    except Exception as why:  # What makes a reader fail breaks a rule.
        return Fields(cls=class_of(why), content=None, why=why)
