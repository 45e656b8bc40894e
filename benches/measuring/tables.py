"""Results for people: Markdown tables. Never a figure that was not measured; what was not stands as a dash."""

import re

_DASH = "–"


def row(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def table(head, rows):
    return "\n".join([row(head), row("---" for _ in head), *(row(cells) for cells in rows)])


def number(value, digits=0):
    return _DASH if value is None else f"{value:,.{digits}f}"


def middle(found, digits=0, scale=1.0):
    """Median, and in brackets least and greatest where there was more than one run."""
    if not found:
        return _DASH
    median = number(found["median"] * scale, digits)
    if found["runs"] < 2:
        return median
    return f"{median} ({number(found['min'] * scale, digits)}–{number(found['max'] * scale, digits)})"


def machine(facts):
    lines = [
        f"- {facts['cpu']}, {facts['cores']} cores shared by clients and servers, {facts['memory_gib']} GiB, Linux {facts['kernel']}",
        f"- {facts['kivend']} ({facts['kivend_build']}, commit {facts['commit']}), {facts['date']}",
        f"- Kafka {facts['kafka']}; MinIO {facts['minio']}; Java {facts['java']}; Python {facts['python']}",
        f"- {', '.join(facts['peers'])}",
    ]
    return "\n".join(lines)


def failures(rows):
    if not rows:
        return ""
    told = "\n".join(f"- {row_['key']}: {row_['why_not']}" for row_ in rows)
    return f"\n## What does not count\n\n{told}\n"


def _marks(name):
    return re.compile(rf"(<!-- begin {re.escape(str(name))} -->\n).*?(<!-- end {re.escape(str(name))} -->)", re.S)


def marked(text, name):
    """Whether `text` has a place for `name`."""
    return bool(_marks(name).search(text))


def put(text, name, content):
    """`text` with what stands between the marks of `name` replaced."""
    if not marked(text, name):
        raise SystemExit(f"the document has no marks of {name}")
    return _marks(name).sub(lambda found: f"{found[1]}{content}\n{found[2]}", text)
