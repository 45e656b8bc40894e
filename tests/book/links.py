"""Whether every link of the built book leads to a page, and to a place in it.

    python links.py FOLDER
"""
from __future__ import annotations

import re
import sys
from pathlib import Path
from urllib.parse import unquote

LEAST_PAGES, LEAST_LINKS = 50, 700


def main(folder: str) -> int:
    pages = {page.resolve(): page.read_text() for page in Path(folder).rglob("*.html") if page.name not in ("print.html", "toc.html", "404.html")}
    places = {page: set(re.findall(r'\bid="([^"]+)"', text)) for page, text in pages.items()}
    broken, count = set[str](), 0
    for page, text in pages.items():
        for link in re.findall(r'<a [^>]*?href="([^"]+)"', text):
            if re.match(r"\w+:", link):
                continue
            count += 1
            name, _, place = unquote(link).partition("#")
            target = (page.parent / name).resolve() if name else page
            known = places.get(target)
            if not target.is_file() or place and known is not None and place not in known:
                broken.add(f"{page.name}: {link}")
    for link in sorted(broken):
        print(f"the book has a link that leads nowhere: {link}")
    if len(pages) < LEAST_PAGES or count < LEAST_LINKS:
        print(f"only {count} links in {len(pages)} pages were found")
        return 1
    print(f"book: {len(pages)} pages, {count} links")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
