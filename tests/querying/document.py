"""The blocks of docs/QUERYING.md, so that a test runs the text itself."""
from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

TOP = Path(__file__).resolve().parents[2]
DOCUMENT = TOP / "docs" / "QUERYING.md"
COPY = "local"  # DuckDB on a local copy
SQL_ENGINES = ("spark", "clickhouse", "duckdb", "datafusion", COPY)
FRAME_ENGINES = ("polars", "pandas", "pyarrow")
QUESTIONS = 12  # those that every engine answers
NAMED = ("current", "once", "repeats", "places", "ranges", "clock")  # further queries of the page, which the SQL engines answer


class Block(NamedTuple):
    """A fenced block: the words after the fence, its text, and the number of the question that it belongs to (0: none)."""

    language: str
    name: str
    text: str
    question: int


def blocks(topics: dict[str, str]) -> list[Block]:
    """All blocks. `topics` maps the names of topics in the document to those of the archive under test."""
    found, question = list[Block](), 0
    for title, info, text in re.findall(r"^### (\d+)\.|^```(\S[^\n]*)\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S):
        if title:
            question = int(title)
            continue
        language, _, name = info.partition(" ")
        found.append(Block(language, name, renamed(text, topics), question))
    return found


def renamed(text: str, topics: dict[str, str]) -> str:
    for name, actual in topics.items():
        text = re.sub(rf"(['\"/]){name}(['\"/])", rf"\g<1>{actual}\g<2>", text)
    return text


def only(of: list[Block], language: str, name: str, question: int = 0) -> str:
    """The text of the one block that has this language, name and question."""
    texts = [block.text for block in of if (block.language, block.name, block.question) == (language, name, question)]
    if len(texts) != 1:
        raise SystemExit(f"docs/QUERYING.md: {len(texts)} blocks `{language} {name}` in question {question} instead of one")
    return texts[0]


def queries(of: list[Block]) -> dict[str, str]:
    """The queries that the document tells a user of a SQL engine to run: by the number of the question, or by name."""
    named = {block.name: block.text for block in of if block.language == "sql" and block.name in NAMED}
    return {str(question): only(of, "sql", "", question) for question in range(1, QUESTIONS + 1)} | named


def opening(of: list[Block], engine: str, topics: dict[str, str]) -> str:
    """What opens the archive in an engine: a block of the page, or the file that the page names."""
    return only(of, "python", engine) if engine in (COPY, "duckdb") else sections(engine, topics)[""]


def sections(engine: str, topics: dict[str, str]) -> dict[str, str]:
    """The parts of the file of an engine, by the number of the question. "" is what comes before the first."""
    text = (TOP / "examples" / f"query_{engine}.py").read_text()
    first, *rest = re.split(r"^# (\d+)\. (.+)\n", renamed(text, topics), flags=re.M)
    titles = [f"### {number}. {title}\n" for number, title in zip(rest[::3], rest[1::3], strict=True)]
    if unknown := [title for title in titles if title not in DOCUMENT.read_text()]:
        raise SystemExit(f"query_{engine}.py: docs/QUERYING.md does not have {unknown}")
    return {"": first} | dict(zip(rest[::3], rest[2::3], strict=True))
