"""The tables of docs/SCALING.md, worked out from what was measured. What was not measured stands as a dash."""

import math

from .tables import number, table

RATES = (10_000, 100_000, 1_000_000)
DAY_S = 86_400
# List prices of S3 Standard, us-east-1. Nothing here was measured: put in your own.
DOLLARS_PER_GB_MONTH = 0.023
DOLLARS_PER_1000_PUT = 0.005
# As the default settings have it: a segment at the latest every 15 minutes, a checkpoint every five.
SEAL_MAX_AGE_S = 900
CHECKPOINT_S = 300


def growth(points):
    """The exponent between the last two of the points (x, y): 1 is linear, 0 is constant; none of fewer than two."""
    points = sorted((x, y) for x, y in points if x > 0 and y)
    if len(points) < 2:
        return None
    (x0, y0), (x1, y1) = points[-2:]
    return math.log(y1 / y0) / math.log(x1 / x0)


def of_rates(found, partitions):
    """What each rate takes. `found` are the medians of one comparison: archive and verify, by kivend."""
    archive, verify = found
    head = ("", *(f"{rate:,}/s" for rate in RATES))
    if not archive or not verify:
        return table(head, [("not measured yet", *("–" for _ in RATES))])
    record_bytes, stored_bytes = archive["value_bytes_each"], archive["stored_bytes_each"]

    def segments(rate):
        return max(rate * DAY_S / archive["records_per_segment"], partitions * DAY_S / SEAL_MAX_AGE_S)

    def puts(rate):
        return 2 * segments(rate) + DAY_S / CHECKPOINT_S

    lines = [
        ("cores for the archivers", lambda rate: number(rate * archive["cpu_us"] / 1e6, 2)),
        ("cores for MinIO meanwhile", lambda rate: number(rate * archive["minio_cpu_us"] / 1e6, 2)),
        ("cores of the brokers for being read again", lambda rate: number(rate * archive["brokers_cpu_us"] / 1e6, 2)),
        ("archivers, each as fast as measured here", lambda rate: number(math.ceil(rate / archive["per_s"]))),
        (
            "memory of all archivers, MiB",
            lambda rate: number(math.ceil(rate / archive["per_s"]) * archive["peak_rss_bytes"] / (1 << 20)),
        ),
        ("segments a day", lambda rate: number(segments(rate))),
        ("PUT requests a day (segment, link, checkpoints)", lambda rate: number(puts(rate))),
        ("objects after a year, million", lambda rate: number(puts(rate) * 365 / 1e6, 1)),
        ("values a day, GB", lambda rate: number(rate * DAY_S * record_bytes / 1e9)),
        ("stored a day, GB", lambda rate: number(rate * DAY_S * stored_bytes / 1e9)),
        ("storing a month's records for a month, $", lambda rate: number(rate * DAY_S * 30 * stored_bytes / 1e9 * DOLLARS_PER_GB_MONTH)),
        ("PUT requests of a month, $", lambda rate: number(puts(rate) * 30 / 1_000 * DOLLARS_PER_1000_PUT, 2)),
        ("verifying a day's records, hours", lambda rate: number(rate * DAY_S / verify["per_s"] / 3_600, 1)),
    ]
    return table(head, [(what, *(cell(rate) for rate in RATES)) for what, cell in lines])
