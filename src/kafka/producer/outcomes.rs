//! What became of the records that were handed to librdkafka: counted in its delivery callback, which runs on the thread
//! that polls.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::message::Message as _;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::kafka::context::Context;

/// Low bits of a mark that hold the record's ordinal; the bits above hold the number of its lane.
const ORDINAL_BITS: u32 = 40;
const _: () = assert!(usize::BITS == 64, "a mark holds a lane and an ordinal");

/// A record that was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// As it was sent.
    pub ordinal: u64,
    /// Why.
    pub code: Code,
    /// The value; empty if it was outside of its chunk.
    pub value: Vec<u8>,
}

/// What became of all records that were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Acknowledged by Kafka, by topic.
    pub acked: Vec<u64>,
    /// Failed, by cause. After a time-out or a purge Kafka may still have the record.
    pub failed: BTreeMap<String, u64>,
    /// Neither acknowledged nor failed yet.
    pub in_flight: u64,
    /// A failure that concerns more than one record: others will follow.
    pub broken: Option<Code>,
}

impl Tally {
    /// Counts a failure.
    pub(super) fn fail(&mut self, code: Code) {
        *self.failed.entry(format!("{code:?}")).or_default() += 1;
        if !is_about_one_record(code) {
            self.broken = Some(code);
        }
    }
}

/// Whether other records may still be delivered after this failure.
fn is_about_one_record(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge | Code::InvalidRecord | Code::InvalidMessageSize | Code::MessageBatchTooLarge
    )
}

/// The number that goes with a record of a lane and comes back with its delivery.
#[inline]
pub(super) fn mark(lane: usize, ordinal: u64) -> usize {
    let ordinal = usize::try_from(ordinal).unwrap_or(usize::MAX);
    lane << ORDINAL_BITS | ordinal & ((1 << ORDINAL_BITS) - 1)
}

/// librdkafka's callbacks for a producer.
#[derive(Default)]
pub(super) struct Outcomes {
    pub(super) errors: Context,
    /// Deliveries by lane.
    lanes: OnceLock<Vec<Counter>>,
    delivered: Counter,
    delivered_bytes: Counter,
    failed: Mutex<Vec<(usize, Failed)>>,
}

impl Outcomes {
    /// Sets the number of lanes. To be called once, before the first record is sent.
    pub(super) fn count_lanes(&self, lanes: usize) {
        self.lanes
            .get_or_init(|| (0..lanes).map(|_| Counter::default()).collect());
    }

    /// Deliveries so far, of records that failed too.
    pub(super) fn delivered(&self) -> usize {
        self.delivered.get()
    }

    /// The bytes of values of these.
    pub(super) fn delivered_bytes(&self) -> usize {
        self.delivered_bytes.get()
    }

    /// The deliveries of one lane.
    #[inline]
    pub(super) fn delivered_of(&self, lane: usize) -> usize {
        self.lanes
            .get()
            .and_then(|lanes| lanes.get(lane))
            .map_or(0, Counter::get)
    }

    /// The records that failed since the last call, each with its lane.
    pub(super) fn take_failed(&self) -> Vec<(usize, Failed)> {
        std::mem::take(&mut *self.failed())
    }

    fn failed(&self) -> MutexGuard<'_, Vec<(usize, Failed)>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Outcomes {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        // The settings serve consumers too: that a producer ignores some of them is no news.
        let level = if facility == "CONFWARN" {
            RDKafkaLogLevel::Debug
        } else {
            level
        };
        Context::log_line(level, facility, line);
    }

    fn error(&self, error: Rdkafka, reason: &str) {
        self.errors.error(error, reason);
    }
}

impl ProducerContext for Outcomes {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, mark: usize) {
        let lane = mark >> ORDINAL_BITS;
        let bytes = match result {
            Ok(message) => message.payload_len(),
            Err((error, message)) => {
                let failed = Failed {
                    ordinal: mark as u64 & ((1 << ORDINAL_BITS) - 1),
                    code: error.rdkafka_error_code().unwrap_or(Code::Unknown),
                    value: message.payload().unwrap_or_default().to_vec(),
                };
                self.failed().push((lane, failed));
                message.payload_len()
            }
        };
        if let Some(counter) = self.lanes.get().and_then(|lanes| lanes.get(lane)) {
            counter.add(1);
        }
        self.delivered.add(1);
        self.delivered_bytes.add(bytes);
    }
}

/// A number that one thread at a time changes: the one that has the producer. A plain load and a plain store then count
/// correctly, and cost less for each record than a locked addition or a mutex.
#[derive(Debug, Default)]
struct Counter(AtomicUsize);

impl Counter {
    #[inline]
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    fn add(&self, count: usize) {
        self.0.store(self.get().wrapping_add(count), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_holds_lane_and_ordinal() {
        let mark = mark(3, 7);
        assert_eq!((mark >> ORDINAL_BITS, mark & ((1 << ORDINAL_BITS) - 1)), (3, 7));
    }

    #[test]
    fn a_record_that_is_too_large_does_not_break_the_producer_and_a_timeout_does() {
        let mut tally = Tally::default();
        tally.fail(Code::MessageSizeTooLarge);
        assert_eq!(tally.broken, None);
        tally.fail(Code::MessageTimedOut);
        assert_eq!(tally.broken, Some(Code::MessageTimedOut));
        assert_eq!(tally.failed.values().sum::<u64>(), 2);
    }
}
