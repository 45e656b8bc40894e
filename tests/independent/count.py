"""Counts an archive's rows per topic with two ordinary Parquet readers, pyarrow and DuckDB, and compares them with the links.

    python tests/independent/count.py FOLDER        prints JSON; exit code 1 where the three do not agree

Only files that links own are read, because the folder may also contain rejected objects and segments without a link.
tools/verify.py verifies the rest.
"""
from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

Count = Counter[tuple[str, int]]


def owned(folder: Path) -> tuple[list[str], Count]:
    """The files that links own, and their record counts according to the links. Invalid links are ignored."""
    files, said = list[str](), Count()
    for path in sorted((folder / "links").rglob("*.note")):
        try:
            link = json.loads(path.read_bytes().split(b"\n", 1)[0])
        except ValueError:
            continue
        said[link["topic"], link["partition"]] += link["record_count"]
        files += [str(folder / link["segment"]["key"])] if link["segment"] else []
    return files, +said


def by_pyarrow(files: list[str]) -> Count:
    count = Count()
    for file in files:
        for group in pq.ParquetFile(file).read(["topic", "partition"]).group_by(["topic", "partition"]).aggregate([([], "count_all")]).to_pylist():
            count[group["topic"], group["partition"]] += group["count_all"]
    return count


def by_duckdb(files: list[str]) -> Count:
    query = "select topic, partition, count(*) from read_parquet(?, hive_partitioning = false) group by all"
    return Count({(topic, partition): rows for topic, partition, rows in duckdb.execute(query, [files]).fetchall()} if files else {})


def main() -> int:
    files, said = owned(Path(sys.argv[1]))
    counts = {"links": said, "pyarrow": by_pyarrow(files), "duckdb": by_duckdb(files)}
    topics = sorted({topic for count in counts.values() for topic, _ in count})
    rows = {topic: {by: sum(n for (t, _), n in count.items() if t == topic) for by, count in counts.items()} for topic in topics}
    agree = all(count == said for count in counts.values())
    print(json.dumps({"files": len(files), "topics": rows, "agree": agree}, indent=1))
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
