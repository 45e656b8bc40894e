//! What became of the records that were handed to librdkafka: counted in its delivery callback, which runs on the thread
//! that polls.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::kafka::context::Context;
use crate::kafka::native::delivery::may_be_stored;

/// Low bits of a mark that hold the record's ordinal; the bits above hold the number of its lane.
const ORDINAL_BITS: u32 = 40;
const _: () = assert!(usize::BITS == 64, "a mark holds a lane and an ordinal");

/// A record that was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// As it was sent.
    pub ordinal: u64,
    /// Why.
    pub code: Code,
    /// Whether Kafka has it.
    pub fate: Fate,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// The value; empty if it was outside of its chunk.
    pub value: Vec<u8>,
}

/// Whether Kafka has a record that it did not acknowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// No: it refused this record, and may take others.
    Refused,
    /// No.
    NotDelivered,
    /// It may: the record was sent, and there was no answer.
    Unknown,
}

/// What became of all records that were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Acknowledged by Kafka, by topic.
    pub acked: Vec<u64>,
    /// Not in Kafka, by cause.
    pub failed: BTreeMap<String, u64>,
    /// Perhaps in Kafka, by cause.
    pub unknown: BTreeMap<String, u64>,
    /// Neither acknowledged nor failed yet.
    pub in_flight: u64,
    /// A failure that concerns more than one record: others will follow.
    pub broken: Option<Code>,
}

impl Tally {
    /// Counts a failure.
    pub fn fail(&mut self, failed: &Failed) {
        let causes = match failed.fate {
            Fate::Refused | Fate::NotDelivered => &mut self.failed,
            Fate::Unknown => &mut self.unknown,
        };
        *causes.entry(format!("{:?}", failed.code)).or_default() += 1;
        if failed.fate != Fate::Refused {
            self.broken = Some(failed.code);
        }
    }

    /// Whether any record was not acknowledged.
    #[must_use]
    pub fn has_failures(&self) -> bool {
        !self.failed.is_empty() || !self.unknown.is_empty()
    }
}

/// The fate of a record that was not sent for this reason.
pub(super) fn fate_unsent(code: Code) -> Fate {
    if is_about_one_record(code) {
        Fate::Refused
    } else {
        Fate::NotDelivered
    }
}

/// The fate of a record that was handed to librdkafka.
fn fate_of(message: &BorrowedMessage<'_>, code: Code) -> Fate {
    match fate_unsent(code) {
        Fate::NotDelivered if code == Code::PurgeInflight || may_be_stored(message) => Fate::Unknown,
        fate => fate,
    }
}

/// Whether other records may still be delivered after this failure.
fn is_about_one_record(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::MessageBatchTooLarge
            | Code::InvalidMessageSize
            | Code::InvalidRecord
            | Code::InvalidDifferentRecord
            | Code::InvalidTimestamp
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

    /// As if librdkafka had reported it.
    #[cfg(test)]
    pub(super) fn put_failed(&self, lane: usize, failed: Failed) {
        self.failed().push((lane, failed));
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
                let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                let failed = Failed {
                    ordinal: mark as u64 & ((1 << ORDINAL_BITS) - 1),
                    code,
                    fate: fate_of(message, code),
                    key: message.key().map(<[u8]>::to_vec),
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
        let failed = |code, fate| Failed {
            ordinal: 1,
            code,
            fate,
            key: None,
            value: Vec::new(),
        };
        let mut tally = Tally::default();
        tally.fail(&failed(
            Code::MessageSizeTooLarge,
            fate_unsent(Code::MessageSizeTooLarge),
        ));
        assert_eq!(tally.broken, None);
        tally.fail(&failed(Code::MessageTimedOut, fate_unsent(Code::MessageTimedOut)));
        assert_eq!(tally.broken, Some(Code::MessageTimedOut));
        assert_eq!(tally.failed.values().sum::<u64>(), 2);
        tally.fail(&failed(Code::MessageTimedOut, Fate::Unknown));
        assert_eq!(
            (tally.failed.values().sum::<u64>(), tally.unknown["MessageTimedOut"]),
            (2, 1)
        );
    }
}
