"""Planted cases are found, and every alert is archived once although the detection crashed."""
from __future__ import annotations

import json
import tempfile
import unittest
from collections import Counter
from pathlib import Path

import duckdb
from shop import Shop, until

EVENTS = 30_000
RULES = ("repeated_failures", "many_sessions", "unusual_amount", "new_device")
MEMBERS = {
    "alert_id", "alert_timestamp", "event_timestamp", "customer_id", "session_id", "event_type", "device", "utm_source", "fraud_reasons",
    "risk_score", "severity", "status",
}


class Fraud(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.shop = shop = Shop(Path(folder.name))
        cls.addClassCleanup(shop.close)
        lines = sorted(shop.kivend("generate", "--events", str(EVENTS), "--fraud").splitlines(True), key=lambda line: json.loads(line)["ts"])
        middle = len(lines) // 2
        shop.kivend("topics", "create")
        shop.kivend("ingest", given="".join(lines[:middle]))
        shop.fraud("up")
        # Otherwise the first transaction would not be the last.
        shop.read_all_payments()
        shop.checkpoint()
        cls.committed_before = shop.end("fraud-alerts", shop.committed)

        shop.kivend("ingest", given="".join(lines[middle:]))
        until("an alert after the checkpoint", shop.alerts_are_open)
        shop.fraud("kill")
        cls.open_after_crash = shop.end("fraud-alerts", shop.uncommitted) - shop.end("fraud-alerts", shop.committed)

        shop.fraud("up")
        cls.decided_s = shop.read_all_payments()
        shop.fraud("stop")
        cls.first_report = json.loads(shop.kivend("archive", "--format", "json"))
        cls.second_report = json.loads(shop.kivend("archive", "--format", "json"))
        cls.verified = json.loads(shop.kivend("verify", "--at-rest", "--format", "json"))
        cls.alerts = [json.loads(line) for line in shop.kivend("export", "--topic", f"{shop.name}-fraud-alerts").splitlines()]

    def test_each_planted_case_is_found_by_its_rule_alone_and_nothing_that_nearly_is_one(self) -> None:
        found = {(alert["customer_id"], reason) for alert in self.alerts for reason in alert["fraud_reasons"]}
        planted = {(customer, reason) for customer, reason in found if customer.startswith(("planted-", "nearly-"))}
        self.assertEqual(planted, {(f"planted-{rule}-{number}", rule) for rule in RULES for number in range(1, 6)})

    def test_the_archived_alerts_are_those_that_the_rules_give_over_the_archived_payments(self) -> None:
        rules = (Path(__file__).parent / "expected.sql").read_text()
        duckdb.execute("set timezone = 'UTC'")
        duckdb.execute(rules.replace("{payments}", f"{self.shop.archive}/data/{self.shop.name}-payments/**/*.parquet"))
        expected = {name: sorted(reasons) for name, reasons in duckdb.sql("select alert_id, reasons from expected").fetchall()}
        # The end of the payments is decided when later ones arrive.
        decided = {name for (name,) in duckdb.execute("select alert_id from expected where at_ms <= ?", [int(self.decided_s * 1000)]).fetchall()}
        found = {alert["alert_id"]: sorted(alert["fraud_reasons"]) for alert in self.alerts}
        self.assertEqual({name: expected.get(name) for name in found}, found)
        self.assertEqual(decided - found.keys(), set())
        self.assertGreater(len(decided), 50)

    def test_each_alert_is_archived_once_although_a_transaction_was_open_when_flink_was_killed(self) -> None:
        self.assertGreater(self.committed_before, 0)
        self.assertGreater(self.open_after_crash, 0, "the crash left no open transaction")
        names = Counter(alert["alert_id"] for alert in self.alerts)
        self.assertEqual([name for name, times in names.items() if times > 1], [])

    def test_an_alert_says_who_what_why_and_how_grave(self) -> None:
        for alert in self.alerts:
            self.assertEqual(alert.keys(), MEMBERS)
            self.assertEqual(alert["status"], "OPEN")
        severities = {(alert["fraud_reasons"][0], alert["risk_score"], alert["severity"]) for alert in self.alerts if alert["customer_id"].startswith("planted-")}
        expected = {
            ("repeated_failures", 45, "MEDIUM"), ("repeated_failures", 60, "HIGH"), ("repeated_failures", 75, "HIGH"),
            ("repeated_failures", 90, "CRITICAL"), ("many_sessions", 40, "MEDIUM"), ("unusual_amount", 50, "HIGH"), ("new_device", 20, "LOW"),
        }
        self.assertEqual(severities, expected)

    def test_no_other_customer_is_suspected_but_of_a_new_device(self) -> None:
        others = [alert for alert in self.alerts if not alert["customer_id"].startswith("planted-")]
        self.assertEqual(Counter(reason for alert in others for reason in alert["fraud_reasons"]), {"new_device": 62})

    def test_the_archive_is_intact_and_a_second_run_archives_nothing(self) -> None:
        self.assertEqual(self.verified["verdict"], "intact", self.verified["summary"])
        self.assertEqual(self.verified["scope"]["records_compared"], self.first_report["records"])
        self.assertEqual(self.first_report["records"], EVENTS + 1_235 + len(self.alerts))
        self.assertEqual(self.second_report["records"], 0)


if __name__ == "__main__":
    unittest.main()
