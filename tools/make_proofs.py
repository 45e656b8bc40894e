"""Makes the golden vectors of proof files (docs/FORMAT.md, section 8.1) for make_vectors.py: small archives with changes of
keys, proofs of their records and of their growth, and files that each break one rule.

Shares no code with kivend or with verify_proof.py. Files that only a forger would write are made by make_forged_proofs.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from format_writer import (
    CHANGER, EMPTY_ROOT, KEY, NEXT_CHANGER, ORIGIN, OTHER, SECOND_WITNESS, STRANGER, THIRD, WITNESS,
    Content, Key, b64, canonical, identity, note, sha, signed_with,
)
from log_writer import Head, leaf_of
from make_forged_proofs import consistent, forged
from proof_writer import NOTHING, TIME, Archive, Case, cosigned, given, of_growth, of_record, of_records


def with_change_keys() -> Archive:
    """KEY signs; 2 adds OTHER; 4 retires KEY; 6 adds NEXT_CHANGER. CHANGER signs the changes, and checkpoints 0 and 3."""
    made = Archive(identity([KEY], [CHANGER]))
    made.grow("payments", 1, 3, KEY)
    made.grow("orders", 0, 2, KEY)
    made.grow("user-events", 0, 1, KEY)
    made.entry(KEY)
    made.grow("payments", 1, 2, KEY)
    made.entry(KEY, made.log.adding("keys", [OTHER], CHANGER))
    made.grow("payments", 1, 2, OTHER)
    made.entry(OTHER)
    made.entry(OTHER, made.log.retiring("keys", [KEY], CHANGER))
    made.grow("orders", 0, 3, OTHER)
    made.entry(OTHER)
    made.entry(OTHER, made.log.adding("change_keys", [NEXT_CHANGER], CHANGER))
    return made


def without() -> Archive:
    """KEY and THIRD in archive.json; KEY adds OTHER in 1, and OTHER signs from then on."""
    made = Archive(identity([KEY, THIRD], []))
    made.grow("payments", 1, 2, THIRD)
    made.entry(KEY, made.log.adding("keys", [OTHER], KEY))
    made.grow("payments", 1, 1, OTHER)
    made.entry(OTHER)
    return made


def proofs() -> dict[str, Any]:
    made, alone = with_change_keys(), without()
    record, late = made.record("payments", 1, 1, 3, 1, (1, KEY), 0), made.record("payments", 1, 6, 4, 3, (5, OTHER), 2)
    grown = made.growth((1, KEY), (3, OTHER), 1)
    many = made.records({("orders", 0): {1: [0]}, ("payments", 1): {0: [1, 4], 2: [0, 1, 2, 3, 4]}}, 1, (1, KEY), 0)
    many_shown = {"records": [["orders", 0, 6], ["payments", 1, 1], ["payments", 1, 5], *(["payments", 1, offset] for offset in (12, 13, 14, 16, 17))]}
    all_of = {("orders", 0): {height: list(range(5)) for height in range(5)}, ("payments", 1): {height: list(range(5)) for height in range(7)}, ("user-events", 0): {0: list(range(5))}}
    every = [[topic, partition, 6 * height + offset] for (topic, partition), chosen in all_of.items() for height in chosen for offset in (0, 1, 2, 4, 5)]
    shown = {"topic": "payments", "partition": 1, "offset": 10}
    one, both = (WITNESS,), (WITNESS, SECOND_WITNESS)
    valid: list[tuple[str, Content, list[Content], bytes]] = [
        ("a record by the first entry that covers it", shown, [NOTHING, given(KEY), given(KEY, STRANGER)], of_record(record)),
        ("the same with checkpoint 0", shown, [NOTHING, given(KEY), given(CHANGER)], of_record(record | {"first": made.first()})),
        ("the same by a later leaf", shown, [NOTHING, given(KEY)], of_record(made.record("payments", 1, 1, 3, 2, (2, KEY), 0))),
        ("the same by a checkpoint of a change key", shown, [NOTHING, given(CHANGER)], of_record(made.record("payments", 1, 1, 3, 1, (3, CHANGER), 0))),
        ("a record by a checkpoint of an added key", {**shown, "offset": 41}, [NOTHING, given(OTHER), given(CHANGER), given(KEY, CHANGER)], of_record(late)),
        ("the same with every change", {**shown, "offset": 41}, [NOTHING, given(OTHER), given(CHANGER)], of_record(made.record("payments", 1, 6, 4, 3, (6, OTHER), 3))),
        ("a link by a key that was retired since", shown, [NOTHING, given(OTHER), given(CHANGER)], of_record(made.record("payments", 1, 1, 3, 3, (5, OTHER), 2))),
        ("the only link of a partition", {"topic": "user-events", "partition": 0, "offset": 0}, [NOTHING, given(KEY)], of_record(made.record("user-events", 0, 0, 0, 1, (1, KEY), 0))),
        ("keys that sign changes themselves", {**shown, "offset": 12}, [NOTHING, given(KEY), given(OTHER)], of_record(alone.record("payments", 1, 2, 0, 2, (2, OTHER), 1))),
        ("cosigned by two", shown, [NOTHING, given(KEY), given(witnesses=both, quorum=2, origin=ORIGIN), given(witnesses=both, quorum=1, origin=ORIGIN), given(CHANGER, witnesses=both, quorum=2), given(OTHER, KEY, witnesses=one)], of_record(cosigned(record, *both))),
        ("cosigned by one of two", shown, [NOTHING, given(witnesses=both, quorum=1, origin=ORIGIN), given(witnesses=one, origin=ORIGIN)], of_record(cosigned(record, SECOND_WITNESS, WITNESS))),
        ("cosigned by one that is not asked, and with a line that does not verify", shown, [NOTHING, given(KEY), given(witnesses=one, origin=ORIGIN)], of_record(cosigned(cosigned(cosigned(record, SECOND_WITNESS), WITNESS, text="x\n1\nx\n"), WITNESS))),
        ("a checkpoint with lines of two keys and of a stranger", {**shown, "offset": 41}, [NOTHING, given(OTHER), given(CHANGER)], of_record(late | {"checkpoint": signed_with(made.log.checkpoint_text(5), STRANGER, OTHER, CHANGER)})),
        ("records of several links and partitions", many_shown, [NOTHING, given(KEY), given(KEY, STRANGER)], of_records(many)),
        ("the same with checkpoint 0", many_shown, [NOTHING, given(KEY), given(CHANGER)], of_records(many | {"first": made.first()})),
        ("the same, cosigned", many_shown, [NOTHING, given(KEY), given(witnesses=both, quorum=2, origin=ORIGIN)], of_records(cosigned(many, *both))),
        ("all records", {"records": every}, [NOTHING, given(OTHER), given(CHANGER)], of_records(made.records(all_of, 5, (5, OTHER), 2))),
        ("one record as many", {"records": [["payments", 1, 41]]}, [NOTHING, given(OTHER)], of_records(made.records({("payments", 1): {6: [4]}}, 5, (6, OTHER), 3))),
        ("growth", {"from": 1, "to": 3}, [NOTHING, given(OTHER), given(CHANGER)], of_growth(grown)), ("growth from entry 0", {"from": 0, "to": 6}, [NOTHING, given(OTHER), given(CHANGER)], of_growth(made.growth((0, CHANGER), (6, OTHER), 2))),
        ("growth from a checkpoint by a key that was retired since", {"from": 2, "to": 5}, [NOTHING, given(OTHER)], of_growth(made.growth((2, KEY), (5, OTHER), 2))), ("growth by a power of two", {"from": 3, "to": 6}, [NOTHING, given(OTHER)], of_growth(made.growth((3, OTHER), (6, OTHER), 2))),
        ("growth with checkpoint 0", {"from": 1, "to": 2}, [NOTHING, given(KEY), given(CHANGER)], of_growth(made.growth((1, KEY), (2, KEY), 0) | {"first": made.first()})),
        ("a checkpoint and itself", {"from": 2, "to": 2}, [NOTHING, given(KEY)], of_growth(made.growth((2, KEY), (2, KEY), 0))), ("one checkpoint by two keys", {"from": 3, "to": 3}, [NOTHING, given(OTHER)], of_growth(made.growth((3, CHANGER), (3, OTHER), 1))),
        ("growth to a cosigned checkpoint", {"from": 1, "to": 3}, [NOTHING, given(witnesses=one, origin=ORIGIN)], of_growth(cosigned(grown, WITNESS, member="to"))),
    ]
    valid += consistent()
    judged = forged(made, many) + crafted() + by_given(record, late, grown, alone) + broken_records(made, record, late) + broken_many(made, many) + broken_first(made, record) + broken_growth(made, grown)
    return {"about": "section 8.1; the layout is described in tools/make_vectors.py",
            "valid": [{"name": name, **what, "given": all_given, "file_base64": b64(data)} for name, what, all_given, data in valid],
            "judged": [{"why": why, "verdict": verdict, "given": what, "file_base64": b64(data)} for why, verdict, what, data in judged]}


def by_given(record: Content, late: Content, grown: Content, alone: Archive) -> list[Case]:
    """Proofs without a fault whose checkpoint does not count."""
    own = alone.record("payments", 1, 2, 0, 2, (2, OTHER), 1)
    return [
        ("a key that is not the archive's", "unverifiable", given(STRANGER), of_record(record)), ("growth: a key that is not the archive's", "unverifiable", given(STRANGER), of_growth(grown)), ("a key of entries has no descendants where change keys are", "unverifiable", given(KEY), of_record(late)),
        ("a key of archive.json that added nothing", "unverifiable", given(THIRD), of_record(own)), ("a change key that signed nothing in the file", "unverifiable", given(CHANGER), of_record(record)), ("witnesses that did not cosign", "unverifiable", given(witnesses=(WITNESS,), origin=ORIGIN), of_record(record)),
        ("too few witnesses", "unverifiable", given(witnesses=(WITNESS, SECOND_WITNESS), quorum=2, origin=ORIGIN), of_record(cosigned(record, WITNESS))), ("one witness twice", "unverifiable", given(witnesses=(WITNESS, SECOND_WITNESS), quorum=2, origin=ORIGIN), of_record(cosigned(record, WITNESS, WITNESS))),
        ("witnesses without an origin or a key", "unverifiable", given(witnesses=(WITNESS,)), of_record(cosigned(record, WITNESS))), ("witnesses and another origin", "unverifiable", given(witnesses=(WITNESS,), origin="elsewhere"), of_record(cosigned(record, WITNESS))),
        ("witnesses and a stranger's key", "unverifiable", given(STRANGER, witnesses=(WITNESS,)), of_record(cosigned(record, WITNESS))), ("a cosignature over another text", "unverifiable", given(witnesses=(WITNESS,), origin=ORIGIN), of_record(cosigned(record, WITNESS, text="x\n1\nx\n"))),
        ("growth: cosigned only before", "unverifiable", given(witnesses=(WITNESS,), origin=ORIGIN), of_growth(cosigned(grown, WITNESS, member="from"))), ("growth: the key of the earlier checkpoint alone", "unverifiable", given(KEY), of_growth(grown)),
    ]


def crafted() -> list[Case]:
    """Proofs whose every path leads where it must, made by the holder of a key who lies in a link, an entry or a checkpoint."""
    def lying(offsets: list[int], index: int, lines: Callable[[list[Head]], list[Head]] = lambda lines: lines, by: tuple[Key, ...] = (KEY,), entry: Content | None = None, **changes: Any) -> bytes:
        made = Archive(identity([KEY], []))
        made.craft(offsets, *by, **changes)
        made.log.entry(KEY, lines(made.heads()), **(entry or {}))
        if lines(made.heads())[0][1] != 1:  # the proof looks for the link's partition
            made.log.entries[1]["heads"][0][1] = 1
            proof = made.record("payments", 1, 0, index, 1, (1, KEY), 0)
            made.log.entries[1]["heads"][0][1] = 2
            entry = made.log.entries[1]
            return of_record(proof | {"head": entry["heads"][0], "head_path": [], "leaf": leaf_of(entry)})
        return of_record(made.record("payments", 1, 0, index, 1, (1, KEY), 0))

    def head(**changes: Any) -> Callable[[list[Head]], list[Head]]:
        names = ("topic", "partition", "epoch", "height", "next_offset", "link", "root")
        return lambda lines: [tuple((dict(zip(names, lines[0])) | changes).values())]  # type: ignore[list-item]

    made = with_change_keys()
    zero, one = made.log.leaves[0], made.log.leaves[1]
    record = made.record("payments", 1, 1, 3, 1, (1, KEY), 0)
    firsts = {"that says it has another size": {"leaf": leaf_of(made.log.entries[0]), "checkpoint": signed_with(f"{ORIGIN}\n3\n{b64(zero)}\n", CHANGER)},
              "over leaf 1 alone": {"leaf": leaf_of(made.log.entries[1]), "checkpoint": signed_with(f"{ORIGIN}\n1\n{b64(one)}\n", CHANGER)}}
    cases = [("a record of another topic", lying([0, 1, 2, 3, 4, 5], 2, of="orders")), ("a record at an absent offset", lying([0, 1, 2, 4, 5], 2, absent=[[2, 3]])), ("records in another order", lying([0, 2, 1, 3, 4, 5], 1)),
             ("a head of another partition", lying([0, 1, 2, 3, 4, 5], 2, head(partition=2))), ("a head with another hash", lying([0, 1, 2, 3, 4, 5], 2, head(link=sha(b"x")))), ("a head with another next offset", lying([0, 1, 2, 3, 4, 5], 2, head(next_offset=7))), ("a head of another epoch", lying([0, 1, 2, 3, 4, 5], 2, head(epoch=1)))]
    six, other = [0, 1, 2, 3, 4, 5], {"sequence": 0, "sha256": sha(b"x"), "entry": 0}
    cases += [("a link by a stranger", lying(six, 2, by=(STRANGER,))), ("a link by two keys", lying(six, 2, by=(KEY, STRANGER))), ("a link of another archive", lying(six, 2, archive_id="f" * 32)), ("a link that breaks a rule", lying(six, 2, seal_reason="boredom")),
              ("a leaf of another archive", lying(six, 2, entry={"archive_id": "f" * 32})), ("a leaf of another archive.json", lying(six, 2, entry={"archive_sha256": sha(b"x")})), ("a leaf after another change", lying(six, 2, entry={"changes": other})), ("a leaf of a change that is not there", lying(six, 2, entry={"changes": other | {"sequence": 1}}))]
    return [(f"a liar: {why}", "tampered", NOTHING, data) for why, data in cases] + [(f"a liar: checkpoint 0 {why}", "tampered", NOTHING, of_record(record | {"first": first})) for why, first in firsts.items()]


def turned(hash_: str) -> str:
    return ("1" if hash_[0] == "0" else "0") + hash_[1:]


def each(values: list[str], at: int, change: Callable[[str], str]) -> list[str]:
    return [change(value) if index == at else value for index, value in enumerate(values)]


def broken_records(made: Archive, record: Content, late: Content) -> list[Case]:
    good, changes = of_record(record), late["changes"]
    other = made.record("payments", 1, 1, 2, 1, (1, KEY), 0)
    content, object_, records = made.links["payments", 1][1]
    gone = {"record_count": 0, "min_timestamp_ms": None, "max_timestamp_ms": None, "records_root": EMPTY_ROOT, "segment": None}
    loss = gone | {"absent": [], "seal_reason": "lost", "lost": {"first_offset": 6, "next_offset": 12, "log_start_offset": 12, "observed_at": "2026-02-03T10:00:00Z", "reason": "retention"}}
    linked: list[tuple[str, str, Content, Key]] = [
        ("of another archive", "tampered", {"archive_id": "f" * 32}, KEY), ("of another height", "tampered", {"height": 2}, KEY), ("that breaks a rule", "tampered", {"next_offset": 0}, KEY), ("by a key that is added later", "tampered", {}, OTHER), ("by a change key", "tampered", {}, CHANGER), ("by a stranger", "tampered", {}, STRANGER),
        ("of a loss", "tampered", loss, KEY), ("that says that the offset is absent", "tampered", {"absent": [[9, 11]], "record_count": 4}, KEY), ("of version 2", "unverifiable", {"type": "kivend.link/v2"}, KEY), ("of another encoding", "unverifiable", {"encoding": 2}, KEY)]
    entry = made.log.entries[1]
    leaves: list[tuple[str, str, str]] = [
        ("of another archive", "tampered", canonical(leaf_content(entry) | {"archive_id": "f" * 32})), ("of another archive.json", "tampered", canonical(leaf_content(entry) | {"archive_sha256": sha(b"x")})), ("of another number", "tampered", canonical(leaf_content(entry) | {"number": 0})), ("of other heads", "tampered", canonical(leaf_content(entry) | {"heads": {"count": 2, "root": sha(b"x")}})),
        ("that is not canonical", "tampered", leaf_of(entry).replace(":1,", ": 1,", 1)), ("that is an entry", "tampered", canonical(entry)), ("of version 2", "unverifiable", canonical(leaf_content(entry) | {"type": "kivend.leaf/v2"})), ("of a change that is not there", "tampered", leaf_of(made.log.entries[3]))]
    text = made.log.checkpoint_text(1)
    checkpoints: list[tuple[str, str, str]] = [
        ("of another origin", "tampered", signed_with(made.log.checkpoint_text(1, **{ORIGIN: "elsewhere"}), KEY)), ("of another root", "tampered", signed_with(text.replace(b64(made.log.root(1)), b64(made.log.root(0))), KEY)), ("of another size", "tampered", signed_with(text.replace("\n2\n", "\n3\n"), KEY)), ("by a stranger", "tampered", signed_with(text, STRANGER)),
        ("by a key that is added later", "tampered", signed_with(text, OTHER)), ("whose second signature does not verify", "tampered", signed_with(text, KEY) + CHANGER.line("x")), ("that an entry is", "tampered", made.log.notes[1].decode()), ("with further lines", "unverifiable", signed_with(text + "more\n", KEY)), ("that does not cover the leaf", "tampered", made.log.checkpoint(0, CHANGER).decode()),
        ("without a signature", "tampered", text + "\n"), ("with a line that is no signature", "tampered", signed_with(text, KEY) + "— x y\n"), ("that is only cosigned", "tampered", text + "\n" + WITNESS.cosignature(text, TIME))]
    changed_heads = [("of another partition", record["head"][:1] + [2] + record["head"][2:]), ("of a lower height", record["head"][:3] + [0] + record["head"][4:]), ("of another log root", record["head"][:6] + [sha(b"x")]), ("of the link's height, but another link", record["head"][:3] + [1] + record["head"][4:]), ("short of a member", record["head"][:6])]
    tampered: list[tuple[str, bytes]] = [
        ("nothing at all", b""), ("one line", b"kivend.proof/v1\n"), ("no type", good.split(b"\n", 1)[1]), ("another type", good.replace(b"proof/v1", b"receipt/v1", 1)), ("a version that is no number", good.replace(b"proof/v1", b"proof/vx", 1)), ("the content of the other type", good.replace(b"proof", b"consistency", 1)),
        ("carriage return and newline", good.replace(b"\n", b"\r\n", 1)), ("not UTF-8", good.replace(b"record_index", b"record_\xff", 1)), ("a space after a colon", good.replace(b'"record_index":', b'"record_index": ', 1)), ("no final newline", good[:-1]), ("a line too many", good + b"\n"), ("a member too many", of_record(record | {"more": 1})),
        ("members in another order", of_record({"record_index": 3} | record)), ("a hash in capitals", of_record(record | {"record_path": each(record["record_path"], 0, str.upper)})), ("a negative place", of_record(record | {"record_index": -1})),
        ("base64 without padding", of_record(record | {"record": record["record"].rstrip("=")})), ("a byte after the record", of_record(record | {"record": b64(records[3] + b"\0")})), ("a record cut short", of_record(record | {"record": b64(records[3][:-1])})), ("another record", of_record(record | {"record": other["record"]})),
        ("a value changed", of_record(record | {"record": b64(records[3].replace(b"event_id", b"event_ip"))})), ("another place in the segment", of_record(record | {"record_index": 2})), ("a record of another partition", of_record(record | {"record": b64(made.links["orders", 0][1][2][3])})),
        ("a link with a changed text", of_record(record | {"link": record["link"].replace('"age"', '"idle"')})), ("a link without its signature", of_record(record | {"link": record["link"].split("\n\n")[0] + "\n\n"})), ("another link", of_record(record | {"link": made.links["payments", 1][2][1].decode()})),
        ("another place among the heads", of_record(record | {"head_index": 0})), ("a place beyond the heads", of_record(record | {"head_index": 9})), ("another archive.json", of_record(record | {"archive": record["archive"].replace("10:00:00", "10:00:01")})), ("archive.json with another key", of_record(record | {"archive": identity([OTHER], [CHANGER]).decode()})), ("no archive.json", of_record(record | {"archive": ""})),
        ("the changes left out", of_record(late | {"changes": []})), ("the change left out that the leaf names", of_record(made.record("payments", 1, 6, 4, 3, (3, CHANGER), 0))), ("a change twice", of_record(late | {"changes": changes + changes[-1:]})), ("changes in another order", of_record(late | {"changes": changes[::-1]})), ("a change that is a link", of_record(late | {"changes": [late["link"]]})),
        ("a change that the added key did not sign", of_record(late | {"changes": [note(changes[0].split("\n\n")[0] + "\n", CHANGER).decode(), *changes[1:]]})), ("a checkpoint by a key that the changes given retire", of_record(made.record("payments", 1, 1, 3, 1, (1, KEY), 2))),
    ]
    for name in ("record_path", "link_path", "head_path", "leaf_path"):
        steps = record[name]
        tampered += [(f"{name}: a step turned", of_record(record | {name: each(steps, 0, turned)})), (f"{name}: a step too many", of_record(record | {name: [*steps, sha(b"x")]})), (f"{name}: a step too few", of_record(record | {name: steps[:-1]}))]
        tampered += [(f"{name}: backwards", of_record(late | {name: late[name][::-1]}))] if len(late[name]) > 1 else []
    cases = [(why, "tampered", NOTHING, data) for why, data in tampered] + [(f"a head {why}", "tampered", NOTHING, of_record(record | {"head": line})) for why, line in changed_heads]
    cases += [(f"a link {why}", verdict, NOTHING, of_record(record | {"link": signed_with(canonical(content | change), key)})) for why, verdict, change, key in linked]
    cases += [(f"a leaf {why}", verdict, NOTHING, of_record(record | {"leaf": text_})) for why, verdict, text_ in leaves] + [(f"a checkpoint {why}", verdict, NOTHING, of_record(record | {"checkpoint": text_})) for why, verdict, text_ in checkpoints]
    newer = note(canonical({"type": "kivend.change/v2"}), CHANGER).decode()
    return cases + [("a proof of version 2", "unverifiable", NOTHING, good.replace(b"proof/v1", b"proof/v2", 1)), ("a change of version 2", "unverifiable", NOTHING, of_record(record | {"changes": [newer]})),
                    ("archive.json of version 2", "unverifiable", NOTHING, of_record(record | {"archive": record["archive"].replace("archive/v1", "archive/v2")}))]


def broken_many(made: Archive, many: Content) -> list[Case]:
    orders, payments = many["partitions"]
    first, second = payments["links"]
    good, chain = of_records(many), made.links["payments", 1]

    def of(*partitions: Content, **changes: Any) -> bytes:
        return of_records(many | {"partitions": list(partitions)} | changes)

    def paid(*links: Content, **changes: Any) -> bytes:
        return of(orders, payments | {"links": list(links)} | changes)

    def linked(**changes: Any) -> bytes:
        return paid(first | changes, second)

    records, other = first["records"], b64(made.links["orders", 0][0][2][1])
    tampered: list[tuple[str, bytes]] = [
        ("of another type", good.replace(b"records/v1", b"receipts/v1", 1)), ("the content of a proof", good.replace(b"records/v1", b"proof/v1", 1)), ("no final newline", good[:-1]), ("a member too many", of_records(many | {"more": 1})), ("without partitions", of(heads_path=[])), ("a partition without links", of(orders, payments | {"links": []})),
        ("a link without records", linked(records=[])), ("a record left out", linked(records=records[:1])), ("a record twice", linked(records=records + records[1:])), ("records in another order", linked(records=records[::-1])), ("a record of another place", linked(records=[records[0], b64(chain[0][2][3])])), ("a record of another partition", linked(records=[other, records[1]])),
        ("a record of another link", linked(records=[records[0], second["records"][0]])), ("a value changed", linked(records=[records[0], b64(chain[0][2][4].replace(b"event_id", b"event_ip"))])), ("a byte after a record", linked(records=[records[0], b64(chain[0][2][4] + b"\0")])), ("base64 with a space", linked(records=[record + " " for record in records])),
        ("a link left out", paid(first)), ("a link twice", paid(first, first, second)), ("links in another order", paid(second, first)), ("another link", paid(first, second | {"link": chain[1][1].decode()})), ("a link with a changed text", linked(link=first["link"].replace('"age"', '"idle"'))), ("a link by a stranger", linked(link=signed_with(canonical(chain[0][0]), STRANGER))),
        ("a partition left out", of(payments)), ("a partition twice", of(orders, orders, payments)), ("partitions in another order", of(payments, orders)), ("another place among the heads", of(orders, payments | {"head_index": 2})), ("the head of another partition", of(orders, payments | {"head": orders["head"]})), ("a lower head", paid(first, second, head=payments["head"][:3] + [1] + payments["head"][4:])),
        ("another log root", paid(first, second, head=payments["head"][:6] + [sha(b"x")])), ("a checkpoint that does not cover the leaf", of_records(many | {"checkpoint": made.log.checkpoint(0, CHANGER).decode()})), ("a checkpoint by a stranger", of_records(many | {"checkpoint": signed_with(made.log.checkpoint_text(1), STRANGER)})),
    ]
    paths: list[tuple[str, list[str], Callable[[list[str]], bytes]]] = [
        ("records_path", first["records_path"], lambda steps: linked(records_path=steps)), ("links_path", payments["links_path"], lambda steps: paid(first, second, links_path=steps)),
        ("heads_path", many["heads_path"], lambda steps: of_records(many | {"heads_path": steps})), ("leaf_path", many["leaf_path"], lambda steps: of_records(many | {"leaf_path": steps}))]
    for name, steps, file_of in paths:
        tampered += [(f"{name}: a step turned", file_of(each(steps, 0, turned))), (f"{name}: a step too many", file_of([*steps, sha(b"x")])), (f"{name}: a step too few", file_of(steps[:-1]))]
        tampered += [(f"{name}: backwards", file_of(steps[::-1]))] if len(steps) > 1 else []
    newer = [("records of version 2", good.replace(b"records/v1", b"records/v2", 1)), ("a link of version 2", linked(link=signed_with(canonical(chain[0][0] | {"type": "kivend.link/v2"}), KEY))), ("a link of another encoding", linked(link=signed_with(canonical(chain[0][0] | {"encoding": 2}), KEY)))]
    unproved: list[Case] = [("records: a key that is not the archive's", "unverifiable", given(STRANGER), good), ("records: a change key that signed nothing in the file", "unverifiable", given(CHANGER), good)]
    return [(f"records: {why}", "tampered", NOTHING, data) for why, data in tampered] + [(f"records: {why}", "unverifiable", NOTHING, data) for why, data in newer] + unproved


def broken_first(made: Archive, record: Content) -> list[Case]:
    own, entry = made.first(), made.log.entries[0]
    other = canonical(leaf_content(entry) | {"at": "2026-02-03T10:00:01Z"})
    cases: list[tuple[str, str, Content]] = [
        ("by a key of entries", "tampered", made.first(KEY)), ("by a change key that is added later", "tampered", made.first(NEXT_CHANGER)), ("by a stranger", "tampered", made.first(STRANGER)), ("with another leaf", "tampered", own | {"leaf": other}), ("with leaf 1", "tampered", own | {"leaf": leaf_of(made.log.entries[1])}),
        ("with checkpoint 3", "tampered", own | {"checkpoint": made.log.checkpoint(3, CHANGER).decode()}), ("without its leaf", "tampered", {"checkpoint": own["checkpoint"]}), ("of another archive.json", "tampered", own | {"leaf": canonical(leaf_content(entry) | {"archive_sha256": sha(b"x")})}),
        ("with a leaf of version 2", "unverifiable", own | {"leaf": canonical(leaf_content(entry) | {"type": "kivend.leaf/v2"})}),
    ]
    return [(f"checkpoint 0 {why}", verdict, NOTHING, of_record(record | {"first": content})) for why, verdict, content in cases]


def leaf_content(entry: Content) -> Content:
    content: Content = json.loads(leaf_of(entry))
    return content


def broken_growth(made: Archive, grown: Content) -> list[Case]:
    steps, three, five = grown["path"], made.log.checkpoint(3, OTHER).decode(), made.log.checkpoint(5, OTHER).decode()
    forked = signed_with(made.log.checkpoint_text(3).replace(b64(made.log.root(3)), b64(made.log.root(2))), OTHER)
    cases: list[tuple[str, str, Content]] = [
        ("a step turned", "tampered", {"path": each(steps, 0, turned)}), ("a step too many", "tampered", {"path": [*steps, sha(b"x")]}), ("a step too few", "tampered", {"path": steps[:-1]}), ("no path", "tampered", {"path": []}), ("backwards", "tampered", {"from": three, "to": grown["from"]}),
        ("another root at one size", "tampered", {"from": three, "to": forked, "path": []}), ("a path at one size", "tampered", {"from": three, "to": three, "path": [sha(b"x")]}), ("the path to another size", "tampered", {"to": five}), ("of another origin", "tampered", {"from": signed_with(made.log.checkpoint_text(1, **{ORIGIN: "elsewhere"}), KEY)}),
        ("the earlier one by a stranger", "tampered", {"from": signed_with(made.log.checkpoint_text(1), STRANGER)}), ("the later one by a stranger", "tampered", {"to": signed_with(made.log.checkpoint_text(3), STRANGER)}), ("the change left out that adds its key", "tampered", {"changes": []}),
        ("the later one by a key that the changes given retire", "tampered", {"to": made.log.checkpoint(3, KEY).decode(), "changes": made.keys(2)["changes"]}), ("a member too many", "tampered", {"more": 1}), ("an entry for a checkpoint", "tampered", {"to": made.log.notes[3].decode()}),
        ("a checkpoint with further lines", "unverifiable", {"to": signed_with(made.log.checkpoint_text(3) + "more\n", OTHER)}),
    ]
    return [(f"growth: {why}", verdict, NOTHING, of_growth(grown | change)) for why, verdict, change in cases] + [("growth of version 2", "unverifiable", NOTHING, of_growth(grown).replace(b"consistency/v1", b"consistency/v2", 1))]
