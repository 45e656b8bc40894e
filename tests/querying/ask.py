"""Runs the blocks of docs/QUERYING.md, or the file of examples/, for one engine, and prints its answers as JSON: question → rows.

    python ask.py ENGINE TOPICS      TOPICS is a JSON object: name in the document → name in the archive

One engine per process: each brings its own threads and native libraries. Runs in a folder of its own with kivend.pub and files.txt.
"""
from __future__ import annotations

import contextlib
import io
import json
import math
import sys
from collections.abc import Iterable
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from document import COPY, FRAME_ENGINES, Block, blocks, only, opening, queries, sections


def plain(value: Any) -> Any:
    """One form for what engines return for the same value."""
    if hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime()
    if value is None or type(value).__name__ == "NAType" or isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, datetime):  # Spark returns local time without a zone, and the test runs in UTC
        return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).isoformat(timespec="microseconds")
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode()
    if isinstance(value, (date, Decimal)):
        return str(value)
    return value.item() if hasattr(value, "item") else value


def rows(answer: Any) -> Iterable[Iterable[Any]]:
    """The rows of a frame of Polars, pandas or pyarrow."""
    if hasattr(answer, "itertuples"):
        return answer.itertuples(index=False, name=None)
    return answer.rows() if hasattr(answer, "rows") else (row.values() for row in answer.to_pylist())


def tell(question: str, answer: Iterable[Iterable[Any]]) -> None:
    print(json.dumps({"question": question, "rows": [[plain(value) for value in row] for row in answer]}), flush=True)


def run(text: str, names: dict[str, Any]) -> None:
    """Runs a text of the documents without what it prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        exec(text, names)


def ask_frames(engine: str, topics: dict[str, str]) -> None:
    names: dict[str, Any] = {}
    for question, text in sections(engine, topics).items():
        run(text, names)
        if question:
            tell(question, rows(names["answer"]))


def ask_sql(engine: str, topics: dict[str, str]) -> None:
    document = blocks(topics)
    names: dict[str, Any] = {}
    of_links = [only(document, "python", "links"), only(document, "python", "superseded", 1)]
    of_copy = [only(document, "python", "copy")] if engine == COPY else []
    for text in (*of_links, *of_copy, opening(document, engine, topics)):
        run(text, names)
    for question, query in queries(document).items():
        tell(question, names["ask"](query.format(**names) if question == "current" else query))
    if engine == COPY:
        ask_links(document, names)


def ask_links(document: list[Block], names: dict[str, Any]) -> None:
    """What is asked with the links."""
    for name, question in (("count", 1), ("place", 10), ("segment", 13)):
        run(only(document, "python", name, question), names)
    tell("count", sorted(names["records"].items()))
    tell("place", [[names["segment"]]])
    tell("segment", names["agrees"].items())
    tell("segment in SQL", names["ask"](only(document, "sql", "segment", 13).format(**names["link"]["segment"])))


def main(engine: str, topics: str) -> None:
    (ask_frames if engine in FRAME_ENGINES else ask_sql)(engine, json.loads(topics))


if __name__ == "__main__":
    main(*sys.argv[1:])
