#!/usr/bin/env python3
"""Counts the behaviour of a shop's customers with Spark Structured Streaming, from Kafka to Parquet.

    spark-submit --packages org.apache.spark:spark-sql-kafka-0-10_2.13:4.1.1 deploy/spark/behaviour.py --output DIR

It writes two tables, to which each batch appends what will not change any more:

    DIR/minutes    the events of user-events by minute, type and device
    DIR/sessions   how far each session came, from the view of a product to the payment

Time is the event's own, `ts`. A minute or a session is written once the newest event is WATERMARK later than its end; what comes
later still is left out. A run continues where the one before ended.
"""
from __future__ import annotations

import argparse
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming import StreamingQuery

from behaviour_page import STAGES, page

WATERMARK = "10 minutes"
# A session ends when its customer did nothing for so long.
SESSION_GAP = "30 minutes"
SCHEMA = "event_type string, ts string, session_id string, device string"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brokers", default="localhost:9092,localhost:9093,localhost:9094", metavar="LIST", help="the brokers [default: %(default)s]")
    parser.add_argument("--topic-prefix", default="", metavar="PREFIX", help="what stands before the names of the topics")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the folder of the tables and of the state")
    parser.add_argument("--until-end", action="store_true", help="end with the newest event in Kafka; without it, run until stopped")
    parser.add_argument("--page", type=Path, metavar="FILE", help="then write a page with both tables; needs --until-end")
    given = parser.parse_args()
    if given.page and not given.until_end:
        parser.error("--page needs --until-end")
    return given


def events(spark: SparkSession, given: argparse.Namespace, *topics: str) -> DataFrame:
    source = {
        "kafka.bootstrap.servers": given.brokers, "kafka.isolation.level": "read_committed", "startingOffsets": "earliest",
        "subscribe": ",".join(given.topic_prefix + topic for topic in topics),
    }
    records = spark.readStream.format("kafka").options(**source).load()
    event = records.select(f.from_json(f.col("value").cast("string"), SCHEMA).alias("event")).select("event.*")
    # Spark keeps microseconds; ts has nanoseconds.
    return event.withColumn("time", f.to_timestamp(f.substring("ts", 1, 26))).withWatermark("time", WATERMARK)


def minutes(event: DataFrame) -> DataFrame:
    counted = event.groupBy(f.window("time", "1 minute"), "event_type", "device").count()
    return counted.select(f.col("window.start").alias("minute"), "event_type", "device", "count")


def sessions(event: DataFrame) -> DataFrame:
    def reached(stage: str) -> Column:
        return f.max(f.col("event_type") == stage).alias(stage)

    counted = event.groupBy(f.session_window("time", SESSION_GAP), "session_id", "device").agg(*map(reached, STAGES))
    return counted.select(f.col("session_window.start").alias("began"), "session_id", "device", *STAGES)


def start(table: DataFrame, name: str, given: argparse.Namespace) -> StreamingQuery:
    sink = {"path": str(given.output / name), "checkpointLocation": str(given.output / "state" / name)}
    trigger = {"availableNow": True} if given.until_end else {"processingTime": "1 minute"}
    return table.writeStream.queryName(name).format("parquet").options(**sink).trigger(**trigger).start()


def main() -> None:
    given = arguments()
    settings = {"spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": "4"}
    spark = SparkSession.builder.appName("behaviour").config(map=settings).getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    queries = [
        start(minutes(events(spark, given, "user-events")), "minutes", given),
        start(sessions(events(spark, given, "user-events", "orders", "payments")), "sessions", given),
    ]
    for query in queries:
        query.awaitTermination()
    if given.page:
        tables = (spark.read.parquet(str(given.output / name)) for name in ("minutes", "sessions"))
        given.page.write_text(page(*tables), encoding="utf-8")
    spark.stop()


if __name__ == "__main__":
    main()
