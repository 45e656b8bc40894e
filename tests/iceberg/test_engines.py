"""Other engines read the tables of tools/iceberg_sync.py, and table maintenance leaves the archive as it is."""
from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from decimal import Decimal
from pathlib import Path
from typing import Any

import environment
from synced import HERE, JARS, NAMESPACE, GrowingArchive, Tables, rest_tables


class Engines(unittest.TestCase):
    """Tables in a REST catalog, with a snapshot for each of three checkpoints."""

    archive: GrowingArchive
    work: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.work = tempfile.mkdtemp()
        cls.archive = GrowingArchive(Path(cls.work))
        cls.made = cls.archive.generated(8_000, 13)
        for first in range(0, 6_000, 2_000):
            cls.archive.step(cls.made[first:first + 2_000])

    @classmethod
    def tearDownClass(cls) -> None:
        shutil.rmtree(cls.work)

    def ask(self, script: str, tables: Tables) -> list[dict[str, Any]]:
        """Runs a script in the environment of its engine; it prints lines of JSON."""
        engine = script.removesuffix(".py").split("_")[1]
        given = environment.of_engine(engine, dict(tables.environment), Path(self.work), JARS) | {"CATALOG_URI": tables.properties["uri"]}
        ended = subprocess.run([sys.executable, str(HERE / script)], env=given, capture_output=True, text=True, timeout=400, check=False)
        self.assertEqual(0, ended.returncode, "\n".join(line for line in ended.stderr.splitlines() if not line.lstrip().startswith("at "))[-3000:])
        return [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]

    def assert_verified(self, answers: list[dict[str, Any]], tables: Tables) -> None:
        """Each answer has the records that `kivend verify` counted at the checkpoint, and the sum of money at the newest."""
        said = {snapshot.snapshot_id: (topic, int(snapshot.summary.additional_properties["kivend.checkpoint"]))
                for topic, _, snapshot in tables.snapshots()}
        self.assertEqual(sorted(said), sorted(answer["snapshot"] for answer in answers))
        newest = {}
        for answer in answers:
            topic, checkpoint = said[answer["snapshot"]]
            self.assertEqual(self.archive.verified[checkpoint][topic], answer["records"], answer)
            if checkpoint == max(self.archive.verified):
                newest[topic] = answer["cart_value"]
        for topic in ("payments", "user-events"):
            values = (json.loads(line, parse_float=Decimal)["cart_value"] for line in self.archive.lines(topic))
            self.assertEqual(f"{sum((Decimal(value) for value in values if value is not None), Decimal(0)):.2f}", newest[self.archive.topics[topic]])

    def test_duckdb_and_spark_count_at_each_snapshot_what_was_verified_and_maintenance_spares_the_archive(self) -> None:
        with rest_tables(self.archive) as tables:
            code, output = tables.sync()
            self.assertEqual(0, code, output)
            self.assert_verified(self.ask("ask_duckdb.py", tables), tables)
            self.assert_verified(self.ask("ask_spark.py", tables), tables)

            before = self.archive.etags()
            kept = self.ask("maintain_spark.py", tables)
            self.assertEqual(before, self.archive.etags())
            self.assertEqual({"expire_snapshots": "refused", "remove_orphan_files": "refused", "drop table purge": "refused", "rewrite_data_files": "done"},
                             {answer["did"]: answer["result"] for answer in kept})

            # After the table was rewritten, a run continues where the one before it ended.
            self.archive.step(self.made[6_000:])
            code, output = tables.sync()
            self.assertEqual(0, code, output)
            newest = self.archive.verified[max(self.archive.verified)]
            self.assertEqual({topic: records for topic, records in newest.items() if records}, tables.counts())
            names = [name for name in tables.catalog.list_tables(NAMESPACE)]
            files = [file["file_path"] for name in names for file in tables.catalog.load_table(name).inspect.files().to_pylist()]
            self.assertTrue(any(path.startswith(tables.location) for path in files), "nothing was rewritten")
            self.assertTrue(any(path.startswith(self.archive.url) for path in files), "nothing was registered after that")
            verified = json.loads(self.archive.run("verify", "--format", "json"))
            self.assertEqual("intact", verified["verdict"])


if __name__ == "__main__":
    unittest.main()
