//! The producer of an ingest: its settings, and waiting for its last answers.

use std::time::Duration;

use crate::app::ingest::plan::Surroundings;
use crate::clock::Clock;
use crate::event::routing::Routing;
use crate::kafka::error::KafkaError;
use crate::kafka::producer::{Producer, Sending};
use crate::task::stop::Stop;

/// How long to wait for input or room before looking whether to stop.
pub(super) const STEP: Duration = Duration::from_millis(5);

/// How long an interrupted run waits for what is on its way.
const FAREWELL_MS: u64 = 10_000;

pub(super) fn connect(
    surroundings: &Surroundings,
    routing: &Routing,
    only: Option<usize>,
) -> Result<Producer, KafkaError> {
    let sending = sending(surroundings);
    // All are known by their number; only those that events can go to must be there.
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

/// Waits until the brokers have answered for everything that is on its way; not for ever where somebody wants to stop.
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
