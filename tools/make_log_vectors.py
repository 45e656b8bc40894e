"""Makes entries.json and cosignatures.json for make_vectors.py, which describes them: docs/FORMAT.md, sections 1.2, 3 and 4."""
from __future__ import annotations

import base64
from typing import Any

from format_writer import (
    ARCHIVE_ID, CHANGER, KEY, NEXT_CHANGER, ORIGIN, OTHER, SECOND_WITNESS, STRANGER, THIRD, WITNESS,
    Content, Key, b64, canonical, first_link, flip_signature, identity, note, sha,
)
from log_writer import Head, LogWriter, leaf_of

Case = tuple[str, str, int, bytes]  # why, class, number, object
WITH_CHANGERS, ALONE = identity([KEY], [CHANGER]), identity([KEY, OTHER], [])


def heads(*sizes: tuple[str, int, int]) -> list[Head]:
    """Lines of heads: topic, partition, height. Nothing in entries.json looks at the links themselves."""
    return [(t, p, 0, h, 100 * (h + 1), sha(f"{t}/{p} {h}".encode()), sha(f"log root {t}/{p} {h}".encode())) for t, p, h in sizes]


GROUPS = [["billing", "orders", 0, 100], ["checkout", "payments", 1, 260], ["checkout", "payments", 10, 0], ["été", "payments", 1, 3]]


def with_change_keys() -> LogWriter:
    """KEY signs until it is retired; OTHER is added by 2; NEXT_CHANGER is added by 4 and retires KEY (5) and CHANGER (8)."""
    log = LogWriter(WITH_CHANGERS)
    log.entry(KEY, [])
    log.entry(KEY, heads(("orders", 0, 1), ("payments", 1, 2)), groups=None)
    log.entry(KEY, heads(("orders", 0, 1), ("payments", 1, 3)), log.adding("keys", [OTHER], CHANGER))
    log.entry(OTHER, heads(("orders", 0, 1), ("payments", 1, 5), ("payments", 2, 0)), groups=GROUPS)
    log.entry(KEY, heads(("orders", 0, 4), ("payments", 1, 5), ("payments", 2, 0)), log.adding("change_keys", [NEXT_CHANGER], CHANGER))
    log.entry(OTHER, heads(("orders", 0, 4), ("payments", 1, 6), ("payments", 2, 0)), log.retiring("keys", [KEY], NEXT_CHANGER))
    log.entry(OTHER, heads(("orders", 0, 5), ("payments", 1, 8), ("payments", 2, 0), ("payments", 10, 1)))
    log.entry(OTHER, heads(("orders", 0, 5), ("payments", 1, 9), ("payments", 2, 0), ("payments", 10, 1), ("user-events", 0, 0)),
              log.retention([("orders", 0, 2), ("payments", 1, 4)], CHANGER))
    log.entry(OTHER, heads(("orders", 0, 6), ("payments", 1, 9), ("payments", 2, 0), ("payments", 10, 1), ("user-events", 0, 0)),
              log.retiring("change_keys", [CHANGER], NEXT_CHANGER))
    log.entry(OTHER, heads(("orders", 0, 6), ("payments", 1, 9), ("payments", 2, 0), ("payments", 10, 1), ("user-events", 0, 1)))
    return log


def without() -> LogWriter:
    """Two keys that sign changes themselves: THIRD is added by KEY in 2; OTHER is retired by THIRD in 3, the newest entry."""
    log = LogWriter(ALONE)
    log.entry(KEY, [])
    log.entry(OTHER, heads(("payments", 1, 0)))
    log.entry(OTHER, heads(("payments", 1, 0)), log.adding("keys", [THIRD], KEY))
    log.entry(THIRD, heads(("payments", 1, 1), ("payments", 3, 4)), log.retiring("keys", [OTHER], THIRD))
    return log


# ---- what each key may sign, from the rules of section 4 -----------------------------------------------------------------
class Terms:
    """Follows the changes by hand; `told` is what the vectors say of each key after an entry."""

    def __init__(self, keys: list[Key], change_keys: list[Key]) -> None:
        self.keys = [self.term(key, "keys", None, {}) for key in keys] + [self.term(key, "change_keys", None, {}) for key in change_keys]

    @staticmethod
    def term(key: Key, of: str, added: int | None, above: dict[tuple[str, int], int]) -> Content:
        return {"key": key.public_text, "of": of, "added": added, "above": above, "retired": None, "certain": None, "up_to": None}

    def told(self) -> list[Content]:
        return [self.told_of(term) for term in self.keys]

    def told_of(self, term: Content) -> Content:
        listed = {name: [[*place, height] for place, height in sorted((term[name] or {}).items())] for name in ("above", "certain", "up_to")}
        ended = term["up_to"] is not None
        return {"key": term["key"], "of": term["of"], "added_by": term["added"], "retired_by": term["retired"], "links_above": listed["above"],
                "links_certain_up_to": listed["certain"] if term["retired"] is not None else None, "links_up_to": listed["up_to"] if ended else None}

    def follow(self, number: int, lines: list[Head], added: list[Key], retired: list[Key], of: str) -> None:
        at = {(line[0], line[1]): line[3] for line in lines}
        for term in self.keys:
            if term["retired"] is not None and term["up_to"] is None:
                term["up_to"] = at
            if term["key"] in [key.public_text for key in retired]:
                term["retired"], term["certain"] = number, at
        self.keys += [self.term(key, of, number, at) for key in added]


DEEDS: dict[str, dict[int, tuple[list[Key], list[Key], str]]] = {
    "with change keys": {2: ([OTHER], [], "keys"), 4: ([NEXT_CHANGER], [], "change_keys"), 5: ([], [KEY], "keys"), 8: ([], [CHANGER], "change_keys")},
    "keys alone": {2: ([THIRD], [], "keys"), 3: ([], [OTHER], "keys")},
}
SIGNERS = {"with change keys": [[CHANGER], [KEY], [KEY], [OTHER], [CHANGER], [OTHER], [OTHER], [NEXT_CHANGER, OTHER], [OTHER], [OTHER]],
           "keys alone": [[KEY], [OTHER], [OTHER, KEY], [THIRD]]}
LINKS = [("payments", 1, 0), ("payments", 1, 3), ("payments", 1, 4), ("payments", 1, 6), ("payments", 1, 7), ("payments", 1, 8), ("payments", 1, 9),
         ("payments", 10, 1), ("payments", 10, 2), ("user-events", 0, 0), ("orders", 0, 5), ("orders", 0, 6), ("payments", 3, 4), ("payments", 3, 5)]


def counts(term: Content, topic: str, partition: int, height: int) -> bool | None:
    if term["of"] != "keys" or height <= term["above"].get((topic, partition), -1):
        return False
    if term["retired"] is None:
        return True
    if term["up_to"] is not None:
        return height <= term["up_to"].get((topic, partition), -1)
    return True if height <= term["certain"].get((topic, partition), -1) else None


def told_log(name: str, log: LogWriter, terms: Terms) -> Content:
    told, below = [], dict[tuple[str, int], int]()
    for number, content in enumerate(log.entries):
        added, retired, of = DEEDS[name].get(number, ([], [], ""))
        terms.follow(number, content["heads"], added, retired, of)
        below |= {("orders", 0): 2, ("payments", 1): 4} if number == 7 else {}
        following = log.entries[number + 1]["changes"] if number + 1 < len(log.entries) else log.newest
        in_force = {of: [term["key"] for term in terms.keys if term["of"] == of and term["retired"] is None] for of in ("keys", "change_keys")}
        told.append({
            "number": number, "object_base64": b64(log.notes[number]), "sha256": sha(log.notes[number]), "leaf": leaf_of(content),
            "leaf_hash": log.leaves[number].hex(), "peaks_before": content["tree"], "root": log.root(number).hex(), "checkpoint_text": log.checkpoint_text(number),
            "checkpoints": [{"signer": key.public_text, "object_base64": b64(log.checkpoint(number, key))} for key in SIGNERS[name][number]],
            "after": {**in_force, "changes": following, "below": [[*place, height] for place, height in sorted(below.items())], "terms": terms.told()}})
    links = [{"key": term["key"], "topic": t, "partition": p, "height": h, "counts": counts(term, t, p, h)} for term in terms.keys for t, p, h in LINKS]
    return {"name": name, "archive_base64": b64(log.identity), "entries": told, "links_count": links}


def prefix(log: LogWriter, count: int) -> LogWriter:
    """The log before entry `count`."""
    short = LogWriter(log.identity)
    short.entries, short.notes, short.leaves = log.entries[:count], log.notes[:count], log.leaves[:count]
    short.newest = log.entries[count]["changes"] if count < len(log.entries) else log.newest
    short.changes = [content["change"].encode() for content in short.entries if content["change"]]
    return short


# ---- objects that are no valid entry -------------------------------------------------------------------------------------
def entries_in(log: LogWriter) -> list[Case]:
    """Objects at a number whose entries before it were taken; OTHER and KEY are in force at 4."""
    at = prefix(log, 4)
    lines = heads(("orders", 0, 4), ("payments", 1, 5), ("payments", 2, 0))
    good = at.content(lines, groups=GROUPS)
    text, changes = canonical(good), good["changes"]
    first = prefix(log, 0)
    zero = first.content([])
    link = canonical(first_link())
    broken: list[tuple[str, Content]] = [
        ("peaks in another order", good | {"tree": ["0" * 64]}), ("no peaks", good | {"tree": []}), ("a peak too many", good | {"tree": good["tree"] + [sha(b"x")]}),
        ("the newest change of before", good | {"changes": log.entries[1]["changes"]}), ("another entry for the newest change", good | {"changes": changes | {"entry": 1}}),
        ("another hash of the newest change", good | {"changes": changes | {"sha256": sha(b"x")}}), ("more changes than there were", good | {"changes": changes | {"sequence": 2}}),
        ("a change of a later entry", good | {"changes": changes | {"entry": 4}}), ("another archive.json", good | {"archive_sha256": sha(b"x")}),
        ("heads out of order", good | {"heads": good["heads"][::-1]}), ("partitions sorted as text", good | {"heads": [list(line) for line in heads(("payments", 10, 1), ("payments", 2, 0))]}),
        ("a partition twice", good | {"heads": [good["heads"][0], *good["heads"]]}), ("a head short of its root", good | {"heads": [good["heads"][0][:6]]}),
        ("a height as text", good | {"heads": [[*good["heads"][0][:3], "4", *good["heads"][0][4:]]]}), ("a negative height", good | {"heads": [[*good["heads"][0][:3], -1, *good["heads"][0][4:]]]}),
        ("an epoch beyond 32 bits", good | {"heads": [[*good["heads"][0][:2], 2**31, *good["heads"][0][3:]]]}), ("a topic that Kafka does not allow", good | {"heads": [["a/b", *good["heads"][0][1:]]]}),
        ("groups out of order", good | {"groups": GROUPS[::-1]}), ("a group twice", good | {"groups": [GROUPS[0], GROUPS[0]]}), ("a group with a negative offset", good | {"groups": [["g", "payments", 1, -1]]}),
        ("a time with a fraction", good | {"at": "2026-02-03T10:04:00.5Z"}), ("a time that no calendar has", good | {"at": "2026-02-30T10:04:00Z"}), ("a member too many", good | {"more": 1}),
        ("members in another order", {"number": 0} | good | {"number": 4}), ("no change member", {name: value for name, value in good.items() if name != "change"}),
        ("a number as text", good | {"number": "4"}), ("a type of the form but no version", good | {"type": 1}),
    ]
    texts = [("a space after a colon", text.replace('"number":', '"number": ')), ("a number with an exponent", text.replace('"number":4', '"number":4e0')),
             ("a number of minus zero", text.replace('"orders",0,', '"orders",-0,')), ("a number beyond 64 bits", text.replace('"number":4', f'"number":{2**64}')),
             ("an escaped character that is raw in canonical JSON", text.replace("été", "\\u00e9t\\u00e9")), ("a member twice", text.replace('"number":4', '"number":4,"number":4')),
             ("no JSON", "hello\n"), ("a list", "[1]\n"), ("two lines", text + text), ("no type", canonical({"number": 4})), ("its type last", canonical({"number": 4, "type": "kivend.entry/v2"})),
             ("levels beyond 32", canonical({"type": "kivend.new/v1", "deep": deep(32)})), ("an unknown type with a number beyond 64 bits", canonical({"type": "kivend.new/v1", "n": 2**63})),
             ("an unknown type with white space", '{"type":"kivend.new/v1", "n":1}\n'), ("an unknown type with a member twice", '{"type":"kivend.new/v1","n":1,"n":1}\n'), ("an unknown type with a fraction", '{"type":"kivend.new/v1","n":1.5}\n'),
             ("an unknown type with a lone surrogate", '{"type":"kivend.new/v1","n":"\\ud800"}\n'), ("an unknown type with an escape that is not canonical", '{"type":"kivend.new/v1","n":"\\/"}\n'), ("an unknown type with a list of unknown things that is not canonical", '{"type":"kivend.new/v1","n":[1 ]}\n')]
    cases: list[Case] = [(why, "broken", 4, note(canonical(content), KEY)) for why, content in broken] + [(why, "broken", 4, note(t, OTHER)) for why, t in texts]
    cases += [("entry 0 with heads", "broken", 0, note(canonical(zero | {"heads": [list(line) for line in heads(("payments", 1, 0))]}), KEY)), ("entry 0 whose groups are null", "broken", 0, note(canonical(zero | {"groups": None}), KEY)),
              ("entry 0 with a change", "broken", 0, note(canonical(zero | {"change": first.retiring("keys", [KEY], CHANGER).decode()}), KEY)),
              ("a broken note by a key that is retired", "broken", 7, note(canonical(prefix(log, 7).content([]) | {"tree": []}), KEY))]
    junk: list[tuple[str, int, bytes]] = [
        ("nothing", 4, b""), ("no note", 4, text.encode()), ("signed by a stranger", 4, note(text, STRANGER)), ("signed by a witness", 4, note(text, WITNESS)), ("two signature lines", 4, note(text, KEY, OTHER)),
        ("changed after signing", 4, note(text, KEY).replace(b'"number":4', b'"number":5')), ("a flipped bit", 4, flip_note(note(text, KEY))), ("signed by a change key", 4, note(text, CHANGER)),
        ("signed by a key that this entry adds", 2, note(canonical(log.entries[2]), OTHER)), ("signed by a key that is retired", 7, note(canonical(log.entries[7]), KEY)),
        ("signed by a retired key, of an unknown type", 7, note(canonical({"type": "kivend.entry/v2"}), KEY)), ("of an unknown type by a change key", 4, note(canonical({"type": "kivend.entry/v2"}), CHANGER))]
    replays = [("the entry before", log.notes[3]), ("an entry of another number", note(canonical(good | {"number": 5, "tree": [sha(b"x"), sha(b"y")]}), KEY)), ("an entry of another archive", note(canonical(good | {"archive_id": "f" * 32}), KEY)), ("a link", note(link, KEY)),
               ("a link of another version", note(canonical({"type": "kivend.link/v2"}), KEY)), ("an archive", note(canonical({"type": "kivend.archive/v1"}), KEY)), ("the report of a drill", note(canonical({"type": "kivend.drill/v1"}), KEY)), ("a leaf", note(leaf_of(good), KEY)), ("a change", log.changes[3]),
               ("a checkpoint", log.checkpoint(3, KEY)), ("a checkpoint of another origin", note(log.checkpoint_text(3, **{ORIGIN: "elsewhere"}), KEY)), ("a checkpoint with a further line", note(log.checkpoint_text(3) + "more\n", KEY)),
               ("an unknown type of another number", note(canonical({"type": "kivend.entry/v2", "archive_id": ARCHIVE_ID, "number": 5}), KEY)), ("an unknown type of another archive", note(canonical({"type": "new", "archive_id": "f" * 32}), KEY)),
               ("an unknown type with the number as text", note(canonical({"type": "new", "number": "4"}), KEY))]
    strange = [("version 2", canonical({"type": "kivend.entry/v2"} | {name: value for name, value in good.items() if name != "type"})), ("an unknown type with nothing else", canonical({"type": "kivend.news/v1"})), ("a type of one letter", canonical({"type": "x", "number": 4})),
               ("version 2 with members of any order", canonical({"type": "kivend.entry/v2", "number": 4, "archive_id": ARCHIVE_ID, "nested": deep(31)}))]
    cases += [(why, "junk", number, object_) for why, number, object_ in junk] + [(why, "replay", 4, object_) for why, object_ in replays]
    return cases + [(why, "unknown", 4, note(t, OTHER)) for why, t in strange]


def deep(levels: int) -> Any:
    return [deep(levels - 1)] if levels else 0


def flip_note(object_: bytes) -> bytes:
    text, line = object_.rsplit(b"\n\n", 1)
    return text + b"\n\n" + flip_signature(line)


def changes_in(log: LogWriter, alone: LogWriter) -> list[tuple[str, Case]]:
    """Entries whose change breaks a rule, by the log that they continue."""
    at, key_log = prefix(log, 6), prefix(alone, 3)
    lines = heads(("orders", 0, 5), ("payments", 1, 8), ("payments", 2, 0))

    def changed(change: bytes) -> bytes:
        return note(canonical(at.content(lines, change)), OTHER)

    by, new = NEXT_CHANGER, THIRD
    good = at.adding("keys", [new], by)
    added, retired, kept = {"add": [new.public_text]}, {"retire": [OTHER.public_text]}, at.retention([("payments", 1, 2)], by)
    elsewhere = Key("elsewhere", 0x03)
    broken: list[tuple[str, bytes]] = [
        ("no note", b"hello"), ("no signature", good.split(b"\n\n")[0] + b"\n\n"), ("text changed", good.replace(b"09:00:00", b"09:00:01")), ("an added key did not sign", note(good.split(b"\n\n")[0].decode() + "\n", by)),
        ("an added key signed first", note(good.split(b"\n\n")[0].decode() + "\n", new, by)), ("a further signer", note(good.split(b"\n\n")[0].decode() + "\n", by, new, OTHER)), ("first signed by a key of entries", at.adding("keys", [new], OTHER)),
        ("first signed by the added key alone", at.adding("keys", [new], new)), ("first signed by a stranger", at.adding("keys", [new], STRANGER)), ("retired by a stranger", at.retiring("keys", [OTHER], STRANGER)),
        ("two added keys in another order", note(at.adding("keys", [new, STRANGER], by).split(b"\n\n")[0].decode() + "\n", by, STRANGER, new)), ("a sequence that was", at.adding("keys", [new], by, sequence=3)), ("a sequence left out", at.adding("keys", [new], by, sequence=5)),
        ("sequence 0", at.adding("keys", [new], by, sequence=0)), ("after another change", at.adding("keys", [new], by, previous=sha(b"x"))), ("after archive.json", at.adding("keys", [new], by, previous=sha(log.identity))), ("of another archive", at.adding("keys", [new], by, archive_id="f" * 32)),
        ("neither adds nor retires", at.adding("keys", [], by)), ("adds and retires", at.adding("keys", [new], by, **retired)), ("a key added twice", at.adding("keys", [new, new], by)), ("a key added that is in force", at.adding("keys", [OTHER], by)),
        ("a key added that is retired", at.adding("keys", [KEY], by)), ("a change key added to keys", at.adding("keys", [CHANGER], by)), ("a key added to change keys", at.adding("change_keys", [OTHER], by)), ("a key of another name", at.adding("keys", [elsewhere], by)),
        ("a key retired that never was", at.retiring("keys", [new], by)), ("a key retired again", at.retiring("keys", [KEY, OTHER], by)), ("the last of keys retired", at.retiring("keys", [OTHER], by)), ("its own first signer retired", at.retiring("change_keys", [by], by)), ("all change keys retired", at.retiring("change_keys", [CHANGER, by], by)),
        ("a change key retired from keys", at.retiring("keys", [CHANGER], by)), ("of something else", at.adding("witnesses", [new], by)), ("a time with a zone", at.adding("keys", [new], by, at="2026-02-03T09:00:00+00:00")), ("a key that is no key", at.adding("keys", [], by, add=["x"])),
        ("a member too many", at.adding("keys", [new], by, more=1)), ("retention of nothing", at.retention([], by)), ("retention of a partition without a head", at.retention([("payments", 3, 0)], by)), ("retention above the head", at.retention([("payments", 1, 9)], by)),
        ("retention out of order", at.retention([("payments", 1, 2), ("orders", 0, 1)], by)), ("retention of one partition twice", at.retention([("orders", 0, 1), ("orders", 0, 2)], by)), ("retention without a reason", at.retention([("orders", 0, 1)], by, reason="")),
        ("a reason of 1,001 characters", at.retention([("orders", 0, 1)], by, reason="é" * 1001)), ("retention signed by a key of entries", at.retention([("orders", 0, 1)], OTHER)), ("retention with a second signature", note(kept.split(b"\n\n")[0].decode() + "\n", by, OTHER)),
        ("a link for a change", note(canonical(first_link()), by)), ("an entry for a change", log.notes[3]), ("not canonical", note('{"type": "kivend.change/v2"}\n', by)),
    ]
    valid: list[tuple[str, bytes]] = [("two keys added", at.adding("keys", [new, STRANGER], by)), ("another change key retired", at.retiring("change_keys", [CHANGER], by)), ("retention up to the head", at.retention([("orders", 0, 5)], by)),
                                      ("retention of height 0", at.retention([("orders", 0, 0)], by)), ("a reason of 1,000 characters", at.retention([("orders", 0, 1)], by, reason="é" * 1000)), ("by the first change key", at.adding("keys", [new], CHANGER))]
    cases = [("with change keys", (f"change: {why}", "broken", 6, changed(data))) for why, data in broken]
    cases += [("with change keys", (f"change: {why}", "valid", 6, changed(data))) for why, data in valid]
    cases += [("with change keys", (f"change: {why}", "unknown", 6, changed(note(canonical(content), by)))) for why, content in (
        ("version 2", {"type": "kivend.change/v2"}), ("an unknown type", {"type": "kivend.erasure/v1", "archive_id": ARCHIVE_ID}))]
    lower = prefix(log, 8)
    cases.append(("with change keys", ("change: retention below an earlier one", "broken", 8, note(canonical(lower.content([tuple(l) for l in log.entries[7]["heads"]], lower.retention([("payments", 1, 3)], by))), OTHER))))
    late = prefix(log, 9)
    cases.append(("with change keys", ("change: by a retired change key", "broken", 9, note(canonical(late.content([tuple(l) for l in log.entries[8]["heads"]], late.adding("keys", [new], CHANGER))), OTHER))))
    unknown_by_retired = note(canonical(prefix(log, 7).content([tuple(l) for l in log.entries[6]["heads"]], note(canonical({"type": "kivend.change/v2"}), by))), KEY)
    cases.append(("with change keys", ("an unknown change in an entry by a retired key", "junk", 7, unknown_by_retired)))
    line = heads(("payments", 1, 1))
    for why, class_, change in (("change keys that archive.json does not have", "broken", key_log.adding("change_keys", [STRANGER], KEY)), ("retired by its own signer", "broken", key_log.retiring("keys", [KEY], KEY)), ("all keys retired", "broken", key_log.retiring("keys", [KEY, OTHER, THIRD], KEY)),
                                ("by a key that signs entries", "valid", key_log.retiring("keys", [KEY, THIRD], OTHER)), ("retention by such a key", "valid", key_log.retention([("payments", 1, 1)], THIRD))):
        cases.append(("keys alone", (f"change: {why}", class_, 3, note(canonical(key_log.content(line, change)), OTHER))))
    return cases


def checkpoints_in(log: LogWriter) -> list[Case]:
    text = log.checkpoint_text(5)
    root = b64(log.root(5))
    texts: list[tuple[str, str, str]] = [
        ("broken", "another root", text.replace(root, b64(log.root(4)))), ("broken", "a root of 31 bytes", text.replace(root, b64(log.root(5)[:31]))), ("broken", "a root in hex", text.replace(root, log.root(5).hex())),
        ("broken", "a root without its padding", text.replace("=", "")), ("broken", "two lines", text.rsplit("\n", 2)[0] + "\n"), ("broken", "no checkpoint", "hello\n"), ("broken", "JSON that is not canonical", '{"type": "kivend.link/v1"}\n'),
        ("broken", "a size with a zero before it", text.replace("\n6\n", "\n06\n")),
        ("replay", "another origin", log.checkpoint_text(5, **{ORIGIN: "elsewhere"})), ("replay", "another size", log.checkpoint_text(4)), ("replay", "an entry", canonical(log.entries[5])), ("replay", "an unknown type", canonical({"type": "kivend.new/v1"})),
        ("replay", "a further line at another size", log.checkpoint_text(4) + "more\n"), ("unknown", "a further line", text + "more\n"), ("unknown", "a further empty line and one more", text + "\nmore\n"),
    ]
    cases: list[Case] = [(why, class_, 5, note(t, OTHER)) for class_, why, t in texts]
    cases += [("by a key that this entry retires", "junk", 5, log.checkpoint(5, KEY)), ("by a key that is added later", "junk", 1, log.checkpoint(1, OTHER)), ("by a change key that is added later", "junk", 3, log.checkpoint(3, NEXT_CHANGER)),
              ("by a stranger", "junk", 5, log.checkpoint(5, STRANGER)), ("by two keys", "junk", 5, note(text, OTHER, CHANGER)), ("cosigned in its place", "junk", 5, log.checkpoint(5, OTHER) + WITNESS.cosignature(text, 1770113700).encode()),
              ("checkpoint 0 by no change key", "junk", 0, log.checkpoint(0, KEY)), ("by a retired key, with a further line", "junk", 7, note(log.checkpoint_text(7) + "more\n", KEY)),
              ("by the key that this entry adds", "valid", 2, log.checkpoint(2, OTHER)), ("by a change key", "valid", 6, log.checkpoint(6, NEXT_CHANGER)), ("by the change key that this entry adds", "valid", 4, log.checkpoint(4, NEXT_CHANGER)),
              ("by a change key retired here", "junk", 8, log.checkpoint(8, CHANGER)), ("by it, one before", "valid", 7, log.checkpoint(7, CHANGER))]
    return cases


def above_in(log: LogWriter) -> list[Content]:
    """Objects above the newest entry, where `taken` entries stand with their checkpoints, and the verdict on that log alone."""
    def case(why: str, verdict: str, taken: int, number: int, object_: bytes, kind: str = "log") -> Content:
        return {"why": why, "verdict": verdict, "taken": taken, "kind": kind, "number": number, "object_base64": b64(object_)}
    old = prefix(log, 7).content([tuple(line) for line in log.entries[6]["heads"]])
    return [
        case("the next entry", "intact", 7, 7, log.notes[7]), case("junk", "intact", 7, 7, b"junk"), case("a replay", "intact", 7, 7, log.notes[6]), case("the next entry by a retired key", "tampered", 7, 7, note(canonical(old), KEY)),
        case("the next entry with another tree", "tampered", 7, 7, note(canonical(old | {"tree": [sha(b"x")] * 3}), OTHER)), case("junk further on", "tampered", 7, 8, b"junk"), case("an entry with one missing before it", "incomplete", 7, 8, log.notes[8]),
        case("an entry far above by a retired key", "tampered", 7, 8, note(canonical(prefix(log, 8).content([tuple(line) for line in log.entries[6]["heads"]])), KEY)), case("a replay further on", "intact", 7, 8, log.notes[2]),
        case("an unknown entry", "unverifiable", 7, 7, note(canonical({"type": "kivend.entry/v2", "number": 7}), OTHER)), case("an unknown entry by a retired key", "intact", 7, 7, note(canonical({"type": "kivend.entry/v2", "number": 7}), KEY)),
        case("a checkpoint whose entry is missing", "incomplete", 7, 7, log.checkpoint(7, OTHER), "checkpoints"), case("junk for the next checkpoint", "intact", 7, 7, b"junk", "checkpoints"), case("junk for a later checkpoint", "tampered", 7, 8, b"junk", "checkpoints"),
        case("a checkpoint whose entry is missing, by a retired key", "intact", 7, 7, log.checkpoint(7, KEY), "checkpoints"),
    ]


def entries() -> dict[str, Any]:
    log, alone = with_change_keys(), without()
    logs = [told_log("with change keys", log, Terms([KEY], [CHANGER])), told_log("keys alone", alone, Terms([KEY, OTHER], []))]
    found = [("with change keys", case) for case in entries_in(log)] + changes_in(log, alone)
    names = {"KEY": KEY, "OTHER": OTHER, "THIRD": THIRD, "CHANGER": CHANGER, "NEXT_CHANGER": NEXT_CHANGER, "STRANGER": STRANGER}
    return {"about": "sections 1.2, 3 and 4; the layout is described in tools/make_vectors.py", "keys": {name: key.public_text for name, key in names.items()}, "logs": logs,
            "judged_entries": [{"log": name, "why": why, "class": class_, "number": number, "object_base64": b64(object_)} for name, (why, class_, number, object_) in found],
            "judged_checkpoints": [{"log": "with change keys", "why": why, "class": class_, "number": number, "object_base64": b64(object_)} for why, class_, number, object_ in checkpoints_in(log)],
            "above": [{"log": "with change keys"} | case for case in above_in(log)]}


# ---- cosignatures (section 3.4) -------------------------------------------------------------------------------------------
def cosignatures() -> dict[str, Any]:
    log = with_change_keys()
    text, time = log.checkpoint_text(6), 1770113700
    line, second = WITNESS.cosignature(text, time), SECOND_WITNESS.cosignature(text, time + 5)
    checkpoint = log.checkpoint(6, OTHER)
    lines = [("the checkpoint before", WITNESS.cosignature(log.checkpoint_text(5), time)), ("a further line of text", WITNESS.cosignature(text + "more\n", time)), ("another witness under its name", Key(WITNESS.name, 0x23, b"\x04").cosignature(text, time)),
             ("a signature of a note in place of a cosignature", Key(WITNESS.name, 0x21).line(text)), ("a flipped bit", flip_signature(line.encode()).decode()), ("no newline", line[:-1]), ("two newlines", line + "\n"), ("two lines", line * 2), ("carriage return and newline", line[:-1] + "\r\n"),
             ("a hyphen", line.replace("—", "-")), ("without padding", line.replace("=", "")), ("another time than signed", other_time(line)), ("nothing", ""), ("at time 0", WITNESS.cosignature(text, 0)), ("at a time beyond i64", WITNESS.cosignature(text, 2**63)), ("of a witness that is not known", Key("witness.example/three", 0x24, b"\x04").cosignature(text, time))]
    bad_keys = [("a key of notes", KEY.public_text), ("another id", WITNESS.public_text.replace(WITNESS.id.hex(), "00000000")), ("the id of its key for notes", WITNESS.public_text.replace(WITNESS.id.hex(), Key(WITNESS.name, 0x21).id.hex())), ("a name with a space", Key("a b", 0x21, b"\x04").public_text), ("no name", WITNESS.public_text[len(WITNESS.name):])]
    return {"about": "section 3.4; the layout is described in tools/make_vectors.py", "archive_base64": b64(log.identity), "checkpoint_number": 6, "checkpoint_text": text, "checkpoint_base64": b64(checkpoint),
            "witnesses": [{"name": w.name, "seed_hex": w.seed.hex(), "id": w.id.hex(), "vkey": w.public_text} for w in (WITNESS, SECOND_WITNESS)],
            "valid": [{"witness": w.public_text, "time": t, "object_base64": b64(l.encode()), "sha256": sha(l.encode())} for w, t, l in ((WITNESS, time, line), (SECOND_WITNESS, time + 5, second), (WITNESS, 1, WITNESS.cosignature(text, 1)), (WITNESS, 2**63 - 1, WITNESS.cosignature(text, 2**63 - 1)))],
            "cosigned_base64": b64(checkpoint + (line + second).encode()),
            "prove_nothing": [{"why": why, "object_base64": b64(l.encode())} for why, l in lines],
            "invalid_vkeys": [{"why": why, "vkey": vkey} for why, vkey in bad_keys]}


def other_time(line: str) -> str:
    head, coded = line[:-1].rsplit(" ", 1)
    raw = bytearray(base64.b64decode(coded))
    raw[11] ^= 1
    return f"{head} {b64(bytes(raw))}\n"
