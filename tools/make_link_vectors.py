"""Makes links.json for make_vectors.py, which describes it: docs/FORMAT.md, sections 6 and 8."""
from __future__ import annotations

from typing import Any

from format_writer import (
    ARCHIVE, ARCHIVE_ID, EMPTY_ROOT, KEY, OTHER, SEGMENT, STRANGER,
    Content, after, b64, canonical, closing, first_link, genesis, identity, lost, note, nothing, rejected, sha, too_large,
)
from log_writer import LogWriter, leaf_of

KNOWN = identity([KEY, OTHER], [])
TOPIC_ID, OTHER_ID = "AAAAAAAAQACAAAAAAAAAAA", "BBBBBBBBQACBBBBBBBBBBB"


def name(k: int) -> str:
    return SEGMENT + (f"-r{k}" if k else "") + ".parquet"


def links() -> dict[str, Any]:
    base = first_link()
    second = after(note(canonical(base), KEY), base)
    own = base["segment"]
    many = [rejected(name(k), "differs") for k in range(256)]
    many.sort(key=lambda entry: entry["key"])
    valid: list[tuple[str, Content]] = [
        ("the first link", base), ("nothing but a gap at shutdown", nothing(base, 0, 3)), ("a declared loss", lost(base, 0, 2500)),
        ("no timestamp in any record", base | {"min_timestamp_ms": None, "max_timestamp_ms": None}), ("negative timestamps", base | {"min_timestamp_ms": -5, "max_timestamp_ms": -5}),
        ("a topic id", base | {"topic_id": TOPIC_ID}), ("no leader epoch", base | {"leader_epoch": None}), ("the largest leader epoch", base | {"leader_epoch": 2**31 - 1}),
        ("another encoding", base | {"encoding": 2}), ("10,000 absent pairs", base | {"absent": [[2 * i + 1, 2 * i + 2] for i in range(10000)], "next_offset": 20001, "record_count": 10001}),
        ("the plain key was rejected", base | {"segment": own | {"key": name(1)}, "rejected": [rejected(name(0), "unreadable")]}),
        ("ours is the plain key, -r1 and -r2 are not", base | {"rejected": [rejected(name(1), "differs"), rejected(name(2), "differs")]}),
        ("keys in the order of their bytes: -r1, -r10, -r2", base | {"rejected": sorted((rejected(name(k), "differs") for k in range(1, 11)), key=lambda entry: entry["key"])}),
        ("one was too large", base | {"segment": own | {"key": name(1)}, "rejected": [too_large(name(0))]}), ("256 rejected, ours far above", base | {"segment": own | {"key": name(300)}, "rejected": many}),
        ("256 rejected, ours the next", base | {"segment": own | {"key": name(256)}, "rejected": many}), ("no segment, and one rejected", nothing(base, 0, 3) | {"rejected": [rejected(name(0), "differs")]}),
        ("another seal reason", base | {"seal_reason": "absent"}),
        ("text that canonical JSON escapes", base | {"sealed_by": "a\"b\\c\b\t\n\f\r\x00\x1f é \u2028"}), ("text that canonical JSON leaves raw", base | {"sealed_by": "\x7f\x80\x9f/"}),
    ]
    elsewhere: list[tuple[str, str, Content]] = [
        ("closed by a topic that was created anew", "0000-00000000000000000150", closing(second, 150, "recreated", 0)), ("closed by a log that was cut back", "0000-00000000000000000150", closing(second, 150, "diverged", 149)),
        ("cut back to nothing", "0000-00000000000000000150", closing(second, 150, "diverged", 0)), ("no leader epoch of no record", "0000-00000000000000000150", nothing(second, 150, 160)),
    ]
    objects = [(why, (0, 0), content) for why, content in valid] + [(why, (0, 150), content) for why, _, content in elsewhere]
    objects.append(("an epoch closed before its first record", (1, 0), closing(second, 0, "recreated", 0) | {"epoch": 1, "height": 2}))
    return {"about": "section 6; the layout is described in tools/make_vectors.py", "archive_base64": b64(KNOWN), "signer": KEY.public_text, "also_known": OTHER.public_text, "topic": "payments", "partition": 1,
            "valid": [{"name": why, "epoch": epoch, "first_offset": first, "text": canonical(c), "object_base64": b64(note(canonical(c), KEY)), "sha256": sha(note(canonical(c), KEY))} for why, (epoch, first), c in objects],
            "judged": [{"why": why, "class": class_, "epoch": 0, "first_offset": 0, "object_base64": b64(o)} for why, class_, o in judged(base, second)]
            + [{"why": f"closing: {why}", "class": "broken", "epoch": epoch, "first_offset": first, "object_base64": b64(object_(content))} for why, epoch, first, content in judged_closing(second)],
            "chains": chains(), "chain_archive_base64": b64(ARCHIVE), "genesis": genesis("payments", 1), "commit_metadata": commits()}


def judged(base: Content, second: Content) -> list[tuple[str, str, bytes]]:
    """Objects for the place of `base`, with their class of section 1.2; all keys of the archive are in force."""
    own, loss, gap = base["segment"], lost(base, 0, 150), nothing(base, 0, 3)
    text = canonical(base)
    first = rejected(name(1), "differs")
    content: list[tuple[str, Content]] = [
        ("next_offset not above first_offset", nothing(base, 0, 0) | {"absent": []}), ("next_offset below first_offset", nothing(base, 0, 0) | {"next_offset": -1}),
        ("record_count one too many", base | {"record_count": 148}), ("record_count one too few", base | {"record_count": 146}), ("record_count negative", base | {"record_count": -1, "absent": [[0, 151]]}),
        ("absent pairs that touch", base | {"absent": [[10, 12], [12, 13]]}), ("absent pairs out of order", base | {"absent": [[12, 13], [8, 10]]}), ("absent pairs that overlap", base | {"absent": [[10, 13], [12, 14]], "record_count": 145}),
        ("an empty absent pair", base | {"absent": [[10, 13], [20, 20]]}), ("absent before the range", base | {"absent": [[-1, 2]]}), ("absent beyond the range", base | {"absent": [[148, 151]]}), ("absent of three numbers", base | {"absent": [[10, 13, 14]]}),
        ("10,001 absent pairs", base | {"absent": [[2 * i + 1, 2 * i + 2] for i in range(10001)], "next_offset": 20010, "record_count": 10009}),
        ("only one of the two timestamps", base | {"max_timestamp_ms": None}), ("max before min", base | {"max_timestamp_ms": 1763559062593}), ("a minimum of -1", base | {"min_timestamp_ms": -1}), ("a maximum of -1", base | {"min_timestamp_ms": -5, "max_timestamp_ms": -1}),
        ("records but no segment", base | {"segment": None}), ("a segment but no records", gap | {"segment": own}), ("no records but timestamps", gap | {"min_timestamp_ms": 1, "max_timestamp_ms": 1}), ("no records but a root of some", gap | {"records_root": sha(b"any")}),
        ("seal reason lost without a loss", gap | {"seal_reason": "lost"}), ("a loss with another seal reason", loss | {"seal_reason": "age"}), ("a loss of a part of the range", loss | {"next_offset": 151}), ("a loss with absent offsets", loss | {"absent": [[0, 150]]}),
        ("a loss whose log start is not its end", loss | {"lost": loss["lost"] | {"log_start_offset": 151}}), ("a loss with records", base | {"lost": loss["lost"], "seal_reason": "lost"}), ("a loss for an unknown reason", loss | {"lost": loss["lost"] | {"reason": "compaction"}}),
        ("an unknown seal reason", base | {"seal_reason": "boredom"}), ("the seal reason of older drafts", base | {"seal_reason": "epoch"}), ("encoding 0", base | {"encoding": 0}), ("a leader epoch of -1", base | {"leader_epoch": -1}), ("a leader epoch beyond 32 bits", base | {"leader_epoch": 2**31}),
        ("a next epoch without a closing link", base | {"next_epoch_at": 0}), ("records sealed as diverged", base | {"seal_reason": "diverged"}), ("a gap sealed as recreated", gap | {"seal_reason": "recreated"}),
        ("closing with a range", gap | {"seal_reason": "recreated", "next_epoch_at": 0}), ("closing with records", base | {"seal_reason": "recreated", "next_epoch_at": 0}), ("a leader epoch of no record", gap | {"leader_epoch": 4}), ("a leader epoch of a loss", loss | {"leader_epoch": 4}),
        ("segment key of another offset", base | {"segment": own | {"key": SEGMENT[:-1] + "1.parquet"}}), ("segment key of another epoch", base | {"segment": own | {"key": name(0).replace("/0000-", "/0001-")}}), ("segment key of another topic", base | {"segment": own | {"key": name(0).replace("payments", "orders")}}),
        ("segment key with Hive names", base | {"segment": own | {"key": "data/topic=payments/partition=1/0000-00000000000000000000.parquet"}}), ("segment key that is no segment's", base | {"segment": own | {"key": "archive.json"}}), ("segment key with attempt 0", base | {"segment": own | {"key": SEGMENT + "-r0.parquet"}}),
        ("segment key with a padded attempt", base | {"segment": own | {"key": SEGMENT + "-r01.parquet"}, "rejected": [rejected(name(0), "differs")]}), ("a segment's hash of null", base | {"segment": own | {"sha256": None}}),
        ("segment -r1 though nothing was rejected", base | {"segment": own | {"key": name(1)}}), ("the rejected keys leave a gap", base | {"rejected": [rejected(name(2), "differs")]}), ("a key both segment and rejected", base | {"rejected": [rejected(name(0), "differs")]}),
        ("a rejected key beyond -r255", base | {"segment": own | {"key": name(300)}, "rejected": sorted((rejected(name(k), "differs") for k in range(257)), key=lambda entry: entry["key"])}), ("a segment far above, and too few rejected", base | {"segment": own | {"key": name(300)}, "rejected": [rejected(name(0), "differs")]}),
        ("rejected keys out of order", base | {"rejected": [rejected(name(2), "differs"), first]}), ("rejected keys in the order of their numbers", base | {"rejected": [rejected(name(k), "differs") for k in range(1, 11)]}), ("a rejected key twice", base | {"rejected": [first, first]}), ("an unknown reject reason", base | {"rejected": [rejected(name(1), "ugly")]}),
        ("too large, with a hash", base | {"rejected": [rejected(name(1), "too_large")]}), ("not too large, without a hash", base | {"rejected": [first | {"sha256": None}]}),
        ("sealed_at with a fraction", base | {"sealed_at": "2026-02-03T10:15:00.5Z"}), ("sealed_at without a zone", base | {"sealed_at": "2026-02-03T10:15:00"}), ("topic_id of 21 characters", base | {"topic_id": TOPIC_ID[:-1]}), ("a hash in capitals", base | {"previous": base["previous"].upper()}),
        ("height negative", base | {"height": -1}), ("a number as a string", base | {"height": "0"}), ("no checkpoint", base | {"checkpoint": None}), ("a checkpoint's hash instead of its root", base | {"checkpoint": {"number": 0, "sha256": sha(b"x")}}),
        ("a member too many", base | {"more": None}), ("a member missing", {k: v for k, v in base.items() if k != "sealed_by"}), ("members in another order", dict(reversed(base.items()))), ("its members from height on in another order", {k: base[k] for k in [*base][:7]} | dict(reversed([*base.items()][7:]))),
    ]
    texts: list[tuple[str, str]] = [
        ("white space", text.replace(":0,", ": 0,", 1)), ("a fraction", text.replace('"height":0', '"height":0.0')), ("minus zero", text.replace('"height":0', '"height":-0')), ("an exponent", text.replace('"height":0', '"height":0e0')),
        ("beyond i64", text.replace('"height":0', '"height":9223372036854775808')), ("a member twice", text.replace('"height":0', '"height":0,"height":0')), ("an escape that canonical JSON does not use", text.replace("kivend-", "kivend\\u002d")),
        ("a slash escaped", text.replace("data/", "data\\/", 1)), ("not JSON", "kivend\n"), ("two lines", text + "\n"), ("an array", "[]\n"),
    ]
    log = LogWriter(KNOWN)
    log.entry(KEY, [])
    replays: list[tuple[str, Content]] = [
        ("another archive", base | {"archive_id": ARCHIVE_ID[::-1]}), ("another topic's place", base | {"topic": "orders", "segment": own | {"key": name(0).replace("payments", "orders")}}),
        ("another partition's place", base | {"partition": 2, "segment": own | {"key": name(0).replace("payments/1", "payments/2")}}), ("another offset's place", second), ("another epoch's place", base | {"epoch": 1, "segment": own | {"key": name(0).replace("/0000-", "/0001-")}}),
        ("version 2 of another place", {"type": "kivend.link/v2", "topic": "orders"}), ("an unknown type of another offset", {"type": "new", "first_offset": 7}), ("an unknown type of another archive", {"type": "new", "archive_id": "f" * 32}),
        ("an entry", log.entries[0]), ("an entry of version 2", {"type": "kivend.entry/v2"}), ("a change", log.change_content(of="keys", add=[], retire=[])), ("an archive", {"type": "kivend.archive/v1"}), ("the report of a drill", {"type": "kivend.drill/v1", "archive_id": ARCHIVE_ID}),
    ]
    good = note(text, KEY)
    out = [(why, "broken", note(canonical(c), KEY)) for why, c in content] + [(why, "broken", note(t, OTHER)) for why, t in texts]
    out += [(why, "replay", note(canonical(c), KEY)) for why, c in replays] + [("a leaf", "replay", note(leaf_of(log.entries[0]), KEY)), ("a checkpoint", "replay", log.checkpoint(0, KEY)), ("a checkpoint with a further line", "replay", note(log.checkpoint_text(0) + "more\n", KEY))]
    strange: list[tuple[str, Content]] = [("version 2", base | {"type": "kivend.link/v2"}), ("version 2 with nothing else", {"type": "kivend.link/v2"}), ("an unknown type", {"type": "kivend.erasure/v1", "archive_id": ARCHIVE_ID, "height": 99})]
    out += [(why, "unknown", note(canonical(c), KEY)) for why, c in strange]
    return out + [("signed by a stranger", "junk", note(text, STRANGER)), ("signed by two", "junk", note(text, KEY, OTHER)), ("changed after signing", "junk", good.replace(b'"record_count":147', b'"record_count":146')), ("only the text", "junk", text.encode()), ("empty", "junk", b"")]


def judged_closing(second: Content) -> list[tuple[str, int, int, Content]]:
    """Closing links that break a rule, with the place that they name."""
    closed, cut = closing(second, 150, "recreated", 0), closing(second, 150, "diverged", 100)
    loss = lost(second, 150, 150)["lost"]
    here: list[tuple[str, Content]] = [
        ("without the offset of the next epoch", closed | {"next_epoch_at": None}), ("for another reason", closed | {"seal_reason": "shutdown"}), ("created anew, but not from 0", closed | {"next_epoch_at": 1}), ("cut back to its own end", cut | {"next_epoch_at": 150}), ("cut back beyond it", cut | {"next_epoch_at": 151}),
        ("a negative offset of the next epoch", cut | {"next_epoch_at": -1}), ("an absent pair", closed | {"absent": [[150, 150]]}), ("a loss", closed | {"lost": loss}), ("a loss and its reason", closed | {"lost": loss, "seal_reason": "lost"}), ("a time", closed | {"min_timestamp_ms": 1, "max_timestamp_ms": 1}), ("a leader epoch", closed | {"leader_epoch": 4}),
        ("a root of some records", closed | {"records_root": sha(b"any")}), ("a segment", closed | {"segment": second["segment"]}), ("a count of records", closed | {"record_count": 1}), ("a rejected object", closed | {"rejected": [rejected(second["segment"]["key"], "differs")]}), ("of height 0", closed | {"height": 0}), ("next_offset before first_offset", closed | {"next_offset": 149}),
    ]
    return [(why, 0, 150, content) for why, content in here] + [("of height 0 at the beginning", 0, 0, closing(first_link(), 0, "recreated", 0)), ("cut back at the beginning", 1, 0, closing(second, 0, "diverged", 0) | {"epoch": 1}), ("of the last epoch", 2**31 - 1, 0, closing(second, 0, "recreated", 0) | {"epoch": 2**31 - 1})]


# ---- chains ----------------------------------------------------------------------------------------------------------------
def object_(content: Content) -> bytes:
    return note(canonical(content), KEY)


def joined(*steps: Content) -> list[Content]:
    """A chain from the genesis: each step replaces members of a link of 50 records that follows the one before."""
    made: list[Content] = []
    for step in steps:
        if not made:
            made.append(first_link() | {"checkpoint": {"number": 3, "root": sha(b"root 3")}, "topic_id": TOPIC_ID} | step)
            continue
        before = made[-1]
        new = before["next_epoch_at"] is not None
        at, epoch = (before["next_epoch_at"], before["epoch"] + 1) if new else (before["next_offset"], before["epoch"])
        leader = next((link["leader_epoch"] for link in reversed(made) if link["leader_epoch"] is not None), None)
        anew = before["seal_reason"] == "recreated"
        topic = {TOPIC_ID: OTHER_ID, OTHER_ID: TOPIC_ID}.get(before["topic_id"]) if anew else before["topic_id"]
        link = first_link() | {name: before[name] for name in ("cluster_id", "checkpoint")} | {"topic_id": topic, "leader_epoch": leader} | {
            "height": before["height"] + 1, "epoch": epoch, "first_offset": at, "next_offset": at + 50, "record_count": 50, "absent": [],
            "segment": {"key": f"data/payments/1/{epoch:04}-{at:020}.parquet", "bytes": 5, "sha256": sha(b"s")}, "previous": sha(object_(before))} | step
        made.append(link)
    return made


def end(at: int, reason: str, next_epoch_at: int) -> Content:
    return {"first_offset": at, "next_offset": at, "record_count": 0, "absent": [], "min_timestamp_ms": None, "max_timestamp_ms": None, "leader_epoch": None, "records_root": EMPTY_ROOT, "segment": None, "seal_reason": reason, "next_epoch_at": next_epoch_at}


def lost_first() -> Content:
    """What Kafka lacks at the beginning of a new epoch."""
    loss = lost(first_link(), 0, 50)
    return {name: loss[name] for name in ("record_count", "absent", "lost", "leader_epoch", "min_timestamp_ms", "max_timestamp_ms", "records_root", "segment", "seal_reason")}


def moved(at: int, epoch: int, **more: Any) -> Content:
    """A link of 50 records somewhere else than its chain says."""
    return {"epoch": epoch, "first_offset": at, "next_offset": at + 50, "segment": {"key": f"data/payments/1/{epoch:04}-{at:020}.parquet", "bytes": 5, "sha256": sha(b"s")}} | more


def chains() -> list[dict[str, Any]]:
    """Chains whose last link continues the others, or does not."""
    recreated, cut = end(150, "recreated", 0), end(150, "diverged", 100)
    steps = ({}, {"leader_epoch": 5}, {"leader_epoch": 7})
    late = end(250, "diverged", 200)
    cases: list[tuple[str, bool, list[Content]]] = [
        ("the first follows the genesis", True, joined({})), ("the second follows the first", True, joined({}, {})), ("a closing link follows", True, joined({}, recreated)), ("the next epoch follows it", True, joined({}, recreated, {})),
        ("two epochs without a record", True, joined({}, recreated, end(0, "recreated", 0), end(0, "recreated", 0), {})), ("the new topic lost its beginning", True, joined({}, recreated, lost_first())), ("created anew, cut back, created anew", True, joined({}, recreated, {}, end(50, "diverged", 20), {}, end(70, "recreated", 0), {})),
        ("a topic id that is unknown before it was created anew", True, joined({"topic_id": None}, recreated, {"topic_id": TOPIC_ID})), ("a topic id that becomes known in the closing link", True, joined({"topic_id": None}, recreated | {"topic_id": TOPIC_ID}, {})), ("a topic id that becomes known after it was cut back", True, joined({"topic_id": None}, cut, {"topic_id": TOPIC_ID})),
        ("a new epoch may have another cluster and topic id", True, joined({}, recreated, {"cluster_id": "other", "topic_id": None})), ("a new epoch may have a lower leader epoch", True, joined({}, recreated, {"leader_epoch": 0})),
        ("a topic id may become known", True, joined({"topic_id": None}, {"topic_id": TOPIC_ID})), ("a newer checkpoint", True, joined({}, {"checkpoint": {"number": 9, "root": sha(b"root 9")}})), ("a leader epoch that grows", True, joined({}, {"leader_epoch": 9})),
        ("a leader epoch that becomes unknown", True, joined({}, {"leader_epoch": None})), ("a leader epoch that becomes known", True, joined({"leader_epoch": None}, {"leader_epoch": 0})), ("cut back", True, joined({}, cut)), ("an epoch after it was cut back", True, joined({}, cut, {})),
        ("cut back before its epoch's own beginning", True, joined({}, cut, {}, end(150, "diverged", 20), {})), ("cut back: the leader epoch of the newest link that ends there", True, joined(*steps, late, {"leader_epoch": 5})),
        ("cut back within the first link: no leader epoch binds", True, joined({}, cut, {"leader_epoch": 0})), ("cut back twice: superseded links do not bind", True, joined({}, {"leader_epoch": 9}, end(200, "diverged", 150), {"leader_epoch": 4}, {"leader_epoch": 5}, end(250, "diverged", 200), {"leader_epoch": 4})),
        ("closed by another cluster's id", False, joined({}, recreated | {"cluster_id": "other"})), ("closed by another topic id", False, joined({}, recreated | {"topic_id": OTHER_ID})), ("closed without the topic id", False, joined({}, cut | {"topic_id": None})),
        ("created anew with its old topic id", False, joined({}, recreated, {"topic_id": TOPIC_ID})), ("another cluster after it was cut back", False, joined({}, cut, {"cluster_id": "other"})), ("another topic id after it was cut back", False, joined({}, cut, {"topic_id": OTHER_ID})), ("the topic id unknown after it was cut back", False, joined({}, cut, {"topic_id": None})),
        ("cut back: a link of which a part is superseded does not bind", True, joined({"leader_epoch": 9}, cut, {"leader_epoch": 4}, {"leader_epoch": 5}, end(200, "diverged", 150), {"leader_epoch": 4})),
        ("height 0 with another previous than the genesis", False, joined({"previous": sha(b"")})), ("the first has height 1", False, joined({"height": 1})), ("the first is of epoch 1", False, joined(moved(0, 1, record_count=50, absent=[]))), ("the first does not start at 0", False, joined(moved(150, 0, record_count=50, absent=[]))),
        ("previous of another link", False, joined({}, {"previous": sha(b"x")})), ("height stays", False, joined({}, {"height": 0})), ("height leaps", False, joined({}, {"height": 2})), ("a hole between", False, joined({}, moved(151, 0))), ("an overlap", False, joined({}, moved(149, 0))),
        ("the next epoch without a closing link", False, joined({}, moved(0, 1))), ("the epoch goes on after its closing link", False, joined({}, recreated, moved(150, 0))), ("an epoch left out", False, joined({}, recreated, moved(0, 2))), ("the next epoch begins elsewhere", False, joined({}, cut, moved(0, 1))),
        ("another cluster in the epoch", False, joined({}, {"cluster_id": "other"})), ("another topic id in the epoch", False, joined({}, {"topic_id": "B" * 22})), ("a topic id forgotten", False, joined({}, {"topic_id": None})), ("an older checkpoint", False, joined({}, {"checkpoint": {"number": 2, "root": sha(b"root 2")}})),
        ("an older checkpoint in a new epoch", False, joined({}, recreated, {"checkpoint": {"number": 2, "root": sha(b"root 2")}})), ("a leader epoch that falls", False, joined({}, {"leader_epoch": 3})), ("a leader epoch that falls after an unknown one", False, joined({}, {"leader_epoch": None}, {"leader_epoch": 3})),
        ("cut back: below the newest link that ends there", False, joined(*steps, late, {"leader_epoch": 4})), ("a closing link at another offset", False, joined({}, end(149, "recreated", 0))),
    ]
    return [{"name": why, "continues": yes, "links_base64": [b64(object_(content)) for content in made]} for why, yes, made in cases]


def commits() -> dict[str, Any]:
    good = {"epoch": 0, "height": 17, "first_offset": 2500, "link": sha(b"link")}
    text = f"v1 0 17 2500 {sha(b'link')}"
    return {"about": "section 8", "valid": [good | {"text": text}, good | {"epoch": 2**31 - 1, "text": text.replace("v1 0", f"v1 {2**31 - 1}")}],
            "invalid": ["", "v1", text + " ", " " + text, text.replace("v1", "v2"), text.replace(" ", "  ", 1), text.upper(), text[:-1], text.replace("17", "-17"), text.replace("17", "017"),
                        text.replace("17", "+17"), text + "\n", text.replace("2500", "9223372036854775808"), text.replace("v1 0", "v1 2147483648")]}
