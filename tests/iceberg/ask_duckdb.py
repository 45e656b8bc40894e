"""Counts the records of each table at each of its snapshots with DuckDB, through the REST catalog."""
import json
import os

import duckdb

db = duckdb.connect()
db.sql("load httpfs; load avro; load iceberg; set timezone = 'UTC'")
db.sql(f"""create secret (type s3, key_id '{os.environ["AWS_ACCESS_KEY_ID"]}', secret '{os.environ["AWS_SECRET_ACCESS_KEY"]}',
    endpoint '{os.environ["AWS_ENDPOINT_URL"].split("//")[1]}', url_style 'path', use_ssl false, region '{os.environ["AWS_REGION"]}')""")
db.sql(f"attach '' as archive (type iceberg, endpoint '{os.environ['CATALOG_URI']}', authorization_type 'none', access_delegation_mode 'none')")
for (table,) in db.sql("select name from (show all tables) where database = 'archive'").fetchall():
    name = f"archive.kivend.{table}"
    for (snapshot,) in db.sql(f"select snapshot_id from iceberg_snapshots({name})").fetchall():
        records, money = db.sql(f"select count(value), sum(cart_value) from {name} at (version => {snapshot})").fetchall()[0]
        print(json.dumps({"snapshot": snapshot, "records": records, "cart_value": str(money)}), flush=True)
