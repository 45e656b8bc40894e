#!/usr/bin/env python3
"""Verifies an archive folder (a directory store, or a downloaded bucket) from the text of docs/FORMAT.md alone.

A second verifier: it shares no code, no language and no Parquet library with kivend, recomputes everything, and writes
nothing. It sees only the folder, neither Kafka nor older versions of objects. A finding quotes the rule that does not hold;
any other exception of a reader counts as a broken rule.

    python tools/verify.py FOLDER [--key PUBLIC]… [--checkpoint FILE]… [--witness VKEY… [--quorum K] [--origin ORIGIN]]

Exit codes: 0 intact, 10 tampered, 11 incomplete, 12 unverifiable, 2 wrong usage.
"""
import argparse
import sys
from collections import Counter, defaultdict
from pathlib import Path

import places
from check_data import DataCheck
from evidence import Evidence
from findings import EXIT_CODES, Findings
from folder import list_files, read_file
from kinds import type_of_archive
from trust import Given, add_given, read_given
from walk_chain import ChainWalk
from walk_log import LogWalk

PASSES = 3  # a verifier begins again where something is missing and the log grew meanwhile

class Archive:
    """One verification of a folder: call `run`, then read `verdict`, `findings` and `records`.

    A place is (number,) of entries and checkpoints, (topic, partition, epoch, first offset) of links and segments.
    """

    def __init__(self, folder, given=(), saved=()):
        self.folder, self.saved = Path(folder), saved
        self.given = given if isinstance(given, Given) else Given(given)
        self.begin()

    def begin(self):
        self.findings, self.records = Findings(), Counter()
        self.places = {kind: defaultdict(dict) for kind in places.KINDS}  # kind → place → k → key
        self.cosignatures, self.chains = {}, {}  # (number, hash) → key; partition → its walk
        self.log_walk = None

    @property
    def verdict(self):
        return self.findings.verdict

    def load(self, key):
        """The bytes of an object, which is not read beyond the limit of its kind."""
        return read_file(self.folder / key, places.LIMITS[key.split("/", 1)[0]])

    def run(self):
        for left in reversed(range(PASSES)):
            self.begin()
            self.run_once()
            if not (left and self.findings.has("incomplete") and self.log_grew()):
                return

    def run_once(self):
        self.list_keys()
        with self.findings.judging("archive.json"):
            data = self.load("archive.json")
            type_of_archive(data)
            self.log_walk = LogWalk(self, data)
        if self.log_walk is None:
            return  # nothing else can be checked without it
        self.log_walk.walk()
        self.walk_chains()
        self.check_data()
        Evidence(self).judge()
        self.log_walk.settle()

    def list_keys(self):
        for key in list_files(self.folder, lambda where, why: self.findings.add("unverifiable", where, why)):
            if found := places.read_key(key):
                kind, place, k = found
                self.places[kind][place][k] = key
            elif found := places.read_cosignature_key(key):
                self.cosignatures[found] = key
            elif key.startswith("tile/"):
                self.findings.add("note", key, "reserved, and ignored")
            elif key != "archive.json" and not key.startswith(("probes/", ".tmp/")):
                self.findings.add("tampered", key, "no name of the format")

    def check_attempts(self, tries, counting):
        """Below the k that counts no attempt is missing (section 1.1)."""
        for k in range(counting):
            if k not in tries:
                return self.findings.add("incomplete", tries[counting], f"attempt {k} below it is missing")

    def log_grew(self):
        listed = {key for key in list_files(self.folder, lambda *_: None) if key.startswith("log/")}
        return not listed <= {key for tries in self.places["log"].values() for key in tries.values()}

    def walk_chains(self):
        links = defaultdict(dict)  # partition → place → k → key
        for place, tries in self.places["links"].items():
            links[place[:2]][place] = tries
        partitions = {*links, *self.log_walk.history, *(place[:2] for place in self.places["data"])}
        for partition in sorted(partitions):
            walk = self.chains[partition] = ChainWalk(self, partition, links[partition])
            walk.walk()
            walk.check_heads()
            self.records[partition[0]] += sum(link.record_count for link in walk.links.values())
        if not any(walk.links or walk.blind for walk in self.chains.values()):
            self.findings.add("incomplete", "links/", "there is none")
        self.records = +self.records

    def data_of(self, partition):
        return self.data[partition]

    def check_data(self):
        self.data = defaultdict(dict)
        for place, tries in self.places["data"].items():
            self.data[place[:2]][place] = tries
        removable = self.removable()
        for partition, walk in self.chains.items():
            DataCheck(self, walk, removable.get(partition, (0, None))).check_all()

    def removable(self):
        """partition → (height below which objects may be missing, the change's time and reason): section 4, rule 10."""
        standing, found = max(self.log_walk.checkpoints, default=-1), {}
        for change in self.log_walk.log.keyring.changes:
            if change.entry <= standing:
                why = f"change {change.sequence} of {change.at}: {getattr(change, 'reason', '')}"
                found |= {(topic, partition): (height, why) for topic, partition, height in change.below}
        return found

def main():
    parser = argparse.ArgumentParser(description="Verifies an archive folder from the text of its format alone.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", action="append", default=[], type=Path, metavar="FILE", help="a checkpoint saved elsewhere, with cosignature lines or none; may be repeated")
    add_given(parser)
    options = parser.parse_args()
    try:
        saved = [read_file(file, places.LIMITS["checkpoints"]) for file in options.checkpoint]
        archive = Archive(options.folder, read_given(options), saved)
        next(options.folder.iterdir(), None)
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
