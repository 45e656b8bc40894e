"""Answers the questions of docs/QUERYING.md with Polars 2.1. The environment and files.txt are those of the page."""
import os
from datetime import datetime, timezone

import polars as pl

files = [f"s3://{os.environ['ARCHIVE']}/{line.strip()}" for line in open("files.txt")]
events = pl.scan_parquet(files, storage_options={"aws_endpoint_url": os.environ["AWS_ENDPOINT_URL"], "aws_allow_http": "true"})

# 1. How many records has each topic?
answer = events.group_by("topic").agg(pl.len().alias("records")).sort("topic").collect()
print(answer)

# 2. Which types of event are there, and what could not be parsed?
answer = (events.group_by("topic", "event_type")
    .agg(pl.len().alias("records"), pl.col("parse_error").count(), pl.col("cart_value").count().alias("amounts"))
    .sort("topic", "event_type").collect())
print(answer)

# 3. How many events were there each day?
answer = (events.filter(pl.col("event_ts").is_not_null()).group_by("topic", pl.col("event_ts").dt.date().alias("day"))
    .agg(pl.len()).sort("topic", "day").collect())
print(answer)

# 4. What did this customer pay?
answer = (events.filter(pl.col("event_type") == "payment_success", pl.col("customer_id") == "C00042")
    .select("event_ts", "cart_value", "event_id").sort("event_ts", "event_id").collect())
print(answer)

# 5. What was paid in all, to the cent?
answer = (events.filter(pl.col("event_type") == "payment_success")
    .select(pl.len().alias("payments"), pl.col("cart_value").count().alias("amounts"), pl.col("cart_value").sum().alias("total")).collect())
print(answer)

# 6. How far did the sessions come?
steps, left, counts = ["product_view", "add_to_cart", "payment_attempt", "payment_success"], None, []
for step in steps:
    did = set(events.filter(pl.col("event_type") == step).select("session_id").drop_nulls().collect()["session_id"])
    left = did if left is None else left & did
    counts.append(len(left))
answer = pl.DataFrame([counts], schema=steps, orient="row")
print(answer)

# 7. Which are the ten largest amounts?
answer = (events.filter(pl.col("cart_value").is_not_null()).select("cart_value", "event_type", "customer_id", "event_id")
    .sort("cart_value", "event_id", descending=[True, False]).head(10).collect())
print(answer)

# 8. Which events are there more than once?
answer = (events.filter(pl.col("event_id").is_not_null()).group_by("event_id").agg(pl.len().alias("times"))
    .filter(pl.col("times") > 1).sort("event_id").collect())
print(answer)

# 9. Where is this event, and what exactly did it say?
answer = (events.filter(pl.col("event_id") == "5ea5a1d0c0ffee0000000000000000aa")
    .select("topic", "partition", "epoch", "offset", "value").sort("topic", "partition", "epoch", "offset").collect())
print(answer)

# 10. What is at this place?
answer = (events.filter(pl.col("topic") == "payments", pl.col("partition") == 0, pl.col("epoch") == 0, pl.col("offset") == 7)
    .select("event_id", "key", "value").collect())
print(answer)

# 11. What happened at this instant, in all topics?
begin, end = datetime(2025, 12, 24, 18, 0, 0, tzinfo=timezone.utc), datetime(2025, 12, 24, 18, 0, 1, tzinfo=timezone.utc)
answer = (events.filter(pl.col("event_ts") >= begin, pl.col("event_ts") < end)
    .select("event_ts", "topic", "event_type", "event_id").sort("event_ts", "event_id").collect())
print(answer)

# 12. Which events came late?
place = ["topic", "partition", "epoch"]
answer = (events.sort(*place, "offset").with_columns(newest=pl.col("event_ts").forward_fill().over(place).cum_max().over(place))
    .filter(pl.col("event_ts") < pl.col("newest") - pl.duration(hours=1))
    .select("topic", "partition", "epoch", "offset", "event_id").sort("topic", "partition", "epoch", "offset").collect())
print(answer)
