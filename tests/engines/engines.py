"""Opens data folders of archives with one query engine, in the way that its users would, and prints what it finds there.

    python engines.py ENGINE DATA_FOLDER…        prints a line of JSON for each folder: topic → the members of `Answer`

One engine per process: each brings its own threads and native libraries, and a crash of one must not hide the others.
"""
from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

# For each topic: the counts and sums in COLUMNS, and `headers`, the headers of each record that has some.
Answer = dict[str, Any]
COLUMNS = ["topic", "records", "offsets", "cart_value", "timestamps", "first_ms", "last_ms", "out_of_range", "values", "in_partition_0", "dear"]

# What every SQL dialect here understands. `{first}` and `{last}` are the bounds of the timestamp in milliseconds since 1970.
COUNTS = """
select topic, count(*), sum("offset"), sum(cart_value), count("timestamp"), {first}, {last},
       count(timestamp_out_of_range_ms), count(value), sum(case when "partition" = 0 then 1 else 0 end),
       sum(case when cart_value > 100 then 1 else 0 end)
from {table} group by topic"""
HEADERS = 'select topic, "offset", headers from {table} where {length}(headers) > 0'


def counts_query(table: str, milliseconds: str) -> str:
    """`milliseconds` turns `{}`, a timestamp, into milliseconds since 1970 in the engine's dialect."""
    first, last = (milliseconds.format(f'{bound}("timestamp")') for bound in ("min", "max"))
    return COUNTS.format(table=table, first=first, last=last)


def answer(counts: Iterable[Any], headers: Iterable[Any]) -> dict[str, Answer]:
    """Brings the rows of both queries into one form."""
    topics: dict[str, Answer] = {}
    for row in counts:
        named = dict(zip(COLUMNS, row, strict=True))
        topic = as_text(named.pop("topic"))
        money = named.pop("cart_value")
        topics[topic] = {name: None if value is None else int(value) for name, value in named.items()}
        topics[topic] |= {"cart_value": f"{money or 0:.2f}", "headers": []}
    for topic, offset, pairs in headers:
        listed = [[as_hex(pair["name"]), as_hex(pair["value"])] for pair in pairs]
        topics[as_text(topic)]["headers"].append([int(offset), listed])
    for found in topics.values():
        found["headers"].sort()
    return topics


def as_text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def as_hex(value: Any) -> str | None:
    return None if value is None else bytes(value).hex()


def by_pandas(data: str) -> dict[str, Answer]:
    import pandas

    return from_frame(pandas.read_parquet(data))


def by_fastparquet(data: str) -> dict[str, Answer]:
    from fastparquet import ParquetFile

    topics = from_frame(ParquetFile(data).to_pandas())
    for found in topics.values():
        found["headers"] = None  # fastparquet reads no list of structs
    return topics


def from_frame(frame: Any) -> dict[str, Answer]:
    counts = []
    for topic, rows in frame.groupby("topic", observed=True):
        stamps, money = rows["timestamp"], rows["cart_value"].dropna()
        counts.append([topic, len(rows), rows["offset"].sum(), money.sum(), stamps.count(), milliseconds(stamps.min()), milliseconds(stamps.max()),
                       rows["timestamp_out_of_range_ms"].count(), rows["value"].count(), (rows["partition"] == 0).sum(), (money > 100).sum()])
    with_headers = frame[[headers is not None and len(headers) > 0 for headers in frame["headers"]]]
    return answer(counts, with_headers[["topic", "offset", "headers"]].itertuples(index=False))


def milliseconds(stamp: Any) -> int | None:
    import pandas

    return None if pandas.isna(stamp) else int(stamp.asm8.astype("datetime64[ms]").astype(int))


def by_pyarrow(data: str) -> dict[str, Answer]:
    from decimal import Decimal

    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table, counts = pq.read_table(data), list[list[Any]]()
    dear = pc.field("cart_value") > Decimal("100.00")  # the scale of the column: pyarrow casts 100 to a decimal too wide to compare
    for topic in table["topic"].unique().to_pylist():
        rows = table.filter(pc.field("topic") == topic)
        stamps = pc.min_max(rows["timestamp"].cast("int64")).as_py()
        counts.append([topic, len(rows), pc.sum(rows["offset"]).as_py(), pc.sum(rows["cart_value"]).as_py(), pc.count(rows["timestamp"]).as_py(),
                       stamps["min"], stamps["max"], pc.count(rows["timestamp_out_of_range_ms"]).as_py(), pc.count(rows["value"]).as_py(),
                       len(rows.filter(pc.field("partition") == 0)), len(rows.filter(dear))])
    some = table.filter(pc.list_value_length(pc.field("headers")) > 0).select(["topic", "offset", "headers"])
    return answer(counts, (row.values() for row in some.to_pylist()))


def by_polars(data: str) -> dict[str, Answer]:
    import polars as pl

    eager, lazy = pl.read_parquet(data), pl.scan_parquet(data + "/**/*.parquet")
    counts = eager.group_by("topic").agg(
        pl.len(), pl.col("offset").sum(), pl.col("cart_value").sum(), pl.col("timestamp").count().alias("n"),
        pl.col("timestamp").min().dt.epoch("ms").alias("first"), pl.col("timestamp").max().dt.epoch("ms").alias("last"),
        pl.col("timestamp_out_of_range_ms").count(), pl.col("value").count(), (pl.col("partition") == 0).sum(), (pl.col("cart_value") > 100).sum().alias("dear"))
    some = lazy.filter(pl.col("headers").list.len() > 0).select("topic", "offset", "headers").collect()
    return answer(counts.rows(), some.rows())


def by_duckdb(data: str) -> dict[str, Answer]:
    import duckdb

    table = f"'{data}/**/*.parquet'"
    counts = duckdb.sql(counts_query(table, "epoch_ms({})")).fetchall()
    return answer(counts, duckdb.sql(HEADERS.format(length="len", table=table)).fetchall())


def by_datafusion(data: str) -> dict[str, Answer]:
    from datafusion import SessionConfig, SessionContext

    # By default DataFusion enters only sub-folders that are called name=value.
    context = SessionContext(SessionConfig({"datafusion.execution.listing_table_ignore_subdirectory": "false"}))
    context.register_parquet("archive", data)

    def rows(query: str) -> list[Any]:
        return [list(row.values()) for row in context.sql(query).to_pylist()]

    counts = rows(counts_query("archive", "arrow_cast({}, 'Int64')"))
    return answer(counts, rows(HEADERS.format(length="array_length", table="archive")))


def by_clickhouse(data: str) -> dict[str, Answer]:
    import io

    import chdb
    import pyarrow

    def rows(query: str) -> list[Any]:
        # Keys, values and headers need not be UTF-8: the text formats fail on them, and Arrow needs them as binary.
        result = chdb.query(query + " settings output_format_arrow_string_as_string = 0", "Arrow")
        table = pyarrow.ipc.open_file(io.BytesIO(result.bytes())).read_all()
        return [list(row.values()) for row in table.to_pylist()]

    table = f"file('{data}/**/*.parquet', Parquet)"
    return answer(rows(counts_query(table, "toUnixTimestamp64Milli({})")), rows(HEADERS.format(length="length", table=table)))


def by_spark(data: str) -> dict[str, Answer]:
    import os

    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")  # otherwise it must resolve the machine's name
    settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2", "spark.log.level": "ERROR", "spark.sql.session.timeZone": "UTC"}
    spark = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    # Without the option Spark enters only sub-folders that are called name=value.
    spark.read.option("recursiveFileLookup", "true").parquet(data).createOrReplaceTempView("archive")
    counts = spark.sql(counts_query("archive", "unix_millis({})").replace('"', "`")).collect()
    return answer(counts, spark.sql(HEADERS.format(length="size", table="archive").replace('"', "`")).collect())


ENGINES: dict[str, Callable[[str], dict[str, Answer]]] = {
    "spark": by_spark, "clickhouse": by_clickhouse, "fastparquet": by_fastparquet, "pandas": by_pandas,
    "pyarrow": by_pyarrow, "polars": by_polars, "duckdb": by_duckdb, "datafusion": by_datafusion,
}

if __name__ == "__main__":
    for folder in sys.argv[2:]:
        print(json.dumps(ENGINES[sys.argv[1]](folder)), flush=True)
