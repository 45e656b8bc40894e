"""Opens an archive as docs/QUERYING.md does, with DataFusion 55: `ask` runs a query of the page. The environment and files.txt are those of the page."""
import os

import datafusion
import pyarrow.dataset
import pyarrow.fs

s3 = pyarrow.fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"])
files = [f"{os.environ['ARCHIVE']}/{line.strip()}" for line in open("files.txt")]
context = datafusion.SessionContext()
context.register_dataset("events", pyarrow.dataset.dataset(files, filesystem=s3))
ask = lambda query: [tuple(row.values()) for row in context.sql(query).to_pylist()]

print(ask("select topic, count(*) as records from events group by topic order by topic"))
