"""What the peers must know of the shop: which topic an event goes to. The same table as kivend's default settings."""

import json
import time

_ROUTES = {
    "payment_attempt": "payments",
    "payment_success": "payments",
    "payment_failure": "payments",
    "checkout": "orders",
    "order_completed": "orders",
}


def topic_of(event_type):
    """Events of the source small-batches name theirs: type-017 is many-017."""
    if event_type.startswith("type-"):
        return f"many-{event_type[5:]}"
    return _ROUTES.get(event_type, "user-events")


class Stopwatch:
    """Seconds from the first record to the last, without imports, connecting and joining a group."""

    def __init__(self):
        self.begun = None

    def first(self):
        self.begun = self.begun or time.perf_counter()

    def elapsed_s(self):
        return time.perf_counter() - self.begun


def report(**fields):
    """The one line that the bench reads."""
    print(json.dumps(fields))
