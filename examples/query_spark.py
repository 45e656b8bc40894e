"""Opens an archive as docs/QUERYING.md does, with Spark 4.1: `ask` runs a query of the page. The environment and files.txt are those of the page.

    spark-submit --packages org.apache.hadoop:hadoop-aws:3.4.2 query_spark.py

To open the whole folder instead of a list, Spark needs `.option("recursiveFileLookup", "true")`: the folders are not `name=value`.
"""
import os

from pyspark.sql import SparkSession

spark = (SparkSession.builder
    .config("spark.hadoop.fs.s3a.endpoint", os.environ["AWS_ENDPOINT_URL"])
    .config("spark.hadoop.fs.s3a.endpoint.region", os.environ["AWS_REGION"])
    .config("spark.hadoop.fs.s3a.path.style.access", "true")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.ansi.doubleQuotedIdentifiers", "true")
    .getOrCreate())
files = [f"s3a://{os.environ['ARCHIVE']}/{line.strip()}" for line in open("files.txt")]
spark.read.parquet(*files).createOrReplaceTempView("events")
ask = lambda query: [tuple(row) for row in spark.sql(query).collect()]

print(ask("select topic, count(*) as records from events group by topic order by topic"))
