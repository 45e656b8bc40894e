"""A Spark session with the REST catalog under the name `archive`."""
import os

from pyspark.sql import SparkSession


def session() -> SparkSession:
    settings = {
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions", "spark.sql.session.timeZone": "UTC",
        "spark.sql.catalog.archive": "org.apache.iceberg.spark.SparkCatalog", "spark.sql.catalog.archive.type": "rest",
        "spark.sql.catalog.archive.uri": os.environ["CATALOG_URI"], "spark.sql.catalog.archive.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "spark.sql.catalog.archive.client.region": os.environ["AWS_REGION"], "spark.sql.catalog.archive.s3.endpoint": os.environ["AWS_ENDPOINT_URL"],
        "spark.sql.catalog.archive.s3.path-style-access": "true", "spark.sql.catalog.archive.cache-enabled": "false",
    }
    return SparkSession.builder.config(map=settings).getOrCreate()
