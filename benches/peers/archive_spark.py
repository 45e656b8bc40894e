"""Spark as the archiver: Structured Streaming from Kafka to zstd Parquet on S3, with a checkpoint, up to what is there.
Keys, headers and raw values are kept. It claims no chain, no signature and no typed columns, and partitions are not told apart by object.

Run by spark-submit: archive_spark.py BROKERS BUCKET PREFIX TOPIC…     (endpoint and keys from AWS_*)
"""

import os
import sys

from pyspark.sql import SparkSession

from shop import Stopwatch, report

_COLUMNS = ("topic", "partition", "offset", "timestamp", "timestampType", "key", "value", "headers")
_KEYS_FROM = "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider"


def session():
    """Settings that MinIO wants; all else is Spark's default."""
    s3a = {
        "endpoint": os.environ["AWS_ENDPOINT_URL"],
        "endpoint.region": os.environ["AWS_REGION"],
        "path.style.access": "true",
        "connection.ssl.enabled": "false",
        "aws.credentials.provider": _KEYS_FROM,
    }
    builder = SparkSession.builder.appName("archive").config("spark.ui.enabled", "false")
    for name, value in s3a.items():
        builder = builder.config(f"spark.hadoop.fs.s3a.{name}", value)
    return builder.getOrCreate()


def main(brokers, bucket, prefix, *topics):
    spark = session()
    spark.sparkContext.setLogLevel("WARN")
    place, watch = f"s3a://{bucket}/{prefix}", Stopwatch()
    watch.first()
    source = {
        "kafka.bootstrap.servers": brokers,
        "kafka.isolation.level": "read_committed",
        "subscribe": ",".join(topics),
        "startingOffsets": "earliest",
        "includeHeaders": "true",
    }
    sink = {"path": f"{place}/data", "checkpointLocation": f"{place}/checkpoint", "compression": "zstd"}
    records = spark.readStream.format("kafka").options(**source).load().select(*_COLUMNS)
    query = records.writeStream.format("parquet").options(**sink).trigger(availableNow=True).start()
    query.awaitTermination()
    elapsed_s = watch.elapsed_s()
    archived = sum(batch["numInputRows"] for batch in query.recentProgress)
    spark.stop()
    report(records=archived, elapsed_s=elapsed_s)


if __name__ == "__main__":
    main(*sys.argv[1:])
