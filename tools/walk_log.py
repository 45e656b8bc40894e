"""Walks the log of an archive: its entries, checkpoints and cosignatures (docs/FORMAT.md, sections 1.2 and 3)."""
import bisect
from collections import defaultdict

import kinds
import places
from log import Log
from notes import Broken, Junk, Missing, Replay, Unknown, demand, sha

class LogWalk:
    """`walk` reads everything; afterwards `log`, `checkpoints`, `history` and `claims` tell what it holds."""

    def __init__(self, archive, data):
        self.archive, self.findings, self.log = archive, archive.findings, Log(data)
        self.entry_keys = []  # the object key of each valid entry
        self.history = defaultdict(list)  # partition → (entry, line) wherever its line changed
        self.checkpoints = {}  # number → [(object key, signer)] of all valid notes
        self.blind = {}  # "log" or "checkpoints" → the first number that is not judged
        self.claimed = {"log": -1, "checkpoints": -1}  # the greatest number that something valid says stood
        self.cosigned = {}  # witness's name → the newest (size, time)
        self.lines = defaultdict(list)  # number → lines of cosignatures

    def walk(self):
        self.counting = self.walk_entries()
        self.walk_checkpoints()
        self.check_numbers()
        self.read_cosignatures()

    def judge(self, key, read):
        """The outcome of one object, unread where it is too large."""
        return places.outcome(lambda: read(self.archive.load(key)))

    # ---- entries -----------------------------------------------------------------------------------------------------
    def walk_entries(self):
        """Takes the valid entry with the lowest k at each number. Returns number → (k, hash) of what counts."""
        counting, log = {}, self.log
        while tries := self.archive.places["log"].get((log.count,)):
            number = log.count
            outcomes = [(k, key, self.judge(key, log.entry_content)) for k, key in sorted(tries.items())]
            unknown = [(key, outcome) for _, key, outcome in outcomes if outcome.cls == "unknown"]
            if unknown:
                self.blind["log"] = number
                self.findings.settle(*unknown[0], tolerated=False)
                break
            k, key, outcome = next((o for o in outcomes if o[2].cls == "valid"), (None, None, None))
            if outcome is None:
                break
            counting[number] = k, outcome.content.hash
            self.archive.check_attempts(tries, k)
            self.take(key, outcome.content)
        return counting

    def take(self, key, entry):
        self.entry_keys.append(key)
        for line in entry.heads:
            known = self.history[tuple(line[:2])]
            if not known or known[-1][1] != line:
                known.append((entry.number, line))
        for fault in self.log.take(entry):
            self.findings.add("tampered", key, fault)
        self.claimed["checkpoints"] = max(self.claimed["checkpoints"], entry.number - 1)

    def settle(self):
        """Reports what does not count, once everything that may name an entry or a checkpoint was read."""
        self.settle_entries()
        self.settle_junk()

    def settle_entries(self):
        for (number,), tries in sorted(self.archive.places["log"].items()):
            if number >= self.blind.get("log", number + 1):
                return
            counted = self.counting.get(number)
            for k, key in sorted(tries.items()):
                if counted and k == counted[0]:
                    continue
                outcome = self.judge(key, lambda data: self.leftover(number, data, counted))
                below = counted is not None and k < counted[0]
                is_next = number == self.log.count and self.claimed["log"] < number
                self.findings.settle(key, outcome, below or is_next)

    def leftover(self, number, data, counted):
        """Raises what an object is that is not the valid entry of its number (section 3.1, rules 3 and 4)."""
        if counted and sha(data) == counted[1]:
            raise Replay("a copy of the entry that counts")
        newest = self.log.count - 1
        try:
            found = places.read_at("log", (number,), data, self.log.keyring.known)
        except Unknown as why:
            demand(self.in_force(why.signer.id, min(number - 1, newest)), f"{why}, by a key that is not in force", Junk)
            demand(number <= newest + 1, "entries before it are missing", Missing)
            raise
        if number <= newest:
            demand(self.in_force(found.signer.id, number - 1), "its key is not in force for it", Junk)
            raise Broken("a second note at one place")
        if number == newest + 1:
            raise Broken(f"it does not continue the newest entry: {self.log.entry(data).why}")
        demand(self.in_force(found.signer.id, newest), "above the newest entry, by a key that is not in force", Broken)
        raise Missing("entries before it are missing")

    def in_force(self, id_, number):
        return id_ in self.log.keyring.in_force("keys", number)

    def heads_at(self, number):
        """partition → line in entry `number`."""
        found = {}
        for partition, known in self.history.items():
            at = bisect.bisect_right(known, number, key=lambda each: each[0])
            if at:
                found[partition] = known[at - 1][1]
        return found

    # ---- checkpoints -------------------------------------------------------------------------------------------------
    def walk_checkpoints(self):
        junk = []
        for (number,), tries in sorted(self.archive.places["checkpoints"].items()):
            if number >= self.blind.get("log", number + 1):
                break
            outcomes = [(k, key, self.judge(key, lambda data: self.log.valid_checkpoint(number, data))) for k, key in sorted(tries.items())]
            valid = [(k, key, outcome) for k, key, outcome in outcomes if outcome.cls == "valid"]
            unknown = [(key, outcome) for _, key, outcome in outcomes if outcome.cls == "unknown"]
            if unknown:
                self.blind["checkpoints"] = number
                self.findings.settle(*unknown[0], tolerated=False)
                break
            if valid:
                self.archive.check_attempts(tries, valid[0][0])
                self.checkpoints[number] = [(key, outcome.content.signer.id) for _, key, outcome in valid]
                self.claimed["log"] = max(self.claimed["log"], number)
            for k, key, outcome in outcomes:
                if outcome.cls == "valid":
                    if k != valid[0][0]:
                        self.findings.add("note", key, "the same checkpoint again")
                    continue
                if isinstance(outcome.why, Missing):  # a key that may sign it did
                    self.claimed["log"] = max(self.claimed["log"], number)
                if outcome.cls == "junk":
                    junk.append((number, key, outcome, bool(valid) and k < valid[0][0]))
                else:
                    self.findings.settle(key, outcome, tolerated=False)
        self.junk = junk

    def settle_junk(self):
        newest = max(self.checkpoints, default=-1)
        for number, key, outcome, below in self.junk:
            self.findings.settle(key, outcome, below or number == newest + 1 > self.claimed["checkpoints"])

    def check_numbers(self):
        """Names what is missing below the newest entry and the newest checkpoint."""
        if not self.log.count and "log" not in self.blind:
            self.findings.add("incomplete", "log/", "there is no entry 0")
        top = max([*self.checkpoints, self.log.count - 2])
        for number in range(top + 1):
            if number not in self.checkpoints and number < self.blind.get("checkpoints", number + 1):
                self.findings.add("incomplete", f"checkpoints/{number:010}.note", "it is missing")

    def check_named(self, where, number, root):
        """Checks a checkpoint that a link or somebody outside names."""
        if number >= self.log.count:
            if "log" not in self.blind:
                self.findings.add("incomplete", where, f"entry {number}, whose checkpoint it names, is missing")
        elif self.log.roots[number] != root:
            self.findings.add("tampered", where, f"it names checkpoint {number} with another root")
        elif number not in self.checkpoints and number < self.blind.get("checkpoints", number + 1):
            self.findings.add("incomplete", where, f"checkpoint {number}, which it names, is missing")
        for kind in self.claimed:
            self.claimed[kind] = max(self.claimed[kind], number)

    # ---- cosignatures ------------------------------------------------------------------------------------------------
    def read_cosignatures(self):
        given = self.archive.given
        for (number, hash_), key in sorted(self.archive.cosignatures.items()):
            try:
                data = self.archive.load(key)
                demand(sha(data) == hash_, "its hash is not its name")
                line = data.decode()
                demand(line.endswith("\n") and kinds.is_cosignature(line[:-1]), "no cosignature line")
                if number >= self.log.count or number not in self.checkpoints:
                    self.findings.add("note", key, f"checkpoint {number} is not there")
                    continue
                known = [witness for witness in given.witnesses.values() if kinds.names_witness(line[:-1], witness)]
                demand(not known or given.cosigners(self.log.text_of(number), [line[:-1]]), "it does not verify")
                self.lines[number].append(line[:-1])
            except Exception as why:  # Anybody can have made it, and it proves nothing.
                self.findings.add("note", key, f"passed over: {why}")
        for number, lines in self.lines.items():
            for witness in given.cosigners(self.log.text_of(number), lines):
                self.cosigned[witness.name] = max(self.cosigned.get(witness.name, (0, 0)), (number + 1, witness.time))
        for name, (size, time) in self.cosigned.items():
            self.findings.add("note", name, f"cosigned size {size}, it says at {time} seconds since 1970")
