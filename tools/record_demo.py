"""Records `kivend demo` as a picture of a terminal, docs/demo.svg, which the README shows.

    python3 tools/record_demo.py KIVEND               run the demo and write the picture
    python3 tools/record_demo.py KIVEND --check       run the demo and fail if it prints other lines than the picture shows

Numbers, which differ from run to run, are not compared.
"""
from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path
from xml.etree import ElementTree

TOP = Path(__file__).resolve().parent.parent
PICTURE = TOP / "docs" / "demo.svg"
COMMAND = "kivend demo"
COLUMNS = 100
# Pixels: of a character, of the space around the text, and of the bar above it.
WIDTH, HEIGHT, MARGIN, BAR = 8.4, 19.0, 18.0, 34.0
ESCAPE = re.compile(r"\x1b\[([\d;]*)m")
COLOURS = {"31": "bad", "32": "good", "33": "warning"}
SVG = "{http://www.w3.org/2000/svg}"

Piece = tuple[str, str]  # its colour, its text

STYLE = """
    text { font: 14px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d1d7e0; white-space: pre; }
    .good { fill: #57ab5a; font-weight: 600; } .bad { fill: #f47067; font-weight: 600; } .warning { fill: #c69026; font-weight: 600; }
"""


def demo(program: Path) -> str:
    """What the demo prints to a terminal with colours, with the settings that are shipped."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KIVEND_")}
    with tempfile.TemporaryDirectory() as folder:
        # Named as its reader does, because it prints commands to go on with.
        environment = kept | {"PATH": f"{program.parent}:{kept.get('PATH', '')}", "XDG_CONFIG_HOME": folder}
        done = subprocess.run(
            [*COMMAND.split(), "--color", "always"], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{COMMAND} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def pieces(line: str) -> list[Piece]:
    """The coloured pieces of a line with escape sequences."""
    found, colour, at = list[Piece](), "", 0
    for sequence in ESCAPE.finditer(line):
        found.append((colour, line[at : sequence.start()]))
        codes = sequence[1].split(";")
        colour = next((COLOURS[code] for code in codes if code in COLOURS), "")
        at = sequence.end()
    found.append((colour, line[at:]))
    return [(colour, text) for colour, text in found if text]


def rows(line: list[Piece]) -> list[list[Piece]]:
    """The line in rows of at most COLUMNS characters, broken after spaces, of which each stays at the end of its row."""
    text = "".join(piece for _, piece in line)
    ends = [at for at, letter in enumerate(text, 1) if letter == " "] + [len(text)]
    cuts = [0]
    while len(text) - cuts[-1] > COLUMNS:
        fitting = [end for end in ends if cuts[-1] < end <= cuts[-1] + COLUMNS]
        cuts.append(fitting[-1] if fitting else cuts[-1] + COLUMNS)
    return [part(line, start, end) for start, end in zip(cuts, [*cuts[1:], len(text)])]


def part(line: list[Piece], start: int, end: int) -> list[Piece]:
    """The characters from `start` to `end`."""
    found, at = list[Piece](), 0
    for colour, text in line:
        found.append((colour, text[max(start - at, 0) : max(end - at, 0)]))
        at += len(text)
    return [(colour, text) for colour, text in found if text]


def drawn(row: list[Piece], y: float) -> str:
    """`textLength` keeps columns in place whatever the width of the reader's font is."""
    length = sum(len(text) for _, text in row) * WIDTH
    spans = "".join(f'<tspan class="{colour}">{escape(text)}</tspan>' if colour else escape(text) for colour, text in row)
    return f'<text x="{MARGIN}" y="{y:.1f}" textLength="{length:.1f}">{spans}</text>'


def picture(output: str) -> str:
    lines: list[list[Piece]] = [[("good", "$ "), ("", COMMAND)]] + [pieces(line) for line in output.rstrip("\n").split("\n")]
    groups, y = list[str](), BAR + MARGIN
    for line in lines:
        texts = list[str]()
        for row in rows(line):
            if row:
                texts.append(drawn(row, y))
            y += HEIGHT
        if texts:
            groups.append(f'  <g>{"".join(texts)}</g>')
    width, height = COLUMNS * WIDTH + 2 * MARGIN, y + MARGIN - HEIGHT
    buttons = "".join(f'<circle cx="{20 + 18 * at}" cy="{BAR / 2}" r="5.5" fill="#545d68"/>' for at in range(3))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="What {COMMAND} prints">',
        f"  <style>{STYLE}  </style>",
        f'  <rect x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="8" fill="#22272e" stroke="#545d68"/>{buttons}',
        *groups, "</svg>", ""])


def masked(line: str) -> str:
    """The line without numbers and without the width of columns, which follows from them."""
    return re.sub(r"[─ ]{2,}", " ", re.sub(r"\d[\d,.]*", "0", line)).strip()


def shown(svg: str) -> list[str]:
    """The lines in the picture."""
    groups = ElementTree.fromstring(svg).iter(f"{SVG}g")
    return ["".join(text for element in group for text in element.itertext()) for group in groups]


def check(output: str) -> int:
    want = [masked(line) for line in [f"$ {COMMAND}", *ESCAPE.sub("", output).splitlines()] if line.strip()]
    have = [masked(line) for line in shown(PICTURE.read_text())]
    stale = [line for line in have if line not in want] + [line for line in want if line not in have]
    for line in stale:
        print(f"{'only in the picture' if line in have else 'not in the picture'}: {line}")
    if stale:
        print(f"{PICTURE.relative_to(TOP)} does not show what {COMMAND} prints: write it again with tools/record_demo.py")
    return 1 if stale else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=lambda name: Path(name).resolve(strict=True), metavar="KIVEND")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    output = demo(options.program)
    if options.check:
        return check(output)
    PICTURE.write_text(picture(output))
    return 0


if __name__ == "__main__":
    sys.exit(main())
