"""Charts as SVG, written by hand: bars with their spread, and lines on logarithmic axes. Nothing to install, and text that
a browser on a light or a dark page can show."""

import math
from html import escape

INK, FAINT, GROUND = "#1f2933", "#cbd2d9", "#ffffff"
OURS, OTHERS = "#0b7285", "#9aa5b1"
LINES = ("#0b7285", "#d9480f", "#5f3dc4", "#2b8a3e", "#a61e4d", "#1864ab", "#e67700")
FONT = "font-family='system-ui, sans-serif'"


def short(value):
    """1234567 → 1.23 M"""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}"


def _text(x, y, text, size=12, anchor="start", fill=INK, more=""):
    return f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' text-anchor='{anchor}' fill='{fill}' {FONT} {more}>{escape(str(text))}</text>"


def _page(width, height, parts):
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}'>"
    ground = f"<rect width='{width}' height='{height}' fill='{GROUND}'/>"
    return "\n".join([head, ground, *parts, "</svg>"]) + "\n"


def bars(title, panels, note):
    """`panels` are (heading, unit, [(name, median, least, greatest)…]); names that begin with kivend stand out."""
    width, left, right, row, gap = 860, 230, 110, 24, 46
    parts, y = [_text(20, 32, title, 18)], 64
    for heading, unit, entries in panels:
        top = max((entry[3] for entry in entries), default=0) or 1
        parts.append(_text(20, y, heading, 13, more="font-weight='600'"))
        parts.append(_text(width - 20, y, unit, 11, "end"))
        y += 12
        for name, median, least, greatest in entries:
            scale = (width - left - right) / top
            fill = OURS if name.startswith("kivend") else OTHERS
            middle = y + row / 2
            parts.append(_text(left - 10, middle + 4, name, 12, "end"))
            parts.append(f"<rect x='{left}' y='{y + 4}' width='{max(median * scale, 1):.1f}' height='{row - 8}' fill='{fill}'/>")
            if greatest > least:
                parts.append(
                    f"<path d='M{left + least * scale:.1f} {middle:.1f}H{left + greatest * scale:.1f}' stroke='{INK}' stroke-width='1.5'/>"
                )
            parts.append(_text(left + greatest * scale + 8, middle + 4, short(median), 12))
            y += row
        y += gap - 12
    parts.append(_text(20, y - 6, note, 11))
    return _page(width, y + 14, parts)


def lines(title, x_name, panels, note):
    """`panels` are (heading, unit, {name: [(x, y)…]}), side by side in pairs, both axes logarithmic."""
    side, tall, columns = 420, 300, 2
    rows = math.ceil(len(panels) / columns)
    parts = [_text(20, 32, title, 18)]
    # One name, one colour, in every panel.
    names = list(dict.fromkeys(name for _, _, series in panels for name in series))
    colours = {name: LINES[number % len(LINES)] for number, name in enumerate(names)}
    for index, (heading, unit, series) in enumerate(panels):
        x, y = 20 + side * (index % columns), 56 + tall * (index // columns)
        parts.append(f"<g transform='translate({x},{y})'>")
        parts += _plot(heading, unit, x_name, series, colours)
        parts.append("</g>")
    height = 56 + tall * rows + 30
    parts.append(_text(20, height - 14, note, 11))
    return _page(20 + side * columns, height, parts)


def _decades(values):
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _plot(heading, unit, x_name, series, colours):
    left, top, width, height = 52, 34, 330, 200
    points = [point for line in series.values() for point in line if point[0] > 0 and point[1] > 0]
    parts = [_text(left, 14, f"{heading} ({unit})", 13, more="font-weight='600'")]
    if not points:
        return parts + [_text(left, 60, "not measured")]
    (x0, x1), (y0, y1) = _decades([x for x, _ in points]), _decades([y for _, y in points])

    def at(x, y):
        return (
            left + (math.log10(x) - x0) / (x1 - x0) * width,
            top + height - (math.log10(y) - y0) / (y1 - y0) * height,
        )

    for power in range(x0, x1 + 1):
        x, _ = at(10.0**power, 10.0**y0)
        parts.append(f"<path d='M{x:.1f} {top}V{top + height}' stroke='{FAINT}'/>")
        parts.append(_text(x, top + height + 16, short(10.0**power), 10, "middle"))
    for power in range(y0, y1 + 1):
        _, y = at(10.0**x0, 10.0**power)
        parts.append(f"<path d='M{left} {y:.1f}H{left + width}' stroke='{FAINT}'/>")
        parts.append(_text(left - 6, y + 4, short(10.0**power), 10, "end"))
    parts.append(_text(left + width, top + height + 32, x_name, 11, "end"))
    for number, (name, line) in enumerate(series.items()):
        colour = colours[name]
        spots = [at(x, y) for x, y in sorted(line) if x > 0 and y > 0]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)
        parts.append(f"<path d='M{path}' fill='none' stroke='{colour}' stroke-width='2'/>")
        parts += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{colour}'/>" for x, y in spots]
        if len(series) > 1:
            parts.append(_text(left + 6 + 110 * number, top + height + 32, name, 11, fill=colour))
    return parts
