//! The producer of an ingest, and waiting for its deliveries.

use std::time::Duration;

use crate::app::ingest::plan::Surroundings;
use crate::clock::Clock;
use crate::event::routing::Routing;
use crate::kafka::error::KafkaError;
use crate::kafka::producer::{Producer, Sending};
use crate::task::stop::Stop;

/// How long to wait for input or room before checking for a request to stop.
pub(super) const STEP: Duration = Duration::from_millis(5);

/// How long an interrupted run waits for outstanding deliveries.
const FAREWELL_MS: u64 = 10_000;

pub(super) fn connect(
    surroundings: &Surroundings,
    routing: &Routing,
    only: Option<usize>,
) -> Result<Producer, KafkaError> {
    let sending = sending(surroundings);
    // All topics get a number, but only those to which events can go must exist.
    let needed = |number| only.is_none_or(|only| only == number);
    Producer::connect(&surroundings.kafka, &sending, routing.topics(), needed)
}

pub(super) fn sending(surroundings: &Surroundings) -> Sending {
    Sending {
        batch_size_bytes: surroundings.ingest.batch_size_bytes,
        linger_ms: surroundings.ingest.linger_ms,
        record_max_bytes: surroundings.ingest.max_event_bytes,
        transactional_id: None,
    }
}

/// Waits for the outstanding deliveries; after a request to stop, for a limited time.
pub(super) fn wait_for_answers(producer: &mut Producer, stop: &Stop, clock: Clock) {
    let mut deadline_ms = None;
    while !producer.is_idle() {
        producer.poll(STEP);
        if stop.is_requested() {
            let now_ms = clock.monotonic_ms();
            if now_ms >= *deadline_ms.get_or_insert(now_ms + FAREWELL_MS) {
                producer.give_up();
            }
        }
    }
}
