"""One Iceberg table of iceberg_sync.py: a topic's segments, and what its newest snapshot says is registered."""
from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass

import pyarrow.parquet as pq
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.expressions import And, BooleanExpression, EqualTo, GreaterThanOrEqual, LessThan, Or
from pyiceberg.table import Table, Transaction
from pyiceberg.table.snapshots import Snapshot

from iceberg_archive import Archive, Checkpoint, Refused, Segment, refuse_cut

# `gc.enabled` keeps engines from deleting data files. Commits are not repeated on newer metadata by the library, because
# another run may have registered the same files there: this class looks first.
PROPERTIES = {"format-version": "2", "gc.enabled": "false", "commit.retry.num-retries": "0", "write.parquet.compression-codec": "zstd",
              "write.metadata.delete-after-commit.enabled": "true", "write.metadata.previous-versions-max": "20"}
ATTEMPTS = 20  # commits that others may win before a run gives up
Place = tuple[int, int]  # epoch and offset


@dataclass(frozen=True)
class Contents:
    """What an archive holds of a topic: its segments as `kivend files` lists them, and the places of its links."""

    archive: Archive
    topic: str
    segments: list[Segment]
    links: dict[int, list[Place]]


class TopicTable:
    """The table of a topic. `files` and `records` are what is registered."""

    def __init__(self, catalog: Catalog, namespace: str, base: str, contents: Contents) -> None:
        self.catalog, self.archive, self.topic, self.listed = catalog, contents.archive, contents.topic, contents.segments
        self.links = contents.links
        self.name = namespace, re.sub(r"[^A-Za-z0-9_]", "_", self.topic).lower()
        self.location = f"{base.rstrip('/')}/{self.name[1]}"
        refuse_within(self.location, self.archive)
        self.load()

    # ---- what is registered ------------------------------------------------------------------------------------------
    def load(self) -> None:
        """Reads the table, if it is there, and what is registered in it."""
        self.checkpoint, self.files, self.records = -1, 0, 0
        self.heads: dict[int, Place] = {}
        try:
            self.table: Table | None = self.catalog.load_table(self.name)
        except NoSuchTableError:
            self.table = None
            return
        said = self.table.properties.get("kivend.archive-id"), self.table.properties.get("kivend.topic")
        if said != (self.archive.id, self.topic):
            raise Refused(f"the table {'.'.join(self.name)} holds archive {said[0]}, topic {said[1]}, not {self.archive.id}, {self.topic}: "
                          "use another --namespace")
        refuse_within(self.table.location(), self.archive)
        if own := newest_own(self.table):
            self.checkpoint, self.files, self.records = (int(own[f"kivend.{name}"]) for name in ("checkpoint", "files", "records"))
            self.heads = {partition: (epoch, next_offset) for partition, epoch, _, next_offset, _ in json.loads(own["kivend.heads"])}

    def is_registered(self, segment: Segment) -> bool:
        return segment.end <= self.heads.get(segment.partition, (-1, -1))

    # ---- what is new -------------------------------------------------------------------------------------------------
    def register(self, checkpoint: Checkpoint) -> None:
        """Adds a snapshot with the segments that this checkpoint covers and no snapshot has, if there are any."""
        for _ in range(ATTEMPTS):
            new = [segment for segment in self.listed if not self.is_registered(segment) and checkpoint.covers(segment)]
            if checkpoint.number <= self.checkpoint or not new:
                return
            refuse_cut(self.topic, checkpoint.heads[self.topic], self.links)
            try:
                self.commit(checkpoint, new)
            except (CommitFailedException, TableAlreadyExistsError):
                self.load()  # somebody else committed: a run like this one, or table maintenance
                continue
            self.load()
            print(f"{self.topic}: checkpoint {checkpoint.number}: {len(new):,} files, {sum(of.records for of in new):,} records", flush=True)
            return
        raise Refused(f"{'.'.join(self.name)}: {ATTEMPTS} commits were overtaken by others: run again")

    def commit(self, checkpoint: Checkpoint, new: list[Segment]) -> None:
        if self.table is None:
            own = PROPERTIES | {"kivend.archive-id": self.archive.id, "kivend.archive": self.archive.url, "kivend.topic": self.topic}
            self.table = self.catalog.create_table(self.name, self.schema(new[0]), location=self.location, properties=own)
        said = self.said(checkpoint, self.files + len(new), self.records + sum(segment.records for segment in new))
        with self.table.transaction() as transaction:
            self.extend_schema(transaction, new)
            transaction.add_files([f"{self.archive.url}/{segment.key}" for segment in new], said, check_duplicate_files=False)
            check_added(transaction.table_metadata.current_snapshot(), new)

    def said(self, checkpoint: Checkpoint, files: int, records: int) -> dict[str, str]:
        """The properties of a snapshot. A run continues from them."""
        heads = [[partition, *head] for partition, head in sorted(checkpoint.heads[self.topic].items())]
        return {
            "kivend.archive-id": self.archive.id, "kivend.checkpoint": str(checkpoint.number), "kivend.checkpoint-root": checkpoint.root,
            "kivend.checkpoint-at": checkpoint.at, "kivend.files": str(files), "kivend.records": str(records),
            "kivend.heads": json.dumps(heads, separators=(",", ":")),
        }

    def schema(self, segment: Segment) -> object:
        """The columns of a segment."""
        with self.archive.store.open_input_file(f"{self.archive.root}/{segment.key}") as stream:
            return pq.read_schema(stream).remove_metadata()

    def extend_schema(self, transaction: Transaction, new: list[Segment]) -> None:
        """Adds the columns that rules of newer segments brought."""
        for segment in new:
            columns = self.schema(segment)
            known = set(transaction.table_metadata.schema().column_names)
            if set(columns.names) <= known:
                continue
            try:
                with transaction.update_schema() as update:
                    update.union_by_name(columns)
            except ValueError as why:
                raise Refused(f"{segment.key} has a column of another type than the table: {why}. Give the column of the new rule another name") \
                    from why

    # ---- what a retention change let go ------------------------------------------------------------------------------
    def drop_removed(self) -> None:
        """Removes the rows of segments that were registered and are no longer listed, because retention removed them."""
        left = [segment for segment in self.listed if self.is_registered(segment)]
        if self.table is None or len(left) == self.files:
            return
        own = dict(newest_own(self.table) or {})
        own |= {"kivend.files": str(len(left)), "kivend.records": str(sum(segment.records for segment in left))}
        gone = between(left, self.heads)
        with self.table.transaction() as transaction:
            transaction.delete(gone, own)
        print(f"{self.topic}: {self.files - len(left):,} files that retention removed are no longer in the table", flush=True)
        self.load()


def between(left: list[Segment], heads: dict[int, Place]) -> BooleanExpression:
    """The rows of the registered ranges that no listed segment holds."""
    ends: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for segment in left:
        ends[segment.partition, segment.epoch].append((segment.first_offset, segment.next_offset))
    gaps = list[BooleanExpression]()
    for partition, (newest, _) in heads.items():
        for epoch in range(newest + 1):
            of_epoch, begin = And(EqualTo("partition", partition), EqualTo("epoch", epoch)), 0
            for first, next_ in sorted(ends[partition, epoch]):
                if first > begin:
                    gaps.append(And(of_epoch, GreaterThanOrEqual("offset", begin), LessThan("offset", first)))
                begin = next_
            gaps.append(And(of_epoch, GreaterThanOrEqual("offset", begin)))
    return Or(*gaps) if len(gaps) > 1 else gaps[0]


def newest_own(table: Table) -> dict[str, str] | None:
    """The properties of the newest snapshot that a run made. Snapshots of table maintenance, which have none, may follow it."""
    snapshot: Snapshot | None = table.current_snapshot()
    while snapshot is not None:
        own = {name: value for name, value in (snapshot.summary or {}).additional_properties.items() if name.startswith("kivend.")}
        if own:
            return own
        if snapshot.parent_snapshot_id is None:
            return None
        parent = table.snapshot_by_id(snapshot.parent_snapshot_id)
        if parent is None:
            raise Refused(f"{'.'.join(table.name())}: the snapshots that say what is registered were expired: drop the table (without its files) "
                          "and run again")
        snapshot = parent
    return None


def check_added(snapshot: Snapshot | None, new: list[Segment]) -> None:
    """The files must hold what kivend lists, before they are committed."""
    added = snapshot.summary.additional_properties if snapshot and snapshot.summary else {}
    found = [int(added.get(name, 0)) for name in ("added-data-files", "added-records", "added-files-size")]
    said = [len(new), sum(segment.records for segment in new), sum(segment.bytes for segment in new)]
    if found != said:
        raise Refused(f"files, records and bytes that would be added are {found}, and `kivend files` says {said}: nothing was registered")


def refuse_within(location: str, archive: Archive) -> None:
    """A table within the archive would add objects to it, and removing the table could remove segments."""
    inner, outer = (re.sub(r"^(s3[an]?|file)://", "", url).strip("/") + "/" for url in (location, archive.url))
    if inner.startswith(outer):
        raise Refused(f"the table's location {location} is within the archive {archive.url}: give --location outside of it")
