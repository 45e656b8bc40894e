"""Ways to change a small archive, and the verdict that docs/FORMAT.md gives each: the list that both verifiers must agree on.

test_verify.py runs them through tools/verify.py, agree.py through `kivend verify` as well. Attacks on the inside of segments
are in test_segments.py.
"""
from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from format_writer import (
    ARCHIVE, ARCHIVE_ID, CHANGER, KEY, NEXT_CHANGER, ORIGIN, OTHER, SECOND_WITNESS, STRANGER, THIRD, WITNESS,
    Content, Key, canonical, identity, note, rejected, sha, too_large,
)
from small_archive import SmallArchive, parquet, root, rows

Deed = Callable[[SmallArchive], object]
DATA, DATA_2 = "data/payments/1/0000-00000000000000000000.parquet", "data/payments/1/0000-00000000000000000100.parquet"
NEXT_LINK, NEXT_DATA = "links/payments/1/0000-00000000000000000200.note", "data/payments/1/0000-00000000000000000200.parquet"


# ---- deeds ------------------------------------------------------------------------------------------------------------
def both(*deeds: Deed) -> Deed:
    return lambda archive: [deed(archive) for deed in deeds]


def remove(*keys: str) -> Deed:
    return lambda archive: [os.remove(archive.folder / key) for key in keys]  # type: ignore[func-returns-value]


def plant(key: str, data: bytes = b"junk") -> Deed:
    return lambda archive: archive.put(key, data)


def move(old: str, new: str) -> Deed:
    def deed(archive: SmallArchive) -> None:
        copy(old, new)(archive)
        remove(old)(archive)
    return deed


def copy(old: str, new: str) -> Deed:
    return lambda archive: archive.put(new, (archive.folder / old).read_bytes())


def r(key: str, k: int = 1) -> str:
    """The key with an attempt."""
    stem, dot, end = key.rpartition(".")
    return f"{stem}-r{k}{dot}{end}"


def link(index: int) -> str:
    return f"links/payments/1/0000-{[0, 100, 150, 153][index]:020}.note"


def entry(number: int) -> str:
    return SmallArchive.entry_key(number)


def checkpoint(number: int) -> str:
    return SmallArchive.checkpoint_key(number)


def signed(key: str, content: Content, by: Key = KEY) -> Deed:
    return plant(key, note(canonical(content), by))


def relinked(index: int, by: Key = KEY, at: str | None = None, **changes: Any) -> Deed:
    """The link of one height signed again with other content."""
    return lambda archive: archive.put(at or archive.link_key(index), note(canonical(archive.contents[index] | changes), by))


def reentered(which: int, by: Key = KEY, at: str | None = None, **members: Any) -> Deed:
    """An entry signed again with other content, at its own key or another."""
    return lambda archive: archive.put(at or entry(which), archive.again(which, by, **members))


def further(first: int, next_: int, made: list[Any] | None = None, absent: list[list[int]] | None = None, **changes: Any) -> Deed:
    """One more segment and link, the link changed before it is signed."""
    return lambda archive: archive.seal(rows(first, next_, epoch=changes.get("epoch", 0)) if made is None else made, first, next_, absent, changes)


def gap(key: Key = KEY, count: int = 10, **changes: Any) -> Deed:
    return lambda archive: archive.gap(count, key, **changes)


def entered(key: Key = KEY, head: Content | None = None, **members: Any) -> Deed:
    """One more entry with its checkpoint."""
    return lambda archive: archive.entry(key, head=head, **members)


def changing(change: Callable[[SmallArchive], bytes], by: Key = KEY, checkpoint_by: Key | None = None) -> Deed:
    """One more entry that carries a change, with its checkpoint."""
    return lambda archive: archive.entry(by, change(archive), checkpoint_by)


def adding(*keys: Key, of: str = "keys", signer: Key = KEY, **content: Any) -> Callable[[SmallArchive], bytes]:
    return lambda archive: archive.log.adding(of, list(keys), signer, **content)


def retiring(*keys: Key, of: str = "keys", signer: Key = KEY, **content: Any) -> Callable[[SmallArchive], bytes]:
    return lambda archive: archive.log.retiring(of, list(keys), signer, **content)


def keeping(*below: tuple[str, int, int], signer: Key = KEY, **content: Any) -> Callable[[SmallArchive], bytes]:
    return lambda archive: archive.log.retention(list(below), signer, **content)


def closing(reason: str, at: int, key: Key = KEY) -> Deed:
    return lambda archive: archive.close(reason, at, key)


def sealed(first: int, next_: int, epoch: int) -> Deed:
    return lambda archive: archive.seal(rows(first, next_, epoch=epoch), first, next_, changes={"epoch": epoch})


def resealed(change: Callable[[list[Any]], object]) -> Deed:
    """One more segment, whose rows were changed after its link was made, but whose bytes the link names."""
    def deed(archive: SmallArchive) -> None:
        made = rows(200, 210)
        archive.seal(made, 200, 210)
        change(made)
        relink(archive, parquet(made, archive.contents[-1]))
    return deed


def relink(archive: SmallArchive, data: bytes) -> None:
    """Gives the last link another segment."""
    content = archive.contents.pop()
    archive.links.pop()
    archive.put(content["segment"]["key"], data)
    archive.add(content | {"segment": content["segment"] | {"bytes": len(data), "sha256": sha(data)}})


def rejecting(junk: bytes | None, entries: list[Content] | None = None, k: int = 1, **changes: Any) -> Deed:
    """One more link, whose segment is at attempt k because `junk` stood at the key; None: nothing stands there."""
    def deed(archive: SmallArchive) -> None:
        archive.seal(rows(200, 210), 200, 210)
        content = archive.contents.pop()
        archive.links.pop()
        key = content["segment"]["key"]
        move(key, r(key, k))(archive)
        if junk is not None:
            archive.put(key, junk)
        named = entries or [rejected(key, "unreadable") | changes]
        archive.add(content | {"segment": content["segment"] | {"key": r(key, k)}, "rejected": named})
    return deed


def many_rejected(archive: SmallArchive) -> None:
    """256 rejected objects, one more that the link is too short to name, and the segment at -r257."""
    keys = [NEXT_DATA, *(r(NEXT_DATA, k) for k in range(1, 256))]
    for key in [*keys, r(NEXT_DATA, 256)]:
        archive.put(key, b"junk")
    rejecting(b"junk", sorted((rejected(key, "unreadable") for key in keys), key=lambda each: each["key"]), 257)(archive)


def footed(**changes: Any) -> Deed:
    """One more segment, whose footer says something else than its link, which names its bytes."""
    def deed(archive: SmallArchive) -> None:
        archive.seal(rows(200, 210), 200, 210)
        relink(archive, parquet(rows(200, 210), archive.contents[-1] | changes))
    return deed


def beside(change: Callable[[list[Any]], object]) -> Deed:
    """A segment without a fault beside the first link's, of its rows as `change` leaves them."""
    def deed(archive: SmallArchive) -> None:
        made = rows(0, 100, {10, 11, 12})
        change(made)
        content = archive.contents[0] | {"record_count": len(made), "records_root": root(made)}
        archive.put(r(DATA), parquet(made, content))
    return deed


def row(index: int, **changes: Any) -> Callable[[list[Any]], object]:
    return lambda made: made[index].update(changes)


def checkpointed(number: int, by: Key = KEY, at: str | None = None, more: str = "", **changes: str) -> Deed:
    """A checkpoint signed again with another text."""
    return lambda archive: archive.put(at or checkpoint(number), note(archive.log.checkpoint_text(number, **changes) + more, by))


def of_keys(keys: list[Key], change_keys: list[Key], *deeds: Deed) -> Deed:
    """The same archive with other keys in archive.json."""
    def deed(archive: SmallArchive) -> None:
        for path in sorted(archive.folder.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        offline = change_keys[0] if change_keys else KEY
        SmallArchive.__init__(archive, archive.folder, identity(keys, change_keys), offline)
        both(*deeds)(archive)
    return deed


def fifo(key: str) -> Deed:
    def deed(archive: SmallArchive) -> None:
        path = archive.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        os.mkfifo(path)
    return deed


def symbolic(key: str, target: str) -> Deed:
    def deed(archive: SmallArchive) -> None:
        (archive.folder / key).unlink(missing_ok=True)
        (archive.folder / key).symlink_to(target)
    return deed


def sparse(key: str, size: int) -> Deed:
    """A file of zeros that takes no space."""
    def deed(archive: SmallArchive) -> None:
        archive.put(key, b"")
        os.truncate(archive.folder / key, size)
    return deed


ADDED = changing(adding(OTHER))
ROTATED = both(ADDED, gap(OTHER), changing(retiring(KEY, signer=OTHER), OTHER))
ENDED = both(ROTATED, gap(OTHER), entered(OTHER))
UNKNOWN_LINK = {"type": "kivend.link/v9"}

OBJECTS: list[tuple[str, str, Deed]] = [
    ("untouched", "intact", lambda archive: None), ("probes do not count", "intact", plant("probes/1/2")), ("what is reserved", "intact", plant("tile/0/000")), ("what a crash left in a directory store", "intact", plant(".tmp/x")),
    ("a stray object", "tampered", plant("notes.txt")), ("a stray object under links", "tampered", plant("links/payments/1/x.note")), ("a change of keys of older drafts", "tampered", plant("keys/000001.note")),
    ("data folders of older drafts", "tampered", plant("data/topic=payments/partition=1/0000-00000000000000000200.parquet")),
    ("a key of too many digits", "tampered", plant("log/00000000003.note")), ("a key of too few digits", "tampered", plant("log/3.note")), ("an epoch beyond 32 bits", "tampered", plant("links/payments/1/2147483648-00000000000000000000.note")),
    ("a partition beyond 32 bits", "tampered", plant("data/payments/4294967296/0000-00000000000000000000.parquet")), ("a partition with a zero before it", "tampered", plant("data/payments/01/0000-00000000000000000000.parquet")), ("a topic of one dot", "tampered", plant("links/./1/0000-00000000000000000000.note")),
    ("attempt 0", "tampered", plant(link(1).replace(".note", "-r0.note"))), ("an attempt with a zero before it", "tampered", plant(link(1).replace(".note", "-r01.note"))), ("an attempt beyond 32 bits", "tampered", plant(r(link(1), 2**31))), ("an attempt of archive.json", "tampered", plant("archive-r1.json")),
    ("archive.json gone", "incomplete", remove("archive.json")), ("archive.json changed", "tampered", plant("archive.json", ARCHIVE.replace(b"10:00:00", b"10:00:01"))), ("archive.json malformed", "tampered", plant("archive.json", ARCHIVE + b" ")),
    ("archive.json of version 2", "unverifiable", plant("archive.json", ARCHIVE.replace(b"archive/v1", b"archive/v2"))), ("archive.json of another archive", "tampered", plant("archive.json", ARCHIVE.replace(ARCHIVE_ID.encode(), b"f" * 32))),
    ("archive.json beyond its limit", "tampered", sparse("archive.json", (64 << 10) + 1)), ("a FIFO for archive.json", "unverifiable", fifo("archive.json")), ("a FIFO for an entry", "unverifiable", fifo(entry(1))), ("a FIFO for a link", "unverifiable", fifo(link(1))), ("a FIFO for a segment", "unverifiable", fifo(DATA)),
    ("a symbolic link to a device for a segment", "unverifiable", symbolic(DATA, "/dev/zero")), ("a FIFO where nothing may stand", "tampered", fifo("x")),
]

SEGMENTS: list[tuple[str, str, Deed]] = [
    ("a segment gone", "incomplete", remove(DATA)), ("the segments swapped", "tampered", both(move(DATA, "x"), move(DATA_2, DATA), move("x", DATA_2))), ("a segment beyond its limit", "tampered", sparse(DATA, (512 << 20) + 1)),
    ("junk beside a segment", "tampered", plant(r(DATA))), ("junk at the next offset", "intact", plant(NEXT_DATA)), ("a giant at the next offset", "intact", sparse(NEXT_DATA, (512 << 20) + 1)), ("junk further on", "tampered", plant("data/payments/1/0000-00000000000000000201.parquet")),
    ("junk in an epoch that nothing began", "tampered", plant("data/payments/1/0001-00000000000000000000.parquet")), ("junk where the first segment of a partition would stand", "intact", plant("data/payments/7/0000-00000000000000000000.parquet")), ("junk where none would stand", "tampered", plant("data/payments/7/0000-00000000000000000005.parquet")),
    ("a copy of a segment beside it", "intact", copy(DATA, r(DATA))), ("a copy of a segment beside another", "tampered", copy(DATA, r(DATA_2))), ("a copy with records missing", "intact", beside(lambda made: made.pop(50))), ("a copy with another record", "tampered", beside(row(3, value=b"{}", event_ts=None, amount=None, raw=None))),
    ("a copy whose records changed places", "tampered", beside(lambda made: made.reverse())), ("a segment gone with a copy beside it", "tampered", both(copy(DATA, r(DATA)), remove(DATA))),
    ("a record changed under a signed link", "tampered", resealed(row(3, value=b"{}", event_ts=None, amount=None, raw=None))), ("a record gone under a signed link", "tampered", resealed(lambda made: made.pop())), ("a record too many under a signed link", "tampered", resealed(lambda made: made.append(made[-1] | {"offset": 210}))),
    ("records out of order", "tampered", resealed(lambda made: made.reverse())), ("a footer that names another link before it", "tampered", footed(previous=sha(b"x"))), ("a footer that names another range", "tampered", footed(next_offset=211)), ("the same records in other pages than its link names", "tampered", lambda archive: archive.put(DATA, parquet(rows(0, 100, {10, 11, 12}), archive.contents[0], page_rows=7))),
    ("sealed again without change", "intact", resealed(lambda made: None)), ("a typed column that is not the value's", "tampered", resealed(row(0, amount=1.0))), ("a parse error invented", "tampered", resealed(row(0, parse_error="field_type"))),
    ("a rejected object", "intact", rejecting(b"junk")), ("a rejected object gone", "incomplete", rejecting(None)), ("a rejected object changed", "tampered", rejecting(b"funk")), ("an object rejected for its size", "intact", both(rejecting(None, [too_large(NEXT_DATA)]), sparse(NEXT_DATA, (512 << 20) + 1))),
    ("an object rejected for its size is another", "tampered", both(rejecting(None, [too_large(NEXT_DATA)]), sparse(NEXT_DATA, (512 << 20) + 2))), ("more rejected than a link can name", "intact", many_rejected),
]

LINKS: list[tuple[str, str, Deed]] = [
    ("one more link", "intact", further(200, 210)), ("a hole after the last record", "intact", further(200, 210, rows(200, 210, {208, 209}), [[208, 210]])), ("a link with another minimum", "tampered", further(200, 210, min_timestamp_ms=1)), ("a link with another root", "tampered", further(200, 210, records_root=sha(b"x"))),
    ("a link whose absent are others", "tampered", further(200, 210, rows(200, 210, {205}), [[206, 207]])), ("records of an unknown encoding", "unverifiable", further(200, 210, encoding=2)), ("a segment of an unknown encoding changed", "tampered", both(further(200, 210, encoding=2), plant(NEXT_DATA))),
    ("the last link gone, which the log names", "incomplete", remove(link(3))), ("a link in the middle gone", "incomplete", remove(link(2))), ("a link in the middle gone with its segment", "incomplete", remove(link(1), DATA_2)), ("a link in the middle gone: its segment is left over", "tampered", remove(link(1))),
    ("all links gone", "tampered", remove(*map(link, range(4)))), ("all links gone with their segments", "incomplete", remove(*map(link, range(4)), DATA, DATA_2)), ("a link that no entry names gone", "intact", both(gap(), remove(NEXT_LINK))),
    ("junk for the last link, which the log names", "tampered", plant(link(3))), ("junk for a link in the middle", "tampered", plant(link(1))), ("junk at the next link", "intact", plant(NEXT_LINK)), ("junk below a link", "intact", both(move(link(1), r(link(1))), plant(link(1)))), ("junk above a link", "tampered", plant(r(link(1)))),
    ("a giant at the next link", "intact", sparse(NEXT_LINK, (1 << 20) + 1)), ("a giant for a link", "tampered", sparse(link(1), (1 << 20) + 1)), ("an attempt missing below a link", "incomplete", move(link(1), r(link(1)))), ("junk at the next epoch, which nothing began", "tampered", plant("links/payments/1/0001-00000000000000000000.note")),
    ("junk where another partition's first link would stand", "intact", plant("links/payments/7/0000-00000000000000000000.note")), ("junk further on", "tampered", plant("links/payments/1/0000-00000000000000000201.note")),
    ("a link twice at its place", "intact", copy(link(1), r(link(1)))), ("a link at another's place", "intact", both(move(link(1), r(link(1))), copy(link(0), link(1)))), ("a link at the next place", "intact", copy(link(1), NEXT_LINK)), ("a link where none can stand", "intact", copy(link(1), "links/payments/1/0000-00000000000000000007.note")),
    ("a link of another partition's place", "intact", copy(link(0), "links/payments/7/0000-00000000000000000000.note")), ("an entry at a link's place", "intact", copy(entry(1), NEXT_LINK)), ("a checkpoint at a link's place", "intact", copy(checkpoint(1), NEXT_LINK)),
    ("another valid link instead of the one chained", "tampered", relinked(1, seal_reason="bytes")), ("a second link at a place", "tampered", relinked(3, at=r(link(3)), sealed_by="another")), ("a link that breaks a rule", "tampered", relinked(3, seal_reason="age")), ("a link that breaks a rule, at the next place", "tampered", signed(NEXT_LINK, {"type": "kivend.link/v1"})),
    ("a note that is not canonical at the next place", "tampered", plant(NEXT_LINK, note('{"type": "kivend.link/v1"}\n', KEY))), ("a link of an unknown type", "unverifiable", relinked(3, **UNKNOWN_LINK)), ("an unknown link before a fault", "unverifiable", both(relinked(1, **UNKNOWN_LINK), plant(r(DATA_2, 7)))),
    ("a fault before an unknown link", "tampered", both(relinked(1, **UNKNOWN_LINK), plant(DATA))), ("an unknown link of another place", "intact", signed(NEXT_LINK, {"type": "kivend.link/v9", "first_offset": 7})), ("a link after a hole", "tampered", further(201, 210)), ("a link of a greater height", "tampered", further(200, 210, height=5)),
    ("a link of another archive", "intact", lambda archive: archive.put(NEXT_LINK, note(canonical(archive.following() | {"archive_id": "f" * 32}), KEY))), ("a link signed by a stranger", "intact", gap(STRANGER)),
    ("a link that names a checkpoint that never was", "incomplete", gap(checkpoint={"number": 9, "root": sha(b"x")})), ("a link that names another root", "tampered", gap(checkpoint={"number": 2, "root": sha(b"x")})),
    ("a link that names an older checkpoint", "tampered", lambda archive: archive.gap(checkpoint=archive.log.named(0))), ("another cluster within an epoch", "tampered", gap(cluster_id="other")), ("a leader epoch that falls", "tampered", further(200, 210, leader_epoch=3)), ("a leader epoch that grows", "intact", both(further(200, 210, leader_epoch=9), further(210, 220, leader_epoch=None))), ("a leader epoch of no record", "tampered", gap(leader_epoch=4)),
    ("the topic was created anew", "intact", both(closing("recreated", 0), sealed(0, 10, 1), entered())), ("the topic was created anew, and nothing came", "intact", closing("recreated", 0)), ("a new epoch without a closing link", "tampered", further(0, 10, epoch=1)), ("an epoch left out", "tampered", both(closing("recreated", 0), further(0, 10, epoch=2))),
    ("the log was cut back", "intact", both(closing("diverged", 120), sealed(120, 160, 1), entered())), ("it was cut back, and the next epoch begins elsewhere", "tampered", both(closing("diverged", 120), sealed(110, 160, 1))), ("the leader epoch falls after it was cut back", "tampered", both(closing("diverged", 120), further(120, 130, epoch=1, leader_epoch=3))),
    ("cut back before the end of the first link: any leader epoch", "intact", both(closing("diverged", 50), further(50, 60, epoch=1, leader_epoch=0))), ("created anew, closed again before a record", "intact", both(closing("recreated", 0), closing("recreated", 0), sealed(0, 10, 2))), ("another cluster after it was cut back", "tampered", both(closing("diverged", 120), further(120, 130, epoch=1, cluster_id="other"))), ("another cluster where the topic was created anew", "intact", both(closing("recreated", 0), further(0, 10, epoch=1, cluster_id="other"))), ("a link after the closing one in its epoch", "tampered", both(closing("recreated", 0), lambda archive: archive.gap(epoch=0, first_offset=200, next_offset=210, absent=[[200, 210]]))),
    ("a closing link beside a link", "tampered", both(gap(), lambda archive: archive.put(r(NEXT_LINK), note(canonical(archive.contents[-1] | {"next_offset": 200, "absent": [], "seal_reason": "recreated", "next_epoch_at": 0}), KEY)))),
    ("junk at the end of a closed epoch", "intact", both(closing("recreated", 0), plant(NEXT_DATA))), ("junk where the next epoch begins", "intact", both(closing("diverged", 120), plant("data/payments/1/0001-00000000000000000120.parquet"), plant("links/payments/1/0001-00000000000000000120.note"))),
    ("junk at another offset of the next epoch", "tampered", both(closing("diverged", 120), plant("data/payments/1/0001-00000000000000000000.parquet"))), ("a closing link gone", "incomplete", both(closing("recreated", 0), sealed(0, 10, 1), remove(NEXT_LINK))),
    ("the segments of the closed epoch stay", "incomplete", both(closing("recreated", 0), sealed(0, 10, 1), remove(DATA))),
]

LOG: list[tuple[str, str, Deed]] = [
    ("one more entry", "intact", entered()), ("the newest entry without its checkpoint", "intact", remove(checkpoint(2))), ("the newest entry gone with its checkpoint: nothing inside can know", "intact", remove(entry(2), checkpoint(2))), ("the newest entry gone, whose checkpoint stands", "incomplete", remove(entry(2))),
    ("an entry in the middle gone", "incomplete", remove(entry(1))), ("entry 0 gone", "incomplete", remove(entry(0))), ("the whole log gone", "incomplete", remove(*map(entry, range(3)), *map(checkpoint, range(3)))), ("all checkpoints gone", "incomplete", remove(*map(checkpoint, range(3)))), ("checkpoint 1 gone", "incomplete", remove(checkpoint(1))),
    ("entries and checkpoints gone that a link names", "incomplete", both(gap(), remove(entry(2), checkpoint(2)))), ("junk for the newest entry, whose checkpoint stands", "tampered", plant(entry(2))), ("junk for the newest entry and its checkpoint", "intact", both(plant(entry(2)), remove(checkpoint(2)))),
    ("junk for an entry in the middle", "tampered", plant(entry(1))), ("junk at the next entry", "intact", plant(entry(3))), ("junk further on", "tampered", plant(entry(4))), ("junk below an entry", "intact", both(move(entry(1), r(entry(1))), plant(entry(1)))), ("junk above an entry", "tampered", plant(r(entry(1)))),
    ("a giant below an entry", "intact", both(move(entry(1), r(entry(1))), sparse(entry(1), (64 << 20) + 1))), ("an attempt missing below an entry", "incomplete", move(entry(1), r(entry(1), 2))), ("a stranger signs the next entry", "intact", reentered(2, STRANGER, entry(3), number=3)),
    ("an entry twice at its place", "intact", copy(entry(1), r(entry(1)))), ("an entry at another's place", "intact", both(move(entry(2), r(entry(2))), copy(entry(1), entry(2)))), ("an entry at the next number", "intact", copy(entry(1), entry(3))), ("an entry far above", "intact", copy(entry(1), entry(9))),
    ("a link at an entry's place", "intact", copy(link(0), entry(3))), ("a checkpoint at an entry's place", "intact", copy(checkpoint(0), entry(3))), ("a second entry at a place", "tampered", reentered(1, at=r(entry(1)), groups=None)),
    ("another entry instead of the one that a checkpoint covers", "tampered", reentered(1, groups=None)), ("the newest entry signed again without its checkpoint: nothing inside can know", "intact", both(remove(checkpoint(2)), reentered(2, groups=None))), ("an entry with another tree", "tampered", reentered(2, tree=[sha(b"x")])),
    ("an entry that names another archive.json", "tampered", reentered(2, archive_sha256=sha(b"x"))), ("an entry that is not canonical", "tampered", plant(entry(3), note('{"type": "kivend.entry/v1"}\n', KEY))), ("an entry that does not continue the newest", "tampered", both(entered(), remove(entry(3), checkpoint(3)), reentered(3, tree=[sha(b"x")] * 2))),
    ("an entry with one missing before it", "incomplete", both(entered(), entered(), remove(entry(3), checkpoint(3)))), ("an entry of another archive", "intact", reentered(2, at=entry(3), archive_id="f" * 32)), ("an entry of an unknown type", "unverifiable", signed(entry(3), {"type": "kivend.entry/v2"})),
    ("an unknown entry of another number", "intact", signed(entry(3), {"type": "kivend.entry/v2", "number": 4})), ("an unknown entry before a fault", "unverifiable", both(signed(entry(3), {"type": "kivend.entry/v2"}), plant(entry(5)))), ("an unknown entry with one missing before it", "incomplete", signed(entry(4), {"type": "kivend.entry/v2"})), ("an unknown entry by a stranger", "intact", signed(entry(3), {"type": "kivend.entry/v2"}, STRANGER)),
    ("a head with another log root", "tampered", entered(head={"log_root": sha(b"x")})), ("a head with another link", "tampered", both(gap(), entered(head={"link": sha(b"x")}))), ("the same height with another link", "tampered", entered(head={"link": sha(b"x")})), ("a head with another next offset", "tampered", both(gap(), entered(head={"next_offset": 201}))),
    ("a head of another epoch", "tampered", both(gap(), entered(head={"epoch": 1}))), ("a head beyond the chain", "incomplete", entered(head={"height": 4})), ("a head that goes back", "tampered", entered(head={"height": 2})), ("a partition that is forgotten", "tampered", entered(head={"link": None})),
    ("groups that nobody has", "intact", entered(groups=[["billing", "payments", 1, 99999]])), ("groups that could not be read", "intact", entered(groups=None)), ("an entry with a time before the last one", "intact", entered(at="1999-01-01T00:00:00Z")),
    ("a checkpoint of another root", "tampered", lambda archive: archive.put(checkpoint(2), note(archive.log.checkpoint_text(2).replace(archive.log.checkpoint_text(2).split("\n")[2], archive.log.checkpoint_text(1).split("\n")[2]), KEY))),
    ("a checkpoint twice at its place", "intact", copy(checkpoint(1), r(checkpoint(1)))), ("a checkpoint at another's place", "intact", both(move(checkpoint(2), r(checkpoint(2))), copy(checkpoint(1), checkpoint(2)))), ("a checkpoint at the next number", "intact", copy(checkpoint(1), checkpoint(3))), ("an entry at a checkpoint's place", "intact", copy(entry(1), checkpoint(3))),
    ("junk for the newest checkpoint", "intact", plant(checkpoint(2))), ("junk for a checkpoint in the middle", "tampered", plant(checkpoint(1))), ("junk for the newest checkpoint, which a link names", "tampered", both(gap(), plant(checkpoint(2)))), ("junk at the next checkpoint", "intact", plant(checkpoint(3))), ("junk at a later checkpoint", "tampered", plant(checkpoint(4))),
    ("junk for checkpoint n where entry n + 1 stands", "tampered", both(entered(), remove(checkpoint(3)), plant(checkpoint(2)))), ("a checkpoint with a further line", "unverifiable", checkpointed(2, more="more\n")), ("a checkpoint with a further line, at another number", "intact", checkpointed(1, at=checkpoint(3), more="more\n")),
    ("a checkpoint whose entry is missing", "incomplete", both(entered(), remove(entry(3)))), ("a checkpoint of another origin", "intact", checkpointed(2, at=checkpoint(3), kivend="elsewhere")), ("a note that is no checkpoint", "tampered", plant(checkpoint(2), note("hello\n", KEY))), ("an attempt missing below a checkpoint", "incomplete", move(checkpoint(1), r(checkpoint(1)))),
    ("cosignatures that nobody can check", "intact", plant("cosignatures/0000000001/" + sha(b"junk") + ".txt")), ("a cosignature under another name", "intact", plant("cosignatures/0000000001/" + sha(b"x") + ".txt")), ("a cosignature beyond its limit", "intact", sparse("cosignatures/0000000001/" + sha(b"x") + ".txt", 9000)), ("a key of no cosignature", "tampered", plant("cosignatures/0000000001/x.txt")),
]

CHANGES: list[tuple[str, str, Deed]] = [
    ("a key added", "intact", ADDED), ("a key added that did not sign", "tampered", changing(lambda archive: note(archive.log.adding("keys", [OTHER], KEY).decode().split("\n\n")[0] + "\n", KEY))), ("a key added by a stranger", "tampered", changing(adding(OTHER, signer=STRANGER))),
    ("the only key retired", "tampered", changing(retiring(KEY))), ("a change that does nothing", "tampered", changing(adding())), ("a change of another sequence", "tampered", changing(adding(OTHER, sequence=2))), ("change keys that archive.json does not have", "tampered", changing(adding(OTHER, of="change_keys"))),
    ("a change of an unknown type", "unverifiable", changing(lambda archive: note(canonical({"type": "kivend.change/v2"}), KEY))), ("an unknown change before a fault in a link", "tampered", both(changing(lambda archive: note(canonical({"type": "kivend.change/v2"}), KEY)), relinked(3, seal_reason="age"))),
    ("keys rotated", "intact", ROTATED), ("keys rotated, with the entry after", "intact", ENDED), ("the entry gone that adds a key", "tampered", both(ROTATED, remove(entry(3)))), ("the entry gone that retires a key: nothing inside can know", "intact", both(ROTATED, remove(entry(4), checkpoint(4)))),
    ("an added key signs the next link", "intact", both(ADDED, gap(OTHER))), ("an added key signs the next entry", "intact", both(ADDED, gap(OTHER), entered(OTHER))), ("an added key signs its own entry: nobody knows it", "intact", changing(adding(OTHER), OTHER)), ("an added key signs the checkpoint of its entry", "intact", changing(adding(OTHER), KEY, OTHER)),
    ("an added key signs a link below its time", "tampered", both(ADDED, relinked(3, OTHER))), ("an added key signs below its time, in a partition without a head", "tampered", both(ADDED, lambda archive: archive.put("links/orders/0/0000-00000000000000000000.note", note(canonical({"type": "kivend.link/v1"}), OTHER)))),
    ("a retired key signs the next link, undecided", "intact", both(ROTATED, gap(KEY))), ("the next entry covers it", "intact", both(ROTATED, gap(KEY), entered(OTHER))), ("a retired key signs the next link", "intact", both(ENDED, gap(KEY))), ("a retired key signs on, and others build on it", "tampered", both(ENDED, gap(KEY), gap(OTHER))),
    ("a retired key lies about its link's height", "intact", both(ENDED, gap(KEY, height=2))), ("a retired key signs a link that breaks a rule", "tampered", both(ENDED, signed("links/payments/1/0000-00000000000000000220.note", {"type": "kivend.link/v1"}))),
    ("a retired key signs an unknown link", "intact", both(ENDED, signed("links/payments/1/0000-00000000000000000220.note", {"type": "kivend.link/v2"}))), ("a retired key begins a partition", "intact", both(ENDED, lambda archive: archive.put("links/orders/0/0000-00000000000000000000.note", note(canonical(archive.contents[2] | {"topic": "orders", "partition": 0, "first_offset": 0, "next_offset": 3, "absent": [[0, 3]]}), KEY)))),
    ("a retired key signs a second link at an old place", "tampered", both(ENDED, relinked(1, at=r(link(1)), sealed_by="another"))), ("a retired key signs the next entry", "tampered", both(ENDED, lambda archive: archive.put(entry(6), note(canonical(archive.log.content(archive.heads())), KEY)))),
    ("a retired key signs an unknown entry", "intact", both(ENDED, signed(entry(6), {"type": "kivend.entry/v2"}))), ("a retired key signs an entry far above", "tampered", both(ENDED, lambda archive: archive.put(entry(9), note(canonical(archive.log.content(archive.heads(), number=9)), KEY)))),
    ("a retired key signs beside an entry after its time", "tampered", both(ENDED, lambda archive: archive.put(r(entry(5)), archive.again(5, KEY, groups=None)))), ("a retired key signs below an entry after its time", "intact", both(ENDED, move(entry(5), r(entry(5))), lambda archive: archive.put(entry(5), archive.again(5, KEY, groups=None)))),
    ("a retired key signs the checkpoint of the entry that retires it", "tampered", both(ENDED, lambda archive: archive.put(r(checkpoint(4)), archive.log.checkpoint(4, KEY)))), ("a retired key signs the next checkpoint", "intact", both(ENDED, lambda archive: archive.put(checkpoint(6), note(archive.log.checkpoint_text(5).replace("\n6\n", "\n7\n"), KEY)))),
    ("a retired key added again", "tampered", both(ROTATED, changing(adding(KEY, signer=OTHER), OTHER))), ("a key signs an entry after it is added, and is named as retired by nobody", "intact", both(ADDED, entered(OTHER), changing(adding(THIRD, signer=OTHER), OTHER))),
    ("a change of one signer at the next entry", "intact", both(changing(keeping(("payments", 1, 1))), lambda archive: archive.put(entry(4), archive.log.changes[0]))), ("a change of two signers there is junk", "intact", both(ADDED, lambda archive: archive.put(entry(4), archive.log.changes[0]))),
    ("retention lets a segment go", "intact", both(changing(keeping(("payments", 1, 2))), remove(DATA, DATA_2))), ("retention below the segment that is gone", "incomplete", both(changing(keeping(("payments", 1, 1))), remove(DATA_2))), ("retention whose checkpoint does not stand", "incomplete", both(changing(keeping(("payments", 1, 2))), remove(checkpoint(3), DATA))),
    ("retention lets no link go", "incomplete", both(changing(keeping(("payments", 1, 2))), remove(link(0), DATA))), ("what still stands is checked", "tampered", both(changing(keeping(("payments", 1, 2))), plant(DATA))), ("retention lets a rejected object go", "intact", both(rejecting(None), changing(keeping(("payments", 1, 4))), further(210, 220), changing(keeping(("payments", 1, 5))))),
    ("retention above the head", "tampered", changing(keeping(("payments", 1, 4)))), ("retention that falls", "tampered", both(changing(keeping(("payments", 1, 2))), changing(keeping(("payments", 1, 1))))), ("an orphan beside a segment that retention removed", "intact", both(beside(lambda made: made.pop(50)), changing(keeping(("payments", 1, 1))), remove(DATA))),
    ("junk beside a segment that retention removed", "tampered", both(changing(keeping(("payments", 1, 1))), remove(DATA), plant(r(DATA)))),
]

CASES = OBJECTS + SEGMENTS + LINKS + LOG + CHANGES


# ---- with keys, saved checkpoints and witnesses from elsewhere --------------------------------------------------------
class Given:
    """What the verifier is given; `saved` takes the archive that was written and returns the files."""

    def __init__(self, *keys: Key, saved: Callable[[SmallArchive], list[bytes]] | None = None, witnesses: tuple[Key, ...] = (), quorum: int | None = None, origin: str | None = None) -> None:
        self.keys, self.saved, self.witnesses, self.quorum, self.origin = [key.public_text for key in keys], saved, [key.public_text for key in witnesses], quorum, origin


def saving(number: int, by: Key = KEY, *witnesses: Key) -> Callable[[SmallArchive], list[bytes]]:
    """Checkpoint `number` of the archive, as somebody saved it, with cosignature lines."""
    def saved(archive: SmallArchive) -> list[bytes]:
        text = archive.log.checkpoint_text(number)
        return [note(text, by) + "".join(witness.cosignature(text, 1770113700) for witness in witnesses).encode()]
    return saved


def cosigned(number: int, *witnesses: Key) -> Deed:
    """Cosignatures in the archive."""
    def deed(archive: SmallArchive) -> None:
        for witness in witnesses:
            line = witness.cosignature(archive.log.checkpoint_text(number), 1770113700).encode()
            archive.put(f"cosignatures/{number:010}/{sha(line)}.txt", line)
    return deed


def cut(number: int) -> Deed:
    """The newest entries and checkpoints from `number` on gone, after the archive was saved."""
    return lambda archive: [path.unlink() for folder in ("log", "checkpoints") for path in (archive.folder / folder).iterdir() if int(path.name[:10]) >= number]


def forked(archive: SmallArchive) -> list[bytes]:
    """A checkpoint of another log, of the same size and by the same key."""
    other = archive.log.checkpoint_text(1).split("\n")[2]
    text = archive.log.checkpoint_text(2)
    return [note(text.replace(text.split("\n")[2], other), KEY)]


TWO = (WITNESS, SECOND_WITNESS)
OFFLINE = both(gap(), entered())
TWO_KEYS, CHANGER_TOO = [KEY, OTHER], [CHANGER]
BY_CHANGER = changing(adding(OTHER, signer=CHANGER))
LATER = both(gap(OTHER), entered(OTHER))

BROUGHT: list[tuple[str, str, Deed, Given]] = [
    ("the right key", "intact", both(), Given(KEY)), ("another key", "tampered", both(), Given(OTHER)), ("a key that never was, and the right one", "intact", both(), Given(KEY, THIRD)), ("the first key, then rotated", "intact", ENDED, Given(KEY)),
    ("an added key, which signed checkpoints since", "intact", ENDED, Given(OTHER)), ("an added key that signed links since, but no checkpoint", "unverifiable", both(ADDED, gap(OTHER)), Given(OTHER)), ("an added key that signed nothing else", "tampered", ADDED, Given(OTHER)),
    ("one of two keys of archive.json, which signed nothing", "tampered", of_keys(TWO_KEYS, []), Given(OTHER)), ("one of two keys, which signed a link last", "unverifiable", of_keys(TWO_KEYS, [], gap(OTHER)), Given(OTHER)), ("one of two keys, which signed a checkpoint last", "intact", of_keys(TWO_KEYS, [], entered(KEY, checkpoint_by=OTHER)), Given(OTHER)),
    ("one of two keys: a link of the other above", "unverifiable", of_keys(TWO_KEYS, [], gap(OTHER)), Given(KEY)), ("one of two keys: an entry of the other above", "unverifiable", of_keys(TWO_KEYS, [], entered(OTHER)), Given(KEY)), ("one of two keys: its checkpoint covers the other's entry", "intact", of_keys(TWO_KEYS, [], entered(OTHER, checkpoint_by=KEY)), Given(KEY)),
    ("both of two keys", "intact", of_keys(TWO_KEYS, [], gap(OTHER), entered(OTHER)), Given(KEY, OTHER)), ("added by the other of two keys", "unverifiable", of_keys(TWO_KEYS, [], changing(adding(THIRD, signer=OTHER)), gap(THIRD)), Given(KEY)), ("added by it", "intact", of_keys(TWO_KEYS, [], changing(adding(THIRD)), gap(THIRD), entered(THIRD)), Given(KEY)),
    ("retired by the other", "unverifiable", of_keys(TWO_KEYS, [], changing(retiring(KEY, signer=OTHER), OTHER), entered(OTHER)), Given(KEY)),
    ("a change key signed checkpoint 0", "intact", of_keys([KEY], CHANGER_TOO), Given(CHANGER)), ("a change key, and keys that it added", "intact", of_keys([KEY], CHANGER_TOO, BY_CHANGER, LATER), Given(CHANGER)), ("a key of entries where change keys are", "intact", of_keys([KEY], CHANGER_TOO), Given(KEY)), ("a key of entries does not vouch for keys added later", "unverifiable", of_keys([KEY], CHANGER_TOO, BY_CHANGER, LATER), Given(KEY)),
    ("a change key whose checkpoint 0 is gone", "tampered", of_keys([KEY], CHANGER_TOO, remove(checkpoint(0))), Given(CHANGER)), ("checkpoint 0 by another key", "tampered", of_keys([KEY], CHANGER_TOO, lambda archive: archive.put(checkpoint(0), archive.log.checkpoint(0, KEY))), Given()), ("a change key added later vouches for its checkpoint", "intact", of_keys([KEY], CHANGER_TOO, changing(adding(NEXT_CHANGER, of="change_keys", signer=CHANGER), KEY, NEXT_CHANGER)), Given(NEXT_CHANGER)),
    ("a change key added later has no descendants of archive.json", "unverifiable", of_keys([KEY], CHANGER_TOO, changing(adding(NEXT_CHANGER, of="change_keys", signer=CHANGER), KEY, NEXT_CHANGER), OFFLINE), Given(NEXT_CHANGER)), ("changes by a key of entries where change keys are", "tampered", of_keys([KEY], CHANGER_TOO, changing(adding(OTHER))), Given()),
    ("the newest checkpoint was saved", "intact", both(), Given(saved=saving(2))), ("an older one was saved", "intact", OFFLINE, Given(saved=saving(1))), ("a saved checkpoint whose entries are gone", "incomplete", cut(2), Given(saved=saving(2))), ("a saved checkpoint of another log", "tampered", both(), Given(saved=forked)), ("a saved checkpoint by a stranger", "unverifiable", both(), Given(saved=saving(2, STRANGER))),
    ("a saved checkpoint of another origin", "unverifiable", both(), Given(saved=lambda archive: [note(archive.log.checkpoint_text(2, **{ORIGIN: "elsewhere"}), KEY)])), ("a saved checkpoint with further lines", "unverifiable", both(), Given(saved=lambda archive: [note(archive.log.checkpoint_text(2) + "more\n", KEY)])), ("a file that is no checkpoint", "unverifiable", both(), Given(KEY, saved=lambda archive: [b"hello", b"\xff"])),
    ("a saved checkpoint whose size was turned, so that its signature fails", "unverifiable", both(), Given(saved=lambda archive: [saving(2)(archive)[0].replace(b"\n3\n", b"\n2\n")])), ("a saved checkpoint that was cut off, and a key", "incomplete", cut(2), Given(KEY, saved=saving(2))), ("a saved checkpoint proves what a given key does not", "intact", of_keys(TWO_KEYS, [], gap(OTHER), entered(OTHER)), Given(KEY, saved=saving(3, OTHER))), ("keys added above a saved checkpoint", "intact", both(ADDED, LATER), Given(saved=saving(2))), ("junk for a checkpoint that was saved", "tampered", plant(checkpoint(2)), Given(saved=saving(2))),
    ("cosigned as the policy asks", "intact", cosigned(2, *TWO), Given(witnesses=TWO, quorum=2, origin=ORIGIN)), ("cosigned by one of two that are asked", "intact", cosigned(2, WITNESS), Given(witnesses=TWO, quorum=1, origin=ORIGIN)), ("cosigned by too few", "unverifiable", cosigned(2, WITNESS), Given(witnesses=TWO, quorum=2, origin=ORIGIN)), ("not cosigned", "unverifiable", both(), Given(witnesses=TWO, quorum=1, origin=ORIGIN)),
    ("cosigned, and another origin was meant", "unverifiable", cosigned(2, *TWO), Given(witnesses=TWO, quorum=1, origin="elsewhere")), ("cosigned, and nothing tells that it is this log", "unverifiable", cosigned(2, *TWO), Given(witnesses=TWO, quorum=1)), ("cosigned with a key", "intact", cosigned(1, *TWO), Given(KEY, witnesses=TWO, quorum=2)), ("cosigned with another key", "tampered", cosigned(2, *TWO), Given(STRANGER, witnesses=TWO, quorum=2)),
    ("a cosignature over another checkpoint", "unverifiable", lambda archive: archive.put("cosignatures/0000000002/" + sha(line := WITNESS.cosignature(archive.log.checkpoint_text(1), 5).encode()) + ".txt", line), Given(witnesses=(WITNESS,), origin=ORIGIN)), ("a cosigned checkpoint was saved", "intact", both(), Given(saved=saving(2, KEY, *TWO), witnesses=TWO, quorum=2, origin=ORIGIN)),
]
