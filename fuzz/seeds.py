"""Writes the fuzzer's seeds into a folder: every text and object in tests/vectors, every Parquet file in tests/segments, and the
inputs that earlier runs kept (fuzz/corpus, one a line in base64)."""
from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Iterator

TOP = Path(__file__).resolve().parents[1]
READERS = 11  # the length of TEXTS in tests/hostile/readers.rs


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)


def content(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if len(text) > 80 else text.encode()
    except ValueError:
        return text.encode()


def write(folder: Path, data: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def main() -> None:
    corpus = Path(sys.argv[1])
    for name in ("archive", "cosignatures", "entries", "links", "notes", "proofs"):
        for text in strings(json.loads((TOP / "tests" / "vectors" / f"{name}.json").read_text())):
            for reader in range(READERS):
                write(corpus / "texts", bytes([reader]) + content(text))
    for segment in (TOP / "tests" / "segments").glob("*.parquet"):
        write(corpus / "segment", segment.read_bytes())
    for target in ("texts", "segment"):
        for line in (TOP / "fuzz" / "corpus" / f"{target}.txt").read_text().splitlines():
            write(corpus / target, base64.b64decode(line))


if __name__ == "__main__":
    main()
