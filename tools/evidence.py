"""What a verification is proved by: given keys, saved checkpoints, witnesses (docs/FORMAT.md, sections 3.4 and 5)."""
import kinds
from notes import Missing, Unknown, demand, read_note, signed
from trust import descendants

class Evidence:
    """Judges the archive as it was read by what was given from elsewhere."""

    def __init__(self, archive):
        self.archive, self.findings, self.given = archive, archive.findings, archive.given
        self.walk = archive.log_walk
        self.log, self.keyring = self.walk.log, self.walk.log.keyring

    def judge(self):
        saved = self.read_saved()
        cosigned = [number + 1 for number, lines in self.walk.lines.items()
                    if number in self.walk.checkpoints and self.given.accepts(self.keyring, self.log.text_of(number), lines)]
        elsewhere = max([*saved, *cosigned], default=0)
        if self.given.is_nothing and not self.archive.saved:
            self.findings.add("note", "archive.json", "trust on first use: no key was given from elsewhere")
            self.name_anchors(self.newest_size())
            return
        counting, proven = self.counting_keys(elsewhere)
        self.name_unproven(counting, proven)
        self.name_anchors(proven)

    def newest_size(self):
        return max(self.walk.checkpoints, default=-1) + 1

    def counting_keys(self, elsewhere):
        """The keys whose notes count, and the size that checkpoints prove."""
        own = self.given.ids(self.keyring)
        if not self.given.keys and elsewhere:
            in_force = {id_ for of in ("keys", "change_keys") for id_ in self.keyring.in_force(of, elsewhere - 1)}
            self.findings.add("note", "archive.json", f"above size {elsewhere} the keys in force there count, on first use")
            return descendants(self.keyring, in_force, set()), elsewhere
        naming = {signer for notes in self.walk.checkpoints.values() for _, signer in notes}
        counting = descendants(self.keyring, own, naming)
        if self.given.keys and not self.signed_anything(own):
            self.findings.add("tampered", "archive.json", "none of the keys given proves anything here: they are not keys of this archive")
        sizes = [number + 1 for number, notes in self.walk.checkpoints.items() if any(signer in counting for _, signer in notes)]
        return counting, max([elsewhere, *sizes])

    def signed_anything(self, own):
        signers = {*self.log.signers, *(signer for notes in self.walk.checkpoints.values() for _, signer in notes)}
        signers |= {change.first_signer for change in self.keyring.changes}
        for walk in self.archive.chains.values():
            signers |= {link.signer.id for link in walk.links.values()}
        return bool(own & signers)

    def name_unproven(self, counting, proven):
        """Section 5, rule 4: what neither a proven checkpoint covers nor a key that counts signed."""
        unproven = [number for number in range(proven, self.log.count) if self.log.signers[number] not in counting]
        if unproven:
            key = self.walk.entry_keys[unproven[0]]
            self.findings.add("unverifiable", key, f"nothing that was given proves it, nor {len(unproven) - 1} later entries")
        heads = self.walk.heads_at(proven - 1)
        for partition, walk in self.archive.chains.items():
            covered = heads[partition][3] if partition in heads else -1
            bare = [link for height, link in walk.links.items() if height > covered and link.signer.id not in counting]
            if bare:
                self.findings.add("unverifiable", bare[0].key, f"nothing that was given proves it, nor {len(bare) - 1} later links")

    def name_anchors(self, size):
        heads = self.walk.heads_at(size - 1)
        for partition, walk in self.archive.chains.items():
            anchored = heads[partition][3] if partition in heads else -1
            if walk.chain.height > anchored:
                self.findings.add("note", "/".join(map(str, partition)), f"unanchored above height {anchored}")

    # ---- saved checkpoints (section 8) -------------------------------------------------------------------------------
    def read_saved(self):
        """The sizes that saved checkpoints prove."""
        found = []
        for number, data in enumerate(self.archive.saved):
            with self.findings.judging(f"saved checkpoint {number}"):
                found.append(self.saved_size(f"saved checkpoint {number}", data))
        return found

    def saved_size(self, where, data):
        try:
            note_data, lines = kinds.split_cosigned(data)
            note = read_note(note_data)
        except Exception as why:  # It came from elsewhere, so it says nothing of the archive.
            raise Unknown(why) from None
        demand(kinds.is_checkpoint_text(note.text) and note.text.split("\n")[0] == self.log.identity.origin, "a checkpoint of another log", Unknown)
        demand(note.text.count("\n") == 3, "a checkpoint with further lines", Unknown)
        checkpoint = kinds.checkpoint(note.text)
        number = checkpoint.size - 1
        known = [(id_, line) for line, (id_, _) in enumerate(note.lines) if id_ in self.keyring.terms]
        allowed = [id_ for id_, line in known if signed(note, self.keyring.terms[id_].key, line) and self.log.may_sign(number, id_)]
        demand(allowed, "no key that may sign it did", Unknown)
        blind = self.walk.blind.get("log", checkpoint.size)
        demand(number < blind, "its entries cannot be judged", Unknown)
        self.walk.check_named(where, number, checkpoint.root)
        demand(number < self.log.count and self.log.roots[number] == checkpoint.root, "the archive does not have it", Missing)
        for witness in self.given.cosigners(note.text, lines):
            self.findings.add("note", witness.name, f"cosigned size {checkpoint.size}, it says at {witness.time} seconds since 1970")
        return checkpoint.size
