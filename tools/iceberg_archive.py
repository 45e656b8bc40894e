"""What iceberg_sync.py reads of an archive: the segments that `kivend files` lists, and the checkpoints of the log.

The segments and their counts come from kivend, which walks the chains. The log is read with log.py, so that heads, roots and
signatures are checked here too.
"""
from __future__ import annotations

import json
import os
import re
import subprocess
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow.fs

import places
from log import Log

READERS = 16  # objects of the log that are read at the same time
WINDOW = 1_024  # entries that are fetched before they are judged


class Refused(Exception):
    """The archive or the table is not in a state in which something may be registered."""


@dataclass(frozen=True)
class Segment:
    """One file of `kivend files`. Within a partition, `end` orders segments and heads alike."""

    topic: str
    partition: int
    epoch: int
    first_offset: int
    next_offset: int
    records: int
    bytes: int
    key: str

    @property
    def end(self) -> tuple[int, int]:
        return self.epoch, self.next_offset


@dataclass(frozen=True)
class Checkpoint:
    """A valid checkpoint and the heads of its entry: topic → partition → (epoch, height, next offset, link hash)."""

    number: int
    root: str
    at: str
    heads: dict[str, dict[int, tuple[int, int, int, str]]]

    def covers(self, segment: Segment) -> bool:
        """Whether the link of this segment is at or below its partition's head."""
        epoch, _, next_offset, _ = self.heads.get(segment.topic, {}).get(segment.partition, (-1, -1, -1, ""))
        return segment.end <= (epoch, next_offset)


class Archive:
    """An archive at a URL: s3://bucket/prefix (endpoint and credentials as AWS tools take them), or file:///folder."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        scheme, _, path = self.url.partition("://")
        if scheme not in ("s3", "file"):
            raise Refused(f"the archive is neither s3://bucket/prefix nor file:///folder: {url}")
        self.root = path
        self.store = pyarrow.fs.LocalFileSystem() if scheme == "file" else \
            pyarrow.fs.S3FileSystem(endpoint_override=os.environ.get("AWS_ENDPOINT_URL"))
        self.id = str(Log(self.read("archive.json")).identity.id)

    def read(self, key: str) -> bytes:
        """An object, as far as one of its kind may be large."""
        with self.store.open_input_stream(f"{self.root}/{key}") as stream:
            return bytes(stream.read(places.LIMITS[key.split("/", 1)[0]]))

    def attempts(self, kind: str) -> dict[int, dict[int, str]]:
        """Number → attempt → key, of the notes in the folder `log` or `checkpoints`. What is larger than its limit is junk."""
        selector = pyarrow.fs.FileSelector(f"{self.root}/{kind}", allow_not_found=True)
        found: dict[int, dict[int, str]] = defaultdict(dict)
        for listed in self.store.get_file_info(selector):
            key = f"{kind}/{listed.base_name}"
            if listed.is_file and listed.size <= places.LIMITS[kind] and (read := places.read_key(key)):
                _, (number,), attempt = read
                found[number][attempt] = key
        return found

    def links(self) -> dict[str, dict[int, list[tuple[int, int]]]]:
        """Topic → partition → the sorted places (epoch, first offset) at which a link stands."""
        selector = pyarrow.fs.FileSelector(f"{self.root}/links", recursive=True, allow_not_found=True)
        found: dict[str, dict[int, set[tuple[int, int]]]] = defaultdict(lambda: defaultdict(set))
        for listed in self.store.get_file_info(selector):
            if listed.is_file and (read := places.read_key(listed.path.removeprefix(f"{self.root}/"))):
                topic, partition, *place = read[1]
                found[topic][partition].add(tuple(place))
        return {topic: {partition: sorted(of) for partition, of in partitions.items()} for topic, partitions in found.items()}

    def checkpoints(self) -> Iterator[Checkpoint]:
        """The valid checkpoints in their order. Ends before the first entry that is missing or not valid."""
        entries, signed = self.attempts("log"), self.attempts("checkpoints")
        log = Log(self.read("archive.json"))
        with ThreadPoolExecutor(READERS) as pool:
            for first in range(0, len(entries), WINDOW):
                numbers = [number for number in range(first, first + WINDOW) if number in entries]
                read = pool.map(lambda tries: [self.read(key) for _, key in sorted(tries.items())], (entries[number] for number in numbers))
                for number, tries in zip(numbers, read, strict=True):
                    entry = next((judged.content for data in tries if (judged := log.entry(data)).cls == "valid"), None)
                    if entry is None or number != log.count:
                        return
                    log.take(entry)
                    if self.is_signed(log, number, signed.get(number, {})):
                        yield Checkpoint(number, log.roots[number], entry.at, heads_of(entry.heads))

    def is_signed(self, log: Log, number: int, tries: dict[int, str]) -> bool:
        return any(log.checkpoint(number, self.read(key)).cls == "valid" for _, key in sorted(tries.items()))


def heads_of(lines: list[list]) -> dict[str, dict[int, tuple[int, int, int, str]]]:
    heads: dict[str, dict[int, tuple[int, int, int, str]]] = defaultdict(dict)
    for topic, partition, epoch, height, next_offset, link, _ in lines:
        heads[topic][partition] = epoch, height, next_offset, link
    return dict(heads)


def refuse_cut(topic: str, heads: dict[int, tuple[int, int, int, str]], links: dict[int, list[tuple[int, int]]]) -> None:
    """A chain that ends below a head of a checkpoint lacks its newest links. The segments of those would never be registered."""
    for partition, (epoch, height, next_offset, _) in heads.items():
        found = bisect_right(links.get(partition, []), (epoch, next_offset))
        if found <= height:
            raise Refused(f"a checkpoint has {height + 1} links of {topic}/{partition}, and the archive {found}: "
                          "`kivend verify` says what is missing")


def segments(command: list[str], archive: Archive) -> dict[str, list[Segment]]:
    """Topic → its segments by partition and `end`, from `kivend files`. Refuses an archive whose chains are not intact."""
    ended = subprocess.run([*command, "files", "--format", "json"], stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode:
        raise Refused(f"`{' '.join(command)} files` ended with exit code {ended.returncode}: nothing is registered from chains that are not intact")
    listed = json.loads(ended.stdout)
    place = listed["location"].split(" at ")[0].rstrip("/")
    if place.removeprefix("file://") != archive.url.removeprefix("file://"):
        raise Refused(f"`{' '.join(command)} files` lists {place}, and --archive is {archive.url}: set both to one archive")
    found: dict[str, list[Segment]] = defaultdict(list)
    for file in listed["files"]:
        epoch = int(re.match(r"\d+", Path(file["key"]).name)[0])
        found[file["topic"]].append(Segment(file["topic"], file["partition"], epoch, file["first_offset"], file["next_offset"],
                                            file["records"], file["bytes"], file["key"]))
    return {topic: sorted(of, key=lambda segment: (segment.partition, segment.end)) for topic, of in found.items()}
