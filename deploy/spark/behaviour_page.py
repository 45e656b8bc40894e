"""Writes the tables of behaviour.py as a page that needs nothing else: no script, no other file."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from pyspark.sql import DataFrame
from pyspark.sql import functions as f

# The steps from the view of a product to the payment.
STAGES = ("product_view", "add_to_cart", "checkout", "payment_attempt", "payment_success")
COLOURS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e", "#9498a0")
# At most so many columns in the chart.
COLUMNS = 122
WIDTH, HEIGHT = 980, 260
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2em auto;color:#222}table{border-collapse:collapse}
td,th{padding:.2em .8em;text-align:right;border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}
.key{display:inline-block;width:.8em;height:.8em;margin-right:.3em}.legend span{margin-right:1.2em}"""


def page(minutes: DataFrame, sessions: DataFrame) -> str:
    types = [row.event_type for row in minutes.groupBy("event_type").agg(f.sum("count").alias("n")).orderBy(f.desc("n")).collect()]
    devices = [row.device for row in minutes.select("device").distinct().orderBy("device").collect()]
    title = "What the customers of the shop do"
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>
<h2>Events in the course of time</h2>{_chart(minutes, types)}
<h2>Events by type and device</h2>{_by_device(minutes, types, devices)}
<h2>From the view of a product to the payment</h2><p>Sessions that came so far, and the share of those of the step before.</p>{_funnel(sessions, devices)}
</html>
"""


def _chart(minutes: DataFrame, types: Sequence[str]) -> str:
    first, last = minutes.select(f.min(f.unix_timestamp("minute")), f.max(f.unix_timestamp("minute"))).first()
    if first is None:
        return "<p>No minute is complete yet.</p>"
    # Whole minutes, so that every column has the same number of them.
    step = max(60, -(-(last - first + 60) // COLUMNS // 60) * 60)
    column = ((f.unix_timestamp("minute") - first) / step).cast("int").alias("column")
    counts = {(row.column, row.event_type): row.n for row in minutes.groupBy(column, "event_type").agg(f.sum("count").alias("n")).collect()}
    columns = (last - first) // step + 1
    highest = max(sum(counts.get((at, name), 0) for name in types) for at in range(columns))
    bars = "".join(_bar(at, columns, [counts.get((at, name), 0) * HEIGHT / highest for name in types]) for at in range(columns))
    legend = "".join(f'<span><i class="key" style="background:{_colour(n)}"></i>{escape(name)}</span>' for n, name in enumerate(types))
    begin, end = (minutes.select(f.date_format(of("minute"), "yyyy-MM-dd HH:mm")).first()[0] for of in (f.min, f.max))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Events by type">{bars}</svg>'
        f'<p>{begin} to {end} UTC; a column is {step // 60:,} minutes, the highest {highest:,} events.</p><p class="legend">{legend}</p>'
    )


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _bar(at: int, columns: int, heights: Iterable[float]) -> str:
    bar, below, width = "", 0.0, WIDTH / columns
    for number, height in enumerate(heights):
        below += height
        bar += f'<rect x="{at * width:.1f}" y="{HEIGHT - below:.1f}" width="{width * 0.9:.1f}" height="{height:.1f}" fill="{_colour(number)}"/>'
    return bar


def _by_device(minutes: DataFrame, types: Sequence[str], devices: Sequence[str]) -> str:
    counts = {(row.event_type, row.device): row.n for row in minutes.groupBy("event_type", "device").agg(f.sum("count").alias("n")).collect()}
    rows = ([name, *(f"{counts.get((name, device), 0):,}" for device in devices)] for name in types)
    return _table(["type", *devices], rows)


def _funnel(sessions: DataFrame, devices: Sequence[str]) -> str:
    sums = [f.sum(f.col(stage).cast("int")).alias(stage) for stage in STAGES]
    by_device = {row.device: row for row in sessions.groupBy("device").agg(*sums).collect()}
    columns = [[by_device[device][stage] if device in by_device else 0 for stage in STAGES] for device in devices]
    columns.insert(0, [sum(values) for values in zip(*columns)] if columns else [0] * len(STAGES))

    def cell(column: Sequence[int], step: int) -> str:
        share = f" ({column[step] / column[step - 1]:.0%})" if step and column[step - 1] else ""
        return f"{column[step]:,}{share}"

    rows = ([stage, *(cell(column, step) for column in columns)] for step, stage in enumerate(STAGES))
    return _table(["step", "all devices", *devices], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(tag: str, cells: Sequence[str]) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    return f"<table>{line('th', head)}{''.join(line('td', row) for row in rows)}</table>"
