//! The C calls that rust-rdkafka lacks or gets wrong: an end of partition with its topic, header names that are not
//! UTF-8, fetching without a group. Nothing is decided here.
#![allow(unsafe_code)]

pub(super) mod code;
mod inbox;
mod topic_id;

use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::client::NativeClient;
use rdkafka::types::{RDKafkaErrorCode as Code, RDKafkaTopicPartitionList};
use rdkafka_sys as sys;

use crate::record::position::TopicPartition;
use crate::record::record::{Header, Record, Timestamp};

pub(crate) use inbox::{Failure, Inbox};
pub(crate) use topic_id::topic_id;

/// Where librdkafka puts what it has for us. Must be dropped before its client.
pub(crate) struct Queue(NonNull<sys::rd_kafka_queue_t>);

// SAFETY: librdkafka's queues are thread-safe (INTRODUCTION.md, "Threads and callbacks").
unsafe impl Send for Queue {}

impl Queue {
    /// The queue of a client with a group: records, rebalances, commits, errors, log lines.
    pub(crate) fn of_group(client: &NativeClient) -> Option<Queue> {
        // SAFETY: the client is alive; the queue returned is a reference of our own, null without a group.
        NonNull::new(unsafe { sys::rd_kafka_queue_get_consumer(client.ptr()) }).map(Queue)
    }

    /// A queue of its own, for [`Fetching`].
    pub(crate) fn new(client: &NativeClient) -> Option<Queue> {
        // SAFETY: the client is alive; the queue is ours to destroy.
        NonNull::new(unsafe { sys::rd_kafka_queue_new(client.ptr()) }).map(Queue)
    }

    /// Commits without waiting; the outcome comes as an event of this queue. (The safe wrapper's asynchronous commit
    /// tells no outcome at all.)
    ///
    /// # Errors
    /// librdkafka's code, where nothing was sent.
    pub(crate) fn commit(&self, client: &NativeClient, offsets: &TopicPartitionList) -> Result<(), Code> {
        // SAFETY: client, list and queue are alive; librdkafka copies the list and refers to the queue on its own.
        let sent = unsafe {
            let (list, queue) = (offsets.ptr(), self.0.as_ptr());
            sys::rd_kafka_commit_queue(client.ptr(), list, queue, None, std::ptr::null_mut())
        };
        match Code::from(sent) {
            Code::NoError => Ok(()),
            code => Err(code),
        }
    }

    /// For calls that answer into this queue.
    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_queue_t {
        self.0.as_ptr()
    }

    /// The next event, after at most `timeout`.
    #[inline]
    pub(crate) fn poll(&self, timeout: Duration) -> Option<Event> {
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive; the event returned is ours to destroy.
        NonNull::new(unsafe { sys::rd_kafka_queue_poll(self.0.as_ptr(), timeout_ms) }).map(Event)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: made by us, destroyed once.
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    Record,
    Error,
    Rebalance,
    Commit,
    Log,
    Other,
}

/// Something that librdkafka has for us. Owns the record's bytes.
pub(crate) struct Event(NonNull<sys::rd_kafka_event_t>);

// SAFETY: an event belongs to whoever holds it; librdkafka keeps no thread-local state about it.
unsafe impl Send for Event {}

impl Event {
    /// For calls that take an answer apart.
    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_event_t {
        self.0.as_ptr()
    }

    #[inline]
    pub(crate) fn topic(&self) -> Topic {
        // SAFETY: the event is alive.
        match unsafe { sys::rd_kafka_event_type(self.0.as_ptr()) } {
            sys::RD_KAFKA_EVENT_FETCH => Topic::Record,
            sys::RD_KAFKA_EVENT_ERROR => Topic::Error,
            sys::RD_KAFKA_EVENT_REBALANCE => Topic::Rebalance,
            sys::RD_KAFKA_EVENT_OFFSET_COMMIT => Topic::Commit,
            sys::RD_KAFKA_EVENT_LOG => Topic::Log,
            _ => Topic::Other,
        }
    }

    /// The record of a [`Topic::Record`]. librdkafka gives it once; the position after it is then taken as consumed.
    #[inline]
    pub(crate) fn message(&self) -> Option<Message<'_>> {
        // SAFETY: the event is alive and outlives the message, whose lifetime is that of `self`.
        let message = unsafe { sys::rd_kafka_event_message_next(self.0.as_ptr()).as_ref() }?;
        Some(Message(message))
    }

    /// The error of an event; `NoError` where there is none.
    pub(crate) fn code(&self) -> Code {
        // SAFETY: the event is alive.
        unsafe { code::of_event(self.0.as_ptr()) }
    }

    /// The error in librdkafka's words.
    pub(crate) fn reason(&self) -> String {
        // SAFETY: the event is alive, the text belongs to it or is static.
        let text = unsafe { sys::rd_kafka_event_error_string(self.0.as_ptr()) };
        // SAFETY: null or a C string that lives as long as the event.
        unsafe { text_of(text) }.trim().to_owned()
    }

    /// Whether the client cannot go on.
    pub(crate) fn is_fatal(&self) -> bool {
        // SAFETY: the event is alive.
        unsafe { sys::rd_kafka_event_error_is_fatal(self.0.as_ptr()) != 0 }
    }

    /// Which partition, and at which offset, an error is about.
    pub(crate) fn position(&self) -> Option<(TopicPartition, i64)> {
        // SAFETY: the event is alive; what is returned is ours to destroy, which happens below, after copying.
        let raw = NonNull::new(unsafe { sys::rd_kafka_event_topic_partition(self.0.as_ptr()) })?;
        // SAFETY: not null, made by librdkafka, not shared.
        let listed = listed(unsafe { raw.as_ref() });
        // SAFETY: ours, destroyed once, not used afterwards.
        unsafe { sys::rd_kafka_topic_partition_destroy(raw.as_ptr()) };
        Some((listed.partition, listed.offset))
    }

    /// The partitions of a rebalance or a commit.
    pub(crate) fn partitions(&self) -> Vec<Listed> {
        // SAFETY: the event is alive and keeps the list.
        let list = unsafe { sys::rd_kafka_event_topic_partition_list(self.0.as_ptr()).as_ref() };
        list.map(list_of).unwrap_or_default()
    }

    /// Level (syslog's), facility and text of a [`Topic::Log`].
    pub(crate) fn log_line(&self) -> Option<(i32, String, String)> {
        let (mut facility, mut text, mut level) = (std::ptr::null(), std::ptr::null(), 0);
        // SAFETY: the event is alive; the strings returned belong to it.
        let refused =
            unsafe { sys::rd_kafka_event_log(self.0.as_ptr(), &raw mut facility, &raw mut text, &raw mut level) };
        // SAFETY: null or C strings of the event, copied before it goes.
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

/// A record as librdkafka holds it.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a>(&'a sys::rd_kafka_message_t);

impl<'a> Message<'a> {
    /// The topic's name.
    #[inline]
    pub(crate) fn topic(self) -> &'a [u8] {
        // SAFETY: the message keeps its topic alive, whose name is a C string that never changes.
        unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(self.0.rkt)) }.to_bytes()
    }

    #[inline]
    pub(crate) fn partition(self) -> i32 {
        self.0.partition
    }

    /// `NoError` for a record.
    #[inline]
    pub(crate) fn code(self) -> Code {
        // SAFETY: a field of a message that is alive.
        unsafe { code::of_field(&raw const self.0.err) }
    }

    #[inline]
    pub(crate) fn offset(self) -> i64 {
        self.0.offset
    }

    /// Which partition, and at which offset, an error is about.
    fn position(self) -> Option<(TopicPartition, i64)> {
        let topic = (!self.0.rkt.is_null()).then(|| String::from_utf8_lossy(self.topic()))?;
        Some((TopicPartition::new(&topic, self.0.partition), self.0.offset))
    }

    /// An error in librdkafka's words.
    fn reason(self) -> String {
        // SAFETY: the payload of an error is its text, which the message keeps.
        let text = unsafe { bytes_of(self.0.payload.cast(), self.0.len) };
        String::from_utf8_lossy(text.unwrap_or_default()).trim().to_owned()
    }

    /// The record, without a copy; `headers` is where its header list is kept.
    #[inline]
    pub(crate) fn record(self, headers: &'a mut HeaderList) -> Record<'a> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive and came from librdkafka.
        let ms = unsafe { sys::rd_kafka_message_timestamp(self.0, &raw mut kind) };
        let timestamp = match kind {
            sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_CREATE_TIME => Timestamp::create_ms(ms),
            sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => Timestamp::log_append_ms(ms),
            sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => Timestamp::Absent,
        };
        Record {
            offset: self.0.offset,
            timestamp,
            // SAFETY: pointer and length describe bytes that the message keeps.
            key: unsafe { bytes_of(self.0.key.cast(), self.0.key_len) },
            // SAFETY: as above.
            value: unsafe { bytes_of(self.0.payload.cast(), self.0.len) },
            headers: headers.fill(self),
        }
    }
}

/// Room for one record's headers, kept from record to record.
#[derive(Default)]
pub(crate) struct HeaderList(Vec<Header<'static>>);

impl HeaderList {
    #[inline]
    fn fill<'a>(&'a mut self, message: Message<'a>) -> &'a [Header<'a>] {
        self.0.clear();
        let mut list = std::ptr::null_mut();
        // SAFETY: the message is alive; the list is parsed in place and stays its own. The call writes nothing that
        // we hold a reference to: librdkafka keeps parsed headers outside the public struct.
        let found = unsafe { sys::rd_kafka_message_headers(std::ptr::from_ref(message.0), &raw mut list) };
        if !matches!(Code::from(found), Code::NoError) || list.is_null() {
            return &[];
        }
        // SAFETY: the list belongs to the message, which lives for 'a.
        let count = unsafe { sys::rd_kafka_header_cnt(list) };
        for index in 0..count {
            let (mut name, mut value, mut size) = (std::ptr::null(), std::ptr::null(), 0);
            // SAFETY: the index is below the count; what is returned belongs to the list.
            let failed =
                unsafe { sys::rd_kafka_header_get_all(list, index, &raw mut name, &raw mut value, &raw mut size) };
            if !matches!(Code::from(failed), Code::NoError) {
                break;
            }
            // SAFETY: both live as long as the message, that is 'a, and the slice handed out below is of 'a: the
            // 'static of the room is never seen, for it is cleared before it is filled again.
            self.0.push(unsafe {
                Header {
                    name: CStr::from_ptr(name).to_bytes(),
                    value: bytes_of(value.cast(), size),
                }
            });
        }
        &self.0
    }
}

/// One entry of a list of partitions.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) partition: TopicPartition,
    /// Negative values are librdkafka's own signs, such as "none".
    pub(crate) offset: i64,
    pub(crate) code: Code,
    /// As committed; anybody may have written it.
    pub(crate) metadata: Vec<u8>,
}

/// The entries of a list, metadata that is not UTF-8 included (over which the safe wrapper panics).
pub(crate) fn entries(list: &TopicPartitionList) -> Vec<Listed> {
    // SAFETY: the list is alive and borrowed for the call.
    list_of(unsafe { &*list.ptr() })
}

fn list_of(list: &RDKafkaTopicPartitionList) -> Vec<Listed> {
    let count = usize::try_from(list.cnt).unwrap_or(0);
    if list.elems.is_null() {
        return Vec::new();
    }
    // SAFETY: librdkafka's list has `cnt` initialised elements.
    unsafe { std::slice::from_raw_parts(list.elems, count) }
        .iter()
        .map(listed)
        .collect()
}

fn listed(raw: &sys::rd_kafka_topic_partition_t) -> Listed {
    Listed {
        // SAFETY: a list's topic is a C string of the list.
        partition: TopicPartition::new(&unsafe { text_of(raw.topic) }, raw.partition),
        offset: raw.offset,
        // SAFETY: a field of what is borrowed.
        code: unsafe { code::of_field(&raw const raw.err) },
        // SAFETY: null, or `metadata_size` bytes of the list.
        metadata: unsafe { bytes_of(raw.metadata.cast(), raw.metadata_size) }
            .unwrap_or_default()
            .to_vec(),
    }
}

/// One partition fetched without a group, until dropped. librdkafka holds a reference to the queue.
pub(crate) struct Fetching<'c> {
    topic: NonNull<sys::rd_kafka_topic_t>,
    partition: i32,
    client: PhantomData<&'c NativeClient>,
}

impl<'c> Fetching<'c> {
    /// Begins to fetch into `queue` from `offset` (at least 0).
    ///
    /// # Errors
    /// librdkafka's code, such as for a partition that is fetched already.
    pub(crate) fn start(
        client: &'c NativeClient,
        queue: &Queue,
        partition: &TopicPartition,
        offset: i64,
    ) -> Result<Fetching<'c>, Code> {
        let name = CString::new(&*partition.topic).map_err(|_| Code::InvalidTopic)?;
        // SAFETY: the client is alive, the name is copied, no configuration means the client's.
        let topic = unsafe { sys::rd_kafka_topic_new(client.ptr(), name.as_ptr(), std::ptr::null_mut()) };
        // SAFETY: reads the error of the call above on this thread.
        let topic = NonNull::new(topic).ok_or_else(|| Code::from(unsafe { sys::rd_kafka_last_error() }))?;
        // SAFETY: topic and queue are alive; librdkafka takes references of its own.
        let failed =
            unsafe { sys::rd_kafka_consume_start_queue(topic.as_ptr(), partition.partition, offset, queue.0.as_ptr()) };
        if failed != 0 {
            // SAFETY: as above; and the topic is ours, destroyed once.
            let code = unsafe { sys::rd_kafka_last_error() };
            unsafe { sys::rd_kafka_topic_destroy(topic.as_ptr()) };
            return Err(code.into());
        }
        Ok(Fetching {
            topic,
            partition: partition.partition,
            client: PhantomData,
        })
    }
}

impl Drop for Fetching<'_> {
    fn drop(&mut self) {
        // SAFETY: started by us, stopped once; what is queued already is dropped by its version when it is polled.
        unsafe { sys::rd_kafka_consume_stop(self.topic.as_ptr(), self.partition) };
        // SAFETY: ours, destroyed once.
        unsafe { sys::rd_kafka_topic_destroy(self.topic.as_ptr()) };
    }
}

/// # Safety
/// `text` is null or a C string that lives during the call.
pub(super) unsafe fn text_of(text: *const std::ffi::c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// # Safety
/// `bytes` is null or points to `size` bytes that live for 'a and do not change.
#[inline]
unsafe fn bytes_of<'a>(bytes: *const u8, size: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller promises.
    (!bytes.is_null()).then(|| unsafe { std::slice::from_raw_parts(bytes, size) })
}

/// Where the partition's log ended when a broker last answered a fetch; nothing before that. Asks nobody.
pub(super) fn known_log_end(client: &NativeClient, partition: &TopicPartition) -> Option<i64> {
    let topic = CString::new(&*partition.topic).ok()?;
    let (mut low, mut high) = (0, 0);
    // SAFETY: the client lives while it is borrowed, and both pointers are to integers of ours.
    let code = unsafe {
        sys::rd_kafka_get_watermark_offsets(
            client.ptr(),
            topic.as_ptr(),
            partition.partition,
            &raw mut low,
            &raw mut high,
        )
    };
    (code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(high)
}
