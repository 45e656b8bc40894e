//! A queue into which librdkafka puts events, and the event taken from it last.
#![allow(unsafe_code, reason = "calls librdkafka")]

use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

use crate::kafka::native::client::Client;
use crate::kafka::native::event::Event;

/// A queue of a client. It owns a reference to the client, so that the client is destroyed after it.
pub(in crate::kafka) struct Queue<C> {
    raw: NonNull<sys::rd_kafka_queue_t>,
    /// Lent out by [`Queue::next`] until the next call.
    latest: Option<Event>,
    client: C,
}

// SAFETY: librdkafka's queues are thread-safe (INTRODUCTION.md, "Threads and callbacks"), and an event has no ties to a
// thread.
unsafe impl<C: Send> Send for Queue<C> {}

impl<C: Client> Queue<C> {
    /// The queue of a client with a group: records, rebalances, commits, errors, log lines. `None` without a group.
    pub(in crate::kafka) fn of_group(client: C) -> Option<Queue<C>> {
        // SAFETY: the client is alive; a queue that is returned is a reference that we own.
        let raw = unsafe { sys::rd_kafka_queue_get_consumer(client.native().ptr()) };
        Queue::owned(raw, client)
    }

    /// A new queue, for calls that name the queue for their answers.
    pub(in crate::kafka) fn new(client: C) -> Option<Queue<C>> {
        // SAFETY: the client is alive; the queue is ours to destroy.
        let raw = unsafe { sys::rd_kafka_queue_new(client.native().ptr()) };
        Queue::owned(raw, client)
    }

    fn owned(raw: *mut sys::rd_kafka_queue_t, client: C) -> Option<Queue<C>> {
        Some(Queue {
            raw: NonNull::new(raw)?,
            latest: None,
            client,
        })
    }

    pub(super) fn client(&self) -> &C {
        &self.client
    }

    /// Commits without waiting. The outcome comes as an event of this queue; rust-rdkafka's asynchronous commit reports
    /// none.
    ///
    /// # Errors
    /// librdkafka's code, where nothing was sent.
    pub(in crate::kafka) fn commit(&self, offsets: &TopicPartitionList) -> Result<(), Code> {
        let (client, list) = (self.client.native().ptr(), offsets.ptr());
        // SAFETY: client, list and queue are alive; librdkafka copies the list and takes its own reference to the queue.
        let sent = unsafe { sys::rd_kafka_commit_queue(client, list, self.as_ptr(), None, ptr::null_mut()) };
        match Code::from(sent) {
            Code::NoError => Ok(()),
            code => Err(code),
        }
    }
}

impl<C> Queue<C> {
    /// For calls that name this queue for their answers.
    pub(in crate::kafka) fn as_ptr(&self) -> *mut sys::rd_kafka_queue_t {
        self.raw.as_ptr()
    }

    /// The next event, after at most `timeout`. The event before it is destroyed first.
    #[inline]
    pub(in crate::kafka) fn next(&mut self, timeout: Duration) -> Option<&Event> {
        self.latest = None;
        // SAFETY: the queue is alive; the event returned is ours to destroy, which `Event` does.
        self.latest = unsafe { Event::owned(sys::rd_kafka_queue_poll(self.as_ptr(), timeout_ms(timeout))) };
        self.latest.as_ref()
    }

    /// Destroys the event that was taken last.
    pub(in crate::kafka) fn let_go(&mut self) {
        self.latest = None;
    }
}

impl<C> Drop for Queue<C> {
    fn drop(&mut self) {
        self.latest = None;
        // SAFETY: a reference that we own, given up once; the client is still alive, since `client` is dropped after this.
        unsafe { sys::rd_kafka_queue_destroy(self.raw.as_ptr()) }
    }
}

/// A time to wait as librdkafka takes it.
#[inline]
pub(in crate::kafka) fn timeout_ms(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
}
