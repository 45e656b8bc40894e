"""Answers the questions of docs/QUERYING.md with pyarrow 26. The environment and files.txt are those of the page."""
import os
from datetime import datetime, timezone

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs

s3 = pyarrow.fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"])
files = [f"{os.environ['ARCHIVE']}/{line.strip()}" for line in open("files.txt")]
events = ds.dataset(files, filesystem=s3)
field = pc.field

# 1. How many records has each topic?
answer = events.to_table(["topic"]).group_by("topic").aggregate([([], "count_all")]).sort_by("topic")
print(answer)

# 2. Which types of event are there, and what could not be parsed?
types = events.to_table(["topic", "event_type", "parse_error", "cart_value"]).group_by(["topic", "event_type"])
answer = types.aggregate([([], "count_all"), ("parse_error", "count"), ("cart_value", "count")])
answer = answer.sort_by([("topic", "ascending"), ("event_type", "ascending")])
print(answer)

# 3. How many events were there each day?
days = events.to_table({"topic": field("topic"), "day": field("event_ts").cast("date32")}, field("event_ts").is_valid())
answer = days.group_by(["topic", "day"]).aggregate([([], "count_all")]).sort_by([("topic", "ascending"), ("day", "ascending")])
print(answer)

# 4. What did this customer pay?
paid = (field("event_type") == "payment_success") & (field("customer_id") == "C00042")
answer = events.to_table(["event_ts", "cart_value", "event_id"], paid).sort_by([("event_ts", "ascending"), ("event_id", "ascending")])
print(answer)

# 5. What was paid in all, to the cent?
paid = events.to_table(["cart_value"], field("event_type") == "payment_success")["cart_value"]
answer = pa.table({"payments": [len(paid)], "amounts": [pc.count(paid).as_py()], "total": [pc.sum(paid).as_py()]})
print(answer)

# 6. How far did the sessions come?
steps, left, counts = ["product_view", "add_to_cart", "payment_attempt", "payment_success"], None, []
for step in steps:
    did = set(events.to_table(["session_id"], field("event_type") == step)["session_id"].drop_null().to_pylist())
    left = did if left is None else left & did
    counts.append(len(left))
answer = pa.table({step: [count] for step, count in zip(steps, counts)})
print(answer)

# 7. Which are the ten largest amounts?
answer = events.to_table(["cart_value", "event_type", "customer_id", "event_id"], field("cart_value").is_valid())
answer = answer.sort_by([("cart_value", "descending"), ("event_id", "ascending")]).slice(0, 10)
print(answer)

# 8. Which events are there more than once?
times = events.to_table(["event_id"], field("event_id").is_valid()).group_by("event_id").aggregate([([], "count_all")])
answer = times.filter(field("count_all") > 1).sort_by("event_id").select(["event_id", "count_all"])
print(answer)

# 9. Where is this event, and what exactly did it say?
answer = events.to_table(["topic", "partition", "epoch", "offset", "value"], field("event_id") == "5ea5a1d0c0ffee0000000000000000aa")
answer = answer.sort_by([(name, "ascending") for name in ("topic", "partition", "epoch", "offset")])
print(answer)

# 10. What is at this place?
place = (field("topic") == "payments") & (field("partition") == 0) & (field("epoch") == 0) & (field("offset") == 7)
answer = events.to_table(["event_id", "key", "value"], place)
print(answer)

# 11. What happened at this instant, in all topics?
begin, end = datetime(2025, 12, 24, 18, 0, 0, tzinfo=timezone.utc), datetime(2025, 12, 24, 18, 0, 1, tzinfo=timezone.utc)
answer = events.to_table(["event_ts", "topic", "event_type", "event_id"], (field("event_ts") >= begin) & (field("event_ts") < end))
answer = answer.sort_by([("event_ts", "ascending"), ("event_id", "ascending")])
print(answer)

# 12. Which events came late?
seen = events.to_table(["topic", "partition", "epoch", "offset", "event_ts", "event_id"], field("event_ts").is_valid())
seen, late = seen.append_column("us", seen["event_ts"].cast("int64")), []
for topic, partition, epoch in {tuple(place.values()) for place in seen.select(["topic", "partition", "epoch"]).to_pylist()}:
    rows = seen.filter((field("topic") == topic) & (field("partition") == partition) & (field("epoch") == epoch)).sort_by("offset")
    late.append(rows.filter(pc.less(rows["us"], pc.subtract(pc.cumulative_max(rows["us"]), 3_600_000_000))))
answer = pa.concat_tables(late).select(["topic", "partition", "epoch", "offset", "event_id"])
answer = answer.sort_by([(name, "ascending") for name in ("topic", "partition", "epoch", "offset")])
print(answer)
