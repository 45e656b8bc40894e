"""The blocks of docs/QUERYING.md, so that a test runs the text itself."""
from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "QUERYING.md"
SQL_ENGINES = ("spark", "clickhouse", "duckdb", "datafusion")
FRAME_ENGINES = ("polars", "pandas", "pyarrow")
QUESTIONS = 10
CURRENT = 0  # stands for the query of current records, which is before the questions


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


def of_question(of: list[Block], engine: str, question: int) -> str:
    """What the document tells a user of this engine to run for a question."""
    if engine in FRAME_ENGINES:
        return only(of, "python", engine, question)
    return only(of, "sql", "link" if question == QUESTIONS else "", question)
