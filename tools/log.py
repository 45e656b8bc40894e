"""The archive's log from its entries: which are valid, which keys are in force, and what they may sign.

docs/FORMAT.md, sections 3 and 4. `Log.entry` and `Log.checkpoint` judge one object by what was taken before it; `Log.take`
takes a valid entry. Reading files is left to verify.py.
"""
import kinds
import places
from keyring import Keyring
from notes import Junk, Missing, Unknown, demand, grow, root

class Log:
    def __init__(self, data):
        """From the bytes of archive.json."""
        self.identity = kinds.identity(data)
        self.keyring = Keyring(self.identity)
        self.peaks, self.roots = [], []  # of the tree over all leaves; the root over leaves 0 to n
        self.signers = []  # of each entry
        self.heads = {}  # partition → line of the newest entry
        self.retiring = []  # terms that the next entry ends

    @property
    def count(self):
        return len(self.roots)

    def text_of(self, number):
        """The text of checkpoint `number`."""
        return kinds.checkpoint_text(self.identity.origin, number + 1, self.roots[number])

    # ---- entries (section 3.1) ---------------------------------------------------------------------------------------
    def entry(self, data):
        """Judges an object at the next number. Its content has `leaf`, and `changing`: its change, read, or None."""
        return places.outcome(lambda: self.entry_content(data))

    def entry_content(self, data):
        number = self.count
        found = self.well_formed("log", data, lambda id_: id_ in self.keyring.in_force("keys"))
        demand(found.tree == [peak.hex() for peak in self.peaks], "its tree is not that of the entries before it")
        demand(found.changes == self.keyring.newest, "its newest change is another")
        found.changing = None if found.change is None else self.read_change(found)
        found.leaf = kinds.leaf_text(found)
        return found

    def well_formed(self, kind, data, in_force):
        """Steps 1 to 9: an unknown note counts as one only where its signer is in force."""
        try:
            found = places.read_at(kind, (self.count,), data, self.keyring.known)
        except Unknown as why:
            demand(in_force(why.signer.id), f"{why}, by a key that is not in force", Junk)
            raise
        demand(in_force(found.signer.id), "its key is not in force for it", Junk)
        return found

    def take(self, found):
        """Takes a valid entry. Returns how its heads contradict those before it: section 3.1, rule 5."""
        for term in self.retiring:
            term.up_to = heights_of(found)
        self.retiring = []
        grow(self.peaks, self.count, found.leaf)
        self.roots.append(root(self.peaks))
        self.signers.append(found.signer.id)
        heads = {tuple(line[:2]): line for line in found.heads}
        faults = [f"the head of {partition} {fault}" for partition, line in self.heads.items()
                  if (fault := gone_back(line, heads.get(partition)))]
        self.heads = heads
        if found.changing:
            self.retiring = self.keyring.take(found.changing, found.number, heights_of(found))
        return faults

    def read_change(self, entry):
        """The change of an entry, with the rules that need its heads: section 4, rule 4."""
        found = self.keyring.read(entry.change)
        heights = heights_of(entry)
        above = any(height > heights.get((topic, partition), -1) for topic, partition, height in found.below)
        demand(not above, "retention of a partition, or of heights, beyond the heads of its entry")
        return found

    # ---- checkpoints (section 3.3) -----------------------------------------------------------------------------------
    def checkpoint(self, number, data):
        """Judges an object at the place of a checkpoint; all entries must have been taken."""
        return places.outcome(lambda: self.valid_checkpoint(number, data))

    def valid_checkpoint(self, number, data):
        try:
            found = places.read_at("checkpoints", (number,), data, self.keyring.known)
        except Unknown as why:
            demand(self.may_sign(number, why.signer.id), f"{why}, by a key that may not sign it", Junk)
            raise
        demand(self.may_sign(number, found.signer.id), "its key may not sign it", Junk)
        demand(number < self.count, f"its entry {number} is missing", Missing)
        demand(found.root == self.roots[number], "the root is not that of the entries")
        return found

    def may_sign(self, number, id_):
        """In force after entry `number`; beyond the newest entry, after that one. Change keys alone sign checkpoint 0."""
        term = self.keyring.terms[id_]
        offline = number > 0 or not self.identity.changers or term.of == "change_keys"
        return offline and term.in_force_after(min(number, self.count - 1))

def heights_of(entry):
    return {tuple(line[:2]): line[3] for line in entry.heads}

def gone_back(line, later):
    """How the line of a partition contradicts an earlier one: section 3.1, rule 5."""
    if later is None:
        return "is gone"
    if later[3] < line[3]:
        return "went back"
    return "changed at the same height" if later[3] == line[3] and later != line else None
