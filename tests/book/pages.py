"""The blocks of shell in a page, and the output that the page shows after each."""
from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

TOP = Path(__file__).resolve().parents[2]
SHELL = ("sh", "sh files")
# What differs from run to run although a page may show it.
VARYING = (
    (r"\b\d+(\.\d+)? ?(ms|s)\b", "<time>"), (r"\b[0-9a-f]{16,}\b", "<hash>"), (r"\+[0-9a-f]{8}\+[A-Za-z0-9+/]{40,}=*", "<key>"),
    (r"\b\d{4}-\d\d-\d\dT[\d:.]+Z", "<instant>"), (r"[─ ]{2,}", " "),
)


class Block(NamedTuple):
    """A block of shell: the heading above it, its text, and the output that the page shows, if any."""

    heading: str
    text: str
    shown: str | None

    def exit_codes(self) -> list[int]:
        """The exit codes of commands that the block says to fail."""
        return [int(code) for code in re.findall(r"# .*\bexit code ([1-9]\d*)", self.text)]


def blocks(page: str) -> list[Block]:
    found, heading = list[Block](), ""
    text = (TOP / "docs" / page).read_text()
    for title, info, body in re.findall(r"^#+ ([^\n]*)|^```([^\n]*)\n(.*?)^```$", text, re.M | re.S):
        if title:
            heading = title
        elif info in SHELL:
            found.append(Block(heading, body, None))
        elif info == "text" and found and found[-1].shown is None:
            found[-1] = found[-1]._replace(shown=body)
    return found


def normal(text: str) -> list[str]:
    """The lines of an output, without what differs from run to run."""
    for pattern, name in VARYING:
        text = re.sub(pattern, name, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def difference(shown: str, output: str) -> str | None:
    """The first line of the page that the output lacks. A line `…` stands for any lines, `…` in a line for any characters."""
    lines, at, skips = normal(output), 0, False
    for want in normal(shown):
        if want == "…":
            skips = True
            continue
        pattern = ".*".join(map(re.escape, want.split("…")))
        matching = [at + n for n, line in enumerate(lines[at:]) if re.fullmatch(pattern, line)]
        if not matching or (not skips and matching[0] != at):
            return f"the page shows `{want}`, the output has {lines[at : at + 3]}"
        at, skips = matching[0] + 1, False
    return None
