//! Records in batches: asking librdkafka's queue once for many records costs half of asking for each. Only for a queue that
//! holds nothing but records and the errors of their partitions.
#![allow(unsafe_code, reason = "calls librdkafka")]

use std::ptr;
use std::time::Duration;

use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

use crate::kafka::native::message::Message;
use crate::kafka::native::queue::{Queue, timeout_ms};
use crate::record::position::TopicPartition;

/// Messages asked for at once. Few, because librdkafka no longer counts them as prefetched, and they may be large.
const BATCH: usize = 128;

/// An error among the records.
pub(in crate::kafka) struct Failure {
    pub(in crate::kafka) code: Code,
    /// The partition and the offset.
    pub(in crate::kafka) position: Option<(TopicPartition, i64)>,
    /// librdkafka's text.
    pub(in crate::kafka) reason: String,
}

/// A queue, and a batch that was taken from it.
pub(in crate::kafka) struct Inbox<C> {
    queue: Queue<C>,
    /// The first `count` are ours to destroy; those before `at` are destroyed already.
    messages: [*mut sys::rd_kafka_message_t; BATCH],
    count: usize,
    at: usize,
}

// SAFETY: librdkafka keeps no state of a thread about a message.
unsafe impl<C: Send> Send for Inbox<C> {}

impl<C> Inbox<C> {
    /// Takes records and errors from this queue.
    pub(in crate::kafka) fn of(queue: Queue<C>) -> Inbox<C> {
        Inbox {
            queue,
            messages: [ptr::null_mut(); BATCH],
            count: 0,
            at: 0,
        }
    }

    /// Moves to the next message, waiting at most `timeout` for one; false if none came. Destroys the message before it.
    #[inline]
    pub(in crate::kafka) fn advance(&mut self, timeout: Duration) -> bool {
        self.let_go();
        if self.at == self.count {
            self.refill(timeout);
        }
        self.at < self.count
    }

    /// The current message, which may be an error by its code.
    #[inline]
    pub(in crate::kafka) fn message(&self) -> Option<Message<'_>> {
        let message = self.messages[..self.count].get(self.at)?;
        // SAFETY: from `at` on the messages are alive. This one stays so until `self` is changed, and `self` is borrowed.
        unsafe { Message::of(*message) }
    }

    /// What failed, where the current message is an error.
    #[inline]
    pub(in crate::kafka) fn failure(&self) -> Option<Failure> {
        let message = self.message().filter(|message| message.code() != Code::NoError)?;
        Some(Failure {
            code: message.code(),
            position: message.position(),
            reason: message.reason(),
        })
    }

    /// Takes what is there now, or waits for the next message: a batch does not wait until it is full.
    fn refill(&mut self, timeout: Duration) {
        self.at = 0;
        self.count = 0;
        self.count = self.take(Duration::ZERO, BATCH);
        if self.count == 0 {
            self.count = self.take(timeout, 1);
        }
    }

    fn take(&mut self, timeout: Duration, most: usize) -> usize {
        let (queue, messages) = (self.queue.as_ptr(), self.messages.as_mut_ptr());
        let most = most.min(self.messages.len());
        // SAFETY: the queue is alive, there are at least `most` elements, and the messages returned are ours to destroy.
        let taken = unsafe { sys::rd_kafka_consume_batch_queue(queue, timeout_ms(timeout), messages, most) };
        usize::try_from(taken).unwrap_or(0).min(most)
    }

    #[inline]
    fn let_go(&mut self) {
        if self.at < self.count {
            // SAFETY: from `at` on the messages are ours and alive; `at` then moves past this one, so it is destroyed once.
            unsafe { sys::rd_kafka_message_destroy(self.messages[self.at]) };
            self.at += 1;
        }
    }
}

impl<C> Drop for Inbox<C> {
    fn drop(&mut self) {
        while self.at < self.count {
            self.let_go();
        }
    }
}
