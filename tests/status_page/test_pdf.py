"""Prints reports of `kivend verify` with real Chromium, and reads what is in the PDF. See `run`.

    python test_pdf.py KIVEND
"""
from __future__ import annotations

import html
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tools"), str(TOP / "tests" / "independent")]

from format_writer import KEY  # noqa: E402
from small_archive import SmallArchive  # noqa: E402

EXIT_CODES = {"intact": 0, "tampered": 10, "incomplete": 11}
# What has a meaning in a URL must not lead Chromium to another page.
FOLDER, FILE = "50% #1 ä?b=c&d", "report #2 100%25.pdf"


def nothing(_: SmallArchive) -> None:
    pass


def change_a_byte(archive: SmallArchive) -> None:
    segment = sorted(archive.folder.rglob("*.parquet"))[0]
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)


def remove_a_segment(archive: SmallArchive) -> None:
    sorted(archive.folder.rglob("*.parquet"))[0].unlink()


def words(text: str) -> str:
    """In one line: a print breaks lines, and hyphens stay."""
    return re.sub(r"\s+", " ", text).strip()


def output_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def printed(kivend: str, verdict: str, deed: Callable[[SmallArchive], None]) -> None:
    with tempfile.TemporaryDirectory() as place:
        archive = SmallArchive(Path(place, "archive"))
        deed(archive)
        folder = Path(place, FOLDER)
        folder.mkdir()
        pdf, page = folder / FILE, folder / "page.html"
        command = [kivend, "verify", "--offline", str(archive.folder), "--key", KEY.public_text, "--pdf", str(pdf), "--html", str(page)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == EXIT_CODES[verdict], f"{verdict}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        pages = int(re.findall(r"^Pages: +([0-9]+)$", output_of("pdfinfo", str(pdf)), re.M)[0])
        said = words(output_of("pdftotext", "-raw", str(pdf), "-"))
        title = words(html.unescape(re.sub("<[^>]*>", "", re.findall(r"<h1>(.*?)</h1>", page.read_text(), re.S)[0])))
        statement = words(html.unescape(re.sub("<[^>]*>", "", re.findall(r'<p class="statement">(.*?)</p>', page.read_text(), re.S)[0])))
        assert 1 <= pages <= 20, f"{verdict}: {pages} pages"
        for needed in (title, statement, verdict, KEY.public_text.split("+")[0], "How to repeat it"):
            assert needed.lower() in said.lower(), f"{verdict}: {needed!r} is not in the print: {said[:2000]}"
        assert sorted(file.name for file in folder.iterdir()) == ["page.html", FILE], "something is left over"
        print(f"pdf: {verdict}: {pages} pages: {title}: {statement}")


def main() -> None:
    printed(sys.argv[1], "intact", nothing)
    printed(sys.argv[1], "tampered", change_a_byte)
    printed(sys.argv[1], "incomplete", remove_a_segment)


if __name__ == "__main__":
    main()
