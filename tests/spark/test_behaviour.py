"""Spark's tables agree with what DuckDB counts in the archive.

    python test_behaviour.py KIVEND JARS [PAGE]      needs the servers of deploy/local; PAGE keeps the page that Spark writes
"""
from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

TOP = Path(__file__).resolve().parents[2]
EVENTS = 10_000
# What deploy/spark/behaviour.py waits for, and when a session ends.
WATERMARK, SESSION_GAP = "interval 10 minutes", "interval 30 minutes"
STAGES = ("product_view", "add_to_cart", "checkout", "payment_attempt", "payment_success")


def run(command: list[str], environment: dict[str, str], given: str | None = None) -> None:
    ended = subprocess.run(command, input=given, capture_output=True, text=True, env=environment, check=False)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {ended.returncode}: {ended.stderr[-4000:]}{ended.stdout[-2000:]}")


def count_with_spark(tables: Path, jars: Path, environment: dict[str, str], *more: str) -> None:
    options = ["--brokers", os.environ["KIVEND_KAFKA__BROKERS"], "--topic-prefix", environment["KIVEND_TOPIC_PREFIX"]]
    settings = ["--conf", "spark.ui.enabled=false", "--driver-memory", "700m", "--driver-class-path", f"{jars}/*"]
    # The quicker compiler and the simplest collector: most of the time is the start of Java.
    settings += ["--driver-java-options", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"]
    script = str(TOP / "deploy/spark/behaviour.py")
    command = ["spark-submit", "--master", "local[2]", *settings, script, *options, "--output", str(tables), "--until-end", *more]
    run(command, environment | {"SPARK_LOCAL_IP": "127.0.0.1"})


def compare(work: Path, prefix: str) -> None:
    tables, archive = work / "tables", work / "archive"
    duckdb.execute("set timezone = 'UTC'")
    topics = ", ".join(f"'{archive}/data/{prefix}{topic}/**/*.parquet'" for topic in ("user-events", "orders", "payments"))
    duckdb.execute(
        f"create table event as select topic = '{prefix}user-events' as behaviour, event_ts::timestamp as time, event_type, session_id,"
        f" decode(value)::json ->> '$.device' as device from read_parquet([{topics}], hive_partitioning = false)"
    )
    # What is written: the end of the minute, or of the session, is before the watermark.
    duckdb.execute(
        "create table minutes as select date_trunc('minute', time) as minute, event_type, device, count(*) as count from event where behaviour group by 1, 2, 3"
        f" having minute + interval 1 minute <= (select max(time) from event where behaviour) - {WATERMARK}"
    )
    reached = ", ".join(f"bool_or(event_type = '{stage}') as {stage}" for stage in STAGES)
    duckdb.execute(
        f"create table sessions as select min(time) as began, session_id, device, {reached} from event group by session_id, device"
        f" having max(time) + {SESSION_GAP} <= (select max(time) from event) - {WATERMARK}"
    )
    for table in ("minutes", "sessions"):
        columns = ", ".join(name for (name, *_) in duckdb.sql(f"describe {table}").fetchall()).replace("minute,", "minute::timestamp as minute,")
        columns = columns.replace("began,", "began::timestamp as began,")
        duckdb.execute(f"create view spark_{table} as select {columns} from read_parquet('{tables}/{table}/*.parquet')")
        (expected,) = duckdb.sql(f"select count(*) from {table}").fetchone()
        lacking = duckdb.sql(f"select * from {table} except all select * from spark_{table}").fetchall()
        surplus = duckdb.sql(f"select * from spark_{table} except all select * from {table}").fetchall()
        if lacking or surplus or not expected:
            raise SystemExit(f"{table}: Spark and the archive differ: of {expected} rows Spark lacks {lacking[:5]}, and has {surplus[:5]} besides")
        print(f"{table}: Spark and the archive agree on {expected:,} rows")
    funnel = duckdb.sql(f"select {', '.join(f'count(*) filter ({stage})' for stage in STAGES)} from sessions").fetchone()
    shown = (work / "page.html").read_text()
    for count in funnel:
        if f"<td>{count:,}" not in shown:
            raise SystemExit(f"the page does not show the {count:,} sessions of a step")
    print("funnel: " + ", ".join(f"{stage} {count:,}" for stage, count in zip(STAGES, funnel)))


def main(kivend: str, jars: str, page: str | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        work, prefix = Path(folder), f"spark-{secrets.token_hex(4)}-"
        environment = os.environ | {
            "KIVEND_TOPIC_PREFIX": prefix, "KIVEND_KAFKA__GROUP_ID": prefix, "KIVEND_STORE__DIRECTORY": str(work / "archive"),
            "XDG_CONFIG_HOME": str(work / "config"), "KIVEND_TELEMETRY__LISTEN": "",
        }
        generated = subprocess.run([kivend, "--quiet", "generate", "--events", str(EVENTS)], capture_output=True, text=True, check=True).stdout
        lines = sorted(generated.splitlines(True), key=lambda line: str(json.loads(line)["ts"]))
        run([kivend, "topics", "create"], environment)
        # Two runs: the second continues the minutes and sessions that the first left open.
        run([kivend, "ingest"], environment, "".join(lines[: EVENTS // 2]))
        count_with_spark(work / "tables", Path(jars), environment)
        run([kivend, "ingest"], environment, "".join(lines[EVENTS // 2 :]))
        count_with_spark(work / "tables", Path(jars), environment, "--page", str(work / "page.html"))
        run([kivend, "archive"], environment)
        compare(work, prefix)
        if page:
            shutil.copy(work / "page.html", page)


if __name__ == "__main__":
    main(*sys.argv[1:])
