"""Walks the chain of one partition, and compares it with what the log says of it: docs/FORMAT.md, sections 1.2, 3.1 and 6."""
from types import SimpleNamespace as Fields

import places
from chain import Chain
from notes import Broken, Junk, Replay, Unknown, demand

class ChainWalk:
    """`walk` reads the links; afterwards `links` holds what counts, by height."""

    def __init__(self, archive, partition, tries):
        self.archive, self.findings, self.log = archive, archive.findings, archive.log_walk.log
        self.partition, self.tries = partition, tries  # place → k → object key
        self.chain = Chain(self.log.identity.hash, *partition)
        self.links = {}  # height → link, with `key` and, without a gap before it, `log_root`
        self.blind = None  # the first place that is not judged
        self.passed_over = []  # (place, object key, outcome, whether it stands below what counts)

    def walk(self):
        for place, tries in sorted(self.tries.items()):
            outcomes = [(k, key, self.judge(place, key)) for k, key in sorted(tries.items())]
            unknown = [(key, outcome) for _, key, outcome in outcomes if outcome.cls == "unknown"]
            if unknown:
                self.blind = place
                self.findings.settle(*unknown[0], tolerated=False)
                break
            counting = next((each for each in outcomes if each[2].cls == "valid"), None)
            for k, key, outcome in outcomes:
                if counting is None or k != counting[0]:
                    self.pass_over(place, k, key, outcome, counting)
            if counting:
                self.archive.check_attempts(tries, counting[0])
                self.take(counting[1], counting[2].content)

    def judge(self, place, key):
        return places.outcome(lambda: self.read(place, self.archive.load(key)))

    def read(self, place, data):
        """A link that counts at a place, or one that has others missing before it (`gap`)."""
        is_next = place == self.chain.next_place
        expected = self.chain.height + 1 if is_next else None
        try:
            found = places.read_at("links", place, data, self.log.keyring.known)
        except Unknown as why:
            demand(self.counts(why.signer.id, expected) is not False, f"{why}, by a key that is not in force", Junk)
            raise
        found.counts = self.counts(found.signer.id, found.height if expected is None else expected)
        demand(found.counts is not False, "its key is not in force for it", Junk)
        found.gap = not is_next and found.height > self.chain.height + 1 and place > self.chain.next_place
        if found.gap:
            self.chain.follows_somehow(found)
        else:
            self.chain.continues(found)
        return found

    def counts(self, id_, height):
        term = self.log.keyring.terms[id_]
        if height is None:
            return term.of == "keys" and term.retired is None
        return term.counts_for(self.partition, height)

    def pass_over(self, place, k, key, outcome, counting):
        if counting and outcome.cls == "valid":
            same = outcome.content.note.data == counting[2].content.note.data
            why = Replay("a copy of the link that counts") if same else Broken("a second valid link at one place")
            outcome = Fields(cls="replay" if same else "broken", content=None, why=why)
        self.passed_over.append((place, key, outcome, counting is not None and k < counting[0]))

    def take(self, key, link):
        link.key = key
        if link.gap:
            self.findings.add("incomplete", key, f"links before it are missing, from height {self.chain.height + 1} on")
        if link.counts is None:
            self.findings.add("note", key, "undecided: the entry after the one that retires its key does not stand")
        self.chain.take(link)
        link.note = None  # a chain may be long
        self.links[link.height] = link
        self.archive.log_walk.check_named(key, link.checkpoint["number"], link.checkpoint["root"])
        if link.lost:
            self.findings.add("note", key, f"declared loss: offsets {link.first_offset} to {link.next_offset}")
        if link.closing:
            what = f"epoch {link.epoch} ends at {link.first_offset} ({link.seal_reason}); the next begins at {link.next_epoch_at}"
            self.findings.add("note", key, f"{what}, and supersedes {self.supersede(link.next_epoch_at)} records")

    def supersede(self, begin):
        """How many records were current until an epoch began at this offset (section 6.1, rule 7)."""
        count = 0
        for link in self.links.values():
            first, until = max(link.first_offset, begin), getattr(link, "current_until", link.next_offset)
            if first < until:
                absent = sum(max(0, min(b, until) - max(a, first)) for a, b in link.absent)
                count += 0 if link.lost else until - first - absent
                link.current_until = first
        return count

    # ---- what the log says of the chain ------------------------------------------------------------------------------
    def check_heads(self):
        """Compares each line of the log's heads with the chain (section 3.1, rule 5)."""
        claimed = -1
        for number, (_, _, epoch, height, next_offset, hash_, log_root) in self.archive.log_walk.history[self.partition]:
            claimed, where = max(claimed, height), self.archive.log_walk.entry_keys[number]
            found = self.links.get(height)
            if found is None:
                if not self.blind:
                    self.findings.add("incomplete", where, f"link {height} of {self.partition}, which it names, is missing")
                continue
            own = (found.epoch, found.next_offset, found.hash, getattr(found, "log_root", log_root))
            if own != (epoch, next_offset, hash_, log_root):
                self.findings.add("tampered", where, f"it names another link {height} of {self.partition}")
        for place, key, outcome, below in self.passed_over:
            is_next = place == self.chain.next_place and claimed <= self.chain.height
            self.findings.settle(key, outcome, below or is_next)

    @property
    def spare(self):
        """Places at which a segment without a link may stand (section 6.2)."""
        return {self.chain.next_place, *self.chain.closed}
