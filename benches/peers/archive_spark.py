"""Spark as the archiver: Structured Streaming from Kafka to zstd Parquet on S3, `availableNow`, with its checkpoint beside the data.
It keeps topic, partition, offset, time, key, value and headers; it signs and chains nothing.

Run: spark-submit archive_spark.py BROKERS BUCKET PREFIX TOPIC…     (endpoint and keys from AWS_*)
"""

import os
import sys

from pyspark.sql import SparkSession

from shop import Stopwatch, report

_COLUMNS = ["topic", "partition", "offset", "timestamp", "timestampType", "key", "value", "headers"]
_S3A = {
    "endpoint": os.environ["AWS_ENDPOINT_URL"],
    "endpoint.region": os.environ.get("AWS_REGION", "us-east-1"),
    "path.style.access": "true",
    "connection.ssl.enabled": "false",
    "access.key": os.environ["AWS_ACCESS_KEY_ID"],
    "secret.key": os.environ["AWS_SECRET_ACCESS_KEY"],
}


def main(brokers, bucket, prefix, *topics):
    builder = SparkSession.builder.appName("archive").config("spark.ui.enabled", "false")
    for name, value in _S3A.items():
        builder = builder.config(f"spark.hadoop.fs.s3a.{name}", value)
    spark = builder.config("spark.hadoop.parquet.compression.codec.zstd.level", "1").getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    source = {
        "kafka.bootstrap.servers": brokers,
        "subscribe": ",".join(topics),
        "startingOffsets": "earliest",
        "includeHeaders": "true",
        "kafka.isolation.level": "read_committed",
    }
    target = {"path": f"s3a://{bucket}/{prefix}/data", "checkpointLocation": f"s3a://{bucket}/{prefix}/checkpoint"}
    watch = Stopwatch()
    watch.first()
    records = spark.readStream.format("kafka").options(**source).load().select(_COLUMNS)
    stream = records.writeStream.format("parquet").option("compression", "zstd").options(**target)
    query = stream.trigger(availableNow=True).start()
    query.awaitTermination()
    elapsed_s = watch.elapsed_s()
    rows = sum(progress["numInputRows"] for progress in query.recentProgress)
    spark.stop()
    report(records=rows, elapsed_s=elapsed_s)


if __name__ == "__main__":
    main(*sys.argv[1:])
