"""What keys, witnesses and checkpoints from elsewhere prove: docs/FORMAT.md, sections 3.4 and 5."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from types import SimpleNamespace as Fields
from typing import Any

from keyring import Keyring
from kinds import archive_key, cosigned_at, witness_key
from notes import Broken

KeyId = tuple[str, bytes]


class Given:
    """What a verifier was given from elsewhere. Nothing at all means trust on first use."""

    def __init__(self, keys: Iterable[Any] = (), witnesses: Iterable[Any] = (), quorum: int | None = None, origin: str | None = None) -> None:
        self.keys = {key.text: key for key in keys}
        self.witnesses = {witness.text: witness for witness in witnesses}
        self.quorum = len(self.witnesses) if quorum is None else quorum
        self.origin = origin

    @property
    def is_nothing(self) -> bool:
        return not self.keys and not self.witnesses and self.origin is None

    def ids(self, keyring: Keyring) -> set[KeyId]:
        """The given keys that are keys of this archive."""
        return {id_ for id_, term in keyring.terms.items() if term.key.text in self.keys}

    def cosigners(self, text: str, lines: Iterable[str]) -> list[Fields]:
        """The given witnesses that cosigned a checkpoint's text, each once, and the newest time that each names."""
        found: dict[str, Fields] = {}
        for witness in self.witnesses.values():
            times = [time for line in lines if (time := cosigned_at(line, text, witness)) is not None]
            if times:
                found[witness.text] = Fields(name=witness.name, time=max(times))
        return list(found.values())

    def accepts(self, keyring: Keyring, text: str, lines: Iterable[str]) -> bool:
        """Whether the policy's witnesses cosigned it, and something tells that this log is the one that was meant."""
        meant = self.origin == keyring.identity.origin or bool(self.ids(keyring))
        return bool(self.witnesses) and meant and len(self.cosigners(text, lines)) >= max(self.quorum, 1)


def descendants(keyring: Keyring, given: set[KeyId], naming: set[KeyId]) -> set[KeyId]:
    """The given keys and all that descend from them; `naming` are the signers of checkpoints, which name archive.json."""
    identity, found = keyring.identity, set(given)
    first = {change.first_signer for change in keyring.changes[:1]}
    if given & identity.changers.keys() & (naming | first):
        found |= identity.signers.keys() | identity.changers.keys()
    for change in keyring.changes:
        if change.first_signer in found:
            found |= change.adding.keys()
    return found


# ---- the command line of both verifiers ---------------------------------------------------------------------------
def add_given(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", action="append", default=[], metavar="PUBLIC", help="a public key of the archive from a trusted source; may be repeated")
    parser.add_argument("--witness", action="extend", nargs="+", default=[], metavar="VKEY", help="the key of a witness whose cosignatures count")
    parser.add_argument("--quorum", type=int, metavar="K", help="how many of the witnesses must have cosigned (default: all)")
    parser.add_argument("--origin", help="the origin of the log that is meant")


def read_given(options: argparse.Namespace) -> Given:
    if not options.witness and (options.quorum is not None or options.origin is not None):
        raise Broken("--quorum and --origin need --witness")
    if options.quorum is not None and not 0 < options.quorum <= len(options.witness):
        raise Broken("--quorum is from 1 to the number of witnesses")
    keys, witnesses = map(archive_key, options.key), map(witness_key, options.witness)
    return Given(keys, witnesses, options.quorum, options.origin)
