"""Writes the objects of docs/FORMAT.md, from that text alone: hashes, trees, signed notes, record encodings, identities, links.

What the makers of golden vectors share (make_vectors.py, make_proofs.py, make_segments.py, tests/independent). It shares
no code with the Rust crate, nor with the verifiers verify.py and verify_proof.py.
"""
from __future__ import annotations

import base64
import hashlib
import json
import struct
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Content = dict[str, Any]
ED25519, COSIGNATURE = b"\x01", b"\x04"
ARCHIVE_ID = "00112233445566778899aabbccddeeff"
EMPTY_ROOT = hashlib.sha256(b"").hexdigest()


# ---- hashes, trees, notes -----------------------------------------------------------------------------------------
def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def optional_b64(data: bytes | None) -> str | None:
    return None if data is None else b64(data)


def canonical(content: Any) -> str:
    """Canonical JSON; Python's own escapes are those of the format."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"


def merkle(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash of RFC 9162, 2.1.1, over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = largest_power_of_two_below(len(leaves))
    return hashlib.sha256(b"\x01" + merkle(leaves[:k]) + merkle(leaves[k:])).digest()


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.1: the inclusion path from the leaf up to the root."""
    if len(leaves) == 1:
        return []
    k = largest_power_of_two_below(len(leaves))
    if index < k:
        return path(index, leaves[:k]) + [merkle(leaves[k:])]
    return path(index - k, leaves[k:]) + [merkle(leaves[:k])]


def subproof(m: int, leaves: list[bytes], known: bool) -> list[bytes]:
    """RFC 9162, 2.1.4.1."""
    if m == len(leaves):
        return [] if known else [merkle(leaves)]
    k = largest_power_of_two_below(len(leaves))
    if m <= k:
        return subproof(m, leaves[:k], known) + [merkle(leaves[k:])]
    return subproof(m - k, leaves[k:], False) + [merkle(leaves[:k])]


def largest_power_of_two_below(n: int) -> int:
    return 1 << (n - 1).bit_length() - 1


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


class Key:
    """A signing key of C2SP signed notes from a fixed seed, or a witness's (algorithm 4)."""

    def __init__(self, name: str, seed_byte: int, algorithm: bytes = ED25519) -> None:
        self.name, self.seed = name, bytes([seed_byte]) * 32
        self.private = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.id = hashlib.sha256(name.encode() + b"\n" + algorithm + self.public).digest()[:4]
        self.public_text = f"{name}+{self.id.hex()}+{b64(algorithm + self.public)}"
        self.private_text = f"PRIVATE+KEY+{name}+{self.id.hex()}+{b64(algorithm + self.seed)}"

    def line(self, text: str) -> str:
        return f"— {self.name} {b64(self.id + self.private.sign(text.encode()))}\n"

    def cosignature(self, text: str, time: int) -> str:
        """A line of C2SP tlog-cosignature over the text of a checkpoint."""
        raw = struct.pack(">Q", time) + self.private.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
        return f"— {self.name} {b64(self.id + raw)}\n"


def note(text: str, *keys: Key) -> bytes:
    return (text + "\n" + "".join(key.line(text) for key in keys)).encode()


def signed_with(text: str, *keys: Key) -> str:
    return note(text, *keys).decode()


def flip_signature(line: bytes) -> bytes:
    """The signature line with one bit of the signature turned."""
    head, coded = line.rstrip(b"\n").rsplit(b" ", 1)
    raw = bytearray(base64.b64decode(coded))
    raw[20] ^= 1
    return head + b" " + base64.b64encode(bytes(raw)) + b"\n"


# ---- identities ---------------------------------------------------------------------------------------------------
ORIGIN = "kivend/0011223344556677"
KEY, OTHER, THIRD = Key(ORIGIN, 0x01), Key(ORIGIN, 0x02), Key(ORIGIN, 0x03)
CHANGER, NEXT_CHANGER = Key(ORIGIN, 0x11), Key(ORIGIN, 0x12)
STRANGER = Key(ORIGIN, 0x09)
WITNESS, SECOND_WITNESS = Key("witness.example/one", 0x21, COSIGNATURE), Key("witness.example/two", 0x22, COSIGNATURE)


def identity(keys: list[Key], change_keys: list[Key]) -> bytes:
    content = {"type": "kivend.archive/v1", "archive": "kivend", "id": ARCHIVE_ID, "origin": ORIGIN, "created_at": "2026-02-03T10:00:00Z",
               "keys": [key.public_text for key in keys], "change_keys": [key.public_text for key in change_keys]}
    return canonical(content).encode()


ARCHIVE = identity([KEY], [])


def genesis(topic: str, partition: int, archive: bytes = ARCHIVE) -> str:
    return sha(f"kivend.genesis/v1\n{sha(archive)}\n{topic}\n{partition}\n".encode())


# ---- records ------------------------------------------------------------------------------------------------------
def encoding(topic: str, partition: int, offset: int, kind: int, ms: int, key: bytes | None, value: bytes | None,
             headers: list[tuple[bytes, bytes | None]]) -> bytes:
    def field(data: bytes | None) -> bytes:
        return struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data

    kind = 255 if ms == -1 else kind
    out = struct.pack(">BH", 1, len(topic.encode())) + topic.encode() + struct.pack(">iqBq", partition, offset, kind, ms)
    out += field(key) + field(value) + struct.pack(">I", len(headers))
    return out + b"".join(struct.pack(">I", len(name)) + name + field(held) for name, held in headers)


# ---- links --------------------------------------------------------------------------------------------------------
SEGMENT = "data/payments/1/0000-00000000000000000000"


def first_link() -> Content:
    return {"type": "kivend.link/v1", "archive_id": ARCHIVE_ID, "cluster_id": "MkU3OEVBNTcwNTJENDM2Qk", "topic": "payments",
            "topic_id": None, "partition": 1, "epoch": 0, "height": 0, "first_offset": 0, "next_offset": 150, "record_count": 147,
            "encoding": 1, "leader_epoch": 4, "absent": [[10, 13]], "lost": None, "min_timestamp_ms": 1763559062594,
            "max_timestamp_ms": 1763559999000, "records_root": sha(b"any"),
            "segment": {"key": SEGMENT + ".parquet", "bytes": 81234, "sha256": sha(b"segment")}, "rejected": [],
            "checkpoint": {"number": 0, "root": sha(b"root 0")}, "sealed_at": "2026-02-03T10:15:00Z", "seal_reason": "age",
            "next_epoch_at": None, "sealed_by": "kivend-archiver 0.1.0", "previous": genesis("payments", 1)}


def nothing(content: Content, first: int, next_: int) -> Content:
    """Makes it a link over a range without records."""
    return content | {"first_offset": first, "next_offset": next_, "record_count": 0, "absent": [[first, next_]], "min_timestamp_ms": None,
                      "max_timestamp_ms": None, "leader_epoch": None, "records_root": EMPTY_ROOT, "segment": None, "seal_reason": "shutdown"}


def lost(content: Content, first: int, next_: int) -> Content:
    loss = {"first_offset": first, "next_offset": next_, "log_start_offset": next_, "observed_at": "2026-02-03T10:14:59Z", "reason": "retention"}
    return nothing(content, first, next_) | {"absent": [], "lost": loss, "seal_reason": "lost"}


def closing(content: Content, at: int, reason: str, next_epoch_at: int) -> Content:
    """Makes it a link that closes its epoch at an offset."""
    return nothing(content, at, at) | {"absent": [], "seal_reason": reason, "next_epoch_at": next_epoch_at}


def rejected(key: str, reason: str) -> Content:
    return {"key": key, "bytes": 4, "sha256": sha(b"junk"), "reason": reason}


def too_large(key: str) -> Content:
    return {"key": key, "bytes": (512 << 20) + 1, "sha256": None, "reason": "too_large"}


def after(before: bytes, content: Content, **changes: Any) -> Content:
    """The link that follows `content`, of 50 records."""
    at = content["next_offset"]
    key = f"data/payments/1/{content['epoch']:04}-{at:020}.parquet"
    return first_link() | {"height": content["height"] + 1, "first_offset": at, "next_offset": at + 50, "record_count": 50, "absent": [],
                           "segment": {"key": key, "bytes": 5, "sha256": sha(b"s")}, "previous": sha(before)} | changes
