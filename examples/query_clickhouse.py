"""Opens an archive as docs/QUERYING.md does, with ClickHouse 26.9: `ask` runs a query of the page. The environment and files.txt are those of the page.

ClickHouse is here in the process, as chdb 4.4. A server takes the same query.
"""
import io
import os

import chdb
import pyarrow

archive = f"{os.environ['AWS_ENDPOINT_URL']}/{os.environ['ARCHIVE']}"
keys = ",".join(line.strip() for line in open("files.txt"))
source = f"s3('{archive}/{{{keys}}}', '{os.environ['AWS_ACCESS_KEY_ID']}', '{os.environ['AWS_SECRET_ACCESS_KEY']}', 'Parquet')"
settings = "session_timezone = 'UTC', output_format_arrow_string_as_string = 0"  # record keys and values need not be UTF-8

def ask(query):
    found = chdb.query(f"with events as (select * from {source}) {query} settings {settings}", "Arrow")
    return [tuple(row.values()) for row in pyarrow.ipc.open_file(io.BytesIO(found.bytes())).read_all().to_pylist()]

print(ask("select topic, count(*) as records from events group by topic order by topic"))
