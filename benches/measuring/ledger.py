"""Results as they come, one JSON object a line, so that a run that was broken off goes on where it stopped."""

import json
import statistics
from pathlib import Path


class Ledger:
    """The measurements in one file. A measurement is known by its `key`; a failed one is tried again."""

    def __init__(self, path: Path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        self.rows = [json.loads(line) for line in lines]

    def holds(self, key):
        return any(row["key"] == key and row["counts"] for row in self.rows)

    def add(self, row):
        """`row` says in `counts` whether it counts, and in `why_not` why it does not."""
        self.rows.append(row)
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def good(self, **having):
        """The rows that count and have these fields."""
        wanted = having.items()
        return [row for row in self.rows if row["counts"] and all(row.get(name) == value for name, value in wanted)]

    def failures(self):
        """Rows that do not count and were not made good later."""
        return [row for row in self.rows if not row["counts"] and not self.holds(row["key"])]


def middle(values):
    """Median, least and greatest; none of no values."""
    values = [value for value in values if value is not None]
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "runs": len(values)}


def summary(rows, fields):
    """The middle of each field over the rows."""
    return {field: middle([row.get(field) for row in rows]) for field in fields}
