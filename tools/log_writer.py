"""Writes a log of docs/FORMAT.md, sections 3 and 4: entries, leaves, changes, checkpoints. For the makers of golden vectors
and for tests; shares no code with the verifiers.
"""
from __future__ import annotations

from typing import Any

from format_writer import ARCHIVE_ID, ORIGIN, Content, Key, b64, canonical, leaf, merkle, note, sha

Head = tuple[str, int, int, int, int, str, str]


def peaks(leaves: list[bytes]) -> list[bytes]:
    """The roots of the full subtrees that the binary digits of the number of leaves give, largest first."""
    found, at = [], 0
    for digit in range(len(leaves).bit_length() - 1, -1, -1):
        if len(leaves) >> digit & 1:
            found.append(merkle(leaves[at:at + (1 << digit)]))
            at += 1 << digit
    return found


def leaf_of(entry: Content) -> str:
    """The text of an entry's leaf."""
    lines = [leaf(canonical(line).encode()) for line in entry["heads"]]
    return canonical({"type": "kivend.leaf/v1", **{name: entry[name] for name in ("archive_id", "archive_sha256", "number", "at", "changes")},
                      "heads": {"count": len(lines), "root": merkle(lines).hex()}, "groups_sha256": sha(canonical(entry["groups"]).encode()),
                      "change": entry["change"]})


class LogWriter:
    """A log that grows by `entry`; every entry has its checkpoint by the key that signed it, unless told otherwise."""

    def __init__(self, identity: bytes) -> None:
        self.identity = identity
        self.entries: list[Content] = []
        self.notes: list[bytes] = []
        self.leaves: list[bytes] = []  # hashes
        self.changes: list[bytes] = []
        self.newest: Content = {"sequence": 0, "sha256": sha(identity), "entry": 0}

    def content(self, heads: list[Head], change: bytes | None = None, groups: Any = (), **changes: Any) -> Content:
        """The next entry, not taken yet."""
        number = len(self.entries)
        return {"type": "kivend.entry/v1", "archive_id": ARCHIVE_ID, "archive_sha256": sha(self.identity), "number": number,
                "at": f"2026-02-03T10:{number:02}:00Z", "tree": [peak.hex() for peak in peaks(self.leaves)], "changes": self.newest,
                "heads": [list(line) for line in heads], "groups": None if groups is None else [list(line) for line in groups],
                "change": change.decode() if change else None} | changes

    def entry(self, key: Key, heads: list[Head], change: bytes | None = None, groups: Any = (), **changes: Any) -> bytes:
        content = self.content(heads, change, groups, **changes)
        if change:
            self.changes.append(change)
            self.newest = {"sequence": len(self.changes), "sha256": sha(change), "entry": content["number"]}
        self.entries.append(content)
        self.notes.append(note(canonical(content), key))
        self.leaves.append(leaf(leaf_of(content).encode()))
        return self.notes[-1]

    def root(self, number: int) -> bytes:
        return merkle(self.leaves[:number + 1])

    def checkpoint_text(self, number: int, **changes: str) -> str:
        text = f"{ORIGIN}\n{number + 1}\n{b64(self.root(number))}\n"
        for old, new in changes.items():
            text = text.replace(old, new)
        return text

    def checkpoint(self, number: int, key: Key) -> bytes:
        return note(self.checkpoint_text(number), key)

    def named(self, number: int) -> Content:
        """How a link names a checkpoint."""
        return {"number": number, "root": self.root(number).hex()}

    # ---- changes ----------------------------------------------------------------------------------------------------
    def change_content(self, **members: Any) -> Content:
        return {"type": "kivend.change/v1", "archive_id": ARCHIVE_ID, "sequence": len(self.changes) + 1, "previous": self.newest["sha256"],
                "at": "2026-02-03T09:00:00Z"} | members

    def adding(self, of: str, keys: list[Key], signer: Key, **changes: Any) -> bytes:
        """A change that adds keys, which sign it too."""
        return note(canonical(self.change_content(of=of, add=[key.public_text for key in keys], retire=[]) | changes), signer, *keys)

    def retiring(self, of: str, keys: list[Key], signer: Key, **changes: Any) -> bytes:
        return note(canonical(self.change_content(of=of, add=[], retire=[key.public_text for key in keys]) | changes), signer)

    def retention(self, below: list[tuple[str, int, int]], signer: Key, **changes: Any) -> bytes:
        lines = [list(line) for line in below]
        return note(canonical(self.change_content(of="retention", below=lines, reason="contract 17: 13 months") | changes), signer)
