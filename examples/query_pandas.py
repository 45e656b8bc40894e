"""Answers the questions of docs/QUERYING.md with pandas 3.1. The environment and files.txt are those of the page.

Holds the whole archive in memory; `columns=` and `filters=` of read_parquet leave out what is not needed.
"""
import os

import pandas as pd
import pyarrow.fs

s3 = pyarrow.fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"])
files = [f"{os.environ['ARCHIVE']}/{line.strip()}" for line in open("files.txt")]
# Without dtype_backend, a nullable integer becomes a double.
events = pd.concat([pd.read_parquet(file, filesystem=s3, dtype_backend="pyarrow") for file in files], ignore_index=True)

# 1. How many records has each topic?
answer = events.groupby("topic", as_index=False).size()
print(answer)

# 2. Which types of event are there, and what could not be parsed?
answer = events.groupby(["topic", "event_type"], as_index=False, dropna=False).agg(
    records=("offset", "count"), not_parsed=("parse_error", "count"), amounts=("cart_value", "count"))
print(answer)

# 3. How many events were there each day?
days = events.dropna(subset=["event_ts"]).assign(day=lambda rows: rows["event_ts"].dt.date)
answer = days.groupby(["topic", "day"], as_index=False).size().sort_values(["topic", "day"])
print(answer)

# 4. What did this customer pay?
answer = events[(events["event_type"] == "payment_success") & (events["customer_id"] == "C00042")]
answer = answer[["event_ts", "cart_value", "event_id"]].sort_values(["event_ts", "event_id"])
print(answer)

# 5. What was paid in all, to the cent?
paid = events[events["event_type"] == "payment_success"]
answer = pd.DataFrame([[len(paid), paid["cart_value"].count(), paid["cart_value"].sum()]], columns=["payments", "amounts", "total"])
print(answer)

# 6. How far did the sessions come?
steps, left, counts = ["product_view", "add_to_cart", "payment_attempt", "payment_success"], None, []
for step in steps:
    did = set(events[events["event_type"] == step]["session_id"].dropna())
    left = did if left is None else left & did
    counts.append(len(left))
answer = pd.DataFrame([counts], columns=steps)
print(answer)

# 7. Which are the ten largest amounts?
answer = events.dropna(subset=["cart_value"]).sort_values(["cart_value", "event_id"], ascending=[False, True])
answer = answer[["cart_value", "event_type", "customer_id", "event_id"]].head(10)
print(answer)

# 8. Which events are there more than once?
times = events.groupby("event_id", as_index=False).size()
answer = times[times["size"] > 1].sort_values("event_id")
print(answer)

# 9. Where is this event, and what exactly did it say?
answer = events[events["event_id"] == "5ea5a1d0c0ffee0000000000000000aa"]
answer = answer[["topic", "partition", "epoch", "offset", "value"]].sort_values(["topic", "partition", "epoch", "offset"])
print(answer)

# 10. What is at this place?
answer = events[(events["topic"] == "payments") & (events["partition"] == 0) & (events["epoch"] == 0) & (events["offset"] == 7)]
answer = answer[["event_id", "key", "value"]]
print(answer)

# 11. What happened at this instant, in all topics?
begin, end = pd.Timestamp("2025-12-24 18:00:00Z"), pd.Timestamp("2025-12-24 18:00:01Z")
answer = events[(events["event_ts"] >= begin) & (events["event_ts"] < end)]
answer = answer[["event_ts", "topic", "event_type", "event_id"]].sort_values(["event_ts", "event_id"])
print(answer)

# 12. Which events came late?
place = ["topic", "partition", "epoch"]
seen = events.dropna(subset=["event_ts"]).sort_values([*place, "offset"]).astype({"event_ts": "datetime64[us, UTC]"})
late = seen["event_ts"] < seen.groupby(place)["event_ts"].cummax() - pd.Timedelta(hours=1)
answer = seen[late][["topic", "partition", "epoch", "offset", "event_id"]].sort_values(["topic", "partition", "epoch", "offset"])
print(answer)
