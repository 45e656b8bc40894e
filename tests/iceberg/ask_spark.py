"""Counts the records of each table at each of its snapshots with Spark."""
import json

from spark_catalog import session

spark = session()
for row in spark.sql("show tables in archive.kivend").collect():
    table = f"archive.kivend.{row.tableName}"
    for (snapshot,) in spark.sql(f"select snapshot_id from {table}.snapshots").collect():
        records, money = spark.sql(f"select count(value), sum(cart_value) from {table} version as of {snapshot}").first()
        print(json.dumps({"snapshot": snapshot, "records": records, "cart_value": str(money)}), flush=True)
