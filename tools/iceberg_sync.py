#!/usr/bin/env python3
"""Registers the segments of an archive as Apache Iceberg tables, one a topic, without rewriting or moving a file.

    python tools/iceberg_sync.py --archive s3://bucket/prefix --location s3://tables/kivend [--catalog NAME] [--namespace NAME]

Each checkpoint that has new segments of a topic becomes one snapshot of its table. What the snapshot's properties say is
registered; a run continues there, whatever happened to the run before it. docs/ICEBERG.md explains the tables.

Exit codes: 0 done, 1 failed, 2 wrong usage.
"""
from __future__ import annotations

import argparse
import logging
import shlex
import sys

from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import CommitFailedException, RESTError
from sqlalchemy.exc import SQLAlchemyError

from iceberg_archive import Archive, Checkpoint, Refused, segments
from iceberg_table import Contents, TopicTable


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Register an archive's segments as Apache Iceberg tables, without rewriting them.")
    parser.add_argument("--archive", required=True, metavar="URL", help="s3://bucket/prefix or file:///folder")
    parser.add_argument("--location", required=True, metavar="URL", help="where the tables' metadata goes: outside the archive")
    parser.add_argument("--catalog", default="default", metavar="NAME", help="a catalog of PyIceberg's configuration (default: default)")
    parser.add_argument("--namespace", default="kivend", metavar="NAME", help="the namespace of the tables (default: kivend)")
    parser.add_argument("--topic", action="append", metavar="TOPIC", help="only this topic; may be repeated")
    parser.add_argument("--kivend", default="kivend", metavar="COMMAND", help="kivend with its options, such as 'kivend --config FILE'")
    parser.add_argument("--newest-only", action="store_true", help="one snapshot for all that is new, at the newest checkpoint")
    return parser.parse_args()


def sync(given: argparse.Namespace) -> None:
    archive = Archive(given.archive)
    # The log is read before the segments, so that every head that it names is behind a segment that is listed.
    newest, walked = newest_of(archive, given.newest_only)
    listed = segments(shlex.split(given.kivend), archive)
    catalog = load_catalog(given.catalog)
    ensure_namespace(catalog, given.namespace)
    links = archive.links()
    tables = {topic: TopicTable(catalog, given.namespace, given.location, Contents(archive, topic, of, links[topic]))
              for topic, of in sorted(listed.items()) if not given.topic or topic in given.topic}
    for table in tables.values():
        table.drop_removed()
    for checkpoint in walked:
        for topic, table in tables.items():
            if topic in checkpoint.heads:
                table.register(checkpoint)
    print(f"checkpoint {newest.number}: {sum(table.files for table in tables.values()):,} files, "
          f"{sum(table.records for table in tables.values()):,} records in {len(tables)} tables")


def ensure_namespace(catalog: Catalog, namespace: str) -> None:
    if catalog.namespace_exists(namespace):
        return
    try:
        catalog.create_namespace(namespace)
    except Exception:  # another run may have created it meanwhile, which catalogs say in different ways
        if not catalog.namespace_exists(namespace):
            raise


def newest_of(archive: Archive, newest_only: bool) -> tuple[Checkpoint, list[Checkpoint]]:
    """The newest checkpoint, and those of which snapshots are wanted."""
    walked, newest = list[Checkpoint](), None
    for newest in archive.checkpoints():
        if not newest_only:
            walked.append(newest)
    if newest is None:
        raise Refused(f"no valid checkpoint in {archive.url}")
    return newest, walked or [newest]


def main() -> int:
    given = arguments()
    # Columns without statistics are no fault: FORMAT.md, section 7.7, says which have some.
    logging.getLogger("pyiceberg.io.pyarrow").setLevel(logging.ERROR)
    try:
        sync(given)
    except Refused as why:
        print(f"error: {why}", file=sys.stderr)
        return 1
    except (OSError, RESTError, SQLAlchemyError, CommitFailedException) as why:
        print(f"error: the catalog or the store failed, and the next run continues here: {type(why).__name__}: {str(why)[:500]}",
              file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
