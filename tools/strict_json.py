"""Reads JSON that every reader understands alike (docs/FORMAT.md, section 7.4, rule 9): no name twice, no lone surrogate, no byte
order mark, no NaN, at most 127 objects and arrays open at once.

Each member of an object has a value and its source text.
"""
import json
import re
from itertools import accumulate

from notes import demand, refuse

def unique(pairs):
    members = dict(pairs)
    return members if len(members) == len(pairs) else refuse("a name twice")

def number(literal):
    return float(literal) if literal.isascii() else refuse(literal)

def spanned(text, at):
    value, end = JSON.scan_once(text, at)
    return (value, text[at:end]), end

JSON = json.JSONDecoder(parse_int=number, parse_float=number, parse_constant=refuse, object_pairs_hook=unique)
JSON.parse_object = lambda place, strict, _, *hooks: json.decoder.JSONObject(place, strict, spanned, *hooks)
JSON.scan_once = json.scanner.py_make_scanner(JSON)

def parse_json(text):
    document = JSON.decode(text)
    if "\\u" in text:
        json.dumps(document, ensure_ascii=False).encode()  # a lone surrogate cannot be encoded
    # Possessive, because the regular expression would otherwise remember every character of a text.
    brackets = re.finditer(r'"(?:[^"\\]|\\.)*+"|([][{}])', text)
    depths = accumulate((b in ("[", "{")) - (b in ("]", "}")) for b in (found[1] for found in brackets))
    demand(max(depths, default=0) <= 127, kind=ValueError)
    return document
