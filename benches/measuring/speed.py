"""The table of speed that docs/COMPARISON.md shows: kivend's medians, and how it compares with the others of the same run."""

from itertools import groupby

from . import machine, sources, tables

_STEPS = ("ingest", "consume", "archive", "verify", "restore")
_HEAD = (
    "step",
    "records/s",
    "µs of CPU per record: client + brokers + store",
    "peak memory",
    "how many times the rate of another program (and of its CPU and memory)",
)


def publish(results, facts, found, document):
    """Writes speed.md, and puts it where `document` shows that of these results."""
    text = _text(facts, [one for one in found if one["step"] in _STEPS])
    path = results / "speed.md"
    path.write_text(text + "\n")
    name = path.relative_to(machine.TOP) if path.is_relative_to(machine.TOP) else path
    shown = document.read_text()
    if tables.marked(shown, name):
        document.write_text(tables.put(shown, name, text))


def _text(facts, found):
    groups = [list(group) for _, group in groupby(found, key=lambda one: (one["step"], one["source"], one["events"]))]
    # Other numbers of records are in compare.md.
    most = {(group[0]["step"], group[0]["source"]): group for group in sorted(groups, key=lambda group: group[0]["events"])}
    shown = [group for group in groups if most[group[0]["step"], group[0]["source"]] is group]
    rows = [row for group in shown for row in _rows(group)]
    return f"{_measured(facts, shown)}\n\n{tables.table(_HEAD, rows)}"


def _measured(facts, groups):
    runs = sorted({one["per_s"]["runs"] for group in groups for one in group})
    rounds = str(runs[0]) if runs[0] == runs[-1] else f"{runs[0]} to {runs[-1]}"
    events = max(group[0]["events"] for group in groups)
    where = f"{facts['cpu']}, {facts['cores']} cores for clients, brokers and store, {facts['memory_gib']} GiB"
    return f"{events:,} events; medians of {rounds} interleaved rounds; {where}; commit {facts['commit']}, {facts['date'][:10]}."


def _rows(group):
    others = [one for one in group if not one["who"].startswith("kivend")]
    others.sort(key=lambda one: -one["per_s"]["median"])
    kind = sources.described(group[0]["source"])
    for one in group:
        if one["who"].startswith("kivend"):
            name = group[0]["step"] + one["who"].removeprefix("kivend") + ("" if kind == "events" else f", {kind}")
            beside = "; ".join(_beside(one, other) for other in others) if one["who"] == "kivend" else ""
            yield name, *_own(one), beside or "–"


def _own(one):
    cpu = " + ".join(tables.number(one[field]["median"], 2) for field in ("cpu_us", "brokers_cpu_us", "minio_cpu_us"))
    return tables.number(one["per_s"]["median"]), cpu, f"{tables.number(one['peak_rss_bytes']['median'] / (1 << 20))} MiB"


def _beside(own, other):
    rate, cpu, memory = (own[field]["median"] / other[field]["median"] for field in ("per_s", "cpu_us", "peak_rss_bytes"))
    return f"{rate:.2f} × {other['who']} ({cpu:.2f} ×, {memory:.2f} ×)"
