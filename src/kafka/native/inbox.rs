//! Records in batches: librdkafka's queue is asked once for many of them, which costs half of asking for each. Only for
//! a queue that holds nothing but records and the errors of their partitions.

use std::time::Duration;

use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

use crate::kafka::native::{Message, Queue};
use crate::record::position::TopicPartition;

/// Messages asked for at once. Those in the batch no longer count as prefetched: few, for they may be large.
const BATCH: usize = 128;

/// An error among the records.
pub(crate) struct Failure {
    pub(crate) code: Code,
    /// Which partition, and at which offset.
    pub(crate) position: Option<(TopicPartition, i64)>,
    /// In librdkafka's words.
    pub(crate) reason: String,
}

/// A queue, and what was taken out of it.
pub(crate) struct Inbox {
    queue: Queue,
    /// The first `count` are messages of ours; those before `at` are destroyed already.
    messages: [*mut sys::rd_kafka_message_t; BATCH],
    count: usize,
    at: usize,
}

// SAFETY: messages belong to whoever holds them; librdkafka keeps no thread-local state about them.
unsafe impl Send for Inbox {}

impl Inbox {
    /// Takes records and errors out of this queue from now on.
    pub(crate) fn of(queue: Queue) -> Inbox {
        Inbox {
            queue,
            messages: [std::ptr::null_mut(); BATCH],
            count: 0,
            at: 0,
        }
    }

    /// Goes on to the next message, waiting at most `timeout` for one; false if none came. The one before is gone.
    #[inline]
    pub(crate) fn advance(&mut self, timeout: Duration) -> bool {
        self.let_go();
        if self.at == self.count {
            self.refill(timeout);
        }
        self.at < self.count
    }

    /// The message at which it stands. An error is one too, by its code.
    #[inline]
    pub(crate) fn message(&self) -> Option<Message<'_>> {
        let message = self.messages[..self.count].get(self.at)?;
        // SAFETY: from `at` on the messages are alive; this one is until `self` is changed, and it is borrowed.
        unsafe { message.as_ref() }.map(Message)
    }

    /// What failed, where the message at which it stands is an error.
    #[inline]
    pub(crate) fn failure(&self) -> Option<Failure> {
        let message = self.message().filter(|message| message.code() != Code::NoError)?;
        Some(Failure {
            code: message.code(),
            position: message.position(),
            reason: message.reason(),
        })
    }

    /// A batch never waits to be full: what is there now, or the next one that comes.
    fn refill(&mut self, timeout: Duration) {
        self.at = 0;
        self.count = 0;
        self.count = self.take(Duration::ZERO, BATCH);
        if self.count == 0 {
            self.count = self.take(timeout, 1);
        }
    }

    fn take(&mut self, timeout: Duration, most: usize) -> usize {
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        let room = self.messages.as_mut_ptr();
        // SAFETY: the queue is alive, there is room for `most` pointers, and those returned are ours to destroy.
        let taken = unsafe { sys::rd_kafka_consume_batch_queue(self.queue.0.as_ptr(), timeout_ms, room, most) };
        usize::try_from(taken).unwrap_or(0).min(most)
    }

    #[inline]
    fn let_go(&mut self) {
        if self.at < self.count {
            // SAFETY: from `at` on the messages are ours and alive; this one is destroyed once, and passed over after it.
            unsafe { sys::rd_kafka_message_destroy(self.messages[self.at]) };
            self.at += 1;
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        while self.at < self.count {
            self.let_go();
        }
    }
}
