//! An event of librdkafka: a record, a rebalance, the outcome of a commit, an error, a log line.
#![allow(unsafe_code, reason = "calls librdkafka")]

use std::ptr::{self, NonNull};

use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

use crate::kafka::native::code;
use crate::kafka::native::listed::{Listed, list_of, listed};
use crate::kafka::native::memory::text_of;
use crate::kafka::native::message::Message;
use crate::record::position::TopicPartition;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kafka) enum EventKind {
    Record,
    Error,
    Rebalance,
    Commit,
    Log,
    Other,
}

/// An event, with the memory of its records. Its queue hands it out by reference, so that it cannot outlive the queue.
pub(in crate::kafka) struct Event(NonNull<sys::rd_kafka_event_t>);

impl Event {
    /// Takes ownership; `None` for null.
    ///
    /// # Safety
    /// `raw` is null or an event that the caller owns and that its client outlives.
    #[inline]
    pub(super) unsafe fn owned(raw: *mut sys::rd_kafka_event_t) -> Option<Event> {
        NonNull::new(raw).map(Event)
    }

    /// For calls that take an answer apart.
    pub(in crate::kafka) fn as_ptr(&self) -> *mut sys::rd_kafka_event_t {
        self.0.as_ptr()
    }

    #[inline]
    pub(in crate::kafka) fn kind(&self) -> EventKind {
        // SAFETY: the event is alive.
        match unsafe { sys::rd_kafka_event_type(self.as_ptr()) } {
            sys::RD_KAFKA_EVENT_FETCH => EventKind::Record,
            sys::RD_KAFKA_EVENT_ERROR => EventKind::Error,
            sys::RD_KAFKA_EVENT_REBALANCE => EventKind::Rebalance,
            sys::RD_KAFKA_EVENT_OFFSET_COMMIT => EventKind::Commit,
            sys::RD_KAFKA_EVENT_LOG => EventKind::Log,
            _ => EventKind::Other,
        }
    }

    /// The record of an [`EventKind::Record`]. librdkafka returns it once, and then takes the position after it as consumed.
    #[inline]
    pub(in crate::kafka) fn message(&self) -> Option<Message<'_>> {
        // SAFETY: the event is alive; it keeps the message for as long as `self` is borrowed.
        unsafe { Message::of(sys::rd_kafka_event_message_next(self.as_ptr())) }
    }

    /// The error of an event; `NoError` where there is none.
    pub(in crate::kafka) fn code(&self) -> Code {
        // SAFETY: the event is alive.
        unsafe { code::of_event(self.as_ptr()) }
    }

    /// librdkafka's text of the error.
    pub(in crate::kafka) fn reason(&self) -> String {
        // SAFETY: the event is alive; the text is null, or a C string of the event or a static one.
        unsafe { text_of(sys::rd_kafka_event_error_string(self.as_ptr())) }
            .trim()
            .to_owned()
    }

    /// Whether the position is gone because the broker found the log cut back below it, by its leader epoch. Only
    /// librdkafka's text tells (2.12).
    pub(in crate::kafka) fn is_truncation(&self) -> bool {
        self.code() == Code::AutoOffsetReset && self.reason().contains("log truncation")
    }

    /// Whether the client cannot continue.
    pub(in crate::kafka) fn is_fatal(&self) -> bool {
        // SAFETY: the event is alive.
        unsafe { sys::rd_kafka_event_error_is_fatal(self.as_ptr()) != 0 }
    }

    /// The partition and the offset that an error is about.
    pub(in crate::kafka) fn position(&self) -> Option<(TopicPartition, i64)> {
        // SAFETY: the event is alive; what is returned is ours to destroy.
        let raw = NonNull::new(unsafe { sys::rd_kafka_event_topic_partition(self.as_ptr()) })?;
        // SAFETY: an entry that is alive and not shared.
        let listed = unsafe { listed(raw.as_ptr()) };
        // SAFETY: ours, copied above, destroyed once.
        unsafe { sys::rd_kafka_topic_partition_destroy(raw.as_ptr()) };
        Some((listed.partition, listed.offset))
    }

    /// The partitions of a rebalance or a commit.
    pub(in crate::kafka) fn partitions(&self) -> Vec<Listed> {
        // SAFETY: the event is alive; the list is null or belongs to it.
        unsafe { list_of(sys::rd_kafka_event_topic_partition_list(self.as_ptr())) }
    }

    /// Level (syslog's), facility and text of an [`EventKind::Log`].
    pub(in crate::kafka) fn log_line(&self) -> Option<(i32, String, String)> {
        let (mut facility, mut text, mut level) = (ptr::null(), ptr::null(), 0);
        // SAFETY: the event is alive, and the pointers are to variables of ours.
        let refused =
            unsafe { sys::rd_kafka_event_log(self.as_ptr(), &raw mut facility, &raw mut text, &raw mut level) };
        // SAFETY: null or C strings of the event, which is alive.
        (refused == 0).then(|| unsafe { (level, text_of(facility), text_of(text)) })
    }
}

impl Drop for Event {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once; messages borrow from `self` and are gone.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}
