"""Runs the blocks of docs/QUERYING.md for one engine, and prints its answers as JSON: question → rows.

    python ask.py ENGINE TOPICS      TOPICS is a JSON object: name in the document → name in the archive

One engine per process: each brings its own threads and native libraries. Runs in the folder with files.txt.
"""
from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from document import CURRENT, FRAME_ENGINES, QUESTIONS, SQL_ENGINES, blocks, of_question, only


def plain(value: Any) -> Any:
    """One form for what engines return for the same value."""
    if hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime()
    if value is None or isinstance(value, float) and math.isnan(value):
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


def tell(question: int, answer: Iterable[Iterable[Any]]) -> None:
    print(json.dumps({"question": question, "rows": [[plain(value) for value in row] for row in answer]}), flush=True)


def main(engine: str, topics: str) -> None:
    document = blocks(json.loads(topics))
    names: dict[str, Any] = {}
    for name, question in (("links", 0), ("superseded", 0), ("link", QUESTIONS), (engine, 0)):
        exec(only(document, "python", name, question), names)
    if engine in SQL_ENGINES:
        tell(CURRENT, names["ask"](only(document, "sql", "current").format(**names)))
    for question in range(1, QUESTIONS + 1):
        text = of_question(document, engine, question)
        if engine in FRAME_ENGINES:
            exec(text, names)
            answer = rows(names["answer"])
        else:
            answer = names["ask"](text.format(**names["link"]) if question == QUESTIONS else text)
        tell(question, answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
