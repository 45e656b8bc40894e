"""The keys of an archive, and the changes that add and retire them: docs/FORMAT.md, section 4, rules 1 to 8.

`Keyring` takes changes in their order. log.py uses it for entries that carry them, verify_proof.py for changes alone.
"""
import kinds
import places
from notes import Broken, Junk, Unknown, demand, read_note, signed

class Term:
    """A key and when it counts: entries and checkpoints by number, links by height and partition.

    `above` and `up_to` are heads (partition → height) of the entry that adds the key, and of the first after the one that
    retires it; `certain` those of the retiring one, up to which a link counts in any case.
    """

    def __init__(self, key, of, added=None, above=None):
        self.key, self.of, self.added, self.above = key, of, added, above or {}
        self.retired = self.certain = self.up_to = None

    def in_force_after(self, number):
        return (self.added is None or self.added <= number) and (self.retired is None or self.retired > number)

    def counts_for(self, partition, height):
        """Whether it counts for a link: True, False, or None where only the next entry will tell."""
        if self.of != "keys" or height <= self.above.get(partition, -1):
            return False
        if self.retired is None or self.up_to is not None:
            return self.retired is None or height <= self.up_to.get(partition, -1)
        return True if height <= self.certain.get(partition, -1) else None

class Keyring:
    """Every key that the archive ever had, and the changes taken so far."""

    def __init__(self, identity):
        self.identity, self.known = identity, places.Known(identity)
        self.terms = {id_: Term(key, "keys") for id_, key in identity.signers.items()}
        self.terms |= {id_: Term(key, "change_keys") for id_, key in identity.changers.items()}
        self.changes = []  # with `hash`, `entry` and `first_signer`
        self.below = {}  # partition → the height that retention named
        self.newest = {"sequence": 0, "sha256": identity.hash, "entry": 0}

    def in_force(self, of, number=None):
        """Ids of the keys in force after entry `number`, or after the changes taken."""
        return {id_ for id_, term in self.terms.items()
                if term.of == of and (term.retired is None if number is None else term.in_force_after(number))}

    def read(self, text):
        """The next change from its note, with every rule that does not need the entry that carries it."""
        note = read_change_note(text)
        found = kinds.change(note.text, self.identity.origin)
        demand(found.archive_id == self.identity.id, "a change of another archive")
        demand(found.sequence == self.newest["sequence"] + 1, "a change of another sequence")
        demand(found.previous == self.newest["sha256"], "a change after another one")
        found.hash = note.hash
        self.check_signers(note, found)
        if found.of == "retention":
            falls = any(height < self.below.get((topic, partition), 0) for topic, partition, height in found.below)
            demand(not falls, "retention below an earlier change")
            return found
        demand(found.of == "keys" or self.identity.changers, "change keys that archive.json does not have")
        demand(not self.terms.keys() & found.adding.keys(), "a key added that was there before")
        left = self.in_force(found.of)
        demand(found.leaving.keys() <= left - {found.first_signer}, "a key retired that is not in force, or that signed the change")
        demand(left - found.leaving.keys(), "no key is left")
        return found

    def check_signers(self, note, found):
        """The first signer may sign changes, and each added key signs after it; there are no others."""
        of = "change_keys" if self.identity.changers else "keys"
        found.first_signer = note.lines[0][0]
        allowed = found.first_signer in self.in_force(of)
        demand(allowed and signed(note, self.terms[found.first_signer].key), "its first signer may not sign changes")
        demand(len(note.lines) == 1 + len(found.adding), "not one signature line for each signer")
        for line, key in enumerate(found.adding.values(), 1):
            demand(signed(note, key, line), "an added key did not sign, or in another order")

    def take(self, found, entry, heights):
        """Takes a change that this entry carries, whose heads have these heights. Returns the terms that it ends."""
        found.entry = entry
        self.newest = {"sequence": found.sequence, "sha256": found.hash, "entry": entry}
        self.changes.append(found)
        self.below |= {(topic, partition): height for topic, partition, height in found.below}
        for id_, key in found.adding.items():
            self.terms[id_] = Term(key, found.of, entry, heights)
            self.known.keys[id_] = key
        for id_ in found.leaving:
            self.terms[id_].retired, self.terms[id_].certain = entry, heights
        return [self.terms[id_] for id_ in found.leaving]

def read_change_note(text):
    """The note of a change; one of a type that version 1 does not define is unknown."""
    try:
        note = read_note(text.encode())
    except Junk as why:
        raise Broken(f"its change is {why}") from None
    type_, _ = places.type_of(note.text)
    own = [f"kivend.{name}/v1" for name in kinds.TYPES]
    demand(type_ in own, f"a change of unknown type {type_}", Unknown)
    return note
