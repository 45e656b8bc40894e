"""Adds to the book the files outside docs/ that its pages link to; a preprocessor of mdBook (book.toml).

Pages link to files as GitHub shows them, such as ../config/kivend.toml or ../deploy/systemd. In the book these would lead nowhere.
So each such file gets a chapter in the part "Files", and links lead there. A folder is shown as its README.md, or as a list.

    mdbook build      runs this with the book as JSON on stdin, and takes the changed book from stdout
"""
from __future__ import annotations

import json
import os
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
DOCS = "docs"
PLACE = "repository"  # the chapters' folder in the book
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")
FENCE = re.compile(r"(^```.*?^```$)", re.M | re.S)
LANGUAGES = {".rs": "rust,noplayground", ".yml": "yaml", ".yaml": "yaml", ".toml": "toml", ".json": "json", ".py": "python", ".sh": "sh"}


class Files:
    """The files outside docs/ that are in the book: paths from the top folder, and their chapters."""

    def __init__(self) -> None:
        self.chapters: dict[str, dict[str, Any]] = {}

    def chapter_of(self, path: str) -> str:
        """The path of the file's chapter in the book; it is made on first use."""
        name = f"{PLACE}/{path.removesuffix('/README.md').replace('/', '-').replace('.', '-').lower()}.md"
        if path not in self.chapters:
            self.chapters[path] = chapter = {
                "name": path, "content": "", "number": None, "sub_items": [], "path": name, "source_path": None, "parent_names": ["Files"]}
            chapter["content"] = self.content(path, name)
        return name

    def content(self, path: str, name: str) -> str:
        if (TOP / path).is_dir():
            return f"# {path}\n\n" + "".join(f"- {entry.name}\n" for entry in sorted((TOP / path).iterdir()))
        text = (TOP / path).read_text()
        if path.endswith(".md"):
            return self.linked(text, posixpath.dirname(path), name)
        fence = "````"
        return f"# {path}\n\n{fence}{LANGUAGES.get(Path(path).suffix, 'text')}\n{text}{fence}\n"

    def linked(self, text: str, folder: str, chapter: str) -> str:
        """The text of a page in `folder` with its links as they must be in `chapter`."""

        def replaced(link: re.Match[str]) -> str:
            path = posixpath.normpath(posixpath.join(folder, link[1]))
            if (TOP / path / "README.md").is_file():
                path = f"{path}/README.md"
            if not (TOP / path).exists():
                raise SystemExit(f"{chapter}: the link to {link[1]} leads to {path}, which does not exist")
            # A picture in docs/ stays where it is.
            inside = path.startswith(f"{DOCS}/") and (TOP / path).is_file()
            # mdBook itself makes index.md of a README.md.
            target = re.sub(r"README\.md$", "index.md", path.removeprefix(f"{DOCS}/")) if inside else self.chapter_of(path)
            return posixpath.relpath(target, posixpath.dirname(chapter) or ".") + (link[2] or "")

        parts = FENCE.split(text)
        return "".join(part if part.startswith("```") else LINK.sub(replaced, part) for part in parts)


def link_chapters(items: list[Any], files: Files) -> None:
    for item in items:
        if isinstance(item, dict) and (chapter := item.get("Chapter")):
            source = chapter["source_path"]
            chapter["content"] = files.linked(chapter["content"], posixpath.dirname(f"{DOCS}/{source}"), chapter["path"])
            link_chapters(chapter["sub_items"], files)


def main() -> None:
    if sys.argv[1:2] == ["supports"]:
        sys.exit(0 if sys.argv[2] == "html" else 1)
    _, book = json.load(sys.stdin)
    files = Files()
    link_chapters(book["items"], files)
    book["items"].append({"PartTitle": "Files"})
    book["items"] += [{"Chapter": files.chapters[path]} for path in sorted(files.chapters, key=str.lower)]
    json.dump(book, sys.stdout)


if __name__ == "__main__":
    os.chdir(TOP)
    main()
