"""A value's JSON as typed columns (docs/FORMAT.md, section 5), and canonical JSON: part of verify.py, and as independent."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

I64 = range(-(2**63), 2**63)


class Broken(Exception):
    """Something that must obey the format breaks a rule of it."""


def demand(holds: object, why: str) -> None:
    if not holds:
        raise Broken(why)


def canonical(text: str) -> Any:
    """The content of canonical JSON: what is written again must be the same text, and numbers are integers."""

    def refuse(literal: str) -> Any:
        raise Broken(f"not an integer: {literal[:20]}")

    try:
        content = json.loads(text, parse_float=refuse, parse_constant=refuse)
        again = json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"
    except (ValueError, RecursionError):
        raise Broken("not JSON") from None
    demand(again == text, "not canonical JSON")
    return content


class Number(str):
    """A JSON number as its literal, since 1, 1.0 and 1e0 differ here."""


class Mistyped(Exception):
    """A member is not of its column's type."""


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name twice")
    return members


def not_a_number(literal: str) -> Any:
    raise ValueError(literal)


JSON = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=not_a_number, object_pairs_hook=unique)
STRING, SPACE = re.compile(r'"(?:[^"\\]|\\.)*"', re.S), re.compile(r"[ \t\n\r]*")
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))?", re.A)
TYPES = ["string", "int64", "float64", "bool", "timestamp_us", "json"]
AUTHORITATIVE = ["topic", "partition", "offset", "timestamp", "timestamp_type", "key", "value", "headers"]


def parse_json(text: str) -> Any:
    """RFC 8259, and no more: ValueError or RecursionError where it is not JSON by the format's rules."""
    if text.count("[") + text.count("{") > 127:
        brackets = re.findall(r"[\[\]{}]", STRING.sub("", text))
        if max(accumulate((1 if bracket in "[{" else -1 for bracket in brackets), initial=0)) > 127:
            raise ValueError("too deep")
    document = JSON.decode(text)
    if "\\u" in text:
        json.dumps(document, ensure_ascii=False).encode()  # raises on a lone surrogate
    return document


def raw_member(text: str, steps: list[str]) -> str:
    """The text of a member as it stands, in a document that was parsed and has it."""

    def skip(position: int) -> int:
        return SPACE.match(text, position).end()  # type: ignore[union-attr]

    at = skip(0)
    for step in steps:
        name, at = scanstring(text, skip(at + 1) + 1)
        while name != step:
            at = skip(JSON.raw_decode(text, skip(skip(at) + 1))[1])
            name, at = scanstring(text, skip(at + 1) + 1)
        at = skip(skip(at) + 1)
    return text[at : JSON.raw_decode(text, at)[1]]


def timestamp_us(text: str) -> int:
    parts = TIME.fullmatch(text)
    if not parts:
        raise Mistyped
    year, month, day, hour, minute, second = (int(part) for part in parts.groups()[:6])
    sign, zone_hour, zone_minute = -1 if parts[8] == "-" else 1, int(parts[9] or 0), int(parts[10] or 0)
    if hour > 23 or minute > 59 or second > 59 or zone_hour > 23 or zone_minute > 59:
        raise Mistyped
    try:
        days = date(year, month, day).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        raise Mistyped from None
    seconds = ((days * 24 + hour - sign * zone_hour) * 60 + minute - sign * zone_minute) * 60 + second
    return seconds * 10**6 + int((parts[7] or "")[:6].ljust(6, "0"))


@dataclass(frozen=True)
class Rule:
    """One typed column: its name, the steps of its pointer, its type."""

    column: str
    steps: list[str]
    type: str

    def value(self, document: Any, text: str) -> Any:
        member = document
        for step in self.steps:
            member = member.get(step) if type(member) is dict else None
        if member is None:
            return None
        if self.type == "json":
            return raw_member(text, self.steps).encode()
        if self.type == "string" and type(member) is str:
            return member.encode()
        if self.type == "timestamp_us" and type(member) is str:
            return timestamp_us(member)
        if self.type == "bool" and type(member) is bool:
            return member
        integer = type(member) is Number and re.fullmatch("-?[0-9]+", member)
        if self.type == "int64" and integer and len(member) <= 20 and int(member) in I64:
            return int(member)
        if self.type == "float64" and type(member) is Number and math.isfinite(double := float(member)):
            return 0.0 if integer and not double else double  # -0 is the integer 0
        raise Mistyped


def projection_rules(text: str) -> list[Rule]:
    content = canonical(text + "\n")
    demand(type(content) is list, "the projection is no list of rules")
    rules, taken = [], {*AUTHORITATIVE, "parse_error"}
    for rule in content:
        demand(
            type(rule) is dict
            and list(rule) == ["column", "path", "type"]
            and all(type(v) is str for v in rule.values()),
            "a projection rule has other fields",
        )
        column, path, type_ = rule.values()
        demand(
            re.fullmatch("[a-z_][a-z0-9_]*", column) and column not in taken,
            f"a projection rule may not name column={column}",
        )
        demand(re.fullmatch("(?:/(?:[^~/]|~[01])*)+", path, re.S), f"not a pointer: path={path}")
        demand(type_ in TYPES, f"unknown column type={type_}")
        taken.add(column)
        rules.append(Rule(column, [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]], type_))
    return rules


def project(rules: list[Rule], value: bytes | None) -> list[Any]:
    """The typed columns of one record, and last its parse_error."""
    nothing: list[Any] = [None] * len(rules)
    if value is None:
        return [*nothing, None]
    try:
        text = value.decode()
        document = parse_json(text)
    except UnicodeDecodeError:
        return [*nothing, b"not_utf8"]
    except (ValueError, RecursionError):
        return [*nothing, b"not_json"]
    if type(document) is not dict:
        return [*nothing, b"not_object"]
    error = None
    for index, rule in enumerate(rules):
        try:
            nothing[index] = rule.value(document, text)
        except Mistyped:
            error = b"field_type"
    return [*nothing, error]
