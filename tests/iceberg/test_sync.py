"""What docs/ICEBERG.md promises of tools/iceberg_sync.py, on MinIO."""
from __future__ import annotations

import json
import random
import shutil
import subprocess
import tempfile
import time
import tomllib
import unittest
from datetime import datetime, timezone
from pathlib import Path

from synced import NAMESPACE, TOP, GrowingArchive, Tables, rest_tables, sql_tables

KILLS = 6


def with_a_new_rule(archive: GrowingArchive) -> None:
    """Adds a typed column to the settings, as an operator does when new queries need one."""
    rules = tomllib.loads((TOP / "config" / "kivend.toml").read_text())["archive"]["projection"]
    rules.append({"column": "device", "path": "/device", "type": "string"})
    text = "".join("[[archive.projection]]\n" + "".join(f'{name} = "{value}"\n' for name, value in rule.items()) for rule in rules)
    with (archive.work / "kivend.toml").open("a") as settings:
        settings.write(text)


def alert(number: int) -> dict[str, object]:
    return {"event_id": f"a{number}", "ts": "2025-12-24 18:00:00", "event_type": "fraud_alert", "customer_id": f"C{number}", "cart_value": None}


class Sync(unittest.TestCase):
    """One archive, which grew in five steps, under tables of each test's own."""

    archive: GrowingArchive
    work: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.work = tempfile.mkdtemp()
        cls.archive = GrowingArchive(Path(cls.work))
        made = cls.archive.generated(12_000, 11)
        cls.archive.step(made[:4_000])
        cls.archive.step(made[4_000:8_000] + [alert(number) for number in range(10)])
        cls.archive.replace("fraud-alerts")
        cls.archive.step([alert(number) for number in range(10, 14)], "--new-epoch", "fraud-alerts")
        with_a_new_rule(cls.archive)
        cls.archive.step(made[8_000:])

    @classmethod
    def tearDownClass(cls) -> None:
        shutil.rmtree(cls.work)

    def assert_verified(self, tables: Tables) -> None:
        """Every snapshot has the counts that `kivend verify` gave at its checkpoint, and the newest has all records, each once."""
        newest = self.archive.verified[max(self.archive.verified)]
        self.assertEqual(tables.counts(), {topic: records for topic, records in newest.items() if records})
        for topic, table, snapshot in tables.snapshots():
            said = snapshot.summary.additional_properties
            verified = self.archive.verified[int(said["kivend.checkpoint"])][topic]
            found = table.scan(snapshot_id=snapshot.snapshot_id, selected_fields=("partition", "epoch", "offset")).to_arrow()
            distinct = found.group_by(found.column_names).aggregate([])
            self.assertEqual((verified,) * 3, (int(said["kivend.records"]), len(found), len(distinct)), (topic, said))

    def assert_synced(self, tables: Tables, *options: str) -> str:
        code, output = tables.sync(*options)
        self.assertEqual(0, code, output)
        return output

    def test_each_checkpoint_with_new_segments_is_one_snapshot_with_the_verified_counts(self) -> None:
        for kind in (sql_tables, rest_tables):
            with self.subTest(kind.__name__), kind(self.archive) as tables:
                self.assert_synced(tables)
                self.assert_verified(tables)
                made = [(topic, int(of.summary.additional_properties["kivend.checkpoint"])) for topic, _, of in tables.snapshots()]
                self.assertEqual(len(made), len(set(made)))
                self.assertEqual({number for _, number in made}, set(self.archive.verified))

    def test_kivend_iceberg_sync_registers_the_same_without_being_told_the_place(self) -> None:
        with sql_tables(self.archive) as tables:
            code, output = tables.sync_by_kivend("--topic", "payments")
            self.assertEqual(0, code, output)
            self.assertEqual({self.archive.topics["payments"]}, set(tables.counts()))
            code, output = tables.sync_by_kivend()
            self.assertEqual(0, code, output)
            self.assert_verified(tables)
            code, output = tables.sync_by_kivend("--catalog", "unknown")
            self.assertEqual(1, code, output)

    def test_a_second_run_registers_nothing(self) -> None:
        with sql_tables(self.archive) as tables:
            self.assert_synced(tables)
            before = [snapshot.snapshot_id for _, _, snapshot in tables.snapshots()]
            self.assert_synced(tables)
            self.assertEqual(before, [snapshot.snapshot_id for _, _, snapshot in tables.snapshots()])

    def test_one_snapshot_may_take_all_that_is_new(self) -> None:
        with sql_tables(self.archive) as tables:
            self.assert_synced(tables, "--newest-only")
            self.assert_verified(tables)
            self.assertEqual({max(self.archive.verified)}, {int(of.summary.additional_properties["kivend.checkpoint"]) for _, _, of in tables.snapshots()})

    def test_a_run_that_is_killed_at_any_moment_registers_each_segment_once(self) -> None:
        for kind in (sql_tables, rest_tables):
            with self.subTest(kind.__name__), kind(self.archive) as tables:
                began = time.monotonic()
                with kind(self.archive) as measured:
                    self.assert_synced(measured)
                whole = time.monotonic() - began
                for _ in range(KILLS):
                    run = tables.start()
                    try:
                        run.communicate(timeout=random.uniform(0.2, whole))
                    except subprocess.TimeoutExpired:
                        pass
                    run.kill()
                    run.communicate()
                self.assert_synced(tables)
                self.assert_verified(tables)

    def test_runs_at_the_same_time_register_each_segment_once(self) -> None:
        with rest_tables(self.archive) as tables:
            runs = [tables.start() for _ in range(3)]
            errors = [run.communicate(timeout=300)[1] for run in runs]
            self.assertEqual([0, 0, 0], [run.returncode for run in runs], errors)
            self.assert_verified(tables)

    def test_snapshots_can_be_expired_with_pyiceberg_which_deletes_no_segment(self) -> None:
        with sql_tables(self.archive) as tables:
            self.assert_synced(tables)
            before, counts = self.archive.etags(), tables.counts()
            for name in tables.catalog.list_tables(NAMESPACE):
                table = tables.catalog.load_table(name)
                table.maintenance.expire_snapshots().older_than(datetime.now(timezone.utc)).commit()
                self.assertEqual(1, len(tables.catalog.load_table(name).snapshots()))
            newest = [snapshot.snapshot_id for _, _, snapshot in tables.snapshots()]
            self.assert_synced(tables)
            self.assertEqual((before, counts, newest), (self.archive.etags(), tables.counts(), [of.snapshot_id for _, _, of in tables.snapshots()]))

    def test_a_column_of_a_newer_rule_is_added_and_is_null_before_it(self) -> None:
        with sql_tables(self.archive) as tables:
            self.assert_synced(tables)
            table = tables.catalog.load_table((NAMESPACE, self.archive.topics["user-events"].replace("-", "_")))
            found = table.scan(selected_fields=("device", "value")).to_arrow().to_pylist()
            self.assertTrue(any(row["device"] for row in found))
            wrong = [row for row in found if row["device"] not in (None, json.loads(row["value"])["device"])]
            self.assertEqual([], wrong)

    def test_bounds_of_times_and_amounts_let_scans_skip_files_without_losing_rows(self) -> None:
        with sql_tables(self.archive) as tables:
            self.assert_synced(tables)
            table = tables.catalog.load_table((NAMESPACE, self.archive.topics["user-events"].replace("-", "_")))
            rows = table.scan(selected_fields=("event_ts", "timestamp", "cart_value", "offset")).to_arrow().to_pylist()
            middle = sorted(row["event_ts"] for row in rows)[len(rows) // 2]
            sent = sorted(row["timestamp"] for row in rows)[len(rows) // 2]
            for column, bound in (("event_ts", middle), ("timestamp", sent)):
                scan = table.scan(row_filter=f"{column} >= '{bound.isoformat()}'")
                self.assertEqual(sum(row[column] >= bound for row in rows), scan.count())
                self.assertLess(len(list(scan.plan_files())), len(list(table.scan().plan_files())))
            self.assertEqual(sum((row["cart_value"] or 0) > 300 for row in rows), table.scan(row_filter="cart_value > 300.00").count())

    def test_a_table_within_the_archive_is_refused_before_anything_is_written(self) -> None:
        with sql_tables(self.archive) as tables:
            before = self.archive.objects("")
            code, output = tables.sync(location=f"s3a://{self.archive.place}/tables")
            self.assertEqual((1, before), (code, self.archive.objects("")), output)
            self.assertIn("within the archive", output)

    def test_a_table_of_another_archive_is_refused(self) -> None:
        with sql_tables(self.archive) as tables, tempfile.TemporaryDirectory() as work:
            other = GrowingArchive(Path(work))
            other.topics, other.environment = self.archive.topics, {**other.environment, "KIVEND_TOPIC_PREFIX": f"{self.archive.name}-"}
            other.run("archive")
            self.assert_synced(tables)
            strange = Tables(other, tables.properties)
            code, output = strange.sync(location=tables.location)
            self.assertEqual(1, code, output)
            self.assertIn("holds archive", output)

    def test_nothing_is_registered_while_a_link_is_missing(self) -> None:
        for position in (0, -1):  # within a chain, and at its end, below a head that a checkpoint names
            with self.subTest(position), sql_tables(self.archive) as tables, tempfile.TemporaryDirectory() as work:
                archive = GrowingArchive(Path(work))
                made = archive.generated(400, 3)
                archive.step(made[:200])
                archive.step(made[200:])
                links = [path for path in archive.objects("links") if f"{archive.topics['user-events']}/0/" in path]
                archive.bucket.delete_file(sorted(links)[position])
                damaged = Tables(archive, tables.properties)
                code, output = damaged.sync("--topic", archive.topics["user-events"])
                self.assertEqual(1, code, output)
                registered = [name for name in damaged.catalog.list_tables(NAMESPACE)] if damaged.catalog.namespace_exists(NAMESPACE) else []
                newest = [int(of.summary.additional_properties["kivend.checkpoint"]) for _, _, of in damaged.snapshots()] if registered else []
                self.assertNotIn(max(archive.verified), newest)

    def test_rows_of_segments_that_retention_removed_leave_the_table(self) -> None:
        with tempfile.TemporaryDirectory() as work:
            archive = GrowingArchive(Path(work))
            made = archive.generated(3_000, 5)
            archive.step(made[:1_500])
            while (began := int(time.time())) <= int(max(self.newest_time(archive), 0)):
                time.sleep(0.05)
            archive.step(made[1_500:])
            with sql_tables(archive) as tables:
                self.assert_synced(tables)
                change = str(archive.work / "change")
                before = datetime.fromtimestamp(began, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
                archive.run("retention", "--before", before, "--reason", "test", "--propose", change)
                archive.run("keys", "sign", change)
                archive.run("keys", "apply", change)
                archive.run("checkpoint")
                archive.run("retention", "--delete")
                self.assert_synced(tables)
                listed = json.loads(archive.run("files", "--format", "json"))["files"]
                left = {topic: sum(file["records"] for file in listed if file["topic"] == topic) for topic in {file["topic"] for file in listed}}
                self.assertLess(sum(left.values()), len(made))
                self.assertEqual(left, tables.counts())

    def newest_time(self, archive: GrowingArchive) -> float:
        """The time of the newest record in Kafka, in seconds since 1970."""
        links = [json.loads(archive.read(path).split(b"\n")[0]) for path in archive.objects("links")]
        return max(link["max_timestamp_ms"] for link in links) / 1_000


if __name__ == "__main__":
    unittest.main()
