//! The records of one partition: some with librdkafka, others waiting behind them.
//!
//! An idempotent librdkafka has one request of a partition under way at a time, and while others wait for it, its thread
//! spins. So it gets one request's worth at a time, and the next when that was answered: the same throughput with much
//! less CPU, whatever the brokers' pace. Never reorders.

use std::collections::VecDeque;

use rdkafka::types::RDKafkaErrorCode as Code;

use crate::kafka::producer::native::{Batch, Topic};

/// What a record needs in a request besides key and value, at most: lengths, deltas, attributes.
const RECORD_FRAME_BYTES: usize = 40;

/// What a request's batch needs besides its records.
const BATCH_FRAME_BYTES: usize = 512;

pub(super) struct Lane {
    pub(super) topic: usize,
    partition: i32,
    batch_max_bytes: usize,
    waiting: VecDeque<Batch>,
    /// Of the last batch that waits.
    last_bytes: usize,
    /// Records with librdkafka.
    under_way: usize,
}

impl Lane {
    pub(super) fn new(topic: usize, partition: i32, batch_max_bytes: usize) -> Lane {
        Lane {
            topic,
            partition,
            batch_max_bytes: batch_max_bytes.saturating_sub(BATCH_FRAME_BYTES),
            waiting: VecDeque::new(),
            last_bytes: 0,
            under_way: 0,
        }
    }

    /// Adds a record behind the others. Key and value must stay until it was told of.
    #[inline]
    pub(super) fn push(&mut self, key: Option<&[u8]>, value: &[u8], mark: usize) {
        let bytes = key.map_or(0, <[u8]>::len) + value.len() + RECORD_FRAME_BYTES;
        self.last_bytes += bytes;
        if self.waiting.is_empty() || self.last_bytes > self.batch_max_bytes {
            self.waiting.push_back(Batch::default());
            self.last_bytes = bytes;
        }
        if let Some(last) = self.waiting.back_mut() {
            last.push(key, value, mark);
        }
    }

    /// Executor the next batch over if nothing is under way; what is refused for good is told.
    ///
    /// # Safety
    /// Of every record that was pushed and not told of: key and value are where they were, and values stay there,
    /// unchanged, until it is told of or the topic's client is gone.
    #[allow(unsafe_code)]
    pub(super) unsafe fn pump(&mut self, topic: &Topic, refused: impl FnMut(usize, Code, &[u8])) {
        if self.under_way > 0 {
            return;
        }
        let Some(next) = self.waiting.front_mut() else {
            return;
        };
        // SAFETY: as the caller promises.
        self.under_way = unsafe { next.hand_over(topic, self.partition, refused) };
        if next.len() == 0 {
            self.waiting.pop_front();
        }
    }

    /// A record that was handed over was told of.
    #[inline]
    pub(super) fn told(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Forgets the records that wait, having shown mark and value of each.
    ///
    /// # Safety
    /// Of every record that was pushed and not told of: the value is where it was.
    #[allow(unsafe_code)]
    pub(super) unsafe fn drain(&mut self, mut show: impl FnMut(usize, &[u8])) {
        for mut batch in self.waiting.drain(..) {
            // SAFETY: as the caller promises.
            unsafe { batch.drain(&mut show) };
        }
    }
}
