"""Reads what all signed objects share: docs/FORMAT.md, the conventions of section 0, and section 2.

Canonical JSON, Merkle trees, keys and signed notes. Shared by the verifiers (verify.py, verify_segment.py, verify_proof.py);
shares no code with kivend. An error quotes the rule that does not hold. Callers read files and decide which keys count.
"""
import base64
import hashlib
import json
import linecache
import re
import sys
from datetime import datetime
from functools import reduce
from types import SimpleNamespace as Fields

from ed25519 import verifier

class Broken(Exception):
    severity = "tampered"

class Missing(Broken):
    severity = "incomplete"

class Unknown(Broken):
    """The object cannot be read, or has a type that version 1 does not define."""
    severity = "unverifiable"

class Junk(Exception):
    """No key in force signed the object, so anyone with the right to create objects may have written it."""

class Replay(Exception):
    """A valid note of another place, type or archive, which anyone can have copied here."""

def demand(rule, why=None, kind=Broken):
    if not rule:
        line = sys._getframe(1)
        raise kind(why or linecache.getline(line.f_code.co_filename, line.f_lineno).strip())

def refuse(literal):
    raise ValueError(f"not in the format: {literal[:20]}")

def sha(data):
    return hashlib.sha256(data).hexdigest()

# ---- canonical JSON (section 0), and the shapes of values in it ------------------------------------------------------
DEEPEST = 32  # levels of lists and objects

def canonical(text):
    """Parses JSON whose canonical form is the same text; `fits` checks the members and their ranges."""
    found = json.loads(text, parse_float=refuse, parse_constant=refuse)
    demand(is_plain(found, DEEPEST), "a number beyond 64 bits, or too many levels")
    demand(to_canonical(found) == text.encode(), "not canonical JSON")
    return found

def to_canonical(value):
    return (json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n").encode()

def is_plain(value, levels):
    if type(value) is int:
        return value in I64
    held = value.values() if type(value) is dict else value if type(value) is list else None
    return held is None or levels > 0 and all(is_plain(item, levels - 1) for item in held)

def fits(value, shape):
    """A shape is a pattern, a range of integers, (a shape or null,), [a shape], {names in this order} or a predicate."""
    match shape:
        case str():
            return type(value) is str and bool(re.fullmatch(shape, value, re.A | re.S))
        case range():
            return type(value) is int and value in shape
        case tuple():
            return value is None or fits(value, shape[0])
        case list():
            return type(value) is list and all(fits(item, shape[0]) for item in value)
        case dict():
            same_names = type(value) is dict and [*value] == [*shape]
            return same_names and all(fits(value[name], shape[name]) for name in shape)
    return shape(value)

def row(*shapes):
    """The shape of a list that has one value of each of these shapes."""
    return lambda value: type(value) is list and len(value) == len(shapes) and all(map(fits, value, shapes))

def is_time(value):
    return fits(value, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ") and bool(datetime.fromisoformat(value))

HASH, ID, TEXT, TOPIC = "[0-9a-f]{64}", "[0-9a-f]{32}", ".*", r"(?!\.{1,2}(?:/| |$))[a-zA-Z0-9._-]{1,249}"
COUNT, I32, I64 = range(2**63), range(2**31), range(-(2**63), 2**63)
EPOCH = I32

# ---- keys (section 2) ------------------------------------------------------------------------------------------------
NAME, NUMBER = r"([^\s+\x00-\x1f]+)", "(0|[1-9][0-9]{0,18})"
ORIGIN = "[a-z0-9][a-z0-9._/-]{0,127}"
PUBLIC = rf"{NAME}\+([0-9a-f]{{8}})\+([A-Za-z0-9+/]{{44}})"
SIGNATURE = rf"— {NAME} ([A-Za-z0-9+/]{{90}}[AEIMQUYcgkosw048]=)"
NOTE, COSIGNATURE = 1, 4  # the algorithm, the first byte of a public key

def public_key(text, algorithm=NOTE):
    """A key of notes, or a witness's."""
    name, id_, coded = re.fullmatch(PUBLIC, text).groups()
    raw = base64.b64decode(coded)
    demand(raw[0] == algorithm and sha(name.encode() + b"\n" + raw)[:8] == id_, "no public key")
    verify = verifier(raw[1:])
    demand(verify, "no point of the curve, or one of small order")
    return Fields(text=text, name=name, id=(name, bytes.fromhex(id_)), verify=verify)

# ---- signed notes (section 2) ----------------------------------------------------------------------------------------
def read_note(data):
    """The text and the signature lines as ((key name, key id), signature), not verified yet."""
    text, empty, lines = data.decode(errors="surrogateescape").rpartition("\n\n")
    demand(empty and lines.endswith("\n") and not re.search(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]", text), "no signed note", Junk)
    found = [re.fullmatch(SIGNATURE, line) for line in lines[:-1].split("\n")]
    demand(all(found), "no signed note", Junk)
    signatures = [(line[1], base64.b64decode(line[2])) for line in found]
    return Fields(data=data, hash=sha(data), text=text + "\n", lines=[((name, s[:4]), s[4:]) for name, s in signatures])

def signed(note, key, line=0):
    return note.lines[line][0] == key.id and key.verify(note.lines[line][1], note.text.encode())

# ---- Merkle trees (RFC 6962, 2.1), stored as the roots of full subtrees: the peaks -----------------------------------
def node(right, left):
    return hashlib.sha256(b"\1" + left + right).digest()

def root(full):
    return reduce(node, reversed(full)).hex() if full else sha(b"")

def grow(full, count, data):
    """Adds leaf number `count`."""
    full.append(hashlib.sha256(b"\0" + data).digest())
    for _ in range((~count & count + 1).bit_length() - 1):
        full.append(node(full.pop(), full.pop()))
    return full

def root_over(leaves):
    full = []
    for count, data in enumerate(leaves):
        grow(full, count, data)
    return root(full)
