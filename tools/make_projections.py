"""The projection vectors of docs/FORMAT.md, section 7.4, as tables whose expected results were written by hand.

Part of make_vectors.py.
"""
from __future__ import annotations

import base64
import json
import struct
from typing import Any

FIELD_TYPE = object()  # the column is null, and parse_error is field_type


def float_bits(value: float) -> str:
    """A double as 16 hex digits: exact, and -0.0 differs from 0.0."""
    return struct.pack(">d", value).hex()


# JSON literal of the member, expected value of its column.
STRINGS: list[tuple[str, Any]] = [
    ('"x"', "x"), ('""', ""), (r'"\u0041\n\"\\\/\b\f\t\r"', 'A\n"\\/\b\f\t\r'), (r'"\ud83d\ude00"', "\U0001f600"), (r'"\u0000"', "\x00"), ('"\x7f"', "\x7f"),
    ('"\u00e9"', "\u00e9"), ("null", None), ("1", FIELD_TYPE), ("true", FIELD_TYPE), ('["x"]', FIELD_TYPE), ("{}", FIELD_TYPE),
]
INTEGERS: list[tuple[str, Any]] = [
    ("0", 0), ("-0", 0), ("1", 1), ("-1", -1), ("9223372036854775807", 9223372036854775807), ("-9223372036854775808", -9223372036854775808),
    ("9007199254740993", 9007199254740993), ("null", None), ("9223372036854775808", FIELD_TYPE), ("-9223372036854775809", FIELD_TYPE),
    ("1" + "0" * 5000, FIELD_TYPE), ("1.0", FIELD_TYPE), ("-0.0", FIELD_TYPE), ("1e2", FIELD_TYPE), ("1E0", FIELD_TYPE), ('"1"', FIELD_TYPE),
    ("true", FIELD_TYPE), ("[]", FIELD_TYPE),
]
FLOATS: list[tuple[str, Any]] = [
    ("0", float_bits(0.0)), ("-0", float_bits(0.0)), ("-0.0", float_bits(-0.0)), ("-0e0", float_bits(-0.0)), ("1", float_bits(1.0)), ("0.1", float_bits(0.1)), ("1e2", float_bits(100.0)),
    ("1E+2", float_bits(100.0)), ("9007199254740993", float_bits(9007199254740992.0)), ("9223372036854775808", float_bits(9223372036854775808.0)),
    ("1" + "0" * 308, float_bits(1e308)), ("1" + "0" * 309, FIELD_TYPE), ("1.7976931348623158e308", float_bits(1.7976931348623157e308)), ("1.7976931348623159e308", FIELD_TYPE),
    ("1e400", FIELD_TYPE), ("-1e400", FIELD_TYPE), ("1e99999999999999999999", FIELD_TYPE), ("5e-324", float_bits(5e-324)), ("2.4703282292062327e-324", float_bits(0.0)),
    ("2.4703282292062328e-324", float_bits(5e-324)), ("1e-400", float_bits(0.0)), ("-1e-400", float_bits(-0.0)), ("0e400", float_bits(0.0)),
    ("null", None), ('"1"', FIELD_TYPE), ("false", FIELD_TYPE),
]
# Of a decimal(5,2), judged by hand; the expected value is in hundredths.
DECIMALS: list[tuple[str, Any]] = [
    ("0", 0), ("-0", 0), ("0.0", 0), ("-0.00", 0), ("0.5", 50), ("0.05", 5), ("-0.05", -5), ("7", 700), ("101.9", 10190), ("26.82", 2682), ("60.0", 6000),
    ("999.99", 99999), ("-999.99", -99999), ("999", 99900), ("null", None), ("1000", FIELD_TYPE), ("-1000", FIELD_TYPE), ("1000.00", FIELD_TYPE), ("0.001", FIELD_TYPE), ("0.000", FIELD_TYPE),
    ("1.500", FIELD_TYPE), ("1e0", FIELD_TYPE), ("1E2", FIELD_TYPE), ("0e0", FIELD_TYPE), ("1.5e1", FIELD_TYPE), ("15e-1", FIELD_TYPE), ("1" + "0" * 5000, FIELD_TYPE), ("0." + "0" * 5000, FIELD_TYPE),
    ('"1"', FIELD_TYPE), ("true", FIELD_TYPE), ("[]", FIELD_TYPE), ("{}", FIELD_TYPE),
]
# Other precisions and scales: type, literal, expected value.
EDGES: list[tuple[str, str, Any]] = [
    ("decimal(1,0)", "9", 9), ("decimal(1,0)", "10", FIELD_TYPE), ("decimal(1,0)", "0.0", FIELD_TYPE), ("decimal(1,0)", "-0", 0), ("decimal(1,1)", "0.9", 9), ("decimal(1,1)", "0", 0), ("decimal(1,1)", "1", FIELD_TYPE),
    ("decimal(1,1)", "1.0", FIELD_TYPE), ("decimal(18,0)", "999999999999999999", 999999999999999999), ("decimal(18,0)", "-999999999999999999", -999999999999999999), ("decimal(18,0)", "1000000000000000000", FIELD_TYPE),
    ("decimal(18,18)", "0.999999999999999999", 999999999999999999), ("decimal(18,18)", "-0.000000000000000001", -1), ("decimal(18,18)", "0.0000000000000000001", FIELD_TYPE),
    ("decimal(18,2)", "9999999999999999.99", 999999999999999999), ("decimal(18,2)", "10000000000000000", FIELD_TYPE), ("decimal(18,2)", "101.900", FIELD_TYPE), ("decimal(9,2)", "9999999.99", 999999999), ("decimal(9,2)", "10000000", FIELD_TYPE),
]
BOOLEANS: list[tuple[str, Any]] = [("true", True), ("false", False), ("null", None), ("0", FIELD_TYPE), ("1", FIELD_TYPE), ('"true"', FIELD_TYPE), ("[]", FIELD_TYPE)]
TIMESTAMPS: list[tuple[str, Any]] = [(f'"{text}"', expected) for text, expected in [
    ("1970-01-01T00:00:00Z", 0), ("1970-01-01 00:00:00", 0), ("1970-01-01T00:00:00", 0), ("1970-01-01 00:00:00Z", 0), ("1970-01-01T00:00:00.5Z", 500000),
    ("1970-01-01T00:00:00.000001", 1), ("1970-01-01T00:00:00.0000009Z", 0), ("1970-01-01T00:00:00.1234567890123456789012345Z", 123456),
    ("1969-12-31T23:59:59.999999Z", -1), ("1969-12-31T23:59:59.9999999Z", -1), ("1969-12-31T23:59:59Z", -1000000), ("1970-01-01T01:00:00+01:00", 0), ("1969-12-31T23:30:00-00:30", 0),
    ("1970-01-01T23:59:00+23:59", 0), ("1969-12-31 00:01:00.25-23:59", 250000), ("1970-01-01T00:00:00-00:00", 0), ("0001-01-01T00:00:00Z", -62135596800000000),
    ("9999-12-31T23:59:59.999999Z", 253402300799999999), ("0001-01-01T00:00:00+23:59", -62135683140000000), ("9999-12-31T23:59:59-23:59", 253402387139000000),
    ("2000-02-29T00:00:00Z", 951782400000000), ("2025-11-19T13:31:02.594Z", 1763559062594000),
    ("", FIELD_TYPE), ("2001-02-29T00:00:00Z", FIELD_TYPE), ("1900-02-29T00:00:00Z", FIELD_TYPE), ("2026-13-01T00:00:00Z", FIELD_TYPE), ("2026-00-10T00:00:00Z", FIELD_TYPE),
    ("2026-01-00T00:00:00Z", FIELD_TYPE), ("2026-04-31T00:00:00Z", FIELD_TYPE), ("0000-01-01T00:00:00Z", FIELD_TYPE), ("10000-01-01T00:00:00Z", FIELD_TYPE),
    ("-2026-01-01T00:00:00Z", FIELD_TYPE), ("2026-02-03", FIELD_TYPE), ("2026-02-03T10:15Z", FIELD_TYPE), ("2026-02-03T24:00:00Z", FIELD_TYPE), ("2026-02-03T23:60:00Z", FIELD_TYPE),
    ("2026-02-03T23:59:60Z", FIELD_TYPE), ("2026-2-3T10:15:00Z", FIELD_TYPE), ("2026-02-03t10:15:00Z", FIELD_TYPE), ("2026-02-03T10:15:00z", FIELD_TYPE), ("2026-02-03  10:15:00Z", FIELD_TYPE),
    ("2026-02-03T10:15:00 Z", FIELD_TYPE), ("2026-02-03T10:15:00+1:00", FIELD_TYPE), ("2026-02-03T10:15:00+0100", FIELD_TYPE), ("2026-02-03T10:15:00+01", FIELD_TYPE),
    ("2026-02-03T10:15:00+24:00", FIELD_TYPE), ("2026-02-03T10:15:00-23:60", FIELD_TYPE), ("2026-02-03T10:15:00+01:00Z", FIELD_TYPE), ("2026-02-03T10:15:00.Z", FIELD_TYPE),
    ("2026-02-03T10:15:00,5Z", FIELD_TYPE), (" 2026-02-03T10:15:00Z", FIELD_TYPE), ("2026-02-03T10:15:00Z ", FIELD_TYPE), (r"2026-02-03T10:15:00Z\n", FIELD_TYPE),
    ("\u0662026-02-03T10:15:00Z", FIELD_TYPE), ("20260203T101500Z", FIELD_TYPE), ("2026-02-03T10:15:00\u221201:00", FIELD_TYPE)]] + [
    (r'"1970-01-01\u005400:00:01Z"', 1000000), ("null", None), ("0", FIELD_TYPE), ("1763559062594", FIELD_TYPE), ("{}", FIELD_TYPE)]
JSONS: list[tuple[str, Any]] = [
    ("1", "1"), ("-0", "-0"), ("1.50e400", "1.50e400"), ("true", "true"), (r'"\u0041 x"', r'"\u0041 x"'), ("[ 1, 2 ,\t{\"x\" : [] }\r\n]", "[ 1, 2 ,\t{\"x\" : [] }\r\n]"), ("  {}  ", "{}"),
    ('"}]\\"{["', '"}]\\"{["'), ("{\"v\":{\"v\":1}}", "{\"v\":{\"v\":1}}"), ('"\u00e9"', '"\u00e9"'), ("null", None),
]
# Name, the value's bytes, expected `a`, expected parse_error. One rule: a = /a as a string.
DOCUMENTS: list[tuple[str, bytes | None, str | None, str | None]] = [
    ("plain", b'{"a":"x"}', "x", None), ("null value", None, None, None), ("missing", b"{}", None, None), ("null member", b'{"a":null}', None, None),
    ("white space around and between", b' \t\r\n{ "a"\n:\t"x" }\r\n ', "x", None), ("number beyond every range elsewhere", b'{"a":"x","n":1e999999}', "x", None),
    ("name escaped", rb'{"\u0061":"x"}', "x", None), ("same name in two objects", b'{"a":"x","b":{"a":1},"c":[{"a":1},{"a":2}]}', "x", None),
    ("names that differ in their normal form only", '{"a":"x","\u00e9":1,"e\u0301":2}'.encode(), "x", None), ("brackets in a string", b'{"a":"x","b":"' + b"[" * 500 + b'"}', "x", None),
    ("127 open", b'{"a":"x","b":' + b"[" * 126 + b"]" * 126 + b"}", "x", None), ("127 open many times", b'{"a":"x","b":[' + b",".join([b"[" * 125 + b"]" * 125] * 3) + b"]}", "x", None),
    ("128 open", b'{"a":"x","b":' + b"[" * 127 + b"]" * 127 + b"}", None, "not_json"), ("128 objects open", b'{"a":"x","b":' + b'{"c":' * 127 + b"1" + b"}" * 127 + b"}", None, "not_json"),
    ("20,000 open", b"[" * 20000, None, "not_json"), ("array of 127 open", b"[" * 127 + b"]" * 127, None, "not_object"), ("array of 128 open", b"[" * 128 + b"]" * 128, None, "not_json"),
    ("name twice", b'{"a":"x","a":"x"}', None, "not_json"), ("name twice, once escaped", rb'{"a":"x","\u0061":"y"}', None, "not_json"), ("name twice deep", b'{"a":"x","b":[{"c":{"d":1,"d":1}}]}', None, "not_json"),
    ("empty name twice", b'{"a":"x","":1,"":2}', None, "not_json"), ("name twice in an array", b'[{"a":1,"a":2}]', None, "not_json"),
    ("lone high surrogate", rb'{"a":"x","b":"\ud800"}', None, "not_json"), ("lone low surrogate", rb'{"a":"\udc00"}', None, "not_json"), ("high surrogate, then a letter", rb'{"a":"\ud800x"}', None, "not_json"),
    ("two high surrogates", rb'{"a":"\ud800\ud800"}', None, "not_json"), ("surrogates in the wrong order", rb'{"a":"\ude00\ud83d"}', None, "not_json"), ("lone surrogate in a name", rb'{"a":"x","\ud800":1}', None, "not_json"),
    ("backslash, then letters that look like an escape", rb'{"a":"\\ud800"}', r"\ud800", None), ("surrogate pair", rb'{"a":"\uD83D\uDE00"}', "\U0001f600", None),
    ("byte order mark", b'\xef\xbb\xbf{"a":"x"}', None, "not_json"), ("byte order mark in a string", '{"a":"\ufeff"}'.encode(), "\ufeff", None), ("empty", b"", None, "not_json"), ("white space alone", b" \n", None, "not_json"),
    ("NaN", b'{"a":"x","b":NaN}', None, "not_json"), ("Infinity", b'{"a":"x","b":Infinity}', None, "not_json"), ("-Infinity", b'{"a":"x","b":-Infinity}', None, "not_json"), ("leading zero", b'{"b":01}', None, "not_json"),
    ("plus", b'{"b":+1}', None, "not_json"), ("no digit before the point", b'{"b":.5}', None, "not_json"), ("no digit after the point", b'{"b":1.}', None, "not_json"), ("no digit in the exponent", b'{"b":1e}', None, "not_json"),
    ("minus alone", b'{"b":-}', None, "not_json"), ("hexadecimal", b'{"b":0x1}', None, "not_json"), ("trailing comma", b'{"a":"x",}', None, "not_json"), ("comment", b'{"a":"x"}//', None, "not_json"),
    ("single quotes", b"{'a':'x'}", None, "not_json"), ("name without quotes", b'{a:"x"}', None, "not_json"), ("tab in a string", b'{"a":"\t"}', None, "not_json"), ("NUL in a string", b'{"a":"\x00"}', None, "not_json"),
    ("unknown escape", rb'{"a":"\x41"}', None, "not_json"), ("escape of three digits", rb'{"a":"\u041"}', None, "not_json"), ("capital U", rb'{"a":"\U0041"}', None, "not_json"), ("sign in an escape", rb'{"a":"\u+041"}', None, "not_json"),
    ("two values", b'{"a":"x"}{}', None, "not_json"), ("NUL at the end", b'{"a":"x"}\x00', None, "not_json"), ("form feed as space", b'{"a":"x"}\x0c', None, "not_json"), ("no-break space", '{"a":"x"}\u00a0'.encode(), None, "not_json"),
    ("cut off", b'{"a":"x"', None, "not_json"), ("capitals", b'{"a":"x","b":True}', None, "not_json"), ("digits of another script", '{"b":\u0661}'.encode(), None, "not_json"),
    ("array", b'[{"a":"x"}]', None, "not_object"), ("string", b'"a"', None, "not_object"), ("number", b"1", None, "not_object"), ("null as JSON", b"null", None, "not_object"),
    ("Latin-1", b'{"a":"\xe9"}', None, "not_utf8"), ("bytes", b"\xff\xfe", None, "not_utf8"), ("overlong", b'{"a":"\xc0\x80"}', None, "not_utf8"), ("surrogate in UTF-8", b'{"a":"\xed\xa0\x80"}', None, "not_utf8"),
    ("beyond U+10FFFF", b'{"a":"\xf4\x90\x80\x80"}', None, "not_utf8"), ("cut in a character", b'{"a":"x"}\xc3', None, "not_utf8"), ("UTF-16", '{"a":"x"}'.encode("utf-16"), None, "not_utf8"),
    ("neither UTF-8 nor JSON", b"{\xff", None, "not_utf8"), ("wrong type", b'{"a":1}', None, "field_type"),
]
# Path, the value, expected string, expected parse_error.
POINTERS: list[tuple[str, str, str | None, str | None]] = [
    ("/a/b", '{"a":{"b":"x"}}', "x", None), ("/a/b", '{"a":{}}', None, None), ("/a/b", '{"a":null}', None, None), ("/a/b", '{"a":"b"}', None, None), ("/a/b", '{"a":["b"]}', None, None), ("/a/0", '{"a":["x"]}', None, None),
    ("/a/0", '{"a":{"0":"x"}}', "x", None), ("/a/-", '{"a":{"-":"x"}}', "x", None), ("/", '{"":"x"}', "x", None), ("//", '{"":{"":"x"}}', "x", None), ("/a~1b", '{"a/b":"x"}', "x", None), ("/m~0n", '{"m~n":"x"}', "x", None),
    ("/~01", '{"~1":"x"}', "x", None), ("/a b", '{"a b":"x"}', "x", None), ("/\u00e9", r'{"\u00e9":"x"}', "x", None), ("/a", '{"a":{"b":"x"}}', None, "field_type"), ("/A", '{"a":"x"}', None, None),
]
VALID_RULES = ["[]", '[{"column":"a","path":"/a","type":"decimal(1,0)"},{"column":"b","path":"/b","type":"decimal(18,18)"}]', '[{"column":"_a1","path":"/a","type":"string"},{"column":"b","path":"/a","type":"json"}]']
INVALID_RULES: list[tuple[str, str]] = [(why, f"[{rules}]") for why, rules in [
    ("capital in a name", '{"column":"A","path":"/a","type":"string"}'), ("digit first", '{"column":"1a","path":"/a","type":"string"}'), ("empty name", '{"column":"","path":"/a","type":"string"}'),
    ("an authoritative name", '{"column":"offset","path":"/a","type":"string"}'), ("the column of the epoch", '{"column":"epoch","path":"/a","type":"string"}'),
    ("the column of other timestamps", '{"column":"timestamp_out_of_range_ms","path":"/a","type":"string"}'), ("parse_error", '{"column":"parse_error","path":"/a","type":"string"}'),
    ("a name twice", '{"column":"a","path":"/a","type":"string"},{"column":"a","path":"/b","type":"string"}'), ("empty path", '{"column":"a","path":"","type":"string"}'), ("no slash first", '{"column":"a","path":"a","type":"string"}'),
    ("unknown escape in the path", '{"column":"a","path":"/~2","type":"string"}'), ("tilde last in the path", '{"column":"a","path":"/a~","type":"string"}'), ("unknown type", '{"column":"a","path":"/a","type":"int32"}'),
    *((f"the type {type_}", f'{{"column":"a","path":"/a","type":"{type_}"}}') for type_ in (
        "decimal", "decimal()", "decimal(18)", "decimal(0,0)", "decimal(19,2)", "decimal(2,3)", "decimal(18,-1)", "decimal(18, 2)", "decimal(018,2)", "decimal(18,02)", "decimal(+18,2)", "Decimal(18,2)", "decimal(18,2) ")),
    ("a field too many", '{"column":"a","path":"/a","type":"string","x":1}'), ("a field missing", '{"column":"a","path":"/a"}'), ("another order", '{"path":"/a","column":"a","type":"string"}'),
    ("white space", '{"column": "a","path":"/a","type":"string"}'), ("an escaped letter", '{"column":"\\u0061","path":"/a","type":"string"}')]] + [
    ("a final newline", "[]\n"), ("an object", "{}"), ("empty", "")]


def rule(column: str, path: str, type_: str) -> dict[str, str]:
    return {"column": column, "path": path, "type": type_}


def rules_text(*rules: dict[str, str]) -> str:
    return json.dumps(rules, separators=(",", ":"), ensure_ascii=False)


def case(name: str, value: bytes | None, columns: dict[str, Any], parse_error: str | None) -> dict[str, Any]:
    return {"name": name, "value_base64": None if value is None else base64.b64encode(value).decode(), "columns": columns, "parse_error": parse_error}


def typed(type_: str, table: list[tuple[str, Any]]) -> dict[str, Any]:
    cases = []
    for literal, expected in table:
        wrong = expected is FIELD_TYPE
        name = literal if len(literal) < 60 else f"{literal[:20]}… ({len(literal)} characters)"
        value = '{"o":"other","v":' + literal + "}"
        cases.append(case(name, value.encode(), {"v": None if wrong else expected, "o": "other"}, "field_type" if wrong else None))
    return {"projection": rules_text(rule("v", "/v", type_), rule("o", "/o", "string")), "cases": cases}


def projections() -> dict[str, Any]:
    groups = [typed(type_, table) for type_, table in {"string": STRINGS, "int64": INTEGERS, "float64": FLOATS, "decimal(5,2)": DECIMALS, "bool": BOOLEANS, "timestamp_us": TIMESTAMPS, "json": JSONS}.items()]
    groups += [typed(type_, [(literal, expected)]) for type_, literal, expected in EDGES]
    groups.append({"projection": rules_text(rule("a", "/a", "string")), "cases": [case(name, value, {"a": a}, error) for name, value, a, error in DOCUMENTS]})
    groups += [{"projection": rules_text(rule("p", path, "string")), "cases": [case(f"{path} in {text}", text.encode(), {"p": p}, error)]} for path, text, p, error in POINTERS]
    return {"about": "section 7: rules (the footer value), a record's value (null: none), the typed columns and parse_error. float64 as the double's bits in hex, "
                     "decimal without its point, timestamp_us as microseconds since the epoch, json as text", "groups": groups,
            "valid_rules": VALID_RULES, "invalid_rules": [{"why": why, "projection": text} for why, text in INVALID_RULES]}
