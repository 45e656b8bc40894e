"""What is measured at each point of a series: partitions, records, links, archivers. One point is one place in the bucket, one
group and topics of its own, filled, archived, archived again with nothing to do, and verified; every step must count alike.
"""

from pathlib import Path

from . import machine, processes
from .contest import demand
from .kivend import Kivend

# A machine with few partitions reads a backlog like any other; this is the number that the shop's own topics come to, and some.
PARTITIONS = 24


class Point:
    """Topics with so many partitions in all, under one name."""

    def __init__(self, name, work, servers, partitions=PARTITIONS, settings=None):
        self.servers = servers
        self.config = Path(work, f"{name}.toml")
        self.config.write_text(_settings(partitions))
        extra = {"KIVEND_CONFIG": str(self.config)} | (settings or {})
        self.kivend = Kivend(name, work, extra)
        self.topic = f"{self.kivend.prefix}user-events"

    def fill(self, events):
        self.kivend.create_topics()
        report, cost = self.kivend.run("ingest", events[0])
        demand("acknowledged", report["acked"], events[1])
        demand("end offsets", self.servers.ends([self.topic]), events[1])
        return {"ingest_per_s": rate(events[1], report["elapsed_s"]), "ingest_cpu_us": each(cost, events[1])}

    def archive(self, events):
        """Everything, then once more with nothing to do: what starting costs."""
        report, cost = self.kivend.run("archive")
        demand("archived", report["records"], events[1])
        again, start = self.kivend.run("archive")
        demand("archived again", again["records"], 0)
        return {
            "archive_per_s": rate(events[1], report["elapsed_s"]),
            "archive_s": report["elapsed_s"],
            "archive_cpu_us": each(cost, events[1]),
            "archive_peak_bytes": cost["peak_rss_bytes"],
            "first_link_s": report["first_link_s"],
            "segments": report["segments"],
            "start_s": start["wall_s"],
            "start_peak_bytes": start["peak_rss_bytes"],
        }

    def verify(self, events):
        rows, rows_cost = self.kivend.run("verify", "--against", "rows,links")
        demand("verdict", rows["verdict"], "intact")
        demand("rows read", rows["scope"]["records_read"], events[1])
        links, links_cost = self.kivend.run("verify", "--against", "links")
        demand("verdict", links["verdict"], "intact")
        return {
            "verify_per_s": rate(events[1], rows["elapsed_s"]),
            "verify_s": rows_cost["wall_s"],
            "verify_peak_bytes": rows_cost["peak_rss_bytes"],
            "links": links["scope"]["links"],
            "verify_links_s": links_cost["wall_s"],
            "verify_links_peak_bytes": links_cost["peak_rss_bytes"],
        }

    def clear(self):
        self.servers.clear(self.kivend.name)


def _settings(partitions):
    """One topic for all events, so that its partitions are all there are."""
    return "\n".join(
        [
            "[[topics]]",
            'name = "user-events"',
            f"partitions = {partitions}",
            "[routing]",
            'default = "user-events"',
            "rules = []",
        ]
    )


def rate(records, elapsed_s):
    return round(records / elapsed_s) if elapsed_s else None


def each(cost, records):
    return round(cost["cpu_s"] / records * 1e6, 3)


def by_partitions(point_of, partitions, events):
    point = point_of(partitions)
    try:
        return point.fill(events) | point.archive(events) | point.verify(events)
    finally:
        point.clear()


def by_links(point_of, links, events):
    """One partition whose chain long_chain writes, because the archiver makes segments as large as it finds records."""
    point = point_of(1)
    try:
        filled = point.fill(events)
        out, _ = processes.run([machine.example("long_chain"), point.topic, links], point.kivend.env)
        demand("archived", processes.json_of(out)["records"], events[1])
        # The first start signs the head; the second is the one that any archiver makes.
        point.kivend.run("archive")
        again, start = point.kivend.run("archive")
        demand("archived again", again["records"], 0)
        begun = {"start_s": start["wall_s"], "start_peak_bytes": start["peak_rss_bytes"]}
        return filled | begun | point.verify(events)
    finally:
        point.clear()


def by_archivers(point_of, count, events):
    """So many archivers in one group, begun together over the same backlog."""
    point = point_of(PARTITIONS)
    try:
        filled = point.fill(events)
        point.kivend.run("init")
        _, cost = processes.together([point.kivend.command("archive")] * count, point.kivend.env)
        reports = [processes.json_of(out) for out in cost["stdouts"]]
        demand("archived by all", sum(report["records"] for report in reports), events[1])
        return filled | {
            "archive_per_s": rate(events[1], cost["wall_s"]),
            "archive_s": cost["wall_s"],
            "archive_cpu_us": each(cost, events[1]),
            "archive_peak_bytes": cost["peak_rss_bytes"],
            "shares": [report["records"] for report in reports],
        } | point.verify(events)
    finally:
        point.clear()
