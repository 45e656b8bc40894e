"""An archive that grows, its Iceberg tables in a catalog, and runs of tools/iceberg_sync.py."""
from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyiceberg.catalog import Catalog, load_catalog

from archive import Archive

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
SYNC = TOP / "tools" / "iceberg_sync.py"
JARS = Path(os.environ["KIVEND_TEST_JARS"])
NAMESPACE = "kivend"
Counts = dict[str, int]  # topic → records


class GrowingArchive(Archive):
    """Remembers what `kivend verify` counted after each step: checkpoint → topic → records."""

    def __init__(self, work: Path) -> None:
        super().__init__(Path(os.environ["KIVEND_TEST_PROGRAM"]), work, f"i{secrets.token_hex(4)}")
        self.verified: dict[int, Counts] = {}
        self.url = f"s3://{self.place}"
        self.create()

    def step(self, events: list[dict[str, Any]], *archive: str) -> None:
        self.grow(events, *archive)
        report = json.loads(self.run("verify", "--format", "json"))
        assert report["verdict"] == "intact", report["summary"]
        self.verified[report["checkpoints"]["newest"]] = {topic["topic"]: topic["records"] for topic in report["topics"]}

    def etags(self) -> dict[str, tuple[int, Any]]:
        """Every object with its length and the time at which it was written."""
        return {path: (info.size, info.mtime_ns) for path in self.objects("") for info in self.bucket.get_file_info([path])}


class Tables:
    """A catalog of the archive's tables, and the runs that fill it."""

    def __init__(self, archive: Archive, properties: Mapping[str, str]) -> None:
        self.archive = archive
        self.location = f"s3://{os.environ['KIVEND_STORE__BUCKET']}/tables-{secrets.token_hex(4)}"
        self.properties = {"s3.endpoint": os.environ["AWS_ENDPOINT_URL"], "s3.region": os.environ["AWS_REGION"], "warehouse": self.location, **properties}
        named = {f"PYICEBERG_CATALOG__DEFAULT__{name.upper().replace('.', '__').replace('-', '_')}": value for name, value in self.properties.items()}
        self.environment = {**archive.environment, **named}

    @property
    def catalog(self) -> Catalog:
        return load_catalog("default", **self.properties)

    def start(self, *options: str, archive: str = "", location: str = "") -> subprocess.Popen[str]:
        command = [sys.executable, str(SYNC), "--archive", archive or f"s3://{self.archive.place}", "--location", location or self.location,
                   "--kivend", f"{self.archive.kivend} --quiet", *options]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def sync(self, *options: str, **places: str) -> tuple[int, str]:
        """The exit code and the output of a run."""
        run = self.start(*options, **places)
        out, err = run.communicate(timeout=300)
        return run.returncode, out + err

    def sync_by_kivend(self, *options: str) -> tuple[int, str]:
        """The same as one command of kivend, which has the archive's place from its settings."""
        command = [str(self.archive.kivend), "--config", str(self.archive.work / "kivend.toml"), "iceberg", "sync",
                   "--location", self.location, "--python", sys.executable, *options]
        run = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=300, check=False)
        return run.returncode, run.stdout + run.stderr

    def topic(self, table: tuple[str, ...]) -> str:
        return str(self.catalog.load_table(table).properties["kivend.topic"])

    def snapshots(self) -> Iterator[tuple[str, Any, Any]]:
        """Topic, table and snapshot, of all that a run made."""
        catalog = self.catalog
        for name in catalog.list_tables(NAMESPACE):
            table = catalog.load_table(name)
            for snapshot in table.snapshots():
                if "kivend.checkpoint" in snapshot.summary.additional_properties:
                    yield table.properties["kivend.topic"], table, snapshot

    def counts(self) -> Counts:
        """The records that a scan of each table finds now."""
        catalog = self.catalog
        tables = [catalog.load_table(name) for name in catalog.list_tables(NAMESPACE)]
        return {table.properties["kivend.topic"]: table.scan().count() for table in tables}


@contextmanager
def sql_tables(archive: Archive) -> Iterator[Tables]:
    with tempfile.TemporaryDirectory() as work:
        yield Tables(archive, {"type": "sql", "uri": f"sqlite:///{work}/catalog.db"})


@contextmanager
def rest_tables(archive: Archive) -> Iterator[Tables]:
    """A server of the REST protocol, from Iceberg's own handlers."""
    import pyspark

    with tempfile.TemporaryDirectory() as work:
        spark = Path(pyspark.__file__).parent / "jars"
        properties = {
            "uri": f"jdbc:sqlite:{work}/catalog.db", "jdbc.schema-version": "V1", "warehouse": f"s3://{archive.place}-none",
            "io-impl": "org.apache.iceberg.aws.s3.S3FileIO", "client.region": os.environ["AWS_REGION"],
            "s3.endpoint": os.environ["AWS_ENDPOINT_URL"], "s3.path-style-access": "true",
        }
        command = ["java", "-cp", f"{JARS}/*:{spark}/*", str(HERE / "RestCatalog.java"), *(f"{name}={value}" for name, value in properties.items())]
        with open(f"{work}/server.log", "w") as log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as server:
            try:
                assert server.stdout
                port = server.stdout.readline().strip()
                assert port, Path(f"{work}/server.log").read_text()
                yield Tables(archive, {"type": "rest", "uri": f"http://127.0.0.1:{port}"})
            finally:
                server.kill()
